#include "ops/attention.h"

#include <inttypes.h>
#include <math.h>

#include "ops/attention_coopmat.h"
#include "ops/grid.h"
#include "ops/kernels.h"
#include "ops/row_kernel.h"
#include "shared/params.h"
#include "shared/spec_ids.h"

enum { TILE_THREADS = 128, SHARED_BYTES = 16384 };

/* The three kernels: forward; backward for a block of queries; backward for a block of keys. */
typedef enum attention_pass { PASS_FWD, PASS_BWD_Q, PASS_BWD_KV, PASS_COUNT } attention_pass;

static const hrm_kernel_id tile_rows[PASS_COUNT] = {HRM_KERNEL_attention_fwd_tiles, HRM_KERNEL_attention_bwd_q_tiles,
                                                    HRM_KERNEL_attention_bwd_kv_tiles};
static const hrm_kernel_id uniform_rows[PASS_COUNT] = {
    HRM_KERNEL_attention_fwd_uniform, HRM_KERNEL_attention_bwd_q_uniform, HRM_KERNEL_attention_bwd_kv_uniform};
/* Those that fix the subgroup size: 4, 8, 16. */
static const hrm_kernel_id shuffle_rows[PASS_COUNT][3] = {
    {HRM_KERNEL_attention_fwd_shuffle_4, HRM_KERNEL_attention_fwd_shuffle_8, HRM_KERNEL_attention_fwd_shuffle_16},
    {HRM_KERNEL_attention_bwd_q_shuffle_4, HRM_KERNEL_attention_bwd_q_shuffle_8, HRM_KERNEL_attention_bwd_q_shuffle_16},
    {HRM_KERNEL_attention_bwd_kv_shuffle_4, HRM_KERNEL_attention_bwd_kv_shuffle_8,
     HRM_KERNEL_attention_bwd_kv_shuffle_16}};
static const hrm_kernel_id broadcast_rows[PASS_COUNT][3] = {
    {HRM_KERNEL_attention_fwd_broadcast_4, HRM_KERNEL_attention_fwd_broadcast_8, HRM_KERNEL_attention_fwd_broadcast_16},
    {HRM_KERNEL_attention_bwd_q_broadcast_4, HRM_KERNEL_attention_bwd_q_broadcast_8,
     HRM_KERNEL_attention_bwd_q_broadcast_16},
    {HRM_KERNEL_attention_bwd_kv_broadcast_4, HRM_KERNEL_attention_bwd_kv_broadcast_8,
     HRM_KERNEL_attention_bwd_kv_broadcast_16}};

/* The row of a family on this device; HRM_KERNEL_COUNT when it has none. */
static hrm_kernel_id find_row(const hrm_device *device, hrm_attention_family family, attention_pass pass) {
    hrm_kernel_id row = HRM_KERNEL_COUNT;
    uint32_t width = hrm_device_get_adapter(device)->subgroup_size;
    uint32_t by_width = width == 4 ? 0 : width == 8 ? 1 : width == 16 ? 2 : 3;
    switch (family) {
    case HRM_ATTENTION_TILES:
        row = tile_rows[pass];
        break;
    case HRM_ATTENTION_SHUFFLE:
        if (by_width < 3) row = shuffle_rows[pass][by_width];
        break;
    case HRM_ATTENTION_BROADCAST:
        if (by_width < 3) row = broadcast_rows[pass][by_width];
        break;
    case HRM_ATTENTION_UNIFORM:
        if (width >= 1 && width <= 128) row = uniform_rows[pass];
        break;
    case HRM_ATTENTION_AUTO:
    case HRM_ATTENTION_COOPMAT: /* its rows depend on the operands' types */
    case HRM_ATTENTION_FAMILY_COUNT:
        break;
    }
    return row != HRM_KERNEL_COUNT && hrm_kernel_is_usable(device, (uint32_t)row) ? row : HRM_KERNEL_COUNT;
}

const char *hrm_attention_family_name(hrm_attention_family family) {
    static const char *const names[] = {"auto", "tiles", "shuffle", "broadcast", "uniform", "coopmat"};
    return (uint32_t)family < HRM_ATTENTION_FAMILY_COUNT ? names[family] : "unknown";
}

bool hrm_attention_family_is_usable(const hrm_device *device, hrm_attention_family family) {
    if (family == HRM_ATTENTION_AUTO) return true;
    if (family == HRM_ATTENTION_COOPMAT)
        return hrm_attention_coopmat_is_usable(device, HRM_F16_T) ||
               hrm_attention_coopmat_is_usable(device, HRM_BF16_T);
    for (int pass = 0; pass < PASS_COUNT; pass++)
        if (find_row(device, family, (attention_pass)pass) == HRM_KERNEL_COUNT) return false;
    return true;
}

/* ---- how one pass runs ---- */

/* How one pass runs: its row, its spec constants, and the rows (queries or keys) of a workgroup. */
typedef struct attention_plan {
    hrm_kernel_id row;
    bool texel, address;
    uint32_t local_x, tile_m, tile_n, tile_k;
    uint32_t group_rows;
    hrm_attention_coopmat_plan coopmat; /* family COOPMAT: all spec constants */
} attention_plan;

/* Queries and keys of a forward tile: the largest whose shared memory fits what every device has. Own rows of a
 * backward one: 32, or 16 with heads past 64, where 32 rows' gradients spill 251 registers on Intel's chips (ANV 22.3,
 * Skylake). */
static void plan_tiles(attention_plan *plan, attention_pass pass, uint32_t vecs) {
    static const uint32_t sizes[][2] = {{32, 32}, {32, 16}, {16, 16}, {16, 8}};
    plan->local_x = TILE_THREADS;
    if (pass != PASS_FWD) {
        plan->tile_m = plan->group_rows = vecs > 16 ? 16 : 32;
        plan->tile_n = 32;
        return;
    }
    uint32_t pitch = vecs | 1u;
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint32_t m = sizes[i][0], n = sizes[i][1];
        plan->tile_m = plan->group_rows = m;
        plan->tile_n = n;
        if ((m + n) * pitch * 16 + m * (n + 1) * 4 + TILE_THREADS * 4 + m * 4 <= SHARED_BYTES) break;
    }
}

/* Rows of a lane and steps of the other side. More rows share what is handed out, but live in registers and, at the end
 * of the sequence, leave more lanes idle: a small number of rows is priced at half a row's work for each time the other
 * side is handed out. Limits are vec4 of one operand in a lane. The measurements are in attention/lanes.glsl.
 * Depends on nothing but the device, the sequence and the head: a batch row's bits must not change with the batch. */
static void plan_lanes(attention_plan *plan, attention_pass pass, uint64_t seq, uint32_t vecs) {
    enum { KINDS = 3 }; /* by what hands the other side out: 16 lanes, fewer, uniform addresses */
    static const struct {
        uint32_t limit, step;
        bool by_row;
    } kinds[KINDS][PASS_COUNT] = {{{64, 4, false}, {32, 2, true}, {32, 4, false}},
                                  {{48, 2, false}, {32, 2, true}, {24, 2, true}},
                                  {{16, 4, false}, {32, 2, false}, {32, 2, false}}};
    uint32_t lanes = plan->local_x, kind = plan->address ? 2 : lanes < 16 ? 1 : 0;
    uint32_t most = plan->address ? 2 : 5, limit = kinds[kind][pass].limit;
    uint32_t best = 1;
    double best_cost = INFINITY;
    for (uint32_t n = 1; n <= most && (n == 1 || n * vecs <= limit); n++) {
        uint64_t own = (uint64_t)n * lanes;
        double cost = (double)((seq + own - 1) / own * own) * (1.0 + 0.5 / n);
        if (cost <= best_cost) {
            best = n;
            best_cost = cost;
        }
    }
    plan->tile_m = best;
    plan->tile_n = kinds[kind][pass].step;
    plan->tile_k = kinds[kind][pass].by_row;
    plan->group_rows = best * lanes;
}

/* `c` has the types of the operands, seq and head_dim; its pass is set here. */
static bool make_plan(hrm_recorder *rec, hrm_attention_family family, attention_pass pass, hrm_attention_coopmat_case c,
                      attention_plan *plan) {
    hrm_device *device = hrm_recorder_get_device(rec);
    if (family == HRM_ATTENTION_COOPMAT) {
        c.pass = (hrm_attention_pass)pass;
        *plan = (attention_plan){0};
        if (hrm_attention_coopmat_make(device, &c, &plan->coopmat)) {
            plan->row = plan->coopmat.row;
            plan->group_rows = plan->coopmat.group_rows;
            return true;
        }
        bool f32 = hrm_attention_coopmat_type(&c) == HRM_F32_T;
        hrm_recorder_fail(rec, HRM_ERR_UNSUPPORTED,
                          f32 ? "attention: family coopmat multiplies 16-bit numbers, and all tensors are f32"
                              : "attention: the device has no kernels of family coopmat for these types");
        return false;
    }
    *plan = (attention_plan){.row = find_row(device, family, pass)};
    if (plan->row == HRM_KERNEL_COUNT) {
        hrm_recorder_fail(rec, HRM_ERR_UNSUPPORTED, "attention: the device has no kernels of family %s",
                          hrm_attention_family_name(family));
        return false;
    }
    if (family == HRM_ATTENTION_TILES) {
        plan_tiles(plan, pass, c.head_dim / 4);
    } else {
        plan->texel = true;
        plan->address = family == HRM_ATTENTION_UNIFORM;
        plan->local_x = hrm_device_get_adapter(device)->subgroup_size;
        plan_lanes(plan, pass, c.seq, c.head_dim / 4);
    }
    return true;
}

typedef struct attention_shape {
    uint64_t batch, seq;
    uint32_t heads, head_dim;
} attention_shape;

/* Elements of one batch row. */
static uint64_t row_of_o(const attention_shape *s) {
    return s->seq * s->heads * s->head_dim;
}

static uint64_t row_of_lse(const attention_shape *s) {
    return s->seq * s->heads;
}

static bool check_shape(hrm_recorder *rec, const char *op, const attention_shape *s) {
    if (s->batch == 0 || s->seq == 0 || s->heads == 0 || s->head_dim == 0 || s->head_dim % 8 != 0 ||
        s->head_dim > 128) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "%s: batch %" PRIu64 ", seq %" PRIu64 ", heads %" PRIu32 ", head_dim %" PRIu32
                          ": each must be >= 1, head_dim a multiple of 8 and at most 128",
                          op, s->batch, s->seq, s->heads, s->head_dim);
        return false;
    }
    if (s->batch > INT32_MAX || s->seq > INT32_MAX || s->heads > INT16_MAX || row_of_o(s) > (uint64_t)INT32_MAX / 3) {
        hrm_recorder_fail(rec, HRM_ERR_UNSUPPORTED,
                          "%s: a batch row of seq %" PRIu64 ", heads %" PRIu32 ", head_dim %" PRIu32
                          " passes 2^31 elements",
                          op, s->seq, s->heads, s->head_dim);
        return false;
    }
    return true;
}

/* Batch rows of one dispatch: all, if qkv fits one binding; otherwise the most that do while every slice of every
 * tensor starts at an offset a binding may have. 0, with the error latched, when not even the smallest such slice fits.
 */
static uint64_t slice_rows(hrm_recorder *rec, const char *op, const attention_shape *s, bool texel) {
    const hrm_device *device = hrm_recorder_get_device(rec);
    uint64_t limit = hrm_device_get_binding_range(device);
    uint64_t texels = hrm_device_get_adapter(device)->max_texel_elements;
    if (texel && limit / 16 > texels) limit = texels * 16;
    uint64_t bytes = row_of_o(s) * 3 * 4; /* of f32, the longest */
    if (bytes * s->batch <= limit) return s->batch;
    uint64_t align = hrm_device_get_binding_alignment(device), step = 1;
    /* o's rows are whole multiples of lse's, and qkv's of o's */
    while (row_of_lse(s) * 4 * step % align != 0) step *= 2;
    uint64_t rows = limit / bytes / step * step;
    if (rows == 0)
        hrm_recorder_fail(rec, HRM_ERR_UNSUPPORTED,
                          "%s: %" PRIu64 " batch rows of qkv take %" PRIu64
                          " bytes, more than the device can bind at once (%" PRIu64 "): use a shorter sequence",
                          op, step, step * bytes, limit);
    return rows < s->batch ? rows : s->batch;
}

/* The rows [start, start + rows) of a tensor that has row_elements in each batch row. */
static hrm_span slice(const hrm_tensor *t, uint64_t row_elements, uint64_t start, uint64_t rows) {
    uint64_t row_bytes = row_elements * hrm_dtype_get_bytes(t->dtype);
    return (hrm_span){t->buffer, t->offset + start * row_bytes, rows * row_bytes};
}

/* The tiles know their operands' dtypes: A is qkv, B grad_o, C what is written (o or grad_qkv), R o of the backward
 * pass. */
static void add_dtype(hrm_dispatch *dispatch, const attention_plan *plan, uint32_t id, const hrm_tensor *t) {
    if (!plan->texel && plan->coopmat.spec_count == 0)
        dispatch->specs[dispatch->spec_count++] = (hrm_spec){id, (uint32_t)t->dtype};
}

/* AUTO becomes the family chosen for these operands, whose type is that of the first with 16 bits, if any. False, with
 * the error latched, when there is none. */
static bool choose_family(hrm_recorder *rec, bool backward, const hrm_tensor *const operands[4],
                          const attention_shape *s, hrm_attention_family *family) {
    hrm_attention_problem problem = {backward, HRM_F32_T, s->batch, s->seq, s->heads, s->head_dim};
    for (int i = 0; i < 4 && !hrm_dtype_is_16bit(problem.type); i++)
        if (operands[i] && hrm_dtype_is_16bit(operands[i]->dtype)) problem.type = operands[i]->dtype;
    if (*family != HRM_ATTENTION_AUTO) {
        if (!hrm_dtype_is_16bit(problem.type) ||
            hrm_attention_family_serves(hrm_recorder_get_device(rec), *family, &problem))
            return true;
        hrm_recorder_fail(rec, HRM_ERR_UNSUPPORTED, "attention: family %s does not serve 16-bit tensors here",
                          hrm_attention_family_name(*family));
        return false;
    }
    hrm_status status = hrm_attention_choose_for(hrm_recorder_get_device(rec), &problem, family);
    if (status != HRM_OK) hrm_recorder_fail(rec, status, "%s", hrm_last_error());
    return status == HRM_OK;
}

static void record(hrm_recorder *rec, const attention_plan *plan, const attention_shape *s, uint64_t batch,
                   bool save_lse, const char *label, double flops_per_score, hrm_dispatch *dispatch) {
    const hrm_device *device = hrm_recorder_get_device(rec);
    uint64_t blocks = (s->seq + plan->group_rows - 1) / plan->group_rows;
    uint64_t groups = batch * s->heads * blocks;
    if (groups > INT32_MAX) {
        hrm_recorder_fail(rec, HRM_ERR_UNSUPPORTED, "%s: %" PRIu64 " workgroups, at most 2^31 - 1", label, groups);
        return;
    }
    struct hrm_attention_address_params params = {
        .groups = (uint32_t)groups,
        .blocks = (uint32_t)blocks,
        .seq = (uint32_t)s->seq,
        .heads = s->heads,
        .scale = (float)(1.0 / sqrt((double)s->head_dim)),
        .save_lse = save_lse,
    };
    dispatch->kernel = (uint32_t)plan->row;
    dispatch->label = label;
    dispatch->push = &params;
    dispatch->push_bytes = sizeof(struct hrm_attention_params);
    if (plan->address) {
        /* qkv is the first binding of every pass, grad_o the fourth of the backward ones */
        hrm_span qkv = dispatch->bindings[0], grad_o = dispatch->bindings[3];
        bool forward = plan->row == uniform_rows[PASS_FWD];
        uint64_t address = hrm_buffer_get_address(qkv.buffer) + qkv.offset;
        params.qkv_lo = (uint32_t)address;
        params.qkv_hi = (uint32_t)(address >> 32);
        dispatch->bindings[dispatch->binding_count++] = qkv;
        if (!forward) {
            address = hrm_buffer_get_address(grad_o.buffer) + grad_o.offset;
            params.grad_o_lo = (uint32_t)address;
            params.grad_o_hi = (uint32_t)(address >> 32);
        }
        if (plan->row == uniform_rows[PASS_BWD_KV]) dispatch->bindings[dispatch->binding_count++] = grad_o;
        dispatch->push_bytes = sizeof params;
    }
    if (plan->coopmat.spec_count != 0) {
        for (uint32_t i = 0; i < plan->coopmat.spec_count; i++) dispatch->specs[i] = plan->coopmat.specs[i];
        dispatch->spec_count = plan->coopmat.spec_count;
    } else {
        dispatch->specs[dispatch->spec_count++] = (hrm_spec){HRM_SPEC_HEAD_DIM, s->head_dim};
        dispatch->specs[dispatch->spec_count++] = (hrm_spec){HRM_SPEC_LOCAL_X, plan->local_x};
    }
    if (plan->tile_m != 0) {
        dispatch->specs[dispatch->spec_count++] = (hrm_spec){HRM_SPEC_TILE_M, plan->tile_m};
        dispatch->specs[dispatch->spec_count++] = (hrm_spec){HRM_SPEC_TILE_N, plan->tile_n};
        dispatch->specs[dispatch->spec_count++] = (hrm_spec){HRM_SPEC_TILE_K, plan->tile_k};
    }
    dispatch->flops =
        flops_per_score * (double)s->head_dim * (double)s->seq * (double)s->seq * (double)(batch * s->heads);
    hrm_grid_1d(device, groups, dispatch->groups);
    hrm_recorder_dispatch(rec, dispatch);
}

void hrm_attention_fwd(hrm_recorder *rec, hrm_attention_fwd_args args) {
    const char *op = "attention_fwd";
    attention_shape s = {args.batch, args.seq, args.heads, args.head_dim};
    attention_plan plan;
    const hrm_tensor *const operands[4] = {&args.qkv, &args.o};
    if (!check_shape(rec, op, &s) || !choose_family(rec, false, operands, &s, &args.family)) return;
    uint64_t o_row = row_of_o(&s), lse_row = row_of_lse(&s);
    hrm_attention_coopmat_case types = {.qkv = args.qkv.dtype, .o = args.o.dtype, .seq = s.seq, .head_dim = s.head_dim};
    if (!hrm_row_check_float(rec, op, "qkv", &args.qkv, 3 * o_row * s.batch) ||
        !hrm_row_check_float(rec, op, "o", &args.o, o_row * s.batch) ||
        !hrm_row_check_optional(rec, op, "lse", &args.lse, HRM_F32_T, lse_row * s.batch) ||
        !make_plan(rec, args.family, PASS_FWD, types, &plan))
        return;
    bool save_lse = hrm_tensor_is_set(&args.lse);
    uint64_t step = slice_rows(rec, op, &s, plan.texel);
    for (uint64_t start = 0; step > 0 && start < s.batch; start += step) {
        uint64_t rows = s.batch - start < step ? s.batch - start : step;
        hrm_dispatch dispatch = {.binding_count = 3};
        dispatch.bindings[0] = slice(&args.qkv, 3 * o_row, start, rows);
        dispatch.bindings[1] = slice(&args.o, o_row, start, rows);
        /* something must be bound: o, which the kernel writes anyway */
        dispatch.bindings[2] = save_lse ? slice(&args.lse, lse_row, start, rows) : dispatch.bindings[1];
        add_dtype(&dispatch, &plan, HRM_SPEC_DTYPE_A, &args.qkv);
        add_dtype(&dispatch, &plan, HRM_SPEC_DTYPE_C, &args.o);
        record(rec, &plan, &s, rows, save_lse, op, 4.0, &dispatch);
    }
}

void hrm_attention_bwd(hrm_recorder *rec, hrm_attention_bwd_args args) {
    const char *op = "attention_bwd";
    attention_shape s = {args.batch, args.seq, args.heads, args.head_dim};
    attention_plan query_plan, key_plan;
    const hrm_tensor *const operands[4] = {&args.qkv, &args.o, &args.grad_o, &args.grad_qkv};
    if (!check_shape(rec, op, &s) || !choose_family(rec, true, operands, &s, &args.family)) return;
    uint64_t o_row = row_of_o(&s), lse_row = row_of_lse(&s);
    hrm_attention_coopmat_case types = {.qkv = args.qkv.dtype,
                                        .o = args.o.dtype,
                                        .grad_o = args.grad_o.dtype,
                                        .grad_qkv = args.grad_qkv.dtype,
                                        .seq = s.seq,
                                        .head_dim = s.head_dim};
    if (!hrm_row_check_float(rec, op, "qkv", &args.qkv, 3 * o_row * s.batch) ||
        !hrm_row_check_float(rec, op, "o", &args.o, o_row * s.batch) ||
        !hrm_row_check(rec, op, "lse", &args.lse, HRM_F32_T, lse_row * s.batch) ||
        !hrm_row_check_float(rec, op, "grad_o", &args.grad_o, o_row * s.batch) ||
        !hrm_row_check(rec, op, "delta", &args.delta, HRM_F32_T, lse_row * s.batch) ||
        !hrm_row_check_float(rec, op, "grad_qkv", &args.grad_qkv, 3 * o_row * s.batch) ||
        !make_plan(rec, args.family, PASS_BWD_Q, types, &query_plan) ||
        !make_plan(rec, args.family, PASS_BWD_KV, types, &key_plan))
        return;
    if (args.grad_qkv.buffer == args.qkv.buffer && args.grad_qkv.offset == args.qkv.offset) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: grad_qkv is qkv itself; both are needed at once", op);
        return;
    }
    uint64_t step = slice_rows(rec, op, &s, query_plan.texel);
    for (uint64_t start = 0; step > 0 && start < s.batch; start += step) {
        uint64_t rows = s.batch - start < step ? s.batch - start : step;
        hrm_span qkv = slice(&args.qkv, 3 * o_row, start, rows), grad_o = slice(&args.grad_o, o_row, start, rows);
        hrm_span lse = slice(&args.lse, lse_row, start, rows), delta = slice(&args.delta, lse_row, start, rows);
        hrm_span grad_qkv = slice(&args.grad_qkv, 3 * o_row, start, rows);
        hrm_dispatch queries = {.binding_count = 6};
        queries.bindings[0] = qkv;
        queries.bindings[1] = slice(&args.o, o_row, start, rows);
        queries.bindings[2] = lse;
        queries.bindings[3] = grad_o;
        queries.bindings[4] = delta;
        queries.bindings[5] = grad_qkv;
        add_dtype(&queries, &query_plan, HRM_SPEC_DTYPE_A, &args.qkv);
        add_dtype(&queries, &query_plan, HRM_SPEC_DTYPE_B, &args.grad_o);
        add_dtype(&queries, &query_plan, HRM_SPEC_DTYPE_C, &args.grad_qkv);
        add_dtype(&queries, &query_plan, HRM_SPEC_DTYPE_R, &args.o);
        record(rec, &query_plan, &s, rows, true, "attention_bwd_q", 4.0, &queries);
        hrm_dispatch keys = {.binding_count = 5};
        keys.bindings[0] = qkv;
        keys.bindings[1] = lse;
        keys.bindings[2] = delta;
        keys.bindings[3] = grad_o;
        keys.bindings[4] = grad_qkv;
        add_dtype(&keys, &key_plan, HRM_SPEC_DTYPE_A, &args.qkv);
        add_dtype(&keys, &key_plan, HRM_SPEC_DTYPE_B, &args.grad_o);
        add_dtype(&keys, &key_plan, HRM_SPEC_DTYPE_C, &args.grad_qkv);
        record(rec, &key_plan, &s, rows, true, "attention_bwd_kv", 6.0, &keys);
    }
}
