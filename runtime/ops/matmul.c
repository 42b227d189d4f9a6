#include "ops/matmul.h"

#include "gpu/caps.h"
#include "gpu/device.h"
#include "ops/grid.h"
#include "ops/kernels.h"
#include "ops/matmul_private.h"
#include "shared/params.h"
#include "shared/spec_ids.h"

static const char *const form_names[3] = {"matmul NT", "matmul NN", "matmul TN"};

/* ---- arguments ---- */

static bool read_matrix(hrm_recorder *rec, const char *who, const char *name, const hrm_tensor *t, hrm_matrix *out) {
    if (!hrm_tensor_is_set(t) || (t->dtype != HRM_F32_T && !hrm_dtype_is_16bit(t->dtype)) || t->rank < 2) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: %s must be an f32, bf16 or f16 tensor of rank 2 or more",
                          who, name);
        return false;
    }
    uint32_t last = t->rank - 1;
    bool ok = t->shape[last] > 0 && (t->stride[last] == 1 || t->shape[last] == 1);
    *out = (hrm_matrix){
        .rows = 1, .cols = t->shape[last], .ld = t->shape[last], .dtype = t->dtype, .span = hrm_tensor_get_span(t)};
    for (uint32_t i = 0; i < last; i++) out->rows *= t->shape[i];
    /* Leading dimensions merge when each steps over exactly the next one. */
    if (out->rows > 1) out->ld = t->stride[last - 1];
    if (t->shape[last - 1] == 1) out->ld = out->rows > 1 && last >= 2 ? t->stride[last - 2] : out->cols;
    uint64_t step = out->ld;
    for (uint32_t i = last; ok && i-- > 0;) {
        ok = t->shape[i] > 0 && (t->shape[i] == 1 || t->stride[i] == step);
        step *= t->shape[i];
    }
    if (!ok || out->ld < out->cols) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "%s: %s must have contiguous rows, equally far apart and not overlapping", who, name);
        return false;
    }
    if (hrm_dtype_is_16bit(t->dtype) && ((out->cols | out->ld) % 8 != 0 || t->offset % 16 != 0)) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "%s: %s is 16-bit with rows of %llu elements, %llu apart, from byte %llu on; lengths and "
                          "strides must be multiples of 8, offsets of 16",
                          who, name, (unsigned long long)out->cols, (unsigned long long)out->ld,
                          (unsigned long long)t->offset);
        return false;
    }
    if (out->rows > INT32_MAX / 2 || out->ld > INT32_MAX / 2 || out->rows * out->ld > INT32_MAX) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: %s has more than 2^31 elements; cut the rows", who, name);
        return false;
    }
    return true;
}

static bool check_shape(hrm_recorder *rec, const char *who, const char *name, const hrm_matrix *x, uint64_t rows,
                        uint64_t cols) {
    if (x->rows == rows && x->cols == cols) return true;
    hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: %s is [%llu, %llu]; the other tensors ask for [%llu, %llu]",
                      who, name, (unsigned long long)x->rows, (unsigned long long)x->cols, (unsigned long long)rows,
                      (unsigned long long)cols);
    return false;
}

static bool overlap(hrm_span a, hrm_span b) {
    return a.buffer == b.buffer && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

/* What is written beside C touches no other tensor of the product. */
static bool check_apart(hrm_recorder *rec, const char *who, const char *name, const hrm_matrix *x,
                        const hrm_product *p) {
    if (!overlap(x->span, p->a.span) && !overlap(x->span, p->b.span) && !overlap(x->span, p->c.span)) return true;
    hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: %s shares memory with a, b or c", who, name);
    return false;
}

/* What ends the product, and the tensors that it needs. */
static bool read_end(hrm_recorder *rec, const char *who, const hrm_matmul_args *args, hrm_product *p) {
    p->end = args->end;
    p->eps = args->eps;
    const hrm_tensor *tables[] = {&args->cos_table, &args->sin_table};
    hrm_span *spans[] = {&p->cos_table, &p->sin_table};
    switch (args->end) {
    case HRM_MATMUL_END_PLAIN:
        return true;
    case HRM_MATMUL_END_SWIGLU:
        p->pair = p->n / 2;
        p->flags |= HRM_MATMUL_SWIGLU;
        if (!hrm_tensor_is_set(&args->pre)) return true;
        p->flags |= HRM_MATMUL_HAS_PRE;
        return read_matrix(rec, who, "pre", &args->pre, &p->pre) && check_shape(rec, who, "pre", &p->pre, p->m, p->n) &&
               check_apart(rec, who, "pre", &p->pre, p);
    case HRM_MATMUL_END_SWIGLU_BWD:
        p->pair = p->n;
        p->flags |= HRM_MATMUL_SWIGLU_BWD;
        return read_matrix(rec, who, "pre", &args->pre, &p->pre) &&
               check_shape(rec, who, "pre", &p->pre, p->m, 2ull * p->n);
    case HRM_MATMUL_END_ROPE:
        p->pair = args->head_dim / 2;
        p->turned = 2 * args->heads * args->head_dim;
        p->seq = args->seq;
        if (p->pair == 0 || args->head_dim % 2 != 0 || p->n != 3ull * args->heads * args->head_dim || p->seq == 0 ||
            p->m % p->seq != 0) {
            hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                              "%s: c is [%u, %u], not q, k and v of %u heads of %u (an even number) for rows of %u "
                              "positions",
                              who, p->m, p->n, args->heads, args->head_dim, args->seq);
            return false;
        }
        for (int i = 0; i < 2; i++) {
            if (!hrm_tensor_is_set(tables[i]) || tables[i]->dtype != HRM_F32_T ||
                !hrm_tensor_is_contiguous(tables[i]) || hrm_tensor_get_count(tables[i]) < (uint64_t)p->seq * p->pair) {
                hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: %s must be contiguous f32 [%u or more, %u]", who,
                                  i == 0 ? "cos_table" : "sin_table", p->seq, p->pair);
                return false;
            }
            *spans[i] = hrm_tensor_get_span(tables[i]);
        }
        return true;
    case HRM_MATMUL_END_RMS_NORM:
        if (!hrm_tensor_is_set(&args->rstd)) return true;
        if (args->rstd.dtype != HRM_F32_T || !hrm_tensor_is_contiguous(&args->rstd) ||
            hrm_tensor_get_count(&args->rstd) < p->m) {
            hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: rstd must be contiguous f32 [%u]", who, p->m);
            return false;
        }
        p->flags |= HRM_MATMUL_HAS_RSTD;
        p->rstd = hrm_tensor_get_span(&args->rstd);
        return true;
    }
    hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: no end %d", who, (int)args->end);
    return false;
}

static bool read_product(hrm_recorder *rec, const hrm_matmul_args *args, hrm_product *p) {
    const char *who = (uint32_t)args->form < 3 ? form_names[args->form] : "matmul";
    if ((uint32_t)args->form >= 3 || (uint32_t)args->family >= HRM_MATMUL_FAMILY_COUNT) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "matmul: no form %d or no family %d", (int)args->form,
                          (int)args->family);
        return false;
    }
    *p = (hrm_product){.form = args->form, .label = args->label};
    if (!read_matrix(rec, who, "a", &args->a, &p->a) || !read_matrix(rec, who, "b", &args->b, &p->b) ||
        !read_matrix(rec, who, "c", &args->c, &p->c))
        return false;
    bool tn = args->form == HRM_MATMUL_TN;
    bool swiglu = args->end == HRM_MATMUL_END_SWIGLU, swiglu_bwd = args->end == HRM_MATMUL_END_SWIGLU_BWD;
    if (swiglu_bwd && p->c.cols % 2) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: c has %llu columns; gate and up need an even number", who,
                          (unsigned long long)p->c.cols);
        return false;
    }
    uint64_t m = p->c.rows, n = p->c.cols, k = tn ? p->a.rows : p->a.cols;
    if (swiglu) n *= 2;
    if (swiglu_bwd) n /= 2;
    p->m = (uint32_t)m, p->n = (uint32_t)n, p->k = (uint32_t)k;
    if (!check_shape(rec, who, "a", &p->a, tn ? k : m, tn ? m : k)) return false;
    if (args->form == HRM_MATMUL_NT ? !check_shape(rec, who, "b", &p->b, n, k)
                                    : !check_shape(rec, who, "b", &p->b, k, n))
        return false;
    p->r = p->c;
    if (hrm_tensor_is_set(&args->residual)) {
        if (!read_matrix(rec, who, "residual", &args->residual, &p->r)) return false;
        if (!check_shape(rec, who, "residual", &p->r, m, n)) return false;
        p->flags |= HRM_MATMUL_RESIDUAL;
    }
    /* Kernels that store C in fours add the residual in fours. */
    if ((hrm_dtype_is_16bit(p->c.dtype) || hrm_dtype_is_16bit(p->r.dtype)) && (p->c.ld | p->r.ld) % 4 != 0) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "%s: rows of c are %llu apart, those of the residual %llu; where one is 16-bit, both must be "
                          "multiples of 4",
                          who, (unsigned long long)p->c.ld, (unsigned long long)p->r.ld);
        return false;
    }
    if (args->accumulate) p->flags |= HRM_MATMUL_ACCUMULATE;
    if (!read_end(rec, who, args, p)) return false;
    /* gate and up take the place of a residual, which these ends have not */
    if (swiglu_bwd || (p->flags & HRM_MATMUL_HAS_PRE)) p->r = p->pre;
    if (overlap(p->c.span, p->a.span) || overlap(p->c.span, p->b.span) ||
        (p->pre.span.buffer && overlap(p->c.span, p->pre.span)) ||
        ((p->flags & HRM_MATMUL_RESIDUAL) && overlap(p->c.span, p->r.span))) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: c shares memory with an input", who);
        return false;
    }
    return true;
}

/* ---- one plan per family: kernel, constants, the part of C that a workgroup computes ---- */

/* Bounds that the CPU families' texel views and 32-bit indices set. */
static bool fits_texels(const hrm_device *device, const hrm_product *p) {
    uint64_t most = (uint64_t)hrm_device_get_adapter(device)->max_texel_elements * 16;
    return p->a.span.bytes <= most && p->b.span.bytes <= most && p->c.span.bytes <= most && p->r.span.bytes <= most;
}

static void plan_tile(const hrm_product *p, hrm_matmul_family family, hrm_matmul_plan *plan) {
    uint32_t tile = family == HRM_MATMUL_TILE_SMALL ? 32 : family == HRM_MATMUL_TILE ? 64 : 128;
    /* A's vec4 run along k, for TN along m; B's along n, for NT along k. */
    bool vec4 = hrm_is_multiple_of_4(p->a.ld, p->a.cols) && hrm_is_multiple_of_4(p->b.ld, p->b.cols);
    plan->kernel = hrm_matmul_find_kernel(family, p->form, vec4);
    plan->rows = plan->columns = tile;
    plan->specs[0] = (hrm_spec){HRM_SPEC_TILE_M, tile};
    plan->specs[1] = (hrm_spec){HRM_SPEC_TILE_N, tile};
    plan->specs[2] = (hrm_spec){HRM_SPEC_TILE_K, tile == 128 ? 8 : 16}; /* shared: 4.5 KiB, 8.5, 8.25 */
    plan->spec_count = 3;
}

static void plan_direct(const hrm_device *device, const hrm_product *p, hrm_matmul_plan *plan) {
    bool vec4 = hrm_is_multiple_of_4(p->a.ld, p->a.cols) && hrm_is_multiple_of_4(p->b.ld, p->b.cols);
    uint32_t lanes = hrm_matmul_lanes(device);
    plan->kernel = hrm_matmul_find_kernel(HRM_MATMUL_DIRECT, p->form, vec4);
    plan->specs[0] = (hrm_spec){HRM_SPEC_LOCAL_X, hrm_matmul_is_cpu(device) && lanes ? lanes : 64};
    plan->spec_count = 1;
}

static bool has_16bit(const hrm_product *p) {
    return hrm_dtype_is_16bit(p->a.dtype) || hrm_dtype_is_16bit(p->b.dtype) || hrm_dtype_is_16bit(p->c.dtype) ||
           hrm_dtype_is_16bit(p->r.dtype);
}

static void make_plan(const hrm_device *device, const hrm_product *p, hrm_matmul_family family, hrm_matmul_plan *plan) {
    *plan = (hrm_matmul_plan){.family = family};
    if (hrm_matmul_family_is_matrix(family) && !hrm_matmul_plan_coopmat(device, p, family, plan))
        *plan = (hrm_matmul_plan){.family = hrm_matmul_find_f32(device, p->form)};
    /* The lane families read texels of four floats. */
    if (family >= HRM_MATMUL_LANE_SHUFFLE && (has_16bit(p) || !fits_texels(device, p)))
        plan->family = HRM_MATMUL_DIRECT;
    if (plan->family == HRM_MATMUL_LANE_ROW && !hrm_matmul_plan_lane_row(device, p, plan))
        plan->family = HRM_MATMUL_DIRECT;
    if (hrm_matmul_family_packs(plan->family)) hrm_matmul_plan_lane_column(device, p, plan->family, plan);
    if (hrm_matmul_family_tiles(plan->family)) plan_tile(p, plan->family, plan);
    if (plan->family == HRM_MATMUL_DIRECT) plan_direct(device, p, plan);
}

/* In how many parts the k of a TN product is summed when there is scratch. Few parts on CPU drivers, whose cores are
 * few and whose stores are slow; enough for the many processors of a GPU otherwise. */
static uint32_t count_splits(const hrm_device *device, const hrm_product *p, const hrm_matmul_plan *plan,
                             uint32_t *k_split) {
    *k_split = (uint32_t)hrm_round_up(p->k, 16);
    /* the second kernel, which adds the parts, is f32 */
    if (p->form != HRM_MATMUL_TN || hrm_dtype_is_16bit(p->c.dtype) || hrm_dtype_is_16bit(p->r.dtype)) return 1;
    uint64_t rows = plan->rows ? plan->rows : 32, columns = plan->columns ? plan->columns : 64;
    uint64_t groups = hrm_divide_up(p->m, rows) * hrm_divide_up(p->n, columns);
    uint64_t wanted = hrm_divide_up(hrm_matmul_is_cpu(device) ? 16 : 512, groups),
             most = p->k / (hrm_matmul_is_cpu(device) ? 512 : 128);
    uint64_t splits = wanted < most ? wanted : most;
    if (splits <= 1) return 1;
    *k_split = (uint32_t)hrm_round_up(hrm_divide_up(p->k, splits), 16);
    return (uint32_t)hrm_divide_up(p->k, *k_split);
}

/* ---- recording ---- */

static void record_product(hrm_recorder *rec, const hrm_product *p, const hrm_matmul_plan *plan, const hrm_matrix *c,
                           uint32_t flags, uint32_t splits, uint32_t k_split) {
    const hrm_device *device = hrm_recorder_get_device(rec);
    struct hrm_matmul_params params = {.m = p->m,
                                       .n = p->n,
                                       .k = p->k,
                                       .lda = (uint32_t)p->a.ld,
                                       .ldb = (uint32_t)p->b.ld,
                                       .ldc = (uint32_t)c->ld,
                                       .ldr = (uint32_t)p->r.ld,
                                       .k_split = k_split,
                                       .c_split = splits > 1 ? (uint32_t)(p->m * c->ld) : 0};
    hrm_dispatch d = {.kernel = (uint32_t)plan->kernel,
                      .label = p->label,
                      .push = &params,
                      .push_bytes = sizeof params,
                      .groups = {0, 0, splits},
                      .flops = 2.0 * p->m * p->n * p->k};
    for (uint32_t i = 0; i < plan->spec_count; i++) d.specs[d.spec_count++] = plan->specs[i];
    d.specs[d.spec_count++] = (hrm_spec){HRM_SPEC_FLAGS, plan->flags | flags};
    if (hrm_matmul_family_is_matrix(plan->family)) {
        struct hrm_matmul_block_params block;
        d.groups[0] = (uint32_t)hrm_divide_up(p->n, plan->columns);
        d.groups[1] = (uint32_t)hrm_divide_up(p->m, plan->rows);
        hrm_matmul_bind_block(p, c, flags, splits, k_split, &block, &d);
        hrm_recorder_dispatch(rec, &d);
        return;
    }
    const hrm_span pre = flags & HRM_MATMUL_HAS_PRE ? p->pre.span : c->span;
    hrm_span a = p->a.span, b = p->b.span;
    hrm_span r = flags & (HRM_MATMUL_RESIDUAL | HRM_MATMUL_SWIGLU_BWD) ? p->r.span : p->a.span;
    if (plan->family == HRM_MATMUL_DIRECT || hrm_matmul_family_tiles(plan->family)) {
        d.specs[d.spec_count++] = (hrm_spec){HRM_SPEC_DTYPE_A, (uint32_t)p->a.dtype};
        d.specs[d.spec_count++] = (hrm_spec){HRM_SPEC_DTYPE_B, (uint32_t)p->b.dtype};
        d.specs[d.spec_count++] = (hrm_spec){HRM_SPEC_DTYPE_C, (uint32_t)c->dtype};
        d.specs[d.spec_count++] =
            (hrm_spec){HRM_SPEC_DTYPE_R, flags & HRM_MATMUL_RESIDUAL ? (uint32_t)p->r.dtype : HRM_F32_T};
    }
    if (plan->family == HRM_MATMUL_DIRECT) {
        uint64_t invocations = hrm_divide_up(p->n, 4) * hrm_divide_up(p->m, 4);
        uint32_t limits[3] = {hrm_device_get_adapter(device)->max_workgroup_count[0],
                              hrm_device_get_adapter(device)->max_workgroup_count[1], 1};
        hrm_grid_1d_within(limits, hrm_divide_up(invocations, plan->specs[0].value), d.groups);
        d.groups[2] = splits;
    } else {
        uint64_t columns = flags & HRM_MATMUL_SWIGLU ? p->n / 2 : p->n;
        d.groups[0] = (uint32_t)hrm_divide_up(columns, plan->columns);
        d.groups[1] = (uint32_t)hrm_divide_up(p->m, plan->rows);
    }
    if (hrm_matmul_family_packs(plan->family)) {
        const hrm_span bindings[] = {a, b, a, b, r, r, c->span, c->span, c->span, c->span, c->span};
        uint32_t count = plan->store64 ? 11 : 9;
        for (uint32_t i = 0; i < count; i++) d.bindings[d.binding_count++] = bindings[i];
        d.bindings[d.binding_count++] = pre;
    } else if (plan->family == HRM_MATMUL_LANE_ROW) {
        const hrm_span bindings[] = {a, b, r, c->span, c->span};
        for (uint32_t i = 0; i < sizeof bindings / sizeof *bindings; i++) d.bindings[d.binding_count++] = bindings[i];
        uint64_t address = hrm_buffer_get_address(b.buffer) + b.offset;
        params.b_address_lo = (uint32_t)address;
        params.b_address_hi = (uint32_t)(address >> 32);
    } else {
        const hrm_span bindings[] = {a, b, r, c->span};
        for (uint32_t i = 0; i < sizeof bindings / sizeof *bindings; i++) d.bindings[d.binding_count++] = bindings[i];
    }
    hrm_recorder_dispatch(rec, &d);
}

static void record_reduce(hrm_recorder *rec, const hrm_product *p, hrm_span parts, uint32_t splits) {
    const hrm_device *device = hrm_recorder_get_device(rec);
    bool texel = hrm_is_multiple_of_4(p->c.ld | p->r.ld, p->n) && fits_texels(device, p) &&
                 parts.bytes / 16 <= hrm_device_get_adapter(device)->max_texel_elements &&
                 hrm_kernel_is_usable(device, HRM_KERNEL_matmul_reduce_texel);
    uint32_t width = texel ? 4 : 1, lanes = hrm_matmul_lanes(device),
             local = hrm_matmul_is_cpu(device) && lanes ? lanes : 64;
    struct hrm_matmul_reduce_params params = {.m = p->m,
                                              .n = p->n / width,
                                              .ldc = (uint32_t)p->c.ld / width,
                                              .ldr = (uint32_t)p->r.ld / width,
                                              .splits = splits};
    hrm_dispatch d = {.kernel = texel ? HRM_KERNEL_matmul_reduce_texel : HRM_KERNEL_matmul_reduce_scalar,
                      .label = p->label,
                      .push = &params,
                      .push_bytes = sizeof params,
                      .bindings = {parts, p->flags & HRM_MATMUL_RESIDUAL ? p->r.span : parts, p->c.span, p->c.span},
                      .binding_count = 4,
                      .specs = {{HRM_SPEC_LOCAL_X, local}, {HRM_SPEC_FLAGS, p->flags}},
                      .spec_count = 2,
                      .flops = (double)splits * p->m * p->n};
    hrm_grid_1d(device, hrm_divide_up((uint64_t)params.m * params.n, local), d.groups);
    hrm_recorder_dispatch(rec, &d);
}

/* Whether the kernel of a plan ends the product as it is asked to. */
static bool can_end(const hrm_matmul_args *args, const hrm_product *p, const hrm_matmul_plan *plan) {
    if (hrm_matmul_family_is_matrix(plan->family)) return true; /* else there would be no such plan */
    switch (args->end) {
    case HRM_MATMUL_END_PLAIN:
        return true;
    case HRM_MATMUL_END_SWIGLU:
    case HRM_MATMUL_END_SWIGLU_BWD:
        return p->form == (args->end == HRM_MATMUL_END_SWIGLU ? HRM_MATMUL_NT : HRM_MATMUL_NN) && !args->accumulate &&
               !hrm_tensor_is_set(&args->residual) && hrm_matmul_family_packs(plan->family) &&
               !(plan->flags & HRM_MATMUL_C_SCALAR);
    case HRM_MATMUL_END_ROPE:
    case HRM_MATMUL_END_RMS_NORM:
        break;
    }
    return false;
}

/* The layer that a product [m, n, k] belongs to: see hrm_matmul_problem. */
static hrm_matmul_problem describe(hrm_matmul_form form, hrm_dtype a, hrm_dtype b, hrm_dtype c, uint64_t m, uint64_t n,
                                   uint64_t k) {
    hrm_matmul_problem p = {.form = form, .a = a, .b = b, .c = c};
    p.rows = form == HRM_MATMUL_TN ? k : m;
    p.out = form == HRM_MATMUL_NT ? n : form == HRM_MATMUL_NN ? k : m;
    p.in = form == HRM_MATMUL_NT ? k : n;
    return p;
}

/* The family asked for, or the one chosen for this product. */
static hrm_status choose_family(hrm_device *device, const hrm_matmul_args *args, const hrm_product *p,
                                hrm_matmul_family *family) {
    *family = args->family;
    if (*family != HRM_MATMUL_AUTO) return HRM_OK;
    const hrm_matmul_problem problem = describe(p->form, p->a.dtype, p->b.dtype, p->c.dtype, p->m, p->n, p->k);
    return hrm_matmul_choose_for(device, &problem, family);
}

bool hrm_matmul_can_end(hrm_device *device, const hrm_matmul_args *args) {
    if (args->end == HRM_MATMUL_END_PLAIN) return true;
    /* as hrm_matmul would, without recording */
    hrm_recorder *rec;
    hrm_product p;
    hrm_matmul_family family;
    hrm_matmul_plan plan;
    if (hrm_recorder_create(device, &rec) != HRM_OK) return false;
    bool can = read_product(rec, args, &p) && choose_family(device, args, &p, &family) == HRM_OK;
    if (can) make_plan(device, &p, family, &plan);
    hrm_recorder_destroy(rec);
    return can && can_end(args, &p, &plan);
}

void hrm_matmul(hrm_recorder *rec, hrm_matmul_args args) {
    hrm_device *device = hrm_recorder_get_device(rec);
    hrm_product p;
    if (!read_product(rec, &args, &p)) return;
    hrm_matmul_family family;
    hrm_status status = choose_family(device, &args, &p, &family);
    if (status != HRM_OK) {
        hrm_recorder_fail(rec, status, "%s: %s", form_names[args.form], hrm_last_error());
        return;
    }
    if (!hrm_matmul_family_is_usable(device, family, args.form)) {
        hrm_recorder_fail(rec, HRM_ERR_UNSUPPORTED, "%s: this device has no kernels of family %s",
                          form_names[args.form], hrm_matmul_family_name(family));
        return;
    }
    if (args.form == HRM_MATMUL_NT && hrm_matmul_family_packs(family) && !has_16bit(&p)) {
        uint64_t count = hrm_matmul_packed_count(p.n, p.k);
        if (!hrm_tensor_is_set(&args.b_packed) || hrm_tensor_get_count(&args.b_packed) < count) {
            hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                              "matmul NT: family %s needs b_packed with %llu elements, see hrm_matmul_wants_packed",
                              hrm_matmul_family_name(family), (unsigned long long)count);
            return;
        }
        hrm_matrix packed = {.rows = p.k, .cols = p.n, .ld = hrm_round_up(p.n, 4)};
        packed.span = (hrm_span){args.b_packed.buffer, args.b_packed.offset, count * 4};
        hrm_product with_packed = p;
        with_packed.b = packed;
        if (fits_texels(device, &with_packed)) {
            p = with_packed;
        } else {
            family = HRM_MATMUL_DIRECT; /* takes W as it is */
        }
    }
    hrm_matmul_plan plan;
    make_plan(device, &p, family, &plan);
    if (!can_end(&args, &p, &plan)) {
        hrm_recorder_fail(rec, HRM_ERR_UNSUPPORTED,
                          "%s: family %s cannot end this product in another operation here; see hrm_matmul_can_end",
                          form_names[args.form], hrm_matmul_family_name(plan.family));
        return;
    }
    uint32_t k_split, splits = count_splits(device, &p, &plan, &k_split);
    uint64_t parts = (uint64_t)splits * p.m * p.n;
    if (splits == 1 || !hrm_tensor_is_set(&args.scratch) || hrm_tensor_get_count(&args.scratch) < parts) {
        record_product(rec, &p, &plan, &p.c, p.flags, 1, (uint32_t)hrm_round_up(p.k, 16));
        return;
    }
    hrm_matrix partial = {.rows = p.m, .cols = p.n, .ld = p.n};
    partial.span = (hrm_span){args.scratch.buffer, args.scratch.offset, parts * 4};
    hrm_product first = p;
    first.c = first.r = partial;
    make_plan(device, &first, family, &plan);
    record_product(rec, &first, &plan, &partial, 0, splits, k_split);
    record_reduce(rec, &p, partial.span, splits);
}

uint64_t hrm_matmul_scratch_count_of(hrm_device *device, hrm_matmul_family family, const hrm_matmul_problem *problem) {
    const hrm_matrix none = {0};
    const uint64_t m = problem->out, n = problem->in, k = problem->rows;
    hrm_product p = {.a = {.rows = k, .cols = m, .ld = m, .dtype = problem->a},
                     .b = {.rows = k, .cols = n, .ld = n, .dtype = problem->b},
                     .c = {.rows = m, .cols = n, .ld = n, .dtype = problem->c},
                     .r = none,
                     .m = (uint32_t)m,
                     .n = (uint32_t)n,
                     .k = (uint32_t)k,
                     .form = problem->form};
    if (problem->form != HRM_MATMUL_TN) return 0;
    hrm_matmul_plan plan;
    make_plan(device, &p, family, &plan);
    uint32_t k_split, splits = count_splits(device, &p, &plan, &k_split);
    return splits > 1 ? (uint64_t)splits * m * n : 0;
}

uint64_t hrm_matmul_scratch_count(hrm_device *device, hrm_matmul_form form, hrm_dtype type, uint64_t m, uint64_t n,
                                  uint64_t k) {
    const hrm_matmul_problem problem = describe(form, type, type, HRM_F32_T, m, n, k);
    hrm_matmul_family family;
    if (form != HRM_MATMUL_TN || hrm_matmul_choose_for(device, &problem, &family) != HRM_OK) return 0;
    return hrm_matmul_scratch_count_of(device, family, &problem);
}

/* ---- packing ---- */

uint64_t hrm_matmul_packed_count(uint64_t n, uint64_t k) {
    return k * hrm_round_up(n, 4);
}

void hrm_matmul_pack(hrm_recorder *rec, hrm_tensor w, hrm_tensor packed) {
    const hrm_device *device = hrm_recorder_get_device(rec);
    hrm_matrix x;
    if (!read_matrix(rec, "matmul_pack", "w", &w, &x)) return;
    if (w.dtype != HRM_F32_T) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "matmul_pack: w must be f32: the weight itself, not a copy");
        return;
    }
    uint64_t count = hrm_matmul_packed_count(x.rows, x.cols);
    if (!hrm_tensor_is_set(&packed) || packed.dtype != HRM_F32_T || hrm_tensor_get_count(&packed) < count) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "matmul_pack: packed must be f32 with at least %llu elements",
                          (unsigned long long)count);
        return;
    }
    bool texel = hrm_is_multiple_of_4(x.ld, x.cols) && hrm_kernel_is_usable(device, HRM_KERNEL_matmul_pack_texel) &&
                 x.span.bytes / 16 <= hrm_device_get_adapter(device)->max_texel_elements;
    uint32_t lanes = hrm_matmul_lanes(device), local = hrm_matmul_is_cpu(device) && lanes ? lanes : 64;
    struct hrm_matmul_pack_params params = {
        .n = (uint32_t)x.rows, .k = (uint32_t)x.cols, .ldw = (uint32_t)x.ld, .n4 = (uint32_t)hrm_divide_up(x.rows, 4)};
    hrm_dispatch d = {.kernel = texel ? HRM_KERNEL_matmul_pack_texel : HRM_KERNEL_matmul_pack_scalar,
                      .label = "matmul_pack",
                      .push = &params,
                      .push_bytes = sizeof params,
                      .bindings = {x.span, {packed.buffer, packed.offset, count * 4}},
                      .binding_count = 2,
                      .specs = {{HRM_SPEC_LOCAL_X, local}},
                      .spec_count = 1,
                      .flops = (double)count};
    hrm_grid_1d(device, hrm_divide_up((uint64_t)params.n4 * hrm_divide_up(x.cols, 4), local), d.groups);
    hrm_recorder_dispatch(rec, &d);
}
