/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every rule there is, one row each: what a finding's id leads to
 *
 * A rule is known by its id for ever: it never changes its meaning, and one that is given
 * up is never used again. The severity stands here and nowhere else. Rows are grouped by
 * what they are about, which their prefix says, in the order of the specification.
 *
 * A clause names the source. "text form" is docs/topology.md; "Linux" behaviour is that of
 * the drivers which read the table or drive the device.
 */
#include <string.h>

#include <glib.h>

#include "rules.h"

static const struct viommu_rule rules[] = {
	/* -- input: is there anything to read? ------------------------------------------ */

	{ "input-findings", VIOMMU_NOTE, "viommu",
	  "an input has few enough findings to list them all", NULL },
};

const struct viommu_rule *viommu_rule(size_t i)
{
	return i < G_N_ELEMENTS(rules) ? &rules[i] : NULL;
}

const struct viommu_rule *rule_find(const char *id)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
		if (!strcmp(rules[i].id, id))
			return &rules[i];
	return NULL;
}
