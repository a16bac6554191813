#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The command and several tables of one machine: checked together, and one put into another.
#
#     test_machines.sh VIOMMU TABLES_TESTS PYTHON3
. "$(dirname "$0")/rig.sh"

tables() {
	cat >virtio.yaml <<-'END'
	viommu: 1
	iommus:
	  - { name: a, kind: virtio-iommu-pci, at: 00:01.0, proximity-domain: 3 }
	host-bridges:
	  - { buses: 00-ff, iommu: a }
	END
	cat >vtd.yaml <<-'END'
	viommu: 1
	iommus:
	  - { name: a, kind: vt-d, at: 0xfed90000 }
	host-bridges:
	  - { buses: 00-ff, iommu: a }
	END
	"$viommu" generate viot virtio.yaml -o virtio.viot 2>/dev/null
	"$viommu" generate dmar vtd.yaml -o vtd.dmar
}

check_takes_files_for_one_machine() {
	tables
	ran 1 "$viommu" check virtio.viot vtd.dmar
	says err "vtd.dmar:0x30: warning: DMAR and VIOT have different IOMMUs for the same functions"
	ran 1 "$viommu" check --json virtio.viot vtd.dmar
	is_json out '[f["id"] for f in d["findings"]] == ["machine-both"]'
}

check_takes_files_of_one_kind_for_several_machines() {
	tables
	cp virtio.viot other.viot
	ran 0 "$viommu" check virtio.viot other.viot vtd.dmar
	is_empty err
}

check_looks_into_a_folder_for_what_others_refer_to() {
	mkdir folder
	cp "$(refused machine-ioapic.machine)" folder/tables
	ran 1 "$viommu" check folder
	says err "IOAPIC 2 of the MADT is not in the DMAR"
	head -c 56 "$(refused machine-ioapic.machine)" >folder/tables
	ran 2 "$viommu" check folder
	says err "no table that describes IOMMUs"
}

structures_that_a_topology_cannot_represent_are_named() {
	for rule in dmar-type ivrs-type viot-node-type iort-node-type; do
		file=$(ls "$(dirname "$(refused $rule."${rule%%-*}")")/$rule".*)
		ran 1 "$viommu" topology "$file"
		says err "[$rule]"
	done
	"$viommu" topology "$file" >unknown.yaml 2>/dev/null
	ran 1 "$viommu" convert --to iort "$file" -o out.iort
	says err "[iort-node-type]"
	ran 0 "$viommu" topology unknown.yaml
}

# The IORT of a set has the SMMUs, and its DSDT their command queues.
a_set_of_tables_is_one_machine() {
	printf '%s\n' "viommu: 1" "iommus:" \
		"  - { name: smmu0, kind: smmu-v3, at: 0x9050000, interrupts: [36, 37, 38, 39]," \
		"      cmdqv: 0x9200000, cmdqv-interrupt: 54 }" \
		"  - { name: viommu0, kind: virtio-iommu-mmio, at: 0x9100000, interrupts: [60] }" \
		"  - { name: smmu1, kind: smmu-v3, at: 0x9070000, interrupts: [46, 47, 48, 49]," \
		"      identifier: 77, cmdqv: 0x9280000 }" \
		"host-bridges:" "  - { buses: 00-3f, iommu: smmu0 }" "  - { buses: 40-7f, iommu: smmu1 }" \
		"  - { buses: 80-ff, iommu: viommu0 }" >machine.yaml
	ran 0 "$viommu" generate acpi --address 0xe0000 machine.yaml -o set
	ran 0 "$viommu" topology set
	says out "cmdqv: 0x9200000"
	says out "cmdqv-interrupt: 54"
	says out "cmdqv: 0x9280000"
	says out "name: viommu0"
	ran 0 "$viommu" resolve 00:01.0 80:01.0 --from set
	says out "00:01.0: smmu0"
	says out "80:01.0: viommu0"
	mkdir folder
	"$viommu" dump --help >folder/text
	cp set folder/
	ran 0 "$viommu" topology folder
	says out "cmdqv: 0x9280000"
	ran 0 "$viommu" diff set folder
}

generate_puts_iommus_into_an_srat() {
	tables
	printf '%s\n' "viommu: 1" "iommus:" \
		"  - { name: b, kind: virtio-iommu-pci, at: 80:00.0, proximity-domain: 1 }" \
		"host-bridges:" "  - { buses: 80-ff, iommu: b }" >other.yaml
	ran 0 "$viommu" generate srat other.yaml -o before
	says err "[srat-alone]"
	ran 0 "$viommu" generate srat virtio.yaml --into before -o after
	is_empty err
	head -c 80 after | tail -c 32 >kept
	tail -c 32 before >there
	same kept there
	ran 0 "$viommu" generate srat virtio.yaml --into after -o again
	same after again
	ran 0 "$viommu" dump after
	says out "Proximity domain     3"
}

generate_replaces_nothing_in_an_srat() {
	tables
	sed s/proximity-domain:.3/proximity-domain:\ 4/ virtio.yaml >other.yaml
	"$viommu" generate srat virtio.yaml -o before 2>/dev/null
	ran 2 "$viommu" generate srat other.yaml --into before -o after
	says err "[extend-taken]"
	[ ! -e after ] || fail "there is a table"
	ran 2 "$viommu" generate srat virtio.yaml --into virtio.viot -o after
	says err "virtio.viot: contains no SRAT to extend"
	ran 2 "$viommu" generate viot virtio.yaml --into virtio.viot -o after
	says err "VIOT cannot be extended"
}

run_steps "$0"
