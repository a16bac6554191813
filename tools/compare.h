/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_COMPARE_H
#define VIOMMU_TOOLS_COMPARE_H

#include <viommu/diff.h>

#include "command.h"

/*
 * Two machines, map by map
 *
 * Each machine is a table, a folder of tables, or a topology. A map is compared with the map that
 * is from a file of the same name and from the same kind of table, else with one of the same kind.
 * A map that only one machine has is a difference.
 */

struct comparison;

/* A comparison of nothing yet; its readings report to `findings`. */
struct comparison *comparison_new(struct viommu_findings *findings);

/* NULL is fine. */
void comparison_free(struct comparison *comparison);

/*
 * Read the machines before and after; the names end with NULL. Both are read even if the first
 * fails, so that both errors are reported. Returns EXIT_CLEAN, or EXIT_COULD_NOT after reporting
 * what could not be read, on stderr or as a finding.
 */
int comparison_read(struct comparison *comparison, char **before, char **after);

/* Call the function with each difference; those of routes come first in a map. */
typedef void difference_function(void *opaque, const struct viommu_difference *difference);
void comparison_each(struct comparison *comparison, difference_function *each, void *opaque);

/* The maps before: "IORT, a topology". g_free() it. */
char *comparison_maps(const struct comparison *comparison);

#endif
