#include "gpu/staging.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "gpu/buffer_private.h"
#include "gpu/device_private.h"

#define RING_BYTES HRM_QUEUE_UPLOAD_BYTES
#define CHUNK_BYTES (RING_BYTES / 4)
#define READBACK_SLOT_BYTES (HRM_QUEUE_DOWNLOAD_BYTES / 2)
#define RING_ALIGNMENT UINT64_C(16)

static hrm_status prepare_pool(hrm_device *device) {
    hrm_status status;
    hrm_staging *staging = &device->staging;
    if (staging->pool) return HRM_OK;
    const VkCommandPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT | VK_COMMAND_POOL_CREATE_TRANSIENT_BIT,
        .queueFamilyIndex = device->queue_family,
    };
    HRM_TRY(HRM_VK(device->vk.vkCreateCommandPool(device->handle, &info, NULL, &staging->pool)));
    VkCommandBuffer commands[HRM_STAGING_SLOTS];
    const VkCommandBufferAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = staging->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = HRM_STAGING_SLOTS,
    };
    HRM_TRY(HRM_VK(device->vk.vkAllocateCommandBuffers(device->handle, &allocate, commands)));
    for (uint32_t i = 0; i < HRM_STAGING_SLOTS; i++) staging->slots[i].commands = commands[i];
    return HRM_OK;
fail:
    if (staging->pool) device->vk.vkDestroyCommandPool(device->handle, staging->pool, NULL);
    staging->pool = VK_NULL_HANDLE;
    return status;
}

void hrm_staging_deinit(hrm_device *device) {
    hrm_staging *staging = &device->staging;
    hrm_buffer_destroy(staging->ring);
    hrm_buffer_destroy(staging->readback);
    if (staging->pool) device->vk.vkDestroyCommandPool(device->handle, staging->pool, NULL);
    memset(staging, 0, sizeof *staging);
}

/* Takes back slots, and the ring bytes behind them: all that are done, and the oldest by waiting when `wait`. */
static hrm_status retire(hrm_device *device, bool wait) {
    hrm_staging *staging = &device->staging;
    while (staging->used) {
        hrm_staging_slot *slot = &staging->slots[staging->oldest];
        if (!hrm_queue_is_done(device, slot->ticket)) {
            if (!wait) break;
            hrm_status status = hrm_queue_wait(device, slot->ticket, 0);
            if (status != HRM_OK) return status;
        }
        wait = false;
        staging->ring_tail = slot->ring_end;
        staging->oldest = (staging->oldest + 1) % HRM_STAGING_SLOTS;
        staging->used--;
    }
    return HRM_OK;
}

/* Records and submits one copy of regions. `host_reads`: the destination is read by the host afterwards. */
static hrm_status submit_regions(hrm_device *device, VkBuffer dst, VkBuffer src, const VkBufferCopy *regions,
                                 uint32_t count, bool host_reads, hrm_ticket *ticket) {
    hrm_status status;
    hrm_staging *staging = &device->staging;
    HRM_TRY(prepare_pool(device));
    HRM_TRY(retire(device, staging->used == HRM_STAGING_SLOTS));
    hrm_staging_slot *slot = &staging->slots[(staging->oldest + staging->used) % HRM_STAGING_SLOTS];
    const VkCommandBufferBeginInfo begin = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
    };
    HRM_TRY(HRM_VK(device->vk.vkBeginCommandBuffer(slot->commands, &begin)));
    hrm_queue_cmd_barrier(device, slot->commands);
    device->vk.vkCmdCopyBuffer(slot->commands, src, dst, count, regions);
    if (host_reads) hrm_queue_cmd_host_barrier(device, slot->commands);
    HRM_TRY(HRM_VK(device->vk.vkEndCommandBuffer(slot->commands)));
    HRM_TRY(hrm_queue_submit(device, &slot->commands, 1, &slot->ticket));
    slot->ring_end = staging->ring_head;
    staging->used++;
    if (ticket) *ticket = slot->ticket;
    return HRM_OK;
fail:
    return status;
}

static hrm_status submit_copy(hrm_device *device, VkBuffer dst, uint64_t dst_offset, VkBuffer src, uint64_t src_offset,
                              uint64_t bytes, bool host_reads, hrm_ticket *ticket) {
    const VkBufferCopy region = {.srcOffset = src_offset, .dstOffset = dst_offset, .size = bytes};
    return submit_regions(device, dst, src, &region, 1, host_reads, ticket);
}

static hrm_status check_span(const hrm_device *device, const char *what, hrm_span span) {
    if (!span.buffer) return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "%s: no buffer", what);
    if (span.buffer->device != device) {
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "%s: buffer '%s' belongs to another device", what,
                        span.buffer->label);
    }
    if (span.buffer->kind == HRM_MEMORY_NONE) {
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "%s: buffer '%s' is only planned (HRM_MEMORY_NONE) and has no memory",
                        what, span.buffer->label);
    }
    if (span.offset > span.buffer->bytes || span.bytes > span.buffer->bytes - span.offset) {
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "%s: bytes %" PRIu64 " to %" PRIu64 " are outside buffer '%s' of %" PRIu64 " bytes", what,
                        span.offset, span.offset + span.bytes, span.buffer->label, span.buffer->bytes);
    }
    if (span.offset % 4 || span.bytes % 4) {
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "%s: offset %" PRIu64 " and size %" PRIu64 " of '%s' must be multiples of 4", what, span.offset,
                        span.bytes, span.buffer->label);
    }
    return HRM_OK;
}

/* Contiguous ring bytes; waits for the oldest copies while there is no room. */
static hrm_status take_ring(hrm_device *device, uint64_t bytes, uint64_t *offset) {
    hrm_status status;
    hrm_staging *staging = &device->staging;
    if (!staging->ring) {
        HRM_TRY(hrm_buffer_create(device, RING_BYTES, HRM_MEMORY_UPLOAD, "upload ring", &staging->ring));
    }
    uint64_t room = (bytes + RING_ALIGNMENT - 1) & ~(RING_ALIGNMENT - 1);
    uint64_t at = staging->ring_head % RING_BYTES;
    uint64_t skipped = at + room > RING_BYTES ? RING_BYTES - at : 0; /* a piece never wraps */
    while (staging->ring_head + skipped + room - staging->ring_tail > RING_BYTES) {
        if (staging->used == 0) {
            /* everything is free, only the position is awkward */
            staging->ring_head += skipped;
            staging->ring_tail = staging->ring_head;
            skipped = 0;
            break;
        }
        HRM_TRY(retire(device, true));
    }
    staging->ring_head += skipped;
    *offset = staging->ring_head % RING_BYTES;
    staging->ring_head += room;
    return HRM_OK;
fail:
    return status;
}

hrm_status hrm_queue_upload(hrm_device *device, hrm_span dst, const void *data) {
    hrm_status status;
    HRM_TRY(check_span(device, "upload", dst));
    const unsigned char *bytes = data;
    for (uint64_t done = 0; done < dst.bytes;) {
        uint64_t chunk = dst.bytes - done < CHUNK_BYTES ? dst.bytes - done : CHUNK_BYTES, offset;
        HRM_TRY(take_ring(device, chunk, &offset));
        memcpy((unsigned char *)hrm_buffer_get_mapped(device->staging.ring) + offset, bytes + done, (size_t)chunk);
        HRM_TRY(submit_copy(device, dst.buffer->handle, dst.offset + done, device->staging.ring->handle, offset, chunk,
                            dst.buffer->kind == HRM_MEMORY_READBACK, NULL));
        done += chunk;
    }
    return HRM_OK;
fail:
    return status;
}

hrm_status hrm_queue_download(hrm_device *device, hrm_span src, void *data) {
    hrm_status status;
    HRM_TRY(check_span(device, "download", src));
    unsigned char *bytes = data;
    if (src.bytes == 0) return hrm_queue_drain(device);
    if (!device->staging.readback) {
        HRM_TRY(hrm_buffer_create(device, 2 * READBACK_SLOT_BYTES, HRM_MEMORY_READBACK, "readback slots",
                                  &device->staging.readback));
    }
    const unsigned char *mapped = hrm_buffer_get_mapped(device->staging.readback);
    hrm_ticket tickets[2] = {0, 0};
    uint64_t starts[2] = {0, 0}, sizes[2] = {0, 0};
    uint64_t queued = 0;
    for (uint32_t slot = 0;; slot ^= 1u) {
        if (sizes[slot]) {
            HRM_TRY(hrm_queue_wait(device, tickets[slot], 0));
            memcpy(bytes + starts[slot], mapped + slot * READBACK_SLOT_BYTES, (size_t)sizes[slot]);
            sizes[slot] = 0;
        }
        if (queued < src.bytes) {
            uint64_t chunk = src.bytes - queued < READBACK_SLOT_BYTES ? src.bytes - queued : READBACK_SLOT_BYTES;
            HRM_TRY(submit_copy(device, device->staging.readback->handle, slot * READBACK_SLOT_BYTES,
                                src.buffer->handle, src.offset + queued, chunk, true, &tickets[slot]));
            starts[slot] = queued;
            sizes[slot] = chunk;
            queued += chunk;
        } else if (sizes[slot ^ 1u] == 0) {
            break;
        }
    }
    return HRM_OK;
fail:
    return status;
}

hrm_status hrm_queue_copy(hrm_device *device, hrm_span dst, hrm_span src, hrm_ticket *ticket) {
    hrm_status status;
    HRM_TRY(check_span(device, "copy to", dst));
    HRM_TRY(check_span(device, "copy from", src));
    if (dst.bytes != src.bytes || dst.bytes == 0) {
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "copy: %" PRIu64 " bytes of '%s' to %" PRIu64 " bytes of '%s'; sizes must be equal and > 0",
                        src.bytes, src.buffer->label, dst.bytes, dst.buffer->label);
    }
    if (dst.buffer == src.buffer && dst.offset < src.offset + src.bytes && src.offset < dst.offset + dst.bytes) {
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "copy: source and destination overlap in '%s'", dst.buffer->label);
    }
    return submit_copy(device, dst.buffer->handle, dst.offset, src.buffer->handle, src.offset, src.bytes,
                       dst.buffer->kind != HRM_MEMORY_DEVICE, ticket);
fail:
    return status;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------
 */

static int compare_rows(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

/* Regions of one copy may come in any order, so a row that is written twice has no defined content. */
static hrm_status check_distinct(const char *what, uint32_t count, const uint32_t *rows) {
    uint32_t rising = 1;
    while (rising < count && rows[rising - 1] < rows[rising]) rising++;
    if (rising >= count) return HRM_OK; /* sorted already, as most callers have them */
    uint32_t *sorted = malloc((size_t)count * sizeof *sorted);
    if (!sorted) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%s: no host memory", what);
    memcpy(sorted, rows, (size_t)count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_rows);
    uint32_t i = 1;
    while (i < count && sorted[i - 1] != sorted[i]) i++;
    uint32_t twice = sorted[i - 1];
    free(sorted);
    if (i == count) return HRM_OK;
    return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "%s: row %u is named twice, which leaves open what it would hold", what,
                    twice);
}

/* `table` is the span that `rows` points into. */
static hrm_status check_rows(const hrm_device *device, const char *what, hrm_span table, uint64_t row_bytes,
                             uint32_t count, const uint32_t *rows) {
    hrm_status status;
    HRM_TRY(check_span(device, what, table));
    if (row_bytes == 0 || row_bytes % 4) {
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "%s: rows of %" PRIu64 " bytes; a multiple of 4, > 0, is needed",
                        what, row_bytes);
    }
    if (count && !rows) return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "%s: no row numbers are given", what);
    const uint64_t available = table.bytes / row_bytes;
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i] < available) continue;
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "%s: rows[%u] is %u, but %" PRIu64 " bytes of '%s' hold %" PRIu64 " rows of %" PRIu64 " bytes",
                        what, i, rows[i], table.bytes, table.buffer->label, available, row_bytes);
    }
    return HRM_OK;
fail:
    return status;
}

/* Where the next bytes of rows lie, packed on one side and in a table on the other. A row may be cut between pieces. */
typedef struct row_walk {
    const uint32_t *rows;
    uint32_t count;
    uint64_t row_bytes;
    uint32_t at;   /* rows done */
    uint64_t done; /* bytes of row `at` done */
} row_walk;

/* The next piece of at most `most` bytes: regions with the packed side's offsets, from 0, in srcOffset and the table's
 * in dstOffset. Returns its bytes. */
static uint64_t walk_piece(row_walk *walk, uint64_t most, VkBufferCopy *regions, uint32_t *region_count) {
    uint64_t packed = 0;
    uint32_t n = 0;
    while (walk->at < walk->count && packed < most) {
        const uint64_t there = (uint64_t)walk->rows[walk->at] * walk->row_bytes + walk->done;
        uint64_t bytes = walk->row_bytes - walk->done;
        if (bytes > most - packed) bytes = most - packed;
        if (n && regions[n - 1].dstOffset + regions[n - 1].size == there) {
            regions[n - 1].size += bytes;
        } else {
            if (n == HRM_STAGING_REGIONS) break;
            regions[n++] = (VkBufferCopy){.srcOffset = packed, .dstOffset = there, .size = bytes};
        }
        packed += bytes;
        walk->done += bytes;
        if (walk->done == walk->row_bytes) walk->at++, walk->done = 0;
    }
    *region_count = n;
    return packed;
}

hrm_status hrm_queue_upload_rows(hrm_device *device, hrm_span dst, uint64_t row_bytes, uint32_t count,
                                 const uint32_t *rows, const void *data) {
    hrm_status status;
    hrm_staging *staging = &device->staging;
    HRM_TRY(check_rows(device, "upload rows", dst, row_bytes, count, rows));
    HRM_TRY(check_distinct("upload rows", count, rows));
    if (count && !data) return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "upload rows: no data is given");
    const unsigned char *bytes = data;
    row_walk walk = {.rows = rows, .count = count, .row_bytes = row_bytes};
    while (walk.at < count) {
        uint32_t regions;
        uint64_t offset, piece = walk_piece(&walk, CHUNK_BYTES, staging->regions, &regions);
        HRM_TRY(take_ring(device, piece, &offset));
        memcpy((unsigned char *)hrm_buffer_get_mapped(staging->ring) + offset, bytes, (size_t)piece);
        bytes += piece;
        for (uint32_t r = 0; r < regions; r++) {
            staging->regions[r].srcOffset += offset;
            staging->regions[r].dstOffset += dst.offset;
        }
        HRM_TRY(submit_regions(device, dst.buffer->handle, staging->ring->handle, staging->regions, regions,
                               dst.buffer->kind == HRM_MEMORY_READBACK, NULL));
    }
    return HRM_OK;
fail:
    return status;
}

hrm_status hrm_queue_copy_rows(hrm_device *device, hrm_span dst, hrm_span src, uint64_t row_bytes, uint32_t count,
                               const uint32_t *rows, hrm_ticket *ticket) {
    hrm_status status;
    hrm_staging *staging = &device->staging;
    HRM_TRY(check_span(device, "copy rows to", dst));
    HRM_TRY(check_rows(device, "copy rows from", src, row_bytes, count, rows));
    uint64_t needed;
    if (!hrm_mul_u64(row_bytes, count, &needed) || dst.bytes != needed) {
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "copy rows: %u rows of %" PRIu64 " bytes to %" PRIu64 " bytes of '%s'; sizes must be equal",
                        count, row_bytes, dst.bytes, dst.buffer->label);
    }
    if (dst.buffer == src.buffer && dst.offset < src.offset + src.bytes && src.offset < dst.offset + dst.bytes) {
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "copy rows: source and destination overlap in '%s'",
                        dst.buffer->label);
    }
    hrm_ticket last = 0;
    uint64_t offset = dst.offset;
    row_walk walk = {.rows = rows, .count = count, .row_bytes = row_bytes};
    while (walk.at < count) {
        uint32_t regions;
        uint64_t piece = walk_piece(&walk, CHUNK_BYTES, staging->regions, &regions);
        for (uint32_t r = 0; r < regions; r++) {
            const VkBufferCopy there = staging->regions[r];
            staging->regions[r].srcOffset = src.offset + there.dstOffset;
            staging->regions[r].dstOffset = offset + there.srcOffset;
        }
        HRM_TRY(submit_regions(device, dst.buffer->handle, src.buffer->handle, staging->regions, regions,
                               dst.buffer->kind != HRM_MEMORY_DEVICE, &last));
        offset += piece;
    }
    if (ticket) *ticket = last;
    return HRM_OK;
fail:
    return status;
}
