#!/bin/sh
# One graphics chip that is not here: Mesa's real driver for it, opened without the hardware.
#   chip.sh BUILD VENDOR CHIP report [OPTION...]   every kernel row through its compiler; options go to kernel_report
#   chip.sh BUILD VENDOR CHIP run COMMAND [ARG...] a whole program on it: memory is real, submits do nothing
# VENDOR is amd or intel; CHIP as listed in kmd/amdgpu.c and kmd/i915.c. Reports of AMD chips take the null device of Mesa up
# to 25 where it knows the chip, else the stand-in for the kernel driver; everything else takes the stand-in.
# Exit: the program's own; 77 where the driver does not know the chip, or is not there at all. HRM_REQUIRE_LAB=1 makes that a
# failure: for a chip when records/ has one of this Mesa. HRM_LAB_UPDATE=1: reports write their record.
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
mesa=$(dpkg-query -W -f '${Version}' mesa-vulkan-drivers 2>/dev/null | sed 's/[^0-9].*//')
export VK_ICD_FILENAMES="$icd" NODEVICE_SELECT=1 MESA_SHADER_CACHE_DISABLE=true

# Does the driver offer a device? A program that breaks is no answer.
has_device() {
    code=0
    "$build/hrm" devices --list >/dev/null 2>&1 || code=$?
    [ $code -le 1 ] || { echo "hrm devices ends with $code"; exit 1; }
    return $code
}

unknown() {
    echo "this driver does not know $chip"
    [ "${HRM_REQUIRE_LAB:-0}" != 1 ] || [ ! -e "$here/records/$chip-mesa$mesa.tsv" ] || {
        echo "but it did when $chip-mesa$mesa.tsv was recorded"
        exit 1
    }
    exit 77
}

# The rows that run there, judged; then those made for processors, which must compile. One compiler is known to crash on one of
# those in half of the runs: Mesa 25.0.7 for dg2, on the row after matmul_lane_column_nn_broadcast.
report() {
    [ "${HRM_LAB_UPDATE:-0}" != 1 ] || set -- --update "$@"
    "$build/tests/lab/kernel_report" --chip "$chip" --records "$here/records" "$@" || return $?
    code=0
    "$build/tests/lab/kernel_report" --foreign || code=$?
    if [ $code -ge 128 ] && [ "$chip-mesa$mesa" = dg2-mesa25 ]; then
        echo "the compiler crashes on a row made for processors (signal $((code - 128))), as Mesa 25.0.7 is known to"
        return 0
    fi
    return $code
}

if [ "$vendor $what" = "amd report" ]; then
    case $chip in
    navi31) family=gfx1100 ;;
    navi33) family=gfx1102 ;;
    *) family=$chip ;;
    esac
    # the driver's names are in capitals up to Mesa 24
    for spelling in "$(echo "$family" | tr '[:lower:]' '[:upper:]')" "$family"; do
        # RADV answers a name that it does not know with abort()
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
has_device || unknown
if [ "$what" = report ]; then
    report "$@"
    exit
fi
exec "$@"
