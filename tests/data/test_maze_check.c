/* The checker's truth table: each row is a puzzle, an answer and every field of the verdict. */
#include "check.h"

#include "data/maze.h"
#include "data/maze_check.h"

#include <string.h>

typedef struct check_row {
    const char *what;
    uint32_t width;
    const char *puzzle, *answer, *reference;
    hrm_maze_verdict want;
} check_row;

#define YES true

/* Five shortest paths of 5 moves. */
#define OPEN_MAZE                                                                                                      \
    "S  #"                                                                                                             \
    "   #"                                                                                                             \
    "#  G"

static const check_row table[] = {
    {"the stored path",
     4,
     OPEN_MAZE,
     "Soo#  o## oG",
     "Soo#  o## oG",
     {.exact = YES,
      .keeps_puzzle = YES,
      .valid = YES,
      .shortest = YES,
      .reaches_goal = YES,
      .solvable = YES,
      .length = 5,
      .shortest_length = 5}},
    {"another shortest path",
     4,
     OPEN_MAZE,
     "S  #ooo## oG",
     "Soo#  o## oG",
     {.keeps_puzzle = YES,
      .valid = YES,
      .shortest = YES,
      .reaches_goal = YES,
      .solvable = YES,
      .length = 5,
      .shortest_length = 5}},
    {"no reference known",
     4,
     OPEN_MAZE,
     "Soo#  o## oG",
     NULL,
     {.keeps_puzzle = YES,
      .valid = YES,
      .shortest = YES,
      .reaches_goal = YES,
      .solvable = YES,
      .length = 5,
      .shortest_length = 5}},
    {"the puzzle itself: no path drawn",
     4,
     OPEN_MAZE,
     OPEN_MAZE,
     "Soo#  o## oG",
     {.keeps_puzzle = YES, .solvable = YES, .shortest_length = 5}},
    {"a gap in the path",
     4,
     OPEN_MAZE,
     "Soo#   ## oG",
     NULL,
     {.keeps_puzzle = YES, .solvable = YES, .shortest_length = 5, .stray_cells = 3}},
    {"a stray cell",
     4,
     OPEN_MAZE,
     "Soo#o o## oG",
     NULL,
     {.keeps_puzzle = YES, .reaches_goal = YES, .solvable = YES, .length = 5, .shortest_length = 5, .stray_cells = 1}},
    {"both shortest paths at once",
     4,
     OPEN_MAZE,
     "Soo#ooo## oG",
     NULL,
     {.keeps_puzzle = YES, .reaches_goal = YES, .solvable = YES, .length = 5, .shortest_length = 5, .stray_cells = 2}},
    {"a path and a moved wall",
     4,
     OPEN_MAZE,
     "Soo   o## oG",
     NULL,
     {.reaches_goal = YES, .solvable = YES, .length = 5, .shortest_length = 5, .changed_cells = 1}},
    {"a path through a wall",
     4,
     OPEN_MAZE,
     "Sooo   ##  G",
     NULL,
     {.solvable = YES, .shortest_length = 5, .stray_cells = 2, .changed_cells = 1}},
    {"the goal drawn over",
     4,
     OPEN_MAZE,
     "Soo#  o## oo",
     NULL,
     {.reaches_goal = YES, .solvable = YES, .length = 5, .shortest_length = 5, .changed_cells = 1}},
    {"a second start",
     4,
     OPEN_MAZE,
     "SooS  o## oG",
     NULL,
     {.reaches_goal = YES, .solvable = YES, .length = 5, .shortest_length = 5, .changed_cells = 1}},
    {"a wall on a free cell",
     4,
     OPEN_MAZE,
     "Soo##  ## oG",
     NULL,
     {.solvable = YES, .shortest_length = 5, .stray_cells = 3, .changed_cells = 1}},
    {"a token that is no cell",
     4,
     OPEN_MAZE,
     "Soo#? o## oG",
     NULL,
     {.reaches_goal = YES, .solvable = YES, .length = 5, .shortest_length = 5, .changed_cells = 1}},
    {"a detour is valid, not shortest",
     3,
     "S G   ",
     "S Gooo",
     NULL,
     {.keeps_puzzle = YES,
      .valid = YES,
      .reaches_goal = YES,
      .solvable = YES,
      .length = 4,
      .shortest_length = 2,
      .excess = 2}},
    {"a path two cells wide",
     3,
     "S  #  G  ",
     "Soo#ooGoo",
     NULL,
     {.keeps_puzzle = YES, .reaches_goal = YES, .solvable = YES, .length = 4, .shortest_length = 4, .stray_cells = 3}},
    {"start beside goal, nothing to draw",
     2,
     "SG  ",
     "SG  ",
     "SG  ",
     {.exact = YES,
      .keeps_puzzle = YES,
      .valid = YES,
      .shortest = YES,
      .reaches_goal = YES,
      .solvable = YES,
      .length = 1,
      .shortest_length = 1}},
    {"start beside goal, and the long way drawn",
     2,
     "SG  ",
     "SGoo",
     NULL,
     {.keeps_puzzle = YES, .reaches_goal = YES, .solvable = YES, .length = 1, .shortest_length = 1, .stray_cells = 2}},
    {"a ring of path cells elsewhere",
     6,
     "S G         ",
     "SoG oo    oo",
     NULL,
     {.keeps_puzzle = YES, .reaches_goal = YES, .solvable = YES, .length = 2, .shortest_length = 2, .stray_cells = 4}},
    {"no way at all", 3, "S#G", "S#G", NULL, {.keeps_puzzle = YES}},
    {"no way at all, drawn through the wall", 3, "S#G", "SoG", NULL, {.changed_cells = 1}},
    {"path cells given with the puzzle count as free",
     3,
     "SoG   ",
     "S Gooo",
     "SoG   ",
     {.keeps_puzzle = YES,
      .valid = YES,
      .reaches_goal = YES,
      .solvable = YES,
      .length = 4,
      .shortest_length = 2,
      .excess = 2}},
};

static void check_verdict(const char *what, hrm_maze_verdict got, hrm_maze_verdict want) {
#define SAME(field)                                                                                                    \
    CHECK_MSG(got.field == want.field, "%s: " #field " is %u, should be %u", what, (unsigned)got.field,                \
              (unsigned)want.field)
    SAME(exact);
    SAME(keeps_puzzle);
    SAME(valid);
    SAME(shortest);
    SAME(reaches_goal);
    SAME(solvable);
    SAME(length);
    SAME(shortest_length);
    SAME(excess);
    SAME(stray_cells);
    SAME(changed_cells);
#undef SAME
}

static void test_table(void **state) {
    (void)state;
    hrm_maze_checker checker;
    CHECK_OK(hrm_maze_checker_init(&checker, 12));
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const check_row *row = &table[i];
        uint32_t count = (uint32_t)strlen(row->puzzle), height = count / row->width;
        CHECK_EQ(strlen(row->answer), count);
        hrm_maze_verdict got;
        CHECK_OK(hrm_maze_checker_run(&checker, row->width, height, row->puzzle, row->answer, row->reference, &got));
        check_verdict(row->what, got, row->want);
        uint32_t tokens[3][12];
        for (uint32_t cell = 0; cell < count; cell++) {
            tokens[0][cell] = hrm_maze_token(row->puzzle[cell]);
            tokens[1][cell] = row->answer[cell] == '?' ? UINT32_MAX : hrm_maze_token(row->answer[cell]);
            if (row->reference) tokens[2][cell] = hrm_maze_token(row->reference[cell]);
        }
        CHECK_OK(hrm_maze_checker_run_tokens(&checker, row->width, height, tokens[0], tokens[1],
                                             row->reference ? tokens[2] : NULL, &got));
        check_verdict(row->what, got, row->want);
    }
    hrm_maze_checker_deinit(&checker);
}

static void test_refused(void **state) {
    (void)state;
    hrm_maze_checker checker;
    hrm_maze_verdict verdict;
    CHECK_OK(hrm_maze_checker_init(&checker, 4));
    CHECK_STATUS(hrm_maze_checker_run(&checker, 5, 1, "S   G", "S   G", NULL, &verdict), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("5x1 cells is to be checked; the checker holds 1 to 4");
    CHECK_STATUS(hrm_maze_checker_run(&checker, 0, 1, "", "", NULL, &verdict), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_maze_checker_run(&checker, 4, 1, "S SG", "S SG", NULL, &verdict), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("2 starts and 1 goals");
    CHECK_STATUS(hrm_maze_checker_run(&checker, 4, 1, "S?#G", "S  G", NULL, &verdict), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("cell 1 of the maze to check is byte 0x3f");
    hrm_maze_checker_deinit(&checker);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
