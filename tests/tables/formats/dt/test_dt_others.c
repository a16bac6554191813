/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Performance monitors, interrupt wire bridges and command queues in device trees. Bindings:
 * perf/arm,smmu-v3-pmcg, interrupt-controller/arm,gic-v5-iwb, iommu/nvidia,tegra264-cmdqv.
 */
#include <viommu/devicetree.h>
#include <viommu/diff.h>

#include "dt_rig.h"

static const char iwb[] = "/interrupt-controller@2f000000", queues[] = "/cmdqv@5200000",
		  smmu[] = "/smmu@9000000", other[] = "/smmu@a000000", pmu[] = "/pmu@9002000";

static void forget_findings(struct rig *rig)
{
	viommu_findings_free(rig->findings);
	rig->findings = viommu_findings_new();
}

static void blob_smmu_v3(struct blob *blob, const char *path, uint32_t base, uint32_t phandle)
{
	blob_string(blob, path, "compatible", "arm,smmu-v3");
	blob_cells(blob, path, "reg", 4, 0u, base, 0u, 0x20000u);
	blob_cells(blob, path, "#iommu-cells", 1, 1u);
	blob_cells(blob, path, "phandle", 1, phandle);
}

static void blob_pmu(struct blob *blob, uint32_t base)
{
	blob_string(blob, pmu, "compatible", "arm,smmu-v3-pmcg");
	blob_cells(blob, pmu, "reg", 8, 0u, base, 0u, 0x1000u, 0u, base + 0x10000, 0u, 0x1000u);
	blob_cells(blob, pmu, "interrupts", 3, 0u, 80u, 1u);
}

/* A frame of an ITS of a GICv5, and a bridge whose wires are its MSIs. */
static void blob_iwb(struct blob *blob)
{
	blob_string(blob, "/its@2f120000", "compatible", "arm,gic-v5-its");
	blob_cells(blob, "/its@2f120000/msi-controller@2f130000", "#msi-cells", 1, 1u);
	blob_cells(blob, "/its@2f120000/msi-controller@2f130000", "msi-controller", 0);
	blob_cells(blob, "/its@2f120000/msi-controller@2f130000", "phandle", 1, (uint32_t)ITS);
	blob_string(blob, iwb, "compatible", "arm,gic-v5-iwb");
	blob_cells(blob, iwb, "reg", 4, 0u, 0x2f000000u, 0u, 0x10000u);
	blob_cells(blob, iwb, "#address-cells", 1, 0u);
	blob_cells(blob, iwb, "#interrupt-cells", 1, 2u);
	blob_cells(blob, iwb, "interrupt-controller", 0);
	blob_cells(blob, iwb, "msi-parent", 2, (uint32_t)ITS, 64u);
	blob_cells(blob, iwb, "phandle", 1, 0x70u);
}

static void blob_queues(struct blob *blob)
{
	static const char both[] = "nvidia,tegra264-smmu\0arm,smmu-v3";

	blob_smmu_v3(blob, smmu, 0x9000000, SMMU);
	assert_int_equal(fdt_setprop(blob, blob_node(blob, smmu), "compatible", both, sizeof(both)),
			 0);
	blob_cells(blob, smmu, "nvidia,cmdqv", 1, 0x71u);
	blob_string(blob, queues, "compatible", "nvidia,tegra264-cmdqv");
	blob_cells(blob, queues, "reg", 4, 0u, 0x5200000u, 0u, 0x830000u);
	blob_cells(blob, queues, "interrupts", 3, 0u, 19u, 1u);
	blob_cells(blob, queues, "phandle", 1, 0x71u);
}

/* -- reading ------------------------------------------------------------------------------- */

/* The binding names no SMMU. The registers decide; without them only one SMMU can be meant. */
static void a_monitor_counts_for_the_smmu_around_it_or_the_only_one(void **state)
{
	static const struct {
		uint32_t base;
		int n_smmus;
		const char *iommu;
	} places[] = {
		{ 0x9002000, 2, smmu }, { 0xa01f000, 2, other }, { 0x9020000, 2, NULL },
		{ 0x8000000, 2, NULL }, { 0x9020000, 1, smmu },  { 0x8000000, 1, smmu },
		{ 0x9002000, 0, NULL },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		const struct viommu_monitor *monitor;
		struct blob blob;

		blob_new(&blob);
		if (places[i].n_smmus > 1)
			blob_smmu_v3(&blob, other, 0xa000000, ITS);
		if (places[i].n_smmus)
			blob_smmu_v3(&blob, smmu, 0x9000000, SMMU);
		blob_pmu(&blob, places[i].base);
		forget_findings(rig);
		blob_read(rig, &blob);
		monitor = viommu_topology_monitor(rig->topology, 0);
		assert_non_null(monitor);
		assert_int_equal(monitor->base_1, places[i].base + 0x10000);
		assert_int_equal(monitor->interrupt, 112);
		assert_null(viommu_topology_monitor(rig->topology, 1));
		assert_int_equal(viommu_findings_count(rig->findings), !places[i].iommu);
		if (places[i].iommu)
			assert_string_equal(monitor->iommu, places[i].iommu);
		else
			assert_null(monitor->iommu);
	}
}

/* Its MSIs go to a frame of an ITS, and wires are numbered by the order of bridges. */
static void wires_of_a_bridge_are_interrupts(void **state)
{
	const struct viommu_wire_bridge *bridge;
	struct rig *rig = *state;
	struct blob blob;

	blob_new(&blob);
	blob_iwb(&blob);
	blob_string(&blob, "/iwb", "compatible", "arm,gic-v5-iwb");
	blob_cells(&blob, "/iwb", "reg", 4, 0u, 0x2e000000u, 0u, 0x10000u);
	blob_smmu_v3(&blob, smmu, 0x9000000, SMMU);
	blob_cells(&blob, smmu, "interrupt-parent", 1, 0x70u);
	blob_cells(&blob, smmu, "interrupts", 4, 0x13u, 1u, 0x10000u, 1u);
	assert_int_equal(
		fdt_setprop(&blob, blob_node(&blob, smmu), "interrupt-names", "eventq\0gerror", 14),
		0);
	blob_read(rig, &blob);
	bridge = viommu_topology_wire_bridge(rig->topology, 1);
	assert_string_equal(bridge->name, iwb);
	assert_int_equal(bridge->base, 0x2f000000);
	assert_int_equal(bridge->index, 1);
	assert_string_equal(bridge->its, "/its@2f120000/msi-controller@2f130000");
	assert_int_equal(bridge->msi_id, 64);
	assert_null(viommu_topology_wire_bridge(rig->topology, 0)->its);
	assert_null(viommu_topology_wire_bridge(rig->topology, 2));
	assert_int_equal(viommu_topology_iommu(rig->topology, 0)->interrupts[0], 0xe0010013);
	assert_int_equal(viommu_topology_iommu(rig->topology, 0)->n_interrupts, 1);
}

/* Of a GICv5, shared interrupts have type 3, and else 0 or 2. Others are private to a CPU. */
static void shared_interrupts_have_the_numbers_of_acpi(void **state)
{
	static const struct {
		const char *gic;
		uint32_t type, number, wanted;
	} interrupts[] = {
		{ "arm,gic-v5", 3, 80, 0x60000050 }, { "arm,gic-v5", 1, 25, 0 },
		{ "arm,gic-v5", 0, 80, 0 },          { "arm,gic-v5", 3, 0x1000000, 0 },
		{ "arm,gic-v3", 0, 80, 112 },        { "arm,gic-v3", 3, 80, 0 },
		{ "arm,gic-v3", 0, UINT32_MAX, 0 },  { "arm,gic-v3", 2, 80, 4176 },
		{ "arm,gic-v3", 0, 987, 1019 },      { "arm,gic-v3", 0, 988, 0 },
		{ "arm,gic-v3", 2, 1023, 5119 },     { "arm,gic-v3", 2, 1024, 0 },
		{ "arm,gic-v5", 2, 80, 0 },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(interrupts) / sizeof(*interrupts); i++) {
		struct blob blob;

		blob_new(&blob);
		blob_string(&blob, "/gic", "compatible", interrupts[i].gic);
		blob_cells(&blob, "/gic", "#interrupt-cells", 1, 3u);
		blob_cells(&blob, "/gic", "phandle", 1, 0x72u);
		blob_cells(&blob, "/", "interrupt-parent", 1, 0x72u);
		blob_smmu_v3(&blob, smmu, 0x9000000, SMMU);
		blob_pmu(&blob, 0x9002000);
		blob_cells(&blob, pmu, "interrupts", 3, interrupts[i].type, interrupts[i].number,
			   1u);
		blob_read(rig, &blob);
		assert_int_equal(viommu_topology_monitor(rig->topology, 0)->interrupt,
				 interrupts[i].wanted);
	}
}

/* Linux looks only in an SMMU of a Tegra264, and finds no device of a disabled node. */
static void queues_are_those_that_linux_finds(void **state)
{
	const struct viommu_iommu *iommu;
	struct rig *rig = *state;
	struct blob blob;

	blob_new(&blob);
	blob_queues(&blob);
	blob_read(rig, &blob);
	iommu = viommu_topology_iommu(rig->topology, 0);
	assert_int_equal(iommu->cmdqv.base, 0x5200000);
	assert_int_equal(iommu->cmdqv.interrupt, 51);
	blob_string(&blob, queues, "status", "disabled");
	blob_read(rig, &blob);
	assert_int_equal(viommu_topology_iommu(rig->topology, 0)->cmdqv.base, 0);
	blob_string(&blob, queues, "status", "okay");
	blob_string(&blob, smmu, "compatible", "arm,smmu-v3");
	blob_read(rig, &blob);
	assert_int_equal(viommu_topology_iommu(rig->topology, 0)->cmdqv.base, 0);
}

/* -- writing ------------------------------------------------------------------------------- */

static const char machine[] =
	"iommus:\n"
	"  - { name: s, kind: smmu-v3, at: 0x9000000, coherent: yes, its: i, msi-id: 7,\n"
	"      cmdqv: 0x5200000, cmdqv-interrupt: 51 }\n"
	"  - { name: t, kind: smmu-v3, at: 0xa000000, coherent: yes }\n"
	"host-bridges:\n"
	"  - { buses: 00-7f, iommu: s, its: i }\n"
	"  - { buses: 80-ff, iommu: t }\n"
	"its-groups: [ { name: i, ids: [0] } ]\n"
	"monitors:\n"
	"  - { at: 0x9022000, page-1: 0x9032000, iommu: s, interrupt: 0x60000050 }\n"
	"  - { at: 0xa002000, iommu: t, its: i, msi-id: 8 }\n"
	"wire-bridges: [ { name: w, at: 0x2f000000, its: i, msi-id: 64 } ]\n";

/* NULL on an error; to be freed. */
static void *make(const struct rig *rig, struct blob *base, bool overlay)
{
	struct viommu_table *table = base ? blob_decode(base, rig->findings) : NULL, *made;
	struct viommu_devicetree how = { sizeof(how), .base = table, .overlay = overlay };
	void *bytes = NULL;

	made = viommu_devicetree_generate(rig->topology, &how, rig->findings);
	if (made)
		viommu_table_encode(made, &bytes);
	viommu_table_free(made);
	viommu_table_free(table);
	return bytes;
}

/* The registers of an SMMU grow until they tell its monitors. */
static void a_new_tree_has_monitors_bridges_and_queues(void **state)
{
	struct viommu_topology *topology;
	struct viommu_table *table;
	struct rig *rig = *state;
	struct viommu_diff *diff;
	void *made;

	read_fine(rig, machine);
	made = make(rig, NULL, false);
	assert_non_null(made);
	table = viommu_table_decode(made, fdt_totalsize(made), "made", rig->findings);
	topology = viommu_table_topology(table, rig->findings);
	diff = viommu_topology_diff(rig->topology, topology);
	for (size_t i = 0; viommu_diff_get(diff, i); i++) {
		char *line = viommu_difference_line(viommu_diff_get(diff, i));

		if (!strstr(line, "span was"))
			fail_msg("%s", line);
		free(line);
	}
	assert_int_equal(viommu_topology_iommu(topology, 0)->span, 0x23000);
	assert_int_equal(viommu_topology_iommu(topology, 1)->span, 0x20000);
	forget_findings(rig);
	viommu_table_check(table, rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	viommu_diff_free(diff);
	viommu_topology_free(topology);
	viommu_table_free(table);
	free(made);
}

static size_t count_of(const struct rig *rig, const char *id)
{
	size_t n = 0;

	for (size_t i = 0; i < viommu_findings_count(rig->findings); i++)
		n += !strcmp(viommu_findings_get(rig->findings, i)->id, id);
	return n;
}

/* A device, a root complex, and an SMMU beyond another one or with a size of its own. */
static void what_a_monitor_counts_for_is_lost_with_a_note(void **state)
{
	static const char *const monitors[] = {
		"{ at: 0x9022000, device: d }", "{ at: 0x9022000, segment: 0 }",
		"{ at: 0x9022000, iommu: t }",  "{ at: 0xa022000, iommu: s }",
		"{ at: 0xa030000, iommu: t }",  "{ at: 0xb000000, iommu: s }",
		"{ at: 0x9022000, iommu: r }",
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(monitors) / sizeof(*monitors); i++) {
		char text[400];

		snprintf(text, sizeof(text),
			 "iommus:\n"
			 "  - { name: r, kind: smmu-v3, at: 0x8f00000 }\n"
			 "  - { name: s, kind: smmu-v3, at: 0x9000000 }\n"
			 "  - { name: t, kind: smmu-v3, at: 0xa000000, span: 0x20000 }\n"
			 "devices: [ { name: d, at: 0x9100000, iommu: s, id: 1 } ]\n"
			 "monitors: [ %s ]\n",
			 monitors[i]);
		read_fine(rig, text);
		free(make(rig, NULL, false));
		if (count_of(rig, "dt-silent-monitor") != 1)
			fail_msg("%s: no note", monitors[i]);
		forget_findings(rig);
	}
}

/* A base keeps what it has; MSIs and queues of an overlay move with their phandles. */
static void an_overlay_lists_the_phandles_of_msis_and_queues(void **state)
{
	static const char local[] = "/__local_fixups__/fragment@0/__overlay__";
	struct rig *rig = *state;
	struct viommu_table *table;
	struct blob blob;
	void *made;
	int node, length;

	blob_new(&blob);
	blob_queues(&blob);
	fdt_delprop(&blob, blob_node(&blob, smmu), "nvidia,cmdqv");
	fdt_delprop(&blob, blob_node(&blob, queues), "phandle");
	fdt_del_node(&blob, blob_node(&blob, queues));
	blob_its(&blob);
	read_fine(rig, "iommus: [ { name: s, kind: smmu-v3, at: 0x9000000, cmdqv: 0x5200000 } ]\n"
		       "its-groups: [ { name: i, ids: [0] } ]\n"
		       "monitors: [ { at: 0x9002000, iommu: s, its: i, msi-id: 8 } ]\n"
		       "wire-bridges: [ { name: w, at: 0x2f000000, its: i } ]\n");
	made = make(rig, &blob, true);
	assert_non_null(made);
	table = viommu_table_decode(made, fdt_totalsize(made), "overlay", rig->findings);
	viommu_table_check(table, rig->findings);
	viommu_table_free(table);
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_WARNING), 0);
	node = fdt_path_offset(made, local);
	assert_true(node >= 0);
	assert_non_null(fdt_getprop(made, node, "nvidia,cmdqv", &length));
	assert_int_equal(length, 4);
	assert_int_equal(fdt_overlay_apply(&blob, made), 0);
	blob_read(rig, &blob);
	assert_int_equal(viommu_topology_iommu(rig->topology, 0)->cmdqv.base, 0x5200000);
	assert_string_equal(viommu_topology_monitor(rig->topology, 0)->its, "/its@8080000");
	free(made);
}

/* A monitor behind another SMMU does not make the registers of its own include that one. */
static void registers_grow_up_to_the_next_smmu(void **state)
{
	struct viommu_topology *topology;
	struct viommu_table *table;
	struct rig *rig = *state;
	void *made;

	read_fine(rig, "iommus:\n"
		       "  - { name: r, kind: smmu-v3, at: 0x8f00000 }\n"
		       "  - { name: s, kind: smmu-v3, at: 0x9000000 }\n"
		       "monitors: [ { at: 0x9122000, iommu: r } ]\n");
	made = make(rig, NULL, false);
	table = viommu_table_decode(made, fdt_totalsize(made), "made", rig->findings);
	topology = viommu_table_topology(table, rig->findings);
	assert_int_equal(viommu_topology_iommu(topology, 0)->span, 0x20000);
	viommu_topology_free(topology);
	viommu_table_free(table);
	free(made);
}

/* The device ID is that at the ITS; without one that can be used there is none. */
static void msis_to_no_its_have_no_device_id(void **state)
{
	struct rig *rig = *state;
	struct blob blob;

	blob_new(&blob);
	blob_smmu_v3(&blob, smmu, 0x9000000, SMMU);
	blob_pmu(&blob, 0x9002000);
	blob_cells(&blob, pmu, "msi-parent", 2, (uint32_t)SMMU, 8u);
	blob_read(rig, &blob);
	assert_null(viommu_topology_monitor(rig->topology, 0)->its);
	assert_int_equal(viommu_topology_monitor(rig->topology, 0)->msi_id, 0);
}

static void an_index_of_a_wire_bridge_is_lost_with_a_note(void **state)
{
	struct rig *rig = *state;

	read_fine(rig, "its-groups: [ { name: i, ids: [0] } ]\n"
		       "wire-bridges:\n"
		       "  - { name: v, at: 0x2f000000, its: i }\n"
		       "  - { name: w, at: 0x2f100000, its: i, index: 5 }\n");
	free(make(rig, NULL, false));
	assert_int_equal(count_of(rig, "dt-silent"), 1);
}

/* The author of the base is right, until --force. */
static void a_base_with_another_interrupt_is_an_error(void **state)
{
	struct rig *rig = *state;
	struct blob blob;

	blob_new(&blob);
	blob_smmu_v3(&blob, smmu, 0x9000000, SMMU);
	blob_pmu(&blob, 0x9002000);
	read_fine(rig, "iommus: [ { name: s, kind: smmu-v3, at: 0x9000000 } ]\n"
		       "monitors: [ { at: 0x9002000, iommu: s, interrupt: 113 } ]\n");
	assert_null(make(rig, &blob, false));
	assert_int_equal(count_of(rig, "dt-differs"), 1);
}

/* A topology has neither triggers nor the interrupts behind the first one. */
static void interrupts_that_a_base_has_stay_as_they_are(void **state)
{
	static const struct {
		uint32_t cells, controller, interrupts[4];
		const char *number;
	} rows[] = {
		{ 3, 0x72, { 0, 80, 4 }, "112" },
		{ 4, 0x72, { 0, 80, 4, 0 }, "112" },
		{ 2, 0x70, { 19, 4 }, "0xe0000013" },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint32_t cells[4];
		char text[300];
		struct blob blob;
		void *made;

		blob_new(&blob);
		blob_iwb(&blob);
		blob_smmu_v3(&blob, smmu, 0x9000000, SMMU);
		blob_pmu(&blob, 0x9002000);
		blob_string(&blob, "/gic", "compatible", "arm,gic-v3");
		blob_cells(&blob, "/gic", "#interrupt-cells", 1, rows[i].cells);
		blob_cells(&blob, "/gic", "phandle", 1, 0x72u);
		blob_cells(&blob, pmu, "interrupt-parent", 1, rows[i].controller);
		for (size_t j = 0; j < rows[i].cells; j++)
			cells[j] = cpu_to_fdt32(rows[i].interrupts[j]);
		assert_int_equal(fdt_setprop(&blob, blob_node(&blob, pmu), "interrupts", cells,
					     4 * (int)rows[i].cells),
				 0);
		snprintf(text, sizeof(text),
			 "iommus: [ { name: %s, kind: smmu-v3, at: 0x9000000 } ]\n"
			 "monitors: [ { at: 0x9002000, page-1: 0x9012000, iommu: %s, "
			 "interrupt: %s } ]\n",
			 smmu, smmu, rows[i].number);
		read_fine(rig, text);
		made = make(rig, &blob, false);
		assert_non_null(made);
		assert_memory_equal(
			fdt_getprop(made, fdt_path_offset(made, pmu), "interrupts", NULL), cells,
			4 * rows[i].cells);
		assert_int_equal(viommu_findings_count(rig->findings), 0);
		free(made);
	}
}

static void interrupts_have_the_cells_of_their_controller(void **state)
{
	const uint32_t cells[] = { 0, cpu_to_fdt32(80), cpu_to_fdt32(1), 0 };
	struct rig *rig = *state;
	struct blob blob;
	const void *found;
	void *made;
	int length;

	blob_new(&blob);
	blob_string(&blob, "/gic", "compatible", "arm,gic-v3");
	blob_cells(&blob, "/gic", "#interrupt-cells", 1, 4u);
	blob_cells(&blob, "/gic", "phandle", 1, 0x72u);
	blob_cells(&blob, "/", "interrupt-parent", 1, 0x72u);
	read_fine(rig, "iommus: [ { name: s, kind: smmu-v3, at: 0x9000000 } ]\n"
		       "monitors: [ { at: 0x9002000, iommu: s, interrupt: 112 } ]\n");
	made = make(rig, &blob, false);
	assert_non_null(made);
	found = fdt_getprop(made, fdt_path_offset(made, pmu), "interrupts", &length);
	assert_int_equal(length, sizeof(cells));
	assert_memory_equal(found, cells, sizeof(cells));
	free(made);
}

/* 1020 to 1023 are special ones, and 5120 begins those that are private to a CPU. */
static void an_interrupt_of_the_extended_range_has_its_type(void **state)
{
	static const struct {
		unsigned number;
		uint32_t cells[3];
	} rows[] = { { 4096, { 2, 0, 1 } }, { 5119, { 2, 1023, 1 } }, { 1019, { 0, 987, 1 } },
		     { 1020, { 0 } },       { 4095, { 0 } },          { 5120, { 0 } } };
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const fdt32_t *found;
		char text[200];
		void *made;

		snprintf(text, sizeof(text),
			 "iommus: [ { name: s, kind: smmu-v3, at: 0x9000000 } ]\n"
			 "monitors: [ { at: 0x9002000, iommu: s, interrupt: %u } ]\n",
			 rows[i].number);
		forget_findings(rig);
		read_fine(rig, text);
		made = make(rig, NULL, false);
		assert_non_null(made);
		found = fdt_getprop(made, fdt_path_offset(made, pmu), "interrupts", NULL);
		for (size_t j = 0; found && j < 3; j++)
			assert_int_equal(fdt32_to_cpu(found[j]), rows[i].cells[j]);
		assert_int_equal(!found, !rows[i].cells[2]);
		assert_int_equal(count_of(rig, "dt-silent-interrupt"), !found);
		free(made);
	}
}

static unsigned count_nodes(const void *tree, const char *compatible)
{
	unsigned n = 0;

	for (int node = -1; (node = fdt_node_offset_by_compatible(tree, node, compatible)) >= 0;)
		n++;
	return n;
}

/* Nodes have different names. */
static void what_has_one_address_has_one_node(void **state)
{
	struct rig *rig = *state;
	void *made;

	read_fine(rig, "iommus:\n"
		       "  - { name: s, kind: smmu-v3, at: 0x9000000, cmdqv: 0x5200000 }\n"
		       "  - { name: t, kind: smmu-v3, at: 0xa000000, cmdqv: 0x5200000 }\n"
		       "its-groups: [ { name: i, ids: [0] } ]\n"
		       "monitors:\n"
		       "  - { at: 0x9002000, iommu: s, interrupt: 112 }\n"
		       "  - { at: 0x9002000, iommu: s, interrupt: 112 }\n"
		       "wire-bridges:\n"
		       "  - { name: v, at: 0x2f000000, its: i }\n"
		       "  - { name: w, at: 0x2f000000, its: i, index: 1 }\n");
	made = make(rig, NULL, false);
	assert_non_null(made);
	assert_int_equal(count_nodes(made, "nvidia,tegra264-cmdqv"), 1);
	assert_int_equal(count_nodes(made, "arm,smmu-v3-pmcg"), 1);
	assert_int_equal(count_nodes(made, "arm,gic-v5-iwb"), 1);
	free(made);
}

static void a_monitor_at_the_address_of_its_smmu_is_another_node(void **state)
{
	struct rig *rig = *state;
	struct blob blob;
	void *made;

	blob_new(&blob);
	blob_smmu_v3(&blob, smmu, 0x9000000, SMMU);
	read_fine(rig, "iommus: [ { name: s, kind: smmu-v3, at: 0x9000000 } ]\n"
		       "monitors: [ { at: 0x9000000, iommu: s, interrupt: 112 } ]\n");
	made = make(rig, &blob, false);
	assert_non_null(made);
	assert_null(fdt_getprop(made, fdt_path_offset(made, smmu), "interrupts", NULL));
	assert_int_equal(count_nodes(made, "arm,smmu-v3-pmcg"), 1);
	free(made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RIG(a_monitor_counts_for_the_smmu_around_it_or_the_only_one),
		WITH_A_RIG(wires_of_a_bridge_are_interrupts),
		WITH_A_RIG(shared_interrupts_have_the_numbers_of_acpi),
		WITH_A_RIG(queues_are_those_that_linux_finds),
		WITH_A_RIG(a_new_tree_has_monitors_bridges_and_queues),
		WITH_A_RIG(what_a_monitor_counts_for_is_lost_with_a_note),
		WITH_A_RIG(an_overlay_lists_the_phandles_of_msis_and_queues),
		WITH_A_RIG(registers_grow_up_to_the_next_smmu),
		WITH_A_RIG(msis_to_no_its_have_no_device_id),
		WITH_A_RIG(an_index_of_a_wire_bridge_is_lost_with_a_note),
		WITH_A_RIG(a_base_with_another_interrupt_is_an_error),
		WITH_A_RIG(interrupts_that_a_base_has_stay_as_they_are),
		WITH_A_RIG(interrupts_have_the_cells_of_their_controller),
		WITH_A_RIG(an_interrupt_of_the_extended_range_has_its_type),
		WITH_A_RIG(what_has_one_address_has_one_node),
		WITH_A_RIG(a_monitor_at_the_address_of_its_smmu_is_another_node),
	};

	return cmocka_run_group_tests_name("monitors, bridges and queues", tests, NULL, NULL);
}
