/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes without offsets: `xxd -p`, `od -An`, arrays and strings of programming languages
 *
 * What separates bytes may be anything that these use: commas, comments, line ends. The first eight
 * bytes decide whether it is a table at all, so that a search looks at a few characters for each
 * word of the text.
 */
#include <string.h>

#include <glib.h>

#include "dumps.h"

#define BEGIN       8u
#define LEAST       36u /* bytes: the header of a table */
#define COMMENT_MAX 256u
#define PREFIX_MAX  64u
#define BLANK_MAX   3u  /* line ends in a row */
#define PROBE       512 /* characters that the first bytes may take */

static const struct form stream_forms[] = {
	{ .radix = 16, .min = 2, .max = G_MAXUINT, .big = true },
	{ .radix = 16, .min = 4, .max = 4, .width = 2 },
	{ .radix = 16, .min = 8, .max = 8, .width = 4 },
	{ .radix = 8, .min = 3, .max = 3, .width = 1 },
	{ .radix = 8, .min = 6, .max = 6, .width = 2 },
	{ .radix = 16, .min = 1, .max = 3, .width = 1, .marked = true },
	{ .radix = 10, .min = 1, .max = 3, .width = 1 },
};

struct stream {
	const struct form *form;
	const char *line, *start; /* of the first byte, and of its line */
	const char *end;          /* of the text */
	struct bytes *bytes;
	size_t most; /* bytes to take */
};

/* -- separators ----------------------------------------------------------------------------- */

static const char *find(const char *at, const char *end, const char *word)
{
	return g_strstr_len(at, MIN(end - at, COMMENT_MAX), word);
}

static const char *line_end(const char *at, const char *end)
{
	const char *found = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;

	return found ? found : end;
}

/* The prefix of the first line, or what mails put before a line. */
static const char *skip_prefix(const struct stream *stream, const char *at)
{
	size_t prefix = (size_t)(stream->start - stream->line);

	if (prefix && prefix <= PREFIX_MAX && (size_t)(stream->end - at) > prefix &&
	    !memcmp(at, stream->line, prefix))
		return at + prefix;
	while (at < stream->end && (*at == ' ' || *at == '>' || *at == '|'))
		at++;
	return at;
}

/* Returns NULL where no byte can follow. */
static const char *skip_comment(const struct stream *stream, const char *at)
{
	const char *close;

	if (stream->end - at < 2 || *at != '/')
		return NULL;
	if (at[1] == '/')
		return line_end(at, stream->end);
	close = at[1] == '*' ? find(at, stream->end, "*/") : NULL;
	return close ? close + 2 : NULL;
}

/* The next byte's place. *ret_gap: spaces before it; *ret_fresh: a line begins with it. */
static const char *next_item(const struct stream *stream, const char *at, unsigned *ret_gap,
			     bool *ret_fresh)
{
	unsigned lines = 0;

	*ret_gap = 0;
	*ret_fresh = false;
	while (at && at < stream->end) {
		if (*at == '\n') {
			if (++lines > BLANK_MAX)
				return NULL;
			at = skip_prefix(stream, at + 1);
			*ret_fresh = true;
		} else if (*at == '/') {
			at = skip_comment(stream, at);
		} else if (*at == ' ' || *at == ',' || *at == '\\' || *at == '-' || *at == '"') {
			if (*at == '\\' && stream->end - at > 1 && at[1] == 'x')
				return at;
			*ret_gap += *at++ == ' ';
		} else {
			return at;
		}
	}
	return NULL;
}

/* -- items ------------------------------------------------------------------------------------- */

/* 'D' among numbers. */
static const char *take_character(struct stream *stream, const char *at)
{
	if (stream->end - at < 3 || *at != '\'' || at[2] != '\'' ||
	    !(stream->form->marked || stream->form->radix == 10))
		return NULL;
	bytes_append(stream->bytes, at + 1, 1);
	return at + 3;
}

static size_t count_digits(const char *at, const char *end)
{
	size_t n = 0;

	while (at + n < end && n < 2 && (*at == '0' || *at == '\\') && !g_ascii_isxdigit(at[n]))
		n++;
	while (at + n < end && (g_ascii_isxdigit(at[n]) || at[n] == 'x'))
		n++;
	return n;
}

static const char *take_item(struct stream *stream, const char *at)
{
	size_t before = stream->bytes->len, n = before;
	size_t room = n + count_digits(at, stream->end) / 2 + BEGIN;
	const char *after;

	bytes_set_size(stream->bytes, room);
	after = group_parse(stream->form, at, stream->end, stream->bytes->data, room, &n);
	bytes_set_size(stream->bytes, after ? n : before);
	return after ? after : take_character(stream, at);
}

/* Behind the bytes of a line may be the same as text, two spaces away. */
static const char *take_items(struct stream *stream)
{
	const char *at = stream->start, *after = at, *taken;
	unsigned gap = 0;
	bool fresh = true;

	while (at && stream->bytes->len < stream->most) {
		taken = take_item(stream, at);
		if (!taken && (fresh || gap < 2))
			break;
		after = taken ? taken : line_end(at, stream->end);
		at = next_item(stream, after, &gap, &fresh);
	}
	return after;
}

static const char *probe_end(const char *at, const char *end)
{
	return end - at > PROBE ? at + PROBE : end;
}

static bool is_table(const struct form *form, const char *line, const char *at, const char *end)
{
	struct stream stream = {
		.form = form,
		.line = line,
		.start = at,
		.end = probe_end(at, end),
		.most = BEGIN,
	};
	bool is;

	/* A run of digits is as long as its line. */
	if (!form->width) {
		const char *stop = at;

		while (stop < end && stop - at < (ptrdiff_t)(2 * BEGIN) && g_ascii_isxdigit(*stop))
			stop++;
		if (stop - at == (ptrdiff_t)(2 * BEGIN))
			stream.end = stop;
	}
	stream.bytes = bytes_new();
	take_items(&stream);
	is = stream.bytes->len >= BEGIN && dump_begins(stream.bytes->data, BEGIN);
	bytes_free(stream.bytes);
	return is;
}

static const char *take_stream(struct dumps *dumps, const struct form *form, const char *line,
			       const char *at, const char *end, unsigned number)
{
	struct stream stream = {
		.form = form, .line = line, .start = at, .end = end, .most = SIZE_MAX
	};
	const char *after;

	stream.bytes = bytes_new();
	after = take_items(&stream);
	if (stream.bytes->len >= LEAST) {
		dumps_add(dumps, stream.bytes, number);
		return after;
	}
	bytes_free(stream.bytes);
	return NULL;
}

/* -- strings -------------------------------------------------------------------------------------
 */

static const struct {
	char letter, byte;
} escapes[] = { { 'n', '\n' }, { 't', '\t' }, { 'r', '\r' }, { 'a', '\a' },
		{ 'b', '\b' }, { 'f', '\f' }, { 'v', '\v' } };

/* Digits of a number, at most `most`. Returns their end; NULL: there are none. */
static const char *take_number(const char *at, const char *end, unsigned radix, unsigned most,
			       uint8_t *ret)
{
	const char *start = at;
	unsigned value = 0;

	while (at < end && at - start < (ptrdiff_t)most && g_ascii_isxdigit(*at) &&
	       g_ascii_xdigit_value(*at) < (int)radix)
		value = value * radix + (unsigned)g_ascii_xdigit_value(*at++);
	*ret = (uint8_t)value;
	return at > start ? at : NULL;
}

/* What follows a backslash. */
static const char *take_escape(const char *at, const char *end, uint8_t *ret)
{
	if (at >= end)
		return NULL;
	if (*at == 'x')
		return take_number(at + 1, end, 16, 2, ret);
	if (*at == 'u')
		return take_number(at + 1, end, 16, 4, ret);
	if (*at >= '0' && *at <= '7')
		return take_number(at, end, 8, 3, ret);
	*ret = (uint8_t)*at;
	for (size_t i = 0; i < G_N_ELEMENTS(escapes); i++)
		if (escapes[i].letter == *at)
			*ret = (uint8_t)escapes[i].byte;
	return at + 1;
}

/* The opening quotation mark of the next part of a string, as C and Python join them. */
static const char *next_part(const char *at, const char *end, char mark)
{
	while (at < end && (*at == ' ' || *at == '\n' || *at == '\\' || *at == '+'))
		at++;
	if (at < end && *at == 'b')
		at++;
	return at < end && *at == mark ? at + 1 : NULL;
}

/* Up to `most` bytes behind the quotation mark at `at`. */
static const char *take_parts(const char *at, const char *end, struct bytes *bytes, size_t most)
{
	char mark = *at;
	const char *part = at + 1;

	for (at = part; at && at < end && bytes->len < most;) {
		uint8_t byte = (uint8_t)*at;

		if (*at == mark) {
			part = at + 1;
			at = next_part(part, end, mark);
			if (!at)
				return part;
			continue;
		}
		if (*at == '\n')
			return NULL;
		at = *at == '\\' ? take_escape(at + 1, end, &byte) : at + 1;
		if (at)
			bytes_append(bytes, &byte, 1);
	}
	return at;
}

static const char *take_string(struct dumps *dumps, const char *at, const char *end,
			       unsigned number)
{
	struct bytes *bytes = bytes_new();
	const char *after = take_parts(at, probe_end(at, end), bytes, BEGIN);

	if (after && bytes->len == BEGIN && dump_begins(bytes->data, BEGIN)) {
		bytes_set_size(bytes, 0);
		after = take_parts(at, end, bytes, SIZE_MAX);
		if (after && bytes->len >= LEAST) {
			dumps_add(dumps, bytes, number);
			return after;
		}
	}
	bytes_free(bytes);
	return NULL;
}

const char *stream_take(struct dumps *dumps, const char *line, const char *at, const char *end,
			unsigned number)
{
	if (*at == '"' || *at == '\'') {
		const char *after = take_string(dumps, at, end, number);

		if (after)
			return after;
	}
	if (*at != '\'' && !g_ascii_isxdigit(*at))
		return NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(stream_forms); i++)
		if (is_table(&stream_forms[i], line, at, end))
			return take_stream(dumps, &stream_forms[i], line, at, end, number);
	return NULL;
}
