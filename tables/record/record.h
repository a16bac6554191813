/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_RECORD_H
#define VIOMMU_TABLES_RECORD_H

#include <glib.h>

#include "base/array.h"
#include "wire/layout.h"

/*
 * A record: one structure of a table, taken apart
 *
 * Its fixed part is decoded into a host struct by the rows of its layout; structures inside
 * it are its children; bytes that are neither stay as they are. Together they are all
 * there was, so that a record encodes to the bytes it was decoded from.
 */
struct record {
	const struct layout *layout; /* NULL: bytes only */
	size_t at;                   /* from the start of the table */
	void *host;                  /* layout->host_size bytes, or NULL */
	struct pointers *children;   /* of struct record, in the order of their bytes */
	struct bytes *rest;          /* behind the fixed part and the children */
	const char *text;            /* what `rest` is called if it is text; NULL: it is bytes */
	size_t base;                 /* of a table inside another: its places count from there */
};

/* Decode a fixed part of layout->length bytes. */
struct record *record_new(const struct layout *layout, const uint8_t *wire, size_t at);

/* Bytes that nobody takes apart. */
struct record *record_new_bytes(const uint8_t *wire, size_t length, size_t at);

/* Text of any length, NULs included, with the specification's name for it: a static string. */
struct record *record_new_text(const char *name, const uint8_t *wire, size_t length, size_t at);

void record_free(struct record *record);

/* Is it a whole structure of that layout? */
static inline bool record_is(const struct record *record, const struct layout *layout)
{
	return record->layout == layout;
}

void record_add_child(struct record *record, struct record *child);
void record_add_rest(struct record *record, const uint8_t *wire, size_t length);

/* The i-th child, or NULL behind the last. */
static inline struct record *record_child(const struct record *record, guint i)
{
	return i < record->children->len ? record->children->pdata[i] : NULL;
}

#define for_each_child(i, child, record) for (guint i = 0; ((child) = record_child(record, i)); i++)

/*
 * The text as a field of the record, so that it is formatted like any other; its host struct is
 * what record_text() gives, which holds as long as the record. What is beyond 65535 bytes, which no
 * structure has, is left out.
 */
struct field record_text_field(const struct record *record);
const void *record_text(const struct record *record);

/* Say where records are that were put together, and not decoded: this one is at `at`. */
void record_place(struct record *record, size_t at);

/* How many bytes it encodes to; encode it at the end of `to`. */
size_t record_length(const struct record *record);
void record_encode(const struct record *record, struct bytes *to);

/* How the structures of a table say what they are: where type and length stand. */
struct framing {
	uint8_t type_at, type_length;
	uint8_t length_at, length_length;
	uint8_t head; /* bytes that every structure has */

	/* The length of a structure that has no field for it, and of which `room` bytes are there,
	 * head or more; 0 if nobody knows. NULL: it is where length_at says. */
	uint64_t (*measure)(const uint8_t *structure, size_t room);
};

/* What a cursor has come to. */
enum cursor_state {
	CURSOR_AT,    /* a structure that lies whole inside its parent */
	CURSOR_END,   /* the end of the parent, exactly */
	CURSOR_SHORT, /* a structure shorter than its own head: the walk cannot go on */
	CURSOR_PAST,  /* a structure that reaches past the end, or a head that does */
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
