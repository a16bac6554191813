/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_PLAIN_LINES_H
#define VIOMMU_TOOLS_PLAIN_LINES_H

#include <glib.h>

/*
 * The lines of a text file, with a NUL behind each: of UTF-16, of old systems, with no-break
 * spaces, or compressed. NULL after reporting that it cannot be read.
 */
GString *read_plain_lines(const char *name);

#endif
