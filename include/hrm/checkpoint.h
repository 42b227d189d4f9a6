/* Model files: what is in them, and from one kind to the other.
 *
 * Two kinds are read and written everywhere: safetensors, with the architecture in the metadata (what hrm_model_save
 * and hrm_trainer_save write), and checkpoints of the PyTorch implementation (a zip archive with a pickle, read by an
 * interpreter that can only build tensors), whose architecture comes from the all_config.yaml beside them and from the
 * shapes of their tensors. */
#ifndef HRM_CHECKPOINT_H
#define HRM_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hrm/device.h>
#include <hrm/model.h>
#include <hrm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HRM_CHECKPOINT_MAX_RANK 8

typedef enum hrm_checkpoint_kind {
    HRM_CHECKPOINT_SAFETENSORS = 1,
    HRM_CHECKPOINT_TORCH = 2, /* torch.save of a state dict */
} hrm_checkpoint_kind;

typedef enum hrm_number_type {
    HRM_NUMBER_KEEP = 0, /* as it is */
    HRM_NUMBER_F32 = 1,
    HRM_NUMBER_F16 = 2,
    HRM_NUMBER_BF16 = 3,
} hrm_number_type;

typedef struct hrm_checkpoint hrm_checkpoint;

typedef struct hrm_checkpoint_info {
    uint32_t struct_size;
    hrm_checkpoint_kind kind;
    uint64_t file_bytes;
    uint32_t tensors;
    uint64_t parameters;     /* values of the model's weights and puzzle table, initial states left out */
    uint32_t state_tensors;  /* tensors that only continuing a run needs */
    hrm_model_config config; /* 0 where neither the file nor an all_config.yaml says */
    const char *missing;     /* names of fields of config that must still be given, or "" */
    const char *config_path; /* the all_config.yaml that was read, or "" */
    const char *problem;     /* why this is no HRM that can be loaded ("tensor ... is missing"), or "" */
    const char *state;       /* JSON: step, recipe, place in the data of a run that can be continued; or "" */
} hrm_checkpoint_info;

typedef struct hrm_checkpoint_tensor {
    const char *name;
    const char *type; /* "F32", "BF16", ...: the names of safetensors */
    uint32_t rank;
    uint64_t shape[HRM_CHECKPOINT_MAX_RANK];
    uint64_t bytes;
    bool weight; /* part of the model */
    bool state;  /* only needed to continue a run */
} hrm_checkpoint_tensor;

/* Opens a file of either kind and lists it; values are not read. `known` (or NULL) completes what the file does not
 * say: fields that are 0 mean "not known". A sound file that holds no HRM opens too, with the reason in info.problem.
 * Errors: IO, FORMAT (damaged: what and where), UNSUPPORTED, INVALID_ARGUMENT (`known` contradicts the file). */
HRM_API hrm_status hrm_checkpoint_open(const char *path, const hrm_model_config *known, hrm_checkpoint **out);
HRM_API void hrm_checkpoint_close(hrm_checkpoint *checkpoint);
/* Texts are owned by the checkpoint. */
HRM_API hrm_status hrm_checkpoint_get_info(const hrm_checkpoint *checkpoint, hrm_checkpoint_info *info);
/* index < tensors; in the order of the file. */
HRM_API hrm_checkpoint_tensor hrm_checkpoint_get_tensor(const hrm_checkpoint *checkpoint, uint32_t index);
/* Metadata of safetensors: false past the last entry. */
HRM_API bool hrm_checkpoint_get_note(const hrm_checkpoint *checkpoint, uint32_t index, const char **key,
                                     const char **value);
/* Reads all values and sums them up in a number (FNV-1a, 64 bits) over the weights' names without prefixes, types,
 * shapes and values: files of different kinds with the same weights have the same. Blocks. Errors: IO, FORMAT. */
HRM_API hrm_status hrm_checkpoint_hash(hrm_checkpoint *checkpoint, uint64_t *hash);

typedef struct hrm_convert_config {
    uint32_t struct_size;
    hrm_checkpoint_kind kind;       /* of the file to write */
    hrm_number_type weights;        /* type of the trained weights and the puzzle table */
    hrm_number_type initial_states; /* type of H_init and L_init: the reference computes in it */
    uint32_t weights_only;          /* 1: leaves out what only continuing a run needs (PyTorch's files never hold it) */
} hrm_convert_config;

/* Writes the checkpoint as a file of the kind asked for, whole or not at all. Names: `model.inner.` in safetensors,
 * `_orig_mod.model.inner.` for PyTorch (what its compiled model saves and both of its loaders take), where an
 * all_config.yaml with the architecture is put beside the file unless there is one. Values that keep their type keep
 * their bits. Safetensors also need a complete architecture. Blocks; holds a few MiB.
 * Errors: FORMAT (the architecture is incomplete, values do not fit the type), IO. */
HRM_API hrm_status hrm_checkpoint_convert(hrm_checkpoint *checkpoint, const hrm_convert_config *config,
                                          const char *path);

/* Loads the model onto a device. Blocks.
 * Errors: FORMAT (incomplete or contradictory architecture, damaged tensors), OUT_OF_DEVICE_MEMORY. */
HRM_API hrm_status hrm_checkpoint_load(hrm_checkpoint *checkpoint, hrm_device *device, hrm_model **out);

#ifdef __cplusplus
}
#endif

#endif
