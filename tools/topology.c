/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu topology: a table as a topology text
 *
 * The inverse of generate: a table becomes a text that can be edited and generated again. Findings
 * name what the text cannot express. A topology is printed in its canonical form.
 */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "json.h"
#include "left_out.h"

static gboolean as_json;

static const GOptionEntry options[] = {
	{ "json", 'j', 0, G_OPTION_ARG_NONE, &as_json, "print JSON on standard output", NULL },
	INPUT_FORM_OPTION,
	G_OPTION_ENTRY_NULL,
};

struct output {
	struct viommu_findings *findings;
	unsigned n;
	int left_out; /* EXIT_FINDINGS: a topology has no place for something */
};

/* The first line is a comment with the name of the file. */
static void print_text(const struct output *output, const char *file,
		       const struct viommu_topology *topology)
{
	g_autofree char *name = printable(file);
	char *text = viommu_topology_text(topology);

	printf("%s# %s\n%s", output->n ? "---\n" : "", name, text);
	free(text);
}

static void print_json(const struct output *output, const char *file,
		       const struct viommu_topology *topology)
{
	struct json *json = json_new();
	char *name, *text = viommu_topology_json(topology);

	json_add_string(json, file);
	name = json_finish(json);
	printf("%s{\n\"file\" : %s,\n\"topology\" : %s\n}", output->n ? ",\n" : "", name, text);
	free(name);
	free(text);
}

static void print_topology(void *opaque, struct input *input)
{
	struct output *output = opaque;
	const struct viommu_topology *topology = input_topology(input, output->findings);

	if (!topology)
		return;
	output->left_out = worse(output->left_out, report_left_out(input->table, output->findings));
	if (as_json)
		print_json(output, input->name, topology);
	else
		print_text(output, input->name, topology);
	output->n++;
}

/* Topologies are printed as they are read, so the JSON around them is written by hand. */
static int run(const struct command *command, char **arguments)
{
	struct output output = { .findings = viommu_findings_new() };
	int status;

	(void)command;
	if (as_json)
		fputs("{\n\"format\" : 1,\n\"topologies\" : [\n", stdout);
	input_joined = true;
	status = read_inputs(arguments, output.findings, print_topology, &output);
	input_joined = false;
	if (as_json)
		fputs("\n]\n}\n", stdout);
	status = worse(worse(status, print_findings(output.findings)), output.left_out);
	viommu_findings_free(output.findings);
	return output.n ? status : report_no_input(arguments, status);
}

const struct command topology_command = {
	.name = "topology",
	.arguments = "[FILE...]",
	.summary = "convert a table to a topology text",
	.details = "A FILE is as for dump, or a topology, which is printed in its canonical form.\n"
		   "generate reads the text: edit it, and generate another table. A line of ---\n"
		   "separates the texts of several tables. Exit status 1: a table has structures "
		   "that\n"
		   "a topology cannot represent.",
	.examples = "viommu topology --json VIOT >viot.json\n"
		    "viommu topology VIOT >viot.yaml\n"
		    "# edit viot.yaml\n"
		    "viommu generate viot viot.yaml -o VIOT.new && viommu diff VIOT VIOT.new",
	.is_paged = true,
	.options = options,
	.run = run,
};
