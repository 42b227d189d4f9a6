/* The chips that amdgpu.c can be.
 *
 * The numbers of a chip are those of the public product specifications, its ids those of libdrm's amdgpu.ids and the
 * kernel's headers. Registers say only how images are laid out in memory: plausible values, no more. */
#ifndef HRM_LAB_KMD_AMDGPU_CHIPS_H
#define HRM_LAB_KMD_AMDGPU_CHIPS_H

#include "node.h"

struct amd_chip {
    struct kmd_chip base;
    bool integrated;
    struct {
        uint32_t family, external_rev; /* what Mesa tells chips apart by */
        uint32_t gfx, sdma;            /* VERSION3 of the blocks */
    } id;
    struct {
        uint32_t engines, arrays, units; /* shader engines, arrays in one, compute units in one of those */
        uint32_t backends;               /* render backends in all */
        uint32_t registers;              /* vector registers of a SIMD, as the kernel counts them for the generation */
    } shape;
    struct {
        uint32_t banks, kib;     /* the second level */
        uint32_t last_level_mib; /* the one before memory, 0 for none */
    } cache;
    struct {
        uint32_t type, bits;
        uint32_t addressing; /* register GB_ADDR_CONFIG */
    } memory;
    struct {
        uint32_t engine_mhz, memory_mhz, counter_khz;
    } clock;
};

extern const struct amd_chip amd_chips[];
extern const size_t amd_chip_count;

#endif
