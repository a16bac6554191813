/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writes what a scan read into a tar
 *
 * Bytes that were not read are zero, so the tar lacks what a scan does not use, such as serial
 * numbers in configuration space. A file that the scan was not permitted to read is saved without
 * bytes and permissions, so that "not known" does not become "no".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <glib.h>

#include <viommu/host.h>

#include "clean.h"
#include "record.h"

struct entry {
	mode_t type;
	bool unreadable;
	GByteArray *bytes;
	char *target;
};

struct record {
	GHashTable *entries; /* path -> entry */
};

static void free_entry(gpointer data)
{
	struct entry *entry = data;

	if (entry->bytes)
		g_byte_array_unref(entry->bytes);
	g_free(entry->target);
	g_free(entry);
}

struct record *record_new(void)
{
	struct record *record = g_new0(struct record, 1);

	record->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_entry);
	return record;
}

void record_free(struct record *record)
{
	g_hash_table_unref(record->entries);
	g_free(record);
}

/* -- recording ------------------------------------------------------------------------ */

static struct entry *entry_of(struct record *record, char *path, mode_t type)
{
	struct entry *entry = g_hash_table_lookup(record->entries, path);

	if (!entry) {
		entry = g_new0(struct entry, 1);
		g_hash_table_insert(record->entries, g_strdup(path), entry);
	}
	entry->type = type;
	g_free(path);
	return entry;
}

void record_folder(struct record *record, const char *path)
{
	entry_of(record, g_strdup(path), AE_IFDIR);
}

/*
 * Files are read in pieces, and bytes between them stay zero. A read that returns 0 marks the end.
 */
void record_file(struct record *record, const char *path, const char *name, const void *bytes,
		 ssize_t n, size_t at)
{
	struct entry *entry = entry_of(record, g_strconcat(path, "/", name, NULL), AE_IFREG);

	entry->unreadable = n < 0 && !at;
	if (!entry->bytes)
		entry->bytes = g_byte_array_new();
	if (n <= 0)
		return;
	if (entry->bytes->len < at + (size_t)n) {
		guint length = entry->bytes->len;

		g_byte_array_set_size(entry->bytes, (guint)(at + (size_t)n));
		memset(entry->bytes->data + length, 0, entry->bytes->len - length);
	}
	memcpy(entry->bytes->data + at, bytes, (size_t)n);
}

void record_link(struct record *record, const char *path, const char *name, const char *target)
{
	struct entry *entry = entry_of(record, g_strconcat(path, "/", name, NULL), AE_IFLNK);

	g_free(entry->target);
	entry->target = g_strdup(target);
}

/* -- writing -------------------------------------------------------------------------- */

static mode_t rights_of(const struct entry *entry)
{
	if (entry->type == AE_IFDIR)
		return 0755;
	return entry->unreadable ? 0 : 0644;
}

/* Without times and owners, so that the same tree gives the same bytes. */
static int write_entry(struct archive *archive, const char *path, struct entry *entry)
{
	struct archive_entry *head = archive_entry_new();
	size_t length = entry->type == AE_IFREG ? entry->bytes->len : 0;
	int r = 0;

	archive_entry_set_pathname(head, path);
	archive_entry_set_filetype(head, entry->type);
	archive_entry_set_perm(head, rights_of(entry));
	archive_entry_set_size(head, (la_int64_t)length);
	if (entry->type == AE_IFLNK)
		archive_entry_set_symlink(head, entry->target);
	if (archive_write_header(archive, head) < ARCHIVE_WARN ||
	    (length &&
	     archive_write_data(archive, entry->bytes->data, length) != (la_ssize_t)length))
		r = -EIO;
	archive_entry_free(head);
	return r;
}

static gint compare(gconstpointer a, gconstpointer b)
{
	return strcmp(a, b);
}

static int write_entries(struct record *record, struct archive *archive)
{
	GList *paths = g_list_sort(g_hash_table_get_keys(record->entries), compare);
	int r = 0;

	for (GList *path = paths; path && !r; path = path->next) {
		struct entry *entry = g_hash_table_lookup(record->entries, path->data);

		if (entry->type == AE_IFREG)
			clean_file(path->data, entry->bytes);
		r = write_entry(archive, path->data, entry);
	}
	g_list_free(paths);
	return r;
}

static const struct {
	const char *ends[3];
	int (*add)(struct archive *archive);
} filters[] = {
	{ { ".tar", NULL }, archive_write_add_filter_none },
	{ { ".gz", ".tgz", NULL }, archive_write_add_filter_gzip },
	{ { ".bz2", ".tbz2", NULL }, archive_write_add_filter_bzip2 },
	{ { ".xz", ".txz", NULL }, archive_write_add_filter_xz },
	{ { ".zst", ".tzst", NULL }, archive_write_add_filter_zstd },
	{ { ".lz4", NULL }, archive_write_add_filter_lz4 },
};

/* A suffix of a format that is not supported: "host.tar.Z", "host.zip". Others are valid: a pipe
 * may have any name. */
static bool is_of_other_format(const char *file)
{
	static const char *const others[] = { ".zip", ".7z", ".rar", ".Z" };
	g_autofree char *name = g_path_get_basename(file);

	for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
		if (g_str_has_suffix(name, others[i]))
			return true;
	return strstr(name, ".tar.");
}

/* The suffix selects the format: host.tar, host.tar.gz, host.tar.zst. */
static int set_compression(struct archive *archive, const char *file)
{
	int (*add)(struct archive * archive) = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(filters); i++)
		for (const char *const *end = filters[i].ends; *end; end++)
			if (g_str_has_suffix(file, *end))
				add = filters[i].add;
	if (!add && is_of_other_format(file))
		return -ENOTSUP;
	if (add && add(archive) < ARCHIVE_WARN)
		return -ENOTSUP;
	/* The time of writing would make archives of one tree differ. */
	archive_write_set_options(archive, "gzip:!timestamp");
	return 0;
}

static int write_archive(struct record *record, const char *file, int fd)
{
	struct archive *archive = archive_write_new();
	int r;

	archive_write_set_format_pax_restricted(archive);
	/* Without padding, so that a pipe gets the same bytes as a file. */
	archive_write_set_bytes_in_last_block(archive, 1);
	r = set_compression(archive, file);
	if (!r && archive_write_open_fd(archive, fd) != ARCHIVE_OK)
		r = -EIO;
	if (!r)
		r = write_entries(record, archive);
	if (archive_write_close(archive) != ARCHIVE_OK && !r)
		r = -EIO;
	archive_write_free(archive);
	return r;
}

/* Devices and pipes cannot be replaced by renaming. */
static int write_into(struct record *record, const char *file, const char *place)
{
	int fd = open(place, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), r;

	if (fd < 0)
		return -errno;
	r = write_archive(record, file, fd);
	if (close(fd) < 0 && !r)
		r = -errno;
	return r;
}

/* Replaces an existing file only when the new one is complete. */
static int replace(struct record *record, const char *file, const char *place)
{
	g_autofree char *half = g_strconcat(place, ".XXXXXX", NULL);
	int fd = g_mkstemp_full(half, O_RDWR | O_CLOEXEC, 0644), r;

	if (fd < 0)
		return -errno;
	r = write_archive(record, file, fd);
	if (close(fd) < 0 && !r)
		r = -errno;
	if (!r && rename(half, place) < 0)
		r = -errno;
	if (r)
		unlink(half);
	return r;
}

/*
 * A symbolic link is followed and its target replaced. The suffix of the given name selects the
 * format.
 */
int record_write(struct record *record, const char *file)
{
	char *target = realpath(file, NULL);
	const char *place = target ? target : file;
	struct stat now;
	int r;

	if (!target && errno != ENOENT)
		r = -errno;
	else if (!lstat(place, &now) && !S_ISREG(now.st_mode))
		r = write_into(record, file, place);
	else
		r = replace(record, file, place);
	free(target);
	return r;
}
