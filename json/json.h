/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_JSON_JSON_H
#define VIOMMU_JSON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <glib.h>

#include "base/strbuf.h"

/*
 * JSON, written as a stream
 *
 * The input decides the length of the output, so written text is not kept: a tree of all values
 * would be many times as large. The writer keeps brackets, commas and indentation right. The caller
 * writes keys in objects only, and closes everything that it opens.
 */
struct json {
	struct strbuf *text;
	FILE *to;      /* where it goes as it grows; NULL: all of it stays in `text` */
	bool one_line; /* no line ends within it; false as json_new() has it */
	unsigned depth;
	bool first;   /* nothing stands in the innermost list or object yet */
	bool has_key; /* a key was written, and its value comes next */
};

struct json *json_new(FILE *to);

/* What was not written anywhere, to be freed with free(); NULL if there was a file for it. */
char *json_finish(struct json *json);

/* An object or a list, by its bracket: '{' or '[', and '}' or ']'. */
void json_open(struct json *json, char bracket);
void json_close(struct json *json, char bracket);

void json_key(struct json *json, const char *key);

/* Whatever bytes there are: what is no UTF-8 is replaced, and what a terminal would obey escaped.
 */
void json_add_string(struct json *json, const char *text);
void json_add_number(struct json *json, int64_t number);
void json_add_boolean(struct json *json, bool truth);
void json_add_null(struct json *json);

#endif
