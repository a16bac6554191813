/* SPDX-License-Identifier: BSD-3-Clause */
#include "golden_rig.h"

/*
 * Real IORTs: of QEMU, of servers, notebooks and phones
 *
 * All of QEMU come out of their meaning byte for byte. Those of hardware have other revisions of
 * nodes, another order of them, and padding; and what a topology has no word for is a finding.
 */

enum { N_GOLDEN_IORTS = 111, N_FROM_QEMU = 85, N_OTHERS = 24, N_OWN = 7 };

/* Two that were broken or made up to show all nodes there are. */
static bool is_synthetic(const struct file *file)
{
	return strstr(file->path, "/synthetic/") != NULL;
}

static bool is_from_qemu(const struct file *file)
{
	return strstr(file->path, "/qemu-") != NULL;
}

static void golden_iorts_are_read_and_kept(void **state)
{
	GPtrArray *files = tables_below(golden_folder(), "IORT");

	(void)state;
	for (guint i = 0; i < files->len; i++)
		encodes_to_itself(files->pdata[i]);
	assert_int_equal(files->len, N_GOLDEN_IORTS);
	g_ptr_array_free(files, TRUE);
}

/* What real tables do wrong, and what is lost on their way: nothing else may be found. */
static void golden_iorts_break_known_rules_only(void **state)
{
	static const char known[] =
		"acpi-checksum iort-path iort-id-count iort-identifier iort-mapping-beyond "
		"iort-reference-null iort-bytes iort-reserved iort-silent-attributes "
		"iort-silent-interrupts iort-silent-mapping topology-iommu-idle topology-id-twice";
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

static void iorts_of_qemu_come_out_of_what_they_mean(void **state)
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

static void our_own_iorts_come_out_of_what_they_mean(void **state)
{
	GPtrArray *files = tables_below(OWN_GOLDEN, "IORT");

	(void)state;
	for (guint i = 0; i < files->len; i++)
		means_itself(files->pdata[i], "IORT");
	assert_int_equal(files->len, N_OWN);
	g_ptr_array_free(files, TRUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_iorts_are_read_and_kept),
		cmocka_unit_test(golden_iorts_break_known_rules_only),
		cmocka_unit_test(iorts_of_qemu_come_out_of_what_they_mean),
		cmocka_unit_test(iorts_of_hardware_keep_their_meaning),
		cmocka_unit_test(our_own_iorts_come_out_of_what_they_mean),
	};

	return cmocka_run_group_tests_name("golden IORTs", tests, NULL, NULL);
}
