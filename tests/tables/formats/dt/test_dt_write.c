/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Topologies written into device trees: <viommu/devicetree.h>. Bindings are those that
 * docs/tables.md names; trees are read back with libfdt.
 */
#include <viommu/devicetree.h>
#include <viommu/diff.h>

#include "dt_rig.h"

static const char bridge[] = "/pcie@10000000", device[] = "/dma@9100000";

/* -- generating -------------------------------------------------------------------------- */

/* The tree generated from the rig's topology, into `base` if given; NULL on an error. */
static void *make(const struct rig *rig, struct blob *base, struct viommu_devicetree how)
{
	struct viommu_table *table = base ? blob_decode(base, rig->findings) : NULL, *made;
	void *bytes = NULL;

	how.size = sizeof(how);
	how.base = table;
	made = viommu_devicetree_generate(rig->topology, &how, rig->findings);
	if (made)
		viommu_table_encode(made, &bytes);
	viommu_table_free(made);
	viommu_table_free(table);
	return bytes;
}

static const struct viommu_devicetree plainly = { 0 }, by_force = { .force = true };

static void assert_cells(const void *blob, const char *path, const char *name, int n, ...)
{
	int length = 0;
	const fdt32_t *cells = fdt_getprop(blob, fdt_path_offset(blob, path), name, &length);
	va_list args;

	if (!cells)
		fail_msg("%s has no %s", path, name);
	assert_int_equal(length, n * 4);
	va_start(args, n);
	for (int i = 0; i < n; i++)
		assert_int_equal(fdt32_ld(&cells[i]), va_arg(args, uint32_t));
	va_end(args);
}

/* The tree has the same routes as the rig's topology. */
static void assert_means_the_same(const struct rig *rig, const void *blob)
{
	struct viommu_table *table = viommu_table_decode(blob, fdt_totalsize(blob), "made", NULL);
	struct viommu_topology *topology = viommu_table_topology(table, NULL);
	struct viommu_diff *diff = viommu_topology_diff(rig->topology, topology);

	for (size_t i = 0; i < viommu_diff_count(diff, VIOMMU_DIFFERENCE_ROUTE); i++)
		fail_msg("%s", viommu_difference_line(viommu_diff_get(diff, i)));
	viommu_diff_free(diff);
	viommu_topology_free(topology);
	viommu_table_free(table);
}

/* A machine without an IOMMU. */
static void bare_machine(struct blob *blob)
{
	blob_machine(blob);
	assert_int_equal(fdt_delprop(blob, fdt_path_offset(blob, bridge), "iommu-map"), 0);
	assert_int_equal(fdt_del_node(blob, fdt_path_offset(blob, "/pcie@10000000/iommu@1,0")), 0);
	blob_cells(blob, "/cpus", "phandle", 1, 0x40u);
}

/* -- IOMMUs ------------------------------------------------------------------------------ */

/* virtio/pci-iommu.yaml: below its bridge, with a phandle of its own, out of its own map. */
static void a_virtio_iommu_is_a_function_of_its_bridge(void **state)
{
	static const char node[] = "/pcie@10000000/iommu@1,0";
	struct rig *rig = *state;
	struct blob blob;
	void *made;

	bare_machine(&blob);
	read_fine(
		rig,
		"iommus: [ { name: a, kind: virtio-iommu-pci, at: 00:01.0, include-self: yes } ]\n"
		"host-bridges: [ { buses: 00-ff, iommu: a } ]\n");
	made = make(rig, &blob, plainly);
	assert_cells(made, node, "reg", 5, 0x800u, 0u, 0u, 0u, 0u);
	assert_cells(made, node, "#iommu-cells", 1, 1u);
	assert_cells(made, node, "phandle", 1, 0x41u);
	assert_int_equal(fdt_stringlist_count(made, fdt_path_offset(made, node), "compatible"), 2);
	assert_cells(made, bridge, "iommu-map", 8, 0u, 0x41u, 0u, 8u, 9u, 0x41u, 9u, 0xfff7u);
	free(made);
}

/* At either end of the requester IDs there is one entry, not an empty one beside it. */
static void an_iommu_at_the_end_leaves_one_entry(void **state)
{
	struct rig *rig = *state;
	struct blob blob;
	void *made;

	bare_machine(&blob);
	read_fine(rig, "iommus: [ { name: a, kind: virtio-iommu-pci, at: 00:00.0 } ]\n"
		       "host-bridges: [ { buses: 00-ff, iommu: a } ]\n");
	made = make(rig, &blob, plainly);
	assert_cells(made, bridge, "iommu-map", 4, 1u, 0x41u, 1u, 0xffffu);
	free(made);
}

/* arm,smmu-v3: interrupts by their names, edges, counted from the first shared one. */
static void a_missing_smmu_is_generated(void **state)
{
	static const char node[] = "/iommu@9050000";
	struct rig *rig = *state;
	struct blob blob;
	void *made;

	bare_machine(&blob);
	read_fine(rig, "iommus:\n"
		       "  - { name: s, kind: smmu-v3, at: 0x9050000, coherent: yes,\n"
		       "      interrupts: [106, 107, 108, 109], proximity-domain: 1 }\n"
		       "host-bridges: [ { buses: 00-ff, iommu: s } ]\n");
	made = make(rig, &blob, plainly);
	assert_cells(made, node, "reg", 4, 0u, 0x9050000u, 0u, 0x20000u);
	assert_cells(made, node, "interrupts", 12, 0u, 74u, 1u, 0u, 75u, 1u, 0u, 76u, 1u, 0u, 77u,
		     1u);
	assert_cells(made, node, "dma-coherent", 0);
	assert_cells(made, node, "numa-node-id", 1, 1u);
	assert_cells(made, bridge, "iommu-map", 4, 0u, 0x41u, 0u, 0x10000u);
	assert_means_the_same(rig, made);
	free(made);
}

/* virtio/mmio.yaml: the IOMMU is the node of the transport. */
static void a_virtio_iommu_on_mmio_is_the_transports_node(void **state)
{
	struct rig *rig = *state;
	struct blob blob;
	void *made;

	bare_machine(&blob);
	blob_string(&blob, "/virtio@a000000", "compatible", "virtio,mmio");
	blob_cells(&blob, "/virtio@a000000", "reg", 4, 0u, 0xa000000u, 0u, 0x200u);
	blob_cells(&blob, device, "reg", 4, 0u, 0x9100000u, 0u, 0x1000u);
	read_fine(rig, "iommus: [ { name: a, kind: virtio-iommu-mmio, at: 0xa000000 } ]\n"
		       "host-bridges: [ { name: /pcie@10000000, buses: 00-ff } ]\n"
		       "devices: [ { at: 0x9100000, iommu: a, id: 0x23 } ]\n");
	made = make(rig, &blob, plainly);
	assert_cells(made, "/virtio@a000000", "#iommu-cells", 1, 1u);
	assert_cells(made, device, "iommus", 2, 0x41u, 0x23u);
	assert_means_the_same(rig, made);
	free(made);
}

/* Of the only IOMMU. */
static uint32_t interrupt_of(const void *blob)
{
	struct viommu_table *table = viommu_table_decode(blob, fdt_totalsize(blob), "made", NULL);
	struct viommu_topology *topology = viommu_table_topology(table, NULL);
	uint32_t interrupt = viommu_topology_iommu(topology, 0)->interrupts[0];

	viommu_topology_free(topology);
	viommu_table_free(table);
	return interrupt;
}

/* A PLIC has one cell for an interrupt, an APLIC and an IOAPIC two, a GIC three, from 32 on. */
static void interrupts_of_virtio_mmio_are_written_and_read_by_their_controller(void **state)
{
	static const uint32_t numbers[] = { 5, 5, 37 };
	struct rig *rig = *state;

	for (uint32_t n_cells = 1; n_cells <= 3; n_cells++) {
		struct blob blob;
		char text[200];
		void *made;

		bare_machine(&blob);
		blob_cells(&blob, "/", "interrupt-parent", 1, 0x77u);
		blob_cells(&blob, "/interrupt-controller@8000000", "phandle", 1, 0x77u);
		blob_cells(&blob, "/interrupt-controller@8000000", "#interrupt-cells", 1, n_cells);
		snprintf(text, sizeof(text),
			 "iommus: [ { name: a, kind: virtio-iommu-mmio, at: 0xb000000, span: 512, "
			 "interrupts: [%u] } ]\n"
			 "host-bridges: [ { name: /pcie@10000000, buses: 00-ff, iommu: a } ]\n",
			 (unsigned)numbers[n_cells - 1]);
		read_fine(rig, text);
		made = make(rig, &blob, plainly);
		if (n_cells == 1)
			assert_cells(made, "/virtio_mmio@b000000", "interrupts", 1, 5u);
		else if (n_cells == 2)
			assert_cells(made, "/virtio_mmio@b000000", "interrupts", 2, 5u, 4u);
		else
			assert_cells(made, "/virtio_mmio@b000000", "interrupts", 3, 0u, 5u, 1u);
		assert_int_equal(interrupt_of(made), numbers[n_cells - 1]);
		free(made);
	}
}

/* -- maps -------------------------------------------------------------------------------- */

/* iommu-map-mask: as few entries as there can be, where functions share an ID. */
static void functions_that_share_an_id_get_a_mask(void **state)
{
	struct rig *rig = *state;
	struct blob blob;
	void *made;

	bare_machine(&blob);
	read_fine(rig, "iommus: [ { name: s, kind: smmu-v3, at: 0x9050000 } ]\n"
		       "host-bridges: [ { buses: 00-ff } ]\n"
		       "ranges:\n"
		       "  - { functions: 00:00.0-7f:1f.7, iommu: s, first-id: 5, one-id: yes }\n"
		       "  - { functions: 80:00.0-ff:1f.7, iommu: s, first-id: 6, one-id: yes }\n");
	made = make(rig, &blob, plainly);
	assert_cells(made, bridge, "iommu-map-mask", 1, 0x8000u);
	assert_cells(made, bridge, "iommu-map", 8, 0u, 0x41u, 5u, 1u, 0x8000u, 0x41u, 6u, 1u);
	assert_means_the_same(rig, made);
	free(made);
}

/* Without a suitable mask each function has an entry. */
static void functions_that_fit_no_mask_get_entries(void **state)
{
	struct rig *rig = *state;
	struct blob blob;
	void *made;

	bare_machine(&blob);
	read_fine(rig, "iommus: [ { name: s, kind: smmu-v3, at: 0x9050000 } ]\n"
		       "host-bridges: [ { buses: 00-ff } ]\n"
		       "ranges:\n"
		       "  - { functions: 00:00.1-00:00.2, iommu: s, first-id: 5, one-id: yes }\n"
		       "  - { functions: 00:01.0-00:1f.7, iommu: s, first-id: 0x100 }\n");
	made = make(rig, &blob, plainly);
	assert_cells(made, bridge, "iommu-map", 12, 1u, 0x41u, 5u, 1u, 2u, 0x41u, 5u, 1u, 8u, 0x41u,
		     0x100u, 0xf8u);
	assert_means_the_same(rig, made);
	free(made);
}

/* Several segments: every bridge has its number, and IDs that are its own. */
static void segments_are_numbered(void **state)
{
	struct rig *rig = *state;
	void *made;

	read_fine(rig,
		  "iommus: [ { name: s, kind: smmu-v3, at: 0x9050000 } ]\n"
		  "its-groups: [ { name: its, ids: [0] } ]\n"
		  "host-bridges:\n"
		  "  - { buses: 00-0f, iommu: s, its: its }\n"
		  "  - { segment: 1, buses: 00-ff, iommu: s, its: its, proximity-domain: 1 }\n");
	made = make(rig, NULL, plainly);
	assert_cells(made, "/pci-0000-00/pcie", "linux,pci-domain", 1, 0u);
	assert_cells(made, "/pci-0001-00/pcie", "linux,pci-domain", 1, 1u);
	assert_cells(made, "/pci-0001-00/pcie", "numa-node-id", 1, 1u);
	assert_means_the_same(rig, made);
	free(made);
}

/* -- devices ----------------------------------------------------------------------------- */

/* An SMMU with masks has several IDs in one entry; another IOMMU has an entry for each. */
static void ids_of_a_device_are_entries(void **state)
{
	struct rig *rig = *state;
	struct blob blob;
	void *made;

	blob_new(&blob);
	blob_smmu(&blob, "arm,mmu-500", 2);
	read_fine(rig, "iommus: [ { name: s, kind: smmu-v2, at: 0x9000000 } ]\n"
		       "devices: [ { name: /dma@9100000, iommu: s, id: 0x10, ids: 4 } ]\n"
		       "device-ids: [ { device: /dma@9100000, iommu: s, id: 0x21, ids: 2 } ]\n");
	made = make(rig, &blob, plainly);
	assert_cells(made, device, "iommus", 9, SMMU, 0x10u, 3u, SMMU, 0x21u, 0u, SMMU, 0x22u, 0u);
	assert_means_the_same(rig, made);
	free(made);
}

/* -- existing properties ---------------------------------------------------------------- */

/* "Existing properties are never silently replaced." */
static void a_different_property_is_refused_unless_forced(void **state)
{
	static const char machine[] = "iommus: [ { name: s, kind: smmu-v3, at: 0x9050000 } ]\n"
				      "host-bridges: [ { buses: 00-ff, iommu: s } ]\n";
	struct rig *rig = *state;
	struct blob blob;
	void *made;

	blob_machine(&blob);
	blob_cells(&blob, bridge, "iommu-map-mask", 1, 0xfff8u);
	read_fine(rig, machine);
	assert_null(make(rig, &blob, plainly));
	assert_true(found(rig->findings, "dt-differs"));
	made = make(rig, &blob, by_force);
	assert_null(fdt_getprop(made, fdt_path_offset(made, bridge), "iommu-map-mask", NULL));
	assert_means_the_same(rig, made);
	free(made);
}

/* Other entries with the same routes are kept. */
static void an_equivalent_property_is_kept(void **state)
{
	struct rig *rig = *state;
	struct blob blob;
	void *made;

	blob_machine(&blob);
	blob_cells(&blob, bridge, "iommu-map", 12, 9u, BRIDGE_IOMMU, 9u, 0xfff7u, 0u, BRIDGE_IOMMU,
		   0u, 4u, 4u, BRIDGE_IOMMU, 4u, 4u);
	read_fine(rig, "iommus: [ { name: a, kind: virtio-iommu-pci, at: 00:01.0 } ]\n"
		       "host-bridges: [ { buses: 00-ff, iommu: a } ]\n");
	made = make(rig, &blob, plainly);
	fdt_pack(&blob);
	assert_int_equal(fdt_totalsize(made), fdt_totalsize(&blob));
	assert_memory_equal(made, &blob, fdt_totalsize(&blob));
	free(made);
}

/* An overlay is added to a tree, so it needs one. */
static void an_overlay_needs_a_base(void **state)
{
	struct rig *rig = *state;

	read_fine(rig, "iommus: []\n");
	assert_null(make(rig, NULL, (struct viommu_devicetree){ .overlay = true }));
	assert_true(found(rig->findings, "dt-base"));
}

/* Overlays cannot remove anything. */
static void an_overlay_cannot_remove_a_property(void **state)
{
	struct rig *rig = *state;
	struct blob blob;

	blob_machine(&blob);
	read_fine(rig, "host-bridges: [ { buses: 00-ff } ]\n");
	assert_null(make(rig, &blob, (struct viommu_devicetree){ .overlay = true, .force = true }));
	assert_true(found(rig->findings, "dt-differs"));
}

/* -- the command line -------------------------------------------------------------------- */

/* Linux, virtio_mmio.device=SIZE@BASE:IRQ, for each, with a space in between. */
static size_t count_findings(const struct viommu_findings *findings, const char *id)
{
	size_t n = 0;

	for (size_t i = 0; i < viommu_findings_count(findings); i++)
		n += !strcmp(viommu_findings_get(findings, i)->id, id);
	return n;
}

static void each_object_that_is_omitted_is_reported(void **state)
{
	struct rig *rig = *state;

	read_fine(rig, "iommus: [ { name: a, kind: smmu-v3, at: 0x9050000 } ]\n"
		       "host-bridges: [ { name: b, buses: 00-ff, iommu: a } ]\n"
		       "ranges:\n"
		       "  - { functions: 00:1c.0, scope: bridge, iommu: a }\n"
		       "reserved-memory:\n"
		       "  - { range: 0-0xfff, iommu: a }\n"
		       "  - { range: 0x1000-0x1fff, iommu: a }\n");
	free(make(rig, NULL, plainly));
	assert_int_equal(count_findings(rig->findings, "dt-silent"), 2);
	assert_int_equal(count_findings(rig->findings, "dt-silent-path"), 1);
}

static void a_command_line_names_devices(void **state)
{
	struct rig *rig = *state;
	unsigned long long size, base;
	unsigned irq;
	int end = 0;
	char *line;

	read_fine(rig, "iommus: []\n");
	assert_null(viommu_kernel_command_line(rig->topology, rig->findings));
	read_fine(rig, "iommus:\n"
		       "  - { name: a, kind: virtio-iommu-mmio, at: 0x10001000, interrupts: [5] }\n"
		       "  - { name: b, kind: virtio-iommu-mmio, at: 0xd0000000, span: 4096,\n"
		       "      interrupts: [6] }\n"
		       "  - { name: c, kind: virtio-iommu-pci, at: 00:01.0 }\n");
	line = viommu_kernel_command_line(rig->topology, rig->findings);
	assert_string_equal(line, "virtio_mmio.device=512@0x10001000:5 "
				  "virtio_mmio.device=4096@0xd0000000:6");
	assert_int_equal(
		sscanf(line, "virtio_mmio.device=%llu@%llx:%u%n", &size, &base, &irq, &end), 3);
	assert_int_equal(line[end], ' ');
	assert_true(found(rig->findings, "cmdline-silent"));
	free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RIG(a_virtio_iommu_is_a_function_of_its_bridge),
		WITH_A_RIG(an_iommu_at_the_end_leaves_one_entry),
		WITH_A_RIG(a_missing_smmu_is_generated),
		WITH_A_RIG(a_virtio_iommu_on_mmio_is_the_transports_node),
		WITH_A_RIG(interrupts_of_virtio_mmio_are_written_and_read_by_their_controller),
		WITH_A_RIG(functions_that_share_an_id_get_a_mask),
		WITH_A_RIG(functions_that_fit_no_mask_get_entries),
		WITH_A_RIG(segments_are_numbered),
		WITH_A_RIG(ids_of_a_device_are_entries),
		WITH_A_RIG(a_different_property_is_refused_unless_forced),
		WITH_A_RIG(an_equivalent_property_is_kept),
		WITH_A_RIG(an_overlay_needs_a_base),
		WITH_A_RIG(an_overlay_cannot_remove_a_property),
		WITH_A_RIG(each_object_that_is_omitted_is_reported),
		WITH_A_RIG(a_command_line_names_devices),
	};

	return cmocka_run_group_tests_name("device trees, written", tests, NULL, NULL);
}
