/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IOMMU groups: devices that the IOMMU cannot isolate from each other, and their reserved regions
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "numbers.h"
#include "scan.h"

/* Groups of real machines have at most a dozen regions. */
#define TEXT_MAX 65536
#define LINE     256

static const char *const region_types[] = {
	[VIOMMU_HOST_DIRECT] = "direct",      [VIOMMU_HOST_DIRECT_RELAXABLE] = "direct-relaxable",
	[VIOMMU_HOST_RESERVED] = "reserved",  [VIOMMU_HOST_MSI] = "msi",
	[VIOMMU_HOST_REGION_OTHER] = "other",
};

const char *viommu_host_region_type_name(enum viommu_host_region_type type)
{
	return (size_t)type < G_N_ELEMENTS(region_types) ? region_types[type] : "other";
}

static enum viommu_host_region_type region_type(const char *name)
{
	for (size_t i = 0; i < VIOMMU_HOST_REGION_OTHER; i++)
		if (!strcmp(name, region_types[i]))
			return (enum viommu_host_region_type)i;
	return VIOMMU_HOST_REGION_OTHER;
}

/* "0x00000000fee00000 0x00000000feefffff msi" */
static bool take_region(const char *line, struct viommu_host_region *region)
{
	char type[32];

	if (sscanf(line, "%18" SCNx64 " %18" SCNx64 " %31s", &region->first, &region->last, type) !=
	    3)
		return false;
	region->type = region_type(type);
	return region->first <= region->last;
}

static void scan_regions(struct tree *tree, const struct folder *folder, const char *name,
			 struct host_group *group)
{
	char text[TEXT_MAX];
	ssize_t n = tree_read_at(tree, folder, name, text, sizeof(text) - 1, 0);
	char *rest = text, *line;

	if (n <= 0)
		return;
	text[n] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		struct viommu_host_region region = { 0 };

		if (take_region(line, &region))
			g_array_append_val(group->regions, region);
		else if (*line)
			tree_report(
				tree, "host-file", folder->path, name,
				"a line does not consist of first address, last address and type");
	}
	group->shown.n_regions = group->regions->len;
}

static const char *line_of(struct viommu_host *host, struct tree *tree, const struct folder *folder,
			   uint32_t number, const char *name)
{
	g_autofree char *path = g_strdup_printf("%" PRIu32 "/%s", number, name);
	char line[LINE];

	return tree_line(tree, folder, path, line, sizeof(line)) ? host_string(host, line) : NULL;
}

static void scan_group(struct viommu_host *host, struct tree *tree, const struct folder *folder,
		       struct host_group *group)
{
	uint32_t number = group->shown.number;
	g_autofree char *regions = g_strdup_printf("%" PRIu32 "/reserved_regions", number);

	group->shown.type = line_of(host, tree, folder, number, "type");
	group->shown.name = line_of(host, tree, folder, number, "name");
	scan_regions(tree, folder, regions, group);
}

/* A copy by a program that follows links, or leaves them out, has groups of no device. */
static void check_links(const struct viommu_host *host, struct tree *tree,
			const struct folder *folder)
{
	GPtrArray *names = tree->live || host->groups->len
				   ? NULL
				   : tree_list(tree, folder, VIOMMU_HOST_DEVICES_MAX);

	for (guint i = 0; names && i < names->len; i++)
		if (g_ascii_isdigit(*(const char *)names->pdata[i])) {
			tree_report(
				tree, "host-link", folder->path, NULL,
				"there are groups, but no device with a link to one; copy the tree "
				"by `tar` or `cp -a`, which keep links");
			break;
		}
	if (names)
		g_ptr_array_unref(names);
}

/* From the links of the devices: faster than listing each group. */
void scan_groups(struct viommu_host *host, struct tree *tree)
{
	struct folder folder;
	bool there = tree_enter(tree, "sys/kernel/iommu_groups", &folder) >= 0;

	for (guint i = 0; i < host->devices->len; i++) {
		struct host_device *device = host->devices->pdata[i];
		struct host_group *group;

		if (!device->has_group)
			continue;
		group = host_add_group(host, device->group_number);
		if (!group->shown.n_devices && there)
			scan_group(host, tree, &folder, group);
		g_ptr_array_add(group->devices, device);
		group->shown.n_devices++;
		device->shown.group = &group->shown;
	}
	if (there) {
		check_links(host, tree, &folder);
		tree_leave(&folder);
	}
	host_sort_groups(host);
}
