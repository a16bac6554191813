/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICETREE_H
#define VIOMMU_DEVICETREE_H

#include <viommu/tables.h>

/*
 * Device trees, made from a topology
 *
 * A machine without ACPI is described by its device tree, which says of IOMMUs no more than a few
 * properties: #iommu-cells in their nodes, iommu-map and msi-map in host bridges, `iommus` in
 * other devices, numa-node-id in all of them. These are put into the machine's own tree, or into an
 * overlay for it; a tree of their own is only good for looking at.
 *
 *     topology --+--> struct viommu_table: the tree with its IOMMUs (DTB)
 *     base tree -+                         what has to be added to it (DTBO)
 *
 * An overlay for the tree of a machine, then, is
 *
 *     struct viommu_table *base = viommu_table_decode(bytes, length, "virt.dtb", findings);
 *     struct viommu_devicetree how = { .size = sizeof(how), .base = base, .overlay = true };
 *     struct viommu_table *overlay = viommu_devicetree_generate(machine, &how, findings);
 *
 * and viommu_table_encode() gives the bytes that a boot loader takes. Bindings: virtio/pci-iommu,
 * virtio/mmio, iommu/iommu, pci/pci-iommu, pci/pci-msi, numa; Devicetree Specification 0.4.
 *
 * Reading, showing and checking device trees is done as for any table (<viommu/tables.h>); their
 * signature is "DTB", and viommu_table_text() gives the source, for dtc. Used by one thread at a
 * time. RUNNING OUT OF MEMORY NEVER ENDS THE PROGRAM (<viommu/topology.h>).
 */

#ifdef __cplusplus
extern "C" {
#endif

/* How a device tree is to be made. It begins with its own size; zeroes are defaults. */
struct viommu_devicetree {
	size_t size;

	/*
	 * The machine's own device tree, which stays as it is. Nodes are found by their path, if
	 * that is an object's name, or by where they are: registers, segment and buses. Those of
	 * IOMMUs are added where they are missing; that any other is missing is an error. NULL: a
	 * new tree, with nothing in it but what a topology knows.
	 */
	const struct viommu_table *base;

	bool overlay; /* make an overlay for `base`, and not the whole tree */

	/* A property that is there and says something else is replaced; without this it is an
	 * error. One that means the same is left as it is. */
	bool force;
};

/*
 * Make a device tree. NULL if there was an error, among them: `base` is no device tree, or an
 * overlay is asked for without one. What a device tree cannot say is a finding. As
 * viommu_table_generate() with "DTB", if `how` is NULL. `base` is not changed, and may be freed
 * afterwards. The result is to be freed with viommu_table_free(). NULL without
 * a finding: `size` was not set, or a member that this library does not have. Findings about what
 * is in the way have the places of the base, as "virt.dtb:/pcie@10000000:iommu-map".
 *
 * Returns: the table; NULL: an error among the findings, or `how` is wrong. Locks: none. Waits:
 * no. Since: 0.1 (testing)
 */
struct viommu_table *viommu_devicetree_generate(const struct viommu_topology *topology,
						const struct viommu_devicetree *how,
						struct viommu_findings *findings);

/*
 * The words for the kernel's command line that tell Linux of devices on virtio-mmio, on a machine
 * that has neither ACPI nor a device tree: "virtio_mmio.device=512@0x10001000:5" for each
 * virtio-iommu with a register window, separated by spaces. Linux is told in this way that there
 * is a device, and never who is behind it: that is a finding, as is an IOMMU without an interrupt,
 * which is left out. To be freed with free(); NULL if there is none. The three numbers are bytes of
 * the window (512 where `span` is 0), where it begins, and its interrupt, the first of them.
 *
 * Returns: the arguments; NULL: there are none, or "input-memory" is among the findings. Locks:
 * none. Waits: no. Since: 0.1 (testing)
 */
char *viommu_kernel_command_line(const struct viommu_topology *topology,
				 struct viommu_findings *findings);

#ifdef __cplusplus
}
#endif

#endif
