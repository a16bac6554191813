/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DMAR: generated from topologies, read into them, and kept byte for byte if damaged
 */
#include <viommu/acpi.h>

#include "tables_rig.h"

/*
 * Worked example E: a unit for an IOAPIC and 00:02.0, one for the rest, memory of 00:02.0, ATS of
 * all root ports, and a proximity domain each.
 */
static const uint8_t example_e[] = {
	0x44, 0x4d, 0x41, 0x52, 0xb0, 0x00, 0x00, 0x00, 0x01, 0x1a, 0x56, 0x49, 0x4f, 0x4d, 0x4d,
	0x55, 0x45, 0x58, 0x41, 0x4d, 0x50, 0x4c, 0x45, 0x20, 0x01, 0x00, 0x00, 0x00, 0x56, 0x49,
	0x4f, 0x4d, 0x01, 0x00, 0x00, 0x00, 0x2f, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xd9, 0xfe,
	0x00, 0x00, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x00, 0xff, 0x00, 0x00, 0x01, 0x08, 0x00,
	0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x10,
	0xd9, 0xfe, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x7b, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0x7f, 0x7b, 0x00, 0x00, 0x00, 0x00,
	0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x02, 0x00, 0x08, 0x00, 0x01, 0x00, 0x00,
	0x00, 0x03, 0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xd9, 0xfe, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x10, 0xd9, 0xfe, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
};

enum { DMAR_HEAD_LENGTH = 48, DRHD_LENGTH = 16, SCOPE_LENGTH = 8, MAX_LENGTH = 65535 };

#define TEXT_E \
	"iommus:\n" \
	"  - { name: graphics, kind: vt-d, at: 0xfed90000, proximity-domain: 0 }\n" \
	"  - { name: rest, kind: vt-d, at: 0xfed91000, proximity-domain: 1 }\n" \
	"host-bridges: [ { buses: 00-ff, iommu: rest, ats: yes } ]\n" \
	"ranges: [ { functions: 00:02.0, iommu: graphics } ]\n" \
	"interrupt-sources: [ { kind: ioapic, function: ff:00.0, iommu: graphics } ]\n" \
	"reserved-memory:\n" \
	"  - { range: 0x7b000000-0x7b7fffff, kind: identity, functions: 00:02.0 }\n" \
	"tables:\n" \
	"  dmar: { oem-id: VIOMMU, oem-table-id: 'EXAMPLE ', oem-revision: 1, creator-id: VIOM,\n" \
	"          creator-revision: 1 }\n"

/* -- generating and reading -------------------------------------------------------------- */

static struct viommu_table *generate(struct rig *rig, const char *text)
{
	read_fine(rig, text);
	return viommu_table_generate(rig->topology, "DMAR", rig->findings);
}

/* The rig gets the topology of the generated table. */
static void read_back(struct rig *rig, struct viommu_table *table)
{
	assert_non_null(table);
	viommu_table_check(table, rig->findings);
	viommu_topology_free(rig->topology);
	rig->topology = viommu_table_topology(table, rig->findings);
	assert_non_null(rig->topology);
	viommu_table_free(table);
}

static void assert_reaches(const struct rig *rig, const char *device, const char *iommu)
{
	struct viommu_route route, linux_route;
	struct viommu_device_name name;

	assert_int_equal(viommu_device_name_parse(device, &name), 0);
	viommu_topology_resolve(rig->topology, &name, &route, &linux_route, NULL);
	assert_int_equal(linux_route.reach, VIOMMU_REACH_IOMMU);
	assert_string_equal(linux_route.iommu->name, iommu);
}

static void example_e_is_generated_byte_for_byte(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table = generate(rig, TEXT_E);

	assert_encodes(table, example_e, sizeof(example_e));
	read_back(rig, table);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	assert_reaches(rig, "00:02.0", "dmar0");
	assert_reaches(rig, "00:03.0", "dmar1");
	assert_int_equal(viommu_topology_iommu(rig->topology, 1)->proximity_domain, 1);
}

static void a_table_regenerated_from_its_topology_is_the_same(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table =
		viommu_table_decode(example_e, sizeof(example_e), "e", rig->findings);

	rig->topology = viommu_table_topology(table, rig->findings);
	viommu_table_free(table);
	table = viommu_table_generate(rig->topology, "DMAR", rig->findings);
	assert_encodes(table, example_e, sizeof(example_e));
	viommu_table_free(table);
}

/* VT-d, INCLUDE_PCI_ALL: the unit is the last of its segment, whatever its position in the
 * topology. */
static void the_include_all_unit_is_last(void **state)
{
	struct rig *rig = *state;

	read_back(rig, generate(rig, "iommus:\n"
				     "  - { name: rest, kind: vt-d, at: 0xfed91000 }\n"
				     "  - { name: other, kind: vt-d, at: 0xfed92000, segment: 1 }\n"
				     "  - { name: one, kind: vt-d, at: 0xfed90000 }\n"
				     "host-bridges:\n"
				     "  - { buses: 00-ff, iommu: rest }\n"
				     "  - { segment: 1, buses: 00-ff, iommu: other }\n"
				     "ranges: [ { functions: 00:03.0, iommu: one } ]\n"));
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	assert_int_equal(viommu_topology_iommu(rig->topology, 0)->base, 0xfed92000);
	assert_int_equal(viommu_topology_iommu(rig->topology, 1)->base, 0xfed90000);
	assert_int_equal(viommu_topology_iommu(rig->topology, 2)->base, 0xfed91000);
}

/* VT-d, 8.3.1, Path: what is read from a table is written as it was, hop for hop. */
static void paths_of_several_hops_survive(void **state)
{
	struct rig *rig = *state;
	const struct viommu_pci_range *range;
	const struct viommu_interrupt_source *source;

	read_back(rig,
		  generate(rig, "iommus: [ { name: a, kind: vt-d, at: 0xfed90000 } ]\n"
				"ranges:\n"
				"  - { functions: 80:1c.4, path: 1f.7/00.0, iommu: a }\n"
				"  - { functions: 80:1d.0, path: 00.1, scope: bridge, iommu: a }\n"
				"interrupt-sources:\n"
				"  - { kind: hpet, number: 3, function: 00:1e.0, path: 02.5,\n"
				"      iommu: a }\n"));
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	source = viommu_topology_interrupt_source(rig->topology, 0);
	assert_int_equal(source->kind, VIOMMU_HPET);
	assert_int_equal(source->number, 3);
	assert_string_equal(source->path, "02.5");
	range = viommu_topology_pci_range(rig->topology, 0);
	assert_int_equal(range->bdf_first, 0x80e4);
	assert_string_equal(range->path, "1f.7/00.0");
	range = viommu_topology_pci_range(rig->topology, 1);
	assert_int_equal(range->scope, VIOMMU_SCOPE_BRIDGE);
	assert_string_equal(range->path, "00.1");
}

/* VT-d, 8.7: a scope has the number, and an ANDD with that number the name. */
static void devices_of_the_namespace_keep_number_and_name(void **state)
{
	struct rig *rig = *state;
	const struct viommu_platform_device *device;

	read_back(rig,
		  generate(rig, "iommus: [ { name: a, kind: vt-d, at: 0xfed90000 } ]\n"
				"host-bridges: [ { buses: 00-ff, iommu: a } ]\n"
				"devices:\n"
				"  - { name: \\_SB.PCI0.I2C0, number: 9, iommu: a, id: 0xa8 }\n"
				"  - { name: \\_SB.PCI0.SPI0.TPM_.ANDL, number: 1, "
				"iommu: a, id: 0xf3 }\n"));
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	device = viommu_topology_platform_device(rig->topology, 0);
	assert_string_equal(device->name, "\\_SB.PCI0.I2C0");
	assert_int_equal(device->number, 9);
	assert_int_equal(device->id, 0xa8);
	device = viommu_topology_platform_device(rig->topology, 1);
	assert_string_equal(device->name, "\\_SB.PCI0.SPI0.TPM_.ANDL");
}

/* Everything that a DMAR has for address translation services. */
static void ports_and_integrated_functions_with_ats_survive(void **state)
{
	struct rig *rig = *state;
	const struct viommu_ats *ats;

	read_back(rig, generate(rig, "iommus: [ { name: a, kind: vt-d, at: 0xfed90000 } ]\n"
				     "host-bridges: [ { buses: 00-ff, iommu: a } ]\n"
				     "ats:\n"
				     "  - { kind: root-port, function: 00:1c.0, scope: bridge }\n"
				     "  - { kind: integrated, function: 00:02.0, required: yes }\n"
				     "  - { kind: integrated, function: 00:0a.0 }\n"
				     "  - { kind: properties, function: 00:02.0, flags: 0x3 }\n"));
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	ats = viommu_topology_ats(rig->topology, 0);
	assert_int_equal(ats->kind, VIOMMU_ATS_ROOT_PORT);
	assert_int_equal(ats->scope, VIOMMU_SCOPE_BRIDGE);
	assert_true(viommu_topology_ats(rig->topology, 1)->required);
	assert_false(viommu_topology_ats(rig->topology, 2)->required);
	ats = viommu_topology_ats(rig->topology, 3);
	assert_int_equal(ats->kind, VIOMMU_ATS_PROPERTIES);
	assert_int_equal(ats->flags, 3);
	assert_null(viommu_topology_ats(rig->topology, 4));
}

/* Linux puts each unit in front of those it has read: of two that name a function, the later wins.
 */
static void linux_uses_the_later_of_two_units(void **state)
{
	struct rig *rig = *state;
	struct viommu_device_name name;
	struct viommu_route route, linux_route;

	read_back(rig, generate(rig, "iommus:\n"
				     "  - { name: one, kind: vt-d, at: 0xfed90000 }\n"
				     "  - { name: two, kind: vt-d, at: 0xfed91000 }\n"
				     "ranges:\n"
				     "  - { functions: 00:02.0, iommu: one }\n"
				     "  - { functions: 00:02.0, iommu: two }\n"));
	assert_int_equal(viommu_device_name_parse("00:02.0", &name), 0);
	viommu_topology_resolve(rig->topology, &name, &route, &linux_route, NULL);
	assert_string_equal(route.iommu->name, "dmar0");
	assert_string_equal(linux_route.iommu->name, "dmar1");
}

/* -- limits ------------------------------------------------------------------------------ */

/* A structure has 16 bits for its length: this limits the scopes of a unit.
 */
static void the_length_limits_the_scopes_of_a_unit(void **state)
{
	static const unsigned max = (MAX_LENGTH - DRHD_LENGTH) / SCOPE_LENGTH;
	struct rig *rig = *state;
	struct viommu_pci_range range = { .size = sizeof(range), .iommu = "a" };
	struct viommu_table *table;
	void *bytes;

	read_fine(rig, "iommus: [ { name: a, kind: vt-d, at: 0xfed90000 } ]\n");
	range.bdf_last = (uint16_t)(max - 1);
	assert_int_equal(viommu_topology_add_pci_range(rig->topology, &range), 0);
	table = viommu_table_generate(rig->topology, "DMAR", rig->findings);
	assert_non_null(table);
	assert_int_equal(viommu_table_encode(table, &bytes),
			 DMAR_HEAD_LENGTH + DRHD_LENGTH + max * SCOPE_LENGTH);
	free(bytes);
	viommu_table_free(table);
	range.id_first = max;
	range.bdf_first = range.bdf_last = (uint16_t)max;
	assert_int_equal(viommu_topology_add_pci_range(rig->topology, &range), 0);
	assert_null(viommu_table_generate(rig->topology, "DMAR", rig->findings));
	assert_true(found(rig->findings, "dmar-too-large"));
}

/* -- hostile bytes ----------------------------------------------------------------------- */

/* Cut off, with a length and a checksum that are right: bytes survive, and every cut is found. */
static void a_table_cut_off_inside_a_structure_is_a_finding(void **state)
{
	(void)state;
	for (size_t length = DMAR_HEAD_LENGTH + 1; length < sizeof(example_e); length++) {
		struct viommu_findings *findings = viommu_findings_new();
		uint8_t *bytes = copy_of(example_e, length);

		store(bytes + LENGTH_AT, 4, length);
		fix(bytes, length);
		walk(bytes, length, findings);
		if (length < DMAR_HEAD_LENGTH + DRHD_LENGTH + 2 * SCOPE_LENGTH)
			assert_true(viommu_findings_count_from(findings, VIOMMU_ERROR));
		free(bytes);
		viommu_findings_free(findings);
	}
}

/* With any values of two bytes, a decoded table encodes to the same bytes. */
static void any_lengths_and_types_are_decoded_and_kept(void **state)
{
	static const uint16_t values[] = { 0, 1, 5, 6, 7, 8, 0x0105, 0x0700, 0x7fff, 0xffff };
	uint8_t *bytes = copy_of(example_e, sizeof(example_e));

	(void)state;
	for (size_t i = HEADER_LENGTH; i + 1 < sizeof(example_e); i++)
		for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
			uint64_t before = load(bytes + i, 2);

			store(bytes + i, 2, values[k]);
			fix(bytes, sizeof(example_e));
			walk(bytes, sizeof(example_e), NULL);
			store(bytes + i, 2, before);
		}
	free(bytes);
}

/* VT-d, 8.7: a name of no bytes at all has no end either. */
static void a_name_without_bytes_is_a_finding(void **state)
{
	uint8_t bytes[sizeof(example_e) + 8];
	struct rig *rig = *state;

	memcpy(bytes, example_e, sizeof(example_e));
	memcpy(bytes + sizeof(example_e), "\x04\0\x08\0\0\0\0\x01", 8);
	store(bytes + LENGTH_AT, 4, sizeof(bytes));
	fix(bytes, sizeof(bytes));
	walk(bytes, sizeof(bytes), rig->findings);
	assert_true(found(rig->findings, "dmar-name"));
}

/* A type that is not known is skipped by its length, and kept. */
static void unknown_structures_survive(void **state)
{
	uint8_t bytes[sizeof(example_e) + 8];
	struct rig *rig = *state;

	memcpy(bytes, example_e, sizeof(example_e));
	memcpy(bytes + sizeof(example_e), "\x2a\0\x08\0wxyz", 8);
	store(bytes + LENGTH_AT, 4, sizeof(bytes));
	fix(bytes, sizeof(bytes));
	walk(bytes, sizeof(bytes), rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 1);
	assert_true(found(rig->findings, "dmar-type"));
}

/* -- Xen and FreeBSD ------------------------------------------------------------------- */

static struct viommu_table *dmar_of(struct rig *rig, const uint8_t *structures, size_t length)
{
	uint8_t bytes[256] = { 0 };

	memcpy(bytes, example_e, 48);
	memcpy(bytes + 48, structures, length);
	store(bytes + LENGTH_AT, 4, 48 + length);
	fix(bytes, 48 + length);
	return viommu_table_decode(bytes, 48 + length, "others", rig->findings);
}

/* A unit at 0xfed9xx00, with the length of its scopes; memory from 0x7b00xx00 to 0x7b00xxff. */
#define DRHD(flags, at, scopes) \
	0, 0, 16 + (scopes), 0, flags, 0, 0, 0, 0, at, 0xd9, 0xfe, 0, 0, 0, 0
#define SCOPE(device) 1, 8, 0, 0, 0, 0, device, 0
#define REGION(length, first, last) \
	1, 0, length, 0, 0, 0, 0, 0, 0, first, 0, 0x7b, 0, 0, 0, 0, 0xff, last, 0, 0x7b, 0, 0, 0, 0
#define RMRR(first, last, device) REGION(32, first, last), SCOPE(device)
#define NAMED_RMRR(first, last)   REGION(32, first, last), 5, 8, 0, 0, 1, 0, 3, 0

/* Linux uses the unit with scopes, wherever it is; FreeBSD takes the first one that matches. */
static void other_systems_differ_where_linux_uses_the_table(void **state)
{
	static const uint8_t twice[] = { DRHD(1, 0x10, 0), DRHD(1, 0x20, 0) };
	static const uint8_t shadowed[] = { DRHD(1, 0x10, 0), DRHD(0, 0x20, 8), SCOPE(3) };
	static const uint8_t overlap[] = { DRHD(1, 0x10, 0), RMRR(0x10, 0x2f, 3),
					   RMRR(0x20, 0x3f, 4) };
	static const uint8_t inverted[] = { DRHD(1, 0x10, 0), RMRR(0x20, 0x10, 3) };
	/* Xen ignores a region without a function. */
	static const uint8_t unregistered[] = { DRHD(1, 0x10, 0), REGION(24, 0x10, 0x2f),
						NAMED_RMRR(0x10, 0x2f), NAMED_RMRR(0x20, 0x10),
						RMRR(0x20, 0x3f, 4) };
	/* But it compares one with those before it. */
	static const uint8_t later[] = { DRHD(1, 0x10, 0), RMRR(0x20, 0x3f, 4),
					 REGION(24, 0x30, 0x4f) };
	static const uint8_t good[] = { DRHD(0, 0x20, 8), SCOPE(3), DRHD(1, 0x10, 0),
					RMRR(0x10, 0x1f, 3), RMRR(0x20, 0x2f, 3) };
	static const struct {
		const uint8_t *structures;
		size_t length;
		const char *text;
	} cases[] = {
		{ twice, sizeof(twice),
		  "Xen disables VT-d: it allows one unit with INCLUDE_PCI_ALL in segment 0" },
		{ shadowed, sizeof(shadowed),
		  "FreeBSD takes a unit with INCLUDE_PCI_ALL before the units of its segment that "
		  "follow it" },
		{ overlap, sizeof(overlap),
		  "Xen disables VT-d: it allows no reserved regions that overlap" },
		{ inverted, sizeof(inverted),
		  "Xen disables VT-d: it allows no reserved region that ends before it begins" },
		{ unregistered, sizeof(unregistered), NULL },
		{ later, sizeof(later),
		  "Xen disables VT-d: it allows no reserved regions that overlap" },
		{ good, sizeof(good), NULL },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct viommu_table *table = dmar_of(rig, cases[i].structures, cases[i].length);
		struct viommu_topology *topology = viommu_table_topology(table, rig->findings);
		const char *text = viommu_topology_other_system(topology, 0);

		assert_string_equal(text ? text : "", cases[i].text ? cases[i].text : "");
		assert_null(viommu_topology_other_system(topology, 1));
		viommu_topology_free(topology);
		viommu_table_free(table);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RIG(other_systems_differ_where_linux_uses_the_table),
		WITH_A_RIG(example_e_is_generated_byte_for_byte),
		WITH_A_RIG(a_table_regenerated_from_its_topology_is_the_same),
		WITH_A_RIG(the_include_all_unit_is_last),
		WITH_A_RIG(paths_of_several_hops_survive),
		WITH_A_RIG(devices_of_the_namespace_keep_number_and_name),
		WITH_A_RIG(ports_and_integrated_functions_with_ats_survive),
		WITH_A_RIG(linux_uses_the_later_of_two_units),
		WITH_A_RIG(the_length_limits_the_scopes_of_a_unit),
		WITH_A_RIG(a_table_cut_off_inside_a_structure_is_a_finding),
		WITH_A_RIG(any_lengths_and_types_are_decoded_and_kept),
		WITH_A_RIG(a_name_without_bytes_is_a_finding),
		WITH_A_RIG(unknown_structures_survive),
	};

	return cmocka_run_group_tests_name("dmar", tests, NULL, NULL);
}
