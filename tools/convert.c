/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu convert: one description of a machine to another, through the topology
 *
 * Tables cannot express the same things, so the new table is decoded again and every difference
 * from the old one is reported.
 */
#include "generate_tables.h"

static char *to;
static const char *const words[] = { GENERATE_NAMES, NULL };

static const GOptionEntry options[] = {
	{ "to", 't', 0, G_OPTION_ARG_STRING, &to, "what to convert it to", "TABLE" },
	GENERATE_OPTIONS,
	INPUT_FORM_OPTION,
	G_OPTION_ENTRY_NULL,
};

static int run(const struct command *command, char **arguments)
{
	if (!to || g_strv_length(arguments) != 1)
		return command_usage(command, "name one file, and a table with --to");
	return generate_tables(command, to, arguments, words, true);
}

const struct command convert_command = {
	.name = "convert",
	.arguments = "--to TABLE FILE",
	.summary = "convert a firmware table to another, and report what is lost",
	.details = "FILE is as for dump, or a topology. It is checked first; if it has errors,\n"
		   "nothing is written. Exit status 1: something was lost.\n" GENERATE_DETAILS,
	.examples = "viommu convert --to iort machine.dtb -o IORT.new",
	.options = options,
	.choices = (const struct choice[]){ { "TABLE", words }, { NULL, NULL } },
	.run = run,
};
