#include "train_options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run_folder.h"

const cli_choice cli_best_by_choices[] = {
    {"task", CLI_BEST_BY_TASK}, {"exact", CLI_BEST_BY_EXACT}, {"token", CLI_BEST_BY_TOKEN}, {NULL, 0}};

void cli_train_options_init(cli_train_options *options) {
    *options = (cli_train_options){.log_every = 10, .save_minutes = 10};
}

size_t cli_train_options_rows(cli_train_options *options, cli_option *rows) {
    size_t n = 0;
#define ROW(option, option_kind, field, least, most, when_zero, text)                                                  \
    rows[n++] = (cli_option){.name = option,                                                                           \
                             .kind = CLI_##option_kind,                                                                \
                             .value = &options->field,                                                                 \
                             .min = least,                                                                             \
                             .max = most,                                                                              \
                             .choices = CLI_##option_kind == CLI_CHOICE ? cli_best_by_choices : NULL,                  \
                             .zero = when_zero,                                                                        \
                             .given = &options->given.field,                                                           \
                             .negatable = CLI_##option_kind == CLI_FLAG,                                               \
                             .help = text};
    CLI_TRAIN_OPTIONS(ROW)
#undef ROW
    return n;
}

/* ---- the record ---- */

static json_t *choice_to_json(uint32_t value) {
    const cli_choice *c = cli_best_by_choices;
    while (c[1].name && c->value != value) c++;
    return json_string(c->name);
}

static bool choice_from_json(const json_t *value, uint32_t *out) {
    const char *name = json_string_value(value);
    for (const cli_choice *c = cli_best_by_choices; name && c->name; c++)
        if (strcmp(c->name, name) == 0) {
            *out = c->value;
            return true;
        }
    return false;
}

static bool u32_from_json(const json_t *value, uint32_t *out) {
    const json_int_t v = json_integer_value(value);
    if (!json_is_integer(value) || v < 0 || v > UINT32_MAX) return false;
    *out = (uint32_t)v;
    return true;
}

static bool f32_from_json(const json_t *value, float *out) {
    const double v = json_number_value(value);
    if (!json_is_number(value) || !(v >= 0 && v < 1e9)) return false;
    *out = (float)v;
    return true;
}

static bool flag_from_json(const json_t *value, bool *out) {
    *out = json_is_true(value);
    return json_is_boolean(value);
}

#define TO_JSON_U32(value) json_integer(value)
#define TO_JSON_F32(value) json_real((double)(value))
#define TO_JSON_FLAG(value) json_boolean(value)
#define TO_JSON_CHOICE(value) choice_to_json(value)
#define FROM_JSON_U32 u32_from_json
#define FROM_JSON_F32 f32_from_json
#define FROM_JSON_FLAG flag_from_json
#define FROM_JSON_CHOICE choice_from_json

json_t *cli_train_options_to_json(const cli_train_options *options) {
    json_t *o = json_object();
    char *data = realpath(options->data, NULL);
    json_object_set_new(o, "data", json_string(data ? data : options->data));
    free(data);
#define MEMBER(option, kind, field, least, most, zero, text)                                                           \
    json_object_set_new(o, #field, TO_JSON_##kind(options->field));
    CLI_TRAIN_OPTIONS(MEMBER)
#undef MEMBER
    json_object_set_new(o, "overfit_one_batch", json_boolean(options->overfit));
    return o;
}

bool cli_train_options_recall(cli_train_options *options, const char *run) {
    char path[CLI_RUN_PATH];
    json_error_t error;
    const char *wrong = NULL;
    if (access(cli_run_path(run, "options.json", path), F_OK) != 0) return true;
    json_t *o = json_load_file(path, 0, &error);
    if (!o) {
        cli_error("%s:%d: %s; without that file the options of this command line and the defaults hold", path,
                  error.line, error.text);
        return false;
    }
    const json_t *value;
#define MEMBER(option, kind, field, least, most, zero, text)                                                           \
    value = json_object_get(o, #field);                                                                                \
    if (value && !options->given.field && !FROM_JSON_##kind(value, &options->field)) wrong = #field;
    CLI_TRAIN_OPTIONS(MEMBER)
#undef MEMBER
    if (options->log_every == 0) wrong = "log_every";
    options->overfit = json_is_true(json_object_get(o, "overfit_one_batch"));
    const char *data = json_string_value(json_object_get(o, "data"));
    if (!options->data && data && strlen(data) < sizeof options->recorded_data)
        options->data = strcpy(options->recorded_data, data);
    json_decref(o);
    if (wrong)
        cli_error("%s: \"%s\" is not what hrm train writes; without that file the options of this command line and the "
                  "defaults hold",
                  path, wrong);
    return !wrong;
}
