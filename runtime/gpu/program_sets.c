/* Pipelines, texel views and descriptor sets of a program: sized exactly, written once. Commands whose bindings are the
 * same share a set. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "gpu/buffer_private.h"
#include "gpu/device_private.h"
#include "gpu/program_private.h"

/* What a set is made of: equal bytes, equal set. Zeroed before it is filled, so padding does not matter. */
typedef struct set_key {
    uint64_t layout;
    hrm_span bindings[HRM_MAX_BINDINGS];
} set_key;

typedef struct set_entry {
    set_key key;
    VkDescriptorSet set;
} set_entry;

typedef struct view_key {
    hrm_buffer *buffer;
    uint64_t offset, bytes;
} view_key;

typedef struct view_entry {
    view_key key;
    VkBufferView view;
} view_entry;

/* Open addressing over entries of one size; slots hold index + 1. */
typedef struct index_table {
    uint32_t *slots;
    uint32_t mask;
} index_table;

static hrm_status index_init(index_table *table, uint32_t most) {
    uint32_t slots = 16;
    while (slots < most * 2) slots *= 2;
    table->slots = calloc(slots, sizeof *table->slots);
    table->mask = slots - 1;
    return table->slots ? HRM_OK : hrm_fail(HRM_ERR_OUT_OF_MEMORY, "program: no host memory");
}

/* The slot of the entry with this key, or the empty one where it belongs. */
static uint32_t *index_find(const index_table *table, const void *entries, size_t stride, const void *key,
                            size_t key_bytes) {
    uint32_t at = (uint32_t)hrm_fnv1a64(key, key_bytes) & table->mask;
    while (table->slots[at] &&
           memcmp((const char *)entries + (size_t)(table->slots[at] - 1) * stride, key, key_bytes) != 0) {
        at = (at + 1) & table->mask;
    }
    return &table->slots[at];
}

static void make_set_key(const hrm_command *command, const hrm_kernel_layout *layout, set_key *key) {
    memset(key, 0, sizeof *key);
    key->layout = command->layout;
    for (uint32_t b = 0; b < command->binding_count; b++) {
        if (layout->access[b] == 'a') continue; /* no descriptor */
        key->bindings[b].buffer = command->bindings[b].buffer;
        key->bindings[b].offset = command->bindings[b].offset;
        key->bindings[b].bytes = command->bindings[b].bytes;
    }
}

static hrm_status get_view(hrm_program *program, const index_table *table, view_entry *views, hrm_span span,
                           VkBufferView *out) {
    hrm_device *device = program->device;
    view_key key;
    memset(&key, 0, sizeof key);
    key.buffer = span.buffer;
    key.offset = span.offset;
    key.bytes = (span.bytes + 15) & ~UINT64_C(15); /* whole texels; buffers are padded to 16 bytes */
    uint32_t *slot = index_find(table, views, sizeof *views, &key, sizeof key);
    if (!*slot) {
        const VkBufferViewCreateInfo info = {
            .sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
            .buffer = span.buffer->handle,
            .format = VK_FORMAT_R32G32B32A32_SFLOAT,
            .offset = key.offset,
            .range = key.bytes,
        };
        VkBufferView view;
        hrm_status status = HRM_VK(device->vk.vkCreateBufferView(device->handle, &info, NULL, &view));
        if (status != HRM_OK) return hrm_fail_prefix(status, "texel view of '%s'", span.buffer->label);
        program->views[program->view_count] = view;
        views[program->view_count].key = key;
        views[program->view_count].view = view;
        *slot = ++program->view_count;
    }
    *out = views[*slot - 1].view;
    return HRM_OK;
}

static hrm_status write_set(hrm_program *program, const hrm_command *command, VkDescriptorSet set,
                            const index_table *view_table, view_entry *views) {
    hrm_device *device = program->device;
    const hrm_kernel_layout *layout = &device->kernels.layouts[command->layout];
    VkWriteDescriptorSet writes[HRM_MAX_BINDINGS];
    VkDescriptorBufferInfo buffers[HRM_MAX_BINDINGS];
    VkBufferView texels[HRM_MAX_BINDINGS];
    uint32_t count = 0;
    for (uint32_t b = 0; b < command->binding_count; b++) {
        hrm_span span = command->bindings[b];
        if (layout->access[b] == 'a') continue;
        VkWriteDescriptorSet *write = &writes[count++];
        *write = (VkWriteDescriptorSet){
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = set,
            .dstBinding = b,
            .descriptorCount = 1,
        };
        if (layout->access[b] == 's') {
            buffers[b] = (VkDescriptorBufferInfo){span.buffer->handle, span.offset, span.bytes};
            write->descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
            write->pBufferInfo = &buffers[b];
        } else {
            hrm_status status = get_view(program, view_table, views, span, &texels[b]);
            if (status != HRM_OK) return status;
            write->descriptorType = layout->access[b] == 't' ? VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER
                                                             : VK_DESCRIPTOR_TYPE_STORAGE_TEXEL_BUFFER;
            write->pTexelBufferView = &texels[b];
        }
    }
    device->vk.vkUpdateDescriptorSets(device->handle, count, writes, 0, NULL);
    return HRM_OK;
}

static hrm_status resolve_pipelines(hrm_program *program) {
    hrm_status status;
    hrm_device *device = program->device;
    for (uint32_t c = 0; c < program->list.count; c++) {
        hrm_command *command = &program->list.items[c];
        if (command->kind != HRM_COMMAND_DISPATCH) continue;
        const hrm_kernel_state *state;
        HRM_TRY(hrm_kernel_get_state(device, command->kernel, &state));
        command->layout = state->layout;
        command->pipeline_layout = state->pipeline_layout;
        HRM_TRY(
            hrm_kernel_get_pipeline(device, command->kernel, command->specs, command->spec_count, &command->pipeline));
        continue;
    fail:
        return hrm_fail_prefix(status, "%s", command->label);
    }
    return HRM_OK;
}

hrm_status hrm_program_bind_all(hrm_program *program) {
    hrm_status status;
    hrm_device *device = program->device;
    hrm_command_list *list = &program->list;
    index_table set_table = {NULL, 0}, view_table = {NULL, 0};
    set_entry *sets = NULL;
    view_entry *views = NULL;
    uint32_t *first_user = NULL; /* command that made each set */
    uint32_t set_count = 0, storage = 0, texel = 0, image = 0;
    HRM_TRY(resolve_pipelines(program));

    uint32_t most = list->count ? list->count : 1;
    sets = calloc(most, sizeof *sets);
    first_user = calloc(most, sizeof *first_user);
    if (!sets || !first_user) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "program: no host memory");
        goto fail;
    }
    HRM_TRY(index_init(&set_table, most));
    for (uint32_t c = 0; c < list->count; c++) {
        const hrm_command *command = &list->items[c];
        if (command->kind != HRM_COMMAND_DISPATCH) continue;
        const hrm_kernel_layout *layout = &device->kernels.layouts[command->layout];
        if (layout->storage + layout->texel + layout->image == 0) continue;
        set_key key;
        make_set_key(command, layout, &key);
        uint32_t *slot = index_find(&set_table, sets, sizeof *sets, &key, sizeof key);
        if (*slot) continue;
        sets[set_count].key = key;
        first_user[set_count] = c;
        *slot = ++set_count;
        storage += layout->storage;
        texel += layout->texel;
        image += layout->image;
    }
    if (set_count == 0) goto fail; /* status is HRM_OK: nothing to bind */

    VkDescriptorPoolSize sizes[3];
    uint32_t size_count = 0;
    if (storage) sizes[size_count++] = (VkDescriptorPoolSize){VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, storage};
    if (texel) sizes[size_count++] = (VkDescriptorPoolSize){VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, texel};
    if (image) sizes[size_count++] = (VkDescriptorPoolSize){VK_DESCRIPTOR_TYPE_STORAGE_TEXEL_BUFFER, image};
    const VkDescriptorPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .maxSets = set_count,
        .poolSizeCount = size_count,
        .pPoolSizes = sizes,
    };
    HRM_TRY(HRM_VK(device->vk.vkCreateDescriptorPool(device->handle, &pool, NULL, &program->descriptors)));
    uint32_t view_most = texel + image ? texel + image : 1;
    program->views = calloc(view_most, sizeof *program->views);
    views = calloc(view_most, sizeof *views);
    if (!program->views || !views) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "program: no host memory");
        goto fail;
    }
    HRM_TRY(index_init(&view_table, view_most));
    for (uint32_t s = 0; s < set_count; s++) {
        const hrm_command *command = &list->items[first_user[s]];
        const VkDescriptorSetAllocateInfo allocate = {
            .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
            .descriptorPool = program->descriptors,
            .descriptorSetCount = 1,
            .pSetLayouts = &device->kernels.layouts[command->layout].set,
        };
        HRM_TRY(HRM_VK(device->vk.vkAllocateDescriptorSets(device->handle, &allocate, &sets[s].set)));
        HRM_TRY(write_set(program, command, sets[s].set, &view_table, views));
    }
    for (uint32_t c = 0; c < list->count; c++) {
        hrm_command *command = &list->items[c];
        if (command->kind != HRM_COMMAND_DISPATCH) continue;
        const hrm_kernel_layout *layout = &device->kernels.layouts[command->layout];
        if (layout->storage + layout->texel + layout->image == 0) continue;
        set_key key;
        make_set_key(command, layout, &key);
        command->set = sets[*index_find(&set_table, sets, sizeof *sets, &key, sizeof key) - 1].set;
    }
fail:
    free(set_table.slots);
    free(view_table.slots);
    free(first_user);
    free(sets);
    free(views);
    return status;
}
