/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/core.h"

/*
 * Constraint classes: the members of a domain with equal input ranges and reserved regions
 *
 * Every MAP is checked against every endpoint of its domain, attached with or without a PASID.
 * There may be tens of thousands, but VMMs configure few different constraints, so the check visits
 * one member of each class. The granule is not compared: all endpoints of a domain share one.
 */

/* The subtype does not matter: mappings cannot overlap any region. */
static bool same_regions(const struct regions *a, const struct regions *b)
{
	size_t n = a ? a->n : 0;

	if (n != (b ? b->n : 0))
		return false;
	for (size_t i = 0; i < n; i++)
		if (a->region[i].first != b->region[i].first ||
		    a->region[i].last != b->region[i].last)
			return false;
	return true;
}

static bool same_constraints(const struct endpoint *a, const struct endpoint *b)
{
	return a->input_first == b->input_first && a->input_last == b->input_last &&
	       same_regions(atomic_load_explicit(&a->regions, memory_order_relaxed),
			    atomic_load_explicit(&b->regions, memory_order_relaxed));
}

static void class_create(struct member *member, struct member **at)
{
	member->next_class = *at;
	*at = member;
}

static void class_join(struct member *member, struct member *first)
{
	member->next_in_class = first->next_in_class;
	member->in_class_at = &first->next_in_class;
	if (member->next_in_class)
		member->next_in_class->in_class_at = &member->next_in_class;
	first->next_in_class = member;
}

void classes_add(struct domain *domain, struct member *member)
{
	member->next_class = member->next_in_class = NULL;
	member->in_class_at = NULL;
	for_each_class(first, domain)
	{
		if (!same_constraints(first->endpoint, member->endpoint))
			continue;
		class_join(member, first);
		return;
	}
	class_create(member, &domain->classes);
}

/* The next member of the class becomes its representative. */
static void class_replace_representative(struct domain *domain, struct member *member)
{
	struct member **at = &domain->classes, *next = member->next_in_class;

	while (*at != member)
		at = &(*at)->next_class;
	*at = member->next_class;
	if (!next)
		return;
	next->in_class_at = NULL;
	class_create(next, at);
}

void classes_remove(struct domain *domain, struct member *member)
{
	if (!member->in_class_at) {
		class_replace_representative(domain, member);
		return;
	}
	*member->in_class_at = member->next_in_class;
	if (member->next_in_class)
		member->next_in_class->in_class_at = member->in_class_at;
}
