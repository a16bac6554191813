/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_DEVICE_TREE_SOURCE_H
#define VIOMMU_TOOLS_DEVICE_TREE_SOURCE_H

#include <stdbool.h>

#include <glib.h>

/* Has the text the source of a device tree? */
bool is_device_tree_source(const char *text, size_t length);
bool is_wide_device_tree_source(const char *utf16, size_t length);

/*
 * The blob, compiled by dtc in a process of its own with limits. NULL: *ret_message says why, to be
 * freed with g_free(), and *ret_cure what to do.
 */
GByteArray *compile_source(const char *text, size_t length, char **ret_message,
			   const char **ret_cure);

#endif
