/* SPDX-License-Identifier: BSD-3-Clause */
#include "golden_rig.h"

/*
 * Real IORTs: of QEMU, of servers, notebooks and phones
 *
 * Those of QEMU are regenerated from their topology byte for byte. Those of hardware have other
 * revisions of nodes, another order of them, and padding; and what a topology cannot represent is a
 * finding.
 */

enum { N_GOLDEN_IORTS = 111, N_FROM_QEMU = 85, N_OTHERS = 24, N_OWN = 7, N_MADE = 74 };

/* Two are synthetic: one is damaged, one has every node type. */
static bool is_synthetic(const struct file *file)
{
	return strstr(file->path, "/synthetic/") != NULL;
}

static bool is_from_qemu(const struct file *file)
{
	return strstr(file->path, "/qemu-") != NULL;
}

static void golden_iorts_encode_to_their_bytes(void **state)
{
	GPtrArray *files = tables_below(golden_folder(), "IORT");

	(void)state;
	for (guint i = 0; i < files->len; i++)
		encodes_to_itself(files->pdata[i]);
	assert_int_equal(files->len, N_GOLDEN_IORTS);
	g_ptr_array_free(files, TRUE);
}

/* Errors of real tables and losses of a conversion. Any other finding fails. */
static void golden_iorts_break_known_rules_only(void **state)
{
	static const char known[] =
		"acpi-checksum iort-path iort-id-count iort-identifier iort-mapping-beyond "
		"iort-reference-null iort-bytes iort-reserved iort-silent-attributes "
		"iort-silent-interrupts iort-silent-mapping topology-iommu-idle topology-id-shared "
		"iort-memory iort-device-id-twice iort-interrupts iort-span";
	GPtrArray *files = tables_below(golden_folder(), "IORT");

	(void)state;
	for (guint i = 0; i < files->len; i++) {
		struct viommu_findings *findings = viommu_findings_new();
		struct viommu_table *table = decode(files->pdata[i], findings);

		viommu_table_check(table, findings);
		for (size_t k = 0;
		     !is_synthetic(files->pdata[i]) && k < viommu_findings_count(findings); k++)
			if (!strstr(known, viommu_findings_get(findings, k)->id))
				fail_msg("%s",
					 viommu_finding_line(viommu_findings_get(findings, k)));
		viommu_table_free(table);
		viommu_findings_free(findings);
	}
	g_ptr_array_free(files, TRUE);
}

static void qemu_iorts_are_regenerated_from_their_topology(void **state)
{
	GPtrArray *files = tables_below(golden_folder(), "IORT");
	unsigned n = 0;

	(void)state;
	for (guint i = 0; i < files->len; i++)
		if (is_from_qemu(files->pdata[i])) {
			means_itself(files->pdata[i], "IORT");
			n++;
		}
	print_message("%u IORTs of QEMU byte for byte\n", n);
	assert_int_equal(n, N_FROM_QEMU);
	g_ptr_array_free(files, TRUE);
}

static void iorts_of_hardware_keep_their_meaning(void **state)
{
	GPtrArray *files = tables_below(golden_folder(), "IORT");
	unsigned n = 0;

	(void)state;
	for (guint i = 0; i < files->len; i++)
		if (!is_from_qemu(files->pdata[i]) && !is_synthetic(files->pdata[i])) {
			means_the_same(files->pdata[i], "IORT");
			n++;
		}
	print_message("%u IORTs of hardware with the same meaning\n", n);
	assert_int_equal(n, N_OTHERS);
	g_ptr_array_free(files, TRUE);
}

static void qemu_iorts_are_generated_byte_for_byte(void **state)
{
	GPtrArray *files = tables_below(golden_folder(), "IORT");
	unsigned made = 0;

	(void)state;
	for (guint i = 0; i < files->len; i++)
		made += comes_from_its_topology(files->pdata[i], OWN_GOLDEN "/topologies");
	print_message("%u IORTs made from what QEMU was given\n", made);
	assert_int_equal(made, N_MADE);
	g_ptr_array_free(files, TRUE);
}

static void own_iorts_are_regenerated_from_their_topology(void **state)
{
	GPtrArray *files = tables_below(OWN_GOLDEN, "IORT");

	(void)state;
	for (guint i = 0; i < files->len; i++) {
		means_itself(files->pdata[i], "IORT");
		assert_true(comes_from_its_topology(files->pdata[i], OWN_GOLDEN "/topologies"));
	}
	assert_int_equal(files->len, N_OWN);
	g_ptr_array_free(files, TRUE);
}

/* -- routes of Linux --------------------------------------------------------------------- */

/* Linux calls an SMMU by its address: smmu3.0x0000000009050000. */
static void compare_device(const struct viommu_topology *topology, const char *line,
			   const bool *conventional, unsigned *agreed)
{
	char device[16], iommu[32] = "none", found[32] = "none";
	struct viommu_route route, linux_route;
	struct viommu_device_name name;
	const char *at = strstr(line, "iommu=");

	if (sscanf(line, "DEV %15s", device) != 1 || !at || sscanf(at, "iommu=%31s", iommu) != 1)
		fail_msg("cannot read: %.60s", line);
	assert_int_equal(viommu_device_name_parse(device, &name), 0);
	viommu_topology_resolve(topology, &name, &route, &linux_route, NULL);
	if (linux_route.reach == VIOMMU_REACH_IOMMU)
		snprintf(found, sizeof(found), "smmu3.0x%016llx",
			 (unsigned long long)linux_route.iommu->base);
	if (!strcmp(iommu, "none") && conventional[name.bdf >> 8])
		return;
	if (strcmp(found, iommu) != 0)
		fail_msg("%s: Linux saw %s, and we say %s", device, iommu, found);
	++*agreed;
}

static void agrees_with_linux(const struct file *file, unsigned *agreed)
{
	g_autofree char *path = g_strndup(file->path, strlen(file->path) - strlen("IORT"));
	g_autofree char *seen_path = g_strconcat(path, "seen.txt", NULL), *seen = NULL;
	bool conventional[256] = { false };
	struct viommu_topology *topology;
	struct viommu_table *table;

	if (!g_file_get_contents(seen_path, &seen, NULL, NULL))
		return;
	find_conventional_buses(seen, conventional);
	table = decode(file, NULL);
	topology = viommu_table_topology(table, NULL);
	for (const char *line = strstr(seen, "\nDEV "); line; line = strstr(line + 1, "\nDEV "))
		compare_device(topology, line + 1, conventional, agreed);
	viommu_topology_free(topology);
	viommu_table_free(table);
}

static void resolve_agrees_with_linux(void **state)
{
	GPtrArray *files = tables_below(golden_folder(), "IORT");
	unsigned agreed = 0;

	(void)state;
	for (guint i = 0; i < files->len; i++)
		agrees_with_linux(files->pdata[i], &agreed);
	print_message("%u functions as Linux saw them\n", agreed);
	assert_in_range(agreed, 300, 100000);
	g_ptr_array_free(files, TRUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_iorts_encode_to_their_bytes),
		cmocka_unit_test(golden_iorts_break_known_rules_only),
		cmocka_unit_test(qemu_iorts_are_regenerated_from_their_topology),
		cmocka_unit_test(iorts_of_hardware_keep_their_meaning),
		cmocka_unit_test(qemu_iorts_are_generated_byte_for_byte),
		cmocka_unit_test(own_iorts_are_regenerated_from_their_topology),
		cmocka_unit_test(resolve_agrees_with_linux),
	};

	return cmocka_run_group_tests_name("golden IORTs", tests, NULL, NULL);
}
