/* SPDX-License-Identifier: BSD-3-Clause */
/* viommu generate: make a firmware table from a topology */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

static char *output_name;

static const GOptionEntry options[] = {
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &output_name,
	  "write the table to FILE instead of standard output", "FILE" },
	G_OPTION_ENTRY_NULL,
};

struct request {
	const char *signature;
	struct viommu_findings *findings;
	int status;
};

static int write_to(FILE *stream, const char *name, const void *bytes, size_t length)
{
	if (fwrite(bytes, 1, length, stream) == length && !fflush(stream))
		return EXIT_CLEAN;
	complain("could not write %s: %s", name, g_strerror(errno));
	return EXIT_COULD_NOT;
}

static int write_table(const void *bytes, size_t length)
{
	FILE *file;
	int status;

	if (!output_name && isatty(STDOUT_FILENO)) {
		complain("a table is no text: name a file with -o, or pipe it on");
		return EXIT_COULD_NOT;
	}
	if (!output_name)
		return write_to(stdout, "standard output", bytes, length);
	file = fopen(output_name, "wb");
	if (!file) {
		complain("could not write %s: %s", output_name, g_strerror(errno));
		return EXIT_COULD_NOT;
	}
	status = write_to(file, output_name, bytes, length);
	if (fclose(file) && status == EXIT_CLEAN) {
		complain("could not write %s: %s", output_name, g_strerror(errno));
		status = EXIT_COULD_NOT;
	}
	return status;
}

static void generate(void *opaque, const struct input *input)
{
	struct request *request = opaque;
	struct viommu_topology *topology = input_meaning(input, request->findings);
	struct viommu_table *table = NULL;
	size_t length;
	void *bytes;

	request->status = EXIT_COULD_NOT;
	if (input->topology)
		viommu_topology_check(input->topology, request->findings);
	if (topology && !viommu_findings_count_from(request->findings, VIOMMU_ERROR))
		table = viommu_table_generate(topology, request->signature, request->findings);
	if (table) {
		length = viommu_table_encode(table, &bytes);
		request->status = write_table(bytes, length);
		free(bytes);
	}
	viommu_table_free(table);
	viommu_topology_free(topology);
}

static int run(const struct command *command, char **arguments)
{
	g_autofree char *signature = arguments[0] ? g_ascii_strup(arguments[0], -1) : NULL;
	struct request request = { .signature = signature };
	int status;

	if (g_strv_length(arguments) != 2)
		return command_usage(command, "say which table, and from which topology");
	if (strcmp(signature, "VIOT"))
		return command_usage(command, "\"%s\" cannot be made here; viot can", arguments[0]);
	request.findings = viommu_findings_new();
	status = read_inputs(arguments + 1, request.findings, generate, &request);
	status = worse(status, request.status);
	status = worse(status, print_findings(request.findings));
	viommu_findings_free(request.findings);
	return status;
}

const struct command generate_command = {
	.name = "generate",
	.arguments = "viot TOPOLOGY",
	.summary = "make a firmware table from a topology",
	.details = "TOPOLOGY is a text as docs/topology.md has it, a table whose meaning is taken, "
		   "or -\n"
		   "for standard input. It is checked first; with an error nothing is written.",
	.options = options,
	.run = run,
};
