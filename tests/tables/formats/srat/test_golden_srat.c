/* SPDX-License-Identifier: BSD-3-Clause */
#include "golden_rig.h"

/*
 * Real SRATs: of QEMU, and the template that has a structure of every type, one of
 * them not enabled
 */

enum { N_GOLDEN_SRATS = 13, N_OWN = 3, N_DISABLED = 1 };

/* Returns the number of tables, and counts their warnings. */
static unsigned check_all(const char *folder, unsigned *warnings)
{
	struct viommu_findings *findings = viommu_findings_new();
	GPtrArray *files = tables_below(folder, "SRAT");
	unsigned n = files->len;

	for (guint i = 0; i < n; i++) {
		struct viommu_table *table = decode(files->pdata[i], findings);

		encodes_to_itself(files->pdata[i]);
		viommu_table_check(table, findings);
		viommu_table_free(table);
	}
	*warnings = (unsigned)viommu_findings_count_from(findings, VIOMMU_WARNING);
	expect_clean(findings, VIOMMU_ERROR);
	viommu_findings_free(findings);
	g_ptr_array_free(files, TRUE);
	return n;
}

static void golden_srats_are_read_and_checked(void **state)
{
	unsigned warnings;

	(void)state;
	assert_int_equal(check_all(golden_folder(), &warnings), N_GOLDEN_SRATS);
	assert_int_equal(warnings, N_DISABLED);
}

static void own_srats_are_read_and_checked(void **state)
{
	unsigned warnings;

	(void)state;
	assert_int_equal(check_all(OWN_GOLDEN, &warnings), N_OWN);
	assert_int_equal(warnings, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_srats_are_read_and_checked),
		cmocka_unit_test(own_srats_are_read_and_checked),
	};

	return cmocka_run_group_tests_name("golden SRATs", tests, NULL, NULL);
}
