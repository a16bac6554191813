/* SPDX-License-Identifier: BSD-3-Clause */
/* References between objects: from a device to its IOMMU, its bridge and its PF */
#include <string.h>

#include "numbers.h"
#include "scan.h"

/* -- IOMMUs ---------------------------------------------------------------------------------- */

static void connect_iommu(struct viommu_host *host, struct tree *tree, struct host_device *device)
{
	struct host_iommu *iommu = host_iommu_by_name(host, device->iommu_name);

	if (!device->iommu_name)
		return;
	if (!iommu) {
		tree_report(tree, "host-iommu-missing", device->path, "iommu",
			    "%s is not in /sys/class/iommu", device->iommu_name);
		return;
	}
	device->shown.iommu = &iommu->shown;
	device->shown.link = VIOMMU_HOST_LINKED;
	g_ptr_array_add(iommu->devices, device);
	iommu->shown.n_devices++;
}

/* Sets the segment if all PCI devices of the IOMMU are in one. Segments of VMD do not count. */
static void take_segment(struct viommu_host_iommu *iommu, const struct host_device *device,
			 bool *several)
{
	uint32_t segment = device->shown.segment;

	if (!device->shown.pci || segment > UINT16_MAX || *several)
		return;
	if (!iommu->has_segment) {
		iommu->has_segment = true;
		iommu->segment = segment;
	} else if (iommu->segment != segment) {
		iommu->has_segment = false;
		*several = true;
	}
}

static void link_own_function(const struct viommu_host *host, struct host_iommu *iommu)
{
	struct viommu_host_iommu *shown = &iommu->shown;
	const struct viommu_host_device *function;
	bool several = false;

	for (guint i = 0; i < iommu->devices->len; i++)
		take_segment(shown, iommu->devices->pdata[i], &several);
	if (!shown->has_bdf)
		return;
	function = viommu_host_find_function(host, shown->bdf_segment, shown->bdf);
	if (!function)
		return;
	((struct host_device *)function)->shown.link = VIOMMU_HOST_IS_IOMMU;
	if (shown->numa_node < 0)
		shown->numa_node = function->numa_node;
}

/* -- bridges --------------------------------------------------------------------------------- */

/* The component of a path before `end`, and its start. */
static const char *component_before(const char *path, const char *end)
{
	while (end > path && end[-1] != '/')
		end--;
	return end;
}

static struct host_device *device_at(const struct viommu_host *host, const char *path,
				     const char *end)
{
	const char *name = component_before(path, end);
	g_autofree char *copy = g_strndup(name, (size_t)(end - name));

	return host_device_by_name(host, copy);
}

/* "pci10000:e0" */
static bool take_root(struct viommu_host_device *device, const char *name, size_t length)
{
	g_autofree char *text = g_strndup(name, length);
	char *colon = strchr(text, ':');
	uint64_t segment, bus;

	if (!colon || !g_str_has_prefix(text, "pci"))
		return false;
	*colon = '\0';
	if (!parse_hex(text + strlen("pci"), UINT32_MAX, &segment) ||
	    !parse_hex(colon + 1, UINT8_MAX, &bus))
		return false;
	device->root_segment = (uint32_t)segment;
	device->root_bus = (uint8_t)bus;
	return true;
}

/* If a function is above the root bus, such as VMD, it owns the bus: DMA has its requester ID. */
static void take_above_root(const struct viommu_host *host, struct host_device *device,
			    const char *root)
{
	const struct host_device *owner;

	if (root <= device->path)
		return;
	owner = device_at(host, device->path, root - 1);
	if (owner && owner != device && owner->shown.pci)
		device->shown.dma_function = &owner->shown;
}

/* Up to the root bus: "pci0000:00/0000:00:01.0/0000:01:00.0". */
static void connect_bridge(const struct viommu_host *host, struct host_device *device)
{
	const char *end = strrchr(device->path, '/'), *name;
	const struct host_device *above;

	while (end && end > device->path) {
		name = component_before(device->path, end);
		if (take_root(&device->shown, name, (size_t)(end - name))) {
			take_above_root(host, device, name);
			return;
		}
		above = device_at(host, device->path, end);
		if (above && above->shown.pci && !device->shown.upstream)
			device->shown.upstream = &above->shown;
		end = name > device->path ? name - 1 : NULL;
	}
	device->shown.root_segment = device->shown.segment;
	device->shown.root_bus = BUS_OF(device->shown.bdf);
}

/* -- virtual functions ------------------------------------------------------------------------ */

static void connect_pf(const struct viommu_host *host, struct tree *tree,
		       struct host_device *device)
{
	struct host_device *pf = host_device_by_name(host, device->pf_name);

	if (!device->pf_name)
		return;
	if (!pf || pf == device || pf->pf_name) {
		tree_report(tree, "host-link", device->path, "physfn",
			    "%s is not a physical function", device->pf_name);
		return;
	}
	if (!pf->vfs)
		pf->vfs = g_ptr_array_new();
	g_ptr_array_add(pf->vfs, device);
	pf->shown.n_vfs++;
	device->shown.pf = &pf->shown;
	/* A VF has no PRI capability; it uses that of its PF. */
	device->shown.pri = pf->shown.pri;
	device->shown.pasid = pf->shown.pasid;
	device->shown.pasid_bits = pf->shown.pasid_bits;
	device->shown.pri_enabled = pf->shown.pri_enabled;
	device->shown.pasid_enabled = pf->shown.pasid_enabled;
}

/* -- segments --------------------------------------------------------------------------------- */

static void count_segments(struct viommu_host *host)
{
	struct viommu_host_segment *segment = NULL;
	g_autoptr(GHashTable) roots = g_hash_table_new(g_direct_hash, g_direct_equal);

	for (guint i = 0; i < host->devices->len; i++) {
		const struct viommu_host_device *device =
			&((const struct host_device *)host->devices->pdata[i])->shown;

		if (!device->pci)
			break;
		if (!segment || segment->number != device->segment) {
			segment = g_new0(struct viommu_host_segment, 1);
			segment->number = device->segment;
			g_ptr_array_add(host->segments, segment);
			g_hash_table_remove_all(roots);
		}
		segment->n_devices++;
		if (g_hash_table_add(roots, GUINT_TO_POINTER(device->root_bus + 1)))
			segment->n_root_buses++;
	}
}

void connect_all(struct viommu_host *host, struct tree *tree)
{
	for (guint i = 0; i < host->devices->len; i++) {
		struct host_device *device = host->devices->pdata[i];

		connect_iommu(host, tree, device);
		if (!device->shown.pci)
			continue;
		connect_bridge(host, device);
		connect_pf(host, tree, device);
	}
	for (guint i = 0; i < host->iommus->len; i++)
		link_own_function(host, host->iommus->pdata[i]);
	count_segments(host);
}
