/* SPDX-License-Identifier: BSD-3-Clause */
/* A trace, as it was recorded or compressed */
#include "command.h"
#include "trace_file.h"
#include "unpack.h"

static bool keep(void *opaque, const char *path, GByteArray *bytes)
{
	GByteArray **kept = opaque;

	(void)path;
	if (*kept)
		return false;
	*kept = g_byte_array_ref(bytes);
	return true;
}

GByteArray *read_trace(const char *name)
{
	GByteArray *bytes = read_bytes(name), *inside = NULL;
	struct unpack_room room;

	if (!bytes || !is_packed(bytes->data, bytes->len))
		return bytes;
	unpack_room_init(&room);
	if (!unpack(bytes, &room, keep, &inside) || !inside) {
		report_error("%s: cannot be decompressed, or has more than one file", name);
		if (inside)
			g_byte_array_unref(inside);
		inside = NULL;
	}
	g_byte_array_free(bytes, TRUE);
	return inside;
}
