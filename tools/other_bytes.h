/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_OTHER_BYTES_H
#define VIOMMU_TOOLS_OTHER_BYTES_H

#include "command.h"

/* Add a note for each structure of an ACPI table that the new table of its topology has not as it
 * was. */
void report_other_bytes(const struct viommu_table *before, const struct viommu_table *after,
			struct viommu_findings *findings);

#endif
