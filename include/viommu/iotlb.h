/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_IOTLB_H
#define VIOMMU_IOTLB_H
/*
 * Translations that another component keeps: the device IOTLB of vhost, vhost-user and vfio-user
 *
 *     consumer --MISS-------> VMM --viommu_iotlb_miss()--> IOTLB --> device
 *     consumer <--UPDATE----- VMM <--------`update`------- IOTLB
 *     consumer <--INVALIDATE- VMM <------`invalidate`----- IOTLB <-- device: UNMAP, DETACH, ...
 *
 * The consumer is in the kernel or in another process, and translates by what it was given. An
 * IOTLB is a listener that remembers what that is. No translation that it hands out goes away
 * without an INVALIDATE after it, however the guest's requests and the misses meet, and the guest's
 * request is answered after the INVALIDATE.
 *
 *     static void update(void *opaque, uint64_t iova, const struct viommu_translation *t);
 *     static void invalidate(void *opaque, uint64_t first, uint64_t last);
 *
 *     struct viommu_iotlb_ops ops = { .size = sizeof(ops), .update = update,
 *                                     .invalidate = invalidate };
 *
 *     error = viommu_iotlb_new(device, nic.id, &ops, vmm, &iotlb);
 *
 *     for each VHOST_IOTLB_MISS: viommu_iotlb_miss(iotlb, miss.iova, 1, VIOMMU_MAP_F_READ);
 */
#include <stddef.h>
#include <stdint.h>

#include <viommu/device.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Ranges that an IOTLB remembers if `max_ranges` is 0. vhost of Linux keeps 2048 by default. */
#define VIOMMU_IOTLB_RANGES_DEFAULT 1024

struct viommu_iotlb_ops {
	size_t size;

	/*
	 * Send this translation of [iova, iova + length) to the consumer: it may use it from now
	 * on. Called by viommu_iotlb_miss(). Requests that take something away wait for it: so it
	 * must not wait for a request, and not for a call that takes the device lock. Required.
	 */
	void (*update)(void *opaque, uint64_t iova, const struct viommu_translation *translation);

	/*
	 * The consumer must not use anything that it was given of [first, last] when this returns.
	 * Called by the thread of a request, with the device locked, or by viommu_iotlb_miss() when
	 * a range is forgotten to make room. Required.
	 */
	void (*invalidate)(void *opaque, uint64_t first, uint64_t last);

	/* Ranges that the consumer has at most. One more invalidates another. 0: the default. */
	uint32_t max_ranges;
};

/* Opaque: of one endpoint and one consumer. */
struct viommu_iotlb;

/*
 * Make an IOTLB that has handed out nothing. It is a listener of the endpoint, so the guest's
 * ATTACH of a PASID is answered UNSUPP. `ops` is copied.
 *
 * Returns: 0, -ENOENT, -EBUSY, -EINVAL, -E2BIG, -ENOMEM. Locks: device. Waits: no. Since: 0.2
 * (testing)
 */
int viommu_iotlb_new(struct viommu *device, uint32_t endpoint, const struct viommu_iotlb_ops *ops,
		     void *opaque, struct viommu_iotlb **ret_iotlb);

/*
 * Invalidate what is handed out, and free it, before viommu_free(). The endpoint may have been
 * removed before. No thread may use it meanwhile or afterwards. NULL is accepted.
 *
 * Returns: NULL. Locks: device. Waits: no. Since: 0.2 (testing)
 */
struct viommu_iotlb *viommu_iotlb_free(struct viommu_iotlb *iotlb);

/*
 * The consumer misses a translation: ask for an access as by viommu_translate(), and call `update`
 * with the answer, once, before this returns. A refused access is reported to the guest, and
 * nothing is handed out: the consumer waits, or fails the access. Misses of one IOTLB are served
 * one after the other.
 *
 * Returns: as viommu_translate(). Locks: the IOTLB's. Waits: no, but for `event`, `update` and
 * `invalidate`. Since: 0.2 (testing)
 */
int viommu_iotlb_miss(struct viommu_iotlb *iotlb, uint64_t iova, uint64_t length, uint32_t access);

#ifdef __cplusplus
}
#endif

#endif
