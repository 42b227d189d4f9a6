#include "gpu/stopwatch.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "gpu/caps.h"
#include "gpu/device_private.h"

typedef struct slot_state {
    hrm_ticket start, stop; /* of the newest measurement */
    bool started, stopped;
} slot_state;

/* Slot s has queries 2s (start) and 2s + 1 (stop), and the command buffers of the same numbers that write them. They
 * are recorded once: a start resets both queries first, so that a measurement never shows an older one's end. */
struct hrm_stopwatch {
    hrm_device *device;
    uint32_t slots;
    slot_state *states;
    VkQueryPool queries; /* NULL: no timestamps */
    VkCommandPool pool;
    VkCommandBuffer *commands;
    bool has_reference;
    uint64_t reference_ticks; /* the counter at the latest moment read so far ... */
    double reference_ns;      /* ... and its time since the first one */
};

static hrm_status record(hrm_stopwatch *stopwatch, uint32_t query) {
    hrm_status status;
    hrm_device *device = stopwatch->device;
    VkCommandBuffer commands = stopwatch->commands[query];
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    HRM_TRY(HRM_VK(device->vk.vkBeginCommandBuffer(commands, &begin)));
    /* Behind all earlier work: a timestamp at the bottom of the pipe is taken when the commands before it have ended,
     * at the top it could be taken while they still run. */
    hrm_queue_cmd_barrier(device, commands);
    if (query % 2 == 0) device->vk.vkCmdResetQueryPool(commands, stopwatch->queries, query, 2);
    device->vk.vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, stopwatch->queries, query);
    HRM_TRY(HRM_VK(device->vk.vkEndCommandBuffer(commands)));
    return HRM_OK;
fail:
    return status;
}

static hrm_status prepare(hrm_stopwatch *stopwatch) {
    hrm_status status;
    hrm_device *device = stopwatch->device;
    const uint32_t count = 2 * stopwatch->slots;
    stopwatch->commands = calloc(count, sizeof *stopwatch->commands);
    if (!stopwatch->commands) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "stopwatch: no host memory");
    const VkQueryPoolCreateInfo queries = {
        .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
        .queryType = VK_QUERY_TYPE_TIMESTAMP,
        .queryCount = count,
    };
    HRM_TRY(HRM_VK(device->vk.vkCreateQueryPool(device->handle, &queries, NULL, &stopwatch->queries)));
    const VkCommandPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .queueFamilyIndex = device->queue_family,
    };
    HRM_TRY(HRM_VK(device->vk.vkCreateCommandPool(device->handle, &pool, NULL, &stopwatch->pool)));
    const VkCommandBufferAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = stopwatch->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = count,
    };
    HRM_TRY(HRM_VK(device->vk.vkAllocateCommandBuffers(device->handle, &allocate, stopwatch->commands)));
    for (uint32_t q = 0; q < count; q++) HRM_TRY(record(stopwatch, q));
    return HRM_OK;
fail:
    return status;
}

hrm_status hrm_stopwatch_create(hrm_device *device, uint32_t slots, hrm_stopwatch **out) {
    hrm_status status;
    *out = NULL;
    if (slots == 0 || slots > HRM_STOPWATCH_MAX_SLOTS) {
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "stopwatch: %u slots asked for; 1 to %d are possible", slots,
                        (int)HRM_STOPWATCH_MAX_SLOTS);
    }
    hrm_stopwatch *stopwatch = calloc(1, sizeof *stopwatch);
    if (!stopwatch) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "stopwatch: no host memory");
    stopwatch->device = device;
    stopwatch->slots = slots;
    device->live_stopwatches++;
    stopwatch->states = calloc(slots, sizeof *stopwatch->states);
    if (!stopwatch->states) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "stopwatch: no host memory");
        goto fail;
    }
    if (device->caps & HRM_CAP_TIMESTAMP) HRM_TRY(prepare(stopwatch));
    *out = stopwatch;
    return HRM_OK;
fail:
    hrm_stopwatch_destroy(stopwatch);
    return status;
}

static hrm_ticket last_of(const slot_state *state) {
    return state->stop > state->start ? state->stop : state->start;
}

void hrm_stopwatch_destroy(hrm_stopwatch *stopwatch) {
    if (!stopwatch) return;
    hrm_device *device = stopwatch->device;
    hrm_ticket last = 0;
    for (uint32_t s = 0; stopwatch->states && s < stopwatch->slots; s++) {
        if (last_of(&stopwatch->states[s]) > last) last = last_of(&stopwatch->states[s]);
    }
    if (hrm_queue_wait(device, last, 0) != HRM_OK) {
        hrm_log(HRM_LOG_WARN, "a stopwatch is destroyed although its end cannot be waited for: %s", hrm_last_error());
    }
    if (stopwatch->pool) device->vk.vkDestroyCommandPool(device->handle, stopwatch->pool, NULL);
    if (stopwatch->queries) device->vk.vkDestroyQueryPool(device->handle, stopwatch->queries, NULL);
    free(stopwatch->commands);
    free(stopwatch->states);
    device->live_stopwatches--;
    free(stopwatch);
}

bool hrm_stopwatch_has_timestamps(const hrm_stopwatch *stopwatch) {
    return stopwatch->queries != VK_NULL_HANDLE;
}

static hrm_status check_slot(const hrm_stopwatch *stopwatch, const char *what, uint32_t slot) {
    if (slot < stopwatch->slots) return HRM_OK;
    return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "stopwatch: %s of slot %u; there are %u", what, slot, stopwatch->slots);
}

hrm_status hrm_stopwatch_start(hrm_stopwatch *stopwatch, uint32_t slot) {
    hrm_status status;
    hrm_device *device = stopwatch->device;
    HRM_TRY(check_slot(stopwatch, "start", slot));
    slot_state *state = &stopwatch->states[slot];
    const hrm_ticket last = last_of(state);
    if (!hrm_queue_is_done(device, last)) {
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "stopwatch: slot %u is still in flight (submission %" PRIu64
                        "); wait for its ticket, or use more slots than there are steps in flight",
                        slot, last);
    }
    hrm_ticket ticket = device->queue.last;
    if (stopwatch->queries) HRM_TRY(hrm_queue_submit(device, &stopwatch->commands[2 * slot], 1, &ticket));
    *state = (slot_state){.start = ticket, .started = true};
    return HRM_OK;
fail:
    return status;
}

hrm_status hrm_stopwatch_stop(hrm_stopwatch *stopwatch, uint32_t slot, hrm_ticket *ticket) {
    hrm_status status;
    hrm_device *device = stopwatch->device;
    HRM_TRY(check_slot(stopwatch, "stop", slot));
    slot_state *state = &stopwatch->states[slot];
    if (!state->started) {
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "stopwatch: slot %u is stopped without having been started", slot);
    }
    hrm_ticket last = device->queue.last;
    if (stopwatch->queries) HRM_TRY(hrm_queue_submit(device, &stopwatch->commands[2 * slot + 1], 1, &last));
    state->stop = last;
    state->started = false;
    state->stopped = true;
    if (ticket) *ticket = last;
    return HRM_OK;
fail:
    return status;
}

bool hrm_stopwatch_read(hrm_stopwatch *stopwatch, uint32_t slot, double *start_ns, double *end_ns) {
    hrm_device *device = stopwatch->device;
    if (!stopwatch->queries || slot >= stopwatch->slots) return false;
    const slot_state *state = &stopwatch->states[slot];
    if (!state->stopped || !hrm_queue_is_done(device, state->stop)) return false;
    uint64_t ticks[2] = {0, 0};
    /* Not VK_QUERY_RESULT_WAIT_BIT: the work is done, and timestamps lost in a reset of the GPU would never come. */
    if (device->vk.vkGetQueryPoolResults(device->handle, stopwatch->queries, 2 * slot, 2, sizeof ticks, ticks,
                                         sizeof ticks[0], VK_QUERY_RESULT_64_BIT) != VK_SUCCESS) {
        return false;
    }
    const uint64_t mask = device->adapter.timestamp_mask;
    const double period = (double)device->adapter.info.timestamp_period_ns;
    const double length = (double)((ticks[1] - ticks[0]) & mask) * period;
    double start = 0.0;
    if (stopwatch->has_reference) {
        const uint64_t after = (ticks[0] - stopwatch->reference_ticks) & mask;
        const uint64_t before = (stopwatch->reference_ticks - ticks[0]) & mask;
        start = stopwatch->reference_ns + (after <= before ? (double)after : -(double)before) * period;
    }
    if (!stopwatch->has_reference || start + length > stopwatch->reference_ns) {
        stopwatch->reference_ticks = ticks[1] & mask;
        stopwatch->reference_ns = start + length;
        stopwatch->has_reference = true;
    }
    *start_ns = start;
    *end_ns = start + length;
    return true;
}
