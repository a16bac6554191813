/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/core.h"

/*
 * Which DMA sections a grace period is for
 *
 * A section that translates for one endpoint finds it by the directory or a handle, and everything
 * else through it: its reserved regions, the routes of its slots, their domains, and the parents of
 * these. It is waited for only if something of that has been unpublished in this grace period, or
 * something that every translation may use: endpoints, the directory, guest memory. All other
 * sections are waited for always: those that have not translated yet, those that translate for
 * several endpoints, and translations outside of DMA sections.
 *
 * A change of a map concerns all who reach its domain now. An endpoint that leaves a domain is
 * concerned in the grace period in which its route changes, so a domain that a section has found is
 * always one of those that its endpoint has now, or its endpoint is concerned.
 *
 * New mappings alone concern no section: what was replaced in the map of their domain is reclaimed
 * when no section may use it, or when a grace period is for the domain.
 */

bool endpoint_is_concerned(const void *object)
{
	const struct endpoint *endpoint = object;
	const struct viommu *device = endpoint->device;

	return device->concerns_all || endpoint->concerned == device->grace_period ||
	       (endpoint->domain && domain_is_awaited(device, endpoint->domain)) ||
	       slots_may_be_awaited(endpoint);
}
