/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * Warnings about machines in which an IOMMU does less than its user may expect
 *
 * Nothing of this is an error to QEMU or to the guest, so that a user would look for the cause in the
 * guest.
 */

#define VIRTIO_F_ACCESS_PLATFORM 33

static const char *name_of(DeviceState *device)
{
	return device->id ?: object_get_typename(OBJECT(device));
}

/* The function, or on virtio-mmio the device: what the user named on the command line. */
static const char *iommu_id(const struct iommu *iommu)
{
	PCIDevice *function = iommu_function(iommu);

	return name_of(function ? DEVICE(function) : DEVICE(iommu));
}

static bool serves_platform(const struct iommu *iommu)
{
	struct endpoint *endpoint;

	QLIST_FOREACH(endpoint, &iommu->endpoints, next)
		if (endpoint->platform)
			return true;
	return false;
}

/* A bus of its own IOMMU only, as an expander bridge without ports, can have no function later. */
static bool has_functions(const struct iommu *iommu)
{
	PCIDevice *own = iommu_function(iommu);

	for (size_t i = 0; i < ARRAY_SIZE(iommu->root_bus->devices); i++)
		if (iommu->root_bus->devices[i] && iommu->root_bus->devices[i] != own)
			return true;
	return false;
}

static void warn_idle(const struct iommu *iommu)
{
	const char *id = iommu_id(iommu), *bus;

	if (!iommu->root_bus && !serves_platform(iommu))
		warn_report("%s serves no device: it has no root bus, and no virtio-mmio device with "
			    "iommu_platform=on follows it",
			    id);
	if (!iommu->root_bus)
		return;
	bus = BUS(iommu->root_bus)->name;
	if (iommu->bypassed)
		warn_report("%s serves no function of '%s', which bypasses it: remove "
			    "bypass_iommu=on of the bridge or default_bus_bypass_iommu=on of the "
			    "machine",
			    id, bus);
	else if (!has_functions(iommu))
		warn_report("%s serves no function: '%s' has none", id, bus);
}

static void warn_proximity(const struct iommu *iommu)
{
	const NumaState *numa = MACHINE(qdev_get_machine())->numa_state;
	const struct choice *choice = &iommu->probe[PROBE_PROXIMITY];
	uint32_t n = numa ? (uint32_t)numa->num_nodes : 0;

	if (choice->kind == CHOICE_VALUE && choice->value >= n)
		warn_report("%s: probe-proximity-domain: %" PRIu32 " is no NUMA node of this "
			    "machine, which has %" PRIu32,
			    iommu_id(iommu), choice->value, n);
}

void warn_untranslated(const struct iommu *iommu, PCIDevice *function)
{
	VirtIODevice *virtio;

	if (iommu->bypassed || !object_dynamic_cast(OBJECT(function), TYPE_VIRTIO_PCI) ||
	    object_dynamic_cast(OBJECT(function), TYPE_VIOMMU_PCI))
		return;
	virtio = virtio_bus_get_device(&VIRTIO_PCI(function)->bus);
	if (virtio && !virtio_host_has_feature(virtio, VIRTIO_F_ACCESS_PLATFORM))
		warn_report("%s is behind %s, but its DMA bypasses it: add iommu_platform=on",
			    name_of(DEVICE(function)), iommu_id(iommu));
}

static void warn_function(PCIBus *bus, PCIDevice *function, void *iommu)
{
	warn_untranslated(iommu, function);
}

static void *warn_bus(PCIBus *bus, void *iommu)
{
	pci_for_each_device_under_bus(bus, warn_function, iommu);
	return iommu;
}

static void warn_overrides(const struct iommu *iommu)
{
	for (guint i = 0; i < iommu->overrides->len; i++) {
		const char *id = g_array_index(iommu->overrides, struct override, i).id;
		g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", id);

		if (!object_resolve_path(path, NULL))
			warn_report("%s: endpoints: no device has the id '%s' yet", iommu_id(iommu), id);
	}
}

static void warn_amd(const struct iommu *iommu)
{
	if (iommu->root_bus && !iommu->bypassed && native_is_below(iommu->root_bus))
		warn_report("%s: Linux 6.12 ends at functions of '%s' beside an amd-iommu: add a pxb-pcie "
			    "with a higher bus_nr and a port, which the amd-iommu serves",
			    iommu_id(iommu), BUS(iommu->root_bus)->name);
}

void warn_all(const struct iommu *iommu)
{
	warn_amd(iommu);
	warn_overrides(iommu);
	warn_idle(iommu);
	warn_proximity(iommu);
	if (iommu->root_bus)
		pci_for_each_bus_depth_first(iommu->root_bus, warn_bus, NULL, (void *)iommu);
}
