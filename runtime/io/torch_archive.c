#include "io/torch_archive.h"

#if HRM_HAVE_TORCH

#include "base/checked.h"
#include "base/file_map.h"
#include "io/weights_kind.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#define SKIP_BYTES ((size_t)1 << 16) /* read at a time to get past what nobody asked for */
#define DEFLATE_MAX_RATIO 1032       /* zlib's algorithm cannot pack tighter */

struct entry {
    const char *name; /* the archive's */
    uint64_t index, size;
    uint16_t method, encryption;
    bool verified; /* length and CRC were right once */
};

struct hrm_torch_archive {
    zip_t *zip;
    struct entry *entries; /* sorted by name */
    size_t count;
    char *folder;
};

struct hrm_torch_record {
    struct entry *entry;
    zip_file_t *file;
    uint64_t position;
};

/* Tells apart what the user can do something about. */
static hrm_status check_kind(const void *bytes, size_t size) {
    switch (hrm_weights_kind_of(bytes, size)) {
    case HRM_WEIGHTS_TORCH:
        return HRM_OK;
    case HRM_WEIGHTS_TORCH_LEGACY:
        return hrm_fail(HRM_ERR_UNSUPPORTED, "written in the format from before PyTorch 1.6: load it with PyTorch and "
                                             "torch.save it again");
    case HRM_WEIGHTS_SAFETENSORS:
        return hrm_fail(HRM_ERR_FORMAT, "a safetensors file, not a PyTorch checkpoint");
    default:
        return hrm_fail(HRM_ERR_FORMAT, "not a PyTorch checkpoint: it is no ZIP archive");
    }
}

static hrm_status fail_zip(zip_error_t *error, const char *what) {
    hrm_status code = HRM_ERR_FORMAT;
    switch (zip_error_code_zip(error)) {
    case ZIP_ER_MEMORY:
        code = HRM_ERR_OUT_OF_MEMORY;
        break;
    case ZIP_ER_OPEN:
    case ZIP_ER_READ:
    case ZIP_ER_SEEK:
    case ZIP_ER_TELL:
        /* Reading what a damaged directory points to fails like this too, but then without a system error. */
        if (zip_error_code_system(error)) code = HRM_ERR_IO;
        break;
    default:
        break;
    }
    return hrm_fail(code, "%s: %s", what, zip_error_strerror(error));
}

static int compare_entries(const void *a, const void *b) {
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static struct entry *find_entry(const hrm_torch_archive *archive, const char *name) {
    struct entry key = {.name = name};
    if (archive->count == 0) return NULL;
    return bsearch(&key, archive->entries, archive->count, sizeof key, compare_entries);
}

static hrm_status check_size(const struct entry *entry, uint64_t packed, uint64_t file_size) {
    uint64_t most = packed;
    if (entry->method != ZIP_CM_STORE && !hrm_mul_u64(packed, DEFLATE_MAX_RATIO, &most)) most = UINT64_MAX;
    if (packed > file_size || entry->size > most)
        return hrm_fail(HRM_ERR_FORMAT,
                        "record \"%.200s\" claims %" PRIu64 " bytes, packed to %" PRIu64 ", in a file of %" PRIu64,
                        entry->name, entry->size, packed, file_size);
    return HRM_OK;
}

static hrm_status list_entries(hrm_torch_archive *archive, uint64_t file_size) {
    zip_int64_t count = zip_get_num_entries(archive->zip, 0);
    archive->entries = calloc((size_t)count + 1, sizeof *archive->entries);
    if (!archive->entries)
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for a list of %" PRIi64 " records", (int64_t)count);
    for (zip_uint64_t i = 0; i < (zip_uint64_t)count; i++) {
        struct entry *entry = &archive->entries[i];
        zip_stat_t info;
        if (zip_stat_index(archive->zip, i, ZIP_FL_ENC_RAW, &info) != 0)
            return fail_zip(zip_get_error(archive->zip), "a record cannot be looked up");
        const zip_uint64_t needed =
            ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
        if ((info.valid & needed) != needed) return hrm_fail(HRM_ERR_FORMAT, "a record has no name or no size");
        *entry = (struct entry){.name = info.name,
                                .index = i,
                                .size = info.size,
                                .method = info.comp_method,
                                .encryption = info.encryption_method};
        hrm_status status = check_size(entry, info.comp_size, file_size);
        if (status != HRM_OK) return status;
    }
    archive->count = (size_t)count;
    if (count > 1) qsort(archive->entries, archive->count, sizeof *archive->entries, compare_entries);
    for (size_t i = 1; i < archive->count; i++)
        if (strcmp(archive->entries[i - 1].name, archive->entries[i].name) == 0)
            return hrm_fail(HRM_ERR_FORMAT, "two records are named \"%.200s\"", archive->entries[i].name);
    return HRM_OK;
}

/* The folder whose data.pkl is not below another folder. */
static hrm_status find_folder(hrm_torch_archive *archive) {
    for (size_t i = 0; i < archive->count; i++) {
        const char *name = archive->entries[i].name, *slash = strchr(name, '/');
        if (!slash || slash == name || strcmp(slash, "/data.pkl") != 0) continue;
        if (archive->folder)
            return hrm_fail(HRM_ERR_FORMAT, "two folders hold a data.pkl, \"%.200s\" and \"%.*s\"", archive->folder,
                            (int)(slash - name < 200 ? slash - name : 200), name);
        archive->folder = strndup(name, (size_t)(slash - name));
        if (!archive->folder) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory");
    }
    if (!archive->folder)
        return hrm_fail(HRM_ERR_FORMAT, "not a PyTorch checkpoint: the ZIP archive has no FOLDER/data.pkl");
    size_t number;
    uint64_t size;
    if (hrm_torch_archive_find(archive, "constants.pkl", &number, &size))
        return hrm_fail(HRM_ERR_UNSUPPORTED, "a TorchScript program, not a checkpoint: torch.save its state_dict()");
    return HRM_OK;
}

/* Takes `source` over. */
static hrm_status open_source(zip_source_t *source, uint64_t file_size, hrm_torch_archive **out) {
    hrm_status status;
    zip_error_t error;
    zip_error_init(&error);
    hrm_torch_archive *archive = calloc(1, sizeof *archive);
    if (!archive) {
        zip_source_free(source);
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "torch_archive: no host memory");
    }
    archive->zip = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (!archive->zip) {
        zip_source_free(source);
        status = fail_zip(&error, "the ZIP archive is damaged or cut short");
        zip_error_fini(&error);
        goto fail;
    }
    HRM_TRY(list_entries(archive, file_size));
    HRM_TRY(find_folder(archive));
    *out = archive;
    return HRM_OK;
fail:
    hrm_torch_archive_close(archive);
    return status;
}

hrm_status hrm_torch_archive_parse(const void *bytes, size_t size, hrm_torch_archive **out) {
    zip_error_t error;
    *out = NULL;
    hrm_status status = check_kind(bytes, size);
    if (status != HRM_OK) return status;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(bytes, size, 0, &error);
    if (source) return open_source(source, size, out);
    status = fail_zip(&error, "the bytes cannot be read");
    zip_error_fini(&error);
    return status;
}

hrm_status hrm_torch_archive_open(const char *path, hrm_torch_archive **out) {
    hrm_file_map map;
    zip_error_t error;
    *out = NULL;
    hrm_status status = hrm_file_map_open(path, &map); /* also refuses folders, pipes and empty files */
    if (status != HRM_OK) return status;
    size_t size = map.size;
    status = check_kind(map.data, map.size);
    hrm_file_map_close(&map); /* libzip reads: what a mapping touches would count as our memory */
    if (status != HRM_OK) return hrm_fail_prefix(status, "cannot read %s", path);
    zip_error_init(&error);
    zip_source_t *source = zip_source_file_create(path, 0, -1, &error);
    if (source) {
        status = open_source(source, size, out);
    } else {
        status = fail_zip(&error, "the file cannot be opened");
        zip_error_fini(&error);
    }
    return hrm_fail_prefix(status, "cannot read %s", path);
}

void hrm_torch_archive_close(hrm_torch_archive *archive) {
    if (!archive) return;
    if (archive->zip) zip_discard(archive->zip);
    free(archive->entries);
    free(archive->folder);
    free(archive);
}

const char *hrm_torch_archive_folder(const hrm_torch_archive *archive) {
    return archive->folder;
}

bool hrm_torch_archive_find(const hrm_torch_archive *archive, const char *name, size_t *number, uint64_t *size) {
    /* A name in a ZIP archive has at most 65535 bytes: longer ones are in none. */
    char full[65536];
    size_t folder = strlen(archive->folder), length = strlen(name);
    if (folder + 1 + length >= sizeof full) return false;
    memcpy(full, archive->folder, folder);
    full[folder] = '/';
    memcpy(full + folder + 1, name, length + 1);
    const struct entry *entry = find_entry(archive, full);
    if (!entry) return false;
    *number = (size_t)(entry - archive->entries);
    *size = entry->size;
    return true;
}

hrm_status hrm_torch_archive_load(hrm_torch_archive *archive, size_t number, size_t limit, void **bytes, size_t *size) {
    hrm_status status;
    hrm_torch_record *record = NULL;
    const struct entry *entry = &archive->entries[number];
    *bytes = NULL;
    if (entry->size > limit)
        return hrm_fail(HRM_ERR_FORMAT, "record \"%.200s\" has %" PRIu64 " bytes, at most %zu are accepted",
                        entry->name, entry->size, limit);
    *size = (size_t)entry->size;
    *bytes = malloc(*size + 1);
    if (!*bytes) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for record \"%.200s\"", entry->name);
    HRM_TRY(hrm_torch_record_open(archive, number, 0, &record));
    HRM_TRY(hrm_torch_record_read(record, *bytes, *size));
    HRM_TRY(hrm_torch_record_finish(record));
    hrm_torch_record_close(record);
    return HRM_OK;
fail:
    hrm_torch_record_close(record);
    free(*bytes);
    *bytes = NULL;
    return status;
}

static hrm_status fail_record(const hrm_torch_record *record) {
    char what[256];
    zip_error_t *error = zip_file_get_error(record->file);
    snprintf(what, sizeof what, "record \"%.200s\" is damaged", record->entry->name);
    return fail_zip(error, what);
}

static hrm_status skip(hrm_torch_record *record, uint64_t bytes) {
    unsigned char buffer[SKIP_BYTES];
    while (bytes > 0) {
        size_t chunk = bytes < sizeof buffer ? (size_t)bytes : sizeof buffer;
        hrm_status status = hrm_torch_record_read(record, buffer, chunk);
        if (status != HRM_OK) return status;
        bytes -= chunk;
    }
    return HRM_OK;
}

hrm_status hrm_torch_record_open(hrm_torch_archive *archive, size_t number, uint64_t offset, hrm_torch_record **out) {
    hrm_status status;
    struct entry *entry = &archive->entries[number];
    *out = NULL;
    if (entry->encryption != ZIP_EM_NONE)
        return hrm_fail(HRM_ERR_UNSUPPORTED, "record \"%.200s\" is encrypted", entry->name);
    if (entry->method != ZIP_CM_STORE && entry->method != ZIP_CM_DEFLATE)
        return hrm_fail(HRM_ERR_UNSUPPORTED,
                        "record \"%.200s\" is packed with method %u, only stored and deflated ones "
                        "can be read",
                        entry->name, entry->method);
    hrm_torch_record *record = calloc(1, sizeof *record);
    if (!record) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for record \"%.200s\"", entry->name);
    record->entry = entry;
    record->file = zip_fopen_index(archive->zip, entry->index, 0);
    if (!record->file) {
        char what[256];
        snprintf(what, sizeof what, "record \"%.200s\" cannot be opened", entry->name);
        status = fail_zip(zip_get_error(archive->zip), what);
        goto fail;
    }
    /* What was verified may be jumped over; the first time every byte passes by the CRC. */
    if (offset > 0 && entry->verified && entry->method == ZIP_CM_STORE && offset <= INT64_MAX &&
        zip_fseek(record->file, (zip_int64_t)offset, SEEK_SET) == 0)
        record->position = offset;
    HRM_TRY(skip(record, offset - record->position));
    *out = record;
    return HRM_OK;
fail:
    hrm_torch_record_close(record);
    return status;
}

hrm_status hrm_torch_record_read(hrm_torch_record *record, void *dst, size_t bytes) {
    for (unsigned char *next = dst; bytes > 0;) {
        zip_int64_t got = zip_fread(record->file, next, bytes);
        if (got < 0) return fail_record(record);
        if (got == 0)
            return hrm_fail(HRM_ERR_FORMAT,
                            "record \"%.200s\" is cut short: it ends after %" PRIu64 " of %" PRIu64 " bytes",
                            record->entry->name, record->position, record->entry->size);
        next += got;
        bytes -= (size_t)got;
        record->position += (uint64_t)got;
    }
    return HRM_OK;
}

hrm_status hrm_torch_record_finish(hrm_torch_record *record) {
    unsigned char extra;
    if (record->entry->verified) return HRM_OK;
    hrm_status status = skip(record, record->entry->size - record->position);
    if (status != HRM_OK) return status;
    zip_int64_t got = zip_fread(record->file, &extra, 1); /* libzip compares the CRC when it meets the end */
    if (got < 0) return fail_record(record);
    if (got > 0)
        return hrm_fail(HRM_ERR_FORMAT, "record \"%.200s\" is longer than the %" PRIu64 " bytes it claims",
                        record->entry->name, record->entry->size);
    record->entry->verified = true;
    return HRM_OK;
}

void hrm_torch_record_close(hrm_torch_record *record) {
    if (!record) return;
    if (record->file) zip_fclose(record->file);
    free(record);
}

#else

static hrm_status refuse(void) {
    return hrm_fail(HRM_ERR_UNSUPPORTED, "PyTorch checkpoints cannot be read: built without libzip, configure with "
                                         "-DHRM_TORCH=ON");
}

hrm_status hrm_torch_archive_open(const char *path, hrm_torch_archive **out) {
    *out = NULL;
    return hrm_fail_prefix(refuse(), "cannot read %s", path);
}

hrm_status hrm_torch_archive_parse(const void *bytes, size_t size, hrm_torch_archive **out) {
    (void)bytes, (void)size;
    *out = NULL;
    return refuse();
}

/* No archive exists, so nobody can call these with one. */
void hrm_torch_archive_close(hrm_torch_archive *archive) {
    (void)archive;
}

const char *hrm_torch_archive_folder(const hrm_torch_archive *archive) {
    (void)archive;
    return "";
}

bool hrm_torch_archive_find(const hrm_torch_archive *archive, const char *name, size_t *number, uint64_t *size) {
    (void)archive, (void)name, (void)number, (void)size;
    return false;
}

hrm_status hrm_torch_archive_load(hrm_torch_archive *archive, size_t number, size_t limit, void **bytes, size_t *size) {
    (void)archive, (void)number, (void)limit, (void)size;
    *bytes = NULL;
    return refuse();
}

hrm_status hrm_torch_record_open(hrm_torch_archive *archive, size_t number, uint64_t offset, hrm_torch_record **out) {
    (void)archive, (void)number, (void)offset;
    *out = NULL;
    return refuse();
}

hrm_status hrm_torch_record_read(hrm_torch_record *record, void *dst, size_t bytes) {
    (void)record, (void)dst, (void)bytes;
    return refuse();
}

hrm_status hrm_torch_record_finish(hrm_torch_record *record) {
    (void)record;
    return refuse();
}

void hrm_torch_record_close(hrm_torch_record *record) {
    (void)record;
}

#endif
