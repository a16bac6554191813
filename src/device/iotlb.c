/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An IOTLB for another component: <viommu/iotlb.h>
 *
 * Translations that the consumer has are a sorted array of
 * disjoint ranges. An answer that overlaps some of them becomes one range with them; a range that
 * loses any of its bytes is invalidated as a whole. So the array always includes everything that
 * the consumer has.
 *
 * A miss translates and calls `update` with the lock held. A listener is called after the old
 * translation is unpublished. So a miss that still found it has completed before the listener gets
 * the lock, and the listener finds its range.
 *
 * Lock order: the device's, then the IOTLB's.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <viommu/iotlb.h>

#include "device/core.h"
#include "wire/sized.h"

#define RANGES_MAX (1u << 20)

struct kept {
	uint64_t first, last;
};

struct viommu_iotlb {
	struct viommu *device;
	struct viommu_iotlb_ops ops;
	void *opaque;
	struct viommu_listener *listener;
	struct viommu_handle *handle;

	pthread_mutex_t lock; /* guards the rest */
	struct kept *kept;
	size_t n, next_victim;
};

/* -- the ranges that the consumer has -------------------------------------------- */

/* The first range that ends at or after `at`. */
static size_t find(const struct viommu_iotlb *iotlb, uint64_t at)
{
	size_t low = 0, high = iotlb->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (iotlb->kept[middle].last < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first range from `low` on that starts after `last`. */
static size_t find_end(const struct viommu_iotlb *iotlb, size_t low, uint64_t last)
{
	while (low < iotlb->n && iotlb->kept[low].first <= last)
		low++;
	return low;
}

static void erase(struct viommu_iotlb *iotlb, size_t low, size_t high)
{
	memmove(&iotlb->kept[low], &iotlb->kept[high], (iotlb->n - high) * sizeof(iotlb->kept[0]));
	iotlb->n -= high - low;
}

/* Removed from the array first: the consumer has dropped it when `invalidate` returns. */
static void drop(struct viommu_iotlb *iotlb, uint64_t first, uint64_t last)
{
	size_t low = find(iotlb, first), high = find_end(iotlb, low, last);

	if (low == high)
		return;
	first = iotlb->kept[low].first;
	last = iotlb->kept[high - 1].last;
	erase(iotlb, low, high);
	CALLBACK_BEGIN(iotlb->device, "viommu_iotlb_ops.invalidate", true);
	iotlb->ops.invalidate(iotlb->opaque, first, last);
	CALLBACK_END();
}

static void make_room(struct viommu_iotlb *iotlb)
{
	struct kept *victim = &iotlb->kept[iotlb->next_victim++ % iotlb->n];

	drop(iotlb, victim->first, victim->last);
}

static void remember(struct viommu_iotlb *iotlb, uint64_t first, uint64_t last)
{
	size_t low = find(iotlb, first), high = find_end(iotlb, low, last);

	if (low == high && iotlb->n == iotlb->ops.max_ranges) {
		make_room(iotlb);
		low = high = find(iotlb, first);
	}
	if (low < high) {
		first = iotlb->kept[low].first < first ? iotlb->kept[low].first : first;
		last = iotlb->kept[high - 1].last > last ? iotlb->kept[high - 1].last : last;
		erase(iotlb, low, high);
	}
	memmove(&iotlb->kept[low + 1], &iotlb->kept[low],
		(iotlb->n - low) * sizeof(iotlb->kept[0]));
	iotlb->kept[low] = (struct kept){ first, last };
	iotlb->n++;
}

/* -- the listener: ranges to invalidate ------------------------------------------ */

static void on_unmap(void *opaque, uint32_t domain, uint64_t first, uint64_t last)
{
	struct viommu_iotlb *iotlb = opaque;

	(void)domain;
	pthread_mutex_lock(&iotlb->lock);
	drop(iotlb, first, last);
	pthread_mutex_unlock(&iotlb->lock);
}

static void on_update(void *opaque)
{
	struct viommu_iotlb *iotlb = opaque;

	pthread_mutex_lock(&iotlb->lock);
	drop(iotlb, 0, UINT64_MAX);
	pthread_mutex_unlock(&iotlb->lock);
}

static int on_mode(void *opaque, enum viommu_mode mode)
{
	(void)mode;
	on_update(opaque);
	return 0;
}

/* The consumer has no translations with a PASID. */
static int on_space(void *opaque, uint32_t pasid, const struct viommu_space *space)
{
	return pasid == VIOMMU_NO_PASID ? on_mode(opaque, space->mode) : 0;
}

static void on_invalidate(void *opaque, const struct viommu_invalidation *what)
{
	struct viommu_iotlb *iotlb = opaque;

	if (what->has_pasid)
		return;
	pthread_mutex_lock(&iotlb->lock);
	drop(iotlb, what->first, what->last);
	pthread_mutex_unlock(&iotlb->lock);
}

/* -- making and freeing -------------------------------------------------------- */

static int take_ops(struct viommu_iotlb *iotlb, const struct viommu_iotlb_ops *ops)
{
	int error = sized_take(&iotlb->ops, sizeof(iotlb->ops), ops);

	if (error)
		return error;
	if (!iotlb->ops.max_ranges)
		iotlb->ops.max_ranges = VIOMMU_IOTLB_RANGES_DEFAULT;
	return iotlb->ops.update && iotlb->ops.invalidate && iotlb->ops.max_ranges <= RANGES_MAX
		       ? 0
		       : -EINVAL;
}

/* Handle and listener are of the same endpoint, although it may be replaced meanwhile. */
static int join(struct viommu_iotlb *iotlb, uint32_t endpoint)
{
	const struct viommu_listener_ops ops = {
		.size = sizeof(ops),
		.unmap_range = on_unmap,
		.mode = on_mode,
		.update = on_update,
		.space = on_space,
		.invalidate = on_invalidate,
	};
	int error = viommu_handle_new(iotlb->device, &iotlb->handle);

	if (error)
		return error;
	device_lock_drained(iotlb->device);
	error = handle_bind(iotlb->handle, endpoint);
	if (!error)
		error = listener_start(iotlb->device, endpoint, &ops, iotlb, &iotlb->listener);
	device_unlock(iotlb->device);
	return error;
}

static void release(struct viommu_iotlb *iotlb)
{
	viommu_handle_free(iotlb->handle);
	pthread_mutex_destroy(&iotlb->lock);
	free(iotlb->kept);
	free(iotlb);
}

int viommu_iotlb_new(struct viommu *device, uint32_t endpoint, const struct viommu_iotlb_ops *ops,
		     void *opaque, struct viommu_iotlb **ret_iotlb)
{
	struct viommu_iotlb *iotlb = calloc(1, sizeof(*iotlb));
	int error = iotlb ? -pthread_mutex_init(&iotlb->lock, NULL) : -ENOMEM;

	if (error) {
		free(iotlb);
		return error;
	}
	iotlb->device = device;
	iotlb->opaque = opaque;
	error = take_ops(iotlb, ops);
	if (!error) {
		iotlb->kept = calloc(iotlb->ops.max_ranges, sizeof(iotlb->kept[0]));
		error = iotlb->kept ? join(iotlb, endpoint) : -ENOMEM;
	}
	if (error) {
		release(iotlb);
		return error;
	}
	*ret_iotlb = iotlb;
	return 0;
}

/* The endpoint's removal frees its listeners and unbinds its handles. */
struct viommu_iotlb *viommu_iotlb_free(struct viommu_iotlb *iotlb)
{
	if (!iotlb)
		return NULL;
	device_lock_drained(iotlb->device);
	if (handle_is_bound(iotlb->handle))
		listener_stop(iotlb->listener);
	device_unlock(iotlb->device);
	release(iotlb);
	return NULL;
}

/* -- misses -------------------------------------------------------------------- */

static void unlock(void *opaque)
{
	struct viommu_iotlb *iotlb = opaque;

	pthread_mutex_unlock(&iotlb->lock);
}

/* The thread may end in `event`. */
int viommu_iotlb_miss(struct viommu_iotlb *iotlb, uint64_t iova, uint64_t length, uint32_t access)
{
	struct viommu_translation translation;
	int error;

	pthread_mutex_lock(&iotlb->lock);
	pthread_cleanup_push(unlock, iotlb);
	error = viommu_handle_translate(iotlb->handle, VIOMMU_NO_PASID, iova, length, access,
					&translation);
	if (!error) {
		remember(iotlb, iova, iova + (translation.length - 1));
		CALLBACK_BEGIN(iotlb->device, "viommu_iotlb_ops.update", true);
		iotlb->ops.update(iotlb->opaque, iova, &translation);
		CALLBACK_END();
	}
	pthread_cleanup_pop(true);
	return error;
}
