#include "check.h"

#include "base/hash.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

/* Known answers of Random123 1.14.0, examples/kat_vectors, "philox4x32 10". */
static void philox_known_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } rows[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t got[4];
        hrm_philox4x32(rows[i].counter, rows[i].key, got);
        check_same_bits("philox", got, rows[i].want, sizeof got);
        uint32_t in_place[4];
        memcpy(in_place, rows[i].counter, sizeof in_place);
        hrm_philox4x32(in_place, rows[i].key, in_place);
        check_same_bits("philox in place", in_place, rows[i].want, sizeof got);
    }
}

static void stream_is_the_block_function(void **state) {
    (void)state;
    const uint64_t seed = UINT64_C(0x1122334455667788), stream = UINT64_C(0x99aabbccddeeff00);
    hrm_rng rng;
    hrm_rng_init(&rng, seed, stream);
    for (uint32_t block = 0; block < 5; block++) {
        const uint32_t counter[4] = {block, 0, 0xddeeff00, 0x99aabbcc}, key[2] = {0x55667788, 0x11223344};
        uint32_t want[4];
        hrm_philox4x32(counter, key, want);
        for (int i = 0; i < 4; i++) CHECK_EQ(hrm_rng_u32(&rng), want[i]);
    }
}

static void seek_repeats_any_position(void **state) {
    (void)state;
    uint32_t drawn[64];
    hrm_rng rng;
    hrm_rng_init(&rng, 5, 6);
    for (int i = 0; i < 64; i++) drawn[i] = hrm_rng_u32(&rng);
    CHECK_EQ(rng.position, 64);
    for (uint32_t start = 0; start < 60; start++) {
        hrm_rng again;
        hrm_rng_init(&again, 5, 6);
        hrm_rng_seek(&again, start);
        for (uint32_t i = start; i < start + 5 && i < 64; i++) CHECK_EQ(hrm_rng_u32(&again), drawn[i]);
    }
    /* Past 2^32 blocks the second counter word takes over. */
    hrm_rng_seek(&rng, UINT64_C(4) << 32);
    const uint32_t counter[4] = {0, 1, 6, 0}, key[2] = {5, 0};
    uint32_t want[4];
    hrm_philox4x32(counter, key, want);
    CHECK_EQ(hrm_rng_u32(&rng), want[0]);
    hrm_rng_seek(&rng, 0);
    uint64_t both = (uint64_t)drawn[1] << 32 | drawn[0];
    CHECK_EQ(hrm_rng_u64(&rng), both);
}

/* Every start and length around the sizes of blocks and batches; past 2^32 blocks the second counter word takes over.
 */
static void fill_is_repeated_drawing(void **state) {
    (void)state;
    const uint64_t starts[] = {0, 1, 2, 3, 5, (UINT64_C(1) << 34) - 66, (UINT64_C(1) << 34) - 4};
    for (size_t s = 0; s < sizeof starts / sizeof *starts; s++)
        for (size_t count = 0; count < 200; count++) {
            uint32_t filled[201], drawn[201];
            hrm_rng one, other;
            hrm_rng_init(&one, UINT64_C(0x1122334455667788), UINT64_C(0x99aabbccddeeff00));
            hrm_rng_seek(&one, starts[s]);
            other = one;
            filled[count] = drawn[count] = 77; /* must stay */
            hrm_rng_fill_u32(&one, filled, count);
            for (size_t i = 0; i < count; i++) drawn[i] = hrm_rng_u32(&other);
            check_same_bits("filled", filled, drawn, sizeof *drawn * (count + 1));
            CHECK_EQ(one.position, other.position);
            CHECK_EQ(hrm_rng_u32(&one), hrm_rng_u32(&other));
        }
}

static void below_is_in_range_and_even(void **state) {
    (void)state;
    hrm_rng rng;
    hrm_rng_init(&rng, check_seed(), 1);
    CHECK_EQ(hrm_rng_below(&rng, 0), 0);
    for (int i = 0; i < 100; i++) CHECK_EQ(hrm_rng_below(&rng, 1), 0);
    static const uint32_t sizes[] = {2, 3, 6, 7, 10, 100, 0x80000001u, 0xffffffffu};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int i = 0; i < 2000; i++) CHECK(hrm_rng_below(&rng, sizes[s]) < sizes[s]);
    /* 60,000 throws of a die: a count is binomial with sigma 91; 6 sigma. */
    uint32_t counts[6] = {0};
    for (int i = 0; i < 60000; i++) counts[hrm_rng_below(&rng, 6)]++;
    for (int i = 0; i < 6; i++) CHECK_MSG(counts[i] > 9450 && counts[i] < 10550, "face %d fell %u times", i, counts[i]);
    /* With n = 3 * 2^30 a plain multiply-shift would favour every third value: a third must fall in each residue. */
    uint32_t residues[3] = {0};
    for (int i = 0; i < 60000; i++) residues[hrm_rng_below(&rng, 3u << 30) % 3]++;
    for (int i = 0; i < 3; i++)
        CHECK_MSG(residues[i] > 19300 && residues[i] < 20700, "residue %d: %u of 60000", i, residues[i]);
}

static void floats_are_in_zero_one(void **state) {
    (void)state;
    hrm_rng rng;
    hrm_rng_init(&rng, check_seed(), 2);
    double sum = 0, square = 0, sum32 = 0;
    const int n = 100000;
    for (int i = 0; i < n; i++) {
        double x = hrm_rng_f64(&rng);
        float y = hrm_rng_f32(&rng);
        CHECK(x >= 0.0 && x < 1.0);
        CHECK(y >= 0.0f && y < 1.0f);
        sum += x;
        square += x * x;
        sum32 += (double)y;
    }
    /* Uniform: mean 1/2 with sigma 0.29 / sqrt(n) = 0.0009, second moment 1/3; 6 sigma. */
    CHECK(fabs(sum / n - 0.5) < 0.0055);
    CHECK(fabs(sum32 / n - 0.5) < 0.0055);
    CHECK(fabs(square / n - 1.0 / 3.0) < 0.0057);
}

static void shuffle_is_a_fair_permutation(void **state) {
    (void)state;
    hrm_rng rng;
    hrm_rng_init(&rng, check_seed(), 3);
    uint32_t seen[4][4] = {{0}};
    for (int round = 0; round < 24000; round++) {
        uint32_t values[4] = {0, 1, 2, 3}, mask = 0;
        hrm_rng_shuffle_u32(&rng, values, 4);
        for (int i = 0; i < 4; i++) {
            mask |= 1u << values[i];
            seen[i][values[i]]++;
        }
        CHECK_EQ(mask, 15);
    }
    for (int i = 0; i < 4; i++) /* mean 6000, sigma 67; 6 sigma */
        for (int j = 0; j < 4; j++) CHECK_MSG(seen[i][j] > 5600 && seen[i][j] < 6400, "[%d][%d] %u", i, j, seen[i][j]);
    hrm_rng_shuffle_u32(&rng, NULL, 0);
}

/* Published test values of FNV-1a 64. */
static void fnv_known_answers(void **state) {
    (void)state;
    CHECK_EQ(hrm_fnv1a64("", 0), UINT64_C(0xcbf29ce484222325));
    CHECK_EQ(hrm_fnv1a64("a", 1), UINT64_C(0xaf63dc4c8601ec8c));
    CHECK_EQ(hrm_fnv1a64("foobar", 6), UINT64_C(0x85944171f73967e8));
    uint64_t parts = hrm_fnv1a64_update(hrm_fnv1a64_update(HRM_FNV1A64_INIT, "foo", 3), "bar", 3);
    CHECK_EQ(parts, hrm_fnv1a64("foobar", 6));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers),      cmocka_unit_test(stream_is_the_block_function),
        cmocka_unit_test(seek_repeats_any_position), cmocka_unit_test(below_is_in_range_and_even),
        cmocka_unit_test(floats_are_in_zero_one),    cmocka_unit_test(shuffle_is_a_fair_permutation),
        cmocka_unit_test(fnv_known_answers),         cmocka_unit_test(fill_is_repeated_drawing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
