/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BACKEND_IOMMUFD_H
#define BACKEND_IOMMUFD_H
#include "backend/kernel.h"

/*
 * Objects of iommufd: page tables (HWPT) of a space, tables of the guest over them, and vIOMMUs
 *
 *     space (IOAS) --- page table (HWPT), one for each kind of IOMMU --- devices
 *                         |
 *                      parent of: nest (vIOMMU of one virtual IOMMU) --- its devices (vDEVICE)
 *                         |
 *                      page table of the guest (nested HWPT) --- devices
 *
 * A device is tried on each page table of its space, because the kernel alone knows which IOMMUs
 * are alike: -EINVAL is "another IOMMU". Objects stay until the space ends.
 */

/* A table of the guest in a space, as the backend requested it. */
struct guest_table {
	struct guest_table *next;
	uint32_t number;
	struct viommu_backend_table wanted;
};

/* What hardware reads a format of tables. */
struct nest_kind {
	uint32_t hardware; /* of GET_HW_INFO */
	uint16_t format;   /* VIOMMU_TABLE_* */
	uint32_t data_type, data_length;
	int (*encode)(const uint8_t *body, void *data);

	/* What the hardware's information says of the format. */
	struct viommu_table_format (*describe)(const struct hardware_info *info);

	/* Of the vIOMMU, its events and its invalidation; without object: of the page table. */
	bool has_object;
	uint32_t object_type, events_type, invalidate_type;
	uint32_t entry_length;

	/* An entry for the contexts of a device; NULL: none is needed. `id`: the guest's number. */
	void (*drop_contexts)(uint64_t id, void *entry);

	/* Entries for sorted ranges of whole pages: at most INVALIDATE_MAX. */
	size_t (*drop_ranges)(const struct viommu_range *ranges, size_t n, void *entries);

	/* Queues of commands that hardware executes. `queue_object`: the vIOMMU that has them. */
	uint32_t queue_hardware, queue_object, queue_type;

	/* False: it is no fault. `record` has event_length bytes. */
	uint32_t event_length;
	bool (*decode)(const void *record, struct viommu_fault *ret_fault);
};

enum {
	INVALIDATE_MAX = VIOMMU_BACKEND_INVALIDATIONS_MAX,
	NEST_DATA_MAX = 64,
	EVENT_MAX = 64,
	ENTRY_MAX = 32
};

/* The kind for a format on a device's IOMMU, or NULL. A `format` of 0: any. */
const struct nest_kind *nest_kind_of(const struct kernel_device *device, uint16_t format);

struct hwpt {
	struct hwpt *next;
	uint32_t id, space;
	uint32_t flags;                  /* KERNEL_HWPT_* */
	bool tracks;                     /* dirty pages */
	bool unlogged;                   /* has had accesses that no device logs */
	const struct guest_table *table; /* NULL: it maps the space */
	struct nest *nest;               /* of `table` */
};

/* A queue of hardware, in guest memory. */
struct hw_queue {
	struct hw_queue *next;
	uint32_t id;
	uint64_t base, length;
};

/* The part of an IOMMU that one virtual IOMMU uses. */
struct nest {
	struct nest *next;
	const struct nest_kind *kind;
	struct viommu *owner;
	struct hwpt *parent;
	uint32_t id; /* the vIOMMU, or the parent where the kernel has no such object */
	uint32_t queue;
	int queue_file; /* -1: no events */
	uint32_t sequence;

	/* The newest first, which is the order to close them in; indices count from 0. */
	struct hw_queue *queues;
	uint32_t n_queues, max_queues;
	uint64_t max_queue; /* bytes */
	uint64_t window, window_length;
};

/* -- hwpt.c ------------------------------------------------------------------------ */

/*
 * Put a device, or one of its PASIDs, into a page table, which replaces another. `pasid`:
 * VIOMMU_NO_PASID for accesses without one.
 */
int hwpt_attach(const struct viommu_kernel *kernel, struct kernel_device *device, uint32_t pasid,
		struct hwpt *hwpt);

/* Take the device or PASID out of its page table: it then reaches nothing. */
int hwpt_leave(const struct viommu_kernel *kernel, struct kernel_device *device, uint32_t pasid);

int kernel_destroy(const struct viommu_kernel *kernel, uint32_t id);

/*
 * HWPT_ALLOC in a space, or of `table` over a nest. -EINVAL also means that the device's IOMMU
 * is another than that of the nest.
 */
int hwpt_new(struct viommu_kernel *kernel, const struct kernel_device *device, uint32_t over,
	     const struct hwpt *wanted, struct hwpt **ret_hwpt);
void hwpt_free(struct viommu_kernel *kernel, struct hwpt *hwpt);

/* hwpt_new() with the device in it. On failure there is no new page table. */
int hwpt_attach_new(struct viommu_kernel *kernel, struct kernel_device *device, uint32_t pasid,
		    uint32_t over, const struct hwpt *wanted);

/* The flags of page tables for a device: of those wanted, what its IOMMU can do. */
uint32_t hwpt_flags(struct viommu_kernel *kernel, const struct kernel_device *device,
		    uint32_t space, uint32_t wanted);

/* Put a device or PASID into a space, by its page table or by one that the kernel selects. */
int hwpt_enter(struct viommu_kernel *kernel, struct kernel_device *device, uint32_t pasid,
	       uint32_t space);

/* Free the page tables of a space, those of the guest first. */
void hwpts_free(struct viommu_kernel *kernel, uint32_t space, bool of_guest);

int hwpts_track(void *kernel, uint32_t space, bool on);
int hwpts_read_dirty(void *kernel, uint32_t space, uint64_t iova, uint64_t length, uint64_t *bits);

/* -- write_log.c ---------------------------------------------------------------------- */

/* Can the device log the pages that it writes? */
bool write_log_probe(const struct viommu_kernel *kernel, const struct kernel_device *device);
int write_log_set(void *kernel, int device, bool on);
int write_log_read(void *kernel, int device, uint64_t iova, uint64_t length, uint64_t *bits);

/* -- nest.c ------------------------------------------------------------------------- */

int nest_table_new(void *kernel, const struct viommu_backend_table *wanted, uint32_t *ret_table);
int nest_table_free(void *kernel, uint32_t table);
int nest_enter(struct viommu_kernel *kernel, struct kernel_device *device, uint32_t number);
int nest_read_events(void *kernel,
		     void (*event)(void *opaque, struct viommu *iommu,
				   const struct viommu_fault *fault),
		     void *opaque);

/* Before the device is closed: the kernel never frees the number of its vDEVICE otherwise. */
void nest_leave(struct viommu_kernel *kernel, struct kernel_device *device);
void nests_free(struct viommu_kernel *kernel, uint32_t space);

/* Free all objects, also those of spaces that were not freed. */
void nests_end(struct viommu_kernel *kernel);

const struct guest_table *nest_table(const struct viommu_kernel *kernel, uint32_t number);

/* -- nest_queues.c ------------------------------------------------------------------ */

/* How many queues hardware has for a vIOMMU of the device; 0: none, or the VMM wants none. */
uint32_t nest_queues_of(const struct viommu_kernel *kernel, const struct kernel_device *device);

/* VIOMMU_ALLOC with queues, into `nest->id`. */
int nest_queues_begin(const struct viommu_kernel *kernel, const struct kernel_device *device,
		      struct nest *nest);
void nest_queues_end(const struct viommu_kernel *kernel, struct nest *nest);

/* Close the queues with memory in this range of a space, which the kernel does not unmap. */
void nest_queues_unmap(struct viommu_kernel *kernel, uint32_t space, uint64_t iova,
		       uint64_t length);

/* -- nest_caches.c ------------------------------------------------------------------ */

int nest_invalidate(void *kernel, int number, const struct viommu_invalidation *what);
void nests_invalidate(void *kernel, struct viommu_backend_invalidation *items, size_t n);

/* -- page_queue.c -------------------------------------------------------------------- */

/* Where the kernel has no fault queue, the log says so, and there is none. */
void page_queue_open(struct viommu_kernel *kernel);
void page_queue_close(struct viommu_kernel *kernel);

/* Can the device request pages? It is in no page table; a new one of the space is tried. */
bool page_queue_accepts(struct viommu_kernel *kernel, struct kernel_device *device, uint32_t space);

int page_queue_read(void *opaque,
		    int (*request)(void *opaque, int device,
				   const struct viommu_page_request *request),
		    void *request_opaque);
int page_queue_respond(void *kernel, int device, const struct viommu_page_response *response);

/* The device has left its page table: the kernel has answered its requests. */
void page_queue_forget(struct viommu_kernel *kernel, const struct kernel_device *device);
#endif
