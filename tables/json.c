/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A table as JSON (docs/tables.md): the same walk as dump.c, for programs
 *
 * Keys are the names of fields in lower case with underscores. Integers that a double holds
 * exactly are numbers; wider ones, and bytes, are strings of hexadecimal digits.
 */
#include <json-glib/json-glib.h>

#include "format.h"

#define FORMAT_VERSION 1

/* A double has a mantissa of 53 bits: fields of up to 4 bytes fit. */
#define EXACT_LENGTH 4

static void add_key(JsonBuilder *builder, const char *name)
{
	g_autofree char *key = g_ascii_strdown(name, -1);

	json_builder_set_member_name(builder, g_strdelimit(key, " -", '_'));
}

static void add_bytes(JsonBuilder *builder, const uint8_t *bytes, size_t length)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < length; i++)
		g_string_append_printf(text, "%02x", bytes[i]);
	json_builder_add_string_value(builder, text->str);
	g_string_free(text, TRUE);
}

/* Text without its padding, where it is text; otherwise its bytes. */
static void add_text(JsonBuilder *builder, const char *bytes, size_t length)
{
	size_t n = length;

	while (n && !bytes[n - 1])
		n--;
	for (size_t i = 0; i < n; i++) {
		if (g_ascii_isprint(bytes[i]))
			continue;
		add_bytes(builder, (const uint8_t *)bytes, length);
		return;
	}
	{
		g_autofree char *text = g_strndup(bytes, n);

		json_builder_add_string_value(builder, text);
	}
}

static void add_value(JsonBuilder *builder, const struct field *field, const void *host)
{
	const char *member = (const char *)host + field->member;
	g_autofree char *wide = NULL;

	if (field->kind == FIELD_TEXT) {
		add_text(builder, member, field->length);
	} else if (!field_is_integer(field)) {
		add_bytes(builder, (const uint8_t *)member, field->length);
	} else if (field->length <= EXACT_LENGTH) {
		json_builder_add_int_value(builder, (gint64)field_get(field, host));
	} else {
		wide = g_strdup_printf("0x%" G_GINT64_MODIFIER "x",
				       (guint64)field_get(field, host));
		json_builder_add_string_value(builder, wide);
	}
}

/* A name that a structure has twice is there for reserved bytes only: those that are not 0. */
static void add_fields(JsonBuilder *builder, const struct record *record)
{
	json_builder_set_member_name(builder, "fields");
	json_builder_begin_object(builder);
	for_each_field(f, record->layout) {
		if (f->kind == FIELD_RESERVED)
			continue;
		add_key(builder, f->name);
		add_value(builder, f, record->host);
	}
	json_builder_end_object(builder);
}

static void add_reserved(JsonBuilder *builder, const struct record *record)
{
	json_builder_set_member_name(builder, "reserved");
	json_builder_begin_object(builder);
	for_each_field(f, record->layout) {
		g_autofree char *key = g_strdup_printf("%u", f->at);

		if (f->kind != FIELD_RESERVED || field_is_zero(f, record->host))
			continue;
		json_builder_set_member_name(builder, key);
		add_value(builder, f, record->host);
	}
	json_builder_end_object(builder);
}

static void add_record(JsonBuilder *builder, const struct record *record)
{
	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "structure");
	json_builder_add_string_value(builder, record->layout ? record->layout->name : "Bytes");
	json_builder_set_member_name(builder, "offset");
	json_builder_add_int_value(builder, (gint64)record->at);
	json_builder_set_member_name(builder, "length");
	json_builder_add_int_value(builder, (gint64)record_length(record));
	if (record->layout) {
		add_fields(builder, record);
		add_reserved(builder, record);
	}
	if (record->rest->len) {
		json_builder_set_member_name(builder, "bytes");
		add_bytes(builder, record->rest->data, record->rest->len);
	}
	if (record->children->len) {
		json_builder_set_member_name(builder, "records");
		json_builder_begin_array(builder);
		for (guint i = 0; i < record->children->len; i++)
			add_record(builder, record->children->pdata[i]);
		json_builder_end_array(builder);
	}
	json_builder_end_object(builder);
}

char *viommu_table_json(const struct viommu_table *table)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();
	g_autoptr(JsonGenerator) generator = json_generator_new();
	JsonNode *root;
	char *text;

	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "format");
	json_builder_add_int_value(builder, FORMAT_VERSION);
	json_builder_set_member_name(builder, "file");
	json_builder_add_string_value(builder, table->file);
	json_builder_set_member_name(builder, "signature");
	json_builder_add_string_value(builder, table->signature);
	json_builder_set_member_name(builder, "table");
	add_record(builder, table->root);
	json_builder_end_object(builder);

	root = json_builder_get_root(builder);
	json_generator_set_root(generator, root);
	json_generator_set_pretty(generator, TRUE);
	text = json_generator_to_data(generator, NULL);
	json_node_unref(root);
	return text;
}
