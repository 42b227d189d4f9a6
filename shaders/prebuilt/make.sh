#!/bin/sh
# SPIR-V of the kernel rows that common compilers cannot make (HRM_KERNEL_PREBUILT in kernels.def), checked in beside this
# script so that nobody who builds hrm needs a new compiler. Whoever edits the source of such a row runs
#   shaders/prebuilt/make.sh [--glslc PROGRAM] [--all] [--out FOLDER]
# and commits what changed. It compiles the rows whose source changed since (with --all every row), removes the files of rows
# that are gone, and writes manifest.txt. Needed: a C compiler (CC, else cc), and a glslc that knows the extensions that the
# rows ask for; without --glslc the one in the search path. Debian testing's package glslc (shaderc 2026.4) does; Debian 12's
# and 13's do not. On an older Debian: tests/lab/root.sh testing FOLDER 'sh /src/shaders/prebuilt/make.sh'.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
shaders=$(dirname "$here")
tree=$(dirname "$shaders")
glslc=glslc
out=$here
all=no
while [ $# -gt 0 ]; do
    case $1 in
    --glslc) glslc=$2 && shift ;;
    --out) out=$2 && shift ;;
    --all) all=yes ;;
    *) echo "usage: $0 [--glslc PROGRAM] [--all] [--out FOLDER]" >&2 && exit 2 ;;
    esac
    shift
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
mkdir -p "$out"
manifest=$out/manifest.txt

"${CC:-cc}" -std=c11 -D_GNU_SOURCE -I "$tree/runtime" -I "$shaders" -o "$work/list" "$tree/tools/shader_pack/list_prebuilt.c" \
    "$tree/tools/shader_pack/source_hash.c" "$tree/tools/shader_pack/file.c" "$tree/runtime/base/hash.c"
"$work/list" "$shaders" >"$work/rows"
flags=$("$work/list" "$shaders" flags)

# A row is up to date when the manifest has its source's hash and the hash of the file that lies there.
: >"$work/kept"
: >"$work/todo"
while read -r row hash target source defines; do
    line=$(grep "^$row $hash " "$manifest" 2>/dev/null || true)
    file=$out/$row.spv
    if [ "$all" = no ] && [ -n "$line" ] && [ -f "$file" ] &&
        [ "$(echo "$line" | cut -d ' ' -f 3)" = "$("$work/list" "$shaders" hash "$file")" ]; then
        echo "$line" >>"$work/kept"
    else
        echo "$row $hash $target $source $defines" >>"$work/todo"
    fi
done <"$work/rows"

if [ -s "$work/todo" ]; then
    version=$("$glslc" --version 2>/dev/null | sed -n '/^Target/q; s/ *$//; /./p' | paste -s -d , | sed 's/,/, /g') || true
    [ -n "$version" ] || {
        echo "make.sh: no glslc at '$glslc'; name one with --glslc, or run this in Debian testing (see the head of $0)" >&2
        exit 1
    }
    # Whatever a source asks for must be known, whichever of its rows asks: all its extensions, in an empty shader.
    cut -d ' ' -f 4 "$work/todo" | sort -u >"$work/sources"
    while read -r source; do
        {
            echo "#version 460"
            sed -n 's/^ *# *extension  *\([A-Za-z0-9_]*\) *:.*/#extension \1 : require/p' "$shaders/$source"
            printf 'layout(local_size_x = 1) in;\nvoid main() {}\n'
        } >"$work/probe.comp"
        # shellcheck disable=SC2086 # the flags are words
        "$glslc" $flags --target-env=vulkan1.3 -o "$work/probe.spv" "$work/probe.comp" 2>"$work/probe.log" || {
            sed -n 's/^.*error: //p' "$work/probe.log" | head -n 1 >&2
            echo "make.sh: $glslc ($version) is too old for $source; take a newer one (Debian testing's package glslc)" >&2
            exit 1
        }
    done <"$work/sources"
fi

made=0
while read -r row hash target source defines; do
    # shellcheck disable=SC2086 # flags and defines are words
    "$glslc" $flags --target-env="$target" -I "$shaders" $defines -o "$work/$row.spv" "$shaders/$source" || {
        echo "make.sh: $glslc ($version) cannot compile row $row" >&2
        exit 1
    }
    mv "$work/$row.spv" "$out/$row.spv"
    echo "$row $hash $("$work/list" "$shaders" hash "$out/$row.spv") $version" >>"$work/kept"
    made=$((made + 1))
done <"$work/todo"

for file in "$out"/*.spv; do
    row=$(basename "$file" .spv)
    [ ! -f "$file" ] || grep -q "^$row " "$work/rows" || rm "$file"
done
{
    echo "# Written by make.sh: kernel row, hash of its source, hash of its .spv file, compiler."
    LC_ALL=C sort "$work/kept"
} >"$work/manifest.txt"
cmp -s "$work/manifest.txt" "$manifest" || cp "$work/manifest.txt" "$manifest"
echo "make.sh: $(wc -l <"$work/rows") prebuilt rows, $made compiled now"
