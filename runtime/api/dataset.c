#include <hrm/dataset.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config_copy.h"
#include "base/file_map.h"
#include "data/csv_dataset.h"
#include "data/maze.h"
#include "data/maze_check.h"
#include "data/maze_dataset.h"
#include "data/puzzle_set.h"
#include "train/dataset.h"

_Static_assert(HRM_IGNORE_LABEL == HRM_NO_LABEL, "public and internal mark for a missing label differ");
_Static_assert(HRM_MAZE_STYLE_PERFECT == (int)HRM_MAZE_GENERATOR_PERFECT &&
                   HRM_MAZE_STYLE_REPAIRED == (int)HRM_MAZE_GENERATOR_REPAIRED &&
                   HRM_MAZE_STYLE_UNIFORM == (int)HRM_MAZE_GENERATOR_UNIFORM &&
                   HRM_MAZE_HARD_MIN_PATH == HRM_MAZE_HARD_MIN_LENGTH && HRM_MAZE_HARD_GRID == HRM_MAZE_HARD_SIDE,
               "public and internal kinds of mazes differ");
_Static_assert(HRM_MAZE_VOCAB == (int)HRM_MAZE_VOCAB_SIZE, "public and internal maze vocabularies differ");

hrm_status hrm_dataset_open(const char *folder, const char *split, hrm_dataset **out) {
    *out = NULL;
    hrm_dataset *d = calloc(1, sizeof *d);
    if (!d) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "data set: no host memory");
    hrm_status status = hrm_puzzle_set_open(&d->set, folder, split);
    if (status != HRM_OK) {
        free(d);
        return status;
    }
    *out = d;
    return HRM_OK;
}

void hrm_dataset_close(hrm_dataset *d) {
    if (!d) return;
    hrm_puzzle_set_deinit(&d->set);
    free(d);
}

hrm_status hrm_dataset_get_info(const hrm_dataset *d, hrm_dataset_info *info) {
    *info = (hrm_dataset_info){.struct_size = (uint32_t)sizeof *info,
                               .count = d->set.example_count,
                               .seq_len = d->set.seq_len,
                               .vocab_size = d->set.vocab_size,
                               .puzzle_count = d->set.identifier_count,
                               .grid_width = d->set.grid_width,
                               .grid_height = d->set.grid_height,
                               .kind = hrm_dataset_find_kind(&d->set),
                               .puzzles = d->set.puzzle_count,
                               .groups = d->set.group_count,
                               .pad_id = d->set.pad_id,
                               .bytes = (uint64_t)d->set.example_count * d->set.seq_len * 2};
    for (size_t i = 0; i < (size_t)d->set.example_count * d->set.seq_len; i++)
        info->labelled += d->set.labels[i] != d->set.ignore_label_id;
    return HRM_OK;
}

hrm_status hrm_dataset_get_checksum(const hrm_dataset *d, uint64_t *checksum) {
    *checksum = hrm_dataset_hash(d);
    return HRM_OK;
}

hrm_status hrm_dataset_read(const hrm_dataset *d, uint32_t first, uint32_t count, uint32_t *tokens, uint32_t *labels,
                            uint32_t *ids) {
    return hrm_puzzle_set_read(&d->set, first, count, tokens, labels, ids);
}

hrm_status hrm_csv_dataset_create(const hrm_csv_config *config, const char *folder,
                                  bool (*progress)(void *user, uint64_t done, uint64_t total), void *user,
                                  hrm_csv_report *report) {
    hrm_csv_config c;
    hrm_status status = hrm_config_copy(config, &c, sizeof c, "hrm_csv_config");
    if (status != HRM_OK) return status;
    if (c.kind != HRM_PUZZLE_MAZE && c.kind != HRM_PUZZLE_SUDOKU)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "hrm_csv_config: kind is %d; it must be 1 (mazes) or 2 (Sudoku)",
                        (int)c.kind);
    if (!c.train_path && !c.test_path)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "hrm_csv_config: neither train_path nor test_path names a file");
    hrm_csv_dataset_config build = {.puzzle = c.kind == HRM_PUZZLE_MAZE ? HRM_CSV_DATASET_MAZE : HRM_CSV_DATASET_SUDOKU,
                                    .subsample = c.subsample,
                                    .copies = c.copies,
                                    .symmetries = c.symmetries != 0,
                                    .by_rating = c.min_rating != 0,
                                    .min_rating = c.min_rating,
                                    .seed = c.seed,
                                    .threads = c.threads};
    hrm_csv_dataset_report made[2] = {{0}, {0}};
    status = hrm_csv_dataset_build(c.train_path, c.test_path, folder, &build, progress, user, made);
    if (status != HRM_OK) return status;
    if (report)
        *report = (hrm_csv_report){.struct_size = (uint32_t)sizeof *report,
                                   .rows_read = made[0].rows_read + made[1].rows_read,
                                   .train_groups = made[0].groups,
                                   .train_examples = made[0].examples,
                                   .test_examples = made[1].examples,
                                   .side = c.train_path ? made[0].side : made[1].side};
    return HRM_OK;
}

hrm_status hrm_maze_dataset_create(const hrm_maze_config *config, const char *folder,
                                   bool (*progress)(void *user, uint64_t done, uint64_t total), void *user) {
    hrm_maze_config c;
    hrm_status status = hrm_config_copy(config, &c, sizeof c, "hrm_maze_config");
    if (status != HRM_OK) return status;
    hrm_maze_dataset_config build = {.maze = hrm_maze_generator_config_default(),
                                     .train_count = c.train_count ? c.train_count : 20000,
                                     .test_count = c.test_count ? c.test_count : 1000,
                                     .threads = c.threads};
    if ((unsigned)c.style > HRM_MAZE_STYLE_UNIFORM)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "hrm_maze_config: style is %d; it must be 0 (random), 1 (perfect), 2 (repaired) or 3 (uniform)",
                        (int)c.style);
    build.maze.kind = (hrm_maze_generator_kind)c.style;
    build.maze.max_length = c.max_path;
    if (c.width) build.maze.width = c.width;
    if (c.height) build.maze.height = c.height;
    if (c.min_path) build.maze.min_length = c.min_path;
    if (c.wall_density > 0 || c.wall_density < 0) build.maze.wall_density = (double)c.wall_density;
    build.maze.unique = c.unique != 0;
    build.maze.seed = c.seed;
    hrm_puzzle_set train, test;
    status = hrm_maze_dataset_build(&build, progress, user, &train, &test);
    if (status != HRM_OK) return status;
    status = hrm_puzzle_set_save(&train, folder, "train");
    if (status == HRM_OK) status = hrm_puzzle_set_save(&test, folder, "test");
    hrm_puzzle_set_deinit(&train);
    hrm_puzzle_set_deinit(&test);
    return status;
}

/* ---- mazes as text
 * --------------------------------------------------------------------------------------------------- */

struct hrm_maze_list {
    hrm_maze_set set;
};

hrm_status hrm_maze_list_parse(const char *text, size_t size, const char *name, hrm_maze_list **out) {
    *out = NULL;
    hrm_maze_list *list = calloc(1, sizeof *list);
    if (!list) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%s: no host memory", name);
    hrm_status status = hrm_maze_parse(name, text, size, &list->set);
    if (status != HRM_OK) {
        free(list);
        return status;
    }
    *out = list;
    return HRM_OK;
}

/* Standard input cannot be mapped; one byte past the limit is read so that the parser can say it is too long. */
static hrm_status read_stream(FILE *file, hrm_maze_list **out) {
    size_t limit = HRM_MAZE_MAX_TEXT_BYTES + 1;
    char *text = malloc(limit);
    if (!text) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "standard input: no host memory");
    size_t n = fread(text, 1, limit, file);
    hrm_status status = ferror(file) ? hrm_fail_errno(HRM_ERR_IO, errno, "standard input")
                                     : hrm_maze_list_parse(text, n, "standard input", out);
    free(text);
    return status;
}

hrm_status hrm_maze_list_read(const char *path, hrm_maze_list **out) {
    *out = NULL;
    if (strcmp(path, "-") == 0) return read_stream(stdin, out);
    hrm_file_map map;
    hrm_status status = hrm_file_map_open(path, &map);
    if (status != HRM_OK) return status;
    status = hrm_maze_list_parse(map.data, map.size, path, out);
    hrm_file_map_close(&map);
    return status;
}

void hrm_maze_list_destroy(hrm_maze_list *list) {
    if (!list) return;
    hrm_maze_set_deinit(&list->set);
    free(list);
}

uint32_t hrm_maze_list_get_count(const hrm_maze_list *list) {
    return (uint32_t)list->set.count;
}

hrm_maze_view hrm_maze_list_get(const hrm_maze_list *list, uint32_t index) {
    const hrm_maze *m = &list->set.mazes[index];
    return (hrm_maze_view){m->width, m->height, m->cells, hrm_maze_count(m, HRM_MAZE_PATH) > 0};
}

/* A stripped copy of a view. Caller deinits. */
static hrm_status copy_puzzle(const hrm_maze_view *view, hrm_maze *out) {
    hrm_status status = hrm_maze_init(out, view->width, view->height);
    if (status != HRM_OK) return status;
    size_t count = (size_t)view->width * view->height;
    memcpy(out->cells, view->cells, count);
    hrm_maze_strip_path(out->cells, count);
    return HRM_OK;
}

hrm_status hrm_maze_to_tokens(const hrm_maze_view *view, uint32_t grid_width, uint32_t grid_height, uint32_t *tokens) {
    hrm_maze puzzle;
    hrm_status status = copy_puzzle(view, &puzzle);
    if (status != HRM_OK) return status;
    status = hrm_maze_write_tokens_into(&puzzle, grid_width, grid_height, tokens);
    hrm_maze_deinit(&puzzle);
    return status;
}

void hrm_maze_from_tokens(const uint32_t *tokens, uint32_t grid_width, uint32_t grid_height, uint32_t width,
                          uint32_t height, char *cells) {
    (void)grid_height;
    hrm_maze_cells_from_tokens(tokens, grid_width, width, height, cells);
}

hrm_status hrm_maze_grade_answer(const hrm_maze_view *view, const char *answer, const char *reference,
                                 hrm_maze_grade *grade) {
    hrm_maze_checker checker;
    hrm_status status = hrm_maze_checker_init(&checker, view->width * view->height);
    if (status != HRM_OK) return status;
    hrm_maze_verdict v;
    status = hrm_maze_checker_run(&checker, view->width, view->height, view->cells, answer, reference, &v);
    hrm_maze_checker_deinit(&checker);
    if (status != HRM_OK) return status;
    *grade = (hrm_maze_grade){.struct_size = (uint32_t)sizeof *grade,
                              .has_reference = reference != NULL,
                              .exact = v.exact,
                              .valid = v.valid,
                              .shortest = v.shortest,
                              .solvable = v.solvable,
                              .length = v.valid ? v.length : 0,
                              .shortest_length = v.shortest_length,
                              .excess = v.valid ? v.excess : 0};
    return HRM_OK;
}
