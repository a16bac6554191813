/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_HOST_CLEAN_H
#define VIOMMU_HOST_CLEAN_H

#include <glib.h>

/* Take out of a file of a tree what says which machine it is, and nothing about its IOMMUs. `path`
 * is that in the tree. */
void clean_file(const char *path, GByteArray *bytes);

/* Words of a kernel's command line that are about IOMMUs or PCI; g_free() it. */
char *clean_cmdline(const char *line);

#endif
