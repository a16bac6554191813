/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu convert: from one description of a machine to another
 *
 * Any table goes in and any that can be made comes out, through the topology that stands between
 * them. Tables do not have the same words: the one that was made is read again, and whatever it
 * says otherwise than the one it came from is told.
 */
#include "generate_tables.h"

static char *to;

static const GOptionEntry options[] = {
	{ "to", 't', 0, G_OPTION_ARG_STRING, &to, "what to make of it", "TABLE" },
	GENERATE_OPTIONS,
	INPUT_FORM_OPTION,
	G_OPTION_ENTRY_NULL,
};

/* The form of the input is seen from its bytes, so only the form of the output is asked for. */
static int run(const struct command *command, char **arguments)
{
	if (!to || g_strv_length(arguments) != 1)
		return command_usage(command, "say which file, and --to which table");
	return generate_tables(command, to, arguments, true);
}

const struct command convert_command = {
	.name = "convert",
	.arguments = "--to TABLE FILE",
	.summary = "make one firmware table of another, and say what is lost",
	.details = "FILE is as for dump, or a topology. It is checked first; with an error nothing "
		   "is\n"
		   "written. Exit status 1 says that the new table does not say all of the "
		   "old.\n" GENERATE_DETAILS,
	.options = options,
	.run = run,
};
