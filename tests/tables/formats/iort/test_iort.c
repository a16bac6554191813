/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IORT (ARM DEN 0049): generated from topologies, and read back
 */
#include "iort_rig.h"

#define SMMU(name, at, first) \
	"  - { name: " name ", kind: smmu-v3, at: " at ", interrupts: [" first "], its: its, " \
	"coherent: yes }\n"

#define EXAMPLE_SMMUS \
	"iommus:\n" SMMU("s0", "0xc000000", "106, 107, 108, 109") \
		SMMU("s1", "0xc020000", "110, 111, 112, 113")

#define TWO_SMMUS \
	EXAMPLE_SMMUS \
	"host-bridges:\n" \
	"  - { buses: 00-07, its: its, ats: yes }\n" \
	"  - { buses: 08-0f, iommu: s0, ats: yes }\n" \
	"  - { buses: 10-17, iommu: s1, ats: yes }\n" ITS

#define EXAMPLE_B TWO_SMMUS "msi-ranges: [ { functions: 18:00.0-ff:1f.7, its: none } ]\n"

#define ONE_SMMU "iommus:\n" SMMU("s", "0x9050000", "74, 75, 76, 77")

/* -- the worked examples ----------------------------------------------------------------- */

static void example_b_is_generated_byte_for_byte(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table = make_iort(rig, EXAMPLE_B IORT_HEADER);

	assert_encodes(table, example_b, sizeof(example_b));
	mean(rig, table);
	assert_goes(rig, "00:1f.0", "bypass, its0 0xf8");
	assert_goes(rig, "08:00.0", "smmu0 0x800, its0 0x800");
	assert_goes(rig, "17:1f.7", "smmu1 0x17ff, its0 0x17ff");
	assert_goes(rig, "18:00.0", "bypass, nowhere");
}

/* A bus without a device is mapped to the ITS: the guest may assign its number later. */
static void example_c_is_generated_byte_for_byte(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table = make_iort(
		rig,
		"iommus:\n" SMMU("s0", "0xc000000", "106, 107, 108, 109") SMMU("s1", "0xc020000",
									       "110, 111, 112, 113")
			SMMU("s2", "0xc040000",
			     "114, 115, 116, 117") "host-bridges:\n"
						   "  - { name: pcie.0, buses: 00-03, its: its, "
						   "ats: yes }\n"
						   "  - { buses: e5-ed, iommu: s0, ats: yes }\n"
						   "  - { buses: ee-f6, iommu: s1, ats: yes }\n"
						   "  - { buses: f7-ff, iommu: s2, ats: yes }\n" ITS
							   IORT_HEADER);

	assert_encodes(table, example_c, sizeof(example_c));
	viommu_table_check(table, rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	viommu_table_free(table);
}

/* Memory of nested MSIs makes the table one of revision 5, and its node the last one. */
static void the_rmr_node_of_a_host_is_generated_byte_for_byte(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table =
		make_iort(rig, EXAMPLE_B "reserved-memory: [ { range: 0x8000000-0x80fffff, "
					 "kind: identity, iommu: s0 } ]\n" IORT_HEADER);
	void *bytes;
	size_t length = viommu_table_encode(table, &bytes);

	assert_int_equal(length, sizeof(example_b) + sizeof(example_rmr));
	assert_memory_equal((char *)bytes + sizeof(example_b), example_rmr, sizeof(example_rmr));
	assert_int_equal(((uint8_t *)bytes)[REVISION_AT], 5);
	free(bytes);
	viommu_table_free(table);
}

static void a_table_regenerated_from_its_topology_is_the_same(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table =
		viommu_table_decode(example_b, sizeof(example_b), "b", rig->findings);

	viommu_table_check(table, rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	mean(rig, table);
	table = viommu_table_generate(rig->topology, "IORT", rig->findings);
	assert_encodes(table, example_b, sizeof(example_b));
	viommu_table_free(table);
}

/* -- machines ---------------------------------------------------------------------------- */

/* Without an ITS there is neither a node for it nor a mapping to it (section 4.6, 5). */
static void a_machine_without_an_its_has_no_mapping_to_one(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table = make_iort(
		rig,
		"iommus: [ { name: s, kind: smmu-v3, at: 0x9050000, interrupts: [1, 2, 3, 4] } ]\n"
		"host-bridges: [ { buses: 00-0f, iommu: s } ]\n");

	assert_int_equal(count_lines(table, "ITS group\n"), 0);
	assert_int_equal(count_lines(table, "ID mapping\n"), 1);
	mean(rig, table);
	assert_goes(rig, "0f:00.0", "smmu0 0xf00, nowhere");
	assert_goes(rig, "10:00.0", "bypass, nowhere");
}

/* IDs of two segments lie apart, and the SMMU sends all of them on (section 4.6, 7). */
static void segments_behind_one_smmu_never_collide(void **state)
{
	struct rig *rig = *state;

	mean(rig, make_iort(rig, ONE_SMMU "host-bridges:\n"
					  "  - { buses: 00-ff, iommu: s }\n"
					  "  - { segment: 1, buses: 00-ff, iommu: s }\n" ITS));
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	assert_goes(rig, "0000:01:00.0", "smmu0 0x100, its0 0x100");
	assert_goes(rig, "0001:01:00.0", "smmu0 0x10100, its0 0x10100");
}

/* Linux takes the first root complex of a segment: all host bridges of it have to be in one. */
static void host_bridges_of_a_segment_share_a_node(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table = make_iort(rig, EXAMPLE_B);

	assert_int_equal(count_lines(table, "Root complex\n"), 1);
	viommu_table_free(table);
}

/* A VIOT describes the virtio-iommu, an IORT the routes of MSIs. Linux reads both. */
static void an_iort_beside_a_viot_routes_msis(void **state)
{
	struct rig *rig = *state;

	mean(rig, make_iort(rig, "iommus: [ { name: v, kind: virtio-iommu-pci, at: 00:01.0, "
				 "its: its } ]\n"
				 "host-bridges: [ { buses: 00-ff, iommu: v } ]\n" ITS));
	assert_true(found(rig->findings, "iort-silent-virtio"));
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_WARNING), 0);
	assert_goes(rig, "03:00.0", "bypass, its0 0x300");
}

/* Hosts number device IDs apart for each SMMU: mappings that change IDs are ranges of MSIs. */
static void device_ids_that_differ_from_stream_ids_are_kept(void **state)
{
	struct rig *rig = *state;

	mean(rig, make_iort(rig, ONE_SMMU "host-bridges: [ { buses: 00-ff, iommu: s } ]\n"
					  "msi-ranges: [ { iommu: s, ids: 0-0xffff, its: its, "
					  "first-device-id: 0x30000 } ]\n" ITS));
	assert_goes(rig, "02:00.0", "smmu0 0x200, its0 0x30200");
}

/* An SMMU that signals by MSIs has a single mapping, which is not for its devices. */
static void an_smmu_may_send_msis_of_its_own(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table = make_iort(
		rig, "iommus: [ { name: s, kind: smmu-v3, at: 0x9050000, its: its, msi-id: 7 } ]\n"
		     "host-bridges: [ { buses: 00-ff, iommu: s } ]\n" ITS);

	viommu_table_check(table, rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	mean(rig, table);
	assert_true(viommu_topology_iommu(rig->topology, 0)->smmu_v3.has_msi_id);
	assert_int_equal(viommu_topology_iommu(rig->topology, 0)->smmu_v3.msi_id, 7);
	assert_goes(rig, "02:00.0", "smmu0 0x200, its0 0x200");
}

/* -- devices that are not PCI ------------------------------------------------------------ */

#define DEVICES \
	"devices:\n" \
	"  - { name: \\_SB_.DEV0, iommu: s, id: 0x20000, pasid-bits: 5, stall: yes }\n" \
	"  - { name: \\_SB_.DEV1, iommu: s, id: 0x20001, ids: 4, first-input: 0x30, " \
	"address-bits: 36, incoherent: yes }\n" \
	"device-ids: [ { device: \\_SB_.DEV0, iommu: s, id: 0x20009 } ]\n"

static void named_components_describe_a_whole_device(void **state)
{
	struct rig *rig = *state;
	char *before, *after;

	read_fine(rig, ONE_SMMU DEVICES ITS);
	mean(rig, viommu_table_generate(rig->topology, "IORT", rig->findings));
	before = viommu_topology_text(rig->topology);
	assert_goes(rig, "DEV0", "smmu0 0x20000, its0 0x20000");
	mean(rig, viommu_table_generate(rig->topology, "IORT", rig->findings));
	after = viommu_topology_text(rig->topology);
	assert_string_equal(before, after);
	assert_non_null(strstr(after, "first-input: 0x30"));
	assert_non_null(strstr(after, "pasid-bits: 5"));
	assert_non_null(strstr(after, "ids: 4"));
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	free(before);
	free(after);
}

/* Linux requires a single mapping if the driver names no ID. */
static void a_device_with_one_id_has_a_single_mapping(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table = make_iort(rig, ONE_SMMU DEVICES ITS);

	assert_int_equal(count_lines(table, "(single)"), 2);
	viommu_table_free(table);
}

/* -- beside the way of IDs ---------------------------------------------------------------- */

#define OTHERS \
	"host-bridges: [ { buses: 00-ff, iommu: s, memory-hints: 0x4, memory-flags: 1 } ]\n" \
	"devices:\n" \
	"  - { name: \\_SB_.DEV0, iommu: s, id: 0x20000, memory-hints: 0x2, memory-flags: 1 }\n" \
	"monitors:\n" \
	"  - { at: 0x9060000, page-1: 0x9070000, iommu: s, interrupt: 20, identifier: 9 }\n" \
	"  - { at: 0x9080000, device: \\_SB_.DEV0, its: its, msi-id: 0x77 }\n" \
	"  - { at: 0x9090000, page-1: 0x90a0000, segment: 0, interrupt: 21 }\n" \
	"wire-bridges:\n" \
	"  - { name: \\_SB_.IWB0, at: 0xa000000, index: 3, its: its, msi-id: 0x78 }\n"

/* The words of the topology that was generated, in the table and read again. */
static void monitors_wire_bridges_and_memory_access_come_back(void **state)
{
	static const char *const words[] = {
		"memory-hints: 0x4\n    memory-flags: 1\n",
		"memory-hints: 0x2\n    memory-flags: 1\n",
		"  - at: 0x9060000\n    page-1: 0x9070000\n    iommu: smmu0\n    interrupt: 20\n"
		"    identifier: 9\n",
		"  - at: 0x9080000\n    device: \\_SB_.DEV0\n    its: its0\n    msi-id: 0x77\n",
		"  - at: 0x9090000\n    page-1: 0x90a0000\n    segment: 0\n    interrupt: 21\n",
		"  - name: \\_SB_.IWB0\n    at: 0xa000000\n    index: 3\n    its: its0\n"
		"    msi-id: 0x78\n",
	};
	struct rig *rig = *state;
	struct viommu_table *table = make_iort(rig, ONE_SMMU OTHERS ITS);
	char *before, *after;

	viommu_table_check(table, rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	mean(rig, table);
	before = viommu_topology_text(rig->topology);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strstr(before, words[i]))
			fail_msg("no %s in\n%s", words[i], before);
	assert_int_equal(viommu_topology_header(rig->topology, "IORT")->revision, 7);
	mean(rig, viommu_table_generate(rig->topology, "IORT", rig->findings));
	after = viommu_topology_text(rig->topology);
	assert_string_equal(before, after);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	free(before);
	free(after);
}

/* Linux takes page 1 from every node of revision 1 on. */
static void a_monitor_without_page_1_has_no_field_for_it(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table = make_iort(
		rig, ONE_SMMU "host-bridges: [ { buses: 00-ff, iommu: s } ]\n"
			      "monitors: [ { at: 0x9060000, iommu: s, interrupt: 20 } ]\n" ITS);

	assert_int_equal(count_lines(table, "Page 0 base"), 1);
	assert_int_equal(count_lines(table, "Page 1 base"), 0);
	viommu_table_free(table);
}

static void a_wire_bridge_in_an_older_revision_is_reported(void **state)
{
	struct rig *rig = *state;

	viommu_table_free(make_iort(rig, ONE_SMMU
				    "host-bridges: [ { buses: 00-ff, iommu: s } ]\n"
				    "wire-bridges: [ { name: \\_SB_.IWB0, at: 0xa000000 } ]\n" ITS
				    "tables: { iort: { revision: 6 } }\n"));
	assert_true(found(rig->findings, "iort-silent-revision"));
}

/* -- revisions --------------------------------------------------------------------------- */

static void expect_revision(struct rig *rig, const char *text, uint8_t expected)
{
	struct viommu_table *table = make_iort(rig, text);
	void *bytes;

	viommu_table_encode(table, &bytes);
	assert_int_equal(((uint8_t *)bytes)[REVISION_AT], expected);
	free(bytes);
	viommu_table_free(table);
}

/* An SMMUv3 that lacks an interrupt needs the flag of revision 6, or its devices lose their ITS. */
static void the_oldest_sufficient_revision_is_generated(void **state)
{
	struct rig *rig = *state;

	expect_revision(rig, EXAMPLE_B, 3);
	expect_revision(rig,
			EXAMPLE_SMMUS "host-bridges: [ { buses: 00-ff, iommu: s0, pasid: yes, "
				      "pasid-bits: 16 } ]\n" ITS,
			5);
	expect_revision(rig,
			"iommus: [ { name: s, kind: smmu-v3, at: 0x9050000, its: its, "
			"interrupts: [10, 0, 12, 13] } ]\n"
			"host-bridges: [ { buses: 00-ff, iommu: s } ]\n" ITS,
			6);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	expect_revision(rig, EXAMPLE_B "tables: { iort: { revision: 0 } }\n", 0);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
}

static void what_a_revision_cannot_represent_is_reported(void **state)
{
	struct rig *rig = *state;

	expect_revision(rig,
			"iommus: [ { name: s, kind: smmu-v3, at: 0x9050000, its: its, "
			"interrupts: [10, 0, 12, 13] } ]\n"
			"host-bridges: [ { buses: 00-ff, iommu: s } ]\n"
			"tables: { iort: { revision: 3 } }\n" ITS,
			3);
	assert_int_equal(viommu_findings_count(rig->findings), 1);
	assert_true(found(rig->findings, "iort-silent-revision"));
}

/* QEMU until 9.0: counts are one too many, and Linux corrects them. */
static void legacy_id_counts_are_corrected(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table =
		make_iort(rig, TWO_SMMUS "tables: { iort: { plain-counts: yes } }\n");

	viommu_table_check(table, rig->findings);
	assert_true(found(rig->findings, "iort-id-count"));
	mean(rig, table);
	assert_goes(rig, "0f:1f.7", "smmu0 0xfff, its0 0xfff");
	assert_goes(rig, "10:00.0", "smmu1 0x1000, its0 0x1000");
	assert_true(viommu_topology_header(rig->topology, "IORT")->legacy_id_counts);
}

/* -- damaged ----------------------------------------------------------------------------- */

static void a_table_cut_off_anywhere_is_decoded_and_kept(void **state)
{
	struct rig *rig = *state;

	for (size_t length = HEADER_LENGTH; length < sizeof(example_c); length++) {
		uint8_t *copy = copy_of(example_c, length);

		walk(copy, length, rig->findings);
		free(copy);
	}
}

/* With any value of a byte the walk ends, and the table encodes to its bytes. */
static void a_table_with_any_byte_changed_is_decoded_and_kept(void **state)
{
	static const uint8_t wrong[] = { 0x00, 0x01, 0x7f, 0xff };
	uint8_t *copy = copy_of(example_b, sizeof(example_b));

	(void)state;
	for (size_t at = HEADER_LENGTH; at < sizeof(example_b); at++)
		for (size_t i = 0; i < sizeof(wrong); i++) {
			copy[at] = wrong[i];
			walk(copy, sizeof(example_b), NULL);
			copy[at] = example_b[at];
		}
	free(copy);
}

/* A machine with 1476 PMCGs exists: the number of nodes has no small limit. */
static void a_table_of_thousands_of_nodes_is_read(void **state)
{
	enum { N_NODES = 60000, PMCG_LENGTH = 40, IORT_HEAD_LENGTH = 48 };
	size_t length = IORT_HEAD_LENGTH + (size_t)N_NODES * PMCG_LENGTH;
	uint8_t *bytes = calloc(1, length);

	(void)state;
	memcpy(bytes, example_b, IORT_HEAD_LENGTH);
	store(bytes + LENGTH_AT, 4, length);
	store(bytes + IORT_HEAD_LENGTH - 12, 4, N_NODES);
	for (size_t at = IORT_HEAD_LENGTH; at < length; at += PMCG_LENGTH) {
		bytes[at] = 5;
		store(bytes + at + 1, 2, PMCG_LENGTH);
		store(bytes + at + 28, 4, at);
	}
	walk(bytes, length, NULL);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RIG(example_b_is_generated_byte_for_byte),
		WITH_A_RIG(example_c_is_generated_byte_for_byte),
		WITH_A_RIG(the_rmr_node_of_a_host_is_generated_byte_for_byte),
		WITH_A_RIG(a_table_regenerated_from_its_topology_is_the_same),
		WITH_A_RIG(a_machine_without_an_its_has_no_mapping_to_one),
		WITH_A_RIG(segments_behind_one_smmu_never_collide),
		WITH_A_RIG(host_bridges_of_a_segment_share_a_node),
		WITH_A_RIG(an_iort_beside_a_viot_routes_msis),
		WITH_A_RIG(device_ids_that_differ_from_stream_ids_are_kept),
		WITH_A_RIG(an_smmu_may_send_msis_of_its_own),
		WITH_A_RIG(named_components_describe_a_whole_device),
		WITH_A_RIG(a_device_with_one_id_has_a_single_mapping),
		WITH_A_RIG(monitors_wire_bridges_and_memory_access_come_back),
		WITH_A_RIG(a_monitor_without_page_1_has_no_field_for_it),
		WITH_A_RIG(a_wire_bridge_in_an_older_revision_is_reported),
		WITH_A_RIG(the_oldest_sufficient_revision_is_generated),
		WITH_A_RIG(what_a_revision_cannot_represent_is_reported),
		WITH_A_RIG(legacy_id_counts_are_corrected),
		WITH_A_RIG(a_table_cut_off_anywhere_is_decoded_and_kept),
		WITH_A_RIG(a_table_with_any_byte_changed_is_decoded_and_kept),
		WITH_A_RIG(a_table_of_thousands_of_nodes_is_read),
	};

	return cmocka_run_group_tests_name("IORT", tests, NULL, NULL);
}
