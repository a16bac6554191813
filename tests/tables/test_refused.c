/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A file for each rule of the text form and of topologies: RULE-ID.yaml in a refused folder
 *
 * The first line of a file says what is wrong in it, where it is "found at LINE:COLUMN", and
 * which rules it breaks "also". The library has to report exactly these.
 */
#include <dirent.h>

#include "refused_rig.h"

static const struct {
	const char *prefix, *folder;
} rooms[] = {
	{ "text-", TABLES_TESTS "/text/refused" },
	{ "topology-", TABLES_TESTS "/check/refused" },
};

/* Where the file for this rule is; NULL if it has none here. */
static const char *folder_of(const struct viommu_rule *rule)
{
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++)
		if (!strncmp(rule->id, rooms[i].prefix, strlen(rooms[i].prefix)))
			return rooms[i].folder;
	return NULL;
}

static void read_and_check(struct rig *rig, const char *text, size_t length)
{
	rig->topology = viommu_topology_parse(text, length, "refused", rig->findings);
	if (rig->topology)
		viommu_topology_check(rig->topology, rig->findings);
}

static void expect(const struct rig *rig, const struct viommu_rule *rule, const char *text)
{
	const char *at = strstr(text, "found at ");
	unsigned line, column, n = 0;
	char head[512];

	snprintf(head, sizeof(head), "%.*s", (int)strcspn(text, "\n"), text);
	if (!at || sscanf(at, "found at %u:%u", &line, &column) != 2)
		fail_msg("%s.yaml does not say where to look", rule->id);
	for (size_t i = 0; i < viommu_findings_count(rig->findings); i++) {
		const struct viommu_finding *finding = viommu_findings_get(rig->findings, i);
		char also[64];

		snprintf(also, sizeof(also), "also %s", finding->id);
		if (!strcmp(finding->id, rule->id)) {
			n++;
			assert_int_equal(finding->severity, rule->severity);
			if (finding->place.line != line || finding->place.column != column)
				fail_msg("%s is reported at %u:%u", rule->id, finding->place.line,
					 finding->place.column);
		} else if (!strstr(head, also)) {
			fail_msg("%s.yaml breaks %s", rule->id, finding->id);
		}
	}
	if (n != 1)
		fail_msg("%s is reported %u times", rule->id, n);
}

static void each_rule_is_reported_for_its_file(void **state)
{
	const struct viommu_rule *rule;

	(void)state;
	for (size_t i = 0; (rule = viommu_rule(i)); i++) {
		void *fresh;
		struct rig *rig;
		char path[512];
		size_t length;
		char *text;

		if (!folder_of(rule))
			continue;
		snprintf(path, sizeof(path), "%s/%s.yaml", folder_of(rule), rule->id);
		text = read_file(path, &length);
		set_up(&fresh);
		rig = fresh;
		read_and_check(rig, text, length);
		expect(rig, rule, text);
		tear_down(&fresh);
		free(text);
	}
}

static void each_file_is_named_after_a_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		DIR *folder = opendir(rooms[i].folder);
		struct dirent *entry;

		assert_non_null(folder);
		while ((entry = readdir(folder)))
			if (entry->d_name[0] != '.')
				assert_rule(entry->d_name);
		closedir(folder);
	}
}

/* "Returns NULL if there was an error": with or without findings. */
static void a_text_with_an_error_gives_no_topology(void **state)
{
	static const char text[] = "viommu: 1\nbogus: 1\n";

	(void)state;
	assert_null(viommu_topology_parse(text, strlen(text), "text", NULL));
}

/* "`text` has `length` bytes": with a length of 0 the pointer may be NULL. */
static void no_text_at_all_gives_no_topology(void **state)
{
	struct rig *rig = *state;

	assert_null(viommu_topology_parse(NULL, 0, "text", rig->findings));
	assert_finding(rig, 0,
		       "text: error: the text is not a topology; begin with the line `viommu: 1` "
		       "[text-version]");
}

/* A text that is cut off anywhere, or has any byte replaced, does not crash the reader. */
static void damaged_texts_are_read_or_refused(void **state)
{
	size_t length;
	char *text = read_file(TABLES_TESTS "/check/refused/topology-memory-overlap.yaml", &length);

	(void)state;
	for (size_t i = 0; i < length; i++) {
		static const char bytes[] = { '\0', '\n', ':', '-', '[', '"', '\x80', '&' };
		char byte = text[i];

		viommu_topology_free(viommu_topology_parse(text, i, "text", NULL));
		for (size_t k = 0; k < sizeof(bytes); k++) {
			text[i] = bytes[k];
			viommu_topology_free(viommu_topology_parse(text, length, "text", NULL));
		}
		text[i] = byte;
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_is_reported_for_its_file),
		cmocka_unit_test(each_file_is_named_after_a_rule),
		cmocka_unit_test(a_text_with_an_error_gives_no_topology),
		WITH_A_RIG(no_text_at_all_gives_no_topology),
		cmocka_unit_test(damaged_texts_are_read_or_refused),
	};

	return cmocka_run_group_tests_name("refused", tests, NULL, NULL);
}
