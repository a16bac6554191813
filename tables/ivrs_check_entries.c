/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the device entries of an IVRS
 *
 * Entries are applied in the order of their block to a table with a row for each device ID. A
 * range is two entries, of which the second alone says nothing; and how many rows Linux has is
 * what the highest device ID asks for, in the entries that it counts.
 */
#include <string.h>

#include "findings.h"
#include "ivrs.h"

static void blame(const struct table_check *check, const struct record *entry, const char *cure,
		  const char *what)
{
	report(check->findings, check->rule_id, table_place(check->table, entry->at), cure, "%s",
	       what);
}

typedef void each_entry(const struct table_check *check, const struct record *block,
			const struct record *entry);

static void for_each_entry(const struct table_check *check, each_entry *look)
{
	const struct record *block, *entry;

	for_each_child(i, block, check->table->root) if (ivrs_is_ivhd(block))
		for_each_child(j, entry, block) look(check, block, entry);
}

/* -- ranges ------------------------------------------------------------------------------ */

bool ivrs_is_start(const struct record *entry)
{
	unsigned type = ivrs_type_of(entry);

	return type == IVRS_START || type == IVRS_ALIAS_START || type == IVRS_EXTENDED_START;
}

/* The two entries of a range, or the one that is there; and what stands between them first. */
struct range {
	const struct record *start, *end, *between;
};

typedef void each_range(const struct table_check *check, const struct range *range);

/* A start takes the place of the one before it, which then has no end. */
static void take(const struct table_check *check, struct range *range, const struct record *entry,
		 each_range *look)
{
	bool starts = ivrs_is_start(entry), ends = ivrs_type_of(entry) == IVRS_END;

	if (ends)
		range->end = entry;
	if (ends || (starts && range->start))
		look(check, range);
	if (ends || starts)
		*range = (struct range){ .start = starts ? entry : NULL };
	else if (range->start && !range->between)
		range->between = entry;
}

static void for_each_range(const struct table_check *check, each_range *look)
{
	const struct record *block, *entry;

	for_each_child(i, block, check->table->root)
	{
		struct range range = { NULL, NULL, NULL };

		if (!ivrs_is_ivhd(block))
			continue;
		for_each_child(j, entry, block) take(check, &range, entry, look);
		if (range.start)
			look(check, &range);
	}
}

static void look_at_open(const struct table_check *check, const struct range *range)
{
	if (!range->start)
		blame(check, range->end, "write a start before it", "the end of no range");
	else if (!range->end)
		blame(check, range->start, "write its end behind it",
		      "the start of a range that does not end");
	else if (range->between)
		blame(check, range->between, "write it before or behind the range",
		      "an entry between the start of a range and its end");
}

void ivrs_check_open(const struct table_check *check)
{
	for_each_range(check, look_at_open);
}

static const struct ivrs_entry *entry_of(const struct record *record)
{
	return record->host;
}

static void look_at_inverted(const struct table_check *check, const struct range *range)
{
	if (range->start && range->end && entry_of(range->end)->bdf < entry_of(range->start)->bdf)
		blame(check, range->end, "write the smaller device ID first",
		      "the range ends before it begins");
}

void ivrs_check_inverted(const struct table_check *check)
{
	for_each_range(check, look_at_inverted);
}

/* -- the highest device ID ------------------------------------------------------------------ */

int ivrs_counted(unsigned type, uint16_t bdf)
{
	switch (type) {
	case IVRS_ALL:
		return IVRS_LAST_BDF;
	case IVRS_SELECT:
	case IVRS_END:
	case IVRS_ALIAS:
	case IVRS_EXTENDED:
		return bdf;
	default:
		return -1;
	}
}

static int highest_of(const struct record *block)
{
	const struct record *entry;
	int highest = -1;

	for_each_child(i, entry, block) if (ivrs_type_of(entry) != LAYOUT_UNKNOWN) highest =
		MAX(highest, ivrs_counted(ivrs_type_of(entry), entry_of(entry)->bdf));
	return highest;
}

void ivrs_check_none(const struct table_check *check)
{
	const struct record *block;

	for_each_child(i, block,
		       check->table->root) if (ivrs_is_ivhd(block) && highest_of(block) < 0)
		blame(check, block, "write who is behind the IOMMU, or leave it out",
		      "an IOMMU without a device entry for a function");
}

/* Segments, each with the highest device ID of the blocks that Linux reads. */
static GHashTable *highest_of_segments(const struct viommu_table *table)
{
	GHashTable *highest = g_hash_table_new(NULL, NULL);
	unsigned type = ivrs_linux_type(table);
	const struct record *block;

	for_each_child(i, block, table->root)
	{
		gpointer segment;
		int before;

		if (!ivrs_is_ivhd(block) || ivrs_type_of(block) != type)
			continue;
		segment = GUINT_TO_POINTER(((const struct ivrs_ivhd *)block->host)->segment);
		before = GPOINTER_TO_INT(g_hash_table_lookup(highest, segment));
		g_hash_table_insert(highest, segment,
				    GINT_TO_POINTER(MAX(before, highest_of(block))));
	}
	return highest;
}

/* Device IDs that Linux uses without counting them; -1 for an entry that has none. */
static int uncounted(const struct record *entry)
{
	switch (ivrs_type_of(entry)) {
	case IVRS_ALIAS:
	case IVRS_ALIAS_START:
		return ((const struct ivrs_alias *)entry->host)->source;
	case IVRS_SPECIAL:
		return ((const struct ivrs_special *)entry->host)->source;
	case IVRS_HID:
		return entry_of(entry)->bdf;
	default:
		return -1;
	}
}

/* Its own function counts for nothing there, either. */
static void look_beyond(const struct table_check *check, const struct record *block, int highest)
{
	const struct record *entry;

	if (((const struct ivrs_block *)block->host)->bdf > highest)
		blame(check, block, "list a function that is behind all that is used",
		      "the function of the IOMMU is behind all that are listed");
	for_each_child(i, entry, block) if (uncounted(entry) > highest)
		blame(check, entry, "list a function that is behind all that is used",
		      "a device ID that is behind those of all functions");
}

void ivrs_check_beyond(const struct table_check *check)
{
	GHashTable *highest = highest_of_segments(check->table);
	unsigned type = ivrs_linux_type(check->table);
	const struct record *block;

	for_each_child(i, block, check->table->root)
	{
		const struct ivrs_ivhd *ivhd = block->host;

		if (ivrs_is_ivhd(block) && ivrs_type_of(block) == type)
			look_beyond(check, block,
				    GPOINTER_TO_INT(g_hash_table_lookup(
					    highest, GUINT_TO_POINTER(ivhd->segment))));
	}
	g_hash_table_destroy(highest);
}

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
	GHashTable *highest = highest_of_segments(check->table);
	const struct record *block;
	gpointer last;

	for_each_child(i, block, check->table->root)
	{
		const struct ivrs_ivhd *ivhd = block->host;

		if (ivrs_is_ivhd(block) &&
		    g_hash_table_steal_extended(highest, GUINT_TO_POINTER(ivhd->segment), NULL,
						&last) &&
		    GPOINTER_TO_UINT(last) < IVRS_LAST_BUS)
			blame_last(check, ivhd->segment, GPOINTER_TO_UINT(last));
	}
	g_hash_table_destroy(highest);
}

/* -- what is not PCI ------------------------------------------------------------------------ */

static void look_at_special(const struct table_check *check, const struct record *block,
			    const struct record *entry)
{
	const struct ivrs_special *special = entry->host;

	(void)block;
	if (ivrs_type_of(entry) == IVRS_SPECIAL && special->variety != IVRS_IOAPIC &&
	    special->variety != IVRS_HPET)
		report(check->findings, check->rule_id,
		       table_place_of(check->table, entry, "Variety"),
		       "write 1 for an IOAPIC, 2 for an HPET", "variety %u of a special device",
		       special->variety);
}

void ivrs_check_special(const struct table_check *check)
{
	for_each_entry(check, look_at_special);
}

/* Where AMD has always had the southbridge. */
#define SOUTHBRIDGE 0x00a0

static bool is_southbridge(const struct record *entry)
{
	const struct ivrs_special *special = entry->host;

	return ivrs_type_of(entry) == IVRS_SPECIAL && special->variety == IVRS_IOAPIC &&
	       special->source == SOUTHBRIDGE;
}

void ivrs_check_southbridge(const struct table_check *check)
{
	const struct record *block, *entry;

	for_each_child(i, block, check->table->root) if (ivrs_is_ivhd(block))
		for_each_child(j, entry, block) if (is_southbridge(entry)) return;
	report(check->findings, check->rule_id, table_place(check->table, IVRS_HEAD_LENGTH),
	       "list the IOAPIC of the southbridge, if interrupts are to be remapped",
	       "no IOAPIC has the source device ID 00:14.0");
}

static void look_at_hid(const struct table_check *check, const struct record *block,
			const struct record *entry)
{
	if (ivrs_type_of(entry) != IVRS_HID)
		return;
	if (ivrs_type_of(block) != IVRS_IVHD_40)
		blame(check, entry, "write it into a block of type 40h",
		      "an ACPI device in a block that is not of type 40h");
	else if (!((const struct ivrs_hid *)entry->host)->hid[0])
		blame(check, entry, "write its hardware ID", "an ACPI device without hardware ID");
}

void ivrs_check_hid(const struct table_check *check)
{
	for_each_entry(check, look_at_hid);
}

#define INTEGER_LENGTH 8

/* What is wrong with the UID, or NULL. A string that ends before its field is one as well. */
static const char *wrong_uid(const struct ivrs_hid *hid)
{
	switch (hid->uid_format) {
	case IVRS_UID_NONE:
		return hid->uid_length ? "no UID, and yet a length" : NULL;
	case IVRS_UID_INTEGER:
		return hid->uid_length == INTEGER_LENGTH ? NULL : "an integer that has not 8 bytes";
	case IVRS_UID_STRING:
		return hid->uid_length ? NULL : "a string without characters";
	default:
		return "a format that is not known";
	}
}

static void look_at_uid(const struct table_check *check, const struct record *block,
			const struct record *entry)
{
	const char *what;

	(void)block;
	if (ivrs_type_of(entry) != IVRS_HID)
		return;
	what = wrong_uid(entry->host);
	if (what)
		report(check->findings, check->rule_id,
		       table_place_of(check->table, entry, "UID length"),
		       "write the length that its format has", "%s: the UID length is %u", what,
		       ((const struct ivrs_hid *)entry->host)->uid_length);
}

void ivrs_check_uid(const struct table_check *check)
{
	for_each_entry(check, look_at_uid);
}
