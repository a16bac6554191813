/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_FUZZ_MEANING_H
#define VIOMMU_FUZZ_MEANING_H

#include <viommu/tables.h>

/* Invariants of every topology, whatever its source. */

/* Its text is read as the same again. */
void meaning_reparse(const struct viommu_topology *topology);

/*
 * A table that can be made of it decodes without an error. To make all of them takes ten times as
 * long as everything else, so a fuzzer has one made: `which` is any number.
 */
void meaning_generate(const struct viommu_topology *topology, size_t which,
		      struct viommu_findings *findings);

/* It answers questions. */
void meaning_resolve(const struct viommu_topology *topology);

/* All of that of what a table means; and it encodes to the bytes that it came from. */
void meaning_of_table(const struct viommu_table *table, const void *bytes, size_t length,
		      struct viommu_findings *findings);

/* Every finding is a line that can be printed. */
void meaning_print(const struct viommu_findings *findings);

#endif
