/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_API_QUESTIONS_H
#define VIOMMU_TABLES_API_QUESTIONS_H

#include <viommu/devicetree.h>

/* Queries of a topology: routes of devices, their names, and places */

/* The work of the public functions of these names (tables/public/). */
int topology_find_device(const struct viommu_topology *topology, const char *text,
			 struct viommu_device_name *ret_name);
void topology_resolve(const struct viommu_topology *topology,
		      const struct viommu_device_name *device, struct viommu_route *ret_route,
		      struct viommu_route *ret_linux, const char **ret_why_linux);
size_t input_split(const void *bytes, size_t length, const char *file,
		   bool (*each)(void *opaque, const char *name, const void *table,
				size_t table_length),
		   void *opaque, struct viommu_findings *findings);
size_t input_packs(const void *bytes, size_t length,
		   bool (*each)(void *opaque, const void *pack, size_t pack_length), void *opaque);
char *input_text(const void *bytes, size_t length);
char *kernel_command_line(const struct viommu_topology *topology, struct viommu_findings *findings);

#endif
