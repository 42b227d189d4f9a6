# Data that is none: CSV files and folders that lie. Each is refused with file and line or offset in one line, and no file is
# left behind. Needs no device.
. "$(dirname "$0")/lib.sh"
golden=$SOURCE/tests/golden/data
tr -d '\r' <"$golden/source/sudoku/test.csv" >sudoku.csv
tr -d '\r' <"$golden/source/maze/test.csv" >maze.csv

# ---- CSV files: refuse KIND PATTERN [OPTIONS], the file on standard input
refuse() {
    local kind=$1 pattern=$2
    shift 2
    cat >bad.csv
    expect_fail 1 "$pattern" "$HRM" data "$kind" --csv bad.csv --out made "$@"
    [ -z "$(find made -type f 2>/dev/null)" ] || fail "files were left behind: $(find made -type f)"
    rm -rf made
}
# The golden file with one change, refused: refuse_change KIND SED-COMMAND PATTERN [OPTIONS]
refuse_change() {
    local kind=$1 change=$2 pattern=$3
    shift 3
    sed "$change" "$kind.csv" >changed.csv
    if cmp -s "$kind.csv" changed.csv; then fail "'$change' changes nothing"; fi
    refuse "$kind" "$pattern" "$@" <changed.csv
}

refuse_change sudoku '1s/,q,/,board,/' 'bad.csv:1: there is no column "q" .or question, puzzle, quiz, quizzes.; the header names'
refuse_change sudoku '1s/,a,/,answers,/' 'bad.csv:1: there is no column "a"'
refuse_change sudoku '1s/,rating/,stars/' 'bad.csv:1: there is no column "rating"' --min-difficulty 3
refuse_change sudoku 's/,/;/g' 'bad.csv:1: there is no column "q"'
refuse_change sudoku '4s/,48$//' 'bad.csv:4: .*fields?'
refuse_change sudoku '4s/$/,9/' "bad.csv:4: the row has more than the header's 4 fields"
refuse_change sudoku '4s/,48$/,hard/' "bad.csv:4: column \"rating\" holds 'hard'" --min-difficulty 3
refuse_change sudoku '4s/,48$/,"48/' 'bad.csv:4: .*quote'
refuse_change sudoku '4s/\.\.73/..x3/' "bad.csv:4: the question holds 'x' at row 1, column 3"
refuse_change sudoku '4s/\.\.73/.73/' 'bad.csv:4: the question has 80 cells; 81 were expected'
refuse_change sudoku '2s/6\.8\.72/6.872/' 'bad.csv:2: the question has 80 cells; a Sudoku has 81'
refuse_change sudoku '3s/895214736/985214736/' 'bad.csv:3: impossible answer: it has 9 at row 1, column 1'
refuse_change sudoku '3s/895214736/.95214736/' 'bad.csv:3: impossible answer: it is blank at row 1, column 1'
refuse_change sudoku '3s/895214736/855214736/' 'bad.csv:3: impossible answer: digit 5 .* row 1'
refuse_change sudoku '3s/895214736/8952147360/' 'bad.csv:3: the answer has 82 cells'
refuse_change maze '2s/G/S/g' "bad.csv:2: the question has 2 starts"
refuse_change maze '2s/G/ /g' "bad.csv:2: the question has 0 goals"
refuse_change maze '2s/oooo/oo o/' 'bad.csv:2: impossible answer: its path does not lead from the start to the goal'
refuse_change maze '2s/o##o #/o##ooo/' "bad.csv:2: impossible answer: .* where the question has '#'"
refuse_change maze '3s/ /z/' "bad.csv:3: the question holds 'z' at row 1, column 1"
refuse_change maze '3s/^made,./made,/' 'bad.csv:3: the question has 99 cells; 100 were expected'
refuse maze 'bad.csv:2: the question holds .6. at row 1, column 1' <sudoku.csv
refuse sudoku 'bad.csv:2: the question has 100 cells; a Sudoku has 81' <maze.csv
printf '' | refuse sudoku 'bad.csv: it is empty'
printf 'source,q,a,rating\n' | refuse sudoku 'bad.csv: there is a header but no row'
printf 'source,q,a,rating\nm,\0,1,2\n' | refuse sudoku 'bad.csv:2: a NUL byte'
head -c 10000 "$HRM" | refuse sudoku 'bad.csv:[0-9]+: a NUL byte'
refuse sudoku 'none of the 5 rows has a rating of 9999 or more' --min-difficulty 9999 <sudoku.csv
expect_fail 1 "cannot open missing.csv" "$HRM" data sudoku --csv missing.csv --out made
expect_fail 1 "folder" "$HRM" data sudoku --csv . --out made
[ ! -e made ] || fail "a missing file left something behind"

# an error in the middle of a long file, on several threads, is the first one; what was there stays
{
    head -n 1 sudoku.csv
    for _ in $(seq 400); do tail -n +2 sudoku.csv; done
} >long.csv
expect_ok "$HRM" data sudoku --csv long.csv --out kept
cp -r kept before
sed '1500s/[1-9]/x/; 1900s/[1-9]/x/' long.csv >bad.csv
for threads in 1 4; do
    expect_fail 1 "bad.csv:1500: the question holds 'x'" "$HRM" data sudoku --csv bad.csv --out kept --num-aug 3 --threads $threads
    diff -r kept before || fail "a failure damaged the data set that was there"
done

# ---- folders
# forged NAME: a copy of the golden set, to be damaged
forged() {
    rm -rf lie
    cp -r "$golden/sudoku" lie
    chmod -R u+w lie
}
check() { # PATTERN
    expect_fail 1 "$1" "$HRM" data info lie
    expect_fail 1 "$1" "$HRM" data info lie --split test --json
    [ ! -s out ] || fail "something was printed about a folder that lies"
}
inputs=lie/test/all__inputs.npy
# A .npy header as NumPy writes it, 128 bytes long: header DTYPE FORTRAN SHAPE
header() {
    printf '\223NUMPY\001\000v\000'
    printf '%-117s\n' "{'descr': '$1', 'fortran_order': $2, 'shape': $3, }"
}
data() { tail -c +129 "$golden/sudoku/test/all__inputs.npy"; }
# lie_about PATTERN DTYPE FORTRAN SHAPE: the header says something else about the inputs
lie_about() {
    forged
    { header "$2" "$3" "$4"; data; } >$inputs
    check "$1"
}
forged
{ header '|u1' False '(5, 81)'; data; } >$inputs
cmp $inputs "$golden/sudoku/test/all__inputs.npy" || fail "the forged header is not NumPy's"
lie_about 'all__inputs.npy: npy: Fortran order' '|u1' True '(5, 81)'
lie_about 'all__inputs.npy: npy: big-endian data' '>i8' False '(5, 81)'
lie_about 'all__inputs.npy: npy: truncated: the shape needs 3240 bytes' '<f8' False '(5, 81)'
lie_about 'all__inputs.npy: npy: type "\|O" is not supported' '|O' False '(5, 81)'
lie_about 'all__inputs.npy: npy: truncated: the shape needs 486 bytes of data, the file has 405' '|u1' False '(6, 81)'
lie_about 'all__inputs.npy: npy: 81 bytes follow' '|u1' False '(4, 81)'
lie_about 'all__inputs.npy: npy: truncated: the shape needs 89060441849856 bytes' '|u1' False '(1099511627776, 81)'
lie_about 'all__inputs.npy: npy: the shape describes more than 2\^64 bytes' '<i8' False '(1099511627776, 99511627776)'
lie_about 'all__inputs.npy: the shape is \[81, 5\]; rows of seq_len = 81' '|u1' False '(81, 5)'
lie_about 'all__inputs.npy: the array has 1 dimension ' '|u1' False '(405,)'
lie_about 'all__inputs.npy: npy: .shape. is not a tuple' '|u1' False '[5, 81]'
forged
{ header '<f4' False '(5, 81)'; data; data; data; data; } >$inputs
check 'all__inputs.npy: npy: the array is <f4, an integer type is needed'
forged
cp "$SOURCE/README.md" $inputs
check 'all__inputs.npy: npy: not a .npy file'
for bytes in 0 5 9 100 128 300 532; do
    forged
    head -c $bytes "$golden/sudoku/test/all__inputs.npy" >$inputs
    check 'all__inputs.npy: (npy: (truncated|not a .npy)|.*empty)'
done
# a token, an index, an identifier that cannot be: poke ARRAY OFFSET ESCAPED-BYTES
poke() {
    forged
    printf "$3" | dd of="lie/test/all__$1.npy" bs=1 seek="$2" conv=notrunc status=none
}
poke inputs 220 '\013'
check 'all__inputs.npy: row 1, position 11 \(byte 220\) holds 11; tokens are 0 to 10'
poke labels 532 '\377'
check 'all__labels.npy: row 4, position 80 \(byte 532\) holds 255'
poke puzzle_indices 132 '\011'
check 'all__puzzle_indices.npy: element 1 \(byte 132\) is 9; it must be 0 to 5'
poke puzzle_indices 136 '\000'
check 'all__puzzle_indices.npy: element 2 \(byte 136\) is 0; the indices must rise'
poke group_indices 128 '\001'
check 'all__group_indices.npy: element 0 \(byte 128\) is 1; the indices must rise'
poke puzzle_identifiers 128 '\001'
check 'all__puzzle_identifiers.npy: element 0 \(byte 128\) is 1; it must be 0 to 0'
# a dataset.json that says something else: say SED-COMMAND PATTERN
say() {
    forged
    sed -i "$1" lie/test/dataset.json
    if cmp -s lie/test/dataset.json "$golden/sudoku/test/dataset.json"; then fail "'$1' changes nothing"; fi
    check "$2"
}
say 's/"seq_len": 81/"seq_len": 80/' 'all__inputs.npy: the shape is \[5, 81\]; rows of seq_len = 80'
say 's/"vocab_size": 11/"vocab_size": 7/' 'all__inputs.npy: row .* tokens are 0 to 6'
say 's/"vocab_size": 11/"vocab_size": 1000/' 'dataset.json: vocab_size is 1000; at most 256'
say 's/"total_groups": 5/"total_groups": 6/' 'total_groups is 6'
say 's/"sets": \["all"\]/"sets": ["all", "more"]/' 'dataset.json: "sets" names 2 sets'
say 's/"sets": \["all"\]/"sets": ["..\/all"]/' 'dataset.json: "sets" must be a list'
say 's/"seq_len"/"seq_lem"/' 'dataset.json: "seq_len" is missing'
say 's/"pad_id": 0/"pad_id": "0"/' 'dataset.json: "pad_id" is something else'
say 's/}/,/' 'dataset.json'
forged
rm lie/test/all__labels.npy
check 'all__labels.npy: No such file'
forged
echo '["a", "b"]' >lie/identifiers.json
check 'identifiers.json: 2 names were found'
expect_fail 1 "no data set" "$HRM" data info "$SOURCE/samples"
expect_fail 1 "missing" "$HRM" data info missing
expect_fail 1 "dev/dataset.json" "$HRM" data info "$golden/maze" --split dev

# a slip in the second name is found before anything is written
expect_fail 1 "nowhere.csv" "$HRM" data sudoku --csv "$SOURCE/tests/golden/data/source/sudoku/train.csv" --test-csv nowhere.csv --out half
[ ! -e half ] || fail "one split was made although the other cannot be"
