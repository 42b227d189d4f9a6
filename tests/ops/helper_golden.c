#include "helper_golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 256 };

/* The part of a tensor's name before its last '/'; false when there is none or it is too long. */
static bool get_group(const char *name, char group[NAME_MAX_BYTES]) {
    const char *slash = strrchr(name, '/');
    if (!slash || (size_t)(slash - name) >= NAME_MAX_BYTES) return false;
    memcpy(group, name, (size_t)(slash - name));
    group[slash - name] = '\0';
    return true;
}

static bool belongs_to(const char *group, const char *op) {
    size_t length = strlen(op);
    return strncmp(group, op, length) == 0 && (group[length] == '\0' || group[length] == '/');
}

/* True for the first tensor of its group. */
static bool opens_group(const hrm_safetensors *file, size_t index, const char *group) {
    char earlier[NAME_MAX_BYTES];
    for (size_t i = 0; i < index; i++)
        if (get_group(hrm_safetensors_get(file, i)->name, earlier) && strcmp(earlier, group) == 0) return false;
    return true;
}

static size_t visit_file(helper_golden golden, const char *op, void (*visit)(const helper_golden *, void *),
                         void *user) {
    size_t visited = 0;
    for (size_t i = 0; i < hrm_safetensors_count(golden.file); i++) {
        char group[NAME_MAX_BYTES];
        if (!get_group(hrm_safetensors_get(golden.file, i)->name, group) || !belongs_to(group, op)) continue;
        if (!opens_group(golden.file, i, group)) continue;
        golden.group = group;
        visit(&golden, user);
        CHECK_EQ(helper_gpu_teardown(NULL), 0);
        visited++;
    }
    return visited;
}

static size_t visit_folder(const char *folder, const char *op, void (*visit)(const helper_golden *, void *),
                           void *user) {
    json_t *manifest;
    CHECK_OK(hrm_json_load(check_path(folder, "manifest.json"), &manifest));
    size_t visited = 0;
    const char *name;
    json_t *entry;
    json_object_foreach(json_object_get(manifest, "files"), name, entry) {
        (void)entry;
        const char *dot = strrchr(name, '.');
        if (!dot || strcmp(dot, ".safetensors") != 0) continue;
        hrm_safetensors *file;
        CHECK_OK(hrm_safetensors_open(check_path(folder, name), &file));
        visited += visit_file((helper_golden){.folder = folder, .file = file, .manifest = manifest}, op, visit, user);
        hrm_safetensors_close(file);
    }
    json_decref(manifest);
    return visited;
}

size_t helper_golden_each(const char *op, void (*visit)(const helper_golden *golden, void *user), void *user) {
    char **names;
    size_t count = check_list_folders(check_env_golden_dir(NULL), "manifest.json", &names), visited = 0;
    for (size_t i = 0; i < count; i++) {
        char *folder = strdup(check_env_golden_dir(names[i])); /* a test makes more paths than check.h's ring holds */
        CHECK(folder != NULL);
        visited += visit_folder(folder, op, visit, user);
        free(folder);
    }
    check_free_names(names, count);
    return visited;
}

static void get_name(const helper_golden *golden, const char *leaf, char name[2 * NAME_MAX_BYTES]) {
    snprintf(name, 2 * NAME_MAX_BYTES, "%s/%s", golden->group, leaf);
}

const hrm_safetensors_tensor *helper_golden_find(const helper_golden *golden, const char *leaf) {
    char name[2 * NAME_MAX_BYTES];
    get_name(golden, leaf, name);
    return hrm_safetensors_find(golden->file, name);
}

float *helper_golden_f32(const helper_golden *golden, const char *leaf) {
    const hrm_safetensors_tensor *t = helper_golden_find(golden, leaf);
    if (!t) return NULL;
    float *values = helper_gpu_host_f32(t->count);
    CHECK_OK(hrm_safetensors_copy_f32(t, values, t->count));
    return values;
}

uint32_t *helper_golden_u32(const helper_golden *golden, const char *leaf) {
    const hrm_safetensors_tensor *t = helper_golden_find(golden, leaf);
    if (!t) return NULL;
    int64_t *wide = malloc((t->count ? t->count : 1) * sizeof *wide);
    CHECK(wide != NULL);
    CHECK_OK(hrm_safetensors_copy_i64(t, wide, t->count));
    uint32_t *values = helper_gpu_host_u32(t->count);
    for (uint64_t i = 0; i < t->count; i++) values[i] = (uint32_t)wide[i];
    free(wide);
    return values;
}

void helper_golden_check(const helper_golden *golden, const char *leaf, const float *got, size_t count,
                         double floor_rel) {
    const float *want = helper_golden_f32(golden, leaf);
    if (!want) return;
    char name[2 * NAME_MAX_BYTES], label[5 * NAME_MAX_BYTES];
    get_name(golden, leaf, name);
    CHECK_EQ(helper_golden_find(golden, leaf)->count, count);
    const json_t *noise = json_object_get(json_object_get(golden->manifest, "noise"), name);
    double largest = json_number_value(json_object_get(noise, "max_abs"));
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)want[i]));
    double tolerance = fmax(10.0 * json_number_value(json_object_get(noise, "max_abs_diff_fp64")), floor_rel * largest);
    double worst = 0.0;
    for (size_t i = 0; i < count; i++) worst = fmax(worst, fabs((double)got[i] - (double)want[i]));
    printf("  %-28s largest %-10.4g off by %-10.3g allowed %.3g\n", name, largest, worst, tolerance);
    snprintf(label, sizeof label, "%s in %s", name, golden->folder);
    check_close_f32(label, got, want, count, tolerance, 0.0);
}
