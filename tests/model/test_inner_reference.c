/* The double reference of the recurrence against central differences: what the kernels' gradients are checked against
 * (test_inner_gradient.c) is itself checked here, without a device. The loss is a fixed random weighting of the last
 * z_H, the only state that leaves a segment towards the heads. States before call `first` are computed once and stay as
 * they are while weights and e move, as behind the reference implementation's detach(). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "helper_inner.h"
#include "ref/gradient.h"

enum { FEED_FORWARD = 12, SAMPLES = 12 };

/* A recurrence with all that its loss depends on. */
typedef struct problem {
    ref_inner inner;
    size_t first, n; /* first call with a gradient; values of a state */
    double *weights[2], *e, *h, *l, *loss_weights;
    double *grad_weights[2], *grad_e;
    double *work_h, *work_l;
} problem;

static double *make_random(size_t n, double sd, uint64_t stream) {
    double *x = inner_make(n);
    inner_fill_random(x, n, sd, stream);
    return x;
}

static void init_problem(problem *p, const inner_shape *shape) {
    *p = (problem){.inner = inner_get_ref(shape, FEED_FORWARD)};
    p->n = p->inner.batch * p->inner.seq * p->inner.hidden;
    for (int m = 0; m < 2; m++) {
        const size_t count = ref_inner_get_module_count(&p->inner, m);
        /* As a fresh model's. With half as much again, twelve calls on end amplify so that the quotients fail first. */
        p->weights[m] = make_random(count, 1 / sqrt((double)p->inner.hidden), 10 + (uint64_t)m);
        p->grad_weights[m] = inner_make(count);
    }
    p->e = make_random(p->n, 1, 1);
    p->h = make_random(p->n, 1, 2);
    p->l = make_random(p->n, 1, 3);
    p->loss_weights = make_random(p->n, 1, 4);
    p->grad_e = inner_make(p->n);
    p->work_h = inner_make(p->n);
    p->work_l = inner_make(p->n);
}

static void deinit_problem(problem *p) {
    double *const all[] = {
        p->weights[0],      p->weights[1],      p->e,      p->h,     p->l, p->loss_weights, p->grad_e,
        p->grad_weights[0], p->grad_weights[1], p->work_h, p->work_l};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static double compute_loss(const problem *p) {
    memcpy(p->work_h, p->h, p->n * sizeof *p->h);
    memcpy(p->work_l, p->l, p->n * sizeof *p->l);
    ref_inner_forward(&p->inner, p->first, ref_inner_get_call_count(&p->inner), (const double *const *)p->weights, p->e,
                      p->work_h, p->work_l);
    return ref_dot(p->work_h, p->loss_weights, p->n);
}

/* d loss / d t of x + t * direction. */
static double differentiate(const problem *p, double *x, const double *direction, size_t n) {
    /* About 1e-8 of a gradient: the quotient is off by step^2 / 6 of the third derivative, which grows with the depth
     * that is differentiated, and by about 1e-15 / step of rounding. */
    const double step = 1e-5;
    double *kept = inner_make(n), loss[2];
    memcpy(kept, x, n * sizeof *x);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < n; i++) x[i] = kept[i] + (side ? step : -step) * direction[i];
        loss[side] = compute_loss(p);
    }
    memcpy(x, kept, n * sizeof *x);
    free(kept);
    return (loss[1] - loss[0]) / (2 * step);
}

static double worst; /* of all comparisons, for the record */

/* Compares along `direction`; `scale` is what an error is relative to. */
static void check_direction(const problem *p, const char *name, double *x, const double *grad, const double *direction,
                            size_t n, double scale) {
    const double got = ref_dot(grad, direction, n), want = differentiate(p, x, direction, n);
    worst = fmax(worst, fabs(got - want) / scale);
    CHECK_MSG(fabs(got - want) <= 1e-7 * scale, "%s, from call %zu: gradient %.12g, difference quotient %.12g", name,
              p->first, got, want);
}

/* Some elements of a tensor one by one, then all at once along a random direction of length 1. */
static void check_tensor(const problem *p, const char *name, double *x, const double *grad, size_t n) {
    const double largest = inner_find_largest(grad, n);
    CHECK_MSG(largest > 1e-6, "%s, from call %zu: the largest gradient is %g: nothing to check", name, p->first,
              largest);
    hrm_rng rng;
    hrm_rng_init(&rng, check_seed(), 77);
    double *direction = inner_make(n);
    for (int i = 0; i < SAMPLES; i++) {
        const size_t at = hrm_rng_below(&rng, (uint32_t)n);
        memset(direction, 0, n * sizeof *direction);
        direction[at] = 1;
        check_direction(p, name, x, grad, direction, n, largest);
    }
    inner_fill_random(direction, n, 1 / sqrt((double)n), 78);
    check_direction(p, name, x, grad, direction, n, largest);
    free(direction);
}

static void check_gradients(problem *p) {
    ref_inner_backward(&p->inner, p->first, (const double *const *)p->weights, p->e, p->h, p->l, p->loss_weights,
                       p->grad_weights, p->grad_e);
    static const char *const weight_names[REF_INNER_WEIGHT_COUNT] = {"qkv", "o", "gate_up", "down"};
    char name[64];
    for (int m = 0; m < 2; m++) {
        for (size_t layer = 0; layer < p->inner.layers[m]; layer++) {
            for (int w = 0; w < REF_INNER_WEIGHT_COUNT; w++) {
                snprintf(name, sizeof name, "%c layer %zu %s", m == REF_INNER_H ? 'H' : 'L', layer, weight_names[w]);
                const size_t at = ref_inner_get_weight_offset(&p->inner, layer, w);
                check_tensor(p, name, p->weights[m] + at, p->grad_weights[m] + at,
                             ref_inner_get_weight_count(&p->inner, w));
            }
        }
    }
    check_tensor(p, "e", p->e, p->grad_e, p->n);
}

/* Runs the calls that are constant, then checks the rest. */
static void run(const inner_shape *shape, size_t saved_calls) {
    problem p;
    init_problem(&p, shape);
    printf("%s, the last %zu calls\n", shape->name, saved_calls);
    p.first = ref_inner_get_call_count(&p.inner) - saved_calls;
    ref_inner_forward(&p.inner, 0, p.first, (const double *const *)p.weights, p.e, p.h, p.l);
    check_gradients(&p);
    deinit_problem(&p);
}

static void test_one_step(void **state) {
    (void)state;
    for (size_t i = 0; i < inner_shape_count; i++) run(&inner_shapes[i], 2);
}

static void test_full_cycle(void **state) {
    (void)state;
    for (size_t i = 0; i < inner_shape_count; i++) run(&inner_shapes[i], inner_shapes[i].l_cycles + 1);
}

static void test_all_calls(void **state) {
    (void)state;
    for (size_t i = 0; i < inner_shape_count; i++)
        run(&inner_shapes[i], inner_shapes[i].h_cycles * (inner_shapes[i].l_cycles + 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_step), cmocka_unit_test(test_full_cycle),
                                       cmocka_unit_test(test_all_calls)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    printf("largest relative difference: %.2g\n", worst);
    return failed;
}
