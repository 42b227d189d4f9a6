#include "model/step.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "ops/act.h"
#include "ops/elementwise.h"
#include "ops/embed.h"
#include "ops/loss.h"
#include "shared/act.h"
#include "shared/step_block.h"

/* ---- the whole batch ---- */

/* The one list of what a row has, z_H and z_L apart: where a part's rows lie in the step, where the whole batch's,
 * their words, lifetime and name there, and whether they are copied in and out. */
#define STEP_ROWS(X)                                                                                                   \
    X(carry.tokens, tokens, d->S, CARRY, "all tokens", true, true)                                                     \
    X(carry.labels, labels, d->S, CARRY, "all labels", true, true)                                                     \
    X(carry.ids, ids, 1, CARRY, "all puzzle ids", true, true)                                                          \
    X(carry.steps, steps, 1, CARRY, "all segment counters", true, true)                                                \
    X(carry.halted, halted, 1, CARRY, "all halted flags", true, true)                                                  \
    X(carry.new_tokens, new_tokens, d->S, IO, "all new tokens", true, false)                                           \
    X(carry.new_labels, new_labels, d->S, IO, "all new labels", true, false)                                           \
    X(carry.new_ids, new_ids, 1, IO, "all new puzzle ids", true, false)                                                \
    X(carry.q, q, 2, IO, "all q logits", false, true)                                                                  \
    X(row_loss, row_loss, 1, IO, "all row losses", false, true)                                                        \
    X(row_labelled, row_labelled, 1, IO, "all rows labelled", false, true)                                             \
    X(row_correct, row_correct, 1, IO, "all rows correct", false, true)                                                \
    X(row_exact, row_exact, 1, IO, "all rows exact", false, true)                                                      \
    X(row_q_halt_loss, row_q_halt_loss, 1, IO, "all rows q_halt loss", false, true)                                    \
    X(row_q_continue_loss, row_q_continue_loss, 1, IO, "all rows q_continue loss", false, true)                        \
    X(grad_puzzle, grad_puzzle, d->E, GRADIENTS, "all puzzle gradients", false, true)

typedef struct row_move {
    hrm_tensor part, whole;
    uint64_t words; /* of one row */
    bool load, store;
} row_move;

enum { MAX_MOVES = 20 };

/* The rows that this model has. */
static uint32_t list_moves(const hrm_step *s, row_move moves[MAX_MOVES]) {
    const hrm_dims *d = &s->model->dims;
    uint32_t count = 0;
#define X(from, name, row_words, life, label, load, store)                                                             \
    if (hrm_tensor_is_set(&s->from)) moves[count++] = (row_move){s->from, s->whole.name, row_words, load, store};
    STEP_ROWS(X)
#undef X
    return count;
}

static hrm_tensor plan_rows(hrm_plan *plan, hrm_lifetime life, const char *label, hrm_dtype dtype, uint64_t rows,
                            uint64_t cols) {
    return cols == 1 ? hrm_plan_1d(plan, life, label, dtype, rows) : hrm_plan_2d(plan, life, label, dtype, rows, cols);
}

static hrm_status plan_whole(hrm_step *s, hrm_plan *plan) {
    const hrm_dims *d = &s->model->dims;
    hrm_step_whole *w = &s->whole;
    w->z_h = calloc(s->parts, sizeof *w->z_h);
    w->z_l = calloc(s->parts, sizeof *w->z_l);
    if (!w->z_h || !w->z_l)
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "model: no host memory for a batch in %u parts", s->parts);
    if (s->parts == 1) {
        w->z_h[0] = s->carry.z_h;
        w->z_l[0] = s->carry.z_l;
        w->step_blocks = s->carry.step_block;
#define X(from, name, row_words, life, label, load, store) w->name = s->from;
        STEP_ROWS(X)
#undef X
        return HRM_OK;
    }
    const uint64_t rows = (uint64_t)s->parts * s->config.part, values = (uint64_t)s->config.part * d->T;
    for (uint32_t i = 0; i < s->parts; i++) {
        w->z_h[i] = hrm_plan_2d(plan, HRM_LIFE_CARRY, "z_H of a part", HRM_F32_T, values, d->D);
        w->z_l[i] = hrm_plan_2d(plan, HRM_LIFE_CARRY, "z_L of a part", HRM_F32_T, values, d->D);
    }
#define X(from, name, row_words, life, label, load, store)                                                             \
    if (hrm_tensor_is_set(&s->from)) w->name = plan_rows(plan, HRM_LIFE_##life, label, s->from.dtype, rows, row_words);
    STEP_ROWS(X)
#undef X
    w->step_blocks = hrm_plan_1d(plan, HRM_LIFE_IO, "step blocks", HRM_U32_T,
                                 (uint64_t)s->parts * (sizeof(struct hrm_step_block) / 4));
    s->part_q_weight = hrm_plan_2d(plan, HRM_LIFE_SCRATCH, "q weight gradient of a part", HRM_F32_T, 2, d->D);
    s->part_q_bias = hrm_plan_1d(plan, HRM_LIFE_SCRATCH, "q bias gradient of a part", HRM_F32_T, 2);
    return hrm_plan_get_status(plan);
}

void hrm_step_record_clear(hrm_recorder *rec, const hrm_step *s) {
    const hrm_step_whole *w = &s->whole;
    hrm_carry_record_clear(rec, &s->carry);
    if (s->parts == 1) return;
    for (uint32_t i = 0; i < s->parts; i++) {
        hrm_recorder_fill(rec, hrm_tensor_get_span(&w->z_h[i]), 0);
        hrm_recorder_fill(rec, hrm_tensor_get_span(&w->z_l[i]), 0);
    }
    /* Rows of the new batch too: those past it stay zero, and are read as padding. */
    row_move moves[MAX_MOVES];
    for (uint32_t i = list_moves(s, moves); i-- > 0;)
        if (moves[i].load) hrm_recorder_fill(rec, hrm_tensor_get_span(&moves[i].whole), 0);
    hrm_recorder_fill(rec, hrm_tensor_get_span(&w->halted), 1);
}

/* Part `part` of a tensor that holds `words` words a row, all parts one after another. */
static hrm_span part_span(const hrm_step *s, const hrm_tensor *whole, uint64_t words, uint32_t part) {
    const uint64_t bytes = s->config.part * words * 4;
    return (hrm_span){whole->buffer, whole->offset + part * bytes, bytes};
}

void hrm_step_record_load(hrm_recorder *rec, const hrm_step *s, uint32_t part) {
    if (s->parts == 1) return;
    const hrm_carry *c = &s->carry;
    row_move moves[MAX_MOVES];
    hrm_recorder_set_scope(rec, "load part");
    hrm_recorder_copy(rec, hrm_tensor_get_span(&c->z_h), hrm_tensor_get_span(&s->whole.z_h[part]));
    hrm_recorder_copy(rec, hrm_tensor_get_span(&c->z_l), hrm_tensor_get_span(&s->whole.z_l[part]));
    const uint32_t count = list_moves(s, moves);
    for (uint32_t i = 0; i < count; i++)
        if (moves[i].load)
            hrm_recorder_copy(rec, hrm_tensor_get_span(&moves[i].part),
                              part_span(s, &moves[i].whole, moves[i].words, part));
    const hrm_span block = hrm_tensor_get_span(&c->step_block);
    hrm_recorder_copy(
        rec, block,
        (hrm_span){s->whole.step_blocks.buffer, s->whole.step_blocks.offset + part * block.bytes, block.bytes});
    hrm_recorder_set_scope(rec, NULL);
}

void hrm_step_record_store(hrm_recorder *rec, const hrm_step *s, uint32_t part) {
    if (s->parts == 1) return;
    const hrm_carry *c = &s->carry;
    row_move moves[MAX_MOVES];
    hrm_recorder_set_scope(rec, "store part");
    hrm_recorder_copy(rec, hrm_tensor_get_span(&s->whole.z_h[part]), hrm_tensor_get_span(&c->z_h));
    hrm_recorder_copy(rec, hrm_tensor_get_span(&s->whole.z_l[part]), hrm_tensor_get_span(&c->z_l));
    const uint32_t count = list_moves(s, moves);
    for (uint32_t i = 0; i < count; i++)
        if (moves[i].store)
            hrm_recorder_copy(rec, part_span(s, &moves[i].whole, moves[i].words, part),
                              hrm_tensor_get_span(&moves[i].part));
    hrm_recorder_set_scope(rec, NULL);
}

/* ---- planning ---- */

hrm_status hrm_step_init(hrm_step *s, hrm_plan *plan, const hrm_model *m, const hrm_step_config *config) {
    memset(s, 0, sizeof *s);
    const hrm_dims *d = &m->dims;
    s->model = m;
    s->config = *config;
    if (s->config.part == 0 || s->config.part > s->config.batch) s->config.part = s->config.batch;
    const uint32_t B = s->config.part;
    const uint64_t rows = (uint64_t)B * d->T;
    s->parts = (s->config.batch + B - 1) / B;
    if (config->replay_draws && s->parts > 1)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "model: recorded draws are for a batch in one part, not in %u",
                        s->parts);
    /* With a single segment there is nothing to go on to: the reference then has no continue loss either. */
    s->has_target = m->config.halt_rule == HRM_HALT_COMPARE && m->config.halt_max_segments > 1;
    hrm_carry_plan(&s->carry, plan, m, B, true);
    if (m->puzzle_on_host)
        s->carry.puzzle_rows =
            hrm_plan_2d(plan, HRM_LIFE_CARRY, "puzzle rows in use", HRM_F32_T, config->puzzle_rows, d->E);
    s->net = (hrm_net){.model = m, .batch = B};
    hrm_scratch_plan(&s->net.scratch, plan, m, B, true);
    hrm_status status = hrm_inner_init(
        &s->inner, plan, m,
        &(hrm_inner_config){
            .batch = B, .saved_calls = config->full_cycle ? m->config.l_cycles + 1 : 2, .recompute = config->recompute},
        s->carry.z_h, s->carry.z_l);
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
    s->results = hrm_plan_1d(plan, HRM_LIFE_IO, "results of a step", HRM_U32_T, HRM_STEP_IDS_AT / 4 + config->batch);
    s->metrics = hrm_tensor_1d(s->results.buffer, HRM_STEP_METRICS_AT, HRM_U32_T, sizeof(struct hrm_step_metrics) / 4);
    uint64_t scratch = hrm_embed_bwd_scratch_count(B, d->S, d->D, d->V);
    if (scratch)
        s->embed_scratch = hrm_plan_1d(plan, HRM_LIFE_SCRATCH, "partial embedding gradients", HRM_F32_T, scratch);
    if (config->replay_draws) {
        s->explore_uniform = hrm_plan_1d(plan, HRM_LIFE_IO, "exploration draws", HRM_F32_T, B);
        s->explore_min_steps = hrm_plan_1d(plan, HRM_LIFE_IO, "exploration steps", HRM_U32_T, B);
    }
    status = hrm_plan_get_status(plan);
    return status == HRM_OK ? plan_whole(s, plan) : status;
}

void hrm_step_deinit(hrm_step *s) {
    free(s->whole.z_h);
    free(s->whole.z_l);
    s->whole.z_h = s->whole.z_l = NULL;
    hrm_inner_deinit(&s->inner);
    hrm_grads_deinit(&s->grads);
}

hrm_tensor hrm_step_get_rows(const hrm_step *s, hrm_tensor whole, uint64_t cols) {
    return cols == 1 ? hrm_tensor_1d(whole.buffer, whole.offset, whole.dtype, s->config.batch)
                     : hrm_tensor_2d(whole.buffer, whole.offset, whole.dtype, s->config.batch, cols);
}

/* ---- recording ---- */

static uint32_t max_segments(const hrm_step *s) {
    return s->config.max_segments ? s->config.max_segments : s->model->config.halt_max_segments;
}

static void record_losses(hrm_recorder *rec, const hrm_step *s) {
    const hrm_dims *d = &s->model->dims;
    const hrm_carry *c = &s->carry;
    const uint32_t B = s->config.part;
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
    hrm_recorder_set_scope(rec, NULL);
}

static void record_heads_backward(hrm_recorder *rec, const hrm_step *s, bool first, hrm_tensor grad_h) {
    const hrm_grads *g = &s->grads;
    hrm_carry_record_heads_backward(rec, &s->net,
                                    &(hrm_head_grads){.lm_head = g->lm_head,
                                                      .q_weight = first ? g->q_weight : s->part_q_weight,
                                                      .q_bias = first ? g->q_bias : s->part_q_bias,
                                                      .accumulate = !first},
                                    s->carry.z_h, s->grad_logits, s->grad_q, grad_h);
    if (first) return;
    hrm_add(rec, (hrm_add_args){.y = g->q_weight, .a = g->q_weight, .b = s->part_q_weight});
    hrm_add(rec, (hrm_add_args){.y = g->q_bias, .a = g->q_bias, .b = s->part_q_bias});
}

void hrm_step_record_part(hrm_recorder *rec, const hrm_step *s, bool first) {
    const hrm_carry *c = &s->carry;
    if (hrm_tensor_is_set(&s->loss_scale_log2)) {
        const uint64_t at = c->step_block.offset + offsetof(struct hrm_step_block, loss_scale_log2);
        hrm_recorder_copy(rec, (hrm_span){c->step_block.buffer, at, 4}, hrm_tensor_get_span(&s->loss_scale_log2));
    }
    hrm_carry_record_begin(rec, &s->net, c);
    hrm_inner_forward(rec, &s->net, &s->inner,
                      &(hrm_inner_io){.e = c->e, .h_in = c->z_h, .l_in = c->z_l, .h_out = c->z_h, .l_out = c->z_l},
                      true);
    hrm_carry_record_heads(rec, &s->net, c->z_h, c->logits, c->q);
    record_losses(rec, s);
    hrm_tensor grad_h = s->net.scratch.grad_h, grad_e;
    record_heads_backward(rec, s, first, grad_h);
    hrm_inner_backward(rec, &s->net, &s->inner, &s->grads, !first, grad_h, &grad_e);
    hrm_carry_record_embed_backward(rec, &s->net, c, &s->grads, !first, grad_e, s->grad_puzzle, s->embed_scratch);
}

void hrm_step_record_results(hrm_recorder *rec, const hrm_step *s) {
    const hrm_step_whole *w = &s->whole;
    hrm_recorder_set_scope(rec, "results");
    hrm_act_metrics(rec, (hrm_act_metrics_args){.q = hrm_step_get_rows(s, w->q, 2),
                                                .halted = hrm_step_get_rows(s, w->halted, 1),
                                                .steps = hrm_step_get_rows(s, w->steps, 1),
                                                .row_loss = hrm_step_get_rows(s, w->row_loss, 1),
                                                .row_labelled = hrm_step_get_rows(s, w->row_labelled, 1),
                                                .row_correct = hrm_step_get_rows(s, w->row_correct, 1),
                                                .row_exact = hrm_step_get_rows(s, w->row_exact, 1),
                                                .row_q_halt_loss = hrm_step_get_rows(s, w->row_q_halt_loss, 1),
                                                .row_q_continue_loss = hrm_step_get_rows(s, w->row_q_continue_loss, 1),
                                                .metrics = s->metrics,
                                                .step_block = s->carry.step_block,
                                                .batch = s->config.batch,
                                                .q_weight = s->config.q_loss_weight});
    const hrm_span ids = {s->results.buffer, HRM_STEP_IDS_AT, s->config.batch * 4ull};
    hrm_recorder_copy(rec, ids, (hrm_span){w->ids.buffer, w->ids.offset, ids.bytes});
    hrm_recorder_set_scope(rec, NULL);
}
