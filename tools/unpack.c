/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files inside a file: gzip, xz, lzma, lzip, zstd, bzip2, lz4, tar, zip, cpio, 7z
 *
 * An archive may come from anywhere: its members, their bytes and their depth have an end. Filters
 * that libarchive would start a program for are not used.
 */
#include <limits.h>
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
	{ 0, 2, "\x1f\x8b" },         { 0, 6, "\xfd\067zXZ\0" },
	{ 0, 4, "\x28\xb5\x2f\xfd" }, { 0, 3, "BZh" },
	{ 0, 4, "\x04\x22\x4d\x18" }, { 0, 2, "\x1f\x9d" },
	{ 0, 4, "PK\x03\x04" },       { 0, 6, "7z\xbc\xaf\x27\x1c" },
	{ 0, 6, "070701" },           { 257, 5, "ustar" },
	{ 0, 5, "LZIP\1" },           { 0, 3, "\x5d\0\0" },
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

void unpack_room_init(struct unpack_room *room)
{
	*room = (struct unpack_room){ .bytes = BYTES_MAX, .members = MEMBERS_MAX };
}

bool take_room(struct unpack_room *room, gint64 bytes)
{
	if (bytes > room->bytes)
		room->used_up = true;
	else
		room->bytes -= MAX(bytes, 0);
	return !room->used_up;
}

/* NULL: damaged, or larger than the room. */
static GByteArray *read_member(struct archive *archive, struct unpack_room *room)
{
	GByteArray *bytes = g_byte_array_new();
	guint8 piece[PIECE];
	la_ssize_t n;

	while ((n = archive_read_data(archive, piece, sizeof(piece))) > 0 && take_room(room, n))
		g_byte_array_append(bytes, piece, (guint)n);
	if (!n)
		return bytes;
	g_byte_array_free(bytes, TRUE);
	return NULL;
}

/* Data of members that are no files is read as well, so that it counts. */
static bool give_member(struct archive *archive, struct archive_entry *entry,
			struct unpack_room *room, member_function *each, void *opaque)
{
	const char *path = archive_entry_pathname(entry);
	bool raw = archive_format(archive) == ARCHIVE_FORMAT_RAW;
	bool more = true;
	GByteArray *bytes;

	bytes = read_member(archive, room);
	if (!bytes)
		return false;
	if (raw || archive_entry_filetype(entry) == AE_IFREG)
		more = each(opaque, raw ? NULL : path, bytes);
	g_byte_array_unref(bytes);
	return more;
}

/* Longer than a path in Linux. */
static bool has_long_path(struct archive_entry *entry)
{
	const char *path = archive_entry_pathname(entry);

	return path && strlen(path) >= PATH_MAX;
}

/* Headers that are not compressed are no longer than the file. Others may be of any length. */
static int next_member(struct archive *archive, struct archive_entry **ret,
		       struct unpack_room *room)
{
	gint64 before = archive_filter_bytes(archive, 0);
	int status = archive_read_next_header(archive, ret);

	if (status == ARCHIVE_EOF || status < ARCHIVE_WARN)
		return status;
	if (archive_filter_count(archive) > 1 &&
	    !take_room(room, archive_filter_bytes(archive, 0) - before))
		return ARCHIVE_FATAL;
	if (!room->members)
		room->used_up = true;
	else
		room->members--;
	return room->used_up || has_long_path(*ret) ? ARCHIVE_FATAL : status;
}

bool unpack(const GByteArray *bytes, struct unpack_room *room, member_function *each, void *opaque)
{
	struct archive *archive = new_archive();
	struct archive_entry *entry;
	int status = archive_read_open_memory(archive, bytes->data, bytes->len);
	bool good = status == ARCHIVE_OK;

	while (good) {
		status = next_member(archive, &entry, room);
		if (status == ARCHIVE_EOF)
			break;
		good = status >= ARCHIVE_WARN && give_member(archive, entry, room, each, opaque);
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

/* Reads headers to the first path of sysfs. Data that is skipped is decompressed, so it counts. */
bool is_sysfs_archive(const char *name)
{
	struct archive *archive = archive_read_new();
	struct archive_entry *entry;
	struct unpack_room room;
	bool is = false;

	unpack_room_init(&room);
	add_archive_filters(archive);
	archive_read_support_format_tar(archive);
	if (archive_read_open_filename(archive, name, PIECE) == ARCHIVE_OK)
		while (!is && !room.used_up) {
			if (next_member(archive, &entry, &room) < ARCHIVE_WARN ||
			    !archive_entry_pathname(entry))
				break;
			is = is_in_sysfs(archive_entry_pathname(entry));
			if (!is && take_room(&room, archive_entry_size(entry)))
				archive_read_data_skip(archive);
		}
	archive_read_free(archive);
	return is;
}
