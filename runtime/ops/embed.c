#include "ops/embed.h"

#include "ops/grid.h"
#include "ops/row_kernel.h"
#include "shared/params.h"
#include "shared/spec_ids.h"

static const hrm_row_family fwd_rows = {HRM_KERNEL_embed_fwd_texel, HRM_KERNEL_embed_fwd_vec4,
                                        HRM_KERNEL_embed_fwd_scalar, HRM_ROW_NONE};
static const hrm_row_family partial_rows = {HRM_KERNEL_embed_table_partial_texel, HRM_KERNEL_embed_table_partial_vec4,
                                            HRM_KERNEL_embed_table_partial_scalar, HRM_ROW_NONE};
static const hrm_row_family sum_rows = {HRM_KERNEL_embed_sum_texel, HRM_KERNEL_embed_sum_vec4,
                                        HRM_KERNEL_embed_sum_scalar, HRM_ROW_NONE};

static uint64_t divide_up(uint64_t a, uint64_t b) {
    return (a + b - 1) / b;
}

/* Sizes that every argument check relies on: all products below stay under 2^31. */
static bool check_shape(hrm_recorder *rec, const char *op, uint64_t batch, uint64_t seq, uint64_t puzzle_len,
                        uint64_t puzzle_dim, uint64_t hidden, uint64_t vocab) {
    const uint64_t limit = INT32_MAX;
    bool fits = batch > 0 && seq > 0 && hidden > 0 && vocab > 0 && batch <= limit && seq <= limit &&
                puzzle_len <= limit && hidden <= limit && vocab <= limit / hidden &&
                (puzzle_len + seq) <= limit / hidden && (puzzle_len + seq) * hidden <= limit / batch;
    if (!fits) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "%s: batch, seq, hidden and vocab must be >= 1, every tensor under 2^31 elements", op);
    } else if (puzzle_dim > puzzle_len * hidden) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: puzzle_dim is larger than puzzle_len * hidden", op);
        return false;
    }
    return fits;
}

void hrm_embed_fwd(hrm_recorder *rec, hrm_embed_fwd_args args) {
    const char *op = "embed_fwd";
    if (!check_shape(rec, op, args.batch, args.seq, args.puzzle_len, args.puzzle_dim, args.hidden, args.vocab)) return;
    uint64_t positions = args.puzzle_len + args.seq;
    uint64_t count = args.batch * positions * args.hidden;
    bool has_puzzle = hrm_tensor_is_set(&args.puzzle_table) && args.puzzle_dim > 0;
    bool has_ids = hrm_tensor_is_set(&args.puzzle_ids), has_positions = hrm_tensor_is_set(&args.positions);
    uint64_t puzzle_count = has_puzzle ? hrm_tensor_get_count(&args.puzzle_table) : 0;
    if (!hrm_row_check(rec, op, "tokens", &args.tokens, HRM_U32_T, args.batch * args.seq)) return;
    if (!hrm_row_check(rec, op, "table", &args.table, HRM_F32_T, args.vocab * args.hidden)) return;
    if (has_puzzle && !hrm_row_check(rec, op, "puzzle_table", &args.puzzle_table, HRM_F32_T, puzzle_count)) return;
    if (!hrm_row_check_optional(rec, op, "puzzle_ids", &args.puzzle_ids, HRM_U32_T, args.batch)) return;
    if (!hrm_row_check_optional(rec, op, "positions", &args.positions, HRM_F32_T, positions * args.hidden)) return;
    if (!hrm_row_check(rec, op, "y", &args.y, HRM_F32_T, count)) return;
    uint64_t puzzles = has_puzzle ? puzzle_count / args.puzzle_dim : 0;
    if (has_puzzle && (puzzle_count > INT32_MAX || puzzles * args.puzzle_dim != puzzle_count ||
                       puzzles < (has_ids ? 1 : args.batch))) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "embed_fwd: puzzle_table must have whole rows of puzzle_dim, one per batch row without "
                          "puzzle_ids, and under 2^31 elements");
        return;
    }

    const hrm_device *device = hrm_recorder_get_device(rec);
    uint64_t inner = has_puzzle && args.puzzle_dim % 4 != 0 ? 1 : args.hidden;
    uint64_t largest = puzzle_count > args.vocab * args.hidden ? puzzle_count : args.vocab * args.hidden;
    if (positions * args.hidden > largest) largest = positions * args.hidden;
    hrm_row_choice row = hrm_row_choose(device, &fwd_rows, inner, largest);
    struct hrm_embed_params params = {
        .rows = (uint32_t)(args.batch * positions),
        .puzzle_len = (uint32_t)args.puzzle_len,
        .puzzle_cols = has_puzzle ? (uint32_t)(args.puzzle_dim / row.width) : 0,
        .vocab = (uint32_t)args.vocab,
        .puzzles = (uint32_t)puzzles,
        .flags = (has_ids ? HRM_EMBED_IDS : 0) | (has_positions ? HRM_EMBED_POSITIONS : 0),
        .scale = args.scale,
    };
    params.per_group = hrm_row_per_group(device, params.rows, hrm_row_teams(device, &row));
    hrm_dispatch dispatch = {
        .kernel = (uint32_t)row.kernel,
        .label = "embed_fwd",
        .binding_count = 6,
        .push = &params,
        .push_bytes = sizeof params,
        .specs = {{HRM_SPEC_LOCAL_X, row.local_x},
                  {HRM_SPEC_EMBED_COLS, (uint32_t)(args.hidden / row.width)},
                  {HRM_SPEC_EMBED_SEQ, (uint32_t)positions}},
        .spec_count = 3,
        .flops = (double)count * (has_positions ? 3 : 1),
    };
    dispatch.bindings[0] = hrm_tensor_get_span(&args.tokens);
    dispatch.bindings[1] = hrm_tensor_get_span(&args.table);
    dispatch.bindings[2] = hrm_tensor_get_span(has_ids ? &args.puzzle_ids : &args.tokens);
    dispatch.bindings[3] = hrm_tensor_get_span(has_puzzle ? &args.puzzle_table : &args.table);
    dispatch.bindings[4] = hrm_tensor_get_span(has_positions ? &args.positions : &args.table);
    dispatch.bindings[5] = hrm_tensor_get_span(&args.y);
    hrm_grid_1d(device, divide_up(params.rows, params.per_group), dispatch.groups);
    hrm_recorder_dispatch(rec, &dispatch);
}

/* ---- gradients ------------------------------------------------------------------------------------------------------
 */

enum { MIN_CHUNK_ROWS = 64, MAX_CHUNKS = 256, MAX_SCRATCH = 1 << 24 };

/* Into how many pieces the token rows are cut: enough to fill a device, within the scratch limit. Part of the order of
 * summation, so it depends on the shape alone. */
static void cut_rows(uint64_t rows, uint64_t table_count, uint64_t *chunk_rows, uint64_t *chunks) {
    uint64_t most = MAX_SCRATCH / table_count;
    if (most > MAX_CHUNKS) most = MAX_CHUNKS;
    if (most == 0) most = 1;
    *chunk_rows = divide_up(rows, most);
    if (*chunk_rows < MIN_CHUNK_ROWS) *chunk_rows = MIN_CHUNK_ROWS;
    *chunks = divide_up(rows, *chunk_rows);
}

uint64_t hrm_embed_bwd_scratch_count(uint64_t batch, uint64_t seq, uint64_t hidden, uint64_t vocab) {
    uint64_t chunk_rows, chunks;
    if (batch * seq == 0 || vocab * hidden == 0) return 0;
    cut_rows(batch * seq, vocab * hidden, &chunk_rows, &chunks);
    return chunks * vocab * hidden;
}

typedef struct embed_sum {
    hrm_span x;
    hrm_tensor y;
    uint64_t inner, outer_stride, stride, terms; /* in floats; see shaders/embed/embed_sum.comp */
    uint64_t x_count;
    float scale;
    bool accumulate;
    const char *label;
} embed_sum;

static void record_sum(hrm_recorder *rec, const embed_sum *sum) {
    const hrm_device *device = hrm_recorder_get_device(rec);
    bool whole = sum->inner % 4 == 0 && sum->outer_stride % 4 == 0 && sum->stride % 4 == 0;
    hrm_row_choice row = hrm_row_choose(device, &sum_rows, whole ? 4 : 1, sum->x_count);
    uint64_t count = hrm_tensor_get_count(&sum->y);
    struct hrm_embed_sum_params params = {
        .count = (uint32_t)(count / row.width),
        .terms = (uint32_t)sum->terms,
        .stride = (uint32_t)(sum->stride / row.width),
        .inner = (uint32_t)(sum->inner / row.width),
        .outer_stride = (uint32_t)(sum->outer_stride / row.width),
        .scale = sum->scale,
    };
    params.per_group = hrm_row_per_group(device, params.count, row.local_x);
    hrm_dispatch dispatch = {
        .kernel = (uint32_t)row.kernel,
        .label = sum->label,
        .binding_count = 3,
        .push = &params,
        .push_bytes = sizeof params,
        .specs = {{HRM_SPEC_LOCAL_X, row.local_x}, {HRM_SPEC_FLAGS, sum->accumulate}},
        .spec_count = 2,
        .flops = (double)count * (double)sum->terms,
    };
    dispatch.bindings[0] = sum->x;
    dispatch.bindings[1] = hrm_tensor_get_span(&sum->y);
    dispatch.bindings[2] = dispatch.bindings[1];
    hrm_grid_1d(device, divide_up(params.count, params.per_group), dispatch.groups);
    hrm_recorder_dispatch(rec, &dispatch);
}

static void record_table(hrm_recorder *rec, const hrm_embed_bwd_args *args, float scale) {
    const hrm_device *device = hrm_recorder_get_device(rec);
    uint64_t rows = args->batch * args->seq, table_count = args->vocab * args->hidden;
    uint64_t chunk_rows, chunks;
    cut_rows(rows, table_count, &chunk_rows, &chunks);
    uint64_t grad_count = args->batch * (args->puzzle_len + args->seq) * args->hidden;
    hrm_row_choice row = hrm_row_choose(device, &partial_rows, args->hidden, grad_count);
    uint64_t cols = args->hidden / row.width;
    struct hrm_embed_partial_params params = {
        .rows = (uint32_t)rows,
        .seq = (uint32_t)args->seq,
        .puzzle_len = (uint32_t)args->puzzle_len,
        .cols = (uint32_t)cols,
        .vocab = (uint32_t)args->vocab,
        .chunk_rows = (uint32_t)chunk_rows,
        .token_blocks = (uint32_t)divide_up(args->vocab, HRM_EMBED_TOKENS),
        .column_blocks = (uint32_t)divide_up(cols, row.local_x),
        .chunks = (uint32_t)chunks,
    };
    hrm_span scratch = {args->scratch.buffer, args->scratch.offset, 4 * chunks * table_count};
    hrm_dispatch dispatch = {
        .kernel = (uint32_t)row.kernel,
        .label = "embed_table_partial",
        .binding_count = 3,
        .push = &params,
        .push_bytes = sizeof params,
        .specs = {{HRM_SPEC_LOCAL_X, row.local_x}},
        .spec_count = 1,
        .flops = (double)rows * (double)args->hidden * HRM_EMBED_TOKENS * params.token_blocks,
    };
    dispatch.bindings[0] = hrm_tensor_get_span(&args->tokens);
    dispatch.bindings[1] = hrm_tensor_get_span(&args->grad_y);
    dispatch.bindings[2] = scratch;
    hrm_grid_1d(device, (uint64_t)params.chunks * params.token_blocks * params.column_blocks, dispatch.groups);
    hrm_recorder_dispatch(rec, &dispatch);

    record_sum(rec, &(embed_sum){
                        .x = scratch,
                        .y = args->grad_table,
                        .inner = table_count,
                        .stride = table_count,
                        .terms = chunks,
                        .x_count = chunks * table_count,
                        .scale = scale,
                        .accumulate = args->accumulate,
                        .label = "embed_table_sum",
                    });
}

void hrm_embed_bwd(hrm_recorder *rec, hrm_embed_bwd_args args) {
    const char *op = "embed_bwd";
    if (!check_shape(rec, op, args.batch, args.seq, args.puzzle_len, args.puzzle_dim, args.hidden, args.vocab)) return;
    uint64_t row_count = (args.puzzle_len + args.seq) * args.hidden;
    bool has_table = hrm_tensor_is_set(&args.grad_table);
    bool has_puzzle = hrm_tensor_is_set(&args.grad_puzzle) && args.puzzle_dim > 0;
    if (!hrm_row_check(rec, op, "grad_y", &args.grad_y, HRM_F32_T, args.batch * row_count)) return;
    if (!hrm_row_check_optional(rec, op, "grad_table", &args.grad_table, HRM_F32_T, args.vocab * args.hidden)) return;
    if (!hrm_row_check_optional(rec, op, "grad_positions", &args.grad_positions, HRM_F32_T, row_count)) return;
    if (has_puzzle &&
        !hrm_row_check(rec, op, "grad_puzzle", &args.grad_puzzle, HRM_F32_T, args.batch * args.puzzle_dim))
        return;
    if (has_table) {
        uint64_t need = hrm_embed_bwd_scratch_count(args.batch, args.seq, args.hidden, args.vocab);
        uint64_t have = hrm_tensor_is_set(&args.scratch) ? hrm_tensor_get_count(&args.scratch) : 0;
        if (!hrm_row_check(rec, op, "tokens", &args.tokens, HRM_U32_T, args.batch * args.seq)) return;
        if (!hrm_row_check(rec, op, "scratch", &args.scratch, HRM_F32_T, have > need ? have : need)) return;
    }

    /* The factors of the forward pass, in its order. */
    float scale = args.has_positions ? args.scale * (float)HRM_EMBED_POSITION_FACTOR : args.scale;
    if (has_table) record_table(rec, &args, scale);
    hrm_span grad_y = hrm_tensor_get_span(&args.grad_y);
    if (hrm_tensor_is_set(&args.grad_positions)) {
        record_sum(rec, &(embed_sum){
                            .x = grad_y,
                            .y = args.grad_positions,
                            .inner = row_count,
                            .stride = row_count,
                            .terms = args.batch,
                            .x_count = args.batch * row_count,
                            .scale = scale,
                            .accumulate = args.accumulate,
                            .label = "embed_positions_sum",
                        });
    }
    if (has_puzzle) {
        record_sum(rec, &(embed_sum){
                            .x = grad_y,
                            .y = args.grad_puzzle,
                            .inner = args.puzzle_dim,
                            .outer_stride = row_count,
                            .terms = 1,
                            .x_count = args.batch * row_count,
                            .scale = scale,
                            .label = "embed_puzzle_bwd",
                        });
    }
}
