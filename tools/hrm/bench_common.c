#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "environment.h"

hrm_status bench_device_open(bench_device *b, bool json) {
    *b = (bench_device){.info = HRM_INIT(hrm_device_info), .peak = HRM_INIT(hrm_bench_peak)};
    hrm_status status = cli_open_device(&b->device);
    if (status == HRM_OK) status = hrm_device_get_info(b->device, &b->info);
    if (status == HRM_OK) status = hrm_bench_measure_peak(b->device, &b->peak);
    if (status != HRM_OK) {
        bench_device_close(b);
        return status;
    }
    if (json) return HRM_OK;
    printf("%s, %s %s\n", b->info.name, b->info.driver_name, b->info.driver_info);
    if (b->info.type == HRM_DEVICE_CPU) printf("lavapipe vector width: %s\n", cli_environment_get_vector_width());
    printf("measured peak: %.1f GF/s in registers, %.1f GB/s of memory\n\n", b->peak.gflops, b->peak.gbytes);
    return HRM_OK;
}

void bench_device_close(bench_device *b) {
    hrm_device_destroy(b->device);
    b->device = NULL;
}

json_t *bench_device_to_json(const bench_device *b) {
    return json_pack("{s:s, s:s, s:s, s:s, s:f, s:f}", "name", b->info.name, "driver", b->info.driver_name,
                     "driver_info", b->info.driver_info, "vector_width", cli_environment_get_vector_width(),
                     "peak_gflops", b->peak.gflops, "peak_gbytes_per_s", b->peak.gbytes);
}

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_sort(double *values, size_t count) {
    qsort(values, count, sizeof *values, compare_doubles);
}

void bench_labels_add(void *user, const hrm_bench_label *label) {
    bench_labels *l = user;
    if (l->count == l->capacity) {
        const size_t capacity = l->capacity ? 2 * l->capacity : 64;
        hrm_bench_label *grown = realloc(l->rows, capacity * sizeof *grown);
        if (!grown) {
            l->out_of_memory = true;
            return;
        }
        l->rows = grown;
        l->capacity = capacity;
    }
    hrm_bench_label row = *label;
    row.label = strdup(label->label);
    if (!row.label) {
        l->out_of_memory = true;
        return;
    }
    l->rows[l->count++] = row;
}

static int compare_shares(const void *a, const void *b) {
    const double x = ((const hrm_bench_label *)a)->ms, y = ((const hrm_bench_label *)b)->ms;
    return (x < y) - (x > y);
}

static void sort_labels(bench_labels *l) {
    if (l->count) qsort(l->rows, l->count, sizeof *l->rows, compare_shares);
}

void bench_labels_print(bench_labels *l, const hrm_bench_peak *peak) {
    double sum = 0;
    sort_labels(l);
    printf("%-34s %6s %10s %7s %7s %8s %7s %7s\n", "kernel label", "calls", "ms", "share", "so far", "GF/s", "of peak",
           "GB/s");
    for (size_t i = 0; i < l->count; i++) {
        const hrm_bench_label *r = &l->rows[i];
        sum += r->share;
        printf("%-34s %6llu %10.3f %6.1f%% %6.1f%% %8.1f %6.1f%% %7.1f\n", r->label, (unsigned long long)r->calls,
               r->ms, 100 * r->share, 100 * sum, r->gflops, peak->gflops > 0 ? 100 * r->gflops / peak->gflops : 0,
               r->gbytes);
    }
}

json_t *bench_labels_to_json(bench_labels *l) {
    json_t *list = json_array();
    sort_labels(l);
    for (size_t i = 0; i < l->count; i++) {
        const hrm_bench_label *r = &l->rows[i];
        json_array_append_new(list, json_pack("{s:s, s:I, s:f, s:f, s:f, s:f}", "label", r->label, "calls",
                                              (json_int_t)r->calls, "ms", r->ms, "share", r->share, "gflops", r->gflops,
                                              "gbytes_per_s", r->gbytes));
    }
    return list;
}

void bench_labels_free(bench_labels *l) {
    for (size_t i = 0; i < l->count; i++) free((void *)(uintptr_t)l->rows[i].label);
    free(l->rows);
}

json_t *bench_time_to_json(const hrm_bench_time *t) {
    return json_pack("{s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I}", "runs", (int)t->runs, "median_ms", t->median_ms,
                     "min_ms", t->min_ms, "max_ms", t->max_ms, "profiled_ms", t->profiled_ms, "gflop", 1e-9 * t->flops,
                     "gflops", t->gflops, "device_bytes", (json_int_t)t->device_bytes, "parameters",
                     (json_int_t)t->parameters);
}

void bench_shape_recipe(uint32_t preset, hrm_trainer_config *recipe) {
    static const struct {
        hrm_task task;
        uint32_t side, vocab, puzzles;
    } shapes[] = {{HRM_TASK_MAZE_DEMO, 6, HRM_MAZE_VOCAB, 1},
                  {HRM_TASK_MAZE_HARD, 30, HRM_MAZE_VOCAB, 1},
                  {HRM_TASK_SUDOKU, 9, 11, 1},
                  {HRM_TASK_SUDOKU_DEMO, 4, 6, 1},
                  {HRM_TASK_ARC_1, 30, 12, 960},
                  {HRM_TASK_ARC_2, 30, 12, 1120}};
    hrm_model_config *m = &recipe->model;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if ((uint32_t)shapes[i].task != preset) continue;
        if (m->grid_width == 0 && m->seq_len == 0) m->grid_width = shapes[i].side;
        if (m->seq_len == 0) m->seq_len = shapes[i].side * shapes[i].side;
        if (m->vocab_size == 0) m->vocab_size = shapes[i].vocab;
        if (m->puzzle_count == 0) m->puzzle_count = shapes[i].puzzles;
    }
}
