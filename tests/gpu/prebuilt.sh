#!/bin/sh
# The SPIR-V that is checked in (shaders/prebuilt), against the sources.
#   prebuilt.sh check SHADER_PACK SPIRV_VAL TREE WORK         what the build refuses: a source, a .spv or the table changed since
#   prebuilt.sh rebuild SHADER_PACK SPIRV_VAL TREE WORK GLSLC everything once more with the glslc here: the same bytes from the
#       same compiler version; from another one valid SPIR-V with the same bindings. Skipped (77) without a glslc that knows
#       the extensions.
set -eu
what=$1 pack=$2 validator=$3 tree=$4 work=$5
shaders=$tree/shaders
rm -rf "$work"
mkdir -p "$work"

fail() {
    echo "FAIL: $*" >&2
    exit 1
}

# pack FOLDER PREBUILT: what the build does.
pack() {
    "$pack" --shaders "$1" --prebuilt "$2" --spirv-val "$validator" --spv-dir "$work/spv" --out "$work/out.c" >"$work/log" 2>&1
}

# refused PATTERN: the build of $work/shaders fails and says so.
refused() {
    if pack "$work/shaders" "$work/shaders/prebuilt"; then fail "accepted: $1"; fi
    grep -q "$1" "$work/log" || { cat "$work/log" >&2 && fail "no message like: $1"; }
    rm -rf "$work/shaders"
    cp -r "$shaders" "$work/shaders"
}

manifest=$shaders/prebuilt/manifest.txt
row=$(grep -v '^#' "$manifest" | head -n 1 | cut -d ' ' -f 1)
[ -n "$row" ] || { echo "no row of this tree is prebuilt" && exit 77; }

if [ "$what" = check ]; then
    pack "$shaders" "$shaders/prebuilt" || { cat "$work/log" >&2 && fail "the tree's own files are refused"; }
    cp -r "$shaders" "$work/shaders"
    source=$(grep -rhoE "HRM_KERNEL_PREBUILT\($row, *\"[^\"]*\"" "$shaders" | cut -d '"' -f 2)
    [ -f "$shaders/$source" ] || fail "row $row names no source"
    # a comment needs no new SPIR-V, a statement does
    echo '/* said afterwards */ // and this' >>"$work/shaders/$source"
    pack "$work/shaders" "$work/shaders/prebuilt" || { cat "$work/log" >&2 && fail "a comment made $row outdated"; }
    echo 'void added_afterwards() {}' >>"$work/shaders/$source"
    refused "prebuilt SPIR-V does not fit the sources.*run shaders/prebuilt/make.sh"
    included=$(sed -n 's/^ *# *include *"\(.*\)".*/\1/p' "$shaders/$source" | head -n 1)
    [ -z "$included" ] || {
        for file in "$work/shaders/$(dirname "$source")/$included" "$work/shaders/$included"; do
            [ ! -f "$file" ] || { echo '#define ADDED_AFTERWARDS 1' >>"$file" && break; }
        done
        refused "prebuilt SPIR-V does not fit the sources"
    }
    rm "$work/shaders/prebuilt/$row.spv"
    refused "prebuilt SPIR-V does not fit the sources"
    printf 'XXXX' >>"$work/shaders/prebuilt/$row.spv"
    refused "$row.spv: error: this is not the file that"
    echo "a_row_that_is_gone 0123456789abcdef 0123456789abcdef some compiler" >>"$work/shaders/prebuilt/manifest.txt"
    refused "1 are gone"
    echo "no hashes here" >>"$work/shaders/prebuilt/manifest.txt"
    refused "manifest.txt:[0-9]*: error: expected a row's name"
    exit 0
fi

glslc=$6
[ -n "$glslc" ] && [ -x "$glslc" ] || { echo "no glslc here: not rebuilt (Debian testing: glslc)" && exit 77; }
"$shaders/prebuilt/make.sh" --all --glslc "$glslc" --out "$work/made" >"$work/make.log" 2>&1 || {
    cat "$work/make.log" >&2
    if grep -q "is too old for" "$work/make.log"; then exit 77; fi
    fail "make.sh"
}
same=0 other=0
while read -r row hash spirv compiler; do
    [ "$row" != "#" ] || continue
    line=$(grep "^$row " "$work/made/manifest.txt") || fail "$row was not made"
    if [ "$(echo "$line" | cut -d ' ' -f 4-)" = "$compiler" ]; then
        cmp "$shaders/prebuilt/$row.spv" "$work/made/$row.spv" || fail "$compiler makes other bytes of $row than are checked in"
        same=$((same + 1))
    else
        other=$((other + 1))
    fi
done <"$manifest"
pack "$shaders" "$work/made" || { cat "$work/log" >&2 && fail "what this glslc makes does not fit the table"; }
if [ "$other" -gt 0 ] && grep -q "too old for" "$work/log"; then
    grep "too old for" "$work/log" && exit 77
fi
echo "$same rows are the same bytes; $other of another compiler version are valid and fit the table"
