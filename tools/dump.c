/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu dump: every field of a table, as text or as JSON
 *
 * A damaged table is shown as far as it can be decoded; findings of decoding go to standard error.
 */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"

static gboolean as_json, as_source;

static const GOptionEntry options[] = {
	{ "json", 'j', 0, G_OPTION_ARG_NONE, &as_json, "print JSON on standard output", NULL },
	{ "source", 's', 0, G_OPTION_ARG_NONE, &as_source,
	  "print every byte as text to edit, from which `viommu assemble` makes the table", NULL },
	INPUT_FORM_OPTION,
	G_OPTION_ENTRY_NULL,
};

struct output {
	bool several;
	unsigned n;
	int status;
};

static enum viommu_table_form form(void)
{
	return as_json ? VIOMMU_TABLE_JSON : as_source ? VIOMMU_TABLE_SOURCE : VIOMMU_TABLE_TEXT;
}

/* Stops if standard output cannot be written to. */
static bool print(void *unused, const char *text, size_t length)
{
	(void)unused;
	return fwrite(text, 1, length, stdout) == length;
}

static void dump_input(void *opaque, struct input *input)
{
	struct output *output = opaque;
	g_autofree char *name = printable(input->name);

	if (!input->table) {
		report_error("%s: a topology is text and has no fields to dump", name);
		output->status = EXIT_COULD_NOT;
		return;
	}
	if (as_json)
		fputs(output->n ? ",\n" : "", stdout);
	else if (output->several)
		printf("%s%s%s\n", output->n ? "\n" : "", as_source ? "# " : "", name);
	if (viommu_table_write(input->table, form(), print, NULL)) {
		report_error("%s: out of memory: not all of it was printed", name);
		output->status = EXIT_COULD_NOT;
	}
	output->n++;
}

/* Tables are printed as they are read, so the JSON around them is written by hand. */
static int run(const struct command *command, char **arguments)
{
	struct viommu_findings *findings;
	struct output output = { .several = inputs_are_several(arguments) };
	int status;

	if (as_json && as_source)
		return command_usage(command, "--json or --source, not both");
	findings = viommu_findings_new();
	if (as_json)
		fputs("{\n\"format\" : 1,\n\"tables\" : [\n", stdout);
	input_neighbours = true;
	status = read_inputs(arguments, findings, dump_input, &output);
	input_neighbours = false;
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
		"A FILE has one or more ACPI tables, a device tree, or text with a dump of them\n"
		"(acpidump, iasl, hexdump, xxd, base64, ...), and may be compressed or an\n"
		"archive; or is a folder, or - for standard input. Default:\n" SYSTEM_TABLES ".\n"
		"The first column is the offset in the table, as in findings.",
	.examples = "viommu dump DMAR\n"
		    "viommu dump --json DMAR >dmar.json\n"
		    "viommu dump --source DMAR >dmar.txt",
	.is_paged = true,
	.options = options,
	.run = run,
};
