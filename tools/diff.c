/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu diff: how two tables, or two machines, differ in meaning
 *
 * Each side is a table, a folder of tables, or a topology. Of several tables, those with the same
 * signature are compared; a table that only one side has is a difference. Exit statuses are those
 * of diff(1).
 */
#include <stdio.h>
#include <stdlib.h>

#include <viommu/diff.h>

#include "command.h"
#include "compare.h"
#include "json.h"

static gboolean as_json, headers_count, quiet;

static const GOptionEntry options[] = {
	{ "header", 'H', 0, G_OPTION_ARG_NONE, &headers_count,
	  "count OEM and creator fields as a difference", NULL },
	{ "json", 'j', 0, G_OPTION_ARG_NONE, &as_json, "print JSON on standard output", NULL },
	{ "quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "print nothing if there is no difference",
	  NULL },
	INPUT_FORM_OPTION,
	G_OPTION_ENTRY_NULL,
};

struct report {
	struct json *json; /* NULL: text */
	bool differs;
};

/* -- printing ------------------------------------------------------------------------- */

static void add_place(struct json *json, const char *key, const struct viommu_place *place)
{
	json_key(json, key);
	json_open(json, '{');
	json_place(json, place);
	json_close(json, '}');
}

/* Absent values have no key; an unknown place is an empty object. */
static void add_difference(struct json *json, const struct viommu_difference *difference)
{
	json_open(json, '{');
	json_string(json, "rank", viommu_difference_rank_name(difference->rank));
	json_string(json, "what", difference->what);
	json_string(json, "property", difference->property);
	json_string(json, "before", difference->before);
	json_string(json, "after", difference->after);
	add_place(json, "before_place", &difference->before_place);
	add_place(json, "after_place", &difference->after_place);
	json_close(json, '}');
}

static void print_difference(const struct viommu_difference *difference)
{
	char *line = viommu_difference_line(difference);
	char *before = viommu_place_text(&difference->before_place);
	char *after = viommu_place_text(&difference->after_place);

	if (*before || *after)
		print_line("%s (%s%s%s)", line, before, *before && *after ? " -> " : "", after);
	else
		print_line("%s", line);
	free(line);
	free(before);
	free(after);
}

/* Affects the exit status only: all differences are shown. */
static bool counts(const struct viommu_difference *difference)
{
	return headers_count || difference->rank != VIOMMU_DIFFERENCE_HEADER;
}

static void report_difference(void *opaque, const struct viommu_difference *difference)
{
	struct report *report = opaque;

	report->differs |= counts(difference);
	if (report->json)
		add_difference(report->json, difference);
	else
		print_difference(difference);
}

/* What was compared, so that silence is not mistaken for a file that was not read. */
static void print_same(const struct comparison *comparison)
{
	g_autofree char *maps = comparison_maps(comparison);

	print_line("no difference in meaning; compared: %s", maps);
}

/* Returns whether they differ. */
static bool print(struct comparison *comparison)
{
	struct report report = { 0 };

	if (as_json) {
		report.json = json_begin();
		json_key(report.json, "differences");
		json_open(report.json, '[');
	}
	comparison_each(comparison, report_difference, &report);
	if (report.json) {
		json_close(report.json, ']');
		json_end(report.json);
	} else if (!report.differs && !quiet) {
		print_same(comparison);
	}
	return report.differs;
}

/*
 * Findings are printed, but do not affect the exit status: an invalid table is not a different one.
 */
static int run(const struct command *command, char **arguments)
{
	struct viommu_findings *findings;
	struct comparison *comparison;
	int status;

	if (g_strv_length(arguments) != 2)
		return command_usage(command, "name two files, before and after");
	findings = viommu_findings_new();
	comparison = comparison_new(findings);
	status = comparison_read(comparison, (char *[]){ arguments[0], NULL }, arguments + 1);
	if (status == EXIT_CLEAN && print(comparison))
		status = EXIT_FINDINGS;
	print_findings(findings);
	comparison_free(comparison);
	viommu_findings_free(findings);
	return status;
}

const struct command diff_command = {
	.name = "diff",
	.arguments = "BEFORE AFTER",
	.summary = "show how two tables or machines differ in meaning",
	.details =
		"BEFORE and AFTER are as FILE for check. The order, the offsets and the names of\n"
		"objects do not matter; the routes of devices and the properties of objects do.\n"
		"Exit status 0: the same to a guest; 1: different; 2: could not compare.",
	.examples = "viommu diff machine.dtb IORT\n"
		    "viommu diff before after",
	.is_paged = true,
	.options = options,
	.run = run,
};
