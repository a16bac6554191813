/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contradictions within sysfs, and between sysfs and the tables
 *
 * Sysfs has the result of the kernel, and the tables have the request of the firmware. Where Linux
 * is known to read a table differently from its specification, the comparison uses Linux's reading.
 */
#include <inttypes.h>
#include <string.h>

#include "join.h"
#include "scan.h"

/* Each query for Linux's reading walks the topology. */
#define QUESTIONS_MAX 4096u

/* -- IOMMUs ----------------------------------------------------------------------------------- */

static void compare_iommu(const struct host_iommu *iommu, struct tree *tree)
{
	if (iommu->shown.in_table || iommu->shown.kind == VIOMMU_HOST_OTHER)
		return;
	tree_report(tree, "host-iommu-unsaid", iommu->path, NULL,
		    "%s has a driver, but is in no table", iommu->shown.name);
}

static void compare_table_iommu(const struct viommu_host *host, const struct viommu_iommu *iommu,
				struct tree *tree)
{
	g_autofree char *at = NULL, *text = NULL;

	if (join_back(host, iommu))
		return;
	at = viommu_iommu_at_text(iommu);
	text = g_strdup_printf("%s, a %s at %s in the table, has no driver", iommu->name,
			       viommu_iommu_kind_name(iommu->kind), at);
	viommu_findings_add(tree->findings, "host-iommu-down", &iommu->place, text, NULL);
}

static void compare_iommus(const struct viommu_host *host, struct tree *tree)
{
	const struct viommu_iommu *iommu = viommu_topology_iommu(host->topology, 0);

	if (!iommu)
		return;
	for (guint i = 0; i < host->iommus->len; i++)
		compare_iommu(host->iommus->pdata[i], tree);
	for (size_t i = 0; (iommu = viommu_topology_iommu(host->topology, i)); i++)
		compare_table_iommu(host, iommu, tree);
}

/* -- devices and tables ------------------------------------------------------------------------ */

static const struct viommu_iommu *ask_linux(const struct viommu_host *host,
					    const struct host_device *device)
{
	const struct viommu_host_device *asked = &device->shown;
	struct viommu_device_name name = { .pci = true };
	struct viommu_route route, linux_route;

	if (asked->dma_function)
		asked = asked->dma_function;
	else if (asked->pf && (asked->iommu_in_table == asked->pf->iommu_in_table))
		asked = asked->pf;
	name.segment = (uint16_t)asked->segment;
	name.bdf = asked->bdf;
	viommu_topology_resolve(host->topology, &name, &route, &linux_route, NULL);
	return linux_route.iommu;
}

static void compare_link(const struct viommu_host *host, const struct host_device *device,
			 struct tree *tree, unsigned *questions)
{
	const struct viommu_host_device *shown = &device->shown;
	const struct viommu_host_iommu *said = join_back(host, shown->iommu_in_table);

	if (!shown->pci || !shown->iommu->in_table || said == shown->iommu ||
	    (shown->segment > UINT16_MAX && !shown->dma_function))
		return;
	if (++*questions > QUESTIONS_MAX ||
	    join_back(host, ask_linux(host, device)) == shown->iommu)
		return;
	tree_report(tree, "host-device-iommu", device->path, "iommu",
		    "%s is behind %s, but the table has %s", shown->name, shown->iommu->name,
		    said                    ? said->name
		    : shown->iommu_in_table ? shown->iommu_in_table->name
					    : "none");
}

/* -- sysfs alone --------------------------------------------------------------- */

static void compare_sysfs(const struct host_device *device, struct tree *tree)
{
	const struct viommu_host_device *shown = &device->shown;

	if (shown->iommu && !shown->group)
		tree_report(tree, "host-group-missing", device->path, NULL,
			    "%s is behind %s, but in no IOMMU group", shown->name,
			    shown->iommu->name);
	if (shown->iommu && !device->has_listing &&
	    ((const struct host_iommu *)shown->iommu)->has_list)
		tree_report(tree, "host-listing", device->path, "iommu",
			    "%s is behind %s, but not in the list of that IOMMU", shown->name,
			    shown->iommu->name);
	if (shown->pf && shown->pf->iommu != shown->iommu)
		tree_report(tree, "host-vf-iommu", device->path, "iommu",
			    "%s is behind %s, but its physical function %s is behind %s",
			    shown->name, shown->iommu ? shown->iommu->name : "none",
			    shown->pf->name, shown->pf->iommu ? shown->pf->iommu->name : "none");
	if (shown->link == VIOMMU_HOST_LINK_MISSING)
		tree_report(tree, "host-device-unlinked", device->path, NULL,
			    "%s has a driver and no IOMMU, but the table has %s", shown->name,
			    shown->iommu_in_table->name);
}

static void compare_group(const struct host_group *group, struct tree *tree)
{
	const struct viommu_host_iommu *first = NULL;

	for (guint i = 0; i < group->devices->len; i++) {
		const struct host_device *device = group->devices->pdata[i];

		if (!device->shown.iommu)
			continue;
		if (!first)
			first = device->shown.iommu;
		if (device->shown.iommu == first)
			continue;
		tree_report(tree, "host-group-split", device->path, "iommu_group",
			    "group %" PRIu32 " has devices behind both %s and %s",
			    group->shown.number, first->name, device->shown.iommu->name);
		return;
	}
}

/* -- unknown capabilities ------------------------------------------------------ */

static void count_headers(const struct viommu_host *host, struct tree *tree)
{
	enum { HEADER_LENGTH = 64 };
	unsigned n = 0;

	for (guint i = 0; i < host->devices->len; i++) {
		const struct host_device *device = host->devices->pdata[i];

		n += device->shown.config_length == HEADER_LENGTH;
	}
	if (n)
		tree_report(tree, "host-unreadable", "sys/bus/pci/devices", NULL,
			    "only 64 bytes of the configuration space of %u functions are "
			    "readable: their capabilities are not known",
			    n);
}

void compare_all(struct viommu_host *host, struct tree *tree)
{
	unsigned questions = 0;

	if (host->topology)
		compare_iommus(host, tree);
	for (guint i = 0; i < host->devices->len; i++) {
		const struct host_device *device = host->devices->pdata[i];

		compare_sysfs(device, tree);
		if (host->topology && device->shown.iommu)
			compare_link(host, device, tree, &questions);
	}
	for (guint i = 0; i < host->groups->len; i++)
		compare_group(host->groups->pdata[i], tree);
	count_headers(host, tree);
}
