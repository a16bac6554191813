/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_TRACE_H
#define VIOMMU_DEVICE_TRACE_H

#include "device/core.h"
#include "wire/layout.h"

/* Reports to the VMM's `trace` and `log`. */

/* Count a completed request, and report it if the VMM has a `trace`. */
void trace_answered(struct viommu *device, const struct layout *layout,
		    const union request *request, uint8_t status);

/* Report a request that was returned without an answer. `name` is NULL if its type is unknown. */
void trace_unanswered(struct viommu *device, const char *name, const uint8_t *wire, size_t length);

/* By any thread, with or without the device lock. */
__attribute__((format(printf, 3, 4))) void
device_log(struct viommu *device, enum viommu_log_event event, const char *format, ...);

/* Count and log a request that exceeded a limit. */
void device_log_limit(struct viommu *device, const char *request);

#endif
