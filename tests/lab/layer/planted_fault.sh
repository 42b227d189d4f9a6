#!/bin/sh
# Plants a fault in a program and shows that the validation layer finds it.
#   planted_fault.sh FAULT PROGRAM [ARGUMENTS]
# FAULT is a word of HRM_LAB_FAULT (faults.c). The program runs twice with the same settings of the validation layer: as
# it is, where it must end well and hear nothing, and with the fault, where it must fail and show the message that
# belongs to the fault. Prints the first such message. VK_LAYER_PATH names the folders of VK_LAYER_HRM_faults and of the
# validation layer, in this order; the latter must know these checks (chromium's does, Debian 12's own is too old).
# The program is one of this project's tests: with HRM_VALIDATION=1 they ask for the layer and fail on its messages.
set -eu
[ $# -ge 2 ] || {
    echo "usage: planted_fault.sh FAULT PROGRAM [ARGUMENTS]" >&2
    exit 2
}
fault=$1
shift

# `message` is the line that is shown, `also` what must stand somewhere in the output besides. The filter: what the
# layer says about its own settings is nothing about the program.
assisted="VK_VALIDATION_GPUAV_ENABLE=1"
assisted="$assisted VK_VALIDATION_MESSAGE_ID_FILTER=VALIDATION-SETTINGS,WARNING-Setting-Limit-Adjusted"
case $fault in
barrier | barrier:*)
    settings="VK_VALIDATION_VALIDATE_SYNC=1 VK_VALIDATION_SYNCVAL_SHADER_ACCESSES_HEURISTIC=1"
    message="READ_AFTER_WRITE hazard detected"
    also="VK_ACCESS_2_SHADER_STORAGE_WRITE_BIT"
    ;;
store)
    settings=$assisted
    message="access out of bounds"
    also="VUID-vkCmdDispatch-storageBuffers-06936"
    ;;
race)
    settings="$assisted VK_VALIDATION_GPUAV_SHARED_MEMORY_DATA_RACE=1"
    message="A data race was detected on the shared memory variable"
    also="The other access in this race"
    ;;
workgroup)
    settings=
    message="exceeds device limit maxComputeWorkGroupInvocations"
    also="VUID-RuntimeSpirv-x-06432"
    ;;
*)
    echo "planted_fault.sh: no fault is called '$fault': barrier, barrier:N, store, race, workgroup" >&2
    exit 2
    ;;
esac

out=$(mktemp)
trap 'rm -f "$out"' EXIT
fail() {
    tail -n 40 "$out"
    echo "FAILED: $1" >&2
    exit 1
}

export HRM_VALIDATION=1 HRM_TEST_VALIDATION=1
code=0
# shellcheck disable=SC2086 # settings are words
env $settings VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation "$@" >"$out" 2>&1 || code=$?
[ "$code" -eq 0 ] || fail "without a fault the program ends with $code"
grep -aq "$message" "$out" && fail "without a fault there is the message '$message'"

# shellcheck disable=SC2086
env $settings VK_INSTANCE_LAYERS=VK_LAYER_HRM_faults:VK_LAYER_KHRONOS_validation HRM_LAB_FAULT="$fault" \
    "$@" >"$out" 2>&1 || code=$?
grep -aq "VK_LAYER_HRM_faults: planted: " "$out" || fail "the fault '$fault' was not planted"
grep -aq "$message" "$out" || fail "the fault '$fault' is not found: no message '$message'"
grep -aq "$also" "$out" || fail "the fault '$fault' is taken for another: no '$also'"
[ "$code" -ne 0 ] || fail "the program ends well in spite of the fault '$fault'"
grep -a "VK_LAYER_HRM_faults: planted: " "$out" | head -n 1
grep -a "$message" "$out" | head -n 1
echo "exit code 0 without the fault, $code with it"
