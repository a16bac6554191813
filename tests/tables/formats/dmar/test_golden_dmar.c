/* SPDX-License-Identifier: BSD-3-Clause */
#include "golden_rig.h"

/*
 * Real DMARs: of QEMU, of notebooks, desktops and servers
 *
 * Four of them differ when regenerated from their topology. Two have affinities, and one
 * scopes, in an order that means nothing; the fourth has a reserved bit.
 */

enum { N_GOLDEN_DMARS = 105, N_OTHER_BYTES = 4, N_FROM_QEMU = 40, N_OWN = 6 };

static const char *const other_bytes[N_OTHER_BYTES] = {
	"Desktop-Dell-Precision_WorkStation_T7500-428B8D.DMAR",
	"Desktop-Supermicro-X10DAi-4A64A6.DMAR",
	"supermicro-server-2024.DMAR",
	"surface_laptop_studio_2.DMAR",
};

static bool has_other_bytes(const struct file *file)
{
	for (size_t i = 0; i < N_OTHER_BYTES; i++)
		if (g_str_has_suffix(file->path, other_bytes[i]))
			return true;
	return false;
}

/* Errors of real tables: units at 0, one reserved bit, an RMRR by its final bus, units without a
 * function, and graphics of 2024 without a region. A template has a unit that FreeBSD omits. */
static void expect_known_findings(const struct file *file)
{
	static const char known[] = "dmar-base dmar-reserved dmar-start-bus dmar-graphics "
				    "dmar-unit-idle dmar-others";
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_table *table = decode(file, findings);

	viommu_table_check(table, findings);
	for (size_t i = 0; i < viommu_findings_count(findings); i++)
		if (!strstr(known, viommu_findings_get(findings, i)->id))
			fail_msg("%s", viommu_finding_line(viommu_findings_get(findings, i)));
	viommu_table_free(table);
	viommu_findings_free(findings);
}

static void golden_dmars_are_read_and_checked(void **state)
{
	GPtrArray *files = tables_below(golden_folder(), "DMAR");

	(void)state;
	for (guint i = 0; i < files->len; i++) {
		encodes_to_itself(files->pdata[i]);
		expect_known_findings(files->pdata[i]);
	}
	assert_int_equal(files->len, N_GOLDEN_DMARS);
	g_ptr_array_free(files, TRUE);
}

static void golden_dmars_are_regenerated_from_their_topology(void **state)
{
	GPtrArray *files = tables_below(golden_folder(), "DMAR");
	unsigned other = 0;

	(void)state;
	for (guint i = 0; i < files->len; i++) {
		if (has_other_bytes(files->pdata[i])) {
			means_the_same(files->pdata[i], "DMAR");
			other++;
		} else {
			means_itself(files->pdata[i], "DMAR");
		}
	}
	print_message("%u DMARs byte for byte, %u with the same meaning\n", files->len - other,
		      other);
	assert_int_equal(other, N_OTHER_BYTES);
	g_ptr_array_free(files, TRUE);
}

static void qemu_dmars_are_generated_byte_for_byte(void **state)
{
	GPtrArray *files = tables_below(golden_folder(), "DMAR");
	unsigned made = 0;

	(void)state;
	for (guint i = 0; i < files->len; i++)
		made += comes_from_its_topology(files->pdata[i], OWN_GOLDEN "/topologies");
	print_message("%u DMARs made from what QEMU was given\n", made);
	assert_int_equal(made, N_FROM_QEMU);
	g_ptr_array_free(files, TRUE);
}

/* One has no topology, because only QEMU knows the order of its expanders. */
static void own_dmars_survive_every_conversion(void **state)
{
	GPtrArray *files = tables_below(OWN_GOLDEN, "DMAR");
	unsigned made = 0;

	(void)state;
	for (guint i = 0; i < files->len; i++) {
		expect_known_findings(files->pdata[i]);
		means_itself(files->pdata[i], "DMAR");
		made += comes_from_its_topology(files->pdata[i], OWN_GOLDEN "/topologies");
	}
	assert_int_equal(files->len, N_OWN);
	assert_int_equal(made, N_OWN - 1);
	g_ptr_array_free(files, TRUE);
}

/* -- routes of Linux --------------------------------------------------------------------- */

/* A line of what a guest printed: "DEV 0000:00:08.0 ... iommu=dmar0 ...". */
static void compare_device(const struct viommu_topology *topology, const char *line)
{
	char device[16], iommu[16] = "none";
	struct viommu_route route, linux_route;
	struct viommu_device_name name;
	const char *at = strstr(line, "iommu=");

	if (sscanf(line, "DEV %15s", device) != 1 || !at || sscanf(at, "iommu=%15s", iommu) != 1)
		fail_msg("cannot read: %.60s", line);
	assert_int_equal(viommu_device_name_parse(device, &name), 0);
	viommu_topology_resolve(topology, &name, &route, &linux_route, NULL);
	if (strcmp(route.iommu ? route.iommu->name : "none", iommu) != 0)
		fail_msg("%s: Linux saw %s, and we say %s", device, iommu,
			 route.iommu ? route.iommu->name : "none");
}

/* A unit may announce in its registers that it does not translate. Linux then ignores the table. */
#define TRANSLATES_NOTHING "Not attempting DMA translation"

static unsigned agrees_with_linux(const struct file *file)
{
	g_autofree char *path = g_strndup(file->path, strlen(file->path) - strlen("DMAR"));
	g_autofree char *seen_path = g_strconcat(path, "seen.txt", NULL), *seen = NULL;
	struct viommu_topology *topology;
	unsigned n = 0;

	if (!g_file_get_contents(seen_path, &seen, NULL, NULL) || strstr(seen, TRANSLATES_NOTHING))
		return 0;
	topology = topology_of(file, OWN_GOLDEN "/topologies");
	for (const char *line = strstr(seen, "\nDEV "); topology && line;
	     line = strstr(line + 1, "\nDEV ")) {
		compare_device(topology, line + 1);
		n++;
	}
	viommu_topology_free(topology);
	return n;
}

/* Buses below bridges are in no table, but in what QEMU was given: so everything can be compared.
 */
static void resolve_agrees_with_linux(void **state)
{
	GPtrArray *files = tables_below(golden_folder(), "DMAR");
	unsigned n = 0;

	(void)state;
	for (guint i = 0; i < files->len; i++)
		n += agrees_with_linux(files->pdata[i]);
	print_message("%u functions as Linux saw them\n", n);
	assert_in_range(n, 100, 100000);
	g_ptr_array_free(files, TRUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_dmars_are_read_and_checked),
		cmocka_unit_test(golden_dmars_are_regenerated_from_their_topology),
		cmocka_unit_test(qemu_dmars_are_generated_byte_for_byte),
		cmocka_unit_test(own_dmars_survive_every_conversion),
		cmocka_unit_test(resolve_agrees_with_linux),
	};

	return cmocka_run_group_tests_name("golden DMARs", tests, NULL, NULL);
}
