# Killed (SIGKILL) at random moments and continued, again and again: every time there is something whole to go on from,
# and in the end the run is, byte for byte, that of a run which nobody killed.
#   KILLS=1000 SEED=1 for more of them, or others; the seed is printed.
. "$(dirname "$0")/lib.sh"
need_device
expect_ok "$HRM" devices
# 200 take 105 s on two cores through lavapipe; with sanitizers a start takes seconds
if [ -n "${ASAN_OPTIONS:-}" ]; then kills=${KILLS:-30}; else kills=${KILLS:-200}; fi
seed=${SEED:-$$}
RANDOM=$seed
options="--data $TINY/data $tiny --steps 150 --log-every 4 --eval-every 50 --eval-limit 4 --checkpoint-every 40 --keep 2 --quiet"
expect_ok "$HRM" train --out whole $options --save-every 3

killed=0 during_start=0 leftovers=0 nexts=0 fallbacks=0 runs=0 torn=0
# one life: goes on where there is something to go on from, else starts anew; true when the run came to its end
live() {
    local code=0 starts
    starts=$(starts_of run)
    leftovers=$((leftovers + $(find run -name '*.tmp-*' 2>/dev/null | wc -l)))
    nexts=$((nexts + $(find run -name next.safetensors 2>/dev/null | wc -l)))
    if [ -s run/metrics.jsonl ] && [ "$(tail -c 1 run/metrics.jsonl | od -An -tx1)" != " 0a" ]; then torn=$((torn + 1)); fi
    # whole states: at least one as soon as there has been one
    if [ -n "$(find run/checkpoints -name '*.safetensors' 2>/dev/null)" ]; then
        start_training life --resume run --save-every $((RANDOM % 2 + 1))
    else
        [ ! -e saved_once ] || fail "seed $seed, kill $killed: no checkpoint is left"
        start_training life --out run --overwrite $options --save-every $((RANDOM % 2 + 1))
    fi
    # most kills fall into the training, some into the start
    if [ $((RANDOM % 5)) -gt 0 ]; then
        wait_until has_begun run "$starts" || true
    else
        during_start=$((during_start + 1))
    fi
    sleep "0.$(printf %03d $((RANDOM % 396 + 5)))"
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || code=$?
    if [ -e run/checkpoints/last.safetensors ]; then touch saved_once; fi
    fallbacks=$((fallbacks + $(grep -c "going on from" life.err || true)))
    [ $code -eq 0 ] && return 0
    [ $code -eq 137 ] || fail "seed $seed, kill $killed: exit code $code: $(cat life.err)"
    killed=$((killed + 1))
    return 1
}
while [ $killed -lt "$kills" ]; do
    rm -rf run saved_once
    until live; do
        if [ $killed -lt "$kills" ]; then continue; fi
        if [ ! -e saved_once ]; then rm -rf run && expect_ok "$HRM" train --out run $options; fi
        if [ -e saved_once ]; then expect_ok "$HRM" train --resume run --quiet; fi
        break
    done
    same_run whole run
    runs=$((runs + 1))
done
echo "seed $seed: $killed kills ($during_start timed from the start of the process) in $runs runs, each ended as the one nobody killed"
echo "found when going on: $leftovers temporary files, $nexts checkpoints not yet renamed, $torn torn last lines, $fallbacks fall-backs"
