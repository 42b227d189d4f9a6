/* Shared by matmul.c (arguments, recording), matmul_lane.c (how the CPU families cut a product) and matmul_choice.c
 * (which family). */
#ifndef HRM_OPS_MATMUL_PRIVATE_H
#define HRM_OPS_MATMUL_PRIVATE_H

#include "gpu/caps.h"
#include "gpu/device.h"
#include "ops/kernels.h"
#include "ops/matmul.h"
#include "shared/matmul.h"

/* A tensor as rows of `cols` contiguous elements, `ld` apart. */
typedef struct hrm_matrix {
    uint64_t rows, cols, ld;
    hrm_dtype dtype;
    hrm_span span;
} hrm_matrix;

typedef struct hrm_product {
    hrm_matrix a, b, c, r, pre; /* b: the packed copy where the family multiplies with that */
    uint32_t m, n, k;
    uint32_t flags; /* HRM_MATMUL_ACCUMULATE, _RESIDUAL, _SWIGLU, _HAS_PRE, _HAS_RSTD, _SWIGLU_BWD */
    hrm_matmul_end end;
    hrm_matmul_form form;
    hrm_span cos_table, sin_table, rstd; /* of the end; buffer NULL: none */
    uint32_t pair, turned, seq;          /* as hrm_matmul_block_params */
    float eps;
    const char *label;
} hrm_product;

/* ---- one plan per family: kernel, constants, the part of C that a workgroup computes ---- */

typedef struct hrm_matmul_plan {
    hrm_kernel_id kernel;
    hrm_matmul_family family;
    hrm_spec specs[8];
    uint32_t spec_count;
    uint32_t rows, columns; /* of C per workgroup; DIRECT: invocations in all groups of a split */
    uint32_t flags;         /* for HRM_SPEC_FLAGS, without the epilogue's */
    bool store64;           /* the kernel binds C as 64-bit words too */
} hrm_matmul_plan;

/* The row of a family. wide, where there are two: the one that reads A and B 4 elements at a time (tiles, direct), or
 * stores 64-bit words (lane_shuffle). */
hrm_kernel_id hrm_matmul_find_kernel(hrm_matmul_family family, hrm_matmul_form form, bool wide);
/* The conventional family that multiplies what matrix units cannot. */
hrm_matmul_family hrm_matmul_find_f32(const hrm_device *device, hrm_matmul_form form);
/* Lanes of a subgroup that the CPU families use; 0 = the device's subgroup has another size. */
uint32_t hrm_matmul_lanes(const hrm_device *device);

static inline bool hrm_matmul_family_packs(hrm_matmul_family family) {
    return family == HRM_MATMUL_LANE_SHUFFLE || family == HRM_MATMUL_LANE_BROADCAST;
}

static inline bool hrm_matmul_family_tiles(hrm_matmul_family family) {
    return family == HRM_MATMUL_TILE || family == HRM_MATMUL_TILE_LARGE || family == HRM_MATMUL_TILE_SMALL;
}

static inline bool hrm_matmul_family_is_matrix(hrm_matmul_family family) {
    return family >= HRM_MATMUL_COOPMAT_SMALL && family <= HRM_MATMUL_COOPMAT2;
}

static inline uint64_t hrm_divide_up(uint64_t a, uint64_t b) {
    return (a + b - 1) / b;
}

static inline uint64_t hrm_round_up(uint64_t a, uint64_t b) {
    return hrm_divide_up(a, b) * b;
}

static inline bool hrm_is_multiple_of_4(uint64_t x, uint64_t y) {
    return (x | y) % 4 == 0;
}

static inline bool hrm_matmul_is_cpu(const hrm_device *device) {
    return (hrm_device_get_caps(device) & HRM_CAP_CPU) != 0;
}

/* As hrm_matmul_scratch_count, with a family of the caller's choice. */
uint64_t hrm_matmul_scratch_count_of(hrm_device *device, hrm_matmul_family family, const hrm_matmul_problem *problem);

/* Plans of the CPU families. plan_lane_row: false where the family cannot multiply these. */
void hrm_matmul_plan_lane_column(const hrm_device *device, const hrm_product *p, hrm_matmul_family family,
                                 hrm_matmul_plan *plan);
bool hrm_matmul_plan_lane_row(const hrm_device *device, const hrm_product *p, hrm_matmul_plan *plan);

/* ---- matrix units (matmul_coopmat.c) ---- */

/* Whether a family of matrix units multiplies these types in this form on this device; with HRM_F32_T for both: whether
 * it multiplies any. */
bool hrm_matmul_coopmat_serves(const hrm_device *device, hrm_matmul_family family, hrm_matmul_form form, hrm_dtype a,
                               hrm_dtype b);
/* The plan of such a family. False where it cannot multiply these, or not end them as p->end says. */
bool hrm_matmul_plan_coopmat(const hrm_device *device, const hrm_product *p, hrm_matmul_family family,
                             hrm_matmul_plan *plan);
/* Completes a dispatch of a row that takes hrm_matmul_block_params, for bindings and constants of its operands and end
 * (matmul/matmul_end.glsl). `params` must live until it is recorded. */
void hrm_matmul_bind_block(const hrm_product *p, const hrm_matrix *c, uint32_t flags, uint32_t splits, uint32_t k_split,
                           struct hrm_matmul_block_params *params, hrm_dispatch *d);

#endif
