# Ctrl-C while a data set is made: one line, exit code 130, nothing half-written is left. (Training: signals.sh.)
. "$(dirname "$0")/lib.sh"

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
