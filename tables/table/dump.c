/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A table as text: every field of every record on a line of its own
 *
 * Prints the rows that decoding uses, so nothing here depends on the table. Offsets count from the
 * start of the table, as in findings. Reserved bytes are printed if they are not 0; bytes without a
 * field come last in their record.
 *
 * The text is stable to the byte, for tests and for diff.
 */
#include <string.h>

#include "base/array.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "tables/fdt/devicetree.h"
#include "format.h"

#define VALUE_LENGTH    256
#define BYTES_IN_A_LINE 16
#define NAME_LENGTH     20 /* shorter names are padded */

struct dump {
	struct strbuf *text;
	struct hash *records; /* by their offset, for fields of kind OFFSET */
	size_t base;          /* added to offsets, in an inner table */
};

static void begin_field(struct strbuf *text, size_t at, const char *name)
{
	size_t length = strlen(name);

	strbuf_append(text, "  ");
	strbuf_append_hex(text, at, 4);
	strbuf_append(text, "  ");
	strbuf_append_n(text, name, length);
	if (length < NAME_LENGTH)
		strbuf_append_blanks(text, NAME_LENGTH - length);
}

/*
 * Prints what a reference refers to behind its offset. The hash table keeps the time linear in the
 * number of references.
 */
static void add_field(struct dump *dump, const struct record *record, const struct field *field)
{
	const struct record *target = NULL;
	char value[VALUE_LENGTH];

	if (field->kind == FIELD_RESERVED && field_is_zero(field, record->host))
		return;
	field_format(field, record->host, value, sizeof(value));
	begin_field(dump->text, dump->base + record->at + field->at, field->name);
	strbuf_append_char(dump->text, ' ');
	strbuf_append(dump->text, value);
	if (field->kind == FIELD_OFFSET)
		target = hash_lookup(dump->records,
				     GSIZE_TO_POINTER((gsize)field_get(field, record->host)));
	if (target && target->layout)
		strbuf_append_printf(dump->text, " (%s)", target->layout->name);
	strbuf_append_char(dump->text, '\n');
}

/* 16 bytes a line, as in a hex dump. */
static void add_bytes(struct strbuf *text, size_t at, const struct rest *bytes)
{
	for (guint i = 0; i < bytes->len; i++) {
		if (i && !(i % BYTES_IN_A_LINE))
			strbuf_append_char(text, '\n');
		if (!(i % BYTES_IN_A_LINE))
			begin_field(text, at + i, i ? "" : "Bytes");
		strbuf_append_char(text, ' ');
		strbuf_append_hex(text, bytes->data[i], 2);
	}
	if (bytes->len)
		strbuf_append_char(text, '\n');
}

/* As a field: text belongs to the structure above it. */
static void add_text(const struct dump *dump, const struct record *record)
{
	const struct field field = record_text_field(record);
	size_t length = field_format(&field, record_text(record), NULL, 0);
	auto_free char *value = memory_get(length + 1);

	field_format(&field, record_text(record), value, length + 1);
	begin_field(dump->text, dump->base + record->at, field.name);
	strbuf_append_char(dump->text, ' ');
	strbuf_append(dump->text, value);
	strbuf_append_char(dump->text, '\n');
}

static void add_table(struct dump *dump, const struct record *root);

/* Formats limit the depth of records, and so of the recursion. */
static void add_record(struct dump *dump, const struct record *record)
{
	size_t rest = dump->base + record->at + record_length(record) - record->rest.len;
	const struct record *child;

	if (record_is_text(record)) {
		add_text(dump, record);
		return;
	}
	strbuf_append(dump->text, record->layout ? record->layout->name : "Bytes");
	strbuf_append_char(dump->text, '\n');
	if (record->layout)
		for_each_field(f, record->layout)
			add_field(dump, record, f);
	for_each_child(i, child, record) {
		if (!strbuf_pass_on(dump->text))
			break;
		if (child->base)
			add_table(dump, child);
		else
			add_record(dump, child);
	}
	add_bytes(dump->text, rest, &record->rest);
}

/* In every table, references go only to children of the root in the same table. */
static void add_table(struct dump *outer, const struct record *root)
{
	struct dump dump = { outer->text, hash_new(&hash_direct), outer->base + root->base };
	struct record *record;

	for_each_child(i, record, root)
		hash_insert(dump.records, GSIZE_TO_POINTER(record->at), record);
	add_record(&dump, root);
	hash_free(dump.records);
}

/* A device tree has its own text form (DTS). */
void table_text(const struct viommu_table *table, struct strbuf *text)
{
	struct dump dump = { text, NULL, 0 };

	if (table->tree) {
		dt_text(table->tree, text);
		return;
	}
	strbuf_append_printf(text, "%s: ", table->signature);
	add_table(&dump, table->root);
}
