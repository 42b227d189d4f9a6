#include "data/sudoku_dataset.h"

#include "base/thread.h"
#include "data/hash_set.h"
#include "data/sudoku_symmetry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELLS HRM_SUDOKU_MAX_CELLS
#define MAX_THREADS 64u

/* Test puzzles come from generator indices of their own. */
#define TEST_FIRST_INDEX (UINT64_C(1) << 62)

/* Puzzles that a thread makes between two looks at the others: some milliseconds of easy ones, a second of hard ones.
 */
#define BLOCK_PER_THREAD 64u

/* Repeats in a row after which the space counts as used up: with one new puzzle left among n, the chance to miss it
 * that often is (1 - 1/n)^20000. */
#define MAX_REPEATS 20000u

typedef struct made_puzzle {
    uint8_t puzzle[CELLS], answer[CELLS];
    uint64_t hash;
    hrm_status status;
} made_puzzle;

/* A run of generator indices that the threads share out among themselves. Which thread makes which puzzle depends on
 * timing, what a puzzle is does not. */
typedef struct puzzle_block {
    const hrm_sudoku_generator *generator;
    uint64_t first_index;
    made_puzzle *puzzles;
    uint32_t count;
    hrm_mutex lock;
    uint32_t next;      /* to be made; guarded, as all below */
    uint32_t failed_at; /* the first puzzle that failed; UINT32_MAX when none did */
    char message[HRM_ERROR_MESSAGE_SIZE];
} puzzle_block;

static void make_puzzles(void *user) {
    puzzle_block *block = user;
    for (;;) {
        hrm_mutex_lock(&block->lock);
        uint32_t i = block->next < block->count ? block->next++ : block->count;
        hrm_mutex_unlock(&block->lock);
        if (i == block->count) return;
        made_puzzle *made = &block->puzzles[i];
        const hrm_sudoku_generator *generator = block->generator;
        made->status = hrm_sudoku_generate(generator, block->first_index + i, made->puzzle, made->answer, NULL);
        if (made->status == HRM_OK)
            made->status = hrm_sudoku_canonical_hash(generator->config.shape, made->answer, made->puzzle, &made->hash);
        if (made->status == HRM_OK) continue;
        hrm_mutex_lock(&block->lock);
        if (i < block->failed_at) {
            block->failed_at = i;
            snprintf(block->message, sizeof block->message, "%s", hrm_last_error());
        }
        block->next = block->count; /* nobody needs the rest */
        hrm_mutex_unlock(&block->lock);
    }
}

typedef struct dataset_builder {
    hrm_sudoku_generator generator;
    hrm_hash_set seen;
    puzzle_block block;
    uint32_t threads, block_size;
    uint64_t done, total;
    hrm_sudoku_dataset_progress_fn progress;
    void *user;
} dataset_builder;

/* Fills the block with the puzzles of the next `count` indices, on all threads, this one among them. A thread that the
 * system refuses is only missed, not needed. */
static void fill_block(dataset_builder *builder, uint64_t first_index, uint32_t count) {
    hrm_thread helpers[MAX_THREADS] = {{.started = false}};
    puzzle_block *block = &builder->block;
    block->first_index = first_index;
    block->count = count;
    block->next = 0;
    block->failed_at = UINT32_MAX;
    for (uint32_t t = 1; t < builder->threads && t < count; t++)
        if (hrm_thread_start(&helpers[t], "hrm-sudoku", make_puzzles, block) != HRM_OK) break;
    make_puzzles(block);
    for (uint32_t t = 1; t < builder->threads; t++) hrm_thread_join(&helpers[t]);
}

/* Makes `count` puzzles not seen before from generator indices first_index and up. */
static hrm_status build_split(dataset_builder *builder, const char *what, uint64_t first_index, uint32_t count,
                              hrm_puzzle_set *set) {
    hrm_status status;
    const hrm_sudoku_shape shape = builder->generator.config.shape;
    uint32_t cells = hrm_sudoku_cell_count(shape), made = 0, repeats = 0;
    HRM_TRY(hrm_puzzle_set_init(set, count, cells, hrm_sudoku_vocab_size(shape), shape.side, shape.side));
    for (uint64_t index = first_index; made < count; index += builder->block.count) {
        fill_block(builder, index, count - made < builder->block_size ? count - made : builder->block_size);
        for (uint32_t i = 0; i < builder->block.count; i++) {
            const made_puzzle *puzzle = &builder->block.puzzles[i];
            if (i == builder->block.failed_at) return hrm_fail(puzzle->status, "%s", builder->block.message);
            if (!hrm_hash_set_add(&builder->seen, puzzle->hash)) {
                if (++repeats < MAX_REPEATS) continue;
                return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                                "%u %s Sudokus of side %u were asked for, but after %u of them (and %u other puzzles) "
                                "the next %u were all repeats or symmetries; there are too few different ones: ask for "
                                "fewer, for a larger side, or for a wider range of givens",
                                count, what, shape.side, made, (uint32_t)(builder->done - made), repeats);
            }
            repeats = 0;
            for (uint32_t k = 0; k < cells; k++) {
                set->inputs[(size_t)made * cells + k] = hrm_sudoku_token(shape, puzzle->puzzle[k]);
                set->labels[(size_t)made * cells + k] = hrm_sudoku_token(shape, puzzle->answer[k]);
            }
            made++;
            builder->done++;
        }
        if (builder->progress && !builder->progress(builder->user, builder->done, builder->total))
            return hrm_fail(HRM_ERR_CANCELLED, "making Sudokus was cancelled after %llu of %llu",
                            (unsigned long long)builder->done, (unsigned long long)builder->total);
    }
    return HRM_OK;
fail:
    return status;
}

hrm_status hrm_sudoku_dataset_build(const hrm_sudoku_dataset_config *config, hrm_sudoku_dataset_progress_fn progress,
                                    void *user, hrm_puzzle_set *train, hrm_puzzle_set *test) {
    hrm_status status;
    bool locked = false;
    dataset_builder builder = {.total = (uint64_t)config->train_count + config->test_count,
                               .threads = hrm_thread_count(config->threads, MAX_THREADS),
                               .progress = progress,
                               .user = user};
    *train = (hrm_puzzle_set){0};
    *test = (hrm_puzzle_set){0};
    builder.block.generator = &builder.generator;
    builder.block_size = builder.threads * BLOCK_PER_THREAD;
    HRM_TRY(hrm_sudoku_generator_init(&builder.generator, &config->sudoku));
    HRM_TRY(hrm_hash_set_init(&builder.seen, builder.total, "Sudokus"));
    HRM_TRY(hrm_mutex_init(&builder.block.lock));
    locked = true;
    builder.block.puzzles = malloc(builder.block_size * sizeof *builder.block.puzzles);
    if (!builder.block.puzzles) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for a block of %u Sudokus", builder.block_size);
        goto fail;
    }
    if (config->test_count) HRM_TRY(build_split(&builder, "test", TEST_FIRST_INDEX, config->test_count, test));
    if (config->train_count) HRM_TRY(build_split(&builder, "training", 0, config->train_count, train));
    status = HRM_OK;
fail:
    hrm_hash_set_deinit(&builder.seen);
    free(builder.block.puzzles);
    if (locked) hrm_mutex_deinit(&builder.block.lock);
    if (status != HRM_OK) {
        hrm_puzzle_set_deinit(train);
        hrm_puzzle_set_deinit(test);
    }
    return status;
}
