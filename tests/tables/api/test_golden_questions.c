/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queries of real tables of every kind: the map agrees with single answers, and a topology does not
 * differ from itself after it is printed and parsed.
 */
#include <viommu/diff.h>

#include "golden_rig.h"

/* -- the map ----------------------------------------------------------------------------- */

struct asked {
	const struct file *file;
	const struct viommu_topology *topology;
	unsigned n;
};

static void expect_route(const struct asked *asked, const struct viommu_device_name *name,
			 const struct viommu_route *expected)
{
	struct viommu_route route, linux_route;

	viommu_topology_resolve(asked->topology, name, &route, &linux_route, NULL);
	if (route.reach != expected->reach || route.iommu != expected->iommu ||
	    route.id != expected->id || route.its != expected->its ||
	    route.device_id != expected->device_id)
		fail_msg("%s: %04x:%04x goes another way on the map", asked->file->path,
			 name->segment, name->bdf);
}

/* Of each range the first function and the last one of the last segment. */
static void ask_ends(void *opaque, const struct viommu_route_range *range)
{
	struct asked *asked = opaque;
	uint32_t nth = (uint32_t)(range->segment_last - range->segment_first) * 0x10000u +
		       (uint32_t)(range->bdf_last - range->bdf_first);
	struct viommu_device_name first = { .pci = true,
					    .segment = range->segment_first,
					    .bdf = range->bdf_first };
	struct viommu_device_name last = { .pci = true,
					   .segment = range->segment_last,
					   .bdf = range->bdf_last };
	struct viommu_route route = range->route;

	expect_route(asked, &first, &route);
	route.id += range->shared_id || !route.iommu ? 0 : nth;
	route.device_id += range->shared_device_id || !route.its ? 0 : nth;
	expect_route(asked, &last, &route);
	asked->n++;
}

/* -- differences ------------------------------------------------------------------------- */

static void expect_same(const struct file *file, const struct viommu_topology *one,
			const struct viommu_topology *other)
{
	struct viommu_diff *diff = viommu_topology_diff(one, other);
	const struct viommu_difference *difference = viommu_diff_get(diff, 0);

	if (difference)
		fail_msg("%s: %s", file->path, viommu_difference_line(difference));
	viommu_diff_free(diff);
}

static void expect_same_in_text(const struct file *file, const struct viommu_topology *topology)
{
	char *text = viommu_topology_text(topology);
	struct viommu_topology *again = viommu_topology_parse(text, strlen(text), "text", NULL);

	assert_non_null(again);
	expect_same(file, topology, again);
	viommu_topology_free(again);
	free(text);
}

/* -- all of them ------------------------------------------------------------------------- */

static unsigned ask(const struct file *file)
{
	struct viommu_table *table = decode(file, NULL);
	struct viommu_topology *topology = viommu_table_topology(table, NULL);
	struct asked asked = { .file = file, .topology = topology };

	if (topology) {
		viommu_topology_for_each_route(topology, ask_ends, &asked);
		expect_same(file, topology, topology);
		expect_same_in_text(file, topology);
		free(viommu_topology_graph(topology));
	}
	viommu_topology_free(topology);
	viommu_table_free(table);
	return asked.n;
}

static unsigned resolve_all(const char *folder)
{
	GPtrArray *files = tables_below(folder, NULL);
	unsigned n = 0;

	for (guint i = 0; i < files->len; i++)
		n += ask(files->pdata[i]);
	print_message("%u tables, %u ranges\n", files->len, n);
	g_ptr_array_free(files, TRUE);
	return n;
}

static void our_own_captures_answer_alike(void **state)
{
	(void)state;
	assert_in_range(resolve_all(OWN_GOLDEN), 20, 100000);
}

static void golden_tables_answer_alike(void **state)
{
	(void)state;
	assert_in_range(resolve_all(golden_folder()), 300, 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_own_captures_answer_alike),
		cmocka_unit_test(golden_tables_answer_alike),
	};

	return cmocka_run_group_tests_name("golden questions", tests, NULL, NULL);
}
