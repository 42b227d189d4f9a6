/* OpenBLAS beside our own products, loaded at run time: nothing is linked, and nobody needs it. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* The C interface of BLAS: row-major, leading dimensions in elements. */
enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 };
typedef void (*sgemm_fn)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda,
                         const float *b, int ldb, float beta, float *c, int ldc);

/* ISO C knows no conversion from an object pointer to a function pointer; POSIX promises that they are alike. */
static void find_function(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
}

bool bench_rival_open(bench_rival *rival) {
    static const char *const files[] = {"libopenblas.so.0", "libopenblas.so"};
    char *(*get_config)(void) = NULL;
    char *(*get_core)(void) = NULL;
    int (*get_threads)(void) = NULL;
    memset(rival, 0, sizeof *rival);
    for (size_t i = 0; i < sizeof files / sizeof *files && !rival->library; i++)
        rival->library = dlopen(files[i], RTLD_NOW | RTLD_LOCAL);
    if (rival->library) find_function(rival->library, "cblas_sgemm", &rival->sgemm);
    if (!rival->sgemm) {
        cli_fail("rival openblas: no libopenblas.so.0 with cblas_sgemm here; install OpenBLAS (Debian: "
                 "libopenblas0-pthread)");
        bench_rival_close(rival);
        return false;
    }
    find_function(rival->library, "openblas_get_config", &get_config);
    find_function(rival->library, "openblas_get_corename", &get_core);
    find_function(rival->library, "openblas_get_num_threads", &get_threads);
    const char *config = get_config ? get_config() : "OpenBLAS";
    size_t length = strcspn(config, " ");
    if (config[length]) length += 1 + strcspn(config + length + 1, " "); /* name and version */
    snprintf(rival->name, sizeof rival->name, "%.*s, kernels for %s, %d threads", (int)(length < 64 ? length : 64),
             config, get_core ? get_core() : "?", get_threads ? get_threads() : 0);
    return true;
}

void bench_rival_close(bench_rival *rival) {
    if (rival->library) dlclose(rival->library);
    memset(rival, 0, sizeof *rival);
}

/* The operands as our products have them: forward A [m,k] B [n,k]; input gradient A [m,k] B [k,n]; weight gradient
 * A [k,m] B [k,n]. */
static void multiply(const bench_rival *rival, const hrm_bench_result *p, const float *a, const float *b, float *c) {
    sgemm_fn sgemm;
    memcpy(&sgemm, &rival->sgemm, sizeof sgemm);
    const bool turn_a = p->product == HRM_BENCH_WEIGHT_GRADIENT, turn_b = p->product == HRM_BENCH_FORWARD;
    sgemm(ROW_MAJOR, turn_a ? TRANSPOSE : NO_TRANSPOSE, turn_b ? TRANSPOSE : NO_TRANSPOSE, (int)p->m, (int)p->n,
          (int)p->k, 1, a, (int)(turn_a ? p->m : p->k), b, (int)(turn_b ? p->k : p->n), 0, c, (int)p->n);
}

double bench_rival_measure(const bench_rival *rival, const hrm_bench_result *p) {
    const size_t a_count = (size_t)p->m * p->k, b_count = (size_t)p->k * p->n, c_count = (size_t)p->m * p->n;
    const double flops = 2.0 * (double)a_count * p->n;
    /* as much work in a timed run as our own benchmark puts there */
    const uint32_t repeat = flops < 3e9 ? (uint32_t)(3e9 / flops) < 64 ? (uint32_t)(3e9 / flops) : 64 : 1;
    float *a = malloc(a_count * sizeof *a), *b = malloc(b_count * sizeof *b), *c = malloc(c_count * sizeof *c);
    double *seconds = malloc(p->runs * sizeof *seconds);
    double rate = 0;
    if (a && b && c && seconds) {
        for (size_t i = 0; i < a_count; i++) a[i] = (float)(i % 97) / 97 - 0.5f;
        for (size_t i = 0; i < b_count; i++) b[i] = (float)(i % 89) / 89 - 0.5f;
        multiply(rival, p, a, b, c); /* starts its threads */
        for (uint32_t run = 0; run < p->runs; run++) {
            const double start = cli_now();
            for (uint32_t i = 0; i < repeat; i++) multiply(rival, p, a, b, c);
            seconds[run] = (cli_now() - start) / repeat;
        }
        bench_sort(seconds, p->runs);
        rate = 1e-9 * flops / seconds[p->runs / 2];
    }
    free(a);
    free(b);
    free(c);
    free(seconds);
    return rate;
}
