/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu resolve for a host without tables, or with tables that only root can read
 *
 * Sysfs has the IOMMU and the group of each device. IDs (stream, source and endpoint IDs) and ITS
 * groups are only in the tables.
 */
#include <inttypes.h>
#include <stdio.h>

#include "command.h"
#include "json.h"
#include "resolve.h"
#include "route_text.h"

/* "amd-vi at 0000:00:00.2", "smmu-v3 at 0x12000000" */
static char *text_of_iommu(const struct viommu_host_iommu *iommu)
{
	const char *kind = viommu_host_iommu_kind_name(iommu->kind);

	if (iommu->has_bdf) {
		g_autofree char *at = pci_function_text(iommu->bdf_segment, iommu->bdf);

		return g_strdup_printf("%s at %s", kind, at);
	}
	if (iommu->has_base)
		return g_strdup_printf("%s at 0x%" PRIx64, kind, iommu->base);
	return g_strdup(kind);
}

static char *text_of_group(const struct viommu_host_device *device)
{
	return device->group ? g_strdup_printf(", group %" PRIu32, device->group->number)
			     : g_strdup("");
}

void print_sysfs_answer(const struct viommu_host_device *device)
{
	g_autofree char *iommu = device->iommu ? text_of_iommu(device->iommu) : NULL,
			*group = text_of_group(device);

	if (iommu)
		print_line("%s: %s (%s)%s, by sysfs; IDs are in the firmware's tables",
			   device->name, device->iommu->name, iommu, group);
	else
		print_line("%s: no IOMMU: %s, by sysfs", device->name,
			   viommu_host_link_name(device->link));
}

void add_sysfs_answer(struct json *json, const struct viommu_host_device *device)
{
	json_string(json, "device", device->name);
	json_key(json, "by");
	json_add_string(json, "sysfs");
	add_sysfs(json, device);
}

/* The groups of a list come from sysfs of the machine that it describes. */
void print_listed_answer(const char *list, const struct answer *answer)
{
	g_autofree char *file = printable(list);
	g_autofree char *group =
		answer->function->has_group
			? g_strdup_printf("group %" PRIu32, answer->function->group)
			: g_strdup("no group");

	print_line("%s: %s, by %s; its IOMMU and IDs are in the firmware's tables", answer->device,
		   group, file);
}

void add_listed_answer(struct json *json, const struct answer *answer)
{
	json_string(json, "device", answer->device);
	json_key(json, "by");
	json_add_string(json, "sysfs");
	json_key(json, "sysfs");
	json_open(json, '{');
	if (answer->function->has_group)
		json_number(json, "group", answer->function->group);
	json_close(json, '}');
}

void add_sysfs(struct json *json, const struct viommu_host_device *device)
{
	if (!device)
		return;
	json_key(json, "sysfs");
	json_open(json, '{');
	json_string(json, "iommu", device->iommu ? device->iommu->name : NULL);
	if (!device->iommu)
		json_string(json, "no_iommu", viommu_host_link_name(device->link));
	if (device->group)
		json_number(json, "group", device->group->number);
	json_close(json, '}');
}

void print_sysfs_map(const struct viommu_host *host)
{
	const struct viommu_host_device *device;

	for (size_t i = 0; (device = viommu_host_device(host, i)); i++)
		print_sysfs_answer(device);
}

void add_sysfs_map(struct json *json, const char *name, const struct viommu_host *host)
{
	const struct viommu_host_device *device;

	json_open(json, '{');
	json_string(json, "file", name);
	json_key(json, "devices");
	json_open(json, '[');
	for (size_t i = 0; (device = viommu_host_device(host, i)); i++) {
		json_open(json, '{');
		add_sysfs_answer(json, device);
		json_close(json, '}');
	}
	json_close(json, ']');
	json_close(json, '}');
}
