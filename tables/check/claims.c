/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Claimed intervals: which objects claim the same number
 *
 * Claims are sorted once by group and number. One walk then finds each claim that begins before an
 * earlier one of its group has ended, so a rule costs O(n log n) and reports each object once.
 */
#include "base/array.h"
#include "check.h"
#include "tables/findings/findings.h"

/* Each object is reported once, even if it overlaps many others. */
struct overlaps {
	const struct check *check;
	const char *what, *cure;
	bool *reported; /* by index and type: objects that have been reported */
};

/* An interval can be of buses in a segment, of IDs of an IOMMU, or of addresses. */
struct array *claims_new(void)
{
	return array_new(sizeof(struct claim));
}

void claims_add(struct array *claims, uint64_t group, uint64_t first, uint64_t last,
		struct subject subject)
{
	struct claim new = { group, first, last, subject };

	array_append(claims, new);
}

/* A difference of 64 bits does not fit into an int. */
static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* By group and start; the other keys make the order of findings the same on every host. */
static gint compare_claims(gconstpointer a, gconstpointer b)
{
	const struct claim *one = a, *other = b;
	int order = compare(one->group, other->group);

	if (!order)
		order = compare(one->first, other->first);
	if (!order)
		order = compare(one->subject.type, other->subject.type);
	return order ? order : compare(one->subject.order, other->subject.order);
}

/* Sorting makes overlapping claims neighbors. */
void claims_sort(struct array *claims)
{
	array_sort(claims, compare_claims);
}

const struct claim *claim_at(const struct array *claims, size_t i)
{
	return &array_index(claims, struct claim, i);
}

/*
 * Binary search for the last claim that starts at or before the number. An earlier, longer claim
 * may be missed if claims overlap, which another rule reports.
 */
const struct claim *claims_find(const struct array *claims, uint64_t group, uint64_t number)
{
	size_t low = 0, high = claims->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct claim *c = claim_at(claims, middle);

		if (c->group < group || (c->group == group && c->first <= number))
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || claim_at(claims, low - 1)->group != group ||
	    claim_at(claims, low - 1)->last < number)
		return NULL;
	return claim_at(claims, low - 1);
}

/* By place in the file, then by type and index. */
static bool is_later(const struct subject *a, const struct subject *b)
{
	const struct viommu_place *one = object_place(a->type, a->object);
	const struct viommu_place *other = object_place(b->type, b->object);
	int order = compare(one->line, other->line);

	if (!order)
		order = compare(one->column, other->column);
	if (!order)
		order = compare(one->at, other->at);
	if (!order)
		order = compare(a->type, b->type);
	return (order ? order : compare(a->order, b->order)) > 0;
}

/* A range over many segments overlaps the same object in each of them, but is reported once. */
static void report_overlap(struct overlaps *overlaps, const struct claim *a, const struct claim *b)
{
	bool a_is_later = is_later(&a->subject, &b->subject);
	const struct subject *later = a_is_later ? &a->subject : &b->subject;
	const struct subject *earlier = a_is_later ? &b->subject : &a->subject;
	bool *reported = &overlaps->reported[later->order * N_OBJECT_TYPES + later->type];
	auto_free char *one = NULL, *other = NULL;

	if (*reported)
		return;
	*reported = true;
	if (!findings_are_full(overlaps->check->findings)) {
		one = subject_describe(later);
		other = subject_describe(earlier);
	}
	check_report(overlaps->check, later, overlaps->cure, "%s and %s %s", one, other,
		     overlaps->what);
}

static bool *new_reported(const struct array *claims)
{
	size_t n = 0;

	for (size_t i = 0; i < claims->len; i++)
		n = MAX(n, claim_at(claims, i)->subject.order + 1);
	return memory_new(bool, n *N_OBJECT_TYPES);
}

/*
 * Comparing with the claim that reaches furthest is enough: what overlaps any earlier claim
 * overlaps that one.
 */
void claims_report_overlaps(const struct check *check, struct array *claims, const char *what,
			    const char *cure)
{
	struct overlaps overlaps = { check, what, cure, new_reported(claims) };
	const struct claim *open = NULL;

	claims_sort(claims);
	for (size_t i = 0; i < claims->len; i++) {
		const struct claim *c = claim_at(claims, i);

		if (open && open->group == c->group && c->first <= open->last)
			report_overlap(&overlaps, open, c);
		if (!open || open->group != c->group || c->last > open->last)
			open = c;
	}
	memory_free(overlaps.reported);
	array_free(claims);
}
