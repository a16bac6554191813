/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_FINDINGS_H
#define VIOMMU_TOOLS_FINDINGS_H

#include <stdbool.h>

#include <viommu/findings.h>

/* Lists of findings of which a command reports a part, and printing them */

/* Is there a finding with this ID? */
bool has_finding(const struct viommu_findings *findings, const char *id);

/* Is this finding in the list: the same rule at the same place? */
bool has_same_finding(const struct viommu_findings *findings, const struct viommu_finding *finding);

/* Add to `to` what is in `from` and is wanted; NULL: all of it. */
typedef bool wanted_finding(const struct viommu_finding *finding);

void copy_findings(struct viommu_findings *to, const struct viommu_findings *from,
		   wanted_finding *is_wanted);

/* The mistake of --json without --output: both would be on standard output. */
#define FINDINGS_NEED_OUTPUT "name a file for the table with -o: standard output has the JSON"

/* The member "findings" of the open object. */
struct json;
void json_findings(struct json *json, const struct viommu_findings *findings);

/* Print the findings on stderr, or as the only JSON object on stdout. Returns EXIT_FINDINGS if
 * there is a warning or an error. */
int report_findings(const struct viommu_findings *findings, bool as_json);

/* Print two lists as one, the second behind the first. */
void report_two_findings(const struct viommu_findings *first, const struct viommu_findings *second,
			 bool as_json);

#endif
