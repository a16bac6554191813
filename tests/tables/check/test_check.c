/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu_topology_check(): where rules end. That each rule is found when it is broken is shown
 * by test_refused; here, that it is not found when it is not, and how often.
 */
#include "topology_rig.h"

#define IOMMUS \
	"iommus:\n" \
	"  - { name: a, kind: virtio-iommu-pci, at: 00:01.0 }\n" \
	"  - { name: b, kind: virtio-iommu-mmio, at: 0x10001000, span: 512 }\n"

static void assert_breaks(struct rig *rig, const char *text, const char *id, size_t times)
{
	size_t n = 0;

	read_fine(rig, text);
	viommu_topology_check(rig->topology, rig->findings);
	for (size_t i = 0; i < viommu_findings_count(rig->findings); i++)
		n += !strcmp(viommu_findings_get(rig->findings, i)->id, id);
	if (n != times)
		fail_msg("%s is found %zu times, not %zu", id, n, times);
	rig->findings = viommu_findings_free(rig->findings);
	rig->findings = viommu_findings_new();
}

/* virtio 1.3, IOMMU device: an ID names an endpoint of one device. */
static void two_iommus_may_use_the_same_ids(void **state)
{
	assert_breaks(*state,
		      IOMMUS "ranges:\n"
			     "  - { functions: 01:00.0, iommu: a, first-id: 7 }\n"
			     "  - { functions: 02:00.0, iommu: b, first-id: 7 }\n",
		      "topology-id-twice", 0);
	assert_breaks(*state,
		      IOMMUS "ranges:\n"
			     "  - { functions: 01:00.0, iommu: a, first-id: 7 }\n"
			     "  - { functions: 02:00.0, iommu: a, first-id: 7 }\n",
		      "topology-id-twice", 1);
}

#define SMMU "iommus: [ { name: s, kind: smmu-v2, at: 0x5000000 } ]\n"

/* Trees of the LX2160A have one stream for the root ports of all host bridges. */
static void single_functions_may_share_a_stream(void **state)
{
	static const char one[] = SMMU "ranges:\n"
				       "  - { functions: 0000:00:00.0, iommu: s, first-id: 0 }\n"
				       "  - { functions: 0001:00:00.0, iommu: s, first-id: 0 }\n";
	static const char two[] =
		SMMU "ranges:\n"
		     "  - { functions: 0000:00:00.0-00:00.1, iommu: s, first-id: 0 }\n"
		     "  - { functions: 0001:00:00.0, iommu: s, first-id: 0 }\n";

	assert_breaks(*state, one, "topology-id-twice", 0);
	assert_breaks(*state, one, "topology-id-shared", 1);
	assert_breaks(*state, two, "topology-id-twice", 1);
}

/* BDFs alone collide as soon as there are two segments. */
static void ids_collide_across_segments(void **state)
{
	assert_breaks(*state,
		      IOMMUS "ranges:\n"
			     "  - { functions: 0000:02:00.0-02:1f.7, iommu: a }\n"
			     "  - { functions: 0001:02:10.0, iommu: a, first-id: 0x280 }\n",
		      "topology-id-twice", 1);
	assert_breaks(*state,
		      IOMMUS "ranges:\n"
			     "  - { segments: 0-2, functions: 00:00.0-00:1f.7, iommu: b }\n"
			     "  - { functions: 0007:00:00.0, iommu: b, first-id: 0x200ff }\n",
		      "topology-id-twice", 1);
	assert_breaks(*state,
		      IOMMUS "ranges:\n"
			     "  - { segments: 0-2, functions: 00:00.0-00:1f.7, iommu: b }\n"
			     "  - { functions: 0007:00:00.0, iommu: b, first-id: 0x20100 }\n",
		      "topology-id-twice", 0);
}

static void devices_and_functions_share_one_space_of_ids(void **state)
{
	assert_breaks(*state,
		      IOMMUS "host-bridges: [ { buses: 00-ff, iommu: b } ]\n"
			     "devices: [ { at: 0x9000000, iommu: b, id: 0xffff } ]\n",
		      "topology-id-twice", 1);
	assert_breaks(*state,
		      IOMMUS "host-bridges: [ { buses: 00-ff, iommu: b } ]\n"
			     "devices: [ { at: 0x9000000, iommu: b, id: 0x10000 } ]\n",
		      "topology-id-twice", 0);
}

/* What a range takes away from a host bridge no longer has an ID there. */
static void ids_of_functions_that_a_range_takes_away_are_free(void **state)
{
	assert_breaks(*state,
		      IOMMUS "host-bridges: [ { buses: 00-ff, iommu: b } ]\n"
			     "ranges: [ { functions: 10:00.0, iommu: none } ]\n"
			     "devices: [ { at: 0x9000000, iommu: b, id: 0x1000 } ]\n",
		      "topology-id-twice", 0);
}

/* One range overlaps many others: each of them is reported once. */
static void each_object_is_blamed_once(void **state)
{
	assert_breaks(*state,
		      IOMMUS "ranges:\n"
			     "  - { segments: 0-99, functions: 00:00.0-ff:1f.7, iommu: b }\n"
			     "  - { segments: 0-99, functions: 01:00.0, iommu: none }\n"
			     "  - { segments: 50-99, functions: 02:00.0, iommu: none }\n",
		      "topology-ranges-overlap", 2);
}

static void buses_of_two_segments_are_not_the_same(void **state)
{
	assert_breaks(*state,
		      IOMMUS "host-bridges:\n"
			     "  - { buses: 00-ff }\n"
			     "  - { segment: 1, buses: 00-ff }\n",
		      "topology-bridges-overlap", 0);
}

static void registers_may_touch_but_not_overlap(void **state)
{
	assert_breaks(*state, IOMMUS "devices: [ { at: 0x10001200 } ]\n",
		      "topology-registers-overlap", 0);
	assert_breaks(*state, IOMMUS "devices: [ { at: 0x100011ff } ]\n",
		      "topology-registers-overlap", 1);
	assert_breaks(*state, IOMMUS "devices: [ { at: 0x9000000 }, { at: 0x9000000 } ]\n",
		      "topology-registers-overlap", 1);
}

static void memory_of_two_iommus_may_overlap(void **state)
{
	assert_breaks(*state,
		      IOMMUS "reserved-memory:\n"
			     "  - { range: 0-0xfff, iommu: a }\n"
			     "  - { range: 0-0xfff, iommu: b }\n"
			     "  - { range: 0-0xfff, functions: 00:02.0 }\n",
		      "topology-memory-overlap", 0);
}

/* Reserved memory alone gives an IOMMU nothing to translate. */
/* An RMR node assigns all of its memory to each of its IDs. */
static void memory_of_two_ids_may_overlap(void **state)
{
	static const char memory[] = "iommu: a, range: 0x10000-0x1ffff, kind: identity";
	char text[512];

	snprintf(text, sizeof(text),
		 IOMMUS "reserved-memory: [ { %s, ids: 1-1 }, { %s, ids: 2-2 } ]\n", memory,
		 memory);
	assert_breaks(*state, text, "topology-memory-overlap", 0);
	snprintf(text, sizeof(text),
		 IOMMUS "reserved-memory: [ { %s, ids: 1-1 }, { %s, ids: 1-1 } ]\n", memory,
		 memory);
	assert_breaks(*state, text, "topology-memory-overlap", 1);
}

static void memory_does_not_keep_an_iommu_busy(void **state)
{
	assert_breaks(*state,
		      IOMMUS "host-bridges: [ { buses: 00, iommu: a } ]\n"
			     "reserved-memory: [ { range: 0-0xfff, iommu: b } ]\n",
		      "topology-iommu-idle", 1);
}

/* A table like the VIOT names no host bridges: then nothing is outside of them. */
static void without_host_bridges_nothing_is_outside(void **state)
{
	static const char text[] = IOMMUS "ranges: [ { functions: 01:00.0, iommu: a } ]\n";

	assert_breaks(*state, text, "topology-iommu-outside", 0);
	assert_breaks(*state, text, "topology-range-outside", 0);
}

/* Objects of a VMM have no file; their findings have no place, but the same text. */
static void a_topology_without_places_is_checked_too(void **state)
{
	struct rig *rig = *state;
	struct viommu_host_bridge bridge = { sizeof(bridge), .name = "one", .bus_last = 1 };

	rig->topology = viommu_topology_new();
	assert_int_equal(viommu_topology_add_host_bridge(rig->topology, &bridge), 0);
	bridge.name = "two";
	assert_int_equal(viommu_topology_add_host_bridge(rig->topology, &bridge), 0);
	viommu_topology_check(rig->topology, rig->findings);
	viommu_topology_check(rig->topology, NULL);
	assert_int_equal(viommu_findings_count(rig->findings), 1);
	assert_finding(rig, 0,
		       "error: host bridge two and host bridge one have buses in common; "
		       "give each host bridge buses of its own [topology-bridges-overlap]");
}

/* Each of the three objects that an IORT knows; a virtio-iommu and a missing IOMMU are none. */
static void a_monitor_counts_for_one_that_tables_know(void **state)
{
	static const struct {
		const char *target;
		size_t times;
	} monitors[] = { { "iommu: s", 0 },    { "device: d", 0 }, { "segment: 7", 0 },
			 { "iommu: none", 1 }, { "iommu: a", 1 },  { "iommu: missing", 0 } };
	char text[512];

	for (size_t i = 0; i < sizeof(monitors) / sizeof(*monitors); i++) {
		snprintf(text, sizeof(text),
			 IOMMUS "  - { name: s, kind: smmu-v2, at: 0x9050000 }\n"
				"devices: [ { name: d, iommu: s, id: 1 } ]\n"
				"monitors: [ { at: 0x9060000, %s } ]\n",
			 monitors[i].target);
		assert_breaks(*state, text, "topology-monitor", monitors[i].times);
	}
}

/* An interrupt is optional, an address is not. It is a multiple of 64 KiB. */
static void command_queues_have_an_aligned_address(void **state)
{
	static const struct {
		const char *queues;
		size_t times;
	} smmus[] = { { "cmdqv: 0x9200000", 0 },
		      { "cmdqv: 0x9200000, cmdqv-interrupt: 54", 0 },
		      { "cmdqv-interrupt: 54", 1 },
		      { "cmdqv: 0x9201000, cmdqv-interrupt: 54", 1 } };
	char text[128];

	for (size_t i = 0; i < sizeof(smmus) / sizeof(*smmus); i++) {
		snprintf(text, sizeof(text),
			 "iommus: [ { name: s, kind: smmu-v3, at: 0x9050000, %s } ]\n",
			 smmus[i].queues);
		assert_breaks(*state, text, "topology-cmdqv", smmus[i].times);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RIG(two_iommus_may_use_the_same_ids),
		WITH_A_RIG(single_functions_may_share_a_stream),
		WITH_A_RIG(ids_collide_across_segments),
		WITH_A_RIG(devices_and_functions_share_one_space_of_ids),
		WITH_A_RIG(ids_of_functions_that_a_range_takes_away_are_free),
		WITH_A_RIG(each_object_is_blamed_once),
		WITH_A_RIG(buses_of_two_segments_are_not_the_same),
		WITH_A_RIG(registers_may_touch_but_not_overlap),
		WITH_A_RIG(memory_of_two_iommus_may_overlap),
		WITH_A_RIG(memory_of_two_ids_may_overlap),
		WITH_A_RIG(memory_does_not_keep_an_iommu_busy),
		WITH_A_RIG(without_host_bridges_nothing_is_outside),
		WITH_A_RIG(a_topology_without_places_is_checked_too),
		WITH_A_RIG(a_monitor_counts_for_one_that_tables_know),
		WITH_A_RIG(command_queues_have_an_aligned_address),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
