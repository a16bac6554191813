/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of findings of which a command reports a part */
#include <string.h>

#include <glib.h>

#include "findings.h"

bool has_finding(const struct viommu_findings *findings, const char *id)
{
	const struct viommu_finding *finding;

	for (size_t i = 0; (finding = viommu_findings_get(findings, i)); i++)
		if (!strcmp(finding->id, id))
			return true;
	return false;
}

static bool is_same_place(const struct viommu_place *one, const struct viommu_place *other)
{
	return !g_strcmp0(one->file, other->file) && one->line == other->line &&
	       one->column == other->column && one->at == other->at &&
	       !g_strcmp0(one->path, other->path);
}

bool has_same_finding(const struct viommu_findings *findings, const struct viommu_finding *finding)
{
	const struct viommu_finding *other;

	for (size_t i = 0; (other = viommu_findings_get(findings, i)); i++)
		if (!strcmp(other->id, finding->id) &&
		    is_same_place(&other->place, &finding->place))
			return true;
	return false;
}

void copy_findings(struct viommu_findings *to, const struct viommu_findings *from,
		   wanted_finding *is_wanted)
{
	const struct viommu_finding *finding;

	for (size_t i = 0; (finding = viommu_findings_get(from, i)); i++)
		if (!is_wanted || is_wanted(finding))
			viommu_findings_add(to, finding->id, &finding->place, finding->text,
					    finding->cure);
}
