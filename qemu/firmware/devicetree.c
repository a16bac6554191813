/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * Nodes and properties for virtio-iommus in the device tree of the machine
 *
 *     pcie@... {
 *             iommu-map = <RID-FIRST &iommu ID-FIRST COUNT> ...;
 *             iommu: virtio_iommu@10 { compatible, reg, #iommu-cells = <1> };
 *     };
 *     virtio_mmio@... { #iommu-cells = <1> };     a device on virtio-mmio
 *
 * The map has no virtio-iommu functions, since they are not translated. Linux finds only one root
 * bus in the node of a generic host, so expander bridges do not work with a device tree, with or
 * without an IOMMU.
 */

#define HOST "pci-host-ecam-generic"

static bool wants_tree(const struct iommu *iommu)
{
	return iommu->firmware == FIRMWARE_AUTO || iommu->firmware == FIRMWARE_DT;
}

/* The path of the first node that has this `compatible`, and this name unless it is NULL; or NULL. */
static char *find_node(void *fdt, const char *name, const char *compatible)
{
	g_auto(GStrv) paths = qemu_fdt_node_path(fdt, name, compatible, NULL);

	return paths && paths[0] ? g_strdup(paths[0]) : NULL;
}

static uint32_t node_add(void *fdt, const char *host, PCIDevice *function)
{
	static const char compatible[] = "virtio,pci-iommu\0pci1af4,1057";
	uint32_t phandle = qemu_fdt_alloc_phandle(fdt);
	uint16_t bdf = pci_get_bdf(function);
	g_autofree char *node =
		g_strdup_printf("%s/virtio_iommu@%x,%x", host, PCI_SLOT(bdf), PCI_FUNC(bdf));

	qemu_fdt_add_subnode(fdt, node);
	qemu_fdt_setprop(fdt, node, "compatible", compatible, sizeof(compatible));
	qemu_fdt_setprop_cells(fdt, node, "reg", (uint32_t)bdf << 8, 0, 0, 0, 0);
	qemu_fdt_setprop_cell(fdt, node, "#iommu-cells", 1);
	qemu_fdt_setprop_cell(fdt, node, "phandle", phandle);
	return phandle;
}

/* Below the root on arm, below /soc on RISC-V. */
static char *mmio_node(void *fdt, const SysBusDevice *device)
{
	g_autofree char *name =
		g_strdup_printf("virtio_mmio@%" PRIx64, device->mmio[0].addr);

	return find_node(fdt, name, "virtio,mmio");
}

static uint32_t mmio_node_add(void *fdt, const char *node)
{
	uint32_t phandle = qemu_fdt_alloc_phandle(fdt);

	qemu_fdt_setprop_cell(fdt, node, "#iommu-cells", 1);
	qemu_fdt_setprop_cell(fdt, node, "phandle", phandle);
	return phandle;
}

/* The node that a function is added to, or that of the transport; NULL: the tree lacks it. */
static char *place_of(void *fdt, const struct iommu *iommu)
{
	if (!fdt)
		return NULL;
	if (iommu_function(iommu))
		return find_node(fdt, NULL, HOST);
	return mmio_node(fdt, SYS_BUS_DEVICE(qdev_get_parent_bus(DEVICE(iommu))->parent));
}

/* Give the nodes of virtio-mmio transports their endpoint IDs. */
static void platform_link(void *fdt, const struct iommu *iommu, uint32_t phandle)
{
	struct endpoint *endpoint;

	QLIST_FOREACH(endpoint, &iommu->endpoints, next)
		if (endpoint->platform) {
			g_autofree char *node =
				mmio_node(fdt, SYS_BUS_DEVICE(endpoint->platform));

			if (node)
				qemu_fdt_setprop_cells(fdt, node, "iommus", phandle, endpoint->id);
		}
}

static void map_add(GArray *map, uint32_t phandle, uint32_t first, uint32_t end)
{
	const uint32_t cells[] = { cpu_to_be32(first), cpu_to_be32(phandle), cpu_to_be32(first),
				   cpu_to_be32(end - first) };

	if (first < end)
		g_array_append_vals(map, cells, ARRAY_SIZE(cells));
}

/* Requester IDs below a root bus, without those of virtio-iommus. */
static void map_add_root(GArray *map, uint32_t phandle, uint32_t first, uint32_t end)
{
	for (uint32_t bdf = first; bdf < end; bdf++) {
		struct iommu *other;

		QTAILQ_FOREACH(other, &iommus, next) {
			PCIDevice *function = iommu_function(other);

			if (!function || pci_get_bdf(function) != bdf)
				continue;
			map_add(map, phandle, first, bdf);
			first = bdf + 1;
		}
	}
	map_add(map, phandle, first, end);
}

static void host_link(const struct iommu *iommu, uint32_t phandle, GArray *map)
{
	g_autoptr(GPtrArray) roots = root_buses();

	for (guint i = 0; i < roots->len; i++)
		if (root_iommu(roots->pdata[i]) == iommu)
			map_add_root(map, phandle, (uint32_t)pci_bus_num(roots->pdata[i]) << 8,
				     (root_bus_last(roots, i) + 1u) << 8);
}

void devicetree_install(void)
{
	void *fdt = MACHINE(qdev_get_machine())->fdt;
	g_autoptr(GArray) map = g_array_new(false, false, sizeof(uint32_t));
	g_autofree char *host = fdt ? find_node(fdt, NULL, HOST) : NULL;
	struct iommu *iommu;

	QTAILQ_FOREACH(iommu, &iommus, next) {
		g_autofree char *place = place_of(fdt, iommu);
		PCIDevice *function = iommu_function(iommu);
		uint32_t phandle;

		if (!wants_tree(iommu))
			continue;
		if (!place) {
			if (iommu->firmware == FIRMWARE_DT)
				warn_report("firmware: this machine has no device tree to which "
					    "'dt' could add the device");
			continue;
		}
		phandle = function ? node_add(fdt, place, function) : mmio_node_add(fdt, place);
		platform_link(fdt, iommu, phandle);
		host_link(iommu, phandle, map);
	}
	if (map->len && host)
		qemu_fdt_setprop(fdt, host, "iommu-map", map->data,
				 (int)(map->len * sizeof(uint32_t)));
}
