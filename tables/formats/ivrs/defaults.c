/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a generated IVRS has unless the topology gives something else, and the block type that Linux
 * reads
 */
#include "ivrs.h"
#include "write.h"

/* Only blocks 11h and 40h have fields for these. */
bool ivrs_has_images(const struct viommu_iommu *iommu)
{
	return iommu->amd.efr || iommu->amd.efr2 || iommu->amd.attributes;
}

/* Type 10h is always written, because the oldest systems read no other. */
struct ivrs_defaults ivrs_defaults(bool images, bool acpi_devices)
{
	struct ivrs_defaults defaults = { .revision = acpi_devices ? 2 : 1,
					  .flags = images ? IVRS_EFR_SUPPORTED : 0 };

	defaults.blocks[defaults.n_blocks++] = IVRS_IVHD_10;
	if (images)
		defaults.blocks[defaults.n_blocks++] = IVRS_IVHD_11;
	if (acpi_devices)
		defaults.blocks[defaults.n_blocks++] = IVRS_IVHD_40;
	return defaults;
}

static const struct ivrs_block *block_of(const struct record *record)
{
	return record ? record->host : NULL;
}

#define SPAN          0x4000u
#define SPAN_COUNTERS 0x80000u

/* Counters have a window of their own. Each type of block has another field for them. */
uint64_t ivrs_span(const struct record *block)
{
	const struct ivrs_ivhd *ivhd = block->host;
	bool counters = ivrs_type_of(block) == IVRS_IVHD_10
				? ivhd->features & IVRS_COUNTERS && ivhd->features & IVRS_BANKS
				: ivhd->efr & IVRS_EFR_COUNTERS;

	return counters ? SPAN_COUNTERS : SPAN;
}

/* That of a block of unknown type is in the bytes that were not decoded. -1: there is none. */
static int device_id_of(const struct record *record)
{
	const struct rest *rest = &record->rest;

	if (ivrs_type_of(record) != LAYOUT_UNKNOWN)
		return block_of(record)->bdf;
	return rest->len < sizeof(uint16_t) ? -1 : (int)wire_load(rest->data, sizeof(uint16_t));
}

/*
 * The type of the last block, up to the first of a type above 40h, with the device ID of the first
 * block; that of the first one if it is above. Linux excludes neither IVMDs, whose device ID has
 * the same offset, nor types that it does not know.
 */
unsigned ivrs_linux_type(const struct viommu_table *table)
{
	const struct record *first = record_child(table->root, 0), *record;
	unsigned type;

	if (!first)
		return LAYOUT_UNKNOWN;
	type = block_of(first) ? block_of(first)->type : LAYOUT_UNKNOWN;
	for_each_child(i, record, table->root) {
		const struct ivrs_block *block = block_of(record);

		if (!block || block->type > IVRS_IVHD_40)
			break;
		if (device_id_of(record) == device_id_of(first))
			type = block->type;
	}
	return type;
}
