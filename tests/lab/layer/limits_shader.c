#include <inttypes.h>

#include "limits.h"
#include "spirv.h"

/* A SPIR-V capability that is hidden, or NULL. */
static const char *find_hidden_capability(const uint32_t *words, size_t count) {
    static const struct {
        uint32_t capability;
        uint32_t taken;                    /* hidden by any of these words, */
        VkSubgroupFeatureFlags operations; /* or with any of these subgroup operations */
        const char *name;
    } rows[] = {
        {9, LIMITS_NO_F16, 0, "Float16"},
        {10, LIMITS_NO_F64, 0, "Float64"},
        {11, LIMITS_NO_INT64, 0, "Int64"},
        {12, LIMITS_NO_INT64, 0, "Int64Atomics"},
        {22, LIMITS_NO_16BIT, 0, "Int16"},
        {39, LIMITS_NO_INT8, 0, "Int8"},
        {62, 0, VK_SUBGROUP_FEATURE_VOTE_BIT, "GroupNonUniformVote"},
        {63, 0, VK_SUBGROUP_FEATURE_ARITHMETIC_BIT, "GroupNonUniformArithmetic"},
        {64, 0, VK_SUBGROUP_FEATURE_BALLOT_BIT, "GroupNonUniformBallot"},
        {65, 0, VK_SUBGROUP_FEATURE_SHUFFLE_BIT, "GroupNonUniformShuffle"},
        {66, 0, VK_SUBGROUP_FEATURE_SHUFFLE_RELATIVE_BIT, "GroupNonUniformShuffleRelative"},
        {67, 0, VK_SUBGROUP_FEATURE_CLUSTERED_BIT, "GroupNonUniformClustered"},
        {68, 0, VK_SUBGROUP_FEATURE_QUAD_BIT, "GroupNonUniformQuad"},
        {4423, 0, VK_SUBGROUP_FEATURE_BALLOT_BIT, "SubgroupBallotKHR"},
        {4431, 0, VK_SUBGROUP_FEATURE_VOTE_BIT, "SubgroupVoteKHR"},
        {4433, LIMITS_NO_16BIT, 0, "StorageBuffer16BitAccess"},
        {4434, LIMITS_NO_16BIT, 0, "UniformAndStorageBuffer16BitAccess"},
        {4435, LIMITS_NO_16BIT, 0, "StoragePushConstant16"},
        {4448, LIMITS_NO_INT8, 0, "StorageBuffer8BitAccess"},
        {4449, LIMITS_NO_INT8, 0, "UniformAndStorageBuffer8BitAccess"},
        {4450, LIMITS_NO_INT8, 0, "StoragePushConstant8"},
        {5297, 0, VK_SUBGROUP_FEATURE_PARTITIONED_BIT_NV, "GroupNonUniformPartitionedNV"},
        {5347, LIMITS_NO_ADDRESS, 0, "PhysicalStorageBufferAddresses"},
        {6026, 0, 0x200, "GroupNonUniformRotateKHR"},
    };
    size_t at = 0;
    spirv_op op;
    while (spirv_next(words, count, &at, &op) && op.opcode == SPIRV_CAPABILITY && op.count == 2) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            if (rows[i].capability == op.words[1] &&
                ((rows[i].taken & limits.taken) || (rows[i].operations & limits_hidden_operations()))) {
                return rows[i].name;
            }
        }
    }
    return NULL;
}

VkResult limits_check_shader(const VkPhysicalDeviceLimits *l, const VkPipelineShaderStageCreateInfo *stage,
                             const uint32_t *words, size_t count) {
    static const char call[] = "vkCreateComputePipelines";
    const char *capability = find_hidden_capability(words, count);
    if (capability) {
        chain_say("%s: the shader uses %s, which this device does not have", call, capability);
        return VK_ERROR_FEATURE_NOT_PRESENT;
    }
    spirv_use use;
    char reason[128];
    if (!spirv_measure(words, count, stage->pName, stage->pSpecializationInfo, &use, reason, sizeof reason)) {
        chain_say("%s: the shader cannot be judged: %s", call, reason);
        return VK_ERROR_UNKNOWN;
    }
    const uint32_t *n = use.local_size, *most = l->maxComputeWorkGroupSize;
    uint64_t invocations = (uint64_t)n[0] * n[1]; /* below 2^64 */
    if (n[2] > 1) invocations = invocations > UINT32_MAX ? UINT64_MAX : invocations * n[2];
    if (n[0] > most[0] || n[1] > most[1] || n[2] > most[2]) {
        chain_say("%s: a workgroup of %" PRIu32 " x %" PRIu32 " x %" PRIu32 " exceeds maxComputeWorkGroupSize, %" PRIu32
                  " x %" PRIu32 " x %" PRIu32,
                  call, n[0], n[1], n[2], most[0], most[1], most[2]);
        return VK_ERROR_UNKNOWN;
    }
    if (invocations > l->maxComputeWorkGroupInvocations) {
        chain_say("%s: a workgroup of %" PRIu32 " x %" PRIu32 " x %" PRIu32
                  " exceeds maxComputeWorkGroupInvocations, %" PRIu32,
                  call, n[0], n[1], n[2], l->maxComputeWorkGroupInvocations);
        return VK_ERROR_UNKNOWN;
    }
    if (use.shared_bytes > l->maxComputeSharedMemorySize) {
        chain_say("%s: %" PRIu64 " bytes of shared memory exceed maxComputeSharedMemorySize, %" PRIu32, call,
                  use.shared_bytes, l->maxComputeSharedMemorySize);
        return VK_ERROR_UNKNOWN;
    }
    return VK_SUCCESS;
}
