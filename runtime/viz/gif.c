#include "viz/gif.h"

#include "base/file_write.h"
#include "viz/byte_buffer.h"

#include <gif_lib.h>
#include <stdlib.h>
#include <string.h>

#define COLORS 256u
#define TABLE_SLOTS 65536u /* distinct colours told apart while choosing the palette; pictures have a few thousand */

typedef struct color_entry {
    uint32_t rgb;   /* 0xRRGGBB */
    uint32_t count; /* pixels; 0 is an empty slot */
    uint8_t index;  /* in the palette */
} color_entry;

struct hrm_gif {
    uint32_t width, height, frames;
    GifFileType *file;
    hrm_byte_buffer buffer;
    uint8_t *previous;  /* [height, width, 4] the frame before */
    uint8_t *row;       /* [width] palette indices */
    color_entry *table; /* [TABLE_SLOTS] */
    uint32_t used_slots;
};

static int append(GifFileType *file, const GifByteType *bytes, int size) {
    hrm_gif *gif = file->UserData;
    return hrm_byte_buffer_append(&gif->buffer, bytes, (size_t)size) ? size : 0;
}

static hrm_status fail_encoding(hrm_gif *gif) {
    return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory to encode frame %u of an animation of %ux%u pixels",
                    gif->frames + 1, gif->width, gif->height);
}

hrm_status hrm_gif_create(uint32_t width, uint32_t height, hrm_gif **out) {
    hrm_status status;
    *out = NULL;
    if (width < 1 || height < 1 || width > 65535 || height > 65535)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "an animation of %ux%u pixels was asked for; sides must be 1 to 65535", width, height);
    hrm_gif *gif = calloc(1, sizeof *gif);
    if (!gif) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for an animation");
    gif->width = width;
    gif->height = height;
    gif->previous = malloc((size_t)width * height * 4);
    gif->row = malloc(width);
    gif->table = malloc(TABLE_SLOTS * sizeof *gif->table);
    int error = 0;
    if (gif->previous && gif->row && gif->table) gif->file = EGifOpen(gif, append, &error);
    /* NETSCAPE2.0, sub-block 1, 0 repetitions: for ever. */
    static const unsigned char repeat[3] = {1, 0, 0};
    if (gif->file) EGifSetGifVersion(gif->file, true);
    if (!gif->file || EGifPutScreenDesc(gif->file, (int)width, (int)height, 8, 0, NULL) != GIF_OK ||
        EGifPutExtensionLeader(gif->file, APPLICATION_EXT_FUNC_CODE) != GIF_OK ||
        EGifPutExtensionBlock(gif->file, 11, "NETSCAPE2.0") != GIF_OK ||
        EGifPutExtensionBlock(gif->file, sizeof repeat, repeat) != GIF_OK ||
        EGifPutExtensionTrailer(gif->file) != GIF_OK) {
        status = fail_encoding(gif);
        goto fail;
    }
    *out = gif;
    return HRM_OK;
fail:
    hrm_gif_destroy(gif);
    return status;
}

void hrm_gif_destroy(hrm_gif *gif) {
    if (!gif) return;
    int error;
    if (gif->file) EGifCloseFile(gif->file, &error);
    free(gif->buffer.bytes);
    free(gif->previous);
    free(gif->row);
    free(gif->table);
    free(gif);
}

typedef struct changed_rect {
    uint32_t x0, y0, x1, y1;
} changed_rect;

/* The smallest rectangle that holds every pixel that differs from the frame before: everything for the first frame, one
 * pixel when nothing changed. */
static changed_rect find_change(const hrm_gif *gif, const hrm_canvas *frame) {
    if (gif->frames == 0) return (changed_rect){0, 0, gif->width, gif->height};
    changed_rect rect = {gif->width, gif->height, 0, 0};
    for (uint32_t y = 0; y < gif->height; y++)
        for (uint32_t x = 0; x < gif->width; x++) {
            size_t at = ((size_t)y * gif->width + x) * 4;
            if (memcmp(gif->previous + at, frame->pixels + at, 3) == 0) continue;
            if (x < rect.x0) rect.x0 = x;
            if (x >= rect.x1) rect.x1 = x + 1;
            if (y < rect.y0) rect.y0 = y;
            rect.y1 = y + 1;
        }
    return rect.x0 < rect.x1 ? rect : (changed_rect){0, 0, 1, 1};
}

static uint32_t rgb_at(const hrm_canvas *frame, uint32_t x, uint32_t y) {
    hrm_color c = hrm_canvas_get(frame, x, y);
    return (uint32_t)c.r << 16 | (uint32_t)c.g << 8 | c.b;
}

/* The slot of a colour, taken if it is new; NULL when the table is full. */
static color_entry *find_color(hrm_gif *gif, uint32_t rgb) {
    uint32_t slot = rgb * UINT32_C(2654435761) >> 16; /* the top 16 bits: TABLE_SLOTS values */
    while (gif->table[slot].count && gif->table[slot].rgb != rgb) slot = (slot + 1) % TABLE_SLOTS;
    color_entry *entry = &gif->table[slot];
    if (entry->count == 0) {
        if (gif->used_slots >= TABLE_SLOTS / 2) return NULL;
        gif->used_slots++;
        *entry = (color_entry){.rgb = rgb};
    }
    return entry;
}

static int by_count(const void *a, const void *b) {
    const color_entry *left = a, *right = b;
    if (left->count != right->count) return left->count < right->count ? 1 : -1;
    return left->rgb < right->rgb ? -1 : left->rgb > right->rgb;
}

static int squared_distance(uint32_t rgb, const GifColorType *color) {
    int r = (int)(rgb >> 16) - color->Red, g = (int)(rgb >> 8 & 255) - color->Green, b = (int)(rgb & 255) - color->Blue;
    return 2 * r * r + 4 * g * g + 3 * b * b;
}

static uint8_t nearest(const GifColorType *palette, uint32_t count, uint32_t rgb) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < count; i++)
        if (squared_distance(rgb, &palette[i]) < squared_distance(rgb, &palette[best])) best = i;
    return (uint8_t)best;
}

/* Counts the colours of the rectangle and makes its most frequent ones the palette; returns their number, 0 without
 * memory. Every colour in the table then knows its index. */
static uint32_t choose_palette(hrm_gif *gif, const hrm_canvas *frame, changed_rect rect, GifColorType palette[COLORS]) {
    memset(gif->table, 0, TABLE_SLOTS * sizeof *gif->table);
    gif->used_slots = 0;
    for (uint32_t y = rect.y0; y < rect.y1; y++)
        for (uint32_t x = rect.x0; x < rect.x1; x++) {
            color_entry *entry = find_color(gif, rgb_at(frame, x, y));
            if (entry) entry->count++;
        }
    color_entry *sorted = malloc(gif->used_slots * sizeof *sorted);
    if (!sorted) return 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < TABLE_SLOTS; i++)
        if (gif->table[i].count) sorted[count++] = gif->table[i];
    qsort(sorted, count, sizeof *sorted, by_count);
    if (count > COLORS) count = COLORS;
    for (uint32_t i = 0; i < count; i++)
        palette[i] = (GifColorType){.Red = (GifByteType)(sorted[i].rgb >> 16),
                                    .Green = (GifByteType)(sorted[i].rgb >> 8 & 255),
                                    .Blue = (GifByteType)(sorted[i].rgb & 255)};
    free(sorted);
    for (uint32_t i = 0; i < TABLE_SLOTS; i++)
        if (gif->table[i].count) gif->table[i].index = nearest(palette, count, gif->table[i].rgb);
    return count;
}

static bool put_control(hrm_gif *gif, uint32_t delay_ms) {
    uint32_t hundredths = delay_ms / 10 < 2 ? 2 : delay_ms / 10 > 65535 ? 65535 : delay_ms / 10;
    GraphicsControlBlock control = {
        .DisposalMode = DISPOSE_DO_NOT, .DelayTime = (int)hundredths, .TransparentColor = NO_TRANSPARENT_COLOR};
    GifByteType bytes[4];
    size_t size = EGifGCBToExtension(&control, bytes);
    return EGifPutExtension(gif->file, GRAPHICS_EXT_FUNC_CODE, (int)size, bytes) == GIF_OK;
}

hrm_status hrm_gif_add(hrm_gif *gif, const hrm_canvas *frame, uint32_t delay_ms) {
    if (frame->width != gif->width || frame->height != gif->height || !gif->file)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "a frame of %ux%u pixels was added to %s of %ux%u", frame->width,
                        frame->height, gif->file ? "an animation" : "a finished animation", gif->width, gif->height);
    changed_rect rect = find_change(gif, frame);
    GifColorType palette[COLORS] = {{0, 0, 0}};
    uint32_t colors = choose_palette(gif, frame, rect, palette), map_size = 2;
    while (map_size < colors) map_size *= 2;
    ColorMapObject *map = colors ? GifMakeMapObject((int)map_size, palette) : NULL;
    int width = (int)(rect.x1 - rect.x0), height = (int)(rect.y1 - rect.y0);
    bool encoded = map && put_control(gif, delay_ms) &&
                   EGifPutImageDesc(gif->file, (int)rect.x0, (int)rect.y0, width, height, false, map) == GIF_OK;
    GifFreeMapObject(map);
    for (uint32_t y = rect.y0; encoded && y < rect.y1; y++) {
        for (uint32_t x = rect.x0; x < rect.x1; x++) {
            uint32_t rgb = rgb_at(frame, x, y);
            const color_entry *entry = find_color(gif, rgb);
            gif->row[x - rect.x0] = entry && entry->count ? entry->index : nearest(palette, colors, rgb);
        }
        encoded = EGifPutLine(gif->file, gif->row, width) == GIF_OK;
    }
    if (!encoded || gif->buffer.failed) return fail_encoding(gif);
    memcpy(gif->previous, frame->pixels, (size_t)gif->width * gif->height * 4);
    gif->frames++;
    return HRM_OK;
}

hrm_status hrm_gif_finish(hrm_gif *gif, const char *path) {
    if (gif->frames == 0 || !gif->file)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "%s: the animation %s", path,
                        gif->frames ? "was finished already" : "has no frames");
    int error, closed = EGifCloseFile(gif->file, &error);
    gif->file = NULL;
    if (closed != GIF_OK || gif->buffer.failed) return fail_encoding(gif);
    return hrm_file_write_all(path, gif->buffer.bytes, gif->buffer.size);
}
