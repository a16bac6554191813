/* SPDX-License-Identifier: BSD-3-Clause */
/* Functions for all kinds of trees: paths, links, whole files, and recording */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <viommu/host.h>

#include "numbers.h"
#include "record.h"
#include "tree.h"

/* -- findings ------------------------------------------------------------------------ */

/* The path in the tree as stored. */
static char *stored_path(const struct tree *tree, const char *path)
{
	static const char sys[] = "sys/";

	if (tree->bare && g_str_has_prefix(path, sys))
		path += strlen(sys);
	return g_strconcat(tree->top, path, NULL);
}

char *tree_place(const struct tree *tree, const char *path, const char *name)
{
	g_autofree char *stored = stored_path(tree, path);

	return g_strconcat(tree->above, stored, name && *path ? "/" : "", name, NULL);
}

void tree_report(struct tree *tree, const char *rule_id, const char *path, const char *name,
		 const char *format, ...)
{
	g_autofree char *file = tree_place(tree, path, name), *text = NULL;
	struct viommu_place place = { .file = file, .at = VIOMMU_NOWHERE };
	va_list args;

	if (!tree->findings)
		return;
	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	viommu_findings_add(tree->findings, rule_id, &place, text, NULL);
}

/* -- paths --------------------------------------------------------------------------- */

/*
 * Resolves a link by its text, so that a link out of the tree can be rejected. Folders of sysfs are
 * never reached through links, so ".." is the parent folder.
 */
static char *target_path(const struct folder *folder, const char *target)
{
	g_auto(GStrv) parts = g_strsplit(target, "/", -1);
	g_autoptr(GPtrArray) path = g_ptr_array_new();
	g_auto(GStrv) above = g_strsplit(folder->path, "/", -1);

	for (char **part = above; *target != '/' && *part; part++)
		g_ptr_array_add(path, *part);
	for (char **part = parts; *part; part++) {
		if (!**part || !strcmp(*part, "."))
			continue;
		if (strcmp(*part, "..") != 0) {
			g_ptr_array_add(path, *part);
			continue;
		}
		if (!path->len)
			return NULL;
		g_ptr_array_set_size(path, (gint)path->len - 1);
	}
	g_ptr_array_add(path, NULL);
	return g_strjoinv("/", (char **)path->pdata);
}

/* -- folders -------------------------------------------------------------------------- */

int tree_enter(struct tree *tree, const char *path, struct folder *ret)
{
	g_autofree char *stored = stored_path(tree, path);
	int r;

	*ret = (struct folder){ .fd = -1 };
	r = tree->methods->enter(tree, stored, ret);
	if (r < 0)
		return r;
	ret->path = g_strdup(path);
	if (tree->record)
		record_folder(tree->record, path);
	return 0;
}

int tree_follow(struct tree *tree, const struct folder *folder, const char *name,
		struct folder *ret)
{
	const char *target = tree_link(tree, folder, name);
	g_autofree char *path = NULL;
	int r;

	path = target ? target_path(folder, target) : g_strconcat(folder->path, "/", name, NULL);
	if (!path || !g_str_has_prefix(path, "sys/")) {
		tree_report(tree, "host-link", folder->path, name,
			    "the target of the link is outside of the tree");
		return -EXDEV;
	}
	r = tree_enter(tree, path, ret);
	if (r < 0 && target)
		tree_report(tree, "host-link", folder->path, name,
			    "cannot open the target of the link: %s", g_strerror(-r));
	return r;
}

void tree_leave(struct folder *folder)
{
	if (folder->fd >= 0)
		close(folder->fd);
	g_clear_pointer(&folder->path, g_free);
	*folder = (struct folder){ .fd = -1 };
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A scan also uses the names of links, so they are saved even if it does not open them. */
static void record_list(struct tree *tree, const struct folder *folder, const GPtrArray *names)
{
	for (guint i = 0; i < names->len; i++)
		tree_link(tree, folder, names->pdata[i]);
}

GPtrArray *tree_list(struct tree *tree, const struct folder *folder, size_t max)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	int r = tree->methods->list(tree, folder, names, max);

	if (r == -E2BIG)
		tree_report(tree, "host-limit", folder->path, NULL,
			    "the folder has more than %zu entries: the rest was ignored", max);
	else if (r < 0)
		return NULL;
	g_ptr_array_sort(names, compare_names);
	if (tree->record)
		record_list(tree, folder, names);
	return g_steal_pointer(&names);
}

/* -- files ---------------------------------------------------------------------------- */

ssize_t tree_read_at(struct tree *tree, const struct folder *folder, const char *name, void *bytes,
		     size_t size, size_t at)
{
	ssize_t n = tree->methods->read(tree, folder, name, bytes, size, at);

	if (tree->record && (n >= 0 || n == -EACCES || n == -EPERM))
		record_file(tree->record, folder->path, name, bytes, n, at);
	return n;
}

GByteArray *tree_read_all(struct tree *tree, const struct folder *folder, const char *name,
			  size_t max, int *ret_error)
{
	enum { PIECE = 65536 };
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	ssize_t n;

	do {
		size_t at = bytes->len;

		g_byte_array_set_size(bytes, (guint)(at + PIECE));
		n = tree_read_at(tree, folder, name, bytes->data + at, PIECE, at);
		g_byte_array_set_size(bytes, (guint)(at + (n > 0 ? (size_t)n : 0)));
	} while (n > 0 && bytes->len <= max);
	*ret_error = n < 0 ? (int)n : 0;
	if (n < 0)
		return NULL;
	if (bytes->len <= max)
		return g_steal_pointer(&bytes);
	tree_report(tree, "host-limit", folder->path, name, "the file has more than %zu bytes",
		    max);
	*ret_error = -EFBIG;
	return NULL;
}

bool tree_line(struct tree *tree, const struct folder *folder, const char *name, char *line,
	       size_t size)
{
	ssize_t n = tree_read_at(tree, folder, name, line, size, 0);

	if (n < 0 || (size_t)n >= size)
		return false;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return true;
}

bool tree_hex(struct tree *tree, const struct folder *folder, const char *name, uint64_t max,
	      uint64_t *ret)
{
	char line[64];

	if (!tree_line(tree, folder, name, line, sizeof(line)))
		return false;
	if (parse_hex(line, max, ret))
		return true;
	tree_report(tree, "host-file", folder->path, name, "not a hexadecimal number");
	return false;
}

/* -- links ---------------------------------------------------------------------------- */

const char *tree_link(struct tree *tree, const struct folder *folder, const char *name)
{
	if (tree->methods->link(tree, folder, name, tree->target, sizeof(tree->target)) < 0)
		return NULL;
	if (tree->record)
		record_link(tree->record, folder->path, name, tree->target);
	return tree->target;
}

const char *tree_link_name(struct tree *tree, const struct folder *folder, const char *name)
{
	const char *target = tree_link(tree, folder, name);
	const char *slash = target ? strrchr(target, '/') : NULL;

	return slash ? slash + 1 : target;
}

/* -- opening -------------------------------------------------------------------------- */

static bool has_folder(struct tree *tree, const char *path)
{
	struct folder folder;

	if (tree->methods->enter(tree, path, &folder) < 0)
		return false;
	tree_leave(&folder);
	return true;
}

static bool has_any(struct tree *tree, const char *top, const char *const *folders)
{
	for (; *folders; folders++) {
		g_autofree char *path = g_strconcat(top, *folders, NULL);

		if (has_folder(tree, path))
			return true;
	}
	return false;
}

/*
 * A machine without IOMMUs has no class/iommu, and one without PCI no bus/pci. A copy of /sys with
 * another name must have a path that other folders do not have.
 */
static bool find_sys(struct tree *tree, const char *top)
{
	static const char *const in_sys[] = { "class", "bus", "devices", "kernel/iommu_groups",
					      NULL };
	static const char *const in_copy[] = { "class/iommu",    "bus/pci",
					       "bus/platform",   "kernel/iommu_groups",
					       "devices/system", NULL };
	g_autofree char *sys = g_strconcat(top, "sys/", NULL);

	tree->bare = !has_any(tree, sys, in_sys);
	if (tree->bare && !has_any(tree, top, in_copy))
		return false;
	g_free(tree->top);
	tree->top = g_strdup(top);
	return true;
}

/* All entries of a tar are often in one folder. */
static bool find_top(struct tree *tree)
{
	enum { FEW = 2 };
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *only = NULL;
	struct folder folder;

	if (find_sys(tree, ""))
		return true;
	if (tree->methods->enter(tree, "", &folder) < 0)
		return false;
	if (!tree->methods->list(tree, &folder, names, FEW) && names->len == 1)
		only = g_strconcat(names->pdata[0], "/", NULL);
	tree_leave(&folder);
	return only && find_sys(tree, only);
}

static int open_any(struct tree *tree, const char *root)
{
	int r = folder_tree_open(tree, root);

	return r == -ENOTSUP ? archive_tree_open(tree, root) : r;
}

/* Errors of the root need other messages than errors of files. */
static void report_root(const struct tree *tree, const char *root, int error)
{
	struct viommu_place place = { .file = root, .at = VIOMMU_NOWHERE };
	const char *text = error ? g_strerror(error) : "it does not contain a copy of sysfs",
		   *cure = NULL;

	if (!tree->findings)
		return;
	if (error == EBADMSG) {
		text = "it is not a valid tar archive";
		cure = "give a file that viommu host --save wrote";
	} else if (error == EFBIG) {
		text = "it has more than 2 GiB unpacked, or more than 16 million entries";
		cure = "give a file that viommu host --save wrote";
	} else if (error == EINVAL) {
		text = "it is neither a folder nor a file";
	}
	viommu_findings_add(tree->findings, "host-root", &place, text, cure);
}

static struct tree *new_tree(const char *root, struct viommu_findings *findings)
{
	struct tree *tree = g_new0(struct tree, 1);

	tree->fd = -1;
	tree->findings = findings;
	tree->live = !root;
	tree->name = g_strdup(root ? root : "this machine");
	tree->top = g_strdup("");
	return tree;
}

/* Only the first entry of a tar is read. The scan reports damage, and a tar without sysfs. */
bool viommu_host_is_tree(const char *name)
{
	struct tree *tree = new_tree(name, NULL);
	int r = folder_tree_open(tree, name);
	bool is_tree = r == -ENOTSUP ? archive_tree_is(name) : !r && find_top(tree);

	tree_close(tree);
	return is_tree;
}

struct tree *tree_open(const char *root, struct viommu_findings *findings)
{
	struct tree *tree = new_tree(root, findings);
	int r;

	r = open_any(tree, root ? root : "/");
	if (!r && find_top(tree))
		return tree;
	report_root(tree, root ? root : "/", -r);
	tree_close(tree);
	return NULL;
}

void tree_close(struct tree *tree)
{
	if (tree->methods)
		tree->methods->close(tree);
	g_free(tree->name);
	g_free(tree->above);
	g_free(tree->top);
	g_free(tree);
}
