/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decoding of built-in topologies
 *
 * A walk visits the items in the order of readers. Each visited item lies inside the image and is
 * visited once; what ends the walk early is reported. The items are then sorted by offset, since a
 * list may go backwards, and the bytes between them are kept.
 */
#include "base/array.h"
#include "base/hash.h"
#include "builtin.h"
#include "tables/findings/findings.h"

/* -- steps ------------------------------------------------------------------------- */

/* Keeps the position in the order of readers, since records are sorted by offset. */
static void take(struct builtin_walk *walk, size_t at, size_t length)
{
	array_append(walk->items, ((struct builtin_extent){ at, length, walk->items->len }));
}

/* The offset of the first item; 0 if it is inside the head or beyond the end. */
static size_t begin(const struct builtin_walk *walk)
{
	const struct record *head = walk->table->root;
	uint64_t at = builtin_head(walk->table, "Offset");

	if (at >= head->layout->length && at <= walk->end)
		return (size_t)at;
	report(walk->findings, "builtin-offset", table_place_of(walk->table, head, "Offset"),
	       "write the offset of the first item", "items cannot begin at 0x%zx", (size_t)at);
	return 0;
}

/* A wrong count can cause this, too, so the cure mentions both. */
static void report_end(const struct builtin_walk *walk, size_t at)
{
	report(walk->findings, "builtin-item-end", table_place(walk->table, at),
	       "correct the number of items, or append the missing bytes",
	       "an item extends beyond the end of configuration space, 0x%zx", walk->end);
}

/* The type decides the length of a listed item. */
static size_t listed_length(const struct builtin_walk *walk, size_t at)
{
	const struct builtin_form *form = builtin_form(walk->table);

	return builtin_layout(form, wire_load(walk->bytes + at, form->type_length))->length;
}

/* A cycle would be an endless loop for a reader without a counter. */
static bool is_whole_and_new(const struct builtin_walk *walk, size_t at, struct hash *seen)
{
	if (!wire_fits(at, builtin_form(walk->table)->unknown->length, walk->end) ||
	    !wire_fits(at, listed_length(walk, at), walk->end)) {
		report_end(walk, at);
		return false;
	}
	if (hash_add(seen, GSIZE_TO_POINTER(at)))
		return true;
	report(walk->findings, "builtin-list", table_place(walk->table, at),
	       "write 0 as the next offset of the last item",
	       "the list has a cycle through this item");
	return false;
}

/* An offset of 0 ends the list. */
void builtin_walk_list(struct builtin_walk *walk)
{
	const struct field *next = layout_field(builtin_form(walk->table)->unknown, "Next");
	struct hash *seen = hash_new(&hash_direct);
	size_t at = builtin_head(walk->table, "Offset") ? begin(walk) : 0;

	while (at && is_whole_and_new(walk, at, seen)) {
		take(walk, at, listed_length(walk, at));
		at = (size_t)wire_load(walk->bytes + at + next->at, next->length);
	}
	hash_free(seen);
}

/* Rejects a stride shorter than the type field: items would overlap. */
void builtin_walk_array(struct builtin_walk *walk)
{
	uint64_t count = builtin_head(walk->table, "Count");
	uint64_t stride = builtin_head(walk->table, "Item length");
	size_t at = count ? begin(walk) : 0;

	if (at && stride < builtin_form(walk->table)->unknown->length) {
		report(walk->findings, "builtin-item-length",
		       table_place_of(walk->table, walk->table->root, "Item length"),
		       "write 16, the longest item",
		       "an item length of %zu has no room for the type", (size_t)stride);
		return;
	}
	for (; at && count; count--, at += (size_t)stride) {
		if (!wire_fits(at, stride, walk->end)) {
			report_end(walk, at);
			return;
		}
		take(walk, at, (size_t)stride);
	}
}

/* The cursor bounds the walk, whatever the count. */
void builtin_walk_sequence(struct builtin_walk *walk)
{
	static const struct framing framing = FRAMING(1, 2, 2, 4);
	struct cursor cursor = { .framing = &framing, .table = walk->bytes, .end = walk->end };
	uint64_t count = builtin_head(walk->table, "Count");
	enum cursor_state state = CURSOR_AT;

	cursor.at = count ? begin(walk) : 0;
	for (; cursor.at && count && (state = cursor_look(&cursor)) == CURSOR_AT; count--) {
		take(walk, cursor.at, (size_t)cursor.length);
		cursor.at += (size_t)cursor.length;
	}
	if (state == CURSOR_SHORT)
		report(walk->findings, "builtin-item-length", table_place(walk->table, cursor.at),
		       "correct the length",
		       "an item has a length of %zu: what follows cannot be decoded",
		       (size_t)cursor.length);
	else if (state != CURSOR_AT)
		report_end(walk, cursor.at);
}

/* -- records ------------------------------------------------------------------------- */

/* By offset, which is the order of encoding. */
static gint compare_places(gconstpointer a, gconstpointer b)
{
	const struct builtin_extent *left = a, *right = b;

	return left->at < right->at ? -1 : left->at > right->at;
}

/* An item too short for its fields stays bytes. */
static struct record *decode_item(const struct builtin_walk *walk,
				  const struct builtin_extent *extent)
{
	const struct builtin_form *form = builtin_form(walk->table);
	const uint8_t *bytes = walk->bytes + extent->at;
	const struct layout *layout = builtin_layout(form, wire_load(bytes, form->type_length));
	struct record *record;

	if (extent->length < layout->length) {
		report(walk->findings, "builtin-item-length", table_place(walk->table, extent->at),
		       "correct the length", "%s has %zu bytes, but needs %u", layout->name,
		       extent->length, layout->length);
		return record_new_bytes(walk->table->root, bytes, extent->length, extent->at);
	}
	record = record_new(walk->table->root, layout, bytes, extent->at);
	record_add_rest(record, bytes + layout->length, extent->length - layout->length);
	((struct builtin_item *)record->host)->order = extent->order;
	return record;
}

/* An item inside another one has no bytes of its own, and is omitted. */
static size_t add_item(struct builtin_walk *walk, const struct builtin_extent *extent, size_t at)
{
	struct record *root = walk->table->root;

	if (extent->at < at) {
		report(walk->findings, "builtin-list", table_place(walk->table, extent->at),
		       "move the item behind the other one",
		       "an item begins inside another one, and was omitted");
		return at;
	}
	if (extent->at > at)
		record_add_child(root,
				 record_new_bytes(root, walk->bytes + at, extent->at - at, at));
	record_add_child(root, decode_item(walk, extent));
	return extent->at + extent->length;
}

/* Keeps all bytes outside of items. */
void builtin_decode(struct viommu_table *table, const uint8_t *bytes, size_t length,
		    struct viommu_findings *findings)
{
	struct builtin_walk walk = {
		.table = table,
		.bytes = bytes,
		.end = length,
		.findings = findings,
		.items = array_new(sizeof(struct builtin_extent)),
	};
	size_t at = table->root->layout->length;

	builtin_form(table)->walk(&walk);
	array_sort(walk.items, compare_places);
	for (guint i = 0; i < walk.items->len; i++)
		at = add_item(&walk, &array_index(walk.items, struct builtin_extent, i), at);
	record_add_rest(table->root, bytes + at, length - at);
	array_free(walk.items);
}
