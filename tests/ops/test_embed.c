#include "helper_gpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/embed.h"
#include "ref/embed.h"
#include "ref/gradient.h"

typedef struct shape {
    size_t batch, seq, puzzle_len, puzzle_dim, hidden, vocab, puzzles;
    bool ids, positions;
} shape;

/* Friendly; odd widths; no puzzle part; puzzle embedding shorter than its positions, of a width that is no multiple of
 * 4; size 1; hundreds of tokens; several chunks of rows. */
static const shape shapes[] = {
    {4, 36, 1, 96, 96, 6, 5, true, true},     {2, 9, 1, 96, 96, 6, 2, false, false},
    {3, 7, 0, 0, 32, 11, 0, false, true},     {3, 7, 2, 50, 32, 11, 9, true, true},
    {2, 5, 3, 13, 5, 3, 4, true, false},      {1, 1, 1, 1, 1, 1, 1, true, true},
    {1, 1, 0, 0, 4, 1, 0, false, false},      {5, 31, 1, 64, 64, 300, 7, true, false},
    {40, 81, 1, 33, 33, 12, 40, false, true}, {64, 36, 1, 96, 96, 6, 3, true, true},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

typedef struct problem {
    ref_embed e;
    size_t rows, y_count, table_count, position_count, puzzle_count, grad_puzzle_count;
    uint32_t *tokens, *ids;
    float *table, *puzzle, *positions, *grad;
} problem;

static problem make(const shape *s) {
    problem p = {0};
    p.rows = s->puzzle_len + s->seq;
    p.y_count = s->batch * p.rows * s->hidden;
    p.table_count = s->vocab * s->hidden;
    p.position_count = p.rows * s->hidden;
    p.puzzle_count = s->puzzles * s->puzzle_dim;
    p.grad_puzzle_count = s->batch * s->puzzle_dim;
    p.tokens = helper_gpu_host_u32(s->batch * s->seq);
    p.ids = helper_gpu_host_u32(s->batch);
    p.table = helper_gpu_host_f32(p.table_count);
    p.puzzle = helper_gpu_host_f32(p.puzzle_count);
    p.positions = helper_gpu_host_f32(p.position_count);
    p.grad = helper_gpu_host_f32(p.y_count);
    helper_gpu_random_u32(p.tokens, s->batch * s->seq, (uint32_t)s->vocab, 80);
    if (s->puzzles) helper_gpu_random_u32(p.ids, s->batch, (uint32_t)s->puzzles, 81);
    helper_gpu_random(p.table, p.table_count, 1.0, 82);
    helper_gpu_random(p.puzzle, p.puzzle_count, 1.0, 83);
    helper_gpu_random(p.positions, p.position_count, 1.0, 84);
    helper_gpu_random(p.grad, p.y_count, 1.0, 85);
    p.e = (ref_embed){
        .batch = s->batch,
        .seq = s->seq,
        .puzzle_len = s->puzzle_len,
        .puzzle_dim = s->puzzle_dim,
        .hidden = s->hidden,
        .vocab = s->vocab,
        .puzzles = s->puzzles,
        .scale = sqrt((double)s->hidden),
        .tokens = p.tokens,
        .puzzle_ids = s->ids ? p.ids : NULL,
    };
    return p;
}

static hrm_tensor maybe(const float *data, uint64_t n, bool there) {
    return there && n ? helper_gpu_f32(data, n) : (hrm_tensor){0};
}

static void check_forward(const shape *s, problem *p) {
    bool has_puzzle = s->puzzle_dim > 0;
    double *want = helper_gpu_host_f64(p->y_count);
    ref_embed_fwd(&p->e, helper_gpu_widen(p->table, p->table_count),
                  has_puzzle ? helper_gpu_widen(p->puzzle, p->puzzle_count) : NULL,
                  s->positions ? helper_gpu_widen(p->positions, p->position_count) : NULL, want);
    hrm_tensor y = helper_gpu_f32(NULL, p->y_count);
    hrm_embed_fwd(helper_gpu_begin(), (hrm_embed_fwd_args){
                                          .tokens = helper_gpu_u32(p->tokens, s->batch * s->seq),
                                          .table = helper_gpu_f32(p->table, p->table_count),
                                          .puzzle_table = maybe(p->puzzle, p->puzzle_count, has_puzzle),
                                          .puzzle_ids = s->ids ? helper_gpu_u32(p->ids, s->batch) : (hrm_tensor){0},
                                          .positions = maybe(p->positions, p->position_count, s->positions),
                                          .y = y,
                                          .batch = s->batch,
                                          .seq = s->seq,
                                          .puzzle_len = s->puzzle_len,
                                          .puzzle_dim = s->puzzle_dim,
                                          .hidden = s->hidden,
                                          .vocab = s->vocab,
                                          .scale = (float)p->e.scale,
                                      });
    helper_gpu_run();
    /* scale and factor are rounded once, each product once; the sum of two rows may cancel */
    check_close_f32("y", (float *)helper_gpu_read(y), want, p->y_count, 1e-6 * p->e.scale, 5e-7);
}

static void check_backward(const shape *s, problem *p, bool accumulate) {
    double *want_table = helper_gpu_host_f64(p->table_count), *want_positions = helper_gpu_host_f64(p->position_count);
    double *want_puzzle = helper_gpu_host_f64(p->grad_puzzle_count);
    ref_embed_bwd(&p->e, helper_gpu_widen(p->grad, p->y_count), s->positions, want_table, want_positions, want_puzzle);
    float *table_before = helper_gpu_host_f32(p->table_count),
          *positions_before = helper_gpu_host_f32(p->position_count);
    helper_gpu_random(table_before, p->table_count, 3.0, 86);
    helper_gpu_random(positions_before, p->position_count, 3.0, 87);
    if (accumulate) {
        for (size_t i = 0; i < p->table_count; i++) want_table[i] += table_before[i];
        for (size_t i = 0; i < p->position_count; i++) want_positions[i] += positions_before[i];
    }
    hrm_tensor table = helper_gpu_f32(accumulate ? table_before : NULL, p->table_count);
    hrm_tensor positions = helper_gpu_f32(accumulate ? positions_before : NULL, p->position_count);
    bool has_puzzle = p->grad_puzzle_count > 0;
    hrm_tensor puzzle = has_puzzle ? helper_gpu_f32(NULL, p->grad_puzzle_count) : (hrm_tensor){0};
    hrm_embed_bwd(helper_gpu_begin(), (hrm_embed_bwd_args){
                                          .tokens = helper_gpu_u32(p->tokens, s->batch * s->seq),
                                          .grad_y = helper_gpu_f32(p->grad, p->y_count),
                                          .grad_table = table,
                                          .grad_positions = positions,
                                          .grad_puzzle = puzzle,
                                          .scratch = helper_gpu_f32(
                                              NULL, hrm_embed_bwd_scratch_count(s->batch, s->seq, s->hidden, s->vocab)),
                                          .batch = s->batch,
                                          .seq = s->seq,
                                          .puzzle_len = s->puzzle_len,
                                          .puzzle_dim = s->puzzle_dim,
                                          .hidden = s->hidden,
                                          .vocab = s->vocab,
                                          .scale = (float)p->e.scale,
                                          .has_positions = s->positions,
                                          .accumulate = accumulate,
                                      });
    helper_gpu_run();
    /* f32 sums of up to n terms of about scale: an error near sqrt(n) 2^-24 of sqrt(n) scale, so 2^-24 n scale / 3 */
    double n = (double)(s->batch * s->seq);
    check_close_f32("grad_table", (float *)helper_gpu_read(table), want_table, p->table_count,
                    p->e.scale * (1e-6 + 2e-8 * n), 1e-6);
    check_close_f32("grad_positions", (float *)helper_gpu_read(positions), want_positions, p->position_count,
                    p->e.scale * (1e-6 + 2e-8 * (double)s->batch), 1e-6);
    if (has_puzzle)
        check_close_f32("grad_puzzle", (float *)helper_gpu_read(puzzle), want_puzzle, p->grad_puzzle_count, 0.0, 5e-7);
    if (!accumulate) { /* a token that never occurs has gradient 0 exactly */
        float *got = helper_gpu_read(table);
        for (size_t i = 0; i < p->table_count; i++) CHECK(want_table[i] != 0.0 || got[i] == 0.0f);
    }
}

static void test_shapes(void **state) {
    (void)state;
    for (size_t k = 0; k < SHAPES; k++) {
        problem p = make(&shapes[k]);
        check_forward(&shapes[k], &p);
        check_backward(&shapes[k], &p, false);
        check_backward(&shapes[k], &p, true);
    }
}

/* Ids past the end count as the last row, forward and backward. */
static void test_out_of_range(void **state) {
    (void)state;
    const shape s = {3, 6, 1, 8, 8, 5, 2, true, false};
    problem p = make(&s);
    p.tokens[4] = 5;
    p.tokens[7] = UINT32_MAX;
    p.ids[1] = 77;
    check_forward(&s, &p);
    check_backward(&s, &p, false);
}

static void test_repeats(void **state) {
    (void)state;
    const shape s = {16, 36, 1, 96, 96, 6, 4, true, true};
    problem p = make(&s);
    hrm_tensor table = helper_gpu_f32(NULL, p.table_count);
    hrm_embed_bwd(helper_gpu_begin(),
                  (hrm_embed_bwd_args){
                      .tokens = helper_gpu_u32(p.tokens, s.batch * s.seq),
                      .grad_y = helper_gpu_f32(p.grad, p.y_count),
                      .grad_table = table,
                      .scratch = helper_gpu_f32(NULL, hrm_embed_bwd_scratch_count(s.batch, s.seq, s.hidden, s.vocab)),
                      .batch = s.batch,
                      .seq = s.seq,
                      .puzzle_len = s.puzzle_len,
                      .hidden = s.hidden,
                      .vocab = s.vocab,
                      .scale = 1.0f,
                  });
    helper_gpu_run();
    float *first = helper_gpu_read(table);
    helper_gpu_run_again();
    check_same_bits("second run", helper_gpu_read(table), first, p.table_count * sizeof(float));
}

typedef struct loss {
    const problem *p;
    const double *puzzle, *positions, *grad;
    double *y;
} loss;

static double get_loss(const double *table, const void *context) {
    const loss *l = context;
    ref_embed_fwd(&l->p->e, table, l->puzzle, l->positions, l->y);
    return ref_dot(l->y, l->grad, l->p->y_count);
}

static double get_loss_of_positions(const double *positions, const void *context) {
    const loss *l = context;
    ref_embed_fwd(&l->p->e, l->puzzle, NULL, positions, l->y); /* here `puzzle` carries the token table */
    return ref_dot(l->y, l->grad, l->p->y_count);
}

static double get_loss_of_puzzle(const double *puzzle, const void *context) {
    const loss *l = context;
    ref_embed_fwd(&l->p->e, l->positions, puzzle, NULL, l->y); /* here `positions` carries the token table */
    return ref_dot(l->y, l->grad, l->p->y_count);
}

static void test_reference_gradient(void **state) {
    (void)state;
    const shape s = {3, 4, 2, 5, 3, 4, 3, false, true};
    problem p = make(&s);
    double *table = helper_gpu_widen(p.table, p.table_count), *puzzle = helper_gpu_widen(p.puzzle, p.puzzle_count);
    double *positions = helper_gpu_widen(p.positions, p.position_count), *grad = helper_gpu_widen(p.grad, p.y_count);
    double *y = helper_gpu_host_f64(p.y_count), *grad_table = helper_gpu_host_f64(p.table_count);
    double *grad_positions = helper_gpu_host_f64(p.position_count);
    double *grad_puzzle = helper_gpu_host_f64(p.grad_puzzle_count);
    ref_embed_bwd(&p.e, grad, 1, grad_table, grad_positions, NULL);
    loss by_table = {&p, puzzle, positions, grad, y};
    CHECK(ref_gradient_error(get_loss, &by_table, table, grad_table, p.table_count) < 1e-7);
    loss by_positions = {&p, table, NULL, grad, y};
    CHECK(ref_gradient_error(get_loss_of_positions, &by_positions, positions, grad_positions, p.position_count) < 1e-7);
    ref_embed_bwd(&p.e, grad, 0, NULL, NULL, grad_puzzle);
    loss by_puzzle = {&p, NULL, table, grad, y};
    CHECK(ref_gradient_error(get_loss_of_puzzle, &by_puzzle, puzzle, grad_puzzle, p.grad_puzzle_count) < 1e-7);
}

static void test_errors(void **state) {
    (void)state;
    hrm_tensor tokens = helper_gpu_u32(NULL, 12), table = helper_gpu_f32(NULL, 40), y = helper_gpu_f32(NULL, 96);
    hrm_embed_fwd_args fwd = {
        .tokens = tokens, .table = table, .y = y, .batch = 3, .seq = 4, .puzzle_dim = 4, .hidden = 8, .vocab = 5};
    hrm_embed_fwd(helper_gpu_begin(), fwd);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "embed_fwd: puzzle_dim is larger");
    fwd.puzzle_dim = 0;
    fwd.vocab = 6;
    hrm_embed_fwd(helper_gpu_begin(), fwd);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "embed_fwd: tensor table has 40 elements, the shape asks for 48");
    hrm_embed_bwd_args bwd = {
        .tokens = tokens, .grad_y = y, .grad_table = table, .batch = 3, .seq = 4, .hidden = 8, .vocab = 5};
    hrm_embed_bwd(helper_gpu_begin(), bwd);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "embed_bwd: tensor scratch is not set");
}

/* HRM_TEST_BENCH=1: speed at the model's shapes, not a check. */
static void test_speed(void **state) {
    (void)state;
    if (!getenv("HRM_TEST_BENCH")) return;
    const shape sizes[] = {{64, 36, 1, 96, 96, 6, 64, false, true}, {29, 81, 1, 512, 512, 11, 29, false, false}};
    for (size_t k = 0; k < 2; k++) {
        const shape *s = &sizes[k];
        problem p = make(s);
        hrm_tensor tokens = helper_gpu_u32(p.tokens, s->batch * s->seq), grad = helper_gpu_f32(p.grad, p.y_count);
        hrm_embed_fwd_args fwd = {
            .tokens = tokens,
            .table = helper_gpu_f32(p.table, p.table_count),
            .puzzle_table = helper_gpu_f32(p.puzzle, p.puzzle_count),
            .positions = maybe(p.positions, p.position_count, s->positions),
            .y = helper_gpu_f32(NULL, p.y_count),
            .batch = s->batch,
            .seq = s->seq,
            .puzzle_len = s->puzzle_len,
            .puzzle_dim = s->puzzle_dim,
            .hidden = s->hidden,
            .vocab = s->vocab,
            .scale = 1.0f,
        };
        helper_gpu_report_speed("embed_fwd (as stores)", 4.0 * (double)p.y_count,
                                hrm_embed_fwd(helper_gpu_begin(), fwd));
        hrm_embed_bwd_args bwd = {
            .tokens = tokens,
            .grad_y = grad,
            .grad_table = helper_gpu_f32(NULL, p.table_count),
            .scratch = helper_gpu_f32(NULL, hrm_embed_bwd_scratch_count(s->batch, s->seq, s->hidden, s->vocab)),
            .batch = s->batch,
            .seq = s->seq,
            .puzzle_len = s->puzzle_len,
            .puzzle_dim = s->puzzle_dim,
            .hidden = s->hidden,
            .vocab = s->vocab,
            .scale = 1.0f,
        };
        helper_gpu_report_speed("embed_bwd table", 4.0 * (double)p.y_count, hrm_embed_bwd(helper_gpu_begin(), bwd));
        bwd.grad_table = (hrm_tensor){0};
        bwd.grad_positions = helper_gpu_f32(NULL, p.position_count);
        bwd.grad_puzzle = helper_gpu_f32(NULL, p.grad_puzzle_count);
        helper_gpu_report_speed("embed_bwd the others", 4.0 * (double)p.y_count,
                                hrm_embed_bwd(helper_gpu_begin(), bwd));
    }
}

HELPER_GPU_MAIN(HELPER_GPU_TEST(test_shapes), HELPER_GPU_TEST(test_out_of_range), HELPER_GPU_TEST(test_repeats),
                HELPER_GPU_TEST(test_reference_gradient), HELPER_GPU_TEST(test_errors), HELPER_GPU_TEST(test_speed))
