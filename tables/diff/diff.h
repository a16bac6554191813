/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_DIFF_H
#define VIOMMU_TABLES_DIFF_H

#include <glib.h>

#include <viommu/diff.h>

#include "base/array.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "tables/text/text.h"

/* A comparison under way: both sides, and what was found so far. */

enum { BEFORE, AFTER, N_SIDES };

struct viommu_diff {
	const struct viommu_topology *sides[N_SIDES];
	struct hash *names[N_SIDES]; /* object -> what both sides call it (diff_names.c) */
	bool has_msis;               /* both sides might say where MSIs go */
	struct array *list;          /* struct viommu_difference */
	struct string_store *strings;
};

/* How an object is of which there is nothing to say but that. */
#define DIFF_THERE "there"

/* Add a difference; its strings are copied. */
void diff_add(struct viommu_diff *diff, const struct viommu_difference *difference);

/*
 * Give objects that others refer to their common names: those that are the same on both sides have
 * the name of the side before; no other has that name.
 */
void diff_name(struct viommu_diff *diff);

/* The common name of an object of that type which a side calls `name`; NULL is NULL. */
const char *diff_common(const struct viommu_diff *diff, int side, enum object_type type,
			const char *name);

/* What the keys with these names say of an object, as one string. memory_free() it. */
char *diff_identity(enum object_type type, const void *object, const char *const *keys);

/* Compare which way functions go; then platform devices, and all other objects. */
void diff_functions(struct viommu_diff *diff);
void diff_objects(struct viommu_diff *diff);

#endif
