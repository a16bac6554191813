/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_READ_BYTES_H
#define VIOMMU_TOOLS_READ_BYTES_H

#include <glib.h>

/* Larger than any table: stops at a device node or disk image named by mistake. */
#define INPUT_LENGTH_MAX (64u << 20)

/* The paths in a folder, in the order of their bytes, so that it does not depend on the locale.
 * NULL after reporting that it cannot be read. g_ptr_array_free() them. */
GPtrArray *list_folder(const char *folder);

#endif
