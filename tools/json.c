/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The JSON that --json prints
 *
 * Written to standard output as it is produced: the map of a machine may be long.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

#define FORMAT_VERSION 1

/* "format" comes first, so that a program can check it before it reads the rest. */
struct json *json_begin(void)
{
	struct json *json = json_new_file(stdout);

	json_open(json, '{');
	json_number(json, "format", FORMAT_VERSION);
	return json;
}

void json_end(struct json *json)
{
	json_close(json, '}');
	json_finish(json);
	puts("");
}

void json_string(struct json *json, const char *key, const char *value)
{
	if (!value)
		return;
	json_key(json, key);
	json_add_string(json, value);
}

/* Counts, offsets and IDs only: many JSON readers hold numbers as doubles, exact to 2^53. */
void json_number(struct json *json, const char *key, size_t value)
{
	json_key(json, key);
	json_add_number(json, (int64_t)value);
}

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
