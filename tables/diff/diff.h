/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_DIFF_H
#define VIOMMU_TABLES_DIFF_H

#include <glib.h>

#include <viommu/diff.h>
#include <viommu/tables.h>

#include "base/array.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "tables/text/text.h"

/* A comparison in progress: both sides, and the differences so far. */

enum { BEFORE, AFTER, N_SIDES };

struct viommu_diff {
	const struct viommu_topology *sides[N_SIDES];
	struct hash *names[N_SIDES]; /* object -> its common name (names.c) */
	bool has_msis;               /* both sides can describe where MSIs go */
	struct array *list;          /* struct viommu_difference */
	struct string_store *strings;
};

/* The value of an object without further properties. */
#define DIFF_THERE "there"

/* Add a difference; its strings are copied. */
void diff_add(struct viommu_diff *diff, const struct viommu_difference *difference);

/*
 * Give common names to objects that others refer to: equal objects get the name that they have in
 * the side before, which no other object has.
 */
void diff_name(struct viommu_diff *diff);

/* The common name of an object of that type that a side calls `name`; NULL for NULL. */
const char *diff_common(const struct viommu_diff *diff, int side, enum object_type type,
			const char *name);

/* The keys of these names, up to a NULL, of the type: struct text_key. */
struct pointers *diff_keys(enum object_type type, const char *const *names);

/* Append the values of these keys of an object. */
void diff_identify(struct strbuf *identity, const struct pointers *keys, const void *object);

/* Compare routes of functions; then platform devices and all other objects. */
void diff_functions(struct viommu_diff *diff);
void diff_objects(struct viommu_diff *diff);

/* The work of the public functions of these names (tables/public/). */
struct viommu_diff *topology_diff(const struct viommu_topology *before,
				  const struct viommu_topology *after);
char *difference_line(const struct viommu_difference *difference);

void table_compare(const struct viommu_table *table, const struct viommu_topology *topology,
		   struct viommu_findings *findings);

#endif
