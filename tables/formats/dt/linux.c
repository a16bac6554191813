/* SPDX-License-Identifier: BSD-3-Clause */
/* Which IOMMU Linux uses for a device of a device tree */
#include "read.h"
#include "tables/model/topology.h"
#include "tables/routes/route.h"

/*
 * As in the model, the first matching entry of a map counts. A function without an entry bypasses.
 */
struct viommu_route linux_dt(const struct viommu_topology *topology,
			     const struct viommu_device_name *device, const char **ret_why)
{
	struct viommu_route route = route_specified(topology, device);

	if (route.reach != VIOMMU_REACH_IOMMU) {
		*ret_why = "the device tree has no entry for the device, so Linux lets it bypass";
	} else if (is_itself(route.iommu, device)) {
		route = (struct viommu_route){ .reach = VIOMMU_REACH_BYPASS, .place = route.place };
		*ret_why = "Linux defers the IOMMU's own driver until the IOMMU is ready, and "
			   "continues "
			   "without it after a timeout";
	} else {
		*ret_why = "Linux uses the first entry of the map that matches the device";
	}
	return route;
}
