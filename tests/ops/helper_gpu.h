/* What every test of a GPU op uses: one device per process, tensors with guard words, recording and running.
 *
 *     HELPER_GPU_MAIN(HELPER_GPU_TEST(test_add), HELPER_GPU_TEST(test_scale))
 *
 *     static void test_add(void **state) {
 *         float *a = helper_gpu_host_f32(n);                        freed when the test ends
 *         helper_gpu_random(a, n, 1.0, 1);
 *         hrm_tensor ta = helper_gpu_f32(a, n), ty = helper_gpu_f32(NULL, n);
 *         hrm_add(helper_gpu_begin(), (hrm_add_args){.y = ty, .a = ta, .b = ta});
 *         helper_gpu_run();
 *         float *y = helper_gpu_read(ty);                           checks the guards
 *     }
 *
 * The device is the one HRM_DEVICE selects; with none the process skips (77). HRM_VALIDATION=1 (or
 * HRM_TEST_VALIDATION=1) opens it with the validation layer, and any message of it fails the test that caused it and
 * the process. Every tensor lies in a buffer of its own between guard words, which are checked whenever it is read and
 * when the test ends; tensors without data start as NaN. Everything made here is freed when the test ends, failed or
 * not. */
#ifndef HRM_TESTS_OPS_HELPER_GPU_H
#define HRM_TESTS_OPS_HELPER_GPU_H

#include "check.h"

#include "gpu/device.h"
#include "gpu/program.h"
#include "gpu/recorder.h"
#include "ops/tensor.h"

#define HELPER_GPU_TEST(function) cmocka_unit_test_teardown(function, helper_gpu_teardown)
/* A test that wants rows a device would not choose defines this, to what HRM_DISABLE takes, before including. */
#ifndef HELPER_GPU_DISABLE
#define HELPER_GPU_DISABLE NULL
#endif
#define HELPER_GPU_MAIN(...)                                                                                           \
    int main(void) {                                                                                                   \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                                               \
        helper_gpu_open(HELPER_GPU_DISABLE);                                                                           \
        int failed = cmocka_run_group_tests(tests, NULL, NULL);                                                        \
        return failed + helper_gpu_close();                                                                            \
    }

void helper_gpu_open(const char *disable);
/* 0, or 1 after printing that the validation layer had something to say at any time. */
int helper_gpu_close(void);
int helper_gpu_teardown(void **state);
hrm_device *helper_gpu_get_device(void);
/* True on drivers that run ~30 times slower than others (SwiftShader), and with HRM_TEST_SLOW=1 for what slows any
 * driver down (GPU-assisted validation): tests then leave their largest shapes out. */
bool helper_gpu_is_slow(void);

/* Contiguous tensors. `data` NULL: NaN (f32) or 0x7fc0dead words. u32 also carries i32 data. */
hrm_tensor helper_gpu_f32(const float *data, uint64_t n);
hrm_tensor helper_gpu_f32_2d(const float *data, uint64_t rows, uint64_t cols);
hrm_tensor helper_gpu_f32_3d(const float *data, uint64_t a, uint64_t b, uint64_t c);
hrm_tensor helper_gpu_u32(const void *data, uint64_t n);
hrm_tensor helper_gpu_u32_2d(const void *data, uint64_t rows, uint64_t cols);
/* A contiguous tensor of the given dtype and shape (hrm_tensor_2d(NULL, 0, dtype, ...)), its 16-bit elements `data`
 * rounded, or NaN without data. */
hrm_tensor helper_gpu_any(hrm_tensor shape, const float *data);
/* A tensor of any of these types, widened to f32. */
float *helper_gpu_read_any(hrm_tensor t);
/* Rounds host values to a dtype (f32: leaves them): what a reference of 16-bit inputs is to start from. */
void helper_gpu_round(hrm_dtype dtype, float *x, size_t n);
/* The most that rounding to a dtype changes a normal number, relative to it: half a unit in the last place. */
double helper_gpu_rounding(hrm_dtype dtype);
/* Overwrites the whole tensor. */
void helper_gpu_write(hrm_tensor t, const void *data);
/* The elements of a tensor, on the host (float or uint32_t); checks the guard words around it. */
void *helper_gpu_read(hrm_tensor t);

/* The recorder of this test (made on first use, emptied by run). */
hrm_recorder *helper_gpu_begin(void);
/* Ends the recording, runs the program, waits. Fails the test on any error. */
void helper_gpu_run(void);
/* Runs the last program once more. */
void helper_gpu_run_again(void);
/* Ends the recording, which must fail with this code and a message that contains `text`. */
void helper_gpu_expect_error(hrm_status code, const char *text);
/* Submits the last program `times` times and returns the shortest seconds of one submission, host side. */
double helper_gpu_time(uint32_t times);
/* Records the statement 16 times, runs that, and prints GB/s by the wall clock (best) and by the processor time the
 * whole process used (mean, as if two cores were free: what counts where a CPU driver shares a busy machine). */
#define helper_gpu_report_speed(name, bytes, statement)                                                                \
    do {                                                                                                               \
        for (int helper_gpu_i = 0; helper_gpu_i < 16; helper_gpu_i++) statement;                                       \
        helper_gpu_run();                                                                                              \
        helper_gpu_print_speed((name), (bytes), 16);                                                                   \
    } while (0)
void helper_gpu_print_speed(const char *name, double bytes, uint32_t repeats);

/* Host memory, zeroed, freed when the test ends. */
float *helper_gpu_host_f32(size_t n);
double *helper_gpu_host_f64(size_t n);
uint32_t *helper_gpu_host_u32(size_t n);
/* f32 values as doubles, for references. */
double *helper_gpu_widen(const float *x, size_t n);

/* Normal values with mean 0; a stream of check_seed() each. */
void helper_gpu_random(float *x, size_t n, double sd, uint64_t stream);
/* Whole numbers in [0, below). */
void helper_gpu_random_u32(uint32_t *x, size_t n, uint32_t below, uint64_t stream);

#endif
