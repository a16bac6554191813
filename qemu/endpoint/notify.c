/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * IOMMU notifiers: mappings announced to those that mirror a region, VFIO and vhost
 */

#define MAX_PIECE_BITS 63

/* A mapping is announced in pieces that are powers of two and aligned to themselves. None is as large
 * as everything: VFIO counts its bytes in 64 bits, arrives at 0, and keeps what it should unmap. */
void notify_mapping(IOMMUMemoryRegion *region, IOMMUNotifier *notifier, IOMMUNotifierFlag type,
		    const struct viommu_mapping *mapping)
{
	IOMMUTLBEvent event = { .type = type, .entry.target_as = &address_space_memory };
	uint64_t first = mapping->first;

	for (;;) {
		uint64_t mask = dma_aligned_pow2_mask(first, mapping->last, MAX_PIECE_BITS);

		event.entry.iova = first;
		event.entry.addr_mask = mask;
		if (type == IOMMU_NOTIFIER_MAP) {
			event.entry.translated_addr = mapping->phys + (first - mapping->first);
			event.entry.perm = IOMMU_ACCESS_FLAG(mapping->flags & VIOMMU_MAP_F_READ,
							     mapping->flags & VIOMMU_MAP_F_WRITE);
		}
		if (notifier)
			memory_region_notify_iommu_one(notifier, &event);
		else
			memory_region_notify_iommu(region, 0, event);
		if (mapping->last - first <= mask)
			return;
		first += mask + 1;
	}
}

/* A host's IOMMU cannot map device memory. */
bool notify_can_mirror(const struct viommu_mapping *mapping)
{
	return !(mapping->flags & VIOMMU_MAP_F_MMIO) &&
	       mapping->flags & (VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE);
}

void notify_map(IOMMUMemoryRegion *region, const struct viommu_mapping *mapping)
{
	if (region->iommu_notify_flags & IOMMU_NOTIFIER_MAP && notify_can_mirror(mapping))
		notify_mapping(region, NULL, IOMMU_NOTIFIER_MAP, mapping);
}

void notify_unmap(IOMMUMemoryRegion *region, const struct viommu_mapping *mapping)
{
	const IOMMUNotifierFlag unmaps[] = { IOMMU_NOTIFIER_UNMAP, IOMMU_NOTIFIER_DEVIOTLB_UNMAP };

	for (size_t i = 0; i < ARRAY_SIZE(unmaps); i++)
		if (region->iommu_notify_flags & unmaps[i])
			notify_mapping(region, NULL, unmaps[i], mapping);
}
