#include "base/file_write.h"

#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)1 << 18)

struct hrm_file_writer {
    char path[HRM_PATH_MAX];      /* as the caller gave it, for messages */
    char target[HRM_PATH_MAX];    /* with symbolic links followed */
    char temporary[HRM_PATH_MAX]; /* in the target's folder */
    char folder[HRM_PATH_MAX];
    int file;
    bool created; /* the temporary file exists */
    hrm_status status;
    char message[HRM_ERROR_MESSAGE_SIZE]; /* of the error that stuck */
    uint64_t offset;
    size_t buffered;
    unsigned char buffer[BUFFER_BYTES];
};

struct hrm_line_log {
    int file;
    char path[HRM_PATH_MAX];
};

static hrm_status copy_path(const char *path, char *out) {
    if (!path || !*path) return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "cannot write: empty file name");
    return hrm_path_join("", path, out, HRM_PATH_MAX);
}

/* Everything or an errno value. */
static int write_fully(int file, const unsigned char *data, size_t bytes) {
    while (bytes > 0) {
        size_t chunk = bytes < ((size_t)1 << 30) ? bytes : (size_t)1 << 30; /* Linux writes at most 2 GiB at once */
        ssize_t written = write(file, data, chunk);
        if (written < 0) {
            if (errno == EINTR) continue;
            return errno;
        }
        if (written == 0) return EIO;
        data += written;
        bytes -= (size_t)written;
    }
    return 0;
}

static int sync_fully(int file) {
    while (fsync(file) != 0) {
        if (errno == EINTR) continue;
        if (errno == EINVAL || errno == EROFS) return 0; /* this kind of file or file system cannot sync */
        return errno;
    }
    return 0;
}

static hrm_status stick(hrm_file_writer *writer, hrm_status status) {
    writer->status = status;
    strcpy(writer->message, hrm_last_error()); /* both hold HRM_ERROR_MESSAGE_SIZE */
    return status;
}

/* Finds out what is at the path: follows links, refuses what must not be replaced, reports the mode to keep. */
static hrm_status inspect_target(hrm_file_writer *writer, mode_t *keep_mode) {
    struct stat info;
    *keep_mode = 0;
    strcpy(writer->target, writer->path);
    if (stat(writer->path, &info) != 0) {
        if (errno != ENOENT) return hrm_fail_errno(HRM_ERR_IO, errno, "cannot write %s", writer->path);
        return HRM_OK; /* new; a dangling link is replaced */
    }
    if (S_ISDIR(info.st_mode)) return hrm_fail(HRM_ERR_IO, "cannot write %s: it is a folder", writer->path);
    if (!S_ISREG(info.st_mode))
        return hrm_fail(HRM_ERR_IO, "cannot write %s: it exists and is not a regular file", writer->path);
    if (access(writer->path, W_OK) != 0) return hrm_fail_errno(HRM_ERR_IO, errno, "cannot replace %s", writer->path);
    char *resolved = realpath(writer->path, NULL);
    if (!resolved) return hrm_fail_errno(HRM_ERR_IO, errno, "cannot resolve %s", writer->path);
    hrm_status status = copy_path(resolved, writer->target);
    free(resolved);
    *keep_mode = info.st_mode & 07777;
    return status;
}

static hrm_status create_temporary(hrm_file_writer *writer, mode_t keep_mode) {
    static atomic_uint counter;
    hrm_status status = hrm_path_parent(writer->target, writer->folder, sizeof writer->folder);
    if (status != HRM_OK) return status;
    const char *slash = strrchr(writer->target, '/');
    const char *name = slash ? slash + 1 : writer->target;
    for (int attempt = 0; attempt < 100; attempt++) {
        char hidden[NAME_MAX + 1]; /* 160 bytes of the name leave room for the rest */
        snprintf(hidden, sizeof hidden, ".%.160s.tmp-%ld-%u", name, (long)getpid(), atomic_fetch_add(&counter, 1));
        status = hrm_path_join(writer->folder, hidden, writer->temporary, sizeof writer->temporary);
        if (status != HRM_OK) return status;
        writer->file = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (writer->file >= 0) break;
        if (errno != EEXIST) {
            int error = errno;
            return hrm_fail_errno(HRM_ERR_IO, error, "cannot write %s: no file can be created in folder %s",
                                  writer->path, writer->folder);
        }
    }
    if (writer->file < 0)
        return hrm_fail(HRM_ERR_IO, "cannot write %s: temporary files are in the way in %s", writer->path,
                        writer->folder);
    writer->created = true;
    if (keep_mode && fchmod(writer->file, keep_mode) != 0)
        return hrm_fail_errno(HRM_ERR_IO, errno, "cannot keep the mode of %s", writer->path);
    return HRM_OK;
}

hrm_status hrm_file_writer_open(const char *path, hrm_file_writer **out) {
    hrm_status status;
    *out = NULL;
    hrm_file_writer *writer = calloc(1, sizeof *writer);
    if (!writer) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "cannot write %s: no host memory", path);
    writer->file = -1;
    mode_t keep_mode;
    HRM_TRY(copy_path(path, writer->path));
    size_t length = strlen(path);
    if (path[length - 1] == '/') {
        status = hrm_fail(HRM_ERR_IO, "cannot write %s: it names a folder", path);
        goto fail;
    }
    HRM_TRY(inspect_target(writer, &keep_mode));
    HRM_TRY(create_temporary(writer, keep_mode));
    *out = writer;
    return HRM_OK;
fail:
    hrm_file_writer_abort(writer);
    return status;
}

static hrm_status flush(hrm_file_writer *writer) {
    int error = write_fully(writer->file, writer->buffer, writer->buffered);
    writer->buffered = 0;
    if (error) return stick(writer, hrm_fail_errno(HRM_ERR_IO, error, "cannot write %s", writer->path));
    return HRM_OK;
}

hrm_status hrm_file_writer_write(hrm_file_writer *writer, const void *data, size_t bytes) {
    if (writer->status != HRM_OK) return hrm_fail(writer->status, "%s", writer->message);
    if (bytes == 0) return HRM_OK;
    if (bytes > BUFFER_BYTES - writer->buffered) {
        hrm_status status = flush(writer);
        if (status != HRM_OK) return status;
    }
    if (bytes >= BUFFER_BYTES) {
        int error = write_fully(writer->file, data, bytes);
        if (error) return stick(writer, hrm_fail_errno(HRM_ERR_IO, error, "cannot write %s", writer->path));
    } else {
        memcpy(writer->buffer + writer->buffered, data, bytes);
        writer->buffered += bytes;
    }
    writer->offset += bytes;
    return HRM_OK;
}

hrm_status hrm_file_writer_write_zeros(hrm_file_writer *writer, uint64_t bytes) {
    static const unsigned char zeros[4096];
    hrm_status status = HRM_OK;
    while (bytes > 0 && status == HRM_OK) {
        size_t chunk = bytes < sizeof zeros ? (size_t)bytes : sizeof zeros;
        status = hrm_file_writer_write(writer, zeros, chunk);
        bytes -= chunk;
    }
    return status;
}

hrm_status hrm_file_writer_align(hrm_file_writer *writer, uint64_t alignment) {
    if (alignment == 0) return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "file_writer_align: alignment must be > 0");
    uint64_t rest = writer->offset % alignment;
    return hrm_file_writer_write_zeros(writer, rest ? alignment - rest : 0);
}

hrm_status hrm_file_writer_rewrite(hrm_file_writer *writer, uint64_t offset, const void *data, size_t bytes) {
    if (writer->status != HRM_OK) return hrm_fail(writer->status, "%s", writer->message);
    if (offset > writer->offset || bytes > writer->offset - offset)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "file_writer_rewrite: %s has %" PRIu64 " bytes so far, %zu at %" PRIu64 " are outside",
                        writer->path, writer->offset, bytes, offset);
    uint64_t flushed = writer->offset - writer->buffered;
    if (offset >= flushed) {
        if (bytes) memcpy(writer->buffer + (offset - flushed), data, bytes);
        return HRM_OK;
    }
    hrm_status status = flush(writer);
    if (status != HRM_OK) return status;
    for (const unsigned char *next = data; bytes > 0;) {
        ssize_t written = pwrite(writer->file, next, bytes, (off_t)offset);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0)
            return stick(writer,
                         hrm_fail_errno(HRM_ERR_IO, written < 0 ? errno : EIO, "cannot write %s", writer->path));
        next += written;
        offset += (uint64_t)written;
        bytes -= (size_t)written;
    }
    return HRM_OK;
}

uint64_t hrm_file_writer_offset(const hrm_file_writer *writer) {
    return writer->offset;
}

/* After the rename the new file is in place; a folder that cannot be synced is still worth a message. */
static hrm_status sync_folder(const hrm_file_writer *writer) {
    int folder = open(writer->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 && errno == EACCES) return HRM_OK; /* a folder one may write but not list cannot be synced */
    int error = folder < 0 ? errno : sync_fully(folder);
    if (folder >= 0) close(folder);
    if (error) return hrm_fail_errno(HRM_ERR_IO, error, "%s is written, but its folder cannot be synced", writer->path);
    return HRM_OK;
}

hrm_status hrm_file_writer_commit(hrm_file_writer **handle) {
    hrm_file_writer *writer = *handle;
    hrm_status status;
    *handle = NULL;
    if (writer->status != HRM_OK) {
        status = hrm_fail(writer->status, "%s", writer->message);
        goto fail;
    }
    HRM_TRY(flush(writer));
    int error = sync_fully(writer->file);
    if (close(writer->file) != 0 && !error && errno != EINTR) error = errno;
    writer->file = -1;
    if (error) {
        status = hrm_fail_errno(HRM_ERR_IO, error, "cannot write %s", writer->path);
        goto fail;
    }
    if (rename(writer->temporary, writer->target) != 0) {
        status = hrm_fail_errno(HRM_ERR_IO, errno, "cannot replace %s", writer->path);
        goto fail;
    }
    writer->created = false;
    status = sync_folder(writer);
fail:
    hrm_file_writer_abort(writer);
    return status;
}

void hrm_file_writer_abort(hrm_file_writer *writer) {
    if (!writer) return;
    if (writer->file >= 0) close(writer->file);
    if (writer->created) unlink(writer->temporary);
    free(writer);
}

hrm_status hrm_file_write_all(const char *path, const void *data, size_t bytes) {
    hrm_status status;
    hrm_file_writer *writer = NULL;
    HRM_TRY(hrm_file_writer_open(path, &writer));
    HRM_TRY(hrm_file_writer_write(writer, data, bytes));
    return hrm_file_writer_commit(&writer);
fail:
    hrm_file_writer_abort(writer);
    return status;
}

/* A crash can cut the last line: end it, so that the next one starts on its own. */
static hrm_status end_last_line(const hrm_line_log *log) {
    off_t size = lseek(log->file, 0, SEEK_END);
    if (size <= 0) return HRM_OK;
    char last;
    if (pread(log->file, &last, 1, size - 1) != 1 || last == '\n') return HRM_OK;
    int error = write_fully(log->file, (const unsigned char *)"\n", 1);
    return error ? hrm_fail_errno(HRM_ERR_IO, error, "cannot write log %s", log->path) : HRM_OK;
}

hrm_status hrm_line_log_open(const char *path, bool restart, hrm_line_log **out) {
    hrm_status status;
    *out = NULL;
    hrm_line_log *log = calloc(1, sizeof *log);
    if (!log) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "cannot open log %s: no host memory", path);
    log->file = -1;
    HRM_TRY(copy_path(path, log->path));
    log->file = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | (restart ? O_TRUNC : 0), 0666);
    if (log->file < 0) {
        status = hrm_fail_errno(HRM_ERR_IO, errno, "cannot open log %s", path);
        goto fail;
    }
    HRM_TRY(end_last_line(log));
    *out = log;
    return HRM_OK;
fail:
    hrm_line_log_close(log);
    return status;
}

hrm_status hrm_line_log_append(hrm_line_log *log, const char *line) {
    size_t length = strlen(line);
    if (memchr(line, '\n', length)) return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "log %s: newline in a line", log->path);
    unsigned char *whole = malloc(length + 1);
    if (!whole) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "log %s: no host memory", log->path);
    memcpy(whole, line, length);
    whole[length] = '\n';
    off_t before = lseek(log->file, 0, SEEK_END);
    int error = write_fully(log->file, whole, length + 1);
    free(whole);
    if (!error) return HRM_OK;
    /* A part may be there: take it back. Where that fails too, the next open ends the cut line. */
    hrm_status status = hrm_fail_errno(HRM_ERR_IO, error, "cannot write log %s", log->path);
    if (before >= 0 && ftruncate(log->file, before) != 0) return hrm_fail_prefix(status, "line left incomplete");
    return status;
}

void hrm_line_log_close(hrm_line_log *log) {
    if (!log) return;
    if (log->file >= 0) close(log->file);
    free(log);
}
