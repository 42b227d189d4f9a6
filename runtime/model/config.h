/* The architecture, resolved and checked: hrm_model_config with defaults filled in, and the sizes that follow from it.
 * Knows nothing of weights or devices. */
#ifndef HRM_MODEL_CONFIG_H
#define HRM_MODEL_CONFIG_H

#include <hrm/model.h>

#include "base/status.h"

/* One row per field: name, kind (U uint, F float), default (0 = must be set), least, most. */
#define HRM_CONFIG_FIELDS(U, F)                                                                                        \
    U(vocab_size, 0, 2, 65536)                                                                                         \
    U(seq_len, 0, 1, 1u << 20)                                                                                         \
    U(hidden_size, 512, 8, 16384)                                                                                      \
    U(num_heads, 8, 1, 1024)                                                                                           \
    U(h_layers, 4, 1, 256)                                                                                             \
    U(l_layers, 4, 1, 256)                                                                                             \
    U(h_cycles, 2, 1, 256)                                                                                             \
    U(l_cycles, 2, 1, 256)                                                                                             \
    U(puzzle_count, 1, 1, 1u << 28)                                                                                    \
    U(halt_max_segments, 16, 1, 65536)                                                                                 \
    F(expansion, 4.0f, 0.01f, 64.0f)                                                                                   \
    F(rms_norm_eps, 1e-5f, 1e-12f, 1.0f)                                                                               \
    F(rope_theta, 10000.0f, 1.0f, 1e9f)

/* Fields without the table's default rule, written and read all the same. */
#define HRM_CONFIG_EXTRA(X)                                                                                            \
    X(grid_width, uint32_t)                                                                                            \
    X(puzzle_emb_dim, uint32_t)                                                                                        \
    X(positions, hrm_positions)                                                                                        \
    X(halt_rule, hrm_halt_rule)

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
