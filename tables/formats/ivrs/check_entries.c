/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the device entries of an IVRS
 *
 * Entries are applied in the order of their block to a table with a row for each device ID. A
 * range is two entries, of which the second alone says nothing. How many rows there are is another
 * matter (ivrs_listed.c).
 */
#include <string.h>

#include "tables/findings/findings.h"
#include "ivrs.h"

/* At the type of the entry: entries are so short that it says where enough. */
static void blame(const struct table_check *check, const struct record *entry, const char *cure,
		  const char *what)
{
	report(check->findings, check->rule_id, table_place(check->table, entry->at), cure, "%s",
	       what);
}

/* A look at one entry, with its block: what it may hold depends on the type of that. */
typedef void each_entry(const struct table_check *check, const struct record *block,
			const struct record *entry);

/* All blocks, not only those that are read today: who knows older types only reads these. */
static void for_each_entry(const struct table_check *check, each_entry *look)
{
	const struct record *block, *entry;

	for_each_child(i, block, check->table->root)
		if (ivrs_is_ivhd(block))
			for_each_child(j, entry, block)
				look(check, block, entry);
}

/* -- ranges ------------------------------------------------------------------------------ */

/*
 * Three types begin a range, for each kind of entry has a form for one function and one for
 * several.
 */
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

/* A range does not reach into the next block, so each block begins without one. */
static void for_each_range(const struct table_check *check, each_range *look)
{
	const struct record *block, *entry;

	for_each_child(i, block, check->table->root) {
		struct range range = { NULL, NULL, NULL };

		if (!ivrs_is_ivhd(block))
			continue;
		for_each_child(j, entry, block)
			take(check, &range, entry, look);
		if (range.start)
			look(check, &range);
	}
}

/* One mistake, one finding: at the entry that is too many, or that misses its other half. */
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

/* Ends carry nothing but a device ID: apart from their start they mean whatever came before. */
void ivrs_check_open(const struct table_check *check)
{
	for_each_range(check, look_at_open);
}

static const struct ivrs_entry *entry_of(const struct record *record)
{
	return record->host;
}

/* A range that lacks one of its entries has been told already. */
static void look_at_inverted(const struct table_check *check, const struct range *range)
{
	if (range->start && range->end && entry_of(range->end)->bdf < entry_of(range->start)->bdf)
		blame(check, range->end, "write the smaller device ID first",
		      "the range ends before it begins");
}

/* At the end of the range, for the starts of ranges are mostly right: they are the devices. */
void ivrs_check_inverted(const struct table_check *check)
{
	for_each_range(check, look_at_inverted);
}

/* -- what is not PCI ------------------------------------------------------------------------ */

/* The two varieties that there are. At any other Linux gives up the whole table. */
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

/* A look at the variety only: which IOAPICs a machine has is in its MADT, not here. */
void ivrs_check_special(const struct table_check *check)
{
	for_each_entry(check, look_at_special);
}

/* Where AMD has always had the southbridge. */
#define SOUTHBRIDGE 0x00a0

/* Newer kernels look at the class of the function instead, which a table does not have. */
static bool is_southbridge(const struct record *entry)
{
	const struct ivrs_special *special = entry->host;

	return ivrs_type_of(entry) == IVRS_SPECIAL && special->variety == IVRS_IOAPIC &&
	       special->source == SOUTHBRIDGE;
}

/* A note: without it devices are translated all the same, and only interrupts are not remapped. */
void ivrs_check_southbridge(const struct table_check *check)
{
	const struct record *block, *entry;

	for_each_child(i, block, check->table->root)
		if (ivrs_is_ivhd(block))
			for_each_child(j, entry, block)
				if (is_southbridge(entry))
					return;
	report(check->findings, check->rule_id, table_place(check->table, IVRS_HEAD_LENGTH),
	       "list the IOAPIC of the southbridge, if interrupts are to be remapped",
	       "no IOAPIC has the source device ID 00:14.0");
}

/*
 * Blocks 40h were made for these entries, and readers of older ones do not know how long they are.
 */
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

/* A device without a hardware ID could be any device, so it is none. */
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

/* At the length, which is what disagrees with the format. */
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

/* A warning: the hardware ID is right all the same, and mostly enough to know the device. */
void ivrs_check_uid(const struct table_check *check)
{
	for_each_entry(check, look_at_uid);
}
