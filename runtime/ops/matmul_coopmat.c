/* How the families of matrix units (matmul/matmul_coopmat.comp) cut a product, and what a row of kernels that can end
 * products binds. COOPMAT2 runs the same kernels with matrices of any multiples of a granule, as large as shared memory
 * lets them be at the end, so that the driver decides how to cut them up. */
#include <assert.h>

#include "ops/matmul_private.h"
#include "shared/dtype.h"
#include "shared/params.h"
#include "shared/spec_ids.h"

static_assert((uint32_t)HRM_MATMUL_END_SWIGLU == HRM_MATMUL_ENDS_SWIGLU &&
                  (uint32_t)HRM_MATMUL_END_SWIGLU_BWD == HRM_MATMUL_ENDS_SWIGLU_BWD &&
                  (uint32_t)HRM_MATMUL_END_ROPE == HRM_MATMUL_ENDS_ROPE &&
                  (uint32_t)HRM_MATMUL_END_RMS_NORM == HRM_MATMUL_ENDS_RMS_NORM,
              "kernels know ends by these numbers");

/* A workgroup's part of AB. */
typedef struct cut {
    uint32_t m, n, k, across; /* across: subgroups side by side along a row */
} cut;

/* The f32 sums that a lane may hold. Measured with the compilers of Mesa 26.1.6, 16-bit operands, none spilled:
 * subgroups of 32 (gfx1100, gfx1201) 64 x 64 sums, 128 a lane, 240 registers; of 16 (Battlemage) 16 x 32, 32 a lane,
 * where twice as many spill 175 to 240 registers; of 8 (DG2) 8 x 16, 16 a lane, where twice as many spill 56 to 141. A
 * CPU driver has no such limit. */
static uint32_t most_sums(const hrm_device *device) {
    const uint32_t lanes = hrm_device_get_coopmat_subgroup(device);
    return lanes >= 32 || hrm_matmul_is_cpu(device) ? 128 : lanes >= 16 ? 32 : 16;
}

/* The widest row that a workgroup holds whole, for RMS_NORM. */
enum { LONGEST_ROW = 512 };

static cut choose_cut(const hrm_device *device, const hrm_product *p, uint32_t side, const hrm_coopmat_shape *shape) {
    const uint32_t lanes = hrm_device_get_coopmat_subgroup(device), most = most_sums(device) * lanes;
    cut c = {.m = side, .n = side, .across = 2};
    if (p->end == HRM_MATMUL_END_RMS_NORM) {
        /* whole rows, four subgroups side by side; as many of them as lanes can hold sums of, up to half the usual */
        c.across = HRM_COOPMAT_SUBGROUPS;
        c.n = (uint32_t)hrm_round_up(p->n, (uint64_t)c.across * shape->n);
        c.m = most * c.across / c.n < side / 2 ? most * c.across / c.n : side / 2;
        c.m = c.m / shape->m * shape->m;
    } else if (side * side > most * HRM_COOPMAT_SUBGROUPS) {
        c.m = side / 2;
    }
    /* Two steps of the units a round of loads, but one where registers are short, for what is fetched and unrolled: few
     * lanes; f32 operands, which take twice the registers, beside the most sums (gfx1100 would spill 3). Rows of 512
     * with 16 of k, which with padding are 24, take 24 KiB of shared memory. */
    const bool is_f32 = p->a.dtype == HRM_F32_T || p->b.dtype == HRM_F32_T,
               is_short = (lanes < 32 && !hrm_matmul_is_cpu(device)) || (is_f32 && side >= 128) || c.n > 256;
    c.k = is_short ? shape->k : 2 * shape->k;
    if (c.k < 16) c.k = 16;
    return c;
}

static bool fits(const hrm_device *device, const hrm_coopmat_shape *shape, const cut *c) {
    const uint32_t lanes = hrm_device_get_coopmat_subgroup(device);
    const uint32_t wave_m = c->m / (HRM_COOPMAT_SUBGROUPS / c->across), wave_n = c->n / c->across;
    /* whole words of 16 bytes in shared memory: 8 elements, 4 sums */
    return c->m > 0 && wave_m * wave_n <= most_sums(device) * lanes && shape->m % 8 == 0 && shape->n % 8 == 0 &&
           shape->k % 8 == 0 && wave_m % shape->m == 0 && wave_n % shape->n == 0 && c->k % shape->k == 0;
}

/* As the kernel declares it. */
static uint64_t count_shared_bytes(const hrm_coopmat_shape *shape, const cut *c, const hrm_product *p) {
    const uint64_t a = p->form == HRM_MATMUL_TN ? c->k * (c->m / 8 + 1) : c->m * (c->k / 8 + 1),
                   b = p->form == HRM_MATMUL_NT ? c->n * (c->k / 8 + 1) : c->k * (c->n / 8 + 1),
                   end = HRM_COOPMAT_SUBGROUPS * shape->m * (c->n / c->across / 4 + 1),
                   squares = p->end == HRM_MATMUL_END_RMS_NORM ? HRM_COOPMAT_SUBGROUPS * shape->m : 1;
    return (a + b > end ? a + b : end) * 16 + squares * 4;
}

/* The type that the matrices hold: bf16 where the operands differ, because it holds every f16 number's magnitude.
 * HRM_F32_T: none of ours. */
static hrm_dtype choose_type(hrm_dtype a, hrm_dtype b) {
    if (a == HRM_BF16_T || b == HRM_BF16_T) return HRM_BF16_T;
    return a == HRM_F16_T || b == HRM_F16_T ? HRM_F16_T : HRM_F32_T;
}

static hrm_kernel_id find_kernel(hrm_matmul_form form, hrm_dtype type) {
    static const hrm_kernel_id rows[3][2] = {{HRM_KERNEL_matmul_coopmat_f16_nt, HRM_KERNEL_matmul_coopmat_bf16_nt},
                                             {HRM_KERNEL_matmul_coopmat_f16_nn, HRM_KERNEL_matmul_coopmat_bf16_nn},
                                             {HRM_KERNEL_matmul_coopmat_f16_tn, HRM_KERNEL_matmul_coopmat_bf16_tn}};
    return rows[form][type == HRM_BF16_T];
}

/* The best so far of the shapes that divide the cut: the largest, which takes fewest instructions. */
typedef struct choice {
    hrm_coopmat_shape shape; /* m 0: none */
    cut cut;
} choice;

static void try_shape(const hrm_device *device, const hrm_product *p, hrm_matmul_family family, hrm_coopmat_shape shape,
                      uint32_t side, choice *best) {
    const cut c = choose_cut(device, p, side, &shape);
    if (family == HRM_MATMUL_COOPMAT2) shape.n = c.n / c.across, shape.k = c.k;
    if (!fits(device, &shape, &c) ||
        count_shared_bytes(&shape, &c, p) > hrm_device_get_adapter(device)->max_shared_bytes ||
        shape.m * shape.n * shape.k <= best->shape.m * best->shape.n * best->shape.k)
        return;
    *best = (choice){shape, c};
}

static choice choose_shape(const hrm_device *device, const hrm_product *p, hrm_matmul_family family, hrm_dtype type) {
    const hrm_adapter *adapter = hrm_device_get_adapter(device);
    const bool bf16 = type == HRM_BF16_T;
    choice best = {.shape = {.m = 0}};
    if (family == HRM_MATMUL_COOPMAT2) {
        /* One matrix as wide as a subgroup's part and as deep as a step, and of 16 rows or so, which are stored at a
         * time. */
        for (uint32_t i = 0; i < adapter->granule_count; i++) {
            const hrm_coopmat_granule *g = &adapter->granules[i];
            if (g->workgroup != 0 || g->bf16 != bf16) continue;
            const hrm_coopmat_shape rows = {(uint32_t)hrm_round_up(16, g->m), g->n, g->k, bf16};
            for (uint32_t side = 128; side >= 64 && best.shape.m == 0; side /= 2) {
                try_shape(device, p, family, rows, side, &best);
                const hrm_coopmat_shape *s = &best.shape;
                if (s->m % g->m != 0 || s->n % g->n != 0 || s->k % g->k != 0 || s->m > adapter->coopmat_max_dimension ||
                    s->n > adapter->coopmat_max_dimension || s->k > adapter->coopmat_max_dimension)
                    best.shape.m = 0;
            }
        }
        return best;
    }
    const uint32_t side = family == HRM_MATMUL_COOPMAT_SMALL ? 32 : family == HRM_MATMUL_COOPMAT ? 64 : 128;
    for (uint32_t i = 0; i < adapter->coopmat_count; i++)
        if (adapter->coopmat[i].bf16 == bf16) try_shape(device, p, family, adapter->coopmat[i], side, &best);
    return best;
}

bool hrm_matmul_coopmat_serves(const hrm_device *device, hrm_matmul_family family, hrm_matmul_form form, hrm_dtype a,
                               hrm_dtype b) {
    if (!hrm_matmul_family_is_matrix(family)) return false;
    const hrm_dtype type = choose_type(a, b);
    if (type == HRM_F32_T)
        return hrm_matmul_coopmat_serves(device, family, form, HRM_BF16_T, HRM_BF16_T) ||
               hrm_matmul_coopmat_serves(device, family, form, HRM_F16_T, HRM_F16_T);
    if (family == HRM_MATMUL_COOPMAT2 && !(hrm_device_get_caps(device) & HRM_CAP_COOPMAT2)) return false;
    const hrm_product any = {.form = form, .m = 1, .n = 1, .k = 1};
    const uint32_t invocations = HRM_COOPMAT_SUBGROUPS * hrm_device_get_coopmat_subgroup(device);
    return hrm_kernel_is_usable(device, find_kernel(form, type)) && invocations > 0 &&
           invocations <= hrm_device_get_adapter(device)->max_workgroup_invocations &&
           choose_shape(device, &any, family, type).shape.m > 0;
}

/* Whether the kernel can end the product so: it loads and stores fours of elements there. */
static bool can_end(const hrm_product *p) {
    const bool plain = (p->flags & (HRM_MATMUL_ACCUMULATE | HRM_MATMUL_RESIDUAL)) == 0;
    if (p->end == HRM_MATMUL_END_PLAIN) return true;
    if ((p->c.ld | p->r.ld | p->n) % 4 != 0) return false;
    switch (p->end) {
    case HRM_MATMUL_END_PLAIN:
        break;
    case HRM_MATMUL_END_SWIGLU:
        return p->form == HRM_MATMUL_NT && plain && (p->pair | p->pre.ld) % 4 == 0;
    case HRM_MATMUL_END_SWIGLU_BWD:
        return p->form == HRM_MATMUL_NN && plain && (p->pair | p->pre.ld) % 4 == 0;
    case HRM_MATMUL_END_ROPE:
        return p->form == HRM_MATMUL_NT && plain && p->pair % 4 == 0;
    case HRM_MATMUL_END_RMS_NORM:
        return p->form == HRM_MATMUL_NT && (p->flags & HRM_MATMUL_ACCUMULATE) == 0 && p->n <= LONGEST_ROW;
    }
    return false;
}

bool hrm_matmul_plan_coopmat(const hrm_device *device, const hrm_product *p, hrm_matmul_family family,
                             hrm_matmul_plan *plan) {
    /* Whole rows of B take an invocation's registers: in subgroups of 16 Battlemage's compiler spills 21 at 16 x 128.
     */
    if (p->end == HRM_MATMUL_END_RMS_NORM && hrm_device_get_coopmat_subgroup(device) < 32 && !hrm_matmul_is_cpu(device))
        return false;
    const hrm_dtype type = choose_type(p->a.dtype, p->b.dtype);
    if (type == HRM_F32_T || !can_end(p) || !hrm_matmul_coopmat_serves(device, family, p->form, p->a.dtype, p->b.dtype))
        return false;
    const choice best = choose_shape(device, p, family, type);
    const hrm_coopmat_shape *shape = &best.shape;
    const cut c = best.cut;
    if (shape->m == 0) return false;
    plan->kernel = find_kernel(p->form, type);
    plan->rows = c.m;
    plan->columns = c.n;
    const hrm_spec specs[] = {{HRM_SPEC_LOCAL_X, HRM_COOPMAT_SUBGROUPS * hrm_device_get_coopmat_subgroup(device)},
                              {HRM_SPEC_TILE_M, c.m},
                              {HRM_SPEC_TILE_N, c.n},
                              {HRM_SPEC_TILE_K, c.k},
                              {HRM_SPEC_COOPMAT_M, shape->m},
                              {HRM_SPEC_COOPMAT_N, shape->n},
                              {HRM_SPEC_COOPMAT_K, shape->k},
                              {HRM_SPEC_COOPMAT_ACROSS, c.across}};
    for (uint32_t i = 0; i < sizeof specs / sizeof *specs; i++) plan->specs[plan->spec_count++] = specs[i];
    if (!hrm_is_multiple_of_4(p->a.ld, p->a.cols)) plan->flags |= HRM_MATMUL_A_SCALAR;
    if (!hrm_is_multiple_of_4(p->b.ld, p->b.cols)) plan->flags |= HRM_MATMUL_B_SCALAR;
    if (!hrm_is_multiple_of_4(p->c.ld | p->r.ld, p->n)) plan->flags |= HRM_MATMUL_C_SCALAR;
    return true;
}

void hrm_matmul_bind_block(const hrm_product *p, const hrm_matrix *c, uint32_t flags, uint32_t splits, uint32_t k_split,
                           struct hrm_matmul_block_params *params, hrm_dispatch *d) {
    *params = (struct hrm_matmul_block_params){.m = p->m,
                                               .n = p->n,
                                               .k = p->k,
                                               .lda = (uint32_t)p->a.ld,
                                               .ldb = (uint32_t)p->b.ld,
                                               .ldc = (uint32_t)c->ld,
                                               .ldr = (uint32_t)p->r.ld,
                                               .ldp = (uint32_t)p->pre.ld,
                                               .k_split = k_split,
                                               .c_split = splits > 1 ? (uint32_t)(p->m * c->ld) : 0,
                                               .pair = p->pair,
                                               .turned = p->turned,
                                               .seq = p->seq,
                                               .inv_n = 1.0f / (float)p->n,
                                               .eps = p->eps};
    d->push = params;
    d->push_bytes = sizeof *params;
    const bool residual = (flags & HRM_MATMUL_RESIDUAL) != 0, turns = p->end == HRM_MATMUL_END_ROPE;
    const hrm_span bindings[] = {p->a.span,
                                 p->b.span,
                                 residual ? p->r.span : p->a.span,
                                 c->span,
                                 p->pre.span.buffer ? p->pre.span : c->span,
                                 turns ? p->cos_table : p->a.span,
                                 turns ? p->sin_table : p->a.span,
                                 p->rstd.buffer ? p->rstd : c->span};
    for (uint32_t i = 0; i < sizeof bindings / sizeof *bindings; i++) d->bindings[d->binding_count++] = bindings[i];
    const hrm_spec specs[] = {{HRM_SPEC_MATMUL_END, (uint32_t)p->end},
                              {HRM_SPEC_DTYPE_A, (uint32_t)p->a.dtype},
                              {HRM_SPEC_DTYPE_B, (uint32_t)p->b.dtype},
                              {HRM_SPEC_DTYPE_C, (uint32_t)c->dtype},
                              {HRM_SPEC_DTYPE_R, residual ? (uint32_t)p->r.dtype : HRM_DTYPE_F32},
                              {HRM_SPEC_DTYPE_P, p->pre.span.buffer ? (uint32_t)p->pre.dtype : HRM_DTYPE_F32}};
    for (uint32_t i = 0; i < sizeof specs / sizeof *specs; i++) d->specs[d->spec_count++] = specs[i];
}
