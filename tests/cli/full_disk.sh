# The disk is full when something is saved: one clear line, what was there stays as it is, nothing is left behind. A training
# goes on, and saves again once there is room.
# The disk is a small tmpfs in a mount namespace of this script's own. (A limit on file sizes, ulimit -f, would not do: Mesa 25
# keeps a device's memory in a file, and dies of it.)
if [ "${OWN_MOUNTS:-no}" = no ]; then
    map=--map-root-user
    if [ "$(id -u)" -eq 0 ]; then map=""; fi
    if unshare --mount $map true 2>/dev/null; then OWN_MOUNTS=yes exec unshare --mount $map bash "$0"; fi
    echo "this machine lets us mount nothing of our own: not checked"
    exit 77
fi
. "$(dirname "$0")/lib.sh"
need_device
state=$TINY/run/checkpoints/last.safetensors
kib=$(($(wc -c <"$state") / 1024))
mkdir disk
mount -t tmpfs -o size=$((kib * 4))k none disk
fill() { dd if=/dev/zero of=disk/fill bs=4k 2>/dev/null || true; }
saves_of() { grep -c '"type":"save"' disk/run/metrics.jsonl || true; }
more_saves() { [ "$(saves_of)" -gt "$1" ]; }

# ---- in the middle of a run
start_training run --data "$TINY/data" --out disk/run $tiny --steps 100000000 --log-every 1 --save-every 10
wait_for_line '"type":"save","step":20,' disk/run/metrics.jsonl
fill
wait_for_line "^hrm train: step [0-9]+ could not be saved: .*No space left on device; the checkpoint of step [0-9]+ stays" run.err
fill # what the failed attempt gave back
wait_for_line "^hrm train: disk/run/metrics.jsonl cannot be written: No space left on device; training goes on" run.err
"$HRM" inspect disk/run/checkpoints/last.safetensors >out || fail "the last checkpoint is damaged"
saves=$(saves_of)
rm disk/fill
wait_until more_saves "$saves" || fail "it was not tried again: $(cat run.err)"
wait_for_line "^hrm train: disk/run/metrics.jsonl can be written again; no line is lost" run.err
kill -INT "$pid"
end_of run 130
[ "$(grep -c "metrics.jsonl cannot be written" run.err)" -le 2 ] || fail "it says so again and again: $(cat run.err)"
expect_json disk/run/metrics.jsonl lines
sed -n 's/^{"type":"step","step":\([0-9]*\),.*/\1/p' disk/run/metrics.jsonl >steps
seq "$(tail -n 1 steps)" | cmp - steps || fail "a step line was lost"
sed 1d disk/run/summary.csv | cut -d, -f1 | cmp - steps || fail "a row of summary.csv was lost"

# ---- at its end: what there is is named, and can be continued
start_training run --resume disk/run
wait_until more_saves "$(saves_of)" || fail "it did not go on: $(cat run.err)"
fill
wait_for_line "could not be saved" run.err
fill
kill -INT "$pid"
end_of run 1
tail -n 1 run.err >said
expect_line "^hrm train: step [0-9]+ could not be saved: .*No space left on device; the checkpoint of step [0-9]+ stays .disk/run/checkpoints/last.safetensors" said
[ -z "$(find disk -name '*.tmp-*')" ] || fail "left behind: $(find disk -name '*.tmp-*')"
rm disk/fill
expect_ok "$HRM" train --resume disk/run --time 0.2s --quiet
# permission is lost, as far as root can lose it: the disk turns read-only
start_training run --resume disk/run
wait_until more_saves "$(saves_of)" || fail "it did not go on: $(cat run.err)"
if mount -o remount,ro disk 2>/dev/null; then
    wait_for_line "could not be saved: .*Read-only file system; the checkpoint of step [0-9]+ stays" run.err
    mount -o remount,rw disk
    wait_until more_saves "$(saves_of)" || fail "it was not tried again: $(cat run.err)"
fi
kill -INT "$pid"
end_of run 130

# ---- from the start: nothing fits
rm -r disk/run
fill
expect_fail 1 "No space left|could not be saved" "$HRM" train --data "$TINY/data" --out disk/run $tiny --steps 3 --quiet
rm -r disk/run

# ---- nor do a converted model and a data set fit; what there is of them goes again
good=$TINY/run/model.safetensors
cp "$good" here.safetensors
expect_fail 1 "copy.safetensors.*No space left" "$HRM" convert "$good" disk/copy.safetensors
if "$HRM" --version | grep -q libzip; then expect_fail 1 "copy.pt.*No space left" "$HRM" convert "$good" disk/copy.pt; fi
expect_fail 1 "No space left" "$HRM" data sudoku --out disk/data --train 2000 --test 1
expect_fail 1 "No space left" "$HRM" data sudoku --csv "$SOURCE/tests/golden/data/source/sudoku/train.csv" --out disk/data --num-aug 500
[ -z "$(find disk -type f ! -name fill)" ] || fail "left behind: $(find disk -type f)"
