/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * docs/topology.md says what the reader reads: its tables of keys are the rows of
 * tables/text/schema.c, and every example in it is a topology that breaks no rule.
 */
#include "topology_rig.h"

#include "tables/text/text.h"

static int read_docs(void **state)
{
	size_t length;

	*state = read_file(TOPOLOGY_DOCS, &length);
	return 0;
}

static int free_docs(void **state)
{
	free(*state);
	return 0;
}

static void put_kind(GString *row, const struct text_key *key)
{
	if (!key->nth) {
		g_string_append_printf(row, "%s, `%s`", key->kind->what, key->kind->example);
		return;
	}
	for (int i = 0; key->nth(i); i++)
		g_string_append_printf(row, "%s`%s`", i ? ", " : "", key->nth(i));
}

static void assert_row(const char *docs, const struct text_key *key)
{
	GString *row = g_string_new(NULL);

	g_string_append_printf(row, "| `%s` | %s | ", key->name, key->required ? "yes" : "");
	put_kind(row, key);
	g_string_append_printf(row, " | %s%s%s |\n", key->help, key->only ? "; only of " : "",
			       key->only ? key->only : "");
	if (!strstr(docs, row->str))
		fail_msg("docs/topology.md lacks this line:\n%s", row->str);
	g_string_free(row, TRUE);
}

static void every_key_is_documented(void **state)
{
	for (size_t i = 0; i < N_TEXT_SECTIONS; i++) {
		char *heading = g_strdup_printf("## %s\n", text_sections[i].name);
		const char *section = strstr(*state, heading);

		if (!section)
			fail_msg("docs/topology.md lacks the section %s", text_sections[i].name);
		g_free(heading);
		for_each_key(key, &text_sections[i])
			assert_row(section, key);
	}
	for_each_key(key, &text_header)
		assert_row(*state, key);
}

static void check_example(const char *text, size_t length)
{
	void *state;
	struct rig *rig;

	set_up(&state);
	rig = state;
	rig->topology = viommu_topology_parse(text, length, "example", rig->findings);
	if (rig->topology)
		viommu_topology_check(rig->topology, rig->findings);
	if (viommu_findings_count(rig->findings))
		fail_msg("%.*s\nhas a finding: %s", (int)length, text,
			 viommu_findings_get(rig->findings, 0)->text);
	tear_down(&state);
}

static void every_example_is_right(void **state)
{
	static const char begin[] = "```yaml\n", end[] = "```\n";
	unsigned n = 0;

	for (const char *at = *state; (at = strstr(at, begin)); n++) {
		const char *text = at + strlen(begin);

		at = strstr(text, end);
		assert_non_null(at);
		check_example(text, (size_t)(at - text));
	}
	assert_true(n >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_key_is_documented, read_docs, free_docs),
		cmocka_unit_test_setup_teardown(every_example_is_right, read_docs, free_docs),
	};

	return cmocka_run_group_tests_name("text-docs", tests, NULL, NULL);
}
