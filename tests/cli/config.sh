# Recipes: presets, config files of ours and of the PyTorch implementation, what overrides what. Needs no device.
. "$(dirname "$0")/lib.sh"
golden=$SOURCE/tests/golden

# help OPTION VALUE TRAIN-OPTIONS...: the value that the help shows to apply
help() {
    local option=$1 value=$2
    shift 2
    expect_ok "$HRM" train "$@" --help
    # an option's text goes on in indented lines, the value in brackets ends it
    awk -v o="--$option" '$1 == o || $1 == "--[no-]" substr(o, 3) { found = 1; line = $0; next }
        found && /^    / { line = line $0; next } found { exit } END { print line }' out >line
    grep -Fq "[$value]" line || fail "--$option is not [$value] with '$*': $(cat line)"
}

# ---- presets
help steps 2000 --preset demo
help steps 3000 --preset sudoku-demo
help augment sudoku --preset sudoku-demo
help steps 26041 --preset sudoku-extreme-1k
help augment sudoku --preset sudoku-extreme-1k
help steps 26041 --preset maze-hard-1k
help augment none --preset maze-hard-1k
for preset in arc-1 arc-2; do
    help batch 768 --preset $preset
    help puzzle-lr 0.01 --preset $preset
    help weight-decay 0.1 --preset $preset
    help epochs-per-pass 10000 --preset $preset
    help gradient one-step --preset $preset
    help micro-batch auto --preset $preset
    help puzzle-table auto --preset $preset
done
help steps 518071 --preset arc-1
help steps 607682 --preset arc-2
for old in sudoku maze-hard arc; do
    expect_fail 2 "preset: '$old' is not one of demo, sudoku-demo, sudoku-extreme-1k, maze-hard-1k, arc-1, arc-2" \
        "$HRM" train --data d --out made --preset $old
done

# ---- the options that came with them
help micro-batch 16 --micro-batch 16
help micro-batch auto --micro-batch 16 --micro-batch auto
help memory "8 GB" --memory 8G
help memory "8 GiB" --memory 8GiB
help memory "4 GiB" --memory 4096Mi
help memory "7500 MB" --memory 7500M
help memory "7500 MB" --memory 7.5GB
help memory 1537 --memory 1537
help memory "1500 MB" --memory 1500000k
help memory "what is free" --memory 1G --memory "what is free"
help recompute on --recompute
help recompute off --recompute --no-recompute
help puzzle-table host --puzzle-table host
help outlier-z 6 --outlier-z 6
help outlier-z never --outlier-z 6 --outlier-z never
help fixed-batches 1 --fixed-batches 1
help gradient full-cycle --gradient full-cycle
help precision f32 --preset maze-hard-1k
help precision bf16 --precision bf16
for wrong in 8X 8iB -1 GiB 0x10 1e400 8GG "" nan; do
    expect_fail 2 "memory: '$wrong' is not a size; write 8G, 7500M or 4GiB" "$HRM" train --data d --out made --memory "$wrong"
done
expect_fail 2 "memory: '1e10GiB' is out of range; it must be less than 8 EiB" "$HRM" train --data d --out made --memory 1e10GiB
expect_fail 2 "micro-batch: 'all' is not a whole number" "$HRM" train --data d --out made --micro-batch all
expect_fail 2 "gradient: 'whole' is not one of one-step, full-cycle" "$HRM" train --data d --out made --gradient whole

# ---- a file of ours: preset, then file, then options, wherever they stand
cat >config.json <<'END'
{"lr": 0.002, "batch": 48, "loss": "softmax", "micro_batch": 12, "memory_limit": 8000000000,
 "model": {"hidden_size": 64, "positions": "learned"}}
END
help lr 0.002 --config config.json
help batch 48 --config config.json
help micro-batch 12 --config config.json
help memory "8 GB" --config config.json
help loss softmax --config config.json
help hidden 64 --config config.json
help positions learned --config=config.json
help steps 2000 --config config.json                        # not in the file: the preset's
help steps 26041 --config config.json --preset maze-hard-1k
help batch 48 --config config.json --preset maze-hard-1k
expect_ok "$HRM" train --batch 7 --config config.json --lr 0.5 --help
expect_line "^  --batch N .*\[7\]" out
expect_line "^  --lr X .*\[0.5\]" out

expect_fail 1 "cannot open none.json" "$HRM" train --data d --out made --config none.json
expect_fail 2 "config needs a value" "$HRM" train --data d --out made --config
echo '{"lr": "fast"}' >bad.json
expect_fail 1 'bad.json.*: lr is "fast"; it must be a number from 0 to 10' "$HRM" train --data d --out made --config bad.json
echo '{"learning_rate": 1}' >bad.json
expect_fail 1 'bad.json.*: learning_rate is 1; there is no such key' "$HRM" train --data d --out made --config bad.json
expect_fail 1 "cannot read /dev/null: .*a regular file is needed" "$HRM" train --data d --out made --config /dev/null
expect_fail 2 "keeps the recipe of the run" "$HRM" train --data d --out made --resume f --config config.json

# ---- the PyTorch implementation's folder of settings, its facts in short
if "$HRM" --version | grep -q "PyTorch's are left out"; then
    echo "lr: 1" >bad.yaml
    expect_fail 1 "bad.yaml: YAML cannot be read: built without libyaml" "$HRM" train --data d --out made --config bad.yaml
    exit 0
fi
mkdir -p config/arch
cat >config/cfg_pretrain.yaml <<'END'
defaults:
  - arch: hrm_v1
  - _self_
hydra:
  output_subdir: null
data_path: data/arc-aug-1000
global_batch_size: 768
epochs: 100000
eval_interval: 10000
checkpoint_every_eval: True
lr: 1e-4
lr_min_ratio: 1.0
lr_warmup_steps: 2000
beta1: 0.9
beta2: 0.95
weight_decay: 0.1
puzzle_emb_weight_decay: 0.1
puzzle_emb_lr: 1e-2
END
cat >config/arch/hrm_v1.yaml <<'END'
name: hrm.hrm_act_v1@HierarchicalReasoningModel_ACTV1
loss:
  name: losses@ACTLossHead
  loss_type: stablemax_cross_entropy
halt_exploration_prob: 0.1
halt_max_steps: 16
H_cycles: 2
L_cycles: 2
H_layers: 4
L_layers: 4
hidden_size: 512
num_heads: 8
expansion: 4
puzzle_emb_ndim: ${.hidden_size}
pos_encodings: rope
END
reference="--config config/cfg_pretrain.yaml --data $golden/data/arc"
help steps 6640 $reference      # int(100000 * 9 groups * 153 / 27 examples / 768)
help eval-every 664 $reference
help epochs-per-pass 10000 $reference
help puzzle-emb-dim 512 $reference
help hidden 512 $reference
help positions rope $reference
help halt compare $reference
help batches reference $reference
help augment none $reference    # what it always does, over the demo's preset
help ema 0 $reference
help q-weight 0.5 $reference
help explore-once off $reference
help steps 99 $reference --steps 99
help eval-every 10 $reference --eval-every 10
# its arch file alone, and what lies beside a checkpoint
help hidden 512 --config config/arch/hrm_v1.yaml
help steps 2000 --config config/arch/hrm_v1.yaml
help hidden 64 --config "$golden/checkpoint_torch/all_config.yaml" --data "$golden/data/sudoku"
help steps 60000 --config "$golden/checkpoint_torch/all_config.yaml" --data "$golden/data/sudoku"

expect_fail 1 "cfg_pretrain.yaml:8: epochs is 100000; epochs become steps with the help of a training set" \
    "$HRM" train --help --config config/cfg_pretrain.yaml
expect_fail 1 "cannot open nowhere/train/dataset.json" "$HRM" train --out made --config config/cfg_pretrain.yaml --data nowhere
sed -i 's/pos_encodings: rope/pos_encodings: alibi/' config/arch/hrm_v1.yaml
expect_fail 1 'config/arch/hrm_v1.yaml:15: arch.pos_encodings is "alibi"; it must be rope or learned' \
    "$HRM" train --out made $reference
rm -r config/arch
expect_fail 1 "cfg_pretrain.yaml:1: the architecture hrm_v1: .*config/arch/hrm_v1.yaml" "$HRM" train --out made $reference
[ ! -e made ] || fail "something was made"
