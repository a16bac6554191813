/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IVRS, the table of AMD IOMMUs
 *
 * Decoding: blocks of the table, and device entries of IVHD blocks. Blocks have a length field; the
 * length of an entry follows from its type, and only ACPI devices have a length field. Rows are in
 * layout.c, rules of the bytes in check.c.
 */
#include "ivrs.h"
#include "tables/table/frame.h"
#include "tables/table/unsupported.h"

#define UID_LENGTH_AT 21
#define HID_LENGTH    22

/* -- device entries -------------------------------------------------------------------- */

/*
 * The two top bits of a type below 80h give the length: 4 << bits. Above, only F0h is known; its
 * UID length is in the entry. 0 stands for unknown.
 */
static uint64_t measure_entry(const uint8_t *entry, size_t room)
{
	unsigned type = entry[0];

	if (type < 0x80)
		return 4u << (type >> 6);
	if (type != IVRS_HID)
		return 0;
	return room > UID_LENGTH_AT ? HID_LENGTH + (uint64_t)entry[UID_LENGTH_AT] : HID_LENGTH;
}

/* The UID follows the fields of an ACPI device; its format tells whether it is text. */
static void decode_uid(struct decoding *decoding, struct record *entry, size_t at, size_t end)
{
	const struct ivrs_hid *hid = entry->host;

	if (entry->layout->type == IVRS_HID && hid->uid_format == IVRS_UID_STRING)
		record_add_child(entry, record_new_text(entry, "Unique ID", decoding->bytes + at,
							end - at, at));
	else
		record_add_rest(entry, decoding->bytes + at, end - at);
}

static const struct frame entries = {
	.framing = { .type_at = 0, .type_length = 1, .head = 4, .measure = measure_entry },
	.noun = "device entry",
	.parent = "block",
	.layout = ivrs_entry_layout,
	.inside = decode_uid,
	.too_short = "ivrs-entry-length",
	.too_long = "ivrs-entry-end",
};

/* -- blocks --------------------------------------------------------------------------- */

/* Entries end with the block; bytes that are no entry are kept behind them. */
static void decode_entries(struct decoding *decoding, struct record *block, size_t at, size_t end)
{
	if (ivrs_has_entries(block))
		at = frame_decode_inside(decoding, &entries, block, at, end);
	record_add_rest(block, decoding->bytes + at, end - at);
}

/* A block length of 0 is an endless loop in Linux. */
static const struct frame blocks = {
	.framing = FRAMING(1, 2, 2, 4),
	.noun = "block",
	.parent = "table",
	.layout = ivrs_block_layout,
	.inside = decode_entries,
	.too_short = "ivrs-block-length",
	.too_long = "ivrs-block-end",
	.max = IVRS_MAX_STRUCTURES,
	.too_many = "ivrs-too-large",
};

static bool source_has_path(const void *object)
{
	const struct viommu_interrupt_source *source = object;

	return source->path;
}

static const struct unsupported unsupported[] = {
	{ OBJECT_IOMMU, OF_OTHERS, NULL, "ivrs-silent-iommu",
	  "describe it in the table of its own platform",
	  .reason = "the table describes only IOMMUs of AMD" },
	{ OBJECT_IOMMU, OF_DESCRIBED, iommu_has_domain, "ivrs-silent-domain",
	  "describe it in SRAT, or by _PXM", .part = "the proximity domain" },
	UNSUPPORTED_PATHS(OF_DESCRIBED, "ivrs-silent-path"),
	{ OBJECT_INTERRUPT_SOURCE, OF_DESCRIBED, source_has_path, "ivrs-silent-path",
	  "give the function by its bus", .reason = "the bus behind a path is unknown" },
	UNSUPPORTED_IDS("ivrs-silent-ids"),
	UNSUPPORTED_HOTPLUG(OF_DESCRIBED),
	NO_MORE_UNSUPPORTED,
};

const struct format ivrs_format = {
	.signature = "IVRS",
	.name = "I/O Virtualization Reporting Structure",
	.head = &ivrs_head_layout,
	.frame = &blocks,
	.decode = frame_decode,
	.rules = ivrs_rules,
	.to_topology = ivrs_read,
	.to_header = ivrs_read_header,
	.unsupported = unsupported,
	.describes = ivrs_describes,
	.from_topology = ivrs_write,
	.linux_reads = linux_ivrs,
	.rejections = ivrs_rejections,
};
