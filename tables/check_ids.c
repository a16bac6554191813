/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of endpoint IDs and stream IDs: behind one IOMMU every device has its own
 *
 * Only an SMMU knows no devices, but streams. Firmware gives two devices the same stream where both
 * are one piece of hardware, a controller for both roles of USB for example; that is told, and
 * fine.
 */
#include <glib.h>

#include "check.h"
#include "topology.h"

struct ids {
	GArray *claims;
	GHashTable *groups; /* the name of an IOMMU -> its place in the list, from 1 */
	GPtrArray *pieces;  /* struct viommu_pci_range: what the claims are about */
};

/* 0 for an IOMMU that there is not, which is another rule, or whose IDs nobody chooses. */
static uint64_t group_of(const struct ids *ids, const char *iommu)
{
	return GPOINTER_TO_SIZE(g_hash_table_lookup(ids->groups, iommu));
}

/*
 * A piece stands for the range or the host bridge that it was cut from: it has its place. Functions
 * that have one ID share it on purpose, with the bridge as well that they are behind.
 */
static void claim_ids(void *opaque, const struct viommu_pci_range *piece)
{
	struct ids *ids = opaque;
	struct viommu_pci_range *copy;
	uint64_t group = group_of(ids, piece->iommu);

	if (!group)
		return;
	copy = g_memdup2(piece, sizeof(*piece));
	g_ptr_array_add(ids->pieces, copy);
	for (unsigned s = piece->segment_first; s <= piece->segment_last; s++)
		if (!piece->one_id)
			claims_add(ids->claims, group,
				   range_id(piece, (uint16_t)s, piece->bdf_first),
				   range_id(piece, (uint16_t)s, piece->bdf_last),
				   (struct subject){ OBJECT_PCI_RANGE, copy, ids->pieces->len });
}

static uint32_t last_id(uint32_t id, uint32_t n_ids)
{
	return n_ids ? id + (n_ids - 1) : id;
}

static void claim_device(const struct ids *ids, const struct viommu_platform_device *device,
			 size_t i)
{
	uint64_t group = group_of(ids, device->iommu);

	if (group)
		claims_add(ids->claims, group, device->id, last_id(device->id, device->n_ids),
			   (struct subject){ OBJECT_PLATFORM_DEVICE, device, i });
}

/* Of the IOMMUs that are asked about, and of the devices behind them that are not PCI. */
static struct ids begin(const struct viommu_topology *topology,
			bool (*asked)(const struct viommu_iommu *iommu))
{
	struct ids ids = { claims_new(), g_hash_table_new(g_str_hash, g_str_equal),
			   g_ptr_array_new_with_free_func(g_free) };
	const struct viommu_platform_device *device;
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, topology, OBJECT_IOMMU)
		if (asked(iommu))
			g_hash_table_insert(ids.groups, (void *)iommu->name,
					    GSIZE_TO_POINTER(i + 1));
	for_each_object(i, device, topology, OBJECT_PLATFORM_DEVICE)
		if (device->iommu)
			claim_device(&ids, device, i);
	return ids;
}

/* The claims are gone already. */
static void end(struct ids *ids)
{
	g_hash_table_destroy(ids->groups);
	g_ptr_array_free(ids->pieces, TRUE);
}

/*
 * Pieces, not ranges: what a range takes away from a host bridge has no ID there any more, and
 * that is how an ID becomes free for others.
 */
void check_ids_twice(const struct check *check)
{
	struct ids ids = begin(check->topology, iommu_ids_are_chosen);

	viommu_topology_for_each_pci_range(check->topology, claim_ids, &ids);
	claims_blame_overlaps(check, ids.claims, "have an ID in common behind one IOMMU",
			      "choose IDs that no other device of this IOMMU has");
	end(&ids);
}

static bool is_smmu(const struct viommu_iommu *iommu)
{
	return iommu->kind == VIOMMU_SMMU_V2 || iommu->kind == VIOMMU_SMMU_V3;
}

/* Devices alone: what functions have in common is for their bridges to say. */
void check_ids_shared(const struct check *check)
{
	struct ids ids = begin(check->topology, is_smmu);

	claims_blame_overlaps(
		check, ids.claims,
		"have a stream ID in common: what is mapped for one is mapped for both", NULL);
	end(&ids);
}
