/* Every kernel row through AMD's compiler, without the hardware: Mesa's RADV with a null device (Mesa up to 25) makes
 * real pipelines and says how many registers they take and spill. One process per chip, because the driver reads the
 * chip's name once: this program starts itself again with the name as its argument.
 *
 * Absent driver, or one without null devices: reported, not failed. */
#include "helper_device.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define RADV_ICD "/usr/share/vulkan/icd.d/radeon_icd.x86_64.json"

typedef struct row_statistics {
    double vgprs, sgprs, spilled_vgprs, spilled_sgprs, lds, occupancy;
} row_statistics;

static void on_statistic(void *user, const char *name, double value) {
    row_statistics *s = user;
    if (strcmp(name, "VGPRs") == 0) s->vgprs = value;
    if (strcmp(name, "SGPRs") == 0) s->sgprs = value;
    if (strcmp(name, "Spilled VGPRs") == 0) s->spilled_vgprs = value;
    if (strcmp(name, "Spilled SGPRs") == 0) s->spilled_sgprs = value;
    if (strcmp(name, "LDS Size") == 0) s->lds = value;
    if (strcmp(name, "Subgroups per SIMD") == 0) s->occupancy = value;
}

/* Compiles all rows that this chip can run; the number that failed. */
static int compile_all(const char *chip) {
    hrm_device *device = NULL;
    const hrm_device_open_info info = {.kernels = hrm_kernels_get_table(), .cache_dir = "", .compile_only = true};
    watch_log();
    hrm_status opened = hrm_device_open(&info, &device);
    if (opened == HRM_ERR_NO_DEVICE) {
        printf("%s: no null device in this driver (%s)\n", chip, hrm_last_error());
        return 77;
    }
    if (opened != HRM_OK) {
        fprintf(stderr, "%s: %s\n", chip, hrm_last_error());
        return 1;
    }
    uint32_t compiled = 0, failed = 0, spilling = 0, skipped = 0;
    for (uint32_t k = 0; k < HRM_KERNEL_COUNT; k++) {
        const hrm_kernel_row *row = hrm_kernel_get_row(device, k);
        if (!hrm_kernel_is_usable(device, k)) {
            skipped++;
            continue;
        }
        uint32_t local[3];
        hrm_kernel_get_local_size(device, k, local);
        /* rows whose size is a specialization constant without a useful default */
        const hrm_spec spec = {HRM_SPEC_LOCAL_X, 64};
        uint32_t specs = local[0] * local[1] * local[2] == 1;
        row_statistics s = {0};
        if (hrm_kernel_read_statistics(device, k, &spec, specs, on_statistic, &s) != HRM_OK) {
            fprintf(stderr, "%s: %s\n", chip, hrm_last_error());
            failed++;
            continue;
        }
        compiled++;
        bool spills = s.spilled_vgprs > 0.0 || s.spilled_sgprs > 0.0;
        spilling += spills;
        if (spills || getenv("HRM_TEST_VERBOSE")) {
            printf("%s: %-32s VGPRs %3.0f SGPRs %3.0f spilled %3.0f + %3.0f LDS %5.0f subgroups/SIMD %2.0f\n", chip,
                   row->name, s.vgprs, s.sgprs, s.spilled_vgprs, s.spilled_sgprs, s.lds, s.occupancy);
        }
    }
    printf("%s (%s): %u rows compiled, %u failed, %u spill registers, %u need what this chip lacks\n", chip,
           hrm_device_get_adapter(device)->name, compiled, failed, spilling, skipped);
    hrm_device_close(device);
    return failed || compiled == 0;
}

int main(int argc, char **argv) {
    if (argc == 2) return compile_all(argv[1]);
    static const char *const chips[] = {"POLARIS10", "NAVI21"};
    if (access(RADV_ICD, R_OK) != 0) {
        printf("RADV is absent: not checked\n");
        return 77; /* also with HRM_REQUIRE_DEVICE: this driver is no part of what is required */
    }
    int worst = 0;
    setenv("VK_ICD_FILENAMES", RADV_ICD, 1);
    unsetenv("VK_DRIVER_FILES");
    unsetenv("HRM_DEVICE");
    setenv("NODEVICE_SELECT", "1", 1);
    for (size_t c = 0; c < sizeof chips / sizeof chips[0]; c++) {
        setenv("RADV_FORCE_FAMILY", chips[c], 1);
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            execl("/proc/self/exe", argv[0], chips[c], (char *)NULL);
            _exit(127);
        }
        int state = 0;
        if (child < 0 || waitpid(child, &state, 0) != child) return 1;
        int code = WIFEXITED(state) ? WEXITSTATUS(state) : 1;
        if (!WIFEXITED(state)) fprintf(stderr, "%s: ended by signal %d\n", chips[c], WTERMSIG(state));
        if (code != 0 && (worst == 0 || worst == 77)) worst = code;
    }
    return worst;
}
