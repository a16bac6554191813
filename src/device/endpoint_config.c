/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device/personality.h"
#include "device/record.h"
#include "wire/sized.h"

/*
 * Adding, updating and removing endpoints
 *
 * The new configuration is checked and copied before the device is locked, so a refused call
 * changes nothing.
 */

/* -- copying the configuration ---------------------------------------------------- */

static int compare_regions(const void *a, const void *b)
{
	const struct viommu_reserved *left = a, *right = b;

	return left->first < right->first ? -1 : left->first > right->first;
}

/* Regions do not overlap, and at most one is for MSIs. 5.13.6.8.1 */
static bool regions_are_sound(const struct viommu_reserved *regions, size_t n)
{
	unsigned n_msi = 0;

	for (size_t i = 0; i < n; i++) {
		if (regions[i].last < regions[i].first || regions[i].subtype > VIOMMU_RESV_MEM_MSI)
			return false;
		if (i && regions[i].first <= regions[i - 1].last)
			return false;
		n_msi += regions[i].subtype == VIOMMU_RESV_MEM_MSI;
	}
	return n_msi <= 1;
}

static int copy_regions(struct endpoint *endpoint)
{
	size_t n = endpoint->config.n_reserved;
	struct regions *regions;

	if (!n)
		return 0;
	if (!endpoint->config.reserved)
		return -EINVAL;
	if (n > (SIZE_MAX - sizeof(*regions)) / sizeof(regions->region[0]))
		return -ENOMEM;
	regions = malloc(sizeof(*regions) + n * sizeof(regions->region[0]));
	if (!regions)
		return -ENOMEM;
	atomic_init(&endpoint->regions, regions);
	regions->n = n;
	memcpy(regions->region, endpoint->config.reserved, n * sizeof(regions->region[0]));
	qsort(regions->region, n, sizeof(regions->region[0]), compare_regions);
	return regions_are_sound(regions->region, n) ? 0 : -EINVAL;
}

static int copy_ranges(struct endpoint *endpoint)
{
	const struct viommu_config *limits = &endpoint->device->config;
	struct viommu_endpoint *config = &endpoint->config;

	endpoint->granule = granule_of(limits->page_size_mask);
	if (config->page_size_mask && granule_of(config->page_size_mask) > endpoint->granule)
		endpoint->granule = granule_of(config->page_size_mask);
	endpoint->input_first = limits->input_first;
	endpoint->input_last = limits->input_last;
	if (!config->input_first && !config->input_last)
		return 0;
	if (config->input_first > endpoint->input_first)
		endpoint->input_first = config->input_first;
	if (config->input_last < endpoint->input_last)
		endpoint->input_last = config->input_last;
	return endpoint->input_first <= endpoint->input_last ? 0 : -EINVAL;
}

#define FORMATS_MAX 64

/* Those that can be expressed. */
static void take_formats(struct endpoint *endpoint)
{
	const struct personality *personality = endpoint->device->personality;
	struct viommu_endpoint *config = &endpoint->config;
	size_t n = 0;

	for (size_t i = 0; i < config->n_formats; i++)
		if (personality_has_format(personality, config->formats[i].format))
			endpoint->formats[n++] = config->formats[i];
	config->n_formats = n;
}

static int copy_formats(struct endpoint *endpoint)
{
	const struct viommu_endpoint *config = &endpoint->config;
	size_t n = config->n_formats;

	if (!n)
		return 0;
	if (!config->formats || n > FORMATS_MAX ||
	    !(endpoint->device->config.features & VIOMMU_F_TABLE))
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (!table_format_is_known(config->formats[i].format) ||
		    config->formats[i].output_bits > 52 || config->formats[i].output_bits < 32)
			return -EINVAL;
	endpoint->formats = malloc(n * sizeof(endpoint->formats[0]));
	if (!endpoint->formats)
		return -ENOMEM;
	take_formats(endpoint);
	return 0;
}

static bool page_requests_are_sound(const struct endpoint *endpoint)
{
	const struct viommu_endpoint *config = &endpoint->config;

	if (config->max_page_requests &&
	    !(endpoint->device->config.features & VIOMMU_F_PAGE_REQUEST))
		return false;
	return !(config->page_request_flags &
		 ~(VIOMMU_PAGE_REQUEST_F_PASID | VIOMMU_PAGE_REQUEST_F_STALL));
}

static bool pasids_are_sound(const struct endpoint *endpoint)
{
	uint32_t bits = endpoint->config.pasid_bits;

	if (bits &&
	    !(endpoint->device->config.features & endpoint->device->personality->pasids_need))
		return false;
	return bits <= VIOMMU_PASID_BITS_MAX &&
	       endpoint->config.pasid_policy <= VIOMMU_PASID_ALLOCATED;
}

static int copy_config(struct endpoint *endpoint, const struct viommu_endpoint *config)
{
	int error = sized_take(&endpoint->config, sizeof(endpoint->config), config);

	if (!error)
		error = copy_regions(endpoint);
	if (!error)
		error = copy_ranges(endpoint);
	if (!error)
		error = copy_formats(endpoint);
	endpoint->config.reserved = NULL;
	endpoint->config.formats = NULL;
	if (error)
		return error;
	if (!probe_values_are_valid(&endpoint->config) || !pasids_are_sound(endpoint) ||
	    !page_requests_are_sound(endpoint))
		return -EINVAL;
	return 0;
}

static void endpoint_free(struct endpoint *endpoint)
{
	if (endpoint) {
		free(atomic_load(&endpoint->regions));
		free(endpoint->formats);
	}
	free(endpoint);
}

/* Of any size of properties. */
static int endpoint_copy(struct viommu *device, const struct viommu_endpoint *config,
			 struct endpoint **ret_endpoint)
{
	struct endpoint *endpoint = calloc(1, sizeof(*endpoint));
	int error;

	if (!endpoint)
		return -ENOMEM;
	endpoint->device = device;
	endpoint->member = (struct member){ .endpoint = endpoint, .pasid = NO_PASID };
	endpoint->notified_mode = MODE_UNKNOWN;
	error = copy_config(endpoint, config);
	if (error) {
		endpoint_free(endpoint);
		return error;
	}
	endpoint->node.id = endpoint->config.id;
	atomic_init(&endpoint->can_request_pages, endpoint->config.max_page_requests != 0);
	*ret_endpoint = endpoint;
	return 0;
}

static int endpoint_new(struct viommu *device, const struct viommu_endpoint *config,
			struct endpoint **ret_endpoint)
{
	struct endpoint *endpoint;
	int error = endpoint_copy(device, config, &endpoint);

	if (error)
		return error;
	if (probe_properties(endpoint, NULL, 0) > device->config.probe_size) {
		endpoint_free(endpoint);
		return -ENOSPC;
	}
	*ret_endpoint = endpoint;
	return 0;
}

/* -- questions ------------------------------------------------------------------------ */

int viommu_endpoint_needs(struct viommu *device, const struct viommu_endpoint *config,
			  struct viommu_needs *ret_needs)
{
	struct viommu_needs needs = { 0 };
	struct endpoint *endpoint;
	int error = ret_needs->size < sizeof(ret_needs->size)
			    ? -EINVAL
			    : endpoint_copy(device, config, &endpoint);

	if (error)
		return error;
	needs.granule = endpoint->granule;
	needs.input_first = endpoint->input_first;
	needs.input_last = endpoint->input_last;
	needs.probe_size = (uint32_t)(probe_properties(endpoint, NULL, 0) + 7) & ~7u;
	endpoint_free(endpoint);
	sized_give(ret_needs, &needs, sizeof(needs));
	return 0;
}

int viommu_next_misfit(struct viommu *device, uint32_t domain_id,
		       const struct viommu_endpoint *config, uint64_t from,
		       struct viommu_misfit *ret_misfit)
{
	struct endpoint *endpoint;
	const struct domain *domain;
	int error = endpoint_copy(device, config, &endpoint);
	bool owns_lock;

	if (error)
		return error;
	owns_lock = device_begin_query(device);
	domain = domain_find(device, domain_id);
	if (!domain || !endpoint_next_misfit(endpoint, domain, from, ret_misfit))
		error = -ENOENT;
	device_end_query(device, owns_lock);
	endpoint_free(endpoint);
	return error;
}

/* -- adding, updating, removing ----------------------------------------------------- */

/* Publish a new endpoint to translations. */
static int publish(struct viommu *device, struct endpoint *endpoint)
{
	struct directory_table *old;
	int error = directory_reserve(&device->directory, &old);

	if (error)
		return error;
	if (old) {
		device_mark_sync_pending(device);
		device_synchronize(device);
		free(old);
	}
	ids_put(&device->endpoints, &endpoint->node);
	endpoint_publish_route(endpoint);
	directory_add(&device->directory, endpoint);
	return 0;
}

int viommu_endpoint_add(struct viommu *device, const struct viommu_endpoint *config)
{
	struct endpoint *endpoint;
	int error = endpoint_new(device, config, &endpoint);

	if (error)
		return error;
	device_lock(device);
	error = endpoint_find(device, endpoint->node.id) ? -EEXIST : publish(device, endpoint);
	if (!error)
		record_endpoint(device, endpoint);
	device_unlock(device);
	if (error)
		endpoint_free(endpoint);
	return error;
}

/*
 * Can the endpoint and its PASIDs stay in their domains? The only endpoint of a domain without
 * mappings can have any granule.
 */
static bool changed_config_fits(const struct endpoint *endpoint, const struct endpoint *changed)
{
	const struct domain *domain = endpoint->domain;

	if (!slots_fit(endpoint, changed))
		return false;
	if (domain && (domain->n_endpoints > 1 || domain->n_slots || domain->n_children ||
		       domain->table || map_count(domain->map)))
		return endpoint_fits(changed, domain);
	return true;
}

static void swap_config(struct endpoint *endpoint, struct endpoint *changed)
{
	struct regions *regions = atomic_load(&endpoint->regions);
	struct viommu_table_format *formats = endpoint->formats;

	endpoint->formats = changed->formats;
	changed->formats = formats;
	if (endpoint->domain)
		classes_remove(endpoint->domain, &endpoint->member);
	slots_remove_classes(endpoint);
	endpoint->config = changed->config;
	atomic_store_explicit(&endpoint->can_request_pages, changed->can_request_pages,
			      memory_order_relaxed);
	endpoint->granule = changed->granule;
	endpoint->input_first = changed->input_first;
	endpoint->input_last = changed->input_last;
	annotate_release(&endpoint->regions);
	atomic_store_explicit(&endpoint->regions, atomic_load(&changed->regions),
			      memory_order_release);
	atomic_store_explicit(&changed->regions, regions, memory_order_relaxed);
	endpoint_mark_sync_pending(endpoint);
	atc_drop(&endpoint->member);
	slots_add_classes(endpoint);
	if (!endpoint->domain)
		return;
	classes_add(endpoint->domain, &endpoint->member);
	if (endpoint->domain->n_endpoints == 1 && !endpoint->domain->n_slots &&
	    !endpoint->domain->n_children)
		endpoint->domain->granule = endpoint->granule;
}

/* Accesses to reserved regions are untranslated, or refused, by the new configuration. */
static void update(struct endpoint *endpoint, struct endpoint *changed)
{
	swap_config(endpoint, changed);
	record_endpoint(endpoint->device, endpoint);
	if (!endpoint->listeners)
		return;
	device_synchronize(endpoint->device);
	listeners_notify_update(endpoint);
}

int viommu_endpoint_update(struct viommu *device, const struct viommu_endpoint *config)
{
	struct endpoint *changed, *endpoint;
	int error = endpoint_new(device, config, &changed);

	if (error)
		return error;
	device_lock_drained(device);
	endpoint = endpoint_find(device, changed->config.id);
	if (!endpoint)
		error = -ENOENT;
	else if (!changed_config_fits(endpoint, changed))
		error = -EBUSY;
	else
		update(endpoint, changed);
	device_unlock(device);
	endpoint_free(changed);
	return error;
}

/* Unpublish first, so that no translation sees the endpoint while it is removed. */
static void unplug(struct endpoint *endpoint)
{
	struct viommu *device = endpoint->device;

	journal_invalidate(device);
	dirty_leave(endpoint, atomic_load_explicit(&endpoint->route, memory_order_relaxed));
	directory_remove(&device->directory, endpoint);
	handles_unbind(endpoint);
	device_mark_sync_pending(device);
	device_synchronize(device);
	endpoint->quarantined = true;
	slots_clear(endpoint);
	endpoint_detach(endpoint);
	listeners_notify_mode(endpoint);
	listeners_commit_now(device);
	listeners_free(endpoint);
	ids_remove(&device->endpoints, endpoint->node.id);
	record_values(device, TRACE_REMOVE, endpoint->node.id, 0);
}

int viommu_endpoint_block(struct viommu *device, uint32_t id, bool block)
{
	struct endpoint *endpoint;
	int error = -ENOENT;

	device_lock_drained(device);
	endpoint = endpoint_find(device, id);
	if (endpoint)
		error = endpoint_set_forced(endpoint, block);
	if (endpoint)
		record_values(device, TRACE_BLOCK, id, endpoint->is_forced);
	device_unlock(device);
	return error;
}

int viommu_endpoint_remove(struct viommu *device, uint32_t id)
{
	struct endpoint *endpoint;

	device_lock_drained(device);
	endpoint = endpoint_find(device, id);
	if (endpoint)
		unplug(endpoint);
	device_unlock(device);
	if (!endpoint)
		return -ENOENT;
	endpoint_free(endpoint);
	return 0;
}
