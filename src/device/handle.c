/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "device/core.h"

/*
 * Handles: an endpoint itself, for translations, and not whatever endpoint has a number now
 *
 * A handle is one pointer, which translations read in their section. Removal of the endpoint clears
 * it before the grace period in which the endpoint ends.
 */

static void unbind(struct viommu_handle *handle)
{
	if (!handle->at)
		return;
	*handle->at = handle->next;
	if (handle->next)
		handle->next->at = handle->at;
	handle->at = NULL;
	annotate_release(&handle->endpoint);
	atomic_store_explicit(&handle->endpoint, NULL, memory_order_release);
}

static void bind_to(struct viommu_handle *handle, struct endpoint *endpoint)
{
	unbind(handle);
	handle->at = &endpoint->handles;
	handle->next = endpoint->handles;
	if (handle->next)
		handle->next->at = &handle->next;
	endpoint->handles = handle;
	annotate_release(&handle->endpoint);
	atomic_store_explicit(&handle->endpoint, endpoint, memory_order_release);
}

void handles_unbind(struct endpoint *endpoint)
{
	while (endpoint->handles)
		unbind(endpoint->handles);
}

int viommu_handle_new(struct viommu *device, struct viommu_handle **ret_handle)
{
	struct viommu_handle *handle = calloc(1, sizeof(*handle));

	if (!handle)
		return -ENOMEM;
	handle->device = device;
	*ret_handle = handle;
	return 0;
}

struct viommu_handle *viommu_handle_free(struct viommu_handle *handle)
{
	if (!handle)
		return NULL;
	device_lock(handle->device);
	unbind(handle);
	device_unlock(handle->device);
	free(handle);
	return NULL;
}

int handle_bind(struct viommu_handle *handle, uint32_t id)
{
	struct endpoint *endpoint = endpoint_find(handle->device, id);

	if (endpoint)
		bind_to(handle, endpoint);
	return endpoint ? 0 : -ENOENT;
}

bool handle_is_bound(const struct viommu_handle *handle)
{
	return handle->at;
}

int viommu_handle_bind(struct viommu_handle *handle, uint32_t id)
{
	int error;

	device_lock(handle->device);
	error = handle_bind(handle, id);
	device_unlock(handle->device);
	return error;
}
