/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables that are lists of structures
 *
 * What cannot be gone past stays bytes, and so does a structure that is too short for its fields; a
 * longer one keeps what is behind them.
 *
 * SRAT, MADT and MCFG are such tables. Nothing in their heads counts the structures or says where
 * they begin: they follow the head at once, and the length of the table ends them.
 */
#include "tables/findings/findings.h"
#include "list.h"

/* Records are much larger than what they stand for: far above any machine, there is an end. */
#define MAX_STRUCTURES 65536u

/* NULL behind the last, which ends the loop over all of them. */
const struct record *list_structure(const struct viommu_table *table, size_t i)
{
	const GPtrArray *children = table->root->children;

	return i < children->len ? children->pdata[i] : NULL;
}

/* Bytes are never given rows that are longer than they are. */
static struct record *decode_structure(const struct list *list, const struct viommu_table *table,
				       const struct cursor *cursor,
				       struct viommu_findings *findings)
{
	const uint8_t *structure = cursor->table + cursor->at;
	const struct layout *layout = list->layout(structure, cursor->length);
	struct record *record;

	if (cursor->length < layout->length) {
		report(findings, "acpi-structure-length", table_place(table, cursor->at),
		       "write the length that the structure has", "%s has %u bytes, and needs %u",
		       layout->name, (unsigned)cursor->length, layout->length);
		return record_new_bytes(structure, cursor->length, cursor->at);
	}
	record = record_new(layout, structure, cursor->at);
	record_add_rest(record, structure + layout->length, cursor->length - layout->length);
	return record;
}

/* Where structures have no length, all are as long as a step. */
static enum cursor_state look(const struct list *list, struct cursor *cursor)
{
	if (!list->step)
		return cursor_look(cursor);
	cursor->length = list->step;
	if (cursor->at == cursor->end)
		return CURSOR_END;
	return wire_fits(cursor->at, list->step, cursor->end) ? CURSOR_AT : CURSOR_PAST;
}

/* The four ways in which a walk ends, of which one is right and says nothing. */
static void report_stop(const struct viommu_table *table, enum cursor_state state,
			const struct cursor *cursor, struct viommu_findings *findings)
{
	struct viommu_place place = table_place(table, cursor->at);

	if (state == CURSOR_AT)
		report(findings, "acpi-structures", place, "end the table here",
		       "more than %u structures: the rest is bytes", MAX_STRUCTURES);
	if (state == CURSOR_SHORT)
		report(findings, "acpi-structure-length", place,
		       "end the table here, or write the length that the structure has",
		       "a structure of type %u with %u bytes: nothing behind it can be found",
		       (unsigned)cursor->type, (unsigned)cursor->length);
	if (state == CURSOR_PAST)
		report(findings, "acpi-structure-end", place,
		       "end the table behind its last structure",
		       "a structure reaches past the end of the table, at 0x%zx", cursor->end);
}

/* What the walk leaves behind is kept, so that the table encodes to what it was. */
void list_decode(const struct list *list, struct viommu_table *table, const uint8_t *bytes,
		 size_t length, struct viommu_findings *findings)
{
	struct cursor cursor = { .framing = &list->framing, .table = bytes, .end = length };
	enum cursor_state state;
	size_t n = 0;

	cursor.at = table->format->head->length;
	while ((state = look(list, &cursor)) == CURSOR_AT && n++ < MAX_STRUCTURES) {
		record_add_child(table->root, decode_structure(list, table, &cursor, findings));
		cursor.at += cursor.length;
	}
	report_stop(table, state, &cursor, findings);
	record_add_rest(table->root, bytes + cursor.at, length - cursor.at);
}
