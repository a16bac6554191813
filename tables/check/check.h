/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_CHECK_H
#define VIOMMU_TABLES_CHECK_H

#include <inttypes.h>

#include <glib.h>

#include "base/array.h"
#include "tables/model/topology.h"

/* One rule being checked. */
struct check {
	const struct viommu_topology *topology;
	struct viommu_findings *findings;
	const char *rule_id;
};

/* An object, to be spoken of. */
struct subject {
	enum object_type type;
	const void *object;
	size_t order; /* in its list: of two, the later one is the one to blame */
};

/* Report that the object breaks the rule. */
__attribute__((format(printf, 4, 5))) void check_blame(const struct check *check,
						       const struct subject *subject,
						       const char *cure, const char *format, ...);

/* What a person would call the object: "host bridge pcie.0"; to be freed with memory_free(). */
char *subject_describe(const struct subject *subject);

/*
 * check_overlap.c: numbers that an object claims. Within a group no number may be claimed
 * twice; groups have nothing to do with each other.
 */
struct claim {
	uint64_t group;
	uint64_t first, last;
	struct subject subject;
};

struct array *claims_new(void);
void claims_add(struct array *claims, uint64_t group, uint64_t first, uint64_t last,
		struct subject subject);

/* Blame the later of two objects that claim the same: `what` they share, and the cure. */
void claims_blame_overlaps(const struct check *check, struct array *claims, const char *what,
			   const char *cure);

/* After claims_sort(): does anybody in the group claim the number? Who, or NULL. */
void claims_sort(struct array *claims);
const struct claim *claims_find(const struct array *claims, uint64_t group, uint64_t number);

/* The rules of check_overlap.c; check.c has the list of all. */
void check_bridges_overlap(const struct check *check);
void check_ranges_overlap(const struct check *check);
void check_functions_twice(const struct check *check);
void check_windows_overlap(const struct check *check);
void check_memory_overlap(const struct check *check);
void check_iommus_outside(const struct check *check);
void check_ranges_outside(const struct check *check);
void check_domains_differ(const struct check *check);

/* check_ids.c */
void check_ids_twice(const struct check *check);
void check_ids_shared(const struct check *check);

#endif
