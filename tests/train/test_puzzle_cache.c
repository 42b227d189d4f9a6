/* A puzzle table on the host next to one on the device: the same embeddings and the same table, bit for bit, through
 * the real kernels; its files; sharing it; what is refused. */
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "check.h"
#include "gpu/device.h"
#include "idle_device.h"
#include "model/carry.h"
#include "ops/kernels.h"
#include "ops/optim.h"
#include "train/model_reader.h"
#include "train/puzzle_cache.h"

enum { BATCH = 12, LAG = 2, EMB = 40, PUZZLES = 100 };

static hrm_device *device;

static hrm_model_config tiny_config(void) {
    hrm_model_config c = HRM_INIT(hrm_model_config);
    c.vocab_size = 6;
    c.seq_len = 9;
    c.hidden_size = 32;
    c.num_heads = 2;
    c.h_layers = c.l_layers = c.h_cycles = c.l_cycles = 1;
    c.puzzle_emb_dim = EMB;
    c.puzzle_count = PUZZLES;
    return c;
}

/* The part of a trainer that the table has to do with: halted rows take the incoming puzzles, all are embedded, and the
 * table's rows in use are updated with random gradients. */
typedef struct lane {
    hrm_model *model;
    hrm_plan plan;
    hrm_carry carry;
    hrm_tensor table, grad;
    hrm_program *program;
    hrm_puzzle_cache *cache; /* NULL: the table is on the device */
    hrm_buffer *readback[LAG];
    hrm_ticket tickets[LAG];
    uint32_t done, noted;
} lane;

static void fill_table(float *table) {
    hrm_rng dice;
    hrm_rng_init(&dice, check_seed(), 5);
    for (size_t i = 0; i < PUZZLES * EMB; i++) table[i] = hrm_rng_f32(&dice) - 0.5f;
}

static hrm_model *make_model(bool on_host) {
    hrm_model_config config = tiny_config();
    hrm_model *m;
    static float table[PUZZLES * EMB];
    fill_table(table);
    const hrm_model_layout layout = {.trainable = on_host, .table_on_host = on_host};
    CHECK_OK(hrm_model_alloc_as(device, &config, &layout, &m));
    CHECK_EQ(m->puzzle_on_host, on_host);
    CHECK_OK(hrm_model_init_weights(m, 3));
    CHECK_OK(hrm_model_write_param(m, m->list.puzzle_emb, table));
    return m;
}

static void lane_start(lane *l, bool on_host) {
    hrm_recorder *rec;
    hrm_program *clear;
    uint32_t tokens[BATCH * 9];
    *l = (lane){.model = make_model(on_host)};
    hrm_plan_init(&l->plan, device);
    hrm_carry_plan(&l->carry, &l->plan, l->model, BATCH, true);
    l->table = l->model->puzzle_emb;
    if (on_host)
        l->table = l->carry.puzzle_rows = hrm_plan_2d(&l->plan, HRM_LIFE_CARRY, "cached puzzle rows", HRM_F32_T,
                                                      hrm_puzzle_cache_row_count(BATCH, LAG), EMB);
    l->grad = hrm_plan_2d(&l->plan, HRM_LIFE_GRADIENTS, "puzzle gradients", HRM_F32_T, BATCH, EMB);
    CHECK_OK(hrm_plan_get_status(&l->plan));
    if (on_host) CHECK_OK(hrm_puzzle_cache_create(l->model, l->table, BATCH, LAG, &l->cache));
    for (int i = 0; i < LAG; i++)
        CHECK_OK(hrm_buffer_create(device, BATCH * 4, HRM_MEMORY_READBACK, "ids readback", &l->readback[i]));
    for (uint32_t i = 0; i < BATCH * 9; i++) tokens[i] = i % 6;
    CHECK_OK(hrm_queue_upload(device, hrm_tensor_get_span(&l->carry.new_tokens), tokens));
    CHECK_OK(hrm_queue_upload(device, hrm_tensor_get_span(&l->carry.new_labels), tokens));
    CHECK_OK(hrm_recorder_create(device, &rec));
    hrm_carry_record_clear(rec, &l->carry);
    CHECK_OK(hrm_recorder_end(rec, &clear));
    CHECK_OK(hrm_program_submit(clear, NULL));
    hrm_program_destroy(clear);
    const hrm_net net = {.model = l->model, .batch = BATCH};
    hrm_carry_record_begin(rec, &net, &l->carry);
    hrm_sign_sgd(rec, (hrm_sign_sgd_args){.table = l->table,
                                          .grad = l->grad,
                                          .ids = l->carry.ids,
                                          .step_block = l->carry.step_block,
                                          .weight_decay = 0.1f,
                                          .batch = BATCH,
                                          .dim = EMB});
    CHECK_OK(hrm_recorder_end(rec, &l->program));
    hrm_recorder_destroy(rec);
}

static void lane_stop(lane *l) {
    hrm_program_destroy(l->program);
    hrm_puzzle_cache_destroy(l->cache);
    for (int i = 0; i < LAG; i++) hrm_buffer_destroy(l->readback[i]);
    hrm_plan_deinit(&l->plan);
    hrm_model_destroy(l->model);
}

static hrm_status note(lane *l) {
    const uint32_t step = l->noted + 1, slot = step % LAG;
    hrm_status status = hrm_queue_wait(device, l->tickets[slot], 0);
    if (status == HRM_OK && l->cache)
        status = hrm_puzzle_cache_note(l->cache, step, hrm_buffer_get_mapped(l->readback[slot]));
    if (status == HRM_OK) l->noted = step;
    return status;
}

/* Everything that is random depends on the step alone. */
static hrm_status try_step(lane *l) {
    const uint32_t step = l->done + 1, slot = step % LAG;
    uint32_t ids[BATCH], halted[BATCH];
    float grad[BATCH * EMB];
    hrm_rng dice;
    hrm_rng_init(&dice, check_seed(), 100 + step);
    const uint32_t range = step / 10 % 3 == 0 ? 5 : PUZZLES; /* now and then the same few over and over */
    for (uint32_t b = 0; b < BATCH; b++) {
        ids[b] = hrm_rng_below(&dice, range);
        halted[b] = step == 1 || hrm_rng_below(&dice, 3) == 0;
    }
    for (size_t i = 0; i < BATCH * EMB; i++) grad[i] = hrm_rng_f32(&dice) - 0.5f;
    const struct hrm_step_block block = {.step = step, .live_rows = BATCH, .puzzle_lr = 0.01f * (float)(step % 7)};
    hrm_status status = HRM_OK;
    if (step > l->noted + LAG) status = note(l);
    if (status == HRM_OK && l->cache) status = hrm_puzzle_cache_take(l->cache, step, ids, ids);
    if (status != HRM_OK) return status;
    CHECK_OK(hrm_queue_upload(device, hrm_tensor_get_span(&l->carry.new_ids), ids));
    CHECK_OK(hrm_queue_upload(device, hrm_tensor_get_span(&l->carry.halted), halted));
    CHECK_OK(hrm_queue_upload(device, hrm_tensor_get_span(&l->grad), grad));
    CHECK_OK(hrm_queue_upload(device, hrm_tensor_get_span(&l->carry.step_block), &block));
    CHECK_OK(hrm_program_submit(l->program, NULL));
    CHECK_OK(hrm_queue_copy(device, hrm_buffer_span(l->readback[slot]), hrm_tensor_get_span(&l->carry.ids),
                            &l->tickets[slot]));
    l->done = step;
    return HRM_OK;
}

static void finish(lane *l) {
    while (l->noted < l->done) CHECK_OK(note(l));
}

static void read_table(lane *l, float *table) {
    finish(l);
    if (l->cache) CHECK_OK(hrm_puzzle_cache_flush(l->cache));
    CHECK_OK(hrm_model_read_param(l->model, l->model->list.puzzle_emb, table));
}

static void check_same_tables(lane *a, lane *b) {
    static float x[PUZZLES * EMB], y[PUZZLES * EMB];
    uint32_t ids[BATCH], want[BATCH];
    read_table(a, x);
    read_table(b, y);
    check_same_bits("table", y, x, sizeof x);
    CHECK_OK(hrm_queue_download(device, hrm_tensor_get_span(&a->carry.ids), want));
    hrm_puzzle_cache_get_ids(b->cache, ids);
    check_same_bits("ids in flight", ids, want, sizeof want);
}

static void check_same_embeddings(lane *a, lane *b) {
    const size_t bytes = (size_t)hrm_tensor_get_span(&a->carry.e).bytes;
    float *x = malloc(bytes), *y = malloc(bytes);
    CHECK(x && y);
    CHECK_OK(hrm_queue_download(device, hrm_tensor_get_span(&a->carry.e), x));
    CHECK_OK(hrm_queue_download(device, hrm_tensor_get_span(&b->carry.e), y));
    check_same_bits("input embeddings", y, x, bytes);
    free(x);
    free(y);
}

/* A resumed run: a new cache that knows the table and the ids in flight. */
static void resume(lane *l) {
    uint32_t ids[BATCH];
    finish(l);
    CHECK_OK(hrm_puzzle_cache_flush(l->cache));
    hrm_puzzle_cache_get_ids(l->cache, ids);
    hrm_puzzle_cache_destroy(l->cache);
    CHECK_OK(hrm_puzzle_cache_create(l->model, l->table, BATCH, LAG, &l->cache));
    const hrm_span rows = hrm_tensor_get_span(&l->table);
    void *junk = malloc((size_t)rows.bytes);
    CHECK(junk != NULL);
    memset(junk, 0xff, (size_t)rows.bytes);
    CHECK_OK(hrm_queue_upload(device, rows, junk));
    free(junk);
    CHECK_OK(hrm_puzzle_cache_restart(l->cache, l->done, ids, ids));
    CHECK_OK(hrm_queue_upload(device, hrm_tensor_get_span(&l->carry.ids), ids));
}

static void test_same_bits_as_on_the_device(void **state) {
    (void)state;
    lane a, b;
    lane_start(&a, false);
    lane_start(&b, true);
    uint32_t ids[BATCH], zero[BATCH] = {0};
    hrm_puzzle_cache_get_ids(b.cache, ids);
    check_same_bits("ids before the first step", ids, zero, sizeof zero);
    for (uint32_t n = 1; n <= 160; n++) {
        CHECK_OK(try_step(&a));
        CHECK_OK(try_step(&b));
        if (n % 9 == 0) check_same_embeddings(&a, &b);
        if (n % 31 == 0) check_same_tables(&a, &b);
        if (n % 47 == 0) resume(&b);
        if (n % 23 == 0) finish(&b);
    }
    check_same_tables(&a, &b);
    static float before[PUZZLES * EMB], after[PUZZLES * EMB];
    fill_table(before);
    read_table(&b, after);
    size_t changed = 0;
    for (size_t i = 0; i < PUZZLES; i++) changed += memcmp(before + i * EMB, after + i * EMB, EMB * 4) != 0;
    CHECK_MSG(changed > PUZZLES * 3 / 4, "only %zu of %u rows were trained", changed, PUZZLES);
    lane_stop(&a);
    lane_stop(&b);
}

/* An average of the weights has the live model's puzzle embeddings, whatever becomes of them. */
static void test_a_shared_table(void **state) {
    (void)state;
    static float want[PUZZLES * EMB], got[PUZZLES * EMB];
    hrm_model_config config = tiny_config();
    hrm_model *live = make_model(true), *average;
    CHECK_OK(
        hrm_model_alloc_as(device, &config, &(hrm_model_layout){.trainable = true, .table_on_host = true}, &average));
    CHECK(hrm_model_get_puzzle_host(average)->rows == NULL);
    hrm_model_share_puzzle_host(average, live);
    CHECK(hrm_model_get_puzzle_host(average) == hrm_model_get_puzzle_host(live));
    CHECK_OK(hrm_model_init_weights(average, 9)); /* leaves the table alone */
    fill_table(want);
    CHECK_OK(hrm_model_read_param(average, average->list.puzzle_emb, got));
    check_same_bits("shared table", got, want, sizeof want);

    want[5] = 7;
    CHECK_OK(hrm_model_write_param(live, live->list.puzzle_emb, want)); /* another table */
    CHECK_OK(hrm_model_read_param(average, average->list.puzzle_emb, got));
    check_same_bits("shared table, replaced", got, want, sizeof want);

    /* a file's table is read once, by its owner */
    CHECK_OK(hrm_model_save(average, check_temp_path("average.safetensors"), NULL));
    hrm_tensor_file *file;
    CHECK_OK(hrm_tensor_file_open(check_temp_path("average.safetensors"), &file));
    const unsigned char *rows = hrm_model_get_puzzle_host(live)->rows;
    CHECK_OK(hrm_model_reader_read_weights(average, file));
    CHECK(hrm_model_get_puzzle_host(average)->rows == rows);
    CHECK_OK(hrm_model_reader_read_weights(live, file));
    CHECK_OK(hrm_model_read_param(average, average->list.puzzle_emb, got));
    check_same_bits("shared table, read", got, want, sizeof want);

    /* a trainer may write what it has read, and the file keeps its bytes */
    const hrm_host_table *table = hrm_model_get_puzzle_host(live);
    CHECK(table->writable == table->rows);
    table->writable[0] ^= 1;
    hrm_model *again;
    CHECK_OK(
        hrm_model_alloc_as(device, &config, &(hrm_model_layout){.trainable = true, .table_on_host = true}, &again));
    CHECK_OK(hrm_model_reader_read_weights(again, file));
    CHECK_OK(hrm_model_read_param(again, again->list.puzzle_emb, got));
    check_same_bits("the file's table", got, want, sizeof want);
    hrm_tensor_file_close(file);

    /* with a private mapping it is written where it lies, and the file keeps its bytes all the same */
    CHECK_OK(hrm_tensor_file_open_private(check_temp_path("average.safetensors"), &file));
    CHECK_OK(hrm_model_reader_read_weights(again, file));
    const size_t index = hrm_tensor_file_find(file, "model.inner.puzzle_emb.weights");
    CHECK(hrm_model_get_puzzle_host(again)->writable == (void *)hrm_tensor_file_get_writable_f32(file, index));
    hrm_tensor_file_close(file);
    hrm_model_get_puzzle_host(again)->writable[0] ^= 1; /* the model keeps the mapping */
    CHECK_OK(hrm_tensor_file_open_private(check_temp_path("average.safetensors"), &file));
    CHECK_OK(hrm_model_reader_read_weights(again, file));
    CHECK_OK(hrm_model_read_param(again, again->list.puzzle_emb, got));
    check_same_bits("the file's table, mapped", got, want, sizeof want);
    hrm_tensor_file_close(file);
    hrm_model_destroy(again);
    hrm_model_destroy(average);
    hrm_model_destroy(live);
}

static void test_without_puzzle_embeddings(void **state) {
    (void)state;
    hrm_model_config config = tiny_config();
    hrm_model *m;
    config.puzzle_emb_dim = 0;
    CHECK_OK(hrm_model_alloc_as(device, &config, &(hrm_model_layout){.trainable = true, .table_on_host = true}, &m));
    CHECK(!m->puzzle_on_host && !hrm_tensor_is_set(&m->puzzle_emb));
    hrm_model_destroy(m);
}

/* Advice changes nothing, also for ids that there are not. */
static void test_prefetch(void **state) {
    (void)state;
    lane l;
    static float want[PUZZLES * EMB], got[PUZZLES * EMB];
    lane_start(&l, true);
    uint32_t ids[PUZZLES + 2];
    for (uint32_t i = 0; i < PUZZLES; i++) ids[i] = PUZZLES - 1 - i;
    ids[PUZZLES] = PUZZLES;
    ids[PUZZLES + 1] = UINT32_MAX;
    hrm_puzzle_cache_prefetch(l.cache, ids, PUZZLES + 2);
    fill_table(want);
    read_table(&l, got);
    check_same_bits("table", got, want, sizeof want);
    lane_stop(&l);
}

static void release_nothing(void *owner) {
    (void)owner;
}

static void test_bad_calls(void **state) {
    (void)state;
    lane l, other;
    hrm_puzzle_cache *cache;
    uint32_t ids[BATCH] = {0};
    static float before[PUZZLES * EMB], after[PUZZLES * EMB];
    lane_start(&l, true);
    lane_start(&other, false);
    CHECK_STATUS(hrm_puzzle_cache_create(other.model, l.table, BATCH, LAG, &cache), HRM_ERR_INVALID_ARGUMENT);
    CHECK(cache == NULL);
    CHECK_STATUS(hrm_puzzle_cache_create(l.model, l.table, BATCH + 1, LAG, &cache), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("65 x 40");
    CHECK_STATUS(hrm_puzzle_cache_create(l.model, l.grad, BATCH, LAG, &cache), HRM_ERR_INVALID_ARGUMENT);
    CHECK_EQ(hrm_puzzle_cache_readback_bytes(768, 2, 512), 6291456);
    CHECK_EQ(hrm_puzzle_cache_readback_bytes(UINT32_MAX, 2, UINT32_MAX), UINT64_MAX);
    for (int i = 0; i < 10; i++) CHECK_OK(try_step(&l));
    CHECK_STATUS(hrm_puzzle_cache_flush(l.cache), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("finish them first");
    read_table(&l, before);
    ids[3] = PUZZLES;
    CHECK_STATUS(hrm_puzzle_cache_take(l.cache, 11, ids, ids), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("puzzle id 100");

    /* a table that may only be read */
    const hrm_host_table table = *hrm_model_get_puzzle_host(l.model);
    l.model->puzzle_host.release = release_nothing;
    hrm_model_set_puzzle_host(l.model, (hrm_host_table){.rows = table.rows});
    CHECK_STATUS(try_step(&l), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("read-only");
    hrm_model_set_puzzle_host(l.model, table);

    /* a device that does nothing is noticed, and the table stays what it was */
    const uint64_t target = device->submit_target_ns;
    hrm_device_set_submit_target(device, 0);
    idle_device_begin(device);
    hrm_status status = HRM_OK;
    for (int i = 0; i < 40 && status == HRM_OK; i++) status = try_step(&l);
    idle_device_end(device);
    hrm_device_set_submit_target(device, target);
    CHECK_STATUS(status, HRM_ERR_DEVICE);
    CHECK_ERROR_HAS("does not compute what it is given");
    CHECK_OK(hrm_model_read_param(l.model, l.model->list.puzzle_emb, after));
    check_same_bits("table", after, before, sizeof before);
    lane_stop(&other);
    lane_stop(&l);
}

/* A step whose moves failed leaves a cache that stores nothing any more. */
static void test_failed_moves(void **state) {
    (void)state;
    lane l;
    static float before[PUZZLES * EMB], after[PUZZLES * EMB];
    lane_start(&l, true);
    for (int i = 0; i < 15; i++) CHECK_OK(try_step(&l)); /* the next has misses */
    read_table(&l, before);
    device->queue.lost = true; /* what the queue does once the driver has said so */
    CHECK_STATUS(try_step(&l), HRM_ERR_DEVICE);
    device->queue.lost = false;
    CHECK_STATUS(hrm_puzzle_cache_flush(l.cache), HRM_ERR_DEVICE);
    CHECK_ERROR_HAS("moving rows failed before");
    CHECK_STATUS(try_step(&l), HRM_ERR_DEVICE);
    CHECK_OK(hrm_model_read_param(l.model, l.model->list.puzzle_emb, after));
    check_same_bits("table", after, before, sizeof before);
    lane_stop(&l);
}

int main(void) {
    hrm_device_open_info info = {.kernels = hrm_kernels_get_table()};
    hrm_status status = hrm_device_open(&info, &device);
    if (status == HRM_ERR_NO_DEVICE) CHECK_SKIP("no Vulkan device: %s", hrm_last_error());
    CHECK_OK(status);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_bits_as_on_the_device),
                                       cmocka_unit_test(test_a_shared_table),
                                       cmocka_unit_test(test_without_puzzle_embeddings),
                                       cmocka_unit_test(test_prefetch),
                                       cmocka_unit_test(test_bad_calls),
                                       cmocka_unit_test(test_failed_moves)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hrm_device_close(device);
    return failed;
}
