/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Does Linux's device table cover all device IDs of an IVRS?
 *
 * The table ends with the highest device ID that the device entries of a segment count, and some
 * entries do not count. IDs beyond are outside of the table, whether in an entry that does not
 * count or of a function without an entry. The rules here check a table for the former; for a table
 * being generated, functions of host bridges are checked too.
 */
#include "base/array.h"
#include "base/hash.h"
#include "base/pci.h"
#include "tables/findings/findings.h"
#include "write.h"

/* -- device IDs ---------------------------------------------------------------------------- */

/* The device ID that Linux counts, or -1. */
static int counted(unsigned type, const void *host)
{
	switch (type) {
	case IVRS_ALL:
		return IVRS_LAST_BDF;
	case IVRS_SELECT:
	case IVRS_END:
	case IVRS_ALIAS:
	case IVRS_EXTENDED:
		return ((const struct ivrs_entry *)host)->bdf;
	default:
		return -1;
	}
}

/* A device ID that Linux uses without counting it, or -1. */
static int uncounted(unsigned type, const void *host)
{
	switch (type) {
	case IVRS_ALIAS:
	case IVRS_ALIAS_START:
		return ((const struct ivrs_alias *)host)->source;
	case IVRS_SPECIAL:
		return ((const struct ivrs_special *)host)->source;
	case IVRS_HID:
		return ((const struct ivrs_entry *)host)->bdf;
	default:
		return -1;
	}
}

/* -- in a table ----------------------------------------------------------------------------- */

static void report_record(const struct table_check *check, const struct record *record,
			  const char *cure, const char *what)
{
	report(check->findings, check->rule_id, table_place(check->table, record->at), cure, "%s",
	       what);
}

/* -1 if no entry counts: Linux then ignores the segment. */
int ivrs_highest_of(const struct record *block)
{
	const struct record *entry;
	int highest = -1;

	for_each_child(i, entry, block)
		highest = MAX(highest, counted(ivrs_type_of(entry), entry->host));
	return highest;
}

/* Blocks of all types, because each has its readers. */
void ivrs_check_none(const struct table_check *check)
{
	const struct record *block;

	for_each_child(i, block, check->table->root)
		if (ivrs_is_ivhd(block) && ivrs_highest_of(block) < 0)
			report_record(check, block,
				      "list the functions behind the IOMMU, or omit it",
				      "the IOMMU has no device entry for a function");
}

/* The highest device ID of each segment, in blocks that Linux reads. */
static struct hash *highest_of_segments(const struct viommu_table *table)
{
	struct hash *highest = hash_new(&hash_direct);
	unsigned type = ivrs_linux_type(table);
	const struct record *block;

	for_each_child(i, block, table->root) {
		gpointer segment;
		int before;

		if (!ivrs_is_ivhd(block) || ivrs_type_of(block) != type)
			continue;
		segment = GUINT_TO_POINTER(((const struct ivrs_ivhd *)block->host)->segment);
		before = GPOINTER_TO_INT(hash_lookup(highest, segment));
		hash_insert(highest, segment, GINT_TO_POINTER(MAX(before, ivrs_highest_of(block))));
	}
	return highest;
}

/* The IOMMU's own function is not counted either. */
static void check_beyond(const struct table_check *check, const struct record *block, int highest)
{
	const struct record *entry;

	if (((const struct ivrs_block *)block->host)->bdf > highest)
		report_record(check, block, "list a function beyond all IDs in use",
			      "the function of the IOMMU is beyond all listed functions");
	for_each_child(i, entry, block)
		if (uncounted(ivrs_type_of(entry), entry->host) > highest)
			report_record(check, entry, "list a function beyond all IDs in use",
				      "the device ID is beyond those of all listed functions");
}

/* Only blocks that Linux reads. */
void ivrs_check_beyond(const struct table_check *check)
{
	struct hash *highest = highest_of_segments(check->table);
	unsigned type = ivrs_linux_type(check->table);
	const struct record *block;

	for_each_child(i, block, check->table->root) {
		const struct ivrs_ivhd *ivhd = block->host;

		if (ivrs_is_ivhd(block) && ivrs_type_of(block) == type)
			check_beyond(check, block,
				     GPOINTER_TO_INT(hash_lookup(highest,
								 GUINT_TO_POINTER(ivhd->segment))));
	}
	hash_free(highest);
}

/* At the first block, because no single entry is at fault. */
static void report_last(const struct table_check *check, unsigned segment, unsigned last)
{
	report(check->findings, check->rule_id, table_place(check->table, IVRS_HEAD_LENGTH),
	       "list functions up to the last bus of the machine",
	       "the last listed function is %04x:" PCI_BDF, segment, PCI_BDF_PARTS(last));
}

/* A note, once per segment: no table tells whether there are functions beyond. */
void ivrs_check_last(const struct table_check *check)
{
	struct hash *highest = highest_of_segments(check->table);
	const struct record *block;
	gpointer last;

	for_each_child(i, block, check->table->root) {
		const struct ivrs_ivhd *ivhd = block->host;

		if (ivrs_is_ivhd(block) &&
		    hash_take(highest, GUINT_TO_POINTER(ivhd->segment), &last) &&
		    GPOINTER_TO_UINT(last) < IVRS_LAST_BUS)
			report_last(check, ivhd->segment, GPOINTER_TO_UINT(last));
	}
	hash_free(highest);
}

/* -- in a table being generated ------------------------------------------------ */

static gpointer segment_of(const struct ivrs_unit *unit)
{
	return GUINT_TO_POINTER(unit->iommu->segment);
}

/* The highest device ID of each segment. Linux does not read blocks of virtio-iommus. */
static struct hash *last_of_units(const struct ivrs_writing *writing)
{
	struct hash *last = hash_new(&hash_direct);

	for (guint i = 0; i < writing->units->len; i++) {
		const struct ivrs_unit *unit = writing->units->pdata[i];
		int highest = GPOINTER_TO_INT(hash_lookup(last, segment_of(unit)));

		if (iommu_is_virtio(unit->iommu))
			continue;
		for (guint j = 0; j < unit->pending->len; j++) {
			const struct ivrs_pending *pending =
				&array_index(unit->pending, struct ivrs_pending, j);

			highest = MAX(highest, counted(pending->type, &pending->host));
		}
		hash_insert(last, segment_of(unit), GINT_TO_POINTER(highest));
	}
	return last;
}

/* At the object of the topology that has the ID. */
static void report_id(const struct ivrs_writing *writing, struct viommu_place place, unsigned id)
{
	report(writing->findings, "ivrs-beyond", place,
	       "give an IOMMU a function beyond all IDs in use",
	       "device ID 0x%04x is beyond those of all listed functions", id);
}

/* Linux also uses the IOMMU's own function, to exclude it from translation. */
static void check_unit(const struct ivrs_writing *writing, const struct ivrs_unit *unit, int last)
{
	if (unit->iommu->bdf > last)
		report_id(writing, unit->iommu->place, unit->iommu->bdf);
	for (guint i = 0; i < unit->pending->len; i++) {
		const struct ivrs_pending *pending =
			&array_index(unit->pending, struct ivrs_pending, i);
		int id = uncounted(pending->type, &pending->host);

		if (id > last)
			report_id(writing, pending->place, (unsigned)id);
	}
}

/* The buses of host bridges tell which functions the machine may have. */
static void check_bridges(const struct ivrs_writing *writing, struct hash *last)
{
	const struct viommu_host_bridge *bridge;
	gpointer value;

	for_each_object(i, bridge, writing->topology, OBJECT_HOST_BRIDGE)
		if (hash_lookup_value(last, GUINT_TO_POINTER(bridge->segment), &value) &&
		    bridge->bus_last > GPOINTER_TO_UINT(value) >> 8)
			report(writing->findings, "ivrs-behind", bridge->place,
			       "give an IOMMU a function on the last bus",
			       "the host bridge has buses up to %02x, but the last listed function "
			       "is on bus "
			       "%02x",
			       bridge->bus_last, GPOINTER_TO_UINT(value) >> 8);
}

/* Linux ignores an IOMMU without entries, and accesses memory beyond the device table. */
void ivrs_check_coverage(struct ivrs_writing *writing)
{
	struct hash *last = last_of_units(writing);

	for (guint i = 0; i < writing->units->len; i++) {
		const struct ivrs_unit *unit = writing->units->pdata[i];

		if (iommu_is_virtio(unit->iommu))
			continue;
		if (!unit->pending->len)
			report(writing->findings, "ivrs-entry-none", unit->iommu->place,
			       "give it functions to translate, or omit it",
			       "IOMMU %s has no device entry", unit->iommu->name);
		else
			check_unit(writing, unit,
				   GPOINTER_TO_INT(hash_lookup(last, segment_of(unit))));
	}
	check_bridges(writing, last);
	hash_free(last);
}
