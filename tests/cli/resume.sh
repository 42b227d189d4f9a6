# A run that is stopped and continued gives the bytes of one that never stopped; what cannot be continued is refused.
. "$(dirname "$0")/lib.sh"
need_device
# the runs share one measurement of the kernels, made here if need be: another choice of kernels may round differently
expect_ok "$HRM" devices

# stops_early FOLDER [OPTIONS]: true when the run was stopped before its last step
stops_early() {
    local folder=$1
    shift
    expect_ok "$HRM" train --data "$data" --out "$folder" --time 0.3s --quiet "$@"
    grep -q '"type":"end","reason":"time"' "$folder/log.jsonl"
}
steps_of() { "$HRM" inspect "$1" | sed -n 's/^ *hrm.steps *//p'; }

# same_as_one_go NAME OPTIONS: stopped, continued, stopped, continued to the end; against one go
same_as_one_go() {
    local name=$1 steps=150
    shift
    # fast devices need more steps for the time to run out
    until stops_early "$name-1" "$@" --steps $steps; do
        steps=$((steps * 10))
        [ $steps -le 1500000 ] || fail "no run was long enough to be stopped"
    done
    stopped=$(steps_of "$name-1/model.safetensors")
    [ "$stopped" -ge 1 ] && [ "$stopped" -lt $steps ] || fail "$name: stopped after step $stopped of $steps"
    stops_early "$name-2" --resume "$name-1/model.safetensors" || true # may be done by now
    expect_ok "$HRM" train --data "$data" --out whole --steps $steps "$@" --quiet
    if [ "$(steps_of "$name-2/model.safetensors")" -lt $steps ]; then
        # into the folder that it comes from
        expect_ok "$HRM" train --data "$data" --out "$name-2" --resume "$name-2/model.safetensors" --quiet
    fi
    echo "$name: $steps steps, first stopped after $stopped"
    cmp whole/model.safetensors "$name-2/model.safetensors" || fail "$name: continuing gives another model"
    if cmp -s whole/model.safetensors "$name-1/model.safetensors"; then fail "$name: the model did not change"; fi
    expect_line "\"type\":\"end\",\"reason\":\"steps\",\"steps\":$steps," "$name-2/log.jsonl"
}
data=$TINY/data
same_as_one_go mazes $tiny
# all that may be saved: no average, a puzzle embedding, the reference's batches of two epochs, copies of Sudokus
expect_ok "$HRM" data sudoku --out sudoku --side 4 --train 37 --test 5
data=sudoku
same_as_one_go sudoku --preset sudoku-demo $tiny --ema 0 --puzzle-emb-dim 32 --puzzle-lr 0.001 --halt compare --batches reference \
    --epochs-per-pass 2 --augment sudoku --seed 5

# Ctrl-C saves what a run needs to go on, too
data=$TINY/data
"$HRM" train --data "$data" --out interrupted $tiny --steps 100000000 --log-every 1 >out 2>err </dev/null &
pid=$!
for _ in $(seq 600); do
    if grep -qs '"type":"step"' interrupted/log.jsonl.partial; then break; fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
done
kill -INT "$pid"
code=0
wait "$pid" || code=$?
[ "$code" -eq 130 ] || fail "exit code $code instead of 130: $(cat err)"
before=$(steps_of interrupted/model.safetensors)
# continued in its own folder, its log goes on: every step once, in order
cp -r interrupted own
expect_ok "$HRM" train --data "$data" --out own --resume own/model.safetensors --time 0.3s --log-every 1 --eval-every 20 --eval-limit 4 --quiet
[ "$(grep -c '"type":"start"' own/log.jsonl)" -eq 1 ] || fail "the start of the run left the log"
expect_line "\"type\":\"resume\".*\"after_step\":$before" own/log.jsonl
[ "$(grep -c '"type":"end"' own/log.jsonl)" -eq 1 ] || fail "an end in the middle of the log"
sed -n 's/^{"type":"step","step":\([0-9]*\),.*/\1/p' own/log.jsonl >steps
sort -n -u steps | cmp - steps || fail "steps are logged twice or out of order"
[ "$(head -n 1 steps)" -eq 1 ] || fail "the first steps left the log"
if grep -q '"type":"step".*"loss":0.0' own/log.jsonl; then fail "a step that was never run is in the log"; fi
stops_early continued --resume interrupted/model.safetensors || fail "a run of 100000000 steps came to its end"
after=$(steps_of continued/model.safetensors)
[ "$after" -gt "$before" ] || fail "continuing went from step $before to $after"
expect_line "\"type\":\"resume\".*\"steps\":100000000.*\"after_step\":$before" continued/log.jsonl

# ---- what cannot be continued; the recipe is the file's, so nothing may be said about it
good=mazes-1/model.safetensors
cp $good before
refuse() { # PATTERN FILE [OPTIONS]
    local pattern=$1 file=$2
    shift 2
    expect_fail 1 "$pattern" "$HRM" train --data "$data" --out made --resume "$file" "$@"
    [ ! -e made/model.safetensors ] || fail "a model was made"
}
refuse "all [0-9]+ steps of its run are done" whole/model.safetensors --data sudoku
expect_ok "$HRM" data maze --out other --unique --train 30 --test 4
refuse "trained on other data .*continue it with the data set it was started on" $good --data other
refuse "the model takes 36 tokens .* the data set has 16" $good --data sudoku
expect_ok "$HRM" convert $good plain.safetensors --weights-only
refuse "plain.safetensors holds a model but no training state" plain.safetensors
expect_ok "$HRM" train --data "$data" --out plain $tiny --steps 3 --weights-only --quiet
refuse "holds a model but no training state" plain/model.safetensors
[ "$(wc -c <plain/model.safetensors)" -lt "$(($(wc -c <$good) / 2))" ] || fail "--weights-only saves nothing"
refuse "missing: No such file" missing
refuse "README" "$SOURCE/README.md"
head -c $(($(wc -c <$good) - 1000)) $good >cut
refuse "cut" cut
sed 's/hrm.first_moment.H_level/hrm.first_moment.h_level/' $good >renamed
refuse "tensor hrm.first_moment.H_level[^ ]* of its training state is missing" renamed
sed 's/\\"step\\":/\\"stop\\":/' $good >misspelt
refuse "misspelt: its training state .* is not as hrm writes it" misspelt
sed 's/\\"beta1\\":0/\\"beta1\\":7/' $good >wrong
refuse "wrong: .*beta1" wrong
expect_fail 2 "leave the options that change it out" "$HRM" train --data "$data" --out made --resume $good --seed 3
# the preset's own value says something about it too
expect_fail 2 "leave the options that change it out" "$HRM" train --data "$data" --out made --resume $good --steps 2000
expect_fail 2 "leave the options that change it out" "$HRM" train --data "$data" --out made --resume $good --preset demo
cmp $good before || fail "the file to continue from was damaged"

# the state is no obstacle elsewhere: other readers see a model, PyTorch's files hold the weights alone
expect_ok "$HRM" inspect $good
expect_line "^training state +after step [0-9]+ of [0-9]+;" out
expect_ok "$HRM" convert $good whole.safetensors
cmp $good whole.safetensors || fail "copying a saved run changed it"
expect_ok "$HRM" eval --data "$data" --model plain.safetensors --limit 8 -o answers.jsonl
cp answers.jsonl expected
expect_ok "$HRM" eval --data "$data" --model $good --limit 8 -o answers.jsonl
cmp answers.jsonl expected || fail "the weights alone answer differently"
