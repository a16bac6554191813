/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu generate: make a firmware table from a topology
 *
 * What a table is made of may be a table itself, whose meaning is taken; but then convert is the
 * better command, for it tells what the new table says otherwise.
 */
#include "generate_tables.h"

static const GOptionEntry options[] = {
	GENERATE_OPTIONS,
	INPUT_FORM_OPTION,
	G_OPTION_ENTRY_NULL,
};

/*
 * The first word says which table, the second what it is made of: never more, since two topologies
 * are two machines.
 */
static int run(const struct command *command, char **arguments)
{
	if (g_strv_length(arguments) != 2)
		return command_usage(command, "say which table, and from which topology");
	return generate_tables(command, arguments[0], arguments + 1, false);
}

const struct command generate_command = {
	.name = "generate",
	.arguments = "TABLE TOPOLOGY",
	.summary = "make a firmware table from a topology",
	.details = "TOPOLOGY is a text as docs/topology.md has it, a table whose meaning is taken, "
		   "or -\n"
		   "for standard input. It is checked first; with an error nothing is "
		   "written.\n" GENERATE_DETAILS,
	.options = options,
	.run = run,
};
