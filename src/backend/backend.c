/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <viommu/backend.h>

#include "wire/sized.h"

/*
 * A listener that keeps one space of the kernel for each domain
 *
 * The device notifies each endpoint of each mapping. The first endpoint with a mapping adds it to
 * the space, and the last one removes it: `holders` counts them. A listener does not learn its
 * domain before the first mapping, nor that it left a domain without mappings. So an endpoint
 * enters a space with its first mapping, and an endpoint without mappings leaves before the space
 * gets any.
 */
struct mapping {
	struct mapping *next;
	struct viommu_mapping key;
	size_t holders;
};

struct space {
	struct space *next;
	struct viommu_backend *backend;
	const struct viommu *iommu; /* the virtual IOMMU of the domain; NULL: the identity space */
	uint32_t domain;
	uint32_t id; /* the kernel's number of the space */
	bool broken; /* the kernel failed to unmap: no further device may enter */
	struct mapping **buckets;
	size_t n_buckets, n_mappings;
	bool pending; /* [first, last] is waiting to be unmapped */
	uint64_t first, last;
};

struct device {
	struct device *next;
	struct viommu_backend *backend;
	const struct viommu *iommu;
	struct viommu_listener *listener;
	struct space *space; /* the device's space, or NULL */
	size_t n_mappings;   /* number of mappings that the device holds */
	int number;
	bool stopped;
};

struct viommu_backend {
	struct viommu_backend_calls calls;
	void *kernel;
	struct device *devices;
	struct space *spaces;
	struct space *identity; /* the identity space: all memory at its own address */
	struct viommu_memory *memory;
	size_t n_memory;
	bool batch;
};

/* -- devices and their IOMMUs -------------------------------------------------- */

static void device_leave(struct device *device)
{
	struct viommu_backend *backend = device->backend;

	if (!device->space)
		return;
	device->space = NULL;
	if (!backend->calls.detach(backend->kernel, device->number))
		return;
	backend->calls.stop(backend->kernel, device->number);
	device->stopped = true;
}

/* The host maps more than the guest requested, so no device may use the space. */
static void space_break(struct space *space)
{
	space->broken = true;
	for (struct device *device = space->backend->devices; device; device = device->next)
		if (device->space == space)
			device_leave(device);
}

static void leave_if_without_mappings(struct space *space, const struct device *but)
{
	for (struct device *device = space->backend->devices; device; device = device->next)
		if (device != but && device->space == space && !device->n_mappings)
			device_leave(device);
}

/* -- mappings of a space --------------------------------------------------------- */

static struct mapping **find(struct space *space, uint64_t first)
{
	uint64_t hash = first * 0x9e3779b97f4a7c15u;
	struct mapping **at = &space->buckets[(hash >> 32) & (space->n_buckets - 1)];

	while (*at && (*at)->key.first != first)
		at = &(*at)->next;
	return at;
}

/* Keeps chains short. Without memory for the new table, chains only become longer. */
static void grow(struct space *space)
{
	size_t n = space->n_buckets;
	struct mapping **old = space->buckets, **buckets;

	if (space->n_mappings < n)
		return;
	buckets = calloc(2 * n, sizeof(struct mapping *));
	if (!buckets)
		return;
	space->buckets = buckets;
	space->n_buckets = 2 * n;
	for (size_t i = 0; i < n; i++) {
		for (struct mapping *mapping = old[i], *next; mapping; mapping = next) {
			struct mapping **at = find(space, mapping->key.first);

			next = mapping->next;
			mapping->next = NULL;
			*at = mapping;
		}
	}
	free(old);
}

static void flush(struct space *space)
{
	struct viommu_backend *backend = space->backend;

	if (!space->pending)
		return;
	space->pending = false;
	if (backend->calls.unmap(backend->kernel, space->id, space->first,
				 space->last - space->first + 1))
		space_break(space);
}

static int device_enter(struct device *device, struct space *space)
{
	struct viommu_backend *backend = device->backend;
	int error;

	if (device->stopped || space->broken)
		return -EIO;
	if (device->space == space)
		return 0;
	/* The device never had the mappings that wait to be unmapped. */
	flush(space);
	if (space->broken)
		return -EIO;
	error = backend->calls.attach(backend->kernel, device->number, space->id);
	if (error)
		device_leave(device); /* it is unknown whether the device left its old space */
	else
		device->space = space;
	return error;
}

static void unmap_range(struct space *space, uint64_t first, uint64_t last)
{
	if (space->broken)
		return;
	if (space->pending && space->last != UINT64_MAX && space->last + 1 == first) {
		space->last = last;
	} else if (space->pending && first <= last && last != UINT64_MAX &&
		   last + 1 == space->first) {
		space->first = first;
	} else {
		flush(space);
		space->pending = true;
		space->first = first;
		space->last = last;
	}
	if (!space->backend->batch)
		flush(space);
}

static const struct viommu_memory *memory_at(const struct viommu_backend *backend, uint64_t phys)
{
	for (size_t i = 0; i < backend->n_memory; i++)
		if (backend->memory[i].first <= phys && phys <= backend->memory[i].last)
			return &backend->memory[i];
	return NULL;
}

/* One call for each range of memory that the mapping overlaps. */
static int map_range(struct space *space, const struct viommu_mapping *key)
{
	struct viommu_backend *backend = space->backend;
	uint64_t iova = key->first, phys = key->phys;
	int error = 0;

	for (;;) {
		const struct viommu_memory *memory = memory_at(backend, phys);
		uint64_t last = key->last - iova;

		if (!memory || (memory->read_only && key->flags & VIOMMU_MAP_F_WRITE)) {
			error = -EFAULT;
			break;
		}
		if (last > memory->last - phys)
			last = memory->last - phys;
		error = backend->calls.map(backend->kernel, space->id, iova, last + 1,
					   (char *)memory->host + (phys - memory->first),
					   key->flags);
		if (error || iova + last == key->last)
			break;
		iova += last + 1;
		phys += last + 1;
	}
	if (error && iova != key->first &&
	    backend->calls.unmap(backend->kernel, space->id, key->first, iova - key->first))
		space_break(space);
	return error;
}

static int hold(struct space *space, const struct viommu_mapping *key, struct device *device)
{
	struct mapping *mapping = *find(space, key->first);
	int error;

	if (!mapping) {
		mapping = calloc(1, sizeof(*mapping));
		if (!mapping)
			return -ENOMEM;
		mapping->key = *key;
		flush(space);
		leave_if_without_mappings(space, device);
		error = space->broken ? -EIO : map_range(space, key);
		if (error) {
			free(mapping);
			return error;
		}
		grow(space);
		*find(space, key->first) = mapping;
		space->n_mappings++;
	}
	mapping->holders++;
	device->n_mappings++;
	return 0;
}

static void release(struct space *space, uint64_t first, struct device *device)
{
	struct mapping **at = find(space, first), *mapping = *at;

	if (!mapping)
		return;
	device->n_mappings--;
	if (--mapping->holders)
		return;
	*at = mapping->next;
	space->n_mappings--;
	unmap_range(space, mapping->key.first, mapping->key.last);
	free(mapping);
}

/* -- spaces ------------------------------------------------------------------------ */

static struct space *space_new(struct viommu_backend *backend, const struct viommu *iommu,
			       uint32_t domain, int *ret_error)
{
	struct space *space = calloc(1, sizeof(*space));

	*ret_error = -ENOMEM;
	if (space)
		space->buckets = calloc(16, sizeof(struct mapping *));
	if (!space || !space->buckets) {
		free(space);
		return NULL;
	}
	space->n_buckets = 16;
	space->backend = backend;
	space->iommu = iommu;
	space->domain = domain;
	*ret_error = backend->calls.space_new(backend->kernel, &space->id);
	if (!*ret_error)
		return space;
	free(space->buckets);
	free(space);
	return NULL;
}

static void space_free(struct space *space)
{
	struct viommu_backend *backend = space->backend;

	backend->calls.space_free(backend->kernel, space->id);
	for (size_t i = 0; i < space->n_buckets; i++) {
		for (struct mapping *mapping = space->buckets[i], *next; mapping; mapping = next) {
			next = mapping->next;
			free(mapping);
		}
	}
	free(space->buckets);
	free(space);
}

static bool is_used(const struct space *space)
{
	if (space->n_mappings)
		return true;
	for (struct device *device = space->backend->devices; device; device = device->next)
		if (device->space == space)
			return true;
	return false;
}

/* Frees spaces without mappings and devices. */
static void collect(struct viommu_backend *backend)
{
	struct space **at = &backend->spaces;

	while (*at) {
		struct space *space = *at;

		if (is_used(space)) {
			at = &space->next;
			continue;
		}
		*at = space->next;
		space_free(space);
	}
	if (!backend->identity || is_used(backend->identity))
		return;
	space_free(backend->identity);
	backend->identity = NULL;
}

/* The driver of each virtual IOMMU chooses domain numbers, so they are unique only within one. */
static struct space *domain_space(const struct device *device, uint32_t domain, bool make,
				  int *ret_error)
{
	struct viommu_backend *backend = device->backend;
	struct space *space = backend->spaces;

	*ret_error = -ENOENT;
	while (space && (space->domain != domain || space->iommu != device->iommu))
		space = space->next;
	if (space || !make)
		return space;
	space = space_new(backend, device->iommu, domain, ret_error);
	if (space) {
		space->next = backend->spaces;
		backend->spaces = space;
	}
	return space;
}

static int map_memory(struct space *space)
{
	const struct viommu_backend *backend = space->backend;
	int error = 0;

	for (size_t i = 0; i < backend->n_memory && !error; i++) {
		const struct viommu_memory *memory = &backend->memory[i];
		struct viommu_mapping key = {
			.flags = VIOMMU_MAP_F_READ | (memory->read_only ? 0 : VIOMMU_MAP_F_WRITE),
			.first = memory->first,
			.last = memory->last,
			.phys = memory->first,
		};

		error = map_range(space, &key);
	}
	return error;
}

/* The identity space exists while a device is in it. */
static int enter_identity(struct device *device)
{
	struct viommu_backend *backend = device->backend;
	int error = 0;

	if (backend->identity)
		return device_enter(device, backend->identity);
	backend->identity = space_new(backend, NULL, 0, &error);
	if (!backend->identity)
		return error;
	error = device_enter(device, backend->identity);
	if (!error)
		error = map_memory(backend->identity);
	if (!error)
		return 0;
	/* The mappings end with the space. */
	device_leave(device);
	space_free(backend->identity);
	backend->identity = NULL;
	return error;
}

/* -- the listener -------------------------------------------------------------------- */

static int on_map(void *opaque, const struct viommu_mapping *mapping)
{
	struct device *device = opaque;
	struct space *space;
	int error;

	space = domain_space(device, mapping->domain, true, &error);
	if (!space)
		return error;
	/* Enter first, because a page table of the kernel has the limits of its devices. */
	error = device_enter(device, space);
	if (!error)
		error = hold(space, mapping, device);
	if (error && !device->n_mappings)
		device_leave(device);
	if (error && !device->backend->batch)
		collect(device->backend);
	return error;
}

static void on_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	struct device *device = opaque;
	int error;
	struct space *space = domain_space(device, mapping->domain, false, &error);

	if (!space)
		return;
	release(space, mapping->first, device);
	if (!device->n_mappings && space->n_mappings && !device->backend->batch)
		leave_if_without_mappings(space, NULL);
}

static int on_mode(void *opaque, enum viommu_mode mode)
{
	struct device *device = opaque;
	struct viommu_backend *backend = device->backend;
	int error = 0;

	if (mode == VIOMMU_BYPASS)
		error = enter_identity(device);
	if (mode != VIOMMU_BYPASS || error)
		device_leave(device);
	if (!backend->batch)
		collect(backend);
	return error;
}

/* -- public -------------------------------------------------------------------------- */

static bool is_complete(const struct viommu_backend_calls *calls)
{
	return calls->space_new && calls->space_free && calls->map && calls->unmap &&
	       calls->attach && calls->detach && calls->stop;
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
	while (backend->devices) {
		struct device *device = backend->devices;

		viommu_unlisten(device->listener);
		device_leave(device);
		backend->devices = device->next;
		free(device);
	}
	collect(backend);
	free(backend->memory);
	free(backend);
	return NULL;
}

int viommu_backend_add_memory(struct viommu_backend *backend, const struct viommu_memory *memory)
{
	struct viommu_memory *all;

	if (memory->first > memory->last || !memory->host ||
	    memory->last - memory->first > UINTPTR_MAX - (uintptr_t)memory->host ||
	    memory->last - memory->first == UINT64_MAX)
		return -EINVAL;
	if (backend->devices)
		return -EBUSY;
	for (size_t i = 0; i < backend->n_memory; i++)
		if (memory->first <= backend->memory[i].last &&
		    backend->memory[i].first <= memory->last)
			return -EEXIST;
	all = calloc(backend->n_memory + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	if (backend->n_memory)
		memcpy(all, backend->memory, backend->n_memory * sizeof(*all));
	all[backend->n_memory++] = *memory;
	free(backend->memory);
	backend->memory = all;
	return 0;
}

int viommu_backend_add_device(struct viommu_backend *backend, struct viommu *iommu,
			      uint32_t endpoint, int number)
{
	static const struct viommu_listener_ops ops = {
		.size = sizeof(ops), .map = on_map, .unmap = on_unmap, .mode = on_mode
	};
	struct device *device;
	int error;

	for (device = backend->devices; device; device = device->next)
		if (device->number == number)
			return -EEXIST;
	device = calloc(1, sizeof(*device));
	if (!device)
		return -ENOMEM;
	device->backend = backend;
	device->iommu = iommu;
	device->number = number;
	device->next = backend->devices;
	backend->devices = device;
	error = viommu_listen(iommu, endpoint, &ops, device, &device->listener);
	if (!error)
		return 0;
	device_leave(device);
	backend->devices = device->next;
	free(device);
	collect(backend);
	return error;
}

void viommu_backend_batch_begin(struct viommu_backend *backend)
{
	backend->batch = true;
}

void viommu_backend_batch_end(struct viommu_backend *backend)
{
	backend->batch = false;
	for (struct space *space = backend->spaces; space; space = space->next) {
		flush(space);
		if (space->n_mappings)
			leave_if_without_mappings(space, NULL);
	}
	collect(backend);
}
