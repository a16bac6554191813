/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A topology as an IVRS
 *
 * Readers use one block type for the whole table, so every IOMMU has a block of each type that the
 * table has: 10h for old readers, 11h if there are register images, 40h if there are ACPI devices.
 * Blocks 10h and 11h come first, IOMMU by IOMMU; then memory; then blocks 40h, which so are the
 * last of each IOMMU.
 */
#include <inttypes.h>

#include "base/array.h"
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "write.h"

#define ALIGNMENT 8

/* -- defaults ---------------------------------------------------------------------------- */

/* One IOMMU that needs a newer type makes all have it. */
static struct ivrs_defaults defaults_of(const struct ivrs_writing *writing)
{
	bool images = false, acpi_devices = false;

	for (guint i = 0; i < writing->units->len; i++) {
		const struct ivrs_unit *unit = writing->units->pdata[i];

		images |= ivrs_has_images(unit->iommu);
		acpi_devices |= unit->acpi_devices;
	}
	return ivrs_defaults(images, acpi_devices);
}

/* -- IOMMUs -------------------------------------------------------------------- */

static void unit_free(void *opaque)
{
	struct ivrs_unit *unit = opaque;

	array_free(unit->pending);
	memory_free(unit);
}

static void add_unit(struct ivrs_writing *writing, const struct viommu_iommu *iommu)
{
	struct ivrs_unit *unit = memory_new(struct ivrs_unit, 1);

	unit->writing = writing;
	unit->iommu = iommu;
	unit->order = (unsigned)writing->units->len;
	unit->pending = array_new(sizeof(struct ivrs_pending));
	array_set_clear(unit->pending, ivrs_clear_pending);
	pointers_add(writing->units, unit);
	hash_insert(writing->by_name, (gpointer)iommu->name, unit);
}

/* The only IOMMU of a segment has all its devices. */
static void find_alone(struct ivrs_writing *writing)
{
	struct hash *segments = hash_new(&hash_direct);

	for (guint i = 0; i < writing->units->len; i++) {
		struct ivrs_unit *unit = writing->units->pdata[i], *other;
		gpointer segment = GUINT_TO_POINTER(unit->iommu->segment);

		other = hash_lookup(segments, segment);
		unit->alone = !other;
		if (other)
			other->alone = false;
		hash_insert(segments, segment, unit);
	}
	hash_free(segments);
}

/* IOMMUs of other kinds are known by the tables of their platforms. */
static void add_units(struct ivrs_writing *writing)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, writing->topology, OBJECT_IOMMU)
		if (ivrs_describes(writing->table, iommu))
			add_unit(writing, iommu);
}

/* -- device entries ------------------------------------------------------------ */

/* The length is carried along, because record_length() is linear. */
static void add_record(struct record *block, size_t *length, struct record *entry)
{
	record_add_child(block, entry);
	*length += record_length(entry);
}

/* As decoding does, a UID that is text becomes a child record. */
static void add_uid(struct record *entry, const struct ivrs_pending *pending)
{
	const uint8_t *uid = pending->uid->data;

	if (pending->host.hid.uid_format == IVRS_UID_STRING)
		record_add_child(entry, record_new_text(entry, "Unique ID", uid, pending->uid->len,
							entry->at + entry->layout->length));
	else
		record_add_rest(entry, uid, pending->uid->len);
}

/* Firmware aligns entries of 8 bytes, QEMU does not. */
static void write_entry(const struct ivrs_writing *writing, struct record *block, size_t *length,
			const struct ivrs_pending *pending)
{
	const struct layout *layout = ivrs_entry_layout(pending->type);
	const struct layout *pad = ivrs_entry_layout(IVRS_PAD);
	struct record *entry;

	if (writing->header->aligned && layout->length == ALIGNMENT && *length % ALIGNMENT)
		add_record(block, length,
			   record_from_host(block, pad, &(struct ivrs_pad){ .type = IVRS_PAD },
					    block->at + *length));
	entry = record_from_host(block, layout, &pending->host, block->at + *length);
	if (pending->uid)
		add_uid(entry, pending);
	add_record(block, length, entry);
}

/* Only blocks of type 40h may have ACPI devices. */
static size_t write_entries(const struct ivrs_writing *writing, struct record *block,
			    const struct ivrs_unit *unit)
{
	size_t length = block->layout->length;

	for (guint i = 0; i < unit->pending->len; i++) {
		const struct ivrs_pending *pending =
			&array_index(unit->pending, struct ivrs_pending, i);

		if (pending->type != IVRS_HID || ivrs_may_name(block))
			write_entry(writing, block, &length, pending);
	}
	return length;
}

/* -- blocks -------------------------------------------------------------------- */

/* In newer blocks the register image has two of the flags, whose bits are reserved. */
static uint8_t flags_of(const struct viommu_iommu *iommu, unsigned type)
{
	uint32_t flags = iommu->flags;

	if (type != IVRS_IVHD_10)
		flags = iommu->amd.has_image_flags ? iommu->amd.image_flags
						   : flags & IVRS_IMAGE_FLAGS;
	return (uint8_t)(flags | (iommu->coherent ? IVRS_COHERENT : 0));
}

/* The registers of a virtio-iommu on MMIO, if the topology does not give their size. */
#define VIRTIO_SPAN 0x200

/* The rows of the type select the members that are written. */
static struct ivrs_ivhd fields_of(const struct viommu_iommu *iommu, unsigned type)
{
	return (struct ivrs_ivhd){
		.block = { .type = (uint8_t)type,
			   .flags = flags_of(iommu, type),
			   .bdf = iommu->bdf },
		.capability =
			(uint16_t)(iommu->amd.capability ? iommu->amd.capability : IVRS_CAPABILITY),
		.base = iommu->base,
		.segment = iommu->segment,
		.info = (uint16_t)iommu->amd.info,
		.features = type == IVRS_IVHD_10 ? iommu->amd.features : iommu->amd.attributes,
		.efr = iommu->amd.efr,
		.efr2 = iommu->amd.efr2,
		.span = iommu->span ? iommu->span : VIRTIO_SPAN,
		.interrupt = iommu->n_interrupts ? iommu->interrupts[0] : 0,
	};
}

static void write_unit(struct ivrs_writing *writing, const struct ivrs_unit *unit, unsigned type)
{
	struct ivrs_ivhd fields = fields_of(unit->iommu, type);
	struct record *block = record_from_host(writing->table->root, ivrs_block_layout(type),
						&fields, writing->end);
	size_t length = write_entries(writing, block, unit);

	((struct ivrs_ivhd *)block->host)->block.length = (uint16_t)length;
	record_add_child(writing->table->root, block);
	writing->end += length;
	if (length <= UINT16_MAX)
		return;
	writing->failed = true;
	report(writing->findings, "ivrs-too-large", unit->iommu->place,
	       "give whole buses or host bridges to an IOMMU instead of single functions",
	       "the device entries of IOMMU %s have %zu bytes, but a block has at most 65535",
	       unit->iommu->name, length);
}

static bool has_type(const uint32_t *blocks, unsigned n, unsigned type)
{
	for (unsigned i = 0; i < n; i++)
		if (blocks[i] == type)
			return true;
	return false;
}

/* The block types of the IOMMU, or those of the whole table. A virtio-iommu has one block. */
static bool has_block(const struct viommu_iommu *iommu, const struct ivrs_defaults *defaults,
		      unsigned type)
{
	if (iommu_is_virtio(iommu))
		return type ==
		       (iommu->kind == VIOMMU_VIRTIO_PCI ? IVRS_VIRTIO_PCI : IVRS_VIRTIO_MMIO);
	return iommu->amd.n_blocks ? has_type(iommu->amd.blocks, iommu->amd.n_blocks, type)
				   : has_type(defaults->blocks, defaults->n_blocks, type);
}

/* IOMMU by IOMMU; a type of 0 is none. */
static void write_types(struct ivrs_writing *writing, const struct ivrs_defaults *defaults,
			unsigned one, unsigned other)
{
	for (guint i = 0; i < writing->units->len; i++) {
		const struct ivrs_unit *unit = writing->units->pdata[i];

		if (has_block(unit->iommu, defaults, one))
			write_unit(writing, unit, one);
		if (has_block(unit->iommu, defaults, other))
			write_unit(writing, unit, other);
	}
}

/* -- memory -------------------------------------------------------------------- */

/* Read and write unless the topology gives the rights. */
static uint8_t memory_flags(const struct viommu_reserved_memory *memory)
{
	if (memory->kind == VIOMMU_MEMORY_EXCLUSION)
		return (uint8_t)(memory->flags | IVRS_EXCLUSION);
	return (uint8_t)(IVRS_UNITY | (memory->flags ? memory->flags : IVRS_ANY_ACCESS));
}

/* The type gives the number of device IDs: none, one or two. */
static void write_block(struct ivrs_writing *writing, const struct viommu_reserved_memory *memory,
			uint16_t segment, uint16_t first, uint16_t last)
{
	unsigned type = first == last ? IVRS_IVMD_ONE : IVRS_IVMD_RANGE;
	bool all = !first && last == IVRS_LAST_BDF;
	const struct layout *layout = ivrs_block_layout(all ? IVRS_IVMD_ALL : type);
	struct ivrs_ivmd fields = {
		.block = { .type = (uint8_t)layout->type,
			   .flags = memory_flags(memory),
			   .length = layout->length,
			   .bdf = first },
		.last = !all && first != last ? last : 0,
		.segment = segment,
		.start = memory->first,
		.length = memory->last - memory->first + 1,
	};

	record_add_child(writing->table->root,
			 record_from_host(writing->table->root, layout, &fields, writing->end));
	writing->end += layout->length;
}

/* Why IVRS cannot describe the memory, or NULL. */
static const char *reason_unsupported(const struct ivrs_writing *writing,
				      const struct viommu_reserved_memory *memory)
{
	const struct ivrs_unit *unit = ivrs_unit_of(writing, memory->iommu);

	if (memory->kind != VIOMMU_MEMORY_IDENTITY && memory->kind != VIOMMU_MEMORY_EXCLUSION)
		return "memory of this kind";
	if (memory->path || memory->scope == VIOMMU_SCOPE_BRIDGE)
		return "memory for paths or bridges";
	if (memory->iommu && !unit)
		return "memory for an IOMMU of another kind";
	if (unit && !memory->has_ids && !unit->alone)
		return "memory for one of several IOMMUs in a segment";
	return NULL;
}

/* IVMD names functions, not IOMMUs, so `iommu` works only for the only IOMMU of a segment. */
static void write_memory(struct ivrs_writing *writing, const struct viommu_reserved_memory *memory)
{
	const struct ivrs_unit *unit = ivrs_unit_of(writing, memory->iommu);
	const char *why = reason_unsupported(writing, memory);

	if (why)
		report(writing->findings, "ivrs-silent-memory", memory->place,
		       "use the kind `identity` or `exclusion`, and give `functions`",
		       "IVRS cannot describe %s: 0x%" PRIx64 "-0x%" PRIx64 " was omitted", why,
		       memory->first, memory->last);
	else if (!unit)
		write_block(writing, memory, memory->segment, memory->bdf_first, memory->bdf_last);
	else if (memory->has_ids)
		write_block(writing, memory, unit->iommu->segment, (uint16_t)memory->id_first,
			    (uint16_t)memory->id_last);
	else
		write_block(writing, memory, unit->iommu->segment, 0, IVRS_LAST_BDF);
}

/* -- the whole --------------------------------------------------------------------------------- */

/*
 * The order of real tables: IVMDs before blocks 40h. Virtio-iommus are last, because Linux searches
 * blocks of an IOMMU up to the first type above 40h.
 */
static void write_blocks(struct ivrs_writing *writing, const struct ivrs_defaults *defaults)
{
	const struct viommu_reserved_memory *memory;

	write_types(writing, defaults, IVRS_IVHD_10, IVRS_IVHD_11);
	for_each_object(i, memory, writing->topology, OBJECT_RESERVED_MEMORY)
		write_memory(writing, memory);
	write_types(writing, defaults, IVRS_IVHD_40, 0);
	write_types(writing, defaults, IVRS_VIRTIO_PCI, IVRS_VIRTIO_MMIO);
}

/* The address width has its own member in a topology. */
static void write_head(const struct ivrs_writing *writing, const struct ivrs_defaults *defaults)
{
	const struct viommu_table_header *header = writing->header;
	struct ivrs_head *head = writing->table->root->host;
	uint32_t bits = header->address_bits ? header->address_bits : IVRS_DEFAULT_ADDRESS_BITS;

	head->acpi.revision = header->has_revision ? (uint8_t)header->revision : defaults->revision;
	head->info = (bits << IVRS_ADDRESS_SHIFT & IVRS_ADDRESS_BITS) |
		     ((header->has_flags ? header->flags : defaults->flags) & ~IVRS_ADDRESS_BITS);
}

/* Entries are collected once for all blocks, so each problem is reported once. */
bool ivrs_write(struct viommu_table *table, const struct viommu_topology *topology,
		struct viommu_findings *findings)
{
	struct ivrs_writing writing = {
		.table = table,
		.topology = topology,
		.header = viommu_topology_header(topology, "IVRS"),
		.units = pointers_new(unit_free),
		.by_name = hash_new(&hash_text),
		.end = IVRS_HEAD_LENGTH,
		.findings = findings,
	};
	struct ivrs_defaults defaults;

	add_units(&writing);
	find_alone(&writing);
	ivrs_collect_entries(&writing);
	defaults = defaults_of(&writing);
	write_head(&writing, &defaults);
	if (!writing.failed) {
		write_blocks(&writing, &defaults);
		ivrs_check_coverage(&writing);
	}
	ivrs_clear_pending(&writing.spare);
	hash_free(writing.by_name);
	pointers_free(writing.units);
	return !writing.failed;
}
