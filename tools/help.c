/* SPDX-License-Identifier: BSD-3-Clause */
/* Help for one subcommand, printed from its row and the rows of its options. */
#include <stdio.h>
#include <string.h>

#include "command.h"

/* Common to all commands, so no command has a row for it. */
static const GOptionEntry help_option = { .long_name = "help",
					  .short_name = 'h',
					  .description = "show this help" };

#define OPTION_WIDTH 18
#define TEXT_COLUMN  27 /* behind "  -o, --output=FILE        " */
#define LINE_WIDTH   84

/* From TEXT_COLUMN on, in as many lines as needed. */
static void print_wrapped(const char *text, size_t column)
{
	g_auto(GStrv) words = g_strsplit(text, " ", -1);

	for (char **word = words; *word; word++) {
		size_t length = strlen(*word);

		if (word != words && column + 1 + length > LINE_WIDTH) {
			printf("\n%*s", TEXT_COLUMN - 1, "");
			column = TEXT_COLUMN - 1;
		}
		printf(" %s", *word);
		column += 1 + length;
	}
	putchar('\n');
}

static void print_option(const GOptionEntry *option)
{
	const char *value = option->arg_description;
	g_autofree char *name =
		g_strdup_printf("%s%s%s", option->long_name, value ? "=" : "", value ? value : "");
	int length = printf("  -%c, --%-*s", option->short_name, OPTION_WIDTH, name);

	print_wrapped(option->description, length > 0 ? (size_t)length : 0);
}

static void print_examples(const char *examples)
{
	g_auto(GStrv) lines = g_strsplit(examples, "\n", -1);

	puts("\nExamples:");
	for (char **line = lines; *line; line++)
		printf("    %s\n", *line);
}

void command_help(const struct command *command)
{
	printf("usage: viommu %s [OPTION...]%s%s\n\n%s\n\n", command->name,
	       *command->arguments ? " " : "", command->arguments, command->summary);
	for (const GOptionEntry *option = command->options; option && option->long_name; option++)
		print_option(option);
	print_option(&help_option);
	if (command->details)
		printf("\n%s\n", command->details);
	if (command->examples)
		print_examples(command->examples);
}
