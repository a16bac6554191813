#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# all.sh MODULE VECTORS [ARCHITECTURE...]: all guests without an operating system, on x86, arm64 and riscv64, or on those
# named. VECTORS is a folder of test vectors, or not there
set -eu
module=$1 vectors=$2
shift 2
here=$(dirname "$0")
IMAGES=$(mktemp -d)
export IMAGES
trap 'rm -rf "$IMAGES"' EXIT
devices="-device viommu-dma,addr=5 -device edu,addr=6
	-device viommu-pci,addr=4,tables=x86+arm+riscv+amd+generic,nest=on,pasid-bits=20,page-requests=32"
status=0

run() {
	"$here/run.sh" "$module" "$@" || status=1
}

topology() {
	form=0
	for name in builtin-v1 builtin-v2 builtin-v3 builtin-v3-segments; do
		run "$1" topology -device loader,addr="$handed",data=$form,data-len=4 \
			-device viommu-pci,addr=4,firmware=$name
		form=$((form + 1))
	done
}

# Devices that speak a published draft.
drafts() {
	for name in draft-c draft-e; do
		run "$1" drafts -device viommu-dma,addr=5 \
			-device viommu-pci,addr=4,personality=$name,tables=generic+arm+x86,pasid-bits=8
	done
}

disk() {
	python3 "$here/disk.py" make "$IMAGES/disk"
	run "$1" disk $devices -drive if=none,id=d0,format=raw,file="$IMAGES/disk" \
		-device virtio-blk-pci,addr=7,drive=d0,disable-legacy=on,iommu_platform=on
	python3 "$here/disk.py" check "$IMAGES/disk" || status=1
}

# Devices that a device tree describes, or on x86 the device's own topology. A multiboot image needs an option ROM.
mmio() {
	firmware=auto
	[ "$1" != x86 ] || firmware=builtin-v3
	python3 "$here/disk.py" make "$IMAGES/disk"
	MACHINE=microvm,acpi=off,x-option-roms=on,rtc=on run "$1" mmio -global virtio-mmio.force-legacy=false \
		-device viommu-device,bus=virtio-mmio-bus.0,firmware=$firmware \
		-drive if=none,id=d0,format=raw,file="$IMAGES/disk" \
		-device virtio-blk-device,bus=virtio-mmio-bus.1,drive=d0,iommu_platform=on
}

# A file of vectors says where memory ends, in MiB.
play() {
	for end in 2304 2560; do
		python3 "$here/vectors.py" "$first" $((end << 20)) "$vectors"/*.json >"$IMAGES/vectors"
		MEMORY=$((end - start)) run "$1" vectors $devices \
			-device loader,file="$IMAGES/vectors",addr="$handed",force-raw=on
	done
}

ls "$vectors"/*.json >/dev/null 2>&1 || { echo "left out: test vectors: not in $vectors" >&2 && vectors=; }
[ $# != 0 ] || set -- x86 arm64 riscv64
for architecture; do
	# `handed` is what machine_handed() returns, `start` where memory starts in MiB, `first` the first address for
	# vectors: RISC-V has firmware before it.
	case $architecture in
	x86) qemu=x86_64 handed=0x8000000 start=0 first=0x80000000 ;;
	arm64) qemu=aarch64 handed=0x4c000000 start=1024 first=0x80000000 ;;
	riscv64) qemu=riscv64 handed=0x88000000 start=2048 first=0x80100000 ;;
	*) echo "all.sh: $architecture is not x86, arm64 or riscv64" >&2 && exit 2 ;;
	esac
	missing=
	for program in qemu-system-$qemu $qemu-linux-gnu-gcc; do
		command -v "$program" >/dev/null || missing="$missing $program"
	done
	[ -z "$missing" ] || {
		echo "left out: $architecture, for want of$missing" >&2
		continue
	}
	echo "== $architecture"
	# It takes its address space when it is created: after the IOMMU.
	testdev="-device iommu-testdev,addr=8"
	"qemu-system-$qemu" -device help | grep -q '"iommu-testdev"' || testdev=
	run "$architecture" spaces $devices $testdev
	# Tables have smaller pages than mappings then.
	run "$architecture" spaces $devices,page-size-mask=0xffffffffffff0000 $testdev
	disk "$architecture"
	topology "$architecture"
	drafts "$architecture"
	mmio "$architecture"
	[ -z "$vectors" ] || play "$architecture"
done
exit $status
