/* The maze reader on arbitrary bytes; what it accepts must print back to the same maze and go through the checker. */
#include "fuzz.h"

#include "data/maze.h"
#include "data/maze_check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void require(bool condition) {
    if (!condition) abort();
}

static void check_maze(const hrm_maze *maze) {
    require(hrm_maze_count(maze, HRM_MAZE_START) == 1 && hrm_maze_count(maze, HRM_MAZE_GOAL) == 1);
    size_t size = hrm_maze_text_size(maze), cells = (size_t)maze->width * maze->height;
    char *text = malloc(size + 1);
    require(text != NULL);
    hrm_maze_write_text_into(maze, text);
    hrm_maze_set again;
    if (size <= HRM_MAZE_MAX_TEXT_BYTES) {
        require(hrm_maze_parse("again", text, size, &again) == HRM_OK && again.count == 1);
        require(again.mazes[0].width == maze->width && again.mazes[0].height == maze->height);
        require(memcmp(again.mazes[0].cells, maze->cells, cells) == 0);
        hrm_maze_strip_path(again.mazes[0].cells, cells);
        hrm_maze_checker checker;
        hrm_maze_verdict verdict;
        require(hrm_maze_checker_init(&checker, (uint32_t)cells) == HRM_OK);
        require(hrm_maze_checker_run(&checker, maze->width, maze->height, again.mazes[0].cells, maze->cells,
                                     maze->cells, &verdict) == HRM_OK);
        require(verdict.exact && verdict.keeps_puzzle);
        require(!verdict.valid || (verdict.reaches_goal && verdict.length >= verdict.shortest_length));
        hrm_maze_checker_deinit(&checker);
        hrm_maze_set_deinit(&again);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hrm_maze_set set;
    if (hrm_maze_parse("fuzz", (const char *)data, size, &set) != HRM_OK) return 0;
    for (size_t i = 0; i < set.count; i++) check_maze(&set.mazes[i]);
    hrm_maze_set_deinit(&set);
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *buffer, size_t room) {
    static const char *const rows[] = {
        "S  #  \n ## # \n    # \n##  ##\n   #  \n #   G\n",
        "#######\n#Soooo#\n#####o#\n#    o#\n# ###o#\n#   #G#\n#######\n",
        "SG\n\nS#\nG \n\n#S \n G#\n",
    };
    if (index >= sizeof rows / sizeof *rows || strlen(rows[index]) > room) return 0;
    memcpy(buffer, rows[index], strlen(rows[index]));
    return strlen(rows[index]);
}
