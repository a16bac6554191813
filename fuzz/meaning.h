/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_FUZZ_MEANING_H
#define VIOMMU_FUZZ_MEANING_H

#include <viommu/tables.h>

/* What must hold of every topology, wherever it came from. */

/* Its text is read as the same again. */
void meaning_say_again(const struct viommu_topology *topology);

/* Every table that can be made of it decodes without an error. */
void meaning_make_all(const struct viommu_topology *topology, struct viommu_findings *findings);

/* It answers questions. */
void meaning_ask(const struct viommu_topology *topology);

#endif
