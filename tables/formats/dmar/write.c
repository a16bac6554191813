/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A topology as a DMAR
 *
 * Each unit of the topology gets a structure, in the order of the topology, with scopes:
 * interrupt sources first, then PCI functions, then other devices. The unit of a segment's host
 * bridges gets INCLUDE_PCI_ALL, and follows all other units of the segment. write_rmrr_atsr_rhsa.c
 * writes all other structures.
 *
 * A DMAR cannot exclude a function from INCLUDE_PCI_ALL, and cannot give host bridges of one
 * segment to different units. If the topology requires that, generation fails: the table would
 * translate functions that bypass.
 */
#include <inttypes.h>

#include "base/array.h"
#include "base/hash.h"
#include "write.h"
#include "tables/findings/findings.h"

/* -- units ----------------------------------------------------------------------- */

/*
 * NULL, too, for an IOMMU of another kind, which begin_unit() reported; what is behind it is
 * omitted.
 */
static struct dmar_unit *find_unit(const struct dmar_writing *writing, const char *name)
{
	return name ? hash_lookup(writing->units, name) : NULL;
}

/* The register window is a power of two pages, and 0 is one page. */
static uint8_t size_of(uint64_t span)
{
	uint8_t size = 0;

	while (size < DMAR_SIZE_MASK && (uint64_t)DMAR_PAGE << size < span)
		size++;
	return size;
}

/* The registers of a virtio-iommu on MMIO, if the topology does not give their size. */
#define VIRTIO_SPAN 0x200

/* Keeps flags that were read; host bridges decide about INCLUDE_PCI_ALL. */
static uint8_t flags_of(const struct viommu_iommu *iommu)
{
	if (iommu->kind == VIOMMU_VTD)
		return (uint8_t)(iommu->flags & ~(unsigned)DMAR_INCLUDE_PCI_ALL);
	return (uint8_t)((iommu->coherent ? DMAR_COHERENT : 0) |
			 (iommu->has_proximity_domain ? DMAR_HAS_DOMAIN : 0));
}

/* The layout selects the members of the kind. */
static struct record *new_unit(const struct dmar_writing *writing, const struct viommu_iommu *iommu)
{
	unsigned type = iommu->kind == VIOMMU_VTD          ? DMAR_DRHD
			: iommu->kind == VIOMMU_VIRTIO_PCI ? DMAR_VIRTIO_PCI
							   : DMAR_VIRTIO_MMIO;

	return dmar_new_structure(
		writing, type,
		&(struct dmar_drhd){
			.flags = flags_of(iommu),
			.size = type == DMAR_DRHD ? size_of(iommu->span) : 0,
			.segment = iommu->segment,
			.base = iommu->base,
			.span = iommu->span ? iommu->span : VIRTIO_SPAN,
			.interrupt = iommu->n_interrupts ? iommu->interrupts[0] : 0,
			.proximity_domain = iommu->proximity_domain,
			.bdf = iommu->bdf,
		});
}

/* Adds no scopes yet. */
static void begin_unit(struct dmar_writing *writing, const struct viommu_iommu *iommu)
{
	struct dmar_unit *unit;

	if (!dmar_describes(writing->table, iommu))
		return;
	unit = memory_new(struct dmar_unit, 1);
	unit->iommu = iommu;
	unit->record = new_unit(writing, iommu);
	hash_insert(writing->units, (gpointer)iommu->name, unit);
	pointers_add(writing->units_in_order, unit);
}

/* A virtio-iommu on PCI is in the segment of its function, one on MMIO in segment 0. */
static const char *segment_cure(enum viommu_iommu_kind kind)
{
	return kind == VIOMMU_VIRTIO_PCI
		       ? "let it translate devices of the segment of its own function (`at`)"
	       : kind == VIOMMU_VIRTIO_MMIO
		       ? "let it translate devices of segment 0 only, or use virtio-iommu-pci"
		       : "give the unit the `segment` of the devices that it translates";
}

/* All scopes of a unit share the segment of its structure. */
static bool in_segment(struct dmar_writing *writing, const struct dmar_unit *unit, unsigned segment,
		       struct viommu_place place)
{
	if (unit->iommu->segment == segment)
		return true;
	dmar_report_error(writing, "dmar-segment", place, segment_cure(unit->iommu->kind),
			  "an IOMMU of a DMAR can translate only devices of its own segment");
	return false;
}

/* -- host bridges ---------------------------------------------------------------- */

/*
 * A table has segments only, so all host bridges of a segment have the IOMMU of the first one, or
 * are errors.
 */
static void write_bridge(struct dmar_writing *writing, const struct viommu_host_bridge *bridge)
{
	gpointer segment = GUINT_TO_POINTER(bridge->segment);
	const struct viommu_host_bridge *first = hash_lookup(writing->bridges, segment);
	struct dmar_unit *unit = find_unit(writing, bridge->iommu);

	if (!first)
		hash_insert(writing->bridges, segment, (gpointer)bridge);
	if (first && g_strcmp0(first->iommu, bridge->iommu))
		dmar_report_error(
			writing, "dmar-bridges", bridge->place,
			"name the functions in `ranges`, and give all host bridges the same "
			"`iommu`",
			"DMAR cannot assign host bridges of one segment to different units");
	else if (unit && in_segment(writing, unit, bridge->segment, bridge->place))
		unit->include_all = true;
}

/* -- ranges ---------------------------------------------------------------------- */

/* A function that bypasses has no scope, unless INCLUDE_PCI_ALL would include it. */
static void write_bypass(struct dmar_writing *writing, const struct viommu_pci_range *range)
{
	for (unsigned s = range->segment_first; s <= range->segment_last; s++) {
		const struct viommu_host_bridge *bridge =
			hash_lookup(writing->bridges, GUINT_TO_POINTER(s));

		if (bridge && bridge->iommu)
			dmar_report_error(writing, "dmar-bypass", range->place,
					  "give the host bridge no `iommu`, and name the "
					  "translated functions",
					  "DMAR cannot exclude functions of a host bridge");
	}
}

/* One scope per function. */
static void write_range(struct dmar_writing *writing, const struct viommu_pci_range *range)
{
	struct dmar_unit *unit = find_unit(writing, range->iommu);
	const struct dmar_target target = {
		.type = dmar_type_of_scope(range->scope),
		.bdf = range->bdf_first,
		.path = range->path,
	};

	if (!range->iommu)
		write_bypass(writing, range);
	if (!unit || !in_segment(writing, unit, range->segment_first, range->place) ||
	    !in_segment(writing, unit, range->segment_last, range->place))
		return;
	if (!dmar_add_scopes(writing, unit->record, target, range->bdf_last))
		dmar_report_path(writing, range->place);
}

/* -- other scopes ---------------------------------------------------------------- */

/*
 * An interrupt source behind a unit means that interrupts are remapped, which the head has to
 * declare.
 */
static void write_source(struct dmar_writing *writing, const struct viommu_interrupt_source *source)
{
	struct dmar_unit *unit = find_unit(writing, source->iommu);
	const struct dmar_target target = {
		.type = source->kind == VIOMMU_HPET ? DMAR_SCOPE_HPET : DMAR_SCOPE_IOAPIC,
		.number = source->number,
		.bdf = source->bdf,
		.path = source->path,
	};

	if (!unit || !in_segment(writing, unit, source->segment, source->place))
		return;
	writing->remaps_interrupts |= unit->iommu->kind == VIOMMU_VTD;
	if (!dmar_add_scope(unit->record, &target))
		dmar_report_path(writing, source->place);
}

/* A scope refers to the name in an ANDD by number, so a device needs both. */
bool dmar_cannot_name(const void *object)
{
	const struct viommu_platform_device *device = object;

	return !device->name || !device->has_number || device->n_ids > 1;
}

static void write_device(struct dmar_writing *writing, const struct viommu_platform_device *device)
{
	struct dmar_unit *unit = find_unit(writing, device->iommu);
	const struct dmar_target target = {
		.type = DMAR_SCOPE_NAMESPACE,
		.number = device->number,
		.bdf = (uint16_t)device->id,
	};

	if (!unit || !in_segment(writing, unit, device->id >> 16, device->place) ||
	    dmar_cannot_name(device))
		return;
	dmar_add_scope(unit->record, &target);
	pointers_add(writing->devices, (gpointer)device);
}

/* -- the order of units ---------------------------------------------------------- */

/* segment -> the position, from 1, of its last unit without INCLUDE_PCI_ALL. */
static struct hash *last_explicit_units(const struct dmar_writing *writing)
{
	struct hash *last = hash_new(&hash_direct);

	for (guint i = 0; i < writing->units_in_order->len; i++) {
		const struct dmar_unit *unit = writing->units_in_order->pdata[i];

		if (!unit->include_all && unit->iommu->kind == VIOMMU_VTD)
			hash_insert(last, GUINT_TO_POINTER(unit->iommu->segment),
				    GUINT_TO_POINTER(i + 1));
	}
	return last;
}

static void add_unit(struct dmar_writing *writing, const struct dmar_unit *unit)
{
	struct dmar_drhd *drhd = unit->record->host;

	if (unit->include_all)
		drhd->flags |= DMAR_INCLUDE_PCI_ALL;
	record_add_child(writing->table->root, unit->record);
}

/* Structures are in the order of their types, so virtio-iommus follow all others. */
static void add_virtio_units(struct dmar_writing *writing, enum viommu_iommu_kind kind)
{
	for (guint i = 0; i < writing->units_in_order->len; i++) {
		const struct dmar_unit *unit = writing->units_in_order->pdata[i];

		if (unit->iommu->kind == kind)
			add_unit(writing, unit);
	}
}

/*
 * In two rounds: the second for units with INCLUDE_PCI_ALL, if another unit of the segment
 * follows.
 */
static void add_units(struct dmar_writing *writing)
{
	struct hash *last = last_explicit_units(writing);

	for (int round = 0; round < 2; round++)
		for (guint i = 0; i < writing->units_in_order->len; i++) {
			const struct dmar_unit *unit = writing->units_in_order->pdata[i];
			gpointer behind = hash_lookup(last, GUINT_TO_POINTER(unit->iommu->segment));
			bool waits = unit->include_all && GPOINTER_TO_UINT(behind) > i + 1;

			if (unit->iommu->kind == VIOMMU_VTD && waits == (round == 1))
				add_unit(writing, unit);
		}
	hash_free(last);
}

/* The order of scopes is that of most firmware. */
static void write_units(struct dmar_writing *writing)
{
	const struct viommu_topology *topology = writing->topology;
	const struct viommu_iommu *iommu;
	const struct viommu_host_bridge *bridge;
	const struct viommu_interrupt_source *source;
	const struct viommu_pci_range *range;
	const struct viommu_platform_device *device;

	for (size_t i = 0; (iommu = viommu_topology_iommu(topology, i)); i++)
		begin_unit(writing, iommu);
	for (size_t i = 0; (bridge = viommu_topology_host_bridge(topology, i)); i++)
		write_bridge(writing, bridge);
	for (size_t i = 0; (source = viommu_topology_interrupt_source(topology, i)); i++)
		write_source(writing, source);
	for (size_t i = 0; (range = viommu_topology_pci_range(topology, i)); i++)
		write_range(writing, range);
	for (size_t i = 0; (device = viommu_topology_platform_device(topology, i)); i++)
		write_device(writing, device);
	add_units(writing);
}

/* -- the table ------------------------------------------------------------------- */

#define DEFAULT_ADDRESS_BITS 48
#define DEFAULT_REVISION     1

/* Defaults are those that guests of any age understand. */
static void write_head(struct dmar_writing *writing)
{
	const struct viommu_table_header *header =
		viommu_topology_header(writing->topology, "DMAR");
	struct dmar_head *head = writing->table->root->host;

	head->acpi.revision = (uint8_t)(header->has_revision ? header->revision : DEFAULT_REVISION);
	head->width =
		(uint8_t)((header->address_bits ? header->address_bits : DEFAULT_ADDRESS_BITS) - 1);
	head->flags = (uint8_t)(header->has_flags            ? header->flags
				: writing->remaps_interrupts ? DMAR_INTR_REMAP
							     : 0);
}

/* All structures are complete here, so their lengths are known. */
static void finish(struct dmar_writing *writing)
{
	const struct record *structure;

	for_each_child(i, structure, writing->table->root) {
		struct dmar_node *node = structure->host;
		size_t length = record_length(structure);

		node->length = (uint16_t)length;
		if (length > G_MAXUINT16)
			dmar_report_error(
				writing, "dmar-too-large", place_of_file(NULL),
				"name bridges instead of the functions below them",
				"a structure has at most 65535 bytes, which are about 8000 scopes");
	}
	record_place(writing->table->root, 0);
}

/* Continues after an error, to report all errors at once. */
bool dmar_write(struct viommu_table *table, const struct viommu_topology *topology,
		struct viommu_findings *findings)
{
	struct dmar_writing writing = {
		.table = table,
		.topology = topology,
		.units = hash_new_full(&hash_text, NULL, memory_free),
		.bridges = hash_new(&hash_direct),
		.units_in_order = pointers_new(NULL),
		.devices = pointers_new(NULL),
		.findings = findings,
	};

	write_units(&writing);
	dmar_write_other_structures(&writing);
	add_virtio_units(&writing, VIOMMU_VIRTIO_PCI);
	add_virtio_units(&writing, VIOMMU_VIRTIO_MMIO);
	write_head(&writing);
	finish(&writing);
	hash_free(writing.units);
	hash_free(writing.bridges);
	pointers_free(writing.units_in_order);
	pointers_free(writing.devices);
	return !writing.failed;
}
