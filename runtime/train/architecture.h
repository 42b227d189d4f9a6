/* The architecture behind a file of weights: from its own metadata, from the reference's all_config.yaml beside it,
 * from the shapes of its tensors, and from what the caller knows; in this order, each completing the one before.
 *
 * Promises: nothing is guessed. Two sources that disagree are an error that names both; what no source says is an error
 * that names the fields. Only halt_max_segments, rms_norm_eps and rope_theta then take their defaults, which are the
 * reference's. */
#ifndef HRM_TRAIN_ARCHITECTURE_H
#define HRM_TRAIN_ARCHITECTURE_H

#include <hrm/model.h>

#include "base/path.h"
#include "io/tensor_file.h"

typedef struct hrm_architecture {
    hrm_model_config config;      /* 0 where no source says */
    bool from_metadata;           /* the file is one of ours: the config is complete */
    char yaml_path[HRM_PATH_MAX]; /* the all_config.yaml that was read, or "" */
    char missing[256];            /* names of the fields that no source gives, ", " between them; "" when complete */
} hrm_architecture;

/* Looks at the file at `path`. `known` (or NULL) holds what the caller knows, 0 where nothing. A file without all the
 * tensors of an HRM is an error.
 * Errors: FORMAT (contradictions, no HRM: names tensor or key), INVALID_ARGUMENT (the caller contradicts the file). */
hrm_status hrm_architecture_find(const char *path, const hrm_tensor_file *file, const hrm_model_config *known,
                                 hrm_architecture *out);

/* The resolved config, or an error that names what is missing and how to give it. Errors: FORMAT. */
hrm_status hrm_architecture_resolve(const hrm_architecture *architecture, hrm_model_config *out);

#endif
