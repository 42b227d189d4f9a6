# Wrong usage: one clear line, exit code 2, nothing made. Needs no device.
. "$(dirname "$0")/lib.sh"

expect_fail 2 "unknown command 'tarin'; did you mean 'train'" "$HRM" tarin
expect_fail 2 "unknown command 'frobnicate'" "$HRM" frobnicate
expect_fail 2 "unknown command 'frobnicate'" "$HRM" help frobnicate
expect_fail 2 "unknown option '--devce'; did you mean '--device'" "$HRM" --devce 1 devices
expect_fail 2 "unknown option '--btach'; did you mean '--batch'" "$HRM" train --btach 3
expect_fail 2 "unknown option '--zzz'" "$HRM" train --zzz
expect_fail 2 "unknown option '-x'" "$HRM" train -x
expect_fail 2 "batch: '-3' is out of range; it must be 1 to 65535" "$HRM" train --data d --out made --batch -3
expect_fail 2 "batch: '0' is out of range" "$HRM" train --data d --out made --batch 0
expect_fail 2 "batch: '99999999999999999999' is out of range" "$HRM" train --data d --out made --batch 99999999999999999999
expect_fail 2 "batch: '4.5' is not a whole number" "$HRM" train --data d --out made --batch 4.5
expect_fail 2 "batch: '' is not a whole number" "$HRM" train --data d --out made --batch ""
expect_fail 2 "batch needs a value" "$HRM" train --batch
expect_fail 2 "batch needs a value" "$HRM" train --batch --lr 3
expect_fail 2 "lr: 'fast' is not a number" "$HRM" train --data d --out made --lr fast
expect_fail 2 "lr: 'nan' is not a number" "$HRM" train --data d --out made --lr nan
expect_fail 2 "lr: '1e99' is out of range" "$HRM" train --data d --out made --lr=1e99
expect_fail 2 "seed: '-1' is out of range" "$HRM" train --data d --out made --seed -1
expect_fail 2 "time: '5x' is not a time" "$HRM" train --data d --out made --time 5x
expect_fail 2 "positions: 'here' is not one of rope, learned, both" "$HRM" train --data d --out made --positions here
expect_fail 2 "preset: 'demmo' is not one of" "$HRM" train --data d --out made --preset demmo
expect_fail 2 "explore-once takes no value" "$HRM" train --data d --out made --no-explore-once=1
expect_fail 2 "augment: 'mirror' is not one of none, dihedral, sudoku" "$HRM" train --data d --out made --augment mirror
expect_fail 2 "keeps the recipe of the run" "$HRM" train --data d --out made --resume f --lr 0.1
expect_fail 2 "data DIR is missing" "$HRM" train --out made
expect_fail 2 "out RUN is missing" "$HRM" train --data d
expect_fail 2 "'z' was not expected here" "$HRM" train --data d --out made z
expect_fail 2 "FILE is missing" "$HRM" solve --model m
expect_fail 2 "does not end in .png, .gif or .txt" "$HRM" solve a --model m -o made.bmp
expect_fail 2 "does not end in .png" "$HRM" render a -o made.gif
expect_fail 2 "sweep: '1,a' is not a list" "$HRM" eval --model m --data d --sweep 1,a
expect_fail 2 "sweep: '0,1' is out of range" "$HRM" eval --model m --data d --sweep 0,1
expect_fail 2 "which kind of puzzle" "$HRM" data
expect_fail 2 "belong to making puzzles" "$HRM" data sudoku --out made --csv f --level hard
expect_fail 2 "belong to making puzzles" "$HRM" data maze --out made --test-csv f --size 9
expect_fail 2 "belong to --csv" "$HRM" data sudoku --out made --num-aug 3
expect_fail 2 "did you mean 'maze'" "$HRM" data maz
expect_fail 2 "walls: '2' is out of range" "$HRM" data maze --out made --walls 2
expect_fail 2 "no benchmark 'kernles'" "$HRM" bench kernles
[ ! -e made ] || fail "something was made"

# a line stays one line, whatever a file is called
expect_fail 1 "cannot open" "$HRM" render "$(printf 'a\nb')" -o made.png

expect_ok "$HRM"
expect_line "^usage: hrm COMMAND" out
expect_ok "$HRM" --version
expect_line "^hrm [0-9]+\.[0-9]+\.[0-9]+$" out
expect_line "^built from     [A-Za-z0-9._+~-]+$" out
for command in devices data train eval solve render tune bench; do
    expect_ok "$HRM" help $command
    expect_line "^usage: hrm $command" out
    cp out help
    expect_ok "$HRM" $command --help
    cmp out help || fail "two ways to the help of $command differ"
    if awk 'length > 100 { exit 1 }' out; then :; else fail "a line of the help of $command is longer than 100 columns"; fi
done
# the help shows the values that apply
expect_ok "$HRM" train --help --preset sudoku-extreme-1k
expect_line "batch N .*\[768\]" out
expect_ok "$HRM" train --batch 33 --help
expect_line "batch N .*\[33\]" out
