/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an IVRS means, as a topology
 *
 * IOMMUs become amdvi0, amdvi1, ... in the order of the table. If an IOMMU has several blocks, the
 * newest type counts, because it has all fields of older ones; only flags and features of the
 * others are kept. read_entries.c reads the device entries.
 */
#include <inttypes.h>
#include <string.h>

#include "base/array.h"
#include "base/hash.h"
#include "read.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "tables/routes/route.h"

static void found_free(void *opaque)
{
	struct ivrs_iommu *found = opaque;

	memory_free((char *)found->iommu.name);
	memory_free(found);
}

/* -- IOMMUs ------------------------------------------------------------------------------- */

/*
 * Created at its first block, so that names follow the order of the table. An IOMMU translates its
 * own function if a range covers it: drivers exclude it themselves.
 */
static struct ivrs_iommu *find_iommu(struct ivrs_reading *reading, const struct ivrs_ivhd *ivhd)
{
	gpointer key = GUINT_TO_POINTER(function_id(ivhd->segment, ivhd->block.bdf));
	struct ivrs_iommu *found = hash_lookup(reading->by_function, key);

	if (found)
		return found;
	found = memory_new(struct ivrs_iommu, 1);
	found->iommu.size = sizeof(found->iommu);
	found->iommu.kind = VIOMMU_AMD_VI;
	found->iommu.name = memory_printf("amdvi%zu", reading->iommus->len);
	found->iommu.translates_itself = true;
	pointers_add(reading->iommus, found);
	hash_insert(reading->by_function, key, found);
	return found;
}

/* Fields that only some block types have. */
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

/* Common fields come from the newest block, and findings point at it. */
static void take_block(struct ivrs_reading *reading, const struct record *block)
{
	const struct ivrs_ivhd *ivhd = block->host;
	struct ivrs_iommu *found = find_iommu(reading, ivhd);
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

/* Values equal to the generator's defaults are omitted. */
static void omit_defaults(struct viommu_iommu *iommu, const struct ivrs_defaults *defaults)
{
	if (iommu->amd.has_image_flags &&
	    iommu->amd.image_flags == (iommu->flags & IVRS_IMAGE_FLAGS))
		iommu->amd.has_image_flags = false;
	if (iommu->amd.n_blocks == defaults->n_blocks &&
	    !memcmp(iommu->amd.blocks, defaults->blocks,
		    defaults->n_blocks * sizeof(defaults->blocks[0])))
		iommu->amd.n_blocks = 0;
	if (!iommu->amd.has_image_flags)
		iommu->amd.image_flags = 0;
}

/* Each block is an IOMMU of its own. The layout of the transport selects the members. */
static void take_virtio(struct ivrs_reading *reading, const struct record *block)
{
	const struct ivrs_ivhd *ivhd = block->host;
	struct ivrs_iommu *found = memory_new(struct ivrs_iommu, 1);
	struct viommu_iommu *iommu = &found->iommu;

	found->newest = block;
	iommu->size = sizeof(*iommu);
	iommu->kind =
		ivrs_type_of(block) == IVRS_VIRTIO_PCI ? VIOMMU_VIRTIO_PCI : VIOMMU_VIRTIO_MMIO;
	iommu->name = memory_printf("viommu%zu", reading->iommus->len);
	iommu->segment = ivhd->segment;
	iommu->bdf = ivhd->block.bdf;
	iommu->base = ivhd->base;
	iommu->span = ivhd->span;
	iommu->coherent = ivhd->block.flags & IVRS_COHERENT;
	iommu->interrupts[0] = ivhd->interrupt;
	iommu->n_interrupts = ivhd->interrupt ? 1 : 0;
	iommu->place = table_place(reading->table, block->at);
	pointers_add(reading->iommus, found);
}

/* -- memory ----------------------------------------------------------------------------------- */

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

/*
 * The flags without the one that the kind represents. The default of an identity mapping is read
 * and write.
 */
static uint32_t flags_of(enum viommu_memory_kind kind, uint32_t flags)
{
	if (kind == VIOMMU_MEMORY_EXCLUSION)
		return flags & ~IVRS_EXCLUSION;
	flags &= ~IVRS_UNITY;
	return flags == IVRS_ANY_ACCESS ? 0 : flags;
}

/* The topology refuses invalid memory, which the rules of the bytes have reported. */
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

	topology_add_reserved_memory(reading->topology, &memory);
}

/* Memory with a length of 0, or beyond 64 bits, is reported by rules of the bytes. */
static void read_memory(struct ivrs_reading *reading, const struct record *block)
{
	const struct ivrs_ivmd *ivmd = block->host;
	uint8_t flags = ivmd->block.flags;

	if (!(flags & (IVRS_UNITY | IVRS_EXCLUSION)))
		ivrs_report_unrepresentable(reading, block,
					    "memory that is neither identity-mapped nor excluded");
	else if (flags == IVRS_UNITY)
		ivrs_report_unrepresentable(reading, block,
					    "memory that is neither readable nor writable");
	else if (ivmd->length)
		add_memory(reading, block,
			   flags & IVRS_EXCLUSION ? VIOMMU_MEMORY_EXCLUSION
						  : VIOMMU_MEMORY_IDENTITY);
}

/* -- the head ------------------------------------------------------------------------------- */

static bool has_images(const struct record *block)
{
	const struct ivrs_ivhd *ivhd = block->host;

	return ivrs_type_of(block) != IVRS_IVHD_10 && (ivhd->efr || ivhd->efr2 || ivhd->features);
}

static bool has_entry(const struct record *block, unsigned type)
{
	const struct record *entry;

	for_each_child(i, entry, block)
		if (ivrs_type_of(entry) == type)
			return true;
	return false;
}

/* The defaults of a table generated from the topology. */
static struct ivrs_defaults defaults_of(const struct viommu_table *table)
{
	bool images = false, acpi_devices = false;
	const struct record *block;

	for_each_child(i, block, table->root) {
		if (!ivrs_is_ivhd(block))
			continue;
		images |= has_images(block);
		acpi_devices |= ivrs_type_of(block) == IVRS_IVHD_40 && has_entry(block, IVRS_HID);
	}
	return ivrs_defaults(images, acpi_devices);
}

/* A topology has one bit for all pads of the table. */
static bool has_pads(const struct viommu_table *table)
{
	const struct record *block;

	for_each_child(i, block, table->root)
		if (ivrs_has_entries(block) && has_entry(block, IVRS_PAD))
			return true;
	return false;
}

void ivrs_read_header(const struct viommu_table *table, struct viommu_table_header *header)
{
	const struct ivrs_head *head = table->root->host;
	const struct ivrs_defaults defaults = defaults_of(table);
	unsigned bits = (head->info & IVRS_ADDRESS_BITS) >> IVRS_ADDRESS_SHIFT;
	uint32_t flags = head->info & ~IVRS_ADDRESS_BITS;

	header->has_revision = head->acpi.revision != defaults.revision;
	header->revision = header->has_revision ? head->acpi.revision : 0;
	header->address_bits = bits == IVRS_DEFAULT_ADDRESS_BITS ? 0 : bits;
	header->has_flags = flags != defaults.flags;
	header->flags = header->has_flags ? flags : 0;
	header->aligned = has_pads(table);
}

/* -- the whole ------------------------------------------------------------------------------ */

/* The newest block of an IOMMU may be the last of the table. */
static void find_iommus(struct ivrs_reading *reading)
{
	const struct record *block;

	for_each_child(i, block, reading->table->root)
		if (ivrs_is_ivhd(block))
			take_block(reading, block);
		else if (ivrs_is_virtio(block))
			take_virtio(reading, block);
}

/* Ranges are added after all IOMMUs, because they may overlap. */
static void read_iommus(struct ivrs_reading *reading)
{
	struct ivrs_defaults defaults = defaults_of(reading->table);

	for (guint i = 0; i < reading->iommus->len; i++) {
		struct ivrs_iommu *found = reading->iommus->pdata[i];

		omit_defaults(&found->iommu, &defaults);
		if (topology_add_iommu(reading->topology, &found->iommu) < 0)
			report(reading->findings, "topology-window", found->iommu.place,
			       "correct the base address or the span",
			       "the registers of the IOMMU end beyond the address space: dropped");
		else
			ivrs_read_entries(reading, found);
	}
	ivrs_add_ranges(reading);
}

struct viommu_topology *ivrs_read(const struct viommu_table *table,
				  struct viommu_findings *findings)
{
	struct ivrs_reading reading = {
		.table = table,
		.topology = topology_new(),
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
