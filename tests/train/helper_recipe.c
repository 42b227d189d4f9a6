#include "helper_recipe.h"

#include "check.h"

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
