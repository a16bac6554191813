/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_DEVICE_TREE_FOLDER_H
#define VIOMMU_TOOLS_DEVICE_TREE_FOLDER_H

#include <stdbool.h>

#include <glib.h>

/* The kernel exports its device tree as folders and files: a folder is a node, a file a property.
 */

struct tree_folder {
	GTree *files;   /* name -> GByteArray */
	GTree *folders; /* name -> struct tree_folder */
};

struct tree_folder *tree_folder_new(void);
void tree_folder_free(struct tree_folder *folder);

/* A file of an archive. Those that are too large for a property, or too deep, are left out. */
void tree_folder_add(struct tree_folder *folder, const char *path, GByteArray *bytes);

/* Is it the root of a device tree, as /proc/device-tree is? */
bool is_tree_root(const struct tree_folder *folder);
bool is_device_tree_folder(const char *path);

/* The blob of a root. NULL: it is too large, too deep, or cannot be read. */
GByteArray *flatten_tree(const struct tree_folder *root);
GByteArray *flatten_folder(const char *path);

#endif
