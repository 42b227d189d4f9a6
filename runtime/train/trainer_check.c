/* What went wrong when a step was not finite. The update of that step and of all after it was not made, so the weights
 * are those it was computed from; what lies on the device is searched in the order in which it is computed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ops/optim.h"
#include "train/trainer_private.h"

enum { CHUNK_VALUES = 1 << 20 };

typedef struct bad_value {
    char tensor[160];
    uint64_t index;
    float value;
    bool found;
} bad_value;

/* Downloads the tensor piece by piece up to its first value that is not finite. */
static hrm_status search(hrm_device *device, const char *name, hrm_tensor t, bad_value *bad) {
    hrm_status status = HRM_OK;
    if (bad->found || !hrm_tensor_is_set(&t)) return HRM_OK;
    float *values = malloc(CHUNK_VALUES * sizeof *values);
    if (!values) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "trainer: no host memory to search tensor %s", name);
    const hrm_span span = hrm_tensor_get_span(&t);
    const uint64_t count = span.bytes / sizeof *values;
    for (uint64_t done = 0; status == HRM_OK && !bad->found && done < count; done += CHUNK_VALUES) {
        const uint64_t n = count - done < CHUNK_VALUES ? count - done : CHUNK_VALUES;
        status = hrm_queue_download(device, (hrm_span){span.buffer, span.offset + done * 4, n * 4}, values);
        for (uint64_t i = 0; status == HRM_OK && !bad->found && i < n; i++) {
            if (isfinite(values[i])) continue;
            *bad = (bad_value){.index = done + i, .value = values[i], .found = true};
            snprintf(bad->tensor, sizeof bad->tensor, "%s", name);
        }
    }
    free(values);
    return status;
}

static hrm_status search_weights(hrm_trainer *t, bad_value *bad) {
    hrm_status status = HRM_OK;
    const hrm_param_list *list = &t->model->list;
    for (uint32_t i = 0; status == HRM_OK && i < list->count; i++) {
        if (list->items[i].group != HRM_GROUP_DENSE) continue;
        char name[160];
        snprintf(name, sizeof name, "weight %s", list->items[i].name);
        status = search(t->device, name, hrm_param_tensor(list, i, t->model->groups[HRM_GROUP_DENSE].buffer), bad);
    }
    return status;
}

static hrm_status search_state(hrm_trainer *t, bad_value *bad) {
    hrm_status status = HRM_OK;
    for (uint32_t part = 0; status == HRM_OK && part < t->step.parts; part++) {
        status = search(t->device, "state z_L", t->step.whole.z_l[part], bad);
        if (status == HRM_OK) status = search(t->device, "state z_H", t->step.whole.z_h[part], bad);
    }
    return status;
}

/* The parameters, from *first to *last, that have values in a chunk of the gradient. */
static void find_gradients(const hrm_trainer *t, uint32_t chunk, const char **first, const char **last) {
    const hrm_param_list *list = &t->model->list;
    const uint64_t begin = (uint64_t)chunk * HRM_GRAD_CHUNK, end = begin + HRM_GRAD_CHUNK;
    *first = *last = "no parameter"; /* padding */
    bool found = false;
    for (uint32_t i = 0; i < list->count; i++) {
        const hrm_param *p = &list->items[i];
        if (p->group != HRM_GROUP_DENSE || p->offset + p->count <= begin || p->offset >= end) continue;
        if (!found) *first = p->name;
        *last = p->name;
        found = true;
    }
}

/* Searched are the tensors that the steps queued since have not replaced; the guard on the device noted the rest. */
hrm_status hrm_trainer_explain_not_finite(hrm_trainer *t, const struct hrm_grad_guard_report *report) {
    hrm_status status;
    bad_value bad = {.found = false};
    const char *what = report->bad_loss ? "loss" : "gradient";
    const char *hint = t->config.precision == HRM_PRECISION_F16
                           ? " (f16 holds numbers up to 65504; precision bf16 has f32's range)"
                           : "";
    HRM_TRY(hrm_queue_drain(t->device));
    HRM_TRY(search_weights(t, &bad));
    HRM_TRY(search(t->device, "puzzle embeddings",
                   t->cache ? t->step.carry.puzzle_rows : t->model->groups[HRM_GROUP_PUZZLE], &bad));
    HRM_TRY(search_state(t, &bad));
    if (bad.found)
        return hrm_fail(HRM_ERR_NOT_FINITE,
                        "step %u: the %s is not a number; the first tensor to go bad is %s: its value %llu is %g. The "
                        "update was not made%s",
                        report->bad_step, what, bad.tensor, (unsigned long long)bad.index, (double)bad.value, hint);
    if (report->bad_chunk != HRM_GRAD_GUARD_NONE) {
        const char *first, *last;
        find_gradients(t, report->bad_chunk, &first, &last);
        return hrm_fail(
            HRM_ERR_NOT_FINITE,
            "step %u: the %s is not a number, or too large for one; the weights are sound, the first tensor "
            "to go bad is the gradient of %s%s%s. The update was not made%s",
            report->bad_step, what, first, first == last ? "" : " or one of those up to ", first == last ? "" : last,
            hint);
    }
    return hrm_fail(HRM_ERR_NOT_FINITE,
                    "step %u: the %s is not a number, though weights and gradients are sound: are there labels past "
                    "the vocabulary? The update was not made%s",
                    report->bad_step, what, hint);
fail:
    return status;
}
