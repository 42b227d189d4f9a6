# The PyTorch implementation's golden checkpoint, as it is, gives the results that were recorded when it was evaluated there.
. "$(dirname "$0")/lib.sh"
need_device
golden=$SOURCE/tests/golden
cp -r "$golden/checkpoint_torch" step
chmod -R u+w step

expect_ok "$HRM" eval --model step/step_1250 --data "$golden/data/sudoku" --halting fixed --segments 16 --json -o answers.jsonl
expect_json out
number() { sed -n "s/^ *\"$1\": \([-0-9.e]*\),*\$/\1/p" "$2"; }
reported() { sed -n "s/^ *\"$1\": \([-0-9.e]*\),*\$/\1/p" step/manifest.json | tail -n 1; }
agree() { # OURS REPORTED
    awk -v a="$(number "$1" out)" -v b="$(reported "$2")" 'BEGIN { exit !(a != "" && b != "" && a - b < 1e-6 && b - a < 1e-6) }' ||
        fail "$1 is $(number "$1" out), $2 was $(reported "$2")"
}
agree token_accuracy accuracy
agree exact exact_accuracy
agree mean_segments steps
agree q_halt_accuracy q_halt_accuracy
[ "$(number puzzles out)" = 5 ] || fail "not five puzzles"
expect_line '"solved": 0\.0' out

# every digit of every answer: the recorded ones are tokens, digit + 1, one byte each
recorded=step/eval.safetensors
at=$(grep -aoE '"pred":\{[^}]*"data_offsets":\[[0-9]+' $recorded | sed 's/.*\[//')
[ -n "$at" ] || fail "no recorded answers were found"
header=$(od -An -tu4 -N4 $recorded | tr -d ' ')
tail -c +$((8 + header + at + 1)) $recorded | head -c $((5 * 81)) | od -An -v -tu1 -w81 |
    awk '{ line = ""; for (i = 1; i <= NF; i++) line = line ($i == 0 ? "?" : $i == 1 ? "." : $i - 1); print line }' >expected
sed 's/.*"answer":"\([^"]*\)".*/\1/' answers.jsonl >answers
cmp expected answers || fail "other answers than those recorded"

# converted, it answers the same; solve takes it as it is
expect_ok "$HRM" convert step/step_1250 model.safetensors --seq-len 81
expect_ok "$HRM" eval --model model.safetensors --data "$golden/data/sudoku" --halting fixed --segments 16 --limit 3 -o converted.jsonl
head -n 3 answers.jsonl | cmp - converted.jsonl || fail "the converted model answers differently"
tr -d '\r' <"$golden/data/source/sudoku/test.csv" >sudoku.csv
expect_ok "$HRM" solve sudoku.csv --model step/step_1250 --halting fixed --segments 2 --json
expect_json out
[ "$(grep -c '"segments": 2' out)" -eq 5 ] || fail "not five puzzles of 2 segments"

# what neither file nor data says is asked for
mkdir away
cp step/step_1250 away
expect_fail 1 "say num_heads, h_cycles, l_cycles" "$HRM" eval --model away/step_1250 --data "$golden/data/sudoku"
expect_fail 1 "81.*100|100.*81|11.*6|6.*11" "$HRM" eval --model model.safetensors --data "$golden/data/maze"
