/* hrm bench: how fast the kernels run at a model's shapes, how long loading a model takes. */
#include <string.h>

#include "bench_load.h"
#include "cli.h"
#include "environment.h"

static void print_result(void *user, const hrm_bench_result *r) {
    json_t *list = user;
    if (list) {
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:f}", "name", r->name, "row", r->row,
                                        "runs", (int)r->runs, "median_ms", r->median_ms, "min_ms", r->min_ms, "max_ms",
                                        r->max_ms, "gflops", r->gflops, "gbytes_per_s", r->gbytes));
        return;
    }
    printf("%-38s %-30s %10.3f %10.3f %10.3f", r->name, r->row, r->median_ms, r->min_ms, r->max_ms);
    if (r->gflops > 0)
        printf(" %8.1f", r->gflops);
    else
        printf(" %8s", "");
    printf(" %8.1f\n", r->gbytes);
    fflush(stdout);
}

static int bench_on(hrm_device *device, const hrm_bench_config *config, bool json) {
    hrm_device_info info = HRM_INIT(hrm_device_info);
    if (hrm_device_get_info(device, &info) != HRM_OK) return cli_fail_last();
    json_t *list = json ? json_array() : NULL;
    if (!json) {
        printf("%s, %s %s\n", info.name, info.driver_name, info.driver_info);
        if (info.type == HRM_DEVICE_CPU) printf("lavapipe vector width: %s\n", cli_environment_get_vector_width());
        printf("\n%-38s %-30s %10s %10s %10s %8s %8s\n", "operation", "kernel row", "median ms", "least", "most",
               "GF/s", "GB/s");
    }
    if (hrm_bench_kernels(device, config, print_result, list) != HRM_OK) {
        json_decref(list);
        return cli_fail_last();
    }
    if (!json) return CLI_OK;
    json_t *result =
        json_pack("{s:s, s:s, s:s, s:s, s:o}", "device", info.name, "driver", info.driver_name, "driver_info",
                  info.driver_info, "vector_width", cli_environment_get_vector_width(), "results", list);
    return cli_print_json(result) ? CLI_OK : CLI_FAILED;
}

static int bench_kernels(int argc, char **argv) {
    bool json = false;
    hrm_bench_config config = HRM_INIT(hrm_bench_config);
    config.runs = 9;
    const cli_option table[] = {
        {.name = "json", .kind = CLI_FLAG, .value = &json, .help = "print JSON"},
        {.name = "runs", .kind = CLI_U32, .value = &config.runs, .min = 1, .max = 100000, .help = "timed runs of each"},
        {.name = "filter",
         .kind = CLI_TEXT,
         .value = &config.filter,
         .help = "only operations whose name contains this: matmul, attention, ..."},
        {.help = NULL},
    };
    const cli_spec spec = {
        .command = "bench kernels",
        .about =
            "Times the kernels at the shapes of a model: matrix products (forward and both gradients), attention, "
            "norms, losses, the optimizer. Shows the median, the least and the most of the runs, and the arithmetic "
            "(GF/s) and memory (GB/s) rates at the median.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm bench kernels\n  hrm bench kernels --filter attention --runs 21 --json\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    hrm_device *device;
    if (cli_open_device(&device) != HRM_OK) return cli_fail_last();
    int code = bench_on(device, &config, json);
    hrm_device_destroy(device);
    return code;
}

int cli_cmd_bench(int argc, char **argv) {
    if (argc > 0 && strcmp(argv[0], "kernels") == 0) {
        cli_set_command("bench kernels");
        return bench_kernels(argc - 1, argv + 1);
    }
    if (argc > 0 && strcmp(argv[0], "load") == 0) {
        cli_set_command("bench load");
        return cli_bench_load(argc - 1, argv + 1);
    }
    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        printf("usage: hrm bench KIND [options]\n\nMeasures this machine.\n\nKinds:\n"
               "  kernels   how fast the kernels run at a model's shapes\n"
               "  load      how long loading a model file takes, and how much memory\n"
               "\n'hrm bench KIND --help' explains each.\n\nExamples:\n"
               "  hrm bench kernels --filter attention\n  hrm bench load run/model.safetensors\n");
        return CLI_OK;
    }
    if (argc == 0 || argv[0][0] == '-')
        return cli_usage("bench what? Write: hrm bench kernels, or hrm bench load FILE");
    return cli_usage("there is no benchmark '%s'; there are 'kernels' and 'load'", argv[0]);
}
