#include "gpu/program.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gpu/buffer_private.h"
#include "gpu/caps.h"
#include "gpu/device_private.h"
#include "gpu/profile.h"
#include "gpu/program_private.h"

/* Measurements of a new program: the first submission warms up (clocks, caches, compilers), the second counts. */
enum { PACE_ROUNDS = 2 };

/* ---- recording into command buffers -------------------------------------------------------------------------------
 */

static void record_command(hrm_program *program, VkCommandBuffer commands, const hrm_command *command,
                           const hrm_command *previous) {
    const struct VolkDeviceTable *vk = &program->device->vk;
    if (command->kind == HRM_COMMAND_COPY) {
        const VkBufferCopy region = {
            .srcOffset = command->bindings[1].offset,
            .dstOffset = command->bindings[0].offset,
            .size = command->bindings[0].bytes,
        };
        vk->vkCmdCopyBuffer(commands, command->bindings[1].buffer->handle, command->bindings[0].buffer->handle, 1,
                            &region);
        return;
    }
    if (command->kind == HRM_COMMAND_FILL) {
        vk->vkCmdFillBuffer(commands, command->bindings[0].buffer->handle, command->bindings[0].offset,
                            command->bindings[0].bytes, command->fill_value);
        return;
    }
    if (!previous || previous->pipeline != command->pipeline) {
        vk->vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, command->pipeline);
    }
    if (command->set &&
        (!previous || previous->set != command->set || previous->pipeline_layout != command->pipeline_layout)) {
        vk->vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, command->pipeline_layout, 0, 1,
                                    &command->set, 0, NULL);
    }
    if (command->push_bytes) {
        vk->vkCmdPushConstants(commands, command->pipeline_layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
                               (command->push_bytes + 3) & ~3u, command->push);
    }
    vk->vkCmdDispatch(commands, command->groups[0], command->groups[1], command->groups[2]);
}

static hrm_status record_piece(hrm_program *program, uint32_t index) {
    hrm_status status;
    hrm_device *device = program->device;
    const hrm_program_piece *piece = &program->pieces[index];
    /* submitted again before it is done: order on the queue and the first barrier make that safe */
    const VkCommandBufferBeginInfo begin = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT,
    };
    HRM_TRY(HRM_VK(device->vk.vkBeginCommandBuffer(piece->commands, &begin)));
    if (program->clock) {
        device->vk.vkCmdResetQueryPool(piece->commands, program->clock, 2 * index, 2);
        device->vk.vkCmdWriteTimestamp(piece->commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, program->clock,
                                       2 * index);
    }
    hrm_queue_cmd_barrier(device, piece->commands);
    hrm_profile_begin_piece(program, index);
    const hrm_command *previous = NULL;
    for (uint32_t c = piece->first; c < piece->first + piece->count; c++) {
        const hrm_command *command = &program->list.items[c];
        if (c > piece->first && (command->barrier_before || program->profile)) {
            hrm_queue_cmd_barrier(device, piece->commands);
        }
        record_command(program, piece->commands, command, previous);
        hrm_profile_end_command(program, index, c);
        if (command->kind == HRM_COMMAND_DISPATCH) previous = command;
    }
    if (index + 1 == program->piece_count) hrm_queue_cmd_host_barrier(device, piece->commands);
    if (program->clock) {
        device->vk.vkCmdWriteTimestamp(piece->commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, program->clock,
                                       2 * index + 1);
    }
    HRM_TRY(HRM_VK(device->vk.vkEndCommandBuffer(piece->commands)));
    return HRM_OK;
fail:
    return status;
}

hrm_status hrm_program_record(hrm_program *program) {
    hrm_status status;
    hrm_device *device = program->device;
    if (!program->pool) {
        const VkCommandPoolCreateInfo info = {
            .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
            .queueFamilyIndex = device->queue_family,
        };
        HRM_TRY(HRM_VK(device->vk.vkCreateCommandPool(device->handle, &info, NULL, &program->pool)));
    } else {
        HRM_TRY(HRM_VK(device->vk.vkResetCommandPool(device->handle, program->pool, 0)));
    }
    if (program->buffer_count < program->piece_count) {
        VkCommandBuffer *grown = realloc(program->buffers, program->piece_count * sizeof *grown);
        if (!grown) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "program: no host memory");
        program->buffers = grown;
        const VkCommandBufferAllocateInfo allocate = {
            .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
            .commandPool = program->pool,
            .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
            .commandBufferCount = program->piece_count - program->buffer_count,
        };
        HRM_TRY(HRM_VK(
            device->vk.vkAllocateCommandBuffers(device->handle, &allocate, program->buffers + program->buffer_count)));
        program->buffer_count = program->piece_count;
    }
    for (uint32_t i = 0; i < program->piece_count; i++) {
        program->pieces[i].commands = program->buffers[i];
        HRM_TRY(record_piece(program, i));
    }
    return HRM_OK;
fail:
    return status;
}

/* ---- life ---------------------------------------------------------------------------------------------------------
 */

hrm_status hrm_program_create(hrm_device *device, hrm_command_list *list, bool profile, hrm_program **out) {
    hrm_status status;
    *out = NULL;
    hrm_program *program = calloc(1, sizeof *program);
    if (!program) {
        hrm_command_list_deinit(list);
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "program: no host memory");
    }
    program->device = device;
    program->list = *list;
    device->live_programs++;
    memset(list, 0, sizeof *list);
    for (uint32_t c = 0; c < program->list.count; c++) {
        program->dispatch_count += program->list.items[c].kind == HRM_COMMAND_DISPATCH;
        program->flops += program->list.items[c].flops;
    }
    program->target_ns = device->submit_target_ns;
    program->host_clock = !(device->caps & HRM_CAP_TIMESTAMP);
    if (program->target_ns && !profile) program->rounds = PACE_ROUNDS;
    HRM_TRY(hrm_program_bind_all(program));
    HRM_TRY(hrm_pace_cut(program));
    if (profile) HRM_TRY(hrm_profile_init(program));
    HRM_TRY(hrm_program_record(program));
    *out = program;
    return HRM_OK;
fail:
    hrm_program_destroy(program);
    return status;
}

void hrm_program_destroy(hrm_program *program) {
    if (!program) return;
    hrm_device *device = program->device;
    const struct VolkDeviceTable *vk = &device->vk;
    if (hrm_queue_wait(device, program->last, 0) != HRM_OK) {
        hrm_log(HRM_LOG_WARN, "a program is destroyed although its end cannot be waited for: %s", hrm_last_error());
    }
    if (program->pool) vk->vkDestroyCommandPool(device->handle, program->pool, NULL);
    if (program->descriptors) vk->vkDestroyDescriptorPool(device->handle, program->descriptors, NULL);
    for (uint32_t i = 0; i < program->view_count; i++) vk->vkDestroyBufferView(device->handle, program->views[i], NULL);
    if (program->clock) vk->vkDestroyQueryPool(device->handle, program->clock, NULL);
    if (program->profile) vk->vkDestroyQueryPool(device->handle, program->profile, NULL);
    hrm_command_list_deinit(&program->list);
    free(program->views);
    free(program->pieces);
    free(program->buffers);
    device->live_programs--;
    free(program);
}

double hrm_program_get_flops(const hrm_program *program) {
    return program->flops;
}

uint32_t hrm_program_get_dispatch_count(const hrm_program *program) {
    return program->dispatch_count;
}

uint32_t hrm_program_get_piece_count(const hrm_program *program) {
    return program->piece_count;
}

hrm_status hrm_program_submit(hrm_program *program, hrm_ticket *ticket) {
    hrm_status status;
    hrm_device *device = program->device;
    VkCommandBuffer group[64];
    HRM_TRY(hrm_pace_measure(program));
    const bool measured = program->rounds && program->host_clock;
    if (measured) HRM_TRY(hrm_pace_submit_measured(program));
    for (uint32_t first = 0; first < program->piece_count && !measured;) {
        uint32_t count = hrm_pace_group(program, first);
        if (count > 64) count = 64;
        for (uint32_t i = 0; i < count; i++) group[i] = program->pieces[first + i].commands;
        HRM_TRY(hrm_queue_submit(device, group, count, &program->last));
        first += count;
    }
    if (ticket) *ticket = program->piece_count ? program->last : device->queue.last;
    return HRM_OK;
fail:
    return hrm_fail_prefix(status, "submitting a program of %u dispatches", program->dispatch_count);
}
