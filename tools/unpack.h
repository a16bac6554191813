/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_UNPACK_H
#define VIOMMU_TOOLS_UNPACK_H

#include <stdbool.h>

#include <glib.h>

/* Files inside a file. */

/* Does it begin like a compressed file or an archive? */
bool is_packed(const void *bytes, size_t length);

/* What an archive and all archives in it may still have. */
struct unpack_room {
	gint64 bytes; /* headers, names and data, decompressed */
	unsigned members;
	bool used_up;
};

void unpack_room_init(struct unpack_room *room);

/* Returns false, and sets `used_up`, if there is less than `bytes`. */
bool take_room(struct unpack_room *room, gint64 bytes);

/*
 * `path`: in the archive, shorter than PATH_MAX; NULL for a compressed file, which is one member.
 * Returns whether to go on.
 */
typedef bool member_function(void *opaque, const char *path, GByteArray *bytes);

/* Returns false if the file is damaged, the room is used up, or a member was refused. */
bool unpack(const GByteArray *bytes, struct unpack_room *room, member_function *each, void *opaque);

/* Is the named file a tar with a saved sysfs, as `viommu host --save` writes it? */
bool is_sysfs_archive(const char *name);

#endif
