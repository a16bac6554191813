/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <viommu/backend.h>

#include "backend/kernel.h"

/*
 * iommufd: a space is an IOAS
 *
 * The kernel picks a page table of the IOAS that fits the device, and makes one if none does.
 * VFIO's ATTACH of a device that is attached replaces the page table without a gap.
 */

static int call(const struct viommu_iommufd *iommufd, int fd, unsigned long request, void *argument)
{
	int result;

	do
		result = iommufd->ioctl(fd, request, argument);
	while (result < 0 && errno == EINTR);
	return result < 0 ? -errno : 0;
}

static int space_new(void *kernel, uint32_t *ret_space)
{
	struct kernel_ioas_alloc argument = { .size = sizeof(argument) };
	struct viommu_iommufd *iommufd = kernel;
	int error = call(iommufd, iommufd->fd, KERNEL_IOAS_ALLOC, &argument);

	if (!error)
		*ret_space = argument.out_ioas_id;
	return error;
}

static int space_free(void *kernel, uint32_t space)
{
	struct kernel_destroy argument = { .size = sizeof(argument), .id = space };
	struct viommu_iommufd *iommufd = kernel;

	return call(iommufd, iommufd->fd, KERNEL_DESTROY, &argument);
}

static int map(void *kernel, uint32_t space, uint64_t iova, uint64_t length, void *host,
	       uint32_t flags)
{
	struct kernel_ioas_map argument = {
		.size = sizeof(argument),
		.flags = KERNEL_MAP_FIXED_IOVA |
			 (flags & VIOMMU_MAP_F_READ ? KERNEL_MAP_READABLE : 0) |
			 (flags & VIOMMU_MAP_F_WRITE ? KERNEL_MAP_WRITEABLE : 0),
		.ioas_id = space,
		.user_va = (uintptr_t)host,
		.length = length,
		.iova = iova,
	};
	struct viommu_iommufd *iommufd = kernel;

	return call(iommufd, iommufd->fd, KERNEL_IOAS_MAP, &argument);
}

static int unmap(void *kernel, uint32_t space, uint64_t iova, uint64_t length)
{
	struct kernel_ioas_unmap argument = {
		.size = sizeof(argument), .ioas_id = space, .iova = iova, .length = length
	};
	struct viommu_iommufd *iommufd = kernel;
	int error = call(iommufd, iommufd->fd, KERNEL_IOAS_UNMAP, &argument);

	/* Less than all was unmapped: what the guest was answered is not what the host has. */
	return error ? error : argument.length == length ? 0 : -EIO;
}

static int attach(void *kernel, int device, uint32_t space)
{
	struct kernel_vfio_attach argument = { .argsz = sizeof(argument), .pt_id = space };

	return call(kernel, device, KERNEL_VFIO_ATTACH, &argument);
}

static int detach(void *kernel, int device)
{
	struct kernel_vfio_detach argument = { .argsz = sizeof(argument) };

	return call(kernel, device, KERNEL_VFIO_DETACH, &argument);
}

/*
 * The last reference to the device's file unbinds it and ends its DMA. The number stays taken, so
 * that the VMM does not close another file later. A mapped BAR is a reference too.
 */
static void stop(void *kernel, int device)
{
	int none = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)kernel;
	if (none < 0 || dup2(none, device) < 0)
		close(device);
	if (none >= 0)
		close(none);
}

const struct viommu_backend_calls *viommu_iommufd_calls(void)
{
	static const struct viommu_backend_calls calls = {
		.size = sizeof(calls),
		.space_new = space_new,
		.space_free = space_free,
		.map = map,
		.unmap = unmap,
		.attach = attach,
		.detach = detach,
		.stop = stop,
	};

	return &calls;
}

static int real_ioctl(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument);
}

int viommu_iommufd_open(struct viommu_iommufd *ret_iommufd)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret_iommufd = (struct viommu_iommufd){ .fd = fd, .ioctl = real_ioctl };
	return 0;
}

int viommu_iommufd_bind(const struct viommu_iommufd *iommufd, int device, uint32_t *ret_id)
{
	struct kernel_vfio_bind argument = { .argsz = sizeof(argument), .iommufd = iommufd->fd };
	int error = call(iommufd, device, KERNEL_VFIO_BIND, &argument);

	if (!error)
		*ret_id = argument.out_devid;
	return error;
}
