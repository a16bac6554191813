/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu help: what there is, what it does, and how a shell completes it
 *
 * All of it is printed from the rows of the commands and of their options, so it cannot say
 * anything that is not so.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"

static gboolean completion;

static const GOptionEntry help_options[] = {
	{ "completion", 'c', 0, G_OPTION_ARG_NONE, &completion,
	  "print a script that completes these commands in bash", NULL },
	G_OPTION_ENTRY_NULL,
};

/* The last row of every command's options. */
static const GOptionEntry help_option = { .long_name = "help",
					  .short_name = 'h',
					  .description = "say what it does" };

#define NAME_WIDTH   10
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

/* To standard output if it was asked for, else to standard error: so it is the caller who says. */
void print_commands(FILE *to)
{
	fputs("usage: viommu COMMAND [OPTION...] [ARGUMENT...]\n       viommu --version\n\n", to);
	for (size_t i = 0; commands[i]; i++)
		fprintf(to, "  %-*s %s\n", NAME_WIDTH, commands[i]->name, commands[i]->summary);
	fputs("\nExit status: 0 clean, 1 findings (a warning or an error), 2 could not do it.\n",
	      to);
}

/* Long options only: those of one letter take longer to choose from a list than to type. */
static void print_words(const struct command *command)
{
	printf("\t%s) words='", command->name);
	for (const GOptionEntry *option = command->options; option && option->long_name; option++)
		printf("--%s ", option->long_name);
	fputs("--help' ;;\n", stdout);
}

/* Commands first, then options where a word begins like one, and files everywhere else. */
static void print_completion(void)
{
	fputs("# bash completion for viommu, as `viommu help --completion` prints it\n"
	      "_viommu()\n{\n"
	      "\tlocal word=${COMP_WORDS[COMP_CWORD]} words=\n"
	      "\tcase ${COMP_WORDS[1]} in\n",
	      stdout);
	for (size_t i = 0; commands[i]; i++)
		print_words(commands[i]);
	fputs("\tesac\n\t[[ $word == -* ]] || words=\n\t((COMP_CWORD > 1)) || words='", stdout);
	for (size_t i = 0; commands[i]; i++)
		printf("%s ", commands[i]->name);
	fputs("--version'\n"
	      "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\n"
	      "complete -o bashdefault -o default -F _viommu viommu\n",
	      stdout);
}

/* What cannot be found is an error like any other: a script that asks for help may have to know. */
static int run(const struct command *command, char **arguments)
{
	const struct command *about = *arguments ? command_find(*arguments) : NULL;

	if (completion && *arguments)
		return command_usage(command, "--completion is for all commands: name none");
	if (completion)
		print_completion();
	else if (!*arguments)
		print_commands(stdout);
	else if (arguments[1])
		return command_usage(command, "name one command");
	else if (about)
		command_help(about);
	else
		complain("there is no command \"%s\"; `viommu help` lists those there are",
			 *arguments);
	return *arguments && !about ? EXIT_COULD_NOT : EXIT_CLEAN;
}

const struct command help_command = {
	.name = "help",
	.arguments = "[COMMAND]",
	.summary = "list the commands, or say what one does",
	.details = "For bash: viommu help --completion >~/.local/share/bash-completion/completions/"
		   "viommu",
	.options = help_options,
	.run = run,
};
