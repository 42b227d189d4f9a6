/* The kinds of hrm bench, and what they share. */
#ifndef HRM_TOOL_BENCH_H
#define HRM_TOOL_BENCH_H

#include "cli.h"

/* Each parses the arguments behind its name; returns the exit code. */
int cli_bench_kernels(int argc, char **argv);
int cli_bench_step(int argc, char **argv);
int cli_bench_solve(int argc, char **argv);
int cli_bench_memory(int argc, char **argv);
int cli_bench_load(int argc, char **argv);

/* What every benchmark begins with: the device, its driver, lavapipe's vector width and the device's measured peak.
 * Prints it unless `json`. */
typedef struct bench_device {
    hrm_device *device;
    hrm_device_info info;
    hrm_bench_peak peak;
} bench_device;
hrm_status bench_device_open(bench_device *b, bool json);
void bench_device_close(bench_device *b);
/* A JSON object that says the same. */
json_t *bench_device_to_json(const bench_device *b);

/* Label rows collected during a visit, and their table: the largest share first. */
typedef struct bench_labels {
    hrm_bench_label *rows; /* labels are copies */
    size_t count, capacity;
    bool out_of_memory;
} bench_labels;
void bench_labels_add(void *labels, const hrm_bench_label *label);
void bench_labels_print(bench_labels *labels, const hrm_bench_peak *peak);
json_t *bench_labels_to_json(bench_labels *labels);
void bench_labels_free(bench_labels *labels);

/* The JSON of a hrm_bench_time. */
json_t *bench_time_to_json(const hrm_bench_time *time);

/* Puzzle sizes that go with a preset: what its data sets have. Fills model.seq_len, vocab_size, grid_width and
 * puzzle_count where they are 0. */
void bench_shape_recipe(uint32_t preset, hrm_trainer_config *recipe);

/* Ascending; the median is values[count / 2]. */
void bench_sort(double *values, size_t count);

/* ---- rivals ---- */

/* Another library that multiplies matrices on the processor, loaded at run time. */
typedef struct bench_rival {
    void *library;
    void *sgemm;
    char name[160]; /* "OpenBLAS 0.3.21 SkylakeX, 2 threads" */
} bench_rival;
/* False after printing an error: the library is not installed. */
bool bench_rival_open(bench_rival *rival);
void bench_rival_close(bench_rival *rival);
/* Times the same product; GF/s at the median of `runs`. 0 when there is no host memory. */
double bench_rival_measure(const bench_rival *rival, const hrm_bench_result *product);

#endif
