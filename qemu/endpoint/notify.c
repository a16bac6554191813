/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * From libviommu's listeners to QEMU's notifiers
 *
 * libviommu calls its listeners while its device is locked. QEMU's handling of a notification may
 * call back for a translation, which would deadlock. So a listener queues the notification, and
 * notify_deliver() delivers it after the call into libviommu and before the guest sees its request
 * completed.
 */

struct notification {
	struct endpoint *endpoint;
	bool map;
	struct viommu_mapping mapping;
};

/* -- IOMMU notifiers: VFIO and vhost ------------------------------------------- */

/* A host's IOMMU cannot map device memory. */
bool notify_can_mirror(const struct viommu_mapping *mapping)
{
	return !(mapping->flags & VIOMMU_MAP_F_MMIO) &&
	       mapping->flags & (VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE);
}

static void notify_map(IOMMUMemoryRegion *region, const struct viommu_mapping *mapping)
{
	if (region->iommu_notify_flags & IOMMU_NOTIFIER_MAP && notify_can_mirror(mapping))
		announce_mapping(region, NULL, IOMMU_NOTIFIER_MAP, PCI_NO_PASID, mapping);
}

static void notify_unmap(IOMMUMemoryRegion *region, const struct viommu_mapping *mapping)
{
	const IOMMUNotifierFlag unmaps[] = { IOMMU_NOTIFIER_UNMAP, IOMMU_NOTIFIER_DEVIOTLB_UNMAP };

	for (size_t i = 0; i < ARRAY_SIZE(unmaps); i++)
		if (region->iommu_notify_flags & unmaps[i])
			announce_mapping(region, NULL, unmaps[i], PCI_NO_PASID, mapping);
}

/* -- the queue ---------------------------------------------------------------------------- */

/* How far back queue_unmap() looks for the pending notification of a new mapping. */
#define LOOK_BACK 64

static void queue_add(struct endpoint *endpoint, bool map, const struct viommu_mapping *mapping)
{
	struct notification notification = { .endpoint = endpoint,
					     .map = map,
					     .mapping = *mapping };
	int wanted =
		map ? IOMMU_NOTIFIER_MAP : IOMMU_NOTIFIER_UNMAP | IOMMU_NOTIFIER_DEVIOTLB_UNMAP;

	if (endpoint->translated.iommu_notify_flags & wanted)
		g_array_append_val(endpoint->iommu->pending_notifications, notification);
}

/* A notifier for removals only may have used the translation meanwhile. */
static bool all_mirror(IOMMUMemoryRegion *region)
{
	IOMMUNotifier *notifier;

	IOMMU_NOTIFIER_FOREACH(notifier, region)
	if (!(notifier->notifier_flags & IOMMU_NOTIFIER_MAP))
		return false;
	return true;
}

/* Mapped and removed before a notification was delivered: neither needs one. */
static bool cancels_pending(struct endpoint *endpoint, const struct viommu_mapping *mapping)
{
	GArray *pending = endpoint->iommu->pending_notifications;
	guint last = pending->len > LOOK_BACK ? pending->len - LOOK_BACK : 0;

	for (guint i = pending->len; i-- > last;) {
		struct notification *notification = &g_array_index(pending, struct notification, i);

		if (!notification->map || notification->endpoint != endpoint ||
		    notification->mapping.first != mapping->first)
			continue;
		if (!all_mirror(&endpoint->translated))
			return false;
		g_array_remove_index(pending, i);
		return true;
	}
	return false;
}

/*
 * Adjacent removed mappings become one notification, so that a host's IOMMU is called once instead
 * of once per page. New mappings are not merged: VFIO cannot unmap a part of what one call mapped.
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

/* Mappings of the parent of a table have other addresses than the endpoint. */
static int queue_map(void *opaque, const struct viommu_mapping *mapping)
{
	struct endpoint *endpoint = opaque;

	endpoint->iommu->notified = endpoint;
	endpoint->has_maps = true;
	endpoint->maps_last = mapping->last;
	if (!endpoint->has_table && notify_can_mirror(mapping))
		queue_add(opaque, true, mapping);
	return 0;
}

static void queue_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	const struct viommu_invalidation all = { .first = mapping->first, .last = mapping->last };

	struct endpoint *endpoint = opaque;

	requester_invalidate(endpoint, &all);
	endpoint->iommu->notified = endpoint;
	endpoint->has_maps = false;
	endpoint->revoked = true;
	if (!endpoint->has_table && !cancels_pending(endpoint, mapping) &&
	    !extends_pending(endpoint, mapping))
		queue_add(endpoint, false, mapping);
}

void notify_mode(struct endpoint *endpoint, enum viommu_mode mode)
{
	endpoint->revoked |= endpoint->mode != VIOMMU_BLOCKED;
	endpoint->mode = mode;
	endpoint->iommu->modes_pending = true;
}

static int queue_mode(void *opaque, enum viommu_mode mode)
{
	const struct viommu_invalidation all = { .last = UINT64_MAX };
	struct endpoint *endpoint = opaque;

	requester_invalidate(opaque, &all);
	endpoint->iommu->notified = endpoint;
	endpoint->has_maps = false;
	endpoint->has_table = false;
	notify_mode(opaque, mode);
	return 0;
}

/* Notifiers that mirror mappings cannot follow a table of the guest. */
static int queue_space(void *opaque, uint32_t pasid, const struct viommu_space *space)
{
	const struct viommu_invalidation all = {
		.has_pasid = pasid != VIOMMU_NO_PASID,
		.pasid = pasid,
		.last = UINT64_MAX,
	};
	struct endpoint *endpoint = opaque;

	if (pasid == VIOMMU_NO_PASID &&
	    endpoint->translated.iommu_notify_flags & IOMMU_NOTIFIER_MAP)
		return -EOPNOTSUPP;
	requester_invalidate(endpoint, &all);
	if (pasid != VIOMMU_NO_PASID)
		return 1; /* its address space is not QEMU's */
	endpoint->has_table = true;
	notify_mode(endpoint, space->mode);
	return 0;
}

static void queue_invalidate(void *opaque, const struct viommu_invalidation *what)
{
	const struct viommu_mapping range = { .first = what->first, .last = what->last };

	requester_invalidate(opaque, what);
	if (what->has_pasid)
		return;
	((struct endpoint *)opaque)->revoked = true;
	queue_add(opaque, false, &range);
}

const struct viommu_listener_ops notify_ops = {
	.size = sizeof(notify_ops),
	.map = queue_map,
	.unmap = queue_unmap,
	.mode = queue_mode,
	.space = queue_space,
	.invalidate = queue_invalidate,
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
	memory_region_set_enabled(translated, !bypass);
	memory_region_set_enabled(&endpoint->bypass, bypass);
}

static GArray *queue_new(void)
{
	return g_array_new(false, false, sizeof(struct notification));
}

/* A notifier may cause further notifications, which are queued separately. */
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

/*
 * Modes are applied last: a notifier that a mode adds is replayed the mappings of that moment. One
 * transaction covers all modes, because the end of each transaction computes the views of all
 * address spaces.
 */
static void apply_modes(struct iommu *iommu)
{
	struct endpoint *endpoint;

	if (!iommu->modes_pending)
		return;
	iommu->modes_pending = false;
	memory_region_transaction_begin();
	QLIST_FOREACH(endpoint, &iommu->endpoints, next)
		endpoint_switch(endpoint);
	memory_region_transaction_commit();
}

/* Functions that cache translations, or wait for a page, may use their address space at once. */
void notify_deliver(struct iommu *iommu)
{
	deliver_mappings(iommu);
	apply_modes(iommu);
	requester_deliver(iommu);
}

void notify_start(struct iommu *iommu)
{
	iommu->pending_notifications = queue_new();
	requester_start(iommu);
}

void notify_stop(struct iommu *iommu)
{
	g_array_free(iommu->pending_notifications, true);
	requester_stop(iommu);
}
