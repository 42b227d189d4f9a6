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

static uint32_t compared;

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
} run;

static void upload_u32(run *r, const char *name, const hrm_tensor *t) {
    uint32_t *values = golden_u32(r->file, name, hrm_tensor_get_count(t));
    if (values) golden_upload(r->device, t, values);
    free(values);
}

static void upload_f32(run *r, const char *name, const hrm_tensor *t) {
    float *values = golden_f32(r->file, name, hrm_tensor_get_count(t));
    if (values) golden_upload(r->device, t, values);
    free(values);
}

static void compare_f32(run *r, const char *name, const hrm_tensor *t) {
    float *got = golden_download(r->device, t);
    compared += golden_compare(r->file, name, json_object_get(r->step, "noise"), got, hrm_tensor_get_count(t));
    free(got);
}

static void compare_u32(run *r, const char *name, const hrm_tensor *t) {
    uint64_t count = hrm_tensor_get_count(t);
    uint32_t *want = golden_u32(r->file, name, count), *got = golden_download(r->device, t);
    for (uint64_t i = 0; want && i < count; i++)
        CHECK_MSG(got[i] == want[i], "%s[%llu] is %u, expected %u", name, (unsigned long long)i, got[i], want[i]);
    compared += want != NULL;
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
        memcpy(cut + (size_t)b * d->S * d->V, logits + ((size_t)b * d->T + d->P) * d->V, (size_t)d->S * d->V * sizeof *cut);
    compared += golden_compare(r->file, "out/logits", noise, cut, (uint64_t)B * d->S * d->V);
    free(cut);
    free(logits);
    float *q = golden_download(r->device, &r->segment.carry.q), *column = malloc(B * sizeof *column);
    for (uint32_t c = 0; c < 2; c++) {
        for (uint32_t b = 0; b < B; b++) column[b] = q[2 * b + c];
        compared += golden_compare(r->file, c ? "out/q_continue_logits" : "out/q_halt_logits", noise, column, B);
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
    } values[] = {{"count", got->count},
                  {"accuracy", (double)got->accuracy},
                  {"exact_accuracy", got->exact},
                  {"q_halt_accuracy", got->q_halt_correct},
                  {"steps", got->steps},
                  {"lm_loss", (double)got->lm_loss},
                  {"q_halt_loss", (double)got->q_halt_loss},
                  {"q_continue_loss", (double)got->q_continue_loss}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        double want = golden_number(sums, values[i].name, NAN);
        if (isnan(want)) continue;
        CHECK_MSG(fabs(values[i].got - want) <= GOLDEN_FLOOR * fmax(1, fabs(want)), "metric %s is %.9g, expected %.9g",
                  values[i].name, values[i].got, want);
        compared++;
    }
    float loss = got->loss;
    compared += golden_compare(r->file, "out/loss", json_object_get(r->step, "noise"), &loss, 1);
    free(got);
}

static void name_of(char *out, size_t size, const char *kind, const run *r, uint32_t index) {
    /* Files carry the prefix of the compiled, wrapped model; a folder without it is fine too. */
    static const char *const prefixes[] = {"_orig_mod.model.inner.", "model.inner.", "inner.", ""};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        snprintf(out, size, "%s/%s%s", kind, prefixes[i], r->model->list.items[index].name);
        if (hrm_safetensors_find(r->file, out)) return;
    }
}

static void compare_gradients(run *r) {
    char name[192];
    for (uint32_t i = 0; i < r->model->list.count; i++) {
        if (r->model->list.items[i].group != HRM_GROUP_DENSE) continue;
        hrm_tensor t = hrm_param_tensor(&r->model->list, i, r->segment.grads.dense.buffer);
        name_of(name, sizeof name, "grad", r, i);
        compare_f32(r, name, &t);
        upload_f32(r, name, &t); /* the optimizers are checked on the recorded gradients */
    }
    if (hrm_tensor_is_set(&r->segment.grad_puzzle)) {
        compare_f32(r, "grad/puzzle_emb_local", &r->segment.grad_puzzle);
        upload_f32(r, "grad/puzzle_emb_local", &r->segment.grad_puzzle);
    }
}

static void compare_params(run *r, double lr) {
    char name[192];
    for (uint32_t i = 0; i < r->model->list.count; i++) {
        const hrm_param *p = &r->model->list.items[i];
        name_of(name, sizeof name, "param", r, i);
        float *want = golden_f32(r->file, name, p->count);
        if (!want) continue;
        float *got = malloc(p->count * sizeof *got);
        CHECK_OK(hrm_model_read_param(r->model, i, got));
        /* A few roundings of the parameter and of each of up to six updates so far, each of size lr. */
        check_close_f32(name, got, want, p->count, 2e-5 * lr + 1e-7, 1e-6);
        compared++;
        free(got);
        free(want);
    }
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
    hrm_step_record(rec, &r->segment);
    CHECK_OK(hrm_recorder_end(rec, &r->forward));

    const json_t *c = json_object_get(r->g->manifest, "config");
    hrm_adam_atan2(rec, (hrm_adam_atan2_args){.param = r->model->groups[HRM_GROUP_DENSE],
                                              .grad = r->segment.grads.dense,
                                              .m = r->m,
                                              .v = r->v,
                                              .step_block = r->segment.carry.step_block,
                                              .count = r->model->list.group_count[HRM_GROUP_DENSE],
                                              .beta1 = (float)golden_number(c, "beta1", 0.9),
                                              .beta2 = (float)golden_number(c, "beta2", 0.95),
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

static void run_step(run *r) {
    const hrm_step *s = &r->segment;
    const json_t *c = json_object_get(r->g->manifest, "config");
    upload_u32(r, "batch/inputs", &s->carry.new_tokens);
    upload_u32(r, "batch/labels", &s->carry.new_labels);
    upload_u32(r, "batch/puzzle_identifiers", &s->carry.new_ids);
    upload_u32(r, "in/halted", &s->carry.halted);
    upload_u32(r, "in/steps", &s->carry.steps);
    upload_f32(r, "in/z_H", &s->carry.z_h);
    upload_f32(r, "in/z_L", &s->carry.z_l);
    if (hrm_safetensors_find(r->file, "in/z_H")) { /* rows in flight, when the carry itself is given */
        upload_u32(r, "cur/inputs", &s->carry.tokens);
        upload_u32(r, "cur/labels", &s->carry.labels);
        upload_u32(r, "cur/puzzle_identifiers", &s->carry.ids);
    }
    upload_f32(r, "rand/uniform", &s->explore_uniform);
    upload_u32(r, "rand/min_steps", &s->explore_min_steps);
    uint64_t step = (uint64_t)golden_number(r->step, "step", 0);
    double lr = golden_number(r->step, "lr", 0);
    struct hrm_step_block block = {.step = (uint32_t)step, .live_rows = s->config.batch};
    hrm_adam_atan2_set_step(&block, step, lr, golden_number(c, "beta1", 0.9), golden_number(c, "beta2", 0.95));
    block.puzzle_lr = (float)golden_number(r->step, "puzzle_emb_lr", 0);
    golden_upload(r->device, &s->carry.step_block, &block);

    CHECK_OK(hrm_program_submit(r->forward, NULL));
    compare_u32(r, "cur/inputs", &s->carry.tokens);
    compare_u32(r, "cur/labels", &s->carry.labels);
    compare_u32(r, "cur/puzzle_identifiers", &s->carry.ids);
    compare_f32(r, "mid/input_embeddings", &s->carry.e);
    compare_heads(r);
    if (hrm_tensor_is_set(&s->target)) compare_f32(r, "out/target_q_continue", &s->target);
    compare_u32(r, "out/halted", &s->carry.halted);
    compare_u32(r, "out/steps", &s->carry.steps);
    compare_f32(r, "out/z_H", &s->carry.z_h);
    compare_f32(r, "out/z_L", &s->carry.z_l);
    compare_metrics(r);
    compare_gradients(r);
    CHECK_OK(hrm_program_submit(r->update, NULL));
    compare_params(r, lr);
}

static void run_folder(const golden *g) {
    run r = {.g = g, .device = golden_device()};
    hrm_safetensors *init = golden_open(g, "init.safetensors");
    CHECK_MSG(init, "%s has no init.safetensors", g->folder);
    r.model = golden_model(g, init);
    hrm_plan_init(&r.plan, r.device);
    const json_t *config = json_object_get(g->manifest, "config"), *arch = json_object_get(config, "arch");
    const char *loss = json_string_value(json_object_get(json_object_get(arch, "loss"), "loss_type"));
    uint32_t batch = (uint32_t)golden_number(g->manifest, "batch_size", 0);
    CHECK_OK(hrm_step_init(&r.segment, &r.plan, r.model,
                           &(hrm_step_config){.batch = batch,
                                              .grad_scale = 1.0f / (float)golden_number(config, "global_batch_size", batch),
                                              .q_loss_weight = 0.5f,
                                              .exploration = (float)golden_number(arch, "halt_exploration_prob", 0),
                                              .softmax = loss && strcmp(loss, "softmax_cross_entropy") == 0,
                                              .replay_draws = true}));
    uint64_t dense = r.model->list.group_count[HRM_GROUP_DENSE];
    r.m = hrm_plan_1d(&r.plan, HRM_LIFE_OPTIMIZER, "m", HRM_F32_T, dense);
    r.v = hrm_plan_1d(&r.plan, HRM_LIFE_OPTIMIZER, "v", HRM_F32_T, dense);
    CHECK_OK(hrm_plan_get_status(&r.plan));
    float *zero = calloc(batch, sizeof *zero);
    golden_upload(r.device, &r.segment.explore_uniform, zero); /* where a folder records no draws: no exploration */
    golden_upload(r.device, &r.segment.explore_min_steps, zero);
    free(zero);
    record(&r);
    const json_t *steps = json_object_get(g->manifest, "steps");
    for (size_t i = 0; i < json_array_size(steps); i++) {
        r.step = json_array_get(steps, i);
        char file[64];
        snprintf(file, sizeof file, "step%d.safetensors", (int)golden_number(r.step, "step", 0));
        hrm_safetensors *st = golden_open(g, file);
        CHECK_MSG(st, "%s has no %s", g->folder, file);
        r.file = st;
        run_step(&r);
        hrm_safetensors_close(st);
    }
    hrm_program_destroy(r.forward);
    hrm_program_destroy(r.update);
    hrm_step_deinit(&r.segment);
    hrm_plan_deinit(&r.plan);
    hrm_model_destroy(r.model);
    hrm_safetensors_close(init);
}

static void test_steps(void **state) {
    (void)state;
    uint32_t folders = golden_for_each("steps", run_folder);
    printf("%u folders, %u tensors and metrics compared\n", folders, compared);
    CHECK_MSG(folders > 0 && compared > 0, "no golden training steps below %s", check_env_golden_dir(NULL));
}

int main(void) {
    golden_device();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close_device();
    return failed;
}
