/* Which family multiplies: what a device can run, and the measured choice. */
#include <stdio.h>

#include "base/log.h"
#include "gpu/caps.h"
#include "gpu/device.h"
#include "ops/kernels.h"
#include "ops/matmul.h"
#include "ops/matmul_private.h"
#include "ops/select.h"

static const char *const family_names[HRM_MATMUL_FAMILY_COUNT] = {
    "auto", "tile", "tile_large", "tile_small", "direct", "lane_shuffle", "lane_broadcast", "lane_row"};
static const char *const op_names[3] = {"matmul_nt", "matmul_nn", "matmul_tn"};

const char *hrm_matmul_family_name(hrm_matmul_family family) {
    return (uint32_t)family < HRM_MATMUL_FAMILY_COUNT ? family_names[family] : "unknown";
}

hrm_kernel_id hrm_matmul_find_kernel(hrm_matmul_family family, hrm_matmul_form form, bool wide) {
    static const hrm_kernel_id tile[3][2] = {{HRM_KERNEL_matmul_tile_nt, HRM_KERNEL_matmul_tile_vec4_nt},
                                             {HRM_KERNEL_matmul_tile_nn, HRM_KERNEL_matmul_tile_vec4_nn},
                                             {HRM_KERNEL_matmul_tile_tn, HRM_KERNEL_matmul_tile_vec4_tn}};
    static const hrm_kernel_id small[3][2] = {{HRM_KERNEL_matmul_tile_small_nt, HRM_KERNEL_matmul_tile_small_vec4_nt},
                                              {HRM_KERNEL_matmul_tile_small_nn, HRM_KERNEL_matmul_tile_small_vec4_nn},
                                              {HRM_KERNEL_matmul_tile_small_tn, HRM_KERNEL_matmul_tile_small_vec4_tn}};
    static const hrm_kernel_id direct[3][2] = {{HRM_KERNEL_matmul_direct_nt, HRM_KERNEL_matmul_direct_vec4_nt},
                                               {HRM_KERNEL_matmul_direct_nn, HRM_KERNEL_matmul_direct_vec4_nn},
                                               {HRM_KERNEL_matmul_direct_tn, HRM_KERNEL_matmul_direct_vec4_tn}};
    static const hrm_kernel_id shuffle[2][2] = {
        {HRM_KERNEL_matmul_lane_column_nn, HRM_KERNEL_matmul_lane_column_nn_store64},
        {HRM_KERNEL_matmul_lane_column_tn, HRM_KERNEL_matmul_lane_column_tn_store64}};
    static const hrm_kernel_id row[3] = {HRM_KERNEL_matmul_lane_row_nt, HRM_KERNEL_matmul_lane_row_nn,
                                         HRM_KERNEL_matmul_lane_row_tn};
    switch (family) {
    case HRM_MATMUL_TILE:
    case HRM_MATMUL_TILE_LARGE:
        return tile[form][wide];
    case HRM_MATMUL_TILE_SMALL:
        return small[form][wide];
    case HRM_MATMUL_DIRECT:
        return direct[form][wide];
    case HRM_MATMUL_LANE_SHUFFLE:
        return shuffle[form == HRM_MATMUL_TN][wide];
    case HRM_MATMUL_LANE_BROADCAST:
        return form == HRM_MATMUL_TN ? HRM_KERNEL_matmul_lane_column_tn_broadcast
                                     : HRM_KERNEL_matmul_lane_column_nn_broadcast;
    case HRM_MATMUL_LANE_ROW:
        return row[form];
    case HRM_MATMUL_AUTO:
    case HRM_MATMUL_FAMILY_COUNT:
        break;
    }
    return HRM_KERNEL_COUNT;
}

uint32_t hrm_matmul_lanes(const hrm_device *device) {
    uint32_t caps = hrm_device_get_caps(device);
    return caps & HRM_CAP_SUBGROUP_16 ? 16 : caps & HRM_CAP_SUBGROUP_8 ? 8 : caps & HRM_CAP_SUBGROUP_4 ? 4 : 0;
}

bool hrm_matmul_family_is_usable(hrm_device *device, hrm_matmul_family family, hrm_matmul_form form) {
    if (family == HRM_MATMUL_AUTO) return true;
    if (family >= HRM_MATMUL_LANE_SHUFFLE && hrm_matmul_lanes(device) == 0) return false;
    bool needs_wide = hrm_matmul_family_tiles(family) || family == HRM_MATMUL_DIRECT;
    return hrm_kernel_is_usable(device, hrm_matmul_find_kernel(family, form, false)) &&
           (!needs_wide || hrm_kernel_is_usable(device, hrm_matmul_find_kernel(family, form, true)));
}

/* Family B takes many seconds to compile, and then crawls, on lavapipe before Mesa 26 (44 s for one kernel
 * with 25.0.7): such a driver keeps no value scalar. It cannot be measured there, so it is not tried. */
static bool keeps_uniform_values_scalar(const hrm_device *device) {
    unsigned mesa = 0;
    return sscanf(hrm_device_get_adapter(device)->driver_info, "Mesa %u", &mesa) == 1 && mesa >= 26;
}

/* ---- measuring ---- */

typedef struct trial {
    hrm_matmul_form form;
    uint64_t whole_m, m, n, k;
    hrm_matmul_family families[HRM_SELECT_MAX_CANDIDATES];
} trial;

enum { TENSOR_A, TENSOR_B, TENSOR_PACKED, TENSOR_C, TENSOR_COUNT };

static void prepare_trial(hrm_recorder *rec, uint32_t candidate, const hrm_tensor *t, void *user) {
    const trial *x = user;
    hrm_matmul_family family = x->families[candidate];
    if (x->form != HRM_MATMUL_NT || !hrm_matmul_family_packs(family)) return;
    hrm_matmul_pack(rec, hrm_tensor_as_2d(t[TENSOR_B], x->n, x->k), t[TENSOR_PACKED]);
}

/* The start of a working tensor, as [rows, cols]. */
static hrm_tensor part_of(hrm_tensor t, uint64_t rows, uint64_t cols) {
    return hrm_tensor_2d(t.buffer, t.offset, t.dtype, rows, cols);
}

static void record_trial(hrm_recorder *rec, uint32_t candidate, const hrm_tensor *t, void *user) {
    const trial *x = user;
    bool tn = x->form == HRM_MATMUL_TN, nt = x->form == HRM_MATMUL_NT;
    hrm_matmul(rec, (hrm_matmul_args){.form = x->form,
                                      .a = part_of(t[TENSOR_A], tn ? x->k : x->m, tn ? x->m : x->k),
                                      .b = hrm_tensor_as_2d(t[TENSOR_B], nt ? x->n : x->k, nt ? x->k : x->n),
                                      .b_packed = t[TENSOR_PACKED],
                                      .c = part_of(t[TENSOR_C], x->m, x->n),
                                      .family = x->families[candidate],
                                      .label = op_names[x->form]});
}

static void resize_trial(void *user, uint32_t divisor) {
    trial *x = user;
    x->m = x->whole_m / divisor;
}

hrm_status hrm_matmul_choose(hrm_device *device, hrm_matmul_form form, hrm_matmul_family *family) {
    /* On CPU drivers the conventional tiles are not even tried: 0.1 GF/s on lavapipe 22. Those drivers get sizes whose
     * yardstick, at about 1 GF/s, takes 30 ms; GPUs get enough work to fill them, at most 4.3 GFLOP, and a sixteenth of
     * that to begin with: some small ones reach a few GF/s, and are reset after half a second. */
    static const hrm_matmul_family cpu[] = {HRM_MATMUL_DIRECT, HRM_MATMUL_LANE_SHUFFLE, HRM_MATMUL_LANE_BROADCAST,
                                            HRM_MATMUL_LANE_ROW};
    static const hrm_matmul_family gpu[] = {HRM_MATMUL_TILE, HRM_MATMUL_TILE_LARGE, HRM_MATMUL_TILE_SMALL};
    bool is_cpu = (hrm_device_get_caps(device) & HRM_CAP_CPU) != 0;
    trial x = {.form = form, .m = is_cpu ? 256 : 2048, .n = is_cpu ? 256 : 1024, .k = is_cpu ? 256 : 1024};
    x.whole_m = x.m;
    hrm_select_candidate candidates[HRM_SELECT_MAX_CANDIDATES];
    uint32_t count = is_cpu ? sizeof cpu / sizeof *cpu : sizeof gpu / sizeof *gpu;
    for (uint32_t i = 0; i < count; i++) {
        x.families[i] = is_cpu ? cpu[i] : gpu[i];
        bool usable = hrm_matmul_family_is_usable(device, x.families[i], form);
        if (x.families[i] == HRM_MATMUL_LANE_ROW) usable = usable && keeps_uniform_values_scalar(device);
        candidates[i] = (hrm_select_candidate){hrm_matmul_family_name(x.families[i]), usable};
    }
    const uint64_t counts[TENSOR_COUNT] = {x.m * x.k, x.n * x.k, hrm_matmul_packed_count(x.n, x.k), x.m * x.n};
    const hrm_select_case c = {.op = op_names[form],
                               .candidates = candidates,
                               .candidate_count = count,
                               .counts = counts,
                               .tensor_count = TENSOR_COUNT,
                               .output = TENSOR_C,
                               .flops = 2.0 * (double)x.m * (double)x.n * (double)x.k,
                               /* two f32 sums of k terms, each within k * 2^-24 of |a| |b| terms */
                               .tolerance = (double)x.k * 0x1p-22,
                               .prepare = prepare_trial,
                               .record = record_trial,
                               .resize = is_cpu ? NULL : resize_trial,
                               .divisor_most = 16,
                               .user = &x};
    uint32_t chosen = 0;
    hrm_status status = hrm_select_pick(device, &c, &chosen);
    if (status == HRM_OK) *family = x.families[chosen];
    return status;
}

hrm_status hrm_matmul_choose_all(hrm_device *device) {
    for (int form = HRM_MATMUL_NT; form <= HRM_MATMUL_TN; form++) {
        hrm_matmul_family family;
        hrm_status status = hrm_matmul_choose(device, (hrm_matmul_form)form, &family);
        if (status != HRM_OK) return status;
    }
    return HRM_OK;
}

const char *hrm_matmul_get_op(hrm_matmul_form form) {
    return op_names[form];
}

const char *hrm_matmul_get_row(hrm_device *device, hrm_matmul_form form) {
    hrm_matmul_family family;
    if (hrm_matmul_choose(device, form, &family) != HRM_OK) return "none";
    return hrm_matmul_family_name(family);
}

bool hrm_matmul_wants_packed(hrm_device *device, hrm_matmul_form form) {
    hrm_matmul_family family;
    if (form != HRM_MATMUL_NT) return false;
    if (hrm_matmul_choose(device, form, &family) != HRM_OK) {
        hrm_log(HRM_LOG_ERROR, "%s", hrm_last_error()); /* the product itself will report it to its recorder */
        return false;
    }
    return hrm_matmul_family_packs(family);
}
