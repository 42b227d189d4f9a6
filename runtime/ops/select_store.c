/* What is remembered of choices: lists in memory, and the file, which is a header line, a line per choice or refused
 * row, and a line with the hash of everything before it. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file_map.h"
#include "base/file_write.h"
#include "base/hash.h"
#include "base/log.h"
#include "ops/kernels.h"
#include "ops/select_private.h"

enum { MAX_FILE = 1 << 20, MAX_LINE = HRM_SELECT_KEY + HRM_SELECT_ROW + 48 };

/* ---- lists ---- */

hrm_select_entry *hrm_select_entries_find(const hrm_select_entries *list, const char *key) {
    for (uint32_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].key, key) == 0) return &list->items[i];
    return NULL;
}

/* NULL: no host memory. */
static hrm_select_entry *add(hrm_select_entries *list, const char *key, const char *row) {
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity ? 2 * list->capacity : 32;
        hrm_select_entry *items = realloc(list->items, capacity * sizeof *items);
        if (!items) return NULL;
        list->items = items;
        list->capacity = capacity;
    }
    hrm_select_entry *e = &list->items[list->count++];
    *e = (hrm_select_entry){.how = "cached"};
    snprintf(e->key, sizeof e->key, "%s", key);
    snprintf(e->row, sizeof e->row, "%s", row);
    return e;
}

void hrm_select_entries_set(hrm_select_entries *list, const char *key, const char *row, double gflops,
                            const char *how) {
    hrm_select_entry *e = hrm_select_entries_find(list, key);
    if (!e) e = add(list, key, row);
    if (!e) return;
    snprintf(e->row, sizeof e->row, "%s", row);
    e->gflops = gflops;
    e->how = how;
}

void hrm_select_entries_remove(hrm_select_entries *list, uint32_t index) {
    memmove(&list->items[index], &list->items[index + 1], (list->count - index - 1) * sizeof *list->items);
    list->count--;
}

size_t hrm_select_base_length(const char *key) {
    return strcspn(key, ":");
}

static bool has_base(const char *key, const char *base) {
    size_t length = hrm_select_base_length(base);
    return hrm_select_base_length(key) == length && memcmp(key, base, length) == 0;
}

const hrm_select_entry *hrm_select_find_refused(const hrm_select_state *s, const char *key, const char *row) {
    for (uint32_t i = 0; i < s->refused.count; i++)
        if (has_base(key, s->refused.items[i].key) && strcmp(s->refused.items[i].row, row) == 0)
            return &s->refused.items[i];
    return NULL;
}

static void forget_row(hrm_select_entries *list, const char *key, const char *row) {
    for (uint32_t i = list->count; i-- > 0;)
        if (has_base(list->items[i].key, key) && strcmp(list->items[i].row, row) == 0)
            hrm_select_entries_remove(list, i);
}

void hrm_select_refuse(hrm_select_state *s, const char *key, const char *row, double error) {
    if (hrm_select_find_refused(s, key, row)) return;
    char base[HRM_SELECT_KEY];
    snprintf(base, sizeof base, "%.*s", (int)hrm_select_base_length(key), key);
    hrm_select_entry *e = add(&s->refused, base, row);
    if (e) e->error = error;
    forget_row(&s->stored, base, row);
    forget_row(&s->used, base, row);
}

/* ---- the file ---- */

static const char file_header[] = "hrm kernel choices, version 2\n";

static uint64_t hash_kernels(void) {
    const hrm_kernel_table *table = hrm_kernels_get_table();
    uint64_t hash = HRM_FNV1A64_INIT;
    for (uint32_t i = 0; i < table->count; i++)
        if (table->rows[i].spirv)
            hash = hrm_fnv1a64_update(hash, table->rows[i].spirv, (size_t)table->rows[i].spirv_words * 4);
    return hash;
}

static bool is_row_name(const char *text) {
    for (; *text; text++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", *text)) return false;
    return true;
}

/* One line into the lists, unless they know better. False for what we do not write. */
static bool read_line(hrm_select_state *s, const char *line) {
    char kind[16], key[HRM_SELECT_KEY], row[HRM_SELECT_ROW];
    double number;
    hrm_select_key parts;
    if (sscanf(line, "%15s %95s %39s %lf", kind, key, row, &number) != 4 || !hrm_select_read_key(key, &parts) ||
        !is_row_name(row) || !(number >= 0))
        return false;
    if (strcmp(kind, "refused") == 0) {
        if (parts.rank > 0) return false;
        hrm_select_refuse(s, key, row, number);
    } else if (strcmp(kind, "choice") == 0 && isfinite(number)) {
        if (!hrm_select_entries_find(&s->stored, key) && !hrm_select_find_refused(s, key, row))
            hrm_select_entries_set(&s->stored, key, row, number, "cached");
    } else {
        return false;
    }
    return true;
}

/* Takes what the text says up to its last line, or nothing. */
static bool read_text(hrm_select_state *s, char *text) {
    char *last = strstr(text, "\nhash ");
    uint64_t hash = 0;
    if (!last || strncmp(text, file_header, sizeof file_header - 1) != 0) return false;
    char *end = last + 1;
    if (sscanf(end, "hash %16" SCNx64, &hash) != 1 || hash != hrm_fnv1a64(text, (size_t)(end - text))) return false;
    *end = 0;
    for (char *line = text + sizeof file_header - 1; *line;) {
        char *next = strchr(line, '\n');
        *next = 0; /* what has a right hash ends in a newline */
        if (!read_line(s, line)) return false;
        line = next + 1;
    }
    return true;
}

/* Adds the file's entries to those in memory. A damaged file is said where `first`. */
static void load(hrm_select_state *s, bool first) {
    hrm_file_map map = {0};
    if (!s->path[0] || hrm_file_map_open(s->path, &map) != HRM_OK) return; /* no measurement yet */
    char *text = map.size <= MAX_FILE ? malloc(map.size + 1) : NULL;
    if (text) {
        memcpy(text, map.data, map.size);
        text[map.size] = 0;
    }
    bool damaged = map.size > MAX_FILE || (text && !read_text(s, text));
    if (damaged && first) hrm_log(HRM_LOG_WARN, "kernel choices: %s is damaged; measuring again", s->path);
    free(text);
    hrm_file_map_close(&map);
}

hrm_status hrm_select_save(hrm_select_state *s) {
    if (!s->path[0]) return HRM_OK;
    load(s, false); /* another process may have measured meanwhile */
    size_t size = ((size_t)s->stored.count + s->refused.count) * MAX_LINE + 128, at;
    char *text = malloc(size);
    if (!text) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%s: no host memory for the kernel choices", s->path);
    at = (size_t)snprintf(text, size, "%s", file_header);
    for (uint32_t i = 0; i < s->refused.count; i++) {
        const hrm_select_entry *e = &s->refused.items[i];
        at += (size_t)snprintf(text + at, size - at, "refused %s %s %.3g\n", e->key, e->row, e->error);
    }
    for (uint32_t i = 0; i < s->stored.count; i++) {
        const hrm_select_entry *e = &s->stored.items[i];
        at += (size_t)snprintf(text + at, size - at, "choice %s %s %.3f\n", e->key, e->row, e->gflops);
    }
    at += (size_t)snprintf(text + at, size - at, "hash %016" PRIx64 "\n", hrm_fnv1a64(text, at));
    hrm_status status = hrm_file_write_all(s->path, text, at);
    free(text);
    return status;
}

void hrm_select_save_quietly(hrm_select_state *s) {
    if (hrm_select_save(s) == HRM_OK || s->save_failed) return;
    s->save_failed = true;
    hrm_log(HRM_LOG_WARN, "kernel choices are not kept: %s", hrm_last_error());
}

/* ---- the state ---- */

static void destroy_state(void *user) {
    hrm_select_state *s = user;
    free(s->used.items);
    free(s->stored.items);
    free(s->refused.items);
    free(s);
}

hrm_select_state *hrm_select_get_state(hrm_device *device) {
    hrm_select_state *s = hrm_device_get_user(device);
    if (s) return s;
    s = calloc(1, sizeof *s);
    if (!s) return NULL;
    const char *folder = hrm_device_get_cache_dir(device);
    if (folder[0]) {
        char name[160];
        snprintf(name, sizeof name, "select-%.80s-%016" PRIx64 ".txt", hrm_device_get_key(device), hash_kernels());
        if (hrm_path_join(folder, name, s->path, sizeof s->path) != HRM_OK) s->path[0] = 0;
    }
    load(s, true);
    hrm_device_set_user(device, s, destroy_state);
    return s;
}

hrm_status hrm_select_keep(hrm_device *device) {
    hrm_select_state *s = hrm_select_get_state(device);
    if (!s) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "keeping kernel choices: no host memory");
    return hrm_select_save(s);
}

hrm_status hrm_select_reset(hrm_device *device) {
    hrm_select_state *s = hrm_select_get_state(device);
    if (!s) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "forgetting kernel choices: no host memory");
    s->stored.count = s->refused.count = 0;
    for (uint32_t i = s->used.count; i-- > 0;) {
        const char *how = s->used.items[i].how;
        if (strcmp(how, "recorded") != 0 && strcmp(how, "HRM_SELECT") != 0) hrm_select_entries_remove(&s->used, i);
    }
    if (s->path[0] && unlink(s->path) != 0 && errno != ENOENT)
        return hrm_fail(HRM_ERR_IO, "%s: cannot be removed: %s", s->path, strerror(errno));
    return HRM_OK;
}
