# What hrm inspect says about files of both kinds. Needs no device.
. "$(dirname "$0")/lib.sh"
golden=$SOURCE/tests/golden

expect_ok "$HRM" inspect "$golden/checkpoint_torch/step_1250"
expect_line "^.*step_1250: PyTorch checkpoint, 526 KiB, 15 tensors$" out
expect_line "^parameters +132674$" out
expect_line "^checksum +[0-9a-f]{16} " out
expect_line "^architecture, with what is in .*all_config.yaml$" out
for line in "vocab_size +11" "hidden_size +64" "num_heads +2" "h_cycles +2" "halt_max_segments +16" "puzzle_emb_dim +64" \
    "positions +rope" "not told by the file: seq_len"; do
    expect_line "^  $line" out
done
expect_line "^training state +none" out
expect_line "^  BF16 +\[64\] +_orig_mod.model.inner.H_init$" out
expect_line "^  F32 +\[192, 64\] +_orig_mod.model.inner.L_level.layers.0.self_attn.qkv_proj.weight$" out
expect_ok "$HRM" inspect "$golden/checkpoint_torch/step_1250" --json
expect_json out
for pair in '"kind": "torch"' '"bytes": 538298' '"parameters": 132674' '"problem": ""' '"missing": "seq_len"' '"seq_len": null' \
    '"num_heads": 2' '"training_state": null'; do
    expect_line "$pair" out
done
[ "$(grep -c '"weight": true' out)" -eq 15 ] || fail "not 15 weights"

# one number of one weight differs: another checksum
cp "$golden/checkpoint_torch/weights.safetensors" other
printf '\377' | dd of=other bs=1 seek=200000 conv=notrunc status=none
sum() { sed -n 's/^checksum *\([0-9a-f]*\) .*/\1/p' "$1"; }
expect_ok "$HRM" inspect "$golden/checkpoint_torch/weights.safetensors"
cp out before
expect_ok "$HRM" inspect other
[ -n "$(sum out)" ] && [ "$(sum out)" != "$(sum before)" ] || fail "the checksum does not see a changed weight"

# sound files that hold no model are described, and say what is missing
expect_ok "$HRM" inspect "$golden/checkpoint_torch/step_1250_all_preds.0"
expect_line "^no model that can be loaded: there is no tensor H_init" out
expect_line "^  F32 +\[8, 81, 11\] +logits$" out
expect_ok "$HRM" inspect "$golden/ops/ops.safetensors" --json
expect_json out
expect_line '"problem": "there is no tensor' out

expect_fail 1 "missing: No such file" "$HRM" inspect missing
expect_fail 1 "folder" "$HRM" inspect .
expect_fail 1 "README.md" "$HRM" inspect "$SOURCE/README.md"
head -c 100000 "$golden/checkpoint_torch/step_1250" >cut
expect_fail 1 "cut: the ZIP archive is damaged or cut short" "$HRM" inspect cut
head -c 100000 "$golden/checkpoint_torch/weights.safetensors" >cut
expect_fail 1 "cut: tensor .* lie outside the [0-9]+ bytes of data" "$HRM" inspect cut
expect_fail 2 "FILE is missing" "$HRM" inspect

# safetensors that lie: forged PATTERN DATA-BYTES HEADER
forged() {
    local header=$3
    {
        printf "\\$(printf %03o $((${#header} & 255)))\\$(printf %03o $((${#header} >> 8)))\000\000\000\000\000\000%s" "$header"
        head -c "$2" /dev/zero
    } >forged.safetensors
    expect_fail 1 "$1" "$HRM" inspect forged.safetensors
}
# one NAME SHAPE OFFSETS: a tensor of F32
one() { printf '"%s":{"dtype":"F32","shape":[%s],"data_offsets":[%s]}' "$@"; }
forged 'duplicate object key near' 8 "{$(one a 1 0,4),$(one a 1 4,8)}"
forged 'tensors "a" and "b" overlap' 12 "{$(one a 2 0,8),$(one b 2 4,12)}"
forged '4 bytes before tensor "b" belong to no tensor' 12 "{$(one a 1 0,4),$(one b 1 8,12)}"
forged 'tensor "a": shape and dtype need 4398046511104 bytes, data_offsets give 4' 4 "{$(one a 1099511627776 0,4)}"
forged 'tensor "a": its shape describes more than 2\^64 bytes' 4 "{$(one a 4294967296,4294967296,16 0,4)}"
forged 'tensor "a": bytes 4..0 lie outside' 4 "{$(one a 1 4,0)}"
forged 'tensor "a": dimension 0 is not a whole number' 4 "{$(one a -1 0,4)}"
