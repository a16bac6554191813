/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the IDs in ID mappings of an IORT
 *
 * A mapping takes a range of input IDs or, with the single flag, any input ID. The node type
 * decides which mappings may be single, and an SMMUv3 may have one for itself. Ranges of a node
 * are disjoint and end at the largest ID.
 */
#include <inttypes.h>

#include "base/array.h"
#include "tables/findings/findings.h"
#include "check.h"

#define LAST_RID  0xffffu
#define BIT(type) (1u << (type))

/* -- single mappings ------------------------------------------------------------- */

static bool is_device_id_mapping(const struct iort_reference *reference)
{
	const struct iort_smmu_v3 *smmu = reference->node->host;

	return iort_type_of(reference->node) == IORT_SMMU_V3 && iort_has_device_id_mapping(smmu) &&
	       smmu->device_id_mapping == reference->index;
}

/*
 * Linux never uses this mapping for devices behind the SMMU, even if the generator meant it for
 * them.
 */
static void check_device_id_mapping(const struct iort_reference *reference)
{
	const struct record *target = iort_reference_target(reference);

	if (!iort_reference_mapping(reference) || !is_device_id_mapping(reference) ||
	    (iort_reference_mapping(reference)->flags & IORT_MAPPING_SINGLE && target &&
	     iort_type_of(target) == IORT_ITS_GROUP))
		return;
	iort_report_reference(
		reference, "Flags", "write all four GSIVs, or a single mapping to an ITS group",
		"the DeviceID mapping of the SMMUv3 is not a single mapping to an ITS group");
}

/* The index itself is checked by iort-device-id-index. */
void iort_check_device_id_mappings(const struct table_check *check)
{
	iort_walk_references(check, check_device_id_mapping);
}

/* QEMU writes the flag in RMR nodes too, where Linux ignores it. */
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

/* Unknown nodes are not checked. */
void iort_check_single(const struct table_check *check)
{
	iort_walk_references(check, check_single);
}

/* -- IDs ------------------------------------------------------------------------- */

/* A single mapping has one ID, whatever its count. */
static bool is_range(const struct iort_reference *reference)
{
	return iort_reference_mapping(reference) &&
	       !(iort_reference_mapping(reference)->flags & IORT_MAPPING_SINGLE);
}

/* Both the last input ID and the last output ID must have 32 bits. */
static void check_wrap(const struct iort_reference *reference)
{
	const struct iort_mapping *mapping = iort_reference_mapping(reference);

	if (is_range(reference) &&
	    mapping->id_count > UINT32_MAX - MAX(mapping->input_base, mapping->output_base))
		iort_report_reference(reference, "ID count", "end it at 0xffffffff",
				      "the last ID of the mapping needs more than 32 bits");
}

/* Linux adds in 32 bits: a range that wraps contains no ID. */
void iort_check_wrap(const struct table_check *check)
{
	iort_walk_references(check, check_wrap);
}

/*
 * A note: Linux never asks for such IDs, but the generator may mean devices that Linux does not
 * know.
 */
static void check_rids(const struct iort_reference *reference)
{
	const struct iort_mapping *mapping = iort_reference_mapping(reference);

	if (is_range(reference) && iort_type_of(reference->node) == IORT_ROOT_COMPLEX &&
	    (uint64_t)mapping->input_base + mapping->id_count > LAST_RID)
		iort_report_reference(reference, "ID count", "end it at 0xffff",
				      "the range of a root complex ends at 0x%" PRIx64
				      ", beyond the last requester ID",
				      (uint64_t)mapping->input_base + mapping->id_count);
}

/* Root complexes only: stream IDs have 32 bits. */
void iort_check_beyond(const struct table_check *check)
{
	iort_walk_references(check, check_rids);
}

/* -- overlapping ranges ---------------------------------------------------------- */

struct range {
	uint64_t first, last;
	const struct record *record;
};

/* By first ID, then in the order of the node. */
static gint compare_ranges(gconstpointer a, gconstpointer b)
{
	const struct range *one = a, *other = b;

	if (one->first != other->first)
		return one->first < other->first ? -1 : 1;
	return (one->record->at > other->record->at) - (one->record->at < other->record->at);
}

/* Without single mappings, and without the DeviceID mapping of an SMMUv3, which Linux skips. */
static struct array *ranges_of(const struct record *node)
{
	struct array *ranges = array_new(sizeof(struct range));
	struct iort_reference reference = { .node = node };

	for (guint i = 0; (reference.record = iort_next(node, &iort_mapping_layout, &i));) {
		const struct iort_mapping *mapping = reference.record->host;
		struct range range = { mapping->input_base,
				       (uint64_t)mapping->input_base + mapping->id_count,
				       reference.record };

		if (is_range(&reference) && !is_device_id_mapping(&reference))
			array_append(ranges, range);
		reference.index++;
	}
	array_sort(ranges, compare_ranges);
	return ranges;
}

/*
 * A range that begins at the last ID of the previous one comes from a generator that stores the
 * number of IDs instead of one less.
 */
static bool is_off_by_one(const struct range *before, const struct range *range)
{
	return before->last == range->first && before->first < before->last;
}

/*
 * Compares each range with the previous one that reaches furthest: a range that overlaps any
 * previous one overlaps that one.
 */
static void check_node_overlaps(const struct table_check *check, const struct record *node,
				bool off_by_one)
{
	auto_array struct array *ranges = ranges_of(node);
	const struct range *before = NULL;

	for (guint i = 0; i < ranges->len; i++) {
		const struct range *range = &array_index(ranges, struct range, i);
		bool overlaps = before && before->last >= range->first;

		if (overlaps && is_off_by_one(before, range) == off_by_one)
			report(check->findings, check->rule_id,
			       iort_place(check, off_by_one ? before->record : range->record,
					  off_by_one ? "ID count" : "Input base"),
			       off_by_one ? "write the number of IDs less one"
					  : "put every ID into one mapping only",
			       "ID 0x%" PRIx64 " is in two mappings of %s", range->first,
			       node->layout->name);
		if (!before || range->last > before->last)
			before = range;
	}
}

/* Ranges of an RMR node may overlap: one device can have several regions. */
static void check_overlaps(const struct table_check *check, bool off_by_one)
{
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(check->table, &i));)
		if (iort_type_of(node) != IORT_RMR)
			check_node_overlaps(check, node, off_by_one);
}

/* Readers differ in which of two mappings they take. */
void iort_check_overlap(const struct table_check *check)
{
	check_overlaps(check, false);
}

/* A rule of its own, since Linux recognizes this mistake and corrects it. */
void iort_check_id_counts(const struct table_check *check)
{
	check_overlaps(check, true);
}
