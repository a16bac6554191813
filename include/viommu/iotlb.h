/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_IOTLB_H
#define VIOMMU_IOTLB_H
/*
 * Translations cached by another component: the device IOTLB of vhost, vhost-user and vfio-user
 * (struct vhost_iotlb_msg of <linux/vhost_types.h>; QEMU's docs/interop/vhost-user, "IOMMU
 * support")
 *
 *     consumer --MISS-------> VMM --viommu_iotlb_miss()--> IOTLB --> device
 *     consumer <--UPDATE----- VMM <--------`update`------- IOTLB
 *     consumer <--INVALIDATE- VMM <------`invalidate`----- IOTLB <-- device: UNMAP, DETACH, ...
 *
 * The consumer is in the kernel or in another process, and translates by its cache. An IOTLB is a
 * listener that tracks the content of that cache. Each translation that it sends is followed by an
 * INVALIDATE before it becomes invalid, whatever the timing of requests and misses, and the guest's
 * request completes after the INVALIDATE.
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

/* The maximum number of ranges if `max_ranges` is 0. vhost of Linux keeps 2048 by default. */
#define VIOMMU_IOTLB_RANGES_DEFAULT 1024

struct viommu_iotlb_ops {
	size_t size;

	/*
	 * Send this translation of [iova, iova + length) to the consumer: it may use it from now
	 * on. Called by viommu_iotlb_miss(). Requests that remove mappings wait for this call, so
	 * it must not wait for a request, or for a call that takes the device lock. It may call
	 * what `log` may (<viommu/device.h>, "Threads"), and nothing of the IOTLB. Required.
	 */
	void (*update)(void *opaque, uint64_t iova, const struct viommu_translation *translation);

	/*
	 * Drop [first, last] from the consumer's cache before returning. Called by the thread of a
	 * request, with the device locked, or by viommu_iotlb_miss() to make room for another
	 * range. It may call what `unmap` may, and nothing of the IOTLB. Required.
	 */
	void (*invalidate)(void *opaque, uint64_t first, uint64_t last);

	/*
	 * The maximum number of ranges that the consumer has. A further range invalidates another.
	 * 0: the default.
	 */
	uint32_t max_ranges;
};

/* Opaque: of one endpoint and one consumer. */
struct viommu_iotlb;

/*
 * Create an IOTLB; the consumer's cache must be empty. It is a listener of the endpoint that also
 * follows page tables of the guest. Accesses with a PASID are not translated for the consumer.
 * -EBUSY: a PASID or a page table of the guest is attached. `ops` is copied.
 *
 * Returns: 0, -ENOENT, -EBUSY, -EINVAL, -E2BIG, -ENOMEM. Locks: device. Waits: no. Since: 0.2
 * (testing)
 */
int viommu_iotlb_new(struct viommu *device, uint32_t endpoint, const struct viommu_iotlb_ops *ops,
		     void *opaque, struct viommu_iotlb **ret_iotlb);

/*
 * Invalidate all translations of the consumer, and free the IOTLB, before viommu_free(). The
 * endpoint may have been removed before, or be removed meanwhile. No thread may use the IOTLB
 * meanwhile or afterwards. NULL is accepted.
 *
 * Returns: NULL. Locks: device. Waits: DMA sections. Since: 0.2 (testing)
 */
struct viommu_iotlb *viommu_iotlb_free(struct viommu_iotlb *iotlb);

/*
 * The consumer misses a translation: translate an access as viommu_translate() does, and call
 * `update` with the answer, once, before this returns. A refused access is reported to the guest,
 * and `update` is not called: the consumer waits, or fails the access. Misses of one IOTLB are
 * served one after the other.
 *
 * Returns: as viommu_translate(). Locks: the IOTLB's. Waits: no, but for `event`, `update` and
 * `invalidate`. Since: 0.2 (testing)
 */
int viommu_iotlb_miss(struct viommu_iotlb *iotlb, uint64_t iova, uint64_t length, uint32_t access);

#ifdef __cplusplus
}
#endif

#endif
