#!/bin/sh
# Another Debian in a folder: its Mesa, compiler, CMake and Vulkan headers beside this machine's own.
#   tests/lab/root.sh SUITE FOLDER          make it, or complete what an interrupted run left (as root)
#   tests/lab/root.sh SUITE FOLDER COMMAND  run COMMAND (one string, given to sh) in it
# SUITE is a Debian suite such as trixie, or testing. The mirror, its options and the key come from this machine's own apt
# configuration. While something runs, /proc, /dev and the tree (at /src) are mounted, in a mount namespace that ends with it:
# nothing stays mounted. A folder made for other packages than those below is completed; for a newer state of testing remove it.
set -eu
suite=$1
root=$2
here=$(cd "$(dirname "$0")" && pwd)

packages="gcc libc6-dev g++ cmake ninja-build libvulkan-dev libvulkan-volk-dev libshaderc-dev glslang-dev spirv-tools \
libstb-dev libjansson-dev libgif-dev libzip-dev libyaml-dev libcmocka-dev mesa-vulkan-drivers glslc libdrm-dev binutils"

# $1 COMMAND: runs it as root of $root. The parent's mounts stay as they are.
inside() {
    mkdir -p "$root/src" "$root/proc" "$root/dev"
    unshare --mount sh -eu -c '
        mount --bind "$0" "$0" # a mount point, so that what runs inside can have mounts of its own
        mount --bind /proc "$0/proc"
        mount --rbind /dev "$0/dev"
        mount --bind "$1" "$0/src"
        exec chroot "$0" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
            DEBIAN_FRONTEND=noninteractive sh -eu -c "$2"' "$root" "$(cd "$here/../.." && pwd)" "$1"
}

if [ $# -ge 3 ]; then
    inside "$3"
    exit
fi
[ "$(cat "$root/.complete" 2>/dev/null)" = "$packages" ] && exit 0
[ "$(id -u)" -eq 0 ] || { echo "root.sh: making a Debian in a folder needs root" >&2; exit 1; }

# The first archive of this machine that is Debian's own and not its security or update channel.
mirror=$(apt-get indextargets --format '$(REPO_URI) $(LABEL) $(RELEASE)' 'Created-By: Packages' |
    awk '$2 == "Debian" && $3 !~ /-/ { print $1; exit }')
[ -n "$mirror" ] || { echo "root.sh: apt knows no Debian mirror here; configure one and run apt-get update" >&2; exit 1; }
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
proxy=$(apt-config dump Acquire::http::Proxy | sed -n 's/^Acquire::http::Proxy "\(.*\)";$/\1/p')
[ -z "$proxy" ] || export http_proxy="$proxy"
# debootstrap has a script for every suite of its time; sid's serves those that came later
script=""
[ -e "/usr/share/debootstrap/scripts/$suite" ] || script=sid
log=$root.log
mkdir -p "$root"
if [ ! -e "$root/.unpacked" ]; then
    rm -rf "${root:?}"/*
    # shellcheck disable=SC2086 # an empty script is no argument
    unshare --mount debootstrap --variant=minbase --keyring="$keyring" "$suite" "$root" "$mirror" \
        ${script:+/usr/share/debootstrap/scripts/$script} >"$log" 2>&1 || {
        tail -n 5 "$log" >&2
        echo "root.sh: debootstrap of $suite from $mirror failed; see $log" >&2
        exit 1
    }
    touch "$root/.unpacked"
fi
cp -r /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/"
cp /etc/resolv.conf "$root/etc/resolv.conf"
inside "apt-get update -q && apt-get install -y -q --no-install-recommends $packages" >>"$log" 2>&1 || {
    tail -n 5 "$log" >&2
    echo "root.sh: installing packages in $root failed; see $log" >&2
    exit 1
}
echo "$packages" >"$root/.complete"
