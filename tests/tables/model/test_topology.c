/* SPDX-License-Identifier: BSD-3-Clause */
/* Objects of a topology, as a VMM adds them: <viommu/topology.h>. */
#include <errno.h>

#include "topology_rig.h"

static int give_topology(void **state)
{
	set_up(state);
	((struct rig *)*state)->topology = viommu_topology_new();
	return 0;
}

static struct viommu_iommu an_iommu(const char *name)
{
	return (struct viommu_iommu){ .size = sizeof(struct viommu_iommu), .name = name };
}

/* "The structs and their strings are copied." */
static void objects_and_their_strings_are_copied(void **state)
{
	struct rig *rig = *state;
	char name[] = "viommu0", file[] = "vmm.c";
	uint32_t ids[] = { 3, 4 };
	struct viommu_iommu iommu = an_iommu(name);
	struct viommu_its_group group = { sizeof(group), name, ids, 2, { .file = file } };

	iommu.place.file = file;
	assert_int_equal(viommu_topology_add_iommu(rig->topology, &iommu), 0);
	assert_int_equal(viommu_topology_add_its_group(rig->topology, &group), 0);
	name[0] = file[0] = 'X';
	ids[0] = 99;

	assert_string_equal(viommu_topology_iommu(rig->topology, 0)->name, "viommu0");
	assert_string_equal(viommu_topology_iommu(rig->topology, 0)->place.file, "vmm.c");
	assert_int_equal(viommu_topology_its_group(rig->topology, 0)->ids[0], 3);
	assert_null(viommu_topology_iommu(rig->topology, 1));
	assert_ptr_equal(viommu_topology_find_iommu(rig->topology, "viommu0"),
			 viommu_topology_iommu(rig->topology, 0));
	assert_null(viommu_topology_find_iommu(rig->topology, "viommu1"));
	assert_null(viommu_topology_find_iommu(rig->topology, NULL));
}

/* "Lives as long as the topology": adding more moves nothing. */
static void an_object_stays_where_it_is(void **state)
{
	struct rig *rig = *state;
	struct viommu_iommu iommu = an_iommu("first");
	const struct viommu_iommu *first;

	assert_int_equal(viommu_topology_add_iommu(rig->topology, &iommu), 0);
	first = viommu_topology_iommu(rig->topology, 0);
	for (int i = 0; i < 1000; i++) {
		char name[16];

		snprintf(name, sizeof(name), "iommu%d", i);
		iommu.name = name;
		assert_int_equal(viommu_topology_add_iommu(rig->topology, &iommu), 0);
	}
	assert_ptr_equal(first, viommu_topology_iommu(rig->topology, 0));
	assert_string_equal(first->name, "first");
}

/* "-EINVAL ..., -EEXIST ...": and nothing is added. */
static void what_makes_no_sense_is_refused(void **state)
{
	struct rig *rig = *state;
	struct viommu_iommu nameless = an_iommu(NULL), none = an_iommu("none"),
			    not_utf8 = an_iommu("\xff"), fine = an_iommu("viommu0"),
			    wraps = an_iommu("wraps"), many = an_iommu("many");
	struct viommu_host_bridge bridge = { sizeof(bridge), .bus_first = 1 };
	struct viommu_pci_range segments = { sizeof(segments), .segment_first = 1 };
	struct viommu_pci_range functions = { sizeof(functions), .bdf_first = 1 };
	struct viommu_reserved_memory memory = { sizeof(memory), .first = 1 };
	struct viommu_its_group group = { sizeof(group), .name = "its" };

	wraps.base = UINT64_MAX;
	wraps.span = 2;
	many.n_interrupts = VIOMMU_MAX_INTERRUPTS + 1;
	assert_int_equal(viommu_topology_add_iommu(rig->topology, &nameless), -EINVAL);
	assert_int_equal(viommu_topology_add_iommu(rig->topology, &none), -EINVAL);
	assert_int_equal(viommu_topology_add_iommu(rig->topology, &not_utf8), -EINVAL);
	assert_int_equal(viommu_topology_add_iommu(rig->topology, &wraps), -EINVAL);
	assert_int_equal(viommu_topology_add_iommu(rig->topology, &many), -EINVAL);
	assert_int_equal(viommu_topology_add_host_bridge(rig->topology, &bridge), -EINVAL);
	assert_int_equal(viommu_topology_add_pci_range(rig->topology, &segments), -EINVAL);
	assert_int_equal(viommu_topology_add_pci_range(rig->topology, &functions), -EINVAL);
	assert_int_equal(viommu_topology_add_reserved_memory(rig->topology, &memory), -EINVAL);
	assert_int_equal(viommu_topology_add_its_group(rig->topology, &group), -EINVAL);

	assert_int_equal(viommu_topology_add_iommu(rig->topology, &fine), 0);
	assert_int_equal(viommu_topology_add_iommu(rig->topology, &fine), -EEXIST);
	assert_null(viommu_topology_iommu(rig->topology, 1));
	assert_null(viommu_topology_pci_range(rig->topology, 0));
}

/* "Each described by a struct that begins with its own size." */
static void structs_may_be_older_or_newer(void **state)
{
	struct rig *rig = *state;
	struct {
		struct viommu_platform_device known;
		uint64_t newer;
	} device = { .known = { .size = sizeof(device), .base = 0x1000 } };
	struct viommu_platform_device older = { offsetof(struct viommu_platform_device, iommu),
						.base = 0x2000, .id = 7 };
	struct viommu_platform_device unsized = { 0 };

	assert_int_equal(viommu_topology_add_platform_device(rig->topology, &device.known), 0);
	device.newer = 1;
	assert_int_equal(viommu_topology_add_platform_device(rig->topology, &device.known), -E2BIG);
	assert_int_equal(viommu_topology_add_platform_device(rig->topology, &unsized), -EINVAL);

	assert_int_equal(viommu_topology_add_platform_device(rig->topology, &older), 0);
	assert_int_equal(viommu_topology_platform_device(rig->topology, 1)->base, 0x2000);
	assert_int_equal(viommu_topology_platform_device(rig->topology, 1)->id, 0);
}

/* "-ENOSPC if all PCI ranges together would speak of more than VIOMMU_MAX_SEGMENTS". */
static void segments_are_bounded(void **state)
{
	struct rig *rig = *state;
	struct viommu_pci_range all = { sizeof(all), .segment_last = UINT16_MAX };
	struct viommu_pci_range one = { .size = sizeof(one) };

	for (size_t i = 0; i < VIOMMU_MAX_SEGMENTS >> 16; i++)
		assert_int_equal(viommu_topology_add_pci_range(rig->topology, &all), 0);
	assert_int_equal(viommu_topology_add_pci_range(rig->topology, &one), -ENOSPC);
}

/* "Where nothing was chosen it is "VIOMMU", "VIOMMU  ", 1, "VIOM", 1." */
static void a_table_has_a_header_without_being_given_one(void **state)
{
	struct rig *rig = *state;
	const struct viommu_table_header *header = viommu_topology_header(rig->topology, "VIOT");
	struct viommu_table_header own = { .size = sizeof(own),
					   .oem_id = "BOCHS ",
					   .oem_table_id = "BXPC    ",
					   .creator_id = "BXPC",
					   .creator_revision = 2 };

	assert_string_equal(header->oem_id, "VIOMMU");
	assert_string_equal(header->oem_table_id, "VIOMMU  ");
	assert_string_equal(header->creator_id, "VIOM");
	assert_int_equal(header->oem_revision, 1);

	assert_int_equal(viommu_topology_set_header(rig->topology, "VIOT", &own), 0);
	assert_string_equal(viommu_topology_header(rig->topology, "VIOT")->oem_id, "BOCHS ");
	assert_int_equal(viommu_topology_header(rig->topology, "VIOT")->oem_revision, 0);

	assert_int_equal(viommu_topology_set_header(rig->topology, "NONE", &own), -EINVAL);
	assert_null(viommu_topology_header(rig->topology, "NONE"));
	memset(own.creator_id, 'x', sizeof(own.creator_id));
	assert_int_equal(viommu_topology_set_header(rig->topology, "VIOT", &own), -EINVAL);
}

#define ON_A_TOPOLOGY(test) cmocka_unit_test_setup_teardown(test, give_topology, tear_down)

static void a_value_without_its_flag_is_kept_as_0(void **state)
{
	struct viommu_topology *topology = viommu_topology_new();
	const struct viommu_iommu iommu = {
		.size = sizeof(iommu),
		.name = "a",
		.proximity_domain = 1,
		.identifier = 2,
		.smmu_v3.msi_id = 3,
		.amd.image_flags = 4,
	};
	const struct viommu_reserved_memory memory = { .size = sizeof(memory), .id_last = 5 };
	const struct viommu_iommu *kept;

	(void)state;
	assert_int_equal(viommu_topology_add_iommu(topology, &iommu), 0);
	assert_int_equal(viommu_topology_add_reserved_memory(topology, &memory), 0);
	kept = viommu_topology_iommu(topology, 0);
	assert_int_equal(kept->proximity_domain | kept->identifier, 0);
	assert_int_equal(kept->smmu_v3.msi_id | kept->amd.image_flags, 0);
	assert_int_equal(viommu_topology_reserved_memory(topology, 0)->id_last, 0);
	viommu_topology_free(topology);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_without_its_flag_is_kept_as_0),
		ON_A_TOPOLOGY(objects_and_their_strings_are_copied),
		ON_A_TOPOLOGY(an_object_stays_where_it_is),
		ON_A_TOPOLOGY(what_makes_no_sense_is_refused),
		ON_A_TOPOLOGY(structs_may_be_older_or_newer),
		ON_A_TOPOLOGY(segments_are_bounded),
		ON_A_TOPOLOGY(a_table_has_a_header_without_being_given_one),
	};

	return cmocka_run_group_tests_name("topology", tests, NULL, NULL);
}
