/* What a driver's own compiler makes of every kernel row: registers, shared memory, spills, occupancy, latency, held
 * against a record that is checked in.
 *
 *   kernel_report [--device NAME] [--records FOLDER --chip NAME [--update]] [--all] [--foreign]
 *
 * Opens the device (default: HRM_DEVICE or the best) for compiling only, so that drivers without the hardware do: AMD's
 * null devices, and the stand-ins of kmd/. Compiles every row that the device could run at the constants of
 * variants.def, prints a line that begins with "summary" (with --all a line for each pipeline before it), and fails
 * with the row's name when
 *   - a row does not compile, or spills registers;
 *   - a statistic is more than 20 % worse than in FOLDER/NAME-mesa<major version>.tsv, or a row of that record is gone.
 *     No such file, or a row that is not in it: the summary says so, and with HRM_REQUIRE_LAB=1 that fails too.
 * --foreign compiles the other rows instead: those made for processors, which need what this device has not. They must
 * compile, too; spills are only counted, and there is no record.
 * --update writes the record instead of comparing; spills still fail.
 *
 * A record is a text file: a comment line with device and driver, a line with the column names, then a line for each
 * compiled form of a pipeline (row@variant/subgroup size), tab-separated, "-" where the driver says nothing.
 *
 * Exit: 0, 1 (findings, named on standard error), 2 (wrong usage), 77 (no such device here). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/caps.h"
#include "gpu/device.h"
#include "layer/spirv.h"
#include "ops/kernels.h"
#include "shared/dtype.h"
#include "shared/params.h"
#include "shared/spec_ids.h"

enum { MAX_SPECS = 20, MAX_TEXT = 512, MAX_IDS = 32 };

/* ---- statistics: one column a quantity, whatever each driver calls it -------------------------------------------- */

typedef enum direction { LESS_IS_BETTER, MORE_IS_BETTER, MUST_BE_ZERO } direction;

/* X(column, direction, names that drivers give it, separated by '|') */
#define COLUMNS(X)                                                                                                     \
    X(subgroup, MORE_IS_BETTER, "")                                                                                    \
    X(vgprs, LESS_IS_BETTER, "VGPRs")                                                                                  \
    X(lds, LESS_IS_BETTER, "LDS size|LDS Size|Workgroup Memory Size")                                                  \
    X(spills, MUST_BE_ZERO, "Spilled VGPRs|Spilled SGPRs|Spill Count|Fill Count|Spills|Fills")                         \
    X(occupancy, MORE_IS_BETTER, "Subgroups per SIMD|Occupancy")                                                       \
    X(latency, LESS_IS_BETTER, "Latency|Cycle Count|Cycles")                                                           \
    X(throughput, LESS_IS_BETTER, "Inverse Throughput")

typedef enum column {
#define COLUMN_ENUM(name, direction, sources) COLUMN_##name,
    COLUMNS(COLUMN_ENUM)
#undef COLUMN_ENUM
        COLUMN_COUNT
} column;

static const char *const column_names[] = {
#define COLUMN_NAME(name, direction, sources) #name,
    COLUMNS(COLUMN_NAME)
#undef COLUMN_NAME
};
static const direction column_directions[] = {
#define COLUMN_DIRECTION(name, direction, sources) direction,
    COLUMNS(COLUMN_DIRECTION)
#undef COLUMN_DIRECTION
};
static const char *const column_sources[] = {
#define COLUMN_SOURCES(name, direction, sources) sources,
    COLUMNS(COLUMN_SOURCES)
#undef COLUMN_SOURCES
};

/* One compiled form of a pipeline. A driver may make several, one for each subgroup size it could run. */
typedef struct form {
    bool has[COLUMN_COUNT];
    double value[COLUMN_COUNT];
} form;

enum { MAX_FORMS = 4 };
typedef struct forms {
    form list[MAX_FORMS];
    uint32_t count;
    bool overflow;
    char executable[MAX_TEXT]; /* the one being read */
} forms;

/* True when `name` is one of the '|'-separated words of `list`. */
static bool is_one_of(const char *name, const char *list) {
    size_t length = strlen(name);
    while (*list) {
        size_t word = strcspn(list, "|");
        if (word == length && strncmp(list, name, word) == 0) return true;
        list += word;
        if (*list) list++;
    }
    return false;
}

static void on_statistic(void *user, const hrm_kernel_statistic *s) {
    forms *f = user;
    if (f->count == 0 || strcmp(f->executable, s->executable) != 0) {
        f->overflow = f->overflow || f->count == MAX_FORMS;
        if (f->overflow) return;
        f->list[f->count++] = (form){.has[COLUMN_subgroup] = true, .value[COLUMN_subgroup] = (double)s->subgroup_size};
        snprintf(f->executable, sizeof f->executable, "%s", s->executable);
    }
    form *now = &f->list[f->count - 1];
    for (int c = 0; c < COLUMN_COUNT; c++) {
        if (!is_one_of(s->name, column_sources[c])) continue;
        now->has[c] = true;
        now->value[c] += s->value; /* several sources of one column add up: spilled scalars and vectors */
    }
}

/* ---- which constants a row is compiled with ---------------------------------------------------------------------- */

/* In place of a constant's id: the line counts only on chips where subgroups with cooperative matrices have so many
 * lanes. The ops cut their work by that number, and what is meant for 32 lanes spills in 8. */
#define HRM_LAB_LANES 0x80000000u

typedef struct variant {
    const char *prefix, *label;
    hrm_spec specs[MAX_SPECS]; /* those that a row has not are left out */
    uint32_t spec_count;
} variant;

static const variant variants[] = {
#define HRM_LAB_VARIANT(prefix, label, ...)                                                                            \
    {prefix, label, {__VA_ARGS__}, sizeof(hrm_spec[]){__VA_ARGS__} / sizeof(hrm_spec)},
#include "variants.def"
#undef HRM_LAB_VARIANT
};
enum { VARIANT_COUNT = sizeof variants / sizeof variants[0] };

/* Ids of the row's specialization constants; false when there are more than fit. */
static bool read_spec_ids(const hrm_kernel_row *row, uint32_t ids[MAX_IDS], uint32_t *count) {
    size_t at = 0;
    spirv_op op;
    *count = 0;
    while (spirv_next(row->spirv, row->spirv_words, &at, &op)) {
        if (op.opcode != SPIRV_DECORATE || op.count != 4 || op.words[2] != SPIRV_DECORATION_SPEC_ID) continue;
        if (*count == MAX_IDS) return false;
        ids[(*count)++] = op.words[3];
    }
    return true;
}

static bool counts_on(const hrm_device *device, const variant *v) {
    for (uint32_t i = 0; i < v->spec_count; i++)
        if (v->specs[i].id == HRM_LAB_LANES && v->specs[i].value != hrm_device_get_coopmat_subgroup(device))
            return false;
    return true;
}

/* The line's specs that the row has; false, naming it, when the row has one that the line lacks. */
static bool pick_specs(const hrm_kernel_row *row, const variant *v, hrm_spec *specs, uint32_t *spec_count) {
    uint32_t ids[MAX_IDS], id_count;
    *spec_count = 0;
    if (!read_spec_ids(row, ids, &id_count)) {
        fprintf(stderr, "%s: more specialization constants than kernel_report takes\n", row->name);
        return false;
    }
    for (uint32_t i = 0; i < id_count; i++) {
        uint32_t at = 0;
        while (at < v->spec_count && v->specs[at].id != ids[i]) at++;
        if (at == v->spec_count || *spec_count == MAX_SPECS) {
            fprintf(stderr, "%s: variants.def gives no value for its specialization constant %u\n", row->name, ids[i]);
            return false;
        }
        specs[(*spec_count)++] = v->specs[at];
    }
    return true;
}

/* ---- the record -------------------------------------------------------------------------------------------------- */

typedef struct record_line {
    char key[MAX_TEXT]; /* row, variant, subgroup size of the form */
    form form;
    bool seen;
} record_line;

typedef struct record {
    record_line *lines;
    size_t count, capacity;
} record;

static record_line *record_add(record *r) {
    if (r->count == r->capacity) {
        r->capacity = r->capacity ? 2 * r->capacity : 256;
        record_line *grown = realloc(r->lines, r->capacity * sizeof *grown);
        if (!grown) {
            fprintf(stderr, "kernel_report: no host memory\n");
            exit(1);
        }
        r->lines = grown;
    }
    record_line *line = &r->lines[r->count++];
    memset(line, 0, sizeof *line);
    return line;
}

static record_line *record_find(record *r, const char *key) {
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->lines[i].key, key) == 0) return &r->lines[i];
    return NULL;
}

/* False when there is no such file. A line that is not understood ends the program: a record is checked in. */
static bool record_read(record *r, const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) return false;
    char text[1024];
    int line_number = 0;
    bool header_seen = false;
    while (fgets(text, sizeof text, file)) {
        line_number++;
        if (text[0] == '#') continue;
        if (!header_seen) { /* the column names: always all of them, in this order */
            header_seen = true;
            continue;
        }
        record_line *line = record_add(r);
        char *rest = text;
        snprintf(line->key, sizeof line->key, "%s", strsep(&rest, "\t\n"));
        for (int c = 0; c < COLUMN_COUNT; c++) {
            const char *word = rest ? strsep(&rest, "\t\n") : NULL;
            char *end = NULL;
            if (word && strcmp(word, "-") == 0) continue;
            if (word) line->form.value[c] = strtod(word, &end);
            if (!word || end == word || *end) {
                fprintf(stderr, "%s:%d: column %s is not a number or -\n", path, line_number, column_names[c]);
                exit(1);
            }
            line->form.has[c] = true;
        }
    }
    fclose(file);
    return true;
}

static bool record_write(const record *r, const char *path, const hrm_adapter *a) {
    FILE *file = fopen(path, "w");
    if (!file) {
        perror(path);
        return false;
    }
    fprintf(file, "# %s, %s %s; written by kernel_report --update\nrow", a->name, a->driver_name, a->driver_info);
    for (int c = 0; c < COLUMN_COUNT; c++) fprintf(file, "\t%s", column_names[c]);
    fputc('\n', file);
    for (size_t i = 0; i < r->count; i++) {
        fputs(r->lines[i].key, file);
        for (int c = 0; c < COLUMN_COUNT; c++) {
            if (r->lines[i].form.has[c])
                fprintf(file, "\t%.6g", r->lines[i].form.value[c]);
            else
                fputs("\t-", file);
        }
        fputc('\n', file);
    }
    if (fclose(file) == 0) return true;
    perror(path);
    return false;
}

/* ---- the report -------------------------------------------------------------------------------------------------- */

static struct {
    uint32_t rows, pipelines, skipped, failed, spilling, lost, better, unrecorded;
    record now, before;
    bool has_before, print_all, foreign;
} report;

static void print_line(const record_line *line) {
    printf("%-44s", line->key);
    for (int c = 0; c < COLUMN_COUNT; c++)
        if (line->form.has[c]) printf("  %s %g", column_names[c], line->form.value[c]);
    putchar('\n');
}

/* More than 20 % worse than the record: a finding for each column. */
static void compare(const record_line *line, record_line *before) {
    before->seen = true;
    for (int c = 0; c < COLUMN_COUNT; c++) {
        if (before->form.has[c] && !line->form.has[c]) {
            fprintf(stderr, "%s: the driver no longer says its %s\n", line->key, column_names[c]);
            report.lost++;
        }
        if (!line->form.has[c] || !before->form.has[c] || column_directions[c] == MUST_BE_ZERO) continue;
        double now = line->form.value[c], then = before->form.value[c];
        bool more = column_directions[c] == MORE_IS_BETTER;
        if (more ? now < 0.8 * then : now > 1.2 * then) {
            fprintf(stderr, "%s: %s is %g, the record says %g\n", line->key, column_names[c], now, then);
            report.lost++;
        } else if (more ? now > 1.2 * then : now < 0.8 * then) {
            report.better++;
        }
    }
}

static void take_form(const char *key, const form *f) {
    record_line line = {.form = *f};
    snprintf(line.key, sizeof line.key, "%s/%.0f", key, f->value[COLUMN_subgroup]);
    if (report.print_all) print_line(&line);
    if (f->value[COLUMN_spills] > 0) {
        report.spilling++;
        if (!report.foreign) fprintf(stderr, "%s: spills registers (%g)\n", line.key, f->value[COLUMN_spills]);
    }
    if (!f->has[COLUMN_spills] && !report.foreign) {
        fprintf(stderr, "%s: the driver does not say whether it spills\n", line.key);
        report.failed++;
    }
    *record_add(&report.now) = line;
    if (!report.has_before) return;
    record_line *before = record_find(&report.before, line.key);
    if (before)
        compare(&line, before);
    else
        report.unrecorded++;
}

static void compile_row(hrm_device *device, uint32_t kernel) {
    const hrm_kernel_row *row = hrm_kernel_get_row(device, kernel);
    if (!hrm_kernel_is_usable(device, kernel)) {
        report.skipped++;
        return;
    }
    bool runs_here = (row->caps & ~hrm_device_get_caps(device)) == 0;
    if (runs_here == report.foreign) return;
    report.rows++;
    size_t longest = 0;
    for (int v = 0; v < VARIANT_COUNT; v++) {
        size_t length = strlen(variants[v].prefix);
        if (length > longest && strncmp(row->name, variants[v].prefix, length) == 0) longest = length;
    }
    for (int v = 0; v < VARIANT_COUNT; v++) {
        if (strlen(variants[v].prefix) != longest || strncmp(row->name, variants[v].prefix, longest) != 0) continue;
        if (!counts_on(device, &variants[v])) continue;
        hrm_spec specs[MAX_SPECS];
        uint32_t spec_count;
        forms f = {.count = 0};
        char key[MAX_TEXT - 16];
        snprintf(key, sizeof key, "%s%s%s", row->name, *variants[v].label ? "@" : "", variants[v].label);
        if (!pick_specs(row, &variants[v], specs, &spec_count)) {
            report.failed++;
            continue;
        }
        if (hrm_kernel_read_statistics(device, kernel, specs, spec_count, on_statistic, &f) != HRM_OK) {
            fprintf(stderr, "%s: %s\n", key, hrm_last_error());
            report.failed++;
            continue;
        }
        report.pipelines++;
        if (f.overflow) {
            fprintf(stderr, "%s: compiled in more than %d forms\n", key, (int)MAX_FORMS);
            report.failed++;
        }
        if (f.count == 0) {
            fprintf(stderr, "%s: the driver says nothing of it\n", key);
            report.failed++;
        }
        for (uint32_t i = 0; i < f.count; i++) take_form(key, &f.list[i]);
    }
}

/* records/<chip>-mesa<major>.tsv: compilers of different Mesa versions are different compilers. */
static bool make_record_path(char *path, size_t size, const char *folder, const char *chip, const hrm_adapter *a) {
    unsigned mesa = 0;
    if (sscanf(a->driver_info, "Mesa %u", &mesa) != 1) {
        fprintf(stderr, "kernel_report: records are kept for Mesa's drivers; this one is %s %s\n", a->driver_name,
                a->driver_info);
        return false;
    }
    snprintf(path, size, "%s/%s-mesa%u.tsv", folder, chip, mesa);
    return true;
}

static int usage(const char *program) {
    fprintf(stderr, "usage: %s [--device NAME] [--records FOLDER --chip NAME [--update]] [--all] [--foreign]\n",
            program);
    return 2;
}

int main(int argc, char **argv) {
    const char *selector = NULL, *folder = NULL, *chip = NULL;
    char path[4096] = "";
    bool update = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--update") == 0)
            update = true;
        else if (strcmp(argv[i], "--all") == 0)
            report.print_all = true;
        else if (strcmp(argv[i], "--foreign") == 0)
            report.foreign = true;
        else if (i + 1 < argc && strcmp(argv[i], "--device") == 0)
            selector = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--records") == 0)
            folder = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--chip") == 0)
            chip = argv[++i];
        else
            return usage(argv[0]);
    }
    if (!folder != !chip || (update && !folder) || (report.foreign && folder)) return usage(argv[0]);
    hrm_device *device = NULL;
    const hrm_device_open_info info = {
        .kernels = hrm_kernels_get_table(), .selector = selector, .cache_dir = "", .compile_only = true};
    hrm_status opened = hrm_device_open(&info, &device);
    if (opened != HRM_OK) {
        fprintf(stderr, "kernel_report: %s\n", hrm_last_error());
        return opened == HRM_ERR_NO_DEVICE ? 77 : 1;
    }
    const hrm_adapter *a = hrm_device_get_adapter(device);
    if (folder && !make_record_path(path, sizeof path, folder, chip, a)) {
        hrm_device_close(device);
        return 1;
    }
    if (*path && !update) report.has_before = record_read(&report.before, path);
    for (uint32_t k = 0; k < HRM_KERNEL_COUNT; k++) compile_row(device, k);
    for (size_t i = 0; i < report.before.count; i++) {
        if (report.before.lines[i].seen) continue;
        fprintf(stderr, "%s: in the record, but not compiled now\n", report.before.lines[i].key);
        report.lost++;
    }
    /* a record without the rows that failed would never miss them */
    if (update && (report.failed || !record_write(&report.now, path, a))) update = false, report.failed++;
    printf("summary: %s, %s: %u %s, %u pipelines, %u failed, %u spill", a->name, a->driver_info, report.rows,
           report.foreign ? "rows made for processors" : "rows", report.pipelines, report.failed, report.spilling);
    if (report.has_before) {
        printf(", %u statistics worse and %u better by over 20 %%, %u not in the record", report.lost, report.better,
               report.unrecorded);
    }
    if (folder && !report.has_before) printf(update ? ", record written" : ", no record");
    printf("; %u rows cannot be compiled here\n", report.skipped);
    hrm_device_close(device);
    free(report.now.lines);
    free(report.before.lines);
    const char *wish = getenv("HRM_REQUIRE_LAB");
    if (wish && strcmp(wish, "1") == 0 && folder && !update && (!report.has_before || report.unrecorded)) {
        fprintf(stderr, "%s: rows are not recorded; write the record with --update and check it in\n", path);
        report.failed++;
    }
    return report.failed || (report.spilling && !report.foreign) || report.lost || report.rows == 0;
}
