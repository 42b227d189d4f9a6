/* The reference's checkpoint gives the reference's numbers; architectures are found where they are written and never
 * guessed; files of both kinds turn into each other without losing a bit; a puzzle table too large for the device is
 * used from the host. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hrm/checkpoint.h>
#include <hrm/trainer.h>

#include "base/half.h"
#include "check.h"
#include "gpu/adapter.h"
#include "gpu/device.h"
#include "gpu/program.h"
#include "io/safetensors.h"
#include "io/safetensors_writer.h"
#include "io/tensor_file.h"
#include "model/carry.h"
#include "ops/kernels.h"
#include "train/dataset.h"

static hrm_device *device;

static const char *golden(const char *name) {
    return check_path(check_tree_golden_dir("checkpoint_torch"), name);
}

static const char *temp(const char *name, char path[512]) {
    snprintf(path, 512, "%s", check_temp_path(name));
    return path;
}

static hrm_model_config sudoku_length(void) {
    hrm_model_config known = HRM_INIT(hrm_model_config);
    known.seq_len = 81;
    return known;
}

static hrm_checkpoint_info open_info(const char *path, const hrm_model_config *known, hrm_checkpoint **out) {
    hrm_checkpoint_info info = HRM_INIT(hrm_checkpoint_info);
    CHECK_OK(hrm_checkpoint_open(path, known, out));
    CHECK_OK(hrm_checkpoint_get_info(*out, &info));
    return info;
}

static uint64_t hash_file(const char *path) {
    hrm_checkpoint *c;
    uint64_t hash;
    CHECK_OK(hrm_checkpoint_open(path, NULL, &c));
    CHECK_OK(hrm_checkpoint_hash(c, &hash));
    hrm_checkpoint_close(c);
    return hash;
}

/* ---- the recorded evaluation ---- */

enum { SEGMENTS = 16, ROWS = 8 };

static float *read_f32(const hrm_safetensors *file, const char *name, uint64_t count) {
    const hrm_safetensors_tensor *t = hrm_safetensors_find(file, name);
    CHECK_MSG(t != NULL, "no tensor %s", name);
    float *values = malloc(count * sizeof *values);
    CHECK_OK(hrm_safetensors_copy_f32(t, values, count));
    return values;
}

static uint32_t *read_u32(const hrm_safetensors *file, const char *name, uint64_t count) {
    const hrm_safetensors_tensor *t = hrm_safetensors_find(file, name);
    CHECK_MSG(t != NULL, "no tensor %s", name);
    int64_t *wide = malloc(count * sizeof *wide);
    uint32_t *values = malloc(count * sizeof *values);
    CHECK_OK(hrm_safetensors_copy_i64(t, wide, count));
    for (uint64_t i = 0; i < count; i++) values[i] = (uint32_t)wide[i];
    free(wide);
    return values;
}

/* 16 segments over the recorded rows; logits [rows, T, V] of the last one. */
static float *run_segments(hrm_model *m, const uint32_t *tokens, const uint32_t *ids) {
    hrm_plan plan;
    hrm_carry c = {0};
    hrm_inner inner;
    hrm_recorder *rec;
    hrm_program *clear, *segment;
    hrm_plan_init(&plan, device);
    hrm_carry_plan(&c, &plan, m, ROWS, false);
    hrm_net net = {.model = m, .batch = ROWS};
    hrm_scratch_plan(&net.scratch, &plan, m, ROWS, false);
    CHECK_OK(hrm_plan_get_status(&plan));
    CHECK_OK(hrm_inner_init(&inner, &plan, m, &(hrm_inner_config){.batch = ROWS}, c.z_h, c.z_l));
    CHECK_OK(hrm_recorder_create(device, &rec));
    hrm_carry_record_clear(rec, &c);
    CHECK_OK(hrm_recorder_end(rec, &clear));
    hrm_carry_record_begin(rec, &net, &c);
    hrm_inner_forward(rec, &net, &inner,
                      &(hrm_inner_io){.e = c.e, .h_in = c.z_h, .l_in = c.z_l, .h_out = c.z_h, .l_out = c.z_l}, false);
    hrm_carry_record_heads(rec, &net, c.z_h, c.logits, c.q);
    hrm_recorder_fill(rec, hrm_tensor_get_span(&c.halted), 0);
    CHECK_OK(hrm_recorder_end(rec, &segment));
    CHECK_OK(hrm_queue_upload(device, hrm_tensor_get_span(&c.new_tokens), tokens));
    CHECK_OK(hrm_queue_upload(device, hrm_tensor_get_span(&c.new_ids), ids));
    CHECK_OK(hrm_program_submit(clear, NULL));
    for (int i = 0; i < SEGMENTS; i++) CHECK_OK(hrm_program_submit(segment, NULL));
    float *logits = malloc((size_t)ROWS * m->dims.T * m->dims.V * sizeof *logits);
    CHECK_OK(hrm_queue_download(device, hrm_tensor_get_span(&c.logits), logits));
    hrm_program_destroy(clear);
    hrm_program_destroy(segment);
    hrm_recorder_destroy(rec);
    hrm_inner_deinit(&inner);
    hrm_plan_deinit(&plan);
    return logits;
}

static void test_golden_evaluation(void **state) {
    (void)state;
    hrm_model_config known = sudoku_length();
    hrm_checkpoint *c;
    hrm_model *m;
    hrm_safetensors *want;
    open_info(golden("step_1250"), &known, &c);
    CHECK_OK(hrm_checkpoint_load(c, device, &m));
    hrm_checkpoint_close(c);
    CHECK_OK(hrm_safetensors_open(golden("eval.safetensors"), &want));
    const uint32_t S = 81, T = m->dims.T, V = 11;
    uint32_t *tokens = read_u32(want, "inputs", (uint64_t)ROWS * S), *ids = read_u32(want, "puzzle_identifiers", ROWS);
    uint32_t *pred = read_u32(want, "pred", (uint64_t)ROWS * S);
    float *logits = read_f32(want, "logits", (uint64_t)ROWS * S * V), *q_halt = read_f32(want, "q_halt_logits", ROWS),
          *q_continue = read_f32(want, "q_continue_logits", ROWS);

    /* 16 segments of 4 calls: a hundred rounded sums each; the manifest says 2e-6 between f32 and f64. */
    const double tolerance = 2e-4;
    float *got = run_segments(m, tokens, ids);
    for (uint32_t row = 0; row < ROWS; row++)
        check_close_f32("logits", got + (size_t)row * T * V + (size_t)(T - S) * V, logits + (size_t)row * S * V,
                        (size_t)S * V, tolerance, 0.0);

    hrm_solver *solver;
    hrm_solver_config config = HRM_INIT(hrm_solver_config);
    config.halting = HRM_HALTING_FIXED;
    uint32_t answers[ROWS * 81];
    hrm_solution solutions[ROWS];
    CHECK_OK(hrm_solver_create(m, &config, &solver));
    CHECK_OK(hrm_solver_run(solver, tokens, ids, ROWS, answers, solutions));
    hrm_solver_destroy(solver);
    for (uint32_t row = 0; row < ROWS; row++) {
        float q[2] = {solutions[row].q_halt, solutions[row].q_continue}, q_want[2] = {q_halt[row], q_continue[row]};
        CHECK_EQ(solutions[row].segments, SEGMENTS);
        check_close_f32("q logits", q, q_want, 2, tolerance, 0.0);
        for (uint32_t i = 0; i < S; i++) {
            const float *at = logits + ((size_t)row * S + i) * V;
            const float best = at[pred[row * S + i]], mine = at[answers[row * S + i]];
            /* another token only where the recorded logits do not tell the two apart */
            CHECK_MSG(answers[row * S + i] == pred[row * S + i] || (double)(best - mine) < 2 * tolerance,
                      "row %u, position %u: %u instead of %u", row, i, answers[row * S + i], pred[row * S + i]);
        }
    }

    /* The reported metrics, through the evaluator. */
    hrm_dataset set;
    hrm_evaluation_config e = HRM_INIT(hrm_evaluation_config);
    hrm_evaluation result = HRM_INIT(hrm_evaluation);
    e.solver = config;
    CHECK_OK(hrm_puzzle_set_open(&set.set, check_tree_golden_dir("data/sudoku"), "test"));
    CHECK_OK(hrm_evaluate(m, &set, &e, &result, NULL, NULL));
    CHECK_EQ(result.count, 5);
    CHECK(fabs(result.token_accuracy - 0.10370370370370371) < 1e-9);
    CHECK(result.exact_accuracy <= 0 && result.q_halt_accuracy <= 0 && fabs(result.mean_segments - 16) < 1e-12);
    CHECK_EQ(result.kind, HRM_PUZZLE_SUDOKU);
    CHECK(result.task_accuracy <= 0 && result.sudoku_mean_violations > 1 && result.sudoku_givens_kept <= 0);
    /* Wilson: 0 of 5 is z^2 / (5 + z^2) at most */
    CHECK(result.exact_low <= 0 && fabs(result.exact_high - 0.4344825) < 1e-6);
    hrm_puzzle_set_deinit(&set.set);

    free(got);
    free(tokens);
    free(ids);
    free(pred);
    free(logits);
    free(q_halt);
    free(q_continue);
    hrm_safetensors_close(want);
    hrm_model_destroy(m);
}

/* ---- architectures ---- */

static void copy_file(const char *from, const char *to) {
    size_t size;
    void *bytes = check_read_file(from, &size);
    check_write_file(to, bytes, size);
    free(bytes);
}

static void write_yaml(const char *text) {
    check_write_file(check_temp_path("all_config.yaml"), text, strlen(text));
}

static void test_architecture(void **state) {
    (void)state;
    hrm_checkpoint *c;
    hrm_model *m;
    char path[512];
    hrm_checkpoint_info info = open_info(golden("step_1250"), NULL, &c);
    CHECK_EQ(info.kind, HRM_CHECKPOINT_TORCH);
    CHECK_STR(info.problem, "");
    CHECK_STR(info.missing, "seq_len");
    CHECK_EQ(info.tensors, 15);
    CHECK_EQ(info.parameters, 132674);
    CHECK_EQ(info.config.hidden_size, 64);
    CHECK_EQ(info.config.num_heads, 2);
    CHECK_EQ(info.config.vocab_size, 11);
    CHECK_EQ(info.config.halt_max_segments, 16);
    CHECK_EQ(info.config.positions, HRM_POSITIONS_ROPE);
    CHECK(strstr(info.config_path, "all_config.yaml") != NULL);
    CHECK_STATUS(hrm_checkpoint_load(c, device, &m), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("seq_len");
    CHECK(m == NULL);
    hrm_checkpoint_close(c);

    copy_file(golden("step_1250"), temp("step_1250", path));
    info = open_info(path, NULL, &c); /* nothing beside it */
    CHECK_STR(info.missing, "seq_len, num_heads, h_cycles, l_cycles");
    CHECK_STR(info.config_path, "");
    hrm_checkpoint_close(c);
    hrm_model_config known = sudoku_length();
    known.num_heads = 2;
    known.h_cycles = known.l_cycles = 2;
    info = open_info(path, &known, &c);
    CHECK_STR(info.missing, "");
    CHECK_OK(hrm_checkpoint_load(c, device, &m));
    hrm_model_destroy(m);
    hrm_checkpoint_close(c);
    known.hidden_size = 128;
    CHECK_STATUS(hrm_checkpoint_open(path, &known, &c), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("hidden_size is 64");
    CHECK(c == NULL);

    static const struct {
        const char *yaml, *problem;
    } cases[] = {
        {"arch:\n  num_heads: 2\n  hidden_size: 128\n", "hidden_size is 64"},
        {"arch:\n  num_heads: 2\n  expansion: 8\n", "expansion is 4"},
        {"arch:\n  num_heads: two\n", "arch.num_heads is \"two\"; it must be a whole number from 1 to 1024"},
        {"arch:\n  num_heads: -2\n", "arch.num_heads is -2; it must be a whole number"},
        {"arch:\n  rope_theta: 0.0\n", "arch.rope_theta is 0.0; it must be a number from 1"},
        {"arch:\n  pos_encodings: learned\n", "positions are rope, "},
        {"arch:\n  pos_encodings: none\n", "pos_encodings is \"none\""},
        {"arch:\n  name: trm@TinyRecursiveModel\n", "only the HierarchicalReasoningModel"},
        {"arch: 3\n", "no mapping \"arch\""},
        {"arch:\n  num_heads: 2\nhrm:\n  positions: 9\n", "hrm.positions is 9"},
        {"arch:\n  num_heads: 2\nhrm:\n  seq_len: many\n", "hrm.seq_len is \"many\"; it must be a whole number"},
        {"arch:\n  num_heads: 2\n num_heads: 4\n", "all_config.yaml:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_yaml(cases[i].yaml);
        info = open_info(path, NULL, &c);
        CHECK_MSG(strstr(info.problem, cases[i].problem) != NULL, "case %zu: \"%s\"", i, info.problem);
        CHECK(hrm_checkpoint_load(c, device, &m) != HRM_OK && m == NULL);
        hrm_checkpoint_close(c);
    }
    write_yaml("arch:\n  H_cycles: 3\n  num_heads: 4\n  expansion: 3.1\n  rope_theta: 5.0e+03\n");
    info = open_info(path, NULL, &c); /* an expansion of the same width is no contradiction */
    CHECK_STR(info.missing, "seq_len, l_cycles");
    CHECK_EQ(info.config.h_cycles, 3);
    CHECK(fabsf(info.config.rope_theta - 5000) < 1);
    hrm_checkpoint_close(c);
    remove(check_temp_path("all_config.yaml"));
}

/* ---- conversion ---- */

static void convert(const char *from, const hrm_model_config *known, hrm_convert_config config, const char *to) {
    hrm_checkpoint *c;
    CHECK_OK(hrm_checkpoint_open(from, known, &c));
    CHECK_OK(hrm_checkpoint_convert(c, &config, to));
    hrm_checkpoint_close(c);
}

static hrm_convert_config to_kind(hrm_checkpoint_kind kind) {
    hrm_convert_config config = HRM_INIT(hrm_convert_config);
    config.kind = kind;
    return config;
}

static void test_round_trip(void **state) {
    (void)state;
    hrm_model_config known = sudoku_length();
    char st[512], pt[512], st2[512], pt2[512];
    convert(golden("step_1250"), &known, to_kind(HRM_CHECKPOINT_SAFETENSORS), temp("a.safetensors", st));
    convert(st, NULL, to_kind(HRM_CHECKPOINT_TORCH), temp("a.pt", pt));
    convert(pt, NULL, to_kind(HRM_CHECKPOINT_TORCH), temp("b.pt", pt2));
    remove(check_temp_path("all_config.yaml"));
    known.num_heads = known.h_cycles = known.l_cycles = 2;
    known.halt_max_segments = 16;
    convert(pt2, &known, to_kind(HRM_CHECKPOINT_SAFETENSORS), temp("b.safetensors", st2));
    const uint64_t hash = hash_file(golden("step_1250"));
    CHECK_EQ(hash_file(st), hash);
    CHECK_EQ(hash_file(pt), hash);
    CHECK_EQ(hash_file(st2), hash);
    size_t size, size2;
    void *bytes = check_read_file(st, &size), *bytes2 = check_read_file(st2, &size2);
    CHECK_EQ(size, size2);
    check_same_bits("safetensors there and back", bytes2, bytes, size);
    free(bytes);
    free(bytes2);
    /* against the values recorded beside the checkpoint, bf16 widened */
    hrm_tensor_file *want, *got;
    CHECK_OK(hrm_tensor_file_open(golden("weights.safetensors"), &want));
    CHECK_OK(hrm_tensor_file_open(pt2, &got));
    CHECK_EQ(hrm_tensor_file_count(got), hrm_tensor_file_count(want));
    for (size_t i = 0; i < hrm_tensor_file_count(want); i++) {
        const hrm_tensor_info t = hrm_tensor_file_get(want, i);
        const size_t index = hrm_tensor_file_find(got, t.name); /* the reference's own names came back */
        CHECK_MSG(index != SIZE_MAX, "no tensor %s", t.name);
        float *a = malloc(t.bytes), *b = malloc(t.bytes);
        hrm_tensor_stream *stream;
        CHECK_OK(hrm_tensor_stream_open(want, i, &stream));
        CHECK_OK(hrm_tensor_stream_read_f32(stream, a, t.count));
        hrm_tensor_stream_close(stream);
        CHECK_OK(hrm_tensor_stream_open(got, index, &stream));
        CHECK_OK(hrm_tensor_stream_read_f32(stream, b, t.count));
        hrm_tensor_stream_close(stream);
        check_same_bits(t.name, b, a, t.bytes);
        free(a);
        free(b);
    }
    hrm_tensor_file_close(want);
    hrm_tensor_file_close(got);
}

/* What the PyTorch implementation does not know comes back from the file that is written beside a checkpoint. */
static void test_ours_there_and_back(void **state) {
    (void)state;
    char st[512], pt[512], back[512];
    hrm_model_config config = HRM_INIT(hrm_model_config);
    config.vocab_size = 6;
    config.seq_len = 15;
    config.grid_width = 5;
    config.hidden_size = 32;
    config.num_heads = 4;
    config.h_layers = config.l_cycles = 2;
    config.l_layers = config.h_cycles = 1;
    config.positions = HRM_POSITIONS_BOTH;
    config.halt_rule = HRM_HALT_POSITIVE;
    config.halt_max_segments = 5;
    config.expansion = 3;
    config.rope_theta = 500;
    hrm_model *m;
    CHECK_OK(hrm_model_create(device, &config, 1, &m));
    CHECK_OK(hrm_model_save(m, temp("ours.safetensors", st), NULL));
    hrm_model_destroy(m);
    remove(check_temp_path("all_config.yaml"));
    convert(st, NULL, to_kind(HRM_CHECKPOINT_TORCH), temp("ours.pt", pt));
    convert(pt, NULL, to_kind(HRM_CHECKPOINT_SAFETENSORS), temp("ours_back.safetensors", back));
    size_t size, size2;
    void *bytes = check_read_file(st, &size), *bytes2 = check_read_file(back, &size2);
    CHECK_EQ(size, size2);
    check_same_bits("a model of ours there and back", bytes2, bytes, size);
    free(bytes);
    free(bytes2);
    remove(check_temp_path("all_config.yaml"));
}

static void test_types(void **state) {
    (void)state;
    hrm_model_config known = sudoku_length();
    char path[512], back[512];
    hrm_safetensors *a, *b;
    CHECK_OK(hrm_safetensors_open(golden("weights.safetensors"), &a));
    const hrm_safetensors_tensor *weight = hrm_safetensors_find(a, "_orig_mod.model.inner.lm_head.weight");
    float *values = malloc(weight->bytes), *got = malloc(weight->bytes);
    CHECK_OK(hrm_safetensors_copy_f32(weight, values, weight->count));
    for (int type = HRM_NUMBER_F16; type <= HRM_NUMBER_BF16; type++) {
        hrm_convert_config config = to_kind(HRM_CHECKPOINT_TORCH);
        config.weights = (hrm_number_type)type;
        config.initial_states = HRM_NUMBER_F32;
        convert(golden("step_1250"), &known, config, temp("half.pt", path));
        known.num_heads = known.h_cycles = known.l_cycles = 2;
        config = to_kind(HRM_CHECKPOINT_SAFETENSORS);
        config.weights = HRM_NUMBER_F32;
        convert(path, &known, config, temp("half.safetensors", back));
        known = sudoku_length();
        CHECK_OK(hrm_safetensors_open(back, &b));
        CHECK_EQ(hrm_safetensors_find(b, "model.inner.H_init")->dtype, HRM_ST_F32);
        CHECK_OK(hrm_safetensors_copy_f32(hrm_safetensors_find(b, "model.inner.lm_head.weight"), got, weight->count));
        for (uint64_t i = 0; i < weight->count; i++) {
            const float want = type == HRM_NUMBER_BF16 ? hrm_bf16_to_f32(hrm_bf16_from_f32(values[i]))
                                                       : hrm_f16_to_f32(hrm_f16_from_f32(values[i]));
            check_same_bits("a narrowed weight", &got[i], &want, sizeof want);
        }
        hrm_safetensors_close(b);
    }
    free(values);
    free(got);
    hrm_safetensors_close(a);
}

/* ---- files that are nearly models ---- */

/* Copies the golden weights with names, and one tensor, changed. */
typedef struct change {
    const char *prefix;      /* before every bare name */
    const char *leave_out;   /* bare name, or NULL */
    const char *twice;       /* added again under another prefix */
    const char *as_integers; /* declared I32 */
    const char *flat;        /* as one dimension */
    const char *large;       /* its first value becomes 1e6 */
} change;

static void write_changed(const char *path, change how) {
    hrm_safetensors *file;
    hrm_safetensors_writer *writer;
    float *spoilt = NULL;
    CHECK_OK(hrm_safetensors_open(golden("weights.safetensors"), &file));
    CHECK_OK(hrm_safetensors_writer_create(&writer));
    for (size_t i = 0; i < hrm_safetensors_count(file); i++) {
        const hrm_safetensors_tensor *t = hrm_safetensors_get(file, i);
        const char *bare = t->name + strlen("_orig_mod.model.inner.");
        char name[256];
        if (how.leave_out && strcmp(bare, how.leave_out) == 0) continue;
        snprintf(name, sizeof name, "%s%s", how.prefix, bare);
        const bool flat = how.flat && strcmp(bare, how.flat) == 0;
        const bool whole = how.as_integers && strcmp(bare, how.as_integers) == 0;
        const void *data = t->data;
        if (how.large && strcmp(bare, how.large) == 0) {
            spoilt = malloc(t->bytes);
            memcpy(spoilt, t->data, t->bytes);
            spoilt[0] = 1e6f;
            data = spoilt;
        }
        CHECK_OK(hrm_safetensors_writer_add(writer, name, whole ? HRM_ST_I32 : t->dtype, flat ? 1 : t->rank,
                                            flat ? &t->count : t->shape, data));
        if (how.twice && strcmp(bare, how.twice) == 0)
            CHECK_OK(hrm_safetensors_writer_add(writer, bare, t->dtype, t->rank, t->shape, t->data));
    }
    CHECK_OK(hrm_safetensors_writer_write(writer, path));
    hrm_safetensors_writer_destroy(writer);
    hrm_safetensors_close(file);
    free(spoilt);
}

static void test_names_and_shapes(void **state) {
    (void)state;
    char path[512];
    hrm_checkpoint *c;
    hrm_model *m;
    const uint64_t hash = hash_file(golden("weights.safetensors"));
    remove(check_temp_path("all_config.yaml")); /* of conversions before */
    static const char *const prefixes[] = {"", "inner.", "model.inner.", "_orig_mod.model.inner."};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        write_changed(temp("named.safetensors", path), (change){.prefix = prefixes[i]});
        CHECK_EQ(hash_file(path), hash);
    }
    static const struct {
        change how;
        const char *problem;
    } cases[] = {
        {{.prefix = "x."}, "not the weights of an HRM"},
        {{.prefix = "", .leave_out = "q_head.bias"}, "q_head.bias is missing"},
        {{.prefix = "", .leave_out = "L_level.layers.0.mlp.down_proj.weight"}, "L_level.layers.0.mlp.down_proj"},
        {{.prefix = "inner.", .twice = "q_head.bias"}, "q_head.bias occurs twice"},
        {{.prefix = "", .as_integers = "q_head.weight"}, "q_head.weight holds I32"},
        {{.prefix = "", .flat = "lm_head.weight"}, "lm_head.weight does not have 2 dimensions"},
        {{.prefix = "", .flat = "H_level.layers.0.self_attn.qkv_proj.weight"}, "qkv_proj.weight is not 192 x 64"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_changed(temp("changed.safetensors", path), cases[i].how);
        hrm_checkpoint_info info = open_info(path, NULL, &c);
        CHECK_MSG(strstr(info.problem, cases[i].problem) != NULL, "case %zu: \"%s\"", i, info.problem);
        CHECK_STATUS(hrm_checkpoint_load(c, device, &m), HRM_ERR_FORMAT);
        CHECK_ERROR_HAS("changed.safetensors");
        hrm_convert_config config = to_kind(HRM_CHECKPOINT_TORCH);
        CHECK_STATUS(hrm_checkpoint_convert(c, &config, check_temp_path("never.pt")), HRM_ERR_FORMAT);
        hrm_checkpoint_close(c);
    }
    /* what f16 cannot hold is not written, and what was there stays */
    write_changed(temp("changed.safetensors", path), (change){.prefix = "", .large = "lm_head.weight"});
    hrm_convert_config config = to_kind(HRM_CHECKPOINT_TORCH);
    config.weights = HRM_NUMBER_F16;
    check_write_file(check_temp_path("kept.pt"), "before", 6);
    open_info(path, NULL, &c);
    CHECK_STATUS(hrm_checkpoint_convert(c, &config, check_temp_path("kept.pt")), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("beyond what f16 can hold");
    config.weights = HRM_NUMBER_BF16;
    config.kind = HRM_CHECKPOINT_SAFETENSORS; /* needs the whole architecture */
    CHECK_STATUS(hrm_checkpoint_convert(c, &config, check_temp_path("kept.pt")), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("seq_len");
    hrm_checkpoint_close(c);
    size_t size;
    char *kept = check_read_file(check_temp_path("kept.pt"), &size);
    CHECK_STR(kept, "before");
    free(kept);
    /* predictions of an evaluation are tensors too, but no model */
    hrm_checkpoint_info info = open_info(golden("step_1250_all_preds.0"), NULL, &c);
    CHECK(strstr(info.problem, "not the weights of an HRM") != NULL && info.tensors == 6 && info.parameters == 0);
    hrm_checkpoint_close(c);
    CHECK_STATUS(hrm_model_load(device, golden("all_config.yaml"), &m), HRM_ERR_FORMAT);
    CHECK(m == NULL);
}

/* ---- a puzzle table that stays on the host ---- */

enum { EMB = 64 };

static void fill_row(uint32_t id, float *row) {
    for (uint32_t k = 0; k < EMB; k++) row[k] = sinf((float)(id % 997) * 0.37f + (float)k);
}

static hrm_status fill_table(void *user, uint64_t offset, void *dst, size_t bytes) {
    (void)user;
    float row[EMB];
    float *out = dst;
    for (uint64_t value = offset / 4, end = value + bytes / 4; value < end; value++) {
        if (value % EMB == 0 || value == offset / 4) fill_row((uint32_t)(value / EMB), row);
        *out++ = row[value % EMB];
    }
    return HRM_OK;
}

/* The model's weights with a table of `rows` rows: large, by rule; or the small one given. */
static void write_with_table(const char *from, const char *path, uint32_t rows, const float *table) {
    hrm_safetensors *file;
    hrm_safetensors_writer *writer;
    char config[1024];
    CHECK_OK(hrm_safetensors_open(from, &file));
    CHECK_OK(hrm_safetensors_writer_create(&writer));
    const char *json = hrm_safetensors_metadata(file, "hrm.config"), *count = strstr(json, "\"puzzle_count\":1,");
    CHECK(count != NULL);
    snprintf(config, sizeof config, "%.*s\"puzzle_count\":%u,%s", (int)(count - json), json, rows,
             count + strlen("\"puzzle_count\":1,"));
    CHECK_OK(hrm_safetensors_writer_set_metadata(writer, "hrm.config", config));
    for (size_t i = 0; i < hrm_safetensors_count(file); i++) {
        const hrm_safetensors_tensor *t = hrm_safetensors_get(file, i);
        const uint64_t shape[2] = {rows, EMB};
        /* a fresh Q head is zero and would hear nothing of the embeddings: it gets the first rows of the token head */
        const bool q_head = strstr(t->name, "q_head.weight") != NULL;
        if (!strstr(t->name, "puzzle_emb"))
            CHECK_OK(hrm_safetensors_writer_add(writer, t->name, t->dtype, t->rank, t->shape,
                                                q_head ? hrm_safetensors_find(file, "model.inner.lm_head.weight")->data
                                                       : t->data));
        else if (table)
            CHECK_OK(hrm_safetensors_writer_add(writer, t->name, HRM_ST_F32, 2, shape, table));
        else
            CHECK_OK(hrm_safetensors_writer_add_callback(writer, t->name, HRM_ST_F32, 2, shape, fill_table, NULL));
    }
    CHECK_OK(hrm_safetensors_writer_write(writer, path));
    hrm_safetensors_writer_destroy(writer);
    hrm_safetensors_close(file);
}

enum { PUZZLES = 21 };

static void solve_ids(const char *path, const uint32_t *ids, uint32_t *answers, hrm_solution *solutions,
                      bool *on_host) {
    hrm_model *m;
    hrm_solver *s;
    hrm_solver_config config = HRM_INIT(hrm_solver_config);
    uint32_t tokens[PUZZLES * 9];
    for (uint32_t i = 0; i < PUZZLES * 9; i++) tokens[i] = (i * 7 + i / 9) % 6;
    config.max_batch = 8;
    CHECK_OK(hrm_model_load(device, path, &m));
    *on_host = m->puzzle_on_host;
    CHECK_OK(hrm_solver_create(m, &config, &s));
    CHECK_OK(hrm_solver_run(s, tokens, ids, PUZZLES, answers, solutions));
    hrm_solver_destroy(s);
    hrm_model_destroy(m);
}

static void test_table_on_the_host(void **state) {
    (void)state;
    const uint64_t range = hrm_device_get_adapter(device)->max_storage_range;
    if (range > (256u << 20)) {
        print_message("this device binds %llu MiB at once: no table of a test's size stays on the host\n",
                      (unsigned long long)(range >> 20));
        skip();
    }
    const uint32_t rows = (uint32_t)(range / (EMB * 4)) + 1000;
    char base[512], large[512], small[512], again[512];
    hrm_model_config config = HRM_INIT(hrm_model_config);
    config.vocab_size = 6;
    config.seq_len = 9;
    config.hidden_size = 32;
    config.num_heads = 2;
    config.h_layers = config.l_layers = config.h_cycles = config.l_cycles = 1;
    config.puzzle_emb_dim = EMB;
    config.halt_max_segments = 5;
    hrm_model *m;
    CHECK_OK(hrm_model_create(device, &config, 7, &m));
    CHECK_OK(hrm_model_save(m, temp("base.safetensors", base), NULL));
    hrm_model_destroy(m);

    uint32_t ids[PUZZLES], small_ids[PUZZLES], want[PUZZLES * 9], got[PUZZLES * 9];
    hrm_solution want_q[PUZZLES], got_q[PUZZLES];
    float table[PUZZLES * EMB];
    bool on_host;
    for (uint32_t i = 0; i < PUZZLES; i++) {
        ids[i] = i == 0 ? rows - 1 : (i * 104729u) % rows;
        small_ids[i] = i;
        fill_row(ids[i], table + (size_t)i * EMB);
    }
    write_with_table(base, temp("large.safetensors", large), rows, NULL);
    write_with_table(base, temp("small.safetensors", small), PUZZLES, table);
    solve_ids(small, small_ids, want, want_q, &on_host);
    CHECK(!on_host);
    solve_ids(large, ids, got, got_q, &on_host);
    CHECK(on_host);
    check_same_bits("answers", got, want, sizeof want);
    check_same_bits("Q values", got_q, want_q, sizeof want_q);
    /* the embeddings matter at all: with the first puzzle's for every one, other numbers come out */
    uint32_t same_ids[PUZZLES] = {0};
    solve_ids(small, same_ids, got, got_q, &on_host);
    CHECK(memcmp(got_q, want_q, sizeof want_q) != 0);

    /* loading and saving such a model copies the table */
    CHECK_OK(hrm_model_load(device, large, &m));
    CHECK_OK(hrm_model_save(m, temp("again.safetensors", again), NULL));
    hrm_model_destroy(m);
    CHECK_EQ(hash_file(again), hash_file(large));
    remove(large);
    remove(again);
}

int main(void) {
    hrm_device_open_info info = {.kernels = hrm_kernels_get_table()};
    hrm_status status = hrm_device_open(&info, &device);
    if (status == HRM_ERR_NO_DEVICE) CHECK_SKIP("no Vulkan device: %s", hrm_last_error());
    CHECK_OK(status);
#ifndef HRM_HAVE_TORCH
    printf("skipped: built without libzip and libyaml (-DHRM_TORCH=OFF)\n");
    hrm_device_close(device);
    return 77;
#endif
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden_evaluation),
                                       cmocka_unit_test(test_architecture),
                                       cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_ours_there_and_back),
                                       cmocka_unit_test(test_types),
                                       cmocka_unit_test(test_names_and_shapes),
                                       cmocka_unit_test(test_table_on_the_host)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hrm_device_close(device);
    return failed;
}
