#include "viz/plot_axis.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* A span smaller than this share of its numbers is a constant: labels would need too many digits to differ. */
#define SMALLEST_SPAN 1e-6
/* Air beyond the data at either end, as a share of the span. */
#define AIR 0.03

bool hrm_plot_axis_takes(bool log, double value) {
    return isfinite(value) && fabs(value) <= HRM_PLOT_LARGEST && (!log || value >= 1 / HRM_PLOT_LARGEST);
}

/* ---- numbers as text ---- */

/* Without the zeros that end a fraction. */
static void trim_zeros(char *digits) {
    if (!strchr(digits, '.')) return;
    char *end = digits + strlen(digits);
    while (end[-1] == '0') *--end = '\0';
    if (end[-1] == '.') end[-1] = '\0';
}

/* "1.5e-5": at most `digits` behind the point, nothing that says nothing. */
static void format_exponent(double value, int digits, char *out, size_t size) {
    char text[64];
    snprintf(text, sizeof text, "%.*e", digits, value);
    char *e = strchr(text, 'e');
    int power = 0;
    if (e) {
        sscanf(e + 1, "%d", &power);
        *e = '\0';
    }
    trim_zeros(text);
    snprintf(out, size, "%.12se%d", text, power); /* as long as a sign and ten digits */
}

typedef struct suffix {
    double factor;
    const char *text;
} suffix;

/* For the largest number of an axis. */
static suffix pick_suffix(hrm_plot_unit unit, double largest) {
    static const suffix thousands[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
    static const suffix durations[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
    if (unit == HRM_PLOT_SHARE) return (suffix){0.01, "%"};
    if (unit == HRM_PLOT_DURATION) {
        for (int i = 0; i < 3; i++)
            if (largest >= 2 * durations[i].factor) return durations[i];
        return durations[3];
    }
    for (int i = 0; i < 4; i++)
        if (largest >= (i == 3 ? 1e4 : thousands[i].factor)) return thousands[i];
    return (suffix){1, ""};
}

/* A number that stands alone: about three digits. */
static void format_alone(hrm_plot_unit unit, double value, char *out, size_t size) {
    const suffix s = pick_suffix(unit, fabs(value));
    const double scaled = value / s.factor, magnitude = fabs(scaled);
    char text[64];
    if (magnitude >= 1e6 || (magnitude > 0 && magnitude < (unit == HRM_PLOT_NUMBER ? 1e-3 : 1e-2))) {
        format_exponent(scaled, 2, text, sizeof text);
    } else {
        snprintf(text, sizeof text, "%.*f",
                 magnitude >= 100  ? (unit == HRM_PLOT_SHARE ? 1 : 0)
                 : magnitude >= 10 ? 1
                 : magnitude >= 1  ? 2
                                   : 4,
                 scaled);
        trim_zeros(text);
    }
    snprintf(out, size, "%s%s", text, s.text);
}

char *hrm_plot_axis_format(hrm_plot_unit unit, double value, char *out, size_t size) {
    format_alone(unit, value, out, size);
    return out;
}

/* ---- ticks ---- */

static void add_tick(hrm_plot_axis *axis, double value, bool minor) {
    const double air = axis->log ? 0 : 1e-9 * (axis->high - axis->low);
    const double low = axis->log ? axis->low * (1 - 1e-9) : axis->low - air;
    const double high = axis->log ? axis->high * (1 + 1e-9) : axis->high + air;
    if (axis->tick_count == HRM_PLOT_TICKS_MAX || !(value >= low && value <= high)) return;
    hrm_plot_tick *tick = &axis->ticks[axis->tick_count++];
    *tick = (hrm_plot_tick){.value = value < axis->low    ? axis->low
                                     : value > axis->high ? axis->high
                                                          : value,
                            .minor = minor};
}

/* The least of 1, 2, 5 times a power of ten that is not below `value`. */
static double round_step(double value) {
    const double power = pow(10, floor(log10(value))), digit = value / power;
    return power * (digit <= 1.0001 ? 1 : digit <= 2.0001 ? 2 : digit <= 5.0001 ? 5 : 10);
}

/* Labels of numbers at multiples of `step`: all with the same suffix and as many digits as tell them apart. */
static void label_evenly(hrm_plot_axis *axis, suffix s, double step) {
    double largest = 0;
    for (size_t i = 0; i < axis->tick_count; i++) largest = fmax(largest, fabs(axis->ticks[i].value));
    const double scaled_step = step / s.factor, scaled_largest = largest / s.factor;
    const int power = (int)floor(log10(scaled_step) + 1e-6);
    const bool exponent = scaled_largest >= 1e7 || scaled_largest < 1e-3;
    for (size_t i = 0; i < axis->tick_count; i++) {
        hrm_plot_tick *tick = &axis->ticks[i];
        const double value = tick->value / s.factor;
        char text[HRM_PLOT_LABEL_SIZE - 4];
        if (fabs(value) < scaled_step / 2)
            snprintf(text, sizeof text, "0");
        else if (exponent) {
            const int digits = (int)floor(log10(fabs(value)) + 1e-6) - power;
            format_exponent(value, digits < 0 ? 0 : digits > 9 ? 9 : digits, text, sizeof text);
        } else
            snprintf(text, sizeof text, "%.*f", power < 0 ? (power < -12 ? 12 : -power) : 0, value);
        snprintf(tick->label, sizeof tick->label, "%s%s", text,
                 strcmp(text, "0") == 0 && axis->unit == HRM_PLOT_NUMBER ? "" : s.text);
    }
}

static void add_even_ticks(hrm_plot_axis *axis, unsigned room) {
    const suffix s = pick_suffix(axis->unit, fmax(fabs(axis->low), fabs(axis->high)));
    const double span = (axis->high - axis->low) / s.factor;
    double step = round_step(span / room);
    for (int attempt = 0; attempt < 4; attempt++) { /* a wide step may hit the axis only once */
        axis->tick_count = 0;
        const double first = ceil(axis->low / s.factor / step - 1e-9);
        for (int i = 0; i < HRM_PLOT_TICKS_MAX; i++) {
            const double value = (first + i) * step * s.factor;
            if (value > axis->high + 1e-9 * (axis->high - axis->low)) break;
            add_tick(axis, value, false);
        }
        if (axis->tick_count >= 2) break;
        step = round_step(step / 2.5);
    }
    label_evenly(axis, s, step * s.factor);
}

static bool is_one_of(int digit, const int *digits) {
    for (; *digits; digits++)
        if (*digits == digit) return true;
    return false;
}

/* Ticks at the given digits of each decade (a list that ends in 0); the other digits as minor ticks. */
static void add_decade_digits(hrm_plot_axis *axis, int first, int last, const int *digits, bool minors) {
    axis->tick_count = 0;
    for (int power = first; power <= last; power++)
        for (int digit = 1; digit <= 9; digit++) {
            const bool minor = !is_one_of(digit, digits);
            if (!minor || minors) add_tick(axis, digit * pow(10, power), minor);
        }
}

static size_t count_labelled(const hrm_plot_axis *axis) {
    size_t n = 0;
    for (size_t i = 0; i < axis->tick_count; i++) n += !axis->ticks[i].minor;
    return n;
}

static void add_log_ticks(hrm_plot_axis *axis, unsigned room) {
    static const int ones[] = {1, 0}, ones_twos_fives[] = {1, 2, 5, 0};
    const int first = (int)floor(log10(axis->low)), last = (int)ceil(log10(axis->high));
    const double decades = log10(axis->high / axis->low);
    if (decades * 3 <= room) {
        add_decade_digits(axis, first, last, ones_twos_fives, true);
    } else if (decades < 5) {
        add_decade_digits(axis, first, last, ones, true);
    } else {
        axis->tick_count = 0;
        const int stride = (int)ceil(decades / room);
        const bool minors = last - first < HRM_PLOT_TICKS_MAX;
        for (int power = first; power <= last; power++) {
            const bool minor = power % stride != 0;
            if (!minor || minors) add_tick(axis, pow(10, power), minor);
        }
    }
    if (count_labelled(axis) < 2) { /* less than a decade */
        add_even_ticks(axis, room);
        return;
    }
    for (size_t i = 0; i < axis->tick_count; i++) {
        hrm_plot_tick *tick = &axis->ticks[i];
        if (!tick->minor) hrm_plot_axis_format(axis->unit, tick->value, tick->label, sizeof tick->label);
    }
}

/* ---- the span ---- */

/* Some room around a constant, and air beyond the data; numbers that cannot be negative do not become so. */
static void widen(double *low, double *high, bool exact) {
    const double largest = fmax(fabs(*low), fabs(*high)), span = *high - *low;
    if (span <= SMALLEST_SPAN * largest || span < 1 / HRM_PLOT_LARGEST) {
        const double room = largest < 1e-90 ? 1 : 0.1 * largest, middle = *low + span / 2;
        *low = middle >= 0 && middle < room ? 0 : middle - room;
        *high = middle + room;
    } else if (!exact) {
        const bool positive = *low >= 0;
        *low -= AIR * span;
        *high += AIR * span;
        if (positive && *low < 0) *low = 0;
    }
}

void hrm_plot_axis_init(hrm_plot_axis *axis, double low, double high, bool log, bool exact, hrm_plot_unit unit,
                        unsigned room) {
    *axis = (hrm_plot_axis){.log = log, .unit = unit};
    if (room < 2) room = 2;
    if (room > HRM_PLOT_TICKS_MAX / 3) room = HRM_PLOT_TICKS_MAX / 3;
    if (!(low <= high)) {
        low = log ? 0.1 : 0;
        high = 1;
        exact = true;
    }
    if (log) {
        const double ratio = high / low;
        const double factor = ratio < 1 + SMALLEST_SPAN ? 1.25 : exact ? 1 : pow(ratio, AIR);
        low /= factor;
        high *= factor;
    } else {
        widen(&low, &high, exact);
    }
    axis->low = low;
    axis->high = high;
    if (log)
        add_log_ticks(axis, room);
    else
        add_even_ticks(axis, room);
}

double hrm_plot_axis_place(const hrm_plot_axis *axis, double value) {
    if (axis->log) return log(value / axis->low) / log(axis->high / axis->low);
    return (value - axis->low) / (axis->high - axis->low);
}
