/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdlib.h>

#include "device/sdt.h"
#include "device/trace.h"

/*
 * Requests that are answered later, because a listener needs time: viommu_submit()
 *
 *     submitted --+--> executed, held in a flight --> listeners commit --> answered
 *                 +--> parked, while an earlier one conflicts ---^
 *
 * The requests of one run, executed and held, are a flight: each of their listeners commits once
 * for all of them. Changes are made before listeners have committed, and undone if one refuses. So
 * nothing else may happen meanwhile to the endpoints and domains of a flight: a request that names
 * one of them is parked, and executed when the flight has ended. That keeps their order.
 *
 * In a flight, MAPs of a domain may follow one another, and UNMAPs as well; but what is removed
 * must not be something that could still be refused. If a commit is refused, every MAP and ATTACH
 * that it covers is undone, and executed again in a flight of its own: one of them may be the
 * reason. It is answered with the listener's error only if it is refused there, too.
 *
 * ATTACHes and DETACHes that follow one another wait for one grace period: their endpoints are
 * blocked, and after it all of their listeners are notified, before any other request is executed.
 * So is an UNMAP of very many mappings finished, in parts. A batch may leave both to the next one.
 *
 * Everything else that changes the device first drains the flights: listeners commit without delay,
 * until no request is put off. So does a request for which there is no memory.
 */

/* Requests that are put off at a time; a further one drains them. Bounds the search for conflicts.
 */
#define PENDING_MAX 1024

/* -- what a request names ---------------------------------------------------------- */

static void add_domain(struct request_keys *keys, uint32_t id, bool is_removed)
{
	keys->domain[keys->n].id = id;
	keys->domain[keys->n++].is_removed = is_removed;
}

/* With the domain that the endpoint would leave. */
static void add_endpoint(const struct viommu *device, struct request_keys *keys, uint32_t id)
{
	const struct endpoint *endpoint = endpoint_find(device, id);

	keys->has_endpoint = true;
	keys->endpoint = id;
	if (endpoint && endpoint->domain)
		add_domain(keys, endpoint->domain->node.id, true);
}

static struct request_keys keys_of(const struct viommu *device, const union request *request)
{
	struct request_keys keys = { .n = 0 };

	if (request->type == VIOMMU_T_ATTACH) {
		add_domain(&keys, request->attach.domain, false);
		add_endpoint(device, &keys, request->attach.endpoint);
	} else if (request->type == VIOMMU_T_ATTACH_TABLE) {
		add_domain(&keys, request->attach_table.domain, false);
		add_domain(&keys, request->attach_table.parent, false);
		add_endpoint(device, &keys, request->attach_table.endpoint);
	} else if (request->type == VIOMMU_T_DETACH) {
		add_domain(&keys, request->detach.domain, true);
		add_endpoint(device, &keys, request->detach.endpoint);
	} else if (request->type == VIOMMU_T_MAP) {
		add_domain(&keys, request->map.domain, false);
	} else if (request->type == VIOMMU_T_UNMAP) {
		add_domain(&keys, request->unmap.domain, true);
	} else if (request->type == VIOMMU_T_INVALIDATE) {
		add_domain(&keys, request->invalidate.domain, true);
	}
	return keys;
}

/* Do both name the same endpoint or domain? In one flight, a domain counts only if the later
 * request removes what the earlier one grants. */
static bool keys_conflict(const struct request_keys *earlier, const struct request_keys *later,
			  bool in_one_flight)
{
	if (earlier->has_endpoint && later->has_endpoint && earlier->endpoint == later->endpoint)
		return true;
	for (unsigned i = 0; i < earlier->n; i++)
		for (unsigned k = 0; k < later->n; k++)
			if (earlier->domain[i].id == later->domain[k].id &&
			    (!in_one_flight ||
			     (later->domain[k].is_removed && !earlier->domain[i].is_removed)))
				return true;
	return false;
}

/* -- requests ---------------------------------------------------------------------- */

struct pending *pending_new(struct viommu *device)
{
	struct pending *pending;

	if (device->n_pending >= PENDING_MAX)
		flights_drain(device);
	if (!flights_have_memory(device))
		return NULL;
	pending = calloc(1, sizeof(*pending));
	if (!pending) {
		device_log(device, VIOMMU_LOG_MEMORY, "a request: no memory to put it off");
		return NULL;
	}
	device->n_bytes += PENDING_BYTES;
	device->n_pending++;
	return pending;
}

/*
 * Beyond the limit, because a guest at its limit could make a batch finish what it should divide.
 * One, because memory is bounded.
 */
struct pending *pending_new_spare(struct viommu *device)
{
	struct pending *pending = device->has_spare ? NULL : calloc(1, sizeof(*pending));

	if (!pending)
		return NULL;
	device->has_spare = pending->is_spare = true;
	device->n_pending++;
	return pending;
}

static void unaccount(struct viommu *device, const struct pending *pending)
{
	if (pending->is_spare)
		device->has_spare = false;
	else
		device->n_bytes -= PENDING_BYTES;
	device->n_pending--;
}

void pending_free(struct viommu *device, struct pending *pending)
{
	unaccount(device, pending);
	free(pending);
}

static void append(struct pending **at, struct pending *pending)
{
	while (*at)
		at = &(*at)->next;
	pending->next = NULL;
	*at = pending;
}

static void answer(struct viommu *device, struct pending *pending, size_t used)
{
	pending->used = used;
	if (used)
		trace_answered(device, pending->layout, &pending->request, pending->status);
	append(&device->answers, pending);
}

/*
 * Does an earlier request conflict? All do with one that is alone, of whatever flight: the
 * listeners of a divided UNMAP are also those of PASIDs and tables, which its keys do not name.
 * Parked ones are searched up to `until`: the request itself, if it is parked.
 */
static bool must_wait(const struct viommu *device, const struct pending *pending,
		      const struct pending *until)
{
	for (const struct pending *held = device->held; held; held = held->next) {
		bool in_one_flight = held->flight == device->flight;

		if (held->is_alone || (in_one_flight && pending->is_alone))
			return true;
		if (keys_conflict(&held->keys, &pending->keys, in_one_flight))
			return true;
	}
	for (const struct pending *parked = device->parked; parked != until; parked = parked->next)
		if (keys_conflict(&parked->keys, &pending->keys, false))
			return true;
	return false;
}

/* -- moves of a run -------------------------------------------------------------------- */

static bool has_calls_due(const struct viommu *device)
{
	return device->moving || device->unmap.domain || device->entry.slot;
}

static bool is_attach(const union request *request)
{
	return request->type == VIOMMU_T_ATTACH || request->type == VIOMMU_T_ATTACH_TABLE;
}

static void refuse_attach(struct viommu *device, uint32_t endpoint, int error)
{
	for (struct pending *held = device->held; held; held = held->next)
		if (held->flight == device->flight && is_attach(&held->request) &&
		    held->request.attach.endpoint == endpoint && held->status == VIOMMU_S_OK)
			held->status = status_of(error);
	journal_invalidate(device);
}

static int finish_first_move(struct viommu *device)
{
	struct endpoint *endpoint = device->moving;
	int error = endpoint_finish_move(endpoint, &device->move);

	if (error == TO_BE_CONTINUED)
		return error;
	if (error) {
		refuse_attach(device, endpoint->node.id, error);
		return 0;
	}
	device->moving = endpoint->next_moving;
	if (!device->moving)
		device->moving_end = &device->moving;
	return 0;
}

static int finish_entry(struct viommu *device)
{
	uint32_t endpoint = device->entry.slot->endpoint->node.id;
	int error = slot_finish_entry(device, &device->move);

	if (error < 0)
		refuse_attach(device, endpoint, error);
	return error < 0 ? 0 : error;
}

/* With a budget, the rest of them is left for the next batch when it is used up. */
static void finish_moves_within(struct viommu *device, const struct budget *budget)
{
	bool commits_later = device->commits_later;

	if (!has_calls_due(device))
		return;
	device_synchronize_if_due(device);
	device->commits_later = true;
	device->move.budget = budget;
	while (device->moving && !(budget && budget_is_used_up(device)) &&
	       !finish_first_move(device))
		;
	while (device->entry.slot && !(budget && budget_is_used_up(device)) &&
	       !finish_entry(device))
		;
	mapping_continue_unmap(device, budget);
	device->commits_later = commits_later;
	device->is_divided = has_calls_due(device);
	if (device->is_divided)
		return;
	device->is_resetting = false;
	device->n_calls_due = 0;
}

void flights_finish_moves(struct viommu *device)
{
	finish_moves_within(device, NULL);
}

/* Calls of listeners for which no other move is put off. */
#define CALLS_DUE_MAX 4096

/*
 * Can the request be executed while endpoints move? Not an ATTACH to a domain that ends with their
 * moves, nor one that a limit refuses before the domains that they leave are freed. None can while
 * an UNMAP or a reset is not finished.
 */
static bool joins_moves(const struct viommu *device, const union request *request)
{
	const struct domain *domain = domain_find(device, request->attach.domain);
	const struct domain_spec spec = { .id = request->attach.domain };
	const struct usage one = { .domains = 1, .bytes = domain_bytes_empty(&spec) };

	if (device->unmap.domain || device->is_resetting || device->n_calls_due > CALLS_DUE_MAX)
		return false;
	if (request->type == VIOMMU_T_DETACH)
		return true;
	return request->type == VIOMMU_T_ATTACH && !(domain && domain->n_leaving) &&
	       !device_is_full(device, one);
}

/* -- execution ------------------------------------------------------------------------- */

/* The journal records a request when it is executed, not when it is answered: others may be
 * executed meanwhile. */
static void run(struct viommu *device, struct pending *pending)
{
	pending->status = pending->run(device, &pending->request);
	journal_record(device, pending->layout, &pending->request, pending->status);
}

/* Execute a request. If listeners were notified, it is held; otherwise it is answered. */
static bool execute(struct viommu *device, struct pending *pending)
{
	uint64_t before;

	if (!joins_moves(device, &pending->request))
		flights_finish_moves(device);
	before = device->n_notices;
	device->commits_later = true;
	run(device, pending);
	device->commits_later = false;
	if (device->n_notices == before)
		return false;
	pending->flight = device->flight;
	append(&device->held, pending);
	return true;
}

/* Of an ATTACH or ATTACH_TABLE. */
static bool with_pasid(const struct viommu *device, const union request *request)
{
	return device_accepted(device, VIOMMU_F_PASID) &&
	       request->attach.flags & VIOMMU_SLOT_F_PASID;
}

static uint64_t count_calls_of_detach(const struct viommu *device, const struct endpoint *endpoint,
				      const union request *request)
{
	uint32_t flags = request->detach_slot.flags;
	uint64_t n = endpoint_calls_of_move(endpoint, NULL);

	if (!device_accepted(device, VIOMMU_F_PASID))
		return n;
	if (flags & VIOMMU_SLOT_F_ALL)
		return n + slots_calls_of_clear(endpoint);
	return flags & VIOMMU_SLOT_F_PASID ? 0 : n;
}

static uint64_t count_calls(const struct viommu *device, const struct endpoint *endpoint,
			    const union request *request)
{
	bool is_table = request->type == VIOMMU_T_ATTACH_TABLE;
	bool with_parent = request->attach_table.flags & VIOMMU_SLOT_F_PARENT;
	struct domain *domain = domain_find(device, is_table ? request->attach_table.parent
							     : request->attach.domain);

	if (request->type == VIOMMU_T_DETACH)
		return count_calls_of_detach(device, endpoint, request);
	if (!is_attach(request))
		return 0;
	if (is_table && !with_parent)
		domain = NULL;
	if (with_pasid(device, request))
		return domain ? slots_calls_of_entry(endpoint, domain) : 0;
	return is_table ? endpoint_calls_of_table(endpoint, domain)
			: endpoint_calls_of_move(endpoint, domain);
}

bool flights_divide(const struct viommu *device, const union request *request)
{
	const struct endpoint *endpoint;
	const struct domain *domain;

	if (request->type == VIOMMU_T_UNMAP) {
		domain = domain_find(device, request->unmap.domain);
		return domain && mapping_has_many_calls(domain, request->unmap.virt_start,
							request->unmap.virt_end);
	}
	endpoint = endpoint_find(device, request->attach.endpoint);
	return endpoint && count_calls(device, endpoint, request) > CALLS_DUE_SHORT;
}

/*
 * PASIDs and tables of an endpoint whose listeners are notified of them: a commit is refused for
 * the whole endpoint, so nothing else may be in it.
 */
static bool is_about_slots(const struct viommu *device, const union request *request)
{
	const struct domain *domain;

	switch (request->type) {
	case VIOMMU_T_ATTACH_TABLE:
	case VIOMMU_T_INVALIDATE:
		return true;
	case VIOMMU_T_ATTACH:
		return request->attach.flags & VIOMMU_SLOT_F_PASID;
	case VIOMMU_T_DETACH:
		return device_accepted(device, VIOMMU_F_PASID);
	case VIOMMU_T_MAP:
	case VIOMMU_T_UNMAP:
		domain = domain_find(device, request->map.domain);
		return domain && (domain->n_slots || domain->n_children);
	default:
		return false;
	}
}

bool flights_submit(struct viommu *device, struct pending *pending)
{
	if (is_about_slots(device, &pending->request)) {
		flights_finish_moves(device);
		flights_drain(device);
		pending->is_alone = flights_divide(device, &pending->request);
		if (!pending->is_alone) {
			device->commits_now = true;
			run(device, pending);
			return false;
		}
	}
	pending->keys = keys_of(device, &pending->request);
	if (!must_wait(device, pending, NULL))
		return execute(device, pending);
	append(&device->parked, pending);
	return true;
}

static bool must_leave(struct viommu *device)
{
	return device->budget.is_bounded && budget_is_used_up(device);
}

/*
 * Requests that are divided are finished first, and then their flight ends as well. So are moves
 * with many calls that the request would finish at once. When the budget is used up, the next batch
 * executes the rest.
 */
static void execute_parked(struct viommu *device)
{
	struct pending **at = &device->parked;

	device->leaves_parked = device->moves_first = false;
	while (*at && !device->is_divided) {
		struct pending *pending = *at;

		pending->keys = keys_of(device, &pending->request);
		if (must_wait(device, pending, pending)) {
			at = &pending->next;
			continue;
		}
		if (has_many_calls_due(device) && !joins_moves(device, &pending->request))
			break;
		device->leaves_parked = must_leave(device);
		if (device->leaves_parked)
			return;
		*at = pending->next;
		device->budget.n_requests++;
		if (!execute(device, pending))
			answer(device, pending, VIOMMU_TAIL_LENGTH);
	}
	device->moves_first = *at;
}

/* -- refusals ---------------------------------------------------------------------- */

static bool is_grant_to(const struct pending *pending, const struct endpoint *endpoint)
{
	const union request *request = &pending->request;

	if (pending->status != VIOMMU_S_OK)
		return false;
	if (request->type == VIOMMU_T_MAP)
		return endpoint->domain && endpoint->domain->node.id == request->map.domain;
	return is_attach(request) && request->attach.endpoint == endpoint->node.id;
}

/* A listener may refuse MAP and ATTACH only. If the flight has neither for it, its state is
 * unknown, and the endpoint is quarantined. */
static void refuse(struct viommu *device, uint64_t flight, struct endpoint *endpoint, int error)
{
	bool any = false;

	for (struct pending *held = device->held; held; held = held->next) {
		if (held->flight != flight || !is_grant_to(held, endpoint))
			continue;
		held->is_refused = any = true;
		held->error = error;
	}
	device_log(device, VIOMMU_LOG_LISTENER,
		   "a listener of endpoint 0x%" PRIx32 " refused to commit: errno %d",
		   endpoint->node.id, -error);
	if (any)
		return;
	flights_finish_moves(device); /* the endpoint may be one of them */
	endpoint_quarantine(endpoint);
}

/*
 * Listeners of an endpoint that was quarantined do not take their time: requests that are held do
 * not name it.
 */
static void commit(struct viommu *device, uint64_t flight, bool may_wait)
{
	struct viommu_listener *listener;

	while ((listener = listener_pop_dirty(device))) {
		bool is_late = may_wait && !listener->endpoint->quarantined;
		int result =
			listener_commit(listener, is_late ? ++device->n_tokens : 0, device->dirty);

		if (result > 0)
			listener->flight = flight;
		else if (result)
			refuse(device, flight, listener->endpoint, result);
	}
}

/* What is refused is refused for the open flight. */
static void commit_now(struct viommu *device)
{
	commit(device, device->flight, false);
}

/* Is it the reason of the refusal? If there are others, each is executed again, alone. */
static bool is_the_reason(const struct pending *pending, unsigned n_refused)
{
	return n_refused == 1 || pending->is_alone;
}

/* It becomes empty. */
static void undo_slot(struct endpoint *endpoint, const union request *request)
{
	uint32_t pasid = request->type == VIOMMU_T_ATTACH ? request->attach.reserved
							  : request->attach_table.pasid;

	slot_detach(endpoint, pasid, slot_domain(endpoint, pasid));
}

static void undo_map(struct viommu *device, struct pending *pending, unsigned n_refused)
{
	const struct request_map *map = &pending->request.map;
	struct domain *domain = domain_find(device, map->domain);

	(void)n_refused;
	if (map->type == VIOMMU_T_MAP && domain)
		mapping_undo(device, domain, map->virt_start, map->virt_end);
}

/* If it is divided, the request becomes one of the open flight, which answers it. */
static void undo_attach(struct viommu *device, struct pending *pending, unsigned n_refused)
{
	const union request *request = &pending->request;
	struct endpoint *endpoint = endpoint_find(device, request->attach.endpoint);

	if (!is_attach(request) || !endpoint)
		return;
	if (with_pasid(device, request)) {
		undo_slot(endpoint, request);
		return;
	}
	if (!endpoint_begin_quarantine(endpoint) || !is_the_reason(pending, n_refused))
		return;
	pending->is_refused = false;
	pending->status = status_of(pending->error);
	pending->flight = device->flight;
}

static unsigned count_refused(const struct viommu *device, uint64_t flight)
{
	unsigned n = 0;

	for (const struct pending *held = device->held; held; held = held->next)
		n += held->flight == flight && held->is_refused;
	return n;
}

typedef void undo_function(struct viommu *device, struct pending *pending, unsigned n_refused);

static void undo_each(struct viommu *device, uint64_t flight, unsigned n_refused,
		      undo_function *undo)
{
	for (struct pending *held = device->held; held; held = held->next)
		if (held->flight == flight && held->is_refused)
			undo(device, held, n_refused);
}

/*
 * Listeners are notified of what is undone, also those that refused it: of MAPs first, before an
 * endpoint has left the domain. Those of the open flight do not commit: one of them may be notified
 * of a part of a move. No listener is in both, because requests of two flights do not name the same
 * domain.
 */
static unsigned undo_refused(struct viommu *device, uint64_t flight)
{
	struct viommu_listener *dirty = device->dirty, *last_dirty = device->last_dirty;
	unsigned n = count_refused(device, flight);

	device->dirty = NULL;
	if (n) {
		undo_each(device, flight, n, undo_map);
		undo_each(device, flight, n, undo_attach);
		journal_invalidate(device);
		device_synchronize_if_due(device);
		commit_now(device);
	}
	device->dirty = dirty;
	device->last_dirty = last_dirty;
	return n;
}

/* Take the flight's requests out of the list: answer them, or move them to `again`. */
static void end_requests(struct viommu *device, uint64_t flight, unsigned n_refused,
			 struct pending **again)
{
	struct pending **at = &device->held;

	while (*at) {
		struct pending *pending = *at;

		if (pending->flight != flight) {
			at = &pending->next;
			continue;
		}
		*at = pending->next;
		if (pending->is_refused && !is_the_reason(pending, n_refused)) {
			pending->is_refused = false;
			pending->is_alone = true;
			append(again, pending);
			continue;
		}
		if (pending->is_refused)
			pending->status = status_of(pending->error);
		answer(device, pending, VIOMMU_TAIL_LENGTH);
	}
}

/* All listeners have committed, or refused. */
static void end(struct viommu *device, uint64_t flight)
{
	struct pending *again = NULL, **last = &again;

	end_requests(device, flight, undo_refused(device, flight), &again);
	while (*last)
		last = &(*last)->next;
	*last = device->parked;
	device->parked = again;
	execute_parked(device);
}

/* -- commits ----------------------------------------------------------------------- */

static bool is_committed(const struct viommu *device, uint64_t flight)
{
	for (const struct viommu_listener *l = device->committing; l; l = l->next_committing)
		if (l->flight == flight)
			return false;
	return true;
}

void flights_committed(struct viommu_listener *listener, int result)
{
	struct endpoint *endpoint = listener->endpoint;
	uint64_t flight = listener->flight;

	SDT_COMMITTED(endpoint->device, endpoint->node.id, listener->token, result);
	listener_end_commit(listener);
	if (result < 0)
		refuse(endpoint->device, flight, endpoint, result);
	if (is_committed(endpoint->device, flight))
		end(endpoint->device, flight);
}

static bool is_open(const struct viommu *device)
{
	for (const struct pending *held = device->held; held; held = held->next)
		if (held->flight == device->flight)
			return true;
	return false;
}

/*
 * End of a run. Only for requests that are held can listeners take their time. A flight that ends
 * at once lets parked requests begin another, and so do moves that are finished: true.
 */
static bool launch(struct viommu *device, bool may_wait, const struct budget *budget)
{
	uint64_t flight = device->flight;
	bool has_requests;

	finish_moves_within(device, budget);
	if (device->is_divided)
		return false;
	if (device->moves_first) {
		execute_parked(device);
		return true;
	}
	device_synchronize_if_due(device);
	has_requests = is_open(device);
	if (!device->dirty && !has_requests)
		return false;
	may_wait &= has_requests;
	device->flight++;
	commit(device, flight, may_wait);
	if (is_committed(device, flight))
		end(device, flight);
	return true;
}

/*
 * Whoever unlocks the device between two batches is not delayed by what they divide. What was
 * answered at once does not wait for the next batch: its listeners commit before one is notified of
 * a part of a move.
 */
void flights_launch(struct viommu *device)
{
	const struct budget *budget = device->budget.is_bounded ? &device->budget : NULL;

	if (device->is_divided && !device->budget.in_batch) {
		if (device->is_resetting)
			commit_now(device);
		return;
	}
	if (device->leaves_parked && device->budget.in_batch)
		execute_parked(device);
	if (budget && device->commits_now && has_calls_due(device))
		commit_now(device);
	while (launch(device, !device->commits_now, budget))
		;
}

/* Also in a batch, whose bound does not hold for the requests before the present one. */
void flights_execute_all(struct viommu *device)
{
	const bool is_bounded = device->budget.is_bounded;

	device->budget.is_bounded = false;
	while (device->held || device->parked) {
		while (device->committing) {
			struct viommu_listener *listener = device->committing;

			flights_committed(listener, listener_commit(listener, 0, false));
		}
		if (device->leaves_parked)
			execute_parked(device);
		launch(device, false, NULL);
	}
	device->budget.is_bounded = is_bounded;
}

static void drop_all(struct viommu *device, struct pending **list)
{
	while (*list) {
		struct pending *pending = *list;

		*list = pending->next;
		answer(device, pending, 0);
	}
}

void flights_cancel(struct viommu *device)
{
	device->unmap.domain = NULL;
	device->is_divided = device->leaves_parked = device->moves_first = false;
	while (device->committing) {
		struct viommu_listener *listener = device->committing;

		listener_end_commit(listener);
		listener_commit(listener, 0, false);
	}
	drop_all(device, &device->held);
	drop_all(device, &device->parked);
}

/* -- answers ----------------------------------------------------------------------- */

struct pending *flights_take_answers(struct viommu *device)
{
	struct pending *answers = device->answers;

	device->answers = NULL;
	for (const struct pending *pending = answers; pending; pending = pending->next)
		unaccount(device, pending);
	return answers;
}

static void deliver(struct viommu *device, struct pending *pending)
{
	const uint8_t tail[VIOMMU_TAIL_LENGTH] = { pending->status };

	for (size_t i = 0; i < pending->used; i++)
		*pending->tail[i] = tail[i];
	device->ops.answered(device->opaque, pending->cookie, pending->used);
}

void flights_deliver(struct viommu *device, struct pending *answers)
{
	while (answers) {
		struct pending *pending = answers;

		answers = pending->next;
		deliver(device, pending);
		free(pending);
	}
}

static void free_list(struct pending *pending)
{
	for (struct pending *next; pending; pending = next) {
		next = pending->next;
		free(pending);
	}
}

void flights_free(struct viommu *device)
{
	free_list(device->held);
	free_list(device->parked);
	free_list(device->answers);
}
