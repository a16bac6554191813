/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TESTS_TOPOLOGY_RIG_H
#define VIOMMU_TESTS_TOPOLOGY_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <viommu/tables.h>

/* A topology read from a text, with all that was found. */
struct rig {
	struct viommu_findings *findings;
	struct viommu_topology *topology;
};

static inline int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	rig->findings = viommu_findings_new();
	*state = rig;
	return 0;
}

static inline int tear_down(void **state)
{
	struct rig *rig = *state;

	viommu_findings_free(rig->findings);
	viommu_topology_free(rig->topology);
	free(rig);
	return 0;
}

#define WITH_A_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* Read a text; without its version line, which is put in front. */
static inline void read_text(struct rig *rig, const char *text)
{
	size_t room = strlen(text) + sizeof("viommu: 1\n");
	char *whole = malloc(room);

	snprintf(whole, room, "viommu: 1\n%s", text);
	viommu_topology_free(rig->topology);
	rig->topology = viommu_topology_parse(whole, strlen(whole), "text", rig->findings);
	free(whole);
}

/* Read a text that is fine. */
static inline void read_fine(struct rig *rig, const char *text)
{
	read_text(rig, text);
	if (viommu_findings_count(rig->findings)) {
		char *line = viommu_finding_line(viommu_findings_get(rig->findings, 0));

		print_error("%s\n", line);
		free(line);
	}
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	assert_non_null(rig->topology);
}

/* The i-th finding is this line. */
static inline void assert_finding(const struct rig *rig, size_t i, const char *expected)
{
	char *line;

	assert_true(i < viommu_findings_count(rig->findings));
	line = viommu_finding_line(viommu_findings_get(rig->findings, i));
	assert_string_equal(line, expected);
	free(line);
}

/* A whole file, ended with NUL; to be freed with free(). */
static inline char *read_file(const char *path, size_t *ret_length)
{
	FILE *file = fopen(path, "rb");
	char *bytes = NULL;
	size_t length;

	if (!file)
		fail_msg("%s cannot be opened", path);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	length = (size_t)ftell(file);
	rewind(file);
	bytes = malloc(length + 1);
	assert_int_equal(fread(bytes, 1, length, file), length);
	bytes[length] = '\0';
	fclose(file);
	*ret_length = length;
	return bytes;
}

#endif
