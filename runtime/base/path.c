#include "base/path.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static hrm_status put(char *out, size_t out_size, const char *head, size_t head_length, const char *separator,
                      const char *tail) {
    size_t separator_length = strlen(separator), tail_length = strlen(tail);
    size_t total = head_length + separator_length + tail_length;
    if (total >= out_size) {
        if (out_size) out[0] = '\0';
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "path too long (%zu bytes, room for %zu): %.60s...", total,
                        out_size ? out_size - 1 : 0, head_length ? head : tail);
    }
    memcpy(out, head, head_length);
    memcpy(out + head_length, separator, separator_length);
    memcpy(out + head_length + separator_length, tail, tail_length + 1);
    return HRM_OK;
}

hrm_status hrm_path_join(const char *folder, const char *name, char *out, size_t out_size) {
    size_t length = strlen(folder);
    if (length == 0 || name[0] == '/') return put(out, out_size, "", 0, "", name);
    return put(out, out_size, folder, length, folder[length - 1] == '/' ? "" : "/", name);
}

hrm_status hrm_path_parent(const char *path, char *out, size_t out_size) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--; /* trailing slashes */
    while (length > 0 && path[length - 1] != '/') length--; /* the last component */
    if (length == 0) return put(out, out_size, ".", 1, "", "");
    while (length > 1 && path[length - 1] == '/') length--; /* the slashes before it */
    return put(out, out_size, path, length, "", "");
}

hrm_status hrm_path_make_folders(const char *path) {
    char partial[HRM_PATH_MAX];
    if (!path || !*path) return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "make_folders: empty path");
    hrm_status status = put(partial, sizeof partial, path, strlen(path), "", "");
    if (status != HRM_OK) return status;
    size_t length = strlen(partial);
    for (size_t i = 1; i <= length; i++) {
        if (partial[i] != '/' && partial[i] != '\0') continue;
        char kept = partial[i];
        partial[i] = '\0';
        if (mkdir(partial, 0777) != 0) {
            /* Not only EEXIST: a read-only or unreadable parent that is already there answers otherwise. */
            int error = errno;
            struct stat info;
            if (stat(partial, &info) != 0) return hrm_fail_errno(HRM_ERR_IO, error, "cannot create folder %s", partial);
            if (!S_ISDIR(info.st_mode))
                return hrm_fail(HRM_ERR_IO, "cannot create folder %s: %s is a file", path, partial);
        }
        partial[i] = kept;
    }
    return HRM_OK;
}

hrm_status hrm_path_cache_folder(char *out, size_t out_size) {
    const char *cache = getenv("XDG_CACHE_HOME");
    hrm_status status;
    if (cache && cache[0] == '/') { /* the XDG base directory specification tells us to ignore a relative one */
        status = hrm_path_join(cache, "hrm", out, out_size);
    } else {
        const char *home = getenv("HOME");
        char storage[4096];
        struct passwd entry, *found = NULL;
        if (!home || home[0] != '/') {
            home = NULL;
            if (getpwuid_r(geteuid(), &entry, storage, sizeof storage, &found) == 0 && found) home = found->pw_dir;
        }
        if (!home || home[0] != '/') {
            if (out_size) out[0] = '\0';
            return hrm_fail(HRM_ERR_IO, "no cache folder: neither XDG_CACHE_HOME nor HOME is an absolute path");
        }
        status = hrm_path_join(home, ".cache/hrm", out, out_size);
    }
    if (status != HRM_OK) return status;
    return hrm_fail_prefix(hrm_path_make_folders(out), "cache folder");
}
