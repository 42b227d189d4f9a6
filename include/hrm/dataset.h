/* Data sets of puzzles (the reference's folder layout) and mazes as text. */
#ifndef HRM_DATASET_H
#define HRM_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hrm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HRM_IGNORE_LABEL 0xffffffffu /* a position without a label */

typedef struct hrm_dataset hrm_dataset;

/* What the tokens of a data set mean, judged from its vocabulary, its grid and its tokens. */
typedef enum hrm_puzzle_kind {
    HRM_PUZZLE_OTHER = 0,
    HRM_PUZZLE_MAZE = 1,
    HRM_PUZZLE_SUDOKU = 2,
    HRM_PUZZLE_ARC = 3,
} hrm_puzzle_kind;

typedef struct hrm_dataset_info {
    uint32_t struct_size;
    uint32_t count;   /* examples: what is solved and counted */
    uint32_t seq_len; /* tokens per puzzle */
    uint32_t vocab_size;
    uint32_t puzzle_count;            /* puzzle identifiers, as hrm_model_config */
    uint32_t grid_width, grid_height; /* 0 when the tokens are no grid */
    hrm_puzzle_kind kind;
    uint32_t puzzles, groups; /* count is examples: a puzzle may have several; a group is a puzzle and its copies */
    uint32_t pad_id;
    uint64_t labelled; /* positions that carry a label, of count * seq_len */
    uint64_t bytes;    /* of the tokens and labels in memory */
} hrm_dataset_info;

/* Opens one split ("train", "test") of a folder: every size, index and token is checked.
 * Errors: IO (missing file), FORMAT (names file and what is wrong). */
HRM_API hrm_status hrm_dataset_open(const char *folder, const char *split, hrm_dataset **out);
HRM_API void hrm_dataset_close(hrm_dataset *dataset);
HRM_API hrm_status hrm_dataset_get_info(const hrm_dataset *dataset, hrm_dataset_info *info);
/* A hash of everything a run learns from: tokens, labels, and which example belongs to which puzzle, identifier and
 * group; the same data have the same one on every machine. Checkpoints carry it, so that a run is continued on its own
 * data only. Not cryptographic. The first call reads all data (about 1 GB/s), later ones remember. Free-threaded. */
HRM_API hrm_status hrm_dataset_get_checksum(const hrm_dataset *dataset, uint64_t *checksum);
/* Copies puzzles [first, first + count): tokens and labels [count, seq_len] u32 (labels: HRM_IGNORE_LABEL where there
 * is none), ids [count]; any of the three may be NULL. */
HRM_API hrm_status hrm_dataset_read(const hrm_dataset *dataset, uint32_t first, uint32_t count, uint32_t *tokens,
                                    uint32_t *labels, uint32_t *ids);

/* Data sets from the published CSV files (Sudoku-Extreme, Maze-Hard: columns q, a, rating; others are ignored). */
typedef struct hrm_csv_config {
    uint32_t struct_size;
    hrm_puzzle_kind kind;   /* HRM_PUZZLE_MAZE or HRM_PUZZLE_SUDOKU */
    const char *train_path; /* CSV of the training split, or NULL: that split is left alone */
    const char *test_path;  /* CSV of the test split, likewise; never subsampled nor augmented */
    uint32_t subsample;     /* training: so many random rows; 0: all */
    uint32_t copies;        /* training, Sudoku: randomly transformed copies behind each original */
    uint32_t symmetries;    /* training, mazes: 1 for all 8 symmetries of each */
    int64_t min_rating;     /* rows rated lower are left out; 0: all, and the column may be missing */
    uint64_t seed;          /* of the subsample and the copies */
    uint32_t threads;       /* [one per processor]; the result does not depend on it */
} hrm_csv_config;

/* What was made. */
typedef struct hrm_csv_report {
    uint32_t struct_size;
    uint64_t rows_read; /* of both files */
    uint32_t train_groups, train_examples, test_examples;
    uint32_t side;
} hrm_csv_report;

/* Builds the splits as the reference's scripts do, checking every question and answer; memory does not grow with the
 * file. `report` may be NULL. `progress` may be NULL; returning false cancels. On failure no half-built split is left.
 * Errors: IO, FORMAT (file:line and what is wrong), INVALID_ARGUMENT, CANCELLED. */
HRM_API hrm_status hrm_csv_dataset_create(const hrm_csv_config *config, const char *folder,
                                          bool (*progress)(void *user, uint64_t done, uint64_t total), void *user,
                                          hrm_csv_report *report);

/* Mazes: 0 pad, 1 wall '#', 2 free ' ', 3 start 'S', 4 goal 'G', 5 path 'o', as in the reference. */
#define HRM_MAZE_VOCAB 6

typedef enum hrm_maze_style {
    HRM_MAZE_STYLE_RANDOM = 0,   /* each cell is a wall by chance; `unique` by throwing away mazes that are not: small
                                    ones only */
    HRM_MAZE_STYLE_PERFECT = 1,  /* long corridors: a spanning tree, exactly one path between any two cells */
    HRM_MAZE_STYLE_REPAIRED = 2, /* random, then walls are added where shortest paths tie until one is left: large mazes
                                    with one long shortest path */
    HRM_MAZE_STYLE_UNIFORM = 3,  /* a spanning tree too, each equally likely: many short dead ends */
} hrm_maze_style;

typedef struct hrm_maze_config {
    uint32_t struct_size;
    uint32_t width, height; /* cells; square for the 8 symmetries [6 x 6] */
    uint32_t min_path;      /* least number of moves from S to G [5] */
    uint32_t unique;        /* 1: exactly one shortest path */
    float wall_density;     /* chance of a wall per cell, in (0, 0.9] [0.35] */
    uint64_t seed;
    uint32_t train_count; /* puzzles in the training split [20000] */
    uint32_t test_count;  /* puzzles in the test split [1000] */
    hrm_maze_style style;
    uint32_t max_path; /* most moves from S to G [no bound] */
    uint32_t threads;  /* [one per processor]; the result does not depend on it */
} hrm_maze_config;

/* Maze-Hard of the paper: 30 x 30 cells, a shortest path longer than 110; counted in moves here. */
#define HRM_MAZE_HARD_GRID 30
#define HRM_MAZE_HARD_MIN_PATH 111

/* Generates both splits and writes them to `folder` (created when missing). No test maze, nor any of its 8 symmetries,
 * is in the training split. The same config gives the same bytes on every machine. `progress` may be NULL; returning
 * false cancels. Errors: INVALID_ARGUMENT (settings no maze satisfies, or too few different mazes exist), IO. */
HRM_API hrm_status hrm_maze_dataset_create(const hrm_maze_config *config, const char *folder,
                                           bool (*progress)(void *user, uint64_t done, uint64_t total), void *user);

/* One or more mazes read from text: '#' wall, ' ' free, 'S', 'G', 'o' a known path; mazes are separated by empty lines.
 */
typedef struct hrm_maze_list hrm_maze_list;

typedef struct hrm_maze_view {
    uint32_t width, height;
    const char *cells; /* [height, width], no terminator; owned by the list */
    bool has_path;     /* the text showed a path ('o') */
} hrm_maze_view;

/* `name` is for error messages (a file name, "standard input"). Errors: FORMAT (name:line:column and what was found).
 */
HRM_API hrm_status hrm_maze_list_parse(const char *text, size_t size, const char *name, hrm_maze_list **out);
HRM_API hrm_status hrm_maze_list_read(const char *path, hrm_maze_list **out); /* "-" reads standard input */
HRM_API void hrm_maze_list_destroy(hrm_maze_list *list);
HRM_API uint32_t hrm_maze_list_get_count(const hrm_maze_list *list);
HRM_API hrm_maze_view hrm_maze_list_get(const hrm_maze_list *list, uint32_t index);

/* Tokens of a maze on a grid_width x grid_height grid, top left, the rest walls; a known path is left out.
 * Errors: INVALID_ARGUMENT (larger than the grid). */
HRM_API hrm_status hrm_maze_to_tokens(const hrm_maze_view *maze, uint32_t grid_width, uint32_t grid_height,
                                      uint32_t *tokens);
/* Cells of the top left width x height part of a grid of tokens; token 0 and unknown ones give '?'. */
HRM_API void hrm_maze_from_tokens(const uint32_t *tokens, uint32_t grid_width, uint32_t grid_height, uint32_t width,
                                  uint32_t height, char *cells);

/* How good an answer is. String match alone is a poor measure where several shortest paths tie. */
typedef struct hrm_maze_grade {
    uint32_t struct_size;
    bool has_reference;       /* a reference path was known */
    bool exact;               /* equals the reference in every cell */
    bool valid;               /* puzzle unchanged, the 'o' cells are one path from S to G and nothing else */
    bool shortest;            /* valid and as short as possible */
    bool solvable;            /* there is a way from S to G at all */
    uint32_t length;          /* moves of the answer's path (valid answers) */
    uint32_t shortest_length; /* moves of a shortest path (solvable mazes) */
    uint32_t excess;          /* length - shortest_length (valid answers) */
} hrm_maze_grade;

/* maze: the puzzle; answer: [height, width] cells; reference: likewise or NULL. */
HRM_API hrm_status hrm_maze_grade_answer(const hrm_maze_view *maze, const char *answer, const char *reference,
                                         hrm_maze_grade *grade);

#ifdef __cplusplus
}
#endif

#endif
