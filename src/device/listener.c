/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "device/trace.h"
#include "wire/sized.h"

/*
 * Listeners: components that shadow what an endpoint can reach
 *
 * A listener sees a consistent history: a mode; while that is VIOMMU_TRANSLATED, mappings that
 * are added and removed, each exactly once. When one refuses, those before it are taken back.
 * Only a refusal of the old state on the way back breaks the history: see endpoint_restore().
 */

/* <viommu/device.h> documents this table. Any other errno is DEVERR. */
uint8_t status_of(int error)
{
	static const struct {
		int error;
		uint8_t status;
	} rows[] = {
		{ 0, VIOMMU_S_OK },
		{ -ENOMEM, VIOMMU_S_NOMEM },
		{ -ENOSPC, VIOMMU_S_NOMEM },
		{ -EINVAL, VIOMMU_S_INVAL },
		{ -ERANGE, VIOMMU_S_RANGE },
		{ -EFAULT, VIOMMU_S_FAULT },
		{ -EOPNOTSUPP, VIOMMU_S_UNSUPP },
		{ -EIO, VIOMMU_S_IOERR },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].error == error)
			return rows[i].status;
	return VIOMMU_S_DEVERR;
}

/* -- one listener ------------------------------------------------------------- */

static int notify_map(const struct viommu_listener *listener, const struct viommu_mapping *mapping)
{
	return listener->ops.map ? listener->ops.map(listener->opaque, mapping) : 0;
}

static void notify_unmap(const struct viommu_listener *listener,
			 const struct viommu_mapping *mapping)
{
	if (listener->ops.unmap)
		listener->ops.unmap(listener->opaque, mapping);
}

static int notify_mode(const struct viommu_listener *listener, enum viommu_mode mode)
{
	return listener->ops.mode ? listener->ops.mode(listener->opaque, mode) : 0;
}

/* Unmap the first `n` mappings of the endpoint's domain. */
static void unmap_first(const struct viommu_listener *listener, size_t n)
{
	const struct domain *domain = listener->endpoint->domain;
	struct range range;

	for (uint64_t from = 0; n && map_next_range(domain->map, from, &range);
	     from = range.last + 1) {
		struct viommu_mapping mapping = mapping_of(domain, &range);

		notify_unmap(listener, &mapping);
		n--;
	}
}

static int map_all(const struct viommu_listener *listener)
{
	const struct domain *domain = listener->endpoint->domain;
	size_t count = map_count(domain->map);
	struct range range;
	uint64_t from = 0;

	for (size_t done = 0; done < count && map_next_range(domain->map, from, &range); done++) {
		struct viommu_mapping mapping = mapping_of(domain, &range);
		int error = notify_map(listener, &mapping);

		if (error) {
			unmap_first(listener, done);
			return error;
		}
		from = range.last + 1;
	}
	return 0;
}

/* `notified` is the mode that the listener knows, or MODE_UNKNOWN. */
static int replay(const struct viommu_listener *listener, enum viommu_mode mode, int notified)
{
	int error = (int)mode == notified ? 0 : notify_mode(listener, mode);

	return error || mode != VIOMMU_TRANSLATED ? error : map_all(listener);
}

static void unmap_all(const struct viommu_listener *listener)
{
	const struct endpoint *endpoint = listener->endpoint;

	if (endpoint_mode(endpoint) == VIOMMU_TRANSLATED)
		unmap_first(listener, map_count(endpoint->domain->map));
}

/* -- all listeners of an endpoint ----------------------------------------------- */

void listeners_unmap_all(struct endpoint *endpoint)
{
	for_each_listener(listener, endpoint)
		unmap_all(listener);
}

int listeners_replay(struct endpoint *endpoint)
{
	enum viommu_mode mode = endpoint_mode(endpoint);

	for_each_listener(listener, endpoint) {
		int error = replay(listener, mode, endpoint->notified_mode);

		if (!error)
			continue;
		device_log(endpoint->device, VIOMMU_LOG_LISTENER,
			   "a listener of endpoint 0x%" PRIx32
			   " refused a mode or mapping: errno %d",
			   endpoint->node.id, -error);
		for (struct viommu_listener *l = endpoint->listeners; l != listener; l = l->next)
			unmap_all(l);
		endpoint->notified_mode = MODE_UNKNOWN;
		return error;
	}
	endpoint->notified_mode = (int)mode;
	return 0;
}

void listeners_notify_mode(struct endpoint *endpoint)
{
	enum viommu_mode mode = endpoint_mode(endpoint);

	if (endpoint->notified_mode != (int)mode)
		for_each_listener(listener, endpoint)
			notify_mode(listener, mode);
	endpoint->notified_mode = (int)mode;
}

void listeners_notify_mode_changes(struct viommu *device)
{
	for_all_endpoints(endpoint, device) {
		if (endpoint->domain)
			continue;
		listeners_notify_mode(endpoint);
		endpoint_publish_route(endpoint);
	}
}

void listeners_free(struct endpoint *endpoint)
{
	while (endpoint->listeners) {
		struct viommu_listener *listener = endpoint->listeners;

		endpoint->listeners = listener->next;
		endpoint->device->n_listeners--;
		free(listener);
	}
}

/* -- all listeners of a domain ---------------------------------------------------- */

/* Unmap from the listeners before `until`; NULL: from all. */
static void unmap_until(struct domain *domain, const struct viommu_listener *until,
			const struct viommu_mapping *mapping)
{
	for_each_endpoint(endpoint, domain) {
		for_each_listener(listener, endpoint) {
			if (listener == until)
				return;
			notify_unmap(listener, mapping);
		}
	}
}

int listeners_map(struct domain *domain, const struct viommu_mapping *mapping)
{
	for_each_endpoint(endpoint, domain) {
		for_each_listener(listener, endpoint) {
			int error = notify_map(listener, mapping);

			if (error) {
				device_log(endpoint->device, VIOMMU_LOG_LISTENER,
					   "a listener of endpoint 0x%" PRIx32
					   " refused the mapping at 0x%" PRIx64 ": errno %d",
					   endpoint->node.id, mapping->first, -error);
				unmap_until(domain, listener, mapping);
				return error;
			}
		}
	}
	return 0;
}

void listeners_unmap(struct domain *domain, const struct viommu_mapping *mapping)
{
	unmap_until(domain, NULL, mapping);
}

/* -- adding and removing ------------------------------------------------------------- */

static int add(struct endpoint *endpoint, struct viommu_listener *listener)
{
	struct viommu_listener **at = &endpoint->listeners;
	int error;

	listener->endpoint = endpoint;
	error = replay(listener, endpoint_mode(endpoint), MODE_UNKNOWN);
	if (error)
		return error;
	if (endpoint->notified_mode == MODE_UNKNOWN)
		endpoint->notified_mode = (int)endpoint_mode(endpoint);
	while (*at)
		at = &(*at)->next;
	*at = listener;
	endpoint->device->n_listeners++;
	return 0;
}

int viommu_listen(struct viommu *device, uint32_t id, const struct viommu_listener_ops *ops,
		  void *opaque, struct viommu_listener **ret_listener)
{
	struct viommu_listener *listener = calloc(1, sizeof(*listener));
	struct endpoint *endpoint;
	int error;

	if (!listener)
		return -ENOMEM;
	listener->opaque = opaque;
	error = sized_take(&listener->ops, sizeof(listener->ops), ops);
	if (error)
		goto free_listener;

	device_lock(device);
	endpoint = endpoint_find(device, id);
	error = endpoint ? add(endpoint, listener) : -ENOENT;
	device_unlock(device);
	if (error)
		goto free_listener;
	*ret_listener = listener;
	return 0;

free_listener:
	free(listener);
	return error;
}

struct viommu_listener *viommu_unlisten(struct viommu_listener *listener)
{
	struct viommu_listener **at;
	struct viommu *device;

	if (!listener)
		return NULL;
	device = listener->endpoint->device;
	device_lock(device);
	unmap_all(listener);
	notify_mode(listener, VIOMMU_BLOCKED);
	for (at = &listener->endpoint->listeners; *at != listener; at = &(*at)->next)
		;
	*at = listener->next;
	device->n_listeners--;
	device_unlock(device);
	free(listener);
	return NULL;
}
