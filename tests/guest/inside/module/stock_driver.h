/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The kernel's own driver of virtio-iommu, whose operations a module replaces
 *
 * The build takes the driver from the kernel's source. The module defines register_changed(), which
 * registers the IOMMU with other operations, and begins with begin_with(). If EVENT_CAME is
 * defined, it is the callback of the event queue, whose buffers then have the length of the
 * proposal.
 */
#ifndef STOCK_DRIVER_H
#define STOCK_DRIVER_H

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt /* as the driver has it */

#include <linux/iommu.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <uapi/linux/virtio_iommu.h>

static int register_changed(struct iommu_device *iommu, const struct iommu_ops *ops,
			    struct device *parent);

#ifdef EVENT_CAME
static void EVENT_CAME(struct virtqueue *queue);

/* As struct virtio_iommu_fault, and more. */
struct long_fault {
	u8 reason, reserved[3];
	__le32 flags, endpoint, pasid;
	__le64 address;
	__le16 group_id;
	u8 reserved2[6];
	__le64 private_data[2];
};

static int find_queues(struct virtio_device *virtio, unsigned int n, struct virtqueue *queues[],
		       struct virtqueue_info infos[], struct irq_affinity *affinity)
{
	infos[n - 1].callback = EVENT_CAME;
	return virtio_find_vqs(virtio, n, queues, infos, affinity);
}

#define virtio_iommu_fault long_fault
#define virtio_find_vqs    find_queues
#endif

#define iommu_device_register register_changed
#undef module_virtio_driver
#define module_virtio_driver(driver)
#include "virtio-iommu.c"
#undef iommu_device_register
#undef virtio_iommu_fault
#undef virtio_find_vqs

/* Registers the driver, which then accepts these features, too. */
static int __init begin_with(const unsigned int *more, unsigned int n)
{
	static unsigned int table[ARRAY_SIZE(features) + 4];

	if (n > ARRAY_SIZE(table) - ARRAY_SIZE(features))
		return -EINVAL;
	memcpy(table, features, sizeof(features));
	memcpy(table + ARRAY_SIZE(features), more, n * sizeof(*more));
	virtio_iommu_drv.driver.name = "virtio_iommu";
	virtio_iommu_drv.feature_table = table;
	virtio_iommu_drv.feature_table_size = ARRAY_SIZE(features) + n;
	return register_virtio_driver(&virtio_iommu_drv);
}

#endif
