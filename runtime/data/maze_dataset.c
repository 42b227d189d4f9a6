#include "data/maze_dataset.h"

#include "data/hash_set.h"
#include "data/maze.h"
#include "data/maze_stream.h"

#include <stdbool.h>

/* Test mazes come from generator indices of their own. */
#define TEST_FIRST_INDEX (UINT64_C(1) << 62)

/* The caller hears of progress after this many mazes, or this many cells' worth when that is fewer mazes. */
#define PROGRESS_MAZES 256u
#define PROGRESS_CELLS 16384u

/* Repeats in a row after which the space counts as used up: with one new maze left among n, the chance to miss it that
 * often is (1 - 1/n)^20000. */
#define MAX_REPEATS 20000u

typedef struct dataset_builder {
    const hrm_maze_dataset_config *config;
    hrm_hash_set seen;
    uint64_t done, total, progress_step;
    hrm_maze_dataset_progress_fn progress;
    void *user;
} dataset_builder;

static hrm_status report_progress(const dataset_builder *builder) {
    if (!builder->progress || (builder->done % builder->progress_step != 0 && builder->done != builder->total))
        return HRM_OK;
    if (builder->progress(builder->user, builder->done, builder->total)) return HRM_OK;
    return hrm_fail(HRM_ERR_CANCELLED, "making mazes was cancelled after %llu of %llu",
                    (unsigned long long)builder->done, (unsigned long long)builder->total);
}

/* Makes `count` mazes not seen before from generator indices first_index and up. The threads of the stream make and
 * hash them; telling them apart is done here, in the order of the indices, so that timing changes nothing. */
static hrm_status build_split(dataset_builder *builder, const char *what, uint64_t first_index, uint32_t count,
                              hrm_puzzle_set *set) {
    hrm_status status;
    const hrm_maze_generator_config *config = &builder->config->maze;
    uint32_t cells = config->width * config->height, made = 0, repeats = 0;
    hrm_maze_stream *stream = NULL;
    HRM_TRY(hrm_puzzle_set_init(set, count, cells, HRM_MAZE_VOCAB_SIZE, config->width, config->height));
    HRM_TRY(hrm_maze_stream_create(config, first_index, builder->config->threads, &stream));
    while (made < count) {
        hrm_maze_stream_item maze;
        HRM_TRY(hrm_maze_stream_take(stream, &maze));
        if (!hrm_hash_set_add(&builder->seen, maze.hash)) {
            if (++repeats < MAX_REPEATS) continue;
            status =
                hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                         "%u %s mazes of %ux%u cells were asked for, but after %u of them (and %u other mazes) the "
                         "next %u were all repeats; there are too few different mazes: ask for fewer, or larger ones",
                         count, what, config->width, config->height, made, (uint32_t)(builder->done - made), repeats);
            goto fail;
        }
        repeats = 0;
        for (uint32_t i = 0; i < cells; i++) {
            set->inputs[(size_t)made * cells + i] = hrm_maze_token(maze.puzzle[i]);
            set->labels[(size_t)made * cells + i] = hrm_maze_token(maze.answer[i]);
        }
        made++;
        builder->done++;
        HRM_TRY(report_progress(builder));
    }
    status = HRM_OK;
fail:
    hrm_maze_stream_destroy(stream);
    return status;
}

/* Refuses bad settings before any memory is taken for them. */
static hrm_status check_maze_config(const hrm_maze_generator_config *config) {
    hrm_maze_generator generator;
    hrm_status status = hrm_maze_generator_init(&generator, config);
    hrm_maze_generator_deinit(&generator);
    return status;
}

hrm_status hrm_maze_dataset_build(const hrm_maze_dataset_config *config, hrm_maze_dataset_progress_fn progress,
                                  void *user, hrm_puzzle_set *train, hrm_puzzle_set *test) {
    hrm_status status;
    dataset_builder builder = {.config = config,
                               .total = (uint64_t)config->train_count + config->test_count,
                               .progress = progress,
                               .user = user};
    *train = (hrm_puzzle_set){0};
    *test = (hrm_puzzle_set){0};
    HRM_TRY(check_maze_config(&config->maze));
    uint32_t step = PROGRESS_CELLS / (config->maze.width * config->maze.height);
    builder.progress_step = step < 1 ? 1 : step > PROGRESS_MAZES ? PROGRESS_MAZES : step;
    HRM_TRY(hrm_hash_set_init(&builder.seen, builder.total, "mazes"));
    if (config->test_count) HRM_TRY(build_split(&builder, "test", TEST_FIRST_INDEX, config->test_count, test));
    if (config->train_count) HRM_TRY(build_split(&builder, "training", 0, config->train_count, train));
    status = HRM_OK;
fail:
    hrm_hash_set_deinit(&builder.seen);
    if (status != HRM_OK) {
        hrm_puzzle_set_deinit(train);
        hrm_puzzle_set_deinit(test);
    }
    return status;
}
