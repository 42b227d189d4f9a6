/* What a prebuilt row's SPIR-V was made of, as one number: its source with everything that it includes, its defines and
 * how it is compiled. Independent of any compiler, so that both the machine that has a new one and the machine that has
 * none arrive at the same number. Comments and blanks do not count: editing them needs no new SPIR-V. */
#ifndef HRM_SHADER_PACK_SOURCE_HASH_H
#define HRM_SHADER_PACK_SOURCE_HASH_H

#include <stdbool.h>
#include <stdint.h>

/* How make.sh calls glslc, and for which Vulkan: GL_NV_cooperative_matrix2 exists from SPIR-V 1.6 on. Part of the hash.
 */
#define PACK_PREBUILT_FLAGS "-fshader-stage=compute -O"
#define PACK_PREBUILT_TARGET(caps) ((caps)&HRM_CAP_COOPMAT2 ? "vulkan1.3" : "vulkan1.2")

/* source is relative to the folder of shaders. False, with errno set, when it cannot be read. Included files that are
 * not below that folder (C headers) are left out. */
bool pack_hash_source(const char *shaders, const char *source, const char *defines, const char *target, uint64_t *hash);

#endif
