/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A tree of files in a folder
 *
 * The content of the folder is untrusted. The kernel follows no link, only regular files are read,
 * and opening a file never blocks.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "tree.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define FILE_FLAGS   (O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* -- opening without links -------------------------------------------------------------- */

/* Folder by folder, for kernels before 5.6 and system call filters without openat2(). */
static int open_by_steps(int fd, const char *path, int flags)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", -1);
	int at = fd;

	for (char **part = parts; *part; part++) {
		int next;

		if (!strcmp(*part, ".."))
			next = (errno = EXDEV, -1);
		else
			next = openat(at, *part, part[1] ? FOLDER_FLAGS : flags);
		if (next < 0)
			next = -errno;
		if (at != fd)
			close(at);
		if (next < 0)
			return next;
		at = next;
	}
	return at;
}

static int open_below(int fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned)flags,
		.resolve =
			(uint64_t)(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS),
	};
	long r;

	if (!strchr(path, '/') && strcmp(path, "..") != 0) {
		r = openat(fd, path, flags);
		return r < 0 ? -errno : (int)r;
	}
	r = syscall(SYS_openat2, fd, path, &how, sizeof(how));
	if (r >= 0)
		return (int)r;
	if (errno != ENOSYS && errno != EPERM)
		return -errno;
	return open_by_steps(fd, path, flags);
}

/* -- methods ------------------------------------------------------------------------------ */

static char *without_slash(const char *path)
{
	size_t length = strlen(path);

	while (length && path[length - 1] == '/')
		length--;
	return length ? g_strndup(path, length) : g_strdup(".");
}

static int enter(struct tree *tree, const char *path, struct folder *ret)
{
	g_autofree char *plain = without_slash(path);
	int fd = open_below(tree->fd, plain, FOLDER_FLAGS);

	*ret = (struct folder){ .fd = fd };
	return fd < 0 ? fd : 0;
}

static int list(struct tree *tree, const struct folder *folder, GPtrArray *names, size_t max)
{
	int fd = openat(folder->fd, ".", FOLDER_FLAGS);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int r = 0;

	(void)tree;
	if (!directory) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (!r && (entry = readdir(directory)))
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		else if (names->len < max)
			g_ptr_array_add(names, g_strdup(entry->d_name));
		else
			r = -E2BIG;
	closedir(directory);
	return r;
}

/* A read of sysfs may return less than requested; a copy returns all at once. */
static ssize_t read_open(int fd, void *bytes, size_t size, size_t at, bool in_pieces)
{
	size_t n = 0;

	while (n < size) {
		ssize_t r = pread(fd, (char *)bytes + n, size - n, (off_t)(at + n));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return n ? (ssize_t)n : -errno;
		if (!r)
			break;
		n += (size_t)r;
		if (!in_pieces)
			break;
	}
	return (ssize_t)n;
}

static ssize_t read_file(struct tree *tree, const struct folder *folder, const char *name,
			 void *bytes, size_t size, size_t at)
{
	int fd = open_below(folder->fd, name, FILE_FLAGS);
	struct stat now;
	ssize_t n;

	if (fd < 0)
		return fd;
	if (fstat(fd, &now) < 0)
		n = -errno;
	else if (!S_ISREG(now.st_mode))
		n = -EINVAL;
	else
		n = read_open(fd, bytes, size, at, tree->live);
	close(fd);
	return n;
}

static int read_link(struct tree *tree, const struct folder *folder, const char *name, char *target,
		     size_t size)
{
	ssize_t n = readlinkat(folder->fd, name, target, size);

	(void)tree;
	if (n < 0)
		return -errno;
	if ((size_t)n >= size)
		return -ENAMETOOLONG;
	target[n] = '\0';
	return 0;
}

static void close_tree(struct tree *tree)
{
	if (tree->fd >= 0)
		close(tree->fd);
}

static const struct tree_methods methods = {
	.enter = enter,
	.list = list,
	.read = read_file,
	.link = read_link,
	.close = close_tree,
};

/* The root is given by the user and may be a link. */
int folder_tree_open(struct tree *tree, const char *root)
{
	g_autofree char *plain = without_slash(root);

	tree->fd = open(*root == '/' && !strcmp(plain, ".") ? "/" : plain,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree->fd < 0)
		return errno == ENOTDIR ? -ENOTSUP : -errno;
	tree->methods = &methods;
	tree->above = g_str_has_suffix(root, "/") ? g_strdup(root) : g_strconcat(root, "/", NULL);
	return 0;
}
