# Tuning: what it prints and remembers, that later commands use it, that damage and missing folders are survived.
. "$(dirname "$0")/lib.sh"
need_device
cache() { find "$1" -name 'select-*.txt'; }
tune() { "$HRM" tune --preset demo --batch 2 --quick --cache-dir "$WORK/$1" "${@:2}"; }

# usage
expect_fail 2 "--model and --preset" "$HRM" tune --model x --preset demo
expect_fail 2 "one of --list" "$HRM" tune --list --reset
expect_fail 2 "sudoku-demo" "$HRM" tune --preset chess
expect_fail 1 "missing.safetensors" "$HRM" tune --model missing.safetensors --cache-dir "$WORK/none"

# nothing yet
expect_ok tune one --list
expect_line "nothing is remembered" out
# a look before: every shape once, with the kernels that would be tried
expect_ok tune one --dry-run
shapes=$(grep -c '^matmul\|^attention' out)
grep '^matmul\|^attention' out | sort | uniq -d >twice
[ ! -s twice ] || fail "listed twice: $(cat twice)"
[ "$shapes" -ge 15 ] || fail "only $shapes shapes"
expect_line "^matmul_nt:128x288x96  qkv$" out
expect_line "^matmul_tn:128x96x96  o dw$" out
expect_line "^attention_bwd:2x36x[0-9]+x[0-9]+  attention backward$" out
[ "$(grep -c '^  \*' out)" -eq "$shapes" ] || fail "not one kernel per shape is used now"

expect_ok tune one
expect_line "^matmul_nt:128x288x96  qkv$" out
expect_line "^  \* [a-z_]+ +[0-9.]+ GF/s +[0-9]+ %" out
expect_line "^$shapes shapes in [0-9.]+ s" out
[ "$(grep -c '^  \*' out)" -eq "$shapes" ] || fail "not one winner per shape: $(cat out)"
if grep -q "wrong results" out; then fail "a kernel is refused: $(cat out)"; fi
file=$(cache one)
[ -s "$file" ] || fail "nothing was kept"
head -n 1 "$file" | grep -q "^hrm kernel choices, version 2$" || fail "the file begins with $(head -n 1 "$file")"
[ "$(grep -c '^choice .*:' "$file")" -eq "$shapes" ] || fail "the file does not hold $shapes shapes"

# remembered, shown, used and recorded
expect_ok tune one --list
expect_line "^matmul_nt:128x288x96 " out
expect_ok "$HRM" devices --cache-dir "$WORK/one"
expect_line "tuned for single shapes" out
expect_line "^    matmul_nt:128x288x96 +[a-z_]+ +[0-9.]+ GF/s$" out
expect_ok "$HRM" devices --json --cache-dir "$WORK/one"
expect_json out
expect_line '"problem": ?"matmul_nt:128x288x96"' out
expect_ok "$HRM" data maze --out data --unique --train 20 --test 5
expect_ok "$HRM" train --data data --out run --preset demo --batch 2 --steps 1 --quiet --cache-dir "$WORK/one"
expect_line 'matmul_nt:128x288x96' run/environment.json
expect_line '"how": ?"tuned"' run/environment.json
# a run goes on with what it was recorded with, tuned here or not
expect_ok "$HRM" train --data data --out long --preset demo --batch 2 --steps 100000 --time 0.5s --quiet --cache-dir "$WORK/one"
expect_ok "$HRM" train --resume long --time 0.5s --quiet --cache-dir "$WORK/fresh"
grep '"type":"resume"' long/metrics.jsonl >lines
expect_line '"matmul_nt:128x288x96":[^}]*"how": ?"recorded"' lines

# JSON: the same results
expect_ok tune one --json
expect_json out
[ "$(grep -c '"chosen": true' out)" -eq "$shapes" ] || fail "not one winner per shape in JSON"

# another precision is another set of keys
expect_ok tune one --dry-run --precision bf16
expect_line "^matmul_nt.bf16:128x288x96  qkv$" out
expect_line "^matmul_nt:128x6x96  lm_head$" out

# --batch 0: solving only; a model's file gives the sizes
expect_ok tune one --dry-run --batch 0
if grep -q "^matmul_tn\|^attention_bwd" out; then fail "tuned for training"; fi
expect_ok "$HRM" tune --model run/model.safetensors --batch 0 --quick --cache-dir "$WORK/two"
expect_line "^matmul_nt:64x288x96  qkv$" out

# damaged: said once, measured anew
printf 'x' | dd of="$file" bs=1 seek=40 conv=notrunc 2>/dev/null
"$HRM" tune --list --cache-dir "$WORK/one" >out 2>err || fail "exit code $?"
expect_line "damaged; measuring again" err
expect_line "nothing is remembered" out
"$HRM" devices --cache-dir "$WORK/one" >out 2>err || fail "exit code $?"
expect_ok "$HRM" devices --cache-dir "$WORK/one"

# forgotten
expect_ok tune one --reset
[ -z "$(cache one)" ] || fail "the file is still there"
expect_ok tune one --list
expect_line "nothing is remembered" out

# no folder can be made, also by root: it is measured all the same, and said that nothing is kept
"$HRM" tune --preset demo --batch 0 --runs 1 --cache-dir /proc/hrm >out 2>err || fail "exit code $?: $(cat err)"
expect_line "holds only for this process" err
expect_line "^  \* " out
# a folder that cannot be written: an error at the end
if "$HRM" tune --preset demo --batch 0 --runs 1 --cache-dir /proc/self >out 2>err; then fail "nothing was kept, and not said"; fi
expect_line "^hrm tune: what was measured is not kept: " err
expect_line "^  \* " out

# interrupted: what was measured is kept
"$HRM" tune --preset maze-hard-1k --batch 1 --cache-dir "$WORK/three" >slow.out 2>slow.err </dev/null &
pid=$!
wait_for_line '^  \* ' slow.out
kill -INT "$pid"
end_of slow 130
expect_line "^hrm tune: interrupted: tuning stopped after [0-9]+ of [0-9]+ shapes; what was measured is kept$" slow.err
kept=$(grep -c '^choice .*:' "$(cache three)")
[ "$kept" -ge 1 ] || fail "nothing was kept"
[ "$kept" -eq "$(grep -c '^  \*' slow.out)" ] || fail "$kept kept of $(grep -c '^  \*' slow.out)"
