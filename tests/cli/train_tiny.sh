# Makes a small data set and trains a tiny model on it: what the other tests use. Checks the run's folder and log.
. "$(dirname "$0")/lib.sh"
need_device

expect_ok "$HRM" data maze --out data --unique --train 400 --test 40 --seed 3
expect_ok "$HRM" data maze --out again --unique --train 400 --test 40 --seed 3
diff -r data again || fail "the same seed gave different data"
expect_ok "$HRM" data maze --out other --unique --train 400 --test 40 --seed 4
if diff -rq data other >/dev/null; then fail "another seed gave the same data"; fi

expect_ok "$HRM" train --data data --out run $tiny --steps 25 --log-every 5 --eval-every 20 --eval-limit 16
[ -s run/model.safetensors ] || fail "no model"
[ ! -e run/log.jsonl.partial ] || fail "the partial log was left behind"
expect_json run/log.jsonl lines
expect_line '"type":"start".*"seed":0.*"hidden_size":32' run/log.jsonl
expect_line '"kernels":\{"' run/log.jsonl
expect_line '"type":"step","step":25,' run/log.jsonl
expect_line '"type":"eval","step":20,.*"puzzles":16' run/log.jsonl
expect_line '"type":"end","reason":"steps","steps":25,' run/log.jsonl
[ "$(head -n 1 run/log.jsonl | cut -c1-15)" = '{"type":"start"' ] || fail "the log does not begin with the configuration"
[ "$(tail -n 1 run/log.jsonl | cut -c1-13)" = '{"type":"end"' ] || fail "the log does not end with the summary"

# a second run into the same folder replaces both files; --time ends it early and saves
cp run/model.safetensors before
expect_ok "$HRM" train --data data --out run $tiny --steps 1000000 --time 1s --seed 9 --quiet
[ ! -s out ] || fail "--quiet printed something"
if cmp -s before run/model.safetensors; then fail "the model was not replaced"; fi
expect_line '"type":"end","reason":"time"' run/log.jsonl
cp before run/model.safetensors
