#include "model/inner.h"

#include <stdlib.h>
#include <string.h>

#include "ops/elementwise.h"

static uint32_t layer_count(const hrm_model *m, hrm_level level) {
    return level == HRM_LEVEL_H ? m->config.h_layers : m->config.l_layers;
}

static const hrm_layer_weights *layer_weights(const hrm_model *m, hrm_level level) {
    return level == HRM_LEVEL_H ? m->h_layers : m->l_layers;
}

hrm_status hrm_inner_init(hrm_inner *inner, hrm_plan *plan, const hrm_model *m, const hrm_inner_config *config,
                          hrm_tensor h_out, hrm_tensor l_out) {
    memset(inner, 0, sizeof *inner);
    inner->recompute = config->recompute;
    uint32_t count = m->config.h_cycles * (m->config.l_cycles + 1);
    inner->calls = calloc(count, sizeof *inner->calls);
    if (!inner->calls)
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "model: no host memory for a schedule of %u calls", count);
    inner->count = count;
    for (uint32_t i = 0; i < count; i++)
        inner->calls[i].level = (i + 1) % (m->config.l_cycles + 1) == 0 ? HRM_LEVEL_H : HRM_LEVEL_L;

    const uint64_t rows = (uint64_t)config->batch * m->dims.T;
    hrm_tensor last[2] = {h_out, l_out}; /* where the latest call of each level leaves its state, walking backwards */
    bool seen[2] = {false, false};
    hrm_block_saved shared = {0}; /* with recompute: what all blocks use in turn */
    for (uint32_t i = count; i-- > 0 && count - i <= config->saved_calls;) {
        hrm_call *call = &inner->calls[i];
        uint32_t layers = layer_count(m, call->level);
        call->blocks = calloc(layers, sizeof *call->blocks);
        if (!call->blocks) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "model: no host memory for %u saved layers", layers);
        /* Only the level's final call writes the carry itself; earlier saved ones keep their own output. */
        hrm_tensor out = !seen[call->level]
                             ? last[call->level]
                             : hrm_plan_2d(plan, HRM_LIFE_SAVED, "saved state", HRM_F32_T, rows, m->dims.D);
        seen[call->level] = true;
        hrm_tensor in = hrm_plan_2d(plan, HRM_LIFE_SAVED, "saved input", HRM_F32_T, rows, m->dims.D);
        for (uint32_t k = 0; k < layers; k++) {
            hrm_tensor layer_out =
                k + 1 == layers ? out
                                : hrm_plan_2d(plan, HRM_LIFE_SAVED, "saved block output", HRM_F32_T, rows, m->dims.D);
            call->blocks[k] = shared;
            if (!hrm_tensor_is_set(&shared.qkv))
                hrm_block_saved_plan(&call->blocks[k], plan, m, config->batch, in, layer_out);
            if (inner->recompute) shared = call->blocks[k];
            call->blocks[k].in = in;
            call->blocks[k].out = layer_out;
            in = layer_out;
        }
    }
    if (config->saved_calls > 2)
        inner->grad_e = hrm_plan_2d(plan, HRM_LIFE_SCRATCH, "gradient of e", HRM_F32_T, rows, m->dims.D);
    return HRM_OK;
}

void hrm_inner_deinit(hrm_inner *inner) {
    for (uint32_t i = 0; i < inner->count; i++) free(inner->calls[i].blocks);
    free(inner->calls);
    memset(inner, 0, sizeof *inner);
}

/* in (the summed input) is in scratch ping or in the first save slot; returns nothing: the state is left in `out`. With
 * `recompute` only the blocks' inputs and outputs are saved. */
static void stack_forward(hrm_recorder *rec, const hrm_net *net, hrm_level level, hrm_tensor in, hrm_tensor out,
                          const hrm_block_saved *saved, bool recompute) {
    const hrm_model *m = net->model;
    const uint32_t rows = net->batch * m->dims.T, layers = layer_count(m, level);
    hrm_tensor swap[2] = {hrm_net_view(net->scratch.pong, rows, m->dims.D),
                          hrm_net_view(net->scratch.ping, rows, m->dims.D)};
    for (uint32_t k = 0; k < layers; k++) {
        hrm_tensor layer_out = k + 1 == layers ? out : saved ? saved[k].out : swap[k % 2];
        hrm_block_forward(rec, net, &layer_weights(m, level)[k], in, layer_out, saved && !recompute ? &saved[k] : NULL);
        in = layer_out;
    }
}

void hrm_inner_forward(hrm_recorder *rec, const hrm_net *net, const hrm_inner *inner, const hrm_inner_io *io,
                       bool save) {
    const uint32_t rows = net->batch * net->model->dims.T, D = net->model->dims.D;
    hrm_tensor h = io->h_in, l = io->l_in;
    for (uint32_t i = 0; i < inner->count; i++) {
        const hrm_call *call = &inner->calls[i];
        const hrm_block_saved *saved = save ? call->blocks : NULL;
        const uint32_t layers = layer_count(net->model, call->level);
        bool is_h = call->level == HRM_LEVEL_H;
        hrm_recorder_set_scope(rec, is_h ? (saved ? "H" : "H nograd") : (saved ? "L" : "L nograd"));
        hrm_tensor in = saved ? saved[0].in : hrm_net_view(net->scratch.ping, rows, D);
        hrm_tensor out = saved ? saved[layers - 1].out : is_h ? io->h_out : io->l_out;
        const hrm_tensor none = {0};
        hrm_add(rec, (hrm_add_args){.y = in, .a = is_h ? h : l, .b = is_h ? l : h, .c = is_h ? none : io->e});
        stack_forward(rec, net, call->level, in, out, saved, inner->recompute);
        if (is_h)
            h = out;
        else
            l = out;
    }
    hrm_recorder_set_scope(rec, NULL);
}

static hrm_linear view_linear(const hrm_param_list *list, uint32_t index, hrm_buffer *buffer) {
    return (hrm_linear){.weight = hrm_param_tensor(list, index, buffer)};
}

static hrm_layer_weights *view_layers(const hrm_param_list *list, const hrm_layer_index *index, uint32_t layers,
                                      hrm_buffer *buffer) {
    hrm_layer_weights *w = calloc(layers, sizeof *w);
    for (uint32_t i = 0; w && i < layers; i++) {
        w[i].qkv = view_linear(list, index[i].qkv, buffer);
        w[i].o = view_linear(list, index[i].o, buffer);
        w[i].gate_up = view_linear(list, index[i].gate_up, buffer);
        w[i].down = view_linear(list, index[i].down, buffer);
    }
    return w;
}

hrm_status hrm_grads_init(hrm_grads *grads, hrm_plan *plan, const hrm_model *m) {
    memset(grads, 0, sizeof *grads);
    grads->dense = hrm_plan_1d(plan, HRM_LIFE_GRADIENTS, "gradients", HRM_F32_T, m->list.group_count[HRM_GROUP_DENSE]);
    hrm_buffer *buffer = grads->dense.buffer;
    grads->h_layers = view_layers(&m->list, m->list.h_layers, m->config.h_layers, buffer);
    grads->l_layers = view_layers(&m->list, m->list.l_layers, m->config.l_layers, buffer);
    if (!grads->h_layers || !grads->l_layers)
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "model: no host memory for gradients");
    grads->embed_tokens = hrm_param_tensor(&m->list, m->list.embed_tokens, buffer);
    grads->embed_pos = hrm_param_tensor(&m->list, m->list.embed_pos, buffer);
    grads->lm_head = hrm_param_tensor(&m->list, m->list.lm_head, buffer);
    grads->q_weight = hrm_param_tensor(&m->list, m->list.q_weight, buffer);
    grads->q_bias = hrm_param_tensor(&m->list, m->list.q_bias, buffer);
    return HRM_OK;
}

void hrm_grads_deinit(hrm_grads *grads) {
    free(grads->h_layers);
    free(grads->l_layers);
    memset(grads, 0, sizeof *grads);
}

/* Whether a saved call before call `i` is of this level: nothing else reads the gradient of the level's state again. */
static bool is_saved_before(const hrm_inner *inner, uint32_t i, hrm_level level) {
    while (i-- > 0 && inner->calls[i].blocks)
        if (inner->calls[i].level == level) return true;
    return false;
}

void hrm_inner_backward(hrm_recorder *rec, const hrm_net *net, const hrm_inner *inner, const hrm_grads *grads,
                        bool accumulate, hrm_tensor grad_h, hrm_tensor *grad_e) {
    const hrm_model *m = net->model;
    const uint32_t rows = net->batch * m->dims.T, D = m->dims.D;
    const hrm_tensor grad_l = hrm_net_view(net->scratch.grad_l, rows, D);
    /* Which gradients hold a value yet; a level's weight gradients are overwritten by its first (last) call, then
     * added. */
    bool has_l = false, has_e = false, has_weights[2] = {accumulate, accumulate};
    *grad_e = (hrm_tensor){0};
    for (uint32_t i = inner->count; i-- > 0 && inner->calls[i].blocks;) {
        const hrm_call *call = &inner->calls[i];
        bool is_h = call->level == HRM_LEVEL_H;
        hrm_recorder_set_scope(rec, is_h ? "H backward" : "L backward");
        hrm_tensor g = is_h ? grad_h : grad_l;
        for (uint32_t k = layer_count(m, call->level); k-- > 0;) {
            const hrm_layer_weights *w = layer_weights(m, call->level), *gw = is_h ? grads->h_layers : grads->l_layers;
            const hrm_block_saved *saved = &call->blocks[k];
            if (inner->recompute) hrm_block_forward(rec, net, &w[k], saved->in, saved->out, saved);
            hrm_block_backward(rec, net, &w[k], &gw[k], has_weights[call->level], saved, g, g);
        }
        has_weights[call->level] = true;
        /* The call's input is a plain sum: its gradient goes to every term. */
        bool more = i > 0 && inner->calls[i - 1].blocks;
        if (is_h) {
            if (has_l)
                hrm_add(rec, (hrm_add_args){.y = grad_l, .a = grad_l, .b = g});
            else
                hrm_recorder_copy(rec, hrm_tensor_get_span(&grad_l), hrm_tensor_get_span(&g));
            has_l = true;
        } else {
            if (is_saved_before(inner, i, HRM_LEVEL_H)) hrm_add(rec, (hrm_add_args){.y = grad_h, .a = grad_h, .b = g});
            if (!more && !has_e) {
                *grad_e = g;
            } else {
                if (has_e)
                    hrm_add(rec, (hrm_add_args){.y = inner->grad_e, .a = inner->grad_e, .b = g});
                else
                    hrm_recorder_copy(rec, hrm_tensor_get_span(&inner->grad_e), hrm_tensor_get_span(&g));
                *grad_e = inner->grad_e;
            }
            has_e = true;
        }
    }
    hrm_recorder_set_scope(rec, NULL);
}
