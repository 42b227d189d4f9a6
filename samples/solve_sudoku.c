/* Loads a trained model, solves the first Sudoku of a text file, prints it and draws it.
 *   solve_sudoku MODEL SUDOKU.txt OUT.png         Build: cc solve_sudoku.c -lhrm
 * MODEL is what hrm train saved, or a checkpoint of the PyTorch implementation with its all_config.yaml beside it. */
#include <hrm/hrm.h>
#include <stdio.h>

/* Reads puzzles. A board is text: a line of 81 characters, or a grid of 9 lines, '.' or '0' for a blank. */
static hrm_status read_puzzles(FILE *file, const char *path, hrm_sudoku_list **list) {
    static char text[1 << 16];
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    return hrm_sudoku_list_parse(text, size, path, list);
}

/* A checkpoint of the PyTorch implementation does not say how many tokens a puzzle has; the puzzle does. */
static hrm_status load_model(hrm_device *device, const char *path, uint32_t cells, hrm_model **model) {
    hrm_model_config known = HRM_INIT(hrm_model_config);
    hrm_checkpoint *checkpoint = NULL;
    known.seq_len = cells;
    hrm_status status = hrm_checkpoint_open(path, &known, &checkpoint); /* a model for another size is refused here */
    if (status == HRM_OK) status = hrm_checkpoint_load(checkpoint, device, model);
    hrm_checkpoint_close(checkpoint);
    return status;
}

/* Lets the model think about the puzzle, and takes the answer back as cells: 0 blank, 1 to 9. */
static hrm_status solve(hrm_model *model, const hrm_sudoku_view *puzzle, uint8_t *answer, hrm_solution *solution) {
    uint32_t tokens[HRM_SUDOKU_MAX_BOARD], out[HRM_SUDOKU_MAX_BOARD];
    hrm_solver_config config = HRM_INIT(hrm_solver_config); /* zero: as many segments (rounds) as the model wants */
    hrm_solver *solver = NULL;
    config.max_batch = 1;
    hrm_status status = hrm_sudoku_to_tokens(puzzle->side, puzzle->cells, tokens);
    if (status == HRM_OK) status = hrm_solver_create(model, &config, &solver);
    if (status == HRM_OK) status = hrm_solver_run(solver, tokens, NULL, 1, out, solution);
    if (status == HRM_OK) status = hrm_sudoku_from_tokens(puzzle->side, out, answer);
    hrm_solver_destroy(solver);
    return status;
}

/* Prints the answer with its grade, and draws it. */
static hrm_status show(const hrm_sudoku_view *puzzle, const uint8_t *answer, const hrm_solution *solution,
                       const char *path) {
    hrm_sudoku_grade grade = HRM_INIT(hrm_sudoku_grade);
    hrm_status status = hrm_sudoku_grade_answer(puzzle->side, puzzle->cells, answer, NULL, &grade);
    if (status != HRM_OK) return status;
    for (uint32_t i = 0; i < puzzle->side * puzzle->side; i++)
        printf("%c%s", answer[i] > 9 ? '?' : answer[i] ? '0' + answer[i] : '.', (i + 1) % puzzle->side ? "" : "\n");
    printf("%u segments; %s\n", solution->segments, grade.valid ? "solved" : "not solved");

    hrm_sudoku_picture picture = HRM_INIT(hrm_sudoku_picture);
    picture.side = puzzle->side;
    picture.puzzle = puzzle->cells;
    picture.answer = answer;
    return hrm_render_sudoku_png(&picture, path);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: %s MODEL SUDOKU.txt OUT.png\n", argv[0]);
        return 2;
    }
    FILE *file = fopen(argv[2], "rb");
    if (!file) {
        perror(argv[2]);
        return 1;
    }
    /* Handles start as NULL, so that one exit can destroy whatever exists: destroying NULL does nothing. */
    hrm_device *device = NULL;
    hrm_model *model = NULL;
    hrm_sudoku_list *list = NULL;
    hrm_device_config config = HRM_INIT(hrm_device_config); /* the best device, or what HRM_DEVICE names */
    hrm_status status = read_puzzles(file, argv[2], &list);
    if (status == HRM_OK) status = hrm_device_create(&config, &device);
    if (status == HRM_OK) {
        hrm_sudoku_view puzzle = hrm_sudoku_list_get(list, 0); /* a list is never empty */
        uint8_t answer[HRM_SUDOKU_MAX_BOARD];
        hrm_solution solution;
        status = load_model(device, argv[1], puzzle.side * puzzle.side, &model);
        if (status == HRM_OK) status = solve(model, &puzzle, answer, &solution);
        if (status == HRM_OK) status = show(&puzzle, answer, &solution, argv[3]);
    }
    if (status != HRM_OK) fprintf(stderr, "%s: %s\n", hrm_status_text(status), hrm_last_error());
    hrm_sudoku_list_destroy(list);
    hrm_model_destroy(model); /* children before their device */
    hrm_device_destroy(device);
    return status == HRM_OK ? 0 : 1;
}
