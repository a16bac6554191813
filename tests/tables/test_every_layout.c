/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables with a structure of each layout, which make_refused.py generates: every-layout.SUFFIX in
 * the folder of a room. layouts.py checks that no layout is missing.
 */
#include <glob.h>

#include "tables_rig.h"

#include "tables/api/formats.h"

/* The form of a built-in topology, which the suffix of the file names, or NULL. */
static const char *form_of(const char *path)
{
	const char *suffix = strrchr(path, '.') + 1;

	return strncmp(suffix, "builtin-", strlen("builtin-")) ? NULL : suffix;
}

static void assert_assembles(const struct viommu_table *table, const char *expected, size_t length)
{
	char *source = viommu_table_source(table);
	void *bytes;

	if (strncmp(source, "/dts-v1/", 8) != 0) {
		assert_int_equal(
			viommu_table_assemble(source, strlen(source), NULL, false, &bytes, NULL),
			length);
		assert_memory_equal(bytes, expected, length);
		free(bytes);
	}
	free(source);
}

static void assert_encodes_to_itself(const char *path)
{
	struct viommu_findings *findings = viommu_findings_new();
	size_t length;
	char *bytes = read_file(path, &length);
	struct viommu_table *table =
		form_of(path) ? viommu_table_decode_as(form_of(path), bytes, length, path, findings)
			      : viommu_table_decode(bytes, length, path, findings);

	assert_non_null(table);
	viommu_table_check(table, findings);
	assert_encodes(table, bytes, length);
	assert_assembles(table, bytes, length);
	viommu_topology_free(viommu_table_topology(table, findings));
	viommu_table_free(table);
	viommu_findings_free(findings);
	free(bytes);
}

static void structures_of_each_layout_encode_to_their_bytes(void **state)
{
	glob_t found;

	(void)state;
	assert_int_equal(glob(TABLES_TESTS "/*/every-layout.*", 0, NULL, &found), 0);
	assert_int_equal(glob(TABLES_TESTS "/formats/*/every-layout.*", GLOB_APPEND, NULL, &found),
			 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		assert_encodes_to_itself(found.gl_pathv[i]);
	globfree(&found);
}

/* tables/model/topology.c has a list of them, for a model does not know the formats. */
static void each_table_that_is_generated_has_a_header_in_a_topology(void **state)
{
	struct viommu_topology *topology = viommu_topology_new();
	const struct format *format;

	(void)state;
	for (size_t i = 0; (format = format_get(i)); i++)
		if (!format->bare && (format->from_topology || format->inner_signature) &&
		    !viommu_topology_header(topology, format->signature))
			fail_msg("add %s to the list of signatures in tables/model/topology.c",
				 format->signature);
	viommu_topology_free(topology);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(structures_of_each_layout_encode_to_their_bytes),
		cmocka_unit_test(each_table_that_is_generated_has_a_header_in_a_topology),
	};

	return cmocka_run_group_tests_name("every layout", tests, NULL, NULL);
}
