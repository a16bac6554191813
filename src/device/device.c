/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "device/personality.h"
#include "device/record.h"
#include "device/trace.h"
#include "wire/sized.h"

/*
 * The device: its configuration, features and reset
 *
 * The configuration is checked here, once.
 */

#define FEATURES_KNOWN \
	(VIOMMU_FEATURES_DEFAULT | VIOMMU_F_BYPASS | VIOMMU_F_PASID | VIOMMU_F_TABLE | \
	 VIOMMU_F_NEST | VIOMMU_F_PAGE_REQUEST)

#define PAGE_SIZE_MASK_DEFAULT (~0xfffull)
#define PROBE_SIZE_MAX         65536u
#define PROPERTY_ALIGNMENT     8u

/* -- configuration ----------------------------------------------------------- */

static void fill_in_rates(struct viommu_config *config)
{
	if (!config->max_fault_rate)
		config->max_fault_rate = VIOMMU_MAX_FAULT_RATE_DEFAULT;
	if (!config->max_attach_rate)
		config->max_attach_rate = VIOMMU_MAX_ATTACH_RATE_DEFAULT;
	if (!config->max_request_rate)
		config->max_request_rate = VIOMMU_RATE_UNLIMITED;
	if (!config->max_batch_ns)
		config->max_batch_ns = VIOMMU_MAX_BATCH_NS_DEFAULT;
	if (!config->max_batch_calls)
		config->max_batch_calls = VIOMMU_MAX_BATCH_CALLS_DEFAULT;
}

static void fill_in_defaults(struct viommu_config *config, const struct personality *personality)
{
	if (!config->features)
		config->features = personality->defaults &
				   (config->topology ? ~VIOMMU_F_TOPOLOGY : UINT64_MAX);
	if (!config->page_size_mask)
		config->page_size_mask = PAGE_SIZE_MASK_DEFAULT;
	if (!config->input_first && !config->input_last)
		config->input_last = UINT64_MAX;
	if (!config->domain_first && !config->domain_last)
		config->domain_last = UINT32_MAX;
	if (!config->probe_size)
		config->probe_size = VIOMMU_PROBE_SIZE_DEFAULT;
	if (!config->max_domains)
		config->max_domains = VIOMMU_MAX_DOMAINS_DEFAULT;
	if (!config->max_mappings)
		config->max_mappings = VIOMMU_MAX_MAPPINGS_DEFAULT;
	fill_in_rates(config);
	if (!config->wait_log_ns)
		config->wait_log_ns = VIOMMU_WAIT_LOG_NS_DEFAULT;
	if (!config->max_bytes)
		config->max_bytes = VIOMMU_MAX_BYTES_DEFAULT;
}

/* A driver that is not offered a range assumes all of the space. */
static bool ranges_are_offered(const struct viommu_config *config)
{
	bool whole_input = !config->input_first && config->input_last == UINT64_MAX;
	bool whole_domain = !config->domain_first && config->domain_last == UINT32_MAX;

	return (whole_input || config->features & VIOMMU_F_INPUT_RANGE) &&
	       (whole_domain || config->features & VIOMMU_F_DOMAIN_RANGE);
}

static bool features_are_sound(uint64_t features)
{
	const uint64_t both = VIOMMU_F_BYPASS | VIOMMU_F_BYPASS_CONFIG;
	const uint64_t nest = VIOMMU_F_NEST | VIOMMU_F_MAP_UNMAP | VIOMMU_F_TABLE;

	if (features & VIOMMU_F_TABLE && !(features & VIOMMU_F_PROBE))
		return false;
	if (features & VIOMMU_F_PAGE_REQUEST && !(features & (VIOMMU_F_PASID | VIOMMU_F_TABLE)))
		return false;
	if (features & VIOMMU_F_NEST && (features & nest) != nest)
		return false;
	return !(features & ~FEATURES_KNOWN) && (features & both) != both;
}

/* A built-in topology uses the bit and the offset of BYPASS_CONFIG. */
static bool topology_is_sound(const struct viommu_config *config)
{
	if (!config->topology)
		return !config->topology_length;
	return !(config->features & VIOMMU_F_TOPOLOGY) &&
	       config->topology_length > VIOMMU_CONFIG_TOPOLOGY &&
	       config->topology_length <= VIOMMU_TOPOLOGY_LENGTH_MAX;
}

static bool config_is_sound(const struct viommu_config *config)
{
	if (config->bypass && !(config->features & VIOMMU_F_BYPASS_CONFIG))
		return false;
	return features_are_sound(config->features) && ranges_are_offered(config) &&
	       topology_is_sound(config) && config->input_first <= config->input_last &&
	       config->domain_first <= config->domain_last &&
	       config->probe_size <= PROBE_SIZE_MAX && !(config->probe_size % PROPERTY_ALIGNMENT);
}

static int copy_topology(struct viommu *device)
{
	struct viommu_config *config = &device->config;

	if (!config->topology)
		return 0;
	device->topology = malloc(config->topology_length);
	if (!device->topology)
		return -ENOMEM;
	memcpy(device->topology, config->topology, config->topology_length);
	config->topology = device->topology;
	return 0;
}

static int take_config(struct viommu *device, const struct viommu_config *config)
{
	struct viommu_config none = { .size = sizeof(none) };
	int error = sized_take(&device->config, sizeof(device->config), config ? config : &none);

	if (error)
		return error;
	device->personality = personality_find(device->config.personality);
	if (!device->personality)
		return -EINVAL;
	fill_in_defaults(&device->config, device->personality);
	if (!config_is_sound(&device->config) ||
	    !personality_permits(device->personality, device->config.features))
		return -EINVAL;
	return copy_topology(device);
}

static int take_ops(struct viommu *device, const struct viommu_ops *ops)
{
	return ops ? sized_take(&device->ops, sizeof(device->ops), ops) : 0;
}

/* -- making and freeing ------------------------------------------------------- */

static int init_locks(struct viommu *device)
{
	pthread_mutex_t *const locks[] = { &device->lock, &device->waiting_lock,
					   &device->faults_lock, &device->record_lock };
	size_t n = sizeof(locks) / sizeof(locks[0]), done = 0;
	int error = 0;

	while (done < n && !(error = pthread_mutex_init(locks[done], NULL)))
		done++;
	while (error && done)
		pthread_mutex_destroy(locks[--done]);
	return -error;
}

int viommu_new(const struct viommu_config *config, const struct viommu_ops *ops, void *opaque,
	       struct viommu **ret_device)
{
	struct viommu *device = calloc(1, sizeof(*device));
	int error;

	if (!device)
		return -ENOMEM;
	error = take_config(device, config);
	if (error)
		goto free_device;
	error = take_ops(device, ops);
	if (error)
		goto free_device;
	device->properties = malloc(device->config.probe_size);
	error = device->properties ? init_locks(device) : -ENOMEM;
	if (error)
		goto free_device;

	device->opaque = opaque;
	device->bypass = device->config.bypass;
	device->grace_period = 1;
	device->flight = 1;
	budget_init(device);
	device->moving_end = &device->moving;
	device->readers.patience_ns = device->config.wait_log_ns;
	device->readers.waits = device_wait;
	device->readers.overdue = device_log_wait;
	device->readers.concerns = endpoint_is_concerned;
	*ret_device = device;
	return 0;

free_device:
	free(device->topology);
	free(device->properties);
	free(device);
	return error;
}

/* No translations run any more. */
static void free_domain_of(struct endpoint *endpoint)
{
	struct domain *domain = endpoint->domain, *parent;

	if (!domain)
		return;
	domain->n_endpoints--;
	if (domain_is_held(domain))
		return;
	parent = domain_parent(domain);
	domain_free(domain);
	if (!parent)
		return;
	parent->n_children--;
	if (!domain_is_held(parent))
		domain_free(parent);
}

/* No listener is called any more. */
static void free_slots(struct viommu *device)
{
	if (device->entry.slot)
		slot_abandon_entry(device);
	device->unmap.domain = NULL; /* which may end with the slots */
	for_all_endpoints(endpoint, device) {
		for_each_listener(listener, endpoint)
			listener->ops = (struct viommu_listener_ops){ 0 };
		slots_clear(endpoint);
	}
	flights_finish_moves(device);
	device_synchronize(device);
}

struct viommu *viommu_free(struct viommu *device)
{
	struct endpoint *endpoint;

	if (!device)
		return NULL;
	checks_no_handles(device);
	device->ops = (struct viommu_ops){ 0 };
	free_slots(device);
	while ((endpoint = ids_next(&device->endpoints, 0))) {
		ids_remove(&device->endpoints, endpoint->node.id);
		free_domain_of(endpoint);
		listeners_free(endpoint);
		handles_unbind(endpoint);
		free(atomic_load(&endpoint->regions));
		free(endpoint->formats);
		while (endpoint->groups)
			group_drop(endpoint, endpoint->groups);
		free(endpoint);
	}
	free(atomic_load(&device->memory));
	free(device->removals);
	flights_free(device);
	free(device->journal);
	dirty_free(device);
	directory_clear(&device->directory);
	readers_fini(&device->readers);
	pthread_mutex_destroy(&device->faults_lock);
	pthread_mutex_destroy(&device->record_lock);
	pthread_mutex_destroy(&device->waiting_lock);
	pthread_mutex_destroy(&device->lock);
	free(device->topology);
	free(device->properties);
	free(device);
	return NULL;
}

const struct viommu_config *viommu_configuration(const struct viommu *device)
{
	return &device->config;
}

/* -- features, bypass, reset ------------------------------------------------------ */

uint64_t viommu_features(const struct viommu *device)
{
	return personality_offer(device->personality, device->config.features) |
	       (device->topology ? VIOMMU_F_TOPOLOGY : 0);
}

/* VIOMMU_F_TOPOLOGY shares its bit with BYPASS_CONFIG: accepting it says nothing about bypass. */
int viommu_accept(struct viommu *device, uint64_t features)
{
	const struct personality *personality = device->personality;
	uint64_t offered = personality_offer(personality, device->config.features);

	if (device->topology)
		features &= ~VIOMMU_F_TOPOLOGY;
	if (features & (FEATURES_KNOWN | personality->table_bit) & ~offered) {
		device_log(device, VIOMMU_LOG_FEATURES,
			   "the driver accepted features 0x%" PRIx64 ", and 0x%" PRIx64
			   " were offered",
			   features, offered);
		return -EINVAL;
	}
	features = personality_accept(personality, features);
	device_lock_answered(device);
	journal_invalidate(device);
	device->accepted = features & FEATURES_KNOWN;
	notify_mode_changes(device);
	record_values(device, TRACE_ACCEPT, features & FEATURES_KNOWN, 0);
	device_unlock(device);
	return 0;
}

/* The routes of endpoints that are detached are published when their listeners were notified. */
void device_begin_reset(struct viommu *device, bool bypass)
{
	journal_invalidate(device);
	device->accepted = 0;
	device->bypass = bypass;
	for_all_endpoints(endpoint, device)
		endpoint->quarantined = false;
	endpoints_begin_detach(device);
	notify_mode_changes(device);
}

void device_reset(struct viommu *device, bool bypass)
{
	device_begin_reset(device, bypass);
	flights_finish_moves(device);
}

uint64_t viommu_reset_begin(struct viommu *device)
{
	device_lock(device);
	budget_begin(device);
	flights_cancel(device);
	device_begin_reset(device, device->bypass);
	record_values(device, TRACE_RESET, false, 0);
	return device_unlock_bounded(device);
}

void viommu_reset(struct viommu *device)
{
	device_lock(device);
	flights_cancel(device);
	device_reset(device, device->bypass);
	record_values(device, TRACE_RESET, false, 0);
	device_unlock(device);
}

void viommu_system_reset(struct viommu *device)
{
	device_lock(device);
	flights_cancel(device);
	device_reset(device, device->config.bypass);
	record_values(device, TRACE_RESET, true, 0);
	device_unlock(device);
}
