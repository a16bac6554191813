/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_RECORD_H
#define VIOMMU_RECORD_H
/*
 * Traces: record what a guest does to its IOMMU, for a bug report or a measurement
 *
 *     bytes = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
 *     error = viommu_record_begin(device, bytes, length);
 *     ...      the guest runs
 *     length = viommu_record_end(device);
 *     ftruncate(file, length);
 *
 * A trace has the device's configuration, its endpoints and its state at the beginning; and then in
 * their order: notifications, requests with their statuses, accesses that the VMM passes to
 * viommu_record_access(), resets, writes to `bypass`, changes of endpoints, and the times. It has
 * guest-physical addresses, and no content of guest memory. `viommu replay` plays it against this
 * library. docs/traces.md has the format.
 *
 * Recording can begin at any time. Nothing is allocated: a trace that is as long as the VMM's
 * memory for it ends, and the device goes on. Without a trace, a request tests one pointer.
 */
#include <stddef.h>
#include <stdint.h>

#include <viommu/device.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The least memory for a trace. */
#define VIOMMU_RECORD_LENGTH_MIN 4096

/*
 * Begin a trace in this memory, which must stay until viommu_record_end() or viommu_free(). Nothing
 * else may write there.
 *
 * -EINVAL    `length` is less than VIOMMU_RECORD_LENGTH_MIN
 * -EBUSY     a trace has begun
 * -ENOSPC    the device's endpoints and its state do not fit
 * -ENOTSUP   the device has VIOMMU_F_TABLE: its tables are in guest memory, and not in a trace
 *
 * Returns: 0, -EINVAL, -EBUSY, -ENOSPC, -ENOTSUP, -ENOMEM. Locks: device. Waits: DMA sections.
 * Since: 0.2 (testing)
 */
int viommu_record_begin(struct viommu *device, void *bytes, size_t length);

/*
 * Record an access: the arguments of viommu_translate_pasid(), or VIOMMU_NO_PASID; what it
 * returned; and, if that is 0, the answer. Without effect if no trace has begun: a VMM that asks
 * first saves the call. Accesses of several threads are recorded in the order of these calls, so
 * one that runs beside a request may be recorded before the request or after it, whichever it was.
 *
 * Returns: nothing. Locks: record lock. Waits: no. Since: 0.2 (testing)
 */
void viommu_record_access(struct viommu *device, uint32_t endpoint, uint32_t pasid, uint64_t iova,
			  uint64_t length, uint32_t access, int result,
			  const struct viommu_translation *translation);

/*
 * End the trace.
 *
 * Returns: its length in bytes; 0: no trace had begun. Locks: device. Waits: DMA sections. Since:
 * 0.2 (testing)
 */
size_t viommu_record_end(struct viommu *device);

#ifdef __cplusplus
}
#endif

#endif
