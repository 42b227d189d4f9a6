#!/bin/sh
# One graphics chip that is not here: Mesa's real driver for it, opened without the hardware.
#   chip.sh BUILD VENDOR CHIP report [OPTION...]   every kernel row through its compiler; options go to kernel_report
#   chip.sh BUILD VENDOR CHIP run COMMAND [ARG...] a whole program on it: memory is real, submits do nothing
# VENDOR is amd or intel; CHIP as listed in kmd/amdgpu.c and kmd/i915.c. Reports of AMD chips take the null device of Mesa up
# to 25 where it knows the chip, else the stand-in for the kernel driver; everything else takes the stand-in.
# Exit: the program's own; 77 where the driver does not know the chip, and where driver or stand-in are not there at all, which
# HRM_REQUIRE_LAB=1 makes a failure.
set -eu
build=$1
vendor=$2
chip=$3
what=$4
shift 4
here=$(cd "$(dirname "$0")" && pwd)

# absent WHY
absent() {
    echo "$1"
    [ "${HRM_REQUIRE_LAB:-0}" != 1 ] || exit 1
    exit 77
}

case $vendor in
amd) names="radeon_icd.*.json radeon_icd.json" library=libkmd_amdgpu.so ;;
intel) names="intel_icd.*.json intel_icd.json" library=libkmd_i915.so ;;
*)
    echo "chip.sh: vendor is amd or intel, not $vendor" >&2
    exit 2
    ;;
esac
icd=""
for name in $names; do
    for file in /usr/share/vulkan/icd.d/$name; do
        [ -e "$file" ] && icd=$file
    done
done
[ -n "$icd" ] || absent "Mesa's $vendor driver is not installed (package mesa-vulkan-drivers)"
unset HRM_DEVICE VK_DRIVER_FILES VK_ADD_DRIVER_FILES
export VK_ICD_FILENAMES="$icd" NODEVICE_SELECT=1 MESA_SHADER_CACHE_DISABLE=true

# The rows that run there, judged; then those made for processors: a compiler that crashes on what it never gets is told,
# not failed (Mesa 25.0.7 on dg2, in half of the runs).
report() {
    "$build/tests/lab/kernel_report" --chip "$chip" --records "$here/records" "$@" || return $?
    code=0
    "$build/tests/lab/kernel_report" --foreign || code=$?
    [ $code -lt 128 ] || echo "this driver's compiler crashes on a row made for processors (signal $((code - 128)))"
    [ $code -eq 0 ] || [ $code -ge 128 ]
}

if [ "$vendor $what" = "amd report" ]; then
    case $chip in
    navi31) family=gfx1100 ;;
    navi33) family=gfx1102 ;;
    *) family=$chip ;;
    esac
    # the driver's names are in capitals up to Mesa 24
    for spelling in "$(echo "$family" | tr '[:lower:]' '[:upper:]')" "$family"; do
        if RADV_FORCE_FAMILY=$spelling "$build/hrm" devices --list >/dev/null 2>&1; then
            export RADV_FORCE_FAMILY="$spelling"
            report "$@"
            exit
        fi
    done
    echo "no null device for $chip in this driver; with the stand-in:"
fi
library=$build/tests/lab/$library
[ -e "$library" ] || absent "$library was not built: install libdrm-dev and configure again"
export LD_PRELOAD="$library" HRM_LAB_CHIP="$chip"
if [ "$what" = report ]; then
    report "$@"
    exit
fi
if ! "$build/hrm" devices --list; then
    echo "this driver does not know $chip"
    exit 77
fi
exec "$@"
