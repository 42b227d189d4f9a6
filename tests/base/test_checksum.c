#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/rng.h"

static uint64_t checksum_of(const void *data, size_t size) {
    hrm_checksum sum;
    hrm_checksum_init(&sum);
    hrm_checksum_update(&sum, data, size);
    return hrm_checksum_get(&sum);
}

static void fill(unsigned char *data, size_t size) {
    hrm_rng rng;
    hrm_rng_init(&rng, check_seed(), 0);
    for (size_t i = 0; i < size; i++) data[i] = (unsigned char)(hrm_rng_f32(&rng) * 256);
}

/* Files written by one version are read by the next: these values stay. */
static void values_stay(void **state) {
    (void)state;
    unsigned char data[300];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)i;
    CHECK_EQ(checksum_of(NULL, 0), UINT64_C(0x990797e023e6ce2d));
    CHECK_EQ(checksum_of("a", 1), UINT64_C(0xd3adbcec364fb0b6));
    CHECK_EQ(checksum_of(data, sizeof data), UINT64_C(0x7374be5857f3e4f9));
}

static void cuts_do_not_matter(void **state) {
    (void)state;
    unsigned char data[517];
    fill(data, sizeof data);
    const uint64_t want = checksum_of(data, sizeof data);
    for (size_t piece = 1; piece < sizeof data; piece++) {
        hrm_checksum sum;
        hrm_checksum_init(&sum);
        for (size_t at = 0; at < sizeof data; at += piece) {
            hrm_checksum_update(&sum, data + at, sizeof data - at < piece ? sizeof data - at : piece);
            CHECK_EQ(hrm_checksum_get(&sum), checksum_of(data, at + piece < sizeof data ? at + piece : sizeof data));
            hrm_checksum_update(&sum, NULL, 0);
        }
        CHECK_EQ(hrm_checksum_get(&sum), want);
    }
}

static void damage_shows(void **state) {
    (void)state;
    unsigned char data[200] = {0};
    for (int round = 0; round < 2; round++) {
        if (round) fill(data, sizeof data);
        const uint64_t want = checksum_of(data, sizeof data);
        for (size_t size = 0; size < sizeof data; size++) CHECK(checksum_of(data, size) != want);
        for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
            data[bit / 8] ^= (unsigned char)(1u << bit % 8);
            CHECK(checksum_of(data, sizeof data) != want);
            for (size_t other = bit + 1; other < 8 * sizeof data; other++) { /* two sign bits, among others */
                data[other / 8] ^= (unsigned char)(1u << other % 8);
                CHECK(checksum_of(data, sizeof data) != want);
                data[other / 8] ^= (unsigned char)(1u << other % 8);
            }
            data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
        if (round == 0) continue;
        for (size_t word = 8; word + 8 <= sizeof data; word += 8) { /* words that changed places */
            unsigned char swapped[sizeof data];
            memcpy(swapped, data, sizeof data);
            memcpy(swapped, data + word, 8);
            memcpy(swapped + word, data, 8);
            CHECK(checksum_of(swapped, sizeof data) != want);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_stay),
        cmocka_unit_test(cuts_do_not_matter),
        cmocka_unit_test(damage_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
