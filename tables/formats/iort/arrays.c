/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stands behind the fixed part of a node: names of objects, and arrays
 *
 * Where an array begins and how many elements it has are fields of the node. Their order is
 * free, and some tables have bytes between them; so decoding goes by a list of arrays that is
 * sorted.
 */
#include "iort.h"

/* Their text begins where the fixed part ends. */
const char *iort_text_name(uint64_t type)
{
	if (type == IORT_NAMED_COMPONENT)
		return "Object path";
	return type == IORT_IWB ? "Object name" : NULL;
}

/* Sorted as they come: there are four at most. */
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

/* Global interrupts are always two, so only an offset says whether they are there. */
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

/* Identifiers of an ITS group follow its fields; all other arrays have an offset. */
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
