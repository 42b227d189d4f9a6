# The folder of a run: what is in it, and that it belongs to one run and one trainer at a time.
. "$(dirname "$0")/lib.sh"
need_device
data=$TINY/data
train() { "$HRM" train --data "$data" $tiny "$@"; }

# ---- what is written
expect_ok train --out run --steps 23 --log-every 10 --eval-every 20 --eval-limit 8 --checkpoint-every 5 --keep 2 --seed 7
for file in config.json environment.json options.json; do expect_json run/$file; done
expect_json run/metrics.jsonl lines
expect_line '"seed": 7' run/config.json
expect_line '"steps": 23' run/config.json
expect_line '"hidden_size": 32' run/config.json
for name in device driver uuid vulkan features vector_width subgroup_size kernels micro_batch device_bytes revision \
    checksum command started; do
    expect_line "\"$name\": " run/environment.json
done
expect_line '"seed": 7' run/environment.json
expect_line '"log_every": 10' run/options.json
# a row for each step line: the multiples of --log-every, and the end of the run
[ "$(head -n 1 run/summary.csv | cut -d, -f1-3)" = step,seconds,loss ] || fail "summary.csv has no header"
[ "$(sed 1d run/summary.csv | cut -d, -f1 | tr '\n' ' ')" = "10 20 23 " ] || fail "summary.csv: $(cat run/summary.csv)"
[ "$(grep -c '"type":"step"' run/metrics.jsonl)" -eq 3 ] || fail "not 3 step lines"
(cd run/checkpoints && ls) >files
printf '%s\n' best.safetensors last.safetensors previous.safetensors step-15.safetensors step-20.safetensors | cmp - files ||
    fail "checkpoints: $(cat files)"
[ "$(step_of run/checkpoints/last.safetensors)" -eq 23 ] || fail "last is not of step 23"
[ "$(step_of run/checkpoints/step-20.safetensors)" -eq 20 ] || fail "step-20 is not of step 20"
# the model is that of the best test, and has no state of training
best=$(step_of run/checkpoints/best.safetensors)
[ "$(step_of run/model.safetensors)" = "$best" ] || fail "the model is not the best"
expect_line "\"type\":\"eval\",\"step\":$best,.*\"best\":true" run/metrics.jsonl
expect_ok "$HRM" inspect run/model.safetensors
expect_line "^training state +none" out
expect_ok "$HRM" inspect run/checkpoints/last.safetensors
expect_line "^training state +after step 23 of 23" out
# the table is printed and kept
expect_ok train --out table --steps 3
expect_line "^steps +3 of 3" table/table.txt
tail -n "$(wc -l <table/table.txt)" out | cmp - table/table.txt || fail "the table was not printed"

# ---- a folder with a run is refused, and taken by --overwrite, which leaves what is not a run's
find run -type f -exec md5sum {} + | grep -v run/lock | sort >before
expect_fail 1 "run holds a run of 23 steps already: .*--resume run.*--out.*--overwrite" train --out run --steps 5
find run -type f -exec md5sum {} + | grep -v run/lock | sort | cmp - before || fail "the refused folder changed"
echo mine >run/notes.txt
echo mine >run/checkpoints/mine.safetensors
echo mine >run/.mine.tmp-1
expect_ok train --out run/ --overwrite --steps 6 --quiet
[ "$(cat run/notes.txt run/checkpoints/mine.safetensors run/.mine.tmp-1)" = "$(printf 'mine\nmine\nmine')" ] || fail "files of others were touched"
[ ! -e run/checkpoints/step-20.safetensors ] && [ ! -e run/checkpoints/best.safetensors ] || fail "checkpoints of the old run are left"
[ "$(grep -c '"type":"start"' run/metrics.jsonl)" -eq 1 ] || fail "the log of the old run is left"
# a folder that holds other things only is fine
mkdir -p others/data
echo mine >others/data/file
expect_ok train --out others --steps 2 --quiet
[ "$(cat others/data/file)" = mine ] || fail "a file of others was touched"
# what cannot train leaves the old run alone
expect_fail 1 "augment" train --out run --overwrite --augment sudoku
[ "$(step_of run/checkpoints/last.safetensors)" -eq 6 ] || fail "a refused recipe removed the run"
# leftovers of a killed run go
touch run/checkpoints/.next.safetensors.tmp-1-0 run/table.txt.tmp-abcdef
expect_ok "$HRM" train --resume run --quiet
[ -z "$(find run -name '*.tmp-*' ! -name .mine.tmp-1)" ] || fail "left: $(find run -name '*.tmp-*')"

# ---- one trainer at a time
start_training first --data "$data" $tiny --out locked --steps 100000000 --log-every 1
wait_for_line '"type":"step"' locked/metrics.jsonl
expect_line "^$pid\$" locked/lock
expect_fail 1 "another 'hrm train' .process $pid. is writing to this run" train --out locked --overwrite --steps 3
expect_fail 1 "process $pid" "$HRM" train --resume locked
kill -INT "$pid"
end_of first 130
# a lock that a dead process left is no obstacle
echo 999999 >locked/lock
expect_ok "$HRM" train --resume locked --time 0.2s --quiet
echo 999999 >others/lock
expect_ok train --out others --overwrite --steps 2 --quiet

# ---- --plan trains nothing and makes nothing
expect_ok train --plan
expect_line "^model +[0-9]+ parameters" out
expect_line "^ +together .* of " out
expect_line "^time " out
expect_ok train --plan --out planned
[ ! -e planned ] || fail "--plan made a folder"
