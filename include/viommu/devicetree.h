/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICETREE_H
#define VIOMMU_DEVICETREE_H

#include <viommu/tables.h>

/*
 * Device trees, generated from a topology
 *
 * The device tree describes a machine without ACPI. It describes IOMMUs by a few properties:
 * #iommu-cells in their nodes, iommu-map and msi-map in host bridges, `iommus` in other devices,
 * numa-node-id in all of them. These functions add them to the machine's own tree, or generate an
 * overlay for it. A tree without a base is only for reading.
 *
 *     topology --+--> struct viommu_table: the tree with its IOMMUs (DTB)
 *     base tree -+                         what has to be added to it (DTBO)
 *
 * An overlay for the tree of a machine:
 *
 *     struct viommu_table *base = viommu_table_decode(bytes, length, "virt.dtb", findings);
 *     struct viommu_devicetree how = { .size = sizeof(how), .base = base, .overlay = true };
 *     struct viommu_table *overlay = viommu_devicetree_generate(machine, &how, findings);
 *
 * viommu_table_encode() gives the bytes for a boot loader. Bindings, in
 * Documentation/devicetree/bindings of Linux: virtio/pci-iommu, virtio/mmio, iommu/iommu,
 * pci/pci-iommu, pci/pci-msi, numa; Devicetree Specification 0.4, 2.3 (standard properties) and
 * chapter 5 (the blob).
 *
 * Device trees are read, printed and checked like any table (<viommu/tables.h>); their signature is
 * "DTB", and viommu_table_text() gives the source for dtc. Used by one thread at a time. RUNNING
 * OUT OF MEMORY NEVER ENDS THE PROGRAM (<viommu/topology.h>).
 */

#ifdef __cplusplus
extern "C" {
#endif

/* Options of viommu_devicetree_generate(). Begins with its own size; zeroes are defaults. */
struct viommu_devicetree {
	size_t size;

	/*
	 * The machine's own device tree, which is not changed. Nodes are found by path, if the name
	 * of an object is one, and otherwise by location: registers, segment and buses. Missing
	 * nodes of IOMMUs are added; any other missing node is an error. NULL: a new tree with only
	 * the content of the topology.
	 */
	const struct viommu_table *base;

	bool overlay; /* generate an overlay for `base`, not the whole tree */

	/* Replace existing properties with another meaning; without this they are an error. A
	 * property with the same meaning is kept in any case. */
	bool force;
};

/*
 * Generate a device tree. NULL if there was an error, such as a `base` that is not a device tree,
 * or an overlay without a base. What a device tree cannot describe is a finding. With `how` NULL,
 * as viommu_table_generate() with "DTB". `base` is not changed, and may be freed afterwards. The
 * result is to be freed with viommu_table_free(). NULL without a finding: `size` was not set, or a
 * member is set that this library does not have. Findings about conflicting properties have places
 * in the base, such as "virt.dtb:/pcie@10000000:iommu-map".
 *
 * Returns: the table; NULL: an error among the findings, or `how` is wrong. Locks: none. Waits:
 * no. Since: 0.1 (testing)
 */
struct viommu_table *viommu_devicetree_generate(const struct viommu_topology *topology,
						const struct viommu_devicetree *how,
						struct viommu_findings *findings);

/*
 * Kernel command-line arguments for devices on virtio-mmio (virtio 1.3, 4.2), on a machine with
 * neither ACPI nor a device tree: "virtio_mmio.device=512@0x10001000:5" for each virtio-iommu with
 * a register window, separated by spaces. The arguments do not describe the endpoints of an IOMMU,
 * which is a finding; an IOMMU without an interrupt is omitted, with a finding. Free the result
 * with free(); NULL if there are no arguments. The three numbers are the length of the window in
 * bytes (512 if `span` is 0), its base, and its first interrupt.
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
