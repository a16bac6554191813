/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why Linux has no IOMMU by an IVRS, although some of its blocks are right
 *
 * It reads the blocks of one type, and gives up all of them at the first one that it does not
 * accept (init_iommu_all). It does not check lengths.
 */
#include "base/array.h"
#include "ivrs.h"

/* MAX_IOMMUS of the driver. */
#define IOMMUS_MAX 32u

/* Of a block in the bytes that were not decoded. */
#define LENGTH_AT   2u
#define HEAD_LENGTH 4u

#define ENTRY_TYPE_UNKNOWN 0x80u

/* -- blocks ----------------------------------------------------------------------------- */

typedef bool block_holds(const struct record *block);

/* Does it hold for a block that Linux reads? */
static bool has_block(const struct viommu_table *table, block_holds *holds)
{
	unsigned type = ivrs_linux_type(table);
	const struct record *block;

	for_each_child(i, block, table->root)
		if (ivrs_is_ivhd(block) && ivrs_type_of(block) == type && holds(block))
			return true;
	return false;
}

static bool has_wrong_sum(const struct viommu_table *table)
{
	return acpi_sum(table);
}

static bool is_any(const struct record *block)
{
	(void)block;
	return true;
}

static bool has_no_type(const struct viommu_table *table)
{
	return record_child(table->root, 0) && !has_block(table, is_any);
}

/* Linux walks over blocks of all types. */
static bool never_ends(const struct viommu_table *table)
{
	const struct rest *rest = &table->root->rest;
	size_t length = record_length(table->root);

	return rest->len >= HEAD_LENGTH && acpi_end(table, length) == length &&
	       !wire_load(rest->data + LENGTH_AT, sizeof(uint16_t));
}

/* -- entries ---------------------------------------------------------------------------- */

/* The length of an entry follows from its type. */
static bool is_endless(const struct record *block)
{
	const struct rest *rest = &block->rest;

	return rest->len && rest->data[0] >= ENTRY_TYPE_UNKNOWN && rest->data[0] != IVRS_HID;
}

static bool has_endless_block(const struct viommu_table *table)
{
	return has_block(table, is_endless);
}

static bool is_empty(const struct record *block)
{
	return ivrs_highest_of(block) < 0;
}

static bool has_empty_block(const struct viommu_table *table)
{
	return has_block(table, is_empty);
}

static bool has_unknown_source(const struct record *block)
{
	const struct record *entry;

	for_each_child(i, entry, block) {
		const struct ivrs_special *special = entry->host;

		if (ivrs_type_of(entry) == IVRS_SPECIAL && special->variety != IVRS_IOAPIC &&
		    special->variety != IVRS_HPET)
			return true;
	}
	return false;
}

static bool has_unknown_special(const struct viommu_table *table)
{
	return has_block(table, has_unknown_source);
}

/* -- registers --------------------------------------------------------------------------- */

static bool is_without_registers(const struct record *block)
{
	return !((const struct ivrs_ivhd *)block->host)->base;
}

static bool has_no_registers(const struct viommu_table *table)
{
	return has_block(table, is_without_registers);
}

static const struct ivrs_ivhd *ivhd_of(const void *block)
{
	return ((const struct record *)block)->host;
}

static int by_base(const void *a, const void *b)
{
	uint64_t one = ivhd_of(*(const void *const *)a)->base;
	uint64_t other = ivhd_of(*(const void *const *)b)->base;

	return (one > other) - (one < other);
}

static struct array *read_blocks(const struct viommu_table *table)
{
	struct array *blocks = array_new(sizeof(const struct record *));
	unsigned type = ivrs_linux_type(table);
	const struct record *block;

	for_each_child(i, block, table->root)
		if (ivrs_is_ivhd(block) && ivrs_type_of(block) == type)
			array_append(blocks, block);
	return blocks;
}

/* Also of two blocks of one IOMMU, which Linux takes for two. */
static bool share_registers(const struct viommu_table *table)
{
	struct array *blocks = read_blocks(table);
	uint64_t last = 0;
	bool found = false;

	array_sort(blocks, by_base);
	for (size_t i = 0; i < blocks->len; i++) {
		const struct record *block = array_index(blocks, const struct record *, i);
		uint64_t base = ivhd_of(block)->base, span = ivrs_span(block);

		found |= i && base <= last;
		last = MAX(last, base > UINT64_MAX - (span - 1) ? UINT64_MAX : base + (span - 1));
	}
	array_free(blocks);
	return found;
}

static bool are_too_many(const struct viommu_table *table)
{
	struct array *blocks = read_blocks(table);
	bool many = blocks->len > IOMMUS_MAX;

	array_free(blocks);
	return many;
}

/* In the order in which Linux looks. */
const struct table_rejection ivrs_rejections[] = {
	{ has_wrong_sum, "Linux sums the bytes of an IVRS itself, and refuses the table" },
	{ never_ends, "Linux does not boot: it reads a block of length 0 in an endless loop" },
	{ has_endless_block,
	  "Linux does not boot: it reads a device entry of unknown length in an endless loop" },
	{ has_no_type,
	  "Linux takes the type of the first block, or of the last one with its device ID, for "
	  "that of all IOMMUs: no IOMMU has a block of it that Linux knows, and Linux has no IOMMU "
	  "at all" },
	{ has_empty_block,
	  "Linux lists no function of an IOMMU, gives up, and has no IOMMU at all" },
	{ has_unknown_special,
	  "Linux knows no such special device, gives up, and has no IOMMU at all" },
	{ has_no_registers,
	  "Linux prints \"Can not reserve memory region\" and has no IOMMU at all" },
	{ share_registers,
	  "Linux prints \"Can not reserve memory region\", because registers of two IOMMUs "
	  "overlap, and has no IOMMU at all" },
	{ are_too_many,
	  "Linux prints \"System has more IOMMUs than supported by this driver\", and has no IOMMU "
	  "at all" },
	{ NULL, NULL },
};
