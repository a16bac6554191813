/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hosts through the public header: TREES is a folder with the trees of machines/
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <viommu/host.h>

struct rig {
	struct viommu_host *host;
	struct viommu_findings *findings;
};

static void scan(struct rig *rig, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", getenv("TREES"), name);
	rig->findings = viommu_findings_new();
	rig->host = viommu_host_scan(path, rig->findings);
	assert_non_null(rig->host);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
}

static void end(struct rig *rig)
{
	assert_null(viommu_host_free(rig->host));
	viommu_findings_free(rig->findings);
}

/* "The i-th, or NULL behind the last." */
static void objects_are_counted_and_end_with_null(void **state)
{
	struct rig rig;
	size_t n;

	(void)state;
	scan(&rig, "dl560");
	n = viommu_host_count_iommus(rig.host);
	assert_int_equal(n, 16);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(viommu_host_iommu(rig.host, i)->index, i);
	assert_null(viommu_host_iommu(rig.host, n));
	n = viommu_host_count_devices(rig.host);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(viommu_host_device(rig.host, i)->index, i);
	assert_null(viommu_host_device(rig.host, n));
	assert_int_equal(viommu_host_segment(rig.host, 0)->number, 0);
	assert_int_equal(viommu_host_segment(rig.host, 1)->number, 0x10000);
	assert_null(viommu_host_segment(rig.host, 2));
	assert_int_equal(viommu_host_node(rig.host, 3)->number, 3);
	assert_true(viommu_host_node(rig.host, 3)->has_cpus);
	assert_null(viommu_host_node(rig.host, 4));
	end(&rig);
}

/* "A PCI function may be written with any number of digits." */
static void a_function_is_found_by_any_of_its_names(void **state)
{
	static const char *const names[] = { "0000:41:00.0", "41:00.0", "0:41:0.0",
					     "00000:41:00.0" };
	struct rig rig;
	const struct viommu_host_device *device;

	(void)state;
	scan(&rig, "dl560");
	device = viommu_host_find_function(rig.host, 0, 0x4100);
	assert_non_null(device);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_ptr_equal(viommu_host_find_device(rig.host, names[i]), device);
	assert_string_equal(viommu_host_find_device(rig.host, "10000:e1:00.0")->iommu->name,
			    "dmar3");
	assert_null(viommu_host_find_device(rig.host, "0000:41:00.8"));
	assert_null(viommu_host_find_device(rig.host, "41:00"));
	assert_null(viommu_host_find_device(rig.host, ""));
	assert_null(viommu_host_find_device(rig.host, NULL));
	assert_null(viommu_host_find_function(rig.host, 1, 0x4100));
	end(&rig);
}

/* Both directions of each link. */
static void links_between_objects_are_mutual(void **state)
{
	struct rig rig;
	const struct viommu_host_device *device, *other;

	(void)state;
	scan(&rig, "supermicro-2024");
	for (size_t i = 0; (device = viommu_host_device(rig.host, i)); i++) {
		bool found = false;

		for (size_t n = 0; (other = viommu_host_iommu_device(device->iommu, n)); n++)
			found |= other == device;
		assert_true(found);
		found = false;
		for (size_t n = 0; (other = viommu_host_group_device(device->group, n)); n++)
			found |= other == device;
		assert_true(found);
		assert_ptr_equal(viommu_host_find_group(rig.host, device->group->number),
				 device->group);
	}
	device = viommu_host_find_device(rig.host, "4b:00.0");
	assert_int_equal(device->n_vfs, 2);
	assert_int_equal(device->total_vfs, 8);
	assert_ptr_equal(viommu_host_device_vf(device, 1)->pf, device);
	assert_null(viommu_host_device_vf(device, 2));
	assert_ptr_equal(device->upstream, viommu_host_find_device(rig.host, "4a:04.0"));
	assert_int_equal(device->root_bus, 0x4a);
	end(&rig);
}

/* "Replaced by what this host has there" */
static void the_topology_of_a_host_knows_what_is_behind_bridges(void **state)
{
	struct viommu_device_name name = { .pci = true, .bdf = 0x8100 };
	struct viommu_route route, linux_route;
	struct rig rig;

	(void)state;
	scan(&rig, "x10dai");
	viommu_topology_resolve(viommu_host_topology(rig.host), &name, &route, &linux_route, NULL);
	assert_int_equal(route.iommu->base, 0xfbffc000);
	assert_ptr_equal(viommu_host_find_function(rig.host, 0, 0x8100)->iommu->in_table,
			 route.iommu);
	assert_string_equal(viommu_table_signature(viommu_host_table(rig.host, 0)), "DMAR");
	end(&rig);
}

static void groups_have_reserved_regions(void **state)
{
	struct rig rig;
	const struct viommu_host_group *group;

	(void)state;
	scan(&rig, "x399");
	group = viommu_host_find_device(rig.host, "08:00.0")->group;
	assert_int_equal(group->n_devices, 2);
	assert_int_equal(group->n_regions, 2);
	assert_int_equal(viommu_host_group_region(group, 0)->type, VIOMMU_HOST_MSI);
	assert_int_equal(viommu_host_group_region(group, 1)->type, VIOMMU_HOST_RESERVED);
	assert_int_equal(viommu_host_group_region(group, 1)->first, 0xfd00000000);
	assert_null(viommu_host_group_region(group, 2));
	assert_string_equal(group->type, "DMA");
	end(&rig);
}

static void memoryless_nodes_and_bars_of_grace_are_there(void **state)
{
	struct rig rig;
	const struct viommu_host_device *gpu;

	(void)state;
	scan(&rig, "grace");
	gpu = viommu_host_find_device(rig.host, "0019:01:00.0");
	assert_int_equal(gpu->bars[2].length, 128ull << 30);
	assert_true(gpu->bars[2].prefetchable && gpu->bars[2].is_64_bits);
	assert_int_equal(gpu->pasid_bits, 20);
	assert_int_equal(gpu->numa_node, 1);
	assert_string_equal(gpu->vfio, "vfio10");
	assert_true(gpu->vfio_cdev);
	assert_false(viommu_host_node(rig.host, 33)->has_cpus);
	assert_int_equal(viommu_host_node(rig.host, 33)->memory, 0);
	end(&rig);
}

/* The GPUs of the first region are links, those of the second the lines of a file. */
static void regions_of_gpu_memory_have_their_sizes_and_gpus(void **state)
{
	struct rig rig;
	const struct viommu_host_egm *egm;

	(void)state;
	scan(&rig, "grace");
	for (size_t i = 0; i < 2; i++) {
		egm = viommu_host_egm(rig.host, i);
		assert_string_equal(egm->name, i ? "egm5" : "egm4");
		assert_int_equal(egm->size, UINT64_C(447) << 30);
		assert_int_equal(egm->n_gpus, 2);
		assert_ptr_equal(
			viommu_host_egm_gpu(egm, 1),
			viommu_host_find_device(rig.host, i ? "0019:01:00.0" : "0009:01:00.0"));
		assert_null(viommu_host_egm_gpu(egm, 2));
	}
	assert_null(viommu_host_egm(rig.host, 2));
	end(&rig);
}

/* "NULL with a finding if `root` is no tree. `findings` may be NULL." */
static void what_is_no_tree_is_refused(void **state)
{
	struct viommu_findings *findings = viommu_findings_new();

	(void)state;
	assert_null(viommu_host_scan("/nonexistent", findings));
	assert_string_equal(viommu_findings_get(findings, 0)->id, "host-root");
	assert_null(viommu_host_scan("/nonexistent", NULL));
	assert_true(viommu_host_save("/nonexistent", "/nonexistent", NULL) < 0);
	assert_null(viommu_host_free(NULL));
	viommu_findings_free(findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_counted_and_end_with_null),
		cmocka_unit_test(a_function_is_found_by_any_of_its_names),
		cmocka_unit_test(links_between_objects_are_mutual),
		cmocka_unit_test(the_topology_of_a_host_knows_what_is_behind_bridges),
		cmocka_unit_test(groups_have_reserved_regions),
		cmocka_unit_test(memoryless_nodes_and_bars_of_grace_are_there),
		cmocka_unit_test(regions_of_gpu_memory_have_their_sizes_and_gpus),
		cmocka_unit_test(what_is_no_tree_is_refused),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
