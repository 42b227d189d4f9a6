#include "data/sudoku_solve.h"

#include "base/rng.h"

#include <string.h>

#define SIDE HRM_SUDOKU_MAX_SIDE
#define CELLS HRM_SUDOKU_MAX_CELLS

/* Placements that wait. Each of the 4 * 81 masks of a branch comes down to one bit once and asks for one placement
 * then; a guess comes on top. */
#define MAX_WAITING (4u * CELLS + 1u)

/* Where every digit may still go, seen from the four sides of the exact-cover problem. A candidate (cell, digit) is one
 * bit in each of the four tables; a mask with one bit is a single, naked in `cell` and hidden in the others. */
typedef struct board_state {
    uint16_t cell[CELLS];        /* bit d: digit d + 1 may go there */
    uint16_t row[SIDE][SIDE];    /* [digit][row] bit: column */
    uint16_t column[SIDE][SIDE]; /* [digit][column] bit: row */
    uint16_t box[SIDE][SIDE];    /* [digit][box] bit: place in the box */
    uint8_t settled[CELLS];      /* the placement was carried out */
    uint32_t unsettled;          /* cells */
} board_state;

typedef struct waiting_list {
    uint32_t count;
    struct {
        uint8_t cell, digit;
    } placements[MAX_WAITING];
} waiting_list;

uint32_t hrm_sudoku_hard_backtracks(hrm_sudoku_shape shape) {
    return shape.side == 9 ? 20 : shape.side == 8 ? 10 : shape.side == 6 ? 3 : UINT32_MAX;
}

hrm_status hrm_sudoku_solver_init(hrm_sudoku_solver *solver, hrm_sudoku_shape shape) {
    *solver = (hrm_sudoku_solver){0};
    hrm_status status = hrm_sudoku_shape_check(shape);
    if (status != HRM_OK) return status;
    solver->shape = shape;
    solver->cell_count = hrm_sudoku_cell_count(shape);
    solver->all = (uint16_t)((1u << shape.side) - 1);
    for (uint32_t i = 0; i < solver->cell_count; i++) {
        uint32_t row = i / shape.side, column = i % shape.side, box = hrm_sudoku_box(shape, row, column);
        uint32_t place = row % shape.box_height * shape.box_width + column % shape.box_width;
        solver->row[i] = (uint8_t)row;
        solver->column[i] = (uint8_t)column;
        solver->box[i] = (uint8_t)box;
        solver->place[i] = (uint8_t)place;
        solver->box_cells[box][place] = (uint8_t)i;
    }
    return HRM_OK;
}

static inline uint32_t lowest_bit(uint32_t mask) {
    return (uint32_t)__builtin_ctz(mask);
}

static inline void wait_for(waiting_list *waiting, uint32_t cell, uint32_t digit) {
    waiting->placements[waiting->count].cell = (uint8_t)cell;
    waiting->placements[waiting->count++].digit = (uint8_t)digit;
}

/* Takes a candidate that is there away; singles that this leaves join the list. False when a mask runs empty. */
static inline bool remove_candidate(const hrm_sudoku_solver *solver, board_state *state, uint32_t cell, uint32_t digit,
                                    waiting_list *waiting) {
    uint32_t row = solver->row[cell], column = solver->column[cell], box = solver->box[cell];
    uint32_t in_cell = state->cell[cell] & ~(1u << digit);
    uint32_t in_row = state->row[digit][row] & ~(1u << column);
    uint32_t in_column = state->column[digit][column] & ~(1u << row);
    uint32_t in_box = state->box[digit][box] & ~(1u << solver->place[cell]);
    state->cell[cell] = (uint16_t)in_cell;
    state->row[digit][row] = (uint16_t)in_row;
    state->column[digit][column] = (uint16_t)in_column;
    state->box[digit][box] = (uint16_t)in_box;
    if (!in_cell || !in_row || !in_column || !in_box) return false;
    if (!(in_cell & (in_cell - 1))) wait_for(waiting, cell, lowest_bit(in_cell));
    if (!(in_row & (in_row - 1))) wait_for(waiting, row * solver->shape.side + lowest_bit(in_row), digit);
    if (!(in_column & (in_column - 1))) wait_for(waiting, lowest_bit(in_column) * solver->shape.side + column, digit);
    if (!(in_box & (in_box - 1))) wait_for(waiting, solver->box_cells[box][lowest_bit(in_box)], digit);
    return true;
}

/* Carries one placement out: its cell loses every other digit, its units every other place of the digit. */
static bool settle(const hrm_sudoku_solver *solver, board_state *state, uint32_t cell, uint32_t digit,
                   waiting_list *waiting) {
    uint32_t side = solver->shape.side, row = solver->row[cell], column = solver->column[cell], box = solver->box[cell];
    if (!((uint32_t)state->cell[cell] >> digit & 1u)) return false;
    if (state->settled[cell]) return true;
    state->settled[cell] = 1;
    state->unsettled--;
    for (uint32_t rest = state->cell[cell] & ~(1u << digit); rest; rest &= rest - 1)
        if (!remove_candidate(solver, state, cell, lowest_bit(rest), waiting)) return false;
    for (uint32_t rest = state->row[digit][row] & ~(1u << column); rest; rest &= rest - 1)
        if (!remove_candidate(solver, state, row * side + lowest_bit(rest), digit, waiting)) return false;
    for (uint32_t rest = state->column[digit][column] & ~(1u << row); rest; rest &= rest - 1)
        if (!remove_candidate(solver, state, lowest_bit(rest) * side + column, digit, waiting)) return false;
    for (uint32_t rest = state->box[digit][box] & ~(1u << solver->place[cell]); rest; rest &= rest - 1)
        if (!remove_candidate(solver, state, solver->box_cells[box][lowest_bit(rest)], digit, waiting)) return false;
    return true;
}

/* Rule 1: false when the branch is refuted. */
static bool propagate(const hrm_sudoku_solver *solver, board_state *state, waiting_list *waiting) {
    while (waiting->count > 0) {
        waiting->count--;
        if (!settle(solver, state, waiting->placements[waiting->count].cell, waiting->placements[waiting->count].digit,
                    waiting))
            return false;
    }
    return true;
}

/* Marks the digits that the givens use; false for a cell that is none, or a digit twice in a unit. */
static bool mark_givens(const hrm_sudoku_solver *solver, const uint8_t *cells, uint16_t used[3][SIDE]) {
    for (uint32_t i = 0; i < solver->cell_count; i++) {
        if (cells[i] == HRM_SUDOKU_BLANK) continue;
        if (cells[i] > solver->shape.side) return false;
        uint16_t bit = (uint16_t)(1u << (cells[i] - 1u));
        uint16_t *row = &used[0][solver->row[i]], *column = &used[1][solver->column[i]],
                 *box = &used[2][solver->box[i]];
        if ((*row | *column | *box) & bit) return false;
        *row |= bit;
        *column |= bit;
        *box |= bit;
    }
    return true;
}

/* Enters a candidate into the three unit tables. */
static inline void add_candidate(const hrm_sudoku_solver *solver, board_state *state, uint32_t cell, uint32_t digit) {
    state->row[digit][solver->row[cell]] |= (uint16_t)(1u << solver->column[cell]);
    state->column[digit][solver->column[cell]] |= (uint16_t)(1u << solver->row[cell]);
    state->box[digit][solver->box[cell]] |= (uint16_t)(1u << solver->place[cell]);
}

/* The hidden singles among the masks of one digit, and of all of them whether one is empty. A given's own masks count
 * as singles too; settling it again does nothing. */
static bool find_hidden_singles(const hrm_sudoku_solver *solver, const board_state *state, uint32_t digit,
                                waiting_list *waiting) {
    for (uint32_t unit = 0; unit < solver->shape.side; unit++) {
        uint32_t in_row = state->row[digit][unit], in_column = state->column[digit][unit],
                 in_box = state->box[digit][unit];
        if (!in_row || !in_column || !in_box) return false;
        if (!(in_row & (in_row - 1))) wait_for(waiting, unit * solver->shape.side + lowest_bit(in_row), digit);
        if (!(in_column & (in_column - 1))) wait_for(waiting, lowest_bit(in_column) * solver->shape.side + unit, digit);
        if (!(in_box & (in_box - 1))) wait_for(waiting, solver->box_cells[unit][lowest_bit(in_box)], digit);
    }
    return true;
}

/* The state with the givens settled at once (settling them one by one costs twice the time of a whole easy solve), and
 * the first singles; false when the board is refuted already. */
static bool load(const hrm_sudoku_solver *solver, const uint8_t *cells, board_state *state, waiting_list *waiting) {
    uint16_t used[3][SIDE] = {{0}};
    waiting->count = 0;
    if (!mark_givens(solver, cells, used)) return false;
    memset(state, 0, sizeof *state);
    for (uint32_t i = 0; i < solver->cell_count; i++) {
        if (cells[i] != HRM_SUDOKU_BLANK) {
            state->cell[i] = (uint16_t)(1u << (cells[i] - 1u));
            state->settled[i] = 1;
            add_candidate(solver, state, i, cells[i] - 1u);
            continue;
        }
        uint32_t mask =
            solver->all & ~(uint32_t)(used[0][solver->row[i]] | used[1][solver->column[i]] | used[2][solver->box[i]]);
        if (!mask) return false;
        state->cell[i] = (uint16_t)mask;
        state->unsettled++;
        if (!(mask & (mask - 1))) wait_for(waiting, i, lowest_bit(mask));
        for (; mask; mask &= mask - 1) add_candidate(solver, state, i, lowest_bit(mask));
    }
    for (uint32_t digit = 0; digit < solver->shape.side; digit++)
        if (!find_hidden_singles(solver, state, digit, waiting)) return false;
    return true;
}

static inline uint32_t count_bits(uint32_t mask) {
    uint32_t count = 0;
    for (; mask; mask &= mask - 1) count++;
    return count;
}

/* Rule 2: the first of the cells with the fewest candidates; some cell is unsettled. Without `rng`; with it, one of
 * those cells at random. */
static uint32_t choose_cell(const hrm_sudoku_solver *solver, const board_state *state, hrm_rng *rng) {
    uint32_t best = 0, fewest = UINT32_MAX, ties = 0;
    uint8_t tied[CELLS] = {0};
    for (uint32_t i = 0; i < solver->cell_count; i++) {
        if (state->settled[i]) continue;
        uint32_t count = count_bits(state->cell[i]);
        if (count < fewest) {
            best = i;
            fewest = count;
            if (fewest == 2 && !rng) return best; /* no unsettled cell has fewer */
            ties = 0;
        }
        if (count == fewest) tied[ties++] = (uint8_t)i;
    }
    return rng ? tied[hrm_rng_below(rng, ties)] : best;
}

typedef struct search {
    const hrm_sudoku_solver *solver;
    hrm_rng *rng; /* random order of guesses, or NULL */
    uint32_t solution_limit;
    uint64_t guesses, guess_limit; /* in the whole search */
    hrm_sudoku_solution *out;
} search;

static void record(search *s, const board_state *state) {
    if (s->out->count++ > 0) return;
    for (uint32_t i = 0; i < s->solver->cell_count; i++) s->out->cells[i] = (uint8_t)(lowest_bit(state->cell[i]) + 1);
}

/* Searches below a propagated state. Each level settles at least one cell more, so the depth is at most 81. */
static void search_below(search *s, const board_state *state) {
    if (state->unsettled == 0) {
        record(s, state);
        return;
    }
    uint32_t cell = choose_cell(s->solver, state, s->rng), digits[SIDE], count = 0;
    for (uint32_t rest = state->cell[cell]; rest; rest &= rest - 1) digits[count++] = lowest_bit(rest);
    if (s->rng) hrm_rng_shuffle_u32(s->rng, digits, count);
    for (uint32_t k = 0; k < count; k++) {
        if (s->guesses == s->guess_limit) {
            s->out->capped = true;
            return;
        }
        s->guesses++;
        if (s->out->count == 0) s->out->guesses++;
        board_state next = *state;
        waiting_list waiting;
        waiting.count = 0;
        wait_for(&waiting, cell, digits[k]);
        if (propagate(s->solver, &next, &waiting)) search_below(s, &next);
        if (s->out->capped || s->out->count >= s->solution_limit) return;
        if (s->out->count == 0) s->out->backtracks++;
    }
}

void hrm_sudoku_solver_run(const hrm_sudoku_solver *solver, const uint8_t *cells, uint32_t solution_limit,
                           uint64_t guess_limit, hrm_sudoku_solution *out) {
    board_state state;
    waiting_list waiting;
    *out = (hrm_sudoku_solution){0};
    search s = {.solver = solver,
                .solution_limit = solution_limit,
                .guess_limit = guess_limit ? guess_limit : HRM_SUDOKU_DEFAULT_GUESS_LIMIT,
                .out = out};
    if (solution_limit == 0 || !load(solver, cells, &state, &waiting) || !propagate(solver, &state, &waiting)) return;
    search_below(&s, &state);
}

bool hrm_sudoku_solver_finds_other(const hrm_sudoku_solver *solver, const uint8_t *cells, uint32_t cell, uint8_t digit,
                                   uint64_t guess_limit) {
    board_state state;
    waiting_list waiting;
    hrm_sudoku_solution solution = {0};
    search s = {.solver = solver,
                .solution_limit = 1,
                .guess_limit = guess_limit ? guess_limit : HRM_SUDOKU_DEFAULT_GUESS_LIMIT,
                .out = &solution};
    if (!load(solver, cells, &state, &waiting) || !propagate(solver, &state, &waiting)) return false;
    /* When singles have put the digit there, no solution has another one. */
    if (state.settled[cell]) return state.cell[cell] != 1u << (digit - 1u);
    if ((uint32_t)state.cell[cell] >> (digit - 1u) & 1u)
        if (!remove_candidate(solver, &state, cell, digit - 1u, &waiting) || !propagate(solver, &state, &waiting))
            return false;
    search_below(&s, &state);
    return solution.count > 0 || solution.capped;
}

bool hrm_sudoku_solver_singles_suffice(const hrm_sudoku_solver *solver, const uint8_t *cells) {
    board_state state;
    waiting_list waiting;
    return load(solver, cells, &state, &waiting) && propagate(solver, &state, &waiting) && state.unsettled == 0;
}

void hrm_sudoku_solver_fill_random(const hrm_sudoku_solver *solver, hrm_rng *rng, uint8_t *cells) {
    board_state state;
    waiting_list waiting;
    hrm_sudoku_solution solution = {0};
    search s = {.solver = solver, .rng = rng, .solution_limit = 1, .guess_limit = UINT64_MAX, .out = &solution};
    const uint8_t empty[CELLS] = {0};
    if (load(solver, empty, &state, &waiting)) search_below(&s, &state);
    memcpy(cells, solution.cells, solver->cell_count);
}
