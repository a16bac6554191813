/* SPDX-License-Identifier: BSD-3-Clause */
/* Help for one subcommand, printed from its row and the rows of its options. */
#include <stdio.h>

#include "command.h"

/* Common to all commands, so no command has a row for it. */
static const GOptionEntry help_option = { .long_name = "help",
					  .short_name = 'h',
					  .description = "show this help" };

#define OPTION_WIDTH 18

static void print_option(const GOptionEntry *option)
{
	const char *value = option->arg_description;
	g_autofree char *name =
		g_strdup_printf("%s%s%s", option->long_name, value ? "=" : "", value ? value : "");

	printf("  -%c, --%-*s %s\n", option->short_name, OPTION_WIDTH, name, option->description);
}

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
