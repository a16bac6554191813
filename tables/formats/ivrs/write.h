/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_IVRS_WRITE_H
#define VIOMMU_TABLES_IVRS_WRITE_H

#include "base/array.h"
#include "base/hash.h"
#include "ivrs.h"
#include "tables/model/topology.h"

/*
 * Generating an IVRS
 *
 * The blocks of one IOMMU have the same device entries at different offsets. So entries are
 * collected first, without offsets, and then written into each of its blocks.
 */
struct ivrs_pending {
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

/* An IOMMU, and the device entries of its blocks. */
struct ivrs_unit {
	struct ivrs_writing *writing;
	const struct viommu_iommu *iommu;
	guint order;           /* index among the units */
	struct array *pending; /* of struct ivrs_pending */
	bool acpi_devices;
	bool alone; /* the only IOMMU of its segment */
};

/*
 * The entries of all IOMMUs are collected before any block is written, because they decide which
 * blocks there are.
 */
struct ivrs_writing {
	struct viommu_table *table;
	const struct viommu_topology *topology;
	const struct viommu_table_header *header; /* what the topology asks for */
	struct pointers *units;                   /* of struct ivrs_unit */
	struct hash *by_name;                     /* the same */
	size_t end;                               /* offset of the next block */
	size_t n_pending;                         /* of all units */
	struct ivrs_pending spare;                /* takes entries beyond the limit */
	bool failed;
	struct viommu_findings *findings;
};

/* The unit of the IOMMU with that name, or NULL. */
struct ivrs_unit *ivrs_unit_of(const struct ivrs_writing *writing, const char *iommu);

/* check_coverage.c: report what is outside of Linux's device table. */
void ivrs_check_coverage(struct ivrs_writing *writing);

/* collect_entries.c: collect the entries of all units. */
void ivrs_collect_entries(struct ivrs_writing *writing);

/*
 * Append a zeroed entry of that type to the unit; valid until the next call. Beyond the limits the
 * entry is never written, and the table fails with a finding.
 */
struct ivrs_pending *ivrs_add_pending(struct ivrs_unit *unit, unsigned type,
				      struct viommu_place place);
void ivrs_clear_pending(void *pending);

/* collect_special.c: collect the entries of what is no PCI function. */
void ivrs_collect_sources(struct ivrs_writing *writing);
void ivrs_collect_devices(struct ivrs_writing *writing);

#endif
