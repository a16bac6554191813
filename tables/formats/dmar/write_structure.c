/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One structure of a DMAR that is generated, and errors after which there is no table
 */
#include "write.h"
#include "tables/findings/findings.h"

/* What is reported here is an error: there is no table. */
void dmar_report_error(struct dmar_writing *writing, const char *rule_id, struct viommu_place place,
		       const char *cure, const char *text)
{
	report(writing->findings, rule_id, place, cure, "%s", text);
	writing->failed = true;
}

/* The scope is there all the same, but there will be no table for it. */
void dmar_report_path(struct dmar_writing *writing, struct viommu_place place)
{
	dmar_report_error(writing, "dmar-path", place, "write hops as 1c.0, with slashes between",
			  "the path is none, or too long for a scope");
}

/*
 * Through the wire form, as if it had been read: so a record of a table that is made has all its
 * fields.
 */
struct record *dmar_new_structure(unsigned type, const void *host)
{
	const struct layout *layout = dmar_layout(type);
	uint8_t wire[32];
	struct record *structure;

	layout_encode(layout, host, wire);
	structure = record_new(layout, wire, 0);
	((struct dmar_node *)structure->host)->type = (uint16_t)type;
	return structure;
}
