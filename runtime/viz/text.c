#include "viz/text.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define CAP_UNITS 14.0f /* cap height of the glyph grid */
#define GAP_UNITS 4.5f  /* between two glyphs */
#define FLAT_STEPS 6    /* line pieces per curve piece */

/* One glyph: its width and its strokes on a grid of units. A stroke is a run of points of two characters: x from
 * '0'..'9', then 'A'..'E' for 10..14; y from 'a' for -4 (below the baseline) over 'e' for 0 (the baseline), 'o' for 10
 * (the height of an x), 's' for 14 (the height of an H) to 'u' for 16. Strokes are separated by spaces. A stroke that
 * starts with '~' is a quadratic B-spline through the midpoints of its control points, with '@' a closed one. */
typedef struct glyph {
    uint8_t width;
    const char *strokes;
} glyph;

static const glyph glyphs[95] = {
    {2, ""},                                 /* space */
    {0, "0s0i 0e"},                          /* ! */
    {3, "0s0p 3s3p"},                        /* " */
    {9, "2e4s 6e8s 0i8i 1n9n"},              /* # */
    {8, "~8q6s0s0l8l8e2e0g 4u4c"},           /* $ */
    {10, "0eAs @0s4s4m0m @6kAkAe6e"},        /* % */
    {9, "~9e1n1s6s6n0j0e6e9j"},              /* & */
    {0, "0s0p"},                             /* ' */
    {3, "~3u0o0g3b"},                        /* ( */
    {3, "~0u3o3g0b"},                        /* ) */
    {6, "3s3k 0q6m 6q0m"},                   /* * */
    {8, "0k8k 4g4o"},                        /* + */
    {1, "1e0b"},                             /* , */
    {5, "0j5j"},                             /* - */
    {0, "0e"},                               /* . */
    {6, "0c6t"},                             /* / */
    {8, "@0s8s8e0e"},                        /* 0 */
    {8, "2p5s5e"},                           /* 1 */
    {8, "~0p0s8s8l0e 0e8e"},                 /* 2 */
    {8, "~0q1s8s8l3l ~3l8l8e1e0g"},          /* 3 */
    {8, "6e6s0i8i"},                         /* 4 */
    {8, "7s1s0l ~0l2n8n8e1e0g"},             /* 5 */
    {8, "@0n8n8e0e ~0j0r6s"},                /* 6 */
    {8, "0s8s3e"},                           /* 7 */
    {8, "@1s7s7l1l @0l8l8e0e"},              /* 8 */
    {8, "@0s8s8j0j ~8n8f2e"},                /* 9 */
    {0, "0e 0m"},                            /* : */
    {1, "1m 1e0b"},                          /* ; */
    {7, "7p0k7f"},                           /* < */
    {8, "0i8i 0m8m"},                        /* = */
    {7, "0p7k0f"},                           /* > */
    {6, "~0q1s6s6l3k3h 3e"},                 /* ? */
    {12, "~8o8iCiCs0s0c9c @4n8n8i4i"},       /* @ */
    {10, "0e5sAe 2j8j"},                     /* A */
    {8, "0e0s ~0s4s7s7l4l0l ~0l4l8l8e4e0e"}, /* B */
    {9, "~9q7s0s0e7e9g"},                    /* C */
    {9, "0e0s ~0s4s9s9e4e0e"},               /* D */
    {8, "8s0s0e8e 0l6l"},                    /* E */
    {8, "8s0s0e 0l6l"},                      /* F */
    {9, "~9q7s0s0e9e9l 9l5l"},               /* G */
    {9, "0e0s 9e9s 0l9l"},                   /* H */
    {0, "0e0s"},                             /* I */
    {6, "~6s6l6e0e0i"},                      /* J */
    {8, "0e0s 8s0j 2l8e"},                   /* K */
    {7, "0s0e7e"},                           /* L */
    {10, "0e0s5iAsAe"},                      /* M */
    {9, "0e0s9e9s"},                         /* N */
    {10, "@0sAsAe0e"},                       /* O */
    {8, "0e0s ~0s4s8s8k4k0k"},               /* P */
    {10, "@0sAsAe0e 6iAd"},                  /* Q */
    {8, "0e0s ~0s4s8s8k4k0k 4k8e"},          /* R */
    {8, "~8q6s0s0l8l8e2e0g"},                /* S */
    {8, "0s8s 4e4s"},                        /* T */
    {9, "~0s0l0e9e9l9s"},                    /* U */
    {10, "0s5eAs"},                          /* V */
    {14, "0s3e7sBeEs"},                      /* W */
    {9, "0e9s 0s9e"},                        /* X */
    {8, "0s4l8s 4l4e"},                      /* Y */
    {8, "0s8s0e8e"},                         /* Z */
    {3, "3u0u0b3b"},                         /* [ */
    {6, "0t6c"},                             /* \ */
    {3, "0u3u3b0b"},                         /* ] */
    {6, "0n3s6n"},                           /* ^ */
    {7, "0c7c"},                             /* _ */
    {2, "0s2p"},                             /* ` */
    {7, "@0o7o7e0e 7o7e"},                   /* a */
    {7, "0s0e @0o7o7e0e"},                   /* b */
    {7, "~7m5o0o0e5e7g"},                    /* c */
    {7, "7s7e @0o7o7e0e"},                   /* d */
    {7, "0j7j ~7j7o0o0e5e7g"},               /* e */
    {5, "~5s2s2o2e 0o5o"},                   /* f */
    {7, "@0o7o7e0e ~7o7f7a1a0b"},            /* g */
    {7, "0s0e ~0k0o7o7i7e"},                 /* h */
    {0, "0o0e 0s"},                          /* i */
    {2, "~2o2f2a0a 2s"},                     /* j */
    {6, "0s0e 6o0i 2k6e"},                   /* k */
    {2, "~0s0g0e2e"},                        /* l */
    {12, "0o0e ~0k0o6o6i6e ~6k6oCoCiCe"},    /* m */
    {7, "0o0e ~0k0o7o7i7e"},                 /* n */
    {8, "@0o8o8e0e"},                        /* o */
    {7, "0o0a @0o7o7e0e"},                   /* p */
    {7, "7o7a @0o7o7e0e"},                   /* q */
    {4, "0o0e ~0j0o4o"},                     /* r */
    {6, "~6n5o0o0j6j6e1e0f"},                /* s */
    {5, "~2r2j2e5e 0o5o"},                   /* t */
    {7, "~0o0i0e7e7i 7o7e"},                 /* u */
    {8, "0o4e8o"},                           /* v */
    {12, "0o3e6o9eCo"},                      /* w */
    {7, "0o7e 7o0e"},                        /* x */
    {8, "0o4e 8o2a"},                        /* y */
    {7, "0o7o0e7e"},                         /* z */
    {4, "~4u2u2l0k ~0k2j2b4b"},              /* { */
    {0, "0t0b"},                             /* | */
    {4, "~0u2u2l4k ~4k2j2b0b"},              /* } */
    {8, "~0j2n6h8l"},                        /* ~ */
};
static const glyph unknown_glyph = {7, "0e0s7s7e0e"};

/* Takes one character of UTF-8 text. */
static const glyph *take_glyph(const char **text) {
    unsigned char byte = (unsigned char)*(*text)++;
    if (byte >= 32 && byte < 127) return &glyphs[byte - 32];
    while (((unsigned char)**text & 0xc0) == 0x80) (*text)++;
    return &unknown_glyph;
}

static float weight_of(const hrm_text_style *style) {
    return style->cap_height * (style->weight > 0 ? style->weight : 0.125f);
}

float hrm_text_width(const hrm_text_style *style, const char *text) {
    float units = 0;
    if (!*text) return 0;
    while (*text) units += (float)take_glyph(&text)->width + GAP_UNITS;
    return (units - GAP_UNITS) * style->cap_height / CAP_UNITS + weight_of(style);
}

/* Where grid point (0, 0) lies, how large a unit is and where the text runs. */
typedef struct glyph_frame {
    float x, baseline, unit, thickness;
    bool upwards;
} glyph_frame;

static hrm_point place(const glyph_frame *frame, const char *code) {
    float x = (float)(code[0] <= '9' ? code[0] - '0' : code[0] - 'A' + 10), y = (float)(code[1] - 'e');
    if (frame->upwards) return (hrm_point){frame->x - y * frame->unit, frame->baseline - x * frame->unit};
    return (hrm_point){frame->x + x * frame->unit, frame->baseline - y * frame->unit};
}

static hrm_point between(hrm_point a, hrm_point b) {
    return (hrm_point){(a.x + b.x) / 2, (a.y + b.y) / 2};
}

/* Adds the quadratic Bezier curve from a over control point c to b. */
static void add_curve(hrm_canvas *canvas, hrm_point a, hrm_point c, hrm_point b, float thickness) {
    hrm_point last = a;
    for (int i = 1; i <= FLAT_STEPS; i++) {
        float t = (float)i / FLAT_STEPS, u = 1 - t;
        hrm_point next = {u * u * a.x + 2 * u * t * c.x + t * t * b.x, u * u * a.y + 2 * u * t * c.y + t * t * b.y};
        hrm_canvas_layer_segment(canvas, last, next, thickness);
        last = next;
    }
}

/* Adds one stroke of `count` points; kind is '~', '@' or 0. */
static void add_stroke(hrm_canvas *canvas, const glyph_frame *frame, char kind, const char *codes, size_t count) {
    hrm_point first = place(frame, codes), last = first;
    if (count == 1) hrm_canvas_layer_segment(canvas, first, first, frame->thickness * 1.25f);
    if (kind == 0) {
        for (size_t i = 1; i < count; i++) {
            hrm_point next = place(frame, codes + 2 * i);
            hrm_canvas_layer_segment(canvas, last, next, frame->thickness);
            last = next;
        }
        return;
    }
    bool closed = kind == '@';
    if (closed) last = between(first, place(frame, codes + 2 * (count - 1)));
    for (size_t i = closed ? 0 : 1; i + 1 < count + closed; i++) {
        hrm_point control = place(frame, codes + 2 * i), after = place(frame, codes + 2 * ((i + 1) % count));
        hrm_point end = !closed && i + 2 == count ? after : between(control, after);
        add_curve(canvas, last, control, end, frame->thickness);
        last = end;
    }
}

static void add_glyph(hrm_canvas *canvas, const glyph_frame *frame, const glyph *shape) {
    for (const char *stroke = shape->strokes; *stroke;) {
        char kind = *stroke == '~' || *stroke == '@' ? *stroke++ : 0;
        size_t length = strcspn(stroke, " ");
        add_stroke(canvas, frame, kind, stroke, length / 2);
        stroke += length + (stroke[length] == ' ');
    }
}

/* Draws from the frame's place on. */
static void draw_text(hrm_canvas *canvas, glyph_frame *frame, hrm_color color, const char *text) {
    while (*text) {
        const glyph *shape = take_glyph(&text);
        add_glyph(canvas, frame, shape);
        float step = ((float)shape->width + GAP_UNITS) * frame->unit;
        if (frame->upwards)
            frame->baseline -= step;
        else
            frame->x += step;
    }
    hrm_canvas_layer_paint(canvas, color);
}

float hrm_text_draw(hrm_canvas *canvas, float x, float baseline, const hrm_text_style *style, const char *text) {
    glyph_frame frame = {.baseline = baseline, .unit = style->cap_height / CAP_UNITS, .thickness = weight_of(style)};
    frame.x = x + frame.thickness / 2;
    draw_text(canvas, &frame, style->color, text);
    return hrm_text_width(style, text);
}

void hrm_text_draw_upwards(hrm_canvas *canvas, float baseline, float y, const hrm_text_style *style, const char *text) {
    glyph_frame frame = {
        .x = baseline, .unit = style->cap_height / CAP_UNITS, .thickness = weight_of(style), .upwards = true};
    frame.baseline = y - frame.thickness / 2;
    draw_text(canvas, &frame, style->color, text);
}

void hrm_text_draw_centered(hrm_canvas *canvas, hrm_point center, const hrm_text_style *style, char character) {
    const char text[2] = {character, '\0'}, *cursor = text;
    const glyph *shape = take_glyph(&cursor);
    glyph_frame frame = {.unit = style->cap_height / CAP_UNITS, .thickness = weight_of(style)};
    frame.x = center.x - (float)shape->width * frame.unit / 2;
    frame.baseline = center.y + style->cap_height / 2;
    add_glyph(canvas, &frame, shape);
    hrm_canvas_layer_paint(canvas, style->color);
}

void hrm_text_fit_into(const hrm_text_style *style, const char *text, float max_width, char *out, size_t out_size) {
    size_t length = strlen(text);
    if (out_size < 4) {
        if (out_size) *out = '\0';
        return;
    }
    bool whole = length < out_size;
    if (!whole) length = out_size - 4;
    memcpy(out, text, length);
    memcpy(out + length, whole ? "" : "...", whole ? 1 : 4);
    while (length > 0 && hrm_text_width(style, out) > max_width) {
        do length--;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80);
        if (length + 4 > out_size) continue;
        memcpy(out + length, "...", 4);
    }
}
