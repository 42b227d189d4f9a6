/* The trainer: one deep-supervision segment with an update is one recorded program, replayed for every step. The host
 * prepares batches on a thread, rewrites the step block, and reads metrics one step late. */
#include <hrm/trainer.h>

#include <stdlib.h>
#include <string.h>

#include "gpu/adapter.h"
#include "gpu/device.h"
#include "ops/optim.h"
#include "shared/act.h"
#include "shared/step_block.h"
#include "train/dataset.h"
#include "train/recipe.h"
#include "train/schedule.h"
#include "train/trainer_private.h"

enum { METRIC_SLOTS = HRM_TRAINER_METRIC_SLOTS, PREFETCH_DEPTH = 3 };

/* The update: the one place where a step's gradients are complete and not yet applied lies just before it. */
static void record_update(hrm_recorder *rec, const hrm_trainer *t) {
    const hrm_trainer_config *c = &t->config;
    hrm_recorder_set_scope(rec, "update");
    hrm_adam_atan2(rec, (hrm_adam_atan2_args){.param = t->model->groups[HRM_GROUP_DENSE],
                                              .grad = t->step.grads.dense,
                                              .m = t->first_moment,
                                              .v = t->second_moment,
                                              .ema = t->average ? t->average->groups[HRM_GROUP_DENSE] : (hrm_tensor){0},
                                              .step_block = t->step.carry.step_block,
                                              .count = t->model->list.group_count[HRM_GROUP_DENSE],
                                              .beta1 = c->beta1,
                                              .beta2 = c->beta2,
                                              .weight_decay = c->weight_decay});
    if (hrm_tensor_is_set(&t->model->puzzle_emb))
        hrm_sign_sgd(rec, (hrm_sign_sgd_args){.table = t->model->puzzle_emb,
                                              .grad = t->step.grad_puzzle,
                                              .ids = t->step.carry.ids,
                                              .step_block = t->step.carry.step_block,
                                              .weight_decay = c->puzzle_emb_weight_decay,
                                              .batch = c->batch,
                                              .dim = t->model->dims.E});
    hrm_recorder_set_scope(rec, NULL);
    hrm_model_record_pack(rec, t->model);
}

static hrm_status record_program(hrm_trainer *t) {
    hrm_status status;
    hrm_recorder *rec = NULL;
    hrm_program *clear = NULL;
    HRM_TRY(hrm_recorder_create(t->device, &rec));
    hrm_carry_record_clear(rec, &t->step.carry);
    hrm_span zero[] = {hrm_tensor_get_span(&t->first_moment), hrm_tensor_get_span(&t->second_moment),
                       hrm_tensor_get_span(&t->step.grads.dense)};
    for (size_t i = 0; i < sizeof zero / sizeof *zero; i++) hrm_recorder_fill(rec, zero[i], 0);
    if (t->average) {
        hrm_span from = hrm_tensor_get_span(&t->model->groups[HRM_GROUP_DENSE]);
        hrm_recorder_copy(rec, hrm_tensor_get_span(&t->average->groups[HRM_GROUP_DENSE]), from);
    }
    HRM_TRY(hrm_recorder_end(rec, &clear));
    HRM_TRY(hrm_program_submit(clear, NULL));
    hrm_step_record(rec, &t->step);
    record_update(rec, t);
    HRM_TRY(hrm_recorder_end(rec, &t->program));
    if (t->config.early_segments && t->config.early_steps) {
        t->step.config.max_segments = t->config.early_segments;
        hrm_step_record(rec, &t->step);
        record_update(rec, t);
        HRM_TRY(hrm_recorder_end(rec, &t->early_program));
    }
fail:
    hrm_program_destroy(clear);
    hrm_recorder_destroy(rec);
    return status;
}

hrm_status hrm_trainer_start_batches(hrm_trainer *t, const hrm_batcher_state *cursor) {
    const hrm_trainer_config *c = &t->config;
    hrm_batcher_config batches = {.batch = c->batch,
                                  .augment = (hrm_batch_augment)c->augment,
                                  .order = (hrm_batch_order)c->batches,
                                  .epochs_per_pass = c->epochs_per_pass,
                                  .seed = c->seed};
    hrm_prefetcher_destroy(t->prefetcher);
    t->prefetcher = NULL;
    if (cursor) t->data_cursor = *cursor;
    return hrm_prefetcher_create(t->set, &batches, cursor, PREFETCH_DEPTH, &t->prefetcher);
}

hrm_status hrm_trainer_create(hrm_device *device, const hrm_trainer_config *config, const hrm_dataset *train_set,
                              hrm_trainer **out) {
    hrm_status status;
    *out = NULL;
    hrm_trainer *t = calloc(1, sizeof *t);
    if (!t) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "trainer: no host memory");
    t->device = device;
    hrm_plan_init(&t->plan, device);
    t->set = hrm_dataset_get_set(train_set);
    HRM_TRY(hrm_recipe_resolve(config, t->set, &t->config));
    const hrm_trainer_config *c = &t->config;
    HRM_TRY(hrm_model_create(device, &c->model, c->seed, &t->model));
    if (t->model->puzzle_on_host) {
        status =
            hrm_fail(HRM_ERR_UNSUPPORTED,
                     "trainer: the embeddings of %u puzzles take %.1f GiB, more than %s can bind at once; training "
                     "needs them on the device. Train with fewer puzzles or another device",
                     t->model->dims.N, (double)t->model->list.group_count[HRM_GROUP_PUZZLE] * 4 / 0x1p30,
                     hrm_device_get_adapter(device)->name);
        goto fail;
    }
    if (c->ema_decay > 0) HRM_TRY(hrm_model_alloc(device, &c->model, &t->average));
    HRM_TRY(hrm_step_init(&t->step, &t->plan, t->model,
                          &(hrm_step_config){.batch = c->batch,
                                             .grad_scale = 1.0f / (float)c->batch,
                                             .q_loss_weight = c->q_loss_weight,
                                             .exploration = c->halt_exploration,
                                             .explore_once = c->explore_once != 0,
                                             .softmax = c->loss == HRM_LOSS_SOFTMAX}));
    uint64_t dense = t->model->list.group_count[HRM_GROUP_DENSE];
    t->first_moment = hrm_plan_1d(&t->plan, HRM_LIFE_OPTIMIZER, "first moment", HRM_F32_T, dense);
    t->second_moment = hrm_plan_1d(&t->plan, HRM_LIFE_OPTIMIZER, "second moment", HRM_F32_T, dense);
    HRM_TRY(hrm_plan_get_status(&t->plan));
    for (int i = 0; i < METRIC_SLOTS; i++)
        HRM_TRY(hrm_buffer_create(device, sizeof(struct hrm_step_metrics), HRM_MEMORY_READBACK, "metrics readback",
                                  &t->readback[i]));
    HRM_TRY(record_program(t));
    HRM_TRY(hrm_trainer_start_batches(t, NULL));
    t->report.struct_size = (uint32_t)sizeof t->report;
    t->report.flops = hrm_program_get_flops(t->program);
    t->average_is_stale = true;
    *out = t;
    return HRM_OK;
fail:
    hrm_trainer_destroy(t);
    return status;
}

void hrm_trainer_destroy(hrm_trainer *t) {
    if (!t) return;
    hrm_prefetcher_destroy(t->prefetcher);
    hrm_program_destroy(t->program);
    hrm_program_destroy(t->early_program);
    for (int i = 0; i < METRIC_SLOTS; i++) hrm_buffer_destroy(t->readback[i]);
    hrm_step_deinit(&t->step);
    hrm_plan_deinit(&t->plan);
    hrm_model_destroy(t->average);
    hrm_model_destroy(t->model);
    free(t);
}

hrm_status hrm_trainer_get_config(const hrm_trainer *t, hrm_trainer_config *config) {
    *config = t->config;
    return HRM_OK;
}

static double rate(const hrm_trainer *t, double base, uint32_t step) {
    const hrm_trainer_config *c = &t->config;
    uint64_t decay_start = (uint64_t)((double)c->lr_decay_start * c->steps);
    return hrm_schedule_lr(base, (double)c->lr_min_ratio, step, c->lr_warmup_steps, decay_start, c->steps);
}

/* Waits for step `step` (not yet read) and turns its metrics into the report. */
static hrm_status read_report(hrm_trainer *t, uint32_t step) {
    hrm_status status = hrm_queue_wait(t->device, t->tickets[step % METRIC_SLOTS], 0);
    if (status != HRM_OK) return status;
    struct hrm_step_metrics m;
    memcpy(&m, hrm_buffer_get_mapped(t->readback[step % METRIC_SLOTS]), sizeof m);
    hrm_step_report *r = &t->report;
    const float count = m.count ? (float)m.count : 1.0f, batch = (float)t->config.batch;
    r->step = step;
    r->count = m.count;
    r->accuracy = m.accuracy / count;
    r->exact_accuracy = (float)m.exact / count;
    r->q_halt_accuracy = (float)m.q_halt_correct / count;
    r->segments = (float)m.steps / count;
    r->loss = m.loss / batch;
    r->token_loss = m.lm_loss / batch;
    r->q_halt_loss = m.q_halt_loss / batch;
    r->q_continue_loss = m.q_continue_loss / batch;
    r->lr = (float)rate(t, (double)t->config.lr, step);
    t->steps_read = step;
    return HRM_OK;
}

static hrm_status upload_batch(hrm_trainer *t) {
    const hrm_carry *c = &t->step.carry;
    hrm_batch batch;
    hrm_status status = hrm_prefetcher_take(t->prefetcher, &batch);
    if (status != HRM_OK) return status;
    status = hrm_queue_upload(t->device, hrm_tensor_get_span(&c->new_tokens), batch.tokens);
    if (status == HRM_OK) status = hrm_queue_upload(t->device, hrm_tensor_get_span(&c->new_labels), batch.labels);
    if (status == HRM_OK) status = hrm_queue_upload(t->device, hrm_tensor_get_span(&c->new_ids), batch.ids);
    t->data_cursor = batch.after;
    hrm_prefetcher_release(t->prefetcher);
    return status;
}

hrm_status hrm_trainer_step(hrm_trainer *t, hrm_step_report *report) {
    const hrm_trainer_config *c = &t->config;
    const uint32_t step = t->steps_done + 1;
    hrm_status status = HRM_OK;
    if (step > t->steps_read + METRIC_SLOTS) status = read_report(t, step - METRIC_SLOTS);
    if (status == HRM_OK) status = upload_batch(t);
    if (status != HRM_OK) return status;
    struct hrm_step_block block = {.step = step,
                                   .rng_seed_lo = (uint32_t)c->seed,
                                   .rng_seed_hi = (uint32_t)(c->seed >> 32),
                                   .live_rows = c->batch,
                                   .ema_decay = c->ema_decay};
    const double lr = rate(t, (double)c->lr, step);
    hrm_adam_atan2_set_step(&block, step, lr, (double)c->beta1, (double)c->beta2);
    block.puzzle_lr = (float)rate(t, (double)c->puzzle_emb_lr, step);
    status = hrm_queue_upload(t->device, hrm_tensor_get_span(&t->step.carry.step_block), &block);
    bool early = t->early_program && step <= c->early_steps;
    if (status == HRM_OK) status = hrm_program_submit(early ? t->early_program : t->program, NULL);
    hrm_span slot = hrm_buffer_span(t->readback[step % METRIC_SLOTS]);
    if (status == HRM_OK)
        status =
            hrm_queue_copy(t->device, slot, hrm_tensor_get_span(&t->step.metrics), &t->tickets[step % METRIC_SLOTS]);
    if (status != HRM_OK) return status;
    t->steps_done = step;
    t->average_is_stale = true;
    if (report) *report = t->report;
    return HRM_OK;
}

hrm_status hrm_trainer_finish(hrm_trainer *t, hrm_step_report *report) {
    hrm_status status = hrm_queue_drain(t->device);
    if (status == HRM_OK && t->steps_done > t->steps_read) status = read_report(t, t->steps_done);
    if (status == HRM_OK && report) *report = t->report;
    return status;
}

/* The update keeps only the dense averages; the rest of the averaged model is the live one's. */
static hrm_status refresh_average(hrm_trainer *t) {
    hrm_status status;
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    HRM_TRY(hrm_recorder_create(t->device, &rec));
    for (int g = 0; g < HRM_GROUP_COUNT; g++)
        if (g != HRM_GROUP_DENSE && t->model->groups[g].buffer)
            hrm_recorder_copy(rec, hrm_tensor_get_span(&t->average->groups[g]),
                              hrm_tensor_get_span(&t->model->groups[g]));
    HRM_TRY(hrm_recorder_end(rec, &program));
    HRM_TRY(hrm_program_submit(program, NULL));
    HRM_TRY(hrm_model_pack(t->average));
    t->average_is_stale = false;
fail:
    hrm_program_destroy(program);
    hrm_recorder_destroy(rec);
    return status;
}

hrm_status hrm_trainer_get_model(hrm_trainer *t, hrm_model **model) {
    *model = NULL;
    hrm_status status = hrm_trainer_finish(t, NULL);
    if (status == HRM_OK && t->average && t->average_is_stale) status = refresh_average(t);
    if (status == HRM_OK) *model = t->average ? t->average : t->model;
    return status;
}

uint32_t hrm_trainer_get_step(const hrm_trainer *t) {
    return t->steps_done;
}
