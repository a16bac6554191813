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
#include "left_out.h"
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

enum { BEFORE, AFTER, N_SIDES };

/* A table or topology of one side. */
struct machine {
	char *name, *signature; /* "" for a topology */
	struct viommu_topology *topology;
	GString *left_out; /* structures of the table that a topology has no place for */
	unsigned n_left_out;
	bool compared;
};

struct comparison {
	GArray *sides[N_SIDES]; /* struct machine */
	GArray *taking;
	struct viommu_findings *findings;
	struct json *json; /* NULL: text */
	bool differs;
};

/* -- sides --------------------------------------------------------------------------- */

static void machine_clear(gpointer pointer)
{
	struct machine *machine = pointer;

	g_free(machine->name);
	g_free(machine->signature);
	viommu_topology_free(machine->topology);
	g_string_free(machine->left_out, TRUE);
}

static void take_left_out(struct machine *machine, const struct viommu_table *table)
{
	struct viommu_findings *findings = viommu_findings_new();
	const struct viommu_finding *finding;

	machine->left_out = g_string_new(NULL);
	report_left_out(table, findings);
	for (size_t i = 0; (finding = viommu_findings_get(findings, i)); i++) {
		g_string_append_printf(machine->left_out, "%s %s\n", finding->id, finding->text);
		machine->n_left_out++;
	}
	viommu_findings_free(findings);
}

static void take_machine(void *opaque, struct input *input)
{
	struct comparison *comparison = opaque;
	struct machine machine = { .name = printable(input->name) };

	if (!input_topology(input, comparison->findings)) {
		g_free(machine.name);
		return;
	}
	machine.signature = g_strdup(input->table ? viommu_table_signature(input->table) : "");
	machine.topology = g_steal_pointer(&input->topology);
	take_left_out(&machine, input->table);
	g_array_append_val(comparison->taking, machine);
}

/* NULL after the last. */
static struct machine *machine_at(GArray *side, size_t i)
{
	return i < side->len ? &g_array_index(side, struct machine, i) : NULL;
}

/* A single table on each side is a pair whatever the signatures; otherwise these must match. */
static struct machine *find_pair(const struct comparison *comparison, const struct machine *machine)
{
	GArray *others = comparison->sides[AFTER];

	if (comparison->sides[BEFORE]->len == 1 && others->len == 1)
		return machine_at(others, 0);
	for (size_t i = 0; i < others->len; i++)
		if (!machine_at(others, i)->compared &&
		    g_str_equal(machine_at(others, i)->signature, machine->signature))
			return machine_at(others, i);
	return NULL;
}

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

static void report_difference(struct comparison *comparison,
			      const struct viommu_difference *difference)
{
	comparison->differs |= counts(difference);
	if (comparison->json)
		add_difference(comparison->json, difference);
	else
		print_difference(difference);
}

/* -- comparing --------------------------------------------------------------------------- */

/* What they are is not compared: a topology, for one, cannot have them. */
static void compare_left_out(struct comparison *comparison, const struct machine *before,
			     const struct machine *after)
{
	const struct viommu_place nowhere = { .at = VIOMMU_NOWHERE };
	g_autofree char *was = g_strdup_printf("%u", before->n_left_out);
	g_autofree char *is = g_strdup_printf("%u", after->n_left_out);

	if (!g_string_equal(before->left_out, after->left_out))
		report_difference(comparison,
				  &(struct viommu_difference){
					  .rank = VIOMMU_DIFFERENCE_DETAIL,
					  .what = "the machine",
					  .property = "structures without a meaning here",
					  .before = was,
					  .after = is,
					  .before_place = nowhere,
					  .after_place = nowhere });
}

/* Differences of routes come first. */
static void compare_pair(struct comparison *comparison, const struct machine *before,
			 const struct machine *after)
{
	struct viommu_diff *diff = viommu_topology_diff(before->topology, after->topology);
	const struct viommu_difference *difference;

	for (size_t i = 0; (difference = viommu_diff_get(diff, i)); i++)
		report_difference(comparison, difference);
	viommu_diff_free(diff);
	compare_left_out(comparison, before, after);
}

/* A missing table may change every route, so it ranks with the differences of routes. */
static void report_alone(struct comparison *comparison, int side, const struct machine *machine)
{
	struct viommu_place place = { .file = machine->name, .at = VIOMMU_NOWHERE };
	const struct viommu_place nowhere = { .at = VIOMMU_NOWHERE };
	g_autofree char *what = g_strdup_printf("table %s", *machine->signature ? machine->signature
										: machine->name);

	report_difference(comparison, &(struct viommu_difference){
					      .rank = VIOMMU_DIFFERENCE_ROUTE,
					      .what = what,
					      .before = side == BEFORE ? "there" : NULL,
					      .after = side == AFTER ? "there" : NULL,
					      .before_place = side == BEFORE ? place : nowhere,
					      .after_place = side == AFTER ? place : nowhere });
}

static void compare_all(struct comparison *comparison)
{
	struct machine *machine, *other;

	for (size_t i = 0; (machine = machine_at(comparison->sides[BEFORE], i)); i++) {
		other = find_pair(comparison, machine);
		if (other)
			compare_pair(comparison, machine, other);
		else
			report_alone(comparison, BEFORE, machine);
		if (other)
			other->compared = true;
	}
	for (size_t i = 0; (machine = machine_at(comparison->sides[AFTER], i)); i++)
		if (!machine->compared)
			report_alone(comparison, AFTER, machine);
}

/* What was compared, so that silence is not mistaken for a file that was not read. */
static void print_same(const struct comparison *comparison)
{
	GString *text = g_string_new(NULL);
	const struct machine *machine;

	for (size_t i = 0; (machine = machine_at(comparison->sides[BEFORE], i)); i++)
		g_string_append_printf(text, "%s%s", i ? ", " : "",
				       *machine->signature ? machine->signature : "a topology");
	print_line("no difference in meaning; compared: %s", text->str);
	g_string_free(text, TRUE);
}

static void print(struct comparison *comparison)
{
	if (as_json) {
		comparison->json = json_begin();
		json_key(comparison->json, "differences");
		json_open(comparison->json, '[');
	}
	compare_all(comparison);
	if (comparison->json) {
		json_close(comparison->json, ']');
		json_end(comparison->json);
	} else if (!comparison->differs && !quiet) {
		print_same(comparison);
	}
}

/* Both are read even if the first fails, so that both errors are reported. */
static int read_sides(struct comparison *comparison, char **names)
{
	int status = EXIT_CLEAN;

	for (int i = 0; i < N_SIDES; i++) {
		char *name[] = { names[i], NULL };

		comparison->sides[i] = g_array_new(FALSE, FALSE, sizeof(struct machine));
		g_array_set_clear_func(comparison->sides[i], machine_clear);
		comparison->taking = comparison->sides[i];
		status = worse(status,
			       read_inputs(name, comparison->findings, take_machine, comparison));
		if (!comparison->taking->len)
			status = report_no_input(name, status);
	}
	return status;
}

/*
 * Findings are printed, but do not affect the exit status: an invalid table is not a different one.
 */
static int run(const struct command *command, char **arguments)
{
	struct comparison comparison = { 0 };
	int status;

	if (g_strv_length(arguments) != N_SIDES)
		return command_usage(command, "name two files, before and after");
	comparison.findings = viommu_findings_new();
	input_joined = true;
	status = read_sides(&comparison, arguments);
	input_joined = false;
	if (status == EXIT_CLEAN)
		print(&comparison);
	if (status == EXIT_CLEAN && comparison.differs)
		status = EXIT_FINDINGS;
	print_findings(comparison.findings);
	viommu_findings_free(comparison.findings);
	for (int i = 0; i < N_SIDES; i++)
		g_array_unref(comparison.sides[i]);
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
	.options = options,
	.run = run,
};
