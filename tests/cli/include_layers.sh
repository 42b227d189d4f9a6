# Includes point down only: a layer sees itself and lower ranks; the tool and the samples see include/hrm alone; Vulkan is
# the gpu layer's.
set -eu
cd "${SOURCE:?}"

allowed() { # LAYER: the folders it may include from
    case $1 in
    base) echo base ;;
    io | viz) echo base "$1" ;;
    gpu) echo base gpu shared ;;
    data) echo base io data ;;
    ops) echo base gpu ops shared ;;
    model) echo base gpu ops model shared ;; # knows no files, puzzles or pictures
    train) echo base gpu io data ops model train shared ;;
    api) echo base gpu io viz ops data model train api shared ;;
    esac
}
bad=0
complain() {
    echo "$1: $2"
    bad=1
}
quoted_includes() { sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$1"; }
named_includes() { sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*<\([^>]*\)>.*/\1/p' "$1"; }

files=0
for layer in base gpu io viz data ops model train api; do
    for file in runtime/"$layer"/*.[ch]; do
        [ -e "$file" ] || continue
        files=$((files + 1))
        for quoted in $(quoted_includes "$file"); do
            case $quoted in
            kernels.def) from=shared ;; # the one table of kernels, in the root of shaders/
            */*) from=${quoted%%/*} ;;
            *) complain "$file" "#include \"$quoted\" is not written from the root (layer/name.h)" && continue ;;
            esac
            case " $(allowed "$layer") " in
            *" $from "*) ;;
            *) complain "$file" "layer $layer may not include \"$quoted\"" ;;
            esac
        done
        for named in $(named_includes "$file"); do
            case $named in
            vulkan/* | *volk*)
                [ "$layer" = gpu ] || complain "$file" "layer $layer may not include <$named>" ;;
            esac
        done
    done
done
[ "$files" -gt 20 ] || complain runtime "only $files files were found"

# outside programs
for file in tools/hrm/*.[ch] samples/*.c; do
    for quoted in $(quoted_includes "$file"); do
        [ -e "$(dirname "$file")/$quoted" ] || complain "$file" "includes \"$quoted\": it may see <hrm/...> only"
    done
    for named in $(named_includes "$file"); do
        case $named in
        hrm/*) [ -e "include/$named" ] || complain "$file" "<$named> is not public" ;;
        vulkan/* | *volk*) complain "$file" "includes <$named>: it may see <hrm/...> only" ;;
        esac
    done
done

# public headers stand alone
for file in include/hrm/*.h; do
    for named in $(quoted_includes "$file") $(named_includes "$file"); do
        case $named in
        hrm/* | stdbool.h | stddef.h | stdint.h) ;;
        *) [ "$file:${named%%/*}" = include/hrm/vulkan.h:vulkan ] || complain "$file" "includes <$named>" ;;
        esac
    done
done
[ "$bad" -eq 0 ] && echo "$files files of the runtime, the tool, the samples and the public headers"
exit "$bad"
