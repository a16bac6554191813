/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_FINDINGS_H
#define VIOMMU_TOOLS_FINDINGS_H

#include <stdbool.h>

#include <viommu/findings.h>

/* Lists of findings of which a command reports a part */

/* Is there a finding with this ID? */
bool has_finding(const struct viommu_findings *findings, const char *id);

/* Is this finding in the list: the same rule at the same place? */
bool has_same_finding(const struct viommu_findings *findings, const struct viommu_finding *finding);

/* Add to `to` what is in `from` and is wanted; NULL: all of it. */
typedef bool wanted_finding(const struct viommu_finding *finding);

void copy_findings(struct viommu_findings *to, const struct viommu_findings *from,
		   wanted_finding *is_wanted);

#endif
