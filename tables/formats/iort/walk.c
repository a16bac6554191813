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
void iort_each(const struct table_check *check, unsigned type, iort_look *look)
{
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(check->table, &i));)
		if (iort_type_of(node) == type)
			look(check, node);
}

/* NULL for the reference of a PMCG, which carries no IDs. */
const struct iort_mapping *iort_visited_mapping(const struct iort_visit *visit)
{
	return visit->record->layout == &iort_mapping_layout ? visit->record->host : NULL;
}

/* NULL where nothing begins at that offset, the middle of a node included. */
const struct record *iort_visited_target(const struct iort_visit *visit)
{
	return g_hash_table_lookup(visit->nodes, GSIZE_TO_POINTER((gsize)visit->reference));
}

/* The index is counted along, for SMMUv3s name one of their mappings by it. */
static void visit_mappings(struct iort_visit visit, iort_visitor *each)
{
	visit.index = 0;
	visit.field = "Output reference";
	for (guint i = 0; (visit.record = iort_next(visit.node, &iort_mapping_layout, &i));) {
		const struct iort_mapping *mapping = visit.record->host;

		visit.reference = mapping->output_reference;
		each(&visit);
		visit.index++;
	}
}

/* What a PMCG counts for is named by an offset like any other. */
static void visit_pmcg(struct iort_visit visit, iort_visitor *each)
{
	const struct iort_pmcg *pmcg = visit.node->host;

	visit.record = visit.node;
	visit.field = "Node reference";
	visit.reference = pmcg->node_reference;
	each(&visit);
}

/* One index of all nodes for all references: linear, however many there are. */
void iort_visit_all(const struct table_check *check, iort_visitor *each)
{
	g_autoptr(GHashTable) nodes = iort_index(check->table);
	struct iort_visit visit = { .check = check, .nodes = nodes };

	for (guint i = 0; (visit.node = iort_next_node(check->table, &i));) {
		visit_mappings(visit, each);
		if (iort_type_of(visit.node) == IORT_PMCG)
			visit_pmcg(visit, each);
	}
}

/* The place is that of the field which is wrong, in the mapping or in the PMCG. */
void iort_blame(const struct iort_visit *visit, const char *field, const char *cure,
		const char *format, ...)
{
	const struct table_check *check = visit->check;
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	report(check->findings, check->rule_id, iort_place(check, visit->record, field), cure, "%s",
	       text);
}
