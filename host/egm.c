/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Regions of Extended GPU Memory (EGM)
 *
 * The driver nvgrace-egm makes a character device /dev/egmN and a folder of the class egm for each
 * region. Its GPUs are links with the names of functions, or lines of the file gpu_devices: the
 * interface is not in Linux 7.3, and kernels that have it differ.
 */
#include <string.h>

#include "numbers.h"
#include "scan.h"

#define REGIONS_MAX 1024u
#define ENTRIES_MAX 65536u
#define TEXT_MAX    65536

static void add_gpu(struct viommu_host *host, struct tree *tree, const struct folder *folder,
		    struct host_egm *egm, const char *name)
{
	struct host_device *device = host_device_by_name(host, name);

	if (!device) {
		tree_report(tree, "host-link", folder->path, name,
			    "the GPU is not in sys/bus/pci/devices");
		return;
	}
	if (!g_ptr_array_find(egm->gpus, device, NULL))
		g_ptr_array_add(egm->gpus, device);
}

static void scan_links(struct viommu_host *host, struct tree *tree, const struct folder *folder,
		       struct host_egm *egm)
{
	g_autoptr(GPtrArray) names = tree_list(tree, folder, ENTRIES_MAX);
	uint32_t segment;
	uint16_t bdf;

	for (guint i = 0; names && i < names->len; i++)
		if (parse_function_name(names->pdata[i], &segment, &bdf) &&
		    tree_link_name(tree, folder, names->pdata[i]))
			add_gpu(host, tree, folder, egm, names->pdata[i]);
}

/* Returns whether there is such a file. */
static bool scan_file(struct viommu_host *host, struct tree *tree, const struct folder *folder,
		      struct host_egm *egm)
{
	char text[TEXT_MAX];
	ssize_t n = tree_read_at(tree, folder, "gpu_devices", text, sizeof(text) - 1, 0);
	char *rest = text, *word;

	if (n < 0)
		return false;
	text[n] = '\0';
	while ((word = strsep(&rest, " ,\n")))
		if (*word)
			add_gpu(host, tree, folder, egm, word);
	return true;
}

/* "0x6fc0000000", or decimal. */
static uint64_t size_of(struct tree *tree, const struct folder *folder)
{
	char line[64];
	uint64_t size = 0;
	int64_t decimal;

	if (!tree_line(tree, folder, "egm_size", line, sizeof(line)))
		return 0;
	if (g_str_has_prefix(line, "0x") && parse_hex(line, INT64_MAX, &size))
		return size;
	if (parse_decimal(line, 0, INT64_MAX, &decimal))
		return (uint64_t)decimal;
	tree_report(tree, "host-file", folder->path, "egm_size", "not a number");
	return 0;
}

static void scan_region(struct viommu_host *host, struct tree *tree, const struct folder *folder,
			const char *name)
{
	struct host_egm *egm = host_add_egm(host, name);

	egm->shown.size = size_of(tree, folder);
	if (!scan_file(host, tree, folder, egm))
		scan_links(host, tree, folder, egm);
	egm->shown.n_gpus = egm->gpus->len;
}

void scan_egm(struct viommu_host *host, struct tree *tree)
{
	g_autoptr(GPtrArray) names = NULL;
	struct folder class, folder;

	if (tree_enter(tree, "sys/class/egm", &class) < 0)
		return;
	names = tree_list(tree, &class, REGIONS_MAX);
	for (guint i = 0; names && i < names->len; i++) {
		if (tree_follow(tree, &class, names->pdata[i], &folder) < 0)
			continue;
		scan_region(host, tree, &folder, names->pdata[i]);
		tree_leave(&folder);
	}
	tree_leave(&class);
}
