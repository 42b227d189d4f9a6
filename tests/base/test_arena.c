#include "check.h"

#include "base/arena.h"
#include "base/checked.h"

#include <string.h>

static void checked_products_and_sums(void **state) {
    (void)state;
    size_t size = 77;
    uint64_t wide = 77;
    uint32_t narrow = 77;
    CHECK(hrm_mul_size(3, 5, &size) && size == 15);
    CHECK(!hrm_mul_size(SIZE_MAX, 2, &size) && size == 15);
    CHECK(hrm_add_size(SIZE_MAX - 1, 1, &size) && size == SIZE_MAX);
    CHECK(!hrm_add_size(SIZE_MAX, 1, &size) && size == SIZE_MAX);
    CHECK(!hrm_mul_u64(UINT64_C(1) << 63, 2, &wide) && wide == 77);
    CHECK(hrm_mul_u64(UINT64_C(1) << 32, UINT32_MAX, &wide) && wide == (uint64_t)UINT32_MAX << 32);
    CHECK(!hrm_add_u64(UINT64_MAX, 1, &wide));
    CHECK(!hrm_mul_u32(65536, 65536, &narrow) && narrow == 77);
    CHECK(hrm_mul_u32(65535, 65537, &narrow) && narrow == UINT32_MAX);
    CHECK(hrm_align_up_u64(0, 64, &wide) && wide == 0);
    CHECK(hrm_align_up_u64(1, 64, &wide) && wide == 64);
    CHECK(hrm_align_up_u64(64, 64, &wide) && wide == 64);
    CHECK(hrm_align_up_u64(7, 3, &wide) && wide == 9);
    CHECK(!hrm_align_up_u64(UINT64_MAX, 64, &wide));
    CHECK(!hrm_align_up_u64(5, 0, &wide));
    CHECK(hrm_align_up_size(100, 256, &size) && size == 256);
    CHECK(hrm_u64_to_size(123, &size) && size == 123);
}

static void pieces_are_aligned_zeroed_and_apart(void **state) {
    (void)state;
    hrm_arena arena;
    hrm_arena_init(&arena, 256); /* small, so that many blocks are taken */
    static unsigned char *pieces[200];
    static size_t sizes[200];
    size_t total = 0;
    for (size_t i = 0; i < 200; i++) {
        size_t alignment = (size_t)1 << (i % 13); /* 1..4096 */
        void *piece;
        sizes[i] = i * 7 % 301;
        CHECK_OK(hrm_arena_alloc(&arena, sizes[i], 1, alignment, &piece));
        CHECK_EQ((uintptr_t)piece % alignment, 0);
        pieces[i] = piece;
        for (size_t j = 0; j < sizes[i]; j++) CHECK_EQ(pieces[i][j], 0);
        memset(pieces[i], (int)i, sizes[i]);
        total += sizes[i];
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t j = 0; j < sizes[i]; j++) CHECK_EQ(pieces[i][j], (unsigned char)i);
    CHECK_EQ(arena.used_bytes, total);
    hrm_arena_deinit(&arena);
    CHECK_EQ(arena.used_bytes, 0);
    char *text; /* usable again */
    CHECK_OK(hrm_arena_copy_text(&arena, "hello world", 5, &text));
    CHECK_STR(text, "hello");
    hrm_arena_deinit(&arena);
    hrm_arena_deinit(&arena);
    hrm_arena_deinit(NULL);
}

static void bad_requests(void **state) {
    (void)state;
    hrm_arena arena = {0};
    void *piece = &arena;
    CHECK_STATUS(hrm_arena_alloc(&arena, SIZE_MAX, 2, 0, &piece), HRM_ERR_OUT_OF_MEMORY);
    CHECK(piece == NULL);
    CHECK_ERROR_HAS("exceeds the address space");
    CHECK_STATUS(hrm_arena_alloc(&arena, SIZE_MAX, 1, 0, &piece), HRM_ERR_OUT_OF_MEMORY);
    CHECK_STATUS(hrm_arena_alloc(&arena, SIZE_MAX - 64, 1, 4096, &piece), HRM_ERR_OUT_OF_MEMORY);
    CHECK_STATUS(hrm_arena_alloc(&arena, 1, 1, 3, &piece), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_arena_alloc(&arena, 1, 1, 8192, &piece), HRM_ERR_INVALID_ARGUMENT);
    CHECK(arena.blocks == NULL);
    void *a, *b; /* empty pieces have addresses of their own */
    CHECK_OK(hrm_arena_alloc(&arena, 0, 8, 0, &a));
    CHECK_OK(hrm_arena_alloc(&arena, 8, 0, 0, &b));
    CHECK(a && b && a != b);
    hrm_arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checked_products_and_sums),
        cmocka_unit_test(pieces_are_aligned_zeroed_and_apart),
        cmocka_unit_test(bad_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
