#include "data/csv_puzzle.h"

#include "data/maze.h"
#include "data/puzzle_set.h"
#include "data/sudoku_check.h"

#include <stdio.h>
#include <string.h>

#define SUDOKU_SIDE 9u
#define SUDOKU_CELLS 81u

hrm_status hrm_csv_puzzle_reader_init(hrm_csv_puzzle_reader *reader, hrm_csv_dataset_puzzle puzzle, size_t length) {
    *reader = (hrm_csv_puzzle_reader){.puzzle = puzzle};
    if (puzzle == HRM_CSV_DATASET_SUDOKU) {
        if (length != SUDOKU_CELLS)
            return hrm_fail(HRM_ERR_FORMAT, "the question has %zu cells; a Sudoku has %u", length, SUDOKU_CELLS);
        reader->side = SUDOKU_SIDE;
        reader->cell_count = SUDOKU_CELLS;
        reader->vocab_size = SUDOKU_SIDE + 2;
        return HRM_OK;
    }
    uint32_t most = HRM_MAZE_MAX_SIDE * HRM_MAZE_MAX_SIDE;
    uint32_t side = length > 0 && length <= most ? hrm_puzzle_set_square_side((uint32_t)length) : 0;
    if (side == 0)
        return hrm_fail(HRM_ERR_FORMAT,
                        "the question has %zu cells, which is no square of 1 to %u cells a side; a maze is written row "
                        "behind row",
                        length, HRM_MAZE_MAX_SIDE);
    reader->side = side;
    reader->cell_count = side * side;
    reader->vocab_size = HRM_MAZE_VOCAB_SIZE;
    return hrm_maze_checker_init(&reader->maze, reader->cell_count);
}

void hrm_csv_puzzle_reader_deinit(hrm_csv_puzzle_reader *reader) {
    if (!reader) return;
    if (reader->puzzle == HRM_CSV_DATASET_MAZE) hrm_maze_checker_deinit(&reader->maze);
    *reader = (hrm_csv_puzzle_reader){0};
}

/* "row 3, column 5", from 1, as a message wants it. */
typedef struct cell_text {
    char text[48];
} cell_text;

static cell_text cell_name(const hrm_csv_puzzle_reader *reader, uint32_t cell) {
    cell_text name;
    snprintf(name.text, sizeof name.text, "row %u, column %u", cell / reader->side + 1, cell % reader->side + 1);
    return name;
}

static hrm_status fail_character(const hrm_csv_puzzle_reader *reader, const char *board, uint32_t cell, char found,
                                 const char *known) {
    unsigned char byte = (unsigned char)found;
    char seen[16];
    if (byte > ' ' && byte < 0x7f)
        snprintf(seen, sizeof seen, "'%c'", found);
    else
        snprintf(seen, sizeof seen, "byte 0x%02x", byte);
    return hrm_fail(HRM_ERR_FORMAT, "the %s holds %s at %s; %s", board, seen, cell_name(reader, cell).text, known);
}

/* ---- Sudoku ---- */

/* The token of a character; 0 for one that is no cell. */
static inline uint8_t sudoku_token(char cell) {
    if (cell >= '0' && cell <= '9') return (uint8_t)(cell - '0' + 1);
    return cell == '.' ? 1 : 0;
}

/* Whether every row, column and box of a full board holds nine different digits. */
static bool is_valid_board(const uint8_t *tokens) {
    uint32_t rows[9] = {0}, columns[9] = {0}, boxes[9] = {0}, all = 0x7fc; /* tokens 2 to 10 */
    for (uint32_t i = 0; i < SUDOKU_CELLS; i++) {
        uint32_t row = i / 9, column = i % 9, bit = 1u << tokens[i];
        rows[row] |= bit;
        columns[column] |= bit;
        boxes[row / 3 * 3 + column / 3] |= bit;
    }
    for (uint32_t i = 0; i < 9; i++) all &= rows[i] & columns[i] & boxes[i];
    return all == 0x7fc;
}

static hrm_status fail_rule(const uint8_t *tokens) {
    const hrm_sudoku_shape shape = {.side = 9, .box_width = 3, .box_height = 3};
    uint8_t cells[SUDOKU_CELLS];
    hrm_sudoku_violation found[HRM_SUDOKU_MAX_VIOLATIONS];
    char text[HRM_SUDOKU_VIOLATION_TEXT];
    for (uint32_t i = 0; i < SUDOKU_CELLS; i++) cells[i] = (uint8_t)(tokens[i] - 1);
    uint32_t count = hrm_sudoku_find_violations(shape, cells, found);
    hrm_sudoku_violation_write_into(shape, &found[0], text, sizeof text);
    return hrm_fail(HRM_ERR_FORMAT, "impossible answer: %s%s", text, count > 1 ? ", and more" : "");
}

static hrm_status read_sudoku(const hrm_csv_puzzle_reader *reader, const char *question, const char *answer,
                              uint8_t *inputs, uint8_t *labels) {
    static const char known[] = "a cell is '1' to '9', or '.' or '0' for a blank";
    for (uint32_t i = 0; i < SUDOKU_CELLS; i++) {
        inputs[i] = sudoku_token(question[i]);
        labels[i] = sudoku_token(answer[i]);
        if (inputs[i] == 0) return fail_character(reader, "question", i, question[i], known);
        if (labels[i] == 0) return fail_character(reader, "answer", i, answer[i], known);
        if (labels[i] == 1)
            return hrm_fail(HRM_ERR_FORMAT, "impossible answer: it is blank at %s", cell_name(reader, i).text);
        if (inputs[i] != 1 && inputs[i] != labels[i])
            return hrm_fail(HRM_ERR_FORMAT, "impossible answer: it has %c at %s, where the question gives %c",
                            answer[i], cell_name(reader, i).text, question[i]);
    }
    return is_valid_board(labels) ? HRM_OK : fail_rule(labels);
}

/* ---- mazes ---- */

static hrm_status check_one(const char *what, char mark, uint32_t count) {
    if (count == 1) return HRM_OK;
    return hrm_fail(HRM_ERR_FORMAT, "the question has %u %ss '%c'; a maze has one", count, what, mark);
}

static hrm_status read_maze(hrm_csv_puzzle_reader *reader, const char *question, const char *answer, uint8_t *inputs,
                            uint8_t *labels) {
    hrm_status status;
    uint32_t starts = 0, goals = 0;
    for (uint32_t i = 0; i < reader->cell_count; i++) {
        inputs[i] = hrm_maze_token(question[i]);
        labels[i] = hrm_maze_token(answer[i]);
        if (inputs[i] == HRM_MAZE_TOKEN_PAD || inputs[i] == HRM_MAZE_TOKEN_PATH)
            return fail_character(reader, "question", i, question[i],
                                  "a cell is '#' wall, ' ' free, 'S' start or 'G' goal");
        if (labels[i] == HRM_MAZE_TOKEN_PAD)
            return fail_character(reader, "answer", i, answer[i],
                                  "a cell is '#' wall, ' ' free, 'S' start, 'G' goal or 'o' path");
        if (inputs[i] != labels[i] && !(inputs[i] == HRM_MAZE_TOKEN_FREE && labels[i] == HRM_MAZE_TOKEN_PATH))
            return hrm_fail(HRM_ERR_FORMAT,
                            "impossible answer: it has '%c' at %s, where the question has '%c'; only 'o' on free cells "
                            "may differ",
                            answer[i], cell_name(reader, i).text, question[i]);
        starts += inputs[i] == HRM_MAZE_TOKEN_START;
        goals += inputs[i] == HRM_MAZE_TOKEN_GOAL;
    }
    hrm_maze_verdict verdict;
    HRM_TRY(check_one("start", 'S', starts));
    HRM_TRY(check_one("goal", 'G', goals));
    HRM_TRY(hrm_maze_checker_run(&reader->maze, reader->side, reader->side, question, answer, NULL, &verdict));
    if (!verdict.reaches_goal)
        return hrm_fail(HRM_ERR_FORMAT, "impossible answer: its path does not lead from the start to the goal");
    if (!verdict.valid)
        return hrm_fail(HRM_ERR_FORMAT,
                        "impossible answer: its 'o' are no single path from the start to the goal; %u of them are not "
                        "needed",
                        verdict.stray_cells);
fail:
    return status;
}

hrm_status hrm_csv_puzzle_read(hrm_csv_puzzle_reader *reader, const char *question, const char *answer, uint8_t *inputs,
                               uint8_t *labels) {
    return reader->puzzle == HRM_CSV_DATASET_SUDOKU ? read_sudoku(reader, question, answer, inputs, labels)
                                                    : read_maze(reader, question, answer, inputs, labels);
}
