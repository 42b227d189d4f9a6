/* VK_LAYER_HRM_limits acts as it says: memory, timestamps, shaders, descriptors. Part of test_limits.c. */
#include "helper_limits.h"

#include <stdlib.h>
#include <string.h>

#include "spirv.h"

/* ---- memory -------------------------------------------------------------------------------------------------------
 */

static VkResult allocate(uint64_t bytes, uint32_t type, VkDeviceMemory *memory) {
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .allocationSize = bytes, .memoryTypeIndex = type};
    return vk.vkAllocateMemory(vk.device, &info, NULL, memory);
}

void test_heaps(void **state) {
    (void)state;
    const uint64_t mib = 1 << 20;
    VkDeviceMemory memory[4];
    open_device("heap=16");
    VkPhysicalDeviceMemoryProperties shown = get_memory();
    for (uint32_t i = 0; i < shown.memoryHeapCount; i++) CHECK_EQ(shown.memoryHeaps[i].size, 16 * mib);
    for (int round = 0; round < 2; round++) { /* what is given back can be had again */
        for (int i = 0; i < 3; i++) CHECK_EQ(allocate(5 * mib, 0, &memory[i]), VK_SUCCESS);
        listen_to_layer();
        CHECK_EQ(allocate(5 * mib, 0, &memory[3]), VK_ERROR_OUT_OF_DEVICE_MEMORY);
        check_said("exceed the 16777216 of heap 0");
        CHECK_EQ(allocate(mib, 0, &memory[3]), VK_SUCCESS);
        for (int i = 0; i < 4; i++) vk.vkFreeMemory(vk.device, memory[i], NULL);
    }
    listen_to_layer();
    CHECK_EQ(allocate(17 * mib, 0, &memory[0]), VK_ERROR_OUT_OF_DEVICE_MEMORY);
    check_said("vkAllocateMemory");
    vk.vkFreeMemory(vk.device, VK_NULL_HANDLE, NULL);
    /* the loader's own entry points lead through the layer too */
    PFN_vkAllocateMemory by_instance = (PFN_vkAllocateMemory)vk.proc(vk.instance, "vkAllocateMemory");
    CHECK(by_instance != NULL);
    const VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .allocationSize = 17 * mib};
    listen_to_layer();
    CHECK_EQ(by_instance(vk.device, &info, NULL, &memory[0]), VK_ERROR_OUT_OF_DEVICE_MEMORY);
    check_said("vkAllocateMemory");
    close_all();

    open_device("allocation=1");
    listen_to_layer();
    CHECK_EQ(allocate(mib + 1, 0, &memory[0]), VK_ERROR_OUT_OF_DEVICE_MEMORY);
    check_said("one allocation");
    CHECK_EQ(allocate(mib, 0, &memory[0]), VK_SUCCESS);
    vk.vkFreeMemory(vk.device, memory[0], NULL);
    close_all();
}

static VkBuffer make_buffer(uint64_t bytes) {
    const VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                     .size = bytes,
                                     .usage =
                                         VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT};
    VkBuffer buffer;
    CHECK_EQ(vk.vkCreateBuffer(vk.device, &info, NULL, &buffer), VK_SUCCESS);
    return buffer;
}

void test_hidden_vram(void **state) {
    (void)state;
    const VkMemoryPropertyFlags visible = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT,
                                local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    open_device("no-host-visible-vram,heap=32");
    VkPhysicalDeviceMemoryProperties shown = get_memory();
    CHECK(shown.memoryHeapCount >= 2);
    uint32_t hidden = UINT32_MAX, host = UINT32_MAX;
    for (uint32_t t = 0; t < shown.memoryTypeCount; t++) {
        VkMemoryPropertyFlags flags = shown.memoryTypes[t].propertyFlags;
        const VkMemoryHeap *heap = &shown.memoryHeaps[shown.memoryTypes[t].heapIndex];
        CHECK_MSG(!(flags & local) || !(flags & visible), "type %u is both local and visible", t);
        CHECK_EQ((flags & local) != 0, (heap->flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) != 0);
        if ((flags & local) && hidden == UINT32_MAX) hidden = t;
        if ((flags & visible) && (flags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT) && host == UINT32_MAX) host = t;
        /* the order that Vulkan demands: fewer properties first */
        for (uint32_t later = t + 1; later < shown.memoryTypeCount; later++) {
            VkMemoryPropertyFlags more = shown.memoryTypes[later].propertyFlags;
            CHECK_MSG(more == flags || (more & flags) != more, "types %u and %u stand in the wrong order", t, later);
        }
    }
    CHECK(hidden != UINT32_MAX && host != UINT32_MAX);

    VkBuffer buffer = make_buffer(4096);
    VkMemoryRequirements need;
    vk.vkGetBufferMemoryRequirements(vk.device, buffer, &need);
    CHECK(need.memoryTypeBits >> hidden & 1u);
    CHECK(need.memoryTypeBits >> host & 1u);
    CHECK_EQ(need.memoryTypeBits >> shown.memoryTypeCount, 0);
    const VkBufferMemoryRequirementsInfo2 asked = {.sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_REQUIREMENTS_INFO_2,
                                                   .buffer = buffer};
    VkMemoryRequirements2 need2 = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2};
    vk.vkGetBufferMemoryRequirements2(vk.device, &asked, &need2);
    CHECK_EQ(need2.memoryRequirements.memoryTypeBits, need.memoryTypeBits);
    if (vk.vkGetDeviceBufferMemoryRequirements) {
        const VkBufferCreateInfo like = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                         .size = 4096,
                                         .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT |
                                                  VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT};
        const VkDeviceBufferMemoryRequirements device_asked = {
            .sType = VK_STRUCTURE_TYPE_DEVICE_BUFFER_MEMORY_REQUIREMENTS, .pCreateInfo = &like};
        vk.vkGetDeviceBufferMemoryRequirements(vk.device, &device_asked, &need2);
        CHECK_EQ(need2.memoryRequirements.memoryTypeBits, need.memoryTypeBits);
    }
    VkDeviceMemory far_memory, near_memory;
    void *mapped = NULL;
    CHECK_EQ(allocate(need.size, hidden, &far_memory), VK_SUCCESS);
    listen_to_layer();
    CHECK_EQ(vk.vkMapMemory(vk.device, far_memory, 0, VK_WHOLE_SIZE, 0, &mapped), VK_ERROR_MEMORY_MAP_FAILED);
    check_said("vkMapMemory");
    CHECK_EQ(vk.vkBindBufferMemory(vk.device, buffer, far_memory, 0), VK_SUCCESS);
    CHECK_EQ(allocate(4096, host, &near_memory), VK_SUCCESS);
    CHECK_EQ(vk.vkMapMemory(vk.device, near_memory, 0, VK_WHOLE_SIZE, 0, &mapped), VK_SUCCESS);
    memset(mapped, 1, 4096);
    /* each heap is filled on its own, though both may be one */
    VkDeviceMemory more;
    CHECK_EQ(allocate(31 << 20, host, &more), VK_SUCCESS);
    vk.vkFreeMemory(vk.device, more, NULL);
    CHECK_EQ(allocate(31 << 20, hidden, &more), VK_SUCCESS);
    vk.vkFreeMemory(vk.device, more, NULL);
    listen_to_layer();
    CHECK_EQ(allocate(4096, shown.memoryTypeCount, &more), VK_ERROR_UNKNOWN);
    check_said("does not exist");
    vk.vkDestroyBuffer(vk.device, buffer, NULL);
    vk.vkFreeMemory(vk.device, near_memory, NULL);
    vk.vkFreeMemory(vk.device, far_memory, NULL);
    close_all();
}

/* ---- timestamps ---------------------------------------------------------------------------------------------------
 */

static void write_timestamp(void) {
    const VkCommandPoolCreateInfo pool_info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    const VkQueryPoolCreateInfo query_info = {
        .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO, .queryType = VK_QUERY_TYPE_TIMESTAMP, .queryCount = 1};
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkCommandPool pool;
    VkQueryPool query;
    VkCommandBuffer commands;
    if (vk.vkCreateCommandPool(vk.device, &pool_info, NULL, &pool) != VK_SUCCESS) return;
    const VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO, .commandPool = pool, .commandBufferCount = 1};
    if (vk.vkAllocateCommandBuffers(vk.device, &info, &commands) != VK_SUCCESS ||
        vk.vkCreateQueryPool(vk.device, &query_info, NULL, &query) != VK_SUCCESS ||
        vk.vkBeginCommandBuffer(commands, &begin) != VK_SUCCESS) {
        return;
    }
    vk.vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, query, 0);
}

void test_timestamps(void **state) {
    (void)state;
    enum { MOST = 8 };
    open_instance("no-timestamps");
    uint32_t count = MOST;
    VkQueueFamilyProperties families[MOST];
    VkQueueFamilyProperties2 families2[MOST];
    memset(families2, 0, sizeof families2);
    for (int i = 0; i < MOST; i++) families2[i].sType = VK_STRUCTURE_TYPE_QUEUE_FAMILY_PROPERTIES_2;
    vk.vkGetPhysicalDeviceQueueFamilyProperties(vk.physical, &count, families);
    for (uint32_t i = 0; i < count; i++) CHECK_EQ(families[i].timestampValidBits, 0);
    vk.vkGetPhysicalDeviceQueueFamilyProperties2(vk.physical, &count, families2);
    for (uint32_t i = 0; i < count; i++) CHECK_EQ(families2[i].queueFamilyProperties.timestampValidBits, 0);
    families2[0].queueFamilyProperties.timestampValidBits = 64;
    vk.vkGetPhysicalDeviceQueueFamilyProperties2KHR(vk.physical, &count, families2);
    CHECK_EQ(families2[0].queueFamilyProperties.timestampValidBits, 0);
    close_all();
    check_aborts("no-timestamps", write_timestamp, "vkCmdWriteTimestamp");
}

/* ---- shaders ------------------------------------------------------------------------------------------------------
 */

typedef struct shader {
    uint32_t words[256];
    uint32_t count;
} shader;

static void emit(shader *s, uint32_t opcode, const uint32_t *operands, uint32_t count) {
    s->words[s->count++] = (count + 1) << 16 | opcode;
    memcpy(s->words + s->count, operands, count * sizeof *operands);
    s->count += count;
}
#define EMIT(s, opcode, ...)                                                                                           \
    emit(s, opcode, (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

enum { NO_CAPABILITY = 0, SPEC_SIZE = 1, SPEC_LENGTH = 2, UNUSED_ARRAY = 4 };

/* A compute shader that stores to an array of `length` shared words. Flags: the size in x is specialization constant 0;
 * half the array's length is specialization constant 3; the array is declared, but not used. */
static shader make_shader(uint32_t capability, const uint32_t size[3], uint32_t length, uint32_t flags) {
    enum {
        MAIN = 1,
        VOID,
        FN,
        UINT,
        LENGTH,
        ARRAY,
        POINTER,
        VAR,
        WORD,
        ZERO,
        LABEL,
        PLACE,
        X,
        Y,
        Z,
        VEC,
        SIZE,
        HALF,
        TWO,
        IDS
    };
    const uint32_t main_name = 'm' | 'a' << 8 | 'i' << 16 | (uint32_t)'n' << 24;
    shader s = {{0x07230203, 0x00010300, 0, IDS, 0}, 5};
    EMIT(&s, 17, 1); /* Shader */
    if (capability) EMIT(&s, 17, capability);
    EMIT(&s, 14, 0, 1);                  /* Logical, GLSL450 */
    EMIT(&s, 15, 5, MAIN, main_name, 0); /* GLCompute */
    EMIT(&s, 16, MAIN, 17, size[0], size[1], size[2]);
    if (flags & SPEC_SIZE) {
        EMIT(&s, 71, X, 1, 0);      /* SpecId 0 */
        EMIT(&s, 71, SIZE, 11, 25); /* BuiltIn WorkgroupSize */
    }
    if (flags & SPEC_LENGTH) EMIT(&s, 71, HALF, 1, 3);
    EMIT(&s, 19, VOID);
    EMIT(&s, 33, FN, VOID);
    EMIT(&s, 21, UINT, 32, 0);
    EMIT(&s, 43, UINT, ZERO, 0);
    if (flags & SPEC_SIZE) {
        EMIT(&s, 50, UINT, X, size[0]);
        EMIT(&s, 43, UINT, Y, size[1]);
        EMIT(&s, 43, UINT, Z, size[2]);
        EMIT(&s, 23, VEC, UINT, 3);
        EMIT(&s, 51, VEC, SIZE, X, Y, Z);
    }
    if (flags & SPEC_LENGTH) {
        EMIT(&s, 50, UINT, HALF, length / 2);
        EMIT(&s, 43, UINT, TWO, 2);
        EMIT(&s, 52, UINT, LENGTH, 132, HALF, TWO); /* IMul */
    } else {
        EMIT(&s, 43, UINT, LENGTH, length);
    }
    EMIT(&s, 28, ARRAY, UINT, LENGTH);
    EMIT(&s, 32, POINTER, 4, ARRAY); /* Workgroup */
    EMIT(&s, 32, WORD, 4, UINT);
    EMIT(&s, 59, POINTER, VAR, 4);
    EMIT(&s, 54, VOID, MAIN, 0, FN);
    EMIT(&s, 248, LABEL);
    if (!(flags & UNUSED_ARRAY)) {
        EMIT(&s, 65, WORD, PLACE, VAR, ZERO);
        EMIT(&s, 62, PLACE, ZERO);
    }
    s.words[s.count++] = 1u << 16 | 253; /* Return */
    s.words[s.count++] = 1u << 16 | 56;  /* FunctionEnd */
    return s;
}

/* Makes a pipeline and destroys it again. */
static VkResult try_pipeline(const shader *s, const VkSpecializationInfo *constants, const void *stage_chain) {
    const VkShaderModuleCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = s->count * 4, .pCode = s->words};
    const VkPipelineLayoutCreateInfo layout_info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO};
    VkComputePipelineCreateInfo pipeline_info = {.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
                                                 .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                           .pNext = stage_chain,
                                                           .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                                                           .pName = "main",
                                                           .pSpecializationInfo = constants}};
    VkPipeline pipeline = VK_NULL_HANDLE;
    CHECK_EQ(vk.vkCreateShaderModule(vk.device, &info, NULL, &pipeline_info.stage.module), VK_SUCCESS);
    CHECK_EQ(vk.vkCreatePipelineLayout(vk.device, &layout_info, NULL, &pipeline_info.layout), VK_SUCCESS);
    VkResult result = vk.vkCreateComputePipelines(vk.device, VK_NULL_HANDLE, 1, &pipeline_info, NULL, &pipeline);
    CHECK_EQ(result == VK_SUCCESS, pipeline != VK_NULL_HANDLE);
    vk.vkDestroyPipeline(vk.device, pipeline, NULL);
    vk.vkDestroyPipelineLayout(vk.device, pipeline_info.layout, NULL);
    vk.vkDestroyShaderModule(vk.device, pipeline_info.stage.module, NULL);
    return result;
}

/* A shader that must be refused, with a line that holds `text`; NULL: that must work. */
static void check_shader(const char *text, const shader *s, uint32_t constant, uint32_t value) {
    const VkSpecializationMapEntry entry = {constant, 0, sizeof value};
    const VkSpecializationInfo constants = {1, &entry, sizeof value, &value};
    listen_to_layer();
    VkResult result = try_pipeline(s, value ? &constants : NULL, NULL);
    check_said(text);
    CHECK_MSG((result == VK_SUCCESS) == (text == NULL), "%s: %d", text ? text : "a good shader", (int)result);
}

void test_workgroups(void **state) {
    (void)state;
    static const char size[] = "maxComputeWorkGroupSize", all[] = "maxComputeWorkGroupInvocations",
                      shared[] = "maxComputeSharedMemorySize";
    open_device("invocations=64,shared=4096");
    shader s = make_shader(NO_CAPABILITY, (const uint32_t[]){64, 1, 1}, 1024, 0);
    check_shader(NULL, &s, 0, 0);
    s = make_shader(NO_CAPABILITY, (const uint32_t[]){65, 1, 1}, 1, 0);
    check_shader(size, &s, 0, 0);
    s = make_shader(NO_CAPABILITY, (const uint32_t[]){8, 3, 3}, 1, 0);
    check_shader(all, &s, 0, 0);
    s = make_shader(NO_CAPABILITY, (const uint32_t[]){1, 2, 33}, 1, 0);
    check_shader(all, &s, 0, 0);
    s = make_shader(NO_CAPABILITY, (const uint32_t[]){0x10000, 0x10000, 0x10000}, 1, 0);
    check_shader(size, &s, 0, 0);
    s = make_shader(NO_CAPABILITY, (const uint32_t[]){1, 2, 1}, 1, SPEC_SIZE);
    check_shader(NULL, &s, 0, 0);
    check_shader(NULL, &s, 0, 32);
    check_shader(all, &s, 0, 33);
    check_shader(size, &s, 0, 65);
    check_shader(NULL, &s, 9, 65); /* a constant that the shader lacks */

    s = make_shader(NO_CAPABILITY, (const uint32_t[]){1, 1, 1}, 1025, 0);
    check_shader(shared, &s, 0, 0);
    s = make_shader(NO_CAPABILITY, (const uint32_t[]){1, 1, 1}, 1025, UNUSED_ARRAY);
    check_shader(NULL, &s, 0, 0);
    s = make_shader(NO_CAPABILITY, (const uint32_t[]){1, 1, 1}, 2, SPEC_LENGTH);
    check_shader(NULL, &s, 3, 512);
    check_shader(shared, &s, 3, 513);
    close_all();
}

void test_capabilities(void **state) {
    (void)state;
    static const struct {
        const char *words;
        uint32_t capability;
        const char *name;
    } rows[] = {
        {"no-subgroup", 62, "GroupNonUniformVote"},
        {"no-subgroup", 63, "GroupNonUniformArithmetic"},
        {"no-arithmetic", 63, "GroupNonUniformArithmetic"},
        {"no-arithmetic", 67, "GroupNonUniformClustered"},
        {"no-ballot", 64, "GroupNonUniformBallot"},
        {"no-shuffle", 65, "GroupNonUniformShuffle"},
        {"no-shuffle", 66, "GroupNonUniformShuffleRelative"},
        {"no-address", 5347, "PhysicalStorageBufferAddresses"},
        {"no-int64", 11, "Int64"},
        {"no-f64", 10, "Float64"},
        {"no-int8", 39, "Int8"},
        {"no-f16", 9, "Float16"},
        {"no-16bit", 4433, "StorageBuffer16BitAccess"},
    };
    const uint32_t one[3] = {1, 1, 1};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        open_device(rows[i].words);
        shader s = make_shader(rows[i].capability, one, 1, 0);
        check_shader(rows[i].name, &s, 0, 0);
        s = make_shader(NO_CAPABILITY, one, 1, 0);
        check_shader(NULL, &s, 0, 0);
        close_all();
    }
    open_device("push=64"); /* the same shader passes where nothing hides what it needs */
    shader s = make_shader(63, one, 1, 0);
    check_shader(NULL, &s, 0, 0);
    close_all();

    open_device("no-size-control");
    const VkPipelineShaderStageRequiredSubgroupSizeCreateInfo required = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO, .requiredSubgroupSize = 8};
    s = make_shader(NO_CAPABILITY, one, 1, 0);
    listen_to_layer();
    CHECK_EQ(try_pipeline(&s, NULL, &required), VK_ERROR_FEATURE_NOT_PRESENT);
    check_said("subgroup size");
    close_all();
}

void test_broken_shaders(void **state) {
    (void)state;
    /* not through a driver, whose parser is not what is tested */
    const shader good = make_shader(NO_CAPABILITY, (const uint32_t[]){1, 2, 3}, 2, SPEC_SIZE | SPEC_LENGTH);
    char reason[128] = "";
    spirv_use use;
    CHECK(spirv_measure(good.words, good.count, "main", NULL, &use, reason, sizeof reason));
    CHECK_EQ(use.local_size[0], 1);
    CHECK_EQ(use.local_size[2], 3);
    CHECK_EQ(use.shared_bytes, 8);
    CHECK(!spirv_measure(good.words, good.count, "other", NULL, &use, reason, sizeof reason));
    CHECK_STR(reason, "no such entry point");
    for (uint32_t count = 0; count < good.count; count++) { /* an exact copy, for AddressSanitizer to watch its end */
        uint32_t *cut = malloc(count ? count * sizeof *cut : 1);
        CHECK(cut != NULL);
        memcpy(cut, good.words, count * sizeof *cut);
        spirv_measure(cut, count, "main", NULL, &use, reason, sizeof reason);
        free(cut);
    }
    uint32_t refused = 0;
    for (uint32_t at = 0; at < good.count; at++) {
        for (uint32_t value = 0; value < 64; value++) {
            shader s = good;
            s.words[at] = value < 32 ? value : value < 48 ? s.words[at] ^ 1u << value % 32 : UINT32_MAX >> value % 16;
            refused += !spirv_measure(s.words, s.count, "main", NULL, &use, reason, sizeof reason);
        }
    }
    CHECK(refused > 0);
}

/* ---- descriptors --------------------------------------------------------------------------------------------------
 */

/* A buffer with memory of the first type that it may live in. The caller frees both. */
static VkBuffer make_bound_buffer(VkDeviceSize bytes, VkDeviceMemory *memory) {
    VkBuffer buffer = make_buffer(bytes);
    VkMemoryRequirements need;
    vk.vkGetBufferMemoryRequirements(vk.device, buffer, &need);
    uint32_t type = 0;
    while (!(need.memoryTypeBits >> type & 1u)) type++;
    CHECK_EQ(allocate(need.size, type, memory), VK_SUCCESS);
    CHECK_EQ(vk.vkBindBufferMemory(vk.device, buffer, *memory, 0), VK_SUCCESS);
    return buffer;
}

static VkResult try_view(VkBuffer buffer, VkFormat format, uint64_t offset, uint64_t range) {
    const VkBufferViewCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
                                         .buffer = buffer,
                                         .format = format,
                                         .offset = offset,
                                         .range = range};
    VkBufferView view = VK_NULL_HANDLE;
    VkResult result = vk.vkCreateBufferView(vk.device, &info, NULL, &view);
    if (result == VK_SUCCESS) vk.vkDestroyBufferView(vk.device, view, NULL);
    return result;
}

void test_views(void **state) {
    (void)state;
    const VkFormat vec4 = VK_FORMAT_R32G32B32A32_SFLOAT;
    open_device("texels=256,alignment=512");
    VkDeviceMemory memory;
    VkBuffer buffer = make_bound_buffer(8192, &memory);
    CHECK_EQ(try_view(buffer, vec4, 512, 256 * 16), VK_SUCCESS);
    CHECK_EQ(try_view(buffer, VK_FORMAT_R32_SFLOAT, 0, 256 * 4), VK_SUCCESS);
    listen_to_layer();
    CHECK_EQ(try_view(buffer, vec4, 0, 257 * 16), VK_ERROR_UNKNOWN);
    check_said("maxTexelBufferElements");
    listen_to_layer();
    CHECK_EQ(try_view(buffer, VK_FORMAT_R32_UINT, 0, 257 * 4), VK_ERROR_UNKNOWN);
    check_said("257 texels");
    listen_to_layer();
    CHECK_EQ(try_view(buffer, vec4, 0, VK_WHOLE_SIZE), VK_ERROR_UNKNOWN);
    check_said("512 texels");
    listen_to_layer();
    CHECK_EQ(try_view(buffer, vec4, 256, 16), VK_ERROR_UNKNOWN);
    check_said("minTexelBufferOffsetAlignment");
    listen_to_layer();
    CHECK_EQ(try_view(buffer, VK_FORMAT_BC7_UNORM_BLOCK, 0, 16), VK_ERROR_UNKNOWN);
    check_said("format");
    vk.vkDestroyBuffer(vk.device, buffer, NULL);
    vk.vkFreeMemory(vk.device, memory, NULL);
    close_all();
}

static VkResult try_layout(uint32_t sets, uint32_t push) {
    const VkDescriptorSetLayoutCreateInfo set_info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO};
    VkDescriptorSetLayout set;
    CHECK_EQ(vk.vkCreateDescriptorSetLayout(vk.device, &set_info, NULL, &set), VK_SUCCESS);
    const VkDescriptorSetLayout list[8] = {set, set, set, set, set, set, set, set};
    const VkPushConstantRange range = {VK_SHADER_STAGE_COMPUTE_BIT, 0, push};
    const VkPipelineLayoutCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                             .setLayoutCount = sets,
                                             .pSetLayouts = list,
                                             .pushConstantRangeCount = 1,
                                             .pPushConstantRanges = &range};
    VkPipelineLayout layout = VK_NULL_HANDLE;
    VkResult result = vk.vkCreatePipelineLayout(vk.device, &info, NULL, &layout);
    if (result == VK_SUCCESS) vk.vkDestroyPipelineLayout(vk.device, layout, NULL);
    vk.vkDestroyDescriptorSetLayout(vk.device, set, NULL);
    return result;
}

void test_layouts(void **state) {
    (void)state;
    open_device("sets=2,push=64");
    CHECK_EQ(try_layout(2, 64), VK_SUCCESS);
    listen_to_layer();
    CHECK_EQ(try_layout(3, 64), VK_ERROR_UNKNOWN);
    check_said("maxBoundDescriptorSets");
    listen_to_layer();
    CHECK_EQ(try_layout(1, 68), VK_ERROR_UNKNOWN);
    check_said("maxPushConstantsSize");
    close_all();
}

static uint64_t write_offset, write_range;

/* Writes one storage buffer descriptor. */
static void write_descriptor(void) {
    const VkDescriptorSetLayoutBinding binding = {0, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_COMPUTE_BIT,
                                                  NULL};
    const VkDescriptorSetLayoutCreateInfo layout_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO, .bindingCount = 1, .pBindings = &binding};
    const VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1};
    const VkDescriptorPoolCreateInfo pool_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO, .maxSets = 1, .poolSizeCount = 1, .pPoolSizes = &size};
    VkDescriptorSetLayout layout;
    VkDescriptorPool pool;
    VkDescriptorSet set;
    CHECK_EQ(vk.vkCreateDescriptorSetLayout(vk.device, &layout_info, NULL, &layout), VK_SUCCESS);
    CHECK_EQ(vk.vkCreateDescriptorPool(vk.device, &pool_info, NULL, &pool), VK_SUCCESS);
    const VkDescriptorSetAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                              .descriptorPool = pool,
                                              .descriptorSetCount = 1,
                                              .pSetLayouts = &layout};
    CHECK_EQ(vk.vkAllocateDescriptorSets(vk.device, &info, &set), VK_SUCCESS);
    VkDeviceMemory memory;
    VkBuffer buffer = make_bound_buffer(8192, &memory);
    const VkDescriptorBufferInfo what = {buffer, write_offset, write_range};
    const VkWriteDescriptorSet write = {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                        .dstSet = set,
                                        .descriptorCount = 1,
                                        .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                        .pBufferInfo = &what};
    vk.vkUpdateDescriptorSets(vk.device, 1, &write, 0, NULL);
    vk.vkDestroyDescriptorPool(vk.device, pool, NULL);
    vk.vkDestroyDescriptorSetLayout(vk.device, layout, NULL);
    vk.vkDestroyBuffer(vk.device, buffer, NULL);
    vk.vkFreeMemory(vk.device, memory, NULL);
}

void test_descriptors(void **state) {
    (void)state;
    static const char words[] = "range=4096,alignment=512";
    write_offset = 512;
    write_range = 4096;
    open_device(words);
    write_descriptor();
    close_all();
    write_range = 4097;
    check_aborts(words, write_descriptor, "4097 bytes exceed maxStorageBufferRange");
    write_range = VK_WHOLE_SIZE;
    check_aborts(words, write_descriptor, "7680 bytes exceed maxStorageBufferRange");
    write_range = 64;
    write_offset = 256;
    check_aborts(words, write_descriptor, "minStorageBufferOffsetAlignment");
}
