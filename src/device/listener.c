/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "device/trace.h"

/*
 * Notifying listeners, which shadow the accessible memory of an endpoint
 *
 * The notifications of a listener are consistent at every point: a mode; and while that is
 * VIOMMU_TRANSLATED, each mapping is added and removed exactly once. A refusal is undone with the
 * listeners that agreed before it, unless the old state is refused as well: endpoint_restore().
 *
 * A mapping or mode that grants access is notified before translations can find it. One that
 * removes access is first unpublished, then its grace period ends, and then it is notified. In any
 * other order a listener that caches translations could cache the removed one again.
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

/* -- commits ------------------------------------------------------------------ */

/* A listener is notified, and has to commit. */
static void mark_dirty(struct viommu_listener *listener)
{
	struct viommu *device = listener->endpoint->device;

	if (!listener->ops.commit)
		return;
	device->n_notices++;
	if (listener->is_dirty)
		return;
	listener->is_dirty = true;
	listener->next_dirty = NULL;
	*(device->dirty ? &device->last_dirty->next_dirty : &device->dirty) = listener;
	device->last_dirty = listener;
}

struct viommu_listener *listener_pop_dirty(struct viommu *device)
{
	struct viommu_listener *listener = device->dirty;

	if (!listener)
		return NULL;
	device->dirty = listener->next_dirty;
	listener->is_dirty = false;
	return listener;
}

static void begin_commit(struct viommu_listener *listener, uint64_t token)
{
	struct viommu *device = listener->endpoint->device;

	listener->token = token;
	listener->next_committing = device->committing;
	listener->committing_at = &device->committing;
	if (device->committing)
		device->committing->committing_at = &listener->next_committing;
	device->committing = listener;
}

void listener_end_commit(struct viommu_listener *listener)
{
	*listener->committing_at = listener->next_committing;
	if (listener->next_committing)
		listener->next_committing->committing_at = listener->committing_at;
}

int listener_commit(struct viommu_listener *listener, uint64_t token)
{
	int result;

	CALLBACK_BEGIN(listener->endpoint->device, "commit", true);
	result = listener->ops.commit(listener->opaque, token);
	CALLBACK_END();
	if (result <= 0)
		return result;
	if (!token)
		return -EBUSY;
	begin_commit(listener, token);
	return 1;
}

int listeners_commit_now(struct viommu *device)
{
	struct viommu_listener *listener;
	int error = 0;

	while ((listener = listener_pop_dirty(device))) {
		int result = listener_commit(listener, 0);

		error = error ? error : result;
	}
	return error;
}

/* -- one listener ------------------------------------------------------------- */

static int notify_map(struct viommu_listener *listener, const struct viommu_mapping *mapping)
{
	int error;

	if (!listener->ops.map)
		return 0;
	mark_dirty(listener);
	CALLBACK_BEGIN(listener->endpoint->device, "map", true);
	error = listener->ops.map(listener->opaque, mapping);
	CALLBACK_END();
	return error;
}

static void notify_unmap(struct viommu_listener *listener, const struct viommu_mapping *mapping)
{
	if (!listener->ops.unmap)
		return;
	mark_dirty(listener);
	CALLBACK_BEGIN(listener->endpoint->device, "unmap", true);
	listener->ops.unmap(listener->opaque, mapping);
	CALLBACK_END();
}

int listener_notify_mode(struct viommu_listener *listener, enum viommu_mode mode)
{
	int error;

	if (!listener->ops.mode)
		return 0;
	mark_dirty(listener);
	CALLBACK_BEGIN(listener->endpoint->device, "mode", true);
	error = listener->ops.mode(listener->opaque, mode);
	CALLBACK_END();
	return error;
}

/* Unmap the first `n` mappings of a domain. */
static void unmap_first(struct viommu_listener *listener, const struct domain *domain, size_t n)
{
	struct range range;

	for (uint64_t from = 0; n && map_next_range(domain->map, from, &range);
	     from = range.last + 1) {
		struct viommu_mapping mapping = mapping_of(domain, &range);

		notify_unmap(listener, &mapping);
		n--;
	}
}

static int map_all(struct viommu_listener *listener)
{
	const struct domain *domain = listener->endpoint->domain;
	size_t count = map_count(domain->map);
	struct range range;
	uint64_t from = 0;

	for (size_t done = 0; done < count && map_next_range(domain->map, from, &range); done++) {
		struct viommu_mapping mapping = mapping_of(domain, &range);
		int error = notify_map(listener, &mapping);

		if (error) {
			unmap_first(listener, domain, done);
			return error;
		}
		from = range.last + 1;
	}
	return 0;
}

/* Returns 0: it has no mapping of the domain; 1: it has all; or a negative errno. */
static int notify_domain(struct viommu_listener *listener)
{
	struct viommu *device = listener->endpoint->device;
	struct domain *domain = listener->endpoint->domain;
	int result;

	if (!domain->serial)
		domain->serial = ++device->n_serials;
	mark_dirty(listener);
	CALLBACK_BEGIN(device, "domain", true);
	result = listener->ops.domain(listener->opaque, domain->node.id, domain->serial);
	CALLBACK_END();
	return result;
}

/* `notified` is the mode of the last notification, or MODE_UNKNOWN. */
static int replay(struct viommu_listener *listener, enum viommu_mode mode, int notified)
{
	int result = 0;

	if (mode == VIOMMU_TRANSLATED && listener->ops.domain)
		result = notify_domain(listener);
	else if ((int)mode != notified)
		result = listener_notify_mode(listener, mode);
	if (result || mode != VIOMMU_TRANSLATED)
		return result < 0 ? result : 0;
	return map_all(listener);
}

int listener_replay(struct viommu_listener *listener)
{
	return replay(listener, endpoint_mode(listener->endpoint), MODE_UNKNOWN);
}

/* A listener with `domain` loses all mappings when it gets another domain or mode. */
static void unmap_domain(struct viommu_listener *listener, const struct domain *domain)
{
	if (domain && !domain->bypass && !listener->ops.domain)
		unmap_first(listener, domain, map_count(domain->map));
}

void listener_unmap_all(struct viommu_listener *listener)
{
	unmap_domain(listener, listener->endpoint->domain);
}

/* -- all listeners of an endpoint ----------------------------------------------- */

void listeners_unmap_all(struct endpoint *endpoint, const struct domain *domain)
{
	for_each_listener(listener, endpoint)
		unmap_domain(listener, domain);
}

/* Listeners before `until` have agreed, or all. */
static void undo_replay(struct endpoint *endpoint, const struct viommu_listener *until, int error)
{
	device_log(endpoint->device, VIOMMU_LOG_LISTENER,
		   "a listener of endpoint 0x%" PRIx32 " refused a mode or mapping: errno %d",
		   endpoint->node.id, -error);
	for (struct viommu_listener *l = endpoint->listeners; l != until; l = l->next)
		listener_unmap_all(l);
	endpoint->notified_mode = MODE_UNKNOWN;
}

int listeners_replay(struct endpoint *endpoint)
{
	enum viommu_mode mode = endpoint_mode(endpoint);
	int error;

	for_each_listener(listener, endpoint) {
		error = replay(listener, mode, endpoint->notified_mode);
		if (!error)
			continue;
		undo_replay(endpoint, listener, error);
		return error;
	}
	error = endpoint->device->commits_later ? 0 : listeners_commit_now(endpoint->device);
	if (error) {
		undo_replay(endpoint, NULL, error);
		return error;
	}
	endpoint->notified_mode = (int)mode;
	return 0;
}

void listeners_notify_update(const struct endpoint *endpoint)
{
	for_each_listener(listener, endpoint) {
		if (!listener->ops.update)
			continue;
		mark_dirty(listener);
		CALLBACK_BEGIN(endpoint->device, "update", true);
		listener->ops.update(listener->opaque);
		CALLBACK_END();
	}
}

void listeners_notify_mode(struct endpoint *endpoint)
{
	enum viommu_mode mode = endpoint_mode(endpoint);

	if (endpoint->notified_mode != (int)mode)
		for_each_listener(listener, endpoint)
			listener_notify_mode(listener, mode);
	endpoint->notified_mode = (int)mode;
}

void listeners_notify_mode_changes(struct viommu *device)
{
	for_all_endpoints(endpoint, device)
		if (!endpoint->domain)
			listeners_notify_mode(endpoint);
}

void listeners_free(struct endpoint *endpoint)
{
	while (endpoint->listeners) {
		struct viommu_listener *listener = endpoint->listeners;

		endpoint->listeners = listener->next;
		endpoint->device->n_listeners--;
		endpoint->device->n_committers -= listener->ops.commit != NULL;
		free(listener);
	}
}

/* -- all listeners of a domain ---------------------------------------------------- */

/* Notify the listeners before `until` of the removal, or all. */
static void unmap_until(const struct domain *domain, const struct viommu_listener *until,
			const struct viommu_mapping *mapping)
{
	for_each_listener_of_domain(listener, domain) {
		if (listener == until)
			return;
		notify_unmap(listener, mapping);
	}
}

int listeners_map(struct domain *domain, const struct viommu_mapping *mapping)
{
	struct viommu *device = domain->listeners->endpoint->device;
	int error;

	for_each_listener_of_domain(listener, domain) {
		error = notify_map(listener, mapping);
		if (!error)
			continue;
		device_log(device, VIOMMU_LOG_LISTENER,
			   "a listener of endpoint 0x%" PRIx32 " refused the mapping at 0x%" PRIx64
			   ": errno %d",
			   listener->endpoint->node.id, mapping->first, -error);
		unmap_until(domain, listener, mapping);
		return error;
	}
	error = device->commits_later ? 0 : listeners_commit_now(device);
	if (error)
		unmap_until(domain, NULL, mapping);
	return error;
}

void listeners_unmap(const struct domain *domain, const struct viommu_mapping *mapping)
{
	unmap_until(domain, NULL, mapping);
}

void listeners_deliver_removals(struct viommu *device)
{
	for (size_t i = 0; i < device->n_removals; i++)
		listeners_unmap(device->removals[i].domain, &device->removals[i].mapping);
	device->n_removals = 0;
}

/* -- lists -------------------------------------------------------------------------- */

static void join_domain(struct viommu_listener *listener, struct domain *domain)
{
	listener->next_in_domain = NULL;
	listener->in_domain_at = domain->listeners_end;
	*listener->in_domain_at = listener;
	domain->listeners_end = &listener->next_in_domain;
}

static void leave_domain(struct viommu_listener *listener, struct domain *domain)
{
	struct viommu_listener *next = listener->next_in_domain;

	*listener->in_domain_at = next;
	*(next ? &next->in_domain_at : &domain->listeners_end) = listener->in_domain_at;
}

void listeners_join(struct endpoint *endpoint)
{
	for_each_listener(listener, endpoint)
		join_domain(listener, endpoint->domain);
}

void listeners_leave(struct endpoint *endpoint)
{
	for_each_listener(listener, endpoint)
		leave_domain(listener, endpoint->domain);
}

void listener_add(struct viommu_listener *listener)
{
	struct viommu_listener **at = &listener->endpoint->listeners;

	while (*at)
		at = &(*at)->next;
	*at = listener;
	listener->endpoint->device->n_listeners++;
	listener->endpoint->device->n_committers += listener->ops.commit != NULL;
	if (listener->endpoint->domain)
		join_domain(listener, listener->endpoint->domain);
}

void listener_remove(struct viommu_listener *listener)
{
	struct viommu_listener **at = &listener->endpoint->listeners;

	while (*at != listener)
		at = &(*at)->next;
	*at = listener->next;
	listener->endpoint->device->n_listeners--;
	listener->endpoint->device->n_committers -= listener->ops.commit != NULL;
	if (listener->endpoint->domain)
		leave_domain(listener, listener->endpoint->domain);
}
