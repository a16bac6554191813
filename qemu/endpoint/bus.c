/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * The root bus that an IOMMU serves: QEMU asks for the address space of each function below it, and
 * reports functions that are unplugged
 */

/* virtio-iommus themselves are not translated: neither this one nor another. */
static bool is_viommu(PCIBus *bus, int devfn)
{
	PCIDevice *device = bus->devices[devfn];

	return device && object_dynamic_cast(OBJECT(device), TYPE_VIOMMU_PCI);
}

static AddressSpace *address_space_of(PCIBus *bus, void *opaque, int devfn)
{
	struct iommu *iommu = opaque;

	if (root_of(bus) != iommu->root_bus || is_viommu(bus, devfn))
		return &address_space_memory;
	return &endpoint_at(iommu, bus, devfn)->as;
}

/* Behind a bridge to PCI all functions share an endpoint, which may have the number of one of
 * them. It does not go with that one, for the others go on. */
static bool has_endpoint_of_its_own(PCIBus *bus)
{
	return pci_bus_is_express(bus) || pci_bus_is_root(bus);
}

/* Of a bridge, all endpoints behind it go, and their bus will not come back. */
static void device_unplugged(DeviceListener *listener, DeviceState *device)
{
	struct iommu *iommu = container_of(listener, struct iommu, unplugs);
	PCIBus *bus = NULL, *behind = NULL;
	struct endpoint *endpoint;

	if (!object_dynamic_cast(OBJECT(device), TYPE_PCI_DEVICE))
		return;
	if (has_endpoint_of_its_own(pci_get_bus(PCI_DEVICE(device))))
		bus = pci_get_bus(PCI_DEVICE(device));
	if (object_dynamic_cast(OBJECT(device), TYPE_PCI_BRIDGE))
		behind = pci_bridge_get_sec_bus(PCI_BRIDGE(device));
	QLIST_FOREACH(endpoint, &iommu->endpoints, next) {
		if (!endpoint->bus ||
		    (endpoint->bus != behind &&
		     (endpoint->bus != bus || endpoint->devfn != PCI_DEVICE(device)->devfn)))
			continue;
		endpoint_leave(endpoint);
		if (endpoint->bus == behind)
			endpoint->bus = NULL;
	}
	notify_deliver(iommu);
}

bool endpoints_attach(struct iommu *iommu, Error **errp)
{
	static const bus_iommu functions = BUS_IOMMU(address_space_of);

	notify_start(iommu);
	iommu->unplugs.unrealize = device_unplugged;
	device_listener_register(&iommu->unplugs);
	if (!iommu->root_bus)
		return true;
	if (!pci_bus_is_root(iommu->root_bus) || bus_has_iommu(iommu->root_bus)) {
		error_setg(errp, "bus '%s' %s", BUS(iommu->root_bus)->name,
			   bus_has_iommu(iommu->root_bus) ? "has an IOMMU already"
							  : "is not a root bus");
		iommu->root_bus = NULL;
		return false;
	}
	bus_set_iommu(iommu->root_bus, &functions, iommu);
	return true;
}

/* Only when realizing has failed: nothing has been plugged in below by then. */
void endpoints_detach(struct iommu *iommu)
{
	struct endpoint *endpoint;

	if (iommu->root_bus)
		bus_set_iommu(iommu->root_bus, NULL, NULL);
	device_listener_unregister(&iommu->unplugs);
	QLIST_FOREACH(endpoint, &iommu->endpoints, next)
		endpoint_leave(endpoint);
	notify_stop(iommu);
}
