/* hrm convert: model files from and to the PyTorch implementation. */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

typedef struct convert_options {
    const char *in, *out, *data;
    uint32_t to, type, init_type, positions;
    bool weights_only;
    hrm_model_config known;
} convert_options;

enum { TO_BY_NAME = 0 };

static const cli_choice to_choices[] = {
    {"by-name", TO_BY_NAME}, {"safetensors", HRM_CHECKPOINT_SAFETENSORS}, {"torch", HRM_CHECKPOINT_TORCH}, {NULL, 0}};
static const cli_choice type_choices[] = {
    {"keep", HRM_NUMBER_KEEP}, {"f32", HRM_NUMBER_F32}, {"f16", HRM_NUMBER_F16}, {"bf16", HRM_NUMBER_BF16}, {NULL, 0}};
static const cli_choice positions_choices[] = {{"as-stored", HRM_POSITIONS_DEFAULT},
                                               {"rope", HRM_POSITIONS_ROPE},
                                               {"learned", HRM_POSITIONS_LEARNED},
                                               {"both", HRM_POSITIONS_BOTH},
                                               {NULL, 0}};

/* Sequence and grid of the data set a model was trained on. */
static hrm_status read_data(convert_options *o) {
    hrm_dataset *set = NULL;
    hrm_dataset_info info = HRM_INIT(hrm_dataset_info);
    hrm_status status = hrm_dataset_open(o->data, "train", &set);
    if (status == HRM_OK) status = hrm_dataset_get_info(set, &info);
    hrm_dataset_close(set);
    if (status != HRM_OK) return status;
    o->known.seq_len = info.seq_len;
    o->known.grid_width = info.grid_width;
    return HRM_OK;
}

static void print_summary(const convert_options *o, const hrm_checkpoint_info *info, const hrm_convert_config *config,
                          const char *yaml) {
    const bool torch = config->kind == HRM_CHECKPOINT_TORCH;
    printf("%s: %" PRIu64 " parameters, written as %s\n", o->out, info->parameters,
           torch ? "a PyTorch checkpoint" : "safetensors");
    if (!torch && info->kind == HRM_CHECKPOINT_TORCH && info->config.halt_max_segments == 0)
        printf("the most segments were not told: 16, as in the paper (--max-segments says otherwise)\n");
    if (torch && yaml) printf("%s: the architecture, as far as it is known\n", yaml);
    if (torch && !yaml) printf("the all_config.yaml that was beside it was left as it is\n");
    if (torch && (info->config.positions == HRM_POSITIONS_BOTH || info->config.halt_rule == HRM_HALT_POSITIVE))
        printf("the PyTorch implementation does not know %s: it loads the file, but computes something else\n",
               info->config.positions == HRM_POSITIONS_BOTH ? "rotary and learned positions together"
                                                            : "halting at q_halt > 0");
    if (torch && info->state_tensors)
        printf("the state of the training run was left out: PyTorch checkpoints hold weights alone\n");
}

/* "DIR/all_config.yaml" for a file in DIR. */
static void get_config_path(const char *path, char *out, size_t size) {
    const char *slash = strrchr(path, '/');
    snprintf(out, size, "%.*sall_config.yaml", slash ? (int)(slash - path + 1) : 0, path);
}

static int run_convert(convert_options *o) {
    hrm_checkpoint *checkpoint = NULL;
    hrm_checkpoint_info info = HRM_INIT(hrm_checkpoint_info);
    hrm_convert_config config = HRM_INIT(hrm_convert_config);
    int code = CLI_OK;
    cli_listen(cli_global.verbose);
    hrm_status status = o->data ? read_data(o) : HRM_OK;
    if (status == HRM_OK) status = hrm_checkpoint_open(o->in, &o->known, &checkpoint);
    if (status == HRM_OK) status = hrm_checkpoint_get_info(checkpoint, &info);
    config.kind = o->to                                       ? (hrm_checkpoint_kind)o->to
                  : cli_has_extension(o->out, ".safetensors") ? HRM_CHECKPOINT_SAFETENSORS
                                                              : HRM_CHECKPOINT_TORCH;
    config.weights = (hrm_number_type)o->type;
    config.initial_states = (hrm_number_type)o->init_type;
    config.weights_only = o->weights_only;
    char yaml[4200];
    struct stat found;
    get_config_path(o->out, yaml, sizeof yaml);
    const bool had_yaml = stat(yaml, &found) == 0;
    if (status == HRM_OK) status = hrm_checkpoint_convert(checkpoint, &config, o->out);
    if (status != HRM_OK)
        code = cli_fail_last();
    else if (!cli_global.quiet)
        print_summary(o, &info, &config, had_yaml ? NULL : yaml);
    hrm_checkpoint_close(checkpoint);
    return code;
}

#define KNOWN_ROW(option, field, most, text)                                                                           \
    {                                                                                                                  \
        .name = option, .kind = CLI_U32, .value = &options.known.field, .min = 1, .max = most, .zero = "the file's",   \
        .help = text                                                                                                   \
    }

int cli_cmd_convert(int argc, char **argv) {
    convert_options options = {.known = HRM_INIT(hrm_model_config)};
    const cli_option table[] = {
        {.name = "to",
         .kind = CLI_CHOICE,
         .value = &options.to,
         .choices = to_choices,
         .help = "kind of file to write; by-name: safetensors when OUT ends in .safetensors, else PyTorch's"},
        {.name = "type",
         .kind = CLI_CHOICE,
         .value = &options.type,
         .choices = type_choices,
         .help = "type of the weights' numbers; keep keeps every bit"},
        {.name = "init-type",
         .kind = CLI_CHOICE,
         .value = &options.init_type,
         .choices = type_choices,
         .help =
             "type of the two initial states: the PyTorch implementation computes in it, and on a GPU its attention "
             "needs bf16"},
        {.name = "weights-only",
         .kind = CLI_FLAG,
         .value = &options.weights_only,
         .help = "leave out what only continuing a training run needs"},
        {.kind = CLI_GROUP, .help = "What a PyTorch checkpoint without its all_config.yaml does not say"},
        {.name = "data",
         .kind = CLI_TEXT,
         .value = &options.data,
         .metavar = "DIR",
         .help = "folder of the data set it was trained on: gives --seq-len"},
        KNOWN_ROW("seq-len", seq_len, 1 << 20, "tokens per puzzle: 81 for Sudoku, 900 for 30x30 mazes and ARC"),
        KNOWN_ROW("heads", num_heads, 1024, "attention heads (8 in the paper)"),
        KNOWN_ROW("h-cycles", h_cycles, 64, "slow steps per segment (2 in the paper)"),
        KNOWN_ROW("l-cycles", l_cycles, 64, "fast steps per slow step (2 in the paper)"),
        KNOWN_ROW("max-segments", halt_max_segments, 65535, "rounds of thinking at most; 16 if no one says"),
        {.name = "positions",
         .kind = CLI_CHOICE,
         .value = &options.positions,
         .choices = positions_choices,
         .help = "how the model knows where a cell is; as-stored: learned where the file has such a table, else rope"},
        {.help = NULL},
    };
    const cli_spec spec = {
        .command = "convert",
        .operands_usage = "IN OUT",
        .operands_min = 2,
        .operands_max = 2,
        .about =
            "Copies a model from one kind of file to the other: checkpoints of the PyTorch implementation "
            "(torch.save of its state dict; read without running anything in them) and safetensors, which hrm train "
            "writes. The architecture comes from the all_config.yaml beside a checkpoint, from the shapes of its "
            "tensors, and from the options below; a PyTorch checkpoint gets an all_config.yaml "
            "beside it unless there is one. Going there and back gives the same bits. OUT is replaced whole, or left "
            "alone when something fails.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm convert checkpoints/step_26040 model.safetensors --seq-len 81\n"
                    "  hrm convert run/model.safetensors step_1000 --to torch --init-type bf16\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    options.in = argv[0];
    options.out = argv[1];
    options.known.positions = (hrm_positions)options.positions;
    if (options.data && options.known.seq_len) return cli_usage("--seq-len means nothing beside --data; leave it out");
    return run_convert(&options);
}
