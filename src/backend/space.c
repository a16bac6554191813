/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "backend/space.h"
#include "map/map.h"

/* -- devices ------------------------------------------------------------------------ */

static void mark_all_dirty(struct space *space);

/* What a device has logged is for the mappings of its space until it leaves that. */
static void forget_place(struct device *device)
{
	if (device->space && device->logs)
		mark_all_dirty(device->space);
	if (device->space)
		device->space->n_devices--;
	if (device->table)
		device->table->n_devices--;
	device->space = NULL;
	device->table = NULL;
}

void device_leave(struct device *device)
{
	struct viommu_backend *backend = device->backend;

	if (device->table)
		pending_send(backend);
	if (!device->space)
		return;
	forget_place(device);
	if (!CALL(backend, detach, device->number))
		return;
	CALL_VOID(backend, stop, device->number);
	device->stopped = true;
}

void pasid_leave(struct device *device, struct pasid *pasid)
{
	struct viommu_backend *backend = device->backend;

	if (!pasid->space)
		return;
	pasid->space->n_devices--;
	pasid->space = NULL;
	if (device->stopped || !CALL(backend, detach_pasid, device->number, pasid->physical))
		return;
	CALL_VOID(backend, stop, device->number);
	device->stopped = true;
}

/* The host maps more than the guest requested, so no device may use the space. */
static void space_break(struct space *space)
{
	space->broken = true;
	for (struct device *device = space->backend->devices; device; device = device->next) {
		if (device->space == space)
			device_leave(device);
		for (struct pasid *pasid = device->pasids; pasid; pasid = pasid->next)
			if (pasid->space == space)
				pasid_leave(device, pasid);
	}
}

void space_flush(struct space *space)
{
	struct viommu_backend *backend = space->backend;

	if (!space->pending)
		return;
	space->pending = false;
	if (!space->broken &&
	    CALL(backend, unmap, space->id, space->first, space->last - space->first + 1))
		space_break(space);
}

void spaces_flush(struct viommu_backend *backend)
{
	for (struct space *space = backend->spaces; space; space = space->next)
		space_flush(space);
}

/* -- INVALIDATEs of a batch ----------------------------------------------------------- */

/*
 * They are sent together: at the end of the batch, when there is no room for another, and before a
 * device leaves its table. An IOMMU may keep what it has cached of a table when the device has
 * left it, and find it for the next table.
 *
 * What hardware does not invalidate, its devices leave. Spaces and tables are not freed here.
 */
void pending_send(struct viommu_backend *backend)
{
	size_t n = backend->n_pending;

	backend->n_pending = 0;
	if (n)
		CALL_VOID(backend, tables_invalidate, backend->pending, n);
	for (size_t i = 0; i < n; i++) {
		struct device *device = backend->devices;

		while (device && device->number != backend->pending[i].device)
			device = device->next;
		if (backend->pending[i].error && device && device->table)
			device_leave(device);
	}
}

/* Does the range of an item overlap or touch this one? */
static bool touches(const struct viommu_backend_invalidation *item, uint64_t first, uint64_t last)
{
	return (last == UINT64_MAX || item->first <= last + 1) &&
	       (item->last == UINT64_MAX || first <= item->last + 1);
}

void pending_add(struct device *device, uint64_t first, uint64_t last)
{
	struct viommu_backend *backend = device->backend;

	for (size_t i = 0; i < backend->n_pending; i++) {
		struct viommu_backend_invalidation *item = &backend->pending[i];

		if (item->device != device->number || !touches(item, first, last))
			continue;
		item->first = first < item->first ? first : item->first;
		item->last = last > item->last ? last : item->last;
		return;
	}
	if (backend->n_pending == VIOMMU_BACKEND_INVALIDATIONS_MAX)
		pending_send(backend);
	if (device->table)
		backend->pending[backend->n_pending++] = (struct viommu_backend_invalidation){
			.first = first, .last = last, .device = device->number
		};
}

/* -- entering ---------------------------------------------------------------------- */

/*
 * Devices of one endpoint may be in one IOMMU group, which the kernel moves as a whole: what is not
 * in the space yet leaves its own before the first of them enters.
 */
static void leave_with(const struct device *device, const struct space *space,
		       const struct table *table)
{
	for (struct device *mate = device->backend->devices; mate; mate = mate->next)
		if (mate != device && mate->iommu == device->iommu &&
		    mate->endpoint == device->endpoint &&
		    (mate->space != space || mate->table != table))
			device_leave(mate);
}

static int attach(const struct device *device, const struct space *space, const struct table *table)
{
	const struct viommu_backend *backend = device->backend;

	return table ? CALL(backend, table_attach, device->number, table->number, device->endpoint)
		     : CALL(backend, attach, device->number, space->id);
}

/*
 * A device has entered, perhaps with a page table that is not tracked yet. A space that was not
 * tracked may be from now on: what was written before is read first, which is all of it.
 */
static void track_entry(struct space *space)
{
	if (!space->backend->tracking)
		return;
	if (!space->tracks)
		space_read_dirty(space);
	space_track(space, true);
}

int device_enter(struct device *device, struct space *space, struct table *table)
{
	int error;

	if (device->space == space && device->table == table)
		return 0;
	if (device->table)
		pending_send(device->backend);
	/* The device never had the mappings that wait to be unmapped. */
	space_flush(space);
	if (device->stopped || space->broken)
		return -EIO;
	leave_with(device, space, table);
	error = attach(device, space, table);
	if (error) {
		device_leave(device); /* it is unknown whether the device left its old space */
		return error;
	}
	forget_place(device);
	device->space = space;
	device->table = table;
	space->n_devices++;
	if (table)
		table->n_devices++;
	track_entry(space);
	return 0;
}

int pasid_enter(struct device *device, struct pasid *pasid, struct space *space)
{
	struct viommu_backend *backend = device->backend;
	int error;

	pasid_leave(device, pasid);
	space_flush(space);
	if (device->stopped || space->broken)
		return -EIO;
	error = CALL(backend, attach_pasid, device->number, pasid->physical, space->id);
	if (error)
		return error;
	pasid->space = space;
	space->n_devices++;
	track_entry(space);
	return 0;
}

/* -- unmapping ------------------------------------------------------------------------ */

/* Ranges that follow one another are one call, which end_unmap() makes unless there is a batch. */
static void unmap_range(struct space *space, uint64_t first, uint64_t last)
{
	if (space->broken)
		return;
	if (space->pending && space->last != UINT64_MAX && space->last + 1 == first) {
		space->last = last;
	} else if (space->pending && last != UINT64_MAX && last + 1 == space->first) {
		space->first = first;
	} else {
		space_flush(space);
		space->pending = true;
		space->first = first;
		space->last = last;
	}
}

static void end_unmap(struct space *space)
{
	if (!space->backend->batch)
		space_flush(space);
}

void device_set_log(struct device *device, bool on)
{
	struct viommu_backend *backend = device->backend;

	if (!backend->calls.log || (!on && !device->logs))
		return;
	device->logs = false;
	if (!device->stopped && !CALL(backend, log, device->number, on))
		device->logs = on;
}

/* The whole log may be wrong: it begins again, and what was written until then is dirty. */
static void restart_log(struct device *device)
{
	struct space *space = device->space;

	device_set_log(device, false);
	device_set_log(device, true);
	mark_all_dirty(space);
	if (!device->logs)
		space_track(space, true);
}

/* Add what devices of the space have logged. */
static int read_logs(struct space *space, const struct part *part, uint64_t *bits)
{
	struct viommu_backend *backend = space->backend;
	int error = 0;

	for (struct device *device = backend->devices; device; device = device->next) {
		if (device->space != space || !device->logs)
			continue;
		error = CALL(backend, read_log, device->number, part->iova, part->length, bits);
		if (!error)
			continue;
		restart_log(device);
		break;
	}
	return error;
}

/* Without memory for a bitmap, or a kernel that fills it, the whole part counts as dirty. */
static void unmap_tracked(struct space *space, const struct part *part)
{
	struct viommu_backend *backend = space->backend;
	uint64_t *bits = NULL;
	int error = -ENOTSUP;

	space_flush(space);
	if (space->broken)
		return;
	if (space->tracks && backend->calls.unmap_dirty)
		bits = calloc(dirty_words(part->length), sizeof(*bits));
	if (bits)
		error = CALL(backend, unmap_dirty, space->id, part->iova, part->length, bits);
	/* After that, as the log has no need of the mapping. */
	part_mark_dirty(part, error || read_logs(space, part, bits) ? NULL : bits);
	free(bits);
	if (error)
		unmap_range(space, part->iova, part->iova + (part->length - 1));
}

static void unmap_part(struct space *space, const struct viommu_mapping *key,
		       const struct part *part)
{
	if (space->backend->tracking && key->flags & VIOMMU_MAP_F_WRITE && !space->broken)
		unmap_tracked(space, part);
	else
		unmap_range(space, part->iova, part->iova + (part->length - 1));
}

/* -- mappings -------------------------------------------------------------------------- */

/* The first mapping that ends at or after `from`. */
static bool next_mapping(const struct space *space, uint64_t from, struct viommu_mapping *ret_key)
{
	struct range range;

	if (!map_next_range(space->map, from, &range))
		return false;
	*ret_key = (struct viommu_mapping){
		.domain = space->domain,
		.flags = range.flags,
		.first = range.first,
		.last = range.last,
		.phys = range.phys,
	};
	return true;
}

#define for_each_mapping(key, space) \
	for (bool more_ = next_mapping(space, 0, key); more_; \
	     more_ = (key)->last != UINT64_MAX && next_mapping(space, (key)->last + 1, key))

static bool has_mapping(const struct space *space, uint64_t first)
{
	struct viommu_mapping key;

	return next_mapping(space, first, &key) && key.first == first;
}

/* Bypass has pinned all memory. */
static bool copy_part(struct space *space, const struct viommu_mapping *key,
		      const struct part *part)
{
	struct viommu_backend *backend = space->backend;
	struct space *bypass = backend->bypass;

	return backend->calls.copy && bypass && bypass != space && !bypass->broken &&
	       has_mapping(bypass, part->memory->range.first) &&
	       !CALL(backend, copy, space->id, part->iova, part->length, bypass->id, part->phys,
		     key->flags);
}

static int map_part(struct space *space, const struct viommu_mapping *key, const struct part *part)
{
	struct viommu_backend *backend = space->backend;
	const struct memory *memory = part->memory;

	if (copy_part(space, key, part))
		return 0;
	if (memory->file >= 0 && backend->calls.map_file)
		return CALL(backend, map_file, space->id, part->iova, part->length, memory->file,
			    memory->offset + (part->phys - memory->range.first), key->flags);
	return CALL(backend, map, space->id, part->iova, part->length, part_host(part), key->flags);
}

/* One call for each range of memory that the mapping overlaps; all of it must be memory. */
static int map_parts(struct space *space, const struct viommu_mapping *key)
{
	struct viommu_backend *backend = space->backend;
	uint64_t mapped = 0;
	struct part part;
	int error = 0;

	for_each_part(&part, backend, key) {
		if (part.iova - key->first != mapped)
			break;
		error = map_part(space, key, &part);
		if (error)
			break;
		mapped += part.length;
	}
	if (!error && (!mapped || mapped - 1 != key->last - key->first))
		error = -EFAULT;
	if (error && mapped && CALL(backend, unmap, space->id, key->first, mapped))
		space_break(space);
	return error;
}

/* UNMAPs that were not sent yet may use up a limit that the MAP needs. */
static int map_with_pending(struct space *space, const struct viommu_mapping *key)
{
	int error;

	if (space->pending && key->first <= space->last && space->first <= key->last)
		space_flush(space);
	error = space->broken ? -EIO : map_parts(space, key);
	if (!space->pending || (error != -ENOMEM && error != -ENOSPC))
		return error;
	space_flush(space);
	return space->broken ? -EIO : map_parts(space, key);
}

int space_map(struct space *space, const struct viommu_mapping *key)
{
	const struct viommu_backend *backend = space->backend;
	const struct range range = { key->first, key->last, key->phys, key->flags };
	int error;

	if (map_overlaps(space->map, key->first, key->last))
		return 0;
	error = map_reserve(space->map);
	if (error)
		return error;
	error = map_with_pending(space, key);
	if (error && backend->calls.refused)
		CALL_VOID(backend, refused, error, key->last - key->first + 1);
	if (!error)
		error = map_insert(space->map, &range);
	map_reclaim_nodes(space->map); /* it has no readers beside its writer */
	return error;
}

void space_unmap_range(struct space *space, uint64_t first, uint64_t last)
{
	struct viommu_mapping key;

	for (bool more = next_mapping(space, first, &key); more && key.first <= last;
	     more = key.last < last && next_mapping(space, key.last + 1, &key)) {
		struct part part;

		for_each_part(&part, space->backend, &key)
			unmap_part(space, &key, &part);
	}
	map_remove(space->map, first, last);
	map_reclaim_nodes(space->map);
	end_unmap(space);
}

void space_unmap(struct space *space, uint64_t first)
{
	struct viommu_mapping key;

	if (next_mapping(space, first, &key) && key.first == first)
		space_unmap_range(space, key.first, key.last);
}

/* Unmap the parts in that memory, those before `end` or all (NULL). Parts ascend. */
static void unmap_parts(struct space *space, const struct memory *memory, const struct part *end)
{
	struct viommu_mapping key;

	for_each_mapping(&key, space) {
		struct part part;

		for_each_part(&part, space->backend, &key) {
			if (end && part.iova == end->iova)
				return;
			if (part.memory == memory)
				unmap_part(space, &key, &part);
		}
	}
}

void space_unmap_memory(struct space *space, const struct memory *memory)
{
	unmap_parts(space, memory, NULL);
	space_flush(space);
}

int space_map_memory(struct space *space, const struct memory *memory)
{
	struct viommu_mapping key;

	for_each_mapping(&key, space) {
		struct part part;
		int error;

		for_each_part(&part, space->backend, &key) {
			if (part.memory != memory)
				continue;
			error = map_part(space, &key, &part);
			if (!error)
				continue;
			/* The kernel fails to unmap what is not mapped, which breaks a space. */
			unmap_parts(space, memory, &part);
			space_flush(space);
			return error;
		}
	}
	return 0;
}

/* -- dirty pages --------------------------------------------------------------------------- */

void space_track(struct space *space, bool on)
{
	struct viommu_backend *backend = space->backend;

	space->tracks = backend->calls.track && !space->broken &&
			!CALL(backend, track, space->id, on) && on;
}

static void read_part(struct space *space, const struct part *part)
{
	struct viommu_backend *backend = space->backend;
	uint64_t *bits = NULL;
	int error = -ENOTSUP;

	if (space->tracks && backend->calls.read_dirty)
		bits = calloc(dirty_words(part->length), sizeof(*bits));
	if (bits)
		error = CALL(backend, read_dirty, space->id, part->iova, part->length, bits);
	if (!error)
		error = read_logs(space, part, bits);
	part_mark_dirty(part, error ? NULL : bits);
	free(bits);
}

void space_read_dirty(struct space *space)
{
	struct viommu_mapping key;

	for_each_mapping(&key, space) {
		struct part part;

		if (!(key.flags & VIOMMU_MAP_F_WRITE))
			continue;
		for_each_part(&part, space->backend, &key)
			read_part(space, &part);
	}
}

/* -- life ------------------------------------------------------------------------------------ */

struct space *space_find(struct viommu_backend *backend, const struct viommu *iommu,
			 uint64_t serial)
{
	struct space *space = backend->spaces;

	while (space && (space->serial != serial || space->iommu != iommu))
		space = space->next;
	return space;
}

struct space *space_new(struct viommu_backend *backend, const struct viommu *iommu, uint64_t serial,
			int *ret_error)
{
	struct space *space = calloc(1, sizeof(*space));

	*ret_error = -ENOMEM;
	if (space)
		space->map = map_new();
	if (!space || !space->map) {
		free(space);
		return NULL;
	}
	space->backend = backend;
	space->iommu = iommu;
	space->serial = serial;
	*ret_error = CALL(backend, space_new, &space->id);
	if (*ret_error) {
		map_free(space->map);
		free(space);
		return NULL;
	}
	space->next = backend->spaces;
	backend->spaces = space;
	if (!iommu)
		backend->bypass = space;
	return space;
}

/* The kernel can no longer report dirty pages. */
static void mark_all_dirty(struct space *space)
{
	struct viommu_mapping key;

	for_each_mapping(&key, space) {
		struct part part;

		if (!(key.flags & VIOMMU_MAP_F_WRITE))
			continue;
		for_each_part(&part, space->backend, &key)
			part_mark_dirty(&part, NULL);
	}
}

/* A device that could not be detached must not keep mappings that the guest removed. */
static void unmap_all(const struct space *space)
{
	struct viommu_backend *backend = space->backend;
	struct viommu_mapping key;

	for_each_mapping(&key, space) {
		struct part part;

		for_each_part(&part, backend, &key)
			CALL(backend, unmap, space->id, part.iova, part.length);
	}
	if (space->pending)
		CALL(backend, unmap, space->id, space->first, space->last - space->first + 1);
}

/* Its mappings end with it. */
static void space_free(struct space *space)
{
	struct viommu_backend *backend = space->backend;

	if (backend->bypass == space)
		backend->bypass = NULL;
	if (backend->tracking)
		mark_all_dirty(space);
	if (CALL(backend, space_free, space->id))
		unmap_all(space);
	map_free(space->map);
	free(space);
}

static void tables_collect(struct viommu_backend *backend)
{
	struct table **at = &backend->tables;

	while (*at) {
		struct table *table = *at;

		if (table->n_devices) {
			at = &table->next;
			continue;
		}
		*at = table->next;
		CALL(backend, table_free, table->number);
		free(table);
	}
}

void spaces_collect(struct viommu_backend *backend)
{
	struct space **at = &backend->spaces;

	tables_collect(backend);
	while (*at) {
		struct space *space = *at;

		if (space->n_devices) {
			at = &space->next;
			continue;
		}
		*at = space->next;
		space_free(space);
	}
}
