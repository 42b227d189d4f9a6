#include "run_names.h"

#include <string.h>

enum { MOST_DIFFERENCES = 3 };

/* The value at a member, or at a member of a member: "lr", "model.hidden_size". */
static const json_t *get_value(const cli_run_metrics *run, const char *group, const char *key) {
    return json_object_get(group ? json_object_get(run->config, group) : run->config, key);
}

/* Runs of one name. */
typedef struct namesakes {
    const cli_run_metrics *runs;
    size_t count, first; /* of all runs; the first one of this name */
} namesakes;

static bool is_one(const namesakes *same, size_t i) {
    return strcmp(cli_run_metrics_name(&same->runs[i]), cli_run_metrics_name(&same->runs[same->first])) == 0;
}

static bool differs(const namesakes *same, const char *group, const char *key) {
    const json_t *value = get_value(&same->runs[same->first], group, key);
    for (size_t i = same->first + 1; i < same->count; i++)
        if (is_one(same, i)) {
            const json_t *other = get_value(&same->runs[i], group, key);
            if (!other || !json_equal(value, other)) return true;
        }
    return false;
}

/* Appends ", lr 0.0001" to the name of each namesake, for each member that differs. */
static void add_differences(const namesakes *same, const json_t *members, const char *group,
                            char (*names)[CLI_RUN_NAME_SIZE], int *added) {
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)members, key, member) {
        if (json_is_object(member) && !group) add_differences(same, member, key, names, added);
        if (json_is_object(member) || json_is_array(member) || *added == MOST_DIFFERENCES || !differs(same, group, key))
            continue;
        for (size_t i = same->first; i < same->count; i++) {
            if (!is_one(same, i)) continue;
            const json_t *value = get_value(&same->runs[i], group, key);
            char number[64] = "?";
            const char *text = json_string_value(value);
            const size_t n = strlen(names[i]);
            if (json_is_integer(value)) snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
            if (json_is_real(value)) snprintf(number, sizeof number, "%.6g", json_real_value(value));
            snprintf(names[i] + n, CLI_RUN_NAME_SIZE - n, ", %s %.60s", key, text ? text : number);
        }
        ++*added;
    }
}

void cli_run_names_make(const cli_run_metrics *runs, size_t count, char (*names)[CLI_RUN_NAME_SIZE]) {
    for (size_t i = 0; i < count; i++) snprintf(names[i], CLI_RUN_NAME_SIZE, "%.400s", cli_run_metrics_name(&runs[i]));
    for (size_t i = 0; i < count; i++) {
        const namesakes same = {runs, count, i};
        bool first = true, alone = true;
        for (size_t k = 0; k < count; k++) {
            if (k == i || !is_one(&same, k)) continue;
            alone = false;
            if (k < i) first = false;
        }
        int added = 0;
        if (!alone && first) add_differences(&same, runs[i].config, NULL, names, &added);
    }
    for (size_t i = 0; i < count; i++) {
        bool alone = true;
        for (size_t k = 0; k < count; k++) alone = alone && (k == i || strcmp(names[i], names[k]) != 0);
        if (alone) continue;
        for (size_t k = i + 1; k < count; k++)
            if (strcmp(names[i], names[k]) == 0) snprintf(names[k], CLI_RUN_NAME_SIZE, "%.500s", runs[k].folder);
        snprintf(names[i], CLI_RUN_NAME_SIZE, "%.500s", runs[i].folder);
    }
}
