/* Where a program is cut: command buffers ("pieces") of bounded work, and submissions made of consecutive pieces.
 *
 * Desktop systems reset a GPU whose queue does not come up for air within one or two seconds, so no submission should
 * run longer than the device's target (100 ms). How long work takes is unknown at first: pieces are cut by a cautious
 * estimate and submitted one by one, with timestamps at both ends; where a device has none that can be read, each piece
 * is waited for, and the host's clock tells. From the second submission on, the measured times join pieces that are
 * needlessly short into one submission, and cut again those that came out too long.
 * CPU drivers have no watchdog: their target is 0 and a program is one piece. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "gpu/caps.h"
#include "gpu/device_private.h"
#include "gpu/program_private.h"

/* A slow integrated GPU running plain kernels: pieces of an eighth of the target then stay below it by the same factor
 * that faster ones are below the estimate. */
#define ASSUMED_FLOPS_PER_NS 200.0
#define ASSUMED_BYTES_PER_NS 20.0
#define ASSUMED_OVERHEAD_NS 5000.0

double hrm_pace_estimate_ns(const hrm_command *command) {
    double bytes = 0.0;
    for (uint32_t b = 0; command->bindings && b < command->binding_count; b++)
        bytes += (double)command->bindings[b].bytes;
    double memory = bytes / ASSUMED_BYTES_PER_NS, arithmetic = command->flops / ASSUMED_FLOPS_PER_NS;
    return ASSUMED_OVERHEAD_NS + (memory > arithmetic ? memory : arithmetic);
}

static void drop_clock(hrm_program *program) {
    if (!program->clock) return;
    program->device->vk.vkDestroyQueryPool(program->device->handle, program->clock, NULL);
    program->clock = VK_NULL_HANDLE;
}

hrm_status hrm_pace_cut(hrm_program *program) {
    hrm_status status;
    hrm_device *device = program->device;
    const hrm_command_list *list = &program->list;
    double budget = program->target_ns ? (double)program->target_ns / (program->rounds ? 8.0 : 4.0) : INFINITY;
    uint32_t count = 0;
    for (int pass = 0; pass < 2; pass++) {
        count = 0;
        double cost = 0.0;
        for (uint32_t c = 0; c < list->count; c++) {
            if (c == 0 || cost + list->items[c].cost_ns > budget) {
                if (pass == 1) program->pieces[count].first = c;
                count++;
                cost = 0.0;
            }
            cost += list->items[c].cost_ns;
            if (pass == 1) {
                program->pieces[count - 1].count++;
                program->pieces[count - 1].cost_ns = cost;
            }
        }
        if (pass == 0) {
            hrm_program_piece *pieces = calloc(count ? count : 1, sizeof *pieces);
            if (!pieces) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "program: no host memory");
            free(program->pieces);
            program->pieces = pieces;
        }
    }
    program->piece_count = count;
    drop_clock(program);
    if (program->rounds && count && !program->host_clock) {
        const VkQueryPoolCreateInfo info = {
            .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
            .queryType = VK_QUERY_TYPE_TIMESTAMP,
            .queryCount = 2 * count,
        };
        HRM_TRY(HRM_VK(device->vk.vkCreateQueryPool(device->handle, &info, NULL, &program->clock)));
    }
    return HRM_OK;
fail:
    return status;
}

/* Replaces the estimate of a piece by what it took. */
static void take_time(hrm_program *program, hrm_program_piece *piece, double ns) {
    ns += ASSUMED_OVERHEAD_NS;
    const double scale = ns / piece->cost_ns;
    for (uint32_t c = piece->first; c < piece->first + piece->count; c++) program->list.items[c].cost_ns *= scale;
    piece->cost_ns = ns;
}

/* All pieces of the last submission. False when the timestamps cannot be read. */
static bool read_clock(hrm_program *program) {
    hrm_device *device = program->device;
    uint32_t count = program->piece_count;
    uint64_t *times = calloc((size_t)count * 2, sizeof *times);
    if (!times) return false;
    VkResult result = device->vk.vkGetQueryPoolResults(device->handle, program->clock, 0, 2 * count,
                                                       (size_t)count * 2 * sizeof *times, times, sizeof *times,
                                                       VK_QUERY_RESULT_64_BIT);
    for (uint32_t p = 0; result == VK_SUCCESS && p < count; p++) {
        const uint64_t ticks = (times[2 * p + 1] - times[2 * p]) & device->adapter.timestamp_mask;
        take_time(program, &program->pieces[p], (double)ticks * (double)device->adapter.info.timestamp_period_ns);
    }
    free(times);
    return result == VK_SUCCESS;
}

/* One dispatch cannot be cut: whoever sees the desktop stutter is told which it is. */
static void report_uncuttable(const hrm_program *program) {
    const hrm_program_piece *longest = NULL;
    for (uint32_t p = 0; p < program->piece_count; p++) {
        const hrm_program_piece *piece = &program->pieces[p];
        if (piece->count == 1 && piece->cost_ns > (double)program->target_ns &&
            (!longest || piece->cost_ns > longest->cost_ns))
            longest = piece;
    }
    if (!longest) return;
    const char *label = program->list.items[longest->first].label;
    hrm_log(HRM_LOG_WARN,
            "pacing: %s alone takes %.0f ms on %s, where %.0f ms are aimed at; smaller batches make it shorter",
            label ? label : "a command", longest->cost_ns * 1e-6, program->device->adapter.info.name,
            (double)program->target_ns * 1e-6);
}

/* After each measured submission, with all times taken: nothing of the program is in flight. */
static hrm_status end_round(hrm_program *program) {
    hrm_status status;
    bool too_long = false;
    for (uint32_t p = 0; p < program->piece_count; p++)
        too_long =
            too_long || (program->pieces[p].count > 1 && program->pieces[p].cost_ns > (double)program->target_ns);
    program->rounds--;
    if (program->rounds == 0) report_uncuttable(program);
    if (!too_long && program->rounds) return HRM_OK;
    hrm_log(HRM_LOG_DEBUG, "pacing: cutting %u pieces again", program->piece_count);
    HRM_TRY(hrm_pace_cut(program));
    HRM_TRY(hrm_program_record(program));
    return HRM_OK;
fail:
    return status;
}

hrm_status hrm_pace_measure(hrm_program *program) {
    hrm_status status;
    if (!program->clock || program->last == 0) return HRM_OK;
    /* only the first few submissions of a program's life wait here */
    HRM_TRY(hrm_queue_wait(program->device, program->last, 0));
    if (read_clock(program)) return end_round(program);
    hrm_log(HRM_LOG_WARN, "timestamps cannot be read: the host's clock measures submissions");
    program->host_clock = true;
    HRM_TRY(hrm_pace_cut(program));
    HRM_TRY(hrm_program_record(program));
    return HRM_OK;
fail:
    return status;
}

hrm_status hrm_pace_submit_measured(hrm_program *program) {
    hrm_status status;
    hrm_device *device = program->device;
    HRM_TRY(hrm_queue_drain(device)); /* what comes before is no part of it */
    for (uint32_t p = 0; p < program->piece_count; p++) {
        const uint64_t start = hrm_clock_ns();
        HRM_TRY(hrm_queue_submit(device, &program->pieces[p].commands, 1, &program->last));
        HRM_TRY(hrm_queue_wait(device, program->last, 0));
        take_time(program, &program->pieces[p], (double)(hrm_clock_ns() - start));
    }
    return end_round(program);
fail:
    return status;
}

uint32_t hrm_pace_group(const hrm_program *program, uint32_t first) {
    if (!program->target_ns) return program->piece_count - first;
    if (program->rounds || program->profile) return 1; /* nothing was measured yet, or ever will be */
    double cost = 0.0;
    uint32_t count = 0;
    while (first + count < program->piece_count) {
        cost += program->pieces[first + count].cost_ns;
        if (count && cost > (double)program->target_ns) break;
        count++;
    }
    return count;
}
