/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu generate all, viommu generate acpi: several tables of a machine at once
 *
 * As for a single table, everything is read, checked and generated before the first byte is
 * written.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <viommu/acpi.h>

#include "findings.h"
#include "generate_set.h"
#include "generate_tables.h"
#include "read_bytes.h"

char *generate_address, **generate_with;
gint generate_processors;

#define PROCESSORS_MAX 255

struct set {
	const char *what; /* "all" or "acpi" */
	struct viommu_findings *findings;
	struct viommu_topology *topology;
	unsigned n; /* topologies */
	uint64_t address;
	GPtrArray *given; /* tables of --with */
	struct viommu_table *tables[VIOMMU_TABLES_MAX];
	size_t n_tables;
	void *bytes; /* of acpi */
	size_t length;
};

/* -- input ------------------------------------------------------------------------------ */

static void take_topology(void *opaque, struct input *input)
{
	struct set *set = opaque;
	const struct viommu_topology *topology = input_topology(input, set->findings);

	if (!topology || set->n++)
		return;
	viommu_topology_check(topology, set->findings);
	if (!viommu_findings_count_from(set->findings, VIOMMU_ERROR))
		set->topology = g_steal_pointer(&input->topology);
}

static void take_table(void *opaque, struct input *input)
{
	struct set *set = opaque;

	if (input->table)
		g_ptr_array_add(set->given, g_steal_pointer(&input->table));
}

static void free_table(gpointer table)
{
	viommu_table_free(table);
}

/* A number as in a topology: decimal, or hexadecimal with 0x. */
static bool parse_address(struct set *set)
{
	char *end = NULL;

	errno = 0;
	set->address = generate_address ? strtoull(generate_address, &end, 0) : 0;
	return generate_address && *generate_address != '-' && end != generate_address && !*end &&
	       !errno && set->address % 16 == 0;
}

/* -- generating ---------------------------------------------------------------------------- */

/* Into the bytes of a set that exists, at the address where it is. */
static void generate_into(struct set *set)
{
	GByteArray *base = read_bytes(generate_base);

	if (!base)
		return;
	set->n_tables = viommu_tables_generate(set->topology, set->tables, set->findings);
	for (size_t i = 0; i < set->n_tables; i++)
		g_ptr_array_add(set->given, g_steal_pointer(&set->tables[i]));
	set->n_tables = 0;
	if (!viommu_findings_count_from(set->findings, VIOMMU_ERROR))
		set->length = viommu_acpi_add(base->data, base->len, set->address,
					      (const struct viommu_table *const *)set->given->pdata,
					      set->given->len, &set->bytes, set->findings);
	g_byte_array_free(base, TRUE);
}

static void generate_acpi(struct set *set)
{
	const struct viommu_acpi how = {
		.size = sizeof(how),
		.address = set->address,
		.tables = (const struct viommu_table *const *)set->given->pdata,
		.n_tables = set->given->len,
		.processors = (uint32_t)generate_processors,
	};

	set->length = viommu_acpi_generate(set->topology, &how, &set->bytes, set->findings);
}

static void generate(struct set *set)
{
	if (!strcmp(set->what, "all"))
		set->n_tables = viommu_tables_generate(set->topology, set->tables, set->findings);
	else if (generate_base)
		generate_into(set);
	else
		generate_acpi(set);
}

/* -- writing --------------------------------------------------------------------------------- */

static int write_table_into(const char *folder, const struct viommu_table *table)
{
	g_autofree char *path = g_build_filename(folder, viommu_table_signature(table), NULL);
	void *bytes;
	size_t length = viommu_table_encode(table, &bytes);
	int status = write_output(path, bytes, length);

	free(bytes);
	return status;
}

static int write_all(const struct set *set)
{
	int status = EXIT_CLEAN;

	if (mkdir(generate_output, 0777) && errno != EEXIST) {
		report_error("%s: cannot create the folder: %s", generate_output,
			     g_strerror(errno));
		return EXIT_COULD_NOT;
	}
	for (size_t i = 0; i < set->n_tables; i++)
		status = worse(status, write_table_into(generate_output, set->tables[i]));
	return status;
}

/* Nothing of a machine of which a table is missing. */
static int write_set(const struct set *set)
{
	if (viommu_findings_count_from(set->findings, VIOMMU_ERROR))
		return EXIT_COULD_NOT;
	if (set->n_tables)
		return write_all(set);
	if (set->bytes)
		return write_output(generate_output, set->bytes, set->length);
	report_error("the topology has no IOMMU: no table is needed");
	return EXIT_COULD_NOT;
}

/* -- the request ----------------------------------------------------------------------------- */

/* The mistake in the options, or NULL. */
static const char *find_mistake(struct set *set)
{
	bool all = !strcmp(set->what, "all");

	if (generate_overlay || generate_force || generate_source || generate_iommu)
		return "--overlay, --force, --dts and --iommu do not apply to all and acpi";
	if (all && (generate_address || generate_processors || generate_with || generate_base))
		return "--address, --processors, --with and --into do not apply to all";
	if (all && !generate_output)
		return "name a folder for the tables with -o";
	if (!all && !parse_address(set))
		return "give a multiple of 16 as --address: pointers between tables are addresses";
	if (generate_processors < 0 || generate_processors > PROCESSORS_MAX)
		return "--processors is at most 255: give a MADT with --with for more";
	if (!all && !generate_output && isatty(STDOUT_FILENO))
		return "tables are binary: use -o FILE, or redirect standard output";
	return NULL;
}

static int generate_and_write(struct set *set, char *name)
{
	char *names[] = { name, NULL };
	int status = EXIT_CLEAN;

	if (generate_with)
		status = read_inputs(generate_with, set->findings, take_table, set);
	if (status == EXIT_CLEAN)
		status = read_inputs(names, set->findings, take_topology, set);
	if (status == EXIT_CLEAN && set->n > 1) {
		report_error("%s: %u tables: name a file that has only one", name, set->n);
		status = EXIT_COULD_NOT;
	}
	if (status == EXIT_CLEAN && set->topology)
		generate(set);
	else if (status == EXIT_CLEAN)
		status = EXIT_COULD_NOT;
	status = worse(status, print_findings(set->findings));
	return status == EXIT_COULD_NOT ? status : worse(status, write_set(set));
}

int generate_set(const struct command *command, const char *what, char *name)
{
	g_autofree char *lower = g_ascii_strdown(what, -1);
	struct set set = { .what = lower };
	const char *mistake = find_mistake(&set);
	int status;

	if (mistake)
		return command_usage(command, "%s", mistake);
	set.findings = viommu_findings_new();
	set.given = g_ptr_array_new_with_free_func(free_table);
	status = generate_and_write(&set, name);
	for (size_t i = 0; i < set.n_tables; i++)
		viommu_table_free(set.tables[i]);
	g_ptr_array_free(set.given, TRUE);
	viommu_topology_free(set.topology);
	viommu_findings_free(set.findings);
	free(set.bytes);
	return status;
}
