/* A training run as a file: the model, and as further tensors and metadata what continuing it needs.
 *
 *   model.inner.<name>          the model: the moving average when the run keeps one, else the live weights
 *   hrm.live.<name>             the live dense weights, only beside an average
 *   hrm.first_moment.<name>     Adam's moments of the dense weights
 *   hrm.second_moment.<name>
 *   hrm.carry.<what>            the rows in flight: z_H, z_L [B, T, D], tokens, labels [B, S], ids, segments, halted
 * [B] metadata "hrm.trainer"      JSON: step, recipe, place in the data, hash of the data
 *
 * Random numbers need nothing: every draw is a function of seed and step. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/hash.h"
#include "io/json.h"
#include "train/dataset.h"
#include "train/model_reader.h"
#include "train/model_writer.h"
#include "train/recipe.h"
#include "train/trainer_private.h"

/* ---- what belongs to a run besides its model ---- */

typedef hrm_status (*visit_fn)(void *user, const char *name, hrm_tensor tensor);

static hrm_status visit_dense(const hrm_trainer *t, const char *prefix, hrm_tensor group, visit_fn visit, void *user) {
    const hrm_param_list *list = &t->model->list;
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i].group != HRM_GROUP_DENSE) continue;
        char name[128];
        snprintf(name, sizeof name, "%s%s", prefix, list->items[i].name);
        hrm_tensor view = hrm_param_tensor(list, i, group.buffer);
        view.offset += group.offset;
        hrm_status status = visit(user, name, view);
        if (status != HRM_OK) return status;
    }
    return HRM_OK;
}

static hrm_status visit_carry(const hrm_trainer *t, visit_fn visit, void *user) {
    const hrm_carry *c = &t->step.carry;
    const hrm_dims *d = &t->model->dims;
    const struct {
        const char *name;
        hrm_tensor tensor;
    } rows[] = {
        {"hrm.carry.z_H", hrm_tensor_3d(c->z_h.buffer, c->z_h.offset, HRM_F32_T, c->batch, d->T, d->D)},
        {"hrm.carry.z_L", hrm_tensor_3d(c->z_l.buffer, c->z_l.offset, HRM_F32_T, c->batch, d->T, d->D)},
        {"hrm.carry.tokens", c->tokens},
        {"hrm.carry.labels", c->labels},
        {"hrm.carry.ids", c->ids},
        {"hrm.carry.segments", c->steps},
        {"hrm.carry.halted", c->halted},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hrm_status status = visit(user, rows[i].name, rows[i].tensor);
        if (status != HRM_OK) return status;
    }
    return HRM_OK;
}

static hrm_status visit_state(const hrm_trainer *t, visit_fn visit, void *user) {
    hrm_status status;
    if (t->average) HRM_TRY(visit_dense(t, "hrm.live.", t->model->groups[HRM_GROUP_DENSE], visit, user));
    HRM_TRY(visit_dense(t, "hrm.first_moment.", t->first_moment, visit, user));
    HRM_TRY(visit_dense(t, "hrm.second_moment.", t->second_moment, visit, user));
    HRM_TRY(visit_carry(t, visit, user));
fail:
    return status;
}

/* ---- the metadata ---- */

static void hash_set(const hrm_puzzle_set *set, char text[17]) {
    const size_t cells = (size_t)set->example_count * set->seq_len;
    uint64_t hash = hrm_fnv1a64_update(HRM_FNV1A64_INIT, set->inputs, cells);
    hash = hrm_fnv1a64_update(hash, set->labels, cells);
    hash = hrm_fnv1a64_update(hash, set->puzzle_indices, ((size_t)set->puzzle_count + 1) * sizeof(uint32_t));
    hash = hrm_fnv1a64_update(hash, set->puzzle_identifiers, (size_t)set->puzzle_count * sizeof(uint32_t));
    hash = hrm_fnv1a64_update(hash, set->group_indices, ((size_t)set->group_count + 1) * sizeof(uint32_t));
    snprintf(text, 17, "%016llx", (unsigned long long)hash);
}

static char *state_to_json(const hrm_trainer *t) {
    char hash[17];
    hash_set(t->set, hash);
    json_t *state = json_pack("{s:I, s:o, s:{s:I, s:I, s:s}}", "step", (json_int_t)t->steps_done, "recipe",
                              hrm_recipe_to_json(&t->config), "data", "pass", (json_int_t)t->data_cursor.pass, "cursor",
                              (json_int_t)t->data_cursor.cursor, "hash", hash);
    char *text = state ? json_dumps(state, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(state);
    return text;
}

typedef struct saved_state {
    uint32_t step;
    hrm_trainer_config config;
    hrm_batcher_state data;
    char hash[17];
} saved_state;

static hrm_status state_from_json(const char *text, saved_state *out) {
    json_t *root = NULL;
    json_int_t step = 0, pass = 0, cursor = 0;
    json_t *recipe = NULL;
    const char *hash = NULL;
    hrm_status status = hrm_json_parse(text, strlen(text), "its training state", &root);
    if (status != HRM_OK) return status;
    if (json_unpack(root, "{s:I, s:o, s:{s:I, s:I, s:s}}", "step", &step, "recipe", &recipe, "data", "pass", &pass,
                    "cursor", &cursor, "hash", &hash) != 0 ||
        step < 0 || step > UINT32_MAX || pass < 0 || cursor < 0 || cursor > UINT32_MAX || strlen(hash) != 16) {
        status =
            hrm_fail(HRM_ERR_FORMAT, "its training state (metadata \"" HRM_STATE_KEY "\") is not as hrm writes it");
    } else {
        status = hrm_recipe_from_json(recipe, &out->config);
        out->step = (uint32_t)step;
        out->data = (hrm_batcher_state){.seed = out->config.seed, .pass = (uint64_t)pass, .cursor = (uint32_t)cursor};
        memcpy(out->hash, hash, sizeof out->hash);
    }
    json_decref(root);
    return status;
}

/* ---- saving ---- */

static hrm_status add_tensor(void *user, const char *name, hrm_tensor tensor) {
    return hrm_model_writer_add(user, name, tensor);
}

hrm_status hrm_trainer_save(hrm_trainer *t, const char *path, const char *const *notes) {
    hrm_status status;
    hrm_model *model = NULL;
    hrm_model_writer writer = {0};
    char *state = NULL;
    HRM_TRY(hrm_trainer_get_model(t, &model));
    HRM_TRY(hrm_model_writer_init(&writer, model));
    HRM_TRY(hrm_model_writer_set_notes(&writer, notes));
    state = state_to_json(t);
    if (!state) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "save %s: no host memory", path);
        goto fail;
    }
    HRM_TRY(hrm_model_writer_set(&writer, HRM_STATE_KEY, state));
    HRM_TRY(visit_state(t, add_tensor, &writer));
    HRM_TRY(hrm_model_writer_write(&writer, path));
fail:
    free(state);
    hrm_model_writer_deinit(&writer);
    return status;
}

/* ---- continuing ---- */

typedef struct state_reader {
    hrm_device *device;
    hrm_tensor_file *file;
} state_reader;

static hrm_status read_tensor(void *user, const char *name, hrm_tensor tensor) {
    const state_reader *reader = user;
    size_t index = hrm_tensor_file_find(reader->file, name);
    if (index == SIZE_MAX) return hrm_fail(HRM_ERR_FORMAT, "tensor %s of its training state is missing", name);
    return hrm_model_reader_upload(reader->device, reader->file, index, tensor);
}

static hrm_status restore(hrm_trainer *t, hrm_tensor_file *file, const saved_state *saved) {
    hrm_status status;
    char hash[17];
    hash_set(t->set, hash);
    if (strcmp(hash, saved->hash) != 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "the run was trained on other data (hash %s) than the data set given (hash %s); continue it "
                        "with the data set it was started on",
                        saved->hash, hash);
    state_reader reader = {t->device, file};
    HRM_TRY(hrm_model_reader_read_weights(t->model, file));
    if (t->average) HRM_TRY(hrm_model_reader_read_weights(t->average, file));
    HRM_TRY(visit_state(t, read_tensor, &reader)); /* overwrites the live weights when there is an average */
    HRM_TRY(hrm_model_pack(t->model));
    t->steps_done = t->steps_read = saved->step;
    t->report.step = saved->step;
    t->average_is_stale = true;
    if (saved->step > 0) HRM_TRY(hrm_trainer_start_batches(t, &saved->data));
fail:
    return status;
}

hrm_status hrm_trainer_resume(hrm_device *device, const char *path, const hrm_dataset *train_set, hrm_trainer **out) {
    hrm_status status;
    hrm_tensor_file *file = NULL;
    hrm_trainer *t = NULL;
    saved_state saved;
    *out = NULL;
    HRM_TRY(hrm_tensor_file_open(path, &file));
    const char *text = hrm_tensor_file_metadata(file, HRM_STATE_KEY);
    if (!text) {
        status = hrm_fail(
            HRM_ERR_FORMAT,
            "%s holds a model but no training state (metadata \"" HRM_STATE_KEY "\"): it cannot be continued", path);
        goto fail;
    }
    status = state_from_json(text, &saved);
    if (status == HRM_OK) status = hrm_trainer_create(device, &saved.config, train_set, &t);
    if (status == HRM_OK) status = restore(t, file, &saved);
    if (status != HRM_OK) {
        hrm_fail_prefix(status, "%s", path);
        goto fail;
    }
    hrm_tensor_file_close(file);
    *out = t;
    return HRM_OK;
fail:
    hrm_tensor_file_close(file);
    hrm_trainer_destroy(t);
    return status;
}
