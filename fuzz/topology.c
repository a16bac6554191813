/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hostile topology texts
 *
 * A text that is read must be printed so that it is read as the same topology; any topology can be
 * checked; and every generated table must decode without an error.
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
		meaning_reparse(topology);
		viommu_topology_check(topology, findings);
		meaning_generate(topology, length, findings);
	}
	viommu_topology_free(topology);
	viommu_findings_free(findings);
	return 0;
}
