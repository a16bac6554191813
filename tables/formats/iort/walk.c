/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walks over the nodes and the references of an IORT, for its rules
 *
 * References are those of ID mappings, and that of a PMCG to the node it counts for. A walk looks
 * targets up and never follows them, so it ends on any table.
 */
#include <stdarg.h>

#include "base/hash.h"
#include "tables/findings/findings.h"
#include "check.h"

void iort_for_each_node(const struct table_check *check, unsigned type, iort_node_check *check_node)
{
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(check->table, &i));)
		if (iort_type_of(node) == type)
			check_node(check, node);
}

const struct iort_mapping *iort_reference_mapping(const struct iort_reference *reference)
{
	return reference->record->layout == &iort_mapping_layout ? reference->record->host : NULL;
}

const struct record *iort_reference_target(const struct iort_reference *reference)
{
	return hash_lookup(reference->nodes, GSIZE_TO_POINTER((gsize)reference->offset));
}

/* The index is needed because an SMMUv3 refers to one of its mappings by it. */
static void walk_mappings(struct iort_reference reference, iort_reference_check *each)
{
	reference.index = 0;
	reference.field = "Output reference";
	for (guint i = 0;
	     (reference.record = iort_next(reference.node, &iort_mapping_layout, &i));) {
		const struct iort_mapping *mapping = reference.record->host;

		reference.offset = mapping->output_reference;
		each(&reference);
		reference.index++;
	}
}

static void walk_pmcg(struct iort_reference reference, iort_reference_check *each)
{
	const struct iort_pmcg *pmcg = reference.node->host;

	reference.record = reference.node;
	reference.field = "Node reference";
	reference.offset = pmcg->node_reference;
	each(&reference);
}

/* All references share one index of nodes: the walk is linear. */
void iort_walk_references(const struct table_check *check, iort_reference_check *each)
{
	auto_hash struct hash *nodes = iort_index(check->table);
	struct iort_reference reference = { .check = check, .nodes = nodes };

	for (guint i = 0; (reference.node = iort_next_node(check->table, &i));) {
		walk_mappings(reference, each);
		if (iort_type_of(reference.node) == IORT_PMCG)
			walk_pmcg(reference, each);
	}
}

void iort_report_reference(const struct iort_reference *reference, const char *field,
			   const char *cure, const char *format, ...)
{
	const struct table_check *check = reference->check;
	auto_free char *text = NULL;
	va_list args;

	va_start(args, format);
	text = memory_vprintf(format, args);
	va_end(args);
	report(check->findings, check->rule_id, iort_place(check, reference->record, field), cure,
	       "%s", text);
}
