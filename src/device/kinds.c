/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/core.h"

/*
 * Endpoints of a domain that are alike in what can be mapped for them
 *
 * Every MAP is checked against every endpoint of its domain, of which there may be tens of
 * thousands. But they are of a few kinds, which the VMM makes: so of each kind one endpoint stands
 * for all, and a guest that puts everything into one domain does not make each MAP walk through
 * it. The granule is the domain's.
 */

/* Whatever they are for, nothing can be mapped there. */
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

static bool alike(const struct endpoint *a, const struct endpoint *b)
{
	return a->input_first == b->input_first && a->input_last == b->input_last &&
	       same_regions(atomic_load_explicit(&a->regions, memory_order_relaxed),
			    atomic_load_explicit(&b->regions, memory_order_relaxed));
}

static void stand_for_kind(struct endpoint *endpoint, struct endpoint **at)
{
	endpoint->next_kind = *at;
	*at = endpoint;
}

/* Behind the one that stands for the kind. */
static void stand_behind(struct endpoint *endpoint, struct endpoint *first)
{
	endpoint->next_like = first->next_like;
	endpoint->like_at = &first->next_like;
	if (endpoint->next_like)
		endpoint->next_like->like_at = &endpoint->next_like;
	first->next_like = endpoint;
}

void kinds_add(struct endpoint *endpoint)
{
	endpoint->next_kind = endpoint->next_like = NULL;
	endpoint->like_at = NULL;
	for_each_kind(first, endpoint->domain)
	{
		if (!alike(first, endpoint))
			continue;
		stand_behind(endpoint, first);
		return;
	}
	stand_for_kind(endpoint, &endpoint->domain->kinds);
}

/* The next one alike takes the place of one that stood for its kind. */
static void succeed(struct endpoint *endpoint)
{
	struct endpoint **at = &endpoint->domain->kinds, *next = endpoint->next_like;

	while (*at != endpoint)
		at = &(*at)->next_kind;
	*at = endpoint->next_kind;
	if (!next)
		return;
	next->like_at = NULL;
	stand_for_kind(next, at);
}

void kinds_remove(struct endpoint *endpoint)
{
	if (!endpoint->like_at) {
		succeed(endpoint);
		return;
	}
	*endpoint->like_at = endpoint->next_like;
	if (endpoint->next_like)
		endpoint->next_like->like_at = endpoint->like_at;
}
