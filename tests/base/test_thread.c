#include "check.h"

#include "base/clock.h"
#include "base/thread.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct shared {
    hrm_mutex mutex;
    hrm_cond cond;
    int counter, waiting;
    bool open;
};

static void count_up(void *user) {
    struct shared *shared = user;
    for (int i = 0; i < 10000; i++) {
        hrm_mutex_lock(&shared->mutex);
        shared->counter++;
        hrm_mutex_unlock(&shared->mutex);
    }
}

static void wait_for_open(void *user) {
    struct shared *shared = user;
    hrm_mutex_lock(&shared->mutex);
    shared->waiting++;
    hrm_cond_broadcast(&shared->cond);
    while (!shared->open) hrm_cond_wait(&shared->cond, &shared->mutex);
    shared->counter++;
    hrm_cond_signal(&shared->cond);
    hrm_mutex_unlock(&shared->mutex);
}

static void locks_exclude_and_conditions_wake(void **state) {
    (void)state;
    struct shared shared = {0};
    hrm_thread threads[4] = {0};
    CHECK_OK(hrm_mutex_init(&shared.mutex));
    CHECK_OK(hrm_cond_init(&shared.cond));
    for (int i = 0; i < 4; i++) CHECK_OK(hrm_thread_start(&threads[i], "a name beyond fifteen", count_up, &shared));
    for (int i = 0; i < 4; i++) hrm_thread_join(&threads[i]);
    CHECK_EQ(shared.counter, 40000);
    hrm_thread_join(&threads[0]); /* joined already: nothing */

    shared.counter = 0;
    for (int i = 0; i < 4; i++) CHECK_OK(hrm_thread_start(&threads[i], "waiter", wait_for_open, &shared));
    hrm_mutex_lock(&shared.mutex);
    while (shared.waiting < 4) hrm_cond_wait(&shared.cond, &shared.mutex);
    CHECK_EQ(shared.counter, 0);
    shared.open = true;
    hrm_cond_broadcast(&shared.cond);
    hrm_mutex_unlock(&shared.mutex);
    for (int i = 0; i < 4; i++) hrm_thread_join(&threads[i]);
    CHECK_EQ(shared.counter, 4);
    hrm_cond_deinit(&shared.cond);
    hrm_mutex_deinit(&shared.mutex);
}

static void counts_are_in_range(void **state) {
    (void)state;
    CHECK_EQ(hrm_thread_count(7, 64), 7);
    CHECK_EQ(hrm_thread_count(65, 64), 64);
    CHECK_EQ(hrm_thread_count(UINT32_MAX, UINT32_MAX), UINT32_MAX);
    CHECK_EQ(hrm_thread_count(3, 0), 1);
    CHECK_EQ(hrm_thread_count(0, 1), 1);
    CHECK_EQ(hrm_thread_count(0, UINT32_MAX), sysconf(_SC_NPROCESSORS_ONLN));
}

static void note_mask(void *user) {
    pthread_sigmask(SIG_SETMASK, NULL, user);
}

static void started_threads_block_signals(void **state) {
    (void)state;
    sigset_t theirs, ours;
    hrm_thread thread;
    sigemptyset(&theirs);
    CHECK_OK(hrm_thread_start(&thread, "mask", note_mask, &theirs));
    hrm_thread_join(&thread);
    CHECK(sigismember(&theirs, SIGINT) == 1 && sigismember(&theirs, SIGTERM) == 1);
    pthread_sigmask(SIG_SETMASK, NULL, &ours);
    CHECK_EQ(sigismember(&ours, SIGINT), 0);
}

struct production {
    uint32_t slots[3], next, limit;
    int failures;
};

static hrm_status fill(void *user, uint32_t slot) {
    struct production *production = user;
    if (production->next == production->limit)
        return hrm_fail(HRM_ERR_CANCELLED, "no more after %u", production->limit);
    if (slot != production->next % 3) production->failures++;
    production->slots[slot] = production->next++;
    return HRM_OK;
}

static void worker_delivers_in_order_then_its_end(void **state) {
    (void)state;
    struct production production = {.limit = 1000};
    hrm_worker *worker;
    uint32_t slot;
    CHECK_OK(hrm_worker_create("producer", 3, fill, &production, &worker));
    for (uint32_t i = 0; i < 1000; i++) {
        CHECK_OK(hrm_worker_take(worker, &slot));
        CHECK_EQ(slot, i % 3);
        CHECK_EQ(production.slots[slot], i);
        hrm_worker_release(worker);
    }
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(hrm_worker_take(worker, &slot), HRM_ERR_CANCELLED);
        CHECK_STR(hrm_last_error(), "no more after 1000");
    }
    hrm_worker_destroy(worker);
    CHECK_EQ(production.failures, 0);
}

static void worker_slots_can_be_held(void **state) {
    (void)state;
    struct production production = {.limit = UINT32_MAX};
    hrm_worker *worker;
    uint32_t slot;
    CHECK_OK(hrm_worker_create("producer", 3, fill, &production, &worker));
    for (uint32_t i = 0; i < 3; i++) CHECK_OK(hrm_worker_take(worker, &slot));
    CHECK_STATUS(hrm_worker_take(worker, &slot), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("all 3 slots are held");
    for (uint32_t i = 0; i < 3; i++) CHECK_EQ(production.slots[i], i); /* nothing was refilled meanwhile */
    hrm_worker_release(worker);
    CHECK_OK(hrm_worker_take(worker, &slot));
    CHECK_EQ(slot, 0);
    CHECK_EQ(production.slots[0], 3);
    hrm_worker_destroy(worker); /* with slots held and the producer waiting */
    hrm_worker_destroy(NULL);
    CHECK_STATUS(hrm_worker_create("producer", 0, fill, &production, &worker), HRM_ERR_INVALID_ARGUMENT);
    CHECK(worker == NULL);
}

static void clocks_advance(void **state) {
    (void)state;
    uint64_t start = hrm_clock_ns(), last = start;
    for (int i = 0; i < 1000; i++) {
        uint64_t now = hrm_clock_ns();
        CHECK(now >= last);
        last = now;
    }
    CHECK(hrm_clock_seconds_since(start) >= 0.0);
    CHECK(hrm_clock_wall_ms() > UINT64_C(1600000000000)); /* September 2020 */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(locks_exclude_and_conditions_wake), cmocka_unit_test(counts_are_in_range),
        cmocka_unit_test(started_threads_block_signals),     cmocka_unit_test(worker_delivers_in_order_then_its_end),
        cmocka_unit_test(worker_slots_can_be_held),          cmocka_unit_test(clocks_advance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
