/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * Assigned devices: limits of the host's IOMMU become limits of the endpoint
 *
 * From QEMU 9.1 on. There VFIO passes an object that describes the host's IOMMU before the guest
 * runs. (7.2 reports page sizes only, through the memory region, once that is in use.) Addresses
 * that the host cannot map become reserved regions of the endpoint, except where the user or the
 * machine reserves a range already.
 */

/* The addresses outside all ranges of the host, except for those in `reserved`. */
static GArray *find_holes(GList *ranges, const GArray *reserved)
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
		const struct viommu_reserved *known =
			&g_array_index(reserved, struct viommu_reserved, i);
		ReservedRegion *region = g_new0(ReservedRegion, 1);

		region->type = 1; /* not a hole */
		range_set_bounds(&region->range, known->first, known->last);
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

/* Functions behind a bridge to PCI share an endpoint. It keeps the limits of all their hosts until
 * the last function is removed. */
static void remove_host(struct endpoint *endpoint)
{
	if (--endpoint->n_hosts)
		return;
	g_array_free(endpoint->host_reserved, true);
	endpoint->host_reserved = NULL;
	endpoint->page_size_mask = 0;
}

static void reserve_holes(struct endpoint *endpoint, GList *ranges)
{
	g_autoptr(GArray) reserved = endpoint_reserved(endpoint);
	g_autoptr(GArray) holes = find_holes(ranges, reserved);

	g_array_append_vals(endpoint->host_reserved, holes->data, holes->len);
}

static bool apply_limits(struct endpoint *endpoint, HostIOMMUDevice *host, Error **errp)
{
	const HostIOMMUDeviceClass *class = HOST_IOMMU_DEVICE_GET_CLASS(host);
	GList *ranges = class->get_iova_ranges ? class->get_iova_ranges(host) : NULL;
	int status;

	if (ranges)
		reserve_holes(endpoint, ranges);
	g_list_free_full(ranges, g_free);
	if (class->get_page_size_mask &&
	    !endpoint_restrict_granule(endpoint, class->get_page_size_mask(host), errp))
		return false;
	status = endpoint_update(endpoint);
	if (status)
		error_setg_errno(errp, -status, "the limits of the host's IOMMU do not fit");
	return !status;
}

bool host_iommu_set(PCIBus *bus, void *opaque, int devfn, HostIOMMUDevice *host, Error **errp)
{
	struct endpoint *endpoint = endpoint_of(opaque, bus->devices[devfn]);
	uint64_t mask_before;
	guint n_before;

	if (!endpoint)
		return true;
	if (!endpoint->host_reserved)
		endpoint->host_reserved = g_array_new(false, false, sizeof(struct viommu_reserved));
	n_before = endpoint->host_reserved->len;
	mask_before = endpoint->page_size_mask;
	endpoint->n_hosts++;
	if (apply_limits(endpoint, host, errp))
		return true;
	g_array_set_size(endpoint->host_reserved, n_before);
	endpoint->page_size_mask = mask_before;
	remove_host(endpoint);
	return false;
}

void host_iommu_unset(PCIBus *bus, void *opaque, int devfn)
{
	struct endpoint *endpoint = endpoint_of(opaque, bus->devices[devfn]);

	if (!endpoint)
		return;
	remove_host(endpoint);
	if (endpoint->id != ENDPOINT_FREE)
		endpoint_update(endpoint);
}
