/* The products and attentions of a model, each tuned in turn. */
#include <hrm/tune.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/config_copy.h"
#include "base/log.h"
#include "gpu/device.h"
#include "model/config.h"
#include "model/weights.h"
#include "ops/attention.h"
#include "ops/matmul.h"

/* ---- what a model computes ---- */

typedef struct tune_item {
    const char *use;
    bool is_attention;
    hrm_matmul_problem product;
    hrm_attention_problem attention;
} tune_item;

enum { MAX_ITEMS = 32 };

typedef struct tune_list {
    tune_item items[MAX_ITEMS];
    uint32_t count;
} tune_list;

/* A linear layer y [rows, out] = x [rows, in] W^T: its names, and which of x and y lie inside a block, where 16-bit
 * precisions keep 16 bits. So do their gradients. */
typedef struct linear_layer {
    const char *forward, *input_gradient, *weight_gradient;
    uint32_t out, in;
    bool is_16bit, x_inside, y_inside;
} linear_layer;

static bool is_same_product(const hrm_matmul_problem *a, const hrm_matmul_problem *b) {
    return a->form == b->form && hrm_matmul_problem_type(a) == hrm_matmul_problem_type(b) && a->out == b->out &&
           a->in == b->in && hrm_select_bucket(a->rows) == hrm_select_bucket(b->rows);
}

static void add_product(tune_list *list, const char *use, hrm_matmul_problem problem) {
    for (uint32_t i = 0; i < list->count; i++)
        if (!list->items[i].is_attention && is_same_product(&list->items[i].product, &problem)) return;
    list->items[list->count++] = (tune_item){.use = use, .product = problem};
}

static void add_attention(tune_list *list, const char *use, hrm_attention_problem p) {
    for (uint32_t i = 0; i < list->count; i++) {
        const hrm_attention_problem *q = &list->items[i].attention;
        if (list->items[i].is_attention && q->backward == p.backward &&
            hrm_select_bucket(q->batch) == hrm_select_bucket(p.batch))
            return;
    }
    list->items[list->count++] = (tune_item){.use = use, .is_attention = true, .attention = p};
}

static void add_layer(tune_list *list, const linear_layer *l, hrm_dtype narrow, uint64_t rows, bool backward) {
    const hrm_dtype w = l->is_16bit ? narrow : HRM_F32_T, x = l->x_inside ? narrow : HRM_F32_T,
                    y = l->y_inside ? narrow : HRM_F32_T;
    hrm_matmul_problem p = {.form = HRM_MATMUL_NT, .a = x, .b = w, .c = y, .rows = rows, .out = l->out, .in = l->in};
    add_product(list, l->forward, p);
    if (!backward) return;
    p.form = HRM_MATMUL_NN, p.a = y, p.b = w, p.c = x;
    add_product(list, l->input_gradient, p);
    p.form = HRM_MATMUL_TN, p.a = y, p.b = x, p.c = HRM_F32_T;
    add_product(list, l->weight_gradient, p);
}

static void add_batch(tune_list *list, const hrm_dims *d, hrm_dtype narrow, uint32_t batch, bool backward) {
    const linear_layer layers[] = {
        {"qkv", "qkv dx", "qkv dw", 3 * d->D, d->D, true, false, true},
        {"o", "o dx", "o dw", d->D, d->D, true, true, false},
        {"gate_up", "gate_up dx", "gate_up dw", 2 * d->F, d->D, true, false, true},
        {"down", "down dx", "down dw", d->D, d->F, true, true, false},
        {"lm_head", "lm_head dx", "lm_head dw", d->V, d->D, false, false, false},
    };
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        add_layer(list, &layers[i], narrow, (uint64_t)batch * d->T, backward);
    hrm_attention_problem p = {false, narrow, batch, d->T, d->H, d->hd};
    add_attention(list, "attention", p);
    if (!backward) return;
    p.backward = true;
    add_attention(list, "attention backward", p);
}

static hrm_status list_items(const hrm_tune_config *config, hrm_tune_config *c, tune_list *list) {
    hrm_dtype narrow = HRM_F32_T;
    hrm_model_config model;
    hrm_status status = hrm_config_copy(config, c, sizeof *c, "hrm_tune_config");
    if (status == HRM_OK) status = hrm_model_config_resolve(&c->model, &model);
    if (status == HRM_OK) status = hrm_precision_get_dtype(c->precision, "hrm_tune_config", &narrow);
    if (status != HRM_OK) return status;
    hrm_dims dims = hrm_model_config_get_dims(&model);
    const uint32_t solve_batch = c->solve_batch ? c->solve_batch : 1;
    if ((uint64_t)dims.T * (c->batch > solve_batch ? c->batch : solve_batch) > INT32_MAX / 2)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "hrm_tune_config: a batch of %u puzzles of %u positions is too large",
                        c->batch > solve_batch ? c->batch : solve_batch, dims.T);
    *list = (tune_list){0};
    if (c->batch) add_batch(list, &dims, narrow, c->batch, true);
    add_batch(list, &dims, narrow, solve_batch, false);
    return HRM_OK;
}

/* ---- tuning ---- */

/* The results of one item, kept until the fastest is known. */
typedef struct tune_results {
    const tune_item *item;
    uint32_t count;
    hrm_select_result items[HRM_SELECT_MAX_CANDIDATES];
    char reasons[HRM_SELECT_MAX_CANDIDATES][160];
    char key[HRM_SELECT_KEY];
} tune_results;

static void keep_result(void *user, const hrm_select_result *r) {
    tune_results *x = user;
    if (x->count == HRM_SELECT_MAX_CANDIDATES) return;
    uint32_t i = x->count++;
    x->items[i] = *r;
    snprintf(x->key, sizeof x->key, "%s", r->key);
    if (r->reason) snprintf(x->reasons[i], sizeof x->reasons[i], "%s", r->reason);
    x->items[i].reason = r->reason ? x->reasons[i] : NULL;
}

static void tell(const tune_results *x, const hrm_tune_watch *watch) {
    double best = 0;
    for (uint32_t i = 0; i < x->count; i++)
        if (x->items[i].gflops > best) best = x->items[i].gflops;
    for (uint32_t i = 0; i < x->count; i++) {
        const hrm_select_result *r = &x->items[i];
        watch->visit(watch->user, &(hrm_tune_result){.key = x->key,
                                                     .use = x->item->use,
                                                     .row = r->row,
                                                     .reason = r->reason,
                                                     .gflops = r->gflops,
                                                     .share = best > 0 ? r->gflops / best : 0,
                                                     .error = isnan(r->error) ? -1 : r->error,
                                                     .refused = r->refused,
                                                     .chosen = r->chosen});
    }
}

static hrm_status tune_one(hrm_device *device, const tune_item *item, uint32_t runs, const hrm_tune_watch *watch) {
    tune_results results = {.item = item};
    const hrm_select_tuning tuning = {.runs = runs, .visit = keep_result, .user = &results};
    hrm_status status = item->is_attention ? hrm_attention_tune(device, &item->attention, &tuning)
                                           : hrm_matmul_tune(device, &item->product, &tuning);
    if (watch && watch->visit) tell(&results, watch);
    return status;
}

hrm_status hrm_tune(hrm_device *device, const hrm_tune_config *config, const hrm_tune_watch *watch) {
    hrm_tune_config c;
    tune_list list;
    hrm_status status = list_items(config, &c, &list);
    if (status != HRM_OK) return status;
    if (!hrm_device_get_cache_dir(device)[0])
        hrm_log(HRM_LOG_WARN, "tuning: the device has no cache folder: what is measured holds only for this process");
    uint32_t done = 0;
    for (uint32_t i = 0; i < list.count && status == HRM_OK; i++) {
        if (watch && watch->progress && !watch->progress(watch->user, i, list.count, list.items[i].use))
            status = HRM_ERR_CANCELLED;
        else
            status = tune_one(device, &list.items[i], c.runs, watch);
        if (status == HRM_OK) done++;
    }
    if (status != HRM_OK && status != HRM_ERR_CANCELLED) return status;
    hrm_status kept = hrm_select_keep(device);
    if (kept != HRM_OK) {
        hrm_fail_prefix(kept, "what was measured is not kept");
        return kept;
    }
    if (status == HRM_OK) return HRM_OK;
    return hrm_fail(HRM_ERR_CANCELLED, "tuning stopped after %u of %u shapes; what was measured is kept", done,
                    list.count);
}

/* ---- looking ---- */

typedef struct plan_visit {
    const tune_item *item;
    const char *row; /* used now */
    void (*visit)(void *user, const hrm_tune_result *result);
    void *user;
} plan_visit;

static void visit_candidate(void *user, const char *key, const char *row) {
    const plan_visit *p = user;
    p->visit(p->user,
             &(hrm_tune_result){
                 .key = key, .use = p->item->use, .row = row, .error = -1, .chosen = strcmp(row, p->row) == 0});
}

static hrm_status plan_one(hrm_device *device, plan_visit *p) {
    hrm_status status;
    if (p->item->is_attention) {
        hrm_attention_family family;
        status = hrm_attention_choose_for(device, &p->item->attention, &family);
        if (status != HRM_OK) return status;
        p->row = hrm_attention_family_name(family);
        return hrm_attention_visit_candidates(device, &p->item->attention, visit_candidate, p);
    }
    hrm_matmul_family family;
    status = hrm_matmul_choose_for(device, &p->item->product, &family);
    if (status != HRM_OK) return status;
    p->row = hrm_matmul_family_name(family);
    return hrm_matmul_visit_candidates(device, &p->item->product, visit_candidate, p);
}

hrm_status hrm_tune_plan(hrm_device *device, const hrm_tune_config *config,
                         void (*visit)(void *user, const hrm_tune_result *result), void *user) {
    hrm_tune_config c;
    tune_list list;
    hrm_status status = list_items(config, &c, &list);
    for (uint32_t i = 0; status == HRM_OK && i < list.count; i++)
        status = plan_one(device, &(plan_visit){.item = &list.items[i], .visit = visit, .user = user});
    return status;
}

typedef struct stored_visit {
    void (*visit)(void *user, const hrm_tune_result *result);
    void *user;
} stored_visit;

static void visit_stored(void *user, const hrm_select_result *r) {
    const stored_visit *p = user;
    p->visit(p->user, &(hrm_tune_result){.key = r->key,
                                         .use = "",
                                         .row = r->row,
                                         .gflops = r->gflops,
                                         .error = r->refused ? r->error : -1,
                                         .refused = r->refused,
                                         .chosen = r->chosen});
}

hrm_status hrm_tune_visit(hrm_device *device, void (*visit)(void *user, const hrm_tune_result *result), void *user) {
    return hrm_select_visit_stored(device, visit_stored, &(stored_visit){visit, user});
}

hrm_status hrm_tune_reset(hrm_device *device) {
    return hrm_select_reset(device);
}
