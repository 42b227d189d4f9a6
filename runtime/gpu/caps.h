/* Capability bits: what a kernel row may need beyond the Vulkan 1.2 core floor.
 * Shared by the runtime (probed per adapter, masked by HRM_DISABLE) and by the build-time shader_pack, so it holds
 * nothing but preprocessor constants. Names for HRM_DISABLE and `hrm devices` come from HRM_CAP_LIST. */
#ifndef HRM_GPU_CAPS_H
#define HRM_GPU_CAPS_H

#define HRM_CAP_NONE 0x0u
#define HRM_CAP_ARITHMETIC 0x1u  /* subgroup arithmetic in compute */
#define HRM_CAP_SHUFFLE 0x2u     /* subgroup shuffle in compute */
#define HRM_CAP_BALLOT 0x4u      /* subgroup ballot (subgroupBroadcast) in compute */
#define HRM_CAP_ADDRESS 0x8u     /* bufferDeviceAddress */
#define HRM_CAP_SUBGROUP_4 0x10u /* a compute subgroup is exactly 4 wide (fixed, or can be required) */
#define HRM_CAP_SUBGROUP_8 0x20u
#define HRM_CAP_SUBGROUP_16 0x40u
#define HRM_CAP_SUBGROUP_32 0x80u
#define HRM_CAP_SUBGROUP_64 0x100u
#define HRM_CAP_TEXEL_LARGE 0x200u /* maxTexelBufferElements >= 2^24: rgba32f views of whole tensors are possible */
#define HRM_CAP_TIMESTAMP 0x400u   /* compute timestamps */
#define HRM_CAP_CPU 0x800u         /* a CPU driver: rows that only pay there */
#define HRM_CAP_F16 0x1000u        /* shaderFloat16: f16 in registers and shared memory; in buffers it lies in words */
#define HRM_CAP_INT8 0x2000u
#define HRM_CAP_INT64 0x4000u
#define HRM_CAP_F64 0x8000u
#define HRM_CAP_COOPMAT 0x10000u   /* VK_KHR_cooperative_matrix in compute, and the Vulkan memory model it builds on */
#define HRM_CAP_MEMBUDGET 0x20000u /* VK_EXT_memory_budget: the driver says how much memory this process may use */

/* Each of these three stands on HRM_CAP_COOPMAT and is masked with it; the first needs HRM_CAP_F16 as well. */
#define HRM_CAP_COOPMAT_F16 0x40000u  /* a listed subgroup-wide shape multiplies f16 and adds up in f32 */
#define HRM_CAP_COOPMAT_BF16 0x80000u /* the same for bf16 (VK_KHR_shader_bfloat16: type and matrices of it) */
/* VK_NV_cooperative_matrix2: flexible dimensions with subgroup-wide granules of a type above, conversions between
 * component types and uses, reductions, per-element operations. Not promised: workgroup scope, tensor addressing,
 * block loads. */
#define HRM_CAP_COOPMAT2 0x100000u

/* Of these, what says where a row pays or how it is run, not what its SPIR-V needs to be compiled. */
#define HRM_CAPS_OF_USE                                                                                                \
    (HRM_CAP_SUBGROUP_4 | HRM_CAP_SUBGROUP_8 | HRM_CAP_SUBGROUP_16 | HRM_CAP_SUBGROUP_32 | HRM_CAP_SUBGROUP_64 |       \
     HRM_CAP_TEXEL_LARGE | HRM_CAP_CPU)

#define HRM_CAP_LIST(X)                                                                                                \
    X(ARITHMETIC, "arithmetic")                                                                                        \
    X(SHUFFLE, "shuffle")                                                                                              \
    X(BALLOT, "ballot")                                                                                                \
    X(ADDRESS, "address")                                                                                              \
    X(SUBGROUP_4, "subgroup4")                                                                                         \
    X(SUBGROUP_8, "subgroup8")                                                                                         \
    X(SUBGROUP_16, "subgroup16")                                                                                       \
    X(SUBGROUP_32, "subgroup32")                                                                                       \
    X(SUBGROUP_64, "subgroup64")                                                                                       \
    X(TEXEL_LARGE, "texel")                                                                                            \
    X(TIMESTAMP, "timestamp")                                                                                          \
    X(CPU, "cpu")                                                                                                      \
    X(F16, "f16")                                                                                                      \
    X(INT8, "int8")                                                                                                    \
    X(INT64, "int64")                                                                                                  \
    X(F64, "f64")                                                                                                      \
    X(COOPMAT, "coopmat")                                                                                              \
    X(MEMBUDGET, "membudget")                                                                                          \
    X(COOPMAT_F16, "coopmat-f16")                                                                                      \
    X(COOPMAT_BF16, "coopmat-bf16")                                                                                    \
    X(COOPMAT2, "coopmat2")

#endif
