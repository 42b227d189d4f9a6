# Solving from files and standard input; pictures, text and JSON; small and large mazes.
. "$(dirname "$0")/lib.sh"
need_device
model=$TINY/run/model.safetensors
mazes=$SOURCE/samples/mazes

expect_ok "$HRM" solve "$mazes/one.txt" --model "$model" -o one.png
[ "$(wc -l <out)" -eq 7 ] || fail "not 6 rows and a line"
expect_line "^[0-9]+ segments?, stopped (by itself|at the limit); " out
expect_picture png one.png
cp out from_file
"$HRM" solve - --model "$model" <"$mazes/one.txt" >out 2>err || fail "standard input was refused"
cmp out from_file || fail "standard input is solved differently"

# several: each gets its line, its place in the JSON and its numbered picture; neighbours do not matter
expect_ok "$HRM" solve "$mazes/six.txt" --model "$model" -o six.gif --halting fixed --segments 3
[ "$(grep -c '^3 segments, stopped' out)" -eq 6 ] || fail "not six mazes of 3 segments"
[ "$(grep -c 'path in the text$' out)" -eq 6 ] || fail "the paths in the text were not compared"
for i in 1 2 3 4 5 6; do expect_picture gif "six-$i.gif"; done
cp out together
expect_ok "$HRM" solve "$mazes/six.txt" --model "$model" --halting fixed --segments 3 --batch 1
cmp out together || fail "answers depend on the neighbours in the batch"
expect_ok "$HRM" solve "$mazes/six.txt" --model "$model" --json
expect_json out
[ "$(grep -c '"segments"' out)" -eq 6 ] || fail "not six mazes in the JSON"
expect_ok "$HRM" solve "$mazes/one.txt" --model "$model" --segments 2 -o answer.txt
[ "$(wc -l <answer.txt)" -eq 6 ] || fail "the text has not 6 rows"

# smaller than the model's grid: padded; larger: refused by name
expect_ok "$HRM" solve "$mazes/small.txt" --model "$model"
[ "$(wc -l <out)" -eq 5 ] || fail "not 4 rows and a line"
expect_fail 1 "large.txt.*12x9.*6x6" "$HRM" solve "$mazes/large.txt" --model "$model" -o large.png
{ cat "$mazes/one.txt"; echo; cat "$mazes/large.txt"; } >mixed.txt
expect_fail 1 "mixed.txt: maze 2 of 2.*12x9" "$HRM" solve mixed.txt --model "$model" -o large.png
[ ! -e large.png ] || fail "a picture was made"

# the public API alone does the same, with the vectors the command chooses (they decide how sums round)
width=$("$HRM" devices --list | sed -n 's/^lavapipe vector width: \([0-9]*\) bits.*/\1/p')
if [ -n "$width" ]; then export LP_NATIVE_VECTOR_WIDTH=$width MESA_SHADER_CACHE_DIR=$XDG_CACHE_HOME/hrm/mesa-$width; fi
expect_ok "$SAMPLE_SOLVE_MAZE" "$model" "$mazes/one.txt" sample.png
expect_picture png sample.png
head -n 6 from_file >rows
head -n 6 out | cmp - rows || fail "the sample's answer differs from the command's"
if "$SAMPLE_SOLVE_MAZE" missing "$mazes/one.txt" x.png >out 2>err; then fail "the sample took a missing model"; fi
[ "$(wc -l <err)" -eq 1 ] || fail "the sample did not say one line"
