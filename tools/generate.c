/* SPDX-License-Identifier: BSD-3-Clause */
/* viommu generate: make a firmware table from a topology */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "command.h"

static char *output_name;

static const GOptionEntry options[] = {
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &output_name,
	  "write the table to FILE, not to standard output", "FILE" },
	G_OPTION_ENTRY_NULL,
};

/* -- writing ------------------------------------------------------------------------ */

static int write_to(FILE *stream, const char *name, const void *bytes, size_t length)
{
	if (fwrite(bytes, 1, length, stream) == length && !fflush(stream))
		return EXIT_CLEAN;
	complain("could not write %s: %s", name, g_strerror(errno));
	return EXIT_COULD_NOT;
}

/* Half a table is worse than none: it goes again, unless it is a device. */
static int write_file(const char *name, const void *bytes, size_t length)
{
	FILE *file = g_fopen(name, "wb");
	int status;

	if (!file) {
		complain("could not write %s: %s", name, g_strerror(errno));
		return EXIT_COULD_NOT;
	}
	status = write_to(file, name, bytes, length);
	if (fclose(file) && status == EXIT_CLEAN) {
		complain("could not write %s: %s", name, g_strerror(errno));
		status = EXIT_COULD_NOT;
	}
	if (status != EXIT_CLEAN && g_file_test(name, G_FILE_TEST_IS_REGULAR))
		g_unlink(name);
	return status;
}

static int write_table(const void *bytes, size_t length)
{
	if (output_name && strcmp(output_name, "-"))
		return write_file(output_name, bytes, length);
	if (!isatty(STDOUT_FILENO))
		return write_to(stdout, "standard output", bytes, length);
	complain("a table is no text: name a file with -o, or pipe it on");
	return EXIT_COULD_NOT;
}

/* -- making ------------------------------------------------------------------------- */

struct request {
	const char *signature;
	struct viommu_findings *findings;
	unsigned n;
	void *bytes;
	size_t length;
};

static void generate(void *opaque, struct input *input)
{
	struct request *request = opaque;
	const struct viommu_topology *topology = input_meaning(input, request->findings);
	struct viommu_table *table = NULL;

	if (!topology || request->n++)
		return;
	viommu_topology_check(topology, request->findings);
	if (!viommu_findings_count_from(request->findings, VIOMMU_ERROR))
		table = viommu_table_generate(topology, request->signature, request->findings);
	if (table)
		request->length = viommu_table_encode(table, &request->bytes);
	viommu_table_free(table);
}

static int finish(const struct request *request, char **names, int status)
{
	status = worse(status, print_findings(request->findings));
	if (!request->n)
		return complain_nothing(names, status);
	if (request->n > 1) {
		complain("a table is made of one topology, and there are %u", request->n);
		return EXIT_COULD_NOT;
	}
	if (status == EXIT_COULD_NOT || !request->bytes)
		return EXIT_COULD_NOT;
	return worse(status, write_table(request->bytes, request->length));
}

static int run(const struct command *command, char **arguments)
{
	g_autofree char *signature = arguments[0] ? g_ascii_strup(arguments[0], -1) : NULL;
	struct request request = { .signature = signature };
	int status;

	if (g_strv_length(arguments) != 2)
		return command_usage(command, "say which table, and from which topology");
	if (!viommu_table_known(signature))
		return command_usage(command, "\"%s\" cannot be made here", arguments[0]);
	request.findings = viommu_findings_new();
	status = read_inputs(arguments + 1, request.findings, generate, &request);
	status = finish(&request, arguments + 1, status);
	viommu_findings_free(request.findings);
	free(request.bytes);
	return status;
}

const struct command generate_command = {
	.name = "generate",
	.arguments = "viot TOPOLOGY",
	.summary = "make a firmware table from a topology",
	.details =
		"TOPOLOGY is a text as docs/topology.md has it, a table whose meaning is taken,\n"
		"or - for standard input. It is checked first; with an error nothing is written.",
	.options = options,
	.run = run,
};
