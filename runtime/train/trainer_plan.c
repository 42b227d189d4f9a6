/* What a run will need: the trainer's own layout without memory, its programs recorded without running, and, when
 * asked, a few steps of a small part of the batch to tell the time. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "gpu/adapter.h"
#include "gpu/device.h"
#include "model/solver.h"
#include "train/dataset.h"
#include "train/recipe.h"
#include "train/trainer_private.h"

/* Of the memory that the driver says is free: other programs, and the driver itself, take some without notice. */
#define SHARE_OF_FREE 0.9

const char *hrm_training_plan_get_lifetime_name(uint32_t lifetime) {
    static const char *const names[] = {
#define HRM_LIFETIME_NAME(id, number, name) [number] = name,
        HRM_TRAINER_LIFETIMES(HRM_LIFETIME_NAME)
#undef HRM_LIFETIME_NAME
    };
    return lifetime < HRM_TRAINER_LIFETIME_COUNT ? names[lifetime] : "";
}

/* Sums up what a trainer has planned. */
static hrm_status sum_up(const hrm_trainer *t, hrm_training_plan *plan) {
    static_assert((int)HRM_LIFE_COUNT == (int)HRM_TRAINER_LIFETIME_COUNT, "one public lifetime for each");
    memset(plan, 0, sizeof *plan);
    plan->struct_size = (uint32_t)sizeof *plan;
    plan->micro_batch = t->step.config.part;
    plan->micro_batches = t->step.parts;
    plan->parameters = hrm_model_get_parameter_count(t->model);
    for (int life = 0; life < HRM_LIFE_COUNT; life++)
        plan->bytes[life] = t->plan.bytes[life] + hrm_model_get_bytes(t->model, (hrm_lifetime)life);
    if (t->average) plan->bytes[HRM_LIFE_OPTIMIZER] += hrm_model_get_device_bytes(t->average);
    plan->bytes[HRM_LIFE_IO] += HRM_QUEUE_UPLOAD_BYTES + HRM_QUEUE_DOWNLOAD_BYTES +
                                HRM_TRAINER_SLOTS * hrm_tensor_get_span(&t->step.results).bytes;
    if (t->model->puzzle_on_host) {
        plan->bytes[HRM_LIFE_IO] +=
            hrm_puzzle_cache_readback_bytes(t->config.batch, HRM_TRAINER_SLOTS, t->model->dims.E);
        plan->host_table_bytes = t->model->list.group_count[HRM_GROUP_PUZZLE] * sizeof(float);
    }
    for (int life = 0; life < HRM_LIFE_COUNT; life++) plan->device_bytes += plan->bytes[life];
    plan->seconds = -1;
    return hrm_solver_plan(t->model, plan->micro_batch, &plan->evaluation_bytes);
}

/* Lays out and sums up; the layout is given to the caller when `out` is not NULL. */
static hrm_status plan_dry(hrm_device *device, const hrm_trainer_config *config, hrm_training_plan *plan,
                           hrm_trainer **out) {
    hrm_trainer *t = calloc(1, sizeof *t);
    if (!t) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "trainer: no host memory to plan with");
    hrm_status status = hrm_trainer_lay_out(t, device, config, true);
    if (status == HRM_OK) status = sum_up(t, plan);
    if (status == HRM_OK && out)
        *out = t;
    else
        hrm_trainer_destroy(t); /* accepts what was never recorded */
    return status;
}

static hrm_status find_limit(hrm_device *device, const hrm_trainer_config *config, uint64_t *limit) {
    uint64_t budget = 0, used = 0;
    *limit = config->memory_limit;
    if (*limit) return HRM_OK;
    hrm_status status = hrm_device_get_memory_budget(device, &budget, &used);
    *limit = budget > used ? (uint64_t)((double)(budget - used) * SHARE_OF_FREE) : 0;
    return status;
}

hrm_status hrm_trainer_choose_parts(hrm_device *device, hrm_trainer_config *config, uint64_t *limit) {
    hrm_training_plan plan = {0};
    hrm_status status = find_limit(device, config, limit);
    if (status != HRM_OK) return status;
    const uint64_t least = HRM_QUEUE_UPLOAD_BYTES + HRM_QUEUE_DOWNLOAD_BYTES;
    if (*limit < least) /* said before kernels are tried, which would fail one by one */
        return hrm_fail(HRM_ERR_OUT_OF_DEVICE_MEMORY,
                        "trainer: no device memory is left: moving data alone takes %.0f MiB, %s has %.1f MiB",
                        (double)least / 0x1p20, config->memory_limit ? "the memory limit" : "the device",
                        (double)*limit / 0x1p20);
    if (config->micro_batch) return HRM_OK;
    hrm_trainer_config tried = *config;
    bool fits = false;
    for (uint32_t parts = 1, last = 0; !fits && last != 1; parts++) {
        tried.micro_batch = (config->batch + parts - 1) / parts;
        if (tried.micro_batch == last) continue; /* as large as with one part less */
        last = tried.micro_batch;
        status = plan_dry(device, &tried, &plan, NULL);
        /* a tensor may be larger than the device can bind: fewer rows help */
        if (status != HRM_OK && status != HRM_ERR_INVALID_ARGUMENT) return status;
        fits = status == HRM_OK && plan.device_bytes + plan.evaluation_bytes <= *limit;
    }
    if (fits) {
        config->micro_batch = tried.micro_batch;
        return HRM_OK;
    }
    if (status != HRM_OK) return status;
    return hrm_fail(HRM_ERR_OUT_OF_DEVICE_MEMORY,
                    "trainer: with one row at a time a batch of %u needs %.2f GiB on %s (weights and optimizer %.2f, "
                    "puzzles in flight %.2f), and %.2f more to evaluate; the limit is %.2f GiB. Use a smaller batch, "
                    "%sor another memory_limit",
                    config->batch, (double)plan.device_bytes / 0x1p30, hrm_device_get_adapter(device)->name,
                    (double)(plan.bytes[HRM_LIFE_WEIGHTS] + plan.bytes[HRM_LIFE_PACKED] +
                             plan.bytes[HRM_LIFE_GRADIENTS] + plan.bytes[HRM_LIFE_OPTIMIZER]) /
                        0x1p30,
                    (double)plan.bytes[HRM_LIFE_CARRY] / 0x1p30, (double)plan.evaluation_bytes / 0x1p30,
                    (double)*limit / 0x1p30, config->recompute ? "" : "recompute, ");
}

/* Work of one step, counted on programs that are recorded and dropped. */
static hrm_status count_flops(const hrm_trainer *t, double *flops) {
    hrm_status status;
    hrm_recorder *rec = NULL;
    HRM_TRY(hrm_recorder_create(t->device, &rec));
    hrm_step_record_part(rec, &t->step, true);
    *flops = hrm_recorder_get_flops(rec);
    HRM_TRY(hrm_recorder_get_status(rec));
    hrm_recorder_reset(rec);
    if (t->step.parts > 1) {
        hrm_step_record_part(rec, &t->step, false);
        *flops += hrm_recorder_get_flops(rec) * (t->step.parts - 1);
        HRM_TRY(hrm_recorder_get_status(rec));
        hrm_recorder_reset(rec);
    }
    hrm_trainer_record_update(rec, t);
    *flops += hrm_recorder_get_flops(rec);
    HRM_TRY(hrm_recorder_get_status(rec));
fail:
    hrm_recorder_destroy(rec);
    return status;
}

/* Seconds and work of a step of `rows` rows. The first step compiles kernels; the second is timed. */
static hrm_status time_part(hrm_device *device, const hrm_trainer_config *config, const hrm_dataset *train_set,
                            uint32_t rows, double *seconds, double *flops) {
    hrm_status status;
    hrm_trainer *t = NULL;
    hrm_step_report report = HRM_INIT(hrm_step_report);
    hrm_trainer_config part = *config;
    part.batch = part.micro_batch = rows;
    part.batches = HRM_BATCHES_FULL; /* a short pass need not fill this batch */
    part.memory_limit = 0;
    HRM_TRY(hrm_trainer_create(device, &part, train_set, &t));
    HRM_TRY(hrm_trainer_step(t, NULL));
    HRM_TRY(hrm_trainer_finish(t, NULL));
    const uint64_t start = hrm_clock_ns();
    HRM_TRY(hrm_trainer_step(t, NULL));
    HRM_TRY(hrm_trainer_finish(t, &report));
    *seconds = hrm_clock_seconds_since(start);
    *flops = report.flops;
fail:
    hrm_trainer_destroy(t);
    return status;
}

hrm_status hrm_trainer_plan(hrm_device *device, const hrm_trainer_config *config, const hrm_dataset *train_set,
                            bool timed, hrm_training_plan *plan) {
    hrm_status status;
    hrm_trainer_config resolved;
    hrm_trainer *t = NULL;
    hrm_training_plan p;
    double seconds, flops;
    HRM_TRY(hrm_recipe_resolve(config, hrm_dataset_get_set(train_set), &resolved));
    uint64_t limit;
    HRM_TRY(hrm_trainer_choose_parts(device, &resolved, &limit));
    HRM_TRY(plan_dry(device, &resolved, &p, &t));
    p.limit_bytes = limit;
    HRM_TRY(count_flops(t, &p.flops));
    if (timed) {
        /* On a processor one row keeps every core busy; a graphics card needs the whole part. */
        const bool is_cpu = hrm_device_get_adapter(device)->type == HRM_ADAPTER_CPU;
        const uint32_t rows = is_cpu ? 1 : p.micro_batch;
        HRM_TRY(time_part(device, &resolved, train_set, rows, &seconds, &flops));
        /* what is not work weighs heavily in a small model's row: where it takes no time, the whole part tells */
        if (rows < p.micro_batch && 2 * seconds * p.micro_batch < 20)
            HRM_TRY(time_part(device, &resolved, train_set, p.micro_batch, &seconds, &flops));
        p.seconds = seconds * p.flops / flops;
    }
    *plan = p;
fail:
    hrm_trainer_destroy(t);
    return status;
}

hrm_status hrm_trainer_get_plan(const hrm_trainer *t, hrm_training_plan *plan) {
    hrm_training_plan p;
    hrm_status status = sum_up(t, &p);
    if (status != HRM_OK) return status;
    p.flops = t->report.flops;
    p.limit_bytes = t->memory_limit;
    p.allocated_bytes = hrm_device_get_allocated_bytes(t->device);
    *plan = p;
    return HRM_OK;
}
