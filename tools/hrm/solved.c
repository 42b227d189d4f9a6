#include "solved.h"

#include <stdlib.h>
#include <string.h>

enum { GIF_FRAME_MS = 700 };

static size_t cell_count(const cli_solved *s) {
    return (size_t)s->maze.width * s->maze.height;
}

void cli_solved_deinit(cli_solved *s) {
    free(s->puzzle);
    free(s->answer);
    free(s->thoughts);
    memset(s, 0, sizeof *s);
}

bool cli_solved_init(cli_solved *s, const hrm_maze_view *maze) {
    memset(s, 0, sizeof *s);
    s->maze = *maze;
    const size_t n = cell_count(s);
    s->puzzle = malloc(n);
    s->answer = malloc(n);
    if (!s->puzzle || !s->answer) {
        cli_solved_deinit(s);
        return false;
    }
    for (size_t i = 0; i < n; i++) s->puzzle[i] = maze->cells[i] == 'o' ? ' ' : maze->cells[i];
    memcpy(s->answer, s->puzzle, n);
    return true;
}

bool cli_solved_add_thought(cli_solved *s, const uint32_t *tokens, uint32_t grid_width, uint32_t grid_height) {
    const size_t n = cell_count(s);
    char *grown = realloc(s->thoughts, (s->thought_count + 1) * n);
    if (!grown) return false;
    s->thoughts = grown;
    hrm_maze_from_tokens(tokens, grid_width, grid_height, s->maze.width, s->maze.height, grown + s->thought_count * n);
    s->thought_count++;
    return true;
}

static hrm_status grade(const cli_solved *s, const char *answer, hrm_maze_grade *out) {
    const hrm_maze_view bare = {s->maze.width, s->maze.height, s->puzzle, false};
    *out = HRM_INIT(hrm_maze_grade);
    return hrm_maze_grade_answer(&bare, answer, s->maze.has_path ? s->maze.cells : NULL, out);
}

hrm_status cli_solved_set_answer(cli_solved *s, const uint32_t *tokens, uint32_t grid_width, uint32_t grid_height,
                                 const hrm_solution *solution) {
    hrm_maze_from_tokens(tokens, grid_width, grid_height, s->maze.width, s->maze.height, s->answer);
    s->solution = *solution;
    return grade(s, s->answer, &s->grade);
}

static char *describe_grade(const hrm_maze_grade *g, char *out, size_t size) {
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

char *cli_solved_describe(const cli_solved *s, char *out, size_t size) {
    return describe_grade(&s->grade, out, size);
}

void cli_solved_print_rows(const cli_solved *s, FILE *out) {
    for (uint32_t y = 0; y < s->maze.height; y++)
        fprintf(out, "%.*s\n", (int)s->maze.width, s->answer + (size_t)y * s->maze.width);
}

static json_t *rows_to_json(const cli_solved *s, const char *cells) {
    json_t *rows = json_array();
    for (uint32_t y = 0; y < s->maze.height; y++)
        json_array_append_new(rows, json_stringn(cells + (size_t)y * s->maze.width, s->maze.width));
    return rows;
}

json_t *cli_solved_to_json(const cli_solved *s) {
    const hrm_maze_grade *g = &s->grade;
    json_t *o =
        json_pack("{s:i, s:i, s:o, s:o, s:i, s:b, s:f, s:f, s:b, s:b, s:b}", "width", (int)s->maze.width, "height",
                  (int)s->maze.height, "puzzle", rows_to_json(s, s->puzzle), "answer", rows_to_json(s, s->answer),
                  "segments", (int)s->solution.segments, "halted", (int)s->solution.halted, "q_halt",
                  (double)s->solution.q_halt, "q_continue", (double)s->solution.q_continue, "valid", (int)g->valid,
                  "shortest", (int)g->shortest, "solvable", (int)g->solvable);
    if (!o) return NULL;
    if (g->has_reference) json_object_set_new(o, "exact", json_boolean(g->exact));
    if (g->solvable) json_object_set_new(o, "shortest_length", json_integer(g->shortest_length));
    if (g->valid) {
        json_object_set_new(o, "length", json_integer(g->length));
        json_object_set_new(o, "excess", json_integer(g->excess));
    }
    return o;
}

static hrm_maze_picture make_picture(const cli_solved *s, const char *answer, const char *title, const char *caption) {
    hrm_maze_picture p = HRM_INIT(hrm_maze_picture);
    p.width = s->maze.width;
    p.height = s->maze.height;
    p.puzzle = s->puzzle;
    p.answer = answer;
    p.reference = s->maze.has_path ? s->maze.cells : NULL;
    p.title = title;
    p.caption = caption;
    return p;
}

static const char *plural(uint32_t n) {
    return n == 1 ? "" : "s";
}

bool cli_solved_draw_png(const cli_solved *s, const char *path) {
    char title[64], caption[128];
    snprintf(title, sizeof title, "after %u segment%s", s->solution.segments, plural(s->solution.segments));
    hrm_maze_picture p = make_picture(s, s->answer, title, cli_solved_describe(s, caption, sizeof caption));
    bool fine = hrm_render_maze_png(&p, path) == HRM_OK;
    if (!fine) cli_fail_last();
    return fine;
}

/* One frame for the bare maze, one for each segment. */
bool cli_solved_draw_gif(const cli_solved *s, const char *path) {
    enum { TEXT = 128 };
    const uint32_t count = s->thought_count + 1;
    hrm_maze_picture *frames = calloc(count, sizeof *frames);
    char(*texts)[2][TEXT] = calloc(count, sizeof *texts);
    if (!frames || !texts) {
        free(frames);
        free(texts);
        cli_error("no host memory for %u frames", count);
        return false;
    }
    hrm_status status = HRM_OK;
    frames[0] = make_picture(s, NULL, "the maze", " ");
    for (uint32_t i = 1; i < count && status == HRM_OK; i++) {
        const char *answer = s->thoughts + (size_t)(i - 1) * cell_count(s);
        hrm_maze_grade g;
        status = grade(s, answer, &g);
        const bool done = i == s->thought_count && s->solution.halted;
        snprintf(texts[i][0], TEXT, "segment %u%s", i, done ? ": done" : "");
        frames[i] = make_picture(s, answer, texts[i][0], describe_grade(&g, texts[i][1], TEXT));
    }
    if (status == HRM_OK) status = hrm_render_maze_gif(frames, count, GIF_FRAME_MS, path);
    if (status != HRM_OK) cli_fail_last();
    free(frames);
    free(texts);
    return status == HRM_OK;
}
