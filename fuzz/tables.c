/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hostile firmware tables: raw ones, acpidump's text, device trees
 *
 * A decoded table must encode to the same bytes. Its text, JSON, checks and topology are computed,
 * and every table is generated from the topology. The text form of the topology must be read as the
 * same topology.
 */
#include "fuzz.h"
#include "meaning.h"

/* A few kilobytes can mean a topology of many megabytes; those are for benchmarks. */
#define LARGEST 65536u

static bool each(void *opaque, const char *name, const void *bytes, size_t length)
{
	struct viommu_findings *findings = opaque;
	struct viommu_table *table = viommu_table_decode(bytes, length, name, findings);

	if (!table)
		return true;
	meaning_of_table(table, bytes, length, findings);
	viommu_table_free(table);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct viommu_findings *findings = viommu_findings_new();

	if (length <= LARGEST)
		viommu_input_split(bytes, length, "input", each, findings, findings);
	meaning_print(findings);
	viommu_findings_free(findings);
	return 0;
}
