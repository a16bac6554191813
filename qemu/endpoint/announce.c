/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/* Calls of QEMU's notifiers, in pieces that they can handle */

#define MAX_PIECE_BITS 63

/*
 * A notification covers a naturally aligned power of two. No piece has 2^64 bytes: VFIO would
 * compute a size of 0 and keep the mapping that it should remove.
 */
void announce_mapping(IOMMUMemoryRegion *region, IOMMUNotifier *notifier, IOMMUNotifierFlag type,
		      uint32_t pasid, const struct viommu_mapping *mapping)
{
	IOMMUTLBEvent event = { .type = type, .entry.target_as = &address_space_memory };
	uint64_t first = mapping->first;

	SET_ENTRY_PASID(event.entry, pasid);
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
