/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a user names, read: files, standard input, folders; tables and topologies
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <glib/gstdio.h>

#include "command.h"

/* More than any table: a device node or a disk image named by mistake ends here. */
#define INPUT_LENGTH_MAX (256u << 20)
#define PIECE_LENGTH     65536u

struct reader {
	struct viommu_findings *findings;
	input_function *each;
	void *opaque;
	bool known_only; /* in a folder: pass over tables that say nothing of IOMMUs */
	int status;
};

/* -- bytes ------------------------------------------------------------------------- */

static GByteArray *read_stream(FILE *stream, const char *name)
{
	GByteArray *bytes = g_byte_array_new();
	guint8 piece[PIECE_LENGTH];
	size_t n;

	while ((n = fread(piece, 1, sizeof(piece), stream)) && bytes->len <= INPUT_LENGTH_MAX)
		g_byte_array_append(bytes, piece, (guint)n);
	if (!ferror(stream) && bytes->len <= INPUT_LENGTH_MAX)
		return bytes;
	complain("%s: %s", name,
		 ferror(stream) ? g_strerror(errno) : "more than 256 MiB: not a table");
	g_byte_array_free(bytes, TRUE);
	return NULL;
}

static void complain_open(const char *name, int error)
{
	if (error == EACCES)
		complain("%s: permission denied: the kernel shows its tables to root only", name);
	else
		complain("%s: %s", name, g_strerror(error));
}

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

static bool is_known(const struct viommu_table *table)
{
	return !strcmp(viommu_table_signature(table), "VIOT");
}

static bool take_table(void *opaque, const char *name, const void *bytes, size_t length)
{
	struct reader *reader = opaque;
	struct input input = { .name = name };

	input.table = viommu_table_decode(bytes, length, name, reader->findings);
	if (!input.table)
		reader->status = EXIT_COULD_NOT;
	else if (!reader->known_only || is_known(input.table))
		reader->each(reader->opaque, &input);
	viommu_table_free(input.table);
	return true;
}

/* Text that is not acpidump's is a topology; tables have control characters. */
static bool is_topology(const GByteArray *bytes)
{
	static const char title[] = " @ 0x";
	const char *text = (const char *)bytes->data;

	if (bytes->len > 9 && !memcmp(text + 4, title, strlen(title)))
		return false;
	for (guint i = 0; i < bytes->len && i < PIECE_LENGTH; i++)
		if (bytes->data[i] < ' ' && !strchr("\t\n\r\f", text[i]))
			return false;
	return bytes->len;
}

static void take_bytes(struct reader *reader, const char *name, const GByteArray *bytes)
{
	const char *shown = strcmp(name, "-") ? name : "standard input";
	struct input input = { .name = shown };

	if (!is_topology(bytes)) {
		if (!viommu_input_split(bytes->data, bytes->len, shown, take_table, reader,
					reader->findings))
			reader->status = EXIT_COULD_NOT;
		return;
	}
	input.topology = viommu_topology_parse((const char *)bytes->data, bytes->len, shown,
					       reader->findings);
	if (input.topology)
		reader->each(reader->opaque, &input);
	else
		reader->status = EXIT_COULD_NOT;
	viommu_topology_free(input.topology);
}

static void take_file(struct reader *reader, const char *name)
{
	GByteArray *bytes = read_bytes(name);

	if (!bytes) {
		reader->status = EXIT_COULD_NOT;
		return;
	}
	take_bytes(reader, name, bytes);
	g_byte_array_free(bytes, TRUE);
}

/* -- folders --------------------------------------------------------------------------- */

static gint compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void take_folder(struct reader *reader, const char *folder)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	GDir *directory = g_dir_open(folder, 0, &error);
	const char *entry;

	if (!directory) {
		complain("%s", error->message);
		reader->status = EXIT_COULD_NOT;
		return;
	}
	while ((entry = g_dir_read_name(directory)))
		g_ptr_array_add(names, g_build_filename(folder, entry, NULL));
	g_dir_close(directory);
	g_ptr_array_sort(names, compare_names);
	reader->known_only = true;
	for (guint i = 0; i < names->len; i++)
		if (g_file_test(names->pdata[i], G_FILE_TEST_IS_REGULAR))
			take_file(reader, names->pdata[i]);
	reader->known_only = false;
}

int read_inputs(char **names, struct viommu_findings *findings, input_function *each, void *opaque)
{
	struct reader reader = { findings, each, opaque, false, EXIT_CLEAN };

	for (; *names; names++) {
		if (g_file_test(*names, G_FILE_TEST_IS_DIR))
			take_folder(&reader, *names);
		else
			take_file(&reader, *names);
	}
	return reader.status;
}

struct viommu_topology *input_meaning(const struct input *input, struct viommu_findings *findings)
{
	char *text;
	struct viommu_topology *copy;

	if (input->table)
		return viommu_table_topology(input->table, findings);
	text = viommu_topology_text(input->topology);
	copy = viommu_topology_parse(text, strlen(text), input->name, findings);
	free(text);
	return copy;
}
