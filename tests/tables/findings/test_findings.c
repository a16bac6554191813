/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The list of findings and the table of rules. Findings are added through the internal
 * function, since that is how every reader does it.
 */
#include <errno.h>

#include "topology_rig.h"

#include "tables/findings/findings.h"

/* <viommu/findings.h>: "FILE:PLACE: severity: text; cure [id]". */
static void a_finding_is_one_line(void **state)
{
	struct rig *rig = *state;

	report(rig->findings, "text-key", place_in_text("a.yaml", 3, 7), "write less",
	       "there is no %s", "such key");
	report(rig->findings, "text-key", place_in_table("viot.bin", 0x50), NULL, "it is odd");
	report(rig->findings, "text-key", place_of_file("viot.bin"), NULL, "it is odd");
	report(rig->findings, "text-key", (struct viommu_place){ 0 }, NULL, "it is odd");
	report(rig->findings, "text-key",
	       (struct viommu_place){ .file = "a.dtb", .at = VIOMMU_NOWHERE, .path = "/pci:reg" },
	       NULL, "it is odd");

	assert_finding(rig, 0, "a.yaml:3:7: error: there is no such key; write less [text-key]");
	assert_finding(rig, 1, "viot.bin:0x50: error: it is odd [text-key]");
	assert_finding(rig, 2, "viot.bin: error: it is odd [text-key]");
	assert_finding(rig, 3, "error: it is odd [text-key]");
	assert_finding(rig, 4, "a.dtb:/pci:reg: error: it is odd [text-key]");
}

/* What a file holds must not reach a terminal as it is, nor fill it. */
static void quoted_input_is_harmless(void **state)
{
	struct rig *rig = *state;
	char long_text[5000];

	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	report(rig->findings, "text-key", place_of_file("\033[2J"), NULL, "\a\n");
	report(rig->findings, "text-key", place_of_file("f"), NULL, "%s", long_text);
	report(rig->findings, "text-key", place_of_file("\302\2332J"), NULL, "\342\200\256x");

	assert_finding(rig, 0, "?[2J: error: ?? [text-key]");
	assert_finding(rig, 2, "?2J: error: ?x [text-key]");
	assert_true(strlen(viommu_findings_get(rig->findings, 1)->text) < 1000);
}

/* Every input is hostile: the list is bounded, and counts the findings that it omits. */
static void a_flood_of_findings_is_counted_only(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 5000; i++)
		report(rig->findings, "topology-range-own", place_of_file("f"), NULL, "odd");
	assert_int_equal(viommu_findings_count(rig->findings), 1001);
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_WARNING), 0);
	assert_finding(rig, 1000, "note: findings that are not listed: 4000 [input-findings]");
	assert_null(viommu_findings_get(rig->findings, 1001));

	/* An error among omitted findings is still counted as an error. */
	report(rig->findings, "text-key", place_of_file("f"), NULL, "odd");
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_ERROR), 1);
}

/* <viommu/findings.h>: other rules neither report nor count, and an unknown id changes nothing. */
static void a_list_takes_findings_of_the_wanted_rules_only(void **state)
{
	static const char *const wanted[] = { "dmar-type", "topology-domain", NULL };
	static const char *const wrong[] = { "dmar-type", "no-such-rule", NULL };
	struct rig *rig = *state;

	assert_int_equal(viommu_findings_take_only(rig->findings, wrong), -ENOENT);
	report(rig->findings, "text-key", place_of_file("f"), NULL, "odd");
	assert_int_equal(viommu_findings_count(rig->findings), 1);

	assert_int_equal(viommu_findings_take_only(rig->findings, wanted), 0);
	for (int i = 0; i < 5000; i++)
		report(rig->findings, "text-key", place_of_file("f"), NULL, "odd");
	report(rig->findings, "dmar-type", place_of_file("f"), NULL, "odd");
	assert_int_equal(viommu_findings_count(rig->findings), 2);
	assert_finding(rig, 1, "f: warning: odd [dmar-type]");

	/* An IOMMU that translates nothing, which is another rule, on a node that is too high. */
	read_text(rig, "iommus: [ { name: i, kind: virtio-iommu-pci, at: 00:01.0, "
		       "proximity-domain: 5000 } ]\n");
	viommu_topology_check(rig->topology, rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 3);
	assert_string_equal(viommu_findings_get(rig->findings, 2)->id, "topology-domain");
}

static void the_list_of_findings_may_be_null(void **state)
{
	(void)state;
	report(NULL, "text-key", place_of_file("f"), NULL, "odd");
	assert_null(viommu_findings_free(NULL));
}

/* "Has an id that never changes its meaning": at least no two rules have the same. */
static void every_rule_is_whole_and_unique(void **state)
{
	const struct viommu_rule *rule, *other;

	(void)state;
	for (size_t i = 0; (rule = viommu_rule(i)); i++) {
		assert_non_null(rule->id);
		assert_non_null(rule->clause);
		assert_non_null(rule->text);
		for (size_t j = 0; j < i && (other = viommu_rule(j)); j++)
			if (!strcmp(rule->id, other->id))
				fail_msg("two rules are called %s", rule->id);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RIG(a_finding_is_one_line),
		WITH_A_RIG(quoted_input_is_harmless),
		WITH_A_RIG(a_flood_of_findings_is_counted_only),
		WITH_A_RIG(a_list_takes_findings_of_the_wanted_rules_only),
		cmocka_unit_test(the_list_of_findings_may_be_null),
		cmocka_unit_test(every_rule_is_whole_and_unique),
	};

	return cmocka_run_group_tests_name("findings", tests, NULL, NULL);
}
