#include "model/carry.h"

#include <math.h>

#include "ops/act.h"
#include "ops/embed.h"
#include "ops/loss.h"
#include "ops/matmul.h"
#include "shared/step_block.h"

void hrm_carry_plan(hrm_carry *c, hrm_plan *plan, const hrm_model *m, uint32_t batch, bool with_labels) {
    const hrm_dims *d = &m->dims;
    const uint64_t rows = (uint64_t)batch * d->T;
    c->batch = batch;
    c->z_h = hrm_plan_2d(plan, HRM_LIFE_CARRY, "z_H", HRM_F32_T, rows, d->D);
    c->z_l = hrm_plan_2d(plan, HRM_LIFE_CARRY, "z_L", HRM_F32_T, rows, d->D);
    c->tokens = hrm_plan_2d(plan, HRM_LIFE_CARRY, "tokens", HRM_U32_T, batch, d->S);
    c->ids = hrm_plan_1d(plan, HRM_LIFE_CARRY, "puzzle ids", HRM_U32_T, batch);
    if (m->puzzle_on_host && !with_labels)
        c->puzzle_rows = hrm_plan_2d(plan, HRM_LIFE_CARRY, "puzzle rows", HRM_F32_T, batch, d->E);
    c->steps = hrm_plan_1d(plan, HRM_LIFE_CARRY, "segment counters", HRM_U32_T, batch);
    c->halted = hrm_plan_1d(plan, HRM_LIFE_CARRY, "halted flags", HRM_U32_T, batch);
    c->new_tokens = hrm_plan_2d(plan, HRM_LIFE_IO, "new tokens", HRM_U32_T, batch, d->S);
    c->new_ids = hrm_plan_1d(plan, HRM_LIFE_IO, "new puzzle ids", HRM_U32_T, batch);
    if (with_labels) {
        c->labels = hrm_plan_2d(plan, HRM_LIFE_CARRY, "labels", HRM_U32_T, batch, d->S);
        c->new_labels = hrm_plan_2d(plan, HRM_LIFE_IO, "new labels", HRM_U32_T, batch, d->S);
    }
    c->e = hrm_plan_2d(plan, HRM_LIFE_SCRATCH, "input embeddings", HRM_F32_T, rows, d->D);
    c->logits = hrm_plan_2d(plan, HRM_LIFE_IO, "logits", HRM_F32_T, rows, d->V);
    c->q = hrm_plan_2d(plan, HRM_LIFE_IO, "q logits", HRM_F32_T, batch, 2);
    c->step_block = hrm_plan_1d(plan, HRM_LIFE_IO, "step block", HRM_U32_T, sizeof(struct hrm_step_block) / 4);
}

void hrm_carry_record_clear(hrm_recorder *rec, const hrm_carry *c) {
    const hrm_tensor *zero[] = {&c->z_h, &c->z_l, &c->tokens, &c->labels, &c->ids, &c->steps};
    for (size_t i = 0; i < sizeof zero / sizeof *zero; i++)
        if (hrm_tensor_is_set(zero[i])) hrm_recorder_fill(rec, hrm_tensor_get_span(zero[i]), 0);
    hrm_recorder_fill(rec, hrm_tensor_get_span(&c->halted), 1);
}

static hrm_tensor rows_1d(hrm_tensor t, uint64_t n) {
    return t.buffer ? hrm_tensor_1d(t.buffer, t.offset, t.dtype, n) : t;
}

static hrm_tensor rows_2d(hrm_tensor t, uint64_t rows) {
    return t.buffer ? hrm_tensor_2d(t.buffer, t.offset, t.dtype, rows, t.shape[1]) : t;
}

static hrm_tensor split(hrm_tensor t, uint32_t batch, uint32_t seq, uint32_t cols) {
    return t.buffer ? hrm_tensor_3d(t.buffer, t.offset, t.dtype, batch, seq, cols) : t;
}

void hrm_carry_record_begin(hrm_recorder *rec, const hrm_net *net, const hrm_carry *c) {
    const hrm_model *m = net->model;
    const hrm_dims *d = &m->dims;
    const uint32_t B = net->batch;
    hrm_recorder_set_scope(rec, "begin");
    hrm_act_reset(rec, (hrm_act_reset_args){.halted = rows_1d(c->halted, B),
                                            .h_init = m->h_init,
                                            .l_init = m->l_init,
                                            .z_h = split(c->z_h, B, d->T, d->D),
                                            .z_l = split(c->z_l, B, d->T, d->D),
                                            .steps = rows_1d(c->steps, B),
                                            .tokens = rows_2d(c->tokens, B),
                                            .labels = rows_2d(c->labels, B),
                                            .puzzle_ids = rows_1d(c->ids, B),
                                            .new_tokens = rows_2d(c->new_tokens, B),
                                            .new_labels = rows_2d(c->new_labels, B),
                                            .new_puzzle_ids = rows_1d(c->new_ids, B)});
    hrm_embed_fwd(
        rec, (hrm_embed_fwd_args){.tokens = rows_2d(c->tokens, B),
                                  .table = m->embed_tokens,
                                  .puzzle_table = hrm_tensor_is_set(&c->puzzle_rows) ? c->puzzle_rows : m->puzzle_emb,
                                  .puzzle_ids = rows_1d(c->ids, B),
                                  .positions = m->embed_pos,
                                  .y = split(c->e, B, d->T, d->D),
                                  .batch = B,
                                  .seq = d->S,
                                  .puzzle_len = d->P,
                                  .puzzle_dim = d->E,
                                  .hidden = d->D,
                                  .vocab = d->V,
                                  .scale = sqrtf((float)d->D)});
    hrm_recorder_set_scope(rec, NULL);
}

void hrm_carry_record_heads(hrm_recorder *rec, const hrm_net *net, hrm_tensor z_h, hrm_tensor logits, hrm_tensor q) {
    const hrm_model *m = net->model;
    const hrm_dims *d = &m->dims;
    const uint32_t rows = net->batch * d->T;
    hrm_recorder_set_scope(rec, "heads");
    if (hrm_tensor_is_set(&logits))
        hrm_matmul(rec, (hrm_matmul_args){.form = HRM_MATMUL_NT,
                                          .a = hrm_net_view(z_h, rows, d->D),
                                          .b = m->lm_head.weight,
                                          .b_packed = m->lm_head.packed,
                                          .c = hrm_net_view(logits, rows, d->V),
                                          .label = "lm_head"});
    hrm_q_head_fwd(rec, (hrm_q_head_fwd_args){.z = split(z_h, net->batch, d->T, d->D),
                                              .weight = m->q_weight,
                                              .bias = m->q_bias,
                                              .q = hrm_net_view(q, net->batch, 2),
                                              .batch = net->batch,
                                              .seq = d->T,
                                              .hidden = d->D});
    hrm_recorder_set_scope(rec, NULL);
}

void hrm_carry_record_heads_backward(hrm_recorder *rec, const hrm_net *net, const hrm_head_grads *grads, hrm_tensor z_h,
                                     hrm_tensor grad_logits, hrm_tensor grad_q, hrm_tensor grad_h) {
    const hrm_model *m = net->model;
    const hrm_dims *d = &m->dims;
    hrm_recorder_set_scope(rec, "heads backward");
    hrm_matmul(rec, (hrm_matmul_args){.form = HRM_MATMUL_TN,
                                      .a = grad_logits,
                                      .b = z_h,
                                      .c = grads->lm_head,
                                      .scratch = net->scratch.product,
                                      .accumulate = grads->accumulate,
                                      .label = "lm_head dw"});
    hrm_matmul(
        rec, (hrm_matmul_args){
                 .form = HRM_MATMUL_NN, .a = grad_logits, .b = m->lm_head.weight, .c = grad_h, .label = "lm_head dx"});
    hrm_q_head_bwd(rec, (hrm_q_head_bwd_args){.z = split(z_h, net->batch, d->T, d->D),
                                              .weight = m->q_weight,
                                              .grad_q = grad_q,
                                              .grad_z = split(grad_h, net->batch, d->T, d->D),
                                              .grad_weight = grads->q_weight,
                                              .grad_bias = grads->q_bias,
                                              .batch = net->batch,
                                              .seq = d->T,
                                              .hidden = d->D});
    hrm_recorder_set_scope(rec, NULL);
}

void hrm_carry_record_embed_backward(hrm_recorder *rec, const hrm_net *net, const hrm_carry *c, const hrm_grads *grads,
                                     bool accumulate, hrm_tensor grad_e, hrm_tensor grad_puzzle, hrm_tensor scratch) {
    const hrm_dims *d = &net->model->dims;
    hrm_recorder_set_scope(rec, "embed backward");
    hrm_embed_bwd(rec, (hrm_embed_bwd_args){.tokens = c->tokens,
                                            .grad_y = split(grad_e, net->batch, d->T, d->D),
                                            .grad_table = grads->embed_tokens,
                                            .grad_positions = grads->embed_pos,
                                            .grad_puzzle = grad_puzzle,
                                            .scratch = scratch,
                                            .batch = net->batch,
                                            .seq = d->S,
                                            .puzzle_len = d->P,
                                            .puzzle_dim = d->E,
                                            .hidden = d->D,
                                            .vocab = d->V,
                                            .has_positions = d->learned,
                                            .accumulate = accumulate,
                                            .scale = sqrtf((float)d->D)});
    hrm_recorder_set_scope(rec, NULL);
}
