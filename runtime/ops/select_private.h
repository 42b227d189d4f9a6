/* Shared by select.c (which row a problem gets), select_measure.c (how rows are compared and timed) and select_store.c
 * (what is remembered, in memory and in the file). */
#ifndef HRM_OPS_SELECT_PRIVATE_H
#define HRM_OPS_SELECT_PRIVATE_H

#include "base/path.h"
#include "ops/select.h"

/* A row chosen for a key, or refused for the operation and type that `key` then names. */
typedef struct hrm_select_entry {
    char key[HRM_SELECT_KEY], row[HRM_SELECT_ROW];
    double gflops;   /* 0: not measured */
    double error;    /* of refused ones */
    const char *how; /* of those in use: see hrm_select_list */
} hrm_select_entry;

typedef struct hrm_select_entries {
    hrm_select_entry *items;
    uint32_t count, capacity;
} hrm_select_entries;

/* What hangs on a device. */
typedef struct hrm_select_state {
    hrm_select_entries used;             /* of this process, in the order they were made */
    hrm_select_entries stored, refused;  /* of the file */
    char path[HRM_PATH_MAX];             /* "" = no cache folder */
    bool save_failed;                    /* said once */
    const char *forced_key, *forced_row; /* during hrm_select_force; else NULL */
} hrm_select_state;

/* NULL: no host memory. */
hrm_select_state *hrm_select_get_state(hrm_device *device);

hrm_select_entry *hrm_select_entries_find(const hrm_select_entries *list, const char *key);
/* Sets or adds the entry of a key; without memory the list stays as it is, which costs a measurement. */
void hrm_select_entries_set(hrm_select_entries *list, const char *key, const char *row, double gflops, const char *how);
void hrm_select_entries_remove(hrm_select_entries *list, uint32_t index);

/* Length of a key without its shape. */
size_t hrm_select_base_length(const char *key);

/* The row's entry if it computed wrong results for the operation and type of the key. */
const hrm_select_entry *hrm_select_find_refused(const hrm_select_state *s, const char *key, const char *row);
/* Remembers that, and forgets every choice of the row for that operation and type. */
void hrm_select_refuse(hrm_select_state *s, const char *key, const char *row, double error);

/* Writes the file, with what other processes added to it meanwhile. Errors: IO; nothing without a cache folder. */
hrm_status hrm_select_save(hrm_select_state *s);
/* The same where nobody waits for the outcome: a failure is logged, once. */
void hrm_select_save_quietly(hrm_select_state *s);

/* How a case is measured. */
typedef struct hrm_select_method {
    uint32_t runs;                   /* timed runs of each; the median counts */
    double clearly;                  /* a later candidate must take less than this share of the best one's time */
    const hrm_select_tuning *tuning; /* to report to; or NULL */
} hrm_select_method;

/* Measures. *measured false: the device's rates mean nothing, and *chosen is the first candidate that runs. Rows that
 * compute wrong results are noted in the state; nothing is saved here. */
hrm_status hrm_select_measure(hrm_device *device, hrm_select_state *s, const hrm_select_case *c,
                              const hrm_select_method *method, uint32_t *chosen, double *gflops, bool *measured);

#endif
