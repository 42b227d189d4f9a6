/* hrm bench kernels: rates at a model's shapes, beside the device's peak and, for products, beside a rival. */
#include "bench.h"

typedef struct kernels_run {
    const bench_device *device;
    const bench_rival *rival; /* NULL: none */
    json_t *list;             /* NULL: as text */
    uint32_t count;           /* measured so far */
} kernels_run;

static void print_result(void *user, const hrm_bench_result *r) {
    kernels_run *run = user;
    run->count++;
    const bool product = r->product != HRM_BENCH_NO_PRODUCT;
    const double rival = run->rival && product ? bench_rival_measure(run->rival, r) : 0;
    const hrm_bench_peak *peak = &run->device->peak;
    const double share = r->gflops > 0 ? (peak->gflops > 0 ? r->gflops / peak->gflops : 0)
                                       : (peak->gbytes > 0 ? r->gbytes / peak->gbytes : 0);
    if (run->list) {
        json_t *row = json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:f}", "name", r->name, "row", r->row, "runs",
                                (int)r->runs, "median_ms", r->median_ms, "min_ms", r->min_ms, "max_ms", r->max_ms,
                                "gflops", r->gflops, "gbytes_per_s", r->gbytes, "share_of_peak", share);
        if (rival > 0) json_object_set_new(row, "rival_gflops", json_real(rival));
        json_array_append_new(run->list, row);
        return;
    }
    printf("%-37s %-15s %9.3f %9.3f %9.3f", r->name, r->row, r->median_ms, r->min_ms, r->max_ms);
    if (r->gflops > 0)
        printf(" %8.1f", r->gflops);
    else
        printf(" %8s", "");
    printf(" %7.1f %6.1f%%", r->gbytes, 100 * share);
    if (rival > 0) printf(" %8.1f %6.2f", rival, r->gflops / rival);
    printf("\n");
    fflush(stdout);
}

static int bench_on(const bench_device *device, const hrm_bench_config *config, const bench_rival *rival, bool json) {
    kernels_run run = {.device = device, .rival = rival, .list = json ? json_array() : NULL};
    if (!json) {
        if (rival) printf("rival: %s\n", rival->name);
        printf("%-37s %-15s %9s %9s %9s %8s %7s %7s%s\n", "operation", "kernel row", "median ms", "least", "most",
               "GF/s", "GB/s", "of peak", rival ? "    rival  ratio" : "");
    }
    if (hrm_bench_kernels(device->device, config, print_result, &run) != HRM_OK) {
        json_decref(run.list);
        return cli_fail_last();
    }
    if (run.count == 0) {
        json_decref(run.list);
        return cli_fail("no operation's name contains '%s'; leave --filter out to see all of them", config->filter);
    }
    if (!json) return CLI_OK;
    json_t *result = json_pack("{s:o, s:o}", "device", bench_device_to_json(device), "results", run.list);
    if (rival) json_object_set_new(result, "rival", json_string(rival->name));
    return cli_print_json(result) ? CLI_OK : CLI_FAILED;
}

int cli_bench_kernels(int argc, char **argv) {
    static const cli_choice rivals[] = {{"none", 0}, {"openblas", 1}, {NULL, 0}};
    bool json = false;
    uint32_t against = 0, precision = HRM_PRECISION_F32;
    hrm_bench_config config = HRM_INIT(hrm_bench_config);
    config.runs = 9;
    const cli_option table[] = {
        {.name = "json", .kind = CLI_FLAG, .value = &json, .help = "print JSON"},
        {.name = "runs", .kind = CLI_U32, .value = &config.runs, .min = 1, .max = 100000, .help = "timed runs of each"},
        {.name = "filter",
         .kind = CLI_TEXT,
         .value = &config.filter,
         .help = "only operations whose name contains this: matmul, attention, ..."},
        {.name = "precision",
         .kind = CLI_CHOICE,
         .value = &precision,
         .choices = cli_precision_choices,
         .help = "of the operands of products and attention, as hrm train has it"},
        {.name = "rival",
         .kind = CLI_CHOICE,
         .value = &against,
         .choices = rivals,
         .help = "also multiply the same matrices with OpenBLAS on the processor, right after each product; its "
                 "environment variables hold (OPENBLAS_CORETYPE, OPENBLAS_NUM_THREADS)"},
        {.help = NULL},
    };
    const cli_spec spec = {
        .command = "bench kernels",
        .about =
            "Times the kernels at the shapes of a model: matrix products (forward and both gradients), attention, "
            "norms, the optimizer. Shows the median, the least and the most of the runs, the arithmetic (GF/s) and "
            "memory (GB/s) rates at the median, and their share of the device's measured peak: of arithmetic where "
            "GF/s are shown, else of memory (what stays in caches can exceed that).",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm bench kernels\n  hrm bench kernels --filter attention --runs 21 --json\n"
                    "  hrm bench kernels --filter matmul --rival openblas\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    config.precision = (hrm_precision)precision;
    bench_device device;
    bench_rival rival;
    if (against && !bench_rival_open(&rival)) return CLI_FAILED;
    int code = CLI_FAILED;
    if (bench_device_open(&device, json) == HRM_OK) {
        code = bench_on(&device, &config, against ? &rival : NULL, json);
        bench_device_close(&device);
    } else {
        cli_fail_last();
    }
    if (against) bench_rival_close(&rival);
    return code;
}
