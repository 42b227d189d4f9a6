#include "ops/select.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file_map.h"
#include "base/file_write.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/path.h"
#include "base/rng.h"
#include "gpu/program.h"
#include "ops/attention.h"
#include "ops/kernels.h"
#include "ops/matmul.h"

enum { SELECT_MAX_OPS = 16, SELECT_NAME = 40, SELECT_RUNS = 5, SELECT_MAX_FILE = 1 << 16 };

typedef struct select_choice {
    char op[SELECT_NAME], name[SELECT_NAME];
    double gflops;
    const char *how;
} select_choice;

/* What hangs on a device. */
typedef struct select_state {
    select_choice choices[SELECT_MAX_OPS]; /* of this process */
    uint32_t choice_count;
    select_choice stored[SELECT_MAX_OPS]; /* of the file */
    uint32_t stored_count;
    char path[HRM_PATH_MAX];            /* "" = no cache */
    const char *forced_op, *forced_row; /* during hrm_select_force; else NULL */
} select_state;

/* ---- the file: a header line, a line per op, a line with the hash of everything before it ---- */

static uint64_t hash_kernels(void) {
    const hrm_kernel_table *table = hrm_kernels_get_table();
    uint64_t hash = HRM_FNV1A64_INIT;
    for (uint32_t i = 0; i < table->count; i++)
        if (table->rows[i].spirv)
            hash = hrm_fnv1a64_update(hash, table->rows[i].spirv, (size_t)table->rows[i].spirv_words * 4);
    return hash;
}

static const char file_header[] = "hrm kernel choices, version 1\n";

static void load_file(select_state *s) {
    hrm_file_map map = {0};
    if (hrm_file_map_open(s->path, &map) != HRM_OK) return; /* no measurement yet */
    if (map.size < SELECT_MAX_FILE) {
        char *text = malloc(map.size + 1);
        if (!text) {
            hrm_file_map_close(&map);
            return;
        }
        memcpy(text, map.data, map.size);
        text[map.size] = 0;
        char *end = strstr(text, "hash ");
        uint64_t hash = 0;
        bool ok = end && strncmp(text, file_header, sizeof file_header - 1) == 0 &&
                  sscanf(end, "hash %16" SCNx64, &hash) == 1 && hash == hrm_fnv1a64(text, (size_t)(end - text));
        if (ok) {
            *end = 0;
            for (char *line = text + sizeof file_header - 1; *line && s->stored_count < SELECT_MAX_OPS;) {
                select_choice *c = &s->stored[s->stored_count];
                if (sscanf(line, "%39s %39s %lf", c->op, c->name, &c->gflops) != 3) break;
                s->stored_count++;
                line = strchr(line, '\n');
                if (!line) break;
                line++;
            }
        } else {
            hrm_log(HRM_LOG_WARN, "kernel choices: %s is damaged; measuring again", s->path);
        }
        free(text);
    }
    hrm_file_map_close(&map);
}

static void save_file(const select_state *s) {
    if (!s->path[0]) return;
    char text[SELECT_MAX_OPS * (2 * SELECT_NAME + 32) + 128];
    int at = snprintf(text, sizeof text, "%s", file_header);
    for (uint32_t i = 0; i < s->stored_count; i++) {
        const select_choice *c = &s->stored[i];
        at += snprintf(text + at, sizeof text - (size_t)at, "%s %s %.3f\n", c->op, c->name, c->gflops);
    }
    uint64_t hash = hrm_fnv1a64(text, (size_t)at);
    at += snprintf(text + at, sizeof text - (size_t)at, "hash %016" PRIx64 "\n", hash);
    if (hrm_file_write_all(s->path, text, (size_t)at) != HRM_OK)
        hrm_log(HRM_LOG_WARN, "kernel choices are not kept: %s", hrm_last_error());
}

static select_state *get_state(hrm_device *device) {
    select_state *s = hrm_device_get_user(device);
    if (s) return s;
    s = calloc(1, sizeof *s);
    if (!s) return NULL;
    const char *folder = hrm_device_get_cache_dir(device);
    if (folder[0]) {
        char name[160];
        snprintf(name, sizeof name, "select-%.80s-%016" PRIx64 ".txt", hrm_device_get_key(device), hash_kernels());
        if (hrm_path_join(folder, name, s->path, sizeof s->path) != HRM_OK) s->path[0] = 0;
    }
    if (s->path[0]) load_file(s);
    hrm_device_set_user(device, s, free);
    return s;
}

static select_choice *find(select_choice *choices, uint32_t count, const char *op) {
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(choices[i].op, op) == 0) return &choices[i];
    return NULL;
}

static void keep(select_choice *choices, uint32_t *count, const char *op, const char *name, double gflops,
                 const char *how) {
    select_choice *c = find(choices, *count, op);
    if (!c) {
        if (*count == SELECT_MAX_OPS) return;
        c = &choices[(*count)++];
    }
    snprintf(c->op, sizeof c->op, "%s", op);
    snprintf(c->name, sizeof c->name, "%s", name);
    c->gflops = gflops;
    c->how = how;
}

/* ---- choosing ---- */

static uint32_t find_candidate(const hrm_select_case *c, const char *name, size_t length) {
    for (uint32_t i = 0; i < c->candidate_count; i++) {
        const hrm_select_candidate *k = &c->candidates[i];
        if (k->usable && strlen(k->name) == length && memcmp(k->name, name, length) == 0) return i;
    }
    return UINT32_MAX;
}

/* True when HRM_SELECT has an entry for the op; *chosen is UINT32_MAX when it names no usable candidate. */
static bool read_override(const hrm_select_case *c, uint32_t *chosen) {
    const char *text = getenv("HRM_SELECT");
    size_t op_length = strlen(c->op);
    while (text && *text) {
        size_t length = strcspn(text, ",");
        if (length > op_length && text[op_length] == '=' && strncmp(text, c->op, op_length) == 0) {
            *chosen = find_candidate(c, text + op_length + 1, length - op_length - 1);
            return true;
        }
        text += length;
        if (*text) text++;
    }
    return false;
}

typedef struct bench {
    hrm_device *device;
    const hrm_select_case *c;
    hrm_buffer *buffers[HRM_SELECT_MAX_TENSORS];
    hrm_tensor tensors[HRM_SELECT_MAX_TENSORS];
    uint32_t divisor; /* of the whole work, what is recorded now */
    float *host;      /* room for the largest tensor */
    float *first;     /* the yardstick's output */
    bool first_is_zero;
} bench;

/* Records `repeat` runs (0: the preparation), and runs them. *seconds gets the time from submission to the end. */
static hrm_status run(bench *b, uint32_t candidate, uint32_t repeat, uint32_t runs, double *seconds) {
    hrm_status status;
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    HRM_TRY(hrm_recorder_create(b->device, &rec));
    if (repeat == 0 && b->c->prepare) b->c->prepare(rec, candidate, b->tensors, b->c->user);
    for (uint32_t i = 0; i < repeat; i++) b->c->record(rec, candidate, b->tensors, b->c->user);
    HRM_TRY(hrm_recorder_end(rec, &program));
    *seconds = DBL_MAX;
    for (uint32_t i = 0; i < runs; i++) {
        uint64_t start = hrm_clock_ns();
        hrm_ticket ticket = 0;
        HRM_TRY(hrm_program_submit(program, &ticket));
        HRM_TRY(hrm_queue_wait(b->device, ticket, 0));
        double t = hrm_clock_seconds_since(start);
        if (t < *seconds) *seconds = t;
    }
fail:
    hrm_program_destroy(program);
    hrm_recorder_destroy(rec);
    return status;
}

/* One run from NaN, compared with the yardstick (candidate `first` makes it). */
static hrm_status check(bench *b, uint32_t candidate, bool first, double *seconds, double *error) {
    hrm_status status;
    uint64_t all = b->c->counts[b->c->output], count = all / b->divisor;
    for (uint64_t i = 0; i < all; i++) b->host[i] = NAN;
    HRM_TRY(hrm_queue_upload(b->device, hrm_tensor_get_span(&b->tensors[b->c->output]), b->host));
    HRM_TRY(run(b, candidate, 0, 1, seconds));
    HRM_TRY(run(b, candidate, 1, 1, seconds));
    HRM_TRY(hrm_queue_download(b->device, hrm_tensor_get_span(&b->tensors[b->c->output]), b->host));
    if (first) memcpy(b->first, b->host, (size_t)count * sizeof *b->host);
    double most = 0, scale = 0;
    for (uint64_t i = 0; i < count; i++) {
        double e = fabs((double)b->host[i] - (double)b->first[i]);
        if (!(e <= most)) most = isnan(e) ? INFINITY : e;
        if (fabs((double)b->first[i]) > scale) scale = fabs((double)b->first[i]);
    }
    *error = scale > 0 ? most / scale : most;
    if (first) b->first_is_zero = scale == 0;
fail:
    return status;
}

/* How much of the work one run may be: from the least, doubled while it surely takes no longer than this. A desktop's
 * watchdog waits for seconds, a small board's (Raspberry Pi) for half of one; a fast device reaches the whole in five
 * short runs. */
#define RUN_SECONDS 0.05

static void find_size(bench *b) {
    const hrm_select_case *c = b->c;
    if (!c->resize) return;
    for (uint32_t i = 0; i < c->candidate_count; i++) {
        if (!c->candidates[i].usable) continue;
        double seconds;
        b->divisor = c->divisor_most;
        c->resize(c->user, b->divisor);
        /* what fails here fails again in its check, and is reported there */
        if (run(b, i, 0, 1, &seconds) != HRM_OK || run(b, i, 1, 1, &seconds) != HRM_OK) continue; /* compiles */
        while (run(b, i, 1, 1, &seconds) == HRM_OK && 2 * seconds <= RUN_SECONDS && b->divisor > 1) {
            b->divisor /= 2;
            c->resize(c->user, b->divisor);
        }
        return;
    }
}

/* More than any device does in f32. Drivers that accept work and do none come to such rates, or to zeros only. */
#define IMPOSSIBLE_FLOPS 1e15

/* *measured false: the device's rates mean nothing, and *chosen is the first candidate that runs. */
static hrm_status measure(hrm_device *device, const hrm_select_case *c, uint32_t *chosen, double *gflops,
                          bool *measured) {
    hrm_status status;
    bench b = {.device = device, .c = c, .divisor = 1};
    uint64_t most = 1;
    for (uint32_t i = 0; i < c->tensor_count; i++)
        if (c->counts[i] > most) most = c->counts[i];
    b.host = malloc((size_t)most * sizeof *b.host);
    b.first = malloc((size_t)most * sizeof *b.first);
    if (!b.host || !b.first) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "choosing kernels of %s: no host memory", c->op);
        goto fail;
    }
    for (uint32_t i = 0; i < c->tensor_count; i++) {
        HRM_TRY(hrm_buffer_create(device, c->counts[i] * 4, HRM_MEMORY_DEVICE, "kernel choice", &b.buffers[i]));
        b.tensors[i] = hrm_tensor_1d(b.buffers[i], 0, HRM_F32_T, c->counts[i]);
        hrm_rng rng;
        hrm_rng_init(&rng, 1, i);
        for (uint64_t j = 0; j < c->counts[i]; j++) b.host[j] = 2 * hrm_rng_f32(&rng) - 1;
        HRM_TRY(hrm_queue_upload(device, hrm_tensor_get_span(&b.tensors[i]), b.host));
    }

    find_size(&b);
    const double flops = c->flops / b.divisor;
    double best = DBL_MAX;
    bool first = true;
    *chosen = UINT32_MAX;
    *measured = true;
    for (uint32_t i = 0; i < c->candidate_count; i++) {
        if (!c->candidates[i].usable) continue;
        const char *name = c->candidates[i].name;
        double compile, seconds, error;
        hrm_status result = check(&b, i, first, &compile, &error);
        if (result == HRM_ERR_DEVICE) {
            status = result;
            goto fail;
        }
        if (result != HRM_OK) {
            hrm_log(HRM_LOG_WARN, "%s: kernel %s does not run here: %s", c->op, name, hrm_last_error());
            continue;
        }
        if (!(error <= c->tolerance)) {
            hrm_log(HRM_LOG_WARN, "%s: kernel %s computes wrong results here (relative error %.1e); never used", c->op,
                    name, error);
            continue;
        }
        first = false;
        HRM_TRY(run(&b, i, 1, 1, &seconds)); /* the check's run compiled */
        if (seconds < 10 * best) {
            double repeat = seconds > 0 ? 0.01 / seconds : 64;
            uint32_t n = repeat < 1 ? 1 : repeat > 64 ? 64 : (uint32_t)repeat;
            HRM_TRY(run(&b, i, n, SELECT_RUNS, &seconds));
            seconds /= n;
        }
        if (!(seconds > 0 && flops / seconds < IMPOSSIBLE_FLOPS) || b.first_is_zero) {
            hrm_log(HRM_LOG_WARN,
                    "%s: kernel %s took %.2g s for %.2g GFLOP%s: this device seems not to compute; taking the kernel "
                    "unmeasured",
                    c->op, name, seconds, flops * 1e-9, b.first_is_zero ? ", and its results are all 0" : "");
            *chosen = i;
            *gflops = 0;
            *measured = false;
            status = HRM_OK;
            goto fail;
        }
        hrm_log(HRM_LOG_DEBUG, "%s: kernel %s %.1f GFLOP/s, first run %.0f ms", c->op, name, flops / seconds * 1e-9,
                compile * 1e3);
        /* Clearly faster, or the earlier one stays: near ties would flip from one measurement to the next. */
        if (seconds < 0.9 * best) {
            best = seconds;
            *chosen = i;
        }
    }
    if (*chosen == UINT32_MAX) {
        status = hrm_fail(HRM_ERR_UNSUPPORTED, "%s: no kernel works on this device", c->op);
        goto fail;
    }
    *gflops = flops / best * 1e-9;
    hrm_log(HRM_LOG_INFO, "%s: chose kernel %s, %.1f GFLOP/s", c->op, c->candidates[*chosen].name, *gflops);
    status = HRM_OK;
fail:
    for (uint32_t i = 0; i < c->tensor_count; i++) hrm_buffer_destroy(b.buffers[i]);
    free(b.first);
    free(b.host);
    return status;
}

hrm_status hrm_select_pick(hrm_device *device, const hrm_select_case *c, uint32_t *chosen) {
    select_state *s = get_state(device);
    if (!s) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "choosing kernels of %s: no host memory", c->op);
    const bool forced = s->forced_op && strcmp(s->forced_op, c->op) == 0;
    const select_choice *known = forced ? NULL : find(s->choices, s->choice_count, c->op);
    if (known) {
        *chosen = find_candidate(c, known->name, strlen(known->name));
        if (*chosen != UINT32_MAX) return HRM_OK;
    }

    uint32_t usable = 0, only = 0;
    for (uint32_t i = 0; i < c->candidate_count; i++) {
        if (!c->candidates[i].usable) continue;
        usable++;
        only = i;
    }
    if (usable == 0) return hrm_fail(HRM_ERR_UNSUPPORTED, "%s: this device can run none of its kernels", c->op);

    double gflops = 0;
    const char *how;
    if (read_override(c, chosen)) {
        if (*chosen == UINT32_MAX)
            return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                            "HRM_SELECT=%s names no kernel of %s that this device can run; `hrm devices` lists them",
                            getenv("HRM_SELECT"), c->op);
        how = "HRM_SELECT";
    } else if (forced) {
        *chosen = find_candidate(c, s->forced_row, strlen(s->forced_row));
        if (*chosen == UINT32_MAX)
            return hrm_fail(HRM_ERR_UNSUPPORTED,
                            "%s: this device can run no kernel \"%.40s\"; `hrm devices` lists them", c->op,
                            s->forced_row);
        how = "recorded";
    } else if (usable == 1) {
        *chosen = only;
        how = "only one";
    } else {
        select_choice *stored = find(s->stored, s->stored_count, c->op);
        *chosen = stored ? find_candidate(c, stored->name, strlen(stored->name)) : UINT32_MAX;
        if (stored && *chosen != UINT32_MAX) {
            gflops = stored->gflops;
            how = "cached";
        } else {
            bool measured;
            hrm_status status = measure(device, c, chosen, &gflops, &measured);
            if (status != HRM_OK) return status;
            how = measured ? "measured" : "not measurable";
            if (measured) {
                keep(s->stored, &s->stored_count, c->op, c->candidates[*chosen].name, gflops, how);
                save_file(s);
            }
        }
    }
    keep(s->choices, &s->choice_count, c->op, c->candidates[*chosen].name, gflops, how);
    return HRM_OK;
}

/* Makes the choice of one operation. */
static hrm_status choose(hrm_device *device, const char *op) {
    for (int form = HRM_MATMUL_NT; form <= HRM_MATMUL_TN; form++) {
        hrm_matmul_family family;
        if (strcmp(op, hrm_matmul_get_op((hrm_matmul_form)form)) == 0)
            return hrm_matmul_choose(device, (hrm_matmul_form)form, &family);
    }
    for (int backward = 0; backward <= 1; backward++) {
        hrm_attention_family family;
        if (strcmp(op, hrm_attention_get_op(backward != 0)) == 0)
            return hrm_attention_choose(device, backward != 0, &family);
    }
    return hrm_fail(HRM_ERR_UNSUPPORTED, "there is no choice of kernels for an operation \"%.40s\"", op);
}

hrm_status hrm_select_force(hrm_device *device, const char *op, const char *row) {
    select_state *s = get_state(device);
    if (!s) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "choosing kernels of %.40s: no host memory", op);
    s->forced_op = op;
    s->forced_row = row;
    hrm_status status = choose(device, op); /* takes the row, or refuses it */
    s->forced_op = s->forced_row = NULL;
    return status;
}

hrm_status hrm_select_visit_used(hrm_device *device,
                                 void (*visit)(void *user, const char *op, const char *row, double gflops,
                                               const char *how),
                                 void *user) {
    const select_state *s = get_state(device);
    if (!s) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "listing kernel choices: no host memory");
    for (uint32_t i = 0; i < s->choice_count; i++)
        visit(user, s->choices[i].op, s->choices[i].name, s->choices[i].gflops, s->choices[i].how);
    return HRM_OK;
}

hrm_status hrm_select_list(hrm_device *device,
                           void (*visit)(void *user, const char *op, const char *row, double gflops, const char *how),
                           void *user) {
    hrm_status status = hrm_matmul_choose_all(device);
    for (int backward = 0; backward <= 1 && status == HRM_OK; backward++) {
        hrm_attention_family family;
        status = hrm_attention_choose(device, backward != 0, &family);
    }
    return status == HRM_OK ? hrm_select_visit_used(device, visit, user) : status;
}
