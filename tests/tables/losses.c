/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What each table cannot describe, for docs/tables.md (tests/tables_doc.py): the rows of the
 * formats, then the rules of what depends on the table as written or read. With an argument: which
 * tables there are.
 */
#include <stdio.h>
#include <string.h>

#include "tables/api/formats.h"
#include "tables/table/unsupported.h"
#include "tables/text/text.h"

static const struct viommu_rule *find_rule(const char *id)
{
	const struct viommu_rule *rule;

	for (size_t i = 0; (rule = viommu_rule(i)); i++)
		if (!strcmp(rule->id, id))
			return rule;
	fprintf(stderr, "losses: no rule %s\n", id);
	exit(1);
}

static void print_row(const char *table, const struct unsupported *row)
{
	const char *section = text_section_of(row->type)->name;

	printf("| %s | %s%s`%s`%s%s | %s | `%s` | %s |\n", table, row->part ? row->part : "",
	       row->part ? " of " : "", section, row->part ? "" : ": ",
	       row->part ? "" : row->reason, row->cure, row->rule_id,
	       viommu_severity_name(find_rule(row->rule_id)->severity));
}

/* Consecutive formats with the same rows are one table in several forms. */
static void print_rows(void)
{
	const struct format *format, *before = NULL;

	puts("| table | omitted | instead | rule | severity |\n"
	     "|---|---|---|---|---|");
	for (size_t i = 0; (format = format_get(i)); before = format, i++) {
		bool form = format->bare && format->head;

		if (before && before->unsupported == format->unsupported)
			continue;
		for (const struct unsupported *row = format->unsupported; row && row->rule_id;
		     row++)
			print_row(form ? format->name : format->signature, row);
	}
}

static bool has_row(const char *id)
{
	const struct format *format;

	for (size_t i = 0; (format = format_get(i)); i++)
		for (const struct unsupported *row = format->unsupported; row && row->rule_id;
		     row++)
			if (!strcmp(row->rule_id, id))
				return true;
	return false;
}

/* Rules of this kind are named so. */
static void print_other_rules(void)
{
	const struct viommu_rule *rule;

	puts("| rule | severity | what can be described |\n"
	     "|---|---|---|");
	for (size_t i = 0; (rule = viommu_rule(i)); i++)
		if (strstr(rule->id, "-silent") && !has_row(rule->id))
			printf("| `%s` | %s | %s |\n", rule->id,
			       viommu_severity_name(rule->severity), rule->text);
}

/* Each table once, with "yes" if it can be generated or extended. */
static void print_tables(void)
{
	const struct format *format;

	for (size_t i = 0; (format = format_get(i)); i++) {
		unsigned abilities = viommu_table_abilities(format->signature);

		printf("%s: %s\n", format->signature,
		       abilities & (VIOMMU_TABLE_GENERATE | VIOMMU_TABLE_EXTEND) ? "yes" : "no");
	}
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		print_tables();
		return 0;
	}
	print_rows();
	puts("\nThe following depend on the table as it is written or read:\n");
	print_other_rules();
	return 0;
}
