/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_DMAR_WRITE_H
#define VIOMMU_TABLES_DMAR_WRITE_H

#include "base/array.h"
#include "base/hash.h"
#include "dmar.h"
#include "tables/model/topology.h"

/* Shared by the files that write a DMAR. */

struct dmar_unit {
	const struct viommu_iommu *iommu;
	struct record *record;
	bool include_all; /* has INCLUDE_PCI_ALL */
};

/* Units are found by name, and listed so that a topology always gives the same bytes. */
struct dmar_writing {
	struct viommu_table *table;
	const struct viommu_topology *topology;
	struct hash *units;              /* name -> struct dmar_unit */
	struct hash *bridges;            /* segment -> its first host bridge */
	struct pointers *units_in_order; /* struct dmar_unit */
	struct pointers
		*devices;       /* struct viommu_platform_device with a scope, which need an ANDD */
	size_t n_records;       /* scopes and hops of ranges so far */
	bool is_full;           /* their limit is reached, and reported */
	bool remaps_interrupts; /* the head declares interrupt remapping */
	bool failed;
	struct viommu_findings *findings;
};

/* Report an error: generation fails. */
void dmar_report_error(struct dmar_writing *writing, const char *rule_id, struct viommu_place place,
		       const char *cure, const char *text);
void dmar_report_path(struct dmar_writing *writing, struct viommu_place place);

/* A structure of that type with the fields in `host`. The length is set at the end. */
struct record *dmar_new_structure(const struct dmar_writing *writing, unsigned type,
				  const void *host);

/*
 * A scope for one function, or for each function up to `last`, appended to a structure
 * (write_scope.c). False if the path is invalid; the scope is added nevertheless.
 */
struct dmar_target {
	unsigned type; /* enum dmar_scope_type */
	uint32_t flags, number;
	uint16_t bdf;
	const char *path;
};
bool dmar_add_scope(struct record *structure, const struct dmar_target *target);
bool dmar_add_scopes(struct dmar_writing *writing, struct record *structure,
		     struct dmar_target target, uint16_t last);

static inline unsigned dmar_type_of_scope(enum viommu_scope scope)
{
	return scope == VIOMMU_SCOPE_BRIDGE ? DMAR_SCOPE_BRIDGE : DMAR_SCOPE_ENDPOINT;
}

/* All structures but units (write_rmrr_atsr_rhsa.c). */
void dmar_write_other_structures(struct dmar_writing *writing);

#endif
