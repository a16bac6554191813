/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_UNPACK_H
#define VIOMMU_TOOLS_UNPACK_H

#include <stdbool.h>

#include <glib.h>

/* Files inside a file. */

/* Does it begin like a compressed file or an archive? */
bool is_packed(const void *bytes, size_t length);

/*
 * `path`: in the archive; NULL for a compressed file, which is one member. Returns whether to go
 * on.
 */
typedef bool member_function(void *opaque, const char *path, GByteArray *bytes);

/* Returns false if the file is damaged or has no end, or a member was refused. */
bool unpack(const GByteArray *bytes, member_function *each, void *opaque);

/* Is the named file a tar with a saved sysfs, as `viommu host --save` writes it? */
bool is_sysfs_archive(const char *name);

#endif
