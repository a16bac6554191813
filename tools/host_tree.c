/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <glib.h>
#include <glib/gstdio.h>

#include "host_tree.h"

/* POSIX, "ustar Interchange Format" */
#define USTAR_AT    257
#define USTAR_MAGIC "ustar"
#define HEADER_SIZE 512

/* Magic numbers of gzip, zstd and xz; no table begins with one. */
static const char *const compressed[] = { "\x1f\x8b", "\x28\xb5\x2f\xfd", "\xfd\067zXZ" };

static bool begins(const char *bytes, size_t n, size_t at, const char *text)
{
	return n >= at + strlen(text) && !memcmp(bytes + at, text, strlen(text));
}

static bool is_tar(const char *name)
{
	char bytes[HEADER_SIZE];
	FILE *file = g_file_test(name, G_FILE_TEST_IS_REGULAR) ? g_fopen(name, "rb") : NULL;
	size_t n = file ? fread(bytes, 1, sizeof(bytes), file) : 0;

	if (file)
		fclose(file);
	for (size_t i = 0; i < G_N_ELEMENTS(compressed); i++)
		if (begins(bytes, n, 0, compressed[i]))
			return true;
	return begins(bytes, n, USTAR_AT, USTAR_MAGIC);
}

static bool has_folder(const char *name, const char *folder)
{
	g_autofree char *path = g_build_filename(name, folder, NULL);

	return g_file_test(path, G_FILE_TEST_IS_DIR);
}

bool is_host_tree(const char *name)
{
	return has_folder(name, "sys/class") || has_folder(name, "sys/bus") ||
	       has_folder(name, "class/iommu") || has_folder(name, "bus/pci") || is_tar(name);
}
