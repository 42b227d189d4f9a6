# Ctrl-C and termination while training: the step is finished, everything saved, one line said, exit code 130 or 143. A
# second signal ends it at once, and what is on disk is whole.
. "$(dirname "$0")/lib.sh"
need_device
endless="--data $TINY/data $tiny --steps 100000000 --log-every 1 --save-every 50"

start_training run $endless --out run
wait_for_line '"type":"step"' run/metrics.jsonl
kill -INT "$pid"
end_of run 130
[ "$(wc -l <run.err)" -eq 1 ] || fail "not one line: $(cat run.err)"
expect_line "^hrm train: interrupted after step [0-9]+ of 100000000: saved; 'hrm train --resume run' goes on" run.err
expect_line '"type":"end","reason":"interrupted"' run/metrics.jsonl
step=$(sed -n 's/.*"type":"end".*"step":\([0-9]*\),.*/\1/p' run/metrics.jsonl)
[ "$(step_of run/checkpoints/last.safetensors)" -eq "$step" ] || fail "the last step was not saved"
expect_ok "$HRM" solve "$SOURCE/samples/mazes/one.txt" --model run/model.safetensors

start_training run --resume run
wait_for_line "\"type\":\"step\",\"step\":$((step + 3))," run/metrics.jsonl
kill -TERM "$pid"
end_of run 143
[ "$(step_of run/checkpoints/last.safetensors)" -gt "$step" ] || fail "the second part was not saved"

# twice, at once and a little apart: out immediately, or saved; either way the next one goes on from something whole
for pause in 0 0.001 0.003 0.01 0.03; do
    starts=$(starts_of run)
    start_training run --resume run
    wait_until has_begun run "$starts" || fail "the run did not go on: $(cat run.err)"
    sleep 0.2
    kill -INT "$pid"
    sleep $pause
    kill -TERM "$pid" 2>/dev/null || true
    code=0
    wait "$pid" || code=$?
    [ $code -eq 130 ] || [ $code -eq 143 ] || fail "exit code $code: $(cat run.err)"
    expect_ok "$HRM" inspect run/checkpoints/last.safetensors
done
expect_ok "$HRM" train --resume run --time 0.2s --quiet
expect_json run/metrics.jsonl lines
