/* An evaluation of the reference, segment by segment: logits, Q logits, predictions, halting, carry. Folders: those whose
 * manifest has "segments". Run twice: through the recorded parts with every segment compared, and through a solver. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/program.h"
#include "helper_golden.h"
#include "model/carry.h"
#include "ops/act.h"
#include "shared/step_block.h"

static uint32_t compared;

/* Part `index` of a tensor [n, count] as f32, compared like a tensor of its own. */
static void compare_part(const hrm_safetensors *file, const char *name, uint32_t index, const char *noise_name,
                         const json_t *noise, const float *got, uint64_t count) {
    const hrm_safetensors_tensor *t = hrm_safetensors_find(file, name);
    if (!t) return;
    float *all = malloc(t->count * sizeof *all);
    CHECK_OK(hrm_safetensors_copy_f32(t, all, t->count));
    const float *want = all + index * count;
    double largest = 0;
    for (uint64_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)want[i]));
    double measured = 10 * golden_number(json_object_get(noise, noise_name), "max_abs_diff_fp64", 0);
    char label[128];
    snprintf(label, sizeof label, "%s, segment %u", name, index + 1);
    check_close_f32(label, got, want, count, fmax(measured, GOLDEN_FLOOR * largest), 0.0);
    compared++;
    free(all);
}

/* The reference's own choice of a token is only binding where the two best logits are further apart than both runs'
 * rounding. */
static void compare_answers(const hrm_safetensors *file, uint32_t segment, const uint32_t *answers, uint64_t count) {
    const hrm_safetensors_tensor *pred = hrm_safetensors_find(file, "pred"), *margin = hrm_safetensors_find(file, "margin");
    if (!pred) return;
    int64_t *want = malloc(pred->count * sizeof *want);
    float *gap = margin ? malloc(margin->count * sizeof *gap) : NULL;
    CHECK_OK(hrm_safetensors_copy_i64(pred, want, pred->count));
    if (margin) CHECK_OK(hrm_safetensors_copy_f32(margin, gap, margin->count));
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = segment * count + i;
        if (gap && gap[at] < 1e-3f) continue;
        CHECK_MSG((int64_t)answers[i] == want[at], "answer %llu of segment %u is %u, expected %d", (unsigned long long)i,
                  segment + 1, answers[i], (int)want[at]);
    }
    compared++;
    free(want);
    free(gap);
}

typedef struct eval {
    const golden *g;
    const hrm_safetensors *file;
    hrm_model *model;
    uint32_t batch, segments;
    uint32_t *tokens, *ids;
} eval;

static void run_segments(const eval *e) {
    hrm_device *device = golden_device();
    const hrm_dims *d = &e->model->dims;
    const uint32_t B = e->batch;
    hrm_plan plan;
    hrm_plan_init(&plan, device);
    hrm_carry c = {0};
    hrm_carry_plan(&c, &plan, e->model, B, false);
    hrm_net net = {.model = e->model, .batch = B};
    hrm_scratch_plan(&net.scratch, &plan, e->model, B, false);
    CHECK_OK(hrm_plan_get_status(&plan));
    hrm_inner inner;
    CHECK_OK(hrm_inner_init(&inner, &plan, e->model, B, 0, c.z_h, c.z_l));
    hrm_recorder *rec;
    hrm_program *clear, *segment;
    CHECK_OK(hrm_recorder_create(device, &rec));
    hrm_carry_record_clear(rec, &c);
    CHECK_OK(hrm_recorder_end(rec, &clear));
    hrm_carry_record_begin(rec, &net, &c);
    hrm_inner_forward(rec, &net, &inner,
                      &(hrm_inner_io){.e = c.e, .h_in = c.z_h, .l_in = c.z_l, .h_out = c.z_h, .l_out = c.z_l}, false);
    hrm_carry_record_heads(rec, &net, c.z_h, c.logits, c.q);
    hrm_act_halt(rec, (hrm_act_halt_args){.q = c.q,
                                          .steps = c.steps,
                                          .halted = c.halted,
                                          .step_block = c.step_block,
                                          .batch = B,
                                          .max_steps = e->segments,
                                          .mode = HRM_ACT_FIXED,
                                          .has_continue = true});
    CHECK_OK(hrm_recorder_end(rec, &segment));
    hrm_recorder_destroy(rec);
    CHECK_OK(hrm_program_submit(clear, NULL));
    golden_upload(device, &c.new_tokens, e->tokens);
    golden_upload(device, &c.new_ids, e->ids);
    golden_upload(device, &c.step_block, &(struct hrm_step_block){.live_rows = B});
    const json_t *noises = json_object_get(e->g->manifest, "noise_per_segment");
    for (uint32_t s = 0; s < e->segments; s++) {
        CHECK_OK(hrm_program_submit(segment, NULL));
        const json_t *noise = json_array_get(noises, s);
        float *logits = golden_download(device, &c.logits), *q = golden_download(device, &c.q);
        float *cut = malloc((size_t)B * d->S * d->V * sizeof *cut), *column = malloc(B * sizeof *column);
        for (uint32_t b = 0; b < B; b++)
            memcpy(cut + (size_t)b * d->S * d->V, logits + ((size_t)b * d->T + d->P) * d->V,
                   (size_t)d->S * d->V * sizeof *cut);
        compare_part(e->file, "logits", s, "logits", noise, cut, (uint64_t)B * d->S * d->V);
        for (uint32_t k = 0; k < 2; k++) {
            const char *name = k ? "q_continue_logits" : "q_halt_logits";
            for (uint32_t b = 0; b < B; b++) column[b] = q[2 * b + k];
            compare_part(e->file, name, s, name, noise, column, B);
        }
        if (s == 0 || s + 1 == e->segments) {
            const char *at = s == 0 ? "first" : "last";
            const hrm_tensor *z[] = {&c.z_h, &c.z_l};
            for (int k = 0; k < 2; k++) {
                char name[32];
                snprintf(name, sizeof name, "z_%c_%s", "HL"[k], at);
                float *state = golden_download(device, z[k]);
                compare_part(e->file, name, 0, k ? "z_L" : "z_H", noise, state, (uint64_t)B * d->T * d->D);
                free(state);
            }
        }
        uint32_t *halted = golden_download(device, &c.halted), *steps = golden_download(device, &c.steps);
        for (uint32_t b = 0; b < B; b++) {
            CHECK_EQ(steps[b], s + 1);
            CHECK_EQ(halted[b], s + 1 == e->segments);
        }
        free(halted);
        free(steps);
        free(logits);
        free(q);
        free(cut);
        free(column);
    }
    hrm_program_destroy(clear);
    hrm_program_destroy(segment);
    hrm_inner_deinit(&inner);
    hrm_plan_deinit(&plan);
}

typedef struct watch {
    const eval *e;
    uint32_t *answers; /* [segments, B, S] */
} watch;

static bool observe(void *user, uint32_t puzzle, uint32_t segment, const uint32_t *answer, float q_halt, float q_continue) {
    (void)q_halt;
    (void)q_continue;
    const watch *w = user;
    const uint32_t S = w->e->model->dims.S;
    memcpy(w->answers + ((size_t)(segment - 1) * w->e->batch + puzzle) * S, answer, S * sizeof *answer);
    return true;
}

/* A batch smaller than the number of puzzles: rows are refilled and the batch shrinks, answers stay the same. */
static void run_solver(const eval *e, uint32_t max_batch) {
    const uint32_t S = e->model->dims.S;
    hrm_solver_config config = HRM_INIT(hrm_solver_config);
    config.max_batch = max_batch;
    config.max_segments = e->segments;
    config.halting = HRM_HALTING_FIXED;
    hrm_solver *solver;
    CHECK_OK(hrm_solver_create(e->model, &config, &solver));
    watch w = {e, calloc((size_t)e->segments * e->batch * S, sizeof *w.answers)};
    hrm_solver_set_observer(solver, observe, &w);
    uint32_t *answers = calloc((size_t)e->batch * S, sizeof *answers);
    hrm_solution *solutions = calloc(e->batch, sizeof *solutions);
    CHECK_OK(hrm_solver_run(solver, e->tokens, e->ids, e->batch, answers, solutions));
    for (uint32_t s = 0; s < e->segments; s++)
        compare_answers(e->file, s, w.answers + (size_t)s * e->batch * S, (uint64_t)e->batch * S);
    for (uint32_t b = 0; b < e->batch; b++) {
        CHECK_EQ(solutions[b].segments, e->segments);
        CHECK_EQ(solutions[b].halted, 0);
    }
    hrm_solver_destroy(solver);
    free(w.answers);
    free(answers);
    free(solutions);
}

static void run_folder(const golden *g) {
    hrm_safetensors *init = golden_open(g, "init.safetensors"), *file = golden_open(g, "eval.safetensors");
    CHECK_MSG(init && file, "%s needs init.safetensors and eval.safetensors", g->folder);
    eval e = {.g = g, .file = file, .model = golden_model(g, init)};
    e.batch = (uint32_t)golden_number(g->manifest, "batch_size", 0);
    e.segments = (uint32_t)golden_number(g->manifest, "segments", 0);
    e.tokens = golden_u32(file, "batch/inputs", (uint64_t)e.batch * e.model->dims.S);
    e.ids = golden_u32(file, "batch/puzzle_identifiers", e.batch);
    CHECK_MSG(e.tokens, "%s: no batch/inputs", g->folder);
    if (!e.ids) e.ids = calloc(e.batch, sizeof *e.ids);
    run_segments(&e);
    run_solver(&e, e.batch);
    if (e.batch > 1) run_solver(&e, e.batch - 1);
    run_solver(&e, 1);
    free(e.tokens);
    free(e.ids);
    hrm_model_destroy(e.model);
    hrm_safetensors_close(init);
    hrm_safetensors_close(file);
}

static void test_evaluations(void **state) {
    (void)state;
    uint32_t folders = golden_for_each("segments", run_folder);
    printf("%u folders, %u tensors compared\n", folders, compared);
    CHECK_MSG(folders > 0 && compared > 0, "no golden evaluation below %s", check_env_golden_dir(NULL));
}

int main(void) {
    golden_device();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_evaluations)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close_device();
    return failed;
}
