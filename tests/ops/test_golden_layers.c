/* The recorded single operations a network's layers are made of: RMSNorm, SwiGLU, linear layers, RoPE, attention,
 * embedding. Shapes come from the tensors. The stated relative floor is 2e-6 of the largest magnitude, about 16
 * roundings of f32: what a different order of summation and another exp may cost where the recorded noise is smaller
 * than that. Sums over many terms, of products or of exponentials, may take 5e-6. */
#include "helper_golden.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/attention.h"
#include "ops/embed.h"
#include "ops/loss.h"
#include "ops/matmul.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"
#include "ops/swiglu.h"

static const double floor_rel = 2e-6, floor_rel_sum = 5e-6;

/* ---- rows ---------------------------------------------------------------------------------------------------------
 */

static void visit_rms_norm(const helper_golden *golden, void *user) {
    (void)user;
    const hrm_safetensors_tensor *shape = helper_golden_need(golden, "x");
    if (!shape) return;
    const uint64_t cols = helper_golden_width(shape), count = shape->count, rows = count / cols;
    const float *dy = helper_golden_f32(golden, "dy", count);
    hrm_tensor x = helper_gpu_f32(helper_golden_f32(golden, "x", count), count), y = helper_gpu_f32(NULL, count);
    hrm_tensor rstd = helper_gpu_f32(NULL, rows), dx = helper_gpu_f32(NULL, count);
    hrm_recorder *rec = helper_gpu_begin();
    hrm_rms_norm_fwd(rec, (hrm_rms_norm_fwd_args){.x = x,
                                                  .y = y,
                                                  .rstd = rstd,
                                                  .rows = rows,
                                                  .cols = cols,
                                                  .eps = (float)helper_golden_config(golden, "rms_norm_eps", 1e-5)});
    if (dy) {
        hrm_rms_norm_bwd(
            rec,
            (hrm_rms_norm_bwd_args){
                .grad_y = helper_gpu_f32(dy, count), .y = y, .rstd = rstd, .grad_x = dx, .rows = rows, .cols = cols});
    }
    helper_gpu_run();
    helper_golden_check(golden, "y", helper_gpu_read(y), count, floor_rel);
    if (!dy) return;
    /* dx = rstd (dy - y mean(y dy)) may cancel, in a row of one value to 1e-5 of it: the floor is of the terms. */
    const float *scale = helper_gpu_read(rstd);
    double largest = 0.0;
    for (uint64_t i = 0; i < count; i++) largest = fmax(largest, (double)scale[i / cols] * fabs((double)dy[i]));
    helper_golden_check_part(golden, "dx", 0, helper_gpu_read(dx), count, floor_rel * largest, 0.0);
}

static void test_rms_norm(void **state) {
    (void)state;
    helper_golden_each("rms_norm", visit_rms_norm, NULL);
}

static void visit_swiglu(const helper_golden *golden, void *user) {
    (void)user;
    const hrm_safetensors_tensor *shape = helper_golden_need(golden, "gate_up");
    if (!shape) return;
    const uint64_t cols = helper_golden_width(shape) / 2, count = shape->count / 2, rows = count / cols;
    const float *dy = helper_golden_f32(golden, "dy", count);
    hrm_tensor x = helper_gpu_f32(helper_golden_f32(golden, "gate_up", 2 * count), 2 * count);
    hrm_tensor y = helper_gpu_f32(NULL, count), grad = helper_gpu_f32(NULL, 2 * count);
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
    helper_golden_each("swiglu_act", visit_swiglu, NULL);
}

/* ---- products -----------------------------------------------------------------------------------------------------
 */

/* c = a b in one of the three forms, by the measured family, with everything it may ask for. */
static hrm_tensor multiply(hrm_matmul_form form, hrm_tensor a, hrm_tensor b, uint64_t m, uint64_t n, uint64_t k,
                           hrm_tensor residual) {
    hrm_device *device = helper_gpu_get_device();
    hrm_recorder *rec = helper_gpu_begin();
    hrm_matmul_args args = {
        .form = form, .a = a, .b = b, .c = helper_gpu_f32_2d(NULL, m, n), .residual = residual, .label = "golden"};
    if (hrm_matmul_wants_packed(device, form)) {
        args.b_packed = helper_gpu_f32(NULL, hrm_matmul_packed_count(n, k));
        hrm_matmul_pack(rec, b, args.b_packed);
    }
    uint64_t scratch = hrm_matmul_scratch_count(device, form, HRM_F32_T, m, n, k);
    if (scratch) args.scratch = helper_gpu_f32(NULL, scratch);
    hrm_matmul(rec, args);
    return args.c;
}

static const hrm_tensor none = {0};

static hrm_tensor load_2d(const helper_golden *golden, const char *leaf, uint64_t rows, uint64_t cols) {
    const float *values = helper_golden_f32(golden, leaf, rows * cols);
    return values ? helper_gpu_f32_2d(values, rows, cols) : none;
}

/* The halting head is the network's only layer with a bias; its kernels take two outputs. */
static void run_head(const helper_golden *golden, uint64_t rows, uint64_t hidden) {
    const float *zero = helper_gpu_host_f32(rows * hidden), *bias = helper_golden_f32(golden, "b", 2);
    hrm_tensor x = load_2d(golden, "x", rows, hidden), w = load_2d(golden, "w", 2, hidden);
    hrm_tensor dy = load_2d(golden, "dy", rows, 2), y = helper_gpu_f32(NULL, 2 * rows);
    hrm_tensor dx = helper_gpu_f32(zero, rows * hidden), dw = helper_gpu_f32(NULL, 2 * hidden);
    hrm_tensor db = helper_gpu_f32(NULL, 2);
    if (bias) {
        hrm_q_head_fwd(helper_gpu_begin(), (hrm_q_head_fwd_args){.z = x,
                                                                 .weight = w,
                                                                 .bias = helper_gpu_f32(bias, 2),
                                                                 .q = y,
                                                                 .batch = (uint32_t)rows,
                                                                 .seq = 1,
                                                                 .hidden = (uint32_t)hidden});
    }
    if (hrm_tensor_is_set(&dy)) {
        hrm_q_head_bwd(helper_gpu_begin(), (hrm_q_head_bwd_args){.z = x,
                                                                 .weight = w,
                                                                 .grad_q = dy,
                                                                 .grad_z = dx,
                                                                 .grad_weight = dw,
                                                                 .grad_bias = db,
                                                                 .batch = (uint32_t)rows,
                                                                 .seq = 1,
                                                                 .hidden = (uint32_t)hidden});
    }
    helper_gpu_run();
    if (bias) helper_golden_check(golden, "y", helper_gpu_read(y), 2 * rows, floor_rel_sum);
    if (!hrm_tensor_is_set(&dy)) return;
    helper_golden_check(golden, "dx", helper_gpu_read(dx), rows * hidden, floor_rel_sum);
    helper_golden_check(golden, "dw", helper_gpu_read(dw), 2 * hidden, floor_rel_sum);
    helper_golden_check(golden, "db", helper_gpu_read(db), 2, floor_rel_sum);
}

/* y = x W^T (+ b), and the gradients of x, W and b. */
static void visit_linear(const helper_golden *golden, void *user) {
    (void)user;
    const hrm_safetensors_tensor *xs = helper_golden_need(golden, "x"), *ws = helper_golden_need(golden, "w");
    if (!xs || !ws) return;
    const uint64_t in = helper_golden_width(ws), out = ws->count / in, rows = xs->count / in;
    CHECK_EQ(helper_golden_width(xs), in);
    const bool biased = helper_golden_find(golden, "b") || helper_golden_find(golden, "db");
    if (biased && out == 2) run_head(golden, rows, in);
    CHECK_EQ(helper_gpu_teardown(NULL), 0);

    hrm_tensor x = load_2d(golden, "x", rows, in), w = load_2d(golden, "w", out, in);
    hrm_tensor dy = load_2d(golden, "dy", rows, out), spread = none, dx = none, dw = none, db = none;
    const float *bias = helper_golden_f32(golden, "b", out);
    if (bias) { /* in every row, as what is added to the product */
        float *rows_of_bias = helper_gpu_host_f32(rows * out);
        for (uint64_t r = 0; r < rows; r++) memcpy(rows_of_bias + r * out, bias, out * sizeof *bias);
        spread = helper_gpu_f32_2d(rows_of_bias, rows, out);
    }
    hrm_tensor y = multiply(HRM_MATMUL_NT, x, w, rows, out, in, spread);
    if (hrm_tensor_is_set(&dy)) {
        float *ones = helper_gpu_host_f32(rows);
        for (uint64_t r = 0; r < rows; r++) ones[r] = 1.0f;
        dx = multiply(HRM_MATMUL_NN, dy, w, rows, in, out, none);
        dw = multiply(HRM_MATMUL_TN, dy, x, out, in, rows, none);
        if (biased) db = multiply(HRM_MATMUL_TN, dy, helper_gpu_f32_2d(ones, rows, 1), out, 1, rows, none);
    }
    helper_gpu_run();
    if (bias || !biased) helper_golden_check(golden, "y", helper_gpu_read(y), rows * out, floor_rel_sum);
    if (!hrm_tensor_is_set(&dy)) return;
    helper_golden_check(golden, "dx", helper_gpu_read(dx), rows * in, floor_rel_sum);
    helper_golden_check(golden, "dw", helper_gpu_read(dw), out * in, floor_rel_sum);
    if (biased) helper_golden_check(golden, "db", helper_gpu_read(db), out, floor_rel_sum);
}

static void test_linear(void **state) {
    (void)state;
    helper_golden_each("linear", visit_linear, NULL);
}

/* y = down (silu(gate) * up), [gate, up] = x W_gate_up^T. */
static void visit_swiglu_mlp(const helper_golden *golden, void *user) {
    (void)user;
    const hrm_safetensors_tensor *xs = helper_golden_need(golden, "x"), *us = helper_golden_need(golden, "w_gate_up");
    const hrm_safetensors_tensor *ds = helper_golden_need(golden, "w_down");
    if (!xs || !us || !ds) return;
    const uint64_t D = helper_golden_width(xs), F = helper_golden_width(ds), rows = xs->count / D;
    hrm_tensor x = load_2d(golden, "x", rows, D), w_up = load_2d(golden, "w_gate_up", 2 * F, D);
    hrm_tensor w_down = load_2d(golden, "w_down", D, F), dy = load_2d(golden, "dy", rows, D);
    hrm_recorder *rec = helper_gpu_begin();
    hrm_tensor gate_up = multiply(HRM_MATMUL_NT, x, w_up, rows, 2 * F, D, none), act = helper_gpu_f32_2d(NULL, rows, F);
    hrm_swiglu_fwd(rec, (hrm_swiglu_fwd_args){.gate_up = gate_up, .y = act, .rows = rows, .cols = F});
    hrm_tensor y = multiply(HRM_MATMUL_NT, act, w_down, rows, D, F, none), dx = none, dw_up = none, dw_down = none;
    if (hrm_tensor_is_set(&dy)) {
        hrm_tensor dact = multiply(HRM_MATMUL_NN, dy, w_down, rows, F, D, none);
        hrm_tensor dgate_up = helper_gpu_f32_2d(NULL, rows, 2 * F);
        hrm_swiglu_bwd(rec, (hrm_swiglu_bwd_args){
                                .gate_up = gate_up, .grad_y = dact, .grad_gate_up = dgate_up, .rows = rows, .cols = F});
        dw_down = multiply(HRM_MATMUL_TN, dy, act, D, F, rows, none);
        dw_up = multiply(HRM_MATMUL_TN, dgate_up, x, 2 * F, D, rows, none);
        dx = multiply(HRM_MATMUL_NN, dgate_up, w_up, rows, D, 2 * F, none);
    }
    helper_gpu_run();
    helper_golden_check(golden, "y", helper_gpu_read(y), rows * D, floor_rel_sum);
    if (!hrm_tensor_is_set(&dy)) return;
    helper_golden_check(golden, "dx", helper_gpu_read(dx), rows * D, floor_rel_sum);
    helper_golden_check(golden, "dw_gate_up", helper_gpu_read(dw_up), 2 * F * D, floor_rel_sum);
    helper_golden_check(golden, "dw_down", helper_gpu_read(dw_down), D * F, floor_rel_sum);
}

static void test_swiglu_mlp(void **state) {
    (void)state;
    helper_golden_each("swiglu_mlp", visit_swiglu_mlp, NULL);
}

/* ---- rotary embedding ---------------------------------------------------------------------------------------------
 */

static double get_theta(const helper_golden *golden, const char *leaf) {
    double theta = helper_golden_config(golden, "rope_theta", 10000.0);
    helper_golden_number_after(helper_golden_meaning(golden, leaf), "base ", &theta);
    return theta;
}

/* Tables at the recorded positions, halves repeated. Large positions magnify the rounding of the frequency: one f32
 * rounding of an angle of a radians is a 2^-24, so the tolerance grows with the position (two roundings differ). */
static void visit_rope_table(const helper_golden *golden, void *user) {
    (void)user;
    const hrm_safetensors_tensor *cos_shape = helper_golden_find(golden, "cos");
    const hrm_safetensors_tensor *sin_shape = helper_golden_find(golden, "sin");
    const hrm_safetensors_tensor *shape = cos_shape ? cos_shape : sin_shape;
    if (!shape) return; /* the group of the positions */
    const uint64_t head_dim = helper_golden_width(shape), half = head_dim / 2, rows = shape->count / head_dim;
    helper_golden at_root = *golden;
    at_root.group = "rope";
    const uint32_t *positions = helper_golden_u32(golden, "positions", rows);
    if (!positions) positions = helper_golden_u32(&at_root, "positions", rows);
    if (!positions) {
        helper_golden_skip(golden, "there are no rope/positions");
        return;
    }
    uint64_t seq = 1;
    for (uint64_t r = 0; r < rows; r++) seq = positions[r] >= seq ? positions[r] + 1 : seq;
    float *tables[2] = {helper_gpu_host_f32(seq * half), helper_gpu_host_f32(seq * half)};
    hrm_rope_make_table(seq, (uint32_t)head_dim, get_theta(golden, "cos"), tables[0], tables[1]);
    for (uint64_t t = 0; t < 2; t++) {
        const char *leaf = t == 0 ? "cos" : "sin";
        const float *want = helper_golden_f32(golden, leaf, rows * head_dim);
        for (uint64_t i = 0; want && i < rows * head_dim; i++) {
            const uint32_t position = positions[i / head_dim];
            const double off = fabs((double)tables[t][position * half + i % half] - (double)want[i]);
            CHECK_MSG(off <= 1e-6 + 2.4e-7 * (double)position, "%s/%s of %s: position %u, pair %u: off by %g",
                      golden->group, leaf, golden->folder, position, (unsigned)(i % half), off);
        }
        if (want) helper_golden_count();
    }
}

static void test_rope_tables(void **state) {
    (void)state;
    helper_golden_each("rope", visit_rope_table, NULL);
}

/* ---- attention ----------------------------------------------------------------------------------------------------
 */

typedef struct attention {
    uint64_t batch, seq, width; /* width = heads * head_dim */
    uint32_t heads, head_dim;
    hrm_tensor cos_table, sin_table;
} attention;

/* The one table width of the file, or 0. */
static uint64_t get_table_width(const helper_golden *golden) {
    uint64_t width = 0;
    for (size_t i = 0; i < hrm_safetensors_count(golden->file); i++) {
        const hrm_safetensors_tensor *t = hrm_safetensors_get(golden->file, i);
        const char *slash = strrchr(t->name, '/');
        if (strncmp(t->name, "rope/", 5) != 0 || !slash || strcmp(slash, "/cos") != 0) continue;
        if (width && width != helper_golden_width(t)) return 0;
        width = helper_golden_width(t);
    }
    return width;
}

/* A projection does not tell its head width. In order: the turned q and k, what the manifest says of qkv ("2 heads of
 * 32"), the group's name ("hd32"), the manifest's configuration, the file's only rope table. */
static uint64_t get_head_dim(const helper_golden *golden, uint64_t width) {
    double number = 0;
    const hrm_safetensors_tensor *turned = helper_golden_find(golden, "q_rot");
    if (!turned) turned = helper_golden_find(golden, "k_rot");
    if (turned && turned->rank == 4) return turned->shape[3];
    if (helper_golden_number_after(helper_golden_meaning(golden, "qkv"), " heads of ", &number) && number > 0)
        return (uint64_t)number;
    if (helper_golden_number_after(golden->group, "hd", &number) && number > 0) return (uint64_t)number;
    number = helper_golden_config(golden, "head_dim", 0);
    if (number > 0) return (uint64_t)number;
    number = helper_golden_config(golden, "num_heads", 0);
    if (number > 0) return width / (uint64_t)number;
    return get_table_width(golden);
}

static void record_rope(const attention *a, hrm_tensor x, bool inverse) {
    hrm_rope(helper_gpu_begin(), (hrm_rope_args){.x = x,
                                                 .cos_table = a->cos_table,
                                                 .sin_table = a->sin_table,
                                                 .batch = a->batch,
                                                 .seq = a->seq,
                                                 .heads = a->heads,
                                                 .head_dim = a->head_dim,
                                                 .part_count = 2,
                                                 .inverse = inverse});
}

/* q and k after the turn. */
static void check_turned(const helper_golden *golden, const attention *a, hrm_tensor qkv) {
    const uint64_t rows = a->batch * a->seq;
    const float *got = helper_gpu_read(qkv);
    float *part = helper_gpu_host_f32(rows * a->width);
    for (uint64_t p = 0; p < 2; p++) {
        for (uint64_t row = 0; row < rows; row++)
            memcpy(part + row * a->width, got + (3 * row + p) * a->width, a->width * sizeof(float));
        helper_golden_check(golden, p == 0 ? "q_rot" : "k_rot", part, rows * a->width, floor_rel);
    }
}

static void visit_attention(const helper_golden *golden, void *user) {
    (void)user;
    const hrm_safetensors_tensor *shape = helper_golden_need(golden, "qkv");
    if (!shape) return;
    CHECK_EQ(shape->rank, 3);
    attention a = {.batch = shape->shape[0], .seq = shape->shape[1], .width = shape->shape[2] / 3};
    const uint64_t head_dim = get_head_dim(golden, a.width), count = a.batch * a.seq * a.width, half = head_dim / 2;
    if (head_dim < 2 || head_dim % 2 || a.width % head_dim || 3 * a.width != shape->shape[2]) {
        helper_golden_skip(golden, "a projection of %llu values and a head width of %llu",
                           (unsigned long long)shape->shape[2], (unsigned long long)head_dim);
        return;
    }
    a.head_dim = (uint32_t)head_dim;
    a.heads = (uint32_t)(a.width / head_dim);
    float *c = helper_gpu_host_f32(a.seq * half), *s = helper_gpu_host_f32(a.seq * half);
    char group[32];
    snprintf(group, sizeof group, "rope/hd%u", a.head_dim);
    helper_golden table = *golden;
    table.group = group;
    hrm_rope_make_table(a.seq, a.head_dim, get_theta(&table, "cos"), c, s);
    a.cos_table = helper_gpu_f32(c, a.seq * half);
    a.sin_table = helper_gpu_f32(s, a.seq * half);
    hrm_tensor qkv = helper_gpu_f32(helper_golden_f32(golden, "qkv", 3 * count), 3 * count);
    record_rope(&a, qkv, false);
    if (head_dim % 8 || head_dim > 128) { /* as ops/attention.h says */
        helper_gpu_run();
        check_turned(golden, &a, qkv);
        helper_golden_skip(golden, "attention does not take heads of %u", a.head_dim);
        return;
    }
    const float *dy = helper_golden_f32(golden, "dy", count);
    hrm_tensor o = helper_gpu_f32(NULL, count), lse = helper_gpu_f32(NULL, a.batch * a.heads * a.seq);
    hrm_tensor grad = helper_gpu_f32(NULL, 3 * count);
    hrm_attention_fwd(
        helper_gpu_begin(),
        (hrm_attention_fwd_args){
            .qkv = qkv, .o = o, .lse = lse, .batch = a.batch, .seq = a.seq, .heads = a.heads, .head_dim = a.head_dim});
    if (dy) {
        hrm_attention_bwd(helper_gpu_begin(),
                          (hrm_attention_bwd_args){.qkv = qkv,
                                                   .o = o,
                                                   .lse = lse,
                                                   .grad_o = helper_gpu_f32(dy, count),
                                                   .delta = helper_gpu_f32(NULL, a.batch * a.heads * a.seq),
                                                   .grad_qkv = grad,
                                                   .batch = a.batch,
                                                   .seq = a.seq,
                                                   .heads = a.heads,
                                                   .head_dim = a.head_dim});
        record_rope(&a, grad, true);
    }
    helper_gpu_run();
    check_turned(golden, &a, qkv);
    helper_golden_check(golden, "y", helper_gpu_read(o), count, floor_rel_sum);
    if (dy) helper_golden_check(golden, "dqkv", helper_gpu_read(grad), 3 * count, floor_rel_sum);
}

static void test_attention(void **state) {
    (void)state;
    helper_golden_each("attention", visit_attention, NULL);
}

/* ---- embedding ----------------------------------------------------------------------------------------------------
 */

static void visit_embedding(const helper_golden *golden, void *user) {
    (void)user;
    const hrm_safetensors_tensor *table_shape = helper_golden_find(golden, "table");
    const hrm_safetensors_tensor *ids_shape = helper_golden_need(golden, "ids");
    if (!table_shape) table_shape = helper_golden_need(golden, "dtable");
    if (!ids_shape || !table_shape) return;
    const uint64_t hidden = helper_golden_width(table_shape), vocab = table_shape->count / hidden;
    const uint64_t seq = helper_golden_width(ids_shape), batch = ids_shape->count / seq;
    const uint64_t count = ids_shape->count * hidden;
    const uint32_t *ids = helper_golden_u32(golden, "ids", ids_shape->count);
    const float *table = helper_golden_f32(golden, "table", vocab * hidden),
                *dy = helper_golden_f32(golden, "dy", count);
    hrm_tensor tokens = helper_gpu_u32(ids, ids_shape->count), y = helper_gpu_f32(NULL, count);
    hrm_tensor grad = helper_gpu_f32(NULL, vocab * hidden);
    if (!table && !dy) {
        helper_golden_skip(golden, "it has neither table nor dy");
        return;
    }
    if (table) {
        hrm_embed_fwd(helper_gpu_begin(), (hrm_embed_fwd_args){.tokens = tokens,
                                                               .table = helper_gpu_f32(table, vocab * hidden),
                                                               .y = y,
                                                               .batch = batch,
                                                               .seq = seq,
                                                               .hidden = hidden,
                                                               .vocab = vocab,
                                                               .scale = 1.0f});
    }
    if (dy) {
        uint64_t scratch = hrm_embed_bwd_scratch_count(batch, seq, hidden, vocab);
        hrm_embed_bwd(helper_gpu_begin(), (hrm_embed_bwd_args){.tokens = tokens,
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
    const float *got = helper_gpu_read(grad);
    helper_golden_check(golden, "dtable", got, vocab * hidden, floor_rel);
    uint32_t *used = helper_gpu_host_u32(vocab); /* rows of unused tokens are exactly 0 */
    for (uint64_t i = 0; i < ids_shape->count; i++) used[ids[i]] = 1;
    for (uint64_t i = 0; i < vocab * hidden; i++) CHECK(used[i / hidden] || got[i] == 0.0f);
}

static void test_embedding(void **state) {
    (void)state;
    helper_golden_each("embedding", visit_embedding, NULL);
}

/* ---- the rest -----------------------------------------------------------------------------------------------------
 */

/* Here and in test_golden_losses.c. */
static void test_unknown(void **state) {
    (void)state;
    static const char *const ops[] = {"rms_norm",  "swiglu_act", "swiglu_mlp",   "linear",     "rope",
                                      "attention", "embedding",  "softmax_ce",   "bce_logits", "stablemax_ce",
                                      "adam",      "sign_sgd",   "trunc_normal", NULL};
    helper_golden_print_unknown(ops);
}

HELPER_GOLDEN_MAIN(HELPER_GPU_TEST(test_rms_norm), HELPER_GPU_TEST(test_swiglu), HELPER_GPU_TEST(test_linear),
                   HELPER_GPU_TEST(test_swiglu_mlp), HELPER_GPU_TEST(test_rope_tables), HELPER_GPU_TEST(test_attention),
                   HELPER_GPU_TEST(test_embedding), HELPER_GPU_TEST(test_unknown))
