/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TESTS_DT_RIG_H
#define VIOMMU_TESTS_DT_RIG_H

#include <libfdt.h>

#include "tables_rig.h"

/*
 * Device trees made by libfdt, so that the library under test does not read its own output. Nodes
 * are added with their first property.
 */

struct blob {
	_Alignas(8) uint64_t words[8192];
};

enum { BRIDGE_IOMMU = 5, SMMU = 6, ITS = 7 };

static inline int blob_node(struct blob *blob, const char *path)
{
	int node = fdt_path_offset(blob, path), parent;
	const char *name = strrchr(path, '/');

	if (node >= 0)
		return node;
	parent = fdt_path_offset_namelen(blob, path, name == path ? 1 : (int)(name - path));
	assert_true(parent >= 0);
	node = fdt_add_subnode(blob, parent, name + 1);
	assert_true(node >= 0);
	return node;
}

static inline void blob_string(struct blob *blob, const char *path, const char *name,
			       const char *value)
{
	assert_int_equal(
		fdt_setprop(blob, blob_node(blob, path), name, value, (int)strlen(value) + 1), 0);
}

/* The cells are uint32_t. */
static inline void blob_cells(struct blob *blob, const char *path, const char *name, int n, ...)
{
	fdt32_t cells[64];
	va_list args;

	va_start(args, n);
	for (int i = 0; i < n; i++)
		cells[i] = cpu_to_fdt32(va_arg(args, uint32_t));
	va_end(args);
	assert_int_equal(
		fdt_setprop(blob, blob_node(blob, path), name, cells, (int)sizeof(cells[0]) * n),
		0);
}

static inline void blob_new(struct blob *blob)
{
	assert_int_equal(fdt_create_empty_tree(blob, sizeof(*blob)), 0);
	blob_cells(blob, "/", "#address-cells", 1, 2u);
	blob_cells(blob, "/", "#size-cells", 1, 2u);
}

/* A host bridge with a virtio-iommu at 00:01.0, and a map around its function. */
static inline void blob_machine(struct blob *blob)
{
	static const char bridge[] = "/pcie@10000000", iommu[] = "/pcie@10000000/iommu@1,0";

	blob_new(blob);
	blob_string(blob, bridge, "device_type", "pci");
	blob_string(blob, bridge, "compatible", "pci-host-ecam-generic");
	blob_cells(blob, bridge, "#address-cells", 1, 3u);
	blob_cells(blob, bridge, "#size-cells", 1, 2u);
	blob_cells(blob, bridge, "reg", 4, 0u, 0x10000000u, 0u, 0x10000000u);
	blob_cells(blob, bridge, "ranges", 7, 0x2000000u, 0u, 0x20000000u, 0u, 0x20000000u, 0u,
		   0x10000000u);
	blob_cells(blob, bridge, "bus-range", 2, 0u, 0xffu);
	blob_cells(blob, bridge, "dma-coherent", 0);
	blob_cells(blob, bridge, "iommu-map", 8, 0u, BRIDGE_IOMMU, 0u, 8u, 9u, BRIDGE_IOMMU, 9u,
		   0xfff7u);
	blob_string(blob, iommu, "compatible", "virtio,pci-iommu");
	blob_cells(blob, iommu, "reg", 5, 0x800u, 0u, 0u, 0u, 0u);
	blob_cells(blob, iommu, "#iommu-cells", 1, 1u);
	blob_cells(blob, iommu, "phandle", 1, BRIDGE_IOMMU);
}

/* An SMMU with so many cells, and a device with the given `iommus`. */
static inline void blob_smmu(struct blob *blob, const char *compatible, uint32_t cells)
{
	static const char smmu[] = "/smmu@9000000", device[] = "/dma@9100000";

	blob_string(blob, smmu, "compatible", compatible);
	blob_cells(blob, smmu, "reg", 4, 0u, 0x9000000u, 0u, 0x10000u);
	blob_cells(blob, smmu, "#iommu-cells", 1, cells);
	blob_cells(blob, smmu, "phandle", 1, SMMU);
	blob_cells(blob, device, "reg", 4, 0u, 0x9100000u, 0u, 0x1000u);
}

/* A GIC's ITS. */
static inline void blob_its(struct blob *blob)
{
	blob_string(blob, "/its@8080000", "compatible", "arm,gic-v3-its");
	blob_cells(blob, "/its@8080000", "reg", 4, 0u, 0x8080000u, 0u, 0x20000u);
	blob_cells(blob, "/its@8080000", "#msi-cells", 1, 1u);
	blob_cells(blob, "/its@8080000", "phandle", 1, ITS);
	blob_cells(blob, "/its@8080000", "msi-controller", 0);
}

static inline struct viommu_table *blob_decode(struct blob *blob, struct viommu_findings *findings)
{
	struct viommu_table *table;

	assert_int_equal(fdt_pack(blob), 0);
	table = viommu_table_decode(blob, fdt_totalsize(blob), "tree", findings);
	assert_int_equal(fdt_open_into(blob, blob, sizeof(*blob)), 0);
	return table;
}

/* The rig gets the topology of the tree. */
static inline void blob_read(struct rig *rig, struct blob *blob)
{
	struct viommu_table *table = blob_decode(blob, rig->findings);

	assert_non_null(table);
	viommu_topology_free(rig->topology);
	rig->topology = viommu_table_topology(table, rig->findings);
	viommu_table_free(table);
}

#endif
