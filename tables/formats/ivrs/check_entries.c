/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the device entries of an IVRS
 *
 * Entries are applied in order to a device table indexed by device ID. A range is a start and an
 * end entry. check_coverage.c checks the size of the device table.
 */
#include <string.h>

#include "tables/findings/findings.h"
#include "ivrs.h"

static void report_entry(const struct table_check *check, const struct record *entry,
			 const char *cure, const char *what)
{
	report(check->findings, check->rule_id, table_place(check->table, entry->at), cure, "%s",
	       what);
}

/* A rule of one entry, with its block, whose type decides what is allowed. */
typedef void entry_check(const struct table_check *check, const struct record *block,
			 const struct record *entry);

/* All blocks, because older readers read older types. */
static void for_each_entry(const struct table_check *check, entry_check *check_one)
{
	const struct record *block, *entry;

	for_each_child(i, block, check->table->root)
		if (ivrs_has_entries(block))
			for_each_child(j, entry, block)
				check_one(check, block, entry);
}

/* -- ranges ------------------------------------------------------------------------------ */

/* Does the entry start a range, of any form? */
static bool is_start(const struct record *entry)
{
	unsigned type = ivrs_type_of(entry);

	return type == IVRS_START || type == IVRS_ALIAS_START || type == IVRS_EXTENDED_START;
}

/* The entries of a range, either of which may be missing, and the first entry between them. */
struct range {
	const struct record *start, *end, *between;
};

typedef void range_check(const struct table_check *check, const struct range *range);

/* A start replaces an open start, which then has no end. */
static void take(const struct table_check *check, struct range *range, const struct record *entry,
		 range_check *check_one)
{
	bool starts = is_start(entry), ends = ivrs_type_of(entry) == IVRS_END;

	if (ends)
		range->end = entry;
	if (ends || (starts && range->start))
		check_one(check, range);
	if (ends || starts)
		*range = (struct range){ .start = starts ? entry : NULL };
	else if (range->start && !range->between)
		range->between = entry;
}

/* A range ends with its block. */
static void for_each_range(const struct table_check *check, range_check *check_one)
{
	const struct record *block, *entry;

	for_each_child(i, block, check->table->root) {
		struct range range = { NULL, NULL, NULL };

		if (!ivrs_has_entries(block))
			continue;
		for_each_child(j, entry, block)
			take(check, &range, entry, check_one);
		if (range.start)
			check_one(check, &range);
	}
}

static void check_complete(const struct table_check *check, const struct range *range)
{
	if (!range->start)
		report_entry(check, range->end, "write a start before it", "the end has no start");
	else if (!range->end)
		report_entry(check, range->start, "write an end behind it", "the start has no end");
	else if (range->between)
		report_entry(check, range->between, "write it before or behind the range",
			     "the entry is between the start and the end of a range");
}

void ivrs_check_open(const struct table_check *check)
{
	for_each_range(check, check_complete);
}

static const struct ivrs_entry *entry_of(const struct record *record)
{
	return record->host;
}

/* Incomplete ranges are reported by the rule above. */
static void check_order(const struct table_check *check, const struct range *range)
{
	if (range->start && range->end && entry_of(range->end)->bdf < entry_of(range->start)->bdf)
		report_entry(check, range->end, "write the smaller device ID first",
			     "the range is inverted");
}

/* Reported at the end, because starts are mostly right. */
void ivrs_check_inverted(const struct table_check *check)
{
	for_each_range(check, check_order);
}

/* -- special and ACPI devices -------------------------------------------------- */

/* At an unknown variety, Linux refuses the whole table. */
static void check_special(const struct table_check *check, const struct record *block,
			  const struct record *entry)
{
	const struct ivrs_special *special = entry->host;

	(void)block;
	if (ivrs_type_of(entry) == IVRS_SPECIAL && special->variety != IVRS_IOAPIC &&
	    special->variety != IVRS_HPET)
		report(check->findings, check->rule_id,
		       table_place_of(check->table, entry, "Variety"),
		       "write 1 for an IOAPIC, 2 for an HPET",
		       "the special device has the unknown variety %u", special->variety);
}

void ivrs_check_special(const struct table_check *check)
{
	for_each_entry(check, check_special);
}

/* Newer kernels check the class of the function, which a table does not have. */
static bool is_southbridge(const struct record *entry)
{
	const struct ivrs_special *special = entry->host;

	return ivrs_type_of(entry) == IVRS_SPECIAL && special->variety == IVRS_IOAPIC &&
	       (special->source == IVRS_SOUTHBRIDGE || special->source == IVRS_SOUTHBRIDGE_HYGON);
}

/* A note: without it Linux translates, but does not remap interrupts. */
void ivrs_check_southbridge(const struct table_check *check)
{
	const struct record *block, *entry;

	for_each_child(i, block, check->table->root)
		if (ivrs_is_ivhd(block))
			for_each_child(j, entry, block)
				if (is_southbridge(entry))
					return;
	report(check->findings, check->rule_id, table_place(check->table, IVRS_HEAD_LENGTH),
	       "list the IOAPIC of the southbridge if interrupts should be remapped",
	       "no IOAPIC has the source device ID 00:14.0");
}

/* Readers of older blocks do not know the length of these entries. */
static void check_hid(const struct table_check *check, const struct record *block,
		      const struct record *entry)
{
	if (ivrs_type_of(entry) != IVRS_HID)
		return;
	if (!ivrs_may_name(block))
		report_entry(check, entry, "write it into a block of type 40h",
			     "the block of an ACPI device is not of type 40h");
	else if (!((const struct ivrs_hid *)entry->host)->hid[0])
		report_entry(check, entry, "write its hardware ID",
			     "the ACPI device has no hardware ID");
}

void ivrs_check_hid(const struct table_check *check)
{
	for_each_entry(check, check_hid);
}

#define INTEGER_LENGTH 8

/* What is wrong with the UID, or NULL. A NUL within a string is allowed. */
static const char *wrong_uid(const struct ivrs_hid *hid)
{
	switch (hid->uid_format) {
	case IVRS_UID_NONE:
		return hid->uid_length ? "the format is none" : NULL;
	case IVRS_UID_INTEGER:
		return hid->uid_length == INTEGER_LENGTH ? NULL
							 : "the format is an integer of 8 bytes";
	case IVRS_UID_STRING:
		return hid->uid_length ? NULL : "the format is a string";
	default:
		return "the format is unknown";
	}
}

static void check_uid(const struct table_check *check, const struct record *block,
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
		       "write the length of that format", "%s, but the UID length is %u", what,
		       ((const struct ivrs_hid *)entry->host)->uid_length);
}

/* A warning: the hardware ID mostly suffices to identify the device. */
void ivrs_check_uid(const struct table_check *check)
{
	for_each_entry(check, check_uid);
}
