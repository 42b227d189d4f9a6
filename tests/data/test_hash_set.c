/* The set of hashes: what was added is there, nothing else is, collisions and the hash 0 included. */
#include "check.h"

#include "data/hash_set.h"

static void test_empty(void **state) {
    (void)state;
    hrm_hash_set set;
    CHECK_OK(hrm_hash_set_init(&set, 0, "things"));
    hrm_hash_set_deinit(&set);
    CHECK(set.slots == NULL);
    hrm_hash_set_deinit(&set);
}

static void test_special_hashes(void **state) {
    (void)state;
    hrm_hash_set set;
    CHECK_OK(hrm_hash_set_init(&set, 3, "things"));
    CHECK(hrm_hash_set_add(&set, 0));
    CHECK(!hrm_hash_set_add(&set, 0));
    CHECK(!hrm_hash_set_add(&set, 1)); /* the same, as documented */
    CHECK(hrm_hash_set_add(&set, UINT64_MAX));
    CHECK(hrm_hash_set_add(&set, UINT64_C(1) << 63));
    CHECK(!hrm_hash_set_add(&set, UINT64_MAX));
    CHECK_EQ(set.room, 0);
    hrm_hash_set_deinit(&set);
}

/* Every hash wants the same slot, the last one of all, so that the search goes round the end. */
static void test_collisions(void **state) {
    (void)state;
    hrm_hash_set set;
    CHECK_OK(hrm_hash_set_init(&set, 500, "things"));
    for (uint64_t i = 1; i <= 500; i++) CHECK(hrm_hash_set_add(&set, i << 40 | ((i << 8 & set.mask) ^ set.mask)));
    for (uint64_t i = 1; i <= 500; i++) CHECK(!hrm_hash_set_add(&set, i << 40 | ((i << 8 & set.mask) ^ set.mask)));
    hrm_hash_set_deinit(&set);
}

/* As many as were asked for fit, at sizes around the powers of two; a repeat takes no room. */
static void test_full(void **state) {
    (void)state;
    static const uint64_t sizes[] = {1, 7, 8, 9, 15, 16, 17, 4095, 4096, 4097};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        hrm_hash_set set;
        CHECK_OK(hrm_hash_set_init(&set, sizes[s], "things"));
        for (uint64_t i = 1; i <= sizes[s]; i++) {
            CHECK(hrm_hash_set_add(&set, i * UINT64_C(0x9e3779b97f4a7c15)));
            CHECK(!hrm_hash_set_add(&set, i * UINT64_C(0x9e3779b97f4a7c15)));
        }
        for (uint64_t i = 1; i <= sizes[s]; i++) CHECK(!hrm_hash_set_add(&set, i * UINT64_C(0x9e3779b97f4a7c15)));
        CHECK_EQ(set.room, 0);
        hrm_hash_set_deinit(&set);
    }
}

static void test_too_many(void **state) {
    (void)state;
    hrm_hash_set set;
    CHECK_STATUS(hrm_hash_set_init(&set, UINT64_MAX, "things"), HRM_ERR_OUT_OF_MEMORY);
    CHECK_ERROR_HAS("to tell 18446744073709551615 things apart");
    CHECK(set.slots == NULL);
    CHECK_STATUS(hrm_hash_set_init(&set, UINT64_C(1) << 62, "things"), HRM_ERR_OUT_OF_MEMORY);
    CHECK(set.slots == NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty), cmocka_unit_test(test_special_hashes), cmocka_unit_test(test_collisions),
        cmocka_unit_test(test_full),  cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
