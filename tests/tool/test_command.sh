#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The command as a user runs it: exit status, stdout and stderr.
#
#     test_command.sh VIOMMU TABLES_TESTS PYTHON3
. "$(dirname "$0")/rig.sh"

topology() {
	cat >topology.yaml <<-'END'
	viommu: 1
	iommus:
	  - { name: a, kind: virtio-iommu-pci, at: 00:01.0 }
	host-bridges:
	  - { buses: 00-7f, iommu: a }
	devices:
	  - { at: 0x10001000, iommu: a, id: 0x20000 }
	END
}

table() {
	topology
	"$viommu" generate viot topology.yaml -o good.viot || fail "no good.viot"
}

# -- generate ----------------------------------------------------------------------

generate_writes_to_a_pipe_what_it_writes_to_a_file() {
	table
	ran 0 "$viommu" generate viot topology.yaml
	is_empty err
	same out good.viot
	"$viommu" generate VIOT - <topology.yaml >from_pipe || fail "not from a pipe"
	same from_pipe good.viot
}

generate_replaces_a_file_and_leaves_nothing_else_there() {
	topology
	mkdir folder
	echo old >folder/table
	ln -s table folder/link
	ran 0 "$viommu" generate viot topology.yaml -o folder/link
	[ "$(ls folder | tr '\n' ' ')" = "link table " ] || fail "there is $(ls folder)"
	[ -h folder/link ] || fail "the link is gone"
	ran 0 "$viommu" check folder/table
}

generate_that_cannot_write_says_so() {
	topology
	ran 2 "$viommu" generate viot topology.yaml -o missing/table
	says err "viommu: missing/table: cannot write: No such file or directory"
	[ -c /dev/full ] || return
	"$viommu" generate viot topology.yaml >/dev/full 2>err
	[ $? -eq 2 ] || fail "a full disk is not an error"
	says err "cannot write standard output: No space left on device"
}

# What is no file is written to, never replaced. Only what is in this folder is put to that test:
# with a command that gets it wrong, a device of the machine would be gone.
generate_writes_into_a_pipe_that_has_a_name() {
	table
	mkfifo pipe
	cat pipe >through &
	ran 0 "$viommu" generate viot topology.yaml -o pipe
	if [ -p pipe ]; then
		wait $!
		same through good.viot
	else
		kill $!
		fail "the pipe was replaced"
	fi
}

generate_makes_what_a_link_names() {
	topology
	mkdir folder
	ln -s folder/table link
	ran 0 "$viommu" generate viot topology.yaml -o link
	[ -h link ] || fail "the link is gone"
	ran 0 "$viommu" check folder/table
	ln -s circle circle
	ran 2 "$viommu" generate viot topology.yaml -o circle
	[ -h circle ] || fail "the other link is gone"
}

what_is_too_large_is_not_read() {
	truncate -s 1T sparse 2>/dev/null || return
	ran 2 "$viommu" check sparse
	says err "viommu: sparse: larger than 64 MiB"
}

# The findings would be lost.
a_file_stays_if_the_findings_cannot_be_written() {
	table
	[ -c /dev/full ] || return
	"$viommu" dump --source good.viot >good.txt || fail "no source"
	echo old >made
	cp made expected
	for made in "generate viot topology.yaml" "generate acpi topology.yaml -a 16" "assemble good.txt"; do
		"$viommu" $made --json -o made >/dev/full 2>err
		[ $? -eq 2 ] || fail "a full disk is not an error: $made"
		same made expected
	done
}

a_dash_is_standard_output() {
	table
	ran 0 "$viommu" generate viot topology.yaml -o -
	same out good.viot
	ran 2 "$viommu" generate viot topology.yaml --json -o -
	[ ! -e - ] || fail "it is a file"
}

# A full disk must not cost the table that was there: the limit of a file's size stands for it.
generate_that_fails_half_way_leaves_the_old_file() {
	table
	echo old >kept
	(ulimit -f 0 && trap '' XFSZ && "$viommu" generate viot topology.yaml -o kept) 2>/dev/null
	[ $? -eq 2 ] || fail "it could write"
	[ "$(cat kept)" = old ] || fail "the old file is gone"
	[ "$(ls kept*)" = kept ] || fail "it left $(ls kept*)"
}

generate_writes_nothing_if_there_is_an_error() {
	printf 'viommu: 1\ndevices: [ { at: 1, iommu: b, id: 1 } ]\n' >wrong.yaml
	ran 2 "$viommu" generate viot wrong.yaml -o table
	says err "wrong.yaml:2:"
	says err "[topology-iommu-unknown]"
	[ ! -e table ] || fail "there is a table"
}

generate_names_the_line_that_a_user_wrote() {
	ran 0 "$viommu" generate viot "$(refused viot-silent-domain.topology)"
	says err "viot-silent-domain.topology:3:5: note: "
	ran 1 "$viommu" generate viot "$(refused viot-silent-iommu.topology)"
	says err "viot-silent-iommu.topology:4:5: warning: "
}

generate_takes_one_topology() {
	table
	cat good.viot good.viot >two.viot
	ran 2 "$viommu" generate viot two.viot
	is_empty out
	says err "2 tables: name a file that has only one"
	mkdir folder
	ran 2 "$viommu" generate viot folder
	says err "no table that describes IOMMUs"
	ran 2 "$viommu" generate viot
	says err "usage: viommu generate TABLE TOPOLOGY"
	ran 2 "$viommu" generate bert topology.yaml
	says err 'cannot generate "bert"'
}

# -- dump ----------------------------------------------------------------------------

dump_shows_every_field() {
	table
	ran 0 "$viommu" dump good.viot
	is_empty err
	says out "VIOT: Virtual I/O Translation table"
	says out '  0000  Signature            "VIOT"'
	says out "  0036  PCI BDF              00:01.0"
	says out "(virtio-iommu on PCI)"
	"$viommu" dump - <good.viot >from_pipe || fail "not from a pipe"
	same out from_pipe
	ran 0 "$viommu" dump -- good.viot
	same out from_pipe
}

dump_names_each_of_several_files() {
	table
	cp good.viot other.viot
	ran 0 "$viommu" dump good.viot other.viot
	says out "good.viot"
	says out "other.viot"
	[ "$(grep -c '^VIOT:' out)" -eq 2 ] || fail "there are not two tables"
}

dump_of_a_folder_shows_what_says_something_of_iommus() {
	table
	mkdir folder folder/deeper
	cp good.viot folder/VIOT
	cp "$(refused acpi-unknown.viot)" folder/XSDT
	ran 0 "$viommu" dump folder
	says out "folder/VIOT"
	! grep -q XSDT out || fail "it shows the XSDT"
	rm folder/VIOT
	ran 2 "$viommu" dump folder
	says err "no table that describes IOMMUs"
}

dump_as_json_is_json() {
	table
	name=$(printf 'odd "\\\377\n.viot')
	cp good.viot "$name"
	ran 0 "$viommu" dump --json good.viot "$name"
	is_json out 'd["format"] == 1 and len(d["tables"]) == 2 and d["tables"][0]["file"] == "good.viot"'
	is_json out 'd["tables"][0]["table"]["fields"]["oem_id"] == "VIOMMU"'
	is_json out 'd["tables"][0]["table"]["records"][0]["fields"]["pci_bdf"] == 8'
	is_json out '[r for r in d["tables"][0]["table"]["records"] if r["structure"] == "MMIO endpoint"][0]["fields"]["base_address"] == "0x10001000"'
	ran 0 "$viommu" dump --json "$(refused viot-reserved.viot)"
	is_json out 'd["tables"][0]["table"]["records"][0]["reserved"]["8"] == "0x1"'
	ran 2 "$viommu" dump --json missing
	is_json out 'd["tables"] == []'
}

dump_as_source_is_assembled_again() {
	table
	ran 0 "$viommu" dump --source good.viot
	cp out source
	ran 0 "$viommu" assemble source -o made
	same made good.viot
	sed 's/= 00:01.0/= 00:02.0/' source >edited
	"$viommu" assemble - <edited >made || fail "not from a pipe"
	ran 0 "$viommu" dump made
	says out "00:02.0"
	ran 0 "$viommu" check made
	ran 0 "$viommu" assemble --keep edited -o made
	ran 1 "$viommu" check made
	says err "[acpi-checksum]"
	ran 2 "$viommu" check edited
	says err "\`viommu assemble FILE\` makes the table from it"
	sed 's/= 00:01.0/= 00:32.0/' source >edited
	ran 2 "$viommu" assemble edited -o missing
	says err "edited:"
	says err "[source-value]"
	[ ! -e missing ] || fail "a table was written"
	ran 2 "$viommu" assemble
	ran 2 "$viommu" dump --json --source good.viot
}

dump_that_cannot_read_says_so() {
	topology
	ran 2 "$viommu" dump missing
	says err "viommu: missing: No such file or directory"
	ran 2 "$viommu" dump -- -x
	[ "$(cat err)" = "viommu: -x: No such file or directory" ] || fail "$(cat err)"
	ran 2 "$viommu" dump topology.yaml
	says err "a topology is text and has no fields to dump"
	: >empty
	ran 2 "$viommu" dump empty
	says err "[input-empty]"
	table
	ran 2 "$viommu" dump missing good.viot
	says out "VIOT:"
	[ -c /dev/full ] || return
	"$viommu" dump good.viot >/dev/full 2>err
	[ $? -eq 2 ] || fail "a full disk is not an error"
}

mmio() {
	cat >mmio.yaml <<'END'
viommu: 1
iommus:
  - { name: a, kind: virtio-iommu-mmio, at: 0xfeb00000, interrupts: [5] }
devices:
  - { at: 0xfeb00200, interrupts: [6], iommu: a, id: 1 }
END
}

# A guest that has no ACPI gets a set of tables, whose addresses are those of the option.
generate_acpi_writes_a_set_of_tables() {
	mmio
	ran 0 "$viommu" generate acpi mmio.yaml --address 0xe0000 --processors 2 -o set
	ran 0 "$viommu" dump set
	says out "VIOT: Virtual I/O Translation table"
	says out "APIC: Multiple APIC Description table"
	ran 0 "$viommu" resolve --from set 0xfeb00200
	says out "endpoint 0x1"
	ran 0 "$viommu" generate acpi mmio.yaml --address 0xe0000 --into set -o more
	[ "$(wc -c <more)" -gt "$(wc -c <set)" ] || fail "nothing was added"
	ran 0 "$viommu" check more
	sed 's/0xfeb00200/0xfeb00400/' mmio.yaml >other.yaml
	ran 0 "$viommu" generate acpi other.yaml --address 0xe0000 --into set -o more
	ran 0 "$viommu" resolve --from more 0xfeb00400
	says out "endpoint 0x1"
	ran 2 "$viommu" generate acpi mmio.yaml --address 0xe1000 --into set -o more
	says err "set: error: the RSDP points to no XSDT"
	says err "[image-rsdp]"
	ran 2 "$viommu" generate acpi mmio.yaml -o set
	says err "--address"
	for n in 256 -1; do
		ran 2 "$viommu" generate acpi mmio.yaml --address 16 --processors $n -o set
		says err "--processors $n: "
		says err "0 to 255"
	done
	ran 2 "$viommu" generate acpi mmio.yaml --address 0xe0000 --into set --processors 2 -o more
	says err "--processors"
	ran 2 "$viommu" generate viot mmio.yaml --processors 2 -o set
}

# An SRAT in its place has the domains of IOMMUs, as in a new set.
generate_acpi_into_makes_no_table_that_is_given() {
	cat >units.yaml <<'END'
viommu: 1
iommus:
  - { name: a, kind: vt-d, at: 0xfed90000 }
  - { name: b, kind: vt-d, at: 0xfed91000 }
  - { name: v, kind: virtio-iommu-pci, at: 0001:00:01.0, proximity-domain: 1 }
host-bridges:
  - { buses: 00-7f, iommu: a }
  - { buses: 80-ff, iommu: b }
  - { segment: 1, buses: 00-ff, iommu: v }
END
	mmio
	ran 0 "$viommu" generate acpi mmio.yaml -a 0xe0000 -o set
	sed '/name: b/d; /iommu: b/d' units.yaml >one.yaml
	ran 1 "$viommu" generate dmar one.yaml -o DMAR
	ran 0 "$viommu" generate srat units.yaml -o SRAT
	ran 0 "$viommu" dump --source SRAT
	sed '/Generic Initiator/,/}/d; s/Checksum = .*/Checksum = checksum/' out >source
	ran 0 "$viommu" assemble source -o SRAT
	ran 2 "$viommu" generate acpi units.yaml -a 0xe0000 --into set -o more
	says err "[dmar-bridges]"
	ran 0 "$viommu" generate acpi units.yaml -a 0xe0000 --into set -w DMAR -w SRAT -o more
	is_empty err
	ran 0 "$viommu" dump more
	says out "Proximity domain     1"
}

generate_acpi_names_an_address_that_is_none() {
	mmio
	for address in 8 0x -16 16K +16 " 16" 020 18446744073709551616 0x10000000000000000; do
		ran 2 "$viommu" generate acpi mmio.yaml --address "$address" -o set
		says err "\"$address\""
		says err "0xfffffffffffffff0"
	done
	ran 2 "$viommu" generate acpi mmio.yaml --address 0xfffffffffffffff0 -o set
	says err "[image-address]"
	[ ! -e set ] || fail "it was written"
}

# Whatever is given beside the topology is in the set, or is refused by its name.
generate_acpi_takes_tables_with_it() {
	mmio
	ran 0 "$viommu" generate acpi mmio.yaml --address 0xe0000 --processors 2 -o set
	ran 0 "$viommu" generate dtb mmio.yaml -o tree.dtb
	ran 0 "$viommu" generate builtin-v3 mmio.yaml -o space
	ran 0 "$viommu" generate viot mmio.yaml -o VIOT
	for into in "" "--into set"; do
		for given in tree.dtb mmio.yaml space; do
			ran 2 "$viommu" generate acpi mmio.yaml -a 0xe0000 $into -w $given -o made
			says err "$given:"
		done
		ran 2 "$viommu" generate acpi mmio.yaml -a 0xe0000 $into -w VIOT -w VIOT -o made
		says err "VIOT: error: "
		[ ! -e made ] || fail "it was written"
		ran 0 "$viommu" generate acpi mmio.yaml -a 0xe0000 $into -w VIOT -o made
		ran 0 "$viommu" check made
		rm made
	done
	ran 2 "$viommu" generate acpi mmio.yaml -a 0xe0000 --as builtin-v3 -w space -o made
	says err "space:"
	head -c 60 VIOT >short
	printf HMAT | dd of=short conv=notrunc 2>/dev/null
	ran 2 "$viommu" generate acpi mmio.yaml -a 0xe0000 -w short -o made
	says err "short: error: HMAT cannot be put into a set of tables"
	says err "[image-table]"
}

# A folder of a machine's tables is read whole, with those that viommu does not interpret.
generate_acpi_takes_every_table_of_a_folder() {
	mmio
	mkdir tables
	ran 0 "$viommu" generate viot mmio.yaml -o tables/HMAT
	printf HMAT | dd of=tables/HMAT conv=notrunc 2>/dev/null
	ran 0 "$viommu" dump --source tables/HMAT
	sed 's/Checksum = .*/Checksum = checksum/' out >source
	ran 0 "$viommu" assemble source -o tables/HMAT
	echo "no table" >tables/README
	ran 0 "$viommu" generate acpi mmio.yaml -a 0xe0000 -w tables -o set
	ran 0 "$viommu" dump set
	says out "HMAT:"
}

# What `check` would say of the table is said at once.
generate_tells_warnings_of_its_table() {
	cat >bare.yaml <<'END'
viommu: 1
host-bridges:
  - { buses: 00-ff }
END
	ran 1 "$viommu" generate ivrs bare.yaml -o IVRS
	says err "[ivrs-iommu-none]"
	ran 0 "$viommu" generate iort bare.yaml -o IORT
	is_empty err
}

generate_all_writes_every_table_into_a_folder() {
	cat >two.yaml <<'END'
viommu: 1
iommus:
  - { name: a, kind: virtio-iommu-pci, at: 80:01.0 }
  - { name: b, kind: smmu-v3, at: 0x9050000, interrupts: [106, 107, 108, 109] }
host-bridges:
  - { buses: 00-7f, iommu: b }
  - { buses: 80-ff, iommu: a }
END
	ran 0 "$viommu" generate all two.yaml -o tables
	[ -s tables/VIOT ] && [ -s tables/IORT ] || fail "a table is missing"
	ran 0 "$viommu" resolve --from tables 00:02.0 80:02.0
	says out "80:02.0: viommu0"
	sed 's/kind: smmu-v3.*/kind: vt-d, at: 0xfed90000, segment: 0 }/' two.yaml >wrong.yaml
	ran 2 "$viommu" generate all wrong.yaml -o wrong
	[ ! -e wrong ] || fail "a part of the tables is there"
	ran 2 "$viommu" generate all two.yaml
	says err "name a folder"
	sed 's/kind: smmu-v3, at: 0x9050000/kind: virtio-iommu-pci, at: 00:01.0/; s/, interrupts.*/ }/' two.yaml >other.yaml
	ran 0 "$viommu" generate all other.yaml -o tables
	says err "tables/IORT: is older"
	printf 'APIC\054\0\0\0\1' >madt
	head -c 35 /dev/zero >>madt
	for set in "all -o wrong" "acpi -a 16 -o wrong"; do
		ran 2 "$viommu" generate $set madt
		says err "madt: no table that describes IOMMUs"
	done
}

# -- inputs ---------------------------------------------------------------------------

# A dump of memory may begin anywhere.
memory_that_begins_with_a_table_is_searched_for_a_set() {
	mmio
	ran 0 "$viommu" generate acpi mmio.yaml -a 0x1000 -o set
	ran 0 "$viommu" generate viot mmio.yaml -o VIOT
	{ cat VIOT; head -c 200 /dev/zero; } | head -c 128 | cat - set >memory
	ran 0 "$viommu" dump memory
	says out "FACP"
	cat VIOT VIOT >two
	ran 1 "$viommu" check two
	says err "[input-twice]"
}

an_input_that_is_missing_is_reported_once() {
	ran 2 "$viommu" report missing
	[ "$(grep -c missing err)" -eq 1 ] || fail "$(cat err)"
}

# -- check ----------------------------------------------------------------------------

check_exits_with_what_it_found() {
	table
	ran 0 "$viommu" check good.viot topology.yaml
	is_empty err
	ran 0 "$viommu" check "$(refused viot-draft.viot)"
	says err "[viot-draft]"
	ran 2 "$viommu" check missing "$(refused viot-reserved.viot)"
	says err "[viot-reserved]"
}

# The same list as tests/tables/test_refused_tables.c, through the command.
check_finds_every_rule_of_bytes() {
	while read -r path place expected _; do
		file=${path##*/}
		path=$tables_tests/$path
		[ -e "$path" ] || continue
		case $file in
		dt-*.topology)
			base=${path%.topology}.base
			[ -e "$base" ] && base="--into $base" || base=
			ran "$expected" "$viommu" generate dtb "$path" $base
			;;
		extend-taken.topology)
			ran "$expected" "$viommu" generate srat "$path" --into "${path%.topology}.base"
			;;
		extend-*.topology) continue ;; # the command does not extend such a table at all
		convert-*.topology) ran "$expected" "$viommu" convert --to dtb "$path" ;;
		image-*.topology)
			base=${path%.topology}.base
			[ -e "$base" ] && base="--with $base" || base=
			address=0xe0000
			[ "$file" = image-address.topology ] && address=0xfffffffffffffff0
			ran "$expected" "$viommu" generate acpi "$path" --address $address $base -o set
			;;
		builtin-*.topology) ran "$expected" "$viommu" generate builtin-v3 "$path" ;;
		draft-*.topology) ran "$expected" "$viommu" generate viot-2019 "$path" ;;
		table-*.topology) ran "$expected" "$viommu" generate iort "$path" ;;
		*.topology) ran "$expected" "$viommu" generate "${file%%-*}" "$path" ;;
		*.builtin-*) ran "$expected" "$viommu" check --as "${file#*.}" "$path" ;;
		*.source) ran "$expected" "$viommu" assemble "$path" ;;
		*) ran "$expected" "$viommu" check "$path" ;;
		esac
		[ "$place" = - ] && place= || place=":$place"
		grep -F "[${file%.*}]" err | grep -qF "$place: " || fail "$file: $(head -1 err)"
	done <"$tables_tests/refused.list"
}

# Before there is a table: the machine's SRAT, and the topology that tables will be generated from.
check_compares_a_topology_with_an_srat() {
	cat >numa.yaml <<'END'
viommu: 1
iommus:
  - { name: a, kind: virtio-iommu-pci, at: 00:01.0, proximity-domain: 0 }
host-bridges:
  - { buses: 00-7f, iommu: a, proximity-domain: 1 }
  - { buses: 80-ff, iommu: a, proximity-domain: 7 }
END
	ran 1 "$viommu" check numa.yaml "$tables_tests/../golden/q35-numa.SRAT"
	says err "numa.yaml:6:5: warning: proximity domain 7 is not in the SRAT"
	[ "$(grep -c machine-domain err)" = 1 ] || fail "another domain is in the SRAT"
}

# Which of them is the SRAT of the topology is not known.
check_compares_with_no_srat_of_several() {
	golden=$tables_tests/../golden
	cat >numa.yaml <<'END'
viommu: 1
iommus:
  - { name: a, kind: virtio-iommu-pci, at: 00:01.0, proximity-domain: 7 }
END
	ran 2 "$viommu" check numa.yaml "$golden/q35-numa.SRAT" "$golden/q35-numa-hotplug.SRAT"
	says err "q35-numa.SRAT and $golden/q35-numa-hotplug.SRAT: two SRATs"
	says err "name only the SRAT of the machine"
	grep -q machine-domain err && fail "a domain was compared"
	mkdir folder two
	cp "$golden/q35-numa-hotplug.DMAR" folder/DMAR
	ran 2 "$viommu" check folder "$golden/q35-numa.SRAT" "$golden/q35-numa-hotplug.SRAT"
	says err "two SRATs"
	cp "$golden/q35-numa.SRAT" two/SRAT1 && cp "$golden/q35-numa-hotplug.SRAT" two/SRAT2
	ran 2 "$viommu" check numa.yaml two
	says err "two/SRAT1 and two/SRAT2: two SRATs"
}

# As Linux takes the first.
check_reports_the_second_srat_of_a_folder() {
	golden=$tables_tests/../golden
	mkdir machine
	cp "$golden/q35-numa.VIOT" machine/VIOT
	cp "$golden/q35-numa.SRAT" machine/SRAT1 && cp "$golden/q35-numa-hotplug.SRAT" machine/SRAT2
	ran 1 "$viommu" check machine
	says err "machine/SRAT2:0x0: warning: the folder has a second SRAT; the first is machine/SRAT1"
	cat machine/SRAT1 machine/SRAT2 >both
	ran 1 "$viommu" check both
	says err "warning: the input has a second SRAT"
}

# Machines that are compared have an SRAT each.
check_of_several_machines_takes_the_srat_of_each() {
	golden=$tables_tests/../golden
	for machine in one two; do
		mkdir $machine
		cp "$golden/q35-numa.VIOT" $machine/VIOT
		cp "$golden/q35-numa.SRAT" $machine/SRAT
	done
	ran 0 "$viommu" check one two
}

generate_as_json_has_its_findings() {
	topology
	ran 2 "$viommu" convert --json --to dmar topology.yaml -o dmar.bin
	is_empty err
	is_json out 'd["format"] == 1 and "error" in [finding["severity"] for finding in d["findings"]]'
	[ ! -e dmar.bin ] || fail "a table was written"
	ran 0 "$viommu" generate --json viot topology.yaml -o viot.bin
	is_json out 'd["findings"] == []'
	[ -s viot.bin ] || fail "no table was written"
	"$viommu" dump --source viot.bin >viot.txt
	ran 0 "$viommu" assemble --json viot.txt -o again.bin
	is_json out 'd["findings"] == []'
	same viot.bin again.bin
	echo nonsense >viot.txt
	ran 2 "$viommu" assemble --json viot.txt -o again.bin
	is_json out 'd["findings"][0]["line"] == 1'
	ran 2 "$viommu" generate --json viot topology.yaml
	says err "name a file for the table with -o"
	ran 2 "$viommu" assemble --json viot.txt
	says err "name a file for the table with -o"
	is_empty out
}

check_as_json_is_json() {
	ran 1 "$viommu" check --json "$(refused viot-output-node.viot)"
	is_empty err
	is_json out 'd["format"] == 1 and len(d["findings"]) == 1'
	is_json out 'd["findings"][0]["id"] == "viot-output-node" and d["findings"][0]["offset"] == 0x68'
	is_json out 'd["findings"][0]["severity"] == "error" and d["findings"][0]["cure"]'
	table
	ran 0 "$viommu" check --json good.viot
	is_json out 'd["findings"] == []'
}

check_lists_its_rules() {
	ran 0 "$viommu" check --rules
	says out "viot-output-node: error"
	says out "    from: ACPI 6.5, VIOT, Output node"
	ran 0 "$viommu" check --rules --json
	is_json out 'd["format"] == 1 and [r for r in d["rules"] if r["id"] == "viot-output-node"][0]["severity"] == "error"'
	ran 2 "$viommu" check --rules good.viot
	says err 'no rule has the id "good.viot"'
}

# -- resolve ---------------------------------------------------------------------------

resolve_answers_from_tables_and_topologies() {
	table
	ran 1 "$viommu" resolve --from good.viot 0000:03:00.0 0x10001000 0001:00:00.0
	says out "0000:03:00.0: viommu0 (virtio-iommu-pci at 0000:00:01.0), endpoint 0x300, by good.viot:0x"
	says out "0x10001000: viommu0 (virtio-iommu-pci at 0000:00:01.0), endpoint 0x20000, by good.viot:0x"
	says out "0001:00:00.0: no IOMMU"
	ran 0 "$viommu" resolve -f topology.yaml 03:00.0
	says out "03:00.0: a (virtio-iommu-pci at 0000:00:01.0), endpoint 0x300, by topology.yaml:5:"
}

resolve_names_memory_that_a_function_must_keep() {
	cat >kept.yaml <<-EOF
		viommu: 1
		iommus: [ { name: a, kind: vt-d, at: 0xfed90000 } ]
		host-bridges: [ { buses: 00-ff, iommu: a } ]
		reserved-memory:
		  - { range: 0x7b000000-0x7b7fffff, kind: identity, functions: 00:1d.0 }
	EOF
	ran 0 "$viommu" resolve 00:1d.0 --from kept.yaml
	says out "    must keep 0x7b000000-0x7b7fffff (identity), by kept.yaml:5:5"
	ran 0 "$viommu" resolve 00:1e.0 --from kept.yaml
	! grep -q "must keep" out || fail "memory of another function: $(cat out)"
}

resolve_as_json_has_both_answers() {
	topology
	sed -i 's/at: 00:01.0 /&, include-self: yes /' topology.yaml
	ran 0 "$viommu" generate viot topology.yaml -o self.viot
	ran 1 "$viommu" resolve --json 00:01.0 0x10001000 ff:00.0 --from self.viot
	is_json out 'd["format"] == 1 and [a["reach"] for a in d["answers"]] == ["iommu", "iommu", "nothing"]'
	is_json out '(d["answers"][0]["id"], d["answers"][0]["offset"]) == (8, 0x40)'
	is_json out 'd["answers"][0]["linux"]["reach"] == "bypass" and "itself" in d["answers"][0]["linux"]["why"]'
	is_json out '(d["answers"][1]["at"], d["answers"][1]["linux"]["id"]) == ("0000:00:01.0", 0x20000)'
	ran 0 "$viommu" resolve 00:01.0 00:02.0 --from self.viot
	[ "$(grep -c Linux: out)" = 1 ] || fail "Linux does otherwise once: $(cat out)"
}

resolve_needs_a_device_and_a_table() {
	table
	ran 2 "$viommu" resolve --from good.viot
	says err "name a device"
	ran 2 "$viommu" resolve --from good.viot --pasid x 03:00.0
	says err 'invalid PASID "x"'
	ran 2 "$viommu" resolve --from good.viot nonsense
	says err 'unknown device "nonsense"'
	ran 2 "$viommu" resolve --from missing 03:00.0
	says err "missing: No such file or directory"
	ran 2 "$viommu" resolve --from "$(refused acpi-unknown.viot)" 03:00.0
	says err "no table that describes IOMMUs"
}

resolve_says_which_part_of_a_function_is_wrong() {
	table
	for word in "00:20.0 devices are 00 to 1f" "00:1f.8 functions are 0 to 7" "100:00.0 buses are 00 to ff" \
		"10000:00:00.0 segments are 0000 to ffff" "00:ffffffffffffffffffffff.0 devices are 00 to 1f"; do
		ran 2 "$viommu" resolve "${word%% *}" good.viot
		says err "good.viot: unknown device \"${word%% *}\": out of range: ${word#* }, in hexadecimal"
		is_empty out
	done
	for word in 00:00 1:2:3:4.0 00:1f.8.0 x:00.0 :00.0 0000:00:00.; do
		ran 2 "$viommu" resolve $word good.viot
		says err "unknown device \"$word\": use 0000:03:00.0"
	done
}

resolve_says_that_files_follow_devices() {
	table
	ran 2 "$viommu" resolve good.viot 00:01.0 --from good.viot
	says err 'unknown device "good.viot": it is a file, and files follow the devices'
	ran 2 "$viommu" resolve --all good.viot 00:01.0
	says err '--all shows every device: leave out "00:01.0", or --all'
	is_empty out
}

resolve_takes_pasids_of_20_bits() {
	table
	for pasid in 0 0xfffff 1048575; do
		ran 0 "$viommu" resolve --pasid $pasid 03:00.0 good.viot
	done
	for pasid in -1 0x100000 1048576 99999999999999999999 0x ''; do
		ran 2 "$viommu" resolve --pasid "$pasid" 03:00.0 good.viot
		says err "invalid PASID \"$pasid\": use a number from 0 to 0xfffff"
	done
}

# -- topology ---------------------------------------------------------------------------

topology_and_generate_are_each_others_opposite() {
	table
	ran 0 "$viommu" topology good.viot
	is_empty err
	says out "# good.viot"
	mv out back.yaml
	ran 0 "$viommu" generate viot back.yaml
	same out good.viot
	ran 0 "$viommu" generate viot good.viot
	same out good.viot
	ran 0 "$viommu" topology back.yaml
	sed 1d out >once
	ran 0 "$viommu" topology once
	sed 1d out >twice
	same once twice
}

topology_keeps_a_files_name_in_its_comment() {
	table
	name=$(printf 'odd\nviommu: 2')
	cp good.viot "$name"
	ran 0 "$viommu" topology "$name"
	says out '# odd\nviommu: 2'
	cp out read_again
	ran 0 "$viommu" generate viot read_again
	same out good.viot
}

topology_needs_a_table() {
	ran 2 "$viommu" topology "$(refused acpi-unknown.viot)"
	says err "no table that describes IOMMUs"
}

# What a terminal obeys: ESC, and U+009B, which is ESC and a bracket in one.
obeyed=$(printf '\033\302\233')

shows() {
	ran "$@"
	! LC_ALL=C grep -q "$(printf '\033\\|\302\233')" out err || fail "a terminal would obey: $*"
}

names_in_a_topology_are_shown_and_not_obeyed() {
	topology
	sed 's/: a\b/: "\\e[2J\\x9b\\n"/' topology.yaml >odd.yaml
	shows 0 "$viommu" resolve 00:02.0 --from odd.yaml
	says out '00:02.0: ?[2J??'
	shows 0 "$viommu" resolve --all odd.yaml
	says out '?[2J??'
	shows 0 "$viommu" plan odd.yaml
	says out '?[2J??'
	shows 0 "$viommu" diff topology.yaml odd.yaml
	shows 0 "$viommu" topology odd.yaml
	shows 0 "$viommu" resolve --json 00:02.0 --from odd.yaml
}

words_of_the_command_line_are_shown_and_not_obeyed() {
	topology
	shows 2 "$viommu" "$obeyed"
	shows 2 "$viommu" help "$obeyed"
	shows 2 "$viommu" check "$obeyed"
	shows 2 "$viommu" check --as "$obeyed" topology.yaml
	shows 2 "$viommu" generate "$obeyed" topology.yaml
	shows 2 "$viommu" generate viot topology.yaml -o "missing/$obeyed"
	shows 2 "$viommu" resolve "$obeyed" --from topology.yaml
	cp topology.yaml "$obeyed"
	shows 2 "$viommu" dump "$obeyed"
	shows 0 "$viommu" resolve --all "$obeyed"
}

# -- the command itself -------------------------------------------------------------------

demo_ends_well() {
	ran 0 "$viommu" demo
	is_empty err
	[ "$(tail -1 out)" = "Every step had the expected result." ] || fail "$(tail -1 out)"
	! grep -q "UNEXPECTED" out || fail "a step went wrong"
	ran 0 "$viommu" demo --pci
	says out "PCI function 1af4:1057, BAR at 0x0a000000"
	! grep -q "UNEXPECTED" out || fail "a step went wrong on PCI"
	ran 2 "$viommu" demo twice
}

help_is_asked_for_in_every_way() {
	ran 0 "$viommu" help
	is_empty err
	says out "usage: viommu COMMAND"
	mv out help
	for option in --help -h; do
		ran 0 "$viommu" $option
		same out help
	done
	for command in generate dump check resolve topology demo; do
		says help "  $command "
		ran 0 "$viommu" help $command
		is_empty err
		mv out help-$command
		ran 0 "$viommu" $command --help
		same out help-$command
		ran 2 "$viommu" $command --bogus
		is_empty out
		says err "viommu $command: Unknown option --bogus"
		says err "more:  viommu help $command"
	done
	[ -c /dev/full ] || return
	"$viommu" dump --help >/dev/full 2>err
	[ $? -eq 2 ] || fail "help that was not written is not an error"
}

what_is_no_command_is_told() {
	ran 2 "$viommu"
	is_empty out
	says err "usage: viommu COMMAND"
	ran 2 "$viommu" bogus
	says err 'viommu: unknown command "bogus"'
	ran 2 "$viommu" help bogus
	says err 'viommu: unknown command or rule "bogus"'
	is_empty out
}

a_word_that_is_nearly_one_is_suggested() {
	topology
	ran 2 "$viommu" chekc
	says err 'unknown command "chekc"; did you mean "check"?'
	ran 2 "$viommu" check --jsno topology.yaml
	says err 'Unknown option --jsno; did you mean "--json"?'
	ran 2 "$viommu" generate voit topology.yaml
	says err 'cannot generate "voit"; did you mean "viot"?'
	ran 2 "$viommu" plan --device 00:01.0 -f libvrit
	says err 'unknown format "libvrit"; did you mean "libvirt"?'
	ran 2 "$viommu" help viot-output-nodes
	says err 'unknown command or rule "viot-output-nodes"; did you mean "viot-output-node"?'
	ran 2 "$viommu" check --rules viot-output-node dt-dangle
	says err 'no rule has the id "dt-dangle"; did you mean "dt-dangling"?'
	is_empty out
	ran 2 "$viommu" xyzzy
	! grep -q 'did you mean' err || fail "$(cat err)"
}

a_rule_is_explained() {
	ran 0 "$viommu" help viot-output-node
	is_empty err
	says out '  requires  an output node is the offset of a virtio-iommu node'
	says out '  from      ACPI 6.5, VIOT'
	says out '  broken    error: '
	says out '  Linux     prints '
	says out '  example   error: output node '
	says out '  cure      write the offset of a virtio-iommu node'
	ran 0 "$viommu" check --rules viot-output-node dt-dangling
	[ "$(grep -c '^[a-z]' out)" = 2 ] || fail "$(cat out)"
	ran 0 "$viommu" check --rules --json dt-dangling
	[ "$(grep -c '"id"' out)" = 1 ] || fail "$(cat out)"
}

what_was_looked_at_is_told_where_nothing_was_found() {
	table
	ran 0 "$viommu" check good.viot topology.yaml
	is_empty err
	says out 'checked the table VIOT and 1 topology: no findings'
	ran 0 "$viommu" diff good.viot good.viot
	says out 'no difference in meaning; compared: VIOT'
	for command in check diff; do
		ran 0 "$viommu" $command -q good.viot good.viot
		is_empty out
		is_empty err
	done
}

# A terminal of script(1), whose output has no colour where nobody wants one.
findings_are_coloured_on_a_terminal_only() {
	command -v script >/dev/null || return 0
	printf 'viommu: 2\n' >bad.yaml
	export PAGER=cat
	TERM=xterm NO_COLOR= script -qec "'$viommu' check bad.yaml" /dev/null >out 2>&1
	grep -q "$(printf '\033\[1;31merror:\033\[0m')" out || fail "no colour: $(cat out)"
	for wish in NO_COLOR=1 TERM=dumb; do
		env TERM=xterm "$wish" script -qec "'$viommu' check bad.yaml" /dev/null >out 2>&1
		says out ': error: '
		! grep -q "$(printf '\033')" out || fail "coloured with $wish"
	done
	ran 2 "$viommu" check bad.yaml
	says err ': error: '
}

resolve_takes_files_behind_devices() {
	table
	ran 0 "$viommu" resolve 0000:03:00.0 --from good.viot
	mv out expected
	ran 0 "$viommu" resolve 0000:03:00.0 good.viot
	same out expected
	ran 2 "$viommu" resolve 0000:03:00.0 good.viot --from good.viot
	says err 'name files after the devices or --all, or one with --from, not both'
}

graph_refuses_a_suffix_that_it_cannot_draw() {
	topology
	ran 2 "$viommu" graph -o picture.jpg topology.yaml
	says err 'unknown format "jpg": use dot, svg, png or pdf'
	[ ! -e picture.jpg ] || fail "a file is written"
	ran 0 "$viommu" graph -o picture.gv topology.yaml
	grep -q '^digraph' picture.gv || fail "no text for Graphviz"
	ran 0 "$viommu" graph -o ./picture topology.yaml
}

# `generate` has sets of tables besides the tables of `convert`.
completion_has_the_words_of_each_command() {
	for shell in bash zsh fish; do
		ran 0 "$viommu" help --completion $shell
		[ "$(grep -cw "builtin-v3-segments all acpi" out)" -eq 1 ] || fail "$shell: not once"
	done
	ran 2 "$viommu" generate acpu mmio.yaml
	says err 'did you mean "acpi"?'
}

completion_for_an_unknown_shell_is_refused() {
	ran 2 "$viommu" help --completion csh
	is_empty out
	says err 'no completion for "csh": use bash, zsh or fish'
}

other_shells_accept_their_scripts() {
	for shell in zsh fish; do
		ran 0 "$viommu" help --completion $shell
		grep -q builtin-v3-segments out || fail "$shell does not complete tables"
		command -v $shell >/dev/null || continue
		$shell -n out 2>err || fail "$(cat err)"
	done
}

bash_completes_commands_and_their_options() {
	ran 0 "$viommu" help --completion
	command -v bash >/dev/null || return 0
	cat >complete.bash <<-'END'
	source ./out
	complete() {
		COMP_LINE=$*
		COMP_POINT=${#COMP_LINE}
		_viommu
		echo "${COMPREPLY[@]}"
	}
	complete viommu res
	complete viommu check --
	complete viommu check file
	complete viommu generate bui
	complete viommu generate a
	complete viommu generate --json a
	complete viommu generate -j --force -o x a
	complete viommu convert --to a
	complete viommu graph --format s
	complete viommu plan -f lib
	complete viommu check --rules viot-output
	complete viommu help viot-output
	complete viommu help gen
	_viommu_functions() { echo 0000:00:1f.2; }
	complete viommu resolve 0000
	complete viommu plan --device 00
	END
	sed -i '/^complete -o/d' out
	PATH=$(dirname "$viommu"):$PATH bash complete.bash >completed 2>err || fail "$(cat err)"
	printf '%s\n' resolve '--json --quiet --rules --memory --as --help' '' \
		'builtin-v1 builtin-v2 builtin-v3 builtin-v3-segments' 'all acpi' 'all acpi' '' '' svg libvirt viot-output-node \
		viot-output-node generate 0000:00:1f.2 0000:00:1f.2 >expected
	same completed expected
}

it_has_a_version() {
	ran 0 "$viommu" --version
	grep -qE '^viommu [0-9]+\.[0-9]+\.[0-9]+$' out || fail "$(cat out)"
	mv out expected
	ran 0 "$viommu" -V
	same out expected
}

run_steps "$0"
