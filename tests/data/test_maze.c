/* The maze text reader and writer: what it takes, and each thing it refuses with line and column. */
#include "check.h"

#include "data/maze.h"

#include <stdlib.h>
#include <string.h>

static hrm_status parse(const char *text, hrm_maze_set *list) {
    return hrm_maze_parse("m.txt", text, strlen(text), list);
}

/* Parses text that holds one maze and compares its text form. */
static void check_one(const char *text, uint32_t width, uint32_t height, const char *want) {
    hrm_maze_set list;
    CHECK_OK(parse(text, &list));
    CHECK_EQ(list.count, 1);
    CHECK_EQ(list.mazes[0].width, width);
    CHECK_EQ(list.mazes[0].height, height);
    char shown[512];
    CHECK(hrm_maze_text_size(&list.mazes[0]) < sizeof shown);
    hrm_maze_write_text_into(&list.mazes[0], shown);
    CHECK_STR(shown, want);
    CHECK_EQ(strlen(shown), hrm_maze_text_size(&list.mazes[0]));
    hrm_maze_set_deinit(&list);
}

static void check_refused(const char *text, const char *message) {
    hrm_maze_set list = {.count = 7};
    CHECK_STATUS(parse(text, &list), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS(message);
    CHECK_ERROR_HAS("m.txt:");
    CHECK_EQ(list.count, 0);
    CHECK(list.mazes == NULL);
}

static void test_accepted(void **state) {
    (void)state;
    check_one("#S#\n#o#\n#G#\n", 3, 3, "#S#\n#o#\n#G#\n");
    check_one("#S#\n# #\n#G#", 3, 3, "#S#\n# #\n#G#\n");         /* no line feed at the end */
    check_one("#S#\r\n# #\r\n#G#\r\n", 3, 3, "#S#\n# #\n#G#\n"); /* CR LF */
    check_one("#S#\r\n# #\r\n#G#\r", 3, 3, "#S#\n# #\n#G#\n");   /* cut in the middle of a CR LF */
    check_one("\xef\xbb\xbf#S#\n#G#\n", 3, 2, "#S#\n#G#\n");     /* byte order mark */
    check_one("S.G\n...\n", 3, 2, "S G\n   \n");                 /* dots */
    check_one("SG", 2, 1, "SG\n");
    check_one("S\nG\n", 1, 2, "S\nG\n");
    check_one("\n\n  \nS G\n\n \n", 3, 1, "S G\n"); /* blank lines around */
    check_one("   \nS G\n", 3, 2, "   \nS G\n");    /* a top row of free cells */
    check_one("S G\n   \n", 3, 2, "S G\n   \n");    /* a bottom row of free cells */
    check_one("   \n   \nS G\n   \n\n", 3, 4, "   \n   \nS G\n   \n");
    check_one("    \n   \nS G\n", 3, 2, "   \nS G\n"); /* four spaces separate, three are a row */
}

static void test_several(void **state) {
    (void)state;
    hrm_maze_set list;
    CHECK_OK(parse("S G\n\n#S#\n# #\n#G#\n \nSG\n\n\n  \nG\nS\n", &list));
    CHECK_EQ(list.count, 4);
    static const uint32_t sides[4][2] = {{3, 1}, {3, 3}, {2, 1}, {1, 2}};
    for (size_t i = 0; i < 4; i++) {
        CHECK_EQ(list.mazes[i].width, sides[i][0]);
        CHECK_EQ(list.mazes[i].height, sides[i][1]);
    }
    hrm_maze_set_deinit(&list);
    /* 4,000 mazes in one text: the set grows. */
    char *text = malloc(4000 * 4 + 1);
    for (size_t i = 0; i < 4000; i++) memcpy(text + 4 * i, "SG\n\n", 5);
    CHECK_OK(parse(text, &list));
    CHECK_EQ(list.count, 4000);
    hrm_maze_set_deinit(&list);
    free(text);
}

static void test_refused(void **state) {
    (void)state;
    check_refused("", "m.txt:1:1: no maze found; the text is empty");
    check_refused("\xef\xbb\xbf", "empty");
    check_refused("\n \n   \n\r\n", "no maze found; the text is blank");
    check_refused("# #\n# G\n", "m.txt:1:1: the maze of 3x2 cells that begins here has no start 'S'");
    check_refused("# #\n# S\n", "has no goal 'G'");
    check_refused("SG\n\n##\n##\n", "m.txt:3:1: the maze of 2x2 cells that begins here has no start");
    check_refused("S #\n#GS\n", "m.txt:2:3: a second start 'S'; the first is in line 1, column 1");
    check_refused("S G\n#G#\n", "m.txt:2:2: a second goal 'G'; the first is in line 1, column 3");
    check_refused("S #\n#G\n", "m.txt:2:3: the row is 2 characters long, but this maze (from line 1) is 3 wide");
    check_refused("S #\n#G##\n", "m.txt:2:4: the row is 4 characters long");
    check_refused("S x\n#G#\n", "m.txt:1:3: unknown character 'x'");
    check_refused("S \t\n#G#\n", "m.txt:1:3: unknown character byte 0x09 (a tab)");
    check_refused("S #\n\x1b[2\n#G#\n", "m.txt:2:1: unknown character byte 0x1b");
    check_refused("S\xc3\xa4G\n", "m.txt:1:2: unknown character byte 0xc3");
    check_refused("S\rG\n", "m.txt:1:2: unknown character byte 0x0d");
    hrm_maze_set list;
    CHECK_STATUS(hrm_maze_parse("m.txt", "S\0G\n", 4, &list), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("m.txt:1:2: unknown character byte 0x00");
    CHECK_STATUS(hrm_maze_parse("m.txt", NULL, 0, &list), HRM_ERR_FORMAT);
}

static void test_too_large(void **state) {
    (void)state;
    size_t size = HRM_MAZE_MAX_TEXT_BYTES + 1;
    char *text = malloc(size);
    hrm_maze_set list;
    memset(text, '#', size);
    CHECK_STATUS(hrm_maze_parse("m.txt", text, size, &list), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("the text is 1048577 bytes long");
    CHECK_STATUS(hrm_maze_parse("m.txt", text, 1000000, &list), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("m.txt:1:1025: the row is 1000000 characters long; a maze has at most 1024 columns");
    for (size_t i = 1; i < size; i += 2) text[i] = '\n';
    CHECK_STATUS(hrm_maze_parse("m.txt", text, size - 1, &list), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("m.txt:1025:1: row 1025 of this maze; a maze has at most 1024 rows");
    /* Spaces of another length than the maze below them are separators, however many: reading stays linear. */
    for (size_t i = 0; i < size; i++) text[i] = i % 2 ? '\n' : ' ';
    memcpy(text + size - 5, "\nS G\n", 5);
    CHECK_OK(hrm_maze_parse("m.txt", text, size - 1, &list));
    CHECK_EQ(list.count, 1);
    hrm_maze_set_deinit(&list);
    free(text);
    hrm_maze maze;
    CHECK_STATUS(hrm_maze_init(&maze, 0, 3), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_maze_init(&maze, 3, HRM_MAZE_MAX_SIDE + 1), HRM_ERR_INVALID_ARGUMENT);
}

static void test_tokens(void **state) {
    (void)state;
    static const char charset[] = "# SGo";
    for (uint8_t i = 0; i < 5; i++) {
        CHECK_EQ(hrm_maze_token(charset[i]), i + 1);
        CHECK_EQ(hrm_maze_cell(i + 1u), charset[i]);
    }
    CHECK_EQ(hrm_maze_token('x'), HRM_MAZE_TOKEN_PAD);
    CHECK_EQ(hrm_maze_token('\0'), HRM_MAZE_TOKEN_PAD);
    CHECK_EQ(hrm_maze_token('?'), HRM_MAZE_TOKEN_PAD);
    CHECK_EQ(hrm_maze_cell(0), '?');
    CHECK_EQ(hrm_maze_cell(6), '?');
    CHECK_EQ(hrm_maze_cell(UINT32_MAX), '?');

    hrm_maze_set list;
    CHECK_OK(parse("So\n G\n", &list));
    uint32_t tokens[9];
    static const uint32_t want[9] = {3, 5, 1, 2, 4, 1, 1, 1, 1};
    CHECK_OK(hrm_maze_write_tokens_into(&list.mazes[0], 3, 3, tokens));
    check_same_bits("tokens padded with walls", tokens, want, sizeof want);
    char cells[4];
    hrm_maze_cells_from_tokens(tokens, 3, 2, 2, cells);
    check_same_bits("cells", cells, "So G", 4);
    CHECK_EQ(hrm_maze_count(&list.mazes[0], 'o'), 1);
    hrm_maze_strip_path(list.mazes[0].cells, 4);
    check_same_bits("stripped", list.mazes[0].cells, "S  G", 4);
    CHECK_STATUS(hrm_maze_write_tokens_into(&list.mazes[0], 3, 1, tokens), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("the maze is 2x2 cells, larger than the grid of 3x1");
    hrm_maze_deinit(&list.mazes[0]);
    hrm_maze_deinit(&list.mazes[0]);
    hrm_maze_deinit(NULL);
    hrm_maze_set_deinit(&list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),  cmocka_unit_test(test_several), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_too_large), cmocka_unit_test(test_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
