/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * viommu-pci: the device as a PCI function
 *
 * virtio 1.3, "Virtio Over PCI Bus", which QEMU's virtio-pci implements. This file chooses the root
 * bus to serve: the one that the function is plugged into, unless the user names another. The
 * function must be on a root bus, because firmware tables identify it by a bus number, which must
 * not depend on the guest.
 */

/* One interrupt for configuration changes, one for each queue. */
#define N_VECTORS 3

struct proxy {
	VirtIOPCIProxy pci;
	struct iommu iommu;
};

DECLARE_INSTANCE_CHECKER(struct proxy, VIOMMU_PCI, TYPE_VIOMMU_PCI)

static void proxy_realize(VirtIOPCIProxy *pci, Error **errp)
{
	struct proxy *proxy = VIOMMU_PCI(pci);
	PCIBus *bus = pci_get_bus(&pci->pci_dev);

	if (!pci_bus_is_root(bus)) {
		error_setg(errp, TYPE_VIOMMU_PCI " must be on a root bus, not on '%s'",
			   BUS(bus)->name);
		return;
	}
	if (!proxy->iommu.settings.root_bus)
		proxy->iommu.root_bus = bus;
	virtio_pci_force_virtio_1(pci);
	pci->nvectors = N_VECTORS;
	if (!qdev_realize(DEVICE(&proxy->iommu), BUS(&pci->bus), errp))
		return;
	if (proxy->iommu.config.personality == VIOMMU_PERSONALITY_DRAFT_E)
		pci_set_word(pci->pci_dev.config + PCI_SUBSYSTEM_VENDOR_ID, VIOMMU_DRAFT_E_VENDOR);
}

static void proxy_init(Object *object)
{
	static const char *const inspected[] = { "state", "mappings", "mappings-from", "record",
						 "record-limit" };
	struct proxy *proxy = VIOMMU_PCI(object);

	virtio_instance_init_common(object, &proxy->iommu, sizeof(proxy->iommu),
				    TYPE_VIOMMU_DEVICE);
	for (size_t i = 0; i < ARRAY_SIZE(inspected); i++)
		if (!object_property_find(object, inspected[i]))
			object_property_add_alias(object, inspected[i], OBJECT(&proxy->iommu),
						  inspected[i]);
}

static void proxy_class_init(ObjectClass *class, CLASS_DATA data)
{
	DeviceClass *device = DEVICE_CLASS(class);
	PCIDeviceClass *pci = PCI_DEVICE_CLASS(class);

	VIRTIO_PCI_CLASS(class)->realize = proxy_realize;
	set_bit(DEVICE_CATEGORY_MISC, device->categories);
	device->desc = "virtio-iommu device (viommu)";
	device->hotpluggable = false;
	pci->revision = VIRTIO_PCI_ABI_VERSION;
	pci->class_id = PCI_CLASS_OTHERS;
}

void pci_types_register(void)
{
	static const VirtioPCIDeviceTypeInfo type = {
		.generic_name = TYPE_VIOMMU_PCI,
		.instance_size = sizeof(struct proxy),
		.instance_init = proxy_init,
		.class_init = proxy_class_init,
	};

	virtio_pci_types_register(&type);
}
