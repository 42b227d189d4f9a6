#include "base/thread.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Outlives hrm_thread_start, freed by the thread. */
struct launch {
    void (*run)(void *user);
    void *user;
    char name[16]; /* the kernel's limit, NUL included */
};

static void *thread_main(void *argument) {
    struct launch launch = *(struct launch *)argument;
    free(argument);
#if defined(__linux__) && defined(_GNU_SOURCE)
    pthread_setname_np(pthread_self(), launch.name);
#endif
    launch.run(launch.user);
    return NULL;
}

hrm_status hrm_thread_start(hrm_thread *thread, const char *name, void (*run)(void *user), void *user) {
    thread->started = false;
    struct launch *launch = calloc(1, sizeof *launch);
    if (!launch) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "thread %s: no host memory", name);
    launch->run = run;
    launch->user = user;
    size_t length = strlen(name);
    memcpy(launch->name, name, length < sizeof launch->name ? length : sizeof launch->name - 1);
    sigset_t all, previous; /* the new thread inherits the mask */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    int error = pthread_create(&thread->handle, NULL, thread_main, launch);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    if (error) {
        free(launch);
        return hrm_fail_errno(HRM_ERR_OUT_OF_MEMORY, error, "cannot start thread %s", name);
    }
    thread->started = true;
    return HRM_OK;
}

void hrm_thread_join(hrm_thread *thread) {
    if (!thread->started) return;
    int error = pthread_join(thread->handle, NULL);
    assert(error == 0);
    (void)error;
    thread->started = false;
}

uint32_t hrm_thread_count(uint32_t asked, uint32_t most) {
    long processors = asked ? 0 : sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t count = asked ? asked : processors > 0 ? (uint64_t)processors : 1;
    if (count > most) count = most;
    return count > 0 ? (uint32_t)count : 1;
}

hrm_status hrm_mutex_init(hrm_mutex *mutex) {
    int error = pthread_mutex_init(&mutex->handle, NULL);
    return error ? hrm_fail_errno(HRM_ERR_OUT_OF_MEMORY, error, "mutex_init") : HRM_OK;
}

void hrm_mutex_deinit(hrm_mutex *mutex) {
    pthread_mutex_destroy(&mutex->handle);
}

void hrm_mutex_lock(hrm_mutex *mutex) {
    int error = pthread_mutex_lock(&mutex->handle);
    assert(error == 0);
    (void)error;
}

void hrm_mutex_unlock(hrm_mutex *mutex) {
    int error = pthread_mutex_unlock(&mutex->handle);
    assert(error == 0);
    (void)error;
}

hrm_status hrm_cond_init(hrm_cond *cond) {
    int error = pthread_cond_init(&cond->handle, NULL);
    return error ? hrm_fail_errno(HRM_ERR_OUT_OF_MEMORY, error, "cond_init") : HRM_OK;
}

void hrm_cond_deinit(hrm_cond *cond) {
    pthread_cond_destroy(&cond->handle);
}

void hrm_cond_wait(hrm_cond *cond, hrm_mutex *mutex) {
    int error = pthread_cond_wait(&cond->handle, &mutex->handle);
    assert(error == 0);
    (void)error;
}

void hrm_cond_signal(hrm_cond *cond) {
    pthread_cond_signal(&cond->handle);
}

void hrm_cond_broadcast(hrm_cond *cond) {
    pthread_cond_broadcast(&cond->handle);
}

struct hrm_worker {
    hrm_worker_fill_fn fill;
    void *user;
    uint32_t depth;
    hrm_thread thread;
    hrm_mutex mutex;
    hrm_cond changed;
    /* Running counts, slot = count % depth: released <= taken <= filled <= released + depth. Under the mutex. */
    uint64_t filled, taken, released;
    bool stop, ended;
    hrm_status end_status;
    char end_message[HRM_ERROR_MESSAGE_SIZE];
};

static void worker_main(void *user) {
    hrm_worker *worker = user;
    hrm_mutex_lock(&worker->mutex);
    while (!worker->stop && !worker->ended) {
        if (worker->filled == worker->released + worker->depth) {
            hrm_cond_wait(&worker->changed, &worker->mutex);
            continue;
        }
        uint32_t slot = (uint32_t)(worker->filled % worker->depth);
        hrm_mutex_unlock(&worker->mutex);
        hrm_status status = worker->fill(worker->user, slot);
        hrm_mutex_lock(&worker->mutex);
        if (status == HRM_OK) {
            worker->filled++;
        } else {
            worker->ended = true;
            worker->end_status = status;
            strcpy(worker->end_message, hrm_last_error()); /* both hold HRM_ERROR_MESSAGE_SIZE */
        }
        hrm_cond_broadcast(&worker->changed);
    }
    hrm_mutex_unlock(&worker->mutex);
}

hrm_status hrm_worker_create(const char *name, uint32_t depth, hrm_worker_fill_fn fill, void *user, hrm_worker **out) {
    *out = NULL;
    if (depth == 0) return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "worker %s: depth must be > 0", name);
    hrm_worker *worker = calloc(1, sizeof *worker);
    if (!worker) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "worker %s: no host memory", name);
    worker->fill = fill;
    worker->user = user;
    worker->depth = depth;
    hrm_status status = hrm_mutex_init(&worker->mutex);
    if (status != HRM_OK) goto no_mutex;
    status = hrm_cond_init(&worker->changed);
    if (status != HRM_OK) goto no_cond;
    status = hrm_thread_start(&worker->thread, name, worker_main, worker);
    if (status != HRM_OK) goto no_thread;
    *out = worker;
    return HRM_OK;
no_thread:
    hrm_cond_deinit(&worker->changed);
no_cond:
    hrm_mutex_deinit(&worker->mutex);
no_mutex:
    free(worker);
    return status;
}

hrm_status hrm_worker_take(hrm_worker *worker, uint32_t *slot) {
    hrm_status status = HRM_OK;
    hrm_mutex_lock(&worker->mutex);
    if (worker->taken == worker->released + worker->depth) {
        hrm_mutex_unlock(&worker->mutex);
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "worker_take: all %u slots are held; release one first",
                        worker->depth);
    }
    while (worker->taken == worker->filled && !worker->ended) hrm_cond_wait(&worker->changed, &worker->mutex);
    if (worker->taken < worker->filled)
        *slot = (uint32_t)(worker->taken++ % worker->depth);
    else
        status = hrm_fail(worker->end_status, "%s", worker->end_message);
    hrm_mutex_unlock(&worker->mutex);
    return status;
}

void hrm_worker_release(hrm_worker *worker) {
    hrm_mutex_lock(&worker->mutex);
    assert(worker->released < worker->taken);
    worker->released++;
    hrm_cond_broadcast(&worker->changed);
    hrm_mutex_unlock(&worker->mutex);
}

void hrm_worker_destroy(hrm_worker *worker) {
    if (!worker) return;
    hrm_mutex_lock(&worker->mutex);
    worker->stop = true;
    hrm_cond_broadcast(&worker->changed);
    hrm_mutex_unlock(&worker->mutex);
    hrm_thread_join(&worker->thread);
    hrm_cond_deinit(&worker->changed);
    hrm_mutex_deinit(&worker->mutex);
    free(worker);
}
