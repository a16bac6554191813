/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of performance monitoring units, which an APMT ties to SMMUs of the IORT
 *
 * Units of root complexes name a segment in some tables and a node of the IORT in others, so that
 * no rule is about them.
 */
#include <inttypes.h>

#include "tables/findings/findings.h"
#include "tables/formats/apmt.h"
#include "tables/formats/iort/iort.h"
#include "machine.h"

static void add_smmus(const struct viommu_table *iort, struct hash *smmus)
{
	const struct record *node;

	for_each_structure(node, iort)
		if (iort_type_of(node) == IORT_SMMU_V2 || iort_type_of(node) == IORT_SMMU_V3)
			hash_add(smmus, GUINT_TO_POINTER(iort_node_of(node)->identifier));
}

static void check_units(const struct machine *machine, const struct hash *smmus)
{
	const struct record *record;

	for_each_structure(record, machine->apmt) {
		const struct apmt_node *node = record->host;

		if (!record_is(record, &apmt_node_layout) || node->type != APMT_SMMU ||
		    (node->primary <= UINT32_MAX &&
		     hash_contains(smmus, GUINT_TO_POINTER((guint)node->primary))))
			continue;
		report(machine->findings, machine->rule_id,
		       table_place_of(machine->apmt, record, "Primary instance"),
		       "write the identifier of an SMMU of the IORT",
		       "no SMMU of the IORT has the identifier 0x%" PRIx64, node->primary);
	}
}

/* Without an IORT, nothing is known of SMMUs. */
void machine_check_performance(const struct machine *machine)
{
	const struct description *description;
	struct hash *smmus = hash_new(&hash_direct);
	bool known = false;

	if (machine->apmt)
		for_each_description(description, machine)
			if (description->table->format == &iort_format) {
				add_smmus(description->table, smmus);
				known = true;
			}
	if (known)
		check_units(machine, smmus);
	hash_free(smmus);
}
