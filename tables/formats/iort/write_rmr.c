/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RMR nodes of an IORT: memory that must stay mapped to itself
 *
 * Memory that is for the same IDs, and follows in the topology, is in one node. Its ID mappings are
 * written as QEMU writes them, with the flag of single ones: readers take all of their IDs.
 *
 * Linux from 2022 to the middle of 2023 passed over mappings of a single ID. That was its own
 * mistake, and no reason to write anything else.
 */
#include <inttypes.h>

#include "tables/findings/findings.h"
#include "write.h"
#include "tables/routes/route.h"
#include "tables/model/topology.h"

/* Memory of other kinds is told to guests in other ways, or by the device itself. */
static bool is_rmr(const struct viommu_reserved_memory *memory)
{
	return memory->kind == VIOMMU_MEMORY_IDENTITY;
}

/* Asked before the revision is chosen. */
bool iort_has_rmrs(const struct viommu_topology *topology)
{
	const struct viommu_reserved_memory *memory;

	for_each_object(i, memory, topology, OBJECT_RESERVED_MEMORY)
		if (is_rmr(memory))
			return true;
	return false;
}

/* -- for which IDs --------------------------------------------------------------------------- */

/* IDs come out as they go in: the node is about streams and not about functions. */
static void add_ids(struct iort_writing *writing, GArray *mappings,
		    const struct iort_iommu_state *state, uint32_t first, uint32_t last)
{
	const struct iort_mapping mapping = {
		.input_base = first,
		.id_count = last - first,
		.output_base = first,
		.output_reference = (uint32_t)state->at,
		.flags = IORT_MAPPING_SINGLE,
	};

	if (iort_has_room(writing, mappings))
		g_array_append_val(mappings, mapping);
}

/* Functions between the first and the last one, as the SMMU knows them. */
static void add_functions(struct iort_writing *writing, GArray *mappings,
			  const struct viommu_reserved_memory *memory)
{
	uint64_t first = function_id(memory->segment, memory->bdf_first);
	uint64_t last = function_id(memory->segment, memory->bdf_last);

	for (guint i = iort_seek_rid_range(writing, first);
	     !writing->too_large && i < writing->rid_ranges->len; i++) {
		const struct iort_rid_range *piece =
			&g_array_index(writing->rid_ranges, struct iort_rid_range, i);
		uint64_t from = MAX(first, piece->first), to = MIN(last, piece->last);

		if (from > to)
			break;
		if (piece->shared_id)
			add_ids(writing, mappings, piece->state, piece->id, piece->id);
		else
			add_ids(writing, mappings, piece->state,
				piece->id + (uint32_t)(from - piece->first),
				piece->id + (uint32_t)(to - piece->first));
	}
}

/* All IDs of an SMMU are those of the functions behind it. */
static GArray *mappings_of(struct iort_writing *writing,
			   const struct viommu_reserved_memory *memory)
{
	GArray *mappings = g_array_new(FALSE, FALSE, sizeof(struct iort_mapping));
	const struct iort_iommu_state *state = iort_find_iommu(writing, memory->iommu);

	if (!memory->iommu)
		add_functions(writing, mappings, memory);
	else if (state && memory->has_ids)
		add_ids(writing, mappings, state, memory->id_first, memory->id_last);
	for (guint i = 0; state && !memory->has_ids && !writing->too_large && i < state->ids->len;
	     i++) {
		const struct iort_ids *ids = &g_array_index(state->ids, struct iort_ids, i);

		add_ids(writing, mappings, state, ids->first, ids->last);
	}
	return mappings;
}

/* Everything but the memory itself and its place. */
static bool have_same_ids(const struct viommu_reserved_memory *one,
			  const struct viommu_reserved_memory *other)
{
	return !g_strcmp0(one->iommu, other->iommu) && one->flags == other->flags &&
	       one->has_ids == other->has_ids && one->id_first == other->id_first &&
	       one->id_last == other->id_last && one->segment == other->segment &&
	       one->bdf_first == other->bdf_first && one->bdf_last == other->bdf_last;
}

/* -- nodes --------------------------------------------------------------------------------------
 */

/* Written as it stands, and said: the table shows what was asked for. */
static void add_descriptor(const struct iort_writing *writing, GArray *descriptors,
			   const struct viommu_reserved_memory *memory)
{
	const struct iort_rmr_descriptor descriptor = {
		.base = memory->first,
		.length = memory->last - memory->first + 1,
	};

	if ((descriptor.base | descriptor.length) % IORT_RMR_GRANULE || !descriptor.length)
		report(writing->findings, "iort-rmr-align", memory->place,
		       "begin and end at multiples of 64 KiB",
		       "an RMR node cannot have 0x%" PRIx64 "-0x%" PRIx64, memory->first,
		       memory->last);
	g_array_append_val(descriptors, descriptor);
}

/* QEMU has the mappings first, and others the memory: readers go by the offsets. */
static void write_rmr(struct iort_writing *writing, const struct viommu_reserved_memory *memory,
		      const GArray *mappings, const GArray *descriptors)
{
	static const uint8_t e_d = 3, e_b = 1;
	struct iort_rmr fields = {
		.node.revision = writing->revision >= IORT_REVISION_E_D ? e_d : e_b,
		.flags = memory->flags,
		.descriptor_count = descriptors->len,
	};
	struct record *node = iort_begin_node(writing, IORT_RMR, &fields);
	struct iort_rmr *written = node->host;

	iort_report_revision(writing, memory->place, IORT_REVISION_E_D, "reserved memory");
	iort_add_mappings(node, mappings);
	written->descriptor_offset = (uint32_t)record_length(node);
	iort_add_elements(node, &iort_rmr_descriptor_layout, descriptors->data, descriptors->len);
	iort_end_node(writing, node);
}

/* A note, for what is left out here is mostly told in another way. */
static void report_memory(const struct iort_writing *writing,
			  const struct viommu_reserved_memory *memory, const char *why)
{
	report(writing->findings, "iort-silent-memory", memory->place, NULL,
	       "%s: 0x%" PRIx64 "-0x%" PRIx64 " is left out", why, memory->first, memory->last);
}

/* Memory from the i-th on that one node has; returns the index of what is behind it. */
static size_t write_next_rmr(struct iort_writing *writing, size_t i)
{
	const struct viommu_reserved_memory *memory = topology_get(writing->topology,
								   OBJECT_RESERVED_MEMORY, i),
					    *next = memory;
	g_autoptr(GArray) mappings = mappings_of(writing, memory);
	g_autoptr(GArray) descriptors =
		g_array_new(FALSE, FALSE, sizeof(struct iort_rmr_descriptor));

	do {
		add_descriptor(writing, descriptors, next);
		next = topology_get(writing->topology, OBJECT_RESERVED_MEMORY, ++i);
	} while (next && is_rmr(next) && have_same_ids(memory, next));
	if (mappings->len)
		write_rmr(writing, memory, mappings, descriptors);
	else
		report_memory(writing, memory, "memory of nothing that is behind an SMMU");
	return i;
}

/* One walk, in which each node takes what belongs to it. */
void iort_write_rmrs(struct iort_writing *writing)
{
	const struct viommu_reserved_memory *memory;
	size_t i = 0;

	while (!writing->too_large &&
	       (memory = topology_get(writing->topology, OBJECT_RESERVED_MEMORY, i))) {
		if (is_rmr(memory)) {
			i = write_next_rmr(writing, i);
			continue;
		}
		report_memory(writing, memory, "IORT has memory only that stays mapped to itself");
		i++;
	}
}
