/* Writing a model file: the weights of a model on a device, and whatever else of the device belongs beside them.
 *
 * Promises: tensors are downloaded piece by piece while the file is written, so that a large model is never held twice;
 * the file is replaced whole or left alone (io/safetensors_writer.h). */
#ifndef HRM_TRAIN_MODEL_WRITER_H
#define HRM_TRAIN_MODEL_WRITER_H

#include "base/arena.h"
#include "io/safetensors_writer.h"
#include "model/weights.h"

/* What the reference's own, uncompiled, loss-wrapped model puts before every name. */
#define HRM_TENSOR_PREFIX "model.inner."
/* Metadata key of the architecture (hrm_model_config_to_json). */
#define HRM_CONFIG_KEY "hrm.config"
/* Metadata key of what continuing a run needs besides its "hrm." tensors (trainer_state.c). */
#define HRM_STATE_KEY "hrm.trainer"

typedef struct hrm_model_writer {
    hrm_safetensors_writer *file;
    hrm_arena sources; /* what the writer's callbacks read from */
    hrm_device *device;
} hrm_model_writer;

/* Lists all weights of the model and its architecture. The model is borrowed until deinit, which is safe after a
 * failure too. */
hrm_status hrm_model_writer_init(hrm_model_writer *writer, const hrm_model *model);
void hrm_model_writer_deinit(hrm_model_writer *writer);

/* One more tensor that lies on the device. */
hrm_status hrm_model_writer_add(hrm_model_writer *writer, const char *name, hrm_tensor tensor);
hrm_status hrm_model_writer_set(hrm_model_writer *writer, const char *key, const char *value);
/* key, value, key, value, ..., NULL; or NULL. Errors: INVALID_ARGUMENT (a key without a value). */
hrm_status hrm_model_writer_set_notes(hrm_model_writer *writer, const char *const *notes);

hrm_status hrm_model_writer_write(hrm_model_writer *writer, const char *path);

#endif
