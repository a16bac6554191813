/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A table as text: every record with every field, one a line
 *
 * The same rows that decode a table print it, so there is nothing here that knows one table from
 * another. Offsets are from the start of the table, as in findings: what a finding names is on
 * the line with that number. Reserved bytes are there for the standard, not for people; they are
 * shown only where they are not 0. So are bytes that have no field, at the end of their record.
 *
 * Lines are stable to the byte: tests compare them, and so do people, with diff.
 */
#include "base/array.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "tables/fdt/devicetree.h"
#include "format.h"

#define VALUE_LENGTH    256
#define BYTES_IN_A_LINE 16

struct dump {
	struct strbuf *text;
	struct hash *records; /* by their offset: what a field of kind OFFSET refers to */
	size_t base;          /* what is added to offsets, in a table inside another */
};

/*
 * What stands at an offset is said behind it, for nobody wants to count: the record is looked up,
 * so a table with many references still takes linear time.
 */
static void add_field(struct dump *dump, const struct record *record, const struct field *field)
{
	const struct record *target = NULL;
	char value[VALUE_LENGTH];

	if (field->kind == FIELD_RESERVED && field_is_zero(field, record->host))
		return;
	field_format(field, record->host, value, sizeof(value));
	strbuf_append_printf(dump->text, "  %04zx  %-20s %s", dump->base + record->at + field->at,
			     field->name, value);
	if (field->kind == FIELD_OFFSET)
		target = hash_lookup(dump->records,
				     GSIZE_TO_POINTER((gsize)field_get(field, record->host)));
	if (target && target->layout)
		strbuf_append_printf(dump->text, " (%s)", target->layout->name);
	strbuf_append_char(dump->text, '\n');
}

/* As a hex dump has it, 16 bytes a line, since nothing is known of them. */
static void add_bytes(struct strbuf *text, size_t at, const struct bytes *bytes)
{
	for (guint i = 0; i < bytes->len; i++) {
		if (!(i % BYTES_IN_A_LINE))
			strbuf_append_printf(text, "%s  %04zx  %-20s", i ? "\n" : "", at + i,
					     i ? "" : "Bytes");
		strbuf_append_printf(text, " %02x", bytes->data[i]);
	}
	if (bytes->len)
		strbuf_append_char(text, '\n');
}

/* A line like that of a field, without a title: text belongs to the structure above it. */
static void add_text(const struct dump *dump, const struct record *record)
{
	const struct field field = record_text_field(record);
	size_t length = field_format(&field, record_text(record), NULL, 0);
	auto_free char *value = memory_get(length + 1);

	field_format(&field, record_text(record), value, length + 1);
	strbuf_append_printf(dump->text, "  %04zx  %-20s %s\n", dump->base + record->at, field.name,
			     value);
}

static void add_table(struct dump *dump, const struct record *root);

/* Tables nest as deep as their formats have it, which is a handful. */
static void add_record(struct dump *dump, const struct record *record)
{
	size_t rest = dump->base + record->at + record_length(record) - record->rest->len;

	if (record->text) {
		add_text(dump, record);
		return;
	}
	strbuf_append_printf(dump->text, "%s\n", record->layout ? record->layout->name : "Bytes");
	if (record->layout)
		for_each_field(f, record->layout)
			add_field(dump, record, f);
	for (guint i = 0; i < record->children->len; i++) {
		const struct record *child = record->children->pdata[i];

		if (child->base)
			add_table(dump, child);
		else
			add_record(dump, child);
	}
	add_bytes(dump->text, rest, record->rest);
}

/*
 * References go to the structures right below the head in every table there is, and never out of
 * it.
 */
static void add_table(struct dump *outer, const struct record *root)
{
	struct dump dump = { outer->text, hash_new(&hash_direct), outer->base + root->base };
	struct record *record;

	for_each_child(i, record, root)
		hash_insert(dump.records, GSIZE_TO_POINTER(record->at), record);
	add_record(&dump, root);
	hash_free(dump.records);
}

static char *text_of_records(const struct viommu_table *table)
{
	struct dump dump = { strbuf_new(NULL), NULL, 0 };

	strbuf_append_printf(dump.text, "%s: ", table->signature);
	add_table(&dump, table->root);
	return strbuf_steal(dump.text);
}

/* A device tree has a text of its own, which its compiler reads. */
char *viommu_table_text(const struct viommu_table *table)
{
	return table->tree ? dt_text(table->tree) : text_of_records(table);
}
