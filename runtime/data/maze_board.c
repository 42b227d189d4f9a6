#include "data/maze_board.h"

#include "data/maze.h"

#include <stdlib.h>
#include <string.h>

hrm_status hrm_maze_board_init(hrm_maze_board *board, uint32_t width, uint32_t height) {
    *board = (hrm_maze_board){.width = width, .height = height};
    if (width < 1 || height < 1 || width > HRM_MAZE_BOARD_MAX_WIDTH || height > HRM_MAZE_MAX_SIDE)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "a maze board of %ux%u cells was asked for; it holds 1 to %u columns and 1 to %u rows", width,
                        height, HRM_MAZE_BOARD_MAX_WIDTH, HRM_MAZE_MAX_SIDE);
    board->free_rows = malloc(height * sizeof *board->free_rows);
    board->scratch = malloc(3 * ((size_t)height + 2) * sizeof *board->scratch);
    board->words = malloc((size_t)width * height * sizeof *board->words);
    if (board->free_rows && board->scratch && board->words) return HRM_OK;
    hrm_maze_board_deinit(board);
    return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for a maze board of %ux%u cells", width, height);
}

void hrm_maze_board_deinit(hrm_maze_board *board) {
    if (!board) return;
    free(board->free_rows);
    free(board->scratch);
    free(board->words);
    *board = (hrm_maze_board){0};
}

static uint32_t count_bits(uint64_t bits) {
    bits -= bits >> 1 & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
    bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t)(bits * UINT64_C(0x0101010101010101) >> 56);
}

uint32_t hrm_maze_board_draw(hrm_maze_board *board, hrm_rng *rng, uint32_t wall_threshold) {
    const uint32_t *words = board->words;
    uint32_t width = board->width, free_cells = 0;
    hrm_rng_fill_u32(rng, board->words, (size_t)width * board->height);
    for (uint32_t y = 0; y < board->height; y++, words += width) {
        uint64_t row = 0;
        for (uint32_t x = 0; x < width; x++) row |= (uint64_t)(words[x] >= wall_threshold) << x;
        board->free_rows[y] = row;
        free_cells += count_bits(row);
    }
    return free_cells;
}

uint32_t hrm_maze_board_find_free(const hrm_maze_board *board, uint32_t n) {
    uint32_t y = 0, x = 0;
    for (uint32_t in_row; (in_row = count_bits(board->free_rows[y])) <= n; y++) n -= in_row;
    uint64_t row = board->free_rows[y];
    for (; n > 0; n--) row &= row - 1; /* drops the lowest bit */
    while (!(row >> x & 1)) x++;
    return y * board->width + x;
}

/* One level of the search: next = the open neighbours of the front, in rows from..to; closes them. Returns whether
 * there are any. Cells beyond the width are never open, so a shift cannot carry a bit into another row. */
static bool advance(const uint64_t *restrict front, uint64_t *restrict next, uint64_t *restrict open, size_t from,
                    size_t to) {
    uint64_t any = 0;
    for (size_t y = from; y <= to; y++) {
        uint64_t row = (front[y] << 1 | front[y] >> 1 | front[y - 1] | front[y + 1]) & open[y];
        next[y] = row;
        open[y] &= ~row;
        any |= row;
    }
    return any != 0;
}

bool hrm_maze_board_reaches(hrm_maze_board *board, uint32_t start, uint32_t moves) {
    size_t stride = (size_t)board->height + 2;
    /* Row y of the maze is element y + 1, so that no row needs a test for the border. */
    uint64_t *open = board->scratch, *front = open + stride, *next = front + stride;
    memset(board->scratch, 0, 3 * stride * sizeof *board->scratch);
    memcpy(open + 1, board->free_rows, board->height * sizeof *open);
    size_t first = start / board->width + 1, last = first;
    front[first] = UINT64_C(1) << start % board->width;
    open[first] &= ~front[first];
    /* The front lies in rows first..last. They only ever grow, so all that an older front left behind is written over.
     */
    for (uint32_t level = 0; level < moves; level++) {
        if (first > 1) first--;
        if (last < board->height) last++;
        if (!advance(front, next, open, first, last)) return false;
        uint64_t *old = front;
        front = next;
        next = old;
    }
    return true;
}

void hrm_maze_board_write_cells_into(const hrm_maze_board *board, char *cells) {
    for (uint32_t y = 0; y < board->height; y++)
        for (uint32_t x = 0; x < board->width; x++)
            *cells++ = board->free_rows[y] >> x & 1 ? HRM_MAZE_FREE : HRM_MAZE_WALL;
}
