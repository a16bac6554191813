/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_API_MESSAGES_H
#define VIOMMU_TABLES_API_MESSAGES_H

#include <stddef.h>

struct viommu_findings;

/* A note for each message about tables that a text has in its first MiB. */
void report_messages(struct viommu_findings *findings, const char *file, const void *bytes,
		     size_t length);

#endif
