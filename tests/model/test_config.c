/* Configs: defaults, limits, JSON there and back; the table of weights of the published sizes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "model/config.h"
#include "model/params.h"

static hrm_model_config sudoku(void) {
    hrm_model_config c = HRM_INIT(hrm_model_config);
    c.vocab_size = 11;
    c.seq_len = 81;
    c.puzzle_emb_dim = 512;
    return c;
}

static uint64_t dense_values(const hrm_param_list *list) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < list->count; i++)
        if (list->items[i].group == HRM_GROUP_DENSE) n += list->items[i].count;
    return n;
}

/* Numbers of the published checkpoints (reference run, STATE_DICT of the full-size models). */
static void test_published_sizes(void **state) {
    (void)state;
    const struct {
        uint32_t vocab, seq;
        uint64_t trained;
    } tasks[] = {{11, 81, 27275266}, {6, 900, 27270146}, {12, 900, 27276290}};
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        hrm_model_config c = sudoku(), resolved;
        c.vocab_size = tasks[i].vocab;
        c.seq_len = tasks[i].seq;
        CHECK_OK(hrm_model_config_resolve(&c, &resolved));
        CHECK_EQ(hrm_model_config_get_dims(&resolved).F, 1536);
        hrm_param_list list;
        CHECK_OK(hrm_param_list_init(&list, &resolved));
        CHECK_EQ(dense_values(&list), tasks[i].trained);
        CHECK_EQ(list.count, 7 + 8 * 4);
        CHECK_EQ(list.items[list.puzzle_emb].count, 512);
        for (uint32_t k = 0; k < list.count; k++) CHECK_EQ(list.items[k].offset % 64, 0);
        hrm_param_list_deinit(&list);
    }
}

static void test_names(void **state) {
    (void)state;
    hrm_model_config c = sudoku(), resolved;
    CHECK_OK(hrm_model_config_resolve(&c, &resolved));
    hrm_param_list list;
    CHECK_OK(hrm_param_list_init(&list, &resolved));
    const char *tail = "L_level.layers.3.mlp.down_proj.weight";
    char name[128];
    const char *prefixes[] = {"", "inner.", "model.inner.", "_orig_mod.model.inner."};
    uint32_t index = hrm_param_list_find(&list, tail);
    CHECK(index != HRM_PARAM_NONE);
    CHECK_EQ(index, list.l_layers[3].down);
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        snprintf(name, sizeof name, "%s%s", prefixes[i], tail);
        CHECK_EQ(hrm_param_list_find(&list, name), index);
    }
    CHECK_EQ(hrm_param_list_find(&list, "L_level.layers.4.mlp.down_proj.weight"), HRM_PARAM_NONE);
    CHECK_EQ(hrm_param_list_find(&list, "embed_pos.embedding_weight"), HRM_PARAM_NONE);
    hrm_param_list_deinit(&list);
}

static void test_json_round_trip(void **state) {
    (void)state;
    hrm_model_config c = sudoku(), resolved, again;
    c.positions = HRM_POSITIONS_BOTH;
    c.halt_rule = HRM_HALT_POSITIVE;
    c.expansion = 2.7182817f;
    c.puzzle_emb_dim = 0;
    CHECK_OK(hrm_model_config_resolve(&c, &resolved));
    char *json = hrm_model_config_to_json(&resolved);
    CHECK_OK(hrm_model_config_from_json(json, &again));
    check_same_bits("config", &again, &resolved, sizeof again);
    free(json);
    CHECK_STATUS(hrm_model_config_from_json("[1]", &again), HRM_ERR_FORMAT);
    CHECK_STATUS(hrm_model_config_from_json("{\"hidden_size\":-3}", &again), HRM_ERR_FORMAT);
    CHECK_STATUS(hrm_model_config_from_json("{\"hiden_size\":64}", &again), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("hiden_size");
    CHECK_STATUS(hrm_model_config_from_json("{\"vocab_size\":6}", &again), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("seq_len");
}

static void test_bad_fields(void **state) {
    (void)state;
    hrm_model_config out, c = sudoku();
    c.num_heads = 7;
    CHECK_STATUS(hrm_model_config_resolve(&c, &out), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("num_heads");
    c = sudoku();
    c.hidden_size = 512;
    c.num_heads = 2; /* head width 256 */
    CHECK_STATUS(hrm_model_config_resolve(&c, &out), HRM_ERR_INVALID_ARGUMENT);
    c = sudoku();
    c.vocab_size = 1;
    CHECK_STATUS(hrm_model_config_resolve(&c, &out), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("vocab_size");
    c = sudoku();
    c.struct_size = 0;
    CHECK_STATUS(hrm_model_config_resolve(&c, &out), HRM_ERR_INVALID_ARGUMENT);
    c = sudoku();
    c.struct_size = sizeof c + 8;
    CHECK_STATUS(hrm_model_config_resolve(&c, &out), HRM_ERR_VERSION);
    c = sudoku();
    c.positions = (hrm_positions)9;
    CHECK_STATUS(hrm_model_config_resolve(&c, &out), HRM_ERR_INVALID_ARGUMENT);
    c = sudoku();
    c.grid_width = 10;
    CHECK_STATUS(hrm_model_config_resolve(&c, &out), HRM_ERR_INVALID_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_published_sizes), cmocka_unit_test(test_names),
                                       cmocka_unit_test(test_json_round_trip), cmocka_unit_test(test_bad_fields)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
