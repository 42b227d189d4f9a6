/* Solvers: many puzzles through one carry, each leaving when it is done.
 * The host reads one small result block per segment, refills finished rows, and when no puzzle waits moves the rows
 * still alive to the front and goes on with a smaller recorded program, so that finished rows cost nothing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hrm/model.h>

#include "base/config_copy.h"
#include "base/log.h"
#include "gpu/adapter.h"
#include "gpu/device.h"
#include "model/carry.h"
#include "model/solver.h"
#include "ops/act.h"
#include "ops/loss.h"
#include "shared/step_block.h"

enum { MAX_BUCKETS = 64, ALIGN_WORDS = 64 };
#define NO_PUZZLE UINT32_MAX /* clang's C11 has no such enumerator */

/* A batch size with its recorded programs, made at first use. */
typedef struct bucket {
    uint32_t rows;
    hrm_program *segment; /* one segment over the first `rows` rows */
    hrm_program *compact; /* moves rows index[0 .. rows) to the front */
} bucket;

struct hrm_solver {
    hrm_model *model;
    bool is_counted; /* among the model's solvers */
    hrm_solver_config config;
    float margin; /* the confidence as a distance of Q logits */
    hrm_plan plan;
    hrm_carry carry;
    hrm_net net;
    hrm_inner inner;
    hrm_tensor results; /* halted, steps, q, answers in one block: one download per segment */
    uint64_t steps_at, q_at, answers_at, results_words;
    hrm_tensor answers;
    hrm_tensor index, moved_tokens, moved_ids, moved_steps;
    bucket buckets[MAX_BUCKETS]; /* largest first */
    uint32_t bucket_count;
    bool profile; /* programs carry timestamps */
    hrm_solver_observer observer;
    void *observer_user;
    /* host mirrors */
    uint32_t *host_results, *new_tokens, *new_ids, *halted, *slot, *order;
    uint32_t *free_rows; /* rows of carry.puzzle_rows that no puzzle uses; NULL when the table is on the device */
    uint32_t free_count;
    uint32_t *segments; /* of the puzzle in each row: what the device must count too */
};

static uint64_t align_words(uint64_t n) {
    return (n + ALIGN_WORDS - 1) / ALIGN_WORDS * ALIGN_WORDS;
}

/* halted, steps, q and answers share one buffer so that a segment's outcome is one download. */
static void plan_results(hrm_solver *s) {
    const uint32_t B = s->config.max_batch, S = s->model->dims.S;
    s->steps_at = align_words(B);
    s->q_at = s->steps_at + align_words(B);
    s->answers_at = s->q_at + align_words(2ull * B);
    s->results_words = s->answers_at + (uint64_t)B * S;
    s->results = hrm_plan_1d(&s->plan, HRM_LIFE_IO, "solver results", HRM_U32_T, s->results_words);
    hrm_buffer *buffer = s->results.buffer;
    s->carry.halted = hrm_tensor_1d(buffer, 0, HRM_U32_T, B);
    s->carry.steps = hrm_tensor_1d(buffer, s->steps_at * 4, HRM_U32_T, B);
    s->carry.q = hrm_tensor_2d(buffer, s->q_at * 4, HRM_F32_T, B, 2);
    s->answers = hrm_tensor_2d(buffer, s->answers_at * 4, HRM_U32_T, B, S);
}

/* All tensors, for max_batch rows. */
static hrm_status lay_out(hrm_solver *s) {
    hrm_status status;
    hrm_model *model = s->model;
    const uint32_t B = s->config.max_batch, S = model->dims.S;
    hrm_carry_plan(&s->carry, &s->plan, model, B, false);
    plan_results(s);
    s->index = hrm_plan_1d(&s->plan, HRM_LIFE_IO, "row index", HRM_U32_T, B);
    s->moved_tokens = hrm_plan_2d(&s->plan, HRM_LIFE_SCRATCH, "moved tokens", HRM_U32_T, B, S);
    s->moved_ids = hrm_plan_1d(&s->plan, HRM_LIFE_SCRATCH, "moved ids", HRM_U32_T, B);
    s->moved_steps = hrm_plan_1d(&s->plan, HRM_LIFE_SCRATCH, "moved steps", HRM_U32_T, B);
    s->net = (hrm_net){.model = model, .batch = B};
    hrm_scratch_plan(&s->net.scratch, &s->plan, model, B, false);
    HRM_TRY(hrm_plan_get_status(&s->plan));
    HRM_TRY(hrm_inner_init(&s->inner, &s->plan, model, &(hrm_inner_config){.batch = B}, s->carry.z_h, s->carry.z_l));
fail:
    return status;
}

hrm_status hrm_solver_plan(hrm_model *model, uint32_t max_batch, uint64_t *bytes) {
    hrm_solver s = {.model = model, .config.max_batch = max_batch};
    hrm_plan_init_dry(&s.plan, model->device);
    hrm_status status = lay_out(&s);
    if (status == HRM_OK) *bytes = hrm_plan_get_bytes(&s.plan);
    hrm_inner_deinit(&s.inner);
    hrm_plan_deinit(&s.plan);
    return status;
}

hrm_status hrm_solver_create(hrm_model *model, const hrm_solver_config *config, hrm_solver **out) {
    hrm_status status;
    hrm_solver_config given;
    *out = NULL;
    status = hrm_config_copy(config, &given, sizeof given, "hrm_solver_config");
    if (status != HRM_OK) return status;
    hrm_solver *s = calloc(1, sizeof *s);
    if (!s) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "solver: no host memory");
    s->model = model;
    s->config = given;
    if (s->config.max_batch == 0) s->config.max_batch = 64;
    if (s->config.confidence == 0) s->config.confidence = 0.5f;
    if (s->config.max_segments == 0) s->config.max_segments = model->config.halt_max_segments;
    hrm_plan_init(&s->plan, model->device);
    if (s->config.max_batch > 65535 || s->config.max_segments > 65535 || s->config.halting > HRM_HALTING_FIXED) {
        status =
            hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                     "solver: max_batch %u, max_segments %u, halting %d: the first two go to 65535, halting is 0 or 1",
                     s->config.max_batch, s->config.max_segments, (int)s->config.halting);
        goto fail;
    }
    if (!(s->config.confidence >= 0.5f && s->config.confidence <= 0.999999f)) {
        status = hrm_fail(HRM_ERR_INVALID_ARGUMENT, "solver: confidence is %g; it must be 0.5 to 0.999999",
                          (double)s->config.confidence);
        goto fail;
    }
    /* The Q head's logit l means a chance of 1 / (1 + exp(-l)). */
    s->margin = (float)log((double)s->config.confidence / (1.0 - (double)s->config.confidence));
    const uint32_t B = s->config.max_batch, S = model->dims.S;
    HRM_TRY(lay_out(s));
    for (uint32_t rows = B; rows > 0 && s->bucket_count < MAX_BUCKETS; rows = rows * 3 / 4)
        s->buckets[s->bucket_count++].rows = rows;
    s->host_results = calloc(s->results_words, 4);
    s->new_tokens = calloc((size_t)B * S, 4);
    s->new_ids = calloc(B, 4);
    s->halted = calloc(B, 4);
    s->slot = calloc(B, 4);
    s->order = calloc(B, 4);
    s->segments = calloc(B, 4);
    if (model->puzzle_on_host) s->free_rows = calloc(B, 4);
    if (!s->host_results || !s->new_tokens || !s->new_ids || !s->halted || !s->slot || !s->order || !s->segments ||
        (model->puzzle_on_host && !s->free_rows)) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "solver: no host memory for %u rows", B);
        goto fail;
    }
    struct hrm_step_block block = {.live_rows = B};
    HRM_TRY(hrm_queue_upload(model->device, hrm_tensor_get_span(&s->carry.step_block), &block));
    model->solver_count++;
    s->is_counted = true;
    *out = s;
    return HRM_OK;
fail:
    hrm_solver_destroy(s);
    return status;
}

void hrm_solver_destroy(hrm_solver *s) {
    if (!s) return;
    for (uint32_t i = 0; i < s->bucket_count; i++) {
        hrm_program_destroy(s->buckets[i].segment);
        hrm_program_destroy(s->buckets[i].compact);
    }
    if (s->is_counted) s->model->solver_count--;
    hrm_inner_deinit(&s->inner);
    hrm_plan_deinit(&s->plan);
    free(s->host_results);
    free(s->new_tokens);
    free(s->new_ids);
    free(s->halted);
    free(s->slot);
    free(s->order);
    free(s->free_rows);
    free(s->segments);
    free(s);
}

void hrm_solver_set_observer(hrm_solver *s, hrm_solver_observer observer, void *user) {
    s->observer = observer;
    s->observer_user = user;
}

void hrm_solver_set_profile(hrm_solver *s) {
    s->profile = true;
}

hrm_status hrm_solver_read_profile(hrm_solver *s, void (*visit)(void *user, const hrm_label_time *time), void *user) {
    for (uint32_t i = 0; i < s->bucket_count; i++)
        if (s->buckets[i].segment) return hrm_program_read_profile(s->buckets[i].segment, visit, user);
    return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "solver: nothing was solved yet");
}

static hrm_status record_segment(hrm_solver *s, bucket *b) {
    hrm_recorder *rec = NULL;
    hrm_status status = hrm_recorder_create(s->model->device, &rec);
    if (status != HRM_OK) return status;
    hrm_recorder_set_profile(rec, s->profile);
    const hrm_dims *d = &s->model->dims;
    const hrm_carry *c = &s->carry;
    hrm_net net = s->net;
    net.batch = b->rows;
    const uint64_t rows = (uint64_t)b->rows * d->T;
    hrm_tensor z_h = hrm_net_view(c->z_h, rows, d->D), z_l = hrm_net_view(c->z_l, rows, d->D);
    hrm_carry_record_begin(rec, &net, c);
    hrm_inner_forward(
        rec, &net, &s->inner,
        &(hrm_inner_io){.e = hrm_net_view(c->e, rows, d->D), .h_in = z_h, .l_in = z_l, .h_out = z_h, .l_out = z_l},
        false);
    hrm_carry_record_heads(rec, &net, z_h, c->logits, c->q);
    hrm_argmax(rec,
               (hrm_argmax_args){.logits = hrm_tensor_3d(c->logits.buffer, 0, HRM_F32_T, b->rows, d->T, d->V),
                                 .preds = hrm_tensor_2d(s->answers.buffer, s->answers.offset, HRM_U32_T, b->rows, d->S),
                                 .batch = b->rows,
                                 .seq = d->S,
                                 .puzzle_len = d->P,
                                 .vocab = d->V});
    hrm_act_halt(rec,
                 (hrm_act_halt_args){.q = hrm_net_view(c->q, b->rows, 2),
                                     .steps = hrm_tensor_1d(c->steps.buffer, c->steps.offset, HRM_U32_T, b->rows),
                                     .halted = hrm_tensor_1d(c->halted.buffer, c->halted.offset, HRM_U32_T, b->rows),
                                     .step_block = c->step_block,
                                     .batch = b->rows,
                                     .max_steps = s->config.max_segments,
                                     .mode = s->config.halting == HRM_HALTING_FIXED ? HRM_ACT_FIXED : HRM_ACT_ADAPTIVE,
                                     .has_continue = s->model->config.halt_rule == HRM_HALT_COMPARE,
                                     .margin = s->margin});
    status = hrm_recorder_end(rec, &b->segment);
    hrm_recorder_destroy(rec);
    return status;
}

static hrm_status record_compact(hrm_solver *s, bucket *b) {
    hrm_recorder *rec = NULL;
    hrm_status status = hrm_recorder_create(s->model->device, &rec);
    if (status != HRM_OK) return status;
    const hrm_dims *d = &s->model->dims;
    const uint32_t state = d->T * d->D;
    const struct {
        hrm_tensor t, moved;
        uint32_t row;
    } moves[] = {{s->carry.z_h, s->net.scratch.ping, state},
                 {s->carry.z_l, s->net.scratch.pong, state},
                 {s->carry.tokens, s->moved_tokens, d->S},
                 {s->carry.ids, s->moved_ids, 1},
                 {s->carry.steps, s->moved_steps, 1}};
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        const hrm_tensor *t = &moves[i].t, *moved = &moves[i].moved;
        hrm_tensor to = hrm_tensor_2d(moved->buffer, moved->offset, t->dtype, b->rows, moves[i].row);
        hrm_tensor back = hrm_tensor_2d(t->buffer, t->offset, t->dtype, b->rows, moves[i].row);
        hrm_gather_rows(rec, (hrm_gather_rows_args){.src = hrm_tensor_2d(t->buffer, t->offset, t->dtype,
                                                                         s->config.max_batch, moves[i].row),
                                                    .dst = to,
                                                    .index = hrm_tensor_1d(s->index.buffer, 0, HRM_U32_T, b->rows),
                                                    .rows = b->rows,
                                                    .row_elements = moves[i].row});
        hrm_recorder_copy(rec, hrm_tensor_get_span(&back), hrm_tensor_get_span(&to));
    }
    status = hrm_recorder_end(rec, &b->compact);
    hrm_recorder_destroy(rec);
    return status;
}

/* The smallest bucket that holds `live` rows. */
static bucket *find_bucket(hrm_solver *s, uint32_t live) {
    bucket *b = &s->buckets[0];
    for (uint32_t i = 1; i < s->bucket_count && s->buckets[i].rows >= live; i++) b = &s->buckets[i];
    return b;
}

static hrm_status check_inputs(const hrm_solver *s, const uint32_t *tokens, const uint32_t *ids, uint32_t count) {
    const hrm_dims *d = &s->model->dims;
    for (size_t i = 0; i < (size_t)count * d->S; i++)
        if (tokens[i] >= d->V)
            return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                            "solve: token %u of puzzle %zu is %u; this model knows tokens 0 to %u",
                            (unsigned)(i % d->S), i / d->S, tokens[i], d->V - 1);
    for (uint32_t i = 0; ids && i < count; i++)
        if (ids[i] >= d->N)
            return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                            "solve: puzzle id %u of puzzle %u is out of range; this model has %u", ids[i], i, d->N);
    return HRM_OK;
}

/* Moves the rows in use to the front of the device's carry and of the host's mirrors. */
static hrm_status compact(hrm_solver *s, bucket *from, bucket *to) {
    const uint32_t S = s->model->dims.S;
    uint32_t n = 0;
    for (uint32_t i = 0; i < from->rows; i++)
        if (s->slot[i] != NO_PUZZLE) s->order[n++] = i;
    for (uint32_t i = n; i < to->rows; i++) s->order[i] = s->order[0];
    for (uint32_t i = 0; i < to->rows; i++) {
        uint32_t row = s->order[i];
        s->slot[i] = i < n ? s->slot[row] : NO_PUZZLE;
        s->halted[i] = i < n ? s->halted[row] : 0;
        s->segments[i] = s->segments[row];
        s->new_ids[i] = s->new_ids[row];
        memmove(&s->new_tokens[(size_t)i * S], &s->new_tokens[(size_t)row * S], S * sizeof *s->new_tokens);
    }
    hrm_status status = HRM_OK;
    if (!to->compact) status = record_compact(s, to);
    hrm_span span = hrm_tensor_get_span(&s->index);
    span.bytes = to->rows * 4ull;
    if (status == HRM_OK) status = hrm_queue_upload(s->model->device, span, s->order);
    if (status == HRM_OK) status = hrm_program_submit(to->compact, NULL);
    return status;
}

static hrm_status upload_rows(hrm_solver *s, uint32_t rows, bool fresh) {
    hrm_device *device = s->model->device;
    hrm_span halted = hrm_tensor_get_span(&s->carry.halted), ids = hrm_tensor_get_span(&s->carry.new_ids),
             tokens = hrm_tensor_get_span(&s->carry.new_tokens);
    halted.bytes = ids.bytes = rows * 4ull;
    tokens.bytes = (uint64_t)rows * s->model->dims.S * 4;
    hrm_status status = hrm_queue_upload(device, halted, s->halted);
    if (status == HRM_OK && fresh) status = hrm_queue_upload(device, ids, s->new_ids);
    if (status == HRM_OK && fresh) status = hrm_queue_upload(device, tokens, s->new_tokens);
    return status;
}

/* What the device knows a puzzle's identifier as: itself, or the row its embedding was moved to. */
static hrm_status take_id(hrm_solver *s, uint32_t puzzle_id, uint32_t *out) {
    if (!s->free_rows) {
        *out = puzzle_id;
        return HRM_OK;
    }
    const hrm_dims *d = &s->model->dims;
    const uint32_t row = s->free_rows[--s->free_count];
    hrm_span span = hrm_tensor_get_span(&s->carry.puzzle_rows);
    span.bytes = d->E * 4ull;
    span.offset += row * span.bytes;
    *out = row;
    return hrm_queue_upload(s->model->device, span, hrm_model_get_puzzle_host(s->model)->rows + puzzle_id * span.bytes);
}

hrm_status hrm_solver_run(hrm_solver *s, const uint32_t *tokens, const uint32_t *puzzle_ids, uint32_t count,
                          uint32_t *answers, hrm_solution *solutions) {
    hrm_status status = check_inputs(s, tokens, puzzle_ids, count);
    if (status != HRM_OK) return status;
    const uint32_t B = s->config.max_batch, S = s->model->dims.S;
    const uint32_t *halted = s->host_results, *steps = s->host_results + s->steps_at,
                   *decoded = s->host_results + s->answers_at;
    const float *q = (const float *)(const void *)(s->host_results + s->q_at);
    bucket *b = find_bucket(s, count < B ? count : B);
    uint32_t next = 0, live = 0;
    for (uint32_t i = 0; i < B; i++) s->slot[i] = NO_PUZZLE;
    for (uint32_t i = 0; s->free_rows && i < B; i++) s->free_rows[i] = i;
    s->free_count = B;
    for (;;) {
        bool fresh = false;
        for (uint32_t i = 0; i < b->rows; i++) {
            s->halted[i] = 0;
            if (s->slot[i] != NO_PUZZLE || next == count) continue;
            s->slot[i] = next;
            s->halted[i] = 1; /* starts over with the new puzzle */
            s->segments[i] = 0;
            status = take_id(s, puzzle_ids ? puzzle_ids[next] : 0, &s->new_ids[i]);
            if (status != HRM_OK) return status;
            memcpy(&s->new_tokens[(size_t)i * S], &tokens[(size_t)next * S], S * sizeof *tokens);
            next++;
            live++;
            fresh = true;
        }
        if (live == 0) return HRM_OK;
        bucket *smaller = find_bucket(s, live);
        if (smaller != b) {
            status = compact(s, b, smaller);
            if (status != HRM_OK) return status;
            b = smaller;
        }
        if (!b->segment) status = record_segment(s, b);
        if (status == HRM_OK) status = upload_rows(s, b->rows, fresh);
        if (status == HRM_OK) status = hrm_program_submit(b->segment, NULL);
        hrm_span span = hrm_tensor_get_span(&s->results);
        span.bytes = (s->answers_at + (uint64_t)b->rows * S) * 4;
        if (status == HRM_OK) status = hrm_queue_download(s->model->device, span, s->host_results);
        if (status != HRM_OK) return status;
        for (uint32_t i = 0; i < b->rows; i++) {
            uint32_t p = s->slot[i];
            if (p == NO_PUZZLE) continue;
            /* A device that accepts work and does none would never end a puzzle. */
            if (steps[i] != ++s->segments[i])
                return hrm_fail(HRM_ERR_DEVICE,
                                "solve: %s does not compute what it is given: puzzle %u had %u segments, it counts %u",
                                hrm_device_get_adapter(s->model->device)->name, p, s->segments[i], steps[i]);
            const uint32_t *answer = &decoded[(size_t)i * S];
            if (s->observer && !s->observer(s->observer_user, p, steps[i], answer, q[2 * i], q[2 * i + 1]))
                return hrm_fail(HRM_ERR_CANCELLED, "solve: stopped by the caller after %u of %u puzzles", next - live,
                                count);
            if (!halted[i]) continue;
            memcpy(&answers[(size_t)p * S], answer, S * sizeof *answer);
            if (solutions) {
                bool by_q = s->config.halting == HRM_HALTING_ADAPTIVE &&
                            q[2 * i] > (s->model->config.halt_rule == HRM_HALT_COMPARE ? q[2 * i + 1] : 0) + s->margin;
                solutions[p] = (hrm_solution){steps[i], by_q, q[2 * i], q[2 * i + 1]};
            }
            s->slot[i] = NO_PUZZLE;
            if (s->free_rows) s->free_rows[s->free_count++] = s->new_ids[i];
            live--;
        }
    }
}
