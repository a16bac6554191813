/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PCI functions behind SMMUs, on their way into an IORT
 *
 * Ranges and host bridges are cut into disjoint pieces by ranges.c. Here they are gathered by
 * segment, for a root complex is one, and SMMUs learn which stream IDs they see: nodes of
 * SMMUs stand before those of root complexes, and have to say so first.
 */
#include "tables/findings/findings.h"
#include "write.h"
#include "tables/routes/route.h"
#include "tables/model/topology.h"

/* A requester ID has 16 bits: bus, device and function. */
#define LAST_RID 0xffffu

/* Noted at both ends: where functions are, and which IDs an SMMU sees. */
static void add_rid_range(struct iort_writing *writing, struct iort_iommu_state *state,
			  const struct viommu_pci_range *range, uint16_t segment)
{
	uint64_t id = range_id(range, segment, range->bdf_first);
	uint64_t last = range->one_id ? id : id + (uint64_t)(range->bdf_last - range->bdf_first);
	struct iort_rid_range piece = {
		.first = function_id(segment, range->bdf_first),
		.last = function_id(segment, range->bdf_last),
		.state = state,
		.id = (uint32_t)id,
		.shared_id = range->one_id,
	};
	struct iort_ids ids = { (uint32_t)id, (uint32_t)last };

	g_array_append_val(writing->rid_ranges, piece);
	g_array_append_val(state->ids, ids);
	state->last_id = MAX(state->last_id, (uint32_t)last | LAST_RID);
}

/* A piece of several segments is one of each here, as nodes are. */
static void collect_rid_range(void *opaque, const struct viommu_pci_range *range)
{
	struct iort_writing *writing = opaque;
	struct iort_iommu_state *state = iort_find_iommu(writing, range->iommu);

	for (unsigned s = range->segment_first; state && s <= range->segment_last; s++)
		add_rid_range(writing, state, range, (uint16_t)s);
}

/* No two begin at the same function, for they are disjoint. */
static gint compare_rid_ranges(gconstpointer a, gconstpointer b)
{
	const struct iort_rid_range *one = a, *other = b;

	return (one->first > other->first) - (one->first < other->first);
}

/* Without its bus, a function has no ID. */
static void report_unrepresentable(const struct iort_writing *writing,
				   const struct viommu_pci_range *range)
{
	if (!range_is_known(range))
		report(writing->findings, "iort-silent-path", range->place,
		       "give the functions by their buses",
		       "IORT has no paths: what is at the end of \"%s\" is left out", range->path);
	else if (range->scope == VIOMMU_SCOPE_BRIDGE && !range->below_first)
		report(writing->findings, "iort-silent-path", range->place,
		       "say which buses are `below` the bridge",
		       "IORT has no bridges: what is below this one is left out");
}

/* What is at the end of a path is in no piece, and is said. */
void iort_collect_rid_ranges(struct iort_writing *writing)
{
	const struct viommu_pci_range *range;

	viommu_topology_for_each_pci_range(writing->topology, collect_rid_range, writing);
	g_array_sort(writing->rid_ranges, compare_rid_ranges);
	for_each_object(i, range, writing->topology, OBJECT_PCI_RANGE)
		report_unrepresentable(writing, range);
}

/* Pieces are sorted, and so a half of them can be passed over at a time. */
guint iort_seek_rid_range(const struct iort_writing *writing, uint64_t function)
{
	guint low = 0, high = writing->rid_ranges->len;

	while (low < high) {
		guint middle = low + (high - low) / 2;

		if (g_array_index(writing->rid_ranges, struct iort_rid_range, middle).last <
		    function)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
