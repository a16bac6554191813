/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VIOT, draft of 2019: another table in a wrapper
 */
#include <viommu/acpi.h>

#include "tables_rig.h"

#define HEADER(name) \
	"  " name ": { oem-id: VIOMMU, oem-table-id: 'EXAMPLE ', oem-revision: 1, " \
	"creator-id: VIOM, creator-revision: 1 }\n"

enum { INNER_AT = 48, PCI_NODE_AT = 0x60, COMPLEX_AT = 0x74 };

/* Worked example D: an IORT with a virtio-iommu at 00:01.0 and a root complex behind it. */
static const uint8_t example_d[] = {
	0x56, 0x49, 0x4f, 0x54, 0xc0, 0x00, 0x00, 0x00, 0x00, 0xb8, 0x56, 0x49, 0x4f, 0x4d, 0x4d,
	0x55, 0x45, 0x58, 0x41, 0x4d, 0x50, 0x4c, 0x45, 0x20, 0x01, 0x00, 0x00, 0x00, 0x56, 0x49,
	0x4f, 0x4d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x49, 0x4f, 0x52, 0x54, 0x90, 0x00, 0x00, 0x00, 0x00, 0xf8, 0x56, 0x49,
	0x4f, 0x4d, 0x4d, 0x55, 0x45, 0x58, 0x41, 0x4d, 0x50, 0x4c, 0x45, 0x20, 0x01, 0x00, 0x00,
	0x00, 0x56, 0x49, 0x4f, 0x4d, 0x01, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x30, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x02, 0x4c, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x24, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x30,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x09, 0x00, 0x00, 0x00, 0xf6, 0xff, 0x00, 0x00,
	0x09, 0x00, 0x00, 0x00, 0x30, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

static struct viommu_table *generate(struct rig *rig, const char *text)
{
	read_fine(rig, text);
	return viommu_table_generate(rig->topology, "VIOT-2019", rig->findings);
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
			       struct viommu_route *ret_linux, const char **ret_why)
{
	struct viommu_device_name name;
	struct viommu_route route;

	assert_int_equal(viommu_device_name_parse(device, &name), 0);
	viommu_topology_resolve(rig->topology, &name, &route, ret_linux, ret_why);
	return route;
}

/* -- the worked example ------------------------------------------------------------------ */

static void example_d_is_generated_byte_for_byte(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table;

	table = generate(rig, "iommus: [ { name: a, kind: virtio-iommu-pci, at: 00:01.0 } ]\n"
			      "host-bridges: [ { buses: 00-ff, iommu: a } ]\n"
			      "tables:\n" HEADER("viot-2019") HEADER("iort"));
	assert_encodes(table, example_d, sizeof(example_d));
	viommu_table_free(table);
}

static void a_table_regenerated_from_its_topology_is_the_same(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table =
		viommu_table_decode(example_d, sizeof(example_d), "d", rig->findings);

	viommu_table_check(table, rig->findings);
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_WARNING), 0);
	assert_string_equal(viommu_table_signature(table), "VIOT-2019");
	rig->topology = viommu_table_topology(table, rig->findings);
	viommu_table_free(table);
	table = viommu_table_generate(rig->topology, "VIOT-2019", rig->findings);
	assert_encodes(table, example_d, sizeof(example_d));
	viommu_table_free(table);
}

/* A dump shows offsets in the file; the offsets in fields count from the IORT. */
static void places_are_offsets_from_the_start_of_the_viot(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table =
		viommu_table_decode(example_d, sizeof(example_d), "d", rig->findings);
	char *text = viommu_table_text(table), *json = viommu_table_json(table);

	assert_non_null(strstr(text, "  0060  Type                 0x80 (virtio-iommu, PCI)\n"));
	assert_non_null(strstr(text, "0x00000030 (virtio-iommu on PCI)\n"));
	assert_non_null(strstr(json, "\"offset\" : 96,"));
	rig->topology = viommu_table_topology(table, rig->findings);
	assert_int_equal(viommu_topology_iommu(rig->topology, 0)->place.at, PCI_NODE_AT);
	free(text);
	free(json);
	viommu_table_free(table);
}

/* -- nodes of virtio-iommus -------------------------------------------------------------- */

static void a_window_of_registers_has_its_node(void **state)
{
	struct rig *rig = *state;
	const struct viommu_iommu *iommu;

	read_back(rig, generate(rig, "iommus: [ { name: a, kind: virtio-iommu-mmio, "
				     "at: 0x10001000, span: 4K, interrupts: [37], "
				     "coherent: yes } ]\n"
				     "host-bridges: [ { buses: 00-ff, iommu: a } ]\n"));
	iommu = viommu_topology_iommu(rig->topology, 0);
	assert_int_equal(iommu->kind, VIOMMU_VIRTIO_MMIO);
	assert_int_equal(iommu->base, 0x10001000);
	assert_int_equal(iommu->span, 0x1000);
	assert_int_equal(iommu->interrupts[0], 37);
	assert_true(iommu->coherent);
}

/* "Cloud Hypervisor's node was 56 bytes long": the first 20 are the same. */
static void the_longer_node_is_read_as_well(void **state)
{
	enum { EXTRA = 36, LENGTH = sizeof(example_d) + EXTRA };
	struct rig *rig = *state;
	struct viommu_route route, linux_route;
	uint8_t bytes[LENGTH] = { 0 };
	struct viommu_table *table;

	memcpy(bytes, example_d, COMPLEX_AT);
	memcpy(bytes + COMPLEX_AT + EXTRA, example_d + COMPLEX_AT, sizeof(example_d) - COMPLEX_AT);
	store(bytes + PCI_NODE_AT + 1, 2, 56);
	store(bytes + PCI_NODE_AT + 32, 4, 1);
	store(bytes + INNER_AT + LENGTH_AT, 4, LENGTH - INNER_AT);
	store(bytes + LENGTH_AT, 4, LENGTH);
	fix(bytes + INNER_AT, LENGTH - INNER_AT);
	fix(bytes, LENGTH);
	table = viommu_table_decode(bytes, LENGTH, "ch", rig->findings);
	viommu_table_check(table, rig->findings);
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_WARNING), 0);
	assert_encodes(table, bytes, LENGTH);
	read_back(rig, table);
	route = ask(rig, "01:00.0", &linux_route, NULL);
	assert_int_equal(route.iommu->bdf, 0x8);
	assert_int_equal(route.id, 0x100);
}

/* "A third, older form: IORT with a paravirt node, no wrapper" */
static void an_iort_alone_may_have_such_nodes_but_should_not(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table = viommu_table_decode(
		example_d + INNER_AT, sizeof(example_d) - INNER_AT, "old", rig->findings);

	viommu_table_check(table, rig->findings);
	assert_true(found(rig->findings, "iort-draft"));
	read_back(rig, table);
	assert_int_equal(viommu_topology_iommu(rig->topology, 0)->kind, VIOMMU_VIRTIO_PCI);
}

/* -- virtio-iommus beside others ----------------------------------------------- */

/* A unit of the platform and two virtio-iommus, all in one table. */
struct beside {
	const char *platform; /* of the first IOMMU */
	const char *device;   /* what an ACPI device has in such a table */
	const uint8_t *structures;
	size_t length;
	enum viommu_iommu_kind kind;
	const char *rule_id; /* of a type that a table by itself cannot have */
};

/* A DRHD and an ANDD, then the virtio-iommus: on PCI with all of segment 1, and on MMIO. */
static const uint8_t in_dmar[] = {
	0x00, 0x00, 0x10, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0xd9, 0xfe, 0x00, 0x00,
	0x00, 0x00, 0x04, 0x00, 0x1c, 0x00, 0x00, 0x00, 0x00, 0x01, '\\', '_',  'S',  'B',
	'.',  'D',  'E',  'V',  '0',  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x80, 0x00, 0x10, 0x00, 0x05, 0x00, 0x01, 0x00, 0x08, 0x00, 0x00, 0x00,
	0x02, 0x00, 0x00, 0x00, 0x81, 0x00, 0x30, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x10,
	0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x25, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x80,
	0x02, 0x00, 0x05, 0x08, 0x00, 0x00, 0x01, 0x00, 0x13, 0x02,
};

/* An IVHD with what is left of segment 0, then the virtio-iommus. */
static const uint8_t in_ivrs[] = {
	0x10, 0x00, 0x30, 0x00, 0x02, 0x00, 0x40, 0x00, 0x00, 0x00, 0xd8, 0xfe, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x04, 0x01,
	0x00, 0x00, 0x03, 0x03, 0x00, 0x00, 0x04, 0x0f, 0x80, 0x00, 0x03, 0x11, 0x80, 0x00, 0x04,
	0xff, 0xff, 0x00, 0x80, 0x00, 0x28, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00,
	0x00, 0x04, 0x07, 0x00, 0x00, 0x03, 0x09, 0x00, 0x00, 0x04, 0xff, 0xff, 0x00, 0x81, 0x20,
	0x3a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x25, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x02, 0x10, 0x80, 0x00, 0xf0, 0x9a, 0x00, 0x00, 'A',  'M',  'D',  'I',  '0',  '0',  '2',
	'0',  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

/* An endpoint's scope and entry. */
static const uint8_t virtio_in_dmar[] = { 0x80, 0, 24, 0, 0, 0, 0, 0, 8, 0, 0, 0,
					  0,    0, 0,  0, 1, 8, 0, 0, 0, 0, 3, 0 };
static const uint8_t virtio_in_ivrs[] = { 0x80, 0, 28, 0, 8, 0, 0, 0, 0, 0, 0, 0,    0, 0,
					  0,    0, 0,  0, 0, 0, 0, 0, 0, 0, 2, 0x30, 0, 0 };

/* Two units with INCLUDE_PCI_ALL. */
static const uint8_t two_for_all[] = { 0, 0, 16, 0, 1, 0, 0, 0, 0, 0x00, 0xd9, 0xfe, 0, 0, 0, 0,
				       0, 0, 16, 0, 1, 0, 0, 0, 0, 0x10, 0xd9, 0xfe, 0, 0, 0, 0 };

static const struct beside besides[] = {
	{ "kind: vt-d, at: 0xfed90000", "name: '\\_SB.DEV0', number: 1", in_dmar, sizeof(in_dmar),
	  VIOMMU_VTD, "dmar-type" },
	{ "kind: amd-vi, at: 0xfed80000, function: 00:00.2", "hid: AMDI0020", in_ivrs,
	  sizeof(in_ivrs), VIOMMU_AMD_VI, "ivrs-type" },
};

#define N_BESIDES (sizeof(besides) / sizeof(besides[0]))

static struct viommu_table *generate_beside(struct rig *rig, const struct beside *beside)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "iommus: [ { name: p, %s }, { name: v, kind: virtio-iommu-pci, at: 0001:00:01.0, "
		 "proximity-domain: 2 }, { name: m, kind: virtio-iommu-mmio, at: 0x10001000, "
		 "interrupts: [37], coherent: yes } ]\n"
		 "host-bridges: [ { buses: 00-ff, iommu: p }, "
		 "{ segment: 1, buses: 00-ff, iommu: v } ]\n"
		 "ranges: [ { functions: 80:02.0, iommu: m } ]\n"
		 "devices: [ { %s, iommu: m, id: 0x9a } ]\n",
		 beside->platform, beside->device);
	return generate(rig, text);
}

/* Finishes a table of 48 bytes and more; what it says of itself is in its head. */
static void finish_head(uint8_t *table, const char *signature, size_t length, uint8_t revision)
{
	memcpy(table, example_d, VIOT_HEAD_LENGTH);
	memcpy(table, signature, 4);
	memset(table + HEADER_LENGTH, 0, VIOT_HEAD_LENGTH - HEADER_LENGTH);
	store(table + LENGTH_AT, 4, length);
	table[REVISION_AT] = revision;
}

/* The table by itself, or inside a VIOT; the first note for other systems. */
static const char *check_wrapped(const char *signature, const uint8_t *structures, size_t length,
				 size_t base, struct viommu_findings *findings)
{
	uint8_t bytes[256] = { 0 };
	uint8_t *inner = bytes + base;
	size_t all = base + VIOT_HEAD_LENGTH + length;
	struct viommu_topology *topology;
	struct viommu_table *table;
	const char *text;

	finish_head(bytes, "VIOT", all, 0);
	finish_head(inner, signature, VIOT_HEAD_LENGTH + length, 1);
	inner[HEADER_LENGTH] = 47;
	memcpy(inner + VIOT_HEAD_LENGTH, structures, length);
	fix(inner, VIOT_HEAD_LENGTH + length);
	fix(bytes, all);
	table = viommu_table_decode(bytes, all, "wrapped", findings);
	viommu_table_check(table, findings);
	topology = viommu_table_topology(table, findings);
	text = viommu_topology_other_system(topology, 0);
	viommu_topology_free(topology);
	viommu_table_free(table);
	return text;
}

static void each_beside(void (*expect)(struct rig *rig, const struct beside *beside))
{
	for (size_t i = 0; i < N_BESIDES; i++) {
		void *rig;

		set_up(&rig);
		expect(rig, &besides[i]);
		tear_down(&rig);
	}
}

static void expect_structures(struct rig *rig, const struct beside *beside)
{
	enum { STRUCTURES_AT = INNER_AT + 48 };
	struct viommu_table *table = generate_beside(rig, beside);
	void *bytes;

	assert_non_null(table);
	assert_int_equal(viommu_table_encode(table, &bytes), STRUCTURES_AT + beside->length);
	assert_memory_equal((uint8_t *)bytes + STRUCTURES_AT, beside->structures, beside->length);
	free(bytes);
	viommu_table_free(table);
}

static void virtio_iommus_are_in_a_wrapped_dmar_and_ivrs(void **state)
{
	(void)state;
	each_beside(expect_structures);
}

static void expect_the_same_again(struct rig *rig, const struct beside *beside)
{
	struct viommu_table *table = generate_beside(rig, beside), *again;
	struct viommu_route route, linux_route;
	size_t length;
	void *bytes;

	length = viommu_table_encode(table, &bytes);
	viommu_table_check(table, rig->findings);
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_WARNING), 0);
	read_back(rig, table);
	again = viommu_table_generate(rig->topology, "VIOT-2019", rig->findings);
	assert_encodes(again, bytes, length);
	viommu_table_free(again);
	free(bytes);
	route = ask(rig, "80:02.0", &linux_route, NULL);
	assert_int_equal(route.iommu->kind, VIOMMU_VIRTIO_MMIO);
	assert_int_equal(route.id, 0x8010);
	route = ask(rig, "0001:02:00.0", &linux_route, NULL);
	assert_int_equal(route.iommu->kind, VIOMMU_VIRTIO_PCI);
	assert_int_equal(route.id, 0x10200);
	assert_null(ask(rig, "0001:00:01.0", &linux_route, NULL).iommu);
	assert_int_equal(ask(rig, "03:00.0", &linux_route, NULL).iommu->kind, beside->kind);
}

static void virtio_iommus_beside_others_are_read_and_generated_again(void **state)
{
	(void)state;
	each_beside(expect_the_same_again);
}

/* A virtio-iommu has no segment of its own, but that of its function, or 0. */
static void the_cure_of_a_wrong_segment_is_one_of_the_kind(void **state)
{
	static const char *const cures[][2] = {
		{ "virtio-iommu-pci, at: 0001:00:01.0",
		  "let it translate devices of the segment of its own function (`at`)" },
		{ "virtio-iommu-mmio, at: 0x10001000",
		  "let it translate devices of segment 0 only, or use virtio-iommu-pci" },
		{ "vt-d, at: 0xfed91000",
		  "give the unit the `segment` of the devices that it translates" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cures) / sizeof(cures[0]); i++) {
		char text[256];
		struct rig *rig;
		void *fresh;

		set_up(&fresh);
		rig = fresh;
		snprintf(text, sizeof(text),
			 "iommus: [ { name: p, kind: vt-d, at: 0xfed90000 }, "
			 "{ name: v, kind: %s } ]\n"
			 "ranges: [ { functions: 0002:80:02.0, iommu: v } ]\n",
			 cures[i][0]);
		assert_null(generate(rig, text));
		assert_string_equal(viommu_findings_get(rig->findings, 0)->id, "dmar-segment");
		assert_string_equal(viommu_findings_get(rig->findings, 0)->cure, cures[i][1]);
		tear_down(&fresh);
	}
}

/* An IORT inside a VIOT has no field for it. */
static void the_lost_domain_of_a_virtio_iommu_is_a_finding(void **state)
{
	struct rig *rig = *state;

	viommu_table_free(generate(rig, "iommus: [ { name: v, kind: virtio-iommu-mmio, "
					"at: 0x10001000, coherent: yes } ]\n"
					"ranges: [ { functions: 80:02.0, iommu: v } ]\n"));
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	viommu_table_free(generate(rig, "iommus: [ { name: v, kind: virtio-iommu-pci, "
					"at: 00:01.0, proximity-domain: 2 } ]\n"
					"ranges: [ { functions: 80:02.0, iommu: v } ]\n"));
	assert_true(found(rig->findings, "iort-silent-domain"));
}

/* Blocks of virtio-iommus are IOMMUs inside a VIOT, and only there. */
static void a_table_of_virtio_iommus_alone_has_iommus_inside_a_viot(void **state)
{
	static const struct {
		const uint8_t *structures;
		size_t length;
		const char *signature, *rule_id;
	} cases[] = {
		{ virtio_in_dmar, sizeof(virtio_in_dmar), "DMAR", "dmar-units" },
		{ virtio_in_ivrs, sizeof(virtio_in_ivrs), "IVRS", "ivrs-iommu-none" },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct viommu_findings *alone = viommu_findings_new();

		check_wrapped(cases[i].signature, cases[i].structures, cases[i].length, 0, alone);
		assert_true(found(alone, cases[i].rule_id));
		viommu_findings_free(alone);
		check_wrapped(cases[i].signature, cases[i].structures, cases[i].length, INNER_AT,
			      rig->findings);
		assert_false(found(rig->findings, cases[i].rule_id));
	}
}

/* No other system reads the table inside a VIOT. */
static void other_systems_have_no_note_inside_a_viot(void **state)
{
	struct rig *rig = *state;
	struct viommu_findings *alone = viommu_findings_new();
	const char *text;

	text = check_wrapped("DMAR", two_for_all, sizeof(two_for_all), 0, alone);
	assert_true(found(alone, "dmar-others"));
	assert_non_null(text);
	viommu_findings_free(alone);
	text = check_wrapped("DMAR", two_for_all, sizeof(two_for_all), INNER_AT, rig->findings);
	assert_false(found(rig->findings, "dmar-others"));
	assert_null(text);
}

/* The table inside, as a table by itself: Linux skips types that it does not know. */
static void expect_unknown_types(struct rig *rig, const struct beside *beside)
{
	struct viommu_table *table = generate_beside(rig, beside);
	struct viommu_route linux_route;
	void *bytes;
	size_t length = viommu_table_encode(table, &bytes);

	viommu_table_free(table);
	table = viommu_table_decode((uint8_t *)bytes + INNER_AT, length - INNER_AT, "in",
				    rig->findings);
	viommu_table_check(table, rig->findings);
	assert_true(found(rig->findings, beside->rule_id));
	read_back(rig, table);
	assert_int_equal(ask(rig, "80:02.0", &linux_route, NULL).iommu->kind, VIOMMU_VIRTIO_MMIO);
	assert_false(linux_route.iommu && linux_route.iommu->kind == VIOMMU_VIRTIO_MMIO);
	assert_non_null(ask(rig, "0001:02:00.0", &linux_route, NULL).iommu);
	assert_null(linux_route.iommu);
	free(bytes);
}

static void linux_skips_virtio_iommus_in_a_dmar_or_ivrs_alone(void **state)
{
	(void)state;
	each_beside(expect_unknown_types);
}

static void expect_damage_is_kept(struct rig *rig, const struct beside *beside)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x03, 0x81, 0xff };
	struct viommu_table *table = generate_beside(rig, beside);
	void *bytes;
	size_t length = viommu_table_encode(table, &bytes);

	viommu_table_free(table);
	for (size_t at = INNER_AT; at < length; at++) {
		uint8_t *cut = copy_of(bytes, at);

		walk(cut, at, NULL);
		free(cut);
		for (size_t i = 0; i < sizeof(values); i++) {
			uint8_t *damaged = copy_of(bytes, length);

			damaged[at] = values[i];
			walk(damaged, length, NULL);
			free(damaged);
		}
	}
	free(bytes);
}

static void damaged_structures_of_virtio_iommus_are_kept(void **state)
{
	(void)state;
	each_beside(expect_damage_is_kept);
}

/* -- detection of the form ----------------------------------------------------- */

static void the_iommus_choose_the_table_that_is_wrapped(void **state)
{
	static const struct {
		const char *iommu, *signature;
	} cases[] = {
		{ "kind: smmu-v3, at: 0x9050000", "IORT" },
		{ "kind: vt-d, at: 0xfed90000", "DMAR" },
		{ "kind: amd-vi, at: 0xfed80000, function: 00:00.2", "IVRS" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct viommu_table *table;
		void *fresh, *bytes;
		char text[256];

		set_up(&fresh);
		snprintf(
			text, sizeof(text),
			"iommus: [ { name: a, %s } ]\nhost-bridges: [ { buses: 00-ff, iommu: a } ]",
			cases[i].iommu);
		table = generate(fresh, text);
		viommu_table_encode(table, &bytes);
		assert_memory_equal((uint8_t *)bytes + INNER_AT, cases[i].signature, 4);
		free(bytes);
		viommu_table_free(table);
		tear_down(&fresh);
	}
}

/* "All zero, and anything else behind it, or the table ends at 48: final, empty" */
static void a_table_without_nodes_is_no_draft(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[sizeof(example_d)];
	struct viommu_table *table;

	memcpy(bytes, example_d, sizeof(bytes));
	bytes[INNER_AT] = 'X';
	table = viommu_table_decode(bytes, sizeof(bytes), "x", rig->findings);
	assert_string_equal(viommu_table_signature(table), "VIOT");
	viommu_table_free(table);
	table = viommu_table_decode(bytes, INNER_AT, "x", rig->findings);
	assert_string_equal(viommu_table_signature(table), "VIOT");
	viommu_table_free(table);
}

/* "Mainline Linux sees node count 0 in a draft table: no message, no IOMMU" */
static void linux_ignores_the_draft(void **state)
{
	struct rig *rig = *state;
	struct viommu_route linux_route;
	const char *why;

	rig->topology = NULL;
	read_back(rig, viommu_table_decode(example_d, sizeof(example_d), "d", rig->findings));
	assert_int_equal(ask(rig, "01:00.0", &linux_route, &why).reach, VIOMMU_REACH_IOMMU);
	assert_int_equal(linux_route.reach, VIOMMU_REACH_NOTHING);
	assert_non_null(strstr(why, "not merged"));
}

/* -- damage ------------------------------------------------------------------------------ */

/* The reader of the draft ignored it, and Linux refuses only an IVRS for its checksum. */
static void a_wrong_checksum_inside_is_a_warning(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[sizeof(example_d)];
	struct viommu_table *table;

	memcpy(bytes, example_d, sizeof(bytes));
	bytes[INNER_AT + CHECKSUM_AT]++;
	fix(bytes, sizeof(bytes));
	table = viommu_table_decode(bytes, sizeof(bytes), "d", rig->findings);
	viommu_table_check(table, rig->findings);
	assert_true(found(rig->findings, "viot-draft-checksum"));
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_ERROR), 0);
	viommu_table_free(table);
}

static void a_damaged_table_is_kept_as_it_is(void **state)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x10, 0x30, 0x7f, 0x80, 0xff };

	(void)state;
	for (size_t at = 0; at < sizeof(example_d); at++)
		for (size_t i = 0; i < sizeof(values); i++) {
			uint8_t *bytes = copy_of(example_d, sizeof(example_d));

			bytes[at] = values[i];
			walk(bytes, sizeof(example_d), NULL);
			free(bytes);
		}
}

static void a_table_that_is_cut_off_is_kept_as_it_is(void **state)
{
	(void)state;
	for (size_t length = 0; length < sizeof(example_d); length++) {
		uint8_t *bytes = copy_of(example_d, length);

		walk(bytes, length, NULL);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RIG(example_d_is_generated_byte_for_byte),
		WITH_A_RIG(a_table_regenerated_from_its_topology_is_the_same),
		WITH_A_RIG(places_are_offsets_from_the_start_of_the_viot),
		WITH_A_RIG(a_window_of_registers_has_its_node),
		WITH_A_RIG(the_longer_node_is_read_as_well),
		WITH_A_RIG(an_iort_alone_may_have_such_nodes_but_should_not),
		cmocka_unit_test(virtio_iommus_are_in_a_wrapped_dmar_and_ivrs),
		cmocka_unit_test(virtio_iommus_beside_others_are_read_and_generated_again),
		cmocka_unit_test(the_cure_of_a_wrong_segment_is_one_of_the_kind),
		WITH_A_RIG(the_lost_domain_of_a_virtio_iommu_is_a_finding),
		WITH_A_RIG(a_table_of_virtio_iommus_alone_has_iommus_inside_a_viot),
		WITH_A_RIG(other_systems_have_no_note_inside_a_viot),
		cmocka_unit_test(linux_skips_virtio_iommus_in_a_dmar_or_ivrs_alone),
		cmocka_unit_test(damaged_structures_of_virtio_iommus_are_kept),
		WITH_A_RIG(the_iommus_choose_the_table_that_is_wrapped),
		WITH_A_RIG(a_table_without_nodes_is_no_draft),
		WITH_A_RIG(linux_ignores_the_draft),
		WITH_A_RIG(a_wrong_checksum_inside_is_a_warning),
		cmocka_unit_test(a_damaged_table_is_kept_as_it_is),
		cmocka_unit_test(a_table_that_is_cut_off_is_kept_as_it_is),
	};

	return cmocka_run_group_tests_name("VIOT of 2019", tests, NULL, NULL);
}
