/* The matrix product in the three forms that a linear layer and its gradients need, row-major:
 *
 *   NT  C[m,n] = A[m,k] B[n,k]^T    y = x W^T, W = [out, in]
 *   NN  C[m,n] = A[m,k] B[k,n]      grad x = grad y W
 *   TN  C[m,n] = A[k,m]^T B[k,n]    grad W = grad y^T x; k = rows, long
 *
 * Promises: any m, n, k >= 1 (m up to about a million for family lane_column: 65535 row tiles); row strides are the
 * tensors'; sums run in a fixed order over k, so that a row of an NT or NN product depends neither on m nor on its
 * neighbours, as long as the family is the same. The family is measured per form, type and device, and where tuned per
 * shape (ops/select.h: "matmul_nt", "matmul_nn.bf16", "matmul_tn:4096x1536x512"); within a family, n, k and strides
 * decide.
 *
 * Each of A, B, C and the residual is f32, bf16 or f16 on its own, 16-bit ones with lengths and strides that are
 * multiples of 8 and offsets that are multiples of 16 bytes; where C or the residual is 16-bit, the other's stride is a
 * multiple of 4, and scratch is not used. Sums are f32 whatever the operands, and what is stored is rounded once, to
 * nearest even. Where a family multiplies 16-bit numbers (matrix units), f32 operands are rounded to the 16-bit type of
 * the other; where both are f32, such families do not serve; f16 beside bf16 is rounded to bf16.
 *
 * A 16-bit copy of a weight (hrm_convert makes it) is passed as `b`, in NT and NN alike: one copy serves both. Some
 * families want W K-major for NT: hrm_matmul_wants_packed says so, hrm_matmul_pack makes that copy of the f32 weight
 * whenever it has changed, and it is passed as `b_packed` beside `b`. */
#ifndef HRM_OPS_MATMUL_H
#define HRM_OPS_MATMUL_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/recorder.h"
#include "ops/select.h"
#include "ops/tensor.h"

typedef enum hrm_matmul_form { HRM_MATMUL_NT = 0, HRM_MATMUL_NN = 1, HRM_MATMUL_TN = 2 } hrm_matmul_form;

typedef enum hrm_matmul_family {
    HRM_MATMUL_AUTO = 0,       /* the measured choice */
    HRM_MATMUL_TILE,           /* shared memory, 64 x 64 of C per workgroup of 256 invocations */
    HRM_MATMUL_TILE_LARGE,     /* 128 x 128 per workgroup of 256 */
    HRM_MATMUL_TILE_SMALL,     /* 32 x 32 per workgroup of 64: for devices that allow no more than Vulkan's minimum */
    HRM_MATMUL_DIRECT,         /* registers only: plain CPU drivers */
    HRM_MATMUL_COOPMAT_SMALL,  /* matrix units (16-bit operands), 32 x 32 per workgroup of 4 subgroups; with subgroups
                                  of 8 16 x 32 */
    HRM_MATMUL_COOPMAT,        /* 64 x 64; with subgroups of 16 32 x 64 */
    HRM_MATMUL_COOPMAT_LARGE,  /* 128 x 128, subgroups of 32 or more */
    HRM_MATMUL_COOPMAT2,       /* the same, or 64 x 64, in matrices as wide as VK_NV_cooperative_matrix2 lets them be */
    HRM_MATMUL_LANE_SHUFFLE,   /* CPU drivers, lanes = columns (family A) */
    HRM_MATMUL_LANE_BROADCAST, /* the same through subgroupBroadcast */
    HRM_MATMUL_LANE_ROW,       /* CPU drivers, lanes = rows, B through its address (family B) */
    HRM_MATMUL_FAMILY_COUNT
} hrm_matmul_family;

/* What a product is as far as the choice of its kernels goes: form, types, and the size of the linear layer it belongs
 * to. NT: C [rows, out] = A [rows, in] B [out, in]^T; NN: C [rows, in] = A [rows, out] B [out, in]; TN: C [out, in] = A
 * [rows, out]^T B [rows, in]. C without what ends the product. */
typedef struct hrm_matmul_problem {
    hrm_matmul_form form;
    hrm_dtype a, b, c;
    uint64_t rows, out, in; /* rows 0: of any shape, the device's default */
} hrm_matmul_problem;

/* What is done to AB (+ residual) before it is stored, so that it never travels through memory. What ends a product
 * does what the op of that name does, f32, to the same values; only where hrm_matmul_can_end says so. None of these
 * accumulates. */
typedef enum hrm_matmul_end {
    HRM_MATMUL_END_PLAIN = 0,
    HRM_MATMUL_END_SWIGLU = 1,     /* NT: AB [m, 2f] = gate, up; C [m, f] = silu(gate) * up; `pre` (optional) gets AB */
    HRM_MATMUL_END_SWIGLU_BWD = 2, /* NN: AB [m, f] = the activation's gradient, `pre` [m, 2f] = gate, up of the forward
                                      pass; C [m, 2f] = their gradients */
    HRM_MATMUL_END_ROPE = 3,       /* NT: AB [m, 3 * heads * head_dim] = q, k, v of m / seq rows of seq positions; q and
                                      k are turned by their position */
    HRM_MATMUL_END_RMS_NORM = 4,   /* NT: C = (AB + residual) / rms of the row; `rstd` [m] (optional) gets 1 / rms */
} hrm_matmul_end;

typedef struct hrm_matmul_args {
    hrm_matmul_form form;
    hrm_tensor a, b;
    hrm_tensor b_packed; /* NT, where wanted: what hrm_matmul_pack made of b; at least packed_count elements */
    hrm_tensor c;
    hrm_tensor residual; /* optional [m, n]: C = AB + residual; shares no memory with C */
    bool accumulate;     /* C += AB */
    hrm_tensor scratch;  /* optional: at least hrm_matmul_scratch_count elements let a long k be split */
    hrm_matmul_end end;
    hrm_tensor pre;                  /* SWIGLU, SWIGLU_BWD */
    hrm_tensor cos_table, sin_table; /* ROPE: as hrm_rope takes them */
    uint32_t seq, heads, head_dim;
    hrm_tensor rstd; /* RMS_NORM */
    float eps;
    hrm_matmul_family family;
    const char *label; /* for profiles; NULL = the kernel's name */
} hrm_matmul_args;

/* Records the product. Tensors have unit stride in the last dimension; leading dimensions are merged into rows. */
void hrm_matmul(hrm_recorder *rec, hrm_matmul_args args);

/* Whether NT products need b_packed: the f32 default of the device decides, whatever the types; false for other forms.
 */
bool hrm_matmul_wants_packed(hrm_device *device, hrm_matmul_form form);
/* Whether the product, with its family or the one measured, can end as args->end asks. All tensors are set as for
 * hrm_matmul. */
bool hrm_matmul_can_end(hrm_device *device, const hrm_matmul_args *args);
/* Elements of the packed copy of a weight [n, k]: k * (n rounded up to a multiple of 4). */
uint64_t hrm_matmul_packed_count(uint64_t n, uint64_t k);
/* packed[k, j] = w[j, k], zeros for j >= n. */
void hrm_matmul_pack(hrm_recorder *rec, hrm_tensor w, hrm_tensor packed);
/* Elements of scratch with which a product of this shape, with operands of this type (16-bit where any is, else f32),
 * runs in more parallel parts; 0 = none needed. Whether scratch is given is part of the order of summation. */
uint64_t hrm_matmul_scratch_count(hrm_device *device, hrm_matmul_form form, hrm_dtype type, uint64_t m, uint64_t n,
                                  uint64_t k);

/* ---- which family (matmul_choice.c) ---- */

/* "matmul_nt": the form's name in ops/select.h; with types other than f32 "matmul_nt.bf16", with a shape
 * "matmul_nt:4096x1536x512" (rows x out x in, rows by power of two). */
const char *hrm_matmul_get_op(hrm_matmul_form form);
/* The 16-bit type among the operands; HRM_F32_T where there is none. */
hrm_dtype hrm_matmul_problem_type(const hrm_matmul_problem *problem);
const char *hrm_matmul_family_name(hrm_matmul_family family);
/* Whether the device has the family's kernels for this form at all. */
bool hrm_matmul_family_is_usable(hrm_device *device, hrm_matmul_family family, hrm_matmul_form form);
/* Whether the device can multiply these types with it too. */
bool hrm_matmul_family_serves(hrm_device *device, hrm_matmul_family family, const hrm_matmul_problem *problem);
/* The family for a problem: its shape's if that was tuned, recorded or named in HRM_SELECT, else the default of form
 * and types, which the first call may measure (see hrm_select_pick). */
hrm_status hrm_matmul_choose_for(hrm_device *device, const hrm_matmul_problem *problem, hrm_matmul_family *family);
/* The f32 default of a form. */
hrm_status hrm_matmul_choose(hrm_device *device, hrm_matmul_form form, hrm_matmul_family *family);
/* Makes the f32 defaults of all three forms now (otherwise the first product of a form does). */
hrm_status hrm_matmul_choose_all(hrm_device *device);
/* How lanes of a CPU driver hand a value to the others fastest, as the f32 default of NN products shows. It is the same
 * in every kernel (by factors of 4 to 20 on Mesa 22, 25 and 26, see attention_choice.c), and kernels of the other style
 * take seconds to compile, so other operations' defaults are measured without those; hrm tune tries them. UNKNOWN on
 * other devices. May measure. */
typedef enum hrm_lane_style { HRM_LANES_UNKNOWN = 0, HRM_LANES_SHUFFLE, HRM_LANES_BROADCAST } hrm_lane_style;
hrm_lane_style hrm_matmul_get_lane_style(hrm_device *device);
/* Whether a CPU driver keeps values that are the same in all lanes scalar. Kernels that read at uniform addresses take
 * many seconds to compile where it does not. */
bool hrm_matmul_keeps_uniform_scalar(const hrm_device *device);
/* The name of the family for a problem; "none" where the device can run none. */
const char *hrm_matmul_get_row_for(hrm_device *device, const hrm_matmul_problem *problem);

/* Measures every family that serves a problem with a shape, and keeps the fastest (see hrm_select_tune). A family that
 * needs packed weights takes part only where the default does (hrm_matmul_wants_packed). */
hrm_status hrm_matmul_tune(hrm_device *device, const hrm_matmul_problem *problem, const hrm_select_tuning *tuning);
/* Visits the families that hrm_matmul_tune would measure. */
hrm_status hrm_matmul_visit_candidates(hrm_device *device, const hrm_matmul_problem *problem,
                                       void (*visit)(void *user, const char *key, const char *row), void *user);
/* hrm_select_force's and a key's way to here: chooses for the problem the key names. UNSUPPORTED for other keys. */
hrm_status hrm_matmul_choose_by_key(hrm_device *device, const hrm_select_key *key);

#endif
