/* hrm plot: the curves of one or several training runs, as pictures. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "run_metrics.h"
#include "run_names.h"

/* Seven colours, plain and dashed. */
enum { RUNS_MAX = 2 * HRM_PLOT_COLORS, SERIES_MAX = 2 * RUNS_MAX + 4, PANELS_MAX = 6 };

enum { X_STEPS = 0, X_TIME = 1 };
static const cli_choice x_choices[] = {{"steps", X_STEPS}, {"time", X_TIME}, {NULL, 0}};

typedef struct plot_options {
    const char *out, *size, *title;
    uint32_t x, width, height;
    float smooth, scale;
    bool smooth_given, log_loss;
} plot_options;

/* One panel while it is put together. */
typedef struct panel {
    hrm_plot_panel plot;
    hrm_plot_series series[SERIES_MAX];
} panel;

typedef struct plot {
    const plot_options *options;
    cli_run_metrics runs[RUNS_MAX];
    double *skipped[RUNS_MAX]; /* the gradient norm where steps were skipped, else NaN */
    size_t run_count;
    panel panels[PANELS_MAX];
    hrm_plot_panel plots[PANELS_MAX];
    uint32_t panel_count;
    char names[RUNS_MAX][CLI_RUN_NAME_SIZE];
    char rows[RUNS_MAX][CLI_RUN_NAME_SIZE + 64]; /* of the legend */
    const char *legend[RUNS_MAX];
    char caption[512];
} plot;

/* ---- series ---- */

static bool has_values(const double *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i])) return true;
    return false;
}

/* True when any run has a number in the column. */
#define ANY_RUN_HAS(p, rows, column)                                                                                   \
    any_run_has((p), offsetof(cli_run_metrics, rows.column), offsetof(cli_run_metrics, rows.count))
static bool any_run_has(const plot *p, size_t column, size_t count) {
    for (size_t i = 0; i < p->run_count; i++) {
        const char *run = (const char *)&p->runs[i];
        double *values;
        size_t n;
        memcpy(&values, run + column, sizeof values);
        memcpy(&n, run + count, sizeof n);
        if (has_values(values, n)) return true;
    }
    return false;
}

/* The past that counts is about a hundredth of the line: it gets calm and hardly lags behind. */
static float choose_smoothing(const plot_options *o, size_t count) {
    if (o->smooth_given) return o->smooth;
    const float smooth = 1 - 90.0f / (float)(count + 1);
    return smooth < 0.2f ? 0 : smooth > 0.99f ? 0.99f : smooth;
}

/* Appends a series to a panel; one without any number is left out. */
static hrm_plot_series *add_series(panel *in, const char *label, const double *x, const double *y, size_t count,
                                   uint32_t color, hrm_plot_style style) {
    static hrm_plot_series unused;
    if (in->plot.series_count == SERIES_MAX || !has_values(y, count)) return &unused;
    hrm_plot_series *s = &in->series[in->plot.series_count++];
    *s = HRM_INIT(hrm_plot_series);
    s->label = label;
    s->x = x;
    s->y = y;
    s->count = (uint32_t)(count < UINT32_MAX ? count : UINT32_MAX);
    s->color = color;
    s->style = style;
    return s;
}

/* A row of the panel's legend that explains a style and belongs to no run. */
static void add_key(panel *in, const char *label, hrm_plot_style style) {
    if (in->plot.series_count == SERIES_MAX) return;
    hrm_plot_series *s = &in->series[in->plot.series_count++];
    *s = HRM_INIT(hrm_plot_series);
    s->label = label;
    s->color = HRM_PLOT_GREY;
    s->style = style;
}

static panel *add_panel(plot *p, const char *title, const char *y_label, hrm_plot_unit unit, bool log_y) {
    panel *in = &p->panels[p->panel_count++];
    const bool time = p->options->x == X_TIME;
    in->plot = HRM_INIT(hrm_plot_panel);
    in->plot.title = title;
    in->plot.x_label = time ? "time" : "step";
    in->plot.x_unit = time ? HRM_PLOT_DURATION : HRM_PLOT_NUMBER;
    in->plot.y_label = y_label;
    in->plot.y_unit = unit;
    in->plot.log_y = log_y;
    in->plot.series = in->series;
    return in;
}

static const double *step_x(const plot *p, size_t run) {
    const cli_step_rows *steps = &p->runs[run].steps;
    return p->options->x == X_TIME ? steps->seconds : steps->step;
}

static const double *eval_x(const plot *p, size_t run) {
    const cli_eval_rows *evals = &p->runs[run].evals;
    return p->options->x == X_TIME ? evals->seconds : evals->step;
}

/* A smoothed line of the steps of a run. */
static void add_line(const plot *p, panel *in, size_t run, const char *label, const double *y, uint32_t color) {
    const size_t count = p->runs[run].steps.count;
    add_series(in, label, step_x(p, run), y, count, color, HRM_PLOT_LINE)->smooth = choose_smoothing(p->options, count);
}

/* ---- panels ---- */

static void add_loss(plot *p) {
    panel *in = add_panel(p, "Loss", "loss", HRM_PLOT_NUMBER, p->options->log_loss);
    const cli_step_rows *s = &p->runs[0].steps;
    if (p->run_count == 1) {
        add_line(p, in, 0, "whole", s->loss, 0);
        add_series(in, "tokens", step_x(p, 0), s->token_loss, s->count, 4, HRM_PLOT_FAINT);
        add_series(in, "halt", step_x(p, 0), s->q_halt_loss, s->count, 1, HRM_PLOT_FAINT);
        add_series(in, "continue", step_x(p, 0), s->q_continue_loss, s->count, 2, HRM_PLOT_FAINT);
        return;
    }
    for (size_t i = 0; i < p->run_count; i++) add_line(p, in, i, NULL, p->runs[i].steps.loss, (uint32_t)i);
}

static void add_accuracy_of_one(plot *p, panel *in) {
    const cli_eval_rows *e = &p->runs[0].evals;
    add_line(p, in, 0, "tokens", p->runs[0].steps.accuracy, 4);
    add_line(p, in, 0, "exact", p->runs[0].steps.exact, 0);
    add_series(in, "tokens, test", eval_x(p, 0), e->accuracy, e->count, 5, HRM_PLOT_POINTS);
    add_series(in, "exact, test, without averaging", eval_x(p, 0), e->live_exact, e->count, 3, HRM_PLOT_POINTS);
    add_series(in, "exact, test", eval_x(p, 0), e->exact, e->count, 1, HRM_PLOT_POINTS)->best = HRM_PLOT_BEST_HIGHEST;
}

static void add_accuracy(plot *p) {
    panel *in = add_panel(p, p->run_count == 1 ? "Accuracy" : "Right in every cell", "share", HRM_PLOT_SHARE, false);
    if (p->run_count == 1) {
        add_accuracy_of_one(p, in);
        return;
    }
    const bool tests = ANY_RUN_HAS(p, evals, exact);
    for (size_t i = 0; i < p->run_count; i++) {
        const cli_step_rows *s = &p->runs[i].steps;
        const cli_eval_rows *e = &p->runs[i].evals;
        hrm_plot_series *training =
            add_series(in, NULL, step_x(p, i), s->exact, s->count, (uint32_t)i, tests ? HRM_PLOT_FAINT : HRM_PLOT_LINE);
        training->smooth = choose_smoothing(p->options, s->count);
        add_series(in, NULL, eval_x(p, i), e->exact, e->count, (uint32_t)i, HRM_PLOT_POINTS)->best =
            HRM_PLOT_BEST_HIGHEST;
    }
    if (tests) {
        add_key(in, "training", HRM_PLOT_FAINT);
        add_key(in, "test", HRM_PLOT_POINTS);
    }
}

static void add_segments(plot *p) {
    panel *in = add_panel(p, "Segments", "rounds per puzzle", HRM_PLOT_NUMBER, false);
    for (size_t i = 0; i < p->run_count; i++)
        add_line(p, in, i, p->run_count == 1 ? "training" : NULL, p->runs[i].steps.segments, (uint32_t)i);
    if (p->run_count == 1)
        add_series(in, "test", eval_x(p, 0), p->runs[0].evals.segments, p->runs[0].evals.count, 1, HRM_PLOT_POINTS);
}

static void add_rate(plot *p) {
    panel *in = add_panel(p, "Learning rate", "rate", HRM_PLOT_NUMBER, false);
    for (size_t i = 0; i < p->run_count; i++)
        add_series(in, NULL, step_x(p, i), p->runs[i].steps.lr, p->runs[i].steps.count, (uint32_t)i, HRM_PLOT_LINE);
}

static void add_norm(plot *p) {
    panel *in = add_panel(p, "Gradient norm", "norm", HRM_PLOT_NUMBER, true);
    const cli_step_rows *s = &p->runs[0].steps;
    if (p->run_count == 1) {
        add_line(p, in, 0, "mean", s->grad_norm, 0);
        add_series(in, "largest", step_x(p, 0), s->grad_norm_max, s->count, 4, HRM_PLOT_FAINT);
    }
    for (size_t i = 0; i < p->run_count; i++) {
        const size_t count = p->runs[i].steps.count;
        if (p->run_count > 1) add_line(p, in, i, NULL, p->runs[i].steps.grad_norm, (uint32_t)i);
        add_series(in, p->run_count == 1 ? "update skipped" : NULL, step_x(p, i), p->skipped[i], count,
                   p->run_count == 1 ? 1 : (uint32_t)i, HRM_PLOT_MARKS);
    }
    if (p->run_count > 1) {
        bool any = false;
        for (size_t i = 0; i < p->run_count; i++) any = any || has_values(p->skipped[i], p->runs[i].steps.count);
        if (any) add_key(in, "update skipped", HRM_PLOT_MARKS);
    }
}

static void add_idle(plot *p) {
    panel *in = add_panel(p, "Device idle", "share of time", HRM_PLOT_SHARE, false);
    for (size_t i = 0; i < p->run_count; i++) add_line(p, in, i, NULL, p->runs[i].steps.idle, (uint32_t)i);
}

static void add_panels(plot *p) {
    add_loss(p);
    add_accuracy(p);
    add_segments(p);
    add_rate(p);
    if (ANY_RUN_HAS(p, steps, grad_norm)) add_norm(p);
    if (ANY_RUN_HAS(p, steps, idle)) add_idle(p);
    for (uint32_t i = 0; i < p->panel_count; i++) p->plots[i] = p->panels[i].plot;
}

/* ---- texts ---- */

static void describe_one(const cli_run_metrics *run, char *out, size_t size) {
    const uint32_t total = cli_run_metrics_total(run);
    const char *device = json_string_value(
        json_object_get(json_object_get(run->environment ? run->environment : run->header, "device"), "name"));
    const size_t last = run->steps.count - 1;
    char time[32];
    int n = snprintf(out, size, "step %.0f", run->steps.step[last]);
    if (total && n > 0 && (size_t)n < size) n += snprintf(out + n, size - (size_t)n, " of %u", total);
    if (isfinite(run->steps.seconds[last]) && (size_t)n < size)
        n += snprintf(out + n, size - (size_t)n, ", %s",
                      cli_run_format_time(run->steps.seconds[last], time, sizeof time));
    if (device && (size_t)n < size) snprintf(out + n, size - (size_t)n, ", %.200s", device);
}

static void make_texts(plot *p) {
    cli_run_names_make(p->runs, p->run_count, p->names);
    if (p->run_count == 1) {
        describe_one(&p->runs[0], p->caption, sizeof p->caption);
        return;
    }
    for (size_t i = 0; i < p->run_count; i++) {
        size_t best;
        if (cli_run_metrics_best(&p->runs[i], &best))
            snprintf(p->rows[i], sizeof p->rows[i], "%s (best %.1f%%)", p->names[i],
                     100 * p->runs[i].evals.exact[best]);
        else
            snprintf(p->rows[i], sizeof p->rows[i], "%s", p->names[i]);
        p->legend[i] = p->rows[i];
    }
}

/* ---- files ---- */

static bool write_picture(const plot *p, const char *path) {
    const plot_options *o = p->options;
    hrm_plot_config config = HRM_INIT(hrm_plot_config);
    config.width = o->width;
    config.height = o->height;
    config.scale = o->scale;
    config.title = o->title ? o->title : p->run_count == 1 ? p->names[0] : NULL;
    config.caption = p->caption[0] ? p->caption : NULL;
    config.panels = p->plots;
    config.panel_count = p->panel_count;
    if (p->run_count > 1) {
        config.legend = p->legend;
        config.legend_count = (uint32_t)p->run_count;
    }
    const hrm_status status =
        cli_has_extension(path, ".svg") ? hrm_plot_svg(&config, path) : hrm_plot_png(&config, path);
    if (status != HRM_OK) {
        cli_fail_last();
        return false;
    }
    if (!cli_global.quiet) printf("%s\n", path);
    return true;
}

/* Without --out: plot.png and plot.svg, of one run in its folder, of several in the present one. */
static bool write_pictures(const plot *p) {
    static const char *const names[] = {"plot.png", "plot.svg"};
    char path[sizeof p->runs[0].folder + 16];
    if (p->options->out) return write_picture(p, p->options->out);
    for (int i = 0; i < 2; i++) {
        const int folder_size = p->run_count == 1 ? (int)sizeof p->runs[0].folder : 0;
        snprintf(path, sizeof path, "%.*s%s%s", folder_size, p->runs[0].folder, folder_size ? "/" : "", names[i]);
        if (!write_picture(p, path)) return false;
    }
    return true;
}

/* The gradient norm of step lines whose update was skipped. False without memory. */
static bool find_skipped(plot *p, size_t run) {
    const cli_step_rows *s = &p->runs[run].steps;
    double *values = malloc(s->count * sizeof *values);
    p->skipped[run] = values;
    for (size_t i = 0; values && i < s->count; i++) {
        const double norm = isfinite(s->grad_norm_max[i]) ? s->grad_norm_max[i] : s->grad_norm[i];
        values[i] = s->skipped[i] > 0 ? norm : (double)NAN;
    }
    return values != NULL;
}

static bool read_runs(plot *p, char **folders, size_t count) {
    for (size_t i = 0; i < count; i++) {
        cli_run_metrics *run = &p->runs[i];
        p->run_count = i + 1;
        if (!cli_run_metrics_read(run, folders[i])) return false;
        if (run->steps.count == 0) {
            cli_error("%s has nothing to draw yet: there is no line \"step\" in its metrics.jsonl", run->folder);
            return false;
        }
        if (!find_skipped(p, i)) {
            cli_error("%s: no host memory for %zu steps", run->folder, run->steps.count);
            return false;
        }
    }
    return true;
}

static int run_plot(const plot_options *options, char **folders, size_t count) {
    plot *p = calloc(1, sizeof *p);
    int code = CLI_FAILED;
    if (!p) return cli_fail("no host memory for a plot");
    p->options = options;
    if (read_runs(p, folders, count)) {
        make_texts(p);
        add_panels(p);
        if (write_pictures(p)) code = CLI_OK;
    }
    for (size_t i = 0; i < p->run_count; i++) {
        free(p->skipped[i]);
        cli_run_metrics_deinit(&p->runs[i]);
    }
    free(p);
    return code;
}

/* "1600x1000". */
static bool read_size(const char *text, plot_options *options) {
    unsigned width, height;
    int end = 0;
    if (sscanf(text, "%5ux%5u%n", &width, &height, &end) != 2 || text[end] || width < 200 || height < 200 ||
        width > 16384 || height > 16384)
        return false;
    options->width = width;
    options->height = height;
    return true;
}

int cli_cmd_plot(int argc, char **argv) {
    plot_options options = {.scale = 1};
    const cli_option table[] = {
        {.name = "out",
         .letter = 'o',
         .kind = CLI_TEXT,
         .value = &options.out,
         .metavar = "FILE",
         .help = "the picture, .png or .svg. Without it both are written, plot.png and plot.svg: of one run into its "
                 "folder, of several into the present folder"},
        {.name = "x",
         .kind = CLI_CHOICE,
         .value = &options.x,
         .choices = x_choices,
         .help = "what runs from left to right: steps, or the time spent training"},
        {.name = "smooth",
         .kind = CLI_F32,
         .value = &options.smooth,
         .min = 0,
         .max = 0.9999,
         .given = &options.smooth_given,
         .metavar = "S",
         .zero = "what suits the number of points",
         .help = "how much of the past each point of a smoothed line keeps; 0: no smoothing, 0.9: much. The pale line "
                 "behind it is always what was measured"},
        {.name = "log-loss", .kind = CLI_FLAG, .value = &options.log_loss, .help = "a logarithmic axis for the loss"},
        {.name = "size",
         .kind = CLI_TEXT,
         .value = &options.size,
         .metavar = "WxH",
         .zero = "1600x1000",
         .help = "width and height of the picture; without it 1600x1000"},
        {.name = "scale",
         .kind = CLI_F32,
         .value = &options.scale,
         .min = 0.25,
         .max = 8,
         .help = "everything so many times as large: 2 for print and sharp displays"},
        {.name = "title", .kind = CLI_TEXT, .value = &options.title, .help = "a line above the panels"},
        {.help = NULL},
    };
    const cli_spec spec = {
        .command = "plot",
        .operands_usage = "RUN [RUN...]",
        .operands_min = 1,
        .operands_max = RUNS_MAX,
        .about = "Draws how training went, from the folder that 'hrm train --out RUN' writes, also while it still "
                 "trains: loss, accuracy, segments (rounds of thinking per puzzle), learning rate, size of the "
                 "gradients, and how long the device waited where that was measured.\n\nOf one run the parts of the "
                 "loss are shown too; dots are tests on unseen puzzles, and the best test has a ring. Several runs are "
                 "drawn over each other, each in a colour of its own, named by their folders; where those are called "
                 "the same, by what differs in their configurations.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm plot run                          run/plot.png and run/plot.svg\n"
                    "  hrm plot run -o curves.svg --x time   one file, over hours instead of steps\n"
                    "  hrm plot runs/a runs/b runs/c         compare: plot.png and plot.svg here\n"
                    "  hrm plot run --log-loss --smooth 0 --size 2400x1400\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    if (options.out && !cli_has_extension(options.out, ".png") && !cli_has_extension(options.out, ".svg"))
        return cli_usage("--out: '%s' does not end in .png or .svg", options.out);
    if (options.size && !read_size(options.size, &options))
        return cli_usage("--size: '%s' is not a size like 1600x1000, of sides from 200 to 16384", options.size);
    cli_listen(cli_global.verbose);
    return run_plot(&options, argv, (size_t)operands);
}
