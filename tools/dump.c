/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu dump: every field of a table, as text or as JSON
 *
 * Text and JSON are the library's. What is added here is what several tables need: a line with
 * the name of each in text, a list around them in JSON. Findings of decoding go to standard
 * error, for a damaged table is shown as far as it goes, and its bytes are what somebody wants
 * to see.
 */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"

static gboolean as_json;

static const GOptionEntry options[] = {
	{ "json", 'j', 0, G_OPTION_ARG_NONE, &as_json, "print JSON on standard output", NULL },
	INPUT_FORM_OPTION,
	G_OPTION_ENTRY_NULL,
};

struct output {
	bool several;
	unsigned n;
	int status;
};

/*
 * Called once for each table. A topology has nothing that could be dumped; the other inputs are
 * shown nevertheless.
 */
static void dump(void *opaque, struct input *input)
{
	struct output *output = opaque;
	g_autofree char *name = printable(input->name);
	char *text;

	if (!input->table) {
		complain("%s: a topology, which is text already", name);
		output->status = EXIT_COULD_NOT;
		return;
	}
	text = as_json ? viommu_table_json(input->table) : viommu_table_text(input->table);
	if (as_json)
		fputs(output->n ? ",\n" : "", stdout);
	else if (output->several)
		printf("%s%s\n", output->n ? "\n" : "", name);
	fputs(text, stdout);
	output->n++;
	free(text);
}

/* Tables are printed one by one, for there may be many: so the frame is made by hand. */
static int run(const struct command *command, char **arguments)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct output output = { .several = inputs_are_several(arguments) };
	int status;

	(void)command;
	if (as_json)
		fputs("{\n\"format\" : 1,\n\"tables\" : [\n", stdout);
	status = read_inputs(arguments, findings, dump, &output);
	if (as_json)
		fputs("\n]\n}\n", stdout);
	status = worse(status, output.status);
	status = worse(status, print_findings(findings));
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
