/* What kernels ask of a device's limits: workgroup, shared memory and capabilities read from their SPIR-V, and the
 * refusals of a device that allows less. */
#include "helper_device.h"

#include <stdio.h>

#include "gpu/device_private.h"
#include "gpu/spirv.h"

/* Vulkan 1.2's minimums. */
enum { LEAST_INVOCATIONS = 128, LEAST_SHARED = 16384 };

static hrm_spirv_needs measure(hrm_kernel_id kernel, const hrm_spec *specs, uint32_t spec_count) {
    const hrm_kernel_row *row = &hrm_kernels_get_table()->rows[kernel];
    hrm_spirv_needs needs;
    CHECK_OK(hrm_spirv_measure(row->spirv, row->spirv_words, specs, spec_count, &needs));
    return needs;
}

/* ---- modules ----------------------------------------------------------------------------------------------------- */

/* Each row is readable, declares what its SPIR-V needs, and fits every device, but for those named here, beside which
 * another of the same operation does. */
static void test_every_row(void **state) {
    (void)state;
    const hrm_kernel_table *table = hrm_kernels_get_table();
    for (uint32_t k = 0; k < table->count; k++) {
        const hrm_kernel_row *row = &table->rows[k];
        if (!row->spirv) continue; /* the compiler of this build cannot make it */
        hrm_spirv_needs needs = measure((hrm_kernel_id)k, NULL, 0);
        CHECK_MSG((needs.caps & ~row->caps) == 0, "%s: its SPIR-V needs 0x%x, its row says 0x%x", row->name, needs.caps,
                  row->caps);
        uint32_t invocations = needs.local_size[0] * needs.local_size[1] * needs.local_size[2];
        bool may_be_large = strncmp(row->name, "matmul_tile_", 12) == 0 && !strstr(row->name, "small");
        CHECK_MSG(invocations <= LEAST_INVOCATIONS || may_be_large, "%s: %u invocations", row->name, invocations);
        CHECK_MSG(needs.shared_bytes <= LEAST_SHARED, "%s: %llu bytes of shared memory", row->name,
                  (unsigned long long)needs.shared_bytes);
    }
}

static void test_known_sizes(void **state) {
    (void)state;
    /* two tiles of 16 x (64 + 4) floats, and of 8 x (128 + 4) */
    hrm_spirv_needs needs = measure(HRM_KERNEL_matmul_tile_nt, NULL, 0);
    CHECK_EQ(needs.local_size[0], 256);
    CHECK_EQ(needs.local_size[1], 1);
    CHECK_EQ(needs.local_size[2], 1);
    CHECK_EQ(needs.shared_bytes, 2 * 16 * 68 * 4);
    CHECK_EQ(needs.caps, HRM_CAP_NONE);
    const hrm_spec large[] = {{HRM_SPEC_TILE_M, 128}, {HRM_SPEC_TILE_N, 128}, {HRM_SPEC_TILE_K, 8}};
    CHECK_EQ(measure(HRM_KERNEL_matmul_tile_nt, large, 3).shared_bytes, 2 * 8 * 132 * 4);
    CHECK_EQ(measure(HRM_KERNEL_matmul_tile_small_vec4_tn, NULL, 0).local_size[0], 64);
    CHECK_EQ(measure(HRM_KERNEL_matmul_tile_small_vec4_tn, NULL, 0).shared_bytes, 2 * 16 * 36 * 4);

    /* The workgroup is a specialization constant, and an array's length follows from it: q, then k or v, at an odd
     * pitch of vec4; scores; a float of each invocation; one of each query. */
    const hrm_spec attention[] = {
        {HRM_SPEC_HEAD_DIM, 128}, {HRM_SPEC_LOCAL_X, 128}, {HRM_SPEC_TILE_M, 16}, {HRM_SPEC_TILE_N, 8}};
    needs = measure(HRM_KERNEL_attention_fwd_tiles, attention, 4);
    CHECK_EQ(needs.local_size[0], 128);
    CHECK_EQ(needs.shared_bytes, (16 + 8) * 33 * 16 + 16 * 9 * 4 + 128 * 4 + 16 * 4);
    CHECK_EQ(measure(HRM_KERNEL_rms_norm_fwd_tree, attention + 1, 1).local_size[0], 128);
    CHECK_EQ(measure(HRM_KERNEL_rms_norm_fwd_tree, attention + 1, 1).shared_bytes, 256 * 4);
    CHECK_EQ(measure(HRM_KERNEL_rms_norm_fwd_vec4, attention + 1, 1).shared_bytes, 0);
    CHECK_EQ(measure(HRM_KERNEL_rms_norm_fwd_vec4, NULL, 0).caps, HRM_CAP_ARITHMETIC);
    CHECK_EQ(measure(HRM_KERNEL_sum_final, NULL, 0).local_size[0], 64);
    CHECK(measure(HRM_KERNEL_matmul_lane_row_nn, NULL, 0).caps & HRM_CAP_ADDRESS);
    /* constants that a module lacks change nothing */
    const hrm_spec foreign[] = {{HRM_SPEC_LOCAL_X, 512}, {99, 7}};
    CHECK_EQ(measure(HRM_KERNEL_matmul_tile_nt, foreign, 2).local_size[0], 256);
}

/* Small modules by hand: a header, then instructions of (words << 16 | opcode). */
#define HEADER 0x07230203, 0x00010500, 0, 64, 0
#define SHADER_8X4X2 2 << 16 | 17, 1, 6 << 16 | 16, 1, 17, 8, 4, 2
#define U32_5_IS_6 4 << 16 | 21, 2, 32, 0, 4 << 16 | 43, 2, 5, 6
#define FLOAT_3 3 << 16 | 22, 3, 32
static hrm_status measure_words(const uint32_t *words, size_t bytes, hrm_spirv_needs *needs) {
    return hrm_spirv_measure(words, (uint32_t)(bytes / 4), NULL, 0, needs);
}

static void test_modules_by_hand(void **state) {
    (void)state;
    hrm_spirv_needs needs;
    /* struct { vec3; float; }, a bool and half[6] in shared memory: 16, 4 and 12 bytes, each rounded up to 16 */
    const uint32_t all[] = {HEADER,
                            SHADER_8X4X2,
                            U32_5_IS_6,
                            FLOAT_3,
                            4 << 16 | 23,
                            6,
                            3,
                            3, /* %6 = vec3 of float */
                            4 << 16 | 30,
                            7,
                            6,
                            3, /* %7 = struct */
                            2 << 16 | 20,
                            8, /* %8 = bool */
                            3 << 16 | 22,
                            9,
                            16, /* %9 = half */
                            4 << 16 | 28,
                            10,
                            9,
                            5, /* %10 = half[6] */
                            4 << 16 | 32,
                            11,
                            4,
                            7, /* pointers to Workgroup */
                            4 << 16 | 32,
                            12,
                            4,
                            8,
                            4 << 16 | 32,
                            13,
                            4,
                            10,
                            4 << 16 | 59,
                            11,
                            14,
                            4, /* variables */
                            4 << 16 | 59,
                            12,
                            15,
                            4,
                            4 << 16 | 59,
                            13,
                            16,
                            4};
    CHECK_OK(measure_words(all, sizeof all, &needs));
    CHECK_EQ(needs.local_size[0], 8);
    CHECK_EQ(needs.local_size[1], 4);
    CHECK_EQ(needs.local_size[2], 2);
    CHECK_EQ(needs.shared_bytes, 3 * 16);
    CHECK_STATUS(measure_words(all, sizeof all - 4, &needs), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS("cut short");
    CHECK_STATUS(measure_words(all + 1, sizeof all - 4, &needs), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS("no SPIR-V module");
    CHECK_STATUS(measure_words(all, 4, &needs), HRM_ERR_UNSUPPORTED);
    CHECK_STATUS(measure_words(all, 5 * 4, &needs), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS("no known workgroup size");

    const uint32_t vote[] = {HEADER, SHADER_8X4X2, 2 << 16 | 17, 62};
    CHECK_STATUS(measure_words(vote, sizeof vote, &needs), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS("capability 62");

    /* float[x], x made by an operation that is not worked out (OpIMul of an unknown) */
    const uint32_t unknown[] = {
        HEADER,       SHADER_8X4X2, U32_5_IS_6, FLOAT_3, 6 << 16 | 52, 2,  20, 132, 5,
        33, /* %20 = %5 * what is nowhere defined */
        4 << 16 | 28, 21,           3,          20,      4 << 16 | 32, 22, 4,  21,  4 << 16 | 59,
        22,           23,           4};
    CHECK_STATUS(measure_words(unknown, sizeof unknown, &needs), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS("cannot be worked out");
    /* ids out of range are nothing, not a crash */
    const uint32_t wild[] = {HEADER,     SHADER_8X4X2, 4 << 16 | 32, 0xffffffff, 4,
                             0xfffffff0, 4 << 16 | 59, 7777777,      9,          4};
    CHECK_STATUS(measure_words(wild, sizeof wild, &needs), HRM_ERR_UNSUPPORTED);
}

/* A module's capabilities become ours. Numbers: SPIR-V specification, section 3.31, and its registered extensions. */
static void test_capabilities(void **state) {
    (void)state;
    static const struct {
        uint32_t capability, caps;
    } known[] = {
        {9, HRM_CAP_F16},
        {6022, HRM_CAP_COOPMAT},
        {5345, HRM_CAP_COOPMAT},
        {5116, HRM_CAP_COOPMAT_BF16},
        {5118, HRM_CAP_COOPMAT_BF16},
        {5430, HRM_CAP_COOPMAT2},
        {5431, HRM_CAP_COOPMAT2},
        {5432, HRM_CAP_COOPMAT2},
    };
    hrm_spirv_needs needs;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const uint32_t words[] = {HEADER, SHADER_8X4X2, 2 << 16 | 17, known[i].capability};
        CHECK_OK(measure_words(words, sizeof words, &needs));
        CHECK_EQ(needs.caps, known[i].caps);
    }
    /* 16 bits in buffers, bf16 dot products, tensor addressing, block loads: no device promises them to our rows */
    static const uint32_t foreign[] = {4433, 5117, 5433, 5434};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        const uint32_t words[] = {HEADER, SHADER_8X4X2, 2 << 16 | 17, foreign[i]};
        CHECK_STATUS(measure_words(words, sizeof words, &needs), HRM_ERR_UNSUPPORTED);
    }
}

/* Whatever a module says, it is only read: the sanitizers of a debugging build watch. */
static void test_damaged_modules(void **state) {
    (void)state;
    static const hrm_kernel_id kernels[] = {HRM_KERNEL_matmul_tile_nt, HRM_KERNEL_attention_fwd_tiles,
                                            HRM_KERNEL_sum_final};
    uint64_t seed = check_seed();
    for (size_t k = 0; k < sizeof kernels / sizeof kernels[0]; k++) {
        const hrm_kernel_row *row = &hrm_kernels_get_table()->rows[kernels[k]];
        uint32_t *words = malloc((size_t)row->spirv_words * 4);
        CHECK(words != NULL);
        uint32_t refused = 0;
        for (uint32_t round = 0; round < 1000; round++) {
            memcpy(words, row->spirv, (size_t)row->spirv_words * 4);
            for (uint32_t i = 0; i <= round % 4; i++) { /* up to four words, most of them where the types are */
                seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                uint32_t value = (uint32_t)(seed >> 32);
                words[(seed >> 8) % (row->spirv_words / 4)] = value & 1 ? value : value & 0x1ff;
            }
            hrm_spirv_needs needs;
            refused += hrm_spirv_measure(words, row->spirv_words, NULL, 0, &needs) != HRM_OK;
        }
        CHECK(refused > 0);
        free(words);
    }
}

/* ---- devices ----------------------------------------------------------------------------------------------------- */

/* The real device, told that it is one of those that allow the least; nothing was prepared on it yet. */
static hrm_device *open_small(void) {
    hrm_device *device = open_device(NULL, "");
    hrm_adapter *a = &device->adapter.info;
    a->max_workgroup_invocations = a->max_workgroup_size[0] = a->max_workgroup_size[1] = LEAST_INVOCATIONS;
    a->max_workgroup_size[2] = 64;
    a->max_shared_bytes = LEAST_SHARED;
    return device;
}

static void test_explained(void **state) {
    (void)state;
    hrm_device *device = open_small();
    char reason[256] = "";
    CHECK(hrm_kernel_explain(device, HRM_KERNEL_matmul_tile_nn, reason, sizeof reason));
    CHECK_STR(reason, "a workgroup of 256 x 1 x 1 exceeds what this device allows (128 x 128 x 64, 128 in all)");
    CHECK(!hrm_kernel_explain(device, HRM_KERNEL_matmul_tile_small_nn, reason, sizeof reason));
    CHECK(!hrm_kernel_is_usable(device, HRM_KERNEL_matmul_tile_nn));
    CHECK_STATUS(hrm_kernel_prepare(device, HRM_KERNEL_matmul_tile_nn, NULL, 0), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS("kernel matmul_tile_nn cannot run on");
    CHECK_ERROR_HAS("256 x 1 x 1");
    device->adapter.info.max_shared_bytes = 4096;
    CHECK(hrm_kernel_explain(device, HRM_KERNEL_matmul_tile_small_nn, reason, sizeof reason));
    CHECK_STR(reason, "a workgroup with 4608 bytes of shared memory exceeds this device's 4096");
    device->adapter.max_storage_bindings = device->adapter.max_texel_bindings = device->adapter.max_image_bindings = 4;
    CHECK(hrm_kernel_explain(device, HRM_KERNEL_adam_atan2_scalar, reason, sizeof reason));
    CHECK_STR(reason, "it binds 8 storage, 0 texel and 0 image buffers; this device allows 4, 4 and 4");
    CHECK(!hrm_kernel_explain(device, HRM_KERNEL_add_scalar, reason, sizeof reason));
    hrm_device_close(device);
}

/* A row that fits as compiled may not with the constants of a pipeline. */
static void test_pipelines(void **state) {
    (void)state;
    hrm_device *device = open_small();
    const hrm_spec wide = {HRM_SPEC_LOCAL_X, 256}, none = {HRM_SPEC_LOCAL_X, 0}, fits = {HRM_SPEC_LOCAL_X, 128};
    CHECK_STATUS(hrm_kernel_prepare(device, HRM_KERNEL_scale_scalar, &wide, 1), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS("kernel scale_scalar on");
    CHECK_ERROR_HAS("a workgroup of 256 x 1 x 1 exceeds what this device allows (128 x 128 x 64, 128 in all)");
    CHECK_STATUS(hrm_kernel_prepare(device, HRM_KERNEL_scale_scalar, &none, 1), HRM_ERR_UNSUPPORTED);
    CHECK_OK(hrm_kernel_prepare(device, HRM_KERNEL_scale_scalar, &fits, 1));
    const hrm_spec tile[] = {{HRM_SPEC_TILE_M, 64}, {HRM_SPEC_TILE_N, 64}, {HRM_SPEC_TILE_K, 64}};
    CHECK_STATUS(hrm_kernel_prepare(device, HRM_KERNEL_matmul_tile_small_nt, tile, 3), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS("a workgroup with 34816 bytes of shared memory exceeds this device's 16384");

    /* the recorder says the same when it makes the program */
    hrm_buffer *x = make_buffer(device, 256, "x"), *y = make_buffer(device, 256, "y");
    struct hrm_elementwise_params params;
    hrm_dispatch d = scale_dispatch(&params, hrm_buffer_span(x), hrm_buffer_span(y), 2.0f);
    d.specs[0] = wide;
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    CHECK_OK(hrm_recorder_create(device, &rec));
    hrm_recorder_dispatch(rec, &d);
    CHECK_STATUS(hrm_recorder_end(rec, &program), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS("256 x 1 x 1");
    CHECK(program == NULL);
    hrm_recorder_destroy(rec);
    hrm_buffer_destroy(x);
    hrm_buffer_destroy(y);
    hrm_device_close(device);
}

/* An empty kernel that says it uses matrices, in workgroups of 24 x 2, as a row of its own. */
static const uint32_t matrix_kernel[] = {HEADER,
                                         2 << 16 | 17,
                                         1,
                                         2 << 16 | 17,
                                         6022,
                                         3 << 16 | 14, /* memory model: logical, Vulkan */
                                         0,
                                         3,
                                         5 << 16 | 15, /* entry point %4 "main" */
                                         5,
                                         4,
                                         0x6e69616d,
                                         0,
                                         6 << 16 | 16,
                                         4,
                                         17,
                                         24,
                                         2,
                                         1,
                                         2 << 16 | 19, /* %1 = void */
                                         1,
                                         3 << 16 | 33, /* %2 = function */
                                         2,
                                         1,
                                         5 << 16 | 54,
                                         1,
                                         4,
                                         0,
                                         2,
                                         2 << 16 | 248,
                                         5,
                                         1 << 16 | 253,
                                         1 << 16 | 56};

static uint32_t required_size;
static bool full_subgroups;

static VKAPI_ATTR VkResult VKAPI_CALL watch_create(VkDevice handle, VkPipelineCache cache, uint32_t count,
                                                   const VkComputePipelineCreateInfo *infos,
                                                   const VkAllocationCallbacks *allocator, VkPipeline *out) {
    (void)handle, (void)cache, (void)count, (void)allocator;
    const VkPipelineShaderStageRequiredSubgroupSizeCreateInfo *size = infos->stage.pNext;
    required_size = size ? size->requiredSubgroupSize : 0;
    full_subgroups = (infos->stage.flags & VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT) != 0;
    *out = VK_NULL_HANDLE;
    return VK_ERROR_FEATURE_NOT_PRESENT; /* nothing is to be made of it here */
}

static VKAPI_ATTR VkResult VKAPI_CALL make_no_module(VkDevice handle, const VkShaderModuleCreateInfo *info,
                                                     const VkAllocationCallbacks *allocator, VkShaderModule *out) {
    (void)handle, (void)info, (void)allocator;
    *out = VK_NULL_HANDLE;
    return VK_SUCCESS;
}

/* Kernels with cooperative matrices get full subgroups of one size, and no workgroup that would leave one incomplete.
 */
static void test_matrix_pipelines(void **state) {
    (void)state;
    static const struct hrm_kernel_row row = {
        "matrices", "", 0, HRM_CAP_COOPMAT, matrix_kernel, sizeof matrix_kernel / 4};
    static const hrm_kernel_table table = {&row, 1};
    const hrm_device_open_info info = {.kernels = &table, .cache_dir = ""};
    hrm_device *device = NULL;
    CHECK_OK(hrm_device_open(&info, &device));
    /* an imaginary device: sizes 8 to 32 can be required */
    hrm_adapter_entry *entry = &device->adapter;
    device->caps |= HRM_CAP_COOPMAT;
    entry->size_control = entry->full_subgroups = true;
    entry->max_workgroup_subgroups = 64;
    entry->info.coopmat_subgroup = 8;
    device->vk.vkCreateShaderModule = make_no_module;
    device->vk.vkCreateComputePipelines = watch_create;
    CHECK(hrm_kernel_is_usable(device, 0));
    CHECK_STATUS(hrm_kernel_prepare(device, 0, NULL, 0), HRM_ERR_UNSUPPORTED);
    CHECK_EQ(required_size, 8);
    CHECK(full_subgroups);
    required_size = 99;
    entry->info.coopmat_subgroup = 16;
    CHECK_STATUS(hrm_kernel_prepare(device, 0, NULL, 0), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS("its workgroup is 24 invocations long in X; cooperative matrices need whole subgroups of 16");
    CHECK_EQ(required_size, 99); /* the driver was not asked */
    /* one size only, which cannot be required */
    entry->size_control = false;
    entry->info.coopmat_subgroup = 8;
    CHECK_STATUS(hrm_kernel_prepare(device, 0, NULL, 0), HRM_ERR_UNSUPPORTED);
    CHECK_EQ(required_size, 0);
    device->caps &= ~HRM_CAP_COOPMAT;
    CHECK(!hrm_kernel_is_usable(device, 0));
    hrm_device_close(device);
}

int main(void) {
    watch_log();
    hrm_device *probe = open_device(NULL, "");
    hrm_device_close(probe);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row),       cmocka_unit_test(test_known_sizes),
        cmocka_unit_test(test_modules_by_hand), cmocka_unit_test(test_damaged_modules),
        cmocka_unit_test(test_capabilities),    cmocka_unit_test(test_explained),
        cmocka_unit_test(test_pipelines),       cmocka_unit_test(test_matrix_pipelines),
    };
    return cmocka_run_group_tests_name("gpu/limits", tests, NULL, NULL);
}
