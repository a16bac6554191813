/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "device/core.h"

/*
 * What translations go by, and what they are owed when it changes
 *
 * Translations take no lock. A change is one store that each of them sees or does not see:
 * in a map (map.h), or of an endpoint's route. Whatever the device takes away that way it
 * owes to those who may not have seen it: to wait until they are done, before the guest
 * is told, before memory is freed or used again, and before the next route changes.
 *
 * The last of these makes translations whole. A section sees one change of a route at most,
 * for the next waits for it; and after that change no map changes until the section is
 * over. So all that a translation puts together, route, regions and map, was so at one moment.
 *
 * The debt is paid when the lock is let go: once for all requests of a batch, and not at all
 * if nothing was taken away. Nodes of maps that were merely replaced can wait longer.
 */

/* So many changes of maps may pass before their old nodes are had back. */
#define CHANGES_MAX 32

/* -- debts ---------------------------------------------------------------------------- */

void device_mark_sync_pending(struct viommu *device)
{
	device->sync_pending = true;
}

void device_retire_domain(struct viommu *device, struct domain *domain)
{
	domain->next_retired = device->retired;
	device->retired = domain;
	device_mark_sync_pending(device);
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

/* Those that were buried meanwhile are not counted any more. */
static void reclaim_maps(struct viommu *device)
{
	for (struct domain *domain = device->changed; domain; domain = domain->next_changed) {
		bool is_counted = domain->n_endpoints;

		if (is_counted)
			domain_unaccount(device, domain);
		map_reclaim_nodes(domain->map);
		if (is_counted)
			domain_account(device, domain);
		domain->changed = false;
	}
	device->changed = NULL;
	device->n_changes = 0;
}

static void free_retired(struct viommu *device)
{
	while (device->retired) {
		struct domain *domain = device->retired;

		device->retired = domain->next_retired;
		domain_free(domain);
	}
}

void device_synchronize(struct viommu *device)
{
	if (!device->sync_pending && !device->changed)
		return;
	readers_synchronize(&device->readers);
	reclaim_maps(device);
	free_retired(device);
	device->sync_pending = false;
}

void device_synchronize_if_due(struct viommu *device)
{
	if (device->sync_pending || device->n_changes > CHANGES_MAX)
		device_synchronize(device);
}

/* -- the lock -------------------------------------------------------------------- */

void device_lock(struct viommu *device)
{
	pthread_mutex_lock(&device->lock);
}

void device_unlock(struct viommu *device)
{
	device_synchronize_if_due(device);
	pthread_mutex_unlock(&device->lock);
}
