/* hrm runs: the training runs below a folder, compared in a table. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "run_metrics.h"

enum { DEEPEST = 3, CELL_SIZE = 256 };

/* How a run may stand. */
#define STATES(X)                                                                                                      \
    X(RUNNING, "running")                                                                                              \
    X(FINISHED, "finished")                                                                                            \
    X(LEARNT, "learnt")                                                                                                \
    X(PATIENCE, "no better")                                                                                           \
    X(TIME, "time up")                                                                                                 \
    X(STOPPED, "stopped")                                                                                              \
    X(BROKEN_OFF, "broken off")

typedef enum run_state {
#define STATE_ENUM(name, text) STATE_##name,
    STATES(STATE_ENUM)
#undef STATE_ENUM
} run_state;

static const char *const state_texts[] = {
#define STATE_TEXT(name, text) text,
    STATES(STATE_TEXT)
#undef STATE_TEXT
};

/* What the table says of one run; NaN: unknown. */
typedef struct run_row {
    char *folder;     /* as it can be given to another command */
    const char *name; /* below the folder that was asked for; points into folder */
    char model[64], device[128], preset[64];
    run_state state;
    double parameters, step, steps, best, best_step, loss, seconds, ms_per_step;
    uint32_t damaged;
} run_row;

typedef struct run_list {
    run_row *rows;
    size_t count, room;
    size_t base; /* length of the asked folder's path with its slash: names begin behind it */
    size_t unreadable;
} run_list;

/* ---- one run ---- */

static run_state find_state(const cli_run_metrics *run) {
    static const struct {
        const char *reason;
        run_state state;
    } ends[] = {{"steps", STATE_FINISHED},
                {"time", STATE_TIME},
                {"patience", STATE_PATIENCE},
                {"interrupted", STATE_STOPPED},
                {"learnt", STATE_LEARNT}};
    const char *reason = json_string_value(json_object_get(run->end, "reason"));
    if (run->running) return STATE_RUNNING;
    for (size_t i = 0; reason && i < sizeof ends / sizeof *ends; i++)
        if (strcmp(reason, ends[i].reason) == 0) return ends[i].state;
    return reason ? STATE_STOPPED : STATE_BROKEN_OFF;
}

static double number_or_nan(const json_t *value) {
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static int compare_numbers(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The median over the step lines: tests and pauses lie between a few of them only. NaN when unknown. */
static double measure_pace(const cli_step_rows *steps) {
    double *paces = steps->count > 1 ? malloc(steps->count * sizeof *paces) : NULL;
    double median = (double)NAN;
    size_t n = 0;
    for (size_t i = 1; paces && i < steps->count; i++) {
        const double pace = (steps->seconds[i] - steps->seconds[i - 1]) / (steps->step[i] - steps->step[i - 1]);
        if (isfinite(pace) && pace >= 0) paces[n++] = 1e3 * pace;
    }
    if (n > 0) {
        qsort(paces, n, sizeof *paces, compare_numbers);
        median = paces[n / 2];
    }
    free(paces);
    return median;
}

static void copy_text(char *out, size_t size, const json_t *value) {
    snprintf(out, size, "%s", json_is_string(value) ? json_string_value(value) : "");
}

/* "27.3M", or where the number of parameters is unknown the width and the blocks: "512 x 4+4". */
static void describe_model(const cli_run_metrics *run, run_row *row) {
    const json_t *model = json_object_get(run->config, "model");
    const json_t *places[] = {json_object_get(json_object_get(run->environment, "plan"), "parameters"),
                              json_object_get(run->environment, "parameters"),
                              json_object_get(run->config, "parameters")};
    row->parameters = (double)NAN;
    for (size_t i = 0; i < sizeof places / sizeof *places && isnan(row->parameters); i++)
        row->parameters = number_or_nan(places[i]);
    copy_text(row->preset, sizeof row->preset, json_object_get(run->config, "preset"));
    if (!row->preset[0]) copy_text(row->preset, sizeof row->preset, json_object_get(run->environment, "preset"));
    const double p = row->parameters, hidden = number_or_nan(json_object_get(model, "hidden_size"));
    char size[32] = "";
    if (p >= 1e6)
        snprintf(size, sizeof size, "%.1fM", p / 1e6);
    else if (p >= 0)
        snprintf(size, sizeof size, "%.0fk", ceil(p / 1e3));
    else if (hidden > 0)
        snprintf(size, sizeof size, "%.0f x %.0f+%.0f", hidden, number_or_nan(json_object_get(model, "h_layers")),
                 number_or_nan(json_object_get(model, "l_layers")));
    snprintf(row->model, sizeof row->model, "%.30s%s%s", row->preset, row->preset[0] && size[0] ? " " : "", size);
}

static void describe(const cli_run_metrics *run, run_row *row) {
    const cli_step_rows *s = &run->steps;
    const uint32_t total = cli_run_metrics_total(run);
    size_t best;
    describe_model(run, row);
    const json_t *device = json_object_get(run->environment, "device");
    if (!device) device = json_object_get(run->header, "device");
    copy_text(row->device, sizeof row->device, json_is_object(device) ? json_object_get(device, "name") : device);
    row->state = find_state(run);
    row->steps = total ? total : (double)NAN;
    row->step = s->count ? s->step[s->count - 1] : number_or_nan(json_object_get(run->end, "step"));
    if (json_is_number(json_object_get(run->end, "step")))
        row->step = json_number_value(json_object_get(run->end, "step"));
    row->loss = s->count ? s->loss[s->count - 1] : (double)NAN;
    row->seconds = number_or_nan(json_object_get(run->end, "seconds"));
    if (isnan(row->seconds) && s->count) row->seconds = s->seconds[s->count - 1];
    row->ms_per_step = number_or_nan(json_object_get(run->end, "ms_per_step"));
    if (!(row->ms_per_step > 0)) row->ms_per_step = measure_pace(s);
    row->best = row->best_step = (double)NAN;
    if (cli_run_metrics_best(run, &best)) {
        row->best = run->evals.exact[best];
        row->best_step = run->evals.step[best];
    }
    row->damaged = run->damaged;
}

/* False without memory; a run that cannot be read is reported and left out. */
static bool add_run(run_list *list, const char *folder) {
    cli_run_metrics run;
    if (!cli_run_metrics_read(&run, folder)) {
        list->unreadable++;
        cli_run_metrics_deinit(&run);
        return true;
    }
    if (list->count == list->room) {
        const size_t room = list->room ? 2 * list->room : 64;
        run_row *more = realloc(list->rows, room * sizeof *more);
        if (more) {
            list->rows = more;
            list->room = room;
        }
    }
    char *copy = list->count < list->room ? strdup(folder) : NULL;
    if (copy) {
        run_row *row = &list->rows[list->count++];
        *row = (run_row){.folder = copy};
        const char *slash = strrchr(copy, '/'); /* the folder that was asked for is a run: its own name */
        row->name = strlen(copy) > list->base ? copy + list->base : slash && slash[1] ? slash + 1 : copy;
        describe(&run, row);
    } else {
        cli_error("no host memory for a list of runs");
    }
    cli_run_metrics_deinit(&run);
    return copy != NULL;
}

/* ---- finding them ---- */

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Runs in `folder` and below; a run's own folders hold no others. False after printing an error. */
static bool find_runs(run_list *list, const char *folder, int depth) {
    char path[4096];
    if (cli_run_metrics_exist(folder)) return add_run(list, folder);
    DIR *dir = depth < DEEPEST ? opendir(folder) : NULL;
    if (!dir) {
        if (depth == 0) {
            cli_error("%s: %s", folder, strerror(errno));
            return false;
        }
        return true; /* too deep, or somebody else's */
    }
    bool fine = true;
    for (const struct dirent *entry; fine && (entry = readdir(dir));) {
        const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
        const int n = snprintf(path, sizeof path, "%s%s%s", folder, slash, entry->d_name);
        if (entry->d_name[0] != '.' && n > 0 && n < (int)sizeof path && is_folder(path))
            fine = find_runs(list, path, depth + 1);
    }
    closedir(dir);
    return fine;
}

/* ---- order ---- */

#define ORDERS(X)                                                                                                      \
    X("name", NAME, 0, a->damaged)                                                                                     \
    X("best", BEST, -1, a->best)                                                                                       \
    X("step", STEP, -1, a->step)                                                                                       \
    X("loss", LOSS, 1, a->loss)                                                                                        \
    X("time", TIME, -1, a->seconds)                                                                                    \
    X("pace", PACE, 1, a->ms_per_step)                                                                                 \
    X("state", STATE, 1, a->state)

typedef enum order {
#define ORDER_ENUM(text, name, sign, key) ORDER_##name,
    ORDERS(ORDER_ENUM)
#undef ORDER_ENUM
} order;

static const cli_choice order_choices[] = {
#define ORDER_CHOICE(text, name, sign, key) {text, ORDER_##name},
    ORDERS(ORDER_CHOICE)
#undef ORDER_CHOICE
        {NULL, 0}};

/* The number by which the chosen order rises; NaN: unknown, last. */
static double sort_key(const run_row *a, order by) {
    switch (by) {
#define ORDER_CASE(text, name, sign, key)                                                                              \
    case ORDER_##name:                                                                                                 \
        return (sign) * (double)(key);
        ORDERS(ORDER_CASE)
#undef ORDER_CASE
    }
    return 0;
}

static order sorted_by; /* qsort has no way to pass it on */

static int compare_rows(const void *left, const void *right) {
    const run_row *a = left, *b = right;
    const double x = sort_key(a, sorted_by), y = sort_key(b, sorted_by);
    if (isnan(x) != isnan(y)) return isnan(x) ? 1 : -1;
    if (x < y || x > y) return x < y ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* ---- the table ---- */

/* One row per column: heading, aligned to the right, kept longest when the terminal is narrow (1: dropped first). */
#define COLUMNS(X)                                                                                                     \
    X(NAME, "run", false, 9)                                                                                           \
    X(MODEL, "model", false, 2)                                                                                        \
    X(STATE, "state", false, 7)                                                                                        \
    X(STEP, "steps", true, 8)                                                                                          \
    X(BEST, "best exact", true, 9)                                                                                     \
    X(BEST_STEP, "at step", true, 5)                                                                                   \
    X(LOSS, "loss", true, 6)                                                                                           \
    X(TIME, "time", true, 4)                                                                                           \
    X(PACE, "ms/step", true, 3)                                                                                        \
    X(DEVICE, "device", false, 1)

typedef enum column {
#define COLUMN_ENUM(name, heading, right, rank) COLUMN_##name,
    COLUMNS(COLUMN_ENUM)
#undef COLUMN_ENUM
        COLUMN_COUNT
} column;

static const struct {
    const char *heading;
    bool right;
    int rank;
} columns[] = {
#define COLUMN_ROW(name, heading, right, rank) {heading, right, rank},
    COLUMNS(COLUMN_ROW)
#undef COLUMN_ROW
};

/* Control characters would break the table. */
static void clean_text(char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < 32 || *text == 127) *text = '?';
}

static void write_cell(const run_row *row, column which, char *out) {
    snprintf(out, CELL_SIZE, "-");
    switch (which) {
    case COLUMN_NAME:
        snprintf(out, CELL_SIZE, "%s", row->name);
        break;
    case COLUMN_MODEL:
        if (row->model[0]) snprintf(out, CELL_SIZE, "%s", row->model);
        break;
    case COLUMN_STATE:
        snprintf(out, CELL_SIZE, "%s", state_texts[row->state]);
        break;
    case COLUMN_STEP:
        if (isfinite(row->step) && isfinite(row->steps))
            snprintf(out, CELL_SIZE, "%.0f/%.0f", row->step, row->steps);
        else if (isfinite(row->step))
            snprintf(out, CELL_SIZE, "%.0f", row->step);
        break;
    case COLUMN_BEST:
        if (isfinite(row->best)) snprintf(out, CELL_SIZE, "%.2f%%", 100 * row->best);
        break;
    case COLUMN_BEST_STEP:
        if (isfinite(row->best_step)) snprintf(out, CELL_SIZE, "%.0f", row->best_step);
        break;
    case COLUMN_LOSS:
        if (isfinite(row->loss)) snprintf(out, CELL_SIZE, "%.4f", row->loss);
        break;
    case COLUMN_TIME:
        if (isfinite(row->seconds)) cli_run_format_time(row->seconds, out, CELL_SIZE);
        break;
    case COLUMN_PACE:
        if (isfinite(row->ms_per_step))
            snprintf(out, CELL_SIZE, row->ms_per_step < 100 ? "%.1f" : "%.0f", row->ms_per_step);
        break;
    case COLUMN_DEVICE:
        if (row->device[0]) snprintf(out, CELL_SIZE, "%s", row->device);
        break;
    case COLUMN_COUNT:
        break;
    }
    clean_text(out);
}

/* Characters, not bytes: names may be UTF-8. */
static int measure_text(const char *text) {
    int n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* Columns of the terminal; 0: no bound (a file or a pipe). */
static int terminal_width(void) {
    struct winsize size;
    const char *variable = getenv("COLUMNS");
    if (!isatty(STDOUT_FILENO)) return 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    const int columns_set = variable ? atoi(variable) : 0;
    return columns_set > 0 ? columns_set : 80;
}

/* Width of each column, 0 for those that are dropped; the rest is at most `most` wide, unless that is hopeless. */
static void choose_columns(const run_list *list, int most, int *widths) {
    char cell[CELL_SIZE];
    int total = -2;
    for (int c = 0; c < COLUMN_COUNT; c++) {
        widths[c] = measure_text(columns[c].heading);
        for (size_t i = 0; i < list->count; i++) {
            write_cell(&list->rows[i], (column)c, cell);
            const int width = measure_text(cell);
            if (width > widths[c]) widths[c] = width;
        }
        total += widths[c] + 2;
    }
    for (int rank = 1; most > 0 && total > most && rank < 9; rank++)
        for (int c = 0; c < COLUMN_COUNT; c++)
            if (columns[c].rank == rank) {
                total -= widths[c] + 2;
                widths[c] = 0;
            }
}

static void print_row(const run_row *row, const int *widths) {
    char cell[CELL_SIZE];
    int waiting = 0; /* spaces before the next cell */
    for (int c = 0; c < COLUMN_COUNT; c++) {
        if (widths[c] == 0) continue;
        if (row)
            write_cell(row, (column)c, cell);
        else
            snprintf(cell, sizeof cell, "%s", columns[c].heading);
        const int air = widths[c] - measure_text(cell);
        printf("%*s%s", waiting + (columns[c].right ? air : 0), "", cell);
        waiting = 2 + (columns[c].right ? 0 : air);
    }
    putchar('\n');
}

/* A path of any bytes: those that are no UTF-8 text as question marks. */
static json_t *path_to_json(const char *path) {
    json_t *value = json_string(path);
    char *copy = value ? NULL : strdup(path);
    for (char *c = copy; c && *c; c++)
        if ((unsigned char)*c >= 128) *c = '?';
    if (copy) value = json_string(copy);
    free(copy);
    return value;
}

/* A whole number; null where it is unknown or none. */
static json_t *count_to_json(double value) {
    return fabs(value) < 9e15 ? json_integer((json_int_t)value) : json_null();
}

static json_t *row_to_json(const run_row *row) {
    json_t *o = json_object();
    json_object_set_new(o, "run", path_to_json(row->name));
    json_object_set_new(o, "folder", path_to_json(row->folder));
    json_object_set_new(o, "state", json_string(state_texts[row->state]));
    json_object_set_new(o, "preset", row->preset[0] ? json_string(row->preset) : json_null());
    json_object_set_new(o, "parameters", count_to_json(row->parameters));
    json_object_set_new(o, "step", count_to_json(row->step));
    json_object_set_new(o, "steps", count_to_json(row->steps));
    json_object_set_new(o, "best_exact", cli_json_number(row->best));
    json_object_set_new(o, "best_step", count_to_json(row->best_step));
    json_object_set_new(o, "loss", cli_json_number(row->loss));
    json_object_set_new(o, "seconds", cli_json_number(row->seconds));
    json_object_set_new(o, "ms_per_step", cli_json_number(row->ms_per_step));
    json_object_set_new(o, "device", row->device[0] ? json_string(row->device) : json_null());
    json_object_set_new(o, "damaged_lines", json_integer(row->damaged));
    return o;
}

static bool print_list(const run_list *list, bool json) {
    int widths[COLUMN_COUNT];
    if (json) {
        json_t *all = json_array();
        for (size_t i = 0; i < list->count; i++) json_array_append_new(all, row_to_json(&list->rows[i]));
        return cli_print_json(all);
    }
    choose_columns(list, terminal_width(), widths);
    print_row(NULL, widths);
    for (size_t i = 0; i < list->count; i++) print_row(&list->rows[i], widths);
    return true;
}

static int run_runs(char *folder, order by, bool json) {
    run_list list = {0};
    int code = CLI_FAILED;
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/') folder[--n] = '\0';
    list.base = n + (n > 0 && folder[n - 1] != '/');
    if (n == 0) return cli_fail("the folder's name is empty");
    if (find_runs(&list, folder, 0)) {
        sorted_by = by;
        if (list.count > 0) qsort(list.rows, list.count, sizeof *list.rows, compare_rows);
        if (list.count == 0 && list.unreadable == 0)
            cli_error("%s: no training run in it, nor up to %d folders deeper (looked for metrics.jsonl, which 'hrm "
                      "train --out DIR' writes)",
                      folder, (int)DEEPEST);
        else if (list.count > 0 && print_list(&list, json))
            code = CLI_OK;
    }
    for (size_t i = 0; i < list.count; i++) free(list.rows[i].folder);
    free(list.rows);
    return code;
}

int cli_cmd_runs(int argc, char **argv) {
    bool json = false;
    uint32_t by = ORDER_NAME;
    const cli_option table[] = {
        {.name = "sort",
         .kind = CLI_CHOICE,
         .value = &by,
         .choices = order_choices,
         .help = "the order: by name, the best test first, most steps first, least loss first, longest time first, "
                 "fastest step first, or by state"},
        {.name = "json", .kind = CLI_FLAG, .value = &json, .help = "print JSON, for programs"},
        {.help = NULL},
    };
    const cli_spec spec = {
        .command = "runs",
        .operands_usage = "DIR",
        .operands_min = 1,
        .operands_max = 1,
        .about =
            "Lists the training runs in a folder and up to three folders deeper: what 'hrm train --out' wrote, also "
            "while it still trains.\n\nState: running (a process is at it right now), finished (all steps done), time "
            "up (--time), no better (--patience), learnt (--overfit-one-batch), stopped (Ctrl-C), broken off (killed "
            "or crashed: 'hrm train --resume RUN' goes on). Best exact: the share of unseen puzzles right in every "
            "cell at the best test, and after which step that was. On a narrow terminal the table leaves columns out; "
            "in a pipe it has them all.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm runs .\n  hrm runs runs --sort best\n  hrm runs runs --json | jq '.[].best_exact'\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    return run_runs(argv[0], (order)by, json);
}
