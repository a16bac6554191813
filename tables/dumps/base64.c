/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Base64 (RFC 4648), as mails have attachments and as people paste binary files
 *
 * A run of letters counts only if a table, the text of acpidump or a known compression begins with
 * what it decodes to, or a header of a mail announced it.
 */
#include <string.h>

#include <glib.h>

#include "dumps.h"

#define RUN_LEAST   16u /* characters that a table begins with */
#define PACK_LEAST  48u /* of what is packed: its beginning says less */
#define PROBE       12u /* characters, 9 bytes */
#define PROBE_BYTES 9u

static int value_of(char letter)
{
	if (g_ascii_isupper(letter))
		return letter - 'A';
	if (g_ascii_islower(letter))
		return letter - 'a' + 26;
	if (g_ascii_isdigit(letter))
		return letter - '0' + 52;
	return letter == '+' || letter == '-' ? 62 : letter == '/' || letter == '_' ? 63 : -1;
}

static size_t run_length(const char *at, const char *end)
{
	size_t n = 0;

	while (at + n < end && value_of(at[n]) >= 0)
		n++;
	return n;
}

struct decoder {
	struct bytes *bytes;
	uint32_t bits;
	unsigned n_bits;
};

static void decode_run(struct decoder *decoder, const char *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t byte;

		decoder->bits = decoder->bits << 6 | (uint32_t)value_of(at[i]);
		decoder->n_bits += 6;
		if (decoder->n_bits < 8)
			continue;
		decoder->n_bits -= 8;
		byte = (uint8_t)(decoder->bits >> decoder->n_bits);
		bytes_append(decoder->bytes, &byte, 1);
	}
}

/* A table, the title of acpidump's text, or something packed. */
static bool is_wanted(const uint8_t *bytes, size_t n, size_t run)
{
	if (n != PROBE_BYTES)
		return false;
	return dump_begins(bytes, n) ||
	       (run >= PACK_LEAST && (!memcmp(bytes + 4, " @ ", 3) || looks_of_bytes(bytes, n)));
}

static bool probe(const char *at, size_t n)
{
	struct decoder decoder = { .bytes = bytes_new() };
	bool is;

	decode_run(&decoder, at, MIN(n, PROBE));
	is = is_wanted(decoder.bytes->data, decoder.bytes->len, n);
	bytes_free(decoder.bytes);
	return is;
}

/* -- lines ------------------------------------------------------------------------------ */

static bool is_of_kind(char c, bool digits)
{
	return digits ? g_ascii_isdigit(c) : c == ' ';
}

static const char *skip_kind(const char *at, const char *end, bool digits)
{
	while (at < end && is_of_kind(*at, digits))
		at++;
	return at;
}

/*
 * What is behind a prefix, NULL: the line has another one. A log counts and has times, so that
 * numbers differ from line to line, and with them the spaces.
 */
static const char *skip_prefix(const char *prefix, const char *prefix_end, const char *line,
			       const char *end)
{
	while (prefix < prefix_end && line < end) {
		bool digits = g_ascii_isdigit(*prefix);

		if (digits ? !g_ascii_isdigit(*line) : *prefix != ' ' && *prefix != *line)
			return NULL;
		if (digits || *prefix == ' ') {
			prefix = skip_kind(prefix, prefix_end, digits);
			line = skip_kind(line, end, digits);
		} else {
			prefix++;
			line++;
		}
	}
	return prefix == prefix_end ? skip_kind(line, end, false) : NULL;
}

/* Behind a run: spaces, padding, and what ends a string of a program. */
static const char *skip_end(const char *at, const char *end)
{
	while (at < end && strchr(" =\"',;)\\`|$", *at))
		at++;
	return at;
}

/* Is there base64 at `at`, and nothing behind it? */
static bool is_rest_of_line(const char *at, const char *end)
{
	size_t n = at ? run_length(at, end) : 0;

	at = n ? skip_end(at + n, end) : at;
	return n && (at == end || *at == '\n');
}

/* Names differ as well, as those of a chat do, but programs fill each line. */
static const char *last_run(const char *line, const char *end, size_t width)
{
	const char *stop = line < end ? memchr(line, '\n', (size_t)(end - line)) : NULL, *at;

	stop = stop ? stop : end;
	while (stop > line && strchr(" \"',;\\`|$", stop[-1]))
		stop--;
	for (at = stop; at > line && value_of(at[-1]) >= 0; at--)
		;
	return (size_t)(stop - at) == width ? at : NULL;
}

/* The lines of a text from a first run of base64. */
struct run {
	const char *prefix, *prefix_end; /* of the first line */
	size_t width;                    /* of the first line */
};

/* Base64 in the next line, NULL: there is none. The first line alone may have a prefix. */
static const char *next_run(const struct run *run, const char *line, const char *end)
{
	const char *at = skip_prefix(run->prefix, run->prefix_end, line, end);
	const char *bare = skip_kind(line, end, false);

	if (is_rest_of_line(at, end))
		return at;
	return is_rest_of_line(bare, end) ? bare : last_run(line, end, run->width);
}

/* Programs that end each line twice leave a blank one behind it. */
static const char *skip_blank_line(const char *line, const char *end)
{
	return line < end && *line == '\n' ? line + 1 : line;
}

/* To the last line that ends with base64: it has padding, or is shorter than the first one. */
static const char *decode_lines(struct decoder *decoder, const char *line, const char *at,
				const char *end)
{
	const struct run run = { line, at, run_length(at, end) };

	for (;;) {
		size_t n = run_length(at, end);
		const char *next;
		bool is_last;

		decode_run(decoder, at, n);
		at += n;
		is_last = n < run.width || (at < end && *at == '=');
		at = skip_end(at, end);
		if (at >= end || *at != '\n')
			return at;
		next = is_last ? NULL : next_run(&run, skip_blank_line(at + 1, end), end);
		if (!next)
			return at + 1;
		at = next;
	}
}

/* acpidump's text may begin with the dump of an RSDP. */
static bool is_title_of_rsdp(const struct bytes *bytes)
{
	static const char title[] = "RSD PTR @ ";

	return bytes->len >= strlen(title) && !memcmp(bytes->data, title, strlen(title));
}

#define HEADER_MOST 80 /* the length of its name */

/* What a mailer adds for itself, "X-Tracker: H4sI...", is no attachment. */
static bool is_private_header(const char *line, const char *at)
{
	const char *end = MIN(at, line + HEADER_MOST);

	if (at - line < 4 || g_ascii_strncasecmp(line, "X-", 2) != 0)
		return false;
	while (line < end && (g_ascii_isalnum(*line) || *line == '-'))
		line++;
	return line < end && *line == ':';
}

const char *base64_take(struct dumps *dumps, const char *line, const char *at, const char *end,
			unsigned number, bool announced)
{
	bool inside = at > line && (value_of(at[-1]) >= 0 || at[-1] == '=');
	size_t n = inside ? 0 : run_length(at, end);
	struct decoder decoder = { 0 };
	const struct looks *looks;

	if (announced ? !n : n < RUN_LEAST || is_private_header(line, at) || !probe(at, n))
		return NULL;
	decoder.bytes = bytes_new();
	at = decode_lines(&decoder, line, at, end);
	looks = is_title_of_rsdp(decoder.bytes)
			? NULL
			: looks_of_bytes(decoder.bytes->data, decoder.bytes->len);
	if (looks) {
		dumps->packed = looks->name;
		dumps_add(dumps->packs, decoder.bytes, number);
		return at;
	}
	if (!is_title_of_rsdp(decoder.bytes) &&
	    dump_begins(decoder.bytes->data, decoder.bytes->len)) {
		dumps_add(dumps->found, decoder.bytes, number);
		return at;
	}
	if (dumps_is_text(decoder.bytes->data, decoder.bytes->len))
		dumps_add(dumps->texts, decoder.bytes, number);
	else
		bytes_free(decoder.bytes);
	return at;
}
