/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_HOST_TREE_H
#define VIOMMU_TOOLS_HOST_TREE_H

#include <stdbool.h>

/* Is it a host tree: a folder that has or is a copy of /sys, or a tar? Decided by names in the
 * folder or the first bytes of the file. */
bool is_host_tree(const char *name);

#endif
