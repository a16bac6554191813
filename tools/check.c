/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu check: every rule that tables and topologies break, with place and cure
 *
 * Findings go to standard error, one line each in the form of compiler messages, or to standard
 * output as JSON. Notes do not affect the exit status. --rules lists all rules; a test compares the
 * list in docs/tables.md with it.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "command.h"
#include "findings.h"
#include "memory_map.h"
#include "rules.h"

static gboolean as_json, list_rules, quiet;
static bool is_check; /* the command itself, which says what it looked at */
static char *memory_name;

static const GOptionEntry options[] = {
	{ "json", 'j', 0, G_OPTION_ARG_NONE, &as_json, "print JSON on standard output", NULL },
	{ "quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "print nothing if there are no findings",
	  NULL },
	{ "rules", 'r', 0, G_OPTION_ARG_NONE, &list_rules,
	  "list all rules, or those whose ids follow, and check nothing", NULL },
	{ "memory", 'm', 0, G_OPTION_ARG_FILENAME, &memory_name,
	  "check memory against this map: a kernel log, or a copy of /sys/firmware/memmap",
	  "FILE" },
	INPUT_FORM_OPTION,
	G_OPTION_ENTRY_NULL,
};

struct checking {
	struct viommu_findings *findings;
	GPtrArray *tables;
	GPtrArray *topologies;  /* that are not from tables */
	GPtrArray *unknown;     /* tables without a rule of their own */
	GPtrArray *sources;     /* the machine of each table */
	struct memory_map *map; /* NULL: not given */
	const struct check_also *also;
};

static bool is_interpreted(const struct viommu_finding *finding)
{
	return strcmp(finding->id, "acpi-unknown") != 0;
}

/* A dump of a machine has dozens of tables that are not about IOMMUs: one note for all. */
static void check_unknown(struct checking *checking, const struct viommu_table *table)
{
	struct viommu_findings *findings = viommu_findings_new();

	viommu_table_check(table, findings);
	copy_findings(checking->findings, findings, is_interpreted);
	viommu_findings_free(findings);
}

/* Checks of the table itself report what reading it reports. */
static void check_memory(const struct checking *checking, struct input *input)
{
	struct viommu_findings *findings = viommu_findings_new();
	const struct viommu_topology *topology =
		checking->map ? input_topology(input, findings) : NULL;

	if (topology)
		memory_map_check(checking->map, topology, checking->findings);
	viommu_findings_free(findings);
}

/* Tables are kept until all inputs are read, for the rules across tables. */
static void check_input(void *opaque, struct input *input)
{
	struct checking *checking = opaque;

	if (checking->also)
		checking->also->input(checking->also->opaque, input);
	check_memory(checking, input);
	if (!input->table) {
		viommu_topology_check(input->topology, checking->findings);
		g_ptr_array_add(checking->topologies, g_steal_pointer(&input->topology));
		return;
	}
	if (viommu_table_abilities(viommu_table_signature(input->table))) {
		viommu_table_check(input->table, checking->findings);
		g_ptr_array_add(checking->tables, g_steal_pointer(&input->table));
		g_ptr_array_add(checking->sources, (gpointer)input->source);
	} else {
		check_unknown(checking, input->table);
		g_ptr_array_add(checking->unknown, g_steal_pointer(&input->table));
	}
}

/* Each signature once, in the order of the input. */
static char *signatures_of(const GPtrArray *tables)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	GString *list = g_string_new(NULL);

	for (guint i = 0; i < tables->len; i++) {
		const char *signature = viommu_table_signature(tables->pdata[i]);

		if (g_hash_table_add(seen, (gpointer)signature))
			g_string_append_printf(list, "%s%s", list->len ? ", " : "", signature);
	}
	return g_string_free(list, FALSE);
}

static void summarize_unknown(const struct checking *checking)
{
	const GPtrArray *unknown = checking->unknown;
	g_autofree char *list = signatures_of(unknown), *text = NULL;
	struct viommu_place place = { .at = 0 };

	if (!unknown->len)
		return;
	place.file = viommu_table_file(unknown->pdata[0]);
	if (unknown->len > 1)
		place.at = VIOMMU_NOWHERE;
	text = unknown->len == 1
		       ? g_strdup_printf("%s is not a table of IOMMUs that can be read", list)
		       : g_strdup_printf("%u tables are not tables of IOMMUs that can be read: %s",
					 unknown->len, list);
	viommu_findings_add(checking->findings, "acpi-unknown", &place, text, NULL);
}

/*
 * No machine has two tables with one signature in two files; two in one file or folder are a
 * finding. Every device tree is a machine.
 */
static bool is_one_machine(const struct checking *checking)
{
	g_autoptr(GHashTable) sources = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < checking->tables->len; i++) {
		const char *signature = viommu_table_signature(checking->tables->pdata[i]);
		const char *source = checking->sources->pdata[i];
		const char *other = g_hash_table_lookup(sources, signature);

		if (other && strcmp(signature, "SSDT") != 0 &&
		    (strcmp(other, source) != 0 || !strcmp(signature, "DTB")) &&
		    (viommu_table_abilities(signature) & VIOMMU_TABLE_RECORDS))
			return false;
		g_hash_table_insert(sources, (gpointer)signature, (gpointer)source);
	}
	return true;
}

/* Tables that were read one after the other from one folder. Returns their number. */
static guint check_machine(const struct checking *checking, guint from)
{
	const char *source = checking->sources->pdata[from];
	guint n = 1;

	while (from + n < checking->tables->len &&
	       !strcmp(checking->sources->pdata[from + n], source))
		n++;
	if (n > 1)
		viommu_tables_check_together(
			(const struct viommu_table *const *)checking->tables->pdata + from, n,
			checking->findings);
	return n;
}

static void check_together(const struct checking *checking)
{
	const GPtrArray *tables = checking->tables;

	if (is_one_machine(checking))
		viommu_tables_check_together((const struct viommu_table *const *)tables->pdata,
					     tables->len, checking->findings);
	else
		for (guint i = 0; i < tables->len;)
			i += check_machine(checking, i);
}

static bool is_srat(const struct checking *checking, guint i)
{
	return !strcmp(viommu_table_signature(checking->tables->pdata[i]), "SRAT");
}

/* A table of a folder has the file in it as its name. */
static bool is_in_folder(const struct checking *checking, guint i)
{
	return strcmp(checking->sources->pdata[i], viommu_table_file(checking->tables->pdata[i])) !=
	       0;
}

/* Is there a machine whose SRAT would have to be one of several that were named? */
static bool lacks_srat(const struct checking *checking)
{
	g_autoptr(GHashTable) with = g_hash_table_new(g_str_hash, g_str_equal);
	bool any_named = false, any_without = false;

	for (guint i = 0; i < checking->tables->len; i++)
		if (is_srat(checking, i)) {
			g_hash_table_add(with, checking->sources->pdata[i]);
			any_named |= !is_in_folder(checking, i);
		}
	for (guint i = 0; i < checking->tables->len; i++)
		any_without |= is_in_folder(checking, i) &&
			       !g_hash_table_contains(with, checking->sources->pdata[i]);
	return checking->topologies->len || (any_named && any_without);
}

/* Each SRAT numbers the domains of a machine of its own. Returns false after reporting that it is
 * not known which SRAT counts. */
static bool check_srats(const struct checking *checking)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (guint i = 0; i < checking->tables->len; i++)
		if (is_srat(checking, i))
			g_ptr_array_add(names,
					(gpointer)viommu_table_file(checking->tables->pdata[i]));
	if (names->len < 2 || !lacks_srat(checking))
		return true;
	report_error("%s and %s%s: two SRATs%s, so proximity domains were not compared; name only "
		     "the SRAT of the machine",
		     (const char *)names->pdata[0], (const char *)names->pdata[1],
		     names->len > 2 ? ", and others" : "", names->len > 2 ? " or more" : "");
	return false;
}

/* A topology is a machine in the making: the SRAT is that of the same machine. */
static void check_domains(const struct checking *checking)
{
	for (guint i = 0; i < checking->tables->len; i++)
		for (guint j = 0; j < checking->topologies->len; j++)
			viommu_topology_check_domains(checking->topologies->pdata[j],
						      checking->tables->pdata[i],
						      checking->findings);
}

static void free_topology(void *topology)
{
	viommu_topology_free(topology);
}

static void free_table(void *table)
{
	viommu_table_free(table);
}

/* The scan has compared what sysfs says with itself; its findings are reported. */
static void check_host(void *opaque, const char *name, const struct viommu_host *host)
{
	const struct checking *checking = opaque;

	if (checking->also)
		checking->also->host(checking->also->opaque, name, host);
	else if (is_check && !as_json && !quiet)
		print_line("%s: no table that describes IOMMUs; sysfs alone was checked", name);
}

/* What was looked at, so that silence is not mistaken for a file that was not read. */
static char *describe_checked(const struct checking *checking)
{
	g_autofree char *list = signatures_of(checking->tables);
	GString *text = g_string_new(NULL);

	if (checking->tables->len == 1)
		g_string_append_printf(text, "the table %s", list);
	else if (checking->tables->len)
		g_string_append_printf(text, "%u tables (%s)", checking->tables->len, list);
	if (checking->topologies->len)
		g_string_append_printf(text, "%s%u topolog%s", text->len ? " and " : "",
				       checking->topologies->len,
				       checking->topologies->len == 1 ? "y" : "ies");
	return g_string_free(text, FALSE);
}

static void print_clean(const struct checking *checking)
{
	g_autofree char *looked_at = describe_checked(checking);
	size_t n = viommu_findings_count(checking->findings);

	if (!is_check || quiet || as_json || !*looked_at ||
	    viommu_findings_count_from(checking->findings, VIOMMU_WARNING))
		return;
	if (n)
		print_line("checked %s: %zu note%s, no warning, no error", looked_at, n,
			   n == 1 ? "" : "s");
	else
		print_line("checked %s: no findings", looked_at);
}

int check_inputs(char **names, struct viommu_findings *findings, const struct check_also *also)
{
	struct memory_map *map = memory_name ? memory_map_read(memory_name) : NULL;
	struct checking checking = { .findings = findings, .map = map, .also = also };
	int status;

	if (memory_name && !map)
		return EXIT_COULD_NOT;
	checking.tables = g_ptr_array_new_with_free_func(free_table);
	checking.unknown = g_ptr_array_new_with_free_func(free_table);
	checking.sources = g_ptr_array_new();
	checking.topologies = g_ptr_array_new_with_free_func(free_topology);
	input_neighbours = input_host_findings = true;
	input_host = check_host;
	status = read_inputs(names, findings, check_input, &checking);
	input_neighbours = input_host_findings = false;
	input_host = NULL;
	summarize_unknown(&checking);
	check_together(&checking);
	if (check_srats(&checking))
		check_domains(&checking);
	else
		status = EXIT_COULD_NOT;
	if (status == EXIT_CLEAN)
		print_clean(&checking);
	g_ptr_array_free(checking.tables, TRUE);
	g_ptr_array_free(checking.sources, TRUE);
	g_ptr_array_free(checking.topologies, TRUE);
	g_ptr_array_free(checking.unknown, TRUE);
	memory_map_free(map);
	return status;
}

/* -- the command ------------------------------------------------------------------- */

static int run(const struct command *command, char **arguments)
{
	struct viommu_findings *findings;
	int status;

	(void)command;
	if (list_rules)
		return print_rules(arguments, as_json);
	findings = viommu_findings_new();
	is_check = true;
	status = check_inputs(arguments, findings, NULL);
	is_check = false;
	status = worse(status, report_findings(findings, as_json));
	viommu_findings_free(findings);
	return status;
}

const struct command check_command = {
	.name = "check",
	.arguments = "[FILE...] | --rules [RULE...]",
	.summary = "check firmware tables or topologies, and suggest cures",
	.details =
		"A FILE is as for dump, or a topology. Tables are checked one by one, and then\n"
		"together as those of one machine, unless two files have the same table. A folder\n"
		"or an archive is one machine. A topology is compared with one SRAT.\n"
		"Exit status 1: there is a warning or an error. Notes do not count. viommu help\n"
		"RULE explains the rule whose id is in brackets at the end of a finding.",
	.examples = "viommu check DMAR SRAT\n"
		    "viommu check machine.yaml SRAT\n"
		    "viommu check --rules dmar-rmrr-pages",
	.is_paged = true,
	.options = options,
	.run = run,
};
