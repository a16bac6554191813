/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A topology as JSON: the keys and the defaults of the text form, for programs
 *
 * The JSON type depends on the kind of a key and never on the value. Numbers of 32 bits are
 * numbers; wider ones are strings as in the text, because a double does not hold all of them.
 */
#include <stdlib.h>

#include "json/json.h"
#include "text.h"

#define FORMAT_VERSION 1

/* In the model, no reference is NULL. */
static void add_name(struct json *json, const struct text_key *key, const void *object)
{
	const char *name = MEMBER(const char *, key, 0, object);

	json_add_string(json, name ? name : "none");
}

/* Each byte is the character with its number. */
static void add_bytes(struct json *json, const struct text_key *key, const void *object)
{
	struct strbuf *text = strbuf_new(NULL);

	for (const char *byte = text_member(key, 0, object); *byte; byte++)
		strbuf_append_unicode(text, (uint8_t)*byte);
	json_add_string(json, text->str);
	strbuf_free(text);
}

static void add_numbers(struct json *json, const char *written)
{
	char *end = NULL;

	json_open(json, '[');
	for (const char *at = written + 1; g_ascii_isdigit(*at); at = *end == ',' ? end + 2 : end)
		json_add_number(json, (int64_t)g_ascii_strtoull(at, &end, 0));
	json_close(json, ']');
}

static void add_value(struct json *json, const struct text_key *key, const void *object,
		      const char *written)
{
	switch (key->kind->json) {
	case TEXT_JSON_NAME:
		add_name(json, key, object);
		break;
	case TEXT_JSON_BYTES:
		add_bytes(json, key, object);
		break;
	case TEXT_JSON_NUMBER:
		json_add_number(json, (int64_t)g_ascii_strtoull(written, NULL, 0));
		break;
	case TEXT_JSON_NUMBERS:
		add_numbers(json, written);
		break;
	case TEXT_JSON_BOOLEAN:
		json_add_boolean(json, g_str_equal(written, "yes"));
		break;
	default:
		json_add_string(json, written);
	}
}

/* A key with its default is absent, as in the text. */
static void add_key(struct json *json, const struct text_key *key, const void *object,
		    struct strbuf *value)
{
	if (key->when && !key->when(object))
		return;
	strbuf_truncate(value, 0);
	if (!key->kind->write(key, object, value) && !key->required)
		return;
	json_key(json, key->name);
	add_value(json, key, object, value->str);
}

static void add_place(struct json *json, const struct viommu_place *place)
{
	json_key(json, "place");
	json_open(json, '{');
	if (place->file) {
		json_key(json, "file");
		json_add_string(json, place->file);
	}
	if (place->line) {
		json_key(json, "line");
		json_add_number(json, place->line);
		json_key(json, "column");
		json_add_number(json, place->column);
	}
	if (place->path) {
		json_key(json, "path");
		json_add_string(json, place->path);
	}
	if (place->at != VIOMMU_NOWHERE) {
		json_key(json, "offset");
		json_add_number(json, (int64_t)place->at);
	}
	json_close(json, '}');
}

/* Every section is there, also an empty one. */
static void add_section(struct json *json, const struct viommu_topology *topology,
			const struct text_section *section, struct strbuf *value)
{
	const void *object;

	json_key(json, section->name);
	json_open(json, '[');
	for_each_object(i, object, topology, section->type) {
		json_open(json, '{');
		for_each_key(key, section)
			add_key(json, key, object, value);
		add_place(json, object_place(section->type, object));
		json_close(json, '}');
	}
	json_close(json, ']');
}

/* Returns whether the value is not the default. */
static bool differs(const struct text_key *key, const struct viommu_table_header *header,
		    const struct viommu_table_header *defaults, struct strbuf *value)
{
	struct strbuf *default_value = strbuf_new(NULL);
	bool equal;

	strbuf_truncate(value, 0);
	key->kind->write(key, header, value);
	key->kind->write(key, defaults, default_value);
	equal = strbuf_equal(value, default_value);
	strbuf_free(default_value);
	return !equal;
}

/* A header of nothing but defaults is absent, as in the text. */
static void add_header(struct json *json, const char *signature,
		       const struct viommu_table_header *header,
		       const struct viommu_table_header *defaults, struct strbuf *value)
{
	auto_free char *name = ascii_lower(signature);
	bool begun = false;

	for_each_key(key, &text_header) {
		if (!differs(key, header, defaults, value))
			continue;
		if (!begun) {
			json_key(json, name);
			json_open(json, '{');
		}
		begun = true;
		json_key(json, key->name);
		add_value(json, key, header, value->str);
	}
	if (begun)
		json_close(json, '}');
}

static void add_headers(struct json *json, const struct viommu_topology *topology,
			struct strbuf *value)
{
	struct viommu_topology *defaults = topology_new();

	json_key(json, text_header.name);
	json_open(json, '{');
	for (size_t i = 0; topology_signature(i); i++) {
		const char *signature = topology_signature(i);

		add_header(json, signature, viommu_topology_header(topology, signature),
			   viommu_topology_header(defaults, signature), value);
	}
	json_close(json, '}');
	viommu_topology_free(defaults);
}

char *topology_json(const struct viommu_topology *topology)
{
	struct json *json = json_new();
	struct strbuf *value = strbuf_new(NULL);

	json_open(json, '{');
	json_key(json, "format");
	json_add_number(json, FORMAT_VERSION);
	add_headers(json, topology, value);
	for (size_t i = 0; i < N_TEXT_SECTIONS; i++)
		add_section(json, topology, &text_sections[i], value);
	json_close(json, '}');
	strbuf_free(value);
	return json_finish(json);
}
