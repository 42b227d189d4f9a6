/* The cached rows of a puzzle table, against a plain table: a simulated device works through a queue of its own, late
 * or early as the dice say, and every value it meets must be the plain table's. */
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "check.h"
#include "train/row_cache.h"

enum { MAX_LAG = 4 };

/* Which ids come in, and which rows halt. */
typedef enum pattern_ids {
    IDS_RANDOM,   /* any id */
    IDS_SAME,     /* one id everywhere */
    IDS_CYCLE,    /* batches of different ids that come again every `period` steps: as they are given away */
    IDS_ONE_SLOT, /* the same, but only slot 0's differ from what never leaves */
} pattern_ids;
typedef enum pattern_halts { HALTS_ALL, HALTS_NONE, HALTS_RANDOM } pattern_halts;

typedef struct scenario {
    const char *name;
    uint32_t id_count, batch, lag, steps;
    pattern_ids ids;
    pattern_halts halts;
    uint32_t period;  /* IDS_CYCLE, IDS_ONE_SLOT */
    uint32_t flushes; /* one in so many steps ends with a flush; 0: none */
    uint32_t resumes; /* and with a new cache */
} scenario;

/* A step as the queue holds it. */
typedef struct queued_step {
    uint32_t step;
    uint32_t *new_rows, *new_ids;  /* [batch] */
    uint32_t *miss_rows, *leaving; /* [batch] [lag * batch] */
    uint64_t *miss_values;         /* [batch] */
    uint32_t miss_count, leaving_count;
} queued_step;

typedef struct sim {
    const scenario *s;
    hrm_rng dice;
    hrm_row_cache cache;
    uint64_t *table, *plain; /* [id_count]: what the cache keeps; what it must come to */
    uint64_t *device_rows;   /* [capacity] */
    uint32_t *ids, *rows;    /* [batch] in flight by the device: real ids for comparison, and rows */
    uint8_t *halted;         /* [batch] */
    queued_step queue[MAX_LAG];
    uint64_t *readback[MAX_LAG];  /* [lag * batch] */
    uint32_t *rows_read[MAX_LAG]; /* [batch] carry's ids after the step */
    uint32_t *ids_read[MAX_LAG];
    uint32_t queued, executed, noted; /* steps */
    uint32_t most_held;
} sim;

static uint64_t mix(uint64_t x) {
    x ^= x >> 31;
    x *= UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}

/* What a step makes of a value: depends on the step, and on all slots that have the id, in order. */
static uint64_t update(uint64_t value, uint32_t step, const uint32_t *ids, uint32_t batch, uint32_t id) {
    value = mix(value + step);
    for (uint32_t b = 0; b < batch; b++)
        if (ids[b] == id) value = mix(value ^ (b + 1));
    return value;
}

static void update_all(uint64_t *values, uint32_t step, const uint32_t *ids, uint32_t batch) {
    for (uint32_t b = 0; b < batch; b++) {
        bool is_first = true;
        for (uint32_t a = 0; a < b; a++) is_first &= ids[a] != ids[b];
        if (is_first) values[ids[b]] = update(values[ids[b]], step, ids, batch, ids[b]);
    }
}

static bool halts(const scenario *s, uint32_t step, uint32_t b) {
    if (s->halts != HALTS_RANDOM) return s->halts == HALTS_ALL;
    return mix(mix(step) ^ b) % 4 == 0;
}

/* The device works on the next step of its queue. */
static void execute(sim *m) {
    const scenario *s = m->s;
    const queued_step *q = &m->queue[++m->executed % s->lag];
    const uint32_t slot = q->step % s->lag;
    CHECK_EQ(q->step, m->executed);
    for (uint32_t i = 0; i < q->leaving_count; i++) m->readback[slot][i] = m->device_rows[q->leaving[i]];
    for (uint32_t i = 0; i < q->miss_count; i++) m->device_rows[q->miss_rows[i]] = q->miss_values[i];
    for (uint32_t b = 0; b < s->batch; b++) {
        if (!m->halted[b]) continue;
        m->rows[b] = q->new_rows[b];
        m->ids[b] = q->new_ids[b];
    }
    for (uint32_t b = 0; b < s->batch; b++)
        CHECK_MSG(m->device_rows[m->rows[b]] == m->plain[m->ids[b]], "%s: step %u, slot %u: cached row %u is not id %u",
                  s->name, q->step, b, m->rows[b], m->ids[b]);
    update_all(m->device_rows, q->step, m->rows, s->batch);
    update_all(m->plain, q->step, m->ids, s->batch);
    for (uint32_t b = 0; b < s->batch; b++) m->halted[b] = halts(s, q->step, b);
    memcpy(m->rows_read[slot], m->rows, s->batch * sizeof *m->rows);
    memcpy(m->ids_read[slot], m->ids, s->batch * sizeof *m->ids);
}

static void store_landed(void *user, uint32_t index, uint32_t id) {
    sim *m = user;
    m->table[id] = m->readback[(m->noted + 1) % m->s->lag][index];
}

/* The host reads the results of the next step. */
static void note(sim *m) {
    const uint32_t step = m->noted + 1, slot = step % m->s->lag;
    while (m->executed < step) execute(m);
    CHECK_OK(hrm_row_cache_note(&m->cache, step, m->rows_read[slot], store_landed, m));
    m->noted = step;
    for (uint32_t b = 0; b < m->s->batch; b++)
        CHECK_EQ(hrm_row_cache_get_id(&m->cache, m->rows_read[slot][b]), m->ids_read[slot][b]);
}

static void draw_ids(sim *m, uint32_t step, uint32_t *ids) {
    const scenario *s = m->s;
    for (uint32_t b = 0; b < s->batch; b++) {
        const uint32_t cycle = step % (s->period ? s->period : 1);
        switch (s->ids) {
        case IDS_RANDOM:
            ids[b] = hrm_rng_below(&m->dice, s->id_count);
            break;
        case IDS_SAME:
            ids[b] = 7 % s->id_count;
            break;
        case IDS_CYCLE:
            ids[b] = (cycle * s->batch + b) % s->id_count;
            break;
        case IDS_ONE_SLOT:
            ids[b] = b ? b : s->batch + cycle;
            break;
        }
    }
}

static void submit(sim *m) {
    const scenario *s = m->s;
    const uint32_t step = m->queued + 1;
    queued_step *q = &m->queue[step % s->lag];
    draw_ids(m, step, q->new_ids);
    CHECK_OK(hrm_row_cache_take(&m->cache, step, q->new_ids, q->new_rows));
    const uint32_t *leaving = hrm_row_cache_get_leaving(&m->cache, step, &q->leaving_count);
    CHECK(q->leaving_count <= s->lag * s->batch);
    memcpy(q->leaving, leaving, q->leaving_count * sizeof *leaving);
    /* What is read before the device has written it must not look like a value. */
    for (uint32_t i = 0; i < s->lag * s->batch; i++) m->readback[step % s->lag][i] = UINT64_MAX - step;
    q->step = step;
    q->miss_count = m->cache.miss_count;
    for (uint32_t i = 0; i < q->miss_count; i++) {
        q->miss_rows[i] = m->cache.miss_rows[i];
        q->miss_values[i] = m->table[m->cache.miss_ids[i]];
    }
    m->queued = step;
    const uint32_t held = m->cache.capacity - m->cache.free_count;
    if (held > m->most_held) m->most_held = held;
    while (m->executed < m->queued && hrm_rng_below(&m->dice, 2)) execute(m);
}

static void flush(sim *m) {
    while (m->noted < m->queued) note(m);
    CHECK(hrm_row_cache_is_settled(&m->cache));
    for (uint32_t r = 0; r < m->cache.capacity; r++) {
        const uint32_t id = hrm_row_cache_get_id(&m->cache, r);
        if (id != HRM_ROW_NONE) m->table[id] = m->device_rows[r];
    }
    hrm_row_cache_drop_idle(&m->cache);
    check_same_bits(m->s->name, m->table, m->plain, m->s->id_count * sizeof *m->table);
    for (uint32_t r = 0; r < m->cache.capacity; r++) { /* exactly what is in flight has a row, and each id one */
        const uint32_t id = hrm_row_cache_get_id(&m->cache, r);
        bool is_in_flight = false;
        for (uint32_t b = 0; b < m->s->batch; b++) is_in_flight |= m->queued && m->rows[b] == r && m->ids[b] == id;
        CHECK_EQ(is_in_flight, id != HRM_ROW_NONE);
        if (id == HRM_ROW_NONE) m->device_rows[r] = UINT64_MAX - r;
    }
}

/* Save and resume: all that is kept are the table and the ids in flight. */
static void resume(sim *m) {
    const scenario *s = m->s;
    flush(m);
    hrm_row_cache_deinit(&m->cache);
    CHECK_OK(hrm_row_cache_init(&m->cache, s->id_count, s->batch, s->lag));
    for (uint32_t r = 0; r < m->cache.capacity; r++) m->device_rows[r] = UINT64_MAX - r;
    CHECK_OK(hrm_row_cache_restart(&m->cache, m->queued, m->ids, m->rows));
    for (uint32_t i = 0; i < m->cache.miss_count; i++)
        m->device_rows[m->cache.miss_rows[i]] = m->table[m->cache.miss_ids[i]];
}

static void *zeros(size_t count, size_t size) {
    void *p = calloc(count, size);
    CHECK(p != NULL);
    return p;
}

static uint32_t run(const scenario *s, uint64_t seed) {
    sim m = {.s = s};
    hrm_rng_init(&m.dice, seed, 1);
    CHECK_OK(hrm_row_cache_init(&m.cache, s->id_count, s->batch, s->lag));
    CHECK_EQ(m.cache.capacity, (2 * s->lag + 1) * s->batch);
    m.table = zeros(s->id_count, sizeof *m.table);
    m.plain = zeros(s->id_count, sizeof *m.plain);
    for (uint32_t i = 0; i < s->id_count; i++) m.table[i] = m.plain[i] = mix(i + 1);
    m.device_rows = zeros(m.cache.capacity, sizeof *m.device_rows);
    for (uint32_t r = 0; r < m.cache.capacity; r++) m.device_rows[r] = UINT64_MAX - r;
    m.ids = zeros(s->batch, sizeof *m.ids);
    m.rows = zeros(s->batch, sizeof *m.rows);
    m.halted = zeros(s->batch, 1);
    memset(m.halted, 1, s->batch);
    for (uint32_t i = 0; i < s->lag; i++) {
        m.queue[i] = (queued_step){.new_rows = zeros(s->batch, 4),
                                   .new_ids = zeros(s->batch, 4),
                                   .miss_rows = zeros(s->batch, 4),
                                   .miss_values = zeros(s->batch, 8),
                                   .leaving = zeros((size_t)s->lag * s->batch, 4)};
        m.readback[i] = zeros((size_t)s->lag * s->batch, 8);
        m.rows_read[i] = zeros(s->batch, 4);
        m.ids_read[i] = zeros(s->batch, 4);
    }
    for (uint32_t n = 1; n <= s->steps; n++) {
        if (n > m.noted + s->lag) note(&m);
        submit(&m);
        if (s->flushes && hrm_rng_below(&m.dice, s->flushes) == 0) flush(&m);
        if (s->resumes && hrm_rng_below(&m.dice, s->resumes) == 0) resume(&m);
        /* a finish without a flush: everything is noted, idle rows stay */
        if (s->flushes && hrm_rng_below(&m.dice, s->flushes) == 0)
            while (m.noted < m.queued) note(&m);
    }
    flush(&m);
    hrm_row_cache_deinit(&m.cache);
    for (uint32_t i = 0; i < s->lag; i++) {
        free(m.queue[i].new_rows);
        free(m.queue[i].new_ids);
        free(m.queue[i].miss_rows);
        free(m.queue[i].miss_values);
        free(m.queue[i].leaving);
        free(m.readback[i]);
        free(m.rows_read[i]);
        free(m.ids_read[i]);
    }
    free(m.table);
    free(m.plain);
    free(m.device_rows);
    free(m.ids);
    free(m.rows);
    free(m.halted);
    return m.most_held;
}

static void test_random(void **state) {
    (void)state;
    const uint32_t batches[] = {1, 2, 5, 16};
    for (uint32_t lag = 1; lag <= MAX_LAG; lag++) {
        for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
            const uint32_t B = batches[i], counts[] = {1, B, 3 * B, 6 * B, 12 * B, 100 * B};
            for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
                for (int h = HALTS_ALL; h <= HALTS_RANDOM; h++) {
                    scenario s = {.name = "random", .id_count = counts[k], .batch = B, .lag = lag, .steps = 400};
                    s.halts = (pattern_halts)h;
                    s.flushes = k % 2 ? 40 : 0;
                    s.resumes = k % 3 ? 60 : 0;
                    CHECK(run(&s, check_seed() + k) <= hrm_row_cache_row_count(B, lag));
                }
            }
        }
    }
}

static void test_thousands_of_steps(void **state) {
    (void)state;
    scenario s = {.name = "long", .id_count = 150, .batch = 24, .lag = 2, .steps = 20000, .halts = HALTS_RANDOM};
    run(&s, check_seed());
    s.flushes = 5;
    s.resumes = 7;
    run(&s, check_seed() + 1);
}

static void test_one_id(void **state) {
    (void)state;
    for (int h = HALTS_ALL; h <= HALTS_RANDOM; h++) {
        scenario s = {.name = "one id", .id_count = 9, .batch = 8, .lag = 2, .steps = 300, .ids = IDS_SAME};
        s.halts = (pattern_halts)h;
        CHECK_EQ(run(&s, check_seed()), 1);
        s.flushes = 10;
        s.resumes = 10;
        CHECK_EQ(run(&s, check_seed()), 1);
    }
}

/* Ids that come in again after 1, 2, .. steps: while in flight, idle, leaving, just landed, long gone. */
static void test_cycles(void **state) {
    (void)state;
    for (uint32_t lag = 1; lag <= MAX_LAG; lag++) {
        for (uint32_t period = 1; period <= 4 * lag + 3; period++) {
            for (int ids = IDS_CYCLE; ids <= IDS_ONE_SLOT; ids++) {
                for (int h = HALTS_ALL; h <= HALTS_RANDOM; h++) {
                    scenario s = {.name = "cycle", .batch = 6, .lag = lag, .steps = 500, .period = period};
                    s.ids = (pattern_ids)ids;
                    s.halts = (pattern_halts)h;
                    s.id_count = s.batch * period + s.batch;
                    run(&s, check_seed());
                    s.flushes = 20;
                    s.resumes = 30;
                    run(&s, check_seed());
                }
            }
        }
    }
}

/* The bound is reached: one row fewer would not do. */
static void test_bound_is_tight(void **state) {
    (void)state;
    for (uint32_t lag = 1; lag <= MAX_LAG; lag++) {
        scenario s = {.name = "tight", .batch = 7, .lag = lag, .steps = 100, .ids = IDS_CYCLE, .halts = HALTS_ALL};
        s.period = 50;
        s.id_count = s.period * s.batch;
        CHECK_EQ(run(&s, check_seed()), (2 * lag + 1) * s.batch);
        s.halts = HALTS_NONE; /* what is in flight, lag batches to come, lag on their way back */
        CHECK_EQ(run(&s, check_seed()), (2 * lag + 1) * s.batch);
    }
}

/* What a step asks for depends on ids and calls alone. */
static void test_a_known_run(void **state) {
    (void)state;
    hrm_row_cache c;
    uint32_t rows[2], count;
    CHECK_OK(hrm_row_cache_init(&c, 10, 2, 1));
    CHECK_OK(hrm_row_cache_take(&c, 1, (uint32_t[]){3, 3}, rows));
    CHECK(rows[0] == 0 && rows[1] == 0 && c.miss_count == 1 && c.miss_rows[0] == 0 && c.miss_ids[0] == 3);
    CHECK_OK(hrm_row_cache_note(&c, 1, (uint32_t[]){0, 0}, NULL, NULL));
    CHECK_OK(hrm_row_cache_take(&c, 2, (uint32_t[]){4, 3}, rows));
    CHECK(rows[0] == 1 && rows[1] == 0 && c.miss_count == 1 && c.miss_rows[0] == 1 && c.miss_ids[0] == 4);
    CHECK_OK(hrm_row_cache_note(&c, 2, (uint32_t[]){1, 0}, NULL, NULL)); /* 4 was accepted */
    CHECK_OK(hrm_row_cache_take(&c, 3, (uint32_t[]){5, 6}, rows));
    hrm_row_cache_get_leaving(&c, 3, &count);
    CHECK(rows[0] == 2 && rows[1] == 3 && count == 0);
    CHECK_OK(hrm_row_cache_note(&c, 3, (uint32_t[]){1, 3}, NULL, NULL)); /* 3 and 5 are gone */
    CHECK_OK(hrm_row_cache_take(&c, 4, (uint32_t[]){5, 4}, rows));       /* 5 came back */
    const uint32_t *leaving = hrm_row_cache_get_leaving(&c, 4, &count);
    CHECK(rows[0] == 2 && rows[1] == 1 && c.miss_count == 0 && count == 1 && leaving[0] == 0);
    hrm_row_cache_deinit(&c);
}

static void land_nothing(void *user, uint32_t index, uint32_t id) {
    (void)user;
    check_fail_at(__FILE__, __LINE__, "value %u of id %u landed", index, id);
}

static void test_bad_calls(void **state) {
    (void)state;
    hrm_row_cache c;
    uint32_t rows[2];
    const uint32_t none = HRM_ROW_NONE;
    CHECK_STATUS(hrm_row_cache_init(&c, 0, 2, 2), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_row_cache_init(&c, 10, 0, 2), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_row_cache_init(&c, 10, 2, 0), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_row_cache_init(&c, 10, 1u << 30, 2), HRM_ERR_INVALID_ARGUMENT);
    CHECK_EQ(hrm_row_cache_row_count(1u << 30, 2), UINT32_MAX);
    CHECK_EQ(hrm_row_cache_row_count(768, 2), 3840);
    CHECK_OK(hrm_row_cache_init(&c, 10, 2, 2));
    CHECK_STATUS(hrm_row_cache_note(&c, 1, rows, land_nothing, NULL), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_row_cache_take(&c, 2, (uint32_t[]){1, 2}, rows), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_row_cache_take(&c, 1, (uint32_t[]){1, 10}, rows), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("row 1: puzzle id 10");
    CHECK_OK(hrm_row_cache_take(&c, 1, (uint32_t[]){1, 2}, rows)); /* a refused call changed nothing */
    CHECK(rows[0] == 0 && rows[1] == 1);
    CHECK_STATUS(hrm_row_cache_take(&c, 1, (uint32_t[]){1, 2}, rows), HRM_ERR_INVALID_ARGUMENT);
    CHECK_OK(hrm_row_cache_take(&c, 2, (uint32_t[]){3, 4}, rows));
    CHECK_STATUS(hrm_row_cache_take(&c, 3, (uint32_t[]){5, 6}, rows), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("the last one noted 0");
    CHECK(!hrm_row_cache_is_settled(&c));
    CHECK_STATUS(hrm_row_cache_note(&c, 2, (uint32_t[]){0, 1}, land_nothing, NULL), HRM_ERR_INVALID_ARGUMENT);
    /* a device that does nothing, one that mixes slots up, one that invents rows */
    CHECK_STATUS(hrm_row_cache_note(&c, 1, (uint32_t[]){none, none}, land_nothing, NULL), HRM_ERR_DEVICE);
    CHECK_STATUS(hrm_row_cache_note(&c, 1, (uint32_t[]){1, 0}, land_nothing, NULL), HRM_ERR_DEVICE);
    CHECK_STATUS(hrm_row_cache_note(&c, 1, (uint32_t[]){0, 4000000000u}, land_nothing, NULL), HRM_ERR_DEVICE);
    CHECK_ERROR_HAS("does not compute what it is given: after step 1 row 1");
    CHECK_OK(hrm_row_cache_note(&c, 1, (uint32_t[]){0, 1}, land_nothing, NULL));
    CHECK_STATUS(hrm_row_cache_note(&c, 1, (uint32_t[]){0, 1}, land_nothing, NULL), HRM_ERR_INVALID_ARGUMENT);
    CHECK_OK(hrm_row_cache_note(&c, 2, (uint32_t[]){0, 3}, land_nothing, NULL));
    CHECK_STATUS(hrm_row_cache_restart(&c, 9, (uint32_t[]){11, 1}, rows), HRM_ERR_INVALID_ARGUMENT);
    CHECK_EQ(hrm_row_cache_get_id(&c, 3), 4);
    CHECK_OK(hrm_row_cache_restart(&c, UINT32_MAX, (uint32_t[]){9, 9}, rows));
    CHECK(rows[0] == 0 && rows[1] == 0 && c.miss_count == 1 && c.miss_ids[0] == 9);
    CHECK_STATUS(hrm_row_cache_take(&c, 0, (uint32_t[]){1, 2}, rows), HRM_ERR_INVALID_ARGUMENT);
    hrm_row_cache_deinit(&c);
    hrm_row_cache_deinit(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random),         cmocka_unit_test(test_thousands_of_steps),
                                       cmocka_unit_test(test_one_id),         cmocka_unit_test(test_cycles),
                                       cmocka_unit_test(test_bound_is_tight), cmocka_unit_test(test_a_known_run),
                                       cmocka_unit_test(test_bad_calls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
