/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DMAR, the DMA Remapping Reporting table (Intel VT-d, chapter 8)
 *
 * The table is a list of structures with type and length. A remapping unit has scopes for the
 * devices behind it. A scope names a device by a start bus and the path of bridges down to it, so
 * it stays valid when buses are renumbered. One unit of a segment may have everything that no
 * scope names (INCLUDE_PCI_ALL).
 *
 * Decoding has three levels: structures, their scopes, and the hops of a path. Rows are in
 * layout.c, rules of the bytes in check.c and check_scope.c.
 */
#include "dmar.h"
#include "tables/findings/findings.h"

/*
 * The length covers the scopes. Linux stops at a length of 0 without a message, and misses the
 * structures behind it.
 */
static const struct framing structure_framing = {
	.type_at = 0, .type_length = 2, .length_at = 2, .length_length = 2, .head = 4
};

/*
 * Type and length have one byte each, unlike in the structure around it. A length of 0 would be an
 * endless loop in Linux.
 */
static const struct framing scope_framing = {
	.type_at = 0, .type_length = 1, .length_at = 1, .length_length = 1, .head = 6
};

/*
 * Records need more memory than their bytes, so their number is limited: far above any real
 * machine.
 */
struct decoding {
	const struct viommu_table *table;
	const uint8_t *bytes;
	struct viommu_findings *findings;
	size_t records;
};
#define MAX_RECORDS ((size_t)1 << 20)

/* An odd byte at the end belongs to no hop, and is kept behind them. */
static struct record *decode_scope(struct decoding *decoding, const struct cursor *cursor)
{
	const uint8_t *bytes = decoding->bytes;
	struct record *scope = record_new(&dmar_scope_layout, bytes + cursor->at, cursor->at);
	size_t at = cursor->at + dmar_scope_layout.length, end = cursor->at + cursor->length;

	for (; wire_fits(at, dmar_hop_layout.length, end); at += dmar_hop_layout.length)
		record_add_child(scope, record_new(&dmar_hop_layout, bytes + at, at));
	record_add_rest(scope, bytes + at, end - at);
	decoding->records += 1 + dmar_hops(scope);
	if (!dmar_hops(scope) || at != end)
		report(decoding->findings, "dmar-scope-length",
		       table_place(decoding->table, cursor->at),
		       "write 6, plus 2 for each hop of the path",
		       "the scope has %u bytes, which is not a whole number of hops",
		       (unsigned)cursor->length);
	return scope;
}

/* Without a valid length, this scope and all bytes behind it cannot be decoded. */
static void keep_undecodable_scopes(struct decoding *decoding, struct record *structure,
				    const struct cursor *cursor)
{
	report(decoding->findings, "dmar-scope-length", table_place(decoding->table, cursor->at),
	       "correct the length of the scope",
	       "the scope does not fit into its structure: it and the bytes behind it cannot be "
	       "decoded");
	record_add_child(structure, record_new_bytes(decoding->bytes + cursor->at,
						     cursor->end - cursor->at, cursor->at));
}

/* The end is that of the structure: a scope never takes bytes of the next structure. */
static void decode_scopes(struct decoding *decoding, struct record *structure, size_t at,
			  size_t end)
{
	struct cursor cursor = { &scope_framing, decoding->bytes, at, end, 0, 0 };
	enum cursor_state state;

	while ((state = cursor_look(&cursor)) == CURSOR_AT) {
		record_add_child(structure, decode_scope(decoding, &cursor));
		cursor.at += cursor.length;
	}
	if (state != CURSOR_END)
		keep_undecodable_scopes(decoding, structure, &cursor);
}

/* Decode what follows the fixed part: scopes, a name, or bytes without meaning. */
static void decode_inside(struct decoding *decoding, struct record *structure, size_t at,
			  size_t end)
{
	unsigned type = dmar_type_of(structure);

	if (type == DMAR_ANDD)
		record_add_child(structure, record_new_text("ACPI object name",
							    decoding->bytes + at, end - at, at));
	else if (type == DMAR_UNKNOWN || type == DMAR_RHSA)
		record_add_rest(structure, decoding->bytes + at, end - at);
	else
		decode_scopes(decoding, structure, at, end);
}

/* A structure too short for its fields stays bytes. */
static struct record *decode_structure(struct decoding *decoding, const struct cursor *cursor)
{
	const struct layout *layout = dmar_layout(cursor->type);
	struct record *structure;

	if (cursor->length < layout->length) {
		report(decoding->findings, "dmar-length", table_place(decoding->table, cursor->at),
		       "correct the length of the structure", "%s has %u bytes, but needs %u",
		       layout->name, (unsigned)cursor->length, layout->length);
		return record_new_bytes(decoding->bytes + cursor->at, cursor->length, cursor->at);
	}
	structure = record_new(layout, decoding->bytes + cursor->at, cursor->at);
	decode_inside(decoding, structure, cursor->at + layout->length,
		      cursor->at + cursor->length);
	return structure;
}

/* Without a valid length, the next structure cannot be found. */
static void report_stop(const struct decoding *decoding, enum cursor_state state,
			const struct cursor *cursor)
{
	struct viommu_place place = table_place(decoding->table, cursor->at);

	if (state == CURSOR_AT)
		report(decoding->findings, "dmar-too-large", place, "end the table here",
		       "the table has more than %zu structures, scopes and hops: the rest is not "
		       "decoded",
		       MAX_RECORDS);
	if (state == CURSOR_SHORT)
		report(decoding->findings, "dmar-length", place,
		       "end the table here, or correct the length of the structure",
		       "a structure of type %u has a length of %u: the structures behind it cannot "
		       "be decoded",
		       (unsigned)cursor->type, (unsigned)cursor->length);
	if (state == CURSOR_PAST)
		report(decoding->findings, "dmar-end", place,
		       "end the table behind its last structure",
		       "a structure extends beyond the end of the table, 0x%zx", cursor->end);
}

static void decode(struct viommu_table *table, const uint8_t *bytes, size_t length,
		   struct viommu_findings *findings)
{
	struct decoding decoding = { table, bytes, findings, 0 };
	struct cursor cursor = { &structure_framing, bytes, DMAR_HEAD_LENGTH, length, 0, 0 };
	enum cursor_state state;

	while ((state = cursor_look(&cursor)) == CURSOR_AT && decoding.records++ < MAX_RECORDS) {
		record_add_child(table->root, decode_structure(&decoding, &cursor));
		cursor.at += cursor.length;
	}
	report_stop(&decoding, state, &cursor);
	record_add_rest(table->root, bytes + cursor.at, length - cursor.at);
}

const struct format dmar_format = {
	.signature = "DMAR",
	.name = "DMA Remapping Reporting table",
	.head = &dmar_head_layout,
	.decode = decode,
	.rules = dmar_rules,
	.to_topology = dmar_read,
	.to_header = dmar_read_header,
	.from_topology = dmar_write,
	.linux_reads = linux_dmar,
};
