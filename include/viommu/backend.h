/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_BACKEND_H
#define VIOMMU_BACKEND_H
/*
 * Mappings that reach hardware: a listener that turns domains into the host's page tables
 *
 *     device --listener--> backend --table of calls--> iommufd, or a kernel of the test
 *
 * A domain is one space (an IOAS of iommufd), however many endpoints it has: a MAP is one call of
 * the kernel, and an endpoint enters the domain by one attach. Memory is pinned by MAP and unpinned
 * by UNMAP. All functions of one backend, and requests to its device, are serialized by the VMM.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viommu/device.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What a kernel does for the backend. All return 0 or a negative errno. `space` and `device` are
 * the kernel's own numbers. Ranges of `unmap` consist of whole mappings and do not have holes.
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
	/* The kernel refused to take access away: end all DMA of the device, for good. */
	void (*stop)(void *kernel, int device);
};

/* Opaque. */
struct viommu_backend;

/*
 * Make a backend without memory or devices. `calls` is copied; each must be there.
 *
 * Returns: 0, -EINVAL, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_backend_new(const struct viommu_backend_calls *calls, void *kernel,
		       struct viommu_backend **ret_backend);

/*
 * Remove all devices, then the spaces. Before viommu_free() of their device. NULL is accepted.
 *
 * Returns: NULL. Locks: device. Waits: no. Since: 0.2 (testing)
 */
struct viommu_backend *viommu_backend_free(struct viommu_backend *backend);

/*
 * Add guest memory, before the first device: the range is pinned when it is mapped. -EEXIST: it
 * overlaps another. -EBUSY: there is a device.
 *
 * Returns: 0, -EINVAL, -EEXIST, -EBUSY, -ENOMEM. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_backend_add_memory(struct viommu_backend *backend, const struct viommu_memory *memory);

/*
 * Let `endpoint` of `iommu` stand for `device` of the kernel. The device follows the endpoint until
 * the backend is freed; remove the endpoint only after that. -EEXIST: the backend has the device. A
 * MAP of addresses that are not memory is answered FAULT; one that the kernel refuses has the
 * status of struct viommu_listener_ops.
 *
 * Returns: 0, -EEXIST, or as viommu_listen(). Locks: device. Waits: no. Since: 0.2 (testing)
 */
int viommu_backend_add_device(struct viommu_backend *backend, struct viommu *iommu,
			      uint32_t endpoint, int device);

/*
 * Between these, UNMAPs that touch are merged. Show no answer of a request to the guest before
 * viommu_backend_batch_end() has returned: memory is reachable until then.
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

/* -- iommufd --------------------------------------------------------------------- */

/* How to reach iommufd: its file descriptor, and ioctl() or a replacement of it for tests, which
 * returns -1 and sets errno. A device's number is its VFIO character device's descriptor. */
struct viommu_iommufd {
	int fd;
	int (*ioctl)(int fd, unsigned long request, void *argument);
};

/*
 * The calls for iommufd; `kernel` is a struct viommu_iommufd, which has to outlive the backend.
 *
 * Returns: never NULL. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_backend_calls *viommu_iommufd_calls(void);

/*
 * Open /dev/iommu.
 *
 * Returns: 0, or the errno of open(). Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_iommufd_open(struct viommu_iommufd *ret_iommufd);

/*
 * Bind a VFIO character device to iommufd: needed before viommu_backend_add_device().
 *
 * Returns: 0, or the errno of the ioctl. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_iommufd_bind(const struct viommu_iommufd *iommufd, int device, uint32_t *ret_id);

#ifdef __cplusplus
}
#endif
#endif
