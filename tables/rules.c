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

	/* -- text: can the text form be read? (docs/topology.md) -------------------------- */

	{ "text-limits", VIOMMU_ERROR, "text form, \"Limits\"",
	  "a text has at most 64 MiB, nests at most 8 deep, and a value has at most 1024 bytes",
	  NULL },
	{ "text-yaml", VIOMMU_ERROR, "YAML 1.1",
	  "a text is YAML", NULL },
	{ "text-plain", VIOMMU_ERROR, "text form, \"Limits\"",
	  "a text is one document without anchors, aliases and tags", NULL },
	{ "text-version", VIOMMU_ERROR, "text form, \"Version\"",
	  "a text begins with `viommu: 1`", NULL },
	{ "text-type", VIOMMU_ERROR, "text form",
	  "lists, mappings and values stand where the form has them", NULL },
	{ "text-key", VIOMMU_ERROR, "text form",
	  "a key is one that the form has there", NULL },
	{ "text-key-twice", VIOMMU_ERROR, "text form",
	  "a key stands once in its mapping", NULL },
	{ "text-key-missing", VIOMMU_ERROR, "text form",
	  "a key that an object needs is there", NULL },
	{ "text-key-misplaced", VIOMMU_ERROR, "text form",
	  "a key has a meaning for the object it stands in", NULL },
	{ "text-value", VIOMMU_ERROR, "text form, \"Values\"",
	  "a value is written as its key has it", NULL },
	{ "text-value-range", VIOMMU_ERROR, "text form, \"Values\"",
	  "a value is within the limits of its key", NULL },
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
