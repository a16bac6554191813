/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text as other programs left it, turned into plain lines
 *
 * Windows writes UTF-16, a web page has entities, a terminal has colours, and a mail is
 * quoted-printable. None of that has a meaning for the bytes of a table.
 */
#include <string.h>

#include <glib.h>

#include "dumps.h"

#define PROBE 65536u

/* What a sequence of bytes stands for. */
static const struct {
	const char *from, *to;
} replaced[] = {
	{ "\xef\xbb\xbf", "" },                             /* the byte order mark of UTF-8 */
	{ "\xc2\xa0", " " },                                /* no-break space */
	{ "\xe2\x80\x8b", "" },                             /* zero width space */
	{ "\xe2\x80\xaf", " " },                            /* narrow no-break space */
	{ "\xe2\x80\x93", "-" },                            /* dashes */
	{ "\xe2\x80\x94", "-" },  { "\xe2\x80\x9c", "\"" }, /* quotation marks */
	{ "\xe2\x80\x9d", "\"" }, { "&nbsp;", " " },        { "&#160;", " " },  { "&#32;", " " },
	{ "&gt;", ">" },          { "&lt;", "<" },          { "&quot;", "\"" }, { "&#39;", "'" },
	{ "&amp;", "&" },         { "<br>", "\n" },         { "<br/>", "\n" },  { "<br />", "\n" },
	{ "\r\n", "\n" },         { "\r", "\n" },           { "\t", "  " },
};

/* -- UTF-16 --------------------------------------------------------------------------- */

/* 0: no UTF-16; otherwise which byte of a pair has the character: 1 or 2. */
static unsigned utf16_half(const uint8_t *bytes, size_t length)
{
	size_t zero[2] = { 0, 0 }, n = MIN(length, PROBE) / 2;

	if (length < 4 || length % 2)
		return 0;
	if (bytes[0] == 0xff && bytes[1] == 0xfe)
		return 1;
	if (bytes[0] == 0xfe && bytes[1] == 0xff)
		return 2;
	for (size_t i = 0; i < n; i++) {
		if (!bytes[2 * i] == !bytes[2 * i + 1])
			return 0;
		zero[0] += !bytes[2 * i];
		zero[1] += !bytes[2 * i + 1];
	}
	return zero[1] == n ? 1 : zero[0] == n ? 2 : 0;
}

static struct bytes *from_utf16(const uint8_t *bytes, size_t length, unsigned half)
{
	struct bytes *text = bytes_new_sized(length / 2);

	for (size_t i = 0; i + 1 < length; i += 2) {
		uint8_t low = bytes[i + half - 1], high = bytes[i + 2 - half];
		uint8_t byte = high ? '?' : low;

		if (!(high == 0xfe && low == 0xff))
			bytes_append(text, &byte, 1);
	}
	return text;
}

bool dumps_is_text(const uint8_t *bytes, size_t length)
{
	size_t n = MIN(length, PROBE), odd = 0;

	if (utf16_half(bytes, length))
		return true;
	for (size_t i = 0; i < n; i++)
		odd += bytes[i] < ' ' && !g_ascii_isspace((gchar)bytes[i]) && bytes[i] != 0x1b;
	return n && odd <= n / 64;
}

/* -- quoted-printable (RFC 2045, 6.7) ---------------------------------------------------- */

static bool has_text(const struct bytes *text, const char *word)
{
	return text_find((const char *)text->data, (gssize)text->len, word);
}

/* Base64 ends with a single `=` as well, so an encoded character is asked for. */
static bool is_quoted_printable(const struct bytes *text)
{
	return has_text(text, "quoted-printable") ||
	       (has_text(text, "=\n") && (has_text(text, "=20") || has_text(text, "=3D")));
}

static struct bytes *unquote(const struct bytes *text)
{
	struct bytes *plain = bytes_new_sized(text->len);

	for (size_t i = 0; i < text->len; i++) {
		const char *at = (const char *)text->data + i;
		int high = -1, low = -1;
		uint8_t byte = text->data[i];

		if (*at == '=' && i + 1 < text->len && at[1] == '\n') {
			i++;
			continue;
		}
		if (*at == '=' && i + 2 < text->len) {
			high = g_ascii_xdigit_value(at[1]);
			low = g_ascii_xdigit_value(at[2]);
		}
		if (high >= 0 && low >= 0) {
			byte = (uint8_t)(high << 4 | low);
			i += 2;
		}
		bytes_append(plain, &byte, 1);
	}
	return plain;
}

/* -- all of it ----------------------------------------------------------------------------- */

/* ECMA-48, control sequences: ESC [, parameters, one letter. Returns the length. */
static size_t escape_length(const char *at, size_t left)
{
	size_t n = 2;

	if (left < 2 || at[0] != 0x1b || at[1] != '[')
		return 0;
	while (n < left && (g_ascii_isdigit(at[n]) || at[n] == ';' || at[n] == '?'))
		n++;
	return n < left ? n + 1 : n;
}

static size_t replace_at(struct bytes *plain, const char *at, size_t left)
{
	for (size_t k = 0; k < G_N_ELEMENTS(replaced); k++) {
		size_t n = strlen(replaced[k].from);

		if (n <= left && *at == *replaced[k].from && !memcmp(at, replaced[k].from, n)) {
			bytes_append(plain, replaced[k].to, strlen(replaced[k].to));
			return n;
		}
	}
	return escape_length(at, left);
}

static struct bytes *replace_all(const uint8_t *bytes, size_t length)
{
	struct bytes *plain = bytes_new_sized(length + 1);
	size_t n;

	for (size_t i = 0; i < length; i += n) {
		uint8_t byte = bytes[i];

		n = 1;
		if (byte > ' ' && byte < 0x7f && byte != '&' && byte != '<') {
			bytes_append(plain, &byte, 1);
			continue;
		}
		n = replace_at(plain, (const char *)bytes + i, length - i);
		if (n)
			continue;
		n = 1;
		if (byte < ' ' && byte != '\n')
			byte = ' ';
		bytes_append(plain, &byte, 1);
	}
	return plain;
}

struct bytes *clean_text(const uint8_t *bytes, size_t length)
{
	unsigned half = utf16_half(bytes, length);
	struct bytes *narrow = half ? from_utf16(bytes, length, half) : NULL;
	struct bytes *plain =
		replace_all(narrow ? narrow->data : bytes, narrow ? narrow->len : length);
	struct bytes *unquoted;

	bytes_free(narrow);
	if (!is_quoted_printable(plain))
		return plain;
	unquoted = unquote(plain);
	bytes_free(plain);
	plain = replace_all(unquoted->data, unquoted->len);
	bytes_free(unquoted);
	return plain;
}
