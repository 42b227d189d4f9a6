/* A stand-in for Linux's amdgpu kernel driver: see node.h, which it is built with.
 *
 * Mesa's RADV then opens one of the chips of amdgpu_chips.c on a machine without a graphics card: its compiler and its
 * heaps are the real ones, its submits do nothing.
 *
 *   cc -shared -fPIC -o libkmd_amdgpu.so amdgpu.c amdgpu_chips.c node.c $(pkg-config --cflags libdrm)
 *   HRM_LAB_CHIP=navi31 LD_PRELOAD=./libkmd_amdgpu.so NODEVICE_SELECT=1 VK_ICD_FILENAMES=radeon_icd.json program
 *
 * Memory as on the real thing: a discrete card has HRM_LAB_VRAM_MIB (8192) of its own, of which the host sees
 * HRM_LAB_BAR_MIB (256; 0: nothing), and 8 GiB of the machine's (GTT). What does not fit its heap goes to GTT where the
 * caller allows that, and is refused otherwise; what the host may not see cannot be mapped. An integrated chip has 512
 * MiB carved out for it unless HRM_LAB_VRAM_MIB says otherwise, all visible.
 *
 * To a program the chip is a real one: give it its own XDG_CACHE_HOME, or what it measured here, where nothing takes
 * any time, is kept for a card of the same kind.
 *
 * Tried with Mesa 22.3.6, 25.0.7 (from which on it knows gfx12 and gfx1151) and 26.1.6. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include "amdgpu_chips.h"
#include "node.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <amdgpu_drm.h>
#include <drm.h>

/* Names that older headers lack. */
#define IDS_CONFORMANT_TRUNC_COORD 0x8
#define INFO_MAX_IBS 0x22

#define MIB (UINT64_C(1) << 20)
#define GTT_BYTES (8192 * MIB)

static const struct amd_chip *chip;
static uint64_t vram_bytes, visible_bytes;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t vram_used, visible_used, gtt_used;
static uint64_t submits;
static uint32_t contexts;

static uint32_t gfx_major(void) {
    return chip->id.gfx >> 16;
}

static const struct kmd_chip *chip_at(size_t index) {
    return index < amd_chip_count ? &amd_chips[index].base : NULL;
}

static bool setup(const struct kmd_chip *chosen) {
    chip = (const struct amd_chip *)chosen;
    if (!kmd_read_mib("HRM_LAB_VRAM_MIB", 64, chip->integrated ? 512 : 8192, &vram_bytes)) return false;
    if (!kmd_read_mib("HRM_LAB_BAR_MIB", 0, 256, &visible_bytes)) return false;
    if (chip->integrated || visible_bytes > vram_bytes) visible_bytes = vram_bytes;
    return true;
}

/* ---- what the chip is ---- */

/* Fields that became names only in newer headers; their places are fixed for ever. */
static void put_u32(void *answer, size_t offset, uint32_t value) {
    memcpy((unsigned char *)answer + offset, &value, sizeof value);
}

/* The end of drm_amdgpu_info_device since Linux 6.2, behind tcc_disabled_mask. */
struct device_tail {
    uint64_t min_engine_khz, min_memory_khz;
    uint32_t vector_cache_kib, scalar_caches_per_pair, scalar_cache_kib, instruction_cache_kib;
    uint32_t first_level_kib, second_level_kib;
    uint64_t last_level_bytes;
    uint32_t backends_high;
    uint32_t shadow[4]; /* bytes and alignment of what a preempted queue saves: no queue here is preempted */
    uint32_t user_queues, pad;
};

struct device_answer {
    struct drm_amdgpu_info_device head;
    unsigned char room[sizeof(struct device_tail)]; /* for headers that end with the mask */
};

static void describe_device(struct device_answer *answer) {
    struct drm_amdgpu_info_device *head = &answer->head;
    uint32_t generation = gfx_major();
    memset(answer, 0, sizeof *answer);
    head->device_id = chip->base.device;
    head->pci_rev = chip->base.revision;
    head->chip_rev = 1;
    head->external_rev = chip->id.external_rev;
    head->family = chip->id.family;
    head->num_shader_engines = chip->shape.engines;
    head->num_shader_arrays_per_engine = chip->shape.arrays;
    head->gpu_counter_freq = chip->clock.counter_khz;
    head->max_engine_clock = chip->clock.engine_mhz * 1000u;
    head->max_memory_clock = chip->clock.memory_mhz * 1000u;
    head->cu_active_number = chip->shape.engines * chip->shape.arrays * chip->shape.units;
    for (uint32_t engine = 0; engine < chip->shape.engines; engine++) {
        /* engines past the fourth sit beside the first ones */
        for (uint32_t array = 0; array < chip->shape.arrays; array++) {
            head->cu_bitmap[engine % 4][engine / 4 * 2 + array] = (1u << chip->shape.units) - 1;
        }
    }
    head->enabled_rb_pipes_mask = (1u << chip->shape.backends) - 1;
    head->num_rb_pipes = chip->shape.backends;
    head->num_hw_gfx_contexts = 8;
    head->ids_flags =
        (chip->integrated ? AMDGPU_IDS_FLAGS_FUSION : 0) | (generation >= 11 ? IDS_CONFORMANT_TRUNC_COORD : 0);
    head->virtual_address_offset = 2 * MIB;
    head->virtual_address_max = generation >= 9 ? UINT64_C(1) << 47 : UINT64_C(1) << 40;
    head->virtual_address_alignment = 4096;
    head->high_va_offset = generation >= 9 ? UINT64_C(0xffff800000000000) : 0;
    head->high_va_max = generation >= 9 ? UINT64_C(0xffffffffffe00000) : 0;
    head->pte_fragment_size = 2 * MIB;
    head->gart_page_size = 4096;
    head->ce_ram_size = generation < 11 ? 32768 : 0;
    head->vram_type = chip->memory.type;
    head->vram_bit_width = chip->memory.bits;
    head->gc_double_offchip_lds_buf = 1;
    head->wave_front_size = generation >= 10 ? 32 : 64;
    head->num_shader_visible_vgprs = chip->shape.registers;
    head->num_cu_per_sh = chip->shape.units;
    head->num_tcc_blocks = chip->cache.banks;
    head->gs_vgt_table_depth = 32;
    head->gs_prim_buffer_depth = 1792;
    head->max_gs_waves_per_vgt = 32;
    put_u32(answer, offsetof(struct drm_amdgpu_info_device, ids_flags) - 4, 4);     /* generation of PCI Express */
    put_u32(answer, offsetof(struct drm_amdgpu_info_device, cu_ao_bitmap) - 4, 16); /* its lanes */
    struct device_tail tail = {
        .min_engine_khz = 500000,
        .min_memory_khz = 96000,
        .last_level_bytes = chip->cache.last_level_mib * MIB,
    };
    if (generation >= 11) {
        tail.vector_cache_kib = 32;
        tail.scalar_caches_per_pair = 1;
        tail.scalar_cache_kib = 16;
        tail.instruction_cache_kib = 32;
        tail.first_level_kib = generation == 11 ? 256 : 0;
        tail.second_level_kib = chip->cache.kib;
    }
    memcpy((unsigned char *)answer + offsetof(struct drm_amdgpu_info_device, tcc_disabled_mask) + 8, &tail,
           sizeof tail);
}

/* The engines that run commands: graphics, compute and copy; nothing for video. */
static int describe_engine(uint32_t type, uint32_t instance, struct drm_amdgpu_info_hw_ip *answer) {
    uint32_t version = type == AMDGPU_HW_IP_DMA ? chip->id.sdma : chip->id.gfx;
    memset(answer, 0, sizeof *answer);
    if (instance != 0 || type > AMDGPU_HW_IP_DMA) return type < AMDGPU_HW_IP_NUM ? 0 : -EINVAL;
    answer->hw_ip_version_major = version >> 16;
    answer->hw_ip_version_minor = version >> 8 & 0xff;
    answer->ib_start_alignment = type == AMDGPU_HW_IP_DMA ? 256 : 32;
    answer->ib_size_alignment = type == AMDGPU_HW_IP_DMA ? 4 : 32;
    answer->available_rings = type == AMDGPU_HW_IP_GFX ? 0x1 : type == AMDGPU_HW_IP_COMPUTE ? 0xf : 0x3;
    /* chips before Vega cannot tell their exact versions */
    if (gfx_major() >= 9) put_u32(answer, offsetof(struct drm_amdgpu_info_hw_ip, available_rings) + 4, version);
    return 0;
}

/* How Polaris tiles images: the register of one kind of surface. */
static uint32_t tile_mode(uint32_t index) {
    enum { LINEAR = 1, TILED_1D = 2, TILED_2D = 4 };
    enum { DISPLAY = 0, THIN = 1, DEPTH = 2, ROTATED = 3 };
    const uint32_t pipes_8_32x32_16x16 = 12;
    uint32_t layout = TILED_2D, kind = THIN, split = 0, samples = 0;
    if (index < 5) {
        kind = DEPTH;
        split = index < 4 ? index : 5;
    } else if (index == 5) {
        layout = TILED_1D;
        kind = DEPTH;
    } else if (index == 8) {
        layout = LINEAR;
        kind = DISPLAY;
    } else if (index == 9 || index == 13 || index == 27) {
        layout = TILED_1D;
        kind = index == 9 ? DISPLAY : index == 13 ? THIN : ROTATED;
    } else {
        kind = index < 13 ? DISPLAY : index < 27 ? THIN : ROTATED;
        samples = 1;
    }
    return layout << 2 | pipes_8_32x32_16x16 << 6 | split << 11 | kind << 22 | samples << 25;
}

static int read_register(uint32_t number, uint32_t *value) {
    *value = 0;
    if (number == 0x263e) {
        *value = chip->memory.addressing;
        return 0;
    }
    if (gfx_major() >= 9) return -EINVAL;
    if (number >= 0x2644 && number < 0x2664) {
        *value = tile_mode(number - 0x2644);
    } else if (number >= 0x2664 && number < 0x2674) {
        *value = 1 << 2 | 1 << 4 | 3 << 6; /* banks of two tiles' height, aspect 2, 16 of them */
    } else if (number == 0xa0d4) {
        *value = 0x16000012; /* PA_SC_RASTER_CONFIG */
    } else if (number == 0xa0d5) {
        *value = 0x0000002a;
    } else if (number == 0x09d8) {
        *value = 2;                /* MC_ARB_RAMCFG: 16 banks */
    } else if (number != 0x263d) { /* CC_RB_BACKEND_DISABLE: none is */
        return -EINVAL;
    }
    return 0;
}

static uint64_t counter_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t microseconds = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    return microseconds * (chip->clock.counter_khz / 1000);
}

static struct drm_amdgpu_heap_info describe_heap(uint64_t bytes, uint64_t used) {
    return (struct drm_amdgpu_heap_info){
        .total_heap_size = bytes, .usable_heap_size = bytes, .heap_usage = used, .max_allocation = bytes / 4 * 3};
}

static int info(const struct drm_amdgpu_info *request) {
    union {
        struct device_answer device;
        struct drm_amdgpu_info_hw_ip engine;
        struct drm_amdgpu_info_firmware firmware;
        struct drm_amdgpu_memory_info memory;
        struct drm_amdgpu_info_vram_gtt sizes;
        uint32_t registers[64];
        uint64_t count;
        uint32_t flag;
    } answer;
    size_t bytes = sizeof answer.count;
    int status = 0;
    memset(&answer, 0, sizeof answer);
    pthread_mutex_lock(&lock);
    switch (request->query) {
    case AMDGPU_INFO_ACCEL_WORKING:
        answer.flag = 1;
        bytes = sizeof answer.flag;
        break;
    case AMDGPU_INFO_DEV_INFO:
        describe_device(&answer.device);
        bytes = sizeof answer.device;
        break;
    case AMDGPU_INFO_HW_IP_INFO:
        status = describe_engine(request->query_hw_ip.type, request->query_hw_ip.ip_instance, &answer.engine);
        bytes = sizeof answer.engine;
        break;
    case AMDGPU_INFO_HW_IP_COUNT:
        answer.flag = request->query_hw_ip.type <= AMDGPU_HW_IP_DMA;
        bytes = sizeof answer.flag;
        break;
    case AMDGPU_INFO_FW_VERSION: /* newer than any that Mesa works around */
        answer.firmware.ver = 3000;
        answer.firmware.feature = 60;
        bytes = sizeof answer.firmware;
        break;
    case AMDGPU_INFO_READ_MMR_REG:
        bytes = request->read_mmr_reg.count * sizeof *answer.registers;
        if (request->read_mmr_reg.count > sizeof answer.registers / sizeof *answer.registers) status = -EINVAL;
        for (uint32_t i = 0; status == 0 && i < request->read_mmr_reg.count; i++) {
            status = read_register(request->read_mmr_reg.dword_offset + i, &answer.registers[i]);
        }
        break;
    case AMDGPU_INFO_MEMORY:
        answer.memory.vram = describe_heap(vram_bytes, vram_used);
        answer.memory.cpu_accessible_vram = describe_heap(visible_bytes, visible_used);
        answer.memory.gtt = describe_heap(GTT_BYTES, gtt_used);
        bytes = sizeof answer.memory;
        break;
    case AMDGPU_INFO_VRAM_GTT:
        answer.sizes.vram_size = vram_bytes;
        answer.sizes.vram_cpu_accessible_size = visible_bytes;
        answer.sizes.gtt_size = GTT_BYTES;
        bytes = sizeof answer.sizes;
        break;
    case INFO_MAX_IBS: /* command buffers in one submit, by engine; nothing for video */
        answer.registers[AMDGPU_HW_IP_GFX] = 192;
        answer.registers[AMDGPU_HW_IP_COMPUTE] = 124;
        answer.registers[AMDGPU_HW_IP_DMA] = 50;
        bytes = sizeof answer.registers;
        break;
    case AMDGPU_INFO_VRAM_USAGE:
        answer.count = vram_used;
        break;
    case AMDGPU_INFO_VIS_VRAM_USAGE:
        answer.count = visible_used;
        break;
    case AMDGPU_INFO_GTT_USAGE:
        answer.count = gtt_used;
        break;
    case AMDGPU_INFO_TIMESTAMP:
        answer.count = counter_now();
        break;
    case AMDGPU_INFO_NUM_BYTES_MOVED:
    case AMDGPU_INFO_NUM_EVICTIONS:
    case AMDGPU_INFO_NUM_VRAM_CPU_PAGE_FAULTS:
    case AMDGPU_INFO_VRAM_LOST_COUNTER:
        break;
    case AMDGPU_INFO_VIDEO_CAPS:
    case AMDGPU_INFO_SENSOR:
        status = -EINVAL; /* it has neither */
        break;
    default:
        status = -ENOSYS;
    }
    pthread_mutex_unlock(&lock);
    if (status != 0) return status;
    /* an older caller takes less, a newer one gets what there is */
    memcpy((void *)(uintptr_t)request->return_pointer, &answer,
           bytes < request->return_size ? bytes : request->return_size);
    return 0;
}

/* ---- memory ---- */

/* A buffer's tag: where it lives, what it was asked to be. */
enum place { PLACE_VRAM, PLACE_VISIBLE, PLACE_GTT, PLACE_USER, PLACE_ON_CHIP };

static uint64_t make_tag(enum place place, uint64_t domains, uint64_t flags) {
    return (uint64_t)place << 60 | domains << 40 | (flags & UINT64_C(0xffffffffff));
}

static enum place tag_place(uint64_t tag) {
    return (enum place)(tag >> 60);
}

static uint64_t tag_domains(uint64_t tag) {
    return tag >> 40 & 0xfffff;
}

static uint64_t tag_flags(uint64_t tag) {
    return tag & UINT64_C(0xffffffffff);
}

/* Counts a buffer in (or out, as it was put in). */
static void count_in(enum place place, uint64_t bytes) {
    if (place == PLACE_VRAM || place == PLACE_VISIBLE) vram_used += bytes;
    if (place == PLACE_VISIBLE) visible_used += bytes;
    if (place == PLACE_GTT || place == PLACE_USER) gtt_used += bytes;
}

static void count_out(enum place place, uint64_t bytes) {
    if (place == PLACE_VRAM || place == PLACE_VISIBLE) vram_used -= bytes;
    if (place == PLACE_VISIBLE) visible_used -= bytes;
    if (place == PLACE_GTT || place == PLACE_USER) gtt_used -= bytes;
}

/* False where no heap that the caller allows has room. The caller holds the lock. */
static bool choose_place(uint64_t bytes, uint64_t domains, uint64_t flags, enum place *place) {
    bool seen = (flags & AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED) != 0;
    if (!(domains & (AMDGPU_GEM_DOMAIN_VRAM | AMDGPU_GEM_DOMAIN_GTT))) {
        *place = PLACE_ON_CHIP;
        return true;
    }
    if (domains & AMDGPU_GEM_DOMAIN_VRAM && bytes <= vram_bytes - vram_used &&
        (!seen || bytes <= visible_bytes - visible_used)) {
        *place = seen ? PLACE_VISIBLE : PLACE_VRAM;
        return true;
    }
    *place = PLACE_GTT;
    return domains & AMDGPU_GEM_DOMAIN_GTT && bytes <= GTT_BYTES - gtt_used;
}

static int create(union drm_amdgpu_gem_create *argument) {
    const struct drm_amdgpu_gem_create_in in = argument->in;
    uint64_t bytes = (in.bo_size + 4095) & ~UINT64_C(4095);
    enum place place = PLACE_ON_CHIP;
    uint32_t handle = 0;
    if (in.bo_size == 0 || bytes < in.bo_size) return -EINVAL;
    pthread_mutex_lock(&lock);
    int status = choose_place(bytes, in.domains, in.domain_flags, &place)
                     ? kmd_buffer_create(bytes, make_tag(place, in.domains, in.domain_flags), &handle)
                     : -ENOMEM;
    if (status == 0) count_in(place, bytes);
    pthread_mutex_unlock(&lock);
    if (status != 0) return status;
    memset(argument, 0, sizeof *argument);
    argument->out.handle = handle;
    return 0;
}

/* Memory of the program itself: nothing here ever looks at it. */
static int create_user(struct drm_amdgpu_gem_userptr *argument) {
    int status = kmd_buffer_create(argument->size, make_tag(PLACE_USER, AMDGPU_GEM_DOMAIN_GTT, 0), &argument->handle);
    if (status != 0) return status;
    pthread_mutex_lock(&lock);
    count_in(PLACE_USER, argument->size);
    pthread_mutex_unlock(&lock);
    return 0;
}

static void closed(const struct kmd_buffer *buffer) {
    pthread_mutex_lock(&lock);
    count_out(tag_place(buffer->tag), buffer->bytes);
    pthread_mutex_unlock(&lock);
}

static int map(union drm_amdgpu_gem_mmap *argument) {
    struct kmd_buffer buffer;
    if (!kmd_buffer_find(argument->in.handle, &buffer)) return -ENOENT;
    enum place place = tag_place(buffer.tag);
    if (tag_flags(buffer.tag) & AMDGPU_GEM_CREATE_NO_CPU_ACCESS || place == PLACE_USER || place == PLACE_ON_CHIP) {
        return -EPERM;
    }
    /* the real driver moves the rest into the host's view, or out of the card, at the first touch */
    argument->out.addr_ptr = buffer.offset;
    return 0;
}

static int describe_buffer(const struct drm_amdgpu_gem_op *argument) {
    struct kmd_buffer buffer;
    if (!kmd_buffer_find(argument->handle, &buffer)) return -ENOENT;
    if (argument->op != AMDGPU_GEM_OP_GET_GEM_CREATE_INFO) return -ENOSYS;
    *(struct drm_amdgpu_gem_create_in *)(uintptr_t)argument->value = (struct drm_amdgpu_gem_create_in){
        .bo_size = buffer.bytes,
        .alignment = 4096,
        .domains = tag_domains(buffer.tag),
        .domain_flags = tag_flags(buffer.tag),
    };
    return 0;
}

static int metadata(struct drm_amdgpu_gem_metadata *argument) {
    struct kmd_buffer buffer;
    if (!kmd_buffer_find(argument->handle, &buffer)) return -ENOENT;
    if (argument->op == AMDGPU_GEM_METADATA_OP_GET_METADATA) memset(&argument->data, 0, sizeof argument->data);
    return 0;
}

/* ---- work ---- */

static int context(union drm_amdgpu_ctx *argument) {
    uint32_t op = argument->in.op;
    memset(argument, 0, sizeof *argument); /* no reset ever happened */
    if (op == AMDGPU_CTX_OP_ALLOC_CTX) {
        pthread_mutex_lock(&lock);
        argument->out.alloc.ctx_id = ++contexts;
        pthread_mutex_unlock(&lock);
    }
    return 0;
}

/* Done before it began: what the submit would signal is signalled. */
static int submit(union drm_amdgpu_cs *argument) {
    const uint64_t *chunks = (const uint64_t *)(uintptr_t)argument->in.chunks;
    for (uint32_t i = 0; i < argument->in.num_chunks; i++) {
        const struct drm_amdgpu_cs_chunk *chunk = (const struct drm_amdgpu_cs_chunk *)(uintptr_t)chunks[i];
        const void *data = (const void *)(uintptr_t)chunk->chunk_data;
        size_t bytes = (size_t)chunk->length_dw * 4;
        if (chunk->chunk_id == AMDGPU_CHUNK_ID_SYNCOBJ_OUT) {
            const struct drm_amdgpu_cs_chunk_sem *out = data;
            for (size_t k = 0; k < bytes / sizeof *out; k++) kmd_syncobj_signal(out[k].handle, 0);
        } else if (chunk->chunk_id == AMDGPU_CHUNK_ID_SYNCOBJ_TIMELINE_SIGNAL) {
            const struct drm_amdgpu_cs_chunk_syncobj *out = data;
            for (size_t k = 0; k < bytes / sizeof *out; k++) kmd_syncobj_signal(out[k].handle, out[k].point);
        }
    }
    memset(argument, 0, sizeof *argument);
    pthread_mutex_lock(&lock);
    argument->out.handle = ++submits;
    pthread_mutex_unlock(&lock);
    return 0;
}

static int answer_ioctl(unsigned nr, void *argument) {
    switch (nr) {
    case DRM_AMDGPU_INFO:
        return info(argument);
    case DRM_AMDGPU_GEM_CREATE:
        return create(argument);
    case DRM_AMDGPU_GEM_USERPTR:
        return create_user(argument);
    case DRM_AMDGPU_GEM_MMAP:
        return map(argument);
    case DRM_AMDGPU_GEM_OP:
        return describe_buffer(argument);
    case DRM_AMDGPU_GEM_METADATA:
        return metadata(argument);
    case DRM_AMDGPU_GEM_VA: /* addresses are libdrm's to give out; nothing is ever reached through one */
    case DRM_AMDGPU_VM:
        return 0;
    case DRM_AMDGPU_GEM_WAIT_IDLE:
        memset(argument, 0, sizeof(union drm_amdgpu_gem_wait_idle));
        return 0;
    case DRM_AMDGPU_CTX:
        return context(argument);
    case DRM_AMDGPU_CS:
        return submit(argument);
    case DRM_AMDGPU_WAIT_CS:
        memset(argument, 0, sizeof(union drm_amdgpu_wait_cs));
        return 0;
    case DRM_AMDGPU_BO_LIST:
        memset(argument, 0, sizeof(union drm_amdgpu_bo_list));
        ((union drm_amdgpu_bo_list *)argument)->out.list_handle = 1;
        return 0;
    default:
        return -ENOSYS;
    }
}

const struct kmd_driver kmd_driver = {
    .name = "amdgpu",
    .major = 3,
    .minor = 64,
    .patch = 0,
    .chip = chip_at,
    .setup = setup,
    .closed = closed,
    .ioctl = answer_ioctl,
};
