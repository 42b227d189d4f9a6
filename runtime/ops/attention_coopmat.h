/* The attention kernels on matrix units (shaders/attention/attention_coopmat_*.comp): which row, which matrix shape and
 * which tiles. Private to ops/attention.c and its tests.
 *
 * Promises: a plan needs no more than 256 invocations and 32 KiB of shared memory (or what the device has, if that is
 * less), and depends on nothing but the device, the types, seq and head_dim: a batch row's bits do not change with the
 * batch. */
#ifndef HRM_OPS_ATTENTION_COOPMAT_H
#define HRM_OPS_ATTENTION_COOPMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/device.h"
#include "ops/kernels.h"
#include "ops/tensor.h"

/* The three kernels: forward; backward for a block of queries; backward for a block of keys. */
typedef enum hrm_attention_pass {
    HRM_ATTENTION_FWD = 0,
    HRM_ATTENTION_BWD_Q = 1,
    HRM_ATTENTION_BWD_KV = 2,
} hrm_attention_pass;

typedef struct hrm_attention_coopmat_case {
    hrm_attention_pass pass;
    hrm_dtype qkv, o, grad_o, grad_qkv; /* the gradients: f32 in the forward pass */
    uint64_t seq;
    uint32_t head_dim;
} hrm_attention_coopmat_case;

enum { HRM_ATTENTION_COOPMAT_SPECS = 14 };

typedef struct hrm_attention_coopmat_plan {
    hrm_kernel_id row;
    hrm_spec specs[HRM_ATTENTION_COOPMAT_SPECS];
    uint32_t spec_count;
    uint32_t group_rows; /* queries or keys of a workgroup */
} hrm_attention_coopmat_plan;

/* The type that matrices are multiplied in: that of the first 16-bit operand (qkv, o, grad_o, grad_qkv); F32 when all
 * are f32, which these kernels do not serve. */
hrm_dtype hrm_attention_coopmat_type(const hrm_attention_coopmat_case *c);
/* Whether the device has all three kernels for that type (f16 or bf16). */
bool hrm_attention_coopmat_is_usable(const hrm_device *device, hrm_dtype type);
/* False when the device has no row for the case, or none of its matrix shapes suits. */
bool hrm_attention_coopmat_make(const hrm_device *device, const hrm_attention_coopmat_case *c,
                                hrm_attention_coopmat_plan *plan);

#endif
