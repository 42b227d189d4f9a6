# Each public header compiles by itself as C11, and from C++ with HRM_INIT.
set -eu
: "${SOURCE:?}" "${WORK:?}" "${CC:?}"
mkdir -p "$WORK"
cd "$WORK"
for header in "$SOURCE"/include/hrm/*.h; do
    name=hrm/$(basename "$header")
    printf '#include <%s>\n#include <%s>\nint main(void) { return 0; }\n' "$name" "$name" >one.c
    "$CC" -std=c11 -pedantic -Wall -Wextra -Wstrict-prototypes -Werror -I"$SOURCE/include" -fsyntax-only one.c
done
cxx=${CXX:-c++}
if ! command -v "$cxx" >/dev/null; then
    echo "no C++ compiler: that part is left out"
    exit 0
fi
cat >all.cpp <<'SOURCE'
#include <hrm/hrm.h>
int main() {
    hrm_device_config device = HRM_INIT(hrm_device_config);
    hrm_trainer_config trainer = HRM_INIT(hrm_trainer_config);
    return device.struct_size == sizeof device && trainer.struct_size == sizeof trainer ? 0 : 1;
}
SOURCE
"$cxx" -std=c++11 -pedantic -Wall -Wextra -Werror -I"$SOURCE/include" -fsyntax-only all.cpp
