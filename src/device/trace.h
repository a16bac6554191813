/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_TRACE_H
#define VIOMMU_DEVICE_TRACE_H

#include "device/record.h"
#include "device/sdt.h"

/* Reports to the VMM's `trace` and `log`. */

/* Report a request that was answered: to the VMM's `trace`, and to what records. */
void trace_report(struct viommu *device, const struct layout *layout, const union request *request,
		  uint8_t status);

/* The same if there is one of them; and count the request. */
static inline void trace_answered(struct viommu *device, const struct layout *layout,
				  const union request *request, uint8_t status)
{
	SDT_REQUEST(device, request->type, status);
	if (device->ops.trace || device_records(device))
		trace_report(device, layout, request, status);
	count_add(&device->requests, 1);
	if (status != VIOMMU_S_OK)
		count_add(&device->refused, 1);
}

/* Report a request that was returned without an answer. `name` is NULL if its type is unknown. */
void trace_unanswered(struct viommu *device, const char *name, const uint8_t *wire, size_t length);

/* By any thread, with or without the device lock. */
__attribute__((format(printf, 3, 4))) void
device_log(struct viommu *device, enum viommu_log_event event, const char *format, ...);

/* Count and log a request that exceeded a limit. */
void device_log_limit(struct viommu *device, const char *request);

#endif
