/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A table as JSON (docs/tables.md): the same walk as dump.c, for programs
 *
 * Keys are the names of fields in lower case with underscores. Integers that a double holds
 * exactly are numbers; wider ones, and bytes, are strings of hexadecimal digits. Text has
 * \xNN for what is not printable, as in dump.c: so it is ASCII, and no byte is lost.
 */
#include "devicetree.h"
#include "format.h"
#include "json.h"

#define FORMAT_VERSION 1

/* A double has a mantissa of 53 bits: fields of up to 4 bytes fit. */
#define EXACT_LENGTH 4

/* The name of a field is the standard's; as a key it is in the spelling that programs like. */
static void add_key(JsonBuilder *builder, const char *name)
{
	g_autofree char *key = g_ascii_strdown(name, -1);

	json_builder_set_member_name(builder, g_strdelimit(key, " -", '_'));
}

/* A string and no array: a table may have a million of them. */
void json_add_bytes(JsonBuilder *builder, const uint8_t *bytes, size_t length)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < length; i++)
		g_string_append_printf(text, "%02x", bytes[i]);
	json_builder_add_string_value(builder, text->str);
	g_string_free(text, TRUE);
}

/* As a person reads it, without the quotes. */
static void add_text(JsonBuilder *builder, const struct field *field, const void *host)
{
	size_t length = field_format(field, host, NULL, 0);
	g_autofree char *text = g_malloc(length + 1);

	field_format(field, host, text, length + 1);
	text[length - 1] = '\0';
	json_builder_add_string_value(builder, text + 1);
}

/* The kind of a field decides what it is in JSON, never its value: so a program can rely on the
 * type. */
static void add_value(JsonBuilder *builder, const struct field *field, const void *host)
{
	const char *member = (const char *)host + field->member;
	g_autofree char *wide = NULL;

	if (field->kind == FIELD_TEXT) {
		add_text(builder, field, host);
	} else if (!field_is_integer(field)) {
		json_add_bytes(builder, (const uint8_t *)member, field->length);
	} else if (field->length <= EXACT_LENGTH) {
		json_builder_add_int_value(builder, (gint64)field_get(field, host));
	} else {
		wide = g_strdup_printf("0x%" G_GINT64_MODIFIER "x",
				       (guint64)field_get(field, host));
		json_builder_add_string_value(builder, wide);
	}
}

/* Zeroes are what everybody expects there, so only others are shown. */
static bool has_reserved(const struct record *record)
{
	for_each_field(f, record->layout)
		if (f->kind == FIELD_RESERVED && !field_is_zero(f, record->host))
			return true;
	return false;
}

/*
 * Reserved bytes are apart: a program that goes through the fields should not find meaning in them.
 */
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

/* Reserved bytes that are not 0, by their offset in the structure: they all have one name. */
static void add_reserved(JsonBuilder *builder, const struct record *record)
{
	if (!has_reserved(record))
		return;
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

/* What is behind the fields and not in a record: text, or bytes of which nothing is known. */
static void add_rest(JsonBuilder *builder, const struct record *record)
{
	const struct field field = record_text_field(record);

	if (record->text) {
		json_builder_set_member_name(builder, "text");
		add_text(builder, &field, record_text(record));
	} else if (record->rest->len) {
		json_builder_set_member_name(builder, "bytes");
		json_add_bytes(builder, record->rest->data, record->rest->len);
	}
}

/* Bytes that no layout has are shown as such, so that a program sees all of the table. */
static const char *name_of(const struct record *record)
{
	if (record->text)
		return record->text;
	return record->layout ? record->layout->name : "Bytes";
}

/* Offsets are those in the file: a table inside another begins further behind. */
static void add_record(JsonBuilder *builder, const struct record *record, size_t base)
{
	base += record->base;
	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "structure");
	json_builder_add_string_value(builder, name_of(record));
	json_builder_set_member_name(builder, "offset");
	json_builder_add_int_value(builder, (gint64)(base + record->at));
	json_builder_set_member_name(builder, "length");
	json_builder_add_int_value(builder, (gint64)record_length(record));
	if (record->layout) {
		add_fields(builder, record);
		add_reserved(builder, record);
	}
	add_rest(builder, record);
	if (record->children->len) {
		json_builder_set_member_name(builder, "records");
		json_builder_begin_array(builder);
		for (guint i = 0; i < record->children->len; i++)
			add_record(builder, record->children->pdata[i], base);
		json_builder_end_array(builder);
	}
	json_builder_end_object(builder);
}

/*
 * json-glib builds the tree and writes it: nothing is quoted by hand. It wants UTF-8, and names of
 * files are any bytes.
 */
char *viommu_table_json(const struct viommu_table *table)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();
	g_autoptr(JsonGenerator) generator = json_generator_new();
	g_autofree char *file = g_utf8_make_valid(table->file, -1);
	JsonNode *root;
	char *text;

	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "format");
	json_builder_add_int_value(builder, FORMAT_VERSION);
	json_builder_set_member_name(builder, "file");
	json_builder_add_string_value(builder, file);
	json_builder_set_member_name(builder, "signature");
	json_builder_add_string_value(builder, table->signature);
	json_builder_set_member_name(builder, "table");
	if (table->tree)
		dt_json(builder, table->tree);
	else
		add_record(builder, table->root, 0);
	json_builder_end_object(builder);

	root = json_builder_get_root(builder);
	json_generator_set_root(generator, root);
	json_generator_set_pretty(generator, TRUE);
	text = json_generator_to_data(generator, NULL);
	json_node_unref(root);
	return text;
}
