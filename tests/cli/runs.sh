# Training runs in a table and as JSON: finished, stopped, broken off, running, damaged ones. Needs no device.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/run_maker.sh"

make_run all/first 200 200 1e-4
make_run all/deep/er/second 400 150 2e-4
make_run all/deep/stopped 400 300 2e-4
make_run all/far/too/deep/down 100 100 1e-4
mkdir -p all/not_a_run all/.hidden all/first/below
cp all/first/metrics.jsonl all/.hidden
cp all/first/metrics.jsonl all/first/below
for reason in interrupted time patience learnt; do
    make_run "all/ends/$reason" 100 50 1e-4
    echo "{\"type\":\"end\",\"reason\":\"$reason\",\"step\":50,\"seconds\":5}" >>"all/ends/$reason/metrics.jsonl"
done

expect_ok "$HRM" runs all
head -n 1 out | grep -Eq "^run +model +state +steps +best exact +at step +loss +time +ms/step +device$" || fail "the heading is $(head -n 1 out)"
expect_line "^first +613k +finished +200/200 +79\.[0-9]+% +200 +[0-9.]+ +3m20s +10[12] +A device$" out
expect_line "^deep/er/second +613k +broken off +150/400 +.* 15s +100 +A device$" out
expect_line "^ends/interrupted .* stopped +50/100 " out
expect_line "^ends/time .* time up " out
expect_line "^ends/patience .* no better " out
expect_line "^ends/learnt .* learnt " out
[ "$(wc -l <out)" -eq 8 ] || fail "not a heading and seven runs"
[ "$(awk '{ print $1 }' out | tail -n +2)" = "$(awk '{ print $1 }' out | tail -n +2 | sort)" ] || fail "not by name"
expect_ok "$HRM" runs all/ # a slash at the end changes nothing
expect_line "^deep/er/second " out
expect_ok "$HRM" runs all/first # a run itself
expect_line "^first .* finished " out
(cd all/first && expect_ok "$HRM" runs . && expect_line "^\. .* finished " out)

# orders; equal runs by name
expect_first() { # ORDER NAME
    expect_ok "$HRM" runs all --sort "$1"
    [ "$(awk 'NR == 2 { print $1 }' out)" = "$2" ] || fail "by $1 the first is not $2: $(cat out)"
}
expect_first best deep/stopped
expect_first step deep/stopped
expect_first time first
expect_first state first
for order in name loss pace; do expect_ok "$HRM" runs all --sort $order; done

# a narrow terminal: columns are left out, the names stay
if command -v script >/dev/null && script -qec true /dev/null >/dev/null 2>&1; then
    script -qec "stty cols 70; '$HRM' runs all" /dev/null </dev/null | tr -d '\r' >narrow
    awk 'length > 70 { exit 1 }' narrow || fail "the table is too wide for the terminal: $(cat narrow)"
    expect_line "^deep/er/second +broken off +150/400 " narrow
fi

# JSON
expect_ok "$HRM" runs all --json
expect_json out
[ "$(grep -c '"folder": "all/' out)" -eq 7 ] || fail "not seven runs in the JSON"
expect_line '"best_step": 200' out
expect_line '"parameters": 612345' out

# while a process holds the lock, a run is running, whatever its log says; when that is gone, it is not
: >all/first/lock
: >all/deep/er/second/lock
if command -v flock >/dev/null; then
    flock all/first/lock "$HRM" runs all >out
    expect_line "^first .* running +200/200 " out
    expect_line "^deep/er/second .* broken off " out
fi
expect_ok "$HRM" runs all
expect_line "^first .* finished " out

# runs that say little
mkdir -p odd/empty odd/bare odd/nulls
: >odd/empty/metrics.jsonl
echo '{"type":"step","step":7}' >odd/bare/metrics.jsonl
echo '{"type":"step","step":7,"loss":null,"seconds":null}' >odd/nulls/metrics.jsonl
printf '{"model": 3, "steps": "many"}' >odd/nulls/config.json
printf '[]' >odd/bare/config.json
"$HRM" runs odd >out 2>err || fail "odd runs stopped the list"
grep -q "odd/bare/config.json: no JSON object" err || fail "the odd config.json was not named"
expect_line "^empty +- +broken off +- +- +- +- +- +- +-$" out
expect_line "^bare +- +broken off +7 +- " out
expect_line "^nulls +- +broken off +7 +- " out
"$HRM" runs odd --json >out 2>err || fail "odd runs stopped the JSON"
expect_json out

# names and numbers of any kind
mkdir -p "wild/$(printf 'x\377y\n')"
echo '{"type":"step","step":1e300,"loss":-1e300,"seconds":1e299}' >"wild/$(printf 'x\377y\n')/metrics.jsonl"
expect_ok "$HRM" runs wild
[ "$(wc -l <out)" -eq 2 ] || fail "a name broke the table"
expect_ok "$HRM" runs wild --json
expect_json out
expect_line '"run": "x\?y' out

# a damaged line is one warning and counted
sed -i '4s/.*/oops/' all/first/metrics.jsonl
"$HRM" runs all --json >out 2>err || fail "a damaged run stopped the list"
[ "$(wc -l <err)" -eq 1 ] || fail "not one warning: $(cat err)"
grep -q "^hrm runs: all/first/metrics.jsonl, line 4: .*the line is left out" err || fail "the warning is: $(cat err)"
expect_line '"damaged_lines": 1' out

expect_fail 1 "missing: No such file" "$HRM" runs missing
expect_fail 1 "run_maker.sh: Not a directory" "$HRM" runs "$SOURCE/tests/cli/run_maker.sh"
mkdir nothing
expect_fail 1 "nothing: no training run in it" "$HRM" runs nothing
expect_fail 2 "sort: 'size' is not one of name, best" "$HRM" runs all --sort size
expect_fail 2 "DIR is missing" "$HRM" runs
expect_ok "$HRM" help runs
expect_line "^usage: hrm runs" out
