/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_RESOLVE_H
#define VIOMMU_TABLES_RESOLVE_H

#include <viommu/topology.h>

/* Routing of single devices, and what the Linux readers of different tables share. */

/* Does the range have this function? False for a device that is not on PCI. */
bool range_has(const struct viommu_pci_range *range, const struct viommu_device_name *device);

/* The default ID of a function. */
static inline uint32_t function_id(uint16_t segment, uint16_t bdf)
{
	return (uint32_t)segment << 16 | bdf;
}

/* Is this device the IOMMU itself? */
bool is_itself(const struct viommu_iommu *iommu, const struct viommu_device_name *device);

/* The platform device of that name or address, or NULL. */
const struct viommu_platform_device *find_platform_device(const struct viommu_topology *topology,
							  const struct viommu_device_name *name);

/* No entry decides about the device. */
extern const struct viommu_route route_nothing;

/*
 * The first hop of an entry that names an IOMMU, or NULL for bypass. If the IOMMU does not exist,
 * the entry decides nothing.
 */
struct viommu_route route_to(const struct viommu_topology *topology, const char *iommu, uint64_t id,
			     struct viommu_place place);

/* The same for a function of a range. */
struct viommu_route route_of_range(const struct viommu_topology *topology,
				   const struct viommu_pci_range *range,
				   const struct viommu_device_name *device);

/* The entries that decide about a PCI function; each may be NULL. */
struct matches {
	const struct viommu_pci_range *range;
	const struct viommu_host_bridge *bridge;
	const struct viommu_msi_range *msi; /* of functions, or of IDs behind the IOMMU */
};

/* The first range and the first host bridge that have the function, as on the map. */
struct matches route_matches(const struct viommu_topology *topology,
			     const struct viommu_device_name *device);

/* The first hop; then the hops behind the IOMMU, which need the range of MSIs. */
struct viommu_route route_begin(const struct viommu_topology *topology,
				const struct matches *matches,
				const struct viommu_device_name *device);
void route_continue(const struct viommu_topology *topology, const struct matches *matches,
		    const struct viommu_device_name *device, struct viommu_route *route);

/* The first hop by the specification, for any device. */
struct viommu_route route_specified(const struct viommu_topology *topology,
				    const struct viommu_device_name *device);

/*
 * Resolves a device as Linux does: entry by entry, including overlapping and invalid ones. Sets the
 * first hop only. *ret_why is a static sentence about what Linux does with the device.
 */
typedef struct viommu_route linux_reader(const struct viommu_topology *topology,
					 const struct viommu_device_name *device,
					 const char **ret_why);

#endif
