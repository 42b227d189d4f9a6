/* A model's weights on the device, each in the layouts its kernels want, and the tables that depend on nothing but the
 * config (RoPE). Shared and read-only for solvers; a trainer is the only writer. */
#ifndef HRM_MODEL_WEIGHTS_H
#define HRM_MODEL_WEIGHTS_H

#include "gpu/program.h"
#include "model/config.h"
#include "model/params.h"
#include "model/plan.h"

/* A linear layer's weight [out, in], and the copies of it that are remade after each update. */
typedef struct hrm_linear {
    hrm_tensor weight;  /* f32: what is trained and saved */
    hrm_tensor operand; /* what products multiply with: the weight, or its copy of 16 bits */
    hrm_tensor packed;  /* set where the product's kernel row asks for another layout */
} hrm_linear;

typedef struct hrm_layer_weights {
    hrm_linear qkv, o, gate_up, down;
} hrm_layer_weights;

/* A puzzle-embedding table that stays in host memory or in a mapped file: ARC's has about a million rows, 2 GB, of
 * which a batch needs a few. Solvers and trainers move the rows they need. */
typedef struct hrm_host_table {
    const unsigned char *rows; /* [N, E] f32, any alignment; NULL: the table is on the device */
    unsigned char *writable;   /* the same rows for a trainer; NULL: they may only be read (a mapped file) */
    void *owner;               /* what keeps the rows alive; released with the model */
    void (*release)(void *owner);
} hrm_host_table;

/* The object behind hrm_model. */
struct hrm_model {
    hrm_device *device;
    hrm_model_config config;
    hrm_dims dims;
    hrm_param_list list;
    hrm_plan plan;
    hrm_precision precision;
    hrm_dtype inside;                   /* type of what lies inside a block, by precision (see hrm/model.h) */
    hrm_plan copies;                    /* of weights: 16-bit ones and packed ones */
    hrm_tensor groups[HRM_GROUP_COUNT]; /* flat; unset when the group is empty */
    hrm_tensor h_init, l_init, embed_tokens, q_weight, q_bias, puzzle_emb, embed_pos;
    hrm_linear lm_head;
    hrm_layer_weights *h_layers, *l_layers;
    hrm_tensor rope_cos, rope_sin; /* [T, hd/2]; unset without rotary positions */
    bool puzzle_on_host;        /* the table is larger than a kernel can bind here, or was asked to be: no puzzle_emb */
    bool puzzle_is_writable;    /* a table on the host is made writable, for a trainer */
    hrm_model *puzzle_source;   /* the model whose host table this one uses; NULL: its own */
    hrm_host_table puzzle_host; /* its own: read through hrm_model_get_puzzle_host */
    hrm_program *pack_program;  /* remakes all copies of weights; NULL when there are none */
    bool is_trained;            /* a trainer owns it */
    uint32_t solver_count;      /* solvers that use it */
};

/* The type of what lies inside a block. `who` begins the message. Errors: INVALID_ARGUMENT (no such precision). */
hrm_status hrm_precision_get_dtype(hrm_precision precision, const char *who, hrm_dtype *dtype);
/* Allocates everything, weights undefined. `config` is resolved here. A puzzle table past the device's binding range is
 * not allocated: puzzle_on_host is set, and the rows must be given (hrm_model_set_puzzle_host) before solving. */
hrm_status hrm_model_alloc(hrm_device *device, const hrm_model_config *config, hrm_model **out);
/* What a model's memory is for. Zero: a solver's. */
typedef struct hrm_model_layout {
    bool dry;           /* tensors have their sizes and no memory, and nothing can run (see hrm_plan_init_dry) */
    bool trainable;     /* a trainer owns it: a puzzle table on the host is writable */
    bool table_on_host; /* the puzzle table is on the host even where the device could bind it. (Without puzzle
                           embeddings puzzle_on_host stays false.) */
    hrm_precision precision;
} hrm_model_layout;
hrm_status hrm_model_alloc_as(hrm_device *device, const hrm_model_config *config, const hrm_model_layout *layout,
                              hrm_model **out);
/* Fresh weights from the seed; waits. */
hrm_status hrm_model_init_weights(hrm_model *model, uint64_t seed);
/* Records the remaking of all copies of weights (after an update). */
void hrm_model_record_pack(hrm_recorder *rec, const hrm_model *model);
/* Takes the rows of a table that stays on the host, and whatever keeps them alive. */
void hrm_model_set_puzzle_host(hrm_model *model, hrm_host_table table);
/* The table on the host: the model's own, or the one it shares. rows is NULL while there is none. */
const hrm_host_table *hrm_model_get_puzzle_host(const hrm_model *model);
/* From now on `model` uses the host table of `source`, also when that is replaced, and loses its own: reading weights
 * from a file then leaves the table out. For a moving average, whose puzzle embeddings are the live ones. Both have
 * puzzle_on_host and the same table shape; `source` is destroyed last. */
void hrm_model_share_puzzle_host(hrm_model *model, hrm_model *source);
/* Remakes the copies now and waits. Call after weights were uploaded or copied. */
hrm_status hrm_model_pack(hrm_model *model);
/* Device memory of one lifetime, weights and their copies together. */
uint64_t hrm_model_get_bytes(const hrm_model *model, hrm_lifetime life);
/* One parameter to and from host memory (count values of its table entry). Blocks. */
hrm_status hrm_model_read_param(const hrm_model *model, uint32_t index, float *values);
hrm_status hrm_model_write_param(hrm_model *model, uint32_t index, const float *values);

#endif
