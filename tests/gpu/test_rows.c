/* Rows of a table, to the device and back: any order, rows that follow one another, rows larger than the staging ring's
 * pieces, order among other work. */
#include "helper_device.h"

#include <stdio.h>

#include "gpu/device_private.h"

static uint32_t next_random(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

/* 0 .. count - 1, in random order or rising. */
static uint32_t *order_rows(uint32_t count, bool random, uint64_t *seed) {
    uint32_t *rows = malloc(count * sizeof *rows);
    CHECK(rows != NULL);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = random ? next_random(seed) % (i + 1) : i;
        rows[i] = rows[j];
        rows[j] = i;
    }
    return rows;
}

enum { GUARD = 64, GUARD_BYTE = 0xa5 };

/* A table of `rows` rows between guards; `chosen` of them are written, then as many are read back. */
static void move_rows(uint64_t row_bytes, uint32_t rows, uint32_t chosen, bool random) {
    hrm_device *device = shared_device();
    uint64_t seed = check_seed(), table_bytes = row_bytes * rows, all_bytes = table_bytes + UINT64_C(2) * GUARD;
    uint64_t chosen_bytes = row_bytes * chosen;
    hrm_buffer *buffer = NULL, *slot = NULL;
    CHECK_OK(hrm_buffer_create(device, all_bytes, HRM_MEMORY_DEVICE, "table", &buffer));
    CHECK_OK(hrm_buffer_create(device, chosen_bytes + 8, HRM_MEMORY_READBACK, "slot", &slot));
    unsigned char *want = malloc(all_bytes), *got = malloc(all_bytes), *data = malloc(chosen_bytes);
    CHECK(want && got && data);
    memset(want, GUARD_BYTE, all_bytes);
    CHECK_OK(hrm_queue_upload(device, hrm_buffer_span(buffer), want));
    for (uint64_t i = 0; i < chosen_bytes; i++) data[i] = (unsigned char)(next_random(&seed) >> 7 & 0xff);
    uint32_t *order = order_rows(rows, random, &seed);
    for (uint32_t i = 0; i < chosen; i++) memcpy(want + GUARD + order[i] * row_bytes, data + i * row_bytes, row_bytes);
    const hrm_span table = {buffer, GUARD, table_bytes};
    CHECK_OK(hrm_queue_upload_rows(device, table, row_bytes, chosen, order, data));
    memset(data, 0, chosen_bytes); /* it was copied before the call returned */
    CHECK_OK(hrm_queue_download(device, hrm_buffer_span(buffer), got));
    check_same_bits("table", got, want, all_bytes);
    /* back, some of them twice */
    for (uint32_t i = 0; random && i < chosen; i++) order[i] = next_random(&seed) % rows;
    hrm_ticket ticket = 0;
    unsigned char *mapped = hrm_buffer_get_mapped(slot);
    memset(mapped, GUARD_BYTE, chosen_bytes + 8);
    CHECK_OK(hrm_queue_copy_rows(device, (hrm_span){slot, 4, chosen_bytes}, table, row_bytes, chosen, order, &ticket));
    CHECK(ticket != 0);
    CHECK_OK(hrm_queue_wait(device, ticket, 0));
    for (uint32_t i = 0; i < chosen; i++) {
        check_same_bits("row", mapped + 4 + i * row_bytes, want + GUARD + order[i] * row_bytes, row_bytes);
    }
    for (uint32_t i = 0; i < 4; i++) CHECK(mapped[i] == GUARD_BYTE && mapped[4 + chosen_bytes + i] == GUARD_BYTE);
    free(order);
    free(data);
    free(want);
    free(got);
    hrm_buffer_destroy(buffer);
    hrm_buffer_destroy(slot);
}

static void test_any_rows(void **state) {
    (void)state;
    for (int random = 0; random < 2; random++) {
        move_rows(4, 1, 1, random);
        move_rows(4, 5000, 4999, random); /* more regions than one copy takes */
        move_rows(12, 7, 3, random);
        move_rows(1000, 700, 500, random);
        move_rows(65540, 200, 150, random);      /* rows that the ring's pieces of 2 MiB cut */
        move_rows((3u << 20) + 4, 5, 4, random); /* rows larger than a piece */
        move_rows((2u << 20) - 4, 6, 6, random); /* just below one */
    }
}

static uint32_t copies, regions;
static PFN_vkCmdCopyBuffer real_copy;

static VKAPI_ATTR void VKAPI_CALL count_copy(VkCommandBuffer commands, VkBuffer src, VkBuffer dst, uint32_t count,
                                             const VkBufferCopy *all) {
    copies++;
    regions += count;
    real_copy(commands, src, dst, count, all);
}

/* One copy with a region for each run of rows. */
static void test_runs_are_joined(void **state) {
    (void)state;
    enum { ROWS = 100, WIDTH = 16, ROW_BYTES = 4 * WIDTH, CHOSEN = 10 };
    hrm_device *device = open_device(NULL, "");
    hrm_buffer *table = make_buffer(device, ROWS * WIDTH, "table"), *out = make_buffer(device, CHOSEN * WIDTH, "out");
    real_copy = device->vk.vkCmdCopyBuffer;
    device->vk.vkCmdCopyBuffer = count_copy;
    const uint32_t rows[CHOSEN] = {3, 4, 5, 6, 90, 91, 7, 8, 0, 99};
    static const float data[ROWS * WIDTH];
    copies = regions = 0;
    CHECK_OK(hrm_queue_upload_rows(device, hrm_buffer_span(table), ROW_BYTES, CHOSEN, rows, data));
    CHECK_EQ(copies, 1);
    CHECK_EQ(regions, 5);
    copies = regions = 0;
    CHECK_OK(hrm_queue_copy_rows(device, hrm_buffer_span(out), hrm_buffer_span(table), ROW_BYTES, CHOSEN, rows, NULL));
    CHECK_EQ(copies, 1);
    CHECK_EQ(regions, 5);
    uint32_t all[ROWS];
    for (uint32_t i = 0; i < ROWS; i++) all[i] = i;
    copies = regions = 0;
    CHECK_OK(hrm_queue_upload_rows(device, hrm_buffer_span(table), ROW_BYTES, ROWS, all, data));
    CHECK_EQ(copies, 1);
    CHECK_EQ(regions, 1);
    CHECK_OK(hrm_queue_drain(device));
    device->vk.vkCmdCopyBuffer = real_copy;
    hrm_buffer_destroy(table);
    hrm_buffer_destroy(out);
    CHECK_EQ(hrm_device_get_validation_count(device), 0);
    hrm_device_close(device);
}

/* Programs, uploads and copies of rows take effect in the order of their calls, without a wait between them. */
static void test_order(void **state) {
    (void)state;
    enum { ROWS = 64, WIDTH = 256, ROUNDS = 100 };
    hrm_device *device = shared_device();
    hrm_buffer *table = make_buffer(device, ROWS * WIDTH, "table"), *slots = NULL;
    CHECK_OK(hrm_buffer_create(device, ROUNDS * 8, HRM_MEMORY_READBACK, "slots", &slots));
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    CHECK_OK(hrm_recorder_create(device, &rec));
    record_scale(rec, hrm_buffer_span(table), hrm_buffer_span(table), 2.0f);
    CHECK_OK(hrm_recorder_end(rec, &program));
    hrm_recorder_destroy(rec);
    /* the rows that are never uploaded are doubled as well, and must not hold NaN that slows a CPU driver down */
    float *zeros = calloc(ROWS * WIDTH, sizeof *zeros);
    CHECK(zeros != NULL);
    upload(device, table, zeros, ROWS * WIDTH);
    free(zeros);
    float data[2][WIDTH];
    const uint32_t rows[2] = {ROWS - 1, 5};
    const uint32_t words[2] = {rows[0] * WIDTH, rows[1] * WIDTH}; /* their first words, as rows of one word */
    hrm_ticket ticket = 0;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < WIDTH; i++) {
            data[0][i] = (float)round;
            data[1][i] = (float)(round + 1000);
        }
        CHECK_OK(hrm_queue_upload_rows(device, hrm_buffer_span(table), sizeof data[0], 2, rows, data));
        CHECK_OK(hrm_program_submit(program, NULL));
        CHECK_OK(hrm_queue_copy_rows(device, (hrm_span){slots, 8 * (uint64_t)round, 8}, hrm_buffer_span(table), 4, 2,
                                     words, &ticket));
    }
    CHECK_OK(hrm_queue_wait(device, ticket, 0));
    const float *got = hrm_buffer_get_mapped(slots);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        CHECK(got[2 * round] == 2.0f * (float)round);
        CHECK(got[2 * round + 1] == 2.0f * (float)(round + 1000));
    }
    hrm_program_destroy(program);
    hrm_buffer_destroy(table);
    hrm_buffer_destroy(slots);
}

static void test_refusals(void **state) {
    (void)state;
    hrm_device *device = shared_device();
    hrm_buffer *table = make_buffer(device, 64, "table"), *out = make_buffer(device, 64, "out");
    const hrm_span all = hrm_buffer_span(table);
    const uint32_t rows[] = {0, 16, 3}, twice[] = {2, 1, 2}, good[] = {1, 0};
    const float data[64] = {0.0f};
    CHECK_STATUS(hrm_queue_upload_rows(device, all, 16, 3, rows, data), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("upload rows: rows[1] is 16, but 256 bytes of 'table' hold 16 rows of 16 bytes");
    CHECK_STATUS(hrm_queue_upload_rows(device, all, 16, 3, twice, data), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("row 2 is named twice");
    CHECK_STATUS(hrm_queue_upload_rows(device, all, 6, 2, good, data), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("a multiple of 4");
    CHECK_STATUS(hrm_queue_upload_rows(device, all, 0, 2, good, data), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_queue_upload_rows(device, all, UINT64_MAX - 3, 2, good, data), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_queue_upload_rows(device, all, 16, 2, NULL, data), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_queue_upload_rows(device, all, 16, 2, good, NULL), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_queue_upload_rows(device, (hrm_span){table, 0, 260}, 4, 2, good, data), HRM_ERR_INVALID_ARGUMENT);
    CHECK_OK(hrm_queue_upload_rows(device, all, 16, 0, NULL, NULL));
    hrm_ticket ticket = 77;
    CHECK_STATUS(hrm_queue_copy_rows(device, (hrm_span){out, 0, 48}, all, 16, 3, rows, &ticket),
                 HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("copy rows from: rows[1] is 16");
    CHECK_STATUS(hrm_queue_copy_rows(device, (hrm_span){out, 0, 48}, all, 16, 2, good, &ticket),
                 HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("sizes must be equal");
    CHECK_STATUS(hrm_queue_copy_rows(device, (hrm_span){table, 0, 32}, all, 16, 2, good, &ticket),
                 HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("overlap");
    CHECK_EQ(ticket, 77); /* written only on success */
    CHECK_OK(hrm_queue_copy_rows(device, (hrm_span){out, 0, 0}, all, 16, 0, NULL, &ticket));
    CHECK_EQ(ticket, 0);
    CHECK_OK(hrm_queue_copy_rows(device, (hrm_span){out, 0, 32}, all, 16, 2, good, NULL));
    CHECK_OK(hrm_queue_drain(device));
    hrm_buffer_destroy(table);
    hrm_buffer_destroy(out);
}

int main(void) {
    shared_device();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_rows),
        cmocka_unit_test(test_runs_are_joined),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests_name("gpu/rows", tests, NULL, close_shared_device);
}
