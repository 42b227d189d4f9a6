#include "ops/attention_coopmat.h"

#include "shared/attention.h"
#include "shared/spec_ids.h"

enum { SHARED_BYTES = 32768, MOST_SUBGROUPS = 4, MOST_THREADS = 256, MOST_HEAD_DIM = 128, PASSES = 3 };

static const hrm_kernel_id f16_rows[PASSES] = {HRM_KERNEL_attention_fwd_coopmat_f16,
                                               HRM_KERNEL_attention_bwd_q_coopmat_f16,
                                               HRM_KERNEL_attention_bwd_kv_coopmat_f16};
static const hrm_kernel_id bf16_rows[PASSES] = {HRM_KERNEL_attention_fwd_coopmat_bf16,
                                                HRM_KERNEL_attention_bwd_q_coopmat_bf16,
                                                HRM_KERNEL_attention_bwd_kv_coopmat_bf16};

hrm_dtype hrm_attention_coopmat_type(const hrm_attention_coopmat_case *c) {
    const hrm_dtype types[] = {c->qkv, c->o, c->grad_o, c->grad_qkv};
    for (uint32_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (hrm_dtype_is_16bit(types[i])) return types[i];
    return HRM_F32_T;
}

/* Sizes are multiples of each other when they are powers of two; octets are the unit of shared memory, and larger
 * matrices than 16 x 16 leave short sequences idle and wide heads no room. */
static bool is_suited(uint32_t size) {
    return size == 8 || size == 16;
}

/* Of the shapes a device multiplies that type in the suited one with the largest product (the most work for each matrix
 * loaded), NULL when there is none. */
static const hrm_coopmat_shape *choose_shape(const hrm_adapter *a, hrm_dtype type) {
    const hrm_coopmat_shape *best = NULL;
    for (uint32_t i = 0; i < a->coopmat_count; i++) {
        const hrm_coopmat_shape *s = &a->coopmat[i];
        if (s->bf16 != (type == HRM_BF16_T) || !is_suited(s->m) || !is_suited(s->n) || !is_suited(s->k)) continue;
        if (!best || s->m * s->n * s->k > best->m * best->n * best->k) best = s;
    }
    return best;
}

/* ---- tiles ---- */

typedef struct tiles {
    uint32_t subgroups, row_tiles, others, split, width;
} tiles;

static uint32_t round_up(uint32_t x, uint32_t multiple) {
    return (x + multiple - 1) / multiple * multiple;
}

static uint32_t own_rows(const hrm_coopmat_shape *s, const tiles *t) {
    return t->subgroups / t->split * t->row_tiles * s->m;
}

/* Shared memory of the kernels, in the terms of coopmat.glsl. */
static uint32_t count_shared(const hrm_coopmat_shape *s, const tiles *t, hrm_attention_pass pass) {
    uint32_t pitch = (t->width / 8) | 1u, own = own_rows(s, t);
    uint32_t score_pitch = (t->others / 4 + s->n / t->others * (t->others / 8)) | 1u;
    uint32_t octets = (own * (pass == HRM_ATTENTION_FWD ? 1 : 2) + t->others * 2) * pitch + own * score_pitch;
    if (pass == HRM_ATTENTION_BWD_KV) octets += 2 * s->m * ((t->others / 4) | 1u);
    return octets * 16 + (pass == HRM_ATTENTION_FWD ? t->subgroups * 4 : 0);
}

/* Words of f32 matrices that a lane holds at once: the outputs, score-like products, statistics. */
static uint32_t count_words(const hrm_coopmat_shape *s, const tiles *t, hrm_attention_pass pass, uint32_t lanes) {
    uint32_t outputs = t->width / s->n / t->split, blocks = t->others / s->n / t->split;
    uint32_t matrices = pass == HRM_ATTENTION_FWD     ? (outputs + blocks) * t->row_tiles + 1
                        : pass == HRM_ATTENTION_BWD_Q ? (outputs + 2 * blocks + 2) * t->row_tiles
                                                      : (2 * outputs + 2 * blocks) * t->row_tiles + 2;
    return matrices * ((s->m * s->n + lanes - 1) / lanes);
}

/* The first that fits of: no sharing of a band before sharing (which needs barriers of the whole workgroup where a
 * subgroup's would do); most subgroups (more to hide latency with, and fewer reads of the other side); 32 rows of the
 * other side before 16 and 8 (fewer barriers). Fitting: shared memory, and accumulators that leave half of the
 * registers to everything else. The only devices whose matrices have 8 rows have 128 registers of 32 bits a lane, of
 * which 64 words are half; others have 256. Where no tiles leave so much, those with the fewest words. */
static bool fit(const hrm_device *device, const hrm_coopmat_shape *s, hrm_attention_pass pass, uint32_t head_dim,
                tiles *best) {
    const hrm_adapter *a = hrm_device_get_adapter(device);
    const uint32_t lanes = hrm_device_get_coopmat_subgroup(device);
    const uint32_t shared_bytes = a->max_shared_bytes < SHARED_BYTES ? a->max_shared_bytes : SHARED_BYTES;
    const uint32_t threads = a->max_workgroup_invocations < MOST_THREADS ? a->max_workgroup_invocations : MOST_THREADS;
    const uint32_t wanted_words = s->m < 16 ? 64 : 112;
    const uint32_t most_subgroups = threads / lanes < MOST_SUBGROUPS ? threads / lanes : MOST_SUBGROUPS;
    uint32_t best_words = UINT32_MAX;
    for (uint32_t split = 1; split <= most_subgroups; split *= 2) {
        for (uint32_t subgroups = most_subgroups; subgroups >= split; subgroups -= split) {
            for (uint32_t others = 32; others >= 8; others /= 2) {
                uint32_t columns = s->n * split, step = columns > s->k ? columns : s->k;
                if (others % columns != 0 || others % s->k != 0) continue;
                tiles t = {subgroups, 1, others, split, round_up(head_dim, step)};
                uint32_t words = count_words(s, &t, pass, lanes);
                if (count_shared(s, &t, pass) > shared_bytes || words >= best_words) continue;
                *best = t;
                best_words = words;
                if (words <= wanted_words) return true;
            }
        }
    }
    return best_words != UINT32_MAX;
}

bool hrm_attention_coopmat_is_usable(const hrm_device *device, hrm_dtype type) {
    const hrm_coopmat_shape *s = choose_shape(hrm_device_get_adapter(device), type);
    if (!hrm_dtype_is_16bit(type) || !s) return false;
    uint32_t lanes = hrm_device_get_coopmat_subgroup(device);
    if (lanes < 8 || lanes > 64 || (lanes & (lanes - 1)) != 0) return false;
    const hrm_kernel_id *rows = type == HRM_BF16_T ? bf16_rows : f16_rows;
    /* the widest heads, too: a family that is chosen for a type serves them all */
    tiles t;
    for (int pass = 0; pass < PASSES; pass++)
        if (!hrm_kernel_is_usable(device, (uint32_t)rows[pass]) ||
            !fit(device, s, (hrm_attention_pass)pass, MOST_HEAD_DIM, &t))
            return false;
    return true;
}

bool hrm_attention_coopmat_make(const hrm_device *device, const hrm_attention_coopmat_case *c,
                                hrm_attention_coopmat_plan *plan) {
    hrm_dtype type = hrm_attention_coopmat_type(c);
    if (!hrm_attention_coopmat_is_usable(device, type)) return false;
    const hrm_coopmat_shape *s = choose_shape(hrm_device_get_adapter(device), type);
    uint32_t lanes = hrm_device_get_coopmat_subgroup(device);
    tiles t = {0};
    if (!fit(device, s, c->pass, c->head_dim, &t)) return false;
    /* no more subgroups than share the bands evenly: 6 bands are 3 and 3, not 4 and 2 */
    uint64_t band = (uint64_t)t.row_tiles * s->m, bands = (c->seq + band - 1) / band, most = t.subgroups / t.split;
    uint64_t groups = (bands + most - 1) / most;
    t.subgroups = (uint32_t)((bands + groups - 1) / groups) * t.split;
    const hrm_dtype written = c->pass == HRM_ATTENTION_FWD ? c->o : c->grad_qkv;
    *plan = (hrm_attention_coopmat_plan){.row = (type == HRM_BF16_T ? bf16_rows : f16_rows)[c->pass],
                                         .specs = {{HRM_SPEC_LOCAL_X, t.subgroups * lanes},
                                                   {HRM_SPEC_HEAD_DIM, c->head_dim},
                                                   {HRM_SPEC_TILE_M, t.row_tiles},
                                                   {HRM_SPEC_TILE_N, t.others},
                                                   {HRM_SPEC_TILE_K, t.width},
                                                   {HRM_SPEC_ATTENTION_M, s->m},
                                                   {HRM_SPEC_ATTENTION_N, s->n},
                                                   {HRM_SPEC_ATTENTION_K, s->k},
                                                   {HRM_SPEC_ATTENTION_LANES, lanes},
                                                   {HRM_SPEC_ATTENTION_SPLIT, t.split},
                                                   {HRM_SPEC_DTYPE_A, (uint32_t)c->qkv},
                                                   {HRM_SPEC_DTYPE_B, (uint32_t)c->grad_o},
                                                   {HRM_SPEC_DTYPE_C, (uint32_t)written},
                                                   {HRM_SPEC_DTYPE_R, (uint32_t)c->o}},
                                         .spec_count = HRM_ATTENTION_COOPMAT_SPECS,
                                         .group_rows = own_rows(s, &t)};
    return true;
}
