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
#define ALIGNMENT      16

struct set {
	const char *what; /* "all" or "acpi" */
	const char *name; /* of the topology */
	struct viommu_findings *findings;
	struct viommu_topology *topology;
	unsigned n; /* topologies */
	uint64_t address;
	GPtrArray *given; /* tables of --with */
	struct viommu_table *tables[VIOMMU_TABLES_MAX];
	size_t n_tables;
	void *bytes; /* of acpi */
	size_t length;
	int status;
	char *said; /* a mistake in the options */
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

/* A topology is no table, and the set has only those of the other one. */
static void take_table(void *opaque, struct input *input)
{
	struct set *set = opaque;

	if (input->table) {
		g_ptr_array_add(set->given, g_steal_pointer(&input->table));
		return;
	}
	report_error("%s: a topology, and --with takes tables: generate them with `viommu generate "
		     "all`, or put both into one topology",
		     input->name);
	set->status = EXIT_COULD_NOT;
}

/* Tables have signatures, whatever the form of the topology is. */
static int read_given(struct set *set)
{
	char *form = g_steal_pointer(&input_form);
	int status;

	input_every = true;
	status = read_inputs(generate_with, set->findings, take_table, set);
	input_every = false;
	input_form = form;
	return worse(status, set->status);
}

static void free_table(gpointer table)
{
	viommu_table_free(table);
}

/* A number as in a topology: decimal, or hexadecimal with 0x. */
static bool parse_address(struct set *set)
{
	const char *text = generate_address;
	bool is_hex = text && g_str_has_prefix(text, "0x");
	const char *digits = is_hex ? text + 2 : text;
	char *end = NULL;

	if (!digits || !g_ascii_isxdigit(*digits) || (!is_hex && *digits == '0' && digits[1]))
		return false;
	errno = 0;
	set->address = g_ascii_strtoull(digits, &end, is_hex ? 16 : 10);
	return end != digits && !*end && !errno && set->address % ALIGNMENT == 0;
}

/* -- generating ---------------------------------------------------------------------------- */

/* The library does not know where its arguments are from. */
static void take_findings(struct set *set, struct viommu_findings *findings, const char *file)
{
	const struct viommu_finding *finding;

	for (size_t i = 0; (finding = viommu_findings_get(findings, i)); i++) {
		struct viommu_place place = finding->place;

		if (!place.file || !*place.file)
			place.file = file;
		viommu_findings_add(set->findings, finding->id, &place, finding->text,
				    finding->cure);
	}
	viommu_findings_free(findings);
}

/* Into the bytes of a set that exists, at the address where it is. */
static void generate_into(struct set *set, const struct viommu_acpi *how)
{
	struct viommu_findings *findings;
	GByteArray *base = read_bytes(generate_base);

	if (!base) {
		set->status = EXIT_COULD_NOT;
		return;
	}
	findings = viommu_findings_new();
	set->length = viommu_acpi_extend(base->data, base->len, set->topology, how, &set->bytes,
					 findings);
	take_findings(set, findings, generate_base);
	g_byte_array_free(base, TRUE);
}

static void generate_new(struct set *set, const struct viommu_acpi *how)
{
	struct viommu_findings *findings = viommu_findings_new();

	set->length = viommu_acpi_generate(set->topology, how, &set->bytes, findings);
	take_findings(set, findings, set->name);
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

	if (generate_base)
		generate_into(set, &how);
	else
		generate_new(set, &how);
}

static void generate(struct set *set)
{
	if (!strcmp(set->what, "all"))
		set->n_tables = viommu_tables_generate(set->topology, set->tables, set->findings);
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

static bool has_table(const struct set *set, const char *signature)
{
	for (size_t i = 0; i < set->n_tables; i++)
		if (!strcmp(viommu_table_signature(set->tables[i]), signature))
			return true;
	return false;
}

/* A reader of the folder would take them for tables of this machine. */
static void report_older_tables(const struct set *set)
{
	static const char *const signatures[] = { "VIOT", "IORT", "DMAR", "IVRS", "RIMT" };

	for (size_t i = 0; i < G_N_ELEMENTS(signatures); i++) {
		g_autofree char *path = g_build_filename(generate_output, signatures[i], NULL);

		if (!has_table(set, signatures[i]) && g_file_test(path, G_FILE_TEST_EXISTS))
			report_error("%s: is older, and not of this machine, which needs no %s: "
				     "remove it",
				     path, signatures[i]);
	}
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
	report_older_tables(set);
	return status;
}

/* Nothing of a machine of which a table is missing. */
static int write_set(const struct set *set)
{
	if (set->status != EXIT_CLEAN || viommu_findings_count_from(set->findings, VIOMMU_ERROR))
		return EXIT_COULD_NOT;
	if (set->n_tables)
		return write_all(set);
	if (set->bytes)
		return write_output(generate_output, set->bytes, set->length);
	report_error("the topology has no IOMMU: no table is needed");
	return EXIT_COULD_NOT;
}

/* -- the request ----------------------------------------------------------------------------- */

static const char *find_mistake_of_all(void)
{
	if (generate_address || generate_processors || generate_with || generate_base)
		return "--address, --processors, --with and --into do not apply to all";
	return generate_output ? NULL : "name a folder for the tables with -o";
}

static const char *find_mistake_of_acpi(struct set *set)
{
	if (!generate_address)
		return "give --address, where the set will be: pointers between tables are "
		       "addresses";
	if (!parse_address(set))
		return set->said = g_strdup_printf(
			       "--address \"%s\" is no multiple of 16 from 0 to "
			       "0xfffffffffffffff0, in decimal or, with 0x, in hexadecimal",
			       generate_address);
	if (generate_processors < 0 || generate_processors > PROCESSORS_MAX)
		return set->said = g_strdup_printf("--processors %d: give a number from 0 to 255, "
						   "or a MADT with --with for more",
						   generate_processors);
	if (generate_json && !generate_output)
		return FINDINGS_NEED_OUTPUT;
	if (generate_processors && generate_base)
		return "--processors does not apply to a set that exists: give a MADT with --with";
	if (!generate_output && isatty(STDOUT_FILENO))
		return "tables are binary: use -o FILE, or redirect standard output";
	return NULL;
}

/* The mistake in the options, or NULL. */
static const char *find_mistake(struct set *set)
{
	if (generate_overlay || generate_force || generate_source || generate_iommu)
		return "--overlay, --force, --dts and --iommu do not apply to all and acpi";
	return strcmp(set->what, "all") ? find_mistake_of_acpi(set) : find_mistake_of_all();
}

static int generate_and_write(struct set *set, char *name)
{
	char *names[] = { name, NULL };
	int status = EXIT_CLEAN;

	if (generate_with)
		status = read_given(set);
	if (status == EXIT_CLEAN)
		status = read_inputs(names, set->findings, take_topology, set);
	if (status == EXIT_CLEAN && set->n > 1) {
		report_error("%s: %u tables: name a file that has only one", name, set->n);
		status = EXIT_COULD_NOT;
	}
	if (status == EXIT_CLEAN && !set->n)
		status = report_no_input(names, status);
	if (status == EXIT_CLEAN && set->topology)
		generate(set);
	else if (status == EXIT_CLEAN)
		status = EXIT_COULD_NOT;
	status = worse(status, report_findings(set->findings, generate_json));
	return status == EXIT_COULD_NOT ? status : worse(status, write_set(set));
}

int generate_set(const struct command *command, const char *what, char *name)
{
	g_autofree char *lower = g_ascii_strdown(what, -1);
	struct set set = { .what = lower, .name = name };
	const char *mistake = find_mistake(&set);
	int status;

	if (mistake) {
		status = command_usage(command, "%s", mistake);
		g_free(set.said);
		return status;
	}
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
