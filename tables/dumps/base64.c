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

#define RUN_LEAST   48u /* characters: the header of a table */
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
static bool is_wanted(const uint8_t *bytes, size_t n)
{
	return n == PROBE_BYTES &&
	       (dump_begins(bytes, n) || !memcmp(bytes + 4, " @ ", 3) || looks_of_bytes(bytes, n));
}

static bool probe(const char *at, size_t n)
{
	struct decoder decoder = { .bytes = bytes_new() };
	bool is;

	decode_run(&decoder, at, MIN(n, PROBE));
	is = is_wanted(decoder.bytes->data, decoder.bytes->len);
	bytes_free(decoder.bytes);
	return is;
}

static const char *skip_prefix(const char *line, const char *at, const char *next, const char *end)
{
	size_t prefix = (size_t)(at - line);

	if (prefix && (size_t)(end - next) > prefix && !memcmp(line, next, prefix))
		return next + prefix;
	while (next < end && *next == ' ')
		next++;
	return next;
}

/* To the last line that is nothing but base64. */
static const char *decode_lines(struct decoder *decoder, const char *line, const char *at,
				const char *end)
{
	const char *start = at;

	for (;;) {
		size_t n = run_length(at, end);

		decode_run(decoder, at, n);
		at += n;
		while (at < end && *at == ' ')
			at++;
		if (!n || at >= end || *at != '\n')
			return at;
		at = skip_prefix(line, start, at + 1, end);
		n = run_length(at, end);
		if (at + n < end && at[n] != '\n' && at[n] != '=' && at[n] != ' ')
			return at;
	}
}

/* acpidump's text may begin with the dump of an RSDP. */
static bool is_title_of_rsdp(const struct bytes *bytes)
{
	static const char title[] = "RSD PTR @ ";

	return bytes->len >= strlen(title) && !memcmp(bytes->data, title, strlen(title));
}

const char *base64_take(struct dumps *dumps, const char *line, const char *at, const char *end,
			unsigned number, bool announced)
{
	bool inside = at > line && (value_of(at[-1]) >= 0 || at[-1] == '=');
	size_t n = inside ? 0 : run_length(at, end);
	struct decoder decoder = { 0 };
	const struct looks *looks;

	if (announced ? !n : n < RUN_LEAST || !probe(at, n))
		return NULL;
	decoder.bytes = bytes_new();
	at = decode_lines(&decoder, line, at, end);
	looks = is_title_of_rsdp(decoder.bytes)
			? NULL
			: looks_of_bytes(decoder.bytes->data, decoder.bytes->len);
	if (looks)
		dumps->packed = looks->name;
	if (!looks && !is_title_of_rsdp(decoder.bytes) &&
	    dump_begins(decoder.bytes->data, decoder.bytes->len)) {
		dumps_add(dumps->found, decoder.bytes, number);
		return at;
	}
	if (!looks && dumps_is_text(decoder.bytes->data, decoder.bytes->len))
		dumps_add(dumps->texts, decoder.bytes, number);
	else
		bytes_free(decoder.bytes);
	return at;
}
