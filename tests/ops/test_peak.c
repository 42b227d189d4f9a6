#include "helper_gpu.h"

#include <math.h>

#include "ops/peak.h"

static void test_values(void **state) {
    (void)state;
    static const struct {
        size_t count;
        uint32_t rounds;
        float factor, term;
    } cases[] = {{1, 1, 0.5f, 0.25f}, {37, 9, 0.999f, 0.125f}, {4099, 3, -0.75f, 1.0f}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        hrm_recorder *rec = helper_gpu_begin();
        hrm_tensor y = helper_gpu_f32(NULL, cases[c].count);
        hrm_peak(rec,
                 (hrm_peak_args){.y = y, .rounds = cases[c].rounds, .factor = cases[c].factor, .term = cases[c].term});
        helper_gpu_run();
        double want = 0;
        for (int j = 0; j < 16; j++) {
            double x = j / 16.0;
            for (uint32_t n = 0; n < 8 * cases[c].rounds; n++) x = x * (double)cases[c].factor + (double)cases[c].term;
            want += x;
        }
        const float *got = helper_gpu_read(y);
        /* up to 72 rounded steps of two operations on values below 126, then a sum of 16 */
        for (size_t i = 0; i < cases[c].count; i++)
            CHECK_MSG(fabs((double)got[i] - want) < 72 * 2 * 16 * 126 * 0x1p-24, "%zu of %zu: %g, want %g", i,
                      cases[c].count, (double)got[i], want);
    }
}

static void test_refused(void **state) {
    (void)state;
    hrm_peak(helper_gpu_begin(), (hrm_peak_args){.rounds = 1});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "tensor y is not set");
}

HELPER_GPU_MAIN(HELPER_GPU_TEST(test_values), HELPER_GPU_TEST(test_refused))
