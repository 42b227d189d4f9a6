/* Tensors of a file onto the device.
 *
 * Promises: values pass through a buffer of a few MiB, whatever the size of a tensor. */
#ifndef HRM_TRAIN_MODEL_READER_H
#define HRM_TRAIN_MODEL_READER_H

#include "io/tensor_file.h"
#include "model/weights.h"

/* Tensor `index` into a device tensor of the same shape (vectors: rank 1), converted to f32; u32 tensors from U32 as
 * they are. Errors: FORMAT (shape or type differs: names the tensor). */
hrm_status hrm_model_reader_upload(hrm_device *device, hrm_tensor_file *file, size_t index, hrm_tensor dst);
/* The same into pieces that one after another are the tensor; `like` gives type and shape. */
hrm_status hrm_model_reader_upload_pieces(hrm_device *device, hrm_tensor_file *file, size_t index,
                                          const hrm_tensor *like, const hrm_span *pieces, uint32_t count);

/* Every parameter of the model from the file, prefixes `_orig_mod.`, `model.`, `inner.` optional; tensors of other
 * names are skipped (a resumable run keeps more than weights). Packs. Errors: FORMAT (missing, twice, of another
 * shape). */
hrm_status hrm_model_reader_read_weights(hrm_model *model, hrm_tensor_file *file);

#endif
