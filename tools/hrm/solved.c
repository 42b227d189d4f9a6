#include "solved.h"

#include <stdlib.h>
#include <string.h>

enum { GIF_FRAME_MS = 700 };

static size_t cell_count(const cli_solved *s) {
    return (size_t)s->source.width * s->source.height;
}

static bool is_sudoku(const cli_solved *s) {
    return s->source.kind == HRM_PUZZLE_SUDOKU;
}

void cli_solved_deinit(cli_solved *s) {
    free(s->puzzle);
    free(s->answer);
    free(s->thoughts);
    memset(s, 0, sizeof *s);
}

bool cli_solved_init(cli_solved *s, const cli_puzzle *puzzle) {
    memset(s, 0, sizeof *s);
    s->source = *puzzle;
    const size_t n = cell_count(s);
    s->puzzle = malloc(n);
    s->answer = malloc(n);
    if (!s->puzzle || !s->answer) {
        cli_solved_deinit(s);
        return false;
    }
    memcpy(s->puzzle, puzzle->cells, n);
    for (size_t i = 0; i < n && !is_sudoku(s); i++)
        if (s->puzzle[i] == 'o') s->puzzle[i] = ' ';
    memcpy(s->answer, s->puzzle, n);
    return true;
}

/* ---- to and from tokens ---- */

hrm_status cli_solved_to_tokens(const cli_solved *s, uint32_t grid_width, uint32_t grid_height, uint32_t *tokens) {
    if (is_sudoku(s)) return hrm_sudoku_to_tokens(s->source.width, (const uint8_t *)s->puzzle, tokens);
    const hrm_maze_view bare = {s->source.width, s->source.height, s->puzzle, false};
    return hrm_maze_to_tokens(&bare, grid_width, grid_height, tokens);
}

static void take_cells(const cli_solved *s, const uint32_t *tokens, uint32_t grid_width, uint32_t grid_height,
                       char *cells) {
    if (is_sudoku(s))
        hrm_sudoku_from_tokens(s->source.width, tokens, (uint8_t *)cells);
    else
        hrm_maze_from_tokens(tokens, grid_width, grid_height, s->source.width, s->source.height, cells);
}

bool cli_solved_add_thought(cli_solved *s, const uint32_t *tokens, uint32_t grid_width, uint32_t grid_height) {
    const size_t n = cell_count(s);
    char *grown = realloc(s->thoughts, (s->thought_count + 1) * n);
    if (!grown) return false;
    s->thoughts = grown;
    take_cells(s, tokens, grid_width, grid_height, grown + s->thought_count * n);
    s->thought_count++;
    return true;
}

hrm_status cli_solved_set_answer(cli_solved *s, const uint32_t *tokens, uint32_t grid_width, uint32_t grid_height,
                                 const hrm_solution *solution) {
    take_cells(s, tokens, grid_width, grid_height, s->answer);
    s->solution = *solution;
    return cli_solved_grade(s, s->answer, &s->grade);
}

/* ---- grades ---- */

hrm_status cli_solved_grade(const cli_solved *s, const char *answer, cli_grade *out) {
    *out = (cli_grade){.maze = HRM_INIT(hrm_maze_grade), .sudoku = HRM_INIT(hrm_sudoku_grade)};
    if (is_sudoku(s))
        return hrm_sudoku_grade_answer(s->source.width, (const uint8_t *)s->puzzle, (const uint8_t *)answer,
                                       (const uint8_t *)s->source.reference, &out->sudoku);
    const hrm_maze_view bare = {s->source.width, s->source.height, s->puzzle, false};
    return hrm_maze_grade_answer(&bare, answer, s->source.reference, &out->maze);
}

bool cli_solved_is_exact(const cli_solved *s, bool *exact) {
    *exact = is_sudoku(s) ? s->grade.sudoku.exact : s->grade.maze.exact;
    return s->source.reference != NULL;
}

static char *describe_maze(const hrm_maze_grade *g, char *out, size_t size) {
    if (g->shortest)
        snprintf(out, size, "shortest path, %u moves", g->length);
    else if (g->valid)
        snprintf(out, size, "valid path, %u moves, %u more than needed", g->length, g->excess);
    else if (!g->solvable)
        snprintf(out, size, "no way exists");
    else
        snprintf(out, size, "not a valid path");
    return out;
}

static const char *plural(uint32_t n) {
    return n == 1 ? "" : "s";
}

static char *describe_sudoku(const hrm_sudoku_grade *g, char *out, size_t size) {
    size_t n = 0;
    out[0] = '\0';
    if (g->valid) {
        snprintf(out, size, "solved");
        return out;
    }
    if (g->violations) n += (size_t)snprintf(out, size, "%u rule%s broken", g->violations, plural(g->violations));
    if (g->changed_givens && n < size)
        n += (size_t)snprintf(out + n, size - n, "%s%u given%s changed", n ? ", " : "", g->changed_givens,
                              plural(g->changed_givens));
    if (g->blanks && n < size)
        snprintf(out + n, size - n, "%s%u cell%s blank", n ? ", " : "", g->blanks, plural(g->blanks));
    return out;
}

char *cli_solved_describe(const cli_solved *s, const cli_grade *grade, char *out, size_t size) {
    return is_sudoku(s) ? describe_sudoku(&grade->sudoku, out, size) : describe_maze(&grade->maze, out, size);
}

/* ---- text and JSON ---- */

/* One row of cells as characters. */
static void write_row(const cli_solved *s, const char *cells, uint32_t y, char *row) {
    const uint32_t w = s->source.width;
    for (uint32_t x = 0; x < w; x++) {
        const unsigned char cell = (unsigned char)cells[(size_t)y * w + x];
        row[x] = !is_sudoku(s) ? (char)cell : cell == 0 ? '.' : cell <= 9 ? (char)('0' + cell) : '?';
    }
    row[w] = '\0';
}

enum { MAX_ROW = 1024 + 1 }; /* the widest maze */

void cli_solved_print_rows(const cli_solved *s, FILE *out) {
    char row[MAX_ROW];
    for (uint32_t y = 0; y < s->source.height; y++) {
        write_row(s, s->answer, y, row);
        fprintf(out, "%s\n", row);
    }
}

static json_t *rows_to_json(const cli_solved *s, const char *cells) {
    char row[MAX_ROW];
    json_t *rows = json_array();
    for (uint32_t y = 0; y < s->source.height; y++) {
        write_row(s, cells, y, row);
        json_array_append_new(rows, json_string(row));
    }
    return rows;
}

static void maze_to_json(const hrm_maze_grade *g, json_t *o) {
    json_object_set_new(o, "valid", json_boolean(g->valid));
    json_object_set_new(o, "shortest", json_boolean(g->shortest));
    json_object_set_new(o, "solvable", json_boolean(g->solvable));
    if (g->has_reference) json_object_set_new(o, "exact", json_boolean(g->exact));
    if (g->solvable) json_object_set_new(o, "shortest_length", json_integer(g->shortest_length));
    if (g->valid) {
        json_object_set_new(o, "length", json_integer(g->length));
        json_object_set_new(o, "excess", json_integer(g->excess));
    }
}

static void sudoku_to_json(const cli_solved *s, const hrm_sudoku_grade *g, json_t *o) {
    char text[160];
    json_t *violations = json_array();
    const uint8_t *answer = (const uint8_t *)s->answer;
    for (uint32_t i = 0; hrm_sudoku_describe_violation(s->source.width, answer, i, text, sizeof text); i++)
        json_array_append_new(violations, json_string(text));
    json_object_set_new(o, "valid", json_boolean(g->valid));
    if (g->has_reference) json_object_set_new(o, "exact", json_boolean(g->exact));
    json_object_set_new(o, "blanks", json_integer(g->blanks));
    json_object_set_new(o, "changed_givens", json_integer(g->changed_givens));
    json_object_set_new(o, "violations", violations);
}

json_t *cli_solved_to_json(const cli_solved *s) {
    json_t *o = json_pack(
        "{s:s, s:i, s:i, s:o, s:o, s:i, s:b, s:o, s:o}", "kind", is_sudoku(s) ? "sudoku" : "maze", "width",
        (int)s->source.width, "height", (int)s->source.height, "puzzle", rows_to_json(s, s->puzzle), "answer",
        rows_to_json(s, s->answer), "segments", (int)s->solution.segments, "halted", (int)s->solution.halted, "q_halt",
        cli_json_number((double)s->solution.q_halt), "q_continue", cli_json_number((double)s->solution.q_continue));
    if (!o) return NULL;
    if (is_sudoku(s))
        sudoku_to_json(s, &s->grade.sudoku, o);
    else
        maze_to_json(&s->grade.maze, o);
    return o;
}

/* ---- pictures ---- */

static hrm_maze_picture make_maze_picture(const cli_solved *s, const char *answer, const char *title,
                                          const char *caption) {
    hrm_maze_picture p = HRM_INIT(hrm_maze_picture);
    p.width = s->source.width;
    p.height = s->source.height;
    p.puzzle = s->puzzle;
    p.answer = answer;
    p.reference = s->source.reference;
    p.title = title;
    p.caption = caption;
    return p;
}

static hrm_sudoku_picture make_sudoku_picture(const cli_solved *s, const char *answer, const char *title,
                                              const char *caption) {
    hrm_sudoku_picture p = HRM_INIT(hrm_sudoku_picture);
    p.side = s->source.width;
    p.puzzle = (const uint8_t *)s->puzzle;
    p.answer = (const uint8_t *)answer;
    p.reference = (const uint8_t *)s->source.reference;
    p.title = title;
    p.caption = caption;
    return p;
}

bool cli_solved_draw_answer(const cli_solved *s, const char *answer, const char *title, const char *caption,
                            const char *path) {
    hrm_status status;
    if (is_sudoku(s)) {
        hrm_sudoku_picture p = make_sudoku_picture(s, answer, title, caption);
        status = hrm_render_sudoku_png(&p, path);
    } else {
        hrm_maze_picture p = make_maze_picture(s, answer, title, caption);
        status = hrm_render_maze_png(&p, path);
    }
    if (status != HRM_OK) cli_fail_last();
    return status == HRM_OK;
}

bool cli_solved_draw_png(const cli_solved *s, const char *path) {
    char title[64], caption[128];
    snprintf(title, sizeof title, "after %u segment%s", s->solution.segments, plural(s->solution.segments));
    return cli_solved_draw_answer(s, s->answer, title, cli_solved_describe(s, &s->grade, caption, sizeof caption),
                                  path);
}

enum { TEXT = 128 };

/* Frames of either kind; the array of the other kind stays NULL. */
typedef struct frames {
    hrm_maze_picture *mazes;
    hrm_sudoku_picture *sudokus;
    char (*texts)[2][TEXT];
} frames;

static void set_frame(const cli_solved *s, frames *f, uint32_t i, const char *answer, const char *title,
                      const char *caption) {
    if (f->sudokus)
        f->sudokus[i] = make_sudoku_picture(s, answer, title, caption);
    else
        f->mazes[i] = make_maze_picture(s, answer, title, caption);
}

/* One frame for the bare puzzle, one for each segment. */
bool cli_solved_draw_gif(const cli_solved *s, const char *path) {
    const uint32_t count = s->thought_count + 1;
    hrm_status status = HRM_OK;
    frames f = {.texts = calloc(count, sizeof *f.texts)};
    if (is_sudoku(s))
        f.sudokus = calloc(count, sizeof *f.sudokus);
    else
        f.mazes = calloc(count, sizeof *f.mazes);
    bool fine = f.texts && (f.mazes || f.sudokus);
    if (!fine) cli_error("no host memory for %u frames", count);
    if (fine) set_frame(s, &f, 0, NULL, is_sudoku(s) ? "the puzzle" : "the maze", " ");
    for (uint32_t i = 1; fine && i < count && status == HRM_OK; i++) {
        const char *answer = s->thoughts + (size_t)(i - 1) * cell_count(s);
        cli_grade g;
        status = cli_solved_grade(s, answer, &g);
        const bool done = i == s->thought_count && s->solution.halted;
        snprintf(f.texts[i][0], TEXT, "segment %u%s", i, done ? ": done" : "");
        set_frame(s, &f, i, answer, f.texts[i][0], cli_solved_describe(s, &g, f.texts[i][1], TEXT));
    }
    if (fine && status == HRM_OK)
        status = f.sudokus ? hrm_render_sudoku_gif(f.sudokus, count, GIF_FRAME_MS, path)
                           : hrm_render_maze_gif(f.mazes, count, GIF_FRAME_MS, path);
    if (status != HRM_OK) cli_fail_last();
    free(f.mazes);
    free(f.sudokus);
    free(f.texts);
    return fine && status == HRM_OK;
}
