/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making a DMAR of a topology
 *
 * Every VT-d unit of the topology gets a structure, in the order there, and what names it becomes
 * its scopes: sources of interrupts first, then PCI functions, then other devices. The unit of a
 * segment's host bridges gets INCLUDE_PCI_ALL, and comes behind all others of the segment. All
 * other structures follow, in the order of their types; they are in dmar_rest.c.
 *
 * A DMAR cannot take a function out of INCLUDE_PCI_ALL again, nor give all of a host bridge to
 * another unit. Where the topology asks for that, there is no table: it would translate what should
 * not be.
 */
#include <inttypes.h>

#include "write.h"
#include "tables/findings/findings.h"

/* -- units ----------------------------------------------------------------------- */

/* NULL for an IOMMU of another kind too, which has been told: what is behind it goes with it. */
static struct dmar_unit *find_unit(const struct dmar_writing *writing, const char *name)
{
	return name ? g_hash_table_lookup(writing->units, name) : NULL;
}

/* Registers of one page need no size, and others are a power of two of them. */
static uint8_t size_of(uint64_t span)
{
	uint8_t size = 0;

	while (size < DMAR_SIZE_MASK && (uint64_t)DMAR_PAGE << size < span)
		size++;
	return size;
}

/* Its scopes come later; whether it has the rest of its segment, host bridges say. */
static void begin_unit(struct dmar_writing *writing, const struct viommu_iommu *iommu)
{
	struct dmar_unit *unit;

	if (iommu->kind != VIOMMU_VTD) {
		report(writing->findings, "dmar-silent-iommu", iommu->place,
		       "describe it in the table of its own platform",
		       "DMAR knows VT-d units only: %s \"%s\" and what is behind it are left out",
		       viommu_iommu_kind_name(iommu->kind), iommu->name);
		return;
	}
	unit = g_new0(struct dmar_unit, 1);
	unit->iommu = iommu;
	unit->record = dmar_new_structure(DMAR_DRHD, &(struct dmar_drhd){
							     .flags = (uint8_t)iommu->flags,
							     .size = size_of(iommu->span),
							     .segment = iommu->segment,
							     .base = iommu->base,
						     });
	g_hash_table_insert(writing->units, (gpointer)iommu->name, unit);
	g_ptr_array_add(writing->units_in_order, unit);
}

/* A unit has one segment for all of its scopes, and its structure is the only place for it. */
static bool in_segment(struct dmar_writing *writing, const struct dmar_unit *unit, unsigned segment,
		       struct viommu_place place)
{
	if (unit->iommu->segment == segment)
		return true;
	dmar_report_error(writing, "dmar-segment", place,
			  "give the unit the `segment` of what it translates",
			  "a VT-d unit cannot have anything of another segment than its own");
	return false;
}

/* -- host bridges ---------------------------------------------------------------- */

/*
 * All host bridges of a segment are its unit's, or nobody's: a table speaks of the segment only.
 * The first one decides, and those that differ are to blame.
 */
static void write_bridge(struct dmar_writing *writing, const struct viommu_host_bridge *bridge)
{
	gpointer segment = GUINT_TO_POINTER(bridge->segment);
	const struct viommu_host_bridge *first = g_hash_table_lookup(writing->bridges, segment);
	struct dmar_unit *unit = find_unit(writing, bridge->iommu);

	if (!first)
		g_hash_table_insert(writing->bridges, segment, (gpointer)bridge);
	if (first && g_strcmp0(first->iommu, bridge->iommu))
		dmar_report_error(
			writing, "dmar-bridges", bridge->place,
			"name what is below in `ranges`, and give all host bridges one `iommu`",
			"DMAR cannot give host bridges of one segment to different units");
	else if (unit && in_segment(writing, unit, bridge->segment, bridge->place))
		unit->include_all = true;
}

/* -- ranges ---------------------------------------------------------------------- */

/* What is nobody's is not named; unless the unit with the rest would have it then. */
static void write_bypass(struct dmar_writing *writing, const struct viommu_pci_range *range)
{
	for (unsigned s = range->segment_first; s <= range->segment_last; s++) {
		const struct viommu_host_bridge *bridge =
			g_hash_table_lookup(writing->bridges, GUINT_TO_POINTER(s));

		if (bridge && bridge->iommu)
			dmar_report_error(
				writing, "dmar-bypass", range->place,
				"give the host bridge no `iommu`, and name what is translated",
				"DMAR cannot leave out functions of a host bridge");
	}
}

/* The usual IDs are not said in a topology, and none others can be said in a DMAR. */
static bool has_other_ids(const struct viommu_pci_range *range)
{
	return range->one_id ||
	       range->id_first != ((uint32_t)range->segment_first << 16 | range->bdf_first);
}

/* Several functions become as many scopes, for a scope names one. */
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
	if (has_other_ids(range))
		report(writing->findings, "dmar-silent-ids", range->place, "leave `first-id` out",
		       "a VT-d unit knows functions by their own numbers");
	if (!dmar_add_scopes(writing, unit->record, target, range->bdf_last))
		dmar_report_path(writing, range->place);
}

/* -- other scopes ---------------------------------------------------------------- */

/*
 * Where there is a source of interrupts, the units are there to remap them, and the head says so.
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
	writing->remaps_interrupts = true;
	if (!dmar_add_scope(unit->record, &target))
		dmar_report_path(writing, source->place);
}

/* A scope and, further down, a name: for both there has to be one number and one name. */
static void write_device(struct dmar_writing *writing, const struct viommu_platform_device *device)
{
	struct dmar_unit *unit = find_unit(writing, device->iommu);
	const struct dmar_target target = {
		.type = DMAR_SCOPE_NAMESPACE,
		.number = device->number,
		.bdf = (uint16_t)device->id,
	};

	if (!unit || !in_segment(writing, unit, device->id >> 16, device->place))
		return;
	if (!device->name || !device->has_number || device->n_ids > 1) {
		report(writing->findings, "dmar-silent-device", device->place,
		       "write `name: \\_SB.PCI0.I2C0`, `number: 1`, and one `id`",
		       "DMAR cannot name the device: it is left out");
		return;
	}
	dmar_add_scope(unit->record, &target);
	g_ptr_array_add(writing->devices, (gpointer)device);
}

/* -- the order of units ---------------------------------------------------------- */

/* Of each segment, the last unit that has not the rest: by its place in the order, from 1. */
static GHashTable *last_explicit_units(const struct dmar_writing *writing)
{
	GHashTable *last = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < writing->units_in_order->len; i++) {
		const struct dmar_unit *unit = writing->units_in_order->pdata[i];

		if (!unit->include_all)
			g_hash_table_insert(last, GUINT_TO_POINTER(unit->iommu->segment),
					    GUINT_TO_POINTER(i + 1));
	}
	return last;
}

/*
 * Of the flags only INCLUDE_PCI_ALL is known by the topology; the rest comes from where it was
 * read.
 */
static void add_unit(struct dmar_writing *writing, const struct dmar_unit *unit)
{
	struct dmar_drhd *drhd = unit->record->host;

	drhd->flags = (uint8_t)(unit->iommu->flags & ~(unsigned)DMAR_INCLUDE_PCI_ALL);
	if (unit->include_all)
		drhd->flags |= DMAR_INCLUDE_PCI_ALL;
	record_add_child(writing->table->root, unit->record);
}

/* In two rounds, the second for units that have the rest, and others of their segment behind them.
 */
static void add_units(struct dmar_writing *writing)
{
	GHashTable *last = last_explicit_units(writing);

	for (int round = 0; round < 2; round++)
		for (guint i = 0; i < writing->units_in_order->len; i++) {
			const struct dmar_unit *unit = writing->units_in_order->pdata[i];
			gpointer behind =
				g_hash_table_lookup(last, GUINT_TO_POINTER(unit->iommu->segment));
			bool waits = unit->include_all && GPOINTER_TO_UINT(behind) > i + 1;

			if (waits == (round == 1))
				add_unit(writing, unit);
		}
	g_hash_table_destroy(last);
}

/* Sources come first in each unit, then functions, then other devices, as most firmware has it. */
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

/* What was read is written again, and otherwise what a guest of any age understands. */
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

/* Lengths are known when everything is there. They have 16 bits. */
static void finish(struct dmar_writing *writing)
{
	const GPtrArray *structures = writing->table->root->children;

	for (guint i = 0; i < structures->len; i++) {
		struct record *structure = structures->pdata[i];
		struct dmar_node *node = structure->host;
		size_t length = record_length(structure);

		node->length = (uint16_t)length;
		if (length > G_MAXUINT16)
			dmar_report_error(writing, "dmar-too-large", place_of_file(NULL),
					  "name bridges instead of what is below them",
					  "a structure has at most 65535 bytes: about 8000 scopes");
	}
	record_place(writing->table->root, 0);
}

/* Everything is looked at even after an error, so that people learn of all of them at once. */
bool dmar_write(struct viommu_table *table, const struct viommu_topology *topology,
		struct viommu_findings *findings)
{
	struct dmar_writing writing = {
		.table = table,
		.topology = topology,
		.units = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free),
		.bridges = g_hash_table_new(NULL, NULL),
		.units_in_order = g_ptr_array_new(),
		.devices = g_ptr_array_new(),
		.findings = findings,
	};

	write_units(&writing);
	dmar_write_other_structures(&writing);
	write_head(&writing);
	finish(&writing);
	g_hash_table_destroy(writing.units);
	g_hash_table_destroy(writing.bridges);
	g_ptr_array_free(writing.units_in_order, TRUE);
	g_ptr_array_free(writing.devices, TRUE);
	return !writing.failed;
}
