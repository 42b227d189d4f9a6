#include "train_window.h"

#include <math.h>

void cli_train_window_add(cli_train_window *w, const hrm_step_report *r, double keep) {
    const double n = r->count;
    const cli_train_window step = {
        .finished = n,
        .exact = n * (double)r->exact_accuracy,
        .accuracy = n * (double)r->accuracy,
        .q_right = n * (double)r->q_halt_accuracy,
        .segments = n * (double)r->segments,
        .steps = 1,
        .loss = (double)r->loss,
        .token_loss = (double)r->token_loss,
        .q_halt_loss = (double)r->q_halt_loss,
        .q_continue_loss = (double)r->q_continue_loss,
        .grad_norm = (double)r->grad_norm,
        .skipped = r->skipped,
    };
#define ADD(field) w->field = w->field * keep + step.field;
    CLI_TRAIN_SUMS(ADD)
#undef ADD
    w->overflowed = w->overflowed * keep + r->overflowed;
    if ((double)r->grad_norm > w->grad_norm_max) w->grad_norm_max = (double)r->grad_norm;
    if (r->device_seconds >= 0 && r->idle_seconds >= 0) {
        w->device_seconds += r->device_seconds;
        w->idle_seconds += r->idle_seconds;
    }
}

double cli_train_window_per_finished(const cli_train_window *w, double sum) {
    return w->finished > 0 ? sum / w->finished : 0;
}

double cli_train_window_per_step(const cli_train_window *w, double sum) {
    return w->steps > 0 ? sum / w->steps : 0;
}

double cli_train_window_get_grad_norm(const cli_train_window *w) {
    return w->steps - w->overflowed > 0 ? w->grad_norm / (w->steps - w->overflowed) : (double)NAN;
}

json_t *cli_train_window_to_line(const cli_train_window *w, const hrm_step_report *last, double seconds) {
    const double busy = w->device_seconds + w->idle_seconds;
    /* no puzzle finished: there is nothing to take a share of, and 0 would be taken for one */
    const double finished = w->finished > 0 ? w->finished : (double)NAN;
    const struct {
        const char *name;
        double value;
    } averages[] = {
        {"loss", cli_train_window_per_step(w, w->loss)},
        {"token_loss", cli_train_window_per_step(w, w->token_loss)},
        {"q_halt_loss", cli_train_window_per_step(w, w->q_halt_loss)},
        {"q_continue_loss", cli_train_window_per_step(w, w->q_continue_loss)},
        {"lr", (double)last->lr},
        {"finished", w->finished},
        {"accuracy", w->accuracy / finished},
        {"exact", w->exact / finished},
        {"q_halt_accuracy", w->q_right / finished},
        {"segments", w->segments / finished},
        {"grad_norm", cli_train_window_get_grad_norm(w)},
        {"grad_norm_max", w->grad_norm_max},
        {"skipped", w->skipped},
    };
    json_t *line = json_pack("{s:s, s:I, s:f}", "type", "step", "step", (json_int_t)last->step, "seconds", seconds);
    for (size_t i = 0; i < sizeof averages / sizeof *averages; i++)
        json_object_set_new(line, averages[i].name, cli_json_number(averages[i].value));
    json_object_set_new(line, "finished", json_integer((json_int_t)w->finished));
    json_object_set_new(line, "skipped", json_integer((json_int_t)w->skipped));
    if (last->loss_scale != 1.0f || last->overflowed_total) { /* f16: at a scale of 1 there were overflows */
        json_object_set_new(line, "loss_scale", cli_json_number((double)last->loss_scale));
        json_object_set_new(line, "overflowed", json_integer((json_int_t)w->overflowed));
    }
    json_object_set_new(line, "idle", busy > 0 ? json_real(w->idle_seconds / busy) : json_null());
    return line;
}

json_t *cli_train_window_to_json(const cli_train_window *w) {
    json_t *note = json_object();
#define SET(field) json_object_set_new(note, #field, cli_json_number(w->field));
    CLI_TRAIN_SUMS(SET)
    SET(grad_norm_max)
    SET(overflowed)
#undef SET
    return note;
}

bool cli_train_window_from_json(const json_t *note, cli_train_window *w) {
    bool fine = true;
    *w = (cli_train_window){0};
#define GET(field)                                                                                                     \
    fine = fine && json_is_number(json_object_get(note, #field));                                                      \
    w->field = json_number_value(json_object_get(note, #field));
    CLI_TRAIN_SUMS(GET)
    GET(grad_norm_max)
    if (json_object_get(note, "overflowed")) { /* noted since there is f16 */
        GET(overflowed)
    }
#undef GET
    return fine;
}
