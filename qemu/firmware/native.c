/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * Beside an IOMMU of the machine: intel-iommu, amd-iommu, Arm's SMMUv3
 *
 * Each root bus has one of them, but the machine's own table (DMAR, IVRS, IORT) claims all root buses
 * that have no bypass_iommu=on. Linux believes that table first, and drives the machine's IOMMU for
 * functions that QEMU sends through ours. The table must therefore be generated as if our root buses
 * had bypass_iommu=on, although with it QEMU does not give their functions our address spaces.
 *
 * Generators read the property when the guest selects the table's file after a reset; functions are
 * given their address spaces when they are plugged in. So it is on from the reset on, except while a
 * function is plugged in.
 */

static bool is_native(PCIBus *root)
{
	struct iommu *iommu;

	QTAILQ_FOREACH(iommu, &iommus, next)
		if (iommu->root_bus == root)
			return false;
	return bus_has_iommu(root);
}

/* Is there a root bus with the machine's IOMMU, and one with ours? */
static bool is_beside_native(void)
{
	g_autoptr(GPtrArray) roots = root_buses();
	bool native = false, ours = false;

	for (guint i = 0; i < roots->len; i++) {
		native |= is_native(roots->pdata[i]);
		ours |= root_iommu(roots->pdata[i]) != NULL;
	}
	return native && ours;
}

/*
 * Linux gives no MSIs to a function that the table leaves out, once the machine's IOMMU remaps
 * interrupts (map_dev_to_ir()).
 */
bool native_check(Error **errp)
{
	Object *native = object_resolve_path_type("", "x86-iommu", NULL);
	g_autofree char *remaps = NULL;

	if (!native || !is_beside_native())
		return true;
	remaps = object_property_get_str(native, "intremap", &error_abort);
	if (!g_str_equal(remaps, "on"))
		return true;
	error_setg(errp, "%s remaps interrupts, so that functions behind " TYPE_VIOMMU_DEVICE
		   " would have no MSIs: give it intremap=off",
		   object_get_typename(native));
	return false;
}

static void note_function(PCIBus *bus, PCIDevice *function, void *found)
{
	*(bool *)found = true;
}

/*
 * Linux 6.12 looks up a function in the table of an IVRS before it compares the ID with the last one
 * of the IVRS (rlookup_amd_iommu() in amd_iommu_probe_device()): of a function above, it reads what is
 * behind the table. Linux 7.3 does not.
 */
bool native_is_below(PCIBus *root)
{
	g_autoptr(GPtrArray) roots = root_buses();
	bool found = false;

	if (!object_resolve_path_type("", "amd-iommu", NULL) || !is_beside_native())
		return false;
	for (guint i = 0; i < roots->len; i++)
		if (pci_bus_num(roots->pdata[i]) > pci_bus_num(root) &&
		    !root_iommu(roots->pdata[i]) && !pci_bus_bypass_iommu(roots->pdata[i]))
			pci_for_each_device_under_bus(roots->pdata[i], note_function, &found);
	return !found;
}

void native_hide_roots(bool hide)
{
	static bool hidden;
	struct iommu *iommu;

	if (hide == hidden || (hide && !is_beside_native()))
		return;
	hidden = hide;
	QTAILQ_FOREACH(iommu, &iommus, next)
		if (iommu->root_bus && !iommu->bypassed)
			PCI_HOST_BRIDGE(BUS(iommu->root_bus)->parent)->bypass_iommu = hide;
}
