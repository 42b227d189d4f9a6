# Sourced by every script here. Expects HRM (the command), SOURCE (the repository), WORK (a folder of this test's own,
# emptied here). Checks print what was run, what came out and stop the script.
set -eu
: "${HRM:?}" "${SOURCE:?}" "${WORK:?}"
rm -rf "$WORK"
mkdir -p "$WORK"
cd "$WORK"

fail() {
    echo "FAILED: $*"
    exit 1
}

# Leaves with 77 (skipped) when there is no Vulkan device; with HRM_REQUIRE_DEVICE=1 that is a failure.
need_device() {
    if "$HRM" devices --list >devices.out 2>devices.err; then return; fi
    cat devices.err
    if [ "${HRM_REQUIRE_DEVICE:-0}" = 1 ]; then fail "no Vulkan device, and HRM_REQUIRE_DEVICE is 1"; fi
    exit 77
}

show_outcome() {
    echo "command: $*"
    echo "--- standard output"
    head -c 2000 out
    echo "--- standard error"
    head -c 2000 err
}

# expect_fail CODE PATTERN COMMAND...: the exit code, exactly one line on standard error that starts with "hrm" and
# matches the pattern (extended regular expression).
expect_fail() {
    local code=$1 pattern=$2 got=0
    shift 2
    "$@" >out 2>err </dev/null || got=$?
    if [ "$got" -ne "$code" ]; then
        show_outcome "$@"
        fail "exit code $got instead of $code"
    fi
    if [ "$(wc -l <err)" -ne 1 ]; then
        show_outcome "$@"
        fail "$(wc -l <err) lines on standard error instead of 1"
    fi
    if ! grep -Eq "^hrm[a-z ]*: .*($pattern)" err; then
        show_outcome "$@"
        fail "standard error does not match '$pattern'"
    fi
    echo "ok: $(cat err)"
}

# expect_ok COMMAND...: exit code 0 and nothing on standard error.
expect_ok() {
    local got=0
    "$@" >out 2>err </dev/null || got=$?
    if [ "$got" -ne 0 ] || [ -s err ]; then
        show_outcome "$@"
        fail "exit code $got, $(wc -l <err) lines on standard error"
    fi
}

# expect_line PATTERN FILE
expect_line() {
    if ! grep -Eq -- "$1" "$2"; then
        head -c 2000 "$2"
        fail "$2 has no line matching '$1'"
    fi
}

# expect_json FILE [LINES]: one JSON value, or with a second argument one per line.
expect_json() {
    command -v python3 >/dev/null || return 0
    python3 - "$@" <<'PYTHON' || fail "$1 is not valid JSON"
import json, sys
text = open(sys.argv[1]).read()
for part in text.splitlines() if len(sys.argv) > 2 else [text]:
    json.loads(part)
PYTHON
}

# A picture is what its first bytes say: expect_picture png|gif FILE
expect_picture() {
    local magic
    magic=$(head -c 4 "$2" | od -An -tx1 | tr -d ' \n')
    case $1 in
    png) [ "$magic" = 89504e47 ] || fail "$2 is no PNG" ;;
    gif) [ "$magic" = 47494638 ] || fail "$2 is no GIF" ;;
    esac
    [ "$(wc -c <"$2")" -gt 500 ] || fail "$2 is suspiciously small"
}

# The arguments of a model so small that a step takes milliseconds.
tiny="--hidden 32 --heads 2 --h-layers 1 --l-layers 1 --h-cycles 1 --l-cycles 2 --max-segments 4 --batch 8"
