/* SPDX-License-Identifier: BSD-3-Clause */
/* viommu dump: every field of a table, as text or as JSON */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"

static gboolean as_json;

static const GOptionEntry options[] = {
	{ "json", 'j', 0, G_OPTION_ARG_NONE, &as_json, "print a JSON array of tables", NULL },
	G_OPTION_ENTRY_NULL,
};

struct output {
	unsigned n;
	bool several;
};

static void dump(void *opaque, const struct input *input)
{
	struct output *output = opaque;
	char *text;

	if (input->topology) {
		text = as_json ? NULL : viommu_topology_text(input->topology);
		if (!text)
			complain("%s: a topology, which is text already", input->name);
	} else {
		text = as_json ? viommu_table_json(input->table) : viommu_table_text(input->table);
	}
	if (text && as_json)
		fputs(output->n ? ",\n" : "", stdout);
	else if (text && output->several)
		printf("%s%s\n", output->n ? "\n" : "", input->name);
	if (text)
		fputs(text, stdout);
	output->n += text != NULL;
	free(text);
}

static int run(const struct command *command, char **arguments)
{
	static char *system_tables[] = { (char *)SYSTEM_TABLES, NULL };
	struct viommu_findings *findings = viommu_findings_new();
	char **names = *arguments ? arguments : system_tables;
	struct output output = { 0, names[1] || g_file_test(names[0], G_FILE_TEST_IS_DIR) };
	int status;

	(void)command;
	if (as_json)
		fputs("[\n", stdout);
	status = read_inputs(names, findings, dump, &output);
	if (as_json)
		fputs("\n]\n", stdout);
	status = worse(status, print_findings(findings));
	if (!output.n && status != EXIT_COULD_NOT) {
		complain("%s: no table there says anything of IOMMUs that is understood here",
			 names[0]);
		status = EXIT_COULD_NOT;
	}
	viommu_findings_free(findings);
	return status;
}

const struct command dump_command = {
	.name = "dump",
	.arguments = "[FILE...]",
	.summary = "show every field of firmware tables",
	.details =
		"A FILE is a raw ACPI table or several, the text of acpidump, a folder of tables,\n"
		"or - for standard input. Without one: " SYSTEM_TABLES ".\n"
		"The first column is the offset in the table; offsets in findings are the same.",
	.options = options,
	.run = run,
};
