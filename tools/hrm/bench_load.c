#include "bench.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

typedef struct load_options {
    const char *path;
    uint32_t runs;
    hrm_model_config known;
    bool json;
} load_options;

/* One figure of /proc/self/status in bytes; 0 where there is none. */
static uint64_t read_status(const char *name) {
    char line[256];
    uint64_t kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0) sscanf(line + strlen(name), ": %" SCNu64, &kib);
    if (file) fclose(file);
    return kib * 1024;
}

/* Makes the peak of resident memory start from now; false where the system cannot. */
static bool restart_peak(void) {
    FILE *file = fopen("/proc/self/clear_refs", "w");
    bool fine = file && fputs("5", file) >= 0;
    if (file && fclose(file) != 0) fine = false;
    return fine;
}

typedef struct load_result {
    double *seconds; /* [runs], sorted */
    uint64_t peak;   /* growth of resident memory at its highest, most of all runs; what the device takes included */
    uint64_t device_bytes, parameters;
} load_result;

static hrm_status measure(const load_options *o, hrm_device *device, load_result *result) {
    hrm_status status = HRM_OK;
    for (uint32_t i = 0; i < o->runs && status == HRM_OK; i++) {
        hrm_model *model = NULL;
        const bool watched = restart_peak();
        const uint64_t before = read_status("VmRSS");
        const double start = cli_now();
        status = cli_load_model(device, o->path, &o->known, &model);
        result->seconds[i] = cli_now() - start;
        if (status != HRM_OK) break;
        const uint64_t peak = watched ? read_status("VmHWM") : 0;
        if (peak > before && peak - before > result->peak) result->peak = peak - before;
        result->device_bytes = hrm_model_get_device_bytes(model);
        result->parameters = hrm_model_get_parameter_count(model);
        hrm_model_destroy(model);
    }
    bench_sort(result->seconds, o->runs);
    return status;
}

static bool print_result(const load_options *o, const hrm_device_info *device, const load_result *r) {
    struct stat info;
    char text[4][32];
    const uint64_t file_bytes = stat(o->path, &info) == 0 ? (uint64_t)info.st_size : 0;
    /* A processor's device memory is the host's own. */
    const uint64_t shared = device->type == HRM_DEVICE_CPU ? r->device_bytes : 0;
    const uint64_t host = r->peak > shared ? r->peak - shared : 0;
    const double median = r->seconds[o->runs / 2], most = r->seconds[o->runs - 1];
    if (o->json)
        return cli_print_json(json_pack("{s:s, s:s, s:I, s:I, s:i, s:f, s:f, s:f, s:I, s:I}", "file", o->path, "device",
                                        device->name, "parameters", (json_int_t)r->parameters, "file_bytes",
                                        (json_int_t)file_bytes, "runs", (int)o->runs, "median_s", median, "min_s",
                                        r->seconds[0], "max_s", most, "device_bytes", (json_int_t)r->device_bytes,
                                        "host_peak_bytes", (json_int_t)host));
    printf("%s: %" PRIu64 " parameters, %s\non %s\n", o->path, r->parameters,
           cli_format_bytes(file_bytes, text[0], sizeof text[0]), device->name);
    printf("loading      %.3f s median of %u, %.3f least, %.3f most (the file as the system caches it)\n", median,
           o->runs, r->seconds[0], most);
    printf("device       %s of its memory, copies in the layouts of kernels included\n",
           cli_format_bytes(r->device_bytes, text[1], sizeof text[1]));
    if (r->peak)
        printf("host         %s more at the highest%s: %.2f of the file's size\n",
               cli_format_bytes(host, text[2], sizeof text[2]), shared ? ", the device's left out" : "",
               file_bytes ? (double)host / (double)file_bytes : 0);
    else
        printf("host         this system does not tell how much memory it took\n");
    return true;
}

static int run_load(const load_options *o) {
    hrm_device *device = NULL;
    hrm_device_info info = HRM_INIT(hrm_device_info);
    load_result result = {.seconds = calloc(o->runs, sizeof *result.seconds)};
    if (!result.seconds) return cli_fail("no host memory for %u figures", o->runs);
    int code = CLI_OK;
    hrm_status status = cli_open_device(&device);
    if (status == HRM_OK) status = hrm_device_get_info(device, &info);
    if (status == HRM_OK) status = measure(o, device, &result);
    if (status != HRM_OK)
        code = cli_fail_last();
    else if (!print_result(o, &info, &result))
        code = CLI_FAILED;
    free(result.seconds);
    hrm_device_destroy(device);
    return code;
}

int cli_bench_load(int argc, char **argv) {
    load_options options = {.runs = 5, .known = HRM_INIT(hrm_model_config)};
    const cli_option table[] = {
        {.name = "runs", .kind = CLI_U32, .value = &options.runs, .min = 1, .max = 1000, .help = "how often"},
        {.name = "seq-len",
         .kind = CLI_U32,
         .value = &options.known.seq_len,
         .min = 1,
         .max = 1 << 20,
         .zero = "the file's",
         .help = "tokens per puzzle, which a PyTorch checkpoint does not say"},
        {.name = "json", .kind = CLI_FLAG, .value = &options.json, .help = "print JSON"},
        {.help = NULL},
    };
    const cli_spec spec = {
        .command = "bench load",
        .operands_usage = "FILE",
        .operands_min = 1,
        .operands_max = 1,
        .about =
            "Loads a model file several times: seconds until it is ready on the device, device memory, and how much "
            "more host memory that took at the highest.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm bench load run/model.safetensors\n  hrm bench load step_26040 --seq-len 81\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    options.path = argv[0];
    return run_load(&options);
}
