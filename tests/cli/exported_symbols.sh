# What libhrm exports is what include/hrm marks HRM_API, no more and no less.
set -eu
: "${SOURCE:?}" "${LIBRARY:?}" "${WORK:?}"
mkdir -p "$WORK"
cd "$WORK"
if ! command -v nm >/dev/null; then
    echo "nm (binutils) is not installed"
    exit 77
fi
# a declaration may span lines; the name is the last word before the first parenthesis
sed '/^#/d' "$SOURCE"/include/hrm/*.h | tr '\n' ' ' | grep -oE 'HRM_API [^;]*;' | sed -n 's/^HRM_API \([^(]*\)(.*/\1/p' |
    sed 's/[[:space:]]*$//; s/.*[^a-zA-Z0-9_]//' | sort -u >declared
nm -D --defined-only "$LIBRARY" | awk '$2 ~ /[TDBRVW]/ { print $3 }' | sed 's/@.*//' |
    grep -vE '^(_init|_fini|__bss_start|_edata|_end|__asan_.*|__odr_asan.*|__ubsan_.*|_ZT[ISV].*)$' | sort -u >exported
[ -s declared ] || { echo "no declarations found"; exit 1; }
if ! diff declared exported >difference; then
    echo "declared in include/hrm (<) against exported by the library (>):"
    cat difference
    exit 1
fi
echo "$(wc -l <declared) functions"
