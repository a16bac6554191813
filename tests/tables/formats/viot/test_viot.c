/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VIOT (ACPI 6.5): generated from topologies, and read back
 */
#include "tables_rig.h"

#define MMIO_IOMMU "iommus: [ { name: a, kind: virtio-iommu-mmio, at: 0x10001000 } ]\n"

static struct viommu_table *generate(struct rig *rig, const char *text)
{
	read_fine(rig, text);
	return viommu_table_generate(rig->topology, "VIOT", rig->findings);
}

/* The rig gets the topology of the generated table. */
static void read_back(struct rig *rig, struct viommu_table *table)
{
	assert_non_null(table);
	viommu_topology_free(rig->topology);
	rig->topology = viommu_table_topology(table, rig->findings);
	assert_non_null(rig->topology);
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_WARNING), 0);
	viommu_table_free(table);
}

static void assert_reaches(const struct rig *rig, const char *device, const char *iommu,
			   uint32_t id)
{
	struct viommu_route route, linux_route;
	struct viommu_device_name name;

	assert_int_equal(viommu_device_name_parse(device, &name), 0);
	viommu_topology_resolve(rig->topology, &name, &route, &linux_route, NULL);
	if (!iommu) {
		assert_int_not_equal(route.reach, VIOMMU_REACH_IOMMU);
		return;
	}
	assert_int_equal(route.reach, VIOMMU_REACH_IOMMU);
	assert_string_equal(route.iommu->name, iommu);
	assert_int_equal(route.id, id);
}

/* -- the worked examples ----------------------------------------------------------------- */

static void example_a_is_generated_byte_for_byte(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table;

	table = generate(rig, "iommus:\n"
			      "  - { name: a, kind: virtio-iommu-pci, at: 00:01.0, "
			      "include-self: yes }\n"
			      "host-bridges: [ { buses: 00-ff, iommu: a } ]\n" EXAMPLE_HEADER);
	assert_encodes(table, example_a, sizeof(example_a));
	read_back(rig, table);
	assert_reaches(rig, "0000:00:00.0", "viommu0", 0);
	assert_reaches(rig, "0000:ff:1f.7", "viommu0", 0xffff);
	assert_reaches(rig, "0001:00:00.0", NULL, 0);
}

static void example_a2_is_generated_byte_for_byte(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table;

	table = generate(rig,
			 "iommus: [ { name: a, kind: virtio-iommu-pci, at: 00:01.0 } ]\n"
			 "host-bridges:\n"
			 "  - { buses: 00-ff, iommu: a }\n"
			 "  - { segment: 1, buses: 00-ff, iommu: a }\n"
			 "devices: [ { at: 0xfe001000, iommu: a, id: 0x20000 } ]\n" EXAMPLE_HEADER);
	assert_encodes(table, example_a2, sizeof(example_a2));
	read_back(rig, table);
	assert_reaches(rig, "0000:00:01.0", NULL, 0);
	assert_reaches(rig, "0000:00:01.1", "viommu0", 9);
	assert_reaches(rig, "0001:02:00.0", "viommu0", 0x10200);
	assert_reaches(rig, "0xfe001000", "viommu0", 0x20000);
}

/* The topology of a table generates the same table. */
static void a_table_regenerated_from_its_topology_is_the_same(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table =
		viommu_table_decode(example_a2, sizeof(example_a2), "a2", rig->findings);

	viommu_table_check(table, rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	rig->topology = viommu_table_topology(table, rig->findings);
	viommu_table_free(table);
	table = viommu_table_generate(rig->topology, "VIOT", rig->findings);
	assert_encodes(table, example_a2, sizeof(example_a2));
	viommu_table_free(table);
}

/* -- machines ---------------------------------------------------------------------------- */

/* Rule: IDs of two devices behind one IOMMU differ; so those of segments lie apart. */
static void segments_behind_one_iommu_never_collide(void **state)
{
	struct rig *rig = *state;

	read_back(rig, generate(rig, MMIO_IOMMU "host-bridges:\n"
						"  - { buses: 00-ff, iommu: a }\n"
						"  - { segment: 1, buses: 00-ff, iommu: a }\n"
						"  - { segment: 7, buses: 80-ff, iommu: a }\n"));
	viommu_topology_check(rig->topology, rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	assert_reaches(rig, "0000:80:00.0", "viommu0", 0x8000);
	assert_reaches(rig, "0001:80:00.0", "viommu0", 0x18000);
	assert_reaches(rig, "0007:80:00.0", "viommu0", 0x78000);
}

/* Two IOMMUs may use the same IDs; each range refers to its own. */
static void several_iommus_keep_their_devices(void **state)
{
	struct rig *rig = *state;

	read_back(rig, generate(rig, "iommus:\n"
				     "  - { name: m, kind: virtio-iommu-mmio, at: 0x10001000 }\n"
				     "  - { name: p, kind: virtio-iommu-pci, at: 0003:40:02.1 }\n"
				     "host-bridges:\n"
				     "  - { segment: 0, buses: 00-3f, iommu: m }\n"
				     "  - { segment: 3, buses: 40-7f, iommu: p }\n"
				     "devices:\n"
				     "  - { at: 0x9000000, iommu: p, id: 0x20000 }\n"
				     "  - { at: 0x9001000, iommu: m, id: 0x20000 }\n"));
	assert_int_equal(viommu_topology_iommu(rig->topology, 0)->base, 0x10001000);
	assert_int_equal(viommu_topology_iommu(rig->topology, 1)->segment, 3);
	assert_int_equal(viommu_topology_iommu(rig->topology, 1)->bdf, 0x4011);
	assert_reaches(rig, "0000:3f:1f.7", "viommu0", 0x3fff);
	assert_reaches(rig, "0003:40:02.0", "viommu1", 0x34010);
	assert_reaches(rig, "0x9000000", "viommu1", 0x20000);
	assert_reaches(rig, "0x9001000", "viommu0", 0x20000);
}

/* The topology chooses the fields of the header; short text is padded with NUL. */
static void fields_of_the_header_can_be_chosen(void **state)
{
	static const uint8_t expected[] = "BOCHS BXPC\0\0\0\0\x78\x56\x34\x12QEMU\x02\0\0\0";
	struct rig *rig = *state;
	struct viommu_table *table;
	void *bytes;

	table = generate(
		rig, MMIO_IOMMU
		"devices: [ { at: 0x9000000, iommu: a, id: 1 } ]\n"
		"tables:\n"
		"  viot: { oem-id: 'BOCHS ', oem-table-id: BXPC, oem-revision: 0x12345678,\n"
		"          creator-id: QEMU, creator-revision: 2 }\n");
	viommu_table_encode(table, &bytes);
	assert_memory_equal((uint8_t *)bytes + 10, expected, HEADER_LENGTH - 10);
	free(bytes);
	viommu_table_free(table);
}

/* -- what a VIOT cannot represent -------------------------------------------------------- */

static size_t length_of(const struct viommu_table *table)
{
	void *bytes;
	size_t length = viommu_table_encode(table, &bytes);

	free(bytes);
	return length;
}

static void an_iommu_of_another_kind_is_left_out_with_a_warning(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table;

	table = generate(rig, "iommus: [ { name: s, kind: smmu-v3, at: 0x9050000 } ]\n"
			      "devices: [ { at: 0x9000000, iommu: s, id: 1 } ]\n");
	assert_true(found(rig->findings, "viot-silent-iommu"));
	assert_int_equal(length_of(table), VIOT_HEAD_LENGTH);
	viommu_table_free(table);
}

static void other_unrepresentable_objects_are_notes(void **state)
{
	struct rig *rig = *state;

	viommu_table_free(generate(rig, "iommus:\n"
					"  - { name: a, kind: virtio-iommu-mmio, at: 0x10001000, "
					"proximity-domain: 1 }\n"
					"reserved-memory: [ { range: 0-0xfff, iommu: a } ]\n"));
	assert_true(found(rig->findings, "viot-silent-domain"));
	assert_true(found(rig->findings, "viot-silent-memory"));
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_WARNING), 0);
}

/* -- limits ------------------------------------------------------------------------------ */

static void add_iommus(struct rig *rig, unsigned n)
{
	rig->topology = viommu_topology_new();
	for (unsigned i = 0; i < n; i++) {
		struct viommu_iommu iommu = { .size = sizeof(iommu) };
		char name[16];

		snprintf(name, sizeof(name), "a%u", i);
		iommu.name = name;
		iommu.kind = VIOMMU_VIRTIO_MMIO;
		iommu.base = 0x10000000 + ((uint64_t)i << 12);
		assert_int_equal(viommu_topology_add_iommu(rig->topology, &iommu), 0);
	}
}

static void add_devices(struct rig *rig, unsigned n, const char *iommu)
{
	for (unsigned i = 0; i < n; i++) {
		const struct viommu_platform_device device = {
			.size = sizeof(device),
			.base = (UINT64_C(1) << 40) + ((uint64_t)i << 12),
			.iommu = iommu,
			.id = i,
		};

		assert_int_equal(viommu_topology_add_platform_device(rig->topology, &device), 0);
	}
}

/* Node count has 16 bits: 65535 nodes are generated in linear time, one more is an error. */
static void the_node_count_limits_the_nodes(void **state)
{
	static const unsigned max = 65535;
	struct rig *rig = *state;
	struct viommu_table *table;
	uint8_t *bytes;
	size_t length;

	add_iommus(rig, 1);
	add_devices(rig, max - 1, "a0");
	table = viommu_table_generate(rig->topology, "VIOT", rig->findings);
	assert_non_null(table);
	length = viommu_table_encode(table, (void **)&bytes);
	assert_int_equal(length, VIOT_HEAD_LENGTH + 16 + 24 * (size_t)(max - 1));
	assert_int_equal(load(bytes + NODE_COUNT_AT, 2), max);
	walk(bytes, length, rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	free(bytes);
	viommu_table_free(table);

	add_devices(rig, 1, "a0");
	assert_null(viommu_table_generate(rig->topology, "VIOT", rig->findings));
	assert_true(found(rig->findings, "viot-too-large"));
}

/* An output node has 16 bits: 4093 IOMMU nodes begin below 64 KiB. */
static void the_output_node_limits_the_iommus(void **state)
{
	static const unsigned max = 4093;
	struct rig *rig = *state;
	struct viommu_table *table;

	add_iommus(rig, max);
	add_devices(rig, 1, "a4092");
	table = viommu_table_generate(rig->topology, "VIOT", rig->findings);
	assert_non_null(table);
	viommu_topology_free(rig->topology);
	rig->topology = viommu_table_topology(table, rig->findings);
	assert_reaches(rig, "0x10000000000", "viommu4092", 0);
	viommu_table_free(table);
	viommu_topology_free(rig->topology);

	add_iommus(rig, max + 1);
	assert_null(viommu_table_generate(rig->topology, "VIOT", rig->findings));
	assert_true(found(rig->findings, "viot-too-large"));
}

/* Ranges with more segments than exist are omitted, with a finding. */
static void ranges_of_too_many_segments_are_left_out(void **state)
{
	enum { N_RANGES = 17, LENGTH = VIOT_HEAD_LENGTH + 16 + 24 * N_RANGES };
	struct rig *rig = *state;
	uint8_t bytes[LENGTH];

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, example_a, VIOT_HEAD_LENGTH + 16);
	for (size_t i = 0; i < N_RANGES; i++) {
		uint8_t *range = bytes + VIOT_HEAD_LENGTH + 16 + 24 * i;

		memcpy(range, example_a + VIOT_HEAD_LENGTH + 16, 24);
		store(range + 10, 2, 0xffff);
	}
	store(bytes + LENGTH_AT, 4, LENGTH);
	store(bytes + NODE_COUNT_AT, 2, N_RANGES + 1);
	fix(bytes, LENGTH);
	walk(bytes, LENGTH, rig->findings);
	assert_true(found(rig->findings, "topology-segments"));
	assert_false(found(rig->findings, "viot-range-inverted"));
}

/* -- nothing is lost --------------------------------------------------------------------- */

/* A VIOT with the head of example A and any nodes; findings go to the rig. */
static void walk_nodes(struct rig *rig, const void *nodes, size_t length, unsigned offset)
{
	size_t total = VIOT_HEAD_LENGTH + length;
	uint8_t *bytes = malloc(total);

	memcpy(bytes, example_a, VIOT_HEAD_LENGTH);
	memcpy(bytes + VIOT_HEAD_LENGTH, nodes, length);
	store(bytes + LENGTH_AT, 4, total);
	store(bytes + NODE_COUNT_AT, 2, 1);
	store(bytes + NODE_OFFSET_AT, 2, offset);
	fix(bytes, total);
	walk(bytes, total, rig->findings);
	free(bytes);
}

static void unknown_nodes_survive(void **state)
{
	static const uint8_t node[] = { 0x2a, 0x55, 8, 0, 1, 2, 3, 4 };
	struct rig *rig = *state;

	walk_nodes(rig, node, sizeof(node), VIOT_HEAD_LENGTH);
	assert_true(found(rig->findings, "viot-node-type"));
	assert_false(found(rig->findings, "viot-node-count"));
}

static void nodes_longer_than_they_should_be_survive(void **state)
{
	uint8_t node[20] = { 4, 0, sizeof(node), 0, [16] = 0xde, 0xad, 0xbe, 0xef };
	struct rig *rig = *state;

	walk_nodes(rig, node, sizeof(node), VIOT_HEAD_LENGTH);
	assert_true(found(rig->findings, "viot-node-length"));
}

/* A node of length 0 ends the walk with one finding; the rest is kept as bytes. */
static void a_node_shorter_than_its_head_ends_the_walk(void **state)
{
	uint8_t node[20] = { 3, 0, 0, 0, 4, 0, 16 };
	struct rig *rig = *state;

	for (node[2] = 0; node[2] < 4; node[2]++) {
		viommu_findings_free(rig->findings);
		rig->findings = viommu_findings_new();
		walk_nodes(rig, node, sizeof(node), VIOT_HEAD_LENGTH);
		assert_int_equal(viommu_findings_count(rig->findings), 2);
		assert_true(found(rig->findings, "viot-node-length"));
		assert_true(found(rig->findings, "viot-node-count"));
	}
}

static void bytes_before_the_nodes_survive(void **state)
{
	static const uint8_t nodes[] = { 0xca, 0xfe, 0xca, 4, 0, 16, 0, 0, 0, 0,
					 0,    0,    0x10, 0, 0, 0,  0, 0, 0 };
	struct rig *rig = *state;

	walk_nodes(rig, nodes, sizeof(nodes), VIOT_HEAD_LENGTH + 3);
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_ERROR), 0);
}

static void reserved_bytes_survive(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[sizeof(example_a)];

	memcpy(bytes, example_a, sizeof(bytes));
	memset(bytes + RESERVED_AT, 0xa5, 8);
	bytes[VIOT_HEAD_LENGTH + 1] = 0x5a;
	fix(bytes, sizeof(bytes));
	walk(bytes, sizeof(bytes), rig->findings);
	assert_true(found(rig->findings, "viot-reserved"));
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_ERROR), 0);
}

/* Bytes behind the length of the header are kept, and reported. */
static void trailing_bytes_survive_and_are_ignored(void **state)
{
	uint8_t bytes[sizeof(example_a) + 24];
	struct rig *rig = *state;

	memcpy(bytes, example_a, sizeof(example_a));
	memcpy(bytes + sizeof(example_a), example_a + VIOT_HEAD_LENGTH + 16, 24);
	walk(bytes, sizeof(bytes), rig->findings);
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_WARNING), 1);
	assert_true(found(rig->findings, "acpi-length"));
}

/* An output node may be any offset; the dump names the kind of node there. */
static void an_output_to_a_node_of_another_kind_is_reported(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[sizeof(example_a)];

	memcpy(bytes, example_a, sizeof(bytes));
	store(bytes + VIOT_HEAD_LENGTH + 16 + 16, 2, VIOT_HEAD_LENGTH + 16);
	fix(bytes, sizeof(bytes));
	rig->topology = NULL;
	walk(bytes, sizeof(bytes), rig->findings);
	assert_finding(rig, 0,
		       "walk:0x50: error: output node 0x40 is not a virtio-iommu; write the offset "
		       "of a virtio-iommu node [viot-output-node]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RIG(example_a_is_generated_byte_for_byte),
		WITH_A_RIG(example_a2_is_generated_byte_for_byte),
		WITH_A_RIG(a_table_regenerated_from_its_topology_is_the_same),
		WITH_A_RIG(segments_behind_one_iommu_never_collide),
		WITH_A_RIG(several_iommus_keep_their_devices),
		WITH_A_RIG(fields_of_the_header_can_be_chosen),
		WITH_A_RIG(an_iommu_of_another_kind_is_left_out_with_a_warning),
		WITH_A_RIG(other_unrepresentable_objects_are_notes),
		WITH_A_RIG(the_node_count_limits_the_nodes),
		WITH_A_RIG(the_output_node_limits_the_iommus),
		WITH_A_RIG(ranges_of_too_many_segments_are_left_out),
		WITH_A_RIG(unknown_nodes_survive),
		WITH_A_RIG(nodes_longer_than_they_should_be_survive),
		WITH_A_RIG(a_node_shorter_than_its_head_ends_the_walk),
		WITH_A_RIG(bytes_before_the_nodes_survive),
		WITH_A_RIG(reserved_bytes_survive),
		WITH_A_RIG(trailing_bytes_survive_and_are_ignored),
		WITH_A_RIG(an_output_to_a_node_of_another_kind_is_reported),
	};

	return cmocka_run_group_tests_name("viot", tests, NULL, NULL);
}
