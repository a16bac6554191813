/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RMR nodes of an IORT: memory that must stay identity-mapped
 *
 * Consecutive memory objects for the same IDs share a node. Its ID mappings have the single flag,
 * as in QEMU's tables; readers use all of their IDs.
 *
 * Linux from 2022 to mid-2023 ignored mappings of a single ID. That was a bug in Linux, and does
 * not change what is written.
 */
#include <inttypes.h>

#include "base/array.h"
#include "tables/findings/findings.h"
#include "write.h"
#include "tables/routes/route.h"
#include "tables/model/topology.h"

/* The device, or another table, reports memory of other kinds. */
static bool is_rmr(const struct viommu_reserved_memory *memory)
{
	return memory->kind == VIOMMU_MEMORY_IDENTITY;
}

bool iort_has_rmrs(const struct viommu_topology *topology)
{
	const struct viommu_reserved_memory *memory;

	for_each_object(i, memory, topology, OBJECT_RESERVED_MEMORY)
		if (is_rmr(memory))
			return true;
	return false;
}

/* -- ID mappings ----------------------------------------------------------------- */

/* Input and output IDs are the same: an RMR node is about stream IDs. */
static void add_ids(struct iort_writing *writing, struct array *mappings,
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
		array_append(mappings, mapping);
}

/* Functions as stream IDs of their SMMU. */
static void add_functions(struct iort_writing *writing, struct array *mappings,
			  const struct viommu_reserved_memory *memory)
{
	uint64_t first = function_id(memory->segment, memory->bdf_first);
	uint64_t last = function_id(memory->segment, memory->bdf_last);

	for (size_t i = iort_seek_rid_range(writing, first);
	     !writing->too_large && i < writing->rid_ranges->len; i++) {
		const struct iort_rid_range *piece =
			&array_index(writing->rid_ranges, struct iort_rid_range, i);
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

/* Without IDs of its own, memory of an SMMU is for all functions behind it. */
static struct array *mappings_of(struct iort_writing *writing,
				 const struct viommu_reserved_memory *memory)
{
	struct array *mappings = array_new(sizeof(struct iort_mapping));
	const struct iort_iommu_state *state = iort_find_iommu(writing, memory->iommu);

	if (!memory->iommu)
		add_functions(writing, mappings, memory);
	else if (state && memory->has_ids)
		add_ids(writing, mappings, state, memory->id_first, memory->id_last);
	for (guint i = 0; state && !memory->has_ids && !writing->too_large && i < state->ids->len;
	     i++) {
		const struct iort_ids *ids = &array_index(state->ids, struct iort_ids, i);

		add_ids(writing, mappings, state, ids->first, ids->last);
	}
	return mappings;
}

/* Compares everything but the memory range and its place. */
static bool have_same_ids(const struct viommu_reserved_memory *one,
			  const struct viommu_reserved_memory *other)
{
	return !g_strcmp0(one->iommu, other->iommu) && one->flags == other->flags &&
	       one->has_ids == other->has_ids && one->id_first == other->id_first &&
	       one->id_last == other->id_last && one->segment == other->segment &&
	       one->bdf_first == other->bdf_first && one->bdf_last == other->bdf_last;
}

/* -- nodes ----------------------------------------------------------------------- */

/* Written unaligned if requested, with a finding. */
static void add_descriptor(const struct iort_writing *writing, struct array *descriptors,
			   const struct viommu_reserved_memory *memory)
{
	const struct iort_rmr_descriptor descriptor = {
		.base = memory->first,
		.length = memory->last - memory->first + 1,
	};

	if ((descriptor.base | descriptor.length) % IORT_RMR_GRANULE || !descriptor.length)
		report(writing->findings, "iort-rmr-align", memory->place,
		       "begin and end at multiples of 64 KiB",
		       "an RMR node cannot describe 0x%" PRIx64 "-0x%" PRIx64, memory->first,
		       memory->last);
	array_append(descriptors, descriptor);
}

/* QEMU writes mappings first, others the memory: readers go by offsets. */
static void write_rmr(struct iort_writing *writing, const struct viommu_reserved_memory *memory,
		      const struct array *mappings, const struct array *descriptors)
{
	static const uint8_t e_d = 3, e_b = 1;
	struct iort_rmr fields = {
		.node.revision = writing->revision >= IORT_REVISION_E_D ? e_d : e_b,
		.flags = memory->flags,
		.descriptor_count = (uint32_t)descriptors->len,
	};
	struct record *node = iort_begin_node(writing, IORT_RMR, &fields);
	struct iort_rmr *written = node->host;

	iort_report_revision(writing, memory->place, IORT_REVISION_E_D, "reserved memory");
	iort_add_mappings(node, mappings);
	written->descriptor_offset = (uint32_t)record_length(node);
	iort_add_elements(node, &iort_rmr_descriptor_layout, descriptors->data, descriptors->len);
	iort_end_node(writing, node);
}

/* A note: most of this memory is described elsewhere. */
static void report_memory(const struct iort_writing *writing,
			  const struct viommu_reserved_memory *memory, const char *why)
{
	report(writing->findings, "iort-silent-memory", memory->place, NULL,
	       "%s; 0x%" PRIx64 "-0x%" PRIx64 " was omitted", why, memory->first, memory->last);
}

/*
 * Writes the node that begins with the i-th memory object; returns the index behind its last one.
 */
static size_t write_next_rmr(struct iort_writing *writing, size_t i)
{
	const struct viommu_reserved_memory *memory = topology_get(writing->topology,
								   OBJECT_RESERVED_MEMORY, i),
					    *next = memory;
	auto_array struct array *mappings = mappings_of(writing, memory);
	auto_array struct array *descriptors = array_new(sizeof(struct iort_rmr_descriptor));

	do {
		add_descriptor(writing, descriptors, next);
		next = topology_get(writing->topology, OBJECT_RESERVED_MEMORY, ++i);
	} while (next && is_rmr(next) && have_same_ids(memory, next));
	if (mappings->len)
		write_rmr(writing, memory, mappings, descriptors);
	else
		report_memory(writing, memory, "nothing behind an SMMU uses this memory");
	return i;
}

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
		report_memory(writing, memory, "IORT can describe only identity-mapped memory");
		i++;
	}
}
