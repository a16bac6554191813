/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device trees: decoded, dumped, and their topology. Sections are those of the bindings that
 * docs/tables.md names.
 */
#include <endian.h>

#include "dt_rig.h"

static const char bridge[] = "/pcie@10000000", device[] = "/dma@9100000";

/* -- maps -------------------------------------------------------------------------------- */

/* virtio/pci-iommu.yaml: the map excludes the IOMMU's own function; the rest is one host bridge. */
static void a_map_that_excludes_its_iommu_belongs_to_the_bridge(void **state)
{
	struct rig *rig = *state;
	const struct viommu_host_bridge *found;
	struct blob blob;

	blob_machine(&blob);
	blob_read(rig, &blob);
	found = viommu_topology_host_bridge(rig->topology, 0);
	assert_string_equal(found->iommu, "/pcie@10000000/iommu@1,0");
	assert_string_equal(found->place.path, bridge);
	assert_int_equal(viommu_topology_iommu(rig->topology, 0)->kind, VIOMMU_VIRTIO_PCI);
	assert_int_equal(viommu_topology_iommu(rig->topology, 0)->bdf, 8);
	assert_null(viommu_topology_pci_range(rig->topology, 0));
	assert_int_equal(viommu_findings_count(rig->findings), 0);
}

static void resolve(const struct rig *rig, const char *text, struct viommu_route *ret)
{
	struct viommu_device_name name;

	assert_int_equal(viommu_device_name_parse(text, &name), 0);
	viommu_topology_resolve(rig->topology, &name, &(struct viommu_route){ 0 }, ret, NULL);
}

/* pci/pci-iommu.txt, as in Linux: the first entry wins; functions in no entry bypass. */
static void the_first_entry_wins(void **state)
{
	static const struct {
		const char *function;
		enum viommu_reach reach;
		uint32_t id;
	} rows[] = {
		{ "00:00.0", VIOMMU_REACH_IOMMU, 0x100 },
		{ "00:00.3", VIOMMU_REACH_IOMMU, 0x103 },
		{ "00:00.4", VIOMMU_REACH_IOMMU, 0x204 },
		{ "00:02.0", VIOMMU_REACH_BYPASS, 0 },
	};
	struct rig *rig = *state;
	struct viommu_route route;
	struct blob blob;

	blob_machine(&blob);
	blob_cells(&blob, bridge, "iommu-map", 8, 0u, BRIDGE_IOMMU, 0x100u, 4u, 0u, BRIDGE_IOMMU,
		   0x200u, 8u);
	blob_read(rig, &blob);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		resolve(rig, rows[i].function, &route);
		assert_int_equal(route.reach, rows[i].reach);
		assert_int_equal(route.id, rows[i].id);
	}
}

/* iommu-map-mask: functions that do not differ in its bits share an ID. */
static void a_mask_merges_functions(void **state)
{
	struct rig *rig = *state;
	const struct viommu_pci_range *range;
	struct viommu_route route;
	struct blob blob;

	blob_machine(&blob);
	blob_cells(&blob, bridge, "iommu-map-mask", 1, 0xfff8u);
	blob_cells(&blob, bridge, "iommu-map", 4, 0x100u, BRIDGE_IOMMU, 0x40u, 0x10u);
	blob_read(rig, &blob);
	range = viommu_topology_pci_range(rig->topology, 0);
	assert_int_equal(range->bdf_first, 0x100);
	assert_int_equal(range->bdf_last, 0x107);
	assert_true(range->shared_id);
	resolve(rig, "01:01.5", &route);
	assert_int_equal(route.id, 0x48);
	resolve(rig, "01:02.0", &route);
	assert_int_equal(route.reach, VIOMMU_REACH_BYPASS);
}

/* The ID of 00:00.0 in the reading of those kernels; -1: it bypasses; -2: there is no such reading.
 */
static int64_t id_in(const struct rig *rig, const char *kernels)
{
	const struct viommu_device_name name = { .pci = true };
	const struct viommu_topology *other;
	struct viommu_route route, linux_route;
	const char *which;

	for (size_t i = 0; (other = viommu_topology_reading(rig->topology, i, &which)); i++) {
		if (!strstr(which, kernels))
			continue;
		viommu_topology_resolve(other, &name, &route, &linux_route, NULL);
		return route.reach == VIOMMU_REACH_IOMMU ? (int64_t)route.id : -1;
	}
	return -2;
}

/* of_map_id() of Linux, before and since ccb2fd725d41; the IOMMU has two cells. */
static void kernels_read_maps_with_different_numbers_of_cells(void **state)
{
	static const struct {
		uint32_t map[20];
		int n;
		int64_t before, since;
	} rows[] = {
		/* Two and four entries of five cells: old kernels refuse 40 bytes, and misread 80.
		 */
		{ { 0, BRIDGE_IOMMU, 0x1c00, 0, 1, 0x100, BRIDGE_IOMMU, 0x1c01, 0, 1 },
		  10,
		  -1,
		  -2 },
		{ { 0,     BRIDGE_IOMMU, 0x200,  0x400, 1, 0x100, BRIDGE_IOMMU, 0x1c01, 0, 1,
		    0x200, BRIDGE_IOMMU, 0x1c02, 0,     1, 0x300, BRIDGE_IOMMU, 0x1c03, 0, 1 },
		  20,
		  0x200,
		  -2 },
		/* The old form: new kernels take it if every length is 1. */
		{ { 0, BRIDGE_IOMMU, 0x1c00, 1 }, 4, -2, -2 },
		{ { 0, BRIDGE_IOMMU, 0x1c00, 2 }, 4, -2, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct blob blob;
		uint32_t cells[20];
		void *fresh;

		set_up(&fresh);
		blob_machine(&blob);
		blob_cells(&blob, "/pcie@10000000/iommu@1,0", "#iommu-cells", 1, 2u);
		for (int k = 0; k < rows[i].n; k++)
			cells[k] = htobe32(rows[i].map[k]);
		assert_int_equal(fdt_setprop(&blob, blob_node(&blob, bridge), "iommu-map", cells,
					     4 * rows[i].n),
				 0);
		blob_read(fresh, &blob);
		assert_int_equal(id_in(fresh, "before ccb2fd725d41"), rows[i].before);
		assert_int_equal(id_in(fresh, "since ccb2fd725d41"), rows[i].since);
		tear_down(&fresh);
	}
}

/* A mask of 0, as on Juno: all functions of the bridge share an ID. */
static void a_mask_of_0_merges_all_functions(void **state)
{
	struct rig *rig = *state;
	const struct viommu_pci_range *range;
	struct blob blob;

	blob_machine(&blob);
	blob_cells(&blob, bridge, "iommu-map-mask", 1, 0u);
	blob_cells(&blob, bridge, "iommu-map", 4, 0u, BRIDGE_IOMMU, 7u, 1u);
	blob_read(rig, &blob);
	range = viommu_topology_pci_range(rig->topology, 0);
	assert_int_equal(range->bdf_last, 0xffff);
	assert_int_equal(range->id_first, 7);
	assert_true(range->shared_id);
	assert_null(viommu_topology_pci_range(rig->topology, 1));
}

/* A mask that clears buses repeats the IDs on each bus. */
static void a_mask_without_buses_begins_again_on_each(void **state)
{
	struct rig *rig = *state;
	struct viommu_route route;
	struct blob blob;

	blob_machine(&blob);
	blob_cells(&blob, bridge, "iommu-map-mask", 1, 0xffu);
	blob_cells(&blob, bridge, "iommu-map", 4, 0x10u, BRIDGE_IOMMU, 0x500u, 0x20u);
	blob_read(rig, &blob);
	for (unsigned bus = 0; bus < 3; bus++) {
		char text[16];

		snprintf(text, sizeof(text), "%02x:03.1", bus);
		resolve(rig, text, &route);
		assert_int_equal(route.id, 0x509);
	}
}

/* Each of these maps is 8192 ranges, and a topology has room for 128 times as many. */
static void masks_are_limited_by_the_size_of_a_topology(void **state)
{
	struct rig *rig = *state;
	struct blob blob;
	size_t n = 0;

	blob_machine(&blob);
	for (unsigned i = 0; i < 140; i++) {
		char path[16];

		snprintf(path, sizeof(path), "/pci%u", i);
		blob_string(&blob, path, "device_type", "pci");
		blob_cells(&blob, path, "iommu-map-mask", 1, 0xfff8u);
		blob_cells(&blob, path, "iommu-map", 4, 0u, BRIDGE_IOMMU, 0u, 0x10000u);
	}
	blob_read(rig, &blob);
	while (viommu_topology_pci_range(rig->topology, n))
		n++;
	assert_int_equal(n, VIOMMU_MAX_SEGMENTS);
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_ERROR), 1);
	assert_true(found(rig->findings, "topology-segments"));
}

/* pci/pci-msi.txt: other device IDs than the usual ones are a range of MSIs. */
static void an_msi_map_routes_msis(void **state)
{
	struct rig *rig = *state;
	struct viommu_route route;
	struct blob blob;

	blob_machine(&blob);
	blob_its(&blob);
	blob_cells(&blob, bridge, "msi-map", 4, 0u, ITS, 0x70000u, 0x10000u);
	blob_read(rig, &blob);
	resolve(rig, "00:02.0", &route);
	assert_int_equal(route.id, 0x10);
	assert_string_equal(route.its->name, "/its@8080000");
	assert_int_equal(route.device_id, 0x70010);
	blob_cells(&blob, bridge, "msi-map", 4, 0u, ITS, 0u, 0x10000u);
	blob_read(rig, &blob);
	assert_string_equal(viommu_topology_host_bridge(rig->topology, 0)->its, "/its@8080000");
	assert_string_equal(viommu_topology_iommu(rig->topology, 0)->its, "/its@8080000");
	assert_null(viommu_topology_msi_range(rig->topology, 0));
}

/* Linux takes msi-parent for what the map lacks. */
static void an_msi_parent_completes_an_msi_map(void **state)
{
	struct rig *rig = *state;
	struct blob blob;

	blob_machine(&blob);
	blob_its(&blob);
	blob_cells(&blob, bridge, "msi-map", 4, 0x8000u, ITS, 0x8000u, 0x8000u);
	blob_cells(&blob, bridge, "msi-parent", 1, ITS);
	blob_read(rig, &blob);
	assert_false(found(rig->findings, "dt-msi-map"));
	blob_machine(&blob);
	blob_its(&blob);
	blob_cells(&blob, bridge, "msi-map", 4, 0x8000u, ITS, 0x8000u, 0x8000u);
	blob_read(rig, &blob);
	assert_true(found(rig->findings, "dt-msi-map"));
}

/* Linux numbers bridges without linux,pci-domain in their order. */
static void bridges_without_a_domain_are_counted(void **state)
{
	struct rig *rig = *state;
	struct blob blob;

	blob_machine(&blob);
	blob_string(&blob, "/pcie@20000000", "device_type", "pci");
	blob_read(rig, &blob);
	assert_int_equal(viommu_topology_host_bridge(rig->topology, 0)->segment +
				 viommu_topology_host_bridge(rig->topology, 1)->segment,
			 1);
}

/* -- devices ----------------------------------------------------------------------------- */

/* arm,mmu-500: bits of the mask are ignored, so an entry is several stream IDs. */
static void a_stream_mask_is_several_ids(void **state)
{
	struct rig *rig = *state;
	const struct viommu_platform_device *found;
	struct blob blob;

	blob_new(&blob);
	blob_smmu(&blob, "arm,mmu-500", 2);
	blob_cells(&blob, device, "iommus", 6, SMMU, 0x10u, 0x3u, SMMU, 0x80u, 0x8u);
	blob_read(rig, &blob);
	found = viommu_topology_platform_device(rig->topology, 0);
	assert_int_equal(found->base, 0x9100000);
	assert_int_equal(found->id, 0x10);
	assert_int_equal(found->n_ids, 4);
	assert_int_equal(viommu_topology_device_id(rig->topology, 0)->id, 0x80);
	assert_int_equal(viommu_topology_device_id(rig->topology, 1)->id, 0x88);
	assert_null(viommu_topology_device_id(rig->topology, 2));
	assert_int_equal(viommu_findings_count(rig->findings), 0);
}

/* An IOMMU of an unknown kind has endpoints as well. */
static void an_unknown_iommu_has_the_kind_other(void **state)
{
	struct rig *rig = *state;
	struct blob blob;

	blob_new(&blob);
	blob_smmu(&blob, "acme,iommu-9", 1);
	blob_cells(&blob, device, "iommus", 2, SMMU, 0x23u);
	blob_read(rig, &blob);
	assert_int_equal(viommu_topology_iommu(rig->topology, 0)->kind, VIOMMU_OTHER);
	assert_int_equal(viommu_topology_platform_device(rig->topology, 0)->id, 0x23);
}

/* Where size_t has 32 bits, an index that such a number is added to would wrap, and never end. */
static void a_huge_number_of_cells_ends_a_list(void **state)
{
	static const uint32_t numbers[] = { UINT32_MAX, UINT32_MAX - 1, UINT32_MAX - 2, 1u << 31,
					    1u << 30 };
	struct rig *rig = *state;
	struct blob blob;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		viommu_findings_free(rig->findings);
		rig->findings = viommu_findings_new();
		blob_machine(&blob);
		blob_smmu(&blob, "arm,mmu-500", numbers[i]);
		blob_its(&blob);
		blob_cells(&blob, "/its@8080000", "#msi-cells", 1, numbers[i]);
		blob_cells(&blob, bridge, "iommu-map", 4, 0u, SMMU, 0u, 1u);
		blob_cells(&blob, bridge, "msi-map", 4, 0u, ITS, 0u, 1u);
		blob_cells(&blob, device, "iommus", 3, SMMU, 0x10u, 0x3u);
		blob_read(rig, &blob);
		assert_true(found(rig->findings, "dt-iommus-short"));
	}
}

/* A device tree's addresses are those of its bus: `ranges` leads to the CPU's. */
static void addresses_are_followed_to_the_cpu(void **state)
{
	struct rig *rig = *state;
	struct blob blob;

	blob_new(&blob);
	blob_smmu(&blob, "arm,mmu-500", 1);
	blob_cells(&blob, "/soc", "#address-cells", 1, 1u);
	blob_cells(&blob, "/soc", "#size-cells", 1, 1u);
	blob_cells(&blob, "/soc", "ranges", 4, 0x1000u, 0x8u, 0u, 0x10000u);
	blob_cells(&blob, "/soc/dma@2000", "reg", 2, 0x2000u, 0x100u);
	blob_cells(&blob, "/soc/dma@2000", "iommus", 2, SMMU, 1u);
	blob_cells(&blob, "/soc/dma@800000", "reg", 2, 0x800000u, 0x100u);
	blob_cells(&blob, "/soc/dma@800000", "iommus", 2, SMMU, 2u);
	blob_read(rig, &blob);
	assert_int_equal(viommu_topology_platform_device(rig->topology, 0)->base +
				 viommu_topology_platform_device(rig->topology, 1)->base,
			 0x800001000);
}

/* "status": nodes below a disabled node are disabled as well. */
static void disabled_nodes_are_ignored(void **state)
{
	struct rig *rig = *state;
	struct blob blob;

	blob_machine(&blob);
	blob_string(&blob, bridge, "status", "disabled");
	blob_read(rig, &blob);
	assert_null(viommu_topology_host_bridge(rig->topology, 0));
	assert_null(viommu_topology_iommu(rig->topology, 0));
	assert_int_equal(viommu_findings_count(rig->findings), 0);
}

/* -- references ------------------------------------------------------------------------------ */

/* All findings of a tree: of its rules, of reading it, and of its topology. */
static void check_all(struct rig *rig, struct blob *blob)
{
	struct viommu_table *table = blob_decode(blob, rig->findings);

	assert_non_null(table);
	viommu_table_check(table, rig->findings);
	viommu_topology_free(rig->topology);
	rig->topology = viommu_table_topology(table, rig->findings);
	viommu_topology_check(rig->topology, rig->findings);
	viommu_table_free(table);
}

/* dtc -@: lists of references have the names of nodes and properties, but offsets as values. */
static void lists_of_references_are_no_devices(void **state)
{
	static const char overlay[] = "/fragment@0/__overlay__",
			  local[] = "/__local_fixups__/fragment@0/__overlay__";
	char path[100];
	struct rig *rig = *state;
	struct blob blob;

	blob_new(&blob);
	blob_string(&blob, "/fragment@0", "target-path", "/");
	blob_cells(&blob, overlay, "#address-cells", 1, 2u);
	blob_cells(&blob, overlay, "#size-cells", 1, 2u);
	snprintf(path, sizeof(path), "%s/smmu@9000000", overlay);
	blob_string(&blob, path, "compatible", "arm,smmu-v3");
	blob_cells(&blob, path, "reg", 4, 0u, 0x9000000u, 0u, 0x20000u);
	blob_cells(&blob, path, "#iommu-cells", 1, 1u);
	blob_cells(&blob, path, "phandle", 1, SMMU);
	snprintf(path, sizeof(path), "%s/dma", overlay);
	blob_cells(&blob, path, "iommus", 2, SMMU, 1u);
	blob_node(&blob, "/__local_fixups__");
	blob_node(&blob, "/__local_fixups__/fragment@0");
	blob_node(&blob, local);
	snprintf(path, sizeof(path), "%s/dma", local);
	blob_cells(&blob, path, "iommus", 1, 0u);
	blob_cells(&blob, path, "iommu-addresses", 1, 0u);
	check_all(rig, &blob);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	assert_int_equal(viommu_topology_iommu(rig->topology, 0)->base, 0x9000000);
}

/* renesas,ipmmu-vmsa.yaml: what is behind a cache is translated by the tables of the main IOMMU. */
static void the_main_iommu_of_a_cache_is_not_idle(void **state)
{
	struct rig *rig = *state;
	struct blob blob;

	blob_new(&blob);
	blob_smmu(&blob, "renesas,ipmmu-r8a7795", 1);
	blob_cells(&blob, "/cache", "#iommu-cells", 1, 1u);
	blob_cells(&blob, "/cache", "phandle", 1, BRIDGE_IOMMU);
	blob_cells(&blob, device, "iommus", 2, BRIDGE_IOMMU, 1u);
	check_all(rig, &blob);
	assert_finding(rig, 0,
		       "tree:/smmu@9000000: note: the IOMMU smmu@9000000 translates nothing; "
		       "refer to it in `iommus` or `iommu-map`, or disable it [dt-iommu-idle]");
	viommu_findings_free(rig->findings);
	rig->findings = viommu_findings_new();
	blob_cells(&blob, "/cache", "renesas,ipmmu-main", 2, SMMU, 0u);
	check_all(rig, &blob);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
}

/* fsl,qoriq-mc.yaml: the IDs of its map are not those of PCI. */
static void the_iommu_of_a_bus_that_is_not_pci_is_not_idle(void **state)
{
	struct rig *rig = *state;
	struct blob blob;

	blob_new(&blob);
	blob_smmu(&blob, "arm,smmu-v3", 1);
	blob_cells(&blob, "/fsl-mc", "iommu-map", 4, 23u, SMMU, 23u, 64u);
	check_all(rig, &blob);
	assert_true(found(rig->findings, "dt-map-bus"));
	assert_false(found(rig->findings, "dt-iommu-idle"));
}

/* Linux ignores the rest of a cell, and then the device has no IOMMU. */
static void a_list_without_whole_cells_is_reported(void **state)
{
	struct rig *rig = *state;
	struct blob blob;

	blob_new(&blob);
	blob_smmu(&blob, "arm,smmu-v3", 1);
	blob_string(&blob, device, "iommus", "1");
	blob_cells(&blob, "/other", "iommus", 0);
	blob_read(rig, &blob);
	assert_int_equal(viommu_findings_count(rig->findings), 2);
	assert_true(found(rig->findings, "dt-iommus-short"));
}

/* Linux's of_iommu_get_resv_regions(): only what memory-region refers to is read. */
static void addresses_count_if_the_device_refers_to_their_memory(void **state)
{
	struct rig *rig = *state;
	struct blob blob;

	blob_new(&blob);
	blob_smmu(&blob, "arm,smmu-v3", 1);
	blob_cells(&blob, device, "iommus", 2, SMMU, 1u);
	blob_cells(&blob, device, "phandle", 1, BRIDGE_IOMMU);
	blob_node(&blob, "/reserved-memory");
	blob_cells(&blob, "/reserved-memory/fb", "iommu-addresses", 5, BRIDGE_IOMMU, 0u, 0u, 0u,
		   0x1000u);
	blob_cells(&blob, "/reserved-memory/fb", "phandle", 1, ITS);
	blob_read(rig, &blob);
	assert_true(found(rig->findings, "dt-addresses-region"));
	viommu_findings_free(rig->findings);
	rig->findings = viommu_findings_new();
	blob_cells(&blob, device, "memory-region", 2, SMMU, ITS);
	blob_read(rig, &blob);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
}

/* -- bytes ------------------------------------------------------------------------------- */

/* "Decoding keeps everything": what is in the blob, and what lies behind it. */
static void a_tree_encodes_to_itself(void **state)
{
	struct rig *rig = *state;
	struct blob blob;

	blob_machine(&blob);
	walk((const uint8_t *)&blob, sizeof(blob), rig->findings);
	blob_node(&blob, "/\x80odd\"name");
	walk((const uint8_t *)&blob, sizeof(blob), rig->findings);
}

/* The text is source for dtc, and names the node of a phandle. */
static void the_text_names_the_node_of_a_phandle(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table;
	struct blob blob;
	char *text;

	blob_machine(&blob);
	table = blob_decode(&blob, rig->findings);
	text = viommu_table_text(table);
	assert_non_null(strstr(text, "/dts-v1/;\n\n/ {\n"));
	assert_non_null(strstr(text, "iommu-map = <0x0 0x5 0x0 0x8 0x9 0x5 0x9 0xfff7>; "
				     "/* 0x5: /pcie@10000000/iommu@1,0 */\n"));
	assert_non_null(strstr(text, "device_type = \"pci\";\n"));
	free(text);
	viommu_table_free(table);
}

/* A tree with any byte changed, or cut off anywhere, is not read beyond its end. */
static void a_damaged_tree_does_not_crash_the_reader(void **state)
{
	struct rig *rig = *state;
	struct blob blob;
	size_t length;

	blob_machine(&blob);
	blob_smmu(&blob, "arm,mmu-500", 2);
	blob_cells(&blob, device, "iommus", 3, SMMU, 0x10u, 0x3u);
	blob_cells(&blob, bridge, "iommu-map-mask", 1, 0xffffu);
	assert_int_equal(fdt_pack(&blob), 0);
	length = fdt_totalsize(&blob);
	for (size_t at = 0; at < length; at++) {
		uint8_t *copy = copy_of(&blob, length), *cut = copy_of(&blob, at);

		copy[at] ^= (uint8_t)(1u << at % 8);
		walk(copy, length, rig->findings);
		walk(cut, at, rig->findings);
		free(copy);
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RIG(a_map_that_excludes_its_iommu_belongs_to_the_bridge),
		WITH_A_RIG(the_first_entry_wins),
		WITH_A_RIG(a_mask_merges_functions),
		cmocka_unit_test(kernels_read_maps_with_different_numbers_of_cells),
		WITH_A_RIG(a_mask_of_0_merges_all_functions),
		WITH_A_RIG(a_mask_without_buses_begins_again_on_each),
		WITH_A_RIG(masks_are_limited_by_the_size_of_a_topology),
		WITH_A_RIG(an_msi_map_routes_msis),
		WITH_A_RIG(an_msi_parent_completes_an_msi_map),
		WITH_A_RIG(bridges_without_a_domain_are_counted),
		WITH_A_RIG(a_stream_mask_is_several_ids),
		WITH_A_RIG(an_unknown_iommu_has_the_kind_other),
		WITH_A_RIG(a_huge_number_of_cells_ends_a_list),
		WITH_A_RIG(addresses_are_followed_to_the_cpu),
		WITH_A_RIG(disabled_nodes_are_ignored),
		WITH_A_RIG(lists_of_references_are_no_devices),
		WITH_A_RIG(the_main_iommu_of_a_cache_is_not_idle),
		WITH_A_RIG(the_iommu_of_a_bus_that_is_not_pci_is_not_idle),
		WITH_A_RIG(a_list_without_whole_cells_is_reported),
		WITH_A_RIG(addresses_count_if_the_device_refers_to_their_memory),
		WITH_A_RIG(a_tree_encodes_to_itself),
		WITH_A_RIG(the_text_names_the_node_of_a_phandle),
		WITH_A_RIG(a_damaged_tree_does_not_crash_the_reader),
	};

	return cmocka_run_group_tests_name("device trees", tests, NULL, NULL);
}
