/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/core.h"

/*
 * When a batch should end: the time, notifications and rates that a guest may use
 *
 * The device does not stop by itself, because it could not begin again. The clock is read only
 * after some requests or notifications, so that a short batch does not pay for it.
 *
 * Only the end of a batch divides moves and UNMAPs: any other request would finish them first. So a
 * batch ends after those with many calls of listeners.
 *
 * A VMM without `rest` cannot be told to begin a batch for parked requests. Then they are executed
 * when those before them are answered, all at once and in no batch. So their number is bounded.
 */

enum { REQUESTS_PER_CHECK = 16, CALLS_PER_CHECK = 64, PARKED_MAX = 16 };

/* How soon a listener that commits may have done so. */
#define COMMIT_NS 100000

void budget_init(struct viommu *device)
{
	rate_init(&device->budget.requests, device->config.max_request_rate);
	rate_init(&device->budget.attaches, device->config.max_attach_rate);
	rate_init(&device->fault_rate, device->config.max_fault_rate);
}

void budget_begin(struct viommu *device)
{
	struct budget *budget = &device->budget;

	budget->begin_ns = 0;
	budget->n_requests = 0;
	budget->calls = budget->checked_calls = device->n_calls;
	budget->in_batch = true;
}

static bool is_time_used_up(struct viommu *device)
{
	struct budget *budget = &device->budget;
	uint64_t now;

	if (budget->n_requests < REQUESTS_PER_CHECK &&
	    device->n_calls - budget->checked_calls < CALLS_PER_CHECK)
		return false;
	now = monotonic_ns();
	budget->n_requests = 0;
	budget->checked_calls = device->n_calls;
	if (!budget->begin_ns)
		budget->begin_ns = now;
	return now - budget->begin_ns >= device->config.max_batch_ns;
}

bool budget_is_used_up(struct viommu *device)
{
	struct budget *budget = &device->budget;
	uint64_t n = device->n_calls + device->n_removal_calls - budget->calls;

	return n >= device->config.max_batch_calls || is_time_used_up(device);
}

uint64_t budget_calls(const struct viommu *device)
{
	uint64_t n = device->n_calls - device->budget.calls;
	uint64_t left = device->config.max_batch_calls - n;

	return n >= device->config.max_batch_calls ? 0
	       : left < CALLS_PER_CHECK            ? left
						   : CALLS_PER_CHECK;
}

static bool has_many_parked(const struct viommu *device)
{
	unsigned n = 0;

	for (const struct pending *parked = device->parked; parked && n < PARKED_MAX;
	     parked = parked->next)
		n++;
	return n == PARKED_MAX;
}

/* Can the next request be one that is not put off: about a table or a PASID, or without room? */
static bool may_drain(const struct viommu *device)
{
	return !flights_have_room(device) ||
	       (device->parked && (device_accepted(device, VIOMMU_F_TABLE) ||
				   device_accepted(device, VIOMMU_F_PASID)));
}

/*
 * A request that is not put off executes all that are, so none is taken then. If no listener is
 * committing, the end of the batch lets them commit.
 */
static uint64_t parked_delay(const struct viommu *device)
{
	if (!device->n_pending || (!may_drain(device) && !has_many_parked(device)))
		return 0;
	return device->committing ? COMMIT_NS : 1;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* With those that the end of the batch makes. */
static bool are_calls_used_up(const struct viommu *device)
{
	uint64_t n = device->n_calls + device->n_calls_due + device->n_removal_calls;

	return n - device->budget.calls >= device->config.max_batch_calls;
}

uint64_t viommu_batch_pause(struct viommu *device)
{
	struct budget *budget = &device->budget;
	uint64_t delay;

	checks_is_locked(device, "viommu_batch_pause");
	delay = larger(rate_delay(&budget->requests), rate_delay(&budget->attaches));
	delay = larger(delay, parked_delay(device));
	if (!delay && (device->is_divided || device->leaves_parked || has_many_calls_due(device) ||
		       are_calls_used_up(device) || is_time_used_up(device)))
		delay = 1;
	if (delay)
		count_add(&device->pauses, 1);
	return delay;
}
