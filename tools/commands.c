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
#include <unistd.h>

#include <viommu/device.h>

#include "command.h"
#include "pager.h"
#include "rules.h"

const struct command *const commands[] = {
	&generate_command,
	&convert_command,
	&dump_command,
	&assemble_command,
	&check_command,
	&resolve_command,
	&explain_command,
	&diff_command,
	&graph_command,
	&report_command,
	&host_command,
	&plan_command,
	&topology_command,
	&replay_command,
	&demo_command,
	&help_command,
	NULL,
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

static const char *const shells[] = { "bash", "zsh", "fish", NULL };

static const GOptionEntry help_options[] = {
	{ "completion", 'c', 0, G_OPTION_ARG_NONE, &completion,
	  "print a script that completes these commands; SHELL: bash (default), zsh, fish", NULL },
	G_OPTION_ENTRY_NULL,
};

#define NAME_WIDTH 10

static void print_commands(FILE *to)
{
	fputs("usage: viommu COMMAND [OPTION...] [ARGUMENT...]\n       viommu --version | -V\n\n",
	      to);
	for (size_t i = 0; commands[i]; i++)
		fprintf(to, "  %-*s %s\n", NAME_WIDTH, commands[i]->name, commands[i]->summary);
	fputs("\nExit status: 0 clean, 1 findings (a warning or an error), 2 could not do it.\n",
	      to);
}

/* Of a command; for help, rules have names too. */
static void report_unknown(const char *name, bool or_rule)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autofree char *hint = NULL;

	for (size_t i = 0; commands[i]; i++)
		g_ptr_array_add(names, (gpointer)commands[i]->name);
	g_ptr_array_add(names, NULL);
	hint = did_you_mean(name, (const char *const *)names->pdata);
	if (or_rule && !*hint) {
		g_free(hint);
		hint = did_you_mean_rule(name);
	}
	if (*hint)
		report_error("unknown command%s \"%s\"%s", or_rule ? " or rule" : "", name, hint);
	else
		report_error("unknown command%s \"%s\"; `viommu help` lists the commands%s",
			     or_rule ? " or rule" : "", name,
			     or_rule ? ", `viommu check --rules` the rules" : "");
}

/* Of a command, or of the rule with that id. */
static int help_about(const char *name)
{
	const struct command *about = command_find(name);
	const struct viommu_rule *rule = about ? NULL : find_rule(name);

	if (about)
		command_help(about);
	else if (rule)
		explain_rule(rule);
	else
		report_unknown(name, true);
	return about || rule ? EXIT_CLEAN : EXIT_COULD_NOT;
}

static int run_help(const struct command *command, char **arguments)
{
	const char *name = *arguments;

	if (name && arguments[1])
		return command_usage(command, "give one command");
	if (completion && !print_completion(name ? name : "bash", commands))
		return command_usage(command, "no completion for \"%s\": use bash, zsh or fish",
				     name);
	if (!completion && name)
		return help_about(name);
	if (!completion)
		print_commands(stdout);
	return EXIT_CLEAN;
}

const struct command help_command = {
	.name = "help",
	.arguments = "[COMMAND | RULE] | --completion [SHELL]",
	.summary = "list the commands, or describe one or a rule",
	.details =
		"RULE is the id in brackets at the end of a finding, such as viot-output-node:\n"
		"what it requires, from which clause, what Linux does, an example, and its cure.\n"
		"The scripts for completion are installed with the command. Without root, a bash\n"
		"reads the file of the last example.",
	.examples = "viommu help check\n"
		    "viommu help viot-output-node\n"
		    "mkdir -p ~/.local/share/bash-completion/completions\n"
		    "viommu help --completion >~/.local/share/bash-completion/completions/viommu",
	.choices = (const struct choice[]){ { "SHELL", shells }, { NULL, NULL } },
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

/* "-o -" is standard output, as without -o. */
static void read_output_name(const struct command *command)
{
	for (const GOptionEntry *option = command->options; option && option->long_name; option++)
		if (!strcmp(option->long_name, "output") &&
		    !g_strcmp0(*(char **)option->arg_data, "-"))
			reset_option(option);
}

/* GLib keeps "--" in the arguments if the next one begins with a dash. */
static char **skip_dashes(char **arguments)
{
	return *arguments && !strcmp(*arguments, "--") ? arguments + 1 : arguments;
}

/* The option of the command that an unknown one is near to: GLib names only the unknown one. */
static char *did_you_mean_option(const struct command *command, char **arguments)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	const char *const *known;
	char *hint = NULL;

	g_ptr_array_add(names, g_strdup("--help"));
	for (const GOptionEntry *option = command->options; option && option->long_name; option++)
		g_ptr_array_add(names, g_strconcat("--", option->long_name, NULL));
	g_ptr_array_add(names, NULL);
	known = (const char *const *)names->pdata;
	for (; *arguments && (!hint || !*hint); arguments++) {
		g_autofree char *name = g_strndup(*arguments, strcspn(*arguments, "="));

		if (g_str_has_prefix(name, "--") && !g_strv_contains(known, name)) {
			g_free(hint);
			hint = did_you_mean(name, known);
		}
	}
	return hint ? hint : g_strdup("");
}

static int report_options(const struct command *command, const GError *error, char **arguments)
{
	g_autofree char *hint =
		g_error_matches(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION)
			? did_you_mean_option(command, arguments)
			: g_strdup("");

	return command_usage(command, "%s%s", error->message, hint);
}

/* A table that is typed or pasted: the pager would take the terminal's keys. */
static bool reads_terminal(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "-"))
			return isatty(STDIN_FILENO);
	return false;
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
	if (!g_option_context_parse_strv(context, &arguments, &error)) {
		status = report_options(command, error, arguments);
	} else if (wants_help) {
		command_help(command);
	} else {
		if (command->is_paged && !reads_terminal(argc, argv))
			pager_start();
		read_output_name(command);
		status = command->run(command, skip_dashes(arguments + 1));
	}
	g_option_context_free(context);
	reset_options(command);
	return status;
}

/* A full disk is an error: a truncated table must not look complete. */
static int flush(int status)
{
	if (ferror(stdout) || fflush(stdout)) {
		report_error("cannot write standard output: %s", g_strerror(errno));
		status = EXIT_COULD_NOT;
	}
	pager_end();
	return status;
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
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		printf("viommu %s\n", viommu_version());
		return flush(EXIT_CLEAN);
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = help_command.name;
	command = command_find(name);
	if (!command) {
		report_unknown(name, false);
		return EXIT_COULD_NOT;
	}
	return flush(run(command, argc - 1, argv + 1));
}
