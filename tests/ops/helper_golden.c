#include "helper_golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/loss.h"

enum { NAME_MAX_BYTES = 256 };

static uint32_t compared, groups_seen;

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
    return strncmp(group, op, length) == 0 && (group[length] == '\0' || group[length] == '/' || group[length] == '_');
}

/* True for the first tensor of its group. */
static bool opens_group(const hrm_safetensors *file, size_t index, const char *group) {
    char earlier[NAME_MAX_BYTES];
    for (size_t i = 0; i < index; i++)
        if (get_group(hrm_safetensors_get(file, i)->name, earlier) && strcmp(earlier, group) == 0) return false;
    return true;
}

static size_t visit_groups(helper_golden golden, const char *op, helper_golden_visit visit, void *user) {
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

/* Every file that the manifests list and that exists. */
static void each_file(void (*run)(helper_golden golden, const char *name, void *user), void *user) {
    char **folders;
    size_t count = check_list_folders(check_env_golden_dir(NULL), "manifest.json", &folders);
    for (size_t i = 0; i < count; i++) {
        char *folder = strdup(check_env_golden_dir(folders[i])); /* a test makes more paths than check.h's ring holds */
        CHECK(folder != NULL);
        json_t *manifest;
        CHECK_OK(hrm_json_load(check_path(folder, "manifest.json"), &manifest));
        const char *name;
        json_t *entry;
        json_object_foreach(json_object_get(manifest, "files"), name, entry) {
            (void)entry;
            const char *dot = strrchr(name, '.');
            if (!dot || strcmp(dot, ".safetensors") != 0) continue;
            if (access(check_path(folder, name), R_OK) != 0) {
                printf("  left out: %s/%s is not there\n", folder, name);
                continue;
            }
            hrm_safetensors *file;
            CHECK_OK(hrm_safetensors_open(check_path(folder, name), &file));
            run((helper_golden){.folder = folder, .group = "", .file = file, .manifest = manifest}, name, user);
            hrm_safetensors_close(file);
        }
        json_decref(manifest);
        free(folder);
    }
    check_free_names(folders, count);
}

/* ---- walking ------------------------------------------------------------------------------------------------------
 */

typedef struct walk {
    const char *op;
    const char *const *ops;
    helper_golden_visit visit;
    void *user;
    size_t visited;
    char folder[NAME_MAX_BYTES * 4]; /* being walked */
    size_t in_folder;                /* files of steps seen in it */
} walk;

static void walk_op(helper_golden golden, const char *name, void *user) {
    (void)name;
    walk *w = user;
    w->visited += visit_groups(golden, w->op, w->visit, w->user);
}

size_t helper_golden_each(const char *op, helper_golden_visit visit, void *user) {
    walk w = {.op = op, .visit = visit, .user = user};
    each_file(walk_op, &w);
    groups_seen += (uint32_t)w.visited;
    return w.visited;
}

static bool is_step_file(const hrm_safetensors *file) {
    for (size_t i = 0; i < hrm_safetensors_count(file); i++)
        if (strncmp(hrm_safetensors_get(file, i)->name, "out/", strlen("out/")) == 0) return true;
    return false;
}

/* A step's file is "step<number>.safetensors"; where no file of a folder is named like that, the steps' files are those
 * with results, in the manifest's order. */
static bool names_steps(const json_t *manifest) {
    const char *name;
    json_t *entry;
    int number;
    json_object_foreach(json_object_get(manifest, "files"), name, entry) {
        (void)entry;
        if (sscanf(name, "step%d", &number) == 1) return true;
    }
    return false;
}

static void walk_step(helper_golden golden, const char *name, void *user) {
    walk *w = user;
    const json_t *steps = json_object_get(golden.manifest, "steps");
    if (!steps || !is_step_file(golden.file)) return;
    if (strcmp(w->folder, golden.folder) != 0) w->in_folder = 0;
    snprintf(w->folder, sizeof w->folder, "%s", golden.folder);
    json_t *step = json_array_get(steps, w->in_folder++);
    if (names_steps(golden.manifest)) {
        size_t i;
        int number = 0;
        sscanf(name, "step%d", &number);
        json_array_foreach(steps, i, step) {
            if (json_integer_value(json_object_get(step, "step")) == number) break;
        }
        if (i == json_array_size(steps)) step = NULL;
    }
    if (!step) return;
    w->visit(&golden, step);
    CHECK_EQ(helper_gpu_teardown(NULL), 0);
    w->visited++;
}

size_t helper_golden_each_step(helper_golden_visit visit) {
    walk w = {.visit = visit};
    each_file(walk_step, &w);
    groups_seen += (uint32_t)w.visited;
    return w.visited;
}

static bool is_known(const char *group, const char *const *ops) {
    for (; *ops; ops++)
        if (belongs_to(group, *ops)) return true;
    return false;
}

static void walk_unknown(helper_golden golden, const char *name, void *user) {
    const char *const *ops = user;
    char group[NAME_MAX_BYTES];
    bool has_known = false;
    for (size_t i = 0; i < hrm_safetensors_count(golden.file) && !has_known; i++)
        has_known = get_group(hrm_safetensors_get(golden.file, i)->name, group) && is_known(group, ops);
    for (size_t i = 0; i < hrm_safetensors_count(golden.file) && has_known; i++) {
        const char *tensor = hrm_safetensors_get(golden.file, i)->name;
        if (!get_group(tensor, group)) snprintf(group, sizeof group, "%s", tensor);
        if (!is_known(group, ops) && opens_group(golden.file, i, group))
            printf("  left out: %s of %s/%s is no op that these tests know\n", group, golden.folder, name);
    }
}

void helper_golden_print_unknown(const char *const *ops) {
    each_file(walk_unknown, (void *)(uintptr_t)ops);
}

/* ---- a group's tensors --------------------------------------------------------------------------------------------
 */

static void get_name(const helper_golden *golden, const char *leaf, char name[2 * NAME_MAX_BYTES]) {
    snprintf(name, 2 * NAME_MAX_BYTES, "%s%s%s", golden->group, *golden->group ? "/" : "", leaf);
}

const hrm_safetensors_tensor *helper_golden_find(const helper_golden *golden, const char *leaf) {
    char name[2 * NAME_MAX_BYTES];
    get_name(golden, leaf, name);
    return hrm_safetensors_find(golden->file, name);
}

void helper_golden_skip(const helper_golden *golden, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    printf("  left out: %s of %s: %s\n", golden->group, golden->folder, text);
}

const hrm_safetensors_tensor *helper_golden_need(const helper_golden *golden, const char *leaf) {
    const hrm_safetensors_tensor *t = helper_golden_find(golden, leaf);
    if (!t) helper_golden_skip(golden, "it has no %s", leaf);
    return t;
}

uint64_t helper_golden_width(const hrm_safetensors_tensor *t) {
    return t->rank ? t->shape[t->rank - 1] : 1;
}

static void check_count(const hrm_safetensors_tensor *t, uint64_t count) {
    if (count && t->count != count)
        check_fail_at(__FILE__, __LINE__, "%s has %llu values, the other tensors of its group ask for %llu", t->name,
                      (unsigned long long)t->count, (unsigned long long)count);
}

float *helper_golden_f32(const helper_golden *golden, const char *leaf, uint64_t count) {
    const hrm_safetensors_tensor *t = helper_golden_find(golden, leaf);
    if (!t) return NULL;
    check_count(t, count);
    float *values = helper_gpu_host_f32(t->count);
    CHECK_OK(hrm_safetensors_copy_f32(t, values, t->count));
    return values;
}

uint32_t *helper_golden_u32(const helper_golden *golden, const char *leaf, uint64_t count) {
    const hrm_safetensors_tensor *t = helper_golden_find(golden, leaf);
    if (!t) return NULL;
    check_count(t, count);
    int64_t *wide = malloc((t->count ? t->count : 1) * sizeof *wide);
    CHECK(wide != NULL);
    CHECK_OK(hrm_safetensors_copy_i64(t, wide, t->count));
    uint32_t *values = helper_gpu_host_u32(t->count);
    for (uint64_t i = 0; i < t->count; i++) values[i] = wide[i] == -100 ? HRM_LABEL_IGNORED : (uint32_t)wide[i];
    free(wide);
    return values;
}

/* ---- what the manifest says ---------------------------------------------------------------------------------------
 */

const char *helper_golden_meaning(const helper_golden *golden, const char *leaf) {
    char name[2 * NAME_MAX_BYTES];
    get_name(golden, leaf, name);
    const char *file;
    json_t *entry;
    json_object_foreach(json_object_get(golden->manifest, "files"), file, entry) {
        const json_t *tensor = json_object_get(json_object_get(entry, "tensors"), name);
        const char *text = json_string_value(json_object_get(tensor, "meaning"));
        if (text) return text;
    }
    return "";
}

bool helper_golden_number_after(const char *text, const char *word, double *value) {
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++) {
        char *end;
        *value = strtod(at + strlen(word), &end);
        if (end != at + strlen(word)) return true;
    }
    return false;
}

double helper_golden_config(const helper_golden *golden, const char *key, double fallback) {
    const json_t *config = json_object_get(golden->manifest, "config");
    const json_t *places[] = {json_object_get(config, "arch"), config, golden->manifest};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const json_t *value = json_object_get(places[i], key);
        if (json_is_number(value)) return json_number_value(value);
    }
    return fallback;
}

static const json_t *get_noise(const helper_golden *golden, const char *name) {
    return json_object_get(json_object_get(golden->manifest, "noise"), name);
}

/* ---- comparing ----------------------------------------------------------------------------------------------------
 */

void helper_golden_count(void) {
    compared++;
}

static void compare(const helper_golden *golden, const char *name, const float *got, const float *want, uint64_t count,
                    double tolerance, double rel) {
    char label[5 * NAME_MAX_BYTES];
    double worst = 0.0, largest = 0.0;
    for (uint64_t i = 0; i < count; i++) {
        worst = fmax(worst, fabs((double)got[i] - (double)want[i]));
        largest = fmax(largest, fabs((double)want[i]));
    }
    printf("  %-28s largest %-10.4g off by %-10.3g allowed %.3g\n", name, largest, worst, tolerance + rel * largest);
    snprintf(label, sizeof label, "%s in %s", name, golden->folder);
    check_close_f32(label, got, want, count, tolerance, rel);
    helper_golden_count();
}

void helper_golden_check(const helper_golden *golden, const char *leaf, const float *got, uint64_t count,
                         double floor_rel) {
    const float *want = helper_golden_f32(golden, leaf, count);
    if (!want) return;
    char name[2 * NAME_MAX_BYTES];
    get_name(golden, leaf, name);
    const json_t *noise = get_noise(golden, name);
    double largest = json_number_value(json_object_get(noise, "max_abs"));
    for (uint64_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)want[i]));
    double tolerance = fmax(10.0 * json_number_value(json_object_get(noise, "max_abs_diff_fp64")), floor_rel * largest);
    compare(golden, name, got, want, count, tolerance, 0.0);
}

void helper_golden_check_part(const helper_golden *golden, const char *leaf, uint64_t first, const float *got,
                              uint64_t count, double floor, double rel) {
    const float *want = helper_golden_f32(golden, leaf, 0);
    if (!want) return;
    char name[2 * NAME_MAX_BYTES];
    get_name(golden, leaf, name);
    CHECK_MSG(first + count <= helper_golden_find(golden, leaf)->count, "%s of %s is too short", name, golden->folder);
    double noise = json_number_value(json_object_get(get_noise(golden, name), "max_abs_diff_fp64"));
    compare(golden, name, got, want + first, count, fmax(10.0 * noise, floor), rel);
}

int helper_golden_exit(int failed) {
    const char *chosen = getenv("HRM_GOLDEN_DIR");
    char **folders;
    size_t count = check_list_folders(check_env_golden_dir(NULL), "manifest.json", &folders);
    check_free_names(folders, count);
    printf("%u tensors of %u groups compared, %zu folders below %s\n", compared, groups_seen, count,
           check_env_golden_dir(NULL));
    if (failed || compared) return failed;
    if (chosen && *chosen && count && !groups_seen) {
        fprintf(stderr, "SKIPPED: nothing below %s is what this test is about\n", chosen);
        return 77;
    }
    fprintf(stderr, "FAILED: nothing was compared\n");
    return 1;
}
