/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IVRS (AMD I/O Virtualization Technology): generated from topologies, and read back
 */
#include <viommu/acpi.h>

#include "tables_rig.h"

#define HEADER \
	"tables:\n" \
	"  ivrs: { oem-id: VIOMMU, oem-table-id: 'EXAMPLE ', oem-revision: 1, creator-id: VIOM,\n" \
	"          creator-revision: 1 }\n"

#define IOMMU "iommus: [ { name: a, kind: amd-vi, at: 0xfed80000, function: 00:04.0 } ]\n"

/* Worked example F: a function, a range, an alias range behind a bridge, and an IOAPIC. */
static const uint8_t example_f[] = {
	0x49, 0x56, 0x52, 0x53, 0x68, 0x00, 0x00, 0x00, 0x01, 0xef, 0x56, 0x49, 0x4f, 0x4d, 0x4d,
	0x55, 0x45, 0x58, 0x41, 0x4d, 0x50, 0x4c, 0x45, 0x20, 0x01, 0x00, 0x00, 0x00, 0x56, 0x49,
	0x4f, 0x4d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x28, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x10, 0xd1, 0x38, 0x00, 0x20, 0x00, 0x40, 0x00, 0x00, 0x00, 0xd8, 0xfe,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x44, 0x00, 0x00, 0x00, 0x02, 0x08, 0x00,
	0x00, 0x03, 0x00, 0x01, 0x00, 0x04, 0xff, 0x01, 0x00, 0x43, 0x00, 0x0b, 0x00, 0x00, 0x00,
	0x0b, 0x00, 0x04, 0xff, 0x0c, 0x00, 0x48, 0x00, 0x00, 0x00, 0x00, 0xa0, 0x00, 0x01,
};

static const char example_f_text[] =
	"iommus:\n"
	"  - { name: a, kind: amd-vi, at: 0xfed80000, function: 00:04.0, capability: 0x40,\n"
	"      features: 0x44, flags: 0xd1 }\n"
	"ranges:\n"
	"  - { functions: 00:01.0, iommu: a }\n"
	"  - { functions: 01:00.0-01:1f.7, iommu: a }\n"
	"  - { functions: 0b:00.0-0c:1f.7, iommu: a, one-id: yes }\n"
	"interrupt-sources: [ { kind: ioapic, function: 00:14.0, iommu: a } ]\n" HEADER;

static struct viommu_table *generate(struct rig *rig, const char *text)
{
	read_fine(rig, text);
	return viommu_table_generate(rig->topology, "IVRS", rig->findings);
}

/* The rig gets the topology of the generated table. */
static void read_back(struct rig *rig, struct viommu_table *table)
{
	assert_non_null(table);
	viommu_topology_free(rig->topology);
	rig->topology = viommu_table_topology(table, rig->findings);
	viommu_table_free(table);
}

static struct viommu_route ask(const struct rig *rig, const char *device,
			       struct viommu_route *ret_linux)
{
	struct viommu_device_name name;
	struct viommu_route route;

	if (viommu_device_name_parse(device, &name))
		assert_int_equal(viommu_topology_find_device(rig->topology, device, &name), 0);
	viommu_topology_resolve(rig->topology, &name, &route, ret_linux, NULL);
	return route;
}

static void assert_reaches(const struct rig *rig, const char *device, uint32_t id)
{
	struct viommu_route linux_route, route = ask(rig, device, &linux_route);

	assert_int_equal(route.reach, VIOMMU_REACH_IOMMU);
	assert_int_equal(route.id, id);
	assert_int_equal(linux_route.reach, VIOMMU_REACH_IOMMU);
	assert_int_equal(linux_route.id, id);
}

/* -- the worked example ------------------------------------------------------------------ */

static void example_f_is_generated_byte_for_byte(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table = generate(rig, example_f_text);

	assert_encodes(table, example_f, sizeof(example_f));
	read_back(rig, table);
	assert_reaches(rig, "00:01.0", 0x0008);
	assert_reaches(rig, "01:1f.7", 0x01ff);
	assert_reaches(rig, "0c:03.1", 0x0b00);
}

static void a_table_regenerated_from_its_topology_is_the_same(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table =
		viommu_table_decode(example_f, sizeof(example_f), "f", rig->findings);

	viommu_table_check(table, rig->findings);
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_WARNING), 0);
	rig->topology = viommu_table_topology(table, rig->findings);
	viommu_table_free(table);
	table = viommu_table_generate(rig->topology, "IVRS", rig->findings);
	assert_encodes(table, example_f, sizeof(example_f));
	viommu_table_free(table);
}

/* -- device entries ---------------------------------------------------------------------- */

/* The types of the blocks and of the device entries in them, one after the other, as text. */
static void assert_types(struct viommu_table *table, const char *expected)
{
	char *text = viommu_table_text(table), types[256] = "";

	for (const char *at = strstr(text, "  Type"); at; at = strstr(at + 1, "  Type")) {
		size_t used = strlen(types);

		snprintf(types + used, sizeof(types) - used, "%s%.2s", used ? " " : "",
			 strstr(at, "0x") + 2);
	}
	assert_string_equal(types, expected);
	free(text);
	viommu_table_free(table);
}

/* 01h applies to every function of the segment. */
static void a_whole_segment_is_one_entry(void **state)
{
	assert_types(generate(*state, "iommus: [ { name: a, kind: amd-vi, at: 0xfed80000, "
				      "function: 00:04.0, include-self: yes } ]\n"
				      "host-bridges: [ { buses: 00-ff, iommu: a } ]\n"),
		     "10 01");
}

/* The entries of a host bridge follow those of ranges and exclude their functions. */
static void ranges_come_before_the_rest_of_a_host_bridge(void **state)
{
	assert_types(generate(*state, IOMMU "host-bridges: [ { buses: 00-ff, iommu: a } ]\n"
					    "ranges:\n"
					    "  - { functions: ff:1f.7, iommu: a }\n"
					    "  - { functions: 10:00.0, iommu: none }\n"),
		     "10 02 03 04 03 04 03 04");
}

static void ats_is_refused_by_an_extended_entry(void **state)
{
	assert_types(generate(*state,
			      IOMMU "ranges:\n"
				    "  - { functions: ff:00.0, iommu: a, no-ats: yes }\n"
				    "  - { functions: ff:01.0-ff:1f.7, iommu: a, no-ats: yes }\n"),
		     "10 46 47 04");
}

/* In a range the next function has the next ID; in an alias range it has the same ID. */
static void consecutive_ids_are_written_as_aliases(void **state)
{
	assert_types(generate(*state, IOMMU "ranges:\n"
					    "  - { functions: 00:00.0-fe:1f.7, iommu: a }\n"
					    "  - { functions: ff:00.0-ff:00.2, first-id: 0x100, "
					    "iommu: a }\n"),
		     "10 03 04 42 42 42");
}

/* "IVRS: pads before device entries of 8 bytes where they need one" */
static void entries_of_8_bytes_can_be_aligned(void **state)
{
	assert_types(generate(*state, IOMMU "tables: { ivrs: { aligned: yes } }\n"
					    "ranges: [ { functions: ff:1f.7, iommu: a } ]\n"
					    "interrupt-sources:\n"
					    "  - { kind: hpet, function: 00:14.0, iommu: a }\n"),
		     "10 02 00 48");
}

/* -- blocks ------------------------------------------------------------------------------ */

static const char whole[] = "ranges: [ { functions: 00:00.0-ff:1f.7, iommu: a } ]\n";

static void write_text(char *text, size_t room, const char *iommu, const char *more)
{
	snprintf(text, room,
		 "iommus: [ { name: a, kind: amd-vi, at: 0xfed80000, "
		 "function: 00:04.0%s } ]\n%s%s",
		 iommu, whole, more);
}

/* Images of registers need a block of type 11h, devices that ACPI names one of type 40h. */
static void an_iommu_has_the_blocks_that_it_needs(void **state)
{
	static const struct {
		const char *iommu, *more, *types;
	} cases[] = {
		{ "", "", "10 01" },
		{ ", efr: 0x29d3", "", "10 01 11 01" },
		{ "", "devices: [ { hid: AMDI0020, iommu: a, id: 0x9a } ]\n", "10 01 40 01 f0" },
		{ ", efr: 1",
		  "reserved-memory: [ { range: 0-0xfff, kind: identity, iommu: a } ]\n"
		  "devices: [ { hid: AMDI0020, iommu: a, id: 0x9a } ]\n",
		  "10 01 11 01 20 40 01 f0" },
		{ ", efr: 1, blocks: [17]", "", "11 01" },
	};
	char text[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		void *fresh;

		(void)state;
		set_up(&fresh);
		write_text(text, sizeof(text), cases[i].iommu, cases[i].more);
		assert_types(generate(fresh, text), cases[i].types);
		tear_down(&fresh);
	}
}

/* Blocks of all IOMMUs are of the same types: one that has no image gets an empty one. */
static void all_iommus_have_the_same_blocks(void **state)
{
	assert_types(generate(*state,
			      "iommus:\n"
			      "  - { name: a, kind: amd-vi, at: 0xfed80000, function: 00:00.2 }\n"
			      "  - { name: b, kind: amd-vi, at: 0xfed90000, function: 80:00.2,\n"
			      "      efr: 1 }\n"
			      "ranges:\n"
			      "  - { functions: 00:01.0-7f:1f.7, iommu: a }\n"
			      "  - { functions: 80:01.0-ff:1f.7, iommu: b }\n"),
		     "10 03 04 11 03 04 10 03 04 11 03 04");
}

/* A block counts its bytes in 16 bits: 16377 functions of 4 bytes are the most of one. */
static void a_block_that_is_too_long_is_refused(void **state)
{
	struct rig *rig = *state;
	const struct viommu_iommu iommu = {
		.size = sizeof(iommu), .name = "a", .kind = VIOMMU_AMD_VI, .base = 0xfed80000
	};
	struct viommu_table *table;

	rig->topology = viommu_topology_new();
	viommu_topology_add_iommu(rig->topology, &iommu);
	for (unsigned bdf = 0; bdf < 0x8000; bdf += 2) {
		const struct viommu_pci_range range = { .size = sizeof(range),
							.bdf_first = (uint16_t)bdf,
							.bdf_last = (uint16_t)bdf,
							.id_first = bdf,
							.iommu = "a" };

		viommu_topology_add_pci_range(rig->topology, &range);
		if (bdf != 2 * 16376 && bdf != 2 * 16377)
			continue;
		table = viommu_table_generate(rig->topology, "IVRS", rig->findings);
		assert_int_equal(!table, bdf == 2 * 16377);
		viommu_table_free(table);
	}
	assert_true(found(rig->findings, "ivrs-too-large"));
}

/* -- ACPI devices -------------------------------------------------------------- */

static void unique_ids_are_numbers_or_text(void **state)
{
	struct rig *rig = *state;
	const struct viommu_platform_device *device;

	read_back(rig, generate(rig, IOMMU
				"ranges: [ { functions: 00:00.0-ff:1f.7, iommu: a } ]\n"
				"devices:\n"
				"  - { hid: AMDI0020, uid: '\\_SB.FUR0', iommu: a, id: 0xa5,\n"
				"      settings: 0x40 }\n"
				"  - { hid: AMDI0020, cid: PNP0501, uid: '18446744073709551615',\n"
				"      iommu: a, id: 0x9a }\n"
				"  - { hid: AMDI0040, iommu: a, id: 0x99 }\n"));
	device = viommu_topology_platform_device(rig->topology, 0);
	assert_string_equal(device->uid, "\\_SB.FUR0");
	assert_int_equal(device->settings, 0x40);
	device = viommu_topology_platform_device(rig->topology, 1);
	assert_string_equal(device->cid, "PNP0501");
	assert_string_equal(device->uid, "18446744073709551615");
	assert_null(viommu_topology_platform_device(rig->topology, 2)->uid);
	assert_reaches(rig, "AMDI0020:\\_SB.FUR0", 0xa5);
	assert_reaches(rig, "AMDI0040", 0x99);
}

/* -- overlaps ---------------------------------------------------------------------------- */

/* The first range of a topology wins, the last entry of a table: the order is reversed. */
static void the_first_of_overlapping_ranges_is_written_last(void **state)
{
	struct rig *rig = *state;

	read_back(rig, generate(rig, IOMMU
				"ranges:\n"
				"  - { functions: ff:00.0-ff:1f.7, first-id: 0xa5, one-id: yes, "
				"iommu: a }\n"
				"  - { functions: 00:00.0-ff:1f.6, iommu: a }\n"));
	assert_int_equal(viommu_topology_pci_range(rig->topology, 0)->bdf_first, 0xff00);
	assert_reaches(rig, "ff:00.0", 0xa5);
	assert_reaches(rig, "fe:00.0", 0xfe00);
}

/* No entry makes a function bypass, so the ranges around it are written. */
static void bypassing_functions_are_excluded(void **state)
{
	struct rig *rig = *state;
	struct viommu_route linux_route;

	read_back(rig, generate(rig, IOMMU "ranges:\n"
					   "  - { functions: 01:00.0, iommu: none }\n"
					   "  - { functions: 00:00.0-ff:1f.7, iommu: a }\n"));
	assert_int_equal(ask(rig, "01:00.0", &linux_route).reach, VIOMMU_REACH_NOTHING);
	assert_reaches(rig, "01:00.1", 0x101);
}

/* Blocks have the order of the IOMMUs; overlapping ranges in another order are split. */
static void the_iommu_of_the_first_overlapping_range_is_used(void **state)
{
	struct rig *rig = *state;
	struct viommu_route linux_route;

	read_back(rig,
		  generate(rig, "iommus:\n"
				"  - { name: a, kind: amd-vi, at: 0xfed80000, function: 00:00.2 }\n"
				"  - { name: b, kind: amd-vi, at: 0xfed90000, function: 80:00.2 }\n"
				"ranges:\n"
				"  - { functions: 00:00.0-80:1f.7, iommu: a }\n"
				"  - { functions: 40:00.0-ff:1f.7, iommu: b }\n"));
	assert_string_equal(ask(rig, "41:00.0", &linux_route).iommu->name, "amdvi0");
	assert_string_equal(linux_route.iommu->name, "amdvi0");
	assert_string_equal(ask(rig, "81:00.0", &linux_route).iommu->name, "amdvi1");
}

/* -- Linux --------------------------------------------------------------------- */

static void linux_excludes_iommus_from_translation(void **state)
{
	struct rig *rig = *state;
	struct viommu_route linux_route;

	read_back(rig, generate(rig, IOMMU "ranges: [ { functions: 00:00.0-ff:1f.7, iommu: a } ]"));
	assert_int_equal(ask(rig, "00:04.0", &linux_route).reach, VIOMMU_REACH_IOMMU);
	assert_int_equal(linux_route.reach, VIOMMU_REACH_NOTHING);
}

/* The target of an alias has a row in the table of Linux, even without an entry. */
static void linux_knows_the_function_of_an_alias(void **state)
{
	struct rig *rig = *state;
	struct viommu_route linux_route;

	read_back(rig, generate(rig, example_f_text));
	assert_int_equal(ask(rig, "00:14.0", &linux_route).reach, VIOMMU_REACH_NOTHING);
	assert_int_equal(linux_route.reach, VIOMMU_REACH_IOMMU);
}

/* "It uses one block type for the whole table": that of the first IOMMU. */
static void linux_does_not_see_an_iommu_without_the_newest_block(void **state)
{
	struct rig *rig = *state;
	struct viommu_route linux_route;

	read_back(rig,
		  generate(rig, "iommus:\n"
				"  - { name: a, kind: amd-vi, at: 0xfed80000, function: 00:00.2,\n"
				"      blocks: [16, 17] }\n"
				"  - { name: b, kind: amd-vi, at: 0xfed90000, function: 80:00.2,\n"
				"      blocks: [16] }\n"
				"ranges:\n"
				"  - { functions: 00:01.0-ff:00.0, iommu: a }\n"
				"  - { functions: ff:01.0, iommu: b }\n"));
	assert_int_equal(ask(rig, "ff:01.0", &linux_route).reach, VIOMMU_REACH_IOMMU);
	assert_int_equal(linux_route.reach, VIOMMU_REACH_NOTHING);
}

/* -- Xen ------------------------------------------------------------------------------- */

#define IVHD(type, length) \
	type, 0, length, 0, 2, 0, 0x40, 0, 0, 0, 0xd8, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define IMAGES          0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define FROM_TO(a, b)   3, a, 0, 0, 4, b, 0, 0
#define IOAPIC(id, bdf) 0x48, 0, 0, 0, id, bdf, 0, 1
#define SOUTHBRIDGE     IOAPIC(0, 0xa0)
/* Memory from `start` on in units of 16 MiB, and of `pages` pages and `size` bytes. */
#define IVMD(type, flags, last, start, pages, size) \
	type, flags, 32, 0, 8, 0, last, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, start, 0, 0, 0, 0, \
		size, (pages) << 4, 0, 0, 0, 0, 0, 0
/* The same above 4 GiB: `start` in units of 1 TiB, and `size` of 16 MiB and of 1 TiB. */
#define HIGH_IVMD(type, flags, last, start, size, high_size) \
	type, flags, 32, 0, 8, 0, last, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, start, 0, 0, 0, \
		0, 0, size, 0, high_size, 0, 0
#define OLD(n) IVHD(0x10, 32 + (n)), SOUTHBRIDGE

static const uint8_t parts[] = { OLD(8), FROM_TO(1, 8), IVMD(0x21, 7, 0, 0x7b, 1, 1) };
static const uint8_t of_one[] = { OLD(8), FROM_TO(8, 8) };
static const uint8_t memory_of_one[] = { OLD(8), FROM_TO(1, 8), IVMD(0x22, 7, 8, 0x7b, 1, 0) };
static const uint8_t useless[] = { OLD(8), FROM_TO(1, 8), IVMD(0x21, 6, 0, 0x7b, 1, 0) };
static const uint8_t newer[] = { IVHD(0x11, 56), IMAGES, SOUTHBRIDGE, FROM_TO(1, 8) };
static const uint8_t newest[] = { IVHD(0x40, 56), IMAGES, SOUTHBRIDGE, FROM_TO(1, 8) };
/* A range that Xen does not read. */
static const uint8_t both[] = { OLD(8), FROM_TO(8, 8), IVHD(0x11, 56),
				IMAGES, SOUTHBRIDGE,   FROM_TO(1, 8) };
static const uint8_t all[] = { OLD(4), 1, 0, 0, 0 };
static const uint8_t elsewhere[] = { IVHD(0x10, 32), IOAPIC(0, 1) };
static const uint8_t again[] = { OLD(8), IOAPIC(0, 0xa0) };
static const uint8_t conflict[] = { OLD(8), IOAPIC(0, 1) };
static const uint8_t first_page[] = { OLD(8), FROM_TO(1, 8), IVMD(0x21, 7, 0, 0, 0, 1) };
#define TWO_REGIONS(pages) IVMD(0x21, 7, 0, 0x7b, 1, 0), IVMD(0x20, 7, 0, 0x7b, pages, 0)
static const uint8_t overlap[] = { OLD(8), FROM_TO(1, 8), TWO_REGIONS(2) };
static const uint8_t equal[] = { OLD(8), FROM_TO(1, 8), TWO_REGIONS(1) };
/* Xen ignores memory of a function that is not listed. */
static const uint8_t of_none[] = { OLD(8), FROM_TO(1, 7), TWO_REGIONS(2) };

/* At 2 TiB, or up to there. */
static const uint8_t useless_far[] = { OLD(8), FROM_TO(1, 8), HIGH_IVMD(0x21, 6, 0, 2, 1, 0) };
static const uint8_t of_one_far[] = { OLD(8), FROM_TO(1, 8), HIGH_IVMD(0x22, 7, 8, 2, 1, 0) };
static const uint8_t all_far[] = { OLD(8), FROM_TO(1, 8), HIGH_IVMD(0x21, 7, 0, 0, 0, 2) };
static const uint8_t overlap_far[] = { OLD(8), FROM_TO(1, 8), HIGH_IVMD(0x21, 7, 0, 2, 1, 0),
				       HIGH_IVMD(0x20, 7, 0, 2, 2, 0) };
/* Xen reads the others as well. */
static const uint8_t far_and_near[] = { OLD(8), FROM_TO(1, 8), HIGH_IVMD(0x21, 7, 0, 2, 1, 0),
					IVMD(0x21, 6, 0, 0x7b, 1, 0) };

#define NO_TYPE  "Xen has no IOMMU: it reads blocks of type 10h, and of 11h if IVinfo has EFRSup"
#define NO_RANGE "Xen has no IOMMU: it allows no range whose last device ID is not above the first"
#define NO_USE   "Xen has no IOMMU: it allows no memory that is neither identity-mapped nor excluded"
#define NO_ENTRY "Xen has no IOMMU: it knows no device entries of all functions or of unknown types"
#define NO_SOUTHBRIDGE \
	"Xen has no IOMMU, unless it runs with iommu=no-intremap, " \
	"iommu=no-amd-iommu-perdev-intremap or ivrs_ioapic[...]=00:14.0: no IOAPIC is listed as " \
	"00:14.0"
#define NO_CONFLICT \
	"Xen has no IOMMU, unless it runs with iommu=no-intremap, " \
	"iommu=no-amd-iommu-perdev-intremap or ivrs_ioapic[...]: it allows one device ID for an " \
	"IOAPIC"
#define IGNORED \
	"Xen ignores memory that ends above the smaller of PASize and VASize in IVinfo; at 0 it " \
	"ignores all of it"
#define NO_RAM     "Xen has no IOMMU where memory that stays mapped is RAM, as the first page mostly is"
#define NO_OVERLAP "Xen has no IOMMU: it allows no two regions of a device that overlap and differ"

/* PASize and VASize, as real tables have them. */
#define WIDTHS(physical, virtual) ((uint32_t)(physical) << 8 | (uint32_t)(virtual) << 15)
#define WIDE                      WIDTHS(48, 64)

static void xen_refuses_what_linux_accepts(void **state)
{
	static const struct {
		const uint8_t *blocks;
		size_t length;
		uint32_t info;
		const char *text;
	} cases[] = {
		{ parts, sizeof(parts), WIDE, "" },
		{ of_one, sizeof(of_one), WIDE, NO_RANGE },
		{ memory_of_one, sizeof(memory_of_one), WIDE, NO_RANGE },
		{ useless, sizeof(useless), WIDE, NO_USE },
		{ newer, sizeof(newer), WIDE, NO_TYPE },
		{ newer, sizeof(newer), WIDE | 1, "" },
		{ newest, sizeof(newest), WIDE | 1, NO_TYPE },
		{ both, sizeof(both), WIDE, NO_RANGE },
		{ both, sizeof(both), WIDE | 1, "" },
		{ all, sizeof(all), WIDE, NO_ENTRY },
		{ elsewhere, sizeof(elsewhere), WIDE, NO_SOUTHBRIDGE },
		{ again, sizeof(again), WIDE, "" },
		{ conflict, sizeof(conflict), WIDE, NO_CONFLICT },
		{ first_page, sizeof(first_page), WIDE, NO_RAM },
		{ overlap, sizeof(overlap), WIDE, NO_OVERLAP },
		{ equal, sizeof(equal), WIDE, "" },
		{ of_none, sizeof(of_none), WIDE, "" },
		{ parts, sizeof(parts), 0, IGNORED },
		{ parts, sizeof(parts), WIDTHS(48, 0), IGNORED },
		{ useless_far, sizeof(useless_far), WIDE, NO_USE },
		{ useless_far, sizeof(useless_far), WIDTHS(40, 64), IGNORED },
		{ of_one_far, sizeof(of_one_far), WIDE, NO_RANGE },
		{ of_one_far, sizeof(of_one_far), WIDTHS(40, 64), IGNORED },
		{ all_far, sizeof(all_far), WIDE, NO_RAM },
		{ all_far, sizeof(all_far), WIDTHS(48, 40), IGNORED },
		{ overlap_far, sizeof(overlap_far), WIDE, NO_OVERLAP },
		{ overlap_far, sizeof(overlap_far), WIDTHS(40, 40), IGNORED },
		{ far_and_near, sizeof(far_and_near), WIDTHS(40, 40), NO_USE IGNORED },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[256] = { 0 };
		char told[256] = "";
		size_t length = VIOT_HEAD_LENGTH + cases[i].length;
		const char *text;

		memcpy(bytes, example_f, HEADER_LENGTH);
		store(bytes + HEADER_LENGTH, 4, cases[i].info);
		memcpy(bytes + VIOT_HEAD_LENGTH, cases[i].blocks, cases[i].length);
		store(bytes + LENGTH_AT, 4, length);
		fix(bytes, length);
		read_back(rig, viommu_table_decode(bytes, length, "xen", rig->findings));
		for (size_t k = 0; (text = viommu_topology_other_system(rig->topology, k)); k++)
			strncat(told, text, sizeof(told) - strlen(told) - 1);
		assert_string_equal(told, cases[i].text);
	}
}

/* -- damage ------------------------------------------------------------------------------ */

/* With any value of a byte the table encodes to itself, and no walk leaves it. */
static void a_damaged_table_is_kept_as_it_is(void **state)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x04, 0x40, 0x48, 0x7f, 0x80, 0xf0, 0xff };

	(void)state;
	for (size_t at = 0; at < sizeof(example_f); at++)
		for (size_t i = 0; i < sizeof(values); i++) {
			uint8_t *bytes = copy_of(example_f, sizeof(example_f));

			bytes[at] = values[i];
			walk(bytes, sizeof(example_f), NULL);
			free(bytes);
		}
}

static void a_table_that_is_cut_off_is_kept_as_it_is(void **state)
{
	(void)state;
	for (size_t length = 0; length < sizeof(example_f); length++) {
		uint8_t *bytes = copy_of(example_f, length);

		walk(bytes, length, NULL);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RIG(example_f_is_generated_byte_for_byte),
		WITH_A_RIG(a_table_regenerated_from_its_topology_is_the_same),
		WITH_A_RIG(a_whole_segment_is_one_entry),
		WITH_A_RIG(ranges_come_before_the_rest_of_a_host_bridge),
		WITH_A_RIG(ats_is_refused_by_an_extended_entry),
		WITH_A_RIG(consecutive_ids_are_written_as_aliases),
		WITH_A_RIG(entries_of_8_bytes_can_be_aligned),
		WITH_A_RIG(an_iommu_has_the_blocks_that_it_needs),
		WITH_A_RIG(all_iommus_have_the_same_blocks),
		WITH_A_RIG(a_block_that_is_too_long_is_refused),
		WITH_A_RIG(unique_ids_are_numbers_or_text),
		WITH_A_RIG(the_first_of_overlapping_ranges_is_written_last),
		WITH_A_RIG(bypassing_functions_are_excluded),
		WITH_A_RIG(the_iommu_of_the_first_overlapping_range_is_used),
		WITH_A_RIG(linux_excludes_iommus_from_translation),
		WITH_A_RIG(linux_knows_the_function_of_an_alias),
		WITH_A_RIG(linux_does_not_see_an_iommu_without_the_newest_block),
		WITH_A_RIG(xen_refuses_what_linux_accepts),
		cmocka_unit_test(a_damaged_table_is_kept_as_it_is),
		cmocka_unit_test(a_table_that_is_cut_off_is_kept_as_it_is),
	};

	return cmocka_run_group_tests_name("IVRS", tests, NULL, NULL);
}
