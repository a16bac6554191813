/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Texts of a topology that nobody wrote
 *
 * What is read must be written so that it is read as the same; what is checked must be checkable
 * whatever it says; and every table that comes out must decode from its bytes without an error.
 */
#include "fuzz.h"
#include "meaning.h"

#define LARGEST 16384u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_topology *topology = NULL;

	if (length <= LARGEST)
		topology = viommu_topology_parse((const char *)bytes, length, "text", findings);
	if (topology) {
		meaning_say_again(topology);
		viommu_topology_check(topology, findings);
		meaning_make(topology, length, findings);
	}
	viommu_topology_free(topology);
	viommu_findings_free(findings);
	return 0;
}
