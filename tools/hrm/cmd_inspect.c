/* hrm inspect: what is in a model file. */
#include <inttypes.h>
#include <string.h>

#include "cli.h"

static const char *kind_name(hrm_checkpoint_kind kind) {
    return kind == HRM_CHECKPOINT_TORCH ? "PyTorch checkpoint" : "safetensors";
}

/* One row per field of the architecture: how it is shown, and where. */
#define CONFIG_FIELDS(U, F)                                                                                            \
    U(vocab_size)                                                                                                      \
    U(seq_len)                                                                                                         \
    U(grid_width)                                                                                                      \
    U(hidden_size)                                                                                                     \
    U(num_heads)                                                                                                       \
    U(h_layers)                                                                                                        \
    U(l_layers)                                                                                                        \
    U(h_cycles)                                                                                                        \
    U(l_cycles)                                                                                                        \
    F(expansion)                                                                                                       \
    U(halt_max_segments)                                                                                               \
    U(puzzle_emb_dim)                                                                                                  \
    U(puzzle_count)                                                                                                    \
    F(rms_norm_eps)                                                                                                    \
    F(rope_theta)

static const char *positions_name(hrm_positions positions) {
    static const char *const names[] = {"unknown", "rope", "learned", "both"};
    return (unsigned)positions < 4 ? names[positions] : "unknown";
}

static const char *halt_name(hrm_halt_rule rule) {
    return rule == HRM_HALT_POSITIVE ? "q_halt > 0" : "q_halt > q_continue";
}

static void print_shape(const hrm_checkpoint_tensor *t, char *out, size_t size) {
    int n = snprintf(out, size, "[");
    for (uint32_t i = 0; i < t->rank; i++)
        n += snprintf(out + n, size - (size_t)n, "%s%" PRIu64, i ? ", " : "", t->shape[i]);
    snprintf(out + n, size - (size_t)n, "]");
}

/* Where the run stands that can be continued; --json gives all of it. */
static void print_state(const hrm_checkpoint_info *info) {
    json_t *state = info->state[0] ? json_loads(info->state, 0, NULL) : NULL;
    const json_t *step = json_object_get(state, "step"),
                 *steps = json_object_get(json_object_get(state, "recipe"), "steps");
    if (!info->state[0])
        printf("\ntraining state  none: the weights alone\n");
    else if (json_is_integer(step) && json_is_integer(steps))
        printf("\ntraining state  after step %lld of %lld; 'hrm train --resume' continues it\n",
               (long long)json_integer_value(step), (long long)json_integer_value(steps));
    else
        printf("\ntraining state  not as hrm writes it\n");
    json_decref(state);
}

static void print_text(const hrm_checkpoint *c, const hrm_checkpoint_info *info, const char *path, uint64_t hash) {
    char size[32], shape[192];
    const char *key, *value;
    printf("%s: %s, %s, %u tensors\n", path, kind_name(info->kind),
           cli_format_bytes(info->file_bytes, size, sizeof size), info->tensors);
    if (info->problem[0])
        printf("no model that can be loaded: %s\n", info->problem);
    else
        printf("parameters   %" PRIu64 "\n", info->parameters);
    printf("checksum     %016" PRIx64 " (of names, shapes, types and values, in either kind of file)\n", hash);
    if (!info->problem[0]) {
        printf("\narchitecture%s%s\n", info->config_path[0] ? ", with what is in " : "", info->config_path);
#define U(field)                                                                                                       \
    if (info->config.field) printf("  %-18s %u\n", #field, info->config.field);
#define F(field)                                                                                                       \
    if (info->config.field > 0) printf("  %-18s %g\n", #field, (double)info->config.field);
        CONFIG_FIELDS(U, F)
#undef U
#undef F
        printf("  %-18s %s\n  %-18s %s\n", "positions", positions_name(info->config.positions), "halt_rule",
               halt_name(info->config.halt_rule));
        if (info->missing[0]) printf("  not told by the file: %s (options of hrm convert)\n", info->missing);
    }
    print_state(info);
    if (hrm_checkpoint_get_note(c, 0, &key, &value)) printf("\nnotes\n");
    for (uint32_t i = 0; hrm_checkpoint_get_note(c, i, &key, &value); i++)
        if (strcmp(key, "hrm.trainer") != 0 && strcmp(key, "hrm.config") != 0) printf("  %-14s %s\n", key, value);
    printf("\ntensors\n");
    for (uint32_t i = 0; i < info->tensors; i++) {
        const hrm_checkpoint_tensor t = hrm_checkpoint_get_tensor(c, i);
        if (t.state) continue;
        print_shape(&t, shape, sizeof shape);
        printf("  %-5s %-18s %s%s\n", t.type, shape, t.name, t.weight || info->problem[0] ? "" : "  (not a weight)");
    }
    if (info->state_tensors) printf("  and %u of the training state (--json lists them)\n", info->state_tensors);
}

static json_t *config_to_json(const hrm_checkpoint_info *info) {
    json_t *o = json_object();
#define U(field) json_object_set_new(o, #field, info->config.field ? json_integer(info->config.field) : json_null());
#define F(field)                                                                                                       \
    json_object_set_new(o, #field, info->config.field > 0 ? json_real((double)info->config.field) : json_null());
    CONFIG_FIELDS(U, F)
#undef U
#undef F
    json_object_set_new(o, "positions", json_string(positions_name(info->config.positions)));
    json_object_set_new(o, "halt_rule", json_string(halt_name(info->config.halt_rule)));
    return o;
}

static bool print_json(const hrm_checkpoint *c, const hrm_checkpoint_info *info, const char *path, uint64_t hash) {
    char text[17];
    const char *key, *value;
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    json_t *notes = json_object(), *tensors = json_array();
    for (uint32_t i = 0; hrm_checkpoint_get_note(c, i, &key, &value); i++)
        json_object_set_new(notes, key, json_string(value));
    for (uint32_t i = 0; i < info->tensors; i++) {
        const hrm_checkpoint_tensor t = hrm_checkpoint_get_tensor(c, i);
        json_t *shape = json_array();
        for (uint32_t k = 0; k < t.rank; k++) json_array_append_new(shape, json_integer((json_int_t)t.shape[k]));
        json_array_append_new(tensors, json_pack("{s:s, s:s, s:o, s:I, s:b}", "name", t.name, "type", t.type, "shape",
                                                 shape, "bytes", (json_int_t)t.bytes, "weight", (int)t.weight));
    }
    json_t *state = info->state[0] ? json_loads(info->state, 0, NULL) : json_null();
    json_t *all = json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:o, s:s, s:o, s:o, s:o}", "file", path, "kind",
                            info->kind == HRM_CHECKPOINT_TORCH ? "torch" : "safetensors", "bytes",
                            (json_int_t)info->file_bytes, "parameters", (json_int_t)info->parameters, "checksum", text,
                            "problem", info->problem, "architecture", config_to_json(info), "missing", info->missing,
                            "training_state", state ? state : json_null(), "notes", notes, "tensors", tensors);
    return cli_print_json(all);
}

static int run_inspect(const char *path, bool json) {
    hrm_checkpoint *checkpoint = NULL;
    hrm_checkpoint_info info = HRM_INIT(hrm_checkpoint_info);
    uint64_t hash = 0;
    int code = CLI_OK;
    cli_listen(cli_global.verbose);
    hrm_status status = hrm_checkpoint_open(path, NULL, &checkpoint);
    if (status == HRM_OK) status = hrm_checkpoint_get_info(checkpoint, &info);
    if (status == HRM_OK) status = hrm_checkpoint_hash(checkpoint, &hash);
    if (status != HRM_OK)
        code = cli_fail_last();
    else if (!json)
        print_text(checkpoint, &info, path, hash);
    else if (!print_json(checkpoint, &info, path, hash))
        code = CLI_FAILED;
    hrm_checkpoint_close(checkpoint);
    return code;
}

int cli_cmd_inspect(int argc, char **argv) {
    bool json = false;
    const cli_option table[] = {
        {.name = "json", .kind = CLI_FLAG, .value = &json, .help = "print JSON"},
        {.help = NULL},
    };
    const cli_spec spec = {
        .command = "inspect",
        .operands_usage = "FILE",
        .operands_min = 1,
        .operands_max = 1,
        .about = "Shows what is in a model file, safetensors or a checkpoint of the PyTorch implementation: the "
                 "architecture, the number of parameters, whether training can be continued from it, every tensor, and "
                 "a checksum of the weights that is the same in either kind of file. Nothing in the file is executed.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm inspect run/model.safetensors\n  hrm inspect step_26040 --json\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    return run_inspect(argv[0], json);
}
