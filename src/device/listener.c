/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "device/sdt.h"
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

/* Listeners of a domain are called one after the other, so the last one is compared only. */
static bool another_commits_for(const struct viommu_listener *listener)
{
	const struct viommu *device = listener->endpoint->device;
	const void *committer = listener->ops.committer;

	return committer && device->dirty && device->last_dirty->ops.committer == committer;
}

/* A listener is notified, and has to commit. */
static void mark_dirty(struct viommu_listener *listener)
{
	struct viommu *device = listener->endpoint->device;

	device->n_calls++;
	if (!listener->ops.commit)
		return;
	device->n_notices++;
	if (listener->is_dirty || another_commits_for(listener))
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

int listener_commit(struct viommu_listener *listener, uint64_t token, bool has_next)
{
	struct viommu *device = listener->endpoint->device;
	int result;

	SDT_COMMIT(device, listener->endpoint->node.id, token);
	CALLBACK_BEGIN(device, "commit", true);
	device_begin_wait(device);
	result = listener->ops.commit(listener->opaque, token);
	if (result || !has_next)
		device_end_wait(device);
	CALLBACK_END();
	if (result <= 0) {
		SDT_COMMITTED(device, listener->endpoint->node.id, token, result);
		return result;
	}
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
		int result = listener_commit(listener, 0, device->dirty);

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

static void notify_unmap_range(struct viommu_listener *listener, uint32_t domain, uint64_t first,
			       uint64_t last)
{
	mark_dirty(listener);
	CALLBACK_BEGIN(listener->endpoint->device, "unmap_range", true);
	listener->ops.unmap_range(listener->opaque, domain, first, last);
	CALLBACK_END();
}

static void notify_unmap(struct viommu_listener *listener, const struct viommu_mapping *mapping)
{
	if (listener->ops.unmap_range)
		notify_unmap_range(listener, mapping->domain, mapping->first, mapping->last);
	if (listener->ops.unmap_range || !listener->ops.unmap)
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

static bool must_stop(const struct viommu_listener *listener, const struct progress *progress)
{
	return progress->budget && budget_is_used_up(listener->endpoint->device);
}

static void count_notified(struct progress *progress, const struct range *range)
{
	progress->n++;
	progress->from = range->last + 1;
}

/* Unmap the first `n` mappings of a domain. */
static int unmap_first(struct viommu_listener *listener, const struct domain *domain, size_t n,
		       struct progress *progress)
{
	struct range range;

	while (progress->n < n && map_next_range(domain->map, progress->from, &range)) {
		struct viommu_mapping mapping = mapping_of(domain, &range);

		if (must_stop(listener, progress))
			return TO_BE_CONTINUED;
		notify_unmap(listener, &mapping);
		count_notified(progress, &range);
	}
	return 0;
}

static int map_all(struct viommu_listener *listener, const struct domain *domain,
		   struct progress *progress)
{
	size_t count = map_count(domain->map);
	struct range range;

	while (progress->n < count && map_next_range(domain->map, progress->from, &range)) {
		struct viommu_mapping mapping = mapping_of(domain, &range);
		int error;

		if (must_stop(listener, progress))
			return TO_BE_CONTINUED;
		error = notify_map(listener, &mapping);
		if (error)
			return error;
		count_notified(progress, &range);
	}
	return 0;
}

static uint64_t serial_of(struct viommu *device, struct domain *domain)
{
	if (!domain->serial)
		domain->serial = ++device->n_serials;
	return domain->serial;
}

/* Returns 0: it has no mapping of the domain; 1: it has all; or a negative errno. */
static int notify_domain(struct viommu_listener *listener, struct domain *domain)
{
	struct viommu *device = listener->endpoint->device;
	uint64_t serial = serial_of(device, domain);
	int result;

	mark_dirty(listener);
	CALLBACK_BEGIN(device, "domain", true);
	result = listener->ops.domain(listener->opaque, domain->node.id, serial);
	CALLBACK_END();
	return result;
}

/* NULL: the slot is empty. */
static struct viommu_space space_of(struct viommu *device, struct domain *domain)
{
	struct viommu_space space = { .mode = VIOMMU_BLOCKED };
	const struct table *table = domain ? domain->table : NULL;

	if (!domain)
		return space;
	space.mode = domain->route.mode;
	if (domain->bypass)
		return space;
	space.domain = domain->node.id;
	space.serial = serial_of(device, domain);
	if (!table)
		return space;
	space.format = table->format;
	space.body = table->body;
	space.has_parent = table->parent;
	if (!table->parent)
		return space;
	space.parent = table->parent->node.id;
	space.parent_serial = serial_of(device, table->parent);
	return space;
}

/* As notify_domain(). */
static int notify_space(struct viommu_listener *listener, uint32_t pasid, struct domain *domain)
{
	struct viommu *device = listener->endpoint->device;
	struct viommu_space space = space_of(device, domain);
	int result;

	if (!listener->ops.space)
		return 0;
	mark_dirty(listener);
	space.pasid_policy = listener->endpoint->config.pasid_policy;
	CALLBACK_BEGIN(device, "space", true);
	result = listener->ops.space(listener->opaque, pasid, &space);
	CALLBACK_END();
	return result;
}

/* `notified` is the mode of the last notification, or MODE_UNKNOWN. */
static int replay(struct viommu_listener *listener, enum viommu_mode mode, int notified,
		  struct progress *progress)
{
	struct domain *domain = listener->endpoint->domain;
	int result = 0;

	if (progress->is_notified)
		return map_all(listener, domain_followed(domain), progress);
	if (domain && domain->table && mode != VIOMMU_BLOCKED)
		result = notify_space(listener, NO_PASID, domain);
	else if (domain && mode == VIOMMU_TRANSLATED && listener->ops.domain)
		result = notify_domain(listener, domain);
	else if ((int)mode != notified)
		result = listener_notify_mode(listener, mode);
	if (result || !domain || mode != VIOMMU_TRANSLATED)
		return result < 0 ? result : 0;
	progress->is_notified = true;
	return map_all(listener, domain_followed(domain), progress);
}

int listener_replay(struct viommu_listener *listener)
{
	struct domain *domain = listener->endpoint->domain;
	struct progress progress = { 0 };
	int error = replay(listener, endpoint_mode(listener->endpoint), MODE_UNKNOWN, &progress);

	if (error && domain)
		unmap_first(listener, domain_followed(domain), progress.n, &(struct progress){ 0 });
	return error;
}

/*
 * A listener with `domain` loses all mappings when it gets another domain or mode; that of an
 * endpoint blocked by force has none.
 */
static int unmap_domain(struct viommu_listener *listener, struct domain *domain,
			struct progress *progress)
{
	bool is_last = listener == progress->until;
	size_t n;

	if (!domain || domain->bypass || listener->endpoint->is_forced)
		return 0;
	if (listener->ops.domain && !(is_last && progress->has_refused))
		return 0;
	domain = domain_followed(domain);
	n = is_last ? progress->until_n : map_count(domain->map);
	if (!n || !listener->ops.unmap_range)
		return unmap_first(listener, domain, n, progress);
	notify_unmap_range(listener, domain->node.id, 0, UINT64_MAX);
	return 0;
}

void listener_unmap_all(struct viommu_listener *listener)
{
	unmap_domain(listener, listener->endpoint->domain, &(struct progress){ 0 });
}

/* -- all listeners of an endpoint ----------------------------------------------- */

/* The next listener, for which nothing is done yet. */
static void turn_to_next(struct progress *progress)
{
	progress->listener = progress->listener->next;
	progress->is_notified = false;
	progress->n = 0;
	progress->from = 0;
}

int listeners_unmap_some(struct endpoint *endpoint, struct domain *domain,
			 struct progress *progress)
{
	if (!progress->listener)
		progress->listener = endpoint->listeners;
	while (progress->listener) {
		if (unmap_domain(progress->listener, domain, progress))
			return TO_BE_CONTINUED;
		if (progress->listener == progress->until)
			break;
		turn_to_next(progress);
	}
	return 0;
}

void listeners_unmap_all(struct endpoint *endpoint, struct domain *domain)
{
	listeners_unmap_some(endpoint, domain, &(struct progress){ 0 });
}

static int note_refusal(struct endpoint *endpoint, int error)
{
	device_log(endpoint->device, VIOMMU_LOG_LISTENER,
		   "a listener of endpoint 0x%" PRIx32 " refused a mode or mapping: errno %d",
		   endpoint->node.id, -error);
	endpoint->notified_mode = MODE_UNKNOWN;
	return error;
}

int listeners_replay_some(struct endpoint *endpoint, struct progress *progress)
{
	enum viommu_mode mode = endpoint_mode(endpoint);
	int error;

	if (!progress->listener)
		progress->listener = endpoint->listeners;
	while (progress->listener) {
		error = replay(progress->listener, mode, endpoint->notified_mode, progress);
		if (error)
			return error < 0 ? note_refusal(endpoint, error) : error;
		turn_to_next(progress);
	}
	error = endpoint->device->commits_later ? 0 : listeners_commit_now(endpoint->device);
	if (error)
		return note_refusal(endpoint, error);
	/* The mode that follows a table is always notified. */
	endpoint->notified_mode =
		endpoint->domain && endpoint->domain->table ? MODE_UNKNOWN : (int)mode;
	return 0;
}

/* The listeners up to that which has refused, or all, have mappings of the endpoint's domain. */
struct progress progress_of_refusal(const struct progress *progress)
{
	return (struct progress){
		.budget = progress->budget,
		.until = progress->listener,
		.until_n = progress->n,
		.has_refused = true,
	};
}

int listeners_replay(struct endpoint *endpoint)
{
	struct progress progress = { 0 };
	int error = listeners_replay_some(endpoint, &progress);

	progress = progress_of_refusal(&progress);
	if (error)
		listeners_unmap_some(endpoint, endpoint->domain, &progress);
	return error;
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
		if (!endpoint->domain && !endpoint->leaving)
			listeners_notify_mode(endpoint);
}

static void listener_count(const struct viommu_listener *listener)
{
	struct viommu *device = listener->endpoint->device;

	device->n_listeners++;
	device->n_committers += listener->ops.commit != NULL;
	device->n_by_mapping += !listener->ops.unmap_range;
}

static void listener_uncount(const struct viommu_listener *listener)
{
	struct viommu *device = listener->endpoint->device;

	device->n_listeners--;
	device->n_committers -= listener->ops.commit != NULL;
	device->n_by_mapping -= !listener->ops.unmap_range;
}

void listeners_free(struct endpoint *endpoint)
{
	while (endpoint->listeners) {
		struct viommu_listener *listener = endpoint->listeners;

		endpoint->listeners = listener->next;
		listener_uncount(listener);
		free(listener);
	}
}

/* -- lists -------------------------------------------------------------------------- */

static void shadow_insert(struct shadow *shadow, struct domain *domain, struct shadow **at)
{
	struct shadow *next = *at;

	domain->n_shadows++;
	domain->n_shadows_by_mapping += !shadow->listener->ops.unmap_range;
	shadow->next = next;
	shadow->at = at;
	*at = shadow;
	*(next ? &next->at : &domain->shadows_end) = &shadow->next;
}

static void shadow_join(struct shadow *shadow, struct domain *domain)
{
	position_take(&shadow->position, shadow->listener->endpoint->device);
	shadow_insert(shadow, domain, domain->shadows_end);
}

static void shadow_join_again(struct shadow *shadow, struct domain *domain)
{
	struct shadow **at = &domain->shadows;

	shadow->position.now = shadow->position.before;
	while (*at && (*at)->position.now < shadow->position.now)
		at = &(*at)->next;
	shadow_insert(shadow, domain, at);
}

static void shadow_leave(struct shadow *shadow, struct domain *domain)
{
	struct shadow *next = shadow->next;

	domain->n_shadows--;
	domain->n_shadows_by_mapping -= !shadow->listener->ops.unmap_range;
	*shadow->at = next;
	*(next ? &next->at : &domain->shadows_end) = shadow->at;
}

/* Listeners of an endpoint that is blocked by force do not follow its domains. */
void listeners_join(struct endpoint *endpoint, bool again)
{
	if (endpoint->is_forced)
		return;
	for_each_listener(listener, endpoint)
		(again ? shadow_join_again : shadow_join)(&listener->shadow,
							  domain_followed(endpoint->domain));
}

void listeners_leave(struct endpoint *endpoint)
{
	if (endpoint->is_forced)
		return;
	for_each_listener(listener, endpoint)
		shadow_leave(&listener->shadow, domain_followed(endpoint->domain));
}

void shadows_join(struct slot *slot, bool again)
{
	if (slot->endpoint->is_forced)
		return;
	for (size_t i = 0; i < slot->n_shadows; i++)
		if (slot->shadows[i].listener)
			(again ? shadow_join_again : shadow_join)(&slot->shadows[i],
								  domain_followed(slot->domain));
}

void shadows_leave(struct slot *slot)
{
	if (slot->endpoint->is_forced)
		return;
	for (size_t i = 0; i < slot->n_shadows; i++)
		if (slot->shadows[i].listener)
			shadow_leave(&slot->shadows[i], domain_followed(slot->domain));
}

void listener_add(struct viommu_listener *listener)
{
	struct viommu_listener **at = &listener->endpoint->listeners;

	listener->shadow.listener = listener;
	while (*at)
		at = &(*at)->next;
	*at = listener;
	listener_count(listener);
	if (listener->endpoint->domain && !listener->endpoint->is_forced)
		shadow_join(&listener->shadow, domain_followed(listener->endpoint->domain));
}

void listener_remove(struct viommu_listener *listener)
{
	struct viommu_listener **at = &listener->endpoint->listeners;

	while (*at != listener)
		at = &(*at)->next;
	*at = listener->next;
	listener_uncount(listener);
	if (listener->endpoint->domain && !listener->endpoint->is_forced)
		shadow_leave(&listener->shadow, domain_followed(listener->endpoint->domain));
}

/* -- slots of PASIDs ---------------------------------------------------------------- */

bool listeners_follow_spaces(const struct endpoint *endpoint)
{
	for_each_listener(listener, endpoint)
		if (!listener->ops.space)
			return false;
	return true;
}

static int shadow_enter(const struct shadow *shadow, const struct slot *slot,
			struct progress *progress)
{
	struct domain *domain = slot->domain;
	int result;

	if (progress->is_notified)
		return map_all(shadow->listener, domain_followed(domain), progress);
	result = notify_space(shadow->listener, slot->pasid, domain);
	if (result || !domain || domain->route.mode != VIOMMU_TRANSLATED)
		return result < 0 ? result : 0;
	progress->is_notified = true;
	return map_all(shadow->listener, domain_followed(domain), progress);
}

static void empty_until(const struct slot *slot, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slot->shadows[i].listener)
			notify_space(slot->shadows[i].listener, slot->pasid, NULL);
}

static int refuse_slot(const struct slot *slot, size_t n_notified, int error)
{
	device_log(slot->endpoint->device, VIOMMU_LOG_LISTENER,
		   "a listener of endpoint 0x%" PRIx32 " refused PASID %" PRIu32 ": errno %d",
		   slot->endpoint->node.id, slot->pasid, -error);
	empty_until(slot, n_notified);
	return error;
}

int shadows_enter_some(const struct slot *slot, struct progress *progress)
{
	if (slot->endpoint->is_forced)
		return 0;
	while (progress->shadow < slot->n_shadows) {
		const struct shadow *shadow = &slot->shadows[progress->shadow];
		int error = shadow->listener ? shadow_enter(shadow, slot, progress) : 0;

		if (error)
			return error < 0 ? refuse_slot(slot, progress->shadow + 1, error) : error;
		*progress = (struct progress){ .budget = progress->budget,
					       .shadow = progress->shadow + 1 };
	}
	return 0;
}

int shadows_enter(const struct slot *slot)
{
	int error = shadows_enter_some(slot, &(struct progress){ 0 });

	if (error || !slot->n_shadows || slot->endpoint->is_forced)
		return error;
	error = listeners_commit_now(slot->endpoint->device);
	if (error)
		shadows_empty(slot);
	return error;
}

void shadows_empty(const struct slot *slot)
{
	if (slot->endpoint->is_forced)
		return;
	empty_until(slot, slot->n_shadows);
}

void shadow_end(struct shadow *shadow, const struct slot *slot)
{
	if (!slot->endpoint->is_forced) {
		notify_space(shadow->listener, slot->pasid, NULL);
		shadow_leave(shadow, domain_followed(slot->domain));
	}
	shadow->listener = NULL;
}

void listeners_invalidate(const struct endpoint *endpoint, const struct viommu_invalidation *what)
{
	for_each_listener(listener, endpoint) {
		if (!listener->ops.invalidate)
			continue;
		mark_dirty(listener);
		CALLBACK_BEGIN(endpoint->device, "invalidate", true);
		listener->ops.invalidate(listener->opaque, what);
		CALLBACK_END();
	}
}

/* -- all listeners of a domain ---------------------------------------------------- */

/* Notify the listeners before `until` of the removal, or all. */
static void unmap_until(const struct domain *domain, const struct shadow *until,
			const struct viommu_mapping *mapping)
{
	for_each_shadow(shadow, domain)
	{
		if (shadow == until)
			return;
		notify_unmap(shadow->listener, mapping);
	}
}

int listeners_map(struct domain *domain, const struct viommu_mapping *mapping)
{
	struct viommu *device = domain->shadows->listener->endpoint->device;
	int error;

	for_each_shadow(shadow, domain)
	{
		error = notify_map(shadow->listener, mapping);
		if (!error)
			continue;
		device_log(device, VIOMMU_LOG_LISTENER,
			   "a listener of endpoint 0x%" PRIx32 " refused the mapping at 0x%" PRIx64
			   ": errno %d",
			   shadow->listener->endpoint->node.id, mapping->first, -error);
		unmap_until(domain, shadow, mapping);
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
	device->n_removal_calls = 0;
}
