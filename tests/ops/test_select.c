/* The measured choice between kernels: what is never chosen, what is remembered and where, what overrides it.
 * Candidates are vector operations whose results and speeds differ on purpose. */
#include "helper_gpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "idle_device.h"
#include "ops/attention.h"
#include "ops/elementwise.h"
#include "ops/kernels.h"
#include "ops/matmul.h"
#include "ops/select.h"

enum { COUNT = 4096 };

/* y = 2 x in several ways: candidate 0 is right and slow (32 times over), 1 is fast and wrong, 2 is right and fast, 3
 * is refused by the recorder, 4 is unusable. */
static void record(hrm_recorder *rec, uint32_t candidate, const hrm_tensor *t, void *user) {
    uint32_t *runs = user;
    runs[candidate]++;
    hrm_tensor x = t[0], y = t[1];
    if (candidate == 3) y.shape[0] = 7;
    int times = candidate == 0 ? 32 : 1;
    for (int i = 0; i < times; i++)
        hrm_scale(rec, (hrm_scale_args){.y = y, .x = x, .factor = candidate == 1 ? 2.1f : 2.0f});
}

static const hrm_select_candidate candidates[] = {{"slow", true, false},
                                                  {"wrong", true, false},
                                                  {"fast", true, false},
                                                  {"broken", true, false},
                                                  {"absent", false, false}};

static hrm_select_case make_case(const char *key, uint32_t *runs) {
    static const uint64_t counts[] = {COUNT, COUNT};
    return (hrm_select_case){.key = key,
                             .candidates = candidates,
                             .candidate_count = sizeof candidates / sizeof *candidates,
                             .counts = counts,
                             .tensor_count = 2,
                             .output = 1,
                             .flops = COUNT,
                             .tolerance = 1e-6,
                             .record = record,
                             .user = runs};
}

/* A device of its own, with this cache folder. */
static hrm_device *open_with_cache(const char *folder) {
    hrm_device *device = NULL;
    hrm_device_open_info info = {.kernels = hrm_kernels_get_table(), .cache_dir = folder};
    CHECK_OK(hrm_device_open(&info, &device));
    return device;
}

static uint32_t total(const uint32_t *runs) {
    uint32_t sum = 0;
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) sum += runs[i];
    return sum;
}

static void test_the_fastest_right_one(void **state) {
    (void)state;
    hrm_device *device = open_with_cache("");
    uint32_t runs[8] = {0}, chosen = 99;
    hrm_select_case c = make_case("twice", runs);
    CHECK_OK(hrm_select_pick(device, &c, &chosen));
    CHECK_EQ(chosen, 2);
    CHECK_EQ(runs[1], 1); /* wrong: checked once, never timed */
    CHECK_EQ(runs[4], 0);
    uint32_t before = total(runs);
    CHECK_OK(hrm_select_pick(device, &c, &chosen));
    CHECK_EQ(chosen, 2);
    CHECK_EQ(total(runs), before); /* remembered */
    hrm_device_close(device);
}

static void test_no_measurement_of_a_single_one(void **state) {
    (void)state;
    hrm_device *device = open_with_cache("");
    uint32_t runs[8] = {0}, chosen = 99;
    hrm_select_candidate one[] = {{"slow", false, false}, {"wrong", true, false}};
    hrm_select_case c = make_case("twice", runs);
    c.candidates = one;
    c.candidate_count = 2;
    CHECK_OK(hrm_select_pick(device, &c, &chosen));
    CHECK_EQ(chosen, 1);
    CHECK_EQ(total(runs), 0);
    one[1].usable = false;
    c.key = "none";
    CHECK_STATUS(hrm_select_pick(device, &c, &chosen), HRM_ERR_UNSUPPORTED);
    hrm_device_close(device);
}

/* A single one to try, and others only for whoever names them. */
static void test_untried_ones(void **state) {
    (void)state;
    hrm_device *device = open_with_cache("");
    uint32_t runs[8] = {0}, chosen = 99;
    hrm_select_candidate few[] = {{"slow", true, true}, {"wrong", true, true}, {"fast", true, false}};
    hrm_select_case c = make_case("twice", runs);
    c.candidates = few;
    c.candidate_count = 3;
    CHECK_OK(hrm_select_pick(device, &c, &chosen));
    CHECK_EQ(chosen, 2);
    few[2].untried = true; /* then the first that can run at all */
    c.key = "thrice";
    CHECK_OK(hrm_select_pick(device, &c, &chosen));
    CHECK_EQ(chosen, 0);
    setenv("HRM_SELECT", "again=slow", 1);
    c.key = "again";
    CHECK_OK(hrm_select_pick(device, &c, &chosen));
    CHECK_EQ(chosen, 0);
    unsetenv("HRM_SELECT");
    CHECK_EQ(total(runs), 0);
    hrm_device_close(device);
}

/* y = 2 x of the first 1 / divisor of the elements. */
typedef struct resizable {
    uint32_t divisor, smallest, resizes;
    bool seen_tail;
} resizable;

static hrm_select_size resize(void *user, uint32_t divisor, bool tail) {
    resizable *r = user;
    CHECK(divisor >= 1 && divisor <= 16 && (divisor & (divisor - 1)) == 0);
    if (tail && !r->seen_tail) CHECK_EQ(divisor, 16);                                    /* from the least */
    if (tail && r->seen_tail) CHECK(divisor == r->divisor || divisor * 2 == r->divisor); /* by doubling */
    if (tail) r->seen_tail = true;
    r->divisor = divisor;
    if (tail && divisor < r->smallest) r->smallest = divisor;
    r->resizes++;
    return (hrm_select_size){COUNT / divisor, COUNT / divisor};
}

static void record_part(hrm_recorder *rec, uint32_t candidate, const hrm_tensor *t, void *user) {
    const resizable *r = user;
    hrm_tensor x = t[0], y = t[1];
    x.shape[0] = y.shape[0] = COUNT / r->divisor;
    for (int i = candidate == 0 ? 0 : 31; i < 32; i++)
        hrm_scale(rec, (hrm_scale_args){.y = y, .x = x, .factor = candidate == 1 ? 2.1f : 2.0f});
}

/* Work that may be too long for a slow device's watchdog starts small; what is not computed then is not compared. */
static void test_growing_work(void **state) {
    (void)state;
    hrm_device *device = open_with_cache("");
    resizable r = {.smallest = UINT32_MAX};
    uint32_t chosen = 99;
    hrm_select_case c = make_case("part", NULL);
    c.candidate_count = 3;
    c.record = record_part;
    c.resize = resize;
    c.divisor_most = 16;
    c.user = &r;
    CHECK_OK(hrm_select_pick(device, &c, &chosen));
    CHECK_EQ(chosen, 2);
    CHECK(r.seen_tail && r.divisor <= r.smallest); /* timed on no less than was compared */
    hrm_device_close(device);
}

static char *find_cache_file(const char *folder) {
    static char path[512];
    char command[600];
    snprintf(command, sizeof command, "ls %s/select-*.txt 2>/dev/null", folder);
    FILE *f = popen(command, "r");
    CHECK(f != NULL);
    bool found = fgets(path, sizeof path, f) != NULL;
    pclose(f);
    if (!found) return NULL;
    path[strcspn(path, "\n")] = 0;
    return path;
}

static void test_the_cache_file(void **state) {
    (void)state;
    const char *folder = check_temp_dir();
    uint32_t runs[8] = {0}, chosen = 99;
    hrm_select_case c = make_case("twice", runs);
    hrm_device *device = open_with_cache(folder);
    CHECK_OK(hrm_select_pick(device, &c, &chosen));
    hrm_device_close(device);
    uint32_t before = total(runs);
    CHECK(before > 0);

    device = open_with_cache(folder);
    chosen = 99;
    CHECK_OK(hrm_select_pick(device, &c, &chosen));
    CHECK_EQ(chosen, 2);
    CHECK_EQ(total(runs), before);
    hrm_device_close(device);

    /* Damaged in every way: measured again, and replaced. */
    const char *path = find_cache_file(folder);
    CHECK(path != NULL);
    size_t size = 0;
    char *good = check_read_file(path, &size);
    CHECK(strncmp(good, "hrm kernel choices, version 2\nrefused twice wrong ", 50) == 0);
    for (int damage = 0; damage < 5; damage++) {
        char bad[4096] = "";
        CHECK(size < sizeof bad);
        memcpy(bad, good, size);
        size_t bad_size = size;
        if (damage == 0) bad_size = size / 2;
        if (damage == 1) memcpy(strstr(bad, "fast"), "slow", 4);
        if (damage == 2) memset(bad, 0xff, size);
        if (damage == 3) bad_size = 1;
        if (damage == 4) *strstr(bad, "version 2") = 'V';
        check_write_file(path, bad, bad_size);
        device = open_with_cache(folder);
        before = total(runs);
        chosen = 99;
        CHECK_OK(hrm_select_pick(device, &c, &chosen));
        CHECK_EQ(chosen, 2);
        CHECK_MSG(total(runs) > before, "damage %d went unnoticed", damage);
        hrm_device_close(device);
        char *again = check_read_file(path, &bad_size);
        CHECK_MSG(memcmp(again, "hrm kernel choices, version 2", 29) == 0, "damage %d stayed", damage);
        free(again);
    }
    free(good);
}

/* Nothing of what was written before is lost to another process that wrote meanwhile. */
static void test_two_processes(void **state) {
    (void)state;
    const char *folder = check_temp_path("two");
    uint32_t runs[8] = {0}, chosen = 99;
    hrm_select_case first = make_case("first", runs), second = make_case("second", runs);
    hrm_device *a = open_with_cache(folder), *b = open_with_cache(folder);
    CHECK_OK(hrm_select_pick(a, &first, &chosen));
    CHECK_OK(hrm_select_pick(b, &second, &chosen)); /* has not read what a wrote */
    hrm_device_close(a);
    hrm_device_close(b);
    uint32_t before = total(runs);
    a = open_with_cache(folder);
    CHECK_OK(hrm_select_pick(a, &first, &chosen));
    CHECK_EQ(chosen, 2);
    CHECK_OK(hrm_select_pick(a, &second, &chosen));
    CHECK_EQ(chosen, 2);
    CHECK_EQ(total(runs), before);
    hrm_device_close(a);
}

static void test_the_override(void **state) {
    (void)state;
    hrm_device *device = open_with_cache("");
    uint32_t runs[8] = {0}, chosen = 99;
    setenv("HRM_SELECT", "other=fast,twice=slow", 1);
    hrm_select_case c = make_case("twice", runs);
    CHECK_OK(hrm_select_pick(device, &c, &chosen));
    CHECK_EQ(chosen, 0);
    CHECK_EQ(total(runs), 0);
    setenv("HRM_SELECT", "twice2=absent", 1);
    c = make_case("twice2", runs);
    CHECK_STATUS(hrm_select_pick(device, &c, &chosen), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("HRM_SELECT");
    unsetenv("HRM_SELECT");
    hrm_device_close(device);
}

static void test_a_device_that_does_nothing(void **state) {
    (void)state;
    const char *folder = check_temp_path("nothing");
    hrm_device *device = open_with_cache(folder);
    idle_device_begin(device);
    hrm_device_set_submit_target(device, 0); /* no timestamps: reading those never written is an error of ours */
    uint32_t runs[8] = {0}, chosen = 99;
    hrm_select_case c = make_case("twice", runs);
    c.flops = 1e12; /* in no time */
    hrm_status status = hrm_select_pick(device, &c, &chosen);
    idle_device_end(device);
    if (status == HRM_OK) {
        CHECK_EQ(chosen, 0); /* the first: no other has run */
        CHECK_EQ(runs[1] + runs[2] + runs[3], 0);
    } else { /* what fresh memory held was no number */
        CHECK_STATUS(status, HRM_ERR_UNSUPPORTED);
        CHECK_ERROR_HAS("no kernel works on this device");
    }
    hrm_device_close(device);
    CHECK(find_cache_file(folder) == NULL);
}

static void count_visit(void *user, const char *op, const char *row, double gflops, const char *how) {
    uint32_t *count = user;
    CHECK(op[0] && row[0] && how[0] && gflops >= 0);
    if (strncmp(op, "matmul_", 7) == 0) ++*count;
}

static const hrm_matmul_problem nn_default = {.form = HRM_MATMUL_NN};

static void test_the_list(void **state) {
    (void)state;
    hrm_device *device = open_with_cache("");
    uint32_t count = 0;
    CHECK_OK(hrm_select_list(device, count_visit, &count));
    CHECK_EQ(count, 3);
    CHECK(strcmp(hrm_matmul_get_row_for(device, &nn_default), "none") != 0);
    hrm_device_close(device);
}

typedef struct found {
    const char *op;
    char row[40], how[40];
    uint32_t visits;
} found;

static void find_visit(void *user, const char *op, const char *row, double gflops, const char *how) {
    found *f = user;
    (void)gflops;
    f->visits++;
    if (strcmp(op, f->op) != 0) return;
    snprintf(f->row, sizeof f->row, "%s", row);
    snprintf(f->how, sizeof f->how, "%s", how);
}

static found find_used(hrm_device *device, const char *op) {
    found f = {.op = op};
    CHECK_OK(hrm_select_visit_used(device, find_visit, &f));
    return f;
}

/* Every family that the device can run, forced before anything has been chosen and after. */
static void test_forced_rows(void **state) {
    (void)state;
    const char *folder = check_temp_path("forced");
    const char *op = hrm_matmul_get_op(HRM_MATMUL_NN);
    CHECK_STR(op, "matmul_nn");
    uint32_t forced = 0;
    hrm_device *device = open_with_cache(folder);
    CHECK_EQ(find_used(device, op).visits, 0);
    for (int f = HRM_MATMUL_AUTO + 1; f < HRM_MATMUL_FAMILY_COUNT; f++) {
        const char *row = hrm_matmul_family_name((hrm_matmul_family)f);
        if (hrm_select_force(device, op, row) != HRM_OK) continue;
        forced++;
        found now = find_used(device, op);
        CHECK_EQ(now.visits, 1); /* nothing else was measured for it */
        CHECK_STR(now.row, row);
        CHECK_STR(now.how, "recorded");
        CHECK_STR(hrm_matmul_get_row_for(device, &nn_default), row);
    }
    CHECK(forced > 0);
    char last[40];
    snprintf(last, sizeof last, "%s", hrm_matmul_get_row_for(device, &nn_default));

    /* Refusals leave the choice. */
    CHECK_STATUS(hrm_select_force(device, "twice", "fast"), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS("\"twice\"");
    CHECK_STATUS(hrm_select_force(device, op, "no_such_row"), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS("matmul_nn");
    CHECK_ERROR_HAS("\"no_such_row\"");
    CHECK_STATUS(hrm_select_force(device, op, ""), HRM_ERR_UNSUPPORTED);
    CHECK_STR(find_used(device, op).row, last);
    CHECK_STR(find_used(device, op).how, "recorded");
    CHECK(find_cache_file(folder) == NULL); /* none is a measurement */

    /* HRM_SELECT wins. */
    char variable[80];
    snprintf(variable, sizeof variable, "%s=%s", op, last);
    setenv("HRM_SELECT", variable, 1);
    CHECK_OK(hrm_select_force(device, op, "no_such_row"));
    unsetenv("HRM_SELECT");
    CHECK_STR(find_used(device, op).how, "HRM_SELECT");
    CHECK_STR(find_used(device, op).row, last);

    CHECK_OK(hrm_select_force(device, hrm_attention_get_op(false), "tiles"));
    CHECK_STR(find_used(device, "attention_fwd").how, "recorded");
    hrm_attention_family family;
    CHECK_OK(hrm_attention_choose(device, false, &family));
    CHECK_EQ(family, HRM_ATTENTION_TILES);
    hrm_device_close(device);

    /* The next device knows nothing of it. */
    device = open_with_cache(folder);
    CHECK_EQ(find_used(device, op).visits, 0);
    hrm_device_close(device);
}

static void check_key(const char *text, const char *op, hrm_dtype type, uint32_t rank, uint64_t last) {
    hrm_select_key key;
    char again[HRM_SELECT_KEY];
    CHECK_MSG(hrm_select_read_key(text, &key), "%s", text);
    CHECK_STR(key.op, op);
    CHECK_EQ(key.type, type);
    CHECK_EQ(key.rank, rank);
    if (rank > 0) CHECK_EQ(key.shape[rank - 1], last);
    hrm_select_write_key(&key, again);
    CHECK_STR(again, text);
}

static void test_keys(void **state) {
    (void)state;
    check_key("matmul_nt", "matmul_nt", HRM_F32_T, 0, 0);
    check_key("matmul_nt.bf16", "matmul_nt", HRM_BF16_T, 0, 0);
    check_key("matmul_tn.f16:4096x1536x512", "matmul_tn", HRM_F16_T, 3, 512);
    check_key("attention_fwd:32x82x8x64", "attention_fwd", HRM_F32_T, 4, 64);
    check_key("a:1", "a", HRM_F32_T, 1, 1);
    static const char *const bad[] = {"",
                                      ":",
                                      "a:",
                                      "a:0",
                                      "a:01",
                                      "a:1x",
                                      "a.f32",
                                      "a.bf16x",
                                      "a:1x2x3x4x5",
                                      "a 1",
                                      "a:1y2",
                                      "A",
                                      "a:-1",
                                      "a: 1",
                                      "a.bf16.f16",
                                      "a:1.bf16",
                                      "a:123456789012345678",
                                      "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hrm_select_key key;
        CHECK_MSG(!hrm_select_read_key(bad[i], &key), "\"%s\"", bad[i]);
    }
    static const uint64_t buckets[][2] = {{0, 1},    {1, 1},       {2, 2},       {3, 4},
                                          {82, 128}, {2624, 4096}, {4096, 4096}, {4097, 8192}};
    for (size_t i = 0; i < sizeof buckets / sizeof *buckets; i++)
        CHECK_EQ(hrm_select_bucket(buckets[i][0]), buckets[i][1]);
}

typedef struct tuned {
    uint32_t visits, refused, chosen, timed;
    char winner[40];
} tuned;

static void note_result(void *user, const hrm_select_result *r) {
    tuned *t = user;
    t->visits++;
    t->refused += r->refused;
    t->timed += r->gflops > 0;
    CHECK(!r->refused || (!r->chosen && r->reason && r->gflops == 0));
    if (r->chosen) snprintf(t->winner, sizeof t->winner, "%s", r->row);
    t->chosen += r->chosen;
}

static void note_stored(void *user, const hrm_select_result *r) {
    tuned *t = user;
    t->visits++;
    t->refused += r->refused;
    t->chosen += r->chosen;
    CHECK(r->refused ? strcmp(r->row, "wrong") == 0 && strcmp(r->key, "twice") == 0 && r->error > 1e-2 : r->gflops > 0);
}

static bool is_a_candidate(void *user, const char *row) {
    (void)user;
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++)
        if (candidates[i].usable && strcmp(candidates[i].name, row) == 0) return true;
    return false;
}

static void check_found(hrm_device *device, const char *key, const char *want) {
    char row[HRM_SELECT_ROW];
    CHECK_OK(hrm_select_find(device, key, is_a_candidate, NULL, row));
    CHECK_STR(row, want);
}

/* A shape that was tuned; the planted wrong candidate is refused for good: by every key of its operation and type, in
 * later processes too, until all is forgotten. */
static void test_tuning_a_shape(void **state) {
    (void)state;
    const char *folder = check_temp_path("tuning");
    const char *key = "twice:64x8x8";
    uint32_t runs[8] = {0}, chosen = 99;
    tuned t = {0};
    const hrm_select_tuning tuning = {.runs = 3, .visit = note_result, .user = &t};
    hrm_select_case c = make_case(key, runs);
    hrm_device *device = open_with_cache(folder);
    check_found(device, key, ""); /* the default is to be taken */
    CHECK_OK(hrm_select_tune(device, &c, &tuning));
    CHECK_EQ(t.visits, 4); /* all but the absent one */
    CHECK_EQ(t.refused, 1);
    CHECK_EQ(t.chosen, 1);
    CHECK_STR(t.winner, "fast");
    CHECK_EQ(runs[1], 1);
    CHECK_OK(hrm_select_keep(device));
    check_found(device, key, "fast");
    check_found(device, "twice:128x8x8", "");
    check_found(device, "twice.bf16:64x8x8", "");
    CHECK_STR(hrm_select_get_known(device, key), "fast");
    CHECK_STR(find_used(device, key).how, "tuned");
    c.key = "twice"; /* nor is the wrong one tried for the default */
    CHECK_OK(hrm_select_pick(device, &c, &chosen));
    CHECK_EQ(chosen, 2);
    CHECK_EQ(runs[1], 1);
    hrm_device_close(device);

    device = open_with_cache(folder);
    memset(&t, 0, sizeof t);
    CHECK_OK(hrm_select_visit_stored(device, note_stored, &t));
    CHECK_EQ(t.visits, 3);
    CHECK_EQ(t.chosen, 2);
    CHECK_EQ(t.refused, 1);
    check_found(device, key, "fast");
    c.key = "twice:256x8x8";
    memset(&t, 0, sizeof t);
    CHECK_OK(hrm_select_tune(device, &c, &tuning));
    CHECK_EQ(t.refused, 1); /* said, not tried */
    CHECK_EQ(runs[1], 1);
    /* HRM_SELECT wins, by shape and as the default */
    setenv("HRM_SELECT", "twice:256x8x8=slow", 1);
    check_found(device, "twice:256x8x8", "slow");
    setenv("HRM_SELECT", "twice:512x8x8=absent", 1);
    char row[HRM_SELECT_ROW];
    CHECK_STATUS(hrm_select_find(device, "twice:512x8x8", is_a_candidate, NULL, row), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STR(row, "");
    hrm_device_close(device);
    device = open_with_cache(folder);
    setenv("HRM_SELECT", "twice=slow", 1);
    check_found(device, key, "");
    unsetenv("HRM_SELECT");

    /* forgotten, and the file with it */
    CHECK(find_cache_file(folder) != NULL);
    CHECK_OK(hrm_select_reset(device));
    CHECK(find_cache_file(folder) == NULL);
    check_found(device, key, "");
    CHECK_OK(hrm_select_reset(device));
    c.key = key;
    CHECK_OK(hrm_select_tune(device, &c, &tuning));
    CHECK_EQ(runs[1], 2);
    hrm_device_close(device);
}

/* A row that was the choice and then turns out wrong at another shape is not used there any more either. */
static void test_a_choice_that_turns_out_wrong(void **state) {
    (void)state;
    const char *folder = check_temp_path("turns");
    uint32_t runs[8] = {0}, chosen = 99;
    const hrm_select_tuning tuning = {.runs = 1};
    hrm_device *device = open_with_cache(folder);
    hrm_select_case c = make_case("twice", runs);
    c.tolerance = 0.2; /* there "wrong" is right enough */
    hrm_select_candidate two[] = {{"slow", true, false}, {"wrong", true, false}};
    c.candidates = two;
    c.candidate_count = 2;
    CHECK_OK(hrm_select_pick(device, &c, &chosen));
    CHECK_EQ(chosen, 1);
    c.tolerance = 1e-6;
    c.key = "twice:64x8x8";
    CHECK_OK(hrm_select_tune(device, &c, &tuning));
    c.key = "twice";
    CHECK_OK(hrm_select_pick(device, &c, &chosen));
    CHECK_EQ(chosen, 0);
    hrm_device_close(device);
}

/* 16-bit tensors get values that both they and the yardstick hold, and are compared as numbers. Candidate 0 copies the
 * words, 1 changes the sign of every second one. */
static void record_words(hrm_recorder *rec, uint32_t candidate, const hrm_tensor *t, void *user) {
    (void)user;
    CHECK(t[0].dtype != HRM_F32_T && t[1].dtype == t[0].dtype);
    hrm_tensor x = hrm_tensor_1d(t[0].buffer, 0, HRM_F32_T, COUNT / 2),
               y = hrm_tensor_1d(t[1].buffer, 0, HRM_F32_T, COUNT / 2);
    hrm_scale(rec, (hrm_scale_args){.y = y, .x = x, .factor = candidate == 1 ? -1.0f : 1.0f});
}

static void record_wide(hrm_recorder *rec, uint32_t candidate, const hrm_tensor *t, void *user) {
    (void)user;
    CHECK_EQ(candidate, UINT32_MAX);
    CHECK(t[0].dtype == HRM_F32_T && t[1].dtype == HRM_F32_T);
    hrm_scale(rec, (hrm_scale_args){.y = t[1], .x = t[0], .factor = 1.0f});
}

static void test_16_bit_tensors(void **state) {
    (void)state;
    hrm_device *device = open_with_cache("");
    static const hrm_dtype types[][2] = {{HRM_BF16_T, HRM_BF16_T}, {HRM_F16_T, HRM_F16_T}};
    static const char *const keys[] = {"copy.bf16:64", "copy.f16:64"};
    for (int i = 0; i < 2; i++) {
        tuned t = {0};
        const hrm_select_tuning tuning = {.runs = 1, .visit = note_result, .user = &t};
        hrm_select_case c = make_case(keys[i], NULL);
        c.candidate_count = 2;
        c.types = types[i];
        c.tolerance = 0; /* nothing is rounded */
        c.record = record_words;
        c.yardstick = record_wide;
        CHECK_OK(hrm_select_tune(device, &c, &tuning));
        CHECK_STR(t.winner, "slow");
        CHECK_EQ(t.refused, 1);
    }
    hrm_device_close(device);
}

/* ---- the operations' own choices by shape ---- */

/* A family other than the default's; every device has two. */
static hrm_matmul_family find_other(hrm_device *device, const hrm_matmul_problem *p) {
    hrm_matmul_family by_default;
    CHECK_OK(hrm_matmul_choose(device, p->form, &by_default));
    for (int f = HRM_MATMUL_AUTO + 1; f < HRM_MATMUL_FAMILY_COUNT; f++)
        if (f != (int)by_default && hrm_matmul_family_serves(device, (hrm_matmul_family)f, p))
            return (hrm_matmul_family)f;
    CHECK(!"a second family");
    return HRM_MATMUL_AUTO;
}

static void test_recorded_shapes(void **state) {
    (void)state;
    const char *folder = check_temp_path("recorded");
    hrm_device *device = open_with_cache(folder);
    const char *key = "matmul_nn:64x24x32";
    hrm_matmul_problem p = {.form = HRM_MATMUL_NN, .rows = 37, .out = 24, .in = 32}, large = p;
    large.rows = 65;
    hrm_matmul_family other = find_other(device, &p), by_default;
    CHECK_OK(hrm_matmul_choose(device, HRM_MATMUL_NN, &by_default));
    const char *row = hrm_matmul_family_name(other);
    CHECK_OK(hrm_select_force(device, key, row));
    CHECK_STR(hrm_matmul_get_row_for(device, &p), row);
    p.rows = 64;
    CHECK_STR(hrm_matmul_get_row_for(device, &p), row);
    CHECK_STR(hrm_matmul_get_row_for(device, &large), hrm_matmul_family_name(by_default));
    CHECK_STR(find_used(device, key).how, "recorded");
    /* refusals */
    CHECK_STATUS(hrm_select_force(device, key, "no_such_row"), HRM_ERR_UNSUPPORTED);
    CHECK_STR(find_used(device, key).row, row);
    CHECK_STATUS(hrm_select_force(device, "matmul_nn:63x24x32", row), HRM_ERR_UNSUPPORTED); /* no power of two */
    CHECK_STATUS(hrm_select_force(device, "matmul_nn:64x24", row), HRM_ERR_UNSUPPORTED);
    CHECK_STATUS(hrm_select_force(device, "matmul_nn:", row), HRM_ERR_UNSUPPORTED);
    CHECK_STATUS(hrm_select_force(device, "attention_fwd:3x8x2x8", "tiles"), HRM_ERR_UNSUPPORTED);
    CHECK_OK(hrm_select_force(device, "attention_fwd:4x8x2x8", "tiles"));
    hrm_attention_family family;
    CHECK_OK(hrm_attention_choose_for(device, &(hrm_attention_problem){.batch = 3, .seq = 8, .heads = 2, .head_dim = 8},
                                      &family));
    CHECK_EQ(family, HRM_ATTENTION_TILES);
    hrm_device_close(device);

    /* A recorded default stands for all shapes, tuned or not; a recorded shape for itself. */
    device = open_with_cache(folder);
    const hrm_select_tuning tuning = {.runs = 1};
    p.rows = 48;
    CHECK_OK(hrm_matmul_tune(device, &p, &tuning));
    (void)hrm_matmul_get_row_for(device, &p);
    CHECK_STR(find_used(device, key).how, "tuned");
    CHECK_OK(hrm_select_force(device, "matmul_nn", row));
    CHECK_STR(hrm_matmul_get_row_for(device, &p), row);
    CHECK_STR(find_used(device, key).how, "");
    CHECK_OK(hrm_select_force(device, key, hrm_matmul_family_name(by_default)));
    CHECK_STR(hrm_matmul_get_row_for(device, &p), hrm_matmul_family_name(by_default));
    CHECK_STR(hrm_matmul_get_row_for(device, &large), row);
    hrm_device_close(device);
}

/* Every operation's own cases, at a shape with tails: whatever this device tries is right. */
static void test_tuning_the_operations(void **state) {
    (void)state;
    hrm_device *device = open_with_cache("");
    tuned t = {0};
    const hrm_select_tuning tuning = {.runs = 1, .visit = note_result, .user = &t};
    uint32_t problems = 0;
    for (int form = HRM_MATMUL_NT; form <= HRM_MATMUL_TN; form++, problems++)
        CHECK_OK(hrm_matmul_tune(
            device, &(hrm_matmul_problem){.form = (hrm_matmul_form)form, .rows = 83, .out = 40, .in = 72}, &tuning));
    for (int backward = 0; backward <= 1; backward++, problems++)
        CHECK_OK(hrm_attention_tune(
            device,
            &(hrm_attention_problem){.backward = backward != 0, .batch = 3, .seq = 29, .heads = 2, .head_dim = 16},
            &tuning));
    CHECK_EQ(t.chosen, problems);
    CHECK(t.timed >= problems);
    CHECK_EQ(t.refused, 0);
    CHECK_STATUS(hrm_matmul_tune(device, &(hrm_matmul_problem){.form = HRM_MATMUL_NT}, &tuning),
                 HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_attention_tune(device, &(hrm_attention_problem){.batch = 1}, &tuning), HRM_ERR_INVALID_ARGUMENT);
    hrm_device_close(device);
}

HELPER_GPU_MAIN(HELPER_GPU_TEST(test_the_fastest_right_one), HELPER_GPU_TEST(test_no_measurement_of_a_single_one),
                HELPER_GPU_TEST(test_untried_ones), HELPER_GPU_TEST(test_growing_work),
                HELPER_GPU_TEST(test_the_cache_file), HELPER_GPU_TEST(test_two_processes),
                HELPER_GPU_TEST(test_the_override), HELPER_GPU_TEST(test_a_device_that_does_nothing),
                HELPER_GPU_TEST(test_the_list), HELPER_GPU_TEST(test_forced_rows), HELPER_GPU_TEST(test_keys),
                HELPER_GPU_TEST(test_tuning_a_shape), HELPER_GPU_TEST(test_a_choice_that_turns_out_wrong),
                HELPER_GPU_TEST(test_16_bit_tensors), HELPER_GPU_TEST(test_recorded_shapes),
                HELPER_GPU_TEST(test_tuning_the_operations))
