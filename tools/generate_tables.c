/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making something out of a topology
 *
 * Everything is read, checked and made before the first byte is written: what was made is there
 * whole, or not at all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <viommu/devicetree.h>

#include "generate_tables.h"

char *generate_output, *generate_iommu, *generate_base;
gboolean generate_overlay, generate_source, generate_force;

#define DEVICE_TREE  "DTB"
#define COMMAND_LINE "CMDLINE"

struct request {
	const char *what;          /* a signature, or COMMAND_LINE */
	struct viommu_table *base; /* what is to be added to, or NULL */
	bool compare;
	struct viommu_findings *findings;
	unsigned n; /* topologies */
	struct viommu_table *table;
	char *line;
};

/* -- generating ---------------------------------------------------------------------- */

/* A device tree has a call of its own, and options that mean nothing for any table. */
static bool is_tree(const struct request *request)
{
	return !strcmp(request->what, DEVICE_TREE);
}

/*
 * Options are what they are on the command line; the library says which of them do not go together.
 */
static struct viommu_table *make_tree(const struct request *request,
				      const struct viommu_topology *topology)
{
	const struct viommu_devicetree how = {
		.size = sizeof(how),
		.base = request->base,
		.overlay = generate_overlay,
		.force = generate_force,
	};

	return viommu_devicetree_generate(topology, &how, request->findings);
}

/* With an end, so that a terminal shows it well. */
static char *make_line(const struct request *request, const struct viommu_topology *topology)
{
	g_autofree char *words = viommu_kernel_command_line(topology, request->findings);

	if (!words)
		complain("no virtio-iommu has registers that a command line could name");
	return words ? g_strconcat(words, "\n", NULL) : NULL;
}

/* What is extended becomes what was made; or it is not, and there is no table. */
static struct viommu_table *extend(struct request *request, const struct viommu_topology *topology)
{
	struct viommu_table *table = g_steal_pointer(&request->base);

	return viommu_table_extend(table, topology, request->findings) ? table
								       : viommu_table_free(table);
}

/* What a base says besides is nothing that was lost. */
static void make_table(struct request *request, const struct viommu_topology *topology)
{
	bool compare = request->compare && !request->base;

	if (is_tree(request))
		request->table = make_tree(request, topology);
	else if (request->base)
		request->table = extend(request, topology);
	else
		request->table = viommu_table_generate_for(topology, request->what, generate_iommu,
							   request->findings);
	if (request->table && compare)
		viommu_table_compare(request->table, topology, request->findings);
}

/*
 * The first topology is made a table of, and the others are counted: which of several was meant,
 * nobody can know. An error stops here, before there is a table; a warning does not, for people may
 * know better.
 */
static void take(void *opaque, struct input *input)
{
	struct request *request = opaque;
	const struct viommu_topology *topology = input_meaning(input, request->findings);

	if (!topology || request->n++)
		return;
	viommu_topology_check(topology, request->findings);
	if (viommu_findings_count_from(request->findings, VIOMMU_ERROR))
		return;
	if (!strcmp(request->what, COMMAND_LINE))
		request->line = make_line(request, topology);
	else
		make_table(request, topology);
}

/* -- the base -------------------------------------------------------------------- */

/* Of several tables, the one of that kind. What is no device tree, the library refuses itself. */
static void take_base(void *opaque, struct input *input)
{
	struct request *request = opaque;

	if (input->table && !request->base &&
	    (is_tree(request) || !strcmp(viommu_table_signature(input->table), request->what)))
		request->base = g_steal_pointer(&input->table);
}

/* Before the topology, so that a wrong name is told before any work. */
static int read_base(struct request *request)
{
	char *names[] = { generate_base, NULL };
	int status = generate_base ? read_inputs(names, request->findings, take_base, request)
				   : EXIT_CLEAN;

	if (!generate_base || request->base || status != EXIT_CLEAN)
		return status;
	complain("%s: there is no %s to add to", generate_base, request->what);
	return EXIT_COULD_NOT;
}

/* -- writing ----------------------------------------------------------------------- */

/* A terminal would take bytes for commands. Whoever wants them there can say so with a pipe. */
static int write_table(const struct viommu_table *table)
{
	size_t length;
	void *bytes;
	int status;

	if (!generate_output && isatty(STDOUT_FILENO)) {
		complain("a table is no text: name a file with -o, or pipe it on");
		return EXIT_COULD_NOT;
	}
	length = viommu_table_encode(table, &bytes);
	status = write_output(generate_output, bytes, length);
	free(bytes);
	return status;
}

/* A command line and source are text, and may go to a terminal. */
static int write_result(const struct request *request)
{
	char *text;
	int status;

	if (request->line)
		return write_output(generate_output, request->line, strlen(request->line));
	if (!generate_source)
		return write_table(request->table);
	text = viommu_table_text(request->table);
	status = write_output(generate_output, text, strlen(text));
	free(text);
	return status;
}

/* Findings were not printed yet: what could not be done is said first, then why. */
static int finish(const struct request *request, char **names, int status)
{
	if (!request->n || status != EXIT_CLEAN)
		return complain_nothing(names, status);
	if (request->n > 1)
		complain("%s: %u tables: name one with the topology to take", *names, request->n);
	else if (request->table || request->line)
		return write_result(request);
	return EXIT_COULD_NOT;
}

/* -- the request -------------------------------------------------------------------- */

/* A signature may be written as anybody likes; tables have it in capitals. */
static char *signature_of(const char *name)
{
	g_autofree char *small = g_ascii_strdown(name, -1);

	return (viommu_table_abilities(small) & VIOMMU_TABLE_MEANING) ? g_steal_pointer(&small)
								      : g_ascii_strup(small, -1);
}

/* A command line is no table, but made of a topology just as well. */
static bool can_be_made(const struct request *request)
{
	return (viommu_table_abilities(request->what) & VIOMMU_TABLE_GENERATE) ||
	       !strcmp(request->what, COMMAND_LINE);
}

/* Options that would do nothing are mistakes: somebody expects something of them. */
static bool options_fit(const struct request *request)
{
	return is_tree(request) || (!generate_overlay && !generate_force && !generate_source);
}

/* The base first: without it there is nothing to add the topology to. */
static int make_and_write(struct request *request, char **names)
{
	int status = read_base(request);

	if (status == EXIT_CLEAN)
		status = read_inputs(names, request->findings, take, request);
	status = finish(request, names, status);
	return worse(status, print_findings(request->findings));
}

/* Names are taken in any case, as people write them. */
int generate_tables(const struct command *command, const char *what, char **names, bool compare)
{
	g_autofree char *signature = signature_of(what);
	struct request request = { .what = signature, .compare = compare };
	int status;

	if (!can_be_made(&request))
		return command_usage(command, "\"%s\" cannot be made here; viot can", what);
	if (!options_fit(&request))
		return command_usage(command, "--overlay, --force and --dts are for a dtb");
	request.findings = viommu_findings_new();
	status = make_and_write(&request, names);
	viommu_table_free(request.table);
	viommu_table_free(request.base);
	viommu_findings_free(request.findings);
	g_free(request.line);
	return status;
}
