/* Loads a trained model, solves the first maze of a text file, prints it and draws it.
 *   solve_maze MODEL.safetensors MAZE.txt OUT.png         Build: cc solve_maze.c -lhrm */
#include <hrm/hrm.h>
#include <stdio.h>
#include <stdlib.h>

/* Puts the maze on the model's grid, lets the model think, and takes the answer back as text. */
static hrm_status solve(hrm_model *model, const hrm_maze_view *maze, char *answer, hrm_solution *solution) {
    hrm_model_config shape = HRM_INIT(hrm_model_config);
    hrm_model_get_config(model, &shape);
    if (shape.grid_width == 0) return HRM_ERR_UNSUPPORTED; /* its tokens are no grid */
    uint32_t width = shape.grid_width, height = shape.seq_len / shape.grid_width;
    uint32_t *tokens = calloc(2 * (size_t)shape.seq_len, sizeof *tokens); /* the puzzle's, then the answer's */
    if (!tokens) return HRM_ERR_OUT_OF_MEMORY;

    /* A maze smaller than the grid is surrounded by walls; a larger one is an error. */
    hrm_status status = hrm_maze_to_tokens(maze, width, height, tokens);

    /* A solver owns the memory of a run. Zero means "the default": at most the model's number of segments (rounds of
     * thinking), fewer when its halting head says that the answer is done. */
    hrm_solver_config config = HRM_INIT(hrm_solver_config);
    config.max_batch = 1;
    hrm_solver *solver = NULL;
    uint32_t *out = tokens + shape.seq_len;
    if (status == HRM_OK) status = hrm_solver_create(model, &config, &solver);
    if (status == HRM_OK) status = hrm_solver_run(solver, tokens, NULL, 1, out, solution);
    if (status == HRM_OK) hrm_maze_from_tokens(out, width, height, maze->width, maze->height, answer);
    hrm_solver_destroy(solver);
    free(tokens);
    return status;
}

/* Prints the answer with its grade, and draws it. */
static hrm_status show(const hrm_maze_view *maze, const char *answer, const hrm_solution *solution, const char *path) {
    hrm_maze_grade grade = HRM_INIT(hrm_maze_grade);
    hrm_status status = hrm_maze_grade_answer(maze, answer, NULL, &grade);
    if (status != HRM_OK) return status;
    for (uint32_t y = 0; y < maze->height; y++) printf("%.*s\n", (int)maze->width, answer + y * maze->width);
    printf("%u segments; %s\n", solution->segments,
           grade.shortest ? "a shortest path"
           : grade.valid  ? "a valid path"
                          : "not a valid path");

    hrm_maze_picture picture = HRM_INIT(hrm_maze_picture);
    picture.width = maze->width;
    picture.height = maze->height;
    picture.puzzle = maze->cells;
    picture.answer = answer;
    return hrm_render_maze_png(&picture, path);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: %s MODEL.safetensors MAZE.txt OUT.png\n", argv[0]);
        return 2;
    }
    /* Handles start as NULL, so that one exit can destroy whatever exists: destroying NULL does nothing. */
    hrm_device *device = NULL;
    hrm_model *model = NULL;
    hrm_maze_list *list = NULL;
    char *answer = NULL;
    hrm_device_config config = HRM_INIT(hrm_device_config); /* the best device, or what HRM_DEVICE names */
    hrm_status status = hrm_device_create(&config, &device);
    if (status == HRM_OK) status = hrm_model_load(device, argv[1], &model);
    if (status == HRM_OK) status = hrm_maze_list_read(argv[2], &list);
    if (status == HRM_OK) {
        hrm_maze_view maze = hrm_maze_list_get(list, 0);
        hrm_solution solution;
        answer = malloc((size_t)maze.width * maze.height);
        status = answer ? solve(model, &maze, answer, &solution) : HRM_ERR_OUT_OF_MEMORY;
        if (status == HRM_OK) status = show(&maze, answer, &solution, argv[3]);
    }
    if (status != HRM_OK) fprintf(stderr, "%s: %s\n", hrm_status_text(status), hrm_last_error());
    free(answer);
    hrm_maze_list_destroy(list);
    hrm_model_destroy(model); /* children before their device */
    hrm_device_destroy(device);
    return status == HRM_OK ? 0 : 1;
}
