# Built without libzip and libyaml: PyTorch's files are refused with the reason, safetensors work. Needs no device.
. "$(dirname "$0")/lib.sh"
golden=$SOURCE/tests/golden/checkpoint_torch
expect_ok "$HRM" --version
expect_line "PyTorch's are left out" out
expect_fail 1 "libzip" "$HRM" inspect "$golden/step_1250"
cp "$golden/weights.safetensors" . # away from all_config.yaml
known="--seq-len 81 --heads 2 --h-cycles 2 --l-cycles 2"
expect_fail 1 "libzip" "$HRM" convert weights.safetensors made.pt $known
[ ! -e made.pt ] || fail "something was made"
expect_ok "$HRM" convert weights.safetensors model.safetensors $known
expect_ok "$HRM" inspect model.safetensors
expect_line "^parameters +132674$" out
