/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Adds the proximity domains of an SRAT to a topology
 *
 * An SRAT does not describe IOMMUs, only domains of functions. It complements the topology of
 * another table, such as VIOT or IVRS, which has no field for domains.
 */
#include "base/hash.h"
#include "srat.h"
#include "tables/model/topology.h"

/* The last one of a function wins; a rule reports duplicates. */
static struct hash *initiators_of(const struct viommu_table *srat)
{
	struct hash *initiators = hash_new(&hash_direct);
	const struct record *structure;

	for_each_structure(structure, srat)
		if (record_is(structure, &srat_initiator_layout) && srat_is_enabled(structure))
			hash_insert(initiators, GUINT_TO_POINTER(srat_function_id(structure)),
				    (gpointer)structure);
	return initiators;
}

static const struct srat_function *initiator_of(struct hash *initiators,
						const struct viommu_iommu *iommu)
{
	uint32_t id = (uint32_t)iommu->segment << 16 | iommu->bdf;
	const struct record *structure = hash_lookup(initiators, GUINT_TO_POINTER(id));

	return structure ? structure->host : NULL;
}

/* Keeps domains that the topology has. */
int topology_apply_srat_domains(struct viommu_topology *topology, const struct viommu_table *srat)
{
	const struct viommu_iommu *iommu;
	struct hash *initiators;
	int n = 0;

	if (srat->format != &srat_format || !srat->whole)
		return 0;
	initiators = initiators_of(srat);
	for_each_object(i, iommu, topology, OBJECT_IOMMU) {
		const struct srat_function *function = initiator_of(initiators, iommu);

		if (!function || !iommu_is_function(iommu) || iommu->has_proximity_domain)
			continue;
		topology_set_domain(topology, i, function->domain);
		n++;
	}
	hash_free(initiators);
	return n;
}
