/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * The root bus of an IOMMU: QEMU requests the address space of each function below it, and reports
 * unplugged functions
 */

/* virtio-iommus are never translated, neither this one nor another. */
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
	return &endpoint_at(iommu, bus, devfn, NULL)->as;
}

/*
 * Functions behind a PCIe-to-PCI bridge do not have their own: they do DMA with one requester ID,
 * which may be that of one of them, and share its endpoint. The endpoint outlives that function,
 * because the others still use it.
 */
static bool has_endpoint_of_its_own(PCIBus *bus)
{
	return pci_bus_is_express(bus) || pci_bus_is_root(bus);
}

/*
 * For a function behind a PCIe-to-PCI bridge, QEMU requests only the address space of the ID that
 * the bridge uses. Drivers also probe and attach the function's own ID, so it has an endpoint too,
 * whose alias is that of the bridge (alias.c).
 */
static void add_aliased(struct iommu *iommu, PCIDevice *function)
{
	PCIBus *bus = pci_get_bus(function);

	if (!has_endpoint_of_its_own(bus))
		endpoint_at(iommu, bus, function->devfn, endpoint_of(iommu, function));
}

/* QEMU asks for the address space before a function has its capabilities. */
static void complete(struct iommu *iommu, PCIDevice *function)
{
	struct endpoint *endpoint;

	QLIST_FOREACH(endpoint, &iommu->endpoints, next)
		if (endpoint->bus == pci_get_bus(function) && endpoint->devfn == function->devfn)
			endpoint_complete(endpoint, function);
}

/* -- the root bus ------------------------------------------------------------------ */

struct assigned {
	PCIBus *root;
	PCIDevice *found;
};

/* Functions that have taken their address space when they were realized, and do not ask again. Those below
 * an expander bridge have another root bus. */
static void find_assigned(PCIBus *bus, PCIDevice *function, void *opaque)
{
	static const char *const types[] = { "vfio-pci", "vfio-user-pci" };
	struct assigned *assigned = opaque;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (object_dynamic_cast(OBJECT(function), types[i]) && root_of(bus) == assigned->root)
			assigned->found = function;
}

static void find_assigned_below(PCIBus *bus, void *opaque)
{
	pci_for_each_device_under_bus(bus, find_assigned, opaque);
}

static bool can_serve(PCIBus *bus, Error **errp)
{
	struct assigned assigned = { .root = bus };
	bool refused;

	if (!pci_bus_is_root(bus) || bus_has_iommu(bus)) {
		error_setg(errp, "root-bus: '%s' %s", BUS(bus)->name,
			   bus_has_iommu(bus) ? "already has an IOMMU" : "is not a root bus");
		return false;
	}
	pci_for_each_bus_depth_first(bus, NULL, find_assigned_below, &assigned);
	refused = assigned.found && !pci_bus_bypass_iommu(bus);
	if (refused)
		error_setg(errp,
			   "root-bus: %s, an assigned device, is created before the IOMMU, which "
			   "would not translate its DMA: put it behind the IOMMU on the command "
			   "line, or write '-device %s,...' instead of JSON, which QEMU creates "
			   "later",
			   DEVICE(assigned.found)->id ?: "a function", TYPE_VIOMMU_PCI);
	return !refused;
}

static bool serve_root(struct iommu *iommu, Error **errp)
{
	static const bus_iommu functions = BUS_IOMMU(address_space_of);

	if (!can_serve(iommu->root_bus, errp)) {
		iommu->root_bus = NULL;
		return false;
	}
	bus_set_iommu(iommu->root_bus, &functions, iommu);
	iommu->bypassed = pci_bus_bypass_iommu(iommu->root_bus);
	return true;
}

/*
 * The bus that the user names may come later: QEMU creates devices that are given as JSON, as libvirt
 * does, after all others.
 */
static bool find_root(struct iommu *iommu, Error **errp)
{
	bool ambiguous = false;
	Object *bus = object_resolve_path_type(iommu->settings.root_bus, TYPE_PCI_BUS, &ambiguous);

	iommu->awaits_root = !bus && !ambiguous;
	if (ambiguous) {
		error_setg(errp, "root-bus: several buses have the name '%s'",
			   iommu->settings.root_bus);
		return false;
	}
	if (!bus)
		return true;
	iommu->root_bus = PCI_BUS(bus);
	return serve_root(iommu, errp);
}

static void device_plugged(DeviceListener *listener, DeviceState *device)
{
	struct iommu *iommu = container_of(listener, struct iommu, device_listener);
	PCIDevice *function;

	if (!object_dynamic_cast(OBJECT(device), TYPE_PCI_DEVICE))
		return;
	if (iommu->awaits_root)
		find_root(iommu, &error_fatal);
	function = PCI_DEVICE(device);
	if (iommu->root_bus && root_of(pci_get_bus(function)) == iommu->root_bus) {
		add_aliased(iommu, function);
		complete(iommu, function);
		if (phase_check(PHASE_MACHINE_READY))
			warn_untranslated(iommu, function);
	}
	if (phase_check(PHASE_MACHINE_READY))
		native_hide_roots(true);
}

/* Called before a device is realized; hides none. */
static bool device_coming(DeviceListener *listener, const QDict *options, bool from_json, Error **errp)
{
	native_hide_roots(false);
	return false;
}

/* Functions of the command line get their address spaces when the machine is complete. */
void bus_complete(struct iommu *iommu)
{
	struct endpoint *endpoint;

	if (iommu->awaits_root)
		error_setg(&error_fatal, "root-bus: there is no PCI bus '%s'", iommu->settings.root_bus);
	QLIST_FOREACH(endpoint, &iommu->endpoints, next)
		if (endpoint->bus && endpoint->bus->devices[endpoint->devfn])
			endpoint_complete(endpoint, endpoint->bus->devices[endpoint->devfn]);
	native_hide_roots(true);
	if (!iommu->complete)
		warn_all(iommu);
	iommu->complete = true;
}

/*
 * Does the endpoint of this function serve its whole bus? A PCIe-to-PCI bridge sends all DMA with
 * the requester ID of function 0 of its secondary bus.
 */
static bool is_for_all(PCIBus *bus, int devfn)
{
	return !has_endpoint_of_its_own(bus) && !devfn && pci_is_express(bus->parent_dev);
}

/*
 * If a bridge is unplugged, all endpoints behind it are released: QEMU frees the bus, and the
 * endpoints become free for functions of other buses. Notifiers of a function end with it: QEMU lets it
 * unregister those of PASIDs only while the guest has PASIDs enabled.
 */
static void device_unplugged(DeviceListener *listener, DeviceState *device)
{
	struct iommu *iommu = container_of(listener, struct iommu, device_listener);
	PCIBus *bus = NULL, *behind = NULL;
	struct endpoint *endpoint;

	if (!object_dynamic_cast(OBJECT(device), TYPE_PCI_DEVICE))
		return;
	if (!is_for_all(pci_get_bus(PCI_DEVICE(device)), PCI_DEVICE(device)->devfn))
		bus = pci_get_bus(PCI_DEVICE(device));
	if (object_dynamic_cast(OBJECT(device), TYPE_PCI_BRIDGE))
		behind = pci_bridge_get_sec_bus(PCI_BRIDGE(device));
	QLIST_FOREACH(endpoint, &iommu->endpoints, next) {
		if (!endpoint->bus ||
		    (endpoint->bus != behind &&
		     (endpoint->bus != bus || endpoint->devfn != PCI_DEVICE(device)->devfn)))
			continue;
		endpoint_unregister(endpoint);
		requester_forget(endpoint);
		if (endpoint->bus == behind)
			endpoint->bus = NULL;
	}
	endpoints_deliver(iommu);
}

bool bus_serve(struct iommu *iommu, Error **errp)
{
	bool served = true;

	if (iommu->settings.root_bus)
		served = find_root(iommu, errp);
	else if (iommu->root_bus)
		served = serve_root(iommu, errp);
	notify_start(iommu);
	iommu->device_listener.realize = device_plugged;
	iommu->device_listener.unrealize = device_unplugged;
	iommu->device_listener.hide_device = device_coming;
	device_listener_register(&iommu->device_listener);
	return served;
}

/* Called only when realize() fails: no function has been plugged in below the bus by then. */
void bus_release(struct iommu *iommu)
{
	struct endpoint *endpoint;

	if (iommu->root_bus)
		bus_set_iommu(iommu->root_bus, NULL, NULL);
	device_listener_unregister(&iommu->device_listener);
	QLIST_FOREACH(endpoint, &iommu->endpoints, next) {
		endpoint_unregister(endpoint);
		endpoint->handle = viommu_handle_free(endpoint->handle);
	}
	notify_stop(iommu);
}
