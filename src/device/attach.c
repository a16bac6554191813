/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>

#include "device/trace.h"

/*
 * The requests ATTACH and DETACH (virtio 1.3, 5.13.6.3 and 5.13.6.4)
 *
 * The first ATTACH with a domain number creates the domain. The domain, with its mappings, ends
 * with its last endpoint.
 *
 * A refused ATTACH has no side effect. So everything is checked, and all memory is allocated,
 * before the endpoint leaves its old domain; and the old domain is kept until every listener has
 * agreed to the new one.
 */

/* -- leaving ------------------------------------------------------------------------ */

/* The route goes first: no translation can find the domain any more. */
static void leave(struct endpoint *endpoint)
{
	endpoint->leaving = endpoint->domain;
	endpoint->leaving->n_leaving++;
	endpoint_unlink(endpoint);
	endpoint_publish_route(endpoint);
}

/* After the grace period, if there are listeners. */
static void notify_left(struct endpoint *endpoint)
{
	struct domain *domain = endpoint->leaving;

	listeners_unmap_all(endpoint, domain);
	listeners_notify_mode(endpoint);
	endpoint->leaving = NULL;
	domain->n_leaving--;
	domain_release(endpoint->device, domain);
}

void endpoint_detach(struct endpoint *endpoint)
{
	struct viommu *device = endpoint->device;

	if (!endpoint->domain)
		return;
	device_deliver_removals(device);
	leave(endpoint);
	if (endpoint->listeners && device->sync_pending)
		device_synchronize(device);
	notify_left(endpoint);
}

static void note_quarantine(struct endpoint *endpoint, const char *refused)
{
	endpoint->quarantined = true;
	journal_invalidate(endpoint->device);
	device_log(endpoint->device, VIOMMU_LOG_QUARANTINE,
		   "endpoint 0x%" PRIx32 " is blocked: a listener refused %s", endpoint->node.id,
		   refused);
}

void endpoint_quarantine(struct endpoint *endpoint)
{
	note_quarantine(endpoint, "what was done already");
	if (endpoint->domain) {
		endpoint_detach(endpoint);
		return;
	}
	endpoint_publish_route(endpoint);
	if (endpoint->listeners && endpoint->device->sync_pending)
		device_synchronize(endpoint->device);
	listeners_notify_mode(endpoint);
}

/* It keeps its domain, and its listeners leave that. */
static void block_by_force(struct endpoint *endpoint)
{
	struct viommu *device = endpoint->device;

	device_deliver_removals(device);
	endpoint_publish_forced(endpoint);
	atc_drop(&endpoint->member);
	endpoint_mark_sync_pending(endpoint); /* for accesses with PASIDs, and MSIs */
	device_synchronize(device);
	if (endpoint->domain) {
		listeners_unmap_all(endpoint, endpoint->domain);
		listeners_leave(endpoint);
	}
	slots_leave_listeners(endpoint);
	if (endpoint->groups)
		journal_invalidate(device);
	groups_close_all(endpoint);
	endpoint->is_forced = true;
	listeners_notify_mode(endpoint);
}

static int unblock(struct endpoint *endpoint)
{
	int error;

	endpoint->is_forced = false;
	if (endpoint->domain)
		listeners_join(endpoint, false);
	error = listeners_replay(endpoint);
	if (!error && !slots_join_listeners(endpoint)) {
		listeners_unmap_all(endpoint, endpoint->domain);
		error = -EIO;
	}
	if (error) {
		if (endpoint->domain)
			listeners_leave(endpoint);
		endpoint->is_forced = true;
		listeners_notify_mode(endpoint);
	}
	endpoint_publish_route(endpoint);
	return error;
}

int endpoint_set_forced(struct endpoint *endpoint, bool is_forced)
{
	if (endpoint->is_forced == is_forced)
		return 0;
	if (!is_forced)
		return unblock(endpoint);
	block_by_force(endpoint);
	return 0;
}

/* Routes lose access before listeners are notified of it, and all of them with one grace period. */
void notify_mode_changes(struct viommu *device)
{
	for_all_endpoints(endpoint, device)
		if (!endpoint->domain && !endpoint->leaving)
			endpoint_publish_route(endpoint);
	if (device->sync_pending && device->n_listeners)
		device_synchronize(device);
	listeners_notify_mode_changes(device);
}

/* -- moving --------------------------------------------------------------------------- */

/* Return the endpoint to its old domain. If a listener refuses that too, it is quarantined. */
static void endpoint_restore(struct endpoint *endpoint, struct domain *old)
{
	endpoint_unlink(endpoint);
	if (old)
		endpoint_link_again(endpoint, old);
	if (!listeners_replay(endpoint))
		return;
	if (old)
		endpoint_unlink(endpoint);
	note_quarantine(endpoint, "its old state as well");
	listeners_notify_mode(endpoint);
}

/* Without listeners the endpoint goes from one domain to the other by one store. */
static void move_silently(struct endpoint *endpoint, struct domain *domain)
{
	if (endpoint->domain)
		endpoint_unlink(endpoint);
	endpoint_link(endpoint, domain);
	endpoint->quarantined = false;
}

/* Listeners have one address space, so the endpoint is blocked between the two. */
static int move_with_listeners(struct endpoint *endpoint, struct domain *domain)
{
	struct domain *old = endpoint->domain;
	bool quarantined = endpoint->quarantined;
	int error;

	if (endpoint->is_forced) {
		move_silently(endpoint, domain);
		return 0;
	}
	device_deliver_removals(endpoint->device);
	endpoint_block(endpoint);
	if (endpoint->device->sync_pending)
		device_synchronize(endpoint->device);
	listeners_unmap_all(endpoint, old);
	move_silently(endpoint, domain);
	error = listeners_replay(endpoint);
	if (error) {
		endpoint->quarantined = quarantined;
		endpoint_restore(endpoint, old);
	}
	return error;
}

/* -- moves of a run: flight.c ------------------------------------------------------------ */

/*
 * A domain that is replaced by a new one with its number is not left like that, because others may
 * enter the new one meanwhile: a listener would not know both. A table is attached while no other
 * request is executed.
 */
static bool can_wait(const struct endpoint *endpoint, const struct domain *domain)
{
	const struct domain *old = endpoint->domain;

	return endpoint->device->commits_later && endpoint->listeners && !endpoint->is_forced &&
	       !(old && domain && !domain->table && old->node.id == domain->node.id);
}

/* Calls of listeners when the move is finished. */
static uint64_t count_calls(const struct endpoint *endpoint, struct domain *domain, bool is_left)
{
	uint64_t n = 0;

	for_each_listener(listener, endpoint) {
		bool at_once = is_left ? listener->ops.domain || listener->ops.unmap_range
				       : listener->ops.domain && domain && !domain->table;

		n += domain && !at_once ? map_count(domain_followed(domain)->map) : 1;
	}
	return n;
}

uint64_t endpoint_calls_of_move(const struct endpoint *endpoint, struct domain *domain)
{
	return count_calls(endpoint, endpoint->domain, true) + count_calls(endpoint, domain, false);
}

uint64_t endpoint_calls_of_table(const struct endpoint *endpoint, const struct domain *parent)
{
	uint64_t n = count_calls(endpoint, endpoint->domain, true);

	for_each_listener(listener, endpoint)
		n += parent ? map_count(parent->map) : 1;
	return n;
}

/* The endpoint is in its new domain, or in none, and blocked. Its listeners know only the old one.
 */
static void begin_move(struct endpoint *endpoint, struct domain *domain)
{
	struct viommu *device = endpoint->device;

	device_deliver_removals(device);
	endpoint->leaving = endpoint->domain;
	endpoint->was_quarantined = endpoint->quarantined;
	if (endpoint->leaving || domain) {
		endpoint_block(endpoint);
		endpoint->quarantined = false;
	}
	if (endpoint->leaving) {
		endpoint->leaving->n_leaving++;
		endpoint_unlink(endpoint);
	}
	if (domain)
		endpoint_link(endpoint, domain);
	endpoint->n_turns = 0;
	endpoint->clears_slots = false;
	endpoint->next_moving = NULL;
	*device->moving_end = endpoint;
	device->moving_end = &endpoint->next_moving;
	device->n_calls_due += count_calls(endpoint, endpoint->leaving, true) +
			       count_calls(endpoint, domain, false);
	device->n_notices++;
}

/* The endpoint is moving to nothing, and its PASIDs as well. */
static void begin_clear(struct endpoint *endpoint)
{
	if (slots_are_empty(endpoint))
		return;
	slots_begin_clear(endpoint);
	endpoint->clears_slots = true;
	endpoint->device->n_calls_due += slots_calls_of_clear(endpoint);
}

/* Its listeners are notified of what it has left, and then of what it has entered. */
static int notify_moved(struct endpoint *endpoint, struct progress *progress)
{
	if (endpoint->clears_slots && slots_clear_some(endpoint, progress->budget))
		return TO_BE_CONTINUED;
	endpoint->clears_slots = false;
	if (!progress->has_left) {
		if (listeners_unmap_some(endpoint, endpoint->leaving, progress))
			return TO_BE_CONTINUED;
		*progress = (struct progress){ .budget = progress->budget, .has_left = true };
	}
	if (endpoint->domain || endpoint->n_turns == 1)
		return listeners_replay_some(endpoint, progress);
	listeners_notify_mode(endpoint);
	return 0;
}

/* A domain that the refused one was to replace has its number again. */
static void enter_again(struct endpoint *endpoint, struct domain *domain)
{
	struct viommu *device = endpoint->device;

	if (domain_find(device, domain->node.id) != domain)
		ids_put(&device->domains, &domain->node);
	endpoint_link_again(endpoint, domain);
}

/*
 * A listener has refused the domain: the endpoint moves back to the one before, or if that is
 * refused as well, to none.
 */
static void turn_back(struct endpoint *endpoint, struct progress *progress)
{
	struct domain *before = endpoint->leaving, *refused = endpoint->domain;
	struct viommu *device = endpoint->device;
	bool is_back = !endpoint->n_turns++;

	endpoint->leaving = refused;
	if (refused) {
		refused->n_leaving++;
		endpoint_unlink(endpoint);
	}
	if (before)
		before->n_leaving--;
	if (is_back && before)
		enter_again(endpoint, before);
	else
		domain_release(device, before);
	if (is_back)
		endpoint->quarantined = endpoint->was_quarantined;
	else
		note_quarantine(endpoint, "its old state as well");
	*progress = progress_of_refusal(progress);
	device->n_calls_due += count_calls(endpoint, endpoint->leaving, true) +
			       count_calls(endpoint, endpoint->domain, false);
}

int endpoint_finish_move(struct endpoint *endpoint, struct progress *progress)
{
	int error = notify_moved(endpoint, progress);
	struct domain *old = endpoint->leaving;

	if (error < 0)
		turn_back(endpoint, progress);
	if (error)
		return error;
	*progress = (struct progress){ .budget = progress->budget };
	endpoint->leaving = NULL;
	endpoint_publish_route(endpoint);
	if (old)
		old->n_leaving--;
	domain_release(endpoint->device, old);
	return 0;
}

bool endpoint_begin_quarantine(struct endpoint *endpoint)
{
	if (!endpoint->domain || endpoint->is_forced ||
	    count_calls(endpoint, endpoint->domain, true) <= CALLS_DUE_SHORT) {
		endpoint_quarantine(endpoint);
		return false;
	}
	begin_move(endpoint, NULL);
	note_quarantine(endpoint, "what was done already");
	return true;
}

/* -- reset ---------------------------------------------------------------------------- */

/*
 * It was to leave `leaving` for a domain, and now leaves that as well. What its listeners know of
 * the new domain, if they have forgotten the old one, is what they are notified of.
 */
static void abandon_move(struct endpoint *endpoint, struct progress *progress)
{
	struct viommu *device = endpoint->device;
	struct domain *old = endpoint->leaving, *new = endpoint->domain;

	endpoint->n_turns = 0;
	if (new)
		endpoint_unlink(endpoint);
	if (progress && progress->has_left && new) {
		*progress =
			(struct progress){ .until = progress->listener, .until_n = progress->n };
		endpoint->notified_mode = MODE_UNKNOWN;
		endpoint->leaving = new;
		new->n_leaving++;
		if (old)
			old->n_leaving--;
		domain_release(device, old);
	} else {
		domain_release(device, new);
	}
	device->n_calls_due += count_calls(endpoint, endpoint->leaving, true);
	begin_clear(endpoint);
}

static void abandon_moves(struct viommu *device)
{
	struct progress *progress = &device->move;

	device->n_calls_due = 0;
	for (struct endpoint *e = device->moving; e; e = e->next_moving) {
		abandon_move(e, progress);
		progress = NULL;
	}
}

static void begin_detach_all(struct endpoint *endpoint)
{
	begin_move(endpoint, NULL);
	begin_clear(endpoint);
}

/* Moves of all endpoints with listeners to nothing. Those whose move is abandoned are moving. */
void endpoints_begin_detach(struct viommu *device)
{
	device_deliver_removals(device);
	if (device->entry.slot)
		slot_abandon_entry(device);
	abandon_moves(device);
	for_all_endpoints(endpoint, device) {
		if (endpoint->clears_slots || (!endpoint->domain && slots_are_empty(endpoint)))
			continue;
		if (endpoint->listeners && !endpoint->is_forced) {
			begin_detach_all(endpoint);
			continue;
		}
		slots_clear(endpoint);
		if (!endpoint->domain)
			continue;
		leave(endpoint);
		notify_left(endpoint);
	}
	device->is_resetting = device->moving;
}

/* -- ATTACH ------------------------------------------------------------------------ */

/* Leave whatever domain the endpoint is in, and join `domain`. */
static int endpoint_move(struct endpoint *endpoint, struct domain *domain)
{
	struct domain *old = endpoint->domain;
	int error = 0;

	if (can_wait(endpoint, domain)) {
		begin_move(endpoint, domain);
		return 0;
	}
	if (endpoint->listeners)
		error = move_with_listeners(endpoint, domain);
	else
		move_silently(endpoint, domain);
	endpoint_publish_route(endpoint);
	domain_release(endpoint->device, old);
	return error;
}

static bool is_last(const struct endpoint *endpoint)
{
	return endpoint->domain && domain_n_holders(endpoint->domain) == 1;
}

/* Attach to a domain that does not exist, or that ends because this endpoint leaves it. */
static uint8_t attach_to_new(struct endpoint *endpoint, const struct domain_spec *spec)
{
	struct viommu *device = endpoint->device;
	struct domain *old = domain_find(device, spec->id), *domain;
	uint8_t status;
	int error;

	status = domain_make(device, spec, endpoint->granule,
			     (struct usage){ .domains = is_last(endpoint) ? 0 : 1 }, "ATTACH",
			     &domain);
	if (status != VIOMMU_S_OK)
		return status;
	error = endpoint_move(endpoint, domain);
	if (!error)
		return VIOMMU_S_OK;
	domain_unmake(device, domain, endpoint->domain == old ? old : NULL);
	return status_of(error);
}

/* Is the domain emptied in parts, as by an UNMAP, and not made anew? The effect is the same. */
static bool is_emptied_in_parts(const struct endpoint *endpoint)
{
	return can_wait(endpoint, NULL) && is_last(endpoint) && !endpoint->domain->table &&
	       count_calls(endpoint, endpoint->domain, true) > CALLS_DUE_SHORT;
}

uint8_t endpoint_attach(struct endpoint *endpoint, const struct domain_spec *spec)
{
	struct domain *domain = domain_find(endpoint->device, spec->id);

	if (domain && endpoint->domain == domain && is_emptied_in_parts(endpoint)) {
		mapping_begin_unmap(endpoint->device, domain, 0, UINT64_MAX);
		return VIOMMU_S_OK;
	}
	if (!domain || spec->replaces || (endpoint->domain == domain && is_last(endpoint)))
		return attach_to_new(endpoint, spec);
	if (endpoint->domain == domain)
		return VIOMMU_S_OK;
	if (!endpoint_fits(endpoint, domain))
		return VIOMMU_S_UNSUPP;
	return status_of(endpoint_move(endpoint, domain));
}

static uint8_t attach_pasid(struct endpoint *endpoint, uint32_t pasid,
			    const struct domain_spec *spec)
{
	const struct domain *domain = domain_find(endpoint->device, spec->id);

	if (!slot_exists(endpoint, pasid))
		return VIOMMU_S_RANGE;
	if (endpoint_has_context(endpoint))
		return VIOMMU_S_INVAL;
	if (domain && (domain->bypass != spec->bypass || domain->table))
		return VIOMMU_S_INVAL;
	return slot_attach(endpoint, pasid, spec);
}

uint8_t do_attach(struct viommu *device, const union request *request)
{
	const struct request_attach *attach = &request->attach;
	bool bypass = attach->flags & VIOMMU_ATTACH_F_BYPASS;
	uint32_t known =
		device_accepted(device, VIOMMU_F_BYPASS_CONFIG) ? VIOMMU_ATTACH_F_BYPASS : 0;
	struct endpoint *endpoint = endpoint_find(device, attach->endpoint);
	struct domain *domain = domain_find(device, attach->domain);
	bool with_pasid = attach->flags & VIOMMU_SLOT_F_PASID;
	const struct domain_spec spec = { .id = attach->domain, .bypass = bypass };

	if (device_accepted(device, VIOMMU_F_PASID))
		known |= VIOMMU_SLOT_F_PASID;
	if ((attach->reserved && !with_pasid) || attach->flags & ~known)
		return VIOMMU_S_INVAL;
	if (!endpoint)
		return VIOMMU_S_NOENT;
	if (!domain_is_in_range(device, attach->domain))
		return VIOMMU_S_RANGE;
	if (with_pasid)
		return attach_pasid(endpoint, attach->reserved, &spec);
	if (domain && (domain->bypass != bypass || domain->table))
		return VIOMMU_S_INVAL;
	return endpoint_attach(endpoint, &spec);
}

/* -- DETACH ------------------------------------------------------------------------- */

static void detach(struct endpoint *endpoint)
{
	if (can_wait(endpoint, NULL))
		begin_move(endpoint, NULL);
	else
		endpoint_detach(endpoint);
}

static void detach_all(struct endpoint *endpoint)
{
	if (can_wait(endpoint, NULL)) {
		begin_detach_all(endpoint);
		return;
	}
	slots_clear(endpoint);
	endpoint_detach(endpoint);
}

/* "The device MUST ignore reserved", other than in an ATTACH. 5.13.6.4.2 */
uint8_t do_detach(struct viommu *device, const union request *request)
{
	struct endpoint *endpoint = endpoint_find(device, request->detach.endpoint);
	struct domain *domain = domain_find(device, request->detach.domain);

	if (!endpoint)
		return VIOMMU_S_NOENT;
	if (!domain || endpoint->domain != domain)
		return VIOMMU_S_INVAL;
	detach(endpoint);
	return VIOMMU_S_OK;
}

/* DETACH with VIOMMU_F_PASID: unknown flags are ignored, as reserved bits are without it. */
uint8_t do_detach_slot(struct viommu *device, const union request *request)
{
	const struct request_detach_slot *wanted = &request->detach_slot;
	struct endpoint *endpoint = endpoint_find(device, wanted->endpoint);
	struct domain *domain = domain_find(device, wanted->domain);

	if (!endpoint)
		return VIOMMU_S_NOENT;
	if (wanted->flags & VIOMMU_SLOT_F_ALL) {
		detach_all(endpoint);
		return VIOMMU_S_OK;
	}
	if (wanted->flags & VIOMMU_SLOT_F_PASID)
		return slot_detach(endpoint, wanted->pasid, domain) ? VIOMMU_S_OK : VIOMMU_S_INVAL;
	if (!domain || endpoint->domain != domain)
		return VIOMMU_S_INVAL;
	detach(endpoint);
	return VIOMMU_S_OK;
}
