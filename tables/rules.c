/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every rule there is, one row each: what a finding's id leads to
 *
 * A rule is known by its id for ever: it never changes its meaning, and one that is given
 * up is never used again. The severity stands here and nowhere else. Rows are grouped by
 * what they are about, which their prefix says, in the order of the specification.
 *
 * A clause names the source. "text form" is docs/topology.md; "Linux" behaviour is that of
 * the drivers which read the table or drive the device.
 */
#include <string.h>

#include <glib.h>

#include "rules.h"

/* clang-format off */
static const struct viommu_rule rules[] = {
	/* -- input: is there anything to read? ------------------------------------------ */

	{ "input-findings", VIOMMU_NOTE, "viommu",
	  "an input has few enough findings to list them all", NULL },

	{ "input-empty", VIOMMU_ERROR, "viommu", "an input holds something", NULL },
	{ "input-device-tree", VIOMMU_ERROR, "viommu", "an input is of a kind that is understood", NULL },
	{ "input-twice", VIOMMU_WARNING, "ACPI 6.5, section 5.2, System Description Tables",
	  "tables that describe IOMMUs are there once each",
	  "asks for the first one, and never looks at another" },
	{ "input-acpidump", VIOMMU_ERROR, "acpidump", "lines of a dump follow each other", NULL },

	/* -- text: can the text form be read? (docs/topology.md) -------------------------- */

	{ "text-limits", VIOMMU_ERROR, "text form, \"Limits\"",
	  "a text has at most 64 MiB, nests at most 8 deep, and a value has at most 1024 bytes, "
	  "or 65536 items",
	  NULL },
	{ "text-yaml", VIOMMU_ERROR, "YAML 1.1",
	  "a text is YAML", NULL },
	{ "text-plain", VIOMMU_ERROR, "text form, \"Limits\"",
	  "a text is one document without anchors, aliases and tags", NULL },
	{ "text-version", VIOMMU_ERROR, "text form, \"Version\"",
	  "a text begins with `viommu: 1`", NULL },
	{ "text-type", VIOMMU_ERROR, "text form",
	  "lists, mappings and values stand where the form has them", NULL },
	{ "text-key", VIOMMU_ERROR, "text form",
	  "a key is one that the form has there", NULL },
	{ "text-key-twice", VIOMMU_ERROR, "text form",
	  "a key stands once in its mapping", NULL },
	{ "text-key-missing", VIOMMU_ERROR, "text form",
	  "a key that an object needs is there", NULL },
	{ "text-key-misplaced", VIOMMU_ERROR, "text form",
	  "a key has a meaning for the object it stands in", NULL },
	{ "text-value", VIOMMU_ERROR, "text form, \"Values\"",
	  "a value is written as its key has it", NULL },
	{ "text-value-range", VIOMMU_ERROR, "text form, \"Values\"",
	  "a value is within the limits of its key", NULL },

	/* -- topology: what holds for every machine ------------------------------------------ */

	{ "topology-inverted", VIOMMU_ERROR, "text form, \"Values\"",
	  "a range does not end before it begins", NULL },
	{ "topology-name-twice", VIOMMU_ERROR, "text form, \"Names\"",
	  "no two objects of a section have the same name", NULL },
	{ "topology-window", VIOMMU_ERROR, "text form, \"iommus\"",
	  "a register window ends within the 64-bit address space", NULL },
	{ "topology-segments", VIOMMU_ERROR, "text form, \"Limits\"",
	  "all ranges together speak of at most 1048576 segments, counted for each range", NULL },
	{ "topology-iommu-unknown", VIOMMU_ERROR, "text form, \"Names\"",
	  "an IOMMU that is named exists",
	  "drops an entry whose IOMMU it cannot find; the device is not translated" },
	{ "topology-its-unknown", VIOMMU_ERROR, "text form, \"Names\"",
	  "an ITS group that is named exists",
	  "leaves devices without an ITS without MSIs" },
	{ "topology-device-unknown", VIOMMU_ERROR, "text form, \"Names\"",
	  "a device that is named exists", NULL },
	{ "topology-iommu-idle", VIOMMU_WARNING, "ACPI 6.5, VIOT",
	  "an IOMMU translates something",
	  "does not look at an IOMMU that no entry refers to; with a VIOT without any, "
	  "Linux 6.12 was seen to panic in viommu_probe_device" },
	{ "topology-iommu-outside", VIOMMU_WARNING, "PCI Firmware Specification, host bridges",
	  "the PCI function of an IOMMU is below a host bridge",
	  "prints \"Could not find PCI IOMMU\" and drops what refers to it" },
	{ "topology-function-twice", VIOMMU_ERROR, "PCI Express, routing identifiers",
	  "no two IOMMUs are at the same PCI function",
	  "takes both for the same IOMMU" },
	{ "topology-bridges-overlap", VIOMMU_ERROR, "PCI Firmware Specification, host bridges",
	  "no two host bridges of a segment have a bus in common",
	  "scans a bus below the bridge that it comes to first, and refuses the other" },
	{ "topology-ranges-overlap", VIOMMU_ERROR, "ACPI 6.5, VIOT, PCI range node",
	  "no two ranges speak of the same function",
	  "takes the last node of a VIOT, but the first entry of a device tree" },
	{ "topology-range-outside", VIOMMU_WARNING, "text form, \"ranges\"",
	  "a range begins and ends on a bus of a host bridge",
	  "never asks about functions that are not there" },
	{ "topology-range-own", VIOMMU_NOTE, "device tree binding, virtio,pci-iommu",
	  "no range gives an IOMMU its own function to translate",
	  "refuses to let an IOMMU translate itself, with -EINVAL, and does without" },
	{ "topology-id-beyond", VIOMMU_ERROR, "ACPI 6.5, VIOT, PCI range node",
	  "an endpoint ID fits into 32 bits",
	  "goes on at 0, and uses IDs of other devices" },
	{ "topology-id-twice", VIOMMU_ERROR, "virtio 1.3, IOMMU device",
	  "no two devices behind one IOMMU have the same endpoint ID",
	  "does not notice: what is mapped for one device is mapped for the other" },
	{ "topology-registers-overlap", VIOMMU_ERROR, "text form, \"iommus\", \"devices\"",
	  "no two IOMMUs or devices have registers at the same address",
	  "takes the one whose first resource begins there, and for a VIOT the last node" },
	{ "topology-memory-overlap", VIOMMU_WARNING, "virtio 1.3, IOMMU device, \"Property RESV_MEM\"",
	  "reserved memory of the same devices does not overlap",
	  "merges regions of one kind, and lets both stand otherwise" },
	{ "topology-memory-interrupts", VIOMMU_WARNING, "virtio 1.3, IOMMU device, \"Property RESV_MEM\"",
	  "addresses of x86 interrupts are reserved for MSIs, or not at all",
	  "adds an MSI region of its own, 0x8000000-0x80fffff, where the device names none; x86 "
	  "sends interrupts to 0xfee00000-0xfeefffff whatever is said" },
	{ "topology-domain", VIOMMU_WARNING, "ACPI 6.5, SRAT",
	  "a proximity domain is one that a guest can have",
	  "knows at most 1024 nodes, and puts what is beyond into none; an SRAT of revision 1 "
	  "keeps 8 bits" },
	{ "topology-domains-differ", VIOMMU_WARNING, "ACPI 6.5, _PXM",
	  "the PCI function of an IOMMU is in the proximity domain of its host bridge",
	  "takes the proximity domain of a PCI function from its host bridge" },

	/* -- acpi: every table (ACPI 6.5, "System Description Table Header") ---------------- */

	{ "acpi-header", VIOMMU_ERROR, "ACPI 6.5, table 5.5",
	  "a table begins with a header of 36 bytes and a signature", "does not find the table" },
	{ "acpi-unknown", VIOMMU_NOTE, "viommu", "a table is of a kind that is understood", NULL },
	{ "acpi-short", VIOMMU_ERROR, "ACPI 6.5, table 5.5",
	  "a table has all of the fields before its structures", "reads what lies behind it" },
	{ "acpi-length", VIOMMU_ERROR, "ACPI 6.5, table 5.5, Length",
	  "length is the number of bytes in the table",
	  "maps that many bytes, and reads what is there" },
	{ "acpi-checksum", VIOMMU_ERROR, "ACPI 6.5, table 5.5, Checksum",
	  "all bytes of a table add up to 0, modulo 256",
	  "prints \"Incorrect checksum in table\" and goes on; the AMD driver refuses its IVRS" },

	/* -- viot: its bytes (ACPI 6.5, "Virtual I/O Translation Table") -------------------- */

	{ "viot-revision", VIOMMU_WARNING, "ACPI 6.5, VIOT, Revision", "the revision is 0",
	  "does not look at it" },
	{ "viot-draft", VIOMMU_NOTE, "VIOT, draft of 2019", "a VIOT has its final form",
	  "finds no node and says nothing" },
	{ "viot-node-offset", VIOMMU_ERROR, "ACPI 6.5, VIOT, Node offset",
	  "nodes begin inside the table, behind its fields",
	  "prints \"Node pointer overflows\" and stops" },
	{ "viot-node-count", VIOMMU_ERROR, "ACPI 6.5, VIOT, Node count",
	  "the node count is the number of nodes",
	  "reads as many nodes as the count says, and none beyond" },
	{ "viot-node-length", VIOMMU_ERROR, "ACPI 6.5, VIOT, Length of a node",
	  "a node is as long as its type has it",
	  "prints \"Invalid PCI/MMIO node size\" or \"Empty node\" and stops reading there" },
	{ "viot-node-end", VIOMMU_ERROR, "ACPI 6.5, VIOT, Length of a node",
	  "a node lies whole inside the table", "reads past the end of the table" },
	{ "viot-node-type", VIOMMU_WARNING, "ACPI 6.5, VIOT, Type of a node",
	  "the type of a node is 1 to 4", "prints \"Unsupported node\" and skips it" },
	{ "viot-node-beyond", VIOMMU_WARNING, "ACPI 6.5, VIOT, Output node",
	  "the node of an IOMMU begins in the first 64 KiB",
	  "never sees an IOMMU that no endpoint node can name" },
	{ "viot-reserved", VIOMMU_WARNING, "ACPI 6.5, VIOT", "reserved bytes are 0",
	  "does not look at them" },
	{ "viot-output-node", VIOMMU_ERROR, "ACPI 6.5, VIOT, Output node",
	  "an output node is the offset of a virtio-iommu node",
	  "prints \"No IOMMU node found\" and drops the endpoint node" },
	{ "viot-range-inverted", VIOMMU_ERROR, "ACPI 6.5, VIOT, PCI range node",
	  "a range of segments or functions does not end before it begins",
	  "takes no function to be in it" },
	{ "viot-silent-iommu", VIOMMU_WARNING, "ACPI 6.5, VIOT", "IOMMUs are virtio-iommus", NULL },
	{ "viot-silent-domain", VIOMMU_NOTE, "ACPI 6.5, VIOT",
	  "what a topology says has a place in the table", NULL },
	{ "viot-silent-memory", VIOMMU_NOTE, "ACPI 6.5, VIOT",
	  "what a topology says has a place in the table", NULL },
	{ "viot-silent-path", VIOMMU_WARNING, "ACPI 6.5, VIOT, PCI range node",
	  "functions are known by their buses", NULL },
	{ "viot-silent-ids", VIOMMU_WARNING, "ACPI 6.5, VIOT, MMIO endpoint node",
	  "a device that is not PCI has one endpoint ID", NULL },
	{ "viot-too-large", VIOMMU_ERROR, "ACPI 6.5, VIOT, Node count",
	  "nodes can be counted in 16 bits, and IOMMU nodes named in 16 bits", NULL },

	/* -- ivrs: its blocks and device entries (AMD I/O Virtualization Technology) --------- */

	{ "ivrs-revision", VIOMMU_WARNING, "AMD IOMMU specification, IVRS header",
	  "the revision is 1, or 2 where there are blocks of type 40h", "does not look at it" },
	{ "ivrs-iommu-none", VIOMMU_WARNING, "AMD IOMMU specification, IVHD",
	  "a block is an IOMMU", "goes on without one" },
	{ "ivrs-type", VIOMMU_WARNING, "AMD IOMMU specification, IVRS blocks, IVHD device entries",
	  "blocks and device entries are of types that are known",
	  "skips them; it looks for newer blocks of an IOMMU up to the first type above 40h" },
	{ "ivrs-block-length", VIOMMU_ERROR, "AMD IOMMU specification, IVRS blocks, Length",
	  "a block is as long as its type has it",
	  "never comes to the end of a table that has a block of length 0" },
	{ "ivrs-block-end", VIOMMU_ERROR, "AMD IOMMU specification, IVRS blocks, Length",
	  "blocks end exactly where the table does", "reads what lies behind the table, and warns" },
	{ "ivrs-entry-length", VIOMMU_ERROR, "AMD IOMMU specification, IVHD device entries",
	  "a device entry is of a type that says how long it is: below 80h, or F0h",
	  "takes it for one of length 0, and never comes to the end of the block" },
	{ "ivrs-entry-end", VIOMMU_ERROR, "AMD IOMMU specification, IVHD device entries",
	  "device entries end exactly where their block does",
	  "reads the block behind it as a part of the entry, and warns" },
	{ "ivrs-too-large", VIOMMU_ERROR, "viommu",
	  "a table has at most 1048576 blocks and device entries", NULL },
	{ "ivrs-reserved", VIOMMU_WARNING, "AMD IOMMU specification, IVRS", "reserved bytes are 0",
	  "does not look at them" },
	{ "ivrs-block-order", VIOMMU_ERROR, "AMD IOMMU specification, IVHD",
	  "blocks of one IOMMU are in the order 10h, 11h, 40h",
	  "reads blocks of the type that the first IOMMU has last, and no others" },
	{ "ivrs-block-twice", VIOMMU_ERROR, "AMD IOMMU specification, IVHD",
	  "an IOMMU has one block of a type",
	  "takes it for two, and gives up when the registers of the second are in use" },
	{ "ivrs-block-missing", VIOMMU_ERROR, "AMD IOMMU specification, IVHD",
	  "all IOMMUs have blocks of the same types",
	  "reads one type of the whole table, and does not see an IOMMU without it" },
	{ "ivrs-blocks-differ", VIOMMU_WARNING, "AMD IOMMU specification, IVHD",
	  "all blocks of an IOMMU say the same of it",
	  "reads the last one; older systems read an older one" },
	{ "ivrs-range-open", VIOMMU_ERROR, "AMD IOMMU specification, IVHD device entries",
	  "the start of a range is followed by its end",
	  "takes an end for that of the last start it has seen, and device ID 0 before any" },
	{ "ivrs-range-inverted", VIOMMU_ERROR, "AMD IOMMU specification, IVHD device entries",
	  "a range does not end before it begins", "takes no function to be in it" },
	{ "ivrs-entry-none", VIOMMU_ERROR, "AMD IOMMU specification, IVHD device entries",
	  "an IOMMU translates some function",
	  "gives up on the segment with -ENOMEM, and has no IOMMU at all" },
	{ "ivrs-beyond", VIOMMU_ERROR, "AMD IOMMU specification, IVHD device entries",
	  "no device ID that is used is behind those of all functions listed",
	  "writes behind the end of its device table" },
	{ "ivrs-last", VIOMMU_NOTE, "AMD IOMMU specification, IVHD device entries",
	  "functions are listed up to the last that there can be",
	  "6.1 was seen to panic in check_device where a machine has one behind them" },
	{ "ivrs-special", VIOMMU_ERROR, "AMD IOMMU specification, special device entry, Variety",
	  "a special device is an IOAPIC or an HPET", "gives up, and has no IOMMU at all" },
	{ "ivrs-southbridge", VIOMMU_NOTE, "AMD IOMMU specification, special device entry",
	  "the IOAPIC of the southbridge, 00:14.0, is listed",
	  "prints \"No southbridge IOAPIC found\" and does not remap interrupts" },
	{ "ivrs-hid", VIOMMU_ERROR, "AMD IOMMU specification, ACPI device entry",
	  "an ACPI device has a hardware ID, and stands in a block of type 40h",
	  "prints \"Invalid IVHD device type\" or \"Invalid HID\" and skips it" },
	{ "ivrs-uid", VIOMMU_WARNING, "AMD IOMMU specification, ACPI device entry, UID",
	  "a unique ID is as long as its format has it",
	  "prints \"Invalid UID length\" of none, and takes the first byte of an integer" },
	{ "ivrs-memory-pages", VIOMMU_WARNING, "AMD IOMMU specification, IVMD",
	  "memory is whole pages of 4 KiB",
	  "rounds start and length up; Xen refuses the table" },
	{ "ivrs-memory-end", VIOMMU_ERROR, "AMD IOMMU specification, IVMD",
	  "memory ends within the 64-bit address space", "maps nothing" },
	{ "ivrs-memory-devices", VIOMMU_ERROR, "AMD IOMMU specification, IVMD, type 22h",
	  "a range of devices does not end before it begins", "takes no device to be in it" },
	{ "ivrs-memory-flags", VIOMMU_WARNING, "AMD IOMMU specification, IVMD, Flags",
	  "memory is either mapped to itself or excluded",
	  "maps excluded memory to itself, and does nothing where neither is said" },
};
/* clang-format on */

const struct viommu_rule *viommu_rule(size_t i)
{
	return i < G_N_ELEMENTS(rules) ? &rules[i] : NULL;
}

const struct viommu_rule *rule_find(const char *id)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
		if (!strcmp(rules[i].id, id))
			return &rules[i];
	return NULL;
}
