/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/space.h"
#include "wire/sized.h"

/*
 * A listener that puts each device into the space of its endpoint's domain
 *
 * A space that a device joins already has all mappings, so one call is enough. A new space gets
 * them one by one.
 */

/* -- the listener -------------------------------------------------------------------- */

/* The space of a domain. Returns 0 if it is new, 1 if it has the mappings, or a negative errno. */
static int take_domain(const struct device *device, uint32_t domain, uint64_t serial,
		       struct space **ret_space)
{
	struct viommu_backend *backend = device->backend;
	struct space *space = space_find(backend, device->iommu, serial);
	bool has_all = space != NULL;
	int error = 0;

	if (!space)
		space = space_new(backend, device->iommu, serial, &error);
	if (!space)
		return error;
	space->domain = domain;
	*ret_space = space;
	return has_all;
}

/* The space for bypass, which maps all memory to its own address. */
static int take_memory(struct viommu_backend *backend, struct space **ret_space)
{
	struct space *space = backend->bypass;
	bool has_all = space != NULL;
	int error = 0;

	if (!space)
		space = space_new(backend, NULL, 0, &error);
	*ret_space = space;
	return space ? has_all : error;
}

static int on_domain(void *opaque, uint32_t domain, uint64_t serial)
{
	struct device *device = opaque;
	struct space *space = NULL;
	int result = take_domain(device, domain, serial, &space), error = 0;

	if (space)
		error = device_enter(device, space, NULL);
	spaces_collect(device->backend);
	return error ? error : result;
}

/* Bypass maps memory at its own address. */
static int map_range(struct space *space, const struct viommu_memory *range)
{
	const struct viommu_mapping key = {
		.flags = VIOMMU_MAP_F_READ | (range->read_only ? 0 : VIOMMU_MAP_F_WRITE),
		.first = range->first,
		.last = range->last,
		.phys = range->first,
	};

	return space_map(space, &key);
}

static int map_memory(struct space *space)
{
	const struct viommu_backend *backend = space->backend;
	int error = 0;

	for (size_t i = 0; i < backend->n_memory && !error; i++)
		error = map_range(space, &backend->memory[i].range);
	return error;
}

static struct table *find_table(const struct device *device, uint64_t serial)
{
	struct table *table = device->backend->tables;

	while (table && (table->serial != serial || table->iommu != device->iommu))
		table = table->next;
	return table;
}

static int add_table(struct device *device, const struct space *space,
		     const struct viommu_space *wanted, struct table **ret_table)
{
	struct viommu_backend *backend = device->backend;
	struct viommu_backend_table argument = { .space = space->id,
						 .format = wanted->format,
						 .iommu = device->iommu };
	struct table *table = calloc(1, sizeof(*table));
	int error;

	if (!table)
		return -ENOMEM;
	memcpy(argument.body, wanted->body, sizeof(argument.body));
	table->iommu = device->iommu;
	table->serial = wanted->serial;
	error = CALL(backend, table_new, &argument, &table->number);
	if (error) {
		free(table);
		return error;
	}
	table->next = backend->tables;
	backend->tables = table;
	*ret_table = table;
	return 0;
}

/* `wanted`: a table of the guest over the space, or NULL. */
static int enter(struct device *device, struct space *space, const struct viommu_space *wanted)
{
	struct table *table = wanted ? find_table(device, wanted->serial) : NULL;
	int error = 0;

	if (wanted && !table)
		error = add_table(device, space, wanted, &table);
	return error ? error : device_enter(device, space, table);
}

static int enter_memory(struct device *device, const struct viommu_space *wanted)
{
	struct space *space = NULL;
	int has_all = take_memory(device->backend, &space), error;

	if (!space)
		return has_all;
	error = enter(device, space, wanted);
	return error || has_all ? error : map_memory(space);
}

/* The listener gets the mappings of the parent. */
static int enter_parent(struct device *device, const struct viommu_space *wanted)
{
	struct space *space = NULL;
	int result = take_domain(device, wanted->parent, wanted->parent_serial, &space), error;

	if (!space)
		return result;
	error = enter(device, space, wanted);
	return error ? error : result;
}

static int on_mode(void *opaque, enum viommu_mode mode)
{
	struct device *device = opaque;
	int error = 0;

	if (mode == VIOMMU_BYPASS)
		error = enter_memory(device, NULL);
	if (mode != VIOMMU_BYPASS || error)
		device_leave(device);
	spaces_collect(device->backend);
	return error;
}

/* The space of a domain that the device or one of its PASIDs is in, or NULL. */
static struct space *space_with(const struct device *device, uint32_t domain)
{
	if (device->space && device->space->iommu && device->space->domain == domain)
		return device->space;
	for (const struct pasid *pasid = device->pasids; pasid; pasid = pasid->next)
		if (pasid->space && pasid->space->iommu && pasid->space->domain == domain)
			return pasid->space;
	return NULL;
}

static int on_map(void *opaque, const struct viommu_mapping *mapping)
{
	const struct device *device = opaque;
	struct space *space = space_with(device, mapping->domain);
	int error = space ? space_map(space, mapping) : -EIO;

	if (!space || space->broken)
		spaces_collect(device->backend);
	return error;
}

static void on_unmap_range(void *opaque, uint32_t domain, uint64_t first, uint64_t last)
{
	const struct device *device = opaque;
	struct space *space = space_with(device, domain);

	if (space)
		space_unmap_range(space, first, last);
	if (!space || space->broken)
		spaces_collect(device->backend);
}

/* -- PASIDs ---------------------------------------------------------------------------- */

static struct pasid **find_pasid(struct device *device, uint32_t number)
{
	struct pasid **at = &device->pasids;

	while (*at && (*at)->number != number)
		at = &(*at)->next;
	return at;
}

static void remove_pasid(struct device *device, struct pasid **at)
{
	struct viommu_backend *backend = device->backend;
	struct pasid *pasid = *at;

	if (!pasid)
		return;
	pasid_leave(device, pasid);
	if (pasid->is_allocated)
		CALL_VOID(backend, free_pasid, device->number, pasid->physical);
	*at = pasid->next;
	free(pasid);
}

static int add_pasid(struct device *device, uint32_t number, uint32_t policy,
		     struct pasid **ret_pasid)
{
	struct viommu_backend *backend = device->backend;
	struct pasid *pasid = calloc(1, sizeof(*pasid));
	int error = 0;

	if (!pasid)
		return -ENOMEM;
	pasid->number = pasid->physical = number;
	pasid->is_allocated = policy == VIOMMU_PASID_ALLOCATED;
	if (pasid->is_allocated)
		error = CALL(backend, alloc_pasid, device->number, &pasid->physical);
	if (error) {
		free(pasid);
		return error;
	}
	pasid->next = device->pasids;
	device->pasids = pasid;
	*ret_pasid = pasid;
	return 0;
}

/* Returns 1 if the space has the mappings of the domain already. */
static int enter_space(struct device *device, struct pasid *pasid,
		       const struct viommu_space *wanted)
{
	struct viommu_backend *backend = device->backend;
	bool is_mapped = wanted->mode == VIOMMU_TRANSLATED;
	struct space *space = NULL;
	int result = is_mapped ? take_domain(device, wanted->domain, wanted->serial, &space)
			       : take_memory(backend, &space);
	int error;

	if (!space)
		return result;
	error = pasid_enter(device, pasid, space);
	if (!error && !result && !is_mapped)
		error = map_memory(space);
	return error ? error : result;
}

static bool has_policy(const struct viommu_backend_calls *calls, uint32_t policy)
{
	return calls->attach_pasid &&
	       (policy == VIOMMU_PASID_IDENTITY || (calls->alloc_pasid && calls->free_pasid));
}

/* The default slot has got a table, over memory or over the mappings of a domain. */
static int enter_table(struct device *device, const struct viommu_space *wanted)
{
	int result = -EOPNOTSUPP;

	if (device->backend->calls.table_new)
		result = wanted->has_parent ? enter_parent(device, wanted)
					    : enter_memory(device, wanted);
	if (result < 0)
		device_leave(device);
	spaces_collect(device->backend);
	return result;
}

static int on_space(void *opaque, uint32_t number, const struct viommu_space *wanted)
{
	struct device *device = opaque;
	struct pasid **at = find_pasid(device, number), *pasid = *at;
	int result = 0;

	if (number == VIOMMU_NO_PASID)
		return enter_table(device, wanted);
	if (wanted->mode != VIOMMU_BLOCKED &&
	    (wanted->format || !has_policy(&device->backend->calls, wanted->pasid_policy)))
		return -EOPNOTSUPP;
	if (wanted->mode != VIOMMU_BLOCKED) {
		if (!pasid)
			result = add_pasid(device, number, wanted->pasid_policy, &pasid);
		if (!result)
			result = enter_space(device, pasid, wanted);
	}
	if (wanted->mode == VIOMMU_BLOCKED || result < 0)
		remove_pasid(device, find_pasid(device, number));
	spaces_collect(device->backend);
	return result;
}

/* A device whose hardware does not invalidate leaves its table. */
static void on_invalidate(void *opaque, const struct viommu_invalidation *what)
{
	struct device *device = opaque;
	struct viommu_backend *backend = device->backend;

	if (!device->table)
		return;
	if (backend->calls.tables_invalidate)
		pending_add(device, what->first, what->last);
	else if (CALL(backend, table_invalidate, device->number, what))
		device_leave(device);
	spaces_collect(backend);
}

/*
 * All devices that the requests concern have been notified of them. UNMAPs are answered after this,
 * so they do not wait for the end of the backend's batch. INVALIDATEs do: the device returns their
 * answers to the VMM, which holds them back.
 */
static int on_commit(void *opaque, uint64_t token)
{
	struct viommu_backend *backend = ((struct device *)opaque)->backend;

	(void)token;
	if (!backend->batch && !backend->n_pending)
		return 0;
	if (backend->batch)
		spaces_flush(backend);
	else
		pending_send(backend);
	spaces_collect(backend);
	return 0;
}

/* -- life ------------------------------------------------------------------------------ */

/* All of some calls, or none. */
static bool are_whole(const struct viommu_backend_calls *calls)
{
	int dirty = !!calls->track + !!calls->read_dirty + !!calls->unmap_dirty;
	int tables = !!calls->table_new + !!calls->table_free + !!calls->table_attach +
		     !!calls->table_invalidate + !!calls->read_events;

	return dirty % 3 == 0 && tables % 5 == 0 && !calls->log == !calls->read_log &&
	       (!calls->log || calls->track);
}

static bool is_complete(const struct viommu_backend_calls *calls)
{
	return are_whole(calls) && calls->space_new && calls->space_free && calls->map &&
	       calls->unmap && calls->attach && calls->detach && calls->stop &&
	       !calls->attach_pasid == !calls->detach_pasid &&
	       !calls->read_requests == !calls->respond;
}

int viommu_backend_new(const struct viommu_backend_calls *calls, void *kernel,
		       struct viommu_backend **ret_backend)
{
	struct viommu_backend_calls own;
	struct viommu_backend *backend;
	int error = sized_take(&own, sizeof(own), calls);

	if (error)
		return error;
	if (!is_complete(&own))
		return -EINVAL;
	backend = calloc(1, sizeof(*backend));
	if (!backend)
		return -ENOMEM;
	backend->calls = own;
	backend->kernel = kernel;
	*ret_backend = backend;
	return 0;
}

struct viommu_backend *viommu_backend_free(struct viommu_backend *backend)
{
	if (!backend)
		return NULL;
	callbacks_refuse(backend, backend->kernel, __func__);
	viommu_backend_track_dirty(backend, false);
	while (backend->devices)
		viommu_backend_remove_device(backend, backend->devices->number);
	spaces_collect(backend);
	free(backend->memory);
	free(backend);
	return NULL;
}

/* -- devices ----------------------------------------------------------------------------- */

int viommu_backend_add_device(struct viommu_backend *backend, struct viommu *iommu,
			      uint32_t endpoint, int number)
{
	const struct viommu_listener_ops ops = { .size = sizeof(ops),
						 .map = on_map,
						 .mode = on_mode,
						 .domain = on_domain,
						 .space = on_space,
						 .invalidate = on_invalidate,
						 .unmap_range = on_unmap_range,
						 .commit = on_commit,
						 .committer = backend };
	struct device *device;
	int error;

	callbacks_refuse(backend, backend->kernel, __func__);
	for (device = backend->devices; device; device = device->next)
		if (device->number == number)
			return -EEXIST;
	device = calloc(1, sizeof(*device));
	if (!device)
		return -ENOMEM;
	device->backend = backend;
	device->iommu = iommu;
	device->endpoint = endpoint;
	device->number = number;
	device->next = backend->devices;
	backend->devices = device;
	if (backend->tracking)
		device_set_log(device, true);
	error = viommu_listen(iommu, endpoint, &ops, device, &device->listener);
	if (!error)
		return 0;
	device_leave(device);
	device_set_log(device, false);
	backend->devices = device->next;
	free(device);
	spaces_collect(backend);
	return error;
}

int viommu_backend_remove_device(struct viommu_backend *backend, int number)
{
	struct device **at = &backend->devices, *device;

	callbacks_refuse(backend, backend->kernel, __func__);
	while (*at && (*at)->number != number)
		at = &(*at)->next;
	device = *at;
	if (!device)
		return -ENOENT;
	viommu_unlisten(device->listener);
	device_leave(device);
	while (device->pasids)
		remove_pasid(device, &device->pasids);
	device_set_log(device, false);
	spaces_collect(backend);
	*at = device->next;
	free(device);
	return 0;
}

int viommu_backend_pasid(const struct viommu_backend *backend, int number, uint32_t pasid,
			 uint32_t *ret_physical)
{
	callbacks_refuse(backend, backend->kernel, __func__);
	for (struct device *device = backend->devices; device; device = device->next) {
		const struct pasid *found =
			device->number == number ? *find_pasid(device, pasid) : NULL;

		if (!found)
			continue;
		*ret_physical = found->physical;
		return 0;
	}
	return -ENOENT;
}

/* -- memory ---------------------------------------------------------------------------------- */

static bool is_valid(const struct viommu_memory *range)
{
	return range->first <= range->last && range->host &&
	       range->last - range->first <= UINTPTR_MAX - (uintptr_t)range->host &&
	       range->last - range->first != UINT64_MAX;
}

static int append_memory(struct viommu_backend *backend, const struct viommu_memory *range,
			 int file, uint64_t offset)
{
	struct memory *all = calloc(backend->n_memory + 1, sizeof(*all));
	uint64_t *dirty = NULL;

	if (backend->tracking)
		dirty = calloc(dirty_words(range->last - range->first + 1), sizeof(*dirty));
	if (!all || (backend->tracking && !dirty)) {
		free(dirty);
		free(all);
		return -ENOMEM;
	}
	if (backend->n_memory)
		memcpy(all, backend->memory, backend->n_memory * sizeof(*all));
	all[backend->n_memory++] = (struct memory){ *range, dirty, file, offset };
	free(backend->memory);
	backend->memory = all;
	return 0;
}

/* Of the spaces before `end`; NULL: of all. */
static void unmap_memory(struct viommu_backend *backend, const struct memory *memory,
			 const struct space *end)
{
	for (struct space *space = backend->spaces; space != end; space = space->next) {
		if (space->iommu)
			space_unmap_memory(space, memory);
		else
			space_unmap(space, memory->range.first);
		space_flush(space);
	}
	spaces_collect(backend);
}

/*
 * Bypass gets the whole range, other spaces the mappings that the guest made of it earlier. On
 * failure no space has it.
 */
static int map_everywhere(struct viommu_backend *backend, const struct memory *memory)
{
	for (struct space *space = backend->spaces; space; space = space->next) {
		int error = space->iommu ? space_map_memory(space, memory)
					 : map_range(space, &memory->range);

		if (!error)
			continue;
		unmap_memory(backend, memory, space);
		return error;
	}
	return 0;
}

static void forget_memory(struct viommu_backend *backend, struct memory *memory)
{
	free(memory->dirty);
	*memory = backend->memory[--backend->n_memory];
}

int viommu_backend_add_memory(struct viommu_backend *backend, const struct viommu_memory *range)
{
	callbacks_refuse(backend, backend->kernel, __func__);
	return viommu_backend_add_memory_file(backend, range, -1, 0);
}

int viommu_backend_add_memory_file(struct viommu_backend *backend,
				   const struct viommu_memory *range, int file, uint64_t offset)
{
	struct memory *memory;
	int error;

	callbacks_refuse(backend, backend->kernel, __func__);
	if (!is_valid(range) || range->last - range->first > UINT64_MAX - offset)
		return -EINVAL;
	for (size_t i = 0; i < backend->n_memory; i++)
		if (range->first <= backend->memory[i].range.last &&
		    backend->memory[i].range.first <= range->last)
			return -EEXIST;
	error = append_memory(backend, range, file, offset);
	if (error)
		return error;
	memory = &backend->memory[backend->n_memory - 1];
	error = map_everywhere(backend, memory);
	if (error)
		forget_memory(backend, memory);
	return error;
}

int viommu_backend_remove_memory(struct viommu_backend *backend, uint64_t first)
{
	callbacks_refuse(backend, backend->kernel, __func__);
	for (size_t i = 0; i < backend->n_memory; i++) {
		if (backend->memory[i].range.first != first)
			continue;
		unmap_memory(backend, &backend->memory[i], NULL);
		forget_memory(backend, &backend->memory[i]);
		return 0;
	}
	return -ENOENT;
}

/* -- dirty pages -------------------------------------------------------------------- */

static void stop_tracking(struct viommu_backend *backend)
{
	for (struct device *device = backend->devices; device; device = device->next)
		device_set_log(device, false);
	for (struct space *space = backend->spaces; space; space = space->next)
		space_track(space, false);
	for (size_t i = 0; i < backend->n_memory; i++) {
		free(backend->memory[i].dirty);
		backend->memory[i].dirty = NULL;
	}
	backend->tracking = false;
}

int viommu_backend_track_dirty(struct viommu_backend *backend, bool on)
{
	callbacks_refuse(backend, backend->kernel, __func__);
	if (on == backend->tracking)
		return 0;
	if (!on) {
		stop_tracking(backend);
		return 0;
	}
	for (size_t i = 0; i < backend->n_memory; i++) {
		const struct viommu_memory *range = &backend->memory[i].range;

		backend->memory[i].dirty =
			calloc(dirty_words(range->last - range->first + 1), sizeof(uint64_t));
		if (!backend->memory[i].dirty) {
			stop_tracking(backend);
			return -ENOMEM;
		}
	}
	backend->tracking = true;
	for (struct device *device = backend->devices; device; device = device->next)
		device_set_log(device, true);
	for (struct space *space = backend->spaces; space; space = space->next)
		space_track(space, true);
	return 0;
}

/* Report runs of dirty pages, and clear them. */
static void report(const struct viommu_backend *backend, struct memory *memory,
		   void (*dirty)(void *opaque, uint64_t first, uint64_t last), void *opaque)
{
	uint64_t last = memory->range.last - memory->range.first, begin = 0;
	bool open = false;

	for (uint64_t at = 0;; at += DIRTY_PAGE) {
		uint64_t page = at / DIRTY_PAGE;
		bool is_dirty = at <= last && memory->dirty[page / 64] >> (page % 64) & 1;

		if (is_dirty && !open)
			begin = at;
		if (!is_dirty && open)
			IN_CALLBACK_VOID(
				backend, "dirty of viommu_backend_read_dirty", backend_serves,
				dirty(opaque, memory->range.first + begin,
				      memory->range.first + (at - 1 < last ? at - 1 : last)));
		open = is_dirty;
		if (at > last)
			break;
	}
	memset(memory->dirty, 0, dirty_words(last + 1) * sizeof(uint64_t));
}

int viommu_backend_read_dirty(struct viommu_backend *backend,
			      void (*dirty)(void *opaque, uint64_t first, uint64_t last),
			      void *opaque)
{
	callbacks_refuse(backend, backend->kernel, __func__);
	if (!backend->tracking)
		return -EINVAL;
	for (struct space *space = backend->spaces; space; space = space->next)
		space_read_dirty(space);
	for (size_t i = 0; i < backend->n_memory; i++)
		report(backend, &backend->memory[i], dirty, opaque);
	return 0;
}

/* -- faults ------------------------------------------------------------------------- */

static void on_event(void *opaque, struct viommu *iommu, const struct viommu_fault *fault)
{
	(void)opaque;
	viommu_fault_report(iommu, fault);
}

/* Convert a PASID of the device to the guest's, and back. One that is not attached keeps its
 * number. */
static uint32_t pasid_of_guest(const struct device *device, uint32_t physical)
{
	const struct pasid *pasid = device->pasids;

	while (pasid && pasid->physical != physical)
		pasid = pasid->next;
	return pasid ? pasid->number : physical;
}

static uint32_t pasid_of_device(struct device *device, uint32_t number)
{
	const struct pasid *pasid = *find_pasid(device, number);

	return pasid ? pasid->physical : number;
}

static int on_request(void *opaque, int number, const struct viommu_page_request *request)
{
	const struct viommu_backend *backend = opaque;
	const struct device *device = backend->devices;
	struct viommu_page_request own = *request;
	int error;

	while (device && device->number != number)
		device = device->next;
	if (!device)
		return -ENOENT;
	own.endpoint = device->endpoint;
	if (own.has_pasid)
		own.pasid = pasid_of_guest(device, own.pasid);
	CALLBACK_SUSPEND();
	error = viommu_page_request(device->iommu, &own);
	CALLBACK_RESUME();
	return error;
}

void viommu_backend_read_events(struct viommu_backend *backend)
{
	callbacks_refuse(backend, backend->kernel, __func__);
	if (backend->calls.read_events)
		CALL(backend, read_events, on_event, NULL);
	if (backend->calls.read_requests)
		CALL(backend, read_requests, on_request, backend);
}

int viommu_backend_page_response(const struct viommu_backend *backend, const struct viommu *iommu,
				 const struct viommu_page_response *response)
{
	int error = -ENOENT;

	callbacks_refuse(backend, backend->kernel, __func__);
	for (struct device *device = backend->devices; device && error == -ENOENT;
	     device = device->next) {
		struct viommu_page_response own = *response;

		if (!backend->calls.respond || device->iommu != iommu ||
		    device->endpoint != response->endpoint)
			continue;
		if (own.has_pasid)
			own.pasid = pasid_of_device(device, own.pasid);
		error = CALL(backend, respond, device->number, &own);
	}
	return error;
}

/* -- batches ------------------------------------------------------------------------ */

void viommu_backend_batch_begin(struct viommu_backend *backend)
{
	callbacks_refuse(backend, backend->kernel, __func__);
	backend->batch = true;
}

void viommu_backend_batch_end(struct viommu_backend *backend)
{
	callbacks_refuse(backend, backend->kernel, __func__);
	backend->batch = false;
	spaces_flush(backend);
	pending_send(backend);
	spaces_collect(backend);
}
