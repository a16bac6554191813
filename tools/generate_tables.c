/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Generating a table, a device tree, an overlay or a command line from a topology
 *
 * Everything is read, checked and generated before the first byte is written, so that the output is
 * complete or absent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <viommu/devicetree.h>

#include "findings.h"
#include "generate_tables.h"
#include "left_out.h"
#include "other_bytes.h"

char *generate_output, *generate_iommu, *generate_base;
gboolean generate_overlay, generate_source, generate_force, generate_json;

#define DEVICE_TREE  "DTB"
#define COMMAND_LINE "CMDLINE"

struct request {
	const char *what;          /* a signature, or COMMAND_LINE */
	struct viommu_table *base; /* the table to extend, or NULL */
	bool compare;
	int left_out; /* EXIT_FINDINGS: the input has what a topology has no place for */
	struct viommu_findings *findings;
	unsigned n; /* topologies */
	struct viommu_table *table;
	char *line;
};

/* -- generating ---------------------------------------------------------------------- */

static bool is_tree(const struct request *request)
{
	return !strcmp(request->what, DEVICE_TREE);
}

/* The library reports combinations of options that are not possible. */
static struct viommu_table *generate_device_tree(const struct request *request,
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

static char *generate_command_line(const struct request *request,
				   const struct viommu_topology *topology)
{
	g_autofree char *arguments = viommu_kernel_command_line(topology, request->findings);

	if (!arguments)
		report_error("no virtio-iommu has memory-mapped registers: no argument is needed");
	return arguments ? g_strconcat(arguments, "\n", NULL) : NULL;
}

/* The base becomes the result; on failure it is freed. */
static struct viommu_table *extend_base(struct request *request,
					const struct viommu_topology *topology)
{
	struct viommu_table *table = g_steal_pointer(&request->base);

	return viommu_table_extend(table, topology, request->findings) ? table
								       : viommu_table_free(table);
}

static bool is_error(const struct viommu_finding *finding)
{
	return finding->severity == VIOMMU_ERROR;
}

/* The topology was checked before, with places in its text. */
static bool is_of_table(const struct viommu_finding *finding)
{
	return is_error(finding) ||
	       (finding->severity == VIOMMU_WARNING && !g_str_has_prefix(finding->id, "topology-"));
}

/*
 * A table with an error is not given to a guest. The bytes are what is checked: they are what a
 * guest reads. A base had its errors before. A table that is converted has warnings that the old
 * one had, too.
 */
static void refuse_errors(struct request *request)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_table *copy;
	void *bytes;
	size_t length = viommu_table_encode(request->table, &bytes);

	copy = viommu_table_decode_as(request->what, bytes, length, request->what, findings);
	free(bytes);
	if (copy)
		viommu_table_check(copy, findings);
	copy_findings(request->findings, findings, request->compare ? is_error : is_of_table);
	if (viommu_findings_count_from(findings, VIOMMU_ERROR))
		request->table = viommu_table_free(request->table);
	viommu_table_free(copy);
	viommu_findings_free(findings);
}

/* A base contains more than the topology, so it is not compared with it. */
static void generate_table(struct request *request, const struct viommu_topology *topology)
{
	bool compare = request->compare && !request->base;

	if (is_tree(request))
		request->table = generate_device_tree(request, topology);
	else if (request->base)
		request->table = extend_base(request, topology);
	else
		request->table = viommu_table_generate_for(topology, request->what, generate_iommu,
							   request->findings);
	if (request->table && !generate_base)
		refuse_errors(request);
	if (request->table && compare)
		viommu_table_compare(request->table, topology, request->findings);
}

/*
 * Uses the first topology and counts the others: more than one is an error. A topology with errors
 * generates nothing; one with warnings does.
 */
static void take_topology(void *opaque, struct input *input)
{
	struct request *request = opaque;
	const struct viommu_topology *topology = input_topology(input, request->findings);

	if (!topology || request->n++)
		return;
	viommu_topology_check(topology, request->findings);
	request->left_out = report_left_out(input->table, request->findings);
	if (viommu_findings_count_from(request->findings, VIOMMU_ERROR))
		return;
	if (!strcmp(request->what, COMMAND_LINE))
		request->line = generate_command_line(request, topology);
	else
		generate_table(request, topology);
	if (request->compare && request->table && input->table && !request->base &&
	    !is_tree(request) && !strcmp(viommu_table_signature(input->table), request->what))
		report_other_bytes(input->table, request->table, request->findings);
}

/* -- the base -------------------------------------------------------------------- */

/* Takes the first table of that signature. The library rejects a base that is not a device tree. */
static void take_base(void *opaque, struct input *input)
{
	struct request *request = opaque;

	if (input->table && !request->base &&
	    (is_tree(request) || !strcmp(viommu_table_signature(input->table), request->what)))
		request->base = g_steal_pointer(&input->table);
}

static int read_base(struct request *request)
{
	char *names[] = { generate_base, NULL };
	int status = generate_base ? read_inputs(names, request->findings, take_base, request)
				   : EXIT_CLEAN;

	if (!generate_base || request->base || status != EXIT_CLEAN)
		return status;
	report_error("%s: contains no %s to extend", generate_base, request->what);
	return EXIT_COULD_NOT;
}

/* -- writing ----------------------------------------------------------------------- */

/* A terminal would interpret the bytes as control sequences. */
static int write_table(const struct viommu_table *table)
{
	size_t length;
	void *bytes;
	int status;

	if (!generate_output && isatty(STDOUT_FILENO)) {
		report_error("a table is binary: use -o FILE, or redirect standard output");
		return EXIT_COULD_NOT;
	}
	length = viommu_table_encode(table, &bytes);
	status = write_output(generate_output, bytes, length);
	free(bytes);
	return status;
}

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

/* False, with a message for which the findings have the reasons: there is nothing to write. */
static bool has_result(const struct request *request, char **names, int *status)
{
	if (!request->n || *status != EXIT_CLEAN) {
		*status = report_no_input(names, *status);
		return false;
	}
	if (request->n > 1)
		report_error("%s: %u tables: name a file that has only one", *names, request->n);
	else if (request->table || request->line)
		return true;
	*status = EXIT_COULD_NOT;
	return false;
}

/* -- the request -------------------------------------------------------------------- */

/* Signatures are accepted in any case; VIOT in capitals, builtin-v3 in lower case. */
static char *signature_of(const char *name)
{
	g_autofree char *lower = g_ascii_strdown(name, -1);

	return (viommu_table_abilities(lower) & VIOMMU_TABLE_MEANING) ? g_steal_pointer(&lower)
								      : g_ascii_strup(lower, -1);
}

static bool can_generate(const struct request *request)
{
	return (viommu_table_abilities(request->what) & VIOMMU_TABLE_GENERATE) ||
	       !strcmp(request->what, COMMAND_LINE);
}

/* An option without effect is reported as a mistake. */
static bool options_fit(const struct request *request)
{
	return is_tree(request) || (!generate_overlay && !generate_force && !generate_source);
}

static int generate_and_write(struct request *request, char **names)
{
	int status = read_base(request);
	bool has;

	if (status == EXIT_CLEAN)
		status = read_inputs(names, request->findings, take_topology, request);
	has = has_result(request, names, &status);
	status = worse(status, report_findings(request->findings, generate_json));
	/* Last, because printing may run out of memory: then an old file is still there. */
	return has ? worse(status, write_result(request)) : status;
}

static int report_table(const struct command *command, const char *what, const char *const *words)
{
	g_autofree char *lower = g_ascii_strdown(what, -1);
	g_autofree char *hint = did_you_mean(lower, words);

	return command_usage(command, "cannot generate \"%s\"%s", what,
			     *hint ? hint : ": the help lists each TABLE");
}

int generate_tables(const struct command *command, const char *what, char **names,
		    const char *const *words, bool compare)
{
	g_autofree char *signature = signature_of(what);
	struct request request = { .what = signature, .compare = compare };
	int status;

	if (!can_generate(&request))
		return report_table(command, what, words);
	if (!options_fit(&request))
		return command_usage(command, "--overlay, --force and --dts apply to dtb only");
	if (generate_json && !generate_output)
		return command_usage(command, FINDINGS_NEED_OUTPUT);
	request.findings = viommu_findings_new();
	status = worse(generate_and_write(&request, names), request.left_out);
	viommu_table_free(request.table);
	viommu_table_free(request.base);
	viommu_findings_free(request.findings);
	g_free(request.line);
	return status;
}
