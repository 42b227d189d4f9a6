/* Sudoku: reading, checking, solving exactly, making puzzles. Boards of side 4 (boxes 2 x 2), 6 (3 wide, 2 high),
 * 8 (4 wide, 2 high) and 9 (3 x 3).
 *
 * Cells are bytes [side, side], row-major from the top left: 0 blank, 1 .. side a digit. Tokens of a model are the
 * reference's: 0 pad, 1 blank, d + 1 for digit d; the vocabulary is side + 2. */
#ifndef HRM_SUDOKU_H
#define HRM_SUDOKU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hrm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HRM_SUDOKU_MAX_BOARD 81u /* cells of the largest board */

/* One or more puzzles read from text: lines of side * side characters ('.' or '0' blank), grids with or without ruling
 * lines, or CSV with a column q (and a, the answer). */
typedef struct hrm_sudoku_list hrm_sudoku_list;

typedef struct hrm_sudoku_view {
    uint32_t side;
    const uint8_t *cells;  /* [side, side]; owned by the list */
    const uint8_t *answer; /* likewise, or NULL when the text gave none */
} hrm_sudoku_view;

/* `name` is for error messages (a file name, "standard input").
 * Errors: FORMAT (name:line:column and what was found), OUT_OF_MEMORY. */
HRM_API hrm_status hrm_sudoku_list_parse(const char *text, size_t size, const char *name, hrm_sudoku_list **out);
HRM_API void hrm_sudoku_list_destroy(hrm_sudoku_list *list);
HRM_API uint32_t hrm_sudoku_list_get_count(const hrm_sudoku_list *list);
HRM_API hrm_sudoku_view hrm_sudoku_list_get(const hrm_sudoku_list *list, uint32_t index);

/* The side of boards with that many cells (16, 36, 64, 81), or 0. */
HRM_API uint32_t hrm_sudoku_side(uint32_t cells);

/* Cells to tokens and back, whole boards; a token that is no cell becomes 255.
 * Errors: INVALID_ARGUMENT (no such side, a cell above it). */
HRM_API hrm_status hrm_sudoku_to_tokens(uint32_t side, const uint8_t *cells, uint32_t *tokens);
HRM_API hrm_status hrm_sudoku_from_tokens(uint32_t side, const uint32_t *tokens, uint8_t *cells);

/* How good an answer is, each question separately. */
typedef struct hrm_sudoku_grade {
    uint32_t struct_size;
    bool has_reference;      /* a reference answer was given */
    bool exact;              /* equals it in every cell */
    bool valid;              /* complete, no violation, givens kept: a solution */
    bool complete;           /* a digit in every cell */
    uint32_t blanks;         /* cells without a digit */
    uint32_t changed_givens; /* givens that the answer changed */
    uint32_t violations;     /* digits that stand more than once in a row, column or box */
} hrm_sudoku_grade;

/* puzzle, answer [side, side]; reference likewise or NULL. Errors: INVALID_ARGUMENT. */
HRM_API hrm_status hrm_sudoku_grade_answer(uint32_t side, const uint8_t *puzzle, const uint8_t *answer,
                                           const uint8_t *reference, hrm_sudoku_grade *grade);
/* Violation number `index` as text ("digit 5 stands 2 times in row 3 (columns 2, 7)"); false past the last one. Also of
 * a puzzle's givens. */
HRM_API bool hrm_sudoku_describe_violation(uint32_t side, const uint8_t *cells, uint32_t index, char *text,
                                           size_t size);

/* What exact search says about a puzzle. */
typedef struct hrm_sudoku_analysis {
    uint32_t struct_size;
    uint32_t solutions;  /* 0, 1, or 2 for several */
    bool unfinished;     /* the search was given up after about a second: solutions may be too small */
    uint64_t guesses;    /* digits tried before the first solution */
    uint64_t backtracks; /* those that were refuted: the difficulty (docs/sudoku.md) */
    uint8_t solution[HRM_SUDOKU_MAX_BOARD]; /* the first one */
} hrm_sudoku_analysis;

/* Solves by singles and depth-first search; no model. Errors: INVALID_ARGUMENT (no such side, a cell above it, givens
 * that contradict each other: which). */
HRM_API hrm_status hrm_sudoku_analyse(uint32_t side, const uint8_t *cells, hrm_sudoku_analysis *analysis);

/* How hard made puzzles are; measured by the solver above. */
typedef enum hrm_sudoku_level {
    HRM_SUDOKU_LEVEL_DEFAULT = 0, /* easy */
    HRM_SUDOKU_LEVEL_EASY = 1,    /* singles suffice */
    HRM_SUDOKU_LEVEL_MEDIUM = 2,  /* 1 to 19 backtracks */
    HRM_SUDOKU_LEVEL_HARD = 3,    /* 20 or more */
} hrm_sudoku_level;

typedef struct hrm_sudoku_config {
    uint32_t struct_size;
    uint32_t side;                   /* [9] */
    hrm_sudoku_level level;          /* [easy] */
    uint32_t min_givens, max_givens; /* [the level's] */
    uint64_t seed;
    uint32_t train_count; /* puzzles in the training split [1000] */
    uint32_t test_count;  /* puzzles in the test split [1000] */
    uint32_t threads;     /* [one per processor]; the result does not depend on it */
} hrm_sudoku_config;

/* Generates puzzles with exactly one solution and writes both splits to `folder` (created when missing). No test puzzle
 * is a symmetry (digits, bands, stacks, rows, columns, transposition) of one in the training split. The same config
 * gives the same bytes everywhere. `progress` may be NULL; returning false cancels.
 * Errors: INVALID_ARGUMENT (settings no puzzle meets, too few different puzzles exist), CANCELLED, IO. */
HRM_API hrm_status hrm_sudoku_dataset_create(const hrm_sudoku_config *config, const char *folder,
                                             bool (*progress)(void *user, uint64_t done, uint64_t total), void *user);

#ifdef __cplusplus
}
#endif

#endif
