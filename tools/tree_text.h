/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_TREE_TEXT_H
#define VIOMMU_TOOLS_TREE_TEXT_H

#include <stddef.h>

/* The first /dts-v1/ with the ';' that makes it a directive. NULL: there is none. */
const char *find_tree_version(const char *text, size_t length);

/*
 * The source of a device tree in a text with plain lines: without what is around it, and without a
 * prefix of each line. To be freed with g_free(); empty if there is none.
 */
char *find_tree_source(const char *text);

#endif
