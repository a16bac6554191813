/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdlib.h>

#include "device/trace.h"

/*
 * Slots: the domains of an endpoint's PASIDs (docs/proposal-address-spaces.md)
 *
 * Translations find a slot in a hash table of fixed size. A slot is published when it is complete,
 * and freed after a grace period. Its route is replaced by one store, like that of an endpoint. An
 * endpoint without PASIDs in use has no table and no slots. An empty slot blocks.
 *
 * With listeners, a slot is blocked between two domains, and has a shadow for each of them: its
 * place in the domain's list of those that are notified of mappings.
 */

#define HEAP_OVERHEAD 16

static _Atomic(struct slot *) *bucket_of(struct slots *slots, uint32_t pasid)
{
	return &slots->bucket[pasid % SLOT_BUCKETS];
}

static struct slot *find(const struct endpoint *endpoint, uint32_t pasid)
{
	struct slots *slots = atomic_load_explicit(&endpoint->slots, memory_order_acquire);
	struct slot *slot;

	annotate_acquire(&endpoint->slots);
	if (!slots)
		return NULL;
	slot = atomic_load_explicit(bucket_of(slots, pasid), memory_order_acquire);
	annotate_acquire(bucket_of(slots, pasid));
	while (slot && slot->pasid != pasid) {
		_Atomic(struct slot *) *next = &slot->next;

		slot = atomic_load_explicit(next, memory_order_acquire);
		annotate_acquire(next);
	}
	return slot;
}

static const struct route empty = { .fault = VIOMMU_FAULT_R_DOMAIN };

const struct route *slot_route(const struct endpoint *endpoint, uint32_t pasid)
{
	struct slot *slot = find(endpoint, pasid);
	const struct route *route;

	if (!slot)
		return &empty;
	route = atomic_load_explicit(&slot->route, memory_order_acquire);
	annotate_acquire(&slot->route);
	return route;
}

bool slots_are_empty(const struct endpoint *endpoint)
{
	return !atomic_load_explicit(&endpoint->slots, memory_order_relaxed);
}

/* -- making and retiring ------------------------------------------------------- */

static uint64_t bytes_with(size_t n_shadows)
{
	return sizeof(struct slot) + HEAP_OVERHEAD +
	       (n_shadows ? n_shadows * sizeof(struct shadow) + HEAP_OVERHEAD : 0);
}

static size_t count_listeners(const struct endpoint *endpoint)
{
	size_t n = 0;

	for_each_listener(listener, endpoint)
		n++;
	return n;
}

uint64_t slot_bytes_alone(const struct endpoint *endpoint)
{
	return bytes_with(count_listeners(endpoint));
}

static uint64_t bytes_of_table(void)
{
	return sizeof(struct slots) + HEAP_OVERHEAD;
}

static void link(struct slot *slot, struct domain *domain, bool again)
{
	slot->domain = domain;
	slot->next_in_domain = domain->slots;
	slot->at = &domain->slots;
	if (domain->slots)
		domain->slots->at = &slot->next_in_domain;
	domain->slots = slot;
	domain->n_slots++;
	domain->n_tracked += slot->endpoint->is_tracked;
	classes_add(domain, &slot->member);
	shadows_join(slot, again);
}

static void set_route(struct slot *slot, const struct route *route)
{
	dirty_leave(slot->endpoint, atomic_load_explicit(&slot->route, memory_order_relaxed));
	annotate_release(&slot->route);
	atomic_store_explicit(&slot->route, route, memory_order_release);
}

static void leave(struct slot *slot)
{
	shadows_leave(slot);
	classes_remove(slot->domain, &slot->member);
	*slot->at = slot->next_in_domain;
	if (slot->next_in_domain)
		slot->next_in_domain->at = slot->at;
	slot->domain->n_slots--;
	slot->domain->n_tracked -= slot->endpoint->is_tracked;
}

static struct domain *unlink(struct slot *slot)
{
	struct domain *domain = slot->domain;

	dirty_leave(slot->endpoint, atomic_load_explicit(&slot->route, memory_order_relaxed));
	groups_close_slot(slot->endpoint, slot->pasid);
	leave(slot);
	domain_mark_left(slot->endpoint->device, domain);
	endpoint_mark_sync_pending(slot->endpoint);
	atc_drop(&slot->member);
	return domain;
}

/* Publish a slot that is linked to its domain. */
static void publish(struct slots *slots, struct slot *slot)
{
	_Atomic(struct slot *) *bucket = bucket_of(slots, slot->pasid);

	atomic_init(&slot->next, atomic_load_explicit(bucket, memory_order_relaxed));
	annotate_release(bucket);
	atomic_store_explicit(bucket, slot, memory_order_release);
	slots->n++;
	slot->endpoint->device->n_bytes += bytes_with(slot->n_shadows);
}

/* Its last slot was removed. */
static void retire_table(struct endpoint *endpoint, struct slots *slots)
{
	struct viommu *device = endpoint->device;

	annotate_release(&endpoint->slots);
	atomic_store_explicit(&endpoint->slots, NULL, memory_order_release);
	slots->next_retired = device->retired_tables;
	device->retired_tables = slots;
	device->retired_bytes += bytes_of_table();
	device->n_bytes -= bytes_of_table();
	endpoint_mark_sync_pending(endpoint);
}

static void unpublish(struct slots *slots, struct slot *slot)
{
	_Atomic(struct slot *) *at = bucket_of(slots, slot->pasid);
	struct viommu *device = slot->endpoint->device;

	while (atomic_load_explicit(at, memory_order_relaxed) != slot)
		at = &atomic_load_explicit(at, memory_order_relaxed)->next;
	annotate_release(at);
	atomic_store_explicit(at, atomic_load_explicit(&slot->next, memory_order_relaxed),
			      memory_order_release);
	slot->next_retired = device->retired_slots;
	device->retired_slots = slot;
	device->retired_bytes += bytes_with(slot->n_shadows);
	device->n_bytes -= bytes_with(slot->n_shadows);
	if (!--slots->n)
		retire_table(slot->endpoint, slots);
}

static void slot_free(struct slot *slot)
{
	if (slot)
		free(slot->shadows);
	free(slot);
}

/* With a shadow for each listener of the endpoint. */
static struct slot *slot_alloc(const struct endpoint *endpoint)
{
	struct slot *slot = calloc(1, sizeof(*slot));
	size_t n = count_listeners(endpoint);

	if (!slot || !n)
		return slot;
	slot->shadows = calloc(n, sizeof(slot->shadows[0]));
	if (!slot->shadows) {
		free(slot);
		return NULL;
	}
	for_each_listener(listener, endpoint)
		slot->shadows[slot->n_shadows++].listener = listener;
	return slot;
}

static struct slot *slot_new(struct endpoint *endpoint, uint32_t pasid)
{
	struct slots *slots = atomic_load_explicit(&endpoint->slots, memory_order_relaxed);
	struct slot *slot = slot_alloc(endpoint);

	if (!slot)
		return NULL;
	if (!slots) {
		slots = calloc(1, sizeof(*slots));
		if (!slots) {
			slot_free(slot);
			return NULL;
		}
		annotate_release(&endpoint->slots);
		atomic_store_explicit(&endpoint->slots, slots, memory_order_release);
		endpoint->device->n_bytes += bytes_of_table();
	}
	slot->endpoint = endpoint;
	slot->pasid = pasid;
	atomic_init(&slot->route, &empty);
	slot->member = (struct member){ .endpoint = endpoint, .pasid = pasid };
	return slot;
}

/* Translations have stopped to use the slot's domain when this returns. */
static void slot_block(struct slot *slot)
{
	struct viommu *device = slot->endpoint->device;

	if (atomic_load_explicit(&slot->route, memory_order_relaxed) == &empty)
		return;
	device_deliver_removals(device);
	set_route(slot, &empty);
	endpoint_mark_sync_pending(slot->endpoint);
	device_synchronize(device);
}

static void slot_empty(struct slot *slot)
{
	struct endpoint *endpoint = slot->endpoint;
	struct domain *domain;

	if (slot->n_shadows) {
		slot_block(slot);
		shadows_empty(slot);
	}
	domain = unlink(slot);
	unpublish(atomic_load_explicit(&endpoint->slots, memory_order_relaxed), slot);
	domain_release(endpoint->device, domain);
}

/* -- attaching and detaching --------------------------------------------------- */

/* Does the slot's domain end when the slot leaves it? */
static bool is_last(const struct slot *slot)
{
	return slot && domain_n_holders(slot->domain) == 1;
}

/* The resources of a new slot. */
uint64_t slot_bytes(const struct endpoint *endpoint)
{
	return slot_bytes_alone(endpoint) + (slots_are_empty(endpoint) ? bytes_of_table() : 0);
}

static uint8_t no_memory(struct viommu *device)
{
	device_log(device, VIOMMU_LOG_MEMORY, "ATTACH: no memory for a PASID");
	return VIOMMU_S_NOMEM;
}

static void note_detached(const struct slot *slot)
{
	journal_invalidate(slot->endpoint->device);
	device_log(slot->endpoint->device, VIOMMU_LOG_QUARANTINE,
		   "PASID %" PRIu32 " of endpoint 0x%" PRIx32
		   " is detached: a listener refused its old state as well",
		   slot->pasid, slot->endpoint->node.id);
}

/* A listener has refused: back into the old domain, or out of all if that is refused as well. */
static void slot_restore(struct slot *slot, struct domain *old)
{
	struct endpoint *endpoint = slot->endpoint;

	leave(slot);
	slot->domain = old;
	if (!old)
		return;
	link(slot, old, true);
	if (!shadows_enter(slot)) {
		set_route(slot, &old->route);
		return;
	}
	note_detached(slot);
	unlink(slot);
	slot->domain = NULL;
	unpublish(atomic_load_explicit(&endpoint->slots, memory_order_relaxed), slot);
	domain_release(endpoint->device, old);
}

/* -- entering a domain in parts: flight.c ---------------------------------------- */

static bool enters_in_parts(const struct slot *slot, struct domain *domain)
{
	const struct endpoint *endpoint = slot->endpoint;

	return endpoint->device->commits_later && !endpoint->is_forced &&
	       slots_calls_of_entry(endpoint, domain) > CALLS_DUE_SHORT;
}

/* The slot is blocked, and its listeners know only its domain before. */
static void begin_entry(struct slot *slot, struct domain *domain)
{
	struct viommu *device = slot->endpoint->device;
	struct domain *old = slot->domain;

	device_deliver_removals(device);
	set_route(slot, &empty);
	endpoint_mark_sync_pending(slot->endpoint);
	if (old) {
		old->n_leaving++;
		unlink(slot);
	} else {
		publish(atomic_load_explicit(&slot->endpoint->slots, memory_order_relaxed), slot);
	}
	link(slot, domain, false);
	device->entry = (struct entry){ slot, old, false };
	device->n_calls_due += slots_calls_of_entry(slot->endpoint, domain);
	device->n_notices++;
}

/* A domain that the refused one was to replace has its number again. */
static void go_back(struct viommu *device, struct entry *entry)
{
	struct domain *before = entry->from;

	if (domain_find(device, before->node.id) != before)
		ids_put(&device->domains, &before->node);
	link(entry->slot, before, true);
	before->n_leaving--;
	*entry = (struct entry){ entry->slot, NULL, true };
	device->n_calls_due += slots_calls_of_entry(entry->slot->endpoint, before);
}

/* Its listeners have been notified that it is empty. */
static void refuse_entry(struct viommu *device)
{
	struct entry *entry = &device->entry;
	struct slot *slot = entry->slot;
	struct slots *slots = atomic_load_explicit(&slot->endpoint->slots, memory_order_relaxed);
	struct domain *refused = unlink(slot);

	if (entry->from) {
		go_back(device, entry);
	} else {
		if (entry->is_back)
			note_detached(slot);
		slot->domain = NULL;
		unpublish(slots, slot);
		*entry = (struct entry){ 0 };
	}
	domain_release(device, refused);
}

int slot_finish_entry(struct viommu *device, struct progress *progress)
{
	struct slot *slot = device->entry.slot;
	int error = shadows_enter_some(slot, progress);

	if (error == TO_BE_CONTINUED)
		return error;
	*progress = (struct progress){ .budget = progress->budget };
	if (error) {
		refuse_entry(device);
		return error;
	}
	set_route(slot, &slot->domain->route);
	slot_abandon_entry(device);
	return 0;
}

void slot_abandon_entry(struct viommu *device)
{
	struct domain *from = device->entry.from;

	device->entry = (struct entry){ 0 };
	device->move = (struct progress){ .budget = device->move.budget };
	if (!from)
		return;
	from->n_leaving--;
	domain_release(device, from);
}

/* -- moving ------------------------------------------------------------------------ */

/* Only a listener can refuse: memory has been reserved. */
static int slot_move(struct slot *slot, struct domain *domain)
{
	struct endpoint *endpoint = slot->endpoint;
	struct domain *old = slot->domain;
	int error;

	if (enters_in_parts(slot, domain)) {
		begin_entry(slot, domain);
		return 0;
	}
	/* Pending removals concern only the listeners that were there before. */
	if (slot->n_shadows)
		device_deliver_removals(endpoint->device);
	if (old && slot->n_shadows)
		slot_block(slot);
	if (old)
		unlink(slot);
	link(slot, domain, false);
	error = shadows_enter(slot);
	if (error) {
		slot_restore(slot, old);
		return error;
	}
	set_route(slot, &domain->route);
	if (!old)
		publish(atomic_load_explicit(&endpoint->slots, memory_order_relaxed), slot);
	domain_release(endpoint->device, old);
	return 0;
}

/* Free a slot that was created for a refused request. */
static void discard(struct slot *slot)
{
	struct endpoint *endpoint = slot->endpoint;
	struct slots *slots = atomic_load_explicit(&endpoint->slots, memory_order_relaxed);

	slot_free(slot);
	if (slots && !slots->n)
		retire_table(endpoint, slots);
}

static uint8_t attach_to(struct endpoint *endpoint, uint32_t pasid, struct slot *slot,
			 struct domain *domain)
{
	bool is_new = !slot;
	int error;

	if (is_new)
		slot = slot_new(endpoint, pasid);
	if (!slot)
		return no_memory(endpoint->device);
	error = slot_move(slot, domain);
	if (error && is_new)
		discard(slot);
	return status_of(error);
}

/* The limit is checked before anything is allocated. */
static uint8_t attach_to_new(struct endpoint *endpoint, uint32_t pasid, struct slot *slot,
			     const struct domain_spec *spec)
{
	struct viommu *device = endpoint->device;
	struct usage more = { is_last(slot) ? 0 : 1, 0, slot ? 0 : slot_bytes(endpoint) };
	struct domain *old = domain_find(device, spec->id), *domain;
	bool is_new = !slot;
	uint8_t status = domain_make(device, spec, endpoint->granule, more, "ATTACH", &domain);

	if (status != VIOMMU_S_OK)
		return status;
	if (is_new)
		slot = slot_new(endpoint, pasid);
	if (!slot) {
		domain_unmake(device, domain, old);
		return no_memory(device);
	}
	status = status_of(slot_move(slot, domain));
	if (status == VIOMMU_S_OK)
		return status;
	domain_unmake(device, domain, slot->domain == old ? old : NULL);
	if (is_new)
		discard(slot);
	return status;
}

bool slot_exists(const struct endpoint *endpoint, uint32_t pasid)
{
	return endpoint->config.pasid_bits && !(pasid >> endpoint->config.pasid_bits);
}

struct domain *slot_domain(const struct endpoint *endpoint, uint32_t pasid)
{
	const struct slot *slot = find(endpoint, pasid);

	return slot ? slot->domain : NULL;
}

struct slot *slot_next(const struct endpoint *endpoint, uint32_t from)
{
	struct slots *slots = atomic_load_explicit(&endpoint->slots, memory_order_relaxed);
	struct slot *next = NULL, *slot;

	for (size_t i = 0; slots && i < SLOT_BUCKETS; i++) {
		slot = atomic_load_explicit(&slots->bucket[i], memory_order_relaxed);
		for (; slot; slot = atomic_load_explicit(&slot->next, memory_order_relaxed))
			if (slot->pasid >= from && (!next || slot->pasid < next->pasid))
				next = slot;
	}
	return next;
}

uint8_t slot_attach(struct endpoint *endpoint, uint32_t pasid, const struct domain_spec *spec)
{
	struct viommu *device = endpoint->device;
	struct domain *domain = domain_find(device, spec->id);
	struct slot *slot = find(endpoint, pasid);

	if (!listeners_follow_spaces(endpoint) || (domain && !endpoint_fits(endpoint, domain)))
		return VIOMMU_S_UNSUPP;
	if (!domain || spec->replaces || (slot && slot->domain == domain && is_last(slot)))
		return attach_to_new(endpoint, pasid, slot, spec);
	if (slot && slot->domain == domain)
		return VIOMMU_S_OK;
	if (!slot && device_is_full(device, (struct usage){ .bytes = slot_bytes(endpoint) })) {
		device_log_limit(device, "ATTACH");
		return VIOMMU_S_NOMEM;
	}
	return attach_to(endpoint, pasid, slot, domain);
}

bool slot_detach(struct endpoint *endpoint, uint32_t pasid, const struct domain *domain)
{
	struct slot *slot = find(endpoint, pasid);

	if (!slot || slot->domain != domain)
		return false;
	slot_empty(slot);
	return true;
}

/* -- in two steps -------------------------------------------------------------- */

struct slot *slot_prepare(struct endpoint *endpoint, uint32_t pasid, struct domain *domain)
{
	struct slot *slot = slot_new(endpoint, pasid);

	if (slot)
		link(slot, domain, false);
	return slot;
}

void slot_publish(struct slot *slot)
{
	set_route(slot, &slot->domain->route);
	publish(atomic_load_explicit(&slot->endpoint->slots, memory_order_relaxed), slot);
}

void slot_discard(struct slot *slot)
{
	leave(slot);
	discard(slot);
}

/* -- all slots of an endpoint ---------------------------------------------------- */

typedef bool slot_function(struct slot *slot, const void *opaque);

/* Stops at the first false. Returns whether all were true. */
static bool slots_each(const struct endpoint *endpoint, slot_function *function, const void *opaque)
{
	struct slots *slots = atomic_load_explicit(&endpoint->slots, memory_order_relaxed);

	for (size_t i = 0; slots && i < SLOT_BUCKETS; i++) {
		struct slot *slot = atomic_load_explicit(&slots->bucket[i], memory_order_relaxed);

		for (; slot; slot = atomic_load_explicit(&slot->next, memory_order_relaxed))
			if (!function(slot, opaque))
				return false;
	}
	return true;
}

/* How many PASIDs are searched: a request waits meanwhile. */
#define SEARCHED_MAX 64

static bool is_not_awaited(struct slot *slot, const void *unused)
{
	(void)unused;
	return !domain_is_awaited(slot->endpoint->device, slot->domain);
}

bool slots_may_be_awaited(const struct endpoint *endpoint)
{
	const struct slots *slots = atomic_load_explicit(&endpoint->slots, memory_order_relaxed);

	return slots && (slots->n > SEARCHED_MAX || !slots_each(endpoint, is_not_awaited, NULL));
}

static bool fits(struct slot *slot, const void *changed)
{
	return slot_exists(changed, slot->pasid) && endpoint_fits(changed, slot->domain);
}

bool slots_fit(const struct endpoint *endpoint, const struct endpoint *changed)
{
	return slots_each(endpoint, fits, changed);
}

static bool add_class(struct slot *slot, const void *unused)
{
	(void)unused;
	classes_add(slot->domain, &slot->member);
	return true;
}

static bool remove_class(struct slot *slot, const void *unused)
{
	(void)unused;
	classes_remove(slot->domain, &slot->member);
	return true;
}

void slots_add_classes(struct endpoint *endpoint)
{
	slots_each(endpoint, add_class, NULL);
}

void slots_remove_classes(struct endpoint *endpoint)
{
	slots_each(endpoint, remove_class, NULL);
}

static bool forget(struct slot *slot, const void *listener)
{
	for (size_t i = 0; i < slot->n_shadows; i++)
		if (slot->shadows[i].listener == listener)
			shadow_end(&slot->shadows[i], slot);
	return true;
}

void slots_forget(const struct viommu_listener *listener)
{
	slots_each(listener->endpoint, forget, listener);
}

static bool track(struct slot *slot, const void *on)
{
	if (!*(const bool *)on)
		dirty_leave(slot->endpoint,
			    atomic_load_explicit(&slot->route, memory_order_relaxed));
	domain_count_tracked(slot->domain, *(const bool *)on);
	return true;
}

void slots_track(struct endpoint *endpoint, bool on)
{
	slots_each(endpoint, track, &on);
}

static bool leave_shadows(struct slot *slot, const void *unused)
{
	(void)unused;
	shadows_empty(slot);
	shadows_leave(slot);
	return true;
}

static bool join_shadows(struct slot *slot, const void *unused)
{
	(void)unused;
	shadows_join(slot, false);
	return true;
}

static bool enter_shadows(struct slot *slot, const void *unused)
{
	(void)unused;
	return !shadows_enter(slot);
}

void slots_leave_listeners(struct endpoint *endpoint)
{
	slots_each(endpoint, leave_shadows, NULL);
}

bool slots_join_listeners(struct endpoint *endpoint)
{
	slots_each(endpoint, join_shadows, NULL);
	if (slots_each(endpoint, enter_shadows, NULL))
		return true;
	slots_leave_listeners(endpoint);
	return false;
}

static bool block_quietly(struct slot *slot, const void *unused)
{
	(void)unused;
	set_route(slot, &empty);
	return true;
}

void slots_begin_clear(struct endpoint *endpoint)
{
	device_deliver_removals(endpoint->device);
	slots_each(endpoint, block_quietly, NULL);
	endpoint_mark_sync_pending(endpoint);
}

int slots_clear_some(struct endpoint *endpoint, const struct budget *budget)
{
	for (size_t i = 0; i < SLOT_BUCKETS; i++) {
		struct slots *slots = atomic_load_explicit(&endpoint->slots, memory_order_relaxed);
		struct slot *slot;

		while (slots &&
		       (slot = atomic_load_explicit(&slots->bucket[i], memory_order_relaxed))) {
			if (budget && budget_is_used_up(endpoint->device))
				return TO_BE_CONTINUED;
			slot_empty(slot);
			slots = atomic_load_explicit(&endpoint->slots, memory_order_relaxed);
		}
	}
	return 0;
}

/* With listeners, all slots are blocked before the first is emptied: with one grace period. */
void slots_clear(struct endpoint *endpoint)
{
	if (slots_are_empty(endpoint))
		return;
	if (endpoint->listeners) {
		slots_begin_clear(endpoint);
		device_synchronize(endpoint->device);
	}
	slots_clear_some(endpoint, NULL);
}

uint64_t slots_calls_of_clear(const struct endpoint *endpoint)
{
	const struct slots *slots = atomic_load_explicit(&endpoint->slots, memory_order_relaxed);

	return slots ? slots->n * count_listeners(endpoint) : 0;
}

uint64_t slots_calls_of_entry(const struct endpoint *endpoint, struct domain *domain)
{
	return count_listeners(endpoint) * map_count(domain_followed(domain)->map);
}
