#include "data/puzzle_columns.h"
#include "data/sudoku.h"
#include "io/csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELLS HRM_SUDOKU_MAX_CELLS

void hrm_sudoku_set_deinit(hrm_sudoku_set *set) {
    if (!set) return;
    free(set->boards);
    *set = (hrm_sudoku_set){0};
}

typedef struct text_line {
    const char *bytes;
    size_t length; /* without LF or CR LF */
    size_t number; /* from 1 */
} text_line;

typedef struct text_reader {
    const char *name;
    const char *next, *end;
    size_t line_number;
    hrm_sudoku_set set;
    size_t capacity;
} text_reader;

/* Takes the next line; false at the end of the text. */
static bool take_line(text_reader *reader, text_line *line) {
    if (reader->next == reader->end) return false;
    const char *start = reader->next;
    const char *feed = memchr(start, '\n', (size_t)(reader->end - start));
    size_t length = (size_t)((feed ? feed : reader->end) - start);
    reader->next = feed ? feed + 1 : reader->end;
    if (length > 0 && start[length - 1] == '\r') length--;
    *line = (text_line){.bytes = start, .length = length, .number = ++reader->line_number};
    return true;
}

/* True when every byte of the line is one of `set`. */
static bool holds_only(const text_line *line, const char *set) {
    for (size_t i = 0; i < line->length; i++)
        if (line->bytes[i] == '\0' || !strchr(set, line->bytes[i])) return false;
    return true;
}

static bool is_comment(const text_line *line) {
    return line->length > 0 && line->bytes[0] == '#';
}

static bool is_blank(const text_line *line) {
    return holds_only(line, " \t");
}

static hrm_status add_board(text_reader *reader, const hrm_sudoku_board *board) {
    if (reader->set.count == reader->capacity) {
        size_t grown = reader->capacity ? reader->capacity * 2 : 16;
        hrm_sudoku_board *boards = realloc(reader->set.boards, grown * sizeof *boards);
        if (!boards) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for %zu Sudokus", grown);
        reader->set.boards = boards;
        reader->capacity = grown;
    }
    reader->set.boards[reader->set.count++] = *board;
    return HRM_OK;
}

/* ---- cells ---- */

/* The cells of a line or field, and the column (from 1) of each. */
typedef struct cell_run {
    uint8_t cells[CELLS];
    size_t columns[CELLS];
    size_t count; /* may be larger than what is kept */
} cell_run;

static hrm_status fail_unknown(const text_reader *reader, const text_line *line, const char *at) {
    unsigned char byte = (unsigned char)*at;
    char shown[16];
    if (byte > ' ' && byte < 0x7f)
        snprintf(shown, sizeof shown, "'%c'", (char)byte);
    else
        snprintf(shown, sizeof shown, "byte 0x%02x", byte);
    return hrm_fail(HRM_ERR_FORMAT,
                    "%s:%zu:%zu: unknown character %s; a Sudoku holds '.' or '0' for a blank, digits, and between them "
                    "spaces, '|', or lines of '-' and '+'",
                    reader->name, line->number, (size_t)(at - line->bytes) + 1, shown);
}

static hrm_status scan_cells(const text_reader *reader, const text_line *line, hrm_csv_field field, cell_run *run) {
    run->count = 0;
    for (size_t i = 0; i < field.size; i++) {
        char c = field.data[i];
        if (c == ' ' || c == '\t' || c == '|') continue;
        if (c != '.' && (c < '0' || c > '9')) return fail_unknown(reader, line, field.data + i);
        if (run->count < CELLS) {
            run->cells[run->count] = c == '.' ? HRM_SUDOKU_BLANK : (uint8_t)(c - '0');
            run->columns[run->count] = (size_t)(field.data + i - line->bytes) + 1;
        }
        run->count++;
    }
    return HRM_OK;
}

/* Copies the cells of a run after checking its digits; run->count is at most CELLS. */
static hrm_status take_cells(const text_reader *reader, const text_line *line, uint32_t side, const cell_run *run,
                             uint8_t *cells) {
    for (size_t i = 0; i < run->count; i++) {
        if (run->cells[i] > side)
            return hrm_fail(HRM_ERR_FORMAT, "%s:%zu:%zu: digit %u in a Sudoku of side %u, which has the digits 1 to %u",
                            reader->name, line->number, run->columns[i], run->cells[i], side, side);
        cells[i] = run->cells[i];
    }
    return HRM_OK;
}

/* ---- plain forms ---- */

/* The grid being read; rows is 0 between grids. */
typedef struct open_grid {
    hrm_sudoku_board board;
    uint32_t rows;
} open_grid;

/* Ends the grid, if there is one; `where` is the line after it. */
static hrm_status close_grid(text_reader *reader, open_grid *grid, size_t where) {
    if (grid->rows == 0) return HRM_OK;
    if (grid->rows < grid->board.shape.side)
        return hrm_fail(HRM_ERR_FORMAT,
                        "%s:%zu:1: the Sudoku from line %zu ends after %u rows of %u; it needs as many rows as columns "
                        "(an empty line ends a Sudoku)",
                        reader->name, where, grid->board.line, grid->rows, grid->board.shape.side);
    grid->rows = 0;
    return add_board(reader, &grid->board);
}

static hrm_status read_grid_row(const text_reader *reader, open_grid *grid, const text_line *line,
                                hrm_sudoku_shape shape, const cell_run *run) {
    if (grid->rows == 0) {
        grid->board = (hrm_sudoku_board){.shape = shape, .line = line->number};
    } else if (grid->board.shape.side != shape.side) {
        return hrm_fail(HRM_ERR_FORMAT,
                        "%s:%zu:%zu: the row has %zu cells, but this Sudoku (from line %zu) has rows of %u",
                        reader->name, line->number, run->columns[run->count - 1], run->count, grid->board.line,
                        grid->board.shape.side);
    } else if (grid->rows == shape.side) {
        return hrm_fail(HRM_ERR_FORMAT,
                        "%s:%zu:%zu: row %u of a Sudoku of side %u (from line %zu); an empty line separates Sudokus",
                        reader->name, line->number, run->columns[0], shape.side + 1, shape.side, grid->board.line);
    }
    return take_cells(reader, line, shape.side, run, grid->board.cells + (size_t)grid->rows++ * shape.side);
}

static hrm_status read_plain_line(text_reader *reader, open_grid *grid, const text_line *line) {
    hrm_status status;
    hrm_sudoku_shape shape;
    cell_run run = {.count = 0};
    HRM_TRY(scan_cells(reader, line, (hrm_csv_field){line->bytes, line->length}, &run));
    if (run.count <= HRM_SUDOKU_MAX_SIDE && hrm_sudoku_shape_from_cells(run.count * run.count, &shape))
        return read_grid_row(reader, grid, line, shape, &run);
    if (grid->rows > 0 && grid->rows < grid->board.shape.side) {
        return hrm_fail(
            HRM_ERR_FORMAT, "%s:%zu:%zu: the row has %zu cells, but this Sudoku (from line %zu) has rows of %u",
            reader->name, line->number, run.columns[0], run.count, grid->board.line, grid->board.shape.side);
    }
    if (!hrm_sudoku_shape_from_cells(run.count, &shape))
        return hrm_fail(HRM_ERR_FORMAT,
                        "%s:%zu:%zu: the line has %zu cells; a Sudoku is one line of 16, 36, 64 or 81 cells, or lines "
                        "of 4, 6, 8 or 9 cells each",
                        reader->name, line->number, run.columns[0], run.count);
    HRM_TRY(close_grid(reader, grid, line->number));
    hrm_sudoku_board board = {.shape = shape, .line = line->number};
    HRM_TRY(take_cells(reader, line, shape.side, &run, board.cells));
    return add_board(reader, &board);
fail:
    return status;
}

static hrm_status read_plain(text_reader *reader) {
    hrm_status status;
    open_grid grid = {.rows = 0};
    for (text_line line; take_line(reader, &line);) {
        if (is_comment(&line)) continue;
        if (is_blank(&line))
            HRM_TRY(close_grid(reader, &grid, line.number));
        else if (!holds_only(&line, "-+=| \t"))
            HRM_TRY(read_plain_line(reader, &grid, &line));
    }
    return close_grid(reader, &grid, reader->line_number + 1);
fail:
    return status;
}

/* ---- CSV ---- */

#define NOT_FOUND SIZE_MAX

/* Takes the field that begins at *at and moves *at behind it and its comma; *more is false for the last one. Quotes
 * around a field are taken off; a doubled one inside stays doubled, which no field we use may hold. */
static hrm_status take_field(const text_reader *reader, const text_line *line, size_t *at, hrm_csv_field *field,
                             bool *more) {
    const char *end = line->bytes + line->length, *start = line->bytes + *at, *stop;
    if (start < end && *start == '"') {
        stop = ++start;
        while (stop < end && (*stop != '"' || (stop + 1 < end && stop[1] == '"'))) stop += *stop == '"' ? 2 : 1;
        if (stop >= end)
            return hrm_fail(HRM_ERR_FORMAT, "%s:%zu:%zu: the quote that opens here is not closed on its line",
                            reader->name, line->number, *at + 1);
        *field = (hrm_csv_field){start, (size_t)(stop - start)};
        stop++;
        if (stop < end && *stop != ',')
            return hrm_fail(HRM_ERR_FORMAT, "%s:%zu:%zu: after a closing quote comes a comma or the end of the line",
                            reader->name, line->number, (size_t)(stop - line->bytes) + 1);
    } else {
        stop = start < end ? memchr(start, ',', (size_t)(end - start)) : NULL;
        if (!stop) stop = end;
        *field = (hrm_csv_field){start, (size_t)(stop - start)};
    }
    *more = stop < end;
    *at = (size_t)(stop - line->bytes) + (*more ? 1 : 0);
    return HRM_OK;
}

typedef struct csv_columns {
    size_t question, answer; /* numbers of the columns, or NOT_FOUND */
    size_t count;
} csv_columns;

static hrm_status read_csv_header(const text_reader *reader, const text_line *line, csv_columns *columns) {
    hrm_status status;
    bool more = true;
    *columns = (csv_columns){NOT_FOUND, NOT_FOUND, 0};
    for (size_t at = 0, number = 0; more; number++, columns->count++) {
        hrm_csv_field field = {0};
        size_t column = at + 1;
        HRM_TRY(take_field(reader, line, &at, &field, &more));
        size_t *found = hrm_csv_field_is_named(field, HRM_PUZZLE_COLUMNS_QUESTION) ? &columns->question
                        : hrm_csv_field_is_named(field, HRM_PUZZLE_COLUMNS_ANSWER) ? &columns->answer
                                                                                   : NULL;
        if (!found) continue;
        if (*found != NOT_FOUND)
            return hrm_fail(HRM_ERR_FORMAT, "%s:%zu:%zu: a second %s column, '%.*s'; one is needed", reader->name,
                            line->number, column, found == &columns->question ? "question" : "answer",
                            field.size < 32 ? (int)field.size : 32, field.data);
        *found = number;
    }
    if (columns->question == NOT_FOUND)
        return hrm_fail(HRM_ERR_FORMAT,
                        "%s:%zu:1: no column is named " HRM_PUZZLE_COLUMNS_QUESTION
                        " in the header '%.*s'; a file with commas is read as CSV",
                        reader->name, line->number, line->length < 200 ? (int)line->length : 200, line->bytes);
    return HRM_OK;
fail:
    return status;
}

static hrm_status take_answer(const text_reader *reader, const text_line *line, hrm_csv_field field,
                              hrm_sudoku_board *board) {
    hrm_status status;
    cell_run run;
    size_t want = hrm_sudoku_cell_count(board->shape), column = (size_t)(field.data - line->bytes) + 1;
    if (is_blank(&(text_line){.bytes = field.data, .length = field.size})) return HRM_OK;
    HRM_TRY(scan_cells(reader, line, field, &run));
    if (run.count != want)
        return hrm_fail(HRM_ERR_FORMAT, "%s:%zu:%zu: the answer has %zu cells, its question %zu", reader->name,
                        line->number, column, run.count, want);
    for (size_t i = 0; i < run.count; i++)
        if (run.cells[i] == HRM_SUDOKU_BLANK)
            return hrm_fail(HRM_ERR_FORMAT, "%s:%zu:%zu: the answer has a blank; leave it empty where it is not known",
                            reader->name, line->number, run.columns[i]);
    board->has_answer = true;
    return take_cells(reader, line, board->shape.side, &run, board->answer);
fail:
    return status;
}

static hrm_status read_csv_line(text_reader *reader, const text_line *line, csv_columns columns) {
    hrm_status status;
    bool more = true;
    hrm_csv_field question = {0}, answer = {line->bytes, 0};
    size_t at = 0, number = 0;
    for (; more; number++) {
        hrm_csv_field field = {0};
        HRM_TRY(take_field(reader, line, &at, &field, &more));
        if (number == columns.question) question = field;
        if (number == columns.answer) answer = field;
    }
    if (number <= columns.question || (columns.answer != NOT_FOUND && number <= columns.answer))
        return hrm_fail(HRM_ERR_FORMAT, "%s:%zu:%zu: the line ends after %zu of the fields that the header names",
                        reader->name, line->number, line->length + 1, number);
    if (number > columns.count)
        return hrm_fail(HRM_ERR_FORMAT, "%s:%zu:1: the line has %zu fields, the header names %zu", reader->name,
                        line->number, number, columns.count);
    cell_run run;
    hrm_sudoku_board board = {.line = line->number};
    HRM_TRY(scan_cells(reader, line, question, &run));
    if (!hrm_sudoku_shape_from_cells(run.count, &board.shape))
        return hrm_fail(HRM_ERR_FORMAT, "%s:%zu:%zu: the question has %zu cells; a Sudoku has 16, 36, 64 or 81",
                        reader->name, line->number, (size_t)(question.data - line->bytes) + 1, run.count);
    HRM_TRY(take_cells(reader, line, board.shape.side, &run, board.cells));
    HRM_TRY(take_answer(reader, line, answer, &board));
    return add_board(reader, &board);
fail:
    return status;
}

static hrm_status read_csv(text_reader *reader) {
    hrm_status status;
    csv_columns columns = {NOT_FOUND, NOT_FOUND, 0};
    bool header = true;
    for (text_line line; take_line(reader, &line);) {
        if (is_blank(&line) || (header && is_comment(&line))) continue;
        if (header)
            HRM_TRY(read_csv_header(reader, &line, &columns));
        else
            HRM_TRY(read_csv_line(reader, &line, columns));
        header = false;
    }
    return HRM_OK;
fail:
    return status;
}

/* Looks at the first line with content. */
static bool is_csv(text_reader reader) {
    for (text_line line; take_line(&reader, &line);) {
        if (is_blank(&line) || is_comment(&line)) continue;
        return memchr(line.bytes, ',', line.length) ||
               hrm_csv_field_is_named((hrm_csv_field){line.bytes, line.length}, HRM_PUZZLE_COLUMNS_QUESTION);
    }
    return false;
}

hrm_status hrm_sudoku_parse(const char *name, const char *text, size_t size, hrm_sudoku_set *out) {
    hrm_status status;
    *out = (hrm_sudoku_set){0};
    if (size > HRM_SUDOKU_MAX_TEXT_BYTES)
        return hrm_fail(HRM_ERR_FORMAT, "%s:1:1: the text is %zu bytes long; at most %zu are read", name, size,
                        HRM_SUDOKU_MAX_TEXT_BYTES);
    if (size == 0) text = "";
    static const char byte_order_mark[3] = {'\xef', '\xbb', '\xbf'};
    size_t skip = size >= 3 && memcmp(text, byte_order_mark, 3) == 0 ? 3 : 0;
    text_reader reader = {.name = name, .next = text + skip, .end = text + size};
    if (is_csv(reader))
        HRM_TRY(read_csv(&reader));
    else
        HRM_TRY(read_plain(&reader));
    if (reader.set.count == 0) {
        status = hrm_fail(HRM_ERR_FORMAT, "%s:1:1: no Sudoku found; the text is %s", name,
                          size == skip ? "empty" : "blank, or only comments or a header");
        goto fail;
    }
    *out = reader.set;
    return HRM_OK;
fail:
    hrm_sudoku_set_deinit(&reader.set);
    return status;
}
