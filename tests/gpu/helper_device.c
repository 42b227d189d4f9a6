#include "helper_device.h"

#include <pthread.h>
#include <stdio.h>

typedef struct hrm_elementwise_params params_t;

static char log_text[1 << 16];
static size_t log_used;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void on_log(void *user, hrm_log_level level, const char *message) {
    (void)user;
    pthread_mutex_lock(&log_lock);
    if (level >= HRM_LOG_WARN) fprintf(stderr, "log: %s\n", message);
    size_t length = strlen(message);
    if (log_used + length + 2 < sizeof log_text) {
        memcpy(log_text + log_used, message, length);
        log_text[log_used + length] = '\n';
        log_used += length + 1;
        log_text[log_used] = '\0';
    }
    pthread_mutex_unlock(&log_lock);
}

void watch_log(void) {
    hrm_set_log_callback(on_log, NULL, HRM_LOG_DEBUG);
}

bool log_has(const char *text) {
    pthread_mutex_lock(&log_lock);
    bool found = strstr(log_text, text) != NULL;
    pthread_mutex_unlock(&log_lock);
    return found;
}

void clear_log(void) {
    pthread_mutex_lock(&log_lock);
    log_used = 0;
    log_text[0] = '\0';
    pthread_mutex_unlock(&log_lock);
}

hrm_device *open_device(const char *selector, const char *cache_dir) {
    hrm_device *device = NULL;
    const hrm_device_open_info info = {
        .kernels = hrm_kernels_get_table(), .selector = selector, .cache_dir = cache_dir};
    hrm_status status = hrm_device_open(&info, &device);
    if (status == HRM_ERR_NO_DEVICE) CHECK_SKIP("no Vulkan device: %s", hrm_last_error());
    CHECK_OK(status);
    return device;
}

static hrm_device *shared;

hrm_device *shared_device(void) {
    if (!shared) {
        watch_log();
        shared = open_device(NULL, "");
    }
    return shared;
}

int close_shared_device(void **state) {
    (void)state;
    if (!shared) return 0;
    uint64_t messages = hrm_device_get_validation_count(shared);
    if (messages) fprintf(stderr, "%llu validation messages\n", (unsigned long long)messages);
    hrm_device_close(shared);
    shared = NULL;
    return messages == 0 ? 0 : 1;
}

hrm_buffer *make_buffer(hrm_device *device, uint64_t floats, const char *label) {
    hrm_buffer *buffer = NULL;
    CHECK_OK(hrm_buffer_create(device, floats * 4, HRM_MEMORY_DEVICE, label, &buffer));
    return buffer;
}

void upload(hrm_device *device, hrm_buffer *buffer, const float *values, uint64_t floats) {
    CHECK_OK(hrm_queue_upload(device, (hrm_span){buffer, 0, floats * 4}, values));
}

float *download(hrm_device *device, hrm_buffer *buffer, uint64_t floats) {
    float *values = malloc(floats * 4);
    CHECK(values != NULL);
    CHECK_OK(hrm_queue_download(device, (hrm_span){buffer, 0, floats * 4}, values));
    return values;
}

enum { LOCAL = 64, PER_GROUP = 1024 };

static hrm_dispatch elementwise(params_t *params, uint32_t kernel, hrm_span y, float factor) {
    params->count = (uint32_t)(y.bytes / 4);
    params->per_group = PER_GROUP;
    params->factor = factor;
    hrm_dispatch d;
    memset(&d, 0, sizeof d);
    d.kernel = kernel;
    d.push = params;
    d.push_bytes = sizeof *params;
    d.specs[0] = (hrm_spec){HRM_SPEC_LOCAL_X, LOCAL};
    d.spec_count = 1;
    d.groups[0] = (params->count + PER_GROUP - 1) / PER_GROUP;
    d.flops = params->count;
    return d;
}

hrm_dispatch scale_dispatch(params_t *params, hrm_span x, hrm_span y, float factor) {
    hrm_dispatch d = elementwise(params, HRM_KERNEL_scale_scalar, y, factor);
    d.bindings[0] = x;
    d.bindings[1] = y;
    d.binding_count = 2;
    return d;
}

hrm_dispatch add_dispatch(params_t *params, hrm_span a, hrm_span b, hrm_span y) {
    hrm_dispatch d = elementwise(params, HRM_KERNEL_add_scalar, y, 0.0f);
    d.bindings[0] = a;
    d.bindings[1] = b;
    d.bindings[2] = a;
    d.bindings[3] = y;
    d.binding_count = 4;
    return d;
}

void record_scale(hrm_recorder *rec, hrm_span x, hrm_span y, float factor) {
    params_t params;
    hrm_dispatch d = scale_dispatch(&params, x, y, factor);
    hrm_recorder_dispatch(rec, &d);
}

void record_add(hrm_recorder *rec, hrm_span a, hrm_span b, hrm_span y) {
    params_t params;
    hrm_dispatch d = add_dispatch(&params, a, b, y);
    hrm_recorder_dispatch(rec, &d);
}
