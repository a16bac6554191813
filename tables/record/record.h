/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_RECORD_H
#define VIOMMU_TABLES_RECORD_H

#include <glib.h>

#include "base/array.h"
#include "base/pool.h"
#include "wire/layout.h"

/*
 * Lists of a record. 32 bits are enough, since a table has as many for its length. Most parents
 * have one child, for which no list is allocated.
 */
struct records {
	union {
		struct record *only; /* if there is no room */
		struct record **list;
	};
	uint32_t len, room;
};

struct rest {
	uint8_t *data;
	uint32_t len;
};

/*
 * A record: one decoded structure of a table
 *
 * Its fixed part is decoded into a host struct by the rows of its layout, structures inside it are
 * its children, and all other bytes are kept. So a record encodes to the bytes it was decoded from.
 * It is small, because a structure can be as short as two bytes.
 */
struct record {
	struct pool *pool;           /* where the records of the table are */
	const struct layout *layout; /* NULL: bytes only */
	union {
		void *host;       /* layout->host_size bytes */
		const char *text; /* without a layout: the name of `rest` if it is text, or NULL */
	};
	struct records children; /* in the order of their bytes */
	struct rest rest;        /* bytes behind the fixed part and the children */
	uint32_t at;             /* from the start of the table */
	uint32_t base;           /* of a table inside another: origin of its offsets */
};

/*
 * The root: decode a fixed part of layout->length bytes at the start of a table. The other records
 * of the table are made with the root or any other of its records. All are freed with the root.
 */
struct record *record_new_root(const struct layout *layout, const uint8_t *wire);
void record_free_all(struct record *root);

/* Decode a fixed part of layout->length bytes. */
struct record *record_new(const struct record *root, const struct layout *layout,
			  const uint8_t *wire, size_t at);

/* The record of a structure that is generated. It is encoded first, so it equals one that was read.
 */
struct record *record_from_host(const struct record *root, const struct layout *layout,
				const void *host, size_t at);

/* Bytes without a layout. */
struct record *record_new_bytes(const struct record *root, const uint8_t *wire, size_t length,
				size_t at);

/* Text of any length, which may contain NULs. The name is that of the specification, and static. */
struct record *record_new_text(const struct record *root, const char *name, const uint8_t *wire,
			       size_t length, size_t at);

/* Is it a complete structure of that layout? */
static inline bool record_is(const struct record *record, const struct layout *layout)
{
	return record->layout == layout;
}

static inline bool record_is_text(const struct record *record)
{
	return !record->layout && record->text;
}

void record_add_child(struct record *record, struct record *child);
void record_add_rest(struct record *record, const uint8_t *wire, size_t length);

/* The i-th child, which the record must have. */
static inline struct record *record_child_at(const struct record *record, size_t i)
{
	return record->children.room ? record->children.list[i] : record->children.only;
}

/* The i-th child, or NULL beyond the last. */
static inline struct record *record_child(const struct record *record, size_t i)
{
	return i < record->children.len ? record_child_at(record, i) : NULL;
}

#define for_each_child(i, child, record) for (guint i = 0; ((child) = record_child(record, i)); i++)

/*
 * The text as a field, so that it is formatted like any other; record_text() is its host struct,
 * and is valid as long as the record. Bytes beyond 65535, which no structure has, are omitted.
 */
struct field record_text_field(const struct record *record);
const void *record_text(const struct record *record);

/* Set the offsets of a generated record and its children. */
void record_place(struct record *record, size_t at);

/* The encoded length; encode at the end of `to`. */
size_t record_length(const struct record *record);
void record_encode(const struct record *record, struct bytes *to);

/* Where the structures of a table have their type and length. */
struct framing {
	uint8_t type_at, type_length;
	uint8_t length_at, length_length;
	uint8_t head; /* minimal length of a structure */

	/*
	 * For structures without a length field: the length of one of which `room` bytes, at least
	 * `head`, are available; 0 if unknown. NULL: use length_at.
	 */
	uint64_t (*measure)(const uint8_t *structure, size_t room);
};

/* The type is at byte 0; the length, in bytes, at byte `at`. */
#define FRAMING(type_bytes, at, length_bytes, head_bytes) \
	{ \
		.type_length = (type_bytes), .length_at = (at), .length_length = (length_bytes), \
		.head = (head_bytes) \
	}

/* The result of cursor_look(). */
enum cursor_state {
	CURSOR_AT,    /* a structure that lies inside its parent */
	CURSOR_END,   /* the end of the parent, exactly */
	CURSOR_SHORT, /* a structure shorter than its head: the walk cannot continue */
	CURSOR_PAST,  /* a structure or a head that exceeds its parent */
};

/* A bounded walk over the structures inside [at, end) of a table. */
struct cursor {
	const struct framing *framing;
	const uint8_t *table;
	size_t at, end;
	uint64_t type, length; /* of the structure at `at` */
};

enum cursor_state cursor_look(struct cursor *cursor);

#endif
