/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the blocks of an IVRS, whatever they mean
 *
 * Decoding reports what prevents decoding. check_entries.c and check_coverage.c have the rules of
 * device entries; all rules are listed at the end of this file.
 *
 * Linux reads blocks of one type for the whole table, which the order of the blocks decides, and
 * ignores all others. It refuses a table whose checksum is wrong.
 */
#include <inttypes.h>

#include <string.h>

#include "base/array.h"
#include "base/hash.h"
#include "ivrs.h"
#include "tables/findings/findings.h"
#include "tables/table/others.h"

/* -- the head ------------------------------------------------------------------------ */

static bool has_block(const struct viommu_table *table, unsigned type)
{
	const struct record *block;

	for_each_child(i, block, table->root)
		if (ivrs_type_of(block) == type)
			return true;
	return false;
}

static void check_revision(const struct table_check *check)
{
	unsigned revision = acpi_header(check->table)->revision;
	bool acpi_devices = has_block(check->table, IVRS_IVHD_40);

	if (revision == 2 || (revision == 1 && !acpi_devices))
		return;
	report(check->findings, check->rule_id,
	       table_place_of(check->table, check->table->root, "Revision"), "write 2",
	       acpi_devices ? "the revision is %u, but blocks of type 40h require 2"
			    : "the revision is %u, but only 1 and 2 are defined",
	       revision);
}

/* Blocks of virtio-iommus are of unknown type, unless a VIOT of 2019 wraps the table. */
static void check_types(const struct table_check *check)
{
	const struct record *block;

	check_unknown_types(check);
	for_each_child(i, block, check->table->root)
		if (!check->table->base && ivrs_is_virtio(block))
			report(check->findings, check->rule_id,
			       table_place_of(check->table, block, "Type"),
			       "describe virtio-iommus in a VIOT",
			       "%s is a block only inside a VIOT of 2019", block->layout->name);
}

/* Linux ignores a table without. Blocks of virtio-iommus count inside a VIOT of 2019. */
static void check_iommus(const struct table_check *check)
{
	const struct record *block;

	for_each_child(i, block, check->table->root)
		if (ivrs_is_ivhd(block) || (check->table->base && ivrs_is_virtio(block)))
			return;
	report(check->findings, check->rule_id, table_place(check->table, IVRS_HEAD_LENGTH),
	       "write a block of type 10h, or omit the table", "the table has no IOMMU");
}

/* -- blocks of one IOMMU ----------------------------------------------------------------- */

/* All blocks of an IOMMU have its segment and BDF. */
static gpointer key_of(const struct record *block)
{
	const struct ivrs_ivhd *ivhd = block->host;

	return GUINT_TO_POINTER((guint)ivhd->segment << 16 | ivhd->block.bdf);
}

static void report_block(const struct table_check *check, const struct record *block,
			 const char *cure, const char *what)
{
	report(check->findings, check->rule_id, table_place(check->table, block->at), cure,
	       "%s: %s", block->layout->name, what);
}

/* Does a block conflict with the previous block of the same IOMMU? */
typedef bool clash(const struct record *block, const struct record *before);

/* Compares each block with the previous one of the same IOMMU, so the walk is linear. */
static void check_neighbours(const struct table_check *check, clash *is_wrong, const char *cure,
			     const char *what)
{
	struct hash *newest = hash_new(&hash_direct);
	const struct record *block;

	for_each_child(i, block, check->table->root) {
		const struct record *before;

		if (!ivrs_is_ivhd(block))
			continue;
		before = hash_lookup(newest, key_of(block));
		if (before && is_wrong(block, before))
			report_block(check, block, cure, what);
		hash_insert(newest, key_of(block), (gpointer)block);
	}
	hash_free(newest);
}

/* Types with larger numbers are newer. */
static bool is_older(const struct record *block, const struct record *before)
{
	return ivrs_type_of(block) < ivrs_type_of(before);
}

/* Readers walk once, and keep the last block of a type that they know. */
static void check_order(const struct table_check *check)
{
	check_neighbours(check, is_older, "sort the blocks of an IOMMU by type: 10h, 11h, 40h",
			 "it follows a block of a newer type of the same IOMMU");
}

static bool is_same(const struct record *block, const struct record *before)
{
	return ivrs_type_of(block) == ivrs_type_of(before);
}

/* Readers take each block of their type for another IOMMU. */
static void check_twice(const struct table_check *check)
{
	check_neighbours(check, is_same, "write all device entries into one block",
			 "it is the second of this type for the same IOMMU");
}

/* The device entries that readers of all types know. */
static struct bytes *common_entries(const struct record *block)
{
	struct bytes *bytes = bytes_new();
	const struct record *entry;

	for_each_child(i, entry, block)
		if (ivrs_type_of(entry) != IVRS_HID && ivrs_type_of(entry) != IVRS_PAD &&
		    ivrs_type_of(entry) != IVRS_PAD_8)
			record_encode(entry, bytes);
	return bytes;
}

/* Flags and features differ between types, so they are not compared. */
static bool differs(const struct record *block, const struct record *before)
{
	const struct ivrs_ivhd *one = block->host, *other = before->host;
	struct bytes *mine = common_entries(block), *theirs = common_entries(before);
	bool same = one->base == other->base && one->capability == other->capability &&
		    mine->len == theirs->len &&
		    (!mine->len || !memcmp(mine->data, theirs->data, mine->len));

	bytes_free(mine);
	bytes_free(theirs);
	return !same;
}

/* Old systems read the old block. */
static void check_same(const struct table_check *check)
{
	check_neighbours(check, differs, "write the same values into all blocks of an IOMMU",
			 "its address, capability or device entries differ from those of the "
			 "previous block of the same IOMMU");
}

/* -- the type that Linux reads --------------------------------------------------------- */

/* What makes Linux read a type of IOMMUs. */
static const char *cure_of_type(unsigned type)
{
	if (type == IVRS_IVHD_10 || type == IVRS_IVHD_11 || type == IVRS_IVHD_40)
		return "write the same block types for all IOMMUs";
	if (type >= IVRS_IVMD_ALL && type <= IVRS_IVMD_RANGE)
		return "write memory behind the IOMMUs, and none for the function of the first one";
	return type > IVRS_IVHD_40 ? "omit the first block, or write it behind the others"
				   : "omit the blocks of that type";
}

/* Reported at the first block of the IOMMU. */
static void check_missing(const struct table_check *check)
{
	unsigned type = ivrs_linux_type(check->table);
	struct hash *seen = hash_new(&hash_direct);
	const struct record *block;

	for_each_child(i, block, check->table->root)
		if (ivrs_is_ivhd(block) && ivrs_type_of(block) == type)
			hash_add(seen, key_of(block));
	for_each_child(i, block, check->table->root)
		if (ivrs_is_ivhd(block) && hash_add(seen, key_of(block)))
			report(check->findings, check->rule_id,
			       table_place(check->table, block->at), cure_of_type(type),
			       "the IOMMU has no block of type %02xh, the type that Linux reads",
			       type);
	hash_free(seen);
}

/* -- memory ------------------------------------------------------------------------------- */

#define PAGE_MASK ((uint64_t)0xfff)

static void for_each_memory(const struct table_check *check,
			    void (*check_one)(const struct table_check *check,
					      const struct record *block))
{
	const struct record *block;

	for_each_child(i, block, check->table->root)
		if (ivrs_is_ivmd(block))
			check_one(check, block);
}

static void report_memory(const struct table_check *check, const struct record *block,
			  const char *field, const char *cure, const char *what)
{
	report(check->findings, check->rule_id, table_place_of(check->table, block, field), cure,
	       "%s: %s", block->layout->name, what);
}

/* Readers round partial pages in different ways. */
static void check_pages_of(const struct table_check *check, const struct record *block)
{
	const struct ivrs_ivmd *memory = block->host;

	if ((memory->start | memory->length) & PAGE_MASK || !memory->length)
		report(check->findings, check->rule_id,
		       table_place_of(check->table, block,
				      memory->start & PAGE_MASK ? "Start address"
								: "Memory length"),
		       "write whole pages of 0x1000 bytes",
		       "%s: 0x%" PRIx64 " bytes at 0x%" PRIx64 " are no whole pages of 4 KiB",
		       block->layout->name, memory->length, memory->start);
}

/* Firmware with memory of one byte exists. */
static void check_pages(const struct table_check *check)
{
	for_each_memory(check, check_pages_of);
}

/* The last byte may be the last of the address space. */
static void check_end_of(const struct table_check *check, const struct record *block)
{
	const struct ivrs_ivmd *memory = block->host;

	if (memory->length && memory->start > UINT64_MAX - (memory->length - 1))
		report_memory(check, block, "Memory length", "correct the length",
			      "the memory ends beyond 64 bits");
}

static void check_end(const struct table_check *check)
{
	for_each_memory(check, check_end_of);
}

static void check_devices_of(const struct table_check *check, const struct record *block)
{
	const struct ivrs_ivmd *memory = block->host;

	if (ivrs_type_of(block) == IVRS_IVMD_RANGE && memory->last < memory->block.bdf)
		report_memory(check, block, "Last device ID", "write the smaller device ID first",
			      "the range of devices is inverted");
}

static void check_devices(const struct table_check *check)
{
	for_each_memory(check, check_devices_of);
}

static void check_flags_of(const struct table_check *check, const struct record *block)
{
	const struct ivrs_ivmd *memory = block->host;
	unsigned flags = memory->block.flags;

	if (!!(flags & IVRS_UNITY) == !!(flags & IVRS_EXCLUSION))
		report_memory(check, block, "Flags", "set either bit 0 or bit 3",
			      "the memory is both identity-mapped and excluded, or neither");
}

/* Read and write are not required: firmware clears them for exclusion. */
static void check_flags(const struct table_check *check)
{
	for_each_memory(check, check_flags_of);
}

static void check_other_systems(const struct table_check *check)
{
	check_others(check, ivrs_others);
}

const struct table_rule ivrs_rules[] = {
	{ "ivrs-revision", check_revision },
	{ "ivrs-iommu-none", check_iommus },
	{ "ivrs-type", check_types },
	{ "ivrs-block-length", check_lengths },
	{ "ivrs-reserved", check_reserved_bytes },
	{ "ivrs-value", check_undefined_flags },
	{ "ivrs-block-order", check_order },
	{ "ivrs-block-twice", check_twice },
	{ "ivrs-block-missing", check_missing },
	{ "ivrs-blocks-differ", check_same },
	{ "ivrs-range-open", ivrs_check_open },
	{ "ivrs-range-inverted", ivrs_check_inverted },
	{ "ivrs-entry-none", ivrs_check_none },
	{ "ivrs-beyond", ivrs_check_beyond },
	{ "ivrs-last", ivrs_check_last },
	{ "ivrs-special", ivrs_check_special },
	{ "ivrs-southbridge", ivrs_check_southbridge },
	{ "ivrs-hid", ivrs_check_hid },
	{ "ivrs-uid", ivrs_check_uid },
	{ "ivrs-base", ivrs_check_bases },
	{ "ivrs-capability", ivrs_check_capabilities },
	{ "ivrs-beyond-width", ivrs_check_addresses },
	{ "ivrs-special-twice", ivrs_check_special_twice },
	{ "ivrs-hid-text", ivrs_check_hid_text },
	{ "ivrs-memory-pages", check_pages },
	{ "ivrs-memory-end", check_end },
	{ "ivrs-memory-devices", check_devices },
	{ "ivrs-memory-flags", check_flags },
	{ "ivrs-others", check_other_systems },
	{ NULL, NULL },
};
