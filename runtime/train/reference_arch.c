#include "train/reference_arch.h"

#include <string.h>

#include "model/config.h"

/* The reference's key, our field, least, most. */
#define ARCH_KEYS(U, F)                                                                                                \
    U(H_cycles, h_cycles, 1, 256)                                                                                      \
    U(L_cycles, l_cycles, 1, 256)                                                                                      \
    U(H_layers, h_layers, 1, 256)                                                                                      \
    U(L_layers, l_layers, 1, 256)                                                                                      \
    U(hidden_size, hidden_size, 8, 16384)                                                                              \
    U(num_heads, num_heads, 1, 1024)                                                                                   \
    U(halt_max_steps, halt_max_segments, 1, 65536)                                                                     \
    U(puzzle_emb_ndim, puzzle_emb_dim, 0, 1u << 20)                                                                    \
    F(expansion, expansion, 0.01, 64)                                                                                  \
    F(rms_norm_eps, rms_norm_eps, 1e-12, 1)                                                                            \
    F(rope_theta, rope_theta, 1, 1e9)

const hrm_word hrm_positions_words[] = {{"default", HRM_POSITIONS_DEFAULT},
                                        {"rope", HRM_POSITIONS_ROPE},
                                        {"learned", HRM_POSITIONS_LEARNED},
                                        {"both", HRM_POSITIONS_BOTH},
                                        {NULL, 0}};
const hrm_word hrm_halt_rule_words[] = {
    {"default", HRM_HALT_DEFAULT}, {"compare", HRM_HALT_COMPARE}, {"positive", HRM_HALT_POSITIVE}, {NULL, 0}};

/* The key that "${.key}" or "${arch.key}" names, or false. */
static bool parse_interpolation(const char *text, char *key, size_t size) {
    if (strncmp(text, "${.", 3) == 0)
        text += 3;
    else if (strncmp(text, "${arch.", 7) == 0)
        text += 7;
    else
        return false;
    const size_t length = strcspn(text, ".}:${");
    if (length == 0 || length >= size || strcmp(text + length, "}") != 0) return false;
    memcpy(key, text, length);
    key[length] = '\0';
    return true;
}

hrm_status hrm_reference_arch_find(const hrm_setting_source *source, const char *prefix, const json_t *arch,
                                   const char *key, hrm_setting *out) {
    enum { LINKS = 8 };
    const json_t *value = json_object_get(arch, key);
    *out = hrm_setting_make(source, prefix, key, value);
    for (int i = 0; json_is_string(value) && strstr(json_string_value(value), "${"); i++) {
        char name[64];
        if (i == LINKS || !parse_interpolation(json_string_value(value), name, sizeof name))
            return hrm_setting_fail(out, HRM_ERR_FORMAT, "%s",
                                    i == LINKS ? "that chain of keys has no end"
                                               : "only ${.KEY} and ${arch.KEY} are understood, for another key of the "
                                                 "architecture");
        value = json_object_get(arch, name);
        if (!value || json_is_null(value))
            return hrm_setting_fail(out, HRM_ERR_FORMAT, "there is no key %s in the architecture", name);
    }
    out->value = json_is_null(value) ? NULL : value;
    return HRM_OK;
}

const char *hrm_reference_arch_get_field(const char *key) {
#define U(name, field, least, most)                                                                                    \
    if (strcmp(key, #name) == 0) return #field;
#define F(name, field, least, most) U(name, field, least, most)
    ARCH_KEYS(U, F)
#undef U
#undef F
    if (strcmp(key, "pos_encodings") == 0) return "positions";
    return strcmp(key, "name") == 0 ? "" : NULL;
}

static hrm_status check_name(const hrm_setting *name) {
    const char *text = json_string_value(name->value);
    if (!name->value || (text && strstr(text, "HierarchicalReasoningModel"))) return HRM_OK;
    return hrm_setting_fail(name, HRM_ERR_UNSUPPORTED, "only the HierarchicalReasoningModel is known here");
}

static hrm_status read_positions(const hrm_setting *setting, hrm_model_config *config) {
    const char *text = json_string_value(setting->value);
    if (!setting->value) return HRM_OK;
    const bool rope = text && strcmp(text, "rope") == 0;
    if (!rope && !(text && strcmp(text, "learned") == 0))
        return hrm_setting_fail(setting, HRM_ERR_FORMAT, "it must be rope or learned");
    config->positions = rope ? HRM_POSITIONS_ROPE : HRM_POSITIONS_LEARNED;
    return HRM_OK;
}

hrm_status hrm_reference_arch_read(const hrm_setting_source *source, const char *prefix, const json_t *arch,
                                   hrm_model_config *config) {
    hrm_status status;
    hrm_setting setting;
    HRM_TRY(hrm_reference_arch_find(source, prefix, arch, "name", &setting));
    HRM_TRY(check_name(&setting));
    HRM_TRY(hrm_reference_arch_find(source, prefix, arch, "pos_encodings", &setting));
    HRM_TRY(read_positions(&setting, config));
#define U(name, field, least, most)                                                                                    \
    HRM_TRY(hrm_reference_arch_find(source, prefix, arch, #name, &setting));                                           \
    if (setting.value) HRM_TRY(hrm_setting_get_u32(&setting, least, most, &config->field));
#define F(name, field, least, most)                                                                                    \
    HRM_TRY(hrm_reference_arch_find(source, prefix, arch, #name, &setting));                                           \
    if (setting.value) HRM_TRY(hrm_setting_get_float(&setting, least, most, &config->field));
    ARCH_KEYS(U, F)
#undef U
#undef F
fail:
    return status;
}

hrm_status hrm_reference_arch_read_ours(const hrm_setting_source *source, const json_t *ours,
                                        hrm_model_config *config) {
    hrm_status status = HRM_OK;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)ours, key, value) {
        hrm_setting setting = hrm_setting_make(source, "hrm.", key, value);
        uint32_t number = 0;
        if (strcmp(key, "seq_len") == 0) {
            status = hrm_setting_get_u32(&setting, 0, 1u << 20, &config->seq_len);
        } else if (strcmp(key, "grid_width") == 0) {
            status = hrm_setting_get_u32(&setting, 0, 1u << 20, &config->grid_width);
        } else if (strcmp(key, "positions") == 0) {
            status = hrm_setting_get_word(&setting, hrm_positions_words, &number);
            if (number) config->positions = (hrm_positions)number;
        } else if (strcmp(key, "halt_rule") == 0) {
            status = hrm_setting_get_word(&setting, hrm_halt_rule_words, &number);
            if (number) config->halt_rule = (hrm_halt_rule)number;
        } else {
            status = hrm_setting_fail(&setting, HRM_ERR_FORMAT,
                                      "seq_len, grid_width, positions and halt_rule are known here");
        }
        if (status != HRM_OK) return status;
    }
    return status;
}
