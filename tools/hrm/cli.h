/* What the commands share: the options of every command, opening a device, loading a model, small output helpers.
 *
 * Promises: a command is one function that parses its own arguments, prints its own errors (one line each, see
 * report.h) and returns an exit code: 0 ok, 1 failure, 2 wrong usage, 130 or 143 stopped by a signal. */
#ifndef HRM_TOOL_CLI_H
#define HRM_TOOL_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include <hrm/hrm.h>

#include "options.h"
#include "progress.h"
#include "report.h"

/* What the options of every command set. */
typedef struct cli_settings {
    const char *device; /* selector, or NULL */
    const char *cache_dir;
    bool quiet, verbose, validation;
} cli_settings;

extern cli_settings cli_global;
extern const cli_option cli_global_options[];

/* One row per command: its function and one line for the overview. */
#define CLI_COMMANDS(X)                                                                                                \
    X(devices, "list the devices Vulkan offers, and what each would run")                                              \
    X(data, "make, build or check training data (hrm data maze, sudoku, info)")                                        \
    X(train, "train a model on a data set")                                                                            \
    X(runs, "compare training runs in a table")                                                                        \
    X(plot, "draw the curves of training runs as PNG and SVG")                                                         \
    X(eval, "measure a model on puzzles it has never seen")                                                            \
    X(solve, "solve mazes or Sudokus from a text file; draw them as PNG or animated GIF")                              \
    X(render, "draw a puzzle without solving it")                                                                      \
    X(inspect, "show what is in a model file")                                                                         \
    X(convert, "model files from and to the PyTorch implementation")                                                   \
    X(tune, "find the fastest kernels for a model on a device")                                                        \
    X(bench, "time kernels, training steps, solving and loading on this machine")

#define CLI_DECLARE(name, about) int cli_cmd_##name(int argc, char **argv);
CLI_COMMANDS(CLI_DECLARE)
#undef CLI_DECLARE

/* Finishes a cli_parse that did not return CLI_PARSED: the exit code. */
int cli_parsed_exit(cli_parsed parsed);

/* Opens the device the options name, or the best. Errors are the library's. */
hrm_status cli_open_device(hrm_device **out);

/* Loads a model file of either kind; `known` completes what a checkpoint of PyTorch does not say, where the file leaves
 * it open. Errors are the library's. */
hrm_status cli_load_model(hrm_device *device, const char *path, const hrm_model_config *known, hrm_model **out);

/* "4.0 GiB", "512 KiB". Returns out. */
char *cli_format_bytes(uint64_t bytes, char *out, size_t size);

/* A whole file from text, whole or not at all (temporary file, fsync, rename). False after printing an error. */
bool cli_write_text(const char *path, const char *text, size_t size);

/* path with "-<number>" before its extension when count > 1 ("out-2.png"). Returns out. */
char *cli_number_path(const char *path, uint32_t number, uint32_t count, char *out, size_t size);

/* True when the path ends in the extension (".png"), in any case. */
bool cli_has_extension(const char *path, const char *extension);

/* A number, or null where it is none (JSON has no NaN). */
json_t *cli_json_number(double value);

/* Prints a JSON value (taken) to standard output; indented when it is a terminal or `pretty`. False when memory is
 * short. */
bool cli_print_json(json_t *value);

/* What a model says about mazes: its grid, or an error when it is not for mazes. */
bool cli_check_maze_model(const hrm_model_config *config, const char *path, uint32_t *grid_width,
                          uint32_t *grid_height);

/* "adaptive", "fixed" for --halting. */
extern const cli_choice cli_halting_choices[];

/* "f32", "bf16", "f16" for --precision; entry i has value i. */
extern const cli_choice cli_precision_choices[];

/* How puzzles are solved: what eval and solve have in common. 0 is the library's default. */
typedef struct cli_solving {
    uint32_t halting, segments, batch, precision;
    float confidence;
} cli_solving;

hrm_solver_config cli_solver_config(const cli_solving *solving);

/* Its option rows, for a table of cli_option. */
#define CLI_SOLVING_OPTIONS(solving)                                                                                   \
    {.name = "halting",                                                                                                \
     .kind = CLI_CHOICE,                                                                                               \
     .value = &(solving).halting,                                                                                      \
     .choices = cli_halting_choices,                                                                                   \
     .help = "adaptive: a puzzle is done when the model says so; fixed: every puzzle thinks for --segments, "          \
             "as the PyTorch implementation evaluates"},                                                               \
        {.name = "segments",                                                                                           \
         .kind = CLI_U32,                                                                                              \
         .value = &(solving).segments,                                                                                 \
         .min = 1,                                                                                                     \
         .max = 65535,                                                                                                 \
         .zero = "the model's",                                                                                        \
         .help = "rounds of thinking at most"},                                                                        \
        {.name = "confidence",                                                                                         \
         .kind = CLI_F32,                                                                                              \
         .value = &(solving).confidence,                                                                               \
         .min = 0.5,                                                                                                   \
         .max = 0.999999,                                                                                              \
         .zero = "0.5",                                                                                                \
         .help = "adaptive: how sure of its answer the model must be to stop"},                                        \
        {.name = "batch",                                                                                              \
         .kind = CLI_U32,                                                                                              \
         .value = &(solving).batch,                                                                                    \
         .min = 1,                                                                                                     \
         .max = 65535,                                                                                                 \
         .zero = "up to 64",                                                                                           \
         .help = "puzzles computed together"},                                                                         \
    {                                                                                                                  \
        .name = "precision", .kind = CLI_CHOICE, .value = &(solving).precision, .choices = cli_precision_choices,      \
        .help = "numbers inside the model's blocks, whatever it was trained with: f32 is the yardstick, 16 bits are "  \
                "fast where a device multiplies them so"                                                               \
    }

#endif
