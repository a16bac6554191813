/* SPDX-License-Identifier: BSD-3-Clause */
/* VIOTs of real machines and of QEMU: decoding, checks, topologies and generation */
#include "golden_rig.h"

enum { N_GOLDEN_VIOTS = 47, N_GOLDEN_FROM_QEMU = 45 };

/* The only warning is an IOMMU without an endpoint. */
static void checks_clean(const struct file *file, unsigned *idle)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_table *table = decode(file, findings);

	viommu_table_check(table, findings);
	expect_clean(findings, VIOMMU_ERROR);
	for (size_t i = 0; i < viommu_findings_count(findings); i++) {
		const struct viommu_finding *finding = viommu_findings_get(findings, i);

		if (finding->severity < VIOMMU_WARNING)
			continue;
		assert_string_equal(finding->id, "topology-iommu-idle");
		++*idle;
	}
	viommu_table_free(table);
	viommu_findings_free(findings);
}

/* -- routes of Linux --------------------------------------------------------------------- */

struct agreement {
	unsigned agreed, conventional;
};

static void compare_device(const struct viommu_topology *topology, const char *line,
			   const bool *conventional, struct agreement *agreement)
{
	char device[16], iommu[16] = "none", found[16] = "none";
	struct viommu_route route, linux_route;
	struct viommu_device_name name;
	const char *at = strstr(line, "iommu=");

	if (sscanf(line, "DEV %15s", device) != 1 || !at || sscanf(at, "iommu=%15s", iommu) != 1)
		fail_msg("cannot read: %.60s", line);
	assert_int_equal(viommu_device_name_parse(device, &name), 0);
	viommu_topology_resolve(topology, &name, &route, &linux_route, NULL);
	if (linux_route.reach == VIOMMU_REACH_IOMMU) {
		unsigned bdf = linux_route.iommu->bdf;

		snprintf(found, sizeof(found), "%04x:%02x:%02x.%x", linux_route.iommu->segment,
			 bdf >> 8, bdf >> 3 & 0x1f, bdf & 7);
	}
	if (!strcmp(iommu, "none") && conventional[name.bdf >> 8]) {
		agreement->conventional++;
		return;
	}
	if (strcmp(found, iommu))
		fail_msg("%s: Linux saw %s, and we say %s", device, iommu, found);
	agreement->agreed++;
}

static void agrees_with_linux(const struct file *file, struct agreement *agreement)
{
	g_autofree char *path = g_strndup(file->path, strlen(file->path) - strlen("VIOT"));
	g_autofree char *seen_path = g_strconcat(path, "seen.txt", NULL), *seen = NULL;
	bool conventional[256] = { false };
	struct viommu_topology *topology;
	struct viommu_table *table;

	if (!g_str_has_suffix(file->path, ".VIOT") ||
	    !g_file_get_contents(seen_path, &seen, NULL, NULL))
		return;
	find_conventional_buses(seen, conventional);
	table = decode(file, NULL);
	topology = viommu_table_topology(table, NULL);
	for (const char *line = strstr(seen, "\nDEV "); line; line = strstr(line + 1, "\nDEV "))
		compare_device(topology, line + 1, conventional, agreement);
	viommu_topology_free(topology);
	viommu_table_free(table);
}

/* -- tests ------------------------------------------------------------------------------- */

static void own_viots_survive_every_conversion(void **state)
{
	GPtrArray *files = tables_below(OWN_GOLDEN, "VIOT");
	unsigned idle = 0;

	(void)state;
	for (guint i = 0; i < files->len; i++) {
		checks_clean(files->pdata[i], &idle);
		means_itself(files->pdata[i], "VIOT");
		assert_true(comes_from_its_topology(files->pdata[i], OWN_GOLDEN "/topologies"));
	}
	print_message("%u VIOTs of our own\n", files->len);
	assert_in_range(files->len, 11, 1000);
	g_ptr_array_free(files, TRUE);
}

/* All kinds that ./run capture takes; the other kinds have tests of their own. */
static void own_captures_encode_to_themselves(void **state)
{
	GPtrArray *files = tables_below(OWN_GOLDEN, NULL);

	(void)state;
	for (guint i = 0; i < files->len; i++)
		encodes_to_itself(files->pdata[i]);
	print_message("%u tables of our own\n", files->len);
	assert_in_range(files->len, 32, 1000);
	g_ptr_array_free(files, TRUE);
}

static void golden_viots_are_read_checked_and_written_back(void **state)
{
	GPtrArray *files = tables_below(golden_folder(), "VIOT");
	unsigned idle = 0;

	(void)state;
	for (guint i = 0; i < files->len; i++) {
		encodes_to_itself(files->pdata[i]);
		checks_clean(files->pdata[i], &idle);
	}
	print_message("%u VIOTs, %u with an IOMMU that nobody is behind\n", files->len, idle);
	assert_int_equal(files->len, N_GOLDEN_VIOTS);
	g_ptr_array_free(files, TRUE);
}

static void qemu_viots_are_generated_byte_for_byte(void **state)
{
	GPtrArray *files = tables_below(golden_folder(), "VIOT");
	unsigned made = 0;

	(void)state;
	for (guint i = 0; i < files->len; i++) {
		if (!comes_from_its_topology(files->pdata[i], OWN_GOLDEN "/topologies"))
			continue;
		means_itself(files->pdata[i], "VIOT");
		made++;
	}
	print_message("%u VIOTs made from what QEMU was given\n", made);
	assert_int_equal(made, N_GOLDEN_FROM_QEMU);
	g_ptr_array_free(files, TRUE);
}

static void resolve_agrees_with_linux(void **state)
{
	GPtrArray *files = tables_below(golden_folder(), "VIOT");
	struct agreement agreement = { 0, 0 };

	(void)state;
	for (guint i = 0; i < files->len; i++)
		agrees_with_linux(files->pdata[i], &agreement);
	print_message("%u functions as Linux saw them; %u conventional ones left out\n",
		      agreement.agreed, agreement.conventional);
	assert_in_range(agreement.agreed, 100, 100000);
	g_ptr_array_free(files, TRUE);
}

static void tables_of_every_kind_encode_to_themselves(void **state)
{
	GPtrArray *files = tables_below(golden_folder(), NULL);

	(void)state;
	for (guint i = 0; i < files->len; i++)
		encodes_to_itself(files->pdata[i]);
	print_message("%u tables\n", files->len);
	assert_in_range(files->len, 300, 100000);
	g_ptr_array_free(files, TRUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_captures_encode_to_themselves),
		cmocka_unit_test(own_viots_survive_every_conversion),
		cmocka_unit_test(golden_viots_are_read_checked_and_written_back),
		cmocka_unit_test(qemu_viots_are_generated_byte_for_byte),
		cmocka_unit_test(resolve_agrees_with_linux),
		cmocka_unit_test(tables_of_every_kind_encode_to_themselves),
	};

	return cmocka_run_group_tests_name("golden", tests, NULL, NULL);
}
