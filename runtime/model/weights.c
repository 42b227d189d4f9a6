#include "model/weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/adapter.h"
#include "gpu/device.h"
#include "ops/elementwise.h"
#include "ops/matmul.h"
#include "ops/random.h"
#include "ops/rope.h"

static hrm_linear make_linear(const hrm_model *m, uint32_t index) {
    hrm_linear l = {.weight = hrm_param_tensor(&m->list, index, m->groups[HRM_GROUP_DENSE].buffer)};
    l.operand = l.weight;
    return l;
}

static hrm_layer_weights *make_layers(const hrm_model *m, uint32_t layers, const hrm_layer_index *index) {
    hrm_layer_weights *w = calloc(layers, sizeof *w);
    for (uint32_t i = 0; w && i < layers; i++) {
        w[i].qkv = make_linear(m, index[i].qkv);
        w[i].o = make_linear(m, index[i].o);
        w[i].gate_up = make_linear(m, index[i].gate_up);
        w[i].down = make_linear(m, index[i].down);
    }
    return w;
}

static hrm_status upload_rope(hrm_model *m) {
    hrm_status status;
    const hrm_dims *d = &m->dims;
    uint64_t count = (uint64_t)d->T * (d->hd / 2);
    float *table = malloc(count * 2 * sizeof *table);
    if (!table)
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "model: no host memory for %llu rotary values",
                        (unsigned long long)count);
    hrm_rope_make_table(d->T, d->hd, (double)m->config.rope_theta, table, table + count);
    HRM_TRY(hrm_queue_upload(m->device, hrm_tensor_get_span(&m->rope_cos), table));
    HRM_TRY(hrm_queue_upload(m->device, hrm_tensor_get_span(&m->rope_sin), table + count));
fail:
    free(table);
    return status;
}

static bool fits_no_binding(const hrm_device *device, uint64_t values) {
    const hrm_adapter *adapter = hrm_device_get_adapter(device);
    return values * sizeof(float) > adapter->max_storage_range ||
           values * sizeof(float) > adapter->max_allocation_bytes;
}

void hrm_model_set_puzzle_host(hrm_model *m, hrm_host_table table) {
    if (m->puzzle_host.release) m->puzzle_host.release(m->puzzle_host.owner);
    m->puzzle_host = table;
    m->puzzle_source = NULL;
}

const hrm_host_table *hrm_model_get_puzzle_host(const hrm_model *m) {
    return m->puzzle_source ? &m->puzzle_source->puzzle_host : &m->puzzle_host;
}

void hrm_model_share_puzzle_host(hrm_model *m, hrm_model *source) {
    hrm_model_set_puzzle_host(m, (hrm_host_table){0});
    m->puzzle_source = source;
}

/* ---- copies of weights ---- */

/* Blocks take 16-bit operands as they are: rows of D, 3D, F and 2F values, all multiples of 8 (head widths are, and F
 * is one of 256), as products want them. */
hrm_status hrm_precision_get_dtype(hrm_precision precision, const char *who, hrm_dtype *dtype) {
    static const hrm_dtype types[] = {
        [HRM_PRECISION_F32] = HRM_F32_T, [HRM_PRECISION_BF16] = HRM_BF16_T, [HRM_PRECISION_F16] = HRM_F16_T};
    if ((uint32_t)precision >= sizeof types / sizeof *types)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "%s: there is no precision %d; it is 0 (f32), 1 (bf16) or 2 (f16)",
                        who, (int)precision);
    *dtype = types[precision];
    return HRM_OK;
}

static void plan_copy(hrm_model *m, hrm_plan *plan, hrm_linear *l, hrm_dtype dtype) {
    const uint64_t rows = l->weight.shape[0], cols = l->weight.shape[1];
    l->operand =
        dtype == HRM_F32_T ? l->weight : hrm_plan_2d(plan, HRM_LIFE_PACKED, "16-bit weights", dtype, rows, cols);
    l->packed = (hrm_tensor){0};
    if (dtype == HRM_F32_T && hrm_matmul_wants_packed(m->device, HRM_MATMUL_NT))
        l->packed = hrm_plan_1d(plan, HRM_LIFE_PACKED, "packed weights", dtype, hrm_matmul_packed_count(rows, cols));
}

static void plan_layers(hrm_model *m, hrm_plan *plan, hrm_layer_weights *w, uint32_t layers, hrm_dtype dtype) {
    for (uint32_t i = 0; i < layers; i++) {
        plan_copy(m, plan, &w[i].qkv, dtype);
        plan_copy(m, plan, &w[i].o, dtype);
        plan_copy(m, plan, &w[i].gate_up, dtype);
        plan_copy(m, plan, &w[i].down, dtype);
    }
}

/* Plans the copies that this precision needs, in place of those there are. The heads stay f32: their products are small
 * beside the blocks', and logits decide. */
static hrm_status plan_copies(hrm_model *m, hrm_precision precision) {
    hrm_plan_deinit(&m->copies);
    if (m->plan.dry)
        hrm_plan_init_dry(&m->copies, m->device);
    else
        hrm_plan_init(&m->copies, m->device);
    hrm_status status = hrm_precision_get_dtype(precision, "model", &m->inside);
    if (status != HRM_OK) return status;
    m->precision = precision;
    plan_copy(m, &m->copies, &m->lm_head, HRM_F32_T);
    plan_layers(m, &m->copies, m->h_layers, m->config.h_layers, m->inside);
    plan_layers(m, &m->copies, m->l_layers, m->config.l_layers, m->inside);
    return hrm_plan_get_status(&m->copies);
}

static void copy_weight(hrm_recorder *rec, const hrm_linear *l) {
    if (l->operand.dtype != HRM_F32_T) hrm_convert(rec, (hrm_convert_args){.y = l->operand, .x = l->weight});
    if (hrm_tensor_is_set(&l->packed)) hrm_matmul_pack(rec, l->weight, l->packed);
}

static void copy_layers(hrm_recorder *rec, const hrm_layer_weights *w, uint32_t layers) {
    for (uint32_t i = 0; i < layers; i++) {
        copy_weight(rec, &w[i].qkv);
        copy_weight(rec, &w[i].o);
        copy_weight(rec, &w[i].gate_up);
        copy_weight(rec, &w[i].down);
    }
}

void hrm_model_record_pack(hrm_recorder *rec, const hrm_model *m) {
    hrm_recorder_set_scope(rec, "pack");
    copy_weight(rec, &m->lm_head);
    copy_layers(rec, m->h_layers, m->config.h_layers);
    copy_layers(rec, m->l_layers, m->config.l_layers);
    hrm_recorder_set_scope(rec, NULL);
}

/* Records the program that remakes the copies. */
static hrm_status record_pack_program(hrm_model *m) {
    hrm_status status = HRM_OK;
    hrm_recorder *rec = NULL;
    hrm_program_destroy(m->pack_program);
    m->pack_program = NULL;
    if (m->copies.count == 0) return HRM_OK;
    HRM_TRY(hrm_recorder_create(m->device, &rec));
    hrm_model_record_pack(rec, m);
    HRM_TRY(hrm_recorder_end(rec, &m->pack_program));
fail:
    hrm_recorder_destroy(rec);
    return status;
}

hrm_status hrm_model_pack(hrm_model *m) {
    hrm_ticket ticket = 0;
    if (m->pack_program) {
        hrm_status status = hrm_program_submit(m->pack_program, &ticket);
        if (status != HRM_OK) return status;
    }
    return hrm_queue_drain(m->device);
}

static hrm_status remake_copies(hrm_model *m, hrm_precision precision) {
    hrm_status status;
    HRM_TRY(plan_copies(m, precision));
    HRM_TRY(record_pack_program(m));
    HRM_TRY(hrm_model_pack(m));
fail:
    return status;
}

hrm_status hrm_model_set_precision(hrm_model *m, hrm_precision precision) {
    hrm_dtype unused;
    hrm_status status = hrm_precision_get_dtype(precision, "model", &unused);
    if (status != HRM_OK) return status;
    if (m->is_trained || m->solver_count)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "model: its precision cannot change while %s; %s",
                        m->is_trained ? "a trainer owns it" : "solvers use it",
                        m->is_trained ? "set the trainer's, or load what it saves" : "destroy them first");
    const hrm_precision before = m->precision;
    if (precision == before) return HRM_OK;
    status = remake_copies(m, precision);
    if (status == HRM_OK) return HRM_OK;
    char why[HRM_ERROR_MESSAGE_SIZE];
    snprintf(why, sizeof why, "%s", hrm_last_error());
    const hrm_status back = remake_copies(m, before); /* what fitted before fits again */
    return back == HRM_OK ? hrm_fail(status, "%s", why) : back;
}

/* ---- allocation ---- */

/* Everything but memory's contents. */
static hrm_status lay_out(hrm_model *m, const hrm_model_config *config, const hrm_model_layout *layout) {
    hrm_status status;
    HRM_TRY(hrm_model_config_resolve(config, &m->config));
    m->dims = hrm_model_config_get_dims(&m->config);
    HRM_TRY(hrm_param_list_init(&m->list, &m->config));

    const uint64_t puzzle_count = m->list.group_count[HRM_GROUP_PUZZLE];
    m->puzzle_on_host = puzzle_count && (layout->table_on_host || fits_no_binding(m->device, puzzle_count));
    m->puzzle_is_writable = m->is_trained = layout->trainable;
    static const char *const names[HRM_GROUP_COUNT] = {"dense weights", "puzzle embeddings", "initial state"};
    for (int g = 0; g < HRM_GROUP_COUNT; g++)
        if (m->list.group_count[g] && !(g == HRM_GROUP_PUZZLE && m->puzzle_on_host))
            m->groups[g] = hrm_plan_1d(&m->plan, HRM_LIFE_WEIGHTS, names[g], HRM_F32_T, m->list.group_count[g]);
    hrm_buffer *fixed = m->groups[HRM_GROUP_FIXED].buffer, *dense = m->groups[HRM_GROUP_DENSE].buffer;
    m->h_init = hrm_param_tensor(&m->list, m->list.h_init, fixed);
    m->l_init = hrm_param_tensor(&m->list, m->list.l_init, fixed);
    m->embed_tokens = hrm_param_tensor(&m->list, m->list.embed_tokens, dense);
    m->embed_pos = hrm_param_tensor(&m->list, m->list.embed_pos, dense);
    m->q_weight = hrm_param_tensor(&m->list, m->list.q_weight, dense);
    m->q_bias = hrm_param_tensor(&m->list, m->list.q_bias, dense);
    if (!m->puzzle_on_host)
        m->puzzle_emb = hrm_param_tensor(&m->list, m->list.puzzle_emb, m->groups[HRM_GROUP_PUZZLE].buffer);
    m->lm_head = make_linear(m, m->list.lm_head);
    m->h_layers = make_layers(m, m->config.h_layers, m->list.h_layers);
    m->l_layers = make_layers(m, m->config.l_layers, m->list.l_layers);
    if (m->dims.rope) {
        m->rope_cos = hrm_plan_2d(&m->plan, HRM_LIFE_WEIGHTS, "rope cos", HRM_F32_T, m->dims.T, m->dims.hd / 2);
        m->rope_sin = hrm_plan_2d(&m->plan, HRM_LIFE_WEIGHTS, "rope sin", HRM_F32_T, m->dims.T, m->dims.hd / 2);
    }
    HRM_TRY(hrm_plan_get_status(&m->plan));
    if (!m->h_layers || !m->l_layers) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "model: no host memory for its layers");
        goto fail;
    }
    HRM_TRY(plan_copies(m, layout->precision));
fail:
    return status;
}

/* Padding between parameters is zero and stays so. */
static hrm_status clear(hrm_model *m) {
    hrm_status status;
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    HRM_TRY(hrm_recorder_create(m->device, &rec));
    for (int g = 0; g < HRM_GROUP_COUNT; g++)
        if (m->groups[g].buffer) hrm_recorder_fill(rec, hrm_tensor_get_span(&m->groups[g]), 0);
    HRM_TRY(hrm_recorder_end(rec, &program));
    HRM_TRY(hrm_program_submit(program, NULL));
fail:
    hrm_program_destroy(program);
    hrm_recorder_destroy(rec);
    return status;
}

hrm_status hrm_model_alloc_as(hrm_device *device, const hrm_model_config *config, const hrm_model_layout *layout,
                              hrm_model **out) {
    hrm_status status;
    *out = NULL;
    hrm_model *m = calloc(1, sizeof *m);
    if (!m) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "model: no host memory");
    m->device = device;
    if (layout->dry)
        hrm_plan_init_dry(&m->plan, device);
    else
        hrm_plan_init(&m->plan, device);
    HRM_TRY(lay_out(m, config, layout));
    if (!layout->dry && m->dims.rope) HRM_TRY(upload_rope(m));
    if (!layout->dry) HRM_TRY(clear(m));
    if (!layout->dry) HRM_TRY(record_pack_program(m));
    *out = m;
    return HRM_OK;
fail:
    hrm_model_destroy(m);
    return status;
}

hrm_status hrm_model_alloc(hrm_device *device, const hrm_model_config *config, hrm_model **out) {
    return hrm_model_alloc_as(device, config, &(hrm_model_layout){0}, out);
}

void hrm_model_destroy(hrm_model *m) {
    if (!m) return;
    hrm_model_set_puzzle_host(m, (hrm_host_table){0});
    hrm_program_destroy(m->pack_program);
    hrm_plan_deinit(&m->copies);
    hrm_plan_deinit(&m->plan);
    hrm_param_list_deinit(&m->list);
    free(m->h_layers);
    free(m->l_layers);
    free(m);
}

/* A fresh table is zero: pages that nobody has touched take no memory. */
static hrm_status start_host_table(hrm_model *m, uint64_t count) {
    if (count > SIZE_MAX / sizeof(float))
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "model: %llu values of puzzle embeddings exceed the address space",
                        (unsigned long long)count);
    float *rows = calloc((size_t)count, sizeof *rows);
    if (!rows)
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "model: no host memory for %llu values of puzzle embeddings",
                        (unsigned long long)count);
    hrm_model_set_puzzle_host(m, (hrm_host_table){(unsigned char *)rows, (unsigned char *)rows, rows, free});
    return HRM_OK;
}

hrm_status hrm_model_init_weights(hrm_model *m, uint64_t seed) {
    hrm_status status;
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    HRM_TRY(hrm_recorder_create(m->device, &rec));
    hrm_recorder_set_scope(rec, "init");
    for (uint32_t i = 0; i < m->list.count; i++) {
        const hrm_param *p = &m->list.items[i];
        if (p->group == HRM_GROUP_PUZZLE && m->puzzle_on_host) {
            if (!m->puzzle_source) HRM_TRY(start_host_table(m, p->count));
            continue;
        }
        hrm_tensor t = hrm_param_tensor(&m->list, i, m->groups[p->group].buffer);
        double std = 0;
        if (p->init == HRM_PARAM_LINEAR) std = 1.0 / sqrt((double)p->cols);
        if (p->init == HRM_PARAM_EMBED) std = 1.0 / sqrt((double)m->dims.D);
        if (p->init == HRM_PARAM_UNIT) std = 1.0;
        if (std > 0)
            hrm_random_trunc_normal(rec, (hrm_random_trunc_normal_args){
                                             .y = hrm_tensor_flat(t), .std = (float)std, .seed = seed, .stream = i});
        else
            /* Zero, or -5 for the Q head's bias: a fresh model believes in neither halting nor going on. */
            hrm_recorder_fill(rec, hrm_tensor_get_span(&t), p->init == HRM_PARAM_QBIAS ? 0xc0a00000u : 0u);
    }
    HRM_TRY(hrm_recorder_end(rec, &program));
    HRM_TRY(hrm_program_submit(program, NULL));
    HRM_TRY(hrm_model_pack(m));
fail:
    hrm_program_destroy(program);
    hrm_recorder_destroy(rec);
    return status;
}

uint64_t hrm_model_get_bytes(const hrm_model *m, hrm_lifetime life) {
    return m->plan.bytes[life] + m->copies.bytes[life];
}

static bool is_host_param(const hrm_model *m, uint32_t index) {
    return m->puzzle_on_host && m->list.items[index].group == HRM_GROUP_PUZZLE;
}

hrm_status hrm_model_read_param(const hrm_model *m, uint32_t index, float *values) {
    if (is_host_param(m, index)) {
        memcpy(values, hrm_model_get_puzzle_host(m)->rows, m->list.items[index].count * sizeof *values);
        return HRM_OK;
    }
    hrm_tensor t = hrm_param_tensor(&m->list, index, m->groups[m->list.items[index].group].buffer);
    return hrm_queue_download(m->device, hrm_tensor_get_span(&t), values);
}

hrm_status hrm_model_write_param(hrm_model *m, uint32_t index, const float *values) {
    if (is_host_param(m, index)) {
        hrm_model *owner = m->puzzle_source ? m->puzzle_source : m;
        hrm_status status = start_host_table(owner, m->list.items[index].count);
        if (status == HRM_OK) memcpy(owner->puzzle_host.writable, values, m->list.items[index].count * sizeof *values);
        return status;
    }
    hrm_tensor t = hrm_param_tensor(&m->list, index, m->groups[m->list.items[index].group].buffer);
    return hrm_queue_upload(m->device, hrm_tensor_get_span(&t), values);
}
