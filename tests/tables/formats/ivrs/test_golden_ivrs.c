/* SPDX-License-Identifier: BSD-3-Clause */
#include "golden_rig.h"

/*
 * Real IVRSs: of QEMU, of notebooks and desktops
 *
 * Four of them differ when regenerated from their topology: one has a block of a type
 * that is not known, one a unique ID of two bytes, and two are templates that mean nothing.
 */

enum { N_GOLDEN = 72, N_OTHER_BYTES = 4, N_FROM_QEMU = 50, N_OWN = 5 };

static const char *const other_bytes[N_OTHER_BYTES] = {
	"Notebook-Lenovo-ThinkPad_Z16_Gen_1_21D4S02A00-41C7BA.IVRS",
	"xbox_ally_x.IVRS",
	"fwts-ivrs-1.IVRS",
	"iasl-template-ivrs.IVRS",
};

/* QEMU writes root buses in the order of a hash table, which differs here from their numbers. */
#define OUT_OF_ORDER "qemu-10.0-captured/ivrs-q35-pxb.IVRS"

static bool has_other_bytes(const struct file *file)
{
	for (size_t i = 0; i < N_OTHER_BYTES; i++)
		if (g_str_has_suffix(file->path, other_bytes[i]))
			return true;
	return false;
}

/* Errors of real tables, without the templates. */
static const char *known_findings(const struct file *file)
{
	static const char warnings[] = "ivrs-type ivrs-uid ivrs-memory-pages ivrs-last "
				       "ivrs-southbridge ivrs-others";
	static const char notes[] = "ivrs-last ivrs-southbridge ivrs-others";

	return strstr(file->path, "hardware/") ? warnings : notes;
}

static void expect_known_findings(const struct file *file)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_table *table = decode(file, findings);

	viommu_table_check(table, findings);
	for (size_t i = 0; i < viommu_findings_count(findings); i++)
		if (!strstr(known_findings(file), viommu_findings_get(findings, i)->id))
			fail_msg("%s", viommu_finding_line(viommu_findings_get(findings, i)));
	viommu_table_free(table);
	viommu_findings_free(findings);
}

static void golden_ivrss_are_read_and_checked(void **state)
{
	GPtrArray *files = tables_below(golden_folder(), "IVRS");

	(void)state;
	for (guint i = 0; i < files->len; i++) {
		const struct file *file = files->pdata[i];

		encodes_to_itself(file);
		if (!strstr(file->path, "synthetic/"))
			expect_known_findings(file);
	}
	assert_int_equal(files->len, N_GOLDEN);
	g_ptr_array_free(files, TRUE);
}

static void golden_ivrss_are_regenerated_from_their_topology(void **state)
{
	GPtrArray *files = tables_below(golden_folder(), "IVRS");
	unsigned same = 0;

	(void)state;
	for (guint i = 0; i < files->len; i++) {
		if (has_other_bytes(files->pdata[i]))
			continue;
		means_itself(files->pdata[i], "IVRS");
		same++;
	}
	print_message("%u of %u IVRSs byte for byte\n", same, files->len);
	assert_int_equal(same, N_GOLDEN - N_OTHER_BYTES);
	g_ptr_array_free(files, TRUE);
}

static void qemu_ivrss_are_generated_byte_for_byte(void **state)
{
	GPtrArray *files = tables_below(golden_folder(), "IVRS");
	unsigned made = 0;

	(void)state;
	for (guint i = 0; i < files->len; i++) {
		const struct file *file = files->pdata[i];

		if (!g_str_has_suffix(file->path, OUT_OF_ORDER))
			made += comes_from_its_topology(file, OWN_GOLDEN "/topologies");
	}
	print_message("%u IVRSs made from what QEMU was given\n", made);
	assert_int_equal(made, N_FROM_QEMU);
	g_ptr_array_free(files, TRUE);
}

static void own_ivrss_survive_every_conversion(void **state)
{
	GPtrArray *files = tables_below(OWN_GOLDEN, "IVRS");

	(void)state;
	for (guint i = 0; i < files->len; i++) {
		expect_known_findings(files->pdata[i]);
		means_itself(files->pdata[i], "IVRS");
		assert_true(comes_from_its_topology(files->pdata[i], OWN_GOLDEN "/topologies"));
	}
	assert_int_equal(files->len, N_OWN);
	g_ptr_array_free(files, TRUE);
}

/* -- routes of Linux --------------------------------------------------------------------- */

/* A line of what a guest printed: "DEV 0000:00:08.0 ... iommu=ivhd0 ...". */
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
	if (!linux_route.iommu != !strcmp(iommu, "none"))
		fail_msg("%s: Linux saw %s, and we say %s", device, iommu,
			 linux_route.iommu ? linux_route.iommu->name : "none");
}

static unsigned agrees_with_linux(const struct file *file)
{
	g_autofree char *path = g_strndup(file->path, strlen(file->path) - strlen("IVRS"));
	g_autofree char *seen_path = g_strconcat(path, "seen.txt", NULL), *seen = NULL;
	struct viommu_table *table;
	struct viommu_topology *topology;
	unsigned n = 0;

	if (!g_file_get_contents(seen_path, &seen, NULL, NULL))
		return 0;
	table = decode(file, NULL);
	topology = viommu_table_topology(table, NULL);
	for (const char *line = strstr(seen, "\nDEV "); line; line = strstr(line + 1, "\nDEV ")) {
		compare_device(topology, line + 1);
		n++;
	}
	viommu_topology_free(topology);
	viommu_table_free(table);
	return n;
}

static void resolve_agrees_with_linux(void **state)
{
	GPtrArray *files = tables_below(golden_folder(), "IVRS");
	unsigned n = 0;

	(void)state;
	for (guint i = 0; i < files->len; i++)
		n += agrees_with_linux(files->pdata[i]);
	print_message("%u functions as Linux saw them\n", n);
	assert_in_range(n, 500, 100000);
	g_ptr_array_free(files, TRUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_ivrss_are_read_and_checked),
		cmocka_unit_test(golden_ivrss_are_regenerated_from_their_topology),
		cmocka_unit_test(qemu_ivrss_are_generated_byte_for_byte),
		cmocka_unit_test(own_ivrss_survive_every_conversion),
		cmocka_unit_test(resolve_agrees_with_linux),
	};

	return cmocka_run_group_tests_name("golden IVRSs", tests, NULL, NULL);
}
