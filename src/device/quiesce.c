/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdlib.h>

#include "device/sdt.h"
#include "device/trace.h"
#include "sync/annotate.h"

/*
 * The grace periods that translations need
 *
 * Translations take no lock. A change is one store, in a map (map.h) or of an endpoint's route,
 * which each translation sees or does not see. After removing a mapping, or another object, the
 * device must wait for readers that may still see the old one: before listeners are notified of it,
 * before the guest sees its request done, and before memory is freed or used again.
 *
 * A translation reads one route and then the map behind it. If its endpoint leaves the domain in
 * between, the map must not change before the translation ends, or the answer would combine a route
 * and a mapping that were never current together. So the first change of a map after an endpoint
 * has left its domain waits for a grace period.
 *
 * Otherwise the grace period is deferred until the lock is released: once for all requests of a
 * batch, and not at all if nothing was removed. It is for the sections that may use it (concern.c).
 * Map nodes that were only replaced are reclaimed later.
 */

/* Changes of maps after which replaced nodes are reclaimed. */
#define CHANGES_MAX 32

/* -- grace periods -------------------------------------------------------------------- */

void device_retire_domain(struct viommu *device, struct domain *domain)
{
	domain->next_retired = device->retired;
	device->retired = domain;
	device->sync_pending = true; /* the endpoints that have left it are concerned already */
}

void device_changed(struct viommu *device, struct domain *domain)
{
	device->n_changes++;
	if (domain->changed)
		return;
	domain->changed = true;
	domain->next_changed = device->changed;
	device->changed = domain;
}

/* Domains retired meanwhile are no longer in the account; those that are being left are. */
static void reclaim_map(struct viommu *device, struct domain *domain)
{
	size_t freed = map_reclaim_nodes(domain->map);

	if (domain_is_held(domain) || domain->n_leaving)
		device->n_bytes -= freed;
	domain->changed = false;
}

/* No section uses a retired domain, so none of them is kept in the list. */
static void reclaim_maps(struct viommu *device)
{
	struct domain *domain = device->changed, *next;

	device->changed = NULL;
	device->n_changes = 0;
	for (; domain; domain = next) {
		next = domain->next_changed;
		if (!domain->is_in_use) {
			reclaim_map(device, domain);
			continue;
		}
		domain->is_in_use = false;
		domain->next_changed = device->changed;
		device->changed = domain;
	}
}

static void free_retired(struct viommu *device)
{
	while (device->retired) {
		struct domain *domain = device->retired;

		device->retired = domain->next_retired;
		domain_free(domain);
	}
}

static void free_retired_slots(struct viommu *device)
{
	while (device->retired_slots) {
		struct slot *slot = device->retired_slots;

		device->retired_slots = slot->next_retired;
		free(slot->shadows);
		free(slot);
	}
	while (device->retired_tables) {
		struct slots *slots = device->retired_tables;

		device->retired_tables = slots->next_retired;
		free(slots);
	}
}

static struct viommu *device_of(const struct readers *readers)
{
	return (struct viommu *)((uintptr_t)readers - offsetof(struct viommu, readers));
}

void device_wait(const struct readers *readers, bool begins)
{
	struct viommu *device = device_of(readers);

	if (begins)
		device_begin_wait(device);
	else
		device_end_wait(device);
}

void device_log_wait(const struct readers *readers, const struct reader *reader, uint64_t waited_ns)
{
	struct viommu *device = device_of(readers);
	uint64_t ms = waited_ns / 1000000, subject;
	int thread;

	count_add(&device->overdue_waits, 1);
	if (!reader) {
		device_log(device, VIOMMU_LOG_WAIT,
			   "a request waits for %" PRIu64
			   " ms for a translation of a thread that has no memory",
			   ms);
		return;
	}
	subject = atomic_load_explicit(&reader->subject, memory_order_relaxed);
	thread = atomic_load_explicit(&reader->thread, memory_order_relaxed);
	if (subject & DMA_SUBJECT)
		device_log(device, VIOMMU_LOG_WAIT,
			   "a request waits for %" PRIu64
			   " ms for thread %d in a DMA section, last for endpoint 0x%" PRIx32,
			   ms, thread, (uint32_t)subject);
	else
		device_log(device, VIOMMU_LOG_WAIT,
			   "a request waits for %" PRIu64
			   " ms for thread %d in a DMA section or a translation",
			   ms, thread);
}

static void wait_for_sections(struct viommu *device)
{
	uint64_t waited_ns;

	SDT_WAIT_BEGIN(device);
	readers_synchronize(&device->readers);
	waited_ns = device->readers.waited_ns;
	SDT_WAIT_END(device, waited_ns);
	count_add(&device->waits, 1);
	if (!waited_ns)
		return;
	count_add(&device->waited_ns, waited_ns);
	count_raise(&device->longest_wait_ns, waited_ns);
}

void device_synchronize(struct viommu *device)
{
	if (!device->sync_pending && !device->changed)
		return;
	wait_for_sections(device);
	device->grace_period++;
	listeners_deliver_removals(device);
	atc_deliver(device);
	reclaim_maps(device);
	free_retired(device);
	free_retired_slots(device);
	device->retired_bytes = 0;
	device->sync_pending = false;
	device->concerns_all = false;
}

void device_reclaim(struct viommu *device, struct domain *domain)
{
	if (domain->changed)
		domain->awaited = device->grace_period;
	device_synchronize(device);
}

void device_synchronize_if_due(struct viommu *device)
{
	if (device->sync_pending || device->n_changes > CHANGES_MAX)
		device_synchronize(device);
}

void device_deliver_removals(struct viommu *device)
{
	if (device->n_removals)
		device_synchronize(device);
}

void device_synchronize_if_left(struct viommu *device, const struct domain *domain)
{
	if (domain->left == device->grace_period)
		device_synchronize(device);
}
