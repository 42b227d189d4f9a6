/* One transformer block against the reference's: output, gradient of the input and of every weight, middle tensors.
 * Folders: those with a file that holds a lone block's weights. Sizes come from the tensors, head width and constants
 * from the manifest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/program.h"
#include "helper_golden.h"
#include "model/block.h"
#include "model/inner.h"
#include "ops/matmul.h"

/* 3.3 of both types on llvmpipe. */
#define ROUNDINGS 8

#define QKV "self_attn.qkv_proj.weight"
#define OUT "self_attn.o_proj.weight"
#define GATE_UP "mlp.gate_up_proj.weight"
#define DOWN "mlp.down_proj.weight"

static void write_weight(hrm_model *m, uint32_t index, const hrm_safetensors *file, const char *name) {
    float *values = golden_f32(file, name, m->list.items[index].count);
    CHECK_OK(hrm_model_write_param(m, index, values));
    free(values);
}

static void compare(const golden *g, const hrm_safetensors *file, const char *name, const hrm_tensor *t) {
    float *got = golden_download(golden_device(), t);
    golden_compare(file, name, json_object_get(g->manifest, "noise"), got, hrm_tensor_get_count(t),
                   golden_floor(ROUNDINGS));
    free(got);
}

static bool lacks_inputs(const golden *g, const hrm_safetensors *file) {
    static const char *const names[] = {"x", "weights/" QKV, "weights/" OUT, "weights/" GATE_UP, "weights/" DOWN};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (hrm_safetensors_find(file, names[i])) continue;
        golden_skip(g, "it has no %s", names[i]);
        return true;
    }
    return false;
}

/* A model of one layer whose sequence is the block's; NULL, after golden_skip, for a block no model has. */
static hrm_model *make_model(const golden *g, const hrm_safetensors *file) {
    const json_t *config = json_object_get(g->manifest, "config");
    const hrm_safetensors_tensor *x = hrm_safetensors_find(file, "x");
    const uint64_t inner = hrm_safetensors_find(file, "weights/" GATE_UP)->shape[0] / 2;
    hrm_model_config c = HRM_INIT(hrm_model_config);
    c.vocab_size = 2;
    c.seq_len = (uint32_t)x->shape[1];
    c.hidden_size = (uint32_t)x->shape[2];
    c.num_heads = (uint32_t)golden_number(config, "num_heads", 0);
    if (!c.num_heads) c.num_heads = (uint32_t)(c.hidden_size / golden_number(config, "head_dim", c.hidden_size));
    c.expansion = (float)golden_number(config, "expansion", 1.5 * (double)inner / c.hidden_size);
    c.rms_norm_eps = (float)golden_number(config, "rms_norm_eps", 1e-5);
    c.rope_theta = (float)golden_number(config, "rope_theta", 1e4);
    c.h_layers = c.l_layers = 1;
    hrm_model *m;
    CHECK_OK(hrm_model_alloc(golden_device(), &c, &m));
    if (m->dims.F != inner) {
        golden_skip(g, "its inner width is %llu, a model's would be %u", (unsigned long long)inner, m->dims.F);
        hrm_model_destroy(m);
        return NULL;
    }
    const hrm_layer_index *index = &m->list.h_layers[0];
    write_weight(m, index->qkv, file, "weights/" QKV);
    write_weight(m, index->o, file, "weights/" OUT);
    write_weight(m, index->gate_up, file, "weights/" GATE_UP);
    write_weight(m, index->down, file, "weights/" DOWN);
    CHECK_OK(hrm_model_pack(m));
    CHECK_OK(hrm_model_set_precision(m, golden_get_precision()));
    return m;
}

/* What the block keeps only inside a sum: a layer's product without the residual. */
static void record_product(hrm_recorder *rec, hrm_tensor a, const hrm_linear *w, hrm_tensor c) {
    hrm_matmul(rec, (hrm_matmul_args){
                        .form = HRM_MATMUL_NT, .a = a, .b = w->operand, .b_packed = w->packed, .c = c, .label = "mid"});
}

static void run_block(const golden *g, const hrm_safetensors *file, hrm_model *m) {
    hrm_device *device = golden_device();
    const hrm_layer_weights *weights = &m->h_layers[0];
    const uint32_t batch = (uint32_t)hrm_safetensors_find(file, "x")->shape[0];
    const uint64_t rows = (uint64_t)batch * m->dims.T, D = m->dims.D;
    hrm_plan plan;
    hrm_plan_init(&plan, device);
    hrm_net net = {.model = m, .batch = batch};
    hrm_scratch_plan(&net.scratch, &plan, m, batch, true);
    hrm_tensor x = hrm_plan_2d(&plan, HRM_LIFE_IO, "x", HRM_F32_T, rows, D);
    hrm_tensor y = hrm_plan_2d(&plan, HRM_LIFE_IO, "y", HRM_F32_T, rows, D);
    hrm_tensor y_alone = hrm_plan_2d(&plan, HRM_LIFE_IO, "y", HRM_F32_T, rows, D);
    hrm_tensor grad = hrm_plan_2d(&plan, HRM_LIFE_IO, "grad", HRM_F32_T, rows, D);
    hrm_tensor attn_out = hrm_plan_2d(&plan, HRM_LIFE_IO, "attention's output", HRM_F32_T, rows, D);
    hrm_tensor mlp_out = hrm_plan_2d(&plan, HRM_LIFE_IO, "the MLP's output", HRM_F32_T, rows, D);
    hrm_block_saved saved;
    hrm_block_saved_plan(&saved, &plan, m, batch, x, y);
    hrm_grads grads;
    CHECK_OK(hrm_grads_init(&grads, &plan, m));
    CHECK_OK(hrm_plan_get_status(&plan));
    float *values = golden_f32(file, "x", rows * D);
    golden_upload(device, &x, values);
    free(values);
    values = golden_f32(file, "dy", rows * D);
    const bool backward = values != NULL;
    if (backward) golden_upload(device, &grad, values);
    if (!backward) golden_skip(g, "it has no dy, so there are no gradients to compare");
    free(values);

    hrm_recorder *rec;
    hrm_program *program;
    CHECK_OK(hrm_recorder_create(device, &rec));
    hrm_block_forward(rec, &net, weights, x, y, &saved);
    hrm_block_forward(rec, &net, weights, x, y_alone, NULL);
    record_product(rec, saved.attn, &weights->o, attn_out);
    record_product(rec, saved.act, &weights->down, mlp_out);
    if (backward) hrm_block_backward(rec, &net, weights, &grads.h_layers[0], false, &saved, grad, grad);
    CHECK_OK(hrm_recorder_end(rec, &program));
    CHECK_OK(hrm_program_submit(program, NULL));
    compare(g, file, "y", &y);
    compare(g, file, "mid/attn_out", &attn_out);
    compare(g, file, "mid/after_attn_norm", &saved.mid);
    compare(g, file, "mid/mlp_out", &mlp_out);
    if (backward) {
        compare(g, file, "dx", &grad);
        compare(g, file, "dweights/" QKV, &grads.h_layers[0].qkv.weight);
        compare(g, file, "dweights/" OUT, &grads.h_layers[0].o.weight);
        compare(g, file, "dweights/" GATE_UP, &grads.h_layers[0].gate_up.weight);
        compare(g, file, "dweights/" DOWN, &grads.h_layers[0].down.weight);
    }
    /* One forward: what is kept must not change what is computed. */
    float *kept = golden_download(device, &y), *alone = golden_download(device, &y_alone);
    check_same_bits("y with and without saving", kept, alone, rows * D * sizeof *kept);
    free(kept);
    free(alone);

    hrm_program_destroy(program);
    hrm_recorder_destroy(rec);
    hrm_grads_deinit(&grads);
    hrm_plan_deinit(&plan);
}

static bool run_folder(const golden *g) {
    hrm_safetensors *file = golden_open_with(g, "weights/");
    if (!file) return false; /* whole models are other tests' business */
    hrm_model *m = lacks_inputs(g, file) ? NULL : make_model(g, file);
    if (m) run_block(g, file, m);
    hrm_model_destroy(m);
    hrm_safetensors_close(file);
    return true;
}

static void run_in(hrm_precision precision) {
    golden_set_precision(precision);
    golden_for_each("files", run_folder);
}

static void test_blocks(void **state) {
    (void)state;
    run_in(HRM_PRECISION_F32);
}

static void test_blocks_bf16(void **state) {
    (void)state;
    golden_skip_in_variant();
    run_in(HRM_PRECISION_BF16);
}

static void test_blocks_f16(void **state) {
    (void)state;
    golden_skip_in_variant();
    run_in(HRM_PRECISION_F16);
}

int main(void) {
    golden_device();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_blocks), cmocka_unit_test(test_blocks_bf16),
                                       cmocka_unit_test(test_blocks_f16)};
    return golden_exit(cmocka_run_group_tests(tests, NULL, NULL));
}
