/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu_topology_for_each_route(): the whole map, in as few ranges as possible, and equal to
 * viommu_topology_resolve() for every function.
 */
#include "topology_rig.h"

#define IOMMUS \
	"iommus:\n" \
	"  - { name: a, kind: smmu-v3, at: 0x1000, its: its0 }\n" \
	"  - { name: b, kind: smmu-v3, at: 0x2000 }\n" \
	"its-groups: [ { name: its0, ids: [0] }, { name: its1, ids: [1] } ]\n"

static const char *name_of(const struct viommu_route *route)
{
	static const char *const others[] = {
		[VIOMMU_REACH_BYPASS] = "-", [VIOMMU_REACH_NOTHING] = "?"
	};

	return route->iommu ? route->iommu->name : others[route->reach];
}

/* "segments functions IOMMU id its device-id entries"; = behind an ID that all of them have. */
static void describe(void *opaque, const struct viommu_route_range *range)
{
	const struct viommu_route *route = &range->route;
	char *text = opaque, line[128];

	snprintf(line, sizeof(line), "%u-%u %04x-%04x %s %x%s %s %x%s %zu\n", range->segment_first,
		 range->segment_last, range->bdf_first, range->bdf_last, name_of(route), route->id,
		 range->shared_id ? "=" : "", route->its ? route->its->name : "-", route->device_id,
		 range->shared_device_id ? "=" : "", range->n_entries);
	strcat(text, line);
}

static void assert_map(struct rig *rig, const char *text, const char *expected)
{
	char map[4096] = "";

	read_fine(rig, text);
	viommu_topology_for_each_route(rig->topology, describe, map);
	assert_string_equal(map, expected);
}

static void what_bypasses_is_on_the_map(void **state)
{
	assert_map(*state,
		   IOMMUS "host-bridges: [ { buses: 00-7f, iommu: a }, { buses: 80-ff } ]\n"
			  "ranges: [ { functions: 10:00.0, iommu: none } ]\n",
		   "0-0 0000-0fff a 0 its0 0 1\n"
		   "0-0 1000-1000 - 0 - 0 1\n"
		   "0-0 1001-7fff a 1001 its0 1001 1\n"
		   "0-0 8000-ffff - 0 - 0 1\n");
}

/* Three entries, one line; and the function with an ID of its own apart. */
static void entries_that_go_on_are_one_range(void **state)
{
	assert_map(*state,
		   IOMMUS "ranges:\n"
			  "  - { functions: 00:00.0-00:1f.7, iommu: b }\n"
			  "  - { functions: 01:00.0-01:00.3, iommu: b }\n"
			  "  - { functions: 01:00.4, iommu: b }\n"
			  "  - { functions: 01:00.5, iommu: b, first-id: 0x900 }\n",
		   "0-0 0000-0104 b 0 - 0 3\n"
		   "0-0 0105-0105 b 900 - 0 1\n");
}

/* Behind a bridge to conventional PCI: first as a range with a shared ID, then one by one. */
static void functions_may_share_an_id(void **state)
{
	assert_map(*state,
		   IOMMUS
		   "ranges:\n"
		   "  - { functions: 02:00.0-02:1f.7, iommu: a, first-id: 0x200, one-id: yes }\n"
		   "  - { functions: 03:00.0, iommu: a, first-id: 0x200 }\n"
		   "  - { functions: 04:00.0, iommu: a, first-id: 0x300 }\n"
		   "  - { functions: 04:00.1, iommu: a, first-id: 0x300 }\n"
		   "  - { functions: 04:00.2, iommu: a, first-id: 0x301 }\n",
		   "0-0 0200-0300 a 200= its0 200= 2\n"
		   "0-0 0400-0401 a 300= its0 300= 2\n"
		   "0-0 0402-0402 a 301 its0 301 1\n");
}

static void segments_that_are_alike_are_one_range(void **state)
{
	assert_map(*state,
		   IOMMUS "ranges:\n"
			  "  - { segments: 0-3, functions: 00:00.0-ff:1f.7, iommu: b }\n"
			  "  - { functions: 0004:00:00.0-ff:1f.7, iommu: b }\n"
			  "  - { segments: 6-7, functions: 00:00.0-ff:1f.7, iommu: none }\n",
		   "0-4 0000-ffff b 0 - 0 2\n"
		   "6-7 0000-ffff - 0 - 0 1\n");
}

/* msi-map of a device tree: ranges of functions take precedence, whatever their IOMMU. */
static void msis_of_functions_come_before_those_of_ids(void **state)
{
	assert_map(*state,
		   IOMMUS "host-bridges: [ { buses: 00-01, iommu: a } ]\n"
			  "msi-ranges:\n"
			  "  - { functions: 00:10.0-00:1f.7, its: its1, first-device-id: 0x5000 }\n"
			  "  - { iommu: a, ids: 0xf0-0x1ff, its: its1, first-device-id: 0x9000 }\n"
			  "  - { iommu: a, ids: 0x10-0x1f, its: none }\n",
		   "0-0 0000-000f a 0 its0 0 1\n"
		   "0-0 0010-001f a 10 - 0 1\n"
		   "0-0 0020-007f a 20 its0 20 1\n"
		   "0-0 0080-00ff a 80 its1 5000 1\n"
		   "0-0 0100-01ff a 100 its1 9010 1\n");
}

static void what_names_no_iommu_is_not_on_the_map(void **state)
{
	assert_map(*state, "host-bridges: [ { buses: 00-01, iommu: missing } ]\n", "");
}

static void an_iommu_is_left_out_of_its_own_functions(void **state)
{
	assert_map(*state,
		   "iommus: [ { name: v, kind: virtio-iommu-pci, at: 00:01.0 } ]\n"
		   "host-bridges: [ { buses: 00-00, iommu: v } ]\n",
		   "0-0 0000-0007 v 0 - 0 1\n"
		   "0-0 0008-0008 - 0 - 0 1\n"
		   "0-0 0009-00ff v 9 - 0 1\n");
}

/* -- against resolve --------------------------------------------------------------------- */

#define N_SEGMENTS  2
#define N_FUNCTIONS 0x400

struct painting {
	struct viommu_route route[N_SEGMENTS][N_FUNCTIONS];
	bool painted[N_SEGMENTS][N_FUNCTIONS];
};

static void paint(void *opaque, const struct viommu_route_range *range)
{
	struct painting *painting = opaque;

	for (unsigned s = range->segment_first; s <= range->segment_last; s++)
		for (unsigned f = range->bdf_first; f <= range->bdf_last; f++) {
			uint32_t nth = (s - range->segment_first) * 0x10000 + f - range->bdf_first;
			struct viommu_route *route = &painting->route[s][f];

			assert_false(painting->painted[s][f]);
			painting->painted[s][f] = true;
			*route = range->route;
			route->id += range->shared_id || !route->iommu ? 0 : nth;
			route->device_id += range->shared_device_id || !route->its ? 0 : nth;
		}
}

static void compare_with_resolve(const struct viommu_topology *topology)
{
	struct painting *painting = calloc(1, sizeof(*painting));

	viommu_topology_for_each_route(topology, paint, painting);
	for (unsigned s = 0; s < N_SEGMENTS; s++)
		for (unsigned f = 0; f < N_FUNCTIONS; f++) {
			struct viommu_device_name name = { true, (uint16_t)s, (uint16_t)f, 0,
							   NULL };
			const struct viommu_route *painted = &painting->route[s][f];
			struct viommu_route route, linux_route;

			viommu_topology_resolve(topology, &name, &route, &linux_route, NULL);
			assert_int_equal(painting->painted[s][f],
					 route.reach != VIOMMU_REACH_NOTHING);
			if (!painting->painted[s][f])
				continue;
			assert_int_equal(painted->reach, route.reach);
			assert_ptr_equal(painted->iommu, route.iommu);
			assert_int_equal(painted->id, route.id);
			assert_ptr_equal(painted->its, route.its);
			assert_int_equal(painted->device_id, route.device_id);
			assert_int_equal(painted->pasid_bits, route.pasid_bits);
		}
	free(painting);
}

static unsigned any(unsigned *seed, unsigned n)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 8) % n;
}

static const char *const some_iommus[] = { "v", "s", NULL };
static const char *const some_its[] = { "i", "j", NULL };

static void add_iommus(struct viommu_topology *topology, unsigned *seed)
{
	const uint32_t id = 0;
	struct viommu_iommu v = { sizeof(v), "v", .bdf = (uint16_t)any(seed, N_FUNCTIONS) };
	struct viommu_iommu s = { sizeof(s), "s", VIOMMU_SMMU_V3, .its = some_its[any(seed, 3)] };
	struct viommu_its_group i = { sizeof(i), "i", &id, 1, { 0 } };
	struct viommu_its_group j = { sizeof(j), "j", &id, 1, { 0 } };

	v.translates_itself = any(seed, 2);
	viommu_topology_add_iommu(topology, &v);
	viommu_topology_add_iommu(topology, &s);
	viommu_topology_add_its_group(topology, &i);
	viommu_topology_add_its_group(topology, &j);
}

static void add_bridge(struct viommu_topology *topology, unsigned *seed)
{
	struct viommu_host_bridge bridge = {
		sizeof(bridge),
		.segment = (uint16_t)any(seed, N_SEGMENTS),
		.bus_first = (uint8_t)any(seed, 4),
		.bus_last = 3,
		.iommu = some_iommus[any(seed, 3)],
		.its = some_its[any(seed, 3)],
		.pasid = any(seed, 2),
		.pasid_bits = any(seed, 2) * 8,
	};

	viommu_topology_add_host_bridge(topology, &bridge);
}

static uint16_t any_from(unsigned *seed, unsigned first)
{
	return (uint16_t)(first + any(seed, N_FUNCTIONS - first));
}

static void add_range(struct viommu_topology *topology, unsigned *seed)
{
	struct viommu_pci_range range = {
		sizeof(range),
		.segment_first = (uint16_t)any(seed, N_SEGMENTS),
		.segment_last = N_SEGMENTS - 1,
		.bdf_first = any_from(seed, 0),
		.iommu = some_iommus[any(seed, 3)],
		.id_first = any(seed, N_FUNCTIONS),
		.shared_id = !any(seed, 4),
	};

	range.bdf_last = any_from(seed, range.bdf_first);
	viommu_topology_add_pci_range(topology, &range);
}

static void add_msi_range(struct viommu_topology *topology, unsigned *seed)
{
	struct viommu_msi_range msi = {
		sizeof(msi),
		.iommu = some_iommus[any(seed, 3)],
		.its = some_its[any(seed, 3)],
		.segment = (uint16_t)any(seed, N_SEGMENTS),
		.bdf_first = any_from(seed, 0),
		.id_first = any(seed, N_FUNCTIONS),
		.device_id_first = any(seed, N_FUNCTIONS),
	};

	msi.bdf_last = any_from(seed, msi.bdf_first);
	msi.id_last = any_from(seed, msi.id_first);
	viommu_topology_add_msi_range(topology, &msi);
}

static struct viommu_topology *some_topology(unsigned seed)
{
	struct viommu_topology *topology = viommu_topology_new();

	add_iommus(topology, &seed);
	for (unsigned i = any(&seed, 4); i; i--)
		add_bridge(topology, &seed);
	for (unsigned i = any(&seed, 6); i; i--)
		add_range(topology, &seed);
	for (unsigned i = any(&seed, 6); i; i--)
		add_msi_range(topology, &seed);
	return topology;
}

/* For any overlaps, both give the same answer for every function. */
static void the_map_agrees_with_resolve(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 300; seed++) {
		struct viommu_topology *topology = some_topology(seed);

		compare_with_resolve(topology);
		viommu_topology_free(topology);
	}
}

/* -- many -------------------------------------------------------------------------------- */

static void count_entries(void *opaque, const struct viommu_route_range *range)
{
	size_t *n = opaque;

	*n += range->n_entries;
}

/* Functions that swap places pairwise: no two can be one range. */
static void sixty_five_thousand_entries_are_fine(void **state)
{
	struct viommu_pci_range range = { sizeof(range), .iommu = "b" };
	struct rig *rig = *state;
	size_t n = 0;

	read_fine(rig, IOMMUS);
	for (unsigned f = 0x10000; f--;) {
		range.bdf_first = range.bdf_last = (uint16_t)f;
		range.id_first = f ^ 3;
		assert_int_equal(viommu_topology_add_pci_range(rig->topology, &range), 0);
	}
	viommu_topology_for_each_route(rig->topology, count_entries, &n);
	assert_int_equal(n, 0x10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RIG(what_bypasses_is_on_the_map),
		WITH_A_RIG(entries_that_go_on_are_one_range),
		WITH_A_RIG(functions_may_share_an_id),
		WITH_A_RIG(segments_that_are_alike_are_one_range),
		WITH_A_RIG(msis_of_functions_come_before_those_of_ids),
		WITH_A_RIG(what_names_no_iommu_is_not_on_the_map),
		WITH_A_RIG(an_iommu_is_left_out_of_its_own_functions),
		cmocka_unit_test(the_map_agrees_with_resolve),
		WITH_A_RIG(sixty_five_thousand_entries_are_fine),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
