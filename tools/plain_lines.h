/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_PLAIN_LINES_H
#define VIOMMU_TOOLS_PLAIN_LINES_H

#include <glib.h>

/*
 * The lines of a text file, with a NUL behind each: of UTF-16, of old systems, with no-break
 * spaces, or compressed. NULL after reporting that it cannot be read.
 */
GString *read_plain_lines(const char *name);

/*
 * What is behind the prefix of quotations and logs, whose numbers differ from line to line. The
 * spaces at its end are as many in each line: columns of a tree have a meaning. A line without the
 * prefix is returned as it is.
 */
const char *without_prefix(const char *line, const char *prefix, size_t length);

#endif
