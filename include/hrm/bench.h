/* Benchmarks of the kernels at a model's shapes, on the device itself. */
#ifndef HRM_BENCH_H
#define HRM_BENCH_H

#include <stdint.h>

#include <hrm/device.h>
#include <hrm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hrm_bench_result {
    const char *name; /* "matmul_nt 2592x512x512" and so on; valid during the visit */
    const char *row;  /* kernel row used */
    uint32_t runs;    /* timed runs */
    double median_ms, min_ms, max_ms;
    double gflops; /* at the median; 0 where flops mean nothing */
    double gbytes; /* GB/s of the tensors read and written once, at the median */
} hrm_bench_result;

typedef struct hrm_bench_config {
    uint32_t struct_size;
    uint32_t runs;      /* timed runs each [9] */
    const char *filter; /* only names that contain this; NULL: all */
} hrm_bench_config;

/* Times products (forward, input gradient, weight gradient), attention (forward, backward), norms, SwiGLU, losses and
 * the optimizer. Blocks. */
HRM_API hrm_status hrm_bench_kernels(hrm_device *device, const hrm_bench_config *config,
                                     void (*visit)(void *user, const hrm_bench_result *result), void *user);

#ifdef __cplusplus
}
#endif

#endif
