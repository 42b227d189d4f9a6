# Files that are no models: truncated, lying, foreign. Each is refused in one line.
. "$(dirname "$0")/lib.sh"
need_device
good=$TINY/run/model.safetensors
maze=$SOURCE/samples/mazes/one.txt

refuse() { # PATTERN FILE
    expect_fail 1 "$1" "$HRM" solve "$maze" --model "$2" -o made.png
    expect_fail 1 "$1" "$HRM" eval --data "$TINY/data" --model "$2" --out made.jsonl
    if [ -e made.png ] || [ -e made.jsonl ]; then fail "something was made"; fi
}
# Replaces the first occurrence of a text by one of the same length.
forge() { # FROM TO FILE
    LC_ALL=C sed "0,/$1/s//$2/" "$good" >"$3"
    cmp -s "$good" "$3" && fail "forge: '$1' does not occur"
    [ "$(wc -c <"$good")" -eq "$(wc -c <"$3")" ] || fail "forge: the size changed"
}
# Overwrites bytes: poke FILE OFFSET ESCAPED-BYTES
poke() {
    cp "$good" "$1"
    printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

size=$(wc -c <"$good")
: >empty
refuse "empty" empty
for bytes in 1 7 8 100 $((size / 2)) $((size - 1)); do
    head -c "$bytes" "$good" >"cut_$bytes"
    refuse "cut_$bytes" "cut_$bytes"
done
{ cat "$good"; echo more; } >longer
refuse "longer" longer
poke header_huge 0 '\377\377\377\377\377\377\377\377'
refuse "header_huge" header_huge
poke header_past_end 0 '\377\377\377\177\000\000\000\000'
refuse "header_past_end" header_past_end
poke header_zero 0 '\000\000\000\000\000\000\000\000'
refuse "header_zero" header_zero
poke header_no_json 8 'xxxx'
refuse "header_no_json" header_no_json
forge '"data_offsets":\[0,' '"data_offsets":[9,' offsets_lie
refuse "offsets_lie" offsets_lie
forge '"F32"' '"I64"' type_lies
refuse "type_lies" type_lies
forge '"F32"' '"Q99"' type_unknown
refuse "type_unknown" type_unknown
forge 'hrm.config' 'hrm.comfig' no_architecture
refuse "no_architecture.*num_heads, h_cycles, l_cycles" no_architecture
forge 'embed_tokens' 'embed_tikens' tensor_renamed
refuse "tensor_renamed.*embed_tokens" tensor_renamed
cp "$SOURCE/README.md" readme
refuse "readme" readme
refuse "missing" missing
refuse "folder|directory" .
cmp -s "$good" "$TINY/run/model.safetensors" || fail "the good model changed"
