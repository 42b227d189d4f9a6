#include "model/block.h"

#include "ops/attention.h"
#include "ops/matmul.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"
#include "ops/swiglu.h"

hrm_tensor hrm_net_view(hrm_tensor base, uint64_t rows, uint64_t cols) {
    return hrm_tensor_2d(base.buffer, base.offset, base.dtype, rows, cols);
}

void hrm_scratch_plan(hrm_scratch *s, hrm_plan *plan, const hrm_model *m, uint32_t batch, bool backward) {
    const hrm_dims *d = &m->dims;
    const uint64_t rows = (uint64_t)batch * d->T;
    const hrm_dtype f32 = HRM_F32_T, inside = m->inside;
    const struct {
        hrm_tensor *t;
        const char *label;
        hrm_dtype dtype;
        uint64_t cols;
        bool backward_only;
    } rows_of[] = {
        {&s->qkv, "scratch qkv", inside, 3ull * d->D, false},
        {&s->attn, "scratch attention", inside, d->D, false},
        {&s->sum, "scratch sum", f32, d->D, false},
        {&s->mid, "scratch middle", f32, d->D, false},
        {&s->gate_up, "scratch gate and up", inside, 2ull * d->F, false},
        {&s->act, "scratch activation", inside, d->F, false},
        {&s->ping, "scratch ping", f32, d->D, false},
        {&s->pong, "scratch pong", f32, d->D, false},
        {&s->grad_h, "gradient of z_H", f32, d->D, true},
        {&s->grad_l, "gradient of z_L", f32, d->D, true},
        {&s->grad_qkv, "gradient of qkv", inside, 3ull * d->D, true},
        {&s->grad_gate_up, "gradient of gate and up", inside, 2ull * d->F, true},
        {&s->grad_act, "gradient of the activation", inside, d->F, true},
        {&s->delta, "attention delta", f32, d->H, true},
    };
    for (size_t i = 0; i < sizeof rows_of / sizeof *rows_of; i++)
        if (backward || !rows_of[i].backward_only)
            *rows_of[i].t =
                hrm_plan_2d(plan, HRM_LIFE_SCRATCH, rows_of[i].label, rows_of[i].dtype, rows, rows_of[i].cols);
    if (!backward) return;
    const uint32_t weights[][2] = {{3 * d->D, d->D}, {d->D, d->D}, {2 * d->F, d->D}, {d->D, d->F}, {d->V, d->D}};
    uint64_t most = 0;
    const size_t head = sizeof weights / sizeof *weights - 1; /* f32 in every precision */
    for (size_t i = 0; i <= head; i++) {
        uint64_t n = hrm_matmul_scratch_count(m->device, HRM_MATMUL_TN, i == head ? f32 : inside, weights[i][0],
                                              weights[i][1], (uint32_t)rows);
        if (n > most) most = n;
    }
    if (most) s->product = hrm_plan_1d(plan, HRM_LIFE_SCRATCH, "partial products", HRM_F32_T, most);
}

void hrm_block_saved_plan(hrm_block_saved *s, hrm_plan *plan, const hrm_model *m, uint32_t batch, hrm_tensor in,
                          hrm_tensor out) {
    const hrm_dims *d = &m->dims;
    const uint64_t rows = (uint64_t)batch * d->T;
    s->in = in;
    s->out = out;
    s->qkv = hrm_plan_2d(plan, HRM_LIFE_SAVED, "saved qkv", m->inside, rows, 3ull * d->D);
    s->attn = hrm_plan_2d(plan, HRM_LIFE_SAVED, "saved attention", m->inside, rows, d->D);
    s->lse = hrm_plan_1d(plan, HRM_LIFE_SAVED, "saved log-sum-exp", HRM_F32_T, rows * d->H);
    s->mid = hrm_plan_2d(plan, HRM_LIFE_SAVED, "saved middle", HRM_F32_T, rows, d->D);
    s->mid_rstd = hrm_plan_1d(plan, HRM_LIFE_SAVED, "saved 1/rms", HRM_F32_T, rows);
    s->gate_up = hrm_plan_2d(plan, HRM_LIFE_SAVED, "saved gate and up", m->inside, rows, 2ull * d->F);
    s->act = hrm_plan_2d(plan, HRM_LIFE_SAVED, "saved activation", m->inside, rows, d->F);
    s->out_rstd = hrm_plan_1d(plan, HRM_LIFE_SAVED, "saved 1/rms", HRM_F32_T, rows);
}

/* y = x W^T (+ residual) */
static void linear(hrm_recorder *rec, const hrm_linear *l, hrm_tensor x, hrm_tensor y, hrm_tensor residual,
                   const char *label) {
    hrm_matmul(rec, (hrm_matmul_args){.form = HRM_MATMUL_NT,
                                      .a = x,
                                      .b = l->operand,
                                      .b_packed = l->packed,
                                      .c = y,
                                      .residual = residual,
                                      .label = label});
}

static void rotate(hrm_recorder *rec, const hrm_net *net, hrm_tensor qkv, bool inverse) {
    const hrm_dims *d = &net->model->dims;
    if (!d->rope) return;
    hrm_rope(rec, (hrm_rope_args){.x = qkv,
                                  .cos_table = net->model->rope_cos,
                                  .sin_table = net->model->rope_sin,
                                  .batch = net->batch,
                                  .seq = d->T,
                                  .heads = d->H,
                                  .head_dim = d->hd,
                                  .part_count = 2,
                                  .inverse = inverse});
}

/* Whether the product of gate and up can end in SwiGLU. 16-bit activations of gate and up as they were summed are not
 * those of gate and up as they are stored: whether these are kept must not decide which it is. */
static bool can_gate(const hrm_net *net, const hrm_matmul_args *gated, hrm_tensor gate_up) {
    hrm_matmul_args kept = *gated;
    kept.pre = gate_up;
    return hrm_matmul_can_end(net->model->device, gated) &&
           (!hrm_dtype_is_16bit(gated->c.dtype) || hrm_matmul_can_end(net->model->device, &kept));
}

/* y = rms_norm(x W^T + residual) */
static void linear_norm(hrm_recorder *rec, const hrm_net *net, const hrm_linear *l, hrm_tensor x, hrm_tensor residual,
                        hrm_tensor y, hrm_tensor rstd, const char *label, const char *fused_label) {
    const hrm_dims *d = &net->model->dims;
    const uint32_t rows = net->batch * d->T;
    hrm_matmul_args normed = {.form = HRM_MATMUL_NT,
                              .a = x,
                              .b = l->operand,
                              .b_packed = l->packed,
                              .c = y,
                              .residual = residual,
                              .end = HRM_MATMUL_END_RMS_NORM,
                              .rstd = rstd,
                              .eps = net->model->config.rms_norm_eps,
                              .label = fused_label};
    if (hrm_matmul_can_end(net->model->device, &normed)) {
        hrm_matmul(rec, normed);
        return;
    }
    hrm_tensor sum = hrm_net_view(net->scratch.sum, rows, d->D);
    linear(rec, l, x, sum, residual, label);
    hrm_rms_norm_fwd(
        rec, (hrm_rms_norm_fwd_args){.x = sum, .y = y, .rstd = rstd, .rows = rows, .cols = d->D, .eps = normed.eps});
}

void hrm_block_forward(hrm_recorder *rec, const hrm_net *net, const hrm_layer_weights *w, hrm_tensor in, hrm_tensor out,
                       const hrm_block_saved *saved) {
    const hrm_dims *d = &net->model->dims;
    const hrm_scratch *s = &net->scratch;
    const uint32_t rows = net->batch * d->T;
    const hrm_tensor none = {0};
    hrm_tensor qkv = hrm_net_view(saved ? saved->qkv : s->qkv, rows, 3ull * d->D);
    hrm_tensor attn = hrm_net_view(saved ? saved->attn : s->attn, rows, d->D);
    hrm_tensor mid = hrm_net_view(saved ? saved->mid : s->mid, rows, d->D);
    hrm_tensor gate_up = hrm_net_view(saved ? saved->gate_up : s->gate_up, rows, 2ull * d->F);
    hrm_tensor act = hrm_net_view(saved ? saved->act : s->act, rows, d->F);

    hrm_matmul_args turned = {.form = HRM_MATMUL_NT,
                              .a = in,
                              .b = w->qkv.operand,
                              .b_packed = w->qkv.packed,
                              .c = qkv,
                              .end = d->rope ? HRM_MATMUL_END_ROPE : HRM_MATMUL_END_PLAIN,
                              .cos_table = net->model->rope_cos,
                              .sin_table = net->model->rope_sin,
                              .seq = d->T,
                              .heads = d->H,
                              .head_dim = d->hd,
                              .label = "qkv rope"};
    if (hrm_matmul_can_end(net->model->device, &turned)) {
        hrm_matmul(rec, turned);
    } else {
        linear(rec, &w->qkv, in, qkv, none, "qkv");
        rotate(rec, net, qkv, false);
    }
    hrm_attention_fwd(rec, (hrm_attention_fwd_args){.qkv = qkv,
                                                    .o = attn,
                                                    .lse = saved ? saved->lse : none,
                                                    .batch = net->batch,
                                                    .seq = d->T,
                                                    .heads = d->H,
                                                    .head_dim = d->hd});
    linear_norm(rec, net, &w->o, attn, in, mid, saved ? saved->mid_rstd : none, "o", "o norm");
    /* Gate and up need not be stored where backward does not want them, or the activation comes with them. */
    hrm_matmul_args gated = {.form = HRM_MATMUL_NT,
                             .a = mid,
                             .b = w->gate_up.operand,
                             .b_packed = w->gate_up.packed,
                             .c = act,
                             .end = HRM_MATMUL_END_SWIGLU,
                             .pre = saved ? gate_up : none,
                             .label = "gate_up swiglu"};
    if (can_gate(net, &gated, gate_up)) {
        hrm_matmul(rec, gated);
    } else {
        linear(rec, &w->gate_up, mid, gate_up, none, "gate_up");
        hrm_swiglu_fwd(rec, (hrm_swiglu_fwd_args){.gate_up = gate_up, .y = act, .rows = rows, .cols = d->F});
    }
    linear_norm(rec, net, &w->down, act, mid, out, saved ? saved->out_rstd : none, "down", "down norm");
}

/* grad_w (+)= grad_y^T x */
static void weight_gradient(hrm_recorder *rec, const hrm_net *net, hrm_tensor grad_w, bool accumulate, hrm_tensor x,
                            hrm_tensor grad_y, const char *label) {
    hrm_matmul(rec, (hrm_matmul_args){.form = HRM_MATMUL_TN,
                                      .a = grad_y,
                                      .b = x,
                                      .c = grad_w,
                                      .scratch = net->scratch.product,
                                      .accumulate = accumulate,
                                      .label = label});
}

/* grad_x = grad_y W (+ residual); grad_w (+)= grad_y^T x */
static void linear_backward(hrm_recorder *rec, const hrm_net *net, const hrm_linear *l, hrm_tensor grad_w,
                            bool accumulate, hrm_tensor x, hrm_tensor grad_y, hrm_tensor grad_x, hrm_tensor residual,
                            const char *input_label, const char *weight_label) {
    weight_gradient(rec, net, grad_w, accumulate, x, grad_y, weight_label);
    hrm_matmul(rec, (hrm_matmul_args){.form = HRM_MATMUL_NN,
                                      .a = grad_y,
                                      .b = l->operand,
                                      .c = grad_x,
                                      .residual = residual,
                                      .label = input_label});
}

void hrm_block_backward(hrm_recorder *rec, const hrm_net *net, const hrm_layer_weights *w,
                        const hrm_layer_weights *grads, bool accumulate, const hrm_block_saved *saved,
                        hrm_tensor grad_out, hrm_tensor grad_in) {
    const hrm_dims *d = &net->model->dims;
    const hrm_scratch *s = &net->scratch;
    const uint32_t rows = net->batch * d->T;
    const hrm_tensor none = {0};
    hrm_tensor a = hrm_net_view(s->ping, rows, d->D), b = hrm_net_view(s->pong, rows, d->D);
    hrm_tensor grad_act = hrm_net_view(s->grad_act, rows, d->F);
    hrm_tensor grad_gate_up = hrm_net_view(s->grad_gate_up, rows, 2ull * d->F);
    hrm_tensor grad_qkv = hrm_net_view(s->grad_qkv, rows, 3ull * d->D);
    hrm_tensor grad_attn = hrm_net_view(s->attn, rows, d->D);

    /* h2 = rms(mid + down(swiglu(gate_up(mid)))) */
    hrm_rms_norm_bwd(
        rec,
        (hrm_rms_norm_bwd_args){
            .grad_y = grad_out, .y = saved->out, .rstd = saved->out_rstd, .grad_x = a, .rows = rows, .cols = d->D});
    hrm_matmul_args gated = {.form = HRM_MATMUL_NN,
                             .a = a,
                             .b = w->down.operand,
                             .b_packed = w->down.packed,
                             .c = grad_gate_up,
                             .end = HRM_MATMUL_END_SWIGLU_BWD,
                             .pre = saved->gate_up,
                             .label = "down dx swiglu"};
    if (hrm_matmul_can_end(net->model->device, &gated)) {
        weight_gradient(rec, net, grads->down.weight, accumulate, saved->act, a, "down dw");
        hrm_matmul(rec, gated);
    } else {
        linear_backward(rec, net, &w->down, grads->down.weight, accumulate, saved->act, a, grad_act, none, "down dx",
                        "down dw");
        hrm_swiglu_bwd(rec, (hrm_swiglu_bwd_args){.gate_up = saved->gate_up,
                                                  .grad_y = grad_act,
                                                  .grad_gate_up = grad_gate_up,
                                                  .rows = rows,
                                                  .cols = d->F});
    }
    linear_backward(rec, net, &w->gate_up, grads->gate_up.weight, accumulate, saved->mid, grad_gate_up, b, a,
                    "gate_up dx", "gate_up dw");
    /* mid = rms(in + o(attention(qkv(in)))) */
    hrm_rms_norm_bwd(
        rec, (hrm_rms_norm_bwd_args){
                 .grad_y = b, .y = saved->mid, .rstd = saved->mid_rstd, .grad_x = a, .rows = rows, .cols = d->D});
    linear_backward(rec, net, &w->o, grads->o.weight, accumulate, saved->attn, a, grad_attn, none, "o dx", "o dw");
    hrm_attention_bwd(rec, (hrm_attention_bwd_args){.qkv = saved->qkv,
                                                    .o = saved->attn,
                                                    .lse = saved->lse,
                                                    .grad_o = grad_attn,
                                                    .delta = s->delta,
                                                    .grad_qkv = grad_qkv,
                                                    .batch = net->batch,
                                                    .seq = d->T,
                                                    .heads = d->H,
                                                    .head_dim = d->hd});
    rotate(rec, net, grad_qkv, true);
    linear_backward(rec, net, &w->qkv, grads->qkv.weight, accumulate, saved->in, grad_qkv, grad_in, a, "qkv dx",
                    "qkv dw");
}
