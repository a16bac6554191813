/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * virtio-mmio: the device on such a bus, and endpoints on others
 *
 * virtio 1.3, "Virtio Over MMIO". A viommu-device on a virtio-mmio bus serves the machine's first
 * root bus, if that has no IOMMU yet, and the virtio devices on other virtio-mmio buses that have
 * iommu_platform=on and follow it on the command line. QEMU's virtio-mmio gives devices the
 * system's address space unless the bus class has a get_dma_as(), which is set here.
 */

static struct iommu *server; /* the first IOMMU on virtio-mmio */

static AddressSpace *transport_address_space(DeviceState *transport)
{
	if (server->virtio.parent_obj.parent_bus->parent == transport)
		return &address_space_memory;
	return endpoint_platform(server, transport);
}

static bool transport_has_iommu(DeviceState *transport)
{
	return true;
}

static void choose_root_bus(struct iommu *iommu)
{
	g_autoptr(GPtrArray) roots = root_buses();

	if (iommu->settings.pci && !iommu->settings.root_bus && roots->len && !bus_has_iommu((PCIBus *)roots->pdata[0]))
		iommu->root_bus = roots->pdata[0];
}

static bool is_on_mmio(struct iommu *iommu)
{
	return object_dynamic_cast(OBJECT(qdev_get_parent_bus(DEVICE(iommu))->parent), TYPE_VIRTIO_MMIO);
}

/* QEMU's virtio-mmio has no register QueueReset (4.2.2). */
uint64_t mmio_lacks(struct iommu *iommu)
{
	return is_on_mmio(iommu) ? BIT_ULL(VIRTIO_F_RING_RESET) : 0;
}

void mmio_prepare(struct iommu *iommu)
{
	BusState *bus = qdev_get_parent_bus(DEVICE(iommu));

	if (!is_on_mmio(iommu))
		return;
	VIRTIO_MMIO(bus->parent)->legacy = false; /* a virtio-iommu has no legacy interface */
	choose_root_bus(iommu);
	if (server)
		return;
	server = iommu;
	VIRTIO_BUS_GET_CLASS(bus)->get_dma_as = transport_address_space;
	VIRTIO_BUS_GET_CLASS(bus)->iommu_enabled = transport_has_iommu;
}
