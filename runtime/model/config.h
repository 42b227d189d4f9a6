/* The architecture, resolved and checked: hrm_model_config with defaults filled in, and the sizes that follow from it.
 * Knows nothing of weights or devices. */
#ifndef HRM_MODEL_CONFIG_H
#define HRM_MODEL_CONFIG_H

#include <hrm/model.h>

#include "base/status.h"

/* Letters of STYLE: T = P + S; F feed-forward width. */
typedef struct hrm_dims {
    uint32_t S, P, T, E, D, H, hd, F, V, N; /* E puzzle_emb_dim, H heads, N puzzle_count */
    bool rope, learned;
} hrm_dims;

/* Fills the defaults of `in` into *out and checks every field. Errors: INVALID_ARGUMENT (names the field). */
hrm_status hrm_model_config_resolve(const hrm_model_config *in, hrm_model_config *out);
/* Of a resolved config. */
hrm_dims hrm_model_config_get_dims(const hrm_model_config *config);

/* The config as one JSON object on a line (checkpoint metadata, run logs). Caller frees. NULL: no memory. */
char *hrm_model_config_to_json(const hrm_model_config *config);
/* Reads what hrm_model_config_to_json wrote; unknown keys are refused by name. The result is resolved.
 * Errors: FORMAT. */
hrm_status hrm_model_config_from_json(const char *json, hrm_model_config *out);

#endif
