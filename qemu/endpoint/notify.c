/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * From libviommu's listeners to QEMU's notifiers
 *
 * libviommu calls its listeners while its device is locked. What QEMU does with a notification may
 * come back with a translation, which would deadlock. So a listener queues the notification, and
 * notify_deliver() delivers it after the call into libviommu and before the guest sees its request
 * completed.
 */

struct notification {
	struct endpoint *endpoint;
	bool map;
	struct viommu_mapping mapping;
};

/* -- notifiers of those that mirror a region: VFIO and vhost ------------------------------- */

#define MAX_PIECE_BITS 63

/* A notification covers a naturally aligned power of two. No piece has 2^64 bytes: VFIO would
 * compute a size of 0 and keep the mapping that it should remove. */
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

static void notify_map(IOMMUMemoryRegion *region, const struct viommu_mapping *mapping)
{
	if (region->iommu_notify_flags & IOMMU_NOTIFIER_MAP && notify_can_mirror(mapping))
		notify_mapping(region, NULL, IOMMU_NOTIFIER_MAP, mapping);
}

static void notify_unmap(IOMMUMemoryRegion *region, const struct viommu_mapping *mapping)
{
	const IOMMUNotifierFlag unmaps[] = { IOMMU_NOTIFIER_UNMAP, IOMMU_NOTIFIER_DEVIOTLB_UNMAP };

	for (size_t i = 0; i < ARRAY_SIZE(unmaps); i++)
		if (region->iommu_notify_flags & unmaps[i])
			notify_mapping(region, NULL, unmaps[i], mapping);
}

/* -- the queue ---------------------------------------------------------------------------- */

static void queue_add(struct endpoint *endpoint, bool map, const struct viommu_mapping *mapping)
{
	struct notification notification = { .endpoint = endpoint,
					     .map = map,
					     .mapping = *mapping };

	if (endpoint->translated.iommu_notify_flags)
		g_array_append_val(endpoint->iommu->pending_notifications, notification);
}

/*
 * Removed mappings that touch are announced as one, so that a host's IOMMU is asked once and not
 * for each page. New mappings are not merged: VFIO cannot unmap a part of what one call mapped.
 */
static bool extends_pending(struct endpoint *endpoint, const struct viommu_mapping *mapping)
{
	GArray *pending = endpoint->iommu->pending_notifications;
	struct notification *last;

	if (!pending->len)
		return false;
	last = &g_array_index(pending, struct notification, pending->len - 1);
	if (last->map || last->endpoint != endpoint || !mapping->first ||
	    last->mapping.last != mapping->first - 1)
		return false;
	last->mapping.last = mapping->last;
	return true;
}

static int queue_map(void *opaque, const struct viommu_mapping *mapping)
{
	queue_add(opaque, true, mapping);
	return 0;
}

static void queue_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	if (!extends_pending(opaque, mapping))
		queue_add(opaque, false, mapping);
}

void notify_mode(struct endpoint *endpoint, enum viommu_mode mode)
{
	endpoint->mode = mode;
	endpoint->iommu->modes_pending = true;
}

static int queue_mode(void *opaque, enum viommu_mode mode)
{
	notify_mode(opaque, mode);
	return 0;
}

const struct viommu_listener_ops notify_ops = {
	.size = sizeof(notify_ops),
	.map = queue_map,
	.unmap = queue_unmap,
	.mode = queue_mode,
};

static void notification_deliver(const struct notification *notification)
{
	IOMMUMemoryRegion *region = &notification->endpoint->translated;

	if (notification->map)
		notify_map(region, &notification->mapping);
	else
		notify_unmap(region, &notification->mapping);
}

static void endpoint_switch(struct endpoint *endpoint)
{
	MemoryRegion *translated = MEMORY_REGION(&endpoint->translated);
	bool bypass = endpoint->mode == VIOMMU_BYPASS;

	if (bypass == endpoint->bypass.enabled && bypass != translated->enabled)
		return;
	memory_region_transaction_begin();
	memory_region_set_enabled(translated, !bypass);
	memory_region_set_enabled(&endpoint->bypass, bypass);
	memory_region_transaction_commit();
}

static GArray *queue_new(void)
{
	return g_array_new(false, false, sizeof(struct notification));
}

/* A notifier may cause further notifications: those go into a queue of their own. */
static void deliver_mappings(struct iommu *iommu)
{
	GArray *pending = iommu->pending_notifications;

	if (!pending->len)
		return;
	iommu->pending_notifications = queue_new();
	for (guint i = 0; i < pending->len; i++)
		notification_deliver(&g_array_index(pending, struct notification, i));
	g_array_free(pending, true);
}

/* Modes are applied last: a notifier that a mode adds is replayed the mappings of that moment. */
void notify_deliver(struct iommu *iommu)
{
	struct endpoint *endpoint;

	deliver_mappings(iommu);
	if (!iommu->modes_pending)
		return;
	iommu->modes_pending = false;
	QLIST_FOREACH(endpoint, &iommu->endpoints, next)
		endpoint_switch(endpoint);
}

void notify_start(struct iommu *iommu)
{
	iommu->pending_notifications = queue_new();
}

void notify_stop(struct iommu *iommu)
{
	g_array_free(iommu->pending_notifications, true);
}
