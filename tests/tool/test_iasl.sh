#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What iasl makes of a table that was generated: decompiled and compiled again it is the same.
#
#     test_iasl.sh VIOMMU TABLE
#
# An iasl that knows the table is that of the system, or the one that iasl.sh has fetched; where there
# is none, the test is skipped. It is given little time and room: on some tables it never ends.
viommu=$(realpath "$1")
table=${2%-*}
newer=$(dirname "$(realpath "$0")")/iasl.sh
skip() {
	echo "skipped: $*"
	exit 77
}

case $2 in
viot) since=20210331 names="PCI Range|MMIO Endpoint|VirtIO-PCI IOMMU|VirtIO-MMIO IOMMU" ;;
dmar) since=20200925 names="Hardware Unit Definition|Reserved Memory Region|Root Port ATS Capability|Remapping Hardware Static Affinity|ACPI Namespace Device Declaration" ;;
ivrs) since=20200925 names="Hardware Definition Block|Memory Definition Block" ;;
srat) since=20200925 names="Generic Initiator Affinity" ;;
iort) since=20200925 names="ItsCount|NSgIrpt|Context Interrupt|PMU Interrupt|Event GSIV|PCI Segment Number|Device Name" ;;
iort-5) since=20220331 names="ItsCount|Event GSIV|PCI Segment Number|Number of RMR Descriptors|Device Name" ;;
*) echo "no such table: $table"; exit 99 ;;
esac
version_of() {
	"$1" -v 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p'
}
iasl=$(command -v iasl)
version=$(version_of "$iasl")
if [ "${version:-0}" -lt "$since" ]; then
	iasl=$("$newer" --cached) || skip "iasl ${version:-(none)} does not know $2: run $newer"
fi
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99

topology_of_viot() {
	cat <<'END'
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
}

# A name that needs no NULs behind its own: the compiler leaves them out.
topology_of_dmar() {
	cat <<'END'
viommu: 1
iommus:
  - { name: a, kind: vt-d, at: 0xfed90000, proximity-domain: 0 }
  - { name: b, kind: vt-d, at: 0xfed91000, proximity-domain: 1 }
host-bridges:
  - { buses: 00-ff, iommu: b }
ranges:
  - { functions: 00:02.0, iommu: a }
  - { functions: 00:1c.0, path: 00.0/01.0, iommu: a }
  - { functions: 80:01.0, scope: bridge, iommu: a }
devices:
  - { name: \_SB.PCI0.I2C0.DEV0, number: 1, iommu: b, id: 0xa8 }
interrupt-sources:
  - { kind: ioapic, number: 2, function: f0:1f.0, iommu: b }
  - { kind: hpet, function: f0:0f.0, iommu: b }
ats:
  - { kind: root-port, function: 80:01.0, scope: bridge }
reserved-memory:
  - { range: 0x7b000000-0x7b7fffff, kind: identity, functions: 00:02.0 }
END
}

# Without devices that ACPI names: blocks 40h came later to the compiler than to firmware.
topology_of_ivrs() {
	cat <<'END'
viommu: 1
iommus:
  - { name: a, kind: amd-vi, at: 0xfed80000, function: 00:00.2, capability: 0x40, efr: 0x29d3,
      features: 0x44, flags: 0xd1 }
ranges:
  - { functions: 00:01.0, iommu: a, settings: 0xd7 }
  - { functions: 01:00.0-01:1f.7, iommu: a }
  - { functions: 02:00.0, first-id: 0x1, iommu: a }
  - { functions: 0b:00.0-0c:1f.7, one-id: yes, iommu: a }
  - { functions: 0d:00.0-ff:1f.7, no-ats: yes, iommu: a }
interrupt-sources:
  - { kind: hpet, function: 00:14.0, iommu: a }
  - { kind: ioapic, number: 33, function: 00:14.0, iommu: a, settings: 0xd7 }
reserved-memory:
  - { range: 0x7b000000-0x7b7fffff, kind: identity, functions: 00:01.0 }
  - { range: 0x7c000000-0x7c000fff, kind: exclusion, functions: 01:00.0-01:1f.7 }
  - { range: 0x7d000000-0x7d000fff, kind: identity, iommu: a }
END
}

topology_of_srat() {
	cat <<'END'
viommu: 1
iommus:
  - { name: a, kind: virtio-iommu-pci, at: 5a:1e.3, proximity-domain: 7 }
host-bridges:
  - { buses: 00-ff, iommu: a }
END
}

# Of revision 0, which every iasl reads field by field. It stops at a path without padding.
topology_of_iort() {
	cat <<'END'
viommu: 1
tables: { iort: { revision: 0 } }
iommus:
  - { name: a, kind: smmu-v3, at: 0x9050000, interrupts: [106, 107, 108, 109], coherent: yes, its: i }
  - { name: b, kind: smmu-v2, at: 0x5000000, span: 64K, model: 3, interrupts: [47, 48],
      context-interrupts: [178, 179], pmu-interrupts: [180], edge: yes, its: i }
host-bridges:
  - { buses: 00-0f, its: i, ats: yes }
  - { buses: 10-1f, iommu: a, ats: yes }
  - { segment: 1, buses: 00-ff, iommu: a }
devices:
  - { name: \_SB_.PCI0.DEV0, iommu: b, id: 0x20, pasid-bits: 3, stall: yes }
its-groups:
  - { name: i, ids: [0, 1] }
END
}

# Of revision 5, with memory that stays mapped.
topology_of_iort_5() {
	topology_of_iort | sed '/^tables/d'
	cat <<'END'
reserved-memory:
  - { range: 0x8000000-0x80fffff, kind: identity, iommu: a, ids: 0x1000-0x1fff }
END
}

limited() {
	(ulimit -f 2048; timeout 20 "$iasl" "$@" >log 2>&1) || { cat log; exit 1; }
}

"topology_of_$(echo "$2" | tr - _)" | "$viommu" generate "$table" - -o table.aml || exit 1
cp table.aml before
limited -d table.aml
echo "$names" | tr '|' '\n' >names
while read -r name; do
	grep -qi "$name" table.dsl || { echo "not there: $name"; cat table.dsl; exit 1; }
done <names
rm table.aml
limited -p table table.dsl
# The compiler writes itself into the header, and with that another checksum; and what pads a path of an
# IORT it takes from elsewhere, and writes over the path.
cmp before table.aml && exit 0
fields() {
	"$viommu" dump "$1" | grep -vE '^  00(09|1c|20) |^Bytes|  Bytes |  Object path '
}
fields before >first
fields table.aml >second
diff first second && exit 0
# The compiler has arrays of an RMR node in an order of its own: what they mean is the same.
[ "$2" = iort-5 ] || exit 1
meaning() {
	"$viommu" topology "$1" | sed '1d; /creator/d; /name: \\/d'
}
meaning before >first
meaning table.aml >second
diff first second
