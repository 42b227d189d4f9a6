#include "io/torch_writer.h"

#if HRM_HAVE_TORCH

#include "base/arena.h"
#include "base/checked.h"
#include "base/file_write.h"
#include "io/torch_pickle.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#define FOLDER "archive"
#define ALIGNMENT 64
#define PADDING_ID 0x4246 /* "FB": the extra field that PyTorch pads with */
#define LOCAL_HEADER_BYTES 30
#define ZIP64_FIELD_BYTES 20           /* in a local header, for records of 4 GiB and more */
#define DATE_1980_01_01 (1u << 5 | 1u) /* DOS: years since 1980, month, day; the same for every file */

struct filler {
    hrm_safetensors_fill_fn fill; /* NULL: data */
    void *user;
};

struct hrm_torch_writer {
    hrm_arena arena; /* names */
    hrm_safetensors_tensor *tensors;
    struct filler *fillers;
    size_t count, room;
    json_t *names; /* object used as a set */
};

/* ---- the list ---- */

hrm_status hrm_torch_writer_create(hrm_torch_writer **out) {
    *out = NULL;
    hrm_torch_writer *writer = calloc(1, sizeof *writer);
    if (writer) writer->names = json_object();
    if (!writer || !writer->names) {
        hrm_torch_writer_destroy(writer);
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "torch_writer_create: no host memory");
    }
    *out = writer;
    return HRM_OK;
}

void hrm_torch_writer_destroy(hrm_torch_writer *writer) {
    if (!writer) return;
    json_decref(writer->names);
    free(writer->tensors);
    free(writer->fillers);
    hrm_arena_deinit(&writer->arena);
    free(writer);
}

static hrm_status make_room(hrm_torch_writer *writer) {
    if (writer->count < writer->room) return HRM_OK;
    size_t room = writer->room ? 2 * writer->room : 64;
    hrm_safetensors_tensor *tensors = realloc(writer->tensors, room * sizeof *tensors);
    if (tensors) writer->tensors = tensors;
    struct filler *fillers = realloc(writer->fillers, room * sizeof *fillers);
    if (fillers) writer->fillers = fillers;
    if (!tensors || !fillers) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "torch_writer: no host memory");
    writer->room = room;
    return HRM_OK;
}

static hrm_status add(hrm_torch_writer *writer, const char *name, hrm_safetensors_tensor tensor, const uint64_t *shape,
                      struct filler filler) {
    if (!*name) return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "torch_writer: a tensor's name is empty");
    if ((unsigned)tensor.dtype >= HRM_ST_DTYPE_COUNT || !hrm_torch_storage_name(tensor.dtype))
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "torch_writer: tensor \"%s\" is %s, which PyTorch has no storage for",
                        name, hrm_safetensors_dtype_name(tensor.dtype));
    if (tensor.rank > HRM_SAFETENSORS_MAX_RANK)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "torch_writer: tensor \"%s\" has %u dimensions, at most %d are allowed", name, tensor.rank,
                        HRM_SAFETENSORS_MAX_RANK);
    uint64_t bytes = hrm_safetensors_dtype_size(tensor.dtype);
    bool fits = true;
    tensor.count = 1;
    for (uint32_t i = 0; i < tensor.rank; i++) {
        tensor.shape[i] = shape[i];
        fits = fits && shape[i] <= (uint64_t)INT64_MAX && hrm_mul_u64(tensor.count, shape[i], &tensor.count);
    }
    if (!fits || !hrm_mul_u64(tensor.count, bytes, &bytes) || bytes > (uint64_t)INT64_MAX ||
        !hrm_u64_to_size(bytes, &tensor.bytes))
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "torch_writer: tensor \"%s\" exceeds 2^63 bytes", name);
    if (json_object_get(writer->names, name))
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "torch_writer: tensor \"%s\" is added twice", name);
    hrm_status status = make_room(writer);
    if (status != HRM_OK) return status;
    char *copy;
    status = hrm_arena_copy_text(&writer->arena, name, strlen(name), &copy);
    if (status != HRM_OK) return status;
    tensor.name = copy;
    if (json_object_set_new(writer->names, name, json_true()) != 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "torch_writer: the tensor name \"%.80s\" is not UTF-8", name);
    writer->tensors[writer->count] = tensor;
    writer->fillers[writer->count++] = filler;
    return HRM_OK;
}

hrm_status hrm_torch_writer_add(hrm_torch_writer *writer, const char *name, hrm_safetensors_dtype dtype, uint32_t rank,
                                const uint64_t *shape, const void *data) {
    return add(writer, name, (hrm_safetensors_tensor){.dtype = dtype, .rank = rank, .data = data}, shape,
               (struct filler){0});
}

hrm_status hrm_torch_writer_add_callback(hrm_torch_writer *writer, const char *name, hrm_safetensors_dtype dtype,
                                         uint32_t rank, const uint64_t *shape, hrm_safetensors_fill_fn fill,
                                         void *user) {
    return add(writer, name, (hrm_safetensors_tensor){.dtype = dtype, .rank = rank}, shape,
               (struct filler){.fill = fill, .user = user});
}

/* ---- where libzip writes to: our atomic file ---- */

struct job {
    const char *path; /* for messages */
    hrm_file_writer *file;
    uint64_t position;
    hrm_status status; /* of the first failure in the sink or a callback; its message is still this thread's */
    zip_error_t error; /* what libzip is told about it */
    unsigned char *chunk;
    uint64_t offset; /* where the next record's local header will be */
};

static zip_int64_t fail_job(struct job *job, hrm_status status, int code, int system) {
    if (job->status == HRM_OK) job->status = status;
    zip_error_set(&job->error, code, system);
    return -1;
}

/* libzip goes back to complete a header, then on at the end. */
static zip_int64_t sink_write(struct job *job, const unsigned char *data, zip_uint64_t length) {
    uint64_t end = hrm_file_writer_offset(job->file);
    size_t over = job->position < end ? (size_t)(end - job->position < length ? end - job->position : length) : 0;
    hrm_status status = hrm_file_writer_rewrite(job->file, job->position, data, over);
    if (status == HRM_OK) status = hrm_file_writer_write(job->file, data + over, (size_t)length - over);
    if (status != HRM_OK) return fail_job(job, status, ZIP_ER_WRITE, 0);
    job->position += length;
    return (zip_int64_t)length;
}

static zip_int64_t sink(void *user, void *data, zip_uint64_t length, zip_source_cmd_t command) {
    struct job *job = user;
    zip_int64_t offset;
    switch (command) {
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT,
                                              ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL,
                                              ZIP_SOURCE_BEGIN_WRITE, ZIP_SOURCE_COMMIT_WRITE,
                                              ZIP_SOURCE_ROLLBACK_WRITE, ZIP_SOURCE_WRITE, ZIP_SOURCE_SEEK_WRITE,
                                              ZIP_SOURCE_TELL_WRITE, ZIP_SOURCE_REMOVE, -1);
    case ZIP_SOURCE_STAT: /* there is nothing yet: libzip then starts a new archive */
        zip_error_set(&job->error, ZIP_ER_READ, ENOENT);
        return -1;
    case ZIP_SOURCE_BEGIN_WRITE:
    case ZIP_SOURCE_COMMIT_WRITE:
    case ZIP_SOURCE_ROLLBACK_WRITE: /* committing or dropping the file is up to the caller of zip_close */
    case ZIP_SOURCE_FREE:
        return 0;
    case ZIP_SOURCE_WRITE:
        return sink_write(job, data, length);
    case ZIP_SOURCE_TELL_WRITE:
        return (zip_int64_t)job->position;
    case ZIP_SOURCE_SEEK_WRITE:
        offset =
            zip_source_seek_compute_offset(job->position, hrm_file_writer_offset(job->file), data, length, &job->error);
        if (offset < 0) return -1;
        job->position = (uint64_t)offset;
        return 0;
    case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&job->error, data, length);
    default:
        zip_error_set(&job->error, ZIP_ER_OPNOTSUPP, 0);
        return -1;
    }
}

/* ---- where libzip reads from: a tensor that is produced while writing ---- */

struct produced {
    struct job *job;
    const hrm_safetensors_tensor *tensor;
    struct filler filler;
    uint64_t filled;      /* bytes the callback has given */
    size_t ready, handed; /* of the chunk: bytes in it, bytes libzip has */
};

static zip_int64_t produce_read(struct produced *produced, unsigned char *data, zip_uint64_t length) {
    struct job *job = produced->job;
    if (produced->handed == produced->ready) {
        uint64_t rest = produced->tensor->bytes - produced->filled;
        size_t bytes = rest < HRM_SAFETENSORS_CHUNK_BYTES ? (size_t)rest : HRM_SAFETENSORS_CHUNK_BYTES;
        if (bytes == 0) return 0;
        hrm_status status = produced->filler.fill(produced->filler.user, produced->filled, job->chunk, bytes);
        if (status != HRM_OK) {
            hrm_fail_prefix(status, "cannot write %s: tensor \"%.200s\"", job->path, produced->tensor->name);
            return fail_job(job, status, ZIP_ER_READ, 0);
        }
        produced->filled += bytes;
        produced->ready = bytes;
        produced->handed = 0;
    }
    size_t bytes = produced->ready - produced->handed;
    if (bytes > length) bytes = (size_t)length;
    memcpy(data, job->chunk + produced->handed, bytes);
    produced->handed += bytes;
    return (zip_int64_t)bytes;
}

static zip_int64_t produce(void *user, void *data, zip_uint64_t length, zip_source_cmd_t command) {
    struct produced *produced = user;
    zip_stat_t *info = data;
    switch (command) {
    case ZIP_SOURCE_SUPPORTS:
        return ZIP_SOURCE_SUPPORTS_READABLE;
    case ZIP_SOURCE_OPEN:
        produced->filled = 0;
        produced->ready = produced->handed = 0;
        return 0;
    case ZIP_SOURCE_READ:
        return produce_read(produced, data, length);
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE: /* freed with the job */
        return 0;
    case ZIP_SOURCE_STAT:
        if (length < sizeof *info) return fail_job(produced->job, HRM_ERR_IO, ZIP_ER_INVAL, 0);
        zip_stat_init(info);
        info->size = produced->tensor->bytes;
        info->valid = ZIP_STAT_SIZE;
        return (zip_int64_t)sizeof *info;
    case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&produced->job->error, data, length);
    default:
        zip_error_set(&produced->job->error, ZIP_ER_OPNOTSUPP, 0);
        return -1;
    }
}

/* ---- the archive ---- */

static hrm_status fail_zip(struct job *job, zip_error_t *error) {
    if (job->status != HRM_OK) return job->status;
    hrm_status code = zip_error_code_zip(error) == ZIP_ER_MEMORY ? HRM_ERR_OUT_OF_MEMORY : HRM_ERR_IO;
    return hrm_fail(code, "cannot write %s: %s", job->path, zip_error_strerror(error));
}

/* Adds a record whose data will start at a multiple of ALIGNMENT. Takes `source` over. */
static hrm_status add_record(struct job *job, zip_t *zip, const char *name, zip_source_t *source, uint64_t size) {
    static const zip_uint8_t padding[ALIGNMENT + 1] =
        "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ";
    char full[64];
    snprintf(full, sizeof full, FOLDER "/%s", name);
    zip_int64_t index = source ? zip_file_add(zip, full, source, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0) {
        zip_source_free(source);
        return fail_zip(job, zip_get_error(zip));
    }
    uint64_t header = LOCAL_HEADER_BYTES + strlen(full) + (size > UINT32_MAX ? ZIP64_FIELD_BYTES : 0);
    uint64_t start = job->offset + header + 4; /* the padding field's own header */
    zip_uint16_t pad = (zip_uint16_t)((ALIGNMENT - start % ALIGNMENT) % ALIGNMENT);
    zip_uint64_t entry = (zip_uint64_t)index;
    if (zip_set_file_compression(zip, entry, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(zip, entry, 0, DATE_1980_01_01, 0) != 0 ||
        zip_file_extra_field_set(zip, entry, PADDING_ID, ZIP_EXTRA_FIELD_NEW, padding, pad, ZIP_FL_LOCAL) != 0)
        return fail_zip(job, zip_get_error(zip));
    job->offset = start + pad + size;
    return HRM_OK;
}

static hrm_status add_text(struct job *job, zip_t *zip, const char *name, const void *text, size_t size) {
    return add_record(job, zip, name, zip_source_buffer(zip, text, size, 0), size);
}

static hrm_status add_records(const hrm_torch_writer *writer, struct job *job, zip_t *zip,
                              const hrm_torch_pickle *pickle, struct produced *produced) {
    hrm_status status;
    HRM_TRY(add_text(job, zip, "data.pkl", pickle->bytes, pickle->size));
    HRM_TRY(add_text(job, zip, ".format_version", "1", 1));
    HRM_TRY(add_text(job, zip, ".storage_alignment", "64", 2));
    HRM_TRY(add_text(job, zip, "byteorder", "little", 6));
    for (size_t i = 0; i < writer->count; i++) {
        const hrm_safetensors_tensor *tensor = &writer->tensors[i];
        zip_source_t *source;
        char name[32];
        snprintf(name, sizeof name, "data/%zu", i);
        produced[i] = (struct produced){.job = job, .tensor = tensor, .filler = writer->fillers[i]};
        if (writer->fillers[i].fill)
            source = zip_source_function(zip, produce, &produced[i]);
        else
            source = zip_source_buffer(zip, tensor->data, tensor->bytes, 0);
        HRM_TRY(add_record(job, zip, name, source, tensor->bytes));
    }
    HRM_TRY(add_text(job, zip, "version", "3\n", 2));
fail:
    return status;
}

/* All of the archive into job->file. */
static hrm_status write_archive(const hrm_torch_writer *writer, struct job *job, const hrm_torch_pickle *pickle) {
    hrm_status status;
    zip_t *zip = NULL;
    struct produced *produced = calloc(writer->count + 1, sizeof *produced);
    job->chunk = malloc(HRM_SAFETENSORS_CHUNK_BYTES);
    zip_error_init(&job->error);
    if (!produced || !job->chunk) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "cannot write %s: no host memory", job->path);
        goto fail;
    }
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_function_create(sink, job, &error);
    if (source) zip = zip_open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, &error);
    if (!zip) {
        zip_source_free(source);
        status = fail_zip(job, &error);
        zip_error_fini(&error);
        goto fail;
    }
    HRM_TRY(add_records(writer, job, zip, pickle, produced));
    if (zip_close(zip) != 0) {
        status = fail_zip(job, zip_get_error(zip));
        goto fail;
    }
    zip = NULL;
fail:
    if (zip) zip_discard(zip);
    zip_error_fini(&job->error);
    free(job->chunk);
    free(produced);
    return status;
}

hrm_status hrm_torch_writer_write(hrm_torch_writer *writer, const char *path) {
    hrm_status status;
    struct job job = {.path = path};
    hrm_torch_pickle pickle = {0};
    HRM_TRY(hrm_torch_pickle_init(writer->tensors, writer->count, &pickle));
    HRM_TRY(hrm_file_writer_open(path, &job.file));
    HRM_TRY(write_archive(writer, &job, &pickle));
    HRM_TRY(hrm_file_writer_commit(&job.file));
fail:
    hrm_file_writer_abort(job.file);
    hrm_torch_pickle_deinit(&pickle);
    return status;
}

#else

hrm_status hrm_torch_writer_create(hrm_torch_writer **out) {
    *out = NULL;
    return hrm_fail(HRM_ERR_UNSUPPORTED, "PyTorch checkpoints cannot be written: built without libzip, configure with "
                                         "-DHRM_TORCH=ON");
}

/* No writer exists, so nobody can call these with one. */
void hrm_torch_writer_destroy(hrm_torch_writer *writer) {
    (void)writer;
}

static hrm_status refuse(void) {
    return hrm_fail(HRM_ERR_UNSUPPORTED, "torch_writer: built without libzip");
}

hrm_status hrm_torch_writer_add(hrm_torch_writer *writer, const char *name, hrm_safetensors_dtype dtype, uint32_t rank,
                                const uint64_t *shape, const void *data) {
    (void)writer, (void)name, (void)dtype, (void)rank, (void)shape, (void)data;
    return refuse();
}

hrm_status hrm_torch_writer_add_callback(hrm_torch_writer *writer, const char *name, hrm_safetensors_dtype dtype,
                                         uint32_t rank, const uint64_t *shape, hrm_safetensors_fill_fn fill,
                                         void *user) {
    (void)writer, (void)name, (void)dtype, (void)rank, (void)shape, (void)fill, (void)user;
    return refuse();
}

hrm_status hrm_torch_writer_write(hrm_torch_writer *writer, const char *path) {
    (void)writer, (void)path;
    return refuse();
}

#endif
