/* Benchmarks: kernels at a model's shapes, whole training steps, solving; on the device itself. Every call blocks, and
 * times are medians of several runs. */
#ifndef HRM_BENCH_H
#define HRM_BENCH_H

#include <stdint.h>

#include <hrm/dataset.h>
#include <hrm/device.h>
#include <hrm/model.h>
#include <hrm/status.h>
#include <hrm/trainer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what the device can do at best ---- */

typedef struct hrm_bench_peak {
    uint32_t struct_size;
    double gflops; /* f32 multiply-adds in registers, two operations each */
    double gbytes; /* GB/s of memory, read and written, of whichever is faster: the driver's copy, or c = a + b */
} hrm_bench_peak;

/* Measures both: about half a second. Errors: DEVICE, OUT_OF_DEVICE_MEMORY. */
HRM_API hrm_status hrm_bench_measure_peak(hrm_device *device, hrm_bench_peak *peak);

/* ---- kernels ---- */

/* What a product computes; the same numbers of operations as a matrix product of [m, k] and [k, n]. */
typedef enum hrm_bench_product {
    HRM_BENCH_NO_PRODUCT = 0,
    HRM_BENCH_FORWARD = 1,         /* [m, k] times [n, k] transposed */
    HRM_BENCH_INPUT_GRADIENT = 2,  /* [m, k] times [k, n] */
    HRM_BENCH_WEIGHT_GRADIENT = 3, /* [k, m] transposed times [k, n] */
} hrm_bench_product;

typedef struct hrm_bench_result {
    const char *name; /* "matmul forward 2592x512x512" and so on; valid during the visit */
    const char *row;  /* kernel row used */
    uint32_t runs;    /* timed runs */
    double median_ms, min_ms, max_ms;
    double gflops; /* at the median; 0 where flops mean nothing */
    double gbytes; /* GB/s of the tensors read and written once, at the median */
    hrm_bench_product product;
    uint32_t m, n, k; /* of a product; else 0 */
} hrm_bench_result;

typedef struct hrm_bench_config {
    uint32_t struct_size;
    uint32_t runs;      /* timed runs each [9] */
    const char *filter; /* only names that contain this; NULL: all */
    hrm_precision
        precision; /* of the operands of products and attention; sums, gradients of weights and all else f32 */
} hrm_bench_config;

/* Times products (forward, input gradient, weight gradient), attention (forward, backward), norms, SwiGLU and the
 * optimizer. Errors: DEVICE, OUT_OF_DEVICE_MEMORY. */
HRM_API hrm_status hrm_bench_kernels(hrm_device *device, const hrm_bench_config *config,
                                     void (*visit)(void *user, const hrm_bench_result *result), void *user);

/* ---- where the time of a whole step goes ---- */

/* All commands of a step that carry the same label. */
typedef struct hrm_bench_label {
    const char *label; /* "H.0/qkv dx": module, layer, product; valid during the visit */
    uint64_t calls;    /* per step */
    double ms;         /* per step, from timestamps, median of the steps */
    double share;      /* of all labels */
    double gflops;     /* at that time */
    double gbytes;     /* of all they bind, each once: no more than what really moved where it was in a cache */
} hrm_bench_label;

typedef struct hrm_bench_time {
    uint32_t struct_size;
    uint32_t runs;
    double median_ms, min_ms, max_ms; /* of one step or segment, host time from its start to the device's end, without
                                         timestamps inside */
    double gflops;                    /* at the median */
    double profiled_ms;               /* of one with timestamps around every command, which then run one by one; -1
                                         on devices without timestamps */
    double flops;                     /* estimated work */
    uint64_t device_bytes;            /* device memory planned */
    uint64_t parameters;
} hrm_bench_time;

typedef struct hrm_bench_step_config {
    uint32_t struct_size;
    uint32_t runs;                    /* timed steps [5] */
    const hrm_trainer_config *recipe; /* borrowed; without `data`, model.seq_len and model.vocab_size must be set */
    const hrm_dataset *data;          /* borrowed; NULL: random tokens, as many examples as the batch has rows */
} hrm_bench_step_config;

/* Times training steps of a recipe from fresh weights, then the same with timestamps, whose labels are visited in the
 * order they run (visit may be NULL: no second pass). Nothing is kept. Errors: as hrm_trainer_create. */
HRM_API hrm_status hrm_bench_step(hrm_device *device, const hrm_bench_step_config *config, hrm_bench_time *result,
                                  void (*visit)(void *user, const hrm_bench_label *label), void *user);

typedef struct hrm_bench_solve_config {
    uint32_t struct_size;
    uint32_t runs;     /* timed calls [9] */
    uint32_t batch;    /* puzzles solved together [1] */
    uint32_t segments; /* of each, all of them (fixed halting) [1] */
} hrm_bench_solve_config;

/* Times hrm_solver_run on random puzzles: result is per segment of the whole batch, transfers included. Labels as
 * hrm_bench_step. */
HRM_API hrm_status hrm_bench_solve(hrm_model *model, const hrm_bench_solve_config *config, hrm_bench_time *result,
                                   void (*visit)(void *user, const hrm_bench_label *label), void *user);

#ifdef __cplusplus
}
#endif

#endif
