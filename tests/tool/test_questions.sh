#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Questions to the command: which way devices go.
#
#     test_questions.sh VIOMMU TABLES_TESTS PYTHON3 PICTURES
. "$(dirname "$0")/rig.sh"
pictures=$(realpath "$4")
old_path=$PATH

machine() {
	cat >arm.yaml <<-'END'
	viommu: 1
	iommus:
	  - { name: smmu0, kind: smmu-v3, at: 0x9050000, its: its0 }
	  - { name: smmu1, kind: smmu-v3, at: 0x9070000, its: its0 }
	host-bridges:
	  - { name: pcie.0, buses: 00-3f, its: its0 }
	  - { name: pxb1, buses: 40-7f, iommu: smmu0, its: its0, pasid: yes, pasid-bits: 16 }
	  - { name: pxb2, buses: 80-bf, iommu: smmu1, its: its0 }
	ranges:
	  - { functions: 41:00.0, iommu: none }
	its-groups:
	  - { name: its0, ids: [0] }
	devices:
	  - { name: \_SB_.COM0, at: 0x9000000, iommu: smmu0, id: 0x20000, ids: 4 }
	  - { name: \_SB_.NET0, at: 0xa000000 }
	  - { name: \_SB_.GPU_.NET0, at: 0xb000000 }
	device-ids:
	  - { device: \_SB_.COM0, iommu: smmu1, id: 0x7 }
	msi-ranges:
	  - { iommu: smmu1, ids: 0x8000-0x80ff, its: its0, first-device-id: 0x18000 }
	END
}

resolve_tells_every_hop() {
	machine
	ran 0 "$viommu" resolve -f arm.yaml 40:01.0 80:00.0 41:00.0 COM0 --pasid 0x1ffff
	cat >expected <<-'END'
	40:01.0: smmu0 (smmu-v3 at 0x9050000), stream 0x4008, by arm.yaml:7:5
	    MSIs to its0, device 0x4008, by arm.yaml:3:5
	    PASID 0x1ffff is too large: PASIDs have up to 16 bits, by arm.yaml:7:5
	80:00.0: smmu1 (smmu-v3 at 0x9070000), stream 0x8000, by arm.yaml:8:5
	    MSIs to its0, device 0x18000, by arm.yaml:20:5
	    PASID 0x1ffff does not arrive: no entry forwards PASIDs
	41:00.0: no IOMMU: bypasses, by arm.yaml:10:5
	    MSIs to its0, device 0x4100, by arm.yaml:7:5
	    PASID 0x1ffff has no meaning: no IOMMU is reached
	COM0: smmu0 (smmu-v3 at 0x9050000), stream 0x20000-0x20003, by arm.yaml:14:5
	    also smmu1 0x7, by arm.yaml:18:5
	    MSIs to its0, device 0x20000, by arm.yaml:3:5
	    PASID 0x1ffff does not arrive: no entry forwards PASIDs
	END
	same out expected
	ran 0 "$viommu" resolve -f arm.yaml 40:01.0 -p 5 --json
	is_json out 'd["answers"][0]["pasid_arrives"] and d["answers"][0]["pasid_bits"] == 16'
	is_json out 'd["answers"][0]["msi"] == {"its": "its0", "device_id": 0x4008, "file": "arm.yaml", "line": 3, "column": 5}'
}

resolve_knows_devices_by_their_names() {
	machine
	ran 0 "$viommu" resolve -f arm.yaml '\_SB_.NET0' 0xb000000
	says out '\_SB_.NET0: no IOMMU: bypasses, by arm.yaml:15:5'
	says out '0xb000000: no IOMMU: bypasses, by arm.yaml:16:5'
	ran 2 "$viommu" resolve -f arm.yaml NET0
	says err 'viommu: arm.yaml: several devices have the name "NET0"'
}

resolve_all_is_the_whole_map() {
	machine
	ran 0 "$viommu" resolve --all --from arm.yaml
	is_empty err
	cat >expected <<-'END'
	arm.yaml

	PCI functions         IOMMU  IDs            MSIs                  by
	0000:40:00.0-40:1f.7  smmu0  0x4000-0x40ff  its0 0x4000-0x40ff    arm.yaml:7:5
	0000:41:00.1-7f:1f.7  smmu0  0x4101-0x7fff  its0 0x4101-0x7fff    arm.yaml:7:5
	0000:80:00.0-80:1f.7  smmu1  0x8000-0x80ff  its0 0x18000-0x180ff  arm.yaml:8:5
	0000:81:00.0-bf:1f.7  smmu1  0x8100-0xbfff  its0 0x8100-0xbfff    arm.yaml:8:5

	other devices  IOMMU  IDs              by
	\_SB_.COM0     smmu0  0x20000-0x20003  arm.yaml:14:5
	\_SB_.COM0     smmu1  0x7              arm.yaml:18:5

	bypassing             MSIs             by
	0000:00:00.0-3f:1f.7  its0 0x0-0x3fff  arm.yaml:6:5
	0000:41:00.0          its0 0x4100      arm.yaml:10:5
	\_SB_.NET0                             arm.yaml:15:5
	\_SB_.GPU_.NET0                        arm.yaml:16:5
	END
	same out expected
	ran 0 "$viommu" resolve --all --json --from arm.yaml
	is_json out 'len(d["maps"]) == 1 and [f["reach"] for f in d["maps"][0]["functions"]] == ["bypass", "iommu", "bypass", "iommu", "iommu", "iommu"]'
	is_json out 'd["maps"][0]["functions"][4]["device_ids"] == [0x18000, 0x180ff]'
	is_json out 'd["maps"][0]["devices"][0]["ids"] == [0x20000, 0x20003]'
	ran 2 "$viommu" resolve --all --from arm.yaml 40:01.0
	says err "--all shows every device: leave out \"40:01.0\", or --all"
	ran 0 "$viommu" resolve --all arm.yaml
}

# Functions 10:00.0-1f:1f.7 of four segments have no ID from 0x2000 to 0x10fff.
resolve_all_does_not_show_ids_between_those_of_segments() {
	cat >segments.yaml <<-'END'
	viommu: 1
	iommus:
	  - { name: a, kind: virtio-iommu-mmio, at: 0x40000000 }
	ranges:
	  - { segments: 0-3, functions: 10:00.0-1f:1f.7, iommu: a, first-id: 0x1000 }
	  - { segments: 4-5, functions: 00:00.0-ff:1f.7, iommu: a, first-id: 0x40000 }
	END
	ran 0 "$viommu" resolve --all segments.yaml
	says out "0000-0003:10:00.0-1f:1f.7  a      0x1000-0x1fff to 0x31000-0x31fff"
	says out "0004-0005:00:00.0-ff:1f.7  a      0x40000-0x5ffff"
	ran 0 "$viommu" resolve --all --json segments.yaml
	is_json out '[(f["ids"], f.get("segment_step")) for f in d["maps"][0]["functions"]] == [([0x1000, 0x1fff], 0x10000), ([0x40000, 0x5ffff], None)]'
}

# Linux, drivers/acpi/viot.c: the last node wins, and no IOMMU translates itself.
resolve_all_shows_where_linux_differs() {
	cat >overlap.yaml <<-'END'
	viommu: 1
	iommus:
	  - { name: a, kind: virtio-iommu-pci, at: 00:01.0, include-self: yes }
	host-bridges: [ { buses: 00-0f, iommu: a } ]
	END
	"$viommu" generate viot overlap.yaml -o viot || fail "no table"
	ran 0 "$viommu" resolve --all --from viot
	cat >expected <<-'END'

	Linux differs  IOMMU  by
	0000:00:01.0   none   viot:0x40
	END
	tail -3 out >told
	same told expected
	ran 0 "$viommu" resolve --all --json --from viot
	is_json out 'len(d["maps"][0]["linux"]) == 1 and "itself" in d["maps"][0]["linux"][0]["why"]'
}

# 65536 functions, each an entry of its own: what goes on is one line, and takes no time.
resolve_all_of_many_entries_is_short() {
	{
		printf 'viommu: 1\niommus: [ { name: a, kind: virtio-iommu-mmio, at: 0x1000 } ]\nranges:\n'
		"$python3" -c 'for f in range(65536):
			print("  - { functions: %02x:%02x.%d, iommu: a }" % (f >> 8, f >> 3 & 31, f & 7))'
	} >many.yaml
	ran 0 timeout 20 "$viommu" resolve --all --from many.yaml
	says out "0000:00:00.0-ff:1f.7  a      0x0-0xffff  many.yaml:4:5 and 65535 more"
	says out "Too many entries to show where Linux differs"
}

# -- diff ------------------------------------------------------------------------------

diff_tells_what_changed_for_a_guest() {
	machine
	sed '/41:00.0/d; s/^ranges:/ranges: []/; s/smmu1/other/' arm.yaml >now.yaml
	ran 1 "$viommu" diff arm.yaml now.yaml
	is_empty err
	cat >expected <<-'END'
	0000:41:00.0: was bypassing, is behind smmu0 as 0x4100 now (arm.yaml:10:5 -> now.yaml:7:5)
	END
	same out expected
	ran 0 "$viommu" diff --quiet arm.yaml arm.yaml
	is_empty out
	ran 1 "$viommu" diff --json arm.yaml now.yaml
	is_json out 'd["format"] == 1 and len(d["differences"]) == 1'
	is_json out 'd["differences"][0]["what"] == "0000:41:00.0" and d["differences"][0]["before"] == "bypassing"'
	is_json out 'd["differences"][0]["after_place"] == {"file": "now.yaml", "line": 7, "column": 5}'
}

# Nodes in another order, and another maker: the same to a guest, until somebody asks who made it.
diff_does_not_mind_bytes() {
	cat >one.yaml <<-'END'
	viommu: 1
	iommus:
	  - { name: a, kind: virtio-iommu-pci, at: 00:01.0 }
	  - { name: b, kind: virtio-iommu-mmio, at: 0x1000 }
	host-bridges:
	  - { buses: 00-7f, iommu: a }
	  - { buses: 80-ff, iommu: b }
	END
	cat >other.yaml <<-'END'
	viommu: 1
	iommus:
	  - { name: x, kind: virtio-iommu-mmio, at: 0x1000 }
	  - { name: y, kind: virtio-iommu-pci, at: 00:01.0 }
	host-bridges:
	  - { buses: 00-7f, iommu: y }
	  - { buses: 80-ff, iommu: x }
	tables: { viot: { oem-id: OTHERS } }
	END
	"$viommu" generate viot one.yaml -o one.viot || fail "no table"
	"$viommu" generate viot other.yaml -o other.viot || fail "no table"
	! cmp -s one.viot other.viot || fail "the tables are the same"
	ran 0 "$viommu" diff -q one.viot other.viot
	says out 'header of VIOT: oem-id was "VIOMMU", is "OTHERS" now'
	[ "$(wc -l <out)" -eq 1 ] || fail "$(cat out)"
	ran 1 "$viommu" diff --header one.viot other.viot
	ran 0 "$viommu" diff one.yaml other.viot
}

diff_compares_tables_of_one_kind() {
	machine
	printf 'viommu: 1\niommus: [ { name: a, kind: virtio-iommu-mmio, at: 4096 } ]\nhost-bridges: [ { buses: 00-ff, iommu: a } ]\n' >one.yaml
	"$viommu" generate viot one.yaml -o one.viot || fail "no table"
	cat one.viot one.viot >two.viot
	ran 1 "$viommu" diff two.viot one.viot
	says out "table VIOT: is gone (two.viot#VIOT"
	ran 1 "$viommu" diff one.viot two.viot
	says out "table VIOT: is new (two.viot#VIOT"
}

diff_needs_two_sides() {
	machine
	ran 2 "$viommu" diff arm.yaml
	says err "name two files"
	ran 2 "$viommu" diff arm.yaml missing
	says err "missing: No such file or directory"
	is_empty out
}

# -- graph -----------------------------------------------------------------------------

# The pictures of the documentation: their texts to the byte, and Graphviz takes each of them.
graph_draws_the_pictures_of_the_documentation() {
	for machine in "$pictures"/*.yaml; do
		ran 0 "$viommu" graph "$machine"
		is_empty err
		same out "${machine%.yaml}.dot"
		command -v dot >/dev/null || continue
		ran 0 dot -Tsvg out
		is_empty err
		ran 0 "$viommu" graph "$machine" --format svg --output picture.svg
		grep -q '</svg>' picture.svg || fail "no picture of $machine"
		ran 0 "$viommu" graph "$machine" -F png
		[ "$(head -c 4 out | tail -c 3)" = PNG ] || fail "no PNG of $machine"
		ran 0 "$viommu" graph "$machine" -o named.svg
		cmp picture.svg named.svg || fail "named.svg is no SVG of $machine"
	done
}

the_legend_of_a_picture_has_what_is_drawn() {
	cat >one.yaml <<-'END'
	viommu: 1
	iommus: [ { name: all, kind: virtio-iommu-mmio, at: 0x1000 } ]
	host-bridges: [ { buses: 00-ff, iommu: all } ]
	END
	ran 0 "$viommu" graph one.yaml
	says out 'translated, with the IDs beside the functions'
	! grep -E 'bypasses|MSIs' out || fail 'a kind of arrow that is not drawn'
	echo 'viommu: 1' >none.yaml
	ran 0 "$viommu" graph none.yaml
	! grep 'labelloc=b' out || fail 'a legend of nothing'
	! command -v dot >/dev/null || ran 0 dot -Tsvg out
}

graph_is_bounded_and_says_what_it_leaves_out() {
	"$python3" - >many.yaml <<-'END'
	print("viommu: 1\niommus:")
	for i in range(64):
	    print(f"  - {{ name: iommu{i}, kind: smmu-v3, at: {0x9000000 + i * 0x20000:#x} }}")
	print("host-bridges:")
	for b in range(64):
	    print(f"  - {{ buses: {b * 4:02x}-{b * 4 + 3:02x} }}")
	print("ranges:")
	for f in range(0, 65536, 8):
	    slot = f"{f >> 8:02x}:{f >> 3 & 31:02x}"
	    print(f"  - {{ functions: {slot}.0-{slot}.7, iommu: iommu{f // 8 % 64} }}")
	END
	ran 0 timeout 20 "$viommu" graph many.yaml
	[ "$(wc -c <out)" -lt 200000 ] || fail "$(wc -c <out) bytes"
	says out "and 116 more ranges"
	says out "and 16 more boxes"
	says out "and 16 more IOMMUs"
}

# Names are what a table says: they must not become anything else in a picture.
graph_takes_names_for_text() {
	cat >odd.yaml <<-'END'
	viommu: 1
	iommus: [ { name: "<b>\"&\n\\", kind: virtio-iommu-mmio, at: 0x1000 } ]
	host-bridges:
	  - { name: "0123456789012345678901234567890123456789 and more", buses: 00-ff, iommu: "<b>\"&\n\\" }
	END
	ran 0 "$viommu" graph odd.yaml
	says out '<b>&#60;b&#62;&#34;&#38;?&#92;</b>'
	says out '<b>0123456789012345678901234567890123456789…</b>'
	command -v dot >/dev/null || return 0
	ran 0 dot -Tsvg out
}

graph_without_graphviz_says_what_is_missing() {
	machine
	mkdir nothing
	PATH=$PWD/nothing
	"$viommu" graph arm.yaml --format svg -o picture.svg 2>err
	status=$?
	PATH=$old_path
	[ $status -eq 2 ] || fail "exit $status"
	says err "drawing needs Graphviz (apt install graphviz)"
	[ ! -e picture.svg ] || fail "there is a picture"
}

graph_needs_one_machine() {
	machine
	ran 2 "$viommu" graph arm.yaml arm.yaml
	says err "name one file"
	ran 2 "$viommu" graph arm.yaml --format jpeg
	says err 'unknown format "jpeg"'
	ran 2 "$viommu" graph missing
	says err "missing: No such file or directory"
}

# -- plan ------------------------------------------------------------------------------

plan_tells_what_each_guest_needs() {
	cp "$pictures/pc.yaml" .
	ran 0 "$viommu" plan pc.yaml
	sed '/^      .*note: /d' out >told
	cat >expected <<-'END'
	IOMMU    kind               PCI functions  other devices  IDs
	viommu0  virtio-iommu-pci   32766          0              0x0-0x7fff
	viommu1  virtio-iommu-mmio  32768          1              0x8000-0x20000

	arm64 with ACPI
	  VIOT describes viommu0, viommu1
	      200 bytes: viommu generate viot pc.yaml

	x86 with ACPI
	  VIOT describes viommu0, viommu1
	      200 bytes: viommu generate viot pc.yaml

	riscv64 with ACPI
	  VIOT describes viommu0, viommu1
	      200 bytes: viommu generate viot pc.yaml

	device tree
	  DTB describes viommu0, viommu1
	      1049 bytes: viommu generate dtb pc.yaml

	drafts of 2020, without firmware
	  builtin-v3 describes viommu0
	      88 bytes: viommu generate builtin-v3 --iommu=viommu0 pc.yaml
	  no table describes viommu1, a virtio-iommu-mmio
	END
	same told expected
	says out "pc.yaml:8:5: note: VIOT omits the proximity domain of IOMMU viommu1"
}

plan_says_once_what_no_table_has() {
	sed 's/kind: virtio-iommu-pci/&\n    hotplug: 3/' "$pictures/pc.yaml" >pc.yaml
	ran 0 "$viommu" plan pc.yaml
	grep hotplug out >told
	echo 'viommu0: no table has `hotplug: 3`; keep it in the text form' >expected
	same told expected
	! grep -q plugged out || fail "it is said for each table, too"
}

plan_commands_are_those_that_work() {
	cp "$pictures/virt.yaml" .
	ran 0 "$viommu" plan virt.yaml
	says out "  no table describes smmu0, a smmu-v3"
	sed -n 's/^ *\([0-9]*\) bytes: viommu /\1 /p' out >commands
	[ -s commands ] || fail "no commands"
	while read -r length command; do
		"$viommu" $command >made 2>err
		[ "$(wc -c <made)" -eq "$length" ] || fail "not $length bytes: $command"
	done <commands
}

plan_commands_quote_what_a_shell_would_obey() {
	sed "s/viommu0/'a; >owned'/" "$pictures/pc.yaml" >'a machine.yaml'
	ran 0 "$viommu" plan 'a machine.yaml'
	sed -n 's/^ *\([0-9]*\) bytes: viommu /\1 /p' out >commands
	says out "generate builtin-v3 --iommu='a; >owned' 'a machine.yaml'"
	while read -r length command; do
		eval "\"\$viommu\" $command" >made 2>err
		[ "$(wc -c <made)" -eq "$length" ] || fail "not $length bytes: $command"
	done <commands
	[ ! -e owned ] || fail "the shell obeyed a name"
}

plan_refuses_a_machine_with_errors() {
	printf 'viommu: 1\ndevices: [ { at: 1, iommu: b, id: 1 } ]\n' >wrong.yaml
	ran 2 "$viommu" plan wrong.yaml
	is_empty out
	says err "[topology-iommu-unknown]"
	ran 2 "$viommu" plan
	says err "name one topology"
}

run_steps "$0"
