/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_CHECK_H
#define VIOMMU_TOOLS_CHECK_H

#include <viommu/findings.h>

/* Add what `viommu check` finds in the inputs. Returns EXIT_CLEAN, or EXIT_COULD_NOT if something
 * could not be read. */
int check_inputs(char **names, struct viommu_findings *findings);

#endif
