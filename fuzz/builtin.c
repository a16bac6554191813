/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Built-in topologies of hostile devices
 *
 * The bytes do not identify the form, so the first byte of an input selects it. The device's own
 * fields are not part of an image's topology and stay 0: the rest of the input is the image from
 * byte 36 on.
 */
#include <string.h>

#include <viommu/protocol.h>

#include "fuzz.h"
#include "meaning.h"

#define LARGEST 4096u

static const char *const forms[] = {
	"builtin-v1",
	"builtin-v2",
	"builtin-v3",
	"builtin-v3-segments",
};

#define N_FORMS (sizeof(forms) / sizeof(forms[0]))

static void read_image(const char *form, const struct rest *input, struct viommu_findings *findings)
{
	size_t length = VIOMMU_CONFIG_TOPOLOGY + input->length;
	uint8_t *image = calloc(1, length);
	struct viommu_table *table;

	must(image);
	memcpy(image + VIOMMU_CONFIG_TOPOLOGY, input->bytes, input->length);
	table = viommu_table_decode_as(form, image, length, "image", findings);
	if (table)
		meaning_of_table(table, image, length, findings);
	viommu_table_free(table);
	free(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct rest input = { bytes, length < LARGEST ? length : LARGEST };
	const char *form = forms[take(&input) % N_FORMS];

	read_image(form, &input, findings);
	meaning_print(findings);
	viommu_findings_free(findings);
	return 0;
}
