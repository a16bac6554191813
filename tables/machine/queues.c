/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Command queues of SMMUs, whose devices are in a DSDT or an SSDT
 *
 * The device names its SMMU by the identifier of the node in the IORT. A topology keeps only
 * identifiers that are not the index of the node, so the IORT is needed again.
 */
#include "machine.h"
#include "tables/findings/findings.h"
#include "tables/formats/dsdt.h"
#include "tables/formats/iort/iort.h"
#include "tables/table/unsupported.h"

/* The first device with an identifier counts, as in Linux. */
static struct hash *by_identifier(const struct array *all)
{
	struct hash *queues = hash_new(&hash_direct);

	for (size_t i = 0; i < all->len; i++) {
		struct dsdt_queues *device = &array_index(all, struct dsdt_queues, i);

		if (!device->is_computed &&
		    !hash_contains(queues, GUINT_TO_POINTER(device->identifier)))
			hash_insert(queues, GUINT_TO_POINTER(device->identifier), device);
	}
	return queues;
}

/* The queues of each SMMUv3 by its registers, in the order of Linux: the first node counts. */
static struct hash *by_registers(const struct viommu_table *iort, const struct hash *queues)
{
	struct hash *smmus = hash_new(&hash_number);
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(iort, &i));) {
		uint32_t identifier = iort_node_of(node)->identifier;
		const struct iort_smmu_v3 *smmu = node->host;

		if (iort_type_of(node) == IORT_SMMU_V3 && !hash_contains(smmus, &smmu->base))
			hash_insert(smmus, &smmu->base,
				    hash_lookup(queues, GUINT_TO_POINTER(identifier)));
	}
	return smmus;
}

/* Keeps queues that the topology has. */
static int set_queues(struct viommu_topology *topology, const struct hash *smmus)
{
	const struct viommu_iommu *iommu;
	int n = 0;

	for_each_object(i, iommu, topology, OBJECT_IOMMU) {
		const struct dsdt_queues *device = hash_lookup(smmus, &iommu->base);

		if (iommu->kind != VIOMMU_SMMU_V3 || iommu_has_queues(iommu) || !device)
			continue;
		topology_set_queues(topology, i,
				    &(struct viommu_iommu_cmdqv){
					    .base = device->base,
					    .interrupt = device->interrupt,
				    });
		n++;
	}
	return n;
}

int topology_apply_queues(struct viommu_topology *topology, const struct viommu_table *iort,
			  const struct viommu_table *block)
{
	struct hash *queues, *smmus;
	struct array *all;
	int n;

	if (iort->format != &iort_format || !iort->whole || !is_definition_block(block))
		return 0;
	all = array_new(sizeof(struct dsdt_queues));
	dsdt_collect_queues(block, all);
	queues = by_identifier(all);
	smmus = by_registers(iort, queues);
	n = set_queues(topology, smmus);
	hash_free(smmus);
	hash_free(queues);
	array_free(all);
	return n;
}

static void check_block(const struct machine *machine, const struct viommu_table *block)
{
	struct array *all = array_new(sizeof(struct dsdt_queues));

	dsdt_collect_queues(block, all);
	for (size_t i = 0; i < all->len; i++) {
		const struct dsdt_queues *device = &array_index(all, struct dsdt_queues, i);

		if (device->is_computed)
			report(machine->findings, machine->rule_id, table_place(block, device->at),
			       "give the SMMU its `cmdqv` in a topology",
			       "the _UID or the _CRS of a device " DSDT_QUEUES
			       " is computed, and was not evaluated: its SMMU and its registers "
			       "are "
			       "not known");
	}
	array_free(all);
}

void machine_check_queues(const struct machine *machine)
{
	for (size_t i = 0; i < machine->blocks->len; i++)
		check_block(machine, machine->blocks->pdata[i]);
}
