/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The SMMU that Linux uses for a device, where it differs from the table
 */
#include "iort_rig.h"

#define ONE_SMMU "iommus: [ { name: s, kind: smmu-v3, at: 0x9050000, interrupts: [1, 2, 3, 4] } ]\n"

/* Generate an IORT from the text, and make the topology of this table the rig's. */
static void read_table(struct rig *rig, const char *text)
{
	mean(rig, make_iort(rig, text));
}

static void assert_linux(const struct rig *rig, const char *device, enum viommu_reach reach,
			 const char *why)
{
	struct viommu_route route, linux_route;
	struct viommu_device_name name;
	const char *said;

	assert_int_equal(viommu_topology_find_device(rig->topology, device, &name), 0);
	viommu_topology_resolve(rig->topology, &name, &route, &linux_route, &said);
	assert_int_equal(linux_route.reach, reach);
	if (!strstr(said, why))
		fail_msg("%s: %s", device, said);
}

/* A function that no mapping has is not translated, and one of a segment without a node neither. */
static void linux_uses_the_mapping_of_a_function(void **state)
{
	struct rig *rig = *state;

	read_table(rig, ONE_SMMU "host-bridges: [ { buses: 10-1f, iommu: s } ]\n");
	assert_linux(rig, "10:00.0", VIOMMU_REACH_IOMMU, "first ID mapping");
	assert_linux(rig, "20:00.0", VIOMMU_REACH_BYPASS, "no ID mapping");
	assert_linux(rig, "0001:10:00.0", VIOMMU_REACH_NOTHING, "no root complex");
}

/* Rule: iort-path. Linux compares the path of the namespace, \_SB_.DEV0, with \_SB.DEV0 as text. */
static void linux_finds_no_device_by_a_short_path(void **state)
{
	struct rig *rig = *state;

	read_table(rig, ONE_SMMU "devices:\n"
				 "  - { name: \\_SB_.DEV0, iommu: s, id: 1 }\n"
				 "  - { name: \\_SB.DEV1, iommu: s, id: 2 }\n");
	assert_linux(rig, "DEV0", VIOMMU_REACH_IOMMU, "single mapping");
	assert_linux(rig, "DEV1", VIOMMU_REACH_NOTHING, "4 characters");
}

/* Without an ID that its driver names, Linux asks for single mappings and overlooks ranges. */
static void linux_overlooks_ranges_of_devices(void **state)
{
	struct rig *rig = *state;

	read_table(rig,
		   ONE_SMMU "devices:\n"
			    "  - { name: \\_SB_.DEV0, iommu: s, id: 1, ids: 4, first-input: 0 }\n"
			    "  - { name: \\_SB_.DEV1, iommu: s, id: 8, first-input: 0 }\n"
			    "device-ids: [ { device: \\_SB_.DEV1, iommu: s, id: 9 } ]\n");
	assert_linux(rig, "DEV0", VIOMMU_REACH_BYPASS, "none");
	assert_linux(rig, "DEV1", VIOMMU_REACH_IOMMU, "single mapping");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RIG(linux_uses_the_mapping_of_a_function),
		WITH_A_RIG(linux_finds_no_device_by_a_short_path),
		WITH_A_RIG(linux_overlooks_ranges_of_devices),
	};

	return cmocka_run_group_tests_name("IORT and Linux", tests, NULL, NULL);
}
