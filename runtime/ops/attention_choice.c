/* Which family computes attention: the measured choice.
 * A new family is a value of hrm_attention_family, its rows in attention.c, a line in `families` and one in
 * hrm_attention_family_serves. */
#include <stdio.h>
#include <string.h>

#include "gpu/caps.h"
#include "ops/attention.h"
#include "ops/attention_coopmat.h"
#include "ops/matmul.h"
#include "ops/select.h"

/* Why this is left to a measurement: prototypes of these kernels on lavapipe, 32 heads of 64, 512 tokens, forward, GF/s
 * at 256 / 512 bits (Zen 5, 2 cores):
 *
 *     Mesa 22.3    shuffle 58 / 101    broadcast 5 / 5       uniform 3 / 3
 *     Mesa 25.0    shuffle 68 / 7      broadcast 68 / 111    uniform 13 / 15, and 44 s to compile one kernel
 *     Mesa 26.1    shuffle 70 / 7      broadcast 70 / 122    uniform 109 / 196
 *
 * The uniform family cannot even be tried where hrm_matmul_keeps_uniform_scalar says no. */

/* Every family, and where it is measured beside others; elsewhere it runs when it is named. Tiles, which every
 * device has, are the yardstick. */
enum { ON_CPU = 1, ON_GPU = 2 };
static const struct {
    hrm_attention_family family;
    int tried;
} families[] = {{HRM_ATTENTION_TILES, ON_GPU},
                {HRM_ATTENTION_SHUFFLE, ON_CPU},
                {HRM_ATTENTION_BROADCAST, ON_CPU},
                {HRM_ATTENTION_UNIFORM, ON_CPU},
                {HRM_ATTENTION_COOPMAT, ON_GPU}};
enum { FAMILIES = sizeof families / sizeof *families };

/* The one place that says which types and heads a family computes. */
bool hrm_attention_family_serves(const hrm_device *device, hrm_attention_family family,
                                 const hrm_attention_problem *problem) {
    if (!hrm_attention_family_is_usable(device, family)) return false;
    bool f32 = problem->type == HRM_F32_T;
    switch (family) {
    case HRM_ATTENTION_TILES:
        return true;
    case HRM_ATTENTION_SHUFFLE:
    case HRM_ATTENTION_BROADCAST:
        return f32;
    case HRM_ATTENTION_UNIFORM:
        return f32 && hrm_matmul_keeps_uniform_scalar(device);
    case HRM_ATTENTION_COOPMAT:
        return hrm_attention_coopmat_is_usable(device, problem->type);
    case HRM_ATTENTION_AUTO:
    case HRM_ATTENTION_FAMILY_COUNT:
        break;
    }
    return false;
}

const char *hrm_attention_get_op(bool backward) {
    return backward ? "attention_bwd" : "attention_fwd";
}

static void write_key(const hrm_attention_problem *p, char text[HRM_SELECT_KEY]) {
    hrm_select_key key = {.type = p->type,
                          .rank = p->batch > 0 ? 4 : 0,
                          .shape = {hrm_select_bucket(p->batch), p->seq, p->heads, p->head_dim}};
    snprintf(key.op, sizeof key.op, "%s", hrm_attention_get_op(p->backward));
    hrm_select_write_key(&key, text);
}

static hrm_attention_family find_family(const char *name) {
    for (int i = 0; i < FAMILIES; i++)
        if (strcmp(hrm_attention_family_name(families[i].family), name) == 0) return families[i].family;
    return HRM_ATTENTION_AUTO;
}

/* ---- measuring ---- */

enum { TRIAL_QKV, TRIAL_O, TRIAL_LSE, TRIAL_GRAD_O, TRIAL_DELTA, TRIAL_GRAD_QKV, TRIAL_TENSORS };

typedef struct trial {
    hrm_attention_problem problem; /* batch and heads are what is recorded now, those below all */
    uint64_t whole_batch;
    uint32_t whole_heads;
    hrm_select_candidate candidates[FAMILIES];
    uint64_t counts[TRIAL_TENSORS];
    hrm_dtype types[TRIAL_TENSORS];
} trial;

/* The start of a working tensor: `per_position` elements for each position of each puzzle and head recorded now. */
static hrm_tensor part_of(const hrm_tensor *t, const trial *x, uint64_t per_position) {
    const hrm_attention_problem *p = &x->problem;
    return hrm_tensor_1d(t->buffer, t->offset, t->dtype, p->batch * p->heads * p->seq * per_position);
}

static void record_fwd(hrm_recorder *rec, hrm_attention_family family, const hrm_tensor *t, const trial *x) {
    const hrm_attention_problem *p = &x->problem;
    hrm_attention_fwd(rec, (hrm_attention_fwd_args){.qkv = part_of(&t[TRIAL_QKV], x, 3ull * p->head_dim),
                                                    .o = part_of(&t[TRIAL_O], x, p->head_dim),
                                                    .lse = part_of(&t[TRIAL_LSE], x, 1),
                                                    .batch = p->batch,
                                                    .seq = p->seq,
                                                    .heads = p->heads,
                                                    .head_dim = p->head_dim,
                                                    .family = family});
}

static void record_bwd(hrm_recorder *rec, hrm_attention_family family, const hrm_tensor *t, const trial *x) {
    const hrm_attention_problem *p = &x->problem;
    hrm_attention_bwd(rec, (hrm_attention_bwd_args){.qkv = part_of(&t[TRIAL_QKV], x, 3ull * p->head_dim),
                                                    .o = part_of(&t[TRIAL_O], x, p->head_dim),
                                                    .lse = part_of(&t[TRIAL_LSE], x, 1),
                                                    .grad_o = part_of(&t[TRIAL_GRAD_O], x, p->head_dim),
                                                    .delta = part_of(&t[TRIAL_DELTA], x, 1),
                                                    .grad_qkv = part_of(&t[TRIAL_GRAD_QKV], x, 3ull * p->head_dim),
                                                    .batch = p->batch,
                                                    .seq = p->seq,
                                                    .heads = p->heads,
                                                    .head_dim = p->head_dim,
                                                    .family = family});
}

static void record_trial(hrm_recorder *rec, uint32_t candidate, const hrm_tensor *t, void *user) {
    const trial *x = user;
    (x->problem.backward ? record_bwd : record_fwd)(rec, families[candidate].family, t, x);
}

/* The backward pass needs outputs that belong to its inputs. */
static void prepare_trial(hrm_recorder *rec, uint32_t candidate, const hrm_tensor *t, void *user) {
    const trial *x = user;
    if (x->problem.backward) record_fwd(rec, families[candidate].family, t, x);
}

static void record_yardstick(hrm_recorder *rec, uint32_t candidate, const hrm_tensor *t, void *user) {
    const trial *x = user;
    (void)candidate;
    record_fwd(rec, HRM_ATTENTION_TILES, t, x);
    if (x->problem.backward) record_bwd(rec, HRM_ATTENTION_TILES, t, x);
}

/* Fewer batch rows, then fewer heads. The rows of a block are cut at the end by the length of the sequence already. */
static hrm_select_size resize_trial(void *user, uint32_t divisor, bool tail) {
    trial *x = user;
    hrm_attention_problem *p = &x->problem;
    (void)tail;
    p->batch = x->whole_batch / divisor;
    p->heads = x->whole_heads;
    if (p->batch == 0) {
        p->heads = (uint32_t)(x->whole_batch * x->whole_heads / divisor);
        p->batch = 1;
    }
    const uint64_t n_o = p->batch * p->heads * p->seq * p->head_dim;
    return (hrm_select_size){p->backward ? 3 * n_o : n_o, (p->backward ? 10.0 : 4.0) * (double)(p->seq * n_o)};
}

/* Relative to the largest result. f32: two sums of head_dim and of seq terms, each within 2^-24 of its terms, on either
 * side. With 16 bits also what is stored between the sums and at the end, rounded to 8 or 11 bits: p and o forward, p,
 * ds and the gradients backward. */
static double tolerance_of(const hrm_attention_problem *p) {
    double unit = p->type == HRM_BF16_T ? 0x1p-8 : p->type == HRM_F16_T ? 0x1p-11 : 0;
    return (double)(p->seq + p->head_dim) * 0x1p-22 + unit * (p->backward ? 8 : 4);
}

/* Fills the trial and the case, which points into it. Families of the lanes' other style are tried where the style is
 * unknown. */
static void make_case(hrm_device *device, const hrm_attention_problem *problem, hrm_lane_style style, trial *x,
                      const char *key, hrm_select_case *c) {
    const bool is_cpu = (hrm_device_get_caps(device) & HRM_CAP_CPU) != 0;
    *x = (trial){.problem = *problem};
    hrm_attention_problem *p = &x->problem;
    if (p->batch == 0) { /* no multiple of a block of rows, so that edges are compared too */
        p->batch = is_cpu ? 2 : 16;
        p->seq = is_cpu ? 61 : 253;
        p->heads = is_cpu ? 4 : 8;
        p->head_dim = is_cpu ? 32 : 64;
    }
    x->whole_batch = p->batch;
    x->whole_heads = p->heads;
    for (uint32_t i = 0; i < FAMILIES; i++) {
        hrm_attention_family f = families[i].family;
        bool other_style = (f == HRM_ATTENTION_SHUFFLE && style == HRM_LANES_BROADCAST) ||
                           (f == HRM_ATTENTION_BROADCAST && style == HRM_LANES_SHUFFLE);
        bool untried = (families[i].tried & (is_cpu ? ON_CPU : ON_GPU)) == 0 || other_style;
        x->candidates[i] = (hrm_select_candidate){hrm_attention_family_name(f),
                                                  hrm_attention_family_serves(device, f, problem), untried};
    }
    const uint64_t n_lse = p->batch * p->heads * p->seq, n_o = n_lse * p->head_dim;
    const uint64_t counts[TRIAL_TENSORS] = {3 * n_o, n_o, n_lse, n_o, n_lse, 3 * n_o};
    const hrm_dtype types[TRIAL_TENSORS] = {p->type, p->type, HRM_F32_T, p->type, HRM_F32_T, p->type};
    memcpy(x->counts, counts, sizeof counts);
    memcpy(x->types, types, sizeof types);
    uint32_t divisor = 1;
    while (p->batch * p->heads / (2ull * divisor) >= 1 && divisor < 1u << 30) divisor *= 2;
    *c = (hrm_select_case){.key = key,
                           .candidates = x->candidates,
                           .candidate_count = FAMILIES,
                           .counts = x->counts,
                           .types = x->types,
                           .tensor_count = TRIAL_TENSORS,
                           .output = p->backward ? TRIAL_GRAD_QKV : TRIAL_O,
                           .flops = (p->backward ? 10.0 : 4.0) * (double)(p->seq * n_o),
                           .tolerance = tolerance_of(p),
                           .prepare = prepare_trial,
                           .record = record_trial,
                           .yardstick = record_yardstick,
                           .resize = resize_trial,
                           .divisor_most = divisor,
                           .user = x};
}

/* ---- choosing ---- */

typedef struct fit {
    hrm_device *device;
    const hrm_attention_problem *problem;
} fit;

static bool fits(void *user, const char *row) {
    const fit *x = user;
    return hrm_attention_family_serves(x->device, find_family(row), x->problem);
}

static hrm_status choose_shape(hrm_device *device, const hrm_attention_problem *problem, hrm_attention_family *family) {
    char key[HRM_SELECT_KEY], row[HRM_SELECT_ROW];
    fit x = {device, problem};
    *family = HRM_ATTENTION_AUTO;
    write_key(problem, key);
    hrm_status status = hrm_select_find(device, key, fits, &x, row);
    if (status == HRM_OK && row[0]) *family = find_family(row);
    return status;
}

/* forcing: of a row that is named, nothing may be measured on the way. */
static hrm_status choose_default(hrm_device *device, bool backward, hrm_dtype type, bool forcing,
                                 hrm_attention_family *family) {
    const hrm_attention_problem problem = {.backward = backward, .type = type};
    char key[HRM_SELECT_KEY];
    write_key(&problem, key);
    const char *known = hrm_select_get_known(device, key);
    if (known) {
        *family = find_family(known);
        return HRM_OK;
    }
    trial x;
    hrm_select_case c;
    make_case(device, &problem, forcing ? HRM_LANES_UNKNOWN : hrm_matmul_get_lane_style(device), &x, key, &c);
    uint32_t chosen = 0;
    hrm_status status = hrm_select_pick(device, &c, &chosen);
    if (status == HRM_OK) *family = families[chosen].family;
    return status;
}

hrm_status hrm_attention_choose_for(hrm_device *device, const hrm_attention_problem *problem,
                                    hrm_attention_family *family) {
    if (problem->batch > 0) {
        hrm_status status = choose_shape(device, problem, family);
        if (status != HRM_OK || *family != HRM_ATTENTION_AUTO) return status;
    }
    return choose_default(device, problem->backward, problem->type, false, family);
}

hrm_status hrm_attention_choose(hrm_device *device, bool backward, hrm_attention_family *family) {
    return choose_default(device, backward, HRM_F32_T, false, family);
}

hrm_status hrm_attention_choose_by_key(hrm_device *device, const hrm_select_key *key) {
    hrm_attention_family family;
    hrm_attention_problem problem = {.backward = strcmp(key->op, hrm_attention_get_op(true)) == 0, .type = key->type};
    if (key->rank == 0) return choose_default(device, problem.backward, key->type, true, &family);
    if (key->rank == 4 && hrm_select_bucket(key->shape[0]) == key->shape[0] && key->shape[2] <= UINT32_MAX &&
        key->shape[3] <= UINT32_MAX) {
        problem.batch = key->shape[0], problem.seq = key->shape[1];
        problem.heads = (uint32_t)key->shape[2], problem.head_dim = (uint32_t)key->shape[3];
        return choose_shape(device, &problem, &family);
    }
    char text[HRM_SELECT_KEY];
    hrm_select_write_key(key, text);
    return hrm_fail(HRM_ERR_UNSUPPORTED, "there is no choice of kernels for \"%s\"", text);
}

/* ---- tuning ---- */

static hrm_status make_shape_case(hrm_device *device, const hrm_attention_problem *p, trial *x,
                                  char key[HRM_SELECT_KEY], hrm_select_case *c) {
    if (p->batch == 0 || p->seq == 0 || p->heads == 0 || p->head_dim == 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "tuning %s: batch, seq, heads and head_dim must be set",
                        hrm_attention_get_op(p->backward));
    write_key(p, key);
    make_case(device, p, HRM_LANES_UNKNOWN, x, key, c);
    return HRM_OK;
}

hrm_status hrm_attention_tune(hrm_device *device, const hrm_attention_problem *problem,
                              const hrm_select_tuning *tuning) {
    char key[HRM_SELECT_KEY];
    trial x;
    hrm_select_case c;
    hrm_status status = make_shape_case(device, problem, &x, key, &c);
    return status == HRM_OK ? hrm_select_tune(device, &c, tuning) : status;
}

hrm_status hrm_attention_visit_candidates(hrm_device *device, const hrm_attention_problem *problem,
                                          void (*visit)(void *user, const char *key, const char *row), void *user) {
    char key[HRM_SELECT_KEY];
    trial x;
    hrm_select_case c;
    hrm_status status = make_shape_case(device, problem, &x, key, &c);
    if (status == HRM_OK) hrm_select_visit_tried(&c, visit, user);
    return status;
}
