# Ctrl-C and termination: the step is finished, the model saved, one line said, exit code 130 or 143.
. "$(dirname "$0")/lib.sh"
need_device

# Starts an endless training into $1 and waits until it has logged a step.
start() {
    "$HRM" train --data "$TINY/data" --out "$1" $tiny --steps 100000000 --log-every 1 >"$1.out" 2>"$1.err" </dev/null &
    pid=$!
    for _ in $(seq 600); do
        if grep -qs '"type":"step"' "$1/log.jsonl.partial"; then return; fi
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    cat "$1.err"
    kill -9 "$pid" 2>/dev/null || true
    fail "the training did not start"
}
finish() { # FOLDER CODE
    local got=0
    wait "$pid" || got=$?
    [ "$got" -eq "$2" ] || fail "exit code $got instead of $2: $(cat "$1.err")"
}

start run
kill -INT "$pid"
finish run 130
[ "$(wc -l <run.err)" -eq 1 ] || fail "not one line: $(cat run.err)"
expect_line "^hrm train: interrupted after step [0-9]+ of 100000000: saved run/model.safetensors" run.err
expect_line '"type":"end","reason":"interrupted"' run/log.jsonl
expect_ok "$HRM" solve "$SOURCE/samples/mazes/one.txt" --model run/model.safetensors

start again
kill -TERM "$pid"
finish again 143
expect_ok "$HRM" solve "$SOURCE/samples/mazes/one.txt" --model again/model.safetensors

# twice: out at once; the model of the earlier run is whole, or the new one is
start run
kill -INT "$pid"
kill -INT "$pid" 2>/dev/null || true
finish run 130
expect_ok "$HRM" solve "$SOURCE/samples/mazes/one.txt" --model run/model.safetensors

# data sets: nothing half-written is left
row="made,$(sed -n '2s/^[^,]*,//p' "$SOURCE/tests/golden/data/source/sudoku/train.csv")"
{ echo source,q,a,rating; for _ in $(seq 2000); do echo "$row"; done; } >many.csv
stop_data() { # FOLDER OPTIONS: stopped once its files are being written, or after a moment
    local folder=$1 pid code=0
    shift
    "$HRM" data sudoku --out "$folder" "$@" >out 2>err </dev/null &
    pid=$!
    # until it listens to SIGINT, and a moment more, so that files are being written
    for _ in $(seq 200); do
        local caught
        caught=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null || true)
        if [ $((0x${caught:-0} & 2)) -ne 0 ]; then break; fi
        sleep 0.05
    done
    sleep 0.3
    kill -INT "$pid"
    wait "$pid" || code=$?
    [ "$code" -eq 130 ] || fail "exit code $code instead of 130: $(cat err)"
    [ "$(wc -l <err)" -eq 1 ] || fail "not one line: $(cat err)"
    expect_line "^hrm data sudoku: interrupted before $folder was complete" err
    [ -z "$(find "$folder" -type f 2>/dev/null)" ] || fail "left behind: $(find "$folder" -type f)"
}
stop_data built --csv many.csv --num-aug 100000
stop_data hard --level hard --train 1000000
