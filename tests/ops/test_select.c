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

static const hrm_select_candidate candidates[] = {
    {"slow", true}, {"wrong", true}, {"fast", true}, {"broken", true}, {"absent", false}};

static hrm_select_case make_case(const char *op, uint32_t *runs) {
    static const uint64_t counts[] = {COUNT, COUNT};
    return (hrm_select_case){.op = op,
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
    hrm_select_candidate one[] = {{"slow", false}, {"wrong", true}};
    hrm_select_case c = make_case("twice", runs);
    c.candidates = one;
    c.candidate_count = 2;
    CHECK_OK(hrm_select_pick(device, &c, &chosen));
    CHECK_EQ(chosen, 1);
    CHECK_EQ(total(runs), 0);
    one[1].usable = false;
    c.op = "none";
    CHECK_STATUS(hrm_select_pick(device, &c, &chosen), HRM_ERR_UNSUPPORTED);
    hrm_device_close(device);
}

/* y = 2 x of the first 1 / divisor of the elements. */
typedef struct resizable {
    uint32_t divisor, smallest, resizes;
} resizable;

static void resize(void *user, uint32_t divisor) {
    resizable *r = user;
    if (r->resizes == 0) CHECK_EQ(divisor, 16);
    if (r->resizes > 0) CHECK_EQ(divisor * 2, r->divisor);
    r->divisor = divisor;
    if (divisor < r->smallest) r->smallest = divisor;
    r->resizes++;
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
    CHECK_EQ(r.divisor, r.smallest);
    CHECK_MSG(r.divisor == 1 || r.resizes < 5, "divisor %u after %u sizes", r.divisor, r.resizes);
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
    for (int damage = 0; damage < 4; damage++) {
        char bad[4096] = "";
        CHECK(size < sizeof bad);
        memcpy(bad, good, size);
        size_t bad_size = size;
        if (damage == 0) bad_size = size / 2;
        if (damage == 1) memcpy(strstr(bad, "fast"), "slow", 4);
        if (damage == 2) memset(bad, 0xff, size);
        if (damage == 3) bad_size = 1;
        check_write_file(path, bad, bad_size);
        device = open_with_cache(folder);
        before = total(runs);
        chosen = 99;
        CHECK_OK(hrm_select_pick(device, &c, &chosen));
        CHECK_EQ(chosen, 2);
        CHECK_MSG(total(runs) > before, "damage %d went unnoticed", damage);
        hrm_device_close(device);
    }
    free(good);
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

static void test_the_list(void **state) {
    (void)state;
    hrm_device *device = open_with_cache("");
    uint32_t count = 0;
    CHECK_OK(hrm_select_list(device, count_visit, &count));
    CHECK_EQ(count, 3);
    CHECK(strcmp(hrm_matmul_get_row(device, HRM_MATMUL_NN), "none") != 0);
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
        CHECK_STR(hrm_matmul_get_row(device, HRM_MATMUL_NN), row);
    }
    CHECK(forced > 0);
    char last[40];
    snprintf(last, sizeof last, "%s", hrm_matmul_get_row(device, HRM_MATMUL_NN));

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

HELPER_GPU_MAIN(HELPER_GPU_TEST(test_the_fastest_right_one), HELPER_GPU_TEST(test_no_measurement_of_a_single_one),
                HELPER_GPU_TEST(test_growing_work), HELPER_GPU_TEST(test_the_cache_file),
                HELPER_GPU_TEST(test_the_override), HELPER_GPU_TEST(test_a_device_that_does_nothing),
                HELPER_GPU_TEST(test_the_list), HELPER_GPU_TEST(test_forced_rows))
