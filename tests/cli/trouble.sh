# What goes wrong in a week of training: the folder is removed, permission is lost, the data change, numbers run away. One
# clear line each, nothing lost. (A full disk: full_disk.sh. Damaged checkpoints: resume.sh. Two trainers: run_folder.sh.)
. "$(dirname "$0")/lib.sh"
need_device
data=$TINY/data
endless="--data $data $tiny --steps 100000000 --log-every 1 --save-every 5"

# ---- the folder is moved away while training: it is made again, with the state of the run
start_training run $endless --out run
wait_for_line '"type":"save","step":10,' run/metrics.jsonl
mv run away
wait_for_line '"type":"save"' run/metrics.jsonl
kill -INT "$pid"
end_of run 130
expect_line "^hrm train: run was removed while training; it was made again" run.err
[ "$(wc -l <run.err)" -eq 2 ] || fail "not one line for it, and one for the end: $(cat run.err)"
for file in config.json environment.json options.json lock model.safetensors table.txt; do
    [ -s run/$file ] || fail "run/$file is missing"
done
cmp away/config.json run/config.json || fail "config.json is another"
expect_ok "$HRM" train --resume run --time 0.2s --quiet
# what was moved away can be continued too
expect_ok "$HRM" train --resume away --time 0.2s --quiet
# only checkpoints/ is gone
start_training again $endless --out again
wait_for_line '"type":"save","step":10,' again/metrics.jsonl
mv again/checkpoints gone
wait_until test -s again/checkpoints/last.safetensors || fail "checkpoints/ was not made again"
kill -INT "$pid"
end_of again 130
expect_line "^hrm train: again/checkpoints was removed while training; it was made again" again.err
# it cannot be made again
start_training lost $endless --out lost
wait_for_line '"type":"save","step":10,' lost/metrics.jsonl
mv lost found && echo "in the way" >lost
wait_for_line "lost/metrics.jsonl cannot be written: .*; training goes on" lost.err
kill -INT "$pid"
end_of lost 1
expect_line "^hrm train: step [0-9]+ could not be saved: lost: the folder is gone" lost.err
[ "$(cat lost)" = "in the way" ] || fail "the file in the way was touched"
[ "$(wc -l <lost.err)" -le 8 ] || fail "it says so again and again: $(wc -l <lost.err) lines"
expect_ok "$HRM" train --resume found --time 0.2s --quiet

# ---- permission is lost (root has it always)
if [ "$(id -u)" -ne 0 ]; then
    start_training barred $endless --out barred
    wait_for_line '"type":"save","step":10,' barred/metrics.jsonl
    chmod a-w barred barred/checkpoints
    wait_for_line "^hrm train: step [0-9]+ could not be saved: .*Permission denied; the checkpoint of step [0-9]+ stays" barred.err
    chmod u+w barred barred/checkpoints
    saves=$(grep -c '"type":"save"' barred/metrics.jsonl)
    more_saves() { [ "$(grep -c '"type":"save"' barred/metrics.jsonl)" -gt "$saves" ]; }
    wait_until more_saves || fail "it was not tried again"
    kill -INT "$pid"
    end_of barred 130
fi

# ---- the data set changes under a resume
cp -r "$data" changing
expect_ok "$HRM" train --data changing --out old $tiny --steps 100000 --time 0.3s --quiet
find old -type f -exec md5sum {} + | grep -v old/lock | sort >before
rm -r changing
expect_ok "$HRM" data maze --out changing --unique --train 400 --test 40 --seed 4 --quiet
expect_fail 1 "old/checkpoints/last.safetensors: the run was trained on other data" "$HRM" train --resume old
expect_fail 1 "old/checkpoints/last.safetensors: the run was trained on other data" "$HRM" train --resume old --data "$TINY/other"
find old -type f -exec md5sum {} + | grep -v old/lock | sort | cmp - before || fail "the run changed"
rm -r changing
expect_fail 1 "changing" "$HRM" train --resume old
expect_ok "$HRM" train --resume old --data "$data" --time 0.2s --quiet

# ---- numbers run away: the state before stays the newest
expect_fail 1 "step [0-9]+.*; wild/checkpoints/last.safetensors is whole, of step [0-9]+\. .*start anew with a lower --lr" \
    "$HRM" train --data "$data" --out wild $tiny --steps 2000 --lr 10 --weight-decay 1000 --warmup 0 --save-every 1
expect_ok "$HRM" inspect wild/checkpoints/last.safetensors
expect_ok "$HRM" convert wild/checkpoints/last.safetensors wild.safetensors --type f32
expect_json wild/metrics.jsonl lines
[ ! -e wild/model.safetensors ] || fail "a model was made of it"
