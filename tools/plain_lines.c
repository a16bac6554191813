/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines of logs and listings, as people save and post them */
#include <string.h>

#include "command.h"
#include "plain_lines.h"
#include "unpack.h"

/* The length of a byte order mark. */
static guint mark_length(const GByteArray *bytes)
{
	static const char *const marks[] = { "\xef\xbb\xbf", "\xff\xfe", "\xfe\xff" };

	for (size_t i = 0; i < G_N_ELEMENTS(marks); i++)
		if (bytes->len >= strlen(marks[i]) &&
		    !memcmp(bytes->data, marks[i], strlen(marks[i])))
			return (guint)strlen(marks[i]);
	return 0;
}

static void append(GString *text, const GByteArray *bytes)
{
	guint mark = mark_length(bytes);
	bool wide = mark == 2 || (bytes->len > 1 && (!bytes->data[0] || !bytes->data[1]));

	for (guint i = mark; i < bytes->len; i++) {
		char c = (char)bytes->data[i];

		if (!c && wide)
			continue;
		if (c == '\xc2' && i + 1 < bytes->len && bytes->data[i + 1] == 0xa0)
			i++;
		g_string_append_c(text, c == '\r' || c == '\n' ? '\0'
					: !c || c == '\xc2'    ? ' '
							       : c);
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
