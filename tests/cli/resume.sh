# A run that is stopped and continued gives the bytes of one that never stopped, also where its last checkpoint is gone
# or damaged; what cannot be continued is refused.
. "$(dirname "$0")/lib.sh"
need_device
# the runs share one measurement of the kernels, made here if need be: another choice of kernels may round differently
expect_ok "$HRM" devices
data=$TINY/data
looked_after="--log-every 7 --eval-every 20 --eval-limit 8 --save-every 5 --checkpoint-every 10 --keep 3"

# stop_after STEP NAME OPTIONS: trains until a step line at or after STEP, then Ctrl-C
stop_after() {
    local step=$1 name=$2
    shift 2
    start_training "$name" "$@"
    wait_for_line "\"type\":\"save\",\"step\":$step," "$name/metrics.jsonl"
    kill -INT "$pid" 2>/dev/null || true
    local got=0
    wait "$pid" || got=$?
    [ "$got" -eq 130 ] || [ "$got" -eq 0 ] || fail "exit code $got: $(cat "$name.err")"
}
# in_parts NAME STEPS OPTIONS: in one go; stopped twice and continued
in_parts() {
    local name=$1 steps=$2 first
    shift 2
    expect_ok "$HRM" train --data "$data" --out "$name-whole" --steps "$steps" "$@" $looked_after --quiet
    stop_after 20 "$name" --data "$data" --out "$name" --steps "$steps" "$@" $looked_after
    first=$(step_of "$name/checkpoints/last.safetensors")
    [ "$first" -lt "$steps" ] || fail "$name: the run could not be stopped before its end"
    stop_after $((first / 10 * 10 + 20)) "$name" --resume "$name"
    expect_ok "$HRM" train --resume "$name" --quiet
    echo "$name: $steps steps, first stopped after $first"
    same_run "$name-whole" "$name"
    [ "$(grep -c '"type":"start"' "$name/metrics.jsonl")" -eq 1 ] || fail "the start of the run left the log"
    [ "$(grep -c '"type":"end"' "$name/metrics.jsonl")" -eq 1 ] || fail "an end in the middle of the log"
    expect_line "\"type\":\"resume\".*\"after_step\":$first" "$name/metrics.jsonl"
    grep '"type":"eval"' "$name-whole/metrics.jsonl" | sed 's/"seconds":[^,]*,//' >evals
    grep '"type":"eval"' "$name/metrics.jsonl" | sed 's/"seconds":[^,]*,//' | cmp - evals || fail "$name: other tests"
}
in_parts mazes 300 $tiny
# all that may be saved: no average, a puzzle embedding, the reference's batches of two epochs, copies of Sudokus
expect_ok "$HRM" data sudoku --out sudoku --side 4 --train 37 --test 5
data=sudoku
in_parts sudoku 250 --preset sudoku-demo $tiny --ema 0 --puzzle-emb-dim 32 --puzzle-lr 0.001 --halt compare --batches reference \
    --epochs-per-pass 2 --augment sudoku --seed 5
if cmp -s mazes/checkpoints/last.safetensors mazes/checkpoints/previous.safetensors; then fail "the model did not change"; fi
data=$TINY/data

# done is done
expect_ok "$HRM" train --resume mazes
expect_line "^mazes: all steps are done: there is nothing to continue" out
# killed while closing: closes it
rm mazes/table.txt mazes/model.safetensors
expect_ok "$HRM" train --resume mazes --quiet
same_run mazes-whole mazes
[ -s mazes/table.txt ] || fail "no table"

# ---- into another folder; the first stays as it is
cp mazes-whole/checkpoints/step-290.safetensors .
expect_ok "$HRM" train --data "$data" --out elsewhere --resume mazes-whole/checkpoints/step-290.safetensors --quiet
same_run mazes-whole elsewhere
# a checkpoint alone: without the best one beside it
"$HRM" train --data "$data" --out alone --resume step-290.safetensors --quiet >out 2>err || fail "exit code $?: $(cat err)"
expect_line "^hrm train: the best checkpoint, of step [0-9]+, is not there any more" err
weights_of() { "$HRM" inspect "$1/checkpoints/last.safetensors" | grep "^checksum"; }
[ "$(weights_of alone)" = "$(weights_of mazes-whole)" ] || fail "a checkpoint alone continues otherwise"
expect_fail 1 "is a file: --out must name the folder" "$HRM" train --resume step-290.safetensors
expect_fail 1 "elsewhere holds a run of 300 steps already" "$HRM" train --resume mazes --out elsewhere

# ---- the last checkpoint is missing, cut, damaged: the one before it is as good, which is said
going_on() { # PATTERN: resumes `broken` to its end; one line on standard error
    "$HRM" train --resume broken --quiet >out 2>err </dev/null || fail "exit code $?: $(cat err)"
    [ "$(wc -l <err)" -eq 1 ] || fail "not one line: $(cat err)"
    expect_line "$1" err
    same_run mazes-whole broken
    [ "$(step_of broken/checkpoints/last.safetensors)" -eq 300 ] || fail "not at its end"
    cat err
}
stop_after 100 stopped --data "$data" --out stopped --steps 300 $tiny $looked_after
last=checkpoints/last.safetensors
before=$(step_of stopped/checkpoints/previous.safetensors)
size=$(wc -c <stopped/$last)
flip() { # FILE OFFSET: one bit
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    printf "\\$(printf %o $((byte ^ 16)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
broken() { # a copy of `stopped` whose files are its own
    rm -rf broken
    cp -r stopped broken
}
broken
rm broken/$last
going_on "broken/$last is missing: going on from broken/checkpoints/previous.safetensors instead, after step $before"
broken
head -c $((size - 1000)) stopped/$last >broken/$last
going_on "broken/$last.*: going on from broken/checkpoints/previous.safetensors instead, after step $before"
broken
flip broken/$last $((size - 5000))
going_on "broken/$last.*checksum.*: going on from broken/checkpoints/previous.safetensors instead, after step $before"
broken
flip broken/$last $((size / 2))
flip broken/checkpoints/previous.safetensors $((size / 3))
step=$(cd stopped/checkpoints && ls step-* | sed 's/[^0-9]//g' | sort -n | tail -n 1)
going_on "broken/$last.*checksum.*: going on from broken/checkpoints/step-$step.safetensors instead, after step $step"
# the kill fell between two renames
broken
mv broken/$last broken/checkpoints/next.safetensors
expect_ok "$HRM" train --resume broken --quiet
same_run mazes-whole broken
# none is left
broken
for file in broken/checkpoints/*; do head -c 5000 "$file" >cut && mv cut "$file"; done
expect_fail 1 "broken: there is no checkpoint to go on from: .*broken/$last" "$HRM" train --resume broken
rm -r broken/checkpoints
expect_fail 1 "broken: there is no checkpoint to go on from: broken/$last is missing" "$HRM" train --resume broken

# ---- what cannot be continued; the recipe is the file's, so nothing may be said about it
good=stopped/$last
cp $good before
refuse() { # PATTERN FILE [OPTIONS]
    local pattern=$1 file=$2
    shift 2
    expect_fail 1 "$pattern" "$HRM" train --data "$data" --out made --resume "$file" "$@"
    [ ! -e made/checkpoints ] || fail "a run was made"
}
expect_ok "$HRM" data maze --out other --unique --train 30 --test 4
refuse "trained on other data .*continue it with the data it was started on" $good --data other
expect_fail 1 "trained on other data" "$HRM" train --resume stopped --data other
refuse "the model takes 36 tokens .* the data set has 16" $good --data sudoku
refuse "holds a model but no training state" mazes/model.safetensors
refuse "missing: No such file" missing
refuse "README" "$SOURCE/README.md"
head -c $((size - 1000)) $good >cut
refuse "cut" cut
expect_fail 2 "keeps the recipe of the run" "$HRM" train --data "$data" --out made --resume $good --seed 3
# the preset's own value says something about it too
expect_fail 2 "keeps the recipe of the run" "$HRM" train --resume stopped --steps 2000
expect_fail 2 "keeps the recipe of the run" "$HRM" train --resume stopped --preset demo
cmp $good before || fail "the file to continue from was damaged"
expect_fail 1 "made holds a run of 1 steps already" sh -c "'$HRM' train --data '$data' --out made $tiny --steps 1 --quiet; \
    '$HRM' train --resume stopped --out made"

# how the run is looked after is recorded, and may be changed
expect_ok "$HRM" train --resume stopped --log-every 50 --patience 1000 --quiet
expect_line '"log_every": 50' stopped/options.json
expect_line '"eval_every": 20' stopped/options.json
cmp stopped/$last mazes-whole/$last || fail "other logging gives another state"

# ---- the state is no obstacle elsewhere: other readers see a model, PyTorch's files hold the weights alone
expect_ok "$HRM" inspect $good
expect_line "^training state +after step [0-9]+ of [0-9]+;" out
expect_ok "$HRM" convert $good whole.safetensors
expect_ok "$HRM" convert $good plain.safetensors --weights-only
[ "$(wc -c <plain.safetensors)" -lt "$(($(wc -c <$good) / 2))" ] || fail "--weights-only saves nothing"
expect_ok "$HRM" eval --data "$data" --model plain.safetensors --limit 8 -o answers.jsonl
cp answers.jsonl expected
expect_ok "$HRM" eval --data "$data" --model $good --limit 8 -o answers.jsonl
cmp answers.jsonl expected || fail "the weights alone answer differently"
