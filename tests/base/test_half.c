#include "check.h"

#include "base/half.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Value of a small float from the definition: sign, exponent bits, mantissa bits. */
static double define(uint16_t half, int exponent_bits, int mantissa_bits) {
    int exponent = half >> mantissa_bits & ((1 << exponent_bits) - 1), mantissa = half & ((1 << mantissa_bits) - 1);
    int bias = (1 << (exponent_bits - 1)) - 1;
    double sign = half & 0x8000 ? -1.0 : 1.0;
    if (exponent == (1 << exponent_bits) - 1) return mantissa ? (double)NAN : sign * (double)INFINITY;
    if (exponent == 0) return sign * ldexp(mantissa, 1 - bias - mantissa_bits);
    return sign * ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
}

static void all_values_widen_exactly_and_come_back(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 65536; i++) {
        uint16_t half = (uint16_t)i;
        double want16 = define(half, 5, 10), want_brain = define(half, 8, 7);
        float got16 = hrm_f16_to_f32(half), got_brain = hrm_bf16_to_f32(half);
        CHECK_MSG(isnan(want16) ? isnan(got16) : (double)got16 == want16 && !signbit(got16) == !signbit(want16),
                  "f16 0x%04x: got %.9g, expected %.9g", i, (double)got16, want16);
        CHECK_MSG(isnan(want_brain) ? isnan(got_brain)
                                    : (double)got_brain == want_brain && !signbit(got_brain) == !signbit(want_brain),
                  "bf16 0x%04x: got %.9g, expected %.9g", i, (double)got_brain, want_brain);
        uint16_t back16 = hrm_f16_from_f32(got16), back_brain = hrm_bf16_from_f32(got_brain);
        if (isnan(want16))
            CHECK_EQ(back16, half | 0x200); /* quieted, payload and sign kept */
        else
            CHECK_EQ(back16, half);
        if (isnan(want_brain))
            CHECK_EQ(back_brain, half | 0x40);
        else
            CHECK_EQ(back_brain, half);
    }
}

/* The points where rounding decides: between each finite value and the next, the middle and one f32 step beside it. */
static void ties_go_to_even(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 0x7c00; i++) {
        float low = hrm_f16_to_f32((uint16_t)i);
        double high = i + 1 == 0x7c00 ? 65536.0 : (double)hrm_f16_to_f32((uint16_t)(i + 1));
        float middle = (float)(((double)low + high) / 2.0);
        uint32_t even = i & 1 ? i + 1 : i;
        CHECK_EQ(hrm_f16_from_f32(middle), even);
        CHECK_EQ(hrm_f16_from_f32(nextafterf(middle, 0.0f)), i);
        CHECK_EQ(hrm_f16_from_f32(nextafterf(middle, INFINITY)), i + 1);
        CHECK_EQ(hrm_f16_from_f32(-middle), even | 0x8000);
    }
    for (uint32_t i = 0; i < 0x7f80; i++) {
        float middle = float_of(i << 16 | 0x8000);
        CHECK_EQ(hrm_bf16_from_f32(middle), i & 1 ? i + 1 : i);
        CHECK_EQ(hrm_bf16_from_f32(float_of(bits_of(middle) - 1)), i);
        CHECK_EQ(hrm_bf16_from_f32(float_of(bits_of(middle) + 1)), i + 1);
    }
}

static void random_values_go_to_the_nearest(void **state) {
    (void)state;
    hrm_rng rng;
    hrm_rng_init(&rng, check_seed(), 4);
    for (int i = 0; i < 200000; i++) {
        float value = float_of(hrm_rng_u32(&rng));
        uint16_t half = hrm_f16_from_f32(value);
        if (isnan(value)) {
            CHECK(isnan(hrm_f16_to_f32(half)) && isnan(hrm_bf16_to_f32(hrm_bf16_from_f32(value))));
            continue;
        }
        if (fabsf(value) >= 65520.0f) {
            CHECK_EQ(half & 0x7fff, 0x7c00);
            continue;
        }
        double error = fabs((double)hrm_f16_to_f32(half) - (double)value);
        for (int step = -1; step <= 1; step += 2) { /* neither neighbour is nearer */
            uint16_t neighbour = (uint16_t)(half + step);
            double other = define(neighbour, 5, 10);
            if (!isnan(other)) CHECK(fabs(other - (double)value) >= error);
        }
    }
}

static void extremes(void **state) {
    (void)state;
    CHECK_EQ(hrm_f16_from_f32(65504.0f), 0x7bff);
    CHECK_EQ(hrm_f16_from_f32(65519.0f), 0x7bff);
    CHECK_EQ(hrm_f16_from_f32(65520.0f), 0x7c00);
    CHECK_EQ(hrm_f16_from_f32(-INFINITY), 0xfc00);
    CHECK_EQ(hrm_f16_from_f32(0x1p-24f), 1);
    CHECK_EQ(hrm_f16_from_f32(0x1p-25f), 0);
    CHECK_EQ(hrm_f16_from_f32(0x1.000002p-25f), 1);
    CHECK_EQ(hrm_f16_from_f32(-0.0f), 0x8000);
    CHECK_EQ(hrm_bf16_from_f32(float_of(0x7f7fffff)), 0x7f80); /* FLT_MAX rounds to infinity */
    CHECK_EQ(hrm_bf16_from_f32(float_of(0x7f800001)), 0x7fc0); /* a NaN whose payload is cut off stays one */
    CHECK_EQ(hrm_f16_from_f32(float_of(0xff800001)), 0xfe00);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_values_widen_exactly_and_come_back),
        cmocka_unit_test(ties_go_to_even),
        cmocka_unit_test(random_values_go_to_the_nearest),
        cmocka_unit_test(extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
