# The disk is full when something is saved: one clear line, what was there stays as it is, nothing is left behind.
# The disk is a small tmpfs in a mount namespace of this script's own. (A limit on file sizes, ulimit -f, would not do: Mesa 25
# keeps a device's memory in a file, and dies of it.)
if [ "${OWN_MOUNTS:-no}" = no ]; then
    map=--map-root-user
    if [ "$(id -u)" -eq 0 ]; then map=""; fi
    if unshare --mount $map true 2>/dev/null; then OWN_MOUNTS=yes exec unshare --mount $map bash "$0"; fi
    echo "this machine lets us mount nothing of our own: not checked"
    exit 77
fi
. "$(dirname "$0")/lib.sh"
need_device
good=$TINY/run/model.safetensors
mkdir run
mount -t tmpfs -o "size=$(($(wc -c <"$good") / 1024 + 64))k" none run
cp "$good" run/model.safetensors
echo '{"type":"start"}' >run/log.jsonl
expect_fail 1 "model.safetensors.*No space left" "$HRM" train --data "$TINY/data" --out run $tiny --steps 3
cmp "$good" run/model.safetensors || fail "the good model was damaged"
[ "$(cat run/log.jsonl)" = '{"type":"start"}' ] || fail "the good log was damaged"
[ "$(find run -name '.*' -type f | wc -l)" -eq 0 ] || fail "a temporary file was left behind"
# nor do a converted model and a data set fit; what there is of them goes again
expect_fail 1 "copy.safetensors.*No space left" "$HRM" convert "$good" run/copy.safetensors
if "$HRM" --version | grep -q libzip; then expect_fail 1 "copy.pt.*No space left" "$HRM" convert "$good" run/copy.pt; fi
expect_fail 1 "No space left" "$HRM" data sudoku --out run/data --train 2000 --test 1
expect_fail 1 "No space left" "$HRM" data sudoku --csv "$SOURCE/tests/golden/data/source/sudoku/train.csv" --out run/data --num-aug 500
[ -z "$(find run -type f ! -name model.safetensors ! -name 'log.jsonl*')" ] || fail "left behind: $(find run -type f)"
cmp "$good" run/model.safetensors || fail "the good model was damaged"
