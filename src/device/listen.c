/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "device/core.h"
#include "wire/sized.h"

/* Listeners added to an endpoint and removed from it. */

/* Memory for removals is reserved with the first listener, so that no UNMAP can fail. */
static int reserve_removals(struct viommu *device)
{
	if (!device->removals)
		device->removals = calloc(REMOVALS_MAX, sizeof(*device->removals));
	return device->removals ? 0 : -ENOMEM;
}

/* Pending removals concern only the listeners that were there before. */
static int add(struct endpoint *endpoint, struct viommu_listener *listener)
{
	int error = reserve_removals(endpoint->device), committed;

	if (error)
		return error;
	device_deliver_removals(endpoint->device);
	listener->endpoint = endpoint;
	error = listener_replay(listener);
	committed = listeners_commit_now(endpoint->device);
	if (!error && committed) {
		listener_unmap_all(listener);
		listeners_commit_now(endpoint->device);
	}
	if (error || committed)
		return error ? error : committed;
	if (!endpoint->listeners || endpoint->notified_mode == MODE_UNKNOWN)
		endpoint->notified_mode = (int)endpoint_mode(endpoint);
	listener_add(listener);
	return 0;
}

int listener_start(struct viommu *device, uint32_t id, const struct viommu_listener_ops *ops,
		   void *opaque, struct viommu_listener **ret_listener)
{
	struct viommu_listener *listener = calloc(1, sizeof(*listener));
	struct endpoint *endpoint = endpoint_find(device, id);
	int error;

	if (!listener)
		return -ENOMEM;
	listener->opaque = opaque;
	error = sized_take(&listener->ops, sizeof(listener->ops), ops);
	if (!error && listener->ops.invalidate && !listener->ops.space)
		error = -EINVAL;
	if (!error && !endpoint)
		error = -ENOENT;
	if (!error && (!slots_are_empty(endpoint) || (endpoint->domain && endpoint->domain->table)))
		error = -EBUSY;
	if (!error)
		error = add(endpoint, listener);
	if (error) {
		free(listener);
		return error;
	}
	*ret_listener = listener;
	return 0;
}

void listener_stop(struct viommu_listener *listener)
{
	device_deliver_removals(listener->endpoint->device);
	slots_forget(listener);
	listener_unmap_all(listener);
	listener_notify_mode(listener, VIOMMU_BLOCKED);
	listeners_commit_now(listener->endpoint->device);
	listener_remove(listener);
	free(listener);
}

int viommu_listen(struct viommu *device, uint32_t id, const struct viommu_listener_ops *ops,
		  void *opaque, struct viommu_listener **ret_listener)
{
	int error;

	device_lock_drained(device);
	error = listener_start(device, id, ops, opaque, ret_listener);
	device_unlock(device);
	return error;
}

struct viommu_listener *viommu_unlisten(struct viommu_listener *listener)
{
	struct viommu *device;

	if (!listener)
		return NULL;
	device = listener->endpoint->device;
	device_lock_drained(device);
	listener_stop(listener);
	device_unlock(device);
	return NULL;
}

int viommu_listener_complete(struct viommu *device, uint64_t token, int result)
{
	struct viommu_listener *listener;

	device_lock(device);
	listener = device->committing;
	while (listener && listener->token != token)
		listener = listener->next_committing;
	if (!listener) {
		device_unlock(device);
		return -ENOENT;
	}
	if (device->ops.rest)
		budget_begin(device);
	device->budget.is_bounded = device->ops.rest;
	flights_committed(listener, result);
	if (!device->ops.rest)
		device_unlock(device);
	else if (device_unlock_bounded(device))
		device->ops.rest(device->opaque);
	return 0;
}
