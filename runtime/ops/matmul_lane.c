/* How the CPU families cut a product into workgroups. */
#include "ops/matmul_private.h"
#include "shared/params.h"
#include "shared/spec_ids.h"

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
 * seventh. */
void hrm_matmul_plan_lane_column(const hrm_device *device, const hrm_product *p, hrm_matmul_family family,
                                 hrm_matmul_plan *plan) {
    uint32_t lanes = hrm_matmul_lanes(device);
    hrm_kernel_id store64 = hrm_matmul_find_kernel(family, p->form, true);
    plan->store64 = lanes == 16 && family == HRM_MATMUL_LANE_SHUFFLE && hrm_kernel_is_usable(device, store64);
    plan->kernel = plan->store64 ? store64 : hrm_matmul_find_kernel(family, p->form, false);
    plan->rows = p->m > 16 ? 32 : p->m > 8 ? 16 : 8;
    /* Cost of the columns, padding included, measured; half a block more pays where k is long beside the stores. */
    uint64_t one = hrm_round_up(p->n, 4ull * lanes) * 27, two = hrm_round_up(p->n, 8ull * lanes) * 25;
    uint64_t half = hrm_round_up(p->n, 6ull * lanes) * 29;
    bool swiglu = (p->flags & HRM_MATMUL_SWIGLU) != 0;
    bool take_half = lanes == 16 && !swiglu && plan->rows == 32 && (p->form == HRM_MATMUL_TN || p->k >= 192) &&
                     half < one && half < two;
    uint32_t blocks = swiglu || (two <= one && !take_half) ? 2 : 1;
    plan->columns = lanes * (swiglu ? 4 : take_half ? 6 : 4 * blocks);
    if (take_half) plan->flags |= HRM_MATMUL_HALF_BLOCK;
    if (!hrm_is_multiple_of_4(p->a.ld, p->a.cols)) plan->flags |= HRM_MATMUL_A_SCALAR;
    if (p->b.ld % 4 || (p->form != HRM_MATMUL_NT && p->n % 4)) plan->flags |= HRM_MATMUL_B_SCALAR;
    if (p->k % 4) plan->flags |= HRM_MATMUL_K_TAIL;
    if (!hrm_is_multiple_of_4(p->c.ld | p->r.ld, p->c.cols)) {
        plan->flags |= HRM_MATMUL_C_SCALAR;
    } else if (plan->store64) {
        plan->flags |= blocks == 2 && !swiglu && (p->c.ld | p->n) % 8 == 0 ? HRM_MATMUL_STORE_256 : HRM_MATMUL_STORE_64;
    }
    plan->specs[0] = (hrm_spec){HRM_SPEC_LOCAL_X, lanes};
    plan->specs[1] = (hrm_spec){HRM_SPEC_TILE_M, plan->rows};
    plan->specs[2] = (hrm_spec){HRM_SPEC_TILE_N, blocks};
    plan->spec_count = 3;
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
