/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of what takes IDs in an IORT: ITS groups, SMMUs, and PMCGs beside them
 *
 * Most are about interrupts. An SMMUv3 has four wires or sends MSIs, and which of both it does
 * has been said in three ways over the revisions; a reader that takes the wrong one hears
 * nothing.
 */
#include "tables/findings/findings.h"
#include "check.h"

/* MSIs go to the first ITS of a group, so a group needs one. */
static void check_its_group(const struct table_check *check, const struct record *node)
{
	const struct iort_its_group *group = node->host;

	if (!group->its_count)
		report(check->findings, check->rule_id, iort_place(check, node, "ITS count"),
		       "name an ITS, or leave the node out", "an ITS group without an ITS");
}

/* Whether the MADT has these ITSs is a question of several tables, and asked elsewhere. */
void iort_check_its_groups(const struct table_check *check)
{
	iort_for_each_node(check, IORT_ITS_GROUP, check_its_group);
}

/* The device tree has sync before GERR; firmware that was made from one tends to keep that. */
static void check_interrupt_order(const struct table_check *check, const struct record *node)
{
	const struct iort_smmu_v3 *smmu = node->host;

	if (smmu->event && smmu->pri == smmu->event + 1 && smmu->gerr == smmu->pri + 1 &&
	    smmu->sync == smmu->gerr + 1)
		report(check->findings, check->rule_id, iort_place(check, node, "GERR GSIV"),
		       "see whether sync has to be before GERR, as in the device tree",
		       "interrupts of an SMMUv3 follow each other as in the node");
}

/* A note: boards may well have their wires in this order. */
void iort_check_interrupt_order(const struct table_check *check)
{
	iort_for_each_node(check, IORT_SMMU_V3, check_interrupt_order);
}

/* Then the SMMU has no way to tell its driver of anything. */
static void check_device_id_index(const struct table_check *check, const struct record *node)
{
	const struct iort_smmu_v3 *smmu = node->host;

	if (iort_has_device_id_mapping(smmu) && smmu->device_id_mapping >= smmu->node.mapping_count)
		report(check->findings, check->rule_id, iort_place(check, node, "Sync GSIV"),
		       "write all four GSIVs, or which ID mapping its own MSIs have",
		       "DeviceID mapping %u of an SMMUv3 with %u ID mappings",
		       smmu->device_id_mapping, smmu->node.mapping_count);
}

/* SMMUv1 and SMMUv2 have wires only. */
void iort_check_device_id_index(const struct table_check *check)
{
	iort_for_each_node(check, IORT_SMMU_V3, check_device_id_index);
}

/* PMCGs are often there in hundreds: none of the walks here is longer than its own node. */
static void check_pmcg(const struct table_check *check, const struct record *node)
{
	const struct iort_pmcg *pmcg = node->host;
	const struct iort_mapping *mapping = iort_mapping_of(node, 0);

	if (!pmcg->overflow &&
	    (pmcg->node.mapping_count != 1 || !mapping || !(mapping->flags & IORT_MAPPING_SINGLE)))
		report(check->findings, check->rule_id, iort_place(check, node, "Overflow GSIV"),
		       "write its interrupt, or one single mapping to an ITS group",
		       "a PMCG whose overflow nobody hears of");
}

/* Each by itself, with what it counts for looked at as a reference. */
void iort_check_pmcgs(const struct table_check *check)
{
	iort_for_each_node(check, IORT_PMCG, check_pmcg);
}
