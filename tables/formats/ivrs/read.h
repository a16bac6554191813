/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_IVRS_READ_H
#define VIOMMU_TABLES_IVRS_READ_H

#include "base/array.h"
#include "base/hash.h"
#include "ivrs.h"

/* What the files that say what an IVRS means share. */

/* An IOMMU, and the block of it that counts. */
struct ivrs_found {
	struct viommu_iommu iommu;
	const struct record *newest;
};

/* The IOMMU of a block is known by its function: blocks of several types speak of the same one. */
struct ivrs_reading {
	const struct viommu_table *table;
	struct viommu_topology *topology;
	struct pointers *iommus;        /* of struct ivrs_found */
	struct hash *by_function;       /* the same, by segment and BDF */
	struct array *ranges;           /* of struct viommu_pci_range, in the order of the table */
	const struct ivrs_found *found; /* whose entries are read */
	const struct record *start;     /* of a range that has not ended yet */
	struct viommu_findings *findings;
};

/* Say that a topology has no word for this. */
void ivrs_say_untold(const struct ivrs_reading *reading, const struct record *record,
		     const char *what);

/* ivrs_read_entries.c: read those of an IOMMU; when all are read, put ranges into the topology. */
void ivrs_read_entries(struct ivrs_reading *reading, const struct ivrs_found *found);
void ivrs_add_ranges(struct ivrs_reading *reading);

#endif
