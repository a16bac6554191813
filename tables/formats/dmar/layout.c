/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rows of every DMAR structure (Intel VT-d, chapter 8), and accessors of decoded ones
 */
#include <string.h>

#include "dmar.h"

/* -- layouts --------------------------------------------------------------------- */

/* INTR_REMAP holds for the whole machine, not for a single unit. */
static const struct field_name head_flags[] = {
	{ 0x1, "INTR_REMAP" },
	{ 0x2, "X2APIC_OPT_OUT" },
	{ 0x4, "DMA_CTRL_PLATFORM_OPT_IN_FLAG" },
	{ 0, NULL },
};

/* The width is the number of bits less one. */
static const struct field head_fields[] = {
	ACPI_ROWS(struct dmar_head),
	ROW(struct dmar_head, 36, NUMBER, width, "Host address width"),
	ROW_NAMED(struct dmar_head, 37, FLAGS, flags, "Flags", head_flags),
	ROW(struct dmar_head, 38, RESERVED, reserved, "Reserved"),
};
const struct layout dmar_head_layout =
	LAYOUT("DMA Remapping Reporting table", 0, DMAR_HEAD_LENGTH, struct dmar_head, head_fields);

/* Short names are those that Linux prints. */
static const struct field_name types[] = {
	{ DMAR_DRHD, "DRHD" },
	{ DMAR_RMRR, "RMRR" },
	{ DMAR_ATSR, "ATSR" },
	{ DMAR_RHSA, "RHSA" },
	{ DMAR_ANDD, "ANDD" },
	{ DMAR_SATC, "SATC" },
	{ DMAR_SIDP, "SIDP" },
	{ DMAR_VIRTIO_PCI, "virtio-iommu, PCI" },
	{ DMAR_VIRTIO_MMIO, "virtio-iommu, MMIO" },
	{ 0, NULL },
};

#define NODE_ROWS(host) \
	ROW_NAMED(host, 0, TYPE, node.type, "Type", types), \
		ROW(host, 2, LENGTH, node.length, "Length")

/*
 * INCLUDE_PCI_ALL: the unit has everything of its segment that no scope names. Linux searches
 * units with this flag last.
 */
static const struct field_name drhd_flags[] = {
	{ DMAR_INCLUDE_PCI_ALL, "INCLUDE_PCI_ALL" },
	{ 0, NULL },
};

/* The size is the logarithm of the number of register pages. */
static const struct field drhd_fields[] = {
	NODE_ROWS(struct dmar_drhd),
	ROW_NAMED(struct dmar_drhd, 4, FLAGS, flags, "Flags", drhd_flags),
	ROW(struct dmar_drhd, 5, NUMBER, size, "Size"),
	ROW(struct dmar_drhd, 6, HEX, segment, "Segment number"),
	ROW(struct dmar_drhd, 8, HEX, base, "Register base address"),
};

static const struct field rmrr_fields[] = {
	NODE_ROWS(struct dmar_rmrr),
	ROW(struct dmar_rmrr, 4, RESERVED, reserved, "Reserved"),
	ROW(struct dmar_rmrr, 6, HEX, segment, "Segment number"),
	ROW(struct dmar_rmrr, 8, HEX, base, "Base address"),
	ROW(struct dmar_rmrr, 16, HEX, limit, "Limit address"),
};

/* With ALL_PORTS, scopes are ignored: every root port of the segment has ATS. */
static const struct field_name atsr_flags[] = { { DMAR_ALL_PORTS, "ALL_PORTS" }, { 0, NULL } };
static const struct field atsr_fields[] = {
	NODE_ROWS(struct dmar_ports),
	ROW_NAMED(struct dmar_ports, 4, FLAGS, flags, "Flags", atsr_flags),
	ROW(struct dmar_ports, 5, RESERVED, reserved, "Reserved"),
	ROW(struct dmar_ports, 6, HEX, segment, "Segment number"),
};

/* A unit has no number: the base of its registers identifies it. */
static const struct field rhsa_fields[] = {
	NODE_ROWS(struct dmar_rhsa),
	ROW(struct dmar_rhsa, 4, RESERVED, reserved, "Reserved"),
	ROW(struct dmar_rhsa, 8, HEX, base, "Register base address"),
	ROW(struct dmar_rhsa, 16, NUMBER, proximity_domain, "Proximity domain"),
};

/* A scope of type 5 refers to the device number. Linux logs a number without a scope. */
static const struct field andd_fields[] = {
	NODE_ROWS(struct dmar_andd),
	ROW(struct dmar_andd, 4, RESERVED, reserved, "Reserved"),
	ROW(struct dmar_andd, 7, NUMBER, number, "ACPI device number"),
};

/* The same bit as ALL_PORTS, with another meaning. */
static const struct field_name satc_flags[] = { { 0x1, "ATC_REQUIRED" }, { 0, NULL } };
static const struct field satc_fields[] = {
	NODE_ROWS(struct dmar_ports),
	ROW_NAMED(struct dmar_ports, 4, FLAGS, flags, "Flags", satc_flags),
	ROW(struct dmar_ports, 5, RESERVED, reserved, "Reserved"),
	ROW(struct dmar_ports, 6, HEX, segment, "Segment number"),
};

/* Its flags are reserved. */
static const struct field sidp_fields[] = {
	NODE_ROWS(struct dmar_ports),
	ROW(struct dmar_ports, 4, RESERVED, flags, "Reserved"),
	ROW(struct dmar_ports, 5, RESERVED, reserved, "Reserved"),
	ROW(struct dmar_ports, 6, HEX, segment, "Segment number"),
};

/*
 * The draft of 2019 has nodes of virtio-iommus in an IORT only. These structures are this library's
 * own: the types of the nodes, and what is behind the IOMMU as in a DRHD. The function of one on
 * PCI gives the segment; one with a register window is of segment 0.
 */
static const struct field_name virtio_flags[] = {
	{ DMAR_INCLUDE_PCI_ALL, "INCLUDE_PCI_ALL" },
	{ DMAR_COHERENT, "COHERENT" },
	{ DMAR_HAS_DOMAIN, "PROXIMITY_DOMAIN" },
	{ 0, NULL },
};

#define VIRTIO_ROWS \
	NODE_ROWS(struct dmar_drhd), \
		ROW_NAMED(struct dmar_drhd, 4, FLAGS, flags, "Flags", virtio_flags), \
		ROW(struct dmar_drhd, 5, RESERVED, size, "Reserved")

static const struct field virtio_pci_fields[] = {
	VIRTIO_ROWS,
	ROW(struct dmar_drhd, 6, HEX, segment, "Segment number"),
	ROW(struct dmar_drhd, 8, BDF, bdf, "Function"),
	ROW(struct dmar_drhd, 10, RESERVED, reserved, "Reserved"),
	ROW(struct dmar_drhd, 12, NUMBER, proximity_domain, "Proximity domain"),
};
static const struct field virtio_mmio_fields[] = {
	VIRTIO_ROWS,
	ROW(struct dmar_drhd, 6, RESERVED, reserved, "Reserved"),
	ROW(struct dmar_drhd, 8, HEX, base, "Base address"),
	ROW(struct dmar_drhd, 16, HEX, span, "Span"),
	ROW(struct dmar_drhd, 24, NUMBER, interrupt, "Interrupt"),
	ROW(struct dmar_drhd, 28, NUMBER, proximity_domain, "Proximity domain"),
};

/* The bytes behind the head are kept. */
struct unknown_structure {
	struct dmar_node node;
};
static const struct field unknown_fields[] = { NODE_ROWS(struct unknown_structure) };

/* The length is that of the fixed part. */
static const struct layout layouts[] = {
	[DMAR_DRHD] = LAYOUT("Remapping unit", DMAR_DRHD, 16, struct dmar_drhd, drhd_fields),
	[DMAR_RMRR] =
		LAYOUT("Reserved memory region", DMAR_RMRR, 24, struct dmar_rmrr, rmrr_fields),
	[DMAR_ATSR] = LAYOUT("Root ports with ATS", DMAR_ATSR, 8, struct dmar_ports, atsr_fields),
	[DMAR_RHSA] = LAYOUT("Affinity of a unit", DMAR_RHSA, 20, struct dmar_rhsa, rhsa_fields),
	[DMAR_ANDD] = LAYOUT("ACPI namespace device", DMAR_ANDD, 8, struct dmar_andd, andd_fields),
	[DMAR_SATC] = LAYOUT("Address translation caches of the SoC", DMAR_SATC, 8,
			     struct dmar_ports, satc_fields),
	[DMAR_SIDP] = LAYOUT("Properties of the SoC's devices", DMAR_SIDP, 8, struct dmar_ports,
			     sidp_fields),
};
static const struct layout virtio_layouts[] = {
	LAYOUT("virtio-iommu on PCI", DMAR_VIRTIO_PCI, 16, struct dmar_drhd, virtio_pci_fields),
	LAYOUT("virtio-iommu on MMIO", DMAR_VIRTIO_MMIO, 32, struct dmar_drhd, virtio_mmio_fields),
};

static const struct layout unknown_layout = LAYOUT("Structure of unknown type", DMAR_UNKNOWN, 4,
						   struct unknown_structure, unknown_fields);

/* Linux logs all other types, and skips them. */
static const struct field_name scope_types[] = {
	{ DMAR_SCOPE_ENDPOINT, "PCI endpoint" },
	{ DMAR_SCOPE_BRIDGE, "PCI sub-hierarchy" },
	{ DMAR_SCOPE_IOAPIC, "IOAPIC" },
	{ DMAR_SCOPE_HPET, "HPET" },
	{ DMAR_SCOPE_NAMESPACE, "ACPI namespace device" },
	{ 0, NULL },
};

/* Of a function in a SATC or SIDP. */
static const struct field_name scope_flags[] = {
	{ 1u << 0, "REQ_WO_PASID_NESTED_NOTALLOWED" },
	{ 1u << 1, "REQ_WO_PASID_PWSNP_NOTALLOWED" },
	{ 1u << 2, "REQ_WO_PASID_PGSNP_NOTALLOWED" },
	{ 1u << 3, "ATC_HARDENED" },
	{ 1u << 4, "ATC_REQUIRED" },
	{ 0, NULL },
};

/* All scope types have the same fields, so the type is no key of a layout. */
static const struct field scope_fields[] = {
	ROW_NAMED(struct dmar_scope, 0, ENUM, type, "Type", scope_types),
	ROW(struct dmar_scope, 1, NUMBER, length, "Length"),
	ROW_NAMED(struct dmar_scope, 2, FLAGS, flags, "Flags", scope_flags),
	ROW(struct dmar_scope, 3, RESERVED, reserved, "Reserved"),
	ROW(struct dmar_scope, 4, NUMBER, number, "Enumeration ID"),
	ROW(struct dmar_scope, 5, HEX, bus, "Start bus number"),
};
const struct layout dmar_scope_layout =
	LAYOUT("Device scope", 0, 6, struct dmar_scope, scope_fields);

/* A byte can hold an invalid device or function; check_scope.c reports it. */
static const struct field hop_fields[] = {
	ROW(struct dmar_hop, 0, HEX, device, "Device"),
	ROW(struct dmar_hop, 1, HEX, function, "Function"),
};
const struct layout dmar_hop_layout = LAYOUT("Path", 0, 2, struct dmar_hop, hop_fields);

const struct layout *dmar_layout(uint64_t type)
{
	if (type == DMAR_VIRTIO_PCI || type == DMAR_VIRTIO_MMIO)
		return &virtio_layouts[type - DMAR_VIRTIO_PCI];
	return type < G_N_ELEMENTS(layouts) ? &layouts[type] : &unknown_layout;
}

/* -- accessors ------------------------------------------------------------------- */

/* Scopes that cannot be decoded are bytes, and always the last child. */
const struct record *dmar_scope(const struct record *structure, size_t i)
{
	const struct record *scope = record_child(structure, i);

	return scope && scope->layout == &dmar_scope_layout ? scope : NULL;
}

size_t dmar_hops(const struct record *scope)
{
	return scope->children.len;
}

const struct dmar_hop *dmar_hop(const struct record *scope, size_t i)
{
	return record_child_at(scope, i)->host;
}

/* Without a NUL the name would be read beyond the table. */
const char *dmar_object_name(const struct record *andd)
{
	const struct record *name = record_child(andd, 0);

	if (!name || !name->rest.len)
		return NULL;
	return memchr(name->rest.data, '\0', name->rest.len) ? record_text(name) : NULL;
}
