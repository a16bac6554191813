/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Damaged tables: decoded as far as possible, never beyond their end
 *
 * In every test, a decoded table encodes to the same bytes, and each problem is a finding.
 * Sanitizers detect reads beyond the end.
 */
#include "tables_rig.h"

/* Cut off anywhere, a table is a finding, of the length at least. */
static void a_table_cut_off_anywhere_is_a_finding(void **state)
{
	(void)state;
	for (size_t length = 0; length < sizeof(example_a2); length++) {
		struct viommu_findings *findings = viommu_findings_new();
		uint8_t *bytes = copy_of(example_a2, length);

		walk(bytes, length, findings);
		assert_true(viommu_findings_count_from(findings, VIOMMU_ERROR));
		free(bytes);
		viommu_findings_free(findings);
	}
}

/* Cut off, but with a length and a checksum that are right: what is cut is still found. */
static void a_table_that_ends_in_a_node_is_a_finding(void **state)
{
	(void)state;
	for (size_t length = HEADER_LENGTH; length < sizeof(example_a2); length++) {
		struct viommu_findings *findings = viommu_findings_new();
		uint8_t *bytes = copy_of(example_a2, length);

		store(bytes + LENGTH_AT, 4, length);
		fix(bytes, length);
		walk(bytes, length, findings);
		assert_false(found(findings, "acpi-length"));
		assert_false(found(findings, "acpi-checksum"));
		assert_true(viommu_findings_count_from(findings, VIOMMU_ERROR));
		free(bytes);
		viommu_findings_free(findings);
	}
}

/* Any byte of a table may be anything: a flipped one is at least a wrong sum. */
static void every_byte_may_be_flipped(void **state)
{
	static const uint8_t flips[] = { 0x01, 0x80, 0xff };
	uint8_t *bytes = copy_of(example_a2, sizeof(example_a2));

	(void)state;
	for (size_t i = 0; i < sizeof(example_a2); i++)
		for (size_t k = 0; k < sizeof(flips); k++) {
			struct viommu_findings *findings = viommu_findings_new();

			bytes[i] ^= flips[k];
			walk(bytes, sizeof(example_a2), findings);
			assert_true(viommu_findings_count_from(findings, VIOMMU_ERROR) ||
				    found(findings, "acpi-unknown"));
			bytes[i] ^= flips[k];
			viommu_findings_free(findings);
		}
	free(bytes);
}

/* Two bytes may be anything where they say where something is: offsets, lengths, counts. */
static void offsets_and_lengths_may_be_anything(void **state)
{
	static const uint16_t values[] = { 0, 1, 3, 4, 47, 49, 159, 160, 161, 0x7fff, 0xffff };
	uint8_t *bytes = copy_of(example_a2, sizeof(example_a2));

	(void)state;
	for (size_t i = LENGTH_AT; i + 1 < sizeof(example_a2); i += 2)
		for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
			uint64_t before = load(bytes + i, 2);

			store(bytes + i, 2, values[k]);
			fix(bytes, sizeof(example_a2));
			walk(bytes, sizeof(example_a2), NULL);
			store(bytes + i, 2, before);
		}
	free(bytes);
}

/* A VIOT without its own fields has a header, no meaning, and one finding. */
static void a_viot_of_a_header_means_nothing(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[HEADER_LENGTH];
	struct viommu_table *table;

	memcpy(bytes, example_a, sizeof(bytes));
	store(bytes + LENGTH_AT, 4, sizeof(bytes));
	fix(bytes, sizeof(bytes));
	table = viommu_table_decode(bytes, sizeof(bytes), "short", rig->findings);
	viommu_table_check(table, rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 1);
	assert_true(found(rig->findings, "acpi-short"));
	rig->topology = viommu_table_topology(table, rig->findings);
	assert_non_null(rig->topology);
	assert_null(viommu_topology_iommu(rig->topology, 0));
	viommu_table_free(table);
}

/* More nodes than can be counted are bytes: what a table costs does not grow with them. */
static void nodes_beyond_any_count_are_bytes(void **state)
{
	enum { EMPTY_LENGTH = 4, N_NODES = 1000000 };
	static const uint8_t node[EMPTY_LENGTH] = { 9, 0, EMPTY_LENGTH, 0 };
	size_t length = VIOT_HEAD_LENGTH + EMPTY_LENGTH * (size_t)N_NODES;
	struct rig *rig = *state;
	uint8_t *bytes = malloc(length);
	struct viommu_table *table;

	memcpy(bytes, example_a, VIOT_HEAD_LENGTH);
	for (size_t at = VIOT_HEAD_LENGTH; at < length; at += EMPTY_LENGTH)
		memcpy(bytes + at, node, EMPTY_LENGTH);
	store(bytes + LENGTH_AT, 4, length);
	table = viommu_table_decode(bytes, length, "many", rig->findings);
	assert_finding(rig, 0,
		       "many:0x4002c: error: the table has more than 65535 structures: the rest "
		       "is not decoded; end the table here [viot-too-large]");
	assert_encodes(table, bytes, length);
	viommu_table_free(table);
	free(bytes);
}

/* A table of another kind is a header and bytes. */
static void a_table_that_is_not_known_comes_out_as_it_went_in(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[sizeof(example_a)];

	memcpy(bytes, example_a, sizeof(bytes));
	memcpy(bytes, "OEM1", 4);
	fix(bytes, sizeof(bytes));
	walk(bytes, sizeof(bytes), rig->findings);
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_WARNING), 0);
	assert_true(found(rig->findings, "acpi-unknown"));
}

/* "FACS": a signature and a length like a table's, and no checksum. Every dump has one. */
static void facs_has_no_checksum(void **state)
{
	enum { FACS_LENGTH = 64 };
	uint8_t bytes[FACS_LENGTH] = "FACS\x40";
	struct rig *rig = *state;

	walk(bytes, sizeof(bytes), rig->findings);
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_WARNING), 0);
	memcpy(bytes, "OEM1", 4);
	walk(bytes, sizeof(bytes), rig->findings);
	assert_true(found(rig->findings, "acpi-checksum"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_cut_off_anywhere_is_a_finding),
		cmocka_unit_test(a_table_that_ends_in_a_node_is_a_finding),
		cmocka_unit_test(every_byte_may_be_flipped),
		cmocka_unit_test(offsets_and_lengths_may_be_anything),
		WITH_A_RIG(a_viot_of_a_header_means_nothing),
		WITH_A_RIG(nodes_beyond_any_count_are_bytes),
		WITH_A_RIG(a_table_that_is_not_known_comes_out_as_it_went_in),
		WITH_A_RIG(facs_has_no_checksum),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
