/* The one table of what a recipe holds, the model's own fields apart (those are in model/config.h): presets fill it,
 * and checking, writing and reading expand it. U  whole numbers: field, type, least, most F  floats: field, least, most
 *   B  0 or 1: field
 *   W  enumerations: field, type; the words are in hrm_<field>_words */
#ifndef HRM_TRAIN_RECIPE_FIELDS_H
#define HRM_TRAIN_RECIPE_FIELDS_H

#include "train/setting.h"

/* In every file since the first version. */
#define HRM_RECIPE_FIRST_FIELDS(U, F, B, W)                                                                            \
    U(batch, uint32_t, 1, 65535)                                                                                       \
    U(steps, uint32_t, 1, UINT32_MAX)                                                                                  \
    U(seed, uint64_t, 0, UINT64_MAX)                                                                                   \
    F(lr, 0, 10)                                                                                                       \
    F(lr_min_ratio, 0, 1)                                                                                              \
    U(lr_warmup_steps, uint32_t, 0, UINT32_MAX)                                                                        \
    F(lr_decay_start, 0, 1)                                                                                            \
    F(beta1, 0, 0.999999)                                                                                              \
    F(beta2, 0, 0.999999)                                                                                              \
    F(weight_decay, 0, 1000)                                                                                           \
    F(puzzle_emb_lr, 0, 10)                                                                                            \
    F(puzzle_emb_weight_decay, 0, 1000)                                                                                \
    F(halt_exploration, 0, 1)                                                                                          \
    B(explore_once)                                                                                                    \
    U(early_segments, uint32_t, 0, 65536)                                                                              \
    U(early_steps, uint32_t, 0, UINT32_MAX)                                                                            \
    F(q_loss_weight, 0, 100)                                                                                           \
    F(ema_decay, 0, 0.9999999)                                                                                         \
    W(loss, hrm_loss_kind)                                                                                             \
    W(augment, hrm_augment)                                                                                            \
    W(batches, hrm_batches)                                                                                            \
    U(epochs_per_pass, uint32_t, 0, UINT32_MAX)

/* Missing in the checkpoints of version 0.1.0: 0 is what that version did. */
#define HRM_RECIPE_LATER_FIELDS(U, F, B, W)                                                                            \
    W(gradient, hrm_gradient)                                                                                          \
    U(micro_batch, uint32_t, 0, 65535)                                                                                 \
    B(recompute)                                                                                                       \
    U(memory_limit, uint64_t, 0, INT64_MAX)                                                                            \
    W(puzzle_table, hrm_puzzle_table)                                                                                  \
    F(outlier_z, 0, 1000)                                                                                              \
    U(fixed_batches, uint32_t, 0, 1u << 20)                                                                            \
    W(precision, hrm_precision)

#define HRM_RECIPE_FIELDS(U, F, B, W)                                                                                  \
    HRM_RECIPE_FIRST_FIELDS(U, F, B, W)                                                                                \
    HRM_RECIPE_LATER_FIELDS(U, F, B, W)

extern const hrm_word hrm_loss_words[], hrm_augment_words[], hrm_batches_words[], hrm_gradient_words[],
    hrm_puzzle_table_words[], hrm_precision_words[];

#endif
