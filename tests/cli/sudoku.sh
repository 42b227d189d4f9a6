# Sudoku from data to answers: train a tiny model on 4 x 4 boards, measure it, solve text of every kind, draw.
. "$(dirname "$0")/lib.sh"
need_device

# what a data set holds is told by more than its numbers: boards of side 4 have as many kinds of tokens as mazes
expect_ok "$HRM" data sudoku --side 4 --train 20 --test 1 --seed 4 --out few --quiet # each test puzzle has one 2 and one 3
expect_ok "$HRM" data info few --split test
expect_line "^test: Sudoku$" out
expect_ok "$HRM" data maze --size 4 --min-path 3 --train 20 --test 4 --out mazes --quiet
expect_ok "$HRM" data info mazes
expect_line "^train: mazes$" out
expect_fail 1 "augment .sudoku. needs boards of Sudoku" "$HRM" train --data mazes --out never $tiny --augment sudoku --steps 2
expect_ok "$HRM" data sudoku --side 6 --train 20 --test 4 --out oblong --quiet
expect_fail 1 "turns boxes of 3 x 2 cells into 2 x 3" "$HRM" train --data oblong --out never $tiny --augment dihedral --steps 2
[ ! -e never/model.safetensors ] || fail "a model was made"
boards=$SOURCE/samples/sudoku

expect_ok "$HRM" data sudoku --out data --side 4 --train 60 --test 20 --seed 3
expect_ok "$HRM" train --preset sudoku-demo --data data --out run $tiny --steps 60 --eval-every 60
expect_line "^step 60: [0-9.]+ % of 20 unseen puzzles right" out
expect_line '"augment":"sudoku"' run/metrics.jsonl
expect_line '"vocab_size":6,"seq_len":16,.*"grid_width":4' run/metrics.jsonl
model=run/model.safetensors
# batches as in the reference, without copies; where Sudoku's copies make no sense they are refused
expect_ok "$HRM" train --preset sudoku-demo --data data --out reference $tiny --steps 12 \
    --batches reference --epochs-per-pass 3 --augment none
expect_line '"augment":"none","batches":"reference"' reference/metrics.jsonl
if cmp -s $model reference/model.safetensors; then fail "--batches and --augment change nothing"; fi
expect_fail 1 "less than one batch of 64" "$HRM" train --preset sudoku-demo --data data --out never $tiny --steps 5 \
    --batches reference --epochs-per-pass 1 --batch 64
expect_fail 1 "augment .sudoku. needs boards of Sudoku" "$HRM" train --data "$TINY/data" --out never $tiny --steps 5 --augment sudoku
[ ! -e never/model.safetensors ] || fail "a model was made"

# ---- eval
expect_ok "$HRM" eval --model $model --data data --sweep 1,2
expect_line "^halting .* solved +givens +broken " out
[ "$(grep -c '^fixed ' out)" -eq 2 ] || fail "not two rows of the sweep"
expect_line "^adaptive +4 " out
expect_ok "$HRM" eval --model $model --data data --json --limit 10 -o answers.jsonl
expect_json out
for name in task solved givens_kept mean_violations exact_interval q_halt_accuracy; do expect_line "\"$name\": " out; done
expect_json answers.jsonl lines
[ "$(grep -cE '"puzzle":"[.1-4]{16}","answer":"[.?1-4]{16}",.*"violations":[0-9]+' answers.jsonl)" -eq 10 ] ||
    fail "not ten answers"
expect_fail 1 "the model takes 16 tokens .* the data set has 36" "$HRM" eval --model $model --data "$TINY/data"

# ---- solve: a grid, a line, CSV, standard input
expect_ok "$HRM" solve "$boards/small.txt" --model $model --halting fixed --segments 2
[ "$(grep -c '^2 segments, stopped' out)" -eq 3 ] || fail "not three boards of 2 segments"
[ "$(grep -cE '^[.?1-4]{4}$' out)" -eq 12 ] || fail "not twelve rows"
expect_line "^2 segments, stopped at the limit; ([0-9]+ rules? broken|solved|[0-9]+ (givens?|cells?))" out
cp out from_file
"$HRM" solve - --model $model --halting fixed --segments 2 <"$boards/small.txt" >out 2>err ||
    fail "standard input was refused: $(cat err)"
cmp out from_file || fail "standard input is solved differently"
expect_ok "$HRM" solve "$boards/small.txt" --model $model --halting fixed --segments 2 --batch 1
cmp out from_file || fail "answers depend on the neighbours in the batch"
# the same three as lines, with zeros for blanks, and as Windows leaves it
printf '\357\273\2770040020034020000\r\n0032020100040010\r\n1320003000004200\r\n' >lines.txt
expect_ok "$HRM" solve lines.txt --model $model --halting fixed --segments 2
cmp out from_file || fail "lines are solved differently than grids"
expect_ok "$HRM" solve "$boards/small.csv" --model $model
[ "$(grep -cE '; (not|exactly) the answer in the text$' out)" -eq 2 ] || fail "the answers in the text were not compared"
expect_ok "$HRM" solve "$boards/small.csv" --model $model --json
expect_json out
for pattern in '"kind": "sudoku"' '"valid": (true|false)' '"exact": (true|false)' '"violations": \[' '"changed_givens": [0-9]+' \
    '"blanks": [0-9]+'; do
    [ "$(grep -cE "$pattern" out)" -eq 2 ] || fail "not two of $pattern in the JSON"
done

# ---- pictures and text
expect_ok "$HRM" solve "$boards/small.txt" --model $model -o board.png
expect_ok "$HRM" solve "$boards/small.txt" --model $model -o board.gif --halting fixed --segments 3
for i in 1 2 3; do
    expect_picture png board-$i.png
    expect_picture gif board-$i.gif
done
expect_ok "$HRM" solve "$boards/small.txt" --model $model -o answers.txt
[ "$(grep -cE '^[.?1-4]{4}$' answers.txt)" -eq 12 ] || fail "the text has not twelve rows"
expect_ok "$HRM" render "$boards/one.txt" -o one.png --title "an easy one"
expect_picture png one.png
expect_ok "$HRM" render "$boards/levels.txt" -o level.png
for i in 1 2 3; do expect_picture png level-$i.png; done
expect_ok "$HRM" render "$boards/small.csv" -o small.png
expect_picture png small-2.png
sed -n 's/^made,\([^,]*\),\([^,]*\),.*/\1/p' "$boards/small.csv" >questions.txt
sed -n 's/^made,\([^,]*\),\([^,]*\),.*/\2/p' "$boards/small.csv" >right.txt
expect_ok "$HRM" render questions.txt --answer right.txt -o compared.png
expect_picture png compared-1.png
if cmp -s compared-1.png small-1.png; then fail "the answer is not in the picture"; fi
head -n 1 right.txt >fewer.txt
expect_fail 1 "fewer.txt: there are 1 answers for 2 puzzles" "$HRM" render questions.txt --answer fewer.txt -o never.png
expect_fail 1 "Sudoku 1 is 4 x 4 cells, the one to draw is 9 x 9" "$HRM" render "$boards/one.txt" --answer fewer.txt -o never.png

# ---- what does not fit: sides, kinds, characters
expect_fail 1 "one.txt: Sudoku 1 of 1 has 9 x 9 cells, but the model solves 4 x 4" \
    "$HRM" solve "$boards/one.txt" --model $model -o never.png
expect_fail 1 "6x6 cells, larger than the grid of 4x4" "$HRM" solve "$SOURCE/samples/mazes/one.txt" --model $model -o never.png
expect_fail 1 "is not a model for the Sudokus in .*small.txt: it takes 36 tokens of 6 kinds, a board of 4 x 4 has 16" "$HRM" solve "$boards/small.txt" --model "$TINY/run/model.safetensors" -o never.png
# auto takes a board without a digit for a maze; --kind says otherwise
printf '................\n' >blank.txt
expect_fail 1 "blank.txt.*no start" "$HRM" solve blank.txt --model $model
expect_ok "$HRM" solve blank.txt --model $model --kind sudoku
expect_ok "$HRM" render blank.txt --kind sudoku -o blank.png
expect_fail 1 "blank.txt.*no start" "$HRM" render blank.txt --kind maze -o never.png
expect_fail 2 "kind: 'chess' is not one of auto, maze, sudoku" "$HRM" render blank.txt --kind chess -o never.png
refuse() { # PATTERN, the text on standard input
    cat >bad.txt
    expect_fail 1 "$1" "$HRM" solve bad.txt --model $model --kind sudoku -o never.png
    expect_fail 1 "$1" "$HRM" render bad.txt --kind sudoku -o never.png
}
printf '..4.\n.2..\n34x2\n....\n' | refuse "bad.txt:3:3: unknown character 'x'"
printf '..4.\n.2..\n34.5\n....\n' | refuse "bad.txt:3:4: digit 5 in a Sudoku of side 4"
printf '..4.\n.2..\n34.2\n' | refuse "bad.txt:[34]:1: the Sudoku from line 1 ends after 3 rows of 4"
printf '..4.\n.2...\n' | refuse "bad.txt:2:[0-9]+: the row has 5 cells"
printf '..4.\n.2..\n34.2\n....\n....\n' | refuse "bad.txt:5:1: row 5 of a Sudoku of side 4"
printf '123\n' | refuse "bad.txt:1:[0-9]+: the line has 3 cells"
printf 'q,a\n..4..2..34.2....,1243421334212134\nx' | refuse "bad.txt:3:"
printf 'q,a\n..4..2..34.2....,124342133421213.\n' | refuse "bad.txt:2:[0-9]+: the answer has a blank"
printf 'puzzle\n..4..2..34.2...\n' | refuse "bad.txt:2:[0-9]+: the question has 15 cells"
printf 'b,a\n1,2\n' | refuse "bad.txt:1:1: no column is named q"
printf '# nothing\n' | refuse "bad.txt:1:1: no Sudoku found"
[ ! -e never.png ] || fail "a picture was made"

# ---- the public API alone does the same, with the vectors the command chooses (they decide how sums round)
width=$("$HRM" devices --list | sed -n 's/^lavapipe vector width: \([0-9]*\) bits.*/\1/p')
if [ -n "$width" ]; then export LP_NATIVE_VECTOR_WIDTH=$width MESA_SHADER_CACHE_DIR=$XDG_CACHE_HOME/hrm/mesa-$width; fi
expect_ok "$HRM" solve "$boards/small.txt" --model $model
head -n 4 out >rows
expect_ok "$SAMPLE_SOLVE_SUDOKU" $model "$boards/small.txt" sample.png
expect_picture png sample.png
head -n 4 out | cmp - rows || fail "the sample's answer differs from the command's"
expect_line "^[0-9]+ segments; (not )?solved$" out
for wrong in "missing $boards/small.txt" "$model missing" "$model $boards/one.txt" \
    "$TINY/run/model.safetensors $boards/small.txt"; do
    if "$SAMPLE_SOLVE_SUDOKU" $wrong x.png >out 2>err; then fail "the sample took $wrong"; fi
    [ "$(wc -l <err)" -eq 1 ] || fail "the sample did not say one line: $(cat err)"
done
