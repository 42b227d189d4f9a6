/* How the CPU families cut a product into workgroups. */
#include "ops/matmul_private.h"
#include "shared/params.h"
#include "shared/spec_ids.h"

/* Rows of C per workgroup: the even number up to 32 (TN: 8, 16 or 32) that wastes least of its last workgroup. A
 * workgroup costs what its rows cost and about 6 rows more, for loading B. */
static uint32_t pick_rows(const hrm_product *p, uint32_t lanes) {
    uint32_t best = p->m > 16 ? 32 : p->m > 8 ? 16 : 8;
    if (p->form == HRM_MATMUL_TN || lanes != 16 || p->m <= 16) return best;
    uint64_t least = UINT64_MAX;
    for (uint32_t rows = 32; rows >= 18; rows -= 2) {
        uint64_t cost = hrm_divide_up(p->m, rows) * (rows + 6);
        if (cost < least) least = cost, best = rows;
    }
    return best;
}

/* Rows and blocks of 4 columns per lane; Mesa 22.3.6, 512 bits, Sapphire Rapids, GF/s a core:
 *
 *     rows x blocks   16 x 1   32 x 1   32 x 2   48 x 2   32 x 4   32 x 1 1/2
 *     2592x512x512        36       41       43       32       34
 *     2368x384x96         24       26       28       25       20
 *     2368x96x512                           33                        36
 *     2368x96x96                            25                        24
 *     96x288, k 2368                        38                        44
 *
 * Beyond 32 x 2 the code outgrows the instruction caches. At 256 bits 64-bit stores cost a third, at 512 they gain a
 * seventh. Products added up before they go to the accumulator, and rows that fit m; the same, Zen 4, two cores:
 *
 *     rows x blocks, k    32 x 2, 4   32 x 2, 8   28 x 2, 4   28 x 2, 8   24 x 2, 8
 *     2592x512x512               95         101          96         103          98
 *     656x512x1536              100         108          99         106         101
 *     82x1536x512                83          87          89          96          84
 *     TN 512x512, k 2592        103          99                     100          97
 *     2368x96x256 (32 x 1 1/2)   87          95                      93
 *
 * B packed as panels of 64 columns, other orders of workgroups and loading A one step ahead changed nothing there. */
void hrm_matmul_plan_lane_column(const hrm_device *device, const hrm_product *p, hrm_matmul_family family,
                                 hrm_matmul_plan *plan) {
    uint32_t lanes = hrm_matmul_lanes(device);
    hrm_kernel_id store64 = hrm_matmul_find_kernel(family, p->form, true);
    plan->store64 = lanes == 16 && family == HRM_MATMUL_LANE_SHUFFLE && hrm_kernel_is_usable(device, store64);
    plan->kernel = plan->store64 ? store64 : hrm_matmul_find_kernel(family, p->form, false);
    plan->rows = pick_rows(p, lanes);
    uint32_t steps = p->form != HRM_MATMUL_TN && lanes == 16 ? 8 : 4;
    /* Cost of the columns, padding included, measured; half a block more pays where k is long beside the stores. */
    uint64_t one = hrm_round_up(p->n, 4ull * lanes) * 27, two = hrm_round_up(p->n, 8ull * lanes) * 25;
    uint64_t half = hrm_round_up(p->n, 6ull * lanes) * 29;
    bool swiglu = (p->flags & HRM_MATMUL_SWIGLU) != 0;
    bool take_half = lanes == 16 && !swiglu && plan->rows >= 20 && (p->form == HRM_MATMUL_TN || p->k >= 192) &&
                     half < one && half < two;
    uint32_t blocks = swiglu || (two <= one && !take_half) ? 2 : 1;
    plan->columns = lanes * (swiglu ? 4 : take_half ? 6 : 4 * blocks);
    if (take_half) plan->flags |= HRM_MATMUL_HALF_BLOCK;
    if (!hrm_is_multiple_of_4(p->a.ld, p->a.cols)) plan->flags |= HRM_MATMUL_A_SCALAR;
    if (p->b.ld % 4 || (p->form != HRM_MATMUL_NT && p->n % 4)) plan->flags |= HRM_MATMUL_B_SCALAR;
    if (p->k % steps) plan->flags |= HRM_MATMUL_K_TAIL;
    if (!hrm_is_multiple_of_4(p->c.ld | p->r.ld, p->flags & HRM_MATMUL_SWIGLU_BWD ? p->n : p->c.cols)) {
        plan->flags |= HRM_MATMUL_C_SCALAR;
    } else if (plan->store64) {
        plan->flags |= blocks == 2 && !swiglu && (p->c.ld | p->n) % 8 == 0 ? HRM_MATMUL_STORE_256 : HRM_MATMUL_STORE_64;
    }
    plan->specs[0] = (hrm_spec){HRM_SPEC_LOCAL_X, lanes};
    plan->specs[1] = (hrm_spec){HRM_SPEC_TILE_M, plan->rows};
    plan->specs[2] = (hrm_spec){HRM_SPEC_TILE_N, blocks};
    plan->specs[3] = (hrm_spec){HRM_SPEC_TILE_K, steps};
    plan->spec_count = 4;
}

bool hrm_matmul_plan_lane_row(const hrm_device *device, const hrm_product *p, hrm_matmul_plan *plan) {
    uint32_t lanes = hrm_matmul_lanes(device);
    if (!hrm_is_multiple_of_4(p->a.ld, p->a.cols) || !hrm_is_multiple_of_4(p->b.ld, p->b.cols)) return false;
    /* Mesa 26, 512 bits: NT 64 columns, NN and TN 32; half that with half the lanes (registers of the same size). */
    uint32_t most = (p->form == HRM_MATMUL_NT ? 64 : p->form == HRM_MATMUL_NN ? 32 : 16);
    plan->kernel = hrm_matmul_find_kernel(HRM_MATMUL_LANE_ROW, p->form, false);
    plan->columns = p->n <= 16 ? 16 : most;
    plan->rows = lanes * (p->form == HRM_MATMUL_TN ? 4 : 1);
    if (!hrm_is_multiple_of_4(p->c.ld, p->n)) plan->flags |= HRM_MATMUL_C_SCALAR;
    plan->specs[0] = (hrm_spec){HRM_SPEC_LOCAL_X, lanes};
    plan->specs[1] = (hrm_spec){HRM_SPEC_TILE_N, plan->columns};
    plan->spec_count = 2;
    return true;
}
