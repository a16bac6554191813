/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines of a dump that are joined
 *
 * A forum and a spreadsheet make one line of what acpidump, hexdump -C or xxd printed. In it, an
 * offset is followed by the offset of the next line.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <glib.h>

#include "dumps.h"

#define STEP       16u
#define LINE_MOST  160 /* characters of a line */
#define LEAST      4u  /* digits of an offset that a colon follows */
#define LEAST_BARE 7u
#define MOST       16u

/* "0000:" or "00000000". Returns its length with the mark; 0: there is none. */
static size_t offset_length(const char *at, const char *end, uint64_t *ret_value)
{
	size_t n = 0;

	*ret_value = 0;
	while (at + n < end && n <= MOST && g_ascii_isxdigit(at[n]))
		*ret_value = *ret_value << 4 | (uint64_t)g_ascii_xdigit_value(at[n++]);
	if (n < LEAST || n > MOST || at + n == end)
		return 0;
	if (at[n] == ':')
		return n + 1;
	return n >= LEAST_BARE && at[n] == ' ' ? n : 0;
}

/* Where the offset that follows is, in the same line. NULL: it is not. */
static const char *next_offset(const char *at, size_t length, uint64_t value, const char *end)
{
	bool colon = at[length - 1] == ':';
	const char *limit = MIN(end, at + LINE_MOST),
		   *stop = memchr(at, '\n', (size_t)(limit - at));
	char offset[MOST + 4];

	limit = stop ? stop : limit;
	for (unsigned i = 0; i < 2; i++) {
		const char *found;

		snprintf(offset, sizeof(offset), i ? " %0*" PRIX64 "%s" : " %0*" PRIx64 "%s",
			 (int)(length - colon), value + STEP, colon ? ":" : " ");
		found = text_find(at, limit - at, offset);
		if (found)
			return found + 1;
	}
	return NULL;
}

static bool is_digits_start(const char *start, const char *at)
{
	return g_ascii_isxdigit(*at) && (at == start || !g_ascii_isalnum(at[-1]));
}

struct bytes *split_joined(const struct bytes *text)
{
	struct bytes *split = bytes_new_sized(text->len + text->len / 32);
	const char *start = (const char *)text->data, *end = start + text->len, *next = NULL;
	size_t copied = 0;

	for (size_t i = 0; i < text->len;) {
		const char *at = start + i, *follows = NULL;
		uint64_t value;
		size_t length = is_digits_start(start, at) ? offset_length(at, end, &value) : 0;

		if (length)
			follows = next_offset(at, length, value, end);
		if (follows || at == next) {
			bytes_append(split, start + copied, i - copied);
			bytes_append(split, "\n", 1);
			copied = i;
		}
		next = follows;
		i = follows ? (size_t)(follows - start) : i + 1;
	}
	bytes_append(split, start + copied, text->len - copied);
	return split;
}
