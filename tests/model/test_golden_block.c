/* One transformer block against the reference's: output, gradient of the input and of every weight, middle tensors.
 * Folders: those whose manifest's config has "head_dim" (a lone block). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/program.h"
#include "helper_golden.h"
#include "model/block.h"
#include "model/inner.h"

static uint32_t compared;

static void write_weight(hrm_model *m, uint32_t index, const hrm_safetensors *file, const char *name) {
    float *values = golden_f32(file, name, m->list.items[index].count);
    CHECK_MSG(values, "no tensor %s", name);
    CHECK_OK(hrm_model_write_param(m, index, values));
    free(values);
}

static void compare(const golden *g, const hrm_safetensors *file, const char *name, const hrm_tensor *t) {
    float *got = golden_download(golden_device(), t);
    compared += golden_compare(file, name, json_object_get(g->manifest, "noise"), got, hrm_tensor_get_count(t));
    free(got);
}

static void run_folder(const golden *g) {
    const json_t *config = json_object_get(g->manifest, "config");
    if (!json_object_get(config, "head_dim")) return; /* whole models are other tests' business */
    hrm_device *device = golden_device();
    hrm_safetensors *file = golden_open(g, "block.safetensors");
    CHECK_MSG(file, "%s has no block.safetensors", g->folder);
    /* A model of one layer whose sequence is the block's. */
    hrm_model_config c = HRM_INIT(hrm_model_config);
    c.vocab_size = 2;
    c.seq_len = (uint32_t)golden_number(config, "seq", 0);
    c.hidden_size = (uint32_t)golden_number(config, "hidden_size", 0);
    c.num_heads = (uint32_t)golden_number(config, "num_heads", 0);
    c.expansion = (float)golden_number(config, "expansion", 4);
    c.rms_norm_eps = (float)golden_number(config, "rms_norm_eps", 1e-5);
    c.rope_theta = (float)golden_number(config, "rope_theta", 1e4);
    c.h_layers = c.l_layers = 1;
    hrm_model *m;
    CHECK_OK(hrm_model_alloc(device, &c, &m));
    const hrm_layer_index *index = &m->list.h_layers[0];
    write_weight(m, index->qkv, file, "weights/self_attn.qkv_proj.weight");
    write_weight(m, index->o, file, "weights/self_attn.o_proj.weight");
    write_weight(m, index->gate_up, file, "weights/mlp.gate_up_proj.weight");
    write_weight(m, index->down, file, "weights/mlp.down_proj.weight");
    CHECK_OK(hrm_model_pack(m));

    const uint32_t batch = (uint32_t)golden_number(config, "batch", 0);
    const uint64_t rows = (uint64_t)batch * m->dims.T, D = m->dims.D;
    hrm_plan plan;
    hrm_plan_init(&plan, device);
    hrm_net net = {.model = m, .batch = batch};
    hrm_scratch_plan(&net.scratch, &plan, m, batch, true);
    hrm_tensor x = hrm_plan_2d(&plan, HRM_LIFE_IO, "x", HRM_F32_T, rows, D);
    hrm_tensor y = hrm_plan_2d(&plan, HRM_LIFE_IO, "y", HRM_F32_T, rows, D);
    hrm_tensor y_alone = hrm_plan_2d(&plan, HRM_LIFE_IO, "y", HRM_F32_T, rows, D);
    hrm_tensor grad = hrm_plan_2d(&plan, HRM_LIFE_IO, "grad", HRM_F32_T, rows, D);
    hrm_block_saved saved;
    hrm_block_saved_plan(&saved, &plan, m, batch, x, y);
    hrm_grads grads;
    CHECK_OK(hrm_grads_init(&grads, &plan, m));
    CHECK_OK(hrm_plan_get_status(&plan));
    float *values = golden_f32(file, "x", rows * D);
    golden_upload(device, &x, values);
    free(values);
    values = golden_f32(file, "dy", rows * D);
    golden_upload(device, &grad, values);
    free(values);

    hrm_recorder *rec;
    hrm_program *program;
    CHECK_OK(hrm_recorder_create(device, &rec));
    hrm_block_forward(rec, &net, &m->h_layers[0], x, y, &saved);
    hrm_block_forward(rec, &net, &m->h_layers[0], x, y_alone, NULL);
    hrm_block_backward(rec, &net, &m->h_layers[0], &grads.h_layers[0], false, &saved, grad, grad);
    CHECK_OK(hrm_recorder_end(rec, &program));
    CHECK_OK(hrm_program_submit(program, NULL));
    compare(g, file, "y", &y);
    compare(g, file, "mid/after_attn_norm", &saved.mid);
    compare(g, file, "dx", &grad);
    compare(g, file, "dweights/self_attn.qkv_proj.weight", &grads.h_layers[0].qkv.weight);
    compare(g, file, "dweights/self_attn.o_proj.weight", &grads.h_layers[0].o.weight);
    compare(g, file, "dweights/mlp.gate_up_proj.weight", &grads.h_layers[0].gate_up.weight);
    compare(g, file, "dweights/mlp.down_proj.weight", &grads.h_layers[0].down.weight);
    /* One forward: what is kept must not change what is computed. */
    float *kept = golden_download(device, &y), *alone = golden_download(device, &y_alone);
    check_same_bits("y with and without saving", kept, alone, rows * D * sizeof *kept);
    free(kept);
    free(alone);

    hrm_program_destroy(program);
    hrm_recorder_destroy(rec);
    hrm_grads_deinit(&grads);
    hrm_plan_deinit(&plan);
    hrm_model_destroy(m);
    hrm_safetensors_close(file);
}

static void test_blocks(void **state) {
    (void)state;
    golden_for_each("config", run_folder);
    printf("%u tensors compared\n", compared);
    CHECK_MSG(compared > 0, "no golden block below %s", check_env_golden_dir(NULL));
}

int main(void) {
    golden_device();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_blocks)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close_device();
    return failed;
}
