/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Output that all subcommands share: lines, errors, usage, findings
 *
 * Whatever a file or a name contains, a terminal never receives a control character of it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <viommu/device.h>

#include "command.h"
#include "pager.h"

#define N_ASCII 128u

char *terminal_text(const char *text)
{
	return viommu_place_text(
		&(const struct viommu_place){ .file = text, .at = VIOMMU_NOWHERE });
}

__attribute__((format(printf, 2, 0))) static void write_line(FILE *to, const char *format,
							     va_list args)
{
	g_autofree char *line = g_strdup_vprintf(format, args), *shown = terminal_text(line);

	fprintf(to, "%s\n", shown);
}

void print_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(stdout, format, args);
	va_end(args);
}

void report_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("viommu: ", stderr);
	write_line(stderr, format, args);
	va_end(args);
}

/* Two lines: a page of help would hide the reason. */
int command_usage(const struct command *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "viommu %s: ", command->name);
	write_line(stderr, format, args);
	fprintf(stderr, "usage: viommu %s %s\nmore:  viommu help %s\n", command->name,
		command->arguments, command->name);
	va_end(args);
	return EXIT_COULD_NOT;
}

/* UTF-8 is left as it is; everything else is escaped, so that no two names look the same. */
char *printable(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1), *escaped = NULL;
	char not_ascii[N_ASCII + 1] = { 0 };

	for (unsigned i = 0; i < N_ASCII; i++)
		not_ascii[i] = (char)(N_ASCII + i);
	escaped = g_strescape(valid, not_ascii);
	return terminal_text(escaped);
}

/* https://no-color.org, and as compilers do it. */
static bool is_coloured(void)
{
	const char *no_color = g_getenv("NO_COLOR"), *terminal = g_getenv("TERM");

	return (isatty(STDERR_FILENO) || pager_takes_errors()) && !(no_color && *no_color) &&
	       terminal && strcmp(terminal, "dumb") != 0;
}

/* A line of viommu_finding_line(), with the severity in colour. */
static void print_coloured(const struct viommu_finding *finding, const char *line)
{
	static const char *const colours[] = {
		[VIOMMU_NOTE] = "1;36",
		[VIOMMU_WARNING] = "1;35",
		[VIOMMU_ERROR] = "1;31",
	};
	const char *name = viommu_severity_name(finding->severity);
	g_autofree char *mark = g_strdup_printf("%s: ", name);
	const char *at = g_str_has_prefix(line, mark) ? line : strstr(line, mark);

	if (at)
		fprintf(stderr, "%.*s\033[%sm%s:\033[0m%s\n", (int)(at - line), line,
			colours[finding->severity], name, at + strlen(name) + 1);
	else
		fprintf(stderr, "%s\n", line);
}

/* Called last, so that findings do not interrupt the output. */
int print_findings(const struct viommu_findings *findings)
{
	bool coloured = is_coloured();

	for (size_t i = 0; i < viommu_findings_count(findings); i++) {
		const struct viommu_finding *finding = viommu_findings_get(findings, i);
		char *line = viommu_finding_line(finding);

		if (coloured)
			print_coloured(finding, line);
		else
			fprintf(stderr, "%s\n", line);
		free(line);
	}
	return viommu_findings_count_from(findings, VIOMMU_WARNING) ? EXIT_FINDINGS : EXIT_CLEAN;
}
