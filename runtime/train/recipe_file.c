/* hrm_trainer_config_load: a recipe from a file of ours or of the reference.
 *
 * Three kinds of keys may stand side by side: ours (recipe_fields.h, and the model's below "model"), the reference's
 * for training, and its architecture: below "arch", in the file arch/NAME.yaml that the Hydra defaults list names, or,
 * in an arch file given alone, at the top. Two keys that set the same field are an error. What the reference always
 * does without a key for it is part of what its file says, so it is set too, unless a key of ours says otherwise.
 * Source: the reference's pretrain.py (PretrainConfig, init_train_state) and config/; TRM's few keys that have a
 * meaning here (ema, ema_rate, no_ACT_continue). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/config_copy.h"
#include "base/file_map.h"
#include "base/log.h"
#include "base/path.h"
#include "io/json.h"
#include "io/yaml.h"
#include "train/dataset.h"
#include "train/recipe.h"
#include "train/reference_arch.h"

enum { MAX_BYTES = 1 << 20, MAX_EPOCHS = 1000000000 };

typedef struct recipe_file {
    const char *path;
    json_t *root;   /* with the architecture of the defaults list merged in */
    json_t *places; /* dotted key -> "file:line" */
    json_t *set_by; /* field, model's as "model.field" -> the key that set it */
    json_t *alone;  /* keys of an arch file given alone */
    hrm_setting_source source;
    hrm_trainer_config config;
    uint32_t epochs, eval_interval; /* 0: not said */
    bool trains, has_arch;          /* it speaks of training, of an architecture, in the reference's words */
    bool ema;
    float ema_rate;
    char passed_over[512]; /* names of keys that mean nothing here, ", " between them */
} recipe_file;

static hrm_status fail_memory(const recipe_file *f) {
    return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%s: no host memory for this recipe", f->path);
}

static hrm_setting make(const recipe_file *f, const char *prefix, const char *key, const json_t *value) {
    return hrm_setting_make(&f->source, prefix, key, value);
}

/* Remembers which key set a field; a second one is an error. */
static hrm_status note_set(recipe_file *f, const hrm_setting *setting, const char *group, const char *field) {
    char name[128];
    snprintf(name, sizeof name, "%s%s", group, field);
    const char *other = json_string_value(json_object_get(f->set_by, name));
    if (other)
        return hrm_setting_fail(setting, HRM_ERR_FORMAT, "%s says the same thing; leave one of the two out", other);
    return json_object_set_new(f->set_by, name, json_string(setting->key)) == 0 ? HRM_OK : fail_memory(f);
}

static bool is_set(const recipe_file *f, const char *field) {
    return json_object_get(f->set_by, field) != NULL;
}

static void pass_over(recipe_file *f, const char *key) {
    const size_t used = strlen(f->passed_over), room = sizeof f->passed_over - used;
    if (strlen(key) + 3 < room) snprintf(f->passed_over + used, room, "%s%s", used ? ", " : "", key);
}

static hrm_status fail_unknown(const hrm_setting *setting) {
    return hrm_setting_fail(setting, HRM_ERR_FORMAT, "there is no such key");
}

/* ---- files ---- */

static bool starts_as_json(const char *text, size_t size) {
    size_t i = 0;
    while (i < size && strchr(" \t\r\n", text[i])) i++;
    return i < size && text[i] == '{';
}

/* JSON is YAML in all but small things (1E5 is a number), so what looks like it is read as such first; YAML then still
 * tells the lines. */
static hrm_status parse(const char *text, size_t size, const char *path, json_t **root, json_t **lines) {
    json_t *yaml = NULL;
    *root = *lines = NULL;
    const bool json = starts_as_json(text, size) && hrm_json_parse(text, size, path, root) == HRM_OK;
    hrm_status status = hrm_yaml_parse_lines(text, size, path, &yaml, lines);
    if (json) {
        json_decref(yaml);
        return HRM_OK;
    }
    *root = yaml;
    if (status == HRM_ERR_UNSUPPORTED && starts_as_json(text, size)) return hrm_json_parse(text, size, path, root);
    return status;
}

/* Adds "<path>:<line>" for each key to the places, `prefix` before it. */
static hrm_status add_places(recipe_file *f, const char *path, const char *prefix, const json_t *lines) {
    const char *key;
    json_t *line;
    json_object_foreach((json_t *)lines, key, line) {
        char name[320];
        snprintf(name, sizeof name, "%s%s", prefix, key);
        json_t *place = json_sprintf("%s:%lld", path, (long long)json_integer_value(line));
        if (json_object_set_new(f->places, name, place) != 0) return fail_memory(f);
    }
    return HRM_OK;
}

/* A file whose root is a mapping. */
static hrm_status read_tree(const char *path, json_t **root, json_t **lines) {
    hrm_file_map map;
    *root = *lines = NULL;
    hrm_status status = hrm_file_map_open(path, &map);
    if (status != HRM_OK) return status;
    if (map.size > MAX_BYTES)
        status = hrm_fail(HRM_ERR_FORMAT, "%s: %zu bytes are no recipe; at most %d are read", path, map.size,
                          (int)MAX_BYTES);
    else
        status = parse(map.data, map.size, path, root, lines);
    hrm_file_map_close(&map);
    if (status == HRM_OK && !json_is_object(*root))
        status = hrm_fail(HRM_ERR_FORMAT, "%s: a mapping of keys to values was expected", path);
    return status;
}

/* ---- the defaults list of Hydra ---- */

/* Keys of `from` replace those of `to`; mappings are merged. */
static hrm_status merge(const recipe_file *f, json_t *to, json_t *from) {
    const char *key;
    json_t *value;
    json_object_foreach(from, key, value) {
        json_t *here = json_object_get(to, key);
        if (json_is_object(here) && json_is_object(value)) {
            hrm_status status = merge(f, here, value);
            if (status != HRM_OK) return status;
        } else if (json_object_set(to, key, value) != 0) {
            return fail_memory(f);
        }
    }
    return HRM_OK;
}

/* Letters, digits, '_', '-', and dots inside: a name of a file in arch/, no path. */
static bool is_group_name(const char *name) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    return name[0] && name[0] != '.' && name[strspn(name, letters)] == '\0' && strlen(name) < 200;
}

static hrm_status find_arch_file(const recipe_file *f, const hrm_setting *setting, char *out, size_t size) {
    hrm_status status;
    char folder[HRM_PATH_MAX], file[256];
    const char *name = json_string_value(setting->value);
    if (!name || !is_group_name(name))
        return hrm_setting_fail(setting, HRM_ERR_FORMAT, "it must be the name of a file in the folder arch");
    snprintf(file, sizeof file, "arch/%s%s", name, strstr(name, ".yaml") ? "" : ".yaml");
    HRM_TRY(hrm_path_parent(f->path, folder, sizeof folder));
    HRM_TRY(hrm_path_join(folder, file, out, size));
fail:
    return status;
}

/* The architecture of arch/NAME.yaml, below what the file itself says of it or above, as the list has it. */
static hrm_status follow_arch(recipe_file *f, const hrm_setting *setting, bool self_is_later) {
    hrm_status status;
    char path[HRM_PATH_MAX];
    json_t *group = NULL, *lines = NULL, *own = json_object_get(f->root, "arch");
    HRM_TRY(find_arch_file(f, setting, path, sizeof path));
    status = read_tree(path, &group, &lines);
    if (status == HRM_ERR_IO)
        hrm_fail_prefix(status, "%s: the architecture %s", setting->place, json_string_value(setting->value));
    if (status != HRM_OK) goto fail;
    json_object_del(group, "defaults"); /* of an arch file: _self_ at most */
    if (own && !json_is_object(own)) {
        hrm_setting arch = make(f, "", "arch", own);
        status = hrm_setting_fail(&arch, HRM_ERR_FORMAT, "it must be a mapping");
        goto fail;
    }
    json_t *merged = self_is_later || !own ? json_incref(group) : json_incref(own);
    if (own) status = merge(f, merged, self_is_later ? own : group);
    if (json_object_set_new(f->root, "arch", merged) != 0) status = fail_memory(f);
    if (status != HRM_OK) goto fail;
    if (self_is_later) { /* a key that both have stands where the last one is */
        json_t *own_places = f->places;
        f->places = json_object();
        status = f->places ? add_places(f, path, "arch.", lines) : fail_memory(f);
        if (status == HRM_OK) status = merge(f, f->places, own_places);
        json_decref(own_places);
    } else {
        status = add_places(f, path, "arch.", lines);
    }
    f->source.places = f->places;
fail:
    json_decref(group);
    json_decref(lines);
    return status;
}

static bool is_hydra_s_own(const char *key) {
    return strncmp(key, "hydra/", 6) == 0 || strncmp(key, "override hydra/", 15) == 0;
}

static hrm_status follow_defaults(recipe_file *f) {
    const json_t *list = json_object_get(f->root, "defaults");
    const hrm_setting all = make(f, "", "defaults", list);
    hrm_setting arch = {0};
    bool self_is_later = false; /* without _self_, Hydra puts the file itself first */
    size_t i;
    json_t *entry;
    if (!list || json_is_null(list)) return HRM_OK;
    if (!json_is_array(list)) return hrm_setting_fail(&all, HRM_ERR_FORMAT, "it must be a list");
    json_array_foreach(list, i, entry) {
        const char *text = json_string_value(entry), *key = json_object_iter_key(json_object_iter(entry));
        if (text && strcmp(text, "_self_") == 0) {
            self_is_later = arch.value != NULL;
        } else if (key && json_object_size(entry) == 1 && strcmp(key, "arch") == 0 && !arch.value) {
            arch = make(f, "", "defaults", json_object_get(entry, key));
            snprintf(arch.key, sizeof arch.key, "defaults.arch");
        } else if (!(key && json_object_size(entry) == 1 && is_hydra_s_own(key))) {
            const hrm_setting wrong = make(f, "", "defaults", entry);
            return hrm_setting_fail(&wrong, HRM_ERR_UNSUPPORTED,
                                    "only one \"arch: NAME\" and \"_self_\" can be followed");
        }
    }
    return arch.value ? follow_arch(f, &arch, self_is_later) : HRM_OK;
}

/* ---- the architecture ---- */

static hrm_status require(const hrm_setting *setting, bool fine, const char *why) {
    return fine ? HRM_OK : hrm_setting_fail(setting, HRM_ERR_UNSUPPORTED, "%s", why);
}

/* Positions before the tokens: TRM's own number of them, which is not tied to the embedding's size there. */
static hrm_status check_puzzle_positions(const recipe_file *f, const hrm_setting *setting) {
    uint32_t positions = 0;
    const hrm_model_config *m = &f->config.model;
    const uint32_t width = m->hidden_size ? m->hidden_size : 512;
    hrm_status status = hrm_setting_get_u32(setting, 0, 1u << 20, &positions);
    if (status != HRM_OK || positions == 0 || positions == (m->puzzle_emb_dim + width - 1) / width) return status;
    return hrm_setting_fail(setting, HRM_ERR_UNSUPPORTED,
                            "there are always puzzle_emb_ndim / hidden_size positions, rounded up: %u of %u / %u",
                            (m->puzzle_emb_dim + width - 1) / width, m->puzzle_emb_dim, width);
}

static hrm_status read_loss(recipe_file *f, const char *prefix, const json_t *loss) {
    static const hrm_word types[] = {
        {"stablemax_cross_entropy", HRM_LOSS_STABLEMAX}, {"softmax_cross_entropy", HRM_LOSS_SOFTMAX}, {NULL, 0}};
    hrm_status status = HRM_OK;
    char inner[32];
    const char *key;
    json_t *value;
    snprintf(inner, sizeof inner, "%sloss.", prefix);
    json_object_foreach((json_t *)loss, key, value) {
        const hrm_setting setting = make(f, inner, key, value);
        const char *text = json_string_value(value);
        if (strcmp(key, "loss_type") == 0) {
            uint32_t type = 0;
            if (!text) return hrm_setting_fail(&setting, HRM_ERR_FORMAT, "it must be a name");
            HRM_TRY(hrm_setting_get_word(&setting, types, &type));
            HRM_TRY(note_set(f, &setting, "", "loss"));
            f->config.loss = (hrm_loss_kind)type;
        } else if (strcmp(key, "name") == 0) {
            HRM_TRY(require(&setting, text && strstr(text, "ACTLossHead"), "only the ACTLossHead is known here"));
        } else {
            return fail_unknown(&setting);
        }
    }
fail:
    return status;
}

/* A key of the architecture that reference_arch.c leaves to us. */
static hrm_status read_arch_key(recipe_file *f, const char *key, const hrm_setting *setting) {
    hrm_status status;
    bool on = false;
    if (strcmp(key, "halt_exploration_prob") == 0) {
        HRM_TRY(hrm_setting_get_float(setting, 0, 1, &f->config.halt_exploration));
        return note_set(f, setting, "", "halt_exploration");
    }
    if (strcmp(key, "forward_dtype") == 0) {
        pass_over(f, setting->key);
        return HRM_OK;
    }
    if (strcmp(key, "puzzle_emb_len") == 0) return check_puzzle_positions(f, setting);
    if (strcmp(key, "mlp_t") == 0) {
        HRM_TRY(hrm_setting_get_bool(setting, &on));
        return require(setting, !on, "feed-forward layers across positions are not known here");
    }
    if (strcmp(key, "no_ACT_continue") == 0) {
        HRM_TRY(hrm_setting_get_bool(setting, &on));
        f->config.model.halt_rule = on ? HRM_HALT_POSITIVE : HRM_HALT_COMPARE;
        return note_set(f, setting, "model.", "halt_rule");
    }
    return fail_unknown(setting);
fail:
    return status;
}

static bool is_arch_key(const char *key) {
    static const char *const more[] = {
        "halt_exploration_prob", "forward_dtype", "puzzle_emb_len", "mlp_t", "no_ACT_continue", NULL};
    for (const char *const *m = more; *m; m++)
        if (strcmp(key, *m) == 0) return true;
    return hrm_reference_arch_get_field(key) != NULL;
}

static hrm_status read_arch(recipe_file *f, const char *prefix, const json_t *arch) {
    hrm_status status;
    const char *key;
    json_t *value;
    f->has_arch = true;
    HRM_TRY(hrm_reference_arch_read(&f->source, prefix, arch, &f->config.model));
    json_object_foreach((json_t *)arch, key, value) {
        hrm_setting setting;
        const char *field = hrm_reference_arch_get_field(key);
        HRM_TRY(hrm_reference_arch_find(&f->source, prefix, arch, key, &setting));
        const hrm_setting as_written = make(f, prefix, key, value);
        if (!is_arch_key(key) && strcmp(key, "loss") != 0) return fail_unknown(&as_written);
        if (!setting.value) continue;
        if (strcmp(key, "loss") == 0) {
            if (!json_is_object(value)) return hrm_setting_fail(&setting, HRM_ERR_FORMAT, "it must be a mapping");
            HRM_TRY(read_loss(f, prefix, value));
        } else if (!field) {
            HRM_TRY(read_arch_key(f, key, &setting));
        } else if (*field) {
            HRM_TRY(note_set(f, &setting, "model.", field));
        }
    }
fail:
    return status;
}

/* ---- keys ---- */

/* Names, places and habits of the PyTorch implementation, and of TRM's: they change nothing that is computed. */
static bool means_nothing_here(const char *key) {
    static const char *const keys[] = {"hydra",
                                       "project_name",
                                       "run_name",
                                       "entity",
                                       "checkpoint_path",
                                       "checkpoint_every_eval",
                                       "data_path",
                                       "data_paths",
                                       "data_paths_test",
                                       "evaluators",
                                       "device",
                                       "eval_save_outputs",
                                       "min_eval_interval",
                                       NULL};
    for (const char *const *k = keys; *k; k++)
        if (strcmp(key, *k) == 0) return true;
    return false;
}

/* *known tells whether the key was one of the reference's for training. */
static hrm_status read_training_key(recipe_file *f, const char *key, const hrm_setting *setting, bool *known) {
    hrm_status status = HRM_OK;
    bool on = false;
    *known = true;
    if (strcmp(key, "global_batch_size") == 0) {
        HRM_TRY(hrm_setting_get_u32(setting, 1, 65535, &f->config.batch));
        f->trains = true;
        return note_set(f, setting, "", "batch");
    }
    if (strcmp(key, "epochs") == 0) {
        HRM_TRY(hrm_setting_get_u32(setting, 1, MAX_EPOCHS, &f->epochs));
        f->trains = true;
        return note_set(f, setting, "", "steps");
    }
    if (strcmp(key, "eval_interval") == 0) {
        if (json_is_null(setting->value)) return HRM_OK;
        HRM_TRY(hrm_setting_get_u32(setting, 1, MAX_EPOCHS, &f->eval_interval));
        return note_set(f, setting, "", "epochs_per_pass");
    }
    if (strcmp(key, "ema") == 0) {
        HRM_TRY(hrm_setting_get_bool(setting, &f->ema));
        return note_set(f, setting, "", "ema_decay");
    }
    if (strcmp(key, "ema_rate") == 0) return hrm_setting_get_float(setting, 0, 0.9999999, &f->ema_rate);
    if (strcmp(key, "freeze_weights") == 0) {
        HRM_TRY(hrm_setting_get_bool(setting, &on));
        return require(setting, !on, "training the puzzle embeddings alone is not known here");
    }
    if (strcmp(key, "load_checkpoint") == 0)
        return require(setting, json_is_null(setting->value),
                       "a run starts from fresh weights, or goes on with --resume");
    *known = false;
fail:
    return status;
}

static hrm_status read_model(recipe_file *f, const json_t *model) {
    hrm_status status = HRM_OK;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)model, key, value) {
        bool known;
        const hrm_setting setting = make(f, "model.", key, value);
        HRM_TRY(hrm_recipe_read_model_field(&setting, key, &f->config.model, &known));
        if (!known) return fail_unknown(&setting);
        HRM_TRY(note_set(f, &setting, "model.", key));
    }
fail:
    return status;
}

static hrm_status read_ours(recipe_file *f, const json_t *ours) {
    hrm_status status;
    const char *key;
    json_t *value;
    HRM_TRY(hrm_reference_arch_read_ours(&f->source, ours, &f->config.model));
    json_object_foreach((json_t *)ours, key, value) {
        const hrm_setting setting = make(f, "hrm.", key, value);
        const bool says_nothing = json_is_integer(value) && json_integer_value(value) == 0;
        if (says_nothing || strcmp(key, "positions") == 0) continue; /* that completes pos_encodings */
        HRM_TRY(note_set(f, &setting, "model.", key));
    }
fail:
    return status;
}

static hrm_status read_mapping(recipe_file *f, const hrm_setting *setting) {
    if (!json_is_object(setting->value)) return hrm_setting_fail(setting, HRM_ERR_FORMAT, "it must be a mapping");
    if (strcmp(setting->key, "model") == 0) return read_model(f, setting->value);
    if (strcmp(setting->key, "arch") == 0) return read_arch(f, "arch.", setting->value);
    return HRM_OK; /* "hrm" comes last: it completes the others */
}

static hrm_status read_key(recipe_file *f, const char *key, json_t *value) {
    hrm_status status;
    bool known;
    const hrm_setting setting = make(f, "", key, value);
    if (strcmp(key, "defaults") == 0) return HRM_OK;
    if (strcmp(key, "model") == 0 || strcmp(key, "arch") == 0 || strcmp(key, "hrm") == 0)
        return read_mapping(f, &setting);
    if (is_arch_key(key) || (strcmp(key, "loss") == 0 && json_is_object(value)))
        return json_object_set(f->alone, key, value) == 0 ? HRM_OK : fail_memory(f);
    HRM_TRY(hrm_recipe_read_field(&setting, key, &f->config, &known));
    if (known) return note_set(f, &setting, "", key);
    HRM_TRY(read_training_key(f, key, &setting, &known));
    if (known) return HRM_OK;
    if (!means_nothing_here(key)) return fail_unknown(&setting);
    pass_over(f, key);
fail:
    return status;
}

static hrm_status read_keys(recipe_file *f) {
    hrm_status status = HRM_OK;
    const char *key;
    json_t *value;
    json_object_foreach(f->root, key, value) HRM_TRY(read_key(f, key, value));
    if (json_object_size(f->alone) > 0 && json_object_get(f->root, "arch")) {
        key = json_object_iter_key(json_object_iter(f->alone));
        const hrm_setting setting = make(f, "", key, json_object_get(f->alone, key));
        return hrm_setting_fail(&setting, HRM_ERR_FORMAT, "beside the mapping arch it belongs into that");
    }
    if (json_object_size(f->alone) > 0) HRM_TRY(read_arch(f, "", f->alone));
    if (json_is_object(json_object_get(f->root, "hrm"))) HRM_TRY(read_ours(f, json_object_get(f->root, "hrm")));
fail:
    return status;
}

/* ---- what follows ---- */

/* What the reference always does, for which it has no key. */
static void set_implied(recipe_file *f) {
    hrm_trainer_config *c = &f->config;
#define IMPLY(field, path, value)                                                                                      \
    if (!is_set(f, path)) c->field = value
    if (f->has_arch) {
        IMPLY(model.halt_rule, "model.halt_rule", HRM_HALT_COMPARE);
        IMPLY(explore_once, "explore_once", 0);
        IMPLY(q_loss_weight, "q_loss_weight", 0.5f);
        IMPLY(gradient, "gradient", HRM_GRADIENT_ONE_STEP);
    }
    if (f->trains) {
        IMPLY(batches, "batches", HRM_BATCHES_REFERENCE);
        IMPLY(augment, "augment", HRM_AUGMENT_NONE);
        IMPLY(lr_decay_start, "lr_decay_start", 0);
        IMPLY(early_segments, "early_segments", 0);
        IMPLY(early_steps, "early_steps", 0);
        IMPLY(ema_decay, "ema_decay", 0);
        if (f->epochs) IMPLY(epochs_per_pass, "epochs_per_pass", f->epochs); /* without eval_interval: one pass */
    }
#undef IMPLY
    if (f->eval_interval) c->epochs_per_pass = f->eval_interval;
    if (f->ema) c->ema_decay = f->ema_rate;
}

/* int(epochs * total_groups * mean_puzzle_examples / global_batch_size), in the same order of roundings. */
static double count_steps(const hrm_puzzle_set *set, uint32_t epochs, uint32_t batch) {
    const double mean = (double)set->example_count / (double)set->puzzle_count;
    return floor((double)((uint64_t)epochs * set->group_count) * mean / (double)batch);
}

static hrm_status find_steps(recipe_file *f, const hrm_dataset *train_set, uint32_t *eval_every) {
    if (!f->epochs && !f->eval_interval) return HRM_OK;
    const char *key = f->epochs ? "epochs" : "eval_interval";
    const uint32_t epochs = f->epochs ? f->epochs : f->eval_interval;
    const hrm_setting setting = make(f, "", key, json_object_get(f->root, key));
    if (!train_set)
        return hrm_setting_fail(&setting, HRM_ERR_INVALID_ARGUMENT,
                                "epochs become steps with the help of a training set, and none was given");
    const hrm_puzzle_set *set = hrm_dataset_get_set(train_set);
    if (f->config.batch == 0)
        return hrm_setting_fail(&setting, HRM_ERR_FORMAT, "epochs become steps with the help of a batch, which is 0");
    const double steps = count_steps(set, epochs, f->config.batch);
    if (!(steps >= 1 && steps <= UINT32_MAX))
        return hrm_setting_fail(&setting, HRM_ERR_FORMAT,
                                "that is %.0f steps of %u of this data set's %u groups; 1 to %u can be done", steps,
                                f->config.batch, set->group_count, UINT32_MAX);
    if (f->epochs) f->config.steps = (uint32_t)steps;
    if (f->eval_interval) {
        const double every = count_steps(set, f->eval_interval, f->config.batch);
        *eval_every = every < 1 ? 1 : every > UINT32_MAX ? UINT32_MAX : (uint32_t)every;
    }
    return HRM_OK;
}

static void log_outcome(const recipe_file *f) {
    if (f->passed_over[0])
        hrm_log(HRM_LOG_INFO, "%s: passed over, for they mean nothing here: %s", f->path, f->passed_over);
    if (f->trains || f->has_arch)
        hrm_log(HRM_LOG_INFO, "%s: a recipe of the PyTorch implementation: what it always does is set too%s%s", f->path,
                f->trains ? " (its batches, no augmentation, no average of the weights, rate without a pause)" : "",
                f->has_arch ? " (exploration drawn at every segment, Q loss with weight 0.5)" : "");
}

hrm_status hrm_trainer_config_load(const char *path, const hrm_dataset *train_set, hrm_trainer_config *config,
                                   uint32_t *eval_every) {
    hrm_status status;
    json_t *lines = NULL;
    uint32_t every = eval_every ? *eval_every : 0;
    recipe_file f = {.path = path, .ema_rate = 0.999f}; /* TRM's default */
    HRM_TRY(hrm_config_copy(config, &f.config, sizeof f.config, "hrm_trainer_config"));
    f.config.model.struct_size = (uint32_t)sizeof f.config.model;
    f.places = json_object();
    f.set_by = json_object();
    f.alone = json_object();
    f.source = (hrm_setting_source){.path = path, .places = f.places};
    if (!f.places || !f.set_by || !f.alone) {
        status = fail_memory(&f);
        goto fail;
    }
    HRM_TRY(read_tree(path, &f.root, &lines));
    HRM_TRY(add_places(&f, path, "", lines));
    HRM_TRY(follow_defaults(&f));
    HRM_TRY(read_keys(&f));
    HRM_TRY(find_steps(&f, train_set, &every));
    set_implied(&f);
    log_outcome(&f);
    const uint32_t known = config->struct_size < sizeof f.config ? config->struct_size : (uint32_t)sizeof f.config;
    const uint32_t struct_size = config->struct_size;
    memcpy(config, &f.config, known);
    config->struct_size = struct_size;
    if (eval_every) *eval_every = every;
fail:
    json_decref(lines);
    json_decref(f.root);
    json_decref(f.places);
    json_decref(f.set_by);
    json_decref(f.alone);
    return status;
}
