/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the devices of a bridge need of its virtual IOMMU
 *
 * A mapping of the guest must be one that the host's IOMMU can make. The limits are those of the
 * physical IOMMU and of the devices' groups, and libviommu, which the QEMU module uses, is asked
 * what an endpoint with them requires.
 */
#include <viommu/device.h>

#include "plan.h"

/* VFIO ignores relaxable regions. */
static void take_group(GArray *reserved, const struct viommu_host_group *group)
{
	const struct viommu_host_region *region;

	for (size_t i = 0; (region = viommu_host_group_region(group, i)); i++) {
		struct viommu_reserved taken = { region->first, region->last,
						 region->type == VIOMMU_HOST_MSI
							 ? VIOMMU_RESV_MEM_MSI
							 : VIOMMU_RESV_MEM_RESERVED };

		if (region->type != VIOMMU_HOST_DIRECT_RELAXABLE && region->first <= region->last)
			g_array_append_val(reserved, taken);
	}
}

static gint compare(gconstpointer a, gconstpointer b)
{
	const struct viommu_reserved *left = a, *right = b;

	return left->first < right->first ? -1 : left->first > right->first;
}

/* libviommu accepts no overlap, and one region for MSIs. */
static GArray *merge(GArray *sorted)
{
	GArray *merged = g_array_new(false, false, sizeof(struct viommu_reserved));
	bool has_msi = false;

	for (guint i = 0; i < sorted->len; i++) {
		struct viommu_reserved next = g_array_index(sorted, struct viommu_reserved, i);
		struct viommu_reserved *last =
			merged->len
				? &g_array_index(merged, struct viommu_reserved, merged->len - 1)
				: NULL;

		if (last && next.first <= last->last) {
			if (next.subtype != last->subtype && last->last < next.last)
				last->subtype = VIOMMU_RESV_MEM_RESERVED;
			last->last = MAX(last->last, next.last);
			continue;
		}
		if (next.subtype == VIOMMU_RESV_MEM_MSI && has_msi)
			next.subtype = VIOMMU_RESV_MEM_RESERVED;
		has_msi |= next.subtype == VIOMMU_RESV_MEM_MSI;
		g_array_append_val(merged, next);
	}
	return merged;
}

static GArray *find_reserved(const struct plan_bridge *bridge)
{
	g_autoptr(GArray) all = g_array_new(false, false, sizeof(struct viommu_reserved));

	for (guint n = 0; n < bridge->ports->len; n++) {
		const struct plan_port *port = bridge->ports->pdata[n];

		for (guint d = 0; d < port->devices->len; d++) {
			const struct viommu_host_device *device =
				g_array_index(port->devices, struct plan_device, d).host;

			if (device->group)
				take_group(all, device->group);
		}
	}
	g_array_sort(all, compare);
	return merge(all);
}

/* The device is configured without limits, and the endpoint has those of the host. */
static void ask(struct plan_needs *needs)
{
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.page_size_mask = needs->page_sizes,
		.input_last = needs->input_last == UINT64_MAX ? 0 : needs->input_last,
		.reserved = (const struct viommu_reserved *)(void *)needs->reserved->data,
		.n_reserved = needs->reserved->len,
		.has_proximity = true,
		.has_ats = true,
	};
	struct viommu_needs answer = { .size = sizeof(answer) };
	struct viommu *device;

	needs->probe_size = VIOMMU_PROBE_SIZE_DEFAULT;
	if (viommu_new(NULL, NULL, NULL, &device))
		return;
	if (!viommu_endpoint_needs(device, &endpoint, &answer)) {
		needs->granule = answer.granule;
		needs->probe_size = MAX(answer.probe_size, VIOMMU_PROBE_SIZE_DEFAULT);
	}
	viommu_free(device);
}

void plan_find_needs(const struct plan_bridge *bridge, struct plan_needs *needs)
{
	unsigned bits = bridge->iommu->input_bits;

	*needs = (struct plan_needs){
		.page_sizes = bridge->iommu->page_sizes,
		.input_last = bits && bits < 64 ? ((uint64_t)1 << bits) - 1 : UINT64_MAX,
		.reserved = find_reserved(bridge),
	};
	ask(needs);
}

void plan_needs_clear(struct plan_needs *needs)
{
	g_array_unref(needs->reserved);
	needs->reserved = NULL;
}
