/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu assemble: a table from its source
 *
 * The source is what `viommu dump --source` prints. That of a device tree goes to dtc.
 */
#include <stdlib.h>

#include "command.h"
#include "device_tree_source.h"
#include "findings.h"

static char *output_name;
static gboolean keep, as_json;

static const GOptionEntry options[] = {
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &output_name,
	  "write to FILE instead of standard output", "FILE" },
	{ "json", 'j', 0, G_OPTION_ARG_NONE, &as_json,
	  "print the findings as JSON on standard output", NULL },
	{ "keep", 'k', 0, G_OPTION_ARG_NONE, &keep,
	  "keep lengths and checksums as they are, instead of computing them", NULL },
	G_OPTION_ENTRY_NULL,
};

/* NULL: there is none. */
static GByteArray *assemble_tree(const char *name, const GByteArray *source)
{
	g_autofree char *message = NULL;
	const char *cure;
	GByteArray *tree = compile_source((const char *)source->data, source->len, &message, &cure);

	if (!tree)
		report_error("%s: dtc cannot compile it: %s; %s", name, message, cure);
	return tree;
}

static GByteArray *assemble_table(const char *name, const GByteArray *source,
				  struct viommu_findings *findings)
{
	void *bytes;
	size_t length = viommu_table_assemble((const char *)source->data, source->len, name, keep,
					      &bytes, findings);
	GByteArray *table = length ? g_byte_array_new() : NULL;

	if (length)
		g_byte_array_append(table, bytes, (guint)length);
	free(bytes);
	return table;
}

/* The findings first: a file is not written if they cannot be. */
static int report_and_write(const GByteArray *made, const struct viommu_findings *findings)
{
	report_findings(findings, as_json);
	return made ? write_output(output_name, made->data, made->len) : EXIT_COULD_NOT;
}

static int run(const struct command *command, char **arguments)
{
	struct viommu_findings *findings;
	GByteArray *source, *made;
	int status;

	if (g_strv_length(arguments) != 1)
		return command_usage(command, "name one source, or - for standard input");
	if (as_json && !output_name)
		return command_usage(command, FINDINGS_NEED_OUTPUT);
	source = read_bytes(*arguments);
	if (!source)
		return EXIT_COULD_NOT;
	findings = viommu_findings_new();
	if (is_device_tree_source((const char *)source->data, source->len))
		made = assemble_tree(*arguments, source);
	else
		made = assemble_table(*arguments, source, findings);
	status = report_and_write(made, findings);
	if (made)
		g_byte_array_free(made, TRUE);
	viommu_findings_free(findings);
	g_byte_array_free(source, TRUE);
	return status;
}

const struct command assemble_command = {
	.name = "assemble",
	.arguments = "SOURCE",
	.summary = "make a firmware table from its edited source",
	.details = "SOURCE is what viommu dump --source prints, or - for standard input.\n"
		   "Lines are written one after the other; their offsets are ignored. The words\n"
		   "length and checksum are computed; a number in their place is written as it is.",
	.examples = "viommu dump --source DMAR >dmar.txt\n"
		    "# edit dmar.txt\n"
		    "viommu assemble dmar.txt -o DMAR.new && viommu check DMAR.new",
	.options = options,
	.run = run,
};
