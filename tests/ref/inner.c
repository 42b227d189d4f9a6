#include "ref/inner.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "ref/attention.h"
#include "ref/elementwise.h"
#include "ref/rms_norm.h"
#include "ref/rope.h"
#include "ref/swiglu.h"

/* ---- sizes ---- */

static size_t count_rows(const ref_inner *s) {
    return s->batch * s->seq;
}

static size_t count_state(const ref_inner *s) {
    return count_rows(s) * s->hidden;
}

static int module_of(const ref_inner *s, size_t call) {
    return (call + 1) % (s->l_cycles + 1) == 0 ? REF_INNER_H : REF_INNER_L;
}

size_t ref_inner_get_call_count(const ref_inner *s) {
    return s->h_cycles * (s->l_cycles + 1);
}

size_t ref_inner_get_weight_count(const ref_inner *s, int weight) {
    const size_t counts[REF_INNER_WEIGHT_COUNT] = {
        [REF_INNER_QKV] = 3 * s->hidden * s->hidden,
        [REF_INNER_O] = s->hidden * s->hidden,
        [REF_INNER_GATE_UP] = 2 * s->feed_forward * s->hidden,
        [REF_INNER_DOWN] = s->hidden * s->feed_forward,
    };
    return counts[weight];
}

size_t ref_inner_get_weight_offset(const ref_inner *s, size_t layer, int weight) {
    size_t before = 0, block = 0;
    for (int i = 0; i < REF_INNER_WEIGHT_COUNT; i++) {
        if (i < weight) before += ref_inner_get_weight_count(s, i);
        block += ref_inner_get_weight_count(s, i);
    }
    return layer * block + before;
}

size_t ref_inner_get_module_count(const ref_inner *s, int module) {
    return ref_inner_get_weight_offset(s, s->layers[module], 0);
}

static double *make(size_t n) {
    double *values = calloc(n, sizeof *values);
    CHECK_MSG(values != NULL, "no host memory for %zu values", n);
    return values;
}

/* ---- linear layers: ref_matmul takes what kernels take, f32; here everything stays double ---- */

/* y [rows, out] = x [rows, in] w [out, in]^T */
static void linear(const double *x, const double *w, double *y, size_t rows, size_t in, size_t out) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < out; j++) {
            double sum = 0;
            for (size_t k = 0; k < in; k++) sum += x[r * in + k] * w[j * in + k];
            y[r * out + j] = sum;
        }
    }
}

/* grad_x is overwritten, grad_w added to. */
static void linear_backward(const double *x, const double *w, const double *grad_y, double *grad_x, double *grad_w,
                            size_t rows, size_t in, size_t out) {
    memset(grad_x, 0, rows * in * sizeof *grad_x);
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < out; j++) {
            const double g = grad_y[r * out + j];
            for (size_t k = 0; k < in; k++) {
                grad_x[r * in + k] += g * w[j * in + k];
                grad_w[j * in + k] += g * x[r * in + k];
            }
        }
    }
}

/* ---- a block ---- */

/* Everything a block computes. */
typedef struct block {
    double *in, *qkv, *attn, *lse, *o, *mid, *gate_up, *act, *down, *out; /* qkv turned; o and down before residuals */
} block;

static void init_block(block *b, const ref_inner *s) {
    const size_t n = count_rows(s), D = s->hidden, F = s->feed_forward;
    *b = (block){.in = make(n * D),
                 .qkv = make(n * 3 * D),
                 .attn = make(n * D),
                 .lse = make(n * s->heads),
                 .o = make(n * D),
                 .mid = make(n * D),
                 .gate_up = make(n * 2 * F),
                 .act = make(n * F),
                 .down = make(n * D),
                 .out = make(n * D)};
}

static void deinit_block(block *b) {
    double *const all[] = {b->in, b->qkv, b->attn, b->lse, b->o, b->mid, b->gate_up, b->act, b->down, b->out};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static ref_attention_shape attention_shape(const ref_inner *s) {
    return (ref_attention_shape){s->batch, s->seq, s->heads, s->hidden / s->heads};
}

/* Queries and keys, or their gradients with sign -1. */
static void turn(const ref_inner *s, double *qkv, double sign) {
    if (s->rope) ref_rope(qkv, s->batch, s->seq, 3 * s->hidden, 2, s->heads, s->hidden / s->heads, s->rope_theta, sign);
}

/* From b->in to b->out; w are the weights of the block's layer. */
static void forward_block(const ref_inner *s, const double *w, block *b) {
    const size_t n = count_rows(s), D = s->hidden, F = s->feed_forward;
    linear(b->in, w + ref_inner_get_weight_offset(s, 0, REF_INNER_QKV), b->qkv, n, D, 3 * D);
    turn(s, b->qkv, 1);
    ref_attention_fwd(attention_shape(s), b->qkv, b->attn, b->lse);
    linear(b->attn, w + ref_inner_get_weight_offset(s, 0, REF_INNER_O), b->o, n, D, D);
    ref_rms_norm_fwd(b->o, b->in, b->mid, NULL, n, D, s->eps);
    linear(b->mid, w + ref_inner_get_weight_offset(s, 0, REF_INNER_GATE_UP), b->gate_up, n, D, 2 * F);
    ref_swiglu_fwd(b->gate_up, b->act, n, F);
    linear(b->act, w + ref_inner_get_weight_offset(s, 0, REF_INNER_DOWN), b->down, n, F, D);
    ref_rms_norm_fwd(b->down, b->mid, b->out, NULL, n, D, s->eps);
}

/* g: the gradient of b->out, which becomes that of b->in. grad_w is added to. */
static void backward_block(const ref_inner *s, const double *w, const block *b, double *grad_w, double *g) {
    const size_t n = count_rows(s), D = s->hidden, F = s->feed_forward;
    const size_t qkv = ref_inner_get_weight_offset(s, 0, REF_INNER_QKV),
                 o = ref_inner_get_weight_offset(s, 0, REF_INNER_O);
    const size_t gate_up = ref_inner_get_weight_offset(s, 0, REF_INNER_GATE_UP);
    const size_t down = ref_inner_get_weight_offset(s, 0, REF_INNER_DOWN);
    double *sum = make(n * D), *mid = make(n * D), *through = make(n * D), *delta = make(n * s->heads);
    double *act = make(n * F), *wide = make(n * 2 * F), *grad_qkv = make(n * 3 * D);

    ref_rms_norm_bwd(g, NULL, b->down, b->mid, sum, n, D, s->eps);
    linear_backward(b->act, w + down, sum, act, grad_w + down, n, F, D);
    ref_swiglu_bwd(b->gate_up, act, wide, n, F);
    linear_backward(b->mid, w + gate_up, wide, through, grad_w + gate_up, n, D, 2 * F);
    ref_add(through, sum, NULL, mid, n * D); /* the residual */

    ref_rms_norm_bwd(mid, NULL, b->o, b->in, sum, n, D, s->eps);
    linear_backward(b->attn, w + o, sum, through, grad_w + o, n, D, D);
    ref_attention_bwd(attention_shape(s), b->qkv, b->attn, b->lse, through, delta, grad_qkv);
    turn(s, grad_qkv, -1);
    linear_backward(b->in, w + qkv, grad_qkv, through, grad_w + qkv, n, D, 3 * D);
    ref_add(through, sum, NULL, g, n * D);

    double *const all[] = {sum, mid, through, delta, act, wide, grad_qkv};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

/* ---- the schedule ---- */

/* One call of a module: blocks [layers] keep what they compute. The new state is the last one's out. */
static void forward_call(const ref_inner *s, int module, const double *weights, const double *e, const double *h,
                         const double *l, block *blocks) {
    ref_add(h, l, module == REF_INNER_L ? e : NULL, blocks[0].in, count_state(s));
    for (size_t k = 0; k < s->layers[module]; k++) {
        if (k > 0) memcpy(blocks[k].in, blocks[k - 1].out, count_state(s) * sizeof *blocks[k].in);
        forward_block(s, weights + ref_inner_get_weight_offset(s, k, 0), &blocks[k]);
    }
}

static block *make_blocks(const ref_inner *s, size_t layers) {
    block *blocks = calloc(layers, sizeof *blocks);
    CHECK_MSG(blocks != NULL, "no host memory for %zu blocks", layers);
    for (size_t k = 0; k < layers; k++) init_block(&blocks[k], s);
    return blocks;
}

static void free_blocks(block *blocks, size_t layers) {
    for (size_t k = 0; k < layers; k++) deinit_block(&blocks[k]);
    free(blocks);
}

/* Advances h or l by one call. */
static void advance(const ref_inner *s, size_t call, const double *const weights[2], const double *e, double *h,
                    double *l, block *blocks) {
    const int module = module_of(s, call);
    forward_call(s, module, weights[module], e, h, l, blocks);
    memcpy(module == REF_INNER_H ? h : l, blocks[s->layers[module] - 1].out, count_state(s) * sizeof *h);
}

void ref_inner_forward(const ref_inner *s, size_t first, size_t last, const double *const weights[2], const double *e,
                       double *h, double *l) {
    const size_t most = s->layers[0] > s->layers[1] ? s->layers[0] : s->layers[1];
    block *blocks = make_blocks(s, most);
    for (size_t i = first; i < last; i++) advance(s, i, weights, e, h, l, blocks);
    free_blocks(blocks, most);
}

void ref_inner_backward(const ref_inner *s, size_t first, const double *const weights[2], const double *e,
                        const double *h_in, const double *l_in, const double *grad_h, double *const grad_weights[2],
                        double *grad_e) {
    const size_t n = count_state(s), count = ref_inner_get_call_count(s);
    /* the states' gradients, and while forward runs the states themselves */
    double *state[2] = {make(n), make(n)}, *grad[2] = {make(n), make(n)}, *g = make(n);
    memcpy(state[REF_INNER_H], h_in, n * sizeof *h_in);
    memcpy(state[REF_INNER_L], l_in, n * sizeof *l_in);
    block **calls = calloc(count, sizeof *calls);
    CHECK_MSG(calls != NULL, "no host memory for %zu calls", count);
    for (size_t i = first; i < count; i++) {
        calls[i] = make_blocks(s, s->layers[module_of(s, i)]);
        advance(s, i, weights, e, state[REF_INNER_H], state[REF_INNER_L], calls[i]);
    }
    for (int m = 0; m < 2; m++) memset(grad_weights[m], 0, ref_inner_get_module_count(s, m) * sizeof **grad_weights);
    memset(grad_e, 0, n * sizeof *grad_e);
    memcpy(grad[REF_INNER_H], grad_h, n * sizeof *grad_h);
    for (size_t i = count; i-- > first;) {
        const int m = module_of(s, i);
        /* The call replaces its own state, so all that the state is worth goes through the call. */
        memcpy(g, grad[m], n * sizeof *g);
        memset(grad[m], 0, n * sizeof *g);
        for (size_t k = s->layers[m]; k-- > 0;) {
            const size_t at = ref_inner_get_weight_offset(s, k, 0);
            backward_block(s, weights[m] + at, &calls[i][k], grad_weights[m] + at, g);
        }
        ref_add(grad[REF_INNER_H], g, NULL, grad[REF_INNER_H], n);
        ref_add(grad[REF_INNER_L], g, NULL, grad[REF_INNER_L], n);
        if (m == REF_INNER_L) ref_add(grad_e, g, NULL, grad_e, n);
        free_blocks(calls[i], s->layers[m]);
    }
    free(calls);
    for (int m = 0; m < 2; m++) {
        free(state[m]);
        free(grad[m]);
    }
    free(g);
}
