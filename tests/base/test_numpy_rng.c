/* NumPy's Philox generator: numbers recorded from NumPy 2.4.6. The golden streams are in tests/data, because reading
 * them needs a file format. */
#include "check.h"

#include "base/numpy_rng.h"

/* numpy.random.Philox(12345678901234567890): state["key"] and random_raw(6), across a block's end. */
static void raw_stream(void **state) {
    (void)state;
    static const uint64_t raw[6] = {UINT64_C(0xe260fba73c323292), UINT64_C(0xfba88f086bbc0bdd),
                                    UINT64_C(0xdda72b7d730808d5), UINT64_C(0xbdee6a72a7b25f71),
                                    UINT64_C(0xbef6c78996af88ff), UINT64_C(0x8063a7464df6eb1d)};
    hrm_numpy_rng rng;
    hrm_numpy_rng_init(&rng, UINT64_C(12345678901234567890));
    CHECK_EQ(rng.key[0], UINT64_C(0x3adce17e346514ac));
    CHECK_EQ(rng.key[1], UINT64_C(0x59e9bcc388fa7613));
    for (int i = 0; i < 6; i++) CHECK_EQ(hrm_numpy_rng_u64(&rng), raw[i]);
    hrm_numpy_rng_init(&rng, UINT64_C(12345678901234567890));
    CHECK_EQ(hrm_numpy_rng_u32(&rng), UINT32_C(0x3c323292)); /* low half first */
    CHECK_EQ(hrm_numpy_rng_u64(&rng), raw[1]);               /* the half waits meanwhile */
    CHECK_EQ(hrm_numpy_rng_u32(&rng), UINT32_C(0xe260fba7));
    CHECK_EQ(hrm_numpy_rng_u32(&rng), UINT32_C(0x730808d5));
}

/* Two rounds of Generator(Philox(7)).integers(low, high): ranges of 1, below, at and beyond 32 bits. */
static void integers(void **state) {
    (void)state;
    static const struct {
        int64_t low, high, want[2];
    } rows[] = {
        {0, 1, {0, 0}},
        {0, INT64_C(4294967295), {1153793965, INT64_C(3795889554)}},
        {-5, INT64_C(4294967290), {2013555768, 432560453}},
        {0, INT64_C(4294967296), {INT64_C(4182739653), INT64_C(3314353782)}},
        {0, INT64_C(4294967297), {1558994534, INT64_C(3445874802)}},
        {0, 3, {1, 2}},
        {INT64_MIN, INT64_MAX, {INT64_C(-4844965222485704347), INT64_C(511636442149644710)}},
        {0, 3, {0, 1}},
        {0, INT64_MAX, {INT64_C(4722241519529891865), INT64_C(344278874333472546)}},
        {-3, INT64_C(6917529027641081856), {INT64_C(2094369190690255179), INT64_C(164636571784718665)}},
        {INT64_MIN, INT64_MAX, {INT64_C(8964197277751656485), INT64_C(7981862575198690689)}},
        {5, 6, {5, 5}},
        {0, INT64_C(2147483649), {297932141, 133206999}},
    };
    hrm_numpy_rng rng;
    hrm_numpy_rng_init(&rng, 7);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            int64_t got = hrm_numpy_rng_integer(&rng, rows[i].low, rows[i].high);
            CHECK_MSG(got == rows[i].want[round], "row %zu, round %d: %lld", i, round, (long long)got);
        }
    CHECK_EQ(hrm_numpy_rng_integer(&rng, 4, 4), 4);
    CHECK_EQ(hrm_numpy_rng_integer(&rng, 4, 2), 4);
}

static void permutation_is_one(void **state) {
    (void)state;
    hrm_numpy_rng rng;
    uint32_t order[100], seen[100] = {0}, one = 7;
    hrm_numpy_rng_init(&rng, check_seed());
    hrm_numpy_rng_permutation(&rng, &one, 0);
    CHECK_EQ(one, 7);
    hrm_numpy_rng_permutation(&rng, &one, 1);
    CHECK_EQ(one, 0);
    CHECK_EQ(rng.block_used, 4); /* neither drew */
    hrm_numpy_rng_permutation(&rng, order, 100);
    for (int i = 0; i < 100; i++) {
        CHECK(order[i] < 100);
        CHECK_EQ(seen[order[i]]++, 0);
    }
}

/* The first permutation(5) and permutation(12) of Generator(Philox(seed)), from golden/data_sampling. */
static void permutations(void **state) {
    (void)state;
    static const struct {
        uint64_t seed;
        uint32_t five[5], twelve[12];
    } rows[] = {
        {0, {0, 3, 4, 2, 1}, {3, 7, 0, 10, 6, 11, 8, 4, 1, 5, 2, 9}},
        {1, {0, 3, 4, 1, 2}, {11, 2, 1, 6, 3, 0, 8, 4, 9, 7, 5, 10}},
        {42, {1, 4, 3, 0, 2}, {6, 3, 7, 5, 1, 4, 8, 9, 2, 11, 0, 10}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hrm_numpy_rng rng;
        uint32_t got[12];
        hrm_numpy_rng_init(&rng, rows[i].seed);
        hrm_numpy_rng_permutation(&rng, got, 5);
        check_same_bits("permutation(5)", got, rows[i].five, sizeof rows[i].five);
        hrm_numpy_rng_init(&rng, rows[i].seed);
        hrm_numpy_rng_permutation(&rng, got, 12);
        check_same_bits("permutation(12)", got, rows[i].twelve, sizeof rows[i].twelve);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_stream),
        cmocka_unit_test(integers),
        cmocka_unit_test(permutation_is_one),
        cmocka_unit_test(permutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
