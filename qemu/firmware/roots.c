/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * The root buses of the machine, their bus numbers, and the IOMMU that serves each
 */

iommu_list iommus = QTAILQ_HEAD_INITIALIZER(iommus);

static int root_add(Object *object, void *opaque)
{
	GPtrArray *roots = opaque;

	if (object_dynamic_cast(object, TYPE_PCI_BUS) && pci_bus_is_root(PCI_BUS(object)))
		g_ptr_array_add(roots, object);
	return 0;
}

static gint root_compare(gconstpointer a, gconstpointer b)
{
	return pci_bus_num(*(PCIBus *const *)a) - pci_bus_num(*(PCIBus *const *)b);
}

GPtrArray *root_buses(void)
{
	GPtrArray *roots = g_ptr_array_new();

	object_child_foreach_recursive(object_get_root(), root_add, roots);
	g_ptr_array_sort(roots, root_compare);
	return roots;
}

/* The guest may number buses below a root bus up to the number of the next root bus. */
uint8_t root_bus_last(const GPtrArray *roots, guint i)
{
	return i + 1 < roots->len ? (uint8_t)(pci_bus_num(roots->pdata[i + 1]) - 1) : UINT8_MAX;
}

struct iommu *root_iommu(PCIBus *root)
{
	struct iommu *iommu;

	QTAILQ_FOREACH(iommu, &iommus, next)
		if (iommu->root_bus == root && !iommu->bypassed)
			return iommu;
	return NULL;
}

PCIDevice *iommu_function(const struct iommu *iommu)
{
	Object *parent = OBJECT(iommu)->parent;

	return (PCIDevice *)object_dynamic_cast(parent, TYPE_PCI_DEVICE);
}

uint64_t iommu_window(const struct iommu *iommu)
{
	BusState *bus = qdev_get_parent_bus(DEVICE(iommu));

	return SYS_BUS_DEVICE(bus->parent)->mmio[0].addr;
}

PCIBus *root_of(PCIBus *bus)
{
	while (!pci_bus_is_root(bus))
		bus = pci_get_bus(bus->parent_dev);
	return bus;
}
