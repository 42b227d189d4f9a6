#include <stdlib.h>
#include <string.h>

#include "model/config.h"
#include "train/recipe.h"

/* One row per field of hrm_trainer_config, the model apart: U for whole numbers, F for floats. */
#define RECIPE_FIELDS(U, F)                                                                                            \
    U(batch, uint32_t)                                                                                                 \
    U(steps, uint32_t)                                                                                                 \
    U(seed, uint64_t)                                                                                                  \
    F(lr)                                                                                                              \
    F(lr_min_ratio)                                                                                                    \
    U(lr_warmup_steps, uint32_t)                                                                                       \
    F(lr_decay_start)                                                                                                  \
    F(beta1)                                                                                                           \
    F(beta2)                                                                                                           \
    F(weight_decay)                                                                                                    \
    F(puzzle_emb_lr)                                                                                                   \
    F(puzzle_emb_weight_decay)                                                                                         \
    F(halt_exploration)                                                                                                \
    U(explore_once, uint32_t)                                                                                          \
    U(early_segments, uint32_t)                                                                                        \
    U(early_steps, uint32_t)                                                                                           \
    F(q_loss_weight)                                                                                                   \
    F(ema_decay)                                                                                                       \
    U(loss, hrm_loss_kind)                                                                                             \
    U(augment, hrm_augment)                                                                                            \
    U(batches, hrm_batches)                                                                                            \
    U(epochs_per_pass, uint32_t)

json_t *hrm_recipe_to_json(const hrm_trainer_config *c) {
    json_t *object = json_object();
    char *text = hrm_model_config_to_json(&c->model);
    json_t *model = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    bool fine = json_object_set_new(object, "model", model) == 0;
#define U(field, type) fine = fine && json_object_set_new(object, #field, json_integer((json_int_t)c->field)) == 0;
#define F(field) fine = fine && json_object_set_new(object, #field, json_real((double)c->field)) == 0;
    RECIPE_FIELDS(U, F)
#undef U
#undef F
    if (fine) return object;
    json_decref(object);
    return NULL;
}

static hrm_status read_field(const json_t *object, const char *name, bool whole, const json_t **out) {
    *out = json_object_get(object, name);
    if (*out && (whole ? json_is_integer(*out) : json_is_number(*out))) return HRM_OK;
    return hrm_fail(HRM_ERR_FORMAT, "the recipe's \"%s\" is %s; was the file written by another version of hrm?", name,
                    *out ? "of the wrong kind" : "missing");
}

static hrm_status fail_range(const char *name) {
    return hrm_fail(HRM_ERR_FORMAT, "the recipe's \"%s\" is out of range", name);
}

static bool is_field(const char *name) {
#define U(field, type)                                                                                                 \
    if (strcmp(name, #field) == 0) return true;
#define F(field) U(field, float)
    RECIPE_FIELDS(U, F)
#undef U
#undef F
    return strcmp(name, "model") == 0;
}

static hrm_status read_model(const json_t *object, hrm_model_config *out) {
    char *text = json_dumps(json_object_get(object, "model"), JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (!text) return hrm_fail(HRM_ERR_FORMAT, "the recipe's \"model\" is missing");
    hrm_status status = hrm_model_config_from_json(text, out);
    free(text);
    return status;
}

hrm_status hrm_recipe_from_json(const json_t *object, hrm_trainer_config *out) {
    hrm_status status;
    hrm_trainer_config c = HRM_INIT(hrm_trainer_config);
    const json_t *value;
    const char *name;
    json_t *item;
    json_object_foreach((json_t *)object, name, item) {
        if (!is_field(name))
            return hrm_fail(HRM_ERR_FORMAT, "the recipe has the unknown key \"%s\"; was it written by a newer hrm?",
                            name);
    }
    HRM_TRY(read_model(object, &c.model));
#define U(field, type)                                                                                                 \
    HRM_TRY(read_field(object, #field, true, &value));                                                                 \
    if (json_integer_value(value) != (json_int_t)(type)json_integer_value(value)) return fail_range(#field);           \
    c.field = (type)json_integer_value(value);
#define F(field)                                                                                                       \
    HRM_TRY(read_field(object, #field, false, &value));                                                                \
    c.field = (float)json_number_value(value);
    RECIPE_FIELDS(U, F)
#undef U
#undef F
    *out = c;
fail:
    return status;
}
