/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walks over the references of an IORT
 *
 * A rule of references or of ID mappings looks at one of them, and is shown all: those of
 * every mapping, and what PMCGs count for. What a reference leads to is looked up and never
 * followed, so a walk ends whatever the table says.
 */
#include <stdarg.h>

#include "tables/findings/findings.h"
#include "check.h"

/* Rules are about nodes of one type mostly, and ask for nothing else. */
void iort_for_each_node(const struct table_check *check, unsigned type, iort_node_check *look)
{
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(check->table, &i));)
		if (iort_type_of(node) == type)
			look(check, node);
}

/* NULL for the reference of a PMCG, which carries no IDs. */
const struct iort_mapping *iort_reference_mapping(const struct iort_reference *reference)
{
	return reference->record->layout == &iort_mapping_layout ? reference->record->host : NULL;
}

/* NULL where nothing begins at that offset, the middle of a node included. */
const struct record *iort_reference_target(const struct iort_reference *reference)
{
	return g_hash_table_lookup(reference->nodes, GSIZE_TO_POINTER((gsize)reference->offset));
}

/* The index is counted along, for SMMUv3s name one of their mappings by it. */
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

/* What a PMCG counts for is named by an offset like any other. */
static void walk_pmcg(struct iort_reference reference, iort_reference_check *each)
{
	const struct iort_pmcg *pmcg = reference.node->host;

	reference.record = reference.node;
	reference.field = "Node reference";
	reference.offset = pmcg->node_reference;
	each(&reference);
}

/* One index of all nodes for all references: linear, however many there are. */
void iort_walk_references(const struct table_check *check, iort_reference_check *each)
{
	g_autoptr(GHashTable) nodes = iort_index(check->table);
	struct iort_reference reference = { .check = check, .nodes = nodes };

	for (guint i = 0; (reference.node = iort_next_node(check->table, &i));) {
		walk_mappings(reference, each);
		if (iort_type_of(reference.node) == IORT_PMCG)
			walk_pmcg(reference, each);
	}
}

/* The place is that of the field which is wrong, in the mapping or in the PMCG. */
void iort_report_reference(const struct iort_reference *reference, const char *field,
			   const char *cure, const char *format, ...)
{
	const struct table_check *check = reference->check;
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	report(check->findings, check->rule_id, iort_place(check, reference->record, field), cure,
	       "%s", text);
}
