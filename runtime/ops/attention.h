/* Attention without a mask, all heads at once, forward and backward, without a [seq, seq] matrix in memory:
 *
 *     s_ij = q_i . k_j / sqrt(head_dim)      p_ij = exp(s_ij - lse_i)      o_i = sum_j p_ij v_j
 *
 * q, k and v lie side by side in qkv [batch, seq, 3 * heads * head_dim]: all q heads, all k heads, all v heads. Any
 * rotary embedding has been applied to q and k before (ops/rope.h), and is undone after the backward pass.
 *
 * qkv, o and their gradients are f32, bf16 or f16, each on its own; AUTO then stands for TILES, and the other families
 * do not serve. lse and delta are f32.
 *
 * Promises: f32 arithmetic throughout, no atomics, sums in a fixed order: the same device gives the same bits every
 * time, and a batch row's result does not depend on batch or on the other rows. Any batch, seq, heads >= 1; head_dim a
 * multiple of 8 up to 128 (32 and 64 are what the kernels were measured with). Tensors larger than a storage binding
 * are worked through in slices of batch rows. Sources: Milakov & Gimelshein 2018 (online softmax); Dao et al. 2022
 * (recomputation in the backward pass). */
#ifndef HRM_OPS_ATTENTION_H
#define HRM_OPS_ATTENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/device.h"
#include "gpu/recorder.h"
#include "ops/select.h"
#include "ops/tensor.h"

/* Which kernels do it. AUTO takes what was measured to be fastest here (ops/select.h), separately for the two
 * directions; the others are for tests and benches. */
typedef enum hrm_attention_family {
    HRM_ATTENTION_AUTO = 0,
    HRM_ATTENTION_TILES = 1,     /* tiles in shared memory: every device */
    HRM_ATTENTION_SHUFFLE = 2,   /* CPU drivers: a lane a row, the other side by subgroupShuffle */
    HRM_ATTENTION_BROADCAST = 3, /* the same by subgroupBroadcast */
    HRM_ATTENTION_UNIFORM = 4,   /* CPU drivers: a lane a row, the other side at uniform addresses */
    HRM_ATTENTION_COOPMAT = 5,   /* matrix units: 16-bit factors, f32 sums and softmax; only where one of qkv, o and
                                    their gradients is 16-bit, whose type q, k, v and do are multiplied in (f32 ones are
                                    rounded to it; f16 has no numbers past 65504) */
    HRM_ATTENTION_FAMILY_COUNT = 6,
} hrm_attention_family;

/* What attention is as far as the choice of its kernels goes. */
typedef struct hrm_attention_problem {
    bool backward;
    hrm_dtype type; /* of qkv and o, and of their gradients */
    uint64_t batch; /* 0: of any shape, the device's default */
    uint64_t seq;
    uint32_t heads, head_dim;
} hrm_attention_problem;

/* "tiles", "shuffle": the names that HRM_SELECT takes for the operations attention_fwd and attention_bwd. */
const char *hrm_attention_family_name(hrm_attention_family family);
/* Whether the device can run all kernels of the family (AUTO and TILES: always). */
bool hrm_attention_family_is_usable(const hrm_device *device, hrm_attention_family family);
/* Whether it can compute the problem's type and head_dim with it (head_dim 0: those that most models have). */
bool hrm_attention_family_serves(const hrm_device *device, hrm_attention_family family,
                                 const hrm_attention_problem *problem);
/* "attention_fwd", "attention_bwd": the directions' names in ops/select.h; with other types "attention_fwd.bf16", with
 * a shape "attention_fwd:32x82x8x64" (batch x seq x heads x head_dim, batch by power of two). */
const char *hrm_attention_get_op(bool backward);
/* The family for a problem: its shape's if that was tuned, recorded or named in HRM_SELECT, else the default of
 * direction and type, which the first call may measure (see hrm_select_pick for time and errors). */
hrm_status hrm_attention_choose_for(hrm_device *device, const hrm_attention_problem *problem,
                                    hrm_attention_family *family);
/* The f32 default. */
hrm_status hrm_attention_choose(hrm_device *device, bool backward, hrm_attention_family *family);

/* As hrm_matmul_tune, hrm_matmul_visit_candidates, hrm_matmul_choose_by_key. */
hrm_status hrm_attention_tune(hrm_device *device, const hrm_attention_problem *problem,
                              const hrm_select_tuning *tuning);
hrm_status hrm_attention_visit_candidates(hrm_device *device, const hrm_attention_problem *problem,
                                          void (*visit)(void *user, const char *key, const char *row), void *user);
hrm_status hrm_attention_choose_by_key(hrm_device *device, const hrm_select_key *key);

typedef struct hrm_attention_fwd_args {
    hrm_tensor qkv; /* [batch, seq, 3 * heads * head_dim] */
    hrm_tensor o;   /* [batch, seq, heads * head_dim], written */
    hrm_tensor lse; /* [batch, heads, seq], written: log sum exp of the scaled scores, natural; optional */
    uint64_t batch, seq;
    uint32_t heads, head_dim;
    hrm_attention_family family;
} hrm_attention_fwd_args;

void hrm_attention_fwd(hrm_recorder *rec, hrm_attention_fwd_args args);

typedef struct hrm_attention_bwd_args {
    hrm_tensor qkv; /* as in the forward pass */
    hrm_tensor o;   /* its outputs */
    hrm_tensor lse;
    hrm_tensor grad_o;   /* [batch, seq, heads * head_dim] */
    hrm_tensor delta;    /* [batch, heads, seq], scratch: sum of grad_o * o over the head */
    hrm_tensor grad_qkv; /* [batch, seq, 3 * heads * head_dim], overwritten; not the memory of qkv */
    uint64_t batch, seq;
    uint32_t heads, head_dim;
    hrm_attention_family family;
} hrm_attention_bwd_args;

void hrm_attention_bwd(hrm_recorder *rec, hrm_attention_bwd_args args);

#endif
