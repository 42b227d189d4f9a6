#include "data/maze_stream.h"

#include "base/thread.h"
#include "data/augment.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Mazes go through the locks in chunks: of about this many cells, so that neither a lock for each tiny maze nor a long
 * wait for many large ones hurts. */
#define CHUNK_CELLS 16384u
#define CHUNK_MAX_MAZES 64u

typedef struct stream_chunk {
    char *puzzles, *answers; /* [chunk_mazes, cells] */
    uint64_t *hashes;        /* [chunk_mazes] */
    uint32_t *lengths;       /* [chunk_mazes] */
    uint32_t made;           /* less than chunk_mazes when `status` says why the next could not be made */
    hrm_status status;
    char message[HRM_ERROR_MESSAGE_SIZE];
    bool ready; /* under the mutex; the rest belongs to the one thread that fills or takes the chunk */
} stream_chunk;

typedef struct stream_maker {
    struct hrm_maze_stream *stream;
    hrm_maze_generator generator;
    hrm_thread thread;
} stream_maker;

/* Chunk number c holds the mazes first_index + c * chunk_mazes and up, and lives in chunks[c % chunk_count]. */
struct hrm_maze_stream {
    uint64_t first_index;
    uint32_t width, height, chunk_mazes, chunk_count, thread_count;
    stream_chunk *chunks;
    stream_maker *makers; /* [thread_count] */
    hrm_mutex mutex;
    hrm_cond changed;
    bool has_mutex, has_cond;
    uint64_t claimed, taken; /* chunk numbers, under the mutex: taken <= claimed <= taken + chunk_count */
    bool ended;              /* under the mutex: a maze could not be made, so nobody claims chunks after it */
    atomic_bool stop;
    stream_chunk *current; /* chunk number `taken` once it is ready; the taker's, like `next` */
    uint32_t next;         /* maze in it */
};

static void fill_chunk(hrm_maze_stream *stream, hrm_maze_generator *generator, uint64_t number, stream_chunk *chunk) {
    size_t cells = (size_t)stream->width * stream->height;
    chunk->status = HRM_OK;
    for (chunk->made = 0; chunk->made < stream->chunk_mazes && !atomic_load(&stream->stop); chunk->made++) {
        char *puzzle = chunk->puzzles + chunk->made * cells, *answer = chunk->answers + chunk->made * cells;
        uint64_t index = stream->first_index + number * stream->chunk_mazes + chunk->made;
        chunk->status = hrm_maze_generate(generator, index, puzzle, answer, &chunk->lengths[chunk->made]);
        if (chunk->status != HRM_OK) {
            strcpy(chunk->message, hrm_last_error()); /* both hold HRM_ERROR_MESSAGE_SIZE */
            return;
        }
        chunk->hashes[chunk->made] = hrm_maze_canonical_hash(puzzle, stream->width, stream->height);
    }
}

static void make_mazes(void *user) {
    stream_maker *maker = user;
    hrm_maze_stream *stream = maker->stream;
    hrm_mutex_lock(&stream->mutex);
    while (!atomic_load(&stream->stop) && !stream->ended) {
        if (stream->claimed == stream->taken + stream->chunk_count) {
            hrm_cond_wait(&stream->changed, &stream->mutex);
            continue;
        }
        uint64_t number = stream->claimed++;
        stream_chunk *chunk = &stream->chunks[number % stream->chunk_count];
        hrm_mutex_unlock(&stream->mutex);
        fill_chunk(stream, &maker->generator, number, chunk);
        hrm_mutex_lock(&stream->mutex);
        chunk->ready = true;
        if (chunk->status != HRM_OK) stream->ended = true;
        hrm_cond_broadcast(&stream->changed);
    }
    hrm_mutex_unlock(&stream->mutex);
}

static hrm_status init_chunk(stream_chunk *chunk, uint32_t mazes, size_t cells) {
    chunk->puzzles = malloc(mazes * cells);
    chunk->answers = malloc(mazes * cells);
    chunk->hashes = malloc(mazes * sizeof *chunk->hashes);
    chunk->lengths = malloc(mazes * sizeof *chunk->lengths);
    if (chunk->puzzles && chunk->answers && chunk->hashes && chunk->lengths) return HRM_OK;
    return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for %u mazes of %zu cells", mazes, cells);
}

hrm_status hrm_maze_stream_create(const hrm_maze_generator_config *config, uint64_t first_index, uint32_t threads,
                                  hrm_maze_stream **out) {
    hrm_status status;
    *out = NULL;
    hrm_maze_stream *stream = calloc(1, sizeof *stream);
    if (!stream) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for a stream of mazes");
    threads = hrm_thread_count(threads, HRM_MAZE_STREAM_MAX_THREADS);
    stream->first_index = first_index;
    stream->width = config->width;
    stream->height = config->height;
    stream->makers = calloc(threads, sizeof *stream->makers);
    /* One chunk being filled by each thread, one each waiting, and the one being taken. */
    stream->chunks = calloc(2 * (size_t)threads + 1, sizeof *stream->chunks);
    if (!stream->makers || !stream->chunks) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for %u threads that make mazes", threads);
        goto fail;
    }
    stream->thread_count = threads;
    stream->chunk_count = 2 * threads + 1;
    /* The generators check the sides, so they come before anything is computed from them. */
    for (uint32_t i = 0; i < threads; i++) HRM_TRY(hrm_maze_generator_init(&stream->makers[i].generator, config));
    uint32_t cells = config->width * config->height, mazes = CHUNK_CELLS / cells;
    stream->chunk_mazes = mazes < 1 ? 1 : mazes > CHUNK_MAX_MAZES ? CHUNK_MAX_MAZES : mazes;
    for (uint32_t i = 0; i < stream->chunk_count; i++)
        HRM_TRY(init_chunk(&stream->chunks[i], stream->chunk_mazes, cells));
    HRM_TRY(hrm_mutex_init(&stream->mutex));
    stream->has_mutex = true;
    HRM_TRY(hrm_cond_init(&stream->changed));
    stream->has_cond = true;
    for (uint32_t i = 0; i < threads; i++) {
        stream->makers[i].stream = stream;
        status = hrm_thread_start(&stream->makers[i].thread, "hrm-mazes", make_mazes, &stream->makers[i]);
        if (status != HRM_OK && i == 0) goto fail;
        if (status != HRM_OK) break; /* those that run are enough, and make the same mazes */
    }
    *out = stream;
    return HRM_OK;
fail:
    hrm_maze_stream_destroy(stream);
    return status;
}

hrm_status hrm_maze_stream_take(hrm_maze_stream *stream, hrm_maze_stream_item *out) {
    if (!stream->current || stream->next == stream->chunk_mazes) {
        hrm_mutex_lock(&stream->mutex);
        if (stream->current) {
            stream->current->ready = false;
            stream->taken++;
            hrm_cond_broadcast(&stream->changed);
        }
        stream->current = &stream->chunks[stream->taken % stream->chunk_count];
        while (!stream->current->ready) hrm_cond_wait(&stream->changed, &stream->mutex);
        hrm_mutex_unlock(&stream->mutex);
        stream->next = 0;
    }
    const stream_chunk *chunk = stream->current;
    if (stream->next == chunk->made) return hrm_fail(chunk->status, "%s", chunk->message);
    uint32_t at = stream->next++;
    size_t cells = (size_t)stream->width * stream->height;
    *out = (hrm_maze_stream_item){.index = stream->first_index + stream->taken * stream->chunk_mazes + at,
                                  .puzzle = chunk->puzzles + at * cells,
                                  .answer = chunk->answers + at * cells,
                                  .hash = chunk->hashes[at],
                                  .length = chunk->lengths[at]};
    return HRM_OK;
}

void hrm_maze_stream_destroy(hrm_maze_stream *stream) {
    if (!stream) return;
    atomic_store(&stream->stop, true);
    if (stream->has_cond) {
        hrm_mutex_lock(&stream->mutex);
        hrm_cond_broadcast(&stream->changed);
        hrm_mutex_unlock(&stream->mutex);
    }
    for (uint32_t i = 0; i < stream->thread_count; i++) {
        hrm_thread_join(&stream->makers[i].thread);
        hrm_maze_generator_deinit(&stream->makers[i].generator);
    }
    for (uint32_t i = 0; i < stream->chunk_count; i++) {
        free(stream->chunks[i].puzzles);
        free(stream->chunks[i].answers);
        free(stream->chunks[i].hashes);
        free(stream->chunks[i].lengths);
    }
    if (stream->has_cond) hrm_cond_deinit(&stream->changed);
    if (stream->has_mutex) hrm_mutex_deinit(&stream->mutex);
    free(stream->chunks);
    free(stream->makers);
    free(stream);
}
