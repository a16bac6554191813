/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_RECORD_H
#define VIOMMU_DEVICE_RECORD_H

#include "device/core.h"
#include "wire/layout.h"

/* The trace of <viommu/record.h>. Called with the device locked, after what is recorded. */

/* Two steps, so that a device without a trace pays for a test only. */
static inline bool device_records(const struct viommu *device)
{
	return __builtin_expect(device->is_recording, false);
}

void record_request(struct viommu *device, const struct layout *layout,
		    const union request *request, uint8_t status);
void record_unanswered(struct viommu *device, const uint8_t *wire, size_t length);

/* Records of numbers only. */
void record_values(struct viommu *device, enum trace_kind kind, uint64_t first, uint64_t second);

void record_endpoint(struct viommu *device, const struct endpoint *endpoint);

/* All that viommu_load() has loaded (record.c). */
void record_state(struct viommu *device);

/* -- for record.c: record_lock is held -------------------------------------------------- */

uint64_t record_now_ns(void);
void record_add(struct viommu *device, struct trace_record *record);
void record_add_endpoint(struct viommu *device, const struct endpoint *endpoint);

#endif
