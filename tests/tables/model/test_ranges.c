/* SPDX-License-Identifier: BSD-3-Clause */
/* viommu_topology_for_each_pci_range(): the IOMMU of each function, piece by piece. */
#include "topology_rig.h"

#define IOMMUS \
	"iommus:\n" \
	"  - { name: a, kind: virtio-iommu-pci, at: 00:01.0 }\n" \
	"  - { name: b, kind: virtio-iommu-mmio, at: 0x10001000 }\n"

/* The pieces as text, one per line. */
static void put_piece(void *opaque, const struct viommu_pci_range *range)
{
	char *words = opaque, line[80];

	snprintf(line, sizeof(line), "%u-%u %04x-%04x %s %x\n", range->segment_first,
		 range->segment_last, range->bdf_first, range->bdf_last, range->iommu,
		 range->id_first);
	strcat(words, line);
}

static void assert_pieces(struct rig *rig, const char *text, const char *expected)
{
	char words[1024] = "";

	read_fine(rig, text);
	viommu_topology_for_each_pci_range(rig->topology, put_piece, words);
	assert_string_equal(words, expected);
}

/* "A bridge's IOMMU does not translate its own function, unless it has translates_itself." */
static void an_iommu_does_not_translate_itself(void **state)
{
	assert_pieces(*state, IOMMUS "host-bridges: [ { buses: 00-01, iommu: a } ]\n",
		      "0-0 0000-0007 a 0\n"
		      "0-0 0009-01ff a 9\n");
	assert_pieces(*state, IOMMUS "host-bridges: [ { buses: 00-01, iommu: b } ]\n",
		      "0-0 0000-01ff b 0\n");
	assert_pieces(*state,
		      "iommus:\n"
		      "  - { name: a, kind: virtio-iommu-pci, at: 00:01.0, include-self: yes }\n"
		      "host-bridges: [ { buses: 00-01, iommu: a } ]\n",
		      "0-0 0000-01ff a 0\n");
}

/* "VIOMMU_SCOPE_BRIDGE: one function that is a bridge, and everything below it" */
static void a_range_of_a_bridge_has_what_is_below(void **state)
{
	assert_pieces(*state,
		      IOMMUS "ranges:\n"
			     "  - { functions: 00:1c.0, scope: bridge, below: 01-02, iommu: b }\n",
		      "0-0 00e0-00e0 b e0\n"
		      "0-0 0100-02ff b 100\n");
	assert_pieces(*state,
		      IOMMUS "ranges:\n"
			     "  - { functions: 00:1c.0, scope: bridge, iommu: b }\n"
			     "  - { functions: 00:1d.0, path: 00.0, iommu: b }\n",
		      "0-0 00e0-00e0 b e0\n");
}

/* All have `id_first`, wherever the range is cut. */
static void functions_that_share_an_id_share_it_in_every_piece(void **state)
{
	assert_pieces(*state,
		      IOMMUS
		      "ranges:\n"
		      "  - { functions: 01:01.0, iommu: none }\n"
		      "  - { functions: 01:00.0-01:1f.7, first-id: 5, one-id: yes, iommu: b }\n",
		      "0-0 0100-0107 b 5\n"
		      "0-0 0109-01ff b 5\n");
}

/* "What the host bridges say, cut where a range says otherwise"; sorted. */
static void ranges_cut_host_bridges(void **state)
{
	assert_pieces(*state,
		      IOMMUS "host-bridges:\n"
			     "  - { segment: 1, buses: 00-ff, iommu: a }\n"
			     "  - { buses: 10-1f, iommu: b }\n"
			     "  - { buses: 20-2f }\n"
			     "ranges:\n"
			     "  - { functions: 0001:00:00.0-0f:1f.7, iommu: b, first-id: 5 }\n"
			     "  - { functions: 0001:10:00.0-10:1f.7, iommu: none }\n"
			     "  - { functions: 0001:ff:1f.7, iommu: b }\n",
		      "0-0 1000-1fff b 1000\n"
		      "1-1 0000-0fff b 5\n"
		      "1-1 1100-fffe a 11100\n"
		      "1-1 ffff-ffff b 1ffff\n");
}

/* "A range is taken as it stands." */
static void a_range_may_hold_its_own_iommu(void **state)
{
	assert_pieces(*state,
		      IOMMUS "host-bridges: [ { buses: 00, iommu: a } ]\n"
			     "ranges: [ { functions: 00:00.0-00:01.7, iommu: a } ]\n",
		      "0-0 0000-000f a 0\n"
		      "0-0 0010-00ff a 10\n");
}

/* "Where ranges overlap the first one added wins, and so with bridges." */
static void the_first_of_two_wins(void **state)
{
	assert_pieces(*state,
		      IOMMUS "host-bridges:\n"
			     "  - { buses: 00-02, iommu: b }\n"
			     "  - { buses: 01-03, iommu: a }\n",
		      "0-0 0000-02ff b 0\n"
		      "0-0 0300-03ff a 300\n");
	assert_pieces(*state,
		      IOMMUS "ranges:\n"
			     "  - { functions: 01:00.0-01:1f.7, iommu: b, first-id: 1 }\n"
			     "  - { functions: 00:00.0-02:1f.7, iommu: a }\n"
			     "  - { functions: 02:00.0-03:00.0, iommu: b, first-id: 0x1000 }\n",
		      "0-0 0000-00ff a 0\n"
		      "0-0 0100-01ff b 1\n"
		      "0-0 0200-02ff a 200\n"
		      "0-0 0300-0300 b 1100\n");
}

/* A range over several segments is one piece, but for segments where something is cut off. */
static void a_range_over_segments_stays_whole(void **state)
{
	assert_pieces(*state,
		      IOMMUS
		      "ranges: [ { segments: 0-65535, functions: 00:00.0-ff:1f.7, iommu: b } ]\n",
		      "0-65535 0000-ffff b 0\n");
	assert_pieces(*state,
		      IOMMUS "ranges:\n"
			     "  - { functions: 0002:00:00.0-7f:1f.7, iommu: none }\n"
			     "  - { segments: 1-4, functions: 00:00.0-ff:1f.7, iommu: b }\n",
		      "1-1 0000-ffff b 10000\n"
		      "2-2 8000-ffff b 28000\n"
		      "3-4 0000-ffff b 30000\n");
}

/* -- compared with viommu_topology_resolve() ----------------------------------- */

struct model {
	const struct viommu_topology *topology;
	const struct viommu_iommu *iommu[2][0x400];
	uint32_t id[2][0x400];
	uint32_t before;
};

static void paint(void *opaque, const struct viommu_pci_range *range)
{
	struct model *model = opaque;
	uint32_t position;

	for (unsigned s = range->segment_first; s <= range->segment_last; s++)
		for (unsigned f = range->bdf_first; f <= range->bdf_last; f++) {
			assert_null(model->iommu[s][f]);
			model->iommu[s][f] =
				viommu_topology_find_iommu(model->topology, range->iommu);
			model->id[s][f] = range->id_first + ((s - range->segment_first) << 16) + f -
					  range->bdf_first;
		}
	position = (uint32_t)range->segment_first << 16 | range->bdf_first;
	assert_true(model->before <= position);
	model->before = position + 1;
}

static void compare_with_resolve(const struct viommu_topology *topology)
{
	struct model *model = calloc(1, sizeof(*model));

	model->topology = topology;
	viommu_topology_for_each_pci_range(topology, paint, model);
	for (unsigned s = 0; s < 2; s++)
		for (unsigned f = 0; f < 0x400; f++) {
			struct viommu_device_name name = { true, (uint16_t)s, (uint16_t)f, 0,
							   NULL };
			struct viommu_route route, linux_route;

			viommu_topology_resolve(topology, &name, &route, &linux_route, NULL);
			assert_ptr_equal(route.iommu, model->iommu[s][f]);
			assert_int_equal(route.id, model->id[s][f]);
		}
	free(model);
}

static unsigned any(unsigned *seed, unsigned n)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 8) % n;
}

static struct viommu_topology *some_topology(unsigned seed)
{
	static const char *const iommus[] = { "a", "b", NULL };
	struct viommu_topology *topology = viommu_topology_new();
	struct viommu_iommu a = { sizeof(a), "a", .bdf = (uint16_t)any(&seed, 0x400) };
	struct viommu_iommu b = { sizeof(b), "b", .segment = 1,
				  .bdf = (uint16_t)any(&seed, 0x400) };

	b.translates_itself = any(&seed, 2);
	viommu_topology_add_iommu(topology, &a);
	viommu_topology_add_iommu(topology, &b);
	for (unsigned i = any(&seed, 5); i; i--) {
		struct viommu_host_bridge bridge = {
			sizeof(bridge),
			.segment = (uint16_t)any(&seed, 2),
			.bus_first = (uint8_t)any(&seed, 4),
			.bus_last = 3,
			.iommu = iommus[any(&seed, 3)],
		};

		viommu_topology_add_host_bridge(topology, &bridge);
	}
	for (unsigned i = any(&seed, 8); i; i--) {
		struct viommu_pci_range range = {
			sizeof(range),
			.segment_first = (uint16_t)any(&seed, 2),
			.segment_last = 1,
			.bdf_first = (uint16_t)any(&seed, 0x400),
			.iommu = iommus[any(&seed, 3)],
			.id_first = any(&seed, 0x10000),
		};

		range.bdf_last = (uint16_t)(range.bdf_first + any(&seed, 0x400u - range.bdf_first));
		viommu_topology_add_pci_range(topology, &range);
	}
	return topology;
}

/* For any overlaps, both give the same answer for every function. */
static void pieces_agree_with_resolve(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 200; seed++) {
		struct viommu_topology *topology = some_topology(seed);

		compare_with_resolve(topology);
		viommu_topology_free(topology);
	}
}

/* -- many -------------------------------------------------------------------------------- */

struct count {
	size_t n;
	uint64_t functions;
};

static void count_piece(void *opaque, const struct viommu_pci_range *range)
{
	struct count *count = opaque;

	count->n++;
	count->functions += (uint64_t)(range->bdf_last - range->bdf_first + 1) *
			    (uint64_t)(range->segment_last - range->segment_first + 1);
}

/* 65,536 ranges: one for each function, the last added first, cut out of one host bridge. */
static void sixty_five_thousand_ranges_are_fine(void **state)
{
	struct viommu_host_bridge bridge = { sizeof(bridge), .bus_last = 0xff, .iommu = "a" };
	struct viommu_pci_range range = { sizeof(range), .iommu = "b" };
	struct rig *rig = *state;
	struct count count = { 0 };

	read_fine(rig, IOMMUS);
	viommu_topology_add_host_bridge(rig->topology, &bridge);
	for (unsigned f = 0x10000; f--;) {
		range.bdf_first = range.bdf_last = (uint16_t)f;
		range.id_first = f;
		assert_int_equal(viommu_topology_add_pci_range(rig->topology, &range), 0);
	}
	viommu_topology_for_each_pci_range(rig->topology, count_piece, &count);
	assert_int_equal(count.n, 0x10000);
	assert_int_equal(count.functions, 0x10000);
}

/* 65,536 ranges that all overlap: each begins later and ends later than the one before. */
static void sixty_five_thousand_overlaps_are_fine(void **state)
{
	struct viommu_pci_range range = { sizeof(range), .iommu = "b" };
	struct rig *rig = *state;
	struct count count = { 0 };

	read_fine(rig, IOMMUS);
	for (unsigned f = 0; f < 0x10000; f++) {
		range.bdf_first = (uint16_t)f;
		range.bdf_last = (uint16_t)(f > 0x8000 ? 0xffff : f + 0x7fff);
		viommu_topology_add_pci_range(rig->topology, &range);
	}
	viommu_topology_for_each_pci_range(rig->topology, count_piece, &count);
	assert_int_equal(count.functions, 0x10000);
	viommu_topology_check(rig->topology, rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 1001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RIG(an_iommu_does_not_translate_itself),
		WITH_A_RIG(a_range_of_a_bridge_has_what_is_below),
		WITH_A_RIG(functions_that_share_an_id_share_it_in_every_piece),
		WITH_A_RIG(ranges_cut_host_bridges),
		WITH_A_RIG(a_range_may_hold_its_own_iommu),
		WITH_A_RIG(the_first_of_two_wins),
		WITH_A_RIG(a_range_over_segments_stays_whole),
		cmocka_unit_test(pieces_agree_with_resolve),
		WITH_A_RIG(sixty_five_thousand_ranges_are_fine),
		WITH_A_RIG(sixty_five_thousand_overlaps_are_fine),
	};

	return cmocka_run_group_tests_name("ranges", tests, NULL, NULL);
}
