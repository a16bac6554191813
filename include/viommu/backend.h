/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_BACKEND_H
#define VIOMMU_BACKEND_H
/*
 * Mappings in hardware: a listener that keeps the host's page tables equal to the domains
 *
 *     device --listener--> backend --table of calls--> iommufd, VFIO type1, or a VMM's own
 *
 * A domain is one space (an IOAS of iommufd, a container of VFIO), whatever its number of
 * endpoints: a MAP is one call of the kernel, and an endpoint enters the domain by one attach.
 * Memory is pinned by MAP and unpinned by UNMAP. All functions of one backend, and requests to its
 * device, are serialized by the VMM.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viommu/device.h>
#include <viommu/protocol.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A table of the guest, whose addresses are IOVAs of a space. */
struct viommu_backend_table {
	uint32_t space;
	uint16_t format; /* VIOMMU_TABLE_* */
	uint8_t body[VIOMMU_TABLE_BODY_LENGTH];
	struct viommu *iommu; /* whose guest has it */
};

/* Forget what a device has cached of its table, in a range. */
struct viommu_backend_invalidation {
	uint64_t first, last;
	int device;
	int error; /* the call's result for the device */
};
#define VIOMMU_BACKEND_INVALIDATIONS_MAX 64 /* of a call */

/*
 * The interface to a kernel. All return 0 or a negative errno. They are called in listeners, with
 * the device locked, and by the functions below; they may call what `map` of a listener may
 * (<viommu/device.h>, "Threads"), and nothing of the backend; -Dchecks=true detects such calls.
 * `space` and `device` are the kernel's numbers. Ranges of `unmap` consist of whole mappings and do
 * not have holes. A space has a device before it gets a mapping; a space without devices may lose
 * its mappings.
 */
struct viommu_backend_calls {
	size_t size;
	int (*space_new)(void *kernel, uint32_t *ret_space);
	int (*space_free)(void *kernel, uint32_t space);
	int (*map)(void *kernel, uint32_t space, uint64_t iova, uint64_t length, void *host,
		   uint32_t flags); /* VIOMMU_MAP_F_READ, VIOMMU_MAP_F_WRITE */
	int (*unmap)(void *kernel, uint32_t space, uint64_t iova, uint64_t length);
	int (*attach)(void *kernel, int device, uint32_t space); /* replaces another space */
	int (*detach)(void *kernel, int device);
	/* The kernel failed to remove access: end all DMA of the device permanently. */
	void (*stop)(void *kernel, int device);

	/*
	 * Dirty pages, of 4 KiB: all three, or none. `bits` has a bit for each page from `iova` on,
	 * all 0, and gets those that were written since the last call or `track`. `unmap_dirty` is
	 * `unmap` of one mapping, whose pages are not written any more when they are read.
	 */
	int (*track)(void *kernel, uint32_t space, bool on);
	int (*read_dirty)(void *kernel, uint32_t space, uint64_t iova, uint64_t length,
			  uint64_t *bits);
	int (*unmap_dirty)(void *kernel, uint32_t space, uint64_t iova, uint64_t length,
			   uint64_t *bits);

	/* A MAP of the guest is answered with the error of `map`, after all attempts. May be NULL.
	 */
	void (*refused)(void *kernel, int error, uint64_t length);

	/*
	 * Other ways to map the same memory, which save work; each may be NULL. `copy` shares what
	 * is pinned for `from`, where [from_iova, from_iova + length) is mapped, perhaps as a part
	 * of a mapping. If it fails, `map` is called. `map_file` maps `file` from `offset` on,
	 * which needs no address in this process; memory that was added with a file is mapped by
	 * it.
	 */
	int (*copy)(void *kernel, uint32_t space, uint64_t iova, uint64_t length, uint32_t from,
		    uint64_t from_iova, uint32_t flags);
	int (*map_file)(void *kernel, uint32_t space, uint64_t iova, uint64_t length, int file,
			uint64_t offset, uint32_t flags);

	/*
	 * Tables of the guest that hardware reads: all five, or none. -EOPNOTSUPP: the IOMMU of the
	 * device does not read the format. A table has no device when it is freed, which is before
	 * its space. `table_attach` replaces a space or table, as `attach` does. `endpoint` is the
	 * guest's number of the device. `read_events` calls `event` with faults in tables, and with
	 * the `iommu` of the table.
	 */
	int (*table_new)(void *kernel, const struct viommu_backend_table *table,
			 uint32_t *ret_table);
	int (*table_free)(void *kernel, uint32_t table);
	int (*table_attach)(void *kernel, int device, uint32_t table, uint32_t endpoint);
	int (*table_invalidate)(void *kernel, int device, const struct viommu_invalidation *what);
	int (*read_events)(void *kernel,
			   void (*event)(void *opaque, struct viommu *iommu,
					 const struct viommu_fault *fault),
			   void *opaque);

	/*
	 * PASIDs, as the device sends them: both, or none, and then ATTACH with a PASID is answered
	 * UNSUPP. A PASID is detached before it gets another space.
	 */
	int (*attach_pasid)(void *kernel, int device, uint32_t pasid, uint32_t space);
	int (*detach_pasid)(void *kernel, int device, uint32_t pasid);

	/*
	 * Page requests of devices: both, or none. `read_requests` calls `request` with each; where
	 * that returns an error, the whole group is answered VIOMMU_PAGE_INVALID. `respond` answers
	 * a group, of which `endpoint` means nothing. -ENOENT: the device has no such group.
	 * PASIDs are those that the device sends.
	 */
	int (*read_requests)(void *kernel,
			     int (*request)(void *opaque, int device,
					    const struct viommu_page_request *request),
			     void *opaque);
	int (*respond)(void *kernel, int device, const struct viommu_page_response *response);

	/*
	 * Choose a free PASID for one of the guest; give it back. For endpoints with
	 * VIOMMU_PASID_ALLOCATED, whose ATTACH with a PASID is answered UNSUPP without these two.
	 */
	int (*alloc_pasid)(void *kernel, int device, uint32_t *ret_pasid);
	void (*free_pasid)(void *kernel, int device, uint32_t pasid);

	/*
	 * `table_invalidate` of several devices, or of one several times, with a result for each.
	 * Items that concern the caches of one vIOMMU may share an error: their devices leave
	 * their tables together. It is called in the place of `table_invalidate`, once for all
	 * devices of an INVALIDATE or of a batch, or for each VIOMMU_BACKEND_INVALIDATIONS_MAX of
	 * them; NULL: `table_invalidate` is called for each of them.
	 */
	void (*tables_invalidate)(void *kernel, struct viommu_backend_invalidation *items,
				  size_t n);

	/*
	 * Pages that a device logs itself, for those whose writes `track` does not see: both, or
	 * none, and only with `track`, which accepts a space whose other devices log. `log` begins
	 * or ends that, and is refused where the IOMMU tracks the device. `read_log` adds the pages
	 * of this range that were written since the last call, by addresses that the device sends,
	 * in whatever space. After an error the log is begun again, and all is dirty.
	 */
	int (*log)(void *kernel, int device, bool on);
	int (*read_log)(void *kernel, int device, uint64_t iova, uint64_t length, uint64_t *bits);
};

/* Opaque. */
struct viommu_backend;

/*
 * Create a backend without memory or devices. `calls` is copied; the seven before the dirty pages
 * are required. -EINVAL: one of them is missing, or a part of calls that belong together.
 *
 * Returns: 0, -EINVAL, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_backend_new(const struct viommu_backend_calls *calls, void *kernel,
		       struct viommu_backend **ret_backend);

/*
 * Remove all devices, then the spaces. Call it before viommu_free() of the device. NULL is
 * accepted.
 *
 * Returns: NULL. Locks: device. Waits: no. Since: 0.2 (testing)
 */
struct viommu_backend *viommu_backend_free(struct viommu_backend *backend);

/*
 * Add guest memory: the range is pinned when it is mapped. What bypasses gets it at once, and so do
 * mappings of the guest that had it before it was removed. Where the memory is read-only, a mapping
 * of the guest that permits writes reaches nothing, as where there is no memory; bypass reads it.
 * -EEXIST: it overlaps another. On failure the memory is not added, and all else stays.
 *
 * Returns: 0, -EINVAL, -EEXIST, -ENOMEM, or the kernel's errno. Locks: none. Waits: no. Since: 0.2
 * (testing)
 */
int viommu_backend_add_memory(struct viommu_backend *backend, const struct viommu_memory *memory);

/*
 * Add guest memory that is `file` from `offset` on, such as a memfd: as
 * viommu_backend_add_memory(). The kernel maps the file where it can, so that the pinned memory is
 * not that of this process, and may outlive it. The file stays open until the memory is removed.
 *
 * Returns: as viommu_backend_add_memory(). Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_backend_add_memory_file(struct viommu_backend *backend,
				   const struct viommu_memory *memory, int file, uint64_t offset);

/*
 * Remove the memory that begins at `first`. When this returns, no device reaches it, and nothing of
 * it is pinned. The guest's mappings of it stay, and reach nothing. Dirty pages of it that were not
 * read are forgotten.
 *
 * Returns: 0, -ENOENT. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_backend_remove_memory(struct viommu_backend *backend, uint64_t first);

/*
 * Let `endpoint` of `iommu` stand for `device` of the kernel. The device follows the endpoint until
 * it is removed here; remove the endpoint only after that. Several devices may have one endpoint:
 * those of an IOMMU group have to. -EEXIST: the backend has the device. A MAP of addresses that are
 * not memory, or a writable MAP of read-only memory, has the status FAULT; a MAP that the kernel
 * refuses has the status of struct viommu_listener_ops.
 *
 * Returns: 0, -EEXIST, or as viommu_listen(). Locks: device. Waits: no. Since: 0.2 (testing)
 */
int viommu_backend_add_device(struct viommu_backend *backend, struct viommu *iommu,
			      uint32_t endpoint, int device);

/*
 * Remove a device: unplugged by the guest's bus or the host's, or dead. It reaches nothing when
 * this returns: a device that the kernel does not detach is stopped. Others of its domain stay.
 *
 * Returns: 0, -ENOENT. Locks: device. Waits: no. Since: 0.2 (testing)
 */
int viommu_backend_remove_device(struct viommu_backend *backend, int device);

/*
 * The PASID that a device sends for an attached PASID of the guest: the same, or with
 * VIOMMU_PASID_ALLOCATED the one that `alloc_pasid` chose.
 *
 * Returns: 0, -ENOENT. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_backend_pasid(const struct viommu_backend *backend, int device, uint32_t pasid,
			 uint32_t *ret_physical);

/*
 * Begin or end to track the pages that devices write, for the migration of a guest. Where the
 * kernel cannot tell, all that a device may write is dirty.
 *
 * Returns: 0, -ENOMEM. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_backend_track_dirty(struct viommu_backend *backend, bool on);

/*
 * Call `dirty` with each run of guest-physical pages of 4 KiB that were written since the last
 * time: by mappings of now, and of then. `dirty` may call what struct viommu_backend_calls may.
 * -EINVAL: they are not tracked.
 *
 * Returns: 0, -EINVAL. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_backend_read_dirty(struct viommu_backend *backend,
			      void (*dirty)(void *opaque, uint64_t first, uint64_t last),
			      void *opaque);

/*
 * Report faults in tables of the guest that hardware reads, and page requests of devices: call it
 * when there is input on viommu_kernel_events_file(). Nothing happens where the kernel has neither.
 *
 * Returns: nothing. Locks: device. Waits: no. Since: 0.2 (testing)
 */
void viommu_backend_read_events(struct viommu_backend *backend);

/*
 * Answer page requests of a device of the kernel: call it in `page_response` of struct viommu_ops
 * of `iommu`. -ENOENT: they are of another endpoint, such as a device model of the VMM, or the
 * kernel has answered them itself. The kernel does not distinguish VIOMMU_PAGE_FAILURE from
 * VIOMMU_PAGE_INVALID.
 *
 * Returns: 0, -ENOENT, or the kernel's errno. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_backend_page_response(const struct viommu_backend *backend, const struct viommu *iommu,
				 const struct viommu_page_response *response);

/*
 * Until viommu_backend_batch_end(), adjacent UNMAPs are merged up to a commit of the listeners, and
 * INVALIDATEs wait with `tables_invalidate`. Listeners commit at the end of viommu_request(), of
 * viommu_submit() and of a batch of the device. So the kernel has done each UNMAP that is answered,
 * in every way; to merge those of several requests, execute these in one batch of the device.
 *
 * With `tables_invalidate`, complete no INVALIDATE to the guest before viommu_backend_batch_end()
 * has returned: its used length was returned to the VMM. Devices of <viommu/mmio.h> and
 * <viommu/pci.h> complete requests themselves: let them execute none in the batch then.
 *
 * Returns: nothing. Locks: none. Waits: no. Since: 0.2 (testing)
 */
void viommu_backend_batch_begin(struct viommu_backend *backend);

/*
 * See viommu_backend_batch_begin().
 *
 * Returns: nothing. Locks: none. Waits: no. Since: 0.2 (testing)
 */
void viommu_backend_batch_end(struct viommu_backend *backend);

/* -- the kernel ------------------------------------------------------------------ */

/*
 * iommufd or VFIO type1, and the devices that are assigned through it:
 *
 *     viommu_kernel_new(VIOMMU_INTERFACE_ANY, &ops, vmm, &kernel);
 *     viommu_kernel_open_device(kernel, "0000:00:04.0", &number);
 *     viommu_backend_new(viommu_kernel_calls(kernel), kernel, &backend);
 *     viommu_backend_add_memory(backend, &memory);
 *     viommu_backend_add_device(backend, iommu, endpoint, number);
 *     ...
 *     viommu_backend_free(backend);
 *     viommu_kernel_free(kernel);
 *
 *                          iommufd                   VFIO type1
 *     a domain             an IOAS                   a container
 *     ATTACH, DETACH       the device goes on        the device is closed and opened again, which
 *                                                    resets it: `closing`, `opened`
 *     mappings a domain    memory                    65,535: more are answered NOMEM
 *     devices of a group   share one endpoint        only one of them can be assigned
 *
 * The kernel's calls are those of <linux/iommufd.h> (IOMMU_) and <linux/vfio.h> (VFIO_), as of
 * Linux 7.3; the library needs no kernel headers:
 *
 *     space_new            IOMMU_IOAS_ALLOC          VFIO_GROUP_SET_CONTAINER, VFIO_SET_IOMMU
 *     map, unmap           IOMMU_IOAS_MAP, _UNMAP    VFIO_IOMMU_MAP_DMA, _UNMAP_DMA
 *     attach, detach       VFIO_DEVICE_ATTACH_IOMMUFD_PT, _DETACH_IOMMUFD_PT
 *                                                    VFIO_GROUP_GET_DEVICE_FD
 *     track, read_dirty    IOMMU_HWPT_SET_DIRTY_TRACKING, _GET_DIRTY_BITMAP
 *                                                    VFIO_IOMMU_DIRTY_PAGES
 *     log, read_log        VFIO_DEVICE_FEATURE_DMA_LOGGING_START, _STOP, _REPORT
 *     copy, map_file       IOMMU_IOAS_COPY, _MAP_FILE
 *     table_attach         IOMMU_VIOMMU_ALLOC, IOMMU_VDEVICE_ALLOC, IOMMU_HWPT_ALLOC
 *     table_invalidate, tables_invalidate
 *                          IOMMU_HWPT_INVALIDATE
 *     read_events          IOMMU_VEVENTQ_ALLOC
 *     queues               IOMMU_HW_QUEUE_ALLOC; Linux 6.17
 *     read_requests        IOMMU_FAULT_QUEUE_ALLOC
 *     attach_pasid         VFIO_DEVICE_ATTACH_IOMMUFD_PT, IOMMU_HWPT_ALLOC; Linux 6.15
 *     limits               IOMMU_IOAS_IOVA_RANGES, IOMMU_GET_HW_INFO
 *                                                    VFIO_IOMMU_GET_INFO
 */
enum viommu_interface {
	VIOMMU_INTERFACE_ANY, /* iommufd if the kernel has it, type1 otherwise */
	VIOMMU_INTERFACE_IOMMUFD,
	VIOMMU_INTERFACE_TYPE1,
};

#define VIOMMU_DEVICE_NAME_LENGTH 32 /* of "0000:00:04.0", with its NUL */

/* Each may be NULL. None may call the backend. */
struct viommu_kernel_ops {
	size_t size;

	/* Replacements of system calls, for tests: they return -1 and set errno. NULL: those of
	 * libc. */
	int (*open)(const char *path); /* O_RDWR | O_CLOEXEC */
	int (*close)(int fd);
	int (*ioctl)(int fd, unsigned long request, void *argument);
	const char *sysfs; /* prefix of "/sys"; not copied. NULL: "" */

	/* Let hardware read tables of the guest, where kernel and IOMMU can. Page tables of spaces
	 * are then made to be parents of those. */
	bool nest;

	/* Let PASIDs of a device have domains, where kernel and IOMMU can: its page tables are then
	 * of a kind that permits it. Prefer that to dirty tracking where an IOMMU has one of the
	 * two. Without, ATTACH with a PASID is answered UNSUPP. */
	bool pasids;

	/* Let devices request pages of the guest's tables, where kernel and IOMMU can; with `nest`.
	 * See viommu_backend_page_response(). */
	bool page_requests;

	/* A message for the owner of the VMM: the selected interface, and reasons for failures.
	 * Of messages that a guest can cause, the 1st, 2nd, 4th, 8th, ... are reported. */
	void (*log)(void *opaque, const char *text);

	/* A device has a new file, for BARs, configuration space and interrupts. These are as
	 * after a reset. Do not close the file. A negative errno refuses it. */
	int (*opened)(void *opaque, int device, const char *name, int file);

	/* The file is about to be closed: unmap its BARs and stop using it. Called when the
	 * device is closed or stopped, and with type1 for each ATTACH and DETACH. */
	void (*closing)(void *opaque, int device);

	/* Let guests have queues of commands that hardware executes, where kernel and IOMMU can;
	 * with `nest`. See viommu_kernel_open_queue(). */
	bool queues;

	/* The window of queues at this offset is about to end: unmap it. The kernel keeps page
	 * tables and pinned memory of a window that stays mapped. */
	void (*window_closing)(void *opaque, uint64_t offset);
};

/* Opaque. Calls are serialized by the VMM, together with those of its backend. */
struct viommu_kernel;

/*
 * Open the interface. `ops` is copied; NULL: all defaults.
 *
 * Returns: 0, -EINVAL, -E2BIG, -ENOMEM, -EOPNOTSUPP: no type1, or the errno of open(). Locks: none.
 * Waits: no. Since: 0.2 (testing)
 */
int viommu_kernel_new(enum viommu_interface interface, const struct viommu_kernel_ops *ops,
		      void *opaque, struct viommu_kernel **ret_kernel);

/*
 * Close devices and interface. Call it after viommu_backend_free() of their backend. NULL is
 * accepted.
 *
 * Returns: NULL. Locks: none. Waits: no. Since: 0.2 (testing)
 */
struct viommu_kernel *viommu_kernel_free(struct viommu_kernel *kernel);

/*
 * The selected interface.
 *
 * Returns: not VIOMMU_INTERFACE_ANY. Locks: none. Waits: no. Since: 0.2 (testing)
 */
enum viommu_interface viommu_kernel_interface(const struct viommu_kernel *kernel);

/*
 * The calls for viommu_backend_new(), with `kernel` as their `kernel`. They are valid until
 * viommu_kernel_free().
 *
 * Returns: never NULL. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_backend_calls *viommu_kernel_calls(const struct viommu_kernel *kernel);

/*
 * Open a PCI function that is bound to vfio-pci, by its name in sysfs. It does no DMA yet. `opened`
 * is called before this returns, with the same number.
 *
 * -ENOENT   it has no IOMMU group, or is not bound to vfio-pci
 * -EPERM    the group has devices of other drivers, or the platform does not isolate interrupts
 * -EBUSY    type1: another device of its group is open
 * -EPROTO   the kernel's answer makes no sense
 *
 * Returns: 0, the errno of `opened`, -EINVAL, -ENOMEM, or that of a system call. Locks: none.
 * Waits: no. Since: 0.2 (testing)
 */
int viommu_kernel_open_device(struct viommu_kernel *kernel, const char *name, int *ret_device);

/*
 * Close a device that is in no backend.
 *
 * Returns: nothing. Locks: none. Waits: no. Since: 0.2 (testing)
 */
void viommu_kernel_close_device(struct viommu_kernel *kernel, int device);

/*
 * The page table of the host that maps memory for a device, or that its table of the guest is over.
 * Devices with equal numbers share it, also those of two virtual IOMMUs. 0: the device is in none,
 * or in one that the kernel has selected.
 *
 * Returns: a number of the kernel, or 0. Locks: none. Waits: no. Since: 0.2 (testing)
 */
uint32_t viommu_kernel_page_table(const struct viommu_kernel *kernel, int device);

/*
 * A file to poll for input: then there are faults in tables of the guest, and
 * viommu_backend_read_events() reports them. It is valid until viommu_kernel_free().
 *
 * Returns: a file descriptor, or -EOPNOTSUPP: `nest` is not set, or the interface is type1. Locks:
 * none. Waits: no. Since: 0.2 (testing)
 */
int viommu_kernel_events_file(const struct viommu_kernel *kernel);

/*
 * The open devices that a hot reset of `device` resets as well, itself included: at most `room`
 * numbers. -EPERM: it would reset a device that is not open here. -EOPNOTSUPP: type1.
 *
 * Returns: how many there are, -EPERM, -EOPNOTSUPP, -ENOMEM, or the errno of the kernel. Locks:
 * none. Waits: no. Since: 0.2 (testing)
 */
int viommu_kernel_reset_group(const struct viommu_kernel *kernel, int device, int *ret_devices,
			      size_t room);

/*
 * The device's file, until `closing` is called.
 *
 * Returns: a file descriptor, or -ENODEV: it has none. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_kernel_device_file(const struct viommu_kernel *kernel, int device);

/*
 * The formats of tables of the guest that hardware reads for a device, for `formats` of its
 * endpoint: at most `room`. Endpoints with others are answered UNSUPP when they attach one.
 *
 * Returns: how many; 0 without `nest` in struct viommu_kernel_ops. Locks: none. Waits: no. Since:
 * 0.2 (testing)
 */
size_t viommu_kernel_formats(const struct viommu_kernel *kernel, int device,
			     struct viommu_table_format *formats, size_t room);

/* -- queues of hardware ------------------------------------------------------------- */

/*
 * Queues of commands in guest memory that hardware executes without an exit, such as those of
 * NVIDIA's CMDQV beside an SMMUv3. They belong to the part of an IOMMU that a table of the guest
 * uses, so a device has them while it is in such a table (ATTACH_TABLE), and shares them with the
 * devices of its virtual IOMMU there. A driver for virtio-iommu does not write such commands: the
 * VMM emulates the registers of the hardware, and has a driver for those in the guest.
 *
 * The window is a page of registers that a guest accesses directly: mmap() `file`, shared. It lasts
 * until `window_closing` of struct viommu_kernel_ops.
 */
struct viommu_queues {
	size_t size;
	uint32_t max_queues;           /* that can be open */
	uint32_t n_queues;             /* that are open: their indices are below */
	uint64_t min_bytes, max_bytes; /* of a queue: a power of two */
	int file;
	uint64_t window, window_bytes; /* offset and length for mmap(); 0 bytes: there is none */
};

/*
 * The queues of the table that a device is in. `ret_queues->size` is set by the caller. A kernel
 * or IOMMU without queues, or without one that is free, has none.
 *
 * Returns: 0, -EINVAL, -EOPNOTSUPP: it is in no table, or there are none. Locks: none. Waits: no.
 * Since: 0.2 (testing)
 */
int viommu_kernel_queues(const struct viommu_kernel *kernel, int device,
			 struct viommu_queues *ret_queues);

/*
 * Open a queue of [base, base + bytes), an address of the space below the table: guest-physical
 * unless the table has a parent. Its memory is pinned. The kernel wants one physical range, so let
 * the memory have huge pages. The queue is closed when its memory is unmapped, which the log
 * says, and with its window.
 *
 * -EINVAL   it is not the next index, or `base` or `bytes` do not fit; `reason` has a sentence as
 *           of viommu_limits_config()
 *
 * Returns: 0, -EINVAL, -EOPNOTSUPP, -ENOMEM, or the kernel's errno. Locks: none. Waits: no. Since:
 * 0.2 (testing)
 */
int viommu_kernel_open_queue(struct viommu_kernel *kernel, int device, uint32_t index,
			     uint64_t base, uint64_t bytes, char *reason, size_t room);

/*
 * Close a queue. -EBUSY: one with a greater index is open, which has to be closed before.
 *
 * Returns: 0, -ENOENT, -EBUSY, -EOPNOTSUPP, or the kernel's errno. Locks: none. Waits: no. Since:
 * 0.2 (testing)
 */
int viommu_kernel_close_queue(struct viommu_kernel *kernel, int device, uint32_t index);

/* -- limits ------------------------------------------------------------------------- */

/*
 * What the host's IOMMU can do for a device. A guest reads it once, so it has to be known before:
 *
 *     viommu_kernel_open_device() ...                       all devices of the virtual IOMMU
 *     limits = *viommu_kernel_limits(kernel, first);
 *     viommu_limits_intersect(&limits, viommu_kernel_limits(kernel, next)); ...
 *     viommu_limits_config(&limits, &config, ...);          then viommu_new()
 *     viommu_limits_endpoint(viommu_kernel_limits(kernel, device), viommu_configuration(iommu),
 *                            &endpoint, ...);               then viommu_endpoint_add()
 *
 * A device that comes later has a configuration that the guest knows already: its own ranges are in
 * the answer to PROBE, and a larger granule is refused.
 */
#define VIOMMU_LIMITS_RANGES  32
#define VIOMMU_LIMITS_REGIONS 64

struct viommu_range {
	uint64_t first, last;
};

struct viommu_limits {
	size_t size;
	uint64_t page_size_mask; /* bit n: pages of 2^n bytes; not 0 */
	size_t n_ranges;         /* of IOVAs: at least one, sorted, disjoint; the widest if there
				  * are more */
	struct viommu_range ranges[VIOMMU_LIMITS_RANGES];
	bool dirty; /* the kernel tracks the pages that a device writes, or the device logs them */

	/* Of the device and its IOMMU, by iommufd; type1: 0, true, false. */
	uint8_t pasid_bits; /* PASIDs are below 2^pasid_bits; 0: it has none */
	bool ats;           /* false: the kernel reports that it cannot cache translations. Linux
			     * before 7.3 and type1 report nothing: true */
	bool page_requests; /* with `page_requests` in struct viommu_kernel_ops: it has PRI, or
			     * its IOMMU stalls it. False for a device that was opened while
			     * another one of its IOMMU group had a domain, because the group
			     * has one page table, and the kernel tells by an attempt only: open
			     * all devices of a group before the first of them is attached */
};

/*
 * The limits of an open device, read when it was opened.
 *
 * Returns: never NULL; valid until the next viommu_kernel_open_device(). Locks: none. Waits: no.
 * Since: 0.2 (testing)
 */
const struct viommu_limits *viommu_kernel_limits(const struct viommu_kernel *kernel, int device);

/*
 * Narrow `limits` to what both can do. -ERANGE: they have no address in common. On failure nothing
 * changes.
 *
 * Returns: 0, -ERANGE. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_limits_intersect(struct viommu_limits *limits, const struct viommu_limits *other);

/*
 * Give members of `config` that are 0 what fits the limits: page sizes and input range. -ERANGE: a
 * member that is set does not fit, and `reason` has a sentence with both values and what fits,
 * NUL-terminated and cut off to `room` bytes. It may be NULL if `room` is 0.
 *
 * Returns: 0, -ERANGE. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_limits_config(const struct viommu_limits *limits, struct viommu_config *config,
			 char *reason, size_t room);

/*
 * Give an endpoint the input range and reserved regions of its device, beside those that it has,
 * such as an MSI region. `config` is the one in force. `regions` gets all of them, and has to live
 * until viommu_endpoint_add(). -ERANGE: as above; the guest's granule is too small for the device,
 * no address is in common, the endpoint has more PASIDs than the device, or is to have ATS on a
 * path where the kernel reports that the device has none.
 *
 * Returns: 0, -ERANGE, -ENOSPC. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_limits_endpoint(const struct viommu_limits *limits, const struct viommu_config *config,
			   struct viommu_endpoint *endpoint,
			   struct viommu_reserved regions[VIOMMU_LIMITS_REGIONS], char *reason,
			   size_t room);

#ifdef __cplusplus
}
#endif
#endif
