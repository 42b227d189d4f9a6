#include "helper_golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "gpu/program.h"
#include "io/json.h"
#include "ops/kernels.h"
#include "shared/loss.h"

static hrm_device *the_device;
static uint32_t folders_run, compared;
static hrm_precision the_precision;

static bool is_on(const char *variable) {
    const char *value = getenv(variable);
    return value && *value && strcmp(value, "0") != 0;
}

static void on_log(void *user, hrm_log_level level, const char *text) {
    (void)user, (void)level;
    fprintf(stderr, "[log] %s\n", text);
}

hrm_device *golden_device(void) {
    if (!the_device) {
        hrm_set_log_callback(on_log, NULL, HRM_LOG_WARN);
        hrm_device_open_info info = {.kernels = hrm_kernels_get_table(),
                                     .validation = is_on("HRM_TEST_VALIDATION") || is_on("HRM_VALIDATION")};
        hrm_status status = hrm_device_open(&info, &the_device);
        if (status == HRM_ERR_NO_DEVICE) CHECK_SKIP("no Vulkan device: %s", hrm_last_error());
        CHECK_OK(status);
    }
    return the_device;
}

void golden_set_precision(hrm_precision precision) {
    the_precision = precision;
}

void golden_skip_in_variant(void) {
    if (getenv("HRM_TEST_VARIANT")) skip();
}

hrm_precision golden_get_precision(void) {
    return the_precision;
}

double golden_floor(double roundings) {
    if (the_precision == HRM_PRECISION_F32) return 2e-5;
    return roundings * (the_precision == HRM_PRECISION_BF16 ? 0x1p-9 : 0x1p-12);
}

int golden_exit(int failed) {
    const char *chosen = getenv("HRM_GOLDEN_DIR");
    char **names;
    size_t count = check_list_folders(check_env_golden_dir(NULL), "manifest.json", &names);
    check_free_names(names, count);
    uint64_t messages = hrm_device_get_validation_count(the_device);
    hrm_device_close(the_device);
    the_device = NULL;
    printf("%u of %zu folders run, %u tensors and numbers compared\n", folders_run, count, compared);
    if (messages) {
        fprintf(stderr, "FAILED: %llu validation message(s), see above\n", (unsigned long long)messages);
        failed++;
    }
    if (failed || compared) return failed;
    if (chosen && *chosen && count && !folders_run) {
        fprintf(stderr, "SKIPPED: nothing below %s is what this test is about\n", chosen);
        return 77;
    }
    fprintf(stderr, "FAILED: nothing was compared\n");
    return 1;
}

void golden_for_each(const char *key, bool (*run)(const golden *g)) {
    char **names;
    size_t count = check_list_folders(check_env_golden_dir(NULL), "manifest.json", &names);
    for (size_t i = 0; i < count; i++) {
        golden g;
        snprintf(g.folder, sizeof g.folder, "%s", check_env_golden_dir(names[i]));
        CHECK_OK(hrm_json_load(check_path(g.folder, "manifest.json"), &g.manifest));
        if (json_object_get(g.manifest, key) && run(&g)) {
            printf("golden folder %s\n", g.folder);
            folders_run++;
        }
        json_decref(g.manifest);
    }
    check_free_names(names, count);
}

void golden_skip(const golden *g, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    printf("  left out: %s: %s\n", g->folder, text);
}

void golden_count(void) {
    compared++;
}

hrm_safetensors *golden_open(const golden *g, const char *file) {
    hrm_safetensors *st = NULL;
    const char *path = check_path(g->folder, file);
    if (access(path, R_OK) != 0) return NULL;
    CHECK_OK(hrm_safetensors_open(path, &st));
    return st;
}

static bool is_named(const char *tensor, const char *head, const char *tail) {
    const size_t length = strlen(tensor), end = strlen(tail);
    return strncmp(tensor, head, strlen(head)) == 0 && length >= end && strcmp(tensor + length - end, tail) == 0;
}

/* The file number `index` (from 0), in the manifest's order, that holds a tensor whose name starts and ends so. */
static hrm_safetensors *open_nth_with(const golden *g, const char *head, const char *tail, size_t index) {
    const char *name;
    json_t *entry;
    json_object_foreach(json_object_get(g->manifest, "files"), name, entry) {
        (void)entry;
        const char *dot = strrchr(name, '.');
        hrm_safetensors *st = dot && strcmp(dot, ".safetensors") == 0 ? golden_open(g, name) : NULL;
        bool found = false;
        for (size_t i = 0; st && i < hrm_safetensors_count(st) && !found; i++)
            found = is_named(hrm_safetensors_get(st, i)->name, head, tail);
        if (found && index-- == 0) return st;
        hrm_safetensors_close(st);
    }
    return NULL;
}

hrm_safetensors *golden_open_with(const golden *g, const char *start) {
    return open_nth_with(g, start, "", 0);
}

hrm_safetensors *golden_open_init(const golden *g) {
    hrm_safetensors *st = golden_open(g, "init.safetensors");
    return st ? st : open_nth_with(g, "", "L_init", 0);
}

hrm_safetensors *golden_open_step(const golden *g, size_t index, int number) {
    const char *name;
    json_t *entry;
    json_object_foreach(json_object_get(g->manifest, "files"), name, entry) {
        (void)entry;
        char usual[64];
        int found;
        if (sscanf(name, "step%d", &found) != 1) continue;
        snprintf(usual, sizeof usual, "step%d.safetensors", number);
        return golden_open(g, usual);
    }
    return open_nth_with(g, "out/", "", index);
}

double golden_number(const json_t *object, const char *key, double fallback) {
    const json_t *v = json_object_get(object, key);
    return json_is_number(v) ? json_number_value(v) : fallback;
}

hrm_model_config golden_config(const golden *g) {
    const json_t *arch = json_object_get(json_object_get(g->manifest, "config"), "arch");
    CHECK_MSG(arch, "%s: the manifest has no config.arch", g->folder);
    hrm_model_config c = HRM_INIT(hrm_model_config);
    c.vocab_size = (uint32_t)golden_number(g->manifest, "vocab_size", 0);
    c.seq_len = (uint32_t)golden_number(g->manifest, "seq_len", 0);
    c.puzzle_count = (uint32_t)golden_number(g->manifest, "num_puzzle_identifiers", 0);
    c.puzzle_emb_dim = (uint32_t)golden_number(arch, "puzzle_emb_ndim", 0);
    c.hidden_size = (uint32_t)golden_number(arch, "hidden_size", 0);
    c.num_heads = (uint32_t)golden_number(arch, "num_heads", 0);
    c.h_layers = (uint32_t)golden_number(arch, "H_layers", 0);
    c.l_layers = (uint32_t)golden_number(arch, "L_layers", 0);
    c.h_cycles = (uint32_t)golden_number(arch, "H_cycles", 0);
    c.l_cycles = (uint32_t)golden_number(arch, "L_cycles", 0);
    c.expansion = (float)golden_number(arch, "expansion", 4);
    c.rms_norm_eps = (float)golden_number(arch, "rms_norm_eps", 1e-5);
    c.rope_theta = (float)golden_number(arch, "rope_theta", 1e4);
    c.halt_max_segments = (uint32_t)golden_number(arch, "halt_max_steps", 1);
    const char *positions = json_string_value(json_object_get(arch, "pos_encodings"));
    c.positions = positions && strcmp(positions, "learned") == 0 ? HRM_POSITIONS_LEARNED : HRM_POSITIONS_ROPE;
    return c;
}

hrm_model *golden_model(const golden *g, const hrm_safetensors *file) {
    hrm_model_config config = golden_config(g);
    hrm_model *m;
    CHECK_OK(hrm_model_alloc(golden_device(), &config, &m));
    uint32_t found = 0;
    for (size_t i = 0; i < hrm_safetensors_count(file); i++) {
        const hrm_safetensors_tensor *t = hrm_safetensors_get(file, i);
        uint32_t index = hrm_param_list_find(&m->list, t->name);
        if (index == HRM_PARAM_NONE) continue;
        float *values = golden_f32(file, t->name, m->list.items[index].count);
        CHECK_OK(hrm_model_write_param(m, index, values));
        free(values);
        found++;
    }
    if (found != m->list.count) {
        golden_skip(g, "%u of the model's %u weights are in the file", found, m->list.count);
        hrm_model_destroy(m);
        return NULL;
    }
    CHECK_OK(hrm_model_pack(m));
    CHECK_OK(hrm_model_set_precision(m, the_precision));
    return m;
}

float *golden_f32(const hrm_safetensors *file, const char *name, uint64_t count) {
    const hrm_safetensors_tensor *t = hrm_safetensors_find(file, name);
    if (!t) return NULL;
    CHECK_MSG(t->count == count, "%s has %llu values, expected %llu", name, (unsigned long long)t->count,
              (unsigned long long)count);
    float *values = malloc((count ? count : 1) * sizeof *values);
    CHECK_OK(hrm_safetensors_copy_f32(t, values, count));
    return values;
}

uint32_t *golden_u32(const hrm_safetensors *file, const char *name, uint64_t count) {
    const hrm_safetensors_tensor *t = hrm_safetensors_find(file, name);
    if (!t) return NULL;
    CHECK_MSG(t->count == count, "%s has %llu values, expected %llu", name, (unsigned long long)t->count,
              (unsigned long long)count);
    int64_t *wide = malloc((count ? count : 1) * sizeof *wide);
    uint32_t *values = malloc((count ? count : 1) * sizeof *values);
    CHECK_OK(hrm_safetensors_copy_i64(t, wide, count));
    for (uint64_t i = 0; i < count; i++) values[i] = wide[i] == -100 ? HRM_LABEL_IGNORED : (uint32_t)wide[i];
    free(wide);
    return values;
}

void golden_compare(const hrm_safetensors *file, const char *name, const json_t *noise, const float *got,
                    uint64_t count, double floor_rel) {
    float *want = golden_f32(file, name, count);
    if (!want) return;
    double largest = 0;
    for (uint64_t i = 0; i < count; i++)
        if (fabs((double)want[i]) > largest) largest = fabs((double)want[i]);
    double tolerance = floor_rel * largest;
    double measured = 10 * golden_number(json_object_get(noise, name), "max_abs_diff_fp64", 0);
    if (measured > tolerance) tolerance = measured;
    check_close_f32(name, got, want, count, tolerance, 0.0);
    golden_count();
    free(want);
}

void *golden_download(hrm_device *device, const hrm_tensor *t) {
    hrm_span span = hrm_tensor_get_span(t);
    void *data = malloc(span.bytes);
    CHECK_OK(hrm_queue_download(device, span, data));
    return data;
}

void golden_upload(hrm_device *device, const hrm_tensor *t, const void *data) {
    CHECK_OK(hrm_queue_upload(device, hrm_tensor_get_span(t), data));
}
