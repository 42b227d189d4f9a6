#!/bin/sh
# Cooperative matrices on a processor: Mesa's lavapipe has them from 26 on, 8 lanes wide (256 bits).
#   matrices.sh BUILD
# Fails unless that device lists them, every row that uses them and whose types it has can run on it, and the tests of those
# rows really run. At 512 bits creating such a pipeline ends the process (Mesa 26.1.6), so there none may be offered.
# Exit: 77 where lavapipe is older.
set -eu
build=$1

fail() {
    echo "FAIL: $*" >&2
    exit 1
}

mesa=$("$build/hrm" devices --list | sed -n 's/^  driver  *llvmpipe Mesa \([0-9]*\).*/\1/p' | head -n 1)
[ -n "$mesa" ] || { echo "lavapipe is not here" && exit 77; }
[ "$mesa" -ge 26 ] || { echo "lavapipe of Mesa $mesa has no cooperative matrices" && exit 77; }

export LP_NATIVE_VECTOR_WIDTH=256
"$build/hrm" devices --kernels >matrices.txt
grep -q '^  matrices .*f16 8x8x8' matrices.txt || fail "no f16 matrices are listed: $(cat matrices.txt)"
rows=0
for row in $(sed -n '/rows that can run here/,/rows that cannot run here/p' matrices.txt | tr -s ' ' '\n' | grep coopmat); do
    echo "can run: $row"
    rows=$((rows + 1))
done
[ $rows -gt 0 ] || fail "no row with cooperative matrices can run"
lacking=$(sed -n '/rows that cannot run here/,$p' matrices.txt | grep coopmat | grep -v 'coopmat-bf16' || true)
[ -z "$lacking" ] || fail "rows with types that are listed cannot run: $lacking"
ran=0
for test in "$build"/tests/test_ops_*coopmat*; do
    [ -x "$test" ] || continue
    code=0
    HRM_REQUIRE_DEVICE=1 "$test" || code=$?
    [ $code -eq 0 ] || fail "$(basename "$test") ends with $code"
    ran=$((ran + 1))
done
[ $ran -gt 0 ] || fail "there are no tests of rows with cooperative matrices"

LP_NATIVE_VECTOR_WIDTH=512 "$build/hrm" devices --list >matrices.txt
grep -q '16 lanes' matrices.txt || { echo "no 512 bits here: not checked"; exit 0; }
! grep -q coopmat matrices.txt || fail "offered at 512 bits: $(cat matrices.txt)"
echo "$rows rows, $ran tests"
