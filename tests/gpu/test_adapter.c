/* Listing and choosing adapters: invariants of every entry, order, selectors, a system without drivers. */
#include "helper_device.h"

#include <stdio.h>
#include <unistd.h>

#include "gpu/adapter_private.h"
#include "gpu/defects.h"

#define LAVAPIPE_ICD "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json"
#define SWIFTSHADER_ICD "/usr/lib/chromium/vk_swiftshader_icd.json"

/* HRM_DEVICE and the like of the caller would change what is chosen here. */
static int clear_environment(void **state) {
    (void)state;
    unsetenv("HRM_DEVICE");
    unsetenv("HRM_DISABLE");
    watch_log();
    return 0;
}

static hrm_status open_with(const char *selector, hrm_device **out) {
    const hrm_device_open_info info = {.kernels = hrm_kernels_get_table(), .selector = selector, .cache_dir = ""};
    return hrm_device_open(&info, out);
}

static void test_every_entry_is_sane(void **state) {
    (void)state;
    hrm_adapter *list = NULL;
    uint32_t count = 0;
    CHECK_OK(hrm_adapter_list(false, &list, &count));
    CHECK(count >= 1);
    for (uint32_t i = 0; i < count; i++) {
        const hrm_adapter *a = &list[i];
        CHECK_EQ(a->index, i);
        CHECK(a->name[0] != '\0');
        if (i > 0) CHECK(list[i - 1].score >= a->score);
        CHECK_EQ(a->usable, a->unusable_reason[0] == '\0');
        if (!a->usable) continue;
        CHECK(a->subgroup_size >= 1 && (a->subgroup_size & (a->subgroup_size - 1)) == 0);
        CHECK(a->min_subgroup_size <= a->subgroup_size && a->subgroup_size <= a->max_subgroup_size);
        CHECK(a->max_workgroup_invocations >= 128);
        CHECK(a->max_workgroup_size[0] >= 128);
        CHECK(a->max_workgroup_count[0] >= 65535);
        CHECK(a->max_shared_bytes >= 16384);
        CHECK(a->max_push_bytes >= 128);
        CHECK(a->max_storage_range >= 1u << 27);
        CHECK(a->storage_alignment <= 256 && a->texel_alignment <= 256);
        CHECK(a->device_local_bytes > 0);
        CHECK(a->host_visible_bytes > 0);
        CHECK_EQ((a->caps & HRM_CAP_CPU) != 0, a->type == HRM_ADAPTER_CPU);
        CHECK_EQ(a->caps & a->defect_caps, 0);
        /* matrices: sizes and types that the capabilities promise, and no others */
        uint32_t shapes = 0;
        for (uint32_t s = 0; s < a->coopmat_count; s++) {
            CHECK(a->coopmat[s].m > 0 && a->coopmat[s].n > 0 && a->coopmat[s].k > 0);
            shapes |= a->coopmat[s].bf16 ? HRM_CAP_COOPMAT_BF16 : HRM_CAP_COOPMAT_F16;
        }
        CHECK_EQ(a->caps & (HRM_CAP_COOPMAT_F16 | HRM_CAP_COOPMAT_BF16), shapes);
        CHECK_EQ((a->caps & HRM_CAP_COOPMAT2) != 0, a->granule_count > 0);
        if (shapes) CHECK(a->caps & HRM_CAP_COOPMAT);
        if (shapes & HRM_CAP_COOPMAT_F16) CHECK(a->caps & HRM_CAP_F16);
        CHECK_EQ((a->caps & HRM_CAP_COOPMAT) != 0, a->coopmat_subgroup > 0);
        if (a->coopmat_subgroup) {
            CHECK(a->min_subgroup_size <= a->coopmat_subgroup && a->coopmat_subgroup <= a->max_subgroup_size);
        }
    }
    /* CPU drivers come after everything else that works */
    for (uint32_t i = 1; i < count; i++) {
        if (list[i].usable && list[i].type != HRM_ADAPTER_CPU) CHECK(list[i - 1].type != HRM_ADAPTER_CPU);
    }
    free(list);
}

static void test_selectors(void **state) {
    (void)state;
    hrm_adapter *list = NULL;
    uint32_t count = 0;
    CHECK_OK(hrm_adapter_list(false, &list, &count));
    hrm_device *device = NULL;
    CHECK_OK(open_with("0", &device));
    CHECK_STR(hrm_device_get_adapter(device)->name, list[0].name);
    hrm_device_close(device);

    char text[64];
    snprintf(text, sizeof text, "%.8s", list[0].name); /* part of the name, in the other case */
    for (char *c = text; *c; c++) *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    CHECK_OK(open_with(text, &device));
    CHECK_STR(hrm_device_get_adapter(device)->name, list[0].name);
    hrm_device_close(device);

    const uint8_t *u = list[0].device_uuid;
    snprintf(text, sizeof text, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02X%02X%02X%02X%02X%02X", u[0], u[1],
             u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
    CHECK_OK(open_with(text, &device));
    CHECK_STR(hrm_device_get_adapter(device)->name, list[0].name);
    hrm_device_close(device);

    CHECK_STATUS(open_with("99", &device), HRM_ERR_NO_DEVICE);
    CHECK(device == NULL);
    CHECK_ERROR_HAS("device 99 does not exist");
    CHECK_ERROR_HAS(list[0].name);
    CHECK_STATUS(open_with("no such GPU", &device), HRM_ERR_NO_DEVICE);
    CHECK_ERROR_HAS("no device matches 'no such GPU'");

    setenv("HRM_DEVICE", "99", 1);
    CHECK_STATUS(open_with(NULL, &device), HRM_ERR_NO_DEVICE);
    CHECK_OK(open_with("0", &device)); /* what is asked for in code wins */
    hrm_device_close(device);
    unsetenv("HRM_DEVICE");
    free(list);
}

/* Changes the loader's environment: the instance is gone after each list, so the next one reads it again. */
static void with_drivers(const char *files, char **saved) {
    const char *before = getenv("VK_ICD_FILENAMES");
    *saved = before ? strdup(before) : NULL;
    unsetenv("VK_DRIVER_FILES");
    setenv("VK_ICD_FILENAMES", files, 1);
}

static void restore_drivers(char *saved) {
    if (saved)
        setenv("VK_ICD_FILENAMES", saved, 1);
    else
        unsetenv("VK_ICD_FILENAMES");
    free(saved);
}

static void test_no_driver_says_what_to_install(void **state) {
    (void)state;
    char *saved;
    hrm_adapter *list = NULL;
    uint32_t count = 7;
    hrm_device *device = NULL;
    with_drivers("/nonexistent/driver.json", &saved);
    CHECK_STATUS(hrm_adapter_list(false, &list, &count), HRM_ERR_NO_DEVICE);
    CHECK_ERROR_HAS("mesa-vulkan-drivers");
    CHECK(list == NULL);
    CHECK_EQ(count, 0);
    CHECK_STATUS(open_with(NULL, &device), HRM_ERR_NO_DEVICE);
    CHECK(device == NULL);
    restore_drivers(saved);
    CHECK_OK(hrm_adapter_list(false, &list, &count));
    free(list);
}

static void test_lavapipe_before_swiftshader(void **state) {
    (void)state;
    if (access(LAVAPIPE_ICD, R_OK) != 0 || access(SWIFTSHADER_ICD, R_OK) != 0) {
        print_message("SwiftShader or lavapipe is absent: not checked\n");
        skip();
    }
    for (int order = 0; order < 2; order++) {
        char *saved;
        with_drivers(order ? LAVAPIPE_ICD ":" SWIFTSHADER_ICD : SWIFTSHADER_ICD ":" LAVAPIPE_ICD, &saved);
        hrm_adapter *list = NULL;
        uint32_t count = 0;
        CHECK_OK(hrm_adapter_list(false, &list, &count));
        CHECK_EQ(count, 2);
        CHECK(strncmp(list[0].name, "llvmpipe", 8) == 0);
        CHECK(strncmp(list[1].name, "SwiftShader", 11) == 0);
        free(list);
        restore_drivers(saved);
    }
}

static hrm_adapter_entry imagine(const char *name, hrm_adapter_type type, uint8_t uuid, int64_t score, bool usable) {
    hrm_adapter_entry entry = {.info = {.type = type, .score = score, .usable = usable}};
    snprintf(entry.info.name, sizeof entry.info.name, "%s", name);
    memset(entry.info.device_uuid, uuid, 16);
    if (!usable) snprintf(entry.info.unusable_reason, sizeof entry.info.unusable_reason, "no compute queue");
    return entry;
}

/* One card under two drivers, of which the worse reports more memory; an old card; an integrated chip; a CPU driver. */
static void test_order_and_choice_on_an_imaginary_desktop(void **state) {
    (void)state;
    hrm_adapter_entry entries[] = {
        imagine("llvmpipe", HRM_ADAPTER_CPU, 1, 1000020002, true),
        imagine("Radeon (AMDVLK)", HRM_ADAPTER_DISCRETE, 2, 5000165000, true),
        imagine("Old card", HRM_ADAPTER_DISCRETE, 3, 5000010001 - INT64_C(10000000000), false),
        imagine("Radeon (RADV)", HRM_ADAPTER_DISCRETE, 2, 5000163842, true),
        imagine("Integrated", HRM_ADAPTER_INTEGRATED, 4, 4000080001, true),
    };
    const uint32_t count = sizeof entries / sizeof entries[0];
    hrm_adapter_sort(entries, count);
    static const char *const order[] = {"Radeon (RADV)", "Radeon (AMDVLK)", "Integrated", "llvmpipe", "Old card"};
    for (uint32_t i = 0; i < count; i++) {
        CHECK_STR(entries[i].info.name, order[i]);
        CHECK_EQ(entries[i].info.index, i);
    }
    uint32_t chosen = 99;
    CHECK_OK(hrm_adapter_select(entries, count, NULL, false, &chosen));
    CHECK_EQ(chosen, 0);
    CHECK_OK(hrm_adapter_select(entries, count, "amdvlk", false, &chosen));
    CHECK_EQ(chosen, 1);
    CHECK_OK(hrm_adapter_select(entries, count, "02020202-0202-0202-0202-020202020202", false, &chosen));
    CHECK_EQ(chosen, 0); /* the preferred driver of that card */
    CHECK_STATUS(hrm_adapter_select(entries, count, "old", false, &chosen), HRM_ERR_NO_DEVICE);
    CHECK_ERROR_HAS("Old card cannot be used: no compute queue");
    CHECK_STATUS(hrm_adapter_select(entries, count, "4", false, &chosen), HRM_ERR_NO_DEVICE);
    CHECK_OK(hrm_adapter_select(entries, count, "old", true, &chosen)); /* for compiling only */
    CHECK_EQ(chosen, 4);
    CHECK_STATUS(hrm_adapter_select(&entries[4], 1, NULL, false, &chosen), HRM_ERR_NO_DEVICE);
    CHECK_ERROR_HAS("no Vulkan device here can be used: Old card: no compute queue");
}

/* The least Vulkan 1.2 allows is enough; anything below is refused by name. */
static void test_limits_below_vulkans_own(void **state) {
    (void)state;
    const hrm_adapter least = {.usable = true,
                               .subgroup_size = 1,
                               .max_workgroup_invocations = 128,
                               .max_workgroup_size = {128, 128, 64},
                               .max_workgroup_count = {65535, 65535, 65535},
                               .max_shared_bytes = 16384,
                               .max_push_bytes = 128,
                               .max_bound_sets = 4,
                               .max_storage_range = 1u << 27,
                               .max_texel_elements = 65536};
    hrm_adapter a = least;
    hrm_adapter_check_limits(&a);
    CHECK(a.usable && a.unusable_reason[0] == '\0');
    a.max_shared_bytes = 16380;
    hrm_adapter_check_limits(&a);
    CHECK(!a.usable);
    CHECK_STR(a.unusable_reason, "maxComputeSharedMemorySize is 16380; Vulkan 1.2 requires 16384");
    a.max_push_bytes = 64;
    hrm_adapter_check_limits(&a);
    CHECK(strstr(a.unusable_reason, "maxComputeSharedMemorySize") != NULL); /* the first one stays */
    a = least;
    a.max_workgroup_size[2] = 63;
    hrm_adapter_check_limits(&a);
    CHECK_STR(a.unusable_reason, "maxComputeWorkGroupSize[2] is 63; Vulkan 1.2 requires 64");
    a = least;
    a.max_storage_range = 0;
    hrm_adapter_check_limits(&a);
    CHECK_STR(a.unusable_reason, "maxStorageBufferRange is 0; Vulkan 1.2 requires 134217728");
    a = least;
    a.max_workgroup_count[1] = 65534;
    hrm_adapter_check_limits(&a);
    CHECK_STR(a.unusable_reason, "maxComputeWorkGroupCount[1] is 65534; Vulkan 1.2 requires 65535");
}

static uint32_t probe_sizes(hrm_adapter_type type, uint32_t reported, bool control_known, uint32_t least, uint32_t most,
                            VkShaderStageFlags stages, bool *size_control) {
    hrm_adapter_entry entry = {.info = {.type = type, .usable = true}, .size_control = control_known};
    const VkPhysicalDeviceSubgroupProperties subgroup = {
        .subgroupSize = reported,
        .supportedStages = VK_SHADER_STAGE_COMPUTE_BIT,
        .supportedOperations = VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_BALLOT_BIT,
    };
    const VkPhysicalDeviceSubgroupSizeControlProperties control = {
        .minSubgroupSize = least,
        .maxSubgroupSize = most,
        .maxComputeWorkgroupSubgroups = UINT32_MAX, /* as RADV says it for old chips */
        .requiredSubgroupSizeStages = stages,
    };
    hrm_adapter_probe_subgroups(&entry, &subgroup, &control);
    CHECK(entry.info.usable);
    *size_control = entry.size_control;
    return entry.info.caps;
}

static void test_subgroup_sizes(void **state) {
    (void)state;
    bool control;
    const VkShaderStageFlags compute = VK_SHADER_STAGE_COMPUTE_BIT;
    /* GCN: one size, which cannot be required and need not be */
    CHECK_EQ(probe_sizes(HRM_ADAPTER_DISCRETE, 64, true, 64, 64, 0, &control), HRM_CAP_BALLOT | HRM_CAP_SUBGROUP_64);
    CHECK(!control);
    CHECK_EQ(probe_sizes(HRM_ADAPTER_DISCRETE, 64, true, 32, 64, compute, &control),
             HRM_CAP_BALLOT | HRM_CAP_SUBGROUP_32 | HRM_CAP_SUBGROUP_64); /* RDNA */
    CHECK(control);
    CHECK_EQ(probe_sizes(HRM_ADAPTER_INTEGRATED, 32, true, 8, 32, compute, &control),
             HRM_CAP_BALLOT | HRM_CAP_SUBGROUP_8 | HRM_CAP_SUBGROUP_16 | HRM_CAP_SUBGROUP_32); /* Intel */
    /* a range without control, and no range at all: what is reported is no promise, but for a processor's */
    CHECK_EQ(probe_sizes(HRM_ADAPTER_INTEGRATED, 32, true, 8, 32, 0, &control), HRM_CAP_BALLOT);
    CHECK_EQ(probe_sizes(HRM_ADAPTER_INTEGRATED, 32, false, 0, 0, 0, &control), HRM_CAP_BALLOT);
    CHECK_EQ(probe_sizes(HRM_ADAPTER_CPU, 8, false, 0, 0, 0, &control), HRM_CAP_BALLOT | HRM_CAP_SUBGROUP_8);
    CHECK_EQ(probe_sizes(HRM_ADAPTER_CPU, 2, false, 0, 0, 0, &control), HRM_CAP_BALLOT);
}

static hrm_adapter adapter_with_matrices(const char *driver_info, uint32_t subgroup_size) {
    hrm_adapter a = {.name = "Some device",
                     .driver_name = "llvmpipe",
                     .subgroup_size = subgroup_size,
                     .coopmat = {{8, 8, 8, false}},
                     .coopmat_count = 1,
                     .granules = {{8, 8, 8, 0, false}},
                     .granule_count = 1,
                     .coopmat_subgroup = subgroup_size,
                     .caps = HRM_CAP_INT64 | HRM_CAP_F16 | HRM_CAP_COOPMAT | HRM_CAP_COOPMAT_F16 | HRM_CAP_COOPMAT2};
    snprintf(a.driver_info, sizeof a.driver_info, "%s", driver_info);
    return a;
}

/* What a driver is known to get wrong is taken away, from that driver in those versions only, and said. */
static void test_known_defects(void **state) {
    (void)state;
    const uint32_t all = adapter_with_matrices("", 16).caps;
    hrm_adapter a = adapter_with_matrices("Mesa 26.1.6-1 (LLVM 21.1.8)", 16);
    hrm_defects_apply(&a, VK_DRIVER_ID_MESA_LLVMPIPE);
    CHECK_EQ(a.caps, HRM_CAP_F16);
    CHECK_EQ(a.defect_caps, all & ~HRM_CAP_F16);
    CHECK_EQ(a.coopmat_count + a.granule_count + a.coopmat_subgroup, 0);
    clear_log();
    hrm_defects_log(&a, VK_DRIVER_ID_MESA_LLVMPIPE);
    CHECK(
        log_has("not used on Some device although its driver lists it: int64 (llvmpipe Mesa 26.1.6-1 (LLVM 21.1.8): at "
                "512 bits"));
    CHECK(log_has("coopmat coopmat-f16 coopmat2 (llvmpipe Mesa 26.1.6-1"));

    const struct {
        const char *info;
        VkDriverId driver;
        uint32_t subgroup;
    } sound[] = {
        {"Mesa 26.1.6-1 (LLVM 21.1.8)", VK_DRIVER_ID_MESA_LLVMPIPE, 8},
        {"Mesa 25.0.7-2", VK_DRIVER_ID_MESA_LLVMPIPE, 16},
        {"Mesa 26.1.6-1", VK_DRIVER_ID_MESA_RADV, 16},
        {"570.86.16", VK_DRIVER_ID_NVIDIA_PROPRIETARY, 16},
    };
    for (size_t i = 0; i < sizeof sound / sizeof sound[0]; i++) {
        a = adapter_with_matrices(sound[i].info, sound[i].subgroup);
        hrm_defects_apply(&a, sound[i].driver);
        CHECK_EQ(a.caps, all);
        CHECK_EQ(a.defect_caps, 0);
        CHECK_EQ(a.coopmat_count, 1);
        clear_log();
        hrm_defects_log(&a, sound[i].driver);
        CHECK(!log_has("not used"));
    }
}

int main(void) {
    hrm_adapter *list = NULL;
    uint32_t count = 0;
    if (hrm_adapter_list(false, &list, &count) != HRM_OK) CHECK_SKIP("no Vulkan device: %s", hrm_last_error());
    free(list);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_entry_is_sane),
        cmocka_unit_test(test_selectors),
        cmocka_unit_test(test_no_driver_says_what_to_install),
        cmocka_unit_test(test_lavapipe_before_swiftshader),
        cmocka_unit_test(test_order_and_choice_on_an_imaginary_desktop),
        cmocka_unit_test(test_limits_below_vulkans_own),
        cmocka_unit_test(test_subgroup_sizes),
        cmocka_unit_test(test_known_defects),
    };
    return cmocka_run_group_tests_name("gpu/adapter", tests, clear_environment, NULL);
}
