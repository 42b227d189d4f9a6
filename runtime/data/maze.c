#include "data/maze.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char maze_charset[] = {HRM_MAZE_UNKNOWN, HRM_MAZE_WALL, HRM_MAZE_FREE,
                                    HRM_MAZE_START,   HRM_MAZE_GOAL, HRM_MAZE_PATH};

hrm_status hrm_maze_init(hrm_maze *maze, uint32_t width, uint32_t height) {
    *maze = (hrm_maze){0};
    if (width < 1 || height < 1 || width > HRM_MAZE_MAX_SIDE || height > HRM_MAZE_MAX_SIDE)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "a maze of %ux%u cells was asked for; sides must be 1 to %u", width,
                        height, HRM_MAZE_MAX_SIDE);
    size_t count = (size_t)width * height;
    char *cells = malloc(count);
    if (!cells) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for a maze of %ux%u cells", width, height);
    memset(cells, HRM_MAZE_WALL, count);
    *maze = (hrm_maze){.width = width, .height = height, .cells = cells};
    return HRM_OK;
}

void hrm_maze_deinit(hrm_maze *maze) {
    if (!maze) return;
    free(maze->cells);
    *maze = (hrm_maze){0};
}

void hrm_maze_set_deinit(hrm_maze_set *list) {
    if (!list) return;
    for (size_t i = 0; i < list->count; i++) hrm_maze_deinit(&list->mazes[i]);
    free(list->mazes);
    *list = (hrm_maze_set){0};
}

uint8_t hrm_maze_token(char cell) {
    for (uint8_t token = HRM_MAZE_TOKEN_WALL; token < HRM_MAZE_VOCAB_SIZE; token++)
        if (maze_charset[token] == cell) return token;
    return HRM_MAZE_TOKEN_PAD;
}

char hrm_maze_cell(uint32_t token) {
    return token < HRM_MAZE_VOCAB_SIZE ? maze_charset[token] : HRM_MAZE_UNKNOWN;
}

void hrm_maze_strip_path(char *cells, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (cells[i] == HRM_MAZE_PATH) cells[i] = HRM_MAZE_FREE;
}

size_t hrm_maze_count(const hrm_maze *maze, char cell) {
    size_t count = 0, cells = (size_t)maze->width * maze->height;
    for (size_t i = 0; i < cells; i++) count += maze->cells[i] == cell;
    return count;
}

size_t hrm_maze_text_size(const hrm_maze *maze) {
    return ((size_t)maze->width + 1) * maze->height;
}

void hrm_maze_write_text_into(const hrm_maze *maze, char *text) {
    for (uint32_t y = 0; y < maze->height; y++) {
        memcpy(text, maze->cells + (size_t)y * maze->width, maze->width);
        text += maze->width;
        *text++ = '\n';
    }
    *text = '\0';
}

hrm_status hrm_maze_write_tokens_into(const hrm_maze *maze, uint32_t grid_width, uint32_t grid_height,
                                      uint32_t *tokens) {
    if (maze->width > grid_width || maze->height > grid_height)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "the maze is %ux%u cells, larger than the grid of %ux%u: use a smaller maze, or a model "
                        "trained on larger ones",
                        maze->width, maze->height, grid_width, grid_height);
    for (uint32_t y = 0; y < grid_height; y++)
        for (uint32_t x = 0; x < grid_width; x++)
            tokens[(size_t)y * grid_width + x] = y < maze->height && x < maze->width
                                                     ? hrm_maze_token(maze->cells[(size_t)y * maze->width + x])
                                                     : HRM_MAZE_TOKEN_WALL;
    return HRM_OK;
}

void hrm_maze_cells_from_tokens(const uint32_t *tokens, uint32_t grid_width, uint32_t width, uint32_t height,
                                char *cells) {
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            cells[(size_t)y * width + x] = hrm_maze_cell(tokens[(size_t)y * grid_width + x]);
}

/* ---- text reader ---- */

typedef struct text_line {
    const char *bytes;
    size_t length; /* without LF or CR LF */
    size_t number; /* from 1 */
    bool blank;    /* empty, or spaces only */
} text_line;

typedef struct text_reader {
    const char *name;
    const char *next, *end;
    size_t line_number;
} text_reader;

/* Takes the next line; false at the end of the text. */
static bool reader_take_line(text_reader *reader, text_line *line) {
    if (reader->next == reader->end) return false;
    const char *start = reader->next;
    const char *feed = memchr(start, '\n', (size_t)(reader->end - start));
    size_t length = (size_t)((feed ? feed : reader->end) - start);
    reader->next = feed ? feed + 1 : reader->end;
    if (length > 0 && start[length - 1] == '\r') length--;
    size_t spaces = 0;
    while (spaces < length && start[spaces] == ' ') spaces++;
    *line = (text_line){.bytes = start, .length = length, .number = ++reader->line_number, .blank = spaces == length};
    return true;
}

/* The width of the maze that begins at the reader: the length of the first line with anything but spaces before the
 * next empty line; 0 when there is none. */
static size_t reader_find_width(text_reader reader) {
    text_line line;
    while (reader_take_line(&reader, &line) && line.length > 0)
        if (!line.blank) return line.length;
    return 0;
}

static hrm_status fail_unknown(const text_reader *reader, const text_line *line, size_t column) {
    unsigned char byte = (unsigned char)line->bytes[column];
    char shown[16];
    if (byte > ' ' && byte < 0x7f)
        snprintf(shown, sizeof shown, "'%c'", (char)byte);
    else
        snprintf(shown, sizeof shown, "byte 0x%02x", byte);
    return hrm_fail(HRM_ERR_FORMAT,
                    "%s:%zu:%zu: unknown character %s%s; a maze holds '#' wall, space or '.' free, 'S' "
                    "start, 'G' goal, 'o' path",
                    reader->name, line->number, column + 1, shown, byte == '\t' ? " (a tab)" : "");
}

/* Where the start and the goal of the maze being read were seen; line 0 is "not yet". */
typedef struct maze_marks {
    size_t line[2], column[2];
} maze_marks;

/* Checks one row and writes its cells. */
static hrm_status read_row(const text_reader *reader, const text_line *line, maze_marks *marks, char *cells) {
    for (size_t x = 0; x < line->length; x++) {
        char cell = line->bytes[x] == '.' ? HRM_MAZE_FREE : line->bytes[x];
        if (hrm_maze_token(cell) == HRM_MAZE_TOKEN_PAD) return fail_unknown(reader, line, x);
        if (cell == HRM_MAZE_START || cell == HRM_MAZE_GOAL) {
            int which = cell == HRM_MAZE_GOAL;
            if (marks->line[which])
                return hrm_fail(HRM_ERR_FORMAT,
                                "%s:%zu:%zu: a second %s '%c'; the first is in line %zu, column %zu (an empty line "
                                "separates mazes)",
                                reader->name, line->number, x + 1, which ? "goal" : "start", cell, marks->line[which],
                                marks->column[which]);
            marks->line[which] = line->number;
            marks->column[which] = x + 1;
        }
        cells[x] = cell;
    }
    return HRM_OK;
}

/* Reads the maze whose first row is the reader's next line; its width is known and > 0. The rows are counted on a copy
 * of the reader first, so the maze is allocated once. */
static hrm_status read_maze(text_reader *reader, size_t width, hrm_maze *maze) {
    hrm_status status;
    text_line line;
    text_reader probe = *reader;
    size_t height = 0, first = reader->line_number + 1;
    *maze = (hrm_maze){0};
    if (width > HRM_MAZE_MAX_SIDE)
        return hrm_fail(HRM_ERR_FORMAT, "%s:%zu:%u: the row is %zu characters long; a maze has at most %u columns",
                        reader->name, first, HRM_MAZE_MAX_SIDE + 1, width, HRM_MAZE_MAX_SIDE);
    while (reader_take_line(&probe, &line) && (line.blank ? line.length == width : true)) {
        if (line.length != width)
            return hrm_fail(HRM_ERR_FORMAT,
                            "%s:%zu:%zu: the row is %zu characters long, but this maze (from line %zu) "
                            "is %zu wide; write free cells at the end of a row as '.' where an editor strips spaces",
                            reader->name, line.number, (line.length < width ? line.length : width) + 1, line.length,
                            first, width);
        if (++height > HRM_MAZE_MAX_SIDE)
            return hrm_fail(HRM_ERR_FORMAT, "%s:%zu:1: row %zu of this maze; a maze has at most %u rows", reader->name,
                            line.number, height, HRM_MAZE_MAX_SIDE);
    }
    maze_marks marks = {0};
    HRM_TRY(hrm_maze_init(maze, (uint32_t)width, (uint32_t)height));
    for (size_t y = 0; y < height && reader_take_line(reader, &line); y++)
        HRM_TRY(read_row(reader, &line, &marks, maze->cells + y * width));
    for (int which = 0; which < 2; which++)
        if (!marks.line[which]) {
            status = hrm_fail(HRM_ERR_FORMAT, "%s:%zu:1: the maze of %zux%zu cells that begins here has no %s",
                              reader->name, first, width, height, which ? "goal 'G'" : "start 'S'");
            goto fail;
        }
    return HRM_OK;
fail:
    hrm_maze_deinit(maze);
    return status;
}

static hrm_status set_reserve_one(hrm_maze_set *list, size_t *capacity) {
    if (list->count < *capacity) return HRM_OK;
    size_t grown = *capacity ? *capacity * 2 : 16;
    hrm_maze *mazes = realloc(list->mazes, grown * sizeof *mazes);
    if (!mazes) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for %zu mazes", grown);
    list->mazes = mazes;
    *capacity = grown;
    return HRM_OK;
}

hrm_status hrm_maze_parse(const char *name, const char *text, size_t size, hrm_maze_set *out) {
    hrm_status status;
    hrm_maze_set list = {0};
    size_t capacity = 0;
    *out = list;
    if (size > HRM_MAZE_MAX_TEXT_BYTES)
        return hrm_fail(HRM_ERR_FORMAT, "%s:1:1: the text is %zu bytes long; at most %zu are read", name, size,
                        HRM_MAZE_MAX_TEXT_BYTES);
    if (size == 0) text = "";
    static const char byte_order_mark[3] = {'\xef', '\xbb', '\xbf'};
    size_t skip = size >= 3 && memcmp(text, byte_order_mark, 3) == 0 ? 3 : 0;
    text_reader reader = {.name = name, .next = text + skip, .end = text + size}, after = reader;
    bool width_known = false; /* looked up once for a run of lines, so that reading stays linear */
    size_t width = 0;
    for (text_line line; reader_take_line(&after, &line); reader = after) {
        if (line.length == 0) {
            width_known = false;
            continue;
        }
        if (!width_known) width = reader_find_width(reader);
        width_known = true;
        if (line.blank && line.length != width) continue;
        HRM_TRY(set_reserve_one(&list, &capacity));
        HRM_TRY(read_maze(&reader, width, &list.mazes[list.count]));
        list.count++;
        after = reader;
        width_known = false;
    }
    if (list.count == 0) {
        status =
            hrm_fail(HRM_ERR_FORMAT, "%s:1:1: no maze found; the text is %s", name, size == skip ? "empty" : "blank");
        goto fail;
    }
    *out = list;
    return HRM_OK;
fail:
    hrm_maze_set_deinit(&list);
    return status;
}
