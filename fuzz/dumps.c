/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text that has a table: listings, dumps, arrays, base64, mails
 *
 * Whatever the text, the bytes that are found are fewer than its characters, except for lines of
 * `*`; and an input without tables is a finding.
 */
#include <stdlib.h>

#include <viommu/tables.h>

#include "fuzz.h"

#define LARGEST  65536u
#define REPEATED ((size_t)4 << 20) /* docs/tables.md, "Where tables come from" */

static bool each(void *opaque, const char *name, const void *bytes, size_t length)
{
	size_t *n = opaque;
	const uint8_t *byte = bytes;
	volatile uint8_t last;

	(void)name;
	for (size_t i = 0; i < length; i++)
		last = byte[i];
	(void)last;
	*n += length;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct viommu_findings *findings = viommu_findings_new();
	size_t n = 0, tables = 0;

	if (length <= LARGEST)
		tables = viommu_input_split(bytes, length, "input", each, &n, findings);
	if (n > length + REPEATED ||
	    (length <= LARGEST && !tables && !viommu_findings_count(findings)))
		abort();
	viommu_findings_free(findings);
	return 0;
}
