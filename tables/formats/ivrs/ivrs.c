/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IVRS, the table of AMD's IOMMUs
 *
 * Decoding: blocks of the table, and device entries of the blocks that are IOMMUs. Blocks say how
 * long they are; an entry's length goes by its type, and only an ACPI device says more. The
 * rows of all of them are in ivrs_layout.c, rules of the bytes in ivrs_check.c.
 */
#include "ivrs.h"
#include "tables/findings/findings.h"

#define UID_LENGTH_AT 21
#define HID_LENGTH    22

/*
 * Records are counted over the whole table: every four bytes may be an entry, and each takes many
 * times that room in memory.
 */
struct decoding {
	const struct viommu_table *table;
	const uint8_t *bytes;
	unsigned n; /* records so far */
	struct viommu_findings *findings;
};

/* A length of 0 keeps Linux in a loop for ever; here it ends the walk with a finding. */
static const struct framing block_framing = {
	.type_at = 0, .type_length = 1, .length_at = 2, .length_length = 2, .head = 4
};

/* -- device entries -------------------------------------------------------------------- */

/*
 * The two top bits of a type below 80h are the power of two that its length is of 4. Of those above
 * only F0h is known, and has the length of its UID in it. Any other has none: 0.
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

/* An entry has no length of its own, so the bytes of its type are measured. */
static const struct framing entry_framing = {
	.type_at = 0, .type_length = 1, .head = 4, .measure = measure_entry
};

/* Why entries ended before their block did: nobody knows where the next one begins. */
static void report_entries(const struct decoding *decoding, enum cursor_state state,
			   const struct cursor *cursor)
{
	struct viommu_place place = table_place(decoding->table, cursor->at);

	if (state == CURSOR_SHORT)
		report(decoding->findings, "ivrs-entry-length", place,
		       "leave it out, or write a type that is known",
		       "a device entry of type 0x%02x: nobody knows how long it is",
		       (unsigned)cursor->type);
	if (state == CURSOR_PAST)
		report(decoding->findings, "ivrs-entry-end", place,
		       "end the block behind its last device entry",
		       "a device entry reaches past the end of its block, at 0x%zx", cursor->end);
}

/* What is behind the fields: of an ACPI device the UID, which is text if its format says so. */
static struct record *decode_entry(const uint8_t *wire, const struct cursor *cursor)
{
	const struct layout *layout = ivrs_entry_layout(cursor->type);
	struct record *entry = record_new(layout, wire, cursor->at);
	const uint8_t *rest = wire + layout->length;
	size_t length = cursor->length - layout->length;

	if (layout->type == IVRS_HID &&
	    ((const struct ivrs_hid *)entry->host)->uid_format == IVRS_UID_STRING)
		record_add_child(entry, record_new_text("Unique ID", rest, length,
							cursor->at + layout->length));
	else
		record_add_rest(entry, rest, length);
	return entry;
}

/*
 * A block ends where it says, whatever its entries add up to: what cannot be taken apart is kept
 * behind those that could.
 */
static void decode_entries(struct decoding *decoding, struct record *block, size_t end)
{
	struct cursor cursor = { .framing = &entry_framing,
				 .table = decoding->bytes,
				 .at = block->at + block->layout->length,
				 .end = end };
	enum cursor_state state;

	while ((state = cursor_look(&cursor)) == CURSOR_AT && decoding->n++ < IVRS_MAX_STRUCTURES) {
		record_add_child(block, decode_entry(decoding->bytes + cursor.at, &cursor));
		cursor.at += cursor.length;
	}
	report_entries(decoding, state, &cursor);
	record_add_rest(block, decoding->bytes + cursor.at, end - cursor.at);
}

/* -- blocks --------------------------------------------------------------------------- */

/* A block that is too short to have its fields stays bytes. */
static struct record *decode_block(struct decoding *decoding, const struct cursor *cursor)
{
	const struct layout *layout = ivrs_block_layout(cursor->type);
	const uint8_t *wire = decoding->bytes + cursor->at;
	struct record *block;

	if (cursor->length < layout->length) {
		report(decoding->findings, "ivrs-block-length",
		       table_place(decoding->table, cursor->at),
		       "write the length that the block has",
		       "a block of type 0x%02x with %u bytes, which needs %u",
		       (unsigned)cursor->type, (unsigned)cursor->length, layout->length);
		return record_new_bytes(wire, cursor->length, cursor->at);
	}
	block = record_new(layout, wire, cursor->at);
	if (ivrs_is_ivhd(block))
		decode_entries(decoding, block, cursor->at + cursor->length);
	else
		record_add_rest(block, wire + layout->length, cursor->length - layout->length);
	return block;
}

/* Why blocks ended before the table did. All behind that is bytes. */
static void report_blocks(const struct decoding *decoding, enum cursor_state state,
			  const struct cursor *cursor)
{
	struct viommu_place place = table_place(decoding->table, cursor->at);

	if (decoding->n > IVRS_MAX_STRUCTURES)
		report(decoding->findings, "ivrs-too-large", place, "end the table here",
		       "there are more than %u blocks and device entries", IVRS_MAX_STRUCTURES);
	if (state == CURSOR_SHORT)
		report(decoding->findings, "ivrs-block-length", place,
		       "end the table here, or write the length that the block has",
		       "a block of type 0x%02x with %u bytes: nothing behind it can be found",
		       (unsigned)cursor->type, (unsigned)cursor->length);
	if (state == CURSOR_PAST)
		report(decoding->findings, "ivrs-block-end", place,
		       "end the table behind its last block",
		       "a block reaches past the end of the table, at 0x%zx", cursor->end);
}

/*
 * Blocks follow the head without a gap. The count is shared with their entries, so that a table of
 * many small blocks is bounded like one of many entries.
 */
static void decode(struct viommu_table *table, const uint8_t *bytes, size_t length,
		   struct viommu_findings *findings)
{
	struct decoding decoding = { table, bytes, 0, findings };
	struct cursor cursor = {
		.framing = &block_framing, .table = bytes, .at = IVRS_HEAD_LENGTH, .end = length
	};
	enum cursor_state state;

	while ((state = cursor_look(&cursor)) == CURSOR_AT && decoding.n++ < IVRS_MAX_STRUCTURES) {
		record_add_child(table->root, decode_block(&decoding, &cursor));
		cursor.at += cursor.length;
	}
	report_blocks(&decoding, state, &cursor);
	record_add_rest(table->root, bytes + cursor.at, length - cursor.at);
}

const struct format ivrs_format = {
	.signature = "IVRS",
	.name = "I/O Virtualization Reporting Structure",
	.head = &ivrs_head_layout,
	.decode = decode,
	.rules = ivrs_rules,
	.to_topology = ivrs_read,
	.to_header = ivrs_read_header,
	.from_topology = ivrs_write,
	.linux_reads = linux_ivrs,
};
