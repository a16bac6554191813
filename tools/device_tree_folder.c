/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device trees as folders and files, on the disk or in an archive
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <libfdt.h>

#include "device_tree_folder.h"

#define TREE_MAX     ((gsize)64 << 20)
#define TREE_LEAST   ((gsize)1 << 20)
#define DEPTH_MAX    32u
#define PROPERTY_MAX ((gsize)1 << 20)

/* -- a folder ---------------------------------------------------------------------------- */

static gint compare_names(gconstpointer a, gconstpointer b, gpointer opaque)
{
	(void)opaque;
	return strcmp(a, b);
}

static void free_file(gpointer bytes)
{
	g_byte_array_unref(bytes);
}

static void free_folder(gpointer folder)
{
	tree_folder_free(folder);
}

struct tree_folder *tree_folder_new(void)
{
	struct tree_folder *folder = g_new(struct tree_folder, 1);

	folder->files = g_tree_new_full(compare_names, NULL, g_free, free_file);
	folder->folders = g_tree_new_full(compare_names, NULL, g_free, free_folder);
	return folder;
}

void tree_folder_free(struct tree_folder *folder)
{
	g_tree_destroy(folder->files);
	g_tree_destroy(folder->folders);
	g_free(folder);
}

static struct tree_folder *enter(struct tree_folder *folder, const char *name)
{
	struct tree_folder *inner = g_tree_lookup(folder->folders, name);

	if (!inner) {
		inner = tree_folder_new();
		g_tree_insert(folder->folders, g_strdup(name), inner);
	}
	return inner;
}

void tree_folder_add(struct tree_folder *folder, const char *path, GByteArray *bytes)
{
	g_auto(GStrv) names = g_strsplit(path, "/", -1);
	guint n = g_strv_length(names);

	if (!n || n > 2 * DEPTH_MAX || bytes->len > PROPERTY_MAX)
		return;
	for (guint i = 0; i + 1 < n; i++)
		if (*names[i] && strcmp(names[i], ".") != 0)
			folder = enter(folder, names[i]);
	g_tree_insert(folder->files, g_strdup(names[n - 1]), g_byte_array_ref(bytes));
}

bool is_tree_root(const struct tree_folder *folder)
{
	return g_tree_lookup(folder->files, "#address-cells") &&
	       g_tree_lookup(folder->files, "#size-cells");
}

/* -- a folder of the disk ------------------------------------------------------------------- */

static bool has(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	return g_file_test(path, G_FILE_TEST_IS_REGULAR);
}

bool is_device_tree_folder(const char *path)
{
	return has(path, "#address-cells") && has(path, "#size-cells");
}

/* NULL: of keys and passwords, only root may read some. */
static GByteArray *read_property(const char *path)
{
	GByteArray *bytes = g_byte_array_new();
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : 1;
	guint8 piece[4096];

	while (n > 0 && bytes->len <= PROPERTY_MAX) {
		n = read(fd, piece, sizeof(piece));
		g_byte_array_append(bytes, piece, n > 0 ? (guint)n : 0);
	}
	if (fd >= 0)
		close(fd);
	if (n >= 0)
		return bytes;
	g_byte_array_unref(bytes);
	return NULL;
}

static bool read_file(struct tree_folder *folder, const char *name, const char *path, gsize *room)
{
	GByteArray *bytes = read_property(path);

	if (!bytes)
		return true;
	if (bytes->len > *room) {
		g_byte_array_unref(bytes);
		return false;
	}
	*room -= bytes->len;
	tree_folder_add(folder, name, bytes);
	g_byte_array_unref(bytes);
	return true;
}

/* Returns false if the tree is too large, or too deep. */
static bool read_folder(struct tree_folder *folder, const char *path, unsigned depth, gsize *room)
{
	GDir *directory = g_dir_open(path, 0, NULL);
	bool good = depth <= DEPTH_MAX;
	const char *name;

	while (good && directory && (name = g_dir_read_name(directory))) {
		g_autofree char *inner = g_build_filename(path, name, NULL);

		if (g_file_test(inner, G_FILE_TEST_IS_SYMLINK))
			continue;
		if (g_file_test(inner, G_FILE_TEST_IS_DIR))
			good = read_folder(enter(folder, name), inner, depth + 1, room);
		else if (g_file_test(inner, G_FILE_TEST_IS_REGULAR))
			good = read_file(folder, name, inner, room);
	}
	if (directory)
		g_dir_close(directory);
	return good;
}

/* -- the blob ------------------------------------------------------------------------------ */

struct writer {
	void *tree;
	unsigned depth;
	int r; /* of libfdt */
};

/* The kernel makes the property `name` of the name of the node. */
static gboolean write_property(gpointer name, gpointer value, gpointer opaque)
{
	struct writer *writer = opaque;
	const GByteArray *bytes = value;

	if (strcmp(name, "name") != 0)
		writer->r = fdt_property(writer->tree, name, bytes->len ? bytes->data : name,
					 (int)bytes->len);
	return writer->r != 0;
}

/* Properties of a node come before its children. */
static gboolean write_node(gpointer name, gpointer value, gpointer opaque)
{
	struct writer *writer = opaque;
	const struct tree_folder *folder = value;

	writer->r = writer->depth++ > DEPTH_MAX ? -FDT_ERR_BADSTRUCTURE
						: fdt_begin_node(writer->tree, name);
	if (!writer->r)
		g_tree_foreach(folder->files, write_property, writer);
	if (!writer->r)
		g_tree_foreach(folder->folders, write_node, writer);
	if (!writer->r)
		writer->r = fdt_end_node(writer->tree);
	writer->depth--;
	return writer->r != 0;
}

/* To look for each name among all that are there takes too long for many names. */
static int write_tree(void *tree, gsize room, const struct tree_folder *root)
{
	struct writer writer = { .tree = tree };

	writer.r = fdt_create_with_flags(tree, (int)room, FDT_CREATE_FLAG_NO_NAME_DEDUP);
	if (!writer.r)
		writer.r = fdt_finish_reservemap(tree);
	if (!writer.r)
		write_node((gpointer) "", (gpointer)root, &writer);
	return writer.r ? writer.r : fdt_finish(tree);
}

/* libfdt writes into memory that does not grow. */
GByteArray *flatten_tree(const struct tree_folder *root)
{
	int r = -FDT_ERR_NOSPACE;

	for (gsize room = TREE_LEAST; r == -FDT_ERR_NOSPACE && room <= TREE_MAX; room *= 4) {
		guint8 *tree = g_malloc0(room);

		r = write_tree(tree, room, root);
		if (!r)
			return g_byte_array_new_take(tree, fdt_totalsize(tree));
		g_free(tree);
	}
	return NULL;
}

GByteArray *flatten_folder(const char *path)
{
	struct tree_folder *root = tree_folder_new();
	gsize room = TREE_MAX;
	GByteArray *tree = read_folder(root, path, 0, &room) ? flatten_tree(root) : NULL;

	tree_folder_free(root);
	return tree;
}
