/* Buffers: sub-allocation patterns, many small ones, refusals, and moving bytes in and out. */
#include "helper_device.h"

#include <stdio.h>

static uint32_t next_random(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

/* Random creation and destruction; every live buffer keeps its own pattern, so overlapping pieces would show. */
static void test_random_lifetimes_do_not_overlap(void **state) {
    (void)state;
    enum { SLOTS = 48, ROUNDS = 600 };
    hrm_device *device = shared_device();
    hrm_buffer *live[SLOTS] = {NULL};
    uint64_t sizes[SLOTS] = {0};
    uint64_t seed = check_seed(), before = hrm_device_get_memory_in_use(device);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t s = next_random(&seed) % SLOTS;
        if (live[s]) {
            uint32_t *words = hrm_buffer_get_mapped(live[s]);
            for (uint64_t i = 0; i < sizes[s] / 4; i++) CHECK_EQ(words[i], s * 0x01010101u + (uint32_t)i);
            hrm_buffer_destroy(live[s]);
            live[s] = NULL;
            continue;
        }
        /* mostly small, sometimes megabytes */
        uint32_t limit = next_random(&seed) % 20 == 0 ? 3u << 20 : 5000;
        sizes[s] = 4 * (1 + (uint64_t)(next_random(&seed) % limit) / 4);
        hrm_memory_kind kind = next_random(&seed) % 2 ? HRM_MEMORY_UPLOAD : HRM_MEMORY_READBACK;
        CHECK_OK(hrm_buffer_create(device, sizes[s], kind, "random", &live[s]));
        CHECK_EQ(hrm_buffer_get_size(live[s]), sizes[s]);
        uint32_t *words = hrm_buffer_get_mapped(live[s]);
        CHECK(words != NULL);
        for (uint64_t i = 0; i < sizes[s] / 4; i++) words[i] = s * 0x01010101u + (uint32_t)i;
    }
    for (uint32_t s = 0; s < SLOTS; s++) hrm_buffer_destroy(live[s]);
    CHECK_EQ(hrm_device_get_memory_in_use(device), before);
}

/* Far more buffers than the driver's allocation limit of 4096: they share blocks. */
static void test_many_small_buffers(void **state) {
    (void)state;
    enum { COUNT = 6000 };
    hrm_device *device = shared_device();
    hrm_buffer **buffers = calloc(COUNT, sizeof *buffers);
    CHECK(buffers != NULL);
    for (uint32_t i = 0; i < COUNT; i++) {
        CHECK_OK(hrm_buffer_create(device, 4 + i % 700, HRM_MEMORY_DEVICE, "small", &buffers[i]));
        CHECK(hrm_buffer_get_mapped(buffers[i]) == NULL);
        CHECK_EQ(hrm_buffer_get_address(buffers[i]) != 0, (hrm_device_get_caps(device) & HRM_CAP_ADDRESS) != 0);
    }
    for (uint32_t i = 0; i < COUNT; i += 2) hrm_buffer_destroy(buffers[i]);
    for (uint32_t i = 1; i < COUNT; i += 2) hrm_buffer_destroy(buffers[i]);
    free(buffers);
}

static void test_refusals(void **state) {
    (void)state;
    hrm_device *device = shared_device();
    hrm_buffer *buffer = (hrm_buffer *)&device;
    CHECK_STATUS(hrm_buffer_create(device, 0, HRM_MEMORY_DEVICE, "nothing", &buffer), HRM_ERR_INVALID_ARGUMENT);
    CHECK(buffer == NULL);
    CHECK_ERROR_HAS("'nothing'");
    CHECK_STATUS(hrm_buffer_create(device, UINT64_MAX - 100, HRM_MEMORY_DEVICE, "huge", &buffer),
                 HRM_ERR_OUT_OF_DEVICE_MEMORY);
    CHECK_ERROR_HAS("'huge' of 18446744073709551515 bytes");
    uint64_t most = hrm_device_get_adapter(device)->max_allocation_bytes;
    CHECK_STATUS(hrm_buffer_create(device, most + 1, HRM_MEMORY_DEVICE, "one more", &buffer),
                 HRM_ERR_OUT_OF_DEVICE_MEMORY);
    const hrm_adapter *a = hrm_device_get_adapter(device);
    uint64_t heap = a->device_local_bytes > a->host_visible_bytes ? a->device_local_bytes : a->host_visible_bytes;
    if (heap < most) { /* allowed in one piece, but in no heap */
        CHECK_STATUS(hrm_buffer_create(device, heap + 4096, HRM_MEMORY_DEVICE, "too much", &buffer),
                     HRM_ERR_OUT_OF_DEVICE_MEMORY);
        CHECK_ERROR_HAS("buffer 'too much'");
        CHECK_ERROR_HAS("no device memory is left (largest fitting heap");
        CHECK(buffer == NULL);
    }
    CHECK_STATUS(hrm_buffer_create(device, 16, (hrm_memory_kind)9, "odd", &buffer), HRM_ERR_INVALID_ARGUMENT);
    hrm_buffer_destroy(NULL);
    /* and the device still works */
    CHECK_OK(hrm_buffer_create(device, 16, HRM_MEMORY_DEVICE, "fine", &buffer));
    hrm_buffer_destroy(buffer);
}

/* Sizes around every boundary of the staging ring (chunks of 2 MiB in a ring of 8) and of the readback slots. */
static void test_transfers_of_all_sizes(void **state) {
    (void)state;
    static const uint64_t sizes[] = {4,
                                     8,
                                     12,
                                     1000,
                                     65540,
                                     (2u << 20) - 4,
                                     2u << 20,
                                     (2u << 20) + 4,
                                     (8u << 20) - 4,
                                     8u << 20,
                                     (8u << 20) + 4,
                                     (21u << 20) + 12};
    hrm_device *device = shared_device();
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        uint64_t bytes = sizes[s], offset = 20;
        hrm_buffer *buffer = NULL;
        CHECK_OK(hrm_buffer_create(device, offset + bytes + 8, HRM_MEMORY_DEVICE, "transfer", &buffer));
        uint32_t *out = malloc(bytes + 28), *in = malloc(bytes + 28);
        CHECK(out && in);
        /* guard words on both sides must survive */
        memset(in, 0xa5, bytes + 28);
        CHECK_OK(hrm_queue_upload(device, (hrm_span){buffer, 0, offset + bytes + 8}, in));
        for (uint64_t i = 0; i < bytes / 4; i++) out[i] = (uint32_t)(i * 2654435761u + s);
        CHECK_OK(hrm_queue_upload(device, (hrm_span){buffer, offset, bytes}, out));
        CHECK_OK(hrm_queue_download(device, (hrm_span){buffer, 0, offset + bytes + 8}, in));
        check_same_bits("middle", in + 5, out, bytes);
        for (uint32_t i = 0; i < 5; i++) CHECK_EQ(in[i], 0xa5a5a5a5u);
        CHECK_EQ(in[5 + bytes / 4], 0xa5a5a5a5u);
        CHECK_EQ(in[6 + bytes / 4], 0xa5a5a5a5u);
        free(out);
        free(in);
        hrm_buffer_destroy(buffer);
    }
}

/* Many small uploads in flight at once, more than there are slots, then one look at the result. */
static void test_many_small_uploads_keep_their_order(void **state) {
    (void)state;
    enum { COUNT = 500 };
    hrm_device *device = shared_device();
    hrm_buffer *buffer = make_buffer(device, COUNT, "cells");
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < COUNT; i++) {
            float value = (float)(i + 1000 * round);
            CHECK_OK(hrm_queue_upload(device, (hrm_span){buffer, 4 * (uint64_t)i, 4}, &value));
            value += 0.5f; /* the later write wins */
            CHECK_OK(hrm_queue_upload(device, (hrm_span){buffer, 4 * (uint64_t)i, 4}, &value));
        }
    }
    float *got = download(device, buffer, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) CHECK(got[i] == (float)(i + 1000) + 0.5f);
    free(got);
    hrm_buffer_destroy(buffer);
}

static void test_copy_to_readback(void **state) {
    (void)state;
    hrm_device *device = shared_device();
    hrm_buffer *a = make_buffer(device, 64, "a"), *slot = NULL;
    CHECK_OK(hrm_buffer_create(device, 256, HRM_MEMORY_READBACK, "slot", &slot));
    float values[64];
    for (uint32_t i = 0; i < 64; i++) values[i] = (float)i;
    upload(device, a, values, 64);
    hrm_ticket ticket = 0;
    CHECK_OK(hrm_queue_copy(device, hrm_buffer_span(slot), hrm_buffer_span(a), &ticket));
    CHECK(ticket != 0);
    CHECK_OK(hrm_queue_wait(device, ticket, 10000));
    check_same_bits("slot", hrm_buffer_get_mapped(slot), values, sizeof values);
    CHECK_STATUS(hrm_queue_copy(device, (hrm_span){slot, 0, 64}, hrm_buffer_span(a), &ticket),
                 HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_queue_copy(device, (hrm_span){a, 0, 64}, (hrm_span){a, 32, 64}, &ticket),
                 HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("overlap");
    CHECK_STATUS(hrm_queue_upload(device, (hrm_span){a, 252, 8}, values), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("outside buffer 'a'");
    CHECK_STATUS(hrm_queue_upload(device, (hrm_span){a, 2, 8}, values), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("multiples of 4");
    CHECK_STATUS(hrm_queue_wait(device, ticket + 1000, 0), HRM_ERR_INVALID_ARGUMENT);
    CHECK_OK(hrm_queue_drain(device));
    hrm_buffer_destroy(a);
    hrm_buffer_destroy(slot);
}

int main(void) {
    shared_device();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_lifetimes_do_not_overlap),
        cmocka_unit_test(test_many_small_buffers),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_transfers_of_all_sizes),
        cmocka_unit_test(test_many_small_uploads_keep_their_order),
        cmocka_unit_test(test_copy_to_readback),
    };
    return cmocka_run_group_tests_name("gpu/buffer", tests, NULL, close_shared_device);
}
