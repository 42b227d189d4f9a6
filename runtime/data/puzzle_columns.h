/* What the columns of puzzles are named in CSV files, for every reader of such files. Source: the published data sets
 * Sudoku-Extreme and Maze-Hard, the script that reads them, and Sudoku collections as they are passed around. */
#ifndef HRM_DATA_PUZZLE_COLUMNS_H
#define HRM_DATA_PUZZLE_COLUMNS_H

/* Lists as hrm_csv_field_is_named and hrm_csv_find_column (io/csv.h) take them. */
#define HRM_PUZZLE_COLUMNS_QUESTION "q, question, puzzle, quiz, quizzes"
#define HRM_PUZZLE_COLUMNS_ANSWER "a, answer, solution, solutions"

#endif
