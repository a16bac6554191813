/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_RESOLVE_H
#define VIOMMU_TABLES_RESOLVE_H

#include <viommu/topology.h>

/* What readers of different tables share, to say which IOMMU a device reaches. */

/* Has the range this function? False for what is not PCI. */
bool range_has(const struct viommu_pci_range *range, const struct viommu_device_name *device);

/* How a function is numbered where nobody says otherwise. */
static inline uint32_t function_id(uint16_t segment, uint16_t bdf)
{
	return (uint32_t)segment << 16 | bdf;
}

/* Is this device the IOMMU itself? */
bool is_itself(const struct viommu_iommu *iommu, const struct viommu_device_name *device);

/* The platform device that is called so, or NULL. */
const struct viommu_platform_device *find_platform_device(const struct viommu_topology *topology,
							  const struct viommu_device_name *name);

/* Nobody says anything. */
extern const struct viommu_route route_nothing;

/*
 * What an entry says that names an IOMMU, or NULL for one that bypasses: the first hop. The name of
 * an IOMMU that there is not says nothing.
 */
struct viommu_route route_to(const struct viommu_topology *topology, const char *iommu, uint64_t id,
			     struct viommu_place place);

/* The same of a range, for a function that it has. */
struct viommu_route route_of_range(const struct viommu_topology *topology,
				   const struct viommu_pci_range *range,
				   const struct viommu_device_name *device);

/* Everything that decides about a PCI function; each may be NULL. */
struct deciders {
	const struct viommu_pci_range *range;
	const struct viommu_host_bridge *bridge;
	const struct viommu_msi_range *msi; /* of functions, or of IDs behind the IOMMU */
};

/* The first range and the first host bridge that has the function, as on the map. */
struct deciders route_deciders(const struct viommu_topology *topology,
			       const struct viommu_device_name *device);

/* The first hop, to an IOMMU; then the others, for which the range of MSIs has to be known. */
struct viommu_route route_begin(const struct viommu_topology *topology,
				const struct deciders *deciders,
				const struct viommu_device_name *device);
void route_go_on(const struct viommu_topology *topology, const struct deciders *deciders,
		 const struct viommu_device_name *device, struct viommu_route *route);

/* The first hop as the specification has it, for any device. */
struct viommu_route route_specified(const struct viommu_topology *topology,
				    const struct viommu_device_name *device);

/*
 * A format's reader as Linux reads its table: entry after entry, as each driver does where entries
 * overlap or make no sense. It answers the first hop only. *ret_why is a sentence with static
 * storage about what Linux does with this device.
 */
typedef struct viommu_route linux_reader(const struct viommu_topology *topology,
					 const struct viommu_device_name *device,
					 const char **ret_why);

#endif
