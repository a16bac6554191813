/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A table as text: every record with every field, one a line
 */
#include <stdlib.h>
#include <string.h>

#include "format.h"

#define VALUE_LENGTH    256
#define BYTES_IN_A_LINE 16

/* What stands at an offset that a field refers to. */
static const struct record *record_at(const struct record *record, size_t at)
{
	for (guint i = 0; i < record->children->len; i++) {
		const struct record *child = record->children->pdata[i];

		if (child->at == at)
			return child;
	}
	return NULL;
}

static void add_field(GString *text, const struct record *root, const struct record *record,
		      const struct field *field)
{
	const struct record *target = NULL;
	char value[VALUE_LENGTH];

	if (field->kind == FIELD_RESERVED && field_is_zero(field, record->host))
		return;
	field_format(field, record->host, value, sizeof(value));
	g_string_append_printf(text, "  %04zx  %-20s %s", record->at + field->at, field->name,
			       value);
	if (field->kind == FIELD_OFFSET)
		target = record_at(root, (size_t)field_get(field, record->host));
	if (target && target->layout)
		g_string_append_printf(text, " (%s)", target->layout->name);
	g_string_append_c(text, '\n');
}

static void add_bytes(GString *text, size_t at, const GByteArray *bytes)
{
	for (guint i = 0; i < bytes->len; i++) {
		if (!(i % BYTES_IN_A_LINE))
			g_string_append_printf(text, "%s  %04zx  %-20s ", i ? "\n" : "", at + i,
					       i ? "" : "Bytes");
		g_string_append_printf(text, "%02x ", bytes->data[i]);
	}
	if (bytes->len)
		g_string_append_c(text, '\n');
}

static void add_record(GString *text, const struct record *root, const struct record *record)
{
	size_t rest = record->at + record_length(record) - record->rest->len;

	g_string_append_printf(text, "%s\n", record->layout ? record->layout->name : "Bytes");
	if (record->layout)
		for_each_field(f, record->layout)
			add_field(text, root, record, f);
	if (record->layout || record != root)
		for (guint i = 0; i < record->children->len; i++)
			add_record(text, root, record->children->pdata[i]);
	add_bytes(text, rest, record->rest);
}

char *viommu_table_text(const struct viommu_table *table)
{
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "%s: ", table->signature);
	add_record(text, table->root, table->root);
	return g_string_free(text, FALSE);
}
