/* The recorded single operations of the reference: RMSNorm, SwiGLU, RoPE, embedding. The stated relative floor is
 * 2e-6 of the largest magnitude unless said otherwise: about 16 roundings of f32, what a different order of summation
 * and another exp may cost where the recorded noise is smaller than that. */
#include "helper_golden.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/embed.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"
#include "ops/swiglu.h"

static const double floor_rel = 2e-6;

/* Size of the innermost dimension. */
static uint64_t get_width(const hrm_safetensors_tensor *t) {
    return t->rank ? t->shape[t->rank - 1] : 1;
}

static void require(size_t visited, const char *op) {
    /* A foreign golden folder may lack an op; ours must not. */
    if (visited == 0) printf("  no %s entries below %s\n", op, check_env_golden_dir(NULL));
    CHECK(visited > 0 || strcmp(check_env_golden_dir(NULL), HRM_GOLDEN_DEFAULT) != 0);
}

static void visit_rms_norm(const helper_golden *golden, void *user) {
    (void)user;
    const hrm_safetensors_tensor *shape = helper_golden_find(golden, "x");
    float *x = helper_golden_f32(golden, "x"), *dy = helper_golden_f32(golden, "dy");
    if (!x) return;
    uint64_t cols = get_width(shape), rows = shape->count / cols;
    hrm_tensor tx = helper_gpu_f32(x, shape->count), y = helper_gpu_f32(NULL, shape->count);
    hrm_tensor rstd = helper_gpu_f32(NULL, rows), dx = helper_gpu_f32(NULL, shape->count);
    hrm_recorder *rec = helper_gpu_begin();
    hrm_rms_norm_fwd(rec,
                     (hrm_rms_norm_fwd_args){.x = tx, .y = y, .rstd = rstd, .rows = rows, .cols = cols, .eps = 1e-5f});
    if (dy) {
        hrm_rms_norm_bwd(rec, (hrm_rms_norm_bwd_args){.grad_y = helper_gpu_f32(dy, shape->count),
                                                      .y = y,
                                                      .rstd = rstd,
                                                      .grad_x = dx,
                                                      .rows = rows,
                                                      .cols = cols});
    }
    helper_gpu_run();
    helper_golden_check(golden, "y", helper_gpu_read(y), shape->count, floor_rel);
    if (dy) helper_golden_check(golden, "dx", helper_gpu_read(dx), shape->count, floor_rel);
}

static void test_rms_norm(void **state) {
    (void)state;
    require(helper_golden_each("rms_norm", visit_rms_norm, NULL), "rms_norm");
}

static void visit_swiglu(const helper_golden *golden, void *user) {
    (void)user;
    const hrm_safetensors_tensor *shape = helper_golden_find(golden, "gate_up");
    float *gate_up = helper_golden_f32(golden, "gate_up"), *dy = helper_golden_f32(golden, "dy");
    if (!gate_up) return;
    uint64_t cols = get_width(shape) / 2, count = shape->count / 2, rows = count / cols;
    hrm_tensor x = helper_gpu_f32(gate_up, 2 * count), y = helper_gpu_f32(NULL, count);
    hrm_tensor grad = helper_gpu_f32(NULL, 2 * count);
    hrm_recorder *rec = helper_gpu_begin();
    hrm_swiglu_fwd(rec, (hrm_swiglu_fwd_args){.gate_up = x, .y = y, .rows = rows, .cols = cols});
    if (dy) {
        hrm_swiglu_bwd(
            rec,
            (hrm_swiglu_bwd_args){
                .gate_up = x, .grad_y = helper_gpu_f32(dy, count), .grad_gate_up = grad, .rows = rows, .cols = cols});
    }
    helper_gpu_run();
    helper_golden_check(golden, "y", helper_gpu_read(y), count, floor_rel);
    if (dy) helper_golden_check(golden, "dgate_up", helper_gpu_read(grad), 2 * count, floor_rel);
}

static void test_swiglu(void **state) {
    (void)state;
    require(helper_golden_each("swiglu_act", visit_swiglu, NULL), "swiglu_act");
}

/* Tables at the recorded positions, halves repeated. Large positions magnify the rounding of the frequency: one f32
 * rounding of an angle of a radians is a 2^-24, so the tolerance grows with the position (two roundings differ). */
static void visit_rope_table(const helper_golden *golden, void *user) {
    (void)user;
    const hrm_safetensors_tensor *shape = helper_golden_find(golden, "cos");
    const hrm_safetensors_tensor *places = hrm_safetensors_find(golden->file, "rope/positions");
    float *want_cos = helper_golden_f32(golden, "cos"), *want_sin = helper_golden_f32(golden, "sin");
    if (!shape || !places) return;
    helper_golden at_root = *golden;
    at_root.group = "rope";
    uint32_t *positions = helper_golden_u32(&at_root, "positions");
    uint64_t head_dim = get_width(shape), half = head_dim / 2, rows = shape->count / head_dim, seq = 1;
    CHECK_EQ(places->count, rows);
    for (uint64_t r = 0; r < rows; r++) seq = positions[r] >= seq ? positions[r] + 1 : seq;
    float *c = helper_gpu_host_f32(seq * half), *s = helper_gpu_host_f32(seq * half);
    hrm_rope_make_table(seq, (uint32_t)head_dim, 10000.0, c, s);
    for (uint64_t r = 0; r < rows; r++) {
        for (uint64_t i = 0; i < head_dim; i++) {
            uint64_t at = positions[r] * half + i % half;
            double tolerance = 1e-6 + 2.4e-7 * (double)positions[r];
            double off_cos = want_cos ? fabs((double)c[at] - (double)want_cos[r * head_dim + i]) : 0.0;
            double off_sin = want_sin ? fabs((double)s[at] - (double)want_sin[r * head_dim + i]) : 0.0;
            CHECK_MSG(off_cos <= tolerance && off_sin <= tolerance,
                      "%s: position %u, pair %u: cos off by %g, sin off by %g", golden->group, positions[r],
                      (unsigned)(i % half), off_cos, off_sin);
        }
    }
}

/* q and k of an attention entry before and after the turn. */
static void visit_rope_turn(const helper_golden *golden, void *user) {
    size_t *compared = user;
    const hrm_safetensors_tensor *qkv_shape = helper_golden_find(golden, "qkv");
    const hrm_safetensors_tensor *turned = helper_golden_find(golden, "q_rot");
    if (!turned) turned = helper_golden_find(golden, "k_rot");
    if (!qkv_shape || !turned || turned->rank != 4) return;
    uint64_t batch = turned->shape[0], seq = turned->shape[1], heads = turned->shape[2], head_dim = turned->shape[3];
    uint64_t width = heads * head_dim, half = head_dim / 2, count = batch * seq * width;
    CHECK_EQ(qkv_shape->count, 3 * count);
    float *qkv = helper_golden_f32(golden, "qkv");
    float *c = helper_gpu_host_f32(seq * half), *s = helper_gpu_host_f32(seq * half);
    hrm_rope_make_table(seq, (uint32_t)head_dim, 10000.0, c, s);
    hrm_tensor x = helper_gpu_f32(qkv, 3 * count);
    hrm_rope(helper_gpu_begin(), (hrm_rope_args){.x = x,
                                                 .cos_table = helper_gpu_f32(c, seq * half),
                                                 .sin_table = helper_gpu_f32(s, seq * half),
                                                 .batch = batch,
                                                 .seq = seq,
                                                 .heads = (uint32_t)heads,
                                                 .head_dim = (uint32_t)head_dim,
                                                 .part_count = 2});
    helper_gpu_run();
    const float *got = helper_gpu_read(x);
    float *part = helper_gpu_host_f32(count);
    for (uint64_t p = 0; p < 2; p++) {
        for (uint64_t row = 0; row < batch * seq; row++)
            memcpy(part + row * width, got + (3 * row + p) * width, width * sizeof(float));
        helper_golden_check(golden, p == 0 ? "q_rot" : "k_rot", part, count, floor_rel);
    }
    (*compared)++;
}

static void test_rope(void **state) {
    (void)state;
    require(helper_golden_each("rope", visit_rope_table, NULL), "rope");
    size_t compared = 0;
    helper_golden_each("attention", visit_rope_turn, &compared);
    require(compared, "attention/*/q_rot");
}

static void visit_embedding(const helper_golden *golden, void *user) {
    (void)user;
    const hrm_safetensors_tensor *table_shape = helper_golden_find(golden, "table");
    const hrm_safetensors_tensor *ids_shape = helper_golden_find(golden, "ids");
    float *table = helper_golden_f32(golden, "table"), *dy = helper_golden_f32(golden, "dy");
    uint32_t *ids = helper_golden_u32(golden, "ids");
    if (!ids || (!table && !dy)) return;
    const hrm_safetensors_tensor *grad_shape = helper_golden_find(golden, "dtable");
    if (!table_shape) table_shape = grad_shape;
    if (!table_shape) return;
    uint64_t hidden = get_width(table_shape), vocab = table_shape->count / hidden;
    uint64_t seq = get_width(ids_shape), batch = ids_shape->count / seq, count = ids_shape->count * hidden;
    hrm_tensor tokens = helper_gpu_u32(ids, ids_shape->count), y = helper_gpu_f32(NULL, count);
    hrm_tensor grad = helper_gpu_f32(NULL, table_shape->count);
    hrm_recorder *rec = helper_gpu_begin();
    if (table) {
        hrm_embed_fwd(rec, (hrm_embed_fwd_args){.tokens = tokens,
                                                .table = helper_gpu_f32(table, table_shape->count),
                                                .y = y,
                                                .batch = batch,
                                                .seq = seq,
                                                .hidden = hidden,
                                                .vocab = vocab,
                                                .scale = 1.0f});
    }
    if (dy) {
        uint64_t scratch = hrm_embed_bwd_scratch_count(batch, seq, hidden, vocab);
        hrm_embed_bwd(rec, (hrm_embed_bwd_args){.tokens = tokens,
                                                .grad_y = helper_gpu_f32(dy, count),
                                                .grad_table = grad,
                                                .scratch = helper_gpu_f32(NULL, scratch),
                                                .batch = batch,
                                                .seq = seq,
                                                .hidden = hidden,
                                                .vocab = vocab,
                                                .scale = 1.0f});
    }
    helper_gpu_run();
    if (table) helper_golden_check(golden, "y", helper_gpu_read(y), count, 0.0); /* a gather: exact */
    if (!dy) return;
    float *got = helper_gpu_read(grad);
    helper_golden_check(golden, "dtable", got, table_shape->count, floor_rel);
    bool *used = (bool *)helper_gpu_host_u32(vocab); /* rows of unused tokens are exactly 0 */
    for (uint64_t i = 0; i < ids_shape->count; i++) used[ids[i]] = true;
    for (uint64_t i = 0; i < table_shape->count; i++) CHECK(used[i / hidden] || got[i] == 0.0f);
}

static void test_embedding(void **state) {
    (void)state;
    require(helper_golden_each("embedding", visit_embedding, NULL), "embedding");
}

HELPER_GPU_MAIN(HELPER_GPU_TEST(test_rms_norm), HELPER_GPU_TEST(test_swiglu), HELPER_GPU_TEST(test_rope),
                HELPER_GPU_TEST(test_embedding))
