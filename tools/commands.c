/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The list of subcommands, the one that lists them, and running one
 *
 * Finds the subcommand, parses its options, runs it, and checks that its output was written. A run
 * leaves no state behind, so that the fuzzer can call command_main() again.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <viommu/device.h>

#include "command.h"

const struct command *const commands[] = {
	&generate_command, &convert_command,  &dump_command, &assemble_command, &check_command,
	&resolve_command,  &explain_command,  &diff_command, &graph_command,    &host_command,
	&plan_command,     &topology_command, &demo_command, &help_command,     NULL,
};

/* No abbreviations: a later subcommand would make them ambiguous. */
const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

/* -- help ------------------------------------------------------------------------------ */

static gboolean completion;

static const GOptionEntry help_options[] = {
	{ "completion", 'c', 0, G_OPTION_ARG_NONE, &completion,
	  "print a script that completes these commands in bash", NULL },
	G_OPTION_ENTRY_NULL,
};

#define NAME_WIDTH 10

static void print_commands(FILE *to)
{
	fputs("usage: viommu COMMAND [OPTION...] [ARGUMENT...]\n       viommu --version\n\n", to);
	for (size_t i = 0; commands[i]; i++)
		fprintf(to, "  %-*s %s\n", NAME_WIDTH, commands[i]->name, commands[i]->summary);
	fputs("\nExit status: 0 clean, 1 findings (a warning or an error), 2 could not do it.\n",
	      to);
}

static void print_completion_words(const struct command *command)
{
	printf("\t%s) words='", command->name);
	for (const GOptionEntry *option = command->options; option && option->long_name; option++)
		printf("--%s ", option->long_name);
	fputs("--help' ;;\n", stdout);
}

/* Completes commands first, then long options after "-", and files everywhere else. */
static void print_completion(void)
{
	fputs("# bash completion for viommu, as `viommu help --completion` prints it\n"
	      "_viommu()\n{\n"
	      "\tlocal word=${COMP_WORDS[COMP_CWORD]} words=\n"
	      "\tcase ${COMP_WORDS[1]} in\n",
	      stdout);
	for (size_t i = 0; commands[i]; i++)
		print_completion_words(commands[i]);
	fputs("\tesac\n\t[[ $word == -* ]] || words=\n\t((COMP_CWORD > 1)) || words='", stdout);
	for (size_t i = 0; commands[i]; i++)
		printf("%s ", commands[i]->name);
	fputs("--version'\n"
	      "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\n"
	      "complete -o bashdefault -o default -F _viommu viommu\n",
	      stdout);
}

static void report_unknown(const char *name)
{
	report_error("unknown command \"%s\"; `viommu help` lists the commands", name);
}

static int run_help(const struct command *command, char **arguments)
{
	const struct command *about = *arguments ? command_find(*arguments) : NULL;

	if (completion && *arguments)
		return command_usage(command, "--completion takes no command");
	if (completion)
		print_completion();
	else if (!*arguments)
		print_commands(stdout);
	else if (arguments[1])
		return command_usage(command, "give one command");
	else if (about)
		command_help(about);
	else
		report_unknown(*arguments);
	return *arguments && !about ? EXIT_COULD_NOT : EXIT_CLEAN;
}

const struct command help_command = {
	.name = "help",
	.arguments = "[COMMAND]",
	.summary = "list the commands, or describe one",
	.details = "For bash: viommu help --completion >~/.local/share/bash-completion/completions/"
		   "viommu",
	.options = help_options,
	.run = run_help,
};

/* -- running ------------------------------------------------------------------------- */

/* Options are static variables of the subcommand's file; their strings are owned. */
static void reset_option(const GOptionEntry *option)
{
	switch (option->arg) {
	case G_OPTION_ARG_NONE:
		*(gboolean *)option->arg_data = FALSE;
		break;
	case G_OPTION_ARG_INT:
		*(gint *)option->arg_data = 0;
		break;
	case G_OPTION_ARG_STRING_ARRAY:
	case G_OPTION_ARG_FILENAME_ARRAY:
		g_clear_pointer((char ***)option->arg_data, g_strfreev);
		break;
	default:
		g_clear_pointer((char **)option->arg_data, g_free);
	}
}

static void reset_options(const struct command *command)
{
	for (const GOptionEntry *option = command->options; option && option->long_name; option++)
		reset_option(option);
}

/* GLib keeps "--" in the arguments if the next one begins with a dash. */
static char **skip_dashes(char **arguments)
{
	return *arguments && !strcmp(*arguments, "--") ? arguments + 1 : arguments;
}

/*
 * GLib's own --help exits at once, without checking that the text was written; so --help is an
 * ordinary option here.
 */
static int run(const struct command *command, int argc, char **argv)
{
	gboolean wants_help = FALSE;
	const GOptionEntry common[] = {
		{ "help", 'h', 0, G_OPTION_ARG_NONE, &wants_help, "show this help", NULL },
		G_OPTION_ENTRY_NULL,
	};
	GOptionContext *context = g_option_context_new(NULL);
	g_auto(GStrv) arguments = g_new0(char *, (gsize)argc + 1);
	g_autoptr(GError) error = NULL;
	int status = EXIT_CLEAN;

	for (int i = 0; i < argc; i++)
		arguments[i] = g_strdup(argv[i]);
	g_option_context_set_help_enabled(context, FALSE);
	g_option_context_add_main_entries(context, common, NULL);
	if (command->options)
		g_option_context_add_main_entries(context, command->options, NULL);
	if (!g_option_context_parse_strv(context, &arguments, &error))
		status = command_usage(command, "%s", error->message);
	else if (wants_help)
		command_help(command);
	else
		status = command->run(command, skip_dashes(arguments + 1));
	g_option_context_free(context);
	reset_options(command);
	return status;
}

/* A full disk is an error: a truncated table must not look complete. */
static int flush(int status)
{
	if (!ferror(stdout) && !fflush(stdout))
		return status;
	report_error("cannot write standard output: %s", g_strerror(errno));
	return EXIT_COULD_NOT;
}

int command_main(int argc, char **argv)
{
	const struct command *command;
	const char *name;

	if (argc < 2) {
		print_commands(stderr);
		return EXIT_COULD_NOT;
	}
	name = argv[1];
	if (!strcmp(name, "--version")) {
		printf("viommu %s\n", viommu_version());
		return flush(EXIT_CLEAN);
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = help_command.name;
	command = command_find(name);
	if (!command) {
		report_unknown(name);
		return EXIT_COULD_NOT;
	}
	return flush(run(command, argc - 1, argv + 1));
}
