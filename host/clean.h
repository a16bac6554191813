/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_HOST_CLEAN_H
#define VIOMMU_HOST_CLEAN_H

#include <glib.h>

/* Removes serial numbers and other identification from saved files */

/*
 * Remove what identifies the machine, and does not concern IOMMUs, from a file. `path` is the path
 * in the tree.
 */
void clean_file(const char *path, GByteArray *bytes);

/* The arguments of a kernel command line that concern IOMMUs or PCI; g_free() it. */
char *clean_cmdline(const char *line);

#endif
