/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the blocks of an IVRS, which hold whatever it means
 *
 * What is wrong with a table so that it cannot be taken apart, decoding has said already. Rules of
 * device entries are in ivrs_check_entries.c; the list of all is at the end of this file.
 *
 * Linux takes blocks of one type for the whole table, which the order of the blocks decides, and
 * passes over all others. It sums the bytes itself and refuses a table that is not right.
 */
#include <string.h>

#include "base/array.h"
#include "base/hash.h"
#include "ivrs.h"
#include "tables/findings/findings.h"

/* -- the head ------------------------------------------------------------------------ */

/* Types are few and blocks are, too: nobody keeps a list of them. */
static bool has_block(const struct viommu_table *table, unsigned type)
{
	const struct record *block;

	for_each_child(i, block, table->root)
		if (ivrs_type_of(block) == type)
			return true;
	return false;
}

/* Revision 2 came with blocks of type 40h. */
static void check_revision(const struct table_check *check)
{
	unsigned revision = acpi_header(check->table)->revision;
	bool acpi_devices = has_block(check->table, IVRS_IVHD_40);

	if (revision == 2 || (revision == 1 && !acpi_devices))
		return;
	report(check->findings, check->rule_id,
	       table_place_of(check->table, check->table->root, "Revision"), "write 2",
	       acpi_devices ? "revision is %u, and blocks of type 40h came with 2"
			    : "revision is %u, and only 1 and 2 are known",
	       revision);
}

/*
 * Linux does without such a table. A hypervisor that meant to have an IOMMU should hear of
 * it.
 */
static void check_iommus(const struct table_check *check)
{
	if (!has_block(check->table, IVRS_IVHD_10) && !has_block(check->table, IVRS_IVHD_11) &&
	    !has_block(check->table, IVRS_IVHD_40))
		report(check->findings, check->rule_id, table_place(check->table, IVRS_HEAD_LENGTH),
		       "write a block of type 10h, or leave the table out", "no block is an IOMMU");
}

/* -- blocks of one IOMMU ----------------------------------------------------------------- */

/* An IOMMU is a PCI function, and that is all that its blocks have in common for certain. */
static gpointer key_of(const struct record *block)
{
	const struct ivrs_ivhd *ivhd = block->host;

	return GUINT_TO_POINTER((guint)ivhd->segment << 16 | ivhd->block.bdf);
}

/* At the type of the block, which is what has to be changed or moved. */
static void blame_block(const struct table_check *check, const struct record *block,
			const char *cure, const char *what)
{
	report(check->findings, check->rule_id, table_place(check->table, block->at), cure,
	       "%s: %s", block->layout->name, what);
}

/* What a block of an IOMMU makes of the one before it of the same IOMMU: true if that is wrong. */
typedef bool clash(const struct record *block, const struct record *before);

/*
 * One walk for all rules about two blocks of an IOMMU: each is held against the last one before
 * it, so several mistakes in a row are told one by one, and the walk stays linear.
 */
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
			blame_block(check, block, cure, what);
		hash_insert(newest, key_of(block), (gpointer)block);
	}
	hash_free(newest);
}

/* Types grew with time: a larger number is a newer form. */
static bool is_older(const struct record *block, const struct record *before)
{
	return ivrs_type_of(block) < ivrs_type_of(before);
}

/*
 * Readers go through the table once and keep the newest block that they know, which has to be the
 * last.
 */
static void check_order(const struct table_check *check)
{
	check_neighbours(check, is_older, "put blocks of one IOMMU in the order 10h, 11h, 40h",
			 "it stands behind a newer one of the same IOMMU");
}

/* Types again, for the IOMMU is the same already. */
static bool is_same(const struct record *block, const struct record *before)
{
	return ivrs_type_of(block) == ivrs_type_of(before);
}

/* Readers take every block of the type that they know for another IOMMU. */
static void check_twice(const struct table_check *check)
{
	check_neighbours(check, is_same, "put all device entries into one block",
			 "the same IOMMU has another one");
}

/* Device entries as readers of every type know them. */
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

/* Flags and features are not compared: the forms have different ones. */
static bool says_otherwise(const struct record *block, const struct record *before)
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

/* Old systems read the old block, and should see the same machine. */
static void check_same(const struct table_check *check)
{
	check_neighbours(check, says_otherwise, "say the same in all blocks of an IOMMU",
			 "it has another address, capability or list of devices than the block "
			 "before it of the same IOMMU");
}

/* -- the type that Linux reads --------------------------------------------------------- */

/* Every IOMMU is asked for by its first block. */
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
			       table_place(check->table, block->at),
			       "give every IOMMU a block of each type that one of them has",
			       "an IOMMU without a block of type %02xh, which is read of the "
			       "others",
			       type);
	hash_free(seen);
}

/* -- memory ------------------------------------------------------------------------------- */

#define PAGE_MASK ((uint64_t)0xfff)

/* Rules about memory look at one block each. */
static void for_each_memory(const struct table_check *check,
			    void (*look)(const struct table_check *check,
					 const struct record *block))
{
	const struct record *block;

	for_each_child(i, block, check->table->root)
		if (ivrs_is_ivmd(block))
			look(check, block);
}

/* The name of the structure says which of the three kinds of memory it is. */
static void blame_memory(const struct table_check *check, const struct record *block,
			 const char *field, const char *cure, const char *what)
{
	report(check->findings, check->rule_id, table_place_of(check->table, block, field), cure,
	       "%s: %s", block->layout->name, what);
}

/* A range that is no whole pages is rounded, by everybody in another way. */
static void look_at_pages(const struct table_check *check, const struct record *block)
{
	const struct ivrs_ivmd *memory = block->host;

	if ((memory->start | memory->length) & PAGE_MASK || !memory->length)
		blame_memory(check, block,
			     memory->start & PAGE_MASK ? "Start address" : "Memory length",
			     "write whole pages, 0x1000 bytes at least",
			     "its memory is not whole pages of 4 KiB");
}

/* Real firmware has memory of one byte, for which another hypervisor refuses the table. */
static void check_pages(const struct table_check *check)
{
	for_each_memory(check, look_at_pages);
}

/* The last byte is start + length - 1, which may be the very last there is. */
static void look_at_end(const struct table_check *check, const struct record *block)
{
	const struct ivrs_ivmd *memory = block->host;

	if (memory->length && memory->start > UINT64_MAX - (memory->length - 1))
		blame_memory(check, block, "Memory length", "write the length that it has",
			     "its memory ends beyond 64 bits");
}

/* What wraps around is at both ends of the address space, and so everywhere or nowhere. */
static void check_end(const struct table_check *check)
{
	for_each_memory(check, look_at_end);
}

/* Only one of the three types has a second device ID. */
static void look_at_devices(const struct table_check *check, const struct record *block)
{
	const struct ivrs_ivmd *memory = block->host;

	if (ivrs_type_of(block) == IVRS_IVMD_RANGE && memory->last < memory->block.bdf)
		blame_memory(check, block, "Last device ID", "write the smaller device ID first",
			     "its range of devices ends before it begins");
}

/* An empty range of devices is a mistake of whoever counted, and never meant. */
static void check_devices(const struct table_check *check)
{
	for_each_memory(check, look_at_devices);
}

/* Two bits that exclude each other, and without one of which the block says nothing. */
static void look_at_flags(const struct table_check *check, const struct record *block)
{
	const struct ivrs_ivmd *memory = block->host;
	unsigned flags = memory->block.flags;

	if (!!(flags & IVRS_UNITY) == !!(flags & IVRS_EXCLUSION))
		blame_memory(check, block, "Flags", "set bit 0 or bit 3, and not both",
			     "its memory is to be mapped to itself and excluded, or neither");
}

/* Reading and writing are not asked for: firmware leaves them out of exclusion ranges. */
static void check_flags(const struct table_check *check)
{
	for_each_memory(check, look_at_flags);
}

const struct table_rule ivrs_rules[] = {
	{ "ivrs-revision", check_revision },
	{ "ivrs-iommu-none", check_iommus },
	{ "ivrs-type", check_unknown_types },
	{ "ivrs-block-length", check_lengths },
	{ "ivrs-reserved", check_reserved_bytes },
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
	{ "ivrs-special-twice", ivrs_check_special_twice },
	{ "ivrs-hid-text", ivrs_check_hid_text },
	{ "ivrs-memory-pages", check_pages },
	{ "ivrs-memory-end", check_end },
	{ "ivrs-memory-devices", check_devices },
	{ "ivrs-memory-flags", check_flags },
	{ NULL, NULL },
};
