/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the references of an IORT: where IDs go, from node to node
 *
 * Linux follows references without looking where they go, so each of these can end in a wrong
 * device, a read beyond the table, or a walk without an end. An ID goes up in one direction only:
 * from what sends it to an SMMU, and from there to an ITS group.
 *
 * An ID mapping has the number of its IDs less one, where a device tree has the plain number and
 * VIOT the last one: these are mixed up easily.
 */
#include <inttypes.h>

#include "tables/findings/findings.h"
#include "check.h"

/* -- where references lead --------------------------------------------------------------- */

/* A reference of 0 is a rule of its own, for what Linux makes of it is different. */
static void check_reference(const struct iort_reference *reference)
{
	if (reference->offset && !iort_reference_target(reference))
		iort_report_reference(reference, reference->field, "write the offset of a node",
				      "0x%" PRIx32 " is not the start of a node",
				      reference->offset);
}

/* Offsets that lead nowhere come first: rules of where they lead pass them over. */
void iort_check_references(const struct table_check *check)
{
	iort_walk_references(check, check_reference);
}

/* The one value that is plainly no offset: a field that nobody filled in. */
static void check_null_reference(const struct iort_reference *reference)
{
	if (!reference->offset)
		iort_report_reference(reference, reference->field,
				      "write the offset of a node, or leave it out",
				      "%s refers to nothing", reference->record->layout->name);
}

/* Linux stops at such a mapping, and with it all that follow in the node. */
void iort_check_null_references(const struct table_check *check)
{
	iort_walk_references(check, check_null_reference);
}

#define BIT(type)     (1u << (type))
#define IOMMUS        (BIT(IORT_SMMU_V2) | BIT(IORT_SMMU_V3))
#define IOMMUS_OR_ITS (IOMMUS | BIT(IORT_ITS_GROUP))

/* What the ID mappings of a type of node may lead to. Virtio-iommus stand where SMMUs may. */
static const unsigned kinds[] = {
	[IORT_NAMED_COMPONENT] = IOMMUS_OR_ITS, [IORT_ROOT_COMPLEX] = IOMMUS_OR_ITS,
	[IORT_SMMU_V2] = BIT(IORT_ITS_GROUP),   [IORT_SMMU_V3] = BIT(IORT_ITS_GROUP),
	[IORT_PMCG] = BIT(IORT_ITS_GROUP),      [IORT_RMR] = IOMMUS,
	[IORT_IWB] = BIT(IORT_ITS_GROUP),
};

/* What a PMCG may count for. */
static const unsigned counted = IOMMUS | BIT(IORT_ROOT_COMPLEX) | BIT(IORT_NAMED_COMPONENT);

/* Types are a byte: what is no bit of a mask may be led to by nobody. */
static bool may_lead_to(unsigned allowed, unsigned type)
{
	if (type == IORT_VIRTIO_PCI || type == IORT_VIRTIO_MMIO)
		return allowed & IOMMUS;
	return type < G_N_ELEMENTS(kinds) && allowed & BIT(type);
}

/* Of a node that nobody knows nobody knows where it may lead, or what may lead to it. */
static void check_reference_kind(const struct iort_reference *reference)
{
	const struct record *target = iort_reference_target(reference);
	unsigned from = iort_type_of(reference->node),
		 to = target ? iort_type_of(target) : IORT_UNKNOWN;
	unsigned allowed = from < G_N_ELEMENTS(kinds) ? kinds[from] : 0;

	if (to == IORT_UNKNOWN || from == IORT_UNKNOWN ||
	    may_lead_to(iort_reference_mapping(reference) ? allowed : counted, to))
		return;
	iort_report_reference(reference, reference->field,
			      "go from devices to SMMUs, and from there to ITS groups",
			      "%s refers to %s", reference->node->layout->name,
			      target->layout->name);
}

/* So a table without findings here has no circle, and ways of two steps at most. */
void iort_check_reference_kinds(const struct table_check *check)
{
	iort_walk_references(check, check_reference_kind);
}

/* -- circles -------------------------------------------------------------------------------- */

/* How many references of a node lead to nodes of which it is not known that they come to an end. */
struct cycle_search {
	GHashTable *open;    /* node -> that number */
	GHashTable *callers; /* node -> GPtrArray of the nodes that refer to it */
};

/* An ID comes back where it was: only mappings carry IDs. */
static void add_edge(struct cycle_search *search, const struct record *from,
		     const struct record *to)
{
	GPtrArray *callers = g_hash_table_lookup(search->callers, to);
	guint open = GPOINTER_TO_UINT(g_hash_table_lookup(search->open, from));

	if (!callers) {
		callers = g_ptr_array_new();
		g_hash_table_insert(search->callers, (gpointer)to, callers);
	}
	g_ptr_array_add(callers, (gpointer)from);
	g_hash_table_insert(search->open, (gpointer)from, GUINT_TO_POINTER(open + 1));
}

/* References to nothing lead nowhere, and so to no circle. */
static void add_edges(const struct viommu_table *table, struct cycle_search *search)
{
	g_autoptr(GHashTable) nodes = iort_index(table);
	const struct record *node, *record;

	for (guint i = 0; (node = iort_next_node(table, &i));)
		for (guint k = 0; (record = iort_next(node, &iort_mapping_layout, &k));) {
			const struct iort_mapping *mapping = record->host;
			const struct record *target = g_hash_table_lookup(
				nodes, GSIZE_TO_POINTER((gsize)mapping->output_reference));

			if (target)
				add_edge(search, node, target);
		}
}

/* Every reference is followed backwards once, however nodes refer to each other. */
static void close_acyclic_nodes(const struct viommu_table *table, struct cycle_search *search)
{
	g_autoptr(GPtrArray) closed = g_ptr_array_new();
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(table, &i));)
		if (!g_hash_table_lookup(search->open, node))
			g_ptr_array_add(closed, (gpointer)node);
	while (closed->len) {
		const GPtrArray *callers = g_hash_table_lookup(
			search->callers, g_ptr_array_steal_index_fast(closed, closed->len - 1));

		for (guint i = 0; callers && i < callers->len; i++) {
			gpointer caller = callers->pdata[i];
			guint open =
				GPOINTER_TO_UINT(g_hash_table_lookup(search->open, caller)) - 1;

			g_hash_table_insert(search->open, caller, GUINT_TO_POINTER(open));
			if (!open)
				g_ptr_array_add(closed, caller);
		}
	}
}

/* The first node from which IDs never arrive anywhere. */
void iort_check_cycles(const struct table_check *check)
{
	struct cycle_search search = {
		.open = g_hash_table_new(NULL, NULL),
		.callers =
			g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref),
	};
	const struct record *node;
	guint i = 0;

	add_edges(check->table, &search);
	close_acyclic_nodes(check->table, &search);
	while ((node = iort_next_node(check->table, &i)) && !g_hash_table_lookup(search.open, node))
		;
	if (node)
		report(check->findings, check->rule_id, table_place(check->table, node->at),
		       "go from devices to SMMUs, and from there to ITS groups",
		       "ID mappings of this %s lead in a circle", node->layout->name);
	g_hash_table_destroy(search.open);
	g_hash_table_destroy(search.callers);
}
