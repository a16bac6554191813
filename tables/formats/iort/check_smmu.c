/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of IORT nodes that receive IDs: ITS groups and SMMUs; and of PMCGs
 *
 * Most are about interrupts. An SMMUv3 has four wired interrupts or sends MSIs, and three node
 * revisions say this in three ways. A reader that decides wrongly receives no interrupts.
 */
#include "tables/findings/findings.h"
#include "check.h"

/* Linux uses the first ITS of a group. */
static void check_its_group(const struct table_check *check, const struct record *node)
{
	const struct iort_its_group *group = node->host;

	if (!group->its_count)
		report(check->findings, check->rule_id, iort_place(check, node, "ITS count"),
		       "name an ITS, or omit the node", "the ITS group has no ITS");
}

/* tables/machine checks the identifiers against the MADT. */
void iort_check_its_groups(const struct table_check *check)
{
	iort_for_each_node(check, IORT_ITS_GROUP, check_its_group);
}

/* A device tree has sync before GERR; firmware converted from one tends to keep that order. */
static void check_interrupt_order(const struct table_check *check, const struct record *node)
{
	const struct iort_smmu_v3 *smmu = node->host;

	if (smmu->event && smmu->pri == smmu->event + 1 && smmu->gerr == smmu->pri + 1 &&
	    smmu->sync == smmu->gerr + 1)
		report(check->findings, check->rule_id, iort_place(check, node, "GERR GSIV"),
		       "check whether sync belongs before GERR, as in the device tree",
		       "the interrupts of the SMMUv3 are consecutive in the order of the node");
}

/* A note: some boards do have their interrupts in this order. */
void iort_check_interrupt_order(const struct table_check *check)
{
	iort_for_each_node(check, IORT_SMMU_V3, check_interrupt_order);
}

/* Without the mapping the SMMU cannot signal its driver. */
static void check_device_id_index(const struct table_check *check, const struct record *node)
{
	const struct iort_smmu_v3 *smmu = node->host;

	if (iort_has_device_id_mapping(smmu) && smmu->device_id_mapping >= smmu->node.mapping_count)
		report(check->findings, check->rule_id, iort_place(check, node, "Sync GSIV"),
		       "write all four GSIVs, or the index of the mapping for its own MSIs",
		       "DeviceID mapping %u does not exist: the SMMUv3 has %u ID mappings",
		       smmu->device_id_mapping, smmu->node.mapping_count);
}

/* SMMUv1 and SMMUv2 have wired interrupts only. */
void iort_check_device_id_index(const struct table_check *check)
{
	iort_for_each_node(check, IORT_SMMU_V3, check_device_id_index);
}

/* Tables have hundreds of PMCGs: constant time for each. */
static void check_pmcg(const struct table_check *check, const struct record *node)
{
	const struct iort_pmcg *pmcg = node->host;
	const struct iort_mapping *mapping = iort_mapping_of(node, 0);

	if (!pmcg->overflow &&
	    (pmcg->node.mapping_count != 1 || !mapping || !(mapping->flags & IORT_MAPPING_SINGLE)))
		report(check->findings, check->rule_id, iort_place(check, node, "Overflow GSIV"),
		       "write its GSIV, or one single mapping to an ITS group",
		       "the PMCG has no interrupt for its overflow");
}

void iort_check_pmcgs(const struct table_check *check)
{
	iort_for_each_node(check, IORT_PMCG, check_pmcg);
}
