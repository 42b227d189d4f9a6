#include "ops/select.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "ops/attention.h"
#include "ops/matmul.h"
#include "ops/select_private.h"

/* ---- keys ---- */

static const char *const type_names[] = {[HRM_F32_T] = "", [HRM_BF16_T] = ".bf16", [HRM_F16_T] = ".f16"};

void hrm_select_write_key(const hrm_select_key *key, char text[HRM_SELECT_KEY]) {
    int n = snprintf(text, HRM_SELECT_KEY, "%s%s", key->op, type_names[key->type]);
    for (uint32_t i = 0; i < key->rank; i++)
        n += snprintf(text + n, HRM_SELECT_KEY - (size_t)n, "%c%" PRIu64, i == 0 ? ':' : 'x', key->shape[i]);
}

bool hrm_select_read_key(const char *text, hrm_select_key *key) {
    *key = (hrm_select_key){.type = HRM_F32_T};
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (length == 0 || length >= sizeof key->op) return false;
    memcpy(key->op, text, length);
    const char *at = text + length;
    for (hrm_dtype type = HRM_BF16_T; type <= HRM_F16_T; type++) {
        size_t n = strlen(type_names[type]);
        if (strncmp(at, type_names[type], n) != 0) continue;
        key->type = type;
        at += n;
        break;
    }
    while (*at && key->rank < 4) {
        char *end;
        if (*at != (key->rank == 0 ? ':' : 'x') || at[1] < '1' || at[1] > '9') return false;
        key->shape[key->rank++] = strtoull(at + 1, &end, 10);
        if (end - at > 16) return false; /* far from overflow */
        at = end;
    }
    return *at == 0;
}

uint64_t hrm_select_bucket(uint64_t n) {
    uint64_t bucket = 1;
    while (bucket < n && bucket <= UINT64_MAX / 2) bucket *= 2;
    return bucket;
}

/* ---- choosing ---- */

static hrm_status fail_without_memory(const char *key) {
    return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "choosing kernels of %.95s: no host memory", key);
}

/* The entry of HRM_SELECT for a key, copied to `row`; false when there is none. */
static bool read_override(const char *key, size_t key_length, char row[HRM_SELECT_ROW]) {
    const char *text = getenv("HRM_SELECT");
    while (text && *text) {
        size_t length = strcspn(text, ",");
        if (length > key_length && text[key_length] == '=' && strncmp(text, key, key_length) == 0) {
            snprintf(row, HRM_SELECT_ROW, "%.*s", (int)(length - key_length - 1), text + key_length + 1);
            return true;
        }
        text += length;
        if (*text) text++;
    }
    return false;
}

static hrm_status fail_override(const char *key) {
    return hrm_fail(
        HRM_ERR_INVALID_ARGUMENT,
        "HRM_SELECT=%.200s names no kernel of %.95s that this device can run; `hrm tune --dry-run` lists them",
        getenv("HRM_SELECT"), key);
}

/* Why the row forced for the key cannot be taken; HRM_OK when it can. */
static hrm_status check_forced(const hrm_select_state *s, const char *key, bool usable) {
    if (!usable)
        return hrm_fail(HRM_ERR_UNSUPPORTED,
                        "%.95s: this device can run no kernel \"%.40s\"; `hrm tune --dry-run` lists them", key,
                        s->forced_row);
    const hrm_select_entry *refused = hrm_select_find_refused(s, key, s->forced_row);
    if (!refused) return HRM_OK;
    return hrm_fail(HRM_ERR_UNSUPPORTED,
                    "%.95s: kernel \"%.40s\" computed wrong results on this device (relative error %.1e)", key,
                    s->forced_row, refused->error);
}

static uint32_t find_candidate(const hrm_select_case *c, const char *name) {
    for (uint32_t i = 0; i < c->candidate_count; i++)
        if (c->candidates[i].usable && strcmp(c->candidates[i].name, name) == 0) return i;
    return UINT32_MAX;
}

/* How defaults are measured: five runs each. */
static const hrm_select_method default_method = {.runs = 5, .clearly = 0.9};

/* Takes the candidate that is known from the file, else measures. Where none can be tried beside another, the first
 * that is usable at all is taken. */
static hrm_status recall_or_measure(hrm_device *device, hrm_select_state *s, const hrm_select_case *c, uint32_t *chosen,
                                    double *gflops, const char **how) {
    uint32_t tried = 0, usable = 0, only = 0, first = 0;
    for (uint32_t i = c->candidate_count; i-- > 0;) {
        const hrm_select_candidate *k = &c->candidates[i];
        if (!k->usable || hrm_select_find_refused(s, c->key, k->name)) continue;
        usable++;
        first = i;
        if (k->untried) continue;
        tried++;
        only = i;
    }
    if (usable == 0)
        return hrm_fail(HRM_ERR_UNSUPPORTED, "%s: this device can run none of its kernels%s", c->key,
                        s->refused.count ? " rightly" : "");
    if (tried <= 1) {
        *chosen = tried == 1 ? only : first;
        *how = "only one";
        return HRM_OK;
    }
    const hrm_select_entry *stored = hrm_select_entries_find(&s->stored, c->key);
    *chosen = stored ? find_candidate(c, stored->row) : UINT32_MAX;
    if (stored && *chosen != UINT32_MAX) {
        *gflops = stored->gflops;
        *how = "cached";
        return HRM_OK;
    }
    bool measured;
    uint32_t refused = s->refused.count;
    hrm_status status = hrm_select_measure(device, s, c, &default_method, chosen, gflops, &measured);
    *how = measured ? "measured" : "not measurable";
    if (status == HRM_OK && measured)
        hrm_select_entries_set(&s->stored, c->key, c->candidates[*chosen].name, *gflops, *how);
    if ((status == HRM_OK && measured) || s->refused.count > refused) hrm_select_save_quietly(s);
    return status;
}

hrm_status hrm_select_pick(hrm_device *device, const hrm_select_case *c, uint32_t *chosen) {
    hrm_select_state *s = hrm_select_get_state(device);
    if (!s) return fail_without_memory(c->key);
    const bool forced = s->forced_key && strcmp(s->forced_key, c->key) == 0;
    const hrm_select_entry *known = forced ? NULL : hrm_select_entries_find(&s->used, c->key);
    if (known) {
        *chosen = find_candidate(c, known->row);
        if (*chosen != UINT32_MAX) return HRM_OK;
    }
    double gflops = 0;
    const char *how = "";
    char row[HRM_SELECT_ROW];
    hrm_status status = HRM_OK;
    if (read_override(c->key, strlen(c->key), row)) {
        *chosen = find_candidate(c, row);
        if (*chosen == UINT32_MAX) status = fail_override(c->key);
        how = "HRM_SELECT";
    } else if (forced) {
        *chosen = find_candidate(c, s->forced_row);
        status = check_forced(s, c->key, *chosen != UINT32_MAX);
        how = "recorded";
    } else {
        status = recall_or_measure(device, s, c, chosen, &gflops, &how);
    }
    if (status == HRM_OK) hrm_select_entries_set(&s->used, c->key, c->candidates[*chosen].name, gflops, how);
    return status;
}

const char *hrm_select_get_known(hrm_device *device, const char *key) {
    const hrm_select_state *s = hrm_select_get_state(device);
    const hrm_select_entry *known = s && !s->forced_key ? hrm_select_entries_find(&s->used, key) : NULL;
    return known ? known->row : NULL;
}

/* Whether a default was recorded, which then stands for every shape that was not. */
static bool is_base_recorded(const hrm_select_state *s, const char *key) {
    char base[HRM_SELECT_KEY];
    snprintf(base, sizeof base, "%.*s", (int)hrm_select_base_length(key), key);
    const hrm_select_entry *e = hrm_select_entries_find(&s->used, base);
    return e && strcmp(e->how, "recorded") == 0;
}

hrm_status hrm_select_find(hrm_device *device, const char *key, bool (*is_usable)(void *user, const char *row),
                           void *user, char row[HRM_SELECT_ROW]) {
    hrm_select_state *s = hrm_select_get_state(device);
    row[0] = 0;
    if (!s) return fail_without_memory(key);
    const char *known = hrm_select_get_known(device, key);
    if (known) {
        /* copied, as below: is_usable may measure a default, which moves what is known */
        snprintf(row, HRM_SELECT_ROW, "%s", known);
        if (!is_usable(user, row)) row[0] = 0;
        return HRM_OK;
    }
    const char *how = "";
    double gflops = 0;
    hrm_status status = HRM_OK;
    if (read_override(key, strlen(key), row)) {
        how = "HRM_SELECT";
        if (!is_usable(user, row)) status = fail_override(key);
    } else if (s->forced_key && strcmp(s->forced_key, key) == 0) {
        how = "recorded";
        snprintf(row, HRM_SELECT_ROW, "%s", s->forced_row);
        status = check_forced(s, key, is_usable(user, row));
    } else {
        const hrm_select_entry *stored = hrm_select_entries_find(&s->stored, key);
        char unused[HRM_SELECT_ROW];
        if (!stored || is_base_recorded(s, key) || read_override(key, hrm_select_base_length(key), unused))
            return HRM_OK;
        char tuned[HRM_SELECT_ROW];
        snprintf(tuned, sizeof tuned, "%s", stored->row);
        gflops = stored->gflops;
        if (!is_usable(user, tuned)) {
            hrm_log(HRM_LOG_DEBUG, "%s: the tuned kernel %s does not fit the device's default now", key, tuned);
            return HRM_OK;
        }
        how = "tuned";
        snprintf(row, HRM_SELECT_ROW, "%s", tuned);
    }
    if (status == HRM_OK)
        hrm_select_entries_set(&s->used, key, row, gflops, how);
    else
        row[0] = 0;
    return status;
}

/* ---- tuning ---- */

bool hrm_select_is_tried(const hrm_select_case *c, uint32_t candidate) {
    bool any = false;
    for (uint32_t i = 0; i < c->candidate_count; i++)
        any = any || (c->candidates[i].usable && !c->candidates[i].untried);
    return c->candidates[candidate].usable && !(any && c->candidates[candidate].untried);
}

void hrm_select_visit_tried(const hrm_select_case *c, void (*visit)(void *user, const char *key, const char *row),
                            void *user) {
    for (uint32_t i = 0; i < c->candidate_count; i++)
        if (hrm_select_is_tried(c, i)) visit(user, c->key, c->candidates[i].name);
}

hrm_status hrm_select_tune(hrm_device *device, const hrm_select_case *c, const hrm_select_tuning *tuning) {
    hrm_select_state *s = hrm_select_get_state(device);
    if (!s) return fail_without_memory(c->key);
    /* 0.97: medians of nine runs repeat within 2 % or so on an idle machine */
    const hrm_select_method method = {.runs = tuning->runs ? tuning->runs : 9, .clearly = 0.97, .tuning = tuning};
    uint32_t chosen, refused = s->refused.count;
    double gflops;
    bool measured;
    hrm_status status = hrm_select_measure(device, s, c, &method, &chosen, &gflops, &measured);
    if (status == HRM_OK && measured) {
        hrm_select_entries_set(&s->stored, c->key, c->candidates[chosen].name, gflops, "tuned");
        const hrm_select_entry *used = hrm_select_entries_find(&s->used, c->key);
        if (used && strcmp(used->how, "tuned") == 0) /* takes the new one when it is next asked for */
            hrm_select_entries_remove(&s->used, (uint32_t)(used - s->used.items));
    }
    /* one that fails is repeated, and told, by hrm_select_keep */
    if ((status == HRM_OK && measured) || s->refused.count > refused) s->save_failed = hrm_select_save(s) != HRM_OK;
    return status;
}

hrm_status hrm_select_visit_stored(hrm_device *device, void (*visit)(void *user, const hrm_select_result *result),
                                   void *user) {
    const hrm_select_state *s = hrm_select_get_state(device);
    if (!s) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "listing kernel choices: no host memory");
    for (uint32_t i = 0; i < s->stored.count; i++) {
        const hrm_select_entry *e = &s->stored.items[i];
        visit(user, &(hrm_select_result){.key = e->key, .row = e->row, .gflops = e->gflops, .chosen = true});
    }
    for (uint32_t i = 0; i < s->refused.count; i++) {
        const hrm_select_entry *e = &s->refused.items[i];
        visit(user, &(hrm_select_result){.key = e->key, .row = e->row, .error = e->error, .refused = true});
    }
    return HRM_OK;
}

/* ---- records ---- */

/* Makes the choice of one key. */
static hrm_status choose(hrm_device *device, const char *text) {
    hrm_select_key key;
    if (hrm_select_read_key(text, &key)) {
        for (int form = HRM_MATMUL_NT; form <= HRM_MATMUL_TN; form++)
            if (strcmp(key.op, hrm_matmul_get_op((hrm_matmul_form)form)) == 0)
                return hrm_matmul_choose_by_key(device, &key);
        for (int backward = 0; backward <= 1; backward++)
            if (strcmp(key.op, hrm_attention_get_op(backward != 0)) == 0)
                return hrm_attention_choose_by_key(device, &key);
    }
    return hrm_fail(HRM_ERR_UNSUPPORTED, "there is no choice of kernels for an operation \"%.95s\"", text);
}

/* What a tuned shape's entry in use says is void once the default is recorded. */
static void drop_tuned_shapes(hrm_select_state *s, const char *base) {
    for (uint32_t i = s->used.count; i-- > 0;) {
        const hrm_select_entry *e = &s->used.items[i];
        size_t length = hrm_select_base_length(e->key);
        if (strcmp(e->how, "tuned") == 0 && strncmp(e->key, base, length) == 0 && base[length] == 0)
            hrm_select_entries_remove(&s->used, i);
    }
}

hrm_status hrm_select_force(hrm_device *device, const char *key, const char *row) {
    hrm_select_state *s = hrm_select_get_state(device);
    if (!s) return fail_without_memory(key);
    s->forced_key = key;
    s->forced_row = row;
    hrm_status status = choose(device, key); /* takes the row, or refuses it */
    s->forced_key = s->forced_row = NULL;
    if (status == HRM_OK) drop_tuned_shapes(s, key);
    return status;
}

hrm_status hrm_select_visit_used(hrm_device *device,
                                 void (*visit)(void *user, const char *key, const char *row, double gflops,
                                               const char *how),
                                 void *user) {
    const hrm_select_state *s = hrm_select_get_state(device);
    if (!s) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "listing kernel choices: no host memory");
    for (uint32_t i = 0; i < s->used.count; i++)
        visit(user, s->used.items[i].key, s->used.items[i].row, s->used.items[i].gflops, s->used.items[i].how);
    return HRM_OK;
}

hrm_status hrm_select_list(hrm_device *device,
                           void (*visit)(void *user, const char *key, const char *row, double gflops, const char *how),
                           void *user) {
    hrm_status status = hrm_matmul_choose_all(device);
    for (int backward = 0; backward <= 1 && status == HRM_OK; backward++) {
        hrm_attention_family family;
        status = hrm_attention_choose(device, backward != 0, &family);
    }
    return status == HRM_OK ? hrm_select_visit_used(device, visit, user) : status;
}
