#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What iasl makes of a VIOT that was generated: decompiled and compiled again it is the same.
#
#     test_iasl.sh VIOMMU
#
# iasl knows VIOT from version 20210331 on. Where there is none that does, the test is skipped.
viommu=$(realpath "$1")
skip() {
	echo "skipped: $*"
	exit 77
}

command -v iasl >/dev/null || skip "there is no iasl"
version=$(iasl -v | sed -n 's/.*version \([0-9]*\).*/\1/p')
[ "${version:-0}" -ge 20210331 ] || skip "iasl $version does not know VIOT"
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99

"$viommu" generate viot - -o viot.aml <<'END' || exit 1
viommu: 1
iommus:
  - { name: a, kind: virtio-iommu-pci, at: 00:01.0 }
  - { name: b, kind: virtio-iommu-mmio, at: 0x10001000 }
host-bridges:
  - { buses: 00-7f, iommu: a }
  - { segment: 1, buses: 00-ff, iommu: b }
devices:
  - { at: 0x9000000, iommu: b, id: 0x20000 }
END
cp viot.aml before
iasl -d viot.aml >log 2>&1 || { cat log; exit 1; }
for name in "PCI Range" "MMIO Endpoint" "VirtIO-PCI IOMMU" "VirtIO-MMIO IOMMU"; do
	grep -qi "$name" viot.dsl || { cat viot.dsl; exit 1; }
done
rm viot.aml
iasl -p viot viot.dsl >log 2>&1 || { cat log; exit 1; }
# The compiler writes itself into the header, and with that another checksum.
cmp before viot.aml && exit 0
"$viommu" dump before | grep -vE '^  00(09|1c|20) ' >first
"$viommu" dump viot.aml | grep -vE '^  00(09|1c|20) ' >second
diff first second
