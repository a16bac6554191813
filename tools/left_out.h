/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_LEFT_OUT_H
#define VIOMMU_TOOLS_LEFT_OUT_H

#include "command.h"

/* Add findings that name the structures that a topology of the table leaves out. Returns
 * EXIT_FINDINGS if there are any. NULL has none. */
int report_left_out(const struct viommu_table *table, struct viommu_findings *findings);

#endif
