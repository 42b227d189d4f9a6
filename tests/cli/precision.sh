# 16-bit numbers inside the blocks: training, going on, testing and solving in them.
. "$(dirname "$0")/lib.sh"
need_device
expect_ok "$HRM" devices # the runs share one measurement of the kernels
data=$TINY/data
model=$TINY/run/model.safetensors

# ---- training: recorded, and the same bytes when continued
for precision in bf16 f16; do
    expect_ok "$HRM" train --data "$data" --out $precision $tiny --steps 40 --log-every 5 --eval-every 20 --eval-limit 8 \
        --precision $precision
    expect_line "\"precision\": \"$precision\"" $precision/config.json
    expect_json $precision/metrics.jsonl lines
    start_training $precision-parts --data "$data" --out $precision-parts $tiny --steps 40 --log-every 5 --eval-every 20 \
        --eval-limit 8 --save-every 5 --precision $precision
    wait_for_line '"type":"save","step":10,' $precision-parts/metrics.jsonl
    kill -INT "$pid" 2>/dev/null || true
    wait "$pid" || true
    expect_ok "$HRM" train --resume $precision-parts --quiet
    same_run $precision $precision-parts
    # with another it would be another run
    for other in f32 bf16 f16; do
        expect_fail 2 "keeps the recipe of the run: steps, batch, rates, precision and model cannot be changed" \
            "$HRM" train --resume $precision --precision $other
    done
done
cmp -s bf16/model.safetensors f16/model.safetensors && fail "bf16 and f16 gave the same model"
# f16 says what the loss was multiplied by; nothing else has such a scale
expect_line '"type":"step",.*"loss_scale":65536.0,"overflowed":0' f16/metrics.jsonl
expect_line '^step,.*,loss_scale,overflowed,idle$' f16/summary.csv
expect_line '^overflowed +0 steps; the loss.s scale is 65536 at the end' f16/table.txt
if grep -q loss_scale bf16/metrics.jsonl; then fail "bf16 has a loss scale"; fi
# the weights are f32 whatever they were trained with
expect_ok "$HRM" inspect bf16/model.safetensors
if grep -q BF16 out; then fail "weights were saved in 16 bits"; fi

# ---- a file may say it, an option wins
echo '{"precision": "bf16"}' >half.json
expect_ok "$HRM" train --data "$data" --out file $tiny --steps 1 --config half.json --quiet
expect_line '"precision": "bf16"' file/config.json
expect_ok "$HRM" train --data "$data" --out option $tiny --steps 1 --config half.json --precision f32 --quiet
expect_line '"precision": "f32"' option/config.json
# 16 bits take less memory
saved() { sed -n 's/^ *"saved activations": \([0-9]*\),*$/\1/p' "$1/environment.json"; }
[ "$(saved file)" -gt 0 ] && [ "$(saved file)" -lt $(($(saved option) * 3 / 4)) ] ||
    fail "bf16 saves no memory: $(saved file) of $(saved option) bytes"
echo '{"precision": "fp8"}' >half.json
expect_fail 1 'half.json:1: precision is "fp8"; it must be f32, bf16 or f16' "$HRM" train --data "$data" --out made --config half.json
expect_fail 2 "precision: 'half' is not one of f32, bf16, f16" "$HRM" train --data "$data" --out made --precision half

# ---- testing and solving, any model in any precision
expect_ok "$HRM" eval --model "$model" --data "$data" --limit 20 --halting fixed --segments 2 --json -o f32.jsonl
expect_line '"precision": "f32"' out
for precision in bf16 f16; do
    expect_ok "$HRM" eval --model "$model" --data "$data" --limit 20 --halting fixed --segments 2 --json -o half.jsonl \
        --precision $precision
    expect_line "\"precision\": \"$precision\"" out
    expect_json half.jsonl lines
    # the products are others, in the last digits
    if cmp -s f32.jsonl half.jsonl; then fail "$precision changed nothing"; fi
    expect_ok "$HRM" eval --model bf16/model.safetensors --data "$data" --limit 5 --precision $precision
    expect_line "^bf16/model.safetensors: 5 puzzles of .*, split test, in $precision" out
    expect_ok "$HRM" solve "$SOURCE/samples/mazes/one.txt" --model f16/model.safetensors --precision $precision --json
    expect_json out
done
expect_fail 2 "precision: 'double' is not one of f32, bf16, f16" "$HRM" solve "$SOURCE/samples/mazes/one.txt" \
    --model "$model" --precision double
