/* Stands in for Intel's i915 kernel driver, so that Mesa's own Vulkan driver (ANV) opens an Intel GPU on a machine with
 * none.
 *
 *   cc -std=c11 -shared -fPIC node.c i915.c -o libkmd_i915.so $(pkg-config --cflags libdrm) -ldl -lpthread
 *   HRM_LAB_CHIP=dg2 NODEVICE_SELECT=1 VK_ICD_FILENAMES=/usr/share/vulkan/icd.d/intel_icd.json \
 *       LD_PRELOAD=./libkmd_i915.so hrm devices
 *
 * Kernels are compiled to the chip's real instructions, with statistics: one executable a pipeline, at the SIMD width
 * that ANV took. Programs run, but nothing is computed: a submit signals what it should signal, and answers timestamp
 * queries from a clock that counts its readings. Environment: node.h. Local memory is 8 GiB unless set, all of it
 * visible to the host unless set; ANV takes a window of 0 for all, so that is refused. Leave Mesa's INTEL_NO_HW
 * unset: with it ANV asks less (no topology, no memory regions: even a discrete card then has no memory of its own),
 * never submits, and in Mesa 22.3 crashes on an Arc where a kernel spills registers.
 *
 * Sources: the kernel's interface is i915_drm.h; what is asked, and which answers are taken, was read in Mesa's
 * src/intel (dev, common/i915, vulkan/i915). Chips: PCI ids and topologies are the kernel's and Intel's public tables.
 */
#define _GNU_SOURCE 1
#include "node.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libdrm/i915_drm.h> /* by this path it is a system header: it has an array of size 0 */

/* Each chip has one slice with this many subslices (Xe-cores) of this many vector units. ANV itself groups those of the
 * newer chips into slices. */
struct intel_chip {
    struct kmd_chip chip;
    bool discrete;
    uint8_t subslices, units;
    uint8_t compute_engines; /* beside the render engine */
    int timestamp_hz;
};

#define INTEL(name, id, revision)                                                                                      \
    { name, 0x8086, id, revision }
static const struct intel_chip chips[] = {
    {INTEL("skl", 0x1912, 0x06), false, 3, 8, 0, 12000000},  /* HD Graphics 530 */
    {INTEL("kbl", 0x5912, 0x04), false, 3, 8, 0, 12000000},  /* HD Graphics 630 */
    {INTEL("icl", 0x8a52, 0x07), false, 8, 8, 0, 12000000},  /* Iris Plus Graphics G7 */
    {INTEL("tgl", 0x9a49, 0x01), false, 6, 16, 0, 19200000}, /* Iris Xe, 96 units */
    {INTEL("adl", 0x4680, 0x0c), false, 2, 16, 0, 19200000}, /* UHD Graphics 770, 32 units */
    {INTEL("rpl", 0xa7a0, 0x04), false, 6, 16, 0, 19200000}, /* Iris Xe, 96 units */
    {INTEL("dg1", 0x4905, 0x01), true, 6, 16, 0, 19200000},  /* Iris Xe MAX */
    {INTEL("a380", 0x56a5, 0x05), true, 8, 16, 1, 19200000}, /* Arc A380 */
    {INTEL("dg2", 0x56a0, 0x08), true, 32, 16, 1, 19200000}, /* Arc A770 */
    {INTEL("mtl", 0x7d55, 0x04), false, 8, 16, 1, 19200000}, /* Arc Graphics of Meteor Lake; Mesa 23.1 or newer */
    {INTEL("bmg", 0xe20b, 0x00), true, 20, 8, 1, 19200000},  /* Arc B580; Mesa 26 or newer */
};

static const struct intel_chip *self;
static uint64_t local_bytes, visible_bytes, system_bytes;

static const struct kmd_chip *chip_at(size_t index) {
    return index < sizeof chips / sizeof *chips ? &chips[index].chip : NULL;
}

static bool setup(const struct kmd_chip *chip) {
    self = (const struct intel_chip *)chip; /* its first member */
    system_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    if (!self->discrete) return true;
    if (!kmd_read_mib("HRM_LAB_VRAM_MIB", 256, 8192, &local_bytes)) return false;
    /* 0 would mean to ANV that all is visible */
    if (!kmd_read_mib("HRM_LAB_BAR_MIB", 1, local_bytes >> 20, &visible_bytes)) return false;
    if (visible_bytes > local_bytes) visible_bytes = local_bytes;
    return true;
}

/* ---- questions about the chip ---- */

static int get_param(const struct drm_i915_getparam *get) {
    switch (get->param) {
    case I915_PARAM_HAS_EXECBUF2:
    case I915_PARAM_HAS_WAIT_TIMEOUT:
    case I915_PARAM_HAS_EXEC_NO_RELOC:
    case I915_PARAM_HAS_EXEC_HANDLE_LUT:
    case I915_PARAM_HAS_EXEC_SOFTPIN:
    case I915_PARAM_HAS_EXEC_ASYNC:
    case I915_PARAM_HAS_EXEC_FENCE:
    case I915_PARAM_HAS_EXEC_CAPTURE:
    case I915_PARAM_HAS_EXEC_BATCH_FIRST:
    case I915_PARAM_HAS_EXEC_FENCE_ARRAY:
    case I915_PARAM_HAS_CONTEXT_ISOLATION:
    case I915_PARAM_HAS_EXEC_TIMELINE_FENCES:
    case I915_PARAM_HAS_USERPTR_PROBE:
        *get->value = 1;
        return 0;
    case I915_PARAM_MMAP_VERSION:
        *get->value = 1;
        return 0; /* write-combined maps */
    case I915_PARAM_MMAP_GTT_VERSION:
        *get->value = 4;
        return 0; /* maps by offset */
    case I915_PARAM_CHIPSET_ID:
        *get->value = self->chip.device;
        return 0;
    case I915_PARAM_REVISION:
        *get->value = self->chip.revision;
        return 0;
    case I915_PARAM_HAS_LLC:
        *get->value = !self->discrete;
        return 0;
    case I915_PARAM_EU_TOTAL:
        *get->value = self->subslices * self->units;
        return 0;
    case I915_PARAM_SUBSLICE_TOTAL:
        *get->value = self->subslices;
        return 0;
    case I915_PARAM_SLICE_MASK:
        *get->value = 1;
        return 0;
    case I915_PARAM_SUBSLICE_MASK:
        *get->value = (int)((UINT64_C(1) << self->subslices) - 1);
        return 0;
    case I915_PARAM_CS_TIMESTAMP_FREQUENCY:
        *get->value = self->timestamp_hz;
        return 0;
    default:
        return -EINVAL; /* the kernel's own answer to what it does not know */
    }
}

/* The answers to queries: written to data, unless NULL; the number of bytes is returned. */
static int32_t topology(void *data) {
    const unsigned subslice_bytes = (self->subslices + 7u) / 8u, unit_bytes = (self->units + 7u) / 8u;
    const unsigned bytes = 1 + subslice_bytes + self->subslices * unit_bytes;
    if (data) {
        struct drm_i915_query_topology_info *info = data;
        memset(info, 0, sizeof *info + bytes);
        info->max_slices = 1;
        info->max_subslices = self->subslices;
        info->max_eus_per_subslice = self->units;
        info->subslice_offset = 1;
        info->subslice_stride = (uint16_t)subslice_bytes;
        info->eu_offset = (uint16_t)(1 + subslice_bytes);
        info->eu_stride = (uint16_t)unit_bytes;
        info->data[0] = 1;
        for (unsigned s = 0; s < self->subslices; s++) info->data[1 + s / 8] |= (uint8_t)(1u << s % 8);
        memset(info->data + info->eu_offset, 0xff, self->subslices * unit_bytes); /* units come in eights */
    }
    return (int32_t)(sizeof(struct drm_i915_query_topology_info) + bytes);
}

static int32_t engines(void *data) {
    const uint32_t count = 1u + self->compute_engines;
    const size_t bytes = sizeof(struct drm_i915_query_engine_info) + count * sizeof(struct drm_i915_engine_info);
    if (data) {
        struct drm_i915_query_engine_info *info = data;
        memset(info, 0, bytes);
        info->num_engines = count;
        info->engines[0].engine.engine_class = I915_ENGINE_CLASS_RENDER;
        for (uint16_t i = 1; i < count; i++) {
            info->engines[i].engine.engine_class = I915_ENGINE_CLASS_COMPUTE;
            info->engines[i].engine.engine_instance = (uint16_t)(i - 1);
        }
    }
    return (int32_t)bytes;
}

static int32_t memory_regions(void *data) {
    const uint32_t count = self->discrete ? 2 : 1;
    const size_t bytes =
        sizeof(struct drm_i915_query_memory_regions) + count * sizeof(struct drm_i915_memory_region_info);
    if (data) {
        struct drm_i915_query_memory_regions *info = data;
        memset(info, 0, bytes);
        info->num_regions = count;
        info->regions[0].region.memory_class = I915_MEMORY_CLASS_SYSTEM;
        info->regions[0].probed_size = info->regions[0].unallocated_size = system_bytes;
        if (self->discrete) {
            struct drm_i915_memory_region_info *local = &info->regions[1];
            local->region.memory_class = I915_MEMORY_CLASS_DEVICE;
            local->probed_size = local->unallocated_size = local_bytes;
            local->probed_cpu_visible_size = local->unallocated_cpu_visible_size = visible_bytes;
        }
    }
    return (int32_t)bytes;
}

static int query(const struct drm_i915_query *query) {
    struct drm_i915_query_item *items = (struct drm_i915_query_item *)(uintptr_t)query->items_ptr;
    for (uint32_t i = 0; i < query->num_items; i++) {
        int32_t (*answer)(void *data) = NULL;
        switch (items[i].query_id) {
        case DRM_I915_QUERY_TOPOLOGY_INFO:
        case DRM_I915_QUERY_GEOMETRY_SUBSLICES:
            answer = topology;
            break;
        case DRM_I915_QUERY_ENGINE_INFO:
            answer = engines;
            break;
        case DRM_I915_QUERY_MEMORY_REGIONS:
            answer = memory_regions;
            break;
        default:
            break; /* performance counters, the firmware's table: ANV has its own values */
        }
        int32_t bytes = answer ? answer(NULL) : -EINVAL;
        if (bytes > 0 && items[i].length != 0) {
            if (items[i].length < bytes) {
                bytes = -EINVAL;
            } else {
                answer((void *)(uintptr_t)items[i].data_ptr);
            }
        }
        items[i].length = bytes;
    }
    return 0;
}

/* ---- submits ---- */

/* A walk through the commands of a submit. Of all that they would do only stores of constants and of the time are done:
 * they are what a query's results and their "available" consist of, and a program may wait for these. */
typedef struct walk {
    const struct drm_i915_gem_exec_object2 *objects;
    uint32_t object_count;
    uint64_t page; /* address of what commands holds, 1 at first */
    uint32_t commands[1024];
} walk;

enum { PAGE = 4096, MAX_COMMANDS = 1 << 24, MAX_CALLS = 4 };

/* Commands, by their topmost bits; i915_drm.h has none of them. Source: Intel's programmer's reference manuals, volume
 * 2a. */
enum {
    TYPE_MI = 0,
    TYPE_COPY = 2,
    TYPE_3D = 3,
    TYPE_BARRIER = 5, /* from Xe2 on */
    MI_FIRST_WITH_LENGTH = 0x10,
    MI_BATCH_BUFFER_END = 0x0a,
    MI_STORE_DATA_IMM = 0x20,
    MI_STORE_REGISTER_MEM = 0x24,
    MI_BATCH_BUFFER_START = 0x31,
    PIPE_CONTROL = 0x7a00,
    PIPELINE_SELECT = 0x6904, /* these two have no length: they are one word */
    VF_STATISTICS = 0x680b,
    WRITE_IMMEDIATE = 1, /* what PIPE_CONTROL stores */
    WRITE_TIMESTAMP = 3,
    REGISTER_TIMESTAMP = 0x358, /* of any engine: the offset in the engine's own registers */
};

static uint64_t address_bits(uint64_t address) {
    return address & ((UINT64_C(1) << 48) - 1);
}

/* Where in the node the GPU's address is; false where no buffer of the submit is. */
static bool locate(const walk *w, uint64_t address, uint64_t bytes, uint64_t *offset) {
    for (uint32_t i = 0; i < w->object_count; i++) {
        const uint64_t start = address_bits(w->objects[i].offset);
        struct kmd_buffer buffer;
        if (address < start || !kmd_buffer_find(w->objects[i].handle, &buffer)) continue;
        if (address - start > buffer.bytes || buffer.bytes - (address - start) < bytes) continue;
        *offset = buffer.offset + (address - start);
        return true;
    }
    return false;
}

static bool fetch(walk *w, uint64_t address, uint32_t *word) {
    const uint64_t page = address & ~(uint64_t)(PAGE - 1);
    if (page != w->page) {
        uint64_t offset;
        if (!locate(w, page, PAGE, &offset) || !kmd_memory_read(offset, w->commands, PAGE)) return false;
        w->page = page;
    }
    *word = w->commands[(address - page) / 4];
    return true;
}

static void store(const walk *w, uint32_t low, uint32_t high, uint64_t value, size_t bytes) {
    uint64_t offset;
    if (locate(w, address_bits((uint64_t)high << 32 | (low & ~3u)), bytes, &offset)) {
        kmd_memory_write(offset, &value, bytes);
    }
}

/* The GPU's clock stands still but for a step of 10 microseconds at each reading: the same run gives the same times. */
static uint64_t read_clock(void) {
    static atomic_uint_fast64_t readings;
    return (atomic_fetch_add(&readings, 1) + 1) * (uint64_t)(self->timestamp_hz / 100000);
}

/* False where what follows is no command this knows the length of. */
static bool walk_commands(walk *w, uint64_t at) {
    uint64_t calls[MAX_CALLS];
    unsigned depth = 0;
    for (unsigned n = 0; n < MAX_COMMANDS; n++) {
        uint32_t c[6] = {0};
        if (!fetch(w, at, &c[0])) return false;
        const uint32_t type = c[0] >> 29, op = c[0] >> 23 & 0x3f, kind = c[0] >> 16;
        if (type != TYPE_MI && type != TYPE_COPY && type != TYPE_3D && type != TYPE_BARRIER) return false;
        const bool single =
            type == TYPE_MI ? op < MI_FIRST_WITH_LENGTH : kind == PIPELINE_SELECT || kind == VF_STATISTICS;
        const uint32_t words = single ? 1 : (c[0] & 0xff) + 2;
        for (uint32_t i = 1; i < words && i < 6; i++) {
            if (!fetch(w, at + 4ull * i, &c[i])) return false;
        }
        at += 4ull * words;
        if (kind == PIPE_CONTROL) {
            const uint32_t what = c[1] >> 14 & 3;
            if (what == WRITE_IMMEDIATE) store(w, c[2], c[3], (uint64_t)c[5] << 32 | c[4], 8);
            if (what == WRITE_TIMESTAMP) store(w, c[2], c[3], read_clock(), 8);
        }
        if (type != TYPE_MI) continue;
        switch (op) {
        case MI_STORE_DATA_IMM:
            store(w, c[1], c[2], (uint64_t)c[4] << 32 | c[3], (c[0] >> 21 & 1) ? 8 : 4);
            break;
        case MI_STORE_REGISTER_MEM:
            if ((c[1] & 0xfff) == REGISTER_TIMESTAMP) store(w, c[2], c[3], read_clock(), 8);
            break;
        case MI_BATCH_BUFFER_START:
            if (c[0] >> 22 & 1) { /* comes back */
                if (depth == MAX_CALLS) return false;
                calls[depth++] = at;
            }
            at = address_bits((uint64_t)c[2] << 32 | (c[1] & ~3u));
            break;
        case MI_BATCH_BUFFER_END:
            if (depth == 0) return true;
            at = calls[--depth];
            break;
        default:
            break;
        }
    }
    return false;
}

static void run_stores(const struct drm_i915_gem_execbuffer2 *exec) {
    if (exec->buffer_count == 0) return;
    walk w = {.objects = (const struct drm_i915_gem_exec_object2 *)(uintptr_t)exec->buffers_ptr,
              .object_count = exec->buffer_count,
              .page = 1};
    const uint32_t first = (exec->flags & I915_EXEC_BATCH_FIRST) ? 0 : exec->buffer_count - 1;
    if (!walk_commands(&w, address_bits(w.objects[first].offset) + exec->batch_start_offset) &&
        getenv("HRM_LAB_TRACE")) {
        fprintf(stderr, "kmd_i915: the commands of a submit could not be followed to their end\n");
    }
}

/* Does only what other code waits for: stores, and signalling. */
static int submit(const struct drm_i915_gem_execbuffer2 *exec) {
    run_stores(exec);
    if (exec->flags & I915_EXEC_FENCE_ARRAY) {
        const struct drm_i915_gem_exec_fence *fences =
            (const struct drm_i915_gem_exec_fence *)(uintptr_t)exec->cliprects_ptr;
        for (uint32_t i = 0; i < exec->num_cliprects; i++) {
            if (fences[i].flags & I915_EXEC_FENCE_SIGNAL) kmd_syncobj_signal(fences[i].handle, 0);
        }
    }
    if (!(exec->flags & I915_EXEC_USE_EXTENSIONS)) return 0;
    const struct i915_user_extension *extension = (const struct i915_user_extension *)(uintptr_t)exec->cliprects_ptr;
    for (; extension; extension = (const struct i915_user_extension *)(uintptr_t)extension->next_extension) {
        if (extension->name != DRM_I915_GEM_EXECBUFFER_EXT_TIMELINE_FENCES) return -EINVAL;
        const struct drm_i915_gem_execbuffer_ext_timeline_fences *timeline =
            (const struct drm_i915_gem_execbuffer_ext_timeline_fences *)(const void *)extension;
        const struct drm_i915_gem_exec_fence *fences =
            (const struct drm_i915_gem_exec_fence *)(uintptr_t)timeline->handles_ptr;
        const uint64_t *points = (const uint64_t *)(uintptr_t)timeline->values_ptr;
        for (uint64_t i = 0; i < timeline->fence_count; i++) {
            if (fences[i].flags & I915_EXEC_FENCE_SIGNAL) kmd_syncobj_signal(fences[i].handle, points[i]);
        }
    }
    return 0;
}

/* ---- memory and contexts ---- */

/* Where a buffer lies, locally or not, makes no difference here. */
static int create_buffer(__u64 *bytes, __u32 *handle) {
    *bytes = (*bytes + 4095) & ~(__u64)4095;
    return kmd_buffer_create(*bytes, 0, handle);
}

static int map_offset(struct drm_i915_gem_mmap_offset *map) {
    struct kmd_buffer buffer;
    if (!kmd_buffer_find(map->handle, &buffer)) return -ENOENT;
    map->offset = buffer.offset;
    return 0;
}

static int get_context_param(struct drm_i915_gem_context_param *get) {
    switch (get->param) {
    case I915_CONTEXT_PARAM_GTT_SIZE:
        get->value = UINT64_C(1) << 48;
        break;
    case I915_CONTEXT_PARAM_VM:
        get->value = 1;
        break;
    default:
        get->value = 0;
        break;
    }
    return 0;
}

static int driver_ioctl(unsigned nr, void *argument) {
    switch (nr) {
    case DRM_I915_GETPARAM:
        return get_param(argument);
    case DRM_I915_QUERY:
        return query(argument);
    case DRM_I915_GEM_EXECBUFFER2:
        return submit(argument);
    case DRM_I915_GEM_CREATE: {
        struct drm_i915_gem_create *create = argument;
        return create_buffer(&create->size, &create->handle);
    }
    case DRM_I915_GEM_CREATE_EXT: {
        struct drm_i915_gem_create_ext *create = argument;
        return create_buffer(&create->size, &create->handle);
    }
    case DRM_I915_GEM_USERPTR: {
        struct drm_i915_gem_userptr *user = argument; /* mapped by its owner already, never by the node */
        return create_buffer(&user->user_size, &user->handle);
    }
    case DRM_I915_GEM_MMAP_GTT:
        return map_offset(argument); /* MMAP_OFFSET has the same number */
    case DRM_I915_GEM_BUSY:
        ((struct drm_i915_gem_busy *)argument)->busy = 0;
        return 0;
    case DRM_I915_GEM_MADVISE:
        ((struct drm_i915_gem_madvise *)argument)->retained = 1;
        return 0;
    case DRM_I915_GEM_GET_APERTURE: {
        struct drm_i915_gem_get_aperture *aperture = argument;
        aperture->aper_size = aperture->aper_available_size = UINT64_C(1) << 32;
        return 0;
    }
    case DRM_I915_GEM_SET_TILING:
    case DRM_I915_GEM_GET_TILING:
        return -EOPNOTSUPP; /* images only */
    case DRM_I915_GEM_SET_CACHING:
    case DRM_I915_GEM_SET_DOMAIN:
    case DRM_I915_GEM_WAIT:
        return 0;
    /* One context and one address space serve all: nothing is executed. */
    case DRM_I915_GEM_CONTEXT_CREATE:
        ((struct drm_i915_gem_context_create *)argument)->ctx_id = 1;
        return 0;
    case DRM_I915_GEM_VM_CREATE:
        ((struct drm_i915_gem_vm_control *)argument)->vm_id = 1;
        return 0;
    case DRM_I915_GEM_CONTEXT_GETPARAM:
        return get_context_param(argument);
    case DRM_I915_GEM_CONTEXT_SETPARAM:
    case DRM_I915_GEM_CONTEXT_DESTROY:
    case DRM_I915_GEM_VM_DESTROY:
        return 0;
    case DRM_I915_GET_RESET_STATS: {
        struct drm_i915_reset_stats *stats = argument;
        stats->reset_count = stats->batch_active = stats->batch_pending = 0;
        return 0;
    }
    case DRM_I915_REG_READ: { /* the clock is the one register ANV reads */
        struct drm_i915_reg_read *reg = argument;
        reg->val = read_clock();
        return 0;
    }
    default:
        return -ENOSYS;
    }
}

const struct kmd_driver kmd_driver = {
    .name = "i915",
    .major = 1,
    .minor = 6,
    .patch = 0,
    .chip = chip_at,
    .setup = setup,
    .ioctl = driver_ioctl,
};
