/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "backend/iommufd.h"
#include "backend/layouts.h"

/*
 * Pages that a device itself logs (DMA_LOGGING of VFIO), where its IOMMU cannot track
 *
 * A device logs the addresses that it sends, without PASIDs, wherever it is attached. So the log
 * means nothing for a table of the guest, whose addresses are others than those of its space.
 */

bool write_log_probe(const struct viommu_kernel *kernel, const struct kernel_device *device)
{
	struct kernel_feature feature = { .argsz = sizeof(feature),
					  .flags = KERNEL_FEATURE_PROBE | KERNEL_FEATURE_SET |
						   KERNEL_LOG_START };

	return !kernel_ioctl(kernel, device->file, KERNEL_DEVICE_FEATURE, &feature);
}

/* All addresses that the device can send; the kernel takes no range with the last of 64 bits. */
static int start(const struct viommu_kernel *kernel, const struct kernel_device *device)
{
	const struct viommu_limits *limits = &device->limits;
	struct kernel_log_range ranges[VIOMMU_LIMITS_RANGES];
	struct kernel_log_start argument = {
		.feature = { .argsz = sizeof(argument),
			     .flags = KERNEL_FEATURE_SET | KERNEL_LOG_START },
		.page_size = 4096,
		.ranges = (uintptr_t)ranges,
	};

	for (size_t i = 0; i < limits->n_ranges; i++) {
		uint64_t first = limits->ranges[i].first & ~0xfffull;
		uint64_t last = limits->ranges[i].last | 0xfff;

		if (last == UINT64_MAX)
			last -= 4096;
		if (last > first)
			ranges[argument.n++] = (struct kernel_log_range){ first, last - first + 1 };
	}
	return kernel_ioctl(kernel, device->file, KERNEL_DEVICE_FEATURE, &argument);
}

static int stop(const struct viommu_kernel *kernel, const struct kernel_device *device)
{
	struct kernel_feature feature = { .argsz = sizeof(feature),
					  .flags = KERNEL_FEATURE_SET | KERNEL_LOG_STOP };

	return kernel_ioctl(kernel, device->file, KERNEL_DEVICE_FEATURE, &feature);
}

int write_log_set(void *opaque, int number, bool on)
{
	struct viommu_kernel *kernel = opaque;
	struct kernel_device *device = &kernel->devices[number];
	int error;

	if (device->writes != WRITES_LOGGED)
		return -EOPNOTSUPP;
	device->logs = false;
	error = on ? start(kernel, device) : stop(kernel, device);
	if (error && on)
		kernel_log(kernel,
			   "%s does not log what it writes, errno %d: all that it may"
			   " write is dirty",
			   device->name, -error);
	device->logs = on && !error;
	return error;
}

int write_log_read(void *opaque, int number, uint64_t iova, uint64_t length, uint64_t *bits)
{
	const struct viommu_kernel *kernel = opaque;
	struct kernel_log_report argument = {
		.feature = { .argsz = sizeof(argument),
			     .flags = KERNEL_FEATURE_GET | KERNEL_LOG_REPORT },
		.iova = iova,
		.length = length,
		.page_size = 4096,
		.bits = (uintptr_t)bits,
	};

	return kernel_ioctl(kernel, kernel->devices[number].file, KERNEL_DEVICE_FEATURE, &argument);
}
