/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu_topology_diff(): differences of meaning as sentences. Each test changes one
 * machine in one way.
 */
#include <viommu/diff.h>

#include <glib.h>

#include "topology_rig.h"

static const char machine[] =
	"iommus:\n"
	"  - { name: smmu0, kind: smmu-v3, at: 0x9050000, its: its0 }\n"
	"  - { name: smmu1, kind: smmu-v3, at: 0x9070000, interrupts: [1, 2, 3, 4] }\n"
	"host-bridges:\n"
	"  - { buses: 00-3f }\n"
	"  - { buses: 40-7f, iommu: smmu0, pasid: yes, pasid-bits: 16 }\n"
	"  - { buses: 80-bf, iommu: smmu1 }\n"
	"its-groups: [ { name: its0, ids: [0, 1] } ]\n"
	"devices:\n"
	"  - { name: COM0, at: 0x9000000, iommu: smmu0, id: 0x20000 }\n"
	"reserved-memory:\n"
	"  - { range: 0x8000000-0x80fffff, kind: msi, iommu: smmu0 }\n";

static struct viommu_topology *parse(const char *text)
{
	struct viommu_findings *findings = viommu_findings_new();
	GString *whole = g_string_new("viommu: 1\n");
	struct viommu_topology *topology;

	g_string_append(whole, text);
	topology = viommu_topology_parse(whole->str, whole->len, "text", findings);
	if (!topology)
		fail_msg("%s", viommu_findings_get(findings, 0)->text);
	viommu_findings_free(findings);
	g_string_free(whole, TRUE);
	return topology;
}

/* What is different is exactly this, a line each. */
static void assert_diff(const char *before, const char *after, const char *expected)
{
	struct viommu_topology *one = parse(before), *other = parse(after);
	struct viommu_diff *diff = viommu_topology_diff(one, other);
	const struct viommu_difference *difference;
	GString *lines = g_string_new(NULL);

	for (size_t i = 0; (difference = viommu_diff_get(diff, i)); i++) {
		char *line = viommu_difference_line(difference);

		g_string_append_printf(lines, "%s\n", line);
		free(line);
	}
	assert_string_equal(lines->str, expected);
	g_string_free(lines, TRUE);
	viommu_diff_free(diff);
	viommu_topology_free(one);
	viommu_topology_free(other);
}

/* The machine with `old` replaced by `new`, wherever it stands. */
static void assert_changed(const char *old, const char *new, const char *expected)
{
	char **parts = g_strsplit(machine, old, -1);
	char *changed = g_strjoinv(new, parts);

	assert_non_null(parts[1]);
	assert_diff(machine, changed, expected);
	g_free(changed);
	g_strfreev(parts);
}

static void a_machine_is_no_different_from_itself(void **state)
{
	(void)state;
	assert_diff(machine, machine, "");
	assert_diff("", "", "");
}

static void names_are_no_difference(void **state)
{
	(void)state;
	assert_changed("smmu0", "another", "");
	assert_changed("its0", "another", "");
}

/* Other sections first, other IOMMUs first, and one bridge given as two ranges of its functions. */
static void order_and_cuts_are_no_difference(void **state)
{
	(void)state;
	assert_diff(machine,
		    "reserved-memory:\n"
		    "  - { range: 0x8000000-0x80fffff, kind: msi, iommu: b }\n"
		    "devices:\n"
		    "  - { at: 0x9000000, iommu: b, id: 0x20000 }\n"
		    "its-groups: [ { name: its0, ids: [0, 1] } ]\n"
		    "ranges:\n"
		    "  - { functions: a0:00.0-bf:1f.7, iommu: a }\n"
		    "  - { functions: 80:00.0-9f:1f.7, iommu: a }\n"
		    "host-bridges: [ { buses: 40-7f, iommu: b, pasid: yes, pasid-bits: 16 } ]\n"
		    "iommus:\n"
		    "  - { name: a, kind: smmu-v3, at: 0x9070000, interrupts: [1, 2, 3, 4] }\n"
		    "  - { name: b, kind: smmu-v3, at: 0x9050000, its: its0 }\n",
		    "");
}

static void functions_with_another_route_are_reported_together(void **state)
{
	(void)state;
	assert_changed("buses: 80-bf, iommu: smmu1", "buses: 80-bf, iommu: smmu0",
		       "0000:80:00.0-bf:1f.7: was behind smmu1 as 0x8000-0xbfff, MSIs to no ITS, "
		       "is behind smmu0 as 0x8000-0xbfff, MSIs to its0 as 0x8000-0xbfff now\n");
	assert_changed("buses: 80-bf, iommu: smmu1", "buses: 80-bf",
		       "0000:80:00.0-bf:1f.7: was behind smmu1 as 0x8000-0xbfff, "
		       "is bypassing now\n");
	assert_changed("buses: 80-bf", "buses: 80-9f",
		       "0000:a0:00.0-bf:1f.7: was behind smmu1 as 0xa000-0xbfff, "
		       "is not mentioned now\n");
}

static void other_ids_and_pasids_are_another_way(void **state)
{
	(void)state;
	assert_changed("devices:",
		       "ranges: [ { functions: 80:00.0-80:1f.7, iommu: smmu1, first-id: 7 } ]\n"
		       "devices:",
		       "0000:80:00.0-80:1f.7: was behind smmu1 as 0x8000-0x80ff, "
		       "is behind smmu1 as 0x7-0x106 now\n");
	assert_changed(", pasid-bits: 16", "",
		       "0000:40:00.0-7f:1f.7: "
		       "was behind smmu0 as 0x4000-0x7fff with PASIDs of 16 bits, "
		       "is behind smmu0 as 0x4000-0x7fff with PASIDs of 20 bits now\n");
}

static void msis_go_another_way_too(void **state)
{
	(void)state;
	assert_changed("devices:",
		       "msi-ranges: [ { iommu: smmu0, ids: 0x4000-0x40ff, its: none } ]\n"
		       "devices:",
		       "0000:40:00.0-40:1f.7: was sending MSIs to its0 as 0x4000-0x40ff, "
		       "is sending MSIs to no ITS now\n");
}

/* A VIOT cannot describe some properties; their absence is no difference. */
static void a_table_that_cannot_describe_msis_is_not_compared_by_them(void **state)
{
	struct viommu_topology *one, *other;
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_table *table;
	struct viommu_diff *diff;

	(void)state;
	one = parse("iommus: [ { name: a, kind: virtio-iommu-mmio, at: 0x1000, its: its0 } ]\n"
		    "host-bridges: [ { buses: 00-ff, iommu: a, its: its0 } ]\n"
		    "its-groups: [ { name: its0, ids: [0] } ]\n");
	table = viommu_table_generate(one, "VIOT", findings);
	other = viommu_table_topology(table, findings);
	diff = viommu_topology_diff(one, other);
	assert_null(viommu_diff_get(diff, 0));
	viommu_diff_free(diff);
	viommu_topology_free(other);
	viommu_table_free(table);
	viommu_topology_free(one);
	viommu_findings_free(findings);
}

/* No difference to a guest: the device accesses memory directly in both. */
static void to_bypass_and_not_to_be_mentioned_are_the_same(void **state)
{
	(void)state;
	assert_changed("  - { buses: 00-3f }\n", "", "");
}

static void what_changes_in_all_segments_is_one_line(void **state)
{
	(void)state;
	assert_diff("iommus: [ { name: a, kind: vt-d, at: 0x1000 } ]\n"
		    "ranges: [ { segments: 0-99, functions: 00:00.0-ff:1f.7, iommu: a } ]\n",
		    "iommus: [ { name: a, kind: vt-d, at: 0x1000 } ]\n",
		    "0000-0063:00:00.0-ff:1f.7: was behind a as 0x0-0x63ffff, "
		    "is not mentioned now\n");
}

/* Two IOMMUs in two places are two, even if both are called the same. */
static void an_iommu_is_where_it_is(void **state)
{
	(void)state;
	assert_changed("at: 0x9070000", "at: 0x9090000",
		       "0000:80:00.0-bf:1f.7: was behind smmu1 at 0x9070000 as 0x8000-0xbfff, "
		       "is behind smmu1 at 0x9090000 as 0x8000-0xbfff now\n"
		       "IOMMU smmu1 (smmu-v3 at 0x9070000): is gone\n"
		       "IOMMU smmu1 (smmu-v3 at 0x9090000): is new\n");
}

static void details_have_the_names_of_the_text_form(void **state)
{
	(void)state;
	assert_changed("[1, 2, 3, 4]", "[1, 2, 4, 3]",
		       "IOMMU smmu1 (smmu-v3 at 0x9070000): interrupts was [1, 2, 3, 4], "
		       "is [1, 2, 4, 3] now\n");
	assert_changed("kind: msi", "kind: reserved",
		       "reserved memory 0x8000000-0x80fffff: kind was msi, is absent now\n");
	assert_changed("its: its0 }", "its: its0, proximity-domain: 1 }",
		       "IOMMU smmu0 (smmu-v3 at 0x9050000): proximity-domain was absent, "
		       "is 1 now\n");
}

/* An absent value equals the default; which of two tables has it is no difference. */
static void a_span_that_is_absent_is_no_difference(void **state)
{
	(void)state;
	assert_changed("at: 0x9070000", "at: 0x9070000, span: 128K", "");
}

static void devices_are_known_by_name_or_address(void **state)
{
	(void)state;
	assert_changed("name: COM0, ", "", "");
	assert_changed("at: 0x9000000, ", "", "");
	assert_changed("id: 0x20000", "id: 0x20000, ids: 2, stall: yes",
		       "device COM0: was behind smmu0 as 0x20000, "
		       "is behind smmu0 as 0x20000-0x20001 now\n"
		       "device COM0: stall was absent, is yes now\n");
	assert_changed("  - { name: COM0, at: 0x9000000, iommu: smmu0, id: 0x20000 }\n",
		       "  - { name: COM1, at: 0xa000000 }\n",
		       "device COM0: is gone, was behind smmu0 as 0x20000\n"
		       "device COM1: is new, bypassing\n");
}

/* One of two equal objects is missing. */
static void one_of_two_alike_is_gone(void **state)
{
	(void)state;
	assert_diff("reserved-memory: [ { range: 1-2, functions: 00:00.0 },"
		    " { range: 1-2, functions: 00:00.0 } ]\n",
		    "reserved-memory: [ { range: 1-2, functions: 00:00.0 } ]\n",
		    "reserved memory 0x1-0x2: is gone\n");
}

static void a_header_is_compared_last(void **state)
{
	(void)state;
	assert_changed("devices:", "tables: { viot: { oem-id: BOCHS, revision: 1 } }\ndevices:",
		       "header of VIOT: revision was absent, is 1 now\n"
		       "header of VIOT: oem-id was \"VIOMMU\", is \"BOCHS\" now\n");
}

static void a_difference_has_its_rank_and_both_places(void **state)
{
	struct viommu_topology *one = parse(machine), *other = parse("");
	struct viommu_diff *diff = viommu_topology_diff(one, other);
	const struct viommu_difference *difference = viommu_diff_get(diff, 0);

	(void)state;
	assert_int_equal(difference->rank, VIOMMU_DIFFERENCE_ROUTE);
	assert_string_equal(viommu_difference_rank_name(difference->rank), "way");
	assert_string_equal(difference->what, "0000:40:00.0-7f:1f.7");
	assert_null(difference->property);
	assert_int_equal(difference->before_place.line, 7);
	assert_int_equal(difference->after_place.line, 0);
	assert_int_equal(viommu_diff_count(diff, VIOMMU_DIFFERENCE_ROUTE), 3);
	assert_int_equal(viommu_diff_count(diff, VIOMMU_DIFFERENCE_DETAIL), 4);
	assert_int_equal(viommu_diff_count(diff, VIOMMU_DIFFERENCE_HEADER), 0);
	assert_null(viommu_diff_get(diff, 7));
	viommu_diff_free(diff);
	viommu_topology_free(one);
	viommu_topology_free(other);
	assert_null(viommu_diff_free(NULL));
}

/* 65,536 entries on both sides, no two of which go on: half of them swap their IDs. */
static void sixty_five_thousand_entries_are_compared(void **state)
{
	struct viommu_pci_range range = { sizeof(range), .iommu = "a" };
	struct viommu_topology *sides[2];
	struct viommu_diff *diff;

	(void)state;
	for (unsigned side = 0; side < 2; side++) {
		sides[side] = parse("iommus: [ { name: a, kind: vt-d, at: 0x1000 } ]\n");
		for (unsigned f = 0x10000; f--;) {
			range.bdf_first = range.bdf_last = (uint16_t)f;
			range.id_first = f ^ (f & 4 && side ? 3 : 0x10);
			viommu_topology_add_pci_range(sides[side], &range);
		}
	}
	diff = viommu_topology_diff(sides[0], sides[1]);
	assert_int_equal(viommu_diff_count(diff, VIOMMU_DIFFERENCE_ROUTE), 0x8000);
	viommu_diff_free(diff);
	viommu_topology_free(sides[0]);
	viommu_topology_free(sides[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_is_no_different_from_itself),
		cmocka_unit_test(names_are_no_difference),
		cmocka_unit_test(order_and_cuts_are_no_difference),
		cmocka_unit_test(functions_with_another_route_are_reported_together),
		cmocka_unit_test(other_ids_and_pasids_are_another_way),
		cmocka_unit_test(msis_go_another_way_too),
		cmocka_unit_test(a_table_that_cannot_describe_msis_is_not_compared_by_them),
		cmocka_unit_test(to_bypass_and_not_to_be_mentioned_are_the_same),
		cmocka_unit_test(what_changes_in_all_segments_is_one_line),
		cmocka_unit_test(an_iommu_is_where_it_is),
		cmocka_unit_test(details_have_the_names_of_the_text_form),
		cmocka_unit_test(a_span_that_is_absent_is_no_difference),
		cmocka_unit_test(devices_are_known_by_name_or_address),
		cmocka_unit_test(one_of_two_alike_is_gone),
		cmocka_unit_test(a_header_is_compared_last),
		cmocka_unit_test(a_difference_has_its_rank_and_both_places),
		cmocka_unit_test(sixty_five_thousand_entries_are_compared),
	};

	return cmocka_run_group_tests_name("diff", tests, NULL, NULL);
}
