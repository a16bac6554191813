/* SPDX-License-Identifier: BSD-3-Clause */
/* Devices: all PCI functions, and devices of other buses that an IOMMU lists */
#include <errno.h>
#include <string.h>

#include "config.h"
#include "numbers.h"
#include "scan.h"

#define LINE 256

/* struct resource, flags: linux/ioport.h */
#define RESOURCE_IO       0x00000100u
#define RESOURCE_MEMORY   0x00000200u
#define RESOURCE_PREFETCH 0x00002000u
#define RESOURCE_64       0x00100000u
#define RESOURCE_UNSET    0x20000000u
#define VF_BARS_AT        7 /* after the six BARs and the expansion ROM */

/* -- small files --------------------------------------------------------------------------- */

static bool read_decimal(struct tree *tree, const struct folder *folder, const char *name,
			 int64_t min, int64_t max, int64_t *ret)
{
	char line[LINE];

	if (!tree_line(tree, folder, name, line, sizeof(line)))
		return false;
	if (parse_decimal(line, min, max, ret))
		return true;
	tree_report(tree, "host-file", folder->path, name, "not a number");
	return false;
}

static uint64_t hex_or_zero(struct tree *tree, const struct folder *folder, const char *name,
			    uint64_t max)
{
	uint64_t value;

	return tree_hex(tree, folder, name, max, &value) ? value : 0;
}

static void scan_node(struct tree *tree, const struct folder *folder,
		      struct viommu_host_device *device)
{
	int64_t node;

	if (read_decimal(tree, folder, "numa_node", -1, UINT16_MAX, &node))
		device->numa_node = (int)node;
}

/* -- BARs ---------------------------------------------------------------------------------- */

static void take_bar(const char *line, struct viommu_host_bar *bar)
{
	uint64_t first, last, flags;

	if (!parse_three_hex(line, &first, &last, &flags))
		return;
	if (!(flags & (RESOURCE_IO | RESOURCE_MEMORY)) || last < first ||
	    last - first == UINT64_MAX)
		return;
	bar->base = flags & RESOURCE_UNSET ? 0 : first;
	bar->length = last - first + 1;
	bar->io = flags & RESOURCE_IO;
	bar->prefetchable = flags & RESOURCE_PREFETCH;
	bar->is_64_bits = flags & RESOURCE_64;
}

/* One line for each resource. After the ROM come the BARs of VFs, or the windows of a bridge. */
static void scan_bars(struct tree *tree, const struct folder *folder,
		      struct viommu_host_device *device)
{
	char text[4096];
	ssize_t n = tree_read_at(tree, folder, "resource", text, sizeof(text) - 1, 0);
	char *rest = text, *line;

	if (n <= 0)
		return;
	text[n] = '\0';
	for (unsigned i = 0; (line = strsep(&rest, "\n")); i++) {
		if (i < VIOMMU_HOST_BARS)
			take_bar(line, &device->bars[i]);
		else if (i >= VF_BARS_AT && i < VF_BARS_AT + VIOMMU_HOST_BARS && !device->bridge &&
			 device->total_vfs)
			take_bar(line, &device->vf_bars[i - VF_BARS_AT]);
	}
}

/* -- drivers ------------------------------------------------------------------------------- */

static void scan_vfio(struct viommu_host *host, struct tree *tree, const struct folder *folder,
		      struct viommu_host_device *device)
{
	g_autofree char *path = g_strconcat(folder->path, "/vfio-dev", NULL);
	g_autoptr(GPtrArray) names = NULL;
	struct folder all, vfio;
	char line[LINE];

	if (tree_enter(tree, path, &all) < 0)
		return;
	names = tree_list(tree, &all, 1);
	if (names && names->len && tree_follow(tree, &all, names->pdata[0], &vfio) >= 0) {
		device->vfio = host_string(host, names->pdata[0]);
		device->vfio_cdev = tree_line(tree, &vfio, "dev", line, sizeof(line));
		tree_leave(&vfio);
	}
	tree_leave(&all);
}

static void scan_driver(struct viommu_host *host, struct tree *tree, const struct folder *folder,
			struct viommu_host_device *device)
{
	char line[LINE];

	device->driver = host_string(host, tree_link_name(tree, folder, "driver"));
	if (tree_line(tree, folder, "driver_override", line, sizeof(line)) && *line &&
	    strcmp(line, "(null)") != 0)
		device->driver_override = host_string(host, line);
	if (device->driver && strstr(device->driver, "vfio"))
		scan_vfio(host, tree, folder, device);
}

/* -- links ----------------------------------------------------------------------------------- */

static void scan_group_link(struct tree *tree, const struct folder *folder,
			    struct host_device *device)
{
	const char *name = tree_link_name(tree, folder, "iommu_group");
	int64_t number;

	if (!name)
		return;
	if (parse_decimal(name, 0, UINT32_MAX, &number)) {
		device->has_group = true;
		device->group_number = (uint32_t)number;
		return;
	}
	tree_report(tree, "host-file", folder->path, "iommu_group", "not a link to an IOMMU group");
}

static void scan_links(struct viommu_host *host, struct tree *tree, const struct folder *folder,
		       struct host_device *device)
{
	device->iommu_name = host_string(host, tree_link_name(tree, folder, "iommu"));
	scan_group_link(tree, folder, device);
	if (device->shown.pci)
		device->pf_name = host_string(host, tree_link_name(tree, folder, "physfn"));
}

/* -- PCI functions ----------------------------------------------------------------------------- */

/*
 * The configuration space of a VF has no IDs: they are those that its PF has for VFs, also in the
 * kernel. The PF comes first, because its requester ID is lower.
 */
static bool copy_ids_of_pf(struct viommu_host *host, struct host_device *device)
{
	const struct host_device *pf =
		device->pf_name ? host_device_by_name(host, device->pf_name) : NULL;

	if (!pf || !pf->vf_number)
		return false;
	device->shown.vendor = pf->shown.vendor;
	device->shown.device = pf->vf_number;
	return true;
}

/* Without IDs in configuration space, or without configuration space: from files. */
static void scan_ids(struct tree *tree, const struct folder *folder,
		     struct viommu_host_device *device)
{
	device->vendor = (uint16_t)hex_or_zero(tree, folder, "vendor", UINT16_MAX);
	device->device = (uint16_t)hex_or_zero(tree, folder, "device", UINT16_MAX);
	if (device->config_length)
		return;
	device->pci_class = (uint32_t)hex_or_zero(tree, folder, "class", 0xffffff);
	device->bridge = device->pci_class >> 8 == 0x0604;
	device->subsystem_vendor =
		(uint16_t)hex_or_zero(tree, folder, "subsystem_vendor", UINT16_MAX);
	device->subsystem_device =
		(uint16_t)hex_or_zero(tree, folder, "subsystem_device", UINT16_MAX);
}

static void scan_vfs(struct tree *tree, const struct folder *folder,
		     struct viommu_host_device *device)
{
	int64_t total;

	if (device->sriov != VIOMMU_NO &&
	    read_decimal(tree, folder, "sriov_totalvfs", 0, UINT16_MAX, &total))
		device->total_vfs = (unsigned)total;
}

static struct host_device *scan_function(struct viommu_host *host, struct tree *tree,
					 const struct folder *folder, const char *name)
{
	struct host_device *device = host_add_device(host, name, folder->path);
	struct viommu_host_device *shown = &device->shown;

	shown->bus = "pci";
	scan_links(host, tree, folder, device);
	config_scan(tree, folder, device);
	if ((!shown->config_length || shown->vendor == UINT16_MAX) && !copy_ids_of_pf(host, device))
		scan_ids(tree, folder, shown);
	scan_node(tree, folder, shown);
	scan_vfs(tree, folder, shown);
	scan_bars(tree, folder, shown);
	scan_driver(host, tree, folder, shown);
	return device;
}

static void scan_pci(struct viommu_host *host, struct tree *tree)
{
	g_autoptr(GPtrArray) names = NULL;
	struct folder bus, folder;

	if (tree_enter(tree, "sys/bus/pci/devices", &bus) < 0)
		return;
	names = tree_list(tree, &bus, VIOMMU_HOST_DEVICES_MAX);
	for (guint i = 0; names && i < names->len; i++) {
		const char *name = names->pdata[i];
		uint32_t segment;
		uint16_t bdf;

		if (!parse_function_name(name, &segment, &bdf)) {
			tree_report(tree, "host-file", bus.path, name, "not a PCI function");
			continue;
		}
		if (tree_follow(tree, &bus, name, &folder) < 0)
			continue;
		scan_function(host, tree, &folder, name);
		tree_leave(&folder);
	}
	tree_leave(&bus);
}

/* -- devices that an IOMMU lists ----------------------------------------------- */

/* The path of the device in the device tree or in the ACPI namespace. */
static char *firmware_name(struct tree *tree, const struct folder *folder)
{
	static const char base[] = "/devicetree/base";
	const char *node = tree_link(tree, folder, "of_node");
	const char *at = node ? strstr(node, base) : NULL;
	struct folder acpi;
	char line[LINE], *name = NULL;

	if (at)
		return g_strdup(at + strlen(base));
	if (!tree_link(tree, folder, "firmware_node") ||
	    tree_follow(tree, folder, "firmware_node", &acpi) < 0)
		return NULL;
	if (tree_line(tree, &acpi, "path", line, sizeof(line)))
		name = g_strdup(line);
	tree_leave(&acpi);
	return name;
}

static void scan_other(struct viommu_host *host, struct tree *tree, const struct folder *folder,
		       const char *name)
{
	struct host_device *device = host_add_device(host, name, folder->path);
	const char *bus = tree_link_name(tree, folder, "subsystem");

	device->has_listing = true;
	device->shown.bus = bus ? host_string(host, bus) : "";
	scan_node(tree, folder, &device->shown);
	scan_driver(host, tree, folder, &device->shown);
	scan_links(host, tree, folder, device);
	device->firmware_name = firmware_name(tree, folder);
}

static void scan_listed(struct viommu_host *host, struct tree *tree, const struct folder *list,
			const char *name)
{
	struct host_device *device = host_device_by_name(host, name);
	struct folder folder;
	uint32_t segment;
	uint16_t bdf;

	if (device) {
		device->has_listing = true;
		return;
	}
	if (host->devices->len >= VIOMMU_HOST_DEVICES_MAX ||
	    tree_follow(tree, list, name, &folder) < 0)
		return;
	if (parse_function_name(name, &segment, &bdf))
		scan_function(host, tree, &folder, name)->has_listing = true;
	else
		scan_other(host, tree, &folder, name);
	tree_leave(&folder);
}

static void scan_list(struct viommu_host *host, struct tree *tree, struct host_iommu *iommu)
{
	g_autofree char *path = g_strconcat(iommu->path, "/devices", NULL);
	g_autoptr(GPtrArray) names = NULL;
	struct folder list;

	if (tree_enter(tree, path, &list) < 0)
		return;
	names = tree_list(tree, &list, VIOMMU_HOST_DEVICES_MAX);
	iommu->has_list = names;
	for (guint i = 0; names && i < names->len; i++)
		scan_listed(host, tree, &list, names->pdata[i]);
	tree_leave(&list);
}

void scan_devices(struct viommu_host *host, struct tree *tree)
{
	scan_pci(host, tree);
	for (guint i = 0; i < host->iommus->len; i++)
		scan_list(host, tree, host->iommus->pdata[i]);
}
