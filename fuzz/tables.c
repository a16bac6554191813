/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Firmware tables that no firmware made: raw ones, acpidump's text, device trees
 *
 * What decodes must encode to the bytes it came from. Its text, its JSON, its rules and its meaning
 * are asked for, and the meaning is made into every table there is. A text that says the same
 * as the meaning must be read as the same again.
 */
#include <string.h>

#include "fuzz.h"
#include "meaning.h"

/* A few kilobytes can mean a topology of many megabytes; those are for benchmarks. */
#define LARGEST 65536u

static void understand(const struct viommu_table *table, struct viommu_findings *findings)
{
	struct viommu_topology *topology = viommu_table_topology(table, findings);

	if (!topology)
		return;
	meaning_say_again(topology);
	meaning_ask(topology);
	meaning_make_all(topology, findings);
	viommu_topology_free(topology);
}

static void encode_again(const struct viommu_table *table, const void *bytes, size_t length)
{
	void *encoded;

	must(viommu_table_encode(table, &encoded) == length);
	must(!memcmp(encoded, bytes, length));
	free(encoded);
}

static bool each(void *opaque, const char *name, const void *bytes, size_t length)
{
	struct viommu_findings *findings = opaque;
	struct viommu_table *table = viommu_table_decode(bytes, length, name, findings);

	if (!table)
		return true;
	encode_again(table, bytes, length);
	free(viommu_table_text(table));
	free(viommu_table_json(table));
	viommu_table_check(table, findings);
	understand(table, findings);
	viommu_table_free(table);
	return true;
}

/* Every finding is a line that can be printed. */
static void print(const struct viommu_findings *findings)
{
	for (size_t i = 0; i < viommu_findings_count(findings); i++)
		free(viommu_finding_line(viommu_findings_get(findings, i)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct viommu_findings *findings = viommu_findings_new();

	if (length <= LARGEST)
		viommu_input_split(bytes, length, "input", each, findings, findings);
	print(findings);
	viommu_findings_free(findings);
	return 0;
}
