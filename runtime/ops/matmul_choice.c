/* Which family multiplies: what a device can run, and the measured choice.
 * A new family is a value of hrm_matmul_family, a line in `families`, one in hrm_matmul_find_kernel and one in
 * hrm_matmul_family_serves. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "gpu/caps.h"
#include "gpu/device.h"
#include "ops/kernels.h"
#include "ops/matmul.h"
#include "ops/matmul_private.h"
#include "ops/select.h"

/* Every family: the name of its rows for HRM_SELECT, records and the cache, and where it is measured beside others.
 * Elsewhere it runs when it is named. On CPU drivers the conventional tiles are not even tried: 0.1 GF/s on lavapipe
 * 22. */
enum { ON_CPU = 1, ON_GPU = 2 };
static const struct {
    const char *name;
    int tried;
} families[HRM_MATMUL_FAMILY_COUNT] = {
    [HRM_MATMUL_AUTO] = {"auto", 0},
    [HRM_MATMUL_TILE] = {"tile", ON_GPU},
    [HRM_MATMUL_TILE_LARGE] = {"tile_large", ON_GPU},
    [HRM_MATMUL_TILE_SMALL] = {"tile_small", ON_GPU},
    [HRM_MATMUL_DIRECT] = {"direct", ON_CPU},
    [HRM_MATMUL_COOPMAT_SMALL] = {"coopmat_small", ON_GPU},
    [HRM_MATMUL_COOPMAT] = {"coopmat", ON_GPU},
    [HRM_MATMUL_COOPMAT_LARGE] = {"coopmat_large", ON_GPU},
    [HRM_MATMUL_COOPMAT2] = {"coopmat2", ON_GPU},
    [HRM_MATMUL_LANE_SHUFFLE] = {"lane_shuffle", ON_CPU},
    [HRM_MATMUL_LANE_BROADCAST] = {"lane_broadcast", ON_CPU},
    [HRM_MATMUL_LANE_ROW] = {"lane_row", ON_CPU},
};
static const char *const op_names[3] = {"matmul_nt", "matmul_nn", "matmul_tn"};

const char *hrm_matmul_family_name(hrm_matmul_family family) {
    return (uint32_t)family < HRM_MATMUL_FAMILY_COUNT ? families[family].name : "unknown";
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
    case HRM_MATMUL_COOPMAT_SMALL:
    case HRM_MATMUL_COOPMAT:
    case HRM_MATMUL_COOPMAT_LARGE:
    case HRM_MATMUL_COOPMAT2: /* by type, too: matmul_coopmat.c */
        break;
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
    if (hrm_matmul_family_is_matrix(family))
        return hrm_matmul_coopmat_serves(device, family, form, HRM_F32_T, HRM_F32_T);
    if (family >= HRM_MATMUL_LANE_SHUFFLE && hrm_matmul_lanes(device) == 0) return false;
    bool needs_wide = hrm_matmul_family_tiles(family) || family == HRM_MATMUL_DIRECT;
    return hrm_kernel_is_usable(device, hrm_matmul_find_kernel(family, form, false)) &&
           (!needs_wide || hrm_kernel_is_usable(device, hrm_matmul_find_kernel(family, form, true)));
}

hrm_matmul_family hrm_matmul_find_f32(const hrm_device *device, hrm_matmul_form form) {
    if (hrm_matmul_is_cpu(device)) return HRM_MATMUL_DIRECT;
    return hrm_kernel_is_usable(device, hrm_matmul_find_kernel(HRM_MATMUL_TILE, form, false)) &&
                   hrm_kernel_is_usable(device, hrm_matmul_find_kernel(HRM_MATMUL_TILE, form, true))
               ? HRM_MATMUL_TILE
               : HRM_MATMUL_TILE_SMALL;
}

/* Family B takes many seconds to compile, and then crawls, on lavapipe before Mesa 26 (44 s for one kernel
 * with 25.0.7): such a driver keeps no value scalar. It cannot be measured there, so it is not tried. */
bool hrm_matmul_keeps_uniform_scalar(const hrm_device *device) {
    unsigned mesa = 0;
    return sscanf(hrm_device_get_adapter(device)->driver_info, "Mesa %u", &mesa) == 1 && mesa >= 26;
}

hrm_dtype hrm_matmul_problem_type(const hrm_matmul_problem *problem) {
    return hrm_dtype_is_16bit(problem->a) ? problem->a : hrm_dtype_is_16bit(problem->b) ? problem->b : problem->c;
}

/* The one place that says which types a family multiplies. */
bool hrm_matmul_family_serves(hrm_device *device, hrm_matmul_family family, const hrm_matmul_problem *problem) {
    if (!hrm_matmul_family_is_usable(device, family, problem->form)) return false;
    bool f32 = hrm_matmul_problem_type(problem) == HRM_F32_T;
    switch (family) {
    case HRM_MATMUL_TILE:
    case HRM_MATMUL_TILE_LARGE:
    case HRM_MATMUL_TILE_SMALL:
    case HRM_MATMUL_DIRECT:
        return true;
    case HRM_MATMUL_COOPMAT_SMALL:
    case HRM_MATMUL_COOPMAT:
    case HRM_MATMUL_COOPMAT_LARGE:
    case HRM_MATMUL_COOPMAT2:
        return hrm_matmul_coopmat_serves(device, family, problem->form, problem->a, problem->b);
    case HRM_MATMUL_LANE_SHUFFLE:
    case HRM_MATMUL_LANE_BROADCAST:
        return f32;
    case HRM_MATMUL_LANE_ROW:
        return f32 && hrm_matmul_keeps_uniform_scalar(device);
    case HRM_MATMUL_AUTO:
    case HRM_MATMUL_FAMILY_COUNT:
        break;
    }
    return false;
}

/* ---- keys ---- */

const char *hrm_matmul_get_op(hrm_matmul_form form) {
    return op_names[form];
}

static void write_key(const hrm_matmul_problem *p, char text[HRM_SELECT_KEY]) {
    hrm_select_key key = {.type = hrm_matmul_problem_type(p),
                          .rank = p->rows > 0 ? 3 : 0,
                          .shape = {hrm_select_bucket(p->rows), p->out, p->in}};
    snprintf(key.op, sizeof key.op, "%s", op_names[p->form]);
    hrm_select_write_key(&key, text);
}

/* The problem without shape that stands for all of its form and type. */
static hrm_matmul_problem default_of(hrm_matmul_form form, hrm_dtype type) {
    return (hrm_matmul_problem){.form = form, .a = type, .b = type, .c = HRM_F32_T};
}

static hrm_matmul_family find_family(const char *name) {
    for (int f = HRM_MATMUL_AUTO + 1; f < HRM_MATMUL_FAMILY_COUNT; f++)
        if (strcmp(families[f].name, name) == 0) return (hrm_matmul_family)f;
    return HRM_MATMUL_AUTO;
}

/* ---- measuring ---- */

enum { TENSOR_A, TENSOR_B, TENSOR_W, TENSOR_PACKED, TENSOR_C, TENSOR_SCRATCH, TENSOR_COUNT };

typedef struct trial {
    hrm_matmul_problem problem; /* `rows` is what is recorded now, `whole_rows` all */
    uint64_t whole_rows;
    hrm_matmul_family families[HRM_SELECT_MAX_CANDIDATES], yardstick;
    hrm_select_candidate candidates[HRM_SELECT_MAX_CANDIDATES];
    uint64_t counts[TENSOR_COUNT];
    hrm_dtype types[TENSOR_COUNT];
} trial;

static uint64_t count_c(const hrm_matmul_problem *p) {
    return p->form == HRM_MATMUL_NT ? p->rows * p->out : p->form == HRM_MATMUL_NN ? p->rows * p->in : p->out * p->in;
}

static bool packs(const trial *x, hrm_matmul_family family) {
    return x->problem.form == HRM_MATMUL_NT && hrm_matmul_family_packs(family);
}

/* Packing reads the f32 weight, also for products with a 16-bit one. */
static void prepare_trial(hrm_recorder *rec, uint32_t candidate, const hrm_tensor *t, void *user) {
    const trial *x = user;
    if (!packs(x, x->families[candidate])) return;
    const hrm_tensor *w = x->problem.b == HRM_F32_T ? &t[TENSOR_B] : &t[TENSOR_W];
    hrm_matmul_pack(rec, hrm_tensor_as_2d(*w, x->problem.out, x->problem.in), t[TENSOR_PACKED]);
}

/* The start of a working tensor, as [rows, cols]. */
static hrm_tensor part_of(hrm_tensor t, uint64_t rows, uint64_t cols) {
    return hrm_tensor_2d(t.buffer, t.offset, t.dtype, rows, cols);
}

static void record_product(hrm_recorder *rec, hrm_matmul_family family, const hrm_tensor *t, const trial *x) {
    const hrm_matmul_problem *p = &x->problem;
    bool nt = p->form == HRM_MATMUL_NT, tn = p->form == HRM_MATMUL_TN;
    hrm_matmul_args args = {.form = p->form,
                            .a = part_of(t[TENSOR_A], p->rows, nt ? p->in : p->out),
                            .b = part_of(t[TENSOR_B], tn ? p->rows : p->out, p->in),
                            .c = part_of(t[TENSOR_C], tn ? p->out : p->rows, nt ? p->out : p->in),
                            .family = family,
                            .label = op_names[p->form]};
    if (packs(x, family)) args.b_packed = t[TENSOR_PACKED];
    if (tn) args.scratch = t[TENSOR_SCRATCH];
    hrm_matmul(rec, args);
}

static void record_trial(hrm_recorder *rec, uint32_t candidate, const hrm_tensor *t, void *user) {
    const trial *x = user;
    record_product(rec, x->families[candidate], t, x);
}

static void record_yardstick(hrm_recorder *rec, uint32_t candidate, const hrm_tensor *t, void *user) {
    const trial *x = user;
    (void)candidate;
    record_product(rec, x->yardstick, t, x);
}

/* A tail: an odd number of rows. */
static hrm_select_size resize_trial(void *user, uint32_t divisor, bool tail) {
    trial *x = user;
    hrm_matmul_problem *p = &x->problem;
    p->rows = x->whole_rows / divisor;
    if (tail && p->rows > 1 && p->rows % 2 == 0) p->rows--;
    return (hrm_select_size){count_c(p), 2.0 * (double)p->rows * (double)p->out * (double)p->in};
}

/* Work of at least this many rows is recorded at once. */
static uint32_t most_divisor(uint64_t rows, uint64_t least) {
    uint32_t divisor = 1;
    while (rows / (2ull * divisor) >= least && divisor < 1u << 30) divisor *= 2;
    return divisor;
}

/* What a case is for. */
typedef enum purpose {
    FOR_DEFAULT, /* measured unless known */
    FOR_FORCING, /* of a row that is named: nothing may be measured on the way */
    FOR_TUNING,
} purpose;

/* Fills the trial and the case, which points into it. */
static void make_case(hrm_device *device, const hrm_matmul_problem *problem, purpose why, trial *x, const char *key,
                      hrm_select_case *c) {
    static const uint32_t contents[TENSOR_COUNT] = {
        [TENSOR_A] = 0, [TENSOR_B] = 1, [TENSOR_W] = 1, [TENSOR_PACKED] = 2, [TENSOR_C] = 3, [TENSOR_SCRATCH] = 4};
    const bool is_cpu = hrm_matmul_is_cpu(device), nt = problem->form == HRM_MATMUL_NT,
               tn = problem->form == HRM_MATMUL_TN;
    *x = (trial){.problem = *problem};
    hrm_matmul_problem *p = &x->problem;
    if (p->rows == 0) {
        /* CPU drivers get sizes whose yardstick, at about 1 GF/s, takes 30 ms; GPUs get enough work to fill them, 4.2
         * GFLOP, and a sixteenth of that to begin with: some small ones reach a few GF/s, and are reset after half a
         * second. No side is a multiple of a tile, so that edges are compared too. */
        p->rows = is_cpu ? 256 : 2048;
        p->out = is_cpu ? 248 : 1016;
        p->in = is_cpu ? 232 : 1000;
    }
    x->whole_rows = p->rows;
    x->yardstick = is_cpu                                                                ? HRM_MATMUL_DIRECT
                   : hrm_matmul_family_is_usable(device, HRM_MATMUL_TILE, problem->form) ? HRM_MATMUL_TILE
                                                                                         : HRM_MATMUL_TILE_SMALL;
    uint32_t count = 0;
    uint64_t scratch = 4;
    /* the f32 default itself decides whether models have packed weights */
    bool decides = why == FOR_DEFAULT && hrm_matmul_problem_type(problem) == HRM_F32_T;
    bool may_pack = !nt || decides || why == FOR_FORCING || hrm_matmul_wants_packed(device, HRM_MATMUL_NT);
    hrm_lane_style style = tn && why == FOR_DEFAULT ? hrm_matmul_get_lane_style(device) : HRM_LANES_UNKNOWN;
    for (int i = HRM_MATMUL_AUTO + 1; i < HRM_MATMUL_FAMILY_COUNT; i++) {
        hrm_matmul_family f = (hrm_matmul_family)i;
        bool usable = hrm_matmul_family_serves(device, f, problem) && (may_pack || !packs(x, f));
        bool other_style = (f == HRM_MATMUL_LANE_SHUFFLE && style == HRM_LANES_BROADCAST) ||
                           (f == HRM_MATMUL_LANE_BROADCAST && style == HRM_LANES_SHUFFLE);
        bool untried = (families[f].tried & (is_cpu ? ON_CPU : ON_GPU)) == 0 || other_style;
        x->families[count] = f;
        x->candidates[count++] = (hrm_select_candidate){families[f].name, usable, untried};
        uint64_t n = usable && tn ? hrm_matmul_scratch_count_of(device, f, p) : 0;
        if (n > scratch) scratch = n;
    }
    x->types[TENSOR_A] = p->a;
    x->types[TENSOR_B] = p->b;
    x->types[TENSOR_C] = p->c;
    x->counts[TENSOR_A] = p->rows * (nt ? p->in : p->out);
    x->counts[TENSOR_B] = (tn ? p->rows : p->out) * p->in;
    x->counts[TENSOR_W] = p->b == HRM_F32_T ? 4 : x->counts[TENSOR_B];
    x->counts[TENSOR_PACKED] = nt ? hrm_matmul_packed_count(p->out, p->in) : 4;
    x->counts[TENSOR_C] = count_c(p);
    x->counts[TENSOR_SCRATCH] = scratch;
    const uint64_t k = nt ? p->in : tn ? p->rows : p->out;
    *c = (hrm_select_case){
        .key = key,
        .candidates = x->candidates,
        .candidate_count = count,
        .counts = x->counts,
        .types = x->types,
        .contents = contents,
        .tensor_count = TENSOR_COUNT,
        .output = TENSOR_C,
        .flops = 2.0 * (double)p->rows * (double)p->out * (double)p->in,
        /* two f32 sums of k terms, each within k * 2^-24 of |a| |b| terms; and C rounded to 8 or 11 bits */
        .tolerance = (double)k * 0x1p-22 + (p->c == HRM_BF16_T  ? 0x1p-8
                                            : p->c == HRM_F16_T ? 0x1p-11
                                                                : 0),
        .prepare = prepare_trial,
        .record = record_trial,
        .yardstick = record_yardstick,
        .resize = resize_trial,
        .divisor_most = most_divisor(p->rows, is_cpu ? 64 : 128),
        .user = x};
}

/* ---- choosing ---- */

typedef struct fit {
    hrm_device *device;
    const hrm_matmul_problem *problem;
    bool any_layout;
} fit;

/* Models have packed weights where the f32 default wants them; a shape cannot ask for others. */
static bool fits(void *user, const char *row) {
    const fit *x = user;
    hrm_matmul_family f = find_family(row);
    return f != HRM_MATMUL_AUTO && hrm_matmul_family_serves(x->device, f, x->problem) &&
           (x->any_layout || x->problem->form != HRM_MATMUL_NT || !hrm_matmul_family_packs(f) ||
            hrm_matmul_wants_packed(x->device, HRM_MATMUL_NT));
}

static hrm_status choose_shape(hrm_device *device, const hrm_matmul_problem *problem, bool any_layout,
                               hrm_matmul_family *family) {
    char key[HRM_SELECT_KEY], row[HRM_SELECT_ROW];
    fit x = {device, problem, any_layout};
    *family = HRM_MATMUL_AUTO;
    write_key(problem, key);
    hrm_status status = hrm_select_find(device, key, fits, &x, row);
    if (status == HRM_OK && row[0]) *family = find_family(row);
    return status;
}

static hrm_status choose_default(hrm_device *device, hrm_matmul_form form, hrm_dtype type, purpose why,
                                 hrm_matmul_family *family) {
    const hrm_matmul_problem problem = default_of(form, type);
    char key[HRM_SELECT_KEY];
    write_key(&problem, key);
    const char *known = hrm_select_get_known(device, key);
    if (known) {
        *family = find_family(known);
        return HRM_OK;
    }
    trial x;
    hrm_select_case c;
    make_case(device, &problem, why, &x, key, &c);
    uint32_t chosen = 0;
    hrm_status status = hrm_select_pick(device, &c, &chosen);
    if (status == HRM_OK) *family = x.families[chosen];
    return status;
}

hrm_status hrm_matmul_choose_for(hrm_device *device, const hrm_matmul_problem *problem, hrm_matmul_family *family) {
    if (problem->rows > 0) {
        hrm_status status = choose_shape(device, problem, false, family);
        if (status != HRM_OK || *family != HRM_MATMUL_AUTO) return status;
    }
    return choose_default(device, problem->form, hrm_matmul_problem_type(problem), FOR_DEFAULT, family);
}

hrm_status hrm_matmul_choose(hrm_device *device, hrm_matmul_form form, hrm_matmul_family *family) {
    return choose_default(device, form, HRM_F32_T, FOR_DEFAULT, family);
}

hrm_lane_style hrm_matmul_get_lane_style(hrm_device *device) {
    hrm_matmul_family family;
    if (!hrm_matmul_is_cpu(device) || hrm_matmul_choose(device, HRM_MATMUL_NN, &family) != HRM_OK)
        return HRM_LANES_UNKNOWN;
    if (family == HRM_MATMUL_LANE_SHUFFLE) return HRM_LANES_SHUFFLE;
    /* where uniform loads are fast, broadcasts are at least as fast as shuffles */
    return family == HRM_MATMUL_LANE_BROADCAST || family == HRM_MATMUL_LANE_ROW ? HRM_LANES_BROADCAST
                                                                                : HRM_LANES_UNKNOWN;
}

hrm_status hrm_matmul_choose_by_key(hrm_device *device, const hrm_select_key *key) {
    for (int form = HRM_MATMUL_NT; form <= HRM_MATMUL_TN; form++) {
        if (strcmp(key->op, op_names[form]) != 0 || (key->rank != 0 && key->rank != 3)) continue;
        hrm_matmul_family family;
        hrm_matmul_problem problem = default_of((hrm_matmul_form)form, key->type);
        if (key->rank == 0) return choose_default(device, problem.form, key->type, FOR_FORCING, &family);
        problem.rows = key->shape[0], problem.out = key->shape[1], problem.in = key->shape[2];
        if (hrm_select_bucket(problem.rows) == problem.rows) return choose_shape(device, &problem, true, &family);
    }
    char text[HRM_SELECT_KEY];
    hrm_select_write_key(key, text);
    return hrm_fail(HRM_ERR_UNSUPPORTED, "there is no choice of kernels for \"%s\"", text);
}

hrm_status hrm_matmul_choose_all(hrm_device *device) {
    for (int form = HRM_MATMUL_NT; form <= HRM_MATMUL_TN; form++) {
        hrm_matmul_family family;
        hrm_status status = hrm_matmul_choose(device, (hrm_matmul_form)form, &family);
        if (status != HRM_OK) return status;
    }
    return HRM_OK;
}

const char *hrm_matmul_get_row_for(hrm_device *device, const hrm_matmul_problem *problem) {
    hrm_matmul_family family;
    if (hrm_matmul_choose_for(device, problem, &family) != HRM_OK) return "none";
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

/* ---- tuning ---- */

static hrm_status make_shape_case(hrm_device *device, const hrm_matmul_problem *p, trial *x, char key[HRM_SELECT_KEY],
                                  hrm_select_case *c) {
    if (p->rows == 0 || p->out == 0 || p->in == 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "tuning %s: rows, out and in must be set", op_names[p->form]);
    write_key(p, key);
    make_case(device, p, FOR_TUNING, x, key, c);
    return HRM_OK;
}

hrm_status hrm_matmul_tune(hrm_device *device, const hrm_matmul_problem *problem, const hrm_select_tuning *tuning) {
    char key[HRM_SELECT_KEY];
    trial x;
    hrm_select_case c;
    hrm_status status = make_shape_case(device, problem, &x, key, &c);
    return status == HRM_OK ? hrm_select_tune(device, &c, tuning) : status;
}

hrm_status hrm_matmul_visit_candidates(hrm_device *device, const hrm_matmul_problem *problem,
                                       void (*visit)(void *user, const char *key, const char *row), void *user) {
    char key[HRM_SELECT_KEY];
    trial x;
    hrm_select_case c;
    hrm_status status = make_shape_case(device, problem, &x, key, &c);
    if (status == HRM_OK) hrm_select_visit_tried(&c, visit, user);
    return status;
}
