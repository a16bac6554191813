/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making something out of a topology
 *
 * Everything is read, checked and made before the first byte is written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viommu/devicetree.h>

#include "making.h"

char *making_output, *making_iommu, *making_base;
gboolean making_overlay, making_source, making_force;

#define DEVICE_TREE  "DTB"
#define COMMAND_LINE "CMDLINE"

struct request {
	const char *what;          /* a signature, or COMMAND_LINE */
	struct viommu_table *base; /* NULL: none was named */
	bool compare;
	struct viommu_findings *findings;
	unsigned n; /* topologies */
	struct viommu_table *table;
	char *line;
};

/* -- making ---------------------------------------------------------------------- */

static bool is_tree(const struct request *request)
{
	return !strcmp(request->what, DEVICE_TREE);
}

static struct viommu_table *make_tree(const struct request *request,
				      const struct viommu_topology *topology)
{
	const struct viommu_devicetree how = {
		.size = sizeof(how),
		.base = request->base,
		.overlay = making_overlay,
		.force = making_force,
	};

	return viommu_devicetree_generate(topology, &how, request->findings);
}

static char *make_line(const struct request *request, const struct viommu_topology *topology)
{
	g_autofree char *words = viommu_kernel_command_line(topology, request->findings);

	if (!words)
		complain("no virtio-iommu has registers that a command line could name");
	return words ? g_strconcat(words, "\n", NULL) : NULL;
}

/* What a base says besides is nothing that was lost. */
static void make_table(struct request *request, const struct viommu_topology *topology)
{
	if (is_tree(request))
		request->table = make_tree(request, topology);
	else
		request->table = viommu_table_generate_for(topology, request->what, making_iommu,
							   request->findings);
	if (request->table && request->compare && !request->base)
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

static void take_base(void *opaque, struct input *input)
{
	struct request *request = opaque;

	if (!request->base)
		request->base = g_steal_pointer(&input->table);
}

static int read_base(struct request *request)
{
	char *names[] = { making_base, NULL };

	return making_base ? read_inputs(names, request->findings, take_base, request) : EXIT_CLEAN;
}

/* -- writing ----------------------------------------------------------------------- */

static int write_result(const struct request *request)
{
	char *text;
	int status;

	if (request->line)
		return write_text(making_output, request->line);
	if (!making_source)
		return write_table(making_output, request->table);
	text = viommu_table_text(request->table);
	status = write_text(making_output, text);
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

/* A signature may be written as anybody likes; tables have it in capitals. */
static char *signature_of(const char *name)
{
	g_autofree char *small = g_ascii_strdown(name, -1);

	return viommu_table_known(small) ? g_steal_pointer(&small) : g_ascii_strup(small, -1);
}

static bool options_fit(const struct request *request)
{
	return is_tree(request) ||
	       (!making_base && !making_overlay && !making_force && !making_source);
}

static int make_and_write(struct request *request, char **names)
{
	int status = read_base(request);

	if (status == EXIT_CLEAN)
		status = read_inputs(names, request->findings, take, request);
	status = finish(request, names, status);
	return worse(status, print_findings(request->findings));
}

int make(const struct command *command, const char *what, char **names, bool compare)
{
	g_autofree char *signature = signature_of(what);
	struct request request = { .what = signature, .compare = compare };
	int status;

	if (!viommu_table_known(signature) && strcmp(signature, COMMAND_LINE) != 0)
		return command_usage(command, "\"%s\" cannot be made here; viot can", what);
	if (!options_fit(&request))
		return command_usage(command, "--into, --overlay, --force and --dts are for a dtb");
	request.findings = viommu_findings_new();
	status = make_and_write(&request, names);
	viommu_table_free(request.table);
	viommu_table_free(request.base);
	viommu_findings_free(request.findings);
	g_free(request.line);
	return status;
}
