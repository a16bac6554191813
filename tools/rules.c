/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules as text and as JSON
 *
 * `viommu check --rules` lists them; `viommu help RULE` explains one. A test compares the list with
 * docs/tables.md.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "json.h"
#include "rules.h"

const struct viommu_rule *find_rule(const char *id)
{
	const struct viommu_rule *rule;

	for (size_t i = 0; (rule = viommu_rule(i)); i++)
		if (!strcmp(rule->id, id))
			return rule;
	return NULL;
}

char *did_you_mean_rule(const char *id)
{
	g_autoptr(GPtrArray) ids = g_ptr_array_new();
	const struct viommu_rule *rule;

	for (size_t i = 0; (rule = viommu_rule(i)); i++)
		g_ptr_array_add(ids, (gpointer)rule->id);
	g_ptr_array_add(ids, NULL);
	return did_you_mean(id, (const char *const *)ids->pdata);
}

/* -- one rule -------------------------------------------------------------------- */

static const struct rule_example *find_example(const char *id)
{
	for (const struct rule_example *example = rule_examples; example->id; example++)
		if (!strcmp(example->id, id))
			return example;
	return NULL;
}

static const char *meaning_of(enum viommu_severity severity)
{
	static const char *const meanings[] = {
		[VIOMMU_NOTE] = "the input is correct; the exit status stays 0",
		[VIOMMU_WARNING] =
			"some consumer reports a problem, or reads another meaning; exit status 1",
		[VIOMMU_ERROR] =
			"the input violates the specification, or breaks a guest; exit status 1",
	};

	return meanings[severity];
}

void explain_rule(const struct viommu_rule *rule)
{
	const struct rule_example *example = find_example(rule->id);
	const char *severity = viommu_severity_name(rule->severity);

	printf("%s\n\n", rule->id);
	printf("  requires  %s\n", rule->text);
	printf("  from      %s\n", rule->clause);
	printf("  broken    %s: %s\n", severity, meaning_of(rule->severity));
	if (rule->on_linux)
		printf("  Linux     %s\n", rule->on_linux);
	if (example)
		printf("  example   %s: %s [%s]\n", severity, example->text, rule->id);
	if (example && example->cure)
		printf("  cure      %s\n", example->cure);
}

/* -- lists ----------------------------------------------------------------------- */

static void print_rule(const struct viommu_rule *rule)
{
	printf("%s: %s\n    %s\n    from: %s\n", rule->id, viommu_severity_name(rule->severity),
	       rule->text, rule->clause);
	if (rule->on_linux)
		printf("    Linux: %s\n", rule->on_linux);
}

static void add_rule(struct json *json, const struct viommu_rule *rule)
{
	json_open(json, '{');
	json_string(json, "id", rule->id);
	json_string(json, "severity", viommu_severity_name(rule->severity));
	json_string(json, "text", rule->text);
	json_string(json, "clause", rule->clause);
	json_string(json, "linux", rule->on_linux);
	json_close(json, '}');
}

/* An unknown id is an error even if others are known. */
static bool are_known(char **ids)
{
	bool known = true;

	for (; *ids; ids++)
		if (!find_rule(*ids)) {
			g_autofree char *hint = did_you_mean_rule(*ids);

			report_error("no rule has the id \"%s\"%s", *ids, hint);
			known = false;
		}
	return known;
}

int print_rules(char **ids, bool as_json)
{
	const struct viommu_rule *rule;
	struct json *json;

	if (!are_known(ids))
		return EXIT_COULD_NOT;
	json = as_json ? json_begin() : NULL;
	if (json) {
		json_key(json, "rules");
		json_open(json, '[');
	}
	for (size_t i = 0; (rule = viommu_rule(i)); i++) {
		if (*ids && !g_strv_contains((const char *const *)ids, rule->id))
			continue;
		if (json)
			add_rule(json, rule);
		else
			print_rule(rule);
	}
	if (json) {
		json_close(json, ']');
		json_end(json);
	}
	return EXIT_CLEAN;
}
