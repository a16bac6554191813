/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A topology as an IVRS
 *
 * An IOMMU has a block of every type that the table has, for readers take one type of the whole
 * table: 10h for old ones, 11h if there are images of registers, 40h if ACPI names devices. Blocks
 * 10h and 11h come first, IOMMU by IOMMU; then memory; then blocks 40h, which so are the last
 * of each IOMMU. What the table has no place for is left out, and said.
 */
#include <inttypes.h>

#include "base/array.h"
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "write.h"

#define ALIGNMENT 8

/* -- what is usual ---------------------------------------------------------------------------- */

/* One IOMMU that needs a newer block is enough for all to have it. */
static struct ivrs_usual usual_of(const struct ivrs_writing *writing)
{
	bool images = false, acpi_devices = false;

	for (guint i = 0; i < writing->units->len; i++) {
		const struct ivrs_unit *unit = writing->units->pdata[i];

		images |= ivrs_has_images(unit->iommu);
		acpi_devices |= unit->acpi_devices;
	}
	return ivrs_usual(images, acpi_devices);
}

/* -- IOMMUs -------------------------------------------------------------------------------------
 */

/* The IOMMU belongs to the topology. */
static void unit_free(void *opaque)
{
	struct ivrs_unit *unit = opaque;

	array_free(unit->items);
	memory_free(unit);
}

static void add_unit(struct ivrs_writing *writing, const struct viommu_iommu *iommu)
{
	struct ivrs_unit *unit = memory_new(struct ivrs_unit, 1);

	unit->writing = writing;
	unit->iommu = iommu;
	unit->order = (unsigned)writing->units->len;
	unit->items = array_new(sizeof(struct ivrs_item));
	array_set_clear(unit->items, ivrs_clear_item);
	pointers_add(writing->units, unit);
	hash_insert(writing->by_name, (gpointer)iommu->name, unit);
}

/* Where there is no other IOMMU, all devices of the segment are its own. */
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
		if (iommu->kind == VIOMMU_AMD_VI)
			add_unit(writing, iommu);
}

/* -- device entries
 * --------------------------------------------------------------------------------
 */

/* Through the wire form and back, so that a record that is made is the same as one that is read. */
static struct record *encode(const struct layout *layout, const void *host, size_t at)
{
	uint8_t wire[IVRS_LONGEST];

	layout_encode(layout, host, wire);
	return record_new(layout, wire, at);
}

/* The length so far is carried along, for a record would have to count it anew each time. */
static void add_record(struct record *block, size_t *length, struct record *entry)
{
	record_add_child(block, entry);
	*length += record_length(entry);
}

/* A UID that is text is a record of its own, as decoding makes it. */
static void add_uid(struct record *entry, const struct ivrs_item *item)
{
	const uint8_t *uid = item->uid->data;

	if (item->host.hid.uid_format == IVRS_UID_STRING)
		record_add_child(entry, record_new_text("Unique ID", uid, item->uid->len,
							entry->at + entry->layout->length));
	else
		record_add_rest(entry, uid, item->uid->len);
}

/* Firmware aligns entries of 8 bytes and QEMU does not, so it is as the topology says. */
static void write_item(const struct ivrs_writing *writing, struct record *block, size_t *length,
		       const struct ivrs_item *item)
{
	const struct layout *layout = ivrs_entry_layout(item->type);
	const struct layout *pad = ivrs_entry_layout(IVRS_PAD);
	struct record *entry;

	if (writing->header->aligned && layout->length == ALIGNMENT && *length % ALIGNMENT)
		add_record(
			block, length,
			encode(pad, &(struct ivrs_pad){ .type = IVRS_PAD }, block->at + *length));
	entry = encode(layout, &item->host, block->at + *length);
	if (item->uid)
		add_uid(entry, item);
	add_record(block, length, entry);
}

/* Devices that ACPI names have a place in blocks of type 40h only. */
static size_t write_items(const struct ivrs_writing *writing, struct record *block,
			  const struct ivrs_unit *unit)
{
	size_t length = block->layout->length;

	for (guint i = 0; i < unit->items->len; i++) {
		const struct ivrs_item *item = &array_index(unit->items, struct ivrs_item, i);

		if (item->type != IVRS_HID || ivrs_type_of(block) == IVRS_IVHD_40)
			write_item(writing, block, &length, item);
	}
	return length;
}

/* -- blocks -------------------------------------------------------------------------------------
 */

/* Two flags of block 10h stand in the image of the register in newer blocks, and are 0 there. */
static uint8_t flags_of(const struct viommu_iommu *iommu, unsigned type)
{
	uint32_t flags = iommu->flags;

	if (type != IVRS_IVHD_10)
		flags = iommu->amd.has_image_flags ? iommu->amd.image_flags
						   : flags & IVRS_IMAGE_FLAGS;
	return (uint8_t)(flags | (iommu->coherent ? IVRS_COHERENT : 0));
}

/* One struct for all types: the rows of a type decide which of its members are written. */
static struct ivrs_ivhd fields_of(const struct viommu_iommu *iommu, unsigned type)
{
	return (struct ivrs_ivhd){
		.block = { .type = (uint8_t)type,
			   .flags = flags_of(iommu, type),
			   .bdf = iommu->bdf },
		.capability = (uint16_t)iommu->amd.capability,
		.base = iommu->base,
		.segment = iommu->segment,
		.info = (uint16_t)iommu->amd.info,
		.features = type == IVRS_IVHD_10 ? iommu->amd.features : iommu->amd.attributes,
		.efr = iommu->amd.efr,
		.efr2 = iommu->amd.efr2,
	};
}

/* The length is that of all entries, which has 16 bits. */
static void write_unit(struct ivrs_writing *writing, const struct ivrs_unit *unit, unsigned type)
{
	struct ivrs_ivhd fields = fields_of(unit->iommu, type);
	struct record *block = encode(ivrs_block_layout(type), &fields, writing->end);
	size_t length = write_items(writing, block, unit);

	((struct ivrs_ivhd *)block->host)->block.length = (uint16_t)length;
	record_add_child(writing->table->root, block);
	writing->end += length;
	if (length <= UINT16_MAX)
		return;
	writing->failed = true;
	report(writing->findings, "ivrs-too-large", unit->iommu->place,
	       "give whole buses or host bridges to an IOMMU instead of single functions",
	       "device entries of IOMMU %s are %zu bytes, and a block has at most 65535",
	       unit->iommu->name, length);
}

/* Three numbers at the most. */
static bool has_type(const uint32_t *blocks, unsigned n, unsigned type)
{
	for (unsigned i = 0; i < n; i++)
		if (blocks[i] == type)
			return true;
	return false;
}

/* Blocks that an IOMMU asks for itself, or those that the whole table has. */
static void write_type(struct ivrs_writing *writing, const struct ivrs_unit *unit,
		       const struct ivrs_usual *usual, unsigned type)
{
	const struct viommu_iommu *iommu = unit->iommu;

	if (iommu->amd.n_blocks ? has_type(iommu->amd.blocks, iommu->amd.n_blocks, type)
				: has_type(usual->blocks, usual->n_blocks, type))
		write_unit(writing, unit, type);
}

/* -- memory
 * ----------------------------------------------------------------------------------------- */

/* Memory that firmware uses is read and written, unless the topology says it better. */
static uint8_t memory_flags(const struct viommu_reserved_memory *memory)
{
	if (memory->kind == VIOMMU_MEMORY_EXCLUSION)
		return (uint8_t)(memory->flags | IVRS_EXCLUSION);
	return (uint8_t)(IVRS_UNITY | (memory->flags ? memory->flags : IVRS_ANY_ACCESS));
}

/* The type says how many device IDs there are: none, one, or two. */
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

	record_add_child(writing->table->root, encode(layout, &fields, writing->end));
	writing->end += layout->length;
}

/* Why the table has no place for it, or NULL. */
static const char *silent_about(const struct ivrs_writing *writing,
				const struct viommu_reserved_memory *memory)
{
	const struct ivrs_unit *unit = ivrs_unit_of(writing, memory->iommu);

	if (memory->kind != VIOMMU_MEMORY_IDENTITY && memory->kind != VIOMMU_MEMORY_EXCLUSION)
		return "has no memory of this kind";
	if (memory->path || memory->scope == VIOMMU_SCOPE_BRIDGE)
		return "has no paths and bridges";
	if (memory->iommu && !unit)
		return "has no place for that IOMMU";
	if (unit && !memory->has_ids && !unit->alone)
		return "knows functions, not one of several IOMMUs";
	return NULL;
}

/*
 * An IOMMU that is not alone in its segment has no memory of its own there: the block has no place
 * for it.
 */
static void write_memory(struct ivrs_writing *writing, const struct viommu_reserved_memory *memory)
{
	const struct ivrs_unit *unit = ivrs_unit_of(writing, memory->iommu);
	const char *why = silent_about(writing, memory);

	if (why)
		report(writing->findings, "ivrs-silent-memory", memory->place,
		       "name the functions that it is for, and say `identity` or `exclusion`",
		       "IVRS %s: 0x%" PRIx64 "-0x%" PRIx64 " is left out", why, memory->first,
		       memory->last);
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
 * Firmware writes memory before blocks 40h, and Linux reads past it: the order is that of real
 * tables.
 */
static void write_blocks(struct ivrs_writing *writing, const struct ivrs_usual *usual)
{
	const struct viommu_reserved_memory *memory;

	for (guint i = 0; i < writing->units->len; i++) {
		write_type(writing, writing->units->pdata[i], usual, IVRS_IVHD_10);
		write_type(writing, writing->units->pdata[i], usual, IVRS_IVHD_11);
	}
	for_each_object(i, memory, writing->topology, OBJECT_RESERVED_MEMORY)
		write_memory(writing, memory);
	for (guint i = 0; i < writing->units->len; i++)
		write_type(writing, writing->units->pdata[i], usual, IVRS_IVHD_40);
}

/*
 * Address bits have a member of their own in a topology, so they are taken out of the other flags.
 */
static void write_head(const struct ivrs_writing *writing, const struct ivrs_usual *usual)
{
	const struct viommu_table_header *header = writing->header;
	struct ivrs_head *head = writing->table->root->host;
	uint32_t bits = header->address_bits ? header->address_bits : IVRS_USUAL_BITS;

	head->acpi.revision = header->has_revision ? (uint8_t)header->revision : usual->revision;
	head->info = (bits << IVRS_ADDRESS_SHIFT & IVRS_ADDRESS_BITS) |
		     ((header->has_flags ? header->flags : usual->flags) & ~IVRS_ADDRESS_BITS);
}

/* Entries are gathered once for all blocks, and what has to be said of them is said once. */
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
	struct ivrs_usual usual;

	add_units(&writing);
	find_alone(&writing);
	ivrs_gather(&writing);
	usual = usual_of(&writing);
	write_head(&writing, &usual);
	if (!writing.failed) {
		write_blocks(&writing, &usual);
		ivrs_look_at_entries(&writing);
	}
	ivrs_clear_item(&writing.spare);
	hash_free(writing.by_name);
	pointers_free(writing.units);
	return !writing.failed;
}
