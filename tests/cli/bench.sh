# hrm bench: every kind prints its table and its JSON, shares add up, wrong questions are refused. Times are not judged.
. "$(dirname "$0")/lib.sh"

expect_fail 2 "puzzle needs a model FILE" "$HRM" bench solve --puzzle x.txt
expect_fail 2 "precision: .f8. is not one of f32, bf16, f16" "$HRM" bench kernels --precision f8
expect_fail 2 "rival: 'mkl' is not one of none, openblas" "$HRM" bench kernels --rival mkl
for kind in kernels step solve memory load; do
    expect_ok "$HRM" bench $kind --help
    expect_line "^usage: hrm bench $kind" out
    if awk 'length > 100 { exit 1 }' out; then :; else fail "a line of the help of bench $kind is longer than 100 columns"; fi
done
need_device

expect_ok "$HRM" bench kernels --filter "2304x96" --runs 1
expect_line "measured peak: [0-9.]+ GF/s in registers, [0-9.]+ GB/s of memory" out
expect_line "^matmul weight gradient 2304x96x96 +[a-z_]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+%$" out
expect_line "^rms_norm forward 2304x96 " out
expect_fail 1 "no operation.s name contains .zzz." "$HRM" bench kernels --filter zzz
expect_ok "$HRM" bench kernels --filter "forward 2304x96x96" --runs 1 --precision bf16
expect_line "^matmul forward 2304x96x96 " out
expect_ok "$HRM" bench kernels --filter "forward 2304x96x96" --runs 1 --json
expect_line '"row": "[a-z_]+"' out
expect_line '"peak_gflops": [1-9]' out

# the rival is whatever is installed: measured, or said to be missing
if "$HRM" bench kernels --filter "forward 2304x96x96" --runs 1 --rival openblas >out 2>err; then
    expect_line "^rival: OpenBLAS" out
    expect_line "^matmul forward 2304x96x96 .*% +[0-9.]+ +[0-9.]+$" out
else
    expect_fail 1 "rival openblas: .*install OpenBLAS" "$HRM" bench kernels --filter "forward 2304x96x96" --rival openblas
fi

small="--preset sudoku-demo --hidden 32 --heads 2 --batch 4"
expect_ok "$HRM" bench step $small --runs 2
expect_line "^batch +4 puzzles in f32, [0-9.]+ GFLOP a step" out
expect_line "^step +[0-9.]+ ms median of 2" out
if grep -q "with timestamps" out; then
    expect_line "^L nograd/qkv " out
    expect_line "^update/adam_atan2 " out
    awk '/ % *$|%/ { last = $0 } END { if (last !~ /100\.0%/) exit 1 }' out || fail "the shares of all kernels do not add up to 100 %"
else
    expect_line "this device has no timestamps" out
fi
expect_ok "$HRM" bench step $small --runs 1 --micro-batch 2 --json
expect_line '"labels": \[' out
expect_line '"batch": 4' out

expect_ok "$HRM" bench solve --preset sudoku-demo --batch 3 --runs 2 --labels
expect_line "^segment +[0-9.]+ ms median of 2, .* for 3 puzzles at once" out
printf 'S   \n## #\n    \n # G\n' >maze.txt
if [ -e "$TINY/run/model.safetensors" ]; then
    expect_ok "$HRM" bench solve "$TINY/run/model.safetensors" --puzzle maze.txt --runs 2
    expect_line "^answer +[0-9]+ ms median of 2, .* hrm solve maze.txt" out
    printf 'S   \n## #\n    \n # X\n' >bad.txt
    if "$HRM" bench solve "$TINY/run/model.safetensors" --puzzle bad.txt --runs 1 >out 2>err; then fail "a bad maze was timed"; fi
    grep -q "^hrm bench solve: hrm solve bad.txt .* failed" err || fail "nothing says which command failed"
else
    fail "train_tiny left no model in $TINY"
fi

expect_ok "$HRM" bench memory --preset sudoku-demo --hidden 24 --heads 1 --batch 2 --sizes 2 --runs 1
[ "$(grep -c "^width " out)" -eq 1 ] || fail "a width of 12 was tried: $(cat out)"
expect_ok "$HRM" bench memory $small --sizes 2 --runs 1
[ "$(grep -c '^\(batch\|length\|width\) ' out)" -eq 6 ] || fail "not two sizes of each kind: $(cat out)"
expect_line "^batch +4 .* [0-9.]+x " out
expect_ok "$HRM" bench memory $small --sizes 2 --runs 1 --json
expect_line '"varied": "width"' out
