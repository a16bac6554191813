/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_IORT_CHECK_H
#define VIOMMU_TABLES_IORT_CHECK_H

#include "base/hash.h"
#include "iort.h"

/* Shared by the files that check an IORT. check.c has the list of all rules. */

/* Call `check_node` for every node of that type. */
typedef void iort_node_check(const struct table_check *check, const struct record *node);
void iort_for_each_node(const struct table_check *check, unsigned type,
			iort_node_check *check_node);

static inline struct viommu_place iort_place(const struct table_check *check,
					     const struct record *record, const char *field_name)
{
	return table_place_of(check->table, record, field_name);
}

/* -- references (walk.c) --------------------------------------------------------- */

/* A reference to a node: of an ID mapping, or of a PMCG to the node it counts for. */
struct iort_reference {
	const struct table_check *check;
	struct hash *nodes;          /* by their offset */
	const struct record *node;   /* that has the reference */
	const struct record *record; /* the ID mapping, or the PMCG itself */
	const char *field;
	uint32_t offset;
	uint32_t index; /* of the mapping in its node */
};

typedef void iort_reference_check(const struct iort_reference *reference);

/* Call `each` for all references of the table. */
void iort_walk_references(const struct table_check *check, iort_reference_check *each);

/* The ID mapping that has the reference, or NULL for a PMCG; the target node, or NULL. */
const struct iort_mapping *iort_reference_mapping(const struct iort_reference *reference);
const struct record *iort_reference_target(const struct iort_reference *reference);

/* Report a field of the ID mapping, or of the PMCG, that breaks the rule. */
__attribute__((format(printf, 4, 5))) void
iort_report_reference(const struct iort_reference *reference, const char *field, const char *cure,
		      const char *format, ...);

/* -- rules ----------------------------------------------------------------------- */

/* check_smmu.c */
void iort_check_its_groups(const struct table_check *check);
void iort_check_interrupt_order(const struct table_check *check);
void iort_check_device_id_index(const struct table_check *check);
void iort_check_pmcgs(const struct table_check *check);

/* check_plausible.c */
void iort_check_unknown_revisions(const struct table_check *check);
void iort_check_interrupts(const struct table_check *check);
void iort_check_shared_interrupts(const struct table_check *check);
void iort_check_private_interrupts(const struct table_check *check);
void iort_check_its_twice(const struct table_check *check);
void iort_check_device_ids(const struct table_check *check);
void iort_check_partial_its(const struct table_check *check);
void iort_check_memory(const struct table_check *check);
void iort_check_spans(const struct table_check *check);

/* check_rmr.c */
void iort_check_rmr_revision(const struct table_check *check);
void iort_check_rmr_empty(const struct table_check *check);
void iort_check_rmr_attributes(const struct table_check *check);
void iort_check_rmr_align(const struct table_check *check);
void iort_check_rmr_overlap(const struct table_check *check);
void iort_check_rmr_one_id(const struct table_check *check);

/* check_references.c */
void iort_check_references(const struct table_check *check);
void iort_check_null_references(const struct table_check *check);
void iort_check_reference_kinds(const struct table_check *check);
void iort_check_cycles(const struct table_check *check);

/* check_ids.c */
void iort_check_device_id_mappings(const struct table_check *check);
void iort_check_single(const struct table_check *check);
void iort_check_wrap(const struct table_check *check);
void iort_check_beyond(const struct table_check *check);
void iort_check_overlap(const struct table_check *check);
void iort_check_id_counts(const struct table_check *check);

#endif
