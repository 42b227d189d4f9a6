#include "model/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

hrm_status hrm_model_config_resolve(const hrm_model_config *in, hrm_model_config *out) {
    if (in->struct_size == 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "model config: struct_size is 0; start from HRM_INIT(hrm_model_config)");
    if (in->struct_size > sizeof *in)
        return hrm_fail(HRM_ERR_VERSION,
                        "model config: struct_size is %u but this library knows %zu bytes; update the library",
                        in->struct_size, sizeof *in);
    hrm_model_config c;
    memset(&c, 0, sizeof c);
    memcpy(&c, in, in->struct_size);
    c.struct_size = (uint32_t)sizeof c;
#define U(field, def, least, most)                                                                                     \
    if (c.field == 0) c.field = (def);                                                                                 \
    if (c.field < (least) || c.field > (most))                                                                         \
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "model config: %s is %u; it must be %u to %u", #field, c.field,      \
                        (unsigned)(least), (unsigned)(most));
#define F(field, def, least, most)                                                                                     \
    if (c.field == 0.0f) c.field = (def);                                                                              \
    if (!(c.field >= (least) && c.field <= (most)))                                                                    \
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "model config: %s is %g; it must be %g to %g", #field,               \
                        (double)c.field, (double)(least), (double)(most));
    HRM_CONFIG_FIELDS(U, F)
#undef U
#undef F
    if (c.positions == HRM_POSITIONS_DEFAULT) c.positions = HRM_POSITIONS_ROPE;
    if (c.positions > HRM_POSITIONS_BOTH)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "model config: positions is %d; it must be 1 (rope), 2 (learned) or 3 (both)",
                        (int)c.positions);
    if (c.halt_rule == HRM_HALT_DEFAULT) c.halt_rule = HRM_HALT_COMPARE;
    if (c.halt_rule > HRM_HALT_POSITIVE)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "model config: halt_rule is %d; it must be 1 (compare) or 2 (positive)", (int)c.halt_rule);
    if (c.hidden_size % c.num_heads != 0 || c.hidden_size / c.num_heads % 8 != 0 || c.hidden_size / c.num_heads > 128)
        return hrm_fail(
            HRM_ERR_INVALID_ARGUMENT,
            "model config: hidden_size %u over num_heads %u must be a head width that is a multiple of 8, at most 128",
            c.hidden_size, c.num_heads);
    if (c.puzzle_emb_dim > 1u << 20)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "model config: puzzle_emb_dim is %u; it must be at most %u",
                        c.puzzle_emb_dim, 1u << 20);
    if (c.grid_width == 0) {
        uint32_t side = (uint32_t)lround(sqrt((double)c.seq_len));
        if (side * side == c.seq_len) c.grid_width = side;
    } else if (c.seq_len % c.grid_width != 0) {
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "model config: seq_len %u is no whole number of rows of grid_width %u", c.seq_len,
                        c.grid_width);
    }
    *out = c;
    return HRM_OK;
}

hrm_dims hrm_model_config_get_dims(const hrm_model_config *c) {
    hrm_dims d = {0};
    d.S = c->seq_len;
    d.D = c->hidden_size;
    d.E = c->puzzle_emb_dim;
    d.P = (d.E + d.D - 1) / d.D;
    d.T = d.P + d.S;
    d.H = c->num_heads;
    d.hd = d.D / d.H;
    /* Reference models/layers.py: _find_multiple(round(expansion * hidden * 2 / 3), 256); Python rounds half to even.
     */
    uint32_t inner = (uint32_t)nearbyint((double)c->expansion * d.D * 2.0 / 3.0);
    d.F = (inner + 255) / 256 * 256;
    if (d.F == 0) d.F = 256;
    d.V = c->vocab_size;
    d.N = c->puzzle_count;
    d.rope = c->positions != HRM_POSITIONS_LEARNED;
    d.learned = c->positions != HRM_POSITIONS_ROPE;
    return d;
}

char *hrm_model_config_to_json(const hrm_model_config *c) {
    enum { SIZE = 1024 };
    char *text = malloc(SIZE);
    if (!text) return NULL;
    int n = 0;
#define U(field, def, least, most)                                                                                     \
    n += snprintf(text + n, (size_t)(SIZE - n), "%s\"%s\":%u", n ? "," : "{", #field, c->field);
#define F(field, def, least, most)                                                                                     \
    n += snprintf(text + n, (size_t)(SIZE - n), "%s\"%s\":%.9g", n ? "," : "{", #field, (double)c->field);
    HRM_CONFIG_FIELDS(U, F)
#undef U
#undef F
#define X(field, type) n += snprintf(text + n, (size_t)(SIZE - n), ",\"%s\":%u", #field, (unsigned)c->field);
    HRM_CONFIG_EXTRA(X)
#undef X
    snprintf(text + n, (size_t)(SIZE - n), "}");
    return text;
}

hrm_status hrm_model_config_from_json(const char *json, hrm_model_config *out) {
    hrm_status status;
    hrm_model_config c = HRM_INIT(hrm_model_config);
    json_error_t error;
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        status = hrm_fail(HRM_ERR_FORMAT, "model config: expected a JSON object: %s", root ? "other JSON" : error.text);
        goto done;
    }
    const char *name;
    json_t *item;
    json_object_foreach(root, name, item) {
        double value = json_is_number(item) ? json_number_value(item) : -1.0;
        if (!(value >= 0 && value <= 4294967295.0)) {
            status = hrm_fail(HRM_ERR_FORMAT, "model config: %s is no usable number", name);
            goto done;
        }
#define U(field, def, least, most)                                                                                     \
    if (strcmp(name, #field) == 0) {                                                                                   \
        c.field = (uint32_t)value;                                                                                     \
        continue;                                                                                                      \
    }
#define F(field, def, least, most)                                                                                     \
    if (strcmp(name, #field) == 0) {                                                                                   \
        c.field = (float)value;                                                                                        \
        continue;                                                                                                      \
    }
#define X(field, type)                                                                                                 \
    if (strcmp(name, #field) == 0) {                                                                                   \
        c.field = (type)(uint32_t)value;                                                                               \
        continue;                                                                                                      \
    }
        HRM_CONFIG_FIELDS(U, F)
        HRM_CONFIG_EXTRA(X)
#undef U
#undef F
#undef X
        status =
            hrm_fail(HRM_ERR_FORMAT, "model config: unknown key \"%s\"; was the file written by a newer hrm?", name);
        goto done;
    }
    status = hrm_model_config_resolve(&c, out);
    if (status != HRM_OK) status = hrm_fail_prefix(HRM_ERR_FORMAT, "in the metadata");
done:
    json_decref(root);
    return status;
}
