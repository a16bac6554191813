/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "backend/iommufd.h"
#include "backend/layouts.h"

/*
 * Page tables of a space (HWPT), and dirty pages in them
 *
 * The kernel selects one by itself (ATTACH to the IOAS) for a device whose IOMMU can neither nest
 * nor track dirty pages. Such a device is in no page table of this list.
 */

/* ATTACH of VFIO to a page table or an IOAS, which replaces another; DETACH. */
static int attach(const struct viommu_kernel *kernel, const struct kernel_device *device,
		  uint32_t pasid, uint32_t id)
{
	struct kernel_vfio_attach argument = { .argsz = sizeof(argument), .pt_id = id };

	if (pasid != VIOMMU_NO_PASID) {
		argument.flags = KERNEL_VFIO_PASID;
		argument.pasid = pasid;
	}
	return kernel_ioctl(kernel, device->file, KERNEL_VFIO_ATTACH, &argument);
}

int hwpt_attach(const struct viommu_kernel *kernel, struct kernel_device *device, uint32_t pasid,
		struct hwpt *hwpt)
{
	int error = attach(kernel, device, pasid, hwpt->id);

	if (!error && (pasid != VIOMMU_NO_PASID || device->writes == WRITES_UNLOGGED))
		hwpt->unlogged = true;
	if (!error && pasid == VIOMMU_NO_PASID)
		device->hwpt = hwpt;
	return error;
}

int hwpt_leave(const struct viommu_kernel *kernel, struct kernel_device *device, uint32_t pasid)
{
	struct kernel_vfio_detach argument = { .argsz = sizeof(argument) };
	int error;

	if (pasid != VIOMMU_NO_PASID) {
		argument.flags = KERNEL_VFIO_PASID;
		argument.pasid = pasid;
	}
	error = kernel_ioctl(kernel, device->file, KERNEL_VFIO_DETACH, &argument);
	if (!error && pasid == VIOMMU_NO_PASID)
		device->hwpt = NULL;
	return error;
}

int kernel_destroy(const struct viommu_kernel *kernel, uint32_t id)
{
	struct kernel_destroy argument = { .size = sizeof(argument), .id = id };

	return kernel_ioctl(kernel, kernel->fd, KERNEL_DESTROY, &argument);
}

/* -- life ---------------------------------------------------------------------------- */

static int set_tracking(const struct viommu_kernel *kernel, struct hwpt *hwpt, bool on)
{
	struct kernel_hwpt_track argument = { .size = sizeof(argument),
					      .flags = on ? KERNEL_TRACK_ENABLE : 0,
					      .hwpt_id = hwpt->id };
	int error = 0;

	/* Enabling it again would forget what is dirty. */
	if (hwpt->tracks != on)
		error = kernel_ioctl(kernel, kernel->fd, KERNEL_HWPT_TRACK, &argument);
	if (!error)
		hwpt->tracks = on;
	return error;
}

int hwpt_new(struct viommu_kernel *kernel, const struct kernel_device *device, uint32_t over,
	     const struct hwpt *wanted, struct hwpt **ret_hwpt)
{
	_Alignas(uint64_t) unsigned char data[NEST_DATA_MAX] = { 0 };
	struct kernel_hwpt_alloc argument = {
		.size = sizeof(argument),
		.flags = wanted->flags,
		.dev_id = device->id,
		.pt_id = over,
		.data = (uintptr_t)data,
	};
	struct hwpt *hwpt = malloc(sizeof(*hwpt));
	int error = 0;

	if (!hwpt)
		return -ENOMEM;
	if (wanted->table) {
		argument.data_type = wanted->nest->kind->data_type;
		argument.data_length = wanted->nest->kind->data_length;
		error = wanted->nest->kind->encode(wanted->table->wanted.body, data);
	}
	if (wanted->flags & KERNEL_HWPT_FAULT)
		argument.fault_id = kernel->faults;
	if (!error)
		error = kernel_ioctl(kernel, kernel->fd, KERNEL_HWPT_ALLOC, &argument);
	if (error) {
		free(hwpt);
		return error;
	}
	*hwpt = *wanted;
	hwpt->id = argument.out_hwpt_id;
	hwpt->next = kernel->hwpts;
	kernel->hwpts = hwpt;
	*ret_hwpt = hwpt;
	return 0;
}

void hwpt_free(struct viommu_kernel *kernel, struct hwpt *hwpt)
{
	struct hwpt **at = &kernel->hwpts;

	while (*at != hwpt)
		at = &(*at)->next;
	*at = hwpt->next;
	kernel_destroy(kernel, hwpt->id);
	free(hwpt);
}

void hwpts_free(struct viommu_kernel *kernel, uint32_t space, bool of_guest)
{
	struct hwpt **at = &kernel->hwpts;

	while (*at) {
		if ((*at)->space == space && !(*at)->table != of_guest)
			hwpt_free(kernel, *at);
		else
			at = &(*at)->next;
	}
}

int hwpt_attach_new(struct viommu_kernel *kernel, struct kernel_device *device, uint32_t pasid,
		    uint32_t over, const struct hwpt *wanted)
{
	struct hwpt *hwpt;
	int error = hwpt_new(kernel, device, over, wanted, &hwpt);

	if (error)
		return error;
	error = hwpt_attach(kernel, device, pasid, hwpt);
	if (error)
		hwpt_free(kernel, hwpt);
	return error;
}

uint32_t hwpt_flags(struct viommu_kernel *kernel, const struct kernel_device *device,
		    uint32_t space, uint32_t wanted)
{
	/* In order of preference: first what the VMM has requested, then what is only useful. */
	static const uint32_t rows[] = {
		KERNEL_HWPT_NEST | KERNEL_HWPT_PASID | KERNEL_HWPT_DIRTY,
		KERNEL_HWPT_NEST | KERNEL_HWPT_PASID,
		KERNEL_HWPT_NEST | KERNEL_HWPT_DIRTY,
		KERNEL_HWPT_NEST,
		KERNEL_HWPT_PASID | KERNEL_HWPT_DIRTY,
		KERNEL_HWPT_PASID,
		KERNEL_HWPT_DIRTY,
	};
	struct hwpt *hwpt;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct hwpt one = { .space = space, .flags = rows[i] };

		if (rows[i] & ~wanted || hwpt_new(kernel, device, space, &one, &hwpt))
			continue;
		hwpt_free(kernel, hwpt);
		return rows[i];
	}
	return 0;
}

int hwpt_enter(struct viommu_kernel *kernel, struct kernel_device *device, uint32_t pasid,
	       uint32_t space)
{
	const struct hwpt wanted = { .space = space, .flags = device->hwpt_flags };
	int error = -EINVAL;

	if (pasid == VIOMMU_NO_PASID)
		device->hwpt = NULL;
	if (!wanted.flags)
		return attach(kernel, device, pasid, space);
	for (struct hwpt *hwpt = kernel->hwpts; hwpt && error == -EINVAL; hwpt = hwpt->next)
		if (hwpt->space == space && !hwpt->table && hwpt->flags == wanted.flags)
			error = hwpt_attach(kernel, device, pasid, hwpt);
	return error == -EINVAL ? hwpt_attach_new(kernel, device, pasid, space, &wanted) : error;
}

/* -- dirty pages ----------------------------------------------------------------------- */

/* Does neither the IOMMU track writes by this page table, nor each device log them? */
static bool is_untracked(const struct hwpt *hwpt)
{
	return !hwpt->table && !(hwpt->flags & KERNEL_HWPT_DIRTY) && hwpt->unlogged;
}

/*
 * Is there a device in the space whose writes nothing tracks, perhaps by a PASID, or was there one
 * with a page table of its own?
 */
static bool has_untracked(const struct viommu_kernel *kernel, uint32_t space)
{
	for (const struct hwpt *hwpt = kernel->hwpts; hwpt; hwpt = hwpt->next)
		if (hwpt->space == space && is_untracked(hwpt))
			return true;
	for (size_t i = 0; i < kernel->n_devices; i++) {
		const struct kernel_device *device = &kernel->devices[i];

		if (device->used && device->space == space &&
		    !(device->hwpt_flags & KERNEL_HWPT_DIRTY) && (!device->logs || device->table))
			return true;
	}
	return false;
}

int hwpts_track(void *opaque, uint32_t space, bool on)
{
	struct viommu_kernel *kernel = opaque;
	int error = on && has_untracked(kernel, space) ? -EOPNOTSUPP : 0;

	for (struct hwpt *hwpt = kernel->hwpts; hwpt && !error; hwpt = hwpt->next)
		if (hwpt->space == space && hwpt->flags & KERNEL_HWPT_DIRTY)
			error = set_tracking(kernel, hwpt, on);
	return error;
}

int hwpts_read_dirty(void *opaque, uint32_t space, uint64_t iova, uint64_t length, uint64_t *bits)
{
	struct viommu_kernel *kernel = opaque;
	struct kernel_hwpt_dirty argument = {
		.size = sizeof(argument),
		.iova = iova,
		.length = length,
		.page_size = 4096,
		.data = (uintptr_t)bits,
	};
	int error = 0;

	for (struct hwpt *hwpt = kernel->hwpts; hwpt && !error; hwpt = hwpt->next) {
		if (hwpt->space != space || hwpt->table ||
		    !(hwpt->flags & KERNEL_HWPT_DIRTY || hwpt->unlogged))
			continue;
		argument.hwpt_id = hwpt->id;
		error = hwpt->tracks ? kernel_ioctl(kernel, kernel->fd, KERNEL_HWPT_DIRTY_BITMAP,
						    &argument)
				     : -EINVAL;
	}
	return error;
}
