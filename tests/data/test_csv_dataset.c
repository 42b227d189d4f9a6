/* Data sets from CSV: the reference's own folders byte for byte where nothing is random, the promises of subsample and
 * copies, and every kind of bad input refused with file and line. */
#include "check.h"

#include "data/augment.h"
#include "data/csv_dataset.h"
#include "data/puzzle_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const files[] = {
    "identifiers.json",           "%s/all__inputs.npy",        "%s/all__labels.npy", "%s/all__puzzle_identifiers.npy",
    "%s/all__puzzle_indices.npy", "%s/all__group_indices.npy", "%s/dataset.json"};
#define FILE_COUNT (sizeof files / sizeof files[0])

/* Path of file f of a split. */
static void file_path(const char *folder, const char *split, size_t f, char path[1400]) {
    int used = snprintf(path, 1400, "%s/", folder);
    if (f == 0)
        snprintf(path + used, (size_t)(1400 - used), "%s", files[0]);
    else
        snprintf(path + used, (size_t)(1400 - used), "%s%s", split, files[f] + 2);
}

static void check_same_split(const char *got_folder, const char *want_folder, const char *split) {
    for (size_t f = 0; f < FILE_COUNT; f++) {
        char path[1400];
        size_t want_size, got_size;
        file_path(want_folder, split, f, path);
        void *want = check_read_file(path, &want_size);
        file_path(got_folder, split, f, path);
        void *got = check_read_file(path, &got_size);
        CHECK_EQ(got_size, want_size);
        check_same_bits(path, got, want, want_size);
        free(want);
        free(got);
    }
}

/* A fresh temporary folder's name, in the caller's storage. */
static void make_folder(char folder[1024]) {
    static int number;
    char name[32];
    snprintf(name, sizeof name, "built%d", number++);
    snprintf(folder, 1024, "%s", check_temp_path(name));
}

static const char *source_csv(const char *set, const char *split) {
    char name[64];
    snprintf(name, sizeof name, "data/source/%s/%s.csv", set, split);
    return check_tree_golden_dir(name);
}

static void test_reference_bytes(void **state) {
    (void)state;
    static const struct {
        const char *set, *split;
        hrm_csv_dataset_puzzle puzzle;
        bool symmetries;
        uint32_t groups, examples, side;
    } rows[] = {
        {"sudoku", "test", HRM_CSV_DATASET_SUDOKU, false, 5, 5, 9},
        {"maze", "train", HRM_CSV_DATASET_MAZE, true, 8, 64, 10},
        {"maze", "test", HRM_CSV_DATASET_MAZE, false, 5, 5, 10},
        {"maze30", "train", HRM_CSV_DATASET_MAZE, false, 3, 3, 30},
        {"maze30", "test", HRM_CSV_DATASET_MAZE, false, 2, 2, 30},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (uint32_t threads = 0; threads < 5; threads += 2) {
            char folder[1024], golden[1024];
            hrm_csv_dataset_report report = {0};
            make_folder(folder);
            snprintf(golden, sizeof golden, "%s/%s", check_tree_golden_dir("data"), rows[i].set);
            const hrm_csv_dataset_config config = {
                .puzzle = rows[i].puzzle, .symmetries = rows[i].symmetries, .threads = threads};
            CHECK_OK(hrm_csv_dataset_build_split(source_csv(rows[i].set, rows[i].split), folder, rows[i].split, &config,
                                                 NULL, NULL, &report));
            check_same_split(folder, golden, rows[i].split);
            CHECK_EQ(report.rows_read, rows[i].groups);
            CHECK_EQ(report.groups, rows[i].groups);
            CHECK_EQ(report.examples, rows[i].examples);
            CHECK_EQ(report.side, rows[i].side);
        }
    /* Both splits at once; the test split is not turned. */
    char folder[1024], train[1024];
    hrm_csv_dataset_report reports[2];
    make_folder(folder);
    snprintf(train, sizeof train, "%s", source_csv("maze", "train"));
    CHECK_OK(hrm_csv_dataset_build(train, source_csv("maze", "test"), folder,
                                   &(hrm_csv_dataset_config){.puzzle = HRM_CSV_DATASET_MAZE, .symmetries = true}, NULL,
                                   NULL, reports));
    check_same_split(folder, check_tree_golden_dir("data/maze"), "train");
    check_same_split(folder, check_tree_golden_dir("data/maze"), "test");
    CHECK_EQ(reports[0].examples, 64);
    CHECK_EQ(reports[1].examples, 5);
}

/* A valid board, every unit of it. */
static void check_board(const uint8_t *labels) {
    uint32_t units[27] = {0};
    for (uint32_t i = 0; i < 81; i++) {
        units[i / 9] |= 1u << labels[i];
        units[9 + i % 9] |= 1u << labels[i];
        units[18 + i / 27 * 3 + i % 9 / 3] |= 1u << labels[i];
    }
    for (int u = 0; u < 27; u++) CHECK_EQ(units[u], 0x7fc);
}

static void test_sudoku_copies(void **state) {
    (void)state;
    enum { COPIES = 3, FORMS = COPIES + 1 };
    char folder[1024], plain_folder[1024], csv[1024];
    hrm_puzzle_set set, plain;
    hrm_csv_dataset_config config = {.puzzle = HRM_CSV_DATASET_SUDOKU, .copies = COPIES, .seed = 77, .threads = 1};
    snprintf(csv, sizeof csv, "%s", source_csv("sudoku", "train"));
    make_folder(folder);
    make_folder(plain_folder);
    CHECK_OK(hrm_csv_dataset_build_split(csv, folder, "train", &config, NULL, NULL, NULL));
    CHECK_OK(hrm_puzzle_set_open(&set, folder, "train"));
    config.copies = 0;
    CHECK_OK(hrm_csv_dataset_build_split(csv, plain_folder, "train", &config, NULL, NULL, NULL));
    CHECK_OK(hrm_puzzle_set_open(&plain, plain_folder, "train"));
    /* The shape of the reference's own: one puzzle an example, one group a row, the original first. */
    hrm_puzzle_set golden;
    CHECK_OK(hrm_puzzle_set_open(&golden, check_tree_golden_dir("data/sudoku"), "train"));
    CHECK_EQ(set.example_count, golden.example_count);
    CHECK_EQ(set.group_count, golden.group_count);
    check_same_bits("groups", set.group_indices, golden.group_indices, (set.group_count + 1) * sizeof(uint32_t));
    check_same_bits("puzzles", set.puzzle_indices, golden.puzzle_indices, (set.puzzle_count + 1) * sizeof(uint32_t));
    check_same_bits("identifiers", set.puzzle_identifiers, golden.puzzle_identifiers,
                    set.puzzle_count * sizeof(uint32_t));
    for (uint32_t g = 0; g < set.group_count; g++) {
        const uint8_t *first = set.inputs + (size_t)g * FORMS * 81, *answer = set.labels + (size_t)g * FORMS * 81;
        check_same_bits("original", first, plain.inputs + (size_t)g * 81, 81);
        check_same_bits("answer", answer, plain.labels + (size_t)g * 81, 81);
        check_same_bits("golden original", first, golden.inputs + (size_t)g * FORMS * 81, 81);
        check_same_bits("golden answer", answer, golden.labels + (size_t)g * FORMS * 81, 81);
        for (uint32_t k = 0; k < FORMS; k++) {
            const uint8_t *inputs = first + (size_t)k * 81, *labels = answer + (size_t)k * 81;
            uint32_t givens[2] = {0, 0}, row_counts[2][10] = {{0}};
            check_board(labels);
            for (uint32_t r = 0; r < 9; r++) { /* how many rows and columns have how many givens is kept */
                uint32_t here[4] = {0};
                for (uint32_t c = 0; c < 9; c++) {
                    here[0] += inputs[r * 9 + c] != 1;
                    here[1] += inputs[c * 9 + r] != 1;
                    here[2] += first[r * 9 + c] != 1;
                    here[3] += first[c * 9 + r] != 1;
                }
                row_counts[0][here[0]]++;
                row_counts[0][here[1]]++;
                row_counts[1][here[2]]++;
                row_counts[1][here[3]]++;
            }
            check_same_bits("givens by row and column", row_counts[0], row_counts[1], sizeof row_counts[0]);
            for (uint32_t i = 0; i < 81; i++) {
                CHECK(inputs[i] == 1 || inputs[i] == labels[i]);
                givens[0] += inputs[i] != 1;
                givens[1] += first[i] != 1;
            }
            CHECK_EQ(givens[0], givens[1]);
            for (uint32_t j = 0; j < k; j++) CHECK(memcmp(labels, answer + (size_t)j * 81, 81) != 0);
        }
    }
    /* Same seed, same bytes, whatever the threads; another seed, other copies. */
    config.copies = COPIES;
    for (config.threads = 2; config.threads < 6; config.threads += 2) {
        CHECK_OK(hrm_csv_dataset_build_split(csv, plain_folder, "train", &config, NULL, NULL, NULL));
        check_same_split(plain_folder, folder, "train");
    }
    config.seed = 78;
    hrm_puzzle_set_deinit(&plain);
    CHECK_OK(hrm_csv_dataset_build_split(csv, plain_folder, "train", &config, NULL, NULL, NULL));
    CHECK_OK(hrm_puzzle_set_open(&plain, plain_folder, "train"));
    CHECK(memcmp(plain.labels, set.labels, (size_t)set.example_count * 81) != 0);
    hrm_puzzle_set_deinit(&set);
    hrm_puzzle_set_deinit(&plain);
    hrm_puzzle_set_deinit(&golden);
}

/* Which rows of `all` the set holds, in its order; fails when it holds another row or changes the order. */
static uint32_t check_subset(const hrm_puzzle_set *set, const hrm_puzzle_set *all) {
    uint32_t at = 0, mask = 0;
    for (uint32_t i = 0; i < set->example_count; i++, at++) {
        while (at < all->example_count && memcmp(set->inputs + (size_t)i * 81, all->inputs + (size_t)at * 81, 81) != 0)
            at++;
        CHECK_MSG(at < all->example_count, "row %u is not in the whole, or out of order", i);
        check_same_bits("labels", set->labels + (size_t)i * 81, all->labels + (size_t)at * 81, 81);
        mask |= 1u << at;
    }
    return mask;
}

static void test_subsample(void **state) {
    (void)state;
    char folder[1024], csv[1024];
    hrm_puzzle_set all, set;
    hrm_csv_dataset_report report;
    make_folder(folder);
    snprintf(csv, sizeof csv, "%s", source_csv("sudoku", "train"));
    hrm_csv_dataset_config config = {.puzzle = HRM_CSV_DATASET_SUDOKU};
    CHECK_OK(hrm_csv_dataset_build_split(csv, folder, "all", &config, NULL, NULL, NULL));
    CHECK_OK(hrm_puzzle_set_open(&all, folder, "all"));
    CHECK_EQ(all.example_count, 12);
    config.subsample = 5;
    uint32_t drawn[12] = {0}, last = 0, changes = 0;
    for (config.seed = 0; config.seed < 120; config.seed++) {
        CHECK_OK(hrm_csv_dataset_build_split(csv, folder, "some", &config, NULL, NULL, &report));
        CHECK_EQ(report.rows_read, 12);
        CHECK_EQ(report.examples, 5);
        CHECK_OK(hrm_puzzle_set_open(&set, folder, "some"));
        uint32_t mask = check_subset(&set, &all);
        for (uint32_t i = 0; i < 12; i++) drawn[i] += mask >> i & 1;
        changes += mask != last;
        last = mask;
        hrm_puzzle_set_deinit(&set);
    }
    CHECK(changes > 100);
    /* 50 expected each, standard deviation 5.4. */
    for (uint32_t i = 0; i < 12; i++) CHECK_MSG(drawn[i] > 22 && drawn[i] < 78, "row %u: %u", i, drawn[i]);
    static const uint32_t enough[2] = {12, 4000000000u};
    for (int i = 0; i < 2; i++) { /* as many as there are, or more: all */
        config.subsample = enough[i];
        CHECK_OK(hrm_csv_dataset_build_split(csv, folder, "some", &config, NULL, NULL, &report));
        CHECK_EQ(report.examples, 12);
    }
    /* The test split takes everything, unturned. */
    config = (hrm_csv_dataset_config){.puzzle = HRM_CSV_DATASET_SUDOKU, .subsample = 2, .copies = 2};
    hrm_csv_dataset_report reports[2];
    CHECK_OK(hrm_csv_dataset_build(csv, csv, folder, &config, NULL, NULL, reports));
    CHECK_EQ(reports[0].examples, 6);
    CHECK_EQ(reports[0].groups, 2);
    CHECK_EQ(reports[1].examples, 12);
    /* Ratings of the golden rows are 36 to 50. */
    config = (hrm_csv_dataset_config){.puzzle = HRM_CSV_DATASET_SUDOKU, .by_rating = true, .min_rating = 45};
    CHECK_OK(hrm_csv_dataset_build_split(csv, folder, "hard", &config, NULL, NULL, &report));
    CHECK(report.groups > 0 && report.groups < 12);
    CHECK_OK(hrm_puzzle_set_open(&set, folder, "hard"));
    uint32_t hard = check_subset(&set, &all);
    hrm_puzzle_set_deinit(&set);
    config.subsample = 1; /* of those that are left */
    for (config.seed = 0; config.seed < 10; config.seed++) {
        CHECK_OK(hrm_csv_dataset_build_split(csv, folder, "hard", &config, NULL, NULL, &report));
        CHECK_OK(hrm_puzzle_set_open(&set, folder, "hard"));
        CHECK((check_subset(&set, &all) & ~hard) == 0);
        hrm_puzzle_set_deinit(&set);
    }
    config.min_rating = 1000;
    CHECK_STATUS(hrm_csv_dataset_build_split(csv, folder, "hard", &config, NULL, NULL, &report),
                 HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("none of the 12 rows has a rating of 1000 or more");
    hrm_puzzle_set_deinit(&all);
}

/* ---- bad input ---- */

/* Golden test row 1: question and answer. */
#define Q "6.8.72..4.9.4.568.1....8.2.2196..83787312.5....47......5.8.6....2.591.6.486.37..."
#define A "638972154792415683145368729219654837873129546564783291951846372327591468486237915"
/* The same answer with its last two digits swapped: it keeps the givens but breaks two columns and a box's row. */
#define SWAPPED "638972154792415683145368729219654837873129546564783291951846372327591468486237951"
#define HEAD "source,q,a,rating\n"
#define GOOD "made," Q "," A ",40\n"

typedef struct bad_case {
    const char *text, *message;
    hrm_status code;
} bad_case;

static void check_bad(const bad_case *cases, size_t count, const hrm_csv_dataset_config *config) {
    for (size_t i = 0; i < count; i++) {
        char folder[1024], path[1400];
        struct stat info;
        make_folder(folder);
        const char *csv = check_temp_path("bad.csv");
        check_write_file(csv, cases[i].text, strlen(cases[i].text));
        CHECK_STATUS(hrm_csv_dataset_build_split(csv, folder, "train", config, NULL, NULL, NULL), cases[i].code);
        CHECK_ERROR_HAS(cases[i].message);
        CHECK_ERROR_HAS("bad.csv");
        for (size_t f = 0; f < FILE_COUNT; f++) {
            file_path(folder, "train", f, path);
            CHECK(stat(path, &info) != 0);
        }
    }
}

static void test_bad_sudokus(void **state) {
    (void)state;
    static const bad_case cases[] = {
        {"", "empty", HRM_ERR_FORMAT},
        {HEAD, "there is a header but no row", HRM_ERR_FORMAT},
        {"\n\n", "the file is empty", HRM_ERR_FORMAT},
        {"source,board,a,rating\n" GOOD, "bad.csv:1: there is no column \"q\"", HRM_ERR_FORMAT},
        {"source,q,a,QUIZ\n" GOOD, "bad.csv:1: columns \"q\" and \"QUIZ\" mean the same; one is needed",
         HRM_ERR_FORMAT},
        {"source,q,rating\nmade," Q ",1\n", "bad.csv:1: there is no column \"a\"", HRM_ERR_FORMAT},
        {HEAD GOOD "made," Q "\n", "bad.csv:3: the row has 2 of the header's 4 fields; column \"a\" is the first",
         HRM_ERR_FORMAT},
        {HEAD GOOD "made," Q "," A ",40,5\n", "bad.csv:3: the row has more than the header's 4 fields", HRM_ERR_FORMAT},
        {HEAD GOOD GOOD "made," Q "," SWAPPED ",40\n", "bad.csv:4: impossible answer: digit 5 stands 2 times",
         HRM_ERR_FORMAT},
        {HEAD "made," Q ",7" A "\n,4,4\n", "bad.csv:2: the row has 3 of", HRM_ERR_FORMAT},
        {HEAD "made," Q ",7" A ",4\n", "bad.csv:2: the answer has 82 cells; 81 were expected", HRM_ERR_FORMAT},
        {HEAD "made,." Q "," A ",4\n", "bad.csv:2: the question has 82 cells; a Sudoku has 81", HRM_ERR_FORMAT},
        {HEAD GOOD "made,," A ",4\n", "bad.csv:3: the question has 0 cells; 81 were expected", HRM_ERR_FORMAT},
        {HEAD GOOD "made," Q "," Q ",4\n", "bad.csv:3: impossible answer: it is blank at row 1, column 2",
         HRM_ERR_FORMAT},
        {HEAD GOOD "made," A "," SWAPPED ",4\n",
         "bad.csv:3: impossible answer: it has 5 at row 9, column 8, where the question gives 1", HRM_ERR_FORMAT},
        {HEAD "made,x" A "," A "x,4\n", "bad.csv:2: the question has 82 cells", HRM_ERR_FORMAT},
        /* The first wrong row is named, whichever thread finds which, and whatever the later one's mistake is. */
        {HEAD GOOD "made," Q "," SWAPPED ",4\n" GOOD GOOD "made," Q "," Q ",4\nmade,1,2,3\n",
         "bad.csv:3: impossible answer: digit", HRM_ERR_FORMAT},
    };
    for (uint32_t threads = 1; threads < 5; threads++)
        check_bad(cases, sizeof cases / sizeof *cases,
                  &(hrm_csv_dataset_config){.puzzle = HRM_CSV_DATASET_SUDOKU, .copies = 2, .threads = threads});
    /* One strange character each. */
    static const struct {
        char byte;
        const char *shown;
    } strange[] = {{'x', "'x'"}, {' ', "byte 0x20"}, {'\t', "byte 0x09"}, {'\xff', "byte 0xff"}};
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        for (int which = 0; which < 2; which++) {
            char text[400], message[80];
            snprintf(text, sizeof text, "%s", HEAD GOOD GOOD);
            char *board = text + strlen(HEAD GOOD "made,") + which * 82;
            board[40] = strange[i].byte;
            snprintf(message, sizeof message, "bad.csv:3: the %s holds %s at row 5, column 5;",
                     which ? "answer" : "question", strange[i].shown);
            check_bad(&(bad_case){text, message, HRM_ERR_FORMAT}, 1,
                      &(hrm_csv_dataset_config){.puzzle = HRM_CSV_DATASET_SUDOKU});
        }
    static const bad_case ratings[] = {
        {HEAD GOOD "made," Q "," A ",hard\n", "bad.csv:3: column \"rating\" holds 'hard'; it must be a whole number",
         HRM_ERR_FORMAT},
        {HEAD "made," Q "," A ",\n", "bad.csv:2: column \"rating\" holds ''", HRM_ERR_FORMAT},
        {HEAD "made," Q "," A ",4.5\n", "bad.csv:2: column \"rating\" holds '4.5'", HRM_ERR_FORMAT},
        {HEAD "made," Q "," A ",-\n", "bad.csv:2: column \"rating\" holds '-'", HRM_ERR_FORMAT},
        {HEAD "made," Q "," A ",111111111111111111111111\n", "bad.csv:2: column \"rating\" holds", HRM_ERR_FORMAT},
        {HEAD "made," Q "," A ",99999999999999999999\n", "bad.csv:2: column \"rating\" holds '99999999999999999999'",
         HRM_ERR_FORMAT},
        {HEAD "made," Q "," A ",-9223372036854775809\n", "bad.csv:2: column \"rating\" holds '-9223372036854775809'",
         HRM_ERR_FORMAT},
        {"q,a\n" Q "," A "\n", "there is no column \"rating\"", HRM_ERR_FORMAT},
        {HEAD GOOD, "none of the 1 rows has a rating of 41 or more", HRM_ERR_INVALID_ARGUMENT},
    };
    check_bad(ratings, sizeof ratings / sizeof *ratings,
              &(hrm_csv_dataset_config){.puzzle = HRM_CSV_DATASET_SUDOKU, .by_rating = true, .min_rating = 41});
}

/* What differs in form only gives the same bytes. */
static void test_other_forms(void **state) {
    (void)state;
    char zeros[82];
    memcpy(zeros, Q, sizeof zeros);
    for (char *at = zeros; *at; at++)
        if (*at == '.') *at = '0';
    char with_zeros[400];
    snprintf(with_zeros, sizeof with_zeros, HEAD "made,%s," A ",40\n" GOOD, zeros);
    const char *texts[] = {
        HEAD GOOD GOOD,
        "\xef\xbb\xbf" HEAD GOOD GOOD,
        "source,q,a,rating\r\nmade," Q "," A ",40\r\nmade," Q "," A ",40\r\n",
        HEAD GOOD "\n\nmade," Q "," A ",40",
        "source,question,answer,rating\n" GOOD GOOD,
        "source, Puzzle ,SOLUTION,rating\n" GOOD GOOD,
        "id,quizzes,solutions,rating\n" GOOD GOOD,
        "a,rating,q\n" A ",unrated," Q "\n" A ",," Q "\n", /* ratings are not read unless they are used */
        "q,a\n\"" Q "\",\"" A "\"\n" Q "," A "\n",
        with_zeros,
    };
    char first[1024], folder[1024];
    make_folder(first);
    const hrm_csv_dataset_config config = {.puzzle = HRM_CSV_DATASET_SUDOKU, .copies = 3, .seed = 1};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *csv = check_temp_path("form.csv");
        check_write_file(csv, texts[i], strlen(texts[i]));
        make_folder(folder);
        CHECK_OK(hrm_csv_dataset_build_split(csv, i ? folder : first, "train", &config, NULL, NULL, NULL));
        if (i) check_same_split(folder, first, "train");
    }
}

static void test_bad_mazes(void **state) {
    (void)state;
    static const bad_case cases[] = {
        {"q,a\nS #  G#,So# oG#\n", "bad.csv:2: the question has 7 cells, which is no square", HRM_ERR_FORMAT},
        {"q,a\n,\n", "bad.csv:2: the question has 0 cells, which is no square", HRM_ERR_FORMAT},
        {"q,a\nS #  G# #,So# oG# #\nS  G,SooG\n", "bad.csv:3: the question has 4 cells; 9 were expected, as in the",
         HRM_ERR_FORMAT},
        {"q,a\nS #  G# #,So# oG# \n", "bad.csv:2: the answer has 8 cells; 9 were expected", HRM_ERR_FORMAT},
        {"q,a\nS #x G# #,So# oG# #\n", "bad.csv:2: the question holds 'x' at row 2, column 1", HRM_ERR_FORMAT},
        {"q,a\nSo#  G# #,So# oG# #\n", "bad.csv:2: the question holds 'o' at row 1, column 2", HRM_ERR_FORMAT},
        {"q,a\nS #. G# #,So# oG# #\n", "bad.csv:2: the question holds '.'", HRM_ERR_FORMAT},
        {"q,a\nS #  G# #,So#.oG# #\n", "bad.csv:2: the answer holds '.' at row 2, column 1", HRM_ERR_FORMAT},
        {"q,a\nS #  G# #,So  oG# #\n",
         "bad.csv:2: impossible answer: it has ' ' at row 1, column 3, where the question has '#'", HRM_ERR_FORMAT},
        {"q,a\nS #  G# #,Sooo G# #\n", "it has 'o' at row 1, column 3, where the question has '#'", HRM_ERR_FORMAT},
        {"q,a\nS #  G# #,So# #G# #\n", "it has '#' at row 2, column 2, where the question has ' '", HRM_ERR_FORMAT},
        {"q,a\nS #  G# #,So#  G# #\n", "bad.csv:2: impossible answer: its path does not lead from the start",
         HRM_ERR_FORMAT},
        /* An 'o' in a dead end, one far from the path, and a path that runs alongside itself. */
        {"q,a\nS #  G# #,So# oG#o#\n",
         "bad.csv:2: impossible answer: its 'o' are no single path from the start to the goal; 1 of them are not "
         "needed",
         HRM_ERR_FORMAT},
        {"q,a\nS G### # ,SoG### #o\n", "no single path from the start to the goal; 1 of them", HRM_ERR_FORMAT},
        {"q,a\nS G   ###,SoGooo###\n", "no single path from the start to the goal; 3 of them", HRM_ERR_FORMAT},
        {"q,a\n  #  G# #, o# oG# #\n", "bad.csv:2: the question has 0 starts 'S'; a maze has one", HRM_ERR_FORMAT},
        {"q,a\nSS#  G# #,SS# oG# #\n", "bad.csv:2: the question has 2 starts 'S'", HRM_ERR_FORMAT},
        {"q,a\nS #   # #,So# o # #\n", "bad.csv:2: the question has 0 goals 'G'", HRM_ERR_FORMAT},
        {"q,a\nS #G G# #,So#GoG# #\n", "bad.csv:2: the question has 2 goals 'G'", HRM_ERR_FORMAT},
    };
    check_bad(cases, sizeof cases / sizeof *cases, &(hrm_csv_dataset_config){.puzzle = HRM_CSV_DATASET_MAZE});
}

static bool count_calls(void *user, uint64_t done, uint64_t total) {
    uint64_t *calls = user;
    CHECK(done <= total);
    return ++*calls < 2;
}

static void test_options(void **state) {
    (void)state;
    char folder[1024], csv[1024];
    make_folder(folder);
    snprintf(csv, sizeof csv, "%s", source_csv("sudoku", "train"));
    static const struct {
        hrm_csv_dataset_config config;
        const char *message;
    } cases[] = {
        {{.puzzle = HRM_CSV_DATASET_MAZE, .copies = 1}, "random copies are made of Sudokus only"},
        {{.puzzle = HRM_CSV_DATASET_SUDOKU, .symmetries = true}, "the 8 symmetries are made of mazes only"},
        {{.puzzle = (hrm_csv_dataset_puzzle)5}, "puzzle number 5"},
        {{.puzzle = HRM_CSV_DATASET_SUDOKU, .copies = 100001}, "at most 100000 are made"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_STATUS(hrm_csv_dataset_build_split(csv, folder, "train", &cases[i].config, NULL, NULL, NULL),
                     HRM_ERR_INVALID_ARGUMENT);
        CHECK_ERROR_HAS(cases[i].message);
    }
    hrm_csv_dataset_config config = {.puzzle = HRM_CSV_DATASET_SUDOKU};
    CHECK_STATUS(hrm_csv_dataset_build_split(check_temp_path("absent.csv"), folder, "train", &config, NULL, NULL, NULL),
                 HRM_ERR_IO);
    check_write_file(check_temp_path("a_file"), "x", 1);
    CHECK_STATUS(hrm_csv_dataset_build_split(csv, check_temp_path("a_file"), "train", &config, NULL, NULL, NULL),
                 HRM_ERR_IO);

    /* 12 rows of 50,001 forms are 12 chunks; the second call cancels, and the set that was there stays. */
    struct stat info;
    uint64_t calls = 0;
    char path[1400];
    CHECK_OK(hrm_csv_dataset_build_split(csv, folder, "train", &config, NULL, NULL, NULL));
    config.copies = 50000;
    CHECK_STATUS(hrm_csv_dataset_build_split(csv, folder, "train", &config, count_calls, &calls, NULL),
                 HRM_ERR_CANCELLED);
    CHECK_ERROR_HAS("cancelled after 100002 of 600012 examples");
    CHECK_EQ(calls, 2);
    file_path(folder, "train", 1, path);
    CHECK_EQ(stat(path, &info), 0);
    CHECK_EQ(info.st_size, 128 + 12 * 81);

    /* 30,000 rows of 100,001 forms are more than indices of 32 bits can count; nothing is made. */
    static const char row[] = Q "," A "\n";
    char *text = malloc(4 + 30000 * (sizeof row - 1));
    CHECK(text != NULL);
    memcpy(text, "q,a\n", 4);
    for (size_t i = 0; i < 30000; i++) memcpy(text + 4 + i * (sizeof row - 1), row, sizeof row - 1);
    const char *many = check_temp_path("many.csv");
    check_write_file(many, text, 4 + 30000 * (sizeof row - 1));
    free(text);
    config.copies = HRM_CSV_DATASET_MAX_COPIES;
    CHECK_STATUS(hrm_csv_dataset_build_split(many, folder, "many", &config, NULL, NULL, NULL),
                 HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("make 3000030000 examples; a data set holds at most 2147483646");
    /* Several chunks and threads in the order of one. */
    char other[1024];
    hrm_csv_dataset_report report;
    make_folder(other);
    config = (hrm_csv_dataset_config){.puzzle = HRM_CSV_DATASET_SUDOKU, .copies = 3, .subsample = 29000, .threads = 1};
    CHECK_OK(hrm_csv_dataset_build_split(many, folder, "train", &config, NULL, NULL, &report));
    CHECK_EQ(report.examples, 116000);
    CHECK_EQ(report.rows_read, 30000);
    config.threads = 4;
    CHECK_OK(hrm_csv_dataset_build_split(many, other, "train", &config, NULL, NULL, NULL));
    check_same_split(other, folder, "train");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_bytes), cmocka_unit_test(test_sudoku_copies), cmocka_unit_test(test_subsample),
        cmocka_unit_test(test_bad_sudokus),     cmocka_unit_test(test_other_forms),   cmocka_unit_test(test_bad_mazes),
        cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
