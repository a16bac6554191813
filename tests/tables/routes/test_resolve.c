/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu_topology_resolve(): which IOMMU a device reaches. The
 * internal header sets the table that a topology was read from, so that no test needs its bytes.
 */
#include <errno.h>

#include "topology_rig.h"

#include "tables/model/topology.h"

static const char machine[] =
	"iommus:\n"
	"  - { name: a, kind: virtio-iommu-pci, at: 00:01.0 }\n"
	"  - { name: b, kind: virtio-iommu-mmio, at: 0x10001000 }\n"
	"host-bridges:\n"
	"  - { buses: 00-7f, iommu: a }\n"
	"  - { buses: 80-ff }\n"
	"  - { segment: 1, buses: 00-ff, iommu: nobody }\n"
	"ranges:\n"
	"  - { functions: 10:00.0-10:1f.7, iommu: b, first-id: 0x40 }\n"
	"  - { segments: 2-3, functions: 00:00.0-00:1f.7, iommu: b, first-id: 0x100000 }\n"
	"  - { functions: 11:00.0, iommu: none }\n"
	"devices:\n"
	"  - { at: 0x9000000, iommu: b, id: 0x20000 }\n"
	"  - { at: 0x9001000 }\n";

static struct viommu_route ask(const struct rig *rig, const char *device,
			       struct viommu_route *ret_linux)
{
	struct viommu_device_name name;
	struct viommu_route route;
	const char *why = NULL;

	assert_int_equal(viommu_device_name_parse(device, &name), 0);
	viommu_topology_resolve(rig->topology, &name, &route, ret_linux, &why);
	assert_non_null(why);
	return route;
}

static void assert_route(const struct viommu_route *route, const char *iommu, uint32_t id,
			 unsigned line)
{
	assert_int_equal(route->reach, VIOMMU_REACH_IOMMU);
	assert_string_equal(route->iommu->name, iommu);
	assert_int_equal(route->id, id);
	assert_int_equal(route->place.line, line);
}

/* "Read "0001:03:00.0", "03:00.0" (segment 0), "mmio@0x10001000" or "0x10001000"." */
static void names_of_devices_are_read(void **state)
{
	static const char *const refused[] = { "",          "03:00",     "03:00.0 ", "10001000",
					       "mmio@",     "mmio@1000", "0x",       "03:00.8",
					       "1:2:3:4.5", "0x1 ",      "serial" };
	struct viommu_device_name name;

	(void)state;
	assert_int_equal(viommu_device_name_parse("0001:03:00.0", &name), 0);
	assert_true(name.pci && name.segment == 1 && name.bdf == 0x300);
	assert_int_equal(viommu_device_name_parse("03:1f.7", &name), 0);
	assert_true(name.pci && name.segment == 0 && name.bdf == 0x3ff);
	assert_int_equal(viommu_device_name_parse("mmio@0x10001000", &name), 0);
	assert_true(!name.pci && name.base == 0x10001000);
	assert_int_equal(viommu_device_name_parse("0x10001000", &name), 0);
	assert_true(!name.pci && name.base == 0x10001000);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(viommu_device_name_parse(refused[i], &name), -EINVAL);
	assert_int_equal(name.base, 0x10001000);
}

/* Ranges take precedence over host bridges; the answer has the place of the deciding entry. */
static void the_entry_that_decides_is_named(void **state)
{
	struct rig *rig = *state;
	struct viommu_route route, linux_route;

	read_fine(rig, machine);
	route = ask(rig, "00:02.0", &linux_route);
	assert_route(&route, "a", 0x10, 6);
	assert_route(&linux_route, "a", 0x10, 6);
	route = ask(rig, "10:01.0", &linux_route);
	assert_route(&route, "b", 0x48, 10);
	route = ask(rig, "0003:00:01.0", &linux_route);
	assert_route(&route, "b", 0x110008, 11);
	route = ask(rig, "mmio@0x9000000", &linux_route);
	assert_route(&route, "b", 0x20000, 14);
}

/* An explicit bypass differs from a function that is not described. */
static void bypass_is_not_nothing(void **state)
{
	static const struct {
		const char *device;
		enum viommu_reach reach;
		unsigned line;
	} cases[] = {
		{ "80:00.0", VIOMMU_REACH_BYPASS, 7 },       { "11:00.0", VIOMMU_REACH_BYPASS, 12 },
		{ "0x9001000", VIOMMU_REACH_BYPASS, 15 },    { "00:01.0", VIOMMU_REACH_BYPASS, 3 },
		{ "0004:00:00.0", VIOMMU_REACH_NOTHING, 0 }, { "0x1234", VIOMMU_REACH_NOTHING, 0 },
		{ "0001:00:00.0", VIOMMU_REACH_NOTHING, 8 },
	};
	struct rig *rig = *state;

	read_fine(rig, machine);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct viommu_route linux_route;
		struct viommu_route route = ask(rig, cases[i].device, &linux_route);

		if (route.reach != cases[i].reach || route.place.line != cases[i].line)
			fail_msg("%s", cases[i].device);
		assert_null(route.iommu);
	}
}

static const char arm[] = "iommus:\n"
			  "  - { name: smmu, kind: smmu-v3, at: 0x9050000, its: its0 }\n"
			  "  - { name: quiet, kind: smmu-v3, at: 0x9070000 }\n"
			  "host-bridges:\n"
			  "  - { buses: 00-7f, iommu: smmu, pasid: yes }\n"
			  "  - { segment: 1, buses: 00-ff, its: its1 }\n"
			  "  - { segment: 2, buses: 00-ff, iommu: quiet, its: its1 }\n"
			  "ranges:\n"
			  "  - { functions: 10:00.0, iommu: smmu, first-id: 0x40 }\n"
			  "its-groups:\n"
			  "  - { name: its0, ids: [0] }\n"
			  "  - { name: its1, ids: [1] }\n";

static void assert_its(const struct viommu_route *route, const char *its, uint32_t device_id,
		       unsigned line)
{
	assert_non_null(route->its);
	assert_string_equal(route->its->name, its);
	assert_int_equal(route->device_id, device_id);
	assert_int_equal(route->its_place.line, line);
}

/* An MSI arrives with the ID that came out of the IOMMU; without one, with segment and BDF. */
static void msis_go_on_to_an_its(void **state)
{
	struct rig *rig = *state;
	struct viommu_route route, linux_route;

	read_fine(rig, arm);
	route = ask(rig, "10:00.0", &linux_route);
	assert_its(&route, "its0", 0x40, 3);
	assert_its(&linux_route, "its0", 0x40, 3);
	route = ask(rig, "0001:03:00.0", &linux_route);
	assert_its(&route, "its1", 0x10300, 7);
}

/* The ITS of a host bridge is for what bypasses. */
static void an_iommu_without_an_its_has_none(void **state)
{
	struct rig *rig = *state;
	struct viommu_route route, linux_route;

	read_fine(rig, arm);
	route = ask(rig, "0002:03:00.0", &linux_route);
	assert_string_equal(route.iommu->name, "quiet");
	assert_null(route.its);
	route = ask(rig, "0003:03:00.0", &linux_route);
	assert_null(route.its);
}

/* PCI Express: a PASID has at most 20 bits. */
static void a_host_bridge_forwards_pasids_or_does_not(void **state)
{
	struct rig *rig = *state;
	struct viommu_route route, linux_route;

	read_fine(rig, arm);
	route = ask(rig, "00:02.0", &linux_route);
	assert_int_equal(route.pasid_bits, 20);
	assert_int_equal(route.pasid_place.line, 6);
	route = ask(rig, "0001:03:00.0", &linux_route);
	assert_int_equal(route.pasid_bits, 0);
}

static const char viot[] = "iommus:\n"
			   "  - { name: a, kind: virtio-iommu-pci, at: 00:01.0 }\n"
			   "  - { name: b, kind: virtio-iommu-mmio, at: 0x10001000 }\n"
			   "ranges:\n"
			   "  - { functions: 00:00.0-00:1f.7, iommu: a }\n"
			   "  - { functions: 00:02.0, iommu: b, first-id: 0xffffffff }\n"
			   "devices:\n"
			   "  - { at: 0x9000000, iommu: a, id: 1 }\n"
			   "  - { at: 0x9000000, iommu: b, id: 2 }\n"
			   "  - { at: 0x10001000, iommu: b, id: 3 }\n";

static void read_as_viot(struct rig *rig)
{
	read_fine(rig, viot);
	topology_set_source(rig->topology, "VIOT");
}

/* Linux, drivers/acpi/viot.c: nodes go to the head of a list, so the last of a table wins. */
static void linux_takes_the_last_node_of_a_viot(void **state)
{
	struct rig *rig = *state;
	struct viommu_route route, linux_route;

	read_as_viot(rig);
	route = ask(rig, "00:02.0", &linux_route);
	assert_route(&route, "a", 0x10, 6);
	assert_route(&linux_route, "b", 0xffffffff, 7);
	route = ask(rig, "0x9000000", &linux_route);
	assert_route(&route, "a", 1, 9);
	assert_route(&linux_route, "b", 2, 10);
	route = ask(rig, "00:03.0", &linux_route);
	assert_route(&linux_route, "a", 0x18, 6);
}

/* Linux refuses a device that is its own IOMMU with -EINVAL: it is not translated. */
static void linux_lets_no_iommu_translate_itself(void **state)
{
	struct rig *rig = *state;
	struct viommu_route route, linux_route;

	read_as_viot(rig);
	route = ask(rig, "00:01.0", &linux_route);
	assert_route(&route, "a", 8, 6);
	assert_int_equal(linux_route.reach, VIOMMU_REACH_BYPASS);
	assert_int_equal(linux_route.place.line, 6);
	route = ask(rig, "0x10001000", &linux_route);
	assert_route(&route, "b", 3, 11);
	assert_int_equal(linux_route.reach, VIOMMU_REACH_BYPASS);
}

/* A device in no node: no translation by VIOT. */
static void linux_does_not_guess(void **state)
{
	struct rig *rig = *state;
	struct viommu_route route, linux_route;

	read_as_viot(rig);
	route = ask(rig, "01:00.0", &linux_route);
	assert_int_equal(route.reach, VIOMMU_REACH_NOTHING);
	assert_int_equal(linux_route.reach, VIOMMU_REACH_NOTHING);
}

/* -- several tables ------------------------------------------------------------------ */

static struct viommu_topology *table_of(struct rig *rig, const char *signature, const char *text)
{
	struct viommu_table *table;
	struct viommu_topology *topology;

	viommu_topology_free(rig->topology);
	rig->topology = NULL;
	read_fine(rig, text);
	table = viommu_table_generate(rig->topology, signature, rig->findings);
	assert_non_null(table);
	topology = viommu_table_topology(table, rig->findings);
	viommu_table_free(table);
	return topology;
}

/* An IORT with an SMMU for half of the buses, and a VIOT for all: the IORT is asked first. */
static void an_iort_and_a_viot_are_one_machine(void **state)
{
	static const struct {
		uint16_t bdf;
		enum viommu_iommu_kind kind;
		uint32_t id;
		bool has_its;
	} rows[] = {
		{ 0x0010, VIOMMU_VIRTIO_PCI, 0x0010, true },
		{ 0x8010, VIOMMU_SMMU_V3, 0x8010, true },
	};
	struct rig *rig = *state;
	struct viommu_topology *iort =
		table_of(rig, "IORT",
			 "iommus: [ { name: s, kind: smmu-v3, at: 0x9050000, its: i,\n"
			 "            interrupts: [74, 75, 76, 77] } ]\n"
			 "its-groups: [ { name: i, ids: [0] } ]\n"
			 "host-bridges:\n"
			 "  - { buses: 00-7f, its: i }\n"
			 "  - { buses: 80-ff, iommu: s }\n");
	struct viommu_topology *other =
		table_of(rig, "VIOT",
			 "iommus: [ { name: v, kind: virtio-iommu-pci, at: 00:01.0 } ]\n"
			 "host-bridges: [ { buses: 00-ff, iommu: v } ]\n");

	viommu_topology_free(rig->topology);
	rig->topology = viommu_topology_join(iort, other);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct viommu_device_name name = { .pci = true, .bdf = rows[i].bdf };
		struct viommu_route routes[2];

		viommu_topology_resolve(rig->topology, &name, &routes[0], &routes[1], NULL);
		for (size_t k = 0; k < 2; k++) {
			assert_int_equal(routes[k].reach, VIOMMU_REACH_IOMMU);
			assert_int_equal(routes[k].iommu->kind, rows[i].kind);
			assert_int_equal(routes[k].id, rows[i].id);
			assert_int_equal(routes[k].its != NULL, rows[i].has_its);
			assert_int_equal(routes[k].device_id, rows[i].bdf);
		}
	}
	viommu_topology_free(iort);
	viommu_topology_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_devices_are_read),
		WITH_A_RIG(the_entry_that_decides_is_named),
		WITH_A_RIG(bypass_is_not_nothing),
		WITH_A_RIG(msis_go_on_to_an_its),
		WITH_A_RIG(an_iommu_without_an_its_has_none),
		WITH_A_RIG(a_host_bridge_forwards_pasids_or_does_not),
		WITH_A_RIG(linux_takes_the_last_node_of_a_viot),
		WITH_A_RIG(linux_lets_no_iommu_translate_itself),
		WITH_A_RIG(linux_does_not_guess),
		WITH_A_RIG(an_iort_and_a_viot_are_one_machine),
	};

	return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
