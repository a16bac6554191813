/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files, standard input and folders, read whole and with a limit
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

#include "command.h"
#include "read_bytes.h"

#define PIECE_LENGTH 65536u

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
	/* Reserved, so that the data of an empty file is not NULL. */
	GByteArray *bytes = g_byte_array_sized_new(1);
	bool too_large = is_too_large(stream);
	guint8 piece[PIECE_LENGTH];
	int error;
	size_t n;

	while (!too_large && (n = fread(piece, 1, sizeof(piece), stream)) &&
	       bytes->len <= INPUT_LENGTH_MAX)
		g_byte_array_append(bytes, piece, (guint)n);
	if (!too_large && !ferror(stream) && bytes->len <= INPUT_LENGTH_MAX)
		return bytes;
	error = ferror(stream) ? errno : EFBIG;
	report_error("%s: %s", name, error == EFBIG ? "larger than 64 MiB" : g_strerror(error));
	g_byte_array_free(bytes, TRUE);
	errno = error;
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
	int error;
	FILE *file;

	if (!strcmp(name, "-"))
		return read_stream(stdin, "standard input");
	file = g_fopen(name, "rb");
	if (!file) {
		error = errno;
		report_open_error(name, error);
		errno = error;
		return NULL;
	}
	bytes = read_stream(file, name);
	error = errno;
	fclose(file);
	errno = error;
	return bytes;
}

/* By bytes, so that the order does not depend on the locale. */
static gint compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *list_folder(const char *folder)
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
