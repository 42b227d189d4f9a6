# Makes a small data set and trains a tiny model on it: what the other tests use. Checks the run's log.
. "$(dirname "$0")/lib.sh"
need_device

expect_ok "$HRM" data maze --out data --unique --train 400 --test 40 --seed 3
expect_ok "$HRM" data maze --out again --unique --train 400 --test 40 --seed 3
diff -r data again || fail "the same seed gave different data"
expect_ok "$HRM" data maze --out other --unique --train 400 --test 40 --seed 4
if diff -rq data other >/dev/null; then fail "another seed gave the same data"; fi

expect_ok "$HRM" train --data data --out run $tiny --steps 25 --log-every 5 --eval-every 20 --eval-limit 16
[ -s run/model.safetensors ] || fail "no model"
expect_json run/metrics.jsonl lines
expect_line '"type":"start".*"hidden_size":32' run/metrics.jsonl
expect_line '"type":"start".*"seed":0' run/metrics.jsonl
expect_line '"kernels":\{"' run/metrics.jsonl
expect_line '"type":"step","step":25,' run/metrics.jsonl
expect_line '"type":"eval","step":20,.*"puzzles":16' run/metrics.jsonl
expect_line '"type":"eval","step":25,.*"best":(true|false)' run/metrics.jsonl
expect_line '"type":"save","step":25,.*"file":"checkpoints/last.safetensors"' run/metrics.jsonl
expect_line '"type":"end","reason":"steps","step":25,' run/metrics.jsonl
[ "$(head -n 1 run/metrics.jsonl | cut -c1-15)" = '{"type":"start"' ] || fail "the log does not begin with the configuration"
[ "$(tail -n 1 run/metrics.jsonl | cut -c1-13)" = '{"type":"end"' ] || fail "the log does not end with the summary"

# --time ends a run early and saves; --quiet says nothing
expect_ok "$HRM" train --data data --out short $tiny --steps 1000000 --time 1s --seed 9 --quiet
[ ! -s out ] || fail "--quiet printed something"
expect_line '"type":"end","reason":"time"' short/metrics.jsonl
if cmp -s short/model.safetensors run/model.safetensors; then fail "another seed gave the same model"; fi
