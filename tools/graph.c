/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu graph: a topology as a picture
 *
 * The library writes the graph in the DOT language and Graphviz's dot draws it. dot is started
 * without a shell; its whole output is read before anything is written, so that a picture is
 * complete or absent.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gio/gio.h>

#include "command.h"
#include "graph.h"

static char *format, *output_name;

static const GOptionEntry options[] = {
	{ "format", 'F', 0, G_OPTION_ARG_STRING, &format,
	  "dot (text for Graphviz), svg, png or pdf; default: by the suffix of FILE, or dot",
	  "FORMAT" },
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &output_name,
	  "write the picture to FILE instead of standard output", "FILE" },
	INPUT_FORM_OPTION,
	G_OPTION_ENTRY_NULL,
};

struct request {
	struct viommu_findings *findings;
	char *text; /* of the first topology */
	unsigned n; /* topologies */
};

/* -- drawing ------------------------------------------------------------------------- */

static int report_graphviz_error(const char *what)
{
	report_error("%s: drawing needs Graphviz (apt install graphviz); --format dot does not",
		     what);
	return EXIT_COULD_NOT;
}

/* Writes and reads at the same time: text and picture may both be larger than a pipe. */
static int run_dot(GSubprocess *process, const char *text, GBytes **ret_picture)
{
	g_autoptr(GBytes) input = g_bytes_new_static(text, strlen(text));
	g_autoptr(GError) error = NULL;

	if (!g_subprocess_communicate(process, input, NULL, ret_picture, NULL, &error))
		return report_graphviz_error(error->message);
	if (!g_subprocess_get_if_exited(process) || g_subprocess_get_exit_status(process))
		return report_graphviz_error("dot failed");
	return EXIT_CLEAN;
}

/* The only user input on dot's command line is a format of the list below. */
int draw_graph(const char *text, const char *as, GBytes **ret_picture)
{
	g_autofree char *option = g_strconcat("-T", as, NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(GSubprocess) process =
		g_subprocess_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE,
				 &error, "dot", option, NULL);

	return process ? run_dot(process, text, ret_picture)
		       : report_graphviz_error(error->message);
}

static bool is_text(void)
{
	return !format || !strcmp(format, "dot");
}

static int write_picture(const char *text)
{
	g_autoptr(GBytes) picture = NULL;
	int status = EXIT_CLEAN;

	if (!is_text() && !output_name && isatty(STDOUT_FILENO)) {
		report_error("a picture is binary: use -o FILE, or redirect standard output");
		return EXIT_COULD_NOT;
	}
	if (is_text())
		picture = g_bytes_new(text, strlen(text));
	else
		status = draw_graph(text, format, &picture);
	if (status != EXIT_CLEAN)
		return status;
	return write_output(output_name, g_bytes_get_data(picture, NULL),
			    g_bytes_get_size(picture));
}

/* -- asking --------------------------------------------------------------------------- */

/* Takes the first topology and counts the others: more than one is an error. */
static void take_topology(void *opaque, struct input *input)
{
	struct request *request = opaque;
	const struct viommu_topology *topology = input_topology(input, request->findings);

	if (topology && !request->n++)
		request->text = viommu_topology_graph(topology);
}

/* A host's graph shows its actual devices, not all possible functions. */
static int take_host(struct request *request, const char *root)
{
	struct viommu_host *host = viommu_host_scan(root, request->findings);

	if (!host)
		return EXIT_COULD_NOT;
	request->n = 1;
	request->text = viommu_host_graph(host);
	viommu_host_free(host);
	return EXIT_CLEAN;
}

/* dot has more formats, but some of them load plugins. */
static const char *const formats[] = { "dot", "svg", "png", "pdf", NULL };

static bool format_is_known(void)
{
	return !format || g_strv_contains(formats, format);
}

/* A name without a suffix, or with that of text, is for text. */
static void choose_format(void)
{
	static const char *const text[] = { "dot", "gv", "txt", NULL };
	const char *base = output_name ? strrchr(output_name, '/') : NULL;
	const char *suffix = output_name ? strrchr(base ? base : output_name, '.') : NULL;

	if (!format && suffix && suffix[1])
		format = g_strdup(g_strv_contains(text, suffix + 1) ? formats[0] : suffix + 1);
}

static int run(const struct command *command, char **arguments)
{
	struct request request = { 0 };
	int status;

	choose_format();
	if (!format_is_known())
		return command_usage(command, "unknown format \"%s\": use dot, svg, png or pdf",
				     format);
	if (arguments[0] && arguments[1])
		return command_usage(command, "name one file");
	request.findings = viommu_findings_new();
	input_joined = true;
	if (arguments[0] && viommu_host_is_tree(arguments[0]))
		status = take_host(&request, arguments[0]);
	else
		status = read_inputs(arguments, request.findings, take_topology, &request);
	input_joined = false;
	if (!request.n)
		status = report_no_input(arguments, status);
	else if (request.n > 1)
		report_error("%s: %u tables: name a file that has only one",
			     arguments[0] ? arguments[0] : SYSTEM_TABLES, request.n);
	else
		status = worse(status, write_picture(request.text));
	if (request.n > 1)
		status = EXIT_COULD_NOT;
	status = worse(status, print_findings(request.findings));
	viommu_findings_free(request.findings);
	free(request.text);
	return status;
}

const struct command graph_command = {
	.name = "graph",
	.arguments = "[FILE]",
	.summary = "draw the routes of devices, with Graphviz",
	.details = "FILE is one table or topology, as for check, or a host tree. Host bridges and\n"
		   "devices are on the left, IOMMUs in the middle, memory and ITSs on the right; "
		   "NUMA\n"
		   "nodes are frames. The picture of a large machine counts what it omits.",
	.examples = "viommu graph VIOT\n"
		    "viommu graph machine.yaml -o machine.svg",
	.options = options,
	.choices = (const struct choice[]){ { "FORMAT", formats }, { NULL, NULL } },
	.run = run,
};
