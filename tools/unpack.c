/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files inside a file: gzip, xz, zstd, bzip2, lz4, tar, zip, cpio, 7z
 *
 * An archive may come from anywhere: its members, their bytes and their depth have an end. Filters
 * that libarchive would start a program for are not used.
 */
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/archive_filters.h"
#include "unpack.h"

#define MEMBERS_MAX 65536u
#define BYTES_MAX   ((gint64)256 << 20)
#define PIECE       65536u

static const struct {
	size_t at, length;
	const char *magic;
} packed[] = {
	{ 0, 2, "\x1f\x8b" },   { 0, 6, "\xfd\067zXZ\0" },      { 0, 4, "\x28\xb5\x2f\xfd" },
	{ 0, 3, "BZh" },        { 0, 4, "\x04\x22\x4d\x18" },   { 0, 2, "\x1f\x9d" },
	{ 0, 4, "PK\x03\x04" }, { 0, 6, "7z\xbc\xaf\x27\x1c" }, { 0, 6, "070701" },
	{ 257, 5, "ustar" },
};

bool is_packed(const void *bytes, size_t length)
{
	for (size_t i = 0; i < G_N_ELEMENTS(packed); i++)
		if (length >= packed[i].at + packed[i].length &&
		    !memcmp((const char *)bytes + packed[i].at, packed[i].magic, packed[i].length))
			return true;
	return false;
}

static struct archive *new_archive(void)
{
	struct archive *archive = archive_read_new();

	add_archive_filters(archive);
	archive_read_support_format_tar(archive);
	archive_read_support_format_zip(archive);
	archive_read_support_format_cpio(archive);
	archive_read_support_format_7zip(archive);
	archive_read_support_format_raw(archive);
	return archive;
}

/* NULL: damaged, or more than `room`. */
static GByteArray *read_member(struct archive *archive, gint64 room)
{
	GByteArray *bytes = g_byte_array_new();
	guint8 piece[PIECE];
	la_ssize_t n;

	while ((n = archive_read_data(archive, piece, sizeof(piece))) > 0 && bytes->len <= room)
		g_byte_array_append(bytes, piece, (guint)n);
	if (!n)
		return bytes;
	g_byte_array_free(bytes, TRUE);
	return NULL;
}

static bool give_member(struct archive *archive, struct archive_entry *entry, gint64 *room,
			member_function *each, void *opaque)
{
	const char *path = archive_entry_pathname(entry);
	bool raw = archive_format(archive) == ARCHIVE_FORMAT_RAW;
	GByteArray *bytes;
	bool more;

	if (!raw && archive_entry_filetype(entry) != AE_IFREG)
		return true;
	bytes = read_member(archive, *room);
	if (!bytes)
		return false;
	*room -= bytes->len;
	more = each(opaque, raw || !path ? NULL : path, bytes);
	g_byte_array_free(bytes, TRUE);
	return more;
}

bool unpack(const GByteArray *bytes, member_function *each, void *opaque)
{
	struct archive *archive = new_archive();
	struct archive_entry *entry;
	gint64 room = BYTES_MAX;
	int status = archive_read_open_memory(archive, bytes->data, bytes->len);
	bool good = status == ARCHIVE_OK;

	for (unsigned i = 0; good && i < MEMBERS_MAX; i++) {
		status = archive_read_next_header(archive, &entry);
		if (status == ARCHIVE_EOF)
			break;
		good = status >= ARCHIVE_WARN && give_member(archive, entry, &room, each, opaque);
	}
	archive_read_free(archive);
	return good;
}

/* -- saved trees of sysfs ------------------------------------------------------------------- */

/* A path of a tree that `viommu host` reads: with one of these folders in it. */
static const char *const sysfs_folders[] = {
	"sys/class/", "sys/bus/", "sys/devices/", "class/iommu", "bus/pci/",
};

static bool is_in_sysfs(const char *path)
{
	for (size_t i = 0; i < G_N_ELEMENTS(sysfs_folders); i++)
		if (strstr(path, sysfs_folders[i]))
			return true;
	return false;
}

/* Reads headers to the first path of sysfs. */
bool is_sysfs_archive(const char *name)
{
	struct archive *archive = archive_read_new();
	struct archive_entry *entry;
	bool is = false;

	add_archive_filters(archive);
	archive_read_support_format_tar(archive);
	if (archive_read_open_filename(archive, name, PIECE) == ARCHIVE_OK)
		for (unsigned i = 0; !is && i < MEMBERS_MAX; i++) {
			if (archive_read_next_header(archive, &entry) < ARCHIVE_WARN ||
			    !archive_entry_pathname(entry))
				break;
			is = is_in_sysfs(archive_entry_pathname(entry));
		}
	archive_read_free(archive);
	return is;
}
