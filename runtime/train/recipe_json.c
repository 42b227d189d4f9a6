#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config_copy.h"
#include "model/config.h"
#include "train/recipe.h"
#include "train/recipe_fields.h"
#include "train/reference_arch.h"

/* ---- writing ---- */

/* The shortest decimal number that reads back to the same float. Both ways go through the same locale. */
static json_t *write_float(float value) {
    char text[48];
    double number = (double)value;
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        number = strtod(text, NULL);
        if ((float)number == value) break;
    }
    return json_real(number);
}

static json_t *write_word(const hrm_word *words, uint32_t value) {
    const char *word = hrm_word_find(words, value);
    return word ? json_string(word) : json_integer(value);
}

static json_t *write_bool(uint32_t value) {
    return value <= 1 ? json_boolean(value) : json_integer(value);
}

static json_t *write_model(const hrm_model_config *c) {
    json_t *object = json_object();
    bool fine = object != NULL;
#define U(field, def, least, most) fine = fine && json_object_set_new(object, #field, json_integer(c->field)) == 0;
#define F(field, def, least, most) fine = fine && json_object_set_new(object, #field, write_float(c->field)) == 0;
    HRM_CONFIG_FIELDS(U, F)
#undef U
#undef F
    fine = fine && json_object_set_new(object, "grid_width", json_integer(c->grid_width)) == 0;
    fine = fine && json_object_set_new(object, "puzzle_emb_dim", json_integer(c->puzzle_emb_dim)) == 0;
    fine =
        fine && json_object_set_new(object, "positions", write_word(hrm_positions_words, (uint32_t)c->positions)) == 0;
    fine =
        fine && json_object_set_new(object, "halt_rule", write_word(hrm_halt_rule_words, (uint32_t)c->halt_rule)) == 0;
    if (fine) return object;
    json_decref(object);
    return NULL;
}

json_t *hrm_recipe_to_json(const hrm_trainer_config *c) {
    json_t *object = json_object();
    bool fine = object != NULL;
#define U(field, type, least, most)                                                                                    \
    fine = fine && json_object_set_new(object, #field, json_integer((json_int_t)c->field)) == 0;
#define F(field, least, most) fine = fine && json_object_set_new(object, #field, write_float(c->field)) == 0;
#define B(field) fine = fine && json_object_set_new(object, #field, write_bool(c->field)) == 0;
#define W(field, type)                                                                                                 \
    fine = fine && json_object_set_new(object, #field, write_word(hrm_##field##_words, (uint32_t)c->field)) == 0;
    HRM_RECIPE_FIELDS(U, F, B, W)
#undef U
#undef F
#undef B
#undef W
    fine = fine && json_object_set_new(object, "model", write_model(&c->model)) == 0;
    if (fine) return object;
    json_decref(object);
    return NULL;
}

char *hrm_trainer_config_to_json(const hrm_trainer_config *config) {
    hrm_trainer_config c;
    if (hrm_config_copy(config, &c, sizeof c, "hrm_trainer_config") != HRM_OK) return NULL;
    json_t *object = hrm_recipe_to_json(&c);
    char *text = object ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(object);
    return text;
}

/* ---- reading ---- */

hrm_status hrm_recipe_read_field(const hrm_setting *setting, const char *name, hrm_trainer_config *config,
                                 bool *known) {
    hrm_status status = HRM_OK;
    uint64_t whole = 0;
    uint32_t value = 0;
    bool on = false;
    *known = true;
#define U(field, type, least, most)                                                                                    \
    if (strcmp(name, #field) == 0) {                                                                                   \
        status = hrm_setting_get_u64(setting, least, most, &whole);                                                    \
        if (status == HRM_OK) config->field = (type)whole;                                                             \
        return status;                                                                                                 \
    }
#define F(field, least, most)                                                                                          \
    if (strcmp(name, #field) == 0) return hrm_setting_get_float(setting, least, most, &config->field);
#define B(field)                                                                                                       \
    if (strcmp(name, #field) == 0) {                                                                                   \
        status = hrm_setting_get_bool(setting, &on);                                                                   \
        if (status == HRM_OK) config->field = on;                                                                      \
        return status;                                                                                                 \
    }
#define W(field, type)                                                                                                 \
    if (strcmp(name, #field) == 0) {                                                                                   \
        status = hrm_setting_get_word(setting, hrm_##field##_words, &value);                                           \
        if (status == HRM_OK) config->field = (type)value;                                                             \
        return status;                                                                                                 \
    }
    HRM_RECIPE_FIELDS(U, F, B, W)
#undef U
#undef F
#undef B
#undef W
    *known = false;
    return HRM_OK;
}

static bool is_zero(const json_t *value) {
    return json_is_number(value) && json_number_value(value) == 0;
}

hrm_status hrm_recipe_read_model_field(const hrm_setting *setting, const char *name, hrm_model_config *config,
                                       bool *known) {
    hrm_status status = HRM_OK;
    uint32_t value = 0;
    *known = true;
#define U(field, def, least, most)                                                                                     \
    if (strcmp(name, #field) == 0)                                                                                     \
        return hrm_setting_get_u32(setting, is_zero(setting->value) ? 0 : (least), most, &config->field);
#define F(field, def, least, most)                                                                                     \
    if (strcmp(name, #field) == 0)                                                                                     \
        return hrm_setting_get_float(setting, is_zero(setting->value) ? 0 : (double)(least), (double)(most),           \
                                     &config->field);
    HRM_CONFIG_FIELDS(U, F)
#undef U
#undef F
    if (strcmp(name, "grid_width") == 0) return hrm_setting_get_u32(setting, 0, 1u << 20, &config->grid_width);
    if (strcmp(name, "puzzle_emb_dim") == 0) return hrm_setting_get_u32(setting, 0, 1u << 20, &config->puzzle_emb_dim);
    if (strcmp(name, "positions") == 0) {
        status = hrm_setting_get_word(setting, hrm_positions_words, &value);
        if (status == HRM_OK) config->positions = (hrm_positions)value;
    } else if (strcmp(name, "halt_rule") == 0) {
        status = hrm_setting_get_word(setting, hrm_halt_rule_words, &value);
        if (status == HRM_OK) config->halt_rule = (hrm_halt_rule)value;
    } else {
        *known = false;
    }
    return status;
}

static hrm_status fail_unknown(const char *key) {
    return hrm_fail(HRM_ERR_FORMAT, "the recipe has the unknown key \"%s\"; was it written by a newer hrm?", key);
}

static hrm_status fail_missing(const char *key) {
    return hrm_fail(HRM_ERR_FORMAT, "the recipe's \"%s\" is missing; was the file written by another version of hrm?",
                    key);
}

static hrm_status read_model(const json_t *object, hrm_model_config *out) {
    hrm_model_config c = HRM_INIT(hrm_model_config);
    const hrm_setting_source source = {.path = "the recipe"};
    const char *key;
    json_t *value;
    if (!json_is_object(object)) return fail_missing("model");
    json_object_foreach((json_t *)object, key, value) {
        bool known;
        const hrm_setting setting = hrm_setting_make(&source, "model.", key, value);
        hrm_status status = hrm_recipe_read_model_field(&setting, key, &c, &known);
        if (status != HRM_OK) return status;
        if (!known) return fail_unknown(setting.key);
    }
    hrm_status status = hrm_model_config_resolve(&c, out);
    return status == HRM_OK ? HRM_OK : hrm_fail_prefix(HRM_ERR_FORMAT, "the recipe");
}

hrm_status hrm_recipe_from_json(const json_t *object, hrm_trainer_config *out) {
    hrm_status status;
    hrm_trainer_config c = HRM_INIT(hrm_trainer_config);
    const hrm_setting_source source = {.path = "the recipe"};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        bool known;
        const hrm_setting setting = hrm_setting_make(&source, "", key, value);
        if (strcmp(key, "model") == 0) continue;
        HRM_TRY(hrm_recipe_read_field(&setting, key, &c, &known));
        if (!known) return fail_unknown(key);
    }
    HRM_TRY(read_model(json_object_get(object, "model"), &c.model));
#define U(field, type, least, most)                                                                                    \
    if (!json_object_get(object, #field)) return fail_missing(#field);
#define F(field, least, most) U(field, float, least, most)
#define B(field) U(field, uint32_t, 0, 1)
#define W(field, type) U(field, type, 0, 0)
    HRM_RECIPE_FIRST_FIELDS(U, F, B, W)
#undef U
#undef F
#undef B
#undef W
    *out = c;
fail:
    return status;
}
