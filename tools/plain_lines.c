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

/* What cannot be unpacked has no lines, as an empty file. */
GString *read_plain_lines(const char *name)
{
	GByteArray *bytes = read_bytes(name);
	struct unpack_room room;
	GString *text;

	if (!bytes)
		return NULL;
	text = g_string_sized_new(bytes->len);
	unpack_room_init(&room);
	if (is_packed(bytes->data, bytes->len))
		unpack(bytes, &room, append_member, text);
	else
		append(text, bytes);
	g_byte_array_free(bytes, TRUE);
	return text;
}
