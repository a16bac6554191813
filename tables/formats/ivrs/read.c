/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an IVRS means, as a topology
 *
 * IOMMUs become amdvi0, amdvi1, ... in the order of the table. Of several blocks of one IOMMU the
 * newest type counts, for it has all that older ones have; only flags and features of the others
 * are kept. What its entries mean is in ivrs_read_entries.c.
 */
#include <inttypes.h>
#include <string.h>

#include "base/array.h"
#include "base/hash.h"
#include "read.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "tables/routes/route.h"

/* The name is the reading's: a topology keeps a copy of its own. */
static void found_free(void *opaque)
{
	struct ivrs_found *found = opaque;

	memory_free((char *)found->iommu.name);
	memory_free(found);
}

/* -- IOMMUs ------------------------------------------------------------------------------- */

/*
 * Made at its first block, so that the order of the table gives the names. Its own function counts
 * as translated if a range has it: the driver takes it out by itself.
 */
static struct ivrs_found *find_iommu(struct ivrs_reading *reading, const struct ivrs_ivhd *ivhd)
{
	gpointer key = GUINT_TO_POINTER(function_id(ivhd->segment, ivhd->block.bdf));
	struct ivrs_found *found = hash_lookup(reading->by_function, key);

	if (found)
		return found;
	found = memory_new(struct ivrs_found, 1);
	found->iommu.size = sizeof(found->iommu);
	found->iommu.kind = VIOMMU_AMD_VI;
	found->iommu.name = memory_printf("amdvi%zu", reading->iommus->len);
	found->iommu.include_self = true;
	pointers_add(reading->iommus, found);
	hash_insert(reading->by_function, key, found);
	return found;
}

/* What only blocks of one sort have. */
static void take_details(struct viommu_iommu *iommu, const struct record *block)
{
	const struct ivrs_ivhd *ivhd = block->host;

	if (ivrs_type_of(block) == IVRS_IVHD_10) {
		iommu->amd.features = ivhd->features;
		iommu->flags = ivhd->block.flags & ~IVRS_COHERENT;
	} else {
		iommu->amd.attributes = ivhd->features;
		iommu->amd.efr = ivhd->efr;
		iommu->amd.efr2 = ivhd->efr2;
		iommu->amd.has_image_flags = true;
		iommu->amd.image_flags = ivhd->block.flags & ~IVRS_COHERENT;
	}
}

/* What all forms have is taken from the newest, and the place too: it is the block to look at. */
static void take_block(struct ivrs_reading *reading, const struct record *block)
{
	const struct ivrs_ivhd *ivhd = block->host;
	struct ivrs_found *found = find_iommu(reading, ivhd);
	struct viommu_iommu *iommu = &found->iommu;

	if (iommu->amd.n_blocks < VIOMMU_MAX_BLOCKS)
		iommu->amd.blocks[iommu->amd.n_blocks++] = ivrs_type_of(block);
	take_details(iommu, block);
	if (found->newest && ivrs_type_of(block) < ivrs_type_of(found->newest))
		return;
	found->newest = block;
	iommu->segment = ivhd->segment;
	iommu->bdf = ivhd->block.bdf;
	iommu->base = ivhd->base;
	iommu->amd.capability = ivhd->capability;
	iommu->amd.info = ivhd->info;
	iommu->coherent = ivhd->block.flags & IVRS_COHERENT;
	iommu->place = table_place(reading->table, block->at);
}

/* What is as it would be written anyway is not said. */
static void leave_usual_out(struct viommu_iommu *iommu, const struct ivrs_usual *usual)
{
	if (iommu->amd.has_image_flags &&
	    iommu->amd.image_flags == (iommu->flags & IVRS_IMAGE_FLAGS))
		iommu->amd.has_image_flags = false;
	if (iommu->amd.n_blocks == usual->n_blocks &&
	    !memcmp(iommu->amd.blocks, usual->blocks, usual->n_blocks * sizeof(usual->blocks[0])))
		iommu->amd.n_blocks = 0;
	if (!iommu->amd.has_image_flags)
		iommu->amd.image_flags = 0;
}

/* -- memory ----------------------------------------------------------------------------------- */

/* The last device that the memory is for. */
static uint16_t last_of(const struct record *block)
{
	const struct ivrs_ivmd *ivmd = block->host;

	switch (ivrs_type_of(block)) {
	case IVRS_IVMD_ALL:
		return IVRS_LAST_BDF;
	case IVRS_IVMD_RANGE:
		return ivmd->last;
	default:
		return ivmd->block.bdf;
	}
}

/* Flags but for the one that is the kind; what is mapped to itself may be read and written. */
static uint32_t flags_of(enum viommu_memory_kind kind, uint32_t flags)
{
	if (kind == VIOMMU_MEMORY_EXCLUSION)
		return flags & ~IVRS_EXCLUSION;
	flags &= ~IVRS_UNITY;
	return flags == IVRS_ANY_ACCESS ? 0 : flags;
}

/* What does not make sense is refused by the topology, and has been told with the bytes. */
static void add_memory(struct ivrs_reading *reading, const struct record *block,
		       enum viommu_memory_kind kind)
{
	const struct ivrs_ivmd *ivmd = block->host;
	const struct viommu_reserved_memory memory = {
		.size = sizeof(memory),
		.first = ivmd->start,
		.last = ivmd->start + (ivmd->length - 1),
		.kind = kind,
		.segment = ivmd->segment,
		.bdf_first = ivrs_type_of(block) == IVRS_IVMD_ALL ? 0 : ivmd->block.bdf,
		.bdf_last = last_of(block),
		.flags = flags_of(kind, ivmd->block.flags),
		.place = table_place(reading->table, block->at),
	};

	viommu_topology_add_reserved_memory(reading->topology, &memory);
}

/* Memory without a byte, or that does not end, has findings of its own. */
static void read_memory(struct ivrs_reading *reading, const struct record *block)
{
	const struct ivrs_ivmd *ivmd = block->host;
	uint8_t flags = ivmd->block.flags;

	if (!(flags & (IVRS_UNITY | IVRS_EXCLUSION)))
		ivrs_say_untold(reading, block,
				"memory that is neither mapped to itself nor excluded");
	else if (flags == IVRS_UNITY)
		ivrs_say_untold(reading, block, "memory that can neither be read nor written");
	else if (ivmd->length)
		add_memory(reading, block,
			   flags & IVRS_EXCLUSION ? VIOMMU_MEMORY_EXCLUSION
						  : VIOMMU_MEMORY_IDENTITY);
}

/* -- the head ------------------------------------------------------------------------------- */

/* Does the block say what only blocks 11h and 40h have? */
static bool has_images(const struct record *block)
{
	const struct ivrs_ivhd *ivhd = block->host;

	return ivrs_type_of(block) != IVRS_IVHD_10 && (ivhd->efr || ivhd->efr2 || ivhd->features);
}

/* One is enough to know what the table asks of its readers. */
static bool has_entry(const struct record *block, unsigned type)
{
	const struct record *entry;

	for_each_child(i, entry, block)
		if (ivrs_type_of(entry) == type)
			return true;
	return false;
}

/* What the table would have if it were made from what it means. */
static struct ivrs_usual usual_of(const struct viommu_table *table)
{
	bool images = false, acpi_devices = false;
	const struct record *block;

	for_each_child(i, block, table->root) {
		if (!ivrs_is_ivhd(block))
			continue;
		images |= has_images(block);
		acpi_devices |= ivrs_type_of(block) == IVRS_IVHD_40 && has_entry(block, IVRS_HID);
	}
	return ivrs_usual(images, acpi_devices);
}

/* Whoever pads, pads wherever it is needed: one bit in a topology says it of the whole table. */
static bool has_pads(const struct viommu_table *table)
{
	const struct record *block;

	for_each_child(i, block, table->root)
		if (ivrs_is_ivhd(block) && has_entry(block, IVRS_PAD))
			return true;
	return false;
}

/* What is as it would be written anyway is not said. */
void ivrs_read_header(const struct viommu_table *table, struct viommu_table_header *header)
{
	const struct ivrs_head *head = table->root->host;
	const struct ivrs_usual usual = usual_of(table);
	unsigned bits = (head->info & IVRS_ADDRESS_BITS) >> IVRS_ADDRESS_SHIFT;
	uint32_t flags = head->info & ~IVRS_ADDRESS_BITS;

	header->has_revision = head->acpi.revision != usual.revision;
	header->revision = header->has_revision ? head->acpi.revision : 0;
	header->address_bits = bits == IVRS_USUAL_BITS ? 0 : bits;
	header->has_flags = flags != usual.flags;
	header->flags = header->has_flags ? flags : 0;
	header->aligned = has_pads(table);
}

/* -- the whole ------------------------------------------------------------------------------ */

/* All blocks first, for the newest of an IOMMU may be the last of the table. */
static void find_iommus(struct ivrs_reading *reading)
{
	const struct record *block;

	for_each_child(i, block, reading->table->root)
		if (ivrs_is_ivhd(block))
			take_block(reading, block);
}

/* In the order of first blocks. Ranges wait until all IOMMUs are there, since they may overlap. */
static void read_iommus(struct ivrs_reading *reading)
{
	struct ivrs_usual usual = usual_of(reading->table);

	for (guint i = 0; i < reading->iommus->len; i++) {
		struct ivrs_found *found = reading->iommus->pdata[i];

		leave_usual_out(&found->iommu, &usual);
		viommu_topology_add_iommu(reading->topology, &found->iommu);
		ivrs_read_entries(reading, found);
	}
	ivrs_add_ranges(reading);
}

/* IOMMUs and what is behind them, then memory, which names no IOMMU. */
struct viommu_topology *ivrs_read(const struct viommu_table *table,
				  struct viommu_findings *findings)
{
	struct ivrs_reading reading = {
		.table = table,
		.topology = viommu_topology_new(),
		.iommus = pointers_new(found_free),
		.by_function = hash_new(&hash_direct),
		.ranges = array_new(sizeof(struct viommu_pci_range)),
		.findings = findings,
	};
	const struct record *block;

	find_iommus(&reading);
	read_iommus(&reading);
	for_each_child(i, block, table->root)
		if (ivrs_is_ivmd(block))
			read_memory(&reading, block);
	array_free(reading.ranges);
	hash_free(reading.by_function);
	pointers_free(reading.iommus);
	return reading.topology;
}
