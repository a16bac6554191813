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
 * A tree of files with /sys in it: of the running machine, a folder, or a tar
 *
 * Whoever reads a tree knows the folders of sysfs: a path has no link in it, and a link is followed
 * on purpose, by one step. So no link leads out of the tree, and none runs in a circle. Paths begin
 * at the top of the tree, "sys/class/iommu", also where the tree is a copy of /sys itself.
 */
struct tree;

/* An open folder. `path` is normal: no ".", "..", or double slash. */
struct folder {
	char *path;
	int fd;           /* of a folder of files; -1: none */
	const void *node; /* of a tar */
};

/* What is where. Errors are negative errno values. */
struct tree_methods {
	int (*enter)(struct tree *tree, const char *path, struct folder *ret);
	void (*leave)(struct folder *folder);

	/* Names in it, in any order, at most `max`; -E2BIG: there are more. */
	int (*list)(struct tree *tree, const struct folder *folder, GPtrArray *names, size_t max);

	/* Up to `size` bytes from `at` on of a regular file; less only at its end. */
	ssize_t (*read)(struct tree *tree, const struct folder *folder, const char *name,
			void *bytes, size_t size, size_t at);

	/* The target of a link with its NUL. */
	int (*link)(struct tree *tree, const struct folder *folder, const char *name, char *target,
		    size_t size);
	void (*close)(struct tree *tree);
};

/* Everything that was read, for a tar (record.c). */
struct record;

struct tree {
	const struct tree_methods *methods;
	char *name;  /* as the user has it */
	char *above; /* what is in front of a path in findings: "/", "folder/", "file.tar:" */
	bool bare;   /* a copy of /sys itself: "sys/" is not written in it */
	bool live;   /* a file of it may be a register: read nothing that is not needed */
	char *top;   /* the folder that all is in, with its slash; "" */
	struct record *record; /* NULL: nothing is recorded */
	struct viommu_findings *findings;
	char target[4096]; /* of tree_link() */
	void *own;
	int fd;
};

/* `root` as viommu_host_scan() has it. NULL with a finding. */
struct tree *tree_open(const char *root, struct viommu_findings *findings);
void tree_close(struct tree *tree);

/* Open a folder by its path, or the one that a link in a folder leads to, or that is in it. */
int tree_enter(struct tree *tree, const char *path, struct folder *ret);
int tree_follow(struct tree *tree, const struct folder *folder, const char *name,
		struct folder *ret);
void tree_leave(struct folder *folder);

/* Sorted by bytes; NULL: it cannot be read. Free with g_ptr_array_unref(). */
GPtrArray *tree_list(struct tree *tree, const struct folder *folder, size_t max);

/* `name` may have slashes; then all above the last one are folders. */
ssize_t tree_read_at(struct tree *tree, const struct folder *folder, const char *name, void *bytes,
		     size_t size, size_t at);

/* The whole of a file of at most `max` bytes. NULL, and a finding if it is there and larger;
 * *ret_error is a negative errno then. */
GByteArray *tree_read_all(struct tree *tree, const struct folder *folder, const char *name,
			  size_t max, int *ret_error);

/* The first line without its end; false: there is none, or it does not fit. */
bool tree_line(struct tree *tree, const struct folder *folder, const char *name, char *line,
	       size_t size);

/* The target of a link, and its last component; NULL: there is no such link. Good until the next
 * call. */
const char *tree_link(struct tree *tree, const struct folder *folder, const char *name);
const char *tree_link_name(struct tree *tree, const struct folder *folder, const char *name);

/* A name for findings; g_free() it. `name` may be NULL. */
char *tree_place(const struct tree *tree, const char *path, const char *name);

/* A finding at a file of the tree. */
__attribute__((format(printf, 5, 6))) void tree_report(struct tree *tree, const char *rule_id,
						       const char *path, const char *name,
						       const char *format, ...);

/* Kinds of trees. 0, -ENOTSUP: not of this kind, or another negative errno. */
int folder_tree_open(struct tree *tree, const char *root);
int archive_tree_open(struct tree *tree, const char *root);

#endif
