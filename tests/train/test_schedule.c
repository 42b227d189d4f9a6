/* The learning-rate curve against the reference's table. */
#include <math.h>
#include <stdlib.h>

#include <jansson.h>

#include "check.h"
#include "io/json.h"
#include "train/schedule.h"

static void test_golden_table(void **state) {
    (void)state;
    json_t *root;
    CHECK_OK(hrm_json_load(check_path(check_tree_golden_dir(NULL), "lr_schedule.json"), &root));
    size_t i, k, checked = 0;
    json_t *schedule, *row;
    json_array_foreach(json_object_get(root, "schedules"), i, schedule) {
        double lr = json_number_value(json_object_get(schedule, "lr"));
        double ratio = json_number_value(json_object_get(schedule, "lr_min_ratio"));
        uint64_t warmup = (uint64_t)json_integer_value(json_object_get(schedule, "lr_warmup_steps"));
        uint64_t total = (uint64_t)json_integer_value(json_object_get(schedule, "total_steps"));
        json_array_foreach(json_object_get(schedule, "table"), k, row) {
            uint64_t step = (uint64_t)json_integer_value(json_array_get(row, 0));
            double want = json_number_value(json_array_get(row, 1)),
                   got = hrm_schedule_lr(lr, ratio, step, warmup, 0, total);
            /* The same doubles but for the order of a few operations. */
            CHECK_MSG(fabs(got - want) <= 1e-12 * want, "lr %g, step %llu: %.17g, expected %.17g", lr,
                      (unsigned long long)step, got, want);
            checked++;
        }
    }
    CHECK(checked > 10);
    json_decref(root);
}

static void test_ends(void **state) {
    (void)state;
    CHECK(fabs(hrm_schedule_lr(1.0, 0.1, 200, 10, 0, 100) - 0.1) < 1e-15);
    CHECK(fabs(hrm_schedule_lr(1.0, 0.5, 1, 0, 0, 1) - 0.5) < 1e-15);
    CHECK(hrm_schedule_lr(2.0, 1.0, 5, 10, 0, 100) == 1.0);
    /* Constant between warm-up and decay_start, half-way down in the middle of the rest. */
    CHECK(hrm_schedule_lr(1.0, 0.0, 59, 10, 60, 100) == 1.0);
    CHECK(fabs(hrm_schedule_lr(1.0, 0.0, 80, 10, 60, 100) - 0.5) < 1e-12);
    CHECK(fabs(hrm_schedule_lr(1.0, 0.0, 100, 10, 100, 100)) <= 1.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden_table), cmocka_unit_test(test_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
