/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_IVRS_WRITE_H
#define VIOMMU_TABLES_IVRS_WRITE_H

#include "base/array.h"
#include "base/hash.h"
#include "ivrs.h"
#include "tables/model/topology.h"

/*
 * An IVRS in the making
 *
 * Blocks of one IOMMU have the same device entries at different offsets. So entries are gathered
 * first, as items without a place, and then written into each of its blocks.
 */
struct ivrs_item {
	unsigned type;
	union {
		struct ivrs_plain plain;
		struct ivrs_alias alias;
		struct ivrs_extended extended;
		struct ivrs_special special;
		struct ivrs_hid hid;
	} host;
	struct bytes *uid; /* of an ACPI device, or NULL */
	struct viommu_place place;
};

/* An IOMMU that has blocks, and the device entries in them. */
struct ivrs_unit {
	struct ivrs_writing *writing;
	const struct viommu_iommu *iommu;
	guint order;         /* among the units */
	struct array *items; /* of struct ivrs_item */
	bool acpi_devices;
	bool alone; /* in its segment */
};

/*
 * Entries are gathered for all IOMMUs first, since each may have up to three blocks that need them.
 */
struct ivrs_writing {
	struct viommu_table *table;
	const struct viommu_topology *topology;
	const struct viommu_table_header *header; /* what the topology asks for */
	struct pointers *units;                   /* of struct ivrs_unit */
	struct hash *by_name;                     /* the same */
	size_t end;                               /* where the next block would be */
	size_t n_items;                           /* of all units */
	struct ivrs_item spare;                   /* stands for those that have no room */
	bool failed;
	struct viommu_findings *findings;
};

/* The unit of the IOMMU with that name, or NULL. */
struct ivrs_unit *ivrs_unit_of(const struct ivrs_writing *writing, const char *iommu);

/* ivrs_listed.c: look for what Linux would not find room for. */
void ivrs_look_at_entries(struct ivrs_writing *writing);

/* ivrs_gather.c: fill the items of all units from the topology. */
void ivrs_gather(struct ivrs_writing *writing);

/*
 * A new item behind those of the unit, all zero but for its type. It stays there till the next.
 * What has no room any more is never written, and the table has failed then, with a finding.
 */
struct ivrs_item *ivrs_add_item(struct ivrs_unit *unit, unsigned type, struct viommu_place place);
void ivrs_clear_item(void *item);

/* ivrs_gather_others.c: items for what is no PCI function. */
void ivrs_gather_sources(struct ivrs_writing *writing);
void ivrs_gather_devices(struct ivrs_writing *writing);

#endif
