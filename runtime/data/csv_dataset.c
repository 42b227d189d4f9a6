#include "data/csv_dataset.h"

#include "base/rng.h"
#include "base/thread.h"
#include "data/augment.h"
#include "data/csv_puzzle.h"
#include "data/puzzle_columns.h"
#include "data/puzzle_set_writer.h"
#include "data/sudoku_symmetry.h"
#include "io/csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SUBSAMPLE_KEY UINT64_C(0x73756273) /* "subs" */
#define COPY_KEY UINT64_C(0x636f7079)      /* "copy" */
#define MAX_ROWS ((uint64_t)INT32_MAX - 1)
#define MAX_THREADS 64u
#define CHUNK_CELLS ((size_t)4 << 20) /* of tokens made at once, unless a single row has more copies */

/* ---- which rows ---- */

typedef struct row_source {
    hrm_csv *csv;
    const hrm_csv_dataset_config *config;
    uint32_t question, answer, rating; /* columns */
    uint64_t kept, wanted;             /* rows that pass the rating, and how many of them are taken */
    uint64_t kept_left, wanted_left;   /* in the present run */
    hrm_rng rng;
} row_source;

/* "file:line: " in front of the present message. */
static hrm_status fail_at_line(const hrm_csv *csv, uint64_t line, hrm_status status) {
    return hrm_fail_prefix(status, "%s:%llu", hrm_csv_name(csv), (unsigned long long)line);
}

static hrm_status read_rating(hrm_csv_field field, int64_t *out) {
    char text[24]; /* what is longer is no 64-bit number */
    if (field.size > 0 && field.size < sizeof text) {
        char *end;
        memcpy(text, field.data, field.size);
        text[field.size] = '\0';
        bool starts = (text[0] >= '0' && text[0] <= '9') || text[0] == '-' || text[0] == '+';
        errno = 0;
        long long value = strtoll(text, &end, 10);
        if (starts && end != text && *end == '\0' && errno == 0) {
            *out = value;
            return HRM_OK;
        }
    }
    return hrm_fail(HRM_ERR_FORMAT, "column \"rating\" holds '%s'; it must be a whole number",
                    hrm_csv_field_shown(field).text);
}

/* The next row whose rating is high enough; NULL behind the last. */
static hrm_status next_kept(row_source *rows, const hrm_csv_field **fields) {
    for (;;) {
        hrm_status status = hrm_csv_next(rows->csv, fields);
        if (status != HRM_OK || !*fields || !rows->config->by_rating) return status;
        int64_t rating = 0;
        status = read_rating((*fields)[rows->rating], &rating);
        if (status != HRM_OK) return fail_at_line(rows->csv, hrm_csv_line(rows->csv), status);
        if (rating >= rows->config->min_rating) return HRM_OK;
    }
}

/* The next row of the subsample. Each row is taken with the chance (wanted of what is left) / (left), which makes every
 * set of rows equally likely and needs no memory. Source: Knuth, TAOCP 2, 3.4.2, algorithm S. */
static hrm_status next_taken(row_source *rows, const hrm_csv_field **fields) {
    for (;;) {
        *fields = NULL;
        if (rows->wanted_left == 0) return HRM_OK;
        hrm_status status = next_kept(rows, fields);
        if (status != HRM_OK) return status;
        if (!*fields) /* there were enough when they were counted */
            return hrm_fail(HRM_ERR_IO, "%s: the file was changed while it was read", hrm_csv_name(rows->csv));
        bool take = rows->wanted_left == rows->kept_left ||
                    hrm_rng_below(&rows->rng, (uint32_t)rows->kept_left) < rows->wanted_left;
        rows->kept_left--;
        if (take) {
            rows->wanted_left--;
            return HRM_OK;
        }
    }
}

static void restart(row_source *rows) {
    hrm_csv_rewind(rows->csv);
    hrm_rng_init(&rows->rng, rows->config->seed ^ SUBSAMPLE_KEY, 0);
    rows->kept_left = rows->kept;
    rows->wanted_left = rows->wanted;
}

/* Finds the columns and counts the rows, which checks every row's fields on the way. */
static hrm_status survey(row_source *rows, uint64_t *rows_read) {
    hrm_status status;
    const hrm_csv_field *fields;
    HRM_TRY(hrm_csv_find_column(rows->csv, HRM_PUZZLE_COLUMNS_QUESTION, &rows->question));
    HRM_TRY(hrm_csv_find_column(rows->csv, HRM_PUZZLE_COLUMNS_ANSWER, &rows->answer));
    if (rows->config->by_rating) HRM_TRY(hrm_csv_find_column(rows->csv, "rating", &rows->rating));
    for (*rows_read = 0;; ++*rows_read) {
        HRM_TRY(hrm_csv_next(rows->csv, &fields));
        if (!fields) break;
        int64_t rating = 0;
        if (rows->config->by_rating) status = read_rating(fields[rows->rating], &rating);
        if (status != HRM_OK) return fail_at_line(rows->csv, hrm_csv_line(rows->csv), status);
        rows->kept += !rows->config->by_rating || rating >= rows->config->min_rating;
    }
    if (rows->kept == 0)
        return *rows_read ? hrm_fail(HRM_ERR_INVALID_ARGUMENT, "%s: none of the %llu rows has a rating of %lld or more",
                                     hrm_csv_name(rows->csv), (unsigned long long)*rows_read,
                                     (long long)rows->config->min_rating)
                          : hrm_fail(HRM_ERR_FORMAT, "%s: there is a header but no row", hrm_csv_name(rows->csv));
    uint32_t subsample = rows->config->subsample;
    rows->wanted = subsample && subsample < rows->kept ? subsample : rows->kept;
    if (rows->kept > MAX_ROWS)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "%s has %llu rows; at most %llu can be read", hrm_csv_name(rows->csv),
                        (unsigned long long)rows->kept, (unsigned long long)MAX_ROWS);
fail:
    return status;
}

/* ---- making examples, some rows at a time, shared out to threads ---- */

typedef struct chunk_job {
    struct builder *builder;
    uint32_t first, end; /* rows of the chunk */
    hrm_csv_puzzle_reader reader;
    hrm_thread thread;
    hrm_status status;
    char message[HRM_ERROR_MESSAGE_SIZE];
} chunk_job;

typedef struct builder {
    row_source rows;
    const hrm_csv_dataset_config *config;
    hrm_sudoku_shape shape;
    uint32_t cells, per_row;  /* tokens of an example, examples of a row */
    uint32_t chunk_rows;      /* at most so many rows at once */
    uint32_t count;           /* rows of this chunk */
    uint64_t first_row;       /* number of this chunk's first among all rows taken */
    char *text;               /* [chunk_rows, 2, cells] questions and answers */
    uint64_t *lines;          /* [chunk_rows] */
    uint8_t *inputs, *labels; /* [chunk_rows, per_row, cells] */
    uint32_t job_count;
    chunk_job *jobs; /* [job_count] */
} builder;

/* The examples of row `row` of the chunk behind the first, which is the row itself. */
static void make_copies(const builder *b, uint32_t row, uint8_t *inputs, uint8_t *labels) {
    if (b->config->puzzle == HRM_CSV_DATASET_MAZE) {
        for (uint32_t k = 1; k < b->per_row; k++) {
            hrm_grid_transform(k, b->jobs[0].reader.side, inputs, inputs + (size_t)k * b->cells);
            hrm_grid_transform(k, b->jobs[0].reader.side, labels, labels + (size_t)k * b->cells);
        }
        return;
    }
    for (uint32_t k = 1; k < b->per_row; k++) {
        hrm_rng rng;
        hrm_sudoku_symmetry symmetry;
        hrm_sudoku_symmetry_table table;
        hrm_rng_init(&rng, b->config->seed ^ COPY_KEY, (b->first_row + row) << 32 | k);
        hrm_sudoku_symmetry_draw(b->shape, &rng, &symmetry);
        hrm_sudoku_symmetry_tabulate(b->shape, &symmetry, &table);
        hrm_sudoku_symmetry_apply_tokens(&table, inputs, inputs + (size_t)k * b->cells);
        hrm_sudoku_symmetry_apply_tokens(&table, labels, labels + (size_t)k * b->cells);
    }
}

static void run_job(void *user) {
    chunk_job *job = user;
    const builder *b = job->builder;
    job->status = HRM_OK;
    for (uint32_t row = job->first; row < job->end; row++) {
        const char *question = b->text + 2 * (size_t)row * b->cells;
        size_t offset = (size_t)row * b->per_row * b->cells;
        job->status =
            hrm_csv_puzzle_read(&job->reader, question, question + b->cells, b->inputs + offset, b->labels + offset);
        if (job->status != HRM_OK) {
            fail_at_line(b->rows.csv, b->lines[row], job->status);
            strcpy(job->message, hrm_last_error()); /* both hold HRM_ERROR_MESSAGE_SIZE */
            return;
        }
        make_copies(b, row, b->inputs + offset, b->labels + offset);
    }
}

/* Makes the chunk's examples. The error of the first wrong row is reported, whoever found it. */
static hrm_status run_jobs(builder *b) {
    hrm_status status = HRM_OK;
    for (uint32_t j = 0; j < b->job_count; j++) {
        chunk_job *job = &b->jobs[j];
        job->first = (uint32_t)((uint64_t)b->count * j / b->job_count);
        job->end = (uint32_t)((uint64_t)b->count * (j + 1) / b->job_count);
        /* Without another thread the work is done here. */
        if (j + 1 == b->job_count || job->first == job->end ||
            hrm_thread_start(&job->thread, "hrm-csv", run_job, job) != HRM_OK)
            run_job(job);
    }
    for (uint32_t j = 0; j < b->job_count; j++) hrm_thread_join(&b->jobs[j].thread);
    for (uint32_t j = 0; j < b->job_count && status == HRM_OK; j++)
        if (b->jobs[j].status != HRM_OK) status = hrm_fail(b->jobs[j].status, "%s", b->jobs[j].message);
    return status;
}

static hrm_status check_length(const builder *b, const char *what, hrm_csv_field field) {
    if (field.size == b->cells) return HRM_OK;
    return hrm_fail(HRM_ERR_FORMAT, "the %s has %zu cells; %u were expected%s", what, field.size, b->cells,
                    b->config->puzzle == HRM_CSV_DATASET_MAZE ? ", as in the first row" : "");
}

/* Copies the next rows' boards into the chunk. On an error the rows before it are there. */
static hrm_status take_rows(builder *b) {
    hrm_status status;
    b->first_row += b->count;
    for (b->count = 0; b->count < b->chunk_rows; b->count++) {
        const hrm_csv_field *fields;
        HRM_TRY(next_taken(&b->rows, &fields));
        if (!fields) return HRM_OK;
        hrm_csv_field question = fields[b->rows.question], answer = fields[b->rows.answer];
        uint64_t line = hrm_csv_line(b->rows.csv);
        status = check_length(b, "question", question);
        if (status == HRM_OK) status = check_length(b, "answer", answer);
        if (status != HRM_OK) return fail_at_line(b->rows.csv, line, status);
        char *text = b->text + 2 * (size_t)b->count * b->cells;
        memcpy(text, question.data, b->cells);
        memcpy(text + b->cells, answer.data, b->cells);
        b->lines[b->count] = line;
    }
    return HRM_OK;
fail:
    return status;
}

/* Takes, makes and writes one chunk. */
static hrm_status run_chunk(builder *b, hrm_puzzle_set_writer *writer) {
    hrm_status status;
    char message[HRM_ERROR_MESSAGE_SIZE];
    hrm_status taken = take_rows(b);
    strcpy(message, taken != HRM_OK ? hrm_last_error() : "");
    /* A row that cannot be taken lies behind those that were, so their errors come first. */
    HRM_TRY(run_jobs(b));
    if (taken != HRM_OK) return hrm_fail(taken, "%s", message);
    for (uint32_t row = 0; row < b->count; row++) {
        size_t offset = (size_t)row * b->per_row * b->cells;
        HRM_TRY(hrm_puzzle_set_writer_append_puzzles(writer, b->per_row, 0, b->inputs + offset, b->labels + offset));
        HRM_TRY(hrm_puzzle_set_writer_end_group(writer));
    }
fail:
    return status;
}

static hrm_status write_all(builder *b, hrm_puzzle_set_writer *writer, hrm_csv_dataset_progress_fn progress,
                            void *user) {
    uint64_t total = b->rows.wanted * b->per_row;
    while (b->rows.wanted_left > 0) {
        hrm_status status = run_chunk(b, writer);
        if (status != HRM_OK) return status;
        uint64_t done = (b->first_row + b->count) * b->per_row;
        if (progress && !progress(user, done, total))
            return hrm_fail(HRM_ERR_CANCELLED, "building from %s was cancelled after %llu of %llu examples",
                            hrm_csv_name(b->rows.csv), (unsigned long long)done, (unsigned long long)total);
    }
    return HRM_OK;
}

/* ---- the whole ---- */

static hrm_status check_config(const hrm_csv_dataset_config *config) {
    bool sudoku = config->puzzle == HRM_CSV_DATASET_SUDOKU;
    if (!sudoku && config->puzzle != HRM_CSV_DATASET_MAZE)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "puzzle number %d is not known", (int)config->puzzle);
    if (!sudoku && config->copies)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "random copies are made of Sudokus only; mazes have symmetries");
    if (sudoku && config->symmetries)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "the 8 symmetries are made of mazes only; Sudokus have random copies");
    if (config->copies > HRM_CSV_DATASET_MAX_COPIES)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "%u copies of each puzzle were asked for; at most %u are made",
                        config->copies, HRM_CSV_DATASET_MAX_COPIES);
    return HRM_OK;
}

/* The first row taken decides the size of the boards. */
static hrm_status prepare_readers(builder *b) {
    hrm_status status;
    const hrm_csv_field *fields;
    uint32_t threads = hrm_thread_count(b->config->threads, MAX_THREADS);
    b->jobs = calloc(threads, sizeof *b->jobs);
    if (!b->jobs) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for %u threads", threads);
    restart(&b->rows);
    HRM_TRY(next_taken(&b->rows, &fields));
    for (; b->job_count < threads; b->job_count++) {
        chunk_job *job = &b->jobs[b->job_count];
        job->builder = b;
        status = hrm_csv_puzzle_reader_init(&job->reader, b->config->puzzle, fields[b->rows.question].size);
        if (status != HRM_OK) return fail_at_line(b->rows.csv, hrm_csv_line(b->rows.csv), status);
    }
    b->cells = b->jobs[0].reader.cell_count;
    if (b->config->puzzle == HRM_CSV_DATASET_SUDOKU)
        HRM_TRY(hrm_sudoku_shape_from_side(b->jobs[0].reader.side, &b->shape));
    restart(&b->rows);
fail:
    return status;
}

static hrm_status prepare_chunk(builder *b) {
    size_t row_cells = (size_t)b->per_row * b->cells;
    uint64_t rows = CHUNK_CELLS / row_cells;
    if (rows < 1) rows = 1;
    if (rows > b->rows.wanted) rows = b->rows.wanted;
    b->chunk_rows = (uint32_t)rows;
    b->text = malloc(2 * (size_t)rows * b->cells);
    b->lines = malloc((size_t)rows * sizeof *b->lines);
    b->inputs = malloc((size_t)rows * row_cells);
    b->labels = malloc((size_t)rows * row_cells);
    if (b->text && b->lines && b->inputs && b->labels) return HRM_OK;
    return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for %u rows of %zu tokens", b->chunk_rows, row_cells);
}

static void builder_deinit(builder *b) {
    for (uint32_t j = 0; j < b->job_count; j++) hrm_csv_puzzle_reader_deinit(&b->jobs[j].reader);
    free(b->jobs);
    free(b->text);
    free(b->lines);
    free(b->inputs);
    free(b->labels);
    hrm_csv_close(b->rows.csv);
}

hrm_status hrm_csv_dataset_build_split(const char *csv_path, const char *folder, const char *split,
                                       const hrm_csv_dataset_config *config, hrm_csv_dataset_progress_fn progress,
                                       void *user, hrm_csv_dataset_report *report) {
    hrm_status status;
    builder b = {.config = config, .rows.config = config};
    hrm_puzzle_set_writer *writer = NULL;
    uint64_t rows_read = 0;
    static char blank_name[] = "<blank>";
    char *names[1] = {blank_name};
    HRM_TRY(check_config(config));
    b.per_row = config->symmetries ? HRM_GRID_SYMMETRIES : 1 + config->copies;
    HRM_TRY(hrm_csv_open(csv_path, &b.rows.csv));
    HRM_TRY(survey(&b.rows, &rows_read));
    if (b.rows.wanted * b.per_row > MAX_ROWS) {
        status = hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                          "%llu puzzles of %s in %u forms each make %llu examples; a data set holds at most %llu: take "
                          "a smaller subsample or fewer copies",
                          (unsigned long long)b.rows.wanted, csv_path, b.per_row,
                          (unsigned long long)(b.rows.wanted * b.per_row), (unsigned long long)MAX_ROWS);
        goto fail;
    }
    HRM_TRY(prepare_readers(&b));
    HRM_TRY(prepare_chunk(&b));
    uint32_t examples = (uint32_t)(b.rows.wanted * b.per_row), side = b.jobs[0].reader.side;
    const hrm_puzzle_set shape = {.example_count = examples,
                                  .puzzle_count = examples,
                                  .group_count = (uint32_t)b.rows.wanted,
                                  .seq_len = b.cells,
                                  .vocab_size = b.jobs[0].reader.vocab_size,
                                  .identifier_count = 1,
                                  .grid_width = side,
                                  .grid_height = side,
                                  .identifier_names = names};
    HRM_TRY(hrm_puzzle_set_writer_open(folder, split, &shape, &writer));
    HRM_TRY(write_all(&b, writer, progress, user));
    HRM_TRY(hrm_puzzle_set_writer_commit(&writer));
    if (report)
        *report = (hrm_csv_dataset_report){
            .rows_read = rows_read, .groups = shape.group_count, .examples = examples, .side = side};
fail:
    hrm_puzzle_set_writer_abort(writer);
    builder_deinit(&b);
    return status;
}

hrm_status hrm_csv_dataset_build(const char *train_csv, const char *test_csv, const char *folder,
                                 const hrm_csv_dataset_config *config, hrm_csv_dataset_progress_fn progress, void *user,
                                 hrm_csv_dataset_report *reports) {
    hrm_status status = HRM_OK;
    hrm_csv_dataset_config test = *config;
    test.subsample = test.copies = 0;
    test.symmetries = false;
    if (train_csv && test_csv) { /* a slip in the second name is found before the first split is replaced */
        hrm_csv *csv;
        HRM_TRY(hrm_csv_open(test_csv, &csv));
        hrm_csv_close(csv);
    }
    if (train_csv)
        HRM_TRY(hrm_csv_dataset_build_split(train_csv, folder, "train", config, progress, user,
                                            reports ? &reports[0] : NULL));
    if (test_csv)
        HRM_TRY(
            hrm_csv_dataset_build_split(test_csv, folder, "test", &test, progress, user, reports ? &reports[1] : NULL));
fail:
    return status;
}
