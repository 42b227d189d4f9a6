/* Programs and the queue. A program is recorded once and submitted any number of times; submissions of one device run
 * in order. Tickets are values of one timeline semaphore: waiting sleeps, it never spins.
 * Nothing here is thread-safe: a device belongs to one thread at a time. */
#ifndef HRM_GPU_PROGRAM_H
#define HRM_GPU_PROGRAM_H

#include <stdint.h>

#include "base/status.h"
#include "gpu/buffer.h"
#include "gpu/recorder.h"

typedef uint64_t hrm_ticket; /* 0 = already done */

/* Host-visible memory that a device's uploads and downloads take once they are used. */
#define HRM_QUEUE_UPLOAD_BYTES (UINT64_C(8) << 20)
#define HRM_QUEUE_DOWNLOAD_BYTES (UINT64_C(4) << 20)

/* Queues the whole program. Returns once queued. Long programs are submitted as several command buffers so that none
 * runs longer than a desktop watchdog allows. Errors: DEVICE (lost: destroy the device), OUT_OF_DEVICE_MEMORY. */
hrm_status hrm_program_submit(hrm_program *program, hrm_ticket *ticket);
/* Waits for its last submission, then frees it. NULL is fine. */
void hrm_program_destroy(hrm_program *program);
/* Sum of the dispatches' estimates, and their number. */
double hrm_program_get_flops(const hrm_program *program);
uint32_t hrm_program_get_dispatch_count(const hrm_program *program);
/* Command buffers that the program is cut into at present (changes while its speed is being measured). */
uint32_t hrm_program_get_piece_count(const hrm_program *program);

/* Queues a write of `bytes` from host memory (copied before the call returns) into dst, ordered before every later
 * submission and after every earlier one. May block while the staging ring is full. bytes: multiple of 4, any size. */
hrm_status hrm_queue_upload(hrm_device *device, hrm_span dst, const void *data);
/* Waits for all earlier work that could write src, copies it to host memory. Blocks. */
hrm_status hrm_queue_download(hrm_device *device, hrm_span src, void *data);
/* Queues a copy between buffers (for example into a READBACK slot that is read once its ticket is done). */
hrm_status hrm_queue_copy(hrm_device *device, hrm_span dst, hrm_span src, hrm_ticket *ticket);
/* Rows: `dst` (upload) or `src` (copy) is a table of rows of row_bytes each (a multiple of 4, > 0), of which `rows`
 * names `count` in any order; rows that follow one another there too are moved as one. Both pointers are borrowed for
 * the call. Ordered like hrm_queue_upload and hrm_queue_copy; count 0 does nothing. Errors: INVALID_ARGUMENT (a row
 * that the table does not have, sizes), else as the calls above. */
/* Host rows data [count, row_bytes] to rows rows[i] of dst. No row may be named twice: the order within one call is
 * not defined. May block while the staging ring is full. */
hrm_status hrm_queue_upload_rows(hrm_device *device, hrm_span dst, uint64_t row_bytes, uint32_t count,
                                 const uint32_t *rows, const void *data);
/* Rows rows[i] of src to row i of dst, whose size is count * row_bytes (for example a READBACK slot that is read once
 * the ticket is done). A row may be named twice. The ticket of count 0 is 0; `ticket` may be NULL. */
hrm_status hrm_queue_copy_rows(hrm_device *device, hrm_span dst, hrm_span src, uint64_t row_bytes, uint32_t count,
                               const uint32_t *rows, hrm_ticket *ticket);
/* Blocks until the ticket is done. timeout_ms 0 = no limit. Errors: DEVICE (lost, or timed out). */
hrm_status hrm_queue_wait(hrm_device *device, hrm_ticket ticket, uint64_t timeout_ms);
/* Waits for everything submitted. */
hrm_status hrm_queue_drain(hrm_device *device);

/* Per-label times of a program recorded with profiling: call after its submissions are done.
 * `visit` is called for each label in first-use order. */
typedef struct hrm_label_time {
    const char *label; /* valid during the visit */
    uint64_t calls;    /* commands timed */
    double ns;         /* their sum */
    double flops;      /* estimates */
    double bytes;      /* of what they bind, each range counted once per command: at least what is read and written */
} hrm_label_time;
hrm_status hrm_program_read_profile(hrm_program *program, void (*visit)(void *user, const hrm_label_time *time),
                                    void *user);

#endif
