/* A training run as a file: the model, and as further tensors and metadata what continuing it needs.
 *
 *   model.inner.<name>          the model: the moving average when the run keeps one, else the live weights
 *   hrm.live.<name>             the live dense weights, only beside an average
 *   hrm.first_moment.<name>     Adam's moments of the dense weights
 *   hrm.second_moment.<name>
 *   hrm.carry.<what>            the rows in flight: z_H, z_L [B, T, D], tokens, labels [B, S], and of length B ids (of
 *                               puzzles, wherever their embeddings live), segments, halted
 *   hrm.guard                   the gradient norms of the last steps, what was skipped, and f16's loss scale
 *   metadata "hrm.trainer"      JSON: step, recipe, place in the data, hash of the data, choice of kernels
 *   metadata "hrm.checksum"     of everything: a torn or damaged file is not continued
 *
 * Random numbers need nothing: every draw is a function of seed and step. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/log.h"
#include "io/json.h"
#include "ops/select.h"
#include "train/dataset.h"
#include "train/model_reader.h"
#include "train/model_writer.h"
#include "train/recipe.h"
#include "train/trainer_private.h"

/* ---- what belongs to a run besides its model ---- */

/* One tensor of it, in one piece or several. `like` gives type and shape. */
typedef struct state_tensor {
    const char *name;
    hrm_tensor like;
    const hrm_span *pieces;
    uint32_t count;
} state_tensor;

typedef hrm_status (*visit_fn)(void *user, const state_tensor *tensor);

static hrm_status visit_one(const char *name, hrm_tensor tensor, visit_fn visit, void *user) {
    const hrm_span span = hrm_tensor_get_span(&tensor);
    return visit(user, &(state_tensor){name, tensor, &span, 1});
}

static hrm_status visit_dense(const hrm_trainer *t, const char *prefix, hrm_tensor group, visit_fn visit, void *user) {
    const hrm_param_list *list = &t->model->list;
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i].group != HRM_GROUP_DENSE) continue;
        char name[128];
        snprintf(name, sizeof name, "%s%s", prefix, list->items[i].name);
        hrm_tensor view = hrm_param_tensor(list, i, group.buffer);
        view.offset += group.offset;
        hrm_status status = visit_one(name, view, visit, user);
        if (status != HRM_OK) return status;
    }
    return HRM_OK;
}

/* A state [batch, T, D] that lies on the device part by part: in the file it is one, however the batch is cut. */
static hrm_status visit_states(const hrm_trainer *t, const char *name, const hrm_tensor *parts, visit_fn visit,
                               void *user) {
    const hrm_dims *d = &t->model->dims;
    const uint64_t row_bytes = (uint64_t)d->T * d->D * 4;
    hrm_span *pieces = calloc(t->step.parts, sizeof *pieces);
    if (!pieces) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for a batch in %u parts", t->step.parts);
    for (uint32_t i = 0; i < t->step.parts; i++) {
        const uint32_t first = i * t->step.config.part, left = t->config.batch - first;
        const uint32_t rows = left < t->step.config.part ? left : t->step.config.part;
        pieces[i] = (hrm_span){parts[i].buffer, parts[i].offset, rows * row_bytes};
    }
    const hrm_tensor like = hrm_tensor_3d(parts[0].buffer, 0, HRM_F32_T, t->config.batch, d->T, d->D);
    hrm_status status = visit(user, &(state_tensor){name, like, pieces, t->step.parts});
    free(pieces);
    return status;
}

static hrm_status visit_carry(const hrm_trainer *t, visit_fn visit, void *user) {
    hrm_status status;
    const hrm_step_whole *w = &t->step.whole;
    const uint64_t S = t->model->dims.S;
    HRM_TRY(visit_states(t, "hrm.carry.z_H", w->z_h, visit, user));
    HRM_TRY(visit_states(t, "hrm.carry.z_L", w->z_l, visit, user));
    HRM_TRY(visit_one("hrm.carry.tokens", hrm_step_get_rows(&t->step, w->tokens, S), visit, user));
    HRM_TRY(visit_one("hrm.carry.labels", hrm_step_get_rows(&t->step, w->labels, S), visit, user));
    HRM_TRY(visit_one("hrm.carry.segments", hrm_step_get_rows(&t->step, w->steps, 1), visit, user));
    HRM_TRY(visit_one("hrm.carry.halted", hrm_step_get_rows(&t->step, w->halted, 1), visit, user));
fail:
    return status;
}

static hrm_status visit_state(const hrm_trainer *t, visit_fn visit, void *user) {
    hrm_status status;
    if (t->average) HRM_TRY(visit_dense(t, "hrm.live.", t->model->groups[HRM_GROUP_DENSE], visit, user));
    HRM_TRY(visit_dense(t, "hrm.first_moment.", t->first_moment, visit, user));
    HRM_TRY(visit_dense(t, "hrm.second_moment.", t->second_moment, visit, user));
    HRM_TRY(visit_carry(t, visit, user));
    HRM_TRY(visit_one("hrm.guard", t->guard_state, visit, user));
fail:
    return status;
}

/* ---- the metadata ---- */

static void format_hash(const hrm_trainer *t, char text[17]) {
    snprintf(text, 17, "%016llx", (unsigned long long)hrm_dataset_hash(t->dataset));
}

static void add_choice(void *user, const char *op, const char *row, double gflops, const char *how) {
    (void)gflops;
    (void)how;
    json_object_set_new(user, op, json_string(row));
}

static hrm_status state_to_json(const hrm_trainer *t, char **text) {
    char hash[17];
    json_t *kernels = json_object();
    format_hash(t, hash);
    hrm_status status = hrm_select_visit_used(t->device, add_choice, kernels);
    json_t *state = json_pack("{s:I, s:o, s:{s:I, s:I, s:s}, s:o}", "step", (json_int_t)t->steps_done, "recipe",
                              hrm_recipe_to_json(&t->config), "data", "pass", (json_int_t)t->data_cursor.pass, "cursor",
                              (json_int_t)t->data_cursor.cursor, "hash", hash, "kernels", kernels);
    *text = status == HRM_OK && state ? json_dumps(state, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(state);
    if (status == HRM_OK && !*text)
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for a training state as text");
    return status;
}

typedef struct saved_state {
    uint32_t step;
    hrm_trainer_config config;
    hrm_batcher_state data;
    char hash[17];
    json_t *kernels; /* op -> row; NULL in files of before they were kept */
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
        /* version 0.1.0 knew no parts */
        if (!json_object_get(recipe, "micro_batch")) out->config.micro_batch = out->config.batch;
        out->step = (uint32_t)step;
        out->data = (hrm_batcher_state){.seed = out->config.seed, .pass = (uint64_t)pass, .cursor = (uint32_t)cursor};
        memcpy(out->hash, hash, sizeof out->hash);
        out->kernels = json_incref(json_object_get(root, "kernels"));
    }
    json_decref(root);
    return status;
}

/* ---- saving ---- */

static hrm_status add_tensor(void *user, const state_tensor *t) {
    return hrm_model_writer_add_pieces(user, t->name, &t->like, t->pieces, t->count);
}

/* Ids of puzzles: with cached rows the device has numbers of those. */
static hrm_status add_ids(const hrm_trainer *t, hrm_model_writer *writer, uint32_t *ids) {
    if (t->cache) {
        hrm_puzzle_cache_get_ids(t->cache, ids);
        return hrm_model_writer_add_u32(writer, "hrm.carry.ids", ids, t->config.batch);
    }
    return hrm_model_writer_add(writer, "hrm.carry.ids", hrm_step_get_rows(&t->step, t->step.whole.ids, 1));
}

hrm_status hrm_trainer_save(hrm_trainer *t, const char *path, const char *const *notes) {
    hrm_status status;
    hrm_model *model = NULL;
    hrm_model_writer writer = {0};
    char *state = NULL;
    uint32_t *ids = calloc(t->config.batch, sizeof *ids);
    if (!ids) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "save %s: no host memory", path);
    HRM_TRY(hrm_trainer_get_model(t, &model));
    HRM_TRY(hrm_model_writer_init(&writer, model));
    HRM_TRY(hrm_model_writer_set_notes(&writer, notes));
    HRM_TRY(state_to_json(t, &state));
    HRM_TRY(hrm_model_writer_set(&writer, HRM_STATE_KEY, state));
    HRM_TRY(hrm_model_writer_set_checksum(&writer));
    HRM_TRY(visit_state(t, add_tensor, &writer));
    HRM_TRY(add_ids(t, &writer, ids));
    HRM_TRY(hrm_model_writer_write(&writer, path));
fail:
    free(state);
    free(ids);
    hrm_model_writer_deinit(&writer);
    return status;
}

/* ---- continuing ---- */

typedef struct state_reader {
    hrm_device *device;
    hrm_tensor_file *file;
} state_reader;

static hrm_status find_tensor(hrm_tensor_file *file, const char *name, size_t *index) {
    *index = hrm_tensor_file_find(file, name);
    if (*index != SIZE_MAX) return HRM_OK;
    return hrm_fail(HRM_ERR_FORMAT, "tensor %s of its training state is missing", name);
}

static hrm_status read_tensor(void *user, const state_tensor *t) {
    const state_reader *reader = user;
    size_t index;
    if (strcmp(t->name, "hrm.guard") == 0 && hrm_tensor_file_find(reader->file, t->name) == SIZE_MAX)
        return HRM_OK; /* saved before there was a guard: it starts empty */
    hrm_status status = find_tensor(reader->file, t->name, &index);
    if (status != HRM_OK) return status;
    return hrm_model_reader_upload_pieces(reader->device, reader->file, index, &t->like, t->pieces, t->count);
}

static hrm_status read_ids(hrm_trainer *t, hrm_tensor_file *file, uint32_t step) {
    hrm_status status;
    size_t index;
    const uint32_t batch = t->config.batch;
    const hrm_tensor ids = hrm_step_get_rows(&t->step, t->step.whole.ids, 1);
    uint32_t *puzzles = NULL;
    HRM_TRY(find_tensor(file, "hrm.carry.ids", &index));
    HRM_TRY(hrm_model_reader_upload(t->device, file, index, ids));
    if (!t->cache) return HRM_OK;
    puzzles = calloc(batch, sizeof *puzzles);
    if (!puzzles) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for %u puzzle ids", batch);
        goto fail;
    }
    HRM_TRY(hrm_queue_download(t->device, hrm_tensor_get_span(&ids), puzzles));
    for (uint32_t i = 0; i < batch; i++) {
        if (puzzles[i] < t->model->dims.N) continue;
        status = hrm_fail(HRM_ERR_FORMAT, "puzzle id %u of row %u in flight is past the %u of the model", puzzles[i], i,
                          t->model->dims.N);
        goto fail;
    }
    HRM_TRY(hrm_puzzle_cache_restart(t->cache, step, puzzles, t->cached_ids));
    HRM_TRY(hrm_queue_upload(t->device, hrm_tensor_get_span(&ids), t->cached_ids));
fail:
    free(puzzles);
    return status;
}

/* A scale beyond what the guard gives would be no power of two to the kernels. */
static hrm_status check_loss_scale(const hrm_trainer *t) {
    uint32_t log2;
    if (!hrm_tensor_is_set(&t->step.loss_scale_log2)) return HRM_OK;
    hrm_status status = hrm_queue_download(t->device, hrm_tensor_get_span(&t->step.loss_scale_log2), &log2);
    if (status != HRM_OK || log2 <= HRM_LOSS_SCALE_MOST_LOG2) return status;
    return hrm_fail(HRM_ERR_FORMAT, "tensor hrm.guard has a loss scale of 2^%u; f16 has at most 2^%u", log2,
                    HRM_LOSS_SCALE_MOST_LOG2);
}

static hrm_status restore(hrm_trainer *t, hrm_tensor_file *file, const saved_state *saved) {
    hrm_status status;
    char hash[17];
    format_hash(t, hash);
    if (strcmp(hash, saved->hash) != 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "the run was trained on other data (hash %s) than the data set given (hash %s), or the data "
                        "set was changed; continue it with the data it was started on",
                        saved->hash, hash);
    state_reader reader = {t->device, file};
    /* the batches' thread touches the puzzle table, which is replaced here */
    hrm_prefetcher_destroy(t->prefetcher);
    t->prefetcher = NULL;
    HRM_TRY(hrm_model_reader_read_weights(t->model, file));
    if (t->average) HRM_TRY(hrm_model_reader_read_weights(t->average, file));
    HRM_TRY(visit_state(t, read_tensor, &reader)); /* overwrites the live weights when there is an average */
    HRM_TRY(read_ids(t, file, saved->step));
    HRM_TRY(check_loss_scale(t));
    HRM_TRY(hrm_model_pack(t->model));
    t->steps_done = t->steps_read = saved->step;
    t->report.step = saved->step;
    t->average_is_stale = true;
    HRM_TRY(hrm_trainer_start_batches(t, saved->step > 0 ? &saved->data : NULL));
fail:
    return status;
}

/* The same kernels give the same bits. What cannot run here any more is chosen anew, and said. */
static void force_kernels(hrm_device *device, const json_t *kernels) {
    const char *op;
    json_t *row;
    json_object_foreach((json_t *)kernels, op, row) {
        if (!json_is_string(row))
            hrm_log(HRM_LOG_WARN, "the kernel that the run was saved with for %.40s is no name: it is chosen anew", op);
        else if (hrm_select_force(device, op, json_string_value(row)) != HRM_OK)
            hrm_log(HRM_LOG_WARN, "the run goes on with another kernel than it was saved with: %s", hrm_last_error());
    }
}

static hrm_status resume(hrm_device *device, hrm_tensor_file *file, bool has_checksum, const hrm_dataset *train_set,
                         hrm_trainer **out) {
    hrm_status status;
    saved_state saved = {0};
    const char *text = hrm_tensor_file_metadata(file, HRM_STATE_KEY);
    if (!text)
        return hrm_fail(HRM_ERR_FORMAT, "it holds a model but no training state (metadata \"" HRM_STATE_KEY
                                        "\"): it cannot be continued");
    HRM_TRY(state_from_json(text, &saved));
    if (saved.kernels && !has_checksum) /* every version that notes kernels also writes a checksum */
        hrm_log(HRM_LOG_WARN, "the file has no checksum: damage to it would not be seen");
    force_kernels(device, saved.kernels);
    HRM_TRY(hrm_trainer_create(device, &saved.config, train_set, out));
    HRM_TRY(restore(*out, file, &saved));
fail:
    json_decref(saved.kernels);
    return status;
}

hrm_status hrm_trainer_resume(hrm_device *device, const char *path, const hrm_dataset *train_set, hrm_trainer **out) {
    hrm_tensor_file *file = NULL;
    *out = NULL;
    /* privately: a puzzle table on the host stays in the mapped file, and what is learnt about it in our own pages */
    hrm_status status = hrm_tensor_file_open_private(path, &file);
    if (status != HRM_OK) return status;
    bool has_checksum = false;
    status = hrm_tensor_file_verify(file, HRM_CHECKSUM_KEY, &has_checksum);
    if (status == HRM_OK) {
        status = resume(device, file, has_checksum, train_set, out);
        hrm_fail_prefix(status, "%s", path);
    }
    if (status != HRM_OK) {
        hrm_trainer_destroy(*out);
        *out = NULL;
    }
    hrm_tensor_file_close(file);
    return status;
}
