/* The recurrence's gradients on the device against the double reference (which test_inner_reference.c checks), for
 * HRM's one-step gradient, for the last H cycle and for every call; recomputing activations against keeping them; and a
 * second pass that adds to the first. The loss is a fixed random weighting of the last z_H. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/program.h"
#include "helper_golden.h"
#include "helper_inner.h"
#include "model/inner.h"

/* Largest |difference| over the largest value of the tensor. Up to 2.3e-5 on llvmpipe, over seeds, where 12 calls
 * pass on and amplify each other's f32 roundings (z_H itself is then off by 7e-6); 3e-6 behind 3 calls. The rest is
 * room for devices whose exp, square root and division are a few ulp off. What is left out or counted twice shows as
 * 1e-2 and more. */
#define TOLERANCE 1e-4
/* In 16 bits, of a tensor's norm: 0.23 and 0.048 on llvmpipe, behind 12 calls. */
#define TOLERANCE_BF16 0.5
#define TOLERANCE_F16 0.1

/* One shape: a model, states to start from, and both in double for the reference. */
typedef struct subject {
    const inner_shape *shape;
    hrm_model *model;
    ref_inner ref;
    size_t n; /* values of a state */
    float *e, *h, *l, *loss_weights;
    double *ref_weights[2], *ref_e, *ref_h, *ref_l, *ref_loss_weights;
} subject;

/* f32 values, and the same as doubles. */
static void make_pair(float **narrow, double **wide, size_t n, uint64_t stream) {
    *narrow = inner_make_f32(n);
    *wide = inner_make(n);
    inner_fill_random(*wide, n, 1, stream);
    for (size_t i = 0; i < n; i++) (*wide)[i] = (double)((*narrow)[i] = (float)(*wide)[i]);
}

static double *read_weights(const subject *s, int module) {
    const hrm_layer_index *index = module == REF_INNER_H ? s->model->list.h_layers : s->model->list.l_layers;
    double *weights = inner_make(ref_inner_get_module_count(&s->ref, module));
    for (size_t layer = 0; layer < s->ref.layers[module]; layer++) {
        const uint32_t params[REF_INNER_WEIGHT_COUNT] = {index[layer].qkv, index[layer].o, index[layer].gate_up,
                                                         index[layer].down};
        for (int w = 0; w < REF_INNER_WEIGHT_COUNT; w++) {
            const size_t count = ref_inner_get_weight_count(&s->ref, w);
            CHECK_EQ(s->model->list.items[params[w]].count, count);
            float *values = inner_make_f32(count);
            CHECK_OK(hrm_model_read_param(s->model, params[w], values));
            double *to = weights + ref_inner_get_weight_offset(&s->ref, layer, w);
            for (size_t i = 0; i < count; i++) to[i] = (double)values[i];
            free(values);
        }
    }
    return weights;
}

static void init_subject(subject *s, const inner_shape *shape) {
    const hrm_model_config config = inner_get_config(shape);
    *s = (subject){.shape = shape};
    CHECK_OK(hrm_model_alloc(golden_device(), &config, &s->model));
    CHECK_OK(hrm_model_init_weights(s->model, check_seed()));
    CHECK_OK(hrm_model_set_precision(s->model, golden_get_precision()));
    s->ref = inner_get_ref(shape, s->model->dims.F);
    s->n = (size_t)shape->batch * shape->seq * shape->hidden;
    make_pair(&s->e, &s->ref_e, s->n, 1);
    make_pair(&s->h, &s->ref_h, s->n, 2);
    make_pair(&s->l, &s->ref_l, s->n, 3);
    make_pair(&s->loss_weights, &s->ref_loss_weights, s->n, 4);
    for (int m = 0; m < 2; m++) s->ref_weights[m] = read_weights(s, m);
}

static void deinit_subject(subject *s) {
    void *const all[] = {s->e,     s->h,     s->l,     s->loss_weights,    s->ref_weights[0], s->ref_weights[1],
                         s->ref_e, s->ref_h, s->ref_l, s->ref_loss_weights};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    hrm_model_destroy(s->model);
}

/* ---- a pass on the device ---- */

typedef struct results {
    float *h, *l, *grad_e;
    float *grads, *grads_twice; /* the dense group, after one backward pass and after one more that adds */
} results;

static void free_results(results *r) {
    free(r->h);
    free(r->l);
    free(r->grad_e);
    free(r->grads);
    free(r->grads_twice);
}

typedef struct pass {
    const subject *subject;
    hrm_plan plan;
    hrm_net net;
    hrm_inner inner;
    hrm_grads grads;
    hrm_tensor e, h, l, loss_weights, grad_e;
} pass;

static void plan_pass(pass *p, const subject *s, uint32_t saved_calls, bool recompute) {
    *p = (pass){.subject = s, .net = {.model = s->model, .batch = s->shape->batch}};
    const uint64_t rows = (uint64_t)s->shape->batch * s->model->dims.T;
    hrm_plan_init(&p->plan, golden_device());
    const struct {
        hrm_tensor *t;
        const char *label;
    } states[] = {
        {&p->e, "e"}, {&p->h, "z_H"}, {&p->l, "z_L"}, {&p->loss_weights, "loss weights"}, {&p->grad_e, "gradient"}};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        *states[i].t = hrm_plan_2d(&p->plan, HRM_LIFE_IO, states[i].label, HRM_F32_T, rows, s->model->dims.D);
    hrm_scratch_plan(&p->net.scratch, &p->plan, s->model, s->shape->batch, true);
    const hrm_inner_config config = {.batch = s->shape->batch, .saved_calls = saved_calls, .recompute = recompute};
    CHECK_OK(hrm_inner_init(&p->inner, &p->plan, s->model, &config, p->h, p->l));
    CHECK_OK(hrm_grads_init(&p->grads, &p->plan, s->model));
    CHECK_OK(hrm_plan_get_status(&p->plan));
}

static void record_backward(hrm_recorder *rec, const pass *p, bool accumulate) {
    const hrm_tensor grad_h = p->net.scratch.grad_h;
    hrm_tensor grad_e;
    hrm_recorder_copy(rec, hrm_tensor_get_span(&grad_h), hrm_tensor_get_span(&p->loss_weights));
    hrm_inner_backward(rec, &p->net, &p->inner, &p->grads, accumulate, grad_h, &grad_e);
    hrm_recorder_copy(rec, hrm_tensor_get_span(&p->grad_e), hrm_tensor_get_span(&grad_e));
}

static void submit(hrm_recorder *rec) {
    hrm_program *program;
    CHECK_OK(hrm_recorder_end(rec, &program));
    CHECK_OK(hrm_program_submit(program, NULL));
    hrm_program_destroy(program);
}

static results run_pass(const subject *s, uint32_t saved_calls, bool recompute) {
    pass p;
    plan_pass(&p, s, saved_calls, recompute);
    hrm_recorder *rec;
    CHECK_OK(hrm_recorder_create(golden_device(), &rec));
    /* Nothing may lean on fresh memory: all of it starts as NaN. */
    for (uint32_t i = 0; i < p.plan.count; i++) hrm_recorder_fill(rec, hrm_buffer_span(p.plan.buffers[i]), 0x7fc00000u);
    submit(rec);
    golden_upload(golden_device(), &p.e, s->e);
    golden_upload(golden_device(), &p.h, s->h);
    golden_upload(golden_device(), &p.l, s->l);
    golden_upload(golden_device(), &p.loss_weights, s->loss_weights);

    results r;
    hrm_inner_forward(rec, &p.net, &p.inner,
                      &(hrm_inner_io){.e = p.e, .h_in = p.h, .l_in = p.l, .h_out = p.h, .l_out = p.l}, true);
    record_backward(rec, &p, false);
    submit(rec);
    r.h = golden_download(golden_device(), &p.h);
    r.l = golden_download(golden_device(), &p.l);
    r.grad_e = golden_download(golden_device(), &p.grad_e);
    r.grads = golden_download(golden_device(), &p.grads.dense);
    record_backward(rec, &p, true);
    submit(rec);
    r.grads_twice = golden_download(golden_device(), &p.grads.dense);

    hrm_recorder_destroy(rec);
    hrm_inner_deinit(&p.inner);
    hrm_grads_deinit(&p.grads);
    hrm_plan_deinit(&p.plan);
    return r;
}

/* ---- weights of both modules, one by one ---- */

typedef struct weight {
    char name[64];
    int module;
    size_t at, ref_at, count; /* where its gradient starts in the dense group, and in the reference's of the module */
} weight;

/* The weight number `index` of the subject; false past the last. */
static bool get_weight(const subject *s, size_t index, weight *out) {
    static const char *const names[REF_INNER_WEIGHT_COUNT] = {"qkv", "o", "gate_up", "down"};
    size_t layer = index / REF_INNER_WEIGHT_COUNT;
    const int w = (int)(index % REF_INNER_WEIGHT_COUNT);
    out->module = layer < s->ref.layers[REF_INNER_H] ? REF_INNER_H : REF_INNER_L;
    if (out->module == REF_INNER_L) layer -= s->ref.layers[REF_INNER_H];
    if (layer >= s->ref.layers[out->module]) return false;
    const hrm_param_list *list = &s->model->list;
    const hrm_layer_index *in = out->module == REF_INNER_H ? &list->h_layers[layer] : &list->l_layers[layer];
    const uint32_t params[REF_INNER_WEIGHT_COUNT] = {in->qkv, in->o, in->gate_up, in->down};
    snprintf(out->name, sizeof out->name, "%c layer %zu %s", out->module == REF_INNER_H ? 'H' : 'L', layer, names[w]);
    out->at = list->items[params[w]].offset;
    out->ref_at = ref_inner_get_weight_offset(&s->ref, layer, w);
    out->count = ref_inner_get_weight_count(&s->ref, w);
    return true;
}

/* ---- tests ---- */

static double worst; /* of all comparisons with the reference in one precision, for the record */

/* In 16 bits single values may be off by much of the largest where calls amplify one another's roundings; the whole
 * tensor is compared, by its norm. */
static void compare_norms(const char *name, const float *got, const double *want, size_t n) {
    static const double tolerances[] = {[HRM_PRECISION_BF16] = TOLERANCE_BF16, [HRM_PRECISION_F16] = TOLERANCE_F16};
    const double tolerance = tolerances[golden_get_precision()];
    double apart = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        apart += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        norm += want[i] * want[i];
    }
    const double error = sqrt(apart / norm);
    worst = fmax(worst, error);
    CHECK_MSG(error <= tolerance, "%s is off by %g of its norm; allowed are %g", name, error, tolerance);
    golden_count();
}

static void compare(const char *name, const float *got, const double *want, size_t n) {
    const double largest = inner_find_largest(want, n);
    CHECK_MSG(largest > 1e-6, "%s: the largest value is %g: nothing to compare", name, largest);
    if (golden_get_precision() != HRM_PRECISION_F32) {
        compare_norms(name, got, want, n);
        return;
    }
    for (size_t i = 0; i < n; i++) worst = fmax(worst, fabs((double)got[i] - want[i]) / largest);
    check_close_f32(name, got, want, n, TOLERANCE * largest, 0);
    golden_count();
}

static void compare_with_reference(const subject *s, uint32_t saved_calls, const results *r) {
    const size_t count = ref_inner_get_call_count(&s->ref), first = count - saved_calls;
    double *h = inner_make(s->n), *l = inner_make(s->n), *grad_e = inner_make(s->n), *grads[2];
    const double *const *weights = (const double *const *)s->ref_weights;
    memcpy(h, s->ref_h, s->n * sizeof *h);
    memcpy(l, s->ref_l, s->n * sizeof *l);
    for (int m = 0; m < 2; m++) grads[m] = inner_make(ref_inner_get_module_count(&s->ref, m));
    ref_inner_forward(&s->ref, 0, first, weights, s->ref_e, h, l);
    ref_inner_backward(&s->ref, first, weights, s->ref_e, h, l, s->ref_loss_weights, grads, grad_e);
    ref_inner_forward(&s->ref, first, count, weights, s->ref_e, h, l);
    compare("z_H", r->h, h, s->n);
    compare("z_L", r->l, l, s->n);
    compare("gradient of e", r->grad_e, grad_e, s->n);
    weight w;
    for (size_t i = 0; get_weight(s, i, &w); i++) compare(w.name, r->grads + w.at, grads[w.module] + w.ref_at, w.count);
    void *const all[] = {h, l, grad_e, grads[0], grads[1]};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

/* The second pass adds what the first left: twice as much, to the bit where a module has one saved call. With several,
 * ((a + b) + a) + b is rounded otherwise than 2 (a + b): by at most an ulp of the largest partial sum for each. */
static void compare_twice(const subject *s, uint32_t saved_calls, const results *r) {
    uint32_t calls[2] = {0, 0};
    const uint32_t count = s->shape->h_cycles * (s->shape->l_cycles + 1);
    for (uint32_t i = count - saved_calls; i < count; i++)
        calls[(i + 1) % (s->shape->l_cycles + 1) == 0 ? REF_INNER_H : REF_INNER_L]++;
    weight w;
    for (size_t i = 0; get_weight(s, i, &w); i++) {
        float *want = inner_make_f32(w.count);
        double largest = 0;
        for (size_t k = 0; k < w.count; k++) {
            want[k] = 2 * r->grads[w.at + k];
            largest = fmax(largest, fabs((double)want[k]));
        }
        if (calls[w.module] == 1)
            check_same_bits(w.name, r->grads_twice + w.at, want, w.count * sizeof *want);
        else /* 2^-23: terms of one call may be a few times the sum of all */
            check_close_f32(w.name, r->grads_twice + w.at, want, w.count, 4 * calls[w.module] * 0x1p-23 * largest, 0);
        golden_count();
        free(want);
    }
}

static void compare_recomputed(const subject *s, uint32_t saved_calls, const results *r) {
    results again = run_pass(s, saved_calls, true);
    const size_t bytes = s->n * sizeof(float);
    check_same_bits("z_H, recomputing", again.h, r->h, bytes);
    check_same_bits("z_L, recomputing", again.l, r->l, bytes);
    check_same_bits("gradient of e, recomputing", again.grad_e, r->grad_e, bytes);
    weight w;
    for (size_t i = 0; get_weight(s, i, &w); i++) {
        check_same_bits(w.name, again.grads + w.at, r->grads + w.at, w.count * sizeof(float));
        check_same_bits(w.name, again.grads_twice + w.at, r->grads_twice + w.at, w.count * sizeof(float));
        golden_count();
    }
    free_results(&again);
}

static void run_shape(const inner_shape *shape) {
    subject s;
    init_subject(&s, shape);
    const uint32_t all = shape->h_cycles * (shape->l_cycles + 1), saved[] = {2, shape->l_cycles + 1, all};
    for (size_t i = 0; i < sizeof saved / sizeof *saved; i++) {
        if (i > 0 && saved[i] == saved[i - 1]) continue;
        printf("%s, the last %u of %u calls\n", shape->name, saved[i], all);
        results r = run_pass(&s, saved[i], false);
        compare_with_reference(&s, saved[i], &r);
        compare_twice(&s, saved[i], &r);
        compare_recomputed(&s, saved[i], &r);
        free_results(&r);
    }
    deinit_subject(&s);
}

static void run_in(hrm_precision precision) {
    golden_set_precision(precision);
    worst = 0;
    for (size_t i = 0; i < inner_shape_count; i++) run_shape(&inner_shapes[i]);
    printf("largest difference from the reference, relative: %.2g\n", worst);
}

static void test_gradients(void **state) {
    (void)state;
    run_in(HRM_PRECISION_F32);
}

static void test_gradients_bf16(void **state) {
    (void)state;
    run_in(HRM_PRECISION_BF16);
}

static void test_gradients_f16(void **state) {
    (void)state;
    run_in(HRM_PRECISION_F16);
}

int main(void) {
    golden_device();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients), cmocka_unit_test(test_gradients_bf16),
                                       cmocka_unit_test(test_gradients_f16)};
    return golden_exit(cmocka_run_group_tests(tests, NULL, NULL));
}
