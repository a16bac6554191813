/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_HOST_TREE_H
#define VIOMMU_TOOLS_HOST_TREE_H

#include <stdbool.h>

/* Is it the tree of a host, and no table: a folder with a copy of /sys in it or that is one, or a
 * tar? By a look at names and the first bytes. */
bool is_host_tree(const char *name);

#endif
