/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Is everything listed that an IVRS speaks of?
 *
 * Linux makes a table with a row for each device ID, up to the highest that the device entries of a
 * segment count; and not all of them count. An ID behind that, in an entry that does not count or
 * of a function that is in no entry, is outside of the table. Of a table that is read one can tell
 * the first, and of a machine whose table is made also the second.
 */
#include "base/array.h"
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "write.h"

/* -- device IDs ---------------------------------------------------------------------------- */

/* The device ID that counts for Linux when it looks for the highest; -1 for any other entry. */
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

/* Device IDs that Linux uses without counting them; -1 for an entry that has none. */
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

/* At the entry or the block that is too far out, or says too little. */
static void blame(const struct table_check *check, const struct record *record, const char *cure,
		  const char *what)
{
	report(check->findings, check->rule_id, table_place(check->table, record->at), cure, "%s",
	       what);
}

/* -1 if nothing in it counts: then Linux does not even learn that there is a segment. */
static int highest_of_block(const struct record *block)
{
	const struct record *entry;
	int highest = -1;

	for_each_child(i, entry, block)
		highest = MAX(highest, counted(ivrs_type_of(entry), entry->host));
	return highest;
}

/* Of blocks of all types, for each has its readers. */
void ivrs_check_none(const struct table_check *check)
{
	const struct record *block;

	for_each_child(i, block, check->table->root)
		if (ivrs_is_ivhd(block) && highest_of_block(block) < 0)
			blame(check, block, "write who is behind the IOMMU, or leave it out",
			      "an IOMMU without a device entry for a function");
}

/* Segments, each with the highest device ID of the blocks that Linux reads. */
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
		hash_insert(highest, segment,
			    GINT_TO_POINTER(MAX(before, highest_of_block(block))));
	}
	return highest;
}

/* Its own function counts for nothing there, either. */
static void look_beyond(const struct table_check *check, const struct record *block, int highest)
{
	const struct record *entry;

	if (((const struct ivrs_block *)block->host)->bdf > highest)
		blame(check, block, "list a function that is behind all that is used",
		      "the function of the IOMMU is behind all that are listed");
	for_each_child(i, entry, block)
		if (uncounted(ivrs_type_of(entry), entry->host) > highest)
			blame(check, entry, "list a function that is behind all that is used",
			      "a device ID that is behind those of all functions");
}

/* Only of blocks that are read: what others say does no harm there. */
void ivrs_check_beyond(const struct table_check *check)
{
	struct hash *highest = highest_of_segments(check->table);
	unsigned type = ivrs_linux_type(check->table);
	const struct record *block;

	for_each_child(i, block, check->table->root) {
		const struct ivrs_ivhd *ivhd = block->host;

		if (ivrs_is_ivhd(block) && ivrs_type_of(block) == type)
			look_beyond(check, block,
				    GPOINTER_TO_INT(
					    hash_lookup(highest, GUINT_TO_POINTER(ivhd->segment))));
	}
	hash_free(highest);
}

/* At the first block, for no single entry is to blame. */
static void blame_last(const struct table_check *check, unsigned segment, unsigned last)
{
	report(check->findings, check->rule_id, table_place(check->table, IVRS_HEAD_LENGTH),
	       "list functions up to the last bus that the machine has",
	       "the last function that is listed is %04x:%02x:%02x.%x", segment, last >> 8,
	       last >> 3 & 0x1f, last & 7);
}

/*
 * A note, once for each segment: whether there is anything behind the last function, no table says.
 */
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
			blame_last(check, ivhd->segment, GPOINTER_TO_UINT(last));
	}
	hash_free(highest);
}

/* -- in the making ---------------------------------------------------------------------------- */

/* Numbers of segments are their own keys. */
static gpointer segment_of(const struct ivrs_unit *unit)
{
	return GUINT_TO_POINTER(unit->iommu->segment);
}

/* Linux has room for the functions up to the last one that its entries count, in each segment. */
static struct hash *last_of_units(const struct ivrs_writing *writing)
{
	struct hash *last = hash_new(&hash_direct);

	for (guint i = 0; i < writing->units->len; i++) {
		const struct ivrs_unit *unit = writing->units->pdata[i];
		int highest = GPOINTER_TO_INT(hash_lookup(last, segment_of(unit)));

		for (guint j = 0; j < unit->items->len; j++) {
			const struct ivrs_item *item =
				&array_index(unit->items, struct ivrs_item, j);

			highest = MAX(highest, counted(item->type, &item->host));
		}
		hash_insert(last, segment_of(unit), GINT_TO_POINTER(highest));
	}
	return last;
}

/* At what has the ID: for a topology that is the object, so that a line of the text is named. */
static void blame_id(const struct ivrs_writing *writing, struct viommu_place place, unsigned id)
{
	report(writing->findings, "ivrs-beyond", place,
	       "give an IOMMU a function that is behind all that are used",
	       "device ID 0x%04x is behind those of all functions that are listed", id);
}

/* The function of the IOMMU itself is used as well, to take it out of what is translated. */
static void look_at_unit(const struct ivrs_writing *writing, const struct ivrs_unit *unit, int last)
{
	if (unit->iommu->bdf > last)
		blame_id(writing, unit->iommu->place, unit->iommu->bdf);
	for (guint i = 0; i < unit->items->len; i++) {
		const struct ivrs_item *item = &array_index(unit->items, struct ivrs_item, i);
		int id = uncounted(item->type, &item->host);

		if (id > last)
			blame_id(writing, item->place, (unsigned)id);
	}
}

/* A machine that has functions which the table does not reach: this time it is known. */
static void look_behind(const struct ivrs_writing *writing, struct hash *last)
{
	const struct viommu_host_bridge *bridge;
	gpointer value;

	for_each_object(i, bridge, writing->topology, OBJECT_HOST_BRIDGE)
		if (hash_lookup_value(last, GUINT_TO_POINTER(bridge->segment), &value) &&
		    bridge->bus_last > GPOINTER_TO_UINT(value) >> 8)
			report(writing->findings, "ivrs-behind", bridge->place,
			       "let an IOMMU translate something on the last bus",
			       "buses up to %02x, and the last function that is listed is on bus "
			       "%02x",
			       bridge->bus_last, GPOINTER_TO_UINT(value) >> 8);
}

/*
 * What makes Linux lose an IOMMU, or write where it should not, is told before anybody has the
 * table.
 */
void ivrs_look_at_entries(struct ivrs_writing *writing)
{
	struct hash *last = last_of_units(writing);

	for (guint i = 0; i < writing->units->len; i++) {
		const struct ivrs_unit *unit = writing->units->pdata[i];

		if (!unit->items->len)
			report(writing->findings, "ivrs-entry-none", unit->iommu->place,
			       "give it functions to translate, or leave it out",
			       "there is no device entry for IOMMU %s", unit->iommu->name);
		else
			look_at_unit(writing, unit,
				     GPOINTER_TO_INT(hash_lookup(last, segment_of(unit))));
	}
	look_behind(writing, last);
	hash_free(last);
}
