/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines of logs and listings, as people save and post them */
#include <stdlib.h>
#include <string.h>

#include <viommu/tables.h>

#include "command.h"
#include "plain_lines.h"
#include "unpack.h"

#define PIECE ((size_t)4 << 20)

static void append_piece(GString *text, const guint8 *bytes, size_t length)
{
	char *plain = viommu_input_text(bytes, length);

	if (!plain)
		g_error("out of memory");
	for (const char *c = plain; *c; c++)
		g_string_append_c(text, *c == '\n' ? '\0' : *c);
	free(plain);
}

/* In pieces of whole lines, since decoding takes several times the memory; UTF-16 at once. */
static void append(GString *text, const GByteArray *bytes)
{
	bool wide = bytes->len > 1 && (!bytes->data[0] || !bytes->data[1] ||
				       bytes->data[0] == 0xff || bytes->data[0] == 0xfe);
	size_t n;

	for (size_t at = 0; at < bytes->len; at += n) {
		const guint8 *end = NULL;

		n = bytes->len - at;
		if (!wide && n > PIECE)
			end = memchr(bytes->data + at + PIECE, '\n', n - PIECE);
		n = end ? (size_t)(end + 1 - bytes->data) - at : n;
		append_piece(text, bytes->data + at, n);
	}
	g_string_append_c(text, '\0');
}

static bool append_member(void *opaque, const char *path, GByteArray *bytes)
{
	(void)path;
	append(opaque, bytes);
	return true;
}

/* NULL after reporting the damage: a part of a log is not the log. */
static GString *lines_of(const char *name, const GByteArray *bytes)
{
	GString *text = g_string_sized_new(bytes->len);
	struct unpack_room room;

	unpack_room_init(&room);
	if (!is_packed(bytes->data, bytes->len)) {
		append(text, bytes);
	} else if (!unpack(bytes, &room, append_member, text)) {
		report_error("%s: the archive or compressed file is damaged, or too large; unpack "
			     "it, and give the text",
			     name);
		g_string_free(text, TRUE);
		return NULL;
	}
	return text;
}

GString *read_plain_lines(const char *name)
{
	GByteArray *bytes = read_bytes(name);
	GString *text = bytes ? lines_of(name, bytes) : NULL;

	if (bytes)
		g_byte_array_free(bytes, TRUE);
	return text;
}

/* -- prefixes ------------------------------------------------------------------------ */

/* The number of spaces at a place. */
static size_t spaces_at(const char *at)
{
	return strspn(at, " ");
}

const char *without_prefix(const char *line, const char *prefix, size_t length)
{
	const char *at = line, *end = prefix + length;

	while (prefix < end) {
		size_t n = spaces_at(prefix);

		if (n && prefix + n >= end) {
			at += MIN((size_t)(end - prefix), spaces_at(at));
			return at;
		}
		if (!n && (g_ascii_isdigit(*prefix) ? !g_ascii_isdigit(*at) : *at != *prefix))
			return line;
		if (n)
			at += spaces_at(at);
		else
			at += g_ascii_isdigit(*prefix) ? strspn(at, "0123456789") : 1;
		prefix += n ? n : g_ascii_isdigit(*prefix) ? strspn(prefix, "0123456789") : 1;
	}
	return at;
}
