#include "helper_recipe.h"

#include <string.h>

#include "base/rng.h"
#include "check.h"
#include "model/config.h"
#include "train/recipe_fields.h"

hrm_trainer_config tiny_recipe(void) {
    hrm_trainer_config c;
    CHECK_OK(hrm_trainer_config_preset(HRM_TASK_MAZE_DEMO, &c));
    c.model.hidden_size = 32;
    c.model.num_heads = 2;
    c.model.h_layers = c.model.l_layers = 1;
    c.model.h_cycles = c.model.l_cycles = 1;
    c.model.halt_max_segments = 3;
    c.batch = 8;
    c.steps = 12;
    c.lr_warmup_steps = 2;
    c.seed = 3;
    return c;
}

/* ---- any recipe ---- */

static uint64_t any_whole(hrm_rng *rng, uint64_t least, uint64_t most) {
    const uint64_t bits = hrm_rng_u64(rng) >> hrm_rng_below(rng, 64); /* small ones too */
    return bits < least ? least : bits > most ? most : bits;
}

static float any_float(hrm_rng *rng, double least, double most) {
    const double share = hrm_rng_below(rng, 4) ? hrm_rng_f64(rng) : hrm_rng_f64(rng) * 1e-6;
    const float value = (float)(least + share * (most - least));
    return (double)value < least || (double)value > most ? (float)((least + most) / 2) : value;
}

static uint32_t any_word(hrm_rng *rng, const hrm_word *words) {
    uint32_t count = 0;
    while (words[count].word) count++;
    return words[hrm_rng_below(rng, count)].value;
}

hrm_trainer_config random_recipe(uint64_t seed) {
    hrm_rng rng;
    hrm_trainer_config c = HRM_INIT(hrm_trainer_config);
    c.model = HRM_INIT(hrm_model_config);
    hrm_rng_init(&rng, seed, 1);
#define U(field, type, least, most) c.field = (type)any_whole(&rng, least, most);
#define F(field, least, most) c.field = any_float(&rng, least, most);
#define B(field) c.field = hrm_rng_below(&rng, 2);
#define W(field, type) c.field = (type)any_word(&rng, hrm_##field##_words);
    HRM_RECIPE_FIELDS(U, F, B, W)
#undef U
#undef F
#undef B
#undef W
#define U(field, def, least, most) c.model.field = hrm_rng_below(&rng, 4) ? (uint32_t)any_whole(&rng, least, most) : 0;
#define F(field, def, least, most)                                                                                     \
    c.model.field = hrm_rng_below(&rng, 4) ? any_float(&rng, (double)(least), (double)(most)) : 0;
    HRM_CONFIG_FIELDS(U, F)
#undef U
#undef F
    c.model.positions = (hrm_positions)hrm_rng_below(&rng, 4);
    c.model.halt_rule = (hrm_halt_rule)hrm_rng_below(&rng, 3);
    c.model.puzzle_emb_dim = hrm_rng_below(&rng, 1000);
    c.model.grid_width = hrm_rng_below(&rng, 1000);
    return c;
}

void check_same_recipe(const hrm_trainer_config *got, const hrm_trainer_config *want) {
#define U(field, type, least, most) CHECK_EQ(got->field, want->field);
#define F(field, least, most) check_same_bits(#field, &got->field, &want->field, sizeof got->field);
#define B(field) CHECK_EQ(got->field, want->field);
#define W(field, type) CHECK_EQ(got->field, want->field);
    HRM_RECIPE_FIELDS(U, F, B, W)
#undef U
#undef F
#undef B
#undef W
#define U(field, def, least, most) CHECK_EQ(got->model.field, want->model.field);
#define F(field, def, least, most)                                                                                     \
    check_same_bits(#field, &got->model.field, &want->model.field, sizeof got->model.field);
    HRM_CONFIG_FIELDS(U, F)
#undef U
#undef F
    CHECK_EQ(got->model.grid_width, want->model.grid_width);
    CHECK_EQ(got->model.puzzle_emb_dim, want->model.puzzle_emb_dim);
    CHECK_EQ(got->model.positions, want->model.positions);
    CHECK_EQ(got->model.halt_rule, want->model.halt_rule);
}
