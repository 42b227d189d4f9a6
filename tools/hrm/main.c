/* The command `hrm`: picks the command, prints the overview. It sees only <hrm/...>, like any outside program. */
#include <string.h>

#include "cli.h"
#include "environment.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *about;
} commands[] = {
#define COMMAND_ROW(name, about) {#name, cli_cmd_##name, about},
    CLI_COMMANDS(COMMAND_ROW)
#undef COMMAND_ROW
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static const struct command *find_command(const char *name) {
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static int fail_unknown_command(const char *name) {
    const char *names[COMMAND_COUNT + 2];
    for (int i = 0; i < COMMAND_COUNT; i++) names[i] = commands[i].name;
    names[COMMAND_COUNT] = "help";
    names[COMMAND_COUNT + 1] = NULL;
    const char *near = cli_nearest(name, names);
    if (near) return cli_usage("unknown command '%s'; did you mean '%s'?", name, near);
    return cli_usage("unknown command '%s'; 'hrm --help' lists what there is", name);
}

static void print_overview(void) {
    printf("usage: hrm COMMAND [options]\n\n");
    cli_print_wrapped(
        "hrm trains and runs the Hierarchical Reasoning Model, a small neural network that learns to solve "
        "puzzles by thinking in rounds (\"segments\"): after each round it decides whether its answer is "
        "done. It computes with Vulkan: on a graphics card, or on the processor when there is none.",
        0, 0);
    printf("\nCommands:\n");
    for (int i = 0; i < COMMAND_COUNT; i++) printf("  %-10s%s\n", commands[i].name, commands[i].about);
    printf("  %-10s%s\n", "help", "explain a command: hrm help train");
    printf("\nA first solved maze:\n"
           "  hrm data maze --out data --unique              make 20,000 mazes to learn from, 1,000 to test on\n"
           "  hrm train --data data --out run                learn (minutes on a processor)\n"
           "  hrm eval --model run/model.safetensors --data data\n"
           "  hrm solve maze.txt --model run/model.safetensors -o maze.gif\n"
           "\n'hrm help COMMAND' or 'hrm COMMAND --help' explains a command, 'hrm --version' what this program was "
           "built with.\n");
}

static void print_version(void) {
    printf("hrm %s\n", HRM_VERSION_STRING);
    printf("library        %s\n", hrm_version_string());
    printf("built from     %s\n", hrm_build_revision());
    printf("devices        Vulkan 1.2 and newer: graphics cards, and processors through lavapipe\n");
    printf("JSON           jansson %s\n", JANSSON_VERSION);
#ifdef HRM_HAVE_TORCH
    printf("checkpoints    safetensors, PyTorch (libzip, libyaml)\n");
#else
    printf("checkpoints    safetensors; PyTorch's are left out (built with -DHRM_TORCH=OFF)\n");
#endif
    printf("pictures       PNG (stb_image_write), animated GIF (giflib)\n");
    printf(
        "products       three families of kernels, chosen by measuring on the device: shared-memory tiles (graphics "
        "cards), rows in registers with shuffles or broadcasts, rows across lanes with uniform loads (processors)\n");
    printf("licence        MIT\n");
}

static int show_help(int argc, char **argv) {
    if (argc == 0) {
        print_overview();
        return CLI_OK;
    }
    const struct command *command = find_command(argv[0]);
    if (!command) return fail_unknown_command(argv[0]);
    static char help[] = "--help";
    char *args[3];
    int n = 0;
    if (argc > 1) args[n++] = argv[1]; /* hrm help data maze */
    args[n++] = help;
    args[n] = NULL;
    cli_set_command(command->name);
    return command->run(n, args);
}

int main(int argc, char **argv) {
    cli_environment_prepare();
    if (hrm_version() != ((uint32_t)HRM_VERSION_MAJOR << 22 | (uint32_t)HRM_VERSION_MINOR << 12 | HRM_VERSION_PATCH))
        return cli_fail("this program was built with version %s of libhrm, but %s is installed", HRM_VERSION_STRING,
                        hrm_version_string());
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) return show_help(0, NULL);
    bool version = false;
    cli_option own[] = {{.name = "version", .kind = CLI_FLAG, .value = &version, .help = "show the version"},
                        {.help = NULL}};
    cli_spec spec = {.command = "",
                     .operands_usage = "COMMAND",
                     .operands_max = 1,
                     .about = "",
                     .options = own,
                     .globals = cli_global_options,
                     .stop_at_operand = true};
    int count;
    char **args = argv + 1;
    cli_parsed parsed = cli_parse(&spec, argc - 1, args, &count);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    if (version) {
        print_version();
        return CLI_OK;
    }
    if (count == 0) {
        print_overview();
        return CLI_OK;
    }
    if (strcmp(args[0], "help") == 0) return show_help(count - 1, args + 1);
    const struct command *command = find_command(args[0]);
    if (!command) return fail_unknown_command(args[0]);
    cli_set_command(command->name);
    int code = command->run(count - 1, args + 1);
    if (code == CLI_OK && (fflush(stdout) != 0 || ferror(stdout)))
        return cli_fail("standard output: cannot be written");
    return code;
}
