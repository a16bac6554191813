/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records, and the cursor that finds them
 *
 * All bounds of all tables are checked here: a cursor yields only structures that lie inside their
 * parent, and always advances. The caller keeps and reports the bytes at which it stops.
 */
#include <string.h>

#include "base/array.h"
#include "record.h"

/* The host struct follows its record. */
struct whole {
	struct record record; /* first */
	uint64_t host[];
};

/* Zeroed, for members without a row. */
static struct record *record_in(struct pool *pool, const struct layout *layout, const uint8_t *wire,
				size_t at)
{
	size_t length = sizeof(struct whole) + (layout ? layout->host_size : 0);
	struct whole *whole = pool_get(pool, length);
	struct record *record = &whole->record;

	record->pool = pool;
	record->layout = layout;
	record->at = (uint32_t)at;
	if (layout) {
		record->host = whole->host;
		layout_decode(layout, wire, record->host);
	}
	return record;
}

struct record *record_new_root(const struct layout *layout, const uint8_t *wire)
{
	return record_in(pool_new(), layout, wire, 0);
}

void record_free_all(struct record *root)
{
	if (root)
		pool_free(root->pool);
}

struct record *record_new(const struct record *root, const struct layout *layout,
			  const uint8_t *wire, size_t at)
{
	return record_in(root->pool, layout, wire, at);
}

struct record *record_from_host(const struct record *root, const struct layout *layout,
				const void *host, size_t at)
{
	auto_free uint8_t *wire = memory_zeroed(1, layout->length);

	layout_encode(layout, host, wire);
	return record_new(root, layout, wire, at);
}

struct record *record_new_bytes(const struct record *root, const uint8_t *wire, size_t length,
				size_t at)
{
	struct record *record = record_new(root, NULL, NULL, at);

	record_add_rest(record, wire, length);
	return record;
}

struct record *record_new_text(const struct record *root, const char *name, const uint8_t *wire,
			       size_t length, size_t at)
{
	struct record *record = record_new_bytes(root, wire, length, at);

	record->text = name;
	return record;
}

struct field record_text_field(const struct record *record)
{
	return (struct field){
		.name = record->text,
		.length = (uint16_t)MIN(record->rest.len, G_MAXUINT16),
		.kind = FIELD_TEXT,
	};
}

/* The text may lack a NUL, so users go by the length. An empty text has no bytes to point at. */
const void *record_text(const struct record *record)
{
	return record->rest.len ? (const void *)record->rest.data : "";
}

/* A second child needs a list. Its room doubles; the smaller list stays in the pool, unused. */
static void make_room(struct record *record)
{
	struct records *children = &record->children;
	uint32_t room = children->room ? 2 * children->room : 2;
	struct record **list = pool_get(record->pool, room * sizeof(struct record *));

	if (children->room)
		memcpy(list, children->list, children->len * sizeof(struct record *));
	else
		list[0] = children->only;
	children->list = list;
	children->room = room;
}

void record_add_child(struct record *record, struct record *child)
{
	struct records *children = &record->children;

	if (!children->len) {
		children->only = child;
	} else {
		if (children->len >= children->room)
			make_room(record);
		children->list[children->len] = child;
	}
	children->len++;
}

/* Fields that a later revision appended survive decoding and encoding. */
void record_add_rest(struct record *record, const uint8_t *wire, size_t length)
{
	struct rest *rest = &record->rest;
	uint8_t *data;

	if (!length)
		return;
	data = pool_get(record->pool, rest->len + length);
	if (rest->len)
		memcpy(data, rest->data, rest->len);
	memcpy(data + rest->len, wire, length);
	rest->data = data;
	rest->len += (uint32_t)length;
}

/*
 * Computed, not stored, so that it cannot disagree with the contents. The recursion here and below
 * is bounded by formats, which nest two or three deep, not by input.
 */
size_t record_length(const struct record *record)
{
	size_t length = record->rest.len + (record->layout ? record->layout->length : 0);
	const struct record *child;

	for_each_child(i, child, record)
		length += record_length(child);
	return length;
}

void record_place(struct record *record, size_t at)
{
	struct record *child;

	record->at = (uint32_t)at;
	at += record->layout ? record->layout->length : 0;
	for_each_child(i, child, record) {
		record_place(child, at);
		at += record_length(child);
	}
}

/* In the order of the bytes: the fixed part, the children, the rest. */
void record_encode(const struct record *record, struct bytes *to)
{
	size_t at = to->len;
	const struct record *child;

	if (record->layout) {
		bytes_set_size(to, at + record->layout->length);
		layout_encode(record->layout, record->host, to->data + at);
	}
	for_each_child(i, child, record)
		record_encode(child, to);
	bytes_append(to, record->rest.data, record->rest.len);
}

/*
 * The head must lie inside the parent before the length is read, and the whole structure before it
 * is used. A structure is never shorter than its head, so a walk by lengths always ends.
 */
enum cursor_state cursor_look(struct cursor *cursor)
{
	const struct framing *framing = cursor->framing;
	const uint8_t *structure = cursor->table + cursor->at;

	if (cursor->at == cursor->end)
		return CURSOR_END;
	if (!wire_fits(cursor->at, framing->head, cursor->end))
		return CURSOR_PAST;
	cursor->type = wire_load(structure + framing->type_at, framing->type_length);
	cursor->length = framing->measure ? framing->measure(structure, cursor->end - cursor->at)
					  : wire_load(structure + framing->length_at,
						      framing->length_length);
	if (cursor->length < framing->head)
		return CURSOR_SHORT;
	return wire_fits(cursor->at, cursor->length, cursor->end) ? CURSOR_AT : CURSOR_PAST;
}
