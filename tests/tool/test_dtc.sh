#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What dtc makes of device trees that were generated: it reads them without a warning
# that was not there before, and compiles their source to the same tree.
#
#     test_dtc.sh VIOMMU
#
# Trees of QEMU are those in the folder that the environment calls VIOMMU_GOLDEN. Where it or dtc is
# missing, the test is skipped.
viommu=$(realpath "$1")
skip() {
	echo "skipped: $*"
	exit 77
}

command -v dtc >/dev/null || skip "there is no dtc"
command -v fdtoverlay >/dev/null || skip "there is no fdtoverlay"
[ -d "${VIOMMU_GOLDEN:-}/dtb" ] || skip "there is no folder of golden device trees"
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99
failed=0

fail() {
	echo "$*"
	failed=1
}

# What dtc says of a tree, without the name of its file; and the tree as sorted source.
source_of() {
	dtc -s -I dtb -O dts "$1" 2>&1 >"$2" | sed 's/^[^:]*: *//' | sort -u >"$2.says"
}

cat >machine.yaml <<'END'
viommu: 1
iommus:
  - { name: v, kind: virtio-iommu-pci, at: 00:05.0, proximity-domain: 0 }
  - { name: s, kind: smmu-v3, at: 0x9080000, interrupts: [120, 121, 122, 123], coherent: yes }
  - { name: m, kind: virtio-iommu-mmio, at: 0xa000000 }
host-bridges:
  - { buses: 00-ff, iommu: v }
ranges:
  - { functions: 00:10.0-00:17.7, iommu: s, first-id: 0x80 }
  - { functions: 00:18.0-00:18.7, iommu: s, first-id: 0x100, one-id: yes }
  - { functions: 01:00.0-01:1f.7, iommu: none }
devices:
  - { at: 0xa000200, iommu: m, id: 0x20 }
END

for base in "$VIOMMU_GOLDEN"/dtb/qemu-*-virt-none-gicv3.dtb; do
	source_of "$base" before.dts
	"$viommu" generate dtb machine.yaml --into "$base" -o made.dtb || fail "$base: no tree"
	source_of made.dtb after.dts
	comm -13 before.dts.says after.dts.says | grep . && fail "$base: dtc complains of it"
	"$viommu" check made.dtb || fail "$base: viommu complains of it"

	"$viommu" generate dtb machine.yaml --into "$base" --overlay -o made.dtbo ||
		fail "$base: no overlay"
	fdtoverlay -i "$base" -o applied.dtb made.dtbo || fail "$base: it cannot be applied"
	"$viommu" diff made.dtb applied.dtb || fail "$base: the overlay is not the tree"

	"$viommu" generate dtb machine.yaml --into "$base" --dts -o made.dts ||
		fail "$base: no source"
	dtc -q -I dts -O dtb -o compiled.dtb made.dts || fail "$base: no source for dtc"
	source_of compiled.dtb compiled.dts
	cmp after.dts compiled.dts || fail "$base: the source is not the tree"
done

# A tree of its own lacks what no topology knows: windows of bridges, the interrupt controller.
"$viommu" generate dtb machine.yaml -o alone.dtb 2>/dev/null || fail "no tree of its own"
source_of alone.dtb alone.dts
grep -vE "missing ranges|prerequisite 'pci_bridge'|Missing interrupt-parent" alone.dts.says |
	grep . && fail "dtc complains of a tree of its own"
exit $failed
