/* What the stand-ins for kernel graphics drivers share: see node.h. */

/* Both names of a function are replaced, the plain one and the one for large files, so they must stay two functions,
 * and without the inline wrappers of a hardened build. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include "node.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <drm.h>
#include <xf86drm.h>

/* The last numbers DRM gives out, so that no real card of the machine is hidden. */
#define DRM_MAJOR 226
#define PRIMARY_MINOR 63
#define RENDER_MINOR 191
#define PRIMARY_PATH "/dev/dri/card63"
#define RENDER_PATH "/dev/dri/renderD191"
/* libdrm believes a node to be DRM's only if these exist. */
#define PRIMARY_SYSFS "/sys/dev/char/226:63/device/drm"
#define RENDER_SYSFS "/sys/dev/char/226:191/device/drm"

#define MEMORY_BYTES (UINT64_C(1) << 46)
#define BUFFER_ALIGN (UINT64_C(1) << 16)

_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "the stand-ins are for 64-bit machines");

/* The functions these replace. Resolved together, before the first use. */
static struct {
    int (*open)(const char *path, int flags, ...);
    int (*open64)(const char *path, int flags, ...);
    int (*stat)(const char *path, struct stat *info);
    int (*stat64)(const char *path, struct stat64 *info);
    int (*fstat)(int fd, struct stat *info);
    int (*fstat64)(int fd, struct stat64 *info);
    int (*access)(const char *path, int mode);
    int (*ioctl)(int fd, unsigned long request, ...);
} real;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_once_t chip_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The memory file, made with the chip; its identity tells the node's descriptors from all others. */
static int memory = -1;
static dev_t memory_device;
static ino_t memory_inode;
static uint64_t memory_used;
static atomic_bool opened; /* the above are set and stay as they are */

static const struct kmd_chip *chosen;

/* Handles are index + 1. */
struct slot {
    bool used;
    uint64_t point;           /* a sync object's */
    struct kmd_buffer buffer; /* a buffer's */
};
struct table {
    struct slot *slots;
    uint32_t count;
};
static struct table buffers, syncobjs;

/* POSIX promises that an object pointer can hold a function; C does not, hence the way through bytes. */
static void find(const char *name, void *slot) {
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(slot, &symbol, sizeof symbol);
}

static void resolve(void) {
    find("open", &real.open);
    find("open64", &real.open64);
    find("stat", &real.stat);
    find("stat64", &real.stat64);
    find("fstat", &real.fstat);
    find("fstat64", &real.fstat64);
    find("access", &real.access);
    find("ioctl", &real.ioctl);
}

/* ---- the chip ---- */

bool kmd_read_mib(const char *variable, uint64_t least_mib, uint64_t fallback_mib, uint64_t *bytes) {
    const char *text = getenv(variable);
    uint64_t mib = fallback_mib;
    if (text) {
        char *end;
        errno = 0;
        mib = strtoull(text, &end, 10);
        if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' || mib < least_mib || mib > 16777216) {
            fprintf(stderr, "kmd_%s: %s must be a number of MiB from %llu to 16777216, not '%s'; there is no device\n",
                    kmd_driver.name, variable, (unsigned long long)least_mib, text);
            return false;
        }
    }
    *bytes = mib << 20;
    return true;
}

static void choose_chip(void) {
    const char *name = getenv("HRM_LAB_CHIP");
    const struct kmd_chip *chip = NULL;
    for (size_t i = 0; name && (chip = kmd_driver.chip(i)) != NULL; i++) {
        if (strcmp(chip->name, name) == 0) break;
    }
    if (!chip) {
        flockfile(stderr);
        fprintf(stderr, "kmd_%s: HRM_LAB_CHIP is '%s'; there is no device. Chips:", kmd_driver.name, name ? name : "");
        for (size_t i = 0; (chip = kmd_driver.chip(i)) != NULL; i++) fprintf(stderr, " %s", chip->name);
        fprintf(stderr, "\n");
        funlockfile(stderr);
        return;
    }
    if (!kmd_driver.setup(chip)) return;
    struct stat info;
    memory = memfd_create("kmd", MFD_CLOEXEC);
    if (memory < 0 || ftruncate(memory, (off_t)MEMORY_BYTES) != 0 || real.fstat(memory, &info) != 0) {
        fprintf(stderr, "kmd_%s: a memory file for the buffers: %s; there is no device\n", kmd_driver.name,
                strerror(errno));
        return;
    }
    memory_device = info.st_dev;
    memory_inode = info.st_ino;
    chosen = chip;
    atomic_store(&opened, true);
}

const struct kmd_chip *kmd_chip(void) {
    pthread_once(&once, resolve);
    pthread_once(&chip_once, choose_chip);
    return chosen;
}

/* ---- buffers and sync objects ---- */

/* Takes a free slot; NULL where the host has no memory. The caller holds the lock. */
static struct slot *take_slot(struct table *table, uint32_t *handle) {
    uint32_t index = 0;
    while (index < table->count && table->slots[index].used) index++;
    if (index == table->count) {
        uint32_t count = table->count + 256;
        struct slot *slots = realloc(table->slots, count * sizeof *slots);
        if (!slots) return NULL;
        memset(slots + table->count, 0, 256 * sizeof *slots);
        table->slots = slots;
        table->count = count;
    }
    *handle = index + 1;
    table->slots[index] = (struct slot){.used = true};
    return &table->slots[index];
}

/* NULL for a handle that was not given out. The caller holds the lock. */
static struct slot *find_slot(const struct table *table, uint32_t handle) {
    return handle != 0 && handle <= table->count && table->slots[handle - 1].used ? &table->slots[handle - 1] : NULL;
}

int kmd_buffer_create(uint64_t bytes, uint64_t tag, uint32_t *handle) {
    if (bytes == 0) return -EINVAL;
    if (bytes > MEMORY_BYTES) return -ENOMEM;
    uint64_t rounded = (bytes + BUFFER_ALIGN - 1) & ~(BUFFER_ALIGN - 1);
    pthread_mutex_lock(&lock);
    struct slot *slot = rounded <= MEMORY_BYTES - memory_used ? take_slot(&buffers, handle) : NULL;
    if (slot) {
        slot->buffer = (struct kmd_buffer){.offset = memory_used, .bytes = bytes, .tag = tag};
        memory_used += rounded; /* no offset is given twice: the file is far larger than what a run allocates */
    }
    pthread_mutex_unlock(&lock);
    return slot ? 0 : -ENOMEM;
}

bool kmd_buffer_find(uint32_t handle, struct kmd_buffer *buffer) {
    pthread_mutex_lock(&lock);
    const struct slot *slot = find_slot(&buffers, handle);
    if (slot) *buffer = slot->buffer;
    pthread_mutex_unlock(&lock);
    return slot != NULL;
}

int kmd_buffer_close(uint32_t handle) {
    pthread_mutex_lock(&lock);
    struct slot *slot = find_slot(&buffers, handle);
    struct kmd_buffer buffer = {0};
    if (slot) {
        slot->used = false;
        buffer = slot->buffer;
        /* gives the pages back; Mesa unmaps before it closes */
        (void)fallocate(memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)slot->buffer.offset,
                        (off_t)slot->buffer.bytes);
    }
    pthread_mutex_unlock(&lock);
    if (slot && kmd_driver.closed) kmd_driver.closed(&buffer);
    return slot ? 0 : -EINVAL;
}

bool kmd_memory_read(uint64_t offset, void *data, size_t bytes) {
    return pread(memory, data, bytes, (off_t)offset) == (ssize_t)bytes;
}

bool kmd_memory_write(uint64_t offset, const void *data, size_t bytes) {
    return pwrite(memory, data, bytes, (off_t)offset) == (ssize_t)bytes;
}

static int syncobj_create(uint32_t *handle) {
    pthread_mutex_lock(&lock);
    bool made = take_slot(&syncobjs, handle) != NULL;
    pthread_mutex_unlock(&lock);
    return made ? 0 : -ENOMEM;
}

static int syncobj_destroy(uint32_t handle) {
    pthread_mutex_lock(&lock);
    struct slot *slot = find_slot(&syncobjs, handle);
    if (slot) slot->used = false;
    pthread_mutex_unlock(&lock);
    return slot ? 0 : -EINVAL;
}

void kmd_syncobj_signal(uint32_t handle, uint64_t point) {
    pthread_mutex_lock(&lock);
    struct slot *slot = find_slot(&syncobjs, handle);
    if (slot && slot->point < point) slot->point = point;
    pthread_mutex_unlock(&lock);
}

static int syncobj_signal_points(const uint32_t *handles, const uint64_t *points, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) kmd_syncobj_signal(handles[i], points[i]);
    return 0;
}

static int syncobj_query(const uint32_t *handles, uint64_t *points, uint32_t count) {
    bool found = true;
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < count && found; i++) {
        const struct slot *slot = find_slot(&syncobjs, handles[i]);
        found = slot != NULL;
        if (found) points[i] = slot->point;
    }
    pthread_mutex_unlock(&lock);
    return found ? 0 : -ENOENT;
}

/* ---- ioctls ---- */

static void fill_text(char *text, __kernel_size_t *length, const char *value) {
    size_t room = *length;
    *length = strlen(value);
    if (text) memcpy(text, value, room < *length ? room : *length);
}

static int get_cap(struct drm_get_cap *cap) {
    switch (cap->capability) {
    case DRM_CAP_SYNCOBJ:
    case DRM_CAP_SYNCOBJ_TIMELINE:
    case DRM_CAP_TIMESTAMP_MONOTONIC:
        cap->value = 1;
        return 0;
    case DRM_CAP_PRIME:
        cap->value = 0;
        return 0; /* no buffer can be shared */
    default:
        return -EOPNOTSUPP; /* the rest asks about displays */
    }
}

/* By number alone: the structures grew at their ends over the years, and the request holds the size the caller knew. */
static int core_ioctl(unsigned nr, void *argument) {
    switch (nr) {
    case _IOC_NR(DRM_IOCTL_VERSION): {
        struct drm_version *version = argument;
        version->version_major = kmd_driver.major;
        version->version_minor = kmd_driver.minor;
        version->version_patchlevel = kmd_driver.patch;
        fill_text(version->name, &version->name_len, kmd_driver.name);
        fill_text(version->date, &version->date_len, "20260101");
        fill_text(version->desc, &version->desc_len, "stand-in");
        return 0;
    }
    case _IOC_NR(DRM_IOCTL_GET_CAP):
        return get_cap(argument);
    case _IOC_NR(DRM_IOCTL_GEM_CLOSE):
        return kmd_buffer_close(((const struct drm_gem_close *)argument)->handle);
    case _IOC_NR(DRM_IOCTL_SYNCOBJ_CREATE):
        return syncobj_create(&((struct drm_syncobj_create *)argument)->handle);
    case _IOC_NR(DRM_IOCTL_SYNCOBJ_DESTROY):
        return syncobj_destroy(((const struct drm_syncobj_destroy *)argument)->handle);
    case _IOC_NR(DRM_IOCTL_SYNCOBJ_WAIT):
        ((struct drm_syncobj_wait *)argument)->first_signaled = 0;
        return 0;
    case _IOC_NR(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT):
        ((struct drm_syncobj_timeline_wait *)argument)->first_signaled = 0;
        return 0;
    case _IOC_NR(DRM_IOCTL_SYNCOBJ_RESET):
    case _IOC_NR(DRM_IOCTL_SYNCOBJ_SIGNAL):
        return 0; /* binary ones are always signalled */
    case _IOC_NR(DRM_IOCTL_SYNCOBJ_QUERY): {
        const struct drm_syncobj_timeline_array *array = argument;
        return syncobj_query((const uint32_t *)(uintptr_t)array->handles, (uint64_t *)(uintptr_t)array->points,
                             array->count_handles);
    }
    case _IOC_NR(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL): {
        const struct drm_syncobj_timeline_array *array = argument;
        return syncobj_signal_points((const uint32_t *)(uintptr_t)array->handles,
                                     (const uint64_t *)(uintptr_t)array->points, array->count_handles);
    }
    case _IOC_NR(DRM_IOCTL_SYNCOBJ_TRANSFER): {
        const struct drm_syncobj_transfer *transfer = argument;
        kmd_syncobj_signal(transfer->dst_handle, transfer->dst_point);
        return 0;
    }
    case _IOC_NR(DRM_IOCTL_PRIME_HANDLE_TO_FD):
    case _IOC_NR(DRM_IOCTL_PRIME_FD_TO_HANDLE):
        return -EOPNOTSUPP; /* no buffer can be shared */
    default:
        return -ENOSYS;
    }
}

/* Whether a descriptor is the node's, however it was duplicated. */
static bool is_node(int fd) {
    struct stat info;
    pthread_once(&once, resolve);
    return atomic_load(&opened) && real.fstat(fd, &info) == 0 && info.st_dev == memory_device &&
           info.st_ino == memory_inode;
}

int ioctl(int fd, unsigned long request, ...) {
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    pthread_once(&once, resolve);
    if (_IOC_TYPE(request) != DRM_IOCTL_BASE || !is_node(fd)) return real.ioctl(fd, request, argument);
    unsigned nr = (unsigned)_IOC_NR(request);
    bool own = nr >= DRM_COMMAND_BASE && nr < DRM_COMMAND_END;
    int status = own ? kmd_driver.ioctl(nr - DRM_COMMAND_BASE, argument) : core_ioctl(nr, argument);
    if (status == 0) return 0;
    if (status == -ENOSYS) {
        if (getenv("HRM_LAB_TRACE")) {
            fprintf(stderr, "kmd_%s: no answer to %s ioctl 0x%02x\n", kmd_driver.name, own ? "driver" : "core",
                    own ? nr - DRM_COMMAND_BASE : nr);
        }
        status = -EINVAL;
    }
    errno = -status;
    return -1;
}

/* ---- the node as a file ---- */

static int open_node(int flags) {
    int fd = kmd_chip() ? fcntl(memory, (flags & O_CLOEXEC) ? F_DUPFD_CLOEXEC : F_DUPFD, 0) : -1;
    if (!kmd_chip()) errno = ENOENT;
    return fd;
}

static bool is_render_path(const char *path) {
    return path && strcmp(path, RENDER_PATH) == 0;
}

static mode_t open_mode(int flags, va_list list) {
    bool has_mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE; /* of several bits, O_DIRECTORY among them */
    return has_mode ? (mode_t)va_arg(list, unsigned) : 0;
}

int open(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = open_mode(flags, list);
    va_end(list);
    pthread_once(&once, resolve);
    return is_render_path(path) ? open_node(flags) : real.open(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = open_mode(flags, list);
    va_end(list);
    pthread_once(&once, resolve);
    return is_render_path(path) ? open_node(flags) : real.open64(path, flags, mode);
}

static void fill_stat(struct stat *info, mode_t type, unsigned minor_number) {
    memset(info, 0, sizeof *info);
    info->st_mode = type | 0666;
    info->st_nlink = 1;
    info->st_rdev = type == S_IFCHR ? makedev(DRM_MAJOR, minor_number) : 0;
}

/* Answers stat for the paths of the node; false for any other path. */
static bool stat_node(const char *path, struct stat *info) {
    if (!path) return false;
    bool primary = strcmp(path, PRIMARY_PATH) == 0, render = strcmp(path, RENDER_PATH) == 0;
    bool sysfs = strcmp(path, PRIMARY_SYSFS) == 0 || strcmp(path, RENDER_SYSFS) == 0;
    if ((!primary && !render && !sysfs) || !kmd_chip()) return false;
    fill_stat(info, sysfs ? S_IFDIR : S_IFCHR, primary ? PRIMARY_MINOR : RENDER_MINOR);
    return true;
}

int stat(const char *path, struct stat *info) {
    pthread_once(&once, resolve);
    return stat_node(path, info) ? 0 : real.stat(path, info);
}

int stat64(const char *path, struct stat64 *info) {
    struct stat node;
    pthread_once(&once, resolve);
    if (!stat_node(path, &node)) return real.stat64(path, info);
    memcpy(info, &node, sizeof node);
    return 0;
}

int fstat(int fd, struct stat *info) {
    if (!is_node(fd)) return real.fstat(fd, info);
    fill_stat(info, S_IFCHR, RENDER_MINOR);
    return 0;
}

int fstat64(int fd, struct stat64 *info) {
    struct stat node;
    if (!is_node(fd)) return real.fstat64(fd, info);
    fill_stat(&node, S_IFCHR, RENDER_MINOR);
    memcpy(info, &node, sizeof node);
    return 0;
}

/* Newer libdrm tells a render node from others by the name in /dev/dri. */
int access(const char *path, int mode) {
    struct stat info;
    pthread_once(&once, resolve);
    return stat_node(path, &info) ? 0 : real.access(path, mode);
}

/* ---- libdrm's list of devices: the one card, whatever else the machine has ---- */

static char primary_path[] = PRIMARY_PATH, render_path[] = RENDER_PATH, control_path[] = "";
static char *node_paths[DRM_NODE_MAX] = {
    [DRM_NODE_PRIMARY] = primary_path, [DRM_NODE_CONTROL] = control_path, [DRM_NODE_RENDER] = render_path};
static drmPciBusInfo pci_bus = {.domain = 0, .bus = 3, .dev = 0, .func = 0};
static drmPciDeviceInfo pci_device;
static drmDevice card = {
    .nodes = node_paths,
    .available_nodes = 1 << DRM_NODE_PRIMARY | 1 << DRM_NODE_RENDER,
    .bustype = DRM_BUS_PCI,
    .businfo.pci = &pci_bus,
    .deviceinfo.pci = &pci_device,
};

int drmGetDevices2(uint32_t flags, drmDevicePtr devices[], int max_devices) {
    (void)flags;
    const struct kmd_chip *chip = kmd_chip();
    if (!chip) return 0;
    pthread_mutex_lock(&lock);
    pci_device = (drmPciDeviceInfo){.vendor_id = chip->vendor,
                                    .device_id = chip->device,
                                    .subvendor_id = chip->vendor,
                                    .subdevice_id = chip->device,
                                    .revision_id = chip->revision};
    pthread_mutex_unlock(&lock);
    if (devices && max_devices > 0) devices[0] = &card;
    return 1;
}

int drmGetDevices(drmDevicePtr devices[], int max_devices) {
    return drmGetDevices2(DRM_DEVICE_GET_PCI_REVISION, devices, max_devices);
}

/* libdrm's own is out of reach: a Vulkan driver loads it where RTLD_NEXT does not look. */
int drmGetDevice2(int fd, uint32_t flags, drmDevicePtr *device) {
    return is_node(fd) && drmGetDevices2(flags, device, 1) == 1 ? 0 : -ENODEV;
}

int drmGetDevice(int fd, drmDevicePtr *device) {
    return drmGetDevice2(fd, DRM_DEVICE_GET_PCI_REVISION, device);
}

void drmFreeDevice(drmDevicePtr *device) {
    if (device) *device = NULL;
}

void drmFreeDevices(drmDevicePtr devices[], int count) {
    for (int i = 0; devices && i < count; i++) devices[i] = NULL;
}
