#include "train/architecture.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "io/yaml.h"
#include "model/config.h"
#include "model/params.h"
#include "train/model_writer.h"
#include "train/reference_arch.h"

/* ---- joining what several sources say ---- */

/* Every field of the config that a file or a caller may say something about. */
#define ARCHITECTURE_FIELDS(U, F)                                                                                      \
    U(vocab_size)                                                                                                      \
    U(seq_len)                                                                                                         \
    U(grid_width)                                                                                                      \
    U(puzzle_emb_dim)                                                                                                  \
    U(puzzle_count)                                                                                                    \
    U(hidden_size)                                                                                                     \
    U(num_heads)                                                                                                       \
    U(h_layers)                                                                                                        \
    U(l_layers)                                                                                                        \
    U(h_cycles)                                                                                                        \
    U(l_cycles)                                                                                                        \
    U(halt_rule)                                                                                                       \
    U(halt_max_segments)                                                                                               \
    F(rms_norm_eps)                                                                                                    \
    F(rope_theta)

static const char *positions_name(hrm_positions positions) {
    return positions == HRM_POSITIONS_ROPE ? "rope" : positions == HRM_POSITIONS_LEARNED ? "learned" : "both";
}

/* Takes from `more` what `config` lacks; a difference is an error. The feed-forward width is compared, not the
 * expansion: several expansions give the same width. */
static hrm_status join(hrm_model_config *config, const char *source, const hrm_model_config *more,
                       const char *more_source, hrm_status code) {
#define U(field)                                                                                                       \
    if (config->field && more->field && config->field != more->field)                                                  \
        return hrm_fail(code, "%s says that %s is %u, %s that it is %u", source, #field, (unsigned)config->field,      \
                        more_source, (unsigned)more->field);                                                           \
    if (!config->field) config->field = more->field;
#define F(field)                                                                                                       \
    if (config->field > 0 && more->field > 0 && fabsf(config->field - more->field) > 1e-6f * config->field)            \
        return hrm_fail(code, "%s says that %s is %g, %s that it is %g", source, #field, (double)config->field,        \
                        more_source, (double)more->field);                                                             \
    if (!(config->field > 0)) config->field = more->field;
    ARCHITECTURE_FIELDS(U, F)
#undef U
#undef F
    if (config->positions && more->positions && config->positions != more->positions)
        return hrm_fail(code, "%s says that positions are %s, %s that they are %s", source,
                        positions_name(config->positions), more_source, positions_name(more->positions));
    if (!config->positions) config->positions = more->positions;
    hrm_model_config a = *config, b = *more;
    a.num_heads = b.num_heads = 1;
    b.hidden_size = a.hidden_size;
    if (config->expansion > 0 && more->expansion > 0 && config->hidden_size &&
        hrm_model_config_get_dims(&a).F != hrm_model_config_get_dims(&b).F)
        return hrm_fail(code, "%s says that expansion is %g, %s that it is %g", source, (double)config->expansion,
                        more_source, (double)more->expansion);
    if (more->expansion > 0) config->expansion = more->expansion; /* what was written, not the least that fits */
    return HRM_OK;
}

/* ---- from shapes ---- */

static hrm_status find_tensor(const hrm_tensor_file *file, const char *bare, uint32_t rank, hrm_tensor_info *out) {
    for (size_t i = 0; i < hrm_tensor_file_count(file); i++) {
        hrm_tensor_info t = hrm_tensor_file_get(file, i);
        if (strcmp(hrm_param_bare_name(t.name), bare) != 0) continue;
        for (uint32_t k = 0; k < t.rank; k++)
            if (t.rank != rank || t.shape[k] == 0 || t.shape[k] > UINT32_MAX)
                return hrm_fail(HRM_ERR_FORMAT, "tensor %s does not have %u dimension%s of 1 to 2^32 - 1", t.name, rank,
                                rank == 1 ? "" : "s");
        if (t.rank != rank)
            return hrm_fail(HRM_ERR_FORMAT, "tensor %s is a scalar; %u dimension%s were expected", t.name, rank,
                            rank == 1 ? "" : "s");
        *out = t;
        return HRM_OK;
    }
    return hrm_fail(HRM_ERR_FORMAT, "there is no tensor %s: these are not the weights of an HRM", bare);
}

static bool has_tensor(const hrm_tensor_file *file, const char *bare) {
    for (size_t i = 0; i < hrm_tensor_file_count(file); i++)
        if (strcmp(hrm_param_bare_name(hrm_tensor_file_get(file, i).name), bare) == 0) return true;
    return false;
}

/* Layers of a level: one more than the highest number in its tensors' names. */
static uint32_t count_layers(const hrm_tensor_file *file, char level) {
    char prefix[32];
    unsigned long count = 0;
    snprintf(prefix, sizeof prefix, "%c_level.layers.", level);
    for (size_t i = 0; i < hrm_tensor_file_count(file); i++) {
        const char *name = hrm_param_bare_name(hrm_tensor_file_get(file, i).name);
        if (strncmp(name, prefix, strlen(prefix)) != 0) continue;
        unsigned long number = strtoul(name + strlen(prefix), NULL, 10);
        if (number < 256 && number + 1 > count) count = number + 1;
    }
    return (uint32_t)count;
}

static hrm_status read_shapes(const hrm_tensor_file *file, hrm_model_config *out) {
    hrm_status status;
    hrm_tensor_info t;
    hrm_model_config c = HRM_INIT(hrm_model_config);
    HRM_TRY(find_tensor(file, "H_init", 1, &t));
    c.hidden_size = (uint32_t)t.shape[0];
    HRM_TRY(find_tensor(file, "lm_head.weight", 2, &t));
    c.vocab_size = (uint32_t)t.shape[0];
    HRM_TRY(find_tensor(file, "H_level.layers.0.mlp.down_proj.weight", 2, &t));
    /* The reference's expansion of 4 where it fits, else the least that gives this width. */
    c.expansion = 4;
    c.num_heads = 1;
    if (hrm_model_config_get_dims(&c).F != t.shape[1])
        c.expansion = (float)((double)t.shape[1] * 1.5 / (double)c.hidden_size);
    c.num_heads = 0;
    c.h_layers = count_layers(file, 'H');
    c.l_layers = count_layers(file, 'L');
    if (has_tensor(file, "puzzle_emb.weights")) {
        HRM_TRY(find_tensor(file, "puzzle_emb.weights", 2, &t));
        c.puzzle_count = (uint32_t)t.shape[0];
        c.puzzle_emb_dim = (uint32_t)t.shape[1];
    }
    /* The reference has either rotary or learned positions, never both. */
    c.positions = HRM_POSITIONS_ROPE;
    if (has_tensor(file, "embed_pos.embedding_weight")) {
        HRM_TRY(find_tensor(file, "embed_pos.embedding_weight", 2, &t));
        uint64_t puzzle_positions = ((uint64_t)c.puzzle_emb_dim + c.hidden_size - 1) / c.hidden_size;
        if (t.shape[0] <= puzzle_positions) {
            status = hrm_fail(HRM_ERR_FORMAT,
                              "tensor %s has %" PRIu64 " positions; %" PRIu64 " for the puzzle embedding and more for "
                              "tokens were expected",
                              t.name, t.shape[0], puzzle_positions);
            goto fail;
        }
        c.positions = HRM_POSITIONS_LEARNED;
        c.seq_len = (uint32_t)(t.shape[0] - puzzle_positions);
    }
    *out = c;
fail:
    return status;
}

/* ---- from all_config.yaml ---- */

/* all_config.yaml in the folder of `path`; its absence leaves everything 0. */
static hrm_status read_yaml(const char *path, hrm_architecture *out, hrm_model_config *config) {
    hrm_status status;
    char folder[HRM_PATH_MAX], yaml[HRM_PATH_MAX];
    struct stat info;
    json_t *root = NULL;
    *config = HRM_INIT(hrm_model_config);
    HRM_TRY(hrm_path_parent(path, folder, sizeof folder));
    HRM_TRY(hrm_path_join(folder, "all_config.yaml", yaml, sizeof yaml));
    if (stat(yaml, &info) != 0)
        return errno == ENOENT ? HRM_OK : hrm_fail_errno(HRM_ERR_IO, errno, "cannot read %s", yaml);
    HRM_TRY(hrm_yaml_load(yaml, &root));
    const hrm_setting_source source = {.path = yaml};
    const json_t *arch = json_object_get(root, "arch"), *ours = json_object_get(root, "hrm");
    if (!json_is_object(arch)) {
        status = hrm_fail(HRM_ERR_FORMAT, "%s: there is no mapping \"arch\"", yaml);
        goto fail;
    }
    HRM_TRY(hrm_reference_arch_read(&source, "arch.", arch, config));
    HRM_TRY(hrm_reference_arch_read_ours(&source, ours, config));
    memcpy(out->yaml_path, yaml, strlen(yaml) + 1);
fail:
    json_decref(root);
    return status;
}

/* ---- together ---- */

/* Both kinds of positions together are ours alone, and shapes cannot tell them from learned ones. */
static void allow_both(hrm_model_config *shapes, const hrm_model_config *more) {
    if (shapes->positions == HRM_POSITIONS_LEARNED && more->positions == HRM_POSITIONS_BOTH)
        shapes->positions = HRM_POSITIONS_BOTH;
}

static void note_missing(hrm_architecture *a) {
    const hrm_model_config *c = &a->config;
    const struct {
        const char *name;
        bool missing;
    } needed[] = {{"seq_len", c->seq_len == 0},
                  {"num_heads", c->num_heads == 0},
                  {"h_cycles", c->h_cycles == 0},
                  {"l_cycles", c->l_cycles == 0}};
    size_t n = 0;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (needed[i].missing)
            n += (size_t)snprintf(a->missing + n, sizeof a->missing - n, "%s%s", n ? ", " : "", needed[i].name);
}

hrm_status hrm_architecture_find(const char *path, const hrm_tensor_file *file, const hrm_model_config *known,
                                 hrm_architecture *out) {
    hrm_status status;
    hrm_architecture a = {.config = HRM_INIT(hrm_model_config)};
    hrm_model_config yaml;
    const char *json = hrm_tensor_file_metadata(file, HRM_CONFIG_KEY);
    const char *source = "the file's metadata";
    if (json) {
        HRM_TRY(hrm_model_config_from_json(json, &a.config));
        a.from_metadata = true;
    } else {
        source = "the file";
        HRM_TRY(read_shapes(file, &a.config));
        HRM_TRY(read_yaml(path, &a, &yaml));
        allow_both(&a.config, &yaml);
        HRM_TRY(join(&a.config, "the tensors' shape", &yaml, a.yaml_path, HRM_ERR_FORMAT));
    }
    if (known) {
        hrm_model_config given = *known;
        if (!a.from_metadata) allow_both(&a.config, &given);
        HRM_TRY(join(&a.config, source, &given, "what was given beside it", HRM_ERR_INVALID_ARGUMENT));
    }
    note_missing(&a);
    *out = a;
fail:
    return status;
}

hrm_status hrm_architecture_resolve(const hrm_architecture *a, hrm_model_config *out) {
    if (a->missing[0])
        return hrm_fail(HRM_ERR_FORMAT,
                        "neither its tensors nor an all_config.yaml beside it say %s; 'hrm convert' takes them as "
                        "--seq-len (or --data), --heads, --h-cycles, --l-cycles and writes a file that says everything",
                        a->missing);
    return hrm_model_config_resolve(&a->config, out);
}
