/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_TRACE_FILE_H
#define VIOMMU_TOOLS_TRACE_FILE_H

#include <glib.h>

/* The bytes of a trace, decompressed; NULL after an error was reported. g_byte_array_free() them.
 */
GByteArray *read_trace(const char *name);

#endif
