/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What --json prints
 *
 * Names of files are whatever bytes their owner chose; JSON is UTF-8. So strings are made
 * valid on their way out.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

#define FORMAT_VERSION 1

/* "format" comes first, so that a program can see it before it believes anything else. */
JsonBuilder *json_begin(void)
{
	JsonBuilder *builder = json_builder_new();

	json_builder_begin_object(builder);
	json_number(builder, "format", FORMAT_VERSION);
	return builder;
}

/*
 * People look at it on terminals, which obey control characters beyond ASCII; the generator escapes
 * only those of ASCII. Strings are where they are, for the rest of JSON has no such thing.
 */
static void print_harmless(const char *json)
{
	GString *out = g_string_sized_new(strlen(json));

	for (const char *c = json; *c; c = g_utf8_next_char(c)) {
		gunichar character = g_utf8_get_char(c);

		if (*c == '\n' || !g_unichar_iscntrl(character))
			g_string_append_unichar(out, character);
		else
			g_string_append_printf(out, "\\u%04" PRIx32, character);
	}
	puts(out->str);
	g_string_free(out, TRUE);
}

/* Pretty, because people look at it, too; a program does not mind. */
void json_end(JsonBuilder *builder)
{
	g_autoptr(JsonGenerator) generator = json_generator_new();
	g_autofree char *text = NULL;
	JsonNode *root;

	json_builder_end_object(builder);
	root = json_builder_get_root(builder);
	json_generator_set_root(generator, root);
	json_generator_set_pretty(generator, TRUE);
	text = json_generator_to_data(generator, NULL);
	print_harmless(text);
	json_node_unref(root);
	g_object_unref(builder);
}

/*
 * Names of files are bytes, and JSON is UTF-8: what is not is replaced, or no program could read
 * the rest. A key without a value is left out.
 */
void json_string(JsonBuilder *builder, const char *key, const char *value)
{
	g_autofree char *valid = value ? g_utf8_make_valid(value, -1) : NULL;

	if (!valid)
		return;
	json_builder_set_member_name(builder, key);
	json_builder_add_string_value(builder, valid);
}

/* All numbers here are counts, offsets and IDs: far below what a double holds exactly. */
void json_number(JsonBuilder *builder, const char *key, size_t value)
{
	json_builder_set_member_name(builder, key);
	json_builder_add_int_value(builder, (gint64)value);
}

/* A place is in a text or in bytes, never in both: only keys that mean something are there. */
void json_place(JsonBuilder *builder, const struct viommu_place *place)
{
	json_string(builder, "file", place->file);
	if (place->line) {
		json_number(builder, "line", place->line);
		json_number(builder, "column", place->column);
	}
	json_string(builder, "path", place->path);
	if (place->at != VIOMMU_NOWHERE)
		json_number(builder, "offset", place->at);
}
