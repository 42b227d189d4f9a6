# Evaluation: the table, the sweep, JSON, answers.
. "$(dirname "$0")/lib.sh"
need_device
model=$TINY/run/model.safetensors

expect_ok "$HRM" eval --model "$model" --data "$TINY/data"
expect_line "^adaptive +4 +[0-9.]+% +[0-9.]+% " out
expect_ok "$HRM" eval --model "$model" --data "$TINY/data" --sweep 1,2,4 --limit 20
[ "$(grep -c '^fixed ' out)" -eq 3 ] || fail "not three rows of the sweep"
expect_line "^fixed +2 .* 2\.000 " out
[ "$(grep -c '^adaptive ' out)" -eq 1 ] || fail "no adaptive row"
expect_ok "$HRM" eval --model "$model" --data "$TINY/data" --halting fixed --segments 3 --split train --limit 10 --json -o answers.jsonl
expect_json out
expect_line '"mean_segments": 3' out
expect_json answers.jsonl lines
[ "$(wc -l <answers.jsonl)" -eq 10 ] || fail "not ten answers"

# the same answers in batches of another size
cp answers.jsonl before
expect_ok "$HRM" eval --model "$model" --data "$TINY/data" --halting fixed --segments 3 --split train --limit 10 --batch 3 -o answers.jsonl
cmp before answers.jsonl || fail "answers depend on the batch"

# a model whose numbers are none: JSON knows no NaN, and says null
expect_ok "$HRM" train --data "$TINY/data" --out plain $tiny --steps 2 --quiet
size=$(wc -c <plain/model.safetensors)
printf '\377\377\377\177' | dd of=plain/model.safetensors bs=1 seek=$((size - 4)) conv=notrunc status=none
expect_ok "$HRM" eval --model plain/model.safetensors --data "$TINY/data" --limit 3 -o nan.jsonl
expect_json nan.jsonl lines
[ "$(grep -c '"q_halt":null' nan.jsonl)" -eq 3 ] || fail "not three answers without a Q value"
expect_ok "$HRM" solve "$SOURCE/samples/mazes/one.txt" --model plain/model.safetensors --json
expect_json out
expect_line '"q_halt": null' out
# another task's data
expect_ok "$HRM" data sudoku --side 6 --train 4 --test 4 --out boards --quiet
expect_fail 1 "36 tokens of 6 kinds.*36 of 8" "$HRM" eval --model "$model" --data boards

expect_fail 1 "nowhere" "$HRM" eval --model "$model" --data "$TINY/data" --split nowhere
expect_ok "$HRM" data maze --out wide --size 8 --train 20 --test 4
expect_fail 1 "36.*64|64.*36" "$HRM" eval --model "$model" --data wide
