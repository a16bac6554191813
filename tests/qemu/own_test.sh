#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# own_test.sh GENERATION: run the virtio-iommu-test of QEMU's source tree against the module in the stock
# QEMU ("7.2"; "": the installed one). Of its sources only the name of the device is changed: qos-test is
# linked with a second copy of libqos/virtio-iommu.c, so that it tests both devices. The first run
# builds QEMU's test library, for some minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
. qemu/build/flags.sh "$1"
module=$PWD/$out/viommu-qemu.so
# The programs of this generation: the installed one, or one of guests' cache (qemus.py).
mapfile -t program < <(python3 - "$generation" <<-'PYTHON'
	import sys
	sys.path.insert(0, "tests/guest")
	import qemus
	qemu = next(iter(qemus.choose(sys.argv[1], lambda text: print(text, file=sys.stderr))))
	print("\n".join([f"{name}={value}" for name, value in qemu.environment.items()] + qemu.command("amd64")))
PYTHON
)

test=$PWD/$out/qos-test
build() {
	local target=tests/qtest/qos-test object compile link
	cd "$headers"
	# The meson of headers.sh, which QEMU 10 needs to configure again.
	[[ $generation == 7.* ]] || export PYTHONPATH=$source/../meson/usr/lib/python3/dist-packages
	ninja -n "$target" | grep -q 'no work' || echo "own_test: building QEMU's tests" >&2
	ninja "$target" >"$1.log" 2>&1 || { tail -20 "$1.log" >&2; exit 1; }
	sed 's/"virtio-iommu-pci"/"viommu-pci"/' ../tests/qtest/libqos/virtio-iommu.c >"$1.c"
	compile=$(ninja -t commands "$target" | grep -e '-c ../tests/qtest/libqos/virtio-iommu.c$')
	object=$(sed 's/.* -o \([^ ]*\) .*/\1/' <<<"$compile")
	compile=${compile//-o $object/-o $1.o -I../tests/qtest/libqos}
	eval "${compile/-c ..\/tests\/qtest\/libqos\/virtio-iommu.c/-c $1.c}"
	link=$(ninja -t commands "$target" | grep -F -- "-o $target " | tail -1)
	eval "${link/-o $target /-o $1 $1.o }"
}
(build "$test")

# libqos takes the architecture from the name of the program.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -c 'import sys; sys.path.insert(0, "tests/guest"); import qemus; qemus.halting_rom(sys.argv[1])' "$work"
install -m 755 tests/qemu/stock.py "$work/qemu-system-x86_64"
export QTEST_QEMU_BINARY=$work/qemu-system-x86_64
# A QEMU that is not installed must not find the modules of the installed one: libqos lists all types, which
# loads them, and QEMU aborts at one of another version. This needs root.
hide=
folder=/usr/lib/$(uname -m)-linux-gnu/qemu
if [[ ${program[0]} == QEMU_MODULE_DIR=* && -d $folder ]]; then
	printf '#!/bin/sh\nmount --bind "%s" %s && exec "$@"\n' "${program[0]#*=}" "$folder" >"$work/hide"
	chmod +x "$work/hide"
	hide="unshare -m $work/hide"
fi
export STOCK_QEMU="$hide env ${program[*]} -plugin $module -bios $work/halt.rom"
failed=0 passed=0
run() {
	if "$test" -p "$1" >"$work/log" 2>&1; then
		passed=$((passed + 1)); echo "ok      $generation $1$2"
	else
		failed=$((failed + 1)); echo "FAILED  $generation $1$2"; grep -E 'ERROR|Bail' "$work/log" | head -1
	fi
} 2>/dev/null

# The test maps single bytes, although `page_size_mask` has no page smaller than 4 KiB: the standard wants
# RANGE then, which QEMU's device does not answer. So these requests go to a device with pages of a byte.
bytes="-global viommu-device.page-size-mask=0xffffffffffffffff"
stock=$STOCK_QEMU
for name in $("$test" -l 2>/dev/null | grep -E '/pc/.*iommu-pci/virtio-iommu/.*tests/'); do
	case $name in
	*/viommu-pci/*/map_unmap) STOCK_QEMU="$stock $bytes" run "$name" " with pages of a byte" ;;
	*) run "$name" "" ;;
	esac
done
echo "own test: $passed passed, $failed failed"
((failed == 0 && passed > 0))
