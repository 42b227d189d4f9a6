#include "gpu/profile.h"

#include <stdlib.h>
#include <string.h>

#include "gpu/device_private.h"

/* Queries: piece p has one begin at first_command + p, then one behind each of its commands. */
static uint32_t begin_query(const hrm_program *program, uint32_t piece) {
    return program->pieces[piece].first + piece;
}

hrm_status hrm_profile_init(hrm_program *program) {
    if (program->list.count == 0) return HRM_OK;
    const VkQueryPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
        .queryType = VK_QUERY_TYPE_TIMESTAMP,
        .queryCount = program->list.count + program->piece_count,
    };
    return HRM_VK(program->device->vk.vkCreateQueryPool(program->device->handle, &info, NULL, &program->profile));
}

void hrm_profile_begin_piece(hrm_program *program, uint32_t index) {
    if (!program->profile) return;
    const struct VolkDeviceTable *vk = &program->device->vk;
    const hrm_program_piece *piece = &program->pieces[index];
    vk->vkCmdResetQueryPool(piece->commands, program->profile, begin_query(program, index), piece->count + 1);
    vk->vkCmdWriteTimestamp(piece->commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, program->profile,
                            begin_query(program, index));
}

void hrm_profile_end_command(hrm_program *program, uint32_t index, uint32_t command) {
    if (!program->profile) return;
    program->device->vk.vkCmdWriteTimestamp(program->pieces[index].commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT,
                                            program->profile, command + index + 1);
}

/* The ranges that a command binds; a range bound under several types counts once. */
static double count_bytes(const hrm_command *command) {
    double bytes = 0;
    for (uint32_t i = 0; i < command->binding_count; i++) {
        const hrm_span *span = &command->bindings[i];
        uint32_t before = 0;
        while (before < i &&
               (command->bindings[before].buffer != span->buffer || command->bindings[before].offset != span->offset))
            before++;
        if (before == i) bytes += (double)span->bytes;
    }
    return bytes;
}

hrm_status hrm_program_read_profile(hrm_program *program, void (*visit)(void *user, const hrm_label_time *time),
                                    void *user) {
    hrm_status status;
    hrm_device *device = program->device;
    uint64_t *times = NULL;
    hrm_label_time *sums = NULL;
    if (!program->profile) {
        if (program->list.count == 0) return HRM_OK;
        return hrm_fail(HRM_ERR_UNSUPPORTED,
                        "read_profile: the program was recorded without profiling, or %s has no "
                        "compute timestamps",
                        device->adapter.info.name);
    }
    if (program->last == 0) {
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "read_profile: the program was never submitted");
    }
    HRM_TRY(hrm_queue_wait(device, program->last, 0));
    uint32_t queries = program->list.count + program->piece_count;
    times = calloc(queries, sizeof *times);
    sums = calloc(program->list.count, sizeof *sums);
    if (!times || !sums) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "read_profile: no host memory");
        goto fail;
    }
    /* Not VK_QUERY_RESULT_WAIT_BIT: the work is done, and timestamps lost in a reset of the GPU would never come. */
    VkResult result =
        device->vk.vkGetQueryPoolResults(device->handle, program->profile, 0, queries, queries * sizeof *times, times,
                                         sizeof *times, VK_QUERY_RESULT_64_BIT);
    if (result == VK_NOT_READY) {
        status = hrm_fail(HRM_ERR_DEVICE, "read_profile: %s has finished the program without writing its timestamps",
                          device->adapter.info.name);
        goto fail;
    }
    HRM_TRY(hrm_vk_check(result, "vkGetQueryPoolResults("));
    uint32_t sum_count = 0;
    for (uint32_t p = 0; p < program->piece_count; p++) {
        const hrm_program_piece *piece = &program->pieces[p];
        for (uint32_t c = piece->first; c < piece->first + piece->count; c++) {
            const hrm_command *command = &program->list.items[c];
            uint64_t ticks = (times[c + p + 1] - times[c + p]) & device->adapter.timestamp_mask;
            uint32_t s = 0;
            while (s < sum_count && strcmp(sums[s].label, command->label) != 0) s++;
            if (s == sum_count) sums[sum_count++].label = command->label;
            sums[s].calls++;
            sums[s].ns += (double)ticks * (double)device->adapter.info.timestamp_period_ns;
            sums[s].flops += command->flops;
            sums[s].bytes += count_bytes(command);
        }
    }
    for (uint32_t s = 0; s < sum_count; s++) visit(user, &sums[s]);
fail:
    free(times);
    free(sums);
    return status;
}
