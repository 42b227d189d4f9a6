#include "model/step.h"

#include <string.h>

#include "ops/act.h"
#include "ops/embed.h"
#include "ops/loss.h"
#include "shared/act.h"

hrm_status hrm_step_init(hrm_step *s, hrm_plan *plan, const hrm_model *m, const hrm_step_config *config) {
    memset(s, 0, sizeof *s);
    const hrm_dims *d = &m->dims;
    const uint32_t B = config->batch;
    const uint64_t rows = (uint64_t)B * d->T;
    s->model = m;
    s->config = *config;
    /* With a single segment there is nothing to go on to: the reference then has no continue loss either. */
    s->has_target = m->config.halt_rule == HRM_HALT_COMPARE && m->config.halt_max_segments > 1;
    hrm_carry_plan(&s->carry, plan, m, B, true);
    s->net = (hrm_net){.model = m, .batch = B};
    hrm_scratch_plan(&s->net.scratch, plan, m, B, true);
    hrm_status status = hrm_inner_init(&s->inner, plan, m, B, 2, s->carry.z_h, s->carry.z_l);
    if (status == HRM_OK) status = hrm_grads_init(&s->grads, plan, m);
    if (status != HRM_OK) return status;
    if (s->has_target) {
        s->next_z_h = hrm_plan_2d(plan, HRM_LIFE_SCRATCH, "next z_H", HRM_F32_T, rows, d->D);
        s->next_z_l = hrm_plan_2d(plan, HRM_LIFE_SCRATCH, "next z_L", HRM_F32_T, rows, d->D);
        s->next_q = hrm_plan_2d(plan, HRM_LIFE_SCRATCH, "next q", HRM_F32_T, B, 2);
        s->target = hrm_plan_1d(plan, HRM_LIFE_SCRATCH, "continue target", HRM_F32_T, B);
    }
    s->grad_logits = hrm_plan_2d(plan, HRM_LIFE_SCRATCH, "gradient of the logits", HRM_F32_T, rows, d->V);
    s->grad_q = hrm_plan_2d(plan, HRM_LIFE_SCRATCH, "gradient of q", HRM_F32_T, B, 2);
    if (d->E) s->grad_puzzle = hrm_plan_2d(plan, HRM_LIFE_GRADIENTS, "puzzle gradients", HRM_F32_T, B, d->E);
    const struct {
        hrm_tensor *t;
        const char *label;
        hrm_dtype dtype;
    } per_row[] = {{&s->row_loss, "row loss", HRM_F32_T},
                   {&s->row_labelled, "row labelled", HRM_U32_T},
                   {&s->row_correct, "row correct", HRM_U32_T},
                   {&s->row_exact, "row exact", HRM_U32_T},
                   {&s->row_q_halt_loss, "row q_halt loss", HRM_F32_T},
                   {&s->row_q_continue_loss, "row q_continue loss", HRM_F32_T}};
    for (size_t i = 0; i < sizeof per_row / sizeof *per_row; i++)
        *per_row[i].t = hrm_plan_1d(plan, HRM_LIFE_IO, per_row[i].label, per_row[i].dtype, B);
    s->metrics = hrm_plan_1d(plan, HRM_LIFE_IO, "metrics", HRM_U32_T, sizeof(struct hrm_step_metrics) / 4);
    uint64_t scratch = hrm_embed_bwd_scratch_count(B, d->S, d->D, d->V);
    if (scratch)
        s->embed_scratch = hrm_plan_1d(plan, HRM_LIFE_SCRATCH, "partial embedding gradients", HRM_F32_T, scratch);
    if (config->replay_draws) {
        s->explore_uniform = hrm_plan_1d(plan, HRM_LIFE_IO, "exploration draws", HRM_F32_T, B);
        s->explore_min_steps = hrm_plan_1d(plan, HRM_LIFE_IO, "exploration steps", HRM_U32_T, B);
    }
    return hrm_plan_get_status(plan);
}

void hrm_step_deinit(hrm_step *s) {
    hrm_inner_deinit(&s->inner);
    hrm_grads_deinit(&s->grads);
}

static uint32_t max_segments(const hrm_step *s) {
    return s->config.max_segments ? s->config.max_segments : s->model->config.halt_max_segments;
}

static void record_losses(hrm_recorder *rec, const hrm_step *s) {
    const hrm_dims *d = &s->model->dims;
    const hrm_carry *c = &s->carry;
    const uint32_t B = s->config.batch;
    hrm_recorder_set_scope(rec, "loss");
    hrm_token_loss(
        rec, (hrm_token_loss_args){.logits = hrm_tensor_3d(c->logits.buffer, 0, HRM_F32_T, B, d->T, d->V),
                                   .labels = c->labels,
                                   .grad_logits = hrm_tensor_3d(s->grad_logits.buffer, 0, HRM_F32_T, B, d->T, d->V),
                                   .row_loss = s->row_loss,
                                   .row_labelled = s->row_labelled,
                                   .row_correct = s->row_correct,
                                   .row_exact = s->row_exact,
                                   .step_block = c->step_block,
                                   .batch = B,
                                   .seq = d->S,
                                   .puzzle_len = d->P,
                                   .vocab = d->V,
                                   .kind = s->config.softmax ? HRM_TOKEN_LOSS_SOFTMAX : HRM_TOKEN_LOSS_STABLEMAX,
                                   .grad_scale = s->config.grad_scale});
    hrm_act_halt(rec, (hrm_act_halt_args){.q = c->q,
                                          .steps = c->steps,
                                          .halted = c->halted,
                                          .step_block = c->step_block,
                                          .explore_uniform = s->explore_uniform,
                                          .explore_min_steps = s->explore_min_steps,
                                          .batch = B,
                                          .max_steps = max_segments(s),
                                          .mode = HRM_ACT_TRAIN,
                                          .has_continue = s->model->config.halt_rule == HRM_HALT_COMPARE,
                                          .draw_once = s->config.explore_once,
                                          .exploration = s->config.exploration});
    if (s->has_target) {
        hrm_inner_forward(
            rec, &s->net, &s->inner,
            &(hrm_inner_io){.e = c->e, .h_in = c->z_h, .l_in = c->z_l, .h_out = s->next_z_h, .l_out = s->next_z_l},
            false);
        hrm_carry_record_heads(rec, &s->net, s->next_z_h, (hrm_tensor){0}, s->next_q);
        hrm_recorder_set_scope(rec, "loss");
        hrm_q_target(
            rec, (hrm_q_target_args){
                     .q = s->next_q, .steps = c->steps, .target = s->target, .batch = B, .max_steps = max_segments(s)});
    }
    hrm_q_loss(rec, (hrm_q_loss_args){.q = c->q,
                                      .row_exact = s->row_exact,
                                      .target_continue = s->target,
                                      .grad_q = s->grad_q,
                                      .row_q_halt_loss = s->row_q_halt_loss,
                                      .row_q_continue_loss = s->row_q_continue_loss,
                                      .step_block = c->step_block,
                                      .batch = B,
                                      .q_weight = s->config.q_loss_weight,
                                      .grad_scale = s->config.grad_scale});
    hrm_act_metrics(rec, (hrm_act_metrics_args){.q = c->q,
                                                .halted = c->halted,
                                                .steps = c->steps,
                                                .row_loss = s->row_loss,
                                                .row_labelled = s->row_labelled,
                                                .row_correct = s->row_correct,
                                                .row_exact = s->row_exact,
                                                .row_q_halt_loss = s->row_q_halt_loss,
                                                .row_q_continue_loss = s->row_q_continue_loss,
                                                .metrics = s->metrics,
                                                .step_block = c->step_block,
                                                .batch = B,
                                                .q_weight = s->config.q_loss_weight});
    hrm_recorder_set_scope(rec, NULL);
}

void hrm_step_record(hrm_recorder *rec, const hrm_step *s) {
    const hrm_carry *c = &s->carry;
    hrm_carry_record_begin(rec, &s->net, c);
    hrm_inner_forward(rec, &s->net, &s->inner,
                      &(hrm_inner_io){.e = c->e, .h_in = c->z_h, .l_in = c->z_l, .h_out = c->z_h, .l_out = c->z_l},
                      true);
    hrm_carry_record_heads(rec, &s->net, c->z_h, c->logits, c->q);
    record_losses(rec, s);
    hrm_tensor grad_h = s->net.scratch.grad_h, grad_e;
    hrm_carry_record_heads_backward(rec, &s->net, &s->grads, c->z_h, s->grad_logits, s->grad_q, grad_h);
    hrm_inner_backward(rec, &s->net, &s->inner, &s->grads, grad_h, &grad_e);
    hrm_carry_record_embed_backward(rec, &s->net, c, &s->grads, grad_e, s->grad_puzzle, s->embed_scratch);
}
