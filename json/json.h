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
 * The length of the output depends on the input, so written text is not kept: a tree of all values
 * would be many times as large. The writer adds brackets, commas and indentation. The caller writes
 * keys only in objects, and closes everything that it opens.
 */
struct json {
	struct strbuf *text; /* passed on in parts, or kept */
	bool one_line;       /* one line without breaks; json_new() sets false */
	unsigned depth;
	bool first;   /* the innermost list or object has no element yet */
	bool has_key; /* a key was written, and its value is next */
};

/* The text is kept. */
struct json *json_new(void);

/* Into a text of the caller: json_free() leaves it there, json_finish() takes it. */
struct json *json_new_into(struct strbuf *text);

/* To a file, whose errors the caller checks at the end. */
struct json *json_new_file(FILE *to);

/* Frees the writer, and not the text. */
void json_free(struct json *json);

/* The text if it was kept, to be freed with free(); NULL if it was passed on. */
char *json_finish(struct json *json);

/* An object or a list, by its bracket: '{' or '[', and '}' or ']'. */
void json_open(struct json *json, char bracket);
void json_close(struct json *json, char bracket);

void json_key(struct json *json, const char *key);

/* Invalid UTF-8 is replaced; control characters are escaped. */
void json_add_string(struct json *json, const char *text);
void json_add_number(struct json *json, int64_t number);
void json_add_boolean(struct json *json, bool truth);
void json_add_null(struct json *json);

#endif
