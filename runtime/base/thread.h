/* Threads, locks, and a producer that works ahead of its consumer.
 *
 * Promises: started threads block all signals, so that Ctrl-C reaches the application's own threads; a producer runs on
 * one thread and in order, so what it makes does not depend on timing. */
#ifndef HRM_BASE_THREAD_H
#define HRM_BASE_THREAD_H

#include "base/status.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct hrm_thread {
    pthread_t handle;
    bool started; /* false: join does nothing */
} hrm_thread;

/* Runs run(user) on a new thread. `name` (cut at 15 bytes) is what debuggers and top show. Join before the struct goes.
 * Errors: OUT_OF_MEMORY (the system refuses another thread). */
hrm_status hrm_thread_start(hrm_thread *thread, const char *name, void (*run)(void *user), void *user);

/* Waits for the thread's end; a thread never started, or joined already, does nothing. */
void hrm_thread_join(hrm_thread *thread);

/* How many threads to work with: as many as asked, or for 0 as many as there are processors online; at least 1,
 * at most `most`. */
uint32_t hrm_thread_count(uint32_t asked, uint32_t most);

/* Plain locks: errors of these calls are our own mistakes, and asserted. deinit of a zeroed struct is not allowed. */
typedef struct hrm_mutex {
    pthread_mutex_t handle;
} hrm_mutex;

typedef struct hrm_cond {
    pthread_cond_t handle;
} hrm_cond;

hrm_status hrm_mutex_init(hrm_mutex *mutex);
void hrm_mutex_deinit(hrm_mutex *mutex);
void hrm_mutex_lock(hrm_mutex *mutex);
void hrm_mutex_unlock(hrm_mutex *mutex);

hrm_status hrm_cond_init(hrm_cond *cond);
void hrm_cond_deinit(hrm_cond *cond);
void hrm_cond_wait(hrm_cond *cond, hrm_mutex *mutex); /* spurious wake-ups happen: loop on the condition */
void hrm_cond_signal(hrm_cond *cond);
void hrm_cond_broadcast(hrm_cond *cond);

/* A thread that fills `depth` slots round-robin, ahead of a consumer. The slots' storage is the caller's. */
typedef struct hrm_worker hrm_worker;

/* Fills slot 0..depth-1 on the worker's thread; never called twice at once. Anything but HRM_OK ends production: the
 * consumer gets that status and message once it has taken what was made before; HRM_ERR_CANCELLED is the usual way to
 * say "no more". */
typedef hrm_status (*hrm_worker_fill_fn)(void *user, uint32_t slot);

/* Starts filling at once. Errors: INVALID_ARGUMENT (depth 0), OUT_OF_MEMORY. */
hrm_status hrm_worker_create(const char *name, uint32_t depth, hrm_worker_fill_fn fill, void *user, hrm_worker **out);

/* Waits for the next filled slot, in order of filling; it stays the consumer's until released. At most `depth` may be
 * held. Returns the producer's status once production has ended and all its slots were taken (again at each call).
 * Errors: INVALID_ARGUMENT (all slots are held already), the producer's. */
hrm_status hrm_worker_take(hrm_worker *worker, uint32_t *slot);

/* Gives the slot taken longest ago back for refilling. */
void hrm_worker_release(hrm_worker *worker);

/* Lets a running fill finish, stops, joins. NULL does nothing. */
void hrm_worker_destroy(hrm_worker *worker);

#endif
