/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu topology: what a table means, as a text that people read and write
 *
 * It is the way back of generate: a table that firmware made becomes something that can be
 * changed and made again. What the text cannot say was found on the way, and is on standard error.
 * A topology goes through as well and comes out in its plain form.
 */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"

static const GOptionEntry options[] = {
	INPUT_FORM_OPTION,
	G_OPTION_ENTRY_NULL,
};

struct output {
	struct viommu_findings *findings;
	unsigned n;
};

/* The first line says where it is from, as a comment, which generate passes over. */
static void show(void *opaque, struct input *input)
{
	struct output *output = opaque;
	const struct viommu_topology *topology = input_meaning(input, output->findings);
	g_autofree char *name = printable(input->name);
	char *text;

	if (!topology)
		return;
	text = viommu_topology_text(topology);
	printf("%s# %s\n%s", output->n++ ? "---\n" : "", name, text);
	free(text);
}

/* Every table that could be read is shown, whatever was wrong with another. */
static int run(const struct command *command, char **arguments)
{
	struct output output = { .findings = viommu_findings_new() };
	int status;

	(void)command;
	status = read_inputs(arguments, output.findings, show, &output);
	status = worse(status, print_findings(output.findings));
	viommu_findings_free(output.findings);
	return output.n ? status : complain_nothing(arguments, status);
}

const struct command topology_command = {
	.name = "topology",
	.arguments = "[FILE...]",
	.summary = "show what a table means, as a topology text",
	.details = "A FILE is as for dump, or a topology, which comes out in its plain form. The\n"
		   "text is what generate reads: change it, and make another table of it. Several\n"
		   "are divided by a line of ---.",
	.options = options,
	.run = run,
};
