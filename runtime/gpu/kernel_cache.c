/* The pipeline cache on disk: one file per device key and set of kernels, with a header of our own, because drivers
 * have crashed on damaged data. A file that is not exactly what this device wrote is ignored; it is replaced at close.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_map.h"
#include "base/file_write.h"
#include "base/hash.h"
#include "base/log.h"
#include "gpu/device_private.h"

typedef struct cache_header {
    char magic[8];
    uint32_t version;
    uint32_t header_bytes;
    uint8_t device_uuid[16], driver_uuid[16];
    uint8_t cache_uuid[16]; /* VkPhysicalDeviceProperties.pipelineCacheUUID */
    uint32_t vendor_id, device_id, driver_version, reserved;
    uint64_t payload_bytes;
    uint64_t payload_hash; /* FNV-1a */
} cache_header;

static const char cache_magic[8] = {'h', 'r', 'm', 'p', 'i', 'p', 'e', '\n'};
enum { CACHE_VERSION = 1 };

static void fill_header(const hrm_device *device, const void *payload, uint64_t bytes, cache_header *header) {
    VkPhysicalDeviceProperties properties;
    vkGetPhysicalDeviceProperties(device->adapter.handle, &properties);
    memset(header, 0, sizeof *header);
    memcpy(header->magic, cache_magic, sizeof cache_magic);
    header->version = CACHE_VERSION;
    header->header_bytes = (uint32_t)sizeof *header;
    memcpy(header->device_uuid, device->adapter.info.device_uuid, 16);
    memcpy(header->driver_uuid, device->adapter.info.driver_uuid, 16);
    memcpy(header->cache_uuid, properties.pipelineCacheUUID, 16);
    header->vendor_id = properties.vendorID;
    header->device_id = properties.deviceID;
    header->driver_version = properties.driverVersion;
    header->payload_bytes = bytes;
    header->payload_hash = hrm_fnv1a64(payload, (size_t)bytes);
}

static uint64_t hash_table(const hrm_kernel_table *table) {
    uint64_t hash = HRM_FNV1A64_INIT;
    for (uint32_t i = 0; i < table->count; i++) {
        if (!table->rows[i].spirv) continue;
        hash = hrm_fnv1a64_update(hash, table->rows[i].spirv, (size_t)table->rows[i].spirv_words * 4);
    }
    return hash;
}

/* The payload inside the mapped file, or NULL with the reason. */
static const void *check_file(const hrm_device *device, const hrm_file_map *map, uint64_t *bytes, const char **reason) {
    cache_header found, expected;
    *reason = "it is too short";
    if (map->size < sizeof found) return NULL;
    memcpy(&found, map->data, sizeof found);
    const unsigned char *payload = (const unsigned char *)map->data + sizeof found;
    *reason = "it is not a pipeline cache of this version";
    if (memcmp(found.magic, cache_magic, sizeof cache_magic) != 0 || found.version != CACHE_VERSION ||
        found.header_bytes != sizeof found) {
        return NULL;
    }
    *reason = "it is cut or has bytes too many";
    if (found.payload_bytes != map->size - sizeof found) return NULL;
    fill_header(device, payload, found.payload_bytes, &expected);
    *reason = "its contents are damaged";
    if (found.payload_hash != expected.payload_hash) return NULL;
    *reason = "it was made by another device or driver";
    if (memcmp(&found, &expected, sizeof found) != 0) return NULL;
    *bytes = found.payload_bytes;
    return payload;
}

void hrm_kernel_cache_load(hrm_device *device) {
    hrm_kernels *kernels = &device->kernels;
    hrm_file_map map = {0};
    const void *payload = NULL;
    uint64_t bytes = 0;
    if (device->cache_dir[0]) {
        snprintf(kernels->cache_path, sizeof kernels->cache_path, "%s/pipelines-%s-%016" PRIx64 ".bin",
                 device->cache_dir, device->key, hash_table(kernels->table));
        FILE *exists = fopen(kernels->cache_path, "rb");
        if (exists) {
            fclose(exists);
            const char *reason = "it cannot be read";
            if (hrm_file_map_open(kernels->cache_path, &map) == HRM_OK) {
                payload = check_file(device, &map, &bytes, &reason);
            } else {
                reason = hrm_last_error();
            }
            if (!payload) hrm_log(HRM_LOG_WARN, "pipeline cache %s is ignored: %s", kernels->cache_path, reason);
        }
    }
    if (payload) kernels->cache_loaded_hash = hrm_fnv1a64(payload, (size_t)bytes);
    VkPipelineCacheCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
        .initialDataSize = (size_t)bytes,
        .pInitialData = payload,
    };
    VkResult result = device->vk.vkCreatePipelineCache(device->handle, &info, NULL, &kernels->cache);
    if (result != VK_SUCCESS && payload) {
        hrm_log(HRM_LOG_WARN, "pipeline cache %s is refused by the driver: %s", kernels->cache_path,
                hrm_vk_result_name(result));
        info.initialDataSize = 0;
        info.pInitialData = NULL;
        result = device->vk.vkCreatePipelineCache(device->handle, &info, NULL, &kernels->cache);
    }
    if (result != VK_SUCCESS) {
        hrm_log(HRM_LOG_WARN, "no pipeline cache: vkCreatePipelineCache returned %s", hrm_vk_result_name(result));
        kernels->cache = VK_NULL_HANDLE;
    }
    hrm_file_map_close(&map);
}

void hrm_kernel_cache_save(hrm_device *device) {
    hrm_kernels *kernels = &device->kernels;
    if (!kernels->cache_path[0] || kernels->pipeline_count == 0 || device->queue.lost) return;
    size_t bytes = 0;
    if (device->vk.vkGetPipelineCacheData(device->handle, kernels->cache, &bytes, NULL) != VK_SUCCESS || bytes == 0) {
        return;
    }
    unsigned char *file = malloc(sizeof(cache_header) + bytes);
    if (!file) return;
    VkResult result =
        device->vk.vkGetPipelineCacheData(device->handle, kernels->cache, &bytes, file + sizeof(cache_header));
    if (result == VK_SUCCESS) {
        cache_header header;
        fill_header(device, file + sizeof header, bytes, &header);
        memcpy(file, &header, sizeof header);
        if (header.payload_hash != kernels->cache_loaded_hash &&
            hrm_file_write_all(kernels->cache_path, file, sizeof header + bytes) != HRM_OK) {
            hrm_log(HRM_LOG_WARN, "pipeline cache is not saved: %s", hrm_last_error());
        }
    }
    free(file);
}
