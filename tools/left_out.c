/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Structures of a table that a topology cannot represent
 *
 * A table that is made of the topology lacks them, so a command that prints or makes one names them
 * and says so by its exit status. What reads a table by its known structures is not affected.
 */
#include "findings.h"
#include "left_out.h"

/* The rules that such a structure breaks. */
static const char *const rules[] = {
	"dmar-type",      "dmar-scope-type",  "ivrs-type",
	"iort-node-type", "iort-silent-node", "viot-node-type",
	"rimt-node-type", "iovt-iommu-type",  NULL,
};

int report_left_out(const struct viommu_table *table, struct viommu_findings *findings)
{
	struct viommu_findings *all = viommu_findings_new();
	const struct viommu_finding *finding;
	int status = EXIT_CLEAN;

	if (table && !viommu_findings_take_only(all, rules))
		viommu_table_check(table, all);
	for (size_t i = 0; (finding = viommu_findings_get(all, i)); i++) {
		status = EXIT_FINDINGS;
		if (!has_same_finding(findings, finding))
			viommu_findings_add(findings, finding->id, &finding->place, finding->text,
					    finding->cure);
	}
	viommu_findings_free(all);
	return status;
}
