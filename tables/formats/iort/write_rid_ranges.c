/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PCI functions behind the IOMMUs of an IORT
 *
 * tables/model/ranges.c divides ranges and host bridges into disjoint ranges. They are sorted by
 * segment here, since a root complex is a segment, and each IOMMU collects its stream IDs: SMMU
 * nodes precede root complex nodes.
 */
#include "base/array.h"
#include "tables/findings/findings.h"
#include "write.h"
#include "tables/routes/route.h"
#include "tables/model/topology.h"

#define LAST_RID 0xffffu

/* Both the root complex and the IOMMU need the range. */
static void add_rid_range(struct iort_writing *writing, struct iort_iommu_state *state,
			  const struct viommu_pci_range *range, uint16_t segment)
{
	uint64_t id = range_id(range, segment, range->bdf_first);
	uint64_t last = range->shared_id ? id : id + (uint64_t)(range->bdf_last - range->bdf_first);
	struct iort_rid_range piece = {
		.first = function_id(segment, range->bdf_first),
		.last = function_id(segment, range->bdf_last),
		.state = state,
		.id = (uint32_t)id,
		.shared_id = range->shared_id,
	};
	struct iort_ids ids = { (uint32_t)id, (uint32_t)last };

	array_append(writing->rid_ranges, piece);
	array_append(state->ids, ids);
	state->last_id = MAX(state->last_id, (uint32_t)last | LAST_RID);
}

/* One range per segment, as for nodes. */
static void collect_rid_range(void *opaque, const struct viommu_pci_range *range)
{
	struct iort_writing *writing = opaque;
	struct iort_iommu_state *state = iort_find_iommu(writing, range->iommu);

	for (unsigned s = range->segment_first; state && s <= range->segment_last; s++)
		add_rid_range(writing, state, range, (uint16_t)s);
}

/* Ranges are disjoint, so no two begin at the same function. */
static gint compare_rid_ranges(gconstpointer a, gconstpointer b)
{
	const struct iort_rid_range *one = a, *other = b;

	return (one->first > other->first) - (one->first < other->first);
}

/* Functions at the end of a path are in no range. */
void iort_collect_rid_ranges(struct iort_writing *writing)
{
	topology_for_each_pci_range(writing->topology, collect_rid_range, writing);
	array_sort(writing->rid_ranges, compare_rid_ranges);
}

/* Binary search. */
size_t iort_seek_rid_range(const struct iort_writing *writing, uint64_t function)
{
	size_t low = 0, high = writing->rid_ranges->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (array_index(writing->rid_ranges, struct iort_rid_range, middle).last < function)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
