/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of IORT references: which node an ID mapping leads to
 *
 * Linux follows references unchecked, so a wrong one can mean a wrong device, a read beyond the
 * table, or an endless loop. IDs go in one direction: from a device to an SMMU, and from there to
 * an ITS group.
 *
 * An ID mapping stores the number of IDs less one, a device tree the number of IDs, and VIOT the
 * last ID.
 */
#include <inttypes.h>

#include "base/array.h"
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "check.h"

/* -- targets --------------------------------------------------------------------- */

/* iort-reference-null reports a reference of 0, which Linux treats differently. */
static void check_reference(const struct iort_reference *reference)
{
	if (reference->offset && !iort_reference_target(reference))
		iort_report_reference(reference, reference->field, "write the offset of a node",
				      "0x%" PRIx32 " is not the start of a node",
				      reference->offset);
}

/* The rules of target types skip references without a target. */
void iort_check_references(const struct table_check *check)
{
	iort_walk_references(check, check_reference);
}

/* 0 means that the generator did not fill in the field. */
static void check_null_reference(const struct iort_reference *reference)
{
	if (!reference->offset)
		iort_report_reference(reference, reference->field,
				      "write the offset of a node, or omit it",
				      "%s refers to nothing", reference->record->layout->name);
}

/* Linux stops at such a mapping, and ignores all further ones of the node. */
void iort_check_null_references(const struct table_check *check)
{
	iort_walk_references(check, check_null_reference);
}

#define BIT(type)     (1u << (type))
#define IOMMUS        (BIT(IORT_SMMU_V2) | BIT(IORT_SMMU_V3))
#define IOMMUS_OR_ITS (IOMMUS | BIT(IORT_ITS_GROUP))

/*
 * Node types that the ID mappings of a node may lead to. A virtio-iommu may stand where an SMMU
 * may.
 */
static const unsigned kinds[] = {
	[IORT_NAMED_COMPONENT] = IOMMUS_OR_ITS, [IORT_ROOT_COMPLEX] = IOMMUS_OR_ITS,
	[IORT_SMMU_V2] = BIT(IORT_ITS_GROUP),   [IORT_SMMU_V3] = BIT(IORT_ITS_GROUP),
	[IORT_PMCG] = BIT(IORT_ITS_GROUP),      [IORT_RMR] = IOMMUS,
	[IORT_IWB] = BIT(IORT_ITS_GROUP),
};

/* Node types that a PMCG may count for. */
static const unsigned counted = IOMMUS | BIT(IORT_ROOT_COMPLEX) | BIT(IORT_NAMED_COMPONENT);

/* Types are a byte; one without a bit in the mask is not allowed as a target. */
static bool may_lead_to(unsigned allowed, unsigned type)
{
	if (type == IORT_VIRTIO_PCI || type == IORT_VIRTIO_MMIO)
		return allowed & IOMMUS;
	return type < G_N_ELEMENTS(kinds) && allowed & BIT(type);
}

/* References from and to unknown nodes are not checked. */
static void check_reference_kind(const struct iort_reference *reference)
{
	const struct record *target = iort_reference_target(reference);
	unsigned from = iort_type_of(reference->node),
		 to = target ? iort_type_of(target) : IORT_UNKNOWN;
	unsigned allowed = from < G_N_ELEMENTS(kinds) ? kinds[from]
			   : from == IORT_VIRTIO_PCI || from == IORT_VIRTIO_MMIO
				   ? BIT(IORT_ITS_GROUP)
				   : 0;

	if (to == IORT_UNKNOWN || from == IORT_UNKNOWN ||
	    may_lead_to(iort_reference_mapping(reference) ? allowed : counted, to))
		return;
	iort_report_reference(reference, reference->field,
			      "map devices to SMMUs, and SMMUs to ITS groups", "%s refers to %s",
			      reference->node->layout->name, target->layout->name);
}

/* A table without findings here has no cycle, and no path of more than two steps. */
void iort_check_reference_kinds(const struct table_check *check)
{
	iort_walk_references(check, check_reference_kind);
}

/* -- cycles ---------------------------------------------------------------------- */

/* For each node, the number of references to nodes that may still be part of a cycle. */
struct cycle_search {
	struct hash *open;    /* node -> that number */
	struct hash *callers; /* node -> struct pointers of the nodes that refer to it */
};

static void add_edge(struct cycle_search *search, const struct record *from,
		     const struct record *to)
{
	struct pointers *callers = hash_lookup(search->callers, to);
	guint open = GPOINTER_TO_UINT(hash_lookup(search->open, from));

	if (!callers) {
		callers = pointers_new(NULL);
		hash_insert(search->callers, (gpointer)to, callers);
	}
	pointers_add(callers, (gpointer)from);
	hash_insert(search->open, (gpointer)from, GUINT_TO_POINTER(open + 1));
}

/* Only mappings carry IDs, so a PMCG's reference is no edge. */
static void add_edges(const struct viommu_table *table, struct cycle_search *search)
{
	auto_hash struct hash *nodes = iort_index(table);
	const struct record *node, *record;

	for (guint i = 0; (node = iort_next_node(table, &i));)
		for (guint k = 0; (record = iort_next(node, &iort_mapping_layout, &k));) {
			const struct iort_mapping *mapping = record->host;
			const struct record *target = hash_lookup(
				nodes, GSIZE_TO_POINTER((gsize)mapping->output_reference));

			if (target)
				add_edge(search, node, target);
		}
}

/* Visits every reference once, backwards from the nodes that refer to nothing. */
static void close_acyclic_nodes(const struct viommu_table *table, struct cycle_search *search)
{
	auto_pointers struct pointers *closed = pointers_new(NULL);
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(table, &i));)
		if (!hash_lookup(search->open, node))
			pointers_add(closed, (gpointer)node);
	while (closed->len) {
		const struct pointers *callers =
			hash_lookup(search->callers, pointers_take_fast(closed, closed->len - 1));

		for (guint i = 0; callers && i < callers->len; i++) {
			gpointer caller = callers->pdata[i];
			guint open = GPOINTER_TO_UINT(hash_lookup(search->open, caller)) - 1;

			hash_insert(search->open, caller, GUINT_TO_POINTER(open));
			if (!open)
				pointers_add(closed, caller);
		}
	}
}

/* Reports the first node whose IDs run into a cycle. */
void iort_check_cycles(const struct table_check *check)
{
	struct cycle_search search = {
		.open = hash_new(&hash_direct),
		.callers = hash_new_full(&hash_direct, NULL, pointers_free_value),
	};
	const struct record *node;
	guint i = 0;

	add_edges(check->table, &search);
	close_acyclic_nodes(check->table, &search);
	while ((node = iort_next_node(check->table, &i)) && !hash_lookup(search.open, node))
		;
	if (node)
		report(check->findings, check->rule_id, table_place(check->table, node->at),
		       "map devices to SMMUs, and SMMUs to ITS groups",
		       "the ID mappings of this %s lead into a cycle", node->layout->name);
	hash_free(search.open);
	hash_free(search.callers);
}
