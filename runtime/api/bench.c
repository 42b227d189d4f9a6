/* Kernels at the model's shapes, timed on the device: programs of one repeated dispatch, host time between tickets. */
#include <hrm/bench.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config_copy.h"
#include "base/sort.h"
#include "gpu/program.h"
#include "model/plan.h"
#include "model/weights.h"
#include "ops/attention.h"
#include "ops/elementwise.h"
#include "ops/loss.h"
#include "ops/matmul.h"
#include "ops/optim.h"
#include "ops/peak.h"
#include "ops/random.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"
#include "ops/swiglu.h"
#include "shared/peak.h"

/* One measurement: `record` records one run of the op. */
typedef struct bench {
    hrm_device *device;
    hrm_bench_config config;
    void (*visit)(void *user, const hrm_bench_result *result);
    void *user;
    hrm_plan plan;
    uint64_t stream;
    hrm_dtype inside; /* of activations and of weights as products read them */
} bench;

typedef void (*record_fn)(hrm_recorder *rec, void *args);

/* Queues `record` once. Errors latch in the plan. */
static void run_once(bench *b, record_fn record, void *args) {
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    hrm_status status = hrm_recorder_create(b->device, &rec);
    if (status == HRM_OK) {
        record(rec, args);
        status = hrm_recorder_end(rec, &program);
    }
    if (status == HRM_OK) status = hrm_program_submit(program, NULL);
    hrm_program_destroy(program);
    hrm_recorder_destroy(rec);
    if (status != HRM_OK) b->plan.status = status;
}

static void record_random(hrm_recorder *rec, void *args) {
    hrm_random_trunc_normal(rec, *(hrm_random_trunc_normal_args *)args);
}

static void record_convert(hrm_recorder *rec, void *args) {
    hrm_convert(rec, *(hrm_convert_args *)args);
}

static void record_pack(hrm_recorder *rec, void *args) {
    const hrm_matmul_args *a = args;
    hrm_matmul_pack(rec, a->b, a->b_packed);
}

static hrm_tensor random_tensor(bench *b, uint64_t rows, uint64_t cols) {
    hrm_tensor t = hrm_plan_2d(&b->plan, HRM_LIFE_IO, "bench", HRM_F32_T, rows, cols);
    hrm_random_trunc_normal_args args = {.y = t, .std = 0.5f, .seed = 7, .stream = b->stream++};
    if (t.buffer) run_once(b, record_random, &args);
    return t;
}

/* The same in the type of the precision asked for. */
static hrm_tensor stored_tensor(bench *b, uint64_t rows, uint64_t cols) {
    hrm_tensor x = random_tensor(b, rows, cols);
    if (b->inside == HRM_F32_T || !x.buffer) return x;
    hrm_tensor y = hrm_plan_2d(&b->plan, HRM_LIFE_IO, "bench", b->inside, rows, cols);
    hrm_convert_args args = {.y = y, .x = x};
    if (y.buffer) run_once(b, record_convert, &args);
    return y;
}

/* Times a program that holds `repeat` copies of the op. */
static hrm_status time_program(bench *b, hrm_program *program, uint32_t repeat, hrm_bench_result *r) {
    hrm_ticket ticket;
    uint32_t runs = b->config.runs ? b->config.runs : 9;
    double *ms = malloc(runs * sizeof *ms);
    if (!ms) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "bench: no host memory");
    hrm_status status = HRM_OK;
    for (uint32_t i = 0; i < runs + 1 && status == HRM_OK; i++) { /* the first compiles and warms up */
        uint64_t start = hrm_clock_ns();
        status = hrm_program_submit(program, &ticket);
        if (status == HRM_OK) status = hrm_queue_wait(b->device, ticket, 0);
        if (i > 0) ms[i - 1] = hrm_clock_seconds_since(start) * 1e3 / repeat;
    }
    if (status == HRM_OK) {
        hrm_sort_doubles(ms, runs);
        r->runs = runs;
        r->median_ms = ms[runs / 2];
        r->min_ms = ms[0];
        r->max_ms = ms[runs - 1];
    }
    free(ms);
    return status;
}

static bool wanted(const bench *b, const char *name) {
    return !b->config.filter || strstr(name, b->config.filter);
}

/* Records `record` often enough to fill some 30 ms at a guessed rate, times it and reports. */
static hrm_status measure(bench *b, const hrm_bench_result *what, record_fn record, void *args, double flops,
                          double bytes) {
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    hrm_status status;
    uint32_t repeat = (uint32_t)(3e9 / (flops + 4 * bytes + 1));
    repeat = repeat < 1 ? 1 : repeat > 64 ? 64 : repeat;
    HRM_TRY(hrm_plan_get_status(&b->plan));
    HRM_TRY(hrm_recorder_create(b->device, &rec));
    for (uint32_t i = 0; i < repeat; i++) record(rec, args);
    HRM_TRY(hrm_recorder_end(rec, &program));
    hrm_bench_result r = *what;
    HRM_TRY(time_program(b, program, repeat, &r));
    r.gflops = flops / r.median_ms * 1e-6;
    r.gbytes = bytes / r.median_ms * 1e-6;
    b->visit(b->user, &r);
fail:
    hrm_program_destroy(program);
    hrm_recorder_destroy(rec);
    return status;
}

static void record_matmul(hrm_recorder *rec, void *args) {
    hrm_matmul(rec, *(hrm_matmul_args *)args);
}

static hrm_status bench_matmul(bench *b, uint32_t rows, uint32_t out, uint32_t in) {
    static const struct {
        hrm_matmul_form form;
        const char *name;
    } forms[] = {{HRM_MATMUL_NT, "matmul forward"},
                 {HRM_MATMUL_NN, "matmul input gradient"},
                 {HRM_MATMUL_TN, "matmul weight gradient"}};
    hrm_status status = HRM_OK;
    for (size_t i = 0; i < sizeof forms / sizeof *forms && status == HRM_OK; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s %ux%ux%u", forms[i].name, rows, out, in);
        if (!wanted(b, name)) continue;
        hrm_plan_init(&b->plan, b->device);
        hrm_tensor x = stored_tensor(b, rows, in), w = stored_tensor(b, out, in), y = stored_tensor(b, rows, out);
        const hrm_tensor grad_w = random_tensor(b, out, in); /* f32 in every precision */
        hrm_matmul_args args = {.form = forms[i].form, .label = forms[i].name};
        if (args.form == HRM_MATMUL_NT) {
            args.a = x, args.b = w, args.c = y;
            if (b->inside == HRM_F32_T && hrm_matmul_wants_packed(b->device, HRM_MATMUL_NT)) {
                args.b_packed =
                    hrm_plan_1d(&b->plan, HRM_LIFE_PACKED, "packed", HRM_F32_T, hrm_matmul_packed_count(out, in));
                if (args.b_packed.buffer) run_once(b, record_pack, &args);
            }
        } else if (args.form == HRM_MATMUL_NN) {
            args.a = y, args.b = w, args.c = x;
        } else {
            args.a = y, args.b = x, args.c = grad_w;
            uint64_t scratch = hrm_matmul_scratch_count(b->device, HRM_MATMUL_TN, b->inside, out, in, rows);
            if (scratch) args.scratch = hrm_plan_1d(&b->plan, HRM_LIFE_SCRATCH, "partial", HRM_F32_T, scratch);
        }
        const hrm_matmul_problem problem = {.form = args.form,
                                            .a = args.a.dtype,
                                            .b = args.b.dtype,
                                            .c = args.c.dtype,
                                            .rows = rows,
                                            .out = out,
                                            .in = in};
        const double each = hrm_dtype_get_bytes(b->inside), weight = hrm_dtype_get_bytes(args.c.dtype);
        double work = (double)rows * out * in * 2,
               bytes = each * (double)rows * (in + out) + (args.form == HRM_MATMUL_TN ? weight : each) * out * in;
        const bool tn = args.form == HRM_MATMUL_TN, nn = args.form == HRM_MATMUL_NN;
        const hrm_bench_result what = {.name = name,
                                       .row = hrm_matmul_get_row_for(b->device, &problem),
                                       .product = (hrm_bench_product)(HRM_BENCH_FORWARD + i),
                                       .m = tn ? out : rows,
                                       .n = nn || tn ? in : out,
                                       .k = tn   ? rows
                                            : nn ? out
                                                 : in};
        if (status == HRM_OK) status = measure(b, &what, record_matmul, &args, work, bytes);
        hrm_plan_deinit(&b->plan);
    }
    return status;
}

typedef struct attention_args {
    hrm_attention_fwd_args fwd;
    hrm_attention_bwd_args bwd;
} attention_args;

static void record_attention_fwd(hrm_recorder *rec, void *args) {
    hrm_attention_fwd(rec, ((attention_args *)args)->fwd);
}

static void record_attention_bwd(hrm_recorder *rec, void *args) {
    hrm_attention_bwd(rec, ((attention_args *)args)->bwd);
}

static const char *get_attention_row(bench *b, bool backward, const hrm_attention_fwd_args *args) {
    hrm_attention_family family;
    const hrm_attention_problem problem = {backward, b->inside, args->batch, args->seq, args->heads, args->head_dim};
    return hrm_attention_choose_for(b->device, &problem, &family) == HRM_OK ? hrm_attention_family_name(family)
                                                                            : "none";
}

static hrm_status bench_attention(bench *b, uint32_t batch, uint32_t seq, uint32_t heads, uint32_t hd) {
    char name[2][96];
    snprintf(name[0], sizeof name[0], "attention forward %ux%ux%ux%u", batch, seq, heads, hd);
    snprintf(name[1], sizeof name[1], "attention backward %ux%ux%ux%u", batch, seq, heads, hd);
    if (!wanted(b, name[0]) && !wanted(b, name[1])) return HRM_OK;
    hrm_plan_init(&b->plan, b->device);
    uint64_t rows = (uint64_t)batch * seq, D = (uint64_t)heads * hd;
    hrm_tensor qkv = stored_tensor(b, rows, 3 * D), o = stored_tensor(b, rows, D), grad_o = stored_tensor(b, rows, D);
    hrm_tensor lse = random_tensor(b, rows, heads), delta = random_tensor(b, rows, heads),
               grad = stored_tensor(b, rows, 3 * D);
    attention_args args = {
        .fwd = {.qkv = qkv, .o = o, .lse = lse, .batch = batch, .seq = seq, .heads = heads, .head_dim = hd},
        .bwd = {.qkv = qkv,
                .o = o,
                .lse = lse,
                .grad_o = grad_o,
                .delta = delta,
                .grad_qkv = grad,
                .batch = batch,
                .seq = seq,
                .heads = heads,
                .head_dim = hd}};
    double pairs = (double)batch * heads * seq * seq * hd,
           bytes = 4.0 * hrm_dtype_get_bytes(b->inside) * (double)rows * (double)D;
    hrm_status status = HRM_OK;
    if (wanted(b, name[0]))
        status = measure(b, &(hrm_bench_result){.name = name[0], .row = get_attention_row(b, false, &args.fwd)},
                         record_attention_fwd, &args, 4 * pairs, bytes);
    if (status == HRM_OK && wanted(b, name[1]))
        status = measure(b, &(hrm_bench_result){.name = name[1], .row = get_attention_row(b, true, &args.fwd)},
                         record_attention_bwd, &args, 10 * pairs, 2 * bytes);
    hrm_plan_deinit(&b->plan);
    return status;
}

/* Ops bound by memory: tensors of [rows, cols]. */
typedef struct rows_args {
    hrm_tensor x, y, z, wide, wide2, rstd, block, m, v;
    uint64_t rows, cols;
} rows_args;

static void record_norm_fwd(hrm_recorder *rec, void *p) {
    const rows_args *a = p;
    hrm_rms_norm_fwd(rec, (hrm_rms_norm_fwd_args){
                              .x = a->x, .y = a->y, .rstd = a->rstd, .rows = a->rows, .cols = a->cols, .eps = 1e-5f});
}

static void record_norm_bwd(hrm_recorder *rec, void *p) {
    const rows_args *a = p;
    hrm_rms_norm_bwd(rec,
                     (hrm_rms_norm_bwd_args){
                         .grad_y = a->x, .y = a->y, .rstd = a->rstd, .grad_x = a->z, .rows = a->rows, .cols = a->cols});
}

static void record_add(hrm_recorder *rec, void *p) {
    const rows_args *a = p;
    hrm_add(rec, (hrm_add_args){.y = a->z, .a = a->x, .b = a->y});
}

static void record_swiglu_fwd(hrm_recorder *rec, void *p) {
    const rows_args *a = p;
    hrm_swiglu_fwd(rec, (hrm_swiglu_fwd_args){.gate_up = a->wide, .y = a->y, .rows = a->rows, .cols = a->cols});
}

static void record_swiglu_bwd(hrm_recorder *rec, void *p) {
    const rows_args *a = p;
    hrm_swiglu_bwd(rec,
                   (hrm_swiglu_bwd_args){
                       .gate_up = a->wide, .grad_y = a->y, .grad_gate_up = a->wide2, .rows = a->rows, .cols = a->cols});
}

static void record_adam(hrm_recorder *rec, void *p) {
    const rows_args *a = p;
    hrm_adam_atan2(rec, (hrm_adam_atan2_args){.param = a->x,
                                              .grad = a->y,
                                              .m = a->m,
                                              .v = a->v,
                                              .step_block = a->block,
                                              .count = a->rows * a->cols,
                                              .beta1 = 0.9f,
                                              .beta2 = 0.95f,
                                              .weight_decay = 0.1f});
}

static hrm_status bench_rows(bench *b, uint32_t rows, uint32_t cols) {
    /* words: tensors of [rows, cols] read and written once */
    static const struct {
        const char *name, *row;
        record_fn record;
        double words;
    } ops[] = {{"add", "add", record_add, 3},
               {"rms_norm forward", "rms_norm_fwd", record_norm_fwd, 2},
               {"rms_norm backward", "rms_norm_bwd", record_norm_bwd, 3},
               {"swiglu forward", "swiglu_fwd", record_swiglu_fwd, 3},
               {"swiglu backward", "swiglu_bwd", record_swiglu_bwd, 5},
               {"adam_atan2", "adam_atan2", record_adam, 7}};
    hrm_status status = HRM_OK;
    for (size_t i = 0; i < sizeof ops / sizeof *ops && status == HRM_OK; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s %ux%u", ops[i].name, rows, cols);
        if (!wanted(b, name)) continue;
        hrm_plan_init(&b->plan, b->device);
        rows_args a = {.x = random_tensor(b, rows, cols),
                       .y = random_tensor(b, rows, cols),
                       .z = random_tensor(b, rows, cols),
                       .wide = random_tensor(b, rows, 2ull * cols),
                       .wide2 = random_tensor(b, rows, 2ull * cols),
                       .rstd = random_tensor(b, rows, 1),
                       .m = random_tensor(b, rows, cols),
                       .v = random_tensor(b, rows, cols),
                       .rows = rows,
                       .cols = cols};
        a.block = hrm_plan_1d(&b->plan, HRM_LIFE_IO, "step block", HRM_U32_T, sizeof(struct hrm_step_block) / 4);
        struct hrm_step_block block = {0};
        hrm_adam_atan2_set_step(&block, 1, 0.0, 0.9, 0.95);
        status = hrm_plan_get_status(&b->plan);
        if (status == HRM_OK) status = hrm_queue_upload(b->device, hrm_tensor_get_span(&a.block), &block);
        if (status == HRM_OK)
            status = measure(b, &(hrm_bench_result){.name = name, .row = ops[i].row}, ops[i].record, &a, 0,
                             ops[i].words * 4 * (double)rows * cols);
        hrm_plan_deinit(&b->plan);
    }
    return status;
}

/* ---- the device's peak ---- */

typedef struct peak_args {
    hrm_tensor x, y, z;
    uint32_t rounds;
} peak_args;

static void record_peak(hrm_recorder *rec, void *p) {
    const peak_args *a = p;
    hrm_peak(rec, (hrm_peak_args){.y = a->x, .rounds = a->rounds, .factor = 0.999f, .term = 0.001f});
}

static void record_copy(hrm_recorder *rec, void *p) {
    const peak_args *a = p;
    hrm_recorder_copy(rec, hrm_tensor_get_span(&a->y), hrm_tensor_get_span(&a->x));
}

static void record_triad(hrm_recorder *rec, void *p) {
    const peak_args *a = p;
    hrm_add(rec, (hrm_add_args){.y = a->z, .a = a->x, .b = a->y});
}

static hrm_status time_once(bench *b, record_fn record, void *args, double *ms) {
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    hrm_bench_result r = {0};
    hrm_status status;
    HRM_TRY(hrm_recorder_create(b->device, &rec));
    record(rec, args);
    HRM_TRY(hrm_recorder_end(rec, &program));
    HRM_TRY(time_program(b, program, 1, &r));
    *ms = r.min_ms; /* a peak is what can be, not what usually is */
fail:
    hrm_program_destroy(program);
    hrm_recorder_destroy(rec);
    return status;
}

/* Arithmetic: enough invocations for a large GPU, and rounds doubled until a run takes long enough for launching it not
 * to matter, but no watchdog. */
static hrm_status measure_arithmetic(bench *b, double *gflops) {
    enum { INVOCATIONS = 1 << 18, LEAST_MS = 20, MOST_ROUNDS = 1 << 16 };
    hrm_status status = HRM_OK;
    hrm_plan_init(&b->plan, b->device);
    peak_args args = {.x = random_tensor(b, 1, INVOCATIONS)};
    double ms = 0;
    for (uint32_t rounds = 1; status == HRM_OK && ms < LEAST_MS && rounds <= MOST_ROUNDS; rounds *= 2) {
        args.rounds = rounds;
        status = hrm_plan_get_status(&b->plan);
        if (status == HRM_OK) status = time_once(b, record_peak, &args, &ms);
    }
    *gflops = ms > 0 ? 1e-6 * 2 * HRM_PEAK_PER_ROUND * args.rounds * (double)INVOCATIONS / ms : 0;
    hrm_plan_deinit(&b->plan);
    return status;
}

/* Memory: three tensors of 64 MiB, more than almost all caches hold, as far as the device binds them. */
static hrm_status measure_memory(bench *b, double *gbytes) {
    const uint64_t most = UINT64_C(64) << 20, range = hrm_device_get_binding_range(b->device);
    const uint64_t count = (range < most ? range / 16 * 16 : most) / 4;
    double copy_ms = 0, triad_ms = 0;
    hrm_status status;
    hrm_plan_init(&b->plan, b->device);
    peak_args args = {
        .x = random_tensor(b, 1, count), .y = random_tensor(b, 1, count), .z = random_tensor(b, 1, count)};
    HRM_TRY(hrm_plan_get_status(&b->plan));
    HRM_TRY(time_once(b, record_copy, &args, &copy_ms));
    HRM_TRY(time_once(b, record_triad, &args, &triad_ms));
    const double copy = 1e-6 * 8 * (double)count / copy_ms, triad = 1e-6 * 12 * (double)count / triad_ms;
    *gbytes = copy > triad ? copy : triad;
fail:
    hrm_plan_deinit(&b->plan);
    return status;
}

hrm_status hrm_bench_measure_peak(hrm_device *device, hrm_bench_peak *peak) {
    bench b = {.device = device, .config.runs = 7};
    hrm_bench_peak measured = {.struct_size = (uint32_t)sizeof measured};
    hrm_status status = measure_arithmetic(&b, &measured.gflops);
    if (status == HRM_OK) status = measure_memory(&b, &measured.gbytes);
    if (status == HRM_OK) *peak = measured;
    return status;
}

hrm_status hrm_bench_kernels(hrm_device *device, const hrm_bench_config *config,
                             void (*visit)(void *user, const hrm_bench_result *result), void *user) {
    bench b = {.device = device, .visit = visit, .user = user};
    hrm_status status = hrm_config_copy(config, &b.config, sizeof b.config, "hrm_bench_config");
    if (status == HRM_OK) status = hrm_precision_get_dtype(b.config.precision, "hrm_bench_config", &b.inside);
    /* Products: 32, 8 and 1 Sudokus at the layers of the 27M model, one with its puzzle position, then the demo's. */
    static const uint32_t products[][3] = {
        {2592, 512, 512}, {2592, 1536, 512}, {2592, 3072, 512}, {2592, 512, 1536}, {648, 512, 512}, {648, 1536, 512},
        {648, 3072, 512}, {648, 512, 1536},  {81, 512, 512},    {81, 1536, 512},   {81, 3072, 512}, {81, 512, 1536},
        {82, 1536, 512},  {2304, 288, 96},   {2304, 96, 96},    {2304, 512, 96},   {2304, 96, 256}};
    static const uint32_t attentions[][4] = {{4, 512, 8, 64}, {32, 81, 8, 64}, {8, 82, 8, 64},
                                             {1, 82, 8, 64},  {1, 900, 8, 64}, {64, 36, 3, 32}};
    static const uint32_t rows[][2] = {{2592, 512}, {2592, 1536}, {2304, 96}, {2304, 256}};
    for (size_t i = 0; status == HRM_OK && i < sizeof products / sizeof *products; i++)
        status = bench_matmul(&b, products[i][0], products[i][1], products[i][2]);
    for (size_t i = 0; status == HRM_OK && i < sizeof attentions / sizeof *attentions; i++)
        status = bench_attention(&b, attentions[i][0], attentions[i][1], attentions[i][2], attentions[i][3]);
    for (size_t i = 0; status == HRM_OK && i < sizeof rows / sizeof *rows; i++)
        status = bench_rows(&b, rows[i][0], rows[i][1]);
    return status;
}
