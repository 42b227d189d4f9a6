#!/bin/sh
# A machine with an NVIDIA GPU is at hand for ten minutes: builds, runs the tests, goldens, benches and the demo there
# from a copy of the tree, and leaves one report.
#   tests/lab/nvidia.sh pack OUT.tar.gz   where everything to build is installed: builds the preset "portable" and packs
#                                         the tree, its executables and the libraries that the other machine may lack
#   tests/lab/nvidia.sh run [options]     on the machine with the GPU, from the unpacked folder or any tree
#     --out FILE       the report [nvidia-report.md]; the solved maze's picture goes beside it
#     --limit MINUTES  ends within this time; what did not fit is named in the report [9.5]
#     --device WHICH   any Vulkan device (number, part of its name, UUID) instead of the first of NVIDIA
#     --jobs N         tests side by side [4, or the number of processors]
#     --no-build       uses the packed executables even where building is possible
# Where cmake and the packages are, `run` builds; elsewhere it uses the packed executables, which need only libc. It
# changes nothing on the machine: all it writes are the report and a temporary folder, removed at the end.
# Exit codes of run: 0 all passed; 1 something failed; 2 it cannot run here; 3 all that ran passed, but the time was up
# before the end.
# HRM_LAB_BUILD   pack: another build folder than build-portable/. run: a folder of executables to use as they are
# HRM_LAB_LIBS    run: a folder of shared libraries to use before the machine's own (libvulkan.so.1 for one)
# VK_DRIVER_FILES, VK_ICD_FILENAMES  where the Vulkan driver's manifest is; without them the usual places are searched
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)

say() { echo "nvidia.sh: $*" >&2; }
die() {
    say "$*"
    exit 2
}

# ---- pack ------------------------------------------------------------------------------------------------------------

# What a machine with a driver but no desktop may lack: the Vulkan loader, and the X11 libraries that NVIDIA's driver
# library is linked with.
carried="libvulkan.so.1 libX11.so.6 libXext.so.6 libxcb.so.1 libXau.so.6 libXdmcp.so.6 libbsd.so.0 libmd.so.0 \
libGLdispatch.so.0"

# Where the dynamic linker finds a library of this machine's architecture; nothing when it does not.
find_library() {
    case $(uname -m) in
    x86_64) kind=x86-64 ;;
    aarch64) kind=AArch64 ;;
    *) kind=libc6 ;;
    esac
    PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null |
        awk -v name="$1" -v kind="$kind" '$1 == name && index($0, kind) && !found { print $NF; found = 1 }'
}

# Every executable and library in build folder $1 that is taken along.
list_executables() {
    for f in "$1"/hrm "$1"/lib*.so* "$1"/samples/* "$1"/tests/* "$1"/tests/lab/*; do
        [ -f "$f" ] && [ -x "$f" ] && echo "$f"
        case $f in *.so*) [ -x "$f" ] || echo "$f" ;; esac
    done
}

# Fails when something in build folder $1 needs more than libc and what lies beside it.
check_portable() {
    list_executables "$1" | while read -r f; do
        for need in $(readelf -d "$f" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
            case $need in
            libc.so.* | libm.so.* | libdl.so.* | libpthread.so.* | ld-linux*) continue ;;
            esac
            [ -e "$1/$need" ] || echo "${f#"$1"/} needs $need, which is not in the build folder"
        done
    done >"$1/portable.txt"
    [ ! -s "$1/portable.txt" ] || { cat "$1/portable.txt" >&2 && die "the build is not portable"; }
    rm "$1/portable.txt"
}

pack() {
    [ $# -eq 1 ] || die "usage: nvidia.sh pack OUT.tar.gz"
    out=$1
    build=${HRM_LAB_BUILD:-$here/build-portable}
    case $build in /*) ;; *) build=$PWD/$build ;; esac
    command -v cmake >/dev/null 2>&1 || die "packing needs cmake and what README.md names under 'Building by hand'"
    (cd "$here" && cmake --preset portable -B "$build" && cmake --build "$build") ||
        die "building the preset 'portable' failed"
    check_portable "$build"
    stage=$(mktemp -d)
    trap 'rm -rf "$stage"' EXIT
    top=$stage/hrm-lab
    mkdir -p "$top/build-portable" "$top/lab-libs"
    for part in CMakeLists.txt CMakePresets.json LICENSE README.md docs include runtime samples shaders tests tools; do
        cp -R "$here/$part" "$top/"
    done
    list_executables "$build" | while read -r f; do
        to=$top/build-portable/${f#"$build"/}
        mkdir -p "$(dirname "$to")"
        cp -P "$f" "$to"
    done
    for name in $carried; do
        from=$(find_library "$name")
        if [ -n "$from" ]; then cp -L "$from" "$top/lab-libs/$name"; else say "$name is not here: not packed"; fi
    done
    [ -e "$top/lab-libs/libvulkan.so.1" ] || say "without libvulkan.so.1 the other machine must have a Vulkan loader"
    tar -C "$stage" -czf "$out" hrm-lab
    say "$out: $(wc -c <"$out") bytes. There: tar xzf $(basename "$out") && hrm-lab/tests/lab/nvidia.sh run"
}

# ---- run: time -------------------------------------------------------------------------------------------------------

now() { date +%s; }
stamp() { date +%s.%N; }
since() { awk -v from="$1" -v to="$(stamp)" 'BEGIN { printf "%.1f", to - from }'; }

# $1: seconds a stage may take; cut so that $2 seconds are left for what follows. Prints 0 when it is too late to start.
allow() {
    left=$((deadline - $(now) - $2))
    [ "$left" -gt "$1" ] && left=$1
    [ "$left" -ge 5 ] || left=0
    echo "$left"
}

# ---- run: the report -------------------------------------------------------------------------------------------------

# A line of the table of stages: name, result, seconds, remark. Results: passed, failed, left out, unfinished (by time).
# A fifth argument, "tests", keeps the stage out of the sums, in which its tests are counted one by one.
stage_result() {
    printf '%s|%s|%s|%s|%s\n' "$1" "$2" "$3" "$4" "${5:-}" >>"$work/stages"
    printf '%-12s %-10s %6s s  %s\n' "$1" "$2" "$3" "$4"
    write_report # after every stage: whoever kills this script still has what came before
}

last_line() { tail -n 1 "$1" | cut -c1-150 | tr '|' '/'; }

# Runs a command as a stage: NAME SECONDS LOG COMMAND... Its output goes to LOG. Status: the command's; 124 out of time.
run_stage() {
    name=$1 seconds=$2 log=$3
    shift 3
    if [ "$seconds" -eq 0 ]; then
        stage_result "$name" "left out" 0 "no time left"
        return 124
    fi
    start=$(stamp)
    code=0
    timeout -k 5 "$seconds" "$@" >"$log" 2>&1 </dev/null || code=$?
    case $code in
    0) stage_result "$name" passed "$(since "$start")" "" ;;
    124 | 137) stage_result "$name" unfinished "$(since "$start")" "stopped after $seconds s" ;;
    *) stage_result "$name" failed "$(since "$start")" "exit code $code: $(last_line "$log")" ;;
    esac
    return "$code"
}

fenced() { # FILE [LINES]
    [ -s "$1" ] || return 0
    printf '\n```\n'
    if [ $# -gt 1 ]; then tail -n "$2" "$1"; else cat "$1"; fi
    printf '```\n'
}

count() { # STATE FILE...: lines whose second field is the state
    state=$1
    shift
    cat "$@" 2>/dev/null | awk -F'|' -v state="$state" '$2 == state && $5 != "tests" { n++ } END { print n + 0 }'
}

write_report() {
    cat "$work"/results/* 2>/dev/null | sort >"$work/tests" || true
    failed=$(count failed "$work/stages" "$work/tests")
    late=$(($(count "left out" "$work/stages" "$work/tests") + $(count unfinished "$work/stages" "$work/tests")))
    {
        echo "# hrm on ${device_name:-an unknown device}"
        echo
        if [ "$failed" -gt 0 ]; then echo "**$failed failed.**"; else echo "**Nothing failed.**"; fi
        [ "$finished" = yes ] || echo "**The script has not come to its end.**"
        [ "$late" -eq 0 ] || echo "$limit minutes were too short for $late of the parts; they are named below."
        echo "$(count passed "$work/tests") tests passed, $(count skipped "$work/tests") skipped;" \
            "$(($(now) - started)) s in all. $(date -u '+%Y-%m-%d %H:%M UTC')."
        echo
        echo "| stage | result | seconds | remark |"
        echo "| --- | --- | --- | --- |"
        awk -F'|' '{ printf "| %s | %s | %s | %s |\n", $1, $2, $3, $4 }' "$work/stages"
        echo
        echo "## Device"
        fenced "$work/machine"
        fenced "$work/nvidia-smi"
        fenced "$work/devices.log"
        echo
        echo "## Tests"
        echo
        echo "| test | result | seconds |"
        echo "| --- | --- | --- |"
        awk -F'|' '{ printf "| %s | %s | %s |\n", $1, $2, $3 }' "$work/tests"
        echo
        echo "Not run here, by design: fuzz/*, what is made of other drivers (lab/*), and the tests that need a compiler."
        for state in failed unfinished; do
            awk -F'|' -v state="$state" '$2 == state { print $1 }' "$work/tests" | while read -r name; do
                echo
                echo "### $name: $state"
                fenced "$work/logs/$(test_file "$name")" 40
            done
        done
        for log in build bench data train eval solve same-bytes; do
            [ -s "$work/$log.log" ] || continue
            echo
            echo "## Output of: $log"
            case $log in build | data | train) fenced "$work/$log.log" 15 ;; *) fenced "$work/$log.log" ;; esac
        done
    } >"$report"
}

# ---- run: the executables --------------------------------------------------------------------------------------------

# Sets build: a folder with the executables, made here when that is possible.
choose_build() {
    build=$here/build-portable
    seconds=$(allow 150 200)
    if [ -n "${HRM_LAB_BUILD:-}" ]; then
        build=$(cd "$HRM_LAB_BUILD" && pwd) || die "HRM_LAB_BUILD: there is no folder $HRM_LAB_BUILD"
        stage_result build passed 0 "as given by HRM_LAB_BUILD"
    elif [ "$no_build" = no ] && [ "$seconds" -gt 0 ] && command -v cmake >/dev/null 2>&1; then
        folder=$work/build
        [ ! -e "$build/CMakeCache.txt" ] || folder=$build
        start=$(stamp)
        code=0
        # shellcheck disable=SC2016 # expanded by the inner shell
        timeout -k 5 "$seconds" sh -c 'cd "$1" && cmake --preset portable -B "$2" && cmake --build "$2"' sh \
            "$here" "$folder" >"$work/build.log" 2>&1 || code=$?
        if [ "$code" -eq 0 ]; then
            build=$folder
            stage_result build passed "$(since "$start")" "built here"
        else
            [ "$code" -ne 124 ] || echo "error: not done after $seconds s" >>"$work/build.log"
            why=$(grep -m 1 -E 'Debian/Ubuntu:|error: |CMake was unable' "$work/build.log" | cut -c1-100 | tr '|' '/' || true)
            [ -x "$build/hrm" ] || die "no executables are packed, and building failed: $(tail -n 20 "$work/build.log")"
            stage_result build passed "$(since "$start")" "the packed executables; building here failed ($why)"
        fi
    else
        stage_result build passed 0 "the packed executables"
    fi
    [ -x "$build/hrm" ] || die "there are no executables in $build: unpack what 'nvidia.sh pack' made, or install" \
        "cmake and the packages that README.md names"
    hrm=$build/hrm
    version=$("$hrm" --version 2>&1) || die "the executables do not start here: $version"
}

# ---- run: the device -------------------------------------------------------------------------------------------------

# The carried libraries that the machine lacks, in front of nothing else.
use_carried_libraries() {
    mkdir -p "$work/lib"
    for from in "$here"/lab-libs/*.so*; do
        [ -e "$from" ] || continue
        name=$(basename "$from")
        [ -n "$(find_library "$name")" ] || ln -s "$from" "$work/lib/$name"
    done
    LD_LIBRARY_PATH=${HRM_LAB_LIBS:+$HRM_LAB_LIBS:}${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$work/lib
    export LD_LIBRARY_PATH
}

# One line a device: usable, vendor, uuid, name.
list_devices() {
    "$hrm" devices --list --json 2>"$work/list.err" | awk '
        function value(text) { sub(/^[^:]*: /, "", text); sub(/,$/, "", text); gsub(/^"|"$/, "", text); return text }
        /^    "name":/ { name = value($0) }
        /^    "usable":/ { usable = value($0) }
        /^    "uuid":/ { uuid = value($0) }
        /^    "vendor_id":/ { vendor = value($0) }
        /^  }/ { print usable "|" vendor "|" uuid "|" name; vendor = 0 }' || true
}

# Sets device_uuid and device_name to the first usable device that fits the wish.
pick_device() {
    if [ -n "$wish" ]; then
        line=$(HRM_DEVICE=$wish list_devices | grep '^true|' | head -n 1 || true)
    else
        line=$(list_devices | awk -F'|' '$1 == "true" && $2 == 4318' | head -n 1 || true) # 0x10de
    fi
    device_uuid=$(echo "$line" | cut -d'|' -f3)
    device_name=$(echo "$line" | cut -d'|' -f4)
    [ -n "$device_uuid" ]
}

# Drivers are at times installed where no loader looks, or as a library without its manifest.
look_further() {
    [ -z "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ] || return 1
    LD_LIBRARY_PATH=$LD_LIBRARY_PATH:/usr/local/nvidia/lib64:/usr/local/nvidia/lib:/usr/lib/wsl/lib
    LD_LIBRARY_PATH=$LD_LIBRARY_PATH:/usr/lib/$(uname -m)-linux-gnu/nvidia/current
    # the older of the two variables: every loader knows it, and tests that set it still get their way
    for manifest in /etc/vulkan/icd.d/nvidia*.json /usr/share/vulkan/icd.d/nvidia*.json \
        /usr/local/share/vulkan/icd.d/nvidia*.json /usr/local/etc/vulkan/icd.d/nvidia*.json \
        /usr/local/nvidia/share/vulkan/icd.d/*.json /usr/local/nvidia/vulkan/icd.d/*.json \
        /usr/share/glvnd/vulkan_icd.d/nvidia*.json /opt/nvidia/*/vulkan/icd.d/*.json; do
        [ -r "$manifest" ] || continue
        export VK_ICD_FILENAMES="$manifest"
        if pick_device; then return 0; fi
    done
    for library in libGLX_nvidia.so.0 libEGL_nvidia.so.0; do
        manifest=$work/$library.json
        printf '{"file_format_version": "1.0.0", "ICD": {"library_path": "%s", "api_version": "1.3.0"}}\n' "$library" \
            >"$manifest"
        export VK_ICD_FILENAMES="$manifest"
        if pick_device; then return 0; fi
    done
    unset VK_ICD_FILENAMES
    return 1
}

# Why there is no device, on standard error.
explain_no_device() {
    why="no usable Vulkan device of NVIDIA (vendor 0x10de); --device WHICH takes another"
    [ -z "$wish" ] || why="no usable Vulkan device is called '$wish'"
    stage_result device failed 0 "$why"
    say "$why. Found:"
    list_devices | awk -F'|' '{ printf "  %s (vendor 0x%x)%s\n", $4, $2, $1 == "true" ? "" : ", not usable" }' >&2
    sed 's/^/  /' "$work/list.err" >&2
    if [ -z "$wish" ] && [ -e /dev/nvidiactl ]; then
        say "the GPU itself is here (/dev/nvidiactl). In a container the driver's graphics part must be let in:" \
            "NVIDIA_DRIVER_CAPABILITIES=graphics,compute,utility. Libraries that the driver's cannot be loaded without:"
        for library in libGLX_nvidia.so.0 libEGL_nvidia.so.0; do
            file=$(find_library "$library")
            if [ -z "$file" ]; then
                echo "  $library itself" >&2
            else
                ldd "$file" | grep 'not found' >&2 || true
            fi
        done
    fi
    exit 2
}

describe_machine() {
    {
        uname -srm
        awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo
        echo "$(nproc) processors, $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo) memory"
        sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release
        ldd --version 2>&1 | head -n 1
        echo "$version" | head -n 1
        env | grep -E '^(VK_|HRM_|NVIDIA_|LP_|LD_LIBRARY_PATH)' | sed "s|$work|TEMPORARY|g" | sort || true
    } >"$work/machine"
    if command -v nvidia-smi >/dev/null 2>&1; then
        what=name,driver_version,memory.total,pstate,power.limit,clocks.max.sm
        { nvidia-smi -L && nvidia-smi --query-gpu=$what --format=csv; } >"$work/nvidia-smi" 2>&1 || true
    fi
}

# ---- run: the tests --------------------------------------------------------------------------------------------------

# What a test is called, as in CTest: test_ops_matmul and lab/test_two_devices are ops/matmul and lab/two_devices.
test_name() { echo "$1" | sed 's|^lab/test_|lab/|; s|^test_\([a-z]*\)_|\1/|'; }
test_file() { test_name "$1" | tr / _; }

# One test, called back by xargs: exe and the executable below tests/, or cli and cli/NAME. Writes a line of results.
one_test() {
    name=$(test_name "$2")
    file=$(test_file "$2")
    left=$((HRM_LAB_UNTIL - $(now)))
    if [ "$left" -lt 5 ]; then
        echo "$name|left out|0" >"$HRM_LAB_WORK/results/$file"
        return
    fi
    most=300
    [ "$left" -ge "$most" ] || most=$left
    start=$(stamp)
    code=0
    case $1 in
    cli)
        export SOURCE="$here" TINY="$HRM_LAB_WORK/cli/train_tiny" WORK="$HRM_LAB_WORK/cli/${2#cli/}" LC_ALL=C
        export HRM="$HRM_LAB_EXE/hrm" SAMPLE_SOLVE_MAZE="$HRM_LAB_EXE/samples/solve_maze"
        export SAMPLE_SOLVE_SUDOKU="$HRM_LAB_EXE/samples/solve_sudoku"
        set -- bash "$here/tests/$2.sh"
        ;;
    *) set -- "$HRM_LAB_EXE/tests/$2" ;;
    esac
    timeout -k 5 "$most" "$@" >"$HRM_LAB_WORK/logs/$file" 2>&1 </dev/null || code=$?
    state=failed
    case $code in
    0) state=passed ;;
    77) state=skipped ;;
    124 | 137) [ "$most" -eq 300 ] || state=unfinished ;;
    esac
    echo "$name|$state|$(since "$start")" >"$HRM_LAB_WORK/results/$file"
}

# The executables below tests/, what says most first: on a slow device the last ones, which are long, may be left out.
list_tests() {
    for pattern in 'test_*_golden_*' 'test_gpu_*' 'test_train_*' 'test_[bdimv]*' 'lab/test_two_devices' 'test_ops_*'; do
        for f in "$build"/tests/$pattern; do
            case $f in */test_ops_matmul | */test_ops_attention) continue ;; esac
            [ -f "$f" ] && [ -x "$f" ] && echo "exe ${f#"$build"/tests/}"
        done
    done | awk '!seen[$0]++'
    echo "exe test_ops_matmul"
    echo "exe test_ops_attention"
}

# STAGE SECONDS: runs the tests listed on standard input side by side.
run_tests() {
    if [ "$2" -eq 0 ]; then
        stage_result "$1" "left out" 0 "no time left"
        return
    fi
    start=$(stamp)
    cat >"$work/list"
    export HRM_LAB_WORK="$work" HRM_LAB_EXE="$build" HRM_LAB_UNTIL=$(($(now) + $2))
    xargs -P "$jobs" -n 2 sh "$0" one-test <"$work/list" || true
    while read -r _ test; do cat "$work/results/$(test_file "$test")"; done <"$work/list" >"$work/these"
    bad=$(count failed "$work/these") good=$(count passed "$work/these")
    rest=$(($(wc -l <"$work/these") - bad - good))
    result=passed
    [ "$rest" -eq "$(count skipped "$work/these")" ] || result=unfinished
    [ "$bad" -eq 0 ] || result=failed
    stage_result "$1" "$result" "$(since "$start")" \
        "$good passed, $bad failed, $rest skipped or not finished; $jobs side by side" tests
}

run_cli_tests() {
    if ! command -v bash >/dev/null 2>&1; then
        stage_result command skipped 0 "the tests of the command need bash"
        return
    fi
    mkdir -p "$work/cli"
    echo "cli cli/train_tiny" | run_tests "tiny model" "$(allow 60 5)" # the others use what this one trains
    for name in devices usage bad_mazes bad_models bad_places solve eval interrupt same_bytes resume sudoku; do
        echo "cli cli/$name"
    done | run_tests command "$(allow 90 5)"
}

# ---- run: the demo ---------------------------------------------------------------------------------------------------

# The README's demo, cut short where the device is slow, on fewer mazes.
run_demo() {
    data=$work/demo-data
    run_stage data "$(allow 30 60)" "$work/data.log" "$hrm" data maze --out "$data" --size 6 --walls 0.35 \
        --min-path 5 --unique --train 20000 --test 500 --seed 0 || return 0
    seconds=$(allow 90 75)
    run_stage train "$seconds" "$work/train.log" "$hrm" train --preset demo --data "$data" --out "$work/demo" --overwrite --seed 0 \
        --time "$((seconds * 4 / 5))s" || return 0
    run_stage eval "$(allow 40 40)" "$work/eval.log" "$hrm" eval --model "$work/demo/model.safetensors" --data "$data" \
        --sweep 1,2,4,8 --limit 200 || true
    run_stage solve "$(allow 30 30)" "$work/solve.log" "$hrm" solve "$here/samples/mazes/one.txt" \
        --model "$work/demo/model.safetensors" -o "${report%.md}-maze.png" || true
    run_stage same-bytes "$(allow 60 15)" "$work/same-bytes.log" sh "$0" same-bytes "$work" "$hrm" || true
}

# Same seed, same device, same bytes; another seed, others. Called back in a shell of its own: FOLDER HRM.
same_bytes() {
    for run in first second other; do
        seed=7
        [ "$run" != other ] || seed=8
        "$2" train --preset demo --data "$1/demo-data" --out "$1/$run" --overwrite --seed "$seed" --steps 20 --quiet || return 1
        cksum <"$1/$run/model.safetensors" | sed "s/^/$run training, seed $seed: /"
    done
    cmp "$1/first/model.safetensors" "$1/second/model.safetensors" || return 1
    if cmp -s "$1/first/model.safetensors" "$1/other/model.safetensors"; then
        echo "another seed gave the same model"
        return 1
    fi
}

# ---- run -------------------------------------------------------------------------------------------------------------

run() {
    report=nvidia-report.md limit=9.5 wish="" jobs="" no_build=no finished=no
    while [ $# -gt 0 ]; do
        case $1 in
        --out | --limit | --device | --jobs)
            [ $# -ge 2 ] || die "$1 needs a value"
            case $1 in --out) report=$2 ;; --limit) limit=$2 ;; --device) wish=$2 ;; *) jobs=$2 ;; esac
            shift 2
            ;;
        --no-build)
            no_build=yes
            shift
            ;;
        *) die "unknown option '$1'; the top of this script explains them" ;;
        esac
    done
    started=$(now)
    seconds=$(awk -v m="$limit" 'BEGIN { if (m !~ /^[0-9]+(\.[0-9]+)?$/ || m < 1) exit 1; printf "%d", m * 60 }') ||
        die "--limit takes minutes, at least 1"
    deadline=$((started + seconds))
    if [ -z "$jobs" ]; then
        jobs=$(nproc 2>/dev/null || echo 1)
        [ "$jobs" -le 4 ] || jobs=4
    fi
    case $report in /*) ;; *) report=$PWD/$report ;; esac
    : >"$report" || die "cannot write $report"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'stage_result "the rest" unfinished 0 interrupted; exit 1' INT TERM
    mkdir -p "$work/results" "$work/logs" "$work/tmp"
    : >"$work/stages"
    # nothing of these runs stays behind, and nothing of earlier ones is used: not even compiled shaders
    export TMPDIR="$work/tmp" XDG_CACHE_HOME="$work/cache" __GL_SHADER_DISK_CACHE_PATH="$work/cache"
    # the executables know the tree they were built from, which may be another machine's
    export HRM_TEST_TREE="$here" HRM_GOLDEN_DIR="${HRM_GOLDEN_DIR:-$here/tests/golden}" HRM_REQUIRE_DEVICE=1
    mkdir -p "$work/cache"

    use_carried_libraries
    choose_build
    pick_device || look_further || explain_no_device
    export HRM_DEVICE="$device_uuid"
    describe_machine
    echo "device: $device_name"
    cat "$work/machine"
    [ ! -s "$work/nvidia-smi" ] || cat "$work/nvidia-smi"
    run_stage devices "$(allow 120 60)" "$work/devices.log" "$hrm" devices || true
    [ ! -s "$work/devices.log" ] || cat "$work/devices.log"

    # a third of the time stays for what follows the tests
    list_tests | run_tests tests "$(allow 600 "$(((deadline - started) * 36 / 100))")"
    run_stage bench "$(allow 90 120)" "$work/bench.log" "$hrm" bench kernels || true
    run_demo
    run_cli_tests

    finished=yes
    write_report
    echo "report: $report"
    [ "$failed" -eq 0 ] || exit 1
    [ "$late" -eq 0 ] || exit 3
}

case ${1:-} in
pack)
    shift
    pack "$@"
    ;;
run)
    shift
    run "$@"
    ;;
one-test)
    shift
    one_test "$@"
    ;;
same-bytes)
    shift
    same_bytes "$@"
    ;;
*)
    sed -n '2,/^set -eu/{/^set -eu/d;s/^# \{0,1\}//;p;}' "$0"
    [ "${1:-}" = --help ] || [ "${1:-}" = -h ] || exit 2
    ;;
esac
