/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/core.h"

/*
 * Constraint classes: the endpoints of a domain with equal input ranges and reserved regions
 *
 * Every MAP is checked against every endpoint of its domain, of which there may be tens of
 * thousands. The VMM configures only a few kinds of them. So the check looks at one endpoint of
 * each class. The granule is not part of it: all endpoints of a domain share one.
 */

/* The subtype does not matter: no region can be mapped. */
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

static void class_create(struct endpoint *endpoint, struct endpoint **at)
{
	endpoint->next_class = *at;
	*at = endpoint;
}

static void class_join(struct endpoint *endpoint, struct endpoint *first)
{
	endpoint->next_in_class = first->next_in_class;
	endpoint->in_class_at = &first->next_in_class;
	if (endpoint->next_in_class)
		endpoint->next_in_class->in_class_at = &endpoint->next_in_class;
	first->next_in_class = endpoint;
}

void classes_add(struct endpoint *endpoint)
{
	endpoint->next_class = endpoint->next_in_class = NULL;
	endpoint->in_class_at = NULL;
	for_each_class(first, endpoint->domain)
	{
		if (!same_constraints(first, endpoint))
			continue;
		class_join(endpoint, first);
		return;
	}
	class_create(endpoint, &endpoint->domain->classes);
}

/* The next endpoint of the class becomes its representative. */
static void class_replace_representative(struct endpoint *endpoint)
{
	struct endpoint **at = &endpoint->domain->classes, *next = endpoint->next_in_class;

	while (*at != endpoint)
		at = &(*at)->next_class;
	*at = endpoint->next_class;
	if (!next)
		return;
	next->in_class_at = NULL;
	class_create(next, at);
}

void classes_remove(struct endpoint *endpoint)
{
	if (!endpoint->in_class_at) {
		class_replace_representative(endpoint);
		return;
	}
	*endpoint->in_class_at = endpoint->next_in_class;
	if (endpoint->next_in_class)
		endpoint->next_in_class->in_class_at = endpoint->in_class_at;
}
