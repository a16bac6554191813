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

	/* -- builtin: built-in topologies, as drafts of virtio had them ------------------- */

	{ "builtin-short", VIOMMU_ERROR, "virtio, drafts of 2019 and 2020",
	  "configuration space has the fields that lead to the topology", NULL },
	{ "builtin-offset", VIOMMU_ERROR, "virtio, drafts of 2019 and 2020",
	  "items begin behind those fields, and inside configuration space", NULL },
	{ "builtin-alignment", VIOMMU_WARNING, "virtio, draft of August 2020",
	  "items begin at a multiple of 8", NULL },
	{ "builtin-list", VIOMMU_ERROR, "virtio, draft of November 2019",
	  "a list comes to each item once, and items do not lie in each other", NULL },
	{ "builtin-item-end", VIOMMU_ERROR, "virtio, drafts of 2019 and 2020",
	  "an item lies whole inside configuration space", NULL },
	{ "builtin-item-length", VIOMMU_ERROR, "virtio, drafts of 2020",
	  "an item is as long as its type has it", NULL },
	{ "builtin-item-type", VIOMMU_WARNING, "virtio, drafts of 2019 and 2020",
	  "an item is a PCI range or an endpoint", NULL },
	{ "builtin-reserved", VIOMMU_WARNING, "virtio, drafts of 2019 and 2020",
	  "reserved bytes are 0", NULL },
	{ "builtin-range-inverted", VIOMMU_ERROR, "virtio, drafts of 2019 and 2020",
	  "a range of segments or functions does not end before it begins", NULL },
	{ "builtin-iommu", VIOMMU_ERROR, "virtio, drafts of 2019 and 2020",
	  "a built-in topology is that of one virtio-iommu", NULL },
	{ "builtin-silent-path", VIOMMU_WARNING, "virtio, drafts of 2019 and 2020",
	  "functions are known by their buses", NULL },
	{ "builtin-silent-ids", VIOMMU_WARNING, "virtio, drafts of 2019 and 2020",
	  "a device that is not PCI has one endpoint ID", NULL },
	{ "builtin-silent-memory", VIOMMU_NOTE, "virtio, drafts of 2019 and 2020",
	  "what a topology says has a place in it", NULL },
	{ "builtin-bypass", VIOMMU_NOTE, "virtio 1.3, IOMMU device, \"Feature bits\"",
	  "feature bit 6 and what stands at byte 36 are about bypass",
	  "never had a driver for built-in topologies; that of today takes bit 6 for BYPASS_CONFIG, "
	  "and is refused when it asks for a bypass domain" },
	{ "builtin-too-large", VIOMMU_ERROR, "virtio, drafts of 2019 and 2020",
	  "items are within reach of the form's offsets, and of 1 MiB", NULL },

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

	/* -- dmar: its bytes (Intel VT-d, chapter 8, "BIOS Considerations") ------------------ */

	{ "dmar-revision", VIOMMU_WARNING, "VT-d, 8.1, Revision", "the revision is 1 or 2",
	  "does not look at it" },
	{ "dmar-width", VIOMMU_ERROR, "VT-d, 8.1, Host Address Width",
	  "a host address has at least 12 bits", "prints \"Invalid DMAR haw\" and takes no unit" },
	{ "dmar-type", VIOMMU_WARNING, "VT-d, 8.2, Remapping Structure Types",
	  "the type of a structure is 0 to 6", "skips it" },
	{ "dmar-length", VIOMMU_ERROR, "VT-d, 8.2, Length",
	  "a structure is as long as its type has it",
	  "takes a length of 0 for the end of the table, and reads what lies behind a short one" },
	{ "dmar-end", VIOMMU_ERROR, "VT-d, 8.2, Length", "a structure lies whole inside the table",
	  "prints \"Record passes table end\" and takes no unit" },
	{ "dmar-too-large", VIOMMU_ERROR, "viommu",
	  "a table has at most 1048576 structures, scopes and hops", NULL },
	{ "dmar-reserved", VIOMMU_WARNING, "VT-d, chapter 8", "reserved bytes are 0",
	  "does not look at them" },
	{ "dmar-units", VIOMMU_ERROR, "VT-d, 8.1",
	  "there is a unit", "prints \"No DRHD structure found in DMAR table\"" },
	{ "dmar-order", VIOMMU_WARNING, "VT-d, 8.2", "structures stand in the order of their types",
	  "finds the unit of an RHSA only if it stands before it" },
	{ "dmar-base", VIOMMU_ERROR, "VT-d, 8.3, Register Base Address",
	  "the registers of a unit are somewhere, in pages of their own",
	  "prints \"Your BIOS is broken; DMAR reported at address 0!\" and takes no unit" },
	{ "dmar-base-twice", VIOMMU_ERROR, "VT-d, 8.3, Register Base Address",
	  "no two units have the same registers",
	  "ignores the second one, and what its scopes name" },
	{ "dmar-all-twice", VIOMMU_ERROR, "VT-d, 8.3, INCLUDE_PCI_ALL",
	  "one unit of a segment has INCLUDE_PCI_ALL", "takes the first of them" },
	{ "dmar-all-last", VIOMMU_WARNING, "VT-d, 8.3, INCLUDE_PCI_ALL",
	  "the unit with INCLUDE_PCI_ALL stands behind all others of its segment",
	  "asks it last, wherever it stands" },
	{ "dmar-scope-length", VIOMMU_ERROR, "VT-d, 8.3.1, Length",
	  "a scope lies whole inside its structure, and its path has one hop or more",
	  "goes on by a length that leads nowhere, for ever if it is 0" },
	{ "dmar-scope-type", VIOMMU_WARNING, "VT-d, 8.3.1, Type", "the type of a scope is 1 to 5",
	  "prints \"Unsupported device scope\" and skips it" },
	{ "dmar-scope-place", VIOMMU_WARNING, "VT-d, 8.3.1, Type",
	  "interrupt sources stand in units, and root ports alone in an ATSR",
	  "looks for a PCI function there" },
	{ "dmar-scope-path", VIOMMU_ERROR, "VT-d, 8.3.1, Path",
	  "a hop is a PCI device of 0 to 31 and a function of 0 to 7", "finds no such device" },
	{ "dmar-scope-unnamed", VIOMMU_WARNING, "VT-d, 8.3.1, Enumeration ID",
	  "a device of the ACPI namespace has a name in an ANDD", "never gets to know the device" },
	{ "dmar-rmrr-pages", VIOMMU_WARNING, "VT-d, 8.4",
	  "a reserved region is a number of whole pages",
	  "prints \"Your BIOS is broken; bad RMRR\" and uses it" },
	{ "dmar-rmrr-inverted", VIOMMU_ERROR, "VT-d, 8.4",
	  "a reserved region does not end before it begins",
	  "prints \"Your BIOS is broken; bad RMRR\" and uses it" },
	{ "dmar-rmrr-scope", VIOMMU_WARNING, "VT-d, 8.4, Device Scope",
	  "a reserved region is that of a device", "maps it for nobody" },
	{ "dmar-device", VIOMMU_WARNING, "VT-d, 8.3.1, ACPI namespace device",
	  "a device of the ACPI namespace has one function to send as, and one name", 
	  "keeps one function for each device" },
	{ "dmar-atsr-scopes", VIOMMU_NOTE, "VT-d, 8.5, ALL_PORTS",
	  "an ATSR with ALL_PORTS names no root ports", "does not read its scopes" },
	{ "dmar-affinity", VIOMMU_WARNING, "VT-d, 8.6, Register Base Address",
	  "an affinity is that of a unit before it",
	  "prints \"RHSA refers to non-existent DMAR unit\"" },
	{ "dmar-name", VIOMMU_ERROR, "VT-d, 8.7, ACPI Object Name",
	  "the name of an ACPI object ends inside its structure",
	  "prints \"ANDD object name is not NUL-terminated\" and takes no unit" },
	{ "dmar-name-unused", VIOMMU_WARNING, "VT-d, 8.7, ACPI Device Number",
	  "a device with a name is in a scope of a unit",
	  "prints \"No IOMMU scope found for ANDD enumeration ID\"" },
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
