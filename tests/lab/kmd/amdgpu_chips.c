#include "amdgpu_chips.h"

#include <amdgpu_drm.h>

/* Names that older headers lack. */
#define FAMILY_GC_11_0_0 145
#define FAMILY_GC_11_5_0 150
#define FAMILY_GC_12_0_0 152
#define VRAM_GDDR6 9
#define VRAM_LPDDR5 12

#define VERSION3(major, minor, revision) ((major) << 16 | (minor) << 8 | (revision))

const struct amd_chip amd_chips[] = {
    /* Radeon RX 480 */
    {.base = {"polaris10", 0x1002, 0x67df, 0xc7},
     .id = {AMDGPU_FAMILY_VI, 0x50, VERSION3(8, 0, 0), VERSION3(3, 1, 0)},
     .shape = {4, 1, 9, 8, 256},
     .cache = {8, 2048, 0},
     .memory = {AMDGPU_VRAM_TYPE_GDDR5, 256, 0x22011003},
     .clock = {1266, 2000, 25000}},
    /* Radeon RX Vega 64 */
    {.base = {"vega10", 0x1002, 0x687f, 0xc1},
     .id = {AMDGPU_FAMILY_AI, 0x01, VERSION3(9, 0, 1), VERSION3(4, 0, 0)},
     .shape = {4, 1, 16, 16, 256},
     .cache = {16, 4096, 0},
     .memory = {AMDGPU_VRAM_TYPE_HBM, 2048, 0x2a114042},
     .clock = {1630, 945, 27000}},
    /* the graphics of a Ryzen 7 4800U */
    {.base = {"renoir", 0x1002, 0x1636, 0xc1},
     .integrated = true,
     .id = {AMDGPU_FAMILY_RV, 0x91, VERSION3(9, 3, 0), VERSION3(4, 1, 2)},
     .shape = {1, 1, 8, 2, 256},
     .cache = {4, 1024, 0},
     .memory = {AMDGPU_VRAM_TYPE_DDR4, 128, 0x26010042},
     .clock = {1750, 1600, 100000}},
    /* Radeon RX 5700 XT */
    {.base = {"navi10", 0x1002, 0x731f, 0xc1},
     .id = {AMDGPU_FAMILY_NV, 0x01, VERSION3(10, 1, 10), VERSION3(5, 0, 0)},
     .shape = {2, 2, 10, 16, 1024},
     .cache = {16, 4096, 0},
     .memory = {VRAM_GDDR6, 256, 0x00000044},
     .clock = {1905, 875, 100000}},
    /* Radeon RX 6900 XT */
    {.base = {"navi21", 0x1002, 0x73bf, 0xc0},
     .id = {AMDGPU_FAMILY_NV, 0x28, VERSION3(10, 3, 0), VERSION3(5, 2, 0)},
     .shape = {4, 2, 10, 16, 1024},
     .cache = {16, 4096, 128},
     .memory = {VRAM_GDDR6, 256, 0x00000545},
     .clock = {2250, 1000, 100000}},
    /* Radeon RX 7900 XTX, gfx1100 */
    {.base = {"navi31", 0x1002, 0x744c, 0xc8},
     .id = {FAMILY_GC_11_0_0, 0x01, VERSION3(11, 0, 0), VERSION3(6, 0, 0)},
     .shape = {6, 2, 8, 24, 1536},
     .cache = {24, 6144, 96},
     .memory = {VRAM_GDDR6, 384, 0x00000545},
     .clock = {2500, 1250, 100000}},
    /* Radeon RX 7600, gfx1102 */
    {.base = {"navi33", 0x1002, 0x7480, 0xcf},
     .id = {FAMILY_GC_11_0_0, 0x10, VERSION3(11, 0, 2), VERSION3(6, 0, 2)},
     .shape = {2, 2, 8, 8, 1024},
     .cache = {8, 2048, 32},
     .memory = {VRAM_GDDR6, 128, 0x00000444},
     .clock = {2655, 1125, 100000}},
    /* Radeon 8060S, the graphics of a Ryzen AI Max+ 395, Strix Halo */
    {.base = {"gfx1151", 0x1002, 0x1586, 0xc1},
     .integrated = true,
     .id = {FAMILY_GC_11_5_0, 0xc1, VERSION3(11, 5, 1), VERSION3(6, 1, 1)},
     .shape = {2, 2, 10, 16, 1536},
     .cache = {16, 2048, 32},
     .memory = {VRAM_LPDDR5, 256, 0x00000444},
     .clock = {2900, 1000, 100000}},
    /* Radeon RX 9060 XT, Navi 44 */
    {.base = {"gfx1200", 0x1002, 0x7590, 0xc0},
     .id = {FAMILY_GC_12_0_0, 0x40, VERSION3(12, 0, 0), VERSION3(7, 0, 0)},
     .shape = {2, 2, 8, 8, 1536},
     .cache = {16, 4096, 32},
     .memory = {VRAM_GDDR6, 128, 0x00000444},
     .clock = {3130, 1258, 100000}},
    /* Radeon RX 9070 XT, Navi 48 */
    {.base = {"gfx1201", 0x1002, 0x7550, 0xc0},
     .id = {FAMILY_GC_12_0_0, 0x50, VERSION3(12, 0, 1), VERSION3(7, 0, 1)},
     .shape = {4, 2, 8, 16, 1536},
     .cache = {32, 8192, 64},
     .memory = {VRAM_GDDR6, 256, 0x00000545},
     .clock = {2970, 1258, 100000}},
};

const size_t amd_chip_count = sizeof amd_chips / sizeof amd_chips[0];
