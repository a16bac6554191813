/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/trace.h"

/*
 * The requests MAP and UNMAP (virtio 1.3, 5.13.6.5 and 5.13.6.6)
 *
 * A MAP creates one mapping, and UNMAP removes whole mappings: an UNMAP that would split one is
 * refused. docs/decisions.md explains statuses that the standard leaves open.
 */

/* -- MAP ------------------------------------------------------------------------ */

static bool aligned(const struct domain *domain, const struct range *range)
{
	return !((range->first | range->phys | (range->last + 1)) & (domain->granule - 1));
}

static bool wraps(const struct range *range)
{
	return range->phys > UINT64_MAX - (range->last - range->first);
}

/* One endpoint of each constraint class is enough: others have the same ranges (classes.c). */
static bool in_input_range(const struct viommu *device, const struct domain *domain,
			   const struct range *range)
{
	if (range->first < device->config.input_first || range->last > device->config.input_last)
		return false;
	for_each_class(member, domain)
	{
		const struct endpoint *endpoint = member->endpoint;

		if (range->first < endpoint->input_first || range->last > endpoint->input_last)
			return false;
	}
	return true;
}

static bool is_reserved(const struct domain *domain, const struct range *range)
{
	for_each_class(member, domain)
	{
		if (endpoint_reserved(member->endpoint, range->first, range->last))
			return true;
	}
	return false;
}

/* Checks a range for a domain that does not bypass; mapping_add() checks limits and memory. */
uint8_t mapping_check(const struct viommu *device, const struct domain *domain,
		      const struct range *range)
{
	if (range->last < range->first)
		return VIOMMU_S_INVAL;
	if (!aligned(domain, range) || wraps(range) || !in_input_range(device, domain, range))
		return VIOMMU_S_RANGE;
	if (map_overlaps(domain->map, range->first, range->last) || is_reserved(domain, range))
		return VIOMMU_S_INVAL;
	return VIOMMU_S_OK;
}

const char *mapping_conflict_reason(const struct viommu *device, const struct domain *domain,
				    const struct range *range)
{
	if (range->last < range->first || wraps(range) ||
	    map_overlaps(domain->map, range->first, range->last))
		return NULL;
	if (!aligned(domain, range))
		return "is not aligned to the granule of this device";
	if (!in_input_range(device, domain, range))
		return "is outside of an input range of this device";
	return "overlaps a reserved region of this device";
}

static int notify_mapped(struct domain *domain, const struct range *range)
{
	struct viommu_mapping mapping = mapping_of(domain, range);

	return domain->shadows ? listeners_map(domain, &mapping) : 0;
}

/* Reserve nodes, which take that much memory. */
static int reserve(struct viommu *device, struct domain *domain, size_t more)
{
	int error = more ? map_reserve(domain->map) : 0;

	if (!error)
		device->n_bytes += more;
	return error;
}

/* Memory is reserved before listeners are called, so nothing can fail after they have agreed. */
static int insert(struct viommu *device, struct domain *domain, const struct range *range,
		  size_t more)
{
	int error = reserve(device, domain, more);

	if (error) {
		device_log(device, VIOMMU_LOG_MEMORY, "MAP: no memory for a mapping");
		return error;
	}
	error = notify_mapped(domain, range);
	if (error)
		return error;
	device_changed(device, domain);
	device->n_mappings++;
	return map_insert(domain->map, range);
}

/* Retired nodes are reclaimed first, so that the map grows only if none of them is left. */
static size_t growth_of(struct viommu *device, struct domain *domain)
{
	if (!map_growth(domain->map))
		return 0;
	device_reclaim(device, domain);
	return map_growth(domain->map);
}

static uint8_t mapping_add(struct viommu *device, struct domain *domain, const struct range *range)
{
	size_t more;

	device_synchronize_if_left(device, domain);
	if (domain->shadows)
		device_deliver_removals(device);
	more = growth_of(device, domain);
	if (device_is_full(device, (struct usage){ 0, 1, more })) {
		device_log_limit(device, "MAP");
		return VIOMMU_S_NOMEM;
	}
	return status_of(insert(device, domain, range, more));
}

uint8_t do_map(struct viommu *device, const union request *request)
{
	const struct request_map *wanted = &request->map;
	struct domain *domain = domain_find(device, wanted->domain);
	uint32_t known = VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE;
	struct range range = {
		.first = wanted->virt_start,
		.last = wanted->virt_end,
		.phys = wanted->phys_start,
		.flags = wanted->flags,
	};
	uint8_t status;

	if (device_accepted(device, VIOMMU_F_MMIO))
		known |= VIOMMU_MAP_F_MMIO;
	if (range.flags & ~known)
		return VIOMMU_S_INVAL;
	if (!domain)
		return VIOMMU_S_NOENT;
	if (domain->bypass || domain->table)
		return VIOMMU_S_INVAL;
	status = mapping_check(device, domain, &range);
	if (status != VIOMMU_S_OK)
		return status;
	return mapping_add(device, domain, &range);
}

/* -- UNMAP ------------------------------------------------------------------------ */

static void queue_one(struct viommu *device, struct domain *domain,
		      const struct viommu_mapping *mapping)
{
	device->removals[device->n_removals++] = (struct removal){ domain, *mapping };
	device->n_removal_calls += domain->n_shadows;
	device->n_notices += device->n_committers != 0;
}

static bool queue_range(struct viommu *device, struct domain *domain, uint64_t first, uint64_t last)
{
	const struct viommu_mapping mapping = { domain->node.id, 0, first, last, 0 };
	struct range range;

	if (domain->n_shadows_by_mapping)
		return false;
	if (!map_next_range(domain->map, first, &range) || range.first > last)
		return true;
	queue_one(device, domain, &mapping);
	return true;
}

/*
 * Queue mappings in [first, last] for the domain's listeners, until there are `max` in the queue.
 * Returns where the last one queued ends; `last` if there are no more.
 */
static uint64_t queue_removals(struct viommu *device, struct domain *domain, uint64_t first,
			       uint64_t last, size_t max)
{
	struct range range;

	if (queue_range(device, domain, first, last))
		return last;
	while (map_next_range(domain->map, first, &range) && range.first <= last) {
		const struct viommu_mapping mapping = mapping_of(domain, &range);

		if (device->n_removals == max)
			return first - 1;
		queue_one(device, domain, &mapping);
		if (range.last == last)
			break;
		first = range.last + 1;
	}
	return last;
}

/* The additional memory of a domain for keeping retired nodes until the end of a batch. */
#define RETIRED_BYTES_MAX 131072u

/*
 * Reserve nodes so that the removal needs no grace period; false if there is no memory, or the
 * limit is reached.
 */
static bool reserve_for_removal(struct viommu *device, struct domain *domain)
{
	size_t more = map_growth(domain->map);

	if (more > RETIRED_BYTES_MAX || device_is_full(device, (struct usage){ 0, 0, more }))
		return false;
	return !reserve(device, domain, more);
}

/*
 * Before the removal is queued: a grace period notifies listeners of what is queued, and that must
 * not be found any more.
 */
static void prepare_removal(struct viommu *device, struct domain *domain)
{
	if (map_needs_reclaim(domain->map) && !reserve_for_removal(device, domain))
		device_reclaim(device, domain);
}

/*
 * Remove the mappings. The device waits for readers that may still see them before the guest's
 * request completes.
 */
static void remove_mappings(struct viommu *device, struct domain *domain, uint64_t first,
			    uint64_t last)
{
	size_t n;

	if (device->dirty_log)
		dirty_unmap(device, domain, first, last);
	n = map_remove(domain->map, first, last);
	if (!n)
		return;
	device->n_mappings -= n;
	if (domain->n_children)
		atomic_fetch_add_explicit(&domain->generation, 1, memory_order_acq_rel);
	device_changed(device, domain);
	domain_mark_sync_pending(device, domain);
	atc_unmap(domain, first, last);
}

/* With listeners, a removal of very many mappings is done in parts, each with a grace period. */
static void remove_and_notify(struct viommu *device, struct domain *domain, uint64_t first,
			      uint64_t last)
{
	uint64_t end;

	do {
		if (device->n_removals == REMOVALS_MAX)
			device_synchronize(device);
		prepare_removal(device, domain);
		end = queue_removals(device, domain, first, last, REMOVALS_MAX);
		remove_mappings(device, domain, first, end);
		first = end + 1;
	} while (end != last);
}

static void remove_range(struct viommu *device, struct domain *domain, uint64_t first,
			 uint64_t last)
{
	device_synchronize_if_left(device, domain);
	if (domain->shadows) {
		remove_and_notify(device, domain, first, last);
	} else {
		prepare_removal(device, domain);
		remove_mappings(device, domain, first, last);
	}
}

/* -- an UNMAP in parts: flight.c ---------------------------------------------------- */

/* Not if it is of one mapping, which all listeners of the domain are notified of. */
bool mapping_has_many_calls(const struct domain *domain, uint64_t first, uint64_t last)
{
	struct range range;
	uint64_t n = 0;

	if (!domain->n_shadows_by_mapping ||
	    map_count(domain->map) * domain->n_shadows <= CALLS_DUE_SHORT)
		return false;
	while (n * domain->n_shadows <= CALLS_DUE_SHORT || n < 2) {
		if (!map_next_range(domain->map, first, &range) || range.first > last)
			return false;
		n++;
		if (range.last == last)
			break;
		first = range.last + 1;
	}
	return n * domain->n_shadows > CALLS_DUE_SHORT && n > 1;
}

/* No other request changes the domain until it is finished. */
void mapping_begin_unmap(struct viommu *device, struct domain *domain, uint64_t first,
			 uint64_t last)
{
	device->unmap = (struct removal){ domain, { domain->node.id, 0, first, last, 0 } };
	device->n_calls_due += map_count(domain->map) * domain->n_shadows;
	device->n_notices++;
}

/* Mappings that are removed at a time; each part waits for a grace period. */
static size_t part_of(const struct viommu *device, const struct budget *budget)
{
	uint64_t n = budget_calls(device) / device->unmap.domain->n_shadows;

	if (!budget || n > REMOVALS_MAX)
		return REMOVALS_MAX;
	return n ? (size_t)n : 1;
}

/* No removal is queued. */
static void remove_part(struct viommu *device, struct removal *rest, size_t n)
{
	struct domain *domain = rest->domain;
	uint64_t first = rest->mapping.first, last = rest->mapping.last, end;

	device_synchronize_if_left(device, domain);
	prepare_removal(device, domain);
	end = queue_removals(device, domain, first, last, n);
	remove_mappings(device, domain, first, end);
	device_synchronize(device);
	rest->mapping.first = end + 1;
	if (end == last)
		rest->domain = NULL;
}

/* At each point, listeners have the mappings that the domain has. */
void mapping_continue_unmap(struct viommu *device, const struct budget *budget)
{
	if (!device->unmap.domain)
		return;
	device_deliver_removals(device);
	while (device->unmap.domain && !(budget && budget_is_used_up(device)))
		remove_part(device, &device->unmap, part_of(device, budget));
}

void mapping_undo(struct viommu *device, struct domain *domain, uint64_t first, uint64_t last)
{
	struct range range;

	if (map_next_range(domain->map, first, &range) && range.first == first &&
	    range.last == last)
		remove_range(device, domain, first, last);
}

/*
 * Reserved bytes are ignored: rejecting them is a MAY ("UNMAP request"), and no known device does.
 */
uint8_t do_unmap(struct viommu *device, const union request *request)
{
	const struct request_unmap *unmap = &request->unmap;
	struct domain *domain = domain_find(device, unmap->domain);

	if (!domain)
		return VIOMMU_S_NOENT;
	if (domain->bypass || domain->table || unmap->virt_end < unmap->virt_start)
		return VIOMMU_S_INVAL;
	if (map_splits_range(domain->map, unmap->virt_start, unmap->virt_end))
		return VIOMMU_S_RANGE;
	if (device->commits_later &&
	    mapping_has_many_calls(domain, unmap->virt_start, unmap->virt_end))
		mapping_begin_unmap(device, domain, unmap->virt_start, unmap->virt_end);
	else
		remove_range(device, domain, unmap->virt_start, unmap->virt_end);
	return VIOMMU_S_OK;
}
