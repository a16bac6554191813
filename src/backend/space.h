/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BACKEND_SPACE_H
#define BACKEND_SPACE_H
#include <viommu/backend.h>

/*
 * Spaces of the kernel: one for each domain with a device, one for bypass
 *
 * A space lives while a device is in it. So the device's requests always reach it, and what it has
 * is what the domain has, but for UNMAPs of a batch that are still to be sent.
 */
struct mapping {
	struct mapping *next; /* in its bucket */
	struct viommu_mapping key;
};

struct space {
	struct space *next;
	struct viommu_backend *backend;
	const struct viommu *iommu; /* whose domain it is; NULL: bypass */
	uint64_t serial;            /* of that domain */
	uint32_t id;                /* of the kernel */
	size_t n_devices;
	bool broken; /* the kernel failed to unmap: nothing may use it any more */
	bool tracks; /* the kernel tracks dirty pages */
	struct mapping **buckets;
	size_t n_buckets, n_mappings;
	bool pending; /* [first, last] is still to be unmapped */
	uint64_t first, last;
};

struct device {
	struct device *next;
	struct viommu_backend *backend;
	const struct viommu *iommu;
	struct viommu_listener *listener;
	struct space *space; /* NULL: it reaches nothing */
	int number;
	bool stopped; /* for good */
};

/* A range of guest memory, and its pages that are dirty. */
struct memory {
	struct viommu_memory range;
	uint64_t *dirty; /* NULL: they are not tracked */
};

struct viommu_backend {
	struct viommu_backend_calls calls;
	void *kernel;
	struct device *devices;
	struct space *spaces;
	struct memory *memory;
	size_t n_memory;
	bool batch, tracking;
};

/* -- memory.c --------------------------------------------------------------------- */

/* A part of a mapping that lies in one range of memory. */
struct part {
	uint64_t iova, length, phys;
	struct memory *memory;
};

#define DIRTY_PAGE 4096u

/* The first part of the mapping at or after `iova`; false: there is none. */
bool part_at(const struct viommu_backend *backend, const struct viommu_mapping *key, uint64_t iova,
	     struct part *part);

/* Go to the next one. */
bool part_next(const struct viommu_backend *backend, const struct viommu_mapping *key,
	       struct part *part);

#define for_each_part(part, backend, key) \
	for (bool found_ = part_at(backend, key, (key)->first, part); found_; \
	     found_ = part_next(backend, key, part))

void *part_host(const struct part *part);
void part_mark_dirty(const struct part *part, const uint64_t *bits);
uint64_t dirty_words(uint64_t length);

/* -- space.c ------------------------------------------------------------------------ */

/* The space of a domain, or of bypass (NULL). Returns NULL if there is none. */
struct space *space_find(struct viommu_backend *backend, const struct viommu *iommu,
			 uint64_t serial);
struct space *space_new(struct viommu_backend *backend, const struct viommu *iommu, uint64_t serial,
			int *ret_error);

/* Free the spaces without devices. */
void spaces_collect(struct viommu_backend *backend);

/* Put a device into a space, from wherever it is; on failure it is nowhere. */
int device_enter(struct device *device, struct space *space);
void device_leave(struct device *device);

/* Several listeners notify the same change: only the first one has an effect. */
int space_map(struct space *space, const struct viommu_mapping *key);
void space_unmap(struct space *space, uint64_t first);

/* Send what a batch has still to unmap. */
void space_flush(struct space *space);

/* Parts of mappings in memory that comes or goes. */
int space_map_memory(struct space *space, const struct memory *memory);
void space_unmap_memory(struct space *space, const struct memory *memory);

void space_track(struct space *space, bool on);

/* Mark what was written since the last time. */
void space_read_dirty(struct space *space);
#endif
