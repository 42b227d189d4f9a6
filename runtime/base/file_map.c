#include "base/file_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static hrm_status map_file(const char *path, bool writable, hrm_file_map *out) {
    *out = (hrm_file_map){0};
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* non-blocking: a pipe must not hang us before fstat */
    if (file < 0) return hrm_fail_errno(HRM_ERR_IO, errno, "cannot open %s", path);
    hrm_status status = HRM_OK;
    struct stat info;
    if (fstat(file, &info) != 0)
        status = hrm_fail_errno(HRM_ERR_IO, errno, "cannot inspect %s", path);
    else if (S_ISDIR(info.st_mode))
        status = hrm_fail(HRM_ERR_IO, "cannot read %s: it is a folder", path);
    else if (!S_ISREG(info.st_mode))
        status = hrm_fail(HRM_ERR_IO, "cannot read %s: it is a pipe or device, a regular file is needed", path);
    else if (info.st_size <= 0)
        status = hrm_fail(HRM_ERR_FORMAT, "cannot read %s: it is empty", path);
    else if ((uint64_t)info.st_size > SIZE_MAX)
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "cannot map %s: larger than the address space", path);
    if (status == HRM_OK) {
        size_t size = (size_t)info.st_size;
        void *data = mmap(NULL, size, writable ? PROT_READ | PROT_WRITE : PROT_READ,
                          writable ? MAP_PRIVATE | MAP_NORESERVE : MAP_PRIVATE, file, 0);
        if (data == MAP_FAILED)
            status = hrm_fail_errno(errno == ENOMEM ? HRM_ERR_OUT_OF_MEMORY : HRM_ERR_IO, errno,
                                    "cannot map %s (%zu bytes)", path, size);
        else
            *out = (hrm_file_map){.data = data, .size = size, .writable = writable ? data : NULL};
    }
    close(file); /* the mapping keeps the file */
    return status;
}

hrm_status hrm_file_map_open(const char *path, hrm_file_map *out) {
    return map_file(path, false, out);
}

hrm_status hrm_file_map_open_private(const char *path, hrm_file_map *out) {
    return map_file(path, true, out);
}

void hrm_file_map_close(hrm_file_map *map) {
    if (!map || !map->data) return;
    munmap((void *)(uintptr_t)map->data, map->size);
    *map = (hrm_file_map){0};
}
