/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu: the command. Finds the subcommand, parses its options, runs it.
 *
 * Usage, help and the list of commands are all printed from the rows of `commands`.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viommu/device.h>

#include "command.h"

static const struct command *const commands[] = {
	&generate_command, &dump_command,     &check_command,
	&resolve_command,  &topology_command, &demo_command,
};

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("viommu: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

int command_usage(const struct command *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "viommu %s: ", command->name);
	vfprintf(stderr, format, args);
	fprintf(stderr, "\nusage: viommu %s %s\nmore:  viommu help %s\n", command->name,
		command->arguments, command->name);
	va_end(args);
	return EXIT_COULD_NOT;
}

int print_findings(const struct viommu_findings *findings)
{
	for (size_t i = 0; i < viommu_findings_count(findings); i++) {
		char *line = viommu_finding_line(viommu_findings_get(findings, i));

		fprintf(stderr, "%s\n", line);
		free(line);
	}
	return viommu_findings_count_from(findings, VIOMMU_WARNING) ? EXIT_FINDINGS : EXIT_CLEAN;
}

/* -- help ------------------------------------------------------------------------- */

static void print_commands(FILE *to)
{
	fputs("usage: viommu COMMAND [OPTION...] [ARGUMENT...]\n\n", to);
	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(to, "  %-10s %s\n", "help",
		"this list, or what a command does: viommu help COMMAND");
	fputs("\nExit status: 0 clean, 1 findings, 2 could not do it.\n", to);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static GOptionContext *context_of(const struct command *command)
{
	GOptionContext *context = g_option_context_new(command->arguments);
	g_autofree char *description = g_strdup_printf("%s\n", command->details);

	g_option_context_set_summary(context, command->summary);
	if (command->details)
		g_option_context_set_description(context, description);
	if (command->options)
		g_option_context_add_main_entries(context, command->options, NULL);
	return context;
}

static int help(const char *name)
{
	const struct command *command = name ? find_command(name) : NULL;
	g_autofree char *text = NULL, *program = NULL;
	GOptionContext *context;

	if (name && !command) {
		complain("there is no command \"%s\"", name);
		print_commands(stderr);
		return EXIT_COULD_NOT;
	}
	if (!command) {
		print_commands(stdout);
		return EXIT_CLEAN;
	}
	program = g_strdup_printf("viommu %s", command->name);
	g_set_prgname(program);
	context = context_of(command);
	g_option_context_set_help_enabled(context, FALSE);
	text = g_option_context_get_help(context, TRUE, NULL);
	fputs(text, stdout);
	g_option_context_free(context);
	return EXIT_CLEAN;
}

/* -- running ------------------------------------------------------------------------- */

static int run(const struct command *command, int argc, char **argv)
{
	GOptionContext *context = context_of(command);
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) arguments = g_new0(char *, (gsize)argc + 1);
	g_autofree char *program = g_strdup_printf("viommu %s", command->name);
	int status;

	for (int i = 0; i < argc; i++)
		arguments[i] = g_strdup(argv[i]);
	g_set_prgname(program);
	if (g_option_context_parse_strv(context, &arguments, &error))
		status = command->run(command, arguments + 1);
	else
		status = command_usage(command, "%s", error->message);
	g_option_context_free(context);
	return status;
}

/* What was printed must have arrived: a full disk is an error, not a shorter table. */
static int flush(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	complain("could not write the output: %s", g_strerror(errno));
	return EXIT_COULD_NOT;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	const struct command *command;

	if (!name) {
		print_commands(stderr);
		return EXIT_COULD_NOT;
	}
	if (!strcmp(name, "--version")) {
		printf("viommu %s\n", viommu_version());
		return flush(EXIT_CLEAN);
	}
	if (!strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h"))
		return flush(help(argc > 2 ? argv[2] : NULL));
	command = find_command(name);
	if (!command) {
		complain("there is no command \"%s\"", name);
		print_commands(stderr);
		return EXIT_COULD_NOT;
	}
	return flush(run(command, argc - 1, argv + 1));
}
