/* Comparing and timing candidates. Every one is compared with the yardstick, on work that the yardstick does in a short
 * run; those that are right and not hopeless are then timed on as much of the work as the fastest does in one. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/half.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/sort.h"
#include "gpu/caps.h"
#include "gpu/program.h"
#include "ops/select_private.h"

/* How much of the work one run may be: from the least, doubled while it surely takes no longer than this. A desktop's
 * watchdog waits for seconds, a small board's (Raspberry Pi) for half of one; a fast device reaches the whole in five
 * short runs. CPU drivers have no watchdog: there the timed runs may be longer, so that they are the whole. */
#define RUN_SECONDS 0.05
#define CPU_RUN_SECONDS 0.25
/* A candidate this many times slower than the fastest where they were compared is not timed. */
#define HOPELESS 4.0
/* More than any device does. Drivers that accept work and do none come to such rates, or to zeros only. */
#define IMPOSSIBLE_FLOPS 1e16

enum { YARDSTICK = HRM_SELECT_MAX_CANDIDATES }; /* as a candidate, within this file */
enum { COMPARED_RUNS = 3 };

typedef enum outcome { NOT_TRIED, DOES_NOT_RUN, WRONG, RIGHT } outcome;

typedef struct trial_result {
    outcome outcome;
    double error, seconds; /* of the run that was compared */
    double gflops;         /* 0: not timed */
    char reason[160];
} trial_result;

typedef struct bench {
    hrm_device *device;
    hrm_select_state *state;
    const hrm_select_case *c;
    const hrm_select_method *method;
    hrm_buffer *buffers[HRM_SELECT_MAX_TENSORS], *wide_buffers[HRM_SELECT_MAX_TENSORS];
    hrm_tensor tensors[HRM_SELECT_MAX_TENSORS], wide[HRM_SELECT_MAX_TENSORS]; /* wide: f32, for the yardstick */
    hrm_dtype narrowest;
    uint32_t divisor;     /* of the whole work, what is recorded now */
    hrm_select_size size; /* of that */
    float *host;          /* room for the largest tensor */
    uint16_t *narrow;     /* the same, where there are 16-bit ones */
    float *first;         /* the yardstick's output */
    bool has_first, first_is_zero;
    double *times;
    trial_result results[HRM_SELECT_MAX_CANDIDATES];
} bench;

/* ---- tensors ---- */

static uint16_t narrow_value(hrm_dtype type, float x) {
    return type == HRM_BF16_T ? hrm_bf16_from_f32(x) : hrm_f16_from_f32(x);
}

static float widen_value(hrm_dtype type, uint16_t bits) {
    return type == HRM_BF16_T ? hrm_bf16_to_f32(bits) : hrm_f16_to_f32(bits);
}

static hrm_span whole(const hrm_tensor *t, uint64_t count) {
    return (hrm_span){t->buffer, 0, (count * hrm_dtype_get_bytes(t->dtype) + 3) / 4 * 4};
}

static hrm_status upload(bench *b, const hrm_tensor *t, uint64_t count) {
    if (!hrm_dtype_is_16bit(t->dtype)) return hrm_queue_upload(b->device, whole(t, count), b->host);
    for (uint64_t i = 0; i < count; i++) b->narrow[i] = narrow_value(t->dtype, b->host[i]);
    b->narrow[count] = 0; /* half a word at the end of an odd number */
    return hrm_queue_upload(b->device, whole(t, count), b->narrow);
}

static hrm_status download(bench *b, const hrm_tensor *t, uint64_t count) {
    if (!hrm_dtype_is_16bit(t->dtype)) return hrm_queue_download(b->device, whole(t, count), b->host);
    hrm_status status = hrm_queue_download(b->device, whole(t, count), b->narrow);
    for (uint64_t i = 0; i < count; i++) b->host[i] = widen_value(t->dtype, b->narrow[i]);
    return status;
}

static hrm_status create_tensor(bench *b, uint64_t count, hrm_dtype type, hrm_buffer **buffer, hrm_tensor *tensor) {
    uint64_t bytes = (count * hrm_dtype_get_bytes(type) + 3) / 4 * 4;
    hrm_status status = hrm_buffer_create(b->device, bytes, HRM_MEMORY_DEVICE, "kernel choice", buffer);
    if (status == HRM_OK) *tensor = hrm_tensor_1d(*buffer, 0, type, count);
    return status;
}

/* Values that the narrowest type holds exactly. */
static void fill_host(bench *b, uint32_t contents, uint64_t count) {
    hrm_rng rng;
    hrm_rng_init(&rng, 1, contents);
    for (uint64_t j = 0; j < count; j++) {
        float x = 2 * hrm_rng_f32(&rng) - 1;
        b->host[j] = b->narrowest == HRM_F32_T ? x : widen_value(b->narrowest, narrow_value(b->narrowest, x));
    }
}

static hrm_status create_tensors(bench *b) {
    const hrm_select_case *c = b->c;
    hrm_status status;
    uint64_t most = 1;
    for (uint32_t i = 0; i < c->tensor_count; i++) {
        if (c->counts[i] > most) most = c->counts[i];
        if (c->types && hrm_dtype_is_16bit(c->types[i])) b->narrowest = c->types[i];
    }
    b->host = malloc((size_t)most * sizeof *b->host);
    b->narrow = malloc((size_t)(most + 1) * sizeof *b->narrow);
    b->first = malloc((size_t)c->counts[c->output] * sizeof *b->first);
    const uint32_t most_runs = b->method->runs > COMPARED_RUNS ? b->method->runs : COMPARED_RUNS;
    b->times = malloc(most_runs * sizeof *b->times);
    if (!b->host || !b->narrow || !b->first || !b->times)
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "choosing kernels of %s: no host memory", c->key);
    for (uint32_t i = 0; i < c->tensor_count; i++) {
        hrm_dtype type = c->types ? c->types[i] : HRM_F32_T;
        HRM_TRY(create_tensor(b, c->counts[i], type, &b->buffers[i], &b->tensors[i]));
        fill_host(b, c->contents ? c->contents[i] : i, c->counts[i]);
        HRM_TRY(upload(b, &b->tensors[i], c->counts[i]));
        b->wide[i] = b->tensors[i];
        if (type == HRM_F32_T || !c->yardstick) continue;
        HRM_TRY(create_tensor(b, c->counts[i], HRM_F32_T, &b->wide_buffers[i], &b->wide[i]));
        HRM_TRY(upload(b, &b->wide[i], c->counts[i]));
    }
    return HRM_OK;
fail:
    return status;
}

static void destroy_tensors(bench *b) {
    for (uint32_t i = 0; i < b->c->tensor_count; i++) {
        hrm_buffer_destroy(b->buffers[i]);
        hrm_buffer_destroy(b->wide_buffers[i]);
    }
    free(b->times);
    free(b->first);
    free(b->narrow);
    free(b->host);
}

/* ---- running ---- */

/* Records `repeat` runs (0: the preparation), and runs them. *seconds gets the median time from submission to the end.
 */
static hrm_status run(bench *b, uint32_t candidate, uint32_t repeat, uint32_t runs, double *seconds) {
    hrm_status status;
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    const hrm_select_case *c = b->c;
    HRM_TRY(hrm_recorder_create(b->device, &rec));
    if (candidate == YARDSTICK) {
        for (uint32_t i = 0; i < repeat; i++) c->yardstick(rec, UINT32_MAX, b->wide, c->user);
    } else {
        if (repeat == 0 && c->prepare) c->prepare(rec, candidate, b->tensors, c->user);
        for (uint32_t i = 0; i < repeat; i++) c->record(rec, candidate, b->tensors, c->user);
    }
    HRM_TRY(hrm_recorder_end(rec, &program));
    for (uint32_t i = 0; i < runs; i++) {
        uint64_t start = hrm_clock_ns();
        hrm_ticket ticket = 0;
        HRM_TRY(hrm_program_submit(program, &ticket));
        HRM_TRY(hrm_queue_wait(b->device, ticket, 0));
        b->times[i] = hrm_clock_seconds_since(start);
    }
    hrm_sort_doubles(b->times, runs);
    *seconds = b->times[runs / 2];
fail:
    hrm_program_destroy(program);
    hrm_recorder_destroy(rec);
    return status;
}

static void set_size(bench *b, uint32_t divisor, bool tail) {
    b->divisor = divisor;
    b->size = (hrm_select_size){b->c->counts[b->c->output], b->c->flops};
    if (b->c->resize) b->size = b->c->resize(b->c->user, divisor, tail);
}

/* What is compared: as much as `candidate` does in a short run. False when it does not run; with the error set. */
static hrm_status find_size(bench *b, uint32_t candidate) {
    hrm_status status;
    double seconds;
    set_size(b, b->c->resize ? b->c->divisor_most : 1, true);
    HRM_TRY(run(b, candidate, 0, 1, &seconds));
    HRM_TRY(run(b, candidate, 1, 1, &seconds)); /* compiles */
    while (b->divisor > 1) {
        HRM_TRY(run(b, candidate, 1, 1, &seconds));
        if (2 * seconds > RUN_SECONDS) break;
        set_size(b, b->divisor / 2, true);
    }
fail:
    return status;
}

/* One run from NaN; the output is then on the host. */
static hrm_status run_from_nan(bench *b, uint32_t candidate, double *seconds) {
    hrm_status status;
    const uint32_t o = b->c->output;
    const hrm_tensor *output = candidate == YARDSTICK ? &b->wide[o] : &b->tensors[o];
    const uint64_t count = b->c->counts[o];
    for (uint64_t i = 0; i < count; i++) b->host[i] = NAN;
    HRM_TRY(upload(b, output, count));
    HRM_TRY(run(b, candidate, 0, 1, seconds));
    HRM_TRY(run(b, candidate, 1, 1, seconds));
    HRM_TRY(download(b, output, count));
fail:
    return status;
}

/* Takes the output on the host as the yardstick's; false when it is no result at all. */
static bool take_first(bench *b) {
    double scale = 0;
    for (uint64_t i = 0; i < b->size.written; i++) {
        if (isnan(b->host[i])) return false;
        if (fabs((double)b->host[i]) > scale) scale = fabs((double)b->host[i]);
    }
    memcpy(b->first, b->host, (size_t)b->size.written * sizeof *b->host);
    b->first_is_zero = scale == 0;
    b->has_first = true;
    return true;
}

static double compare_with_first(const bench *b) {
    double most = 0, scale = 0;
    for (uint64_t i = 0; i < b->size.written; i++) {
        double e = fabs((double)b->host[i] - (double)b->first[i]);
        if (!(e <= most)) most = isnan(e) ? INFINITY : e;
        if (fabs((double)b->first[i]) > scale) scale = fabs((double)b->first[i]);
    }
    return scale > 0 ? most / scale : most;
}

/* ---- the parts of a measurement ---- */

/* Errors: DEVICE, and what the yardstick of a case with 16-bit tensors meets: nothing can be compared then. */
static hrm_status make_yardstick(bench *b) {
    double seconds;
    if (!b->c->yardstick) return HRM_OK; /* the first candidate that runs */
    hrm_status status = find_size(b, YARDSTICK);
    if (status == HRM_OK) status = run_from_nan(b, YARDSTICK, &seconds);
    if (status == HRM_OK && !take_first(b))
        status = hrm_fail(HRM_ERR_UNSUPPORTED, "%s: the yardstick's results are no numbers", b->c->key);
    if (status == HRM_OK || status == HRM_ERR_DEVICE) return status;
    hrm_fail_prefix(status, "%s: the f32 yardstick does not run here", b->c->key);
    if (b->narrowest != HRM_F32_T) return status;
    hrm_log(HRM_LOG_WARN, "%s", hrm_last_error());
    return HRM_OK;
}

static hrm_status compare(bench *b, uint32_t i) {
    const char *name = b->c->candidates[i].name;
    trial_result *r = &b->results[i];
    const hrm_select_entry *before = hrm_select_find_refused(b->state, b->c->key, name);
    if (before) {
        *r = (trial_result){.outcome = WRONG, .error = before->error};
        snprintf(r->reason, sizeof r->reason, "computed wrong results when it was last tried");
        return HRM_OK;
    }
    hrm_status status = HRM_OK;
    bool sized = b->has_first || !b->c->resize;
    if (!sized) status = find_size(b, i);
    if (status == HRM_OK) status = run_from_nan(b, i, &r->seconds);
    if (status == HRM_ERR_DEVICE) {
        /* a row that loses the device is not tried again; what was lost with the yardstick was not the row's doing */
        if (b->has_first && b->c->yardstick) hrm_select_refuse(b->state, b->c->key, name, INFINITY);
        return status;
    }
    if (status != HRM_OK) {
        hrm_log(HRM_LOG_WARN, "%s: kernel %s does not run here: %s", b->c->key, name, hrm_last_error());
        r->outcome = DOES_NOT_RUN;
        r->error = NAN;
        snprintf(r->reason, sizeof r->reason, "does not run: %.120s", hrm_last_error());
        return HRM_OK;
    }
    r->error = b->has_first || take_first(b) ? compare_with_first(b) : INFINITY;
    if (!(r->error <= b->c->tolerance)) {
        hrm_log(HRM_LOG_WARN,
                "%s: kernel %s computes wrong results here (relative error %.1e, %.1e is allowed); never used",
                b->c->key, name, r->error, b->c->tolerance);
        r->outcome = WRONG;
        snprintf(r->reason, sizeof r->reason, "computes wrong results (relative error %.1e)", r->error);
        hrm_select_refuse(b->state, b->c->key, name, r->error);
        return HRM_OK;
    }
    r->outcome = RIGHT;
    /* The compared run compiled. The least time: on a busy machine hiccups would make a fast kernel look hopeless. */
    status = run(b, i, 1, COMPARED_RUNS, &r->seconds);
    if (status == HRM_OK) r->seconds = b->times[0];
    return status;
}

static double fastest(const bench *b) {
    double best = DBL_MAX;
    for (uint32_t i = 0; i < b->c->candidate_count; i++)
        if (b->results[i].outcome == RIGHT && b->results[i].seconds < best) best = b->results[i].seconds;
    return best;
}

/* The work of timed runs: grown from what was compared while the fastest surely does it in a run of the allowed length.
 */
static void grow(bench *b) {
    bool is_cpu = (hrm_device_get_caps(b->device) & HRM_CAP_CPU) != 0;
    double seconds = fastest(b), flops = b->size.flops;
    set_size(b, b->divisor, false);
    while (b->divisor > 1 && 2 * seconds * b->size.flops / flops <= (is_cpu ? CPU_RUN_SECONDS : RUN_SECONDS))
        set_size(b, b->divisor / 2, false);
}

static hrm_status time_one(bench *b, uint32_t i, double *rate) {
    hrm_status status;
    double seconds;
    HRM_TRY(run(b, i, 1, 1, &seconds)); /* other sizes may be other pipelines */
    HRM_TRY(run(b, i, 1, 1, &seconds));
    double repeat = seconds > 0 ? 0.01 / seconds : 64;
    uint32_t n = repeat < 1 ? 1 : repeat > 64 ? 64 : (uint32_t)repeat;
    HRM_TRY(run(b, i, n, b->method->runs, &seconds));
    *rate = seconds > 0 ? b->size.flops * n / seconds : INFINITY;
fail:
    return status;
}

static void report(const bench *b, uint32_t chosen) {
    const hrm_select_tuning *t = b->method->tuning;
    for (uint32_t i = 0; t && t->visit && i < b->c->candidate_count; i++) {
        const trial_result *r = &b->results[i];
        if (r->outcome == NOT_TRIED) continue;
        t->visit(t->user, &(hrm_select_result){.key = b->c->key,
                                               .row = b->c->candidates[i].name,
                                               .gflops = r->gflops,
                                               .error = r->error,
                                               .reason = r->reason[0] ? r->reason : NULL,
                                               .refused = r->outcome == WRONG,
                                               .chosen = i == chosen});
    }
}

/* Whether what was right was nothing at all: zeros, or at no speed that there is. */
static bool seems_idle(const bench *b, uint32_t i, double rate) {
    if (rate < IMPOSSIBLE_FLOPS && !b->first_is_zero) return false;
    hrm_log(HRM_LOG_WARN,
            "%s: kernel %s did %.2g GFLOP at %.2g GFLOP/s%s: this device seems not to compute; taking the kernel "
            "unmeasured",
            b->c->key, b->c->candidates[i].name, b->size.flops * 1e-9, rate * 1e-9,
            b->first_is_zero ? ", and its results are all 0" : "");
    return true;
}

hrm_status hrm_select_measure(hrm_device *device, hrm_select_state *s, const hrm_select_case *c,
                              const hrm_select_method *method, uint32_t *chosen, double *gflops, bool *measured) {
    hrm_status status;
    bench b = {.device = device, .state = s, .c = c, .method = method, .narrowest = HRM_F32_T};
    *chosen = UINT32_MAX;
    *gflops = 0;
    *measured = true;
    HRM_TRY(create_tensors(&b));
    set_size(&b, 1, false);
    HRM_TRY(make_yardstick(&b));
    for (uint32_t i = 0; i < c->candidate_count; i++) {
        const trial_result *r = &b.results[i];
        if (!hrm_select_is_tried(c, i)) continue;
        HRM_TRY(compare(&b, i));
        if (r->outcome != RIGHT || !seems_idle(&b, i, b.size.flops / r->seconds)) continue;
        *chosen = i;
        *measured = false;
        goto fail; /* HRM_OK */
    }

    const double hopeless = HOPELESS * fastest(&b);
    double best = 0;
    grow(&b);
    for (uint32_t i = 0; i < c->candidate_count; i++) {
        trial_result *r = &b.results[i];
        if (r->outcome != RIGHT) continue;
        if (r->seconds > hopeless) {
            snprintf(r->reason, sizeof r->reason, "%.0f times slower than another where they were compared",
                     r->seconds / (hopeless / HOPELESS));
            continue;
        }
        double rate;
        HRM_TRY(time_one(&b, i, &rate));
        if (seems_idle(&b, i, rate)) {
            *chosen = i;
            *measured = false;
            goto fail; /* HRM_OK */
        }
        r->gflops = rate * 1e-9;
        hrm_log(HRM_LOG_DEBUG, "%s: kernel %s %.1f GFLOP/s, relative error %.1e", c->key, c->candidates[i].name,
                r->gflops, r->error);
        /* Clearly faster, or the earlier one stays: near ties would flip from one measurement to the next. */
        if (rate * method->clearly > best) {
            best = rate;
            *chosen = i;
        }
    }
    if (*chosen == UINT32_MAX) {
        status = hrm_fail(HRM_ERR_UNSUPPORTED, "%s: no kernel works on this device", c->key);
        report(&b, UINT32_MAX);
        goto fail;
    }
    *gflops = best * 1e-9;
    hrm_log(HRM_LOG_INFO, "%s: chose kernel %s, %.1f GFLOP/s", c->key, c->candidates[*chosen].name, *gflops);
    report(&b, *chosen);
fail:
    destroy_tensors(&b);
    return status;
}
