/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/iommufd.h"
#include "backend/layouts.h"
#include "wire/sized.h"

/* Selects the kernel's interface, and finds devices by name. */

static int real_open(const char *path)
{
	return open(path, O_RDWR | O_CLOEXEC);
}

static int real_ioctl(int fd, unsigned long request, void *argument)
{
	/* ioctl() takes another type of request in each C library. */
	return (int)syscall(SYS_ioctl, fd, request, argument);
}

static void fill_in(struct viommu_kernel_ops *ops)
{
	if (!ops->open)
		ops->open = real_open;
	if (!ops->close)
		ops->close = close;
	if (!ops->ioctl)
		ops->ioctl = real_ioctl;
	if (!ops->sysfs)
		ops->sysfs = "";
}

/* The first interface that works. For each one that does not, the reason is logged. */
static int choose(struct viommu_kernel *kernel, enum viommu_interface wanted)
{
	static const struct {
		enum viommu_interface interface;
		const struct kernel_kind *kind;
	} rows[] = {
		{ VIOMMU_INTERFACE_IOMMUFD, &kernel_iommufd },
		{ VIOMMU_INTERFACE_TYPE1, &kernel_type1 },
	};
	int error = -EINVAL;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (wanted != VIOMMU_INTERFACE_ANY && wanted != rows[i].interface)
			continue;
		kernel->kind = rows[i].kind;
		error = kernel->kind->begin(kernel);
		if (!error) {
			kernel_log(kernel, "mappings reach hardware by %s (%s)", kernel->kind->name,
				   kernel->kind->path);
			return 0;
		}
		kernel_log(kernel, "the kernel has no %s: %s, errno %d", kernel->kind->name,
			   kernel->kind->path, -error);
	}
	return error;
}

int viommu_kernel_new(enum viommu_interface interface, const struct viommu_kernel_ops *ops,
		      void *opaque, struct viommu_kernel **ret_kernel)
{
	struct viommu_kernel *kernel = calloc(1, sizeof(*kernel));
	int error = 0;

	if (!kernel)
		return -ENOMEM;
	if (ops)
		error = sized_take(&kernel->ops, sizeof(kernel->ops), ops);
	fill_in(&kernel->ops);
	kernel->events = -1;
	kernel->opaque = opaque;
	if (!error)
		error = choose(kernel, interface);
	if (error) {
		free(kernel);
		return error;
	}
	kernel->calls = *kernel->kind->calls();
	/* Without `nest`, hardware reads no table of the guest. */
	if (!kernel->ops.nest)
		kernel->calls.tables_invalidate = NULL;
	*ret_kernel = kernel;
	return 0;
}

struct viommu_kernel *viommu_kernel_free(struct viommu_kernel *kernel)
{
	if (!kernel)
		return NULL;
	for (size_t i = 0; i < kernel->n_devices; i++)
		viommu_kernel_close_device(kernel, (int)i);
	kernel->kind->end(kernel);
	free(kernel->devices);
	free(kernel);
	return NULL;
}

enum viommu_interface viommu_kernel_interface(const struct viommu_kernel *kernel)
{
	return kernel->kind == &kernel_iommufd ? VIOMMU_INTERFACE_IOMMUFD : VIOMMU_INTERFACE_TYPE1;
}

const struct viommu_backend_calls *viommu_kernel_calls(const struct viommu_kernel *kernel)
{
	return &kernel->calls;
}

/* A free entry, or a new one. */
static struct kernel_device *device_new(struct viommu_kernel *kernel)
{
	struct kernel_device *all;

	for (size_t i = 0; i < kernel->n_devices; i++)
		if (!kernel->devices[i].used)
			return &kernel->devices[i];
	all = calloc(2 * kernel->n_devices + 4, sizeof(*all));
	if (!all)
		return NULL;
	if (kernel->n_devices)
		memcpy(all, kernel->devices, kernel->n_devices * sizeof(*all));
	free(kernel->devices);
	kernel->devices = all;
	all += kernel->n_devices;
	kernel->n_devices = 2 * kernel->n_devices + 4;
	return all;
}

int viommu_kernel_open_device(struct viommu_kernel *kernel, const char *name, int *ret_device)
{
	struct kernel_device *device;
	int error;

	if (strlen(name) >= sizeof(device->name))
		return -EINVAL;
	device = device_new(kernel);
	if (!device)
		return -ENOMEM;
	*device = (struct kernel_device){ .used = true, .file = -1, .group = -1 };
	memcpy(device->name, name, strlen(name) + 1);
	error = kernel->kind->open_device(kernel, device);
	if (error)
		device->used = false;
	else
		*ret_device = (int)(device - kernel->devices);
	return error;
}

const struct viommu_limits *viommu_kernel_limits(const struct viommu_kernel *kernel, int number)
{
	return &kernel->devices[number].limits;
}

void viommu_kernel_close_device(struct viommu_kernel *kernel, int number)
{
	struct kernel_device *device = &kernel->devices[number];

	if (!device->used)
		return;
	kernel->kind->close_device(kernel, device);
	device->used = false;
}

size_t viommu_kernel_formats(const struct viommu_kernel *kernel, int number,
			     struct viommu_table_format *formats, size_t room)
{
	const struct kernel_device *device = &kernel->devices[number];
	const struct nest_kind *kind = nest_kind_of(device, 0);

	if (!kind || !kernel->ops.nest || !(device->hwpt_flags & KERNEL_HWPT_NEST) || !room)
		return 0;
	formats[0] = kind->describe(&device->info);
	return 1;
}

int viommu_kernel_reset_group(const struct viommu_kernel *kernel, int number, int *ret_devices,
			      size_t room)
{
	if (!kernel->kind->reset_group)
		return -EOPNOTSUPP;
	return kernel->kind->reset_group(kernel, &kernel->devices[number], ret_devices, room);
}

uint32_t viommu_kernel_page_table(const struct viommu_kernel *kernel, int number)
{
	const struct hwpt *hwpt = kernel->devices[number].hwpt;

	if (!hwpt)
		return 0;
	return hwpt->table ? hwpt->nest->parent->id : hwpt->id;
}

int viommu_kernel_events_file(const struct viommu_kernel *kernel)
{
	return kernel->events < 0 ? -EOPNOTSUPP : kernel->events;
}

int viommu_kernel_device_file(const struct viommu_kernel *kernel, int number)
{
	int file = kernel->devices[number].file;

	return file < 0 ? -ENODEV : file;
}
