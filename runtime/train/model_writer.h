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
/* And of what those who look after the run note beside it (tools/hrm). */
#define HRM_RUN_KEY "hrm.run"
/* And of the checksum of such a file. */
#define HRM_CHECKSUM_KEY "hrm.checksum"

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
/* One that lies there in pieces, one after another. `like` gives type and shape. The list is copied. */
hrm_status hrm_model_writer_add_pieces(hrm_model_writer *writer, const char *name, const hrm_tensor *like,
                                       const hrm_span *pieces, uint32_t count);
/* A vector in host memory, borrowed until the last write. */
hrm_status hrm_model_writer_add_u32(hrm_model_writer *writer, const char *name, const uint32_t *values, uint64_t count);
hrm_status hrm_model_writer_set(hrm_model_writer *writer, const char *key, const char *value);
/* key, value, key, value, ..., NULL; or NULL. Errors: INVALID_ARGUMENT (a key without a value). */
hrm_status hrm_model_writer_set_notes(hrm_model_writer *writer, const char *const *notes);

/* The file gets a checksum of everything in it (io/safetensors_writer.h). */
hrm_status hrm_model_writer_set_checksum(hrm_model_writer *writer);

hrm_status hrm_model_writer_write(hrm_model_writer *writer, const char *path);

#endif
