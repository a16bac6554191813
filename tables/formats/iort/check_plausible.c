/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of IORT nodes that are whole, but cannot be of a real machine: interrupts that nothing has,
 * IDs that two streams share, revisions and memory attributes that are not defined
 */
#include <inttypes.h>

#include "base/array.h"
#include "base/hash.h"
#include "check.h"
#include "tables/findings/findings.h"

/* -- revisions ------------------------------------------------------------------------- */

/* DEN 0049E.g: the last revision of each node. */
static const uint8_t last_revision[] = {
	[IORT_ITS_GROUP] = 1,    [IORT_NAMED_COMPONENT] = 4,
	[IORT_ROOT_COMPLEX] = 4, [IORT_SMMU_V2] = 3,
	[IORT_SMMU_V3] = 5,      [IORT_PMCG] = 2,
	[IORT_RMR] = 3,          [IORT_IWB] = 0,
};

void iort_check_unknown_revisions(const struct table_check *check)
{
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(check->table, &i));) {
		unsigned type = iort_type_of(node), revision = iort_node_of(node)->revision;

		if (type < G_N_ELEMENTS(last_revision) && revision > last_revision[type])
			report(check->findings, check->rule_id, iort_place(check, node, "Revision"),
			       "write the revision whose fields the node has",
			       "revision %u of %s is not known", revision, node->layout->name);
	}
}

/* -- interrupts -------------------------------------------------------------------------- */

static bool has_global_interrupt(const struct record *node)
{
	guint i = 0;
	const struct record *record = iort_next(node, &iort_global_interrupts_layout, &i);

	return !record || ((const struct iort_global_interrupts *)record->host)->fault;
}

static void check_smmu_v2(const struct table_check *check, const struct record *node)
{
	const struct iort_smmu_v2 *smmu = node->host;

	if (!smmu->context_count)
		report(check->findings, check->rule_id, table_place(check->table, node->at),
		       "write the GSIVs of its context banks",
		       "the SMMU has no interrupt for its context banks");
	if (!smmu->global_offset)
		report(check->findings, check->rule_id, table_place(check->table, node->at),
		       "write the offset of its global interrupts",
		       "global interrupts of the SMMU cannot be at offset 0");
	else if (smmu->context_count && !has_global_interrupt(node))
		report(check->findings, check->rule_id, table_place(check->table, node->at),
		       "write its GSIV", "the SMMU has no global interrupt for faults");
}

static bool has_single_mapping(const struct record *node)
{
	const struct record *record;

	for (guint i = 0; (record = iort_next(node, &iort_mapping_layout, &i));)
		if (((const struct iort_mapping *)record->host)->flags & IORT_MAPPING_SINGLE)
			return true;
	return false;
}

/* PRI is optional; the others are not. */
static void check_smmu_v3(const struct table_check *check, const struct record *node)
{
	const struct iort_smmu_v3 *smmu = node->host;

	if (!smmu->event && !smmu->gerr && !has_single_mapping(node))
		report(check->findings, check->rule_id, iort_place(check, node, "Event GSIV"),
		       "write its GSIVs, or the ID mapping for its MSIs",
		       "the SMMUv3 has no interrupts for events and errors");
}

void iort_check_interrupts(const struct table_check *check)
{
	iort_for_each_node(check, IORT_SMMU_V2, check_smmu_v2);
	iort_for_each_node(check, IORT_SMMU_V3, check_smmu_v3);
}

/* Called with each interrupt of an SMMU that is not 0, which is none. */
typedef void each_gsiv(void *opaque, const struct record *node, uint32_t gsiv);

static void give(each_gsiv *each, void *opaque, const struct record *node, uint32_t gsiv)
{
	if (gsiv)
		each(opaque, node, gsiv);
}

static void for_each_gsiv_of_v3(const struct record *node, each_gsiv *each, void *opaque)
{
	const struct iort_smmu_v3 *v3 = node->host;

	give(each, opaque, node, v3->event);
	give(each, opaque, node, v3->pri);
	give(each, opaque, node, v3->gerr);
	give(each, opaque, node, v3->sync);
}

static void for_each_gsiv(const struct table_check *check, each_gsiv *each, void *opaque)
{
	const struct record *node, *record;

	for (guint i = 0; (node = iort_next_node(check->table, &i));) {
		if (iort_type_of(node) == IORT_SMMU_V3)
			for_each_gsiv_of_v3(node, each, opaque);
		for (guint k = 0; iort_type_of(node) == IORT_SMMU_V2 &&
				  (record = iort_next(node, &iort_interrupt_layout, &k));)
			give(each, opaque, node,
			     ((const struct iort_interrupt *)record->host)->gsiv);
	}
}

struct users {
	const struct table_check *check;
	struct hash *node_of;  /* GSIV -> its first node */
	struct hash *reported; /* nodes: one finding for each */
};

/* Context banks may share one. ThunderX2 has one for everything; another SMMUv3 has several. */
static bool may_repeat(const struct record *node)
{
	return iort_type_of(node) != IORT_SMMU_V3 ||
	       ((const struct iort_smmu_v3 *)node->host)->model == IORT_SMMU_V3_THUNDER_X2;
}

static void use(void *opaque, const struct record *node, uint32_t gsiv)
{
	const struct users *users = opaque;
	gpointer key = GUINT_TO_POINTER(gsiv), first = hash_lookup(users->node_of, key);

	if (!first)
		hash_insert(users->node_of, key, node);
	else if (first == node && !may_repeat(node) && hash_add(users->reported, node))
		report(users->check->findings, users->check->rule_id,
		       table_place(users->check->table, node->at),
		       "give each of its interrupts a GSIV of its own",
		       "two interrupts of %s are %u", node->layout->name, gsiv);
	else if (first != node && hash_add(users->reported, node))
		report(users->check->findings, users->check->rule_id,
		       table_place(users->check->table, node->at),
		       "give each SMMU interrupts of its own",
		       "%s has interrupt %u, as another node has", node->layout->name, gsiv);
}

void iort_check_shared_interrupts(const struct table_check *check)
{
	struct users users = { check, hash_new(&hash_direct), hash_new(&hash_direct) };

	for_each_gsiv(check, use, &users);
	hash_free(users.node_of);
	hash_free(users.reported);
}

#define GIC_SPI_FIRST 32u /* below are those of each CPU */

static void check_private(void *opaque, const struct record *node, uint32_t gsiv)
{
	const struct table_check *check = opaque;

	if (gsiv < GIC_SPI_FIRST)
		report(check->findings, check->rule_id, table_place(check->table, node->at),
		       "write the GIC's number, which is that of the shared interrupt plus 32",
		       "%s has interrupt %u, which is private to a CPU: devices do not raise it",
		       node->layout->name, gsiv);
}

void iort_check_private_interrupts(const struct table_check *check)
{
	for_each_gsiv(check, check_private, (void *)check);
}

/* -- ITSs ------------------------------------------------------------------------------------ */

/* Readers use the first ITS of a group, so a second mention has no effect or the wrong one. */
void iort_check_its_twice(const struct table_check *check)
{
	struct hash *seen = hash_new(&hash_direct);
	const struct record *node, *record;

	for (guint i = 0; (node = iort_next_node(check->table, &i));)
		for (guint k = 0; (record = iort_next(node, &iort_its_layout, &k));) {
			uint32_t id = ((const struct iort_its *)record->host)->identifier;

			if (!hash_add(seen, GUINT_TO_POINTER(id)))
				report(check->findings, check->rule_id,
				       table_place(check->table, record->at),
				       "name each ITS in one group", "ITS %u is named twice", id);
		}
	hash_free(seen);
}

/* Output IDs of one node to one ITS group. */
struct sent {
	uint32_t first, last, to;
	const struct record *record;
};

static int compare_sent(const void *a, const void *b)
{
	const struct sent *one = a, *other = b;

	if (one->to != other->to)
		return one->to < other->to ? -1 : 1;
	return (one->first > other->first) - (one->first < other->first);
}

/* Of an SMMU: a root complex may map two IDs to one stream on purpose. */
static void check_device_ids(const struct table_check *check, const struct record *node)
{
	auto_array struct array *list = array_new(sizeof(struct sent));
	const struct record *record;

	for (guint i = 0; (record = iort_next(node, &iort_mapping_layout, &i));) {
		const struct iort_mapping *mapping = record->host;
		struct sent sent = { mapping->output_base, mapping->output_base + mapping->id_count,
				     mapping->output_reference, record };

		if (!(mapping->flags & IORT_MAPPING_SINGLE) && sent.first <= sent.last)
			array_append(list, sent);
	}
	array_sort(list, compare_sent);
	for (size_t i = 1; i < list->len; i++) {
		struct sent *before = &array_index(list, struct sent, i - 1);
		struct sent *sent = &array_index(list, struct sent, i);

		if (sent->to != before->to || sent->first > before->last)
			continue;
		report(check->findings, check->rule_id,
		       iort_place(check, sent->record, "Output base"),
		       "give each stream ID a device ID of its own",
		       "device ID 0x%" PRIx32 " is that of two stream IDs", sent->first);
		sent->last = MAX(sent->last, before->last);
	}
}

void iort_check_device_ids(const struct table_check *check)
{
	iort_for_each_node(check, IORT_SMMU_V2, check_device_ids);
	iort_for_each_node(check, IORT_SMMU_V3, check_device_ids);
}

/* -- memory ---------------------------------------------------------------------------------- */

/* DEN 0049, Memory access properties: coherent accesses need a coherent path to memory. */
void iort_check_memory(const struct table_check *check)
{
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(check->table, &i));) {
		unsigned type = iort_type_of(node);
		const struct iort_memory *memory =
			type == IORT_ROOT_COMPLEX
				? &((const struct iort_root_complex *)node->host)->memory
			: type == IORT_NAMED_COMPONENT
				? &((const struct iort_named_component *)node->host)->memory
				: NULL;

		if (memory && (memory->cache_coherent > 1 ||
			       (memory->cache_coherent && !(memory->flags & IORT_MEMORY_CPM))))
			report(check->findings, check->rule_id, table_place(check->table, node->at),
			       "set CPM where CCA is 1, and write CCA as 0 or 1",
			       "no machine has these memory attributes: CCA %u, flags 0x%x",
			       memory->cache_coherent, memory->flags);
	}
}

static void check_span(const struct table_check *check, const struct record *node)
{
	const struct iort_smmu_v2 *smmu = node->host;

	if (!smmu->span)
		report(check->findings, check->rule_id, iort_place(check, node, "Span"),
		       "write the number of bytes of its registers",
		       "the SMMU has no registers: its span is 0");
}

void iort_check_spans(const struct table_check *check)
{
	iort_for_each_node(check, IORT_SMMU_V2, check_span);
}
