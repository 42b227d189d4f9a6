#!/bin/sh
# Plants a fault in a program and shows that the validation layer finds it.
#   planted_fault.sh FAULT PROGRAM [ARGUMENTS]
# FAULT is a word of HRM_LAB_FAULT (faults.c). The program runs twice with the validation layer's settings that the
# environment holds, which are to be those of the suite's own runs: as it is, where it must end well and hear nothing, and with the fault, where it must fail and show the message that
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

# `message` is the line that is shown, `also` what must stand somewhere in the output besides.
case $fault in
barrier | barrier:*)
    message="READ_AFTER_WRITE hazard detected"
    also="VK_ACCESS_2_SHADER_STORAGE_WRITE_BIT"
    ;;
store)
    message="access out of bounds"
    also="VUID-vkCmdDispatch-storageBuffers-06936"
    ;;
race)
    message="A data race was detected on the shared memory variable"
    also="The other access in this race"
    ;;
workgroup)
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
env VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation "$@" >"$out" 2>&1 || code=$?
[ "$code" -eq 0 ] || fail "without a fault the program ends with $code"
grep -aq "$message" "$out" && fail "without a fault there is the message '$message'"

env VK_INSTANCE_LAYERS=VK_LAYER_HRM_faults:VK_LAYER_KHRONOS_validation HRM_LAB_FAULT="$fault" \
    "$@" >"$out" 2>&1 || code=$?
grep -aq "VK_LAYER_HRM_faults: planted: " "$out" || fail "the fault '$fault' was not planted"
grep -aq "$message" "$out" || fail "the fault '$fault' is not found: no message '$message'"
grep -aq "$also" "$out" || fail "the fault '$fault' is taken for another: no '$also'"
[ "$code" -ne 0 ] || fail "the program ends well in spite of the fault '$fault'"
grep -a "VK_LAYER_HRM_faults: planted: " "$out" | head -n 1
grep -a "$message" "$out" | head -n 1
echo "exit code 0 without the fault, $code with it"
