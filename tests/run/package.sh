#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Test the packages in a folder: tests/run/package.sh FOLDER
#
# lintian has no complaint; in a fresh system of this Debian release, which has nothing of the project
# but the packages, they install, run, compile README's example, notice an upgrade of QEMU, and are removed.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(realpath "$1") root=$PWD work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chroot=$work/root

fail() { echo "package: $*" >&2; exit 1; }
step() { echo "package: $1: passed ($((SECONDS - begun)) s)"; begun=$SECONDS; }
inside() { chroot "$chroot" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive HOME=/root "$@"; }
debs=()
for deb in "$folder"/*.deb; do
	[[ $deb == *-dbgsym_* ]] || debs+=("$deb")
done
begun=$SECONDS

lintian --fail-on error,warning --tag-display-limit 0 "$folder"/*.changes >"$work/lintian" 2>&1 ||
	{ cat "$work/lintian"; fail "lintian complains"; }
step 'lintian has no error and no warning'

((EUID == 0)) || { echo "package: skipped: a fresh system needs root"; exit 0; }
mmdebstrap --variant=minbase --skip=cleanup/apt/lists --include=gcc,libc6-dev,pkg-config,man-db,qemu-system-x86 \
	"$(. /etc/os-release; echo "$VERSION_CODENAME")" "$chroot" >"$work/log" 2>&1 ||
	{ tail -5 "$work/log"; echo "package: skipped: no fresh system could be made"; exit 0; }
step 'a fresh system is made'

mkdir "$chroot/packages"
cp /etc/resolv.conf "$chroot/etc/resolv.conf"
cp "${debs[@]}" "$chroot/packages/"
inside apt-get install -y -qq "${debs[@]/#*\//\/packages\/}" >"$work/log" 2>&1 || { tail -20 "$work/log"; fail "they do not install"; }
! grep -q 'do not start' "$work/log" || { cat "$work/log"; fail "the module does not run in this QEMU"; }
step 'the packages install'

version=$(sed -n "s/^ *version: '\(.*\)',/\1/p" meson.build)
[[ $(inside viommu --version) == "viommu $version" ]] || fail "viommu --version is not $version"
cp "$root/tests/golden/q35-minimal.VIOT" "$chroot/root/"
inside viommu check /root/q35-minimal.VIOT 2>"$work/check" || fail "viommu check fails"
inside man --warnings -l /usr/share/man/man1/viommu.1.gz >/dev/null 2>"$work/man" || fail "no manual page"
[[ ! -s $work/man ]] || { cat "$work/man"; fail "man has warnings"; }
step 'the command runs, and has a manual page'

sed -n '/^```c$/,/^```$/{/^```/!p}' README.md >"$chroot/root/embed.c"
for mode in '' --static; do
	inside sh -c "cc /root/embed.c -o /root/embed ${mode/--static/-static} \$(pkg-config $mode --cflags --libs libviommu)" ||
		fail "README's example does not compile $mode"
	inside /root/embed | grep -q 'nothing is mapped yet' || fail "README's example does not run $mode"
done
step 'the example of README.md compiles, also statically'

cp "$root/tests/run/signature.c" "$chroot/root/read.c"
for mode in '' --static; do
	inside sh -c "cc /root/read.c -o /root/read ${mode/--static/-static} \$(pkg-config $mode --cflags --libs libviommu-tables)" \
		2>"$work/log" || { cat "$work/log"; fail "a program that reads a table does not compile $mode"; }
	[[ $(inside /root/read /root/q35-minimal.VIOT) == VIOT ]] || fail "a program that reads a table does not run $mode"
done
step 'a program with libviommu-tables compiles, also statically'

inside python3 -W error -c 'import sys, viommu; print(viommu.read(sys.argv[1])[0].signature)' /root/q35-minimal.VIOT >"$work/out" 2>&1 ||
	{ cat "$work/out"; fail "the Python module does not run"; }
[[ $(cat "$work/out") == VIOT ]] || fail "the Python module does not read a table"
step 'the Python module reads a table'

module=$(inside dpkg -L viommu-qemu | grep '/viommu/viommu-qemu\.so$') || fail "no module"
inside qemu-system-x86_64 -display none -plugin "$module,help=on" | grep -q '^-device viommu-pci' || fail "the module does not load"
inside viommu-conformance --html /root/matrix.html -- qemu-system-x86_64 -plugin "$module" -M q35,sata=off -nodefaults \
	-display none -serial stdio -kernel '{image}' -device viommu-pci -device viommu-dma -device viommu-dma >"$work/judged" || :
grep -q '^device: .* [1-9][0-9]* passed' "$work/judged" || { cat "$work/judged"; fail "the conformance suite does not run"; }
[[ -s $chroot/root/matrix.html ]] || fail "the conformance suite writes no matrix"
for image in x86 x86-linux x86-pvh arm64 arm64-acpi riscv64; do
	[[ -s $chroot/usr/share/viommu-conformance/suite-$image ]] || fail "there is no image for $image"
done
step 'the conformance suite judges the module'

mv "$chroot/${module%/*}/qemu" "$chroot/kept"
mkdir -p "$chroot/${module%/*}/qemu/6.1.0"
inside dpkg-trigger --by-package=qemu-system-x86 /usr/bin/qemu-system-x86_64
inside dpkg --triggers-only viommu-qemu >"$work/log" 2>&1 || fail "the trigger fails"
grep -q 'no module for QEMU .* (there: 6.1.0)' "$work/log" || { cat "$work/log"; fail "an upgrade of QEMU is not noticed"; }
step 'an upgrade of QEMU without a module is reported'
rm -r "$chroot/${module%/*}/qemu"
mv "$chroot/kept" "$chroot/${module%/*}/qemu"

inside apt-get purge -y -qq '?installed?name(viommu)' >"$work/log" 2>&1 || { tail -20 "$work/log"; fail "they are not removed"; }
[[ ! $(inside find /usr /etc -name '*viommu*' ! -path '*/linux/*') ]] || fail "files are left: $(inside find /usr /etc -name '*viommu*')"
step 'the packages are removed'
