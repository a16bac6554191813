/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu graph: a topology as a picture
 *
 * The library writes what is to be drawn in Graphviz's language, and Graphviz's own program, dot,
 * draws it. It is started without a shell, gets the text through a pipe, and what it draws is read
 * before anything is written: so a picture is whole, or there is none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gio/gio.h>

#include "command.h"
#include "host_tree.h"

static char *format, *output_name;

static const GOptionEntry options[] = {
	{ "format", 'F', 0, G_OPTION_ARG_STRING, &format,
	  "dot (text for Graphviz), svg, png or pdf; left out: as FILE's name ends, or dot",
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

/* The text is there without it, and may be drawn elsewhere. */
static int complain_graphviz(const char *what)
{
	complain("%s: to draw it, Graphviz is needed (apt install graphviz); the text for it is "
		 "there "
		 "with --format dot",
		 what);
	return EXIT_COULD_NOT;
}

/* Both directions at once: a picture may be larger than a pipe, and so may the text. */
static int talk(GSubprocess *process, const char *text, GBytes **ret_picture)
{
	g_autoptr(GBytes) input = g_bytes_new_static(text, strlen(text));
	g_autoptr(GError) error = NULL;

	if (!g_subprocess_communicate(process, input, NULL, ret_picture, NULL, &error))
		return complain_graphviz(error->message);
	if (!g_subprocess_get_if_exited(process) || g_subprocess_get_exit_status(process))
		return complain_graphviz("dot failed");
	return EXIT_CLEAN;
}

/* No shell, and nothing of the user's on the command line but a format from the list. */
static int draw(const char *text, GBytes **ret_picture)
{
	g_autofree char *option = g_strconcat("-T", format, NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(GSubprocess) process =
		g_subprocess_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE,
				 &error, "dot", option, NULL);

	return process ? talk(process, text, ret_picture) : complain_graphviz(error->message);
}

/* dot is the form that needs no other program. */
static bool is_text(void)
{
	return !format || !strcmp(format, "dot");
}

/* The text is the same that dot gets; whoever wants to change a colour takes it from here. */
static int print(const char *text)
{
	g_autoptr(GBytes) picture = NULL;
	int status = EXIT_CLEAN;

	if (!is_text() && !output_name && isatty(STDOUT_FILENO)) {
		complain("a picture is no text: name a file with -o, or pipe it on");
		return EXIT_COULD_NOT;
	}
	if (is_text())
		picture = g_bytes_new(text, strlen(text));
	else
		status = draw(text, &picture);
	if (status != EXIT_CLEAN)
		return status;
	return write_output(output_name, g_bytes_get_data(picture, NULL),
			    g_bytes_get_size(picture));
}

/* -- asking --------------------------------------------------------------------------- */

/* The first one is drawn, and the others are counted: which was meant, nobody can know. */
static void take(void *opaque, struct input *input)
{
	struct request *request = opaque;
	const struct viommu_topology *topology = input_meaning(input, request->findings);

	if (topology && !request->n++)
		request->text = viommu_topology_graph(topology);
}

/* A host has its devices, and not all that there could be. */
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

/* dot knows more, but of some a part is made by programs that it loads. */
static const char *const formats[] = { "dot", "svg", "png", "pdf", NULL };

/* Asked before anything is read: a mistake in the command is said at once. */
static bool format_is_known(void)
{
	return !format || g_strv_contains(formats, format);
}

/* Where no format is named, the end of the file's name does it: machine.svg. */
static void choose_format(void)
{
	const char *end = output_name ? strrchr(output_name, '.') : NULL;

	if (!format && end && g_strv_contains(formats, end + 1))
		format = g_strdup(end + 1);
}

/*
 * A picture is that of one machine. With several tables nothing is drawn, for nobody could tell
 * which of them was meant.
 */
static int run(const struct command *command, char **arguments)
{
	struct request request = { 0 };
	int status;

	choose_format();
	if (!format_is_known())
		return command_usage(command, "\"%s\" is no format; dot, svg, png and pdf are",
				     format);
	if (arguments[0] && arguments[1])
		return command_usage(command, "name one file");
	request.findings = viommu_findings_new();
	if (arguments[0] && is_host_tree(arguments[0]))
		status = take_host(&request, arguments[0]);
	else
		status = read_inputs(arguments, request.findings, take, &request);
	if (!request.n)
		status = complain_nothing(arguments, status);
	else if (request.n > 1)
		complain("%u tables: name one with the topology to draw", request.n);
	else
		status = worse(status, print(request.text));
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
	.summary = "draw which way devices go, with Graphviz",
	.details =
		"FILE is one table or topology, as for check, or the tree of a host. Host bridges "
		"and devices are on the\n"
		"left, IOMMUs in the middle, memory and ITSs on the right; NUMA nodes are frames.\n"
		"A machine that is too large for a picture is drawn in part, which it says then.",
	.options = options,
	.run = run,
};
