#include "check.h"

#include "base/log.h"
#include "base/status.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void names_and_texts(void **state) {
    (void)state;
#define ONE(name, number, text)                                                                                        \
    CHECK_EQ(name, number);                                                                                            \
    CHECK_STR(hrm_status_name(name), #name);                                                                           \
    CHECK_STR(hrm_status_text(name), text);
    HRM_STATUS_LIST(ONE)
#undef ONE
    CHECK_STR(hrm_status_name((hrm_status)12345), "HRM_STATUS_UNKNOWN");
    CHECK_STR(hrm_status_text((hrm_status)12345), "unknown status");
    CHECK_EQ(HRM_OK, 0);
}

static void fail_sets_and_prefix_adds(void **state) {
    (void)state;
    CHECK_STATUS(hrm_fail(HRM_ERR_IO, "cannot open %s", "x"), HRM_ERR_IO);
    CHECK_STR(hrm_last_error(), "cannot open x");
    CHECK_STATUS(hrm_fail_prefix(HRM_ERR_IO, "model %d", 7), HRM_ERR_IO);
    CHECK_STR(hrm_last_error(), "model 7: cannot open x");
    CHECK_STATUS(hrm_fail_prefix(HRM_OK, "nothing happened"), HRM_OK);
    CHECK_STR(hrm_last_error(), "model 7: cannot open x");
    CHECK_STATUS(hrm_fail_errno(HRM_ERR_IO, ENOENT, "cannot open %s", "y"), HRM_ERR_IO);
    CHECK_STR(hrm_last_error(), "cannot open y: No such file or directory");
}

static void arguments_may_be_the_present_message(void **state) {
    (void)state;
    hrm_fail(HRM_ERR_IO, "inner");
    hrm_fail(HRM_ERR_DEVICE, "outer (%s)", hrm_last_error());
    CHECK_STR(hrm_last_error(), "outer (inner)");
}

static void long_messages_are_cut(void **state) {
    (void)state;
    char text[3 * HRM_ERROR_MESSAGE_SIZE];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    hrm_fail(HRM_ERR_IO, "%s", text);
    CHECK_EQ(strlen(hrm_last_error()), HRM_ERROR_MESSAGE_SIZE - 1);
    hrm_fail_prefix(HRM_ERR_IO, "prefix");
    CHECK_EQ(strlen(hrm_last_error()), HRM_ERROR_MESSAGE_SIZE - 1);
    CHECK(strncmp(hrm_last_error(), "prefix: aaa", 11) == 0);
}

/* What a terminal would obey is shown as '?', wherever in the message it comes from; lines, tabs and UTF-8 stay. */
static void control_bytes_are_shown(void **state) {
    (void)state;
    hrm_fail(HRM_ERR_FORMAT, "file %s", "\x1b[2J\x07\x7f\x01\r\b.");
    CHECK_STR(hrm_last_error(), "file ?[2J?????.");
    hrm_fail_prefix(HRM_ERR_FORMAT, "\x1b]0;%s", "x\x1f");
    CHECK_STR(hrm_last_error(), "?]0;x?: file ?[2J?????.");
    hrm_fail_errno(HRM_ERR_IO, ENOENT, "\x9b\x1b");
    CHECK_STR(hrm_last_error(), "\x9b?: No such file or directory");
    hrm_fail(HRM_ERR_FORMAT, "a\tb\nc \xc3\xa4 ~");
    CHECK_STR(hrm_last_error(), "a\tb\nc \xc3\xa4 ~");
}

static void *other_thread(void *user) {
    int *fresh = user;
    *fresh = hrm_last_error()[0] == '\0';
    hrm_fail(HRM_ERR_IO, "theirs");
    return NULL;
}

static void messages_are_per_thread(void **state) {
    (void)state;
    int fresh = 0;
    pthread_t thread;
    hrm_fail(HRM_ERR_IO, "mine");
    CHECK_EQ(pthread_create(&thread, NULL, other_thread, &fresh), 0);
    pthread_join(thread, NULL);
    CHECK(fresh);
    CHECK_STR(hrm_last_error(), "mine");
}

static hrm_status tried(hrm_status inner, int *after) {
    hrm_status status;
    HRM_TRY(inner);
    (*after)++;
    return HRM_OK;
fail:
    return status;
}

static void try_leaves_on_failure_only(void **state) {
    (void)state;
    int after = 0;
    CHECK_OK(tried(HRM_OK, &after));
    CHECK_STATUS(tried(HRM_ERR_FORMAT, &after), HRM_ERR_FORMAT);
    CHECK_EQ(after, 1);
}

struct heard {
    int count;
    hrm_log_level level;
    char text[HRM_LOG_MESSAGE_SIZE];
};

static void hear(void *user, hrm_log_level level, const char *message) {
    struct heard *heard = user;
    heard->count++;
    heard->level = level;
    strcpy(heard->text, message);
}

static void log_reaches_the_callback_only(void **state) {
    (void)state;
    struct heard heard = {0};
    CHECK(!hrm_log_enabled(HRM_LOG_ERROR));
    hrm_log(HRM_LOG_ERROR, "nobody listens");
    hrm_set_log_callback(hear, &heard, HRM_LOG_INFO);
    hrm_fail(HRM_ERR_IO, "kept");
    errno = ERANGE;
    hrm_log(HRM_LOG_DEBUG, "below the level");
    CHECK_EQ(heard.count, 0);
    hrm_log(HRM_LOG_WARN, "slow %s %d", "disk", 3);
    CHECK_EQ(errno, ERANGE);
    CHECK_EQ(heard.count, 1);
    CHECK_EQ(heard.level, HRM_LOG_WARN);
    CHECK_STR(heard.text, "slow disk 3");
    CHECK_STR(hrm_last_error(), "kept");
    hrm_set_log_callback(NULL, NULL, HRM_LOG_DEBUG);
    hrm_log(HRM_LOG_ERROR, "silence again");
    CHECK_EQ(heard.count, 1);
}

struct config {
    uint32_t struct_size;
    float rate;
    const char *name;
};

static void init_sets_the_size(void **state) {
    (void)state;
    struct config config = HRM_INIT(struct config);
    CHECK_EQ(config.struct_size, sizeof config);
    CHECK(config.rate == 0.0f && config.name == NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_texts),
        cmocka_unit_test(fail_sets_and_prefix_adds),
        cmocka_unit_test(arguments_may_be_the_present_message),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(control_bytes_are_shown),
        cmocka_unit_test(messages_are_per_thread),
        cmocka_unit_test(try_leaves_on_failure_only),
        cmocka_unit_test(log_reaches_the_callback_only),
        cmocka_unit_test(init_sets_the_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
