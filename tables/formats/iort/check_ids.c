/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the IDs in the mappings of an IORT
 *
 * A mapping takes a range of IDs, or with the flag of single ones whatever comes. Which
 * mappings may be single depends on the node, and an SMMUv3 may have one that is for itself;
 * ranges of a node are disjoint, and end within what an ID can be.
 */
#include <inttypes.h>

#include "tables/findings/findings.h"
#include "check.h"

#define LAST_RID  0xffffu
#define BIT(type) (1u << (type))

/* -- single mappings --------------------------------------------------------------------------- */

/* Is this the ID mapping that an SMMUv3 has for its own MSIs? */
static bool is_device_id_mapping(const struct iort_reference *reference)
{
	const struct iort_smmu_v3 *smmu = reference->node->host;

	return iort_type_of(reference->node) == IORT_SMMU_V3 && iort_has_device_id_mapping(smmu) &&
	       smmu->device_id_mapping == reference->index;
}

/* Linux passes it over for the devices behind the SMMU, even where it was meant for them. */
static void check_device_id_mapping(const struct iort_reference *reference)
{
	const struct record *target = iort_reference_target(reference);

	if (!iort_reference_mapping(reference) || !is_device_id_mapping(reference) ||
	    (iort_reference_mapping(reference)->flags & IORT_MAPPING_SINGLE && target &&
	     iort_type_of(target) == IORT_ITS_GROUP))
		return;
	iort_report_reference(
		reference, "Flags", "write all four GSIVs, or a single mapping to an ITS group",
		"the DeviceID mapping of an SMMUv3 is not a single one to an ITS group");
}

/* Whether the index is one of a mapping is the rule before this. */
void iort_check_device_id_mappings(const struct table_check *check)
{
	iort_walk_references(check, check_device_id_mapping);
}

/* The RMR node that QEMU writes has the flag as well, and Linux does not look at it there. */
static void check_single(const struct iort_reference *reference)
{
	static const unsigned allowed =
		BIT(IORT_NAMED_COMPONENT) | BIT(IORT_ROOT_COMPLEX) | BIT(IORT_PMCG) | BIT(IORT_RMR);
	unsigned type = iort_type_of(reference->node);

	if (!iort_reference_mapping(reference) ||
	    !(iort_reference_mapping(reference)->flags & IORT_MAPPING_SINGLE) || type > IORT_IWB ||
	    allowed & BIT(type) || is_device_id_mapping(reference))
		return;
	iort_report_reference(reference, "Flags", "write a range of IDs instead",
			      "%s has a single mapping", reference->node->layout->name);
}

/* Nodes that are not known may have what they like. */
void iort_check_single(const struct table_check *check)
{
	iort_walk_references(check, check_single);
}

/* -- IDs -----------------------------------------------------------------------------------------
 */

/* A single mapping has one ID, and its count says nothing. */
static bool is_range(const struct iort_reference *reference)
{
	return iort_reference_mapping(reference) &&
	       !(iort_reference_mapping(reference)->flags & IORT_MAPPING_SINGLE);
}

/* Counted from the larger of both ends: an ID must be one on either side. */
static void check_wrap(const struct iort_reference *reference)
{
	const struct iort_mapping *mapping = iort_reference_mapping(reference);

	if (is_range(reference) &&
	    mapping->id_count > UINT32_MAX - MAX(mapping->input_base, mapping->output_base))
		iort_report_reference(reference, "ID count", "end it at 0xffffffff",
				      "the last ID of an ID mapping has more than 32 bits");
}

/* Linux adds in 32 bits, and a range that wraps has no ID at all. */
void iort_check_wrap(const struct table_check *check)
{
	iort_walk_references(check, check_wrap);
}

/* A note, since whoever wrote such IDs means devices that Linux does not ask about. */
static void check_rids(const struct iort_reference *reference)
{
	const struct iort_mapping *mapping = iort_reference_mapping(reference);

	if (is_range(reference) && iort_type_of(reference->node) == IORT_ROOT_COMPLEX &&
	    (uint64_t)mapping->input_base + mapping->id_count > LAST_RID)
		iort_report_reference(reference, "ID count", "end it at 0xffff",
				      "a root complex has no requester ID 0x%" PRIx64,
				      (uint64_t)mapping->input_base + mapping->id_count);
}

/* Of root complexes alone: stream IDs have 32 bits. */
void iort_check_beyond(const struct table_check *check)
{
	iort_walk_references(check, check_rids);
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

/* Single mappings take part in no range; nor does that of an SMMU for itself, which Linux skips. */
static GArray *ranges_of(const struct record *node)
{
	GArray *ranges = g_array_new(FALSE, FALSE, sizeof(struct range));
	struct iort_reference reference = { .node = node };

	for (guint i = 0; (reference.record = iort_next(node, &iort_mapping_layout, &i));) {
		const struct iort_mapping *mapping = reference.record->host;
		struct range range = { mapping->input_base,
				       (uint64_t)mapping->input_base + mapping->id_count,
				       reference.record };

		if (is_range(&reference) && !is_device_id_mapping(&reference))
			g_array_append_val(ranges, range);
		reference.index++;
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
static void check_node_overlaps(const struct table_check *check, const struct record *node,
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
			check_node_overlaps(check, node, off_by_one);
}

/* Which of two mappings counts depends on the reader. */
void iort_check_overlap(const struct table_check *check)
{
	check_overlaps(check, false);
}

/* Told apart from other overlaps, for Linux knows this mistake and mends it. */
void iort_check_id_counts(const struct table_check *check)
{
	check_overlaps(check, true);
}
