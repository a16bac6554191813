/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a user names, read: files, standard input, folders; tables and topologies
 *
 * A file is what its content says, not its name. In a folder, which holds whatever it holds,
 * only tables that are understood are looked at; of a file that was named, everything is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

#include "command.h"
#include "host_tree.h"

/* More than any table: a device node or a disk image named by mistake ends here. */
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
	const struct viommu_host *host; /* that the tables are of; NULL: not known */
	unsigned n;                     /* inputs there were */
	int status;
};

/* -- bytes ------------------------------------------------------------------------- */

/* A file that has a size need not be read to see that it is too large. */
static bool is_too_large(FILE *stream)
{
	struct stat now;

	return !fstat(fileno(stream), &now) && S_ISREG(now.st_mode) &&
	       now.st_size > INPUT_LENGTH_MAX;
}

/*
 * Read to its end, and not by its size: files below /sys and /proc have none, nor have pipes. A
 * read that ends in an error is no input, however much of it came.
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
	complain("%s: %s", name,
		 ferror(stream) ? g_strerror(errno) : "more than 64 MiB: not a table");
	g_byte_array_free(bytes, TRUE);
	return NULL;
}

/* The two that everybody meets, on a machine where one is not root or where ACPI is not, say what
 * to do. */
static void complain_open(const char *name, int error)
{
	const char *cure = "";

	if (error == EACCES && g_str_has_prefix(name, SYSTEM_TABLES))
		cure = ": the kernel shows its tables to root only";
	if (error == ENOENT && !strcmp(name, SYSTEM_TABLES))
		cure = ": this machine has no ACPI tables; name a file";
	complain("%s: %s%s", name, g_strerror(error), cure);
}

/* A dash is standard input, as everywhere. */
static GByteArray *read_bytes(const char *name)
{
	GByteArray *bytes;
	FILE *file;

	if (!strcmp(name, "-"))
		return read_stream(stdin, "standard input");
	file = g_fopen(name, "rb");
	if (!file) {
		complain_open(name, errno);
		return NULL;
	}
	bytes = read_stream(file, name);
	fclose(file);
	return bytes;
}

/* -- content ------------------------------------------------------------------------- */

/* The topology goes as soon as it was used: a folder may have many tables. */
static void give(struct reader *reader, struct input *input)
{
	reader->n += !reader->in_folder || !input->table ||
		     (viommu_table_abilities(viommu_table_signature(input->table)) &
		      VIOMMU_TABLE_MEANING);
	reader->each(reader->opaque, input);
	input->topology = viommu_topology_free(input->topology);
}

/*
 * Asked of the bytes, before a table is decoded: what a folder holds besides is none of our
 * business, and neither is what is wrong with it.
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

/* Goes on with the next table, whatever became of this one. */
static bool take_table(void *opaque, const char *name, const void *bytes, size_t length)
{
	struct reader *reader = opaque;
	struct input input = { .name = name, .host = reader->host };

	if (reader->in_folder && !is_known(bytes, length))
		return true;
	input.table = viommu_table_decode_as(input_form, bytes, length, name, reader->findings);
	if (input.table)
		give(reader, &input);
	else
		reader->status = EXIT_COULD_NOT;
	viommu_table_free(input.table);
	return true;
}

/* Bytes from 0x80 on are text as well: names may be in any script. */
static bool is_text(const guint8 *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] < ' ' && !g_ascii_isspace((gchar)bytes[i]))
			return false;
	return true;
}

/* Text that is not acpidump's is a topology; tables have control characters. */
static bool is_topology(const GByteArray *bytes)
{
	static const char title[] = " @ 0x";
	const char *text = (const char *)bytes->data;

	if (bytes->len >= SIGNATURE_LENGTH + strlen(title) &&
	    !memcmp(text + SIGNATURE_LENGTH, title, strlen(title)))
		return false;
	return bytes->len && is_text(bytes->data, MIN(bytes->len, PIECE_LENGTH));
}

/* Findings have told why, if there is none. */
static void take_topology(struct reader *reader, const char *name, const GByteArray *bytes)
{
	struct input input = { .name = name };

	input.topology = viommu_topology_parse((const char *)bytes->data, bytes->len, name,
					       reader->findings);
	if (input.topology)
		give(reader, &input);
	else
		reader->status = EXIT_COULD_NOT;
}

/*
 * What was said of the form goes before what the content looks like: bytes without a signature look
 * like anything.
 */
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

/*
 * By bytes and not by the language of the user, so that a folder is read in the same order
 * everywhere.
 */
static gint compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, so that the same folder always gives the same output. */
static GPtrArray *list_folder(const char *folder)
{
	g_autoptr(GError) error = NULL;
	GDir *directory = g_dir_open(folder, 0, &error);
	GPtrArray *names;
	const char *entry;

	if (!directory) {
		complain("%s", error->message);
		return NULL;
	}
	names = g_ptr_array_new_with_free_func(g_free);
	while ((entry = g_dir_read_name(directory)))
		g_ptr_array_add(names, g_build_filename(folder, entry, NULL));
	g_dir_close(directory);
	g_ptr_array_sort(names, compare_names);
	return names;
}

/* What is no table says nothing here: it is not what the folder was named for. */
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

/* The first file that cannot be read speaks for all: they are not the user's to read. */
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

/* What sysfs and the tables say of each other; what is wrong with tables they say themselves. */
static void add_host_findings(struct reader *reader, const struct viommu_findings *findings)
{
	const struct viommu_finding *finding;

	for (size_t i = 0; (finding = viommu_findings_get(findings, i)); i++)
		if (g_str_has_prefix(finding->id, "host-"))
			viommu_findings_add(reader->findings, finding->id, &finding->place,
					    finding->text, finding->cure);
}

/* A copy, for whoever wants to keep a table. */
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

/* The tables of this machine, as its sysfs has them. */
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

/* -- all of it --------------------------------------------------------------------------- */

static char *const system_tables[] = { (char *)SYSTEM_TABLES, NULL };

/* One place that knows the default, so that all commands have the same. */
static char *const *names_or_system(char **names)
{
	return *names ? names : system_tables;
}

/* Asked before anything is read: whether the name of each belongs above what is printed of it. */
bool inputs_are_several(char **names)
{
	char *const *all = names_or_system(names);

	return all[1] || g_file_test(all[0], G_FILE_TEST_IS_DIR);
}

/*
 * Goes on behind an input that cannot be read: who names a folder wants to know about all of it.
 * The worst that happened is the status.
 */
int read_inputs(char **names, struct viommu_findings *findings, input_function *each, void *opaque)
{
	struct reader reader = { .findings = findings, .each = each, .opaque = opaque };

	if (input_form && !(viommu_table_abilities(input_form) & VIOMMU_TABLE_MEANING)) {
		complain("--as %s: there is no such form; builtin-v3 is one", input_form);
		return EXIT_COULD_NOT;
	}
	if (!*names && g_file_test(SYSTEM_TABLES, G_FILE_TEST_IS_DIR)) {
		take_this_machine(&reader);
		return reader.n ? reader.status : complain_nothing(names, reader.status);
	}
	if (!*names && g_file_test(SYSTEM_DEVICE_TREE, G_FILE_TEST_EXISTS)) {
		take_host(&reader, NULL);
		return reader.n ? reader.status : complain_nothing(names, reader.status);
	}
	for (char *const *name = names_or_system(names); *name; name++) {
		if (!input_form && is_host_tree(*name))
			take_host(&reader, *name);
		else if (g_file_test(*name, G_FILE_TEST_IS_DIR))
			take_folder(&reader, *name);
		else
			take_named(&reader, *name);
	}
	return reader.n ? reader.status : complain_nothing(names, reader.status);
}

/* Silence would look like a clean bill of health. */
int complain_nothing(char **names, int status)
{
	if (status != EXIT_COULD_NOT)
		complain("%s: no table there says anything of IOMMUs that is understood here",
			 *names_or_system(names));
	return EXIT_COULD_NOT;
}

/* A host has numbers for the buses behind bridges, which its tables name by the way to them. */
static struct viommu_topology *meaning_on_host(const struct input *input,
					       struct viommu_findings *findings)
{
	struct viommu_topology *topology = viommu_table_topology(input->table, findings), *there;

	if (!topology || !input->host)
		return topology;
	there = viommu_host_expand(input->host, topology);
	viommu_topology_free(topology);
	return there;
}

/* Made when it is asked for first, and kept by the input: who only shows fields never pays for it.
 */
const struct viommu_topology *input_meaning(struct input *input, struct viommu_findings *findings)
{
	if (!input->topology &&
	    (viommu_table_abilities(viommu_table_signature(input->table)) & VIOMMU_TABLE_MEANING))
		input->topology = meaning_on_host(input, findings);
	return input->topology;
}
