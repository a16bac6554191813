/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_DSDT_H
#define VIOMMU_TABLES_DSDT_H

#include "base/array.h"
#include "base/hash.h"
#include "tables/table/format.h"

/*
 * Definition blocks: which devices of the ACPI namespace are there
 *
 * Their code is not interpreted: it is searched for the definitions of objects.
 */

/* A name of the namespace has four characters, which are one number here. */
static inline uint32_t acpi_name(const char *four)
{
	return (uint32_t)(unsigned char)four[0] | (uint32_t)(unsigned char)four[1] << 8 |
	       (uint32_t)(unsigned char)four[2] << 16 | (uint32_t)(unsigned char)four[3] << 24;
}

/*
 * Add the names of all devices of the block to a set, and those of what devices may be in to
 * another. False: there are more than anything real has, and some are missing.
 */
bool dsdt_collect_names(const struct viommu_table *block, struct hash *devices,
			struct hash *scopes);

/* Is the hardware ID in the block, as text or as the number that it can be packed into? */
bool dsdt_has_hardware_id(const struct viommu_table *block, const char *id);

/*
 * Does a device that has registers at `base` have that proximity domain (_PXM)? Only constants are
 * read: resources and domains that code computes are not.
 */
bool dsdt_has_domain(const struct viommu_table *block, uint64_t base, uint32_t domain);

#endif
