/* Opening devices: two at once, capability masks, the pipeline cache file and what happens when it is damaged. */
#include "helper_device.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LAVAPIPE_ICD "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json"
#define SWIFTSHADER_ICD "/usr/lib/chromium/vk_swiftshader_icd.json"

static uint64_t validation_messages; /* of all devices closed so far */

static void close_checked(hrm_device *device) {
    validation_messages += hrm_device_get_validation_count(device);
    hrm_device_close(device);
}

/* x -> 3x on the device, through upload, a program and download. */
static void use_device(hrm_device *device) {
    enum { N = 777 };
    hrm_buffer *a = make_buffer(device, N, "a"), *b = make_buffer(device, N, "b");
    float host[N];
    for (uint32_t i = 0; i < N; i++) host[i] = (float)i;
    upload(device, a, host, N);
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    CHECK_OK(hrm_recorder_create(device, &rec));
    record_scale(rec, hrm_buffer_span(a), hrm_buffer_span(b), 3.0f);
    CHECK_OK(hrm_recorder_end(rec, &program));
    hrm_recorder_destroy(rec);
    CHECK_OK(hrm_program_submit(program, NULL));
    float *got = download(device, b, N);
    for (uint32_t i = 0; i < N; i++) CHECK(got[i] == 3.0f * (float)i);
    free(got);
    hrm_program_destroy(program);
    hrm_buffer_destroy(a);
    hrm_buffer_destroy(b);
}

static void test_two_devices_of_one_adapter(void **state) {
    (void)state;
    hrm_device *one = open_device(NULL, ""), *two = open_device(NULL, "");
    use_device(one);
    use_device(two);
    /* a buffer of the other device is refused */
    hrm_buffer *a = make_buffer(one, 16, "mine"), *b = make_buffer(two, 16, "other's");
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    CHECK_OK(hrm_recorder_create(one, &rec));
    record_scale(rec, hrm_buffer_span(a), hrm_buffer_span(b), 1.0f);
    CHECK_STATUS(hrm_recorder_end(rec, &program), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("belongs to another device");
    hrm_recorder_destroy(rec);
    hrm_buffer_destroy(a);
    hrm_buffer_destroy(b);
    close_checked(one);
    use_device(two);
    close_checked(two);
}

static void test_two_drivers_in_one_process(void **state) {
    (void)state;
    if (access(LAVAPIPE_ICD, R_OK) != 0 || access(SWIFTSHADER_ICD, R_OK) != 0) {
        print_message("SwiftShader or lavapipe is absent: not checked\n");
        skip();
    }
    const char *before = getenv("VK_ICD_FILENAMES");
    char *saved = before ? strdup(before) : NULL;
    setenv("VK_ICD_FILENAMES", LAVAPIPE_ICD ":" SWIFTSHADER_ICD, 1);
    hrm_device *mesa = open_device("llvmpipe", ""), *swift = open_device("swiftshader", "");
    CHECK(strstr(hrm_device_get_adapter(mesa)->name, "llvmpipe") != NULL);
    CHECK(strstr(hrm_device_get_adapter(swift)->name, "SwiftShader") != NULL);
    CHECK(strcmp(hrm_device_get_key(mesa), hrm_device_get_key(swift)) != 0);
    for (uint32_t i = 0; i < 3; i++) {
        use_device(mesa);
        use_device(swift);
    }
    close_checked(mesa);
    use_device(swift);
    close_checked(swift);
    if (saved)
        setenv("VK_ICD_FILENAMES", saved, 1);
    else
        unsetenv("VK_ICD_FILENAMES");
    free(saved);
}

static void test_disable_masks_capabilities(void **state) {
    (void)state;
    hrm_device *device = open_device(NULL, "");
    uint32_t all = hrm_device_get_caps(device);
    char key[64];
    snprintf(key, sizeof key, "%s", hrm_device_get_key(device));
    CHECK_EQ(all, hrm_device_get_adapter(device)->caps);
    close_checked(device);
    clear_log();
    setenv("HRM_DISABLE", "address,arithmetic, texel,nonsense", 1);
    device = open_device(NULL, "");
    unsetenv("HRM_DISABLE");
    CHECK_EQ(hrm_device_get_caps(device), all & ~(HRM_CAP_ADDRESS | HRM_CAP_ARITHMETIC | HRM_CAP_TEXEL_LARGE));
    CHECK_EQ(hrm_device_get_adapter(device)->caps, all);
    CHECK(log_has("no capability is called 'nonsense'"));
    if (all != hrm_device_get_caps(device)) CHECK(strcmp(key, hrm_device_get_key(device)) != 0);
    for (uint32_t k = 0; k < HRM_KERNEL_COUNT; k++) {
        if (hrm_kernel_get_row(device, k)->caps & (HRM_CAP_ADDRESS | HRM_CAP_ARITHMETIC | HRM_CAP_TEXEL_LARGE)) {
            CHECK(!hrm_kernel_is_usable(device, k));
        }
    }
    hrm_buffer *buffer = make_buffer(device, 16, "no address");
    CHECK_EQ(hrm_buffer_get_address(buffer), 0);
    hrm_buffer_destroy(buffer);
    CHECK_STATUS(hrm_kernel_prepare(device, HRM_KERNEL_scale_texel, NULL, 0), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS("kernel scale_texel cannot run on");
    CHECK_ERROR_HAS("lacks texel");
    use_device(device);
    close_checked(device);
}

/* The only file "pipelines-*" in a folder; false when there is none. */
static bool find_cache(const char *folder, char *path, size_t size) {
    DIR *dir = opendir(folder);
    CHECK(dir != NULL);
    uint32_t found = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strncmp(entry->d_name, "pipelines-", 10) != 0) continue;
        snprintf(path, size, "%s/%s", folder, entry->d_name);
        found++;
    }
    closedir(dir);
    CHECK(found <= 1);
    return found == 1;
}

static void run_with_cache(const char *folder) {
    hrm_device *device = open_device(NULL, folder);
    CHECK_STR(hrm_device_get_cache_dir(device), folder);
    use_device(device);
    close_checked(device);
}

static void test_memory_budget(void **state) {
    (void)state;
    for (int masked = 0; masked < 2; masked++) {
        if (masked) setenv("HRM_DISABLE", "membudget", 1);
        hrm_device *device = open_device(NULL, "");
        unsetenv("HRM_DISABLE");
        if (masked) CHECK(!(hrm_device_get_caps(device) & HRM_CAP_MEMBUDGET));
        const hrm_adapter *a = hrm_device_get_adapter(device);
        uint64_t budget = 0, before = 0, after = 0, blocks = hrm_device_get_allocated_bytes(device);
        CHECK_OK(hrm_device_get_memory_budget(device, &budget, &before));
        CHECK(budget > 0 && budget <= a->device_local_bytes);
        if (!(hrm_device_get_caps(device) & HRM_CAP_MEMBUDGET)) {
            CHECK_EQ(before, blocks);
            if (a->type == HRM_ADAPTER_CPU) CHECK_EQ(budget, a->device_local_bytes);
        }
        hrm_buffer *buffer = make_buffer(device, 1 << 20, "four MiB");
        CHECK(hrm_device_get_allocated_bytes(device) >= blocks + (4u << 20));
        CHECK(hrm_device_get_allocated_bytes(device) >= hrm_device_get_memory_in_use(device));
        CHECK_OK(hrm_device_get_memory_budget(device, &budget, &after));
        CHECK(after >= 4u << 20);
        hrm_buffer_destroy(buffer);
        close_checked(device);
    }
}

/* The key names files of measurements, which the memory budget has no part in. */
static void test_key_ignores_the_memory_budget(void **state) {
    (void)state;
    hrm_device *plain = open_device(NULL, "");
    setenv("HRM_DISABLE", "membudget", 1);
    hrm_device *masked = open_device(NULL, "");
    setenv("HRM_DISABLE", "timestamp", 1);
    hrm_device *other = open_device(NULL, "");
    unsetenv("HRM_DISABLE");
    CHECK_STR(hrm_device_get_key(masked), hrm_device_get_key(plain));
    if (hrm_device_get_caps(plain) & HRM_CAP_TIMESTAMP)
        CHECK(strcmp(hrm_device_get_key(other), hrm_device_get_key(plain)) != 0);
    close_checked(plain);
    close_checked(masked);
    close_checked(other);
}

/* What stands on a masked capability goes with it. */
static void test_masking_matrices(void **state) {
    (void)state;
    const uint32_t types = HRM_CAP_COOPMAT_F16 | HRM_CAP_COOPMAT_BF16;
    hrm_device *device = open_device(NULL, "");
    const uint32_t all = hrm_device_get_caps(device);
    CHECK_EQ(hrm_device_get_coopmat_subgroup(device) > 0, (all & HRM_CAP_COOPMAT) != 0);
    close_checked(device);
    if (!(all & types)) {
        print_message("no cooperative matrices here: not checked\n");
        skip();
    }
    static const struct {
        const char *disable;
        uint32_t gone;
    } masks[] = {
        {"coopmat", HRM_CAP_COOPMAT | HRM_CAP_COOPMAT_F16 | HRM_CAP_COOPMAT_BF16 | HRM_CAP_COOPMAT2},
        {"f16", HRM_CAP_F16 | HRM_CAP_COOPMAT_F16},
        {"coopmat-f16,coopmat-bf16", HRM_CAP_COOPMAT_F16 | HRM_CAP_COOPMAT_BF16 | HRM_CAP_COOPMAT2},
        {"coopmat2", HRM_CAP_COOPMAT2},
    };
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        setenv("HRM_DISABLE", masks[i].disable, 1);
        device = open_device(NULL, "");
        unsetenv("HRM_DISABLE");
        const uint32_t caps = hrm_device_get_caps(device);
        CHECK_EQ(caps & masks[i].gone, 0);
        /* nothing else goes, but NV's matrices with the last type */
        CHECK_EQ(all & ~caps & ~masks[i].gone & ~(caps & types ? 0 : HRM_CAP_COOPMAT2), 0);
        if (!(caps & HRM_CAP_COOPMAT)) CHECK_EQ(hrm_device_get_coopmat_subgroup(device), 0);
        close_checked(device);
    }
}

static void test_pipeline_cache_file(void **state) {
    (void)state;
    const char *folder = check_temp_path("cache/of/pipelines");
    char folder_copy[4096], path[8192];
    snprintf(folder_copy, sizeof folder_copy, "%s", folder);
    run_with_cache(folder_copy);
    CHECK(find_cache(folder_copy, path, sizeof path));
    size_t size = 0;
    unsigned char *good = check_read_file(path, &size);
    CHECK(size >= 96 + 32); /* our header and at least the driver's */
    clear_log();
    run_with_cache(folder_copy);
    CHECK(!log_has("is ignored"));

    /* every kind of damage is noticed, survived and repaired */
    static const struct {
        const char *name;
        size_t at;       /* byte to flip; SIZE_MAX: none */
        long size_delta; /* cut or grow */
        const char *reason;
    } damages[] = {
        {"magic", 0, 0, "not a pipeline cache"},       {"version", 8, 0, "not a pipeline cache"},
        {"driver", 36, 0, "another device or driver"}, {"payload", 96 + 20, 0, "damaged"},
        {"cut", SIZE_MAX, -1, "cut or has bytes"},     {"long", SIZE_MAX, 1, "cut or has bytes"},
        {"tiny", SIZE_MAX, -1000000, "too short"},
    };
    for (size_t d = 0; d < sizeof damages / sizeof damages[0]; d++) {
        size_t new_size = damages[d].size_delta < -(long)size ? 10 : (size_t)((long)size + damages[d].size_delta);
        unsigned char *bad = calloc(1, new_size + 1);
        CHECK(bad != NULL);
        memcpy(bad, good, new_size < size ? new_size : size);
        if (damages[d].at != SIZE_MAX) {
            CHECK(damages[d].at < size);
            bad[damages[d].at] ^= 0x5a;
        }
        check_write_file(path, bad, new_size);
        free(bad);
        clear_log();
        run_with_cache(folder_copy);
        CHECK_MSG(log_has("is ignored") && log_has(damages[d].reason), "damage '%s' went unnoticed", damages[d].name);
        clear_log();
        run_with_cache(folder_copy); /* replaced by a good one */
        CHECK_MSG(!log_has("is ignored"), "damage '%s' was not repaired", damages[d].name);
    }
    free(good);
}

static void test_unwritable_cache_is_not_fatal(void **state) {
    (void)state;
    const char *file = check_temp_path("a-file");
    check_write_file(file, "x", 1);
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/below", file); /* a folder cannot be made below a file, not even by root */
    clear_log();
    hrm_device *device = open_device(NULL, folder);
    CHECK_STR(hrm_device_get_cache_dir(device), "");
    CHECK(log_has("without caches"));
    use_device(device);
    close_checked(device);
    /* a folder that disappears while the device is open */
    snprintf(folder, sizeof folder, "%s", check_temp_path("vanishing"));
    device = open_device(NULL, folder);
    use_device(device);
    CHECK_EQ(rmdir(folder), 0);
    clear_log();
    close_checked(device);
    CHECK(log_has("pipeline cache is not saved"));
}

static uint32_t user_destroyed;
static void destroy_user(void *user) {
    user_destroyed += *(uint32_t *)user;
}

static void test_user_slot(void **state) {
    (void)state;
    uint32_t one = 1, ten = 10;
    hrm_device *device = open_device(NULL, "");
    CHECK(hrm_device_get_user(device) == NULL);
    hrm_device_set_user(device, &one, destroy_user);
    hrm_device_set_user(device, &ten, destroy_user);
    CHECK(hrm_device_get_user(device) == &ten);
    CHECK_EQ(user_destroyed, 1);
    close_checked(device);
    CHECK_EQ(user_destroyed, 11);
    hrm_device_close(NULL);
}

static void test_left_children_are_named(void **state) {
    (void)state;
    hrm_device *device = open_device(NULL, "");
    make_buffer(device, 16, "forgotten");
    clear_log();
    close_checked(device); /* destroys the forgotten buffer with everything else */
    CHECK(log_has("buffer 'forgotten' of 64 bytes is left"));
    CHECK(!log_has("leaked"));
}

static int check_validation(void **state) {
    (void)state;
    if (validation_messages) fprintf(stderr, "%llu validation messages\n", (unsigned long long)validation_messages);
    return validation_messages == 0 ? 0 : 1;
}

int main(void) {
    watch_log();
    unsetenv("HRM_DISABLE");
    hrm_device *probe = open_device(NULL, "");
    hrm_device_close(probe);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_devices_of_one_adapter),    cmocka_unit_test(test_two_drivers_in_one_process),
        cmocka_unit_test(test_disable_masks_capabilities),    cmocka_unit_test(test_pipeline_cache_file),
        cmocka_unit_test(test_unwritable_cache_is_not_fatal), cmocka_unit_test(test_user_slot),
        cmocka_unit_test(test_left_children_are_named),       cmocka_unit_test(test_memory_budget),
        cmocka_unit_test(test_key_ignores_the_memory_budget), cmocka_unit_test(test_masking_matrices),
    };
    return cmocka_run_group_tests_name("gpu/device", tests, NULL, check_validation);
}
