/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Values that IVHD blocks take where the topology gives none, and the block type Linux reads
 */
#include "ivrs.h"
#include "write.h"

/* Any of them has a place only in the blocks that came with the images. */
bool ivrs_has_images(const struct viommu_iommu *iommu)
{
	return iommu->amd.efr || iommu->amd.efr2 || iommu->amd.attributes;
}

/* Type 10h is always there, since it is all that the oldest systems read. */
struct ivrs_usual ivrs_usual(bool images, bool acpi_devices)
{
	struct ivrs_usual usual = { .revision = acpi_devices ? 2 : 1,
				    .flags = images ? IVRS_EFR_SUPPORTED : 0 };

	usual.blocks[usual.n_blocks++] = IVRS_IVHD_10;
	if (images)
		usual.blocks[usual.n_blocks++] = IVRS_IVHD_11;
	if (acpi_devices)
		usual.blocks[usual.n_blocks++] = IVRS_IVHD_40;
	return usual;
}

static const struct ivrs_block *block_of(const struct record *record)
{
	return record ? record->host : NULL;
}

/*
 * The last block, up to the first of a type above 40h, that has the device ID of the very first
 * block. Memory has a device ID at the same place, and is not told apart.
 */
unsigned ivrs_linux_type(const struct viommu_table *table)
{
	const struct ivrs_block *first = block_of(record_child(table->root, 0));
	const struct record *record;
	unsigned type = LAYOUT_UNKNOWN;

	for_each_child(i, record, table->root) {
		const struct ivrs_block *block = block_of(record);

		if (!block || block->type > IVRS_IVHD_40)
			break;
		if (block->bdf == first->bdf && ivrs_type_of(record) != LAYOUT_UNKNOWN)
			type = ivrs_type_of(record);
	}
	return type;
}
