/* hrm train --plan: what a run would need, without training. */
#include "train.h"

static void format_time(double seconds, char *out, size_t size) {
    if (seconds < 1)
        snprintf(out, size, "%.1f ms", 1e3 * seconds);
    else if (seconds < 120)
        snprintf(out, size, "%.1f s", seconds);
    else if (seconds < 2 * 3600)
        snprintf(out, size, "%.0f min", seconds / 60);
    else if (seconds < 48 * 3600)
        snprintf(out, size, "%.1f h", seconds / 3600);
    else
        snprintf(out, size, "%.1f days", seconds / 86400);
}

static void print_memory(const hrm_training_plan *p) {
    char size[24], limit[24];
    printf("memory on the device\n");
    for (uint32_t i = 0; i < HRM_TRAINER_LIFETIME_COUNT; i++)
        printf("  %-34s%12s\n", hrm_training_plan_get_lifetime_name(i),
               cli_format_bytes(p->bytes[i], size, sizeof size));
    printf("  %-34s%12s of %s\n", "together", cli_format_bytes(p->device_bytes, size, sizeof size),
           cli_format_bytes(p->limit_bytes, limit, sizeof limit));
    if (p->evaluation_bytes)
        printf("  %-34s%12s more\n", "while it is tested", cli_format_bytes(p->evaluation_bytes, size, sizeof size));
    if (p->host_table_bytes)
        printf("memory on the host: %s of puzzle embeddings\n",
               cli_format_bytes(p->host_table_bytes, size, sizeof size));
}

static void print_plan(const cli_train_options *o, const hrm_device_info *device, const hrm_training_plan *p) {
    const hrm_trainer_config *c = &o->recipe.config;
    char step[32], run[32];
    printf("device      %s (%s %s)\n", device->name, device->driver_name, device->driver_info);
    printf("model       %llu parameters\n", (unsigned long long)p->parameters);
    printf("batch       %u puzzles a step", c->batch);
    if (p->micro_batches > 1) printf(", in %u parts of %u", p->micro_batches, p->micro_batch);
    printf("\n");
    print_memory(p);
    printf("work        %.1f GFLOP a step\n", p->flops * 1e-9);
    if (p->seconds < 0) return;
    format_time(p->seconds, step, sizeof step);
    format_time(p->seconds * c->steps, run, sizeof run);
    printf("time        %s a step, %s for %u steps, tests left out\n", step, run, c->steps);
}

int cli_train_plan(const cli_train_options *o) {
    hrm_dataset *set = NULL;
    hrm_device *device = NULL;
    hrm_device_info info = HRM_INIT(hrm_device_info);
    hrm_training_plan plan = HRM_INIT(hrm_training_plan);
    hrm_status status = hrm_dataset_open(o->data, "train", &set);
    if (status == HRM_OK) status = cli_open_device(&device);
    if (status == HRM_OK) status = hrm_device_get_info(device, &info);
    if (status == HRM_OK) status = hrm_trainer_plan(device, &o->recipe.config, set, true, &plan);
    if (status == HRM_OK)
        print_plan(o, &info, &plan);
    else
        cli_fail_last();
    hrm_device_destroy(device);
    hrm_dataset_close(set);
    return status == HRM_OK ? CLI_OK : CLI_FAILED;
}
