/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu report: a machine as one page of HTML
 *
 * Findings with their rules and cures, a picture, the map of devices, and every field of each table
 * beside its bytes. With --compare, also what is different from another machine. The page needs no
 * network and no other file.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "command.h"
#include "compare.h"
#include "graph.h"
#include "report_page.h"
#include "resolve.h"
#include "rules.h"

static char *output_name, *compare_name;

static const GOptionEntry options[] = {
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &output_name,
	  "write the page to FILE instead of standard output", "FILE" },
	{ "compare", 'c', 0, G_OPTION_ARG_FILENAME, &compare_name,
	  "also show what is different from this machine, an earlier one", "BEFORE" },
	INPUT_FORM_OPTION,
	G_OPTION_ENTRY_NULL,
};

/* Fields and structures of a table. A page of more is not read; `viommu dump` shows them. */
#define FIELDS_MAX 20000

/* Lines of a map; `viommu resolve --all` shows them all. */
#define ROWS_MAX 5000

/* A page of more pictures is not read, and Graphviz takes its time for each. */
#define PICTURES_MAX 32

/* Tables and topologies: a machine has fewer, and each of more would be a part of the page. */
#define INPUTS_MAX 256

/* Larger tables are closed at first. Bytes. */
#define OPEN_MAX 4096

struct report {
	struct viommu_findings *findings; /* of a topology: its check reports the same */
	GString *maps, *tables;
	struct comparison *comparison; /* NULL: not asked for */
	unsigned n;                    /* tables and topologies of IOMMUs, and hosts */
	unsigned n_inputs;             /* those, and tables without IOMMUs */
	unsigned n_pictures;
};

/* -- findings ---------------------------------------------------------------------- */

static void add_rule(GString *page, const char *id)
{
	const struct viommu_rule *rule = find_rule(id);

	g_string_append(page, "<td><details><summary><code>");
	page_text(page, id);
	g_string_append(page, "</code></summary>");
	if (rule) {
		page_element(page, "p", NULL, rule->text);
		g_string_append(page, "<p>From: ");
		page_text(page, rule->clause);
		if (rule->on_linux) {
			g_string_append(page, "<br>Linux ");
			page_text(page, rule->on_linux);
		}
		g_string_append(page, "</p>");
	}
	g_string_append(page, "</details></td>");
}

static void add_finding(GString *page, const struct viommu_finding *finding)
{
	const char *severity = viommu_severity_name(finding->severity);
	g_autofree char *place = viommu_place_text(&finding->place);
	g_autofree char *class = g_strdup_printf("class=\"%s\"", severity);

	g_string_append(page, "<tr>");
	page_element(page, "td", class, severity);
	page_element(page, "td", NULL, finding->text);
	page_element(page, "td", NULL, finding->cure);
	page_element(page, "td", "class=\"bytes\"", place);
	add_rule(page, finding->id);
	g_string_append(page, "</tr>\n");
}

static void add_findings(GString *page, const struct viommu_findings *findings)
{
	const struct viommu_finding *finding;

	g_string_append(
		page, "<section aria-labelledby=\"findings\"><h2 id=\"findings\">Findings</h2>\n");
	if (!viommu_findings_count(findings))
		g_string_append(page, "<p>No rule is broken.</p>\n");
	else
		g_string_append(
			page,
			"<table><thead><tr><th scope=\"col\">Severity<th scope=\"col\">Problem"
			"<th scope=\"col\">Cure<th scope=\"col\">Place<th scope=\"col\">Rule"
			"</tr></thead><tbody>\n");
	for (size_t i = 0; (finding = viommu_findings_get(findings, i)); i++)
		add_finding(page, finding);
	if (viommu_findings_count(findings))
		g_string_append(page, "</tbody></table>\n");
	g_string_append(page, "</section>\n");
}

/* -- maps and pictures ------------------------------------------------------------- */

/*
 * The XML declaration and the document type are not for within a page. Graphviz gives the groups of
 * every picture the same ids, and escapes "<" in names.
 */
static void add_svg(struct report *report, GBytes *picture)
{
	gsize length;
	const char *text = g_bytes_get_data(picture, &length);
	const char *svg = text ? g_strstr_len(text, (gssize)length, "<svg") : NULL;
	g_autoptr(GString) own = svg ? g_string_new_len(svg, (gssize)length - (svg - text)) : NULL;
	g_autofree char *group = g_strdup_printf("<g id=\"picture%u-", report->n_pictures);

	if (!svg)
		return;
	g_string_replace(own, "<g id=\"", group, 0);
	g_string_append(report->maps, own->str);
}

static void add_picture(struct report *report, const char *graph)
{
	g_autoptr(GBytes) picture = NULL;

	if (!graph)
		return;
	if (++report->n_pictures > PICTURES_MAX) {
		g_string_append(
			report->maps,
			"<p>The page has no more pictures: <code>viommu graph</code></p>\n");
		return;
	}
	if (draw_graph(graph, "svg", &picture) != EXIT_CLEAN)
		return;
	g_string_append(report->maps,
			"<p class=\"tools\">Picture: <button value=\"1.25\" "
			"aria-label=\"larger\">+</button> "
			"<button value=\"0.8\" aria-label=\"smaller\">&minus;</button> "
			"<button value=\"0\">fit</button></p>\n<div class=\"picture\" "
			"tabindex=\"0\" role=\"region\" "
			"aria-label=\"Picture of the routes: + and - zoom\">");
	add_svg(report, picture);
	g_string_append(report->maps, "</div>\n");
}

/*
 * A line of cells; a column that is not used has no cell. Returns the first cell of the next line.
 */
static const char *add_cells(GString *page, const struct columns *columns, const char *cell,
			     const char *element, const char *attributes)
{
	g_string_append(page, "<tr>");
	for (int i = 0; i < MAX_COLUMNS; i++, cell = columns_next(cell))
		if (columns->used[i])
			page_element(page, element, attributes, cell);
	g_string_append(page, "</tr>\n");
	return cell;
}

static void add_part(GString *page, struct columns *columns)
{
	const char *cell = columns->cells->str;
	guint n_rows = columns->n_lines - 1, n_shown = MIN(n_rows, ROWS_MAX);

	g_string_append(page, "<table><thead>");
	cell = add_cells(page, columns, cell, "th", "scope=\"col\"");
	g_string_append(page, "</thead><tbody>\n");
	for (guint i = 0; i < n_shown; i++)
		cell = add_cells(page, columns, cell, "td", NULL);
	g_string_append(page, "</tbody></table>\n");
	if (n_rows > n_shown)
		g_string_append_printf(page,
				       "<p>%u more lines: <code>viommu resolve --all</code></p>\n",
				       n_rows - n_shown);
	g_string_free(columns->cells, TRUE);
}

static void add_map_parts(struct report *report, const struct viommu_topology *topology)
{
	struct map_listing listing;
	bool any = false;

	if (!map_listing_collect(&listing, topology, ROWS_MAX))
		g_string_append(report->maps,
				"<p>Too many entries to show where Linux differs.</p>\n");
	for (int part = 0; part < MAP_PARTS; part++) {
		if (listing.begun[part])
			add_part(report->maps, &listing.parts[part]);
		any |= listing.begun[part];
	}
	if (!any)
		g_string_append(report->maps, "<p>No device is described.</p>\n");
}

/* -- tables ------------------------------------------------------------------------ */

struct fields {
	GString *page;
	const guint8 *bytes;
	size_t length;
	unsigned n;     /* fields and structures */
	unsigned depth; /* structures that are not ended */
	bool in_rows;
	bool is_cut; /* there are more than FIELDS_MAX */
};

static void end_rows(struct fields *fields)
{
	if (fields->in_rows)
		g_string_append(fields->page, "</tbody></table>\n");
	fields->in_rows = false;
}

static void begin_rows(struct fields *fields)
{
	if (!fields->in_rows)
		g_string_append(fields->page,
				"<table><thead hidden><tr><th>Offset<th>Field<th>Bytes<th>Value"
				"</tr></thead><tbody>\n");
	fields->in_rows = true;
}

/* At most a line of bytes; longer fields are names, whose value says the same. */
static char *hex_of(const struct fields *fields, size_t at, size_t width)
{
	enum { BYTES_MAX = 32 };
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < MIN(width, BYTES_MAX) && at + i < fields->length; i++)
		g_string_append_printf(text, "%s%02x", i ? " " : "", fields->bytes[at + i]);
	if (width > BYTES_MAX)
		g_string_append(text, " ...");
	return g_string_free(text, FALSE);
}

/* "0004   4  Length = length (112)" of viommu_table_source(). */
static void add_field(struct fields *fields, const char *line)
{
	char *after_offset, *name;
	guint64 at = g_ascii_strtoull(line, &after_offset, 16),
		width = g_ascii_strtoull(after_offset, &name, 10);
	g_autofree char *hex = hex_of(fields, at, width),
			*shown_at = g_strndup(line, (gsize)(after_offset - line));
	const char *value = strstr(name, " = ");
	g_autofree char *shown_name = NULL;

	if (!value)
		return;
	begin_rows(fields);
	shown_name = g_strndup(name, (gsize)(value - name));
	g_string_append(fields->page, "<tr>");
	page_element(fields->page, "td", "class=\"at\"", shown_at);
	page_element(fields->page, "td", NULL, g_strstrip(shown_name));
	page_element(fields->page, "td", "class=\"bytes\"", hex);
	page_element(fields->page, "td", NULL, value + strlen(" = "));
	g_string_append(fields->page, "</tr>\n");
}

static bool is_field(const char *line)
{
	return strstr(line, " = ") != NULL;
}

static bool begins_structure(const char *line)
{
	return g_str_has_suffix(line, "{") && !is_field(line);
}

static void begin_structure(struct fields *fields, char *line)
{
	end_rows(fields);
	line[strlen(line) - 1] = '\0';
	g_string_append(fields->page, "<details open>");
	page_element(fields->page, "summary", NULL, g_strstrip(line));
	fields->depth++;
}

static void end_structure(struct fields *fields)
{
	end_rows(fields);
	g_string_append(fields->page, "</details>\n");
	fields->depth--;
}

static void add_line(struct fields *fields, char *line)
{
	if (!*line || *line == '#')
		return;
	fields->n++;
	if (!strcmp(line, "}") && fields->depth)
		end_structure(fields);
	else if (begins_structure(line))
		begin_structure(fields, line);
	else
		add_field(fields, line);
}

/* The line, without its end and blanks; *rest becomes the next, or NULL. */
static char *take_line(char **rest)
{
	char *line = *rest, *end = strchr(line, '\n');

	if (end)
		*end = '\0';
	*rest = end ? end + 1 : NULL;
	return g_strstrip(line);
}

/* A device tree has a source of its own. */
static void add_tree_source(GString *page, const struct viommu_table *table)
{
	g_autofree char *source = viommu_table_source(table);
	g_autofree char *valid = g_utf8_make_valid(source, -1);
	g_autofree char *escaped = g_markup_escape_text(valid, -1);

	g_string_append_printf(page, "<pre>%s</pre>\n", escaped);
}

/* Whole lines, up to those that the page shows. */
static bool add_lines(void *opaque, const char *text, size_t length)
{
	g_autofree char *lines = g_strndup(text, length);
	struct fields *fields = opaque;
	char *rest = lines;

	while (rest && fields->n < FIELDS_MAX)
		add_line(fields, take_line(&rest));
	fields->is_cut = rest && *rest;
	return !fields->is_cut;
}

static void add_source(struct fields *fields, const struct viommu_table *table)
{
	viommu_table_write(table, VIOMMU_TABLE_SOURCE, add_lines, fields);
	while (fields->depth)
		end_structure(fields);
	end_rows(fields);
	if (fields->is_cut)
		g_string_append(fields->page,
				"<p>There are more fields: <code>viommu dump</code></p>\n");
}

static void add_table(struct report *report, const struct viommu_table *table)
{
	void *bytes = NULL;
	struct fields fields = { .page = report->tables,
				 .length = viommu_table_encode(table, &bytes) };

	fields.bytes = bytes;
	g_string_append(report->tables, fields.length <= OPEN_MAX ? "<details open><summary>"
								  : "<details><summary>");
	page_text(report->tables, viommu_table_signature(table));
	g_string_append_printf(report->tables, ", %zu bytes: ", fields.length);
	page_text(report->tables, viommu_table_file(table));
	g_string_append(report->tables, "</summary>\n");
	if (!strcmp(viommu_table_signature(table), "DTB"))
		add_tree_source(report->tables, table);
	else
		add_source(&fields, table);
	g_string_append(report->tables, "</details>\n");
	free(bytes);
}

/* -- inputs ------------------------------------------------------------------------ */

static void show_topology(struct report *report, const char *name,
			  const struct viommu_topology *topology)
{
	char *graph = viommu_topology_graph(topology);

	page_element(report->maps, "h3", NULL, name);
	add_picture(report, graph);
	add_map_parts(report, topology);
	free(graph);
}

static bool has_meaning(const struct input *input)
{
	return !input->table || (viommu_table_abilities(viommu_table_signature(input->table)) &
				 VIOMMU_TABLE_MEANING);
}

/* Other tables of a folder, such as the SRAT, are shown beside those that describe IOMMUs. */
static void take_input(void *opaque, struct input *input)
{
	struct report *report = opaque;
	const struct viommu_topology *topology;

	report->n += has_meaning(input);
	if (++report->n_inputs > INPUTS_MAX)
		return;
	if (input->table)
		add_table(report, input->table);
	topology = has_meaning(input) ? input_topology(input, report->findings) : NULL;
	if (topology)
		show_topology(report, input->name, topology);
}

static void take_host(void *opaque, const char *name, const struct viommu_host *host)
{
	struct report *report = opaque;
	char *graph = viommu_host_graph(host);

	report->n++;
	page_element(report->maps, "h3", NULL, name);
	add_picture(report, graph);
	free(graph);
}

/* -- the page ---------------------------------------------------------------------- */

static void add_difference(void *opaque, const struct viommu_difference *difference)
{
	GString *list = opaque;
	char *line = viommu_difference_line(difference);

	page_element(list, "li", NULL, line);
	free(line);
}

static void add_comparison(GString *page, const struct report *report)
{
	GString *list = g_string_new(NULL);

	page_element(page, "h2", NULL, "What is different");
	g_string_append(page, "<p>Before: ");
	page_text(page, compare_name);
	g_string_append(page, "</p>\n");
	comparison_each(report->comparison, add_difference, list);
	if (list->len)
		g_string_append_printf(page, "<ul>%s</ul>\n", list->str);
	else
		g_string_append(page, "<p>Nothing in meaning.</p>\n");
	g_string_free(list, TRUE);
}

static GString *make_page(const struct report *report, const struct viommu_findings *findings,
			  const char *name)
{
	GString *page = g_string_new(NULL);
	g_autofree char *title = g_strdup_printf("IOMMUs of %s", name);

	page_begin(page, title);
	add_findings(page, findings);
	if (report->comparison)
		add_comparison(page, report);
	g_string_append_printf(page,
			       "<section aria-labelledby=\"maps\"><h2 id=\"maps\">Devices and "
			       "their IOMMUs</h2>\n%s</section>\n",
			       report->maps->str);
	g_string_append_printf(page,
			       "<section aria-labelledby=\"tables\"><h2 "
			       "id=\"tables\">Tables</h2>\n%s%s</section>\n",
			       report->tables->len ? "" : "<p>The input is no table.</p>\n",
			       report->tables->str);
	if (report->n_inputs > INPUTS_MAX)
		g_string_append_printf(page,
				       "<p>%u more tables and topologies are not shown: "
				       "<code>viommu dump</code></p>\n",
				       report->n_inputs - INPUTS_MAX);
	page_end(page);
	return page;
}

/* Without the comparison that was asked for, there is no page. */
static int read_comparison(struct report *report, char **arguments)
{
	struct viommu_findings *findings = viommu_findings_new();
	int status;

	report->comparison = comparison_new(findings);
	status = comparison_read(report->comparison, (char *[]){ compare_name, NULL }, arguments);
	if (status != EXIT_CLEAN) {
		print_findings(findings);
		report_error("no page was written: the machines cannot be compared");
	}
	viommu_findings_free(findings);
	return status;
}

static int write_page(const struct report *report, const struct viommu_findings *findings,
		      char **arguments)
{
	GString *page = make_page(report, findings, arguments[0] ? arguments[0] : "this machine");
	int status = write_output(output_name, page->str, page->len);

	g_string_free(page, TRUE);
	return status;
}

static int make_report(struct report *report, char **arguments, struct viommu_findings *findings)
{
	const struct check_also also = { take_input, take_host, report };
	int status = check_inputs(arguments, findings, &also);

	if (!report->n && (status != EXIT_CLEAN || !report->tables->len)) {
		print_findings(findings);
		return report_no_input(arguments, status);
	}
	if (compare_name && read_comparison(report, arguments) != EXIT_CLEAN)
		return EXIT_COULD_NOT;
	status = worse(status, write_page(report, findings, arguments));
	if (viommu_findings_count_from(findings, VIOMMU_WARNING))
		status = worse(status, EXIT_FINDINGS);
	return status;
}

static int run(const struct command *command, char **arguments)
{
	struct report report = { 0 };
	struct viommu_findings *findings;
	int status;

	if (compare_name && g_strv_contains((const char *const *)arguments, "-"))
		return command_usage(command, "name a file: what is compared is read twice");
	report.maps = g_string_new(NULL);
	report.tables = g_string_new(NULL);
	report.findings = viommu_findings_new();
	findings = viommu_findings_new();
	status = make_report(&report, arguments, findings);
	g_string_free(report.maps, TRUE);
	g_string_free(report.tables, TRUE);
	comparison_free(report.comparison);
	viommu_findings_free(report.findings);
	viommu_findings_free(findings);
	return status;
}

const struct command report_command = {
	.name = "report",
	.arguments = "[FILE...]",
	.summary = "write a page of HTML about a machine: picture, devices, findings, tables",
	.details =
		"A FILE is as for check: tables, a folder or archive of them, a host tree, or a\n"
		"topology. The page is one file, needs no network, and runs no script of its "
		"input.\n"
		"The pictures need Graphviz. A page has at most 32 of them, 5000 lines of a\n"
		"kind in a map, 20000 fields of a table, and 256 tables; it names the command\n"
		"that shows more.\n"
		"Exit status 1: there is a warning or an error.",
	.examples = "viommu report DMAR SRAT -o machine.html\n"
		    "viommu report --compare before after -o changes.html",
	.options = options,
	.run = run,
};
