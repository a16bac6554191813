/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TESTS_REFUSED_RIG_H
#define VIOMMU_TESTS_REFUSED_RIG_H

#include "topology_rig.h"

/* The name of a file without its suffix is the id of a rule. */
static inline void assert_rule(const char *file)
{
	const struct viommu_rule *rule;
	size_t length = strcspn(file, ".");

	for (size_t i = 0; (rule = viommu_rule(i)); i++)
		if (strlen(rule->id) == length && !strncmp(rule->id, file, length))
			return;
	fail_msg("%s is not named after a rule", file);
}

#endif
