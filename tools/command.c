/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu: the command. Finds the subcommand, parses its options, runs it, and makes sure that
 * what it printed has arrived. Nothing of it is left behind: it can be called again.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viommu/device.h>

#include "command.h"

const struct command *const commands[] = {
	&generate_command, &convert_command, &dump_command,  &check_command,
	&resolve_command,  &diff_command,    &graph_command, &plan_command,
	&topology_command, &demo_command,    &help_command,  NULL,
};

/* How many bytes are ASCII, and how many are not. */
#define BEYOND_ASCII 128u

/* -- what every subcommand says alike ------------------------------------------------ */

/* What names hold would be obeyed by a terminal. Findings have the same for names of files. */
char *harmless(const char *text)
{
	return viommu_place_text(
		&(const struct viommu_place){ .file = text, .at = VIOMMU_NOWHERE });
}

/* One line, whatever it quotes. */
__attribute__((format(printf, 2, 0))) static void put_line(FILE *to, const char *format,
							   va_list args)
{
	g_autofree char *line = g_strdup_vprintf(format, args), *shown = harmless(line);

	fprintf(to, "%s\n", shown);
}

/* An answer. */
void say_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_line(stdout, format, args);
	va_end(args);
}

/* What went wrong with the command itself has its name in front, as people expect of any. */
void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("viommu: ", stderr);
	put_line(stderr, format, args);
	va_end(args);
}

/* The reason first, then how it should be, in two lines: a page of help would hide both. */
int command_usage(const struct command *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "viommu %s: ", command->name);
	put_line(stderr, format, args);
	fprintf(stderr, "usage: viommu %s %s\nmore:  viommu help %s\n", command->name,
		command->arguments, command->name);
	va_end(args);
	return EXIT_COULD_NOT;
}

/* Names of files keep apart what looks alike. UTF-8 is left as it is. */
char *printable(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1), *escaped = NULL;
	char beyond_ascii[BEYOND_ASCII + 1] = { 0 };

	for (unsigned i = 0; i < BEYOND_ASCII; i++)
		beyond_ascii[i] = (char)(BEYOND_ASCII + i);
	escaped = g_strescape(valid, beyond_ascii);
	return harmless(escaped);
}

/* Together and last, so that they do not stand between the lines of what was asked for. */
int print_findings(const struct viommu_findings *findings)
{
	for (size_t i = 0; i < viommu_findings_count(findings); i++) {
		char *line = viommu_finding_line(viommu_findings_get(findings, i));

		fprintf(stderr, "%s\n", line);
		free(line);
	}
	return viommu_findings_count_from(findings, VIOMMU_WARNING) ? EXIT_FINDINGS : EXIT_CLEAN;
}

/* Names are few, and whole: an abbreviation that works today would mean something else tomorrow. */
const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

/* -- running ------------------------------------------------------------------------- */

/*
 * Options are variables of the files that have them; they are as at the beginning again. Those with
 * a value are all strings, and these are owned.
 */
static void forget_options(const struct command *command)
{
	for (const GOptionEntry *option = command->options; option && option->long_name; option++)
		if (option->arg == G_OPTION_ARG_NONE)
			*(gboolean *)option->arg_data = FALSE;
		else
			g_clear_pointer((char **)option->arg_data, g_free);
}

/* GLib leaves "--" where what follows it begins with a dash. */
static char **skip_dashes(char **arguments)
{
	return *arguments && !strcmp(*arguments, "--") ? arguments + 1 : arguments;
}

/*
 * GLib's own --help leaves the program on the spot, before anybody has seen whether the text
 * could be written; so it is an option like any other here.
 */
static int run(const struct command *command, int argc, char **argv)
{
	gboolean wants_help = FALSE;
	const GOptionEntry common[] = {
		{ "help", 'h', 0, G_OPTION_ARG_NONE, &wants_help, "say what it does", NULL },
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
	forget_options(command);
	return status;
}

/* A full disk is an error, not a shorter table. */
static int flush(int status)
{
	if (!ferror(stdout) && !fflush(stdout))
		return status;
	complain("could not write standard output: %s", g_strerror(errno));
	return EXIT_COULD_NOT;
}

/* Options of the command itself are only those that every program has; all else belongs to a row.
 */
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
		complain("there is no command \"%s\"; `viommu help` lists those there are", name);
		return EXIT_COULD_NOT;
	}
	return flush(run(command, argc - 1, argv + 1));
}
