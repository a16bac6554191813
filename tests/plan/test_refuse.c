/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Refusals of hosts that no sysfs shows yet: page sizes of SMMUs are not in it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plan/plan.h"

static void assert_page_sizes(uint64_t sizes, const char *text)
{
	struct viommu_host_iommu iommu = { .name = "smmu3.0x0000000012000000",
					   .kind = VIOMMU_HOST_SMMU_V3,
					   .page_sizes = sizes };
	struct viommu_host_device device = { .name = "0000:01:00.0", .pci = true, .iommu = &iommu };
	struct plan_options options = { .qemu = PLAN_DEFAULT_QEMU };
	struct viommu_findings *findings = viommu_findings_new();

	plan_refuse_device(&options, &device, findings);
	assert_int_equal(viommu_findings_count(findings), text != NULL);
	if (text) {
		const struct viommu_finding *finding = viommu_findings_get(findings, 0);

		assert_string_equal(finding->id, "plan-page-size");
		assert_int_equal(finding->severity, VIOMMU_ERROR);
		assert_non_null(strstr(finding->text, text));
		assert_non_null(finding->cure);
	}
	viommu_findings_free(findings);
}

static void an_iommu_without_pages_of_4k_is_refused(void **state)
{
	(void)state;
	assert_page_sizes(UINT64_C(0x20010000),
			  "has no pages of 4 KiB; the smallest has 0x10000 bytes");
	assert_page_sizes(UINT64_C(0x2004000), "the smallest has 0x4000 bytes");
}

static void an_iommu_whose_pages_are_not_known_or_fit_is_not(void **state)
{
	(void)state;
	assert_page_sizes(0, NULL);
	assert_page_sizes(UINT64_C(0x40201000), NULL);
	assert_page_sizes(UINT64_C(0x20211000), NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_iommu_without_pages_of_4k_is_refused),
		cmocka_unit_test(an_iommu_whose_pages_are_not_known_or_fit_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
