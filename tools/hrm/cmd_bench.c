/* hrm bench: the kinds of benchmarks. */
#include <string.h>

#include "bench.h"
#include "cli.h"

typedef struct kind {
    const char *name, *about;
    int (*run)(int argc, char **argv);
} kind;

static const kind kinds[] = {
    {"kernels", "how fast the kernels run at a model's shapes", cli_bench_kernels},
    {"step", "where the time of a training step goes, kernel by kernel", cli_bench_step},
    {"solve", "how long a model thinks about a puzzle, and how long until the first answer", cli_bench_solve},
    {"memory", "how time and memory of a step grow with batch, length and width", cli_bench_memory},
    {"load", "how long loading a model file takes, and how much memory", cli_bench_load},
};

int cli_cmd_bench(int argc, char **argv) {
    for (size_t i = 0; argc > 0 && i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(argv[0], kinds[i].name) != 0) continue;
        static char command[32];
        snprintf(command, sizeof command, "bench %s", kinds[i].name);
        cli_set_command(command);
        return kinds[i].run(argc - 1, argv + 1);
    }
    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        printf("usage: hrm bench KIND [options]\n\nMeasures this machine.\n\nKinds:\n");
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) printf("  %-9s %s\n", kinds[i].name, kinds[i].about);
        printf("\n'hrm bench KIND --help' explains each.\n\nExamples:\n"
               "  hrm bench step --preset sudoku-extreme-1k --batch 8\n"
               "  hrm bench kernels --filter matmul --rival openblas\n"
               "  hrm bench solve run/model.safetensors\n");
        return CLI_OK;
    }
    if (argc == 0 || argv[0][0] == '-')
        return cli_usage("bench what? Write: hrm bench kernels, step, solve, memory or load");
    return cli_usage("there is no benchmark '%s'; there are kernels, step, solve, memory and load", argv[0]);
}
