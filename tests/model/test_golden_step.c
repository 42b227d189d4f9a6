/* Whole training steps against the reference's: logits, Q logits, continue target, halting, carry, loss, metrics and
 * every gradient; then both optimizers on the recorded gradients. Folders: those whose manifest has "steps". */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/program.h"
#include "helper_golden.h"
#include "model/step.h"
#include "ops/optim.h"
#include "shared/act.h"
#include "shared/step_block.h"

/* 13 in bf16 and 15 in f16 on llvmpipe, in gradients of puzzle embeddings. */
#define ROUNDINGS 32

/* One folder's run. */
typedef struct run {
    const golden *g;
    const hrm_safetensors *file;
    const json_t *step; /* manifest entry */
    hrm_device *device;
    hrm_model *model;
    hrm_plan plan;
    hrm_step segment;
    hrm_tensor m, v;
    hrm_program *forward, *update;
    bool replayed; /* the step's draws of exploration are recorded, or there are none */
    bool *own;     /* [parameters] a gradient was missing: moments and perhaps weights follow from our own */
    double floor;  /* golden_floor, and more once weights do */
} run;

static bool upload_u32(run *r, const char *name, const hrm_tensor *t) {
    uint32_t *values = golden_u32(r->file, name, hrm_tensor_get_count(t));
    if (values) golden_upload(r->device, t, values);
    free(values);
    return values != NULL;
}

static bool upload_f32(run *r, const char *name, const hrm_tensor *t) {
    float *values = golden_f32(r->file, name, hrm_tensor_get_count(t));
    if (values) golden_upload(r->device, t, values);
    free(values);
    return values != NULL;
}

static void compare_f32(run *r, const char *name, const hrm_tensor *t) {
    float *got = golden_download(r->device, t);
    golden_compare(r->file, name, json_object_get(r->step, "noise"), got, hrm_tensor_get_count(t), r->floor);
    free(got);
}

static void compare_u32(run *r, const char *name, const hrm_tensor *t) {
    uint64_t count = hrm_tensor_get_count(t);
    uint32_t *want = golden_u32(r->file, name, count), *got = golden_download(r->device, t);
    for (uint64_t i = 0; want && i < count; i++)
        CHECK_MSG(got[i] == want[i], "%s[%llu] is %u, expected %u", name, (unsigned long long)i, got[i], want[i]);
    if (want) golden_count();
    free(want);
    free(got);
}

/* logits [B*T, V] without the puzzle positions; q [B, 2] by column. */
static void compare_heads(run *r) {
    const hrm_dims *d = &r->model->dims;
    const uint32_t B = r->segment.config.batch;
    const json_t *noise = json_object_get(r->step, "noise");
    float *logits = golden_download(r->device, &r->segment.carry.logits);
    float *cut = malloc((size_t)B * d->S * d->V * sizeof *cut);
    for (uint32_t b = 0; b < B; b++)
        memcpy(cut + (size_t)b * d->S * d->V, logits + ((size_t)b * d->T + d->P) * d->V,
               (size_t)d->S * d->V * sizeof *cut);
    golden_compare(r->file, "out/logits", noise, cut, (uint64_t)B * d->S * d->V, r->floor);
    free(cut);
    free(logits);
    float *q = golden_download(r->device, &r->segment.carry.q), *column = malloc(B * sizeof *column);
    for (uint32_t c = 0; c < 2; c++) {
        for (uint32_t b = 0; b < B; b++) column[b] = q[2 * b + c];
        golden_compare(r->file, c ? "out/q_continue_logits" : "out/q_halt_logits", noise, column, B, r->floor);
    }
    free(column);
    free(q);
}

static void compare_metrics(run *r) {
    struct hrm_step_metrics *got = golden_download(r->device, &r->segment.metrics);
    const json_t *sums = json_object_get(r->step, "metrics_sums");
    const struct {
        const char *name;
        double got;
        bool known; /* does not hang on draws that are not recorded */
    } values[] = {{"count", got->count, r->replayed},
                  {"accuracy", (double)got->accuracy, r->replayed},
                  {"exact_accuracy", got->exact, r->replayed},
                  {"q_halt_accuracy", got->q_halt_correct, r->replayed},
                  {"steps", got->steps, r->replayed},
                  {"lm_loss", (double)got->lm_loss, true},
                  {"q_halt_loss", (double)got->q_halt_loss, true},
                  {"q_continue_loss", (double)got->q_continue_loss, true}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        double want = golden_number(sums, values[i].name, NAN);
        if (isnan(want) || !values[i].known) continue;
        /* an answer may fall the other way where two logits are nearer than 16 bits can tell: one of some twenty labels
         */
        const bool hangs_on_answers =
            golden_get_precision() != HRM_PRECISION_F32 && strcmp(values[i].name, "accuracy") == 0;
        const double room = hangs_on_answers ? fmax(r->floor, 0.1) : r->floor;
        CHECK_MSG(fabs(values[i].got - want) <= room * fmax(1, fabs(want)), "metric %s is %.9g, expected %.9g",
                  values[i].name, values[i].got, want);
        golden_count();
    }
    float loss = got->loss;
    golden_compare(r->file, "out/loss", json_object_get(r->step, "noise"), &loss, 1, r->floor);
    free(got);
}

/* "grad/_orig_mod.model.inner.lm_head.weight": the prefix of the compiled, wrapped model, or less of it. */
static const char *find_name(const run *r, const char *kind, uint32_t index) {
    const size_t length = strlen(kind);
    for (size_t i = 0; i < hrm_safetensors_count(r->file); i++) {
        const char *name = hrm_safetensors_get(r->file, i)->name;
        if (strncmp(name, kind, length) == 0 && hrm_param_list_find(&r->model->list, name + length) == index)
            return name;
    }
    return "";
}

/* Compares the gradients, where a segment was run, and puts the recorded ones in their place: the optimizers are
 * checked on those. Returns whether every parameter has a gradient now. */
static bool exchange_gradients(run *r, bool ran) {
    bool all = true;
    for (uint32_t i = 0; i < r->model->list.count; i++) {
        const hrm_param_group group = r->model->list.items[i].group;
        if (group == HRM_GROUP_FIXED) continue;
        hrm_tensor t = r->segment.grad_puzzle;
        const char *name = "grad/puzzle_emb_local";
        if (group == HRM_GROUP_DENSE) {
            t = hrm_param_tensor(&r->model->list, i, r->segment.grads.dense.buffer);
            name = find_name(r, "grad/", i);
        }
        if (!hrm_tensor_is_set(&t)) continue;
        if (ran) compare_f32(r, name, &t);
        if (upload_f32(r, name, &t)) continue;
        r->own[i] = true;
        all = all && ran;
    }
    return all;
}

/* Weights after the update. Where a gradient is missing the optimizers, which are sign-like, may have moved the
 * elements whose gradient is near rounding the other way: the recorded weights are taken over, or the steps that follow
 * are given as much room. */
static void compare_params(run *r, double lr) {
    bool approximate = false;
    for (uint32_t i = 0; i < r->model->list.count; i++) {
        const hrm_param *p = &r->model->list.items[i];
        const char *name = find_name(r, "param/", i);
        float *want = golden_f32(r->file, name, p->count);
        approximate = approximate || (!want && r->own[i]);
        if (!want) continue;
        if (r->own[i]) {
            CHECK_OK(hrm_model_write_param(r->model, i, want));
        } else {
            float *got = malloc(p->count * sizeof *got);
            CHECK_OK(hrm_model_read_param(r->model, i, got));
            /* A few roundings of the parameter and of each of up to six updates so far, each of size lr. */
            check_close_f32(name, got, want, p->count, 2e-5 * lr + 1e-7, 1e-6);
            golden_count();
            free(got);
        }
        free(want);
    }
    CHECK_OK(hrm_model_pack(r->model));
    if (!approximate) return;
    r->floor += 2 * lr;
    golden_skip(r->g, "step %d has neither gradient nor value of some weight: later ones may be off by 2 lr",
                (int)golden_number(r->step, "step", 0));
}

static void record(run *r) {
    hrm_recorder *rec;
    CHECK_OK(hrm_recorder_create(r->device, &rec));
    hrm_carry_record_clear(rec, &r->segment.carry);
    hrm_recorder_fill(rec, hrm_tensor_get_span(&r->m), 0);
    hrm_recorder_fill(rec, hrm_tensor_get_span(&r->v), 0);
    hrm_program *clear;
    CHECK_OK(hrm_recorder_end(rec, &clear));
    CHECK_OK(hrm_program_submit(clear, NULL));
    hrm_program_destroy(clear);
    hrm_step_record_part(rec, &r->segment, true);
    hrm_step_record_results(rec, &r->segment);
    CHECK_OK(hrm_recorder_end(rec, &r->forward));

    const json_t *c = json_object_get(r->g->manifest, "config");
    hrm_adam_atan2(rec, (hrm_adam_atan2_args){.param = r->model->groups[HRM_GROUP_DENSE],
                                              .grad = r->segment.grads.dense,
                                              .m = r->m,
                                              .v = r->v,
                                              .step_block = r->segment.carry.step_block,
                                              .count = r->model->list.group_count[HRM_GROUP_DENSE],
                                              .beta1 = golden_number(c, "beta1", 0.9),
                                              .beta2 = golden_number(c, "beta2", 0.95),
                                              .weight_decay = (float)golden_number(c, "weight_decay", 0)});
    if (hrm_tensor_is_set(&r->model->puzzle_emb))
        hrm_sign_sgd(rec, (hrm_sign_sgd_args){.table = r->model->puzzle_emb,
                                              .grad = r->segment.grad_puzzle,
                                              .ids = r->segment.carry.ids,
                                              .step_block = r->segment.carry.step_block,
                                              .weight_decay = (float)golden_number(c, "puzzle_emb_weight_decay", 0),
                                              .batch = r->segment.config.batch,
                                              .dim = r->model->dims.E});
    hrm_model_record_pack(rec, r->model);
    CHECK_OK(hrm_recorder_end(rec, &r->update));
    hrm_recorder_destroy(rec);
}

/* What a halted slot takes next, and what the others hold: recorded apart, and as what each works on after that.
 * Without the former, the latter stands in. False when neither is there. */
static bool upload_rows(run *r, const char *leaf, const hrm_tensor *fresh, const hrm_tensor *held) {
    char batch[64], current[64];
    snprintf(batch, sizeof batch, "batch/%s", leaf);
    snprintf(current, sizeof current, "cur/%s", leaf);
    /* where the carry is not given, the rows in flight are those of the run so far */
    const bool given = hrm_safetensors_find(r->file, "in/z_H") != NULL;
    if (upload_u32(r, batch, fresh)) {
        if (given) upload_u32(r, current, held);
        return true;
    }
    return upload_u32(r, current, fresh) && upload_u32(r, current, held);
}

/* False when the segment cannot be run. */
static bool upload_inputs(run *r) {
    const hrm_carry *c = &r->segment.carry;
    if (!upload_rows(r, "inputs", &c->new_tokens, &c->tokens)) return false;
    if (!upload_rows(r, "labels", &c->new_labels, &c->labels)) return false;
    if (!upload_rows(r, "puzzle_identifiers", &c->new_ids, &c->ids) && r->model->dims.E) return false;
    upload_u32(r, "in/halted", &c->halted);
    upload_u32(r, "in/steps", &c->steps);
    upload_f32(r, "in/z_H", &c->z_h);
    upload_f32(r, "in/z_L", &c->z_l);
    const uint32_t max_steps = r->model->config.halt_max_segments;
    const bool drawn = upload_f32(r, "rand/uniform", &r->segment.explore_uniform) &&
                       upload_u32(r, "rand/min_steps", &r->segment.explore_min_steps);
    r->replayed = drawn || max_steps <= 1 || r->segment.config.exploration <= 0.0f;
    if (!drawn) { /* least steps of 0 are no exploration, whatever the uniform draw */
        uint32_t *zero = calloc(r->segment.config.batch, sizeof *zero);
        golden_upload(r->device, &r->segment.explore_min_steps, zero);
        golden_upload(r->device, &r->segment.explore_uniform, zero);
        free(zero);
    }
    return true;
}

static void compare_segment(run *r) {
    const hrm_carry *c = &r->segment.carry;
    compare_u32(r, "cur/inputs", &c->tokens);
    compare_u32(r, "cur/labels", &c->labels);
    if (r->model->dims.E) compare_u32(r, "cur/puzzle_identifiers", &c->ids);
    if (r->model->dims.E) compare_u32(r, "grad/puzzle_emb_ids", &c->ids);
    compare_f32(r, "mid/input_embeddings", &c->e);
    compare_heads(r);
    if (hrm_tensor_is_set(&r->segment.target)) compare_f32(r, "out/target_q_continue", &r->segment.target);
    if (r->replayed)
        compare_u32(r, "out/halted", &c->halted);
    else
        upload_u32(r, "out/halted", &c->halted);
    compare_u32(r, "out/steps", &c->steps);
    compare_f32(r, "out/z_H", &c->z_h);
    compare_f32(r, "out/z_L", &c->z_l);
    compare_metrics(r);
}

/* False when nothing that follows can be reproduced. */
static bool run_step(run *r) {
    const hrm_step *s = &r->segment;
    const json_t *c = json_object_get(r->g->manifest, "config");
    const uint64_t step = (uint64_t)golden_number(r->step, "step", 0);
    const double lr = golden_number(r->step, "lr", 0);
    struct hrm_step_block block = {.step = (uint32_t)step, .live_rows = s->config.batch};
    hrm_adam_atan2_set_step(&block, step, lr, golden_number(c, "beta1", 0.9), golden_number(c, "beta2", 0.95));
    block.puzzle_lr = (float)golden_number(r->step, "puzzle_emb_lr", 0);
    golden_upload(r->device, &s->carry.step_block, &block);

    const bool ran = upload_inputs(r);
    if (ran) {
        CHECK_OK(hrm_program_submit(r->forward, NULL));
        compare_segment(r);
    } else {
        golden_skip(r->g, "step %d lacks inputs, labels or identifiers", (int)step);
        if (!upload_u32(r, "grad/puzzle_emb_ids", &s->carry.ids) && r->model->dims.E) return false;
    }
    if (!exchange_gradients(r, ran)) {
        golden_skip(r->g, "without the gradients of step %d there are no weights for later ones", (int)step);
        return false;
    }
    CHECK_OK(hrm_program_submit(r->update, NULL));
    compare_params(r, lr);
    return true;
}

static void init_run(run *r) {
    hrm_plan_init(&r->plan, r->device);
    const json_t *config = json_object_get(r->g->manifest, "config"), *arch = json_object_get(config, "arch");
    const char *loss = json_string_value(json_object_get(json_object_get(arch, "loss"), "loss_type"));
    uint32_t batch = (uint32_t)golden_number(r->g->manifest, "batch_size", 0);
    CHECK_OK(
        hrm_step_init(&r->segment, &r->plan, r->model,
                      &(hrm_step_config){.batch = batch,
                                         .grad_scale = 1.0f / (float)golden_number(config, "global_batch_size", batch),
                                         .q_loss_weight = 0.5f,
                                         .exploration = (float)golden_number(arch, "halt_exploration_prob", 0),
                                         .softmax = loss && strcmp(loss, "softmax_cross_entropy") == 0,
                                         .replay_draws = true}));
    uint64_t dense = r->model->list.group_count[HRM_GROUP_DENSE];
    r->m = hrm_plan_1d(&r->plan, HRM_LIFE_OPTIMIZER, "m", HRM_F32_T, dense);
    r->v = hrm_plan_1d(&r->plan, HRM_LIFE_OPTIMIZER, "v", HRM_F32_T, dense);
    CHECK_OK(hrm_plan_get_status(&r->plan));
    r->own = calloc(r->model->list.count, sizeof *r->own);
    CHECK(r->own != NULL);
    record(r);
}

static bool run_folder(const golden *g) {
    run r = {.g = g, .device = golden_device(), .floor = golden_floor(ROUNDINGS)};
    hrm_safetensors *init = golden_open_init(g);
    if (!init) golden_skip(g, "it has no start weights");
    r.model = init ? golden_model(g, init) : NULL;
    hrm_safetensors_close(init);
    if (!r.model) return true;
    init_run(&r);
    const json_t *steps = json_object_get(g->manifest, "steps");
    bool go_on = true;
    for (size_t i = 0; i < json_array_size(steps) && go_on; i++) {
        r.step = json_array_get(steps, i);
        const int number = (int)golden_number(r.step, "step", 0);
        hrm_safetensors *st = golden_open_step(g, i, number);
        if (!st) golden_skip(g, "there is no file of step %d, and so no weights for later ones", number);
        r.file = st;
        go_on = st && run_step(&r);
        hrm_safetensors_close(st);
    }
    free(r.own);
    hrm_program_destroy(r.forward);
    hrm_program_destroy(r.update);
    hrm_step_deinit(&r.segment);
    hrm_plan_deinit(&r.plan);
    hrm_model_destroy(r.model);
    return true;
}

static void run_in(hrm_precision precision) {
    golden_set_precision(precision);
    golden_for_each("steps", run_folder);
}

static void test_steps(void **state) {
    (void)state;
    run_in(HRM_PRECISION_F32);
}

static void test_steps_bf16(void **state) {
    (void)state;
    run_in(HRM_PRECISION_BF16);
}

static void test_steps_f16(void **state) {
    (void)state;
    run_in(HRM_PRECISION_F16);
}

int main(void) {
    golden_device();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps), cmocka_unit_test(test_steps_bf16),
                                       cmocka_unit_test(test_steps_f16)};
    return golden_exit(cmocka_run_group_tests(tests, NULL, NULL));
}
