/* A model in 16 bits: the copies of its weights are the weights, rounded; they follow when these change; and what a
 * precision may not be changed under. */
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "helper_golden.h"
#include "helper_inner.h"
#include "model/solver.h"

static hrm_model *make_model(void) {
    hrm_model_config c = HRM_INIT(hrm_model_config);
    c.vocab_size = 6;
    c.seq_len = 16;
    c.puzzle_emb_dim = 32;
    c.puzzle_count = 3;
    c.hidden_size = 32;
    c.num_heads = 2;
    c.h_layers = 2;
    c.l_layers = 1;
    c.h_cycles = c.l_cycles = 2;
    c.halt_max_segments = 4;
    hrm_model *m;
    CHECK_OK(hrm_model_create(golden_device(), &c, check_seed(), &m));
    return m;
}

static uint16_t narrow(hrm_precision precision, float value) {
    return precision == HRM_PRECISION_BF16 ? hrm_bf16_from_f32(value) : hrm_f16_from_f32(value);
}

static void check_copy(const hrm_model *m, const char *name, const hrm_linear *l, uint32_t param) {
    const hrm_param *p = &m->list.items[param];
    float *values = inner_make_f32(p->count);
    CHECK_OK(hrm_model_read_param(m, param, values));
    CHECK_EQ(l->operand.dtype, m->inside);
    CHECK_EQ(hrm_tensor_get_count(&l->operand), p->count);
    uint16_t *got = golden_download(golden_device(), &l->operand), *want = calloc(p->count, sizeof *want);
    CHECK(want != NULL);
    for (uint64_t i = 0; i < p->count; i++) want[i] = narrow(m->precision, values[i]);
    check_same_bits(name, got, want, p->count * sizeof *want);
    golden_count();
    free(values);
    free(got);
    free(want);
}

static void check_layers(const hrm_model *m, const hrm_layer_weights *w, const hrm_layer_index *index,
                         uint32_t layers) {
    for (uint32_t i = 0; i < layers; i++) {
        check_copy(m, "qkv", &w[i].qkv, index[i].qkv);
        check_copy(m, "o", &w[i].o, index[i].o);
        check_copy(m, "gate_up", &w[i].gate_up, index[i].gate_up);
        check_copy(m, "down", &w[i].down, index[i].down);
    }
}

static void check_copies(const hrm_model *m) {
    check_layers(m, m->h_layers, m->list.h_layers, m->config.h_layers);
    check_layers(m, m->l_layers, m->list.l_layers, m->config.l_layers);
    CHECK_EQ(m->lm_head.operand.dtype, HRM_F32_T);
}

static void write_random(hrm_model *m, uint32_t param, uint64_t stream) {
    const size_t n = m->list.items[param].count;
    double *wide = inner_make(n);
    float *values = inner_make_f32(n);
    inner_fill_random(wide, n, 1, stream);
    for (size_t i = 0; i < n; i++) values[i] = (float)wide[i];
    CHECK_OK(hrm_model_write_param(m, param, values));
    free(values);
    free(wide);
}

static void test_copies(void **state) {
    (void)state;
    static const hrm_precision precisions[] = {HRM_PRECISION_BF16, HRM_PRECISION_F16};
    hrm_model *m = make_model();
    CHECK_EQ(hrm_model_get_precision(m), HRM_PRECISION_F32);
    const uint64_t bytes = hrm_model_get_device_bytes(m), weights = hrm_model_get_bytes(m, HRM_LIFE_WEIGHTS);
    for (size_t i = 0; i < sizeof precisions / sizeof *precisions; i++) {
        CHECK_OK(hrm_model_set_precision(m, precisions[i]));
        CHECK_EQ(hrm_model_get_precision(m), precisions[i]);
        check_copies(m);
        CHECK_EQ(hrm_model_get_bytes(m, HRM_LIFE_WEIGHTS), weights);
        CHECK(hrm_model_get_bytes(m, HRM_LIFE_PACKED) > 0);
        /* after weights were written they are made anew */
        write_random(m, m->list.h_layers[1].down, 10 + i);
        write_random(m, m->list.l_layers[0].qkv, 20 + i);
        CHECK_OK(hrm_model_pack(m));
        check_copies(m);
    }
    CHECK_OK(hrm_model_set_precision(m, HRM_PRECISION_F32));
    CHECK_EQ(hrm_model_get_device_bytes(m), bytes);
    hrm_model_destroy(m);
}

enum { PUZZLES = 5 };

typedef struct answers {
    uint32_t tokens[PUZZLES * 16];
    hrm_solution solutions[PUZZLES];
} answers;

static void solve(hrm_model *m, answers *a) {
    uint32_t tokens[PUZZLES * 16];
    hrm_solver_config config = HRM_INIT(hrm_solver_config);
    hrm_solver *solver;
    for (uint32_t i = 0; i < PUZZLES * 16; i++) tokens[i] = i * 7 % 6;
    config.max_batch = 3;
    config.halting = HRM_HALTING_FIXED;
    CHECK_OK(hrm_solver_create(m, &config, &solver));
    CHECK_STATUS(hrm_model_set_precision(m, HRM_PRECISION_F16), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("solvers use it");
    CHECK_OK(hrm_solver_run(solver, tokens, NULL, PUZZLES, a->tokens, a->solutions));
    hrm_solver_destroy(solver);
}

/* There and back again: the same bits. In between, others, of nearly the same size: all of a puzzle's answer hangs on
 * the products in question. */
static void test_solving(void **state) {
    (void)state;
    static answers first, half, last;
    hrm_model *m = make_model();
    write_random(m, m->list.q_weight, 30);
    CHECK_OK(hrm_model_pack(m));
    solve(m, &first);
    CHECK_OK(hrm_model_set_precision(m, HRM_PRECISION_BF16));
    solve(m, &half);
    CHECK_OK(hrm_model_set_precision(m, HRM_PRECISION_F32));
    solve(m, &last);
    check_same_bits("answers", last.tokens, first.tokens, sizeof first.tokens);
    check_same_bits("solutions", last.solutions, first.solutions, sizeof first.solutions);
    CHECK(memcmp(half.solutions, first.solutions, sizeof first.solutions) != 0);
    golden_count();
    hrm_model_destroy(m);
}

static void test_refused(void **state) {
    (void)state;
    hrm_model *m = make_model(), *trained;
    CHECK_STATUS(hrm_model_set_precision(m, (hrm_precision)3), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("there is no precision 3");
    const hrm_model_layout layout = {.trainable = true, .precision = HRM_PRECISION_BF16};
    CHECK_OK(hrm_model_alloc_as(golden_device(), &m->config, &layout, &trained));
    CHECK_EQ(hrm_model_get_precision(trained), HRM_PRECISION_BF16);
    CHECK_STATUS(hrm_model_set_precision(trained, HRM_PRECISION_F32), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("a trainer owns it");
    hrm_model_destroy(trained);
    hrm_model_destroy(m);
}

int main(void) {
    golden_device();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_copies), cmocka_unit_test(test_solving),
                                       cmocka_unit_test(test_refused)};
    return golden_exit(cmocka_run_group_tests(tests, NULL, NULL));
}
