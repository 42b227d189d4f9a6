#!/bin/sh
# The whole story in one command: builds hrm, makes mazes, trains a model from scratch on the best device there is (the
# processor when there is no graphics card), tests it on 1,000 mazes it has never seen, and draws it solving one.
#   samples/demo.sh [--seed N] [--out DIR]
# Everything lands in DIR (demo/): data, model.safetensors, metrics.jsonl, checkpoints, maze.png, maze.gif. On a fresh Debian
# or Ubuntu missing packages are installed first (as root or with sudo).
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
out=$here/demo
seed=0

usage() {
    sed -n '2,/^set -eu/{/^set -eu/d;s/^# \{0,1\}//;p;}' "$0"
}
while [ $# -gt 0 ]; do
    case $1 in
    --seed | --out)
        [ $# -ge 2 ] || { echo "demo.sh: $1 needs a value" >&2 && exit 2; }
        [ "$1" = --seed ] && seed=$2 || out=$2
        shift 2
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        echo "demo.sh: unknown option '$1' (there are --seed N and --out DIR)" >&2
        exit 2
        ;;
    esac
done
case $seed in
'' | *[!0-9]*)
    echo "demo.sh: --seed: '$seed' is not a whole number" >&2
    exit 2
    ;;
esac
step() { printf '\n== %s\n' "$*"; }

step "1/6 packages"
. "$here/samples/packages.sh"
need_debian
# shellcheck disable=SC2086 # a list of words
need_packages $build_packages
echo "all there"

step "2/6 build"
build=$here/build
mkdir -p "$out"
log=$out/build.log
if ! { cmake -S "$here" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release && cmake --build "$build" --target hrm_tool; } \
    >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "demo.sh: building failed; the whole log is $log" >&2
    exit 1
fi
hrm=$build/hrm
"$hrm" --version | head -n 1
"$hrm" devices

step "3/6 data: 6x6 mazes with exactly one shortest path; no test maze, turned or mirrored, is among those to learn from"
if [ -f "$out/data/complete" ]; then
    echo "$out/data is there already"
else
    "$hrm" data maze --out "$out/data" --size 6 --walls 0.35 --min-path 5 --unique --train 100000 --test 1000 --seed 0
    : >"$out/data/complete"
fi

step "4/6 training from scratch, seed $seed"
"$hrm" train --preset demo --data "$out/data" --out "$out" --overwrite --seed "$seed"

step "5/6 1,000 unseen mazes, thinking for 1, 2, 4 and 8 segments, and for as long as the model wants"
"$hrm" eval --model "$out/model.safetensors" --data "$out/data" --sweep 1,2,4,8 --out "$out/answers.jsonl" >"$out/eval.txt"
cat "$out/eval.txt"

step "6/6 one maze from a text file"
maze=$here/samples/mazes/one.txt
cat "$maze"
echo
"$hrm" solve "$maze" --model "$out/model.safetensors" -o "$out/maze.png"
"$hrm" solve "$maze" --model "$out/model.safetensors" -o "$out/maze.gif" >/dev/null

step "done"
echo "picture    $out/maze.png"
echo "animation  $out/maze.gif        the answer after every segment"
echo "model      $out/model.safetensors"
echo "log        $out/metrics.jsonl, $out/summary.csv"
echo "results    $out/eval.txt, every answer in $out/answers.jsonl"
