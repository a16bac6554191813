/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_TREE_TEXT_H
#define VIOMMU_TOOLS_TREE_TEXT_H

/*
 * The source of a device tree in a text with plain lines: without what is around it, and without a
 * prefix of each line. To be freed with g_free(); empty if there is none.
 */
char *find_tree_source(const char *text);

#endif
