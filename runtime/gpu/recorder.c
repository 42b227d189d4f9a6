#include "gpu/recorder.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gpu/buffer_private.h"
#include "gpu/caps.h"
#include "gpu/device_private.h"
#include "gpu/program_private.h"

struct hrm_recorder {
    hrm_device *device;
    hrm_command_list list;
    const char *scope;
    bool profile;
    hrm_status error; /* the first one */
    char message[HRM_ERROR_MESSAGE_SIZE];
};

void hrm_command_list_deinit(hrm_command_list *list) {
    hrm_arena_deinit(&list->arena);
    free(list->items);
    memset(list, 0, sizeof *list);
}

hrm_status hrm_recorder_create(hrm_device *device, hrm_recorder **out) {
    *out = NULL;
    hrm_recorder *rec = calloc(1, sizeof *rec);
    if (!rec) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "recorder_create: no host memory");
    rec->device = device;
    device->live_recorders++;
    *out = rec;
    return HRM_OK;
}

static void empty(hrm_recorder *rec) {
    hrm_command_list_deinit(&rec->list);
    rec->scope = NULL;
    rec->error = HRM_OK;
    rec->message[0] = '\0';
}

void hrm_recorder_destroy(hrm_recorder *rec) {
    if (!rec) return;
    rec->device->live_recorders--;
    empty(rec);
    free(rec);
}

hrm_device *hrm_recorder_get_device(const hrm_recorder *rec) {
    return rec->device;
}

void hrm_recorder_set_scope(hrm_recorder *rec, const char *scope) {
    rec->scope = scope;
}

void hrm_recorder_set_profile(hrm_recorder *rec, bool on) {
    if (on && !(rec->device->caps & HRM_CAP_TIMESTAMP)) {
        hrm_log(HRM_LOG_WARN, "%s has no compute timestamps: profiles stay empty", rec->device->adapter.info.name);
        on = false;
    }
    rec->profile = on;
}

/* ---- errors -------------------------------------------------------------------------------------------------------
 */

void hrm_recorder_fail(hrm_recorder *rec, hrm_status code, const char *fmt, ...) {
    if (rec->error != HRM_OK) return;
    rec->error = code;
    va_list args;
    va_start(args, fmt);
    vsnprintf(rec->message, sizeof rec->message, fmt, args);
    va_end(args);
}

/* "kernel name (scope/label)" of a dispatch, for messages. */
static const char *describe(const hrm_recorder *rec, const hrm_kernel_row *row, const char *label, char *text,
                            size_t size) {
    if (!rec->scope && !label)
        snprintf(text, size, "kernel %s", row->name);
    else {
        snprintf(text, size, "kernel %s (%s%s%s)", row->name, rec->scope ? rec->scope : "",
                 rec->scope && label ? "/" : "", label ? label : "");
    }
    return text;
}

/* Inside the buffer, whole words. `what` begins the message. */
static bool check_span(hrm_recorder *rec, const char *what, hrm_span span) {
    if (!span.buffer) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: no buffer is given", what);
        return false;
    }
    if (span.buffer->device != rec->device) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: buffer '%s' belongs to another device", what,
                          span.buffer->label);
        return false;
    }
    if (span.bytes == 0 || span.offset > span.buffer->bytes || span.bytes > span.buffer->bytes - span.offset) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "%s: %" PRIu64 " bytes from %" PRIu64 " are not inside buffer '%s' of %" PRIu64 " bytes",
                          what, span.bytes, span.offset, span.buffer->label, span.buffer->bytes);
        return false;
    }
    if (span.offset % 4 || span.bytes % 4) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "%s: offset %" PRIu64 " and size %" PRIu64 " in buffer '%s' must be multiples of 4", what,
                          span.offset, span.bytes, span.buffer->label);
        return false;
    }
    return true;
}

static bool check_binding(hrm_recorder *rec, const char *who, uint32_t index, char letter, hrm_span span) {
    const hrm_adapter *a = &rec->device->adapter.info;
    char what[256];
    snprintf(what, sizeof what, "%s: binding %u ('%c')", who, index, letter);
    if (!check_span(rec, what, span)) return false;
    if (letter == 'a') return true;
    if (span.offset % rec->device->binding_alignment) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "%s: offset %" PRIu64 " in buffer '%s' is not a multiple of this device's %" PRIu64, what,
                          span.offset, span.buffer->label, rec->device->binding_alignment);
        return false;
    }
    if (letter == 't' || letter == 'i') {
        uint64_t texels = (span.bytes + 15) / 16;
        if (texels > a->max_texel_elements) {
            hrm_recorder_fail(rec, HRM_ERR_UNSUPPORTED,
                              "%s: %" PRIu64 " bytes of buffer '%s' are %" PRIu64
                              " texels of 16 bytes; this device allows %u",
                              what, span.bytes, span.buffer->label, texels, a->max_texel_elements);
            return false;
        }
    } else if (span.bytes > a->max_storage_range) {
        hrm_recorder_fail(rec, HRM_ERR_UNSUPPORTED,
                          "%s: %" PRIu64 " bytes of buffer '%s' exceed this device's binding range of %" PRIu64
                          " (maxStorageBufferRange); use a smaller batch",
                          what, span.bytes, span.buffer->label, a->max_storage_range);
        return false;
    }
    return true;
}

static bool check_dispatch(hrm_recorder *rec, const hrm_dispatch *d) {
    const hrm_device *device = rec->device;
    const hrm_kernel_row *row = hrm_kernel_get_row(device, d->kernel);
    char who[160], reason[256];
    if (!row) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "dispatch: kernel %u does not exist; the table has %u",
                          d->kernel, device->kernels.table->count);
        return false;
    }
    describe(rec, row, d->label, who, sizeof who);
    if (hrm_kernel_explain(device, d->kernel, reason, sizeof reason)) {
        hrm_recorder_fail(rec, HRM_ERR_UNSUPPORTED, "%s cannot run on %s: %s", who, device->adapter.info.name, reason);
        return false;
    }
    uint32_t letters = (uint32_t)strlen(row->access);
    if (d->binding_count != letters) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: %u bindings given, access \"%s\" has %u", who,
                          d->binding_count, row->access, letters);
        return false;
    }
    if (d->push_bytes != row->push_bytes || (d->push_bytes && !d->push)) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: %u bytes of push constants given, the row has %u", who,
                          d->push ? d->push_bytes : 0, row->push_bytes);
        return false;
    }
    if (d->spec_count > HRM_MAX_SPECS) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: %u specialization constants, at most %d", who,
                          d->spec_count, (int)HRM_MAX_SPECS);
        return false;
    }
    for (uint32_t i = 0; i < 3; i++) {
        if (d->groups[i] > device->adapter.info.max_workgroup_count[i]) {
            hrm_recorder_fail(rec, HRM_ERR_UNSUPPORTED,
                              "%s: a grid of %u x %u x %u workgroups exceeds this device's %u x %u x %u", who,
                              d->groups[0], d->groups[1], d->groups[2], device->adapter.info.max_workgroup_count[0],
                              device->adapter.info.max_workgroup_count[1], device->adapter.info.max_workgroup_count[2]);
            return false;
        }
    }
    for (uint32_t i = 0; i < letters; i++) {
        if (!check_binding(rec, who, i, row->access[i], d->bindings[i])) return false;
    }
    return true;
}

/* ---- recording ----------------------------------------------------------------------------------------------------
 */

static void *keep(hrm_recorder *rec, const void *bytes, size_t size) {
    void *copy = NULL;
    if (hrm_arena_alloc(&rec->list.arena, 1, size, 8, &copy) != HRM_OK) {
        hrm_recorder_fail(rec, HRM_ERR_OUT_OF_MEMORY, "recorder: no host memory");
        return NULL;
    }
    if (size) memcpy(copy, bytes, size);
    return copy;
}

static hrm_command *append(hrm_recorder *rec, hrm_command_kind kind) {
    hrm_command_list *list = &rec->list;
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity ? list->capacity * 2 : 64;
        hrm_command *grown = realloc(list->items, capacity * sizeof *grown);
        if (!grown) {
            hrm_recorder_fail(rec, HRM_ERR_OUT_OF_MEMORY, "recorder: no host memory");
            return NULL;
        }
        list->items = grown;
        list->capacity = capacity;
    }
    hrm_command *command = &list->items[list->count++];
    memset(command, 0, sizeof *command);
    command->kind = kind;
    return command;
}

static const char *keep_label(hrm_recorder *rec, const char *label) {
    char text[256];
    int length = snprintf(text, sizeof text, "%s%s%s", rec->scope ? rec->scope : "", rec->scope ? "/" : "", label);
    if (length < 0) length = 0;
    if ((size_t)length >= sizeof text) length = (int)sizeof text - 1;
    return keep(rec, text, (size_t)length + 1);
}

void hrm_recorder_dispatch(hrm_recorder *rec, const hrm_dispatch *d) {
    if (rec->error != HRM_OK) return;
    if (!check_dispatch(rec, d) || d->groups[0] == 0) return;
    hrm_command *command = append(rec, HRM_COMMAND_DISPATCH);
    if (!command) return;
    command->kernel = d->kernel;
    command->label = keep_label(rec, d->label ? d->label : hrm_kernel_get_row(rec->device, d->kernel)->name);
    command->bindings = keep(rec, d->bindings, d->binding_count * sizeof d->bindings[0]);
    command->binding_count = d->binding_count;
    command->push = keep(rec, d->push, d->push_bytes);
    command->push_bytes = d->push_bytes;
    command->specs = keep(rec, d->specs, d->spec_count * sizeof d->specs[0]);
    command->spec_count = d->spec_count;
    for (uint32_t i = 0; i < 3; i++) command->groups[i] = d->groups[i] ? d->groups[i] : 1;
    command->flops = d->flops > 0.0 ? d->flops : 0.0;
    command->cost_ns = hrm_pace_estimate_ns(command);
}

void hrm_recorder_copy(hrm_recorder *rec, hrm_span dst, hrm_span src) {
    if (rec->error != HRM_OK) return;
    if (!check_span(rec, "copy: destination", dst) || !check_span(rec, "copy: source", src)) return;
    if (dst.bytes != src.bytes) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "copy: %" PRIu64 " bytes of '%s' to %" PRIu64 " bytes of '%s'; sizes must be equal",
                          src.bytes, src.buffer->label, dst.bytes, dst.buffer->label);
        return;
    }
    if (dst.buffer == src.buffer && dst.offset < src.offset + src.bytes && src.offset < dst.offset + dst.bytes) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "copy: source and destination overlap in '%s'",
                          dst.buffer->label);
        return;
    }
    const hrm_span both[2] = {dst, src};
    hrm_command *command = append(rec, HRM_COMMAND_COPY);
    if (!command) return;
    command->label = keep_label(rec, "copy");
    command->bindings = keep(rec, both, sizeof both);
    command->binding_count = 2;
    command->cost_ns = hrm_pace_estimate_ns(command);
}

void hrm_recorder_fill(hrm_recorder *rec, hrm_span dst, uint32_t value) {
    if (rec->error != HRM_OK || !check_span(rec, "fill", dst)) return;
    hrm_command *command = append(rec, HRM_COMMAND_FILL);
    if (!command) return;
    command->label = keep_label(rec, "fill");
    command->bindings = keep(rec, &dst, sizeof dst);
    command->binding_count = 1;
    command->fill_value = value;
    command->cost_ns = hrm_pace_estimate_ns(command);
}

/* ---- hazards ------------------------------------------------------------------------------------------------------
 */

/* Byte ranges touched since the last barrier. */
typedef struct touched {
    hrm_span *spans;
    uint32_t count, capacity;
} touched;

static bool touch(touched *set, hrm_span span) {
    if (set->count == set->capacity) {
        uint32_t capacity = set->capacity ? set->capacity * 2 : 64;
        hrm_span *grown = realloc(set->spans, capacity * sizeof *grown);
        if (!grown) return false;
        set->spans = grown;
        set->capacity = capacity;
    }
    set->spans[set->count++] = span;
    return true;
}

static bool overlaps(const touched *set, hrm_span span) {
    for (uint32_t i = 0; i < set->count; i++) {
        const hrm_span *other = &set->spans[i];
        if (other->buffer == span.buffer && other->offset < span.offset + span.bytes &&
            span.offset < other->offset + other->bytes) {
            return true;
        }
    }
    return false;
}

static char access_letter(const hrm_recorder *rec, const hrm_command *command, uint32_t binding) {
    if (command->kind != HRM_COMMAND_DISPATCH) return binding == 0 ? 'w' : 'r';
    return rec->device->kernels.table->rows[command->kernel].access[binding];
}

/* A command waits for a barrier when it reads what was written, or writes what was read or written, since the last. */
static hrm_status derive_barriers(hrm_recorder *rec) {
    touched reads = {NULL, 0, 0}, writes = {NULL, 0, 0};
    bool ok = true;
    for (uint32_t c = 0; ok && c < rec->list.count; c++) {
        hrm_command *command = &rec->list.items[c];
        for (uint32_t b = 0; b < command->binding_count && !command->barrier_before; b++) {
            char letter = access_letter(rec, command, b);
            bool writing = letter == 'w' || letter == 'm';
            command->barrier_before =
                overlaps(&writes, command->bindings[b]) || (writing && overlaps(&reads, command->bindings[b]));
        }
        if (command->barrier_before) reads.count = writes.count = 0;
        for (uint32_t b = 0; ok && b < command->binding_count; b++) {
            char letter = access_letter(rec, command, b);
            if (letter != 'w') ok = touch(&reads, command->bindings[b]);
            if (ok && (letter == 'w' || letter == 'm')) ok = touch(&writes, command->bindings[b]);
        }
    }
    free(reads.spans);
    free(writes.spans);
    return ok ? HRM_OK : hrm_fail(HRM_ERR_OUT_OF_MEMORY, "recorder: no host memory");
}

/* Refuses commands on buffers that are only planned: they can be counted, not run. */
static hrm_status check_memory(const hrm_recorder *rec) {
    for (uint32_t c = 0; c < rec->list.count; c++) {
        const hrm_command *command = &rec->list.items[c];
        for (uint32_t b = 0; b < command->binding_count; b++) {
            const hrm_buffer *buffer = command->bindings[b].buffer;
            if (buffer->kind != HRM_MEMORY_NONE) continue;
            return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                            "recorder_end: '%s' uses buffer '%s', which is only planned (HRM_MEMORY_NONE) and has no "
                            "memory; such a recording can be counted, then dropped with hrm_recorder_reset",
                            command->label, buffer->label);
        }
    }
    return HRM_OK;
}

double hrm_recorder_get_flops(const hrm_recorder *rec) {
    double flops = 0.0;
    for (uint32_t c = 0; c < rec->list.count; c++) flops += rec->list.items[c].flops;
    return flops;
}

uint32_t hrm_recorder_get_dispatch_count(const hrm_recorder *rec) {
    uint32_t count = 0;
    for (uint32_t c = 0; c < rec->list.count; c++) count += rec->list.items[c].kind == HRM_COMMAND_DISPATCH;
    return count;
}

hrm_status hrm_recorder_get_status(const hrm_recorder *rec) {
    return rec->error == HRM_OK ? HRM_OK : hrm_fail(rec->error, "%s", rec->message);
}

void hrm_recorder_reset(hrm_recorder *rec) {
    empty(rec);
}

hrm_status hrm_recorder_end(hrm_recorder *rec, hrm_program **out) {
    hrm_status status;
    *out = NULL;
    HRM_TRY(hrm_recorder_get_status(rec));
    HRM_TRY(check_memory(rec));
    HRM_TRY(derive_barriers(rec));
    hrm_command_list list = rec->list;
    memset(&rec->list, 0, sizeof rec->list);
    HRM_TRY(hrm_program_create(rec->device, &list, rec->profile, out));
fail:
    empty(rec);
    return status;
}
