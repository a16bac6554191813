/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the references of an IORT: where IDs go, from node to node
 *
 * Linux follows references without looking where they go, so each of these can end in a wrong
 * device, a read beyond the table, or a walk without an end. An ID goes up in one direction only:
 * from what sends it to an SMMU, and from there to an ITS group.
 */
#include <inttypes.h>
#include <stdarg.h>

#include "findings.h"
#include "iort_check.h"

#define LAST_RID 0xffffu

/* A reference to a node: of an ID mapping, or of a PMCG to what it counts for. */
struct visit {
	const struct table_check *check;
	GHashTable *nodes;           /* by their offset */
	const struct record *node;   /* that refers */
	const struct record *record; /* the ID mapping, or the PMCG itself */
	const char *field;
	uint32_t reference;
	uint32_t index; /* of the mapping in its node */
};

typedef void visit_reference(const struct visit *visit);

static const struct iort_mapping *mapping_of(const struct visit *visit)
{
	return visit->record->layout == &iort_mapping_layout ? visit->record->host : NULL;
}

static const struct record *target_of(const struct visit *visit)
{
	return g_hash_table_lookup(visit->nodes, GSIZE_TO_POINTER((gsize)visit->reference));
}

static void visit_mappings(struct visit visit, visit_reference *each)
{
	visit.index = 0;
	visit.field = "Output reference";
	for (guint i = 0; (visit.record = iort_next(visit.node, &iort_mapping_layout, &i));) {
		visit.reference = mapping_of(&visit)->output_reference;
		each(&visit);
		visit.index++;
	}
}

static void visit_pmcg(struct visit visit, visit_reference *each)
{
	const struct iort_pmcg *pmcg = visit.node->host;

	visit.record = visit.node;
	visit.field = "Node reference";
	visit.reference = pmcg->node_reference;
	each(&visit);
}

static void visit_all(const struct table_check *check, visit_reference *each)
{
	g_autoptr(GHashTable) nodes = iort_index(check->table);
	struct visit visit = { .check = check, .nodes = nodes };

	for (guint i = 0; (visit.node = iort_next_node(check->table, &i));) {
		visit_mappings(visit, each);
		if (iort_type_of(visit.node) == IORT_PMCG)
			visit_pmcg(visit, each);
	}
}

__attribute__((format(printf, 4, 5))) static void
blame(const struct visit *visit, const char *field, const char *cure, const char *format, ...)
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

/* -- where references lead --------------------------------------------------------------- */

/* A reference of 0 is a rule of its own, for what Linux makes of it is different. */
static void look_at_reference(const struct visit *visit)
{
	if (visit->reference && !target_of(visit))
		blame(visit, visit->field, "write the offset of a node",
		      "0x%" PRIx32 " is not the start of a node", visit->reference);
}

void iort_check_references(const struct table_check *check)
{
	visit_all(check, look_at_reference);
}

static void look_at_null(const struct visit *visit)
{
	if (!visit->reference)
		blame(visit, visit->field, "write the offset of a node, or leave it out",
		      "%s refers to nothing", visit->record->layout->name);
}

void iort_check_null_references(const struct table_check *check)
{
	visit_all(check, look_at_null);
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

static bool may_lead_to(unsigned allowed, unsigned type)
{
	if (type == IORT_VIRTIO_PCI || type == IORT_VIRTIO_MMIO)
		return allowed & IOMMUS;
	return type < G_N_ELEMENTS(kinds) && allowed & BIT(type);
}

/* Of a node that nobody knows nobody knows where it may lead, or what may lead to it. */
static void look_at_kind(const struct visit *visit)
{
	const struct record *target = target_of(visit);
	unsigned from = iort_type_of(visit->node),
		 to = target ? iort_type_of(target) : IORT_UNKNOWN;
	unsigned allowed = from < G_N_ELEMENTS(kinds) ? kinds[from] : 0;

	if (to == IORT_UNKNOWN || from == IORT_UNKNOWN ||
	    may_lead_to(mapping_of(visit) ? allowed : counted, to))
		return;
	blame(visit, visit->field, "go from devices to SMMUs, and from there to ITS groups",
	      "%s refers to %s", visit->node->layout->name, target->layout->name);
}

void iort_check_reference_kinds(const struct table_check *check)
{
	visit_all(check, look_at_kind);
}

/* -- circles -------------------------------------------------------------------------------- */

/* How many references of a node lead to nodes of which it is not known that they come to an end. */
struct walk {
	GHashTable *open;    /* node -> that number */
	GHashTable *callers; /* node -> GPtrArray of the nodes that refer to it */
};

/* An ID comes back where it was: only mappings carry IDs. */
static void note_edge(struct walk *walk, const struct record *from, const struct record *to)
{
	GPtrArray *callers = g_hash_table_lookup(walk->callers, to);
	guint open = GPOINTER_TO_UINT(g_hash_table_lookup(walk->open, from));

	if (!callers) {
		callers = g_ptr_array_new();
		g_hash_table_insert(walk->callers, (gpointer)to, callers);
	}
	g_ptr_array_add(callers, (gpointer)from);
	g_hash_table_insert(walk->open, (gpointer)from, GUINT_TO_POINTER(open + 1));
}

static void note_edges(const struct viommu_table *table, struct walk *walk)
{
	g_autoptr(GHashTable) nodes = iort_index(table);
	const struct record *node, *record;

	for (guint i = 0; (node = iort_next_node(table, &i));)
		for (guint k = 0; (record = iort_next(node, &iort_mapping_layout, &k));) {
			const struct iort_mapping *mapping = record->host;
			const struct record *target = g_hash_table_lookup(
				nodes, GSIZE_TO_POINTER((gsize)mapping->output_reference));

			if (target)
				note_edge(walk, node, target);
		}
}

/* Every reference is followed backwards once, however nodes refer to each other. */
static void close_nodes(const struct viommu_table *table, struct walk *walk)
{
	g_autoptr(GPtrArray) closed = g_ptr_array_new();
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(table, &i));)
		if (!g_hash_table_lookup(walk->open, node))
			g_ptr_array_add(closed, (gpointer)node);
	while (closed->len) {
		const GPtrArray *callers = g_hash_table_lookup(
			walk->callers, g_ptr_array_steal_index_fast(closed, closed->len - 1));

		for (guint i = 0; callers && i < callers->len; i++) {
			gpointer caller = callers->pdata[i];
			guint open = GPOINTER_TO_UINT(g_hash_table_lookup(walk->open, caller)) - 1;

			g_hash_table_insert(walk->open, caller, GUINT_TO_POINTER(open));
			if (!open)
				g_ptr_array_add(closed, caller);
		}
	}
}

/* The first node from which IDs never arrive anywhere. */
void iort_check_cycles(const struct table_check *check)
{
	struct walk walk = {
		.open = g_hash_table_new(NULL, NULL),
		.callers =
			g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref),
	};
	const struct record *node;
	guint i = 0;

	note_edges(check->table, &walk);
	close_nodes(check->table, &walk);
	while ((node = iort_next_node(check->table, &i)) && !g_hash_table_lookup(walk.open, node))
		;
	if (node)
		report(check->findings, check->rule_id, table_place(check->table, node->at),
		       "go from devices to SMMUs, and from there to ITS groups",
		       "ID mappings of this %s lead in a circle", node->layout->name);
	g_hash_table_destroy(walk.open);
	g_hash_table_destroy(walk.callers);
}

/* -- single mappings --------------------------------------------------------------------------- */

/* Is this the ID mapping that an SMMUv3 has for its own MSIs? */
static bool is_device_id_mapping(const struct visit *visit)
{
	const struct iort_smmu_v3 *smmu = visit->node->host;

	return iort_type_of(visit->node) == IORT_SMMU_V3 && iort_has_device_id_mapping(smmu) &&
	       smmu->device_id_mapping == visit->index;
}

static void look_at_device_id_mapping(const struct visit *visit)
{
	const struct record *target = target_of(visit);

	if (!mapping_of(visit) || !is_device_id_mapping(visit) ||
	    (mapping_of(visit)->flags & IORT_MAPPING_SINGLE && target &&
	     iort_type_of(target) == IORT_ITS_GROUP))
		return;
	blame(visit, "Flags", "write all four GSIVs, or a single mapping to an ITS group",
	      "the DeviceID mapping of an SMMUv3 is not a single one to an ITS group");
}

void iort_check_device_id_mappings(const struct table_check *check)
{
	visit_all(check, look_at_device_id_mapping);
}

/* The RMR node that QEMU writes has the flag as well, and Linux does not look at it there. */
static void look_at_single(const struct visit *visit)
{
	static const unsigned allowed =
		BIT(IORT_NAMED_COMPONENT) | BIT(IORT_ROOT_COMPLEX) | BIT(IORT_PMCG) | BIT(IORT_RMR);
	unsigned type = iort_type_of(visit->node);

	if (!mapping_of(visit) || !(mapping_of(visit)->flags & IORT_MAPPING_SINGLE) ||
	    type >= G_N_ELEMENTS(kinds) || allowed & BIT(type) || is_device_id_mapping(visit))
		return;
	blame(visit, "Flags", "write a range of IDs instead", "%s has a single mapping",
	      visit->node->layout->name);
}

void iort_check_single(const struct table_check *check)
{
	visit_all(check, look_at_single);
}

/* -- IDs -----------------------------------------------------------------------------------------
 */

static bool is_range(const struct visit *visit)
{
	return mapping_of(visit) && !(mapping_of(visit)->flags & IORT_MAPPING_SINGLE);
}

static void look_at_wrap(const struct visit *visit)
{
	const struct iort_mapping *mapping = mapping_of(visit);

	if (is_range(visit) &&
	    mapping->id_count > UINT32_MAX - MAX(mapping->input_base, mapping->output_base))
		blame(visit, "ID count", "end it at 0xffffffff",
		      "the last ID of an ID mapping has more than 32 bits");
}

void iort_check_wrap(const struct table_check *check)
{
	visit_all(check, look_at_wrap);
}

static void look_at_rids(const struct visit *visit)
{
	const struct iort_mapping *mapping = mapping_of(visit);

	if (is_range(visit) && iort_type_of(visit->node) == IORT_ROOT_COMPLEX &&
	    (uint64_t)mapping->input_base + mapping->id_count > LAST_RID)
		blame(visit, "ID count", "end it at 0xffff",
		      "a root complex has no requester ID 0x%" PRIx64,
		      (uint64_t)mapping->input_base + mapping->id_count);
}

void iort_check_beyond(const struct table_check *check)
{
	visit_all(check, look_at_rids);
}

/* -- IDs that two mappings of a node take --------------------------------------------------------
 */

struct range {
	uint64_t first, last;
	const struct record *record;
};

/* By their first ID; of two with the same one, in the order of the node. */
static gint compare_ranges(gconstpointer a, gconstpointer b)
{
	const struct range *one = a, *other = b;

	if (one->first != other->first)
		return one->first < other->first ? -1 : 1;
	return (one->record->at > other->record->at) - (one->record->at < other->record->at);
}

static GArray *ranges_of(const struct record *node)
{
	GArray *ranges = g_array_new(FALSE, FALSE, sizeof(struct range));
	struct visit visit = { .node = node };

	for (guint i = 0; (visit.record = iort_next(node, &iort_mapping_layout, &i));) {
		const struct iort_mapping *mapping = visit.record->host;
		struct range range = { mapping->input_base,
				       (uint64_t)mapping->input_base + mapping->id_count,
				       visit.record };

		if (is_range(&visit) && !is_device_id_mapping(&visit))
			g_array_append_val(ranges, range);
		visit.index++;
	}
	g_array_sort(ranges, compare_ranges);
	return ranges;
}

/* A range that begins at the last ID of the one before was made by who counted IDs one too many. */
static bool is_off_by_one(const struct range *before, const struct range *range)
{
	return before->last == range->first && before->first < before->last;
}

/*
 * Each range against the one that reaches furthest of those before it: if it overlaps any of them,
 * it overlaps that one.
 */
static void blame_overlaps(const struct table_check *check, const struct record *node,
			   bool off_by_one)
{
	g_autoptr(GArray) ranges = ranges_of(node);
	const struct range *before = NULL;

	for (guint i = 0; i < ranges->len; i++) {
		const struct range *range = &g_array_index(ranges, struct range, i);
		bool overlaps = before && before->last >= range->first;

		if (overlaps && is_off_by_one(before, range) == off_by_one)
			report(check->findings, check->rule_id,
			       iort_place(check, off_by_one ? before->record : range->record,
					  off_by_one ? "ID count" : "Input base"),
			       off_by_one ? "write one less than there are"
					  : "let every ID be in one mapping of its node",
			       "ID 0x%" PRIx64 " is in two mappings of %s", range->first,
			       node->layout->name);
		if (!before || range->last > before->last)
			before = range;
	}
}

/* In RMR nodes ranges may overlap: the same device has several regions. */
static void check_overlaps(const struct table_check *check, bool off_by_one)
{
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(check->table, &i));)
		if (iort_type_of(node) != IORT_RMR)
			blame_overlaps(check, node, off_by_one);
}

void iort_check_overlap(const struct table_check *check)
{
	check_overlaps(check, false);
}

void iort_check_id_counts(const struct table_check *check)
{
	check_overlaps(check, true);
}
