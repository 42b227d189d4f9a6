#!/bin/sh
# The command from end to end: lists devices, makes mazes, trains, evaluates, solves, draws, measures. Nothing may fail, hang or
# be refused; how well it solves after three steps does not count.
#   whole_program.sh BUILD WORK [computes-nothing]
# WORK is a folder of this run's own, emptied first. On a device whose submits do nothing (chip.sh) no puzzle is
# ever done: eval and solve must notice and say so in one line instead of waiting for ever.
set -eu
hrm=$1/hrm
work=$2
nothing=${3:-}
here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$work"
mkdir -p "$work"
export XDG_CACHE_HOME="$work/cache"

step() {
    if ! timeout 300 "$hrm" "$@" >"$work/out" 2>"$work/err"; then
        tail -n 5 "$work/out" "$work/err"
        echo "FAILED: hrm $*"
        exit 1
    fi
}
step devices
head -n 1 "$work/out"
step data maze --out "$work/data" --train 64 --test 8 --unique
step train --data "$work/data" --out "$work/run" --hidden 64 --heads 2 --h-layers 1 --l-layers 1 --batch 8 --steps 3 --quiet
for command in "eval --data $work/data --sweep 1,2" "solve $here/../../samples/mazes/one.txt -o $work/maze.png"; do
    if [ -z "$nothing" ]; then
        # shellcheck disable=SC2086 # words; the folder's name has no spaces
        step $command --model "$work/run/model.safetensors"
        continue
    fi
    code=0
    # shellcheck disable=SC2086
    timeout 300 "$hrm" $command --model "$work/run/model.safetensors" --quiet >"$work/out" 2>"$work/err" || code=$?
    if [ $code -ne 1 ] || ! grep -q "does not compute what it is given" "$work/err"; then
        tail -n 5 "$work/out" "$work/err"
        echo "FAILED: hrm $command: exit code $code; wanted 1 and the reason, that nothing is computed"
        exit 1
    fi
done
[ -n "$nothing" ] || [ -s "$work/maze.png" ] || { echo "FAILED: no picture"; exit 1; }
# all shapes where they cost nothing; kernels for graphics cards take minutes on a processor
if [ -n "$nothing" ]; then step bench kernels; else step bench kernels --runs 1 --filter norm; fi
echo "devices, data, train, eval, solve, bench kernels: all ended as they should"
