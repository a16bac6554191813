/* SPDX-License-Identifier: BSD-3-Clause */
/* viommu check: every rule that tables and topologies break, with place and cure */
#include <stdio.h>
#include <stdlib.h>

#include <json-glib/json-glib.h>

#include "command.h"

static gboolean as_json, list_rules;

static const GOptionEntry options[] = {
	{ "json", 'j', 0, G_OPTION_ARG_NONE, &as_json, "print findings as JSON on stdout", NULL },
	{ "rules", 'r', 0, G_OPTION_ARG_NONE, &list_rules, "list every rule there is", NULL },
	G_OPTION_ENTRY_NULL,
};

static void check(void *opaque, const struct input *input)
{
	struct viommu_findings *findings = opaque;

	if (input->table)
		viommu_table_check(input->table, findings);
	else
		viommu_topology_check(input->topology, findings);
}

static void print_rules(void)
{
	const struct viommu_rule *rule;

	for (size_t i = 0; (rule = viommu_rule(i)); i++) {
		printf("%s: %s\n    %s\n    from: %s\n", rule->id,
		       viommu_severity_name(rule->severity), rule->text, rule->clause);
		if (rule->linux_)
			printf("    Linux: %s\n", rule->linux_);
	}
}

static void add_string(JsonBuilder *builder, const char *key, const char *value)
{
	if (!value)
		return;
	json_builder_set_member_name(builder, key);
	json_builder_add_string_value(builder, value);
}

static void add_number(JsonBuilder *builder, const char *key, size_t value)
{
	json_builder_set_member_name(builder, key);
	json_builder_add_int_value(builder, (gint64)value);
}

static void add_finding(JsonBuilder *builder, const struct viommu_finding *finding)
{
	json_builder_begin_object(builder);
	add_string(builder, "id", finding->id);
	add_string(builder, "severity", viommu_severity_name(finding->severity));
	add_string(builder, "file", finding->place.file);
	if (finding->place.line) {
		add_number(builder, "line", finding->place.line);
		add_number(builder, "column", finding->place.column);
	}
	if (finding->place.at != VIOMMU_NOWHERE)
		add_number(builder, "offset", finding->place.at);
	add_string(builder, "text", finding->text);
	add_string(builder, "cure", finding->cure);
	json_builder_end_object(builder);
}

static void print_json(const struct viommu_findings *findings)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();
	g_autoptr(JsonGenerator) generator = json_generator_new();
	g_autofree char *text = NULL;
	JsonNode *root;

	json_builder_begin_object(builder);
	add_number(builder, "format", 1);
	json_builder_set_member_name(builder, "findings");
	json_builder_begin_array(builder);
	for (size_t i = 0; i < viommu_findings_count(findings); i++)
		add_finding(builder, viommu_findings_get(findings, i));
	json_builder_end_array(builder);
	json_builder_end_object(builder);
	root = json_builder_get_root(builder);
	json_generator_set_root(generator, root);
	json_generator_set_pretty(generator, TRUE);
	text = json_generator_to_data(generator, NULL);
	puts(text);
	json_node_unref(root);
}

static int run(const struct command *command, char **arguments)
{
	static char *system_tables[] = { (char *)SYSTEM_TABLES, NULL };
	struct viommu_findings *findings;
	int status;

	(void)command;
	if (list_rules) {
		print_rules();
		return EXIT_CLEAN;
	}
	findings = viommu_findings_new();
	status = read_inputs(*arguments ? arguments : system_tables, findings, check, findings);
	if (as_json)
		print_json(findings);
	else
		print_findings(findings);
	if (viommu_findings_count_from(findings, VIOMMU_WARNING))
		status = worse(status, EXIT_FINDINGS);
	viommu_findings_free(findings);
	return status;
}

const struct command check_command = {
	.name = "check",
	.arguments = "[FILE...]",
	.summary = "say what is wrong with firmware tables or topologies, and what would be right",
	.details = "A FILE is as for dump, or a topology. Exit status 1 says that there was a\n"
		   "warning or an error; notes alone do not count.",
	.options = options,
	.run = run,
};
