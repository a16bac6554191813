/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu generate: make a firmware table from a topology
 *
 * Everything is read, checked and made before the first byte is written: a table is there whole, or
 * not at all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

static char *output_name, *iommu_name, *into_name;

static const GOptionEntry options[] = {
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &output_name,
	  "write the table to FILE instead of standard output", "FILE" },
	{ "iommu", 'i', 0, G_OPTION_ARG_STRING, &iommu_name,
	  "make the built-in topology of the virtio-iommu NAME, if there are several", "NAME" },
	{ "into", 'I', 0, G_OPTION_ARG_FILENAME, &into_name,
	  "add to the table in FILE, an SRAT, instead of making one; FILE itself stays as it is",
	  "FILE" },
	INPUT_FORM_OPTION,
	G_OPTION_ENTRY_NULL,
};

/* A terminal would take bytes for commands. Whoever wants them there can say so with a pipe. */
static int write_table(const struct viommu_table *table)
{
	size_t length;
	void *bytes;
	int status;

	if (!output_name && isatty(STDOUT_FILENO)) {
		complain("a table is no text: name a file with -o, or pipe it on");
		return EXIT_COULD_NOT;
	}
	length = viommu_table_encode(table, &bytes);
	status = write_output(output_name, bytes, length);
	free(bytes);
	return status;
}

/* -- making ---------------------------------------------------------------------- */

struct request {
	const char *signature;
	struct viommu_findings *findings;
	unsigned n;                /* topologies */
	struct viommu_table *into; /* what is to be extended, or NULL */
	struct viommu_table *table;
};

/* An input goes with its file: a table that is to be extended is one of its own. */
static void take_into(void *opaque, struct input *input)
{
	struct request *request = opaque;
	size_t length;
	void *bytes;

	if (!input->table || request->into ||
	    strcmp(viommu_table_signature(input->table), request->signature) != 0)
		return;
	length = viommu_table_encode(input->table, &bytes);
	request->into = viommu_table_decode(bytes, length, input->name, NULL);
	free(bytes);
}

static int read_into(struct request *request)
{
	char *names[] = { into_name, NULL };
	int status =
		into_name ? read_inputs(names, request->findings, take_into, request) : EXIT_CLEAN;

	if (!into_name || request->into || status != EXIT_CLEAN)
		return status;
	complain("%s: there is no %s to extend", into_name, request->signature);
	return EXIT_COULD_NOT;
}

/* What is extended becomes what was made; or it is not, and there is no table. */
static struct viommu_table *extend(struct request *request, const struct viommu_topology *topology)
{
	struct viommu_table *table = request->into;

	request->into = NULL;
	return viommu_table_extend(table, topology, request->findings) ? table
								       : viommu_table_free(table);
}

/*
 * The first topology is made a table of, and the others are counted: which of several was meant,
 * nobody can know. An error stops here, before there is a table; a warning does not, for people may
 * know better.
 */
static void generate(void *opaque, struct input *input)
{
	struct request *request = opaque;
	const struct viommu_topology *topology = input_meaning(input, request->findings);

	if (!topology || request->n++)
		return;
	viommu_topology_check(topology, request->findings);
	if (viommu_findings_count_from(request->findings, VIOMMU_ERROR))
		return;
	if (request->into)
		request->table = extend(request, topology);
	else
		request->table = viommu_table_generate_for(topology, request->signature, iommu_name,
							   request->findings);
}

/* Findings were not printed yet: what could not be done is said first, then why. */
static int finish(const struct request *request, char **names, int status)
{
	if (!request->n || status != EXIT_CLEAN)
		return complain_nothing(names, status);
	if (request->n > 1)
		complain("%s: %u tables: name one with the topology to take", *names, request->n);
	else if (request->table)
		return write_table(request->table);
	return EXIT_COULD_NOT;
}

/* A signature may be written as anybody likes; tables have it in capitals. */
static char *signature_of(const char *name)
{
	g_autofree char *small = g_ascii_strdown(name ? name : "", -1);

	return viommu_table_known(small) ? g_steal_pointer(&small) : g_ascii_strup(small, -1);
}

static int run(const struct command *command, char **arguments)
{
	g_autofree char *signature = signature_of(arguments[0]);
	struct request request = { .signature = signature };
	int status;

	if (g_strv_length(arguments) != 2)
		return command_usage(command, "say which table, and from which topology");
	if (!viommu_table_made(signature))
		return command_usage(command, "\"%s\" cannot be made here; viot can", arguments[0]);
	request.findings = viommu_findings_new();
	status = read_into(&request);
	if (status == EXIT_CLEAN)
		status = read_inputs(arguments + 1, request.findings, generate, &request);
	status = finish(&request, arguments + 1, status);
	status = worse(status, print_findings(request.findings));
	viommu_table_free(request.table);
	viommu_table_free(request.into);
	viommu_findings_free(request.findings);
	return status;
}

const struct command generate_command = {
	.name = "generate",
	.arguments = "TABLE TOPOLOGY",
	.summary = "make a firmware table from a topology",
	.details = "TOPOLOGY is a text as docs/topology.md has it, a table whose meaning is taken, "
		   "or -\n"
		   "for standard input. It is checked first; with an error nothing is written.\n"
		   "TABLE is viot, iort, dmar, ivrs or srat; or a built-in topology for the "
		   "configuration space of a\n"
		   "virtio-iommu: builtin-v1, builtin-v2, builtin-v3, builtin-v3-segments.",
	.options = options,
	.run = run,
};
