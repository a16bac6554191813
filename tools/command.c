/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What all subcommands print alike: lines, errors, usage, findings
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <viommu/device.h>

#include "command.h"

/* How many bytes are ASCII, and how many are not. */
#define BEYOND_ASCII 128u

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
