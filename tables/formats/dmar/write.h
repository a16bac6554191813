/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_DMAR_WRITE_H
#define VIOMMU_TABLES_DMAR_WRITE_H

#include "dmar.h"
#include "tables/model/topology.h"

/* A DMAR being made of a topology: what its files have in common. */

struct dmar_unit {
	const struct viommu_iommu *iommu;
	struct record *record;
	bool include_all; /* it has what no scope of its segment names */
};

/*
 * Units are found by name where scopes need them, and kept in order beside that: a hash table has
 * none, and the same topology must give the same bytes.
 */
struct dmar_writing {
	struct viommu_table *table;
	const struct viommu_topology *topology;
	GHashTable *units;         /* name -> struct dmar_unit */
	GHashTable *bridges;       /* segment -> its first host bridge */
	GPtrArray *units_in_order; /* of units */
	GPtrArray *devices;        /* those that have a scope, and need a name */
	size_t n_records;          /* scopes and hops of ranges, so far */
	bool is_full;              /* there were too many of them */
	bool remaps_interrupts;    /* there are sources of interrupts */
	bool failed;
	struct viommu_findings *findings;
};

/* Report an error: then there is no table. */
void dmar_report_error(struct dmar_writing *writing, const char *rule_id, struct viommu_place place,
		       const char *cure, const char *text);
void dmar_report_path(struct dmar_writing *writing, struct viommu_place place);

/* A structure of that type with these fields; its length is filled in at the end. */
struct record *dmar_new_structure(unsigned type, const void *host);

/*
 * Scopes (dmar_scope.c): one function, or the functions up to `last`, at the end of a structure.
 * False if the path is none; the scope is there all the same.
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

/* Everything but the units (dmar_others.c). */
void dmar_write_other_structures(struct dmar_writing *writing);

#endif
