/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One DMAR structure being generated, and errors that make generation fail
 */
#include "write.h"
#include "tables/findings/findings.h"

void dmar_report_error(struct dmar_writing *writing, const char *rule_id, struct viommu_place place,
		       const char *cure, const char *text)
{
	report(writing->findings, rule_id, place, cure, "%s", text);
	writing->failed = true;
}

/* The scope is added nevertheless; generation fails in the end. */
void dmar_report_path(struct dmar_writing *writing, struct viommu_place place)
{
	dmar_report_error(writing, "dmar-path", place, "write hops as 1c.0, separated by slashes",
			  "the path is invalid, or too long for a scope");
}

struct record *dmar_new_structure(const struct dmar_writing *writing, unsigned type,
				  const void *host)
{
	struct record *structure =
		record_from_host(writing->table->root, dmar_layout(type), host, 0);

	((struct dmar_node *)structure->host)->type = (uint16_t)type;
	return structure;
}
