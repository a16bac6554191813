/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which IOMMU Linux takes for a device by a device tree
 */
#include "read.h"
#include "tables/model/topology.h"
#include "tables/routes/route.h"

/*
 * The first entry of a map wins, as in the model. What no entry has bypasses: where a map was meant
 * to keep a function out, it lets it in.
 */
struct viommu_route linux_dt(const struct viommu_topology *topology,
			     const struct viommu_device_name *device, const char **ret_why)
{
	struct viommu_route route = route_specified(topology, device);

	if (route.reach != VIOMMU_REACH_IOMMU) {
		*ret_why = "Linux finds no translation for the device in the device tree, and lets "
			   "it bypass";
	} else if (is_itself(route.iommu, device)) {
		route = (struct viommu_route){ .reach = VIOMMU_REACH_BYPASS, .place = route.place };
		*ret_why = "Linux waits for the IOMMU before it starts the IOMMU's own driver, and "
			   "does without when it has waited long enough";
	} else {
		*ret_why = "Linux takes the first entry of the map that has the device";
	}
	return route;
}
