/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading tables and topologies from files, standard input and folders
 *
 * The content decides what a file is, not its name. In a folder, tables that viommu does not
 * interpret are skipped; a file that was named is read whole.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

#include "command.h"

/* Larger than any table: stops at a device node or disk image named by mistake. */
#define INPUT_LENGTH_MAX (64u << 20)
#define PIECE_LENGTH     65536u

#define SIGNATURE_LENGTH  4
#define DEVICE_TREE_MAGIC "\xd0\x0d\xfe\xed"

char *input_form;
bool input_neighbours;
bool input_host_findings;

struct reader {
	struct viommu_findings *findings;
	input_function *each;
	void *opaque;
	bool in_folder;
	const struct viommu_host *host; /* the host the tables are from; NULL: unknown */
	unsigned n;                     /* usable inputs */
	int status;
};

/* -- bytes ------------------------------------------------------------------------- */

static bool is_too_large(FILE *stream)
{
	struct stat now;

	return !fstat(fileno(stream), &now) && S_ISREG(now.st_mode) &&
	       now.st_size > INPUT_LENGTH_MAX;
}

/*
 * Reads to the end and ignores the size, which is 0 below /sys and /proc and for pipes. A read
 * error discards everything.
 */
static GByteArray *read_stream(FILE *stream, const char *name)
{
	GByteArray *bytes = g_byte_array_new();
	bool too_large = is_too_large(stream);
	guint8 piece[PIECE_LENGTH];
	size_t n;

	while (!too_large && (n = fread(piece, 1, sizeof(piece), stream)) &&
	       bytes->len <= INPUT_LENGTH_MAX)
		g_byte_array_append(bytes, piece, (guint)n);
	if (!too_large && !ferror(stream) && bytes->len <= INPUT_LENGTH_MAX)
		return bytes;
	report_error("%s: %s", name, ferror(stream) ? g_strerror(errno) : "larger than 64 MiB");
	g_byte_array_free(bytes, TRUE);
	return NULL;
}

static void report_open_error(const char *name, int error)
{
	const char *cure = "";

	if (error == EACCES && g_str_has_prefix(name, SYSTEM_TABLES))
		cure = ": only root may read the tables of this machine";
	if (error == ENOENT && !strcmp(name, SYSTEM_TABLES))
		cure = ": this machine has no ACPI tables; name a file";
	report_error("%s: %s%s", name, g_strerror(error), cure);
}

GByteArray *read_bytes(const char *name)
{
	GByteArray *bytes;
	FILE *file;

	if (!strcmp(name, "-"))
		return read_stream(stdin, "standard input");
	file = g_fopen(name, "rb");
	if (!file) {
		report_open_error(name, errno);
		return NULL;
	}
	bytes = read_stream(file, name);
	fclose(file);
	return bytes;
}

/* -- content ------------------------------------------------------------------------- */

/* The topology is freed after use: a folder may have many tables. */
static void pass_input(struct reader *reader, struct input *input)
{
	reader->n += !reader->in_folder || !input->table ||
		     (viommu_table_abilities(viommu_table_signature(input->table)) &
		      VIOMMU_TABLE_MEANING);
	reader->each(reader->opaque, input);
	input->topology = viommu_topology_free(input->topology);
}

/*
 * Looks at the signature before decoding, so that other tables of a folder cause no findings.
 */
static bool is_known(const uint8_t *bytes, size_t length)
{
	char signature[SIGNATURE_LENGTH + 1] = { 0 };

	memcpy(signature, bytes, MIN(length, SIGNATURE_LENGTH));
	if (!strcmp(signature, DEVICE_TREE_MAGIC))
		return true;
	return (viommu_table_abilities(signature) & VIOMMU_TABLE_MEANING) ||
	       (input_neighbours && (viommu_table_abilities(signature) & VIOMMU_TABLE_RECORDS));
}

/* Returns true to continue with the next table, even after an error. */
static bool take_table(void *opaque, const char *name, const void *bytes, size_t length)
{
	struct reader *reader = opaque;
	struct input input = { .name = name, .host = reader->host };

	if (reader->in_folder && !is_known(bytes, length))
		return true;
	input.table = viommu_table_decode_as(input_form, bytes, length, name, reader->findings);
	if (input.table)
		pass_input(reader, &input);
	else
		reader->status = EXIT_COULD_NOT;
	viommu_table_free(input.table);
	return true;
}

/* Bytes from 0x80 count as text: names are UTF-8. */
static bool is_text(const guint8 *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] < ' ' && !g_ascii_isspace((gchar)bytes[i]))
			return false;
	return true;
}

/* Text is a topology, unless acpidump wrote it; tables contain control characters. */
static bool is_topology(const GByteArray *bytes)
{
	static const char title[] = " @ 0x";
	const char *text = (const char *)bytes->data;

	if (bytes->len >= SIGNATURE_LENGTH + strlen(title) &&
	    !memcmp(text + SIGNATURE_LENGTH, title, strlen(title)))
		return false;
	return bytes->len && is_text(bytes->data, MIN(bytes->len, PIECE_LENGTH));
}

static void take_topology(struct reader *reader, const char *name, const GByteArray *bytes)
{
	struct input input = { .name = name };

	input.topology = viommu_topology_parse((const char *)bytes->data, bytes->len, name,
					       reader->findings);
	if (input.topology)
		pass_input(reader, &input);
	else
		reader->status = EXIT_COULD_NOT;
}

/* --as overrides the content: a built-in topology has no signature. */
static void take_named(struct reader *reader, const char *name)
{
	const char *shown = strcmp(name, "-") ? name : "standard input";
	GByteArray *bytes = read_bytes(name);

	if (!bytes)
		reader->status = EXIT_COULD_NOT;
	else if (input_form)
		take_table(reader, shown, bytes->data, bytes->len);
	else if (is_topology(bytes))
		take_topology(reader, shown, bytes);
	else if (!viommu_input_split(bytes->data, bytes->len, shown, take_table, reader,
				     reader->findings))
		reader->status = EXIT_COULD_NOT;
	if (bytes)
		g_byte_array_free(bytes, TRUE);
}

/* -- folders --------------------------------------------------------------------------- */

/* By bytes, so that the order does not depend on the locale. */
static gint compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static GPtrArray *list_folder(const char *folder)
{
	g_autoptr(GError) error = NULL;
	GDir *directory = g_dir_open(folder, 0, &error);
	GPtrArray *names;
	const char *entry;

	if (!directory) {
		report_error("%s", error->message);
		return NULL;
	}
	names = g_ptr_array_new_with_free_func(g_free);
	while ((entry = g_dir_read_name(directory)))
		g_ptr_array_add(names, g_build_filename(folder, entry, NULL));
	g_dir_close(directory);
	g_ptr_array_sort(names, compare_names);
	return names;
}

/* Other files in a folder are skipped without a finding. */
static bool take_from_folder(struct reader *reader, const char *name)
{
	GByteArray *bytes = read_bytes(name);

	if (!bytes)
		return false;
	if (bytes->len && !is_topology(bytes))
		viommu_input_split(bytes->data, bytes->len, name, take_table, reader, NULL);
	g_byte_array_free(bytes, TRUE);
	return true;
}

/* Stops at the first file that cannot be read, since the others will fail for the same reason. */
static void take_folder(struct reader *reader, const char *folder)
{
	GPtrArray *names = list_folder(folder);
	bool readable = names;

	reader->in_folder = true;
	for (guint i = 0; readable && i < names->len; i++)
		if (g_file_test(names->pdata[i], G_FILE_TEST_IS_REGULAR))
			readable = take_from_folder(reader, names->pdata[i]);
	reader->in_folder = false;
	if (!readable)
		reader->status = EXIT_COULD_NOT;
	if (names)
		g_ptr_array_free(names, TRUE);
}

/* -- hosts ----------------------------------------------------------------------------- */

/* Only disagreements of sysfs and tables; decoding a table reports its own findings. */
static void add_host_findings(struct reader *reader, const struct viommu_findings *findings)
{
	const struct viommu_finding *finding;

	for (size_t i = 0; (finding = viommu_findings_get(findings, i)); i++)
		if (g_str_has_prefix(finding->id, "host-"))
			viommu_findings_add(reader->findings, finding->id, &finding->place,
					    finding->text, finding->cure);
}

/* A copy, because the callback may keep the table. */
static void take_host_table(struct reader *reader, const struct viommu_table *table)
{
	void *bytes;
	size_t length = viommu_table_encode(table, &bytes);

	take_table(reader, viommu_table_file(table), bytes, length);
	free(bytes);
}

static void take_host(struct reader *reader, const char *root)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_host *host = viommu_host_scan(root, findings);
	const struct viommu_table *table;

	if (!host || input_host_findings)
		add_host_findings(reader, findings);
	if (!host)
		reader->status = EXIT_COULD_NOT;
	reader->host = host;
	reader->in_folder = true;
	for (size_t i = 0; host && (table = viommu_host_table(host, i)); i++)
		take_host_table(reader, table);
	reader->in_folder = false;
	reader->host = NULL;
	viommu_host_free(host);
	viommu_findings_free(findings);
}

/* The tables of this machine, with what sysfs says about its devices. */
static void take_this_machine(struct reader *reader)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_host *host = viommu_host_scan(NULL, findings);

	if (host && input_host_findings)
		add_host_findings(reader, findings);
	reader->host = host;
	take_folder(reader, SYSTEM_TABLES);
	reader->host = NULL;
	viommu_host_free(host);
	viommu_findings_free(findings);
}

/* -- all inputs -------------------------------------------------------------------------- */

static char *const system_tables[] = { (char *)SYSTEM_TABLES, NULL };

static char *const *names_or_system(char **names)
{
	return *names ? names : system_tables;
}

bool inputs_are_several(char **names)
{
	char *const *all = names_or_system(names);

	return all[1] || g_file_test(all[0], G_FILE_TEST_IS_DIR);
}

/*
 * Continues after an input that cannot be read. The status is the worst of all.
 */
int read_inputs(char **names, struct viommu_findings *findings, input_function *each, void *opaque)
{
	struct reader reader = { .findings = findings, .each = each, .opaque = opaque };

	if (input_form && !(viommu_table_abilities(input_form) & VIOMMU_TABLE_MEANING)) {
		report_error("--as %s: unknown form; builtin-v3 is one", input_form);
		return EXIT_COULD_NOT;
	}
	if (!*names && g_file_test(SYSTEM_TABLES, G_FILE_TEST_IS_DIR)) {
		take_this_machine(&reader);
		return reader.n ? reader.status : report_no_input(names, reader.status);
	}
	if (!*names && g_file_test(SYSTEM_DEVICE_TREE, G_FILE_TEST_EXISTS)) {
		take_host(&reader, NULL);
		return reader.n ? reader.status : report_no_input(names, reader.status);
	}
	for (char *const *name = names_or_system(names); *name; name++) {
		if (!input_form && viommu_host_is_tree(*name))
			take_host(&reader, *name);
		else if (g_file_test(*name, G_FILE_TEST_IS_DIR))
			take_folder(&reader, *name);
		else
			take_named(&reader, *name);
	}
	return reader.n ? reader.status : report_no_input(names, reader.status);
}

/* Without a message, an exit without findings would look like success. */
int report_no_input(char **names, int status)
{
	if (status != EXIT_COULD_NOT)
		report_error("%s: no table that describes IOMMUs, or none that viommu supports",
			     *names_or_system(names));
	return EXIT_COULD_NOT;
}

/* x86 tables name functions below bridges by path; the host's sysfs has their bus numbers. */
static struct viommu_topology *topology_on_host(const struct input *input,
						struct viommu_findings *findings)
{
	struct viommu_topology *topology = viommu_table_topology(input->table, findings), *expanded;

	if (!topology || !input->host)
		return topology;
	expanded = viommu_host_expand(input->host, topology);
	viommu_topology_free(topology);
	return expanded;
}

/* Derived on first use: dump never needs it. */
const struct viommu_topology *input_topology(struct input *input, struct viommu_findings *findings)
{
	if (!input->topology &&
	    (viommu_table_abilities(viommu_table_signature(input->table)) & VIOMMU_TABLE_MEANING))
		input->topology = topology_on_host(input, findings);
	return input->topology;
}
