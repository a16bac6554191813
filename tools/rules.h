/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_RULES_H
#define VIOMMU_TOOLS_RULES_H

#include <stdbool.h>

#include <viommu/tables.h>

/* Showing rules: a list of them, or one with an example. */

/* What viommu says about a file that breaks the rule (rule_examples.c, which is generated). */
struct rule_example {
	const char *id;
	const char *text;
	const char *cure; /* or NULL */
};

/* Ends with a zero row. */
extern const struct rule_example rule_examples[];

/* The rule with that id, or NULL. */
const struct viommu_rule *find_rule(const char *id);

/* "; did you mean ...", as did_you_mean(). g_free() it. */
char *did_you_mean_rule(const char *id);

/* Print on stdout what the rule requires, why, and an example with its cure. */
void explain_rule(const struct viommu_rule *rule);

/* Print on stdout the rules with these ids, or all if there is none. Returns an exit status. */
int print_rules(char **ids, bool as_json);

#endif
