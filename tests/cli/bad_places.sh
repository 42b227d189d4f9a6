# Folders that cannot be written, also by root: refused before any work, and what exists stays as it is.
. "$(dirname "$0")/lib.sh"
need_device
good=$TINY/run/model.safetensors
maze=$SOURCE/samples/mazes/one.txt
echo "I am a file" >file

expect_fail 1 "/proc/hrm" "$HRM" train --data "$TINY/data" --out /proc/hrm $tiny --steps 5
expect_fail 1 "file" "$HRM" train --data "$TINY/data" --out file $tiny --steps 5
expect_fail 1 "file" "$HRM" train --data "$TINY/data" --out file/run $tiny --steps 5
expect_fail 1 "/proc/hrm" "$HRM" data maze --out /proc/hrm --train 50 --test 5
expect_fail 1 "file" "$HRM" data maze --out file --train 50 --test 5
expect_fail 1 "file" "$HRM" solve "$maze" --model "$good" -o file/a.png
expect_fail 1 "file" "$HRM" solve "$maze" --model "$good" -o file/a.gif
expect_fail 1 "file" "$HRM" solve "$maze" --model "$good" -o file/a.txt
expect_fail 1 "file" "$HRM" eval --data "$TINY/data" --limit 4 --model "$good" -o file/a.jsonl
[ "$(cat file)" = "I am a file" ] || fail "the file was damaged"

expect_fail 1 "not_there" "$HRM" train --data not_there --out run $tiny --steps 5
[ ! -e run ] || fail "a run folder was made for missing data"
mkdir -p damaged/train
cp -r "$TINY/data/test" damaged/test
expect_fail 1 "damaged/train" "$HRM" train --data damaged --out run $tiny --steps 5

# what stands in a file's place: known before training, and it stays
mkdir -p run/model.safetensors
expect_fail 1 "run/model.safetensors exists and is not a file" "$HRM" train --data "$TINY/data" --out run $tiny --steps 1000000
[ -d run/model.safetensors ] || fail "the folder is gone"
rmdir run/model.safetensors
mkdir -p run && echo "I am a file" >run/checkpoints
expect_fail 1 "run/checkpoints exists and is not a folder" "$HRM" train --data "$TINY/data" --out run $tiny --steps 1000000
[ "$(cat run/checkpoints)" = "I am a file" ] || fail "the file was damaged"
