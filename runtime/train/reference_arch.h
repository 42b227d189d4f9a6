/* The architecture as the reference's files say it: the keys of its arch file, which stand below "arch" in
 * cfg_pretrain.yaml's composed form and in the all_config.yaml beside a checkpoint.
 *
 * Promises: one table maps its keys to ours. "${.key}" (Hydra's relative interpolation) and "${arch.key}" stand for
 * another key of the same mapping. A key that is absent or null changes nothing. Leaves to callers: keys that are not
 * in the table. Source: the reference's HierarchicalReasoningModel_ACTV1Config and config/arch/hrm_v1.yaml. */
#ifndef HRM_TRAIN_REFERENCE_ARCH_H
#define HRM_TRAIN_REFERENCE_ARCH_H

#include <hrm/model.h>

#include "train/setting.h"

/* Reads what `arch` says over *config. `prefix` is what messages put before its keys: "arch." or "".
 * Errors: FORMAT (names the key), UNSUPPORTED (another model's arch.name). */
hrm_status hrm_reference_arch_read(const hrm_setting_source *source, const char *prefix, const json_t *arch,
                                   hrm_model_config *config);

/* One key, interpolated; its value is NULL when it is absent or null. Errors: FORMAT. */
hrm_status hrm_reference_arch_find(const hrm_setting_source *source, const char *prefix, const json_t *arch,
                                   const char *key, hrm_setting *out);

/* The field of hrm_model_config that the key sets ("num_heads"; "" for `name`, which sets none), or NULL for a key that
 * is not in the table. */
const char *hrm_reference_arch_get_field(const char *key);

/* What hrm convert writes beside it, as mapping "hrm": what the reference's keys cannot say. */
hrm_status hrm_reference_arch_read_ours(const hrm_setting_source *source, const json_t *ours, hrm_model_config *config);

extern const hrm_word hrm_positions_words[], hrm_halt_rule_words[];

#endif
