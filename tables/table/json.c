/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A table as JSON (docs/tables.md): the walk of dump.c, for programs
 *
 * Keys are field names in lower case with underscores. Integers that a double holds exactly are
 * numbers; wider integers and bytes are strings of hexadecimal digits. Text has \xNN for
 * unprintable characters, so it is ASCII and loses nothing.
 */
#include "base/strbuf.h"
#include "format.h"
#include "tables/fdt/devicetree.h"
#include "tables/record/json_bytes.h"

#define FORMAT_VERSION 1
/* A double has a mantissa of 53 bits: fields of up to 4 bytes fit. */
#define EXACT_LENGTH 4

static void add_key(struct json *json, const char *name)
{
	auto_free char *key = ascii_lower(name);

	json_key(json, g_strdelimit(key, " -", '_'));
}

/* As in a dump, without the quotes. */
static void add_text(struct json *json, const struct field *field, const void *host)
{
	size_t length = field_format(field, host, NULL, 0);
	auto_free char *text = memory_get(length + 1);

	field_format(field, host, text, length + 1);
	text[length - 1] = '\0';
	json_add_string(json, text + 1);
}

/*
 * The JSON type depends on the kind of field and never on the value, so that programs can rely on
 * it.
 */
static void add_value(struct json *json, const struct field *field, const void *host)
{
	const char *member = (const char *)host + field->member;
	auto_free char *wide = NULL;

	if (field->kind == FIELD_TEXT) {
		add_text(json, field, host);
	} else if (!field_is_integer(field)) {
		json_add_bytes(json, (const uint8_t *)member, field->length);
	} else if (field->length <= EXACT_LENGTH) {
		json_add_number(json, (int64_t)field_get(field, host));
	} else {
		wide = memory_printf("0x%" G_GINT64_MODIFIER "x", (guint64)field_get(field, host));
		json_add_string(json, wide);
	}
}

static bool has_reserved(const struct record *record)
{
	for_each_field(f, record->layout)
		if (f->kind == FIELD_RESERVED && !field_is_zero(f, record->host))
			return true;
	return false;
}

static void add_fields(struct json *json, const struct record *record)
{
	json_key(json, "fields");
	json_open(json, '{');
	for_each_field(f, record->layout) {
		if (f->kind == FIELD_RESERVED)
			continue;
		add_key(json, f->name);
		add_value(json, f, record->host);
	}
	json_close(json, '}');
}

/* Nonzero reserved bytes, by their offset in the structure, because all have the same name. */
static void add_reserved(struct json *json, const struct record *record)
{
	if (!has_reserved(record))
		return;
	json_key(json, "reserved");
	json_open(json, '{');
	for_each_field(f, record->layout) {
		auto_free char *key = memory_printf("%u", f->at);

		if (f->kind != FIELD_RESERVED || field_is_zero(f, record->host))
			continue;
		json_key(json, key);
		add_value(json, f, record->host);
	}
	json_close(json, '}');
}

/* The rest: text, or bytes without a layout. */
static void add_rest(struct json *json, const struct record *record)
{
	const struct field field = record_text_field(record);

	if (record_is_text(record)) {
		json_key(json, "text");
		add_text(json, &field, record_text(record));
	} else if (record->rest.len) {
		json_key(json, "bytes");
		json_add_bytes(json, record->rest.data, record->rest.len);
	}
}

static const char *name_of(const struct record *record)
{
	if (record_is_text(record))
		return record->text;
	return record->layout ? record->layout->name : "Bytes";
}

/* Offsets are relative to the file, also in a table inside another. */
static void add_record(struct json *json, const struct record *record, size_t base)
{
	const struct record *child;

	base += record->base;
	json_open(json, '{');
	json_key(json, "structure");
	json_add_string(json, name_of(record));
	json_key(json, "offset");
	json_add_number(json, (int64_t)(base + record->at));
	json_key(json, "length");
	json_add_number(json, (int64_t)record_length(record));
	if (record->layout) {
		add_fields(json, record);
		add_reserved(json, record);
	}
	add_rest(json, record);
	if (record->children.len) {
		json_key(json, "records");
		json_open(json, '[');
		for_each_child(i, child, record)
			if (!json->text->is_refused)
				add_record(json, child, base);
		json_close(json, ']');
	}
	json_close(json, '}');
}

void table_json(const struct viommu_table *table, struct strbuf *text)
{
	struct json *json = json_new_into(text);

	json_open(json, '{');
	json_key(json, "format");
	json_add_number(json, FORMAT_VERSION);
	json_key(json, "file");
	json_add_string(json, table->file);
	json_key(json, "signature");
	json_add_string(json, table->signature);
	json_key(json, "table");
	if (table->tree)
		dt_json(json, table->tree);
	else
		add_record(json, table->root, 0);
	json_close(json, '}');
	json_free(json);
}
