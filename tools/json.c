/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What --json prints
 *
 * It goes to standard output as it comes: a map of a machine may be long.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

#define FORMAT_VERSION 1

/* "format" comes first, so that a program can see it before it believes anything else. */
struct json *json_begin(void)
{
	struct json *json = json_new(stdout);

	json_open(json, '{');
	json_number(json, "format", FORMAT_VERSION);
	return json;
}

/* Pretty, because people look at it, too; a program does not mind. */
void json_end(struct json *json)
{
	json_close(json, '}');
	json_finish(json);
	puts("");
}

/* A key without a value is left out. */
void json_string(struct json *json, const char *key, const char *value)
{
	if (!value)
		return;
	json_key(json, key);
	json_add_string(json, value);
}

/* All numbers here are counts, offsets and IDs: far below what a double holds exactly. */
void json_number(struct json *json, const char *key, size_t value)
{
	json_key(json, key);
	json_add_number(json, (int64_t)value);
}

/* A place is in a text or in bytes, never in both: only keys that mean something are there. */
void json_place(struct json *json, const struct viommu_place *place)
{
	json_string(json, "file", place->file);
	if (place->line) {
		json_number(json, "line", place->line);
		json_number(json, "column", place->column);
	}
	json_string(json, "path", place->path);
	if (place->at != VIOMMU_NOWHERE)
		json_number(json, "offset", place->at);
}
