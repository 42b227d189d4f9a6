/* The trainer: one deep-supervision segment with an update is recorded once and replayed for every step, part by part
 * where the batch is cut. The host prepares batches on a thread, rewrites the step blocks, and reads results one step
 * late. */
#include <hrm/trainer.h>

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/device.h"
#include "ops/optim.h"
#include "shared/act.h"
#include "shared/step_block.h"
#include "train/dataset.h"
#include "train/recipe.h"
#include "train/schedule.h"
#include "train/trainer_private.h"

enum { SLOTS = HRM_TRAINER_SLOTS, PREFETCH_DEPTH = 3 };

/* The first scale of f16's loss, the usual one: gradients of a mean over a batch are small. Too large a scale costs a
 * skipped step for each power of two. */
enum { LOSS_SCALE_FIRST_LOG2 = 16 };

/* ---- what a step is ---- */

/* bf16 has the range of f32. */
static bool has_loss_scale(const hrm_trainer *t) {
    return t->config.precision == HRM_PRECISION_F16;
}

/* Here a step's gradients are complete and not yet applied: the one place for whatever several devices would have to
 * agree on. */
void hrm_trainer_record_update(hrm_recorder *rec, const hrm_trainer *t) {
    const hrm_trainer_config *c = &t->config;
    const hrm_tensor step_block = t->step.carry.step_block;
    const uint64_t dense = t->model->list.group_count[HRM_GROUP_DENSE];
    hrm_step_record_results(rec, &t->step);
    hrm_recorder_set_scope(rec, "update");
    hrm_grad_guard(rec, (hrm_grad_guard_args){.grad = t->step.grads.dense,
                                              .count = dense,
                                              .partial = t->guard_partial,
                                              .state = t->guard_state,
                                              .report = t->guard_report,
                                              .metrics = t->step.metrics,
                                              .step_block = step_block,
                                              .outlier_z = c->outlier_z,
                                              .scale_growth = has_loss_scale(t) ? HRM_LOSS_SCALE_GROWTH : 0});
    hrm_adam_atan2(rec, (hrm_adam_atan2_args){.param = t->model->groups[HRM_GROUP_DENSE],
                                              .grad = t->step.grads.dense,
                                              .m = t->first_moment,
                                              .v = t->second_moment,
                                              .ema = t->average ? t->average->groups[HRM_GROUP_DENSE] : (hrm_tensor){0},
                                              .step_block = step_block,
                                              .count = dense,
                                              .beta1 = c->beta1,
                                              .beta2 = c->beta2,
                                              .weight_decay = c->weight_decay});
    if (t->model->dims.E)
        hrm_sign_sgd(rec, (hrm_sign_sgd_args){
                              .table = t->model->puzzle_on_host ? t->step.carry.puzzle_rows : t->model->puzzle_emb,
                              .grad = hrm_step_get_rows(&t->step, t->step.whole.grad_puzzle, t->model->dims.E),
                              .ids = hrm_step_get_rows(&t->step, t->step.whole.ids, 1),
                              .step_block = step_block,
                              .weight_decay = c->puzzle_emb_weight_decay,
                              .batch = c->batch,
                              .dim = t->model->dims.E});
    hrm_recorder_set_scope(rec, NULL);
    hrm_model_record_pack(rec, t->model);
}

static hrm_status record_part(hrm_recorder *rec, hrm_trainer *t, hrm_trainer_part_programs *out) {
    hrm_status status;
    hrm_step_record_part(rec, &t->step, true);
    HRM_TRY(hrm_recorder_end(rec, &out->first));
    if (t->step.parts == 1) return HRM_OK;
    hrm_step_record_part(rec, &t->step, false);
    HRM_TRY(hrm_recorder_end(rec, &out->more));
fail:
    return status;
}

static hrm_status record_turns(hrm_recorder *rec, hrm_trainer *t) {
    hrm_status status = HRM_OK;
    const uint32_t parts = t->step.parts;
    if (parts == 1) return HRM_OK;
    t->turns = calloc(parts + 1, sizeof *t->turns);
    if (!t->turns) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "trainer: no host memory for %u parts", parts);
    for (uint32_t part = 0; part <= parts; part++) {
        if (part > 0) hrm_step_record_store(rec, &t->step, part - 1);
        if (part < parts) hrm_step_record_load(rec, &t->step, part);
        HRM_TRY(hrm_recorder_end(rec, &t->turns[part]));
    }
fail:
    return status;
}

/* Before the first step: no row is in flight, nothing has been learnt. */
static hrm_status clear(hrm_recorder *rec, hrm_trainer *t) {
    hrm_status status;
    hrm_program *program = NULL;
    hrm_step_record_clear(rec, &t->step);
    if (t->model->puzzle_on_host) hrm_recorder_fill(rec, hrm_tensor_get_span(&t->step.carry.puzzle_rows), 0);
    const hrm_span zero[] = {hrm_tensor_get_span(&t->first_moment), hrm_tensor_get_span(&t->second_moment),
                             hrm_tensor_get_span(&t->step.grads.dense), hrm_tensor_get_span(&t->guard_state)};
    for (size_t i = 0; i < sizeof zero / sizeof *zero; i++) hrm_recorder_fill(rec, zero[i], 0);
    if (has_loss_scale(t)) hrm_recorder_fill(rec, hrm_tensor_get_span(&t->step.loss_scale_log2), LOSS_SCALE_FIRST_LOG2);
    if (t->average)
        hrm_recorder_copy(rec, hrm_tensor_get_span(&t->average->groups[HRM_GROUP_DENSE]),
                          hrm_tensor_get_span(&t->model->groups[HRM_GROUP_DENSE]));
    HRM_TRY(hrm_recorder_end(rec, &program));
    HRM_TRY(hrm_program_submit(program, NULL));
fail:
    hrm_program_destroy(program);
    return status;
}

static hrm_status record_programs(hrm_trainer *t) {
    hrm_status status;
    hrm_recorder *rec = NULL;
    HRM_TRY(hrm_recorder_create(t->device, &rec));
    HRM_TRY(clear(rec, t));
    hrm_recorder_set_profile(rec, t->profile);
    HRM_TRY(record_turns(rec, t));
    HRM_TRY(record_part(rec, t, &t->part_programs));
    if (t->config.early_segments && t->config.early_steps) {
        t->step.config.max_segments = t->config.early_segments;
        HRM_TRY(record_part(rec, t, &t->early_programs));
        t->step.config.max_segments = 0;
    }
    hrm_trainer_record_update(rec, t);
    HRM_TRY(hrm_recorder_end(rec, &t->update));
fail:
    hrm_recorder_destroy(rec);
    return status;
}

/* ---- life ---- */

hrm_status hrm_trainer_start_batches(hrm_trainer *t, const hrm_batcher_state *cursor) {
    const hrm_trainer_config *c = &t->config;
    hrm_prefetcher_config config = {.batches = {.batch = c->batch,
                                                .augment = (hrm_batch_augment)c->augment,
                                                .order = (hrm_batch_order)c->batches,
                                                .epochs_per_pass = c->epochs_per_pass,
                                                .seed = c->seed},
                                    .start = cursor,
                                    .depth = PREFETCH_DEPTH};
    if (c->fixed_batches) { /* the place in the data is the step's alone */
        config.start = NULL;
        config.repeat = c->fixed_batches;
        config.skip = t->steps_done % c->fixed_batches;
    }
    if (t->cache) {
        config.made = hrm_puzzle_cache_prefetch;
        config.made_user = t->cache;
    }
    hrm_prefetcher_destroy(t->prefetcher);
    t->prefetcher = NULL;
    if (cursor) t->data_cursor = *cursor;
    return hrm_prefetcher_create(t->set, &config, &t->prefetcher);
}

hrm_status hrm_trainer_lay_out(hrm_trainer *t, hrm_device *device, const hrm_trainer_config *config, bool dry) {
    hrm_status status;
    t->device = device;
    t->config = *config;
    const hrm_trainer_config *c = &t->config;
    if (dry)
        hrm_plan_init_dry(&t->plan, device);
    else
        hrm_plan_init(&t->plan, device);
    const hrm_model_layout layout = {.dry = dry,
                                     .trainable = true,
                                     .table_on_host = c->puzzle_table == HRM_PUZZLE_TABLE_HOST,
                                     .precision = c->precision};
    HRM_TRY(hrm_model_alloc_as(device, &c->model, &layout, &t->model));
    if (t->model->puzzle_on_host && c->puzzle_table == HRM_PUZZLE_TABLE_DEVICE) {
        status = hrm_fail(HRM_ERR_UNSUPPORTED,
                          "trainer: the embeddings of %u puzzles take %.1f GiB, more than %s can bind at once; set "
                          "puzzle_table to host or auto",
                          t->model->dims.N, (double)t->model->list.group_count[HRM_GROUP_PUZZLE] * 4 / 0x1p30,
                          hrm_device_get_adapter(device)->name);
        goto fail;
    }
    if (c->ema_decay > 0) HRM_TRY(hrm_model_alloc_as(device, &c->model, &layout, &t->average));
    HRM_TRY(hrm_step_init(&t->step, &t->plan, t->model,
                          &(hrm_step_config){.batch = c->batch,
                                             .part = c->micro_batch,
                                             .grad_scale = 1.0f / (float)c->batch,
                                             .q_loss_weight = c->q_loss_weight,
                                             .exploration = c->halt_exploration,
                                             .explore_once = c->explore_once != 0,
                                             .softmax = c->loss == HRM_LOSS_SOFTMAX,
                                             .full_cycle = c->gradient == HRM_GRADIENT_FULL_CYCLE,
                                             .recompute = c->recompute != 0,
                                             .puzzle_rows = hrm_puzzle_cache_row_count(c->batch, SLOTS)}));
    const uint64_t dense = t->model->list.group_count[HRM_GROUP_DENSE];
    t->first_moment = hrm_plan_1d(&t->plan, HRM_LIFE_OPTIMIZER, "first moment", HRM_F32_T, dense);
    t->second_moment = hrm_plan_1d(&t->plan, HRM_LIFE_OPTIMIZER, "second moment", HRM_F32_T, dense);
    t->guard_state =
        hrm_plan_1d(&t->plan, HRM_LIFE_OPTIMIZER, "gradient guard", HRM_U32_T, sizeof(struct hrm_grad_guard_state) / 4);
    t->guard_partial =
        hrm_plan_1d(&t->plan, HRM_LIFE_SCRATCH, "squares of the gradient", HRM_F32_T, hrm_grad_guard_get_chunks(dense));
    t->guard_report =
        hrm_tensor_1d(t->step.results.buffer, HRM_STEP_GUARD_AT, HRM_U32_T, sizeof(struct hrm_grad_guard_report) / 4);
    HRM_TRY(hrm_plan_get_status(&t->plan));
    if (has_loss_scale(t))
        t->step.loss_scale_log2 =
            hrm_tensor_1d(t->guard_state.buffer, offsetof(struct hrm_grad_guard_state, loss_scale_log2), HRM_U32_T, 1);
fail:
    return status;
}

static hrm_status create(hrm_device *device, const hrm_trainer_config *config, const hrm_dataset *train_set,
                         bool profile, hrm_trainer **out) {
    hrm_status status;
    hrm_trainer_config resolved;
    *out = NULL;
    hrm_trainer *t = calloc(1, sizeof *t);
    if (!t) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "trainer: no host memory");
    t->profile = profile;
    t->dataset = train_set;
    t->set = hrm_dataset_get_set(train_set);
    HRM_TRY(hrm_recipe_resolve(config, t->set, &resolved));
    HRM_TRY(hrm_trainer_choose_parts(device, &resolved, &t->memory_limit));
    HRM_TRY(hrm_trainer_lay_out(t, device, &resolved, false));
    HRM_TRY(hrm_model_init_weights(t->model, t->config.seed));
    if (t->average && t->average->puzzle_on_host) hrm_model_share_puzzle_host(t->average, t->model);
    if (t->model->puzzle_on_host)
        HRM_TRY(hrm_puzzle_cache_create(t->model, t->step.carry.puzzle_rows, t->config.batch, SLOTS, &t->cache));
    t->blocks = calloc(t->step.parts, sizeof *t->blocks);
    t->cached_ids = calloc(t->config.batch, sizeof *t->cached_ids);
    if (!t->blocks || !t->cached_ids) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "trainer: no host memory for %u rows", t->config.batch);
        goto fail;
    }
    for (int i = 0; i < SLOTS; i++)
        HRM_TRY(hrm_buffer_create(device, hrm_tensor_get_span(&t->step.results).bytes, HRM_MEMORY_READBACK,
                                  "results readback", &t->readback[i]));
    HRM_TRY(hrm_stopwatch_create(device, SLOTS, &t->stopwatch));
    HRM_TRY(record_programs(t));
    HRM_TRY(hrm_trainer_start_batches(t, NULL));
    t->report.struct_size = (uint32_t)sizeof t->report;
    t->report.flops = hrm_program_get_flops(t->part_programs.first) + hrm_program_get_flops(t->update);
    if (t->part_programs.more) t->report.flops += (t->step.parts - 1) * hrm_program_get_flops(t->part_programs.more);
    t->last_end_ns = -1;
    t->average_is_stale = true;
    *out = t;
    return HRM_OK;
fail:
    hrm_trainer_destroy(t);
    return status;
}

hrm_status hrm_trainer_create(hrm_device *device, const hrm_trainer_config *config, const hrm_dataset *train_set,
                              hrm_trainer **out) {
    return create(device, config, train_set, false, out);
}

hrm_status hrm_trainer_create_profiled(hrm_device *device, const hrm_trainer_config *config,
                                       const hrm_dataset *train_set, hrm_trainer **out) {
    return create(device, config, train_set, true, out);
}

static const hrm_trainer_part_programs *choose_programs(const hrm_trainer *t, uint32_t step) {
    return t->early_programs.first && step <= t->config.early_steps ? &t->early_programs : &t->part_programs;
}

typedef struct profile_visit {
    void (*visit)(void *user, const hrm_label_time *time, uint32_t times);
    void *user;
    uint32_t times;
} profile_visit;

static void visit_label(void *user, const hrm_label_time *time) {
    const profile_visit *v = user;
    v->visit(v->user, time, v->times);
}

hrm_status hrm_trainer_read_profile(hrm_trainer *t,
                                    void (*visit)(void *user, const hrm_label_time *time, uint32_t times), void *user) {
    profile_visit v = {visit, user, 1};
    const hrm_trainer_part_programs *programs = choose_programs(t, t->steps_done);
    hrm_status status = hrm_program_read_profile(programs->first, visit_label, &v);
    for (uint32_t part = 0; t->turns && part <= t->step.parts && status == HRM_OK; part++)
        status = hrm_program_read_profile(t->turns[part], visit_label, &v);
    if (status == HRM_OK) status = hrm_program_read_profile(t->update, visit_label, &v);
    v.times = t->step.parts - 1;
    if (status == HRM_OK && programs->more) status = hrm_program_read_profile(programs->more, visit_label, &v);
    return status;
}

static void destroy_part(const hrm_trainer_part_programs *p) {
    hrm_program_destroy(p->first);
    hrm_program_destroy(p->more);
}

void hrm_trainer_destroy(hrm_trainer *t) {
    if (!t) return;
    /* The newest step's results may still be on their way into a readback buffer; a lost device has said so before. */
    if (t->device && !t->plan.dry) (void)hrm_queue_drain(t->device);
    hrm_prefetcher_destroy(t->prefetcher);
    for (uint32_t i = 0; t->turns && i <= t->step.parts; i++) hrm_program_destroy(t->turns[i]);
    free(t->turns);
    destroy_part(&t->part_programs);
    destroy_part(&t->early_programs);
    hrm_program_destroy(t->update);
    hrm_stopwatch_destroy(t->stopwatch);
    for (int i = 0; i < SLOTS; i++) hrm_buffer_destroy(t->readback[i]);
    hrm_puzzle_cache_destroy(t->cache);
    hrm_step_deinit(&t->step);
    hrm_plan_deinit(&t->plan);
    hrm_model_destroy(t->average);
    hrm_model_destroy(t->model);
    free(t->blocks);
    free(t->cached_ids);
    free(t);
}

hrm_status hrm_trainer_get_config(const hrm_trainer *t, hrm_trainer_config *config) {
    *config = t->config;
    return HRM_OK;
}

/* ---- steps ---- */

static double rate(const hrm_trainer *t, double base, uint32_t step) {
    const hrm_trainer_config *c = &t->config;
    uint64_t decay_start = (uint64_t)((double)c->lr_decay_start * c->steps);
    return hrm_schedule_lr(base, (double)c->lr_min_ratio, step, c->lr_warmup_steps, decay_start, c->steps);
}

static void report_times(hrm_trainer *t, uint32_t slot) {
    double start, end;
    hrm_step_report *r = &t->report;
    r->device_seconds = r->idle_seconds = -1;
    if (!hrm_stopwatch_read(t->stopwatch, slot, &start, &end)) return;
    r->device_seconds = 1e-9 * (end - start);
    if (t->last_end_ns >= 0) r->idle_seconds = 1e-9 * fmax(0, start - t->last_end_ns);
    t->last_end_ns = end;
}

/* Waits for step `step` (not yet read) and turns its results into the report. */
static hrm_status read_report(hrm_trainer *t, uint32_t step) {
    const uint32_t slot = step % SLOTS;
    hrm_status status = hrm_queue_wait(t->device, t->tickets[slot], 0);
    if (status != HRM_OK) return status;
    struct hrm_step_metrics m;
    struct hrm_grad_guard_report g;
    const unsigned char *results = hrm_buffer_get_mapped(t->readback[slot]);
    memcpy(&m, results + HRM_STEP_METRICS_AT, sizeof m);
    memcpy(&g, results + HRM_STEP_GUARD_AT, sizeof g);
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
    r->grad_norm = g.norm;
    r->grad_norm_z = g.z;
    r->skipped = g.skipped && !g.overflowed;
    r->skipped_total = g.skipped_total;
    r->loss_scale = ldexpf(1, (int)g.loss_scale_log2);
    r->overflowed = g.overflowed;
    r->overflowed_total = g.overflowed_total;
    report_times(t, slot);
    t->steps_read = step;
    if (g.bad_step) {
        t->is_bad = true;
        return hrm_trainer_explain_not_finite(t, &g);
    }
    return t->cache ? hrm_puzzle_cache_note(t->cache, step, (const uint32_t *)(const void *)(results + HRM_STEP_IDS_AT))
                    : HRM_OK;
}

/* The front of a tensor that is padded to whole parts. */
static hrm_span front(const hrm_tensor *t, uint64_t words) {
    return (hrm_span){t->buffer, t->offset, words * 4};
}

static hrm_status upload_batch(hrm_trainer *t, uint32_t step) {
    const hrm_step_whole *w = &t->step.whole;
    const uint64_t rows = t->config.batch, cells = rows * t->model->dims.S;
    hrm_batch batch;
    hrm_status status = hrm_prefetcher_take(t->prefetcher, &batch);
    if (status != HRM_OK) return status;
    const uint32_t *ids = batch.ids;
    if (t->cache) {
        status = hrm_puzzle_cache_take(t->cache, step, batch.ids, t->cached_ids);
        ids = t->cached_ids;
    }
    if (status == HRM_OK) status = hrm_queue_upload(t->device, front(&w->new_tokens, cells), batch.tokens);
    if (status == HRM_OK) status = hrm_queue_upload(t->device, front(&w->new_labels, cells), batch.labels);
    if (status == HRM_OK) status = hrm_queue_upload(t->device, front(&w->new_ids, rows), ids);
    t->data_cursor = batch.after;
    hrm_prefetcher_release(t->prefetcher);
    return status;
}

static hrm_status upload_step_blocks(hrm_trainer *t, uint32_t step) {
    const hrm_trainer_config *c = &t->config;
    struct hrm_step_block block = {.step = step,
                                   .rng_seed_lo = (uint32_t)c->seed,
                                   .rng_seed_hi = (uint32_t)(c->seed >> 32),
                                   .live_rows = c->batch,
                                   .ema_decay = c->ema_decay};
    hrm_adam_atan2_set_step(&block, step, rate(t, (double)c->lr, step), (double)c->beta1, (double)c->beta2);
    block.puzzle_lr = (float)rate(t, (double)c->puzzle_emb_lr, step);
    for (uint32_t part = 0; part < t->step.parts; part++) {
        t->blocks[part] = block;
        t->blocks[part].first_row = part * t->step.config.part;
    }
    return hrm_queue_upload(t->device, hrm_tensor_get_span(&t->step.whole.step_blocks), t->blocks);
}

static hrm_status submit_step(hrm_trainer *t, uint32_t step) {
    hrm_status status = HRM_OK;
    const hrm_trainer_part_programs *programs = choose_programs(t, step);
    for (uint32_t part = 0; part < t->step.parts; part++) {
        if (t->turns) HRM_TRY(hrm_program_submit(t->turns[part], NULL));
        HRM_TRY(hrm_program_submit(part == 0 ? programs->first : programs->more, NULL));
    }
    if (t->turns) HRM_TRY(hrm_program_submit(t->turns[t->step.parts], NULL));
    HRM_TRY(hrm_program_submit(t->update, NULL));
fail:
    return status;
}

static hrm_status check_good(const hrm_trainer *t) {
    if (t->is_torn)
        return hrm_fail(HRM_ERR_DEVICE, "trainer: step %u was left half done; go on from a saved state",
                        t->steps_done + 1);
    if (!t->is_bad) return HRM_OK;
    return hrm_fail(HRM_ERR_NOT_FINITE, "trainer: step %u was not finite; go on from a saved state", t->steps_read);
}

hrm_status hrm_trainer_step(hrm_trainer *t, hrm_step_report *report) {
    hrm_status status;
    const uint32_t step = t->steps_done + 1, slot = step % SLOTS;
    HRM_TRY(check_good(t));
    if (step > t->steps_read + SLOTS) HRM_TRY(read_report(t, step - SLOTS));
    t->is_torn = true; /* until all of the step is queued */
    HRM_TRY(upload_batch(t, step));
    HRM_TRY(upload_step_blocks(t, step));
    HRM_TRY(hrm_stopwatch_start(t->stopwatch, slot));
    HRM_TRY(submit_step(t, step));
    HRM_TRY(hrm_stopwatch_stop(t->stopwatch, slot, NULL));
    HRM_TRY(hrm_queue_copy(t->device, hrm_buffer_span(t->readback[slot]), hrm_tensor_get_span(&t->step.results),
                           &t->tickets[slot]));
    t->is_torn = false;
    t->steps_done = step;
    t->average_is_stale = true;
    if (report) *report = t->report;
fail:
    return status;
}

hrm_status hrm_trainer_next_report(hrm_trainer *t, hrm_step_report *report) {
    hrm_status status = check_good(t);
    if (status == HRM_OK && t->steps_read == t->steps_done) {
        *report = (hrm_step_report){.struct_size = (uint32_t)sizeof *report};
        return HRM_OK;
    }
    if (status == HRM_OK) status = read_report(t, t->steps_read + 1);
    if (status == HRM_OK) *report = t->report;
    return status;
}

hrm_status hrm_trainer_finish(hrm_trainer *t, hrm_step_report *report) {
    hrm_status status = check_good(t);
    if (status == HRM_OK) status = hrm_queue_drain(t->device);
    while (status == HRM_OK && t->steps_done > t->steps_read) status = read_report(t, t->steps_read + 1);
    if (status == HRM_OK && t->cache) status = hrm_puzzle_cache_flush(t->cache);
    t->last_end_ns = -1; /* what comes between now and the next step is no waiting for the host */
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

hrm_status hrm_trainer_get_model_of(hrm_trainer *t, hrm_model_choice choice, hrm_model **model) {
    *model = NULL;
    const bool average = choice == HRM_MODEL_AVERAGE && t->average;
    hrm_status status = hrm_trainer_finish(t, NULL);
    if (status == HRM_OK && average && t->average_is_stale) status = refresh_average(t);
    if (status == HRM_OK) *model = average ? t->average : t->model;
    return status;
}

hrm_status hrm_trainer_get_model(hrm_trainer *t, hrm_model **model) {
    return hrm_trainer_get_model_of(t, HRM_MODEL_AVERAGE, model);
}

uint32_t hrm_trainer_get_step(const hrm_trainer *t) {
    return t->steps_done;
}
