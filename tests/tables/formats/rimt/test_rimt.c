/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RIMT: what a table of a RISC-V server has, and arrays that its nodes cannot have
 */
#include <glib.h>

#include "tables_rig.h"

enum { HEAD = 48, IOMMU_LENGTH = 40, COMPLEX_LENGTH = 40, WIRE_LENGTH = 8, TABLE_LENGTH = 128 };
enum { COMPLEX_AT = HEAD + IOMMU_LENGTH, MAPPING_AT = COMPLEX_AT + 20 };
enum { OFFSET_IN_COMPLEX = 16, COUNT_IN_COMPLEX = 18, TARGET_IN_MAPPING = 12 };

/* One IOMMU at 0x3010000, and a root complex of segment 0 whose IDs are its device IDs. */
static void make_server(uint8_t bytes[TABLE_LENGTH])
{
	static const char header[] = "RIMT\x80\0\0\0\1\0VIOMMUEXAMPLE \1\0\0\0VIOM\1\0\0";

	memset(bytes, 0, TABLE_LENGTH);
	memcpy(bytes, header, sizeof(header));
	store(bytes + 36, 4, 2);
	store(bytes + 40, 4, HEAD);
	store(bytes + HEAD, 2, 0x0100);
	store(bytes + HEAD + 2, 2, IOMMU_LENGTH);
	memcpy(bytes + HEAD + 8, "RSCV0004", 8);
	store(bytes + HEAD + 16, 8, 0x3010000);
	store(bytes + COMPLEX_AT, 2, 0x0101);
	store(bytes + COMPLEX_AT + 2, 2, COMPLEX_LENGTH);
	store(bytes + COMPLEX_AT + 6, 2, 1);
	store(bytes + COMPLEX_AT + OFFSET_IN_COMPLEX, 2, MAPPING_AT - COMPLEX_AT);
	store(bytes + COMPLEX_AT + COUNT_IN_COMPLEX, 2, 1);
	store(bytes + MAPPING_AT + 4, 4, 0xffff);
	store(bytes + MAPPING_AT + TARGET_IN_MAPPING, 4, HEAD);
	fix(bytes, TABLE_LENGTH);
}

/* Decode, check, and encode to the same bytes. */
static struct viommu_table *checked(const uint8_t *bytes, struct viommu_findings *findings)
{
	struct viommu_table *table = viommu_table_decode(bytes, TABLE_LENGTH, "server", findings);

	assert_non_null(table);
	assert_encodes(table, bytes, TABLE_LENGTH);
	viommu_table_check(table, findings);
	return table;
}

static void a_server_has_no_findings_and_its_fields_are_shown(void **state)
{
	static const char *const lines[] = {
		"0038  Hardware ID          \"RSCV0004\"",
		"0040  Base address         0x0000000003010000",
		"0066  PCI segment          0x0000",
		"0070  ID count             0x0000ffff",
		"0078  Destination IOMMU    0x00000030 (RISC-V IOMMU)",
	};
	struct rig *rig = *state;
	uint8_t bytes[TABLE_LENGTH];
	struct viommu_table *table;
	char *text;

	make_server(bytes);
	table = checked(bytes, rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	text = viommu_table_text(table);
	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
		assert_non_null(strstr(text, lines[i]));
	free(text);
	viommu_table_free(table);
}

/* Any offset and count: the array is inside the node or a finding, and no byte is lost. */
static void arrays_stay_inside_their_node(void **state)
{
	static const struct {
		uint16_t offset, count;
		bool fits;
	} arrays[] = {
		{ 20, 1, true },  { 20, 0, true },      { 0, 1, false },       { 19, 1, false },
		{ 21, 1, false }, { 20, 2, false },     { 40, 1, false },      { 41, 1, false },
		{ 40, 0, true },  { 0xffff, 1, false }, { 20, 0xffff, false },
	};
	uint8_t bytes[TABLE_LENGTH];

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(arrays); i++) {
		struct viommu_findings *findings = viommu_findings_new();

		make_server(bytes);
		store(bytes + COMPLEX_AT + OFFSET_IN_COMPLEX, 2, arrays[i].offset);
		store(bytes + COMPLEX_AT + COUNT_IN_COMPLEX, 2, arrays[i].count);
		fix(bytes, TABLE_LENGTH);
		viommu_table_free(checked(bytes, findings));
		assert_int_equal(found(findings, "rimt-array"), !arrays[i].fits);
		viommu_findings_free(findings);
	}
}

/* Linux takes any offset for a node: of a root complex, of the middle of an IOMMU, of no byte. */
static void a_destination_is_the_start_of_an_iommu(void **state)
{
	static const uint32_t wrong[] = { COMPLEX_AT, HEAD + 8, 36, TABLE_LENGTH, 0xffffffff };
	uint8_t bytes[TABLE_LENGTH];

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		struct viommu_findings *findings = viommu_findings_new();

		make_server(bytes);
		store(bytes + MAPPING_AT + TARGET_IN_MAPPING, 4, wrong[i]);
		fix(bytes, TABLE_LENGTH);
		viommu_table_free(checked(bytes, findings));
		assert_true(found(findings, "rimt-reference"));
		viommu_findings_free(findings);
	}
}

/* The topology of the server, and the routes of one function by it and by Linux. */
static void resolve(struct rig *rig, const uint8_t *bytes, size_t length, uint16_t bdf,
		    struct viommu_route *ret_route, struct viommu_route *ret_linux)
{
	struct viommu_table *table = viommu_table_decode(bytes, length, "server", rig->findings);
	const struct viommu_device_name device = { .pci = true, .bdf = bdf };

	viommu_topology_free(rig->topology);
	rig->topology = viommu_table_topology(table, rig->findings);
	assert_non_null(rig->topology);
	viommu_topology_resolve(rig->topology, &device, ret_route, ret_linux, NULL);
	viommu_table_free(table);
}

/* The count is 0xffff, and firmware means the last function too, as Linux reads it. */
static void all_functions_of_the_segment_are_behind_the_iommu(void **state)
{
	static const uint16_t functions[] = { 0, 0x0008, 0xfffe, 0xffff };
	struct rig *rig = *state;
	struct viommu_route route, linux_route;
	uint8_t bytes[TABLE_LENGTH];

	make_server(bytes);
	for (size_t i = 0; i < G_N_ELEMENTS(functions); i++) {
		resolve(rig, bytes, TABLE_LENGTH, functions[i], &route, &linux_route);
		assert_int_equal(route.reach, VIOMMU_REACH_IOMMU);
		assert_int_equal(route.iommu->base, 0x3010000);
		assert_int_equal(route.id, functions[i]);
		assert_int_equal(linux_route.reach, VIOMMU_REACH_IOMMU);
		assert_int_equal(linux_route.id, functions[i]);
	}
}

static void a_mapping_decides_the_device_id_and_others_have_none(void **state)
{
	struct rig *rig = *state;
	struct viommu_route route, linux_route;
	uint8_t bytes[TABLE_LENGTH];

	make_server(bytes);
	store(bytes + MAPPING_AT, 4, 0x100);
	store(bytes + MAPPING_AT + 4, 4, 0xff);
	store(bytes + MAPPING_AT + 8, 4, 0x2000);
	fix(bytes, TABLE_LENGTH);
	resolve(rig, bytes, TABLE_LENGTH, 0x108, &route, &linux_route);
	assert_int_equal(route.id, 0x2008);
	assert_int_equal(linux_route.id, 0x2008);
	resolve(rig, bytes, TABLE_LENGTH, 0x200, &route, &linux_route);
	assert_int_not_equal(route.reach, VIOMMU_REACH_IOMMU);
	assert_int_not_equal(linux_route.reach, VIOMMU_REACH_IOMMU);
}

/* A segment without a root complex is not in the table: nothing is said of it. */
static void linux_finds_no_root_complex_of_another_segment(void **state)
{
	struct rig *rig = *state;
	struct viommu_route route, linux_route;
	uint8_t bytes[TABLE_LENGTH];

	make_server(bytes);
	store(bytes + COMPLEX_AT + 14, 2, 1);
	fix(bytes, TABLE_LENGTH);
	resolve(rig, bytes, TABLE_LENGTH, 0x0008, &route, &linux_route);
	assert_int_equal(route.reach, VIOMMU_REACH_NOTHING);
	assert_int_equal(linux_route.reach, VIOMMU_REACH_NOTHING);
}

/* By the specification, the second mapping begins behind the first; Linux has 0x100 in both. */
static void linux_takes_one_id_more_of_a_mapping(void **state)
{
	enum { LONGER = TABLE_LENGTH + 20 };
	struct rig *rig = *state;
	struct viommu_route route, linux_route;
	uint8_t bytes[LONGER] = { 0 };
	uint8_t *second = bytes + TABLE_LENGTH;

	make_server(bytes);
	store(bytes + LENGTH_AT, 4, LONGER);
	store(bytes + COMPLEX_AT + 2, 2, COMPLEX_LENGTH + 20);
	store(bytes + COMPLEX_AT + COUNT_IN_COMPLEX, 2, 2);
	store(bytes + MAPPING_AT + 4, 4, 0x100);
	store(second, 4, 0x100);
	store(second + 4, 4, 0x100);
	store(second + 8, 4, 0x5000);
	store(second + TARGET_IN_MAPPING, 4, HEAD);
	fix(bytes, LONGER);
	resolve(rig, bytes, LONGER, 0x100, &route, &linux_route);
	assert_int_equal(route.id, 0x5000);
	assert_int_equal(linux_route.id, 0x100);
	resolve(rig, bytes, LONGER, 0x101, &route, &linux_route);
	assert_int_equal(route.id, 0x5001);
	assert_int_equal(linux_route.id, 0x5001);
}

/* -- both ways ------------------------------------------------------------------------ */

static const char machine[] =
	"iommus:\n"
	"  - { name: riscv0, kind: riscv-iommu-pci, at: 00:01.0, proximity-domain: 1 }\n"
	"  - { name: riscv1, kind: riscv-iommu, at: 0x3010000, interrupts: [36, 37, 38, 39],\n"
	"      hid: ABCD0001, wire-flags: 3, identifier: 9 }\n"
	"host-bridges:\n"
	"  - { buses: 00-ff, ats: yes, pri: yes }\n"
	"ranges:\n"
	"  - { functions: 00:02.0-7f:1f.7, iommu: riscv0 }\n"
	"  - { functions: 80:00.0-80:1f.7, iommu: riscv1, first-id: 0x20000 }\n"
	"devices:\n"
	"  - { name: \\_SB_.DEV0, iommu: riscv1, id: 0x10000, ids: 4 }\n"
	"device-ids:\n"
	"  - { device: \\_SB_.DEV0, iommu: riscv0, id: 0x10008, first-input: 0x4 }\n";

static struct viommu_table *generate(struct rig *rig, const char *signature)
{
	struct viommu_table *table = viommu_table_generate(rig->topology, signature, rig->findings);

	assert_non_null(table);
	return table;
}

/* Every member of a RISC-V IOMMU comes back, and the second table is the first. */
static void a_topology_comes_back_from_its_table(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table, *again;
	size_t length;
	void *bytes;
	char *text;

	read_fine(rig, machine);
	table = generate(rig, "RIMT");
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	viommu_table_check(table, rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	viommu_topology_free(rig->topology);
	rig->topology = viommu_table_topology(table, rig->findings);
	text = viommu_topology_text(rig->topology);
	for (const char *const *line =
		     (const char *const[]){ "kind: riscv-iommu-pci\n    at: 0000:00:01.0\n    "
					    "proximity-domain: 1\n",
					    "interrupts: [36, 37, 38, 39]\n", "hid: ABCD0001\n",
					    "wire-flags: 0x3\n", "identifier: 9\n",
					    "first-id: 0x20000\n", "first-input: 0x4\n", NULL };
	     *line; line++)
		assert_non_null(strstr(text, *line));
	again = generate(rig, "RIMT");
	length = viommu_table_encode(table, &bytes);
	assert_encodes(again, bytes, length);
	free(bytes);
	free(text);
	viommu_table_free(table);
	viommu_table_free(again);
}

/* Both functions that share an ID have it, and the one behind them has none in Linux. */
static void functions_with_one_id_have_a_mapping_each(void **state)
{
	static const struct {
		uint16_t bdf;
		uint32_t id; /* 0: none */
	} functions[] = {
		{ 0x9000, 0x30000 }, { 0x9001, 0x30000 }, { 0x9002, 0 }, { 0x8000, 0x20000 }
	};
	struct rig *rig = *state;
	struct viommu_route route, linux_route;
	struct viommu_table *table;
	size_t length;
	void *bytes;

	read_fine(rig,
		  "iommus: [ { name: a, kind: riscv-iommu, at: 0x3010000 } ]\n"
		  "ranges:\n"
		  "  - { functions: 80:00.0-80:1f.7, iommu: a, first-id: 0x20000 }\n"
		  "  - { functions: 90:00.0-90:00.1, iommu: a, first-id: 0x30000, one-id: yes }\n");
	table = generate(rig, "RIMT");
	length = viommu_table_encode(table, &bytes);
	for (size_t i = 0; i < G_N_ELEMENTS(functions); i++) {
		resolve(rig, bytes, length, functions[i].bdf, &route, &linux_route);
		assert_int_equal(route.id, functions[i].id);
		assert_int_equal(linux_route.id, functions[i].id);
	}
	free(bytes);
	viommu_table_free(table);
}

/* The IOMMUs, their places and interrupts, and the routes survive a device tree. */
static void a_device_tree_says_the_same(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table;
	struct viommu_topology *read;
	char *text;

	read_fine(rig, "iommus:\n"
		       "  - { name: f, kind: riscv-iommu-pci, at: 00:01.0 }\n"
		       "  - { name: w, kind: riscv-iommu, at: 0x3010000, interrupts: [36, 37],\n"
		       "      wire-flags: 2 }\n"
		       "host-bridges:\n"
		       "  - { buses: 00-7f, iommu: f }\n"
		       "  - { buses: 80-ff, iommu: w }\n");
	table = generate(rig, "DTB");
	read = viommu_table_topology(table, rig->findings);
	text = viommu_topology_text(read);
	for (const char *const *line =
		     (const char *const[]){
			     "kind: riscv-iommu\n    at: 0x3010000\n    span: 0x1000\n"
			     "    interrupts: [36, 37]\n    wire-flags: 0x2\n",
			     "kind: riscv-iommu-pci\n    at: 0000:00:01.0\n", NULL };
	     *line; line++)
		assert_non_null(strstr(text, *line));
	assert_false(found(rig->findings, "dt-silent-iommu"));
	free(text);
	viommu_topology_free(read);
	viommu_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RIG(a_server_has_no_findings_and_its_fields_are_shown),
		WITH_A_RIG(arrays_stay_inside_their_node),
		WITH_A_RIG(a_destination_is_the_start_of_an_iommu),
		WITH_A_RIG(all_functions_of_the_segment_are_behind_the_iommu),
		WITH_A_RIG(a_mapping_decides_the_device_id_and_others_have_none),
		WITH_A_RIG(linux_takes_one_id_more_of_a_mapping),
		WITH_A_RIG(a_topology_comes_back_from_its_table),
		WITH_A_RIG(functions_with_one_id_have_a_mapping_each),
		WITH_A_RIG(a_device_tree_says_the_same),
		WITH_A_RIG(linux_finds_no_root_complex_of_another_segment),
	};

	return cmocka_run_group_tests_name("rimt", tests, NULL, NULL);
}
