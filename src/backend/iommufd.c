/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "backend/iommufd.h"
#include "backend/layouts.h"

/*
 * iommufd: a space is an IOAS
 *
 * The kernel selects a page table of the IOAS that fits the device, or creates one. For an attached
 * device, VFIO's ATTACH replaces the page table without a gap.
 */

static int space_new(void *opaque, uint32_t *ret_space)
{
	struct kernel_ioas_alloc argument = { .size = sizeof(argument) };
	struct viommu_kernel *kernel = opaque;
	int error = kernel_ioctl(kernel, kernel->fd, KERNEL_IOAS_ALLOC, &argument);

	if (!error)
		*ret_space = argument.out_ioas_id;
	return error;
}

/* An object ends after those that use it. */
static int space_free(void *opaque, uint32_t space)
{
	struct viommu_kernel *kernel = opaque;

	hwpts_free(kernel, space, true);
	nests_free(kernel, space);
	hwpts_free(kernel, space, false);
	return kernel_destroy(kernel, space);
}

static uint32_t map_flags(uint32_t flags)
{
	return KERNEL_MAP_FIXED_IOVA | (flags & VIOMMU_MAP_F_READ ? KERNEL_MAP_READABLE : 0) |
	       (flags & VIOMMU_MAP_F_WRITE ? KERNEL_MAP_WRITEABLE : 0);
}

static int map(void *opaque, uint32_t space, uint64_t iova, uint64_t length, void *host,
	       uint32_t flags)
{
	struct kernel_ioas_map argument = {
		.size = sizeof(argument),
		.flags = map_flags(flags),
		.ioas_id = space,
		.user_va = (uintptr_t)host,
		.length = length,
		.iova = iova,
	};
	struct viommu_kernel *kernel = opaque;

	return kernel_ioctl(kernel, kernel->fd, KERNEL_IOAS_MAP, &argument);
}

static int copy(void *opaque, uint32_t space, uint64_t iova, uint64_t length, uint32_t from,
		uint64_t from_iova, uint32_t flags)
{
	struct kernel_ioas_copy argument = {
		.size = sizeof(argument),
		.flags = map_flags(flags),
		.to = space,
		.from = from,
		.length = length,
		.to_iova = iova,
		.from_iova = from_iova,
	};
	struct viommu_kernel *kernel = opaque;

	return kernel_ioctl(kernel, kernel->fd, KERNEL_IOAS_COPY, &argument);
}

static int map_file(void *opaque, uint32_t space, uint64_t iova, uint64_t length, int file,
		    uint64_t offset, uint32_t flags)
{
	struct kernel_ioas_map_file argument = {
		.size = sizeof(argument),
		.flags = map_flags(flags),
		.ioas_id = space,
		.fd = file,
		.start = offset,
		.length = length,
		.iova = iova,
	};
	struct viommu_kernel *kernel = opaque;

	return kernel_ioctl(kernel, kernel->fd, KERNEL_IOAS_MAP_FILE, &argument);
}

static int unmap(void *opaque, uint32_t space, uint64_t iova, uint64_t length)
{
	struct kernel_ioas_unmap argument = {
		.size = sizeof(argument), .ioas_id = space, .iova = iova, .length = length
	};
	struct viommu_kernel *kernel = opaque;
	int error;

	nest_queues_unmap(kernel, space, iova, length);
	error = kernel_ioctl(kernel, kernel->fd, KERNEL_IOAS_UNMAP, &argument);
	/* If less was unmapped, the host has a mapping that the guest has removed. */
	return error ? error : argument.length == length ? 0 : -EIO;
}

/* Another device of the group that is in a space. */
static const struct kernel_device *mate_of(const struct viommu_kernel *kernel,
					   const struct kernel_device *device)
{
	for (size_t i = 0; i < kernel->n_devices; i++) {
		const struct kernel_device *mate = &kernel->devices[i];

		if (mate != device && mate->used && mate->space != NO_SPACE &&
		    device->group_name[0] && !strcmp(mate->group_name, device->group_name))
			return mate;
	}
	return NULL;
}

/* A group has one page table: an ATTACH that replaces it moves all devices of the group. */
static int enter(struct viommu_kernel *kernel, struct kernel_device *device, uint32_t space,
		 uint32_t table)
{
	const struct kernel_device *mate = mate_of(kernel, device);
	int error;

	if (mate && (mate->space != space || mate->table != table)) {
		if (kernel_is_due(kernel, SENTENCE_GROUP))
			kernel_log(kernel,
				   "%s cannot leave the domain of %s, which is in its IOMMU group:"
				   " give both one endpoint",
				   device->name, mate->name);
		return -EOPNOTSUPP;
	}
	error = table ? nest_enter(kernel, device, table)
		      : hwpt_enter(kernel, device, VIOMMU_NO_PASID, space);
	if (error)
		return error;
	if (device->table && device->table != table)
		page_queue_forget(kernel, device);
	device->space = space;
	device->table = table;
	return 0;
}

static int attach(void *opaque, int number, uint32_t space)
{
	struct viommu_kernel *kernel = opaque;

	return enter(kernel, &kernel->devices[number], space, 0);
}

static int table_attach(void *opaque, int number, uint32_t table, uint32_t endpoint)
{
	struct viommu_kernel *kernel = opaque;
	const struct guest_table *row = nest_table(kernel, table);
	struct kernel_device *device = &kernel->devices[number];

	device->endpoint = endpoint;
	return row ? enter(kernel, device, row->wanted.space, table) : -ENOENT;
}

static void forget_place(struct viommu_kernel *kernel, struct kernel_device *device)
{
	page_queue_forget(kernel, device);
	device->space = NO_SPACE;
	device->table = 0;
	device->hwpt = NULL;
}

static int detach(void *opaque, int number)
{
	struct viommu_kernel *kernel = opaque;
	struct kernel_device *device = &kernel->devices[number];
	int error = hwpt_leave(kernel, device, VIOMMU_NO_PASID);

	if (!error)
		forget_place(kernel, device);
	return error;
}

/* Closing the last reference to a device's file detaches the device and ends its DMA. */
static void close_device(struct viommu_kernel *kernel, struct kernel_device *device)
{
	nest_leave(kernel, device);
	kernel_close_file(kernel, device);
	forget_place(kernel, device);
}

static void stop(void *opaque, int number)
{
	struct viommu_kernel *kernel = opaque;

	close_device(kernel, &kernel->devices[number]);
}

/*
 * There is no call for both. A device that wrote between them would have written after the guest
 * had begun to UNMAP, and reaches nothing when that is answered.
 */
static int unmap_dirty(void *opaque, uint32_t space, uint64_t iova, uint64_t length, uint64_t *bits)
{
	int error = hwpts_read_dirty(opaque, space, iova, length, bits);

	return error ? error : unmap(opaque, space, iova, length);
}

/* A PASID is attached beside what the device is in, and to a page table that allows both. */
static int attach_pasid(void *opaque, int number, uint32_t pasid, uint32_t space)
{
	struct viommu_kernel *kernel = opaque;
	struct kernel_device *device = &kernel->devices[number];

	if (!(device->hwpt_flags & KERNEL_HWPT_PASID))
		return -EOPNOTSUPP;
	return hwpt_enter(kernel, device, pasid, space);
}

static int detach_pasid(void *opaque, int number, uint32_t pasid)
{
	const struct viommu_kernel *kernel = opaque;

	return hwpt_leave(kernel, &kernel->devices[number], pasid);
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
		.track = hwpts_track,
		.read_dirty = hwpts_read_dirty,
		.unmap_dirty = unmap_dirty,
		.refused = kernel_explain_map,
		.copy = copy,
		.map_file = map_file,
		.table_new = nest_table_new,
		.table_free = nest_table_free,
		.table_attach = table_attach,
		.table_invalidate = nest_invalidate,
		.read_events = nest_read_events,
		.read_requests = page_queue_read,
		.respond = page_queue_respond,
		.attach_pasid = attach_pasid,
		.detach_pasid = detach_pasid,
		.tables_invalidate = nests_invalidate,
		.log = write_log_set,
		.read_log = write_log_read,
	};

	return &rows;
}

static int begin(struct viommu_kernel *kernel)
{
	kernel->fd = kernel_open(kernel, kernel->kind->path);
	if (kernel->fd < 0)
		return kernel->fd;
	if (kernel->ops.nest)
		kernel->events = epoll_create1(EPOLL_CLOEXEC);
	if (kernel->ops.nest && kernel->ops.page_requests)
		page_queue_open(kernel);
	return 0;
}

static void end(struct viommu_kernel *kernel)
{
	nests_end(kernel);
	page_queue_close(kernel);
	if (kernel->events >= 0)
		close(kernel->events);
	kernel_close(kernel, kernel->fd);
}

/* -- limits ----------------------------------------------------------------------------- */

/* Capabilities of the IOMMU besides mapping; none, if the kernel does not report them. */
static void read_hardware(struct viommu_kernel *kernel, struct kernel_device *device,
			  uint32_t space, struct viommu_limits *limits)
{
	struct kernel_hw_info argument = { .size = sizeof(argument),
					   .dev_id = device->id,
					   .data_length = sizeof(device->info),
					   .data = (uintptr_t)&device->info };
	uint32_t wanted;

	if (kernel_ioctl(kernel, kernel->fd, KERNEL_HW_INFO, &argument))
		return;
	limits->ats = !(argument.capabilities & KERNEL_HW_NO_ATS);
	limits->pasid_bits = argument.pasid_bits <= VIOMMU_PASID_BITS_MAX ? argument.pasid_bits
									  : VIOMMU_PASID_BITS_MAX;
	device->hardware = argument.type;
	device->invalidates_twice = argument.type == KERNEL_HW_ARM_SMMUV3 &&
				    (uint32_t)device->info.word[0] & KERNEL_ARM_INVALIDATE_TWICE;
	wanted = argument.capabilities & KERNEL_HW_DIRTY ? KERNEL_HWPT_DIRTY : 0;
	if (kernel->ops.nest && nest_kind_of(device, 0))
		wanted |= KERNEL_HWPT_NEST;
	if (kernel->ops.pasids && argument.pasid_bits)
		wanted |= KERNEL_HWPT_PASID;
	device->hwpt_flags = hwpt_flags(kernel, device, space, wanted);
	limits->dirty = device->hwpt_flags & KERNEL_HWPT_DIRTY;
	if (device->hwpt_flags & KERNEL_HWPT_NEST)
		device->n_queues = nest_queues_of(kernel, device);
	limits->page_requests = page_queue_accepts(kernel, device, space);
}

static int ask_ranges(const struct viommu_kernel *kernel, struct kernel_ioas_ranges *argument,
		      struct viommu_range **ret_ranges)
{
	int error;

	*ret_ranges = calloc(argument->n, sizeof(**ret_ranges));
	if (!*ret_ranges)
		return -ENOMEM;
	argument->ranges = (uintptr_t)*ret_ranges;
	error = kernel_ioctl(kernel, kernel->fd, KERNEL_IOAS_RANGES, argument);
	if (error)
		free(*ret_ranges);
	return error;
}

/* -EMSGSIZE: there are more, and the answer has their number. */
static int read_ranges(const struct viommu_kernel *kernel, const struct kernel_device *device,
		       uint32_t space, struct viommu_limits *limits)
{
	struct kernel_ioas_ranges argument = { .size = sizeof(argument), .ioas_id = space };
	struct viommu_range *ranges;
	uint32_t room = 0;
	int error;

	for (argument.n = VIOMMU_LIMITS_RANGES; argument.n > room;) {
		room = argument.n;
		error = room <= RANGES_MAX ? ask_ranges(kernel, &argument, &ranges) : -E2BIG;
		if (error != -EMSGSIZE)
			break;
	}
	if (error)
		return error;
	error = argument.n <= room ? kernel_take_ranges(kernel, device, limits, ranges, argument.n)
				   : -EPROTO;
	free(ranges);
	limits->page_size_mask = -argument.alignment;
	return argument.alignment & (argument.alignment - 1) ? -EPROTO : error;
}

/*
 * An IOAS has the limits of the devices in it. A group has one page table, so the device enters
 * that of its mate.
 */
static int read_limits(struct viommu_kernel *kernel, struct kernel_device *device, uint32_t space)
{
	struct viommu_limits limits = { .size = sizeof(limits), .ats = true };
	const struct kernel_device *mate = mate_of(kernel, device);
	int error;

	device->writes = NO_WRITES;
	if (mate)
		space = mate->space;
	if (mate && mate->hwpt)
		error = hwpt_attach(kernel, device, VIOMMU_NO_PASID, mate->hwpt);
	else
		error = hwpt_enter(kernel, device, VIOMMU_NO_PASID, space);
	if (!error)
		error = read_ranges(kernel, device, space, &limits);
	if (!error)
		error = hwpt_leave(kernel, device, VIOMMU_NO_PASID);
	if (!error)
		read_hardware(kernel, device, space, &limits);
	device->writes = !error && !limits.dirty && write_log_probe(kernel, device)
				 ? WRITES_LOGGED
				 : WRITES_UNLOGGED;
	limits.dirty = limits.dirty || device->writes == WRITES_LOGGED;
	return error ? error : kernel_set_limits(kernel, device, &limits);
}

/* Closes the file if it fails: a device that is attached keeps its IOAS. */
static int limit_file(struct viommu_kernel *kernel, struct kernel_device *device, int file)
{
	uint32_t space;
	int error = space_new(kernel, &space);

	if (error) {
		kernel_close(kernel, file);
		return error;
	}
	device->file = file;
	error = read_limits(kernel, device, space);
	device->file = -1;
	forget_place(kernel, device);
	if (error)
		kernel_close(kernel, file);
	space_free(kernel, space);
	return error;
}

static int bind_file(struct viommu_kernel *kernel, struct kernel_device *device, int file)
{
	struct kernel_vfio_bind argument = { .argsz = sizeof(argument), .iommufd = kernel->fd };
	int error = kernel_ioctl(kernel, file, KERNEL_VFIO_BIND, &argument);

	if (error == -EPERM)
		kernel_log(kernel,
			   "%s cannot be bound: the platform does not isolate its interrupts;"
			   " iommufd.allow_unsafe_interrupts=1 permits that to trusted guests",
			   device->name);
	if (error) {
		kernel_close(kernel, file);
		return error;
	}
	device->id = argument.out_devid;
	error = limit_file(kernel, device, file);
	return error ? error : kernel_give_file(kernel, device, file);
}

/* -- reset ------------------------------------------------------------------------------- */

/* What the kernel lists. It may list more by then, so there is room for some. */
static int read_reset_info(const struct viommu_kernel *kernel, const struct kernel_device *device,
			   struct kernel_reset_info **ret_info)
{
	uint32_t n = 16;
	int error;

	for (int i = 0; i < 2; i++, n += 16) {
		size_t bytes = sizeof(**ret_info) + n * sizeof((*ret_info)->devices[0]);
		struct kernel_reset_info *info = calloc(1, bytes);

		if (!info)
			return -ENOMEM;
		info->argsz = (uint32_t)bytes;
		error = kernel_ioctl(kernel, device->file, KERNEL_RESET_INFO, info);
		*ret_info = info;
		if (!error)
			return info->count <= n ? 0 : -EPROTO;
		n = info->count < RANGES_MAX ? info->count : 0;
		free(info);
		*ret_info = NULL;
		if (error != -ENOSPC)
			break;
	}
	return error;
}

/* 0 stands for a device of an owned group that is not open, and -1 for one of others. */
static int count_reset(const struct viommu_kernel *kernel, const struct kernel_reset_info *info,
		       int *ret_devices, size_t room)
{
	int n = 0;

	for (uint32_t i = 0; i < info->count; i++) {
		if (info->devices[i].id == UINT32_MAX)
			return -EPERM;
		for (size_t j = 0; j < kernel->n_devices; j++) {
			if (!kernel->devices[j].used ||
			    kernel->devices[j].id != info->devices[i].id)
				continue;
			if ((size_t)n < room)
				ret_devices[n] = (int)j;
			n++;
		}
	}
	return n;
}

static int reset_group(const struct viommu_kernel *kernel, const struct kernel_device *device,
		       int *ret_devices, size_t room)
{
	struct kernel_reset_info *info = NULL;
	int result = read_reset_info(kernel, device, &info);

	if (!result && !(info->flags & KERNEL_RESET_IDS))
		result = -EOPNOTSUPP;
	if (!result)
		result = count_reset(kernel, info, ret_devices, room);
	free(info);
	return result;
}

static int open_device(struct viommu_kernel *kernel, struct kernel_device *device)
{
	char path[PATH_LENGTH], name[32];
	int file;

	device->space = NO_SPACE;
	kernel_path(path, "/sys/bus/pci/devices/%s/iommu_group", device->name);
	if (kernel_link(kernel, path, device->group_name, sizeof(device->group_name)))
		device->group_name[0] = 0;
	kernel_path(path, "/sys/bus/pci/devices/%s/vfio-dev", device->name);
	if (kernel_entry(kernel, path, name, sizeof(name))) {
		kernel_log(kernel, "%s has no VFIO driver: bind it to vfio-pci", device->name);
		return -ENOENT;
	}
	kernel_path(path, "/dev/vfio/devices/%s", name);
	file = kernel_open(kernel, path);
	if (file < 0) {
		kernel_log(kernel,
			   "%s: %s cannot be opened, errno %d; a kernel without"
			   " CONFIG_VFIO_DEVICE_CDEV needs type1",
			   device->name, path, -file);
		return file;
	}
	return bind_file(kernel, device, file);
}

const struct kernel_kind kernel_iommufd = {
	.path = "/dev/iommu",
	.name = "iommufd",
	.calls = calls,
	.begin = begin,
	.end = end,
	.open_device = open_device,
	.close_device = close_device,
	.reset_group = reset_group,
};
