# Tests while training: the best is kept by the measure asked for, --patience and --time end a run, one batch can be learnt
# by heart.
. "$(dirname "$0")/lib.sh"
need_device
data=$TINY/data
fast="--lr 0.003 --warmup 0 --early-segments 0"

# ---- the best, by each measure: the first test with the highest value; cells decide where values are equal
best_by() { # RUN MEASURE FIELD
    local best
    best=$(grep '"type":"eval"' "$1/metrics.jsonl" | sed -E "s/.*\"step\":([0-9]+),.*\"accuracy\":([^,]*),.*/\1 \2 &/" |
        sed -E "s/^([^ ]* [^ ]*) .*\"$3\":([^,}]*).*/\1 \2/" |
        awk '$3 > value || ($3 == value && $2 > cells) || NR == 1 { value = $3; cells = $2; step = $1 } END { print step }')
    [ -n "$best" ] || fail "no tests in $1"
    [ "$(step_of "$1/checkpoints/best.safetensors")" = "$best" ] || fail "$1: the best is not of step $best"
    [ "$(step_of "$1/model.safetensors")" = "$best" ] || fail "$1: the model is not of step $best"
    expect_line "\"type\":\"end\".*\"best_step\":$best[,}]" "$1/metrics.jsonl"
    [ "$(grep '"best":true' "$1/metrics.jsonl" | tail -n 1 | sed -E 's/.*"step":([0-9]+),.*/\1/')" = "$best" ] || fail "$1: best is marked wrong"
    expect_line "^best test .*--best-by $2, after step $best" "$1/table.txt"
}
for by in task exact token; do
    expect_ok "$HRM" train --data "$data" --out by-$by $tiny $fast --steps 90 --eval-every 10 --eval-limit 20 --best-by $by --quiet
done
best_by by-task task task
best_by by-exact exact exact
best_by by-token token accuracy
[ "$(grep -c '"type":"eval"' by-task/metrics.jsonl)" -eq 9 ] || fail "not a test every 10 steps"
# the demo's recipe keeps an average: that is what is tested, the live weights where asked for
if grep -q live_exact by-task/metrics.jsonl; then fail "the live weights were tested unasked"; fi
expect_ok "$HRM" train --data "$data" --out live $tiny --steps 10 --eval-every 10 --eval-limit 4 --eval-live --quiet
expect_line '"type":"eval".*"live_exact":[0-9]' live/metrics.jsonl
expect_ok "$HRM" train --data "$data" --out plain $tiny --ema 0 --steps 10 --eval-every 10 --eval-limit 4 --eval-live --quiet
if grep -q live_exact plain/metrics.jsonl; then fail "without an average there is nothing else to test"; fi

# ---- patience: nothing is learnt, so the first test stays the best
expect_ok "$HRM" train --data "$data" --out patient $tiny --lr 0 --steps 1000 --log-every 10 --eval-every 5 --eval-limit 4 --patience 2
expect_line '"type":"end","reason":"patience","step":15,' patient/metrics.jsonl
expect_line '^steps +15 of 1000: no better test' out
[ "$(step_of patient/model.safetensors)" -eq 5 ] || fail "the model is not of the best step"
[ "$(grep -c '"type":"step"' patient/metrics.jsonl)" -eq 1 ] || fail "a step line where the run stopped early"
expect_ok "$HRM" train --resume patient
expect_line "^patient: no better test came within --patience: there is nothing to continue" out
expect_ok "$HRM" train --resume patient --patience 4 --quiet
expect_line '"type":"end","reason":"patience","step":25,' patient/metrics.jsonl
[ "$(grep -c '"type":"end"' patient/metrics.jsonl)" -eq 1 ] || fail "two ends"

# ---- the time budget holds anew for each part
expect_ok "$HRM" train --data "$data" --out timed $tiny --steps 100000000 --time 0.3s --quiet
step=$(step_of timed/checkpoints/last.safetensors)
expect_line "\"type\":\"end\",\"reason\":\"time\",\"step\":$step," timed/metrics.jsonl
expect_ok "$HRM" train --resume timed --time 0.3s --quiet
[ "$(step_of timed/checkpoints/last.safetensors)" -gt "$step" ] || fail "the second part did nothing"
expect_fail 1 "not one step was done in 0 s: the run stays as it was" "$HRM" train --resume timed --time 0.000001s
expect_ok "$HRM" train --resume timed --time 0.2s --quiet

# ---- a line of progress per N steps where the output is no terminal
expect_ok "$HRM" train --data "$data" --out lines $tiny --steps 30 --print-every 10
[ "$(grep -c '^train [0-9]*/30 ' out)" -eq 3 ] || fail "not three lines: $(cat out)"
expect_line '^train 20/30 \[[0-9:]+<.*loss [0-9.]+ exact [0-9.]+% segments [0-9.]+ grad ' out

# ---- one batch by heart
expect_ok "$HRM" data maze --out few --unique --train 8 --test 8 --quiet
heart="--data few $tiny --overfit-one-batch --augment none --lr 0.003 --warmup 0 --weight-decay 0 --early-segments 0 --exploration 0 --ema 0"
expect_ok "$HRM" train $heart --out learnt --steps 3000
expect_line '"type":"end","reason":"learnt"' learnt/metrics.jsonl
expect_line '"fixed_batches": 1' learnt/config.json
expect_line '^steps +[0-9]+ of 3000: the batch is learnt by heart' out
expect_fail 1 "one batch was not learnt by heart in 12 steps" "$HRM" train $heart --out unlearnt --steps 12 --quiet
