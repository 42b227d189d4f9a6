/* shader_pack: the build step that turns shaders/kernels.def into one C file of SPIR-V.
 *
 *   shader_pack --shaders FOLDER --prebuilt FOLDER --spirv-val PROGRAM --spv-dir FOLDER --out FILE.c
 *
 * The table is compiled in, from the same kernels.def that the runtime compiles in, so the two cannot disagree. Rows
 * are compiled on all cores; a row whose preprocessed source, defines and compiler are those of an earlier run keeps
 * its .spv. Every new module goes through spirv-val, and its bindings and push constants are compared with the row's
 * access letters and push struct. The output is rewritten only when its contents change. Any error of any row is
 * printed as file:line and fails the build.
 *
 * Rows of HRM_KERNEL_PREBUILT are not compiled: their SPIR-V lies in the folder named, and a row whose source is no
 * longer what that was made of fails the build as well. They are validated where this spirv-val knows what they use. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <shaderc/shaderc.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "file.h"
#include "gpu/caps.h"
#include "interface.h"
#include "prebuilt.h"
#include "shared/params.h"
#include "source_hash.h"

extern char **environ;

/* Raised when this program changes what it makes of the same source. */
#define PACK_VERSION 2u

typedef struct pack_row {
    const char *name;
    const char *source;
    const char *access;
    uint32_t push_bytes;
    const char *defines;
    const char *target; /* of a prebuilt row; NULL: it is compiled here */
    /* made by a worker */
    uint32_t *words;
    size_t word_count;
    bool compiled; /* false: taken from the folder of an earlier run */
    bool failed;
    bool outdated; /* prebuilt: nothing was made of the source as it is now */
    bool unknown;  /* prebuilt: this spirv-val cannot judge it */
} pack_row;

/* The last entry is a sentinel, so that an empty table compiles. */
static pack_row pack_rows[] = {
#define PACK_ROW(id, source, access, push, defines, target)                                                            \
    {#id, source, access, (uint32_t)sizeof(struct push), defines, target, NULL, 0, false, false, false, false},
#define HRM_KERNEL(id, source, access, push, caps, defines) PACK_ROW(id, source, access, push, defines, NULL)
#define HRM_KERNEL_PREBUILT(id, source, access, push, caps, defines)                                                   \
    PACK_ROW(id, source, access, push, defines, PACK_PREBUILT_TARGET(caps))
#include "kernels.def"
#undef HRM_KERNEL
    {.name = NULL},
};
static const size_t pack_row_count = sizeof pack_rows / sizeof pack_rows[0] - 1;

typedef struct pack_options {
    const char *shaders;
    const char *prebuilt;
    const char *spirv_val;
    const char *spv_dir;
    const char *out;
} pack_options;

static pack_options options;
static uint64_t compiler_hash; /* SPIR-V that this compiler makes of a fixed shader: changes with its version */
static size_t next_row;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* next_row, and whole messages on standard error */

/* Whole messages, one at a time. */
static void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void complain(const char *format, ...) {
    va_list args;
    va_start(args, format);
    pthread_mutex_lock(&lock);
    vfprintf(stderr, format, args);
    pthread_mutex_unlock(&lock);
    va_end(args);
}

static bool write_file(const char *path, const void *bytes, size_t size) {
    bool ok = pack_write_file(path, bytes, size);
    if (!ok) complain("shader_pack: cannot write %s: %s\n", path, strerror(errno));
    return ok;
}

/* ---- compiling ----------------------------------------------------------------------------------------------------
 */

/* "a/b.h" is looked up beside the including file, then below --shaders; <a/b.h> only below --shaders. */
static shaderc_include_result *resolve_include(void *user, const char *requested, int type, const char *requesting,
                                               size_t depth) {
    (void)user;
    (void)depth;
    shaderc_include_result *result = pack_alloc(sizeof *result);
    char *path = NULL, *content = NULL;
    size_t size = 0;
    if (type == shaderc_include_type_relative) {
        const char *slash = strrchr(requesting, '/');
        int folder = slash ? (int)(slash - requesting + 1) : 0;
        path = pack_format("%.*s%s", folder, requesting, requested);
        content = pack_read_file(path, &size);
    }
    if (!content) {
        free(path);
        path = pack_format("%s/%s", options.shaders, requested);
        content = pack_read_file(path, &size);
    }
    if (!content) {
        content = pack_format("cannot find %s beside %s or in %s", requested, requesting, options.shaders);
        size = strlen(content);
        path[0] = '\0'; /* an empty name tells shaderc that content is the error */
    }
    result->source_name = path;
    result->source_name_length = strlen(path);
    result->content = content;
    result->content_length = size;
    return result;
}

static void release_include(void *user, shaderc_include_result *result) {
    (void)user;
    free((void *)(uintptr_t)result->source_name);
    free((void *)(uintptr_t)result->content);
    free(result);
}

/* "-DA=1 -DB" -> macro definitions. */
static bool add_defines(shaderc_compile_options_t compile, const pack_row *row) {
    const char *at = row->defines;
    for (;;) {
        while (*at == ' ') at++;
        if (!*at) return true;
        size_t length = strcspn(at, " ");
        if (length < 3 || strncmp(at, "-D", 2) != 0) {
            complain("%s: kernel %s: cannot read define '%.*s' (expected -DNAME or -DNAME=VALUE)\n", row->source,
                     row->name, (int)length, at);
            return false;
        }
        const char *name = at + 2, *end = at + length;
        const char *equals = memchr(name, '=', (size_t)(end - name));
        if (equals) {
            shaderc_compile_options_add_macro_definition(compile, name, (size_t)(equals - name), equals + 1,
                                                         (size_t)(end - equals - 1));
        } else {
            shaderc_compile_options_add_macro_definition(compile, name, (size_t)(end - name), "1", 1);
        }
        at = end;
    }
}

static shaderc_compile_options_t make_options(void) {
    shaderc_compile_options_t compile = shaderc_compile_options_initialize();
    if (!compile) {
        fprintf(stderr, "shader_pack: out of memory\n");
        exit(1);
    }
    shaderc_compile_options_set_source_language(compile, shaderc_source_language_glsl);
    shaderc_compile_options_set_target_env(compile, shaderc_target_env_vulkan, shaderc_env_version_vulkan_1_2);
    shaderc_compile_options_set_optimization_level(compile, shaderc_optimization_level_performance);
    shaderc_compile_options_set_include_callbacks(compile, resolve_include, release_include, NULL);
    return compile;
}

/* quiet: only the answer is of interest. */
static bool run_validator(const char *path, const char *environment, bool quiet) {
    char *arguments[] = {(char *)(uintptr_t)options.spirv_val, (char *)(uintptr_t) "--target-env",
                         (char *)(uintptr_t)environment, (char *)(uintptr_t)path, NULL};
    pid_t child;
    posix_spawn_file_actions_t silence;
    posix_spawn_file_actions_init(&silence);
    if (quiet) {
        posix_spawn_file_actions_addopen(&silence, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(&silence, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    }
    int error = posix_spawnp(&child, options.spirv_val, &silence, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&silence);
    if (error) {
        complain("shader_pack: cannot run %s: %s\n", options.spirv_val, strerror(error));
        return false;
    }
    int state;
    while (waitpid(child, &state, 0) < 0) {
        if (errno != EINTR) return false;
    }
    return WIFEXITED(state) && WEXITSTATUS(state) == 0;
}

/* Compares what the module declares with what the row promises to the recorder. */
static bool check_interface(const pack_row *row, const char *source) {
    char reason[256];
    if (interface_check(row->words, row->word_count, row->access, row->push_bytes, reason, sizeof reason)) return true;
    complain("%s:1: error: kernel %s: %s\n", source, row->name, reason);
    return false;
}

static bool compile_row(shaderc_compiler_t compiler, pack_row *row) {
    bool ok = false;
    char *source = pack_format("%s/%s", options.shaders, row->source);
    char *spv_path = pack_format("%s/%s.spv", options.spv_dir, row->name);
    char *hash_path = pack_format("%s/%s.spv.hash", options.spv_dir, row->name);
    char *old_hash = NULL, hash_text[32];
    shaderc_compile_options_t compile = make_options();
    shaderc_compilation_result_t result = NULL;
    size_t size = 0;
    char *text = pack_read_file(source, NULL);
    if (!text) {
        complain("%s:1: error: kernel %s: %s\n", source, row->name, strerror(errno));
        goto done;
    }
    if (!add_defines(compile, row)) goto done;

    result = shaderc_compile_into_preprocessed_text(compiler, text, strlen(text), shaderc_compute_shader, source,
                                                    "main", compile);
    if (!result || shaderc_result_get_compilation_status(result) != shaderc_compilation_status_success) {
        complain("%s", result ? shaderc_result_get_error_message(result) : "shader_pack: out of memory\n");
        goto done;
    }
    uint64_t hash =
        hrm_fnv1a64_update(compiler_hash, shaderc_result_get_bytes(result), shaderc_result_get_length(result));
    hash = hrm_fnv1a64_update(hash, row->defines, strlen(row->defines) + 1);
    hash = hrm_fnv1a64_update(hash, row->access, strlen(row->access) + 1);
    hash = hrm_fnv1a64_update(hash, &row->push_bytes, sizeof row->push_bytes);
    snprintf(hash_text, sizeof hash_text, "%016llx", (unsigned long long)hash);
    shaderc_result_release(result);
    result = NULL;

    old_hash = pack_read_file(hash_path, NULL);
    if (old_hash && strcmp(old_hash, hash_text) == 0) {
        char *spirv = pack_read_file(spv_path, &size);
        if (spirv && size >= 20 && size % 4 == 0) {
            row->words = (uint32_t *)(void *)spirv;
            row->word_count = size / 4;
            ok = true;
            goto done;
        }
        free(spirv);
    }

    unlink(hash_path);
    result = shaderc_compile_into_spv(compiler, text, strlen(text), shaderc_compute_shader, source, "main", compile);
    if (!result) {
        complain("shader_pack: out of memory\n");
        goto done;
    }
    if (shaderc_result_get_num_errors(result) || shaderc_result_get_num_warnings(result)) {
        complain("%s: kernel %s (%s):\n%s", source, row->name, row->defines, shaderc_result_get_error_message(result));
    }
    if (shaderc_result_get_compilation_status(result) != shaderc_compilation_status_success) goto done;
    size = shaderc_result_get_length(result);
    row->words = pack_alloc(size);
    row->word_count = size / 4;
    row->compiled = true;
    memcpy(row->words, shaderc_result_get_bytes(result), size);
    if (!check_interface(row, source)) goto done;
    if (!write_file(spv_path, row->words, size)) goto done;
    if (!run_validator(spv_path, "vulkan1.2", false)) {
        complain("%s:1: error: kernel %s: spirv-val rejects %s\n", source, row->name, spv_path);
        goto done;
    }
    ok = write_file(hash_path, hash_text, strlen(hash_text));
done:
    if (result) shaderc_result_release(result);
    shaderc_compile_options_release(compile);
    free(old_hash);
    free(hash_path);
    free(spv_path);
    free(source);
    free(text);
    return ok;
}

/* ---- prebuilt rows ------------------------------------------------------------------------------------------------
 */

static pack_manifest manifest;

/* Whether the spirv-val here knows the capabilities and extensions of the row's module. */
static bool validator_knows(const pack_row *row) {
    uint32_t *preamble;
    size_t count;
    if (!pack_make_preamble(row->words, row->word_count, &preamble, &count)) return true; /* let it say what is wrong */
    char *path = pack_format("%s/%s.preamble.spv", options.spv_dir, row->name);
    bool known = write_file(path, preamble, count * sizeof *preamble) && run_validator(path, "spv1.6", true);
    free(path);
    free(preamble);
    return known;
}

static bool load_row(pack_row *row) {
    bool ok = false;
    char *source = pack_format("%s/%s", options.shaders, row->source);
    char *spv_path = pack_format("%s/%s.spv", options.prebuilt, row->name);
    char *bytes = NULL;
    size_t size = 0;
    uint64_t hash;
    if (!pack_hash_source(options.shaders, row->source, row->defines, row->target, &hash)) {
        complain("%s:1: error: kernel %s: %s\n", source, row->name, strerror(errno));
        goto done;
    }
    const pack_manifest_line *line = pack_manifest_find(&manifest, row->name);
    bytes = pack_read_file(spv_path, &size);
    row->outdated = !bytes || !line || line->source_hash != hash;
    if (row->outdated) goto done;
    if (size < 20 || size % 4 != 0 || hrm_fnv1a64(bytes, size) != line->spirv_hash) {
        complain("%s: error: this is not the file that %s/%s lists; get both from where this tree came from\n",
                 spv_path, options.prebuilt, PACK_MANIFEST);
        goto done;
    }
    row->words = (uint32_t *)(void *)bytes;
    row->word_count = size / 4;
    bytes = NULL;
    if (!check_interface(row, source)) goto done;
    row->unknown = !validator_knows(row);
    if (!row->unknown && !run_validator(spv_path, row->target, false)) {
        complain("%s:1: error: kernel %s: spirv-val rejects %s\n", source, row->name, spv_path);
        goto done;
    }
    ok = true;
done:
    free(bytes);
    free(spv_path);
    free(source);
    return ok;
}

/* What concerns the folder of prebuilt rows as a whole. False when it does not fit the table. */
static bool report_prebuilt(void) {
    size_t outdated = 0, gone = 0, unknown = 0, total = 0;
    const char *example = NULL;
    for (size_t i = 0; i < pack_row_count; i++) {
        const pack_row *row = &pack_rows[i];
        if (!row->target) continue;
        total++;
        unknown += row->unknown;
        outdated += row->outdated;
        if (row->outdated && !example) example = row->name;
        pack_manifest_line *line = pack_manifest_find(&manifest, row->name);
        if (line) line->used = true;
    }
    for (size_t i = 0; i < manifest.count; i++) {
        if (manifest.lines[i].used) continue;
        gone++;
        if (!example) example = manifest.lines[i].row;
    }
    if (outdated + gone) {
        fprintf(
            stderr,
            "%s/%s:1: error: prebuilt SPIR-V does not fit the sources: %zu rows have changed since and %zu are gone "
            "(%s ...); run shaders/prebuilt/make.sh, whose head says what it needs, and commit what it writes\n",
            options.prebuilt, PACK_MANIFEST, outdated, gone, example);
    }
    if (unknown) {
        printf("shader_pack: spirv-val here is too old for %zu of %zu prebuilt rows: those were not validated\n",
               unknown, total);
    }
    return outdated + gone == 0;
}

static void *worker(void *unused) {
    (void)unused;
    shaderc_compiler_t compiler = shaderc_compiler_initialize();
    if (!compiler) {
        complain("shader_pack: cannot start the compiler\n");
        exit(1);
    }
    for (;;) {
        pthread_mutex_lock(&lock);
        size_t index = next_row++;
        pthread_mutex_unlock(&lock);
        if (index >= pack_row_count) break;
        pack_row *row = &pack_rows[index];
        row->failed = row->target ? !load_row(row) : !compile_row(compiler, row);
    }
    shaderc_compiler_release(compiler);
    return NULL;
}

static void hash_compiler(void) {
    static const char probe[] = "#version 450\nlayout(local_size_x = 1) in;\n"
                                "layout(std430, binding = 0) buffer B { float v[]; };\n"
                                "void main() { for (int i = 0; i < 4; i++) v[i] = sqrt(v[i] * 2.0 + 1.0); }\n";
    const uint32_t version = PACK_VERSION;
    unsigned spv_version = 0, revision = 0;
    shaderc_get_spv_version(&spv_version, &revision);
    compiler_hash = hrm_fnv1a64(&version, sizeof version);
    compiler_hash = hrm_fnv1a64_update(compiler_hash, &spv_version, sizeof spv_version);
    compiler_hash = hrm_fnv1a64_update(compiler_hash, &revision, sizeof revision);
    shaderc_compiler_t compiler = shaderc_compiler_initialize();
    shaderc_compile_options_t compile = make_options();
    shaderc_compilation_result_t result =
        compiler ? shaderc_compile_into_spv(compiler, probe, sizeof probe - 1, shaderc_compute_shader, "probe", "main",
                                            compile)
                 : NULL;
    if (result) {
        compiler_hash =
            hrm_fnv1a64_update(compiler_hash, shaderc_result_get_bytes(result), shaderc_result_get_length(result));
        shaderc_result_release(result);
    }
    shaderc_compile_options_release(compile);
    if (compiler) shaderc_compiler_release(compiler);
}

/* ---- the C file ---------------------------------------------------------------------------------------------------
 */

static bool write_output(void) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        complain("shader_pack: out of memory\n");
        return false;
    }
    fprintf(
        out,
        "/* Made by shader_pack from shaders/kernels.def: do not edit. */\n#include <stddef.h>\n#include <stdint.h>\n\n"
        "extern const uint32_t *const hrm_spirv_code[];\nextern const uint32_t hrm_spirv_words[];\n\n");
    for (size_t i = 0; i < pack_row_count; i++) {
        fprintf(out, "static const uint32_t code_%s[] = {", pack_rows[i].name);
        for (size_t w = 0; w < pack_rows[i].word_count; w++) {
            fprintf(out, "%s0x%08xu,", w % 10 == 0 ? "\n    " : " ", (unsigned)pack_rows[i].words[w]);
        }
        fprintf(out, "\n};\n");
    }
    fprintf(out, "\nconst uint32_t *const hrm_spirv_code[] = {\n");
    for (size_t i = 0; i < pack_row_count; i++) fprintf(out, "    code_%s,\n", pack_rows[i].name);
    fprintf(out, "    NULL, /* after the last row */\n};\n\nconst uint32_t hrm_spirv_words[] = {\n");
    for (size_t i = 0; i < pack_row_count; i++) fprintf(out, "    %zu,\n", pack_rows[i].word_count);
    fprintf(out, "    0,\n};\n");
    bool ok = fclose(out) == 0;
    size_t old_size = 0;
    char *old = pack_read_file(options.out, &old_size);
    if (ok && !(old && old_size == size && memcmp(old, text, size) == 0)) {
        ok = write_file(options.out, text, size);
    } else if (ok) {
        /* unchanged: only its time moves, or the build tool would run this step for ever */
        ok = utimensat(AT_FDCWD, options.out, NULL, 0) == 0;
    }
    free(old);
    free(text);
    return ok;
}

static bool make_folder(const char *path) {
    char *copy = pack_format("%s", path);
    for (char *at = copy + 1; *at; at++) {
        if (*at != '/') continue;
        *at = '\0';
        mkdir(copy, 0777);
        *at = '/';
    }
    bool ok = mkdir(copy, 0777) == 0 || errno == EEXIST;
    if (!ok) fprintf(stderr, "shader_pack: cannot create %s: %s\n", path, strerror(errno));
    free(copy);
    return ok;
}

static bool parse_options(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--shaders"))
            options.shaders = argv[i + 1];
        else if (!strcmp(argv[i], "--prebuilt"))
            options.prebuilt = argv[i + 1];
        else if (!strcmp(argv[i], "--spirv-val"))
            options.spirv_val = argv[i + 1];
        else if (!strcmp(argv[i], "--spv-dir"))
            options.spv_dir = argv[i + 1];
        else if (!strcmp(argv[i], "--out"))
            options.out = argv[i + 1];
        else
            return false;
    }
    return argc % 2 == 1 && options.shaders && options.prebuilt && options.spirv_val && options.spv_dir && options.out;
}

int main(int argc, char **argv) {
    if (!parse_options(argc, argv)) {
        fprintf(stderr, "usage: shader_pack --shaders FOLDER --prebuilt FOLDER --spirv-val PROGRAM --spv-dir FOLDER "
                        "--out FILE.c\n");
        return 2;
    }
    char *out_folder = pack_format("%s", options.out);
    char *slash = strrchr(out_folder, '/');
    if (slash) *slash = '\0';
    if (!make_folder(options.spv_dir) || (slash && slash != out_folder && !make_folder(out_folder))) return 1;
    free(out_folder);
    hash_compiler();
    char *complaint;
    if (!pack_manifest_read(options.prebuilt, &manifest, &complaint)) {
        fprintf(stderr, "%s\n", complaint);
        free(complaint);
        return 1;
    }

    pthread_t threads[64];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t wanted = cores < 1 ? 1 : cores > 64 ? 64 : (size_t)cores, started = 0;
    for (; started < wanted; started++) {
        if (pthread_create(&threads[started], NULL, worker, NULL) != 0) break;
    }
    if (started == 0) worker(NULL);
    for (size_t i = 0; i < started; i++) pthread_join(threads[i], NULL);

    size_t compiled = 0, failed = 0;
    for (size_t i = 0; i < pack_row_count; i++) {
        compiled += pack_rows[i].compiled;
        failed += pack_rows[i].failed;
    }
    bool ok = report_prebuilt() && failed == 0;
    if (failed) fprintf(stderr, "shader_pack: %zu of %zu kernel rows failed\n", failed, pack_row_count);
    if (ok) printf("shader_pack: %zu kernel rows, %zu compiled now\n", pack_row_count, compiled);
    ok = ok && write_output();
    pack_manifest_deinit(&manifest);
    for (size_t i = 0; i < pack_row_count; i++) free(pack_rows[i].words);
    return ok ? 0 : 1;
}
