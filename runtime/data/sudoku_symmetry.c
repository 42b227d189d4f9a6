#include "data/sudoku_symmetry.h"

#include "base/hash.h"
#include "data/sudoku_check.h"

#include <string.h>

#define SIDE HRM_SUDOKU_MAX_SIDE
#define CELLS HRM_SUDOKU_MAX_CELLS

/* ---- drawing and applying ---- */

/* An order of `groups * size` lines that keeps groups of `size` together: the groups' order first, then each group's.
 */
static void draw_lines(hrm_rng *rng, uint32_t groups, uint32_t size, uint8_t *order) {
    uint32_t group_order[SIDE], inside[SIDE];
    for (uint32_t g = 0; g < groups; g++) group_order[g] = g;
    hrm_rng_shuffle_u32(rng, group_order, groups);
    for (uint32_t g = 0; g < groups; g++) {
        for (uint32_t k = 0; k < size; k++) inside[k] = k;
        hrm_rng_shuffle_u32(rng, inside, size);
        for (uint32_t k = 0; k < size; k++) *order++ = (uint8_t)(group_order[g] * size + inside[k]);
    }
}

void hrm_sudoku_symmetry_draw(hrm_sudoku_shape shape, hrm_rng *rng, hrm_sudoku_symmetry *out) {
    *out = (hrm_sudoku_symmetry){0};
    uint32_t digits[SIDE];
    for (uint32_t d = 0; d < shape.side; d++) digits[d] = d;
    hrm_rng_shuffle_u32(rng, digits, shape.side);
    for (uint32_t d = 0; d < shape.side; d++) out->digit_map[d + 1] = (uint8_t)(digits[d] + 1);
    out->transpose = shape.box_width == shape.box_height && hrm_rng_below(rng, 2) == 1;
    draw_lines(rng, shape.box_width, shape.box_height, out->row_order);
    draw_lines(rng, shape.box_height, shape.box_width, out->column_order);
}

/* A permutation of 0..count-1 that keeps groups of `size` together. */
static bool is_line_order(const uint8_t *order, uint32_t count, uint32_t size) {
    uint32_t seen = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (order[i] >= count || order[i] / size != order[i / size * size] / size) return false;
        seen |= 1u << order[i];
    }
    return seen == (1u << count) - 1;
}

hrm_status hrm_sudoku_symmetry_check(hrm_sudoku_shape shape, const hrm_sudoku_symmetry *symmetry) {
    hrm_status status = hrm_sudoku_shape_check(shape);
    if (status != HRM_OK) return status;
    const char *wrong = NULL;
    uint32_t digits = 0;
    for (uint32_t d = 0; d <= shape.side; d++)
        if (symmetry->digit_map[d] <= shape.side) digits |= 1u << symmetry->digit_map[d];
    if (symmetry->digit_map[0] != 0 || digits != (1u << (shape.side + 1)) - 1)
        wrong = "its digit map is no permutation of the digits that keeps 0";
    else if (!is_line_order(symmetry->row_order, shape.side, shape.box_height))
        wrong = "its row order is no permutation that keeps bands together";
    else if (!is_line_order(symmetry->column_order, shape.side, shape.box_width))
        wrong = "its column order is no permutation that keeps stacks together";
    else if (symmetry->transpose && shape.box_width != shape.box_height)
        wrong = "it transposes, and the boxes are not square";
    if (!wrong) return HRM_OK;
    return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "this is no symmetry of a Sudoku of side %u: %s", shape.side, wrong);
}

void hrm_sudoku_symmetry_tabulate(hrm_sudoku_shape shape, const hrm_sudoku_symmetry *symmetry,
                                  hrm_sudoku_symmetry_table *out) {
    uint32_t side = shape.side;
    *out = (hrm_sudoku_symmetry_table){.cell_count = hrm_sudoku_cell_count(shape)};
    for (uint32_t y = 0; y < side; y++)
        for (uint32_t x = 0; x < side; x++) {
            uint32_t row = symmetry->row_order[y], column = symmetry->column_order[x];
            out->source[y * side + x] = (uint8_t)(symmetry->transpose ? column * side + row : row * side + column);
        }
    for (uint32_t d = 0; d <= side; d++) {
        out->cell_map[d] = symmetry->digit_map[d];
        out->token_map[d + 1] = (uint8_t)(symmetry->digit_map[d] + 1);
    }
}

void hrm_sudoku_symmetry_apply_cells(const hrm_sudoku_symmetry_table *table, const uint8_t *src, uint8_t *dst) {
    for (uint32_t i = 0; i < table->cell_count; i++) dst[i] = table->cell_map[src[table->source[i]]];
}

void hrm_sudoku_symmetry_apply_tokens(const hrm_sudoku_symmetry_table *table, const uint8_t *src, uint8_t *dst) {
    for (uint32_t i = 0; i < table->cell_count; i++) dst[i] = table->token_map[src[table->source[i]]];
}

/* ---- canonical form ----
 *
 * Which symmetries can give the first answer? Its first row is 1..side, whatever row of the answer becomes the first
 * and however columns are permuted, because digits can be relabelled. So the columns are chosen for the second row,
 * which lies in the same band: under a column order, the entry in column x of the second row is where, in the new
 * order, the first row has the digit that the second row has in x's old column. The search builds the order from left
 * to right: where the column at a place is still open it tries each one allowed, and the column that holds the wanted
 * digit, if it has no place yet, gets the leftmost one allowed, because every other would make the entry larger. Orders
 * whose second row is worse than the best so far are dropped. The rest of the board then follows: rows sort within
 * bands and bands among each other by their first entry. Few orders survive, and each is compared from the third row
 * on, up to the first difference. The minimum over a group is the same for all boards of an orbit, which is the
 * guarantee. */

typedef struct canonical_search {
    uint32_t side, box_width, box_height;
    const uint8_t *answer, *puzzle; /* as given, or transposed; puzzle may be NULL */
    uint32_t first, second;         /* rows of the answer that become the first two */
    uint8_t column_of[SIDE];        /* [digit - 1] the column where row `first` has it */
    uint8_t second_row[SIDE];       /* [x] the entry in new column x, so far */
    uint8_t *best, *best_puzzle;    /* [side, side] the first so far; best_puzzle may be NULL */
    bool found;                     /* best holds something */
} canonical_search;

/* A column order in the making. */
typedef struct column_order {
    uint8_t column[SIDE];   /* [place] old column, or NONE */
    uint8_t place[SIDE];    /* [old column] place, or NONE */
    uint8_t stack_at[SIDE]; /* [new stack] old stack, or NONE */
    uint8_t stack_to[SIDE]; /* [old stack] new stack, or NONE */
} column_order;
#define NONE 255u

/* Gives an old column a place. */
static void set_place(const canonical_search *s, column_order *order, uint32_t column, uint32_t place) {
    order->column[place] = (uint8_t)column;
    order->place[column] = (uint8_t)place;
    order->stack_at[place / s->box_width] = (uint8_t)(column / s->box_width);
    order->stack_to[column / s->box_width] = (uint8_t)(place / s->box_width);
}

/* The leftmost place that an old column without one may take. */
static uint32_t leftmost_place(const canonical_search *s, const column_order *order, uint32_t column) {
    uint32_t stack = order->stack_to[column / s->box_width];
    if (stack == NONE)
        for (stack = 0; order->stack_at[stack] != NONE;) stack++;
    uint32_t place = stack * s->box_width;
    while (order->column[place] != NONE) place++;
    return place;
}

/* Orders rows by their entry in the first new column: rows within bands, then bands. rows[0] and [1] are given. */
static void order_rows(const canonical_search *s, uint32_t first_column, const uint8_t *digit_map, uint8_t *rows) {
    uint8_t row_with[SIDE + 1] = {0}; /* [new digit] the row that has it in the first column */
    bool taken[SIDE] = {false};       /* bands */
    uint32_t count = 2, own = s->first / s->box_height;
    for (uint32_t y = 0; y < s->side; y++) row_with[digit_map[s->answer[y * s->side + first_column]]] = (uint8_t)y;
    rows[0] = (uint8_t)s->first;
    rows[1] = (uint8_t)s->second;
    for (uint32_t d = 1; d <= s->side; d++)
        if (row_with[d] / s->box_height == own && row_with[d] != s->first && row_with[d] != s->second)
            rows[count++] = row_with[d];
    taken[own] = true;
    for (uint32_t d = 1; d <= s->side; d++) {
        uint32_t band = row_with[d] / s->box_height;
        if (taken[band]) continue;
        taken[band] = true;
        for (uint32_t e = d; e <= s->side; e++)
            if (row_with[e] / s->box_height == band) rows[count++] = row_with[e];
    }
}

/* Compares what a complete order makes of the board with the best, and keeps the earlier one. */
static void try_order(canonical_search *s, const column_order *order) {
    uint32_t side = s->side;
    uint8_t digit_map[SIDE + 1] = {0}, rows[SIDE];
    for (uint32_t x = 0; x < side; x++) digit_map[s->answer[s->first * side + order->column[x]]] = (uint8_t)(x + 1);
    order_rows(s, order->column[0], digit_map, rows);
    int way = s->found ? 0 : -1; /* below 0 once this one is known to come first */
    for (uint32_t pass = 0; pass < (s->puzzle ? 2u : 1u); pass++) {
        const uint8_t *from = pass ? s->puzzle : s->answer;
        uint8_t *best = pass ? s->best_puzzle : s->best;
        for (uint32_t y = 0; y < side; y++)
            for (uint32_t x = 0; x < side; x++) {
                uint8_t cell = digit_map[from[rows[y] * side + order->column[x]]];
                if (way == 0 && cell > best[y * side + x]) return;
                if (way == 0 && cell < best[y * side + x]) way = -1;
                if (way < 0) best[y * side + x] = cell;
            }
    }
    s->found = true;
}

/* Fills the order from `place` on, as long as the second row is no worse than the best one's. */
static void fill_order(canonical_search *s, const column_order *order, uint32_t place) {
    if (place == s->side) {
        try_order(s, order);
        return;
    }
    uint32_t stack = order->stack_at[place / s->box_width];
    for (uint32_t column = 0; column < s->side; column++) {
        uint32_t old_stack = column / s->box_width;
        bool allowed = order->column[place] != NONE
                           ? order->column[place] == column
                           : order->place[column] == NONE &&
                                 (stack == NONE ? order->stack_to[old_stack] == NONE : old_stack == stack);
        if (!allowed) continue;
        column_order next = *order;
        set_place(s, &next, column, place);
        uint32_t source = s->column_of[s->answer[s->second * s->side + column] - 1u];
        if (next.place[source] == NONE) set_place(s, &next, source, leftmost_place(s, &next, source));
        s->second_row[place] = (uint8_t)(next.place[source] + 1);
        if (s->found && memcmp(s->second_row, s->best + s->side, place + 1) > 0) continue;
        fill_order(s, &next, place + 1);
    }
}

static void search_orders(canonical_search *s) {
    column_order empty;
    memset(&empty, 255, sizeof empty);
    for (s->first = 0; s->first < s->side; s->first++) {
        for (uint32_t x = 0; x < s->side; x++) s->column_of[s->answer[s->first * s->side + x] - 1u] = (uint8_t)x;
        uint32_t band = s->first / s->box_height * s->box_height;
        for (s->second = band; s->second < band + s->box_height; s->second++)
            if (s->second != s->first) fill_order(s, &empty, 0);
    }
}

static void transpose(uint32_t side, const uint8_t *src, uint8_t *dst) {
    for (uint32_t y = 0; y < side; y++)
        for (uint32_t x = 0; x < side; x++) dst[x * side + y] = src[y * side + x];
}

/* The answer is full and valid, and the puzzle's givens are its cells. */
static hrm_status check_pair(hrm_sudoku_shape shape, const uint8_t *answer, const uint8_t *puzzle) {
    hrm_status status = hrm_sudoku_shape_check(shape);
    if (status != HRM_OK) return status;
    uint32_t cells = hrm_sudoku_cell_count(shape);
    for (uint32_t i = 0; i < cells; i++) {
        if (answer[i] < 1 || answer[i] > shape.side)
            return hrm_fail(
                HRM_ERR_INVALID_ARGUMENT,
                "a canonical form was asked for of an answer whose cell in row %u, column %u is %u; it needs "
                "a digit 1 to %u in every cell",
                i / shape.side + 1, i % shape.side + 1, answer[i], shape.side);
        if (puzzle && puzzle[i] != HRM_SUDOKU_BLANK && puzzle[i] != answer[i])
            return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                            "a canonical form was asked for of a puzzle with %u in row %u, column %u, where its answer "
                            "has %u",
                            puzzle[i], i / shape.side + 1, i % shape.side + 1, answer[i]);
    }
    uint32_t violations = hrm_sudoku_find_violations(shape, answer, NULL);
    if (violations > 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "a canonical form was asked for of an answer with %u digits twice in a row, column or box",
                        violations);
    return HRM_OK;
}

hrm_status hrm_sudoku_canonicalize(hrm_sudoku_shape shape, const uint8_t *answer, const uint8_t *puzzle,
                                   uint8_t *canonical, uint8_t *canonical_puzzle) {
    hrm_status status = check_pair(shape, answer, puzzle);
    if (status != HRM_OK) return status;
    uint8_t best[CELLS] = {0}, best_puzzle[CELLS] = {0}, turned[CELLS], turned_puzzle[CELLS];
    uint32_t cells = hrm_sudoku_cell_count(shape);
    canonical_search s = {.side = shape.side,
                          .box_width = shape.box_width,
                          .box_height = shape.box_height,
                          .answer = answer,
                          .puzzle = puzzle,
                          .best = best,
                          .best_puzzle = best_puzzle};
    search_orders(&s);
    if (shape.box_width == shape.box_height) {
        transpose(shape.side, answer, turned);
        s.answer = turned;
        if (puzzle) {
            transpose(shape.side, puzzle, turned_puzzle);
            s.puzzle = turned_puzzle;
        }
        search_orders(&s);
    }
    memcpy(canonical, best, cells);
    if (puzzle && canonical_puzzle) memcpy(canonical_puzzle, best_puzzle, cells);
    return HRM_OK;
}

hrm_status hrm_sudoku_canonical_hash(hrm_sudoku_shape shape, const uint8_t *answer, const uint8_t *puzzle,
                                     uint64_t *out) {
    uint8_t canonical[2 * CELLS] = {0};
    hrm_status status = hrm_sudoku_canonicalize(shape, answer, puzzle, canonical, canonical + CELLS);
    if (status != HRM_OK) return status;
    const uint8_t head[3] = {(uint8_t)shape.box_width, (uint8_t)shape.box_height, puzzle != NULL};
    *out = hrm_fnv1a64_update(hrm_fnv1a64(head, sizeof head), canonical, sizeof canonical);
    return HRM_OK;
}
