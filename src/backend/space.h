/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BACKEND_SPACE_H
#define BACKEND_SPACE_H
#include <viommu/backend.h>

#include "backend/call.h"

/*
 * Spaces of the kernel: one for each domain with a device, one for bypass
 *
 * A space exists while a device is in it. So requests for its device always update it, and its
 * mappings are those of the domain, except for UNMAPs of a batch that were not sent yet.
 */
struct map;

struct space {
	struct space *next;
	struct viommu_backend *backend;
	const struct viommu *iommu; /* its domain; NULL: bypass */
	uint64_t serial;            /* of that domain */
	uint32_t domain;            /* its number */
	uint32_t id;                /* the kernel's number */
	size_t n_devices;           /* devices and PASIDs in it */
	bool broken;                /* the kernel failed to unmap: no device may use it */
	bool tracks;                /* the kernel tracks dirty pages */
	struct map *map;            /* its mappings */
	bool pending;               /* [first, last] is waiting to be unmapped */
	uint64_t first, last;
};

/* A PASID of a device, in the space of its slot's domain. */
struct pasid {
	struct pasid *next;
	uint32_t number;   /* the guest's */
	uint32_t physical; /* the number that the device sends */
	bool is_allocated; /* by the kernel */
	struct space *space;
};

/* A table of the guest that hardware reads. Its addresses are guest-physical: those of bypass. */
struct table {
	struct table *next;
	const struct viommu *iommu;
	uint64_t serial; /* of its domain */
	uint32_t number; /* the kernel's */
	size_t n_devices;
};

struct device {
	struct device *next;
	struct viommu_backend *backend;
	struct viommu *iommu;
	uint32_t endpoint;
	struct viommu_listener *listener;
	struct space *space; /* NULL: the device has no access without a PASID */
	struct table *table; /* over `space`, or NULL */
	struct pasid *pasids;
	int number;
	bool stopped; /* permanently */
	bool logs;    /* the pages that it writes */
};

/* A range of guest memory, and its dirty pages. */
struct memory {
	struct viommu_memory range;
	uint64_t *dirty; /* NULL: they are not tracked */
	int file;        /* -1: none; the range begins at its `offset` */
	uint64_t offset;
};

struct viommu_backend {
	struct viommu_backend_calls calls;
	void *kernel;
	struct device *devices;
	struct space *spaces;
	struct space *bypass; /* of them, or NULL */
	struct table *tables;
	struct memory *memory;
	size_t n_memory;
	struct viommu_backend_invalidation pending[VIOMMU_BACKEND_INVALIDATIONS_MAX];
	size_t n_pending;
	bool batch, tracking;
};

/* -- memory.c --------------------------------------------------------------------- */

/* A part of a mapping that lies in one range of memory, which permits the accesses. */
struct part {
	uint64_t iova, length, phys;
	struct memory *memory;
};

#define DIRTY_PAGE 4096u

/* The first part of the mapping at or after `iova`; false if there is none. */
bool part_at(const struct viommu_backend *backend, const struct viommu_mapping *key, uint64_t iova,
	     struct part *part);

/* Advance to the next part. */
bool part_next(const struct viommu_backend *backend, const struct viommu_mapping *key,
	       struct part *part);

#define for_each_part(part, backend, key) \
	for (bool found_ = part_at(backend, key, (key)->first, part); found_; \
	     found_ = part_next(backend, key, part))

void *part_host(const struct part *part);
void part_mark_dirty(const struct part *part, const uint64_t *bits);
size_t dirty_words(uint64_t length);

/* -- space.c ------------------------------------------------------------------------ */

/* The space of a domain, or of bypass (NULL). NULL if there is none. */
struct space *space_find(struct viommu_backend *backend, const struct viommu *iommu,
			 uint64_t serial);
struct space *space_new(struct viommu_backend *backend, const struct viommu *iommu, uint64_t serial,
			int *ret_error);

/* Free the spaces without devices. */
void spaces_collect(struct viommu_backend *backend);

/* Move a device into a space, or a table over it; on failure it is in none. */
int device_enter(struct device *device, struct space *space, struct table *table);
void device_leave(struct device *device);

/* The same for a PASID of a device. */
int pasid_enter(struct device *device, struct pasid *pasid, struct space *space);
void pasid_leave(struct device *device, struct pasid *pasid);

/* The device is in a table, of which a range is to be invalidated by the end of the batch. */
void pending_add(struct device *device, uint64_t first, uint64_t last);

/* Send the INVALIDATEs that are pending. A device with an error leaves its table. */
void pending_send(struct viommu_backend *backend);

/* Several listeners notify the same change: only the first one has an effect. */
int space_map(struct space *space, const struct viommu_mapping *key);
void space_unmap(struct space *space, uint64_t first);

/* All mappings in [first, last]: one call for those that follow one another without a gap. */
void space_unmap_range(struct space *space, uint64_t first, uint64_t last);

/* Send the UNMAPs of a batch that are pending. */
void space_flush(struct space *space);
void spaces_flush(struct viommu_backend *backend);

/* Map or unmap the parts of mappings in memory that is added or removed. A failure maps none. */
int space_map_memory(struct space *space, const struct memory *memory);
void space_unmap_memory(struct space *space, const struct memory *memory);

void space_track(struct space *space, bool on);

/* Begin or end the log of a device, if it has one. */
void device_set_log(struct device *device, bool on);

/* Mark the pages written since the last call. */
void space_read_dirty(struct space *space);
#endif
