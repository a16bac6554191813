/* SPDX-License-Identifier: BSD-3-Clause */
#include "backend/space.h"

/* Detection of misuse of the API, in a build with -Dchecks=true: see sync/callbacks.h */

bool backend_serves(const void *owner, const void *object)
{
	const struct viommu_backend *backend = owner;
	const struct device *device = backend->devices;

	while (device && device->iommu != object)
		device = device->next;
	return device;
}

bool kernel_serves(const void *kernel, const void *other)
{
	return kernel == other;
}
