/* hrm data info: what is in a data set's folder; opening it checks every index, token and size. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "data.h"

static const char *kind_name(hrm_puzzle_kind kind) {
    static const char *const names[] = {"unknown puzzles", "mazes", "Sudoku", "ARC"};
    return (unsigned)kind < 4 ? names[kind] : names[0];
}

static void print_info(const char *split, const hrm_dataset_info *info, uint64_t checksum) {
    char bytes[32];
    const double cells = (double)info->count * info->seq_len;
    printf("%s: %s\n", split, kind_name(info->kind));
    printf("  examples     %u of %u tokens", info->count, info->seq_len);
    if (info->grid_width) printf(" (%u x %u cells)", info->grid_width, info->grid_height);
    printf(", %u kinds of tokens\n", info->vocab_size);
    printf("  puzzles      %u in %u groups, %.1f puzzles a group, %.1f examples a puzzle\n", info->puzzles,
           info->groups, info->groups ? (double)info->puzzles / info->groups : 0,
           info->puzzles ? (double)info->count / info->puzzles : 0);
    printf("  identifiers  %u\n", info->puzzle_count);
    printf("  labels       %.1f %% of all positions\n", cells > 0 ? 100 * (double)info->labelled / cells : 0);
    printf("  in memory    %s\n", cli_format_bytes(info->bytes, bytes, sizeof bytes));
    printf("  checksum     %016" PRIx64 "\n", checksum);
}

static json_t *info_to_json(const char *split, const hrm_dataset_info *info, uint64_t checksum) {
    char digits[17];
    snprintf(digits, sizeof digits, "%016" PRIx64, checksum);
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "split", split, "kind",
                     kind_name(info->kind), "examples", (json_int_t)info->count, "seq_len", (json_int_t)info->seq_len,
                     "vocab_size", (json_int_t)info->vocab_size, "grid_width", (json_int_t)info->grid_width,
                     "grid_height", (json_int_t)info->grid_height, "puzzles", (json_int_t)info->puzzles, "groups",
                     (json_int_t)info->groups, "identifiers", (json_int_t)info->puzzle_count, "labelled",
                     (json_int_t)info->labelled, "checksum", digits);
}

/* 1: described; 0: there is no such split; -1: an error was printed. */
static int describe_split(const char *folder, const char *split, bool required, json_t *list) {
    char path[4096];
    struct stat found;
    hrm_dataset *set = NULL;
    uint64_t checksum = 0;
    hrm_dataset_info info = HRM_INIT(hrm_dataset_info);
    snprintf(path, sizeof path, "%s/%s", folder, split);
    if (!required && stat(path, &found) != 0 && errno == ENOENT) return 0;
    hrm_status status = hrm_dataset_open(folder, split, &set);
    if (status == HRM_OK) status = hrm_dataset_get_info(set, &info);
    if (status == HRM_OK) status = hrm_dataset_get_checksum(set, &checksum);
    hrm_dataset_close(set);
    if (status != HRM_OK) {
        cli_fail_last();
        return -1;
    }
    if (list)
        json_array_append_new(list, info_to_json(split, &info, checksum));
    else
        print_info(split, &info, checksum);
    return 1;
}

int cli_data_info(int argc, char **argv) {
    bool json = false;
    const char *split = NULL;
    const cli_option table[] = {
        {.name = "split", .kind = CLI_TEXT, .value = &split, .metavar = "NAME", .help = "only this part of it"},
        {.name = "json", .kind = CLI_FLAG, .value = &json, .help = "print JSON"},
        {.help = NULL},
    };
    const cli_spec spec = {
        .command = "data info",
        .operands_usage = "DIR",
        .operands_min = 1,
        .operands_max = 1,
        .about = "Describes a data set and checks all of it: every size, index, token and label. A file that lies is "
                 "named, with the place.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm data info data\n  hrm data info data --json\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    cli_listen(cli_global.verbose);
    static const char *const usual[] = {"train", "test"};
    json_t *list = json ? json_array() : NULL;
    int described = 0, result = 0;
    for (int i = 0; i < (split ? 1 : 2) && result >= 0; i++) {
        result = describe_split(argv[0], split ? split : usual[i], split != NULL, list);
        if (result > 0) described++;
    }
    int code = result < 0 ? CLI_FAILED : CLI_OK;
    if (code == CLI_OK && described == 0)
        code = cli_fail("%s: there is neither a folder train nor a folder test in it: no data set", argv[0]);
    if (code == CLI_OK && json && !cli_print_json(json_incref(list))) code = CLI_FAILED;
    json_decref(list);
    return code;
}
