/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/kernel.h"
#include "backend/layouts.h"

/*
 * VFIO type1: a space is a container
 *
 * A group can change its container only while no file of its device is open. So the device is
 * closed and opened again, which resets it, and the VMM gets a new file. A container has an IOMMU
 * while it has a group: its mappings end with the last group. A device can be opened only in a
 * container, so a container without mappings has the groups without a space.
 */
enum { BLOCKED = 0 };

_Static_assert(sizeof(struct viommu_range) == sizeof(struct kernel_range), "ranges");

/* -- containers ---------------------------------------------------------------------- */

static int container_new(struct viommu_kernel *kernel, uint32_t *ret_space)
{
	struct container *all;
	uint32_t at = 0;
	int fd;

	while (at < kernel->n_containers && kernel->containers[at].fd >= 0)
		at++;
	if (at == kernel->n_containers) {
		all = calloc(2 * (size_t)at + 4, sizeof(*all));
		if (!all)
			return -ENOMEM;
		if (at)
			memcpy(all, kernel->containers, at * sizeof(*all));
		free(kernel->containers);
		kernel->containers = all;
		kernel->n_containers = 2 * at + 4;
		for (uint32_t i = at; i < kernel->n_containers; i++)
			all[i].fd = -1;
	}
	fd = kernel_open(kernel, kernel->kind->path);
	if (fd < 0)
		return fd;
	kernel->containers[at] = (struct container){ .fd = fd };
	*ret_space = at;
	return 0;
}

static int space_new(void *opaque, uint32_t *ret_space)
{
	return container_new(opaque, ret_space);
}

static int space_free(void *opaque, uint32_t space)
{
	struct viommu_kernel *kernel = opaque;
	struct container *container = &kernel->containers[space];

	if (container->n_groups)
		return -EBUSY;
	kernel_close(kernel, container->fd);
	container->fd = -1;
	return 0;
}

static int set_iommu(struct viommu_kernel *kernel, const struct container *container)
{
	int error = kernel_ioctl(kernel, container->fd, KERNEL_VFIO_SET_IOMMU,
				 (void *)(uintptr_t)KERNEL_TYPE1V2);

	if (error == -EPERM)
		kernel_log(kernel,
			   "VFIO refuses the IOMMU: the platform does not isolate interrupts;"
			   " vfio_iommu_type1.allow_unsafe_interrupts=1 permits that to trusted"
			   " guests");
	return error;
}

static int join(struct viommu_kernel *kernel, struct kernel_device *device, uint32_t space)
{
	struct container *container = &kernel->containers[space];
	int error = kernel_ioctl(kernel, device->group, KERNEL_GROUP_SET_CONTAINER, &container->fd);

	if (error)
		return error;
	if (!container->n_groups)
		error = set_iommu(kernel, container);
	if (error) {
		kernel_ioctl(kernel, device->group, KERNEL_GROUP_UNSET_CONTAINER, NULL);
		return error;
	}
	container->n_groups++;
	container->page = 0;
	device->space = space;
	return 0;
}

static int leave(struct viommu_kernel *kernel, struct kernel_device *device)
{
	int error;

	kernel_close_file(kernel, device);
	if (device->space == NO_SPACE)
		return 0;
	error = kernel_ioctl(kernel, device->group, KERNEL_GROUP_UNSET_CONTAINER, NULL);
	if (error == -EBUSY)
		kernel_log(kernel,
			   "%s cannot leave its domain: something else has its file open, or its"
			   " BARs mapped",
			   device->name);
	if (error)
		return error;
	kernel->containers[device->space].n_groups--;
	kernel->containers[device->space].page = 0;
	device->space = NO_SPACE;
	return 0;
}

/* A file descriptor, or a negative errno. */
static int open_file(struct viommu_kernel *kernel, struct kernel_device *device)
{
	int file = kernel_ioctl(kernel, device->group, KERNEL_GROUP_DEVICE, device->name);

	return file < 0 ? file : kernel_give_file(kernel, device, file);
}

static int enter(struct viommu_kernel *kernel, struct kernel_device *device, uint32_t space)
{
	int error = join(kernel, device, space);

	if (error)
		return error;
	error = open_file(kernel, device);
	if (error)
		leave(kernel, device);
	return error;
}

/* A device without a file does no DMA: it stays in the empty container until it gets a space. */
static void block(struct viommu_kernel *kernel, struct kernel_device *device)
{
	int error = enter(kernel, device, BLOCKED);

	if (error)
		kernel_log(kernel, "%s cannot be opened outside of a domain: errno %d",
			   device->name, -error);
}

static int attach(void *opaque, int number, uint32_t space)
{
	struct viommu_kernel *kernel = opaque;
	struct kernel_device *device = &kernel->devices[number];
	int error = leave(kernel, device);

	if (!error)
		error = enter(kernel, device, space);
	if (error && device->space == NO_SPACE)
		block(kernel, device);
	return error;
}

static int detach(void *opaque, int number)
{
	struct viommu_kernel *kernel = opaque;
	struct kernel_device *device = &kernel->devices[number];
	int error = leave(kernel, device);

	if (!error)
		block(kernel, device);
	return error;
}

/* leave() has closed the file and logged what else keeps the group. */
static void stop(void *opaque, int number)
{
	struct viommu_kernel *kernel = opaque;

	kernel_close_file(kernel, &kernel->devices[number]);
}

/* -- mappings ------------------------------------------------------------------------- */

static int map(void *opaque, uint32_t space, uint64_t iova, uint64_t length, void *host,
	       uint32_t flags)
{
	struct kernel_dma_map argument = {
		.argsz = sizeof(argument),
		.flags = (flags & VIOMMU_MAP_F_READ ? KERNEL_DMA_READ : 0) |
			 (flags & VIOMMU_MAP_F_WRITE ? KERNEL_DMA_WRITE : 0),
		.va = (uintptr_t)host,
		.iova = iova,
		.length = length,
	};
	struct viommu_kernel *kernel = opaque;

	return kernel_ioctl(kernel, kernel->containers[space].fd, KERNEL_DMA_MAP, &argument);
}

static int unmap(void *opaque, uint32_t space, uint64_t iova, uint64_t length)
{
	struct kernel_dma_unmap argument = { .argsz = offsetof(struct kernel_dma_unmap, bitmap),
					     .iova = iova,
					     .length = length };
	struct viommu_kernel *kernel = opaque;
	const struct container *container = &kernel->containers[space];
	int error;

	/* The mappings end with the last group. */
	if (!container->n_groups)
		return 0;
	error = kernel_ioctl(kernel, container->fd, KERNEL_DMA_UNMAP, &argument);
	return error ? error : argument.length == length ? 0 : -EIO;
}

/* -- dirty pages ---------------------------------------------------------------------- */

static int track(void *opaque, uint32_t space, bool on)
{
	struct kernel_dma_dirty argument = {
		.argsz = offsetof(struct kernel_dma_dirty, iova),
		.flags = on ? KERNEL_DIRTY_START : KERNEL_DIRTY_STOP,
	};
	struct viommu_kernel *kernel = opaque;

	return kernel_ioctl(kernel, kernel->containers[space].fd, KERNEL_DMA_DIRTY, &argument);
}

/* Bits of a backend are pages of this size. */
#define BIT_PAGE 4096u

/* The kernel takes no other size than the smallest of the container: 64 KiB on some hosts. */
static int learn_page(struct viommu_kernel *kernel, struct container *container)
{
	struct kernel_iommu_info info = { .argsz = sizeof(info) };
	int error = kernel_ioctl(kernel, container->fd, KERNEL_IOMMU_INFO, &info);

	if (error)
		return error;
	if (!(info.flags & KERNEL_INFO_PAGE_SIZES) || info.page_sizes % BIT_PAGE)
		return -EPROTO;
	container->page = info.page_sizes & -info.page_sizes;
	return container->page ? 0 : -EPROTO;
}

static int make_bitmap(struct viommu_kernel *kernel, struct container *container, uint64_t length,
		       uint64_t *bits, struct kernel_bitmap *ret_bitmap)
{
	const uint64_t word = 64;
	int error = container->page ? 0 : learn_page(kernel, container);

	if (error)
		return error;
	*ret_bitmap = (struct kernel_bitmap){
		.page_size = container->page,
		.bytes = (length / container->page + word - 1) / word * 8,
		.bits = (uintptr_t)bits,
	};
	return 0;
}

/* Bits of larger pages become bits of BIT_PAGE, from the last one: none is written before it is
 * read. */
static void spread(uint64_t *bits, uint64_t length, uint64_t page)
{
	const uint64_t each = page / BIT_PAGE;

	for (uint64_t i = length / page; each > 1 && i-- > 0;) {
		bool set = bits[i / 64] >> (i % 64) & 1;

		bits[i / 64] &= ~(1ull << (i % 64));
		for (uint64_t at = i * each; set && at < (i + 1) * each; at++)
			bits[at / 64] |= 1ull << (at % 64);
	}
}

static int read_dirty(void *opaque, uint32_t space, uint64_t iova, uint64_t length, uint64_t *bits)
{
	struct kernel_dma_dirty argument = {
		.argsz = sizeof(argument), .flags = KERNEL_DIRTY_GET, .iova = iova, .length = length
	};
	struct viommu_kernel *kernel = opaque;
	struct container *container = &kernel->containers[space];
	int error = make_bitmap(kernel, container, length, bits, &argument.bitmap);

	if (!error)
		error = kernel_ioctl(kernel, container->fd, KERNEL_DMA_DIRTY, &argument);
	if (!error)
		spread(bits, length, container->page);
	return error;
}

static int unmap_dirty(void *opaque, uint32_t space, uint64_t iova, uint64_t length, uint64_t *bits)
{
	struct kernel_dma_unmap argument = { .argsz = sizeof(argument),
					     .flags = KERNEL_UNMAP_DIRTY,
					     .iova = iova,
					     .length = length };
	struct viommu_kernel *kernel = opaque;
	struct container *container = &kernel->containers[space];
	int error = make_bitmap(kernel, container, length, bits, &argument.bitmap);

	if (!error)
		error = kernel_ioctl(kernel, container->fd, KERNEL_DMA_UNMAP, &argument);
	if (error)
		return error;
	spread(bits, length, container->page);
	return argument.length == length ? 0 : -EIO;
}

static const struct viommu_backend_calls *calls(void)
{
	static const struct viommu_backend_calls rows = {
		.size = sizeof(rows),
		.space_new = space_new,
		.space_free = space_free,
		.map = map,
		.unmap = unmap,
		.attach = attach,
		.detach = detach,
		.stop = stop,
		.track = track,
		.read_dirty = read_dirty,
		.unmap_dirty = unmap_dirty,
		.refused = kernel_explain_map,
	};

	return &rows;
}

/* -- files ------------------------------------------------------------------------------ */

static void end(struct viommu_kernel *kernel)
{
	for (uint32_t i = 0; i < kernel->n_containers; i++)
		if (kernel->containers[i].fd >= 0)
			kernel_close(kernel, kernel->containers[i].fd);
	free(kernel->containers);
	kernel->containers = NULL;
	kernel->n_containers = 0;
}

static int begin(struct viommu_kernel *kernel)
{
	uint32_t blocked;
	int error = container_new(kernel, &blocked), fd;

	if (!error) {
		fd = kernel->containers[blocked].fd;
		if (kernel_ioctl(kernel, fd, KERNEL_VFIO_API_VERSION, NULL) == 0 &&
		    kernel_ioctl(kernel, fd, KERNEL_VFIO_CHECK_EXTENSION,
				 (void *)(uintptr_t)KERNEL_TYPE1V2) == 1)
			return 0;
		kernel_log(kernel, "VFIO has no type1: load vfio_iommu_type1");
		error = -EOPNOTSUPP;
	}
	end(kernel);
	return error;
}

/* Capabilities are linked by offsets in the answer, of which `room` bytes were read. */
static int read_caps(const struct viommu_kernel *kernel, const struct kernel_device *device,
		     const unsigned char *answer, size_t room, struct viommu_limits *limits)
{
	const struct kernel_iommu_info *info = (const void *)answer;
	struct kernel_cap_ranges cap;
	int error = 0;

	for (uint32_t at = info->cap_offset, n = 0; at && n < 64 && !error;
	     at = cap.cap.next, n++) {
		if (at % 8 || at > room - sizeof(cap))
			return -EPROTO;
		memcpy(&cap, answer + at, sizeof(cap));
		if (cap.cap.id == KERNEL_CAP_DIRTY)
			limits->dirty = true;
		if (cap.cap.id != KERNEL_CAP_RANGES)
			continue;
		if (cap.n > (room - sizeof(cap) - at) / sizeof(struct kernel_range))
			return -EPROTO;
		error = kernel_take_ranges(kernel, device, limits,
					   (const void *)(answer + at + sizeof(cap)), cap.n);
	}
	return error;
}

/* The answer of the kernel, in memory of the caller. */
static int ask_info(const struct viommu_kernel *kernel, const struct container *container,
		    uint32_t room, struct kernel_iommu_info **ret_info)
{
	struct kernel_iommu_info *info = calloc(1, room);
	int error;

	if (!info)
		return -ENOMEM;
	info->argsz = room;
	error = kernel_ioctl(kernel, container->fd, KERNEL_IOMMU_INFO, info);
	if (error)
		free(info);
	else
		*ret_info = info;
	return error;
}

/* Where the kernel needs more room, it fills in what fits, and how much it needs. */
static int read_info(const struct viommu_kernel *kernel, const struct kernel_device *device,
		     const struct container *container, struct viommu_limits *limits)
{
	const uint32_t most = RANGES_MAX * sizeof(struct kernel_range);
	struct kernel_iommu_info *info = NULL;
	uint32_t room = 1024;
	int error = ask_info(kernel, container, room, &info);

	if (!error && info->argsz > room) {
		room = info->argsz;
		free(info);
		error = room <= most ? ask_info(kernel, container, room, &info) : -E2BIG;
	}
	if (error)
		return error;
	limits->page_size_mask = info->flags & KERNEL_INFO_PAGE_SIZES ? info->page_sizes : 0;
	if (info->flags & KERNEL_INFO_CAPS)
		error = read_caps(kernel, device, (const unsigned char *)info, room, limits);
	free(info);
	return error;
}

/* A container has the limits of all its groups, so the group is alone in one for this. */
static int read_limits(struct viommu_kernel *kernel, struct kernel_device *device)
{
	struct viommu_limits limits = { .size = sizeof(limits), .ats = true };
	uint32_t space;
	int error = container_new(kernel, &space);

	if (error)
		return error;
	error = join(kernel, device, space);
	if (!error)
		error = read_info(kernel, device, &kernel->containers[space], &limits);
	if (!error)
		error = leave(kernel, device);
	else
		leave(kernel, device);
	space_free(kernel, space);
	return error ? error : kernel_set_limits(kernel, device, &limits);
}

static int check_group(struct viommu_kernel *kernel, const struct kernel_device *device,
		       const char *path)
{
	struct kernel_group_status status = { .argsz = sizeof(status) };
	int error = kernel_ioctl(kernel, device->group, KERNEL_GROUP_STATUS, &status);

	if (error || status.flags & KERNEL_GROUP_VIABLE)
		return error;
	kernel_log(kernel,
		   "%s cannot be used: every device of its group (%s) has to be bound to vfio-pci"
		   " or to no driver",
		   device->name, path);
	return -EPERM;
}

/* A closed group is in no container, even if leaving failed before. */
static void close_device(struct viommu_kernel *kernel, struct kernel_device *device)
{
	uint32_t space = device->space;

	if (leave(kernel, device))
		kernel->containers[space].n_groups--;
	kernel_close(kernel, device->group);
	if (space != NO_SPACE && space != BLOCKED)
		space_free(kernel, space);
}

static int open_device(struct viommu_kernel *kernel, struct kernel_device *device)
{
	char path[PATH_LENGTH], name[32];
	int error;

	device->space = NO_SPACE;
	kernel_path(path, "/sys/bus/pci/devices/%s/iommu_group", device->name);
	if (kernel_link(kernel, path, name, sizeof(name))) {
		kernel_log(kernel, "%s has no IOMMU group: no IOMMU of the host translates it",
			   device->name);
		return -ENOENT;
	}
	kernel_path(path, "/dev/vfio/%s", name);
	device->group = kernel_open(kernel, path);
	if (device->group < 0) {
		kernel_log(kernel,
			   "%s: %s cannot be opened, errno %d; a group is opened once, for one"
			   " device",
			   device->name, path, -device->group);
		return device->group;
	}
	error = check_group(kernel, device, path);
	if (!error)
		error = read_limits(kernel, device);
	if (!error)
		error = enter(kernel, device, BLOCKED);
	if (error)
		close_device(kernel, device);
	return error;
}

const struct kernel_kind kernel_type1 = {
	.path = "/dev/vfio/vfio",
	.name = "VFIO type1",
	.calls = calls,
	.begin = begin,
	.end = end,
	.open_device = open_device,
	.close_device = close_device,
};
