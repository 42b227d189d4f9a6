# Choosing devices: the list, its JSON, wrong choices, and no driver at all.
. "$(dirname "$0")/lib.sh"

# without any driver every command that needs one says so and what to install
none() { VK_ICD_FILENAMES=/nonexistent VK_DRIVER_FILES=/nonexistent VK_ADD_DRIVER_FILES='' "$@"; }
expect_fail 1 "driver|device" none "$HRM" devices
expect_line "mesa-vulkan-drivers" err
expect_fail 1 "driver|device" none "$HRM" devices --json
expect_fail 1 "driver|device" none "$HRM" bench kernels
expect_fail 1 "driver|device" none "$HRM" solve "$SOURCE/samples/mazes/one.txt" --model "$SOURCE/README.md"
# what needs no device works
expect_ok none "$HRM" data maze --out data --train 20 --test 5
expect_ok none "$HRM" render "$SOURCE/samples/mazes/one.txt" -o one.png

need_device
expect_fail 1 "99" "$HRM" devices --device 99
expect_fail 1 "99" "$HRM" train --device 99 --data data --out run --steps 1
expect_fail 1 "99" "$HRM" --device 99 bench kernels
HRM_DEVICE=99 expect_fail 1 "99" "$HRM" bench kernels
expect_fail 1 "no such card" "$HRM" bench kernels --device "no such card"
[ ! -e run/model.safetensors ] || fail "a model was made"

expect_ok "$HRM" devices
expect_line "^0: " out
expect_line "^  driver .*Vulkan 1\.[0-9]+" out
expect_line "^  subgroup +[0-9]+ lanes" out
expect_line "^  kernels +[0-9]+ of [0-9]+ rows" out
expect_line "^    matmul_nt " out
expect_ok "$HRM" devices --json
expect_json out
expect_line '"choices"' out
expect_ok "$HRM" devices --kernels
expect_line "rows that can run here" out
HRM_DISABLE=arithmetic expect_ok "$HRM" devices --kernels
expect_line "^    rms_norm_fwd_vec4 +this device lacks .*arithmetic" out
HRM_DISABLE=arithmetic expect_ok "$HRM" devices --json
expect_line '"rms_norm_fwd_vec4": ?"this device lacks .*arithmetic' out

# number, name and UUID choose the same device
name=$("$HRM" devices --list | sed -n 's/^0: //p')
uuid=$("$HRM" devices --list | sed -n 's/^  uuid *//p' | head -n 1)
for selector in 0 "$name" "$uuid"; do
    expect_ok "$HRM" devices --list --device "$selector"
    expect_line "^0: " out
    [ "$(grep -c '^[0-9]*: ' out)" -eq 1 ] || fail "more than one device shown for '$selector'"
done

# the width of lavapipe's vectors: chosen, or the user's
if grep -q llvmpipe out; then
    expect_ok env -u LP_NATIVE_VECTOR_WIDTH "$HRM" devices --list
    expect_line "^lavapipe vector width: (512 bits \(chosen for AVX-512\)|[0-9]+ bits \(the driver's default)" out
    expect_ok env LP_NATIVE_VECTOR_WIDTH=128 "$HRM" devices --list
    expect_line "^lavapipe vector width: 128 bits \(from LP_NATIVE_VECTOR_WIDTH\)" out
    expect_line "^  subgroup +4 lanes" out
fi
