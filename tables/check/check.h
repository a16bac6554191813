/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_CHECK_H
#define VIOMMU_TABLES_CHECK_H

#include <inttypes.h>

#include <glib.h>

#include "base/array.h"
#include "tables/model/topology.h"

/* Rules of topologies: the state of a check, and the functions that rules share */

/* One rule being checked. */
struct check {
	const struct viommu_topology *topology;
	struct viommu_findings *findings;
	const char *rule_id;
};

/* An object that a finding is about. */
struct subject {
	enum object_type type;
	const void *object;
	size_t order; /* index in its list; of two objects, the later one is reported */
};

/* Report that the object breaks the rule. No argument is used if the findings are full. */
__attribute__((format(printf, 4, 5))) void check_report(const struct check *check,
							const struct subject *subject,
							const char *cure, const char *format, ...);

/* The kind and name of the object, as in "host bridge pcie.0"; free with memory_free(). */
char *subject_describe(const struct subject *subject);

/*
 * claims.c: intervals of numbers that objects claim. Each number of a group has one claimant at
 * most; groups are independent.
 */
struct claim {
	uint64_t group;
	uint64_t first, last;
	struct subject subject;
};

struct array *claims_new(void);
void claims_add(struct array *claims, uint64_t group, uint64_t first, uint64_t last,
		struct subject subject);

/* Report the later of two objects with overlapping claims: `what` they share, and the cure. */
void claims_report_overlaps(const struct check *check, struct array *claims, const char *what,
			    const char *cure);

/* After claims_sort(): the claim of that number in the group, or NULL. */
void claims_sort(struct array *claims);
const struct claim *claim_at(const struct array *claims, size_t i);
const struct claim *claims_find(const struct array *claims, uint64_t group, uint64_t number);

/* The rules of overlap.c; check.c lists all rules. */
void check_bridges_overlap(const struct check *check);
void check_ranges_overlap(const struct check *check);
void check_amd_ranges_overlap(const struct check *check);
void check_functions_twice(const struct check *check);
void check_windows_overlap(const struct check *check);
void check_memory_overlap(const struct check *check);
void check_iommus_outside(const struct check *check);
void check_ranges_outside(const struct check *check);
void check_domains_differ(const struct check *check);

/* ids.c */
void check_ids_twice(const struct check *check);
void check_stream_ids(const struct check *check);
void check_ids_shared(const struct check *check);

/* iommus.c */
void check_hotplug(const struct check *check);
void check_command_queues(const struct check *check);
void check_monitors(const struct check *check);
void check_iommu_cycles(const struct check *check);
void check_registers(const struct check *check);

/* The work of the public functions of these names (tables/public/). */
void topology_check(const struct viommu_topology *topology, struct viommu_findings *findings);

#endif
