/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu generate: a firmware table from a topology, or all of them
 *
 * The input may be a table, whose topology is used. `convert` also reports where the new table
 * differs.
 */
#include <string.h>

#include "generate_set.h"
#include "generate_tables.h"

static const GOptionEntry options[] = {
	GENERATE_OPTIONS,
	GENERATE_SET_OPTIONS,
	INPUT_FORM_OPTION,
	G_OPTION_ENTRY_NULL,
};

/* The words of TABLE: those of `convert`, and sets of tables. */
static const char *const names[] = { GENERATE_NAMES, "all", "acpi", NULL };

static int run(const struct command *command, char **arguments)
{
	if (g_strv_length(arguments) != 2)
		return command_usage(command, "name a table and one topology");
	if (!g_ascii_strcasecmp(arguments[0], "acpi") || !g_ascii_strcasecmp(arguments[0], "all"))
		return generate_set(command, arguments[0], arguments[1]);
	if (generate_address || generate_processors || generate_with)
		return command_usage(command,
				     "--address, --processors and --with apply to acpi only");
	return generate_tables(command, arguments[0], arguments + 1, names, false);
}

const struct command generate_command = {
	.name = "generate",
	.arguments = "TABLE TOPOLOGY",
	.summary = "generate a firmware table from a topology",
	.details =
		"TOPOLOGY is a text (docs/topology.md), a table to read the topology from, or -\n"
		"for standard input. It is checked first; if it has errors, nothing is\n"
		"written.\n" GENERATE_DETAILS "\n" GENERATE_SET_DETAILS,
	.examples = "viommu generate viot machine.yaml -o VIOT.new\n"
		    "viommu generate all machine.yaml -o tables\n"
		    "viommu generate dtb machine.yaml --dts\n"
		    "viommu generate acpi --address 0xe0000 machine.yaml -o acpi.bin",
	.options = options,
	.choices = (const struct choice[]){ { "TABLE", names }, { NULL, NULL } },
	.run = run,
};
