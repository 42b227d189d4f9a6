/* The inside of recordings and programs. Private to gpu/. */
#ifndef HRM_GPU_PROGRAM_PRIVATE_H
#define HRM_GPU_PROGRAM_PRIVATE_H

#include "base/arena.h"
#include "gpu/kernel_private.h"
#include "gpu/program.h"
#include "gpu/recorder.h"
#include "gpu/vk.h"

typedef enum hrm_command_kind { HRM_COMMAND_DISPATCH, HRM_COMMAND_COPY, HRM_COMMAND_FILL } hrm_command_kind;

typedef struct hrm_command {
    hrm_command_kind kind;
    bool barrier_before; /* something it touches is written or read by an earlier command since the last barrier */
    uint32_t kernel;
    const char *label;  /* "scope/label", in the arena */
    hrm_span *bindings; /* in the arena; a copy has dst and src, a fill dst */
    uint32_t binding_count;
    const void *push; /* in the arena */
    const hrm_spec *specs;
    uint32_t push_bytes, spec_count;
    uint32_t groups[3];
    uint32_t fill_value;
    double flops;
    double cost_ns; /* estimated, later measured */
    /* made by hrm_program_create */
    VkPipeline pipeline;
    VkPipelineLayout pipeline_layout;
    uint32_t layout;
    VkDescriptorSet set; /* NULL where nothing is bound */
} hrm_command;

/* Commands and everything they point to. */
typedef struct hrm_command_list {
    hrm_arena arena;
    hrm_command *items;
    uint32_t count, capacity;
} hrm_command_list;

/* A command buffer: commands first .. first + count - 1. */
typedef struct hrm_program_piece {
    VkCommandBuffer commands;
    uint32_t first, count;
    double cost_ns;
} hrm_program_piece;

struct hrm_program {
    hrm_device *device;
    hrm_command_list list;
    uint32_t dispatch_count;
    double flops;

    VkDescriptorPool descriptors;
    VkBufferView *views;
    uint32_t view_count;

    VkCommandPool pool;
    hrm_program_piece *pieces;
    uint32_t piece_count;
    uint32_t buffer_count; /* command buffers ever allocated from pool */
    VkCommandBuffer *buffers;

    /* pace.c */
    uint64_t target_ns; /* longest submission aimed at; 0 = one piece */
    VkQueryPool clock;  /* begin and end of each piece while measuring */
    uint32_t rounds;    /* measurements still to make */
    bool host_clock;    /* there are no timestamps: they are made with the host's clock */

    /* profile.c */
    VkQueryPool profile; /* per piece one begin, then one after each command */

    hrm_ticket last;
};

void hrm_command_list_deinit(hrm_command_list *list);

/* Takes the list over (also on failure). `profile`: timestamps around every command. */
hrm_status hrm_program_create(hrm_device *device, hrm_command_list *list, bool profile, hrm_program **out);
/* Records pieces[] into command buffers anew; nothing of the program may be in flight. */
hrm_status hrm_program_record(hrm_program *program);

/* program_sets.c: pipelines, texel views, descriptor sets of all commands. */
hrm_status hrm_program_bind_all(hrm_program *program);

/* pace.c: where command buffers and submissions are cut. */
hrm_status hrm_pace_cut(hrm_program *program);     /* sets pieces[] from the commands' costs */
hrm_status hrm_pace_measure(hrm_program *program); /* before a submission: reads clocks, cuts anew if needed */
/* Instead of submitting, while there is still to be measured with the host's clock: waits for every piece. */
hrm_status hrm_pace_submit_measured(hrm_program *program);
uint32_t hrm_pace_group(const hrm_program *program, uint32_t first); /* pieces of the submission starting at first */
double hrm_pace_estimate_ns(const hrm_command *command);

#endif
