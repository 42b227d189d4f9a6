/* Whole steps and segments, timed as they run and then command by command. */
#include <hrm/bench.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config_copy.h"
#include "base/rng.h"
#include "base/sort.h"
#include "gpu/caps.h"
#include "gpu/device.h"
#include "model/solver.h"
#include "model/weights.h"
#include "train/dataset.h"
#include "train/trainer_private.h"

/* ---- labels, summed over a step, with the median over steps ---- */

typedef struct label_row {
    char *label;
    uint64_t calls;
    double flops, bytes;
    double *ms; /* [runs] */
} label_row;

typedef struct label_table {
    label_row *rows;
    uint32_t count, capacity;
    uint32_t runs, run; /* run: the one being added */
    bool out_of_memory;
} label_table;

static label_row *find_row(label_table *t, const char *label) {
    for (uint32_t i = 0; i < t->count; i++)
        if (strcmp(t->rows[i].label, label) == 0) return &t->rows[i];
    if (t->count == t->capacity) {
        const uint32_t capacity = t->capacity ? 2 * t->capacity : 64;
        label_row *grown = realloc(t->rows, capacity * sizeof *grown);
        if (!grown) return NULL;
        t->rows = grown;
        t->capacity = capacity;
    }
    label_row row = {.label = strdup(label), .ms = calloc(t->runs, sizeof *row.ms)};
    if (!row.label || !row.ms) {
        free(row.label);
        free(row.ms);
        return NULL;
    }
    t->rows[t->count] = row;
    return &t->rows[t->count++];
}

static void add_label(void *user, const hrm_label_time *time, uint32_t times) {
    label_table *t = user;
    label_row *row = find_row(t, time->label);
    if (!row) {
        t->out_of_memory = true;
        return;
    }
    if (t->run == 0) {
        row->calls += time->calls * times;
        row->flops += time->flops * times;
        row->bytes += time->bytes * times;
    }
    row->ms[t->run] += 1e-6 * time->ns * times;
}

static void add_once(void *user, const hrm_label_time *time) {
    add_label(user, time, 1);
}

static void visit_labels(const label_table *t, void (*visit)(void *user, const hrm_bench_label *label), void *user) {
    double all = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        hrm_sort_doubles(t->rows[i].ms, t->runs);
        all += t->rows[i].ms[t->runs / 2];
    }
    for (uint32_t i = 0; i < t->count; i++) {
        const label_row *row = &t->rows[i];
        const double ms = row->ms[t->runs / 2];
        const hrm_bench_label label = {.label = row->label,
                                       .calls = row->calls,
                                       .ms = ms,
                                       .share = all > 0 ? ms / all : 0,
                                       .gflops = ms > 0 ? 1e-6 * row->flops / ms : 0,
                                       .gbytes = ms > 0 ? 1e-6 * row->bytes / ms : 0};
        visit(user, &label);
    }
}

static void free_labels(label_table *t) {
    for (uint32_t i = 0; i < t->count; i++) {
        free(t->rows[i].label);
        free(t->rows[i].ms);
    }
    free(t->rows);
}

static bool has_timestamps(const hrm_device *device) {
    return (hrm_device_get_caps(device) & HRM_CAP_TIMESTAMP) != 0;
}

/* Fills what the runs say; ms [runs] is sorted. */
static void sum_up(hrm_bench_time *result, double *ms, uint32_t runs) {
    hrm_sort_doubles(ms, runs);
    result->runs = runs;
    result->median_ms = ms[runs / 2];
    result->min_ms = ms[0];
    result->max_ms = ms[runs - 1];
    result->gflops = 1e-6 * result->flops / result->median_ms;
}

/* ---- training ---- */

/* Examples of random tokens: what a step costs does not depend on them. */
static hrm_status make_data(const hrm_trainer_config *recipe, hrm_dataset *out) {
    const hrm_model_config *m = &recipe->model;
    if (m->seq_len == 0 || m->vocab_size < 2 || recipe->batch == 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "bench step: seq_len %u, vocab_size %u, batch %u: without a data set all three must be set",
                        m->seq_len, m->vocab_size, recipe->batch);
    const uint32_t width = m->grid_width && m->seq_len % m->grid_width == 0 ? m->grid_width : 0;
    hrm_status status =
        hrm_puzzle_set_init(&out->set, recipe->batch, m->seq_len, m->vocab_size, width, width ? m->seq_len / width : 0);
    if (status != HRM_OK) return status;
    if (m->puzzle_count > 1) out->set.identifier_count = m->puzzle_count;
    hrm_rng rng;
    hrm_rng_init(&rng, 1, 0);
    for (size_t i = 0; i < (size_t)recipe->batch * m->seq_len; i++) {
        out->set.inputs[i] = (uint8_t)(1 + hrm_rng_below(&rng, m->vocab_size - 1));
        out->set.labels[i] = (uint8_t)(1 + hrm_rng_below(&rng, m->vocab_size - 1));
    }
    return HRM_OK;
}

static hrm_status step_once(hrm_trainer *t, double *ms) {
    const uint64_t start = hrm_clock_ns();
    hrm_status status = hrm_trainer_step(t, NULL);
    if (status == HRM_OK) status = hrm_trainer_finish(t, NULL);
    *ms = 1e3 * hrm_clock_seconds_since(start);
    return status;
}

static hrm_status time_steps(hrm_device *device, const hrm_trainer_config *recipe, const hrm_dataset *data,
                             uint32_t runs, double *ms, hrm_bench_time *result) {
    hrm_status status;
    hrm_trainer *t = NULL;
    hrm_training_plan plan = HRM_INIT(hrm_training_plan);
    hrm_step_report report = HRM_INIT(hrm_step_report);
    double first;
    HRM_TRY(hrm_trainer_create(device, recipe, data, &t));
    HRM_TRY(hrm_trainer_get_plan(t, &plan));
    HRM_TRY(step_once(t, &first)); /* compiles */
    for (uint32_t i = 0; i < runs; i++) HRM_TRY(step_once(t, &ms[i]));
    HRM_TRY(hrm_trainer_finish(t, &report));
    result->flops = report.flops;
    result->device_bytes = plan.device_bytes;
    result->parameters = plan.parameters;
    sum_up(result, ms, runs);
fail:
    hrm_trainer_destroy(t);
    return status;
}

static hrm_status profile_steps(hrm_device *device, const hrm_trainer_config *recipe, const hrm_dataset *data,
                                label_table *labels, double *ms) {
    hrm_status status;
    hrm_trainer *t = NULL;
    double first;
    HRM_TRY(hrm_trainer_create_profiled(device, recipe, data, &t));
    HRM_TRY(step_once(t, &first));
    for (labels->run = 0; labels->run < labels->runs; labels->run++) {
        HRM_TRY(step_once(t, &ms[labels->run]));
        HRM_TRY(hrm_trainer_read_profile(t, add_label, labels));
    }
    if (labels->out_of_memory) status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "bench step: no host memory for labels");
fail:
    hrm_trainer_destroy(t);
    return status;
}

hrm_status hrm_bench_step(hrm_device *device, const hrm_bench_step_config *config, hrm_bench_time *result,
                          void (*visit)(void *user, const hrm_bench_label *label), void *user) {
    hrm_status status;
    hrm_bench_step_config c;
    hrm_dataset random = {0};
    label_table labels = {0};
    double *ms = NULL;
    HRM_TRY(hrm_config_copy(config, &c, sizeof c, "hrm_bench_step_config"));
    const uint32_t runs = c.runs ? c.runs : 5;
    hrm_bench_time time = {.struct_size = (uint32_t)sizeof time, .profiled_ms = -1};
    if (!c.recipe) {
        status = hrm_fail(HRM_ERR_INVALID_ARGUMENT, "bench step: recipe is not set");
        goto fail;
    }
    hrm_trainer_config recipe = *c.recipe;
    if (!c.data) {
        recipe.augment = HRM_AUGMENT_NONE; /* of random tokens there are no symmetries */
        HRM_TRY(make_data(&recipe, &random));
    }
    recipe.batches = HRM_BATCHES_FULL; /* few examples must do for many steps */
    const hrm_dataset *data = c.data ? c.data : &random;
    ms = calloc(runs, sizeof *ms);
    if (!ms) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "bench step: no host memory");
        goto fail;
    }
    HRM_TRY(time_steps(device, &recipe, data, runs, ms, &time));
    if (visit && has_timestamps(device)) {
        labels.runs = runs;
        HRM_TRY(profile_steps(device, &recipe, data, &labels, ms));
        hrm_sort_doubles(ms, runs);
        time.profiled_ms = ms[runs / 2];
        visit_labels(&labels, visit, user);
    }
    *result = time;
fail:
    free(ms);
    free_labels(&labels);
    hrm_puzzle_set_deinit(&random.set);
    return status;
}

/* ---- solving ---- */

typedef struct solve_bench {
    hrm_model *model;
    hrm_bench_solve_config config;
    uint32_t *tokens, *answers; /* [batch, seq_len] */
    double *ms;                 /* [runs], per segment */
} solve_bench;

/* Runs once more than is timed: the first compiles. */
static hrm_status run_solver(const solve_bench *b, hrm_solver *solver, label_table *labels) {
    hrm_status status = HRM_OK;
    for (uint32_t i = 0; i <= b->config.runs && status == HRM_OK; i++) {
        const uint64_t start = hrm_clock_ns();
        status = hrm_solver_run(solver, b->tokens, NULL, b->config.batch, b->answers, NULL);
        if (i == 0) continue;
        b->ms[i - 1] = 1e3 * hrm_clock_seconds_since(start) / b->config.segments;
        if (!labels || status != HRM_OK) continue;
        labels->run = i - 1;
        status = hrm_solver_read_profile(solver, add_once, labels);
    }
    if (status == HRM_OK && labels && labels->out_of_memory)
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "bench solve: no host memory for labels");
    return status;
}

/* Work of a segment: what the solver's program counts. */
static void add_flops(void *user, const hrm_label_time *time) {
    *(double *)user += time->flops;
}

static hrm_status time_solver(const solve_bench *b, hrm_bench_time *result, label_table *labels) {
    hrm_status status;
    hrm_solver *solver = NULL;
    const hrm_solver_config config = {.struct_size = (uint32_t)sizeof config,
                                      .max_batch = b->config.batch,
                                      .max_segments = b->config.segments,
                                      .halting = HRM_HALTING_FIXED};
    HRM_TRY(hrm_solver_create(b->model, &config, &solver));
    if (labels) hrm_solver_set_profile(solver);
    HRM_TRY(run_solver(b, solver, labels));
    if (labels) {
        HRM_TRY(hrm_solver_read_profile(solver, add_flops, &result->flops));
        hrm_sort_doubles(b->ms, b->config.runs);
        result->profiled_ms = b->ms[b->config.runs / 2];
    } else {
        sum_up(result, b->ms, b->config.runs);
    }
fail:
    hrm_solver_destroy(solver);
    return status;
}

hrm_status hrm_bench_solve(hrm_model *model, const hrm_bench_solve_config *config, hrm_bench_time *result,
                           void (*visit)(void *user, const hrm_bench_label *label), void *user) {
    hrm_status status;
    label_table labels = {0};
    solve_bench b = {.model = model};
    HRM_TRY(hrm_config_copy(config, &b.config, sizeof b.config, "hrm_bench_solve_config"));
    if (b.config.runs == 0) b.config.runs = 9;
    if (b.config.batch == 0) b.config.batch = 1;
    if (b.config.segments == 0) b.config.segments = 1;
    const uint32_t S = model->dims.S;
    hrm_bench_time time = {
        .struct_size = (uint32_t)sizeof time, .profiled_ms = -1, .parameters = hrm_model_get_parameter_count(model)};
    HRM_TRY(hrm_solver_plan(model, b.config.batch, &time.device_bytes));
    time.device_bytes += hrm_model_get_device_bytes(model);
    b.tokens = calloc((size_t)b.config.batch * S, sizeof *b.tokens);
    b.answers = calloc((size_t)b.config.batch * S, sizeof *b.answers);
    b.ms = calloc(b.config.runs, sizeof *b.ms);
    if (!b.tokens || !b.answers || !b.ms) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "bench solve: no host memory for %u puzzles", b.config.batch);
        goto fail;
    }
    hrm_rng rng;
    hrm_rng_init(&rng, 1, 0);
    for (size_t i = 0; i < (size_t)b.config.batch * S; i++) b.tokens[i] = hrm_rng_below(&rng, model->dims.V);
    /* The work of a segment is known from its profile; without timestamps there is no rate. */
    if (has_timestamps(model->device)) {
        labels.runs = b.config.runs;
        HRM_TRY(time_solver(&b, &time, &labels));
        if (visit) visit_labels(&labels, visit, user);
    }
    HRM_TRY(time_solver(&b, &time, NULL));
    *result = time;
fail:
    free(b.tokens);
    free(b.answers);
    free(b.ms);
    free_labels(&labels);
    return status;
}
