/* Plots: ticks at round numbers for any span, lines where the numbers say, whatever those are; PNG and SVG that other
 * programs can read. */
#include "check.h"
#include "helper_decode.h"

#include "base/rng.h"
#include "viz/plot.h"
#include "viz/plot_curve.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const hrm_color axis_color = {140, 147, 158, 255}, blue = {0, 114, 178, 255}, vermillion = {213, 94, 0, 255};

/* ---- ticks ---- */

/* Returns the number of labelled ticks. */
static size_t check_axis(double low, double high, bool log, bool exact, hrm_plot_unit unit, unsigned room) {
    hrm_plot_axis axis;
    const char *last_label = NULL;
    size_t labelled = 0;
    hrm_plot_axis_init(&axis, low, high, log, exact, unit, room);
    CHECK_MSG(axis.low < axis.high, "axis for %g to %g goes from %g to %g", low, high, axis.low, axis.high);
    if (low <= high)
        CHECK_MSG(axis.low <= low && axis.high >= high, "axis for %g to %g goes from %g to %g", low, high, axis.low,
                  axis.high);
    for (size_t i = 0; i < axis.tick_count; i++) {
        const hrm_plot_tick *tick = &axis.ticks[i];
        CHECK_MSG(tick->value >= axis.low && tick->value <= axis.high, "tick %g outside %g to %g", tick->value,
                  axis.low, axis.high);
        if (i > 0)
            CHECK_MSG(tick->value > axis.ticks[i - 1].value, "ticks %g, %g do not rise", axis.ticks[i - 1].value,
                      tick->value);
        const double place = hrm_plot_axis_place(&axis, tick->value);
        CHECK_MSG(place >= -1e-9 && place <= 1 + 1e-9, "tick %g lies at %g", tick->value, place);
        CHECK_EQ(tick->label[0] != '\0', !tick->minor);
        if (tick->minor) continue;
        labelled++;
        if (last_label)
            CHECK_MSG(strcmp(tick->label, last_label) != 0, "%g to %g: two ticks are labelled %s", low, high,
                      last_label);
        last_label = tick->label;
    }
    CHECK_MSG(labelled >= 2 && labelled <= 2 * room + 4, "%g to %g%s, room %u: %zu labels", low, high,
              log ? " (log)" : "", room, labelled);
    return labelled;
}

static void check_labels(double low, double high, bool log, hrm_plot_unit unit, unsigned room, const char *want) {
    hrm_plot_axis axis;
    char got[512] = "";
    hrm_plot_axis_init(&axis, low, high, log, true, unit, room);
    for (size_t i = 0; i < axis.tick_count; i++) {
        if (axis.ticks[i].minor) continue;
        if (got[0]) strcat(got, " ");
        strcat(got, axis.ticks[i].label);
    }
    CHECK_STR(got, want);
}

static void test_labels(void **state) {
    (void)state;
    check_labels(0, 10, false, HRM_PLOT_NUMBER, 5, "0 2 4 6 8 10");
    check_labels(0, 20000, false, HRM_PLOT_NUMBER, 5, "0 5k 10k 15k 20k");
    check_labels(0, 2500000, false, HRM_PLOT_NUMBER, 5, "0 0.5M 1.0M 1.5M 2.0M 2.5M");
    check_labels(-1, 1, false, HRM_PLOT_NUMBER, 4, "-1.0 -0.5 0 0.5 1.0");
    check_labels(0, 1, false, HRM_PLOT_SHARE, 5, "0% 20% 40% 60% 80% 100%");
    check_labels(0.9, 0.92, false, HRM_PLOT_SHARE, 4, "90.0% 90.5% 91.0% 91.5% 92.0%");
    check_labels(0, 2e-4, false, HRM_PLOT_NUMBER, 4, "0 5e-5 1e-4 1.5e-4 2e-4");
    check_labels(0, 100, false, HRM_PLOT_DURATION, 5, "0s 20s 40s 60s 80s 100s");
    check_labels(0, 36000, false, HRM_PLOT_DURATION, 5, "0h 2h 4h 6h 8h 10h");
    check_labels(0, 7 * 86400, false, HRM_PLOT_DURATION, 4, "0d 2d 4d 6d");
    check_labels(0.01, 100, true, HRM_PLOT_NUMBER, 5, "0.01 0.1 1 10 100");
    check_labels(1, 10, true, HRM_PLOT_NUMBER, 5, "1 2 5 10");
    check_labels(1e-5, 1e5, true, HRM_PLOT_NUMBER, 4, "0.001 1 1000");
    char text[HRM_PLOT_LABEL_SIZE];
    CHECK_STR(hrm_plot_axis_format(HRM_PLOT_SHARE, 0.8731, text, sizeof text), "87.3%");
    CHECK_STR(hrm_plot_axis_format(HRM_PLOT_NUMBER, 4210, text, sizeof text), "4210");
    CHECK_STR(hrm_plot_axis_format(HRM_PLOT_NUMBER, 14210, text, sizeof text), "14.2k");
    CHECK_STR(hrm_plot_axis_format(HRM_PLOT_NUMBER, 1e-5, text, sizeof text), "1e-5");
    CHECK_STR(hrm_plot_axis_format(HRM_PLOT_NUMBER, 0, text, sizeof text), "0");
    CHECK_STR(hrm_plot_axis_format(HRM_PLOT_DURATION, 5400, text, sizeof text), "90m");
}

static void test_axes(void **state) {
    (void)state;
    hrm_rng rng;
    hrm_rng_init(&rng, check_seed(), 0);
    check_axis(1, 0, false, false, HRM_PLOT_NUMBER, 5); /* nothing to show */
    check_axis(INFINITY, -INFINITY, true, false, HRM_PLOT_NUMBER, 5);
    for (int log = 0; log < 2; log++) {
        check_axis(5, 5, log, false, HRM_PLOT_NUMBER, 5); /* constants */
        check_axis(1e-4, 1e-4, log, false, HRM_PLOT_NUMBER, 3);
        check_axis(1e9, nextafter(1e9, 2e9), log, false, HRM_PLOT_NUMBER, 3);
        check_axis(1e100, 1e100, log, false, HRM_PLOT_NUMBER, 3);
        check_axis(1e-100, 1e-100, log, false, HRM_PLOT_NUMBER, 3);
        check_axis(1e-100, 1e100, log, false, HRM_PLOT_NUMBER, 3);
        check_axis(1e-100, 1e100, log, true, HRM_PLOT_DURATION, 0);
    }
    check_axis(0, 0, false, false, HRM_PLOT_SHARE, 5);
    check_axis(-1e100, 1e100, false, false, HRM_PLOT_NUMBER, 1000);
    check_axis(-3, -3, false, true, HRM_PLOT_NUMBER, 2);
    for (int i = 0; i < 20000; i++) {
        const double size = pow(10, (double)hrm_rng_below(&rng, 200) / 10 - 10);
        double low = size * ((double)hrm_rng_below(&rng, 2001) - 1000) / 1000;
        const double high = low + size * ((double)hrm_rng_below(&rng, 10000) + 1) / 1000;
        const bool log = i % 3 == 0;
        if (log) low = fabs(low) + size / 1000;
        check_axis(low, log ? low * (1.001 + size) : high, log, i % 2, (hrm_plot_unit)(i % 3),
                   2 + hrm_rng_below(&rng, 12));
    }
}

/* ---- a picture, and where its frame is ---- */

typedef struct picture {
    uint8_t *pixels;
    uint32_t width, height;
    float x, y, right, bottom; /* of the first panel's frame */
} picture;

static bool has_color(const picture *p, uint32_t x, uint32_t y, hrm_color c, int tolerance) {
    const uint8_t *at = p->pixels + ((size_t)y * p->width + x) * 4;
    return abs(at[0] - c.r) <= tolerance && abs(at[1] - c.g) <= tolerance && abs(at[2] - c.b) <= tolerance;
}

static size_t count_color(const picture *p, hrm_color c) {
    size_t n = 0;
    for (uint32_t y = 0; y < p->height; y++)
        for (uint32_t x = 0; x < p->width; x++) n += has_color(p, x, y, c, 2);
    return n;
}

/* The axes are the longest lines of their colour. A line of the plot may cover a part of them. */
static void find_frame(picture *p) {
    uint32_t most = 0;
    for (uint32_t x = 0; x < p->width / 2; x++) {
        uint32_t n = 0, first = 0;
        for (uint32_t y = 0; y < p->height; y++)
            if (has_color(p, x, y, axis_color, 1)) {
                if (n++ == 0) first = y;
                if (n > most) p->x = (float)x, p->y = (float)first, most = n;
            }
    }
    CHECK(most > 20);
    most = 0;
    for (uint32_t y = 0; y < p->height; y++) {
        uint32_t n = 0, last = 0;
        for (uint32_t x = (uint32_t)p->x; x < p->width; x++)
            if (has_color(p, x, y, axis_color, 1)) n++, last = x;
        if (n > most) p->bottom = (float)y, p->right = (float)last, most = n;
    }
    CHECK(most > 20);
}

static picture draw(const hrm_plot_config *config) {
    picture p = {0};
    uint8_t *bytes;
    size_t size;
    CHECK_OK(hrm_plot_encode_png(config, &bytes, &size));
    p.pixels = decode_png(bytes, size, &p.width, &p.height);
    free(bytes);
    return p;
}

static hrm_plot_config one_panel(hrm_plot_panel *panel, hrm_plot_series *series, uint32_t count) {
    hrm_plot_config config = HRM_INIT(hrm_plot_config);
    *panel = HRM_INIT(hrm_plot_panel);
    panel->series = series;
    panel->series_count = count;
    config.width = 500;
    config.height = 400;
    config.panels = panel;
    config.panel_count = 1;
    return config;
}

static hrm_plot_series make_series(const double *x, const double *y, uint32_t count) {
    hrm_plot_series s = HRM_INIT(hrm_plot_series);
    s.x = x;
    s.y = y;
    s.count = count;
    return s;
}

/* A pixel of the colour lies within two of the place: the frame is known to half a pixel, lines are two wide. */
static bool is_near(const picture *p, float x, float y, hrm_color color) {
    for (int dy = -2; dy <= 2; dy++)
        for (int dx = -2; dx <= 2; dx++) {
            const long px = lroundf(x) + dx, py = lroundf(y) + dy;
            if (px >= 0 && py >= 0 && px < (long)p->width && py < (long)p->height &&
                has_color(p, (uint32_t)px, (uint32_t)py, color, 40))
                return true;
        }
    return false;
}

static void test_line(void **state) {
    (void)state;
    const double x[] = {0, 10, 20, 30, 40}, y[] = {0.2, 0.8, 0.5, NAN, 0.9};
    hrm_plot_panel panel;
    hrm_plot_series series = make_series(x, y, 5);
    hrm_plot_config config = one_panel(&panel, &series, 1);
    panel.y_high = 1; /* exact: 0 to 1 */
    for (int scale = 1; scale <= 2; scale++) {
        config.scale = (float)scale;
        picture p = draw(&config);
        CHECK_EQ(p.width, 500 * scale);
        CHECK_EQ(p.height, 400 * scale);
        find_frame(&p);
        const float width = p.right - p.x, height = p.bottom - p.y;
        const float across = width / 41.2f; /* 0 to 40 and 3 % of air at the right */
        CHECK(width > 300 * (float)scale && height > 250 * (float)scale);
        for (int i = 0; i <= 20; i++) {
            const double value = i <= 10 ? 0.2 + 0.06 * i : 0.8 - 0.03 * (i - 10);
            const float px = p.x + across * (float)i, py = p.bottom - height * (float)value;
            CHECK_MSG(is_near(&p, px, py, blue), "scale %d: no line at (%g, %g), x %d", scale, (double)px, (double)py,
                      i);
            CHECK_MSG(!is_near(&p, px, py - 15, blue), "scale %d: a line above x %d", scale, i);
        }
        CHECK(!is_near(&p, p.x + across * 30, p.bottom - height * 0.7f, blue)); /* the gap */
        CHECK(is_near(&p, p.x + across * 40, p.bottom - height * 0.9f, blue));  /* alone: a dot */
        free(p.pixels);
    }
    /* what lies beyond fixed ends is cut off at the frame */
    config.scale = 1;
    panel.y_low = 0.4;
    panel.y_high = 0.6;
    picture p = draw(&config);
    find_frame(&p);
    CHECK(count_color(&p, blue) > 50);
    for (uint32_t row = 0; row < p.height; row++)
        for (uint32_t column = 0; column < p.width; column++)
            if (has_color(&p, column, row, blue, 2))
                CHECK_MSG((float)row >= p.y - 2 && (float)row <= p.bottom + 2, "line outside the frame, row %u", row);
    free(p.pixels);
}

static void test_styles(void **state) {
    (void)state;
    double y[500], event[] = {0.5}, event_x[] = {250};
    for (int i = 0; i < 500; i++) y[i] = i % 2 ? 0.9 : 0.1; /* smoothed: 0.5 */
    hrm_plot_panel panel;
    hrm_plot_series series[] = {make_series(NULL, y, 500), make_series(event_x, event, 1)};
    hrm_plot_config config = one_panel(&panel, series, 1);
    panel.y_high = 1;
    series[0].smooth = 0.95f;
    picture p = draw(&config);
    find_frame(&p);
    const float middle = (p.x + p.right) / 2;
    CHECK(is_near(&p, middle, (p.y + p.bottom) / 2, blue));
    CHECK(!is_near(&p, middle, p.y + (p.bottom - p.y) * 0.2f, blue)); /* pale there */
    free(p.pixels);
    series[0].smooth = 0;
    series[0].style = HRM_PLOT_FAINT;
    p = draw(&config);
    CHECK_EQ(count_color(&p, blue), 0);
    free(p.pixels);
    series[1].color = 1;
    series[1].style = HRM_PLOT_MARKS;
    series[1].label = "events";
    panel.series_count = 2;
    p = draw(&config);
    CHECK(count_color(&p, vermillion) > 20); /* a cross in the frame, one in the legend */
    free(p.pixels);
    series[1].style = HRM_PLOT_POINTS;
    series[1].best = HRM_PLOT_BEST_HIGHEST;
    picture ringed = draw(&config);
    series[1].best = HRM_PLOT_BEST_NONE;
    p = draw(&config);
    CHECK(count_color(&ringed, vermillion) > count_color(&p, vermillion) + 30);
    free(ringed.pixels);
    free(p.pixels);
    /* dashes: about as much paint as their share of the line */
    double flat[] = {0.5, 0.5};
    series[0] = make_series(NULL, flat, 2);
    panel.series_count = 1;
    p = draw(&config);
    const size_t whole = count_color(&p, blue);
    free(p.pixels);
    series[0].color = HRM_PLOT_COLORS;
    p = draw(&config);
    const size_t dashed = count_color(&p, blue);
    CHECK_MSG(dashed > whole / 3 && dashed < whole * 4 / 5, "%zu of %zu pixels", dashed, whole);
    free(p.pixels);
}

static void test_best(void **state) {
    (void)state;
    const double y[] = {NAN, 3, 7, 7, -1, INFINITY, -1};
    hrm_plot_series s = make_series(NULL, y, 7);
    uint32_t at = 99;
    CHECK(!hrm_plot_series_best(&s, false, &at));
    s.best = HRM_PLOT_BEST_HIGHEST;
    CHECK(hrm_plot_series_best(&s, false, &at));
    CHECK_EQ(at, 2);
    s.best = HRM_PLOT_BEST_LOWEST;
    CHECK(hrm_plot_series_best(&s, false, &at));
    CHECK_EQ(at, 4);
    CHECK(hrm_plot_series_best(&s, true, &at)); /* negative numbers are gaps */
    CHECK_EQ(at, 1);
    s.count = 1;
    CHECK(!hrm_plot_series_best(&s, false, &at));
}

/* ---- SVG ---- */

/* A small scanner: every tag closed in order, attributes quoted, entities known, no byte that XML forbids. */
static void check_xml(const char *text, size_t size) {
    char open[16][32];
    size_t depth = 0, elements = 0;
    for (size_t i = 0; i < size; i++) {
        const char *at = text + i;
        CHECK_MSG((unsigned char)*at >= 32 || *at == '\n', "byte %zu is %d", i, *at);
        if (*at == '&') CHECK(!strncmp(at, "&lt;", 4) || !strncmp(at, "&gt;", 4) || !strncmp(at, "&amp;", 5));
        CHECK_MSG(*at != '>', "a lone > at byte %zu", i);
        if (*at != '<') {
            if (elements > 0 && depth == 0) CHECK(isspace((unsigned char)*at));
            continue;
        }
        const char *end = strchr(at, '>');
        CHECK(end != NULL);
        size_t quotes = 0;
        for (const char *c = at + 1; c < end; c++) {
            quotes += *c == '"';
            CHECK_MSG(*c != '<', "a < inside the tag at byte %zu", i);
        }
        CHECK_EQ(quotes % 2, 0);
        char name[32];
        const bool closes = at[1] == '/';
        CHECK_EQ(sscanf(at + 1 + closes, "%31[a-z?]", name), 1);
        if (at[1] == '?') {
            CHECK_EQ(i, 0);
        } else if (closes) {
            CHECK(depth > 0);
            CHECK_STR(name, open[--depth]);
        } else if (end[-1] != '/') {
            CHECK(depth < 16);
            strcpy(open[depth++], name);
            elements++;
        }
        i = (size_t)(end - text);
    }
    CHECK_EQ(depth, 0);
    CHECK(elements > 2);
}

static char *draw_svg(const hrm_plot_config *config) {
    uint8_t *bytes;
    size_t size;
    CHECK_OK(hrm_plot_encode_svg(config, &bytes, &size));
    char *text = malloc(size + 1);
    CHECK(text != NULL);
    memcpy(text, bytes, size);
    text[size] = '\0';
    free(bytes);
    check_xml(text, size);
    return text;
}

static void test_svg(void **state) {
    (void)state;
    const double y[] = {1, 2, 3};
    const char *const legend[] = {"a < b", "\xff\xfe bad bytes \x01\x7f", "gr\xc3\xbc\xc3\x9f \xed\xa0\x80"};
    hrm_plot_panel panel;
    hrm_plot_series series = make_series(NULL, y, 3);
    hrm_plot_config config = one_panel(&panel, &series, 1);
    config.title = "<b>&amp; \"quoted\" 'too'";
    config.caption = "</svg><script>alert(1)</script>";
    config.legend = legend;
    config.legend_count = 3;
    panel.title = "title & more";
    panel.x_label = "x > y";
    panel.y_label = "line\nbreak";
    series.label = "]]>";
    char *text = draw_svg(&config);
    CHECK(strstr(text, "width=\"500\" height=\"400\" viewBox=\"0 0 500 400\"") != NULL);
    CHECK(strstr(text, "&lt;b&gt;&amp;amp;") != NULL);
    CHECK(strstr(text, "&lt;script&gt;") != NULL);
    CHECK(strstr(text, "title &amp; more") != NULL);
    CHECK(strstr(text, "gr\xc3\xbc\xc3\x9f \xef\xbf\xbd") != NULL);
    CHECK(strstr(text, "line break") != NULL);
    CHECK(strstr(text, "rotate(-90 ") != NULL);
    CHECK(strstr(text, "stroke=\"#0072b2\"") != NULL);
    free(text);
}

static size_t count_lines(const hrm_plot_config *config) {
    char *text = draw_svg(config);
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, "<polyline")) != NULL; at++) n++;
    free(text);
    return n;
}

/* The raw line stands behind the smoothed one, but not behind a faint one. */
static void test_smooth_lines(void **state) {
    (void)state;
    const double y[] = {1, 2, NAN, 3, 4};
    hrm_plot_panel panel;
    hrm_plot_series series = make_series(NULL, y, 5);
    const hrm_plot_config config = one_panel(&panel, &series, 1);
    CHECK_EQ(count_lines(&config), 2); /* two pieces, a gap between */
    series.smooth = 0.5f;
    CHECK_EQ(count_lines(&config), 4);
    series.style = HRM_PLOT_FAINT;
    CHECK_EQ(count_lines(&config), 2);
}

/* ---- numbers of all kinds ---- */

static void test_strange_numbers(void **state) {
    (void)state;
    static const double nothing[] = {NAN, NAN, INFINITY}, one[] = {5}, constant[] = {2, 2, 2, 2},
                        negative[] = {-1, -2, -3}, zero[] = {0, 0}, huge[] = {1e99, -1e99, 1e308, 5},
                        beyond[] = {DBL_MAX, -DBL_MAX}, tiny[] = {1e-300, 1e-310, 4e-320},
                        mixed[] = {-1, 0, 1e-5, 100, NAN, 3};
    static const struct {
        const double *y;
        uint32_t count;
        bool drawn[2]; /* on a linear, on a logarithmic axis */
    } cases[] = {{NULL, 0, {false, false}},   {nothing, 3, {false, false}}, {one, 1, {true, true}},
                 {constant, 4, {true, true}}, {negative, 3, {true, false}}, {zero, 2, {true, false}},
                 {huge, 4, {true, true}},     {tiny, 3, {true, false}},     {mixed, 6, {true, true}},
                 {beyond, 2, {false, false}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (uint32_t log = 0; log < 2; log++)
            for (int own_x = 0; own_x < 2; own_x++) {
                hrm_plot_panel panel;
                hrm_plot_series series = make_series(own_x ? cases[i].y : NULL, cases[i].y, cases[i].count);
                hrm_plot_config config = one_panel(&panel, &series, 1);
                panel.log_y = log;
                panel.x_unit = own_x ? HRM_PLOT_DURATION : HRM_PLOT_NUMBER;
                series.best = HRM_PLOT_BEST_LOWEST;
                picture p = draw(&config);
                const bool drawn = count_color(&p, blue) > 0;
                CHECK_MSG(drawn == cases[i].drawn[log], "case %zu, log %u: %s", i, log, drawn ? "drawn" : "not drawn");
                char *svg = draw_svg(&config);
                CHECK_EQ(strstr(svg, ">no data<") != NULL, !cases[i].drawn[log]);
                CHECK(!strstr(svg, "nan") && !strstr(svg, "inf"));
                free(svg);
                free(p.pixels);
            }
}

/* Many points become few pieces, and no peak is lost. */
static void test_many_points(void **state) {
    (void)state;
    enum { COUNT = 300000 };
    double *y = malloc(COUNT * sizeof *y);
    CHECK(y != NULL);
    for (size_t i = 0; i < COUNT; i++) y[i] = 0.5;
    y[COUNT / 3] = 1;
    hrm_plot_panel panel;
    hrm_plot_series series = make_series(NULL, y, COUNT);
    hrm_plot_config config = one_panel(&panel, &series, 1);
    panel.y_high = 1;
    picture p = draw(&config);
    find_frame(&p);
    CHECK(is_near(&p, p.x + (p.right - p.x) / 3 / 1.03f, p.y + 3, blue));
    char *svg = draw_svg(&config);
    CHECK_MSG(strlen(svg) < 60000, "%zu bytes", strlen(svg));
    free(svg);
    free(p.pixels);
    free(y);
}

/* ---- layout ---- */

static void test_layout(void **state) {
    (void)state;
    const double y[] = {0.1, 123456.789, 5};
    hrm_plot_panel panels[12];
    hrm_plot_series series[20];
    char label[200];
    memset(label, 'W', sizeof label - 1);
    label[sizeof label - 1] = '\0';
    for (size_t i = 0; i < 20; i++) {
        series[i] = make_series(NULL, y, 3);
        series[i].color = (uint32_t)i;
    }
    hrm_plot_config config = one_panel(&panels[0], series, 1);
    for (size_t i = 1; i < 12; i++) panels[i] = panels[0];
    for (uint32_t count = 1; count <= 12; count++)
        for (uint32_t columns = 0; columns <= 4; columns++) {
            config.panel_count = count;
            config.columns = columns;
            config.width = 1600;
            config.height = columns == 1 ? 3000 : 1200;
            free(draw_svg(&config));
        }
    /* a long text stays inside the picture */
    config.panel_count = 1;
    config.columns = 0;
    config.width = 600;
    config.height = 500;
    config.title = config.caption = panels[0].title = panels[0].x_label = panels[0].y_label = series[0].label = label;
    picture p = draw(&config);
    for (uint32_t row = 0; row < p.height; row++)
        CHECK(has_color(&p, p.width - 1, row, (hrm_color){255, 255, 255, 255}, 0) &&
              has_color(&p, 0, row, (hrm_color){255, 255, 255, 255}, 0));
    free(p.pixels);
    /* legends that leave no room are refused, with what is needed */
    panels[0].series_count = 20;
    for (size_t i = 0; i < 20; i++) series[i].label = label;
    uint8_t *bytes;
    size_t size;
    CHECK_STATUS(hrm_plot_encode_png(&config, &bytes, &size), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("600 x 500");
    CHECK_ERROR_HAS("220 x 160");
    CHECK_STATUS(hrm_plot_encode_svg(&config, &bytes, &size), HRM_ERR_INVALID_ARGUMENT);
}

static void test_refused(void **state) {
    (void)state;
    const double y[] = {1, 2};
    hrm_plot_panel panel;
    hrm_plot_series series = make_series(NULL, y, 2);
    const hrm_plot_config good = one_panel(&panel, &series, 1);
    hrm_plot_config config, out;
    CHECK_OK(hrm_plot_resolve(&good, &out));
#define REFUSED(change, restore, text)                                                                                 \
    config = good;                                                                                                     \
    change;                                                                                                            \
    CHECK_STATUS(hrm_plot_resolve(&config, &out), HRM_ERR_INVALID_ARGUMENT);                                           \
    CHECK_ERROR_HAS(text);                                                                                             \
    restore;
    REFUSED(config.panel_count = 0, (void)0, "no panel")
    REFUSED(config.panels = NULL, (void)0, "no panel")
    REFUSED(config.scale = NAN, (void)0, "scale")
    REFUSED(config.scale = 9, (void)0, "scale")
    REFUSED(config.width = 16385, (void)0, "16384")
    REFUSED((config.width = 10000, config.scale = 2), (void)0, "16384")
    REFUSED(config.legend_count = 1, (void)0, "legend")
    REFUSED(series.y = NULL, series.y = y, "no y")
    REFUSED(series.smooth = 1, series.smooth = 0, "smooth")
    REFUSED(series.smooth = NAN, series.smooth = 0, "smooth")
    REFUSED(series.style = (hrm_plot_style)7, series.style = HRM_PLOT_LINE, "style")
    REFUSED(panel.y_unit = (hrm_plot_unit)9, panel.y_unit = HRM_PLOT_NUMBER, "unit")
    REFUSED((panel.log_y = 1, panel.y_low = -1, panel.y_high = 1), (panel.log_y = 0, panel.y_low = panel.y_high = 0),
            "logarithmic")
    REFUSED((panel.y_high = INFINITY), (panel.y_high = 0), "axis")
    REFUSED(panel.series = NULL, panel.series = &series, "series")
    /* the defaults */
    config = good;
    config.width = config.height = 0;
    CHECK_OK(hrm_plot_resolve(&config, &out));
    CHECK(out.width == 1600 && out.height == 1000 && out.scale == 1 && out.columns == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels),       cmocka_unit_test(test_axes),
        cmocka_unit_test(test_line),         cmocka_unit_test(test_styles),
        cmocka_unit_test(test_best),         cmocka_unit_test(test_svg),
        cmocka_unit_test(test_smooth_lines), cmocka_unit_test(test_strange_numbers),
        cmocka_unit_test(test_many_points),  cmocka_unit_test(test_layout),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
