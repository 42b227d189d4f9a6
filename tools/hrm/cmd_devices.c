/* hrm devices: every adapter with its limits and features, and the kernels that would run on it. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "environment.h"

typedef struct devices_options {
    bool json, kernels, list_only;
} devices_options;

static const char *type_name(hrm_device_type type) {
    switch (type) {
    case HRM_DEVICE_INTEGRATED:
        return "integrated GPU";
    case HRM_DEVICE_DISCRETE:
        return "discrete GPU";
    case HRM_DEVICE_VIRTUAL:
        return "virtual GPU";
    case HRM_DEVICE_CPU:
        return "processor";
    case HRM_DEVICE_OTHER:
        break;
    }
    return "other";
}

static bool is_lavapipe(const hrm_device_info *d) {
    return strstr(d->driver_name, "llvmpipe") || strstr(d->driver_name, "lavapipe") || strstr(d->name, "llvmpipe");
}

/* ---- as text ---- */

static void print_choice(void *user, const char *op, const char *row, double gflops, const char *how) {
    (void)user;
    printf("    %-26s %-34s", op, row);
    if (gflops > 0)
        printf(" %7.1f GF/s", gflops);
    else
        printf(" %12s", "");
    printf("  %s\n", how);
}

/* What hrm tune found. */
typedef struct tuned_counts {
    unsigned shapes, refused;
} tuned_counts;

static void print_tuned(void *user, const hrm_tune_result *r) {
    tuned_counts *count = user;
    if (r->refused) {
        if (count->refused++ == 0) printf("  refused for wrong results:\n");
        printf("    %-40s %-20s relative error %.1e\n", r->key, r->row, r->error);
    } else if (strchr(r->key, ':')) {
        if (count->shapes++ == 0) printf("  tuned for single shapes ('hrm tune'):\n");
        printf("    %-40s %-20s %7.1f GF/s\n", r->key, r->row, r->gflops);
    }
}

typedef struct row_counts {
    unsigned usable, total;
} row_counts;

static void count_row(void *user, const char *row, const char *reason) {
    row_counts *p = user;
    (void)row;
    p->usable += reason == NULL;
    p->total++;
}

static void print_usable(void *user, const char *row, const char *reason) {
    int *column = user;
    if (reason) return;
    int width = (int)strlen(row) + 2;
    if (*column == 0 || *column + width > 100) {
        printf("%s    ", *column ? "\n" : "");
        *column = 4;
    }
    *column += printf("%s  ", row);
}

static void print_unusable(void *user, const char *row, const char *reason) {
    (void)user;
    if (reason) printf("    %-34s %s\n", row, reason);
}

static hrm_status print_kernels(hrm_device *device, bool every_row) {
    row_counts count = {0};
    hrm_status status = hrm_device_visit_kernels(device, count_row, &count);
    if (status != HRM_OK) return status;
    printf("  kernels     %u of %u rows can run here; chosen among several:\n", count.usable, count.total);
    status = hrm_device_visit_choices(device, print_choice, NULL);
    tuned_counts tuned = {0};
    if (status == HRM_OK) status = hrm_tune_visit(device, print_tuned, &tuned);
    if (status != HRM_OK || !every_row) return status;
    if (count.usable > 0) {
        int column = 0;
        printf("  rows that can run here:\n");
        status = hrm_device_visit_kernels(device, print_usable, &column);
        printf("\n");
        if (status != HRM_OK) return status;
    }
    if (count.usable < count.total) {
        printf("  rows that cannot run here:\n");
        status = hrm_device_visit_kernels(device, print_unusable, NULL);
    }
    return status;
}

static void print_shapes(const hrm_device_info *d) {
    if (d->matrix_shape_count == 0) return;
    char text[HRM_MATRIX_SHAPES_MAX * 96] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < d->matrix_shape_count && used < sizeof text; i++) {
        const hrm_matrix_shape *s = &d->matrix_shapes[i];
        char who[40] = "";
        if (s->workgroup) snprintf(who, sizeof who, " by a workgroup of %u", s->workgroup);
        int length = snprintf(text + used, sizeof text - used, "%s%s %s%ux%ux%u%s", i ? ", " : "",
                              s->bf16 ? "bf16" : "f16", s->multiples ? "multiples of " : "", s->m, s->n, s->k, who);
        used += length > 0 ? (size_t)length : 0;
    }
    printf("  matrices    ");
    cli_print_wrapped(text, 14, 14);
}

static void print_info(const hrm_device_info *d) {
    char a[32], b[32], c[32];
    printf("%u: %s\n", d->index, d->name);
    printf("  type        %s%s\n", type_name(d->type), d->unified_memory ? ", memory shared with the processor" : "");
    printf("  driver      %s %s, Vulkan %u.%u.%u\n", d->driver_name, d->driver_info, d->vulkan_major, d->vulkan_minor,
           d->vulkan_patch);
    printf("  uuid        %s\n", d->uuid);
    if (!d->usable) {
        printf("  unusable    %s\n", d->unusable_reason);
        return;
    }
    printf("  memory      %s on the device, %s visible to the host\n",
           cli_format_bytes(d->device_local_bytes, a, sizeof a), cli_format_bytes(d->host_visible_bytes, b, sizeof b));
    printf("  subgroup    %u lanes (%u to %u)\n", d->subgroup_size, d->min_subgroup_size, d->max_subgroup_size);
    printf("  limits      %u invocations, %s shared memory, push constants %u B, storage alignment %u B,\n"
           "              storage range %s, allocation %s, %u texels\n",
           d->max_workgroup_invocations, cli_format_bytes(d->max_shared_bytes, a, sizeof a), d->max_push_bytes,
           d->storage_alignment, cli_format_bytes(d->max_storage_range, b, sizeof b),
           cli_format_bytes(d->max_allocation_bytes, c, sizeof c), d->max_texel_elements);
    printf("  features    ");
    cli_print_wrapped(d->features[0] ? d->features : "none of the optional ones", 14, 14);
    print_shapes(d);
}

static hrm_status describe_as_text(const hrm_device_info *d, const devices_options *options) {
    print_info(d);
    if (!d->usable || options->list_only) return HRM_OK;
    fflush(stdout);
    hrm_device *device;
    hrm_status status = cli_open_device(&device);
    if (status != HRM_OK) return status;
    status = print_kernels(device, options->kernels);
    hrm_device_destroy(device);
    return status;
}

/* ---- as JSON ---- */

static void add_choice(void *user, const char *op, const char *row, double gflops, const char *how) {
    json_array_append_new(user,
                          json_pack("{s:s, s:s, s:f, s:s}", "operation", op, "row", row, "gflops", gflops, "how", how));
}

static void add_tuned(void *user, const hrm_tune_result *r) {
    if (!r->refused && !strchr(r->key, ':')) return; /* a default, which is among the choices */
    json_array_append_new(user, json_pack("{s:s, s:s, s:f, s:b}", "problem", r->key, "row", r->row, "gflops", r->gflops,
                                          "refused", r->refused));
}

/* true, or why it cannot run */
static void add_row(void *user, const char *row, const char *reason) {
    json_object_set_new(user, row, reason ? json_string(reason) : json_true());
}

static json_t *split_words(const char *words) {
    json_t *list = json_array();
    for (const char *p = words; *p;) {
        size_t n = strcspn(p, " ");
        if (n) json_array_append_new(list, json_stringn(p, n));
        p += n + (p[n] == ' ');
    }
    return list;
}

static json_t *info_to_json(const hrm_device_info *d) {
    char version[48];
    snprintf(version, sizeof version, "%u.%u.%u", d->vulkan_major, d->vulkan_minor, d->vulkan_patch);
    json_t *o = json_pack("{s:i, s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:b}", "index", (int)d->index, "name", d->name,
                          "type", type_name(d->type), "usable", d->usable, "driver", d->driver_name, "driver_info",
                          d->driver_info, "uuid", d->uuid, "vulkan", version, "unified_memory", d->unified_memory);
    if (!o) return NULL;
    if (!d->usable) json_object_set_new(o, "unusable_reason", json_string(d->unusable_reason));
    if (is_lavapipe(d))
        json_object_set_new(o, "lavapipe_vector_width", json_string(cli_environment_get_vector_width()));
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"vendor_id", d->vendor_id},
        {"device_id", d->device_id},
        {"subgroup_size", d->subgroup_size},
        {"min_subgroup_size", d->min_subgroup_size},
        {"max_subgroup_size", d->max_subgroup_size},
        {"max_workgroup_invocations", d->max_workgroup_invocations},
        {"max_shared_bytes", d->max_shared_bytes},
        {"max_push_bytes", d->max_push_bytes},
        {"storage_alignment", d->storage_alignment},
        {"max_texel_elements", d->max_texel_elements},
        {"max_storage_range", d->max_storage_range},
        {"max_allocation_bytes", d->max_allocation_bytes},
        {"device_local_bytes", d->device_local_bytes},
        {"host_visible_bytes", d->host_visible_bytes},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        json_object_set_new(o, numbers[i].name, json_integer((json_int_t)numbers[i].value));
    json_object_set_new(o, "features", split_words(d->features));
    json_t *shapes = json_array();
    for (uint32_t i = 0; i < d->matrix_shape_count; i++) {
        const hrm_matrix_shape *s = &d->matrix_shapes[i];
        json_array_append_new(shapes, json_pack("{s:s, s:i, s:i, s:i, s:b, s:i}", "type", s->bf16 ? "bf16" : "f16", "m",
                                                (int)s->m, "n", (int)s->n, "k", (int)s->k, "multiples",
                                                (int)s->multiples, "workgroup", (int)s->workgroup));
    }
    json_object_set_new(o, "matrix_shapes", shapes);
    return o;
}

static hrm_status describe_as_json(const hrm_device_info *d, const devices_options *options, json_t *list) {
    json_t *o = info_to_json(d);
    json_array_append_new(list, o);
    if (!o || !d->usable || options->list_only) return HRM_OK;
    hrm_device *device;
    hrm_status status = cli_open_device(&device);
    if (status != HRM_OK) return status;
    json_t *choices = json_array(), *tuned = json_array(), *rows = json_object();
    status = hrm_device_visit_choices(device, add_choice, choices);
    if (status == HRM_OK) status = hrm_tune_visit(device, add_tuned, tuned);
    if (status == HRM_OK) status = hrm_device_visit_kernels(device, add_row, rows);
    json_object_set_new(o, "choices", choices);
    json_object_set_new(o, "tuned", tuned);
    json_object_set_new(o, "kernels", rows);
    hrm_device_destroy(device);
    return status;
}

/* ---- the command ---- */

static hrm_status list_devices(hrm_device_info **out, uint32_t *count) {
    *out = NULL;
    hrm_status status = hrm_device_enumerate(NULL, 0, count);
    if (status != HRM_OK || *count == 0) return status;
    hrm_device_info *infos = calloc(*count, sizeof *infos);
    if (!infos) {
        *count = 0;
        return HRM_OK;
    }
    infos[0].struct_size = (uint32_t)sizeof *infos;
    uint32_t capacity = *count;
    status = hrm_device_enumerate(infos, capacity, count);
    if (*count > capacity) *count = capacity;
    *out = infos;
    return status;
}

/* With --device or HRM_DEVICE only that device is shown; the library resolves the selector. */
static bool find_selected(uint32_t *index, int *code) {
    const char *environment = getenv("HRM_DEVICE");
    if (!cli_global.device && !(environment && environment[0])) return false;
    hrm_device *device;
    hrm_device_info info = HRM_INIT(hrm_device_info);
    hrm_status status = cli_open_device(&device);
    if (status == HRM_OK) status = hrm_device_get_info(device, &info);
    *code = status == HRM_OK ? CLI_OK : cli_fail_last();
    if (status == HRM_OK) hrm_device_destroy(device);
    *index = info.index;
    return true;
}

static int describe_all(hrm_device_info *infos, uint32_t count, const devices_options *options) {
    uint32_t selected = 0;
    int code = CLI_OK;
    bool one = find_selected(&selected, &code);
    if (code != CLI_OK) return code;
    json_t *list = options->json ? json_array() : NULL;
    bool lavapipe = false, first = true;
    for (uint32_t i = 0; i < count && code == CLI_OK; i++) {
        const hrm_device_info *d = &infos[i];
        if (one && d->index != selected) continue;
        char selector[16];
        snprintf(selector, sizeof selector, "%u", d->index);
        cli_global.device = selector;
        if (!options->json && !first) printf("\n");
        hrm_status status = options->json ? describe_as_json(d, options, list) : describe_as_text(d, options);
        if (status != HRM_OK) code = cli_fail("device %u (%s): %s", d->index, d->name, hrm_last_error());
        if (is_lavapipe(d)) lavapipe = true;
        first = false;
    }
    if (options->json) {
        if (code != CLI_OK)
            json_decref(list);
        else if (!cli_print_json(list))
            code = CLI_FAILED;
    } else if (code == CLI_OK && lavapipe) {
        printf("\nlavapipe vector width: %s\n", cli_environment_get_vector_width());
    }
    return code;
}

int cli_cmd_devices(int argc, char **argv) {
    devices_options options = {0};
    const cli_option table[] = {
        {.name = "json", .kind = CLI_FLAG, .value = &options.json, .help = "print JSON"},
        {.name = "kernels",
         .kind = CLI_FLAG,
         .value = &options.kernels,
         .help = "also list every kernel row, and why those that cannot run on the device do not"},
        {.name = "list",
         .kind = CLI_FLAG,
         .value = &options.list_only,
         .help = "only list the devices: open none, measure nothing"},
        {.help = NULL},
    };
    const cli_spec spec = {
        .command = "devices",
        .about =
            "Lists the devices Vulkan offers, best first: graphics cards, and the processor when a software driver "
            "(lavapipe, Debian package mesa-vulkan-drivers) is installed. For each usable one it shows which "
            "variants of the heavy kernels were chosen; on first use they are measured for a few seconds, and the "
            "outcome is kept in the cache folder.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm devices\n  hrm devices --json\n  hrm train --device 1 ...         use device 1\n"
                    "  HRM_DEVICE=llvmpipe hrm train ...  use the device with that name\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    cli_listen(cli_global.verbose);
    hrm_device_info *infos;
    uint32_t count;
    if (list_devices(&infos, &count) != HRM_OK) return cli_fail_last();
    if (count == 0) {
        free(infos);
        return cli_fail(
            "Vulkan offers no device; Debian/Ubuntu: mesa-vulkan-drivers has one that runs on the processor");
    }
    int code = describe_all(infos, count, &options);
    free(infos);
    return code;
}
