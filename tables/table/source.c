/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A table as source: every byte of it, to be edited and assembled again
 *
 * A structure is a block, and a field is a line: offset, width in bytes, name = value. Unlike a
 * dump, it has reserved bytes that are 0. A length or checksum that is right is the word `length`
 * or `checksum`, which the assembler computes again; one that is wrong is a number, and stays.
 */
#include <string.h>

#include "base/array.h"
#include "base/strbuf.h"
#include "tables/fdt/devicetree.h"
#include "format.h"
#include "source.h"

#define BYTES_IN_A_LINE 16
#define INDENT          4
#define VALUE_LENGTH    64

struct source {
	struct strbuf *text;
	size_t base; /* added to offsets, in an inner table */
	unsigned depth;
};

/* -- lengths and checksums ------------------------------------------------------------ */

/* Also those that a dump shows in decimal: of a table, and of a device scope. */
static bool is_length(const struct field *field)
{
	return field_is_integer(field) &&
	       (field->kind == FIELD_LENGTH || !strcmp(field->name, "Length"));
}

static uint8_t sum_of(const struct record *record)
{
	struct bytes *bytes = bytes_new();
	uint8_t sum = 0;

	record_encode(record, bytes);
	for (size_t i = 0; i < bytes->len; i++)
		sum = (uint8_t)(sum + bytes->data[i]);
	bytes_free(bytes);
	return sum;
}

/* The word for a value that is computed; NULL: it is a number. */
static const char *word_for(const struct record *record, const struct field *field)
{
	if (field->kind == FIELD_CHECKSUM)
		return sum_of(record) ? NULL : SOURCE_CHECKSUM;
	if (is_length(field) && field_get(field, record->host) == record_length(record))
		return SOURCE_LENGTH;
	return NULL;
}

/* -- lines ---------------------------------------------------------------------------- */

static void begin_line(struct source *source)
{
	strbuf_append_blanks(source->text, (size_t)INDENT * source->depth);
}

static void begin_field(struct source *source, size_t at, size_t width, const char *name)
{
	struct strbuf *text = source->text;

	begin_line(source);
	strbuf_append_hex(text, source->base + at, 4);
	strbuf_append_char(text, ' ');
	strbuf_append_decimal(text, width, 3);
	strbuf_append(text, "  ");
	strbuf_append(text, name);
	strbuf_append(text, " = ");
}

/* Only texts and fields of many bytes are longer than VALUE_LENGTH. */
static void add_value(struct source *source, const struct field *field, const void *host)
{
	char value[VALUE_LENGTH];
	size_t length = field_format(field, host, value, sizeof(value));
	auto_free char *whole = length < sizeof(value) ? NULL : memory_get(length + 1);

	if (whole)
		field_format(field, host, whole, length + 1);
	strbuf_append_n(source->text, whole ? whole : value, length);
}

/* A byte by itself could be decimal. */
static void add_field(struct source *source, const struct record *record, const struct field *field)
{
	const uint8_t *member = (const uint8_t *)record->host + field->member;
	const char *word = word_for(record, field);

	begin_field(source, record->at + field->at, field->length, field->name);
	if (word) {
		strbuf_append(source->text, word);
		strbuf_append(source->text, " (");
	}
	if (field->kind == FIELD_BYTES && field->length == 1)
		strbuf_append_printf(source->text, "0x%02x", *member);
	else
		add_value(source, field, record->host);
	strbuf_append(source->text, word ? ")\n" : "\n");
}

static void add_bytes(struct source *source, size_t at, const struct rest *bytes)
{
	for (size_t i = 0; i < bytes->len; i++) {
		size_t left = MIN(bytes->len - i, BYTES_IN_A_LINE);

		if (!(i % BYTES_IN_A_LINE))
			begin_field(source, at + i, left, "Bytes");
		strbuf_append(source->text, i % BYTES_IN_A_LINE ? " " : left == 1 ? "0x" : "");
		strbuf_append_hex(source->text, bytes->data[i], 2);
		if (i % BYTES_IN_A_LINE == BYTES_IN_A_LINE - 1 || i == bytes->len - 1)
			strbuf_append_char(source->text, '\n');
	}
}

/* Text of more bytes than a field can have is bytes. */
static void add_text(struct source *source, const struct record *record)
{
	const struct field field = record_text_field(record);

	if (!field.length || field.length != record->rest.len) {
		add_bytes(source, record->at, &record->rest);
		return;
	}
	begin_field(source, record->at, field.length, field.name);
	add_value(source, &field, record_text(record));
	strbuf_append_char(source->text, '\n');
}

/* -- structures ------------------------------------------------------------------------- */

/* Formats limit the depth of records, and so of the recursion. */
static void add_record(struct source *outer, const struct record *record)
{
	struct source source = { outer->text, outer->base + record->base, outer->depth };
	size_t rest = record->at + record_length(record) - record->rest.len;
	const struct record *child;

	if (record_is_text(record)) {
		add_text(&source, record);
		return;
	}
	begin_line(&source);
	strbuf_append(source.text, record->layout ? record->layout->name : "Bytes");
	strbuf_append(source.text, " {\n");
	source.depth++;
	if (record->layout)
		for_each_field(f, record->layout)
			add_field(&source, record, f);
	for_each_child(i, child, record)
		if (strbuf_pass_on(source.text))
			add_record(&source, child);
	add_bytes(&source, rest, &record->rest);
	source.depth--;
	begin_line(&source);
	strbuf_append(source.text, "}\n");
}

void table_source(const struct viommu_table *table, struct strbuf *text)
{
	struct source source = { .text = text };

	if (table->tree) {
		dt_text(table->tree, text);
		return;
	}
	strbuf_append(text, SOURCE_TITLE "\n");
	add_record(&source, table->root);
}
