#!/bin/sh
# The tests in one command: installs what they need (as root or with sudo), builds, runs everything with a device
# required, ends with ctest's summary.
#   tests/run.sh [--sanitize] [ctest options]
# --sanitize builds with AddressSanitizer and UndefinedBehaviorSanitizer into build-sanitize/ and runs the tests once, on the
# default device. HRM_REQUIRE_SWIFTSHADER=1 makes the absence of SwiftShader (package chromium) a failure, HRM_REQUIRE_LAB=1 that
# of Mesa's drivers for AMD and Intel chips (tests/lab/); without them the tests on those are reported as skipped.
# HRM_TEST_BUILD chooses another build folder.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
sanitize=no
if [ "${1:-}" = --sanitize ]; then
    sanitize=yes
    shift
fi

. "$here/samples/packages.sh"
need_debian
# shellcheck disable=SC2086 # a list of words
need_packages $build_packages bash binutils libcmocka-dev libdrm-dev
if [ "${HRM_REQUIRE_SWIFTSHADER:-0}" = 1 ]; then need_packages chromium; fi

export HRM_REQUIRE_DEVICE=1
jobs=$(nproc 2>/dev/null || echo 2)
if [ "$sanitize" = yes ]; then
    build=${HRM_TEST_BUILD:-$here/build-sanitize}
    cmake -S "$here" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DHRM_SANITIZE=ON
    cmake --build "$build"
    export ASAN_OPTIONS="detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=0"
    export LSAN_OPTIONS="suppressions=$here/tests/lsan.supp:print_suppressions=0"
    export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1"
    ctest --test-dir "$build" --output-on-failure -j "$jobs" -LE 'lavapipe-|swiftshader|validation|lab' "$@"
    exit
fi
build=${HRM_TEST_BUILD:-$here/build}
cmake -S "$here" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DHRM_BUILD_TESTS=ON -DHRM_BUILD_SAMPLES=ON
cmake --build "$build"
ctest --test-dir "$build" --output-on-failure -j "$jobs" "$@"
