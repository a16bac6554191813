/* SPDX-License-Identifier: BSD-3-Clause */
/* The steps of a scan, in order */
#include <errno.h>
#include <string.h>

#include "clean.h"
#include "record.h"
#include "scan.h"

#define CMDLINE_MAX 65536

static void scan_cmdline(struct viommu_host *host, struct tree *tree)
{
	char line[CMDLINE_MAX];
	struct folder folder;
	g_autofree char *words = NULL;

	if (tree->bare || tree_enter(tree, "proc", &folder) < 0)
		return;
	if (tree_line(tree, &folder, "cmdline", line, sizeof(line))) {
		words = clean_cmdline(line);
		host->cmdline = g_utf8_make_valid(words, -1);
	}
	tree_leave(&folder);
}

static struct viommu_host *scan(struct tree *tree)
{
	struct viommu_host *host = host_new(tree->name);

	scan_cmdline(host, tree);
	scan_iommus(host, tree);
	scan_devices(host, tree);
	scan_nodes(host, tree);
	scan_egm(host, tree);
	host_sort(host);
	scan_groups(host, tree);
	connect_all(host, tree);
	scan_tables(host, tree);
	join_all(host);
	compare_all(host, tree);
	return host;
}

struct viommu_host *viommu_host_scan(const char *root, struct viommu_findings *findings)
{
	struct tree *tree = tree_open(root, findings);
	struct viommu_host *host;

	if (!tree)
		return NULL;
	host = scan(tree);
	tree_close(tree);
	return host;
}

static void report_save(struct tree *tree, const char *file, int error)
{
	struct viommu_place place = { .file = file, .at = VIOMMU_NOWHERE };
	bool unknown = error == ENOTSUP;

	if (tree->findings)
		viommu_findings_add(tree->findings, "host-save", &place,
				    unknown ? "the suffix is of a format that is not supported"
					    : g_strerror(error),
				    unknown ? "name it .tar, .tar.gz, .tar.bz2, .tar.xz, .tar.zst "
					      "or .tar.lz4"
					    : NULL);
}

int viommu_host_save(const char *root, const char *file, struct viommu_findings *findings)
{
	struct tree *tree = tree_open(root, findings);
	struct record *record;
	struct viommu_host *host;
	int r;

	if (!tree)
		return -ENOENT;
	record = record_new();
	tree->record = record;
	host = scan(tree);
	viommu_host_free(host);
	r = record_write(record, file);
	if (r < 0)
		report_save(tree, file, -r);
	record_free(record);
	tree_close(tree);
	return r;
}
