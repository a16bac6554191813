/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What follows the fixed part of an IORT node: object names and arrays
 *
 * The node's fields say where each array begins and how many elements it has. Arrays come in any
 * order, some with gaps between them; decoding therefore goes by a sorted list.
 */
#include "iort.h"

const char *iort_text_name(uint64_t type)
{
	if (type == IORT_NAMED_COMPONENT)
		return "Object path";
	return type == IORT_IWB ? "Object name" : NULL;
}

/* Insertion sort: there are at most four. */
static void add_array(struct iort_array *arrays, size_t *n, struct iort_array array)
{
	size_t i = *n;

	if (!array.n)
		return;
	for (; i && arrays[i - 1].at > array.at; i--)
		arrays[i] = arrays[i - 1];
	arrays[i] = array;
	++*n;
}

/* Global interrupts have no count; an offset of 0 means that they are missing. */
static void add_arrays_of_smmu(struct iort_array *arrays, size_t *n,
			       const struct iort_smmu_v2 *smmu)
{
	add_array(arrays, n,
		  (struct iort_array){ "global interrupts", &iort_global_interrupts_layout,
				       smmu->global_offset, smmu->global_offset != 0 });
	add_array(arrays, n,
		  (struct iort_array){ "context interrupts", &iort_interrupt_layout,
				       smmu->context_offset, smmu->context_count });
	add_array(arrays, n,
		  (struct iort_array){ "PMU interrupts", &iort_pmu_interrupt_layout,
				       smmu->pmu_offset, smmu->pmu_count });
}

size_t iort_arrays(const struct record *record, struct iort_array *arrays)
{
	const struct iort_node *node = record->host;
	const struct iort_its_group *group = record->host;
	const struct iort_rmr *rmr = record->host;
	unsigned type = iort_type_of(record);
	size_t n = 0;

	add_array(arrays, &n,
		  (struct iort_array){ "ID mappings", &iort_mapping_layout, node->mapping_offset,
				       node->mapping_count });
	if (type == IORT_ITS_GROUP)
		add_array(arrays, &n,
			  (struct iort_array){ "ITS identifiers", &iort_its_layout,
					       record->layout->length, group->its_count });
	else if (type == IORT_SMMU_V2)
		add_arrays_of_smmu(arrays, &n, record->host);
	else if (type == IORT_RMR)
		add_array(arrays, &n,
			  (struct iort_array){ "memory ranges", &iort_rmr_descriptor_layout,
					       rmr->descriptor_offset, rmr->descriptor_count });
	return n;
}
