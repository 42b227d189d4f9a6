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

# start_training NAME OPTIONS...: hrm train in the background, its output in NAME.out and NAME.err; sets pid
start_training() {
    local name=$1
    shift
    "$HRM" train "$@" >"$name.out" 2>"$name.err" </dev/null &
    pid=$!
}
# wait_until COMMAND...: until it is true, or the process $pid has ended, or a minute has passed; false if it is not true
wait_until() {
    for _ in $(seq 2000); do
        if "$@"; then return; fi
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.03
    done
    "$@"
}
# wait_for_line PATTERN FILE: while the process $pid writes it
wait_for_line() {
    wait_until grep -Eqs -- "$1" "$2" && return
    kill -9 "$pid" 2>/dev/null || true
    fail "$2 got no line matching '$1'"
}
# how often a trainer has begun in a run
starts_of() { cat "$1/metrics.jsonl" 2>/dev/null | grep -Ec '"type":"(start|resume)"' || true; }
# has_begun RUN COUNT: once more than COUNT times
has_begun() { [ "$(starts_of "$1")" -gt "$2" ]; }
# end_of NAME CODE: waits for the process $pid, checks its exit code
end_of() {
    local got=0
    wait "$pid" || got=$?
    [ "$got" -eq "$2" ] || fail "exit code $got instead of $2: $(cat "$1.err")"
}
# step_lines RUN: the step lines of its log, without what differs between two equal runs
step_lines() { grep '"type":"step"' "$1/metrics.jsonl" | sed -E 's/"seconds":[^,]*,//; s/,"idle":[^}]*//'; }
# same_run A B: the same states and the same figures, byte for byte
same_run() {
    local file
    for file in checkpoints/last.safetensors model.safetensors; do
        cmp "$1/$file" "$2/$file" || fail "$1 and $2 differ in $file"
    done
    step_lines "$1" >steps_a
    step_lines "$2" >steps_b
    cmp steps_a steps_b || fail "the step lines of $1 and $2 differ: $(diff steps_a steps_b | head -n 4)"
    sed -E 's/^([0-9]+),[^,]*/\1/; s/,[^,]*$//' "$1/summary.csv" >steps_a
    sed -E 's/^([0-9]+),[^,]*/\1/; s/,[^,]*$//' "$2/summary.csv" >steps_b
    cmp steps_a steps_b || fail "summary.csv of $1 and $2 differ"
}
# the step that a checkpoint or model was saved after
step_of() { "$HRM" inspect "$1" | sed -n 's/^ *hrm.steps *//p'; }
