/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_HOST_TREE_H
#define VIOMMU_HOST_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <glib.h>

#include <viommu/findings.h>

/*
 * A tree of files with sysfs in it: of the running machine, in a folder, or in a tar
 *
 * A path contains no links; a caller follows a link explicitly, by one step. So no link leads out
 * of the tree or into a cycle. Paths start at the top of the tree, "sys/class/iommu", even if the
 * tree is a copy of /sys itself.
 */
struct tree;

/* An open folder. `path` is normalized: no ".", "..", or double slash. */
struct folder {
	char *path;
	int fd;           /* of a folder of files; -1: none */
	const void *node; /* of a tar */
};

/* Errors are negative errno values. */
struct tree_methods {
	int (*enter)(struct tree *tree, const char *path, struct folder *ret);
	void (*leave)(struct folder *folder);

	/* Names in the folder, in any order, at most `max`; -E2BIG if there are more. */
	int (*list)(struct tree *tree, const struct folder *folder, GPtrArray *names, size_t max);

	/* Up to `size` bytes of a regular file, from offset `at`; less only at its end. */
	ssize_t (*read)(struct tree *tree, const struct folder *folder, const char *name,
			void *bytes, size_t size, size_t at);

	/* The target of a link, with its NUL. */
	int (*link)(struct tree *tree, const struct folder *folder, const char *name, char *target,
		    size_t size);
	void (*close)(struct tree *tree);
};

/* Everything that was read, for a tar (record.c). */
struct record;

struct tree {
	const struct tree_methods *methods;
	char *name;            /* as given by the user */
	char *above;           /* the prefix of paths in findings: "/", "folder/", "file.tar:" */
	bool bare;             /* a copy of /sys itself: paths in it lack "sys/" */
	bool live;             /* files may be registers: read only what is needed */
	char *top;             /* the folder that contains the tree, with its slash, or "" */
	struct record *record; /* NULL: recording is off */
	struct viommu_findings *findings;
	char target[4096]; /* of tree_link() */
	void *own;
	int fd;
};

/* `root` as for viommu_host_scan(). NULL with a finding. */
struct tree *tree_open(const char *root, struct viommu_findings *findings);
void tree_close(struct tree *tree);

/* Open a folder by its path, by a link in a folder, or by its name in a folder. */
int tree_enter(struct tree *tree, const char *path, struct folder *ret);
int tree_follow(struct tree *tree, const struct folder *folder, const char *name,
		struct folder *ret);
void tree_leave(struct folder *folder);

/* Sorted by bytes; NULL if it cannot be read. Free with g_ptr_array_unref(). */
GPtrArray *tree_list(struct tree *tree, const struct folder *folder, size_t max);

/* `name` may contain slashes; the components before the last are folders. */
ssize_t tree_read_at(struct tree *tree, const struct folder *folder, const char *name, void *bytes,
		     size_t size, size_t at);

/*
 * A whole file of at most `max` bytes. NULL on failure, with a finding if the file is larger;
 * *ret_error is a negative errno then.
 */
GByteArray *tree_read_all(struct tree *tree, const struct folder *folder, const char *name,
			  size_t max, int *ret_error);

/* The first line without its newline; false if there is none, or if it does not fit. */
bool tree_line(struct tree *tree, const struct folder *folder, const char *name, char *line,
	       size_t size);

/* A hexadecimal number with or without 0x. A finding if the file has none. */
bool tree_hex(struct tree *tree, const struct folder *folder, const char *name, uint64_t max,
	      uint64_t *ret);

/* The target of a link, and its last component; NULL: there is no such link. Good until the next
 * call. */
const char *tree_link(struct tree *tree, const struct folder *folder, const char *name);
const char *tree_link_name(struct tree *tree, const struct folder *folder, const char *name);

/* A name for findings; g_free() it. `name` may be NULL. */
char *tree_place(const struct tree *tree, const char *path, const char *name);

/* Report a finding about a file of the tree. */
__attribute__((format(printf, 5, 6))) void tree_report(struct tree *tree, const char *rule_id,
						       const char *path, const char *name,
						       const char *format, ...);

/* Kinds of trees. Return 0, -ENOTSUP if the root is of another kind, or another negative errno. */
int folder_tree_open(struct tree *tree, const char *root);
int archive_tree_open(struct tree *tree, const char *root);

/* Whether the first entry of a file is that of a tar, compressed or not. */
bool archive_tree_is(const char *name);

#endif
