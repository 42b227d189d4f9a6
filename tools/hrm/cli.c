#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

cli_settings cli_global;

const cli_option cli_global_options[] = {
    {.name = "device",
     .kind = CLI_TEXT,
     .value = &cli_global.device,
     .metavar = "WHICH",
     .help = "the device to use: its number, part of its name or its UUID as 'hrm devices' shows them; also the "
             "environment variable HRM_DEVICE. Without it: the best one"},
    {.name = "cache-dir",
     .kind = CLI_TEXT,
     .value = &cli_global.cache_dir,
     .metavar = "DIR",
     .help = "where compiled kernels and measured choices are kept; without it: the user's cache folder"},
    {.name = "validation",
     .kind = CLI_FLAG,
     .value = &cli_global.validation,
     .help = "check every Vulkan call with the Khronos validation layer (slow; for developers)"},
    {.name = "quiet", .letter = 'q', .kind = CLI_FLAG, .value = &cli_global.quiet, .help = "show no progress"},
    {.name = "verbose",
     .letter = 'v',
     .kind = CLI_FLAG,
     .value = &cli_global.verbose,
     .help = "show what the library logs"},
    {.help = NULL},
};

const cli_choice cli_halting_choices[] = {
    {"adaptive", HRM_HALTING_ADAPTIVE},
    {"fixed", HRM_HALTING_FIXED},
    {NULL, 0},
};

/* In the order of their numbers. */
const cli_choice cli_precision_choices[] = {
    {"f32", HRM_PRECISION_F32}, {"bf16", HRM_PRECISION_BF16}, {"f16", HRM_PRECISION_F16}, {NULL, 0}};

hrm_solver_config cli_solver_config(const cli_solving *solving) {
    hrm_solver_config config = HRM_INIT(hrm_solver_config);
    config.max_batch = solving->batch;
    config.max_segments = solving->segments;
    config.halting = (hrm_halting)solving->halting;
    config.confidence = solving->confidence;
    return config;
}

int cli_parsed_exit(cli_parsed parsed) {
    return parsed == CLI_PARSED_HELP ? CLI_OK : CLI_USAGE;
}

hrm_status cli_open_device(hrm_device **out) {
    cli_listen(cli_global.verbose);
    hrm_device_config config = HRM_INIT(hrm_device_config);
    config.selector = cli_global.device;
    config.cache_dir = cli_global.cache_dir;
    config.validation = cli_global.validation;
    return hrm_device_create(&config, out);
}

hrm_status cli_load_model(hrm_device *device, const char *path, const hrm_model_config *known, hrm_model **out) {
    hrm_checkpoint *checkpoint = NULL;
    hrm_checkpoint_info info = HRM_INIT(hrm_checkpoint_info);
    *out = NULL;
    hrm_status status = hrm_checkpoint_open(path, NULL, &checkpoint);
    if (status == HRM_OK) status = hrm_checkpoint_get_info(checkpoint, &info);
    /* What the file says goes before what the puzzles suggest: a mismatch is explained better later. */
    if (status == HRM_OK && info.missing[0] && info.config.seq_len == 0) {
        hrm_checkpoint_close(checkpoint);
        status = hrm_checkpoint_open(path, known, &checkpoint);
    }
    if (status == HRM_OK) status = hrm_checkpoint_load(checkpoint, device, out);
    hrm_checkpoint_close(checkpoint);
    return status;
}

char *cli_format_bytes(uint64_t bytes, char *out, size_t size) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double v = (double)bytes;
    int unit = 0;
    while (v >= 1024 && unit < 5) {
        v /= 1024;
        unit++;
    }
    snprintf(out, size, "%.*f %s", v < 10 && v != (double)(uint64_t)v ? 1 : 0, v, units[unit]);
    return out;
}

/* The temporary file beside `path`, written and synced. */
static bool write_temporary(const char *temporary, int fd, const char *text, size_t size) {
    size_t done = 0;
    while (done < size) {
        ssize_t n = write(fd, text + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) break;
        done += (size_t)n;
    }
    bool fine = done == size && fsync(fd) == 0;
    if (!fine) cli_error("%s: %s", temporary, strerror(errno));
    return fine;
}

bool cli_write_text(const char *path, const char *text, size_t size) {
    char temporary[4096];
    int n = snprintf(temporary, sizeof temporary, "%s.tmp-XXXXXX", path);
    if (n < 0 || n >= (int)sizeof temporary) {
        cli_error("%s: the path is too long", path);
        return false;
    }
    int fd = mkstemp(temporary);
    if (fd < 0) {
        cli_error("%s cannot be written: %s", path, strerror(errno));
        return false;
    }
    mode_t mask = umask(0);
    umask(mask);
    bool fine = write_temporary(temporary, fd, text, size);
    if (fchmod(fd, 0666 & ~mask) != 0 && fine) fine = false;
    close(fd);
    if (fine && rename(temporary, path) != 0) {
        cli_error("%s cannot be written: %s", path, strerror(errno));
        fine = false;
    }
    if (!fine) unlink(temporary);
    return fine;
}

char *cli_number_path(const char *path, uint32_t number, uint32_t count, char *out, size_t size) {
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    if (!dot || (slash && dot < slash)) dot = path + strlen(path);
    if (count > 1)
        snprintf(out, size, "%.*s-%u%s", (int)(dot - path), path, number, dot);
    else
        snprintf(out, size, "%s", path);
    return out;
}

bool cli_has_extension(const char *path, const char *extension) {
    size_t n = strlen(path), m = strlen(extension);
    return n > m && strcasecmp(path + n - m, extension) == 0;
}

json_t *cli_json_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

bool cli_print_json(json_t *value) {
    bool fine = value && json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0;
    json_decref(value);
    if (fine) putchar('\n');
    if (!fine) cli_error("the JSON output cannot be written: a name is not UTF-8, or host memory is short");
    return fine;
}

bool cli_check_maze_model(const hrm_model_config *config, const char *path, uint32_t *grid_width,
                          uint32_t *grid_height) {
    if (config->vocab_size != HRM_MAZE_VOCAB || config->grid_width == 0 || config->seq_len % config->grid_width) {
        cli_error("%s is not a model for mazes: it takes %u tokens of %u kinds; 'hrm train' on a folder of "
                  "'hrm data maze' makes one",
                  path, config->seq_len, config->vocab_size);
        return false;
    }
    *grid_width = config->grid_width;
    *grid_height = config->seq_len / config->grid_width;
    return true;
}
