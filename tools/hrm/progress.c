#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BAR_CELLS = 24, LEAST_CELLS = 6, WINDOW = 16, LINE_BYTES = 512 };

static const double frame_seconds = 0.1, line_seconds = 5.0;

/* The job being shown. The tool runs one at a time, on its main thread. */
static struct {
    bool bar, lines, drawn, pending;
    const char *label, *unit;
    uint64_t total, done;
    uint64_t print_every, printed; /* plain lines by units; 0: by time */
    double start, shown;
    /* recent marks, one per second at most, for the pace of the last quarter of a minute */
    double mark_time[WINDOW];
    uint64_t mark_done[WINDOW];
    unsigned marks;
    char words[LINE_BYTES];
} job;

double cli_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void cli_progress_begin(cli_progress_style style, const char *label, const char *unit, uint64_t total) {
    memset(&job, 0, sizeof job);
    job.bar = style != CLI_PROGRESS_NONE && isatty(STDERR_FILENO);
    job.lines = style == CLI_PROGRESS_LINES && !job.bar;
    job.label = label;
    job.unit = unit;
    job.total = total;
    job.start = job.shown = cli_now();
    job.mark_time[0] = job.start;
    job.marks = 1;
}

void cli_progress_skip(uint64_t done) {
    job.done = job.printed = job.mark_done[0] = done;
}

void cli_progress_print_every(uint64_t units) {
    job.print_every = units;
}

/* Seconds per unit over the recent marks; 0 while unknown. The first unit is left out: it compiles the kernels. */
static double pace(double now) {
    unsigned kept = job.marks < WINDOW ? job.marks : WINDOW;
    unsigned oldest = job.marks - kept;
    if (oldest == 0 && kept > 1) oldest = 1;
    uint64_t units = job.done - job.mark_done[oldest % WINDOW];
    return units ? (now - job.mark_time[oldest % WINDOW]) / (double)units : 0;
}

static void format_time(double seconds, char *out, size_t size) {
    unsigned long s = seconds > 0 ? (unsigned long)(seconds + 0.5) : 0;
    if (s >= 3600)
        snprintf(out, size, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out, size, "%02lu:%02lu", s / 60, s % 60);
}

/* "12:34<01:02, 189 ms/step" */
static void format_pace(double now, char *out, size_t size) {
    char elapsed[24], left[24] = "?", each[24] = "";
    double p = pace(now);
    format_time(now - job.start, elapsed, sizeof elapsed);
    if (p > 0) {
        format_time(p * (double)(job.total > job.done ? job.total - job.done : 0), left, sizeof left);
        if (p < 1e-3)
            snprintf(each, sizeof each, ", %.0f %s/s", 1 / p, job.unit);
        else
            snprintf(each, sizeof each, ", %.*f ms/%s", p < 0.01 ? 1 : 0, p * 1e3, job.unit);
    }
    snprintf(out, size, "%s<%s%s", elapsed, left, each);
}

static int terminal_width(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* label  34%|########        | 594/1750 [01:52<03:38, 189 ms/step] loss 0.42
 * On a narrow terminal the bar shrinks, then goes, and the rest is cut. */
static void draw_bar(double now) {
    char cells[BAR_CELLS + 1], rest[LINE_BYTES], line[2 * LINE_BYTES], times[64];
    double share = job.total ? (double)job.done / (double)job.total : 1;
    if (share > 1) share = 1;
    format_pace(now, times, sizeof times);
    int n = snprintf(rest, sizeof rest, " %llu/%llu [%s] %s", (unsigned long long)job.done,
                     (unsigned long long)job.total, times, job.words);
    const int width = terminal_width() - 1;
    int bar = width - (int)strlen(job.label) - n - 7; /* what " 34%|" and "|" leave */
    if (bar > BAR_CELLS) bar = BAR_CELLS;
    if (bar < LEAST_CELLS) bar = 0;
    const int full = (int)(share * bar);
    for (int i = 0; i < bar; i++) cells[i] = i < full ? '#' : i == full ? '-' : ' ';
    cells[bar] = '\0';
    n = snprintf(line, sizeof line, "%s %3.0f%%%s%s%s%s", job.label, share * 100, bar ? "|" : "", cells, bar ? "|" : "",
                 rest);
    if (n > width) line[width > 0 ? width : 0] = '\0';
    fprintf(stderr, "\r%s\033[K", line); /* one write: standard error is not buffered, but for this call */
    job.drawn = true;
}

static void print_plain(double now) {
    char times[64];
    format_pace(now, times, sizeof times);
    printf("%s %llu/%llu [%s]%s%s\n", job.label, (unsigned long long)job.done, (unsigned long long)job.total, times,
           job.words[0] ? " " : "", job.words);
    fflush(stdout);
}

static void show(double now) {
    if (job.bar)
        draw_bar(now);
    else if (job.lines)
        print_plain(now);
    job.shown = now;
    job.printed = job.done;
    job.pending = false;
}

static bool is_time_to_show(double now) {
    if (!job.bar && job.print_every) return job.done / job.print_every > job.printed / job.print_every;
    return now - job.shown >= (job.bar ? frame_seconds : line_seconds);
}

void cli_progress_update(uint64_t done, const char *format, ...) {
    if (!job.bar && !job.lines) return;
    double now = cli_now();
    job.done = done;
    unsigned last = (job.marks - 1) % WINDOW;
    if (done > job.mark_done[last] && (job.marks == 1 || now - job.mark_time[last] >= 1)) {
        unsigned next = job.marks++ % WINDOW;
        job.mark_time[next] = now;
        job.mark_done[next] = done;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(job.words, sizeof job.words, format, args);
    va_end(args);
    job.pending = true;
    if (is_time_to_show(now)) show(now);
}

void cli_progress_leave_out(double seconds) {
    for (unsigned i = 0; i < WINDOW; i++) job.mark_time[i] += seconds;
}

void cli_progress_clear(void) {
    if (!job.drawn) return;
    fprintf(stderr, "\r\033[K");
    fflush(stderr);
    job.drawn = false;
}

void cli_progress_end(void) {
    const double now = cli_now();
    if (job.pending && (job.bar || job.print_every || now - job.start >= line_seconds)) show(now);
    if (job.drawn) fputc('\n', stderr);
    memset(&job, 0, sizeof job);
}
