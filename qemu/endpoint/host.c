/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * Assigned devices: what the host's IOMMU cannot do, their endpoint cannot do either
 *
 * Only from QEMU 9.1 on: there the owner of an assigned device hands over an object that
 * can be asked, before the guest runs. (7.2 tells of page sizes alone, through the memory
 * region, and only once that is in use.) Addresses that the host cannot map become reserved
 * regions of that endpoint; where the user or the machine reserved a range already, theirs
 * stays.
 */

/* What no host range covers, but for what is reserved already. */
static GArray *holes_between(GList *ranges, const GArray *reserved)
{
	GArray *holes = g_array_new(false, false, sizeof(struct viommu_reserved));
	GList *inverse = NULL, *regions = NULL;

	range_inverse_array(ranges, &inverse, 0, UINT64_MAX);
	for (GList *hole = inverse; hole; hole = hole->next) {
		ReservedRegion *region = g_new0(ReservedRegion, 1);

		region->range = *(Range *)hole->data;
		regions = resv_region_list_insert(regions, region);
	}
	for (guint i = 0; i < reserved->len; i++) {
		const struct viommu_reserved *theirs =
			&g_array_index(reserved, struct viommu_reserved, i);
		ReservedRegion *region = g_new0(ReservedRegion, 1);

		region->type = 1; /* not a hole */
		range_set_bounds(&region->range, theirs->first, theirs->last);
		regions = resv_region_list_insert(regions, region);
	}
	for (GList *item = regions; item; item = item->next) {
		ReservedRegion *region = item->data;
		struct viommu_reserved hole = {
			.first = range_lob(&region->range),
			.last = range_upb(&region->range),
			.subtype = VIOMMU_RESV_MEM_RESERVED,
		};

		if (!region->type)
			g_array_append_val(holes, hole);
	}
	g_list_free_full(inverse, g_free);
	g_list_free_full(regions, g_free);
	return holes;
}

/* Behind a bridge to PCI several functions share an endpoint: it can do what all of them can, until
 * the last one goes. */
static void forget(struct endpoint *endpoint)
{
	if (--endpoint->n_hosts)
		return;
	if (endpoint->host_reserved)
		g_array_free(endpoint->host_reserved, true);
	endpoint->host_reserved = NULL;
	endpoint->page_size_mask = 0;
}

static void reserve(struct endpoint *endpoint, GList *ranges)
{
	g_autoptr(GArray) known = endpoint_reserved(endpoint);
	g_autoptr(GArray) holes = holes_between(ranges, known);

	if (!endpoint->host_reserved)
		endpoint->host_reserved = g_array_new(false, false, sizeof(struct viommu_reserved));
	g_array_append_vals(endpoint->host_reserved, holes->data, holes->len);
}

static bool apply_limits(struct endpoint *endpoint, HostIOMMUDevice *host, Error **errp)
{
	const HostIOMMUDeviceClass *class = HOST_IOMMU_DEVICE_GET_CLASS(host);
	GList *ranges = class->get_iova_ranges ? class->get_iova_ranges(host) : NULL;
	int status;

	if (ranges)
		reserve(endpoint, ranges);
	g_list_free_full(ranges, g_free);
	if (class->get_page_size_mask &&
	    !endpoint_restrict_granule(endpoint, class->get_page_size_mask(host), errp))
		return false;
	status = endpoint_update(endpoint);
	if (status)
		error_setg_errno(errp, -status, "what the host's IOMMU can do does not fit");
	return !status;
}

bool host_iommu_set(PCIBus *bus, void *opaque, int devfn, HostIOMMUDevice *host, Error **errp)
{
	struct endpoint *endpoint = endpoint_of(opaque, bus->devices[devfn]);

	if (!endpoint)
		return true;
	endpoint->n_hosts++;
	if (apply_limits(endpoint, host, errp))
		return true;
	forget(endpoint);
	return false;
}

void host_iommu_unset(PCIBus *bus, void *opaque, int devfn)
{
	struct endpoint *endpoint = endpoint_of(opaque, bus->devices[devfn]);

	if (!endpoint)
		return;
	forget(endpoint);
	if (endpoint->id != ENDPOINT_FREE)
		endpoint_update(endpoint);
}
