#!/bin/sh
# The whole driver lab in one command, as root on Debian: builds the matrix, runs it, prints the table device x suite.
#   tests/lab/run.sh [options]
#     --only PART[,PART]  of: here (this machine's Debian), trixie (Debian 13), testing   [all three]
#     --out FILE          also writes the tables to FILE, as Markdown
#     --update            writes records/ anew instead of holding the kernels' statistics against them
#     --work FOLDER       where Debians and builds lie; a second run uses them again   [build-lab]
# Other Debians are made with debootstrap from this machine's own mirror, about 1 GB each. Exit: 0 when everything passed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../.." && pwd)
parts="here trixie testing"
work=$tree/build-lab
out=""
update=no
while [ $# -gt 0 ]; do
    case $1 in
    --only | --out | --work)
        [ $# -ge 2 ] || { echo "run.sh: $1 needs a value" >&2; exit 2; }
        case $1 in
        --only) parts=$(echo "$2" | tr , ' ') ;;
        --out) out=$2 ;;
        --work) work=$2 ;;
        esac
        shift
        ;;
    --update) update=yes ;;
    *)
        echo "run.sh: unknown option $1; see the head of tests/lab/run.sh" >&2
        exit 2
        ;;
    esac
    shift
done
for part in $parts; do
    case $part in
    here | trixie | testing) ;;
    *)
        echo "run.sh: --only takes here, trixie and testing, not $part" >&2
        exit 2
        ;;
    esac
done
[ "$(id -u)" -eq 0 ] || { echo "run.sh: needs root, for packages and other Debians in folders" >&2; exit 1; }

. "$tree/samples/packages.sh"
need_debian
# shellcheck disable=SC2086 # a list of words
need_packages $build_packages bash binutils libcmocka-dev libdrm-dev chromium debootstrap
mkdir -p "$work"
work=$(cd "$work" && pwd)
jobs=$(nproc 2>/dev/null || echo 2)
failed=""

# What is run in each part, as words for sh. @build@ stands for the build folder, @tree@ for the source.
configure="cmake -S @tree@ -B @build@ -G Ninja -DCMAKE_BUILD_TYPE=Release -DHRM_LAB_FULL=ON && cmake --build @build@"
# shellcheck disable=SC2016 # for the inner sh
records='HRM_LAB_UPDATE=1 HRM_REQUIRE_LAB=1 ctest --test-dir @build@ -R "^lab/(amd|intel)_[a-z0-9]*$" --output-on-failure'
# Chromium is in one Debian only, and enough: there the whole suite, elsewhere what another driver or compiler changes.
# shellcheck disable=SC2016 # for the inner sh
suite='status=0; export HRM_REQUIRE_DEVICE=1 HRM_REQUIRE_LAB=1; ctest --test-dir @build@ -j @jobs@ --output-on-failure \
    --output-junit @build@/lab.xml @filter@ >@build@/lab.log 2>&1 || status=$?; tail -n 40 @build@/lab.log; exit $status'
elsewhere="-R '@lavapipe|^lavapipe/|^lab/(amd|intel|matrices)|^gpu/prebuilt|^(base|io|data|viz|fuzz|cli)/'"

# run_part NAME: $title and the results in $work/NAME.xml
run_part() {
    part=$1
    if [ "$part" = here ]; then
        in_tree=$tree
        in_build=$work/here
        filter=""
    else
        in_tree=/src
        in_build=/var/tmp/hrm-lab
        filter=$elsewhere
        "$here/root.sh" "$part" "$work/$part" || return 1
    fi
    for script in "$configure" "$([ $update = no ] || echo "$records")" "$suite"; do
        [ -n "$script" ] || continue
        script=$(printf '%s\n' "$script" |
            sed "s|@tree@|$in_tree|g; s|@build@|$in_build|g; s|@jobs@|$jobs|g; s#@filter@#$filter#g")
        if [ "$part" = here ]; then
            HRM_REQUIRE_SWIFTSHADER=1 sh -euc "$script" || return 1
        else
            "$here/root.sh" "$part" "$work/$part" "$script" || return 1
        fi
    done
}

set --
for part in $parts; do
    echo "== $part: $(date +%H:%M)"
    root=$work/$part
    [ "$part" != here ] || root=""
    results=$root/var/tmp/hrm-lab/lab.xml
    [ "$part" != here ] || results=$work/here/lab.xml
    rm -f "$results"
    run_part "$part" || failed="$failed $part"
    if [ -e "$results" ]; then
        title="$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' "$root/etc/os-release"), Mesa $(
            dpkg-query ${root:+--admindir="$root/var/lib/dpkg"} -W -f '${Version}' mesa-vulkan-drivers)"
        cp "$results" "$work/$part.xml"
        set -- "$@" "$title" "$work/$part.xml"
    fi
done
"$here/table.sh" "$here/records" "$@" >"$work/tables.md"
cat "$work/tables.md"
[ -z "$out" ] || cp "$work/tables.md" "$out"
[ -z "$failed" ] || { echo "run.sh: not everything passed in:$failed" >&2; exit 1; }
