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

/* A device with registers at `base` is wanted that has this proximity domain (_PXM). */
struct dsdt_device {
	uint64_t base;
	uint32_t domain;
	bool has_domain;
	unsigned n; /* devices with these registers */
};

/*
 * Set `has_domain` of each struct dsdt_device of a hash table by base (hash_number), of which the
 * block has one. Only constants are read: resources and domains that code computes are not.
 */
void dsdt_find_domains(const struct viommu_table *block, const struct hash *devices);

/* The hardware ID of the command queues of an SMMU (CMDQV of Tegra241). */
#define DSDT_QUEUES "NVDA200C"

/* Such a device; its _UID is the identifier of the SMMU's node in the IORT. */
struct dsdt_queues {
	uint32_t identifier, interrupt; /* no interrupt: 0 */
	uint64_t base;
	size_t at;        /* of its _HID, in the block */
	bool is_computed; /* by code, which is not evaluated: nothing else is known */
};

/* Append those of the block as struct dsdt_queues, in its order. */
void dsdt_collect_queues(const struct viommu_table *block, struct array *all);

/* Is it a DSDT or an SSDT? */
static inline bool is_definition_block(const struct viommu_table *table)
{
	return table->format == &dsdt_format || table->format == &ssdt_format;
}

#endif
