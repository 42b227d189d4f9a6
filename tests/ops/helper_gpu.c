#include "helper_gpu.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/half.h"
#include "base/log.h"
#include "base/rng.h"
#include "ops/kernels.h"

#define GUARD_WORD 0xdecafbadu
#define FRESH_WORD 0x7fc0deadu /* a quiet NaN */
#define FRESH_PAIR 0x7fc07fc0u /* two of bf16 or f16 */
enum { GUARD_BYTES = 512, MAX_TENSORS = 256, MAX_HOST = 1024 };

static struct {
    hrm_device *device;
    hrm_recorder *recorder;
    hrm_program *program;
    hrm_tensor tensors[MAX_TENSORS];
    uint32_t tensor_count;
    void *host[MAX_HOST];
    uint32_t host_count;
    uint64_t messages_seen; /* of the validation layer, up to the last check */
} gpu;

static void on_log(void *user, hrm_log_level level, const char *text) {
    (void)user;
    fprintf(stderr, "[log] %s\n", text);
    (void)level;
}

static bool is_on(const char *variable) {
    const char *value = getenv(variable);
    return value && *value && strcmp(value, "0") != 0;
}

void helper_gpu_open(const char *disable) {
    if (disable) setenv("HRM_DISABLE", disable, 1);
    hrm_set_log_callback(on_log, NULL, HRM_LOG_WARN);
    hrm_device_open_info info = {
        .kernels = hrm_kernels_get_table(),
        .validation = is_on("HRM_TEST_VALIDATION") || is_on("HRM_VALIDATION"),
    };
    hrm_status status = hrm_device_open(&info, &gpu.device);
    if (status == HRM_ERR_NO_DEVICE) CHECK_SKIP("no Vulkan device: %s", hrm_last_error());
    if (status != HRM_OK) {
        fprintf(stderr, "cannot open a device: %s\n", hrm_last_error());
        exit(1);
    }
    const hrm_adapter *adapter = hrm_device_get_adapter(gpu.device);
    printf("device: %s (%s), subgroup %" PRIu32 "\n", adapter->name, adapter->driver_info, adapter->subgroup_size);
}

int helper_gpu_close(void) {
    uint64_t messages = hrm_device_get_validation_count(gpu.device);
    if (messages) fprintf(stderr, "FAILED: %" PRIu64 " validation message(s), see above\n", messages);
    hrm_device_close(gpu.device);
    gpu.device = NULL;
    return messages != 0;
}

hrm_device *helper_gpu_get_device(void) {
    return gpu.device;
}

bool helper_gpu_is_slow(void) {
    const hrm_adapter *adapter = hrm_device_get_adapter(gpu.device);
    const char *wish = getenv("HRM_TEST_SLOW");
    return (wish && *wish) || strstr(adapter->name, "SwiftShader") != NULL ||
           strstr(adapter->driver_name, "SwiftShader") != NULL;
}

static void *keep(void *memory) {
    if (!memory) check_fail_at(__FILE__, __LINE__, "no host memory");
    if (gpu.host_count == MAX_HOST) check_fail_at(__FILE__, __LINE__, "raise MAX_HOST");
    gpu.host[gpu.host_count++] = memory;
    return memory;
}

float *helper_gpu_host_f32(size_t n) {
    return keep(calloc(n ? n : 1, sizeof(float)));
}

double *helper_gpu_host_f64(size_t n) {
    return keep(calloc(n ? n : 1, sizeof(double)));
}

uint32_t *helper_gpu_host_u32(size_t n) {
    return keep(calloc(n ? n : 1, sizeof(uint32_t)));
}

double *helper_gpu_widen(const float *x, size_t n) {
    double *out = helper_gpu_host_f64(n);
    for (size_t i = 0; i < n; i++) out[i] = x[i];
    return out;
}

/* Of the elements of a contiguous tensor, in whole words: a buffer's unit. */
static uint64_t bytes_of(const hrm_tensor *t) {
    return (hrm_tensor_get_count(t) * hrm_dtype_get_bytes(t->dtype) + 3) / 4 * 4;
}

/* One buffer: guard words, the tensor, guard words. */
static hrm_tensor place(hrm_tensor shape) {
    if (gpu.tensor_count == MAX_TENSORS) check_fail_at(__FILE__, __LINE__, "raise MAX_TENSORS");
    uint64_t alignment = hrm_device_get_binding_alignment(gpu.device);
    uint64_t front = alignment > GUARD_BYTES ? alignment : GUARD_BYTES;
    uint64_t bytes = bytes_of(&shape);
    hrm_tensor t = shape;
    CHECK_OK(hrm_buffer_create(gpu.device, front + bytes + GUARD_BYTES, HRM_MEMORY_DEVICE, "test", &t.buffer));
    t.offset = front;
    gpu.tensors[gpu.tensor_count++] = t;
    return t;
}

/* Writes guards, and `data` or fresh words between them. */
static void write_all(hrm_tensor t, const void *data) {
    uint64_t size = hrm_buffer_get_size(t.buffer);
    uint64_t bytes = bytes_of(&t);
    uint32_t *words = malloc(size);
    if (!words) check_fail_at(__FILE__, __LINE__, "no host memory");
    for (uint64_t i = 0; i < size / 4; i++) words[i] = GUARD_WORD;
    if (data) {
        memcpy(words + t.offset / 4, data, hrm_tensor_get_count(&t) * hrm_dtype_get_bytes(t.dtype));
    } else {
        for (uint64_t i = 0; i < bytes / 4; i++)
            words[t.offset / 4 + i] = hrm_dtype_is_16bit(t.dtype) ? FRESH_PAIR : FRESH_WORD;
    }
    hrm_status status = hrm_queue_upload(gpu.device, hrm_buffer_span(t.buffer), words);
    free(words);
    CHECK_OK(status);
}

static hrm_tensor make(hrm_tensor shape, const void *data) {
    hrm_tensor t = place(shape);
    write_all(t, data);
    return t;
}

hrm_tensor helper_gpu_f32(const float *data, uint64_t n) {
    return make(hrm_tensor_1d(NULL, 0, HRM_F32_T, n), data);
}

hrm_tensor helper_gpu_f32_2d(const float *data, uint64_t rows, uint64_t cols) {
    return make(hrm_tensor_2d(NULL, 0, HRM_F32_T, rows, cols), data);
}

hrm_tensor helper_gpu_f32_3d(const float *data, uint64_t a, uint64_t b, uint64_t c) {
    return make(hrm_tensor_3d(NULL, 0, HRM_F32_T, a, b, c), data);
}

hrm_tensor helper_gpu_u32(const void *data, uint64_t n) {
    return make(hrm_tensor_1d(NULL, 0, HRM_U32_T, n), data);
}

hrm_tensor helper_gpu_u32_2d(const void *data, uint64_t rows, uint64_t cols) {
    return make(hrm_tensor_2d(NULL, 0, HRM_U32_T, rows, cols), data);
}

static uint16_t narrow(hrm_dtype dtype, float x) {
    return dtype == HRM_BF16_T ? hrm_bf16_from_f32(x) : hrm_f16_from_f32(x);
}

static float widen(hrm_dtype dtype, uint16_t bits) {
    return dtype == HRM_BF16_T ? hrm_bf16_to_f32(bits) : hrm_f16_to_f32(bits);
}

void helper_gpu_round(hrm_dtype dtype, float *x, size_t n) {
    if (!hrm_dtype_is_16bit(dtype)) return;
    for (size_t i = 0; i < n; i++) x[i] = widen(dtype, narrow(dtype, x[i]));
}

hrm_tensor helper_gpu_any(hrm_tensor shape, const float *data) {
    if (!data || !hrm_dtype_is_16bit(shape.dtype)) return make(shape, data);
    uint64_t n = hrm_tensor_get_count(&shape);
    uint16_t *half = malloc((n ? n : 1) * sizeof *half);
    if (!half) check_fail_at(__FILE__, __LINE__, "no host memory");
    for (uint64_t i = 0; i < n; i++) half[i] = narrow(shape.dtype, data[i]);
    hrm_tensor t = place(shape);
    write_all(t, half);
    free(half);
    return t;
}

float *helper_gpu_read_any(hrm_tensor t) {
    const void *data = helper_gpu_read(t);
    uint64_t n = hrm_tensor_get_count(&t);
    float *x = helper_gpu_host_f32(n);
    for (uint64_t i = 0; i < n; i++)
        x[i] = hrm_dtype_is_16bit(t.dtype) ? widen(t.dtype, ((const uint16_t *)data)[i]) : ((const float *)data)[i];
    return x;
}

double helper_gpu_rounding(hrm_dtype dtype) {
    return dtype == HRM_BF16_T ? 0x1p-8 : dtype == HRM_F16_T ? 0x1p-11 : 0x1p-24;
}

void helper_gpu_write(hrm_tensor t, const void *data) {
    write_all(t, data);
}

/* The whole buffer, its guards checked. */
static uint32_t *read_checked(hrm_tensor t) {
    uint64_t size = hrm_buffer_get_size(t.buffer);
    uint32_t *words = malloc(size);
    if (!words) check_fail_at(__FILE__, __LINE__, "no host memory");
    hrm_status status = hrm_queue_download(gpu.device, hrm_buffer_span(t.buffer), words);
    if (status != HRM_OK) {
        free(words);
        CHECK_OK(status);
    }
    uint64_t begin = t.offset / 4, end = begin + bytes_of(&t) / 4;
    for (uint64_t i = 0; i < size / 4; i++) {
        if ((i >= begin && i < end) || words[i] == GUARD_WORD) continue;
        uint32_t found = words[i];
        free(words);
        check_fail_at(__FILE__, __LINE__, "guard word %" PRId64 " of a tensor of %" PRIu64 " words is 0x%08" PRIx32,
                      (int64_t)i - (int64_t)begin, end - begin, found);
    }
    return words;
}

void *helper_gpu_read(hrm_tensor t) {
    /* A view of a tensor made here is read through its own buffer: find the tensor for its guards. */
    for (uint32_t i = 0; i < gpu.tensor_count; i++) {
        if (gpu.tensors[i].buffer != t.buffer) continue;
        uint32_t *words = keep(read_checked(gpu.tensors[i]));
        return words + t.offset / 4;
    }
    check_fail_at(__FILE__, __LINE__, "not a tensor of this test");
}

hrm_recorder *helper_gpu_begin(void) {
    if (!gpu.recorder) CHECK_OK(hrm_recorder_create(gpu.device, &gpu.recorder));
    return gpu.recorder;
}

/* New messages of the validation layer since the last call. */
static uint64_t take_messages(void) {
    uint64_t count = hrm_device_get_validation_count(gpu.device), fresh = count - gpu.messages_seen;
    gpu.messages_seen = count;
    return fresh;
}

static void check_messages(void) {
    uint64_t messages = take_messages();
    if (messages) check_fail_at(__FILE__, __LINE__, "%" PRIu64 " validation message(s), see above", messages);
}

void helper_gpu_run_again(void) {
    CHECK_OK(hrm_program_submit(gpu.program, &(hrm_ticket){0}));
    CHECK_OK(hrm_queue_drain(gpu.device));
    check_messages();
}

void helper_gpu_run(void) {
    hrm_program_destroy(gpu.program);
    gpu.program = NULL;
    CHECK_OK(hrm_recorder_end(helper_gpu_begin(), &gpu.program));
    helper_gpu_run_again();
}

void helper_gpu_expect_error(hrm_status code, const char *text) {
    hrm_program_destroy(gpu.program);
    gpu.program = NULL;
    CHECK_STATUS(hrm_recorder_end(helper_gpu_begin(), &gpu.program), code);
    CHECK_ERROR_HAS(text);
    take_messages(); /* what the wrong use may have told the layer */
}

double helper_gpu_time(uint32_t times) {
    double best = INFINITY;
    for (uint32_t i = 0; i < times; i++) {
        hrm_ticket ticket;
        uint64_t begin = hrm_clock_ns();
        CHECK_OK(hrm_program_submit(gpu.program, &ticket));
        CHECK_OK(hrm_queue_wait(gpu.device, ticket, 0));
        double seconds = hrm_clock_seconds_since(begin);
        if (seconds < best) best = seconds;
    }
    return best;
}

void helper_gpu_print_speed(const char *name, double bytes, uint32_t repeats) {
    enum { TIMES = 20 };
    helper_gpu_time(2);
    struct timespec begin, end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    double best = helper_gpu_time(TIMES) / repeats;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    double cpu = (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
    cpu /= 2.0 * TIMES * repeats;
    printf("%-24s %9.0f bytes  %8.1f us  %6.2f GB/s  (processor time / 2: %8.1f us %6.2f GB/s)\n", name, bytes,
           1e6 * best, 1e-9 * bytes / best, 1e6 * cpu, 1e-9 * bytes / cpu);
}

static void free_all(void) {
    hrm_program_destroy(gpu.program);
    gpu.program = NULL;
    hrm_recorder_destroy(gpu.recorder);
    gpu.recorder = NULL;
    for (uint32_t i = 0; i < gpu.tensor_count; i++) hrm_buffer_destroy(gpu.tensors[i].buffer);
    gpu.tensor_count = 0;
    for (uint32_t i = 0; i < gpu.host_count; i++) free(gpu.host[i]);
    gpu.host_count = 0;
}

/* Guards of tensors the test never read (scratch, inputs) are checked here; a non-zero result fails the test. */
static int count_broken_guards(void) {
    int broken = 0;
    for (uint32_t k = 0; k < gpu.tensor_count; k++) {
        hrm_tensor t = gpu.tensors[k];
        uint64_t size = hrm_buffer_get_size(t.buffer);
        uint64_t begin = t.offset, end = begin + bytes_of(&t);
        uint32_t front[GUARD_BYTES / 4], back[GUARD_BYTES / 4];
        if (hrm_queue_download(gpu.device, (hrm_span){t.buffer, 0, GUARD_BYTES}, front) != HRM_OK) return broken + 1;
        uint64_t alignment = hrm_device_get_binding_alignment(gpu.device);
        uint64_t back_begin = end / alignment * alignment; /* spans start aligned */
        uint32_t *tail = malloc(size - back_begin);
        if (!tail) return broken + 1;
        if (hrm_queue_download(gpu.device, (hrm_span){t.buffer, back_begin, size - back_begin}, tail) != HRM_OK) {
            free(tail);
            return broken + 1;
        }
        memcpy(back, tail + (end - back_begin) / 4, GUARD_BYTES);
        free(tail);
        for (uint32_t i = 0; i < GUARD_BYTES / 4; i++) {
            if (front[i] == GUARD_WORD && back[i] == GUARD_WORD) continue;
            fprintf(stderr, "tensor %" PRIu32 " of this test (%" PRIu64 " elements): a guard word is overwritten\n", k,
                    hrm_tensor_get_count(&t));
            broken++;
            break;
        }
    }
    return broken;
}

int helper_gpu_teardown(void **state) {
    (void)state;
    int broken = count_broken_guards();
    free_all();
    uint64_t messages = take_messages();
    if (messages) {
        fprintf(stderr, "%" PRIu64 " validation message(s), see above\n", messages);
        broken++;
    }
    return broken;
}

void helper_gpu_random(float *x, size_t n, double sd, uint64_t stream) {
    hrm_rng rng;
    hrm_rng_init(&rng, check_seed(), stream);
    for (size_t i = 0; i < n; i++) {
        /* Box-Muller; 1 - u is never 0 */
        double u = hrm_rng_f64(&rng), v = hrm_rng_f64(&rng);
        x[i] = (float)(sd * sqrt(-2.0 * log(1.0 - u)) * cos(6.283185307179586 * v));
    }
}

void helper_gpu_random_u32(uint32_t *x, size_t n, uint32_t below, uint64_t stream) {
    hrm_rng rng;
    hrm_rng_init(&rng, check_seed(), stream);
    for (size_t i = 0; i < n; i++) x[i] = hrm_rng_below(&rng, below);
}
