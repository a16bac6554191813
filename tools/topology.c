/* SPDX-License-Identifier: BSD-3-Clause */
/* viommu topology: what a table means, as a text that people read and write */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"

struct output {
	struct viommu_findings *findings;
	unsigned n;
};

static void show(void *opaque, const struct input *input)
{
	struct output *output = opaque;
	struct viommu_topology *topology = input_meaning(input, output->findings);
	char *text;

	if (!topology)
		return;
	text = viommu_topology_text(topology);
	printf("%s# %s\n%s", output->n++ ? "\n" : "", input->name, text);
	free(text);
	viommu_topology_free(topology);
}

static int run(const struct command *command, char **arguments)
{
	struct output output = { 0 };
	int status;

	if (!*arguments)
		return command_usage(command, "name a table");
	output.findings = viommu_findings_new();
	status = read_inputs(arguments, output.findings, show, &output);
	status = worse(status, print_findings(output.findings));
	viommu_findings_free(output.findings);
	return output.n ? status : EXIT_COULD_NOT;
}

const struct command topology_command = {
	.name = "topology",
	.arguments = "FILE...",
	.summary = "show what a table means, as a topology text",
	.details = "The text is what generate reads: change it, and make another table of it.",
	.run = run,
};
