/* The heap against imaginary hardware: memory layouts that no machine of ours has (video memory that the host cannot
 * see, a small host-visible window, carve-outs of integrated chips), and drivers that run out. */
#include "helper_device.h"

#include <stdio.h>

#include "gpu/device_private.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* An imaginary driver: counts what is allocated per heap and refuses past a limit. */
static struct {
    uint64_t used[VK_MAX_MEMORY_HEAPS], limit[VK_MAX_MEMORY_HEAPS];
    uint32_t allocations;
    struct {
        uint64_t bytes;
        uint32_t heap;
        void *host;
    } all[4096];
    uint32_t made;
} driver;
static const VkPhysicalDeviceMemoryProperties *layout;

static VKAPI_ATTR VkResult VKAPI_CALL fake_allocate(VkDevice device, const VkMemoryAllocateInfo *info,
                                                    const VkAllocationCallbacks *callbacks, VkDeviceMemory *out) {
    (void)device;
    (void)callbacks;
    uint32_t heap = layout->memoryTypes[info->memoryTypeIndex].heapIndex;
    if (driver.used[heap] + info->allocationSize > driver.limit[heap]) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    CHECK(driver.made + 1 < 4096);
    driver.used[heap] += info->allocationSize;
    driver.allocations++;
    uint32_t id = ++driver.made;
    driver.all[id].bytes = info->allocationSize;
    driver.all[id].heap = heap;
    *out = (VkDeviceMemory)(uintptr_t)id;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL fake_free(VkDevice device, VkDeviceMemory memory,
                                            const VkAllocationCallbacks *callbacks) {
    (void)device;
    (void)callbacks;
    uint32_t id = (uint32_t)(uintptr_t)memory;
    driver.used[driver.all[id].heap] -= driver.all[id].bytes;
    driver.allocations--;
    free(driver.all[id].host);
    driver.all[id].host = NULL;
}

static VKAPI_ATTR VkResult VKAPI_CALL fake_map(VkDevice device, VkDeviceMemory memory, VkDeviceSize offset,
                                               VkDeviceSize size, VkMemoryMapFlags flags, void **out) {
    (void)device;
    (void)offset;
    (void)size;
    (void)flags;
    uint32_t id = (uint32_t)(uintptr_t)memory;
    driver.all[id].host = malloc(1); /* only its address is used */
    *out = driver.all[id].host;
    return VK_SUCCESS;
}

enum {
    LOCAL = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
    HOST = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
    CACHED = VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
    DEVICE_COHERENT = VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD,
};

/* A discrete card: 8 GiB of video memory, a window of 256 MiB, 16 GiB of the host's. Types as RADV lists them. */
static const VkPhysicalDeviceMemoryProperties discrete = {
    .memoryTypeCount = 7,
    .memoryTypes = {{LOCAL, 0},
                    {LOCAL | DEVICE_COHERENT, 0},
                    {HOST, 1},
                    {LOCAL | HOST, 2},
                    {HOST | CACHED, 1},
                    {HOST | CACHED | DEVICE_COHERENT, 1},
                    {VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | CACHED, 1}},
    .memoryHeapCount = 3,
    .memoryHeaps = {{8 * GIB, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT},
                    {16 * GIB, 0},
                    {256 * MIB, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT}},
};

/* An integrated chip: one heap, everything visible. */
static const VkPhysicalDeviceMemoryProperties integrated = {
    .memoryTypeCount = 2,
    .memoryTypes = {{LOCAL | HOST, 0}, {LOCAL | HOST | CACHED, 0}},
    .memoryHeapCount = 1,
    .memoryHeaps = {{4 * GIB, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT}},
};

/* The least Vulkan's own minimums leave: little video memory that the host cannot see, and as little of the host's. */
static const VkPhysicalDeviceMemoryProperties small = {
    .memoryTypeCount = 2,
    .memoryTypes = {{LOCAL, 0}, {HOST, 1}},
    .memoryHeapCount = 2,
    .memoryHeaps = {{64 * MIB, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT}, {64 * MIB, 0}},
};

static hrm_device *make_device(const VkPhysicalDeviceMemoryProperties *memory, bool unified, uint64_t max_allocation) {
    memset(&driver, 0, sizeof driver);
    layout = memory;
    for (uint32_t i = 0; i < memory->memoryHeapCount; i++) driver.limit[i] = memory->memoryHeaps[i].size;
    hrm_device *device = calloc(1, sizeof *device);
    CHECK(device != NULL);
    device->vk.vkAllocateMemory = fake_allocate;
    device->vk.vkFreeMemory = fake_free;
    device->vk.vkMapMemory = fake_map;
    hrm_heap_init(&device->heap, memory, max_allocation, unified, true);
    return device;
}

static void drop_device(hrm_device *device) {
    hrm_heap_deinit(&device->heap, device);
    CHECK_EQ(driver.allocations, 0);
    free(device);
}

static hrm_status take(hrm_device *device, uint64_t bytes, hrm_memory_kind kind, hrm_heap_piece *piece) {
    const VkMemoryRequirements need = {.size = bytes, .alignment = 256, .memoryTypeBits = UINT32_MAX};
    return hrm_heap_take(&device->heap, device, &need, kind, "piece", piece);
}

static uint32_t heap_of(const hrm_heap_piece *piece) {
    return driver.all[(uint32_t)(uintptr_t)piece->memory].heap;
}

static void test_discrete_kinds(void **state) {
    (void)state;
    hrm_device *device = make_device(&discrete, false, 4 * GIB);
    hrm_heap_piece local, upload_piece, readback;
    CHECK_OK(take(device, 1000, HRM_MEMORY_DEVICE, &local));
    CHECK_OK(take(device, 1000, HRM_MEMORY_UPLOAD, &upload_piece));
    CHECK_OK(take(device, 1000, HRM_MEMORY_READBACK, &readback));
    CHECK_EQ(heap_of(&local), 0);
    CHECK(local.mapped == NULL); /* video memory is never mapped, never needed mapped */
    CHECK_EQ(heap_of(&upload_piece), 1);
    CHECK_EQ(heap_of(&readback), 1);
    CHECK(upload_piece.mapped && readback.mapped);
    CHECK(upload_piece.memory != readback.memory); /* uncached for one, cached for the other */
    CHECK_EQ(driver.allocations, 3);
    hrm_heap_give(&device->heap, device, &local);
    hrm_heap_give(&device->heap, device, &upload_piece);
    hrm_heap_give(&device->heap, device, &readback);
    drop_device(device);
}

static void test_full_video_memory_falls_back(void **state) {
    (void)state;
    watch_log();
    clear_log();
    hrm_device *device = make_device(&discrete, false, 4 * GIB);
    hrm_heap_piece pieces[64];
    uint32_t count = 0, local = 0, window = 0, host = 0;
    while (count < 64 && take(device, 500 * MIB, HRM_MEMORY_DEVICE, &pieces[count]) == HRM_OK) {
        uint32_t heap = heap_of(&pieces[count++]);
        local += heap == 0;
        window += heap == 2;
        host += heap == 1;
    }
    CHECK_EQ(local, 16); /* 8 GiB / 500 MiB */
    CHECK_EQ(window, 0); /* too small for one */
    CHECK_EQ(host, 32);
    CHECK(log_has("slower host memory"));
    CHECK_ERROR_HAS("no device memory is left");
    for (uint32_t i = 0; i < count; i++) hrm_heap_give(&device->heap, device, &pieces[i]);
    CHECK_EQ(driver.allocations, 0); /* dedicated blocks go at once */
    drop_device(device);
}

static void test_refusing_driver(void **state) {
    (void)state;
    hrm_device *device = make_device(&integrated, true, 4 * GIB);
    driver.limit[0] = 50 * MIB; /* says 4 GiB, has 50 MiB: no whole block fits, single pieces do */
    hrm_heap_piece a, b, c;
    CHECK_OK(take(device, 20 * MIB, HRM_MEMORY_DEVICE, &a));
    CHECK_OK(take(device, 20 * MIB, HRM_MEMORY_UPLOAD, &b));
    CHECK_STATUS(take(device, 20 * MIB, HRM_MEMORY_DEVICE, &c), HRM_ERR_OUT_OF_DEVICE_MEMORY);
    CHECK(c.memory == VK_NULL_HANDLE);
    hrm_heap_give(&device->heap, device, &a);
    CHECK_OK(take(device, 20 * MIB, HRM_MEMORY_READBACK, &c));
    CHECK_STATUS(take(device, 5 * GIB, HRM_MEMORY_DEVICE, &a), HRM_ERR_OUT_OF_DEVICE_MEMORY);
    CHECK_ERROR_HAS("in one allocation");
    hrm_heap_give(&device->heap, device, &b);
    hrm_heap_give(&device->heap, device, &c);
    drop_device(device);
}

/* Blocks stay small beside a small heap: nearly all of it is usable, whatever the sizes of the pieces. */
static void test_small_heaps(void **state) {
    (void)state;
    watch_log();
    clear_log();
    hrm_device *device = make_device(&small, false, 1 * GIB);
    hrm_heap_piece ring, slots, pieces[256];
    CHECK_OK(take(device, 8 * MIB, HRM_MEMORY_UPLOAD, &ring)); /* what staging.c takes */
    CHECK_OK(take(device, 4 * MIB, HRM_MEMORY_READBACK, &slots));
    CHECK_EQ(heap_of(&ring), 1);
    CHECK_EQ(heap_of(&slots), 1);
    CHECK(ring.mapped && slots.mapped);
    uint32_t count = 0;
    uint64_t local = 0;
    while (count < 256) { /* 5 MiB of their own block, 300 KiB and 3 MiB of shared ones */
        static const uint64_t sizes[] = {5 * MIB, 300 << 10, 3 * MIB};
        CHECK_OK(take(device, sizes[count % 3], HRM_MEMORY_DEVICE, &pieces[count]));
        if (heap_of(&pieces[count]) == 1) break;
        local += pieces[count++].bytes;
    }
    CHECK_MSG(local >= 56 * MIB, "only %llu bytes of 64 MiB were used", (unsigned long long)local);
    CHECK(log_has("slower host memory"));
    CHECK(driver.used[0] <= 64 * MIB && driver.used[1] <= 64 * MIB);
    hrm_heap_piece more;
    CHECK_STATUS(take(device, 65 * MIB, HRM_MEMORY_DEVICE, &more), HRM_ERR_OUT_OF_DEVICE_MEMORY);
    CHECK_ERROR_HAS("68157440 bytes asked for, but no device memory is left (largest fitting heap 67108864 bytes");
    CHECK_STATUS(take(device, 60 * MIB, HRM_MEMORY_UPLOAD, &more), HRM_ERR_OUT_OF_DEVICE_MEMORY);
    for (uint32_t i = 0; i <= count && i < 256; i++) hrm_heap_give(&device->heap, device, &pieces[i]);
    hrm_heap_give(&device->heap, device, &ring);
    hrm_heap_give(&device->heap, device, &slots);
    drop_device(device);
}

/* Random takes and gives of one type; pieces never overlap, keep their alignment, and everything merges again. */
static void test_sub_allocation(void **state) {
    (void)state;
    enum { SLOTS = 300, ROUNDS = 20000 };
    hrm_device *device = make_device(&integrated, true, 4 * GIB);
    hrm_heap_piece *live = calloc(SLOTS, sizeof *live);
    CHECK(live != NULL);
    uint64_t seed = check_seed();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        hrm_heap_piece *piece = &live[(seed >> 33) % SLOTS];
        if (piece->memory) {
            hrm_heap_give(&device->heap, device, piece);
            continue;
        }
        const VkMemoryRequirements need = {
            .size = 1 + (seed >> 40) % (seed >> 62 ? 100000 : 8 * MIB),
            .alignment = UINT64_C(1) << (seed >> 58) % 13,
            .memoryTypeBits = 1,
        };
        CHECK_OK(hrm_heap_take(&device->heap, device, &need, HRM_MEMORY_DEVICE, "random", piece));
        CHECK_EQ(piece->offset % need.alignment, 0);
        CHECK(piece->offset + piece->bytes <= driver.all[(uint32_t)(uintptr_t)piece->memory].bytes);
        for (uint32_t i = 0; i < SLOTS; i++) {
            const hrm_heap_piece *other = &live[i];
            if (other == piece || !other->memory || other->memory != piece->memory) continue;
            CHECK(other->offset + other->bytes <= piece->offset || piece->offset + piece->bytes <= other->offset);
        }
    }
    CHECK_MSG(driver.allocations < 20, "%u allocations", driver.allocations);
    for (uint32_t i = 0; i < SLOTS; i++) hrm_heap_give(&device->heap, device, &live[i]);
    CHECK_EQ(driver.allocations, 1); /* one block is kept for what comes next */
    /* and is whole again */
    hrm_heap_piece whole;
    const VkMemoryRequirements need = {.size = 3 * MIB, .alignment = 4096, .memoryTypeBits = 1};
    CHECK_OK(hrm_heap_take(&device->heap, device, &need, HRM_MEMORY_DEVICE, "whole", &whole));
    CHECK_EQ(driver.allocations, 1);
    hrm_heap_give(&device->heap, device, &whole);
    free(live);
    drop_device(device);
}

static uint64_t said_budget, said_usage;

/* A driver with VK_EXT_memory_budget: says the same of each heap. */
static VKAPI_ATTR void VKAPI_CALL fake_memory_properties(VkPhysicalDevice physical,
                                                         VkPhysicalDeviceMemoryProperties2 *memory) {
    (void)physical;
    memory->memoryProperties = *layout;
    VkPhysicalDeviceMemoryBudgetPropertiesEXT *budget = memory->pNext;
    CHECK(budget != NULL);
    CHECK_EQ(budget->sType, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT);
    for (uint32_t i = 0; i < layout->memoryHeapCount; i++) {
        budget->heapBudget[i] = said_budget;
        budget->heapUsage[i] = said_usage;
    }
}

static void check_budget(hrm_device *device, uint64_t budget, uint64_t used) {
    uint64_t got_budget = 1, got_used = 1;
    CHECK_OK(hrm_device_get_memory_budget(device, &got_budget, &got_used));
    CHECK_EQ(got_budget, budget);
    CHECK_EQ(got_used, used);
}

static void test_budget(void **state) {
    (void)state;
    /* a driver that allows more in one allocation than its heap has */
    hrm_device *device = make_device(&discrete, false, 64 * GIB);
    hrm_heap_piece local, staged;
    check_budget(device, 7 * GIB, 0); /* an eighth is left to others */
    CHECK_OK(take(device, 500 * MIB, HRM_MEMORY_DEVICE, &local));
    CHECK_OK(take(device, 300 * MIB, HRM_MEMORY_UPLOAD, &staged)); /* another heap */
    check_budget(device, 7 * GIB, 500 * MIB);
    CHECK_EQ(hrm_device_get_allocated_bytes(device), 800 * MIB);
    device->adapter.info.type = HRM_ADAPTER_CPU;
    check_budget(device, 8 * GIB, 500 * MIB);
    device->adapter.info.type = HRM_ADAPTER_DISCRETE;
    /* what the driver says, as far as it can be true */
    PFN_vkGetPhysicalDeviceMemoryProperties2 real = vkGetPhysicalDeviceMemoryProperties2;
    vkGetPhysicalDeviceMemoryProperties2 = fake_memory_properties;
    device->caps = HRM_CAP_MEMBUDGET;
    said_budget = 5 * GIB;
    said_usage = 600 * MIB;
    check_budget(device, 5 * GIB, 600 * MIB);
    said_budget = 9 * GIB;
    said_usage = 1;
    check_budget(device, 8 * GIB, 500 * MIB);
    said_budget = 100 * MIB; /* others took the rest since */
    check_budget(device, 100 * MIB, 500 * MIB);
    said_budget = 0;
    check_budget(device, 7 * GIB, 500 * MIB);
    CHECK_OK(hrm_device_get_memory_budget(device, NULL, NULL));
    vkGetPhysicalDeviceMemoryProperties2 = real;
    hrm_heap_give(&device->heap, device, &local);
    hrm_heap_give(&device->heap, device, &staged);
    CHECK_EQ(hrm_device_get_allocated_bytes(device), 0);
    drop_device(device);

    const VkPhysicalDeviceMemoryProperties nothing = {.memoryTypeCount = 0};
    device = make_device(&nothing, false, 1 * GIB);
    uint64_t budget = 7;
    CHECK_STATUS(hrm_device_get_memory_budget(device, &budget, NULL), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS("no device memory");
    CHECK_EQ(budget, 7);
    drop_device(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_discrete_kinds),  cmocka_unit_test(test_full_video_memory_falls_back),
        cmocka_unit_test(test_refusing_driver), cmocka_unit_test(test_small_heaps),
        cmocka_unit_test(test_sub_allocation),  cmocka_unit_test(test_budget),
    };
    return cmocka_run_group_tests_name("gpu/heap", tests, NULL, NULL);
}
