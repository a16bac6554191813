/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A tree in a tar
 *
 * The tar is read once and stored as nodes, indexed by path. Its content is untrusted: the number
 * of entries, the total size and the length of each file are limited.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include <viommu/host.h>

#include "base/archive_filters.h"
#include "tree.h"

#define ENTRIES_MAX ((size_t)16 << 20)
#define BYTES_MAX   ((uint64_t)2 << 30)
#define BLOCK       (256u << 10)
#define PATH_LENGTH 4096
#define FEW         32 /* children that are compared one by one, which takes less than a hash */

enum kind { KIND_FOLDER, KIND_FILE, KIND_LINK };

struct node {
	const char *path, *name; /* the name is the end of the path */
	size_t path_length;
	enum kind kind;
	bool unreadable; /* the program that saved the tree could not read it */
	bool too_large;
	void *bytes; /* of a file; the target of a link */
	size_t length;
	GPtrArray *children; /* of a folder; NULL: empty */
};

struct archive_tree {
	GHashTable *nodes; /* path -> node */
	struct node *last; /* folder that the last entry is in */
	GPtrArray *blocks; /* of memory */
	char *block;       /* what is left of the last one */
	size_t left;
	uint64_t n_bytes;
};

/* -- nodes ---------------------------------------------------------------------------- */

/* Memory in blocks that are freed with the tree: a tar of a large host has 60,000 entries. */
static void *take_memory(struct archive_tree *own, size_t size)
{
	void *memory;

	size = (size + 15) & ~(size_t)15;
	if (size > BLOCK / 4) {
		memory = g_malloc(size);
		g_ptr_array_add(own->blocks, memory);
		return memory;
	}
	if (size > own->left) {
		own->block = g_malloc(BLOCK);
		own->left = BLOCK;
		g_ptr_array_add(own->blocks, own->block);
	}
	memory = own->block;
	own->block += size;
	own->left -= size;
	return memory;
}

static char *take_string(struct archive_tree *own, const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(take_memory(own, size), text, size);
}

static void free_node(gpointer data)
{
	struct node *node = data;

	if (node->children)
		g_ptr_array_unref(node->children);
}

static char *normal_path(const char *path)
{
	GString *plain = g_string_sized_new(strlen(path));

	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.') {
			g_string_free(plain, TRUE);
			return NULL;
		}
		if (n && !(n == 1 && *path == '.')) {
			if (plain->len)
				g_string_append_c(plain, '/');
			g_string_append_len(plain, path, (gssize)n);
		}
		path += n + (path[n] == '/');
	}
	return g_string_free(plain, FALSE);
}

/* The path in the tree: "./sys//class/" is "sys/class". NULL for a path with "..". */
static char *plain_path(const char *path)
{
	/* Most paths are plain already. */
	if (*path != '/' && *path != '.' && !strstr(path, "//") && !strstr(path, "/.") &&
	    !g_str_has_suffix(path, "/"))
		return g_strdup(path);
	return normal_path(path);
}

static struct node *make_node(struct archive_tree *own, const char *path);

/* Most entries are in the folder of the entry before, which needs no lookup. */
static struct node *make_folder(struct archive_tree *own, const char *path, size_t length)
{
	g_autofree char *folder = NULL;

	if (own->last && own->last->path_length == length && !memcmp(own->last->path, path, length))
		return own->last;
	folder = g_strndup(path, length);
	own->last = make_node(own, folder);
	return own->last;
}

/* The node of a path. Folders above it are created if the tar does not list them. */
static struct node *make_node(struct archive_tree *own, const char *path)
{
	struct node *node = g_hash_table_lookup(own->nodes, path), *above;
	const char *slash;

	if (node)
		return node;
	node = take_memory(own, sizeof(*node));
	path = take_string(own, path);
	*node = (struct node){ .path = path, .path_length = strlen(path) };
	own->n_bytes += sizeof(*node) + node->path_length + 1;
	slash = strrchr(path, '/');
	node->name = slash ? slash + 1 : path;
	g_hash_table_insert(own->nodes, (char *)path, node);
	if (!*path)
		return node;
	above = make_folder(own, path, slash ? (size_t)(slash - path) : 0);
	if (!above->children)
		above->children = g_ptr_array_new();
	g_ptr_array_add(above->children, node);
	return node;
}

static const struct node *find_node(const struct tree *tree, const char *path)
{
	const struct archive_tree *own = tree->own;
	g_autofree char *plain = plain_path(path);

	return plain ? g_hash_table_lookup(own->nodes, plain) : NULL;
}

/* -- methods ---------------------------------------------------------------------------- */

static int enter(struct tree *tree, const char *path, struct folder *ret)
{
	const struct node *node = find_node(tree, path);

	*ret = (struct folder){ .fd = -1, .node = node };
	if (!node)
		return -ENOENT;
	return node->kind == KIND_FOLDER ? 0 : -ENOTDIR;
}

static int list(struct tree *tree, const struct folder *folder, GPtrArray *names, size_t max)
{
	const struct node *node = folder->node;

	(void)tree;
	for (guint i = 0; node->children && i < node->children->len; i++) {
		const struct node *child = node->children->pdata[i];

		if (names->len >= max)
			return -E2BIG;
		g_ptr_array_add(names, g_strdup(child->name));
	}
	return 0;
}

/*
 * The path of a folder is relative to the tree, not to the tar. Paths and names in this library are
 * plain, so they are joined and looked up without normalization.
 */
static const struct node *child_of(struct tree *tree, const struct folder *folder, const char *name)
{
	static const char sys[] = "sys";
	const struct archive_tree *own = tree->own;
	const struct node *node = folder->node;
	const char *path = folder->path;
	char full[PATH_LENGTH], *end;

	if (!node->children)
		return NULL;
	if (node->children->len <= FEW && !strchr(name, '/')) {
		for (guint i = 0; i < node->children->len; i++) {
			const struct node *child = node->children->pdata[i];

			if (!strcmp(child->name, name))
				return child;
		}
		return NULL;
	}

	if (tree->bare && g_str_has_prefix(path, sys))
		path += strlen(sys) + (path[strlen(sys)] == '/');
	if (strlen(tree->top) + strlen(path) + strlen(name) + 2 > sizeof(full))
		return NULL;
	end = g_stpcpy(g_stpcpy(full, tree->top), path);
	if (end > full && end[-1] != '/')
		end = g_stpcpy(end, "/");
	g_stpcpy(end, name);
	return g_hash_table_lookup(own->nodes, full);
}

static ssize_t read_file(struct tree *tree, const struct folder *folder, const char *name,
			 void *bytes, size_t size, size_t at)
{
	const struct node *node = child_of(tree, folder, name);

	if (!node)
		return -ENOENT;
	if (node->kind != KIND_FILE)
		return -EINVAL;
	if (node->unreadable)
		return -EACCES;
	if (node->too_large)
		return -EFBIG;
	if (at >= node->length)
		return 0;
	size = MIN(size, node->length - at);
	memcpy(bytes, (const char *)node->bytes + at, size);
	return (ssize_t)size;
}

static int read_link(struct tree *tree, const struct folder *folder, const char *name, char *target,
		     size_t size)
{
	const struct node *node = child_of(tree, folder, name);

	if (!node)
		return -ENOENT;
	if (node->kind != KIND_LINK)
		return -EINVAL;
	if (node->length >= size)
		return -ENAMETOOLONG;
	memcpy(target, node->bytes, node->length);
	target[node->length] = '\0';
	return 0;
}

static void close_tree(struct tree *tree)
{
	struct archive_tree *own = tree->own;

	g_hash_table_unref(own->nodes);
	g_ptr_array_unref(own->blocks);
	g_free(own);
}

static const struct tree_methods methods = {
	.enter = enter,
	.list = list,
	.read = read_file,
	.link = read_link,
	.close = close_tree,
};

/* -- reading the tar -------------------------------------------------------------------- */

static int read_bytes(struct archive_tree *own, struct archive *archive, struct node *node,
		      size_t length)
{
	la_ssize_t n;

	node->bytes = take_memory(own, length);
	while (node->length < length) {
		n = archive_read_data(archive, (char *)node->bytes + node->length,
				      length - node->length);
		if (n < 0)
			return -EBADMSG;
		if (!n)
			break;
		node->length += (size_t)n;
	}
	return 0;
}

static int take_file(struct archive_tree *own, struct archive *archive, struct archive_entry *entry,
		     struct node *node)
{
	la_int64_t length = archive_entry_size(entry);

	node->unreadable = !(archive_entry_perm(entry) & 0444);
	node->too_large = length < 0 || (uint64_t)length > VIOMMU_HOST_FILE_MAX;
	if (node->unreadable || node->too_large)
		return 0;
	return read_bytes(own, archive, node, (size_t)length);
}

static int take_link(struct archive_tree *own, struct archive_entry *entry, struct node *node)
{
	const char *target = archive_entry_symlink(entry);

	node->bytes = take_string(own, target ? target : "");
	node->length = strlen(node->bytes);
	own->n_bytes += node->length + 1;
	return 0;
}

/* As in an unpacked tar, the last of two entries with one path counts. */
static int take_entry(struct archive_tree *own, struct archive *archive,
		      struct archive_entry *entry)
{
	const char *name = archive_entry_pathname(entry);
	g_autofree char *path = name ? plain_path(name) : NULL;
	mode_t type = archive_entry_filetype(entry);
	struct node *node;

	own->n_bytes += (uint64_t)MAX(archive_entry_size(entry), 0);
	if (own->n_bytes > BYTES_MAX || g_hash_table_size(own->nodes) > ENTRIES_MAX)
		return -EFBIG;
	/* No scan looks up longer paths, and the memory for nodes is quadratic in the length. */
	if (!path || strlen(path) >= PATH_LENGTH || archive_entry_hardlink(entry) ||
	    (type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK))
		return 0;
	node = make_node(own, path);
	node->bytes = NULL;
	node->length = 0;
	node->kind = type == AE_IFREG ? KIND_FILE : type == AE_IFLNK ? KIND_LINK : KIND_FOLDER;
	if (type == AE_IFREG)
		return take_file(own, archive, entry, node);
	return type == AE_IFLNK ? take_link(own, entry, node) : 0;
}

static int read_entries(struct archive_tree *own, struct archive *archive)
{
	struct archive_entry *entry;
	int r, status;

	make_node(own, "");
	do {
		status = archive_read_next_header(archive, &entry);
		if (status == ARCHIVE_EOF)
			return 0;
		if (status < ARCHIVE_WARN)
			return -EBADMSG;
		r = take_entry(own, archive, entry);
	} while (!r);
	return r;
}

static int open_archive(const char *name, struct archive **ret)
{
	struct archive *archive = archive_read_new();
	struct stat now;

	*ret = archive;
	add_archive_filters(archive);
	archive_read_support_format_tar(archive);
	if (stat(name, &now) < 0)
		return -errno;
	if (!S_ISREG(now.st_mode))
		return -EINVAL;
	return archive_read_open_filename(archive, name, BLOCK) == ARCHIVE_OK ? 0 : -EBADMSG;
}

bool archive_tree_is(const char *name)
{
	struct archive *archive;
	struct archive_entry *entry;
	int r = open_archive(name, &archive);

	/* A file of zeros is a tar without entries. */
	if (!r)
		r = archive_read_next_header(archive, &entry);
	archive_read_free(archive);
	return r == ARCHIVE_OK || r == ARCHIVE_WARN;
}

int archive_tree_open(struct tree *tree, const char *root)
{
	struct archive_tree *own = g_new0(struct archive_tree, 1);
	struct archive *archive;
	int r = open_archive(root, &archive);

	own->nodes = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_node);
	own->blocks = g_ptr_array_new_with_free_func(g_free);
	tree->own = own;
	tree->methods = &methods;
	tree->above = g_strconcat(root, ":", NULL);
	if (!r)
		r = read_entries(own, archive);
	archive_read_free(archive);
	return r;
}
