/* SPDX-License-Identifier: BSD-3-Clause */
/* The JSON writer: brackets, commas, indentation and escapes */
#include <inttypes.h>
#include <string.h>

#include "base/strbuf.h"
#include "json.h"

#define INDENTATION 2

struct json *json_new_into(struct strbuf *text)
{
	struct json *json = memory_new(struct json, 1);

	json->text = text;
	json->first = true;
	return json;
}

struct json *json_new(void)
{
	return json_new_into(strbuf_new(NULL));
}

static bool write_to(void *to, const char *text, size_t length)
{
	fwrite(text, 1, length, to);
	return true;
}

struct json *json_new_file(FILE *to)
{
	return json_new_into(strbuf_new_for(write_to, to));
}

void json_free(struct json *json)
{
	memory_free(json);
}

char *json_finish(struct json *json)
{
	struct strbuf *text = json->text;

	json_free(json);
	if (!text->take)
		return strbuf_steal(text);
	strbuf_end(text);
	return NULL;
}

/* -- the position of the next value -------------------------------------------- */

static void begin_line(struct json *json)
{
	if (!json->one_line) {
		strbuf_append_char(json->text, '\n');
		strbuf_append_blanks(json->text, (size_t)json->depth * INDENTATION);
	}
	strbuf_pass_on(json->text);
}

/* After its key, or on a new line; the outermost value at the current position. */
static void begin_value(struct json *json)
{
	if (!json->has_key && json->depth) {
		strbuf_append(json->text, json->first ? "" : ",");
		begin_line(json);
	}
	json->has_key = false;
	json->first = false;
}

void json_open(struct json *json, char bracket)
{
	begin_value(json);
	strbuf_append_char(json->text, bracket);
	json->depth++;
	json->first = true;
}

void json_close(struct json *json, char bracket)
{
	json->depth--;
	if (!json->first)
		begin_line(json);
	strbuf_append_char(json->text, bracket);
	json->first = false;
}

/* -- strings --------------------------------------------------------------------------------- */

/*
 * Control characters, and marks that change the direction of text, could control a terminal or an
 * editor. Findings replace them by a question mark; JSON escapes them.
 */
static bool is_escaped(gunichar character)
{
	return character == '"' || character == '\\' ||
	       (character <= G_MAXUINT16 && !g_unichar_isprint(character));
}

static void add_escaped(struct strbuf *text, gunichar character)
{
	static const char letters[] = "\bb\ff\nn\rr\tt\"\"\\\\";
	const char *at = character < 0x80 ? letters : NULL;

	while (at && *at && (gunichar)*at != character)
		at += 2;
	if (at && *at)
		strbuf_append_printf(text, "\\%c", at[1]);
	else
		strbuf_append_printf(text, "\\u%04" PRIx32, character);
}

static void add_characters(struct strbuf *text, const char *string)
{
	auto_free char *valid = utf8_copy(string, -1);

	for (const char *at = valid; *at; at = g_utf8_next_char(at)) {
		gunichar character = g_utf8_get_char(at);

		if (is_escaped(character))
			add_escaped(text, character);
		else
			strbuf_append_n(text, at, (size_t)(g_utf8_next_char(at) - at));
	}
}

/* The length of the ASCII at its beginning that needs no escape: most strings are nothing else. */
static size_t plain_length(const char *string)
{
	size_t n = 0;

	while (g_ascii_isprint(string[n]) && string[n] != '"' && string[n] != '\\')
		n++;
	return n;
}

static void add_quoted(struct strbuf *text, const char *string)
{
	size_t plain = plain_length(string);

	strbuf_append_char(text, '"');
	strbuf_append_n(text, string, plain);
	if (string[plain])
		add_characters(text, string + plain);
	strbuf_append_char(text, '"');
}

/* -- values -------------------------------------------------------------------------------- */

void json_key(struct json *json, const char *key)
{
	begin_value(json);
	add_quoted(json->text, key);
	strbuf_append(json->text, json->one_line ? ":" : " : ");
	json->has_key = true;
}

void json_add_string(struct json *json, const char *text)
{
	begin_value(json);
	add_quoted(json->text, text);
}

void json_add_number(struct json *json, int64_t number)
{
	begin_value(json);
	if (number < 0)
		strbuf_append_char(json->text, '-');
	strbuf_append_decimal(json->text, number < 0 ? -(uint64_t)number : (uint64_t)number, 0);
}

void json_add_boolean(struct json *json, bool truth)
{
	begin_value(json);
	strbuf_append(json->text, truth ? "true" : "false");
}

void json_add_null(struct json *json)
{
	begin_value(json);
	strbuf_append(json->text, "null");
}
