/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Built-in topologies: the forms that drafts had, each as bytes written by hand from the text
 * of the draft
 */
#include "tables_rig.h"

#define LE16(x) (uint8_t)(x), (uint8_t)((x) >> 8)
#define LE32(x) LE16((x)&0xffff), LE16((uint32_t)(x) >> 16)
#define LE64(x) LE32((x)&0xffffffff), LE32((uint64_t)(x) >> 32)

#define MACHINE \
	"iommus: [ { name: a, kind: virtio-iommu-mmio, at: 0x10001000 } ]\n" \
	"host-bridges:\n" \
	"  - { buses: 00-0f, iommu: a }\n" \
	"  - { segment: 1, buses: 20-2f, iommu: a }\n" \
	"devices: [ { at: 0xfe001000, iommu: a, id: 0x20000 } ]\n"

/* The fields of the device: the device provides them, so an image has zeroes. */
#define DEVICE_FIELDS LE64(0), LE64(0), LE64(0), LE64(0), LE32(0)

static const uint8_t image_v1[] = {
	DEVICE_FIELDS, LE16(40),     LE16(0), LE16(0), LE16(56), LE32(0),       LE16(0),
	LE16(0x0000),  LE16(0x0fff), LE16(0), LE16(0), LE16(72), LE32(0x12000), LE16(1),
	LE16(0x2000),  LE16(0x2fff), LE16(0), LE16(1), LE16(0),  LE32(0x20000), LE64(0xfe001000),
};

static const uint8_t image_v2[] = {
	DEVICE_FIELDS, LE32(48), LE32(3), LE32(16), LE16(1),       LE16(0),          LE16(0x0000),
	LE16(0x0fff),  LE32(0),  LE32(0), LE16(1),  LE16(1),       LE16(0x2000),     LE16(0x2fff),
	LE32(0x12000), LE32(0),  LE16(2), LE16(0),  LE32(0x20000), LE64(0xfe001000),
};

static const uint8_t image_v3[] = {
	DEVICE_FIELDS, LE16(3),      LE16(40), 1, 0, LE16(16), LE32(0),       LE16(0),
	LE16(0x0000),  LE16(0x0fff), LE16(0),  1, 0, LE16(16), LE32(0x12000), LE16(1),
	LE16(0x2000),  LE16(0x2fff), LE16(0),  2, 0, LE16(16), LE32(0x20000), LE64(0xfe001000),
};

static const uint8_t image_v3_segments[] = {
	DEVICE_FIELDS, LE16(3),      LE16(40),     1, 0, LE16(16), LE32(0),       LE16(0),
	LE16(0),       LE16(0x0000), LE16(0x0fff), 1, 0, LE16(16), LE32(0x12000), LE16(1),
	LE16(1),       LE16(0x2000), LE16(0x2fff), 2, 0, LE16(16), LE32(0x20000), LE64(0xfe001000),
};

static const struct form {
	const char *name;
	const uint8_t *image;
	size_t length;
	bool segments; /* one item for several */
} forms[] = {
	{ "builtin-v1", image_v1, sizeof(image_v1), false },
	{ "builtin-v2", image_v2, sizeof(image_v2), false },
	{ "builtin-v3", image_v3, sizeof(image_v3), false },
	{ "builtin-v3-segments", image_v3_segments, sizeof(image_v3_segments), true },
};

#define for_each_form(f) \
	for (const struct form *f = forms; f < forms + sizeof(forms) / sizeof(forms[0]); f++)

/* Run a test on each form, from a fresh rig. */
static void on_each_form(void (*test)(struct rig *rig, const struct form *form))
{
	for_each_form(form)
	{
		void *rig;

		set_up(&rig);
		test(rig, form);
		tear_down(&rig);
	}
}

#define ON_EACH_FORM(test) \
	static void test##_in_each_form(void **state) \
	{ \
		(void)state; \
		on_each_form(test); \
	}

static void assert_reaches(const struct rig *rig, const char *device, uint32_t id)
{
	struct viommu_route route, linux_route;
	struct viommu_device_name name;

	assert_int_equal(viommu_device_name_parse(device, &name), 0);
	viommu_topology_resolve(rig->topology, &name, &route, &linux_route, NULL);
	assert_int_equal(route.reach, VIOMMU_REACH_IOMMU);
	assert_int_equal(route.id, id);
}

/* -- generating and reading -------------------------------------------------------------- */

static void the_machine_comes_out_byte_for_byte(struct rig *rig, const struct form *form)
{
	struct viommu_table *table;

	read_fine(rig, MACHINE);
	table = viommu_table_generate(rig->topology, form->name, rig->findings);
	assert_non_null(table);
	assert_encodes(table, form->image, form->length);
	viommu_table_free(table);
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_WARNING), 0);
	assert_true(found(rig->findings, "builtin-bypass"));
}
ON_EACH_FORM(the_machine_comes_out_byte_for_byte)

static void an_image_means_what_it_was_made_of(struct rig *rig, const struct form *form)
{
	struct viommu_table *table = viommu_table_decode_as(form->name, form->image, form->length,
							    "image", rig->findings);

	assert_non_null(table);
	assert_string_equal(viommu_table_signature(table), form->name);
	viommu_table_check(table, rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	assert_encodes(table, form->image, form->length);
	rig->topology = viommu_table_topology(table, rig->findings);
	assert_reaches(rig, "0000:0f:1f.7", 0xfff);
	assert_reaches(rig, "0001:20:00.0", 0x12000);
	assert_reaches(rig, "0xfe001000", 0x20000);
	viommu_table_free(table);
}
ON_EACH_FORM(an_image_means_what_it_was_made_of)

static void segments_take_as_many_items_as_the_form_needs(struct rig *rig, const struct form *form)
{
	struct viommu_table *table;
	void *bytes;
	size_t length;

	read_fine(rig, "iommus: [ { name: a, kind: virtio-iommu-mmio, at: 0x10001000 } ]\n"
		       "ranges: [ { segments: 2-4, functions: 00:00.0-0f:1f.7, iommu: a,\n"
		       "            first-id: 0x50000 } ]\n");
	table = viommu_table_generate(rig->topology, form->name, rig->findings);
	length = viommu_table_encode(table, &bytes);
	viommu_table_free(table);
	assert_int_equal(length, form->length - (form->segments ? 32 : 0));
	table = viommu_table_decode_as(form->name, bytes, length, "made", rig->findings);
	viommu_topology_free(rig->topology);
	rig->topology = viommu_table_topology(table, rig->findings);
	assert_reaches(rig, "0002:00:00.0", 0x50000);
	assert_reaches(rig, "0004:0f:1f.7", 0x70fff);
	viommu_table_free(table);
	free(bytes);
}
ON_EACH_FORM(segments_take_as_many_items_as_the_form_needs)

/* -- the IOMMU --------------------------------------------------------------------------- */

#define TWO_IOMMUS \
	"iommus:\n" \
	"  - { name: a, kind: virtio-iommu-mmio, at: 0x10001000 }\n" \
	"  - { name: b, kind: virtio-iommu-mmio, at: 0x10002000 }\n" \
	"host-bridges:\n" \
	"  - { buses: 00-0f, iommu: a }\n" \
	"  - { buses: 10-ff, iommu: b }\n"

static void of_several_iommus_one_is_named(struct rig *rig, const struct form *form)
{
	struct viommu_table *table;

	read_fine(rig, TWO_IOMMUS);
	assert_null(viommu_table_generate(rig->topology, form->name, rig->findings));
	assert_true(found(rig->findings, "builtin-iommu"));
	assert_null(viommu_table_generate_for(rig->topology, form->name, "c", rig->findings));
	table = viommu_table_generate_for(rig->topology, form->name, "b", rig->findings);
	assert_non_null(table);
	viommu_topology_free(rig->topology);
	rig->topology = viommu_table_topology(table, rig->findings);
	assert_reaches(rig, "10:00.0", 0x1000);
	assert_null(viommu_topology_pci_range(rig->topology, 1));
	viommu_table_free(table);
}
ON_EACH_FORM(of_several_iommus_one_is_named)

/* -- hostile ----------------------------------------------------------------------------- */

/* Decode, use every function on the table, and encode: the bytes are the same. */
static void walk_as(const struct form *form, const uint8_t *bytes, size_t length)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_table *table =
		viommu_table_decode_as(form->name, bytes, length, "walk", findings);

	if (table) {
		viommu_table_check(table, findings);
		free(viommu_table_text(table));
		free(viommu_table_json(table));
		viommu_topology_free(viommu_table_topology(table, findings));
		assert_encodes(table, bytes, length);
	} else {
		assert_true(found(findings, "builtin-short"));
	}
	viommu_table_free(table);
	viommu_findings_free(findings);
}

static void an_image_of_any_length_comes_out_as_it_went_in(struct rig *rig, const struct form *form)
{
	(void)rig;
	for (size_t length = 0; length <= form->length; length++) {
		uint8_t *bytes = copy_of(form->image, length);

		walk_as(form, bytes, length);
		free(bytes);
	}
}
ON_EACH_FORM(an_image_of_any_length_comes_out_as_it_went_in)

/* Two bytes at a time, so that an offset can point anywhere, at itself and at what points to it. */
static void an_image_with_any_byte_changed_comes_out_as_it_went_in(struct rig *rig,
								   const struct form *form)
{
	static const uint8_t values[] = { 0, 1, 2, 36, 40, 44, 56, 60, 72, 87, 88, 127, 255 };
	uint8_t *bytes = copy_of(form->image, form->length);

	(void)rig;
	for (size_t at = 36; at < form->length; at++)
		for (size_t i = 0; i < sizeof(values); i++) {
			bytes[at] = values[i];
			walk_as(form, bytes, form->length);
			if (at % 16 == 10)
				bytes[at - 2] = values[i];
			walk_as(form, bytes, form->length);
			memcpy(bytes, form->image, form->length);
		}
	free(bytes);
}
ON_EACH_FORM(an_image_with_any_byte_changed_comes_out_as_it_went_in)

/* A list may go backwards; the first item of the list wins. */
static void a_list_is_read_in_its_own_order(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[sizeof(image_v1)];
	struct viommu_table *table;

	memcpy(bytes, image_v1, sizeof(bytes));
	store(bytes + 36, 2, 56);
	store(bytes + 56 + 2, 2, 40);
	store(bytes + 40 + 2, 2, 0);
	table = viommu_table_decode_as("builtin-v1", bytes, sizeof(bytes), "back", rig->findings);
	rig->topology = viommu_table_topology(table, rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	assert_int_equal(viommu_topology_pci_range(rig->topology, 0)->segment_first, 1);
	assert_int_equal(viommu_topology_pci_range(rig->topology, 1)->segment_first, 0);
	assert_null(viommu_topology_platform_device(rig->topology, 0));
	assert_encodes(table, bytes, sizeof(bytes));
	viommu_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_machine_comes_out_byte_for_byte_in_each_form),
		cmocka_unit_test(an_image_means_what_it_was_made_of_in_each_form),
		cmocka_unit_test(segments_take_as_many_items_as_the_form_needs_in_each_form),
		cmocka_unit_test(of_several_iommus_one_is_named_in_each_form),
		cmocka_unit_test(an_image_of_any_length_comes_out_as_it_went_in_in_each_form),
		cmocka_unit_test(
			an_image_with_any_byte_changed_comes_out_as_it_went_in_in_each_form),
		WITH_A_RIG(a_list_is_read_in_its_own_order),
	};

	return cmocka_run_group_tests_name("built-in topologies", tests, NULL, NULL);
}
