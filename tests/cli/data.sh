# Data sets that are made, built from CSV files and described. Needs no device.
. "$(dirname "$0")/lib.sh"
golden=$SOURCE/tests/golden/data
source=$golden/source

same() { diff -r "$1" "$2" || fail "$3"; }
differ() { if diff -rq "$1" "$2" >/dev/null; then fail "$3"; fi; }
# info FOLDER KEY VALUE...: what --json says about both splits, in the order of the splits
info() {
    local folder=$1 key
    shift
    expect_ok "$HRM" data info "$folder" --json
    expect_json out
    while [ $# -gt 0 ]; do
        key=$(sed -n "s/^ *\"$1\": \(.*[^,]\),*\$/\1/p" out | tr '\n' ' ')
        [ "$key" = "$2 " ] || fail "$folder: $1 is $key, not $2"
        shift 2
    done
}

# ---- mazes: presets and styles, not square, the same for any number of threads
for preset in hard unique perfect; do
    expect_ok "$HRM" data maze --out "$preset" --preset "$preset" --train 2 --test 1
    expect_line "^$preset: 2 mazes to train on and 1 to test with, 30 x 30 cells" out
    info "$preset" kind '"mazes" "mazes"' examples '2 1' seq_len '900 900' vocab_size '6 6'
done
for style in random perfect repaired uniform; do
    make="--style $style --width 9 --height 6 --train 20 --test 5 --seed 3"
    expect_ok "$HRM" data maze --out "$style" $make --threads 1
    expect_ok "$HRM" data maze --out "$style-again" $make --threads 4
    same "$style" "$style-again" "$style: other mazes from 4 threads than from 1"
    info "$style" kind '"mazes" "mazes"' grid_width '9 9' grid_height '6 6' groups '20 5'
done
expect_fail 1 "perfect mazes of 3x3 cells hold at most 6 moves" "$HRM" data maze --out never --size 3 --min-path 8 --style perfect
expect_fail 2 "size means nothing beside" "$HRM" data maze --out never --size 3 --width 4 --height 4
[ ! -e never ] || fail "an impossible data set left something behind"

# ---- Sudoku: sides and levels
for made in "4 easy" "6 easy" "6 medium" "8 hard" "9 easy" "9 medium" "9 hard"; do
    side=${made% *} level=${made#* }
    make="--side $side --level $level --train 8 --test 4 --seed 3"
    expect_ok "$HRM" data sudoku --out "$side-$level" $make --threads 1
    expect_ok "$HRM" data sudoku --out "$side-$level-again" $make --threads 4
    same "$side-$level" "$side-$level-again" "$made: other puzzles from 4 threads than from 1"
    info "$side-$level" kind '"Sudoku" "Sudoku"' seq_len "$((side * side)) $((side * side))" \
        vocab_size "$((side + 2)) $((side + 2))" examples '8 4'
done
expect_ok "$HRM" data sudoku --out other --side 9 --train 8 --test 4 --seed 4
differ 9-easy other "another seed gave the same puzzles"
# the checksum: that of the data, in text and JSON, whatever the folder is called
checksums() { "$HRM" data info "$1" | sed -n 's/^  checksum     \([0-9a-f]\{16\}\)$/\1/p' | tr '\n' ' '; }
set -- $(checksums 9-easy)
[ $# -eq 2 ] && [ "$1" != "$2" ] || fail "checksums of two splits are: $*"
info 9-easy-again checksum "\"$1\" \"$2\""
[ "$(checksums other)" != "$1 $2 " ] || fail "other puzzles have the same checksum"
expect_ok "$HRM" data sudoku --out full --side 4 --train 4 --test 2 --min-givens 12 --max-givens 12
expect_fail 1 "singles solve every one" "$HRM" data sudoku --out never --side 4 --level medium
expect_fail 1 "side 5.*4, 6, 8 and 9" "$HRM" data sudoku --out never --side 5
expect_fail 1 "too few different ones" "$HRM" data sudoku --out never --side 4 --train 5000 --test 5000
expect_fail 1 "the numbers must rise" "$HRM" data sudoku --out never --min-givens 40 --max-givens 30
expect_fail 2 "belong to --csv" "$HRM" data sudoku --out never --num-aug 3
expect_fail 2 "belong to --csv" "$HRM" data maze --out never --symmetries
[ ! -e never ] || fail "an impossible data set left something behind"

# ---- from CSV files: the bytes of the reference's scripts where those draw nothing at random
expect_ok "$HRM" data maze --out maze --csv "$source/maze/train.csv" --test-csv "$source/maze/test.csv" --symmetries
expect_line "^maze: 64 puzzles in 8 groups to train on, 5 to test with, 10 x 10 cells, from 13 rows" out
same maze "$golden/maze" "mazes: not the reference's bytes"
expect_ok "$HRM" data maze --out maze30 --csv "$source/maze30/train.csv" --test-csv "$source/maze30/test.csv"
same maze30 "$golden/maze30" "large mazes: not the reference's bytes"
sudoku="--csv $source/sudoku/train.csv --test-csv $source/sudoku/test.csv"
expect_ok "$HRM" data sudoku --out sudoku $sudoku --num-aug 3 --threads 1
same sudoku/test "$golden/sudoku/test" "Sudoku: not the reference's bytes"
same sudoku/identifiers.json "$golden/sudoku/identifiers.json" "Sudoku: other identifiers"
for array in puzzle_identifiers puzzle_indices group_indices; do
    cmp "sudoku/train/all__$array.npy" "$golden/sudoku/train/all__$array.npy" || fail "Sudoku: another $array"
done
cmp sudoku/train/dataset.json "$golden/sudoku/train/dataset.json" || fail "Sudoku: another dataset.json"

# copies and subsamples come from the seed, whatever the number of threads
expect_ok "$HRM" data sudoku --out again $sudoku --num-aug 3 --threads 4
same sudoku again "other copies from 4 threads than from 1"
expect_ok "$HRM" data sudoku --out seed1 $sudoku --num-aug 3 --seed 1
differ sudoku/train seed1/train "another seed gave the same copies"
same sudoku/test seed1/test "the test split has copies"
expect_ok "$HRM" data sudoku --out five $sudoku --subsample 5 --quiet
[ ! -s out ] || fail "--quiet printed something"
info five examples '5 5' groups '5 5'
expect_ok "$HRM" data sudoku --out five1 $sudoku --subsample 5 --seed 1
differ five/train five1/train "another seed chose the same puzzles"
expect_ok "$HRM" data sudoku --out hard12 $sudoku --min-difficulty 48
info hard12 examples '6 2'

# one split at a time; what editors make of a file changes nothing
expect_ok "$HRM" data sudoku --out apart --csv "$source/sudoku/train.csv"
[ ! -e apart/test ] || fail "a test split was made from nothing"
{ printf '\357\273\277' && tr -d '\r' <"$source/sudoku/test.csv" | sed 's/$/\r/' && echo; } >windows.csv
expect_ok "$HRM" data sudoku --out apart --test-csv windows.csv
same apart/test "$golden/sudoku/test" "a byte order mark, CR LF or an empty line changed the result"
tr -d '\r' <"$source/sudoku/test.csv" | sed 's/,/","/g; s/^/"/; s/$/"/' >quoted.csv
expect_ok "$HRM" data sudoku --out apart --test-csv quoted.csv
same apart/test "$golden/sudoku/test" "quotes changed the result"
tr -d '\r' <"$source/sudoku/test.csv" | awk -F, '{ print $3 "," $2 }' >swapped.csv
expect_ok "$HRM" data sudoku --out apart --test-csv swapped.csv
same apart/test "$golden/sudoku/test" "the order of the columns changed the result"

# ---- what there is
info "$golden/sudoku" kind '"Sudoku" "Sudoku"' examples '48 5' puzzles '48 5' groups '12 5' labelled '3888 405'
info "$golden/maze" kind '"mazes" "mazes"' examples '64 5' groups '8 5' grid_width '10 10'
info "$golden/maze30" kind '"mazes" "mazes"' examples '3 2' grid_width '30 30'
info "$golden/arc" kind '"ARC" "ARC"' examples '204 16' puzzles '36 12' groups '9 3' identifiers '37 37'
for folder in sudoku maze maze30 arc; do
    expect_ok "$HRM" data info "$golden/$folder"
    expect_line "^train: " out
    expect_line "^test: " out
    expect_line "^  examples +[0-9]+ of [0-9]+ tokens \([0-9]+ x [0-9]+ cells\), [0-9]+ kinds of tokens" out
done
expect_ok "$HRM" data info "$golden/arc" --split test
expect_line "^test: ARC" out
if grep -q "^train" out; then fail "--split test showed the training split"; fi
