# Sourced by samples/demo.sh and tests/run.sh: installs the Debian or Ubuntu packages named, as root or with sudo, and
# otherwise says exactly which are missing.

# need_packages PACKAGE...: those not installed yet are installed.
need_packages() {
    missing=""
    for package in "$@"; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$status" = installed ] || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" -eq 0 ]; then
        as_root=""
    elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        as_root=sudo
    else
        echo "These packages are missing, and only root may install them:$missing" >&2
        echo "As root: apt-get update && apt-get install --no-install-recommends$missing" >&2
        return 1
    fi
    echo "installing:$missing"
    package_log=$(mktemp)
    # shellcheck disable=SC2086 # lists of words
    if ! $as_root apt-get install -y -q --no-install-recommends $missing >"$package_log" 2>&1; then
        # the package lists may be missing or old
        if ! { $as_root apt-get update -q && $as_root apt-get install -y -q --no-install-recommends $missing; } \
            >"$package_log" 2>&1; then
            tail -n 20 "$package_log" >&2
            echo "These packages could not be installed:$missing" >&2
            return 1
        fi
    fi
    rm -f "$package_log"
}
export DEBIAN_FRONTEND=noninteractive

need_debian() {
    command -v apt-get >/dev/null 2>&1 && command -v dpkg-query >/dev/null 2>&1 && return 0
    echo "This script installs what it needs on Debian and Ubuntu. Elsewhere install a C compiler, CMake, Ninja and the" >&2
    echo "libraries CMake asks for yourself, then follow 'Building by hand' in README.md." >&2
    return 1
}

# What building and running needs.
build_packages="gcc libc6-dev g++ cmake ninja-build libvulkan-dev libvulkan-volk-dev libshaderc-dev glslang-dev \
spirv-tools libstb-dev libjansson-dev libgif-dev libzip-dev libyaml-dev mesa-vulkan-drivers"
