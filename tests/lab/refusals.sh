#!/bin/sh
# Devices that lack what cannot be done without: each must be refused in one line that names what is missing.
#   refusals.sh BUILD WORK [MOCK-ICD]
# The devices are lavapipe behind VK_LAYER_HRM_limits (VK_LAYER_PATH names its folder) and, where its manifest is given, the
# Khronos mock driver, which has none of what is optional.
set -eu
hrm=$1/hrm
work=$2
rm -rf "$work"
mkdir -p "$work"
export XDG_CACHE_HOME="$work/cache" VK_INSTANCE_LAYERS=VK_LAYER_HRM_limits
"$hrm" data maze --out "$work/data" --train 64 --test 8 >/dev/null

# refuse LIMITS PATTERN: training ends with code 1 and a single line on standard error that matches
refuse() {
    code=0
    HRM_LAB_LIMITS=$1 "$hrm" train --data "$work/data" --out "$work/run" --steps 1 --quiet >"$work/out" 2>"$work/err" ||
        code=$?
    cat "$work/err"
    if [ $code -ne 1 ] || [ "$(wc -l <"$work/err")" -ne 1 ] || ! grep -Eq "$2" "$work/err"; then
        echo "FAILED: with $1: exit code $code, wanted 1 and one line that matches: $2"
        exit 1
    fi
    [ ! -e "$work/run/model.safetensors" ] || { echo "FAILED: with $1: a model was written"; exit 1; }
}
refuse no-timeline "timeline semaphores"
refuse vulkan=1.1 "Vulkan 1.1; 1.2 is needed"
refuse invocations=64 "maxComputeWorkGroupInvocations is 64"
refuse shared=8192 "maxComputeSharedMemorySize is 8192"
refuse push=64 "maxPushConstantsSize is 64"
refuse sets=2 "maxBoundDescriptorSets is 2"
refuse range=1048576 "maxStorageBufferRange is 1048576"
refuse texels=1024 "maxTexelBufferElements is 1024"
refuse heap=1 "no device memory is left"
if [ $# -ge 3 ]; then
    unset VK_INSTANCE_LAYERS
    export VK_ICD_FILENAMES="$3"
    refuse "" "Vulkan Mock Device: its driver has no timeline semaphores"
    "$hrm" devices --list | grep -q "Vulkan Mock Device" || { echo "FAILED: hrm devices hides the mock driver"; exit 1; }
fi
echo "every one was refused in one line"
