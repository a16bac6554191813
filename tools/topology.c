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
	struct viommu_topology *made = NULL;
	g_autofree char *name = g_strescape(input->name, NULL);
	char *text;

	if (input->table)
		made = viommu_table_topology(input->table, output->findings);
	if (!made && !input->topology)
		return;
	text = viommu_topology_text(made ? made : input->topology);
	printf("%s# %s\n%s", output->n++ ? "\n" : "", name, text);
	free(text);
	viommu_topology_free(made);
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
	if (!output.n && status != EXIT_COULD_NOT) {
		complain_nothing(arguments[0]);
		status = EXIT_COULD_NOT;
	}
	return status;
}

const struct command topology_command = {
	.name = "topology",
	.arguments = "FILE...",
	.summary = "show what a table means, as a topology text",
	.details = "The text is what generate reads: change it, and make another table of it.",
	.run = run,
};
