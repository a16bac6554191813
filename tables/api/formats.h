/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_API_FORMATS_H
#define VIOMMU_TABLES_API_FORMATS_H

#include "tables/table/format.h"

/* The list of formats, and decoding, checking and generating through it */

/* The i-th format, or NULL behind the last one. */
const struct format *format_get(size_t i);

/*
 * The function that resolves devices as Linux does for the table that the topology was read from,
 * or NULL.
 */
linux_reader *linux_reader_of(const struct viommu_topology *topology);

/* The work of the public functions of these names (tables/public/). */
struct viommu_table *table_decode(const void *bytes, size_t length, const char *file,
				  struct viommu_findings *findings);
struct viommu_table *table_decode_as(const char *signature, const void *bytes, size_t length,
				     const char *file, struct viommu_findings *findings);
void table_check(const struct viommu_table *table, struct viommu_findings *findings);
struct viommu_topology *table_topology(const struct viommu_table *table,
				       struct viommu_findings *findings);
struct viommu_table *table_generate(const struct viommu_topology *topology, const char *signature,
				    struct viommu_findings *findings);
struct viommu_table *table_generate_for(const struct viommu_topology *topology,
					const char *signature, const char *iommu,
					struct viommu_findings *findings);
bool table_extend(struct viommu_table *table, const struct viommu_topology *topology,
		  struct viommu_findings *findings);

#endif
