# Same seed, same device, same bits: twice, and with one and two driver threads (lavapipe's LP_NUM_THREADS).
. "$(dirname "$0")/lib.sh"
need_device
# the runs share one measurement of the kernels, made here if need be: another choice of kernels may round differently
expect_ok "$HRM" devices

train() { # FOLDER, then more options
    local folder=$1
    shift
    expect_ok "$HRM" train --data "$TINY/data" --out "$folder" $tiny --steps 20 --quiet "$@"
}
train first
train second
cmp first/model.safetensors second/model.safetensors || fail "the same seed gave another model"
LP_NUM_THREADS=1 train one_thread
cmp first/model.safetensors one_thread/model.safetensors || fail "one driver thread gave another model"
LP_NUM_THREADS=2 train two_threads
cmp first/model.safetensors two_threads/model.safetensors || fail "two driver threads gave another model"
train other --seed 1
if cmp -s first/model.safetensors other/model.safetensors; then fail "another seed gave the same model"; fi
train puzzles --halt compare --puzzle-emb-dim 32 --puzzle-lr 0.001 --ema 0 --positions rope --loss softmax --augment none
train puzzles_again --halt compare --puzzle-emb-dim 32 --puzzle-lr 0.001 --ema 0 --positions rope --loss softmax --augment none
cmp puzzles/model.safetensors puzzles_again/model.safetensors || fail "the same seed gave another model"
