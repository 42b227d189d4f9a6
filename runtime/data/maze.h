/* A maze in memory, its text form and its tokens.
 *
 * Promises: a maze that hrm_maze_parse returns has sides 1..HRM_MAZE_MAX_SIDE, only the characters below, exactly one
 * start and exactly one goal. Leaves to others: whether the goal can be reached (maze_check.h), making one
 * (maze_generate.h).
 *
 * Cells, row-major, top row first: '#' wall, ' ' free, 'S' start, 'G' goal, 'o' a free cell on the path. Tokens are
 * the reference's: 0 pad, then the charset "# SGo" as 1..5. */
#ifndef HRM_DATA_MAZE_H
#define HRM_DATA_MAZE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define HRM_MAZE_MAX_SIDE 1024u
#define HRM_MAZE_MAX_TEXT_BYTES ((size_t)1 << 20)

#define HRM_MAZE_WALL '#'
#define HRM_MAZE_FREE ' '
#define HRM_MAZE_START 'S'
#define HRM_MAZE_GOAL 'G'
#define HRM_MAZE_PATH 'o'
#define HRM_MAZE_UNKNOWN '?' /* how a token that is no maze cell (pad, or out of range) looks as a character */

enum {
    HRM_MAZE_TOKEN_PAD = 0,
    HRM_MAZE_TOKEN_WALL = 1,
    HRM_MAZE_TOKEN_FREE = 2,
    HRM_MAZE_TOKEN_START = 3,
    HRM_MAZE_TOKEN_GOAL = 4,
    HRM_MAZE_TOKEN_PATH = 5,
    HRM_MAZE_VOCAB_SIZE = 6
};

typedef struct hrm_maze {
    uint32_t width, height;
    char *cells; /* [height, width], no terminator */
} hrm_maze;

typedef struct hrm_maze_set {
    hrm_maze *mazes;
    size_t count;
} hrm_maze_set;

/* An all-wall maze of sides 1..HRM_MAZE_MAX_SIDE. On failure *maze is zeroed. */
hrm_status hrm_maze_init(hrm_maze *maze, uint32_t width, uint32_t height);
void hrm_maze_deinit(hrm_maze *maze);
void hrm_maze_set_deinit(hrm_maze_set *list);

/* Cell to token and back; an unknown cell gives HRM_MAZE_TOKEN_PAD, an unknown token HRM_MAZE_UNKNOWN. */
uint8_t hrm_maze_token(char cell);
char hrm_maze_cell(uint32_t token);

/* Turns path cells back into free ones: the puzzle without its answer. */
void hrm_maze_strip_path(char *cells, size_t count);

/* The number of cells equal to `cell`. */
size_t hrm_maze_count(const hrm_maze *maze, char cell);

/* Reads one or more mazes from text. `name` (a file name, "standard input") opens every error message.
 *
 * Grammar. A UTF-8 byte order mark at the very start is skipped. Lines end in LF, CR LF or the end of the text. Every
 * character of a row is one of "# SGo"; '.' is accepted as another way to write a free cell, because editors strip
 * trailing spaces. An empty line always ends the maze before it. A line of spaces only is a row when its length equals
 * the maze's width and a separator when not; the width of a maze is the length of its first line that holds anything
 * but spaces. (So a top row of free cells belongs to the maze, and so does one below it.)
 *
 * Errors, all HRM_ERR_FORMAT with name:line:column (bytes, from 1): unknown character, rows of unequal length, no or a
 * second start or goal, a side past HRM_MAZE_MAX_SIDE, no maze at all, more than HRM_MAZE_MAX_TEXT_BYTES.
 * Source: own grammar over the reference's charset (dataset/build_maze_dataset.py). */
hrm_status hrm_maze_parse(const char *name, const char *text, size_t size, hrm_maze_set *out);

/* Bytes of the text form: each row and a line feed, without a terminator. */
size_t hrm_maze_text_size(const hrm_maze *maze);

/* Writes the text form and a terminating NUL; `text` holds hrm_maze_text_size() + 1 bytes. */
void hrm_maze_write_text_into(const hrm_maze *maze, char *text);

/* Lays the maze into the top left corner of a grid of tokens [grid_height, grid_width]; the rest becomes wall.
 * Errors: INVALID_ARGUMENT when the maze is larger than the grid. */
hrm_status hrm_maze_write_tokens_into(const hrm_maze *maze, uint32_t grid_width, uint32_t grid_height,
                                      uint32_t *tokens);

/* The inverse: cells [height, width] from the top left corner of a grid of tokens whose rows are grid_width long. */
void hrm_maze_cells_from_tokens(const uint32_t *tokens, uint32_t grid_width, uint32_t width, uint32_t height,
                                char *cells);

#endif
