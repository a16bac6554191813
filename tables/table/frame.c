/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decoding of frames: structures that follow each other, each with its own type and length
 *
 * A cursor (record.c) keeps the bounds. A structure too short for its fields stays bytes, so that
 * no reader accesses a missing field; a longer one keeps the bytes behind its fields. Once a length
 * is invalid, the next structure cannot be found, and the rest stays bytes. Nothing is lost, so
 * every table encodes to the bytes it was decoded from.
 */
#include "frame.h"
#include "tables/findings/findings.h"

/* -- one structure --------------------------------------------------------------- */

static const struct layout *layout_of(const struct frame *frame, const struct cursor *cursor)
{
	return frame->layout_at ? frame->layout_at(cursor) : frame->layout(cursor->type);
}

static struct record *keep_short(const struct decoding *decoding, const struct frame *frame,
				 const struct cursor *cursor)
{
	const struct layout *layout = layout_of(frame, cursor);

	report(decoding->findings, frame->too_short, table_place(decoding->table, cursor->at),
	       "correct the length", "%s has %u bytes, but needs %u", layout->name,
	       (unsigned)cursor->length, layout->length);
	return record_new_bytes(decoding->table->root, decoding->bytes + cursor->at,
				(size_t)cursor->length, cursor->at);
}

static struct record *decode_structure(struct decoding *decoding, const struct frame *frame,
				       const struct cursor *cursor)
{
	const struct layout *layout = layout_of(frame, cursor);
	size_t at = cursor->at + layout->length, end = cursor->at + (size_t)cursor->length;
	struct record *structure;

	decoding->records++;
	if (cursor->length < layout->length)
		return keep_short(decoding, frame, cursor);
	structure =
		record_new(decoding->table->root, layout, decoding->bytes + cursor->at, cursor->at);
	if (frame->inside)
		frame->inside(decoding, structure, at, end);
	else
		record_add_rest(structure, decoding->bytes + at, end - at);
	return structure;
}

/* -- bounds of structures ------------------------------------------------------ */

static uint64_t head_field(const struct viommu_table *table, const char *name)
{
	const struct record *head = table->root;

	return field_get(layout_field(head->layout, name), head->host);
}

/* An offset inside the head or beyond the end is ignored, as Linux does. */
static size_t first_structure(const struct viommu_table *table, size_t end)
{
	size_t head = table->root->layout->length, at = head;

	if (table->format->frame->offset_field)
		at = (size_t)head_field(table, table->format->frame->offset_field);
	return at < head || at > end ? head : at;
}

/* Keep the bytes between the head and the first structure. */
static size_t begin(const struct decoding *decoding, size_t end)
{
	const struct viommu_table *table = decoding->table;
	const struct frame *frame = table->format->frame;
	size_t head = table->root->layout->length, at = first_structure(table, end);

	if (frame->offset_field && at != head_field(table, frame->offset_field))
		report(decoding->findings, frame->bad_offset,
		       table_place_of(table, table->root, frame->offset_field),
		       "write the length of the head", "no %s can begin at 0x%zx", frame->noun,
		       (size_t)head_field(table, frame->offset_field));
	if (at > head)
		record_add_child(table->root,
				 record_new_bytes(decoding->table->root, decoding->bytes + head,
						  at - head, head));
	return at;
}

/* The bytes before the first structure are one child at most. */
static size_t count_gaps(const struct viommu_table *table)
{
	const struct record *first = record_child(table->root, 0);
	size_t end = acpi_end(table, record_length(table->root));

	return first && first->at < first_structure(table, end);
}

static size_t count_structures(const struct viommu_table *table)
{
	return table->root->children.len - count_gaps(table);
}

size_t frame_counted_end(const struct viommu_table *table)
{
	uint64_t count = head_field(table, table->format->frame->count_field);
	const struct record *next =
		count < count_structures(table)
			? record_child(table->root, (guint)(count_gaps(table) + count))
			: NULL;

	return next ? next->at : SIZE_MAX;
}

bool frame_begins_inside_head(const struct viommu_table *table)
{
	return head_field(table, table->format->frame->offset_field) < table->root->layout->length;
}

bool frame_begins_beyond(const struct viommu_table *table)
{
	return head_field(table, table->format->frame->offset_field) >=
	       acpi_end(table, record_length(table->root));
}

void check_structure_count(const struct table_check *check)
{
	const struct viommu_table *table = check->table;
	const struct frame *frame = table->format->frame;
	size_t n = count_structures(table), count = (size_t)head_field(table, frame->count_field);

	if (count != n)
		report(check->findings, check->rule_id,
		       table_place_of(table, table->root, frame->count_field),
		       "write the number of structures",
		       "the head counts %zu %ss, but the table has %zu", count, frame->noun, n);
}

/* -- a frame --------------------------------------------------------------------- */

static bool is_full(const struct decoding *decoding, const struct frame *frame)
{
	return frame->max && decoding->records >= frame->max;
}

/* Have all structures been decoded that the head counts? */
static bool is_complete(const struct decoding *decoding, const struct frame *frame, size_t n)
{
	return frame->surplus && n == head_field(decoding->table, frame->count_field);
}

static void report_length(const struct decoding *decoding, const struct frame *frame,
			  const struct cursor *cursor)
{
	struct viommu_place place = table_place(decoding->table, cursor->at);
	unsigned type = (unsigned)cursor->type;

	if (frame->framing.measure)
		report(decoding->findings, frame->too_short, place, "use a known type",
		       "the length of a %s of type %u (0x%02x) is unknown: what follows cannot be "
		       "decoded",
		       frame->noun, type, type);
	else
		report(decoding->findings, frame->too_short, place, "correct the length",
		       "a %s of type %u (0x%02x) has a length of %u: what follows cannot be "
		       "decoded",
		       frame->noun, type, type, (unsigned)cursor->length);
}

/* Decoding stopped before the end. */
static void report_stop(const struct decoding *decoding, const struct frame *frame,
			enum cursor_state state, const struct cursor *cursor, size_t n)
{
	struct viommu_place place = table_place(decoding->table, cursor->at);

	if (state == CURSOR_AT)
		report(decoding->findings, frame->too_many, place, "end the table here",
		       "the table has more than %zu structures: the rest is not decoded",
		       frame->max);
	else if (is_complete(decoding, frame, n))
		report(decoding->findings, frame->surplus, place,
		       "end the table behind its last structure", "%zu bytes follow the last %s",
		       cursor->end - cursor->at, frame->noun);
	else if (state == CURSOR_SHORT)
		report_length(decoding, frame, cursor);
	else
		report(decoding->findings, frame->too_long, place,
		       "correct the length, or remove the bytes from here on",
		       "a %s extends beyond the end of its %s, 0x%zx", frame->noun, frame->parent,
		       cursor->end);
}

size_t frame_decode_inside(struct decoding *decoding, const struct frame *frame,
			   struct record *parent, size_t at, size_t end)
{
	struct cursor cursor = {
		.framing = &frame->framing, .table = decoding->bytes, .at = at, .end = end
	};
	enum cursor_state state;
	size_t n = 0;

	while ((state = cursor_look(&cursor)) == CURSOR_AT && !is_full(decoding, frame)) {
		record_add_child(parent, decode_structure(decoding, frame, &cursor));
		cursor.at += (size_t)cursor.length;
		n++;
	}
	if (state != CURSOR_END)
		report_stop(decoding, frame, state, &cursor, n);
	return cursor.at;
}

/* The head may count the structures, but their bytes decide: a wrong count loses none of them. */
void frame_decode(struct viommu_table *table, const uint8_t *bytes, size_t length,
		  struct viommu_findings *findings)
{
	struct decoding decoding = { table, bytes, findings, 0 };
	size_t at = begin(&decoding, length);

	at = frame_decode_inside(&decoding, table->format->frame, table->root, at, length);
	record_add_rest(table->root, bytes + at, length - at);
}
