/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_IVRS_READ_H
#define VIOMMU_TABLES_IVRS_READ_H

#include "base/array.h"
#include "base/hash.h"
#include "ivrs.h"

/* Shared by the files that read an IVRS. */

/* An IOMMU, and its block of the newest type. */
struct ivrs_iommu {
	struct viommu_iommu iommu;
	const struct record *newest;
};

/* Blocks of several types belong to one IOMMU, which its function identifies. */
struct ivrs_reading {
	const struct viommu_table *table;
	struct viommu_topology *topology;
	struct pointers *iommus;        /* of struct ivrs_iommu */
	struct hash *by_function;       /* the same, by segment and BDF */
	struct array *ranges;           /* of struct viommu_pci_range, in the order of the table */
	const struct ivrs_iommu *found; /* the IOMMU whose entries are being read */
	const struct record *start;     /* of the open range, or NULL */
	struct viommu_findings *findings;
};

/* Report that a topology cannot represent this. */
void ivrs_report_unrepresentable(const struct ivrs_reading *reading, const struct record *record,
				 const char *what);

/*
 * read_entries.c: read the entries of an IOMMU; when all are read, add the ranges to the topology.
 */
void ivrs_read_entries(struct ivrs_reading *reading, const struct ivrs_iommu *found);
void ivrs_add_ranges(struct ivrs_reading *reading);

#endif
