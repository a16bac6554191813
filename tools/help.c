/* SPDX-License-Identifier: BSD-3-Clause */
/* What one subcommand does, printed from its row and from the rows of its options. */
#include <stdio.h>

#include "command.h"

/* The last row of every command's options. */
static const GOptionEntry help_option = { .long_name = "help",
					  .short_name = 'h',
					  .description = "say what it does" };

#define OPTION_WIDTH 18

/* Long names in a column of their own, for that is what people look for. */
static void print_option(const GOptionEntry *option)
{
	const char *value = option->arg_description;
	g_autofree char *name =
		g_strdup_printf("%s%s%s", option->long_name, value ? "=" : "", value ? value : "");

	printf("  -%c, --%-*s %s\n", option->short_name, OPTION_WIDTH, name, option->description);
}

/*
 * --help is no row of any command, since all have it; it is shown where people expect it, at the
 * end.
 */
void command_help(const struct command *command)
{
	printf("usage: viommu %s [OPTION...] %s\n\n%s\n\n", command->name, command->arguments,
	       command->summary);
	for (const GOptionEntry *option = command->options; option && option->long_name; option++)
		print_option(option);
	print_option(&help_option);
	if (command->details)
		printf("\n%s\n", command->details);
}
